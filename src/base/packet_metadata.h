/* A packet's metadata for a device, for code that moves packets: a copy has the metadata of its
 * original, and a frame on a simulated wire keeps it.
 */
#ifndef MN_PACKET_METADATA_H
#define MN_PACKET_METADATA_H

#include <mnet/packet.h>

/* The fields of the same names in struct mnet_packet. */
struct mn_metadata {
    uint8_t checksum, gso;
    uint16_t gso_size, csum_start, csum_offset, segments;
};

static inline struct mn_metadata mn_packet_metadata(const struct mnet_packet *packet)
{
    return (struct mn_metadata){
        .checksum = packet->checksum,
        .gso = packet->gso,
        .gso_size = packet->gso_size,
        .csum_start = packet->csum_start,
        .csum_offset = packet->csum_offset,
        .segments = packet->segments,
    };
}

/* Offsets count from the packet's first byte, so it must be the same byte as in the packet that
 * `metadata` is from. */
static inline void mn_packet_set_metadata(struct mnet_packet *packet, struct mn_metadata metadata)
{
    packet->checksum = metadata.checksum;
    packet->gso = metadata.gso;
    packet->gso_size = metadata.gso_size;
    packet->csum_start = metadata.csum_start;
    packet->csum_offset = metadata.csum_offset;
    packet->segments = metadata.segments;
}

#endif
