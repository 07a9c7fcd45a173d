/* The path-MTU cache: floors, ageing, bounds, and the generation that users watch. */
#include "unit/support.h"

#include "base/path_mtu.h"
#include "base/wheel.h"
#include "support/addresses.h"

#define MINUTE (60 * MNET_SECOND)
#define TIMER_KIND 7
#define MAX 8

struct mtu_fixture {
    void *region;
    struct mn_wheel wheel;
    struct mn_path_mtus cache;
    uint64_t now;
};

static void start(struct mtu_fixture *f, uint16_t link_mtu)
{
    memset(f, 0, sizeof *f);
    struct mnet_memory *memory = test_memory(1 << 20, &f->region);
    mn_wheel_init(&f->wheel, 0);
    const struct mn_path_mtu_config config = {
        .memory = memory,
        .wheel = &f->wheel,
        .key = {1, 2},
        .max = MAX,
        .age_ns = MN_PATH_MTU_AGE_NS,
        .link_mtu = link_mtu,
        .timer_kind = TIMER_KIND,
    };
    mn_path_mtus_init(&f->cache, &config);
}

static void stop(struct mtu_fixture *f)
{
    mn_path_mtus_clear(&f->cache);
    assert_int_equal(f->cache.pool.in_use, 0);
    assert_int_equal(f->wheel.armed, 0);
    free(f->region);
}

static void pass(struct mtu_fixture *f, uint64_t ns)
{
    f->now += ns;
    for (struct mn_timer *timer; (timer = mn_wheel_expire(&f->wheel, f->now)) != NULL;) {
        assert_int_equal(timer->kind, TIMER_KIND);
        mn_path_mtu_expire(&f->cache, timer);
    }
}

static enum mn_path_mtu_verdict lower(struct mtu_fixture *f, const char *to, uint32_t mtu)
{
    return mn_path_mtu_lower(&f->cache, address(to), mtu, f->now);
}

static unsigned find(struct mtu_fixture *f, const char *to)
{
    return mn_path_mtu_find(&f->cache, address(to));
}

/* PMTU-5.2-1, PMTU-5.2-2, PMTU-4-3 */
static void lowered_is_of_one_destination(void **state)
{
    (void)state;
    struct mtu_fixture f;
    start(&f, 1500);
    assert_int_equal(find(&f, "2001:db8::1"), 1500);
    assert_int_equal(lower(&f, "2001:db8::1", 1400), MN_PATH_MTU_LOWERED);
    assert_int_equal(find(&f, "2001:db8::1"), 1400);
    assert_int_equal(find(&f, "2001:db8::2"), 1500);
    assert_int_equal(lower(&f, "198.51.100.1", 1300), MN_PATH_MTU_LOWERED);
    assert_int_equal(find(&f, "198.51.100.1"), 1300);
    assert_int_equal(f.cache.count, 2);
    stop(&f);
}

/* PMTU-4-2 */
static void ipv6_below_1280_is_refused(void **state)
{
    (void)state;
    struct mtu_fixture f;
    start(&f, 1500);
    assert_int_equal(lower(&f, "2001:db8::1", 1279), MN_PATH_MTU_REFUSED);
    assert_int_equal(lower(&f, "2001:db8::1", 0), MN_PATH_MTU_REFUSED);
    assert_int_equal(f.cache.count, 0);
    assert_int_equal(lower(&f, "2001:db8::1", 1280), MN_PATH_MTU_LOWERED);
    assert_int_equal(find(&f, "2001:db8::1"), 1280);
    stop(&f);
}

/* RFC 5927 7; RFC 1191 5 for a router that names no MTU */
static void ipv4_below_576_counts_as_576(void **state)
{
    (void)state;
    struct mtu_fixture f;
    start(&f, 1500);
    assert_int_equal(lower(&f, "198.51.100.1", 68), MN_PATH_MTU_LOWERED);
    assert_int_equal(lower(&f, "198.51.100.2", 0), MN_PATH_MTU_LOWERED);
    assert_int_equal(find(&f, "198.51.100.1"), 576);
    assert_int_equal(find(&f, "198.51.100.2"), 576);
    mn_path_mtus_set_link(&f.cache, 500, 500);
    assert_int_equal(find(&f, "198.51.100.1"), 500);
    assert_int_equal(lower(&f, "198.51.100.3", 0), MN_PATH_MTU_REFUSED);
    stop(&f);
}

