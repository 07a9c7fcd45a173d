/* The connections of a program as lines of text, for mnet-ss (tools/mnet-ss).
 *
 * Whoever wants them sends the line "status". Each line of the answer begins with "status: ", so
 * that it can be found among other output, and the last one is "status: end". */
#ifndef MN_STATUS_H
#define MN_STATUS_H

#include "stack/env.h"

/* The line that asks, without its end. */
#define MN_STATUS_QUESTION "status"
/* The prefix of each line of an answer, and the last line. */
#define MN_STATUS_PREFIX MN_STATUS_QUESTION ": "
#define MN_STATUS_END MN_STATUS_PREFIX "end\n"

/* Gives the lines of an answer to `write`: all listeners and connections of the stacks of the
 * environment's loop. `write` must not suspend. */
void mn_status_answer(const struct mnet_env *env, void (*write)(void *context, const char *text, size_t len),
                      void *context);

/* Answers on the console of a machine until its input ends or the task is cancelled. The body of a
 * task: `env` is a struct mnet_env. */
int mn_status_serve_console(void *env);

#endif
