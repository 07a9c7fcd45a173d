/* The transitions between the states of a neighbour (RFC 4861 7.3), for both protocols that ask for
 * link addresses. neighbour.h describes the states. The const table of a protocol (struct
 * mn_neighbour_protocol) has its request, its intervals and its lifetimes.
 *
 * A packet for an unknown neighbour waits while all stations are asked. If none answers, the
 * packets that waited are reported to their transports. For failed_ns, further packets are reported
 * at once. A known address is confirmed, if it has been used for some time, by requests to that
 * station alone. Meanwhile packets are still sent to it. If the requests stay unanswered, the entry
 * is removed, and the next packet asks all stations again. If packets are sent to an IPv6 neighbour
 * and there is no other way, its old address is kept: packets are still sent to it, and all
 * stations are asked, less and less often (RFC 7048). There is at most one request in each
 * interval, for any reason (RFC 4861 7.3.3, RFC 1122 2.3.2.1).
 *
 * Neighbour discovery waits five seconds in DELAY, so that a transport can confirm the neighbour
 * before it is asked. ARP has no DELAY. A transport confirms with each packet (`confirmed` in
 * struct mn_datagram), but that has an effect only in STALE, DELAY, PROBE and UNREACHABLE.
 */
#include "base/list.h"
#include "ip/v6/internal.h"

/* Routers may advertise ReachableTime and RetransTimer (RFC 4861 6.3.4). */
static uint64_t reachable_ns(const struct mn_ip *ip, const struct mn_neighbour *neighbour)
{
    bool told = neighbour->protocol->timed_by_routers;
    return told ? ip->v6.parameters.reachable_ns : neighbour->protocol->reachable_ns;
}

static uint64_t request_interval_ns(const struct mn_ip *ip, const struct mn_neighbour *neighbour)
{
    bool told = neighbour->protocol->timed_by_routers;
    return told ? ip->v6.parameters.retrans_ns : neighbour->protocol->request_interval_ns;
}

#define BACKOFF_MULTIPLE 3 /* RFC 7048 4 */

/* Returns the time from the next request to an UNREACHABLE neighbour to the following one. */
static uint64_t backoff_ns(const struct mn_ip *ip, const struct mn_neighbour *neighbour)
{
    uint64_t interval = request_interval_ns(ip, neighbour), most = neighbour->protocol->interval_max_ns;
    for (unsigned sent = neighbour->protocol->requests_max; sent <= neighbour->requests && interval < most; sent++)
        interval *= BACKOFF_MULTIPLE;
    return MN_MIN(interval, most);
}

/* A request that finds no memory is not counted, because silence then says nothing about the
 * neighbour. */
static void send_request(struct mn_ip *ip, struct mn_neighbour *neighbour, uint64_t now)
{
    const struct mn_mac *alone = neighbour->state == MN_NEIGHBOUR_PROBE ? &neighbour->mac : NULL;
    if (!neighbour->protocol->ask(ip, neighbour->address, alone))
        return;
    neighbour->quiet_until_ns = mn_time_after(now, request_interval_ns(ip, neighbour));
    if (neighbour->requests < UINT8_MAX)
        neighbour->requests++;
}

/* Calls mn_neighbour_set, and reports the state of a router to the choice between routers. */
static void set_state(struct mn_ip *ip, struct mn_neighbour *neighbour, enum mn_neighbour_state state, uint64_t at_ns)
{
    mn_neighbour_set(&ip->neighbours, neighbour, state, at_ns);
    if (neighbour->gateway && neighbour->protocol == &mn_nd_protocol)
        mn_ipv6_note_router(ip, neighbour);
}

static void become_reachable(struct mn_ip *ip, struct mn_neighbour *neighbour, uint64_t now)
{
    neighbour->used = false;
    set_state(ip, neighbour, MN_NEIGHBOUR_REACHABLE, now + reachable_ns(ip, neighbour));
}

static void become_stale(struct mn_ip *ip, struct mn_neighbour *neighbour, uint64_t now)
{
    set_state(ip, neighbour, MN_NEIGHBOUR_STALE, now + neighbour->protocol->stale_ns);
}

