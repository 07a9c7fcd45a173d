/* The standard command-line options. options_line.c reads the command line and writes --help by
 * this table. */
#include "stack/options.h"

#include <assert.h>
#include <string.h>

#include "base/address.h"
#include "base/base.h"
#include "base/format.h"
#include "ip/route.h"
#include "ip/v6/config.h"
#include "stack/config.h"

static bool set_ipv4(struct mn_options *options, const char *value)
{
    struct mnet_prefix prefix;
    if (mnet_prefix_parse(value, &prefix) < 0 || strchr(value, '/') == NULL)
        return false;
    if (prefix.length < 1 || !mn_config_host_ok(prefix, prefix.address))
        return false;
    options->config.ip.ipv4 = prefix;
    return true;
}

static bool parse_gateway(const char *text, bool ipv4, struct mnet_address *gateway)
{
    struct mnet_address address;
    if (mnet_address_parse(text, &address) < 0 || mn_address_is_ipv4(&address) != ipv4 || mn_address_is_any(&address) ||
        mn_address_is_multicast(&address) || address.zone != 0)
        return false;
    *gateway = address;
    return true;
}

static bool set_gateway(struct mn_options *options, const char *value)
{
    return parse_gateway(value, true, &options->config.ip.ipv4_gateway);
}

static bool set_ipv6(struct mn_options *options, const char *value)
{
    struct mnet_prefix prefix;
    if (strcmp(value, "auto") == 0)
        return options->config.ip.ipv6_auto = true;
    if (mnet_prefix_parse(value, &prefix) < 0 || !mn_ipv6_config_address_ok(&prefix))
        return false;
    options->config.ip.ipv6 = prefix;
    return true;
}

static bool set_no_ipv6(struct mn_options *options, const char *value)
{
    (void)value;
    return options->config.ip.no_ipv6 = true;
}

static bool set_ipv6_gateway(struct mn_options *options, const char *value)
{
    return parse_gateway(value, false, &options->config.ip.ipv6_gateway);
}

static bool set_route(struct mn_options *options, const char *value)
{
    char prefix[MNET_ADDRESS_TEXT + 4];
    const char *comma = strchr(value, ',');
    size_t len = comma != NULL ? (size_t)(comma - value) : strlen(value);
    struct mnet_config *config = &options->config;
    if (len >= sizeof prefix || config->ip.route_count == MNET_ROUTES_MAX)
        return false;
    memcpy(prefix, value, len);
    prefix[len] = '\0';
    struct mnet_route *route = &config->ip.routes[config->ip.route_count];
    if (mnet_prefix_parse(prefix, &route->destination) < 0 || strchr(prefix, '/') == NULL ||
        route->destination.address.zone != 0)
        return false;
    bool ipv4 = mn_address_is_ipv4(&route->destination.address);
    if (comma == NULL && !ipv4 && mn_address_is_any(&route->destination.address))
        return false; /* not even IPv6 has all hosts on one link */
    if (comma != NULL && !parse_gateway(comma + 1, ipv4, &route->gateway))
        return false;
    config->ip.route_count++;
    return true;
}

static bool set_dns(struct mn_options *options, const char *value)
{
    struct mnet_ip_config *ip = &options->config.ip;
    if (ip->dns_count == MNET_DNS_MAX || mnet_address_parse(value, &ip->dns[ip->dns_count]) < 0)
        return false;
    return mn_config_dns_ok(ip->dns[ip->dns_count++]);
}

static bool set_search(struct mn_options *options, const char *value)
{
    struct mnet_ip_config *ip = &options->config.ip;
    if (ip->search_count == MNET_DNS_MAX || !mn_config_domain_ok(value))
        return false;
    ip->search[ip->search_count++] = value;
    return true;
}

