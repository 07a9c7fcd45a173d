/* Where a packet goes: round to the host itself, to a group on the link, or to a next hop. */
#include "ip/v4/internal.h"

int mn_ip_find_way(const struct mn_ip *ip, struct mnet_address destination, struct mn_ip_way *way)
{
    return mnet_address_is_ipv4(destination) ? mn_ipv4_find_way(ip, destination, way) : MNET_E_UNREACHABLE;
}

MN_APART int mn_ip_look_up_way(struct mn_ip *ip, const struct mn_datagram *datagram, struct mn_ip_way *way)
{
    struct mn_ip_way_cache *cache = &ip->last_way;
    cache->known = false;
    if (!mnet_address_is_ipv4(datagram->destination))
        return MNET_E_INVALID;
    int result = mn_ip_find_way(ip, datagram->destination, way);
    if (result != 0) {
        mn_ip_count(ip, MNET_COUNT_TX_DROP_NO_ROUTE);
        return result;
    }
    if (!mnet_address_is_any(datagram->source))
        way->source = datagram->source;
    if (!mn_ipv4_source_is_valid(ip, way))
        return MNET_E_INVALID;
    *cache = (struct mn_ip_way_cache){datagram->source, datagram->destination, *way, true};
    return 0;
}

int mn_ip_path(const struct mn_ip *ip, struct mnet_address destination, struct mn_ip_path *path)
{
    struct mn_ip_way way;
    int result = mn_ip_find_way(ip, destination, &way);
    if (result != 0)
        return result;
    path->source = way.source;
    path->loopback = way.kind == MN_IP_WAY_LOOPBACK;
    path->mtu = path->loopback ? UINT16_MAX : ip->mtu;
    return 0;
}
