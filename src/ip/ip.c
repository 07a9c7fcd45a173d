/* The network layer as a whole: configuration, queues, timers. The work is in input.c and
 * output.c. */
#include "ip/v4/internal.h"
#include "ip/v6/internal.h"

#define MTU_MIN 68 /* RFC 791 3.2 */

static struct mn_hash_key new_key(struct mn_random *random)
{
    uint64_t k0 = mn_random_u64(random);
    return (struct mn_hash_key){k0, mn_random_u64(random)};
}

static bool has_ipv4_routes(const struct mnet_ip_config *config)
{
    for (unsigned i = 0; i < config->route_count; i++)
        if (!mn_route_is_ipv6(&config->routes[i]))
            return true;
    return false;
}

int mn_ip_init(struct mn_ip *ip, const struct mn_ip_config *config)
{
    const struct mnet_ip_config *user = &config->user;
    MN_ASSERT(user->ttl > 0 && user->neighbours_max > 0 && user->reassembly_datagrams_max > 0);
    MN_ASSERT(user->dad_transmits > 0 && user->dad_transmits <= MN_DAD_TRANSMITS_MAX && user->icmp_errors_per_s > 0);
    *ip = (struct mn_ip){
        .memory = config->memory,
        .counters = config->counters,
        .log = config->log,
        .random = config->random,
        .mac = config->mac,
        .mtu = config->mtu,
        .link_mtu = config->mtu,
        .spread = config->spread,
        .own_end = MN_OWN_LINK_LOCAL,
        .ttl = user->ttl,
        .no_unreachable = user->no_unreachable,
    };
    const struct mn_ip_settings settings = {
        .ipv4 = user->ipv4,
        .ipv4_gateway = user->ipv4_gateway,
        .routes = user->routes,
        .route_count = user->route_count,
        .probe = user->address_probe ? MN_IP_PROBE_FULL : MN_IP_PROBE_NONE,
    };
    if (config->mtu < MTU_MIN)
        return MNET_E_INVALID;
    mn_wheel_init(&ip->wheel, config->now);
    size_t waiting_max = MN_MAX(mnet_memory_budget(ip->memory) / MN_IP_WAITING_SHARE, MN_IP_WAITING_BYTES_LEAST);
    mn_neighbours_init(&ip->neighbours, ip->memory, &ip->wheel, ip->counters, new_key(ip->random), user->neighbours_max,
                       MN_MIN(waiting_max, MN_IP_WAITING_BYTES_MOST), MN_IP_TIMER_NEIGHBOUR);
    struct mn_reassembly_limits limits = {user->reassembly_datagrams_max, user->reassembly_bytes_max};
    mn_reassembly_init(&ip->reassembly, ip->memory, &ip->wheel, ip->counters, new_key(ip->random), limits,
                       MN_IP_TIMER_REASSEMBLY);
    mn_groups_init(ip);
    ip->identification.key = new_key(ip->random);
    const struct mn_path_mtu_config paths = {
        .memory = ip->memory,
        .wheel = &ip->wheel,
        .key = ip->reassembly.key,
        .max = MN_IP_PATH_MTUS_MAX,
        .age_ns = MN_PATH_MTU_AGE_NS,
        .link_mtu = ip->link_mtu,
        .timer_kind = MN_IP_TIMER_PATH_MTU,
    };
    mn_path_mtus_init(&ip->path_mtus, &paths);
    mn_ip_limit_errors(ip, user->icmp_errors_per_s, config->now);
    if (mn_address_is_any(&user->ipv4.address)) { /* there may be one later, and then routes */
        if (!mn_address_is_any(&user->ipv4_gateway) || has_ipv4_routes(user))
            return MNET_E_INVALID;
    } else {
        int result = mn_ip_configure(ip, &settings, config->now);
        if (result != 0)
            return result;
    }
    return mn_ipv6_start(ip, user, config->now);
}

void mn_ip_deinit(struct mn_ip *ip)
{
    mn_neighbours_deinit(&ip->neighbours);
    mn_reassembly_deinit(&ip->reassembly);
    mn_path_mtus_clear(&ip->path_mtus);
    for (unsigned i = 0; i < MN_OWN_MAX; i++)
        mn_wheel_cancel(&ip->wheel, &ip->own[i].timer);
    mn_wheel_cancel(&ip->wheel, &ip->groups.timer);
    mn_wheel_cancel(&ip->wheel, &ip->v6.timer);
    mn_packet_queue_clear(&ip->transmit);
    mn_packet_queue_clear(&ip->loopback);
    mn_packet_queue_clear(&ip->failed);
}

bool mn_ip_is_broadcast(const struct mn_ip *ip, struct mnet_address address)
{
    return mn_address_is_ipv4(&address) && mn_ip_is_broadcast_value(ip, mn_address_to_ipv4(&address));
}

uint16_t mn_ip_mtu(const struct mn_ip *ip)
{
    return ip->mtu;
}

