/* Duplicate address detection: an own address from the first wish to its use (RFC 4862 5.4).
 *
 * An address is tentative until a solicitation for it has gone unanswered. Nobody sends from it or
 * gets packets for it meanwhile. The solicitation carries a nonce (RFC 7527), so that one which a
 * switch sends back to us is not taken for another station's. If another station has the address,
 * it is not used at all. Once it is ours it stays so, whatever others say (RFC 4862 5.4 asks for
 * detection before use only).
 */
#include "base/logger.h"
#include "ip/v6/internal.h"

#define DUP_ADDR_DETECT_TRANSMITS 1 /* RFC 4862 5.1 */

static void become_ours(struct mn_ip *ip, struct mn_own_address *own, uint64_t now)
{
    own->state = MN_IP_ADDRESS_OURS;
    ip->last_way.known = false;
    ip->v6.changes++;
    if (own == &ip->own[MN_OWN_LINK_LOCAL]) /* MLD2-5.2.13-2 */
        mn_groups_tell_again(ip, MN_GROUPS_IPV6);
    /* RFC 9131 6.1.1: routers learn the link address before packets for it come. */
    if (!mn_ipv6_is_link_local(&own->prefix.address))
        mn_nd_announce(ip, own, mn_ipv6_all_routers);
    else if (ip->v6.discovers)
        mn_ipv6_discovery_start(ip, now);
    if (own->automatic)
        mn_ipv6_slaac_confirm(ip, own->prefix.address, now);
}

MN_RARE void mn_ipv6_address_timer(struct mn_ip *ip, struct mn_own_address *own, uint64_t now)
{
    MN_ASSERT(own->state == MN_IP_ADDRESS_PROBING);
    if (own->probes == DUP_ADDR_DETECT_TRANSMITS) {
        become_ours(ip, own, now);
        return;
    }
    mn_groups_timer(ip, now); /* before the answer, switches hear of the group that gets it */
    mn_random_bytes(ip->random, own->nonce, sizeof own->nonce);
    own->probes += mn_nd_probe(ip, own); /* without memory for one nobody was asked */
    mn_wheel_arm(&ip->wheel, &own->timer, now + ip->v6.parameters.retrans_ns);
}

MN_RARE void mn_ipv6_address_conflict(struct mn_ip *ip, struct mn_own_address *own, uint64_t now)
{
    mn_ip_count(ip, MNET_COUNT_ND_CONFLICT);
    if (own->state != MN_IP_ADDRESS_PROBING)
        return;
    if (own->automatic) { /* another one may follow */
        struct mnet_address address = own->prefix.address;
        mn_ipv6_remove_address(ip, own);
        mn_ipv6_slaac_note_duplicate(ip, address, now);
        return;
    }
    own->state = MN_IP_ADDRESS_CONFLICT;
    mn_wheel_cancel(&ip->wheel, &own->timer);
    mn_ip_leave(ip, mn_ipv6_solicited_node(&own->prefix.address));
    if (mn_log_wanted(ip->log, MNET_LOG_ERROR)) {
        char text[MNET_ADDRESS_TEXT];
        mnet_address_format(own->prefix.address, text, sizeof text);
        mn_log(ip->log, MNET_LOG_ERROR, "ipv6 %s: another station has this address", text);
    }
}
