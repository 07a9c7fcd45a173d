/* The queues of an endpoint, for the other files of udp/: see udp.h for the scheme. */
#ifndef MN_UDP_QUEUE_H
#define MN_UDP_QUEUE_H

#include "udp/udp.h"

/* The fields of a received datagram's headers that its user may ask for. */
struct mn_udp_arrival {
    struct mnet_endpoint remote;
    struct mnet_address local;
    uint8_t ttl, traffic_class;
};

/* Queues a packet that begins with its payload, or drops it and counts that. The packet is
 * consumed. Returns true if it was queued. */
bool mn_udp_enqueue(struct mn_udp_endpoint *endpoint, struct mnet_packet *packet, const struct mn_udp_arrival *arrival);
/* Frees all waiting datagrams. */
void mn_udp_discard(struct mn_udp_endpoint *endpoint);
/* Frees those that are not from `remote`. */
void mn_udp_keep(struct mn_udp_endpoint *endpoint, struct mnet_endpoint remote);
/* Notes an error, in place of an older one about the same destination. False if there is no place
 * for it. */
bool mn_udp_note_error(struct mn_udp_endpoint *endpoint, const struct mn_udp_error *error);

#endif
