/* Theory of operation. All hosts share one event loop and one clock. The loop's `wait` is where
 * time passes: when no task can run and no stack has work, the clock jumps to the earliest of the
 * loop's own deadline and the next arrival of a frame. So a simulation takes as long as its
 * computations, and nothing in it depends on the real time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/hosted/hosted.h"
#include "ports/hosted/stacks.h"
#include "ports/sim/internal.h"

#define TIME_AT_START MNET_SECOND
#define IDLE_AFTER_CUT_MOST 1000
/* A year: longer than any timeout, lease or lifetime after which a stack wakes a task. */
#define STANDSTILL_NS (365 * 24 * 3600 * MNET_SECOND)

/* ---- Simulations ---- */

static void sim_wait(void *context, uint64_t deadline);

static uint64_t sim_now(void *context)
{
    const struct mnet_sim *sim = context;
    return sim->now;
}

static void default_print(void *context, struct mnet_sim_host *host, bool error, const char *text, size_t len)
{
    (void)context;
    FILE *file = error ? stderr : stdout;
    for (size_t i = 0; i < len; i++) {
        if (!host->in_line)
            fprintf(file, "%s: ", host->name);
        host->in_line = text[i] != '\n';
        fputc(text[i], file);
    }
}

struct mnet_sim *mnet_sim_create(uint64_t seed)
{
    struct mnet_sim *sim = calloc(1, sizeof *sim);
    void *region = mn_hosted_allocate(NULL, MNET_MEMORY_MINIMUM);
    if (sim == NULL || region == NULL) {
        free(sim);
        if (region != NULL)
            mn_hosted_release(NULL, region, MNET_MEMORY_MINIMUM);
        return NULL;
    }
    uint8_t bytes[MN_RANDOM_SEED] = {0};
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(seed >> 8 * i);
    mn_random_init(&sim->random, bytes);
    sim->now = TIME_AT_START;
    sim->hosts_end = &sim->hosts;
    sim->jobs_end = &sim->jobs;
    sim->scratch_region = region;
    sim->scratch = mnet_memory_init(region, MNET_MEMORY_MINIMUM);
    sim->print = default_print;
    struct mn_loop_port port = {sim_now, sim_wait, sim};
    mn_loop_init(&sim->loop, &port);
    return sim;
}

static void drop_jobs(struct mnet_sim *sim)
{
    while (sim->jobs != NULL) {
        struct mn_sim_job *job = sim->jobs;
        sim->jobs = job->next;
        free(job);
    }
    sim->jobs_end = &sim->jobs;
}

void mnet_sim_destroy(struct mnet_sim *sim)
{
    if (sim == NULL)
        return;
    /* Connections may take their time, also if that of the programs was up. */
    sim->until = MNET_NEVER;
    for (struct mnet_sim_host *host = sim->hosts; host != NULL; host = host->next)
        mn_env_close(&host->env);
    mn_sim_drop_all(sim);
    mn_sim_router_free_all(sim);
    while (sim->hosts != NULL) {
        struct mnet_sim_host *host = sim->hosts;
        sim->hosts = host->next;
        host->device.ops->close(&host->device); /* frames received and not taken */
        free(host);
    }
    while (sim->segments != NULL) {
        struct mnet_sim_segment *segment = sim->segments;
        sim->segments = segment->next;
        free(segment);
    }
    drop_jobs(sim);
    mn_hosted_release(NULL, sim->scratch_region, MNET_MEMORY_MINIMUM);
    free(sim);
}

uint64_t mnet_sim_now(const struct mnet_sim *sim)
{
    return sim->now;
}

void mnet_sim_watch(struct mnet_sim *sim,
                    void (*watch)(void *context, uint64_t now, struct mnet_sim_host *host,
                                  enum mnet_sim_direction direction, const void *frame, size_t len),
                    void *context)
{
    sim->watch = watch;
    sim->watch_context = context;
}

void mnet_sim_console(struct mnet_sim *sim,
                      void (*print)(void *context, struct mnet_sim_host *host, bool error, const char *text,
                                    size_t len),
                      void *context)
{
    sim->print = print != NULL ? print : default_print;
    sim->print_context = context;
}

/* ---- Time ---- */

/* Moves the clock to `next`, and lets the frames that are due arrive. */
static void move_to(struct mnet_sim *sim, uint64_t next)
{
    sim->now = MN_MAX(sim->now, next);
    mn_sim_arrive(sim);
}

uint64_t mnet_sim_advance(struct mnet_sim *sim, uint64_t until)
{
    while (!sim->fresh && sim->now < until) {
        uint64_t next = MN_MIN(until, mn_sim_next_arrival(sim));
        if (next == MNET_NEVER)
            break;
        move_to(sim, next);
    }
    sim->fresh = false;
    return sim->now;
}

