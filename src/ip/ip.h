/* The network layer of one host: IPv4 and IPv6 in and out, neighbours, groups, fragments, routes,
 * ICMP. It does no I/O: the caller passes frames and the time, and asks for the frames, datagrams
 * and errors that result.
 *
 * Theory of operation. mn_ip_input takes a frame. It consumes ARP, echo requests, fragments and bad
 * packets, and returns each other packet as a datagram for a transport. mn_ip_output takes a
 * transport's packet, finds the route, writes the headers and puts the frame on the transmit queue.
 * If the neighbour is not resolved, the packet waits, whole, in a small bounded queue of that
 * neighbour, so that one dead neighbour delays no packets for others. Messages of ip itself (ARP,
 * ICMP) go to the same transmit queue, which mn_ip_transmit empties when the device has room. A
 * packet to an own address passes through the loopback queue. If a neighbour does not answer, each
 * packet that waited for it becomes an error for its transport, which mn_ip_take_error returns.
 */
#ifndef MN_IP_H
#define MN_IP_H

#include <mnet/config.h>
#include <mnet/counters.h>
#include <mnet/log.h>
#include <mnet/packet.h>

#include "base/logger.h"
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
#include "wire/spread.h"
#include "wire/wire.h"

/* Frames and packets that may wait at a time. Messages of ip itself (ARP, ICMP) are dropped first.
 * Transports get MNET_E_NO_MEMORY. */
#define MN_IP_TRANSMIT_MAX 1024
#define MN_IP_TRANSMIT_OWN_MAX 256
#define MN_IP_LOOPBACK_MAX 256
#define MN_IP_FAILED_MAX 256
#define MN_IP_PATH_MTUS_MAX 256 /* destinations with a path MTU smaller than the link's */
/* Bytes of datagrams that may wait for neighbours: this share of the budget, within these limits.
 * neighbour.h has the limits for one neighbour, and those in datagrams. */
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
    struct mn_spread spread; /* the queue of the device */
    uint64_t now;
    struct mnet_ip_config user; /* complete; ipv4 is unspecified if there is none yet */
};

struct mn_ip; /* defined below this interface, for embedding only */

/* Returns 0, MNET_E_INVALID (address, routes) or MNET_E_NO_MEMORY. */
int mn_ip_init(struct mn_ip *ip, const struct mn_ip_config *config);
/* Frees everything queued. */
void mn_ip_deinit(struct mn_ip *ip);

/* The probe of a new address: the host asks if another station has it already (RFC 5227 2.1). */
enum mn_ip_probe {
    MN_IP_PROBE_NONE,
    MN_IP_PROBE_QUICK, /* two probes in 0.1 s: enough for a neighbour that is awake */
    MN_IP_PROBE_FULL,  /* the probe of the RFC: 4 to 7 s */
};
/* The own IPv4 address, its routes and its MTU, if they come later than the start (DHCP). */
struct mn_ip_settings {
    struct mnet_prefix ipv4;
    struct mnet_address ipv4_gateway; /* unspecified: none */
    const struct mnet_route *routes;
    unsigned route_count;
    bool possible_routes_only; /* impossible routes are left out, instead of an error */
    bool leased;               /* by a DHCP server, which is asked again when the link comes up */
    uint16_t mtu;              /* for a new address; 0: the link's */
    enum mn_ip_probe probe;    /* for a new address */
};
/* Replaces the address and the routes. If the address is the host's already, it keeps it without a
 * new probe, and keeps the MTU. Returns 0, or MNET_E_INVALID: then the host has no address. */
int mn_ip_configure(struct mn_ip *ip, const struct mn_ip_settings *settings, uint64_t now);
/* From now on the host has no address, no routes and knows no neighbours. */
void mn_ip_unconfigure(struct mn_ip *ip);

/* The link is down. No station hears the host, so a probe finds no address to be unique. */
void mn_ip_note_link_down(struct mn_ip *ip);
/* The link has come up, and may lead to another network. Neighbours are forgotten, but if packets
 * wait for one, it is asked for again. A probe begins again. An address of the configuration is
 * announced; the client of DHCP asks its server first. */
void mn_ip_note_link_up(struct mn_ip *ip, uint64_t now);

/* Opens a UDP port for the client of DHCP (RFC 2131 4.1). While the host has no address, datagrams
 * to `port` are passed to the transport for any destination except groups, 0/8 and 127/8, in frames
 * to this station or to all: a server may send to 255.255.255.255, to the broadcast address of its
 * network, or to the address that it is about to give. Fragments do not count. The port 0 closes
 * it; it is closed at the start. */
