/* Where a packet goes: round to the host itself, to a group on the link, or to a next hop. */
#include "ip/v4/internal.h"
#include "ip/v6/internal.h"

int mn_ip_find_way(struct mn_ip *ip, struct mnet_address source, struct mnet_address destination, struct mn_ip_way *way)
{
    MN_DEBUG_ASSERT(destination.zone == 0 && source.zone == 0);
    bool ipv4 = mn_address_is_ipv4(&destination);
    int result = ipv4 ? mn_ipv4_find_way(ip, destination, way) : mn_ipv6_find_way(ip, source, destination, way);
    way->ipv4 = ipv4;
    way->mtu = mn_ip_mtu_of(ip, ipv4);
    return result;
}

/* The headers of the way before are forgotten. */
static inline void keep_way(struct mn_ip *ip, const struct mn_ip_way_cache *way)
{
    ip->last_way = *way;
    ip->repeat.len = 0;
}

MN_APART int mn_ip_look_up_way(struct mn_ip *ip, const struct mn_datagram *datagram, struct mn_ip_way *way)
{
    ip->last_way.known = false;
    int result = mn_ip_find_way(ip, datagram->source, datagram->destination, way);
    if (result != 0) {
        mn_ip_count(ip, MNET_COUNT_TX_DROP_NO_ROUTE);
        return result;
    }
    struct mnet_address chosen = way->source;
    if (!mn_address_is_any(&datagram->source)) {
        way->source = datagram->source;
        chosen = MNET_ADDRESS_ANY; /* a choice costs more than all the rest: mn_ip_path makes it */
    }
    if (!(way->ipv4 ? mn_ipv4_source_is_valid(ip, way) : mn_ipv6_source_is_valid(ip, way)))
        return MNET_E_INVALID;
    keep_way(ip, &(struct mn_ip_way_cache){datagram->source, datagram->destination, *way, chosen, !way->once});
    return 0;
}

int mn_ip_path(struct mn_ip *ip, struct mnet_address destination, struct mn_ip_path *path)
{
    struct mn_ip_way_cache *last = &ip->last_way;
    struct mn_ip_way way;
    bool again = last->known && mn_address_equal(&last->destination, &destination);
    if (MN_LIKELY(again && !mn_address_is_any(&last->chosen))) {
        *path = (struct mn_ip_path){last->chosen, last->way.mtu, last->way.kind == MN_IP_WAY_LOOPBACK};
    } else {
        int result = mn_ip_find_way(ip, MNET_ADDRESS_ANY, destination, &way);
        if (result != 0)
            return result;
        *path = (struct mn_ip_path){way.source, way.mtu, way.kind == MN_IP_WAY_LOOPBACK};
        if (again)
            last->chosen = way.source;
        else if (!way.once && !way.of_source) /* the packet that follows takes this way */
            keep_way(ip, &(struct mn_ip_way_cache){way.source, destination, way, way.source, true});
    }
    if (path->loopback)
        path->mtu = UINT16_MAX;
    return 0;
}

void mn_ip_note_link_mtu(struct mn_ip *ip)
{
    MN_DEBUG_ASSERT(ip->mtu <= ip->link_mtu);
    mn_path_mtus_set_link(&ip->path_mtus, ip->mtu, ip->v6.on ? ip->v6.parameters.mtu : ip->link_mtu);
}

void mn_ip_lower_path_mtu(struct mn_ip *ip, const struct mn_icmp_error *error, uint64_t now)
{
    MN_ASSERT(error->reason == MN_UNREACHABLE_TOO_BIG);
    mn_path_mtu_lower(&ip->path_mtus, error->remote, error->mtu, now);
}
