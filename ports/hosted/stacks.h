/* Stacks for the tasks of a process: mapped, each with a guard below it. */
#ifndef MN_HOSTED_STACKS_H
#define MN_HOSTED_STACKS_H

#include "task/scheduler.h"

/* Stacks of the usual size; memory is used page by page as tasks touch it. The first stack that a
 * thread takes makes it catch overflows. */
extern const struct mn_task_stacks mn_hosted_stacks;

/* From now on a fault of this thread in the guard of the running task is reported on the standard
 * error as
 *
 *     task "NAME" overflowed its stack of N bytes
 *
 * and ends the process with SIGABRT; every other fault has the effect that it had before. For a
 * program that gave SIGSEGV to something else meanwhile; usually called by itself. */
void mn_hosted_catch_overflows(void);

#endif