static bool set_host(struct mn_options *options, const char *value)
{
    struct mnet_ip_config *ip = &options->config.ip;
    char address[MNET_ADDRESS_TEXT];
    const char *comma = strchr(value, ',');
    size_t len = comma != NULL ? (size_t)(comma - value) : sizeof address;
    if (len >= sizeof address || ip->host_count == MNET_HOSTS_MAX)
        return false;
    memcpy(address, value, len);
    address[len] = '\0';
    struct mnet_host *host = &ip->hosts[ip->host_count];
    if (mnet_address_parse(address, &host->address) < 0 || !mn_config_dns_ok(host->address) ||
        !mn_config_domain_ok(comma + 1))
        return false;
    host->name = comma + 1;
    ip->host_count++;
    return true;
}

static bool set_ntp(struct mn_options *options, const char *value)
{
    struct mnet_ip_config *ip = &options->config.ip;
    if (ip->ntp_count == MNET_SNTP_SERVERS_MAX || !mn_config_server_ok(value))
        return false;
    ip->ntp[ip->ntp_count++] = value;
    return true;
}

static unsigned unit_shift(char unit)
{
    switch (unit) {
    case 'K': return 10;
    case 'M': return 20;
    case 'G': return 30;
    default: return 0;
    }
}

static bool set_memory(struct mn_options *options, const char *value)
{
    size_t size = 0;
    const char *at = value;
    for (; *at >= '0' && *at <= '9'; at++) {
        size_t digit = (size_t)(*at - '0');
        if (size > (SIZE_MAX - digit) / 10)
            return false;
        size = size * 10 + digit;
    }
    unsigned shift = unit_shift(*at);
    if (at == value || size > SIZE_MAX >> shift || at[shift > 0 ? 1 : 0] != '\0')
        return false;
    size <<= shift;
    if (size < MNET_MEMORY_MINIMUM)
        return false;
    options->config.memory_size = size;
    return true;
}

static bool set_log(struct mn_options *options, const char *value)
{
    static const char *const levels[] = {[MNET_LOG_ERROR] = "error",
                                         [MNET_LOG_WARNING] = "warning",
                                         [MNET_LOG_INFO] = "info",
                                         [MNET_LOG_DEBUG] = "debug"};
    for (size_t i = 0; i < MN_COUNT_OF(levels); i++) {
        if (strcmp(value, levels[i]) == 0) {
            options->config.log.level = (enum mnet_log_level)i;
            options->log_given = true;
            return true;
        }
    }
    return false;
}

/* The place of `value` among the names; NULL names are nobody's. */
static bool choose(const char *const *names, size_t count, const char *value, unsigned *chosen)
{
    for (unsigned i = 0; i < count; i++) {
        if (names[i] != NULL && strcmp(value, names[i]) == 0) {
            *chosen = i;
            return true;
        }
    }
    return false;
}

static bool set_congestion(struct mn_options *options, const char *value)
{
    static const char *const names[] = {
        [MNET_CONGESTION_CUBIC] = "cubic", [MNET_CONGESTION_RENO] = "reno", [MNET_CONGESTION_BBR] = "bbr"};
    unsigned chosen = MNET_CONGESTION_DEFAULT;
    bool ok = choose(names, MN_COUNT_OF(names), value, &chosen);
    options->config.tcp.congestion = (enum mnet_congestion)chosen;
    return ok;
}

static bool set_ecn(struct mn_options *options, const char *value)
{
    static const char *const names[] = {[MNET_ECN_OFF] = "off", [MNET_ECN_PASSIVE] = "passive", [MNET_ECN_ON] = "on"};
    unsigned chosen = MNET_ECN_DEFAULT;
    bool ok = choose(names, MN_COUNT_OF(names), value, &chosen);
    options->config.tcp.ecn = (enum mnet_ecn)chosen;
    return ok;
}

static bool set_capture(struct mn_options *options, const char *value)
{
    options->capture = value;
    return value[0] != '\0';
}

static bool set_status(struct mn_options *options, const char *value)
{
    options->status = value;
    return value[0] != '\0';
}

static bool set_cores(struct mn_options *options, const char *value)
{
    unsigned cores = 0;
    const char *at = value;
    for (; *at >= '0' && *at <= '9' && cores <= MN_OPTIONS_CORES; at++)
        cores = cores * 10 + (unsigned)(*at - '0');
    options->cores = (uint16_t)cores;
    return cores >= 1 && cores <= MN_OPTIONS_CORES && *at == '\0';
}

