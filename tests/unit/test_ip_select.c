/* Source address selection and the order of destinations: the examples of RFC 6724 10, and a test
 * for each rule. */
#include "unit/support.h"

#include "ip/select.h"
#include "support/addresses.h"

#define PUBLIC true

/* An own address: a text, then 'd' if it is deprecated, 't' temporary, 'n' of the next hop. Its
 * network has 64 bits, or 24 for IPv4. */
struct own {
    const char *text;
    const char *flags;
};
#define OWN(...) \
    (const struct own[]) \
    { \
        __VA_ARGS__, \
        { \
            NULL, NULL \
        } \
    }

static unsigned candidates_of(const struct own *own, struct mn_source_candidate *candidates)
{
    unsigned count = 0;
    for (; own[count].text != NULL; count++) {
        const char *flags = own[count].flags == NULL ? "" : own[count].flags;
        struct mnet_address parsed = address(own[count].text);
        candidates[count] = (struct mn_source_candidate){
            .address = parsed,
            .prefix_length = mnet_address_is_ipv4(parsed) ? 24 : 64,
            .deprecated = strchr(flags, 'd') != NULL,
            .temporary = strchr(flags, 't') != NULL,
            .of_next_hop = strchr(flags, 'n') != NULL,
        };
    }
    return count;
}

static void expect_source_with(const struct mn_policies *policies, bool prefer_public, const char *destination,
                               const struct own *own, const char *expected)
{
    struct mn_source_candidate candidates[8], reversed[8];
    unsigned count = candidates_of(own, candidates);
    for (unsigned i = 0; i < count; i++)
        reversed[i] = candidates[count - 1 - i];
    for (unsigned turn = 0; turn < 2; turn++) {
        const struct mn_source_candidate *got = mn_source_select(
            policies, address(destination), turn == 0 ? candidates : reversed, count, prefer_public);
        if (expected == NULL) {
            assert_null(got);
            continue;
        }
        char text[MNET_ADDRESS_TEXT];
        assert_non_null(got);
        assert_string_equal(mnet_address_format(got->address, text, sizeof text), expected);
    }
}

/* In either order of the candidates. */
static void expect_source(const char *destination, const struct own *own, const char *expected)
{
    expect_source_with(&mn_policies_default, false, destination, own, expected);
}

#define DESTINATIONS(...) \
    (const char *[]) \
    { \
        __VA_ARGS__, NULL \
    }

/* `destinations` sorted are `expected`. The sources come out of `own`. */
static void expect_order_once(const struct mn_policies *policies, const struct own *own, const char **destinations,
                              const char **expected)
{
    struct mn_source_candidate candidates[8];
    unsigned count = 0, sources = candidates_of(own, candidates);
    struct mn_destination_candidate list[8];
    for (; destinations[count] != NULL; count++) {
        struct mnet_address to = address(destinations[count]);
        list[count] = (struct mn_destination_candidate){
            .address = to, .source = mn_source_select(policies, to, candidates, sources, false)};
    }
    mn_destinations_sort(policies, list, count);
    for (unsigned i = 0; i < count; i++) {
        char text[MNET_ADDRESS_TEXT];
        assert_string_equal(mnet_address_format(list[i].address, text, sizeof text), expected[i]);
    }
}

/* The two destinations come out as `first`, `second`, in whichever order they were. */
static void expect_order_with(const struct mn_policies *policies, const struct own *own, const char *first,
                              const char *second)
{
    expect_order_once(policies, own, DESTINATIONS(first, second), DESTINATIONS(first, second));
    expect_order_once(policies, own, DESTINATIONS(second, first), DESTINATIONS(first, second));
}

static void expect_order(const struct own *own, const char *first, const char *second)
{
    expect_order_with(&mn_policies_default, own, first, second);
}

