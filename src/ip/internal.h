/* Functions that the files of ip/ share, and that no other folder uses. */
#ifndef MN_IP_INTERNAL_H
#define MN_IP_INTERNAL_H

#include "ip/ip.h"

static inline void mn_ip_count(struct mn_ip *ip, enum mnet_counter counter)
{
    ip->counters->value[counter]++;
}

/* Drops `packet` and counts it. */
static inline void mn_ip_drop(struct mn_ip *ip, struct mnet_packet *packet, enum mnet_counter counter)
{
    ip->counters->value[counter]++;
    mnet_packet_free(packet);
}

/* One packet on its way in. */
struct mn_arrival {
    struct mnet_packet *packet;
    uint64_t now;
    bool looped;      /* sent by this host */
    bool not_unicast; /* the frame, or the packet, was sent to several stations */
    bool overheard;   /* unless it is of a flow of our queue, another stack answers */
    /* IPv6: */
    bool fragmented;   /* came in fragments, perhaps in a single one (RFC 6946) */
    bool router_alert; /* has a Router Alert option */
};

/* neighbour_states.c */

/* The differences between the protocols that find neighbours. */
struct mn_neighbour_protocol {
    /* Asks the station `alone`, or all stations (NULL), for the link address of a neighbour.
     * Returns false if there is no memory or no room for the request; then it was not sent. */
    bool (*ask)(struct mn_ip *ip, struct mnet_address neighbour, const struct mn_mac *alone);
    /* The MTU for a packet, IP header first, that has waited for `next_hop`; NULL: ip->mtu. */
    uint16_t (*mtu)(struct mn_ip *ip, const struct mnet_packet *packet, const struct mnet_address *next_hop);
    /* Cuts a larger packet into fragments with their IP headers. Takes ownership of the packet.
     * Without memory or room there are no fragments; that is counted. */
    void (*cut)(struct mn_ip *ip, struct mnet_packet *packet, uint16_t mtu, struct mn_packet_queue *fragments);
    uint16_t ethertype;   /* of the packets that go to neighbours */
    uint8_t requests_max; /* after this many without an answer, the neighbour has failed */
    uint64_t request_interval_ns;
    uint64_t reachable_ns;    /* time in REACHABLE */
    uint64_t stale_ns;        /* time in STALE, if unused, until it is removed */
    uint64_t failed_ns;       /* time in FAILED, in which it is not asked again */
    uint64_t delay_ns;        /* time in DELAY; 0: no such state */
    uint64_t interval_max_ns; /* longest time between requests in UNREACHABLE; 0: no such state */
    bool timed_by_routers;    /* routers advertise interval and reachable_ns (RFC 4861 6.3.4) */
};

/* Returns true if a route leads through the neighbour `address`. */
static inline bool mn_ip_is_gateway(const struct mn_ip *ip, struct mnet_address address)
{
    return mn_routes_is_gateway(&ip->routes, address) || mn_routers_has(&ip->v6.routers, address) ||
           mn_redirects_lead_through(&ip->v6.redirects, address);
}
/* Creates an entry for `address`. The same as mn_neighbour_create. */
struct mn_neighbour *mn_ip_create_neighbour(struct mn_ip *ip, struct mnet_address address,
                                            const struct mn_neighbour_protocol *protocol);
/* The neighbour has answered that it is at `mac`: sends the packets that waited for it. */
void mn_ip_confirm(struct mn_ip *ip, struct mn_neighbour *neighbour, struct mn_mac mac, uint64_t now);
/* A message says that the neighbour is at `mac`, but does not confirm that it hears us. */
void mn_ip_learn(struct mn_ip *ip, struct mn_neighbour *neighbour, struct mn_mac mac, uint64_t now);
/* A Neighbour Advertisement. */
struct mn_advertised {
    struct mn_mac mac;
    bool has_mac, solicited, override;
};
void mn_ip_take_advertisement(struct mn_ip *ip, struct mn_neighbour *neighbour, const struct mn_advertised *advertised,
                              uint64_t now);
