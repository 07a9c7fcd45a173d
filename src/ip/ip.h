/* The network layer of one host: IPv4 and IPv6 in and out, neighbours, groups, fragments, routes,
 * ICMP. Sans-IO: frames go in with the time, frames, datagrams for a transport and errors come out
 * by being asked for.
 *
 * Theory of operation. mn_ip_input takes a frame and either keeps it for itself (ARP, echo,
 * fragments, anything dropped) or gives it back as a datagram for a transport. mn_ip_output takes a
 * transport's packet, finds the route, writes the headers and puts the frame on the transmit queue,
 * or lets it wait, whole, for its neighbour in a small bounded queue of its own, so that one dead
 * neighbour delays nobody else. What ip has to say itself (ARP, ICMP) goes to the same transmit
 * queue, which mn_ip_transmit empties when the device has room. A packet to an own address goes
 * round through the loopback queue. If a neighbour does not answer, each packet that waited for it
 * comes back as an error for its transport through mn_ip_next_error.
 */
#ifndef MN_IP_H
#define MN_IP_H

#include <mnet/config.h>
#include <mnet/counters.h>
#include <mnet/log.h>
#include <mnet/packet.h>

#include "base/packet_queue.h"
#include "base/path_mtu.h"
#include "base/random.h"
#include "base/wheel.h"
#include "ip/group.h"
#include "ip/neighbour.h"
#include "ip/reassembly.h"
#include "ip/route.h"
#include "ip/select.h"
#include "ip/v6/autoconf.h"
#include "ip/v6/parameters.h"
#include "ip/v6/redirects.h"
#include "ip/v6/resolvers.h"
#include "ip/v6/routers.h"
#include "ip/v6/solicit.h"
#include "wire/ethernet.h"
#include "wire/wire.h"

/* Frames and packets that may wait at a time. What ip says by itself (ARP, ICMP) is the first to be
 * dropped; transports are told MNET_E_NO_MEMORY. */
#define MN_IP_TRANSMIT_MAX 1024
#define MN_IP_TRANSMIT_OWN_MAX 256
#define MN_IP_LOOPBACK_MAX 256
#define MN_IP_FAILED_MAX 256
#define MN_IP_PATH_MTUS_MAX 256 /* paths smaller than the link that are remembered */
/* Bytes of datagrams that may wait for neighbours: this share of the budget, within these limits.
 * For one neighbour, and in datagrams: neighbour.h. */
#define MN_IP_WAITING_SHARE 32
#define MN_IP_WAITING_BYTES_LEAST ((size_t)128 * 1024)
#define MN_IP_WAITING_BYTES_MOST ((size_t)1024 * 1024)

struct mn_ip_config {
    struct mnet_memory *memory;
    struct mnet_counters *counters;
    const struct mnet_log *log;
    struct mn_random *random;
    struct mn_mac mac;
    uint16_t mtu;
    uint64_t now;
    struct mnet_ip_config user; /* complete; ipv4 is unspecified if there is none yet */
};

struct mn_ip; /* defined below this interface, for embedding only */

/* 0, MNET_E_INVALID (address, routes), MNET_E_NO_MEMORY. */
int mn_ip_init(struct mn_ip *ip, const struct mn_ip_config *config);
/* Frees everything queued. */
void mn_ip_deinit(struct mn_ip *ip);

/* How to find out whether another station has the address already, before it is used (RFC 5227
 * 2.1). */
enum mn_ip_probe {
    MN_IP_PROBE_NONE,
    MN_IP_PROBE_QUICK, /* two probes in 0.1 s: enough for a neighbour that is awake */
    MN_IP_PROBE_FULL,  /* as the RFC has it: 4 to 7 s */
};
/* The own address and what follows from it, if it is not known from the beginning (DHCP). */
struct mn_ip_settings {
    struct mnet_prefix ipv4;
    struct mnet_address ipv4_gateway; /* unspecified: none */
    const struct mnet_route *routes;
    unsigned route_count;
    bool possible_routes_only; /* leave the others out, instead of refusing everything */
    bool leased;               /* by a server, which is asked when the link comes up */
    uint16_t mtu;              /* for a new address; 0: the link's */
    enum mn_ip_probe probe;    /* for a new address */
};
/* Takes the address and routes in place of those before. An address that is the host's already
 * stays so without further probing, and so does the MTU. 0, or MNET_E_INVALID: then the host has no
 * address. */
int mn_ip_configure(struct mn_ip *ip, const struct mn_ip_settings *settings, uint64_t now);
/* From now on the host has no address, no routes and knows no neighbours. */
void mn_ip_unconfigure(struct mn_ip *ip);

