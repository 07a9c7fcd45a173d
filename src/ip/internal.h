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

/* output.c */

/* Puts an Ethernet header in front of `packet`, owned from here on, and the frame on the transmit queue. */
void mn_ip_send_frame(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_mac *to, uint16_t type);
/* Whether the transmit queue has room for what ip has to say by itself. */
bool mn_ip_may_speak(const struct mn_ip *ip);

/* Whether the queue for the way of one packet more has room; false is counted. */
bool mn_ip_has_room(struct mn_ip *ip, enum mn_ip_way_kind way);

#endif
