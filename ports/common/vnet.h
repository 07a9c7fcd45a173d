/* The header in front of each frame of a virtio network device, and of a Linux TAP interface that
 * has it (Virtual I/O Device 1.2, 5.1.6), translated to and from the metadata of packets, which
 * says the same in other words. No field of a header is believed before it has been compared
 * with the packet.
 */
#ifndef MN_VNET_H
#define MN_VNET_H

#include <mnet/device.h>

/* Fields are little-endian. The field num_buffers, which TAP has not, follows if a device has
 * it. */
struct mn_vnet_header {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t hdr_len;
    uint16_t gso_size;
    uint16_t csum_start;
    uint16_t csum_offset;
};

enum {
    MN_VNET_NEEDS_CSUM = 1,
    MN_VNET_DATA_VALID = 2
};
enum {
    MN_VNET_GSO_NONE = 0,
    MN_VNET_GSO_TCPV4 = 1,
    MN_VNET_GSO_TCPV6 = 4,
    MN_VNET_GSO_ECN = 0x80
};

/* Translates the packet's metadata into the header. */
void mn_vnet_from_packet(const struct mnet_packet *packet, struct mn_vnet_header *header);
/* Sets the packet's metadata from the header, as far as `offload` (enum mnet_offload) allows. False
 * if the header does not fit the packet, or asks for segmentation that was not agreed on. */
bool mn_vnet_to_packet(const struct mn_vnet_header *header, uint32_t offload, struct mnet_packet *packet);

#endif
