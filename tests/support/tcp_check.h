/* Looks at the segments that engines send. The invariants of the engines themselves are in
 * src/tcp/check.h. */
#ifndef MN_TEST_TCP_CHECK_H
#define MN_TEST_TCP_CHECK_H

#include "tcp/tcb.h"

/* Checks that all text which a segment acknowledges, selectively or not, is in the queues. For a
 * segment that has just been sent. */
void tcp_check_sack(const struct mn_tcb *tcb, const struct mn_tcp_header *header);

/* Computes a digest of all segments that engines send, with their addresses and times. A change
 * that keeps behaviour keeps the digest. It goes on from `from`, a digest or
 * MN_TEST_DIGEST_EMPTY. */
#define MN_TEST_DIGEST_EMPTY UINT64_C(0xcbf29ce484222325)
void tcp_digest_begin(uint64_t from);
void tcp_digest_segment(const struct mn_datagram *datagram, uint16_t gso_size, const uint8_t *bytes, uint32_t len,
                        uint64_t now);
uint64_t tcp_digest(void);

/* Returns the number of runs that wait for missing bytes in front of them. */
static inline uint32_t tcp_runs(const struct mn_tcb *tcb)
{
    return tcb->reassembly == NULL ? 0 : tcb->reassembly->count;
}

#endif
