/* Copies of packets: for devices that keep frames longer or pass them to another stack, and to make
 * one packet of a chain. */
#ifndef MN_PACKET_COPY_H
#define MN_PACKET_COPY_H

#include <mnet/packet.h>

/* Returns a copy of `packet`, without `more`, with its offload metadata and bytes of its own, from
 * the receive side of `memory`. Returns NULL if memory is used up. */
struct mnet_packet *mn_packet_copy(const struct mnet_packet *packet, struct mnet_memory *memory);

#endif
