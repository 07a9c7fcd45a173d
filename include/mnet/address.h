/* Addresses of both families, endpoints and prefixes.
 *
 * One type holds either family: sixteen bytes in network order, an IPv4 address in the IPv4-mapped form
 * ::ffff:a.b.c.d (RFC 4291 2.5.5.2). All zeros means "unspecified, any family". The types are plain values: copy
 * and compare them freely.
 */
#ifndef MNET_ADDRESS_H
#define MNET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

/* An address of either family: IPv6 in network order, or IPv4 mapped into ::ffff:0:0/96 (RFC 4291 2.5.5.2). */
struct mnet_address {
    uint8_t bytes[16];
};

/* An address with a port: one end of a connection. */
struct mnet_endpoint {
    struct mnet_address address;
    uint16_t port; /* host order; 0 is unspecified */
};

/* An address and how many of its leading bits name the network: 0..32 for IPv4, 0..128 for IPv6. */
struct mnet_prefix {
    struct mnet_address address;
    uint8_t length;
};

/* The unspecified address: none, or any. */
#define MNET_ADDRESS_ANY ((struct mnet_address){{0}})

/* Longest texts, terminating zero included. */
#define MNET_ADDRESS_TEXT 46
#define MNET_ENDPOINT_TEXT 56

/* The IPv4 address a.b.c.d. */
struct mnet_address mnet_ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
/* The IPv4 address whose value in host order is `value`, and back (0 for an IPv6 address). */
struct mnet_address mnet_address_from_ipv4(uint32_t value);
uint32_t mnet_address_to_ipv4(struct mnet_address address);

/* Whether it is an IPv4 address, 0.0.0.0 included; all zeros is of no family. */
bool mnet_address_is_ipv4(struct mnet_address address);
/* True for all zeros and for 0.0.0.0. */
bool mnet_address_is_any(struct mnet_address address);
/* True for 224.0.0.0/4 and ff00::/8. */
bool mnet_address_is_multicast(struct mnet_address address);
bool mnet_address_equal(struct mnet_address a, struct mnet_address b);
bool mnet_endpoint_equal(struct mnet_endpoint a, struct mnet_endpoint b);
/* Whether `address` lies in `prefix`; families must agree. */
bool mnet_prefix_contains(struct mnet_prefix prefix, struct mnet_address address);

/* Reads "10.0.0.2" or "fd00::2" (RFC 4291 2.2); a prefix adds "/24". Octets have no leading zeros. The whole text
 * must match. Returns 0 or MNET_E_INVALID, leaving the output untouched. */
int mnet_address_parse(const char *text, struct mnet_address *address);
int mnet_prefix_parse(const char *text, struct mnet_prefix *prefix);

/* Writes the canonical text (RFC 5952), "10.0.0.2:80" and "[fd00::2]:80" for endpoints, into `text` of `size`
 * bytes, always terminated (truncated where it does not fit). Returns `text`. */
char *mnet_address_format(struct mnet_address address, char *text, size_t size);
char *mnet_endpoint_format(struct mnet_endpoint endpoint, char *text, size_t size);

#pragma GCC visibility pop

#endif
