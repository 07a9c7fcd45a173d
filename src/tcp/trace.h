/* The trace of segments. Connections that are traced never go the short ways of calm.c, which so
 * know nothing of it. */
#ifndef MN_TCP_TRACE_H
#define MN_TCP_TRACE_H

#include "tcp/tcb.h"

/* Tells of a segment that has been received and acted on. It had `text` bytes. */
void mn_trace_received(struct mn_tcp *tcp, const struct mn_segment *seg, uint32_t text);
/* Tells of a segment that is about to be sent, with its header in the packet. */
void mn_trace_sent(struct mn_tcp *tcp, const struct mn_datagram *datagram, const struct mnet_packet *packet);

#endif
