#include "ip/route.h"

#include "base/address.h"

/* All zeros are of no family. */
static bool is_ipv6(struct mnet_address address)
{
    return !mn_address_is_ipv4(&address) && !mn_address_is_any(&address);
}

bool mn_route_is_ipv6(const struct mnet_route *route)
{
    return is_ipv6(route->destination.address) || is_ipv6(route->gateway);
}

bool mn_routes_add(struct mn_routes *routes, struct mnet_prefix to, struct mnet_address gateway)
{
    MN_DEBUG_ASSERT(to.address.zone == 0 && gateway.zone == 0);
    if (to.length > (mn_address_is_ipv4(&to.address) ? 32 : 128) || routes->count == MN_ROUTES_MAX)
        return false;
    unsigned at = routes->count++;
    for (; at > 0 && routes->entries[at - 1].to.length < to.length; at--)
        routes->entries[at] = routes->entries[at - 1];
    routes->entries[at] = (struct mn_route){to, gateway};
    return true;
}

void mn_routes_remove_ipv4(struct mn_routes *routes)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < routes->count; i++)
        if (!mn_address_is_ipv4(&routes->entries[i].to.address))
            routes->entries[kept++] = routes->entries[i];
    routes->count = kept;
    MN_DEBUG_ASSERT(routes->count <= MN_ROUTES_MAX);
}

bool mn_routes_find(const struct mn_routes *routes, struct mnet_address destination, struct mnet_address *next_hop)
{
    MN_DEBUG_ASSERT(destination.zone == 0 && routes->count <= MN_ROUTES_MAX);
    for (unsigned i = 0; i < routes->count; i++) {
        const struct mn_route *route = &routes->entries[i];
        if (mn_prefix_contains(&route->to, &destination)) {
            *next_hop = mn_address_is_any(&route->gateway) ? destination : route->gateway;
            return true;
        }
    }
    return false;
}

bool mn_routes_on_link(const struct mn_routes *routes, struct mnet_address address)
{
    struct mnet_address next_hop;
    return mn_routes_find(routes, address, &next_hop) && mn_address_equal(&next_hop, &address);
}

bool mn_routes_is_gateway(const struct mn_routes *routes, struct mnet_address address)
{
    for (unsigned i = 0; i < routes->count; i++)
        if (mn_address_equal(&routes->entries[i].gateway, &address) && !mn_address_is_any(&address))
            return true;
    return false;
}
