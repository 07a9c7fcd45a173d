#include "ip/select.h"

#include "wire/ipv6.h"

#define MAPPED_BITS 96u /* an IPv4 prefix is so much longer in its mapped form */

/* --- scopes, and the policy table --- */

unsigned mn_scope_of(struct mnet_address address)
{
    const uint8_t *bytes = address.bytes;
    if (mn_address_is_ipv4(&address)) { /* SEL-3.2-1 */
        bool link = bytes[12] == 127 || (bytes[12] == 169 && bytes[13] == 254);
        return link ? MN_IPV6_SCOPE_LINK : MN_IPV6_SCOPE_GLOBAL;
    }
    if (mn_ipv6_is_multicast(&address))
        return mn_ipv6_multicast_scope(&address);
    if (mn_ipv6_is_link_local(&address) || mn_ipv6_is_loopback(&address)) /* SEL-3.4-1 */
        return MN_IPV6_SCOPE_LINK;
    bool site_local = bytes[0] == 0xfe && bytes[1] >> 6 == 3; /* fec0::/10 */
    return site_local ? MN_IPV6_SCOPE_SITE : MN_IPV6_SCOPE_GLOBAL;
}

/* The number of leading bits that are equal in both. */
static unsigned common_bits(struct mnet_address a, struct mnet_address b)
{
    for (unsigned i = 0; i < sizeof a.bytes; i++) {
        unsigned differing = a.bytes[i] ^ b.bytes[i];
        if (differing != 0)
            return 8 * i + (unsigned)__builtin_clz(differing) - 24;
    }
    return 8 * sizeof a.bytes;
}

static const struct mn_policy default_lines[] = {
    {{.bytes = {[15] = 1}}, 128, 50, 0},         /* ::1 */
    {{.bytes = {0}}, 0, 40, 1},                  /* everything */
    {{.bytes = {[10] = 0xff, 0xff}}, 96, 35, 4}, /* ::ffff:0:0, IPv4 */
    {{.bytes = {0x20, 0x02}}, 16, 30, 2},        /* 2002::, 6to4 */
    {{.bytes = {0x20, 0x01}}, 32, 5, 5},         /* 2001::, Teredo */
    {{.bytes = {0xfc}}, 7, 3, 13},               /* fc00::, unique local */
    {{.bytes = {0}}, 96, 1, 3},                  /* ::, IPv4-compatible */
    {{.bytes = {0xfe, 0xc0}}, 10, 1, 11},        /* fec0::, site-local */
    {{.bytes = {0x3f, 0xfe}}, 16, 1, 12},        /* 3ffe::, 6bone */
};
const struct mn_policies mn_policies_default = {default_lines, MN_COUNT_OF(default_lines)};

const struct mn_policy *mn_policy_find(const struct mn_policies *policies, struct mnet_address address)
{
    const struct mn_policy *best = NULL;
    for (unsigned i = 0; i < policies->count; i++) {
        const struct mn_policy *line = &policies->lines[i];
        MN_ASSERT(line->length <= 128);
        if (common_bits(line->prefix, address) >= line->length && (best == NULL || line->length > best->length))
            best = line;
    }
    return best;
}

/* An address that no line contains has a label and a precedence below all others. */
static int label_of(const struct mn_policies *policies, struct mnet_address address)
{
    const struct mn_policy *line = mn_policy_find(policies, address);
    return line == NULL ? -1 : line->label;
}

static bool has_label_of(const struct mn_policies *policies, struct mnet_address a, struct mnet_address b)
{
    return label_of(policies, a) == label_of(policies, b);
}

static int precedence_of(const struct mn_policies *policies, struct mnet_address address)
{
    const struct mn_policy *line = mn_policy_find(policies, address);
    return line == NULL ? -1 : line->precedence;
}

/* RFC 6724 2.2 (SEL-2.2-1) */
static unsigned common_prefix(const struct mn_source_candidate *source, struct mnet_address destination)
{
    unsigned length = source->prefix_length + (mn_address_is_ipv4(&source->address) ? MAPPED_BITS : 0);
    return MN_MIN(common_bits(source->address, destination), length);
}

/* --- sources --- */

/* Each rule returns more than 0 if `a` is better than `b`, less than 0 if it is worse. */

struct source_question {
    const struct mn_policies *policies;
    struct mnet_address destination;
    unsigned scope; /* of the destination */
    bool prefer_public;
};

/* SEL-5.R2-1: the smallest scope that is large enough, else the largest of those too small. */
static int compare_scopes(unsigned a, unsigned b, unsigned wanted)
{
    if (a == b)
        return 0;
    if (a < b)
        return a < wanted ? -1 : 1;
    return b < wanted ? 1 : -1;
}

static int compare_sources(const struct source_question *q, const struct mn_source_candidate *a,
                           const struct mn_source_candidate *b)
{
    int better = mn_address_equal(&a->address, &q->destination) - mn_address_equal(&b->address, &q->destination);
    if (better == 0) /* SEL-5.R1-1 above */
        better = compare_scopes(mn_scope_of(a->address), mn_scope_of(b->address), q->scope);
    if (better == 0) /* SEL-5.R3-1; rules 4 and 5: SEL-5.R4-1, SEL-5.R5-1 */
        better = b->deprecated - a->deprecated;
    if (better == 0) /* SEL-5.R5.5-1, N6-6.6-2 */
        better = a->of_next_hop - b->of_next_hop;
    if (better == 0) /* SEL-5.R6-1 */
        better = has_label_of(q->policies, a->address, q->destination) -
                 has_label_of(q->policies, b->address, q->destination);
    if (better == 0) /* SEL-5.R7-1 */
        better = (a->temporary - b->temporary) * (q->prefer_public ? -1 : 1);
    if (better == 0) /* SEL-5.R8-1 */
        better = (int)common_prefix(a, q->destination) - (int)common_prefix(b, q->destination);
    return better;
}

