/* CUBIC (RFC 9438): the module alone on an ideal path, compared with the formulas of the RFC in
 * floating point, and then in a connection. */
#include <math.h>

#include "base/cube_root.h"
#include "tests/tcp/harness.h"

#define CUBIC_C 0.4
#define CUBIC_BETA 0.7
#define START_NS (1000 * MNET_SECOND)

/* An ideal path: every round trip acknowledges a window, in `MSS` pieces spread over the round
 * trip. The window is the limit. */
struct cubic_path {
    struct mn_congestion c;
    uint64_t now, rtt_ns;
    uint32_t una;
};

static struct cubic_path begin(const struct mn_congestion_ops *ops, uint64_t rtt_ns)
{
    struct cubic_path p = {.now = START_NS, .rtt_ns = rtt_ns, .una = 1};
    mn_congestion_init(&p.c, ops, MSS);
    return p;
}

static void acknowledge(struct cubic_path *p, uint32_t bytes, bool limited)
{
    uint32_t cwnd = p->c.cwnd;
    p->una += bytes;
    p->c.ops->acked(&p->c, &(struct mn_ack){.now = p->now,
                                            .srtt_ns = p->rtt_ns,
                                            .sample = {.rtt_ns = p->rtt_ns},
                                            .acked = bytes,
                                            .flight = cwnd,
                                            .snd_una = p->una,
                                            .snd_nxt = p->una + cwnd,
                                            .limited = limited});
}

/* One round trip. */
static void round_trip(struct cubic_path *p, bool limited)
{
    uint32_t pieces = (p->c.cwnd + MSS - 1) / MSS;
    for (uint32_t i = 0; i < pieces; i++) {
        p->now += p->rtt_ns / pieces;
        acknowledge(p, MSS, limited);
    }
}

/* Loses a segment with the whole window in flight, and recovers at once. */
static void lose(struct cubic_path *p)
{
    p->c.ops->lost(&p->c, p->c.cwnd, p->now);
    p->c.cwnd = p->c.ssthresh;
}

/* Returns a path in congestion avoidance just below a W_max of `segments`. */
static struct cubic_path reduced_from(uint32_t segments, uint64_t rtt_ns)
{
    struct cubic_path p = begin(&mn_congestion_cubic, rtt_ns);
    p.c.cwnd = segments * MSS;
    lose(&p);
    return p;
}

static void assert_near(double is, double wanted, double relative)
{
    if (fabs(is - wanted) > relative * wanted)
        fail_msg("%f is not within %f %% of %f", is, 100 * relative, wanted);
}

/* Exact for all roots: the cube of the root is not larger than the number, and the cube of the next
 * one is. */
SCRIPT(cube_root_is_exact)
{
    for (uint32_t r = 0; r <= 2642245; r += r < 3000 ? 1 : 997) {
        uint64_t cube = (uint64_t)r * r * r;
        assert_int_equal(mn_cube_root(cube), r);
        if (r > 0)
            assert_int_equal(mn_cube_root(cube - 1), r - 1);
    }
    assert_int_equal(mn_cube_root(UINT64_MAX), 2642245);
}

/* 4.6: "ssthresh = flight_size * beta_cubic", 0.7, and not below two segments. */
SCRIPT(loss_reduces_to_seven_tenths)
{
    struct cubic_path p = reduced_from(1000, 100 * MNET_MILLISECOND);
    assert_near(p.c.ssthresh, 700.0 * MSS, 1e-6);
    p.c.ops->lost(&p.c, 2 * MSS, p.now);
    assert_int_equal(p.c.ssthresh, 2 * MSS);
}

/* 4.7: without fast convergence W_max is the window at the loss. With it, if windows get smaller,
 * W_max = cwnd * (1 + beta) / 2. */
SCRIPT(second_loss_below_w_max_releases_bandwidth)
{
    struct cubic_path p = reduced_from(1000, 100 * MNET_MILLISECOND);
    assert_int_equal(p.c.cubic.epoch.w_max, 1000 * MSS);
    lose(&p); /* at 700 */
    assert_near(p.c.cubic.epoch.w_max, 700.0 * MSS * (1 + CUBIC_BETA) / 2, 1e-6);
    struct cubic_path q = reduced_from(1000, 100 * MNET_MILLISECOND);
    q.c.cwnd = 1200 * MSS;
    lose(&q);
    assert_int_equal(q.c.cubic.epoch.w_max, 1200 * MSS);
}

