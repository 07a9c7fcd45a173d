/* A UDP engine alone, for tests of both families: their addresses, datagrams and errors.
 */
#ifndef MN_TEST_UDP_ENGINE_H
#define MN_TEST_UDP_ENGINE_H

#include "udp/udp.h"

struct udp_fixture {
    void *region;
    struct mnet_memory *memory;
    struct mnet_counters counters;
    struct mn_random random;
    struct mn_udp udp;
};

/* The hosts 1, 2 and 3 of the network, in the family of the tests that run now. */
extern struct mnet_address us, peer, stranger;

/* Returns true if that family is IPv6. It is IPv4 before use_ipv6. */
bool over_ipv6(void);
void use_ipv6(void);
/* A host of the other family. */
struct mnet_address foreigner(void);

/* For each test. */
int udp_setup(void **state);
int udp_teardown(void **state);

uint64_t counted(const struct udp_fixture *f, enum mnet_counter counter);
void open_port(struct udp_fixture *f, struct mn_udp_endpoint *endpoint, uint16_t port);

/* Makes the packet for `len` bytes from `from` to `to`. NULL if there is no memory. */
struct mnet_packet *udp_output(struct udp_fixture *f, const struct mn_udp_endpoint *sender, struct mnet_address from,
                               struct mnet_endpoint to, const void *data, size_t len, struct mn_datagram *datagram);
/* Makes a datagram of the sender at `from`:4000 to us:`port`, with room for the IP header in front,
 * as IP delivers it. Its TTL is 63, its DSCP 10. */
struct mnet_packet *datagram_from(struct udp_fixture *f, struct mnet_address from, uint16_t port, const void *data,
                                  size_t len, struct mn_datagram *datagram);
/* Delivers such a one. */
enum mn_udp_verdict deliver(struct udp_fixture *f, struct mnet_address from, uint16_t port, const char *text);
/* Reports that a datagram from us:53 did not arrive. */
void report(struct udp_fixture *f, enum mn_unreachable reason, struct mnet_address remote, uint16_t remote_port);

/* Checks the next datagram, or that there is none. */
void expect_text(struct mn_udp_endpoint *endpoint, const char *text);
void expect_nothing(struct mn_udp_endpoint *endpoint);

#endif
