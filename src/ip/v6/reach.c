/* Which routers can be used, as neighbour unreachability detection finds out, and when the next
 * event of a router is due. Nothing is sent here, and no neighbour changes its state. */
#include "base/logger.h"
#include "ip/v6/internal.h"

static uint64_t deadline_of(const struct mn_ip *ip, uint64_t now)
{
    const struct mn_ip_v6 *v6 = &ip->v6;
    uint64_t first = MN_MIN(mn_solicit_deadline(&v6->solicit), mn_routers_deadline(&v6->routers));
    first = MN_MIN(first, mn_routers_probe_deadline(&v6->routers, v6->now));
    first = MN_MIN(first, mn_prefixes_deadline(&v6->prefixes));
    first = MN_MIN(first, mn_resolvers_deadline(&v6->resolvers));
    first = MN_MIN(first, mn_autoconf_deadline(&v6->autoconf));
    first = MN_MIN(first, v6->parameters.draw_at_ns);
    if (v6->solicit.silence_ns > now)
        first = MN_MIN(first, v6->solicit.silence_ns);
    return mn_address_is_any(&v6->probe) ? first : now;
}

void mn_ipv6_discovery_arm(struct mn_ip *ip, uint64_t now)
{
    if (ip->v6.on)
        mn_wheel_arm(&ip->wheel, &ip->v6.timer, deadline_of(ip, now));
}

/* Each place for a router or a redirect may have another one than at the last look. */
static void review(struct mn_ip *ip, struct mnet_address *seen, const struct mnet_address *now)
{
    if (mn_ipv6_equal(seen, now))
        return;
    struct mn_neighbour *neighbour = mn_neighbour_find(&ip->neighbours, *seen);
    if (neighbour != NULL)
        neighbour->gateway = mn_ip_is_gateway(ip, *seen);
    *seen = *now;
}

MN_RARE void mn_ipv6_review_gateways(struct mn_ip *ip)
{
    struct mn_ip_v6 *v6 = &ip->v6;
    for (unsigned i = 0; i < MN_ROUTERS_MAX; i++)
        review(ip, &v6->gateways[i], &v6->routers.routers[i].address);
    for (unsigned i = 0; i < MN_REDIRECTS_MAX; i++)
        review(ip, &v6->gateways[MN_ROUTERS_MAX + i], &v6->redirects.entries[i].target);
}

MN_RARE void mn_ipv6_log_router(struct mn_ip *ip, struct mnet_address router, bool had)
{
    bool has = mn_routers_has(&ip->v6.routers, router);
    if (has == had || !mn_log_claim(ip->log, MNET_LOG_INFO, &ip->log_limits.routers, MN_LOG_BURST, ip->v6.now))
        return;
    char text[MNET_ADDRESS_TEXT];
    mnet_address_format(router, text, sizeof text);
    mn_log(ip->log, MNET_LOG_INFO, has ? "ipv6: %s is a router" : "ipv6: %s is no router any more", text);
}

static enum mn_router_reach reach_of(const struct mn_neighbour *neighbour)
{
    switch ((enum mn_neighbour_state)neighbour->state) {
    case MN_NEIGHBOUR_INCOMPLETE: return MN_ROUTER_UNKNOWN;
    case MN_NEIGHBOUR_UNREACHABLE:
    case MN_NEIGHBOUR_FAILED: return MN_ROUTER_UNREACHABLE;
    case MN_NEIGHBOUR_REACHABLE:
    case MN_NEIGHBOUR_STALE:
    case MN_NEIGHBOUR_DELAY:
    case MN_NEIGHBOUR_PROBE: break;
    }
    return MN_ROUTER_RESOLVED;
}

MN_RARE void mn_ipv6_note_router(struct mn_ip *ip, const struct mn_neighbour *neighbour)
{
    uint32_t generation = ip->v6.routers.generation;
    mn_routers_set_reach(&ip->v6.routers, neighbour->address, reach_of(neighbour));
    if (ip->v6.routers.generation != generation)
        ip->last_way.known = false;
}

MN_RARE void mn_ipv6_note_unreachable(struct mn_ip *ip, struct mnet_address neighbour, uint64_t now)
{
    ip->v6.now = now;
    mn_routers_set_reach(&ip->v6.routers, neighbour, MN_ROUTER_UNREACHABLE);
    mn_redirects_remove(&ip->v6.redirects, neighbour);
    ip->last_way.known = false;
}

MN_RARE bool mn_ipv6_has_other_way(const struct mn_ip *ip, struct mnet_address neighbour)
{
    const struct mn_ip_v6 *v6 = &ip->v6;
    return mn_redirects_lead_to(&v6->redirects, neighbour) ||
           (mn_routers_has(&v6->routers, neighbour) && mn_routers_has_other(&v6->routers, neighbour));
}

MN_RARE void mn_ipv6_note_host(struct mn_ip *ip, struct mn_neighbour *neighbour)
{
    bool had = mn_routers_has(&ip->v6.routers, neighbour->address);
    if (!had && !mn_redirects_lead_through(&ip->v6.redirects, neighbour->address))
        return;
    neighbour->gateway = false;
    mn_routers_remove(&ip->v6.routers, neighbour->address);
    mn_redirects_remove(&ip->v6.redirects, neighbour->address);
    mn_ipv6_log_router(ip, neighbour->address, had);
    ip->changes++;
    ip->last_way.known = false;
}
