/* The own addresses: which there are, and which may be used. */
#include "ip/v4/internal.h"
#include "ip/v6/internal.h"

bool mn_ip_is_own(const struct mn_ip *ip, struct mnet_address address)
{
    MN_DEBUG_ASSERT(ip->own_end <= MN_OWN_MAX && address.zone == 0);
    for (unsigned i = 0; i < ip->own_end; i++)
        if (mn_own_is_usable(&ip->own[i]) && mn_address_equal(&ip->own[i].prefix.address, &address))
            return true;
    if (mn_address_is_ipv4(&address))
        return mn_ipv4_is_loopback(mn_address_to_ipv4(&address));
    return mn_ipv6_is_loopback(&address);
}

enum mn_ip_address_state mn_ip_address_state(const struct mn_ip *ip)
{
    return ip->own[MN_OWN_IPV4].state;
}

struct mnet_address mn_ip_address(const struct mn_ip *ip)
{
    MN_DEBUG_ASSERT(!mn_own_is_usable(&ip->own[MN_OWN_IPV4]) ||
                    mn_address_is_ipv4(&ip->own[MN_OWN_IPV4].prefix.address));
    const struct mn_own_address *own = &ip->own[MN_OWN_IPV4];
    return mn_own_is_usable(own) ? own->prefix.address : MNET_ADDRESS_ANY;
}

enum mn_ip_address_state mn_ip_ipv6_state(const struct mn_ip *ip)
{
    return ip->own[MN_OWN_IPV6].state;
}

bool mn_ip_probes_ipv6(const struct mn_ip *ip)
{
    for (unsigned i = MN_OWN_LINK_LOCAL; i < ip->own_end; i++)
        if (ip->own[i].state == MN_IP_ADDRESS_PROBING)
            return true;
    return false;
}

bool mn_ip_probes_source(const struct mn_ip *ip, const struct mnet_address *destination)
{
    MN_DEBUG_ASSERT(destination->zone == 0);
    if (mn_address_is_ipv4(destination))
        return false;
    bool near = mn_address_can_have_zone(destination);
    for (unsigned i = MN_OWN_LINK_LOCAL; i < ip->own_end; i++)
        if (ip->own[i].state == MN_IP_ADDRESS_PROBING && (near || !mn_ipv6_is_link_local(&ip->own[i].prefix.address)))
            return true;
    return false;
}

enum mn_ip_address_state mn_ip_state_of(struct mn_ip *ip, struct mnet_address address)
{
    const struct mn_own_address *own = mn_ipv6_search_own(ip, &address);
    return own == NULL ? MN_IP_ADDRESS_NONE : own->state;
}

struct mnet_address mn_ip_link_local(const struct mn_ip *ip)
{
    const struct mn_own_address *own = mn_ipv6_link_local(ip);
    return own == NULL ? MNET_ADDRESS_ANY : own->prefix.address;
}

bool mn_ip_has_ipv6(const struct mn_ip *ip)
{
    for (unsigned i = MN_OWN_IPV6; i < ip->own_end; i++)
        if (mn_own_is_usable(&ip->own[i]) && !mn_ipv6_is_link_local(&ip->own[i].prefix.address))
            return true;
    return false;
}
