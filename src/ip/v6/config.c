#include "ip/v6/config.h"

#include "base/address.h"
#include "ip/route.h"
#include "ip/v6/identifier.h"
#include "wire/ipv6.h"

bool mn_ipv6_config_has_address(const struct mnet_ip_config *config)
{
    return config->ipv6.length != 0 || !mn_address_is_any(&config->ipv6.address);
}

bool mn_ipv6_config_has_routes(const struct mnet_ip_config *config)
{
    for (unsigned i = 0; i < MN_MIN(config->route_count, MNET_ROUTES_MAX); i++)
        if (mn_route_is_ipv6(&config->routes[i]))
            return true;
    return !mn_address_is_any(&config->ipv6_gateway);
}

static bool is_host(const struct mnet_address *address)
{
    return mn_ipv6_is_host(address) && address->zone == 0;
}

/* The address of all routers of a network: no bit is set behind the prefix (RFC 4291 2.6.1). On a
 * link of two routers, which has a prefix of 127 bits, there is no such address (RFC 6164 5). */
static bool is_of_routers(const struct mnet_prefix *own)
{
    unsigned bits = 0;
    for (unsigned at = own->length; at < 128; at++)
        bits += own->address.bytes[at / 8] >> (7 - at % 8) & 1;
    return own->length < 127 && bits == 0;
}

bool mn_ipv6_config_address_ok(const struct mnet_prefix *own)
{
    return is_host(&own->address) && own->length >= 1 && own->length <= 128 && !is_of_routers(own);
}

/* A token has low bits that a host can have. */
static bool identifier_ok(const struct mnet_ip_config *config)
{
    switch (config->ipv6_identifier) {
    case MNET_IPV6_STABLE:
    case MNET_IPV6_EUI64: return true;
    case MNET_IPV6_FIXED: return !mn_identifier_is_reserved(mn_identifier_of(config->ipv6_token));
    }
    return false;
}

static bool is_on_link(const struct mnet_ip_config *config, const struct mnet_address *address)
{
    if (mn_ipv6_is_link_local(address))
        return true;
    for (unsigned i = 0; i < config->route_count; i++) {
        const struct mnet_route *route = &config->routes[i];
        if (mn_route_is_ipv6(route) && mn_address_is_any(&route->gateway) &&
            mn_prefix_contains(&route->destination, address))
            return true;
    }
    return config->ipv6.length > 0 && config->ipv6.length < 128 && mn_prefix_contains(&config->ipv6, address);
}

bool mn_ipv6_config_gateway_ok(const struct mnet_ip_config *config, const struct mnet_address *gateway)
{
    return is_host(gateway) && !mn_address_equal(gateway, &config->ipv6.address) && is_on_link(config, gateway);
}

static bool route_ok(const struct mnet_ip_config *config, const struct mnet_route *route)
{
    const struct mnet_prefix *to = &route->destination;
    return to->length <= 128 && to->address.zone == 0 && !mn_address_is_ipv4(&to->address) &&
           (mn_address_is_any(&route->gateway) || mn_ipv6_config_gateway_ok(config, &route->gateway));
}

bool mn_ipv6_config_ok(const struct mnet_ip_config *config)
{
    if (mn_ipv6_config_has_address(config) && !mn_ipv6_config_address_ok(&config->ipv6))
        return false;
    for (unsigned i = 0; i < config->route_count; i++)
        if (mn_route_is_ipv6(&config->routes[i]) && !route_ok(config, &config->routes[i]))
            return false;
    return identifier_ok(config) &&
           (mn_address_is_any(&config->ipv6_gateway) || mn_ipv6_config_gateway_ok(config, &config->ipv6_gateway));
}