bool mn_ip_awaits_neighbour(const struct mn_ip *ip)
{
    return ip->neighbours.pending > 0;
}

struct mnet_packet *mn_ip_transmit(struct mn_ip *ip)
{
    return mn_packet_queue_take(&ip->transmit);
}

struct mnet_packet *mn_ip_take_error(struct mn_ip *ip, struct mn_icmp_error *error)
{
    for (struct mnet_packet *packet; (packet = mn_packet_queue_take(&ip->failed)) != NULL;) {
        bool ipv4 = mn_ip_version(packet->data) == 4;
        if (ipv4 ? mn_ipv4_describe_failure(packet, error) : mn_ipv6_describe_failure(packet, error))
            return packet;
        mnet_packet_free(packet);
    }
    return NULL;
}

/* RFC 792, RFC 8200 4.5: the sender is told if the first fragment is there to be quoted. */
static void expire_reassembly(struct mn_ip *ip, struct mn_timer *timer, uint64_t now)
{
    struct mn_datagram datagram;
    struct mnet_packet *first = mn_reassembly_expire(&ip->reassembly, timer, &datagram);
    if (first == NULL)
        return;
    datagram.overheard = !mn_ip_answers(ip);
    if (mn_address_is_ipv4(&datagram.source))
        mn_icmpv4_send_reassembly_timeout(ip, first, &datagram, now);
    else
        mn_icmpv6_send_reassembly_timeout(ip, first, &datagram, now);
    mnet_packet_free(first);
}

static void expire_address(struct mn_ip *ip, struct mn_own_address *own, uint64_t now)
{
    if (own == &ip->own[MN_OWN_IPV4])
        mn_ip_address_expire(ip, own, now);
    else
        mn_ipv6_address_expire(ip, own, now);
}

void mn_ip_send_unreachable(struct mn_ip *ip, const struct mnet_packet *packet, const struct mn_datagram *datagram,
                            enum mn_unreachable reason, uint64_t now)
{
    if (ip->no_unreachable)
        return;
    if (mn_address_is_ipv4(&datagram->source))
        mn_icmpv4_send_unreachable(ip, packet, datagram, reason, now);
    else
        mn_icmpv6_send_unreachable(ip, packet, datagram, reason, now);
}

void mn_ip_relieve(struct mn_ip *ip)
{
    mn_reassembly_relieve(&ip->reassembly);
    mn_neighbours_relieve(&ip->neighbours);
}

/* Sends the packets of a failed neighbour another way. If there is none, reports them to their
 * transports. */
static void send_around(struct mn_ip *ip, uint64_t now)
{
    struct mn_ip_way way;
    for (struct mnet_packet *packet; (packet = mn_packet_queue_take(&ip->around)) != NULL;)
        if (mn_ipv6_find_way_again(ip, packet, &way))
            mn_ip_queue_frame(ip, mn_ip_make_frame(ip, packet, &way, now));
        else
            mn_ip_give_up(ip, packet);
}

void mn_ip_expire(struct mn_ip *ip, uint64_t now)
{
    for (struct mn_timer *timer; (timer = mn_wheel_expire(&ip->wheel, now)) != NULL;) {
        switch ((enum mn_ip_timer)timer->kind) {
        case MN_IP_TIMER_ADDRESS: expire_address(ip, MN_CONTAINER(timer, struct mn_own_address, timer), now); break;
        case MN_IP_TIMER_ROUTERS: mn_ipv6_discovery_expire(ip, now); break;
        case MN_IP_TIMER_NEIGHBOUR:
            mn_ip_neighbour_expire(ip, timer, now);
            send_around(ip, now);
            break;
        case MN_IP_TIMER_REASSEMBLY: expire_reassembly(ip, timer, now); break;
        case MN_IP_TIMER_PATH_MTU: mn_path_mtu_expire(&ip->path_mtus, timer); break;
        case MN_IP_TIMER_GROUPS: mn_groups_expire(ip, now); break;
        }
    }
}

MN_RARE void mn_ip_note_link_down(struct mn_ip *ip)
{
    ip->link_down = true;
}

MN_RARE void mn_ip_note_link_up(struct mn_ip *ip, uint64_t now)
{
    ip->link_down = false;
    mn_ip_neighbours_note_link_up(ip, now);
    mn_path_mtus_clear(&ip->path_mtus);
    mn_groups_note_link_up(ip, now);
    mn_ip_address_note_link_up(ip, &ip->own[MN_OWN_IPV4], now);
    for (unsigned i = MN_OWN_LINK_LOCAL; i < ip->own_end; i++)
        mn_ipv6_address_note_link_up(ip, &ip->own[i], now);
    if (ip->v6.on && ip->v6.discovers)
        mn_ipv6_discovery_note_link_up(ip, now);
}

uint64_t mn_ip_deadline(struct mn_ip *ip)
{
    return mn_wheel_deadline(&ip->wheel);
}
