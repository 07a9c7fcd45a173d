/* Neighbour discovery between hosts (RFC 4861 7): asking for link addresses, answering, and
 * learning from what others say. When to ask is the business of neighbour_states.c; duplicate
 * address detection is in address.c.
 *
 * A new entry comes only of a solicitation for an own address, whose sender we are about to talk
 * to. An advertisement that nobody asked for makes none (7.2.5).
 */
#include "wire/nd.h"

#include "ip/v6/internal.h"

#define MAX_SOLICITS 3 /* MAX_MULTICAST_SOLICIT and MAX_UNICAST_SOLICIT (RFC 4861 10) */

/* A message of ours with its addresses. False if there is no memory or no room for it. */
static bool send(struct mn_ip *ip, const struct mn_nd *message, const struct mn_icmpv6_route *route, uint64_t now)
{
    if (!mn_ip_may_speak(ip)) {
        mn_ip_count(ip, MNET_COUNT_TX_DROP_QUEUE);
        return false;
    }
    struct mnet_packet *packet = mnet_packet_alloc(ip->memory);
    if (packet == NULL) {
        mn_ip_count(ip, MNET_COUNT_TX_DROP_MEMORY);
        return false;
    }
    struct mn_writer w = mn_writer(packet->data, MN_ND_WRITE_MAX);
    mn_nd_write(&w, message);
    MN_ASSERT(w.ok);
    mnet_packet_put(packet, MN_ND_WRITE_MAX - (uint32_t)w.left);
    mn_icmpv6_send(ip, packet, route, now);
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
    const struct mn_own_address *own = mn_ipv6_choose_source(ip, neighbour);
    return own != NULL ? own->prefix.address : MNET_ADDRESS_ANY;
}

/* Asks the station `alone`, or the group of those that may have the address (NULL). */
static bool ask(struct mn_ip *ip, struct mnet_address neighbour, const struct mn_mac *alone, uint64_t now)
{
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
    return !mn_ipv6_is_unspecified(&route.source) && send(ip, &message, &route, now);
}

const struct mn_neighbour_protocol mn_nd_protocol = {
    .ask = ask,
    .send_in_fragments = mn_ipv6_send_waiting_fragments,
    .ethertype = MN_ETHERTYPE_IPV6,
    .requests_max = MAX_SOLICITS,
    .stale_ns = 600 * MNET_SECOND,
    .failed_ns = MNET_SECOND,
    .delay_ns = 5 * MNET_SECOND, /* DELAY_FIRST_PROBE_TIME */
    .timed_by_routers = true,
};

bool mn_nd_probe(struct mn_ip *ip, const struct mn_own_address *own, uint64_t now)
{
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
    memcpy(message.nonce, own->nonce, sizeof message.nonce);
    return send(ip, &message, &route, now);
}

/* Says that `own` is at our link address. */
static void advertise(struct mn_ip *ip, const struct mn_own_address *own, const struct mn_icmpv6_route *route,
                      bool solicited, bool override, uint64_t now)
{
    const struct mn_nd message = {
        .type = MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT,
        .target = own->prefix.address,
        .solicited = solicited,
        .override = override,
        .has_link_address = true,
        .link_address = ip->mac,
    };
    (void)send(ip, &message, route, now); /* who misses the answer asks again */
}

void mn_nd_announce(struct mn_ip *ip, const struct mn_own_address *own, struct mnet_address to, uint64_t now)
{
    const struct mn_icmpv6_route route = {
        .source = own->prefix.address,
        .destination = to,
        .hop_limit = MN_ND_HOP_LIMIT,
    };
    /* RFC 9131 6.1.1: routers that know another link address keep it; RFC 4861 7.2.6: after a
     * change all take ours. */
    advertise(ip, own, &route, false, mn_ipv6_equal(&to, &mn_ipv6_all_nodes), now);
}

/* RFC 4862 5.4.3, RFC 7527 4.2: another station wants the tentative address, too. Others only ask
 * for it. */
