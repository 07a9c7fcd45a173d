/* Routers of a simulated network (sim.h): stations that forward packets of both families between
 * segments, and that hosts find by Router Advertisements.
 *
 *     struct mnet_sim_router *router = mnet_sim_router(sim, "router");
 *     struct mnet_sim_interface inside = {.ipv4 = {mnet_ipv4(10, 0, 1, 1), 24}};
 *     struct mnet_sim_interface outside = {.ipv4 = {mnet_ipv4(10, 0, 2, 1), 24}, .mtu = 1280};
 *     mnet_sim_router_attach(router, lan, &inside);
 *     mnet_sim_router_attach(router, wan, &outside);
 *     struct mnet_sim_advertisement advertisement = {
 *         .lifetime_s = 1800,
 *         .prefixes = {{.prefix = {net, 64}, .valid_s = 3600, .preferred_s = 1800}}};
 *     mnet_sim_router_advertise(router, 0, &advertisement);
 *
 * A router acts as soon as a packet reaches it, and has no time of its own for that. Its queues are
 * those of its paths. It has no stack: it answers nobody but hosts that look for its link address,
 * for routers, or for the reason why a packet of theirs was dropped. Packets with IPv4 options are
 * dropped.
 *
 * A router that advertises has always something to do, as stacks have. So mnet_sim_run ends by its
 * time limit, or after a year in which no task had a deadline.
 */
#ifndef MNET_SIM_ROUTER_H
#define MNET_SIM_ROUTER_H

#include <mnet/address.h>
#include <mnet/sim.h>

#pragma GCC visibility push(default)

/* The most interfaces of a router. */
#define MNET_SIM_ROUTER_INTERFACES 4
/* The most static routes of a router, of both families. */
#define MNET_SIM_ROUTER_ROUTES 32
/* The most prefixes that a router advertises on an interface. */
#define MNET_SIM_ROUTER_PREFIXES 8
/* The most DNS servers that a router advertises on an interface. */
#define MNET_SIM_ROUTER_SERVERS 4

struct mnet_sim_router;

/* An interface of a router; zeros are defaults. */
struct mnet_sim_interface {
    /* Own addresses and networks on the link, besides a link-local address of the MAC. A length of
     * 0: none of the family. */
    struct mnet_prefix ipv4, ipv6;
    uint16_t mtu; /* in bytes; default 1500 */
};

/* A Prefix Information option (RFC 4861 4.6.2). Lifetimes in seconds; UINT32_MAX has no end. */
struct mnet_sim_prefix {
    struct mnet_prefix prefix;
    uint32_t valid_s, preferred_s;
    bool no_on_link;    /* clears L: hosts do not take each other for neighbours */
    bool no_autonomous; /* clears A: hosts make no addresses of it */
};

/* The advertisements on a link (RFC 4861 4.2); zeros are unspecified, as in the message. */
struct mnet_sim_advertisement {
    uint16_t lifetime_s; /* as a default router; 0: it is none */
    int preference;      /* -1, 0, 1 (RFC 4191) */
    bool managed, other; /* M and O: there is DHCPv6 */
    uint8_t hop_limit;
    uint16_t mtu; /* for hosts; 0: no option */
    uint32_t reachable_ms, retrans_ms;
    /* Up to the first one of length 0. The router has a route to each of them that is on the link,
     * and keeps it when the prefix is advertised no longer. */
    struct mnet_sim_prefix prefixes[MNET_SIM_ROUTER_PREFIXES];
    /* DNS servers (RFC 8106), up to the first unspecified one, and their lifetime. */
    struct mnet_address servers[MNET_SIM_ROUTER_SERVERS];
    uint32_t servers_lifetime_s;
    uint64_t interval_ns; /* the longest time between two of them; default 200 s */
};

/* Counts of a router, in packets. */
struct mnet_sim_router_counts {
    uint64_t forwarded;
    uint64_t too_big;        /* and dropped */
    uint64_t no_route;       /* no route, an address that is not forwarded, or no hop left */
    uint64_t unresolved;     /* the next hop did not answer, or too many waited for it */
    uint64_t redirects;      /* sent */
    uint64_t advertisements; /* sent */
};

/* Adds a router without interfaces. `name` is borrowed. NULL if there is no memory. */
struct mnet_sim_router *mnet_sim_router(struct mnet_sim *sim, const char *name);
/* Adds an interface on `segment`. Interfaces are numbered from 0. Returns its card, for
 * mnet_sim_shape, mnet_sim_plug and mnet_sim_counts; the router alone sends and receives there. The
 * MAC address is that of the next host (mnet_sim_host). NULL if there is no memory. */
struct mnet_sim_host *mnet_sim_router_attach(struct mnet_sim_router *router, struct mnet_sim_segment *segment,
                                             const struct mnet_sim_interface *interface);
/* Adds a route of either family through `gateway`, a neighbour on the interface, in place of one to
 * the same network. Unspecified: the network is on the link. */
void mnet_sim_router_route(struct mnet_sim_router *router, struct mnet_prefix destination, unsigned interface,
                           struct mnet_address gateway);
/* Advertises from now on: at once, then at random times up to the interval, and when a host asks.
 * NULL ends it, without a word: hosts that are to know are first told a lifetime of 0. */
void mnet_sim_router_advertise(struct mnet_sim_router *router, unsigned interface,
                               const struct mnet_sim_advertisement *advertisement);
/* The router dies, or is back. A dead one neither hears nor sends anything, and its links look as
 * before. One that is back knows no neighbours, and advertises at once. */
void mnet_sim_router_power(struct mnet_sim_router *router, bool on);
/* A silent router drops packets without ICMP: those that are too big, and those without a route. */
void mnet_sim_router_set_silent(struct mnet_sim_router *router, bool silent);
/* Switches redirects on or off. If they are on, the router tells an IPv6 host of a better first hop
 * if its packet leaves by the interface by which it came (RFC 4861 8.2). They are off at first. */
void mnet_sim_router_set_redirects(struct mnet_sim_router *router, bool redirects);
/* Returns the link-local address of an interface. */
struct mnet_address mnet_sim_router_address(const struct mnet_sim_router *router, unsigned interface);
struct mnet_sim_router_counts mnet_sim_router_counts(const struct mnet_sim_router *router);

#pragma GCC visibility pop

#endif
