/* What the files of ip/v6/ share, and what they do for the common files. */
#ifndef MN_IP_V6_INTERNAL_H
#define MN_IP_V6_INTERNAL_H

#include "ip/internal.h"
#include "wire/icmpv6.h"
#include "wire/ipv6.h"
#include "wire/nd.h"

#define MN_IPV6_PAYLOAD_MAX 65535u

static inline bool mn_ipv6_equal(const struct mnet_address *a, const struct mnet_address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* own.c: the own addresses. */

/* The record of an own address in whatever state; NULL if `address` is none. */
struct mn_own_address *mn_ipv6_search_own(struct mn_ip *ip, const struct mnet_address *address);
static inline struct mn_own_address *mn_ipv6_find_own(struct mn_ip *ip, const struct mnet_address *address)
{
    struct mn_own_address *last = &ip->own[ip->v6.last_own];
    if (MN_LIKELY(last->state != MN_IP_ADDRESS_NONE && mn_ipv6_equal(&last->prefix.address, address)))
        return last;
    return mn_ipv6_search_own(ip, address);
}
/* One of 64 bits, by which most addresses are told apart. Those of the own addresses, and of ::1,
 * are in v6.own_bits: what has another bit is neither. */
static inline uint64_t mn_ipv6_own_bit(const struct mnet_address *address)
{
    uint64_t halves[2];
    memcpy(halves, address->bytes, sizeof halves);
    return UINT64_C(1) << ((halves[0] ^ halves[1]) * UINT64_C(0x9e3779b97f4a7c15) >> 58);
}
/* Sets v6.own_bits after the list of own addresses has changed. */
void mn_ipv6_set_own_bits(struct mn_ip *ip);
/* The link-local address, if it may be used; else NULL. */
const struct mn_own_address *mn_ipv6_link_local(const struct mn_ip *ip);
/* An own address that may be the source of packets to `destination` by way of `next_hop`; NULL if
 * there is none. */
const struct mn_own_address *mn_ipv6_choose_source(const struct mn_ip *ip, const struct mnet_address *destination,
                                                   const struct mnet_address *next_hop);

/* check.c: the part of mn_ip_check that is about IPv6. */
void mn_ipv6_check(const struct mn_ip *ip);

/* start.c */

/* Begins IPv6 if the configuration wants it. 0 or MNET_E_INVALID. */
int mn_ipv6_start(struct mn_ip *ip, const struct mnet_ip_config *config, uint64_t now);

/* address.c: the list of own addresses. */

/* Takes an address at a free place in the list of own addresses; it is tentative first. Detection
 * begins within a second from `at` on. */
struct mn_own_address *mn_ipv6_add_address(struct mn_ip *ip, unsigned place, const struct mnet_prefix *prefix,
                                           uint64_t at);
/* The host may not use the address any longer, and hears no questions for it. */
void mn_ipv6_lose_address(struct mn_ip *ip, struct mn_own_address *own);
/* Returns a free place for a further address; MN_OWN_MAX if there is none. */
unsigned mn_ipv6_find_place(const struct mn_ip *ip);
/* The host has the address no longer. */
void mn_ipv6_remove_address(struct mn_ip *ip, struct mn_own_address *own);
void mn_ipv6_address_link_up(struct mn_ip *ip, struct mn_own_address *own, uint64_t now);
/* Whether others hear of an own address, which they have been told of, once more: at
 * quiet_until_ns. */
static inline bool mn_ipv6_is_announcing(const struct mn_own_address *own)
{
    return own->announcements < 3; /* MAX_NEIGHBOR_ADVERTISEMENT (RFC 4861 10) */
}
/* Tells others of an own address, and arms the timer for the next time. */
void mn_ipv6_announce(struct mn_ip *ip, struct mn_own_address *own, uint64_t now);

/* dad.c: duplicate address detection (RFC 4862 5.4). */

void mn_ipv6_address_timer(struct mn_ip *ip, struct mn_own_address *own, uint64_t now);
/* A probe for an address that is tentative, of another station or of ours (RFC 7527 4.2). */
void mn_ipv6_receive_probe(struct mn_ip *ip, struct mn_own_address *own, const struct mn_nd *message, uint64_t now);
/* Another station has the address, or is about to take it. May switch IPv6 off. */
void mn_ipv6_address_conflict(struct mn_ip *ip, struct mn_own_address *own, uint64_t now);

/* leased.c: own addresses of DHCPv6. */

/* Makes the state of an own address follow its preferred lifetime, and sets the timer for the end
 * of it. */
void mn_ipv6_age_leased(struct mn_ip *ip, struct mn_own_address *own, uint64_t now);

/* slaac.c: own addresses that follow from prefixes. */

/* Makes the list of own addresses follow v6.autoconf. */
void mn_ipv6_slaac_apply(struct mn_ip *ip, uint64_t now);
/* Detection has found the automatic address `address` to be unique, or another station's. */
void mn_ipv6_slaac_confirm(struct mn_ip *ip, struct mnet_address address, uint64_t now);
void mn_ipv6_slaac_note_duplicate(struct mn_ip *ip, struct mnet_address address, uint64_t now);

/* discovery.c: routers (RFC 4861 6, 8). */

/* The link-local address may be used: routers are asked for. */
void mn_ipv6_discovery_start(struct mn_ip *ip, uint64_t now);
void mn_ipv6_discovery_link_up(struct mn_ip *ip, uint64_t now);
void mn_ipv6_discovery_timer(struct mn_ip *ip, uint64_t now);
/* A valid Router Advertisement. */
void mn_ipv6_take_advertisement(struct mn_ip *ip, const struct mn_nd *message, const struct mn_datagram *datagram,
                                uint64_t now);
/* A valid Redirect, whose sender may be anybody on the link. */
void mn_ipv6_take_redirect(struct mn_ip *ip, const struct mn_nd *message, const struct mn_datagram *datagram,
                           uint64_t now);

/* reach.c: which routers can be used, and the timer of all that they advertise. */

/* Arms the timer for whatever is due first. */
void mn_ipv6_discovery_arm(struct mn_ip *ip, uint64_t now);
/* Routers or redirects have changed: a neighbour that packets went through, and go no more, is
 * none of those that stay longest in a full table. */
void mn_ipv6_review_gateways(struct mn_ip *ip);
/* The state of a router's neighbour entry has changed. */
void mn_ipv6_note_router(struct mn_ip *ip, const struct mn_neighbour *neighbour);
/* A neighbour does not answer: other ways are to be taken, if there are some. */
void mn_ipv6_note_unreachable(struct mn_ip *ip, struct mnet_address neighbour, uint64_t now);
/* Whether packets that go to `neighbour` now can go another way: by another router, or as before
 * they were redirected. */
bool mn_ipv6_has_other_way(const struct mn_ip *ip, struct mnet_address neighbour);
/* A neighbour says that it is no router. */
void mn_ipv6_note_host(struct mn_ip *ip, struct mn_neighbour *neighbour);
/* Writes to the log if `router` has become one, or is none any more. */
void mn_ipv6_log_router(struct mn_ip *ip, struct mnet_address router, bool had);

/* input.c: takes the packet, IP header first; what is given back replaces arrival->packet. */
enum mn_ip_verdict mn_ipv6_input(struct mn_ip *ip, struct mn_arrival *arrival, struct mn_datagram *datagram,
                                 struct mn_icmp_error *error);

/* way.c */

/* The way to an IPv6 destination, as mn_ip_find_way. */
int mn_ipv6_find_way(struct mn_ip *ip, struct mnet_address source, struct mnet_address destination,
                     struct mn_ip_way *way);
/* Finds the way of a packet that waited in vain, which may be another now. False: there is none, or
 * the packet would have to be cut for it. */
bool mn_ipv6_find_way_again(struct mn_ip *ip, const struct mnet_packet *packet, struct mn_ip_way *way);
/* Whether the source of `way` may be used on it. */
bool mn_ipv6_source_is_valid(struct mn_ip *ip, const struct mn_ip_way *way);

/* output.c */

/* mn_ip_output for a packet that has room on `way`, and leaves whole: returns its frame as
 * mn_ip_make_frame. A packet larger than the MTU may only go to a neighbour that is not resolved:
 * it is cut when it leaves. */
struct mnet_packet *mn_ipv6_output(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                                   const struct mn_ip_way *way, uint64_t now);
/* mn_ip_output for one that leaves in fragments. */
int mn_ipv6_output_fragments(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                             const struct mn_ip_way *way, uint64_t now);
/* Writes `header` (payload_len is filled in) in front of `packet`. */
static inline void mn_ipv6_write_header(struct mnet_packet *packet, struct mn_ipv6 *header)
{
    header->payload_len = (uint16_t)packet->total;
    mn_ipv6_emit(mnet_packet_push(packet, MN_IPV6_HEADER), header);
}

/* fragment.c */

/* Cuts `packet`, too large for the MTU and owned from here on, into fragments with their headers.
 * 0, or MNET_E_NO_MEMORY: then there are none, and the drop is counted. */
int mn_ipv6_cut(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_ipv6 *header, uint16_t mtu,
                struct mn_packet_queue *fragments);
/* Returns the largest packet that routers pass on, for they do not cut (IP6-4.5-4). Nobody could
 * tell whether an error about an echo reply is forged, so one that goes beyond the link has the
 * size that every link takes (RFC 8200 5). */
uint16_t mn_ipv6_find_path_mtu(struct mn_ip *ip, uint8_t protocol, const struct mnet_address *destination,
                               const struct mnet_address *next_hop);
/* The same for a packet that has its IP header in front and waits for `next_hop`. Segments of TCP
 * have the size of the path already, or probe for a larger one: only the link limits them. */
uint16_t mn_ipv6_waiting_mtu(struct mn_ip *ip, const struct mnet_packet *packet, const struct mnet_address *next_hop);
/* mn_ipv6_cut for such a packet. */
void mn_ipv6_cut_waiting(struct mn_ip *ip, struct mnet_packet *packet, uint16_t mtu, struct mn_packet_queue *fragments);

/* icmp.c: arguments and result as of mn_ip_input; the packet begins with the ICMPv6 header. */
enum mn_ip_verdict mn_icmpv6_input(struct mn_ip *ip, struct mn_arrival *arrival, const struct mn_datagram *datagram,
                                   struct mn_icmp_error *error);
/* Answers a received packet that mn_ipv6_walk has found at fault. The packet begins with the IPv6
 * header, and stays the caller's. */
void mn_icmpv6_parameter_problem(struct mn_ip *ip, const struct mnet_packet *packet, const struct mn_datagram *datagram,
                                 const struct mn_ipv6_chain *chain, uint64_t now);
/* As mn_ip_unreachable. */
void mn_icmpv6_unreachable(struct mn_ip *ip, const struct mnet_packet *packet, const struct mn_datagram *datagram,
                           enum mn_unreachable reason, uint64_t now);
/* Tells the sender of `first`, the first fragment of a datagram, that the others did not come in
 * time (RFC 8200 4.5). The packet stays the caller's. */
void mn_icmpv6_reassembly_timeout(struct mn_ip *ip, const struct mnet_packet *first, const struct mn_datagram *datagram,
                                  uint64_t now);
/* Describes a packet of ours, IP header first, whose neighbour does not answer, as its transport
 * knows it; false if no transport waits for word. */
bool mn_ipv6_describe_failure(struct mnet_packet *packet, struct mn_icmp_error *error);

/* mld.c: a message of multicast listener discovery, as mn_nd_input. */
void mn_mld_input(struct mn_ip *ip, const struct mn_arrival *arrival, const struct mn_datagram *datagram);

/* icmp_send.c */

/* Where an ICMPv6 message of ours goes. */
struct mn_icmpv6_route {
    struct mnet_address source, destination; /* the latter on the link */
    const struct mn_mac *to;                 /* NULL: the group's */
    uint8_t hop_limit;
};
/* Enters the checksum of a message, all of it linear, and writes the IPv6 header. */
void mn_icmpv6_write(struct mnet_packet *packet, const struct mn_icmpv6_route *route);
/* Writes the same and sends the packet, owned from here on, to `to` or the group. */
void mn_icmpv6_send(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_icmpv6_route *route);

/* nd_send.c, nd.c: neighbour discovery (RFC 4861 7). */

struct mn_nd;
/* Makes a packet of a message, without its checksum and IPv6 header. NULL if there is no memory or
 * no room for it; that is counted. */
struct mnet_packet *mn_nd_make(struct mn_ip *ip, const struct mn_nd *message);
/* The advertisement that `own` is at our link address, without flags. */
struct mn_nd mn_nd_advertisement(const struct mn_ip *ip, const struct mn_own_address *own);
/* How neighbours are asked for. */
extern const struct mn_neighbour_protocol mn_nd_protocol;
/* Sends a message of ours. False if there is no memory or no room for it. */
bool mn_nd_send(struct mn_ip *ip, const struct mn_nd *message, const struct mn_icmpv6_route *route);
/* Asks, with a nonce of MN_ND_NONCE bytes, whether another station has the tentative address `own`.
 * False if there is no memory or no room for the request: then it was not sent. */
bool mn_nd_probe(struct mn_ip *ip, const struct mn_own_address *own, const uint8_t *nonce);
/* Tells the group `to` our link address for `own`, unasked (RFC 4861 7.2.6). */
void mn_nd_announce(struct mn_ip *ip, const struct mn_own_address *own, struct mnet_address to);
/* A message of neighbour discovery, ICMPv6 header first, with a valid checksum; stays the caller's.
 */
void mn_nd_input(struct mn_ip *ip, const struct mn_arrival *arrival, const struct mn_datagram *datagram);

#endif
