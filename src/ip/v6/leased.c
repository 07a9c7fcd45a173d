/* Own IPv6 addresses of DHCPv6 (RFC 8415). Its client decides which there are and how long, and
 * here the list of own addresses follows it. */
#include "ip/v6/internal.h"

static const struct mn_ip_leased *find(const struct mn_ip_leased *leased, unsigned count,
                                       const struct mnet_address *address)
{
    for (unsigned i = 0; i < count; i++)
        if (mn_ipv6_equal(&leased[i].address, address))
            return &leased[i];
    return NULL;
}

/* DHCP6-21.6-5 */
MN_RARE void mn_ipv6_age_leased(struct mn_ip *ip, struct mn_own_address *own, uint64_t now)
{
    MN_DEBUG_ASSERT(own->leased);
    enum mn_ip_address_state before = own->state;
    if (!mn_own_is_usable(own))
        return;
    bool preferred = now < own->preferred_until_ns;
    own->state = preferred ? MN_IP_ADDRESS_OURS : MN_IP_ADDRESS_DEPRECATED;
    uint64_t next = preferred ? own->preferred_until_ns : MNET_NEVER;
    mn_wheel_arm(&ip->wheel, &own->timer, mn_ipv6_is_announcing(own) ? MN_MIN(next, own->quiet_until_ns) : next);
    if (own->state == before)
        return;
    ip->last_way.known = false;
    ip->changes++;
}

/* DHCP6-18.2.10.1-7: a lease says nothing about the prefix of the link. An address that the host
 * has already, of another origin, stays as it is. */
static void lease(struct mn_ip *ip, const struct mn_ip_leased *leased, uint64_t now)
{
    MN_DEBUG_ASSERT(leased->preferred_until_ns <= leased->valid_until_ns);
    const struct mnet_prefix prefix = {leased->address, 128};
    struct mn_own_address *own = mn_ipv6_search_own(ip, &leased->address);
    if (own != NULL && !own->leased)
        return;
    if (own == NULL) {
        unsigned place = mn_ipv6_find_place(ip);
        if (place == MN_OWN_MAX)
            return;
        own = mn_ipv6_add_address(ip, place, &prefix, now);
        own->leased = true;
    }
    own->preferred_until_ns = leased->preferred_until_ns;
    own->valid_until_ns = leased->valid_until_ns;
    mn_ipv6_age_leased(ip, own, now);
}

MN_RARE void mn_ip_set_leased(struct mn_ip *ip, const struct mn_ip_leased *leased, unsigned count, uint64_t now)
{
    MN_DEBUG_ASSERT(count == 0 || leased != NULL);
    for (unsigned i = MN_OWN_FURTHER; i < MN_OWN_MAX; i++) {
        struct mn_own_address *own = &ip->own[i];
        if (own->leased && find(leased, count, &own->prefix.address) == NULL)
            mn_ipv6_remove_address(ip, own);
    }
    for (unsigned i = 0; i < count; i++)
        lease(ip, &leased[i], now);
}
