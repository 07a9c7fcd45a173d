#include "ip/v6/autoconf.h"

#include <string.h>

#include "ip/v6/lifetime.h"
#include "wire/ipv6.h"

void mn_autoconf_init(struct mn_autoconf *autoconf, const struct mn_autoconf_config *config)
{
    *autoconf = (struct mn_autoconf){
        .config = *config,
        .retrans_ns = MNET_SECOND,
        .next_ns = MNET_NEVER,
    };
}

/* --- the list --- */

static bool is_alive(const struct mn_auto_address *a)
{
    return a->state != MN_AUTO_FREE && a->state != MN_AUTO_INVALID;
}

/* SLAAC-5.5.3d-2: all prefixes of the list have the same length. */
static bool has_prefix(const struct mn_auto_address *a, struct mnet_prefix prefix)
{
    return is_alive(a) && mn_prefix_contains(&a->prefix, &prefix.address);
}

static struct mn_auto_address *find_stable(struct mn_autoconf *autoconf, struct mnet_prefix prefix)
{
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++)
        if (!autoconf->addresses[i].temporary && has_prefix(&autoconf->addresses[i], prefix))
            return &autoconf->addresses[i];
    return NULL;
}

static struct mn_auto_address *find_tentative(struct mn_autoconf *autoconf, struct mnet_address address)
{
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++) {
        struct mn_auto_address *a = &autoconf->addresses[i];
        if (a->state == MN_AUTO_TENTATIVE && mn_address_equal(&a->address, &address))
            return a;
    }
    return NULL;
}

static struct mn_auto_address *find_free(struct mn_autoconf *autoconf)
{
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++)
        if (autoconf->addresses[i].state == MN_AUTO_FREE)
            return &autoconf->addresses[i];
    return NULL;
}

static void set_state(struct mn_auto_address *a, enum mn_auto_state state)
{
    MN_ASSERT(a->state != MN_AUTO_INVALID);
    a->changed = a->changed || a->state != state;
    a->state = state;
}

/* The state of an address that is unique (SLAAC-5.5.4-1). */
static enum mn_auto_state state_at(const struct mn_auto_address *a, uint64_t now)
{
    return now < a->preferred_until_ns ? MN_AUTO_PREFERRED : MN_AUTO_DEPRECATED;
}

static void update_state(struct mn_auto_address *a, uint64_t now)
{
    MN_DEBUG_ASSERT(!is_alive(a) || a->preferred_until_ns <= a->valid_until_ns);
    if (!is_alive(a))
        return;
    if (now >= a->valid_until_ns) /* SLAAC-5.5.4-6 */
        set_state(a, MN_AUTO_INVALID);
    else if (a->state == MN_AUTO_PREFERRED || a->state == MN_AUTO_DEPRECATED)
        set_state(a, state_at(a, now));
}

/* --- identifiers --- */

/* Gives `a` an address that no other of the list has. */
static void make_address(struct mn_autoconf *autoconf, struct mn_auto_address *a)
{
    MN_DEBUG_ASSERT(a->prefix.length == MN_IDENTIFIER_BITS && a->state != MN_AUTO_INVALID);
    struct mn_identifier all[MN_AUTO_ADDRESSES_MAX], identifier;
    struct mn_identifiers taken = {all, 0};
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++)
        if (&autoconf->addresses[i] != a && has_prefix(&autoconf->addresses[i], a->prefix))
            all[taken.count++] = mn_identifier_of(autoconf->addresses[i].address);
    const struct mn_autoconf_config *config = &autoconf->config;
    if (a->temporary)
        identifier = mn_identifier_make_temporary(config->random, taken);
    else if (config->identifier == MN_AUTO_EUI64)
        identifier = mn_identifier_from_mac(config->mac);
    else if (config->identifier == MN_AUTO_FIXED)
        identifier = config->token;
    else
        identifier = mn_identifier_make_stable(&config->origin, a->prefix, taken, &a->dad_counter);
    a->address = mn_identifier_join(a->prefix, identifier);
    a->state = MN_AUTO_TENTATIVE;
    a->changed = true;
}

