/* The timing wheel: rounding, order, deadlines, and a model that does the same with a sorted
 * array. */
#include "unit/support.h"

#include "base/wheel.h"

static struct mn_timer *expire(struct mn_wheel *wheel, uint64_t now_ns)
{
    return mn_wheel_expire(wheel, now_ns);
}

static void empty_wheel_never_wakes(void **state)
{
    (void)state;
    struct mn_wheel wheel;
    mn_wheel_init(&wheel, 123456789);
    assert_true(mn_wheel_deadline(&wheel) == MNET_NEVER);
    assert_null(expire(&wheel, 1));
    assert_null(expire(&wheel, UINT64_MAX - 1));
    assert_true(mn_wheel_deadline(&wheel) == MNET_NEVER);
}

static void armed_fires_at_the_next_whole_microsecond(void **state)
{
    (void)state;
    for (uint64_t at = 5000; at <= 7001; at++) {
        struct mn_wheel wheel;
        struct mn_timer timer = {.kind = 7};
        mn_wheel_init(&wheel, 0);
        mn_wheel_arm(&wheel, &timer, at);
        uint64_t due = (at + 999) / 1000 * 1000;
        assert_true(mn_wheel_deadline(&wheel) == due);
        assert_null(expire(&wheel, due - 1));
        assert_true(mn_timer_armed(&timer));
        assert_ptr_equal(expire(&wheel, due), &timer);
        assert_false(mn_timer_armed(&timer));
        assert_true(timer.at_ns == at);
        assert_int_equal(timer.kind, 7);
        assert_null(expire(&wheel, due));
        assert_int_equal(wheel.armed, 0);
    }
}

static void armed_in_the_past_fires_at_once(void **state)
{
    (void)state;
    struct mn_wheel wheel;
    struct mn_timer timer = {0};
    mn_wheel_init(&wheel, 50 * MNET_SECOND);
    mn_wheel_arm(&wheel, &timer, 3);
    assert_true(mn_wheel_deadline(&wheel) <= 50 * MNET_SECOND);
    assert_ptr_equal(expire(&wheel, 50 * MNET_SECOND), &timer);
    assert_null(expire(&wheel, 50 * MNET_SECOND));
}

static void armed_with_never_is_cancelled(void **state)
{
    (void)state;
    struct mn_wheel wheel;
    struct mn_timer timer = {0};
    mn_wheel_init(&wheel, 0);
    mn_wheel_arm(&wheel, &timer, 4000);
    mn_wheel_arm(&wheel, &timer, MNET_NEVER);
    assert_false(mn_timer_armed(&timer));
    assert_true(mn_wheel_deadline(&wheel) == MNET_NEVER);
    assert_null(expire(&wheel, MNET_SECOND));
}

static void cancelled_twice_is_harmless(void **state)
{
    (void)state;
    struct mn_wheel wheel;
    struct mn_timer timer = {0};
    mn_wheel_init(&wheel, 0);
    mn_wheel_cancel(&wheel, &timer);
    mn_wheel_arm(&wheel, &timer, 4000);
    mn_wheel_cancel(&wheel, &timer);
    mn_wheel_cancel(&wheel, &timer);
    assert_int_equal(wheel.armed, 0);
    assert_null(expire(&wheel, MNET_SECOND));
}

static void expired_and_not_yet_taken_can_be_cancelled(void **state)
{
    (void)state;
    struct mn_wheel wheel;
    struct mn_timer a = {0}, b = {0}, c = {0};
    mn_wheel_init(&wheel, 0);
    mn_wheel_arm(&wheel, &a, 4000);
    mn_wheel_arm(&wheel, &b, 4000);
    mn_wheel_arm(&wheel, &c, 4000);
    assert_ptr_equal(expire(&wheel, 9000), &a);
    mn_wheel_cancel(&wheel, &b);
    assert_ptr_equal(expire(&wheel, 9000), &c);
    assert_null(expire(&wheel, 9000));
}

static void same_microsecond_keeps_the_order_of_arming_across_levels(void **state)
{
    (void)state;
    struct mn_wheel wheel;
    struct mn_timer timers[8];
    memset(timers, 0, sizeof(timers));
    mn_wheel_init(&wheel, 0);
    const uint64_t at = 5 * MNET_SECOND;
    /* Each is armed from nearer, so from a lower level. */
    const uint64_t from[8] = {0, 2000000000, 4000000000, 4900000000, 4995000000, 4999900000, 4999990000, 4999999000};
    for (int i = 0; i < 8; i++) {
        assert_null(expire(&wheel, from[i]));
        mn_wheel_arm(&wheel, &timers[i], at - (uint64_t)i * 100);
    }
    for (int i = 0; i < 8; i++)
        assert_ptr_equal(expire(&wheel, at), &timers[i]);
    assert_null(expire(&wheel, at));
}

