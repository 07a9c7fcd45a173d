/* IPv6 as the configuration wants it: the link-local address, a further one, and routes. */
#include "base/logger.h"
#include "ip/v6/identifier.h"
#include "ip/v6/internal.h"

/* RFC 4862 5.3 */
static struct mnet_prefix link_local_of(struct mn_mac mac)
{
    struct mnet_prefix prefix = {.address = {.bytes = {0xfe, 0x80}}, .length = 64};
    prefix.address = mn_identifier_join(prefix, mn_identifier_from_mac(mac));
    return prefix;
}

static bool gateway_is_valid(const struct mn_ip *ip, const struct mnet_address *gateway)
{
    return mn_ipv6_is_host(gateway) && (mn_ipv6_is_link_local(gateway) || mn_routes_on_link(&ip->routes, *gateway));
}

static bool add_routes(struct mn_ip *ip, const struct mnet_ip_config *config, bool on_link)
{
    for (unsigned i = 0; i < config->route_count; i++) {
        const struct mnet_route *route = &config->routes[i];
        if (!mn_route_is_ipv6(route) || mn_ipv6_is_unspecified(&route->gateway) != on_link)
            continue;
        if ((!on_link && !gateway_is_valid(ip, &route->gateway)) ||
            !mn_routes_add(&ip->routes, route->destination, route->gateway))
            return false;
    }
    return true;
}

/* First the networks on the link, then those behind a gateway. */
static bool set_routes(struct mn_ip *ip, const struct mnet_ip_config *config)
{
    const struct mnet_prefix everything = {.length = 0};
    if (config->ipv6.length > 0 && config->ipv6.length < 128 &&
        !mn_routes_add(&ip->routes, config->ipv6, MNET_ADDRESS_ANY))
        return false;
    if (!add_routes(ip, config, true) || !add_routes(ip, config, false))
        return false;
    if (mn_ipv6_is_unspecified(&config->ipv6_gateway))
        return true;
    return gateway_is_valid(ip, &config->ipv6_gateway) && mn_routes_add(&ip->routes, everything, config->ipv6_gateway);
}

/* Whether the configuration says something about IPv6. */
static bool is_wanted(const struct mnet_ip_config *config)
{
    return !mn_ipv6_is_unspecified(&config->ipv6.address);
}

static bool config_is_valid(const struct mnet_ip_config *config)
{
    const struct mnet_prefix *own = &config->ipv6;
    if (mn_ipv6_is_unspecified(&own->address))
        return own->length == 0;
    return mn_ipv6_is_host(&own->address) && own->length > 0 && own->length <= 128;
}

MN_RARE int mn_ipv6_start(struct mn_ip *ip, const struct mnet_ip_config *config, uint64_t now)
{
    if (!is_wanted(config))
        return mn_ipv6_is_unspecified(&config->ipv6_gateway) ? 0 : MNET_E_INVALID;
    if (!config_is_valid(config) || !set_routes(ip, config))
        return MNET_E_INVALID;
    if (ip->link_mtu < MN_IPV6_MTU_MIN) { /* RFC 8200 5 */
        mn_log(ip->log, MNET_LOG_WARNING, "ipv6 is off: the MTU of the link is %u, less than %u", ip->link_mtu,
               MN_IPV6_MTU_MIN);
        return 0;
    }
    ip->v6 = (struct mn_ip_v6){.on = true, .last_own = MN_OWN_LINK_LOCAL};
    mn_router_parameters_init(&ip->v6.parameters, ip->link_mtu, ip->random, now);
    ip->v6.parameters.hop_limit = config->ttl;
    mn_random_bytes(ip->random, &ip->v6.identification_key, sizeof ip->v6.identification_key);
    int result = mn_ip_join(ip, mn_ipv6_all_nodes, 0);
    MN_ASSERT(result == 0); /* it is among the first */
    const struct mnet_prefix link_local = link_local_of(ip->mac);
    mn_ipv6_add_address(ip, MN_OWN_LINK_LOCAL, &link_local, now);
    if (!mn_ipv6_is_unspecified(&config->ipv6.address))
        mn_ipv6_add_address(ip, MN_OWN_IPV6, &config->ipv6, now);
    return 0;
}
