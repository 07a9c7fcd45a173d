/* What is in flight. */
#ifndef MN_TCP_FLIGHT_H
#define MN_TCP_FLIGHT_H

#include "tcp/tcb.h"

/* Bytes in flight, as far as we know. */
uint32_t mn_tcb_pipe(const struct mn_tcb *tcb);
/* The send sequence space begins at `seq`: SND.UNA = SND.NXT. */
void mn_loss_init(struct mn_loss *loss, uint32_t seq);
/* Everything in flight is to be sent again, without a verdict on congestion. */
void mn_loss_retransmit_all(struct mn_tcp *tcp, struct mn_tcb *tcb);

#endif