/* Enters INCOMPLETE or PROBE with the first request, which may have to wait (ND-7.3.3-8). */
static void start_asking(struct mn_ip *ip, struct mn_neighbour *neighbour, enum mn_neighbour_state state, uint64_t now)
{
    neighbour->requests = 0;
    neighbour->used = false;
    if (now < neighbour->quiet_until_ns) {
        set_state(ip, neighbour, state, neighbour->quiet_until_ns);
        return;
    }
    set_state(ip, neighbour, state, now + request_interval_ns(ip, neighbour));
    send_request(ip, neighbour, now);
}

/* RFC 7048: packets are still sent to a neighbour that does not answer, and all stations are asked
 * for it. */
static void ask_less_often(struct mn_ip *ip, struct mn_neighbour *neighbour, uint64_t now)
{
    neighbour->used = false;
    set_state(ip, neighbour, MN_NEIGHBOUR_UNREACHABLE, now + backoff_ns(ip, neighbour));
    send_request(ip, neighbour, now);
}

/* A packet is sent to a neighbour whose address may be out of date. */
static void begin_doubt(struct mn_ip *ip, struct mn_neighbour *neighbour, uint64_t now)
{
    uint64_t delay_ns = neighbour->protocol->delay_ns;
    if (delay_ns == 0)
        start_asking(ip, neighbour, MN_NEIGHBOUR_PROBE, now);
    else
        set_state(ip, neighbour, MN_NEIGHBOUR_DELAY, now + delay_ns);
}

void mn_ip_give_up(struct mn_ip *ip, struct mnet_packet *packet)
{
    mn_ip_count(ip, MNET_COUNT_ARP_DROP_UNRESOLVED);
    if (ip->failed.count < MN_IP_FAILED_MAX)
        mn_packet_queue_put(&ip->failed, packet);
    else
        mnet_packet_free(packet);
}

struct mn_neighbour *mn_ip_create_neighbour(struct mn_ip *ip, struct mnet_address address,
                                            const struct mn_neighbour_protocol *protocol)
{
    struct mn_neighbour *neighbour = mn_neighbour_create(&ip->neighbours, address, mn_ip_is_gateway(ip, address));
    if (neighbour != NULL)
        neighbour->protocol = protocol;
    return neighbour;
}

MN_RARE struct mn_neighbour *mn_ip_ask_first(struct mn_ip *ip, struct mn_neighbour *neighbour,
                                             const struct mn_ip_way *way, const struct mn_neighbour_protocol *protocol,
                                             struct mnet_packet *packet, uint64_t now)
{
    if (neighbour == NULL) {
        neighbour = mn_ip_create_neighbour(ip, way->next_hop, protocol);
        if (neighbour == NULL) {
            mn_ip_drop(ip, packet, MNET_COUNT_ARP_DROP_TABLE);
            return NULL;
        }
        mn_neighbour_wait(&ip->neighbours, neighbour, packet); /* the request takes its source */
        start_asking(ip, neighbour, MN_NEIGHBOUR_INCOMPLETE, now);
        mn_neighbour_use(&ip->neighbours, neighbour);
        return NULL;
    }
    mn_neighbour_use(&ip->neighbours, neighbour); /* in FAILED, too */
    switch ((enum mn_neighbour_state)neighbour->state) {
    case MN_NEIGHBOUR_INCOMPLETE: mn_neighbour_wait(&ip->neighbours, neighbour, packet); return NULL;
    case MN_NEIGHBOUR_FAILED: mn_ip_give_up(ip, packet); return NULL;
    case MN_NEIGHBOUR_STALE:
        if (way->confirmed && neighbour->protocol->delay_ns != 0)
            become_reachable(ip, neighbour, now);
        else
            begin_doubt(ip, neighbour, now);
        break;
    case MN_NEIGHBOUR_DELAY:
        if (way->confirmed)
            become_reachable(ip, neighbour, now);
        break;
    case MN_NEIGHBOUR_PROBE:
    case MN_NEIGHBOUR_UNREACHABLE:
        if (way->confirmed && neighbour->protocol->delay_ns != 0)
            become_reachable(ip, neighbour, now);
        break;
    case MN_NEIGHBOUR_REACHABLE: break;
    }
    return neighbour;
}

MN_RARE bool mn_ip_is_resolved(struct mn_ip *ip, struct mnet_address next_hop)
{
    const struct mn_neighbour *neighbour = mn_neighbour_find(&ip->neighbours, next_hop);
    return neighbour != NULL && neighbour->state != MN_NEIGHBOUR_INCOMPLETE && neighbour->state != MN_NEIGHBOUR_FAILED;
}