static void armed_again_goes_behind_its_equals(void **state)
{
    (void)state;
    struct mn_wheel wheel;
    struct mn_timer a = {0}, b = {0};
    mn_wheel_init(&wheel, 0);
    mn_wheel_arm(&wheel, &a, 70000);
    mn_wheel_arm(&wheel, &b, 70000);
    mn_wheel_arm(&wheel, &a, 70000);
    assert_ptr_equal(expire(&wheel, 70000), &b);
    assert_ptr_equal(expire(&wheel, 70000), &a);
}

static void armed_while_expiring_fires_in_the_same_pass(void **state)
{
    (void)state;
    struct mn_wheel wheel;
    struct mn_timer a = {0}, b = {0}, c = {0};
    mn_wheel_init(&wheel, 0);
    mn_wheel_arm(&wheel, &a, 10000);
    mn_wheel_arm(&wheel, &b, 30000);
    assert_ptr_equal(expire(&wheel, 40000), &a);
    mn_wheel_arm(&wheel, &c, 20000);
    mn_wheel_arm(&wheel, &a, 50000);
    assert_ptr_equal(expire(&wheel, 40000), &c);
    assert_ptr_equal(expire(&wheel, 40000), &b);
    assert_null(expire(&wheel, 40000));
    assert_true(mn_wheel_deadline(&wheel) == 50000);
}

/* A clock that goes back is ignored: due timers stay due. */
static void expiry_at_an_earlier_time_changes_nothing(void **state)
{
    (void)state;
    struct mn_wheel wheel;
    struct mn_timer timer = {0};
    mn_wheel_init(&wheel, 0);
    assert_null(expire(&wheel, 100 * MNET_MILLISECOND));
    assert_null(expire(&wheel, 50 * MNET_MILLISECOND));
    mn_wheel_arm(&wheel, &timer, 80 * MNET_MILLISECOND);
    assert_true(mn_wheel_deadline(&wheel) == 100 * MNET_MILLISECOND);
    assert_ptr_equal(expire(&wheel, 50 * MNET_MILLISECOND), &timer);
}

static void far_times_are_kept_exactly(void **state)
{
    (void)state;
    const uint64_t far[] = {UINT64_MAX - 1, UINT64_MAX / 2, UINT64_C(1) << 58, UINT64_C(400) * 86400 * MNET_SECOND};
    for (size_t i = 0; i < MN_COUNT_OF(far); i++) {
        struct mn_wheel wheel;
        struct mn_timer timer = {0};
        mn_wheel_init(&wheel, 1000000 * MNET_SECOND);
        mn_wheel_arm(&wheel, &timer, far[i]);
        assert_true(mn_wheel_deadline(&wheel) >= far[i]);
        assert_null(expire(&wheel, far[i] / 1000 * 1000 - 1));
        if (far[i] < UINT64_MAX - 1000) {
            uint64_t due = (far[i] + 999) / 1000 * 1000;
            assert_true(mn_wheel_deadline(&wheel) == due);
            assert_ptr_equal(expire(&wheel, due), &timer);
        }
    }
}

static void deadline_of_a_crowd_is_early_but_leads_there(void **state)
{
    (void)state;
    struct mn_wheel wheel;
    static struct mn_timer timers[1000];
    memset(timers, 0, sizeof(timers));
    mn_wheel_init(&wheel, 0);
    for (int i = 0; i < 1000; i++)
        mn_wheel_arm(&wheel, &timers[i], 200 * MNET_MILLISECOND + (uint64_t)i * 1000);
    uint64_t now = 0;
    int wakes = 0;
    while (expire(&wheel, now) == NULL) {
        uint64_t deadline = mn_wheel_deadline(&wheel);
        assert_true(deadline > now && deadline <= 200 * MNET_MILLISECOND);
        now = deadline;
        wakes++;
    }
    assert_true(now == 200 * MNET_MILLISECOND);
    assert_in_range(wakes, 1, MN_WHEEL_LEVELS);
}

/* ---- the model ---- */

enum {
    TIMERS = 200,
    STEPS = 60000,
};

struct wheel_model {
    uint64_t now_us;
    uint64_t tick[TIMERS];  /* as the wheel must see it; UINT64_MAX: not armed */
    uint64_t order[TIMERS]; /* of arming */
    uint64_t armings;
};

static void model_arm(struct wheel_model *model, int i, uint64_t at_ns)
{
    uint64_t tick = at_ns / 1000 + (at_ns % 1000 != 0);
    model->tick[i] = MN_MAX(tick, model->now_us);
    model->order[i] = model->armings++;
}

