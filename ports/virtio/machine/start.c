/* The machine comes up, runs its program, and ends. In the order in which one part needs
 * another. */
#include <string.h>

#include "ports/virtio/machine/internal.h"
#include "ports/virtio/machine/x86.h"

#include "base/format.h"
#include "ports/bare/bare.h"
#include "ports/bare/cpu.h"
#include "ports/virtio/devices.h"
#include "task/scheduler.h"

/* vectors.S and boot.S call these. */
_Noreturn void mn_machine_start(uint64_t start_info, uint64_t entered);

#define MSR_FS_BASE 0xc0000100u
/* Compilers expect the stack protector's value at %fs:40. */
#define PROTECTOR_WORD 5

/* The old number of the console's interrupt. */
#define CONSOLE_ISA 4

/* A line that still wants something then has none that it means. */
#define ROUNDS_MAX 10000u

/* A loop that is never idle takes interrupts once in so many turns. */
#define TURNS_PER_LOOK 64u

/* How long entropy is waited for before the console tells of it, and how long for each piece from
 * then on: the host may hand out a little each minute (QEMU's usual period is 65.5 s). */
#define PIECE_NS (1 * MNET_SECOND)
#define SLOW_PIECE_NS (100 * MNET_SECOND)

#define CONTROL_C 3
#define CONTROL_D 4

static struct start_processor {
    uint64_t thread_block[8]; /* %fs points to it */
    unsigned turns;           /* of its loop */
} processor;

static struct start_machine {
    struct mn_boot boot;
    struct mn_acpi acpi;
    struct mn_heap heap;
    char program[64];
    struct mn_interrupt console_interrupt;
    struct {
        char typed[8192]; /* what the program has not read yet, round and round */
        size_t first, count;
        bool ended;
    } input;
} machine;

/* ---- The services for the program ---- */

/* Weak: a program that never reads the console is linked without it. */
extern __typeof__(mnet_input) mnet_input __attribute__((weak));

/* A character that has been typed: Ctrl-C ends the program in order, Ctrl-D its input; a terminal's
 * return is a newline. */
static void take_character(int c)
{
    if (c == CONTROL_C) {
        mn_bare_stop();
    } else if (c == CONTROL_D) {
        machine.input.ended = true;
    } else if (machine.input.count < sizeof machine.input.typed) {
        size_t place = (machine.input.first + machine.input.count++) % sizeof machine.input.typed;
        machine.input.typed[place] = (char)(c == '\r' ? '\n' : c);
    }
}

/* Serves the line. A program that reads gets all that was typed, so the line waits if
 * there is no room. If a program never reads, the line would wait for ever, and a Ctrl-C with it:
 * its input is dropped. */
static void serve_console(void)
{
    machine.console_interrupt.raised = false;
    int c;
    unsigned rounds = 0;
    do {
        while ((mnet_input == NULL || machine.input.count < sizeof machine.input.typed) && (c = mn_console_read()) >= 0)
            take_character(c);
        mn_console_listen(mnet_input == NULL || machine.input.count < sizeof machine.input.typed);
    } while (mn_console_interrupts() && ++rounds < ROUNDS_MAX);
    if (machine.input.count > 0 || machine.input.ended)
        mn_bare_input_came();
}

static uint64_t machine_now(void *context)
{
    (void)context;
    if (++processor.turns % TURNS_PER_LOOK == 0) {
        mn_machine_take_interrupts();
        if (machine.console_interrupt.raised)
            serve_console();
    }
    return mn_machine_now();
}

static uint64_t machine_wall(void *context)
{
    (void)context;
    return mn_machine_wall();
}

static void machine_wait(void *context, uint64_t deadline)
{
    (void)context;
    mn_machine_wait(deadline);
    if (machine.console_interrupt.raised)
        serve_console();
}

static ptrdiff_t machine_input(void *context, void *buffer, size_t len)
{
    (void)context;
    if (machine.input.count == 0)
        return machine.input.ended ? 0 : MNET_E_DEADLINE;
    len = MN_MIN(len, machine.input.count);
    len = MN_MIN(len, sizeof machine.input.typed - machine.input.first);
    memcpy(buffer, machine.input.typed + machine.input.first, len);
    bool waited = machine.input.count == sizeof machine.input.typed;
    machine.input.first = (machine.input.first + len) % sizeof machine.input.typed;
    machine.input.count -= len;
    if (waited)
        serve_console(); /* there may be more, now that there is room */
    return (ptrdiff_t)len;
}

static void machine_print(void *context, const char *text, size_t len)
{
    (void)context;
    mn_machine_print(text, len);
}

