/* Addresses of both families, endpoints and prefixes.
 *
 * One type holds either family: sixteen bytes in network order. An IPv4 address has the IPv4-mapped
 * form ::ffff:a.b.c.d (RFC 4291 2.5.5.2). All zeros means "unspecified, any family". The types are
 * plain values: copy and compare them freely.
 *
 * An address of fe80::/10 or of a group of the link (ffx1::/16, ffx2::/16) means something only on
 * one link. If a program has several links, the address says by its zone on which one it lies
 * (RFC 4007). Zones are numbers of links in this program and never leave it.
 */
#ifndef MNET_ADDRESS_H
#define MNET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

/* An address of either family: IPv6, or IPv4 mapped into ::ffff:0:0/96 (RFC 4291 2.5.5.2). */
struct mnet_address {
    uint8_t bytes[16]; /* network order */
    /* The number of the link that the address belongs to: `zone` of its device (mnet/device.h). 0
     * is the link of the stack that is given the address. Always 0 unless the address can have a
     * zone (mnet_address_can_have_zone). */
    uint16_t zone;
};

/* The families of addresses that something takes. */
enum mnet_family {
    MNET_FAMILY_ANY, /* both */
    MNET_FAMILY_IPV4,
    MNET_FAMILY_IPV6,
};

/* An address with a port: one end of a connection. */
struct mnet_endpoint {
    struct mnet_address address;
    uint16_t port; /* host order; 0 is unspecified */
};

/* A network: an address and the number of its leading bits that all hosts of the network share. */
struct mnet_prefix {
    struct mnet_address address;
    uint8_t length; /* bits: 0..32 for IPv4, 0..128 for IPv6 */
};

/* The unspecified address. It means no address or any address, as the call says. */
#define MNET_ADDRESS_ANY ((struct mnet_address){{0}, 0})

/* Sizes that hold the longest text, the terminating zero included, in bytes. */
#define MNET_ZONE_TEXT 32 /* the name of a link: see mnet_env_parse_address */
#define MNET_ADDRESS_TEXT (46 + MNET_ZONE_TEXT)
#define MNET_ENDPOINT_TEXT (MNET_ADDRESS_TEXT + 8)

/* Returns the IPv4 address a.b.c.d. */
struct mnet_address mnet_ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
/* Converts a 32-bit value in host order to an IPv4 address, and back. The value of an IPv6 address
 * is 0. */
struct mnet_address mnet_address_from_ipv4(uint32_t value);
uint32_t mnet_address_to_ipv4(struct mnet_address address);

/* Returns true for an IPv4 address, 0.0.0.0 included. All zeros belongs to no family. */
bool mnet_address_is_ipv4(struct mnet_address address);
/* Returns true for all zeros and for 0.0.0.0. */
bool mnet_address_is_any(struct mnet_address address);
/* Returns true for 224.0.0.0/4 and ff00::/8. */
bool mnet_address_is_multicast(struct mnet_address address);
/* Returns true for an address that means something only on one link: one of fe80::/10, ffx1::/16 or
 * ffx2::/16. */
bool mnet_address_can_have_zone(struct mnet_address address);
/* Returns true if both are the same, zones included. */
bool mnet_address_equal(struct mnet_address a, struct mnet_address b);
bool mnet_endpoint_equal(struct mnet_endpoint a, struct mnet_endpoint b);
/* Returns true if `address` lies in `prefix`. False if they are of different families, or if the
 * prefix has a zone and the address another one. */
bool mnet_prefix_contains(struct mnet_prefix prefix, struct mnet_address address);

/* Reads an address, "10.0.0.2" or "fd00::2" (RFC 4291 2.2), or a prefix, "10.0.0.2/24". An octet
 * with a leading zero is invalid, and so is any text behind the address. An address that can have a
 * zone may give its number, "fe80::1%3" or "fe80::%3/64" (RFC 4007 11); %0 is the same as no zone.
 * mnet_env_parse_address knows names, too. Returns 0 or MNET_E_INVALID; on failure the output is
 * unchanged. */
int mnet_address_parse(const char *text, struct mnet_address *address);
int mnet_prefix_parse(const char *text, struct mnet_prefix *prefix);

/* Reads an address with a port: "10.0.0.2:80" or "[fd00::2]:80", with a zone "[fe80::2%3]:80".
 * Returns 0 or MNET_E_INVALID; on failure the output is unchanged. */
int mnet_endpoint_parse(const char *text, struct mnet_endpoint *endpoint);

/* Writes the canonical text of an address (RFC 5952) or an endpoint ("10.0.0.2:80", "[fd00::2]:80",
 * "[fe80::2%3]:80") into `text`, which has `size` bytes. The text is always terminated, and
 * truncated if it does not fit. Returns `text`. */
char *mnet_address_format(struct mnet_address address, char *text, size_t size);
char *mnet_endpoint_format(struct mnet_endpoint endpoint, char *text, size_t size);

#pragma GCC visibility pop

#endif
