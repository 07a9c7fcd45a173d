/* The network layer as a whole: configuration, queues, timers. The work is in input.c and output.c. */
#include "ip/internal.h"

#include "wire/icmpv4.h"

#define MTU_MIN 68     /* RFC 791 3.2 */
#define TTL_DEFAULT 64 /* RFC 1700 */
#define NEIGHBOURS_DEFAULT 256
#define REASSEMBLY_DATAGRAMS_DEFAULT 32

static struct mn_hash_key new_key(struct mn_random *random)
{
    uint64_t k0 = mn_random_u64(random);
    return (struct mn_hash_key){k0, mn_random_u64(random)};
}

/* RFC 1122 3.2.1.3: whether one host can have this address. */
static bool is_host_address(uint32_t address)
{
    return !mn_ipv4_is_this_network(address) && !mn_ipv4_is_loopback(address) && !mn_ipv4_is_multicast(address) &&
           address != MN_IPV4_LIMITED_BROADCAST;
}

/* The own address and network. Networks of /31 (RFC 3021) and /32 have no broadcast address. */
static bool set_address(struct mn_ip_own *own, const struct mnet_prefix *prefix)
{
    if (mnet_address_is_any(prefix->address)) {
        own->state = MN_IP_ADDRESS_NONE;
        return true;
    }
    if (!mnet_address_is_ipv4(prefix->address) || prefix->length == 0 || prefix->length > 32)
        return false;
    own->address = mnet_address_to_ipv4(prefix->address);
    own->mask = mn_route_mask(prefix->length);
    own->network = own->address & own->mask;
    if (!is_host_address(own->address))
        return false;
    if (prefix->length >= 31)
        return true;
    own->broadcast = own->network | ~own->mask;
    return own->address != own->broadcast && own->address != own->network;
}

/* A gateway is another host, and on the link. */
static bool gateway_is_valid(const struct mn_ip *ip, uint32_t gateway)
{
    return is_host_address(gateway) && gateway != ip->own.address && !mn_ip_is_broadcast_value(ip, gateway) &&
           mn_routes_on_link(&ip->routes, gateway);
}

/* Adds the configured routes that are on the link, or those that are not. */
static bool add_configured(struct mn_ip *ip, const struct mn_ip_config *config, bool on_link)
{
    for (unsigned i = 0; i < config->route_count; i++) {
        const struct mnet_route *route = &config->routes[i];
        if (mnet_address_is_any(route->gateway) != on_link)
            continue;
        bool any = mnet_address_is_any(route->destination.address);
        if (!any && !mnet_address_is_ipv4(route->destination.address))
            return false;
        uint32_t gateway = mnet_address_to_ipv4(route->gateway);
        if (!on_link && (!mnet_address_is_ipv4(route->gateway) || !gateway_is_valid(ip, gateway)))
            return false;
        uint32_t network = mnet_address_to_ipv4(route->destination.address);
        if (!mn_routes_add(&ip->routes, network, route->destination.length, gateway))
            return false;
    }
    return true;
}

/* First what is on the link, then what lies behind a gateway. */
static bool set_routes(struct mn_ip *ip, const struct mn_ip_config *config)
{
    bool has_gateway = !mnet_address_is_any(config->ipv4_gateway);
    uint32_t gateway = mnet_address_to_ipv4(config->ipv4_gateway);
    if (config->route_count > MNET_ROUTES_MAX || (has_gateway && !mnet_address_is_ipv4(config->ipv4_gateway)))
        return false;
    if (ip->own.address == 0)
        return !has_gateway && config->route_count == 0;
    unsigned length = config->ipv4.length;
    if (length < 32 && !mn_routes_add(&ip->routes, ip->own.network, length, 0))
        return false;
    /* A host with a /32 has its gateway on the link without a network to say so. */
    if (length == 32 && has_gateway && !mn_routes_add(&ip->routes, gateway, 32, 0))
        return false;
    if (!add_configured(ip, config, true) || !add_configured(ip, config, false))
        return false;
    return !has_gateway || (gateway_is_valid(ip, gateway) && mn_routes_add(&ip->routes, 0, 0, gateway));
}

