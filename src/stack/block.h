/* Blocking: how a task waits for a part of a stack that may be closed meanwhile.
 *
 * A record of the wait lies on the waiting task's stack, in a list of the flow, listener, endpoint
 * or stack that the task waits for. Whoever closes that object marks the records first. A marked
 * task touches nothing of the object when it runs again, so the object's memory can go at once.
 *
 * A blocking call is one loop: it tries the engine, and returns if that is enough. Otherwise it
 * waits, and returns the error of the wait or tries again. If the tasks that wait for an object are
 * served in order (writers, acceptors, receivers), the record stays in the list for the whole call,
 * and only the first task may try. It wakes the next one when it leaves, so no event is lost with a
 * task that was cancelled.
 */
#ifndef MN_BLOCK_H
#define MN_BLOCK_H

#include "base/list.h"
#include "task/scheduler.h"

struct mn_blocked {
    struct mnet_link link;
    struct mnet_task *task;   /* NULL outside tasks */
    bool gone;                /* the object is closed, its memory may be gone */
    struct mnet_buffer *lent; /* of a zero-copy write, dropped when the flow closes; else NULL */
};

void mn_block_begin(struct mn_blocked *blocked, struct mnet_link *list);

/* Suspends. Returns 0 if the task was woken, MNET_E_CLOSED if the object was closed (blocked->gone
 * is set, and nothing of the object may be touched), MNET_E_DEADLINE or MNET_E_CANCELLED. Outside
 * tasks, and with deadline 0, it returns MNET_E_DEADLINE at once. */
int mn_block(struct mn_blocked *blocked, uint64_t deadline);

void mn_block_end(struct mn_blocked *blocked);

/* Does all three, for waits without an order. */
int mn_block_once(struct mnet_link *list, uint64_t deadline);

/* Returns true if the record is the oldest in its list. */
static inline bool mn_block_is_first(const struct mn_blocked *blocked, const struct mnet_link *list)
{
    return list->next == &blocked->link;
}

/* Wakes the task that has waited longest, or all of them. */
void mn_block_wake_first(struct mnet_link *list);
void mn_block_wake_all(struct mnet_link *list);
/* Marks the records gone and wakes all tasks. The list is empty then. */
void mn_block_wake_gone(struct mnet_link *list);

#endif
