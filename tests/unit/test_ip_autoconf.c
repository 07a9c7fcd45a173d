/* Stateless address autoconfiguration (RFC 4862 5.5) and temporary addresses (RFC 8981). */
#include "unit/support.h"

#include "ip/v6/autoconf.h"
#include "support/addresses.h"

#define DAY 86400u
#define HOUR 3600u
#define INFINITE UINT32_MAX
#define ONE "2001:db8:1::/64"
#define TWO "2001:db8:2::/64"

struct autoconf_fixture {
    struct mn_random random;
    struct mn_autoconf autoconf;
    uint64_t now;
};

static void start_as(struct autoconf_fixture *f, enum mn_auto_identifier identifier, bool temporary)
{
    memset(f, 0, sizeof *f);
    const uint8_t seed[MN_RANDOM_SEED] = {3};
    mn_random_init(&f->random, seed);
    const struct mn_autoconf_config config = {
        .random = &f->random,
        .origin = {.secret = {1, 2}, .interface = {"net0", 4}},
        .identifier = identifier,
        .mac = {{2, 0, 0, 0, 0, 1}},
        .token = {{0, 0, 0, 0, 0, 0, 0, 0x53}},
        .temporary = temporary,
        .dad_transmits = 1,
    };
    mn_autoconf_init(&f->autoconf, &config);
    f->now = 1000 * MNET_SECOND;
}

static void start(struct autoconf_fixture *f)
{
    start_as(f, MN_AUTO_STABLE, false);
}

/* What holds at each moment; `confirm` answers each new address with "unique". */
static void take_changes(struct autoconf_fixture *f, bool confirm)
{
    struct mn_auto_address change;
    while (mn_autoconf_take_change(&f->autoconf, &change)) {
        assert_int_not_equal(change.state, MN_AUTO_FREE);
        if (confirm && change.state == MN_AUTO_TENTATIVE)
            mn_autoconf_confirm(&f->autoconf, change.address, f->now);
    }
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++) {
        const struct mn_auto_address *a = &f->autoconf.addresses[i];
        if (a->state == MN_AUTO_FREE)
            continue;
        assert_int_not_equal(a->state, MN_AUTO_INVALID); /* all taken */
        assert_true(mnet_prefix_contains(a->prefix, a->address));
        assert_true(a->preferred_until_ns <= a->valid_until_ns);
        assert_true(a->valid_until_ns > f->now);
        if (a->state == MN_AUTO_PREFERRED)
            assert_true(a->preferred_until_ns > f->now);
        if (a->temporary) {
            assert_true(a->preferred_until_ns <= a->preferred_most_ns);
            assert_true(a->valid_until_ns <= a->valid_most_ns);
        }
        for (unsigned j = 0; j < i; j++)
            assert_false(mnet_address_equal(a->address, f->autoconf.addresses[j].address));
    }
    assert_true(mn_autoconf_deadline(&f->autoconf) > f->now);
}

/* Goes on to each deadline in between. */
static void pass(struct autoconf_fixture *f, uint64_t seconds)
{
    uint64_t end = f->now + seconds * MNET_SECOND;
    for (unsigned steps = 0; f->now < end; steps++) {
        assert_true(steps < 1000); /* a deadline that is always there would never end */
        f->now = MN_MIN(end, mn_autoconf_deadline(&f->autoconf));
        mn_autoconf_expire(&f->autoconf, f->now);
        take_changes(f, true);
    }
}

static void input_option(struct autoconf_fixture *f, struct mn_nd_prefix option)
{
    mn_autoconf_input(&f->autoconf, &option, f->now);
}

/* An advertisement with the A flag, and each new address is unique. */
static void input(struct autoconf_fixture *f, const char *text, uint32_t preferred_s, uint32_t valid_s)
{
    input_option(f, (struct mn_nd_prefix){
                        .prefix = prefix(text), .preferred_s = preferred_s, .valid_s = valid_s, .autonomous = true});
    take_changes(f, true);
}