int mn_ip_init(struct mn_ip *ip, const struct mn_ip_config *config)
{
    *ip = (struct mn_ip){
        .memory = config->memory,
        .counters = config->counters,
        .log = config->log,
        .random = config->random,
        .mac = config->mac,
        .mtu = config->mtu,
        .ttl = config->ttl != 0 ? config->ttl : TTL_DEFAULT,
    };
    if (config->mtu < MTU_MIN || !set_address(&ip->own, &config->ipv4) || !set_routes(ip, config))
        return MNET_E_INVALID;
    mn_wheel_init(&ip->wheel, config->now);
    unsigned neighbours_max = config->neighbours_max != 0 ? config->neighbours_max : NEIGHBOURS_DEFAULT;
    mn_neighbours_init(&ip->neighbours, ip->memory, &ip->wheel, ip->counters, new_key(ip->random), neighbours_max,
                       MN_IP_TIMER_NEIGHBOUR);
    struct mn_reassembly_limits limits = {config->reassembly_datagrams_max, config->reassembly_bytes_max};
    if (limits.datagrams_max == 0)
        limits.datagrams_max = REASSEMBLY_DATAGRAMS_DEFAULT;
    if (limits.bytes_max == 0)
        limits.bytes_max = mnet_memory_budget(ip->memory) / 32;
    mn_reassembly_init(&ip->reassembly, ip->memory, &ip->wheel, ip->counters, new_key(ip->random), limits,
                       MN_IP_TIMER_REASSEMBLY);
    ip->identification.key = new_key(ip->random);
    ip->icmp_limit = (struct mn_ip_limit){.credit_ns = UINT64_MAX / 2, .filled_ns = config->now}; /* full */
    if (ip->own.address != 0)
        mn_ip_address_start(ip, config->address_probe, config->now);
    return 0;
}

void mn_ip_deinit(struct mn_ip *ip)
{
    mn_neighbours_deinit(&ip->neighbours);
    mn_reassembly_deinit(&ip->reassembly);
    mn_wheel_cancel(&ip->wheel, &ip->own.timer);
    mn_packet_queue_clear(&ip->transmit);
    mn_packet_queue_clear(&ip->loopback);
    mn_packet_queue_clear(&ip->failed);
}

bool mn_ip_is_own(const struct mn_ip *ip, struct mnet_address address)
{
    if (!mnet_address_is_ipv4(address))
        return false;
    uint32_t value = mnet_address_to_ipv4(address);
    return mn_ip_is_own_value(ip, value) || mn_ipv4_is_loopback(value);
}

bool mn_ip_is_broadcast(const struct mn_ip *ip, struct mnet_address address)
{
    return mnet_address_is_ipv4(address) && mn_ip_is_broadcast_value(ip, mnet_address_to_ipv4(address));
}

enum mn_ip_address_state mn_ip_address_state(const struct mn_ip *ip)
{
    return ip->own.state;
}

struct mnet_packet *mn_ip_transmit(struct mn_ip *ip)
{
    return mn_packet_queue_take(&ip->transmit);
}

/* Describes our own packet, IP header first, as the transport knows it; false where no transport waits for word. */
static bool describe_failure(struct mnet_packet *packet, struct mn_icmp_error *error)
{
    struct mn_ipv4 header;
    if (mn_ipv4_parse(packet->data, packet->len, packet->total, &header) != MN_PARSE_OK)
        return false;
    if (header.protocol == MN_PROTOCOL_ICMP || header.fragment_offset != 0)
        return false;
    mnet_packet_pull(packet, header.header_len);
    *error = (struct mn_icmp_error){
        .reason = MN_UNREACHABLE_NEIGHBOUR,
        .protocol = header.protocol,
        .local = mnet_address_from_ipv4(header.source),
        .remote = mnet_address_from_ipv4(header.destination),
        .quote = packet->data,
        .quote_len = packet->len,
        .reporter = mnet_address_from_ipv4(header.source),
    };
    return packet->len >= 8;
}

struct mnet_packet *mn_ip_next_error(struct mn_ip *ip, struct mn_icmp_error *error)
{
    for (struct mnet_packet *packet; (packet = mn_packet_queue_take(&ip->failed)) != NULL;) {
        if (describe_failure(packet, error))
            return packet;
        mnet_packet_free(packet);
    }
    return NULL;
}

/* RFC 792: time exceeded, code 1, where the first fragment is there to be quoted. */
static void reassembly_timer(struct mn_ip *ip, struct mn_timer *timer, uint64_t now)
{
    struct mn_datagram datagram;
    struct mnet_packet *first = mn_reassembly_expire(&ip->reassembly, timer, &datagram);
    if (first == NULL)
        return;
    mn_ip_icmp_send_error(ip, first, &datagram, MN_ICMPV4_TIME_EXCEEDED, 1, now);
    mnet_packet_free(first);
}

void mn_ip_expire(struct mn_ip *ip, uint64_t now)
{
    for (struct mn_timer *timer; (timer = mn_wheel_expire(&ip->wheel, now)) != NULL;) {
        switch ((enum mn_ip_timer)timer->kind) {
        case MN_IP_TIMER_ADDRESS: mn_ip_address_timer(ip, now); break;
        case MN_IP_TIMER_NEIGHBOUR: mn_ip_neighbour_timer(ip, timer, now); break;
        case MN_IP_TIMER_REASSEMBLY: reassembly_timer(ip, timer, now); break;
        }
    }
}

uint64_t mn_ip_deadline(struct mn_ip *ip)
{
    return mn_wheel_deadline(&ip->wheel);
}
