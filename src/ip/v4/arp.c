/* ARP (RFC 826, RFC 5227): asking for the link addresses of neighbours, answering, and learning from
 * what others say. When to ask is the business of neighbour_states.c: three broadcast requests, a second
 * apart (RFC 1122 2.3.2.1), for a neighbour that is not known; requests to the station alone to confirm
 * what is known (RFC 1122 2.3.2.1 (2)).
 *
 * Believed is what RFC 826 merges: any ARP packet may confirm or change an entry that is there. A new
 * entry comes only of a request for our own address, whose sender we are about to talk to anyway. Answers
 * that nobody asked for make none. A request for our address is answered from whatever network its sender
 * speaks (RFC 826 asks about none), but nothing is learnt of a sender that no route finds on the link: no
 * packet would ever go there.
 */
#include "wire/arp.h"

#include "ip/v4/internal.h"

bool mn_arp_send(struct mn_ip *ip, struct mn_mac to, uint16_t operation, struct mn_mac target_mac, uint32_t sender_ip,
                 uint32_t target_ip)
{
    if (!mn_ip_may_speak(ip)) {
        mn_ip_count(ip, MNET_COUNT_TX_DROP_QUEUE);
        return false;
    }
    struct mnet_packet *packet = mnet_packet_alloc(ip->memory);
    if (packet == NULL) {
        mn_ip_count(ip, MNET_COUNT_TX_DROP_MEMORY);
        return false;
    }
    mn_arp_emit(mnet_packet_put(packet, MN_ARP_PACKET), &(struct mn_arp){
                                                            .operation = operation,
                                                            .sender_mac = ip->mac,
                                                            .sender_ip = sender_ip,
                                                            .target_mac = target_mac,
                                                            .target_ip = target_ip,
                                                        });
    mn_ip_send_frame(ip, packet, &to, MN_ETHERTYPE_ARP);
    return true;
}

/* Asks the station `alone`, or everybody on the link (NULL), for the link address of `neighbour`. */
static bool ask(struct mn_ip *ip, struct mnet_address neighbour, const struct mn_mac *alone)
{
    struct mn_mac to = alone != NULL ? *alone : mn_mac_broadcast;
    uint32_t own = ip->own[MN_OWN_IPV4].v4.address;
    return mn_arp_send(ip, to, MN_ARP_REQUEST, (struct mn_mac){{0}}, own, mnet_address_to_ipv4(neighbour));
}

const struct mn_neighbour_protocol mn_arp_protocol = {
    .ask = ask,
    .send_in_fragments = mn_ipv4_send_waiting_fragments,
    .ethertype = MN_ETHERTYPE_IPV4,
    .requests_max = 3,
    .request_interval_ns = MNET_SECOND,
    .reachable_ns = 30 * MNET_SECOND,
    .stale_ns = 600 * MNET_SECOND,
    .failed_ns = MNET_SECOND,
};

/* Whether a station may say `arp` at all: a unicast link address, and as its address none (a probe) or one that a host
 * can have: not that of our network itself, which old hosts took for a broadcast (RFC 1122 3.3.6). */
static bool is_plausible(const struct mn_ip *ip, const struct mn_arp *arp)
{
    static const struct mn_mac none = {{0}};
    if (mn_mac_is_group(arp->sender_mac) || mn_mac_equal(arp->sender_mac, none) ||
        mn_mac_equal(arp->sender_mac, ip->mac))
        return false;
    const struct mn_own_ipv4 *own = &ip->own[MN_OWN_IPV4].v4;
    uint32_t sender = arp->sender_ip;
    if (sender == 0)
        return arp->operation == MN_ARP_REQUEST;
    return !mn_ipv4_is_this_network(sender) && !mn_ipv4_is_loopback(sender) && !mn_ipv4_is_multicast(sender) &&
           !mn_ip_is_broadcast_value(ip, sender) && (own->broadcast == 0 || sender != own->network);
}

/* RFC 5227 2.1.1 and 2.4: another station has the own address, or probes for it while we do. */
static bool is_conflict(const struct mn_ip *ip, const struct mn_arp *arp)
{
    const struct mn_own_address *own = &ip->own[MN_OWN_IPV4];
    if (own->state != MN_IP_ADDRESS_PROBING && own->state != MN_IP_ADDRESS_OURS)
        return false;
    return arp->sender_ip == own->v4.address ||
           (own->state == MN_IP_ADDRESS_PROBING && arp->sender_ip == 0 && arp->target_ip == own->v4.address);
}

/* Merges the sender into the table; false where it has no place there. */
static bool merge(struct mn_ip *ip, const struct mn_arp *arp, bool asks_us, uint64_t now)
{
    struct mnet_address sender = mnet_address_from_ipv4(arp->sender_ip);
    if (!mn_routes_on_link(&ip->routes, sender))
        return false;
    struct mn_neighbour *neighbour = mn_neighbour_find(&ip->neighbours, sender);
    if (neighbour == NULL && asks_us)
        neighbour = mn_ip_create_neighbour(ip, sender, &mn_arp_protocol);
    if (neighbour != NULL)
        mn_ip_confirm(ip, neighbour, arp->sender_mac, now);
    return neighbour != NULL || arp->operation == MN_ARP_REQUEST;
}

/* RFC 826: merge into the table, then answer what was asked of us. */
static void receive(struct mn_ip *ip, const struct mn_arp *arp, uint64_t now)
{
    bool asks_us = arp->operation == MN_ARP_REQUEST && mn_ip_is_own_value(ip, arp->target_ip);
    if (arp->sender_ip != 0 && !merge(ip, arp, asks_us, now) && !asks_us)
        mn_ip_count(ip, MNET_COUNT_ARP_DROP_INVALID);
    if (asks_us)
        (void)mn_arp_send(ip, arp->sender_mac, MN_ARP_REPLY, arp->sender_mac, arp->target_ip, arp->sender_ip);
}

MN_RARE void mn_arp_input(struct mn_ip *ip, struct mnet_packet *packet, uint64_t now)
{
    struct mn_arp arp;
    mn_ip_count(ip, MNET_COUNT_ARP_RX);
    if (mn_arp_parse(packet->data, packet->len, &arp) != MN_PARSE_OK || !is_plausible(ip, &arp))
        mn_ip_count(ip, MNET_COUNT_ARP_DROP_INVALID);
    else if (is_conflict(ip, &arp))
        mn_ip_address_conflict(ip, &ip->own[MN_OWN_IPV4], arp.sender_mac, now);
    else
        receive(ip, &arp, now);
    mnet_packet_free(packet);
}
