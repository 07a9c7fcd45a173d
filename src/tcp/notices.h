/* What the user is told besides readiness: see notices.c. */
#ifndef MN_TCP_NOTICES_H
#define MN_TCP_NOTICES_H

#include "tcp/tcb.h"

void mn_tcb_post_notice(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mnet_notice notice);
/* Retransmissions of the same segment after which the user and IP are told that something may be wrong (R1: MUST-20, SHLD-10). */
#define MN_R1 3u
/* What IP shall know about the path of the connection's segments: R1 has been reached. */
static inline bool mn_tcb_doubtful(const struct mn_tcb *tcb)
{
    return tcb->flight.rtt.expiries >= MN_R1;
}

#endif
