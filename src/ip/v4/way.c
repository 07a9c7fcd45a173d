/* Where IPv4 packets go, and with which source. */
#include "ip/v4/internal.h"

int mn_ipv4_find_way(const struct mn_ip *ip, struct mnet_address destination, struct mn_ip_way *way)
{
    const struct mn_own_address *own = &ip->own[MN_OWN_IPV4];
    uint32_t value = mn_address_to_ipv4(&destination);
    if (mn_ipv4_is_loopback(value)) {
        *way = (struct mn_ip_way){.kind = MN_IP_WAY_LOOPBACK, .source = mnet_ipv4(127, 0, 0, 1)};
        return 0;
    }
    if (own->state != MN_IP_ADDRESS_OURS || mn_ipv4_is_this_network(value))
        return MNET_E_UNREACHABLE;
    *way = (struct mn_ip_way){.source = own->prefix.address};
    if (value == own->v4.address) {
        way->kind = MN_IP_WAY_LOOPBACK;
        return 0;
    }
    if (mn_ip_is_broadcast_value(ip, value) || mn_ipv4_is_multicast(value)) {
        way->kind = MN_IP_WAY_GROUP;
        way->next_hop = destination;
        return 0;
    }
    way->kind = MN_IP_WAY_NEIGHBOUR;
    return mn_routes_find(&ip->routes, destination, &way->next_hop) ? 0 : MNET_E_UNREACHABLE;
}

bool mn_ipv4_source_is_valid(const struct mn_ip *ip, const struct mn_ip_way *way)
{
    /* RFC 1122 3.2.1.3 (g): 127/8 never leaves the host. */
    uint32_t source = mn_address_to_ipv4(&way->source);
    return mn_ip_is_own_value(ip, source) || (mn_ipv4_is_loopback(source) && way->kind == MN_IP_WAY_LOOPBACK);
}
