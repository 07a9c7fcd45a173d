/* Routers that have advertised themselves, their routes, and the choice of the next hop for a
 * destination that is not on the link (RFC 4861 6.3, RFC 4191, RFC 4311, RFC 8028).
 *
 * Theory of operation. A route is a prefix, the router that it leads through, a preference and an
 * end. A default router is a route of length 0, which the header of its advertisement makes; Route
 * Information options make the others (a host of type C: RTPREF-3.1-1). A router stays as long as
 * it has a route.
 *
 * Of the routes that contain a destination, the choice falls by these rules, each among the equals
 * of the one before:
 *   1. a router that is not known to be unreachable (RTPREF-3.2-1),
 *   2. the longest prefix,
 *   3. a router that advertises the prefix of the source address (N6-5.10-1),
 *   4. the highest preference (N6-5.9-1),
 *   5. a router whose link address is known (ND-6.3.6-1),
 *   6. the largest keyed hash of destination and router, so that destinations are spread over
 *      equal routers, each stays with its own, and a router that goes moves no others
 *      (N6-5.4-14).
 * If all routers are unreachable, they take turns, which makes each be asked (ND-6.3.6-2,
 * RTPREF-3.2-2).
 *
 * Tables are bounded. A router that is new to a full table takes the place of one that is
 * unreachable, else of one with a lower preference, else it is ignored. Users keep a next hop
 * together with `generation`, and choose anew if that has changed (ND-5.3-2, ND-6.3.5-2,
 * RTPREF-3.3-1).
 */
#ifndef MN_IP_V6_ROUTERS_H
#define MN_IP_V6_ROUTERS_H

#include <mnet/address.h>

#include "base/base.h"
#include "base/hash.h"
#include "wire/nd.h"

#define MN_ROUTERS_MAX 8         /* at least two: ND-6.3.4-7 */
#define MN_ROUTER_ROUTES_MAX 16  /* of Route Information options, of all routers */
#define MN_ROUTER_PREFIXES_MAX 4 /* of each router, for rule 3 */
#define MN_ROUTER_PROBE_NS (60 * MNET_SECOND)

/* Knowledge of neighbour unreachability detection. */
enum mn_router_reach {
    MN_ROUTER_UNKNOWN,     /* never asked, or not answered yet */
    MN_ROUTER_RESOLVED,    /* there is a link address: REACHABLE, STALE, DELAY or PROBE */
    MN_ROUTER_UNREACHABLE, /* its solicitations stayed without an answer */
};

/* A prefix that a router advertises, on the link or for autoconfiguration. */
struct mn_router_prefix {
    struct mnet_prefix prefix;
    uint64_t until_ns; /* 0: the place is free */
};

struct mn_router {
    struct mnet_address address; /* link-local; unspecified: the place is free */
    enum mn_router_reach reach;
    uint64_t probe_at_ns; /* no probe before (RTPREF-3.5-2) */
    struct mn_router_prefix prefixes[MN_ROUTER_PREFIXES_MAX];
};

struct mn_router_route {
    struct mnet_prefix to;
    uint64_t until_ns;
    uint8_t router; /* its place in `routers` */
    int8_t preference;
};

struct mn_routers {
    struct mn_router routers[MN_ROUTERS_MAX];
    struct mn_router_route routes[MN_ROUTERS_MAX + MN_ROUTER_ROUTES_MAX]; /* the first `count` */
    unsigned count;
    unsigned turn; /* of unreachable routers */
    uint32_t generation;
    struct mn_hash_key key;
};

/* The header of a Router Advertisement. */
struct mn_router_advertisement {
    struct mnet_address router; /* source of the packet, link-local */
    uint16_t lifetime_s;        /* 0: no default router */
    int8_t preference;          /* enum mn_nd_preference */
};

void mn_routers_init(struct mn_routers *routers, struct mn_hash_key key);
/* Forgets everything: the link may lead to another network. */
void mn_routers_clear(struct mn_routers *routers);

/* Adds, renews or removes a default router. To be called before the options of the advertisement
 * are processed, since an option for ::/0 overrides the header (RTPREF-3.1-1). */
void mn_routers_take_advertisement(struct mn_routers *routers, const struct mn_router_advertisement *advertisement,
                                   uint64_t now);
/* Adds, renews or removes a route through `router` (RFC 4191 2.3). */
void mn_routers_take_route(struct mn_routers *routers, struct mnet_address router,
                           const struct mn_nd_route *information, uint64_t now);
/* `router` advertises `prefix` for so many seconds. Ignored unless it has a route. */
void mn_routers_note_prefix(struct mn_routers *routers, struct mnet_address router, struct mnet_prefix prefix,
                            uint32_t lifetime_s, uint64_t now);
/* Returns true if `router` advertises the prefix of `address` (RFC 6724 5, rule 5.5). */
bool mn_routers_advertise_prefix_of(const struct mn_routers *routers, struct mnet_address router,
                                    struct mnet_address address, uint64_t now);

/* Neighbour unreachability detection has found out about `router`. Ignored if it is no router. A
 * router that is unreachable stays so until it is RESOLVED: that it is being asked again is no
 * answer. */
void mn_routers_set_reach(struct mn_routers *routers, struct mnet_address router, enum mn_router_reach reach);
/* A neighbour that was a router says that it is none any more (RFC 4861 7.2.5): its routes go. */
void mn_routers_remove(struct mn_routers *routers, struct mnet_address router);
/* Returns true if `router` has a route: it may send redirects. */
bool mn_routers_has(const struct mn_routers *routers, struct mnet_address router);
/* Returns true if there is a default router besides `router` that is not known to be
 * unreachable. */
bool mn_routers_has_other(const struct mn_routers *routers, struct mnet_address router);

struct mn_router_choice {
    struct mnet_address router;
    /* A better router that counts as unreachable, and is to be asked once by a solicitation, since
     * there is traffic for it (RTPREF-3.5-1). Unspecified: none, or it was asked within the last
     * minute. */
    struct mnet_address probe;
};
/* Chooses the router for a destination that is not on the link. `source` is the packet's source
 * address; unspecified if it is not known yet. False: there is no route (RTPREF-3.2-3). */
bool mn_routers_choose(struct mn_routers *routers, struct mnet_address destination, struct mnet_address source,
                       uint64_t now, struct mn_router_choice *choice);

/* Returns when a router that counts as unreachable may be asked again; MNET_NEVER: none may later
 * than `now`. */
uint64_t mn_routers_probe_deadline(const struct mn_routers *routers, uint64_t now);
/* Removes routes whose time has ended, and says when the next ends; MNET_NEVER: none does. */
void mn_routers_expire(struct mn_routers *routers, uint64_t now);
uint64_t mn_routers_deadline(const struct mn_routers *routers);

#endif
