/* Router discovery of a host (RFC 4861 6.3): solicitations and advertisements.
 *
 * Theory of operation. Solicitations begin when the link-local address may be used, and each time
 * the link comes up. Each advertisement is passed to the modules that keep its parts: routers and
 * their routes, prefixes on the link, parameters, DNS servers, and autoconf, which makes own
 * addresses (slaac.c). Each part has a lifetime, and the timer `v6.timer` runs for all of them. No
 * part is removed when the link comes up. If it leads to another network then, the routers there
 * answer, and neighbour unreachability detection finds that the old ones do not.
 *
 * That detection also decides which routers can be used (reach.c). Each change that may change the
 * way of a packet clears `known` of the last way.
 */
#include "base/logger.h"
#include "ip/v6/internal.h"

/* Something has changed that ways and own addresses follow from. */
static void follow(struct mn_ip *ip, uint64_t now)
{
    ip->last_way.known = false;
    mn_ipv6_review_gateways(ip);
    mn_ipv6_slaac_apply(ip, now);
    mn_ipv6_discovery_arm(ip, now);
}

/* ---- Asking ---- */

/* ND-6.3.7-3, ND-6.3.7-4 */
static void solicit(struct mn_ip *ip)
{
    const struct mn_own_address *own = mn_ipv6_link_local(ip);
    const struct mn_nd message = {
        .type = MN_ICMPV6_ROUTER_SOLICITATION,
        .has_link_address = own != NULL,
        .link_address = ip->mac,
    };
    const struct mn_icmpv6_route route = {
        .source = own != NULL ? own->prefix.address : MNET_ADDRESS_ANY,
        .destination = mn_ipv6_all_routers,
        .hop_limit = MN_ND_HOP_LIMIT,
    };
    (void)mn_nd_send(ip, &message, &route); /* without memory, the next one follows */
}

MN_RARE void mn_ipv6_discovery_start(struct mn_ip *ip, uint64_t now)
{
    ip->v6.now = now;
    mn_solicit_start(&ip->v6.solicit, ip->random, true, now);
    mn_ipv6_discovery_arm(ip, now);
}

MN_RARE void mn_ipv6_discovery_note_link_up(struct mn_ip *ip, uint64_t now)
{
    ip->v6.now = now;
    if (ip->v6.autoconfigures)
        mn_autoconf_add_link_local(&ip->v6.autoconf, now);
    if (mn_ipv6_link_local(ip) != NULL)
        mn_solicit_start(&ip->v6.solicit, ip->random, false, now);
    follow(ip, now);
}

MN_RARE void mn_ipv6_discovery_expire(struct mn_ip *ip, uint64_t now)
{
    struct mn_ip_v6 *v6 = &ip->v6;
    uint32_t generation = v6->routers.generation;
    bool silent = v6->solicit.silent;
    v6->now = now;
    if (mn_solicit_expire(&v6->solicit, ip->random, now))
        solicit(ip);
    ip->changes += v6->solicit.silent != silent;
    mn_routers_expire(&v6->routers, now);
    if (v6->routers.generation != generation) /* ND-5.3-2 */
        mn_redirects_clear(&v6->redirects);
    mn_prefixes_expire(&v6->prefixes, now);
    mn_resolvers_expire(&v6->resolvers, now);
    mn_router_parameters_expire(&v6->parameters, ip->random, now);
    mn_autoconf_expire(&v6->autoconf, now);
    if (!mn_address_is_any(&v6->probe))
        mn_ip_seek(ip, v6->probe, now);
    v6->probe = MNET_ADDRESS_ANY;
    follow(ip, now);
}

/* ---- Router Advertisement ---- */

static void take_prefix(struct mn_ip *ip, const struct mn_nd_prefix *prefix, struct mnet_address router, uint64_t now)
{
    mn_prefixes_input(&ip->v6.prefixes, prefix, now);
    mn_routers_note_prefix(&ip->v6.routers, router, prefix->prefix, prefix->valid_s, now);
    if (ip->v6.autoconfigures)
        mn_autoconf_input(&ip->v6.autoconf, prefix, now);
}

static void take_servers(struct mn_ip *ip, struct mn_reader list, uint32_t lifetime_s, uint64_t now)
{
    struct mnet_address servers[MN_RESOLVERS_MAX];
    struct mn_resolver_option option = {.addresses = servers, .lifetime_s = lifetime_s};
    while (option.count < MN_RESOLVERS_MAX && mn_nd_next_server(&list, &servers[option.count]))
        option.count++;
    mn_resolvers_input(&ip->v6.resolvers, &option, now);
}

static void take_names(struct mn_ip *ip, struct mn_reader list, uint32_t lifetime_s, uint64_t now)
{
    struct mn_search_option names[MN_SEARCH_NAMES_MAX];
    char text[MN_DOMAIN];
    unsigned count = 0;
    for (const uint8_t *start = list.at; count < MN_SEARCH_NAMES_MAX && mn_domain_next(&list, text); start = list.at)
        names[count++] = (struct mn_search_option){start, (size_t)(list.at - start), lifetime_s};
    mn_resolvers_input_names(&ip->v6.resolvers, names, count, now);
}

