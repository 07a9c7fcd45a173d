/* The invariants of ip, which debug builds and fuzzers check after each step. */
#include "base/check.h"
#include "ip/repeat.h"
#include "ip/v4/internal.h"
#include "ip/v6/internal.h"

static void check_queue(const struct mn_packet_queue *queue)
{
    unsigned count = 0;
    const struct mnet_packet *last = NULL;
    for (const struct mnet_packet *packet = queue->first; packet != NULL; packet = packet->next) {
        last = packet;
        count++;
    }
    MN_ASSERT(count == queue->count && last == queue->last);
}

static void check_ipv4_address(const struct mn_ip *ip, const struct mn_own_address *own)
{
    MN_ASSERT(own->prefix.address.zone == 0 && mn_ipv4_value(&own->prefix.address) == own->v4.address);
    MN_ASSERT(mn_ipv4_is_host_of(own->v4.address, own->prefix.length));
    MN_ASSERT(!mn_ip_is_broadcast_value(ip, own->v4.address));
}

/* The solicited-node group of an address is joined as long as the address is in use. */
static void check_ipv6_address(const struct mn_ip *ip, const struct mn_own_address *own)
{
    const struct mnet_address *address = &own->prefix.address;
    bool wanted = own->state != MN_IP_ADDRESS_CONFLICT;
    MN_ASSERT((ip->v6.on || !wanted) && address->zone == 0 && !mn_address_is_ipv4(address) &&
              !mn_ipv6_is_multicast(address));
    MN_ASSERT(!wanted || mn_groups_contain(&ip->groups, mn_ipv6_solicited_node(address)));
    MN_ASSERT((ip->v6.own_bits & mn_ipv6_own_bit(address)) != 0);
}

/* The timer of an own address runs as long as the work of RFC 5227 or RFC 4862 5.4 is not done. */
static void check_own(const struct mn_ip *ip, const struct mn_own_address *own)
{
    bool armed = mn_timer_armed(&own->timer);
    MN_ASSERT(!armed || own->timer.kind == MN_IP_TIMER_ADDRESS);
    if (own->state == MN_IP_ADDRESS_NONE || own->state == MN_IP_ADDRESS_CONFLICT)
        MN_ASSERT(!armed);
    if (own->state == MN_IP_ADDRESS_PROBING)
        MN_ASSERT((armed || ip->link_down) && own->announcements == 0);
    if (own->state == MN_IP_ADDRESS_NONE) {
        MN_ASSERT(own->v4.address == 0 && mn_address_is_any(&own->prefix.address));
        return;
    }
    if (own == &ip->own[MN_OWN_IPV4])
        check_ipv4_address(ip, own);
    else
        check_ipv6_address(ip, own);
}

/* Longest prefix first. */
static void check_routes(const struct mn_routes *routes)
{
    MN_ASSERT(routes->count <= MN_ROUTES_MAX);
    for (unsigned i = 1; i < routes->count; i++)
        MN_ASSERT(routes->entries[i - 1].to.length >= routes->entries[i].to.length);
}

/* The way of the last packet is the one that would be found again. */
static void check_way(struct mn_ip *ip)
{
    const struct mn_ip_way_cache *last = &ip->last_way;
    struct mn_ip_way way;
    if (!last->known)
        return;
    int result = mn_ip_find_way(ip, last->source, last->destination, &way);
    MN_ASSERT(result == 0 && way.kind == last->way.kind && mn_address_equal(&way.next_hop, &last->way.next_hop));
    MN_ASSERT(way.ipv4 == last->way.ipv4 && way.mtu == last->way.mtu);
    MN_ASSERT(way.ipv4 ? mn_ipv4_source_is_valid(ip, &last->way) : mn_ipv6_source_is_valid(ip, &last->way));
    if (mn_address_is_any(&last->chosen))
        return;
    result = mn_ip_find_way(ip, MNET_ADDRESS_ANY, last->destination, &way);
    MN_ASSERT(result == 0 && mn_address_equal(&way.source, &last->chosen));
}

void mn_ip_check_headers(const struct mn_ip *ip, const uint8_t *header, uint16_t payload,
                         const struct mn_datagram *datagram)
{
    const struct mn_ip_way *way = &ip->last_way.way;
    uint8_t expected[MN_IPV6_HEADER];
    if (way->ipv4) {
        struct mn_ipv4 full = mn_ipv4_header_of(ip, datagram, way);
        full.header_len = MN_IPV4_HEADER;
        full.total_len = (uint16_t)(MN_IPV4_HEADER + payload);
        mn_ipv4_emit(expected, &full);
    } else {
        struct mn_ipv6 full = mn_ipv6_header_of(ip, datagram, way);
        full.payload_len = payload;
        mn_ipv6_emit(expected, &full);
    }
    MN_ASSERT(memcmp(header, expected, way->ipv4 ? MN_IPV4_HEADER : MN_IPV6_HEADER) == 0);
}

void mn_ip_check(struct mn_ip *ip)
{
    size_t parts = (size_t)ip->neighbours.count + ip->reassembly.count + ip->transmit.count + ip->loopback.count +
                   ip->failed.count;
    size_t timers = mn_timer_armed(&ip->groups.timer);
    for (unsigned i = 0; i < MN_OWN_MAX; i++)
        timers += mn_timer_armed(&ip->own[i].timer);
    timers += mn_timer_armed(&ip->v6.timer);
    MN_ASSERT(ip->loopback.count <= MN_IP_LOOPBACK_MAX && ip->failed.count <= MN_IP_FAILED_MAX);
    MN_ASSERT(ip->mtu <= ip->link_mtu && ip->ttl > 0);
    MN_ASSERT(ip->own_end >= MN_OWN_LINK_LOCAL && ip->own_end <= MN_OWN_MAX);
    MN_ASSERT(ip->wheel.armed == timers + ip->neighbours.count + ip->reassembly.count + ip->path_mtus.count);
    if (!mn_check_is_due(&ip->steps, parts))
        return;
    check_queue(&ip->transmit);
    check_queue(&ip->loopback);
    check_queue(&ip->failed);
    for (unsigned i = 0; i < MN_OWN_MAX; i++)
        check_own(ip, &ip->own[i]);
    for (unsigned i = ip->own_end; i < MN_OWN_MAX; i++)
        MN_ASSERT(ip->own[i].state == MN_IP_ADDRESS_NONE);
    check_routes(&ip->routes);
    check_way(ip);
    mn_ipv6_check(ip);
    mn_groups_check(&ip->groups);
    mn_neighbours_check(&ip->neighbours);
    mn_reassembly_check(&ip->reassembly);
}
