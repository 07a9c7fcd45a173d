/* Functions of IPv6 that the files of ip/v6/ share, or that the common files of ip/ call. */
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

/* Returns the record of an own address, in any state, or NULL if `address` is none. */
struct mn_own_address *mn_ipv6_search_own(struct mn_ip *ip, const struct mnet_address *address);
static inline struct mn_own_address *mn_ipv6_find_own(struct mn_ip *ip, const struct mnet_address *address)
{
    struct mn_own_address *last = &ip->own[ip->v6.last_own];
    if (MN_LIKELY(last->state != MN_IP_ADDRESS_NONE && mn_ipv6_equal(&last->prefix.address, address)))
        return last;
    return mn_ipv6_search_own(ip, address);
}
/* Returns one of 64 bits, by a hash of the address. v6.own_bits has the bits of ::1 and of all own
 * addresses: an address with another bit is none of these. */
static inline uint64_t mn_ipv6_own_bit(const struct mnet_address *address)
{
    uint64_t halves[2];
    memcpy(halves, address->bytes, sizeof halves);
    return UINT64_C(1) << ((halves[0] ^ halves[1]) * UINT64_C(0x9e3779b97f4a7c15) >> 58);
}
/* Returns false if `address` is neither ::1 nor an own address. */
static inline bool mn_ipv6_may_be_own(const struct mn_ip *ip, const struct mnet_address *address)
{
    return (ip->v6.own_bits & mn_ipv6_own_bit(address)) != 0;
}
/* Sets v6.own_bits after the list of own addresses has changed. */
void mn_ipv6_set_own_bits(struct mn_ip *ip);
/* Returns the link-local address, or NULL if it may not be used. */
const struct mn_own_address *mn_ipv6_link_local(const struct mn_ip *ip);
/* Returns an own address that may be the source of packets to `destination` through `next_hop`, or
 * NULL if there is none. */
const struct mn_own_address *mn_ipv6_choose_source(const struct mn_ip *ip, const struct mnet_address *destination,
                                                   const struct mnet_address *next_hop);

/* check.c: the part of mn_ip_check that is about IPv6. */
void mn_ipv6_check(const struct mn_ip *ip);

/* start.c */

/* Begins IPv6 if the configuration wants it. Returns 0 or MNET_E_INVALID. */
int mn_ipv6_start(struct mn_ip *ip, const struct mnet_ip_config *config, uint64_t now);

/* From here on no packet of IPv6 leaves or is looked at, until the stack is started again. The
 * caller ends the use of all addresses. */
void mn_ipv6_stop(struct mn_ip *ip);
/* No packet may be larger than `mtu` from here on, at most that of the device, because DHCP says
 * so, or does not any more. IPv6 stops if that is less than every link of IPv6 takes (RFC 8200
 * 5). */
void mn_ipv6_set_link_mtu(struct mn_ip *ip, uint16_t mtu);

/* address.c: the list of own addresses. */

/* Adds a tentative address at a free place of the list of own addresses. Detection begins within a
 * second from `at` on. */
struct mn_own_address *mn_ipv6_add_address(struct mn_ip *ip, unsigned place, const struct mnet_prefix *prefix,
                                           uint64_t at);
/* Ends the use of an address, and leaves its solicited-node group. */
void mn_ipv6_lose_address(struct mn_ip *ip, struct mn_own_address *own);
/* Returns a free place for a further address, or MN_OWN_MAX if there is none. */
unsigned mn_ipv6_find_place(const struct mn_ip *ip);
/* Removes an address from the list of own addresses. */
void mn_ipv6_remove_address(struct mn_ip *ip, struct mn_own_address *own);
void mn_ipv6_address_note_link_up(struct mn_ip *ip, struct mn_own_address *own, uint64_t now);
/* Returns true if an own address is to be announced once more, at quiet_until_ns. */
static inline bool mn_ipv6_is_announcing(const struct mn_own_address *own)
{
    return own->announcements < 3; /* MAX_NEIGHBOR_ADVERTISEMENT (RFC 4861 10) */
}
/* Announces an own address, and arms the timer for the next announcement. */
void mn_ipv6_announce(struct mn_ip *ip, struct mn_own_address *own, uint64_t now);

