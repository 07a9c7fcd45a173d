/* The configuration of a stack (see config.h).
 *
 * How the memory budget is shared out. Everything is allocated when it is needed; only tables are
 * set aside. The limits say who may grow how far. One connection may pin a sixteenth of the budget
 * for sending and a sixteenth for receiving, and incomplete datagrams a thirty-second part. The
 * numbers of connections, half-open connections and TIME-WAIT records are such that their control
 * blocks alone never exceed a quarter. docs/memory.md has the rest: who may have how much when
 * memory gets short, and who gives some back.
 */
#include "stack/config.h"

#include <string.h>

#include <mnet/memory.h>
#include <mnet/time.h>

#include "ip/ip.h"
#include "ip/route.h"
#include "ip/v6/config.h"
#include "wire/domain.h"
#include "wire/ipv4_address.h"
#include "wire/ipv6.h"

#define MOST (1u << 20)        /* of any number of records */
#define BUFFER_MOST (1u << 30) /* the largest window that RFC 7323 can announce */
#define MTU_LEAST 576
#define DUID_LEAST 3 /* bytes: a type, and something of it (RFC 8415 11.1) */

#define MEBIBYTE (1024u * 1024u)

/* A row begins with the field's name, place and size. */
#define FIELD(field) #field, offsetof(struct mnet_config, field), sizeof(((struct mnet_config *)NULL)->field)

const struct mn_config_number mn_config_numbers[] = {
    /* RFC 1700 */
    {FIELD(ip.ttl), MN_CONFIG_COUNT, MNET_TTL_DEFAULT, 0, NULL, 1, UINT8_MAX},
    /* four attempts */
    {FIELD(ip.dhcp_wait_ns), MN_CONFIG_TIME, 30 * MNET_SECOND, 0, NULL, 1, UINT64_MAX},
    {FIELD(ip.neighbours_max), MN_CONFIG_COUNT, 256, 8192, NULL, 1, MOST},
    {FIELD(ip.reassembly_datagrams_max), MN_CONFIG_COUNT, 32, 0, NULL, 1, MOST},
    {FIELD(ip.reassembly_bytes_max), MN_CONFIG_BYTES, SIZE_MAX, 32, NULL, 1, SIZE_MAX},
    /* RFC 4862 5.1 */
    {FIELD(ip.dad_transmits), MN_CONFIG_COUNT, 1, 0, NULL, 1, MN_DAD_TRANSMITS_MAX},
    {FIELD(ip.icmp_errors_per_s), MN_CONFIG_COUNT, 200, 0, NULL, 1, MOST},
    {FIELD(udp.endpoints_max), MN_CONFIG_COUNT, 64, 0, NULL, 1, UINT16_MAX},
    {FIELD(tcp.connections_max), MN_CONFIG_COUNT, 65536, 4096, NULL, 1, MOST},
    {FIELD(tcp.orphans_max), MN_CONFIG_COUNT, 0, 4, "tcp.connections_max", 1, MOST},
    {FIELD(tcp.half_open_max), MN_CONFIG_COUNT, 1024, 4096, NULL, 1, MOST},
    {FIELD(tcp.time_wait_max), MN_CONFIG_COUNT, 16384, 2048, NULL, 1, MOST},
    {FIELD(tcp.listeners_max), MN_CONFIG_COUNT, 64, 0, NULL, 1, MOST},
    {FIELD(tcp.send_buffer), MN_CONFIG_BYTES, 8 * MEBIBYTE, 16, NULL, 2048, BUFFER_MOST},
    {FIELD(tcp.receive_buffer), MN_CONFIG_BYTES, 8 * MEBIBYTE, 16, NULL, 2048, BUFFER_MOST},
    {FIELD(tcp.msl_ns), MN_CONFIG_TIME, 30 * MNET_SECOND, 0, NULL, 1, UINT64_MAX},
    {FIELD(tcp.orphan_ns), MN_CONFIG_TIME, 60 * MNET_SECOND, 0, NULL, 1, UINT64_MAX},
    /* R2 */
    {FIELD(tcp.user_timeout_ns), MN_CONFIG_TIME, 15 * 60 * MNET_SECOND, 0, NULL, 1, UINT64_MAX},
    /* HE-8-1; the limits are HE-5-4 and HE-5-5 */
    {FIELD(tcp.connection_attempt_delay_ns), MN_CONFIG_TIME, 250 * MNET_MILLISECOND, 0, NULL, 10 * MNET_MILLISECOND,
     2 * MNET_SECOND},
    {FIELD(tcp.first_address_family_count), MN_CONFIG_COUNT, 1, 0, NULL, 1, MNET_TCP_ADDRESSES_MAX},
};
const size_t mn_config_number_count = MN_COUNT_OF(mn_config_numbers);

static uint64_t get_number(const struct mnet_config *config, const struct mn_config_number *number)
{
    const uint8_t *at = (const uint8_t *)config + number->offset;
    uint32_t four;
    uint64_t eight;
    switch (number->size) {
    case 1: return *at;
    case 4: memcpy(&four, at, sizeof four); return four;
    default: memcpy(&eight, at, sizeof eight); return eight;
    }
}

