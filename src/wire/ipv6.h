/* IPv6 headers (RFC 8200): the fixed header, the walk over the extension headers, fragments; and
 * the addresses with a meaning of their own (RFC 4291). */
#ifndef MN_IPV6_WIRE_H
#define MN_IPV6_WIRE_H

#include <string.h>

#include "base/cursor.h"
#include "wire/bytes.h"
#include "wire/wire.h"

#define MN_IPV6_HEADER 40
#define MN_IPV6_FRAGMENT_HEADER 8
/* A hop-by-hop header that holds Router Alert and nothing else. */
#define MN_IPV6_ROUTER_ALERT 8
/* Every link carries packets of this size (RFC 8200 5). */
#define MN_IPV6_MTU_MIN 1280
#define MN_IPV6_FLOW_LABEL_MAX 0xfffffu

/* The values of Next Header that name no transport. */
enum mn_ipv6_extension {
    MN_IPV6_HOP_BY_HOP = 0,
    MN_IPV6_ROUTING = 43,
    MN_IPV6_FRAGMENT = 44,
    MN_IPV6_NO_NEXT_HEADER = 59,
    MN_IPV6_DESTINATION_OPTIONS = 60,
};

struct mn_ipv6 {
    struct mnet_address source, destination;
    uint32_t flow_label; /* 20 bits */
    uint16_t payload_len;
    uint8_t traffic_class;
    uint8_t next_header; /* enum mn_protocol or enum mn_ipv6_extension */
    uint8_t hop_limit;
};

/* Parses the fixed header in the first `len` bytes of a packet of `total` bytes (linear part and
 * all). INVALID for another version, and for an IPv4-mapped source or destination: above wire/ such
 * an address is IPv4's, and a peer could speak for hosts of the other family. TRUNCATED if fewer
 * bytes are there than the payload length says. The packet may be longer (link padding). On a
 * failure other than a short fixed header the fields are set. */
enum mn_parse mn_ipv6_parse(const void *data, size_t len, size_t total, struct mn_ipv6 *header);
/* Does the same for a packet without extension headers, as nearly all are. Returns false, and
 * *header means nothing, if mn_ipv6_parse and mn_ipv6_walk must judge the packet. */
bool mn_ipv6_parse_plain(const void *data, size_t len, size_t total, struct mn_ipv6 *header);
/* The same for the quote in an ICMP error, of which the last bytes may be missing. */
enum mn_parse mn_ipv6_parse_quote(const void *data, size_t len, struct mn_ipv6 *header);
/* Writes MN_IPV6_HEADER bytes. */
void mn_ipv6_emit(void *to, const struct mn_ipv6 *header);
/* Changes the payload length of a header. */
static inline void mn_ipv6_set_payload_len(uint8_t *header, uint16_t len)
{
    mn_store_u16(header + 4, len);
}
/* Changes the flow label of a header with that traffic class. */
static inline void mn_ipv6_set_flow_label(uint8_t *header, uint8_t traffic_class, uint32_t flow_label)
{
    mn_store_u32(header, UINT32_C(6) << 28 | (uint32_t)traffic_class << 20 | flow_label);
}
/* Writes MN_IPV6_ROUTER_ALERT bytes: a hop-by-hop header with the Router Alert option of multicast
 * listener discovery (RFC 2711 2.1, value 0) in front of `next_header`. */
void mn_ipv6_emit_router_alert(void *to, uint8_t next_header);

/* ---- Fragments (RFC 8200 4.5) ---- */

struct mn_ipv6_fragment {
    uint32_t identification;
    uint16_t offset; /* in bytes, a multiple of eight */
    uint8_t next_header;
    bool more;
};

/* TRUNCATED below MN_IPV6_FRAGMENT_HEADER bytes. Reserved bits are ignored. */
enum mn_parse mn_ipv6_fragment_parse(const void *data, size_t len, struct mn_ipv6_fragment *fragment);
/* Writes MN_IPV6_FRAGMENT_HEADER bytes. */
void mn_ipv6_fragment_emit(void *to, const struct mn_ipv6_fragment *fragment);

/* ---- The walk over the extension headers (RFC 8200 4) ---- */

/* Parameter Problem (RFC 4443 3.4, RFC 7112 5). */
enum mn_ipv6_problem {
    MN_IPV6_ERRONEOUS_FIELD = 0,
    MN_IPV6_UNKNOWN_NEXT_HEADER = 1,
    MN_IPV6_UNKNOWN_OPTION = 2,
    MN_IPV6_INCOMPLETE_CHAIN = 3, /* the first fragment does not have all headers */
};

/* The end of a walk. */
enum mn_ipv6_verdict {
    MN_IPV6_IS_TRANSPORT, /* a transport of ours: TCP, UDP or ICMPv6 */
    MN_IPV6_IS_FRAGMENT,  /* a part of a larger packet */
    MN_IPV6_IS_EMPTY,     /* No Next Header: nothing to deliver, and no error (4.7) */
    MN_IPV6_IS_TRUNCATED, /* headers beyond the linear part */
    MN_IPV6_IS_INVALID,   /* a header or an option beyond its end, or a fragment of a fragment */
    MN_IPV6_IS_REFUSED,   /* an option that says so, or a limit: to be discarded silently */
    MN_IPV6_IS_PROBLEM,   /* to be discarded, and answered with Parameter Problem */
};