/* 4.2, figure 2: K = cubic_root((W_max - cwnd_epoch) / C), here in milliseconds. */
SCRIPT(epoch_k_is_the_cubic_root)
{
    static const uint32_t windows[] = {10, 100, 1000, 10000, 100000};
    for (unsigned i = 0; i < MN_COUNT_OF(windows); i++) {
        struct cubic_path p = reduced_from(windows[i], 100 * MNET_MILLISECOND);
        acknowledge(&p, MSS, true);
        double k = cbrt((1 - CUBIC_BETA) * windows[i] / CUBIC_C);
        assert_true(fabs(p.c.cubic.epoch.k_ms - 1000 * k) <= 2);
    }
}

/* 4.2, 4.4, 4.5: on a long, fat path the window follows W_cubic(t), concave up to W_max and convex
 * beyond. Each acknowledgement aims at the curve a round trip later, so the window lies between the
 * curve now and then. */
SCRIPT(window_follows_the_curve)
{
    const double w_max = 10000, rtt = 0.1;
    struct cubic_path p = reduced_from((uint32_t)w_max, 100 * MNET_MILLISECOND);
    double k = cbrt((1 - CUBIC_BETA) * w_max / CUBIC_C);
    uint64_t epoch = p.now;
    while (p.now - epoch < 30 * MNET_SECOND) {
        round_trip(&p, true);
        double t = (double)(p.now - epoch) / 1e9;
        double now = CUBIC_C * pow(t - k, 3) + w_max, then = CUBIC_C * pow(t + rtt - k, 3) + w_max;
        double window = (double)p.c.cwnd / MSS;
        assert_true(window >= 0.997 * now - 1 && window <= 1.003 * then + 1);
    }
    assert_true(p.c.cwnd > w_max * MSS);
}

/* 4.3: with short round trips W_est is larger than the curve, and is the window. It grows like Reno
 * with alpha = 3 * (1 - beta) / (1 + beta), and from cwnd_prior on by a segment each round trip. */
SCRIPT(short_round_trips_are_as_fast_as_reno)
{
    struct cubic_path p = reduced_from(100, MNET_MILLISECOND);
    int rounds = 0;
    while (p.c.cwnd < 100 * MSS) {
        round_trip(&p, true);
        rounds++;
    }
    assert_in_range(rounds, 50, 60); /* 30 segments at 9/17 each round: 56.7 */
    for (int i = 0; i < 20; i++)
        round_trip(&p, true);
    assert_near(p.c.cwnd / (double)MSS, 120, 0.02);
}

/* 4.4: "target ... 1.5 * cwnd": the window grows by at most half in a round trip. */
SCRIPT(growth_is_at_most_half_a_window_a_round_trip)
{
    struct cubic_path p = reduced_from(100, 2 * MNET_SECOND);
    for (int i = 0; i < 30; i++) {
        uint32_t before = p.c.cwnd;
        round_trip(&p, true);
        /* The target moves during the round trip. */
        assert_true(p.c.cwnd <= before + before / 2 + before / 4);
    }
    assert_true(p.c.cwnd > 10000 * MSS);
}

/* 4.8: after a timeout cwnd is one segment, and the next congestion avoidance begins with K = 0 and
 * W_max = cwnd. */
SCRIPT(timeout_begins_a_new_curve)
{
    struct cubic_path p = reduced_from(1000, 100 * MNET_MILLISECOND);
    round_trip(&p, true);
    uint32_t flight = p.c.cwnd;
    p.c.ops->timed_out(&p.c, flight, true, p.now);
    assert_int_equal(p.c.cwnd, MSS);
    assert_near(p.c.ssthresh, CUBIC_BETA * flight, 1e-3);
    uint32_t ssthresh = p.c.ssthresh;
    p.c.ops->timed_out(&p.c, MSS, false, p.now);
    assert_int_equal(p.c.ssthresh, ssthresh);
    while (p.c.cwnd < ssthresh)
        round_trip(&p, true);
    acknowledge(&p, MSS, true);
    assert_int_equal(p.c.cubic.epoch.k_ms, 0);
    assert_near(p.c.cubic.epoch.w_max, ssthresh, 0.01);
}

