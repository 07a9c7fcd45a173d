/* Proportional rate reduction (RFC 9937): see prr.c. */
#ifndef MN_TCP_PRR_H
#define MN_TCP_PRR_H

#include "tcp/tcb.h"

void mn_prr_begin(struct mn_tcb *tcb, const struct mn_news *ack);
void mn_prr_acked(struct mn_tcb *tcb, const struct mn_news *ack);

#endif
