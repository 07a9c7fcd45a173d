/* Where IPv6 packets go, and with which source. */
#include "ip/v6/internal.h"

/* Fills in the source for packets to `destination`: `source`, or a chosen one if that is
 * unspecified. */
static int with_source(const struct mn_ip *ip, const struct mnet_address *source,
                       const struct mnet_address *destination, struct mn_ip_way *way)
{
    if (!mn_ipv6_is_unspecified(source) && mn_ip_is_own(ip, *source)) {
        way->source = *source;
        return 0;
    }
    const struct mn_own_address *own = mn_ipv6_choose_source(ip, destination, &way->next_hop);
    if (own == NULL)
        return MNET_E_UNREACHABLE;
    way->source = own->prefix.address;
    return 0;
}

/* The router that has advertised itself, and is the best for the destination. One that would be
 * better, if it answered, is asked at times (RTPREF-3.5-1). */
static int choose_router(struct mn_ip *ip, const struct mnet_address *source, const struct mnet_address *destination,
                         struct mn_ip_way *way)
{
    struct mn_ip_v6 *v6 = &ip->v6;
    struct mn_router_choice choice;
    unsigned turn = v6->routers.turn;
    if (!mn_routers_choose(&v6->routers, *destination, *source, v6->now, &choice))
        return MNET_E_UNREACHABLE;
    way->next_hop = choice.router;
    way->of_source = v6->routers.count > 1;
    way->once = v6->routers.turn != turn; /* none is reachable */
    if (!mn_address_is_any(&choice.probe)) {
        v6->probe = choice.probe;
        mn_ipv6_discovery_arm(ip, v6->now);
    }
    return 0;
}

/* Finds the next hop of a global destination: the target of a redirect, the destination itself, or
 * a router. Routes of the configuration come before advertised ones. */
static int find_next_hop(struct mn_ip *ip, const struct mnet_address *source, const struct mnet_address *destination,
                         struct mn_ip_way *way)
{
    way->next_hop = *destination;
    if (mn_redirects_find(&ip->v6.redirects, destination, &way->next_hop) ||
        mn_prefixes_on_link(&ip->v6.prefixes, *destination, ip->v6.now) ||
        mn_routes_find(&ip->routes, *destination, &way->next_hop))
        return 0;
    return choose_router(ip, source, destination, way);
}

int mn_ipv6_find_way(struct mn_ip *ip, struct mnet_address source, struct mnet_address destination,
                     struct mn_ip_way *way)
{
    int result = 0;
    *way = (struct mn_ip_way){.kind = MN_IP_WAY_NEIGHBOUR};
    if (mn_ipv6_may_be_own(ip, &destination) && mn_ip_is_own(ip, destination)) { /* ::1 is, too */
        way->kind = MN_IP_WAY_LOOPBACK;
        way->source = destination;
        return 0;
    }
    if (!ip->v6.on || mn_ipv6_is_unspecified(&destination))
        return MNET_E_UNREACHABLE;
    if (mn_ipv6_is_multicast(&destination)) {
        if (mn_ipv6_multicast_scope(&destination) < MN_IPV6_SCOPE_INTERFACE) /* RFC 4291 2.7 */
            return MNET_E_UNREACHABLE;
        bool inside = mn_ipv6_multicast_scope(&destination) == MN_IPV6_SCOPE_INTERFACE;
        way->kind = inside ? MN_IP_WAY_LOOPBACK : MN_IP_WAY_GROUP;
        way->next_hop = destination;
    } else if (mn_ipv6_is_link_local(&destination)) {
        way->next_hop = destination;
    } else {
        result = find_next_hop(ip, &source, &destination, way);
    }
    return result != 0 ? result : with_source(ip, &source, &destination, way);
}

bool mn_ipv6_source_is_valid(struct mn_ip *ip, const struct mn_ip_way *way)
{
    if (mn_ipv6_is_loopback(&way->source)) /* RFC 4291 2.5.3: it never leaves the host */
        return way->kind == MN_IP_WAY_LOOPBACK;
    return mn_ip_is_own(ip, way->source);
}

MN_RARE bool mn_ipv6_find_way_again(struct mn_ip *ip, const struct mnet_packet *packet, struct mn_ip_way *way)
{
    struct mn_ipv6 header;
    if (mn_ipv6_parse(packet->data, packet->len, packet->total, &header) != MN_PARSE_OK ||
        mn_ipv6_find_way(ip, header.source, header.destination, way) != 0 || way->kind != MN_IP_WAY_NEIGHBOUR)
        return false;
    return packet->gso != MNET_GSO_NONE || packet->total <= mn_ipv6_waiting_mtu(ip, packet, &way->next_hop);
}