/* dad.c: duplicate address detection (RFC 4862 5.4). */

void mn_ipv6_address_expire(struct mn_ip *ip, struct mn_own_address *own, uint64_t now);
/* Handles a probe for a tentative address. Another station has sent it, or it is a copy of our own
 * (RFC 7527 4.2). */
void mn_ipv6_receive_probe(struct mn_ip *ip, struct mn_own_address *own, const struct mn_nd *message, uint64_t now);
/* Returns true if a solicitation is a copy of one by which the host has probed for the address. */
bool mn_ipv6_has_sent_probe(const struct mn_own_address *own, const struct mn_nd *message);
/* Another station has the address, or is about to take it, as its message says. This may switch
 * IPv6 off. An address that is ours is kept, and a line in the log tells of it now and then. */
void mn_ipv6_address_note_conflict(struct mn_ip *ip, struct mn_own_address *own, const struct mn_nd *message,
                                   uint64_t now);

/* leased.c: own addresses of DHCPv6. */

/* Sets the state of an own address by its preferred lifetime, and arms the timer for the end of
 * that. */
void mn_ipv6_age_leased(struct mn_ip *ip, struct mn_own_address *own, uint64_t now);

/* slaac.c: own addresses that follow from prefixes. */

/* Updates the list of own addresses by v6.autoconf. */
void mn_ipv6_slaac_apply(struct mn_ip *ip, uint64_t now);
/* Detection has found that the automatic address `address` is unique, or that another station has
 * it. */
void mn_ipv6_slaac_confirm(struct mn_ip *ip, struct mnet_address address, uint64_t now);
void mn_ipv6_slaac_note_duplicate(struct mn_ip *ip, struct mnet_address address, uint64_t now);

/* discovery.c: routers (RFC 4861 6, 8). */

/* Begins to solicit routers. The link-local address must be usable. */
void mn_ipv6_discovery_start(struct mn_ip *ip, uint64_t now);
void mn_ipv6_discovery_note_link_up(struct mn_ip *ip, uint64_t now);
void mn_ipv6_discovery_expire(struct mn_ip *ip, uint64_t now);
/* Handles a valid Router Advertisement. */
void mn_ipv6_take_advertisement(struct mn_ip *ip, const struct mn_nd *message, const struct mn_datagram *datagram,
                                uint64_t now);
/* Handles a valid Redirect. Its sender may be any station of the link. */
void mn_ipv6_take_redirect(struct mn_ip *ip, const struct mn_nd *message, const struct mn_datagram *datagram,
                           uint64_t now);

/* reach.c: the reachability of routers, and the timer of all their advertisements. */

/* Arms the timer for the first lifetime or solicitation that is due. */
void mn_ipv6_discovery_arm(struct mn_ip *ip, uint64_t now);
/* Routers or redirects have changed: updates the `gateway` of their neighbour entries. Those of
 * gateways are removed last from a full table. */
void mn_ipv6_review_gateways(struct mn_ip *ip);
/* The state of a router's neighbour entry has changed. */
void mn_ipv6_note_router(struct mn_ip *ip, const struct mn_neighbour *neighbour);
/* A neighbour does not answer: its packets take another way, if there is one. */
void mn_ipv6_note_unreachable(struct mn_ip *ip, struct mnet_address neighbour, uint64_t now);
/* Returns true if the packets that are sent to `neighbour` have another way: through another
 * router, or by the route before a redirect. */
bool mn_ipv6_has_other_way(const struct mn_ip *ip, struct mnet_address neighbour);
/* A neighbour has advertised that it is no router. */
void mn_ipv6_note_host(struct mn_ip *ip, struct mn_neighbour *neighbour);
/* Logs that `router` has become a router, or has ceased to be one, if that differs from `had`. */
void mn_ipv6_log_router(struct mn_ip *ip, struct mnet_address router, bool had);