/* 4.9.2: a wrong reduction is undone: cwnd, ssthresh, W_max, K and the epoch. */
SCRIPT(undo_restores_everything)
{
    struct cubic_path p = reduced_from(1000, 100 * MNET_MILLISECOND);
    for (int i = 0; i < 10; i++)
        round_trip(&p, true);
    struct mn_congestion before = p.c;
    p.c.ops->lost(&p.c, p.c.cwnd, p.now);
    p.c.cwnd = p.c.ssthresh;
    p.c.ops->undo(&p.c);
    assert_int_equal(p.c.cwnd, before.cwnd);
    assert_int_equal(p.c.ssthresh, before.ssthresh);
    assert_memory_equal(&p.c.cubic.epoch, &before.cubic.epoch, sizeof before.cubic.epoch);
    p.c.ops->timed_out(&p.c, p.c.cwnd, true, p.now);
    p.c.ops->timed_out(&p.c, p.c.cwnd, false, p.now);
    p.c.ops->undo(&p.c);
    assert_int_equal(p.c.cwnd, before.cwnd);
    assert_memory_equal(&p.c.cubic.epoch, &before.cubic.epoch, sizeof before.cubic.epoch);
    /* The same for the first slow start, which goes on. */
    struct cubic_path q = begin(&mn_congestion_cubic, 50 * MNET_MILLISECOND);
    round_trip(&q, true);
    q.c.ops->lost(&q.c, q.c.cwnd, q.now);
    q.c.ops->undo(&q.c);
    assert_int_equal(q.c.ssthresh, MN_SSTHRESH_UNKNOWN);
    uint32_t window = q.c.cwnd;
    round_trip(&q, true);
    assert_int_equal(q.c.cwnd, 2 * window);
}

/* 4.10 and RFC 9406: HyStart++ ends the first slow start without a loss; congestion avoidance
 * begins with K = 0 and W_max = cwnd. */
SCRIPT(hystart_ends_the_first_slow_start)
{
    struct cubic_path p = begin(&mn_congestion_cubic, 50 * MNET_MILLISECOND);
    for (int i = 0; i < 4; i++)
        round_trip(&p, true);
    assert_int_equal(p.c.cwnd, 16 * mn_congestion_initial_window(MSS));
    p.rtt_ns = 80 * MNET_MILLISECOND;
    for (int i = 0; i < 7 && p.c.ssthresh == MN_SSTHRESH_UNKNOWN; i++)
        round_trip(&p, true);
    assert_true(p.c.ssthresh <= p.c.cwnd);
    assert_true(p.c.cwnd < 160 * mn_congestion_initial_window(MSS)); /* not 2^7 times 16 */
    acknowledge(&p, MSS, true);
    assert_int_equal(p.c.cubic.epoch.k_ms, 0);
}

/* RFC 5681 3.1, RFC 7661: a window that is not used does not grow. 5.8: t does not advance
 * either. */
SCRIPT(unused_window_does_not_grow)
{
    struct cubic_path p = reduced_from(1000, 100 * MNET_MILLISECOND);
    for (int i = 0; i < 5; i++)
        round_trip(&p, true);
    uint32_t window = p.c.cwnd;
    for (int i = 0; i < 200; i++)
        round_trip(&p, false);
    assert_int_equal(p.c.cwnd, window);
    struct cubic_path q = reduced_from(1000, 100 * MNET_MILLISECOND);
    for (int i = 0; i < 6; i++)
        round_trip(&q, true);
    round_trip(&p, true); /* the sixth, twenty seconds later */
    assert_near(p.c.cwnd, q.c.cwnd, 0.01);
}

/* RFC 8511 3.1: a mark reduces CUBIC's window to 0.85, at once. RFC 9438 4.7 applies to it, too. */
SCRIPT(mark_reduces_less_than_a_loss)
{
    struct cubic_path p = reduced_from(1000, 100 * MNET_MILLISECOND);
    uint32_t window = p.c.cwnd;
    p.c.ops->marked(&p.c, window, p.now);
    assert_near(p.c.cwnd, 0.85 * window, 1e-6);
    assert_int_equal(p.c.ssthresh, p.c.cwnd);
    struct cubic_path r = begin(&mn_congestion_reno, 100 * MNET_MILLISECOND);
    r.c.cwnd = 100 * MSS;
    r.c.ops->marked(&r.c, 100 * MSS, r.now);
    assert_int_equal(r.c.cwnd, 80 * MSS);
}

/* RFC 5681 4.1, RFC 7661 4.4.3: after idle time the window is at most the initial window, and slow
 * start leads up to three quarters of the old one. */
SCRIPT(restart_remembers_the_path)
{
    struct cubic_path p = reduced_from(1000, 100 * MNET_MILLISECOND);
    uint32_t window = p.c.cwnd;
    mn_congestion_restart(&p.c, p.now);
    assert_int_equal(p.c.cwnd, mn_congestion_initial_window(MSS));
    assert_in_range(p.c.ssthresh, window / 4 * 3, window);
    round_trip(&p, true);
    assert_int_equal(p.c.cwnd, 2 * mn_congestion_initial_window(MSS));
}

