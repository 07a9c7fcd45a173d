/* The checksum sum over a packet, wherever its bytes lie. */
#ifndef MN_PACKET_SUM_H
#define MN_PACKET_SUM_H

#include <mnet/packet.h>

/* The unfolded sum (checksum.h) of the packet's bytes from offset `from` (at most packet->total) to its end. */
uint64_t mn_packet_sum(const struct mnet_packet *packet, size_t from);

#endif
