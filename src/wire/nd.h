/* Neighbour discovery (RFC 4861): solicitations and advertisements of routers and neighbours, and
 * Redirect, with their options over Ethernet (RFC 2464 6; RFC 4191, RFC 8106, RFC 7527).
 *
 * Options that count once are fields of the message. Those that may be repeated stay in `options`,
 * and mn_nd_next reads them one by one. An option that is unknown, has a wrong length or does not
 * belong to the message counts as absent, but one of length 0 makes the message invalid. */
#ifndef MN_ND_WIRE_H
#define MN_ND_WIRE_H

#include "wire/domain.h"
#include "wire/ethernet.h"
#include "wire/icmpv6.h"

/* No router has forwarded the packet: every one would have made it less (RFC 4861 3.1). */
#define MN_ND_HOP_LIMIT 255
/* The most that mn_nd_write writes. */
#define MN_ND_WRITE_MAX 48
/* Bytes of a nonce that fit an option of one unit: the least that is allowed (RFC 3971 5.3.2). */
#define MN_ND_NONCE 6
/* Seconds without end. */
#define MN_ND_INFINITE UINT32_MAX

/* The values of two bits, sign extended (RTPREF-2.1-1). The fourth is reserved: a router that has
 * it counts as MEDIUM, a Route Information option as absent. */
enum mn_nd_preference {
    MN_ND_LOW = -1,
    MN_ND_MEDIUM = 0,
    MN_ND_HIGH = 1,
};

struct mn_nd {
    uint8_t type; /* MN_ICMPV6_ROUTER_SOLICITATION to MN_ICMPV6_REDIRECT */
    /* Neighbour messages: the address in question. Redirect: the better first hop. */
    struct mnet_address target;
    struct mnet_address destination; /* Redirect: of the packets that it is about */
    /* Neighbour Advertisement. */
    bool router, solicited, override;
    /* Router Advertisement; zero is unspecified. */
    uint8_t hop_limit;
    bool managed, other;
    int8_t preference; /* enum mn_nd_preference */
    uint16_t router_lifetime_s;
    uint32_t reachable_ms, retrans_ms;
    uint32_t mtu; /* an option; 0: none */
    /* The source's link-layer address in solicitations and Router Advertisement, the target's in
     * Neighbour Advertisement and Redirect. */
    bool has_link_address;
    struct mn_mac link_address;
    /* Neighbour Solicitation (RFC 7527): the length as received, of which MN_ND_NONCE are kept. */
    uint16_t nonce_len;
    uint8_t nonce[MN_ND_NONCE];
    struct mn_reader options; /* received: all of them, in the packet */
};

/* Parses and validates a message whose checksum is right. `datagram` has addresses and hop limit of
 * its packet, `fragmented` says that it was or is a fragment (mn_ipv6_chain). INVALID for another
 * type and for a message that RFC 4861 (6.1.1, 6.1.2, 7.1.1, 7.1.2, 8.1) or RFC 6980 5 discards;
 * TRUNCATED if it is shorter than its type. That the sender of a Redirect is the first hop is for
 * the caller to check. */
enum mn_parse mn_nd_parse(const void *data, size_t len, const struct mn_datagram *datagram, bool fragmented,
                          struct mn_nd *message);

/* ---- Options that may be repeated, all of them Router Advertisement's ---- */

/* Prefix Information (RFC 4861 4.6.2). */
struct mn_nd_prefix {
    struct mnet_prefix prefix; /* bits beyond its length are zero (ND-4.6.2-2) */
    bool on_link;              /* L */
    bool autonomous;           /* A */
    uint32_t valid_s, preferred_s;
};

/* Route Information (RFC 4191 2.3). */
struct mn_nd_route {
    struct mnet_prefix prefix; /* bits beyond its length are zero (RTPREF-2.3-3) */
    int8_t preference;         /* enum mn_nd_preference */
    uint32_t lifetime_s;
};

enum mn_nd_option_kind {
    MN_ND_PREFIX,
    MN_ND_ROUTE,
    MN_ND_DNS_SERVERS, /* RFC 8106 5.1 */
    MN_ND_DNS_DOMAINS, /* RFC 8106 5.2 */
};

struct mn_nd_option {
    enum mn_nd_option_kind kind;
    union {
        struct mn_nd_prefix prefix;
        struct mn_nd_route route;
        struct {
            uint32_t lifetime_s;
            struct mn_reader list; /* for mn_nd_next_server, or mn_domain_next */
        } dns;
    };
};

/* Reads the next option of a valid Router Advertisement: `options` begins as a copy of the
 * message's. False at the end. */
bool mn_nd_next(struct mn_reader *options, struct mn_nd_option *option);
/* Reads the next server of a list that can be one: a unicast address. False at the end. */
bool mn_nd_next_server(struct mn_reader *list, struct mnet_address *server);

/* ---- Emit ----
 *
 * A message is written piece by piece, and mn_icmpv6_set_checksum completes it. */

/* Writes a message with the options that are its fields; a nonce if nonce_len is MN_ND_NONCE. */
void mn_nd_write(struct mn_writer *w, const struct mn_nd *message);
void mn_nd_write_prefix(struct mn_writer *w, const struct mn_nd_prefix *prefix);
void mn_nd_write_route(struct mn_writer *w, const struct mn_nd_route *route);
void mn_nd_write_servers(struct mn_writer *w, uint32_t lifetime_s, const struct mnet_address *servers, unsigned count);
/* `domains` are `len` bytes of names in wire format. */
void mn_nd_write_domains(struct mn_writer *w, uint32_t lifetime_s, const void *domains, size_t len);

#endif
