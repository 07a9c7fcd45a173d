/* Segments without a tcb. */
#ifndef MN_TCP_REPLY_H
#define MN_TCP_REPLY_H

#include "tcp/tcb.h"

/* Sends the reset that answers a segment to a CLOSED port (3.10.7.1). */
void mn_reply_reset(struct mn_tcp *tcp, const struct mn_segment *seg);
/* Sends a reset with just <SEQ=seq>. */
void mn_reply_reset_at(struct mn_tcp *tcp, const struct mn_segment *seg, uint32_t seq);
void mn_reply(struct mn_tcp *tcp, const struct mn_reply *reply);
/* Puts timestamps into a reply of a record: our clock, which began at `offset`, and the value to
 * echo. */
void mn_reply_timestamp(struct mn_reply *reply, uint32_t offset, uint32_t ts_recent, uint64_t now);
/* Returns the first waiting segment. Returns NULL if memory is used up: the segment waits on. */
struct mnet_packet *mn_reply_output(struct mn_tcp *tcp, struct mn_datagram *datagram);

#endif