/* --- temporary addresses --- */

/* TEMP-3.8-1 */
static uint64_t regen_advance(const struct mn_autoconf *autoconf)
{
    return 2 * MNET_SECOND + MN_IDGEN_RETRIES * autoconf->config.dad_transmits * autoconf->retrans_ns;
}

static bool is_fresh(const struct mn_autoconf *autoconf, const struct mn_auto_address *a, uint64_t now)
{
    bool usable = a->state == MN_AUTO_TENTATIVE || a->state == MN_AUTO_PREFERRED;
    return usable && a->temporary && a->preferred_until_ns > mn_time_after(now, regen_advance(autoconf));
}

static void add_temporary(struct mn_autoconf *autoconf, const struct mn_auto_address *stable, uint64_t now)
{
    MN_DEBUG_ASSERT(!stable->temporary && is_alive(stable));
    uint32_t desync_ms = mn_random_below(autoconf->config.random,
                                         MN_TEMP_DESYNC_NS / MNET_MILLISECOND); /* TEMP-3.8-2 */
    struct mn_auto_address temporary = {
        .prefix = stable->prefix,
        .preferred_most_ns = mn_time_after(now, MN_TEMP_PREFERRED_NS - desync_ms * MNET_MILLISECOND),
        .valid_most_ns = mn_time_after(now, MN_TEMP_VALID_NS),
        .check_at_ns = now,
        .temporary = true,
    };
    /* TEMP-3.4-2 */
    temporary.preferred_until_ns = MN_MIN(stable->preferred_until_ns, temporary.preferred_most_ns);
    temporary.valid_until_ns = MN_MIN(stable->valid_until_ns, temporary.valid_most_ns);
    struct mn_auto_address *place = find_free(autoconf);
    /* TEMP-3.4-3 */
    if (place == NULL || temporary.preferred_until_ns <= mn_time_after(now, regen_advance(autoconf)))
        return;
    *place = temporary;
    make_address(autoconf, place);
}

/* TEMP-3.4-1, TEMP-3.5-1: a prefix has a temporary address that stays preferred for a while. */
static void ensure_temporary(struct mn_autoconf *autoconf, const struct mn_auto_address *stable, uint64_t now)
{
    if (!autoconf->config.temporary || stable->temporary || stable->no_temporary || !is_alive(stable) ||
        mn_ipv6_is_link_local(&stable->prefix.address))
        return;
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++)
        if (is_fresh(autoconf, &autoconf->addresses[i], now) && has_prefix(&autoconf->addresses[i], stable->prefix))
            return;
    add_temporary(autoconf, stable, now);
}

/* --- time --- */

static uint64_t earlier_after(uint64_t now, uint64_t at, uint64_t first)
{
    return at > now ? MN_MIN(at, first) : first;
}

static void set_deadline(struct mn_autoconf *autoconf, uint64_t now)
{
    uint64_t first = MNET_NEVER, advance = regen_advance(autoconf);
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++) {
        const struct mn_auto_address *a = &autoconf->addresses[i];
        if (!is_alive(a))
            continue;
        first = earlier_after(now, a->valid_until_ns, first);
        if (a->state != MN_AUTO_DUPLICATE)
            first = earlier_after(now, a->preferred_until_ns, first);
        if (a->temporary && autoconf->config.temporary && a->preferred_until_ns > advance)
            first = earlier_after(now, a->preferred_until_ns - advance, first);
    }
    autoconf->next_ns = first;
    MN_DEBUG_ASSERT(autoconf->next_ns > now);
}

void mn_autoconf_expire(struct mn_autoconf *autoconf, uint64_t now)
{
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++)
        update_state(&autoconf->addresses[i], now);
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++)
        ensure_temporary(autoconf, &autoconf->addresses[i], now);
    set_deadline(autoconf, now);
}

uint64_t mn_autoconf_deadline(const struct mn_autoconf *autoconf)
{
    return autoconf->next_ns;
}

/* --- prefixes --- */

