/* The output of a connection. */
#ifndef MN_TCP_OUTPUT_H
#define MN_TCP_OUTPUT_H

#include "tcp/tcb.h"

/* Returns whether data, or our FIN, was never sent. SND.NXT is beyond the end of the data after the
 * FIN was sent. */
static inline bool mn_tcb_has_unsent(const struct mn_tcb *tcb)
{
    return mn_seq_lt(tcb->snd_nxt, mn_sendq_end(&tcb->sendq) + tcb->fin_queued);
}
/* Returns whether mn_tcb_output would have anything to send if all limits allowed it. */
bool mn_tcb_may_send(const struct mn_tcb *tcb);
struct mnet_packet *mn_tcb_output(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_datagram *datagram, uint64_t now);

#endif
