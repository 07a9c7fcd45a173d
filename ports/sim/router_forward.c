/* Packets on their way through a simulated router, and the errors about those that end there (RFC
 * 1812, RFC 8200, RFC 4443). */
#include <string.h>

#include "base/checksum.h"
#include "ports/sim/router.h"
#include "wire/icmpv4.h"
#include "wire/nd.h"

#define QUOTE_IPV4 (576 - MN_IPV4_HEADER - MN_ICMPV4_HEADER)

static struct mnet_address next_hop_of(const struct mn_sim_route *route, struct mnet_address destination)
{
    return mnet_address_is_any(route->gateway) ? destination : route->gateway;
}

/* ---- Errors ---- */

/* Sends a packet of the router's own, IP header first, where its destination lies. */
static void send_own(struct mn_sim_interface *interface, struct mnet_address destination, const uint8_t *packet,
                     size_t len)
{
    const struct mn_sim_route *route = mn_sim_router_find(interface->router, destination);
    bool on_link = route == NULL || mn_ipv6_is_link_local(&destination);
    struct mn_sim_interface *out = on_link ? interface : route->interface;
    struct mn_sim_flight *frame = mn_sim_router_frame(out, len);
    if (frame == NULL)
        return;
    memcpy(mn_sim_router_packet(frame), packet, len);
    if (mn_ipv6_is_multicast(&destination))
        mn_sim_router_send(frame, mn_mac_of_group(&destination), MN_ETHERTYPE_IPV6);
    else
        mn_sim_router_pass(out, on_link ? destination : next_hop_of(route, destination), frame);
}

void mn_sim_router_message(struct mn_sim_interface *interface, struct mnet_address source,
                           struct mnet_address destination, uint8_t *message, size_t len)
{
    uint8_t packet[MN_SIM_ICMP_MAX];
    MN_ASSERT(MN_IPV6_HEADER + len <= sizeof packet);
    mn_icmpv6_set_checksum(message, len, &source, &destination);
    mn_ipv6_emit(packet, &(struct mn_ipv6){.source = source,
                                           .destination = destination,
                                           .payload_len = (uint16_t)len,
                                           .next_header = MN_PROTOCOL_ICMPV6,
                                           .hop_limit = MN_ND_HOP_LIMIT});
    memcpy(packet + MN_IPV6_HEADER, message, len);
    send_own(interface, destination, packet, MN_IPV6_HEADER + len);
}

/* RFC 4443 2.4 e */
static bool may_be_reported6(const uint8_t *packet, size_t len, const struct mn_ipv6 *ip)
{
    struct mn_ipv6_upper upper;
    return mn_ipv6_is_host(&ip->source) && mn_ipv6_find_upper(packet, len, ip, &upper) &&
           (upper.protocol != MN_PROTOCOL_ICMPV6 ||
            (upper.offset < len && !mn_icmpv6_is_beyond_errors(mn_icmpv6_type(packet + upper.offset))));
}

static void report6(struct mn_sim_interface *interface, const struct mn_icmpv6 *error, const uint8_t *packet,
                    size_t len, const struct mn_ipv6 *ip)
{
    uint8_t message[MN_SIM_ICMP_MAX - MN_IPV6_HEADER];
    size_t quote = MN_MIN(len, sizeof message - MN_ICMPV6_HEADER);
    if (interface->router->silent || !may_be_reported6(packet, len, ip))
        return;
    mn_icmpv6_emit(message, error, 0);
    memcpy(message + MN_ICMPV6_HEADER, packet, quote);
    bool global = interface->shape.ipv6.length > 0;
    mn_sim_router_message(interface, global ? interface->shape.ipv6.address : interface->link_local, ip->source,
                          message, MN_ICMPV6_HEADER + quote);
}

/* RFC 1122 3.2.2 */
static bool may_be_reported4(const uint8_t *packet, size_t len, const struct mn_ipv4 *ip)
{
    return ip->fragment_offset == 0 && ip->source != 0 &&
           (ip->protocol != MN_PROTOCOL_ICMP ||
            (len > MN_IPV4_HEADER && !mn_icmpv4_is_error(mn_icmpv4_type(packet + MN_IPV4_HEADER))));
}

