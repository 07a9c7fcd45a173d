/* What the scripts about loss recovery share: the peer acknowledges segments by their numbers, from 0. */
#ifndef TESTS_TCP_RECOVERY_H
#define TESTS_TCP_RECOVERY_H

#include "tests/tcp/harness.h"

#define BLOCKS(n, ...) .sacks = n, .sack = {__VA_ARGS__}
#define AT(segment) (1 + (uint32_t)(segment)*MSS)
#define SEGMENTS(from, to) \
    { \
        AT(from), AT(to) \
    }
/* An acknowledgement of everything before a segment, with blocks. */
#define ack_(t, segment, ...) send_(t, .seq = 1, .ack = AT(segment), .flags = ACK, __VA_ARGS__)
#define expect_segment(t, segment) expect(t, .seq = AT(segment), .ack = 1, .flags = ACK, .len = (int)MSS)

/* Writes `segments` full segments; the first `sent` of them go, and are forgotten. */
static inline void in_flight(struct tcp_test *t, uint32_t segments, uint32_t sent)
{
    write_bytes(t, segments * MSS);
    assert_int_equal(drain(t, NULL), sent);
    mark(t);
}

#endif