/* Limits of the work for one packet (RFC 8504 5.3). */
struct mn_ipv6_limits {
    uint8_t headers;      /* extension headers of a packet */
    uint8_t options;      /* options of a header, padding apart */
    uint16_t options_len; /* bytes of a header with options */
};
extern const struct mn_ipv6_limits mn_ipv6_limits_default;

struct mn_ipv6_chain {
    uint32_t offset;        /* the first byte behind the headers that were walked */
    uint32_t named_at;      /* the last Next Header octet of the chain */
    uint8_t protocol;       /* the value of that octet; of a fragment it is MN_IPV6_FRAGMENT */
    bool router_alert;      /* the hop-by-hop header has a Router Alert option */
    bool fragmented;        /* there was a Fragment header, or the packet is reassembled */
    uint8_t code;           /* of a problem: enum mn_ipv6_problem */
    bool even_to_multicast; /* of a problem: answered even if the packet was sent to a group */
    uint32_t pointer;       /* of a problem: the octet of the packet that is wrong */
    /* The header of a fragment or an atomic fragment (RFC 6946). A fragment's ends at `offset`. */
    struct mn_ipv6_fragment fragment;
};

/* Walks the extension headers of a packet whose fixed header `header` is, from left to right, until
 * a transport, a fragment or the first reason to discard the packet. `packet` points to the fixed
 * header, `len` is the length of the linear part. `reassembled` says that the packet was put
 * together from fragments: then there can be no further Fragment header, nor options for hops.
 *
 * Of a first fragment, all headers up to the transport's are there. The headers before a Fragment
 * header have been processed, those behind it have not (RFC 8200 4.5). */
enum mn_ipv6_verdict mn_ipv6_walk(const uint8_t *packet, size_t len, const struct mn_ipv6 *header, bool reassembled,
                                  const struct mn_ipv6_limits *limits, struct mn_ipv6_chain *chain);

/* The transport of a packet that is not ours to judge: of one that an ICMP error quotes, or that is
 * to be answered with one. */
struct mn_ipv6_upper {
    uint32_t offset;   /* of its first byte, which need not be there */
    uint32_t named_at; /* the octet that names it: the last Next Header */
    uint8_t protocol;  /* any value that names no extension header, or No Next Header */
};

/* Finds the transport behind the headers in the first `len` bytes of a packet. No option is looked
 * at. False if a header is cut short, or the packet is a fragment other than the first. */
bool mn_ipv6_find_upper(const uint8_t *packet, size_t len, const struct mn_ipv6 *header, struct mn_ipv6_upper *upper);

/* ---- Addresses (RFC 4291 2) ---- */

extern const struct mnet_address mn_ipv6_all_nodes;   /* ff02::1 */
extern const struct mnet_address mn_ipv6_all_routers; /* ff02::2 */

enum mn_ipv6_scope {
    MN_IPV6_SCOPE_RESERVED = 0,
    MN_IPV6_SCOPE_INTERFACE = 1,
    MN_IPV6_SCOPE_LINK = 2,
    MN_IPV6_SCOPE_SITE = 5,
    MN_IPV6_SCOPE_GLOBAL = 14,
};

/* All zeros, but not 0.0.0.0. */
static inline bool mn_ipv6_is_unspecified(const struct mnet_address *address)
{
    static const uint8_t zeros[16];
    return memcmp(address->bytes, zeros, sizeof zeros) == 0;
}

static inline bool mn_ipv6_is_loopback(const struct mnet_address *address)
{
    static const uint8_t loopback[16] = {[15] = 1};
    return memcmp(address->bytes, loopback, sizeof loopback) == 0;
}

/* fe80::/10 */
static inline bool mn_ipv6_is_link_local(const struct mnet_address *address)
{
    return address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

static inline bool mn_ipv6_is_multicast(const struct mnet_address *address)
{
    return address->bytes[0] == 0xff;
}

/* Returns true if one host can have the address (RFC 4291 2.5). */
static inline bool mn_ipv6_is_host(const struct mnet_address *address)
{
    return !mn_address_is_ipv4(address) && !mn_ipv6_is_unspecified(address) && !mn_ipv6_is_loopback(address) &&
           !mn_ipv6_is_multicast(address);
}

/* The scope of a multicast address: enum mn_ipv6_scope, or another value (2.7). */
static inline uint8_t mn_ipv6_multicast_scope(const struct mnet_address *group)
{
    return group->bytes[1] & 0x0f;
}

/* ff02::1:ff00:0/104 (2.7.1) */
bool mn_ipv6_is_solicited_node(const struct mnet_address *address);
/* The group to which the owners of `address` listen for solicitations. */
struct mnet_address mn_ipv6_solicited_node(const struct mnet_address *address);

/* Sixteen bytes of a message; zeros if they are not there, and then the reader has failed. */
static inline struct mnet_address mn_read_ipv6(struct mn_reader *r)
{
    struct mnet_address address = MNET_ADDRESS_ANY;
    const uint8_t *bytes = mn_read(r, sizeof address.bytes);
    if (bytes != NULL)
        memcpy(address.bytes, bytes, sizeof address.bytes);
    return address;
}

static inline void mn_write_ipv6(struct mn_writer *w, const struct mnet_address *address)
{
    mn_write_bytes(w, address->bytes, sizeof address->bytes);
}

#endif