MN_RARE void mn_ip_doubt(struct mn_ip *ip, struct mnet_address next_hop, uint64_t now)
{
    struct mn_neighbour *neighbour = mn_neighbour_find(&ip->neighbours, next_hop);
    if (neighbour != NULL && (neighbour->state == MN_NEIGHBOUR_REACHABLE || neighbour->state == MN_NEIGHBOUR_DELAY))
        start_asking(ip, neighbour, MN_NEIGHBOUR_PROBE, now);
}

MN_RARE void mn_ip_seek(struct mn_ip *ip, struct mnet_address address, uint64_t now)
{
    if (mn_neighbour_find(&ip->neighbours, address) != NULL)
        return;
    struct mn_neighbour *neighbour = mn_ip_create_neighbour(ip, address, &mn_nd_protocol);
    if (neighbour == NULL)
        return;
    neighbour->requests = (uint8_t)(mn_nd_protocol.requests_max - 1);
    set_state(ip, neighbour, MN_NEIGHBOUR_INCOMPLETE, now + request_interval_ns(ip, neighbour));
    send_request(ip, neighbour, now);
}

/* Returns true if packets are sent to the neighbour and have no other way. */
static bool is_worth_asking(const struct mn_ip *ip, const struct mn_neighbour *neighbour)
{
    return neighbour->state == MN_NEIGHBOUR_PROBE && neighbour->used && neighbour->protocol->interval_max_ns != 0 &&
           !mn_ipv6_has_other_way(ip, neighbour->address);
}

/* The last request is unanswered, too. */
static void fail_neighbour(struct mn_ip *ip, struct mn_neighbour *neighbour, uint64_t now)
{
    struct mnet_address address = neighbour->address;
    bool ipv6 = neighbour->protocol == &mn_nd_protocol;
    for (struct mnet_packet *packet; (packet = mn_neighbour_take(&ip->neighbours, neighbour)) != NULL;)
        if (ipv6)
            mn_packet_queue_put(&ip->around, packet);
        else
            mn_ip_give_up(ip, packet);
    if (is_worth_asking(ip, neighbour))
        ask_less_often(ip, neighbour, now);
    else if (neighbour->state == MN_NEIGHBOUR_PROBE)
        mn_neighbour_remove(&ip->neighbours, neighbour);
    else
        set_state(ip, neighbour, MN_NEIGHBOUR_FAILED, now + neighbour->protocol->failed_ns);
    if (ipv6)
        mn_ipv6_note_unreachable(ip, address, now);
}

void mn_ip_neighbour_expire(struct mn_ip *ip, struct mn_timer *timer, uint64_t now)
{
    struct mn_neighbour *neighbour = MN_CONTAINER(timer, struct mn_neighbour, timer);
    switch ((enum mn_neighbour_state)neighbour->state) {
    case MN_NEIGHBOUR_INCOMPLETE:
    case MN_NEIGHBOUR_PROBE:
        if (neighbour->requests == neighbour->protocol->requests_max) {
            fail_neighbour(ip, neighbour, now);
        } else {
            set_state(ip, neighbour, neighbour->state, now + request_interval_ns(ip, neighbour));
            send_request(ip, neighbour, now);
        }
        break;
    case MN_NEIGHBOUR_UNREACHABLE:
        if (neighbour->used)
            ask_less_often(ip, neighbour, now);
        else
            mn_neighbour_remove(&ip->neighbours, neighbour);
        break;
    case MN_NEIGHBOUR_REACHABLE:
        if (neighbour->used && neighbour->protocol->delay_ns == 0)
            start_asking(ip, neighbour, MN_NEIGHBOUR_PROBE, now);
        else
            become_stale(ip, neighbour, now);
        break;
    case MN_NEIGHBOUR_DELAY: start_asking(ip, neighbour, MN_NEIGHBOUR_PROBE, now); break;
    case MN_NEIGHBOUR_STALE:
    case MN_NEIGHBOUR_FAILED: mn_neighbour_remove(&ip->neighbours, neighbour); break;
    }
}

/* The entry keeps its packets, and the count of requests begins again, because another station may
 * have the address now. */
static void ask_again(struct mn_ip *ip, struct mn_neighbour *neighbour, uint64_t now)
{
    neighbour->quiet_until_ns = 0;
    if (neighbour->state == MN_NEIGHBOUR_FAILED)
        mn_neighbour_remove(&ip->neighbours, neighbour);
    else
        start_asking(ip, neighbour, MN_NEIGHBOUR_INCOMPLETE, now);
}

