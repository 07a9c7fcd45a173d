/* The configuration of a stack: what is allowed, and what is meant by zero.
 *
 * How the memory budget is shared out. Everything is allocated when it is needed and nothing is set aside but the
 * tables; the limits below say who may grow how far. One connection may pin a sixteenth of the budget for sending and
 * a sixteenth for receiving (at most 8 MiB each), datagrams being put together a thirty-second part. The numbers of
 * connections, half-open connections and TIME-WAIT records are such that their control blocks alone never exceed a
 * quarter. docs/memory.md has the rest: who may have how much when memory gets short, and who gives some back.
 */
#include "stack/stack.h"
#include "wire/ipv4_address.h"

#define DEFAULT_TTL 64
#define DEFAULT_NEIGHBOURS 256u
#define DEFAULT_REASSEMBLIES 32u
#define DEFAULT_CONNECTIONS 65536u
#define DEFAULT_HALF_OPEN 1024u
#define DEFAULT_TIME_WAIT 16384u
#define DEFAULT_LISTENERS 64u
#define DEFAULT_ENDPOINTS 64u
#define DEFAULT_BUFFER (8u * 1024u * 1024u)
#define DEFAULT_DHCP_WAIT (30 * MNET_SECOND) /* four attempts */
#define DEFAULT_MSL (30 * MNET_SECOND)
#define DEFAULT_ORPHAN (60 * MNET_SECOND)
#define DEFAULT_USER_TIMEOUT (15 * 60 * MNET_SECOND)

/* What limits may be set to. */
#define MOST (1u << 20)
#define BUFFER_LEAST 2048u
#define BUFFER_MOST (1u << 30) /* the largest window that RFC 7323 can announce */
#define MTU_LEAST 576

static bool device_ok(const struct mnet_device *device)
{
    return device != NULL && device->ops != NULL && device->mtu >= MTU_LEAST;
}

bool mn_config_host_ok(struct mnet_prefix prefix, struct mnet_address address)
{
    return mnet_address_is_ipv4(address) && address.zone == 0 &&
           mn_ipv4_is_host_of(mnet_address_to_ipv4(address), prefix.length);
}

static bool on_link_route_contains(const struct mnet_config *config, struct mnet_address address)
{
    for (unsigned i = 0; i < config->route_count; i++) {
        struct mnet_prefix prefix = config->routes[i].destination;
        if (mnet_address_is_any(config->routes[i].gateway) &&
            (prefix.length == 0 || mnet_prefix_contains(prefix, address)))
            return true;
    }
    return false;
}

bool mn_config_gateway_ok(const struct mnet_config *config, struct mnet_address gateway)
{
    const struct mnet_prefix alone = {config->ipv4.address, 32};
    if (!mn_config_host_ok(alone, gateway) || mnet_address_equal(gateway, config->ipv4.address))
        return false;
    if (config->ipv4.length < 32 && mnet_prefix_contains(config->ipv4, gateway))
        return mn_config_host_ok(config->ipv4, gateway);
    return config->ipv4.length == 32 || on_link_route_contains(config, gateway);
}

static bool gateway_ok(const struct mnet_config *config, struct mnet_address gateway)
{
    return mnet_address_is_any(gateway) || mn_config_gateway_ok(config, gateway);
}

static bool routes_ok(const struct mnet_config *config)
{
    if (config->route_count > MNET_ROUTES_MAX)
        return false;
    for (unsigned i = 0; i < config->route_count; i++) {
        const struct mnet_route *route = &config->routes[i];
        bool any = mnet_address_is_any(route->destination.address);
        if (route->destination.length > 32 || (!any && !mnet_address_is_ipv4(route->destination.address)) ||
            route->destination.address.zone != 0 || !gateway_ok(config, route->gateway))
            return false;
    }
    return true;
}

