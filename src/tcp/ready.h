/* Segments to send, events for the user, and counters: functions that the whole folder calls. */
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
/* Put `tcb` on the list of connections that may have something to send, and on the list of those
 * with an event for their user. */
void mn_tcb_queue_output(struct mn_tcp *tcp, struct mn_tcb *tcb);
/* Does the same for a segment that must be sent. */
static inline void mn_tcb_owe(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mn_owed what)
{
    tcb->owed |= (uint8_t)what;
    mn_tcb_queue_output(tcp, tcb);
}
/* Does the same for an acknowledgement of a SYN or FIN: the user hears of it, and is likely to
 * answer at once with data or a FIN, which carry the acknowledgement. */
void mn_tcb_owe_after_user(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mn_owed what);
void mn_tcb_queue_event(struct mn_tcp *tcp, struct mn_tcb *tcb);

#endif