static bool set_net(struct mn_options *options, const char *value)
{
    const char *equals = strchr(value, '=');
    for (unsigned i = 0; equals != NULL && i < options->net_count; i++) {
        size_t len = options->nets[i].name_len;
        if (len == (size_t)(equals - value) && memcmp(options->nets[i].name, value, len) == 0)
            return false;
    }
    if (equals == NULL || equals == value || equals[1] == '\0' || options->net_count == MN_OPTIONS_NETS)
        return false;
    options->nets[options->net_count++] = (struct mn_net_option){value, equals + 1, (size_t)(equals - value)};
    return true;
}

static bool set_address_probe(struct mn_options *options, const char *value)
{
    (void)value;
    return options->config.ip.address_probe = true;
}

static bool set_dhcp(struct mn_options *options, const char *value)
{
    (void)value;
    return options->config.ip.dhcp = true;
}

static bool set_no_checksum_offload(struct mn_options *options, const char *value)
{
    (void)value;
    return options->config.no_checksum_offload = true;
}

static bool set_no_segmentation_offload(struct mn_options *options, const char *value)
{
    (void)value;
    return options->config.no_segmentation_offload = true;
}

static bool set_no_coalescing(struct mn_options *options, const char *value)
{
    (void)value;
    return options->config.no_coalescing = true;
}

static bool set_no_tcp_timestamps(struct mn_options *options, const char *value)
{
    (void)value;
    return options->config.tcp.no_timestamps = true;
}

static bool set_no_tcp_sack(struct mn_options *options, const char *value)
{
    (void)value;
    return options->config.tcp.no_sack = true;
}

static bool set_no_tcp_window_scale(struct mn_options *options, const char *value)
{
    (void)value;
    return options->config.tcp.no_window_scale = true;
}

static bool set_no_tcp_syn_cookies(struct mn_options *options, const char *value)
{
    (void)value;
    return options->config.tcp.no_syn_cookies = true;
}

static bool set_no_tcp_shedding(struct mn_options *options, const char *value)
{
    (void)value;
    return options->config.tcp.no_shedding = true;
}

static bool set_no_tcp_plpmtud(struct mn_options *options, const char *value)
{
    (void)value;
    return options->config.tcp.no_plpmtud = true;
}

static bool set_help(struct mn_options *options, const char *value)
{
    (void)value;
    return options->help = true;
}

static bool set_version(struct mn_options *options, const char *value)
{
    (void)value;
    return options->version = true;
}

/* A limit in a text of the table. */
#define TEXT(macro) TEXT_OF(macro)
#define TEXT_OF(value) #value
static_assert(MNET_MEMORY_MINIMUM == 1u << 20, "the table says 1M");

