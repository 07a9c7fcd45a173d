#include "ip/v6/routers.h"

#include <string.h>

#include "ip/v6/lifetime.h"

void mn_routers_init(struct mn_routers *routers, struct mn_hash_key key)
{
    *routers = (struct mn_routers){.key = key};
}

void mn_routers_clear(struct mn_routers *routers)
{
    uint32_t generation = routers->generation + 1;
    *routers = (struct mn_routers){.key = routers->key, .generation = generation};
}

/* --- routers --- */

static struct mn_router *find_router(struct mn_routers *routers, struct mnet_address address)
{
    if (mn_address_is_any(&address))
        return NULL;
    for (unsigned i = 0; i < MN_ROUTERS_MAX; i++)
        if (mn_address_equal(&routers->routers[i].address, &address))
            return &routers->routers[i];
    return NULL;
}

static const struct mn_router *find_const_router(const struct mn_routers *routers, struct mnet_address address)
{
    for (unsigned i = 0; i < MN_ROUTERS_MAX; i++)
        if (mn_address_equal(&routers->routers[i].address, &address) && !mn_address_is_any(&address))
            return &routers->routers[i];
    return NULL;
}

/* A router without a route is forgotten. */
static void forget_router_without_routes(struct mn_routers *routers, unsigned router)
{
    for (unsigned i = 0; i < routers->count; i++)
        if (routers->routes[i].router == router)
            return;
    routers->routers[router] = (struct mn_router){.reach = MN_ROUTER_UNKNOWN};
}

static void remove_route(struct mn_routers *routers, unsigned at)
{
    MN_ASSERT(at < routers->count);
    unsigned router = routers->routes[at].router;
    routers->routes[at] = routers->routes[--routers->count];
    routers->generation++;
    forget_router_without_routes(routers, router);
}

static void remove_router(struct mn_routers *routers, const struct mn_router *router)
{
    MN_DEBUG_ASSERT(!mn_address_is_any(&router->address));
    for (unsigned i = routers->count; i-- > 0;)
        if (&routers->routers[routers->routes[i].router] == router)
            remove_route(routers, i);
    MN_ASSERT(mn_address_is_any(&router->address));
}

/* The highest preference of a router's routes. */
static int best_preference(const struct mn_routers *routers, unsigned router)
{
    MN_DEBUG_ASSERT(router < MN_ROUTERS_MAX);
    int best = MN_ND_LOW;
    for (unsigned i = 0; i < routers->count; i++)
        if (routers->routes[i].router == router)
            best = MN_MAX(best, routers->routes[i].preference);
    return best;
}

/* The router that goes from a full table for a new one of `preference`; NULL: the new one is
 * ignored. */
static struct mn_router *choose_victim(struct mn_routers *routers, int preference)
{
    struct mn_router *lowest = NULL;
    int lowest_preference = preference;
    for (unsigned i = 0; i < MN_ROUTERS_MAX; i++) {
        if (routers->routers[i].reach == MN_ROUTER_UNREACHABLE)
            return &routers->routers[i];
        int best = best_preference(routers, i);
        if (best < lowest_preference) {
            lowest_preference = best;
            lowest = &routers->routers[i];
        }
    }
    return lowest;
}

/* The place of a known router, or a place for a new one; NULL: there is none. */
static struct mn_router *take_place(struct mn_routers *routers, struct mnet_address address, int preference)
{
    struct mn_router *router = find_router(routers, address);
    for (unsigned i = 0; router == NULL && i < MN_ROUTERS_MAX; i++)
        if (mn_address_is_any(&routers->routers[i].address))
            router = &routers->routers[i];
    if (router == NULL && (router = choose_victim(routers, preference)) != NULL)
        remove_router(routers, router);
    return router;
}

/* --- routes --- */

static bool same_prefix(struct mnet_prefix a, struct mnet_prefix b)
{
    return a.length == b.length && mn_prefix_contains(&a, &b.address);
}

/* RTPREF-3.1-2: a route is known by its prefix, its length and its next hop. */
static unsigned find_route(const struct mn_routers *routers, const struct mn_router *router, struct mnet_prefix to)
{
    MN_DEBUG_ASSERT(!mn_address_is_any(&router->address));
    unsigned at = 0;
    while (at < routers->count &&
           !(&routers->routers[routers->routes[at].router] == router && same_prefix(routers->routes[at].to, to)))
        at++;
    return at;
}

/* Default routes always have room: there is one for each router at most. */
static bool has_room(const struct mn_routers *routers, struct mnet_prefix to)
{
    unsigned specific = 0;
    for (unsigned i = 0; i < routers->count; i++)
        specific += routers->routes[i].to.length > 0;
    return to.length == 0 || specific < MN_ROUTER_ROUTES_MAX;
}

