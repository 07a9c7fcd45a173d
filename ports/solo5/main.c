/* The entry of a Solo5 guest, for each of its tenders: memory, clock, waiting, entropy, console and
 * devices for ports/bare.
 *
 * Memory is one piece, the heap, at whose end the first stack lies without anything to stop it from
 * growing into the heap. The event loop runs there, and the application does not: it has task
 * stacks. So the end of the heap is left to the first stack, with a mark below it that is looked at
 * whenever there is nothing else to do.
 *
 * solo5_yield is the one wait: it returns when a frame has come or the deadline is there. There is
 * no console input, and no signal that could end the program from outside, but the tender's end.
 */
#include <solo5.h>

#include <string.h>

#include "base/format.h"
#include "ports/bare/bare.h"
#include "ports/bare/cpu.h"
#include "ports/solo5/entropy.h"
#include "ports/solo5/solo5_port.h"

/* The rest of the stack that the machine starts with. */
#define FIRST_STACK ((size_t)64 * 1024)
/* Waits without a deadline end and begin again. */
#define LONGEST_WAIT (3600 * MNET_SECOND)

static struct mn_solo5 machine;
static volatile uint64_t *stack_mark; /* the lowest word of the first stack */
static enum mn_entropy given;
static uint8_t given_seed[MN_RANDOM_SEED];

static void print_text(const char *text)
{
    solo5_console_write(text, strlen(text));
}

_Noreturn void mnet_panic(const char *file, int line, const char *text)
{
    char report[320];
    const char *task = mnet_task_name(mnet_self());
    mn_format(report, sizeof report, "mnet: %s (%s%s%s%s:%d)\n", text, task[0] != '\0' ? "task \"" : "", task,
              task[0] != '\0' ? "\", " : "", file, line);
    print_text(report);
    solo5_abort();
}

static uint64_t mark_of(volatile uint64_t *place)
{
    return UINT64_C(0xa7d35f1e90c4628b) ^ (uintptr_t)place;
}

static uint64_t port_now(void *context)
{
    (void)context;
    return solo5_clock_monotonic();
}

static uint64_t port_wall(void *context)
{
    (void)context;
    return solo5_clock_wall();
}

static void port_wait(void *context, uint64_t deadline)
{
    (void)context;
    solo5_handle_set_t ready = 0;
    MN_ASSERT(*stack_mark == mark_of(stack_mark)); /* the first stack has not overflowed */
    if (deadline == MNET_NEVER)
        deadline = solo5_clock_monotonic() + LONGEST_WAIT; /* tenders add to it, and convert it */
    solo5_yield(deadline, &ready);
    mn_solo5_discard(&machine, ready);
}

static bool port_seed(void *context, void *seed, size_t len, char *why, size_t why_size)
{
    (void)context;
    uint8_t *bytes = seed;
    if (given == MN_ENTROPY_WRONG) {
        mn_format(why, why_size, MN_ENTROPY_OPTION " wants %u hexadecimal digits", 2 * MN_RANDOM_SEED);
        return false;
    }
    if (!mn_cpu_entropy(seed, len)) {
        if (given == MN_ENTROPY_ABSENT) {
            mn_format(why, why_size,
                      "no entropy: the processor has neither RDSEED nor RDRAND; say " MN_ENTROPY_OPTION
                      "HEX, %u random hexadecimal digits, new ones each time",
                      2 * MN_RANDOM_SEED);
            return false;
        }
        memset(seed, 0, len);
    }
    for (size_t i = 0; i < len; i++)
        bytes[i] ^= given_seed[i % MN_RANDOM_SEED]; /* zeros if none was given */
    memset(given_seed, 0, sizeof given_seed);
    return true;
}

static struct mnet_device *port_open_device(void *context, const struct mn_device_request *request,
                                            const struct mn_options *options, char *why, size_t why_size)
{
    (void)context;
    (void)options;
    if (request->host != NULL) {
        mn_format(why, why_size, "--net:%s=... is an option of the tender: say it in front of the unikernel",
                  request->name);
        return NULL;
    }
    return mn_solo5_open(&machine, request->name, why, why_size);
}

static void port_print(void *context, const char *text, size_t len)
{
    (void)context;
    solo5_console_write(text, len);
}

/* Frames for the device that most programs have are taken off the host's queue from the beginning,
 * also while nobody has opened it: a frame left there ends every wait. */
static void acquire_usual_device(void)
{
    char why[8];
    struct mnet_device *usual = mn_solo5_open(&machine, "service", why, sizeof why);
    if (usual != NULL)
        usual->ops->close(usual);
}

/* The command line, to be modified; NULL if there is too little memory even for it. */
static char *set_up_memory(const struct solo5_start_info *info)
{
    size_t line_size = strlen(info->cmdline) + 1;
    if (info->heap_size <= FIRST_STACK)
        return NULL;
    size_t heap_size = info->heap_size - FIRST_STACK;
    stack_mark = (volatile uint64_t *)(info->heap_start + heap_size);
    *stack_mark = mark_of(stack_mark);
    mn_heap_init(&machine.heap, NULL);
    mn_heap_add(&machine.heap, (void *)info->heap_start, heap_size);
    char *line = mn_heap_take(&machine.heap, line_size, 1);
    return line != NULL ? memcpy(line, info->cmdline, line_size) : NULL;
}

int solo5_app_main(const struct solo5_start_info *info)
{
    static const struct mnet_program_option options[] = {
        MN_BARE_CONSOLE_TIME,
        {MN_ENTROPY_OPTION, "HEX", "64 random hexadecimal digits, where the processor has no source of entropy"},
        {0},
    };
    static struct mn_bare_port port = {
        .options = options,
        .now = port_now,
        .wall = port_wall,
        .wait = port_wait,
        .seed = port_seed,
        .open_device = port_open_device,
        .print = port_print,
    };
    static char program[] = "mnet";
    port.began = solo5_clock_monotonic();
    char *line = set_up_memory(info);
    if (line == NULL) {
        print_text("mnet: too little memory\n");
        return SOLO5_EXIT_FAILURE;
    }
    given = mn_entropy_take_option(line, given_seed);
    acquire_usual_device();
    return mn_bare_main(&port, &machine.heap, program, line);
}