const struct mn_option mn_options_table[] = {
    {"--ipv4=", "ADDRESS/LENGTH", "own address and network, such as 10.0.0.2/24",
     "an address of a host and the length of its network, such as 10.0.0.2/24", set_ipv4, false},
    {"--ipv4-gateway=", "ADDRESS", "router for all other networks", "the address of a router, such as 10.0.0.1",
     set_gateway, false},
    {"--ipv6=", "ADDRESS/LENGTH",
     "own IPv6 address and network, such as 2001:db8::2/64; default auto: as routers advertise",
     "an address of a host and the length of its network, such as 2001:db8::2/64, or auto", set_ipv6, false},
    {"--ipv6-gateway=", "ADDRESS", "router for all other networks of IPv6",
     "the address of a router, without a zone, such as fe80::1", set_ipv6_gateway, false},
    {"--no-ipv6", NULL, "do not speak IPv6", NULL, set_no_ipv6, false},
    {"--route=", "PREFIX[,GATEWAY]", "router for one network, such as 10.1.0.0/16,10.0.0.1; no router: on the link",
     "a network, and a router unless it is on the link, such as 10.1.0.0/16,10.0.0.1, at most " TEXT(
         MNET_ROUTES_MAX) " times",
     set_route, true},
    {"--dns=", "ADDRESS", "DNS server, before those that DHCP and routers tell of",
     "the address of a server, such as 10.0.0.1, at most " TEXT(MNET_DNS_MAX) " times", set_dns, true},
    {"--search=", "DOMAIN", "domain of hosts whose names have no dot, such as lab.example",
     "a domain, such as lab.example, at most " TEXT(MNET_DNS_MAX) " times", set_search, true},
    {"--host=", "ADDRESS,NAME", "the address of a name, such as 10.0.0.5,db.example, in front of DNS",
     "an address and a name, such as 10.0.0.5,db.example, at most " TEXT(MNET_HOSTS_MAX) " times", set_host, true},
    {"--ntp=", "SERVER", "time server of a program that asks some, besides those that DHCP tells of",
     "the name or address of a server, such as ntp.lab.example, at most " TEXT(MNET_SNTP_SERVERS_MAX) " times", set_ntp,
     true},
    {"--dhcp", NULL, "ask a DHCP server for address, routers and the rest", NULL, set_dhcp, false},
    {"--address-probe", NULL, "probe whether another station uses the address", NULL, set_address_probe, false},
    {"--net:", "NAME=DEVICE",
     "device behind NAME (\"service\"): tap0, new:tap0, tap0,mac=MAC, passt; in a machine 0, 1, MAC",
     "NAME=DEVICE, once for a NAME, at most " TEXT(MN_OPTIONS_NETS) " times", set_net, true},
    {"--cores=", "N", "a Linux process: so many threads, each with a stack and a queue of the device",
     "a number from 1 to " TEXT(MN_OPTIONS_CORES), set_cores, false},
    {"--memory=", "SIZE", "memory of a stack in bytes, or with K, M or G",
     "a size of at least 1M, in bytes or with K, M or G", set_memory, false},
    {"--congestion=", "NAME", "congestion control of connections: cubic, reno or bbr", "cubic, reno or bbr",
     set_congestion, false},
    {"--ecn=", "MODE", "congestion marks of routers: off, passive (if the peer asks) or on", "off, passive or on",
     set_ecn, false},
    {"--log=", "LEVEL", "error, warning, info or debug", "error, warning, info or debug", set_log, false},
    {"--status=", "FILE", "a socket at which mnet-ss may ask for the connections; in a machine: console",
     "the name of a file, or console in a machine", set_status, false},
    {"--capture=", "FILE", "record all frames as pcapng", "the name of a file", set_capture, false},
    {"--no-checksum-offload", NULL, "compute and verify checksums in software", NULL, set_no_checksum_offload, false},
    {"--no-segmentation-offload", NULL, "cut large segments in software", NULL, set_no_segmentation_offload, false},
    {"--no-coalescing", NULL, "do not merge received segments", NULL, set_no_coalescing, false},
    {"--no-tcp-timestamps", NULL, "no timestamps in TCP segments", NULL, set_no_tcp_timestamps, false},
    {"--no-tcp-sack", NULL, "no selective acknowledgements", NULL, set_no_tcp_sack, false},
    {"--no-tcp-window-scale", NULL, "no TCP windows above 64 KiB", NULL, set_no_tcp_window_scale, false},
    {"--no-tcp-syn-cookies", NULL, "no SYN cookies: a full table gives up its oldest half-open connection", NULL,
     set_no_tcp_syn_cookies, false},
    {"--no-tcp-shedding", NULL, "keep connections whose peers take nothing, even if memory is short", NULL,
     set_no_tcp_shedding, false},
    {"--no-tcp-plpmtud", NULL, "no path-MTU probing if large segments vanish", NULL, set_no_tcp_plpmtud, false},
    {"--help", NULL, "this text; also -h", NULL, set_help, true},
    {"-h", NULL, NULL, NULL, set_help, true},
    {"--version", NULL, "the version of the program, and of mnet", NULL, set_version, true},
};
const size_t mn_options_count = MN_COUNT_OF(mn_options_table);
static_assert(MN_COUNT_OF(mn_options_table) <= 64, "struct mn_options.given has a bit for each");

