/* ARP (RFC 826, RFC 5227): finding, confirming and learning the link addresses of neighbours.
 *
 * A packet for an unknown neighbour waits while three broadcast requests go out, a second apart (RFC 1122 2.3.2.1).
 * Without an answer those who waited, and nobody else, are told; for a second more the neighbour is known not to
 * answer. What is known is confirmed after thirty seconds of use by requests sent to the station alone (RFC 1122
 * 2.3.2.1 (2)), while packets keep going to the old address; after three in vain the entry is removed, and the next
 * packet asks everybody again.
 *
 * Believed is what RFC 826 merges: any ARP packet may confirm or change an entry that is there. A new entry comes only
 * of a request for our own address, whose sender we are about to talk to anyway. Answers that nobody asked for make
 * none. Who asks for our address is answered from whatever network it speaks (RFC 826 asks about none), but of a sender
 * that no route finds on the link nothing is learnt: no packet would ever go there.
 */
#include "wire/arp.h"

#include "base/list.h"
#include "ip/v4/internal.h"

#define REQUEST_INTERVAL_NS MNET_SECOND
#define REQUESTS_MAX 3
#define REACHABLE_NS (30 * MNET_SECOND)
#define STALE_NS (600 * MNET_SECOND)
#define FAILED_NS MNET_SECOND

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

/* A request that found no memory was not made: silence says nothing about the neighbour. */
static void send_request(struct mn_ip *ip, struct mn_neighbour *neighbour)
{
    struct mn_mac to = neighbour->state == MN_NEIGHBOUR_PROBE ? neighbour->mac : mn_mac_broadcast;
    if (mn_arp_send(ip, to, MN_ARP_REQUEST, (struct mn_mac){{0}}, ip->own.address,
                    mnet_address_to_ipv4(neighbour->address)))
        neighbour->requests++;
}

/* Begins INCOMPLETE or PROBE with the first request. */
static void start_asking(struct mn_ip *ip, struct mn_neighbour *neighbour, enum mn_neighbour_state state, uint64_t now)
{
    neighbour->requests = 0;
    mn_neighbour_set(&ip->neighbours, neighbour, state, now + REQUEST_INTERVAL_NS);
    send_request(ip, neighbour);
}

/* Gives `packet` back to its transport. */
static void give_up(struct mn_ip *ip, struct mnet_packet *packet)
{
    mn_ip_count(ip, MNET_COUNT_ARP_DROP_UNRESOLVED);
    if (ip->failed.count < MN_IP_FAILED_MAX)
        mn_packet_queue_put(&ip->failed, packet);
    else
        mnet_packet_free(packet);
}

/* Where the neighbour is not known (NULL), or was asked for or not for too long: it again, if `packet` may go; else
 * NULL, and the packet is owned from here on. */
static MN_RARE struct mn_neighbour *ask_first(struct mn_ip *ip, struct mn_neighbour *neighbour, uint32_t next_hop,
                                              struct mnet_packet *packet, uint64_t now)
{
    if (neighbour == NULL) {
        neighbour = mn_neighbour_create(&ip->neighbours, mnet_address_from_ipv4(next_hop),
                                        mn_routes_is_gateway(&ip->routes, next_hop));
        if (neighbour == NULL) {
            mn_ip_drop(ip, packet, MNET_COUNT_ARP_DROP_TABLE);
            return NULL;
        }
        start_asking(ip, neighbour, MN_NEIGHBOUR_INCOMPLETE, now);
    }
    mn_neighbour_use(&ip->neighbours, neighbour); /* also where it is wanted in vain for now */
    switch ((enum mn_neighbour_state)neighbour->state) {
    case MN_NEIGHBOUR_INCOMPLETE: mn_neighbour_wait(&ip->neighbours, neighbour, packet); return NULL;
    case MN_NEIGHBOUR_FAILED: give_up(ip, packet); return NULL;
    case MN_NEIGHBOUR_STALE: start_asking(ip, neighbour, MN_NEIGHBOUR_PROBE, now); break;
    case MN_NEIGHBOUR_REACHABLE:
    case MN_NEIGHBOUR_PROBE: break;
    }
    return neighbour;
}

MN_RARE bool mn_ip_is_resolved(struct mn_ip *ip, uint32_t next_hop)
{
    const struct mn_neighbour *neighbour = mn_neighbour_find(&ip->neighbours, mnet_address_from_ipv4(next_hop));
    return neighbour != NULL && neighbour->state != MN_NEIGHBOUR_INCOMPLETE && neighbour->state != MN_NEIGHBOUR_FAILED;
}

