/* Fragments out (RFC 791 3.2), and the identification that holds them together. */
#include "ip/v4/internal.h"

/* No number comes twice within 65536 (RFC 6864 4.3), none tells the next one or how many were used (RFC 7739). */
uint16_t mn_ipv4_next_identification(struct mn_ip *ip)
{
    struct mn_ip_identification *identification = &ip->identification;
    if (identification->used == 65536) {
        mn_random_bytes(ip->random, &identification->key, sizeof identification->key);
        identification->used = 0;
    }
    return (uint16_t)mn_ip_permute(&identification->key, identification->used++, 8);
}

MN_RARE int mn_ipv4_send_fragments(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_ipv4 *header,
                                   const struct mn_ip_way *way, uint64_t now)
{
    uint32_t step = (way->mtu - (uint32_t)MN_IPV4_HEADER) & ~7u; /* offsets are counted in units of eight bytes */
    uint32_t total = packet->total;
    struct mn_packet_queue pieces;
    int result = mn_ip_cut(ip, packet, header->protocol, step, &pieces);
    if (result != 0)
        return result;
    struct mn_ipv4 part = *header;
    part.identification = mn_ipv4_next_identification(ip);
    uint32_t at = 0;
    for (struct mnet_packet *piece; (piece = mn_packet_queue_take(&pieces)) != NULL; at += step) {
        part.fragment_offset = (uint16_t)at;
        part.more_fragments = at + step < total;
        mn_ipv4_send(ip, piece, &part, way, now);
        mn_ip_count(ip, MNET_COUNT_FRAG_TX);
    }
    return 0;
}

MN_RARE void mn_ipv4_send_waiting_fragments(struct mn_ip *ip, struct mnet_packet *packet, struct mnet_address next_hop,
                                            uint64_t now)
{
    const struct mn_ip_way way = {.kind = MN_IP_WAY_NEIGHBOUR, .ipv4 = true, .mtu = ip->mtu, .next_hop = next_hop};
    struct mn_ipv4 header;
    enum mn_parse result = mn_ipv4_parse(packet->data, packet->len, packet->total, &header);
    MN_ASSERT(result == MN_PARSE_OK);        /* we wrote it */
    ip->counters->value[MNET_COUNT_IP_TX]--; /* which counted it whole */
    mnet_packet_pull(packet, header.header_len);
    mn_ipv4_send_fragments(ip, packet, &header, &way, now); /* counts what it cannot send */
}
