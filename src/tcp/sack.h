/* Selective acknowledgements that we send: SACK (RFC 2018) and D-SACK (RFC 2883). The scoreboard
 * processes those of the peer. */
#ifndef MN_SACK_H
#define MN_SACK_H

#include "tcp/queue/reassembly.h"
#include "wire/tcp.h"

struct mn_tcb;

/* [left, right) was received a second time: the next segment reports it. */
void mn_sack_note_duplicate(struct mn_tcb *tcb, uint32_t left, uint32_t right);
/* In-order data overlaps text that waits for reassembly: the overlap was received twice. */
void mn_sack_note_overlap(struct mn_tcb *tcb);
/* If the peer permits SACK and text arrived out of order or twice: puts the blocks into the header
 * of a segment with ACK. The wire module leaves out blocks that do not fit. */
void mn_sack_report(struct mn_tcb *tcb, struct mn_tcp_header *header);
/* Returns the bytes that a header's blocks take. */
uint32_t mn_sack_bytes(const struct mn_tcp_header *header);

#endif
