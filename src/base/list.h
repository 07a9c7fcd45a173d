/* Doubly linked intrusive lists with a head node. A zeroed node is in no list; a zeroed head is
 * empty. */
#ifndef MN_LIST_H
#define MN_LIST_H

#include <mnet/link.h>

#include "base/check.h"

inline void mn_list_init(struct mnet_link *head)
{
    head->next = head->prev = head;
}

inline bool mn_list_empty(const struct mnet_link *head)
{
    return head->next == NULL || head->next == head;
}

inline bool mn_list_linked(const struct mnet_link *node)
{
    return node->next != NULL;
}

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
    if (head->next == NULL)
        mn_list_init(head);
    mn_list_insert_before(head, node);
}

inline void mn_list_prepend(struct mnet_link *head, struct mnet_link *node)
{
    if (head->next == NULL)
        mn_list_init(head);
    mn_list_insert_before(head->next, node);
}

/* Does nothing if the node is in no list. */
inline void mn_list_remove(struct mnet_link *node)
{
    if (node->next == NULL)
        return;
    MN_CHECK(MN_ASSERT(node->prev->next == node && node->next->prev == node));
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = NULL;
}

inline struct mnet_link *mn_list_first(const struct mnet_link *head)
{
    return mn_list_empty(head) ? NULL : head->next;
}

inline struct mnet_link *mn_list_last(const struct mnet_link *head)
{
    return mn_list_empty(head) ? NULL : head->prev;
}

/* Removes and returns the first node. Returns NULL if there is none. */
inline struct mnet_link *mn_list_take(struct mnet_link *head)
{
    struct mnet_link *node = mn_list_first(head);
    if (node != NULL)
        mn_list_remove(node);
    return node;
}

#endif