/* RFC 6724 10.1, N6-6.6-1 */
static void sources_of_the_examples(void **state)
{
    (void)state;
    expect_source("2001:db8:1::1", OWN({"2001:db8:3::1", ""}, {"fe80::1", ""}), "2001:db8:3::1");
    expect_source("ff05::1", OWN({"2001:db8:3::1", ""}, {"fe80::1", ""}), "2001:db8:3::1");
    expect_source("2001:db8:1::1", OWN({"2001:db8:1::1", "d"}, {"2001:db8:2::1", ""}), "2001:db8:1::1");
    expect_source("fe80::1", OWN({"fe80::2", "d"}, {"2001:db8:1::1", ""}), "fe80::2");
    expect_source("2001:db8:1::1", OWN({"2001:db8:1::2", ""}, {"2001:db8:3::2", ""}), "2001:db8:1::2");
    expect_source("2002:c633:6401::1", OWN({"2002:c633:6401:0:d5e3:7953:13eb:22e8", "t"}, {"2001:db8:1::2", ""}),
                  "2002:c633:6401:0:d5e3:7953:13eb:22e8");
    expect_source("2001:db8:1::d5e3:0:0:1", OWN({"2001:db8:1::2", ""}, {"2001:db8:1:0:d5e3:7953:13eb:22e8", "t"}),
                  "2001:db8:1:0:d5e3:7953:13eb:22e8");
}

/* RFC 6724 10.2, N6-6.6-1: all but the example of a home address */
static void orders_of_the_examples(void **state)
{
    (void)state;
    expect_order(OWN({"2001:db8:1::2", ""}, {"fe80::1", ""}, {"169.254.13.78", ""}), "2001:db8:1::1", "198.51.100.121");
    expect_order(OWN({"fe80::1", ""}, {"198.51.100.117", ""}), "198.51.100.121", "2001:db8:1::1");
    expect_order(OWN({"2001:db8:1::2", ""}, {"fe80::1", ""}, {"10.1.2.4", ""}), "2001:db8:1::1", "10.1.2.3");
    expect_order(OWN({"2001:db8:1::2", ""}, {"fe80::2", ""}), "fe80::1", "2001:db8:1::1");
    expect_order(OWN({"2001:db8:1::2", ""}, {"fe80::2", "d"}), "2001:db8:1::1", "fe80::1");
    expect_order(OWN({"2001:db8:1::2", ""}, {"2001:db8:3f44::2", ""}, {"fe80::2", ""}), "2001:db8:1::1",
                 "2001:db8:3ffe::1");
    expect_order(OWN({"2002:c633:6401::2", ""}, {"fe80::2", ""}), "2002:c633:6401::1", "2001:db8:1::1");
    expect_order(OWN({"2002:c633:6401::2", ""}, {"2001:db8:1::2", ""}, {"fe80::2", ""}), "2001:db8:1::1",
                 "2002:c633:6401::1");
}

/* RFC 6724 5 and 6, rules 4: the examples of home addresses (10.1, 10.2) come out by the rules that
 * follow, as on every host without mobility. */
static void home_addresses_have_no_rule_without_mobility(void **state)
{
    (void)state;
    expect_source("2001:db8:1::1", OWN({"2001:db8:1::2", ""}, {"2001:db8:3::2", ""}), "2001:db8:1::2");
    expect_order(OWN({"2001:db8:1::2", ""}, {"2001:db8:3::1", ""}, {"fe80::2", ""}), "fe80::1", "2001:db8:1::1");
}

/* The default table with one line changed or added. */
static struct mn_policies changed_policies(struct mn_policy *lines, struct mn_policy line)
{
    unsigned count = mn_policies_default.count, at = 0;
    memcpy(lines, mn_policies_default.lines, count * sizeof *lines);
    while (at < count && !(mnet_address_equal(lines[at].prefix, line.prefix) && lines[at].length == line.length))
        at++;
    lines[at] = line;
    return (struct mn_policies){lines, at == count ? count + 1 : count};
}

