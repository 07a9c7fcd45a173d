/* The event loop: one scheduler of tasks and any number of stacks, on one clock.
 *
 * Theory of operation. One turn of the loop reads the clock, polls every stack (each takes a bounded number of
 * frames), and then resumes a bounded number of tasks; so neither a flood of packets nor tasks that are always
 * runnable can starve the other side. Only when no task is runnable and no stack has work left does the loop wait,
 * until the earliest of all deadlines. What the tasks of a turn queued for sending goes out at its end.
 *
 * Several environments may share one loop: a simulation runs all its hosts on one, in virtual time.
 */
#ifndef MN_LOOP_H
#define MN_LOOP_H

#include <mnet/link.h>

#include "task/scheduler.h"

/* What a port gives the loop. */
struct mn_loop_port {
    /* Monotonic time in nanoseconds. */
    uint64_t (*now)(void *context);
    /* Returns when a device of any stack of the loop may have a frame, at `deadline` (absolute; MNET_NEVER: none), or
     * earlier for no reason. A simulation moves its clock here. Called only when there is nothing else to do. */
    void (*wait)(void *context, uint64_t deadline);
    void *context;
};

struct mn_loop {
    struct mn_loop_port port;
    struct mn_scheduler *scheduler; /* NULL unless mn_loop_run is active */
    struct mnet_link stacks;        /* struct mnet_stack.loop_link, in the order of their start */
    bool stopped;                   /* the first task was told to end */
    bool in_tasks;                  /* they run: what they queue goes out when their turn is over */
};

void mn_loop_init(struct mn_loop *loop, const struct mn_loop_port *port);

/* Runs `run(argument)` in the first task of a new scheduler; when it returns, the tasks still there are cancelled and
 * awaited. Stores its result. 0, or MNET_E_NO_MEMORY where there is no stack for it. */
int mn_loop_run(struct mn_loop *loop, const struct mn_task_stacks *stacks, int (*run)(void *argument), void *argument,
                int *result);

/* Cancels the first task, for signal handling and for simulations in which nothing can happen any more. Usable from
 * `wait`. */
void mn_loop_cancel(struct mn_loop *loop);

struct mnet_env;

/* Closes what the stacks of `env` have open and drives the loop until their connections have delivered what is queued
 * and are closed, `at_most_ns` long. For use outside tasks, when the program has ended. */
void mn_loop_drain(struct mn_loop *loop, const struct mnet_env *env, uint64_t at_most_ns);

#endif
