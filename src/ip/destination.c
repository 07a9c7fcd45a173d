/* The order in which the addresses of a peer are tried. */
#include "ip/internal.h"

/* Describes the source of packets to `destination`. Returns false if there is no way to there. */
static bool find_source(struct mn_ip *ip, struct mnet_address destination, struct mn_source_candidate *source)
{
    struct mn_ip_way way;
    if (mn_ip_find_way(ip, MNET_ADDRESS_ANY, destination, &way) != 0)
        return false;
    *source = (struct mn_source_candidate){.address = way.source, .prefix_length = way.ipv4 ? 32 : 128};
    for (unsigned i = 0; i < ip->own_end; i++) {
        const struct mn_own_address *own = &ip->own[i];
        if (own->state == MN_IP_ADDRESS_NONE || !mn_address_equal(&own->prefix.address, &way.source))
            continue;
        source->prefix_length = own->prefix.length;
        source->deprecated = own->state == MN_IP_ADDRESS_DEPRECATED;
    }
    return true;
}

void mn_ip_sort(struct mn_ip *ip, const struct mn_losers *losers, unsigned first, struct mnet_address *addresses,
                unsigned count, uint64_t now)
{
    struct mn_destination_candidate candidates[MN_IP_SORT_MAX];
    struct mn_source_candidate sources[MN_IP_SORT_MAX];
    MN_ASSERT(count <= MN_IP_SORT_MAX);
    for (unsigned i = 0; i < count; i++) {
        bool reachable = find_source(ip, addresses[i], &sources[i]);
        candidates[i] = (struct mn_destination_candidate){
            .address = addresses[i],
            .source = reachable ? &sources[i] : NULL,
            .unreachable = mn_losers_contain(losers, addresses[i], now),
        };
    }
    mn_destinations_sort(&mn_policies_default, candidates, count); /* HE-4-1 */
    mn_destinations_interleave(candidates, count, first);
    for (unsigned i = 0; i < count; i++)
        addresses[i] = candidates[i].address;
}
