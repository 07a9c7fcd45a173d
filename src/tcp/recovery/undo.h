/* Undoes needless recoveries: see undo.c. */
#ifndef MN_TCP_UNDO_H
#define MN_TCP_UNDO_H

#include "tcp/tcb.h"

/* A recovery begins. Congestion control saves its variables. */
void mn_undo_save(struct mn_tcb *tcb);
/* [from, to) was retransmitted. */
void mn_undo_retransmitted(struct mn_tcb *tcb, uint32_t from, uint32_t to);
/* Returns whether a D-SACK about [left, right) can be about retransmitted data. */
bool mn_undo_concerns(struct mn_tcb *tcb, uint32_t left, uint32_t right);
/* Return true if the reduction has been undone. */
bool mn_undo_by_dsack(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_news *ack);
bool mn_undo_by_frto(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_news *ack);

#endif
