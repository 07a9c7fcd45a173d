/* Packets in which a queue keeps bytes that one of them will carry, or has carried. */
#ifndef MN_PACKET_QUEUED_H
#define MN_PACKET_QUEUED_H

#include <mnet/packet.h>

#define MN_PACKET_STRUCT 256 /* bytes of a packet's block in front of its headroom */
#define MN_PACKET_SPARE (MN_PACKET_STRUCT - sizeof(struct mnet_packet))

/* Allocates an empty packet as mnet_packet_alloc_tx does, but leaves the margin for connections
 * alone, too (MN_CLAIM_QUEUE). */
struct mnet_packet *mn_packet_alloc_queued(struct mnet_memory *memory);
/* Returns the MN_PACKET_SPARE bytes of the packet's block that are the queue's. */
static inline void *mn_packet_spare(struct mnet_packet *packet)
{
    return packet + 1;
}

#endif
