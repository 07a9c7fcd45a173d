/* The scheduler of tasks, as ports and the stack see it.
 *
 * One scheduler runs at a time in a thread. mnet_spawn and the other calls find their context in
 * it. It has no clock of its own: the caller of mn_scheduler_run passes the time.
 */
#ifndef MN_SCHEDULER_H
#define MN_SCHEDULER_H

#include <mnet/task.h>

#include "base/base.h"

/* The source of task stacks. A port with virtual memory puts a guard page below each. */
struct mn_task_stacks {
    /* Returns the lowest usable address of `size` bytes, 16-byte aligned, or NULL. */
    void *(*alloc)(void *context, size_t size);
    void (*free)(void *context, void *lowest, size_t size);
    void *context;
    size_t size; /* of every stack; 0: 64 KiB */
};

struct mn_scheduler;

/* Creates a scheduler inside the first stack, with its first task, called "main", which will run
 * `run(argument)`. Returns NULL if there is no memory, or if stacks are too small (26 KiB is
 * enough) or no multiple of 16 bytes. */
struct mn_scheduler *mn_scheduler_create(const struct mn_task_stacks *stacks, int (*run)(void *argument),
                                         void *argument, uint64_t now);
/* Runs runnable tasks, at most `budget` resumptions. Returns whether any task is still runnable. */
bool mn_scheduler_run(struct mn_scheduler *scheduler, uint64_t now, unsigned budget);
/* Returns the time at which the first sleeper or waiter with a deadline must be woken. Returns 0 if
 * a task is runnable, MNET_NEVER if there is nothing to wait for. */
uint64_t mn_scheduler_deadline(struct mn_scheduler *scheduler);
/* Returns whether the first task has ended, and stores its result. */
bool mn_scheduler_done(const struct mn_scheduler *scheduler, int *result);
/* Returns the first task, to name or cancel it. */
struct mnet_task *mn_scheduler_main(struct mn_scheduler *scheduler);
/* Makes the task call `at_end(context, result)` when its function has returned or called mnet_exit,
 * before its children are awaited. `at_end` must not suspend. */
void mn_task_set_at_end(struct mnet_task *task, void (*at_end)(void *context, int result), void *context);
/* Returns the task to whose stack `address` belongs (its guard, or just below), or NULL. For fault
 * handlers. */
struct mnet_task *mn_scheduler_overflowed(struct mn_scheduler *scheduler, const void *address);
/* Returns the usable bytes of the running task's stack, for the report. */
size_t mn_scheduler_stack_size(const struct mn_scheduler *scheduler);
/* Returns the thread's scheduler: the one that runs or, outside of tasks, ran last; NULL if there
 * is none. For fault handlers. */
struct mn_scheduler *mn_scheduler_current(void);
/* Frees the scheduler. All tasks must have ended. */
void mn_scheduler_destroy(struct mn_scheduler *scheduler);

/* Suspends the calling task in `waiters` (NULL: the code that wakes the task knows it). For the
 * stack's blocking calls. Returns 0 if woken. Returns MNET_E_DEADLINE at the deadline, at once if
 * it has passed. Returns MNET_E_CANCELLED if cancelled, at once if the task already was. */
int mn_wait(struct mnet_waiters *waiters, uint64_t deadline);
/* Ends the present wait of a task, or its next one, and all others up to mn_take_interrupt, as
 * mnet_cancel does: MNET_E_CANCELLED. mnet_cancelled stays false. Usable anywhere. */
void mn_interrupt(struct mnet_task *task);
/* Return whether the running task was interrupted or cancelled. It has acted on that: it can wait
 * again. */
bool mn_take_interrupt(void);
bool mn_take_cancel(void);
/* Wakes the task if it waits. NULL is no task. Usable anywhere. */
void mn_wake(struct mnet_task *task);
/* Wake the longest waiter (false if there is none), or all. Usable anywhere. */
bool mn_wake_one(struct mnet_waiters *waiters);
void mn_wake_all(struct mnet_waiters *waiters);
bool mn_waiting(const struct mnet_waiters *waiters);

#endif
