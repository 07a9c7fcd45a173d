/* The times of Router Solicitations (RFC 4861 6.3.7, RFC 7559). */
#include "unit/support.h"

#include "ip/v6/solicit.h"

struct solicit_fixture {
    struct mn_random random;
    struct mn_solicit solicit;
    uint64_t now;
};

static void start(struct solicit_fixture *f, uint8_t seed, bool delayed)
{
    memset(f, 0, sizeof *f);
    const uint8_t seeds[MN_RANDOM_SEED] = {seed};
    mn_random_init(&f->random, seeds);
    f->now = 5 * MNET_SECOND;
    mn_solicit_start(&f->solicit, &f->random, delayed, f->now);
}

/* Goes on to the next solicitation and returns how long that took. */
static uint64_t next(struct solicit_fixture *f)
{
    uint64_t before = f->now;
    bool sent = false;
    for (unsigned i = 0; i < 2 && !sent; i++) { /* silence is an event, too */
        uint64_t at = mn_solicit_deadline(&f->solicit);
        assert_true(at != MNET_NEVER);
        if (at > f->now)
            assert_false(mn_solicit_expire(&f->solicit, &f->random, at - 1));
        f->now = at;
        sent = mn_solicit_expire(&f->solicit, &f->random, at);
    }
    assert_true(sent);
    return f->now - before;
}

/* ND-6.3.7-5 */
static void first_is_spread_over_a_second(void **state)
{
    (void)state;
    unsigned early = 0, late = 0;
    for (unsigned seed = 1; seed <= 100; seed++) {
        struct solicit_fixture f;
        start(&f, (uint8_t)seed, false);
        uint64_t delay = next(&f);
        assert_true(delay < MNET_SECOND);
        early += delay < MNET_SECOND / 4;
        late += delay > MNET_SECOND * 3 / 4;
    }
    assert_in_range(early, 10, 45);
    assert_in_range(late, 10, 45);
}

static void first_is_at_once_if_delayed_already(void **state)
{
    (void)state;
    struct solicit_fixture f;
    start(&f, 1, true);
    assert_int_equal(next(&f), 0);
}

/* RSB-2-1, RSB-2-2, RSB-2-3, RSB-3-1, N6-5.4-8 */
static void intervals_double_up_to_an_hour_and_go_on(void **state)
{
    (void)state;
    unsigned shorter = 0, longer = 0;
    for (unsigned seed = 1; seed <= 50; seed++) {
        struct solicit_fixture f;
        start(&f, (uint8_t)seed, true);
        next(&f);
        uint64_t rt = next(&f);
        assert_in_range(rt / MNET_MILLISECOND, 3600, 4400);
        for (unsigned i = 0; i < 30; i++) {
            uint64_t doubled = 2 * rt, spread = rt / 10, got = next(&f);
            uint64_t expected = MN_MIN(doubled, MN_SOLICIT_MRT_NS);
            bool surely_below = doubled + spread <= MN_SOLICIT_MRT_NS;
            bool surely_above = doubled - spread > MN_SOLICIT_MRT_NS;
            if (surely_below)
                assert_in_range(got, doubled - spread, doubled + spread);
            else if (surely_above)
                assert_in_range(got, MN_SOLICIT_MRT_NS * 9 / 10, MN_SOLICIT_MRT_NS * 11 / 10);
            else /* RAND decides which of the two rules holds */
                assert_in_range(got, MN_MIN(doubled - spread, MN_SOLICIT_MRT_NS * 9 / 10), MN_SOLICIT_MRT_NS * 11 / 10);
            shorter += got < expected;
            longer += got > expected;
            rt = got;
        }
        assert_in_range(rt / MNET_SECOND, 3240, 3960);
    }
    assert_true(shorter > 500 && longer > 500);
}