/* The newest address with a prefix, stable or temporary; NULL if there is none. */
static const struct mn_auto_address *find(const struct autoconf_fixture *f, const char *text, bool temporary)
{
    const struct mn_auto_address *best = NULL;
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++) {
        const struct mn_auto_address *a = &f->autoconf.addresses[i];
        if (a->state != MN_AUTO_FREE && a->temporary == temporary && mnet_prefix_contains(prefix(text), a->address) &&
            (best == NULL || a->valid_most_ns > best->valid_most_ns))
            best = a;
    }
    return best;
}

static unsigned count(const struct autoconf_fixture *f, bool temporary, enum mn_auto_state state)
{
    unsigned number = 0;
    for (unsigned i = 0; i < MN_AUTO_ADDRESSES_MAX; i++) {
        const struct mn_auto_address *a = &f->autoconf.addresses[i];
        number += a->state == state && a->temporary == temporary;
    }
    return number;
}

static void expect_left(const struct autoconf_fixture *f, const struct mn_auto_address *a, uint64_t preferred_s,
                        uint64_t valid_s)
{
    assert_non_null(a);
    assert_int_equal((a->preferred_until_ns - f->now) / MNET_SECOND, preferred_s);
    assert_int_equal((a->valid_until_ns - f->now) / MNET_SECOND, valid_s);
}

/* SLAAC-5.3-1, SLAAC-5.3-3 */
static void link_local_lasts_for_ever(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    start_as(&f, MN_AUTO_EUI64, true);
    mn_autoconf_add_link_local(&f.autoconf, f.now);
    mn_autoconf_add_link_local(&f.autoconf, f.now);
    struct mn_auto_address change;
    assert_true(mn_autoconf_take_change(&f.autoconf, &change));
    assert_int_equal(change.state, MN_AUTO_TENTATIVE);
    struct mnet_address expected;
    assert_int_equal(mnet_address_parse("fe80::ff:fe00:1", &expected), 0);
    assert_true(mnet_address_equal(change.address, expected));
    assert_false(mn_autoconf_take_change(&f.autoconf, &change));
    assert_true(mn_autoconf_deadline(&f.autoconf) == MNET_NEVER);
    mn_autoconf_confirm(&f.autoconf, expected, f.now);
    assert_true(mn_autoconf_take_change(&f.autoconf, &change));
    assert_int_equal(change.state, MN_AUTO_PREFERRED);
    mn_autoconf_expire(&f.autoconf, MNET_NEVER - 1);
    assert_int_equal(count(&f, false, MN_AUTO_PREFERRED), 1);
    assert_int_equal(count(&f, true, MN_AUTO_TENTATIVE), 0);
}

/* SLAAC-5.5.3d-1, N6-6.3-1 */
static void new_prefix_makes_a_tentative_address(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    start(&f);
    input_option(&f, (struct mn_nd_prefix){prefix("2001:db8:1::dead/64"), false, true, 200, 100});
    const struct mn_auto_address *a = find(&f, ONE, false);
    assert_non_null(a);
    assert_int_equal(a->state, MN_AUTO_TENTATIVE);
    expect_left(&f, a, 100, 200);
    mn_autoconf_confirm(&f.autoconf, a->address, f.now);
    assert_int_equal(a->state, MN_AUTO_PREFERRED);
    struct mnet_address first = a->address;
    input(&f, TWO, 100, 200);
    /* RFC 7217: another identifier */
    assert_memory_not_equal(find(&f, TWO, false)->address.bytes + 8, first.bytes + 8, 8);
    assert_int_equal(count(&f, false, MN_AUTO_PREFERRED), 2);
    input(&f, "2001:db8:1::beef/64", 100, 200); /* SLAAC-5.5.3d-2: the same prefix */
    assert_int_equal(count(&f, false, MN_AUTO_PREFERRED), 2);
}

