/* Tasks and their scheduler, inside.
 *
 * A task is at the top of its own stack, and the scheduler at the top of the first task's. A task
 * is in exactly one of three states. RUNNABLE: it runs, or waits for its turn in the scheduler's
 * queue. WAITING: it is suspended until mn_task_wake; it may be in a queue of waiters, and its
 * timer may be armed. ENDED: nothing of its stack is used any more but the task itself, until its
 * result has been taken.
 *
 * A wake-up is decided when it is given, not when the task runs. The first of signal, deadline and
 * cancel takes the task off its queue and decides the result of its wait. So nothing is lost
 * between the two. A task that was woken and is cancelled before it runs returns 0 from this wait
 * and MNET_E_CANCELLED from the next one. A task that was cancelled is in no queue any more, and a
 * signal goes to the next in line.
 *
 * Ending: the function returns (or mnet_exit), children are awaited, the task's records are
 * finalised, ended children that nobody joined are freed, and then the task is ENDED. A function
 * that has returned has left its frames. Neither a record of the task nor a group with members may
 * be in them, because the compiler reuses them. Every build checks this, which costs a comparison
 * of addresses for each record and child that is left at the end. A failed check ends the program
 * with a report.
 */
#ifndef MN_TASK_H
#define MN_TASK_H

#include "base/list.h"
#include "base/wheel.h"
#include "task/sanitizer.h"
#include "task/scheduler.h"

/* A program without threads, or without thread-local storage, defines MN_NO_THREADS. Other programs
 * have one scheduler per thread. */
#ifdef MN_NO_THREADS
#define MN_PER_THREAD
#else
/* A shared library is loaded with the program, not by dlopen: so no call is needed to find it. */
#define MN_PER_THREAD __attribute__((tls_model("initial-exec"))) _Thread_local
#endif

#define MN_TASK_STACK_USUAL ((size_t)64 * 1024)
#define MN_TASK_STACK_LEAST MNET_TASK_STACK_MIN
/* Number of stacks kept for the next tasks. */
#define MN_TASK_STACKS_KEPT 64
/* Greatest distance below the stack at which an overflow faults: in a guard, or in a frame that
 * went beyond it. */
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
    int outcome;      /* of the last wait */
    bool cancelled;   /* every later blocking call returns MNET_E_CANCELLED */
    bool shielded;    /* cancelling does not end the present wait */
    bool interrupted; /* as if cancelled, until it says that it has seen it */
    bool ending;      /* its function has returned */
    bool finalising;  /* a finaliser runs: it must not suspend */
    bool handle;      /* may be joined */
    bool begun;       /* its function has been called */
    int result;       /* after its function has returned */
    struct mn_timer timer;
    struct mnet_task *parent; /* NULL: the first task */
    struct mnet_link sibling, children;
    size_t running_children;
    struct mnet_waiters joiners;
    struct mnet_group *group; /* or NULL */
    struct mnet_link member;
    struct mnet_link owned;                    /* newest first */
    void (*at_end)(void *context, int result); /* or NULL: see mn_task_set_at_end */
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
    /* Ended tasks whose result nobody takes; mn_scheduler_run frees them. */
    struct mnet_task *abandoned;
    struct mnet_task *first;
    unsigned tasks;       /* with those that have ended and are to be joined */
    struct mn_fiber root; /* the stack of the caller of mn_scheduler_run */
    struct mn_task_stacks stacks;
    struct mnet_link kept;
    unsigned kept_count;
    struct mn_wheel wheel;
};

/* The thread's scheduler: the one that runs or, outside of tasks, ran last; NULL before the first
 * one and after it is destroyed. */
extern MN_PER_THREAD struct mn_scheduler *mn_scheduler_here;

/* Asserts the invariants at each switch (base/check.h): the states of the task that runs, and of
 * those that are runnable. */
void mn_scheduler_check(const struct mn_scheduler *scheduler);

/* Returns the running task, or NULL outside of tasks. */
static inline struct mnet_task *mn_task_self(void)
{
    const struct mn_scheduler *scheduler = mn_scheduler_here;
    return scheduler != NULL ? scheduler->running : NULL;
}

/* Creates a runnable task without a place in the tree. Returns NULL if there is no stack. */
struct mnet_task *mn_task_create(struct mn_scheduler *scheduler, size_t stack_size, int (*run)(void *argument),
                                 void *argument);
/* Prepares a task at the top of a stack of `size` bytes whose last `reserved` bytes are taken. */
struct mnet_task *mn_task_place(struct mn_scheduler *scheduler, void *lowest, size_t size, size_t reserved);
/* Takes an ended task out of the tree and frees it. */
void mn_task_free(struct mnet_task *task);
/* Ends the running task. */
_Noreturn void mn_task_finish(struct mnet_task *task, int result);
/* The end of the frames of the running function's callers: the stack pointer before it was
 * called. */
#define MN_CALLERS_END ((const char *)__builtin_dwarf_cfa())
/* Returns whether `address` is in a frame that the task has left: on its stack, below `live`. (A
 * sanitizer that keeps locals elsewhere detects their use itself.) */
bool mn_task_left(const struct mnet_task *task, const void *address, const char *live);
/* The misuse of a program that left `thing` behind. */
#define MN_LEFT(thing) \
    "a function of the task returned while " thing \
    " lies on its stack: finish with it first, or end the task with mnet_exit"
/* Runs the finalisers of all records of the task. */
void mn_task_finalise(struct mnet_task *task);
/* A member has ended, or is freed with its parent. */
void mn_group_note_end(struct mnet_task *task);
void mn_group_forget(struct mnet_task *task);

/* Lets other tasks run. The running task continues when it is runnable and its turn comes. */
void mn_task_suspend(struct mnet_task *task);
/* Does the same for good. */
_Noreturn void mn_task_leave(struct mnet_task *task);
/* Makes a WAITING task runnable. Its wait returns `outcome`. */
void mn_task_wake(struct mnet_task *task, int outcome);
/* Puts a task at the end of the runnable ones. */
static inline void mn_task_enqueue(struct mnet_task *task)
{
    mn_list_append(&task->scheduler->runnable, &task->queue);
}

/* Does the work of mn_wait for the running task. `waiters` may be NULL. */
int mn_task_wait(struct mnet_task *self, struct mnet_waiters *waiters, uint64_t deadline);
/* Wakes and returns the longest waiter. Returns NULL if there is none. */
struct mnet_task *mn_task_wake_first(struct mnet_waiters *waiters);

/* Take a stack, or NULL if there is none, and give it back. */
void *mn_stack_get(struct mn_scheduler *scheduler, size_t size);
void mn_stack_put(struct mn_scheduler *scheduler, void *lowest, size_t size);
/* Gives all kept stacks back. */
void mn_stack_drop(struct mn_scheduler *scheduler);

/* The lowest word of a stack: written when the stack comes into use, and checked at every
 * switch. */
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
