/* Membership of multicast groups, for both families: a host's side of MLDv2 and MLDv1 (RFC 3810,
 * RFC 2710), and of IGMP of versions 3, 2 and 1 (RFC 3376, RFC 2236).
 *
 * Theory of operation. Switches and routers forward the packets of a group to a host that has
 * reported it. The table has each group with the number of those that want it. If the first comes
 * or the last goes, the group has a change to be reported: robustness times, the first time at
 * once, then at random times. Queriers ask for the groups. The answer is sent after a random time,
 * up to the one in the query, so that the hosts of a link do not all answer at once. A report of
 * the newest version has a record for each group that is due, whether for a change or an answer.
 *
 * Only filters of any source exist (EXCLUDE with an empty list), so the filter of a group is
 * EXCLUDE {} with members and INCLUDE {} without. A query about a group and some sources stores
 * these; the answer says that they are wanted. If there are more than a group has places for, the
 * answer is the state of the whole group.
 *
 * If a querier of an older version is heard, the host speaks that version until the querier has not
 * been heard for long (RFC 3810 8.2.1, RFC 3376 7.2.1). Then each group has a report of its own, at
 * a time of its own, and another host's report stands for ours.
 *
 * One timer runs to the first time at which anything is due. Nothing is sent before it expires, so
 * changes that are made together are reported together. A flood of queries causes at most one
 * answer for each group in MIN_REST, and stores nothing beyond the table.
 */
#include "ip/group.h"

#include "base/check.h"
#include "ip/group_report.h"
#include "ip/v4/internal.h"
#include "ip/v6/internal.h"
#include "wire/igmp.h"

/* RFC 3810 9, RFC 3376 8 */
#define ROBUSTNESS 2
#define QUERY_INTERVAL_S 125
#define UNSOLICITED_REPORT_INTERVAL MNET_SECOND
#define OLDER_UNSOLICITED_REPORT_INTERVAL (10 * MNET_SECOND) /* RFC 2710 7.10, RFC 2236 8.10 */

#define MIN_REST (100 * MNET_MILLISECOND)
#define RETRY MNET_SECOND /* without memory for a report */

/* An own address, and the group of all nodes, find a place whatever users have joined. */
_Static_assert(MN_GROUPS_USERS_MAX + MN_OWN_MAX + 1 <= MN_GROUPS_MAX, "places for own groups");

static const struct mn_group_protocol *const protocols[] = {
    [MN_GROUPS_IPV4] = &mn_igmp_protocol,
    [MN_GROUPS_IPV6] = &mn_mld_protocol,
};

static enum mn_group_family family_of(const struct mnet_address *address)
{
    return mn_address_is_ipv4(address) ? MN_GROUPS_IPV4 : MN_GROUPS_IPV6;
}

/* MLD2-6-1, IGMP3-5-1: the group of all nodes is everybody's, and the scopes that do not leave the
 * host concern no router. */
static bool is_reported(const struct mnet_address *address)
{
    if (mn_address_is_ipv4(address))
        return mn_ipv4_value(address) != MN_IGMP_ALL_SYSTEMS;
    return !mn_ipv6_equal(address, &mn_ipv6_all_nodes) && mn_ipv6_multicast_scope(address) > MN_IPV6_SCOPE_INTERFACE;
}

/* A random time in (0, max_ms], or 0 for 0. */
static uint64_t random_delay(struct mn_ip *ip, uint32_t max_ms)
{
    if (max_ms == 0)
        return 0;
    return mn_random_below(ip->random, max_ms) * MNET_MILLISECOND +
           (1 + mn_random_below(ip->random, 1000)) * MNET_MICROSECOND;
}

static bool is_older(const struct mn_ip *ip, enum mn_group_family family)
{
    return ip->groups.queriers[family].version < protocols[family]->newest;
}

/* ---- The timer ---- */