/* RFC 6724 10.3.1, SEL-2.1-1: ::ffff:0:0/96 of precedence 100 */
static void table_that_prefers_ipv4(void **state)
{
    (void)state;
    struct mn_policy lines[16];
    struct mn_policies policies = changed_policies(lines, (struct mn_policy){address("0.0.0.0"), 96, 100, 4});
    assert_int_equal(policies.count, mn_policies_default.count);
    expect_order_with(&policies, OWN({"2001:db8::2", ""}, {"fe80::1", ""}, {"169.254.13.78", ""}), "2001:db8::1",
                      "198.51.100.121");
    expect_order_with(&policies, OWN({"fe80::1", ""}, {"198.51.100.117", ""}), "198.51.100.121", "2001:db8::1");
    expect_order_with(&policies, OWN({"2001:db8::2", ""}, {"fe80::1", ""}, {"10.1.2.4", ""}), "10.1.2.3",
                      "2001:db8::1");
}

/* RFC 6724 10.3.3: fe80::/10 of precedence 33 puts global destinations in front of link-local
 * ones. */
static void table_that_prefers_global_destinations(void **state)
{
    (void)state;
    struct mn_policy lines[16];
    struct mn_policies policies = changed_policies(lines, (struct mn_policy){address("fe80::"), 10, 33, 1});
    assert_int_equal(policies.count, mn_policies_default.count + 1);
    expect_order_with(&policies, OWN({"2001:db8::2", ""}, {"fe80::2", ""}), "2001:db8::1", "fe80::1");
    expect_order_with(&policies, OWN({"2001:db8::2", "d"}, {"fe80::2", ""}), "fe80::1", "2001:db8::1");
}

/* As RFC 6724 10.3.4 does it: a label of a site's own has traffic within the site leave from its
 * prefix. */
static void table_with_labels_of_a_site(void **state)
{
    (void)state;
    struct mn_policy lines[16];
    struct mn_policies policies = changed_policies(lines, (struct mn_policy){address("2001:db8:1aaa::"), 48, 45, 14});
    const struct own *own = OWN({"2001:db8:1aaa::a", ""}, {"2001:db8:70aa::a", ""}, {"fe80::a", ""});
    expect_source_with(&policies, false, "2001:db8:1aaa::b", own, "2001:db8:1aaa::a");
    expect_source_with(&policies, false, "2001:db8:70aa::b", own, "2001:db8:70aa::a");
    expect_order_with(&policies, own, "2001:db8:1aaa::b", "2001:db8:70aa::b");
}

/* SEL-2.1-2, SEL-2.1-3 */
static void default_table(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        unsigned precedence, label;
    } lines[] = {
        {"::1", 50, 0},       {"2001:db8::1", 40, 1}, {"fe80::1", 40, 1}, {"ff02::1", 40, 1},
        {"10.0.0.1", 35, 4},  {"2002::1", 30, 2},     {"2001::1", 5, 5},  {"2001:0:ffff::1", 5, 5},
        {"2001:1::1", 40, 1}, {"fc00::1", 3, 13},     {"fdff::1", 3, 13}, {"fe00::1", 40, 1},
        {"::2", 1, 3},        {"::1.2.3.4", 1, 3},    {"fec0::1", 1, 11}, {"feff::1", 1, 11},
        {"3ffe::1", 1, 12},   {"3fff::1", 40, 1},
    };
    for (unsigned i = 0; i < MN_COUNT_OF(lines); i++) {
        const struct mn_policy *line = mn_policy_find(&mn_policies_default, address(lines[i].address));
        assert_non_null(line);
        assert_int_equal(line->precedence, lines[i].precedence);
        assert_int_equal(line->label, lines[i].label);
    }
    const struct mn_policies empty = {NULL, 0};
    assert_null(mn_policy_find(&empty, address("::1")));
    expect_source_with(&empty, false, "2001:db8::1", OWN({"2001:db8::2", ""}), "2001:db8::2");
}