void mn_ip_open_port(struct mn_ip *ip, uint16_t port);
/* Sends a UDP packet of the client of DHCP, header first, from 0.0.0.0 to 255.255.255.255. Takes
 * ownership in every case. Returns 0, MNET_E_TOO_BIG or MNET_E_NO_MEMORY. */
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
/* The same for a packet of a transport that is like the last one received: pulls its headers, and
 * returns its datagram, which is valid until the next call. Returns NULL, with nothing done, if the
 * packet is not like it: then mn_ip_input judges the frame. */
const struct mn_datagram *mn_ip_input_repeat(struct mn_ip *ip, struct mnet_packet *packet);
/* Handles the next packet that was sent to an own address, as mn_ip_input handles a frame. Returns
 * false if there is none. */
bool mn_ip_take_looped(struct mn_ip *ip, uint64_t now, struct mnet_packet **packet, enum mn_ip_verdict *verdict,
                       struct mn_datagram *datagram, struct mn_icmp_error *error);

/* The properties of a path that a transport must know before it sends. mn_ip_path returns 0 or
 * MNET_E_UNREACHABLE. */
struct mn_ip_path {
    struct mnet_address source; /* the own address to use (MUST-44) */
    uint16_t mtu;
    bool loopback;
};
int mn_ip_path(struct mn_ip *ip, struct mnet_address destination, struct mn_ip_path *path);
/* Sorts up to MN_IP_SORT_MAX addresses of a peer into the order in which they are tried: by RFC
 * 6724 6, with `losers` last. Then `first` addresses of the first family come to the front, and the
 * families alternate behind them (RFC 8305 4). */
#define MN_IP_SORT_MAX 16
void mn_ip_sort(struct mn_ip *ip, const struct mn_losers *losers, unsigned first, struct mnet_address *addresses,
                unsigned count, uint64_t now);
/* Returns the largest packet for `destination` by the messages of routers (RFC 1191, RFC 8201), at
 * most the MTU of the link. */
static inline uint16_t mn_ip_path_mtu(struct mn_ip *ip, struct mnet_address destination);
/* Lowers the path MTU to that of an ICMP error, which the transport of the quoted packet has
 * checked. */
void mn_ip_lower_path_mtu(struct mn_ip *ip, const struct mn_icmp_error *error, uint64_t now);
/* Returns true if `address` is one of the host's own. */
bool mn_ip_is_own(const struct mn_ip *ip, struct mnet_address address);
/* Returns true if `address` is a broadcast address of the own network. */
bool mn_ip_is_broadcast(const struct mn_ip *ip, struct mnet_address address);

/* Sends the packet of a transport, transport header first, that `datagram` describes. Takes
 * ownership in every case. Returns 0, MNET_E_UNREACHABLE (no route), MNET_E_TOO_BIG (with
 * dont_fragment; packets with gso are measured by their segments), MNET_E_NO_MEMORY or
 * MNET_E_INVALID. */
int mn_ip_output(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram, uint64_t now);
/* mn_ip_output and mn_ip_transmit in one. Returns the next frame, which is the packet's own if the
 * transmit queue is empty. Returns NULL if there is none: the packet waits, or was dropped and
 * counted. */
struct mnet_packet *mn_ip_output_frame(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                                       uint64_t now);
/* Answers a received datagram with Destination Unreachable, within the rate limit and the rules of
 * RFC 1122 3.2.2. `reason` is one that a host gives: MN_UNREACHABLE_PROTOCOL or
 * MN_UNREACHABLE_PORT. The packet is unchanged since mn_ip_input, and stays the caller's. */
void mn_ip_send_unreachable(struct mn_ip *ip, const struct mnet_packet *packet, const struct mn_datagram *datagram,
                            enum mn_unreachable reason, uint64_t now);
/* Returns the next frame for the device, which the caller owns, or NULL if there is none. */
struct mnet_packet *mn_ip_transmit(struct mn_ip *ip);
/* Returns the next packet whose neighbour did not answer, or NULL. The caller owns it. Fills
 * *error, which points into the packet. */
struct mnet_packet *mn_ip_take_error(struct mn_ip *ip, struct mn_icmp_error *error);

/* Runs the timers that are due. mn_ip_deadline returns the time of the next one. */
void mn_ip_expire(struct mn_ip *ip, uint64_t now);
/* Drops packets that wait for more fragments, or for a neighbour, until memory is no longer
 * short. */
void mn_ip_relieve(struct mn_ip *ip);
uint64_t mn_ip_deadline(struct mn_ip *ip);