MN_RARE void mn_ip_neighbours_note_link_up(struct mn_ip *ip, uint64_t now)
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

/* Sends the fragments of a packet that waited. It was counted as one packet before. */
static void send_in_fragments(struct mn_ip *ip, const struct mn_neighbour *neighbour, struct mnet_packet *packet,
                              uint16_t mtu)
{
    struct mn_packet_queue fragments = {0};
    ip->counters->value[MNET_COUNT_IP_TX]--;
    neighbour->protocol->cut(ip, packet, mtu, &fragments);
    ip->counters->value[MNET_COUNT_IP_TX] += fragments.count;
    for (struct mnet_packet *fragment; (fragment = mn_packet_queue_take(&fragments)) != NULL;)
        mn_ip_send_frame(ip, fragment, &neighbour->mac, neighbour->protocol->ethertype);
}

/* Sends the packets that waited for the neighbour's link address. Returns true if there were
 * any. */
static bool send_waiting(struct mn_ip *ip, struct mn_neighbour *neighbour)
{
    const struct mn_neighbour_protocol *protocol = neighbour->protocol;
    bool any = neighbour->pending.count > 0;
    for (struct mnet_packet *packet; (packet = mn_neighbour_take(&ip->neighbours, neighbour)) != NULL;) {
        mn_neighbour_use(&ip->neighbours, neighbour);
        uint16_t mtu = protocol->mtu != NULL ? protocol->mtu(ip, packet, &neighbour->address) : ip->mtu;
        if (packet->total > mtu && packet->gso == MNET_GSO_NONE)
            send_in_fragments(ip, neighbour, packet, mtu);
        else
            mn_ip_send_frame(ip, packet, &neighbour->mac, protocol->ethertype);
    }
    return any;
}

void mn_ip_confirm(struct mn_ip *ip, struct mn_neighbour *neighbour, struct mn_mac mac, uint64_t now)
{
    neighbour->mac = mac;
    become_reachable(ip, neighbour, now);
    send_waiting(ip, neighbour);
}

MN_RARE void mn_ip_learn(struct mn_ip *ip, struct mn_neighbour *neighbour, struct mn_mac mac, uint64_t now)
{
    bool known = neighbour->state != MN_NEIGHBOUR_INCOMPLETE && neighbour->state != MN_NEIGHBOUR_FAILED;
    if (known && neighbour->state != MN_NEIGHBOUR_UNREACHABLE && mn_mac_equal(neighbour->mac, mac))
        return;
    neighbour->mac = mac;
    become_stale(ip, neighbour, now);
    if (send_waiting(ip, neighbour))
        begin_doubt(ip, neighbour, now);
}

/* RFC 4861 7.2.5, for an entry whose link address is known. */
static void take_advertisement(struct mn_ip *ip, struct mn_neighbour *neighbour, const struct mn_advertised *advertised,
                               uint64_t now)
{
    bool other = advertised->has_mac && !mn_mac_equal(neighbour->mac, advertised->mac);
    if (other && !advertised->override) {
        if (neighbour->state == MN_NEIGHBOUR_REACHABLE)
            become_stale(ip, neighbour, now);
        return;
    }
    if (other)
        neighbour->mac = advertised->mac;
    if (advertised->solicited)
        become_reachable(ip, neighbour, now);
    else if (other)
        become_stale(ip, neighbour, now);
}

MN_RARE void mn_ip_take_advertisement(struct mn_ip *ip, struct mn_neighbour *neighbour,
                                      const struct mn_advertised *advertised, uint64_t now)
{
    switch ((enum mn_neighbour_state)neighbour->state) {
    case MN_NEIGHBOUR_FAILED: break;
    case MN_NEIGHBOUR_INCOMPLETE:
        if (advertised->has_mac && advertised->solicited)
            mn_ip_confirm(ip, neighbour, advertised->mac, now);
        else if (advertised->has_mac)
            mn_ip_learn(ip, neighbour, advertised->mac, now);
        break;
    case MN_NEIGHBOUR_REACHABLE:
    case MN_NEIGHBOUR_STALE:
    case MN_NEIGHBOUR_DELAY:
    case MN_NEIGHBOUR_PROBE:
    case MN_NEIGHBOUR_UNREACHABLE: take_advertisement(ip, neighbour, advertised, now); break;
    }
}
