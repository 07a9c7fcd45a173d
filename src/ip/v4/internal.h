/* Functions of IPv4 that the files of ip/v4/ share, or that the common files of ip/ call. */
#ifndef MN_IP_V4_INTERNAL_H
#define MN_IP_V4_INTERNAL_H

#include "ip/internal.h"
#include "wire/ipv4.h"
#include "wire/ipv4_address.h"

#define MN_IPV4_PAYLOAD_MAX (65535u - MN_IPV4_HEADER)

/* 255.255.255.255, or the broadcast address of the own network. */
static inline bool mn_ip_is_broadcast_value(const struct mn_ip *ip, uint32_t address)
{
    const struct mn_own_address *own = &ip->own[MN_OWN_IPV4];
    return address == MN_IPV4_LIMITED_BROADCAST || (own->v4.broadcast != 0 && address == own->v4.broadcast);
}

static inline bool mn_ip_is_own_value(const struct mn_ip *ip, uint32_t address)
{
    const struct mn_own_address *own = &ip->own[MN_OWN_IPV4];
    return own->state == MN_IP_ADDRESS_OURS && address == own->v4.address;
}

/* address.c: the own address (RFC 5227). */

/* Begins to use the address, or to probe for it. */
void mn_ip_address_start(struct mn_ip *ip, struct mn_own_address *own, enum mn_ip_probe probe, uint64_t now);
void mn_ip_address_expire(struct mn_ip *ip, struct mn_own_address *own, uint64_t now);
void mn_ip_address_note_link_up(struct mn_ip *ip, struct mn_own_address *own, uint64_t now);
/* Another station was seen to use the address, or to probe for it as we do. */
void mn_ip_address_note_conflict(struct mn_ip *ip, struct mn_own_address *own, struct mn_mac other, uint64_t now);

/* arp_send.c */

/* Sends an ARP packet to the station `to`. Returns false if there is no memory or no room for it;
 * then it was not sent. */
bool mn_arp_send(struct mn_ip *ip, struct mn_mac to, uint16_t operation, struct mn_mac target_mac, uint32_t sender_ip,
                 uint32_t target_ip);
/* The protocol that asks for neighbours of IPv4. */
extern const struct mn_neighbour_protocol mn_arp_protocol;

/* arp.c */

/* Handles an ARP packet without its Ethernet header. Takes ownership. */
void mn_arp_input(struct mn_ip *ip, struct mnet_packet *packet, uint64_t now);

/* input.c: handles a packet, IP header first. A reassembled datagram replaces arrival->packet. */
enum mn_ip_verdict mn_ipv4_input(struct mn_ip *ip, struct mn_arrival *arrival, struct mn_datagram *datagram,
                                 struct mn_icmp_error *error);
/* For debug builds: returns whether the packet is a usual one without padding, and its datagram. */
bool mn_ipv4_judge_usual(struct mn_ip *ip, struct mnet_packet *packet, struct mn_datagram *datagram);

/* way.c */

/* Finds the way to an IPv4 destination. The same as mn_ip_find_way. */
int mn_ipv4_find_way(const struct mn_ip *ip, struct mnet_address destination, struct mn_ip_way *way);
/* Returns true if the source of `way` may be used on it. */
bool mn_ipv4_source_is_valid(const struct mn_ip *ip, const struct mn_ip_way *way);

/* output.c */

/* The header of a datagram, without its length. */
static inline struct mn_ipv4 mn_ipv4_header_of(const struct mn_ip *ip, const struct mn_datagram *datagram,
                                               const struct mn_ip_way *way)
{
    return (struct mn_ipv4){
        .source = mn_ipv4_value(&way->source),
        .destination = mn_ipv4_value(&datagram->destination),
        .protocol = datagram->protocol,
        .ttl = datagram->ttl != 0 ? datagram->ttl : ip->ttl,
        .traffic_class = datagram->traffic_class,
        .dont_fragment = datagram->dont_fragment,
    };
}
/* The part of mn_ip_output for a packet that leaves whole. The queue of `way` has room for it.
 * Returns its frame as mn_ip_make_frame does. Only if the neighbour is not resolved, the packet may
 * be larger than the MTU: then it is cut when it leaves. */
struct mnet_packet *mn_ipv4_output(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                                   const struct mn_ip_way *way, uint64_t now);
/* The part of mn_ip_output for a packet that leaves in fragments. */
int mn_ipv4_output_fragments(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                             const struct mn_ip_way *way, uint64_t now);
/* The same as mn_ip_output, with options in the header. The packet must fit the MTU with them. */
int mn_ipv4_output_options(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                           const struct mn_ipv4_options *options, uint64_t now);

/* fragment.c */

/* Returns a new identification (RFC 6864, RFC 7739). */
uint16_t mn_ipv4_next_identification(struct mn_ip *ip);
/* Writes `header` (header_len and total_len are filled in) in front of `packet`. */
static inline void mn_ipv4_write_header(struct mnet_packet *packet, struct mn_ipv4 *header)
{
    header->header_len = MN_IPV4_HEADER;
    header->total_len = (uint16_t)(MN_IPV4_HEADER + packet->total);
    mn_ipv4_emit(mnet_packet_push(packet, MN_IPV4_HEADER), header);
}
/* Cuts `packet`, which is larger than the MTU, into fragments with a header each. Takes ownership.
 * Returns 0, or MNET_E_NO_MEMORY: then there are no fragments, and the drop is counted. */
int mn_ipv4_cut(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_ipv4 *header, uint16_t mtu,
                struct mn_packet_queue *fragments);
/* The same for a packet that waited for its neighbour, IP header first. */
void mn_ipv4_cut_waiting(struct mn_ip *ip, struct mnet_packet *packet, uint16_t mtu, struct mn_packet_queue *fragments);

/* igmp.c: handles a packet, IGMP message first, and takes ownership. */
void mn_igmp_input(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram, bool router_alert,
                   uint64_t now);

/* icmp.c: arguments and result are those of mn_ip_input, and the packet begins with the ICMP
 * header. */
enum mn_ip_verdict mn_icmpv4_input(struct mn_ip *ip, struct mnet_packet *packet, uint64_t now,
                                   const struct mn_datagram *datagram, struct mn_icmp_error *error);
/* The same as mn_ip_send_unreachable. */
void mn_icmpv4_send_unreachable(struct mn_ip *ip, const struct mnet_packet *packet, const struct mn_datagram *datagram,
                                enum mn_unreachable reason, uint64_t now);
/* Tells the sender of `first`, the first fragment of a datagram, that the others did not come in
 * time (RFC 792). The packet stays the caller's. */
void mn_icmpv4_send_reassembly_timeout(struct mn_ip *ip, const struct mnet_packet *first,
                                       const struct mn_datagram *datagram, uint64_t now);

/* Fills *error for the transport of a packet of ours, IP header first, whose neighbour does not
 * answer. Returns false if it belongs to no transport. */
bool mn_ipv4_describe_failure(struct mnet_packet *packet, struct mn_icmp_error *error);

#endif
