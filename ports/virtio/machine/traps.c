/* Exceptions: none is ever expected, so each ends the machine, with a report.
 *
 * They run on stacks of their own, for the one that they interrupt may be broken: an
 * overflowing stack ends in a page that is not there. An exception in the report itself gives up on
 * the report.
 */
#include <string.h>

#include "ports/virtio/machine/internal.h"
#include "ports/virtio/machine/x86.h"

#include "base/format.h"
#include "task/scheduler.h"

/* The exit status after an exception or a failed assertion. */
#define STATUS_BROKEN 255
#define FRAMES_MAX 32
#define STACK_BYTES 16384

#define INVALID_INSTRUCTION 6u
#define DOUBLE_FAULT 8u
#define PAGE_FAULT 14u
#define EXCEPTIONS 32u
#define VECTORS (MN_VECTOR_SPURIOUS + 1)
#define EXCEPTION_ENTRY_BYTES 16
#define INTERRUPT_ENTRY_BYTES 8

/* The error code of a page fault (SDM 3, figure 4-12). */
#define FAULT_PRESENT 1u
#define FAULT_WRITE 2u
#define FAULT_FETCH 16u

/* A gate of the IDT, the task state segment, and the descriptors that lead to it (SDM 3, 6.14 and
 * 7.7). */
struct __attribute__((packed)) gate {
    uint16_t offset_low, selector;
    uint8_t stack, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};

struct __attribute__((packed)) task_state {
    uint32_t reserved;
    uint64_t rsp[3], more_reserved, stacks[7];
    uint64_t still_reserved;
    uint16_t and_more, io_map;
};

struct __attribute__((packed)) pointer {
    uint16_t limit;
    uint64_t base;
};

#define CODE_SELECTOR 8
#define STATE_SELECTOR 16
#define INTERRUPT_GATE 0x8e

extern char mn_exception_entries[], mn_interrupt_entries[];

static struct traps_processor {
    struct task_state state;
    uint64_t descriptors[4];
    char stack[STACK_BYTES] __attribute__((aligned(16)));
    char double_fault_stack[STACK_BYTES] __attribute__((aligned(16)));
    bool reporting;
} processor;

static struct traps_machine {
    struct gate gates[VECTORS] __attribute__((aligned(16)));
} machine;

static const char *const names[EXCEPTIONS] = {"division error",
                                              "debug exception",
                                              "non-maskable interrupt",
                                              "breakpoint",
                                              "overflow",
                                              "bound exceeded",
                                              "invalid instruction",
                                              "no FPU",
                                              "double fault",
                                              "coprocessor overrun",
                                              "invalid task state",
                                              "segment not present",
                                              "stack segment fault",
                                              "general protection fault",
                                              "page fault",
                                              "reserved exception",
                                              "floating point error",
                                              "unaligned access",
                                              "machine check",
                                              "SIMD floating point error",
                                              "virtualisation exception",
                                              "control protection exception"};

/* ---- Setting up ---- */

static void set_gate(unsigned vector, uint64_t entry, unsigned ist)
{
    machine.gates[vector] = (struct gate){
        .offset_low = (uint16_t)entry,
        .selector = CODE_SELECTOR,
        .stack = (uint8_t)ist,
        .type = INTERRUPT_GATE,
        .offset_middle = (uint16_t)(entry >> 16),
        .offset_high = (uint32_t)(entry >> 32),
    };
}