/* The link is down: nobody hears the host, so no address turns out to be unique. */
void mn_ip_link_down(struct mn_ip *ip);
/* The link has come up: it may lead to another network. Neighbours are forgotten, those waited for
 * asked for again; a probe begins again, and an address of the configuration (not by DHCP, which
 * asks first) is announced. */
void mn_ip_link_up(struct mn_ip *ip, uint64_t now);

/* The narrow way for a host that has no address to ask for one (RFC 2131 4.1). While there is none,
 * UDP for `port` is given to the transport although it is for nobody, whatever its destination (but
 * no group, and nothing of 0/8 or 127/8) and that of its frame: a server may send to
 * 255.255.255.255, to its network's broadcast address, or to the address that it is about to give,
 * in frames for this station alone or for all. Whole datagrams only. 0 (as at the start) shuts
 * it. */
void mn_ip_open_port(struct mn_ip *ip, uint16_t port);
/* The other direction: sends a UDP packet, header first, from 0.0.0.0 to 255.255.255.255, which
 * nothing else can do; takes ownership in every case. 0, MNET_E_TOO_BIG, MNET_E_NO_MEMORY. */
int mn_ip_broadcast_unnumbered(struct mn_ip *ip, struct mnet_packet *packet, uint64_t now);

enum mn_ip_verdict {
    MN_IP_CONSUMED, /* nothing more to do */
    /* *datagram is filled; packet->data is the transport header, packet->total the transport's
     * bytes; the caller owns the packet */
    MN_IP_TRANSPORT,
    MN_IP_ERROR, /* *error is filled and points into the packet; the caller owns the packet */
};
/* Takes ownership of one received frame (Ethernet header first). A reassembled datagram replaces
 * *packet by another packet. */
enum mn_ip_verdict mn_ip_input(struct mn_ip *ip, struct mnet_packet **packet, uint64_t now,
                               struct mn_datagram *datagram, struct mn_icmp_error *error);
/* The next packet sent to an own address, handled like mn_ip_input; false if there is none. */
bool mn_ip_loopback(struct mn_ip *ip, uint64_t now, struct mnet_packet **packet, enum mn_ip_verdict *verdict,
                    struct mn_datagram *datagram, struct mn_icmp_error *error);

/* What a transport must know before it sends: 0 or MNET_E_UNREACHABLE at once. */
struct mn_ip_path {
    struct mnet_address source; /* the own address to use (MUST-44) */
    uint16_t mtu;
    bool loopback;
};
int mn_ip_path(struct mn_ip *ip, struct mnet_address destination, struct mn_ip_path *path);
/* Puts up to MN_IP_SORT_MAX addresses of a peer into the order in which they are tried: by RFC 6724
 * 6, `losers` last; then with `first` of the first family in front and families in turn behind (RFC
 * 8305 4). */
#define MN_IP_SORT_MAX 16
void mn_ip_sort(struct mn_ip *ip, const struct mn_losers *losers, unsigned first, struct mnet_address *addresses,
                unsigned count, uint64_t now);
/* The largest packet for `destination` as far as routers have told (RFC 1191, RFC 8201), at most
 * the link's. */
static inline uint16_t mn_ip_path_mtu(struct mn_ip *ip, struct mnet_address destination);
/* A router told it, in an error about a packet of ours: its transport has checked that. */
void mn_ip_lower_path_mtu(struct mn_ip *ip, const struct mn_icmp_error *error, uint64_t now);
/* Whether `address` is one of the host's own; whether it is a broadcast address here. */
bool mn_ip_is_own(const struct mn_ip *ip, struct mnet_address address);
bool mn_ip_is_broadcast(const struct mn_ip *ip, struct mnet_address address);

/* Sends the transport packet (transport header first) described by `datagram`; takes ownership in
 * every case. 0, MNET_E_UNREACHABLE (no route), MNET_E_TOO_BIG (with dont_fragment; packets with
 * gso are measured by their segments), MNET_E_NO_MEMORY, MNET_E_INVALID. */
int mn_ip_output(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram, uint64_t now);
/* mn_ip_output and mn_ip_transmit in one: returns the next frame, which is the packet's own if no
 * other goes first. NULL if there is none, for the packet waits or was dropped, which is
 * counted. */
struct mnet_packet *mn_ip_output_frame(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                                       uint64_t now);
/* Answers a received datagram with Destination Unreachable, within the rate limit and the rules of
 * RFC 1122 3.2.2. `reason` is one that a host gives: MN_UNREACHABLE_PROTOCOL or
 * MN_UNREACHABLE_PORT. The packet is as mn_ip_input gave it and stays the caller's. */
