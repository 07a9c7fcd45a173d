/* IPv6 packets on their way out: the header, whole or in fragments. */
#include "ip/v6/internal.h"

void mn_ipv6_send(struct mn_ip *ip, struct mnet_packet *packet, struct mn_ipv6 *header, const struct mn_ip_way *way,
                  uint64_t now)
{
    header->payload_len = (uint16_t)packet->total;
    mn_ipv6_emit(mnet_packet_push(packet, MN_IPV6_HEADER), header);
    mn_ip_send_on(ip, packet, way, now);
}

int mn_ipv6_output(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                   const struct mn_ip_way *way, bool cut, uint64_t now)
{
    struct mn_ipv6 header = {
        .source = way->source,
        .destination = datagram->destination,
        .flow_label = datagram->flow_label,
        .traffic_class = datagram->traffic_class,
        .next_header = datagram->protocol,
        .hop_limit = datagram->ttl != 0 ? datagram->ttl : ip->v6.parameters.hop_limit,
    };
    if (MN_UNLIKELY(cut))
        return mn_ipv6_send_fragments(ip, packet, &header, way, now);
    mn_ipv6_send(ip, packet, &header, way, now);
    return 0;
}
