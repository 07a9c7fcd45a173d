/* The program around mnet_main: see bare.h. */
#include "ports/bare/bare.h"

#include <mnet/memory.h>

#include <string.h>

#include "base/format.h"
#include "base/random.h"
#include "ports/bare/arguments.h"
#include "stack/status.h"

/* The least memory of a machine: a stack's share of it is the smallest that works, the rest is for
 * tasks. */
#define MEMORY_LEAST (MNET_MEMORY_MINIMUM / 65 * 100 + 100)

/* The state that a further processor would have again, with a stack of its own. */
static struct bare_processor {
    struct mn_loop loop;
    struct mnet_env env;
    struct mn_random random; /* seeded once: sources of entropy are slow, and may run dry */
} processor;

/* One program runs on a machine. */
static struct bare_machine {
    const struct mn_bare_port *port;
    struct mn_heap *heap;
    char *argv[MN_BARE_ARGUMENTS + 1];
    bool times;       /* lines on the console begin with the time */
    bool inside_line; /* one has begun */
} machine;

/* One line on the console: `program: text`. */
static void complain(const char *program, const char *text)
{
    char line[320];
    size_t len = mn_format(line, sizeof line, "%s: %s\n", program, text);
    machine.port->print(machine.port->context, line, MN_MIN(len, sizeof line - 1));
}

/* Seconds since the machine began, in front of a line. */
static void print_time(void *context)
{
    char stamp[40];
    uint64_t us = (machine.port->now(context) - machine.port->began) / MNET_MICROSECOND;
    size_t len = mn_format(stamp, sizeof stamp, "[%5u.%06u] ", (unsigned)(us / 1000000), (unsigned)(us % 1000000));
    machine.port->print(context, stamp, MN_MIN(len, sizeof stamp - 1));
}

static void bare_print(void *context, enum mn_console console, const char *text, size_t len)
{
    (void)console; /* a machine has one */
    while (machine.times && len > 0) {
        const char *newline = memchr(text, '\n', len);
        size_t line = newline != NULL ? (size_t)(newline - text) + 1 : len;
        if (!machine.inside_line)
            print_time(context);
        machine.inside_line = newline == NULL;
        machine.port->print(context, text, line);
        text += line;
        len -= line;
    }
    machine.port->print(context, text, len);
}

/* Takes --console-time, the one option that all machines have and no process has, out of the
 * arguments. */
static void take_console_time(int *argc)
{
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(machine.argv[i], "--console-time") == 0)
            machine.times = true;
        else
            machine.argv[kept++] = machine.argv[i];
    }
    machine.argv[kept] = NULL;
    *argc = kept;
}

static bool bare_entropy(void *context, void *buffer, size_t len)
{
    (void)context;
    mn_random_bytes(&processor.random, buffer, len);
    return true;
}

static struct mnet_device *bare_open_device(void *context, const struct mn_device_request *request)
{
    char why[200] = "frames cannot be recorded here: there are no files for --capture";
    struct mnet_device *device = NULL;
    if (request->capture == NULL)
        device = machine.port->open_device(context, request, &processor.env.options, why, sizeof why);
    if (device == NULL)
        complain(machine.argv[0], why);
    return device;
}

static void *bare_allocate(void *context, size_t size)
{
    (void)context;
    return mn_heap_take(machine.heap, size, MN_HEAP_PAGE);
}

static void bare_release(void *context, void *region, size_t size)
{
    if (machine.port->devices_stopped == NULL || machine.port->devices_stopped(context))
        mn_heap_give(machine.heap, region, size);
}

void mn_bare_input_came(void)
{
    mn_wake_all(&processor.env.input_waiters);
}

void mn_bare_stop(void)
{
    mn_loop_cancel(&processor.loop);
}

static bool seed_random(char *why, size_t why_size)
{
    uint8_t seed[MN_RANDOM_SEED];
    if (!machine.port->seed(machine.port->context, seed, sizeof seed, why, why_size))
        return false;
    mn_random_init(&processor.random, seed);
    memset(seed, 0, sizeof seed);
    return true;
}

/* The program's arguments, of the command line. */
static bool take_arguments(char *program, char *command_line, int *argc, char *why, size_t why_size)
{
    if (!mn_arguments_split(command_line, program, machine.argv, MN_BARE_ARGUMENTS, argc)) {
        mn_format(why, why_size, "the command line has more than %d words, or a quote without an end",
                  MN_BARE_ARGUMENTS);
        return false;
    }
    const char *wrong = machine.port->kernel_line ? mn_arguments_leave_kernel(machine.argv, argc) : NULL;
    if (wrong != NULL) {
        mn_format(why, why_size, "%.80s: what stands before -- is for a kernel", wrong);
        return false;
    }
    take_console_time(argc);
    return true;
}

/* Checks and prepares all that the program needs to begin. */
static bool prepare(char *program, char *command_line, int *argc, char *why, size_t why_size)
{
    if (!take_arguments(program, command_line, argc, why, why_size))
        return false;
    size_t budget = mn_heap_budget(machine.heap);
    if (budget < MEMORY_LEAST) {
        mn_format(why, why_size, "too little memory: %zu KiB besides the program, where %u KiB are needed",
                  budget / 1024, MEMORY_LEAST / 1024);
        return false;
    }
    return seed_random(why, why_size);
}

/* Weak: an application need not define it. */
extern const struct mnet_program mnet_program __attribute__((weak));

static int first_task(void *env)
{
    const char *status = processor.env.options.status;
    if (status != NULL && strcmp(status, "console") != 0) {
        complain(machine.argv[0], "--status: here connections are told on the console only: --status=console");
        return 1;
    }
    int error = status != NULL ? mnet_spawn(NULL, mn_status_serve_console, env) : MNET_OK;
    return error < 0 ? error : mnet_main(env);
}

static int run(const struct mn_env_setup *setup)
{
    const struct mn_loop_port port = {setup->now, setup->wait, setup->context};
    int result = 0;
    mn_loop_init(&processor.loop, &port);
    int opened = mn_env_open(&processor.env, &processor.loop, setup);
    if (opened != 0)
        return opened < 0 ? 1 : 0;
    int error = mn_loop_run(&processor.loop, &setup->task_stacks, first_task, &processor.env, &result);
    return mn_env_end(&processor.env, error, result);
}

int mn_bare_main(const struct mn_bare_port *port, struct mn_heap *heap, char *program, char *command_line)
{
    char why[200] = "";
    machine.port = port;
    machine.heap = heap;
    struct mn_env_setup setup = {
        .argv = machine.argv,
        .program = &mnet_program,
        .options = port->options,
        .context = port->context,
        .now = port->now,
        .entropy = bare_entropy,
        .wall = port->wall,
        .open_device = bare_open_device,
        .print = bare_print,
        .input = port->input,
        .allocate = bare_allocate,
        .release = bare_release,
        .status = port->input != NULL,
        .memory_size = mn_heap_budget(heap),
        .wait = port->wait,
        .task_stacks = mn_heap_task_stacks(heap),
    };
    if (port->module != NULL)
        setup.module = port->module(port->context, &setup.module_size);
    if (!prepare(program, command_line, &setup.argc, why, sizeof why)) {
        complain(program, why);
        return 1;
    }
    return run(&setup);
}
