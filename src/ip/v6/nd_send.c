/* Messages of neighbour discovery that go to groups, or to stations whose link address is known,
 * and how neighbours are asked for with them (RFC 4861 7.2). When to ask is the business of
 * neighbour_states.c; duplicate address detection is in dad.c.
 */
#include "wire/nd.h"
#include "ip/v6/internal.h"

#define MAX_SOLICITS 3                       /* MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT */
#define MAX_RETRANS_TIMER (60 * MNET_SECOND) /* RFC 7048 4 */

struct mnet_packet *mn_nd_make(struct mn_ip *ip, const struct mn_nd *message)
{
    MN_DEBUG_ASSERT(message->type >= MN_ICMPV6_ROUTER_SOLICITATION);
    struct mnet_packet *packet = mn_ip_new_message(ip);
    if (packet == NULL)
        return NULL;
    struct mn_writer w = mn_writer(packet->data, MN_ND_WRITE_MAX);
    mn_nd_write(&w, message);
    MN_ASSERT(w.ok);
    mnet_packet_put(packet, MN_ND_WRITE_MAX - (uint32_t)w.left);
    return packet;
}

bool mn_nd_send(struct mn_ip *ip, const struct mn_nd *message, const struct mn_icmpv6_route *route)
{
    struct mnet_packet *packet = mn_nd_make(ip, message);
    if (packet == NULL)
        return false;
    mn_icmpv6_send(ip, packet, route);
    return true;
}

/* 7.2.2: the source of the packet that waits, so that the neighbour learns the address that it is
 * going to answer. */
static struct mnet_address source_for(struct mn_ip *ip, const struct mnet_address *neighbour)
{
    const struct mn_neighbour *entry = mn_neighbour_find(&ip->neighbours, *neighbour);
    const struct mnet_packet *waits = entry != NULL ? entry->pending.first : NULL;
    struct mn_ipv6 header;
    if (waits != NULL && mn_ipv6_parse(waits->data, waits->len, waits->total, &header) == MN_PARSE_OK &&
        mn_ip_is_own(ip, header.source))
        return header.source;
    const struct mn_own_address *own = mn_ipv6_choose_source(ip, neighbour, neighbour);
    return own != NULL ? own->prefix.address : MNET_ADDRESS_ANY;
}

/* Asks the station `alone`, or the group of those that may have the address (NULL). */
static bool ask(struct mn_ip *ip, struct mnet_address neighbour, const struct mn_mac *alone)
{
    MN_DEBUG_ASSERT(!mn_address_is_multicast(&neighbour) && !mn_address_is_any(&neighbour));
    const struct mn_nd message = {
        .type = MN_ICMPV6_NEIGHBOUR_SOLICITATION,
        .target = neighbour,
        .has_link_address = true,
        .link_address = ip->mac,
    };
    const struct mn_icmpv6_route route = {
        .source = source_for(ip, &neighbour),
        .destination = alone != NULL ? neighbour : mn_ipv6_solicited_node(&neighbour),
        .hop_limit = MN_ND_HOP_LIMIT,
        .to = alone,
    };
    return !mn_ipv6_is_unspecified(&route.source) && mn_nd_send(ip, &message, &route);
}

const struct mn_neighbour_protocol mn_nd_protocol = {
    .ask = ask,
    .mtu = mn_ipv6_waiting_mtu,
    .cut = mn_ipv6_cut_waiting,
    .ethertype = MN_ETHERTYPE_IPV6,
    .requests_max = MAX_SOLICITS,
    .stale_ns = 600 * MNET_SECOND,
    .failed_ns = MNET_SECOND,
    .delay_ns = 5 * MNET_SECOND, /* DELAY_FIRST_PROBE_TIME */
    .interval_max_ns = MAX_RETRANS_TIMER,
    .timed_by_routers = true,
};

bool mn_nd_probe(struct mn_ip *ip, const struct mn_own_address *own, const uint8_t *nonce)
{
    MN_DEBUG_ASSERT(own->state == MN_IP_ADDRESS_PROBING);
    struct mn_nd message = {
        .type = MN_ICMPV6_NEIGHBOUR_SOLICITATION,
        .target = own->prefix.address,
        .nonce_len = MN_ND_NONCE,
    };
    const struct mn_icmpv6_route route = {
        .source = MNET_ADDRESS_ANY,
        .destination = mn_ipv6_solicited_node(&own->prefix.address),
        .hop_limit = MN_ND_HOP_LIMIT,
    };
    memcpy(message.nonce, nonce, sizeof message.nonce);
    return mn_nd_send(ip, &message, &route);
}

struct mn_nd mn_nd_advertisement(const struct mn_ip *ip, const struct mn_own_address *own)
{
    return (struct mn_nd){
        .type = MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT,
        .target = own->prefix.address,
        .has_link_address = true,
        .link_address = ip->mac,
    };
}

void mn_nd_announce(struct mn_ip *ip, const struct mn_own_address *own, struct mnet_address to)
{
    MN_DEBUG_ASSERT(mn_own_is_usable(own) && mn_address_is_multicast(&to));
    const struct mn_icmpv6_route route = {
        .source = own->prefix.address,
        .destination = to,
        .hop_limit = MN_ND_HOP_LIMIT,
    };
    struct mn_nd message = mn_nd_advertisement(ip, own);
    /* RFC 9131 6.1.1: routers that know another link address keep it; RFC 4861 7.2.6: after a
     * change all take ours. */
    message.override = mn_ipv6_equal(&to, &mn_ipv6_all_nodes);
    mn_nd_send(ip, &message, &route); /* a station that misses it asks */
}
