/* Two engines back to back, in virtual time, over a wire with a delay and a filter that may drop, delay, duplicate or damage what passes.
 *
 * Sides 0 and 1 are two tcp_tests of which only the engine, the time and the users are used. A transfer writes the pattern on one side, reads and
 * compares it on the other, until everything has arrived or the time is up.
 */
#ifndef TESTS_TCP_PAIR_H
#define TESTS_TCP_PAIR_H

#include "tests/tcp/harness.h"

enum {
    WIRE_PASS = 0,
    WIRE_DROP = 1,
    WIRE_TWICE = 2,
    WIRE_DAMAGE = 4
};

struct tcp_pair;

/* What becomes of the segment `index` (from 0, each side its own) from `side`; *delay_ns may be changed. A set of WIRE_ flags. */
typedef int tcp_filter(struct tcp_pair *pair, int side, unsigned index, const struct mn_tcp_header *header,
                       uint32_t len, uint64_t *delay_ns);

struct tcp_wire_segment {
    struct tcp_wire_segment *next;
    uint64_t arrives;
    struct mnet_address from, to;
    uint32_t len;
    uint8_t bytes[];
};

struct tcp_pair {
    struct tcp_test side[2];
    struct tcp_wire_segment *wire[2]; /* from each side, in order of arrival */
    unsigned sent[2];
    uint64_t sent_bytes[2]; /* of text */
    uint64_t delay_ns;
    tcp_filter *filter;
    void *context;
    uint64_t now;
    uint32_t written[2], read[2]; /* bytes of the pattern */
};

/* Two engines; the setup is the same for both but for the seed. */
void pair_setup(struct tcp_pair *pair, struct tcp_setup setup, uint64_t delay_ns, tcp_filter *filter);
/* ... with a connection between them, opened by side 0. */
void pair_connect(struct tcp_pair *pair, struct tcp_setup setup, uint64_t delay_ns, tcp_filter *filter);
void pair_end(struct tcp_pair *pair);
/* Goes on for so long, or until nothing more can happen. */
void pair_run(struct tcp_pair *pair, uint64_t ns);
/* Writes `bytes` of the pattern from a side, reads and checks them at the other. False where they did not all arrive within `ns`. */
bool pair_transfer(struct tcp_pair *pair, int from, uint32_t bytes, uint64_t ns);

#endif
