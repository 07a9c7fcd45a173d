/* Tail loss probes (RFC 8985 7): see tlp.c. */
#ifndef MN_TCP_TLP_H
#define MN_TCP_TLP_H

#include "tcp/tcb.h"

/* Arms the probe timer where a probe may be sent and no reordering window is running. */
void mn_tlp_schedule(struct mn_tcb *tcb, uint64_t now);
/* New data was sent: the probe comes sooner, since it is no longer one segment that is in flight. */
void mn_tlp_hasten(struct mn_tcb *tcb, uint64_t now);
bool mn_tlp_expired(struct mn_tcb *tcb, uint64_t now);
/* Decides on what a probe consists of, and notes it: the length, and where it begins in *seq. */
uint32_t mn_tlp_choose_range(struct mn_tcb *tcb, uint32_t *seq);
void mn_tlp_sent(struct mn_tcb *tcb);
bool mn_tlp_answered(struct mn_tcb *tcb, const struct mn_news *ack);

#endif
