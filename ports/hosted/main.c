/* The program around mnet_main.
 *
 * The loop's `wait` sleeps (ring.h, or ppoll) on the devices of all stacks, on standard input if
 * a task waits for it, and on an eventfd that the signal handler writes, so no signal is missed
 * between the check and the sleep. A loop that is never idle does not wait: it notices signals,
 * input and watched descriptors through the clock, which it reads once in each turn.
 *
 * With --cores=N this is so in N threads (cores.h), each of which has an environment and a loop of
 * its own. The first one has the input, gets the signals, and passes them on.
 */
#include "ports/hosted/hosted.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <mnet/capture.h>

#include "ports/hosted/cores.h"
#include "ports/hosted/ring.h"
#include "ports/hosted/stacks.h"
#include "ports/hosted/status.h"
#include "stack/stack.h"

/* So that a stack's default share of 65 % is 256 MiB. The system gives only the pages that
 * are touched. */
#define MEMORY_BYTES ((size_t)394 << 20)
/* A busy loop looks for console input once in so many turns. */
#define TURNS_PER_INPUT_CHECK 64

struct process {
    const struct mn_hosted_port *port;
    uint16_t core;
    char **argv; /* this core's copy */
    struct mn_loop loop;
    struct mnet_env env;
    unsigned turns;
    bool waited; /* since the clock was read last */
    bool silent; /* another core has reported its failure */
    /* Of other threads, and of the signal handler: */
    atomic_bool stop_requested;
    int stop_fd;
};

/* The cores. Those behind the first are NULL until the command line has been read. */
static struct process *processes[MN_OPTIONS_CORES];
static uint16_t process_count;

/* Descriptors that tasks wait for: struct mn_hosted_watch. */
static _Thread_local struct mnet_link watches;

/* For the standard IPv6 addresses of all cores. */
static uint8_t ipv6_secret[16];

static void request_stop(struct process *process)
{
    atomic_store(&process->stop_requested, true);
    ssize_t ignored = write(process->stop_fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)ignored;
}

static void on_stop_signal(int signal_number)
{
    (void)signal_number;
    int saved = errno;
    request_stop(processes[0]);
    errno = saved;
}

static bool catch_signals(void)
{
    /* SA_RESETHAND: the second signal has its usual effect. */
    struct sigaction stop = {.sa_handler = on_stop_signal, .sa_flags = (int)SA_RESETHAND};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    return processes[0]->stop_fd >= 0 && sigaction(SIGINT, &stop, NULL) == 0 && sigaction(SIGTERM, &stop, NULL) == 0 &&
           sigaction(SIGPIPE, &ignore, NULL) == 0;
}

static void stop_others(const struct process *process)
{
    for (uint16_t i = 0; i < process_count; i++) {
        if (processes[i] != process)
            request_stop(processes[i]);
    }
}

static void obey_stop(struct process *process)
{
    if (!atomic_load_explicit(&process->stop_requested, memory_order_relaxed))
        return;
    atomic_store(&process->stop_requested, false);
    mn_loop_cancel(&process->loop);
    if (process->core == 0)
        stop_others(process);
}

static bool input_awaited(const struct process *process)
{
    return mn_waiting(&process->env.input_waiters);
}

/* The devices of all stacks of the loop. Returns how many. */
static unsigned stack_fds(const struct process *process, struct pollfd *fds, unsigned max)
{
    const struct mnet_link *stacks = &process->loop.stacks;
    unsigned count = 0;
    for (const struct mnet_link *link = mn_list_begin(stacks); link != stacks && count < max; link = link->next) {
        const struct mnet_stack *stack = MN_CONTAINER(link, struct mnet_stack, loop_link);
        fds[count++] = (struct pollfd){mnet_stack_fd(stack), POLLIN, 0};
    }
    return count;
}

void mn_hosted_watch(struct mn_hosted_watch *watch)
{
    mn_list_append(&watches, &watch->link);
}

void mn_hosted_unwatch(struct mn_hosted_watch *watch)
{
    mn_list_remove(&watch->link);
    mn_ring_forget(watch->fd);
}

static unsigned watch_fds(struct pollfd *fds, unsigned max)
{
    unsigned count = 0;
    for (const struct mnet_link *link = watches.next; !mn_list_empty(&watches) && link != &watches; link = link->next) {
        if (count < max)
            fds[count++] = (struct pollfd){MN_CONTAINER(link, struct mn_hosted_watch, link)->fd, POLLIN, 0};
    }
    return count;
}

/* `fds` are those of watch_fds. */
static void wake_watchers(const struct pollfd *fds, unsigned count)
{
    struct mnet_link *link = watches.next;
    for (unsigned i = 0; i < count; i++, link = link->next) {
        if (fds[i].revents != 0)
            mn_wake_all(MN_CONTAINER(link, struct mn_hosted_watch, link)->waiters);
    }
}

static bool watch_hands_over(void)
{
    bool any = false;
    for (const struct mnet_link *link = watches.next; !mn_list_empty(&watches) && link != &watches; link = link->next)
        any |= MN_CONTAINER(link, struct mn_hosted_watch, link)->hands_over;
    return any;
}

