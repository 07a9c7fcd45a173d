/* The input of ARP (RFC 826, RFC 5227): it answers requests and learns link addresses.
 *
 * Any ARP packet may confirm or change an entry that exists (RFC 826). Only a request for our own
 * address makes a new entry, because its sender is about to get packets from us. Unsolicited
 * answers make none. A request for our address is answered even if its sender is in another
 * network, which RFC 826 does not check. But the table does not learn a sender that is on the link
 * by no route, because no packet would ever go there.
 */
#include "wire/arp.h"

#include "ip/v4/internal.h"

/* Returns true if a host can have sent `arp`. Its link address must be unicast. Its IP address must
 * be unspecified (a probe), or a host's, and not that of our network, which old hosts take for a
 * broadcast (RFC 1122 3.3.6). */
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
    return mn_ipv4_is_host(sender) && !mn_ip_is_broadcast_value(ip, sender) &&
           (own->broadcast == 0 || sender != own->network);
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

/* Merges the sender into the table; false if it has no place there. */
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

/* RFC 826: merges into the table, and then answers a request. */
static void receive(struct mn_ip *ip, const struct mn_arp *arp, uint64_t now)
{
    bool asks_us = arp->operation == MN_ARP_REQUEST && mn_ip_is_own_value(ip, arp->target_ip);
    if (arp->sender_ip != 0 && !merge(ip, arp, asks_us, now) && !asks_us)
        mn_ip_count(ip, MNET_COUNT_ARP_DROP_INVALID);
    if (asks_us && mn_ip_answers(ip))
        (void)mn_arp_send(ip, arp->sender_mac, MN_ARP_REPLY, arp->sender_mac, arp->target_ip, arp->sender_ip);
}

MN_RARE void mn_arp_input(struct mn_ip *ip, struct mnet_packet *packet, uint64_t now)
{
    struct mn_arp arp;
    mn_ip_count(ip, MNET_COUNT_ARP_RX);
    if (mn_arp_parse(packet->data, packet->len, &arp) != MN_PARSE_OK || !is_plausible(ip, &arp))
        mn_ip_count(ip, MNET_COUNT_ARP_DROP_INVALID);
    else if (is_conflict(ip, &arp))
        mn_ip_address_note_conflict(ip, &ip->own[MN_OWN_IPV4], arp.sender_mac, now);
    else
        receive(ip, &arp, now);
    mnet_packet_free(packet);
}