/* PMTU-4-6, PMTU-5.2-5 */
static void message_never_raises(void **state)
{
    (void)state;
    struct mtu_fixture f;
    start(&f, 1500);
    lower(&f, "2001:db8::1", 1300);
    uint32_t generation = f.cache.generation;
    assert_int_equal(lower(&f, "2001:db8::1", 1300), MN_PATH_MTU_KEPT);
    assert_int_equal(lower(&f, "2001:db8::1", 1499), MN_PATH_MTU_KEPT);
    assert_int_equal(lower(&f, "2001:db8::1", 1500), MN_PATH_MTU_REFUSED);
    assert_int_equal(lower(&f, "2001:db8::1", UINT32_MAX), MN_PATH_MTU_REFUSED);
    assert_int_equal(lower(&f, "2001:db8::2", 65535 + 1281), MN_PATH_MTU_REFUSED);
    assert_int_equal(find(&f, "2001:db8::1"), 1300);
    assert_int_equal(f.cache.generation, generation);
    stop(&f);
}

/* PMTU-5.3-1, N6-5.7.1-1, RFC 1191 6.3 */
static void estimate_ends_after_ten_minutes(void **state)
{
    (void)state;
    struct mtu_fixture f;
    start(&f, 1500);
    lower(&f, "2001:db8::1", 1300);
    pass(&f, 10 * MINUTE - 1000);
    assert_int_equal(find(&f, "2001:db8::1"), 1300);
    uint32_t generation = f.cache.generation;
    pass(&f, 1000);
    assert_int_equal(find(&f, "2001:db8::1"), 1500);
    assert_int_not_equal(f.cache.generation, generation);
    assert_int_equal(f.cache.count, 0);
    stop(&f);
}

/* PMTU-4-5: the time counts from the last message, also from one that lowers nothing */
static void message_without_effect_restarts_the_ten_minutes(void **state)
{
    (void)state;
    struct mtu_fixture f;
    start(&f, 1500);
    lower(&f, "2001:db8::1", 1300);
    pass(&f, 9 * MINUTE);
    assert_int_equal(lower(&f, "2001:db8::1", 1300), MN_PATH_MTU_KEPT);
    pass(&f, 9 * MINUTE);
    assert_int_equal(find(&f, "2001:db8::1"), 1300);
    pass(&f, MINUTE);
    assert_int_equal(find(&f, "2001:db8::1"), 1500);
    stop(&f);
}

static void estimate_without_age_stays(void **state)
{
    (void)state;
    struct mtu_fixture f;
    start(&f, 1500);
    f.cache.age_ns = MNET_NEVER;
    lower(&f, "2001:db8::1", 1300);
    pass(&f, 100000 * MINUTE);
    assert_int_equal(find(&f, "2001:db8::1"), 1300);
    stop(&f);
}

/* PMTU-3-2 */
static void group_has_the_smallest_of_all_its_paths(void **state)
{
    (void)state;
    struct mtu_fixture f;
    start(&f, 1500);
    lower(&f, "ff0e::1", 1400);
    lower(&f, "ff0e::1", 1450);
    lower(&f, "ff0e::1", 1350);
    assert_int_equal(find(&f, "ff0e::1"), 1350);
    stop(&f);
}

static void full_table_loses_the_entry_unused_longest(void **state)
{
    (void)state;
    struct mtu_fixture f;
    start(&f, 1500);
    struct mnet_address to = address("2001:db8::");
    for (uint8_t i = 0; i < MAX; i++) {
        to.bytes[15] = i;
        assert_int_equal(mn_path_mtu_lower(&f.cache, to, 1300, 0), MN_PATH_MTU_LOWERED);
    }
    assert_int_equal(find(&f, "2001:db8::"), 1300); /* used: so the next one is the oldest */
    lower(&f, "2001:db8::ff", 1300);
    assert_int_equal(f.cache.count, MAX);
    assert_int_equal(find(&f, "2001:db8::"), 1300);
    assert_int_equal(find(&f, "2001:db8::1"), 1500);
    assert_int_equal(find(&f, "2001:db8::2"), 1300);
    stop(&f);
}