static uint64_t first_time(const struct mn_groups *groups)
{
    uint64_t first = MNET_NEVER;
    for (unsigned family = 0; family < MN_GROUPS_FAMILIES; family++) {
        const struct mn_group_queriers *queriers = &groups->queriers[family];
        first = MN_MIN(first, queriers->answer_ns);
        for (unsigned i = 0; i < MN_COUNT_OF(queriers->older_until_ns); i++)
            if (queriers->older_until_ns[i] != 0)
                first = MN_MIN(first, queriers->older_until_ns[i]);
    }
    for (unsigned i = 0; i < groups->count; i++) {
        const struct mn_group *group = &groups->entries[i];
        first = MN_MIN(first, group->answer_ns);
        if (group->changes > 0)
            first = MN_MIN(first, group->change_ns);
    }
    return first;
}

static void arm(struct mn_ip *ip)
{
    mn_wheel_arm(&ip->wheel, &ip->groups.timer, first_time(&ip->groups));
}

/* ---- The table ---- */

static struct mn_group *find(struct mn_groups *groups, const struct mnet_address *address)
{
    for (unsigned i = 0; i < groups->count; i++)
        if (mn_address_equal(&groups->entries[i].address, address))
            return &groups->entries[i];
    return NULL;
}

bool mn_groups_contain(const struct mn_groups *groups, struct mnet_address address)
{
    for (unsigned i = 0; i < groups->count; i++)
        if (groups->entries[i].members > 0 && mn_address_equal(&groups->entries[i].address, &address))
            return true;
    return false;
}

static void remove_entry(struct mn_groups *groups, struct mn_group *group)
{
    MN_DEBUG_ASSERT(group >= groups->entries && group < groups->entries + groups->count);
    MN_ASSERT(group->members == 0);
    *group = groups->entries[--groups->count];
}

/* A free place; if there is none, that of a group which nobody wants any more. */
static struct mn_group *take_place(struct mn_groups *groups)
{
    for (unsigned i = 0; groups->count == MN_GROUPS_MAX && i < MN_GROUPS_MAX; i++)
        if (groups->entries[i].members == 0)
            remove_entry(groups, &groups->entries[i]);
    return groups->count < MN_GROUPS_MAX ? &groups->entries[groups->count++] : NULL;
}

/* The filter has changed: it is reported from the time `at` on. */
static void report_change(struct mn_ip *ip, struct mn_group *group, uint64_t at)
{
    MN_DEBUG_ASSERT(ip->groups.queriers[family_of(&group->address)].robustness >= ROBUSTNESS);
    MN_DEBUG_ASSERT(group->address.zone == 0);
    enum mn_group_family family = family_of(&group->address);
    if (!is_reported(&group->address))
        return;
    bool one_leave = group->members == 0 && is_older(ip, family); /* MLD1-4-7 */
    group->changes = one_leave ? 1 : ip->groups.queriers[family].robustness;
    group->change_ns = at;
    group->answer_ns = group->members == 0 ? MNET_NEVER : group->answer_ns; /* MLD2-6.3-3 */
}

int mn_ip_join(struct mn_ip *ip, struct mnet_address address, uint64_t at)
{
    MN_ASSERT(address.zone == 0);
    if (!mn_address_is_multicast(&address))
        return MNET_E_INVALID;
    if (!mn_address_is_ipv4(&address) && !ip->v6.on)
        return MNET_E_UNREACHABLE;
    struct mn_group *group = find(&ip->groups, &address);
    if (group == NULL) {
        group = take_place(&ip->groups);
        if (group == NULL)
            return MNET_E_LIMIT;
        *group = (struct mn_group){.address = address, .answer_ns = MNET_NEVER};
    }
    if (group->members == UINT16_MAX)
        return MNET_E_LIMIT;
    if (group->members++ == 0)
        report_change(ip, group, at);
    else if (!group->told) /* if it was told, nothing changes (MLD2-4.2-5) */
        group->change_ns = MN_MIN(group->change_ns, at);
    arm(ip);
    return 0;
    MN_DEBUG_ASSERT(group->members > 0 && mn_timer_armed(&ip->groups.timer) == (first_time(&ip->groups) != MNET_NEVER));
}

void mn_ip_leave(struct mn_ip *ip, struct mnet_address address)
{
    struct mn_group *group = find(&ip->groups, &address);
    MN_ASSERT(group != NULL && group->members > 0);
    if (--group->members > 0)
        return;
    if (group->told)
        report_change(ip, group, 0);
    else
        remove_entry(&ip->groups, group);
    arm(ip);
}

