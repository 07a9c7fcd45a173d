/* Redirects received (RFC 4861 8.1, 8.3). The table of those in force is in redirects.c. */
#include "ip/v6/internal.h"

/* ND-8.1-3: only the router that packets to the destination go to now knows a better one. */
static bool is_first_hop(struct mn_ip *ip, const struct mn_nd *message, const struct mn_datagram *datagram)
{
    struct mn_ip_way way;
    return !mn_ipv6_is_link_local(&message->destination) &&
           mn_ipv6_find_way(ip, datagram->destination, message->destination, &way) == 0 &&
           way.kind == MN_IP_WAY_NEIGHBOUR && mn_ipv6_equal(&way.next_hop, &datagram->source) &&
           !mn_ipv6_equal(&message->destination, &datagram->source);
}

/* ND-8.3-2, ND-8.3-3, ND-8.3-5, ND-8.3-6 */
static void learn_target(struct mn_ip *ip, const struct mn_nd *message, uint64_t now)
{
    struct mn_neighbour *neighbour = mn_neighbour_find(&ip->neighbours, message->target);
    if (neighbour == NULL && message->has_link_address)
        neighbour = mn_ip_create_neighbour(ip, message->target, &mn_nd_protocol);
    if (neighbour == NULL)
        return;
    if (!mn_ipv6_equal(&message->target, &message->destination))
        neighbour->gateway = true;
    if (message->has_link_address)
        mn_ip_learn(ip, neighbour, message->link_address, now);
}

MN_RARE void mn_ipv6_take_redirect(struct mn_ip *ip, const struct mn_nd *message, const struct mn_datagram *datagram,
                                   uint64_t now)
{
    if (mn_ipv6_search_own(ip, &message->target) != NULL || !is_first_hop(ip, message, datagram)) {
        mn_ip_count(ip, MNET_COUNT_ND_DROP_INVALID);
        return;
    }
    mn_redirects_put(&ip->v6.redirects, message->destination, message->target);
    learn_target(ip, message, now);
    mn_ipv6_review_gateways(ip);
    ip->last_way.known = false;
}
