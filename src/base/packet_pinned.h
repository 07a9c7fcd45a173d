/* What packets and buffers pin, for those who account for it. */
#ifndef MN_PACKET_PINNED_H
#define MN_PACKET_PINNED_H

#include <mnet/packet.h>

#include "base/memory.h"

#define MN_PACKET_BLOCK 1920u
#define MN_BUFFER_SMALL_BLOCK 2048u
#define MN_BUFFER_LARGE_BLOCK 16384u

/* The block of a buffer; of one that is lent only what describes it. */
size_t mn_buffer_pinned(const struct mnet_buffer *buffer);

/* As mnet_packet_pinned; nearly every packet is one block. */
static inline size_t mn_packet_pinned(const struct mnet_packet *packet)
{
    if (MN_LIKELY(packet->fragment_count == 0 && packet->more == NULL))
        return MN_PACKET_BLOCK;
    return mnet_packet_pinned(packet);
}

#endif
