/* The prefix list: which destinations are on the link (RFC 4861 6.3.4, RFC 5942). */
#include "unit/support.h"

#include "ip/v6/prefixes.h"
#include "support/addresses.h"

static uint64_t seconds(uint64_t number)
{
    return number * MNET_SECOND;
}

static struct mn_nd_prefix information(const char *prefix, uint32_t valid_s, bool on_link)
{
    struct mn_nd_prefix result = {.valid_s = valid_s, .preferred_s = valid_s, .on_link = on_link};
    assert_int_equal(mnet_prefix_parse(prefix, &result.prefix), 0);
    return result;
}

static void input(struct mn_prefixes *prefixes, const char *prefix, uint32_t valid_s, bool on_link, uint64_t at_s)
{
    const struct mn_nd_prefix option = information(prefix, valid_s, on_link);
    mn_prefixes_input(prefixes, &option, seconds(at_s));
}

static bool on_link(const struct mn_prefixes *prefixes, const char *destination, uint64_t at_s)
{
    return mn_prefixes_on_link(prefixes, address(destination), seconds(at_s));
}

/* ND-5.1-2, ONLINK-4-3 */
static void empty_list_has_link_local_only(void **state)
{
    (void)state;
    struct mn_prefixes prefixes = {0};
    assert_true(on_link(&prefixes, "fe80::1", 0));
    assert_true(on_link(&prefixes, "febf::1", 0));
    assert_false(on_link(&prefixes, "fec0::1", 0));
    assert_false(on_link(&prefixes, "2001:db8::1", 0));
    assert_true(mn_prefixes_deadline(&prefixes) == MNET_NEVER);
}

/* ND-6.3.4-16, ND-6.3.5-1, ONLINK-4-2, N6-5.4-3 */
static void prefix_is_on_link_for_its_lifetime(void **state)
{
    (void)state;
    struct mn_prefixes prefixes = {0};
    input(&prefixes, "2001:db8:1::/64", 60, true, 10);
    assert_int_equal(prefixes.generation, 1);
    assert_true(mn_prefixes_deadline(&prefixes) == seconds(70));
    assert_true(on_link(&prefixes, "2001:db8:1::5", 69));
    assert_false(on_link(&prefixes, "2001:db8:1:1::5", 69));
    assert_false(on_link(&prefixes, "2001:db8:1::5", 70));
    uint32_t generation = prefixes.generation;
    mn_prefixes_expire(&prefixes, seconds(69));
    assert_int_equal(prefixes.count, 1);
    mn_prefixes_expire(&prefixes, seconds(70));
    assert_int_equal(prefixes.count, 0);
    assert_int_not_equal(prefixes.generation, generation);
}

/* ND-6.3.4-17: no rule of two hours here */
static void known_prefix_has_the_lifetime_received_last(void **state)
{
    (void)state;
    struct mn_prefixes prefixes = {0};
    input(&prefixes, "2001:db8:1::/64", 86400, true, 0);
    uint32_t generation = prefixes.generation;
    input(&prefixes, "2001:db8:1::/64", 10, true, 5);
    assert_int_equal(prefixes.generation, generation);
    assert_int_equal(prefixes.count, 1);
    assert_false(on_link(&prefixes, "2001:db8:1::5", 15));
    input(&prefixes, "2001:db8:1::dead/64", 86400, true, 6); /* ND-4.6.2-2: the same prefix */
    assert_int_equal(prefixes.count, 1);
    assert_true(on_link(&prefixes, "2001:db8:1::5", 15));
    input(&prefixes, "2001:db8:1::/64", 0, true, 20);
    assert_false(on_link(&prefixes, "2001:db8:1::5", 20));
    assert_int_equal(prefixes.count, 0);
}

/* ND-4.6.2-5 */
static void infinite_prefix_never_ends(void **state)
{
    (void)state;
    struct mn_prefixes prefixes = {0};
    input(&prefixes, "2001:db8:1::/64", UINT32_MAX, true, 0);
    mn_prefixes_expire(&prefixes, 2 * seconds(UINT32_MAX));
    assert_true(on_link(&prefixes, "2001:db8:1::5", 2 * (uint64_t)UINT32_MAX));
    assert_true(mn_prefixes_deadline(&prefixes) == MNET_NEVER);
}

