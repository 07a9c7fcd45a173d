/* Notices to the user besides readiness: see notices.c. */
#ifndef MN_TCP_NOTICES_H
#define MN_TCP_NOTICES_H

#include "tcp/tcb.h"

void mn_tcb_post_notice(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mnet_notice notice);
/* After so many retransmissions of the same segment the user and IP are told that something may be
 * wrong (R1: MUST-20, SHLD-10). */
#define MN_R1 3u
/* Returns whether R1 has been reached, so that IP gets negative advice about the path of the
 * connection's segments. */
static inline bool mn_tcb_doubtful(const struct mn_tcb *tcb)
{
    return tcb->flight.rtt.expiries >= MN_R1;
}

#endif
