/* The standard command-line options. */
#include "stack/options.h"

#include <string.h>

#include "base/base.h"
#include "base/format.h"

const char mn_options_help[] =
    "Standard options:\n"
    "  --ipv4=ADDRESS/LENGTH        own address and network, such as 10.0.0.2/24\n"
    "  --ipv4-gateway=ADDRESS       router for all other networks\n"
    "  --route=PREFIX,GATEWAY       router for one network, such as 10.1.0.0/16,10.0.0.1 (repeatable)\n"
    "  --dhcp                       ask a DHCP server for address, routers and the rest\n"
    "  --address-probe              make sure that nobody else uses the address\n"
    "  --net:NAME=DEVICE            the host's interface behind the device NAME; \"service\" is the usual name\n"
    "  --memory=SIZE                memory of a stack in bytes, or with K, M or G\n"
    "  --congestion=NAME            congestion control of connections: cubic, reno or bbr\n"
    "  --ecn=MODE                   congestion marks of routers: off, passive (where the peer asks) or on\n"
    "  --log=LEVEL                  error, warning, info or debug\n"
    "  --capture=FILE               record all frames as pcapng\n"
    "  --no-checksum-offload        compute and verify checksums in software\n"
    "  --no-segmentation-offload    cut large segments in software\n"
    "  --no-coalescing              do not merge received segments\n"
    "  --no-tcp-timestamps          no timestamps in TCP segments\n"
    "  --no-tcp-sack                no selective acknowledgements\n"
    "  --no-tcp-window-scale        no TCP windows above 64 KiB\n"
    "  --no-tcp-syn-cookies         a full table of half-open connections gives up its oldest\n"
    "  --no-tcp-plpmtud             no smaller segments where large ones vanish in silence\n"
    "  --help                       this text\n";

/* One option: what it begins with, what it expects, and what it does. Those that end in '=' or ':' have a value. */
struct option {
    const char *name;
    bool (*set)(struct mn_options *options, const char *value);
    const char *expects;
};

static bool set_ipv4(struct mn_options *options, const char *value)
{
    struct mnet_prefix prefix;
    if (mnet_prefix_parse(value, &prefix) < 0 || strchr(value, '/') == NULL)
        return false;
    if (!mnet_address_is_ipv4(prefix.address) || prefix.length < 1 || mnet_address_is_any(prefix.address) ||
        mnet_address_is_multicast(prefix.address))
        return false;
    uint32_t host_mask = prefix.length >= 31 ? 0 : UINT32_MAX >> prefix.length;
    uint32_t host = mnet_address_to_ipv4(prefix.address) & host_mask;
    if (host_mask != 0 && (host == 0 || host == host_mask))
        return false; /* the network itself, or everybody in it */
    options->config.ipv4 = prefix;
    return true;
}

static bool parse_gateway(const char *text, struct mnet_address *gateway)
{
    struct mnet_address address;
    if (mnet_address_parse(text, &address) < 0 || !mnet_address_is_ipv4(address) || mnet_address_is_any(address) ||
        mnet_address_is_multicast(address))
        return false;
    *gateway = address;
    return true;
}

static bool set_gateway(struct mn_options *options, const char *value)
{
    return parse_gateway(value, &options->config.ipv4_gateway);
}

static bool set_route(struct mn_options *options, const char *value)
{
    char prefix[MNET_ADDRESS_TEXT + 4];
    const char *comma = strchr(value, ',');
    struct mnet_config *config = &options->config;
    if (comma == NULL || (size_t)(comma - value) >= sizeof prefix || config->route_count == MNET_ROUTES_MAX)
        return false;
    memcpy(prefix, value, (size_t)(comma - value));
    prefix[comma - value] = '\0';
    struct mnet_route *route = &config->routes[config->route_count];
    if (mnet_prefix_parse(prefix, &route->destination) < 0 || strchr(prefix, '/') == NULL ||
        !mnet_address_is_ipv4(route->destination.address) || !parse_gateway(comma + 1, &route->gateway))
        return false;
    config->route_count++;
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
    options->config.tcp_congestion = (enum mnet_congestion)chosen;
    return ok;
}

static bool set_ecn(struct mn_options *options, const char *value)
{
    static const char *const names[] = {[MNET_ECN_OFF] = "off", [MNET_ECN_PASSIVE] = "passive", [MNET_ECN_ON] = "on"};
    unsigned chosen = MNET_ECN_DEFAULT;
    bool ok = choose(names, MN_COUNT_OF(names), value, &chosen);
    options->config.tcp_ecn = (enum mnet_ecn)chosen;
    return ok;
}

static bool set_capture(struct mn_options *options, const char *value)
{
    options->capture = value;
    return value[0] != '\0';
}

static bool set_net(struct mn_options *options, const char *value)
{
    const char *equals = strchr(value, '=');
    if (equals == NULL || equals == value || equals[1] == '\0' || options->net_count == MN_OPTIONS_NETS)
        return false;
    options->nets[options->net_count++] = (struct mn_net){value, equals + 1, (size_t)(equals - value)};
    return true;
}

static bool set_address_probe(struct mn_options *options, const char *value)
{
    (void)value;
    return options->config.address_probe = true;
}

static bool set_dhcp(struct mn_options *options, const char *value)
{
    (void)value;
    return options->config.dhcp = true;
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
    return options->config.tcp_no_timestamps = true;
}

static bool set_no_tcp_sack(struct mn_options *options, const char *value)
{
    (void)value;
    return options->config.tcp_no_sack = true;
}

static bool set_no_tcp_window_scale(struct mn_options *options, const char *value)
{
    (void)value;
    return options->config.tcp_no_window_scale = true;
}