static void add_stable(struct mn_autoconf *autoconf, struct mnet_prefix prefix, uint64_t preferred_until_ns,
                       uint64_t valid_until_ns, uint64_t now)
{
    MN_DEBUG_ASSERT(preferred_until_ns <= valid_until_ns && prefix.length == MN_IDENTIFIER_BITS);
    MN_DEBUG_ASSERT(find_stable(autoconf, prefix) == NULL);
    struct mn_auto_address *place = find_free(autoconf);
    if (place == NULL)
        return;
    *place = (struct mn_auto_address){
        .prefix = prefix,
        .preferred_until_ns = preferred_until_ns,
        .valid_until_ns = valid_until_ns,
        .check_at_ns = now,
    };
    make_address(autoconf, place);
}

void mn_autoconf_add_link_local(struct mn_autoconf *autoconf, uint64_t now)
{
    const struct mnet_prefix link_local = {{.bytes = {0xfe, 0x80}}, MN_IDENTIFIER_BITS};
    struct mn_auto_address *known = find_stable(autoconf, link_local);
    if (known != NULL && known->state == MN_AUTO_DUPLICATE) {
        known->dad_counter = known->failures = 0;
        known->check_at_ns = now;
        make_address(autoconf, known);
    } else if (known == NULL) { /* SLAAC-5.3-3 */
        add_stable(autoconf, link_local, MNET_NEVER, MNET_NEVER, now);
    }
    set_deadline(autoconf, now);
}

/* Returns true if an address can be formed of the option (SLAAC-5.5.3a-1 to SLAAC-5.5.3d-3). */
static bool is_acceptable(const struct mn_nd_prefix *information)
{
    static const struct mnet_prefix unspecified = {{.bytes = {0}}, MN_IDENTIFIER_BITS};
    struct mnet_prefix prefix = information->prefix;
    return information->autonomous && !mn_ipv6_is_link_local(&prefix.address) && /* (a), (b) */
           information->preferred_s <= information->valid_s &&                   /* (c) */
           prefix.length == MN_IDENTIFIER_BITS &&                                /* (d) */
           !mn_address_is_multicast(&prefix.address) && !mn_address_is_ipv4(&prefix.address) &&
           !mn_prefix_contains(&unspecified, &prefix.address);
}

/* RFC 4862 5.5.3 (e): nobody can shorten the valid lifetime below two hours by a forged
 * advertisement. */
static void refresh(struct mn_auto_address *a, const struct mn_nd_prefix *information, uint64_t now)
{
    uint64_t valid_until_ns = mn_lifetime_end(now, information->valid_s);
    uint64_t two_hours_ns = mn_time_after(now, MN_TWO_HOURS_NS);
    if (valid_until_ns > two_hours_ns || valid_until_ns > a->valid_until_ns) /* SLAAC-5.5.3e1-1 */
        a->valid_until_ns = valid_until_ns;
    else if (a->valid_until_ns > two_hours_ns) /* SLAAC-5.5.3e3-1; else SLAAC-5.5.3e2-1 */
        a->valid_until_ns = two_hours_ns;
    a->preferred_until_ns = mn_lifetime_end(now, information->preferred_s); /* SLAAC-5.5.3e-1 */
    if (a->temporary) {                                                     /* TEMP-3.4-4 */
        a->valid_until_ns = MN_MIN(a->valid_until_ns, a->valid_most_ns);
        a->preferred_until_ns = MN_MIN(a->preferred_until_ns, a->preferred_most_ns);
    }
    MN_ASSERT(a->preferred_until_ns <= a->valid_until_ns);
    a->changed = true;
}

