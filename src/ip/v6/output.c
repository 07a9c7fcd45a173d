/* IPv6 packets on their way out: the header, whole or in fragments. */
#include "ip/v6/internal.h"

struct mnet_packet *mn_ipv6_output(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                                   const struct mn_ip_way *way, uint64_t now)
{
    struct mn_ipv6 header = mn_ipv6_header_of(ip, datagram, way);
    mn_ipv6_write_header(packet, &header);
    return mn_ip_make_frame(ip, packet, way, now);
}

MN_RARE int mn_ipv6_output_fragments(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram,
                                     const struct mn_ip_way *way, uint64_t now)
{
    const struct mn_ipv6 header = mn_ipv6_header_of(ip, datagram, way);
    struct mn_packet_queue fragments;
    int result = mn_ipv6_cut(ip, packet, &header, way->mtu, &fragments);
    for (struct mnet_packet *fragment; (fragment = mn_packet_queue_take(&fragments)) != NULL;)
        mn_ip_queue_frame(ip, mn_ip_make_frame(ip, fragment, way, now));
    return result;
}
