/* The variables that Router Advertisements set (RFC 4861 6.3.2, 6.3.4). */
#include "unit/support.h"

#include "ip/v6/parameters.h"

#define MS MNET_MILLISECOND

struct parameters_fixture {
    struct mn_random random;
    struct mn_router_parameters p;
};

static void start(struct parameters_fixture *f, uint8_t seed, uint16_t link_mtu)
{
    const uint8_t seeds[MN_RANDOM_SEED] = {seed};
    mn_random_init(&f->random, seeds);
    mn_router_parameters_init(&f->p, link_mtu, &f->random, 0);
}

#define UPDATE(f, at_ns, ...) update(f, at_ns, &(const struct mn_parameters_advertised){__VA_ARGS__})
static void update(struct parameters_fixture *f, uint64_t at_ns, const struct mn_parameters_advertised *advertised)
{
    mn_router_parameters_update(&f->p, advertised, &f->random, at_ns);
}

/* ND-6.3.2-1, ND-10-4 */
static void defaults(void **state)
{
    (void)state;
    struct parameters_fixture f;
    start(&f, 1, 1500);
    assert_int_equal(f.p.hop_limit, 64);
    assert_int_equal(f.p.retrans_ns, 1000 * MS);
    assert_int_equal(f.p.reachable_ms, 30000);
    assert_int_equal(f.p.mtu, 1500);
}

/* ND-6.3.4-2, ND-6.3.4-3, ND-6.3.4-8, ND-6.3.4-10 */
static void latest_value_wins_and_zero_changes_nothing(void **state)
{
    (void)state;
    struct parameters_fixture f;
    start(&f, 1, 1500);
    UPDATE(&f, 0, .hop_limit = 33, .retrans_ms = 500, .reachable_ms = 10000, .mtu = 1400);
    UPDATE(&f, 0, .hop_limit = 40);
    UPDATE(&f, 0, .hop_limit = 0);
    assert_int_equal(f.p.hop_limit, 40);
    assert_int_equal(f.p.retrans_ns, 500 * MS);
    assert_int_equal(f.p.reachable_ms, 10000);
    assert_int_equal(f.p.mtu, 1400);
}

/* ND-6.3.4-15 */
static void mtu_lies_between_1280_and_the_links(void **state)
{
    (void)state;
    struct parameters_fixture f;
    start(&f, 1, 1500);
    UPDATE(&f, 0, .mtu = 1279);
    UPDATE(&f, 0, .mtu = 1501);
    UPDATE(&f, 0, .mtu = 65536 + 1400);
    assert_int_equal(f.p.mtu, 1500);
    UPDATE(&f, 0, .mtu = 1280);
    assert_int_equal(f.p.mtu, 1280);
    UPDATE(&f, 0, .mtu = 1500);
    assert_int_equal(f.p.mtu, 1500);
}

/* ND-6.3.2-2 */
static void reachable_time_is_random_around_its_base(void **state)
{
    (void)state;
    unsigned low = 0, high = 0;
    for (unsigned seed = 1; seed <= 200; seed++) {
        struct parameters_fixture f;
        start(&f, (uint8_t)seed, 1500);
        assert_in_range(f.p.reachable_ns, 15000 * MS, 45000 * MS);
        low += f.p.reachable_ns < 22500 * MS;
        high += f.p.reachable_ns > 37500 * MS;
    }
    assert_in_range(low, 25, 80);
    assert_in_range(high, 25, 80);
}

/* ND-6.3.2-2, ND-6.3.4-9 */
static void reachable_time_is_drawn_for_a_new_base_and_every_two_hours(void **state)
{
    (void)state;
    struct parameters_fixture f;
    start(&f, 1, 1500);
    uint64_t first = f.p.reachable_ns, at = f.p.draw_at_ns;
    assert_true(at == 7200 * MNET_SECOND);
    UPDATE(&f, MNET_SECOND, .reachable_ms = 30000);
    mn_router_parameters_expire(&f.p, &f.random, at - 1);
    assert_true(f.p.reachable_ns == first);
    UPDATE(&f, MNET_SECOND, .reachable_ms = 10000);
    assert_in_range(f.p.reachable_ns, 5000 * MS, 15000 * MS);
    uint64_t second = f.p.reachable_ns;
    assert_true(f.p.draw_at_ns == at + MNET_SECOND);
    mn_router_parameters_expire(&f.p, &f.random, f.p.draw_at_ns);
    assert_true(f.p.reachable_ns != second);
    assert_in_range(f.p.reachable_ns, 5000 * MS, 15000 * MS);
    assert_true(f.p.draw_at_ns == at + MNET_SECOND + 7200 * MNET_SECOND);
}

/* No advertisement makes the host ask without pause, or never again. */
static void times_are_taken_within_limits(void **state)
{
    (void)state;
    struct parameters_fixture f;
    start(&f, 1, 1500);
    UPDATE(&f, 0, .retrans_ms = 1, .reachable_ms = UINT32_MAX);
    assert_int_equal(f.p.retrans_ns, 10 * MS);
    assert_in_range(f.p.reachable_ns, 1800 * MNET_SECOND, 5400 * MNET_SECOND);
    UPDATE(&f, 0, .retrans_ms = UINT32_MAX, .reachable_ms = 1);
    assert_int_equal(f.p.retrans_ns, 60 * MNET_SECOND);
    assert_in_range(f.p.reachable_ns, 0, 2 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(latest_value_wins_and_zero_changes_nothing),
        cmocka_unit_test(mtu_lies_between_1280_and_the_links),
        cmocka_unit_test(reachable_time_is_random_around_its_base),
        cmocka_unit_test(reachable_time_is_drawn_for_a_new_base_and_every_two_hours),
        cmocka_unit_test(times_are_taken_within_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
