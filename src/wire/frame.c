#include "wire/frame.h"

#include "base/checksum.h"

#define IP_CHECKSUM_AT 10

bool mn_frame_same_headers(const struct mn_frame *a, const struct mn_frame *b)
{
    const uint8_t *ip = a->network, *other_ip = b->network, *tcp = a->transport, *other_tcp = b->transport;
    /* DSCP and ECN; DF and TTL; acknowledgement; window; urgent pointer; stations */
    if (a->transport_len != b->transport_len || ip[1] != other_ip[1] || memcmp(ip + 6, other_ip + 6, 2) != 0 ||
        ip[8] != other_ip[8] || memcmp(tcp + 8, other_tcp + 8, 4) != 0 || memcmp(tcp + 14, other_tcp + 14, 2) != 0 ||
        memcmp(tcp + 18, other_tcp + 18, 2) != 0 ||
        memcmp(ip - MN_ETHERNET_HEADER, other_ip - MN_ETHERNET_HEADER, MN_ETHERNET_HEADER) != 0)
        return false;
    size_t options_len = a->transport_len - (size_t)MN_TCP_HEADER;
    return options_len == 0 || memcmp(tcp + MN_TCP_HEADER, other_tcp + MN_TCP_HEADER, options_len) == 0;
}

void mn_frame_set_packet_len(struct mn_frame *f, uint16_t len)
{
    mn_store_u16(f->network + 2, len);
    memset(f->network + IP_CHECKSUM_AT, 0, 2);
    uint16_t checksum = mn_checksum(mn_frame_sum_network(f));
    memcpy(f->network + IP_CHECKSUM_AT, &checksum, sizeof checksum);
}

void mn_frame_cut(struct mn_frame *f, const struct mn_frame_cut *cut, uint64_t pseudo_sum)
{
    uint16_t segment_len = (uint16_t)(f->transport_len + cut->payload);
    mn_store_u16(f->network + 4, cut->identification);
    mn_frame_set_packet_len(f, (uint16_t)(f->network_len + segment_len));
    mn_store_u32(f->transport + 4, cut->sequence);
    f->transport[13] &= (uint8_t)~cut->flags_off;
    uint16_t pseudo = mn_sum_fold(mn_sum_add(pseudo_sum, mn_sum_u16(segment_len)));
    memcpy(f->transport + MN_TCP_CHECKSUM_AT, &pseudo, sizeof pseudo);
}
