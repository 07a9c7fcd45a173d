/* What leaves: frames, and the room in the queues for them. */
#include "ip/internal.h"

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
