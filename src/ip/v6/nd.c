/* The input of neighbour discovery (RFC 4861 7): it answers solicitations and learns link
 * addresses. nd_send.c sends the messages that are no answers.
 *
 * Only a solicitation for an own address makes a new entry, because its sender is about to get
 * packets from us. An unsolicited advertisement makes none (7.2.5).
 */
#include "ip/v6/internal.h"

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

/* To a station whose link address may have to be asked for. */
static void send_to_neighbour(struct mn_ip *ip, struct mnet_packet *packet, const struct mn_icmpv6_route *route,
                              uint64_t now)
{
    const struct mn_ip_way way = {
        .kind = MN_IP_WAY_NEIGHBOUR,
        .source = route->source,
        .next_hop = route->destination,
        .mtu = ip->v6.parameters.mtu,
    };
    mn_icmpv6_write(packet, route);
    mn_ip_queue_frame(ip, mn_ip_make_frame(ip, packet, &way, now));
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
    struct mn_nd advertisement = mn_nd_advertisement(ip, own);
    advertisement.solicited = !nameless;
    advertisement.override = true;
    struct mnet_packet *packet = mn_nd_make(ip, &advertisement);
    if (packet == NULL)
        return; /* a station that misses the answer asks again */
    if (nameless || route.to != NULL)
        mn_icmpv6_send(ip, packet, &route);
    else
        send_to_neighbour(ip, packet, &route, now);
}

static void receive_solicitation(struct mn_ip *ip, const struct mn_nd *message, const struct mn_datagram *datagram,
                                 uint64_t now)
{
    struct mn_own_address *own = mn_ipv6_find_own(ip, &message->target);
    if (own == NULL || own->state == MN_IP_ADDRESS_CONFLICT)
        return;
    if (own->state == MN_IP_ADDRESS_PROBING) { /* RFC 4862 5.4.3 */
        if (mn_ipv6_is_unspecified(&datagram->source))
            mn_ipv6_receive_probe(ip, own, message, now);
        return;
    }
    if (mn_ipv6_is_unspecified(&datagram->source) && !mn_ipv6_has_sent_probe(own, message))
        mn_ipv6_address_note_conflict(ip, own, message, now);
    if (message->has_link_address && !mn_ipv6_is_unspecified(&datagram->source))
        learn_sender(ip, message, datagram, now);
    if (mn_ip_answers(ip))
        answer(ip, own, message, datagram, now);
}

/* Returns true if an advertisement has an effect (7.2.5). The first one needs a link address. One
 * with another link address than before needs the Override flag. */
static bool counts(const struct mn_neighbour *neighbour, const struct mn_nd *message)
{
    if (neighbour->state == MN_NEIGHBOUR_INCOMPLETE)
        return message->has_link_address;
    return message->override || !message->has_link_address || mn_mac_equal(neighbour->mac, message->link_address);
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
        mn_ipv6_address_note_conflict(ip, own, message, now); /* RFC 4862 5.4.4 */
    if (own != NULL || neighbour == NULL)
        return;
    if (!message->router && counts(neighbour, message)) /* ND-7.2.5-9, ND-7.3.3-10 */
        mn_ipv6_note_host(ip, neighbour);
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

/* RFC 4862 5.4.4, 5.4.5: returns true if the sender has a tentative address of ours, even if its
 * MAC is ours, too. */
static bool defends_tentative(struct mn_ip *ip, const struct mn_nd *message)
{
    const struct mn_own_address *own = mn_ipv6_find_own(ip, &message->target);
    return message->type == MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT && own != NULL && own->state == MN_IP_ADDRESS_PROBING;
}

void mn_nd_input(struct mn_ip *ip, const struct mn_arrival *arrival, const struct mn_datagram *datagram)
{
    const struct mnet_packet *packet = arrival->packet;
    struct mn_nd message;
    if (mn_nd_parse(packet->data, packet->len, datagram, arrival->fragmented, &message) != MN_PARSE_OK ||
        (!is_station(ip, &message) && !defends_tentative(ip, &message))) {
        mn_ip_count(ip, MNET_COUNT_ND_DROP_INVALID);
        return;
    }
    switch (message.type) {
    case MN_ICMPV6_NEIGHBOUR_SOLICITATION: receive_solicitation(ip, &message, datagram, arrival->now); break;
    case MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT: receive_advertisement(ip, &message, arrival->now); break;
    case MN_ICMPV6_ROUTER_ADVERTISEMENT: mn_ipv6_take_advertisement(ip, &message, datagram, arrival->now); break;
    case MN_ICMPV6_REDIRECT: mn_ipv6_take_redirect(ip, &message, datagram, arrival->now); break;
    case MN_ICMPV6_ROUTER_SOLICITATION: /* ND-6.1.1-1, N6-14.2-1: for routers */
    default: mn_ip_count(ip, MNET_COUNT_ICMP_DROP_IGNORED); break;
    }
}
