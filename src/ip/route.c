#include "ip/route.h"

bool mn_routes_add(struct mn_routes *routes, uint32_t network, unsigned length, uint32_t gateway)
{
    if (length > 32 || routes->count == MN_ROUTES_MAX)
        return false;
    uint32_t mask = mn_route_mask(length);
    unsigned at = routes->count++;
    /* A longer prefix is a numerically larger mask. */
    for (; at > 0 && routes->entries[at - 1].mask < mask; at--)
        routes->entries[at] = routes->entries[at - 1];
    routes->entries[at] = (struct mn_route){network & mask, mask, gateway};
    return true;
}

bool mn_routes_find(const struct mn_routes *routes, uint32_t destination, uint32_t *next_hop)
{
    for (unsigned i = 0; i < routes->count; i++) {
        const struct mn_route *route = &routes->entries[i];
        if ((destination & route->mask) == route->network) {
            *next_hop = route->gateway != 0 ? route->gateway : destination;
            return true;
        }
    }
    return false;
}

bool mn_routes_on_link(const struct mn_routes *routes, uint32_t address)
{
    uint32_t next_hop;
    return mn_routes_find(routes, address, &next_hop) && next_hop == address;
}

bool mn_routes_is_gateway(const struct mn_routes *routes, uint32_t address)
{
    for (unsigned i = 0; i < routes->count; i++)
        if (routes->entries[i].gateway == address && address != 0)
            return true;
    return false;
}