static void put_route(struct mn_routers *routers, struct mnet_address address, struct mn_router_route route)
{
    MN_DEBUG_ASSERT(!mn_address_is_any(&address) && route.to.length <= 128);
    const struct mn_router *known = find_const_router(routers, address);
    unsigned at = known == NULL ? routers->count : find_route(routers, known, route.to);
    if (at == routers->count) {
        struct mn_router *router = has_room(routers, route.to) ? take_place(routers, address, route.preference) : NULL;
        if (router == NULL)
            return;
        router->address = address;
        route.router = (uint8_t)(router - routers->routers);
        at = routers->count++; /* fewer than before if a router went */
        MN_ASSERT(routers->count <= MN_COUNT_OF(routers->routes));
        routers->generation++;
    } else {
        route.router = routers->routes[at].router;
        if (routers->routes[at].preference != route.preference)
            routers->generation++;
    }
    routers->routes[at] = route;
}

/* A lifetime of 0 ends the route at once. */
static void end_route(struct mn_routers *routers, struct mnet_address address, struct mnet_prefix to)
{
    const struct mn_router *router = find_const_router(routers, address);
    unsigned at = router == NULL ? routers->count : find_route(routers, router, to);
    if (at < routers->count)
        remove_route(routers, at);
}

void mn_routers_take_advertisement(struct mn_routers *routers, const struct mn_router_advertisement *advertisement,
                                   uint64_t now)
{
    struct mnet_prefix everything = {MNET_ADDRESS_ANY, 0};
    if (advertisement->lifetime_s == 0) { /* ND-6.3.4-6, RTPREF-2.2-2 */
        end_route(routers, advertisement->router, everything);
        return;
    }
    put_route(routers, advertisement->router,
              (struct mn_router_route){
                  .to = everything,
                  /* ND-4.2-1, ND-6.3.4-4, ND-6.3.4-5 */
                  .until_ns = mn_time_after(now, advertisement->lifetime_s * MNET_SECOND),
                  .preference = advertisement->preference,
              });
}

void mn_routers_take_route(struct mn_routers *routers, struct mnet_address router,
                           const struct mn_nd_route *information, uint64_t now)
{
    struct mnet_prefix to = information->prefix;
    if (to.length > 128)
        return;
    if (information->lifetime_s == 0) /* RTPREF-2.3-4 */
        end_route(routers, router, to);
    else
        put_route(routers, router,
                  (struct mn_router_route){
                      .to = to,
                      .until_ns = mn_lifetime_end(now, information->lifetime_s),
                      .preference = information->preference,
                  });
}

void mn_routers_remove(struct mn_routers *routers, struct mnet_address router)
{
    const struct mn_router *known = find_router(routers, router);
    if (known != NULL)
        remove_router(routers, known);
}

bool mn_routers_has(const struct mn_routers *routers, struct mnet_address router)
{
    return find_const_router(routers, router) != NULL;
}

bool mn_routers_has_other(const struct mn_routers *routers, struct mnet_address router)
{
    for (unsigned i = 0; i < routers->count; i++) {
        const struct mn_router *other = &routers->routers[routers->routes[i].router];
        if (routers->routes[i].to.length == 0 && other->reach != MN_ROUTER_UNREACHABLE &&
            !mn_address_equal(&other->address, &router))
            return true;
    }
    return false;
}

void mn_routers_expire(struct mn_routers *routers, uint64_t now)
{
    for (unsigned i = routers->count; i-- > 0;)
        if (now >= routers->routes[i].until_ns) /* ND-6.3.5-2 */
            remove_route(routers, i);
}

uint64_t mn_routers_deadline(const struct mn_routers *routers)
{
    uint64_t first = MNET_NEVER;
    for (unsigned i = 0; i < routers->count; i++)
        first = MN_MIN(first, routers->routes[i].until_ns);
    return first;
}

uint64_t mn_routers_probe_deadline(const struct mn_routers *routers, uint64_t now)
{
    uint64_t first = MNET_NEVER;
    for (unsigned i = 0; i < MN_ROUTERS_MAX; i++) {
        const struct mn_router *router = &routers->routers[i];
        if (router->reach == MN_ROUTER_UNREACHABLE && router->probe_at_ns > now)
            first = MN_MIN(first, router->probe_at_ns);
    }
    return first;
}

/* --- questions about a router --- */

void mn_routers_note_prefix(struct mn_routers *routers, struct mnet_address router, struct mnet_prefix prefix,
                            uint32_t lifetime_s, uint64_t now)
{
    struct mn_router *known = find_router(routers, router);
    if (known == NULL || prefix.length > 128)
        return;
    struct mn_router_prefix *place = &known->prefixes[0];
    for (unsigned i = 0; i < MN_ROUTER_PREFIXES_MAX; i++) {
        struct mn_router_prefix *entry = &known->prefixes[i];
        if (entry->until_ns > now && same_prefix(entry->prefix, prefix)) {
            place = entry;
            break;
        }
        if (entry->until_ns < place->until_ns)
            place = entry;
    }
    bool known_prefix = place->until_ns > now && same_prefix(place->prefix, prefix);
    if (lifetime_s == 0 && !known_prefix)
        return;
    *place = (struct mn_router_prefix){prefix, lifetime_s == 0 ? 0 : mn_lifetime_end(now, lifetime_s)};
    if (!known_prefix || lifetime_s == 0)
        routers->generation++;
}

