/* HyStart++ (RFC 9406), the module alone: round trips go in, growth comes out. */
#include "tcp/congestion/hystart.h"
#include "tests/tcp/harness.h"

#define SEGMENT 1000u

/* A slow start that the test drives: each round acknowledges a window, segment by segment, with one
 * round trip for all. */
struct slow_start {
    struct mn_hystart h;
    uint32_t una, nxt, cwnd;
    bool over;
};

static struct slow_start begin(uint32_t segments)
{
    struct slow_start s = {.cwnd = segments * SEGMENT, .una = 1, .nxt = 1 + segments * SEGMENT};
    mn_hystart_init(&s.h);
    return s;
}

/* Acknowledges `segments` segments. Each acknowledgement sends as many new ones as cwnd allows
 * then. */
static void acknowledge(struct slow_start *s, uint32_t segments, uint64_t rtt_us)
{
    for (uint32_t i = 0; i < segments && !s->over; i++) {
        s->una += SEGMENT;
        s->cwnd += mn_hystart_acked(&s->h, SEGMENT, rtt_us * 1000, s->una, s->nxt, &s->over);
        s->nxt = s->una + s->cwnd;
    }
}

static void round_of(struct slow_start *s, uint64_t rtt_us)
{
    acknowledge(s, (s->nxt - s->una) / SEGMENT, rtt_us);
}

/* 4.2: "cwnd += min(N, L * SMSS)", L infinite: standard slow start doubles. */
SCRIPT(slow_start_steady_round_trips_double_the_window)
{
    struct slow_start s = begin(16);
    for (int i = 0; i < 6; i++) {
        uint32_t before = s.cwnd;
        round_of(&s, 50000);
        assert_int_equal(s.cwnd, 2 * before);
    }
    assert_false(s.h.css || s.over);
}

/* 4.2: "if (currentRoundMinRTT >= (lastRoundMinRTT + RttThresh)) ... exit slow start and enter
 * CSS"; in CSS "cwnd += (min(N, L * SMSS) / CSS_GROWTH_DIVISOR)", 4. RttThresh for 50 ms is 6.25
 * ms. */
SCRIPT(slow_start_longer_round_trips_enter_css)
{
    struct slow_start s = begin(16);
    round_of(&s, 50000);
    round_of(&s, 56240);
    assert_false(s.h.css);
    struct slow_start t = begin(16);
    round_of(&t, 50000);
    round_of(&t, 56250);
    assert_true(t.h.css);
    uint32_t before = t.cwnd;
    acknowledge(&t, 8, 56250);
    assert_int_equal(t.cwnd, before + 8 * SEGMENT / 4);
    assert_false(t.over);
}

/* 4.2: "for rounds where at least N_RTT_SAMPLE RTT samples have been obtained": seven are not
 * enough. */
SCRIPT(slow_start_seven_samples_decide_nothing)
{
    struct slow_start s = begin(64);
    round_of(&s, 50000);
    acknowledge(&s, 7, 90000);
    assert_false(s.h.css);
    acknowledge(&s, 1, 90000);
    assert_true(s.h.css);
}

/* 4.2: the smallest sample of a round counts: a few slow ones among fast ones are no congestion. */
SCRIPT(slow_start_the_shortest_round_trip_of_a_round_counts)
{
    struct slow_start s = begin(64);
    round_of(&s, 50000);
    acknowledge(&s, 1, 50100);
    acknowledge(&s, 60, 90000);
    assert_false(s.h.css);
}

/* 4.3: MIN_RTT_THRESH = 4 ms, MAX_RTT_THRESH = 16 ms. */
SCRIPT(slow_start_thresholds_are_four_and_sixteen_milliseconds)
{
    static const struct {
        uint64_t first_us, second_us;
        bool css;
    } cases[] = {{100, 4099, false}, {100, 4100, true}, {400000, 415999, false}, {400000, 416000, true}};
    for (unsigned i = 0; i < MN_COUNT_OF(cases); i++) {
        struct slow_start s = begin(16);
        round_of(&s, cases[i].first_us);
        acknowledge(&s, 8, cases[i].second_us);
        assert_int_equal(s.h.css, cases[i].css);
    }
}

/* 4.2: "if (currentRoundMinRTT < cssBaselineMinRtt) cssBaselineMinRtt = infinity, resume slow
 * start". */
SCRIPT(css_shorter_round_trips_resume_slow_start)
{
    struct slow_start s = begin(16);
    round_of(&s, 50000);
    round_of(&s, 60000);
    assert_true(s.h.css);
    round_of(&s, 60000);
    assert_true(s.h.css);
    acknowledge(&s, 8, 59000);
    assert_false(s.h.css);
    uint32_t before = s.cwnd;
    acknowledge(&s, 4, 59000);
    assert_int_equal(s.cwnd, before + 4 * SEGMENT);
}

/* 4.2: "CSS lasts at most CSS_ROUNDS rounds. If the transition into CSS happens in the middle of a
 * round, that partial round counts towards the limit": five. */
SCRIPT(css_ends_after_five_rounds)
{
    struct slow_start s = begin(16);
    round_of(&s, 50000);
    round_of(&s, 60000); /* the partial one */
    assert_true(s.h.css);
    for (int i = 0; i < 4; i++) {
        assert_false(s.over);
        round_of(&s, 60000);
    }
    assert_true(s.over);
}

/* Acknowledgements without a sample grow the window and decide nothing. */
SCRIPT(slow_start_without_samples_is_standard)
{
    struct slow_start s = begin(16);
    for (int i = 0; i < 5; i++) {
        uint32_t before = s.cwnd;
        round_of(&s, 0);
        assert_int_equal(s.cwnd, 2 * before);
    }
}

/* Sequence numbers wrap within a round. */
SCRIPT(slow_start_rounds_survive_the_wrap)
{
    struct slow_start s = begin(16);
    s.una = UINT32_MAX - 8 * SEGMENT;
    s.nxt = s.una + s.cwnd;
    round_of(&s, 50000);
    round_of(&s, 50000);
    assert_false(s.h.css);
    round_of(&s, 70000);
    acknowledge(&s, 8, 70000);
    assert_true(s.h.css);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_start_steady_round_trips_double_the_window),
        cmocka_unit_test(slow_start_longer_round_trips_enter_css),
        cmocka_unit_test(slow_start_seven_samples_decide_nothing),
        cmocka_unit_test(slow_start_the_shortest_round_trip_of_a_round_counts),
        cmocka_unit_test(slow_start_thresholds_are_four_and_sixteen_milliseconds),
        cmocka_unit_test(css_shorter_round_trips_resume_slow_start),
        cmocka_unit_test(css_ends_after_five_rounds),
        cmocka_unit_test(slow_start_without_samples_is_standard),
        cmocka_unit_test(slow_start_rounds_survive_the_wrap),
    };
    return run_scripts("tcp_hystart", tests);
}
