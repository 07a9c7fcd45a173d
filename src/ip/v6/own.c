/* The own IPv6 addresses: finding one, and choosing one as a source. */
#include "ip/select.h"
#include "ip/v6/internal.h"

MN_APART struct mn_own_address *mn_ipv6_search_own(struct mn_ip *ip, const struct mnet_address *address)
{
    for (unsigned i = MN_OWN_LINK_LOCAL; i < ip->own_end; i++)
        if (ip->own[i].state != MN_IP_ADDRESS_NONE && mn_ipv6_equal(&ip->own[i].prefix.address, address)) {
            ip->v6.last_own = (uint8_t)i;
            return &ip->own[i];
        }
    return NULL;
}

MN_RARE void mn_ipv6_set_own_bits(struct mn_ip *ip)
{
    const struct mnet_address loopback = {.bytes = {[15] = 1}};
    ip->v6.own_bits = mn_ipv6_own_bit(&loopback);
    for (unsigned i = MN_OWN_LINK_LOCAL; i < ip->own_end; i++)
        if (ip->own[i].state != MN_IP_ADDRESS_NONE)
            ip->v6.own_bits |= mn_ipv6_own_bit(&ip->own[i].prefix.address);
}

const struct mn_own_address *mn_ipv6_link_local(const struct mn_ip *ip)
{
    const struct mn_own_address *own = &ip->own[MN_OWN_LINK_LOCAL];
    return mn_own_is_usable(own) ? own : NULL;
}

/* RFC 6724 5, rule 5.5: whether the router `next_hop` advertises the prefix of an own address. */
static bool is_of_next_hop(const struct mn_ip *ip, const struct mn_own_address *own,
                           const struct mnet_address *next_hop)
{
    return own->automatic &&
           mn_routers_advertise_prefix_of(&ip->v6.routers, *next_hop, own->prefix.address, ip->v6.now);
}

const struct mn_own_address *mn_ipv6_choose_source(const struct mn_ip *ip, const struct mnet_address *destination,
                                                   const struct mnet_address *next_hop)
{
    struct mn_source_candidate candidates[MN_OWN_MAX];
    unsigned places[MN_OWN_MAX] = {0}, count = 0;
    for (unsigned i = MN_OWN_LINK_LOCAL; i < ip->own_end; i++) {
        const struct mn_own_address *own = &ip->own[i];
        if (!mn_own_is_usable(own))
            continue;
        candidates[count] = (struct mn_source_candidate){
            .address = own->prefix.address,
            .prefix_length = own->prefix.length,
            .deprecated = own->state == MN_IP_ADDRESS_DEPRECATED,
            .temporary = own->temporary,
            .of_next_hop = is_of_next_hop(ip, own, next_hop),
        };
        places[count++] = i;
    }
    const struct mn_source_candidate *best = mn_source_select(&mn_policies_default, *destination, candidates, count,
                                                              false);
    return best == NULL ? NULL : &ip->own[places[best - candidates]];
}