/* input.c: handles a packet, IP header first. A reassembled datagram replaces arrival->packet. */
enum mn_ip_verdict mn_ipv6_input(struct mn_ip *ip, struct mn_arrival *arrival, struct mn_datagram *datagram,
                                 struct mn_icmp_error *error);
/* For debug builds: returns whether the packet is a usual one without padding, and its datagram. */
bool mn_ipv6_judge_usual(struct mn_ip *ip, struct mnet_packet *packet, struct mn_datagram *datagram);

/* way.c */

/* Finds the way to an IPv6 destination. The same as mn_ip_find_way. */
int mn_ipv6_find_way(struct mn_ip *ip, struct mnet_address source, struct mnet_address destination,
                     struct mn_ip_way *way);
/* Finds another way for a packet whose neighbour has failed. Returns false if there is none, or if
 * the packet is too large for it. */
bool mn_ipv6_find_way_again(struct mn_ip *ip, const struct mnet_packet *packet, struct mn_ip_way *way);
/* Returns true if the source of `way` may be used on it. */
bool mn_ipv6_source_is_valid(struct mn_ip *ip, const struct mn_ip_way *way);

/* output.c */

/* The header of a datagram, without its length. */
static inline struct mn_ipv6 mn_ipv6_header_of(const struct mn_ip *ip, const struct mn_datagram *datagram,
                                               const struct mn_ip_way *way)
{
    return (struct mn_ipv6){
        .source = way->source,
        .destination = datagram->destination,
        .flow_label = datagram->flow_label,
        .traffic_class = datagram->traffic_class,
        .next_header = datagram->protocol,
        .hop_limit = datagram->ttl != 0 ? datagram->ttl : ip->v6.parameters.hop_limit,
    };
}
/* The part of mn_ip_output for a packet that leaves whole. The queue of `way` has room for it.
 * Returns its frame as mn_ip_make_frame does. Only if the neighbour is not resolved, the packet may
 * be larger than the MTU: then it is cut when it leaves. */
struct mnet_packet *mn_ipv6_output(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                                   const struct mn_ip_way *way, uint64_t now);
/* The part of mn_ip_output for a packet that leaves in fragments. */
int mn_ipv6_output_fragments(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                             const struct mn_ip_way *way, uint64_t now);
/* Writes `header` (payload_len is filled in) in front of `packet`. */
static inline void mn_ipv6_write_header(struct mnet_packet *packet, struct mn_ipv6 *header)
{
    header->payload_len = (uint16_t)packet->total;
    mn_ipv6_emit(mnet_packet_push(packet, MN_IPV6_HEADER), header);
}

/* fragment.c */

/* Cuts `packet`, which is larger than the MTU, into fragments with their headers. Takes ownership.
 * Returns 0, or MNET_E_NO_MEMORY: then there are no fragments, and the drop is counted. */
int mn_ipv6_cut(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_ipv6 *header, uint16_t mtu,
                struct mn_packet_queue *fragments);
/* Returns the size of the largest packet that routers forward, because they do not fragment
 * (IP6-4.5-4). The host cannot check an error about an echo reply, so for a reply that leaves the
 * link, that is the size that every link takes (RFC 8200 5). */
uint16_t mn_ipv6_find_path_mtu(struct mn_ip *ip, uint8_t protocol, const struct mnet_address *destination,
                               const struct mnet_address *next_hop);
/* The same for a packet that waits for `next_hop`, IP header first. Segments of TCP have the size
 * of the path already, or probe for a larger one, so only the link limits them. */
uint16_t mn_ipv6_waiting_mtu(struct mn_ip *ip, const struct mnet_packet *packet, const struct mnet_address *next_hop);
/* The same as mn_ipv6_cut, for such a packet. */
void mn_ipv6_cut_waiting(struct mn_ip *ip, struct mnet_packet *packet, uint16_t mtu, struct mn_packet_queue *fragments);

