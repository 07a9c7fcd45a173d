/* Tasks: cooperative, stackful, structured.
 *
 * A task runs until it calls a function that suspends: sleep, yield, join, a mutex or condition, or
 * a blocking network call. Runnable tasks run first in, first out, so a program is deterministic.
 * All calls are for use inside a task unless they say otherwise. Tasks know no network.
 *
 * A task ends after its children. When its function returns, the task waits for the children that
 * still run. It first cancels them if the function returned a negative value or the task was
 * cancelled.
 *
 * The locals of a function end when it returns. So the function of a task must not return while one
 * of its locals is still needed: as a record of ownership, as a group with members, or by a child.
 * It must first release the record or join the group or child, or end the task with mnet_exit,
 * which does not return. If a task ends and leaves such a record or group in its locals, or a local
 * that is the argument of a child that has not begun, mnet_panic reports it, in every build. The
 * use of a parent's locals by a running child cannot be checked.
 */
#ifndef MNET_TASK_H
#define MNET_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mnet/error.h>
#include <mnet/link.h>
#include <mnet/time.h>

#pragma GCC visibility push(default)

struct mnet_task;

/* A queue of suspended tasks. A zero-initialised queue is empty. */
struct mnet_waiters {
    struct mnet_link list;
};

/* Starts `run(argument)` as a child of the calling task. The child first runs when the caller next
 * suspends. mnet_join returns the result of `run`. *task is set to a handle that joins or cancels
 * the child. If `task` is NULL, the child frees itself when it ends. It inherits the name of the
 * caller. Returns 0, or MNET_E_NO_MEMORY if there is no memory for a stack. Never suspends. */
int mnet_spawn(struct mnet_task **task, int (*run)(void *argument), void *argument);

/* Does the same, with a stack of `stack_bytes` bytes, a multiple of 4096 and at least
 * MNET_TASK_STACK_MIN, instead of the usual one: for a task with large buffers, or for many small
 * ones. Such a stack is not kept for later tasks. In a machine it has no guard page: an overflow is
 * found when the task suspends. Returns 0, MNET_E_INVALID (another size) or MNET_E_NO_MEMORY. Never
 * suspends. */
#define MNET_TASK_STACK_MIN ((size_t)16 * 1024)
int mnet_spawn_sized(struct mnet_task **task, size_t stack_bytes, int (*run)(void *argument), void *argument);

/* Waits until a child of the calling task has ended, stores its result and frees the handle.
 * `result` may be NULL. After MNET_E_DEADLINE or MNET_E_CANCELLED the handle stays valid. A
 * cancelled child is awaited even if the caller is cancelled, too, so cancelling and then joining a
 * child always ends it. Returns MNET_E_INVALID if the task is no child of the caller, or was joined
 * before. Suspends. */
int mnet_join(struct mnet_task *task, int *result, uint64_t deadline);

/* Cancels a task: its current or next blocking call, and every later one, returns MNET_E_CANCELLED.
 * When the task ends, its children are cancelled, too. Cancelling a finished task does nothing.
 * Never suspends. */
void mnet_cancel(struct mnet_task *task);
/* Returns true if the calling task was cancelled. */
bool mnet_cancelled(void);

/* Ends the calling task with `result`, from any depth. The locals of the task's functions stay
 * valid while children are awaited and finalisers run, records of ownership and groups included,
 * because no function returns. Must not be called in a finaliser. */
__attribute__((noreturn)) void mnet_exit(int result);

/* Lets every other runnable task run once. Returns 0 or MNET_E_CANCELLED. Suspends. */
int mnet_yield(void);
/* Suspends until `deadline`, which is absolute. If it has passed, acts as mnet_yield. Returns 0 or
 * MNET_E_CANCELLED. */
int mnet_sleep(uint64_t deadline);
/* Returns the time of the scheduler, which does not advance while a task runs. May be called
 * outside tasks. */
uint64_t mnet_now(void);

/* Returns the calling task, or NULL outside tasks. */
struct mnet_task *mnet_self(void);
/* Returns the number of this thread's tasks, with those that have ended and are still to be joined.
 * Never suspends. */
unsigned mnet_task_count(void);
/* Sets or returns the name of a task, which logs and reports show. The name is borrowed: it must
 * outlive the task. */
