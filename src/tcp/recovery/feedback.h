/* Input of congestion control: see feedback.c. */
#ifndef MN_TCP_FEEDBACK_H
#define MN_TCP_FEEDBACK_H

#include "tcp/tcb.h"

/* New data up to SND.NXT was sent, with `flight` bytes outstanding before. */
void mn_feedback_sent(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t flight, uint64_t now);
/* An acknowledgement has arrived, of new data or selective. `recovering`: in fast recovery. */
void mn_feedback_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_news *news, bool recovering);
void mn_feedback_release(struct mn_tcp *tcp, struct mn_tcb *tcb);

#endif
