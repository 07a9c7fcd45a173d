/* Handlers of signals: the frame on a thread's stack, as Linux lays it out on x86-64, because the C
 * library and programs read and change it. */
#include <assert.h>
#include <string.h>

#include "ports/virtio/program/program.h"
#include "syscall/signal_file.h"
#include "syscall/system.h"

/* The ABI's bytes below the stack pointer that a function may use. */
#define RED_ZONE 128u
/* The saved registers of floating point, which entry.S puts below the others (SDM 1, FXSAVE). */
#define FLOATS 512u
#define SYSCALL_BYTES 2u /* of the instruction */
#define CODE_SEGMENT 0x33u
#define FLAGS 0x202u /* a program's: interrupts are enabled */
#define SS_DISABLE 2

/* struct sigcontext. */
struct context_registers {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, flags;
    uint64_t segments, error, trap, old_mask, cr2;
    uint64_t floats; /* the address of those */
    uint64_t reserved[8];
};

/* struct ucontext. */
struct context {
    uint64_t flags, link;
    struct {
        uint64_t start;
        int flags;
        uint64_t size;
    } stack;
    struct context_registers registers;
    uint64_t mask;
};

static_assert(sizeof(struct context_registers) == 256, "as Linux has it");
static_assert(offsetof(struct context, mask) == 296, "as Linux has it");

struct frame {
    uint64_t restorer; /* where the handler returns to */
    struct context context;
    struct mn_siginfo info;
};

static struct mn_registers *registers_of(const struct mn_thread *thread)
{
    return thread->frame;
}

uint64_t mn_program_stack(const struct mn_thread *thread)
{
    return registers_of(thread)->rsp;
}

/* If the call is made again, its number and the address of its instruction are as before it. */
static void save(struct context_registers *to, const struct mn_registers *from, const struct mn_handler *handler)
{
    *to = (struct context_registers){
        .r8 = from->r8,
        .r9 = from->r9,
        .r10 = from->r10,
        .r11 = FLAGS,
        .r12 = from->r12,
        .r13 = from->r13,
        .r14 = from->r14,
        .r15 = from->r15,
        .rdi = from->rdi,
        .rsi = from->rsi,
        .rbp = from->rbp,
        .rbx = from->rbx,
        .rdx = from->rdx,
        .rax = handler->restart ? from->rax : (uint64_t)handler->result,
        .rcx = from->rip,
        .rsp = from->rsp,
        .rip = handler->restart ? from->rip - SYSCALL_BYTES : from->rip,
        .flags = FLAGS,
        .segments = CODE_SEGMENT,
        .old_mask = handler->mask,
    };
}

void mn_program_begin_handler(struct mn_thread *thread, const struct mn_handler *handler)
{
    struct mn_registers *registers = registers_of(thread);
    uint64_t stack = handler->stack != 0 ? handler->stack : registers->rsp - RED_ZONE;
    uint64_t floats = (stack - FLOATS) & ~UINT64_C(63);
    struct frame *frame = (struct frame *)(((floats - sizeof *frame) & ~UINT64_C(15)) - sizeof(uint64_t));
    memcpy((void *)floats, (const char *)registers - FLOATS, FLOATS);
    frame->restorer = handler->action->restorer;
    frame->context = (struct context){.stack.start = thread->alternate_stack,
                                      .stack.size = thread->alternate_size,
                                      .stack.flags = thread->alternate_size == 0 ? SS_DISABLE : 0,
                                      .mask = handler->mask};
    save(&frame->context.registers, registers, handler);
    frame->context.registers.floats = floats;
    mn_siginfo_store(&frame->info, &handler->signal);
    registers->rip = handler->action->handler;
    registers->rsp = (uintptr_t)frame;
    registers->rdi = (uint64_t)handler->signal.number;
    registers->rsi = (uintptr_t)&frame->info;
    registers->rdx = (uintptr_t)&frame->context;
    registers->rax = 0;
}

/* The handler has taken the address that it returned to off the stack. */
int64_t mn_program_end_handler(struct mn_thread *thread, uint64_t *mask)
{
    struct mn_registers *registers = registers_of(thread);
    const struct context *context = (const struct context *)registers->rsp;
    const struct context_registers *from = &context->registers;
    *mask = context->mask;
    memcpy((char *)registers - FLOATS, (const void *)from->floats, FLOATS);
    *registers = (struct mn_registers){
        .r15 = from->r15,
        .r14 = from->r14,
        .r13 = from->r13,
        .r12 = from->r12,
        .rbp = from->rbp,
        .rbx = from->rbx,
        .r9 = from->r9,
        .r8 = from->r8,
        .r10 = from->r10,
        .rdx = from->rdx,
        .rsi = from->rsi,
        .rdi = from->rdi,
        .rax = from->rax,
        .rflags = from->flags,
        .rip = from->rip,
        .rsp = from->rsp,
    };
    return (int64_t)from->rax;
}
