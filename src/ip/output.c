/* What leaves: the path that a transport may count on, frames, and the room in the queues for them. */
#include "ip/v4/internal.h"

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

int mn_ip_path(const struct mn_ip *ip, struct mnet_address destination, struct mn_ip_path *path)
{
    struct mn_ip_way way;
    if (!mnet_address_is_ipv4(destination))
        return MNET_E_UNREACHABLE;
    int result = mn_ip_find_way(ip, mnet_address_to_ipv4(destination), &way);
    if (result != 0)
        return result;
    path->source = mnet_address_from_ipv4(way.source);
    path->loopback = way.kind == MN_IP_WAY_LOOPBACK;
    path->mtu = path->loopback ? UINT16_MAX : ip->mtu;
    return 0;
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
