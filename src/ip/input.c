/* Received frames, up to the network protocol that they carry; packets sent to ourselves. */
#include "ip/v4/internal.h"
#include "ip/v6/internal.h"

/* A frame that is not plain IP, from behind its Ethernet header. */
static MN_RARE enum mn_ip_verdict input_other(struct mn_ip *ip, const struct mn_ethernet *ethernet,
                                              struct mnet_packet **packet, uint64_t now, struct mn_datagram *datagram,
                                              struct mn_icmp_error *error)
{
    if (ethernet->type == MN_ETHERTYPE_ARP) {
        mn_arp_input(ip, *packet, now);
    } else {
        mnet_packet_push(*packet, MN_ETHERNET_HEADER);
        if (mn_ethernet_untag(*packet)) /* all of them, so this happens once */
            return mn_ip_input(ip, packet, now, datagram, error);
        mn_ip_drop(ip, *packet, MNET_COUNT_ETH_DROP_TYPE);
    }
    *packet = NULL;
    return MN_IP_CONSUMED;
}

enum mn_ip_verdict mn_ip_input(struct mn_ip *ip, struct mnet_packet **packet, uint64_t now,
                               struct mn_datagram *datagram, struct mn_icmp_error *error)
{
    struct mn_ethernet ethernet;
    if (mn_ethernet_parse((*packet)->data, (*packet)->len, &ethernet) != MN_PARSE_OK) {
        mn_ip_drop(ip, *packet, MNET_COUNT_ETH_DROP_RUNT);
        return MN_IP_CONSUMED;
    }
    bool group = mn_mac_is_group(ethernet.destination);
    if (!group && !mn_mac_equal(ethernet.destination, ip->mac)) {
        mn_ip_drop(ip, *packet, MNET_COUNT_ETH_DROP_NOT_FOR_US);
        return MN_IP_CONSUMED;
    }
    mnet_packet_pull(*packet, MN_ETHERNET_HEADER);
    bool ipv4 = ethernet.type == MN_ETHERTYPE_IPV4;
    if (MN_UNLIKELY(!ipv4 && (ethernet.type != MN_ETHERTYPE_IPV6 || !ip->v6.on)))
        return input_other(ip, &ethernet, packet, now, datagram, error);
    struct mn_arrival arrival = {.packet = *packet, .now = now, .not_unicast = group};
    enum mn_ip_verdict verdict = ipv4 ? mn_ipv4_input(ip, &arrival, datagram, error)
                                      : mn_ipv6_input(ip, &arrival, datagram, error);
    *packet = verdict == MN_IP_CONSUMED ? NULL : arrival.packet;
    return verdict;
}

bool mn_ip_take_looped(struct mn_ip *ip, uint64_t now, struct mnet_packet **packet, enum mn_ip_verdict *verdict,
                       struct mn_datagram *datagram, struct mn_icmp_error *error)
{
    struct mnet_packet *looped = mn_packet_queue_take(&ip->loopback);
    if (looped == NULL)
        return false;
    struct mn_arrival arrival = {.packet = looped, .now = now, .looped = true};
    looped->received_ns = now;
    bool ipv4 = mn_ip_version(looped->data) == 4;
    *verdict = ipv4 ? mn_ipv4_input(ip, &arrival, datagram, error) : mn_ipv6_input(ip, &arrival, datagram, error);
    *packet = *verdict == MN_IP_CONSUMED ? NULL : arrival.packet;
    return true;
}
