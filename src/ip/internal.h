/* What the files of ip/ share and nobody else uses. */
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
    bool looped;      /* sent by ourselves, not from the wire */
    bool not_unicast; /* the frame, or the packet, went to more stations than us */
    /* IPv6: */
    bool fragmented;   /* came in fragments, be it one (RFC 6946) */
    bool router_alert; /* has a Router Alert option */
};

/* neighbour_states.c */

/* What differs between protocols that find neighbours. */
struct mn_neighbour_protocol {
    /* Asks the station `alone`, or everybody (NULL), for the link address of a neighbour. False if
     * there is no memory or no room for the request; then it was not sent. */
    bool (*ask)(struct mn_ip *ip, struct mnet_address neighbour, const struct mn_mac *alone);
    /* The MTU for a packet, IP header first, that has waited for `next_hop`; NULL: ip->mtu. */
    uint16_t (*mtu)(struct mn_ip *ip, const struct mnet_packet *packet, const struct mnet_address *next_hop);
    /* Cuts such a packet, if it is larger, into fragments with their IP headers; owned from here
     * on. There are none if there is no memory or no room; that is counted. */
    void (*cut)(struct mn_ip *ip, struct mnet_packet *packet, uint16_t mtu, struct mn_packet_queue *fragments);
    uint16_t ethertype;   /* of the packets that go to neighbours */
    uint8_t requests_max; /* unanswered, before it is given up */
    uint64_t request_interval_ns;
    uint64_t reachable_ns; /* for so long an answer holds, */
    uint64_t stale_ns;     /* for so long it is kept unused after that, */
    uint64_t failed_ns;    /* and for so long nobody is asked again for one that did not answer */
    uint64_t delay_ns;     /* so long a transport may confirm one before it is asked; 0: none */
    uint64_t patience_ns;  /* most between requests to one that is UNREACHABLE; 0: no such state */
    bool timed_by_routers; /* they tell interval and reachable_ns (RFC 4861 6.3.4) */
};

/* Whether packets go through the neighbour `address` to others. */
static inline bool mn_ip_is_gateway(const struct mn_ip *ip, struct mnet_address address)
{
    return mn_routes_is_gateway(&ip->routes, address) || mn_routers_has(&ip->v6.routers, address) ||
           mn_redirects_lead_through(&ip->v6.redirects, address);
}
/* A new entry for `address`, as mn_neighbour_create. */
struct mn_neighbour *mn_ip_create_neighbour(struct mn_ip *ip, struct mnet_address address,
                                            const struct mn_neighbour_protocol *protocol);
/* The neighbour said that it is at `mac`: what waited for that goes. */
void mn_ip_confirm(struct mn_ip *ip, struct mn_neighbour *neighbour, struct mn_mac mac, uint64_t now);
/* The neighbour is said to be at `mac`; nobody knows whether it can hear us. */
void mn_ip_learn(struct mn_ip *ip, struct mn_neighbour *neighbour, struct mn_mac mac, uint64_t now);
/* A Neighbour Advertisement. */
struct mn_advertised {
    struct mn_mac mac;
    bool has_mac, solicited, override;
};
void mn_ip_take_advertisement(struct mn_ip *ip, struct mn_neighbour *neighbour, const struct mn_advertised *advertised,
                              uint64_t now);
/* A transport doubts that `next_hop` still takes packets: it is asked (RFC 1122 3.3.1.4). */
void mn_ip_doubt(struct mn_ip *ip, struct mnet_address next_hop, uint64_t now);
/* `packet` is for the next hop of `way`, whose entry is `neighbour` (NULL: none yet) and not
 * REACHABLE. Returns the entry if the packet may go to its link address. Otherwise NULL: the
 * packet, owned from here on, waits for the answer of the neighbour, who is asked by `protocol`, or
 * was dropped. */
struct mn_neighbour *mn_ip_ask_first(struct mn_ip *ip, struct mn_neighbour *neighbour, const struct mn_ip_way *way,
                                     const struct mn_neighbour_protocol *protocol, struct mnet_packet *packet,
                                     uint64_t now);
/* Gives `packet`, whose neighbour does not answer, back to its transport. */
void mn_ip_give_up(struct mn_ip *ip, struct mnet_packet *packet);
/* Asks once for an IPv6 neighbour that is not known, without a packet for it (RFC 4191 3.5). */
void mn_ip_seek(struct mn_ip *ip, struct mnet_address address, uint64_t now);
/* Whether packets may go to `next_hop` at once. */
bool mn_ip_is_resolved(struct mn_ip *ip, struct mnet_address next_hop);
void mn_ip_neighbour_timer(struct mn_ip *ip, struct mn_timer *timer, uint64_t now);
/* There may be another network behind the link now: neighbours are forgotten, those waited for are
 * asked for again. */
void mn_ip_neighbours_link_up(struct mn_ip *ip, uint64_t now);

/* group.c: membership of multicast groups. */

void mn_groups_init(struct mn_ip *ip);
/* Sends what is due. */
void mn_groups_timer(struct mn_ip *ip, uint64_t now);
/* Reports all groups of a family once more. */
void mn_groups_tell_again(struct mn_ip *ip, enum mn_group_family family);
void mn_groups_link_up(struct mn_ip *ip, uint64_t now);
struct mn_group_query;
/* A valid query has come. */
void mn_groups_query(struct mn_ip *ip, enum mn_group_family family, const struct mn_group_query *query, uint64_t now);
/* Another host has reported a group in an older version. */
void mn_groups_heard(struct mn_ip *ip, const struct mnet_address *address);

