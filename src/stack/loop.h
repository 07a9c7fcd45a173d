/* The event loop: one scheduler of tasks and any number of stacks, on one clock.
 *
 * Theory of operation. One turn of the loop reads the clock, polls every stack and then resumes a
 * bounded number of tasks. A poll takes a bounded number of frames. So neither a flood of packets
 * nor tasks that are always runnable can starve the other side. Packets that the tasks of a turn
 * queue leave at its end. The loop waits only if no task is runnable and no stack has work left,
 * and then until the earliest of all deadlines.
 *
 * Several environments may share one loop: a simulation runs all its hosts on one, in virtual time.
 */
#ifndef MN_LOOP_H
#define MN_LOOP_H

#include <mnet/link.h>

#include "task/scheduler.h"

/* The part of a port that the loop uses. */
struct mn_loop_port {
    /* Monotonic time in nanoseconds. */
    uint64_t (*now)(void *context);
    /* Returns when a device of any stack of the loop may have a frame, at `deadline` (absolute;
     * MNET_NEVER: none), or earlier for no reason. A simulation moves its clock here. The loop
     * calls it only if there is nothing else to do. */
    void (*wait)(void *context, uint64_t deadline);
    void *context;
};

struct mn_loop {
    struct mn_loop_port port;
    struct mn_scheduler *scheduler; /* NULL unless mn_loop_run is active */
    struct mnet_link stacks;        /* struct mnet_stack.loop_link, in the order of their start */
    bool stopped;                   /* the first task was told to end */
    bool in_tasks;                  /* they run: packets that they queue leave after their turn */
};

void mn_loop_init(struct mn_loop *loop, const struct mn_loop_port *port);
struct mnet_stack;
/* From now on the loop drives the stack, which leaves by its `loop_link`. */
void mn_loop_add(struct mn_loop *loop, struct mnet_stack *stack);

/* Runs `run(argument)` in the first task of a new scheduler. When it returns, the tasks still there
 * are cancelled and awaited. Stores its result. Returns 0, or MNET_E_NO_MEMORY if there is no stack
 * for the task. */
int mn_loop_run(struct mn_loop *loop, const struct mn_task_stacks *stacks, int (*run)(void *argument), void *argument,
                int *result);

/* Cancels the first task, for signals and for simulations in which nothing can happen any more. May
 * be called from `wait`. */
void mn_loop_cancel(struct mn_loop *loop);

struct mnet_env;

/* Closes the connections and listeners of the stacks of `env`, and drives the loop until queued
 * data is delivered and the connections are closed, for `at_most_ns` at most. For use outside
 * tasks, after the program has ended. */
void mn_loop_drain(struct mn_loop *loop, const struct mnet_env *env, uint64_t at_most_ns);

#endif
