/* mnet-run [OPTIONS] -- PROGRAM [ARGUMENT...]: runs a Linux program whose sockets are mnet's. The
 * theory of operation is in run.h.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "tools/mnet-run/run.h"

#define EVENTS 256
#define ADDRESS_WAIT_NS (5 * MNET_SECOND)
/* So much unused memory is kept: connections lend and get back buffers all the time. */
#define SPARE_MEMORY (16 << 20)

/* ---- Signals ---- */

static volatile sig_atomic_t program_pid;

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

/* Signals that were sent to mnet-run are the program's. One of the terminal has reached it
 * already. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_code <= 0 && program_pid > 0)
        kill((pid_t)program_pid, number);
}

static volatile sig_atomic_t children_ended;

static void note_child(int number)
{
    (void)number;
    children_ended = 1;
}

static void pass_signals_on(pid_t program)
{
    struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};
    program_pid = program;
    for (size_t i = 0; i < MN_COUNT_OF(passed_on); i++)
        sigaction(passed_on[i], &action, NULL);
    signal(SIGCHLD, note_child);
}

/* ---- Processes that have ended ---- */

/* The exit status, as a shell tells it. */
static int status_of(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void reap_one(struct runner *run, pid_t pid, int status)
{
    if (pid != run->program)
        return;
    run->program = 0;
    program_pid = 0;
    run->status = status_of(status);
}

/* Of processes that outlive their parents mnet-run is the parent. */
static void reap(struct runner *run)
{
    int status;
    pid_t pid;
    if (!children_ended)
        return;
    children_ended = 0;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        reap_one(run, pid, status);
}

/* The first process has ended, or does so now. */
static int await_status(struct runner *run)
{
    int status;
    pid_t pid;
    while (run->program > 0 && ((pid = waitpid(run->program, &status, 0)) > 0 || errno == EINTR))
        reap_one(run, pid, status);
    return run->status;
}

/* ---- The loop ---- */

static void serve_event(struct runner *run, const struct epoll_event *event)
{
    struct run_socket *socket = event->data.ptr;
    if (socket->buried)
        return;
    if ((event->events & EPOLLHUP) != 0)
        socket->hung_up = true;
    if ((event->events & (EPOLLRDHUP | EPOLLHUP)) != 0)
        socket->finishing = true;
    if ((event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0)
        socket->reads_on = true;
    if ((event->events & ~(uint32_t)EPOLLOUT) != 0)
        socket->readable = true;
    run_mark_ready(run, socket);
}

/* Takes the events of sockets, and those of calls that wait in *calls. Returns how many there
 * were. */
static int take_events(struct runner *run, unsigned *calls)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(run->epoll, events, EVENTS, 0);
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == NULL)
            *calls = events[i].events;
        else
            serve_event(run, &events[i]);
    }
    return count;
}

/* Calls come last: they find the sockets as the program has left them. */
static bool serve_events(struct runner *run)
{
    unsigned calls = 0;
    int count = take_events(run, &calls);
    if (calls != 0)
        run->ended = !run_answer_calls(run, calls);
    return count > 0;
}

/* Serves the sockets that are ready now. Those that become ready meanwhile are for the next
 * turn. */
static bool serve_sockets(struct runner *run)
{
    struct mnet_link end = {0}, *link;
    bool served = false;
    mn_list_append(&run->ready, &end);
    while ((link = mn_list_take(&run->ready)) != &end) {
        run_serve(run, MN_CONTAINER(link, struct run_socket, ready));
        served = true;
    }
    return served;
}

void run_catch_up(struct runner *run)
{
    unsigned calls; /* are answered in the next turn */
    while (take_events(run, &calls) == EVENTS)
        ;
    serve_sockets(run);
}

/* Nothing is ready: what is there to do is a matter of time. */
static void wait_for_work(struct runner *run)
{
    uint64_t retry = run_retry_due(run), deadline = MN_MIN(run_wait_expire(run), run_leftover_expire(run));
    if (retry != 0)
        mn_wait(&run->waiters, MN_MIN(retry, deadline));
}

/* Returns true if there was something to do. */
static bool serve_turn(struct runner *run)
{
    bool worked = serve_events(run);
    worked |= serve_sockets(run);
    run_bury(run);
    reap(run);
    return worked;
}

static void serve(struct runner *run)
{
    while (!run->ended) {
        if (serve_turn(run))
            mnet_yield();
        else
            wait_for_work(run);
    }
}

/* ---- What the program has left ---- */

/* How long a peer may take nothing of it. */
#define UNDELIVERED_NS (10 * MNET_SECOND)
#define LOOK_NS (20 * MNET_MILLISECOND)

/* Of all connections. */
struct delivery {
    uint64_t queued, acked; /* bytes */
};

static bool add_delivery(void *context, const struct mnet_tcp_info *info)
{
    struct delivery *sum = context;
    sum->queued += info->unsent + info->unacked;
    sum->acked += info->bytes_acked;
    return true;
}

static struct delivery look_at_delivery(const struct runner *run)
{
    struct delivery sum = {0, 0};
    mnet_tcp_each(run->stack, add_delivery, &sum);
    return sum;
}

/* There are no calls any more, and nobody to pass signals on to: they end mnet-run. */
static void stop_answering(struct runner *run)
{
    for (size_t i = 0; i < MN_COUNT_OF(passed_on); i++)
        signal(passed_on[i], SIG_DFL);
    mn_hosted_unwatch(&run->calls_watch);
    close(run->notifications); /* leaves the epoll set, too */
    run->notifications = -1;
}