/* Begins to receive packets to the group `address`, which has no zone. Routers and switches are
 * told from the time `at` on (0: at once). Each join needs a leave. Returns 0, MNET_E_INVALID if it
 * is no group, MNET_E_UNREACHABLE without IPv6, or MNET_E_LIMIT if too many groups are joined. */
int mn_ip_join(struct mn_ip *ip, struct mnet_address address, uint64_t at);
/* Undoes one join of `address`. */
void mn_ip_leave(struct mn_ip *ip, struct mnet_address address);

/* Asserts the invariants between two steps (base/check.h): each count is that of its list, each
 * number of bytes is the sum, and each timer that must run does. */
void mn_ip_check(struct mn_ip *ip);

/* The state of an own address. It may be used unless it is being probed, or was lost to a conflict
 * (RFC 5227). */
enum mn_ip_address_state {
    MN_IP_ADDRESS_NONE,
    MN_IP_ADDRESS_PROBING,
    MN_IP_ADDRESS_OURS,
    MN_IP_ADDRESS_DEPRECATED, /* still ours, but not for new connections (RFC 4862 5.5.4) */
    MN_IP_ADDRESS_CONFLICT,
};
/* Returns the state of the IPv4 address. */
enum mn_ip_address_state mn_ip_address_state(const struct mn_ip *ip);
/* Returns the state of the IPv6 address of the configuration. */
enum mn_ip_address_state mn_ip_ipv6_state(const struct mn_ip *ip);
/* Returns true while an own IPv6 address is tentative. */
bool mn_ip_probes_ipv6(const struct mn_ip *ip);
/* Returns true while an address is tentative that could be the source of packets to
 * `destination`. */
bool mn_ip_probes_source(const struct mn_ip *ip, const struct mnet_address *destination);
/* Returns true if an IPv6 address other than the link-local one may be used. */
bool mn_ip_has_ipv6(const struct mn_ip *ip);
/* Returns the own IPv4 address, or the unspecified address if it may not be used. */
struct mnet_address mn_ip_address(const struct mn_ip *ip);
/* Returns the size of the largest packet for the link. */
uint16_t mn_ip_mtu(const struct mn_ip *ip);
/* Returns true if packets wait for the answer of a neighbour. */
bool mn_ip_awaits_neighbour(const struct mn_ip *ip);

/* Stores the next own IPv6 address whose lifetime has ended, so that its connections can be ended
 * (RFC 4862 5.5.4). Returns false if there is none. */
bool mn_ip_take_lost(struct mn_ip *ip, struct mnet_address *address);

/* An own address by DHCPv6, which has a prefix of 128 bits. */
struct mn_ip_leased {
    struct mnet_address address;
    uint64_t preferred_until_ns; /* deprecated from then on */
    uint64_t valid_until_ns;     /* the client of DHCPv6 removes it then */
};
/* Replaces the own addresses by DHCPv6. Detection of duplicates begins for new ones. The known ones
 * get their new lifetimes, and those not named are removed. An address that the host has by its
 * configuration, or by a router's prefix, is left alone. */
void mn_ip_set_leased(struct mn_ip *ip, const struct mn_ip_leased *leased, unsigned count, uint64_t now);
/* Returns the state of an own IPv6 address, or MN_IP_ADDRESS_NONE if it is none. */
enum mn_ip_address_state mn_ip_state_of(struct mn_ip *ip, struct mnet_address address);
/* Returns the link-local address, or the unspecified address if it may not be used. */
struct mnet_address mn_ip_link_local(const struct mn_ip *ip);

/* Returns a number that changes with the own addresses and their states, mn_ip_advice, the routers,
 * the prefixes on the link, and mn_ip_resolvers. A lifetime counts only when it ends. */
static inline uint32_t mn_ip_changes(const struct mn_ip *ip);
/* Returns a number that changes with the prefixes on the link. */
uint32_t mn_ip_prefix_changes(const struct mn_ip *ip);

/* The advice of routers about DHCPv6, as bits. */
enum mn_ip_advice {
    MN_IP_MANAGED = 1,    /* DHCPv6 has addresses (RFC 4861 4.2: M) */
    MN_IP_OTHER = 2,      /* DHCPv6 has other information (O) */
    MN_IP_NO_ROUTERS = 4, /* no router has answered three solicitations (RFC 4861 6.3.7) */
};
unsigned mn_ip_advice(const struct mn_ip *ip, uint64_t now);
/* Returns the DNS servers and search names that routers advertise. */
const struct mn_resolvers *mn_ip_resolvers(const struct mn_ip *ip);