const struct mn_source_candidate *mn_source_select(const struct mn_policies *policies, struct mnet_address destination,
                                                   const struct mn_source_candidate *candidates, unsigned count,
                                                   bool prefer_public)
{
    const struct source_question question = {policies, destination, mn_scope_of(destination), prefer_public};
    bool ipv4 = mn_address_is_ipv4(&destination);
    const struct mn_source_candidate *best = NULL;
    for (unsigned i = 0; i < count; i++) {
        const struct mn_source_candidate *candidate = &candidates[i];
        if (mn_address_is_ipv4(&candidate->address) != ipv4 || mn_address_is_any(&candidate->address) ||
            mn_address_is_multicast(&candidate->address)) /* SEL-4-3 */
            continue;
        if (best == NULL || compare_sources(&question, candidate, best) > 0)
            best = candidate;
    }
    return best;
}

/* --- destinations --- */

static bool is_avoided(const struct mn_destination_candidate *d)
{
    return d->unreachable || d->source == NULL;
}

static bool scopes_match(const struct mn_destination_candidate *d)
{
    return mn_scope_of(d->address) == mn_scope_of(d->source->address);
}

/* SEL-6.R9-1: addresses of different families have no prefixes to compare. */
static int compare_prefixes(const struct mn_destination_candidate *a, const struct mn_destination_candidate *b)
{
    if (mn_address_is_ipv4(&a->address) != mn_address_is_ipv4(&b->address))
        return 0;
    return (int)common_prefix(a->source, a->address) - (int)common_prefix(b->source, b->address);
}

static int compare_destinations(const struct mn_policies *policies, const struct mn_destination_candidate *a,
                                const struct mn_destination_candidate *b)
{
    int better = is_avoided(b) - is_avoided(a);
    if (better != 0) /* SEL-6.R1-1 */
        return better;
    if (a->source != NULL && b->source != NULL) {
        better = scopes_match(a) - scopes_match(b); /* SEL-6.R2-1 */
        if (better == 0)                            /* SEL-6.R3-1; rule 4: SEL-6.R4-1 */
            better = b->source->deprecated - a->source->deprecated;
        if (better == 0) /* SEL-6.R5-1 */
            better = has_label_of(policies, a->address, a->source->address) -
                     has_label_of(policies, b->address, b->source->address);
    }
    if (better == 0) /* SEL-6.R6-1; rule 7: SEL-6.R7-1 */
        better = precedence_of(policies, a->address) - precedence_of(policies, b->address);
    if (better == 0) /* SEL-6.R8-1 */
        better = (int)mn_scope_of(b->address) - (int)mn_scope_of(a->address);
    if (better == 0 && a->source != NULL && b->source != NULL)
        better = compare_prefixes(a, b);
    return better;
}

void mn_destinations_sort(const struct mn_policies *policies, struct mn_destination_candidate *candidates,
                          unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        struct mn_destination_candidate moved = candidates[i];
        unsigned at = i;
        for (; at > 0 && compare_destinations(policies, &moved, &candidates[at - 1]) > 0; at--)
            candidates[at] = candidates[at - 1];
        candidates[at] = moved; /* SEL-6.R10-1: not in front of its equals */
    }
}

/* HE-4-4, HE-4-5 */
void mn_destinations_interleave(struct mn_destination_candidate *candidates, unsigned count, unsigned first)
{
    for (unsigned at = 1; at < count; at++) {
        bool ipv4 = mn_address_is_ipv4(&candidates[at - 1].address) == (at < first);
        unsigned from = at;
        while (from < count && mn_address_is_ipv4(&candidates[from].address) != ipv4)
            from++;
        if (from == count)
            return; /* the rest is of one family */
        struct mn_destination_candidate moved = candidates[from];
        for (; from > at; from--)
            candidates[from] = candidates[from - 1];
        candidates[at] = moved;
    }
}

/* --- losers --- */

void mn_losers_remove(struct mn_losers *losers, struct mnet_address address)
{
    for (unsigned i = 0; i < MN_LOSERS_MAX; i++)
        if (mn_address_equal(&losers->entries[i].address, &address))
            losers->entries[i] = (struct mn_loser){0};
}

void mn_losers_add(struct mn_losers *losers, struct mnet_address address, uint64_t until_ns)
{
    mn_losers_remove(losers, address);
    struct mn_loser *place = &losers->entries[0]; /* a free place has the time 0 */
    for (unsigned i = 1; i < MN_LOSERS_MAX; i++)
        if (losers->entries[i].until_ns < place->until_ns)
            place = &losers->entries[i];
    *place = (struct mn_loser){address, until_ns};
}

bool mn_losers_contain(const struct mn_losers *losers, struct mnet_address address, uint64_t now)
{
    for (unsigned i = 0; i < MN_LOSERS_MAX; i++)
        if (mn_address_equal(&losers->entries[i].address, &address))
            return now < losers->entries[i].until_ns;
    return false;
}
