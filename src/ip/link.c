/* IP packets on their way, at the link: round to the host itself, to a group, or to a neighbour. */
#include "ip/v4/internal.h"
#include "ip/v6/internal.h"

bool mn_ip_check_room(struct mn_ip *ip, enum mn_ip_way_kind way)
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
static MN_RARE struct mnet_packet *make_frame_elsewhere(struct mn_ip *ip, struct mnet_packet *packet,
                                                        const struct mn_ip_way *way)
{
    MN_DEBUG_ASSERT(way->kind == MN_IP_WAY_LOOPBACK || way->kind == MN_IP_WAY_GROUP);
    if (way->kind == MN_IP_WAY_LOOPBACK) {
        mn_packet_queue_put(&ip->loopback, packet);
        return NULL;
    }
    bool everybody = !mn_address_is_multicast(&way->next_hop);
    struct mn_mac group = everybody ? mn_mac_broadcast : mn_mac_of_group(&way->next_hop);
    return mn_ip_write_frame(ip, packet, &group, way->ipv4 ? MN_ETHERTYPE_IPV4 : MN_ETHERTYPE_IPV6);
}

struct mnet_packet *mn_ip_make_frame(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_ip_way *way,
                                     uint64_t now)
{
    MN_DEBUG_ASSERT(way->kind == MN_IP_WAY_LOOPBACK || mn_address_is_ipv4(&way->next_hop) == way->ipv4);
    MN_DEBUG_ASSERT(packet->next == NULL && packet->more == NULL);
    mn_ip_count(ip, MNET_COUNT_IP_TX);
    if (MN_UNLIKELY(way->kind != MN_IP_WAY_NEIGHBOUR))
        return make_frame_elsewhere(ip, packet, way);
    struct mn_neighbour *neighbour = mn_neighbour_find(&ip->neighbours, way->next_hop);
    if (MN_UNLIKELY(neighbour == NULL || neighbour->state != MN_NEIGHBOUR_REACHABLE)) {
        const struct mn_neighbour_protocol *protocol = way->ipv4 ? &mn_arp_protocol : &mn_nd_protocol;
        neighbour = mn_ip_ask_first(ip, neighbour, way, protocol, packet, now);
        if (neighbour == NULL)
            return NULL;
    }
    mn_neighbour_use(&ip->neighbours, neighbour);
    MN_DEBUG_ASSERT(!mn_mac_is_group(neighbour->mac));
    return mn_ip_write_frame(ip, packet, &neighbour->mac, neighbour->protocol->ethertype);
}
