/* The states of a neighbour and what leads from one to another (RFC 4861 7.3), for every protocol that
 * asks for link addresses. The states are described in neighbour.h; how to ask, how often, and how long
 * an answer holds is in the protocol's const table (struct mn_neighbour_protocol).
 *
 * A packet for an unknown neighbour waits while everybody is asked. Without an answer those who waited,
 * and nobody else, are told; for a while more the neighbour is known not to answer. What is known is
 * confirmed, after some time of use, by requests to the station alone, while packets keep going to the
 * old address; if all stay unanswered the entry is removed, and the next packet asks everybody again.
 * RFC 4861 waits five seconds in DELAY before it asks the station, for a word of the transport; ARP does
 * not, so there is no such state.
 */
#include "base/list.h"
#include "ip/v4/internal.h"

/* A request that found no memory was not made: silence says nothing about the neighbour. */
static void send_request(struct mn_ip *ip, struct mn_neighbour *neighbour)
{
    const struct mn_mac *alone = neighbour->state == MN_NEIGHBOUR_PROBE ? &neighbour->mac : NULL;
    neighbour->requests += neighbour->protocol->ask(ip, neighbour->address, alone);
}

/* Begins INCOMPLETE or PROBE with the first request. */
static void start_asking(struct mn_ip *ip, struct mn_neighbour *neighbour, enum mn_neighbour_state state, uint64_t now)
{
    neighbour->requests = 0;
    mn_neighbour_set(&ip->neighbours, neighbour, state, now + neighbour->protocol->request_interval_ns);
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

/* The protocol of the address's family. */
static const struct mn_neighbour_protocol *protocol_for(struct mnet_address address)
{
    MN_ASSERT(mnet_address_is_ipv4(address));
    return &mn_arp_protocol;
}

struct mn_neighbour *mn_ip_create_neighbour(struct mn_ip *ip, struct mnet_address address,
                                            const struct mn_neighbour_protocol *protocol)
{
    bool gateway = mn_routes_is_gateway(&ip->routes, address);
    struct mn_neighbour *neighbour = mn_neighbour_create(&ip->neighbours, address, gateway);
    if (neighbour != NULL)
        neighbour->protocol = protocol;
    return neighbour;
}

/* Where the neighbour is not known (NULL), or was asked for or not for too long: it again, if `packet` may go; else
 * NULL, and the packet is owned from here on. */
static MN_RARE struct mn_neighbour *ask_first(struct mn_ip *ip, struct mn_neighbour *neighbour,
                                              struct mnet_address next_hop, struct mnet_packet *packet, uint64_t now)
{
    if (neighbour == NULL) {
        neighbour = mn_ip_create_neighbour(ip, next_hop, protocol_for(next_hop));
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

MN_RARE bool mn_ip_is_resolved(struct mn_ip *ip, struct mnet_address next_hop)
{
    const struct mn_neighbour *neighbour = mn_neighbour_find(&ip->neighbours, next_hop);
    return neighbour != NULL && neighbour->state != MN_NEIGHBOUR_INCOMPLETE && neighbour->state != MN_NEIGHBOUR_FAILED;
}

void mn_ip_resolve(struct mn_ip *ip, struct mnet_packet *packet, struct mnet_address next_hop, uint64_t now)
{
    struct mn_neighbour *neighbour = mn_neighbour_find(&ip->neighbours, next_hop);
    if (MN_UNLIKELY(neighbour == NULL || neighbour->state != MN_NEIGHBOUR_REACHABLE))
        neighbour = ask_first(ip, neighbour, next_hop, packet, now);
    if (MN_UNLIKELY(neighbour == NULL))
        return;
    mn_neighbour_use(&ip->neighbours, neighbour);
    mn_ip_send_frame(ip, packet, &neighbour->mac, neighbour->protocol->ethertype);
}

MN_RARE void mn_ip_doubt(struct mn_ip *ip, struct mnet_address next_hop, uint64_t now)
{
    struct mn_neighbour *neighbour = mn_neighbour_find(&ip->neighbours, next_hop);
    if (neighbour != NULL && neighbour->state == MN_NEIGHBOUR_REACHABLE)
        start_asking(ip, neighbour, MN_NEIGHBOUR_PROBE, now);
}

/* The last request went unanswered, too. */
static void asked_in_vain(struct mn_ip *ip, struct mn_neighbour *neighbour, uint64_t now)
{
    if (neighbour->state == MN_NEIGHBOUR_PROBE) {
        mn_neighbour_remove(&ip->neighbours, neighbour);
        return;
    }
    for (struct mnet_packet *packet; (packet = mn_neighbour_take(&ip->neighbours, neighbour)) != NULL;)
        give_up(ip, packet);
    mn_neighbour_set(&ip->neighbours, neighbour, MN_NEIGHBOUR_FAILED, now + neighbour->protocol->failed_ns);
}

void mn_ip_neighbour_timer(struct mn_ip *ip, struct mn_timer *timer, uint64_t now)
{
    struct mn_neighbour *neighbour = MN_CONTAINER(timer, struct mn_neighbour, timer);
    switch ((enum mn_neighbour_state)neighbour->state) {
    case MN_NEIGHBOUR_INCOMPLETE:
    case MN_NEIGHBOUR_PROBE:
        if (neighbour->requests == neighbour->protocol->requests_max) {
            asked_in_vain(ip, neighbour, now);
        } else {
            mn_neighbour_set(&ip->neighbours, neighbour, neighbour->state,
                             now + neighbour->protocol->request_interval_ns);
            send_request(ip, neighbour);
        }
        break;
    case MN_NEIGHBOUR_REACHABLE:
        if (neighbour->used)
            start_asking(ip, neighbour, MN_NEIGHBOUR_PROBE, now);
        else
            mn_neighbour_set(&ip->neighbours, neighbour, MN_NEIGHBOUR_STALE, now + neighbour->protocol->stale_ns);
        break;
    case MN_NEIGHBOUR_STALE:
    case MN_NEIGHBOUR_FAILED: mn_neighbour_remove(&ip->neighbours, neighbour); break;
    }
}

/* One who waits keeps its packets, and is asked for as often again. */
static void ask_again(struct mn_ip *ip, struct mn_neighbour *neighbour, uint64_t now)
{
    if (neighbour->state == MN_NEIGHBOUR_FAILED)
        mn_neighbour_remove(&ip->neighbours, neighbour);
    else
        start_asking(ip, neighbour, MN_NEIGHBOUR_INCOMPLETE, now);
}

MN_RARE void mn_ip_neighbours_link_up(struct mn_ip *ip, uint64_t now)
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

void mn_ip_confirm(struct mn_ip *ip, struct mn_neighbour *neighbour, struct mn_mac mac, uint64_t now)
{
    neighbour->mac = mac;
    neighbour->used = false;
    mn_neighbour_set(&ip->neighbours, neighbour, MN_NEIGHBOUR_REACHABLE, now + neighbour->protocol->reachable_ns);
    for (struct mnet_packet *packet; (packet = mn_neighbour_take(&ip->neighbours, neighbour)) != NULL;) {
        mn_neighbour_use(&ip->neighbours, neighbour);
        if (packet->total > ip->mtu && packet->gso == MNET_GSO_NONE)
            neighbour->protocol->send_in_fragments(ip, packet, neighbour->address, now);
        else
            mn_ip_send_frame(ip, packet, &neighbour->mac, neighbour->protocol->ethertype);
    }
}
