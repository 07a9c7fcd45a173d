/* The routing table: it finds the next hop for a destination. It is a short array, longest prefix
 * first, so that the first match is the best one. Routes of both families are in one table, because
 * a prefix contains only addresses of its own family. */
#ifndef MN_IP_ROUTE_H
#define MN_IP_ROUTE_H

#include <mnet/config.h>

#include "base/base.h"

/* The configured routes, the own network and the default gateway. If the own network is a single
 * address, each gateway needs a route of its own, too. */
#define MN_ROUTES_MAX (2 * MNET_ROUTES_MAX + 3)

struct mn_route {
    struct mnet_prefix to;       /* bits beyond its length have no effect */
    struct mnet_address gateway; /* unspecified: the destination is on the link */
};

struct mn_routes {
    struct mn_route entries[MN_ROUTES_MAX];
    unsigned count;
};

/* Returns true if the network or the gateway of a configured route is one of IPv6. */
bool mn_route_is_ipv6(const struct mnet_route *route);

/* Adds a route. Of two with the same network and length, the first one added has precedence.
 * Returns false if the length is more than that of an address, or the table is full. */
bool mn_routes_add(struct mn_routes *routes, struct mnet_prefix to, struct mnet_address gateway);

/* Removes all routes to networks of IPv4. */
void mn_routes_remove_ipv4(struct mn_routes *routes);

/* Stores the next hop of a packet for `destination`: the destination itself, or a gateway. Returns
 * false if there is no route. */
bool mn_routes_find(const struct mn_routes *routes, struct mnet_address destination, struct mnet_address *next_hop);

/* Returns true if `address` is on the link. */
bool mn_routes_on_link(const struct mn_routes *routes, struct mnet_address address);
/* Returns true if a route leads through `address`. */
bool mn_routes_is_gateway(const struct mn_routes *routes, struct mnet_address address);

#endif
