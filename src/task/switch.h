/* The switch between stacks.
 *
 * A suspended context is one pointer into its own stack, where the registers lie that the ABI calls callee-saved: nothing
 * else survives a call anyway. There is a version in assembly for x86-64 and for aarch64, and one with ucontext
 * (hosted machines only) everywhere else, or where MN_TASK_UCONTEXT is defined, so that it can be tested.
 *
 * Floating point: the registers that the ABI preserves are saved (d8-d15 on aarch64, none on x86-64). The modes are not: MXCSR
 * and the x87 control word, or FPCR, belong to the thread and are shared by all tasks. A task that changes the rounding
 * mode or unmasks exceptions restores them before it suspends. Saving them would cost every switch for what no task does.
 *
 * Shadow stacks: the assembly leaves to another stack than it was called from, which a shadow stack forbids. Its objects
 * lack the property note, so the linker marks no program with it as compatible, and the system leaves shadow
 * stacks off, and the tracking of indirect jumps with them.
 *
 * Prediction: a processor expects a return to go where the last call came from, the one place that a switch between a task and the
 * event loop never goes to. On x86-64 the switch therefore ends in an indirect jump, which is expected to go where it went the last
 * times. The price is that one return in a frame above, where there is one, is mispredicted instead. Measured: switches among tasks cost
 * the same, a task's life 0.7 and a round trip through two tasks 0.96 of what they did.
 */
#ifndef MN_SWITCH_H
#define MN_SWITCH_H

#include "base/base.h"

/* Prepares a context that will call `entry(argument)`, which must not return, on the stack from `lowest` to `top` (16-byte
 * aligned). Returns it. */
void *mn_switch_prepare(void *lowest, void *top, void (*entry)(void *argument), void *argument);

/* Stores the running context in `from` and resumes `to`, once. Returns when something resumes the stored one. */
void mn_switch(void **from, void *to);

#endif