void mn_ip_unreachable(struct mn_ip *ip, const struct mnet_packet *packet, const struct mn_datagram *datagram,
                       enum mn_unreachable reason, uint64_t now);
/* The next frame for the device, owned by the caller; NULL if there is none. */
struct mnet_packet *mn_ip_transmit(struct mn_ip *ip);
/* The next packet given up because its neighbour did not answer: fills *error, which points into
 * the packet returned, owned by the caller. NULL if there is none. */
struct mnet_packet *mn_ip_next_error(struct mn_ip *ip, struct mn_icmp_error *error);

/* Runs what is due, and says when something will be. */
void mn_ip_expire(struct mn_ip *ip, uint64_t now);
/* Memory is short: what waits for more fragments, or for a neighbour, is dropped, until it is no
 * longer. */
void mn_ip_relieve(struct mn_ip *ip);
uint64_t mn_ip_deadline(struct mn_ip *ip);

/* From now on the host takes packets to the group `address`, which has no zone; routers and
 * switches are told from the time `at` on (0: at once). Each join needs a leave. MNET_E_INVALID if
 * it is no group, MNET_E_UNREACHABLE without IPv6, MNET_E_LIMIT if too many groups are joined. */
int mn_ip_join(struct mn_ip *ip, struct mnet_address address, uint64_t at);
/* One of those who joined `address` does not want its packets any more. */
void mn_ip_leave(struct mn_ip *ip, struct mnet_address address);

/* Asserts what must hold between two steps (base/check.h): counts are those of the lists, bytes are
 * sums, every timer that is owed runs. */
void mn_ip_check(struct mn_ip *ip);

/* Whether an own address may be used: always, unless it is being probed or was lost to a conflict
 * (RFC 5227). */
enum mn_ip_address_state {
    MN_IP_ADDRESS_NONE,
    MN_IP_ADDRESS_PROBING,
    MN_IP_ADDRESS_OURS,
    MN_IP_ADDRESS_DEPRECATED, /* ours still, but not for what begins now (RFC 4862 5.5.4) */
    MN_IP_ADDRESS_CONFLICT,
};
/* Of the IPv4 address. */
enum mn_ip_address_state mn_ip_address_state(const struct mn_ip *ip);
/* Of the IPv6 address of the configuration. */
enum mn_ip_address_state mn_ip_ipv6_state(const struct mn_ip *ip);
/* Whether an own IPv6 address is being asked for. */
bool mn_ip_probes_ipv6(const struct mn_ip *ip);
/* Whether one that could be the source of packets to the destination is being asked for. */
bool mn_ip_probes_source(const struct mn_ip *ip, const struct mnet_address *destination);
/* Whether an IPv6 address other than the link-local one may be used. */
bool mn_ip_has_ipv6(const struct mn_ip *ip);
/* The own IPv4 address; unspecified unless it may be used. */
struct mnet_address mn_ip_address(const struct mn_ip *ip);
/* The largest packet for the link. */
uint16_t mn_ip_mtu(const struct mn_ip *ip);
/* Whether packets wait for the answer of a neighbour. */
bool mn_ip_awaits_neighbour(const struct mn_ip *ip);

/* The next own IPv6 address that could be used, and is none any more since its lifetime has ended.
 * False: there is none. Its connections end (RFC 4862 5.5.4). */
bool mn_ip_take_lost(struct mn_ip *ip, struct mnet_address *address);

/* An own address by DHCPv6, which has a prefix of 128 bits. */
struct mn_ip_leased {
    struct mnet_address address;
    uint64_t preferred_until_ns; /* deprecated from then on */
    uint64_t valid_until_ns;     /* who leases it takes it back then */
};
/* From now on these are the own addresses by DHCPv6. Detection begins for new ones. Others go, and
 * the rest get their lifetimes. An address that the host has already of its own, or of a router's
 * prefix, stays that. */
void mn_ip_set_leased(struct mn_ip *ip, const struct mn_ip_leased *leased, unsigned count, uint64_t now);
/* The state of an own IPv6 address; MN_IP_ADDRESS_NONE if it is none. */
enum mn_ip_address_state mn_ip_state_of(struct mn_ip *ip, struct mnet_address address);
/* The link-local address, from which the host speaks with its link; unspecified unless it may be
 * used. */
struct mnet_address mn_ip_link_local(const struct mn_ip *ip);

/* A number that changes with the own addresses and their states, with mn_ip_advice, with the
 * routers, the prefixes on the link, and with mn_ip_resolvers. Lifetimes do not count until they
 * end. */