static void wait_for_any(struct pollfd *fds, unsigned count, uint64_t deadline)
{
    if (!watch_hands_over() && mn_ring_wait(fds, count, deadline))
        return;
    mn_ring_flush();
    mn_hosted_wait(fds, count, deadline);
}

/* Without waiting. */
static void look_at_watches(void)
{
    struct pollfd fds[MN_HOSTED_WAIT_MAX];
    unsigned count = watch_fds(fds, MN_HOSTED_WAIT_MAX);
    if (count > 0 && poll(fds, count, 0) > 0)
        wake_watchers(fds, count);
}

static void process_wait(void *context, uint64_t deadline)
{
    struct process *process = context;
    struct pollfd fds[MN_HOSTED_WAIT_MAX];
    unsigned count = 0;
    fds[count++] = (struct pollfd){process->stop_fd, POLLIN, 0};
    fds[count++] = (struct pollfd){input_awaited(process) ? STDIN_FILENO : -1, POLLIN, 0};
    unsigned watched = watch_fds(fds + count, MN_HOSTED_WAIT_MAX - count);
    struct pollfd *watch = fds + count;
    count += watched;
    count += stack_fds(process, fds + count, MN_HOSTED_WAIT_MAX - count);
    wait_for_any(fds, count, deadline);
    process->waited = true;
    wake_watchers(watch, watched);
    if (fds[0].revents != 0) {
        uint64_t signals;
        ssize_t ignored = read(process->stop_fd, &signals, sizeof signals);
        (void)ignored;
    }
    if (fds[1].revents != 0)
        mn_wake_all(&process->env.input_waiters);
    obey_stop(process);
}

static uint64_t process_now(void *context)
{
    struct process *process = context;
    obey_stop(process);
    if (!process->waited)
        look_at_watches();
    process->waited = false;
    if (++process->turns % TURNS_PER_INPUT_CHECK == 0 && input_awaited(process)) {
        struct pollfd input = {STDIN_FILENO, POLLIN, 0};
        if (poll(&input, 1, 0) > 0)
            mn_wake_all(&process->env.input_waiters);
    }
    return mn_hosted_now(NULL);
}

/* Input that has come, without waiting: the descriptor may be shared with other programs, so its
 * mode is left alone. */
static ptrdiff_t process_input(void *context, void *buffer, size_t len)
{
    (void)context;
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, 0) <= 0)
        return MNET_E_DEADLINE;
    ssize_t got = read(STDIN_FILENO, buffer, len);
    if (got >= 0)
        return got;
    return errno == EINTR || errno == EAGAIN ? MNET_E_DEADLINE : MNET_E_IO;
}

static void process_print(void *context, enum mn_console console, const char *text, size_t len)
{
    const struct process *process = context;
    if (console == MN_CONSOLE_OUTPUT || !process->silent)
        mn_hosted_print(NULL, console, text, len);
}

static struct mnet_device *open_queue(const struct process *process, const struct mn_device_request *request, char *why,
                                      size_t why_size)
{
    const struct mn_options *options = &process->env.options;
    if (process_count == 1)
        return process->port->open_device(request, options, NULL, why, why_size);
    struct mnet_device *device = NULL;
    mn_cores_lock();
    struct mn_queue *queue = mn_cores_queue(request->name, process->core);
    if (queue == NULL)
        snprintf(why, why_size, "%s: no memory", request->name);
    else if (queue->open)
        snprintf(why, why_size, "%s: this core has its queue already", request->name);
    else
        device = process->port->open_device(request, options, queue, why, why_size);
    mn_cores_unlock();
    return device;
}

#define FILE_NAME_MAX 256

/* The file of an option: FILE itself, and behind the first core FILE.1 and so on. */
static const char *name_file(uint16_t core, const char *file, char *name)
{
    snprintf(name, FILE_NAME_MAX, core > 0 ? "%s.%u" : "%s", file, (unsigned)core);
    return name;
}

static struct mnet_device *capture(const struct process *process, const char *file, struct mnet_device *device,
                                   char *why, size_t why_size)
{
    char own[FILE_NAME_MAX];
    name_file(process->core, file, own);
    struct mnet_device *captured = mnet_capture_open_file(own, device, NULL, NULL);
    if (captured == NULL) {
        snprintf(why, why_size, "%.200s: %s", own, strerror(errno));
        device->ops->close(device);
    }
    return captured;
}

static struct mnet_device *open_and_go_on(const struct process *process, const struct mn_device_request *request,
                                          char *why, size_t why_size)
{
    struct mnet_device *device = open_queue(process, request, why, why_size);
    if (device != NULL && request->capture != NULL)
        device = capture(process, request->capture, device, why, why_size);
    if (device == NULL || mn_cores_start_next(process->core))
        return device;
    snprintf(why, why_size, "no thread for another core");
    device->ops->close(device);
    return NULL;
}

