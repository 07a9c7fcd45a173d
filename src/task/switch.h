/* The switch between stacks.
 *
 * A suspended context is one pointer into its own stack, to the registers that the ABI calls
 * callee-saved: no other register survives a call anyway. There is a version in assembly for x86-64
 * and for aarch64, and one with ucontext (hosted machines only) for other processors. If
 * MN_TASK_UCONTEXT is defined, the latter is used everywhere, so that it can be tested.
 *
 * Floating point: the registers that the ABI preserves are saved (d8-d15 on aarch64, none on
 * x86-64). The modes are not: MXCSR and the x87 control word, or FPCR, belong to the thread and are
 * shared by all tasks. A task that changes the rounding mode or unmasks exceptions restores them
 * before it suspends. Saving them would cost every switch time for a case that no task has.
 *
 * Shadow stacks: the assembly returns on another stack than it was called from, which a shadow
 * stack forbids. Its objects lack the property note, so the linker marks no program with it as
 * compatible, and the system leaves shadow stacks off, and the tracking of indirect jumps with
 * them.
 *
 * Prediction: a processor expects a return to go back to the last call. A switch between a task and
 * the event loop never does. On x86-64 the switch therefore ends in an indirect jump, which the
 * processor expects to go to its former targets. The price is that one return in a frame above, if
 * there is one, is mispredicted instead. Measured: switches among tasks cost the same, a task's
 * life 0.7 and a round trip through two tasks 0.96 of the time with a return.
 */
#ifndef MN_SWITCH_H
#define MN_SWITCH_H

#include "base/base.h"

/* Prepares a context that will call `entry(argument)`, which must not return, on the stack from
 * `lowest` to `top` (16-byte aligned). Returns the context. */
void *mn_switch_prepare(void *lowest, void *top, void (*entry)(void *argument), void *argument);

/* Stores the running context in `from` and resumes `to`, once. Returns when the stored context is
 * resumed. */
void mn_switch(void **from, void *to);

#endif