static inline uint32_t mn_ip_changes(const struct mn_ip *ip);
/* The same for the prefixes on the link alone. */
uint32_t mn_ip_prefix_changes(const struct mn_ip *ip);

/* What routers say about DHCPv6, as bits. */
enum mn_ip_advice {
    MN_IP_MANAGED = 1,    /* it has addresses (RFC 4861 4.2: M) */
    MN_IP_OTHER = 2,      /* it has other information (O) */
    MN_IP_NO_ROUTERS = 4, /* no router has answered three solicitations (RFC 4861 6.3.7) */
};
unsigned mn_ip_advice(const struct mn_ip *ip, uint64_t now);
/* DNS servers and search names that routers advertise. */
const struct mn_resolvers *mn_ip_resolvers(const struct mn_ip *ip);

/* Everything below is ip's own; it is here so that a stack can embed it. */

enum mn_ip_timer {
    MN_IP_TIMER_ADDRESS,
    MN_IP_TIMER_ROUTERS,
    MN_IP_TIMER_NEIGHBOUR,
    MN_IP_TIMER_REASSEMBLY,
    MN_IP_TIMER_PATH_MTU,
    MN_IP_TIMER_GROUPS,
};

/* An own IPv4 address in numbers of host order, with which its packets are compared. */
struct mn_own_ipv4 {
    uint32_t address, network;
    uint32_t broadcast; /* 0 in a network too small to have one */
};

/* Solicitations for an own IPv6 address, and more of them if one comes back (RFC 7527 4.1). */
#define MN_DAD_TRANSMITS_MAX 8 /* `dad_transmits`, at most */
#define MN_DAD_LOOPED_PROBES 3
#define MN_DAD_PROBES_MAX (MN_DAD_TRANSMITS_MAX + MN_DAD_LOOPED_PROBES)

/* An own address, and the work of RFC 5227 (IPv4) or RFC 4862 5.4 (IPv6) on it. Lifetimes are those
 * of RFC 4862 5.5.4; MNET_NEVER for an address of the configuration, and for one of DHCP, whose
 * client takes it back. */
struct mn_own_address {
    enum mn_ip_address_state state; /* NONE: the place is free */
    struct mn_own_ipv4 v4;
    struct mnet_prefix prefix;
    uint64_t preferred_until_ns, valid_until_ns;
    struct mn_timer timer;
    uint8_t probe;                        /* enum mn_ip_probe */
    uint8_t probes, announcements;        /* sent so far */
    bool leased;                          /* by DHCP */
    bool automatic;                       /* by v6.autoconf */
    bool temporary;                       /* RFC 8981 */
    bool moved;                           /* to another link: all nodes are told */
    bool looped;                          /* a probe of ours came back (RFC 7527), ... */
    uint8_t nonces[MN_DAD_PROBES_MAX][6]; /* ... known by its nonce */
    uint64_t quiet_until_ns;              /* no announcement before */
    bool defended;
    uint64_t defended_ns; /* when last, if ever */
};

/* The places in the list of own addresses. */
enum mn_own_place {
    MN_OWN_IPV4,       /* the one of IPv4 */
    MN_OWN_LINK_LOCAL, /* the first of IPv6 */
    MN_OWN_IPV6,       /* the one of IPv6 in the configuration */
    MN_OWN_FURTHER,    /* others of IPv6: from here to the end */
    MN_OWN_MAX = MN_OWN_FURTHER + MN_AUTO_ADDRESSES_MAX + 4,
};

/* What IPv6 has for itself. */
struct mn_ip_v6 {
    bool on;             /* false, too, once another station has the address of our MAC */
    bool discovers;      /* asks for routers, and hears what they advertise */
    bool autoconfigures; /* makes addresses of the prefixes that they advertise */
    bool managed, other; /* M and O of the last advertisement */
    uint8_t last_own;    /* the place of the own address that a packet was for last */
    uint8_t dad_transmits;
    uint64_t own_bits; /* one for each own address, see mn_ipv6_own_bit */
    struct mn_router_parameters parameters;
    struct mn_solicit solicit;
    struct mn_routers routers;
    struct mn_prefixes prefixes;
    struct mn_resolvers resolvers;
    struct mn_autoconf autoconf;
    struct mn_redirects redirects;
    /* The routers and the targets of redirects, by their places, at the last review. */
    struct mnet_address gateways[MN_ROUTERS_MAX + MN_REDIRECTS_MAX];
    struct mn_timer timer;                /* MN_IP_TIMER_ROUTERS: of `solicit` to `probe` */
    struct mnet_address probe;            /* a router: is it back? unspecified: none */
    uint64_t now;                         /* of the last event of a router */
    struct mnet_address lost[MN_OWN_MAX]; /* for mn_ip_take_lost, ... */
    unsigned lost_count;                  /* ... that many */
    struct mn_hash_key identification_key;
    uint32_t identifications_used;
};