static void load_descriptors(void)
{
    uint64_t base = (uintptr_t)&processor.state;
    processor.descriptors[CODE_SELECTOR / 8] = UINT64_C(0x00af9b000000ffff); /* 64-bit code */
    processor.descriptors[STATE_SELECTOR / 8] = UINT64_C(0x0000890000000000) | (sizeof processor.state - 1) |
                                                (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
    processor.descriptors[STATE_SELECTOR / 8 + 1] = base >> 32;
    const struct pointer gdt = {sizeof processor.descriptors - 1, (uintptr_t)processor.descriptors};
    const struct pointer idt = {sizeof machine.gates - 1, (uintptr_t)machine.gates};
    __asm__ volatile("lgdt %0; lidt %1; ltr %w2" : : "m"(gdt), "m"(idt), "r"(STATE_SELECTOR) : "memory");
}

void mn_traps_start(void)
{
    for (unsigned vector = 0; vector < EXCEPTIONS; vector++)
        set_gate(vector, (uintptr_t)mn_exception_entries + vector * EXCEPTION_ENTRY_BYTES,
                 vector == DOUBLE_FAULT ? 2 : 1);
    for (unsigned vector = EXCEPTIONS; vector < VECTORS; vector++)
        set_gate(vector, (uintptr_t)mn_interrupt_entries + (vector - EXCEPTIONS) * INTERRUPT_ENTRY_BYTES, 0);
    processor.state.stacks[0] = (uintptr_t)processor.stack + sizeof processor.stack;
    processor.state.stacks[1] = (uintptr_t)processor.double_fault_stack + sizeof processor.double_fault_stack;
    processor.state.io_map = sizeof processor.state;
    load_descriptors();
}

/* ---- The report ---- */

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    char line[240];
    va_list arguments;
    va_start(arguments, format);
    size_t len = mn_format_list(line, sizeof line, format, arguments);
    va_end(arguments);
    mn_machine_print(line, MN_MIN(len, sizeof line - 1));
}

static void say_place(uint64_t address)
{
    uint64_t start;
    const char *name = mn_symbol(address, &start);
    if (name != NULL)
        say("  %012lx %s+0x%lx\n", address, name, address - start);
    else
        say("  %012lx\n", address);
}

static bool is_code(uint64_t address)
{
    return address >= (uintptr_t)mn_image_start && address < (uintptr_t)mn_text_end;
}

/* Writes the calls that led to this instruction: `rip` is the instruction, `rbp` the frame pointer
 * and `rsp` the stack there. A call to an address without code has left its return address on top
 * of the stack. */
static void say_backtrace(uint64_t rip, uint64_t rbp, uint64_t rsp)
{
    say("backtrace:\n");
    say_place(rip);
    if (!is_code(rip) && rsp % 8 == 0 && mn_pages_readable(rsp) && is_code(*(const uint64_t *)rsp))
        say_place(*(const uint64_t *)rsp);
    for (unsigned i = 0; i < FRAMES_MAX && rbp != 0 && rbp % 8 == 0; i++) {
        if (!mn_pages_readable(rbp) || !mn_pages_readable(rbp + 15))
            return;
        /* The caller's frame pointer, the return address. */
        const uint64_t *frame = (const uint64_t *)rbp;
        if (frame[1] == 0)
            return;
        say_place(frame[1]);
        if (frame[0] <= rbp && frame[0] != 0)
            return; /* frames lie one above the other */
        rbp = frame[0];
    }
}

static void say_registers(const struct mn_trap_frame *frame)
{
    say("rip %016lx  rsp %016lx  rflags %08lx  error %lx\n", frame->rip, frame->rsp, frame->rflags, frame->error);
    say("rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx\n", frame->rax, frame->rbx, frame->rcx, frame->rdx);
    say("rsi %016lx  rdi %016lx  rbp %016lx  r8  %016lx\n", frame->rsi, frame->rdi, frame->rbp, frame->r8);
    say("r9  %016lx  r10 %016lx  r11 %016lx  r12 %016lx\n", frame->r9, frame->r10, frame->r11, frame->r12);
    say("r13 %016lx  r14 %016lx  r15 %016lx\n", frame->r13, frame->r14, frame->r15);
}

/* Weak: only programs of a C library have memory whose faults have other reasons. Returns NULL if
 * the address is not theirs. */
extern const char *mn_program_fault(uint64_t address) __attribute__((weak));

