/* Pacing: see pacing.c. */
#ifndef MN_TCP_PACING_H
#define MN_TCP_PACING_H

#include "tcp/tcb.h"

/* Returns bytes a second; 0: not paced. */
uint64_t mn_pacing_rate(const struct mn_tcb *tcb);
/* Returns how many of `len` bytes of new data may be sent now. If none may, arms the timer, which
 * asks for output again. */
uint32_t mn_pacing_claim(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t len, uint64_t now);
/* Data was sent, for the first time or again. */
void mn_pacing_sent(struct mn_tcb *tcb, uint32_t len, uint64_t now);

#endif