/* Where a destination lies. */
enum mn_ip_way_kind {
    MN_IP_WAY_LOOPBACK,
    MN_IP_WAY_GROUP, /* everybody, or a multicast group, on the link */
    MN_IP_WAY_NEIGHBOUR,
};
struct mn_ip_way {
    enum mn_ip_way_kind kind;
    bool ipv4;
    bool confirmed;               /* the transport of this packet hears from there */
    bool once;                    /* the next packet may go another way */
    uint16_t mtu;                 /* of IP packets; none counts on the way to the host itself */
    struct mnet_address source;   /* of the packet: the own address to use */
    struct mnet_address next_hop; /* on the link; the group itself for one */
};

/* The way of the last packet, which the next one mostly takes, too. It follows from the addresses
 * of the packet, the own addresses, the routes, and the routers and redirects of IPv6: what changes
 * one of these makes it unknown. */
struct mn_ip_way_cache {
    struct mnet_address source, destination; /* of the packet, as its transport gave them */
    struct mn_ip_way way;
    struct mnet_address chosen; /* the source if the transport gives none; unspecified: not known */
    bool known;
};

/* Identifications: a keyed permutation of a counter, with a new key when it has gone through all
 * 65536. */
struct mn_ip_identification {
    struct mn_hash_key key;
    uint32_t used;
};

/* A token bucket whose tokens cost a random price, see error_limit.c. */
struct mn_ip_limit {
    uint64_t credit_ns, filled_ns;
    uint32_t price_ns; /* of the next one */
    uint32_t mean_ns;  /* of the prices */
};

struct mn_ip {
    struct mnet_memory *memory;
    struct mnet_counters *counters;
    const struct mnet_log *log;
    struct mn_random *random;
    struct mn_mac mac;
    uint16_t mtu, link_mtu;
    uint8_t ttl;
    bool no_unreachable;
    bool link_down;
    uint16_t open_port; /* UDP, while there is no address; 0: none */
    struct mn_own_address own[MN_OWN_MAX];
    unsigned own_end; /* places from here on are free */
    uint32_t changes; /* so far: of own addresses and their states, and of mn_ip_advice */
    struct mn_ip_v6 v6;
    struct mn_groups groups;
    struct mn_routes routes;
    struct mn_ip_way_cache last_way;
    struct mn_neighbours neighbours;
    struct mn_reassembly reassembly;
    struct mn_path_mtus path_mtus;
    struct mn_ip_identification identification;
    struct mn_ip_limit icmp_limit;
    struct mnet_link pings;          /* struct mn_ping: echo requests without a reply so far */
    struct mn_packet_queue transmit; /* frames, Ethernet header first */
    struct mn_packet_queue loopback; /* IP header first, as are ... */
    struct mn_packet_queue failed;   /* ... the packets whose neighbour does not answer */
    struct mn_packet_queue around;   /* of a neighbour that has failed, until ip.c takes them */
    struct mn_wheel wheel;           /* timers of enum mn_ip_timer */
    unsigned steps;                  /* of mn_ip_check */
};

static inline uint16_t mn_ip_path_mtu(struct mn_ip *ip, struct mnet_address destination)
{
    return mn_path_mtu_find(&ip->path_mtus, destination);
}

/* Whether mn_ip_next_error, and mn_ip_loopback, have something. */
static inline bool mn_ip_has_failed(const struct mn_ip *ip)
{
    return ip->failed.first != NULL;
}

/* The frames that wait for mn_ip_transmit. */
static inline unsigned mn_ip_unsent(const struct mn_ip *ip)
{
    return ip->transmit.count;
}

/* Whether mn_ip_take_lost has something. */
static inline bool mn_ip_has_lost(const struct mn_ip *ip)
{
    return ip->v6.lost_count > 0;
}

static inline uint32_t mn_ip_changes(const struct mn_ip *ip)
{
    const struct mn_ip_v6 *v6 = &ip->v6;
    return ip->changes + v6->routers.generation + v6->prefixes.generation + v6->resolvers.generation;
}

static inline bool mn_ip_has_looped(const struct mn_ip *ip)
{
    return ip->loopback.first != NULL;
}

#endif