static bool advertises(const struct mn_router *router, struct mnet_address address, uint64_t now)
{
    for (unsigned i = 0; i < MN_ROUTER_PREFIXES_MAX; i++)
        if (now < router->prefixes[i].until_ns && mn_prefix_contains(&router->prefixes[i].prefix, &address))
            return true;
    return false;
}

bool mn_routers_advertise_prefix_of(const struct mn_routers *routers, struct mnet_address router,
                                    struct mnet_address address, uint64_t now)
{
    const struct mn_router *known = find_const_router(routers, router);
    return known != NULL && advertises(known, address, now);
}

void mn_routers_set_reach(struct mn_routers *routers, struct mnet_address router, enum mn_router_reach reach)
{
    MN_DEBUG_ASSERT(router.zone == 0);
    struct mn_router *known = find_router(routers, router);
    if (known == NULL || known->reach == reach || (known->reach == MN_ROUTER_UNREACHABLE && reach == MN_ROUTER_UNKNOWN))
        return;
    known->reach = reach;
    routers->generation++;
}

/* --- the choice --- */

struct router_question {
    const struct mn_routers *routers;
    struct mnet_address destination, source;
    uint64_t now;
};

static bool is_reachable(const struct router_question *q, const struct mn_router_route *route)
{
    return q->routers->routers[route->router].reach != MN_ROUTER_UNREACHABLE;
}

static bool matches_source(const struct router_question *q, const struct mn_router_route *route)
{
    return !mn_address_is_any(&q->source) && advertises(&q->routers->routers[route->router], q->source, q->now);
}

static uint64_t hash_of(const struct router_question *q, const struct mn_router_route *route)
{
    uint64_t words[4];
    memcpy(words, q->destination.bytes, 16);
    memcpy(words + 2, q->routers->routers[route->router].address.bytes, 16);
    return mn_siphash13_words(&q->routers->key, words, 4);
}

/* Rules 2 to 6: more than 0 if `a` is better. */
static int compare_routes(const struct router_question *q, const struct mn_router_route *a,
                          const struct mn_router_route *b)
{
    MN_DEBUG_ASSERT(a->router < MN_ROUTERS_MAX && b->router < MN_ROUTERS_MAX);
    MN_DEBUG_ASSERT(a != b);
    int better = a->to.length - b->to.length;
    if (better == 0)
        better = matches_source(q, a) - matches_source(q, b);
    if (better == 0)
        better = a->preference - b->preference;
    if (better == 0)
        better = (q->routers->routers[a->router].reach == MN_ROUTER_RESOLVED) -
                 (q->routers->routers[b->router].reach == MN_ROUTER_RESOLVED);
    if (better == 0)
        better = hash_of(q, a) > hash_of(q, b) ? 1 : -1;
    return better;
}

static bool is_for_destination(const struct router_question *q, const struct mn_router_route *route)
{
    return q->now < route->until_ns && mn_prefix_contains(&route->to, &q->destination);
}

/* The best route for the destination, of all or of those with a reachable router. */
static const struct mn_router_route *best_route(const struct router_question *q, bool reachable)
{
    const struct mn_router_route *best = NULL;
    for (unsigned i = 0; i < q->routers->count; i++) {
        const struct mn_router_route *route = &q->routers->routes[i];
        if (!is_for_destination(q, route) || (reachable && !is_reachable(q, route)))
            continue;
        if (best == NULL || compare_routes(q, route, best) > 0)
            best = route;
    }
    return best;
}

/* Returns route `turn % n` of the n routes to the destination; n is at least 1. */
static const struct mn_router_route *route_of_turn(const struct router_question *q, unsigned turn)
{
    unsigned count = 0, at = 0;
    for (unsigned i = 0; i < q->routers->count; i++)
        count += is_for_destination(q, &q->routers->routes[i]);
    MN_ASSERT(count > 0);
    for (unsigned before = turn % count;; at++) {
        MN_ASSERT(at < q->routers->count);
        if (is_for_destination(q, &q->routers->routes[at]) && before-- == 0)
            return &q->routers->routes[at];
    }
}

bool mn_routers_choose(struct mn_routers *routers, struct mnet_address destination, struct mnet_address source,
                       uint64_t now, struct mn_router_choice *choice)
{
    const struct router_question question = {routers, destination, source, now};
    const struct mn_router_route *best = best_route(&question, false);
    if (best == NULL)
        return false;
    const struct mn_router_route *usable = is_reachable(&question, best) ? best : best_route(&question, true);
    *choice = (struct mn_router_choice){.probe = MNET_ADDRESS_ANY};
    struct mn_router *preferred = &routers->routers[best->router];
    if (usable == NULL) {
        best = route_of_turn(&question, routers->turn++);
    } else if (usable != best) {
        if (now >= preferred->probe_at_ns) { /* RTPREF-3.5-2 */
            choice->probe = preferred->address;
            preferred->probe_at_ns = mn_time_after(now, MN_ROUTER_PROBE_NS);
        }
        best = usable;
    }
    choice->router = routers->routers[best->router].address;
    return true;
}