static void receive_for_tentative(struct mn_ip *ip, struct mn_own_address *own, const struct mn_nd *message,
                                  const struct mn_datagram *datagram)
{
    bool ours = message->nonce_len == MN_ND_NONCE && memcmp(message->nonce, own->nonce, MN_ND_NONCE) == 0;
    if (mn_ipv6_is_unspecified(&datagram->source) && !ours)
        mn_ipv6_address_conflict(ip, own);
}

/* 7.2.3: the sender is going to talk to us; whether it hears us is not known. */
static void learn_sender(struct mn_ip *ip, const struct mn_nd *message, const struct mn_datagram *datagram,
                         uint64_t now)
{
    struct mn_neighbour *neighbour = mn_neighbour_find(&ip->neighbours, datagram->source);
    if (neighbour == NULL)
        neighbour = mn_ip_create_neighbour(ip, datagram->source, &mn_nd_protocol);
    if (neighbour != NULL)
        mn_ip_learn(ip, neighbour, message->link_address, now);
}

/* 7.2.4 */
static void answer(struct mn_ip *ip, const struct mn_own_address *own, const struct mn_nd *message,
                   const struct mn_datagram *datagram, uint64_t now)
{
    bool nameless = mn_ipv6_is_unspecified(&datagram->source);
    const struct mn_icmpv6_route route = {
        .source = own->prefix.address,
        .destination = nameless ? mn_ipv6_all_nodes : datagram->source,
        .hop_limit = MN_ND_HOP_LIMIT,
        .to = message->has_link_address && !nameless ? &message->link_address : NULL,
    };
    advertise(ip, own, &route, !nameless, true, now);
}

static void receive_solicitation(struct mn_ip *ip, const struct mn_nd *message, const struct mn_datagram *datagram,
                                 uint64_t now)
{
    struct mn_own_address *own = mn_ipv6_find_own(ip, &message->target);
    if (own == NULL || own->state == MN_IP_ADDRESS_CONFLICT)
        return;
    if (own->state == MN_IP_ADDRESS_PROBING) {
        receive_for_tentative(ip, own, message, datagram);
        return;
    }
    if (message->has_link_address && !mn_ipv6_is_unspecified(&datagram->source))
        learn_sender(ip, message, datagram, now);
    answer(ip, own, message, datagram, now);
}

/* 7.2.5 */
static void receive_advertisement(struct mn_ip *ip, const struct mn_nd *message, uint64_t now)
{
    struct mn_own_address *own = mn_ipv6_find_own(ip, &message->target);
    struct mn_neighbour *neighbour = mn_neighbour_find(&ip->neighbours, message->target);
    const struct mn_advertised advertised = {
        .mac = message->link_address,
        .has_mac = message->has_link_address,
        .solicited = message->solicited,
        .override = message->override,
    };
    if (own != NULL)
        mn_ipv6_address_conflict(ip, own); /* RFC 4862 5.4.4 */
    else if (neighbour != NULL)
        mn_ip_take_advertisement(ip, neighbour, &advertised, now);
}

/* A link address that one other station can have. */
static bool is_station(const struct mn_ip *ip, const struct mn_nd *message)
{
    static const struct mn_mac none = {{0}};
    return !message->has_link_address ||
           (!mn_mac_is_group(message->link_address) && !mn_mac_equal(message->link_address, none) &&
            !mn_mac_equal(message->link_address, ip->mac));
}

void mn_nd_input(struct mn_ip *ip, const struct mn_arrival *arrival, const struct mn_datagram *datagram)
{
    const struct mnet_packet *packet = arrival->packet;
    struct mn_nd message;
    if (mn_nd_parse(packet->data, packet->len, datagram, arrival->fragmented, &message) != MN_PARSE_OK ||
        !is_station(ip, &message)) {
        mn_ip_count(ip, MNET_COUNT_ND_DROP_INVALID);
        return;
    }
    switch (message.type) {
    case MN_ICMPV6_NEIGHBOUR_SOLICITATION: receive_solicitation(ip, &message, datagram, arrival->now); break;
    case MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT: receive_advertisement(ip, &message, arrival->now); break;
    case MN_ICMPV6_ROUTER_SOLICITATION: /* for routers */
    default: mn_ip_count(ip, MNET_COUNT_ICMP_DROP_IGNORED); break;
    }
}
