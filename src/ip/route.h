/* Routes: which next hop leads to a destination. A short array, longest prefix first, so that the
 * first match is the best one. Routes of both families are in one table: a prefix contains
 * addresses of its own family only. */
#ifndef MN_IP_ROUTE_H
#define MN_IP_ROUTE_H

#include <mnet/config.h>

#include "base/base.h"

/* The configured ones, the own network, the default gateway; and all gateways themselves, if the
 * own network is one address, and they lie outside it. */
#define MN_ROUTES_MAX (2 * MNET_ROUTES_MAX + 3)

struct mn_route {
    struct mnet_prefix to;       /* bits behind its length count for nothing */
    struct mnet_address gateway; /* unspecified: the destination is on the link */
};

struct mn_routes {
    struct mn_route entries[MN_ROUTES_MAX];
    unsigned count;
};

/* Whether a configured route is one of IPv6: its network or its gateway says so. */
bool mn_route_is_ipv6(const struct mnet_route *route);

/* Adds a route; of two with the same network and length the first one added wins. False if the
 * length is more than an address has, or the table is full. */
bool mn_routes_add(struct mn_routes *routes, struct mnet_prefix to, struct mnet_address gateway);

/* Removes all routes to networks of IPv4. */
void mn_routes_remove_ipv4(struct mn_routes *routes);

/* The address to which a packet for `destination` goes on the link: itself, or a gateway's. False:
 * no route. */
bool mn_routes_find(const struct mn_routes *routes, struct mnet_address destination, struct mnet_address *next_hop);

/* Whether `address` is reached directly. */
bool mn_routes_on_link(const struct mn_routes *routes, struct mnet_address address);
/* Whether some route leads through `address`. */
bool mn_routes_is_gateway(const struct mn_routes *routes, struct mnet_address address);

#endif