/* The only source there is: however slow, as long as something comes. */
static bool await_entropy(void *seed, size_t len)
{
    static const char waiting[] = "waiting for the host's entropy\n";
    if (!mn_devices_have_entropy())
        return false;
    if (mn_devices_entropy(seed, len, PIECE_NS, MNET_NEVER))
        return true;
    mn_machine_print(waiting, sizeof waiting - 1);
    return mn_devices_entropy(seed, len, SLOW_PIECE_NS, MNET_NEVER);
}

/* Both sources, if there are both: neither alone has to be trusted, and the device need not deliver
 * all. */
static bool machine_seed(void *context, void *seed, size_t len, char *why, size_t why_size)
{
    (void)context;
    uint8_t drawn[64]; /* from the processor */
    MN_ASSERT(len <= sizeof drawn);
    memset(seed, 0, len);
    if (!mn_cpu_entropy(drawn, len)) {
        bool device = await_entropy(seed, len);
        if (!device)
            mn_format(why, why_size, "no entropy: %s, and its processor no RDSEED",
                      mn_devices_have_entropy() ? "the machine's virtio-rng delivers none"
                                                : "the machine has no virtio-rng");
        return device;
    }
    (void)mn_devices_entropy(seed, len, PIECE_NS, PIECE_NS);
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)seed)[i] ^= drawn[i];
    return true;
}

static struct mnet_device *machine_open_device(void *context, const struct mn_device_request *request,
                                               const struct mn_options *options, char *why, size_t why_size)
{
    (void)context;
    uint32_t offload = MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6;
    if (options->config.no_segmentation_offload)
        offload = MNET_OFFLOAD_CHECKSUM;
    if (options->config.no_checksum_offload)
        offload = 0;
    return mn_devices_open_net(request->name, request->host, offload, why, why_size);
}

static const void *machine_module(void *context, size_t *len)
{
    (void)context;
    return mn_machine_module(len);
}

static bool machine_devices_stopped(void *context)
{
    (void)context;
    return mn_devices_stopped();
}

static const struct mnet_program_option machine_options[] = {MN_BARE_CONSOLE_TIME, {0}};

static const struct mn_bare_port port = {
    .options = machine_options,
    .kernel_line = true,
    .now = machine_now,
    .wall = machine_wall,
    .wait = machine_wait,
    .seed = machine_seed,
    .open_device = machine_open_device,
    .devices_stopped = machine_devices_stopped,
    .print = machine_print,
    .module = machine_module,
    .input = machine_input,
};

/* ---- Coming up ---- */

static _Noreturn void give_up(const char *why)
{
    char line[160];
    size_t len = mn_format(line, sizeof line, "%s: %s\n", mn_program_name(), why);
    mn_machine_print(line, MN_MIN(len, sizeof line - 1));
    mn_machine_exit(1);
}

static void require(bool fulfilled, const char *why)
{
    if (!fulfilled)
        give_up(why);
}

/* Libraries that were compiled for an operating system may be protected against overwritten return
 * addresses. */
static void start_protector(void)
{
    /* Until there is entropy. */
    processor.thread_block[PROTECTOR_WORD] = mn_rdtsc() * UINT64_C(0x9e3779b97f4a7c15) << 8;
    mn_cpu_entropy(&processor.thread_block[PROTECTOR_WORD], sizeof processor.thread_block[0]);
    mn_wrmsr(MSR_FS_BASE, (uintptr_t)processor.thread_block);
}

_Noreturn void __stack_chk_fail(void);

_Noreturn void __stack_chk_fail(void)
{
    mn_failed(__FILE__, __LINE__, "a function's frame was overwritten");
}

/* `entered` is the time stamp counter at the entry. */
_Noreturn void mn_machine_start(uint64_t start_info, uint64_t entered)
{
    mn_console_start();
    start_protector();
    mn_traps_start();
    const char *why = mn_pvh_read(&machine.boot, start_info);
    require(why == NULL, why);
    require(mn_pages_start(&machine.boot, &machine.heap), "too little memory for the program and its page tables");
    mn_acpi_read(&machine.acpi, machine.boot.rsdp);
    mn_exit_start(&machine.acpi);
    why = mn_buses_read(machine.boot.command_line, &machine.acpi);
    require(why == NULL, why);
    require(mn_clock_start(&machine.acpi, entered), "no clock: nothing tells how fast the processor counts");
    require(mn_interrupts_start(&machine.acpi), "the processor has no local APIC");
    mn_devices_find();
    /* Without it there is no input. */
    if (mn_interrupt_on_line(&machine.console_interrupt, machine.acpi.isa_gsi[CONSOLE_ISA]))
        mn_console_listen(true); /* the first wait looks at the characters typed until then */
    mn_format(machine.program, sizeof machine.program, "%s", mn_program_name());
    mn_machine_exit(mn_bare_main(&port, &machine.heap, machine.program, machine.boot.command_line));
}
