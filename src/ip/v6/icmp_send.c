/* ICMPv6 messages of ours to stations of the link, whose link address need not be asked for. */
#include "ip/v6/internal.h"

void mn_icmpv6_write(struct mnet_packet *packet, const struct mn_icmpv6_route *route)
{
    MN_DEBUG_ASSERT(packet->len == packet->total && packet->more == NULL);
    struct mn_ipv6 header = {
        .source = route->source,
        .destination = route->destination,
        .next_header = MN_PROTOCOL_ICMPV6,
        .hop_limit = route->hop_limit,
    };
    mn_icmpv6_set_checksum(packet->data, packet->total, &route->source, &route->destination);
    mn_ipv6_write_header(packet, &header);
}

void mn_icmpv6_send(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_icmpv6_route *route)
{
    MN_DEBUG_ASSERT(packet->len >= MN_ICMPV6_HEADER);
    MN_ASSERT(route->to != NULL || mn_ipv6_is_multicast(&route->destination));
    struct mn_mac to = route->to != NULL ? *route->to : mn_mac_of_group(&route->destination);
    mn_icmpv6_write(packet, route);
    mn_ip_count(ip, MNET_COUNT_IP_TX);
    mn_ip_send_frame(ip, packet, &to, MN_ETHERTYPE_IPV6);
}