/* The rest is private to ip. It stands here so that a stack can embed struct mn_ip. */

enum mn_ip_timer {
    MN_IP_TIMER_ADDRESS,
    MN_IP_TIMER_ROUTERS,
    MN_IP_TIMER_NEIGHBOUR,
    MN_IP_TIMER_REASSEMBLY,
    MN_IP_TIMER_PATH_MTU,
    MN_IP_TIMER_GROUPS,
};

/* An own IPv4 address, its network and broadcast address, in host byte order. */
struct mn_own_ipv4 {
    uint32_t address, network;
    uint32_t broadcast; /* 0 in a network too small to have one */
};

/* Solicitations for an own IPv6 address, and the further ones if one comes back (RFC 7527 4.1). */
#define MN_DAD_TRANSMITS_MAX 8 /* the largest value of `dad_transmits` */
#define MN_DAD_LOOPED_PROBES 3
#define MN_DAD_PROBES_MAX (MN_DAD_TRANSMITS_MAX + MN_DAD_LOOPED_PROBES)

/* An own address, and the progress of its detection by RFC 5227 (IPv4) or RFC 4862 5.4 (IPv6). The
 * lifetimes are those of RFC 4862 5.5.4. They are MNET_NEVER for an address of the configuration,
 * and for one of DHCP, whose client removes it. */
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
    bool moved;                           /* to another link: it is announced to all nodes */
    bool looped;                          /* a probe of ours came back (RFC 7527) */
    uint8_t nonces[MN_DAD_PROBES_MAX][6]; /* of the probes sent */
    uint64_t quiet_until_ns;              /* no announcement before */
    bool defended;
    uint64_t defended_ns; /* time of the last defence, if `defended` */
    struct mn_log_limit contests;
};

/* The places in the list of own addresses. */
enum mn_own_place {
    MN_OWN_IPV4,       /* the one of IPv4 */
    MN_OWN_LINK_LOCAL, /* the first of IPv6 */
    MN_OWN_IPV6,       /* the one of IPv6 in the configuration */
    MN_OWN_FURTHER,    /* other addresses of IPv6: from here to the end */
    MN_OWN_MAX = MN_OWN_FURTHER + MN_AUTO_ADDRESSES_MAX + 4,
};

/* The state of IPv6 alone. */
struct mn_ip_v6 {
    bool on;             /* cleared if another station has the address made of our MAC */
    bool discovers;      /* asks for routers, and follows their advertisements */
    bool autoconfigures; /* makes addresses of the prefixes that they advertise */
    bool managed, other; /* M and O of the last advertisement */
    uint8_t last_own;    /* the place of the own address of the last packet received */
    uint8_t dad_transmits;
    uint32_t told_mtu; /* the last one advertised that the link has not, as the log tells */
    uint64_t own_bits; /* one for each own address, see mn_ipv6_own_bit */
    struct mn_router_parameters parameters;
    struct mn_solicit solicit;
    struct mn_routers routers;
    struct mn_prefixes prefixes;
    struct mn_resolvers resolvers;
    struct mn_autoconf autoconf;
    struct mn_redirects redirects;
    /* The routers and the targets of redirects, by their places, at the last
     * mn_ipv6_review_gateways. */
    struct mnet_address gateways[MN_ROUTERS_MAX + MN_REDIRECTS_MAX];
    struct mn_timer timer;                /* MN_IP_TIMER_ROUTERS: of `solicit` to `probe` */
    struct mnet_address probe;            /* a router, asked if it is back; unspecified: none */
    uint64_t now;                         /* time of the last event of a router */
    struct mnet_address lost[MN_OWN_MAX]; /* for mn_ip_take_lost */
    unsigned lost_count;
    struct mn_hash_key identification_key;
    uint32_t identifications_used;
};

/* The kind of a next hop. */
enum mn_ip_way_kind {
    MN_IP_WAY_LOOPBACK,
    MN_IP_WAY_GROUP, /* all stations of the link, or a multicast group */
    MN_IP_WAY_NEIGHBOUR,
};
struct mn_ip_way {
    enum mn_ip_way_kind kind;
    bool ipv4;
    bool confirmed;               /* this packet's transport hears from the destination */
    bool once;                    /* for this packet only: it must not be cached */
    bool of_source;               /* packets from another source may have another one */
    uint16_t mtu;                 /* of IP packets; without effect for LOOPBACK */
    struct mnet_address source;   /* the own address to use */
    struct mnet_address next_hop; /* on the link; for GROUP, the group itself */
};

