/* The two families of addresses, for tests that run over each of them from one source. */
#ifndef MN_TEST_FAMILY_H
#define MN_TEST_FAMILY_H

#include <mnet/address.h>

#include "wire/wire.h"

enum family {
    IPV4,
    IPV6
};

static inline enum family family_of(struct mnet_address address)
{
    return mnet_address_is_ipv4(address) ? IPV4 : IPV6;
}

/* Returns a host of the test's network: 10.0.0.1 over IPv4 is 2001:db8::a00:1 over IPv6. */
static inline struct mnet_address family_host(enum family family, uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    struct mnet_address ipv6 = {.bytes = {0x20, 0x01, 0x0d, 0xb8, [12] = a, [13] = b, [14] = c, [15] = d}};
    return family == IPV4 ? mnet_ipv4(a, b, c, d) : ipv6;
}

/* Returns a group of hosts: 224.0.0.x, or ff02::x. */
static inline struct mnet_address family_group(enum family family, uint8_t x)
{
    struct mnet_address ipv6 = {.bytes = {0xff, 0x02, [15] = x}};
    return family == IPV4 ? mnet_ipv4(224, 0, 0, x) : ipv6;
}

/* Bytes of an IP header without options or extension headers. */
static inline uint32_t family_ip_header(enum family family)
{
    return family == IPV4 ? 20 : 40;
}

/* The smallest MTU that TCP believes: each IPv4 host takes packets of 576 bytes, and each IPv6 link
 * those of 1280 (RFC 8200 5). */
static inline uint16_t family_mtu_min(enum family family)
{
    return family == IPV4 ? 576 : 1280;
}

#endif
