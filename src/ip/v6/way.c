/* Where IPv6 packets go, and with which source. */
#include "ip/v6/internal.h"

/* Fills in the source for packets to `destination`. */
static int with_source(const struct mn_ip *ip, const struct mnet_address *destination, struct mn_ip_way *way)
{
    const struct mn_own_address *own = mn_ipv6_choose_source(ip, destination);
    if (own == NULL)
        return MNET_E_UNREACHABLE;
    way->source = own->prefix.address;
    return 0;
}

int mn_ipv6_find_way(const struct mn_ip *ip, struct mnet_address destination, struct mn_ip_way *way)
{
    *way = (struct mn_ip_way){.kind = MN_IP_WAY_NEIGHBOUR};
    if (mn_ipv6_is_loopback(&destination) || mn_ip_is_own(ip, destination)) {
        way->kind = MN_IP_WAY_LOOPBACK;
        way->source = destination;
        return 0;
    }
    if (!ip->v6.on || mn_ipv6_is_unspecified(&destination))
        return MNET_E_UNREACHABLE;
    if (mn_ipv6_is_multicast(&destination)) {
        way->kind = MN_IP_WAY_GROUP;
        way->next_hop = destination;
    } else if (mn_ipv6_is_link_local(&destination)) {
        way->next_hop = destination;
    } else if (!mn_routes_find(&ip->routes, destination, &way->next_hop)) {
        return MNET_E_UNREACHABLE;
    }
    return with_source(ip, &destination, way);
}

bool mn_ipv6_source_is_valid(struct mn_ip *ip, const struct mn_ip_way *way)
{
    if (mn_ipv6_is_loopback(&way->source)) /* RFC 4291 2.5.3: it never leaves the host */
        return way->kind == MN_IP_WAY_LOOPBACK;
    return mn_ip_is_own(ip, way->source);
}