static void report4(struct mn_sim_interface *interface, const struct mn_icmpv4 *error, const uint8_t *packet,
                    size_t len, const struct mn_ipv4 *ip)
{
    uint8_t answer[576];
    size_t quote = MN_MIN(len, (size_t)QUOTE_IPV4);
    uint8_t *message = answer + MN_IPV4_HEADER;
    if (interface->router->silent || interface->shape.ipv4.length == 0 || !may_be_reported4(packet, len, ip))
        return;
    mn_ipv4_emit(answer, &(struct mn_ipv4){.source = mnet_address_to_ipv4(interface->shape.ipv4.address),
                                           .destination = ip->source,
                                           .total_len = (uint16_t)(MN_IPV4_HEADER + MN_ICMPV4_HEADER + quote),
                                           .header_len = MN_IPV4_HEADER,
                                           .protocol = MN_PROTOCOL_ICMP,
                                           .ttl = 64});
    memcpy(message + MN_ICMPV4_HEADER, packet, quote);
    mn_icmpv4_emit(message, error, mn_sum(0, packet, quote));
    send_own(interface, mnet_address_from_ipv4(ip->source), answer, MN_IPV4_HEADER + MN_ICMPV4_HEADER + quote);
}

/* ---- IPv6 ---- */

/* RFC 4861 8.2: the source could have taken the packet there itself. */
static void redirect(struct mn_sim_interface *interface, const struct mn_sim_route *route, const struct mn_ipv6 *ip)
{
    struct mnet_sim_router *router = interface->router;
    const struct mn_sim_route *back = mn_sim_router_find(router, ip->source);
    if (!router->redirects || route->interface != interface || back == NULL || back->interface != interface ||
        !mnet_address_is_any(back->gateway))
        return;
    struct mnet_address target = next_hop_of(route, ip->destination);
    const struct mn_sim_neighbour *neighbour = mn_sim_router_known(interface, target);
    struct mn_nd nd = {.type = MN_ICMPV6_REDIRECT,
                       .target = target,
                       .destination = ip->destination,
                       .has_link_address = neighbour != NULL};
    if (neighbour != NULL)
        nd.link_address = neighbour->mac;
    uint8_t message[MN_ND_WRITE_MAX];
    struct mn_writer w = mn_writer(message, sizeof message);
    mn_nd_write(&w, &nd);
    mn_sim_router_message(interface, interface->link_local, ip->source, message, (size_t)(w.at - message));
    router->counts.redirects++;
}

static bool is_forwarded6(const struct mn_ipv6 *ip)
{
    return mn_ipv6_is_host(&ip->source) && mn_ipv6_is_host(&ip->destination) && !mn_ipv6_is_link_local(&ip->source) &&
           !mn_ipv6_is_link_local(&ip->destination);
}

/* Finds the route of a packet; NULL if it goes no further. */
static const struct mn_sim_route *route6(struct mn_sim_interface *interface, const uint8_t *packet, size_t len,
                                         const struct mn_ipv6 *ip)
{
    struct mnet_sim_router *router = interface->router;
    const struct mn_sim_route *route = mn_sim_router_find(router, ip->destination);
    struct mn_icmpv6 error = {.type = MN_ICMPV6_UNREACHABLE, .code = MN_ICMPV6_NO_ROUTE};
    if (route != NULL && ip->hop_limit > 1 && len <= route->interface->shape.mtu)
        return route;
    if (ip->hop_limit <= 1) {
        error = (struct mn_icmpv6){MN_ICMPV6_TIME_EXCEEDED, MN_ICMPV6_HOPS_EXCEEDED, 0};
    } else if (route != NULL) {
        error = (struct mn_icmpv6){MN_ICMPV6_PACKET_TOO_BIG, 0, route->interface->shape.mtu};
        router->counts.too_big++;
    }
    router->counts.no_route += error.type != MN_ICMPV6_PACKET_TOO_BIG;
    report6(interface, &error, packet, len, ip);
    return NULL;
}

static void forward6(struct mn_sim_interface *interface, const uint8_t *packet, size_t size)
{
    struct mn_ipv6 ip;
    if (mn_ipv6_parse(packet, size, size, &ip) != MN_PARSE_OK)
        return;
    size_t len = MN_IPV6_HEADER + (size_t)ip.payload_len;
    if (mn_ipv6_is_multicast(&ip.destination) || mn_sim_router_owns(interface->router, ip.destination)) {
        mn_sim_router_discovery(interface, packet + MN_IPV6_HEADER, ip.payload_len, &ip);
        return;
    }
    if (!is_forwarded6(&ip)) {
        interface->router->counts.no_route++;
        return;
    }
    const struct mn_sim_route *route = route6(interface, packet, len, &ip);
    struct mn_sim_flight *frame = route != NULL ? mn_sim_router_frame(route->interface, len) : NULL;
    if (frame == NULL)
        return;
    memcpy(mn_sim_router_packet(frame), packet, len);
    redirect(interface, route, &ip);
    ip.hop_limit--;
    mn_ipv6_emit(mn_sim_router_packet(frame), &ip);
    interface->router->counts.forwarded++;
    mn_sim_router_pass(route->interface, next_hop_of(route, ip.destination), frame);
}