/* IID-5-8 */
static void token_and_mac_are_identifiers(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    struct mnet_address expected;
    start_as(&f, MN_AUTO_FIXED, false);
    input(&f, ONE, 100, 200);
    assert_int_equal(mnet_address_parse("2001:db8:1::53", &expected), 0);
    assert_true(mnet_address_equal(find(&f, ONE, false)->address, expected));
    start_as(&f, MN_AUTO_EUI64, false);
    input(&f, ONE, 100, 200);
    assert_int_equal(mnet_address_parse("2001:db8:1::ff:fe00:1", &expected), 0);
    assert_true(mnet_address_equal(find(&f, ONE, false)->address, expected));
}

/* SLAAC-5.5.3a-1, SLAAC-5.5.3b-1, SLAAC-5.5.3c-1, SLAAC-5.5.3d-3, SLAAC-5.5.3d-4 */
static void unsuitable_options_make_no_address(void **state)
{
    (void)state;
    static const struct {
        const char *prefix;
        uint32_t preferred_s, valid_s;
        bool autonomous;
    } all[] = {
        {ONE, 100, 200, false},
        {"fe80::/64", 100, 200, true},
        {ONE, 201, 200, true},
        {ONE, INFINITE, 200, true},
        {ONE, 0, 0, true},
        {"2001:db8:1::/63", 100, 200, true},
        {"2001:db8:1::/65", 1, 2, true},
        {"2001:db8:1::/128", 100, 200, true},
        {"::/0", 100, 200, true},
        {"ff02::/64", 100, 200, true},
        {"::/64", 100, 200, true},
    };
    struct autoconf_fixture f;
    start(&f);
    for (unsigned i = 0; i < MN_COUNT_OF(all); i++) {
        input_option(&f, (struct mn_nd_prefix){.prefix = prefix(all[i].prefix),
                                               .preferred_s = all[i].preferred_s,
                                               .valid_s = all[i].valid_s,
                                               .on_link = true,
                                               .autonomous = all[i].autonomous});
        struct mn_auto_address change;
        assert_false(mn_autoconf_take_change(&f.autoconf, &change));
    }
    input(&f, ONE, 100, 200);
    input(&f, ONE, 201, 200); /* (c) also for a known prefix */
    expect_left(&f, find(&f, ONE, false), 100, 200);
}

/* RFC 4862 5.5.3 (e), row by row: what is left, what is received, what is left then. */
static void valid_lifetime_follows_the_rule_of_two_hours(void **state)
{
    (void)state;
    static const struct {
        uint32_t left_s, received_s, then_s;
    } rows[] = {
        {86400, 7201, 7201},                   /* SLAAC-5.5.3e1-1: more than two hours */
        {3600, 86400, 86400}, {600, 601, 601}, /* more than is left */
        {7200, 7200, 7200},   {7200, 0, 7200}, /* SLAAC-5.5.3e2-1: two hours or less are left */
        {7200, 7199, 7200},   {600, 599, 600},     {600, 0, 600},
        {86400, 7200, 7200},  {86400, 0, 7200}, /* SLAAC-5.5.3e3-1, SLAAC-5.5.3e-2 */
        {7201, 60, 7200},     {INFINITE, 0, 7200},
    };
    for (unsigned i = 0; i < MN_COUNT_OF(rows); i++) {
        struct autoconf_fixture f;
        start(&f);
        input(&f, ONE, 0, rows[i].left_s);
        input(&f, ONE, rows[i].received_s, rows[i].received_s);
        /* SLAAC-5.5.3e-1: the preferred lifetime is always that received. */
        expect_left(&f, find(&f, ONE, false), rows[i].received_s, rows[i].then_s);
    }
}

static void infinite_lifetimes_stay(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    start(&f);
    input(&f, ONE, INFINITE, INFINITE);
    assert_true(mn_autoconf_deadline(&f.autoconf) == MNET_NEVER);
    pass(&f, 4000u * DAY);
    assert_int_equal(find(&f, ONE, false)->state, MN_AUTO_PREFERRED);
}