static void set_number(struct mnet_config *config, const struct mn_config_number *number, uint64_t value)
{
    uint8_t *at = (uint8_t *)config + number->offset;
    const uint32_t four = (uint32_t)value;
    MN_ASSERT(value >= number->least && value <= number->most);
    switch (number->size) {
    case 1: *at = (uint8_t)value; break;
    case 4: memcpy(at, &four, sizeof four); break;
    default: memcpy(at, &value, sizeof value); break;
    }
}

static bool device_ok(const struct mnet_device *device)
{
    return device != NULL && device->ops != NULL && device->mtu >= MTU_LEAST;
}

bool mn_config_host_ok(struct mnet_prefix prefix, struct mnet_address address)
{
    return mn_address_is_ipv4(&address) && address.zone == 0 &&
           mn_ipv4_is_host_of(mn_address_to_ipv4(&address), prefix.length);
}

/* A destination of length 0 may have an address of no family. */
static bool on_link_route_contains(const struct mnet_config *config, struct mnet_address address)
{
    for (unsigned i = 0; i < config->ip.route_count; i++) {
        const struct mnet_route *route = &config->ip.routes[i];
        if (!mn_route_is_ipv6(route) && mn_address_is_any(&route->gateway) &&
            (route->destination.length == 0 || mn_prefix_contains(&route->destination, &address)))
            return true;
    }
    return false;
}

static bool ipv4_gateway_ok(const struct mnet_config *config, struct mnet_address gateway)
{
    const struct mnet_prefix alone = {config->ip.ipv4.address, 32};
    if (!mn_config_host_ok(alone, gateway) || mn_address_equal(&gateway, &config->ip.ipv4.address))
        return false;
    if (config->ip.ipv4.length < 32 && mn_prefix_contains(&config->ip.ipv4, &gateway))
        return mn_config_host_ok(config->ip.ipv4, gateway);
    return config->ip.ipv4.length == 32 || on_link_route_contains(config, gateway);
}

bool mn_config_gateway_ok(const struct mnet_config *config, struct mnet_address gateway)
{
    return mn_address_is_ipv4(&gateway) ? ipv4_gateway_ok(config, gateway)
                                        : mn_ipv6_config_gateway_ok(&config->ip, &gateway);
}

bool mn_config_has_ipv4(const struct mnet_config *config)
{
    return config->ip.ipv4.length != 0 || !mn_address_is_any(&config->ip.ipv4.address);
}

bool mn_config_has_ipv6(const struct mnet_config *config)
{
    return !config->ip.no_ipv6;
}

bool mn_config_names_ipv6(const struct mnet_config *config)
{
    return mn_ipv6_config_has_address(&config->ip) || config->ip.ipv6_auto || config->ip.no_ipv6;
}

bool mn_config_has_address(const struct mnet_config *config)
{
    return mn_config_has_ipv4(config) || config->ip.dhcp || mn_config_has_ipv6(config);
}

bool mn_config_ipv6_conflicts(const struct mnet_config *config)
{
    const struct mnet_ip_config *ip = &config->ip;
    return ip->no_ipv6 &&
           (mn_ipv6_config_has_address(ip) || mn_ipv6_config_has_routes(ip) || ip->ipv6_auto || ip->ipv6_temporary);
}

/* A route of a family needs an own address of it. */
static bool ipv4_route_ok(const struct mnet_config *config, const struct mnet_route *route)
{
    const struct mnet_prefix *to = &route->destination;
    return mn_config_has_ipv4(config) && to->length <= 32 && to->address.zone == 0 &&
           (mn_address_is_any(&to->address) || mn_address_is_ipv4(&to->address)) &&
           (mn_address_is_any(&route->gateway) || ipv4_gateway_ok(config, route->gateway));
}

static bool limits_ok(const struct mnet_config *config)
{
    for (size_t i = 0; i < MN_COUNT_OF(mn_config_numbers); i++) {
        const struct mn_config_number *number = &mn_config_numbers[i];
        uint64_t value = get_number(config, number);
        if (value != 0 && (value < number->least || value > number->most))
            return false;
    }
    return true;
}

/* Returns the number that a share is taken of: another one of the table, which stands before it and
 * is complete, or the size of the memory. */
static uint64_t whole_of(const struct mnet_config *config, const struct mn_config_number *number)
{
    for (size_t i = 0; number->part_of != NULL && i < MN_COUNT_OF(mn_config_numbers); i++) {
        if (strcmp(mn_config_numbers[i].name, number->part_of) == 0)
            return get_number(config, &mn_config_numbers[i]);
    }
    return config->memory_size;
}

static uint64_t default_of(const struct mnet_config *config, const struct mn_config_number *number)
{
    if (number->share == 0)
        return number->standard;
    uint64_t share = MN_MAX(whole_of(config, number) / number->share, 1u);
    return number->part_of != NULL ? share : MN_MIN(number->standard, share);
}

