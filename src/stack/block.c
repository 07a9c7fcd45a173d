/* Blocking: see block.h. */
#include "stack/block.h"

#include <mnet/packet.h>

/* Not inline: a compiler that sees a list refer to a local variable warns, for it does not see that
 * mn_block_end removes the reference. */
MN_APART void mn_block_begin(struct mn_blocked *blocked, struct mnet_link *list)
{
    MN_DEBUG_ASSERT(!mn_list_linked(&blocked->link) || blocked->link.next != NULL);
    *blocked = (struct mn_blocked){.task = mnet_self()};
    mn_list_append(list, &blocked->link);
}

void mn_block_end(struct mn_blocked *blocked)
{
    mn_list_remove(&blocked->link); /* which is in no list any more if the object is gone */
    MN_DEBUG_ASSERT(!mn_list_linked(&blocked->link));
}

int mn_block(struct mn_blocked *blocked, uint64_t deadline)
{
    MN_DEBUG_ASSERT(mn_list_linked(&blocked->link));
    if (deadline == 0 || blocked->task == NULL)
        return MNET_E_DEADLINE;
    int error = mn_wait(NULL, deadline);
    return blocked->gone ? MNET_E_CLOSED : error;
}

int mn_block_once(struct mnet_link *list, uint64_t deadline)
{
    struct mn_blocked blocked;
    mn_block_begin(&blocked, list);
    int error = mn_block(&blocked, deadline);
    mn_block_end(&blocked);
    return error;
}

static struct mn_blocked *blocked_of(struct mnet_link *node)
{
    return MN_CONTAINER(node, struct mn_blocked, link);
}

void mn_block_wake_first(struct mnet_link *list)
{
    struct mnet_link *node = mn_list_first(list);
    if (node != NULL)
        mn_wake(blocked_of(node)->task);
}

void mn_block_wake_all(struct mnet_link *list)
{
    if (mn_list_empty(list))
        return;
    for (struct mnet_link *node = list->next; node != list; node = node->next)
        mn_wake(blocked_of(node)->task);
}

void mn_block_wake_gone(struct mnet_link *list)
{
    for (struct mnet_link *node; (node = mn_list_take(list)) != NULL;) {
        struct mn_blocked *blocked = blocked_of(node);
        blocked->gone = true;
        mnet_buffer_free(blocked->lent);
        blocked->lent = NULL;
        mn_wake(blocked->task);
    }
    MN_DEBUG_ASSERT(mn_list_empty(list));
}
