/* Functions that the scripts about loss recovery share. The peer acknowledges segments by their
 * numbers, from 0. */
#ifndef TESTS_TCP_RECOVERY_H
#define TESTS_TCP_RECOVERY_H

#include "tests/tcp/harness.h"

#define BLOCKS(n, ...) .sacks = n, .sack = {__VA_ARGS__}
#define AT(segment) (1 + (uint32_t)(segment)*MSS)
#define SEGMENTS(from, to) \
    { \
        AT(from), AT(to) \
    }
/* Acknowledges everything before a segment, with SACK blocks. */
#define ack_(t, segment, ...) send_(t, .seq = 1, .ack = AT(segment), .flags = ACK, __VA_ARGS__)
#define expect_segment(t, segment) expect(t, .seq = AT(segment), .ack = 1, .flags = ACK, .len = (int)MSS)

/* Writes `segments` full segments. Expects that the first `sent` of them are sent, and throws them
 * away. */
static inline void in_flight(struct tcp_test *t, uint32_t segments, uint32_t sent)
{
    write_bytes(t, segments * MSS);
    assert_int_equal(drain(t, NULL), sent);
    mark(t);
}

#endif
