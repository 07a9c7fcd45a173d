/* A program of a C library as a machine: mnet_main, and what src/syscall asks of a port.
 *
 * The C library is Debian's musl, as it is. The program begins at its _start, with a stack as Linux
 * lays it out, and makes system calls by the instruction syscall, which works in ring 0, too.
 */
#include "ports/virtio/program/program.h"

#include <string.h>

#include <mnet/env.h>
#include <mnet/memory.h>

#include "ports/bare/bare.h"
#include "ports/virtio/machine/internal.h"
#include "ports/virtio/machine/x86.h"
#include "stack/env.h"
#include "syscall/system.h"

#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_SFMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define EFER_SYSCALL 1u
/* The code segment while a call is served: the same. */
#define STAR_VALUE ((uint64_t)8 << 32)
/* Flags that are cleared then: trap, direction, alignment check. */
#define SFMASK_VALUE 0x40500u

/* The network's share of the memory, unless --memory gives another, and the program's of the
 * rest. */
#define NETWORK_PERCENT 30u
#define PROGRAM_PERCENT 85u

#define VARIABLES_MAX 32

/* Of the linker script, the C library, and mnet-cc. */
extern char _start[], mn_tls_start[], mn_tls_file_end[], mn_tls_size[], mn_tls_alignment[];
extern const char mn_program_archive[] __attribute__((weak)), mn_program_archive_end[] __attribute__((weak));

static struct program_processor {
    struct mn_thread *thread; /* that runs, or whose call is served */
    uint64_t pointer;         /* FS */
} processor;

static struct program_machine {
    struct mn_system system;
    char *variables[VARIABLES_MAX + 1];
    char *arguments[MN_BARE_ARGUMENTS + 1];
} machine;

static const struct mnet_program_option own_options[] = {
    {"--env=", "NAME=VALUE", "a variable of the program's environment, up to 32"},
    {"--trace", NULL, "print each system call"},
    {0},
};

const struct mnet_program mnet_program = {.arguments = "[--] ARGUMENT...", .options = own_options};

/* ---- The functions of struct mn_system_port ---- */

static uint64_t program_now(void *context)
{
    (void)context;
    return mn_machine_now();
}

static void program_print(void *env, const char *text, size_t len)
{
    mnet_output(env, text, len);
}

static ptrdiff_t program_input(void *env, void *buffer, size_t len, uint64_t deadline)
{
    return mnet_input(env, buffer, len, deadline);
}

static void program_random(void *env, void *bytes, size_t len)
{
    struct mnet_env *own = env;
    (void)own->setup.entropy(own->setup.context, bytes, len);
}

static bool program_protect(void *context, void *start, size_t size, bool accessible, bool writable)
{
    uint64_t first = (uintptr_t)start;
    (void)context;
    return mn_pages_map(first, first + size,
                        !accessible ? MN_ACCESS_NONE
                        : writable  ? MN_ACCESS_WRITE
                                    : MN_ACCESS_READ);
}

static void program_set_registers(void *context, struct mn_thread *thread, uint64_t entry, uint64_t stack)
{
    (void)context;
    *(struct mn_registers *)(void *)thread->registers = (struct mn_registers){.rip = entry, .rsp = stack};
}

static void program_copy_registers(void *context, struct mn_thread *child, const struct mn_thread *parent,
                                   uint64_t stack)
{
    struct mn_registers *registers = (struct mn_registers *)(void *)child->registers;
    (void)context;
    *registers = *(const struct mn_registers *)parent->frame;
    registers->rax = 0;
    registers->rsp = stack;
}

/* The thread runs from now on. */
static void become(struct mn_thread *thread)
{
    processor.thread = thread;
    if (processor.pointer == thread->pointer)
        return;
    processor.pointer = thread->pointer;
    mn_wrmsr(MSR_FS_BASE, thread->pointer);
}

static void program_run(void *context, struct mn_thread *thread)
{
    (void)context;
    become(thread);
    mn_program_enter((const struct mn_registers *)(const void *)thread->registers);
}

void mn_program_call(struct mn_registers *registers)
{
    struct mn_thread *thread = processor.thread;
    const uint64_t arguments[] = {registers->rdi, registers->rsi, registers->rdx,
                                  registers->r10, registers->r8,  registers->r9};
    thread->frame = registers;
    registers->rax = (uint64_t)mn_syscall(thread, registers->rax, arguments);
    become(thread);
}