static void link_bounds_every_estimate(void **state)
{
    (void)state;
    struct mtu_fixture f;
    start(&f, 9000);
    lower(&f, "2001:db8::1", 4000);
    uint32_t generation = f.cache.generation;
    mn_path_mtus_set_link(&f.cache, 9000, 9000);
    assert_int_equal(f.cache.generation, generation);
    mn_path_mtus_set_link(&f.cache, 1500, 1500);
    assert_int_not_equal(f.cache.generation, generation);
    assert_int_equal(find(&f, "2001:db8::1"), 1500);
    assert_int_equal(find(&f, "2001:db8::2"), 1500);
    mn_path_mtus_set_link(&f.cache, 9000, 9000);
    assert_int_equal(find(&f, "2001:db8::1"), 4000);
    stop(&f);
}

/* PMTU-5.2-4: every change of an estimate is a new generation, and a look-up is none */
static void generation_follows_every_change(void **state)
{
    (void)state;
    struct mtu_fixture f;
    start(&f, 1500);
    uint32_t generation = f.cache.generation;
    find(&f, "2001:db8::1");
    assert_int_equal(f.cache.generation, generation);
    lower(&f, "2001:db8::1", 1400);
    assert_int_not_equal(f.cache.generation, generation);
    generation = f.cache.generation;
    find(&f, "2001:db8::1");
    assert_int_equal(f.cache.generation, generation);
    mn_path_mtus_clear(&f.cache);
    assert_int_not_equal(f.cache.generation, generation);
    stop(&f);
}

static void no_memory_changes_nothing(void **state)
{
    (void)state;
    struct mtu_fixture f;
    start(&f, 1500);
    f.cache.pool.limit = 1;
    assert_int_equal(lower(&f, "2001:db8::1", 1400), MN_PATH_MTU_LOWERED);
    assert_int_equal(lower(&f, "2001:db8::2", 1400), MN_PATH_MTU_UNKNOWN);
    assert_int_equal(find(&f, "2001:db8::1"), 1400);
    assert_int_equal(find(&f, "2001:db8::2"), 1500);
    stop(&f);
}

/* Against a plain array: messages, look-ups and time at random. */
static void random_schedule_agrees_with_a_plain_model(void **state)
{
    (void)state;
    struct mtu_fixture f;
    start(&f, 1500);
    struct {
        uint16_t mtu;
        uint64_t until;
    } model[MAX] = {{0, 0}};
    uint64_t seed = 4;
    struct mnet_address to = address("2001:db8::");
    for (unsigned step = 0; step < 20000; step++) {
        unsigned at = (unsigned)test_random_below(&seed, MAX);
        to.bytes[15] = (uint8_t)at;
        if (test_random_below(&seed, 3) == 0) {
            uint32_t mtu = 1270 + (uint32_t)test_random_below(&seed, 240);
            mn_path_mtu_lower(&f.cache, to, mtu, f.now);
            if (mtu >= 1280 && mtu < 1500) {
                model[at].mtu = model[at].until > f.now ? (uint16_t)MN_MIN(mtu, model[at].mtu) : (uint16_t)mtu;
                model[at].until = f.now + MN_PATH_MTU_AGE_NS;
            }
        }
        assert_int_equal(mn_path_mtu_find(&f.cache, to), model[at].until > f.now ? model[at].mtu : 1500);
        pass(&f, test_random_below(&seed, 200) * MNET_SECOND);
    }
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lowered_is_of_one_destination),
        cmocka_unit_test(ipv6_below_1280_is_refused),
        cmocka_unit_test(ipv4_below_576_counts_as_576),
        cmocka_unit_test(message_never_raises),
        cmocka_unit_test(estimate_ends_after_ten_minutes),
        cmocka_unit_test(message_without_effect_restarts_the_ten_minutes),
        cmocka_unit_test(estimate_without_age_stays),
        cmocka_unit_test(group_has_the_smallest_of_all_its_paths),
        cmocka_unit_test(full_table_loses_the_entry_unused_longest),
        cmocka_unit_test(link_bounds_every_estimate),
        cmocka_unit_test(generation_follows_every_change),
        cmocka_unit_test(no_memory_changes_nothing),
        cmocka_unit_test(random_schedule_agrees_with_a_plain_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