/* SLAAC-5.5.4-1, SLAAC-5.5.4-6 */
static void address_is_deprecated_then_invalid(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    struct mn_auto_address change;
    start(&f);
    input(&f, ONE, 100, 200);
    assert_true(mn_autoconf_deadline(&f.autoconf) == f.now + 100 * MNET_SECOND);
    mn_autoconf_expire(&f.autoconf, f.now + 100 * MNET_SECOND - 1);
    assert_false(mn_autoconf_take_change(&f.autoconf, &change));
    mn_autoconf_expire(&f.autoconf, f.now + 100 * MNET_SECOND);
    assert_true(mn_autoconf_take_change(&f.autoconf, &change));
    assert_int_equal(change.state, MN_AUTO_DEPRECATED);
    f.now += 150 * MNET_SECOND;
    input(&f, ONE, 100, 200);
    assert_int_equal(find(&f, ONE, false)->state, MN_AUTO_PREFERRED);
    f.now += 200 * MNET_SECOND;
    mn_autoconf_expire(&f.autoconf, f.now);
    assert_true(mn_autoconf_take_change(&f.autoconf, &change));
    assert_int_equal(change.state, MN_AUTO_INVALID);
    assert_null(find(&f, ONE, false));
    assert_true(mn_autoconf_deadline(&f.autoconf) == MNET_NEVER);
}

/* Renumbering: the old prefix with preferred lifetime 0 beside the new one */
static void preferred_lifetime_of_zero_deprecates_at_once(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    start(&f);
    input(&f, ONE, 1 * DAY, 2 * DAY);
    input(&f, ONE, 0, 2 * HOUR);
    input(&f, TWO, 1 * DAY, 2 * DAY);
    assert_int_equal(find(&f, ONE, false)->state, MN_AUTO_DEPRECATED);
    assert_int_equal(find(&f, TWO, false)->state, MN_AUTO_PREFERRED);
    pass(&f, 2 * HOUR);
    assert_null(find(&f, ONE, false));
}

/* IID-5-3, IID-6-1, IID-6-2, IID-6-3 */
static void duplicate_gets_three_more_identifiers(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    struct mn_auto_address change, seen[4];
    start(&f);
    input_option(&f, (struct mn_nd_prefix){prefix(ONE), false, true, 2 * DAY, 1 * DAY});
    for (unsigned i = 0; i < 4; i++) {
        assert_true(mn_autoconf_take_change(&f.autoconf, &change));
        assert_int_equal(change.state, MN_AUTO_TENTATIVE);
        assert_int_equal(change.dad_counter, i);
        assert_true(change.check_at_ns >= f.now && change.check_at_ns <= f.now + (i > 0) * MNET_SECOND);
        seen[i] = change;
        for (unsigned j = 0; j < i; j++)
            assert_false(mnet_address_equal(change.address, seen[j].address));
        mn_autoconf_note_duplicate(&f.autoconf, change.address, f.now);
    }
    assert_true(seen[1].check_at_ns != f.now || seen[2].check_at_ns != f.now || seen[3].check_at_ns != f.now);
    assert_true(mn_autoconf_take_change(&f.autoconf, &change));
    assert_int_equal(change.state, MN_AUTO_DUPLICATE);
    input(&f, ONE, 1 * DAY, 2 * DAY); /* the prefix is not tried again */
    assert_int_equal(count(&f, false, MN_AUTO_DUPLICATE), 1);
    assert_int_equal(count(&f, false, MN_AUTO_PREFERRED), 0);
    pass(&f, 2 * DAY);
    assert_null(find(&f, ONE, false));
    input(&f, ONE, 1 * DAY, 2 * DAY);
    assert_int_equal(count(&f, false, MN_AUTO_PREFERRED), 1);
}

/* SLAAC-5.4.5-1: there is no other identifier of a MAC or a token */
static void duplicate_of_a_mac_or_token_is_the_end(void **state)
{
    (void)state;
    for (unsigned kind = MN_AUTO_EUI64; kind <= MN_AUTO_FIXED; kind++) {
        struct autoconf_fixture f;
        struct mn_auto_address change;
        start_as(&f, (enum mn_auto_identifier)kind, false);
        mn_autoconf_add_link_local(&f.autoconf, f.now);
        assert_true(mn_autoconf_take_change(&f.autoconf, &change));
        mn_autoconf_note_duplicate(&f.autoconf, change.address, f.now);
        assert_true(mn_autoconf_take_change(&f.autoconf, &change));
        assert_int_equal(change.state, MN_AUTO_DUPLICATE);
        assert_false(mn_autoconf_take_change(&f.autoconf, &change));
    }
}