void mn_autoconf_input(struct mn_autoconf *autoconf, const struct mn_nd_prefix *information, uint64_t now)
{
    if (!is_acceptable(information))
        return;
    mn_autoconf_expire(autoconf, now);
    struct mnet_prefix prefix = {mn_identifier_join(information->prefix, (struct mn_identifier){{0}}),
                                 MN_IDENTIFIER_BITS};
    bool known = find_stable(autoconf, prefix) != NULL;
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++)
        if (has_prefix(&autoconf->addresses[i], prefix))
            refresh(&autoconf->addresses[i], information, now);
    if (!known && information->valid_s > 0) /* SLAAC-5.5.3d-1, SLAAC-5.5.3d-4 */
        add_stable(autoconf, prefix, mn_lifetime_end(now, information->preferred_s),
                   mn_lifetime_end(now, information->valid_s), now);
    mn_autoconf_expire(autoconf, now);
}

void mn_autoconf_set_temporary(struct mn_autoconf *autoconf, bool on, uint64_t now)
{
    autoconf->config.temporary = on;
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++) {
        struct mn_auto_address *a = &autoconf->addresses[i];
        if (!on && a->temporary && is_alive(a)) {
            a->preferred_most_ns = MN_MIN(a->preferred_most_ns, now);
            a->preferred_until_ns = MN_MIN(a->preferred_until_ns, now);
        }
    }
    mn_autoconf_expire(autoconf, now);
}

void mn_autoconf_clear(struct mn_autoconf *autoconf, uint64_t now)
{
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++) {
        struct mn_auto_address *a = &autoconf->addresses[i];
        if (is_alive(a) && !mn_ipv6_is_link_local(&a->prefix.address))
            set_state(a, MN_AUTO_INVALID);
    }
    set_deadline(autoconf, now);
}

/* --- duplicates --- */

void mn_autoconf_confirm(struct mn_autoconf *autoconf, struct mnet_address address, uint64_t now)
{
    struct mn_auto_address *a = find_tentative(autoconf, address);
    if (a == NULL)
        return;
    a->failures = 0;
    set_state(a, state_at(a, now));
    mn_autoconf_expire(autoconf, now);
}

/* The last try has failed: the prefix gets no address of this kind any more. */
static void give_up(struct mn_autoconf *autoconf, struct mn_auto_address *a)
{
    MN_DEBUG_ASSERT(a->state == MN_AUTO_TENTATIVE);
    struct mn_auto_address *stable = find_stable(autoconf, a->prefix);
    if (a->temporary && stable != NULL) /* TEMP-3.4-5 */
        stable->no_temporary = true;
    set_state(a, a->temporary ? MN_AUTO_INVALID : MN_AUTO_DUPLICATE); /* SLAAC-5.4.5-1 */
}

void mn_autoconf_note_duplicate(struct mn_autoconf *autoconf, struct mnet_address address, uint64_t now)
{
    struct mn_auto_address *a = find_tentative(autoconf, address);
    if (a == NULL)
        return;
    bool has_others = a->temporary || autoconf->config.identifier == MN_AUTO_STABLE;
    if (!has_others || a->failures == MN_IDGEN_RETRIES) { /* IID-6-2, IID-6-3 */
        give_up(autoconf, a);
    } else {
        a->failures++;
        a->dad_counter++; /* IID-5-3 */
        uint32_t delay_ms = mn_random_below(autoconf->config.random, MN_IDGEN_DELAY_NS / MNET_MILLISECOND + 1);
        a->check_at_ns = mn_time_after(now, delay_ms * MNET_MILLISECOND); /* IID-6-1 */
        make_address(autoconf, a);
    }
    set_deadline(autoconf, now);
}

static struct mn_auto_address *find_change(struct mn_autoconf *autoconf, bool invalid)
{
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++) {
        struct mn_auto_address *a = &autoconf->addresses[i];
        if (a->changed && (a->state == MN_AUTO_INVALID) == invalid)
            return a;
    }
    return NULL;
}

bool mn_autoconf_take_change(struct mn_autoconf *autoconf, struct mn_auto_address *address)
{
    struct mn_auto_address *a = find_change(autoconf, true);
    if (a == NULL)
        a = find_change(autoconf, false);
    if (a == NULL)
        return false;
    a->changed = false;
    *address = *a;
    if (a->state == MN_AUTO_INVALID)
        *a = (struct mn_auto_address){.state = MN_AUTO_FREE};
    return true;
}
