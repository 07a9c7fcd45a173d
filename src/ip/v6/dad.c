/* Duplicate address detection: an own address from the first wish to its use (RFC 4862 5.4).
 *
 * An address is tentative until all solicitations for it, usually one, have gone unanswered. Nobody
 * sends from it or gets packets for it meanwhile. The solicitation carries a nonce (RFC 7527), so
 * that one which a switch sends back to us is not taken for another station's. If another station
 * has the address, it is not used at all; if that is a link-local address made of our MAC, which
 * nobody else should have, IPv6 is switched off (RFC 4862 5.4.5). Once an address is ours it stays
 * so, whatever others say (RFC 4862 5.4 asks for detection before use only).
 */
#include "base/logger.h"
#include "ip/v6/identifier.h"
#include "ip/v6/internal.h"

static void become_ours(struct mn_ip *ip, struct mn_own_address *own, uint64_t now)
{
    own->state = MN_IP_ADDRESS_OURS;
    ip->last_way.known = false;
    ip->changes++;
    if (own == &ip->own[MN_OWN_LINK_LOCAL]) /* MLD2-5.2.13-2 */
        mn_groups_tell_again(ip, MN_GROUPS_IPV6);
    /* RFC 9131 6.1.1: routers learn the link address before packets for it come. */
    if (!mn_ipv6_is_link_local(&own->prefix.address))
        mn_nd_announce(ip, own, mn_ipv6_all_routers);
    else if (ip->v6.discovers)
        mn_ipv6_discovery_start(ip, now);
    if (own->leased)
        mn_ipv6_age_leased(ip, own, now);
    if (own->automatic)
        mn_ipv6_slaac_confirm(ip, own->prefix.address, now);
}

MN_RARE void mn_ipv6_address_timer(struct mn_ip *ip, struct mn_own_address *own, uint64_t now)
{
    MN_ASSERT(own->state == MN_IP_ADDRESS_PROBING || own->leased);
    if (own->state != MN_IP_ADDRESS_PROBING) {
        mn_ipv6_age_leased(ip, own, now);
        return;
    }
    if (own->probes == ip->v6.dad_transmits) {
        become_ours(ip, own, now);
        return;
    }
    mn_groups_timer(ip, now); /* before the answer, switches hear of the group that gets it */
    mn_random_bytes(ip->random, own->nonce, sizeof own->nonce);
    own->probes += mn_nd_probe(ip, own); /* without memory for one nobody was asked */
    mn_wheel_arm(&ip->wheel, &own->timer, now + ip->v6.parameters.retrans_ns);
}

static void log_error(const struct mn_ip *ip, const struct mn_own_address *own, const char *what)
{
    if (!mn_log_wanted(ip->log, MNET_LOG_ERROR))
        return;
    char text[MNET_ADDRESS_TEXT];
    mnet_address_format(own->prefix.address, text, sizeof text);
    mn_log(ip->log, MNET_LOG_ERROR, "ipv6 %s: another station has this address%s", text, what);
}

/* An address of the configuration stays in the list, so that its owner sees why it has none. */
static void give_up(struct mn_ip *ip, struct mn_own_address *own)
{
    if (own->automatic) {
        mn_ipv6_remove_address(ip, own);
    } else if (own->state != MN_IP_ADDRESS_CONFLICT) {
        mn_ipv6_lose_address(ip, own);
        own->state = MN_IP_ADDRESS_CONFLICT;
    }
}

/* RFC 4862 5.4.5: from here on no packet of IPv6 leaves or is looked at, until the stack is started
 * again. */
static void switch_off(struct mn_ip *ip)
{
    ip->v6.on = false;
    for (unsigned i = MN_OWN_LINK_LOCAL; i < MN_OWN_MAX; i++)
        if (ip->own[i].state != MN_IP_ADDRESS_NONE)
            give_up(ip, &ip->own[i]);
    mn_wheel_cancel(&ip->wheel, &ip->v6.timer);
}

static bool is_of_mac(const struct mn_ip *ip, const struct mn_own_address *own)
{
    if (own != &ip->own[MN_OWN_LINK_LOCAL]) /* whose prefix has room for an identifier */
        return false;
    const struct mnet_address of_mac = mn_identifier_join(own->prefix, mn_identifier_from_mac(ip->mac));
    return mn_ipv6_equal(&own->prefix.address, &of_mac);
}

MN_RARE void mn_ipv6_address_conflict(struct mn_ip *ip, struct mn_own_address *own, uint64_t now)
{
    mn_ip_count(ip, MNET_COUNT_ND_CONFLICT);
    if (own->state != MN_IP_ADDRESS_PROBING)
        return;
    if (is_of_mac(ip, own)) {
        log_error(ip, own, ", made of our MAC: IPv6 is off");
        switch_off(ip);
        return;
    }
    if (own->automatic) { /* another one may follow */
        struct mnet_address address = own->prefix.address;
        mn_ipv6_remove_address(ip, own);
        mn_ipv6_slaac_note_duplicate(ip, address, now);
        return;
    }
    give_up(ip, own);
    log_error(ip, own, "");
}
