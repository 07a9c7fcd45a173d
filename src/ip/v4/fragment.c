/* Fragments of packets on their way out (RFC 791 3.2), and the identification that holds them
 * together. */
#include "ip/v4/internal.h"

/* No number comes twice within 65536 (RFC 6864 4.3), none tells the next one or how many were used
 * (RFC 7739). */
uint16_t mn_ipv4_next_identification(struct mn_ip *ip)
{
    struct mn_ip_identification *identification = &ip->identification;
    if (identification->used == 65536) {
        mn_random_bytes(ip->random, &identification->key, sizeof identification->key);
        identification->used = 0;
    }
    return (uint16_t)mn_ip_permute(&identification->key, identification->used++, 8);
}

MN_RARE int mn_ipv4_cut(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_ipv4 *header, uint16_t mtu,
                        struct mn_packet_queue *fragments)
{
    uint32_t step = (mtu - (uint32_t)MN_IPV4_HEADER) & ~7u; /* offsets count eight bytes */
    uint32_t total = packet->total;
    int result = mn_ip_cut(ip, packet, header->protocol, step, fragments);
    if (result != 0)
        return result;
    struct mn_ipv4 part = *header;
    part.identification = mn_ipv4_next_identification(ip);
    uint32_t at = 0;
    for (struct mnet_packet *piece = fragments->first; piece != NULL; piece = piece->next, at += step) {
        part.fragment_offset = (uint16_t)at;
        part.more_fragments = at + step < total;
        mn_ipv4_write_header(piece, &part);
        mn_ip_count(ip, MNET_COUNT_FRAG_TX);
    }
    return 0;
}

MN_RARE void mn_ipv4_cut_waiting(struct mn_ip *ip, struct mnet_packet *packet, uint16_t mtu,
                                 struct mn_packet_queue *fragments)
{
    struct mn_ipv4 header;
    enum mn_parse result = mn_ipv4_parse(packet->data, packet->len, packet->total, &header);
    MN_ASSERT(result == MN_PARSE_OK); /* we wrote it */
    mnet_packet_pull(packet, header.header_len);
    mn_ipv4_cut(ip, packet, &header, mtu, fragments); /* it counts its drops */
}
