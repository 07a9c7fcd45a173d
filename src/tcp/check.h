/* The invariants of connections and of the engine: see check.c. */
#ifndef MN_TCP_CHECK_H
#define MN_TCP_CHECK_H

#include "tcp/tcb.h"

/* Between two steps every connection satisfies this; a violation panics. */
void mn_tcb_check(const struct mn_tcp *tcp, const struct mn_tcb *tcb);
/* All connections, and all that their queues hold, the counts and sums of the engine, its half-open
 * records. O(all of it). */
void mn_tcp_check(const struct mn_tcp *tcp);

#endif
