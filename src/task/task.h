/* Tasks and their scheduler, inside.
 *
 * A task lives at the top of its own stack, the scheduler at the top of the first task's. A task is in exactly one of three
 * states. RUNNABLE: it runs, or waits for its turn in the scheduler's queue. WAITING: suspended until mn_task_wake; it
 * may be in a queue of waiters, and its timer may be armed. ENDED: nothing of its stack is used any more but the task itself,
 * until somebody has taken the result.
 *
 * A wake-up is decided when it is given, not when the task runs: the first of signal, deadline and cancel takes the task
 * off its queue and settles what its wait returns. So nothing can be lost between the two: a task that was woken and is
 * cancelled before it runs returns 0 from this wait and MNET_E_CANCELLED from the next; one that was cancelled is in no queue
 * any more, and a signal goes to the next in line.
 *
 * Ending: the function returns (or mnet_exit), children are awaited, what the task owns is finalised, ended children that nobody joined
 * are freed, and then the task is ENDED. A function that has returned has left its frames: neither a record of what the task
 * owns nor a group with members may lie in them, because a compiler keeps nothing there. Every build looks, which costs
 * a comparison of addresses for each record and child that is left at the end, and ends the program with a report.
 */
#ifndef MN_TASK_H
#define MN_TASK_H

#include "base/list.h"
#include "base/wheel.h"
#include "task/sanitizer.h"
#include "task/scheduler.h"

/* A program without threads, or without thread-local storage, defines MN_NO_THREADS; the others have one scheduler per thread. */
#ifdef MN_NO_THREADS
#define MN_PER_THREAD
#else
#define MN_PER_THREAD _Thread_local
#endif

#define MN_TASK_STACK_USUAL ((size_t)64 * 1024)
#define MN_TASK_STACK_LEAST ((size_t)16 * 1024)
/* Stacks kept for the next tasks instead of being given back. */
#define MN_TASK_STACKS_KEPT 64
/* An overflow faults at most so far below the stack: a guard, or a frame that went past it. */
#define MN_TASK_REACH ((size_t)64 * 1024)

enum mn_task_state {
    MN_TASK_RUNNABLE,
    MN_TASK_WAITING,
    MN_TASK_ENDED,
};

struct mnet_task {
    void *context; /* while suspended: see switch.h */
    struct mn_scheduler *scheduler;
    struct mnet_link queue; /* the runnable ones, or waiters */
    struct mn_fiber stack;
    enum mn_task_state state;
    int outcome;     /* of the last wait */
    bool cancelled;  /* from then on every blocking call says so */
    bool shielded;   /* cancelling does not end the present wait */
    bool ending;     /* its function has returned */
    bool finalising; /* a finaliser runs: it must not suspend */
    bool handle;     /* to be joined */
    bool begun;      /* its function has been called */
    int result;      /* once its function has returned */
    struct mn_timer timer;
    struct mnet_task *parent; /* NULL: the first task */
    struct mnet_link sibling, children;
    size_t running_children;
    struct mnet_waiters joiners;
    struct mnet_group *group; /* or NULL */
    struct mnet_link member;
    struct mnet_link owned;                    /* newest first */
    void (*at_end)(void *context, int result); /* or NULL: see mn_task_at_end */
    void *at_end_context;
    const char *name;
    int (*run)(void *argument);
    void *argument;
};

struct mn_scheduler {
    void *context; /* of the caller of mn_scheduler_run */
    struct mnet_task *running;
    struct mnet_link runnable;
    unsigned budget; /* resumptions left in this run */
    uint64_t now;
    struct mnet_task *abandoned; /* ended without anyone to take its result: to be freed by mn_scheduler_run */
    struct mnet_task *first;
    struct mn_fiber root; /* the stack of the caller of mn_scheduler_run */
    struct mn_task_stacks stacks;
    struct mnet_link kept;
    unsigned kept_count;
    struct mn_wheel wheel;
};

/* The thread's scheduler: the one that runs or, outside tasks, ran last; NULL before there is one and after it is destroyed. */
extern MN_PER_THREAD struct mn_scheduler *mn_scheduler_here;

/* The running task, NULL outside tasks. */
static inline struct mnet_task *mn_task_self(void)
{
    const struct mn_scheduler *scheduler = mn_scheduler_here;
    return scheduler != NULL ? scheduler->running : NULL;
}

/* A new task, runnable, without a place in the tree; NULL where there is no stack. */
struct mnet_task *mn_task_create(struct mn_scheduler *scheduler, int (*run)(void *argument), void *argument);
/* Prepares a task at the top of a stack whose last `reserved` bytes are taken. */
struct mnet_task *mn_task_place(struct mn_scheduler *scheduler, void *lowest, size_t reserved);
/* Takes an ended task out of the tree and frees it. */
void mn_task_free(struct mnet_task *task);
/* The end of the running task. */
_Noreturn void mn_task_finish(struct mnet_task *task, int result);
/* Where the frames of the running function's callers end: the stack pointer before it was called. */
#define MN_CALLERS_END ((const char *)__builtin_dwarf_cfa())
/* Whether `address` lies in a frame that the task has left: on its stack, below `live`. (A sanitizer that keeps locals elsewhere
 * sees their use itself.) */
bool mn_task_left(const struct mnet_task *task, const void *address, const char *live);
/* What a program did that left `thing` behind. */
#define MN_LEFT(thing) \
    "a function of the task returned while " thing \
    " lies on its stack: finish with it first, or end the task with mnet_exit"
/* Runs the finalisers of all that the task owns. */
void mn_task_finalise(struct mnet_task *task);
/* A member has ended, or goes with its parent. */
void mn_group_ended(struct mnet_task *task);
void mn_group_forget(struct mnet_task *task);

/* Lets others run; the running task continues when it is runnable and its turn. */
void mn_task_suspend(struct mnet_task *task);
/* Like it, for good. */
_Noreturn void mn_task_leave(struct mnet_task *task);
/* Makes a WAITING task runnable; its wait returns `outcome`. */
void mn_task_wake(struct mnet_task *task, int outcome);
/* Puts a task at the end of the runnable ones. */
static inline void mn_task_enqueue(struct mnet_task *task)
{
    mn_list_insert_before(&task->scheduler->runnable, &task->queue);
}

/* mn_wait on behalf of the running task; `waiters` may be NULL. */
int mn_task_wait(struct mnet_task *self, struct mnet_waiters *waiters, uint64_t deadline);
/* Wakes and returns the longest waiter; NULL where there is none. */
struct mnet_task *mn_task_wake_first(struct mnet_waiters *waiters);

/* Stacks. NULL where there is none. */
void *mn_stack_get(struct mn_scheduler *scheduler);
void mn_stack_put(struct mn_scheduler *scheduler, void *lowest);
/* Gives all kept stacks back. */
void mn_stack_drop(struct mn_scheduler *scheduler);

/* The lowest word of a stack: written when it comes into use, checked at every switch. */
static inline uint64_t mn_canary(const void *lowest)
{
    return UINT64_C(0x6b2d8c17f3a4905e) ^ (uint64_t)(uintptr_t)lowest;
}

static inline bool mn_canary_intact(const struct mnet_task *task)
{
    return *(const uint64_t *)(const void *)task->stack.lowest == mn_canary(task->stack.lowest);
}

/* Ends the program with the name of the task whose stack overflowed. */
_Noreturn void mn_stack_overflowed(const struct mnet_task *task);

#endif