/* way.c */

/* The largest packet of a family for the link. */
static inline uint16_t mn_ip_mtu_of(const struct mn_ip *ip, bool ipv4)
{
    return ipv4 ? ip->mtu : ip->v6.parameters.mtu;
}
/* That size may have changed: the users of the path-MTU cache are to follow. */
void mn_ip_note_link_mtu(struct mn_ip *ip);
/* The way from `source` (unspecified: any own address) to `destination`, and the own address to
 * send from. 0 or MNET_E_UNREACHABLE. */
int mn_ip_find_way(struct mn_ip *ip, struct mnet_address source, struct mnet_address destination,
                   struct mn_ip_way *way);
/* The way of a packet; 0, or why it cannot be sent: MNET_E_UNREACHABLE, MNET_E_INVALID. */
int mn_ip_look_up_way(struct mn_ip *ip, const struct mn_datagram *datagram, struct mn_ip_way *way);
static inline int mn_ip_way_of(struct mn_ip *ip, const struct mn_datagram *datagram, struct mn_ip_way *way)
{
    const struct mn_ip_way_cache *last = &ip->last_way;
    if (MN_LIKELY(last->known && mn_address_equal(&last->destination, &datagram->destination) &&
                  mn_address_equal(&last->source, &datagram->source))) {
        *way = last->way;
        return 0;
    }
    return mn_ip_look_up_way(ip, datagram, way);
}

/* frame.c */

/* Whether the transmit queue has room for what ip has to say by itself. */
bool mn_ip_may_speak(const struct mn_ip *ip);
/* A packet for a message of ip's own. NULL, and counted, if there is no memory or no room in the
 * transmit queue. */
struct mnet_packet *mn_ip_new_message(struct mn_ip *ip);
/* Writes the Ethernet header in front of `packet`, which is the frame then. */
static inline struct mnet_packet *mn_ip_write_frame(struct mn_ip *ip, struct mnet_packet *packet,
                                                    const struct mn_mac *to, uint16_t type)
{
    mn_ethernet_emit(mnet_packet_push(packet, MN_ETHERNET_HEADER),
                     &(struct mn_ethernet){.destination = *to, .source = ip->mac, .type = type});
    return packet;
}
/* Puts `frame`, owned from here on, on the transmit queue; NULL is none. */
void mn_ip_queue_frame(struct mn_ip *ip, struct mnet_packet *frame);
/* Both: `packet` is owned from here on. */
void mn_ip_send_frame(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_mac *to, uint16_t type);

/* link.c */

/* Takes an IP packet, header first and owned from here on, on its way. Returns its frame, owned by
 * the caller. NULL if it goes round to the host itself, waits for the neighbour's link address, or
 * was dropped. */
struct mnet_packet *mn_ip_make_frame(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_ip_way *way,
                                     uint64_t now);
/* Whether the queue for the way of one packet more has room; false is counted. */
bool mn_ip_check_room(struct mn_ip *ip, enum mn_ip_way_kind way);
/* The way of a packet, on which there is room for it; 0, or why it cannot be sent. */
static inline int mn_ip_way_with_room(struct mn_ip *ip, const struct mn_datagram *datagram, struct mn_ip_way *way)
{
    int result = mn_ip_way_of(ip, datagram, way);
    if (MN_UNLIKELY(result != 0))
        return result;
    return mn_ip_check_room(ip, way->kind) ? 0 : MNET_E_NO_MEMORY;
}

/* cut.c */

/* Cuts `packet`, owned from here on, into pieces of `step` bytes, the last one of as many as are
 * left. A partial checksum is completed before. Returns 0 or MNET_E_NO_MEMORY, which is counted. */
int mn_ip_cut(struct mn_ip *ip, struct mnet_packet *packet, uint8_t protocol, uint32_t step,
              struct mn_packet_queue *pieces);
/* A permutation of the numbers of 2 * `half` bits that only the key tells: a Feistel network of
 * four rounds. */
uint32_t mn_ip_permute(const struct mn_hash_key *key, uint32_t value, unsigned half);

/* Whether an own address may be the source or the destination of packets. */
static inline bool mn_own_is_usable(const struct mn_own_address *own)
{
    return own->state == MN_IP_ADDRESS_OURS || own->state == MN_IP_ADDRESS_DEPRECATED;
}

/* error_limit.c */

/* Begins with so many errors a second, from `now` on. */
void mn_ip_limit_errors(struct mn_ip *ip, uint32_t errors_per_s, uint64_t now);
/* Whether an ICMP error may be sent now; false is counted. It is paid for once there is a message
 * to be sent. */
bool mn_ip_check_error_limit(struct mn_ip *ip, uint64_t now);
void mn_ip_pay_error(struct mn_ip *ip);

/* echo.c: how a request becomes the reply, whatever the family. */

/* A packet that came in several receive buffers becomes one. NULL, and counted, if memory is used
 * up. */
struct mnet_packet *mn_ip_make_one(struct mn_ip *ip, struct mnet_packet *packet);
/* Forgets what the device said about a received packet, which is sent now. */
void mn_ip_forget_metadata(struct mnet_packet *packet);

#endif
