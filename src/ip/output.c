/* Packets of the transports on their way out, and the room in the queues for them. The headers, and
 * how a packet is cut into fragments, are per family.
 */
#include "ip/v4/internal.h"
#include "ip/v6/internal.h"
#include "wire/frame.h"

bool mn_ip_may_speak(const struct mn_ip *ip)
{
    return ip->transmit.count < MN_IP_TRANSMIT_OWN_MAX;
}

void mn_ip_send_frame(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_mac *to, uint16_t type)
{
    mn_ethernet_emit(mnet_packet_push(packet, MN_ETHERNET_HEADER),
                     &(struct mn_ethernet){.destination = *to, .source = ip->mac, .type = type});
    mn_packet_queue_put(&ip->transmit, packet);
}

bool mn_ip_has_room(struct mn_ip *ip, enum mn_ip_way_kind way)
{
    if (MN_UNLIKELY(way == MN_IP_WAY_LOOPBACK) && ip->loopback.count >= MN_IP_LOOPBACK_MAX) {
        mn_ip_count(ip, MNET_COUNT_IP_DROP_LOOPBACK);
        return false;
    }
    if (MN_UNLIKELY(ip->transmit.count >= MN_IP_TRANSMIT_MAX) && way != MN_IP_WAY_LOOPBACK) {
        mn_ip_count(ip, MNET_COUNT_TX_DROP_QUEUE);
        return false;
    }
    return true;
}

/* To the host itself, or to a group. */
static MN_RARE void send_elsewhere(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_ip_way *way)
{
    bool everybody = !mnet_address_is_multicast(way->next_hop);
    struct mn_mac group = everybody ? mn_mac_broadcast : mn_mac_of_group(&way->next_hop);
    if (way->kind == MN_IP_WAY_LOOPBACK)
        mn_packet_queue_put(&ip->loopback, packet);
    else
        mn_ip_send_frame(ip, packet, &group, way->ipv4 ? MN_ETHERTYPE_IPV4 : MN_ETHERTYPE_IPV6);
}

void mn_ip_send_on(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_ip_way *way, uint64_t now)
{
    mn_ip_count(ip, MNET_COUNT_IP_TX);
    if (MN_LIKELY(way->kind == MN_IP_WAY_NEIGHBOUR))
        mn_ip_resolve(ip, packet, way, now);
    else
        send_elsewhere(ip, packet, way);
}

/* The largest payload of an IP packet that `packet` becomes on the wire: a large one with gso is cut
 * by its device, or just above it, at the TCP header's end and every gso_size bytes. */
static uint32_t size_on_wire(const struct mnet_packet *packet)
{
    if (MN_LIKELY(packet->gso == MNET_GSO_NONE))
        return packet->total;
    MN_ASSERT(packet->len > 12);
    uint32_t tcp_header = mn_frame_tcp_header_len(packet->data);
    return MN_MIN(packet->total, tcp_header + packet->gso_size);
}

int mn_ip_output(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_datagram *datagram, uint64_t now)
{
    struct mn_ip_way way;
    int result = mn_ip_way_with_room(ip, datagram, &way);
    if (MN_UNLIKELY(result != 0)) {
        mnet_packet_free(packet);
        return result;
    }
    uint32_t header_len = way.ipv4 ? MN_IPV4_HEADER : MN_IPV6_HEADER;
    uint32_t payload_max = way.ipv4 ? MN_IPV4_PAYLOAD_MAX : MN_IPV6_PAYLOAD_MAX;
    bool fits = way.kind == MN_IP_WAY_LOOPBACK || header_len + size_on_wire(packet) <= way.mtu;
    bool whole_only = datagram->dont_fragment || packet->gso != MNET_GSO_NONE;
    if (MN_UNLIKELY(packet->total > payload_max || (!fits && whole_only))) {
        mn_ip_drop(ip, packet, MNET_COUNT_IP_DROP_TOO_BIG);
        return MNET_E_TOO_BIG;
    }
    way.confirmed = datagram->confirmed;
    if (MN_UNLIKELY(datagram->doubtful) && way.kind == MN_IP_WAY_NEIGHBOUR)
        mn_ip_doubt(ip, way.next_hop, now);
    bool cut = MN_UNLIKELY(!fits) && (way.kind != MN_IP_WAY_NEIGHBOUR || mn_ip_is_resolved(ip, way.next_hop));
    return way.ipv4 ? mn_ipv4_output(ip, packet, datagram, &way, cut, now)
                    : mn_ipv6_output(ip, packet, datagram, &way, cut, now);
}
