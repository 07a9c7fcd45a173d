/* Fragments of packets on their way out (RFC 8200 4.5), and the identification that holds them
 * together. */
#include "ip/v6/internal.h"

/* No number comes twice within 2^32, and none tells the next one (RFC 7739). */
static uint32_t next_identification(struct mn_ip *ip)
{
    return mn_ip_permute(&ip->v6.identification_key, ip->v6.identifications_used++, 16);
}

MN_RARE int mn_ipv6_cut(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_ipv6 *header, uint16_t mtu,
                        struct mn_packet_queue *fragments)
{
    uint32_t step = (mtu - (uint32_t)(MN_IPV6_HEADER + MN_IPV6_FRAGMENT_HEADER)) & ~7u;
    uint32_t total = packet->total;
    int result = mn_ip_cut(ip, packet, header->next_header, step, fragments);
    if (result != 0)
        return result;
    struct mn_ipv6_fragment fragment = {.identification = next_identification(ip), .next_header = header->next_header};
    struct mn_ipv6 part = *header;
    part.next_header = MN_IPV6_FRAGMENT;
    uint32_t at = 0;
    for (struct mnet_packet *piece = fragments->first; piece != NULL; piece = piece->next, at += step) {
        fragment.offset = (uint16_t)at;
        fragment.more = at + step < total;
        mn_ipv6_fragment_emit(mnet_packet_push(piece, MN_IPV6_FRAGMENT_HEADER), &fragment);
        mn_ipv6_write_header(piece, &part);
        mn_ip_count(ip, MNET_COUNT_FRAG_TX);
    }
    return 0;
}

MN_RARE uint16_t mn_ipv6_find_path_mtu(struct mn_ip *ip, uint8_t protocol, const struct mnet_address *destination,
                                       const struct mnet_address *next_hop)
{
    if (protocol == MN_PROTOCOL_ICMPV6 && !mn_ipv6_equal(next_hop, destination))
        return MN_IPV6_MTU_MIN;
    return MN_MIN(ip->v6.parameters.mtu, mn_ip_path_mtu(ip, *destination));
}

MN_RARE uint16_t mn_ipv6_waiting_mtu(struct mn_ip *ip, const struct mnet_packet *packet,
                                     const struct mnet_address *next_hop)
{
    struct mn_ipv6 header;
    enum mn_parse result = mn_ipv6_parse(packet->data, packet->len, packet->total, &header);
    MN_ASSERT(result == MN_PARSE_OK); /* we wrote it */
    if (header.next_header == MN_PROTOCOL_TCP)
        return ip->v6.parameters.mtu;
    return mn_ipv6_find_path_mtu(ip, header.next_header, &header.destination, next_hop);
}

MN_RARE void mn_ipv6_cut_waiting(struct mn_ip *ip, struct mnet_packet *packet, uint16_t mtu,
                                 struct mn_packet_queue *fragments)
{
    struct mn_ipv6 header;
    enum mn_parse result = mn_ipv6_parse(packet->data, packet->len, packet->total, &header);
    MN_ASSERT(result == MN_PARSE_OK); /* we wrote it */
    mnet_packet_pull(packet, MN_IPV6_HEADER);
    mn_ipv6_cut(ip, packet, &header, mtu, fragments); /* which counts drops */
}
