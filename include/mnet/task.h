/* Tasks: cooperative, stackful, structured.
 *
 * A task runs until it calls something that suspends: sleep, yield, join, a mutex or condition, or a blocking network
 * call. Runnable tasks run in a fixed order (first in, first out), so a program is deterministic. A task ends
 * after its children: when its function returns, it first waits for those still running (after cancelling them where the
 * function returned a negative value or the task was cancelled). All calls are for use inside a task unless they say
 * otherwise; tasks know no network.
 *
 * A function that has returned has no locals. So a task's function does not return while one of them is still needed: as the
 * record of what it owns, as a group with members, or by a child. It releases, joins, or ends the task with mnet_exit, which
 * does not return. If at the end of its function a task leaves such a record, group, or argument of a child that has not
 * begun, mnet_panic says so, in every build; what a child that runs does with its parent's locals nobody can see.
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

/* A queue of suspended tasks; zero-initialised is empty. */
struct mnet_waiters {
    struct mnet_link list;
};

/* Starts `run(argument)` as a child of the calling task; it first runs when the caller next suspends. Its int result is what
 * mnet_join gives. `task` receives a handle to join or cancel, or is NULL: then the child collects itself when it ends. The name of
 * the caller is inherited. Never suspends. MNET_E_NO_MEMORY where no stack can be had. */
int mnet_spawn(struct mnet_task **task, int (*run)(void *argument), void *argument);

/* Waits until a child of the calling task has ended, stores its result (result may be NULL) and frees the handle. On
 * MNET_E_DEADLINE or MNET_E_CANCELLED the handle stays valid. A child that was cancelled itself is waited for even if the caller
 * is cancelled: so "cancel it, join it" ends it in any case. MNET_E_INVALID if it is no child of the caller, or was joined.
 * Suspends. */
int mnet_join(struct mnet_task *task, int *result, uint64_t deadline);

/* Makes the task's current or next blocking call return MNET_E_CANCELLED, and every later one, until the task ends. Cancels its
 * children when it ends. Cancelling a finished task does nothing. Never suspends. */
void mnet_cancel(struct mnet_task *task);
/* Whether the calling task has been cancelled. */
bool mnet_cancelled(void);

/* Ends the calling task with `result`, from any depth. Unlike a return it leaves no frame: locals of the task's functions, records
 * of what it owns and groups included, stay valid while children are awaited and finalisers run. Not for finalisers. */
_Noreturn void mnet_exit(int result);

/* Lets every other runnable task run once. Returns 0 or MNET_E_CANCELLED. Suspends. */
int mnet_yield(void);
/* Suspends until `deadline` (absolute; one that has passed: like mnet_yield). Returns 0 or MNET_E_CANCELLED. */
int mnet_sleep(uint64_t deadline);
/* The current time of the scheduler: when the task was last resumed, at most. Usable anywhere. */
uint64_t mnet_now(void);

/* The calling task, NULL outside tasks; its name for logs and reports (borrowed, must outlive the task). */
struct mnet_task *mnet_self(void);
void mnet_task_set_name(struct mnet_task *task, const char *name);
const char *mnet_task_name(const struct mnet_task *task);

/* A group collects children that are not joined one by one: spawn, reap those that have ended, cancel or await the rest.
 * Zero-initialised is empty. The group must outlive its members: a function that has one among its locals joins it before it
 * returns, or ends the task with mnet_exit. */
struct mnet_group {
    struct mnet_link running, ended;
    size_t count;   /* running and ended, not yet reaped */
    bool cancelled; /* all that are running */
    struct mnet_waiters waiters;
};

/* Starts a child of the calling task, as mnet_spawn does, that is collected through the group. Never suspends. MNET_E_NO_MEMORY. */
int mnet_group_spawn(struct mnet_group *group, int (*run)(void *argument), void *argument);
/* Frees one ended member and stores its result (may be NULL). False where none has ended. Never suspends. */
bool mnet_group_reap(struct mnet_group *group, int *result);
/* Cancels all running members. Never suspends. */
void mnet_group_cancel(struct mnet_group *group);
/* Waits until every member has ended, and reaps them. Suspends. Returns 0, MNET_E_DEADLINE or MNET_E_CANCELLED; the latter only
 * if there are members that were not cancelled by mnet_group_cancel. */
int mnet_group_join(struct mnet_group *group, uint64_t deadline);

/* Ownership: what a task owns when it ends is finalised, newest first, after its children have ended. The record lives where the
 * caller puts it (usually the task's stack) and costs no allocation. A function that has the record, or the resource, among its
 * locals does not return before it has given up or released it; it may end the task with mnet_exit instead, from any depth. A
 * task that ends and leaves one in a frame that was left is reported by mnet_panic. Records in memory that lasts are finalised
 * after a return, too. A finaliser must not suspend: calls that would, and mnet_spawn, give MNET_E_INVALID. */
struct mnet_owned {
    struct mnet_link link;
    void (*finalise)(void *resource);
    void *resource;
};
void mnet_own(struct mnet_owned *owned, void (*finalise)(void *resource), void *resource);
/* Gives up the record without running its finaliser; mnet_release runs it. A record that was given up or released, and NULL, are
 * left alone. */
void mnet_disown(struct mnet_owned *owned);
void mnet_release(struct mnet_owned *owned);

/* Mutual exclusion among tasks, in the order of arrival. Zero-initialised is unlocked. */
struct mnet_mutex {
    struct mnet_task *holder;
    struct mnet_waiters waiters;
};
/* 0, MNET_E_DEADLINE, MNET_E_CANCELLED, or MNET_E_INVALID when the caller holds it already. Suspends. */
int mnet_mutex_lock(struct mnet_mutex *mutex, uint64_t deadline);
/* MNET_E_INVALID when the caller does not hold it. Never suspends. */
int mnet_mutex_unlock(struct mnet_mutex *mutex);

/* A condition to wait for. Zero-initialised has no waiters. */
struct mnet_condition {
    struct mnet_waiters waiters;
};
/* Unlocks, waits for a signal, locks again before it returns, whatever it returns. Suspends. */
int mnet_condition_wait(struct mnet_condition *condition, struct mnet_mutex *mutex, uint64_t deadline);
/* Wakes the longest waiter, or all. Never suspends; usable outside tasks. */
void mnet_condition_signal(struct mnet_condition *condition);
void mnet_condition_broadcast(struct mnet_condition *condition);

#pragma GCC visibility pop

#endif