void mn_ip_resolve(struct mn_ip *ip, struct mnet_packet *packet, uint32_t next_hop, uint64_t now)
{
    struct mn_neighbour *neighbour = mn_neighbour_find(&ip->neighbours, mnet_address_from_ipv4(next_hop));
    if (MN_UNLIKELY(neighbour == NULL || neighbour->state != MN_NEIGHBOUR_REACHABLE))
        neighbour = ask_first(ip, neighbour, next_hop, packet, now);
    if (MN_UNLIKELY(neighbour == NULL))
        return;
    mn_neighbour_use(&ip->neighbours, neighbour);
    mn_ip_send_frame(ip, packet, &neighbour->mac, MN_ETHERTYPE_IPV4);
}

MN_RARE void mn_ip_doubt(struct mn_ip *ip, uint32_t next_hop, uint64_t now)
{
    struct mn_neighbour *neighbour = mn_neighbour_find(&ip->neighbours, mnet_address_from_ipv4(next_hop));
    if (neighbour != NULL && neighbour->state == MN_NEIGHBOUR_REACHABLE)
        start_asking(ip, neighbour, MN_NEIGHBOUR_PROBE, now);
}

/* Three requests went unanswered. */
static void asked_in_vain(struct mn_ip *ip, struct mn_neighbour *neighbour, uint64_t now)
{
    if (neighbour->state == MN_NEIGHBOUR_PROBE) {
        mn_neighbour_remove(&ip->neighbours, neighbour);
        return;
    }
    for (struct mnet_packet *packet; (packet = mn_neighbour_take(&ip->neighbours, neighbour)) != NULL;)
        give_up(ip, packet);
    mn_neighbour_set(&ip->neighbours, neighbour, MN_NEIGHBOUR_FAILED, now + FAILED_NS);
}

void mn_ip_neighbour_timer(struct mn_ip *ip, struct mn_timer *timer, uint64_t now)
{
    struct mn_neighbour *neighbour = MN_CONTAINER(timer, struct mn_neighbour, timer);
    switch ((enum mn_neighbour_state)neighbour->state) {
    case MN_NEIGHBOUR_INCOMPLETE:
    case MN_NEIGHBOUR_PROBE:
        if (neighbour->requests == REQUESTS_MAX) {
            asked_in_vain(ip, neighbour, now);
        } else {
            mn_neighbour_set(&ip->neighbours, neighbour, neighbour->state, now + REQUEST_INTERVAL_NS);
            send_request(ip, neighbour);
        }
        break;
    case MN_NEIGHBOUR_REACHABLE:
        if (neighbour->used)
            start_asking(ip, neighbour, MN_NEIGHBOUR_PROBE, now);
        else
            mn_neighbour_set(&ip->neighbours, neighbour, MN_NEIGHBOUR_STALE, now + STALE_NS);
        break;
    case MN_NEIGHBOUR_STALE:
    case MN_NEIGHBOUR_FAILED: mn_neighbour_remove(&ip->neighbours, neighbour); break;
    }
}

/* One who waits keeps its packets, and is asked for three times more. */
static void ask_again(struct mn_ip *ip, struct mn_neighbour *neighbour, uint64_t now)
{
    if (neighbour->state == MN_NEIGHBOUR_FAILED)
        mn_neighbour_remove(&ip->neighbours, neighbour);
    else
        start_asking(ip, neighbour, MN_NEIGHBOUR_INCOMPLETE, now);
}

MN_RARE void mn_arp_link_up(struct mn_ip *ip, uint64_t now)
{
    struct mn_neighbours *table = &ip->neighbours;
    for (unsigned age = 0; age < MN_NEIGHBOUR_AGES; age++) {
        struct mnet_link *head = &table->ages[age], *node = mn_list_first(head), *next;
        for (; node != NULL && node != head; node = next) {
            struct mn_neighbour *neighbour = MN_CONTAINER(node, struct mn_neighbour, age);
            next = node->next;
            if (age == MN_NEIGHBOUR_AGE_UNRESOLVED)
                ask_again(ip, neighbour, now);
            else
                mn_neighbour_remove(table, neighbour);
        }
    }
}