static void duplicate_link_local_is_tried_again_when_the_interface_is_enabled(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    struct mn_auto_address change;
    start_as(&f, MN_AUTO_EUI64, false);
    mn_autoconf_add_link_local(&f.autoconf, f.now);
    assert_true(mn_autoconf_take_change(&f.autoconf, &change));
    struct mnet_address address = change.address;
    mn_autoconf_note_duplicate(&f.autoconf, address, f.now);
    take_changes(&f, true);
    assert_int_equal(count(&f, false, MN_AUTO_DUPLICATE), 1);
    f.now += 60 * MNET_SECOND;
    mn_autoconf_add_link_local(&f.autoconf, f.now);
    assert_true(mn_autoconf_take_change(&f.autoconf, &change));
    assert_int_equal(change.state, MN_AUTO_TENTATIVE);
    assert_true(change.check_at_ns == f.now && mnet_address_equal(change.address, address));
    mn_autoconf_confirm(&f.autoconf, address, f.now);
    assert_int_equal(count(&f, false, MN_AUTO_PREFERRED), 1);
}

/* An address that goes and comes again between two looks at the changes goes first. */
static void removal_is_told_before_the_same_address_again(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    struct mn_auto_address gone, again;
    start(&f);
    input(&f, TWO, 100, 200); /* takes the first place, which is free when ONE comes again */
    input(&f, ONE, 1000, 2000);
    f.now += 200 * MNET_SECOND;
    mn_autoconf_expire(&f.autoconf, f.now);
    take_changes(&f, true);
    struct mnet_address address = find(&f, ONE, false)->address;
    mn_autoconf_clear(&f.autoconf, f.now);
    input_option(&f, (struct mn_nd_prefix){prefix(ONE), false, true, 2000, 1000});
    assert_true(mn_autoconf_take_change(&f.autoconf, &gone));
    assert_true(mn_autoconf_take_change(&f.autoconf, &again));
    assert_int_equal(gone.state, MN_AUTO_INVALID);
    assert_int_equal(again.state, MN_AUTO_TENTATIVE);
    assert_true(mnet_address_equal(gone.address, address) && mnet_address_equal(again.address, address));
    assert_false(mn_autoconf_take_change(&f.autoconf, &again));
}

static void reports_about_other_addresses_are_ignored(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    start(&f);
    input(&f, ONE, 100, 200);
    struct mnet_address own = find(&f, ONE, false)->address, other = own;
    other.bytes[15] ^= 1;
    mn_autoconf_note_duplicate(&f.autoconf, other, f.now);
    mn_autoconf_note_duplicate(&f.autoconf, own, f.now); /* it is unique already (SLAAC-5.4.4-2) */
    mn_autoconf_confirm(&f.autoconf, other, f.now);
    assert_int_equal(find(&f, ONE, false)->state, MN_AUTO_PREFERRED);
}

/* TEMP-3.7-1, N6-6.4-1, N6-6.4-2, TEMP-3.4-1 */
static void temporary_addresses_are_off_until_switched_on(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    start(&f);
    input(&f, ONE, 7 * DAY, 30 * DAY);
    assert_null(find(&f, ONE, true));
    mn_autoconf_set_temporary(&f.autoconf, true, f.now);
    take_changes(&f, true);
    const struct mn_auto_address *temporary = find(&f, ONE, true);
    assert_non_null(temporary);
    assert_int_equal(temporary->state, MN_AUTO_PREFERRED);
    mn_autoconf_set_temporary(&f.autoconf, true, f.now); /* again: nothing changes */
    assert_int_equal(temporary->state, MN_AUTO_PREFERRED);
    assert_int_equal(count(&f, true, MN_AUTO_PREFERRED), 1);
    mn_autoconf_set_temporary(&f.autoconf, false, f.now);
    take_changes(&f, true);
    assert_int_equal(temporary->state, MN_AUTO_DEPRECATED);
    assert_int_equal(find(&f, ONE, false)->state, MN_AUTO_PREFERRED);
    input(&f, ONE, 7 * DAY, 30 * DAY); /* and an advertisement does not bring it back */
    assert_int_equal(temporary->state, MN_AUTO_DEPRECATED);
    assert_int_equal(find(&f, ONE, false)->state, MN_AUTO_PREFERRED);
}

