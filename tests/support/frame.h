/* Ethernet frames for tests: TCP and UDP over IPv4, built field by field, and read back. */
#ifndef MN_TEST_FRAME_H
#define MN_TEST_FRAME_H

#include <mnet/packet.h>

#include "base/base.h"

/* A memory of `size` bytes from malloc; test_memory_free checks that nothing is left allocated from it. */
struct mnet_memory *test_memory(size_t size);
void test_memory_free(struct mnet_memory *memory);

/* What a TCP frame says; zeros are replaced where a zero makes no sense (addresses, ports, ttl, ACK flag, window). */
struct test_tcp {
    uint32_t source, destination;           /* 10.0.0.1, 10.0.0.2 */
    uint16_t source_port, destination_port; /* 1000, 80 */
    uint32_t seq, ack;
    uint16_t window;
    uint8_t flags;
    uint8_t ttl, tos;
    bool may_fragment; /* DF not set */
    uint16_t identification;
    const uint8_t *options; /* a multiple of four bytes */
    size_t options_len;
    size_t padding; /* link padding behind the IP packet */
    bool ip_options;
};

/* A frame in one linear part with complete checksums. */
struct mnet_packet *test_tcp_frame(struct mnet_memory *memory, const struct test_tcp *tcp, const void *payload,
                                   size_t len);
/* A large frame as the engine gives it out: headers linear, payload in buffers cut into pieces of at most `piece` bytes, checksum partial, gso_size set. */
struct mnet_packet *test_large_frame(struct mnet_memory *memory, const struct test_tcp *tcp, const void *payload,
                                     size_t len, size_t piece, uint16_t gso_size);
/* A UDP frame with a partial checksum. */
struct mnet_packet *test_udp_frame(struct mnet_memory *memory, const void *payload, size_t len);

/* Whether lengths, IP header checksum and transport checksum of a complete frame are right. */
bool test_frame_ok(const struct mnet_packet *frame);
/* Bytes counted up from `first`. */
void test_fill(uint8_t *bytes, size_t len, unsigned first);

#endif
