/* What everybody calls: something is to be sent, or told, or counted. */
#ifndef MN_TCP_READY_H
#define MN_TCP_READY_H

#include "tcp/tcb.h"

static inline void mn_tcp_count(struct mn_tcp *tcp, enum mnet_counter counter)
{
    tcp->config.counters->value[counter]++;
}
static inline void mn_tcb_trace(const struct mn_tcp *tcp, const struct mn_tcb *tcb, enum mnet_tcp_event event)
{
    if (MN_UNLIKELY(tcp->config.trace != NULL))
        tcp->config.trace(tcp->config.trace_context, tcb, event);
}
/* Puts `tcb` on the list of those that may have something to send; on that of those whose user is to be told. */
void mn_tcb_queue_output(struct mn_tcp *tcp, struct mn_tcb *tcb);
/* The same, with a segment that must go out. */
static inline void mn_tcb_owe(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mn_owed what)
{
    tcb->owed |= (uint8_t)what;
    mn_tcb_queue_output(tcp, tcb);
}
void mn_tcb_queue_event(struct mn_tcp *tcp, struct mn_tcb *tcb);
/* An acceptable acknowledgement must be sent because the peer sent something odd (RFC 5961): within the connection's limit. */
void mn_tcb_challenge(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);

#endif