void mn_groups_init(struct mn_ip *ip)
{
    ip->groups.timer.kind = MN_IP_TIMER_GROUPS;
    for (unsigned family = 0; family < MN_GROUPS_FAMILIES; family++)
        ip->groups.queriers[family] = (struct mn_group_queriers){
            .version = protocols[family]->newest,
            .robustness = ROBUSTNESS,
            .interval_s = QUERY_INTERVAL_S,
            .answer_ns = MNET_NEVER,
        };
}

/* ---- Versions ---- */

/* Speaks the version of the oldest querier that is present. A change of the version cancels answers
 * and repetitions (MLD2-8.2.1-4, IGMP3-7.2.1-5), but not the first word of a group. */
static void choose_version(struct mn_ip *ip, enum mn_group_family family, uint64_t now)
{
    struct mn_groups *groups = &ip->groups;
    struct mn_group_queriers *queriers = &groups->queriers[family];
    uint8_t version = protocols[family]->newest;
    for (unsigned i = MN_COUNT_OF(queriers->older_until_ns); i-- > 0;) {
        if (queriers->older_until_ns[i] > now)
            version = (uint8_t)(i + 1);
        else
            queriers->older_until_ns[i] = 0;
    }
    if (version == queriers->version)
        return;
    queriers->version = version;
    queriers->answer_ns = MNET_NEVER;
    for (unsigned i = groups->count; i-- > 0;) {
        struct mn_group *group = &groups->entries[i];
        if (family_of(&group->address) != family)
            continue;
        if (group->told)
            group->changes = 0;
        group->answer_ns = MNET_NEVER;
        if (group->members == 0)
            remove_entry(groups, group);
    }
}

/* MLD2-8.2.1-1, MLD2-9.12-1, IGMP3-7.2.1-1, IGMP3-8.12-1; only a general query of IGMPv2 counts
 * (RFC 3376 7.2.1). */
static void note_querier(struct mn_ip *ip, enum mn_group_family family, const struct mn_group_query *query,
                         uint64_t now)
{
    MN_DEBUG_ASSERT(query->version >= 1 && query->version <= protocols[family]->newest);
    struct mn_group_queriers *queriers = &ip->groups.queriers[family];
    if (query->version == protocols[family]->newest) {
        /* MLD2-5.1.8-1, MLD2-9.1-1: 0 says more than 7, and one report alone may be lost. */
        queriers->robustness = query->robustness == 0 ? ROBUSTNESS : MN_MAX(query->robustness, ROBUSTNESS);
        queriers->interval_s = query->interval_s == 0 ? QUERY_INTERVAL_S : query->interval_s;
    } else if (query->version == 1 || mn_address_is_any(&query->group)) {
        queriers->older_until_ns[query->version - 1] = now + queriers->robustness * queriers->interval_s * MNET_SECOND +
                                                       query->max_response_ms * MNET_MILLISECOND;
    }
    choose_version(ip, family, now);
}

/* ---- Queries ---- */

/* RFC 2710 4, RFC 2236 3: each group has a time of its own, and keeps one that is early enough. */
static void schedule_older(struct mn_ip *ip, struct mn_group *group, uint32_t max_ms, uint64_t now)
{
    MN_DEBUG_ASSERT(group->members > 0);
    const struct mn_group_queriers *queriers = &ip->groups.queriers[family_of(&group->address)];
    uint64_t at = MN_MAX(now + random_delay(ip, max_ms), queriers->rest_until_ns);
    if (group->answer_ns == MNET_NEVER || group->answer_ns > now + max_ms * MNET_MILLISECOND)
        group->answer_ns = MN_MIN(group->answer_ns, at);
}

/* Adds the sources of a query to those of the answer. Returns false if there is no room for
 * them. */
