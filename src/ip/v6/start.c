/* IPv6 as the configuration wants it: the link-local address, a further one, and routes. */
#include <assert.h>

#include "base/logger.h"
#include "ip/v6/config.h"
#include "ip/v6/identifier.h"
#include "ip/v6/internal.h"

/* RFC 4862 5.3 */
static struct mnet_prefix link_local_of(struct mn_mac mac)
{
    struct mnet_prefix prefix = {.address = {.bytes = {0xfe, 0x80}}, .length = 64};
    prefix.address = mn_identifier_join(prefix, mn_identifier_from_mac(mac));
    return prefix;
}

static void add_route(struct mn_ip *ip, const struct mnet_prefix *to, struct mnet_address gateway)
{
    bool added = mn_routes_add(&ip->routes, *to, gateway);
    MN_ASSERT(added); /* the table has room for all of a configuration */
}

static void add_routes(struct mn_ip *ip, const struct mnet_ip_config *config)
{
    static const struct mnet_prefix everything;
    if (config->ipv6.length > 0 && config->ipv6.length < 128)
        add_route(ip, &config->ipv6, MNET_ADDRESS_ANY);
    for (unsigned i = 0; i < config->route_count; i++)
        if (mn_route_is_ipv6(&config->routes[i]))
            add_route(ip, &config->routes[i].destination, config->routes[i].gateway);
    if (!mn_address_is_any(&config->ipv6_gateway))
        add_route(ip, &everything, config->ipv6_gateway);
}

/* Returns true if the configuration says something about IPv6. */
static bool is_wanted(const struct mnet_ip_config *config)
{
    return config->ipv6_auto || mn_ipv6_config_has_address(config);
}

/* The host keeps no name of its network; its MAC names the interface. */
static void start_autoconf(struct mn_ip *ip, const struct mnet_ip_config *config, uint64_t now)
{
    struct mn_autoconf_config autoconf = {
        .random = ip->random,
        .origin.interface = {ip->mac.bytes, sizeof ip->mac.bytes},
        .mac = ip->mac,
        .token = mn_identifier_of(config->ipv6_token),
        .temporary = config->ipv6_temporary && ip->spread.queues <= 1,
        .dad_transmits = ip->v6.dad_transmits,
    };
    static const uint8_t none[sizeof config->ipv6_secret];
    static_assert(sizeof autoconf.origin.secret == sizeof config->ipv6_secret, "one key");
    static const enum mn_auto_identifier kinds[] = {
        [MNET_IPV6_STABLE] = MN_AUTO_STABLE,
        [MNET_IPV6_EUI64] = MN_AUTO_EUI64,
        [MNET_IPV6_FIXED] = MN_AUTO_FIXED,
    };
    autoconf.identifier = kinds[config->ipv6_identifier];
    memcpy(&autoconf.origin.secret, config->ipv6_secret, sizeof config->ipv6_secret);
    if (memcmp(config->ipv6_secret, none, sizeof none) == 0)
        mn_random_bytes(ip->random, &autoconf.origin.secret, sizeof autoconf.origin.secret);
    mn_autoconf_init(&ip->v6.autoconf, &autoconf);
    mn_autoconf_add_link_local(&ip->v6.autoconf, now);
    mn_ipv6_slaac_apply(ip, now);
}

static void start_discovery(struct mn_ip *ip, uint64_t now)
{
    struct mn_hash_key key;
    mn_random_bytes(ip->random, &key, sizeof key);
    mn_routers_init(&ip->v6.routers, key);
    ip->v6.autoconf.next_ns = MNET_NEVER;
    ip->v6.timer.kind = MN_IP_TIMER_ROUTERS;
    ip->v6.now = now;
}

/* ---- The end ---- */

MN_RARE void mn_ipv6_stop(struct mn_ip *ip)
{
    ip->v6.on = false;
    mn_wheel_cancel(&ip->wheel, &ip->v6.timer);
    mn_neighbours_remove_family(&ip->neighbours, false); /* nobody asks for them any more */
    ip->last_way.known = false;
}

static void log_small_mtu(const struct mn_ip *ip, uint16_t mtu)
{
    mn_log(ip->log, MNET_LOG_WARNING, "ipv6 is off: the MTU of the link is %u, less than %u", mtu, MN_IPV6_MTU_MIN);
}

MN_RARE void mn_ipv6_set_link_mtu(struct mn_ip *ip, uint16_t mtu)
{
    MN_DEBUG_ASSERT(mtu <= ip->link_mtu);
    struct mn_router_parameters *parameters = &ip->v6.parameters;
    if (!ip->v6.on || parameters->link_mtu == mtu)
        return;
    if (mtu < MN_IPV6_MTU_MIN) {
        log_small_mtu(ip, mtu);
        mn_ipv6_stop(ip);
        for (unsigned i = MN_OWN_LINK_LOCAL; i < MN_OWN_MAX; i++)
            if (ip->own[i].state != MN_IP_ADDRESS_NONE)
                mn_ipv6_remove_address(ip, &ip->own[i]);
        return;
    }
    bool by_router = parameters->mtu < parameters->link_mtu;
    parameters->mtu = by_router ? MN_MIN(parameters->mtu, mtu) : mtu;
    parameters->link_mtu = mtu;
}

/* ---- The beginning ---- */

MN_RARE int mn_ipv6_start(struct mn_ip *ip, const struct mnet_ip_config *config, uint64_t now)
{
    if (!is_wanted(config))
        return mn_ipv6_config_has_routes(config) ? MNET_E_INVALID : 0;
    if (config->route_count > MNET_ROUTES_MAX || !mn_ipv6_config_ok(config))
        return MNET_E_INVALID;
    add_routes(ip, config);
    if (ip->link_mtu < MN_IPV6_MTU_MIN) { /* RFC 8200 5 */
        log_small_mtu(ip, ip->link_mtu);
        return 0;
    }
    ip->v6 = (struct mn_ip_v6){.on = true, .last_own = MN_OWN_LINK_LOCAL};
    ip->v6.dad_transmits = config->no_dad ? 0 : (uint8_t)config->dad_transmits;
    mn_router_parameters_init(&ip->v6.parameters, ip->link_mtu, ip->random, now);
    ip->v6.parameters.hop_limit = config->ttl;
    mn_random_bytes(ip->random, &ip->v6.identification_key, sizeof ip->v6.identification_key);
    int result = mn_ip_join(ip, mn_ipv6_all_nodes, 0);
    MN_ASSERT(result == 0); /* it is among the first */
    ip->v6.autoconfigures = config->ipv6_auto;
    ip->v6.discovers = config->ipv6_auto || mn_ipv6_is_unspecified(&config->ipv6_gateway);
    start_discovery(ip, now);
    if (config->ipv6_auto) {
        start_autoconf(ip, config, now);
    } else {
        const struct mnet_prefix link_local = link_local_of(ip->mac);
        mn_ipv6_add_address(ip, MN_OWN_LINK_LOCAL, &link_local, now);
    }
    if (!mn_ipv6_is_unspecified(&config->ipv6.address))
        mn_ipv6_add_address(ip, MN_OWN_IPV6, &config->ipv6, now);
    return 0;
}
