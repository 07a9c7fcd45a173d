/* The memory that packets and buffers pin, for code that accounts for it. */
#ifndef MN_PACKET_PINNED_H
#define MN_PACKET_PINNED_H

#include <mnet/packet.h>

#include "base/memory.h"

#define MN_PACKET_BLOCK 1920u
#define MN_BUFFER_SMALL_BLOCK 2048u
#define MN_BUFFER_LARGE_BLOCK 16384u

/* Returns the size of a buffer's block, or of its descriptor alone if its bytes are lent. */
size_t mn_buffer_pinned(const struct mnet_buffer *buffer);

/* Does the same as mnet_packet_pinned. Nearly every packet is one block. */
static inline size_t mn_packet_pinned(const struct mnet_packet *packet)
{
    if (MN_LIKELY(packet->fragment_count == 0 && packet->more == NULL))
        return MN_PACKET_BLOCK;
    return mnet_packet_pinned(packet);
}

#endif