/* TEMP-3.4-2, TEMP-3.8-2 */
static void temporary_lifetimes_are_the_smaller_ones(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    start_as(&f, MN_AUTO_STABLE, true);
    input(&f, ONE, 7 * DAY, 30 * DAY);
    const struct mn_auto_address *a = find(&f, ONE, true);
    uint64_t preferred_s = (a->preferred_until_ns - f.now) / MNET_SECOND;
    assert_in_range(preferred_s, DAY - DAY / 10 * 4, DAY);
    expect_left(&f, a, preferred_s, 2 * DAY);
    start_as(&f, MN_AUTO_STABLE, true);
    input(&f, ONE, HOUR, 2 * HOUR);
    expect_left(&f, find(&f, ONE, true), HOUR, 2 * HOUR);
}

/* TEMP-3.8-2: another factor for each address */
static void temporary_addresses_of_prefixes_end_at_different_times(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    start_as(&f, MN_AUTO_STABLE, true);
    input(&f, ONE, 7 * DAY, 30 * DAY);
    input(&f, TWO, 7 * DAY, 30 * DAY);
    assert_true(find(&f, ONE, true)->preferred_until_ns != find(&f, TWO, true)->preferred_until_ns);
    assert_memory_not_equal(find(&f, ONE, true)->address.bytes + 8, find(&f, TWO, true)->address.bytes + 8, 8);
}

/* TEMP-3.4-3, TEMP-3.8-1: REGEN_ADVANCE is 5 s here */
static void temporary_is_not_made_for_a_moment(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    start_as(&f, MN_AUTO_STABLE, true);
    input(&f, ONE, 0, 2 * HOUR);
    assert_null(find(&f, ONE, true));
    input(&f, ONE, 5, 2 * HOUR);
    assert_null(find(&f, ONE, true));
    input(&f, ONE, 6, 2 * HOUR);
    assert_non_null(find(&f, ONE, true));
    start_as(&f, MN_AUTO_STABLE, true);
    f.autoconf.retrans_ns = 10 * MNET_SECOND;
    input(&f, ONE, 32, 2 * HOUR);
    assert_null(find(&f, ONE, true));
    input(&f, ONE, 33, 2 * HOUR);
    assert_non_null(find(&f, ONE, true));
}

/* TEMP-3.4-4 */
static void advertisements_do_not_prolong_a_temporary_address(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    start_as(&f, MN_AUTO_STABLE, true);
    input(&f, ONE, 7 * DAY, 30 * DAY);
    struct mn_auto_address first = *find(&f, ONE, true);
    for (unsigned i = 0; i < 4 * 24; i++) {
        pass(&f, HOUR);
        input(&f, ONE, 7 * DAY, 30 * DAY);
        for (unsigned j = 0; j < MN_AUTO_ADDRESSES_MAX; j++) {
            const struct mn_auto_address *a = &f.autoconf.addresses[j];
            if (a->state == MN_AUTO_FREE || !mnet_address_equal(a->address, first.address))
                continue;
            assert_true(f.now < first.valid_until_ns);
            assert_true(a->valid_until_ns == first.valid_until_ns);
            assert_true(a->preferred_until_ns == first.preferred_until_ns);
        }
    }
}

