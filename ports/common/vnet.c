/* csum_start counts from the first byte of the Ethernet header in both. */
#include "ports/common/vnet.h"

#include <string.h>

#include "base/base.h"
#include "ports/common/little.h"

#define ETHERNET_BYTES 14u
#define IPV4_BYTES_MIN 20u
#define IPV6_BYTES 40u
#define TCP_BYTES_MIN 20u
#define TCP_DATA_OFFSET 12u /* the byte whose upper half counts the header's words */
#define TCP_FLAGS_OFFSET 13u
#define TCP_CWR 0x80u
#define TCP_CHECKSUM_OFFSET 16u

_Static_assert(sizeof(struct mn_vnet_header) == 10, "5.1.6");

/* Bytes of headers in front of the TCP payload, for a TCP header at `start`; 0 if there is no
 * room for one. */
static uint32_t tcp_payload_offset(const struct mnet_packet *packet, uint32_t start)
{
    if (start + TCP_BYTES_MIN > packet->len)
        return 0;
    uint32_t tcp_bytes = (uint32_t)(packet->data[start + TCP_DATA_OFFSET] >> 4) * 4;
    bool fits = tcp_bytes >= TCP_BYTES_MIN && start + tcp_bytes <= packet->len;
    return fits ? start + tcp_bytes : 0;
}

void mn_vnet_from_packet(const struct mnet_packet *packet, struct mn_vnet_header *header)
{
    memset(header, 0, sizeof *header);
    if (packet->checksum == MNET_CHECKSUM_PARTIAL) {
        header->flags = MN_VNET_NEEDS_CSUM;
        header->csum_start = mn_little16(packet->csum_start);
        header->csum_offset = mn_little16(packet->csum_offset);
    }
    if (packet->gso != MNET_GSO_NONE) {
        MN_ASSERT(packet->checksum == MNET_CHECKSUM_PARTIAL && packet->gso_size > 0);
        MN_ASSERT((uint32_t)packet->csum_start + TCP_BYTES_MIN <= packet->len);
        header->gso_type = packet->gso == MNET_GSO_TCPV4 ? MN_VNET_GSO_TCPV4 : MN_VNET_GSO_TCPV6;
        header->gso_size = mn_little16(packet->gso_size);
        header->hdr_len = mn_little16((uint16_t)tcp_payload_offset(packet, packet->csum_start));
        if (packet->data[packet->csum_start + TCP_FLAGS_OFFSET] & TCP_CWR)
            header->gso_type |= MN_VNET_GSO_ECN; /* 5.1.6.2: CWR is for the first segment only */
    }
}

/* 5.1.6.4.1: without GUEST_CSUM a device sets no flags; one that does so all the same has verified
 * nothing that we rely on. */
static bool take_checksum(const struct mn_vnet_header *header, uint32_t offload, struct mnet_packet *packet)
{
    uint16_t start = mn_little16(header->csum_start), offset = mn_little16(header->csum_offset);
    if (!(offload & MNET_OFFLOAD_CHECKSUM))
        return true;
    if (header->flags & MN_VNET_NEEDS_CSUM) {
        uint32_t field_end = (uint32_t)start + offset + 2;
        if (start < ETHERNET_BYTES + IPV4_BYTES_MIN || field_end > packet->len)
            return false;
        packet->checksum = MNET_CHECKSUM_PARTIAL;
        packet->csum_start = start;
        packet->csum_offset = offset;
    } else if (header->flags & MN_VNET_DATA_VALID) {
        packet->checksum = MNET_CHECKSUM_VERIFIED;
    }
    return true;
}

/* 5.1.6.4.1: hdr_len is a hint that we do without. */
static bool take_segmentation(const struct mn_vnet_header *header, uint32_t offload, struct mnet_packet *packet)
{
    uint32_t needed, ip_bytes;
    switch (header->gso_type & ~MN_VNET_GSO_ECN) {
    case MN_VNET_GSO_NONE: return true;
    case MN_VNET_GSO_TCPV4:
        packet->gso = MNET_GSO_TCPV4;
        needed = MNET_OFFLOAD_TSO4;
        ip_bytes = IPV4_BYTES_MIN;
        break;
    case MN_VNET_GSO_TCPV6:
        packet->gso = MNET_GSO_TCPV6;
        needed = MNET_OFFLOAD_TSO6;
        ip_bytes = IPV6_BYTES;
        break;
    default: return false;
    }
    uint16_t gso_size = mn_little16(header->gso_size);
    bool tcp = packet->checksum == MNET_CHECKSUM_PARTIAL && packet->csum_offset == TCP_CHECKSUM_OFFSET;
    uint32_t payload_offset = tcp ? tcp_payload_offset(packet, packet->csum_start) : 0;
    if (!(offload & needed) || payload_offset == 0 || packet->csum_start < ETHERNET_BYTES + ip_bytes || gso_size == 0)
        return false;
    uint32_t payload = packet->total - payload_offset;
    packet->gso_size = gso_size;
    packet->segments = (uint16_t)MN_MAX(1u, (payload + gso_size - 1) / gso_size);
    return true;
}

bool mn_vnet_to_packet(const struct mn_vnet_header *header, uint32_t offload, struct mnet_packet *packet)
{
    return take_checksum(header, offload, packet) && take_segmentation(header, offload, packet);
}
