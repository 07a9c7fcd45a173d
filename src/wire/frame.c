#include "wire/frame.h"

#include "base/checksum.h"

#define IP_CHECKSUM_AT 10

/* The fields of two IP headers that one can say for both: version, DSCP and ECN, and of IPv4 DF and
 * TTL, of IPv6 the flow label and the hop limit. */
static bool same_network(const struct mn_frame *a, const struct mn_frame *b)
{
    const uint8_t *ip = a->network, *other = b->network;
    if (MN_UNLIKELY(a->ipv6))
        return memcmp(ip, other, 4) == 0 && ip[7] == other[7];
    return memcmp(ip, other, 2) == 0 && memcmp(ip + 6, other + 6, 2) == 0 && ip[8] == other[8];
}

bool mn_frame_same_headers(const struct mn_frame *a, const struct mn_frame *b)
{
    const uint8_t *ip = a->network, *other_ip = b->network, *tcp = a->transport, *other_tcp = b->transport;
    /* acknowledgement; window; urgent pointer; stations */
    if (a->transport_len != b->transport_len || !same_network(a, b) || memcmp(tcp + 8, other_tcp + 8, 4) != 0 ||
        memcmp(tcp + 14, other_tcp + 14, 2) != 0 || memcmp(tcp + 18, other_tcp + 18, 2) != 0 ||
        memcmp(ip - MN_ETHERNET_HEADER, other_ip - MN_ETHERNET_HEADER, MN_ETHERNET_HEADER) != 0)
        return false;
    size_t options_len = a->transport_len - (size_t)MN_TCP_HEADER;
    return options_len == 0 || memcmp(tcp + MN_TCP_HEADER, other_tcp + MN_TCP_HEADER, options_len) == 0;
}

void mn_frame_set_packet_len(struct mn_frame *f, uint16_t len)
{
    if (f->ipv6) {
        MN_ASSERT(len >= MN_IPV6_HEADER);
        mn_ipv6_set_payload_len(f->network, (uint16_t)(len - MN_IPV6_HEADER));
        return;
    }
    mn_store_u16(f->network + 2, len);
    memset(f->network + IP_CHECKSUM_AT, 0, 2);
    uint16_t checksum = mn_checksum(mn_frame_sum_network(f));
    memcpy(f->network + IP_CHECKSUM_AT, &checksum, sizeof checksum);
}

void mn_frame_cut(struct mn_frame *f, const struct mn_frame_cut *cut, uint64_t pseudo_sum)
{
    uint16_t segment_len = (uint16_t)(f->transport_len + cut->payload);
    if (!f->ipv6)
        mn_store_u16(f->network + 4, cut->identification);
    mn_frame_set_packet_len(f, (uint16_t)(f->network_len + segment_len));
    mn_store_u32(f->transport + 4, cut->sequence);
    f->transport[13] &= (uint8_t)~cut->flags_off;
    uint16_t pseudo = mn_sum_fold(mn_sum_add(pseudo_sum, mn_sum_u16(segment_len)));
    memcpy(f->transport + MN_TCP_CHECKSUM_AT, &pseudo, sizeof pseudo);
}
