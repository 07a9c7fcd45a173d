/* Own addresses that follow from prefixes (RFC 4862 5.5): autoconf.c decides which there are and
 * how long, and here the list of own addresses follows it. */
#include "base/logger.h"
#include "ip/v6/internal.h"

static void log_address(struct mn_ip *ip, enum mnet_log_level level, const struct mnet_address *address,
                        const char *what, uint64_t now)
{
    if (!mn_log_claim(ip->log, level, &ip->log_limits.addresses, MN_LOG_BURST, now))
        return;
    char text[MNET_ADDRESS_TEXT];
    mnet_address_format(*address, text, sizeof text);
    mn_log(ip->log, level, "ipv6 %s: %s", text, what);
}

static unsigned find_place(const struct mn_ip *ip, const struct mnet_address *address)
{
    bool first = mn_ipv6_is_link_local(address) && ip->own[MN_OWN_LINK_LOCAL].state == MN_IP_ADDRESS_NONE;
    return first ? MN_OWN_LINK_LOCAL : mn_ipv6_find_place(ip);
}

static void add(struct mn_ip *ip, const struct mn_auto_address *automatic, uint64_t now)
{
    const struct mnet_prefix prefix = {automatic->address, automatic->prefix.length};
    unsigned place = find_place(ip, &automatic->address);
    if (place == MN_OWN_MAX) /* the addresses of DHCPv6 may have taken the place */
        return;
    struct mn_own_address *own = mn_ipv6_add_address(ip, place, &prefix, MN_MAX(now, automatic->check_at_ns));
    own->automatic = true;
    own->temporary = automatic->temporary;
}

/* Takes lifetimes, and the state that follows from them. */
static void update(struct mn_ip *ip, struct mn_own_address *own, const struct mn_auto_address *automatic, uint64_t now)
{
    own->preferred_until_ns = automatic->preferred_until_ns;
    own->valid_until_ns = automatic->valid_until_ns;
    if (own->state == MN_IP_ADDRESS_OURS && automatic->state == MN_AUTO_DEPRECATED) {
        own->state = MN_IP_ADDRESS_DEPRECATED;
        ip->changes++;
        log_address(ip, MNET_LOG_INFO, &own->prefix.address, "deprecated", now);
    } else if (own->state == MN_IP_ADDRESS_DEPRECATED && automatic->state == MN_AUTO_PREFERRED) {
        own->state = MN_IP_ADDRESS_OURS;
        ip->changes++;
    }
}

static void apply(struct mn_ip *ip, const struct mn_auto_address *automatic, uint64_t now)
{
    struct mn_own_address *own = mn_ipv6_search_own(ip, &automatic->address);
    if (own != NULL && !own->automatic) /* one of the configuration */
        return;
    switch (automatic->state) {
    case MN_AUTO_TENTATIVE:
        if (own == NULL)
            add(ip, automatic, now);
        own = mn_ipv6_search_own(ip, &automatic->address);
        break;
    case MN_AUTO_INVALID:
        if (own != NULL) {
            log_address(ip, MNET_LOG_INFO, &automatic->address, "its lifetime has ended", now);
            mn_ipv6_remove_address(ip, own);
        }
        return;
    case MN_AUTO_DUPLICATE:
        log_address(ip, MNET_LOG_ERROR, &automatic->address, "duplicate, and not used", now);
        return;
    case MN_AUTO_FREE:
    case MN_AUTO_PREFERRED:
    case MN_AUTO_DEPRECATED: break;
    }
    if (own != NULL)
        update(ip, own, automatic, now);
}

MN_RARE void mn_ipv6_slaac_apply(struct mn_ip *ip, uint64_t now)
{
    struct mn_auto_address automatic;
    while (mn_autoconf_take_change(&ip->v6.autoconf, &automatic)) {
        apply(ip, &automatic, now);
        ip->last_way.known = false;
    }
}

MN_RARE void mn_ipv6_slaac_confirm(struct mn_ip *ip, struct mnet_address address, uint64_t now)
{
    log_address(ip, MNET_LOG_INFO, &address, "an address of the host", now);
    mn_autoconf_confirm(&ip->v6.autoconf, address, now);
    mn_ipv6_slaac_apply(ip, now);
    mn_ipv6_discovery_arm(ip, now);
}

MN_RARE void mn_ipv6_slaac_note_duplicate(struct mn_ip *ip, struct mnet_address address, uint64_t now)
{
    log_address(ip, MNET_LOG_WARNING, &address, "another station has this address", now);
    mn_autoconf_note_duplicate(&ip->v6.autoconf, address, now);
    mn_ipv6_slaac_apply(ip, now);
    mn_ipv6_discovery_arm(ip, now);
}