static int model_first(const struct wheel_model *model)
{
    int first = -1;
    for (int i = 0; i < TIMERS; i++) {
        if (model->tick[i] == UINT64_MAX)
            continue;
        if (first < 0 || model->tick[i] < model->tick[first] ||
            (model->tick[i] == model->tick[first] && model->order[i] < model->order[first]))
            first = i;
    }
    return first;
}

static int model_expire(struct wheel_model *model, uint64_t now_ns)
{
    int first = model_first(model);
    if (first >= 0 && model->tick[first] <= now_ns / 1000) {
        model->now_us = model->tick[first];
        model->tick[first] = UINT64_MAX;
        return first;
    }
    model->now_us = MN_MAX(model->now_us, now_ns / 1000);
    return -1;
}

/* Near and far, often equal, sometimes past. */
static uint64_t random_time(uint64_t *seed, uint64_t now)
{
    uint64_t spread = UINT64_C(1) << test_random_below(seed, 40);
    uint64_t at = now + test_random_below(seed, spread + 1);
    if (test_random_below(seed, 3) == 0)
        at = at / 1000000 * 1000000;
    return test_random_below(seed, 20) == 0 ? at / 2 : at;
}

static void compare_expiry(struct mn_wheel *wheel, struct wheel_model *model, struct mn_timer *timers, uint64_t now)
{
    for (;;) {
        struct mn_timer *timer = expire(wheel, now);
        int expected = model_expire(model, now);
        assert_int_equal(timer == NULL ? -1 : timer - timers, expected);
        if (timer == NULL)
            return;
        assert_false(mn_timer_armed(timer));
    }
}

static void compare_deadline(struct mn_wheel *wheel, const struct wheel_model *model)
{
    int first = model_first(model);
    uint64_t deadline = mn_wheel_deadline(wheel);
    if (first < 0) {
        assert_true(deadline == MNET_NEVER);
        return;
    }
    assert_true(deadline <= model->tick[first] * 1000);
    if (model->tick[first] / MN_WHEEL_SLOTS == wheel->now_us / MN_WHEEL_SLOTS)
        assert_true(deadline == model->tick[first] * 1000);
}

static void run_model(uint64_t seed, uint64_t start_ns)
{
    static struct mn_timer timers[TIMERS];
    static struct mn_wheel wheel;
    static struct wheel_model model;
    uint64_t now = start_ns;
    memset(timers, 0, sizeof(timers));
    memset(&model, 0xff, sizeof(model));
    model.now_us = now / 1000;
    model.armings = 0;
    mn_wheel_init(&wheel, now);
    for (int step = 0; step < STEPS; step++) {
        int i = (int)test_random_below(&seed, TIMERS);
        uint64_t what = test_random_below(&seed, 10);
        if (what < 6) {
            uint64_t at = random_time(&seed, now);
            mn_wheel_arm(&wheel, &timers[i], at);
            model_arm(&model, i, at);
        } else if (what < 8) {
            mn_wheel_cancel(&wheel, &timers[i]);
            model.tick[i] = UINT64_MAX;
        } else {
            uint64_t deadline = mn_wheel_deadline(&wheel);
            if (what == 8 && deadline != MNET_NEVER && deadline > now)
                now = deadline;
            else
                now += test_random_below(&seed, UINT64_C(1) << test_random_below(&seed, 34));
            compare_expiry(&wheel, &model, timers, now);
        }
        compare_deadline(&wheel, &model);
    }
    compare_expiry(&wheel, &model, timers, UINT64_MAX - 1);
    assert_int_equal(wheel.armed, 0);
    for (int level = 0; level < MN_WHEEL_LEVELS; level++)
        assert_true(wheel.occupied[level] == 0);
}

static void random_use_equals_a_sorted_list(void **state)
{
    (void)state;
    run_model(11, 0);
    run_model(12, 1234567);
    /* Crosses a boundary of many digits at once. */
    run_model(13, (UINT64_C(1) << 48) * 1000 - 5000000000);
    run_model(14, 1790000000 * MNET_SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_wheel_never_wakes),
        cmocka_unit_test(armed_fires_at_the_next_whole_microsecond),
        cmocka_unit_test(armed_in_the_past_fires_at_once),
        cmocka_unit_test(armed_with_never_is_cancelled),
        cmocka_unit_test(cancelled_twice_is_harmless),
        cmocka_unit_test(expired_and_not_yet_taken_can_be_cancelled),
        cmocka_unit_test(same_microsecond_keeps_the_order_of_arming_across_levels),
        cmocka_unit_test(armed_again_goes_behind_its_equals),
        cmocka_unit_test(armed_while_expiring_fires_in_the_same_pass),
        cmocka_unit_test(expiry_at_an_earlier_time_changes_nothing),
        cmocka_unit_test(far_times_are_kept_exactly),
        cmocka_unit_test(deadline_of_a_crowd_is_early_but_leads_there),
        cmocka_unit_test(random_use_equals_a_sorted_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
