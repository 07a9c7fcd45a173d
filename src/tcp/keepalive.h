/* Keepalive and signs of life: see keepalive.c. */
#ifndef MN_TCP_KEEPALIVE_H
#define MN_TCP_KEEPALIVE_H

#include "tcp/tcb.h"

/* RFC 5961 5.2 (MAY-12): SND.UNA - MAX.SND.WND <= SEG.ACK <= SND.NXT. Otherwise the segment is
 * suspicious. */
static inline bool mn_tcb_ack_plausible(const struct mn_tcb *tcb, uint32_t ack)
{
    return mn_seq_geq(ack, tcb->snd_una - tcb->max_snd_wnd) && mn_seq_leq(ack, tcb->snd_nxt);
}
/* Returns the distance below RCV.NXT up to which the peer can repeat octets. */
uint32_t mn_tcb_repeatable(const struct mn_tcp *tcp, const struct mn_tcb *tcb);
/* A segment that is not acceptable has arrived. Notes it if it is a sign of life. */
void mn_keepalive_heard(const struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg);
/* Starts or stops keepalive of an established connection in use. */
void mn_keepalive_arm(struct mn_tcp *tcp, struct mn_tcb *tcb);
void mn_keepalive_expired(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);

#endif