/* TEMP-3.5-1 */
static void temporary_is_replaced_before_it_is_deprecated(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    start_as(&f, MN_AUTO_STABLE, true);
    input(&f, ONE, INFINITE, INFINITE);
    struct mn_auto_address first = *find(&f, ONE, true);
    uint64_t left_ns = first.preferred_until_ns - f.now;
    assert_true(mn_autoconf_deadline(&f.autoconf) == first.preferred_until_ns - 5 * MNET_SECOND);
    pass(&f, left_ns / MNET_SECOND - 6);
    assert_int_equal(count(&f, true, MN_AUTO_PREFERRED), 1);
    f.now = first.preferred_until_ns - 5 * MNET_SECOND; /* and not a moment later */
    mn_autoconf_expire(&f.autoconf, f.now);
    take_changes(&f, true);
    assert_int_equal(count(&f, true, MN_AUTO_PREFERRED), 2);
    assert_false(mnet_address_equal(find(&f, ONE, true)->address, first.address));
    pass(&f, 5);
    assert_int_equal(count(&f, true, MN_AUTO_PREFERRED), 1);
    assert_int_equal(count(&f, true, MN_AUTO_DEPRECATED), 1);
    for (unsigned day = 0; day < 30; day++) {
        pass(&f, DAY);
        assert_in_range(count(&f, true, MN_AUTO_PREFERRED), 1, 2);
        assert_in_range(count(&f, true, MN_AUTO_DEPRECATED), 1, 3);
    }
}

/* TEMP-3.5-2 */
static void temporary_is_not_replaced_in_a_deprecated_prefix(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    start_as(&f, MN_AUTO_STABLE, true);
    input(&f, ONE, 7 * DAY, 30 * DAY);
    input(&f, ONE, 0, 30 * DAY);
    assert_int_equal(count(&f, true, MN_AUTO_DEPRECATED), 1);
    pass(&f, HOUR);
    assert_int_equal(count(&f, true, MN_AUTO_PREFERRED), 0);
    input(&f, ONE, 7 * DAY, 30 * DAY);
    assert_int_equal(count(&f, true, MN_AUTO_PREFERRED), 1);
    assert_int_equal(count(&f, true, MN_AUTO_DEPRECATED), 0);
}

/* TEMP-3.4-5 */
static void temporary_duplicates_end_after_three_retries(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    struct mn_auto_address change;
    unsigned tries = 0;
    start_as(&f, MN_AUTO_STABLE, true);
    input_option(&f, (struct mn_nd_prefix){prefix(ONE), false, true, 30 * DAY, 7 * DAY});
    while (mn_autoconf_take_change(&f.autoconf, &change)) {
        if (change.state != MN_AUTO_TENTATIVE)
            continue;
        if (change.temporary) {
            tries++;
            mn_autoconf_note_duplicate(&f.autoconf, change.address, f.now);
        } else {
            mn_autoconf_confirm(&f.autoconf, change.address, f.now);
        }
        assert_true(tries < 10);
    }
    assert_int_equal(tries, 4);
    assert_null(find(&f, ONE, true));
    pass(&f, HOUR);
    input(&f, ONE, 7 * DAY, 30 * DAY);
    assert_null(find(&f, ONE, true));
    assert_int_equal(find(&f, ONE, false)->state, MN_AUTO_PREFERRED);
}

/* TEMP-3.6-1 */
static void another_link_leaves_the_link_local_address(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    start_as(&f, MN_AUTO_STABLE, true);
    mn_autoconf_add_link_local(&f.autoconf, f.now);
    input(&f, ONE, 7 * DAY, 30 * DAY);
    struct mnet_address temporary = find(&f, ONE, true)->address;
    mn_autoconf_clear(&f.autoconf, f.now);
    take_changes(&f, true);
    assert_null(find(&f, ONE, false));
    assert_null(find(&f, ONE, true));
    assert_int_equal(count(&f, false, MN_AUTO_PREFERRED), 1);
    input(&f, ONE, 7 * DAY, 30 * DAY);
    assert_false(mnet_address_equal(find(&f, ONE, true)->address, temporary));
}

