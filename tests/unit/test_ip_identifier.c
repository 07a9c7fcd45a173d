/* Interface identifiers: stable, temporary, of a MAC, and fixed. */
#include "unit/support.h"

#include "ip/v6/identifier.h"
#include "support/addresses.h"

static const struct mn_identifier_origin origin = {
    .secret = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)},
    .interface = {"net0", 4},
};
static const struct mn_identifiers none;

static struct mn_identifier stable_of(const struct mn_identifier_origin *from, const char *network, uint8_t counter)
{
    return mn_identifier_make_stable(from, prefix(network), none, &counter);
}

static void expect_same(struct mn_identifier a, struct mn_identifier b)
{
    assert_memory_equal(a.bytes, b.bytes, 8);
}

static void expect_other(struct mn_identifier a, struct mn_identifier b)
{
    assert_memory_not_equal(a.bytes, b.bytes, 8);
}

/* IID-5-1, IID-5-3, IID-5-4, IID-5-6, N6-6.3-2: the same for the same arguments, another for each
 * other one. */
static void stable_depends_on_each_argument(void **state)
{
    (void)state;
    struct mn_identifier first = stable_of(&origin, "2001:db8::/64", 0);
    expect_same(first, stable_of(&origin, "2001:db8::/64", 0));
    expect_other(first, stable_of(&origin, "2001:db8:1::/64", 0));
    expect_other(first, stable_of(&origin, "2001:db8::/63", 0));
    expect_other(first, stable_of(&origin, "2001:db8::/64", 1));
    struct mn_identifier_origin other = origin;
    other.secret.k1 ^= 1;
    expect_other(first, stable_of(&other, "2001:db8::/64", 0));
    other = origin;
    other.interface.bytes = "net1";
    expect_other(first, stable_of(&other, "2001:db8::/64", 0));
    other = origin;
    other.network = (struct mn_identifier_name){"home", 4};
    expect_other(first, stable_of(&other, "2001:db8::/64", 0));
}

/* Where one name ends counts, too. */
static void stable_tells_names_apart(void **state)
{
    (void)state;
    struct mn_identifier_origin one = origin, two = origin;
    one.interface = (struct mn_identifier_name){"ab", 2};
    one.network = (struct mn_identifier_name){"c", 1};
    two.interface = (struct mn_identifier_name){"a", 1};
    two.network = (struct mn_identifier_name){"bc", 2};
    expect_other(stable_of(&one, "2001:db8::/64", 0), stable_of(&two, "2001:db8::/64", 0));
    static const char name[] = "a name of more than thirty-two bytes, which is cut";
    one.interface = (struct mn_identifier_name){name, sizeof name - 1};
    two = one;
    two.interface.len = MN_IDENTIFIER_NAME_MAX;
    expect_same(stable_of(&one, "2001:db8::/64", 0), stable_of(&one, "2001:db8::/64", 0));
    two.network = one.network;
    expect_same(stable_of(&one, "2001:db8::/64", 0), stable_of(&two, "2001:db8::/64", 0));
}

/* ND-4.6.2-2: bits of a prefix beyond its length count for nothing. */
static void stable_ignores_bits_behind_the_prefix(void **state)
{
    (void)state;
    expect_same(stable_of(&origin, "2001:db8::/64", 0), stable_of(&origin, "2001:db8::dead:beef/64", 0));
    expect_same(stable_of(&origin, "2001:db8::/60", 0), stable_of(&origin, "2001:db8:0:f::/60", 0));
}

/* IID-5-2, IID-5-5: an identifier of SipHash-2-4 is computed here once more, byte by byte. */
static void stable_is_siphash_of_its_arguments(void **state)
{
    (void)state;
    const uint8_t arguments[] = {0x20, 0x01, 0x0d, 0xb8, 0,  0, 0, 0,   0,   0,   0,   0,
                                 0,    0,    0,    0,    64, 2, 4, 'n', 'e', 't', '0', 0};
    uint64_t expected = mn_siphash24(&origin.secret, arguments, sizeof arguments);
    struct mn_identifier got = stable_of(&origin, "2001:db8::/64", 2);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(got.bytes[i], (uint8_t)(expected >> (56 - 8 * i)));
}

