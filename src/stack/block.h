/* Blocking: how a task waits for something of a stack that may be closed under it.
 *
 * A record of the wait lives on the waiting task's stack, threaded on the flow, listener, endpoint or stack that it
 * waits for. Whoever closes that object marks the records first; a marked task touches nothing of the object when it
 * runs again, so that the object's memory can go at once.
 *
 * A blocking call is one loop: try the engine; done? return; else wait, and return what is wrong with that, or try
 * again. Where the tasks that wait for an object are served in order (writers, acceptors, receivers), the record
 * stays in the list for the whole call and only the first may try; it wakes the next one when it leaves, so that no
 * event is lost with a task that was cancelled.
 */
#ifndef MN_BLOCK_H
#define MN_BLOCK_H

#include "base/list.h"
#include "task/scheduler.h"

struct mn_blocked {
    struct mnet_link link;
    struct mnet_task *task;   /* NULL outside tasks */
    bool gone;                /* what the task waits for is closed, its memory may be gone */
    struct mnet_buffer *lent; /* of a zero-copy write: dropped by whoever closes the flow; NULL for other waits */
};

void mn_block_begin(struct mn_blocked *blocked, struct mnet_link *list);

/* Suspends until woken (0), closed (MNET_E_CLOSED, and blocked->gone is set), MNET_E_DEADLINE or MNET_E_CANCELLED.
 * Outside tasks, and with deadline 0, returns MNET_E_DEADLINE at once. MNET_E_CLOSED has no other meaning here: touch
 * nothing of the object then. */
int mn_block(struct mn_blocked *blocked, uint64_t deadline);

void mn_block_end(struct mn_blocked *blocked);

/* The three together, for waits without an order. */
int mn_block_once(struct mnet_link *list, uint64_t deadline);

/* Whether the record is the oldest in its list. */
static inline bool mn_block_is_first(const struct mn_blocked *blocked, const struct mnet_link *list)
{
    return list->next == &blocked->link;
}

/* Lets the longest waiting task, or all of them, try again. */
void mn_block_wake_first(struct mnet_link *list);
void mn_block_wake_all(struct mnet_link *list);
/* Marks and wakes all, leaving the list empty. */
void mn_block_wake_gone(struct mnet_link *list);

#endif
