/* What a connection sends. */
#ifndef MN_TCP_OUTPUT_H
#define MN_TCP_OUTPUT_H

#include "tcp/tcb.h"

/* Whether data, or our FIN, was never sent. SND.NXT is past the end of the data once the FIN was. */
static inline bool mn_tcb_has_unsent(const struct mn_tcb *tcb)
{
    return mn_seq_lt(tcb->snd_nxt, mn_sendq_end(&tcb->sendq) + tcb->fin_queued);
}
/* Whether there is anything that mn_tcb_output could send if it was allowed to. */
bool mn_tcb_may_send(const struct mn_tcb *tcb);
struct mnet_packet *mn_tcb_output(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_datagram *datagram, uint64_t now);

#endif
