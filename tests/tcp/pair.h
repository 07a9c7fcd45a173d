/* Two engines back to back, in virtual time, over a wire with a delay. A filter may drop, delay,
 * duplicate or damage segments.
 *
 * Sides 0 and 1 are two tcp_tests of which only the engine, the time and the user's calls are used.
 * A transfer writes the pattern on one side, and reads and compares it on the other, until
 * everything has arrived or the time is up.
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

/* Decides the fate of segment `index` from `side` (each side counts from 0), and may change
 * *delay_ns. Returns a set of WIRE_ flags. */
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

/* Makes two engines. The setup is the same for both except the seed. */
void pair_setup(struct tcp_pair *pair, struct tcp_setup setup, uint64_t delay_ns, tcp_filter *filter);
/* Makes two engines with a connection between them, opened by side 0. */
void pair_connect(struct tcp_pair *pair, struct tcp_setup setup, uint64_t delay_ns, tcp_filter *filter);
void pair_end(struct tcp_pair *pair);
/* Lets the time pass, or stops before if nothing more can happen. */
void pair_run(struct tcp_pair *pair, uint64_t ns);
/* Writes `bytes` of the pattern on side `from`, and reads and checks them on the other. Returns
 * false if they have not all arrived within `ns`. */
bool pair_transfer(struct tcp_pair *pair, int from, uint32_t bytes, uint64_t ns);

#endif