static bool add_sources(struct mn_group *group, const struct mn_group_protocol *protocol,
                        const struct mn_group_query *query)
{
    MN_DEBUG_ASSERT(group->source_count <= MN_GROUP_SOURCES_MAX);
    struct mn_reader sources = query->sources;
    struct mnet_address source;
    while (mn_group_next_source(&sources, protocol->source_len, &source)) {
        bool known = false;
        for (unsigned i = 0; i < group->source_count; i++)
            known |= mn_address_equal(&group->sources[i], &source);
        if (known)
            continue;
        if (group->source_count == MN_GROUP_SOURCES_MAX)
            return false;
        group->sources[group->source_count++] = source;
    }
    return true;
}

/* MLD2-6.2-5 to MLD2-6.2-7 */
static void schedule_specific(struct mn_group *group, const struct mn_group_protocol *protocol,
                              const struct mn_group_query *query, uint64_t at)
{
    MN_DEBUG_ASSERT(group->members > 0 && is_reported(&group->address));
    bool pending = group->answer_ns != MNET_NEVER;
    bool whole = query->source_count == 0 || (pending && group->source_count == 0);
    if (!pending)
        group->source_count = 0;
    if (whole || !add_sources(group, protocol, query))
        group->source_count = 0;
    group->answer_ns = MN_MIN(group->answer_ns, at);
}

/* MLD2-6.2-2 to MLD2-6.2-4 */
static void schedule(struct mn_ip *ip, enum mn_group_family family, const struct mn_group_query *query, uint64_t now)
{
    struct mn_group_queriers *queriers = &ip->groups.queriers[family];
    uint64_t delay = random_delay(ip, MN_MAX(query->max_response_ms, 1u)); /* MLD2-6.3-2 */
    uint64_t at = MN_MAX(now + delay, queriers->rest_until_ns);
    if (queriers->answer_ns <= at)
        return;
    if (mn_address_is_any(&query->group)) {
        queriers->answer_ns = at;
        return;
    }
    struct mn_group *group = find(&ip->groups, &query->group);
    if (group != NULL && group->members > 0 && is_reported(&group->address))
        schedule_specific(group, protocols[family], query, at);
}

void mn_groups_take_query(struct mn_ip *ip, enum mn_group_family family, const struct mn_group_query *query,
                          uint64_t now)
{
    mn_ip_count(ip, MNET_COUNT_GROUP_QUERIES);
    note_querier(ip, family, query, now);
    if (!is_older(ip, family)) {
        schedule(ip, family, query, now);
    } else {
        bool general = mn_address_is_any(&query->group);
        for (unsigned i = 0; i < ip->groups.count; i++) {
            struct mn_group *group = &ip->groups.entries[i];
            if (family_of(&group->address) == family && group->members > 0 && is_reported(&group->address) &&
                (general || mn_address_equal(&group->address, &query->group)))
                schedule_older(ip, group, query->max_response_ms, now);
        }
    }
    arm(ip);
}

/* MLD1-4-5, IGMP2-5-1; the newest version has no such rule (MLD2-6-2). */
void mn_groups_note_report(struct mn_ip *ip, const struct mnet_address *address)
{
    MN_DEBUG_ASSERT(mn_address_is_multicast(address));
    struct mn_group *group = find(&ip->groups, address);
    if (group == NULL || group->members == 0 || !is_older(ip, family_of(address)))
        return;
    group->answer_ns = MNET_NEVER;
    group->changes = 0;
    arm(ip);
}

/* ---- Timers ---- */

static void add_change(struct mn_group_report *report, struct mn_group *group, uint64_t next)
{
    MN_DEBUG_ASSERT(group->changes > 0);
    enum mn_group_record_type type = group->members > 0 ? MN_GROUP_TO_EXCLUDE : MN_GROUP_TO_INCLUDE;
    if (!mn_group_report_add(report, type, group, false)) {
        group->change_ns = report->now + RETRY;
        return;
    }
    group->told = true;
    group->changes--;
    group->change_ns = next;
}

/* An answer that finds no memory is lost: the querier asks again. */
static void add_answer(struct mn_group_report *report, struct mn_group *group, bool whole)
{
    bool of_sources = !whole && group->source_count > 0; /* MLD2-6.3-4, MLD2-5.2.12-2 */
    group->told |= mn_group_report_add(report, of_sources ? MN_GROUP_IS_INCLUDE : MN_GROUP_IS_EXCLUDE, group,
                                       of_sources);
}