static uint64_t program_stack(void *context, const struct mn_thread *thread)
{
    (void)context;
    return mn_program_stack(thread);
}

static void program_begin_handler(void *context, struct mn_thread *thread, const struct mn_handler *handler)
{
    (void)context;
    mn_program_begin_handler(thread, handler);
}

static int64_t program_end_handler(void *context, struct mn_thread *thread, uint64_t *mask)
{
    (void)context;
    return mn_program_end_handler(thread, mask);
}

const char *mn_program_fault(uint64_t address)
{
    bool own = mn_arena_has(&machine.system.arena, (const void *)address, 1);
    return own ? "a stack has overflowed, or the program has locked the page" : NULL;
}

/* ---- The beginning ---- */

static void enable_calls(void)
{
    processor.pointer = mn_rdmsr(MSR_FS_BASE);
    mn_wrmsr(MSR_STAR, STAR_VALUE);
    mn_wrmsr(MSR_LSTAR, (uintptr_t)mn_program_entry);
    mn_wrmsr(MSR_SFMASK, SFMASK_VALUE);
    mn_wrmsr(MSR_EFER, mn_rdmsr(MSR_EFER) | EFER_SYSCALL);
}

/* Sorts the words of the command line: the port's options, of which there are no more behind "--",
 * and the program's words. Returns whether each call is to be printed. */
static bool read_words(struct mnet_env *env)
{
    char **words = mnet_env_argv(env);
    size_t arguments = 0, variables = 0;
    bool options = true, trace = false;
    machine.arguments[arguments++] = *words++;
    for (; *words != NULL; words++) {
        if (options && strcmp(*words, "--") == 0)
            options = false;
        else if (options && strcmp(*words, "--trace") == 0)
            trace = true;
        else if (options && variables < VARIABLES_MAX && strncmp(*words, "--env=", 6) == 0)
            machine.variables[variables++] = *words + 6;
        else
            machine.arguments[arguments++] = *words;
    }
    return trace;
}

/* The largest piece of memory that there is, less what the stacks of tasks need. */
static void *take_memory(struct mnet_env *env, size_t *size)
{
    size_t left = env->setup.memory_size;
    void *memory = NULL;
    while (memory == NULL && left > MN_PAGE) {
        left -= left / 32 + 1;
        memory = mnet_alloc(env, left);
    }
    mnet_free(env, memory);
    *size = left / 100 * PROGRAM_PERCENT;
    return mnet_alloc(env, *size);
}

int mnet_main(struct mnet_env *env)
{
    struct mnet_config config = {0};
    size_t module_size;
    const struct mn_system_port port = {
        .context = env,
        .now = program_now,
        .print = program_print,
        .input = program_input,
        .random = program_random,
        .protect = program_protect,
        .set_registers = program_set_registers,
        .copy_registers = program_copy_registers,
        .enter = program_run,
        .stack = program_stack,
        .begin_handler = program_begin_handler,
        .end_handler = program_end_handler,
    };
    struct mn_program program = {
        .port = &port,
        .archive = mn_program_archive,
        .archive_size = (uintptr_t)mn_program_archive_end - (uintptr_t)mn_program_archive,
        .arguments = machine.arguments,
        .variables = machine.variables,
        .entry = (uintptr_t)_start,
        .tls_image = mn_tls_start,
        .tls_image_size = (uintptr_t)mn_tls_file_end - (uintptr_t)mn_tls_start,
        .tls_size = (size_t)(uintptr_t)mn_tls_size,
        .tls_alignment = (size_t)(uintptr_t)mn_tls_alignment,
    };
    program.trace = read_words(env);
    if (env->options.config.memory_size == 0)
        config.memory_size = MN_MAX(env->setup.memory_size / 100 * NETWORK_PERCENT, MNET_MEMORY_MINIMUM);
    int error = mnet_stack_up(env, &config, &program.stack);
    if (error < 0)
        return error;
    program.memory = take_memory(env, &program.memory_size);
    const void *module = mn_machine_module(&module_size);
    if (module != NULL) {
        program.archive = module;
        program.archive_size = module_size;
    }
    enable_calls();
    return mn_system_run(&machine.system, &program);
}
