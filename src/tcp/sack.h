/* Selective acknowledgements that we send: SACK (RFC 2018) and D-SACK (RFC 2883). What the peer tells us this way is the scoreboard's business. */
#ifndef MN_SACK_H
#define MN_SACK_H

#include "tcp/queue/reassembly.h"
#include "wire/tcp.h"

struct mn_tcb;

/* [left, right) was received a second time: the next segment says so. */
void mn_sack_note_duplicate(struct mn_tcb *tcb, uint32_t left, uint32_t right);
/* In-order data reaches into what waits for reassembly: the overlap was received twice. */
void mn_sack_note_overlap(struct mn_tcb *tcb);
/* Something arrived out of order or twice, and the peer permits SACK: puts the blocks into the header of a segment with ACK; the wire module leaves out
 * those that do not fit. */
void mn_sack_report(struct mn_tcb *tcb, struct mn_tcp_header *header);
/* Bytes of a header with blocks that they take. */
uint32_t mn_sack_bytes(const struct mn_tcp_header *header);

#endif
