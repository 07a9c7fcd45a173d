/* Frames between the same two hosts: whether the headers of Ethernet and IP are the same in two of
 * them.
 *
 * They hardly differ but for the length of the packet, over IPv4 its identification and checksum,
 * over IPv6 the flow label. They are compared in words.
 */
#ifndef MN_WIRE_ALIKE_H
#define MN_WIRE_ALIKE_H

#include <string.h>

#include "base/checksum.h"
#include "wire/bytes.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

/* Bytes of both headers, without options and extension headers. */
#define MN_ALIKE_IPV4 (MN_ETHERNET_HEADER + MN_IPV4_HEADER)
#define MN_ALIKE_IPV6 (MN_ETHERNET_HEADER + MN_IPV6_HEADER)

static inline uint64_t mn_differs16(const uint8_t *a, const uint8_t *b)
{
    uint16_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x ^ y;
}

static inline uint64_t mn_differs32(const uint8_t *a, const uint8_t *b)
{
    uint32_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x ^ y;
}

static inline uint64_t mn_differs64(const uint8_t *a, const uint8_t *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x ^ y;
}

/* Returns whether the headers are the same but for length, identification and checksum. The first
 * two words are the link addresses, the type, and the first two bytes of IP. Then follow the
 * fragment, TTL and protocol, and both addresses. */
static inline bool mn_alike_ipv4(const uint8_t *a, const uint8_t *b)
{
    return (mn_differs64(a, b) | mn_differs64(a + 8, b + 8) | mn_differs32(a + 20, b + 20) |
            mn_differs64(a + 26, b + 26)) == 0;
}

/* Returns whether the headers are the same but for the length of the payload and the flow label.
 * The words are the link addresses, the type and the first two bytes of IP, as above, without the
 * beginning of the label; the next header and the hop limit; both addresses. */
static inline bool mn_alike_ipv6(const uint8_t *a, const uint8_t *b)
{
    static const uint8_t no_label[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0};
    uint64_t mask;
    memcpy(&mask, no_label, sizeof mask);
    return (mn_differs64(a, b) | (mn_differs64(a + 8, b + 8) & mask) | mn_differs16(a + 20, b + 20) |
            mn_differs64(a + 22, b + 22) | mn_differs64(a + 30, b + 30) | mn_differs64(a + 38, b + 38) |
            mn_differs64(a + 46, b + 46)) == 0;
}

/* Returns the sum of the words of an IPv4 header that mn_alike_ipv4 leaves out. */
static inline uint64_t mn_alike_ipv4_rest(const uint8_t *frame)
{
    uint32_t len_and_identification;
    uint16_t checksum;
    memcpy(&len_and_identification, frame + MN_ETHERNET_HEADER + 2, sizeof len_and_identification);
    memcpy(&checksum, frame + MN_ETHERNET_HEADER + 10, sizeof checksum);
    return (uint64_t)len_and_identification + checksum;
}

/* Return the length of the frame without padding, as its IP header gives it. */
static inline uint32_t mn_alike_ipv4_len(const uint8_t *frame)
{
    return MN_ETHERNET_HEADER + (uint32_t)mn_load_u16(frame + MN_ETHERNET_HEADER + 2);
}
static inline uint32_t mn_alike_ipv6_len(const uint8_t *frame)
{
    return MN_ALIKE_IPV6 + (uint32_t)mn_load_u16(frame + MN_ETHERNET_HEADER + 4);
}

static inline uint32_t mn_alike_ipv6_label(const uint8_t *frame)
{
    return mn_load_u32(frame + MN_ETHERNET_HEADER) & MN_IPV6_FLOW_LABEL_MAX;
}

#endif
