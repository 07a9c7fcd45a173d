#include "wire/spread.h"

#include "base/base.h"
#include "wire/bytes.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/wire.h"

/* An IPv4 address and the IPv6 form of it give the same, apart from bits that the other end of the
 * flow has, too. */
static uint32_t fold(const uint8_t *bytes, size_t len)
{
    uint32_t folded = 0;
    for (size_t at = 0; at < len; at += 4)
        folded ^= mn_load_u32(bytes + at);
    return folded;
}

/* The queue by both addresses, folded, and the ports. */
static uint16_t choose(uint32_t addresses, uint16_t local_port, uint16_t remote_port, uint16_t queues)
{
    MN_DEBUG_ASSERT(queues > 0);
    if (local_port >= MN_SPREAD_PORT_FIRST)
        return local_port % queues;
    uint32_t ends = addresses ^ ((uint32_t)local_port << 16 | remote_port);
    return (uint16_t)((uint32_t)(ends * MN_SPREAD_MULTIPLIER) >> MN_SPREAD_SHIFT) % queues;
}

uint16_t mn_spread_flow(const struct mnet_endpoint *local, const struct mnet_endpoint *remote, uint16_t queues)
{
    uint32_t addresses = fold(local->address.bytes, 16) ^ fold(remote->address.bytes, 16);
    return choose(addresses, local->port, remote->port, queues);
}

void mn_spread_read_ports(const uint8_t *transport, uint16_t *source, uint16_t *destination)
{
    *source = mn_load_u16(transport);
    *destination = mn_load_u16(transport + 2);
}

static uint16_t choose_by_ports(const uint8_t *transport, uint8_t protocol, uint32_t addresses, uint16_t queues)
{
    uint16_t local, remote;
    mn_spread_read_ports(transport, &remote, &local);
    if (protocol == MN_PROTOCOL_UDP && mn_spread_is_shared_port(local))
        return MN_SPREAD_ALL;
    return choose(addresses, local, remote, queues);
}

static bool has_ports(uint8_t protocol)
{
    return protocol == MN_PROTOCOL_TCP || protocol == MN_PROTOCOL_UDP;
}

static uint16_t spread_ipv4(const uint8_t *packet, size_t len, uint16_t queues)
{
    size_t header_len = (size_t)(packet[0] & 15) * 4;
    bool fragment = (mn_load_u16(packet + 6) & 0x3fff) != 0; /* more to come, or an offset */
    uint8_t protocol = packet[9];
    if (packet[0] >> 4 != 4 || header_len < MN_IPV4_HEADER || fragment || !has_ports(protocol) || len < header_len + 4)
        return MN_SPREAD_ALL;
    return choose_by_ports(packet + header_len, protocol, fold(packet + 12, 8), queues);
}

static uint16_t spread_ipv6(const uint8_t *packet, size_t len, uint16_t queues)
{
    uint8_t protocol = packet[6];
    if (packet[0] >> 4 != 6 || !has_ports(protocol) || len < MN_IPV6_HEADER + 4)
        return MN_SPREAD_ALL;
    return choose_by_ports(packet + MN_IPV6_HEADER, protocol, fold(packet + 8, 32), queues);
}

uint16_t mn_spread_frame(const uint8_t *frame, size_t len, uint16_t queues)
{
    struct mn_ethernet ethernet;
    if (mn_ethernet_parse(frame, len, &ethernet) != MN_PARSE_OK || mn_mac_is_group(ethernet.destination))
        return MN_SPREAD_ALL;
    const uint8_t *packet = frame + MN_ETHERNET_HEADER;
    len -= MN_ETHERNET_HEADER;
    if (ethernet.type == MN_ETHERTYPE_IPV4 && len >= MN_IPV4_HEADER)
        return spread_ipv4(packet, len, queues);
    if (ethernet.type == MN_ETHERTYPE_IPV6 && len >= MN_IPV6_HEADER)
        return spread_ipv6(packet, len, queues);
    return MN_SPREAD_ALL;
}
