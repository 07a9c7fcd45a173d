/* What every connection and record of a TCP engine must satisfy at any time; a violation panics. Used by the model test and the fuzz target. */
#ifndef MN_TEST_TCP_CHECK_H
#define MN_TEST_TCP_CHECK_H

#include "tcp/tcb.h"

void tcp_check_tcb(const struct mn_tcp *tcp, struct mn_tcb *tcb);
/* All tcbs, the counts and the sums of an engine. O(connections). */
void tcp_check_engine(const struct mn_tcp *tcp);

/* The runs that wait for what is missing in front of them. */
static inline uint32_t tcp_runs(const struct mn_tcb *tcb)
{
    return tcb->reassembly == NULL ? 0 : tcb->reassembly->count;
}

#endif
