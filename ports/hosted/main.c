/* The program around mnet_main.
 *
 * The loop's `wait` sleeps in ppoll on the devices of all stacks, on the standard input if a
 * task waits for it, and on an eventfd that the signal handler writes, so no signal is missed
 * between the check and the sleep. A loop that is never idle does not wait: it notices signals,
 * input and watched descriptors through the clock, which it reads once in each turn.
 */
#include "ports/hosted/hosted.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <mnet/capture.h>

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
    struct mn_loop loop;
    struct mnet_env env;
    unsigned turns;
    bool waited; /* since the clock was read last */
};

/* Descriptors that tasks wait for: struct mn_hosted_watch. */
static struct mnet_link watches;

/* The state of the signal handler. */
static volatile sig_atomic_t stop_requested;
static int stop_fd = -1;

static void on_stop_signal(int signal_number)
{
    (void)signal_number;
    int saved = errno;
    stop_requested = 1;
    ssize_t ignored = write(stop_fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)ignored;
    errno = saved;
}

static bool catch_signals(void)
{
    stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    /* SA_RESETHAND: the second signal has its usual effect. */
    struct sigaction stop = {.sa_handler = on_stop_signal, .sa_flags = (int)SA_RESETHAND};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    return stop_fd >= 0 && sigaction(SIGINT, &stop, NULL) == 0 && sigaction(SIGTERM, &stop, NULL) == 0 &&
           sigaction(SIGPIPE, &ignore, NULL) == 0;
}

static void obey_stop(struct process *process)
{
    if (stop_requested) {
        stop_requested = 0;
        mn_loop_cancel(&process->loop);
    }
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
    fds[count++] = (struct pollfd){stop_fd, POLLIN, 0};
    fds[count++] = (struct pollfd){input_awaited(process) ? STDIN_FILENO : -1, POLLIN, 0};
    unsigned watched = watch_fds(fds + count, MN_HOSTED_WAIT_MAX - count);
    struct pollfd *watch = fds + count;
    count += watched;
    count += stack_fds(process, fds + count, MN_HOSTED_WAIT_MAX - count);
    mn_hosted_wait(fds, count, deadline);
    process->waited = true;
    wake_watchers(watch, watched);
    if (fds[0].revents != 0) {
        uint64_t signals;
        ssize_t ignored = read(stop_fd, &signals, sizeof signals);
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

static struct mnet_device *open_captured(struct process *process, const struct mn_device_request *request, char *why,
                                         size_t why_size)
{
    struct mnet_device *device = process->port->open_device(request, &process->env.options, why, why_size);
    if (device == NULL || request->capture == NULL)
        return device;
    struct mnet_device *capture = mnet_capture_open_file(request->capture, device, NULL, NULL);
    if (capture == NULL) {
        snprintf(why, why_size, "%s: %s", request->capture, strerror(errno));
        device->ops->close(device);
    }
    return capture;
}

static struct mnet_device *process_open_device(void *context, const struct mn_device_request *request)
{
    char why[256] = "";
    struct mnet_device *device = open_captured(context, request, why, sizeof why - 1);
    if (device == NULL) {
        strcat(why, "\n");
        mn_hosted_print(context, MN_CONSOLE_ERROR, why, strlen(why));
    }
    return device;
}

/* Weak: an application need not define it. */
extern const struct mnet_program mnet_program __attribute__((weak));

static int first_task(void *environment)
{
    struct mnet_env *env = environment;
    int error = env->options.status != NULL ? mn_hosted_status_open(env, env->options.status) : MNET_OK;
    return error < 0 ? 1 : mnet_main(env);
}

/* The exit status of the program that `process` has been prepared for. */
static int run(struct process *process)
{
    int result = 0;
    int error = mn_loop_run(&process->loop, &process->env.setup.task_stacks, first_task, &process->env, &result);
    return mn_env_end(&process->env, error, result);
}

int mn_hosted_main(const struct mn_hosted_port *port, int argc, char **argv)
{
    static struct process process; /* large; there is one program in a process */
    process.port = port;
    const struct mn_loop_port loop_port = {process_now, process_wait, &process};
    struct mn_env_setup setup = {
        .argc = argc,
        .argv = argv,
        .program = &mnet_program,
        .context = &process,
        .now = process_now,
        .entropy = mn_hosted_entropy,
        .wall = mn_hosted_wall,
        .open_device = process_open_device,
        .print = mn_hosted_print,
        .input = process_input,
        .allocate = mn_hosted_allocate,
        .release = mn_hosted_release,
        .status = true,
        .memory_size = MEMORY_BYTES,
        .wait = process_wait,
        .task_stacks = mn_hosted_stacks,
    };
    if (!catch_signals()) {
        static const char text[] = "cannot catch signals\n";
        mn_hosted_print(&process, MN_CONSOLE_ERROR, text, sizeof text - 1);
        return 1;
    }
    prctl(PR_SET_TIMERSLACK, 1ul); /* wake from ppoll when the deadline says, not 50 us later */
    mn_loop_init(&process.loop, &loop_port);
    int opened = mn_env_open(&process.env, &process.loop, &setup);
    if (opened != 0)
        return opened < 0 ? 1 : 0;
    return run(&process);
}
