/* The list of own IPv6 addresses: each is added as tentative, and detection (dad.c) is to begin. */
#include "ip/v6/internal.h"

/* RFC 4861 10 */
#define MAX_RTR_SOLICITATION_DELAY MNET_SECOND
#define ANNOUNCE_GAP (20 * MNET_MILLISECOND) /* between the addresses of a host */

static uint64_t random_delay(struct mn_ip *ip)
{
    return mn_random_below(ip->random, (uint32_t)(MAX_RTR_SOLICITATION_DELAY / MNET_MICROSECOND)) * MNET_MICROSECOND;
}

unsigned mn_ipv6_find_place(const struct mn_ip *ip)
{
    unsigned place = MN_OWN_FURTHER;
    while (place < MN_OWN_MAX && ip->own[place].state != MN_IP_ADDRESS_NONE)
        place++;
    return place;
}

MN_RARE struct mn_own_address *mn_ipv6_add_address(struct mn_ip *ip, unsigned place, const struct mnet_prefix *prefix,
                                                   uint64_t at)
{
    MN_DEBUG_ASSERT(mn_ipv6_search_own(ip, &prefix->address) == NULL && prefix->length <= 128);
    MN_ASSERT(place >= MN_OWN_LINK_LOCAL && place < MN_OWN_MAX);
    struct mn_own_address *own = &ip->own[place];
    MN_ASSERT(own->state == MN_IP_ADDRESS_NONE);
    *own = (struct mn_own_address){
        .state = MN_IP_ADDRESS_PROBING,
        .prefix = *prefix,
        .preferred_until_ns = MNET_NEVER,
        .valid_until_ns = MNET_NEVER,
        .timer = {.kind = MN_IP_TIMER_ADDRESS},
    };
    ip->own_end = MN_MAX(ip->own_end, place + 1);
    mn_ipv6_set_own_bits(ip);
    ip->changes++;
    uint64_t start = ip->v6.dad_transmits > 0 ? mn_time_after(at, random_delay(ip)) : at;
    int result = mn_ip_join(ip, mn_ipv6_solicited_node(&prefix->address), start); /* DAD-5.4.2 */
    MN_ASSERT(result == 0);
    mn_wheel_arm(&ip->wheel, &own->timer, start);
    return own;
}

/* The transports hear of an address that could be used. */
static void note_lost(struct mn_ip *ip, const struct mn_own_address *own)
{
    if (mn_own_is_usable(own) && ip->v6.lost_count < MN_COUNT_OF(ip->v6.lost))
        ip->v6.lost[ip->v6.lost_count++] = own->prefix.address;
}

MN_RARE void mn_ipv6_lose_address(struct mn_ip *ip, struct mn_own_address *own)
{
    MN_ASSERT(own->state != MN_IP_ADDRESS_NONE);
    note_lost(ip, own);
    mn_wheel_cancel(&ip->wheel, &own->timer);
    if (own->state != MN_IP_ADDRESS_CONFLICT)
        mn_ip_leave(ip, mn_ipv6_solicited_node(&own->prefix.address));
    ip->last_way.known = false;
    ip->changes++;
    MN_DEBUG_ASSERT(!mn_timer_armed(&own->timer));
}

MN_RARE void mn_ipv6_remove_address(struct mn_ip *ip, struct mn_own_address *own)
{
    mn_ipv6_lose_address(ip, own);
    *own = (struct mn_own_address){0};
    while (ip->own_end > MN_OWN_LINK_LOCAL && ip->own[ip->own_end - 1].state == MN_IP_ADDRESS_NONE)
        ip->own_end--;
    mn_ipv6_set_own_bits(ip);
    MN_DEBUG_ASSERT(ip->own_end <= MN_OWN_MAX);
}

bool mn_ip_take_lost(struct mn_ip *ip, struct mnet_address *address)
{
    if (ip->v6.lost_count == 0)
        return false;
    *address = ip->v6.lost[--ip->v6.lost_count];
    return true;
}

MN_RARE void mn_ipv6_announce(struct mn_ip *ip, struct mn_own_address *own, uint64_t now)
{
    MN_DEBUG_ASSERT(own->announcements < 3);
    MN_ASSERT(mn_own_is_usable(own));
    mn_nd_announce(ip, own, own->moved ? mn_ipv6_all_nodes : mn_ipv6_all_routers);
    /* GRAND-6.1.2-4, ND-7.2.6-2 */
    own->quiet_until_ns = mn_time_after(now, ip->v6.parameters.retrans_ns);
    own->announcements++;
    if (mn_ipv6_is_announcing(own))
        mn_wheel_arm(&ip->wheel, &own->timer, own->quiet_until_ns);
}

/* RFC 4862 5.4: detection begins again if the interface does; RFC 4861 7.2.6: the others hear of a
 * new place, of one address after the other. */
MN_RARE void mn_ipv6_address_note_link_up(struct mn_ip *ip, struct mn_own_address *own, uint64_t now)
{
    if (own->state == MN_IP_ADDRESS_PROBING) {
        own->probes = 0;
        own->looped = false;
        mn_wheel_arm(&ip->wheel, &own->timer, now + random_delay(ip));
    } else if (mn_own_is_usable(own)) {
        uint64_t gap = (uint64_t)(own - ip->own) * ANNOUNCE_GAP; /* ND-7.2.6-3 */
        own->announcements = 0;
        own->moved = true;
        own->quiet_until_ns = MN_MAX(now + gap, own->quiet_until_ns);
        mn_wheel_arm(&ip->wheel, &own->timer, own->quiet_until_ns);
    }
}
