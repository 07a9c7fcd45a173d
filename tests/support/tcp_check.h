/* What every connection and record of a TCP engine must satisfy at any time; a violation panics. Used by the model test and the fuzz target. */
#ifndef MN_TEST_TCP_CHECK_H
#define MN_TEST_TCP_CHECK_H

#include "tcp/tcb.h"

void tcp_check_tcb(const struct mn_tcp *tcp, struct mn_tcb *tcb);
/* All tcbs, the counts and the sums of an engine. O(connections). */
void tcp_check_engine(const struct mn_tcp *tcp);

/* What a segment says was received: all of it is there. For a segment that has just been sent. */
void tcp_check_sack(const struct mn_tcb *tcb, const struct mn_tcp_header *header);

/* A digest of all segments that engines give out, with their addresses and times: what does not
 * change behaviour does not change it. Segments count from tcp_digest_begin() on. */
void tcp_digest_begin(void);
void tcp_digest_segment(const struct mn_datagram *datagram, uint16_t gso_size, const uint8_t *bytes, uint32_t len,
                        uint64_t now);
uint64_t tcp_digest(void);

/* The runs that wait for what is missing in front of them. */
static inline uint32_t tcp_runs(const struct mn_tcb *tcb)
{
    return tcb->reassembly == NULL ? 0 : tcb->reassembly->count;
}

#endif
