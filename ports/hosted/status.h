/* The socket of --status=FILE, where mnet-ss asks for the connections of a process. */
#ifndef MN_HOSTED_STATUS_H
#define MN_HOSTED_STATUS_H

#include "stack/env.h"

/* Makes the socket and a task that answers, a child of the calling task. Only the same user may
 * connect. Returns 0, or an error after a line on the standard error. */
int mn_hosted_status_open(struct mnet_env *env, const char *file);

#endif