/* ND-6.3.7-1: three solicitations are at least the interval apart, but for the randomisation */
static void first_three_are_four_seconds_apart_or_more(void **state)
{
    (void)state;
    struct solicit_fixture f;
    start(&f, 3, false);
    next(&f);
    assert_true(next(&f) >= 3600 * MNET_MILLISECOND);
    assert_true(next(&f) >= 3600 * MNET_MILLISECOND);
}

/* ND-6.3.7-6, RSB-2.1-1 */
static void advertisement_ends_the_series_until_the_next(void **state)
{
    (void)state;
    struct solicit_fixture f;
    start(&f, 1, false);
    next(&f);
    mn_solicit_note_advertisement(&f.solicit, 1800);
    assert_true(mn_solicit_deadline(&f.solicit) == MNET_NEVER);
    assert_false(mn_solicit_expire(&f.solicit, &f.random, f.now + 7200 * MNET_SECOND));
    mn_solicit_start(&f.solicit, &f.random, false, f.now); /* ND-6.3.7-2: the link comes up again */
    next(&f);
    next(&f);
}

/* RSB-2.1-2, N6-5.4-9 */
static void advertisement_without_lifetime_does_not_end_the_series(void **state)
{
    (void)state;
    struct solicit_fixture f;
    start(&f, 1, false);
    next(&f);
    mn_solicit_note_advertisement(&f.solicit, 0);
    next(&f);
}

/* ND-6.3.7-7 */
static void early_advertisement_leaves_one_solicitation(void **state)
{
    (void)state;
    struct solicit_fixture f;
    start(&f, 1, false);
    mn_solicit_note_advertisement(&f.solicit, 1800);
    next(&f);
    assert_int_equal(f.solicit.sent, 1);
    assert_true(mn_solicit_deadline(&f.solicit) == MNET_NEVER);
}

/* ND-6.3.7-8 */
static void three_without_an_answer_tell_that_there_is_no_router(void **state)
{
    (void)state;
    struct solicit_fixture f;
    start(&f, 1, false);
    next(&f);
    next(&f);
    assert_false(mn_solicit_is_unanswered(&f.solicit, f.now + 100 * MNET_SECOND));
    next(&f);
    assert_false(mn_solicit_is_unanswered(&f.solicit, f.now + MNET_SECOND - 1));
    assert_true(mn_solicit_is_unanswered(&f.solicit, f.now + MNET_SECOND));
    assert_int_equal(mn_solicit_deadline(&f.solicit), f.now + MNET_SECOND);
    next(&f); /* and yet it goes on */
    assert_true(mn_solicit_is_unanswered(&f.solicit, f.now));
    mn_solicit_note_advertisement(&f.solicit, 30);
    assert_false(mn_solicit_is_unanswered(&f.solicit, f.now));
}

static void stopped_sends_nothing(void **state)
{
    (void)state;
    struct solicit_fixture f;
    start(&f, 1, false);
    mn_solicit_stop(&f.solicit);
    assert_true(mn_solicit_deadline(&f.solicit) == MNET_NEVER);
    assert_false(mn_solicit_expire(&f.solicit, &f.random, MNET_NEVER - 1));
    assert_false(mn_solicit_is_unanswered(&f.solicit, MNET_NEVER - 1));
    struct mn_solicit zeroed = {0};
    assert_true(mn_solicit_deadline(&zeroed) == MNET_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_is_spread_over_a_second),
        cmocka_unit_test(first_is_at_once_if_delayed_already),
        cmocka_unit_test(intervals_double_up_to_an_hour_and_go_on),
        cmocka_unit_test(first_three_are_four_seconds_apart_or_more),
        cmocka_unit_test(advertisement_ends_the_series_until_the_next),
        cmocka_unit_test(advertisement_without_lifetime_does_not_end_the_series),
        cmocka_unit_test(early_advertisement_leaves_one_solicitation),
        cmocka_unit_test(three_without_an_answer_tell_that_there_is_no_router),
        cmocka_unit_test(stopped_sends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