static bool set_no_tcp_syn_cookies(struct mn_options *options, const char *value)
{
    (void)value;
    return options->config.tcp_no_syn_cookies = true;
}

static bool set_no_tcp_plpmtud(struct mn_options *options, const char *value)
{
    (void)value;
    return options->config.tcp_no_plpmtud = true;
}

static bool set_help(struct mn_options *options, const char *value)
{
    (void)value;
    return options->help = true;
}

static const struct option known[] = {
    {"--ipv4=", set_ipv4, "an address of a host and the length of its network, such as 10.0.0.2/24"},
    {"--ipv4-gateway=", set_gateway, "the address of a router, such as 10.0.0.1"},
    {"--route=", set_route, "a network and a router, such as 10.1.0.0/16,10.0.0.1, at most 16 times"},
    {"--memory=", set_memory, "a size of at least 1M, in bytes or with K, M or G"},
    {"--congestion=", set_congestion, "cubic, reno or bbr"},
    {"--ecn=", set_ecn, "off, passive or on"},
    {"--log=", set_log, "error, warning, info or debug"},
    {"--capture=", set_capture, "the name of a file"},
    {"--net:", set_net, "NAME=DEVICE, at most 8 times"},
    {"--dhcp", set_dhcp, "no value"},
    {"--address-probe", set_address_probe, "no value"},
    {"--no-checksum-offload", set_no_checksum_offload, "no value"},
    {"--no-segmentation-offload", set_no_segmentation_offload, "no value"},
    {"--no-coalescing", set_no_coalescing, "no value"},
    {"--no-tcp-timestamps", set_no_tcp_timestamps, "no value"},
    {"--no-tcp-sack", set_no_tcp_sack, "no value"},
    {"--no-tcp-window-scale", set_no_tcp_window_scale, "no value"},
    {"--no-tcp-syn-cookies", set_no_tcp_syn_cookies, "no value"},
    {"--no-tcp-plpmtud", set_no_tcp_plpmtud, "no value"},
    {"--help", set_help, "no value"},
};

enum match {
    MATCH_NONE,
    MATCH_VALUE,   /* *value is what follows the name, "" for an option without a value */
    MATCH_MISSING, /* the option is there but its value is not, or the other way round */
};

/* "--log" without a value, and "--help=x" with one, are recognised in order to be refused. */
static enum match match_option(const struct option *option, const char *argument, const char **value)
{
    size_t len = strlen(option->name);
    char last = option->name[len - 1];
    bool takes_value = last == '=' || last == ':';
    size_t word = takes_value ? len - 1 : len;
    if (strncmp(argument, option->name, word) != 0)
        return MATCH_NONE;
    if (takes_value && argument[word] == last) {
        *value = argument + len;
        return MATCH_VALUE;
    }
    if (argument[word] == '\0') {
        *value = "";
        return takes_value ? MATCH_MISSING : MATCH_VALUE;
    }
    return !takes_value && argument[word] == '=' ? MATCH_MISSING : MATCH_NONE;
}

/* 1 where the argument was a standard option, 0 where it was not, MNET_E_INVALID where it was a wrong one. */
static int parse_argument(struct mn_options *options, const char *argument, char *error, size_t size)
{
    for (size_t i = 0; i < MN_COUNT_OF(known); i++) {
        const char *value;
        enum match match = match_option(&known[i], argument, &value);
        if (match == MATCH_NONE)
            continue;
        if (match == MATCH_VALUE && known[i].set(options, value))
            return 1;
        mn_format(error, size, "%.60s: expected %s", argument, known[i].expects);
        return MNET_E_INVALID;
    }
    return 0;
}

/* What no option can see alone: either a server says what the address is or we do, ... */
static int check_sources(const struct mn_options *options, char *error, size_t size)
{
    if (!options->config.dhcp || options->config.ipv4.length == 0)
        return MNET_OK;
    mn_format(error, size, "--dhcp and --ipv4: expected only one of them");
    return MNET_E_INVALID;
}

/* ... and a gateway must be on the link, and not ourselves. */
static int check_gateways(const struct mn_options *options, char *error, size_t size)
{
    const struct mnet_config *config = &options->config;
    for (unsigned i = 0; i <= config->route_count; i++) {
        bool of_route = i < config->route_count;
        struct mnet_address gateway = of_route ? config->routes[i].gateway : config->ipv4_gateway;
        if (mnet_address_is_any(gateway))
            continue;
        char text[MNET_ADDRESS_TEXT];
        const char *wrong = NULL;
        if (config->ipv4.length == 0)
            wrong = "needs --ipv4=ADDRESS/LENGTH";
        else if (!mnet_prefix_contains(config->ipv4, gateway) || mnet_address_equal(gateway, config->ipv4.address))
            wrong = "is no other host of the network given with --ipv4";
        if (wrong == NULL)
            continue;
        mn_format(error, size, "%s: the gateway %s %s", of_route ? "--route" : "--ipv4-gateway",
                  mnet_address_format(gateway, text, sizeof text), wrong);
        return MNET_E_INVALID;
    }
    return MNET_OK;
}

int mn_options_parse(struct mn_options *options, int *argc, char **argv, char *error, size_t size)
{
    int kept = *argc < 1 ? 0 : 1, at = kept;
    *options = (struct mn_options){0};
    for (; at < *argc && strcmp(argv[at], "--") != 0; at++) {
        int taken = parse_argument(options, argv[at], error, size);
        if (taken < 0)
            return taken;
        if (taken == 0)
            argv[kept++] = argv[at];
    }
    while (at < *argc)
        argv[kept++] = argv[at++];
    argv[kept] = NULL;
    *argc = kept;
    if (options->help)
        return MNET_OK;
    int result = check_sources(options, error, size);
    return result < 0 ? result : check_gateways(options, error, size);
}