static bool has_route(const struct mnet_config *config, bool ipv6)
{
    for (unsigned i = 0; i < config->ip.route_count; i++)
        if (mn_route_is_ipv6(&config->ip.routes[i]) == ipv6)
            return true;
    return false;
}

/* Two options that exclude each other; no `other`, no conflict. */
static int refuse_both(const char *option, const char *other, char *error, size_t size)
{
    if (other == NULL)
        return MNET_OK;
    mn_format(error, size, "%s and %s: expected only one of them", option, other);
    return MNET_E_INVALID;
}

/* Checks the rules that no option can check alone: either a DHCP server gives address and routers
 * of IPv4, or the command line does; and without IPv6 there is nothing of it. */
static int check_sources(const struct mn_options *options, char *error, size_t size)
{
    const struct mnet_config *config = &options->config;
    const struct mnet_ip_config *ip = &config->ip;
    const char *of_ipv4 = ip->ipv4.length != 0                    ? "--ipv4"
                          : !mn_address_is_any(&ip->ipv4_gateway) ? "--ipv4-gateway"
                          : has_route(config, false)              ? "--route"
                                                                  : NULL;
    const char *of_ipv6 = ip->ipv6.length != 0 || ip->ipv6_auto   ? "--ipv6"
                          : !mn_address_is_any(&ip->ipv6_gateway) ? "--ipv6-gateway"
                          : has_route(config, true)               ? "--route of IPv6"
                                                                  : NULL;
    int result = ip->dhcp ? refuse_both("--dhcp", of_ipv4, error, size) : MNET_OK;
    return result == MNET_OK && ip->no_ipv6 ? refuse_both("--no-ipv6", of_ipv6, error, size) : result;
}

/* A gateway is on the link, and is not this host (mn_config_gateway_ok). Without a gateway a route
 * of IPv4 needs no more than an own address, and one of IPv6 nothing. */
static int check_gateway(const struct mnet_config *config, const char *option, bool ipv6, struct mnet_address gateway,
                         char *error, size_t size)
{
    bool nameless = !ipv6 && !mn_config_has_ipv4(config);
    bool none = mn_address_is_any(&gateway);
    if (!nameless && (none || mn_config_gateway_ok(config, gateway)))
        return MNET_OK;
    char text[MNET_ADDRESS_TEXT];
    mnet_address_format(gateway, text, sizeof text);
    if (none)
        mn_format(error, size, "%s: needs --ipv4=ADDRESS/LENGTH", option);
    else if (nameless)
        mn_format(error, size, "%s: the gateway %s needs --ipv4=ADDRESS/LENGTH", option, text);
    else if (ipv6 && config->ip.ipv6.length == 0)
        mn_format(error, size,
                  "%s: the gateway %s is neither link-local nor on the link by --ipv6=ADDRESS/LENGTH or a --route",
                  option, text);
    else
        mn_format(error, size,
                  "%s: the gateway %s is no other host of the network given with %s, nor of a --route on the link",
                  option, text, ipv6 ? "--ipv6" : "--ipv4");
    return MNET_E_INVALID;
}

static int check_gateways(const struct mn_options *options, char *error, size_t size)
{
    const struct mnet_config *config = &options->config;
    const struct mnet_ip_config *ip = &config->ip;
    int result = MNET_OK;
    for (unsigned i = 0; i < ip->route_count && result == MNET_OK; i++)
        result = check_gateway(config, "--route", mn_route_is_ipv6(&ip->routes[i]), ip->routes[i].gateway, error, size);
    if (result == MNET_OK && !mn_address_is_any(&ip->ipv4_gateway))
        result = check_gateway(config, "--ipv4-gateway", false, ip->ipv4_gateway, error, size);
    if (result == MNET_OK && !mn_address_is_any(&ip->ipv6_gateway))
        result = check_gateway(config, "--ipv6-gateway", true, ip->ipv6_gateway, error, size);
    return result;
}

int mn_options_check(const struct mn_options *options, char *error, size_t size)
{
    int result = check_sources(options, error, size);
    return result < 0 ? result : check_gateways(options, error, size);
}