/* N6-6.2-1: many prefixes at once, and no more than there is room for */
static void flood_of_prefixes_is_bounded(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    start(&f);
    mn_autoconf_add_link_local(&f.autoconf, f.now);
    struct mn_nd_prefix option = {prefix(ONE), true, true, 200, 100};
    for (unsigned i = 0; i < 1000; i++) {
        option.prefix.address.bytes[6] = (uint8_t)(i >> 8), option.prefix.address.bytes[7] = (uint8_t)i;
        input_option(&f, option);
        take_changes(&f, true);
    }
    assert_int_equal(count(&f, false, MN_AUTO_PREFERRED), MN_AUTO_ADDRESSES_MAX);
    pass(&f, 200);
    assert_int_equal(count(&f, false, MN_AUTO_PREFERRED), 1);
    input(&f, ONE, 100, 200);
    assert_int_equal(count(&f, false, MN_AUTO_PREFERRED), 2);
}

/* Advertisements, duplicates and time at random; take_changes looks after the list. */
static void random_advertisements_keep_the_list_whole(void **state)
{
    (void)state;
    struct autoconf_fixture f;
    uint64_t seed = 17;
    start_as(&f, MN_AUTO_STABLE, true);
    mn_autoconf_add_link_local(&f.autoconf, f.now);
    for (unsigned step = 0; step < 20000; step++) {
        struct mn_nd_prefix option = {.prefix = prefix(ONE), .autonomous = true};
        option.prefix.address.bytes[7] = (uint8_t)test_random_below(&seed, 6);
        option.preferred_s = (uint32_t)test_random_below(&seed, 20000);
        option.valid_s = option.preferred_s + (uint32_t)test_random_below(&seed, 20000);
        if (test_random_below(&seed, 20) == 0)
            option.preferred_s = option.valid_s = INFINITE;
        input_option(&f, option);
        const struct mn_auto_address *a = &f.autoconf.addresses[test_random_below(&seed, MN_AUTO_ADDRESSES_MAX)];
        mn_autoconf_note_duplicate(&f.autoconf, a->address, f.now);
        take_changes(&f, test_random_below(&seed, 4) > 0);
        f.now += test_random_below(&seed, 10000) * MNET_SECOND;
        mn_autoconf_expire(&f.autoconf, f.now);
        take_changes(&f, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(link_local_lasts_for_ever),
        cmocka_unit_test(new_prefix_makes_a_tentative_address),
        cmocka_unit_test(token_and_mac_are_identifiers),
        cmocka_unit_test(unsuitable_options_make_no_address),
        cmocka_unit_test(valid_lifetime_follows_the_rule_of_two_hours),
        cmocka_unit_test(infinite_lifetimes_stay),
        cmocka_unit_test(address_is_deprecated_then_invalid),
        cmocka_unit_test(preferred_lifetime_of_zero_deprecates_at_once),
        cmocka_unit_test(duplicate_gets_three_more_identifiers),
        cmocka_unit_test(duplicate_of_a_mac_or_token_is_the_end),
        cmocka_unit_test(duplicate_link_local_is_tried_again_when_the_interface_is_enabled),
        cmocka_unit_test(removal_is_told_before_the_same_address_again),
        cmocka_unit_test(reports_about_other_addresses_are_ignored),
        cmocka_unit_test(temporary_addresses_are_off_until_switched_on),
        cmocka_unit_test(temporary_lifetimes_are_the_smaller_ones),
        cmocka_unit_test(temporary_addresses_of_prefixes_end_at_different_times),
        cmocka_unit_test(temporary_is_not_made_for_a_moment),
        cmocka_unit_test(advertisements_do_not_prolong_a_temporary_address),
        cmocka_unit_test(temporary_is_replaced_before_it_is_deprecated),
        cmocka_unit_test(temporary_is_not_replaced_in_a_deprecated_prefix),
        cmocka_unit_test(temporary_duplicates_end_after_three_retries),
        cmocka_unit_test(another_link_leaves_the_link_local_address),
        cmocka_unit_test(flood_of_prefixes_is_bounded),
        cmocka_unit_test(random_advertisements_keep_the_list_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