/* SEL-3.1-1, SEL-3.2-1, SEL-3.3-1, SEL-3.4-1, ZONE-4-1 */
static void scopes(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        unsigned scope;
    } all[] = {
        {"fe80::1", 2},      {"febf::1", 2},    {"fec0::1", 5},   {"feff::1", 5},      {"fe00::1", 14},
        {"fd00::1", 14},     {"::1", 2},        {"::2", 14},      {"::1.2.3.4", 14},   {"2001:db8::1", 14},
        {"ff01::1", 1},      {"ff02::1", 2},    {"ff15::1", 5},   {"ff08::1", 8},      {"ff3e::1", 14},
        {"169.254.1.1", 2},  {"127.0.0.1", 2},  {"10.0.0.1", 14}, {"192.168.1.1", 14}, {"198.51.100.1", 14},
        {"169.255.1.1", 14}, {"128.0.0.1", 14},
    };
    for (unsigned i = 0; i < MN_COUNT_OF(all); i++)
        assert_int_equal(mn_scope_of(address(all[i].address)), all[i].scope);
}

/* SEL-4-3, SEL-4-1 */
static void never_a_source(void **state)
{
    (void)state;
    expect_source("2001:db8::1", OWN({"10.0.0.1", ""}, {"ff02::1", ""}, {"::", ""}), NULL);
    expect_source("10.0.0.2", OWN({"2001:db8::1", ""}, {"224.0.0.1", ""}, {"0.0.0.0", ""}), NULL);
    expect_source("10.0.0.2", OWN({"2001:db8::1", ""}, {"10.0.0.1", ""}), "10.0.0.1");
    assert_null(mn_source_select(&mn_policies_default, address("::1"), NULL, 0, false));
}

/* SEL-5-1: each rule decides against the one that follows it. SEL-5.R1-1, SEL-5.R2-1, SEL-5.R3-1,
 * SEL-5.R5.5-1, SEL-5.R6-1, SEL-5.R7-1, SEL-5.R8-1. */
static void each_rule_of_sources_beats_the_next(void **state)
{
    (void)state;
    /* 1 over 2 to 8 */
    expect_source("fe80::1", OWN({"fe80::1", "d"}, {"fe80::2", "n"}), "fe80::1");
    /* 2: large enough, but no larger; over 3 */
    expect_source("ff02::1", OWN({"fe80::2", "d"}, {"2001:db8::2", ""}), "fe80::2");
    expect_source("ff05::1", OWN({"fe80::2", ""}, {"fec0::2", "d"}, {"2001:db8::2", ""}), "fec0::2");
    expect_source("2001:db8::1", OWN({"fe80::2", ""}, {"fec0::2", "d"}), "fec0::2");
    /* 3 over 5.5 (SLAAC-5.5.4-3) */
    expect_source("2001:db8::1", OWN({"2001:db8::2", "dn"}, {"2001:db8:5::2", ""}), "2001:db8:5::2");
    /* 5.5 over 6 (N6-6.6-2) */
    expect_source("2001:db8::1", OWN({"2001:db8::2", ""}, {"fd00::2", "n"}), "fd00::2");
    /* 6 over 7 */
    expect_source("2001:db8::1", OWN({"2001:db8:5::2", ""}, {"fd00::2", "t"}), "2001:db8:5::2");
    /* 7 over 8 */
    expect_source("2001:db8::1", OWN({"2001:db8::2", ""}, {"2001:db8:5::2", "t"}), "2001:db8:5::2");
    /* 8 */
    expect_source("fd00:1::1", OWN({"fd00:1::2", ""}, {"fd00:2::2", ""}), "fd00:1::2");
}

/* SEL-5.R7-1 */
static void application_prefers_its_public_address(void **state)
{
    (void)state;
    const struct own *own = OWN({"2001:db8::2", ""}, {"2001:db8::3", "t"});
    expect_source_with(&mn_policies_default, !PUBLIC, "2001:db8:9::1", own, "2001:db8::3");
    expect_source_with(&mn_policies_default, PUBLIC, "2001:db8:9::1", own, "2001:db8::2");
}