static const char *reason_of(const struct mn_trap_frame *frame, uint64_t address)
{
    const char *why = mn_program_fault != NULL ? mn_program_fault(address) : NULL;
    if (why != NULL)
        return why;
    return address < MN_PAGE                     ? "a null pointer"
           : (frame->error & FAULT_PRESENT) != 0 ? "not allowed there"
                                                 : "nothing is there";
}

static void say_page_fault(const struct mn_trap_frame *frame, uint64_t address, struct mn_scheduler *scheduler)
{
    struct mnet_task *task = scheduler != NULL ? mn_scheduler_overflowed(scheduler, (void *)address) : NULL;
    uint64_t guard = (uintptr_t)mn_main_stack_guard;
    if (task != NULL) {
        say("task \"%s\" overflowed its stack of %zu bytes\n", mnet_task_name(task),
            mn_scheduler_stack_size(scheduler));
        return;
    }
    if (address >= guard && address < guard + MN_PAGE) {
        say("the main stack overflowed\n");
        return;
    }
    const char *what = (frame->error & FAULT_FETCH) != 0   ? "execution"
                       : (frame->error & FAULT_WRITE) != 0 ? "write"
                                                           : "read";
    say("page fault: %s at %016lx (%s)\n", what, address, reason_of(frame, address));
}

/* The line of a failed assertion; 0 if this exception is none. It is the displacement of an
 * instruction `ud1l LINE(%rax), %eax`, see src/base/base.h. */
static unsigned assertion_line(const struct mn_trap_frame *frame)
{
    static const uint8_t in_a_byte[] = {0x0f, 0xb9, 0x40}, in_a_word[] = {0x0f, 0xb9, 0x80};
    const uint8_t *at = (const uint8_t *)frame->rip;
    uint32_t line = 0;
    if (frame->vector != INVALID_INSTRUCTION || !is_code(frame->rip))
        return 0;
    if (memcmp(at, in_a_byte, sizeof in_a_byte) == 0)
        line = at[3];
    else if (memcmp(at, in_a_word, sizeof in_a_word) == 0)
        memcpy(&line, at + 3, sizeof line);
    return line;
}

static void say_exception(const struct mn_trap_frame *frame)
{
    unsigned line = assertion_line(frame);
    const char *name = frame->vector < EXCEPTIONS ? names[frame->vector] : NULL;
    if (line != 0)
        say("mnet: an assertion failed, in line %u of the file of the first function below\n", line);
    else
        say("exception %lu: %s\n", frame->vector, name != NULL ? name : "reserved");
}

_Noreturn void mn_trap(const struct mn_trap_frame *frame)
{
    if (processor.reporting) {
        say("and another exception in the report\n");
        mn_machine_exit(STATUS_BROKEN);
    }
    processor.reporting = true;
    struct mn_scheduler *scheduler = mn_scheduler_current();
    say("\n*** ");
    if (frame->vector == PAGE_FAULT) {
        uint64_t address;
        __asm__ volatile("movq %%cr2, %0" : "=r"(address));
        say_page_fault(frame, address, scheduler);
    } else {
        say_exception(frame);
    }
    say("program %s", mn_program_name());
    if (mnet_self() != NULL)
        say(", task \"%s\"", mnet_task_name(mnet_self()));
    say("\n");
    say_registers(frame);
    say_backtrace(frame->rip, frame->rbp, frame->rsp);
    mn_machine_exit(STATUS_BROKEN);
}

_Noreturn void mnet_panic(const char *file, int line, const char *text)
{
    if (!processor.reporting) {
        processor.reporting = true;
        say("\n*** mnet: %s (%s:%d)\n", text, file, line);
        say("program %s", mn_program_name());
        if (mnet_self() != NULL)
            say(", task \"%s\"", mnet_task_name(mnet_self()));
        say("\n");
        const uint64_t *own = __builtin_frame_address(0);
        say_backtrace(own[1], own[0], (uintptr_t)(own + 2));
    }
    mn_machine_exit(STATUS_BROKEN);
}
