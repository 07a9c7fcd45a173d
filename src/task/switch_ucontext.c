/* The switch between stacks with the C library's ucontext, for hosted machines without a switch in
 * assembly: see switch.h. Each switch costs a system call, for the signal mask. */
#if defined(MN_TASK_UCONTEXT) || !(defined(__x86_64__) || defined(__aarch64__))

#include "task/switch.h"

#include <ucontext.h>

/* A context that has not begun. It is at the top of its stack. The ucontext comes first, because it
 * is resumed. */
struct start {
    ucontext_t context;
    void (*entry)(void *argument);
    void *argument;
};

/* makecontext passes ints only. */
static void begin(unsigned high, unsigned low)
{
    /* No shift by 32 on 32-bit machines. */
    struct start *start = (struct start *)(((uintptr_t)high << 16 << 16) | low);
    start->entry(start->argument);
}

void *mn_switch_prepare(void *lowest, void *top, void (*entry)(void *argument), void *argument)
{
    struct start *start = (struct start *)(((uintptr_t)top - sizeof(struct start)) & ~(uintptr_t)15);
    getcontext(&start->context);
    start->context.uc_stack.ss_sp = lowest;
    start->context.uc_stack.ss_size = (size_t)((char *)start - (char *)lowest);
    start->context.uc_link = NULL;
    start->entry = entry;
    start->argument = argument;
    uintptr_t address = (uintptr_t)start;
    makecontext(&start->context, (void (*)(void))begin, 2, (unsigned)(address >> 16 >> 16), (unsigned)address);
    return start;
}

void mn_switch(void **from, void *to)
{
    ucontext_t here;
    /* The address sanitizer reads the stack of the context that it switches to. This one is in use,
     * so there is nothing to clear. */
    here.uc_stack.ss_sp = NULL;
    here.uc_stack.ss_size = 0;
    *from = &here;
    swapcontext(&here, to);
    *from = NULL;
}

#else

/* ISO C forbids an empty translation unit. */
typedef int mn_switch_is_in_assembly;

#endif
