/* virtio_net_hdr and packet metadata, translated both ways (Virtual I/O Device 1.1, 5.1.6).
 *
 * csum_start counts from the first byte of the Ethernet header in both. The header's fields are in the machine's byte order, as the
 * TAP device has them unless told otherwise.
 */
#include <string.h>

#include "base/base.h"
#include "ports/tap/tap_internal.h"

#define ETHERNET_BYTES 14u
#define IPV4_BYTES_MIN 20u
#define TCP_BYTES_MIN 20u
#define TCP_DATA_OFFSET 12u /* the byte whose upper half counts the header's words */
#define TCP_CHECKSUM_OFFSET 16u

/* Bytes of headers in front of the TCP payload, for a TCP header at `start`; 0 where there is no room for one. */
static uint32_t tcp_payload_offset(const struct mnet_packet *packet, uint32_t start)
{
    if (start + TCP_BYTES_MIN > packet->len) {
        return 0;
    }
    uint32_t tcp_bytes = (uint32_t)(packet->data[start + TCP_DATA_OFFSET] >> 4) * 4;
    bool fits = tcp_bytes >= TCP_BYTES_MIN && start + tcp_bytes <= packet->len;
    return fits ? start + tcp_bytes : 0;
}

void mn_vnet_from_packet(const struct mnet_packet *packet, struct virtio_net_hdr *header)
{
    memset(header, 0, sizeof *header);
    if (packet->checksum == MNET_CHECKSUM_PARTIAL) {
        header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        header->csum_start = packet->csum_start;
        header->csum_offset = packet->csum_offset;
    }
    if (packet->gso != MNET_GSO_NONE) {
        MN_ASSERT(packet->checksum == MNET_CHECKSUM_PARTIAL && packet->gso_size > 0);
        header->gso_type = packet->gso == MNET_GSO_TCPV4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
        header->gso_size = packet->gso_size;
        header->hdr_len = (uint16_t)tcp_payload_offset(packet, packet->csum_start);
    }
}

static bool take_checksum(const struct virtio_net_hdr *header, struct mnet_packet *packet)
{
    if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
        uint32_t field_end = (uint32_t)header->csum_start + header->csum_offset + 2;
        if (header->csum_start < ETHERNET_BYTES + IPV4_BYTES_MIN || field_end > packet->len) {
            return false;
        }
        packet->checksum = MNET_CHECKSUM_PARTIAL;
        packet->csum_start = header->csum_start;
        packet->csum_offset = header->csum_offset;
    } else if (header->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
        packet->checksum = MNET_CHECKSUM_VERIFIED;
    }
    return true;
}

static bool take_segmentation(const struct virtio_net_hdr *header, struct mnet_packet *packet)
{
    switch (header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_NONE: return true;
    case VIRTIO_NET_HDR_GSO_TCPV4: packet->gso = MNET_GSO_TCPV4; break;
    case VIRTIO_NET_HDR_GSO_TCPV6: packet->gso = MNET_GSO_TCPV6; break;
    default: return false;
    }
    bool tcp = packet->checksum == MNET_CHECKSUM_PARTIAL && packet->csum_offset == TCP_CHECKSUM_OFFSET;
    uint32_t payload_offset = tcp ? tcp_payload_offset(packet, packet->csum_start) : 0;
    if (payload_offset == 0 || header->gso_size == 0) {
        return false;
    }
    uint32_t payload = packet->total - payload_offset;
    packet->gso_size = header->gso_size;
    packet->segments = (uint16_t)MN_MAX(1u, (payload + header->gso_size - 1) / header->gso_size);
    return true;
}

bool mn_vnet_to_packet(const struct virtio_net_hdr *header, struct mnet_packet *packet)
{
    return take_checksum(header, packet) && take_segmentation(header, packet);
}