/* The records of one group that are due now. */
static void add_due(struct mn_group_report *report, struct mn_group *group, bool general, uint64_t next)
{
    MN_DEBUG_ASSERT(group->members > 0 || group->answer_ns == MNET_NEVER);
    if (group->members > 0 && general)
        add_answer(report, group, true);
    if (group->answer_ns <= report->now) {
        group->answer_ns = MNET_NEVER;
        add_answer(report, group, false);
        report->answers = true;
    }
    if (group->changes > 0 && group->change_ns <= report->now)
        add_change(report, group, next);
}

static void send_due(struct mn_ip *ip, enum mn_group_family family, uint64_t now)
{
    struct mn_groups *groups = &ip->groups;
    struct mn_group_queriers *queriers = &groups->queriers[family];
    struct mn_group_report report = {.ip = ip, .protocol = protocols[family], .version = queriers->version, .now = now};
    bool general = queriers->answer_ns <= now;
    uint64_t interval = is_older(ip, family) ? OLDER_UNSOLICITED_REPORT_INTERVAL : UNSOLICITED_REPORT_INTERVAL;
    uint64_t next = now + random_delay(ip, (uint32_t)(interval / MNET_MILLISECOND));
    for (unsigned i = groups->count; i-- > 0;) {
        struct mn_group *group = &groups->entries[i];
        if (family_of(&group->address) != family || !is_reported(&group->address))
            continue;
        add_due(&report, group, general, next);
        if (group->members == 0 && group->changes == 0)
            remove_entry(groups, group);
    }
    mn_group_report_end(&report);
    if (general)
        queriers->answer_ns = MNET_NEVER;
    if (general || report.answers)
        queriers->rest_until_ns = now + MIN_REST;
}

MN_RARE void mn_groups_expire(struct mn_ip *ip, uint64_t now)
{
    for (unsigned family = 0; family < MN_GROUPS_FAMILIES; family++) {
        choose_version(ip, (enum mn_group_family)family, now);
        send_due(ip, (enum mn_group_family)family, now);
    }
    arm(ip);
}

MN_RARE void mn_groups_tell_again(struct mn_ip *ip, enum mn_group_family family)
{
    for (unsigned i = 0; i < ip->groups.count; i++) {
        struct mn_group *group = &ip->groups.entries[i];
        if (group->members > 0 && family_of(&group->address) == family)
            report_change(ip, group, 0);
    }
    arm(ip);
}

/* There may be other routers and switches now. */
MN_RARE void mn_groups_note_link_up(struct mn_ip *ip, uint64_t now)
{
    for (unsigned family = 0; family < MN_GROUPS_FAMILIES; family++) {
        memset(ip->groups.queriers[family].older_until_ns, 0, sizeof ip->groups.queriers[family].older_until_ns);
        choose_version(ip, (enum mn_group_family)family, now);
        mn_groups_tell_again(ip, (enum mn_group_family)family);
    }
}

void mn_groups_check(const struct mn_groups *groups)
{
    uint64_t first = first_time(groups);
    MN_ASSERT(groups->count <= MN_GROUPS_MAX);
    MN_ASSERT(mn_timer_armed(&groups->timer) == (first != MNET_NEVER));
    MN_ASSERT(first == MNET_NEVER || groups->timer.at_ns == first);
    for (unsigned i = 0; i < groups->count; i++) {
        const struct mn_group *group = &groups->entries[i];
        MN_ASSERT(mn_address_is_multicast(&group->address) && group->address.zone == 0);
        MN_ASSERT(group->members > 0 || (group->changes > 0 && group->answer_ns == MNET_NEVER));
        MN_ASSERT(group->source_count <= MN_GROUP_SOURCES_MAX);
        MN_ASSERT(is_reported(&group->address) || (group->changes == 0 && group->answer_ns == MNET_NEVER));
        for (unsigned j = 0; j < i; j++)
            MN_ASSERT(!mn_address_equal(&groups->entries[j].address, &group->address));
    }
    for (unsigned family = 0; family < MN_GROUPS_FAMILIES; family++)
        MN_ASSERT(groups->queriers[family].robustness >= ROBUSTNESS && groups->queriers[family].version >= 1);
}
