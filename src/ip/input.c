/* Received frames, up to the network protocol that they carry; packets sent to ourselves. */
#include "base/check.h"
#include "ip/repeat.h"
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
    struct mn_arrival arrival = {.packet = *packet, .now = now, .not_unicast = group, .overheard = !mn_ip_answers(ip)};
    enum mn_ip_verdict verdict = ipv4 ? mn_ipv4_input(ip, &arrival, datagram, error)
                                      : mn_ipv6_input(ip, &arrival, datagram, error);
    *packet = verdict == MN_IP_CONSUMED ? NULL : arrival.packet;
    return verdict;
}

void mn_ip_check_repeat_input(struct mn_ip *ip, const struct mnet_packet *frame)
{
    const struct mn_datagram *last = &ip->repeat_input.datagram;
    struct mnet_packet packet = *frame; /* without its Ethernet header */
    struct mn_datagram judged;
    struct mn_ethernet ethernet;
    bool ipv4 = last->header_len == MN_IPV4_HEADER;
    MN_ASSERT(mn_ethernet_parse(packet.data, packet.len, &ethernet) == MN_PARSE_OK);
    MN_ASSERT(mn_mac_equal(ethernet.destination, ip->mac));
    MN_ASSERT(ethernet.type == (ipv4 ? MN_ETHERTYPE_IPV4 : MN_ETHERTYPE_IPV6) && (ipv4 || ip->v6.on));
    packet.data += MN_ETHERNET_HEADER;
    packet.len -= MN_ETHERNET_HEADER;
    packet.total -= MN_ETHERNET_HEADER;
    MN_ASSERT(ipv4 ? mn_ipv4_judge_usual(ip, &packet, &judged) : mn_ipv6_judge_usual(ip, &packet, &judged));
    MN_ASSERT(mn_address_equal(&judged.source, &last->source) && judged.protocol == last->protocol);
    MN_ASSERT(mn_address_equal(&judged.destination, &last->destination) && judged.header_len == last->header_len);
    MN_ASSERT(judged.ttl == last->ttl && judged.traffic_class == last->traffic_class);
    MN_ASSERT(judged.dont_fragment == last->dont_fragment && !judged.not_unicast && !last->not_unicast);
}

const struct mn_datagram *mn_ip_input_repeat(struct mn_ip *ip, struct mnet_packet *packet)
{
    if (!mn_ip_is_repeat(ip, packet))
        return NULL;
    MN_CHECK(mn_ip_check_repeat_input(ip, packet));
    return mn_ip_take_repeat(ip, packet);
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
