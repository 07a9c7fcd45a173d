/* The scheduler of tasks, as ports and the stack see it.
 *
 * One scheduler runs at a time in a thread; it is what mnet_spawn and the others find their context in. It knows no clock of its own: whoever runs
 * it says what time it is.
 */
#ifndef MN_SCHEDULER_H
#define MN_SCHEDULER_H

#include <mnet/task.h>

#include "base/base.h"

/* Where task stacks come from. A port with virtual memory puts a guard page below each. */
struct mn_task_stacks {
    /* `size` usable bytes, 16-byte aligned; returns the lowest usable address, or NULL. */
    void *(*alloc)(void *context, size_t size);
    void (*free)(void *context, void *lowest, size_t size);
    void *context;
    size_t size; /* of every stack; 0: 64 KiB */
};

struct mn_scheduler;

/* Creates a scheduler inside a block of the first stack, with its first task, called "main", which will run `run(argument)`. NULL where
 * there is no memory, or stacks are too small (26 KiB is enough) or no multiple of 16 bytes. */
struct mn_scheduler *mn_scheduler_create(const struct mn_task_stacks *stacks, int (*run)(void *argument),
                                         void *argument, uint64_t now);
/* Runs runnable tasks, at most `budget` resumptions. Returns whether any is still runnable. */
bool mn_scheduler_run(struct mn_scheduler *scheduler, uint64_t now, unsigned budget);
/* When the first sleeper or waiter with a deadline must be woken; 0 where a task is runnable; MNET_NEVER where none. */
uint64_t mn_scheduler_deadline(struct mn_scheduler *scheduler);
/* Whether the first task has ended, and with what result. */
bool mn_scheduler_done(const struct mn_scheduler *scheduler, int *result);
/* The first task, to name or cancel it. */
struct mnet_task *mn_scheduler_main(struct mn_scheduler *scheduler);
/* Asks for `at_end(context, result)` when the task's function has returned or called mnet_exit, before its children are
 * awaited. It must not suspend. */
void mn_task_at_end(struct mnet_task *task, void (*at_end)(void *context, int result), void *context);
/* Tells which task's stack (its guard, or just below) `address` belongs to; NULL for none. For fault handlers. */
struct mnet_task *mn_scheduler_overflowed(struct mn_scheduler *scheduler, const void *address);
/* Usable bytes of each stack, for the report. */
size_t mn_scheduler_stack_size(const struct mn_scheduler *scheduler);
/* The thread's scheduler: the one that runs or, outside tasks, ran last; NULL for none. For fault handlers. */
struct mn_scheduler *mn_scheduler_current(void);
/* All tasks must have ended. */
void mn_scheduler_destroy(struct mn_scheduler *scheduler);

/* Waiting, for the stack's blocking calls. The caller is a task. Suspends it in `waiters` (NULL: whoever is to wake it knows it) until woken (0), `deadline` (MNET_E_DEADLINE;
 * at once, without suspending, where it has passed) or cancelled (MNET_E_CANCELLED; at once where it already was). */
int mn_wait(struct mnet_waiters *waiters, uint64_t deadline);
/* Wakes the task if it waits; NULL is no task. Usable anywhere. */
void mn_wake(struct mnet_task *task);
/* Wakes the longest waiter (false where there is none), or all. Usable anywhere. */
bool mn_wake_one(struct mnet_waiters *waiters);
void mn_wake_all(struct mnet_waiters *waiters);
bool mn_waiting(const struct mnet_waiters *waiters);

#endif
