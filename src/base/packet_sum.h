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

/* Returns whether the checksum of a received packet is known to be right. */
static inline bool mn_packet_is_verified(const struct mnet_packet *packet)
{
    return packet->checksum == MNET_CHECKSUM_VERIFIED || packet->checksum == MNET_CHECKSUM_PARTIAL;
}

/* Returns the same as mn_packet_sum for a received packet. Uses the sum of a device that has
 * offered one. */
static inline uint64_t mn_packet_sum_received(const struct mnet_packet *packet, size_t from)
{
    size_t start = packet->csum_start;
    if (packet->checksum != MNET_CHECKSUM_SUMMED || from > packet->len)
        return mn_packet_sum(packet, from);
    if (MN_LIKELY(from == start))
        return packet->csum_value;
    if (from < start || (from - start) % 2 != 0)
        return mn_packet_sum(packet, from);
    return mn_sum_add(packet->csum_value, mn_sum_negate(mn_sum(0, packet->data + start, from - start)));
}

#endif
