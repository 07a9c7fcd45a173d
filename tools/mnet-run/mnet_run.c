/* mnet-run [OPTIONS] -- PROGRAM [ARGUMENT...]: runs a Linux program whose sockets are mnet's. The
 * theory of operation is in run.h.
 */
#include <errno.h>
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

const struct mnet_program mnet_program = {
    .arguments = "-- PROGRAM [ARGUMENT...]",
    .summary = "Runs a Linux program, unchanged, with its sockets on mnet.",
};

/* ---- Signals ---- */

static volatile sig_atomic_t program_pid;

/* Signals that were sent to mnet-run are the program's. One of the terminal has reached it
 * already. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_code <= 0 && program_pid > 0)
        kill((pid_t)program_pid, number);
}

static void pass_signals_on(pid_t program)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};
    program_pid = program;
    for (size_t i = 0; i < MN_COUNT_OF(numbers); i++)
        sigaction(numbers[i], &action, NULL);
}

/* ---- The loop ---- */

static void serve_event(struct runner *run, const struct epoll_event *event)
{
    struct run_socket *socket = event->data.ptr;
    if (socket == NULL) {
        run->ended = !run_answer_calls(run);
        return;
    }
    if (socket->buried)
        return;
    if ((event->events & EPOLLHUP) != 0)
        socket->hung_up = true;
    run_mark_ready(run, socket);
}

static bool serve_events(struct runner *run)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(run->epoll, events, EVENTS, 0);
    for (int i = 0; i < count; i++)
        serve_event(run, &events[i]);
    return count > 0;
}

/* Serves the sockets that are ready now. Those that become ready meanwhile are for the next
 * turn. */
static bool serve_sockets(struct runner *run)
{
    struct mnet_link *last = mn_list_last(&run->ready), *link = NULL;
    while (last != NULL && link != last) {
        link = mn_list_take(&run->ready);
        run_serve(run, MN_CONTAINER(link, struct run_socket, ready));
    }
    return last != NULL;
}

/* Nothing is ready: what is there to do is a matter of time. */
static void wait_for_work(struct runner *run)
{
    uint64_t retry = run_retry_due(run), deadline = run_wait_expire(run);
    if (retry != 0)
        mn_wait(&run->waiters, MN_MIN(retry, deadline));
}

static void serve(struct runner *run)
{
    while (!run->ended) {
        bool worked = serve_events(run);
        worked |= serve_sockets(run);
        run_bury(run);
        if (worked)
            mnet_yield();
        else
            wait_for_work(run);
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
    return true;
}

static bool watch_calls(struct runner *run)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    return epoll_ctl(run->epoll, EPOLL_CTL_ADD, run->notifications, &event) == 0;
}

/* The exit status, as a shell tells it. */
static int status_of(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* All processes have ended, or do so now. */
static int reap(const struct runner *run)
{
    int status, result = 0;
    pid_t pid;
    while ((pid = wait(&status)) > 0 || (pid < 0 && errno == EINTR)) {
        if (pid == run->program)
            result = status_of(status);
    }
    return result;
}

static void finish(struct runner *run)
{
    for (size_t i = 0; i < run->table_size; i++) {
        while (run->table[i] != NULL)
            run_drop(run, run->table[i]);
    }
    run_bury(run);
    mn_hosted_unwatch(&run->watch);
    close(run->notifications);
    close(run->epoll);
    free(run->table);
    free(run->request);
    free(run->response);
}

static int run_program(struct runner *run, char **argv)
{
    if (!prepare(run))
        return 1;
    run->notifications = run_start(argv, &run->program);
    if (run->notifications < 0 || !watch_calls(run))
        return 1;
    pass_signals_on(run->program);
    serve(run);
    int status = reap(run);
    finish(run);
    return status;
}

/* The words behind "--". NULL: there are none. */
static char **program_of(struct mnet_env *env)
{
    char **argv = mnet_env_argv(env);
    return mnet_env_argc(env) > 2 && strcmp(argv[1], "--") == 0 ? argv + 2 : NULL;
}

int mnet_main(struct mnet_env *env)
{
    char **argv = program_of(env);
    if (argv == NULL)
        return mnet_env_usage(env);
    struct runner *run = calloc(1, sizeof *run);
    if (run == NULL)
        return MNET_E_NO_MEMORY;
    run->env = env;
    int result = mnet_stack_up(env, NULL, &run->stack);
    if (result == MNET_OK)
        result = run_program(run, argv);
    free(run);
    return result;
}
