/* Tail loss probes (RFC 8985 7): see tlp.c. */
#ifndef MN_TCP_TLP_H
#define MN_TCP_TLP_H

#include "tcp/tcb.h"

/* Arms the probe timer if a probe may be sent and no reordering window is running. */
void mn_tlp_schedule(struct mn_tcb *tcb, uint64_t now);
/* New data was sent: the probe is due sooner, because more than one segment is in flight. */
void mn_tlp_hasten(struct mn_tcb *tcb, uint64_t now);
/* The timer of the probe may have expired. Returns true if a probe is owed now. */
bool mn_tlp_take_expiry(struct mn_tcb *tcb, uint64_t now);
/* Returns the length of a probe. *seq is its beginning, SND.NXT if it is of new data. */
uint32_t mn_tlp_range(const struct mn_tcb *tcb, uint32_t *seq);
/* A probe has just been sent. `is_retrans` is TLP.is_retrans: its data had been sent before. */
void mn_tlp_sent(struct mn_tcb *tcb, bool is_retrans);
bool mn_tlp_answered(struct mn_tcb *tcb, const struct mn_news *ack);

#endif