/* The way of the last packet. Mostly the next packet takes it, too. It depends on the addresses of
 * the packet, the own addresses, the routes, and the routers and redirects of IPv6: a change of one
 * of these must clear `known`. */
struct mn_ip_way_cache {
    struct mnet_address source, destination; /* of the packet, as given by its transport */
    struct mn_ip_way way;
    struct mnet_address chosen; /* source for a transport that gives none; unspecified: not known */
    bool known;
};

/* The headers that the last packet of that way got, for one that is like it: see repeat.c. */
struct mn_ip_repeat {
    struct mn_datagram datagram; /* that got them */
    uint64_t sum;                /* of the IPv4 header, without length and checksum */
    uint8_t ttl;                 /* as it went out */
    uint8_t len;                 /* of the headers; 0: there are none */
    uint8_t headers[MN_ETHERNET_HEADER + MN_IPV6_HEADER];
};

/* The headers of the last usual packet received, and its datagram, for one that is like it: see
 * repeat_input.c. */
struct mn_ip_repeat_input {
    uint64_t sum;     /* of the IPv4 header, without the words that may differ */
    uint32_t changes; /* mn_ip.changes when it was judged */
    uint8_t len;      /* of the headers; 0: there are none */
    uint8_t headers[MN_ETHERNET_HEADER + MN_IPV6_HEADER];
    struct mn_datagram datagram;
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
    uint32_t price_ns; /* of the next token */
    uint32_t mean_ns;  /* of the prices */
};

/* Lines of the log that other stations can bring about, by what they tell of. */
struct mn_ip_log_limits {
    struct mn_log_limit addresses, routers, mtu;
};

struct mn_ip {
    struct mnet_memory *memory;
    struct mnet_counters *counters;
    const struct mnet_log *log;
    struct mn_random *random;
    struct mn_mac mac;
    uint16_t mtu, link_mtu;
    struct mn_spread spread;
    uint8_t ttl;
    bool no_unreachable;
    bool link_down;
    uint16_t open_port; /* UDP, while there is no address; 0: none */
    struct mn_own_address own[MN_OWN_MAX];
    unsigned own_end; /* places from here on are free */
    uint32_t changes; /* counts those of own addresses, their states, and mn_ip_advice */
    struct mn_ip_v6 v6;
    struct mn_groups groups;
    struct mn_routes routes;
    struct mn_ip_way_cache last_way;
    struct mn_ip_repeat repeat;
    struct mn_ip_repeat_input repeat_input;
    struct mn_neighbours neighbours;
    struct mn_reassembly reassembly;
    struct mn_path_mtus path_mtus;
    struct mn_ip_identification identification;
    struct mn_ip_limit icmp_limit;
    struct mn_ip_log_limits log_limits;
    struct mnet_link pings;          /* struct mn_ping: echo requests without a reply */
    struct mn_packet_queue transmit; /* frames, Ethernet header first */
    struct mn_packet_queue loopback; /* packets to own addresses, IP header first */
    struct mn_packet_queue failed;   /* packets whose neighbour does not answer, IP header first */
    struct mn_packet_queue around;   /* packets of a failed neighbour that may have another way */
    struct mn_wheel wheel;           /* timers of enum mn_ip_timer */
    unsigned steps;                  /* of mn_ip_check */
};

static inline uint16_t mn_ip_path_mtu(struct mn_ip *ip, struct mnet_address destination)
{
    return mn_path_mtu_find(&ip->path_mtus, destination);
}

/* Returns true if mn_ip_take_error has a packet. */
static inline bool mn_ip_has_failed(const struct mn_ip *ip)
{
    return ip->failed.first != NULL;
}

/* Returns the number of frames that wait for mn_ip_transmit. */
static inline unsigned mn_ip_unsent(const struct mn_ip *ip)
{
    return ip->transmit.count;
}

/* Returns true if mn_ip_take_lost has an address. */
static inline bool mn_ip_has_lost(const struct mn_ip *ip)
{
    return ip->v6.lost_count > 0;
}

static inline uint32_t mn_ip_changes(const struct mn_ip *ip)
{
    const struct mn_ip_v6 *v6 = &ip->v6;
    return ip->changes + v6->routers.generation + v6->prefixes.generation + v6->resolvers.generation;
}

/* Returns the number of packets that wait for mn_ip_take_looped. */
static inline unsigned mn_ip_looped(const struct mn_ip *ip)
{
    return ip->loopback.count;
}

/* Returns true if mn_ip_take_looped has a packet. */
static inline bool mn_ip_has_looped(const struct mn_ip *ip)
{
    return ip->loopback.first != NULL;
}

#endif