/* SEL-2.2-1, SEL-5-1: no prefix is longer than the network of the source, and the first of equals
 * wins. */
static void identifier_does_not_count_as_prefix(void **state)
{
    (void)state;
    struct mn_source_candidate both[2] = {{.address = address("2001:db8::8000"), .prefix_length = 64},
                                          {.address = address("2001:db8::1"), .prefix_length = 64}};
    assert_ptr_equal(mn_source_select(&mn_policies_default, address("2001:db8::2"), both, 2, false), &both[0]);
    both[1].prefix_length = 128;
    assert_ptr_equal(mn_source_select(&mn_policies_default, address("2001:db8::2"), both, 2, false), &both[1]);
}

/* SEL-6.R2-1, SEL-6.R3-1, SEL-6.R5-1, SEL-6.R6-1, SEL-6.R8-1 */
static void each_rule_of_destinations_beats_the_next(void **state)
{
    (void)state;
    /* 2 over 3 */
    expect_order(OWN({"2001:db8::2", "d"}, {"169.254.1.1", ""}), "2001:db8::1", "198.51.100.1");
    /* 3 over 5 */
    expect_order(OWN({"fd00::2", ""}, {"10.0.0.2", "d"}), "2001:db8::1", "10.0.0.1");
    /* 5 over 6 */
    expect_order(OWN({"fd00::2", ""}, {"10.0.0.2", ""}), "10.0.0.1", "2001:db8::1");
    /* 6 over 8 */
    expect_order(OWN({"2001:db8::2", ""}, {"fec0::2", ""}), "2001:db8::1", "fec0::1");
    /* 8 over 9 */
    expect_order(OWN({"2001:db8::2", ""}, {"fe80::2", ""}), "fe80:0:0:1::1", "2001:db8::1");
}

/* SEL-6.R1-1 */
static void unreachable_destinations_are_last(void **state)
{
    (void)state;
    const struct mn_source_candidate source = {.address = address("2001:db8::2"), .prefix_length = 64};
    struct mn_destination_candidate list[] = {
        {.address = address("2001:db8::1"), .source = &source, .unreachable = true},
        {.address = address("2001:db8:2::1")},
        {.address = address("2001:db8:3::1"), .source = &source},
    };
    mn_destinations_sort(&mn_policies_default, list, 3);
    assert_true(mnet_address_equal(list[0].address, address("2001:db8:3::1")));
    assert_true(mnet_address_equal(list[1].address, address("2001:db8::1")));
    assert_true(mnet_address_equal(list[2].address, address("2001:db8:2::1")));
}

/* SEL-6.R9-1: never between families, and for IPv4 no further than the own network */
static void prefixes_are_compared_within_a_family(void **state)
{
    (void)state;
    struct mn_policy lines[16];
    struct mn_policies level = changed_policies(lines, (struct mn_policy){address("0.0.0.0"), 96, 40, 4});
    const struct own *own = OWN({"2001:db8::2", ""}, {"10.0.0.2", ""});
    const char **listed = DESTINATIONS("2001:db8:9::1", "10.0.0.1");
    expect_order_once(&level, own, listed, listed);
    listed = DESTINATIONS("10.0.0.1", "2001:db8:9::1");
    expect_order_once(&level, own, listed, listed);
    expect_order(own, "10.0.0.9", "10.0.1.9");
    listed = DESTINATIONS("10.0.0.130", "10.0.0.3");
    expect_order_once(&mn_policies_default, own, listed, listed);
}

/* SEL-6.R10-1: of many equal destinations none moves */
static void equal_destinations_keep_their_order(void **state)
{
    (void)state;
    const char **listed = DESTINATIONS("2001:db8::9", "2001:db8::3", "2001:db8::7", "2001:db8::1", "2001:db8::5");
    expect_order_once(&mn_policies_default, OWN({"2001:db8::2", ""}), listed, listed);
}

