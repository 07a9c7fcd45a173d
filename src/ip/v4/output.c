/* IPv4 packets on their way out: which header, whole or in fragments. */
#include "ip/v4/internal.h"

struct mnet_packet *mn_ipv4_output(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                                   const struct mn_ip_way *way, uint64_t now)
{
    struct mn_ipv4 header = mn_ipv4_header_of(ip, datagram, way);
    /* RFC 6864 4.1: a packet that cannot be fragmented needs no identification. */
    if (MN_UNLIKELY(!header.dont_fragment) && way->kind != MN_IP_WAY_LOOPBACK)
        header.identification = mn_ipv4_next_identification(ip);
    mn_ipv4_write_header(packet, &header);
    return mn_ip_make_frame(ip, packet, way, now);
}

MN_RARE int mn_ipv4_output_fragments(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                                     const struct mn_ip_way *way, uint64_t now)
{
    const struct mn_ipv4 header = mn_ipv4_header_of(ip, datagram, way);
    struct mn_packet_queue fragments;
    int result = mn_ipv4_cut(ip, packet, &header, way->mtu, &fragments);
    for (struct mnet_packet *fragment; (fragment = mn_packet_queue_take(&fragments)) != NULL;)
        mn_ip_queue_frame(ip, mn_ip_make_frame(ip, fragment, way, now));
    return result;
}

MN_RARE int mn_ipv4_output_options(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                                   const struct mn_ipv4_options *options, uint64_t now)
{
    uint32_t header_len = MN_IPV4_HEADER + (uint32_t)options->len;
    MN_ASSERT(header_len + packet->total <= ip->mtu);
    struct mn_ip_way way;
    int result = mn_ip_way_with_room(ip, datagram, &way);
    if (result != 0) {
        mnet_packet_free(packet);
        return result;
    }
    struct mn_ipv4 header = mn_ipv4_header_of(ip, datagram, &way);
    header.header_len = MN_IPV4_HEADER;
    header.total_len = (uint16_t)(header_len + packet->total);
    header.identification = mn_ipv4_next_identification(ip);
    mn_ipv4_emit_options(mnet_packet_push(packet, header_len), &header, options);
    mn_ip_queue_frame(ip, mn_ip_make_frame(ip, packet, &way, now));
    return 0;
}

int mn_ip_broadcast_unnumbered(struct mn_ip *ip, struct mnet_packet *packet, uint64_t now)
{
    const struct mn_ip_way way = {.kind = MN_IP_WAY_GROUP, .ipv4 = true, .next_hop = mnet_ipv4(255, 255, 255, 255)};
    if (MN_IPV4_HEADER + packet->total > ip->mtu) {
        mn_ip_drop(ip, packet, MNET_COUNT_IP_DROP_TOO_BIG);
        return MNET_E_TOO_BIG;
    }
    if (!mn_ip_check_room(ip, way.kind)) {
        mnet_packet_free(packet);
        return MNET_E_NO_MEMORY;
    }
    struct mn_ipv4 header = {
        .source = 0, /* RFC 1122 3.2.1.3 (a): this host, on this network */
        .destination = MN_IPV4_LIMITED_BROADCAST,
        .protocol = MN_PROTOCOL_UDP,
        .ttl = ip->ttl,
        .identification = mn_ipv4_next_identification(ip),
    };
    mn_ipv4_write_header(packet, &header);
    mn_ip_queue_frame(ip, mn_ip_make_frame(ip, packet, &way, now));
    return 0;
}
