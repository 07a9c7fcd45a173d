/* The size of segments (RFC 9293 3.7.1). */
#ifndef MN_TCP_MSS_H
#define MN_TCP_MSS_H

#include "tcp/tcb.h"

/* Sets SND.MSS from the peer's MSS (0: it announced none), the path's MTU and the options of every
 * segment (MUST-15, MUST-16), and the initial congestion window. The options are agreed already. */
void mn_tcb_set_peer_mss(struct mn_tcb *tcb, uint16_t peer_mss);
/* Returns the text that fits into a segment on the path, beside the options of every segment. */
uint32_t mn_tcb_path_mss(const struct mn_tcb *tcb);

#endif