static void fill_in(struct mnet_config *config)
{
    for (size_t i = 0; i < MN_COUNT_OF(mn_config_numbers); i++) {
        const struct mn_config_number *number = &mn_config_numbers[i];
        if (get_number(config, number) == 0)
            set_number(config, number, default_of(config, number));
    }
}

bool mn_config_congestion_ok(enum mnet_congestion which)
{
    return (unsigned)which <= MNET_CONGESTION_BBR;
}

/* An address with its routers, or neither. */
static bool ipv4_ok(const struct mnet_config *config)
{
    const struct mnet_ip_config *ip = &config->ip;
    for (unsigned i = 0; i < ip->route_count; i++)
        if (!mn_route_is_ipv6(&ip->routes[i]) && !ipv4_route_ok(config, &ip->routes[i]))
            return false;
    if (!mn_config_has_ipv4(config))
        return mn_address_is_any(&ip->ipv4_gateway);
    return !ip->dhcp && ip->ipv4.length >= 1 && ip->ipv4.length <= 32 &&
           mn_config_host_ok(ip->ipv4, ip->ipv4.address) &&
           (mn_address_is_any(&ip->ipv4_gateway) || ipv4_gateway_ok(config, ip->ipv4_gateway));
}

static bool duid_ok(const struct mnet_ip_config *ip)
{
    return ip->dhcpv6_duid_len == 0 || (ip->dhcpv6_duid_len >= DUID_LEAST && ip->dhcpv6_duid_len <= MNET_DUID_MAX);
}

static bool ipv6_ok(const struct mnet_config *config)
{
    if (!mn_config_has_ipv6(config))
        return !mn_config_ipv6_conflicts(config);
    return duid_ok(&config->ip) && mn_ipv6_config_ok(&config->ip);
}

bool mn_config_dns_ok(struct mnet_address address)
{
    return !mn_address_is_any(&address) && !mn_address_is_multicast(&address) && address.zone == 0;
}

bool mn_config_domain_ok(const char *text)
{
    size_t len = 0, label = 0;
    for (; text[len] != '\0'; len++) {
        bool dot = text[len] == '.';
        if ((dot && label == 0) || (!dot && !mn_domain_is_plain(text[len])) || (!dot && label == MN_DOMAIN_LABEL))
            return false;
        label = dot ? 0 : label + 1;
    }
    return label > 0 && len < MN_DOMAIN;
}

bool mn_config_server_ok(const char *text)
{
    struct mnet_address address;
    return mnet_address_parse(text, &address) == 0 ? mn_config_dns_ok(address) : mn_config_domain_ok(text);
}

static bool servers_ok(const struct mnet_ip_config *ip)
{
    if (ip->dns_count > MNET_DNS_MAX || ip->search_count > MNET_DNS_MAX || ip->ntp_count > MNET_SNTP_SERVERS_MAX ||
        ip->host_count > MNET_HOSTS_MAX)
        return false;
    for (unsigned i = 0; i < ip->dns_count; i++)
        if (!mn_config_dns_ok(ip->dns[i]))
            return false;
    for (unsigned i = 0; i < ip->host_count; i++)
        if (ip->hosts[i].name == NULL || !mn_config_dns_ok(ip->hosts[i].address) ||
            !mn_config_domain_ok(ip->hosts[i].name))
            return false;
    for (unsigned i = 0; i < ip->ntp_count; i++)
        if (ip->ntp[i] == NULL || !mn_config_server_ok(ip->ntp[i]))
            return false;
    for (unsigned i = 0; i < ip->search_count; i++)
        if (ip->search[i] == NULL || !mn_config_domain_ok(ip->search[i]))
            return false;
    return true;
}

bool mn_config_network_ok(const struct mnet_config *config)
{
    return config->ip.route_count <= MNET_ROUTES_MAX && mn_config_has_address(config) && ipv4_ok(config) &&
           ipv6_ok(config) && servers_ok(&config->ip);
}

bool mn_config_ok(const struct mnet_config *config)
{
    bool platform = config->platform.now != NULL && config->platform.entropy != NULL;
    if (!platform || config->memory_size < MNET_MEMORY_MINIMUM || !limits_ok(config) ||
        !mn_config_congestion_ok(config->tcp.congestion) || (unsigned)config->tcp.ecn > MNET_ECN_ON)
        return false;
    return mn_config_network_ok(config);
}

/* RFC 8200 5: IPv6 is off on links with a smaller MTU. */
static bool device_carries_address(const struct mnet_config *config)
{
    return config->device->mtu >= MN_IPV6_MTU_MIN || mn_config_has_ipv4(config) || config->ip.dhcp;
}

int mn_config_complete(struct mnet_config *config)
{
    if (!device_ok(config->device) || config->memory == NULL || !mn_config_ok(config))
        return MNET_E_INVALID;
    if (!device_carries_address(config))
        return MNET_E_NO_ADDRESS;
    fill_in(config);
    config->ip.ipv6_auto |= mn_config_has_ipv6(config) && !mn_ipv6_config_has_address(&config->ip);
    return MNET_OK;
}