static bool limits_ok(const struct mnet_config *config)
{
    uint32_t send = config->tcp_send_buffer, receive = config->tcp_receive_buffer;
    return config->neighbours_max <= MOST && config->reassembly_datagrams_max <= MOST &&
           config->tcp_connections_max <= MOST && config->tcp_orphans_max <= MOST &&
           config->tcp_half_open_max <= MOST && config->tcp_time_wait_max <= MOST &&
           config->tcp_listeners_max <= MOST && config->udp_endpoints_max <= UINT16_MAX &&
           (send == 0 || (send >= BUFFER_LEAST && send <= BUFFER_MOST)) &&
           (receive == 0 || (receive >= BUFFER_LEAST && receive <= BUFFER_MOST));
}

static void default_unsigned(unsigned *field, unsigned value, size_t most)
{
    if (*field == 0)
        *field = value < most ? value : (unsigned)most;
}

static void default_u64(uint64_t *field, uint64_t value)
{
    if (*field == 0)
        *field = value;
}

static void fill_in(struct mnet_config *config)
{
    size_t budget = config->memory_size;
    if (config->ttl == 0)
        config->ttl = DEFAULT_TTL;
    if (config->reassembly_bytes_max == 0)
        config->reassembly_bytes_max = budget / 32;
    default_unsigned(&config->neighbours_max, DEFAULT_NEIGHBOURS, budget / 8192);
    default_unsigned(&config->reassembly_datagrams_max, DEFAULT_REASSEMBLIES, SIZE_MAX);
    default_unsigned(&config->tcp_connections_max, DEFAULT_CONNECTIONS, budget / 4096);
    default_unsigned(&config->tcp_orphans_max, MN_MAX(config->tcp_connections_max / 4, 1u), SIZE_MAX);
    default_unsigned(&config->tcp_half_open_max, DEFAULT_HALF_OPEN, budget / 4096);
    default_unsigned(&config->tcp_time_wait_max, DEFAULT_TIME_WAIT, budget / 2048);
    default_unsigned(&config->tcp_listeners_max, DEFAULT_LISTENERS, SIZE_MAX);
    default_unsigned(&config->tcp_send_buffer, DEFAULT_BUFFER, budget / 16);
    default_unsigned(&config->tcp_receive_buffer, DEFAULT_BUFFER, budget / 16);
    default_unsigned(&config->udp_endpoints_max, DEFAULT_ENDPOINTS, SIZE_MAX);
    default_u64(&config->dhcp_wait_ns, DEFAULT_DHCP_WAIT);
    default_u64(&config->tcp_msl_ns, DEFAULT_MSL);
    default_u64(&config->tcp_orphan_ns, DEFAULT_ORPHAN);
    default_u64(&config->tcp_user_timeout_ns, DEFAULT_USER_TIMEOUT);
}

bool mn_config_congestion_ok(enum mnet_congestion which)
{
    return (unsigned)which <= MNET_CONGESTION_BBR;
}

bool mn_config_network_ok(const struct mnet_config *config)
{
    if (config->dhcp) /* then all of this is asked for */
        return config->ipv4.length == 0 && mnet_address_is_any(config->ipv4.address) &&
               mnet_address_is_any(config->ipv4_gateway) && config->route_count == 0;
    if (config->ipv4.length < 1 || config->ipv4.length > 32 || !mn_config_host_ok(config->ipv4, config->ipv4.address))
        return false;
    return gateway_ok(config, config->ipv4_gateway) && routes_ok(config);
}

bool mn_config_ok(const struct mnet_config *config)
{
    bool platform = config->platform.now != NULL && config->platform.entropy != NULL;
    if (!platform || config->memory_size < MNET_MEMORY_MINIMUM || !limits_ok(config) ||
        !mn_config_congestion_ok(config->tcp_congestion) || (unsigned)config->tcp_ecn > MNET_ECN_ON)
        return false;
    return mn_config_network_ok(config);
}

int mn_config_complete(struct mnet_config *config)
{
    if (!device_ok(config->device) || config->memory == NULL || !mn_config_ok(config))
        return MNET_E_INVALID;
    fill_in(config);
    return MNET_OK;
}
