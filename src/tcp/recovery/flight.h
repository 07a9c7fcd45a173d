/* The data in flight. */
#ifndef MN_TCP_FLIGHT_H
#define MN_TCP_FLIGHT_H

#include "tcp/tcb.h"

/* Returns the estimated bytes in flight. */
uint32_t mn_tcb_pipe(const struct mn_tcb *tcb);
/* The send sequence space begins at `seq`: SND.UNA = SND.NXT. */
void mn_loss_init(struct mn_loss *loss, uint32_t seq);
/* Retransmits what is in flight before `end`, without a reduction. */
void mn_loss_retransmit(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t end);

#endif
