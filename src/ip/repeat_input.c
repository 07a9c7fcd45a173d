/* The received packet that is like the last one.
 *
 * Theory of operation. The headers of Ethernet and IP hardly differ among packets between the same
 * two hosts (wire/alike.h). So those of a usual packet (take_usual in v4/input.c and v6/input.c)
 * are kept, with the datagram that was read off them. A frame with the same headers has the same
 * datagram, and passes the same checks, as long as the own addresses are the same. Its length and
 * its checksum are checked. Debug builds judge each such header in the usual way, too.
 */
#include "base/checksum.h"
#include "ip/repeat.h"
#include "wire/alike.h"

MN_APART void mn_ip_remember_input(struct mn_ip *ip, const uint8_t *frame, const struct mn_datagram *datagram)
{
    struct mn_ip_repeat_input *last = &ip->repeat_input;
    if (ip->spread.queues > 1)
        return; /* the ports tell which queue has the flow, and they may be others next time */
    bool ipv4 = datagram->header_len == MN_IPV4_HEADER;
    last->len = ipv4 ? MN_ALIKE_IPV4 : MN_ALIKE_IPV6;
    last->changes = ip->changes;
    last->datagram = *datagram;
    memcpy(last->headers, frame, last->len);
    if (ipv4)
        last->sum = mn_sum_add(mn_sum_header(frame + MN_ETHERNET_HEADER, MN_IPV4_HEADER),
                               mn_sum_negate(mn_alike_ipv4_rest(frame)));
}

bool mn_ip_is_repeat(const struct mn_ip *ip, const struct mnet_packet *packet)
{
    const struct mn_ip_repeat_input *last = &ip->repeat_input;
    const uint8_t *frame = packet->data;
    if (packet->len < last->len || last->changes != ip->changes)
        return false;
    if (MN_UNLIKELY(last->len != MN_ALIKE_IPV4))
        return last->len != 0 && mn_alike_ipv6(frame, last->headers) && mn_alike_ipv6_len(frame) == packet->total;
    return mn_alike_ipv4(frame, last->headers) && mn_alike_ipv4_len(frame) == packet->total &&
           mn_checksum(mn_sum_add(last->sum, mn_alike_ipv4_rest(frame))) == 0;
}

const struct mn_datagram *mn_ip_take_repeat(struct mn_ip *ip, struct mnet_packet *packet)
{
    struct mn_ip_repeat_input *last = &ip->repeat_input;
    if (MN_UNLIKELY(last->len != MN_ALIKE_IPV4))
        last->datagram.flow_label = mn_alike_ipv6_label(packet->data);
    mn_ip_count(ip, MNET_COUNT_IP_RX);
    mnet_packet_pull(packet, last->len);
    if (MN_UNLIKELY(packet->checksum == MNET_CHECKSUM_PARTIAL)) /* as in mn_ipv4_input */
        packet->checksum = MNET_CHECKSUM_VERIFIED;
    return &last->datagram;
}
