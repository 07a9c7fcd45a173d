/* A program of a C library as a machine: what src/syscall asks of a port, and its beginning.
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
#include "stack/stack.h"
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

/* Of the linker script, the C library, and mnet-cc. */
extern char _start[], mn_tls_start[], mn_tls_file_end[], mn_tls_size[], mn_tls_alignment[];
extern const char mn_program_archive[] __attribute__((weak)), mn_program_archive_end[] __attribute__((weak));

static struct program_processor {
    struct mn_thread *thread; /* that runs, or whose call is served */
    uint64_t pointer;         /* FS */
} processor;

static struct program_machine {
    struct mn_system system;
    struct mn_system_port port;
} machine;

/* ---- The functions of struct mn_system_port ---- */

static uint64_t program_now(void *context)
{
    (void)context;
    return mn_machine_now();
}

/* The program has brought the stack up by itself, or has not yet. */
static uint64_t program_wall(void *context)
{
    const struct mnet_env *env = context;
    const struct mnet_link *first = mn_list_first(&env->loop->stacks);
    if (first != NULL)
        return mnet_wall_clock(MN_CONTAINER(first, struct mnet_stack, loop_link));
    return env->setup.wall != NULL ? env->setup.wall(env->setup.context) : 0;
}

static void program_stop(void *context)
{
    (void)context;
    mn_bare_stop();
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

static void enable_calls(void (*entry)(void))
{
    processor.pointer = mn_rdmsr(MSR_FS_BASE);
    mn_wrmsr(MSR_STAR, STAR_VALUE);
    mn_wrmsr(MSR_LSTAR, (uintptr_t)entry);
    mn_wrmsr(MSR_SFMASK, SFMASK_VALUE);
    mn_wrmsr(MSR_EFER, mn_rdmsr(MSR_EFER) | EFER_SYSCALL);
}

/* The files are those of the loader or, without any, those of the image. */
static void find_files(struct mn_program *program)
{
    size_t module_size;
    const void *module = mn_machine_module(&module_size);
    program->archive = mn_program_archive;
    program->archive_size = (uintptr_t)mn_program_archive_end - (uintptr_t)mn_program_archive;
    if (module != NULL) {
        program->archive = module;
        program->archive_size = module_size;
    }
}

void *mn_program_memory(struct mnet_env *env, size_t most, unsigned percent, size_t *size)
{
    size_t left = most;
    void *memory = NULL;
    while (memory == NULL && left > MN_PAGE) {
        left -= left / 32 + 1;
        memory = mnet_alloc(env, left);
    }
    mnet_free(env, memory);
    *size = left / 100 * percent;
    return mnet_alloc(env, *size);
}

int mn_program_lend(void)
{
    return mn_system_lend(&machine.system);
}

int mn_program_run(struct mnet_env *env, struct mn_program *program, void (*entry)(void))
{
    machine.port = (struct mn_system_port){
        .context = env,
        .now = program_now,
        .wall = program->run != NULL ? program_wall : NULL,
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
        .stop = program_stop,
    };
    program->port = &machine.port;
    program->entry = (uintptr_t)_start;
    program->tls_image = mn_tls_start;
    program->tls_image_size = (uintptr_t)mn_tls_file_end - (uintptr_t)mn_tls_start;
    program->tls_size = (size_t)(uintptr_t)mn_tls_size;
    program->tls_alignment = (size_t)(uintptr_t)mn_tls_alignment;
    find_files(program);
    enable_calls(entry);
    return mn_system_run(&machine.system, program);
}