static struct mnet_device *process_open_device(void *context, const struct mn_device_request *request)
{
    const struct process *process = context;
    char why[256] = "";
    struct mnet_device *device = open_and_go_on(process, request, why, sizeof why - 1);
    if (device == NULL && (process_count == 1 || mn_cores_may_complain())) {
        strcat(why, "\n");
        process_print(context, MN_CONSOLE_ERROR, why, strlen(why));
    }
    return device;
}

/* Weak: an application need not define it. */
extern const struct mnet_program mnet_program __attribute__((weak));

static int first_task(void *environment)
{
    struct mnet_env *env = environment;
    const char *status = env->options.status;
    char own[FILE_NAME_MAX];
    int error = status != NULL ? mn_hosted_status_open(env, name_file(env->setup.core, status, own)) : MNET_OK;
    return error < 0 ? 1 : mnet_main(env);
}

static bool has_failed(const struct process *process, int error, int result)
{
    bool told_to_end = result == MNET_E_CANCELLED && process->loop.stopped;
    return error < 0 || (result != 0 && !told_to_end);
}

/* The exit status of the program that `process` has been prepared for. It ends on all cores if it
 * fails on one, and the first one that fails says why; or if it ends on the first core, which
 * answers for all. */
static int run(struct process *process)
{
    int result = 0;
    int error = mn_loop_run(&process->loop, &process->env.setup.task_stacks, first_task, &process->env, &result);
    bool failed = process_count > 1 && has_failed(process, error, result);
    if (failed)
        process->silent = !mn_cores_may_complain();
    if (failed || process->core == 0)
        stop_others(process);
    int status = mn_env_end(&process->env, error, result);
    mn_ring_close();
    return status;
}

/* Returns as mn_env_open. */
static int prepare(struct process *process, int argc)
{
    const struct mn_loop_port loop_port = {process_now, process_wait, process};
    struct mn_env_setup setup = {
        .argc = argc,
        .argv = process->argv,
        .program = &mnet_program,
        .context = process,
        .now = mn_hosted_now, /* cheap: a stack asks in each turn in which it sends */
        .entropy = mn_hosted_entropy,
        .wall = mn_hosted_wall,
        .open_device = process_open_device,
        .print = process_print,
        .input = process->core == 0 ? process_input : NULL,
        .allocate = mn_hosted_allocate,
        .release = mn_hosted_release,
        .has_cores = true,
        .core = process->core,
        .ipv6_secret = process->core > 0 ? ipv6_secret : NULL,
        .status = true,
        .memory_size = MEMORY_BYTES,
        .wait = process_wait,
        .task_stacks = mn_hosted_stacks,
    };
    prctl(PR_SET_TIMERSLACK, 1ul); /* wake from ppoll when the deadline says, not 50 us later */
    mn_loop_init(&process->loop, &loop_port);
    return mn_env_open(&process->env, &process->loop, &setup);
}

/* NULL if there is no memory. It stays as long as the process: a signal may come at any time. */
static struct process *create(const struct mn_hosted_port *port, uint16_t core, int argc, char *const *argv)
{
    struct process *process = calloc(1, sizeof *process);
    char **copy = calloc((size_t)argc + 1, sizeof *copy);
    if (process == NULL || copy == NULL) {
        free(process);
        free(copy);
        return NULL;
    }
    memcpy(copy, argv, (size_t)argc * sizeof *copy);
    process->port = port;
    process->core = core;
    process->argv = copy;
    process->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return process;
}

static int argument_count;

/* Behind the first core, in a thread. */
static int run_core(uint16_t core)
{
    return prepare(processes[core], argument_count) == 0 ? run(processes[core]) : 1;
}

/* Prepares the other cores, which begin later. */
static bool add_cores(const struct mn_hosted_port *port, uint16_t count, int argc, char *const *argv)
{
    for (; process_count < count; process_count++) {
        struct process *process = create(port, process_count, argc, argv);
        if (process == NULL)
            return false;
        processes[process_count] = process;
    }
    mn_cores_set_up(count, run_core);
    processes[0]->env.setup.ipv6_secret = count > 1 ? ipv6_secret : NULL;
    return mn_hosted_entropy(NULL, ipv6_secret, sizeof ipv6_secret);
}

static int fail(const char *text)
{
    mn_hosted_print(NULL, MN_CONSOLE_ERROR, text, strlen(text));
    return 1;
}

int mn_hosted_main(const struct mn_hosted_port *port, int argc, char **argv)
{
    argument_count = argc;
    processes[0] = create(port, 0, argc, argv);
    process_count = processes[0] != NULL;
    if (process_count == 0 || !catch_signals())
        return fail("cannot catch signals\n");
    int opened = prepare(processes[0], argc);
    if (opened != 0)
        return opened < 0 ? 1 : 0;
    uint16_t cores = (uint16_t)mnet_env_cores(&processes[0]->env);
    if (!add_cores(port, cores, argc, argv))
        return fail("no memory for the cores\n");
    int status = run(processes[0]);
    int others = mn_cores_join();
    return status != 0 ? status : others;
}