/* ND-9-2: in any order, each as often as it comes. */
static void take_options(struct mn_ip *ip, const struct mn_nd *message, struct mnet_address router, uint64_t now)
{
    struct mn_reader options = message->options;
    struct mn_nd_option option;
    while (mn_nd_next(&options, &option)) {
        switch (option.kind) {
        case MN_ND_PREFIX: take_prefix(ip, &option.prefix, router, now); break;
        case MN_ND_ROUTE: mn_routers_take_route(&ip->v6.routers, router, &option.route, now); break;
        case MN_ND_DNS_SERVERS: take_servers(ip, option.dns.list, option.dns.lifetime_s, now); break;
        case MN_ND_DNS_DOMAINS: take_names(ip, option.dns.list, option.dns.lifetime_s, now); break;
        }
    }
}

/* ND-6.3.4-11 to ND-6.3.4-14: the sender's link address, and that it is a router. */
static void learn_router(struct mn_ip *ip, const struct mn_nd *message, struct mnet_address router, uint64_t now)
{
    struct mn_neighbour *neighbour = mn_neighbour_find(&ip->neighbours, router);
    if (neighbour == NULL && message->has_link_address)
        neighbour = mn_ip_create_neighbour(ip, router, &mn_nd_protocol);
    if (neighbour == NULL)
        return;
    if (mn_routers_has(&ip->v6.routers, router))
        neighbour->gateway = true;
    if (message->has_link_address)
        mn_ip_learn(ip, neighbour, message->link_address, now);
    mn_ipv6_note_router(ip, neighbour);
}

/* ETH-2-1: told once for each value. */
static void log_mtu(struct mn_ip *ip, uint32_t mtu, uint64_t now)
{
    if (mtu == ip->v6.told_mtu || !mn_log_claim(ip->log, MNET_LOG_INFO, &ip->log_limits.mtu, MN_LOG_BURST, now))
        return;
    ip->v6.told_mtu = mtu;
    mn_log(ip->log, MNET_LOG_INFO, "ipv6: a router advertises an MTU of %u, more than the link has", mtu);
}

/* Values of the header count whatever the lifetime of the router. */
static void take_parameters(struct mn_ip *ip, const struct mn_nd *message, uint64_t now)
{
    struct mn_ip_v6 *v6 = &ip->v6;
    const struct mn_parameters_advertised advertised = {
        .reachable_ms = message->reachable_ms,
        .retrans_ms = message->retrans_ms,
        .mtu = message->mtu,
        .hop_limit = message->hop_limit,
    };
    if (message->mtu > v6->parameters.link_mtu)
        log_mtu(ip, message->mtu, now);
    mn_router_parameters_update(&v6->parameters, &advertised, ip->random, now);
    mn_ip_note_link_mtu(ip);
    v6->autoconf.retrans_ns = v6->parameters.retrans_ns;
    ip->changes += v6->managed != message->managed || v6->other != message->other;
    v6->managed = message->managed;
    v6->other = message->other;
}

MN_RARE void mn_ipv6_take_advertisement(struct mn_ip *ip, const struct mn_nd *message,
                                        const struct mn_datagram *datagram, uint64_t now)
{
    struct mn_ip_v6 *v6 = &ip->v6;
    struct mnet_address router = datagram->source;
    if (!v6->discovers) {
        mn_ip_count(ip, MNET_COUNT_ICMP_DROP_IGNORED);
        return;
    }
    bool had = mn_routers_has(&v6->routers, router);
    v6->now = now;
    mn_solicit_note_advertisement(&v6->solicit, message->router_lifetime_s);
    take_parameters(ip, message, now);
    mn_routers_take_advertisement(&v6->routers,
                                  &(struct mn_router_advertisement){.router = router,
                                                                    .lifetime_s = message->router_lifetime_s,
                                                                    .preference = message->preference},
                                  now);
    take_options(ip, message, router, now);
    learn_router(ip, message, router, now);
    if (message->router_lifetime_s == 0) /* ND-5.3-2 */
        mn_redirects_remove(&v6->redirects, router);
    mn_ipv6_log_router(ip, router, had);
    follow(ip, now);
}

/* ---- For the layers above ---- */

unsigned mn_ip_advice(const struct mn_ip *ip, uint64_t now)
{
    const struct mn_ip_v6 *v6 = &ip->v6;
    return (v6->managed ? MN_IP_MANAGED : 0u) | (v6->other ? MN_IP_OTHER : 0u) |
           (mn_solicit_is_unanswered(&v6->solicit, now) ? MN_IP_NO_ROUTERS : 0u);
}

uint32_t mn_ip_prefix_changes(const struct mn_ip *ip)
{
    return ip->v6.prefixes.generation;
}

const struct mn_resolvers *mn_ip_resolvers(const struct mn_ip *ip)
{
    return &ip->v6.resolvers;
}
