/* Pacing: see pacing.c. */
#ifndef MN_TCP_PACING_H
#define MN_TCP_PACING_H

#include "tcp/tcb.h"

/* Bytes a second; 0: not paced. */
uint64_t mn_pacing_rate(const struct mn_tcb *tcb);
/* Of `len` bytes of new data, as many as may leave now. If none may, the timer is armed, and calls for output again. */
uint32_t mn_pacing_claim(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t len, uint64_t now);
/* Data went out, for the first time or again. */
void mn_pacing_sent(struct mn_tcb *tcb, uint32_t len, uint64_t now);

#endif