/* ---- IPv4 ---- */

/* Sends `len` bytes of the payload at `offset` as a packet. */
static void send_piece(const struct mn_sim_route *route, const struct mn_ipv4 *whole, const uint8_t *payload,
                       size_t offset, size_t len)
{
    struct mn_ipv4 ip = *whole;
    struct mn_sim_flight *frame = mn_sim_router_frame(route->interface, MN_IPV4_HEADER + len);
    if (frame == NULL)
        return;
    ip.total_len = (uint16_t)(MN_IPV4_HEADER + len);
    ip.fragment_offset = (uint16_t)(whole->fragment_offset + offset);
    ip.more_fragments = whole->more_fragments || offset + len < (size_t)whole->total_len - MN_IPV4_HEADER;
    mn_ipv4_emit(mn_sim_router_packet(frame), &ip);
    memcpy(mn_sim_router_packet(frame) + MN_IPV4_HEADER, payload + offset, len);
    mn_sim_router_pass(route->interface, next_hop_of(route, mnet_address_from_ipv4(ip.destination)), frame);
}

/* Finds the route of a packet; NULL if it goes no further. */
static const struct mn_sim_route *route4(struct mn_sim_interface *interface, const uint8_t *packet,
                                         const struct mn_ipv4 *ip)
{
    struct mnet_sim_router *router = interface->router;
    const struct mn_sim_route *route = mn_sim_router_find(router, mnet_address_from_ipv4(ip->destination));
    struct mn_icmpv4 error = {.type = MN_ICMPV4_UNREACHABLE, .code = MN_ICMPV4_NET_UNREACHABLE};
    bool fits = route != NULL && (ip->total_len <= route->interface->shape.mtu || !ip->dont_fragment);
    if (fits && ip->ttl > 1)
        return route;
    if (ip->ttl <= 1) {
        error = (struct mn_icmpv4){.type = MN_ICMPV4_TIME_EXCEEDED, .code = MN_ICMPV4_HOPS_EXCEEDED};
    } else if (route != NULL) {
        error.code = MN_ICMPV4_FRAGMENTATION_NEEDED;
        error.sequence = route->interface->shape.mtu;
        router->counts.too_big++;
    }
    router->counts.no_route += error.code != MN_ICMPV4_FRAGMENTATION_NEEDED;
    report4(interface, &error, packet, ip->total_len, ip);
    return NULL;
}

static void forward4(struct mn_sim_interface *interface, const uint8_t *packet, size_t size)
{
    struct mn_ipv4 ip;
    if (mn_ipv4_parse(packet, size, size, &ip) != MN_PARSE_OK || ip.header_len != MN_IPV4_HEADER)
        return;
    struct mnet_address destination = mnet_address_from_ipv4(ip.destination);
    if (mnet_address_is_multicast(destination) || ip.destination == UINT32_MAX ||
        mn_sim_router_owns(interface->router, destination))
        return;
    const struct mn_sim_route *route = route4(interface, packet, &ip);
    if (route == NULL)
        return;
    size_t payload = (size_t)ip.total_len - MN_IPV4_HEADER, mtu = route->interface->shape.mtu;
    size_t step = ip.total_len <= mtu ? MN_MAX(payload, (size_t)1) : (mtu - MN_IPV4_HEADER) / 8 * 8;
    ip.ttl--;
    interface->router->counts.forwarded++;
    for (size_t offset = 0; offset == 0 || offset < payload; offset += step)
        send_piece(route, &ip, packet + MN_IPV4_HEADER, offset, MN_MIN(step, payload - offset));
}

void mn_sim_router_forward(struct mn_sim_interface *interface, uint16_t type, const uint8_t *packet, size_t len)
{
    if (type == MN_ETHERTYPE_IPV6)
        forward6(interface, packet, len);
    else if (type == MN_ETHERTYPE_IPV4)
        forward4(interface, packet, len);
}