/* Time is up, or nothing can happen any more: the tasks are told to end. */
static void cut_off(struct mnet_sim *sim)
{
    sim->cut_off = true;
    if (++sim->idle_after_cut == IDLE_AFTER_CUT_MOST)
        mn_misused(__FILE__, __LINE__, "mnet_sim_run", "a task that was cancelled goes on waiting");
    mn_loop_cancel(&sim->loop);
}

/* Returns true if no task can run again: none has a deadline, and frames and timers of stacks, such
 * as the question for routers once an hour, have woken none for too long. */
static bool stands_still(struct mnet_sim *sim, uint64_t next)
{
    struct mn_scheduler *scheduler = sim->loop.scheduler; /* NULL: the programs have ended */
    if (scheduler == NULL || mn_scheduler_deadline(scheduler) != MNET_NEVER)
        sim->awaited_ns = sim->now;
    return next == MNET_NEVER || next - sim->awaited_ns > STANDSTILL_NS;
}

static void sim_wait(void *context, uint64_t deadline)
{
    struct mnet_sim *sim = context;
    if (sim->fresh) {
        sim->fresh = false; /* the stacks look first */
        return;
    }
    uint64_t next = MN_MIN(deadline, mn_sim_next_arrival(sim));
    if (next > sim->until || stands_still(sim, next)) {
        if (sim->until != MNET_NEVER)
            move_to(sim, sim->until);
        cut_off(sim);
        return;
    }
    move_to(sim, next);
}

/* ---- Tasks ---- */

static void add_job(struct mnet_sim_host *host, int (*run)(struct mnet_env *env, void *argument), void *argument,
                    bool server)
{
    struct mnet_sim *sim = host->sim;
    struct mn_sim_job *job = malloc(sizeof *job);
    MN_ASSERT(job != NULL);
    *job = (struct mn_sim_job){.host = host, .run = run, .argument = argument, .server = server};
    *sim->jobs_end = job;
    sim->jobs_end = &job->next;
    mn_wake_all(&sim->changed);
}

void mnet_sim_spawn(struct mnet_sim_host *host, int (*run)(struct mnet_env *env, void *argument), void *argument)
{
    add_job(host, run, argument, false);
}

void mnet_sim_serve(struct mnet_sim_host *host, int (*run)(struct mnet_env *env, void *argument), void *argument)
{
    add_job(host, run, argument, true);
}

/* The function has returned, or called mnet_exit. */
static void end_job(void *context, int result)
{
    struct mnet_sim *sim = context;
    if (sim->result == 0)
        sim->result = result;
    sim->running--;
    mn_wake_all(&sim->changed);
}

/* Nothing is called after the program's function: its frame is the last one. */
static int run_job(void *argument)
{
    struct mn_sim_job job = *(struct mn_sim_job *)argument;
    free(argument);
    mnet_task_set_name(mnet_self(), job.host->name);
    if (!job.server)
        mn_task_set_at_end(mnet_self(), end_job, job.host->sim);
    return job.run(&job.host->env, job.argument);
}

static int start_jobs(struct mnet_sim *sim)
{
    while (sim->jobs != NULL) {
        struct mn_sim_job *job = sim->jobs;
        bool server = job->server;
        if (mnet_spawn(NULL, run_job, job) != 0)
            return MNET_E_NO_MEMORY;
        sim->jobs = job->next;
        if (sim->jobs == NULL)
            sim->jobs_end = &sim->jobs;
        sim->running += !server;
    }
    return 0;
}

/* The first task: starts the jobs and ends when none but servers runs, which are cancelled by its
 * negative result. */
static int conduct(void *argument)
{
    struct mnet_sim *sim = argument;
    int error;
    do
        error = start_jobs(sim);
    while (error == 0 && sim->running > 0 && (error = mn_wait(&sim->changed, MNET_NEVER)) == 0);
    if (error == MNET_E_NO_MEMORY && sim->result == 0)
        sim->result = error;
    return MNET_E_CANCELLED;
}

int mnet_sim_run(struct mnet_sim *sim, uint64_t until)
{
    sim->until = until;
    sim->awaited_ns = sim->now;
    sim->result = 0;
    sim->running = 0;
    sim->cut_off = false;
    sim->idle_after_cut = 0;
    int ignored;
    int error = mn_loop_run(&sim->loop, &mn_hosted_stacks, conduct, sim, &ignored);
    drop_jobs(sim);
    if (error != 0)
        return error;
    return sim->cut_off ? MNET_E_DEADLINE : sim->result;
}
