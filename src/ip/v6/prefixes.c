#include "ip/v6/prefixes.h"

#include "ip/v6/lifetime.h"
#include "wire/ipv6.h"

static unsigned find(const struct mn_prefixes *prefixes, struct mnet_prefix prefix)
{
    MN_DEBUG_ASSERT(prefixes->count <= MN_PREFIXES_MAX);
    unsigned at = 0;
    while (at < prefixes->count && !(prefixes->entries[at].prefix.length == prefix.length &&
                                     mn_prefix_contains(&prefix, &prefixes->entries[at].prefix.address)))
        at++;
    return at;
}

static void remove_entry(struct mn_prefixes *prefixes, unsigned at)
{
    MN_ASSERT(at < prefixes->count);
    prefixes->entries[at] = prefixes->entries[--prefixes->count];
    prefixes->generation++;
}

static unsigned first_to_end(const struct mn_prefixes *prefixes)
{
    MN_DEBUG_ASSERT(prefixes->count > 0);
    unsigned first = 0;
    for (unsigned i = 1; i < prefixes->count; i++)
        if (prefixes->entries[i].until_ns < prefixes->entries[first].until_ns)
            first = i;
    return first;
}

static void renew(struct mn_prefixes *prefixes, unsigned at, uint64_t until_ns, bool deprecated)
{
    MN_DEBUG_ASSERT(at < prefixes->count);
    struct mn_on_link_prefix *entry = &prefixes->entries[at];
    entry->until_ns = until_ns;
    prefixes->generation += deprecated && !entry->deprecated;
    entry->deprecated = deprecated;
}

static void add(struct mn_prefixes *prefixes, struct mnet_prefix prefix, uint64_t until_ns)
{
    MN_DEBUG_ASSERT(find(prefixes, prefix) == prefixes->count);
    if (prefixes->count == MN_PREFIXES_MAX) {
        unsigned victim = first_to_end(prefixes);
        if (prefixes->entries[victim].until_ns >= until_ns)
            return;
        remove_entry(prefixes, victim);
    }
    prefixes->entries[prefixes->count++] = (struct mn_on_link_prefix){.prefix = prefix, .until_ns = until_ns};
    prefixes->generation++;
}

void mn_prefixes_input(struct mn_prefixes *prefixes, const struct mn_nd_prefix *information, uint64_t now)
{
    struct mnet_prefix prefix = information->prefix;
    if (!information->on_link) /* ND-4.6.2-1 */
        return;
    if (prefix.length > 128 || mn_ipv6_is_link_local(&prefix.address) || /* ND-4.6.2-3 */
        mn_address_is_multicast(&prefix.address) || mn_address_is_ipv4(&prefix.address))
        return;
    unsigned at = find(prefixes, prefix);
    bool known = at < prefixes->count;
    uint64_t until_ns = mn_lifetime_end(now, information->valid_s);
    if (known && information->valid_s == 0)
        remove_entry(prefixes, at); /* ND-6.3.4-17 */
    else if (known)
        renew(prefixes, at, until_ns, information->preferred_s == 0);
    else if (information->valid_s != 0) /* ND-6.3.4-16, ND-6.3.4-18; ND-6.3.4-19: whatever A says */
        add(prefixes, prefix, until_ns);
}

bool mn_prefixes_on_link(const struct mn_prefixes *prefixes, struct mnet_address destination, uint64_t now)
{
    MN_DEBUG_ASSERT(destination.zone == 0);
    if (mn_ipv6_is_link_local(&destination)) /* ND-5.1-2 */
        return true;
    for (unsigned i = 0; i < prefixes->count; i++) /* ONLINK-4-2 */
        if (now < prefixes->entries[i].until_ns && mn_prefix_contains(&prefixes->entries[i].prefix, &destination))
            return true;
    return false; /* ONLINK-4-3 */
}

void mn_prefixes_clear(struct mn_prefixes *prefixes)
{
    prefixes->count = 0;
    prefixes->generation++;
}

void mn_prefixes_expire(struct mn_prefixes *prefixes, uint64_t now)
{
    for (unsigned i = prefixes->count; i-- > 0;)
        if (now >= prefixes->entries[i].until_ns)
            remove_entry(prefixes, i);
}

uint64_t mn_prefixes_deadline(const struct mn_prefixes *prefixes)
{
    return prefixes->count == 0 ? MNET_NEVER : prefixes->entries[first_to_end(prefixes)].until_ns;
}
