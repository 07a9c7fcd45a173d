/* A router on the link of one network layer (see ip6_host.h): its advertisements and redirects.
 *
 *     receive_ra(&h, .lifetime_s = 1800, .prefixes = {PREFIX(NET_1, 3600, 1800)});
 */
#ifndef TESTS_SUPPORT_IP6_ROUTER_H
#define TESTS_SUPPORT_IP6_ROUTER_H

#include "tests/support/ip6_host.h"

#define ROUTER_A_MAC ((struct mn_mac){{2, 0, 0, 0, 0, 0xa}})
#define ROUTER_B_MAC ((struct mn_mac){{2, 0, 0, 0, 0, 0xb}})
#define ROUTER_A (link_local6(ROUTER_A_MAC))
#define ROUTER_B (link_local6(ROUTER_B_MAC))
#define NET_1 ADDRESS6(0x2001, 0xdb8, 0, 0)
#define NET_2 ADDRESS6(0x2001, 0xdb9, 0, 0)

#define HOUR 3600

#define RA_PREFIXES 8
#define RA_ROUTES 4
#define RA_SERVERS 4

struct ra_line {
    struct mnet_address router;
    struct mnet_address destination; /* default: ff02::1 */
    struct mn_mac frame_to;          /* default: the group's */
    struct mn_mac mac;               /* of the option; NO_MAC: without it */
    uint16_t lifetime_s;
    int8_t preference;
    uint8_t ip_hop_limit; /* of the packet; default: 255 */
    uint8_t hop_limit;    /* to be used by hosts */
    bool managed, other;
    bool in_fragment; /* in an atomic fragment (RFC 6946) */
    uint32_t reachable_ms, retrans_ms, mtu;
    struct mn_nd_prefix prefixes[RA_PREFIXES]; /* up to the first one without a length */
    struct mn_nd_route routes[RA_ROUTES];      /* likewise */
    struct mnet_address servers[RA_SERVERS];   /* up to the first unspecified one */
    uint32_t dns_lifetime_s;
    const char *domains; /* in wire format, without the zero at the end of the string */
    const void *extra;   /* a further option */
    size_t extra_len;
};
void receive_ra_line(struct ip_host *h, const struct ra_line *line);
#define receive_ra(h, ...) receive_ra_line(h, &(struct ra_line){.router = ROUTER_A, __VA_ARGS__})

/* A Prefix Information option with both flags, and a Route Information option. */
#define PREFIX(address, valid, preferred) \
    ((struct mn_nd_prefix){ \
        .prefix = {address, 64}, .on_link = true, .autonomous = true, .valid_s = valid, .preferred_s = preferred})
#define ROUTE(address, bits, lifetime) ((struct mn_nd_route){.prefix = {address, bits}, .lifetime_s = lifetime})

struct redirect_line {
    struct mnet_address source, target, destination, to;
    struct mn_mac mac; /* of the target; NO_MAC: without it */
};
void receive_redirect_line(struct ip_host *h, const struct redirect_line *line);
#define receive_redirect(h, ...) receive_redirect_line(h, &(struct redirect_line){.source = ROUTER_A, __VA_ARGS__})

/* A configuration without IPv4 and static addresses, with IPv6 by ipv6_auto and EUI-64. */
struct mn_ip_config auto_config(struct ip_host *h);
/* Starts such a host, whose link-local address is its own, and which has sent one Router
 * Solicitation, thrown away. */
void auto_host_up(struct ip_host *h);
/* Gives such a host the router A, known by its MAC, and an address in NET_1. */
void have_router(struct ip_host *h);
/* Makes a neighbour of such a host known, and reachable. */
void know_neighbour(struct ip_host *h, struct mnet_address neighbour, struct mn_mac mac);
/* Returns the address in `net` with the MAC of the host. */
struct mnet_address own_in(struct mnet_address net);
/* Returns the state of an own address; MN_IP_ADDRESS_NONE if the host has no such address. */
enum mn_ip_address_state state_of(struct ip_host *h, struct mnet_address address);

/* Expects that the host sends a packet for `destination` by way of the router that has `mac`, and
 * knows its link address. */
void expect_sent_by(struct ip_host *h, struct mnet_address destination, struct mn_mac mac);
/* Expects that the host asks for `next_hop` in order to send to `destination`. */
void expect_asked_for(struct ip_host *h, struct mnet_address destination, struct mnet_address next_hop);

#endif