/* ND-4.6.2-1 */
static void option_without_l_says_nothing(void **state)
{
    (void)state;
    struct mn_prefixes prefixes = {0};
    input(&prefixes, "2001:db8:1::/64", 100, false, 0);
    assert_false(on_link(&prefixes, "2001:db8:1::5", 0));
    input(&prefixes, "2001:db8:1::/64", 100, true, 0);
    input(&prefixes, "2001:db8:1::/64", 0, false, 0);
    assert_true(on_link(&prefixes, "2001:db8:1::5", 99));
}

/* ND-6.3.4-18, ND-4.6.2-3 */
static void senseless_options_are_ignored(void **state)
{
    (void)state;
    struct mn_prefixes prefixes = {0};
    input(&prefixes, "2001:db8:1::/64", 0, true, 0);
    input(&prefixes, "fe80::/64", 0, true, 0);
    input(&prefixes, "fe80::/10", 100, true, 0);
    input(&prefixes, "ff02::/16", 100, true, 0);
    input(&prefixes, "10.0.0.0/8", 100, true, 0);
    struct mn_nd_prefix too_long = information("2001:db8:1::/64", 100, true);
    too_long.prefix.length = 129;
    mn_prefixes_input(&prefixes, &too_long, 0);
    assert_int_equal(prefixes.count, 0);
    assert_int_equal(prefixes.generation, 0);
    assert_true(on_link(&prefixes, "fe80::1", 0));
}

/* ND-6.3.4-19: any length, with or without the A flag; prefixes of different lengths stand side by
 * side. */
static void prefix_of_any_length_is_taken(void **state)
{
    (void)state;
    struct mn_prefixes prefixes = {0};
    input(&prefixes, "2001:db8:1::/48", 100, true, 0);
    input(&prefixes, "2001:db8:1::/64", 10, true, 0);
    input(&prefixes, "2001:db8:2::77/128", 10, true, 0);
    assert_int_equal(prefixes.count, 3);
    assert_true(on_link(&prefixes, "2001:db8:1:9::1", 0));
    assert_true(on_link(&prefixes, "2001:db8:1::1", 50));
    assert_true(on_link(&prefixes, "2001:db8:2::77", 0));
    assert_false(on_link(&prefixes, "2001:db8:2::78", 0));
}

static void full_list_keeps_the_prefixes_that_last_longest(void **state)
{
    (void)state;
    struct mn_prefixes prefixes = {0};
    struct mn_nd_prefix option = information("2001:db8::/64", 0, true);
    for (uint8_t i = 0; i < MN_PREFIXES_MAX; i++) {
        option.prefix.address.bytes[7] = i;
        option.valid_s = i == 5 ? 100 : 1000;
        mn_prefixes_input(&prefixes, &option, 0);
    }
    input(&prefixes, "2001:db8:f::/64", 99, true, 0);
    assert_false(on_link(&prefixes, "2001:db8:f::1", 0));
    input(&prefixes, "2001:db8:f::/64", 200, true, 0);
    assert_true(on_link(&prefixes, "2001:db8:f::1", 0));
    assert_false(on_link(&prefixes, "2001:db8:0:5::1", 0));
    assert_true(on_link(&prefixes, "2001:db8:0:6::1", 0));
    assert_int_equal(prefixes.count, MN_PREFIXES_MAX);
    uint32_t generation = prefixes.generation;
    mn_prefixes_clear(&prefixes);
    assert_int_not_equal(prefixes.generation, generation);
    assert_false(on_link(&prefixes, "2001:db8:f::1", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_list_has_link_local_only),
        cmocka_unit_test(prefix_is_on_link_for_its_lifetime),
        cmocka_unit_test(known_prefix_has_the_lifetime_received_last),
        cmocka_unit_test(infinite_prefix_never_ends),
        cmocka_unit_test(option_without_l_says_nothing),
        cmocka_unit_test(senseless_options_are_ignored),
        cmocka_unit_test(prefix_of_any_length_is_taken),
        cmocka_unit_test(full_list_keeps_the_prefixes_that_last_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