/* A transport doubts that `next_hop` is reachable: the neighbour is asked (RFC 1122 3.3.1.4). */
void mn_ip_doubt(struct mn_ip *ip, struct mnet_address next_hop, uint64_t now);
/* Asks by `protocol` for the next hop of `way`, whose entry is `neighbour` (NULL: none yet) and not
 * REACHABLE. Returns the entry if `packet` may be sent to its link address now. Otherwise it takes
 * ownership of the packet, which waits for the answer or is dropped, and returns NULL. */
struct mn_neighbour *mn_ip_ask_first(struct mn_ip *ip, struct mn_neighbour *neighbour, const struct mn_ip_way *way,
                                     const struct mn_neighbour_protocol *protocol, struct mnet_packet *packet,
                                     uint64_t now);
/* Queues `packet`, whose neighbour does not answer, for mn_ip_take_error. */
void mn_ip_give_up(struct mn_ip *ip, struct mnet_packet *packet);
/* Asks once for an IPv6 neighbour that is not known, without a packet for it (RFC 4191 3.5). */
void mn_ip_seek(struct mn_ip *ip, struct mnet_address address, uint64_t now);
/* Returns true if packets may go to `next_hop` at once. */
bool mn_ip_is_resolved(struct mn_ip *ip, struct mnet_address next_hop);
void mn_ip_neighbour_expire(struct mn_ip *ip, struct mn_timer *timer, uint64_t now);
/* The link has come up, and may lead to another network. Neighbours are forgotten, but if packets
 * wait for one, it is asked for again. */
void mn_ip_neighbours_note_link_up(struct mn_ip *ip, uint64_t now);

/* group.c: membership of multicast groups. */

void mn_groups_init(struct mn_ip *ip);
/* Sends the reports that are due. */
void mn_groups_expire(struct mn_ip *ip, uint64_t now);
/* Reports all groups of a family once more. */
void mn_groups_tell_again(struct mn_ip *ip, enum mn_group_family family);
void mn_groups_note_link_up(struct mn_ip *ip, uint64_t now);
struct mn_group_query;
/* A valid query has come. */
void mn_groups_take_query(struct mn_ip *ip, enum mn_group_family family, const struct mn_group_query *query,
                          uint64_t now);
/* Another host has reported a group in an older version. */
void mn_groups_note_report(struct mn_ip *ip, const struct mnet_address *address);

/* way.c */

/* Returns the size of the largest packet of a family for the link. */
static inline uint16_t mn_ip_mtu_of(const struct mn_ip *ip, bool ipv4)
{
    return ipv4 ? ip->mtu : ip->v6.parameters.mtu;
}
/* mn_ip_mtu_of may have changed: tells the users of the path-MTU cache. */
void mn_ip_note_link_mtu(struct mn_ip *ip);
/* Finds the way from `source` (unspecified: any own address) to `destination`, and the own address
 * to send from. Returns 0 or MNET_E_UNREACHABLE. */
int mn_ip_find_way(struct mn_ip *ip, struct mnet_address source, struct mnet_address destination,
                   struct mn_ip_way *way);
/* Finds the way of a packet. Returns 0, MNET_E_UNREACHABLE or MNET_E_INVALID. */
int mn_ip_look_up_way(struct mn_ip *ip, const struct mn_datagram *datagram, struct mn_ip_way *way);
/* Whether the last packet had the same way. */
static inline bool mn_ip_is_last_way(const struct mn_ip *ip, const struct mn_datagram *datagram)
{
    const struct mn_ip_way_cache *last = &ip->last_way;
    return last->known && mn_address_equal(&last->destination, &datagram->destination) &&
           mn_address_equal(&last->source, &datagram->source);
}
static inline int mn_ip_way_of(struct mn_ip *ip, const struct mn_datagram *datagram, struct mn_ip_way *way)
{
    if (MN_LIKELY(mn_ip_is_last_way(ip, datagram))) {
        *way = ip->last_way.way;
        return 0;
    }
    return mn_ip_look_up_way(ip, datagram, way);
}

/* spread.c */

/* The device has several queues: tells which packets for a transport are for us, and which of them
 * are ours to answer. */
enum mn_ip_verdict mn_ip_spread(struct mn_ip *ip, const struct mn_arrival *arrival, struct mn_datagram *datagram);
/* Returns true if the host, or this one of its stacks, answers what is for all queues of the
 * device. */
