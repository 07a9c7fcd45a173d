/* The checksum sum over a packet, in all its pieces. */
#ifndef MN_PACKET_SUM_H
#define MN_PACKET_SUM_H

#include <mnet/packet.h>

#include "base/base.h"
#include "base/checksum.h"

/* Computes the same for bytes in any pieces. */
uint64_t mn_packet_sum_pieces(const struct mnet_packet *packet, size_t from);

/* Returns the unfolded sum (checksum.h) of the packet's bytes from offset `from` (at most
 * packet->total) to its end. */
static inline uint64_t mn_packet_sum(const struct mnet_packet *packet, size_t from)
{
    if (MN_LIKELY(packet->len == packet->total)) /* all of it is linear */
        return mn_sum(0, packet->data + from, packet->len - from);
    return mn_packet_sum_pieces(packet, from);
}

#endif
