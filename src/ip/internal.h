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
};

/* neighbour_states.c */

/* What differs between protocols that find neighbours. */
struct mn_neighbour_protocol {
    /* Asks the station `alone`, or everybody (NULL), for the link address of a neighbour. False if there
     * is no memory or no room for the request; then it was not sent. */
    bool (*ask)(struct mn_ip *ip, struct mnet_address neighbour, const struct mn_mac *alone);
    /* Sends a packet that has waited, and is larger than the MTU, to the neighbour; owned from here on. */
    void (*send_in_fragments)(struct mn_ip *ip, struct mnet_packet *packet, struct mnet_address neighbour,
                              uint64_t now);
    uint16_t ethertype;   /* of the packets that go to neighbours */
    uint8_t requests_max; /* unanswered, before it is given up */
    uint64_t request_interval_ns;
    uint64_t reachable_ns; /* for so long an answer holds, */
    uint64_t stale_ns;     /* for so long it is kept unused after that, */
    uint64_t failed_ns;    /* and for so long nobody is asked again for one that did not answer */
};

/* A new entry for `address`, as mn_neighbour_create. */
struct mn_neighbour *mn_ip_create_neighbour(struct mn_ip *ip, struct mnet_address address,
                                            const struct mn_neighbour_protocol *protocol);
/* The neighbour said that it is at `mac`: what waited for that goes. */
void mn_ip_confirm(struct mn_ip *ip, struct mn_neighbour *neighbour, struct mn_mac mac, uint64_t now);
/* A transport doubts that `next_hop` still takes packets: it is asked (RFC 1122 3.3.1.4). */
void mn_ip_doubt(struct mn_ip *ip, struct mnet_address next_hop, uint64_t now);
/* Sends an IP packet to `next_hop` on the link, or lets it wait for its answer; owned from here on. */
void mn_ip_resolve(struct mn_ip *ip, struct mnet_packet *packet, struct mnet_address next_hop, uint64_t now);
/* Whether packets may go to `next_hop` at once. */
bool mn_ip_is_resolved(struct mn_ip *ip, struct mnet_address next_hop);
void mn_ip_neighbour_timer(struct mn_ip *ip, struct mn_timer *timer, uint64_t now);
/* There may be another network behind the link now: neighbours are forgotten, those waited for are asked for again. */
void mn_ip_neighbours_link_up(struct mn_ip *ip, uint64_t now);

/* way.c */

/* The way to `destination`, and the own address to send from. 0 or MNET_E_UNREACHABLE. */
int mn_ip_find_way(const struct mn_ip *ip, struct mnet_address destination, struct mn_ip_way *way);
/* The way of a packet; 0, or why it cannot be sent: MNET_E_UNREACHABLE, MNET_E_INVALID. */
int mn_ip_look_up_way(struct mn_ip *ip, const struct mn_datagram *datagram, struct mn_ip_way *way);
static inline int mn_ip_way_of(struct mn_ip *ip, const struct mn_datagram *datagram, struct mn_ip_way *way)
{
    const struct mn_ip_way_cache *last = &ip->last_way;
    if (MN_LIKELY(last->known && mnet_address_equal(last->destination, datagram->destination) &&
                  mnet_address_equal(last->source, datagram->source))) {
        *way = last->way;
        return 0;
    }
    return mn_ip_look_up_way(ip, datagram, way);
}

/* output.c */

/* Puts an Ethernet header in front of `packet`, owned from here on, and the frame on the transmit queue. */
void mn_ip_send_frame(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_mac *to, uint16_t type);
/* Whether the transmit queue has room for what ip has to say by itself. */
bool mn_ip_may_speak(const struct mn_ip *ip);

/* Whether the queue for the way of one packet more has room; false is counted. */
bool mn_ip_has_room(struct mn_ip *ip, enum mn_ip_way_kind way);

#endif
