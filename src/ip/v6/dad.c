/* Duplicate address detection (RFC 4862 5.4).
 *
 * An address is tentative until all solicitations for it, usually one, are unanswered. Meanwhile no
 * packet is sent from it, and packets to it are dropped. The solicitation carries a nonce (RFC
 * 7527), so that a copy which a switch sends back is not taken for that of another station. Then
 * three more follow, and no others, because the host needs an address on a link that always sends
 * frames back, too. If another station has the address, it is not used. If that is the link-local
 * address made of our MAC, which no other station should have, IPv6 is switched off (RFC 4862
 * 5.4.5). While the link is down, no station hears a solicitation, so detection waits.
 *
 * An address that is once ours is kept, even if another station claims it: RFC 4862 5.4 asks for
 * detection only before use.
 */
#include "base/logger.h"
#include "ip/v6/identifier.h"
#include "ip/v6/internal.h"

static void become_ours(struct mn_ip *ip, struct mn_own_address *own, uint64_t now)
{
    MN_DEBUG_ASSERT(own->state == MN_IP_ADDRESS_PROBING);
    own->state = MN_IP_ADDRESS_OURS;
    ip->last_way.known = false;
    ip->changes++;
    if (own == &ip->own[MN_OWN_LINK_LOCAL]) /* MLD2-5.2.13-2 */
        mn_groups_tell_again(ip, MN_GROUPS_IPV6);
    /* RFC 9131 6.1.1: routers learn the link address before packets for it come. */
    if (!mn_ipv6_is_link_local(&own->prefix.address))
        mn_ipv6_announce(ip, own, now);
    else if (ip->v6.discovers)
        mn_ipv6_discovery_start(ip, now);
    if (own->leased)
        mn_ipv6_age_leased(ip, own, now);
    if (own->automatic)
        mn_ipv6_slaac_confirm(ip, own->prefix.address, now);
}

static void probe(struct mn_ip *ip, struct mn_own_address *own, uint64_t now)
{
    MN_DEBUG_ASSERT(own->state == MN_IP_ADDRESS_PROBING && own->probes < MN_DAD_PROBES_MAX);
    uint8_t *nonce = own->nonces[own->probes]; /* EDAD-4.1-1 */
    mn_groups_expire(ip, now);                 /* switches know the group before the answer */
    mn_random_bytes(ip->random, nonce, MN_ND_NONCE);
    own->probes += mn_nd_probe(ip, own, nonce); /* without memory for one nobody was asked */
    mn_wheel_arm(&ip->wheel, &own->timer, now + ip->v6.parameters.retrans_ns);
}

/* What an address that is ours does in time: it is announced, and a leased one ages. */
static void follow_time(struct mn_ip *ip, struct mn_own_address *own, uint64_t now)
{
    if (mn_ipv6_is_announcing(own) && own->quiet_until_ns <= now)
        mn_ipv6_announce(ip, own, now);
    if (own->leased)
        mn_ipv6_age_leased(ip, own, now);
}

MN_RARE void mn_ipv6_address_expire(struct mn_ip *ip, struct mn_own_address *own, uint64_t now)
{
    MN_DEBUG_ASSERT(own->state != MN_IP_ADDRESS_NONE && own->state != MN_IP_ADDRESS_CONFLICT);
    unsigned wanted = ip->v6.dad_transmits + (own->looped ? MN_DAD_LOOPED_PROBES : 0);
    if (own->state != MN_IP_ADDRESS_PROBING)
        follow_time(ip, own, now);
    else if (ip->link_down && wanted > 0)
        return; /* it begins again when the link comes up */
    else if (own->probes < wanted)
        probe(ip, own, now);
    else
        become_ours(ip, own, now);
}

bool mn_ipv6_has_sent_probe(const struct mn_own_address *own, const struct mn_nd *message)
{
    MN_DEBUG_ASSERT(own->probes <= MN_DAD_PROBES_MAX);
    for (unsigned i = 0; message->nonce_len == MN_ND_NONCE && i < own->probes; i++)
        if (memcmp(message->nonce, own->nonces[i], MN_ND_NONCE) == 0)
            return true;
    return false;
}

MN_RARE void mn_ipv6_receive_probe(struct mn_ip *ip, struct mn_own_address *own, const struct mn_nd *message,
                                   uint64_t now)
{
    MN_ASSERT(own->state == MN_IP_ADDRESS_PROBING);
    if (!mn_ipv6_has_sent_probe(own, message)) {
        mn_ipv6_address_note_conflict(ip, own, message, now);
        return;
    }
    mn_ip_count(ip, MNET_COUNT_ND_LOOPED); /* EDAD-4.2-1 */
    if (!own->looped && mn_log_claim(ip->log, MNET_LOG_WARNING, &ip->log_limits.addresses, MN_LOG_BURST, now))
        mn_log(ip->log, MNET_LOG_WARNING, "ipv6: the link sends back what the host sends");
    own->looped = true;
}

/* An address that is ours is contested: one line for it in a while, with the other MAC if the
 * message has it. A station that only asks for the address tells none. */
static void log_contest(const struct mn_ip *ip, struct mn_own_address *own, const struct mn_nd *message, uint64_t now)
{
    char text[MNET_ADDRESS_TEXT];
    const uint8_t *m = message->link_address.bytes;
    if (!mn_log_claim(ip->log, MNET_LOG_ERROR, &own->contests, 1, now))
        return;
    mnet_address_format(own->prefix.address, text, sizeof text);
    if (message->has_link_address)
        mn_log(ip->log, MNET_LOG_ERROR, "ipv6 %s: address conflict with %02x:%02x:%02x:%02x:%02x:%02x", text, m[0],
               m[1], m[2], m[3], m[4], m[5]);
    else
        mn_log(ip->log, MNET_LOG_ERROR, "ipv6 %s: address conflict with another station", text);
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
    MN_DEBUG_ASSERT(own->state != MN_IP_ADDRESS_NONE);
    if (own->automatic) {
        mn_ipv6_remove_address(ip, own);
    } else if (own->state != MN_IP_ADDRESS_CONFLICT) {
        mn_ipv6_lose_address(ip, own);
        own->state = MN_IP_ADDRESS_CONFLICT;
    }
}

/* RFC 4862 5.4.5 */
static void give_all_up(struct mn_ip *ip)
{
    mn_ipv6_stop(ip);
    for (unsigned i = MN_OWN_LINK_LOCAL; i < MN_OWN_MAX; i++)
        if (ip->own[i].state != MN_IP_ADDRESS_NONE)
            give_up(ip, &ip->own[i]);
}

static bool is_of_mac(const struct mn_ip *ip, const struct mn_own_address *own)
{
    if (own != &ip->own[MN_OWN_LINK_LOCAL]) /* whose prefix has room for an identifier */
        return false;
    const struct mnet_address of_mac = mn_identifier_join(own->prefix, mn_identifier_from_mac(ip->mac));
    return mn_ipv6_equal(&own->prefix.address, &of_mac);
}

MN_RARE void mn_ipv6_address_note_conflict(struct mn_ip *ip, struct mn_own_address *own, const struct mn_nd *message,
                                           uint64_t now)
{
    MN_DEBUG_ASSERT(own->state != MN_IP_ADDRESS_NONE);
    mn_ip_count(ip, MNET_COUNT_ND_CONFLICT);
    if (mn_own_is_usable(own))
        log_contest(ip, own, message, now);
    if (own->state != MN_IP_ADDRESS_PROBING)
        return;
    if (is_of_mac(ip, own)) {
        log_error(ip, own, ", made of our MAC: IPv6 is off");
        give_all_up(ip);
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