void mnet_task_set_name(struct mnet_task *task, const char *name);
const char *mnet_task_name(const struct mnet_task *task);

/* A group of children that are not joined one by one. It can start children, free those that have
 * ended, and cancel or await the others. A zero-initialised group is empty. The group must outlive
 * its members: a function that has a group among its locals joins it before it returns, or ends the
 * task with mnet_exit. */
struct mnet_group {
    struct mnet_link running, ended;
    size_t count;   /* members that run, or have ended and are not reaped */
    bool cancelled; /* all running members are cancelled */
    /* Set by the program: if a member fails, the others are cancelled. */
    bool cancel_on_failure;
    int failure; /* the result of the first one that failed, with cancel_on_failure; 0: none */
    struct mnet_waiters waiters;
};

/* Starts a child of the calling task, as mnet_spawn does, as a member of the group. Returns 0,
 * MNET_E_NO_MEMORY, or MNET_E_CANCELLED if a member has failed and cancel_on_failure is set. Never
 * suspends. */
int mnet_group_spawn(struct mnet_group *group, int (*run)(void *argument), void *argument);
/* Frees one member that has ended, and stores its result. `result` may be NULL. Returns false if no
 * member has ended. Never suspends. */
bool mnet_group_reap(struct mnet_group *group, int *result);
/* Cancels all running members. Never suspends. */
void mnet_group_cancel(struct mnet_group *group);
/* Waits until every member has ended, and frees them. Returns 0, MNET_E_DEADLINE or
 * MNET_E_CANCELLED. If mnet_group_cancel has cancelled all members, a cancelled caller waits for
 * them, too. Suspends. */
int mnet_group_join(struct mnet_group *group, uint64_t deadline);

/* A record of ownership: the finaliser of a resource runs when the task that owns it ends.
 * Finalisers run newest first, after the task's children have ended. The record lies in memory of
 * the caller, usually on the task's stack, and costs no allocation.
 *
 * A function with a record, or its resource, among its locals must not return before the record is
 * given up or finalised. It may instead end the task with mnet_exit, from any depth. If a task ends
 * and a record lies in a frame that has returned, mnet_panic reports it. A record in memory that
 * lasts is finalised after a return, too.
 *
 * A finaliser must not suspend. In it mnet_spawn and calls that would suspend return
 * MNET_E_INVALID. */
struct mnet_owned {
    struct mnet_link link;
    void (*finalise)(void *resource);
    void *resource;
};
/* Makes the calling task the owner of `resource`. Never suspends. */
void mnet_own(struct mnet_owned *owned, void (*finalise)(void *resource), void *resource);
/* mnet_disown removes the record without running its finaliser. mnet_finalise removes it and runs
 * the finaliser. NULL, and a record that was removed before, are left alone. */
void mnet_disown(struct mnet_owned *owned);
void mnet_finalise(struct mnet_owned *owned);

/* Mutual exclusion among tasks, in the order of arrival. A zero-initialised mutex is unlocked. */
struct mnet_mutex {
    struct mnet_task *holder;
    struct mnet_waiters waiters;
};
/* Locks the mutex. Returns 0, MNET_E_DEADLINE, MNET_E_CANCELLED, or MNET_E_INVALID if the caller
 * holds it already. Suspends. */
int mnet_mutex_lock(struct mnet_mutex *mutex, uint64_t deadline);
/* Unlocks the mutex. Returns 0, or MNET_E_INVALID if the caller does not hold it. Never
 * suspends. */
int mnet_mutex_unlock(struct mnet_mutex *mutex);

/* A condition to wait for. A zero-initialised condition has no waiters. */
struct mnet_condition {
    struct mnet_waiters waiters;
};
/* Unlocks the mutex, waits for a signal, and locks the mutex again before it returns, on any
 * result. Returns 0, MNET_E_DEADLINE, MNET_E_CANCELLED, or MNET_E_INVALID if the caller does not
 * hold the mutex. Suspends. */
int mnet_condition_wait(struct mnet_condition *condition, struct mnet_mutex *mutex, uint64_t deadline);
/* mnet_condition_signal wakes the task that has waited longest, mnet_condition_broadcast wakes all.
 * Never suspend. May be called outside tasks. */
void mnet_condition_signal(struct mnet_condition *condition);
void mnet_condition_broadcast(struct mnet_condition *condition);

#pragma GCC visibility pop

#endif
