/* The check of a whole stack. */
#ifndef MN_STACK_CHECK_H
#define MN_STACK_CHECK_H

struct mnet_stack;

/* Asserts what must hold between two polls, in the stack and in all its layers. O(1) for most
 * calls, and O(connections) for one of MN_CHECK_STEPS. */
void mn_stack_check(struct mnet_stack *stack);

#endif