/* IID-5-7 */
static void stable_goes_on_from_identifiers_taken(void **state)
{
    (void)state;
    struct mn_identifier taken[3];
    for (uint8_t i = 0; i < 3; i++)
        taken[i] = stable_of(&origin, "2001:db8::/64", i);
    uint8_t counter = 0;
    struct mn_identifier got = mn_identifier_make_stable(&origin, prefix("2001:db8::/64"),
                                                         (struct mn_identifiers){taken, 3}, &counter);
    assert_int_equal(counter, 3);
    expect_same(got, stable_of(&origin, "2001:db8::/64", 3));
    counter = 0;
    mn_identifier_make_stable(&origin, prefix("2001:db8::/64"), (struct mn_identifiers){taken + 1, 2}, &counter);
    assert_int_equal(counter, 0);
}

/* N6-6.4-3, RFC 5453 and IANA's registry of reserved identifiers */
static void reserved_identifiers(void **state)
{
    (void)state;
    static const char *const reserved[] = {
        "::",
        "::200:5eff:fe00:0",
        "::200:5eff:fe00:5212",
        "::200:5eff:fe00:5213",
        "::200:5eff:feff:ffff",
        "::fdff:ffff:ffff:ff80",
        "::fdff:ffff:ffff:fffe",
        "::fdff:ffff:ffff:ffff",
    };
    static const char *const allowed[] = {
        "::1",
        "::200:5eff:fdff:ffff",
        "::200:5eff:ff00:0",
        "::fdff:ffff:ffff:ff7f",
        "::fdff:ffff:ffff:0",
        "::feff:ffff:ffff:ff80",
        "::ffff:ffff:ffff:ffff",
    };
    for (unsigned i = 0; i < MN_COUNT_OF(reserved); i++)
        assert_true(mn_identifier_is_reserved(mn_identifier_of(address(reserved[i]))));
    for (unsigned i = 0; i < MN_COUNT_OF(allowed); i++)
        assert_false(mn_identifier_is_reserved(mn_identifier_of(address(allowed[i]))));
}

/* TEMP-3.3-1 */
static void temporary_is_fresh_and_not_taken(void **state)
{
    (void)state;
    const uint8_t seed[MN_RANDOM_SEED] = {7};
    struct mn_random random, again;
    mn_random_init(&random, seed);
    mn_random_init(&again, seed);
    struct mn_identifier first = mn_identifier_make_temporary(&random, none);
    struct mn_identifier second = mn_identifier_make_temporary(&random, none);
    expect_other(first, second);
    expect_same(mn_identifier_make_temporary(&again, (struct mn_identifiers){&first, 1}), second);
}

/* ETH-4-1, RFC 4291 Appendix A, RFC 2464 4: 34-56-78-9A-BC-DE gives 36-56-78-FF-FE-9A-BC-DE. */
static void mac_gives_modified_eui64(void **state)
{
    (void)state;
    struct mn_identifier got = mn_identifier_from_mac((struct mn_mac){{0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde}});
    expect_same(got, mn_identifier_of(address("::3656:78ff:fe9a:bcde")));
    got = mn_identifier_from_mac((struct mn_mac){{0x02, 0, 0, 0, 0, 1}});
    expect_same(got, mn_identifier_of(address("::ff:fe00:1")));
}

static void identifier_joins_a_prefix(void **state)
{
    (void)state;
    struct mn_identifier token = mn_identifier_of(address("fe80::53"));
    assert_true(
        mnet_address_equal(mn_identifier_join(prefix("2001:db8:1:2::/64"), token), address("2001:db8:1:2::53")));
    assert_true(
        mnet_address_equal(mn_identifier_join(prefix("2001:db8:1:2:3::4/64"), token), address("2001:db8:1:2::53")));
    assert_true(mnet_address_equal(mn_identifier_join(prefix("fe80::1/10"), token), address("fe80::53")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stable_depends_on_each_argument),
        cmocka_unit_test(stable_tells_names_apart),
        cmocka_unit_test(stable_ignores_bits_behind_the_prefix),
        cmocka_unit_test(stable_is_siphash_of_its_arguments),
        cmocka_unit_test(stable_goes_on_from_identifiers_taken),
        cmocka_unit_test(reserved_identifiers),
        cmocka_unit_test(temporary_is_fresh_and_not_taken),
        cmocka_unit_test(mac_gives_modified_eui64),
        cmocka_unit_test(identifier_joins_a_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
