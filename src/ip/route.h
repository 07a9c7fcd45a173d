/* Routes: which next hop leads to an IPv4 destination. A short array, longest prefix first, so that the first match is
   the best one. */
#ifndef MN_IP_ROUTE_H
#define MN_IP_ROUTE_H

#include <mnet/stack.h>

#include "base/base.h"

/* The configured ones, the own network, the default gateway; and all gateways themselves, if the own network is one
 * address, and they lie outside it. */
#define MN_ROUTES_MAX (2 * MNET_ROUTES_MAX + 3)

struct mn_route {
    uint32_t network, mask; /* host order */
    uint32_t gateway;       /* 0: the destination is on the link */
};

struct mn_routes {
    struct mn_route entries[MN_ROUTES_MAX];
    unsigned count;
};

/* The mask of a prefix of `length` bits, 0..32. */
static inline uint32_t mn_route_mask(unsigned length)
{
    return length == 0 ? 0 : UINT32_MAX << (32 - length);
}

/* Adds a route; of two with the same network and length the first one added wins. Bits of `network` behind `length` are
 * ignored. False where `length` is above 32 or the table is full. */
bool mn_routes_add(struct mn_routes *routes, uint32_t network, unsigned length, uint32_t gateway);

/* The address to which a packet for `destination` goes on the link: itself, or a gateway's. False: no route. */
bool mn_routes_find(const struct mn_routes *routes, uint32_t destination, uint32_t *next_hop);

/* Whether `address` is reached directly. */
bool mn_routes_on_link(const struct mn_routes *routes, uint32_t address);
/* Whether some route leads through `address`. */
bool mn_routes_is_gateway(const struct mn_routes *routes, uint32_t address);

#endif
