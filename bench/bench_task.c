/* The cost of tasks. A switch is measured as yields between two tasks, the whole path through the
 * scheduler included, beside the C library's swapcontext between two bare contexts; a task's life
 * beside that of a thread. Of several rounds the fastest counts: the others were disturbed. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <ucontext.h>

#include "ports/hosted/stacks.h"
#include "task/scheduler.h"

#define ROUNDS 5
#define YIELDS 200000u
#define LIVES 20000u
#define THREADS 500u
#define CROWD 1000u
#define CROWD_YIELDS 2000u /* each: enough to make little of their spawning */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * MNET_SECOND + (uint64_t)now.tv_nsec;
}

/* Nanoseconds of the fastest round, for each of the `count` things that it does. */
static double fastest(int (*round)(void), unsigned count)
{
    double best = 0;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t begin = now_ns();
        if (round() < 0) {
            fprintf(stderr, "bench_task: a round failed\n");
            exit(1);
        }
        double ns = (double)(now_ns() - begin) / count;
        if (i == 0 || ns < best)
            best = ns;
    }
    return best;
}

static void print(const char *name, double value, double reference)
{
    printf("%s %.1f ns %.1f %.3f\n", name, value, reference, value / reference);
}

/* ---- Rounds ---- */

static int yielder(void *count)
{
    for (unsigned i = *(unsigned *)count; i > 0; i--)
        mnet_yield();
    return 0;
}

static int two_yielders(void)
{
    static unsigned count = YIELDS / 2;
    struct mnet_group group = {0};
    mnet_group_spawn(&group, yielder, &count);
    mnet_group_spawn(&group, yielder, &count);
    return mnet_group_join(&group, MNET_NEVER);
}

static int crowd_of_yielders(void)
{
    static unsigned count = CROWD_YIELDS;
    struct mnet_group group = {0};
    for (unsigned i = 0; i < CROWD; i++)
        mnet_group_spawn(&group, yielder, &count);
    return mnet_group_join(&group, MNET_NEVER);
}

struct table_tennis {
    struct mnet_waiters sides[2];
    unsigned players, turns;
};

static int player(void *argument)
{
    struct table_tennis *game = argument;
    unsigned side = game->players++;
    while (game->turns < YIELDS) {
        game->turns++;
        mn_wake_one(&game->sides[1 - side]);
        mn_wait(&game->sides[side], MNET_NEVER);
    }
    mn_wake_one(&game->sides[1 - side]);
    return 0;
}

static int waits_and_wakes(void)
{
    static struct table_tennis game;
    game = (struct table_tennis){0};
    struct mnet_group group = {0};
    mnet_group_spawn(&group, player, &game);
    mnet_group_spawn(&group, player, &game);
    return mnet_group_join(&group, MNET_NEVER);
}

static int nothing(void *argument)
{
    (void)argument;
    return 0;
}

static int lives(void)
{
    for (unsigned i = 0; i < LIVES; i++) {
        struct mnet_task *task;
        if (mnet_spawn(&task, nothing, NULL) < 0 || mnet_join(task, NULL, MNET_NEVER) < 0)
            return -1;
    }
    return 0;
}

/* ---- The references ---- */

static ucontext_t here, there;

static void swap_back(void)
{
    for (;;)
        swapcontext(&there, &here);
}

static int swaps(void)
{
    static char stack[64 * 1024];
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof stack;
    makecontext(&there, swap_back, 0);
    for (unsigned i = 0; i < YIELDS; i += 2)
        swapcontext(&here, &there);
    return 0;
}

static void *thread(void *argument)
{
    return argument;
}

static int threads(void)
{
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_t id;
        if (pthread_create(&id, NULL, thread, NULL) != 0 || pthread_join(id, NULL) != 0)
            return -1;
    }
    return 0;
}

static int measure(void *argument)
{
    (void)argument;
    double swap = fastest(swaps, YIELDS);
    print("task_switch", fastest(two_yielders, YIELDS), swap);
    print("task_switch_among_1000", fastest(crowd_of_yielders, CROWD * CROWD_YIELDS), swap);
    print("task_wait_and_wake", fastest(waits_and_wakes, YIELDS), swap);
    print("task_spawn_and_join", fastest(lives, LIVES), fastest(threads, THREADS));
    return 0;
}

int main(void)
{
    struct mn_scheduler *scheduler = mn_scheduler_create(&mn_hosted_stacks, measure, NULL, now_ns());
    if (scheduler == NULL) {
        fprintf(stderr, "bench_task: no memory\n");
        return 1;
    }
    while (!mn_scheduler_done(scheduler, NULL))
        mn_scheduler_run(scheduler, now_ns(), 1000);
    mn_scheduler_destroy(scheduler);
    return 0;
}
