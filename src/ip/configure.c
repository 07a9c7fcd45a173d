/* The own address and the routes: set when the host starts, or changed and taken back while it
 * runs, as by DHCP. */
#include "ip/v4/internal.h"
#include "ip/v6/internal.h"
#include "wire/frame.h"

/* Of a prefix of 0..32 bits. */
static uint32_t mask_of(unsigned length)
{
    return length == 0 ? 0 : UINT32_MAX << (32 - length);
}

/* Address and network. Networks of /31 (RFC 3021) and /32 have no broadcast address. */
static bool read_address(const struct mnet_prefix *prefix, struct mn_own_ipv4 *own)
{
    if (!mn_address_is_ipv4(&prefix->address) || prefix->length == 0 || prefix->length > 32)
        return false;
    uint32_t mask = mask_of(prefix->length);
    own->address = mn_address_to_ipv4(&prefix->address);
    own->network = own->address & mask;
    own->broadcast = prefix->length >= 31 ? 0 : own->network | ~mask;
    return mn_ipv4_is_host_of(own->address, prefix->length);
}

/* A gateway is another host, and on the link. */
static bool gateway_is_valid(const struct mn_ip *ip, struct mnet_address gateway)
{
    uint32_t value = mn_address_to_ipv4(&gateway);
    return mn_address_is_ipv4(&gateway) && mn_ipv4_is_host(value) && value != ip->own[MN_OWN_IPV4].v4.address &&
           !mn_ip_is_broadcast_value(ip, value) && mn_routes_on_link(&ip->routes, gateway);
}

static bool add_route(struct mn_ip *ip, const struct mnet_route *route)
{
    bool on_link = mn_address_is_any(&route->gateway);
    bool any = mn_address_is_any(&route->destination.address);
    if (!any && !mn_address_is_ipv4(&route->destination.address))
        return false;
    if (!on_link && !gateway_is_valid(ip, route->gateway))
        return false;
    struct mnet_prefix to = {any ? mnet_ipv4(0, 0, 0, 0) : route->destination.address, route->destination.length};
    return mn_routes_add(&ip->routes, to, route->gateway);
}

/* Adds the given routes that are on the link, or those that are not; says whether all were
 * possible. */
static bool add_routes(struct mn_ip *ip, const struct mn_ip_settings *settings, bool on_link)
{
    bool all = true;
    for (unsigned i = 0; i < settings->route_count; i++)
        if (!mn_route_is_ipv6(&settings->routes[i]) && mn_address_is_any(&settings->routes[i].gateway) == on_link)
            all &= add_route(ip, &settings->routes[i]);
    return all;
}

/* A host with a /32 has its gateways on the link, without a network to say so. */
static void add_gateway(struct mn_ip *ip, struct mnet_address gateway)
{
    uint32_t value = mn_address_to_ipv4(&gateway);
    if (mn_ipv4_is_host(value) && value != ip->own[MN_OWN_IPV4].v4.address && !mn_routes_on_link(&ip->routes, gateway))
        mn_routes_add(&ip->routes, (struct mnet_prefix){gateway, 32}, MNET_ADDRESS_ANY);
}

/* Adds the routes on the link first, and then those through a gateway. Returns true if all were
 * possible. */
static bool set_routes(struct mn_ip *ip, const struct mn_ip_settings *settings)
{
    bool has_gateway = !mn_address_is_any(&settings->ipv4_gateway);
    unsigned length = settings->ipv4.length;
    mn_routes_remove_ipv4(&ip->routes);
    if (length < 32)
        mn_routes_add(&ip->routes, settings->ipv4, MNET_ADDRESS_ANY);
    bool all = add_routes(ip, settings, true);
    if (length == 32) {
        add_gateway(ip, settings->ipv4_gateway);
        for (unsigned i = 0; i < settings->route_count; i++)
            add_gateway(ip, settings->routes[i].gateway);
    }
    all &= add_routes(ip, settings, false);
    if (!has_gateway)
        return all;
    const struct mnet_prefix everything = {mnet_ipv4(0, 0, 0, 0), 0};
    return gateway_is_valid(ip, settings->ipv4_gateway) &&
           mn_routes_add(&ip->routes, everything, settings->ipv4_gateway) && all;
}

/* Takes the address, if it is another one than before; then it has to be probed for, or
 * announced. */
static void set_address(struct mn_ip *ip, const struct mn_own_address *wanted, bool *same)
{
    struct mn_own_address *own = &ip->own[MN_OWN_IPV4];
    *same = (own->state == MN_IP_ADDRESS_PROBING || own->state == MN_IP_ADDRESS_OURS) &&
            own->v4.address == wanted->v4.address;
    if (!*same) {
        mn_ip_unconfigure(ip);
        *own = *wanted;
    }
    own->v4 = wanted->v4;
    own->prefix = wanted->prefix;
    own->leased = wanted->leased;
}

int mn_ip_configure(struct mn_ip *ip, const struct mn_ip_settings *settings, uint64_t now)
{
    struct mn_own_address wanted = {
        .prefix = settings->ipv4,
        .preferred_until_ns = MNET_NEVER,
        .valid_until_ns = MNET_NEVER,
        .leased = settings->leased,
    };
    bool same;
    ip->last_way.known = false;
    if (!read_address(&settings->ipv4, &wanted.v4) || settings->route_count > MNET_ROUTES_MAX)
        return MNET_E_INVALID;
    set_address(ip, &wanted, &same);
    if (!set_routes(ip, settings) && !settings->possible_routes_only) {
        mn_ip_unconfigure(ip);
        return MNET_E_INVALID;
    }
    if (same)
        return 0;
    if (settings->mtu != 0)
        ip->mtu = MN_MIN(settings->mtu, ip->link_mtu);
    mn_ipv6_set_link_mtu(ip, ip->mtu);
    mn_ip_note_link_mtu(ip);
    mn_ip_address_start(ip, &ip->own[MN_OWN_IPV4], settings->probe, now);
    return 0;
}

/* Frames from an address that is not ours any more, and requests for its neighbours. */
static void drop_ipv4_frames(struct mn_ip *ip)
{
    struct mn_packet_queue frames = ip->transmit;
    ip->transmit = (struct mn_packet_queue){0};
    for (struct mnet_packet *frame; (frame = mn_packet_queue_take(&frames)) != NULL;) {
        if (mn_frame_type(frame) == MN_ETHERTYPE_IPV6)
            mn_packet_queue_put(&ip->transmit, frame);
        else
            mnet_packet_free(frame);
    }
}

void mn_ip_unconfigure(struct mn_ip *ip)
{
    struct mn_own_address *own = &ip->own[MN_OWN_IPV4];
    mn_wheel_cancel(&ip->wheel, &own->timer);
    if (own->state != MN_IP_ADDRESS_NONE) {
        drop_ipv4_frames(ip);
        ip->changes++;
    }
    *own = (struct mn_own_address){0};
    mn_routes_remove_ipv4(&ip->routes);
    ip->last_way.known = false;
    ip->mtu = ip->link_mtu;
    mn_ipv6_set_link_mtu(ip, ip->mtu);
    mn_ip_note_link_mtu(ip);
    mn_neighbours_remove_family(&ip->neighbours, true); /* of a network that we may have left */
}

void mn_ip_open_port(struct mn_ip *ip, uint16_t port)
{
    ip->open_port = port;
}
