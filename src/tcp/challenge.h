#ifndef MN_TCP_CHALLENGE_H
#define MN_TCP_CHALLENGE_H

#include "tcp/tcp.h"

struct mn_tcb;

/* Sends an acknowledgement, within the connection's limit, because the peer sent a suspicious
 * segment (RFC 5961). */
void mn_tcb_challenge(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);

#endif