/* Interleaves destinations of the families that '6' and '4' stand for. `order` has their former
 * places. */
static void expect_interleaved(const char *families, unsigned first, const char *order)
{
    struct mn_destination_candidate list[16];
    unsigned count = (unsigned)strlen(families);
    for (unsigned i = 0; i < count; i++) {
        list[i] = (struct mn_destination_candidate){.address = address(families[i] == '6' ? "2001:db8::" : "10.0.0.0")};
        list[i].address.bytes[15] = (uint8_t)i;
    }
    mn_destinations_interleave(list, count, first);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(list[i].address.bytes[15], order[i] - '0');
}

/* HE-4-4 */
static void families_come_in_turn(void **state)
{
    (void)state;
    expect_interleaved("6644", 1, "0213");
    expect_interleaved("4466", 1, "0213");
    expect_interleaved("4644", 1, "0123");
    expect_interleaved("66666444", 1, "05162734");
    expect_interleaved("444", 1, "012");
    expect_interleaved("6", 1, "0");
    expect_interleaved("", 1, "");
}

/* HE-4-5 */
static void first_family_may_have_several_in_front(void **state)
{
    (void)state;
    expect_interleaved("6644", 2, "0123");
    expect_interleaved("6464", 2, "0213");
    expect_interleaved("4446", 2, "0132");
    expect_interleaved("66446", 3, "01423");
    expect_interleaved("64", 16, "01");
}

static void losers_are_remembered_for_a_while(void **state)
{
    (void)state;
    struct mn_losers losers = {0};
    struct mnet_address loser = address("2001:db8::1");
    assert_false(mn_losers_contain(&losers, loser, 0));
    mn_losers_add(&losers, loser, 100);
    assert_true(mn_losers_contain(&losers, loser, 99));
    assert_false(mn_losers_contain(&losers, loser, 100));
    mn_losers_add(&losers, loser, 200);
    assert_true(mn_losers_contain(&losers, loser, 100));
    mn_losers_remove(&losers, loser);
    assert_false(mn_losers_contain(&losers, loser, 100));
}

static void full_table_of_losers_forgets_the_one_due_first(void **state)
{
    (void)state;
    struct mn_losers losers = {0};
    struct mnet_address loser = address("2001:db8::");
    for (uint8_t i = 0; i <= MN_LOSERS_MAX; i++) {
        loser.bytes[15] = i;
        mn_losers_add(&losers, loser, i == 3 ? 10 : 1000u + i);
    }
    for (uint8_t i = 0; i <= MN_LOSERS_MAX; i++) {
        loser.bytes[15] = i;
        assert_int_equal(mn_losers_contain(&losers, loser, 5), i != 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources_of_the_examples),
        cmocka_unit_test(orders_of_the_examples),
        cmocka_unit_test(home_addresses_have_no_rule_without_mobility),
        cmocka_unit_test(table_that_prefers_ipv4),
        cmocka_unit_test(table_that_prefers_global_destinations),
        cmocka_unit_test(table_with_labels_of_a_site),
        cmocka_unit_test(default_table),
        cmocka_unit_test(scopes),
        cmocka_unit_test(never_a_source),
        cmocka_unit_test(each_rule_of_sources_beats_the_next),
        cmocka_unit_test(application_prefers_its_public_address),
        cmocka_unit_test(identifier_does_not_count_as_prefix),
        cmocka_unit_test(each_rule_of_destinations_beats_the_next),
        cmocka_unit_test(unreachable_destinations_are_last),
        cmocka_unit_test(prefixes_are_compared_within_a_family),
        cmocka_unit_test(equal_destinations_keep_their_order),
        cmocka_unit_test(families_come_in_turn),
        cmocka_unit_test(first_family_may_have_several_in_front),
        cmocka_unit_test(losers_are_remembered_for_a_while),
        cmocka_unit_test(full_table_of_losers_forgets_the_one_due_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