/* icmp.c: arguments and result are those of mn_ip_input, and the packet begins with the ICMPv6
 * header. */
enum mn_ip_verdict mn_icmpv6_input(struct mn_ip *ip, struct mn_arrival *arrival, const struct mn_datagram *datagram,
                                   struct mn_icmp_error *error);
/* Answers a received packet with the error that mn_ipv6_walk has found. The packet begins with the
 * IPv6 header, and stays the caller's. */
void mn_icmpv6_send_parameter_problem(struct mn_ip *ip, const struct mnet_packet *packet,
                                      const struct mn_datagram *datagram, const struct mn_ipv6_chain *chain,
                                      uint64_t now);
/* The same as mn_ip_send_unreachable. */
void mn_icmpv6_send_unreachable(struct mn_ip *ip, const struct mnet_packet *packet, const struct mn_datagram *datagram,
                                enum mn_unreachable reason, uint64_t now);
/* Tells the sender of `first`, the first fragment of a datagram, that the others did not come in
 * time (RFC 8200 4.5). The packet stays the caller's. */
void mn_icmpv6_send_reassembly_timeout(struct mn_ip *ip, const struct mnet_packet *first,
                                       const struct mn_datagram *datagram, uint64_t now);
/* Fills *error for the transport of a packet of ours, IP header first, whose neighbour does not
 * answer. Returns false if it belongs to no transport. */
bool mn_ipv6_describe_failure(struct mnet_packet *packet, struct mn_icmp_error *error);

/* mld.c: handles a message of multicast listener discovery, as mn_nd_input does. */
void mn_mld_input(struct mn_ip *ip, const struct mn_arrival *arrival, const struct mn_datagram *datagram);

/* icmp_send.c */

/* The addresses and the hop limit of an ICMPv6 message of ours. */
struct mn_icmpv6_route {
    struct mnet_address source, destination; /* the destination is on the link */
    const struct mn_mac *to;                 /* NULL: that of the group `destination` */
    uint8_t hop_limit;
};
/* Writes the checksum of a message, which must be linear, and its IPv6 header. */
void mn_icmpv6_write(struct mnet_packet *packet, const struct mn_icmpv6_route *route);
/* Does the same, and sends the packet to `to` or to the group. Takes ownership. */
void mn_icmpv6_send(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_icmpv6_route *route);

/* nd_send.c, nd.c: neighbour discovery (RFC 4861 7). */

struct mn_nd;
/* Makes a packet of a message, without its checksum and IPv6 header. Returns NULL, and counts that,
 * if there is no memory or no room for it. */
struct mnet_packet *mn_nd_make(struct mn_ip *ip, const struct mn_nd *message);
/* Returns the advertisement of `own` at our link address, without flags. */
struct mn_nd mn_nd_advertisement(const struct mn_ip *ip, const struct mn_own_address *own);
/* The protocol that asks for neighbours of IPv6. */
extern const struct mn_neighbour_protocol mn_nd_protocol;
/* Sends a message. Returns false if there is no memory or no room for it. */
bool mn_nd_send(struct mn_ip *ip, const struct mn_nd *message, const struct mn_icmpv6_route *route);
/* Sends a probe with a nonce of MN_ND_NONCE bytes for the tentative address `own`. Returns false if
 * there is no memory or no room for it: then it was not sent. */
bool mn_nd_probe(struct mn_ip *ip, const struct mn_own_address *own, const uint8_t *nonce);
/* Sends an unsolicited advertisement of `own` to the group `to` (RFC 4861 7.2.6). */
void mn_nd_announce(struct mn_ip *ip, const struct mn_own_address *own, struct mnet_address to);
/* Handles a message of neighbour discovery, ICMPv6 header first, with a valid checksum. The packet
 * stays the caller's. */
void mn_nd_input(struct mn_ip *ip, const struct mn_arrival *arrival, const struct mn_datagram *datagram);

#endif
