/* The invariants of IPv6 between two steps: see mn_ip_check. The tables are small, so each entry is
 * compared with each other. */
#include "ip/v6/internal.h"

static void check_parameters(const struct mn_router_parameters *parameters)
{
    MN_ASSERT(parameters->mtu >= MN_IPV6_MTU_MIN && parameters->mtu <= parameters->link_mtu);
    MN_ASSERT(parameters->retrans_ns >= MN_RETRANS_TIMER_LEAST_MS * MNET_MILLISECOND);
    MN_ASSERT(parameters->retrans_ns <= MN_RETRANS_TIMER_MOST_MS * MNET_MILLISECOND);
    MN_ASSERT(parameters->reachable_ms > 0 && parameters->reachable_ms <= MN_REACHABLE_TIME_MOST_MS);
    /* ND-6.3.2-2 */
    MN_ASSERT(parameters->reachable_ns <= parameters->reachable_ms * (3 * MNET_MILLISECOND / 2));
}

static bool same_prefix(const struct mnet_prefix *a, const struct mnet_prefix *b)
{
    return a->length == b->length && mn_prefix_contains(a, &b->address);
}

static unsigned count_routes(const struct mn_routers *routers, unsigned router)
{
    unsigned count = 0;
    for (unsigned i = 0; i < routers->count; i++)
        count += routers->routes[i].router == router;
    return count;
}

/* A router has a place as long as it has a route. */
static void check_router(const struct mn_routers *routers, unsigned at)
{
    const struct mn_router *router = &routers->routers[at];
    bool known = !mn_address_is_any(&router->address);
    MN_ASSERT(known == (count_routes(routers, at) > 0));
    MN_ASSERT(!known || mn_ipv6_is_link_local(&router->address));
    for (unsigned i = 0; known && i < at; i++)
        MN_ASSERT(!mn_address_equal(&routers->routers[i].address, &router->address));
}

static void check_route(const struct mn_routers *routers, unsigned at)
{
    const struct mn_router_route *route = &routers->routes[at];
    MN_ASSERT(route->router < MN_ROUTERS_MAX && route->to.length <= 128);
    MN_ASSERT(route->preference >= MN_ND_LOW && route->preference <= MN_ND_HIGH);
    for (unsigned i = 0; i < at; i++) /* RTPREF-3.1-2 */
        MN_ASSERT(routers->routes[i].router != route->router || !same_prefix(&routers->routes[i].to, &route->to));
}

static void check_routers(const struct mn_routers *routers)
{
    MN_ASSERT(routers->count <= MN_COUNT_OF(routers->routes));
    for (unsigned i = 0; i < routers->count; i++)
        check_route(routers, i);
    for (unsigned i = 0; i < MN_ROUTERS_MAX; i++)
        check_router(routers, i);
}

static void check_prefixes(const struct mn_prefixes *prefixes)
{
    MN_ASSERT(prefixes->count <= MN_PREFIXES_MAX);
    for (unsigned i = 0; i < prefixes->count; i++) {
        const struct mnet_prefix *prefix = &prefixes->entries[i].prefix;
        MN_ASSERT(prefix->length <= 128 && !mn_ipv6_is_link_local(&prefix->address));
        for (unsigned j = 0; j < i; j++)
            MN_ASSERT(!same_prefix(&prefixes->entries[j].prefix, prefix));
    }
}

/* A target is a router, by its link-local address, or the destination itself (RFC 4861 8.1). */
static void check_redirects(const struct mn_redirects *redirects)
{
    unsigned count = 0;
    for (unsigned i = 0; i < MN_REDIRECTS_MAX; i++) {
        const struct mn_redirect *entry = &redirects->entries[i];
        if (mn_address_is_any(&entry->destination))
            continue;
        count++;
        MN_ASSERT(mn_ipv6_is_link_local(&entry->target) || mn_address_equal(&entry->target, &entry->destination));
        for (unsigned j = 0; j < i; j++)
            MN_ASSERT(!mn_address_equal(&redirects->entries[j].destination, &entry->destination));
    }
    MN_ASSERT(redirects->count == count && redirects->next < MN_REDIRECTS_MAX);
}

static void check_resolvers(const struct mn_resolvers *resolvers)
{
    MN_ASSERT(resolvers->server_count <= MN_RESOLVERS_MAX && resolvers->name_count <= MN_SEARCH_NAMES_MAX);
    for (unsigned i = 0; i < resolvers->server_count; i++)
        for (unsigned j = 0; j < i; j++)
            MN_ASSERT(!mn_address_equal(&resolvers->servers[i].address, &resolvers->servers[j].address));
    for (unsigned i = 0; i < resolvers->name_count; i++)
        MN_ASSERT(resolvers->names[i].len > 0);
}

static bool is_alive(const struct mn_auto_address *a)
{
    return a->state != MN_AUTO_FREE && a->state != MN_AUTO_INVALID;
}

static void check_autoconf(const struct mn_autoconf *autoconf)
{
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++) {
        const struct mn_auto_address *a = &autoconf->addresses[i];
        if (!is_alive(a))
            continue;
        MN_ASSERT(a->prefix.length == MN_IDENTIFIER_BITS && mn_prefix_contains(&a->prefix, &a->address));
        MN_ASSERT(a->preferred_until_ns <= a->valid_until_ns);
        MN_ASSERT(!a->temporary ||
                  (a->preferred_until_ns <= a->preferred_most_ns && a->valid_until_ns <= a->valid_most_ns));
        for (unsigned j = 0; j < i; j++)
            MN_ASSERT(!is_alive(&autoconf->addresses[j]) ||
                      !mn_address_equal(&autoconf->addresses[j].address, &a->address));
    }
}

/* An address that the list of autoconf has let go is no own one. */
static void check_automatic(const struct mn_autoconf *autoconf, const struct mn_own_address *own)
{
    bool known = false;
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++)
        known |= is_alive(&autoconf->addresses[i]) &&
                 mn_address_equal(&autoconf->addresses[i].address, &own->prefix.address);
    MN_ASSERT(known || !own->automatic);
}

void mn_ipv6_check(const struct mn_ip *ip)
{
    const struct mn_ip_v6 *v6 = &ip->v6;
    if (!v6->on)
        return;
    MN_ASSERT(v6->last_own >= MN_OWN_LINK_LOCAL && v6->last_own < MN_OWN_MAX);
    MN_ASSERT(v6->lost_count <= MN_COUNT_OF(v6->lost));
    MN_ASSERT(v6->autoconfigures <= v6->discovers);
    check_parameters(&v6->parameters);
    check_routers(&v6->routers);
    check_prefixes(&v6->prefixes);
    check_redirects(&v6->redirects);
    check_resolvers(&v6->resolvers);
    check_autoconf(&v6->autoconf);
    for (unsigned i = MN_OWN_LINK_LOCAL; i < ip->own_end; i++)
        check_automatic(&v6->autoconf, &ip->own[i]);
}