/* As with the kernel, what was written before the program ended is delivered afterwards. */
static void deliver_rest(struct runner *run)
{
    struct delivery last = {0, 0};
    uint64_t deadline = 0;
    stop_answering(run);
    for (;;) {
        while (serve_turn(run))
            mnet_yield();
        const struct delivery now = look_at_delivery(run);
        if (now.queued == 0 && mn_list_empty(&run->retries))
            return;
        if (now.queued != last.queued || now.acked != last.acked)
            deadline = mnet_now() + UNDELIVERED_NS;
        if (mnet_now() >= deadline)
            return;
        last = now;
        mn_wait(&run->waiters, MN_MIN(run_retry_due(run), mnet_now() + LOOK_NS));
    }
}

/* ---- Beginning and end ---- */

static bool get_sizes(struct runner *run)
{
    struct seccomp_notif_sizes sizes;
    if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0)
        return false;
    run->request_size = MN_MAX(sizes.seccomp_notif, sizeof *run->request);
    run->response_size = MN_MAX(sizes.seccomp_notif_resp, sizeof *run->response);
    run->request = calloc(1, run->request_size);
    run->response = calloc(1, run->response_size);
    return run->request != NULL && run->response != NULL;
}

static bool prepare(struct runner *run)
{
    run->epoll = epoll_create1(EPOLL_CLOEXEC);
    mn_list_init(&run->waiters.list);
    run->watch = (struct mn_hosted_watch){.fd = run->epoll, .waiters = &run->waiters};
    if (run->epoll < 0 || !get_sizes(run)) {
        perror("mnet-run");
        return false;
    }
    mn_hosted_watch(&run->watch);
    /* Processes that outlive their parents are ours to wait for. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    mallopt(M_TRIM_THRESHOLD, SPARE_MEMORY);
    return true;
}

static bool watch_calls(struct runner *run)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    run_wake_here(run);
    run->calls_watch = (struct mn_hosted_watch){.fd = run->notifications, .waiters = &run->waiters, .hands_over = true};
    mn_hosted_watch(&run->calls_watch);
    return epoll_ctl(run->epoll, EPOLL_CTL_ADD, run->notifications, &event) == 0;
}

static void finish(struct runner *run)
{
    for (size_t i = 0; i < run->table_size; i++) {
        while (run->table[i] != NULL)
            run_drop(run, run->table[i]);
    }
    run_bury(run);
    mn_hosted_unwatch(&run->watch);
    close(run->epoll);
    free(run->table);
    free(run->inlet);
    run_forget_holder(run);
    free(run->request);
    free(run->response);
}

static int run_program(struct runner *run, char **argv)
{
    if (!prepare(run))
        return 1;
    run->notifications = run_start(run, argv);
    if (run->notifications < 0 || !watch_calls(run))
        return 1;
    pass_signals_on(run->program);
    serve(run);
    int status = await_status(run);
    deliver_rest(run);
    finish(run);
    return status;
}

/* An address of the command line is of no use until it is known that no other station has it. */
static void await_addresses(struct mnet_stack *stack)
{
    struct mnet_stack_address own[RUN_ADDRESSES_MAX];
    uint64_t deadline = mnet_now() + ADDRESS_WAIT_NS;
    bool tentative;
    do {
        uint32_t seen = mnet_stack_changes(stack);
        unsigned count = mnet_stack_addresses(stack, own, RUN_ADDRESSES_MAX);
        tentative = false;
        for (unsigned i = 0; i < MN_MIN(count, RUN_ADDRESSES_MAX); i++) {
            bool of_link = mnet_address_can_have_zone(own[i].prefix.address);
            tentative |= own[i].state == MNET_ADDRESS_TENTATIVE && !of_link;
        }
        if (tentative && mnet_stack_await_change(stack, seen, deadline) < 0)
            return;
    } while (tentative);
}

static int start_stack(struct runner *run)
{
    struct mnet_config config = {0};
    if (run->options.bad_link) {
        /* Each frame has its own fate, so none may stand for several. */
        run->env->options.config.no_checksum_offload = true;
        run->env->options.config.no_segmentation_offload = true;
        struct mnet_device *device = mnet_env_take_device(run->env, NULL);
        if (device == NULL)
            return MNET_E_NO_DEVICE;
        config.device = run_bad_link(device, &run->options.path);
        if (config.device == NULL)
            return MNET_E_NO_MEMORY;
    }
    return mnet_stack_up(run->env, &config, &run->stack);
}

static void print_stats(const struct runner *run)
{
    fprintf(stderr, "mnet-run: %llu calls answered, %llu sockets\n", (unsigned long long)run->calls,
            (unsigned long long)run->sockets);
}

int mnet_main(struct mnet_env *env)
{
    struct run_options options = {0};
    char **argv = run_read_options(env, &options);
    struct runner *run = argv != NULL ? calloc(1, sizeof *run) : NULL;
    if (run == NULL)
        return argv != NULL ? MNET_E_NO_MEMORY : 1;
    run->env = env;
    run->options = options;
    int result = start_stack(run);
    if (result == MNET_OK) {
        await_addresses(run->stack);
        result = run_program(run, argv);
        if (options.stats)
            print_stats(run);
    }
    free(run);
    return result;
}
