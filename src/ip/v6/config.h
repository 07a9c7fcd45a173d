/* Checks of a configuration, as far as it is about IPv6. They need no host, so that a stack can
 * check before it makes one. */
#ifndef MN_IP_V6_CONFIG_H
#define MN_IP_V6_CONFIG_H

#include <mnet/config.h>

/* Returns true if the configuration has an IPv6 address, be it a valid one or not. */
bool mn_ipv6_config_has_address(const struct mnet_ip_config *config);
/* Returns true if a route, or the gateway of all others, is one of IPv6. */
bool mn_ipv6_config_has_routes(const struct mnet_ip_config *config);
/* Returns true if a host can have the address: one of its own, not that of all routers of the
 * network. */
bool mn_ipv6_config_address_ok(const struct mnet_prefix *own);
/* Returns true if packets can go through `gateway`: another host, and on the link. A link-local
 * address always is (RFC 4861 6.1.2 has routers use theirs). */
bool mn_ipv6_config_gateway_ok(const struct mnet_ip_config *config, const struct mnet_address *gateway);
/* Returns true if a host can have all that the configuration says about IPv6: address, identifiers,
 * routes and gateways. The caller has checked the number of routes. */
bool mn_ipv6_config_ok(const struct mnet_ip_config *config);

#endif