/* The neighbour said where it is: what waited for that goes. */
static void confirm(struct mn_ip *ip, struct mn_neighbour *neighbour, struct mn_mac mac, uint64_t now)
{
    neighbour->mac = mac;
    neighbour->used = false;
    mn_neighbour_set(&ip->neighbours, neighbour, MN_NEIGHBOUR_REACHABLE, now + REACHABLE_NS);
    for (struct mnet_packet *packet; (packet = mn_neighbour_take(&ip->neighbours, neighbour)) != NULL;) {
        mn_neighbour_use(&ip->neighbours, neighbour);
        if (packet->total > ip->mtu && packet->gso == MNET_GSO_NONE)
            mn_ipv4_send_waiting_fragments(ip, packet, mnet_address_to_ipv4(neighbour->address), now);
        else
            mn_ip_send_frame(ip, packet, &neighbour->mac, MN_ETHERTYPE_IPV4);
    }
}

/* Whether a station may say `arp` at all: a unicast link address, and as its address none (a probe) or one that a host
 * can have: not that of our network itself, which old hosts took for a broadcast (RFC 1122 3.3.6). */
static bool is_plausible(const struct mn_ip *ip, const struct mn_arp *arp)
{
    static const struct mn_mac none = {{0}};
    if (mn_mac_is_group(arp->sender_mac) || mn_mac_equal(arp->sender_mac, none) ||
        mn_mac_equal(arp->sender_mac, ip->mac))
        return false;
    uint32_t sender = arp->sender_ip;
    if (sender == 0)
        return arp->operation == MN_ARP_REQUEST;
    return !mn_ipv4_is_this_network(sender) && !mn_ipv4_is_loopback(sender) && !mn_ipv4_is_multicast(sender) &&
           !mn_ip_is_broadcast_value(ip, sender) && (ip->own.broadcast == 0 || sender != ip->own.network);
}

/* RFC 5227 2.1.1 and 2.4: another station has the own address, or probes for it while we do. */
static bool is_conflict(const struct mn_ip *ip, const struct mn_arp *arp)
{
    if (ip->own.state != MN_IP_ADDRESS_PROBING && ip->own.state != MN_IP_ADDRESS_OURS)
        return false;
    return arp->sender_ip == ip->own.address ||
           (ip->own.state == MN_IP_ADDRESS_PROBING && arp->sender_ip == 0 && arp->target_ip == ip->own.address);
}

/* Merges the sender into the table; false where it has no place there. */
static bool merge(struct mn_ip *ip, const struct mn_arp *arp, bool asks_us, uint64_t now)
{
    struct mnet_address sender = mnet_address_from_ipv4(arp->sender_ip);
    if (!mn_routes_on_link(&ip->routes, arp->sender_ip))
        return false;
    struct mn_neighbour *neighbour = mn_neighbour_find(&ip->neighbours, sender);
    if (neighbour == NULL && asks_us)
        neighbour = mn_neighbour_create(&ip->neighbours, sender, mn_routes_is_gateway(&ip->routes, arp->sender_ip));
    if (neighbour != NULL)
        confirm(ip, neighbour, arp->sender_mac, now);
    return neighbour != NULL || arp->operation == MN_ARP_REQUEST;
}

/* RFC 826: merge into the table, then answer what was asked of us. */
static void receive(struct mn_ip *ip, const struct mn_arp *arp, uint64_t now)
{
    bool asks_us = arp->operation == MN_ARP_REQUEST && mn_ip_is_own_value(ip, arp->target_ip);
    if (arp->sender_ip != 0 && !merge(ip, arp, asks_us, now) && !asks_us)
        mn_ip_count(ip, MNET_COUNT_ARP_DROP_INVALID);
    if (asks_us)
        (void)mn_arp_send(ip, arp->sender_mac, MN_ARP_REPLY, arp->sender_mac, ip->own.address, arp->sender_ip);
}

MN_RARE void mn_arp_input(struct mn_ip *ip, struct mnet_packet *packet, uint64_t now)
{
    struct mn_arp arp;
    mn_ip_count(ip, MNET_COUNT_ARP_RX);
    if (mn_arp_parse(packet->data, packet->len, &arp) != MN_PARSE_OK || !is_plausible(ip, &arp))
        mn_ip_count(ip, MNET_COUNT_ARP_DROP_INVALID);
    else if (is_conflict(ip, &arp))
        mn_ip_address_conflict(ip, arp.sender_mac, now);
    else
        receive(ip, &arp, now);
    mnet_packet_free(packet);
}
