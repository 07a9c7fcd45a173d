/* Builds Ethernet frames of TCP and UDP over IPv4 and IPv6 for tests, field by field, and reads
 * them back. */
#ifndef MN_TEST_FRAME_H
#define MN_TEST_FRAME_H

#include <mnet/packet.h>

#include "base/base.h"

/* Creates a memory of `size` bytes from malloc. test_memory_free checks that nothing is left
 * allocated in it. */
struct mnet_memory *test_memory(size_t size);
void test_memory_free(struct mnet_memory *memory);

/* The fields of a TCP frame. A zero stands for a default if zero makes no sense (addresses, ports,
 * ttl, ACK flag, window). */
struct test_tcp {
    bool ipv6;
    uint32_t source, destination;           /* 10.0.0.1, 10.0.0.2; of IPv6, behind fd00::/96 */
    uint16_t source_port, destination_port; /* 1000, 80 */
    uint32_t seq, ack;
    uint16_t window;
    uint8_t flags;
    uint8_t ttl, tos;        /* hop limit and traffic class */
    bool may_fragment;       /* clears DF; IPv4 */
    uint16_t identification; /* IPv4 */
    uint32_t flow_label;     /* IPv6 */
    const uint8_t *options;  /* a multiple of four bytes */
    size_t options_len;
    size_t padding;  /* bytes of link padding after the IP packet */
    bool ip_options; /* four bytes of options in the IPv4 header, or an IPv6 extension header */
};

/* The length of the IP headers of such a frame, and of all its headers. */
uint32_t test_ip_headers(const struct test_tcp *tcp);
uint32_t test_headers(const struct test_tcp *tcp);
/* Builds a frame in one linear part, with complete checksums. */
struct mnet_packet *test_tcp_frame(struct mnet_memory *memory, const struct test_tcp *tcp, const void *payload,
                                   size_t len);
/* Builds a large frame as the engine emits it: headers linear, payload in buffers cut into pieces
 * of at most `piece` bytes, checksum partial, gso_size set. */
struct mnet_packet *test_large_frame(struct mnet_memory *memory, const struct test_tcp *tcp, const void *payload,
                                     size_t len, size_t piece, uint16_t gso_size);
/* Builds a UDP frame with a partial checksum. */
struct mnet_packet *test_udp_frame(struct mnet_memory *memory, bool ipv6, const void *payload, size_t len);

/* Returns whether the lengths, the IPv4 header checksum and the transport checksum of a complete
 * frame are right. */
bool test_frame_ok(const struct mnet_packet *frame);
/* Fills `bytes` with values that count up from `first`. */
void test_fill(uint8_t *bytes, size_t len, unsigned first);

#endif
