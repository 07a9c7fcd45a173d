/* The urgent mechanism: see urgent.c. */
#ifndef MN_TCP_URGENT_H
#define MN_TCP_URGENT_H

#include "tcp/tcb.h"

/* The sixth check of 3.10.7.4, and the URG flag and pointer of a segment at header->seq. */
void mn_urgent_input(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg);
void mn_urgent_put(const struct mn_tcb *tcb, struct mn_tcp_header *header);

#endif
