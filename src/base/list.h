/* Doubly linked intrusive lists with a head node. A zeroed node is in no list. A zeroed head is
 * empty, and an empty head is zeroed: that is one comparison. */
#ifndef MN_LIST_H
#define MN_LIST_H

#include <mnet/link.h>

#include "base/check.h"

inline void mn_list_init(struct mnet_link *head)
{
    head->next = head->prev = NULL;
}

inline bool mn_list_empty(const struct mnet_link *head)
{
    return head->next == NULL;
}

inline bool mn_list_linked(const struct mnet_link *node)
{
    return node->next != NULL;
}

/* `position` is a node in a list, or the head of one that is not empty. */
inline void mn_list_insert_before(struct mnet_link *position, struct mnet_link *node)
{
    MN_CHECK(MN_ASSERT(!mn_list_linked(node) && position->prev->next == position));
    node->next = position;
    node->prev = position->prev;
    position->prev->next = node;
    position->prev = node;
}

inline void mn_list_append(struct mnet_link *head, struct mnet_link *node)
{
    if (head->next != NULL) {
        mn_list_insert_before(head, node);
        return;
    }
    MN_CHECK(MN_ASSERT(!mn_list_linked(node)));
    head->next = head->prev = node;
    node->next = node->prev = head;
}

inline void mn_list_prepend(struct mnet_link *head, struct mnet_link *node)
{
    if (head->next != NULL)
        mn_list_insert_before(head->next, node);
    else
        mn_list_append(head, node);
}

/* Does nothing if the node is in no list. */
inline void mn_list_remove(struct mnet_link *node)
{
    struct mnet_link *next = node->next, *prev = node->prev;
    if (next == NULL)
        return;
    MN_CHECK(MN_ASSERT(prev->next == node && next->prev == node));
    if (next == prev) { /* the head, which is empty now */
        next->next = next->prev = NULL;
    } else {
        prev->next = next;
        next->prev = prev;
    }
    node->next = node->prev = NULL;
}

/* Return the first (last) node, or NULL if there is none. */
inline struct mnet_link *mn_list_first(const struct mnet_link *head)
{
    return head->next;
}

inline struct mnet_link *mn_list_last(const struct mnet_link *head)
{
    return head->prev;
}

/* Returns the first node, or the head if there is none, which ends a walk. */
inline struct mnet_link *mn_list_begin(const struct mnet_link *head)
{
    return head->next != NULL ? head->next : (struct mnet_link *)(uintptr_t)head;
}

/* Removes and returns the first node. Returns NULL if there is none. */
inline struct mnet_link *mn_list_take(struct mnet_link *head)
{
    struct mnet_link *node = head->next;
    if (node != NULL)
        mn_list_remove(node);
    return node;
}

#endif