static inline bool mn_ip_answers(const struct mn_ip *ip)
{
    return ip->spread.queue == 0;
}

/* frame.c */

/* Returns true if the transmit queue has room for a message of ip itself. */
bool mn_ip_may_speak(const struct mn_ip *ip);
/* Allocates a packet for a message of ip itself. Returns NULL, and counts that, if there is no
 * memory or no room in the transmit queue. */
struct mnet_packet *mn_ip_new_message(struct mn_ip *ip);
/* Writes the Ethernet header in front of `packet`, which becomes the frame. */
static inline struct mnet_packet *mn_ip_write_frame(struct mn_ip *ip, struct mnet_packet *packet,
                                                    const struct mn_mac *to, uint16_t type)
{
    mn_ethernet_emit(mnet_packet_push(packet, MN_ETHERNET_HEADER),
                     &(struct mn_ethernet){.destination = *to, .source = ip->mac, .type = type});
    return packet;
}
/* Puts `frame` on the transmit queue and takes ownership. NULL has no effect. */
void mn_ip_queue_frame(struct mn_ip *ip, struct mnet_packet *frame);
/* mn_ip_write_frame and mn_ip_queue_frame in one. Takes ownership of `packet`. */
void mn_ip_send_frame(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_mac *to, uint16_t type);

/* link.c */

/* Makes the frame of an IP packet, header first, and takes ownership of the packet. Returns the
 * frame, which the caller owns, or NULL if the packet is for the host itself, waits for the
 * neighbour's link address, or was dropped. */
struct mnet_packet *mn_ip_make_frame(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_ip_way *way,
                                     uint64_t now);
/* Returns true if the queue of this kind of way has room for another packet. Counts it if not. */
bool mn_ip_check_room(struct mn_ip *ip, enum mn_ip_way_kind way);
/* Finds the way of a packet, and checks that its queue has room. Returns 0, or the errors of
 * mn_ip_look_up_way, or MNET_E_NO_MEMORY. */
static inline int mn_ip_way_with_room(struct mn_ip *ip, const struct mn_datagram *datagram, struct mn_ip_way *way)
{
    int result = mn_ip_way_of(ip, datagram, way);
    if (MN_UNLIKELY(result != 0))
        return result;
    return mn_ip_check_room(ip, way->kind) ? 0 : MNET_E_NO_MEMORY;
}

/* cut.c */

/* Cuts `packet` into pieces of `step` bytes; the last one has the rest. Takes ownership of the
 * packet. A partial checksum is completed first. Returns 0, or MNET_E_NO_MEMORY, which is
 * counted. */
int mn_ip_cut(struct mn_ip *ip, struct mnet_packet *packet, uint8_t protocol, uint32_t step,
              struct mn_packet_queue *pieces);
/* Returns the image of `value` under a keyed permutation of the numbers of 2 * `half` bits: a
 * Feistel network of four rounds. */
uint32_t mn_ip_permute(const struct mn_hash_key *key, uint32_t value, unsigned half);

/* Returns true if an own address may be the source or the destination of packets. */
static inline bool mn_own_is_usable(const struct mn_own_address *own)
{
    return own->state == MN_IP_ADDRESS_OURS || own->state == MN_IP_ADDRESS_DEPRECATED;
}

/* error_limit.c */

/* Sets the limit to `errors_per_s`, from `now` on. */
void mn_ip_limit_errors(struct mn_ip *ip, uint32_t errors_per_s, uint64_t now);
/* Returns true if an ICMP error may be sent now, and counts it if not. The caller pays for the
 * error when it has a message to send. */
bool mn_ip_check_error_limit(struct mn_ip *ip, uint64_t now);
void mn_ip_pay_error(struct mn_ip *ip);

/* echo.c: the steps from an echo request to its reply that both families share. */

/* Copies a packet that came in several receive buffers into one. Returns NULL, and counts that, if
 * memory is short. */
struct mnet_packet *mn_ip_make_one(struct mn_ip *ip, struct mnet_packet *packet);
/* Clears the device's marks of a received packet, so that it can be sent. */
void mn_ip_forget_metadata(struct mnet_packet *packet);

#endif