/* Every window from the smallest to the largest, with the smallest and the largest segment size:
 * nothing overflows or shrinks. */
SCRIPT(extremes_do_not_overflow)
{
    static const uint32_t sizes[] = {64, 65495};
    for (unsigned i = 0; i < MN_COUNT_OF(sizes); i++) {
        struct cubic_path p = begin(&mn_congestion_cubic, 10 * MNET_SECOND);
        mn_congestion_init(&p.c, &mn_congestion_cubic, sizes[i]);
        p.c.cwnd = MN_CWND_MAX;
        lose(&p);
        for (int step = 0; step < 2000; step++) {
            uint32_t before = p.c.cwnd;
            p.now += p.rtt_ns;
            acknowledge(&p, p.c.cwnd, true);
            assert_true(p.c.cwnd >= before && p.c.cwnd <= MN_CWND_MAX);
        }
        assert_int_equal(p.c.cwnd, MN_CWND_MAX);
    }
}

/* --- In a connection --- */

/* CUBIC is the default. A stack's configuration, a listener and an active open may choose
 * otherwise. */
SCRIPT(connection_has_the_controller_it_asked_for)
{
    static const struct {
        enum mnet_congestion stack, own;
        const char *name;
    } cases[] = {
        {MNET_CONGESTION_DEFAULT, MNET_CONGESTION_DEFAULT, "cubic"},
        {MNET_CONGESTION_RENO, MNET_CONGESTION_DEFAULT, "reno"},
        {MNET_CONGESTION_RENO, MNET_CONGESTION_CUBIC, "cubic"},
        {MNET_CONGESTION_CUBIC, MNET_CONGESTION_RENO, "reno"},
    };
    for (unsigned i = 0; i < MN_COUNT_OF(cases); i++) {
        struct tcp_test t;
        tcp_closed(&t, .congestion = cases[i].stack);
        struct mn_tcp_open open = {.local = t.local, .remote = t.remote, .congestion = cases[i].own};
        assert_int_equal(mn_tcp_open(t.tcp, &open, t.now, &t.tcb), 0);
        assert_string_equal(mn_tcp_congestion(t.tcb), cases[i].name);
        abort_(&t);
        struct mnet_listen_options options = {.congestion = cases[i].own};
        assert_int_equal(mn_tcp_listen(t.tcp, (struct mnet_endpoint){.port = LOCAL_PORT}, &options, &t.listener), 0);
        send_(&t, .seq = 0, .flags = SYN);
        t.iss_known = false;
        drain(&t, NULL);
        send_(&t, .seq = 1, .ack = 1, .flags = ACK);
        accept_(&t);
        assert_string_equal(mn_tcp_congestion(t.tcb), cases[i].name);
        tcp_end(&t);
    }
}

/* The whole path through a connection: a loss reduces the window to 0.7 of the data in flight. */
SCRIPT(established_third_duplicate_reduces_to_seven_tenths)
{
    struct tcp_test t;
    tcp_established(&t, .congestion = MNET_CONGESTION_CUBIC);
    write_bytes(&t, 10 * MSS);
    assert_int_equal(drain(&t, NULL), 10);
    for (int i = 0; i < 3; i++)
        send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    assert_int_equal(t.tcb->flight.congestion.ssthresh, 7 * MSS);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cube_root_is_exact),
        cmocka_unit_test(loss_reduces_to_seven_tenths),
        cmocka_unit_test(second_loss_below_w_max_releases_bandwidth),
        cmocka_unit_test(epoch_k_is_the_cubic_root),
        cmocka_unit_test(window_follows_the_curve),
        cmocka_unit_test(short_round_trips_are_as_fast_as_reno),
        cmocka_unit_test(growth_is_at_most_half_a_window_a_round_trip),
        cmocka_unit_test(timeout_begins_a_new_curve),
        cmocka_unit_test(undo_restores_everything),
        cmocka_unit_test(hystart_ends_the_first_slow_start),
        cmocka_unit_test(unused_window_does_not_grow),
        cmocka_unit_test(mark_reduces_less_than_a_loss),
        cmocka_unit_test(restart_remembers_the_path),
        cmocka_unit_test(extremes_do_not_overflow),
        cmocka_unit_test(connection_has_the_controller_it_asked_for),
        cmocka_unit_test(established_third_duplicate_reduces_to_seven_tenths),
    };
    return run_scripts("tcp_cubic", tests);
}
