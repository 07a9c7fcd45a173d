/* How a connection ends. */
#ifndef MN_TCP_END_H
#define MN_TCP_END_H

#include "tcp/segment.h"
#include "tcp/tcb.h"

/* Frees a tcb that nobody uses. */
void mn_tcb_free(struct mn_tcp *tcp, struct mn_tcb *tcb);
/* The connection is over: leaves the table and stops the timers. Keeps `error` for the user, or
 * frees the tcb if there is none. */
void mn_tcb_finish(struct mn_tcp *tcp, struct mn_tcb *tcb, int error);
/* Does the same after a reset to the peer. */
void mn_tcb_reset(struct mn_tcp *tcp, struct mn_tcb *tcb, int error, uint64_t now);
/* Sends that reset: <SEQ=mn_tcb_bare_seq><CTL=RST,ACK>. */
void mn_tcb_send_reset(struct mn_tcp *tcp, const struct mn_tcb *tcb, uint64_t now);

#endif
