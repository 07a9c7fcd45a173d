/* The rate-based congestion control: its model, its modes and its gains, on a path that the test
 * simulates, and then in a connection. */
#include "tests/tcp/harness.h"

#include "tcp/pacing.h"

#define BANDWIDTH 12500000u /* bytes a second: 100 Mbit/s */
#define RTT (40 * MNET_MILLISECOND)
#define PRODUCT 500000u
#define GAIN(x) ((uint32_t)((x)*256))

/* A path of BANDWIDTH and RTT with an unlimited queue. Each piece of a window gives a sample. */
struct path {
    struct mn_congestion c;
    struct mn_bbr model;
    uint64_t now;
    uint64_t delivered;
    uint64_t rtt_ns;
    uint32_t una;
    bool limited;
};

static void begin(struct path *p)
{
    *p = (struct path){.now = 1000 * MNET_SECOND, .rtt_ns = RTT, .una = 1};
    mn_congestion_init(&p->c, &mn_congestion_bbr, MSS);
    p->c.ops->attach(&p->c, &p->model, p->now);
}

/* Delivers `bytes` at `rate`, from a flight of `flight`. */
static void deliver(struct path *p, uint32_t bytes, uint64_t rate, uint32_t flight)
{
    uint64_t interval = MN_MAX(bytes * MNET_SECOND / rate, p->rtt_ns), before = p->delivered;
    p->now += bytes * MNET_SECOND / rate;
    p->delivered += bytes;
    p->una += bytes;
    uint64_t sampled = rate * interval / MNET_SECOND;
    p->c.ops->acked(&p->c, &(struct mn_ack){.now = p->now,
                                            .srtt_ns = p->rtt_ns,
                                            .sample = {.rtt_ns = p->rtt_ns,
                                                       .delivered = sampled,
                                                       .interval_ns = interval,
                                                       .delivered_total = p->delivered,
                                                       .delivered_then = before > flight ? before - flight : 0,
                                                       .application_limited = p->limited},
                                            .acked = bytes,
                                            .flight = flight + bytes,
                                            .snd_una = p->una,
                                            .snd_nxt = p->una + flight});
}

/* A round trip at the rate that the window and the bandwidth allow. */
static void round_trip(struct path *p)
{
    uint64_t rate = MN_MIN((uint64_t)p->c.cwnd * MNET_SECOND / RTT, (uint64_t)BANDWIDTH);
    uint64_t until = p->now + RTT;
    uint32_t flight = MN_MIN(p->c.cwnd, 2 * PRODUCT);
    while (p->now < until)
        deliver(p, (uint32_t)(rate / 250), rate, flight); /* 4 ms */
}

/* Sends like a paced sender, with no more in flight than the bandwidth-delay product. */
static void steady(struct path *p, uint64_t ns)
{
    uint64_t until = p->now + ns;
    while (p->now < until)
        deliver(p, BANDWIDTH / 250, BANDWIDTH, PRODUCT);
}

static void probing(struct path *p)
{
    begin(p);
    for (int i = 0; i < 20; i++)
        round_trip(p);
    steady(p, 10 * RTT);
}

/* STARTUP doubles the window each round, and ends when three rounds have not increased the rate by
 * a quarter. DRAIN follows, and PROBE_BW when the queue is gone. */
SCRIPT(startup_finds_the_bandwidth)
{
    struct path p;
    begin(&p);
    assert_int_equal(p.model.pacing_gain, 739); /* 2/ln(2) */
    uint32_t before = p.c.cwnd;
    round_trip(&p);
    assert_in_range(p.c.cwnd, 2 * before - MSS, 2 * before + 3 * MSS);
    int rounds = 0;
    while (!p.model.full && ++rounds < 30)
        round_trip(&p);
    assert_in_range(rounds, 5, 12);
    uint64_t bandwidth = MN_MAX(p.model.bw_now, p.model.bw_before);
    assert_in_range(bandwidth, BANDWIDTH * 0.99, BANDWIDTH * 1.01);
    assert_int_equal(p.model.min_rtt_ns, RTT);
    assert_true(p.c.ops->pacing_rate(&p.c) < BANDWIDTH / 2); /* DRAIN */
    steady(&p, RTT);
    assert_true(p.c.ops->pacing_rate(&p.c) >= BANDWIDTH / 4 * 3);
}

/* PROBE_BW: eight phases of a round trip each, with gains of 5/4, 3/4 and six times 1. The window
 * is twice the product and a few bursts. */
SCRIPT(probing_cycles_through_its_gains)
{
    struct path p;
    probing(&p);
    while (p.model.phase != 0)
        deliver(&p, BANDWIDTH / 250, BANDWIDTH, PRODUCT);
    uint64_t since = p.now;
    assert_int_equal(p.model.pacing_gain, GAIN(1.25));
    for (int phase = 0; phase < 8; phase++) {
        uint32_t gain = phase == 0 ? GAIN(1.25) : phase == 1 ? GAIN(0.75) : GAIN(1);
        assert_int_equal(p.model.phase, phase);
        assert_int_equal(p.model.pacing_gain, gain);
        while (p.model.phase == phase)
            deliver(&p, BANDWIDTH / 250, BANDWIDTH,
                    phase == 0   ? PRODUCT * 5 / 4
                    : phase == 1 ? PRODUCT + MSS
                                 : PRODUCT);
    }
    assert_in_range(p.now - since, 8 * RTT, 9 * RTT);
    assert_in_range(p.c.cwnd, 2 * PRODUCT, 2 * PRODUCT + 4 * BANDWIDTH / 1000);
}

/* The bandwidth is the largest rate of the last five to ten rounds. A path that becomes slower
 * shows after ten rounds, and one that becomes faster at once. */
SCRIPT(bandwidth_is_the_largest_of_ten_rounds)
{
    struct path p;
    probing(&p);
    for (int i = 0; i < 4; i++)
        deliver(&p, PRODUCT / 2, BANDWIDTH / 2, PRODUCT / 4);
    assert_true(MN_MAX(p.model.bw_now, p.model.bw_before) > BANDWIDTH * 0.98);
    for (int i = 0; i < 30; i++)
        deliver(&p, PRODUCT / 2, BANDWIDTH / 2, PRODUCT / 4);
    assert_in_range(MN_MAX(p.model.bw_now, p.model.bw_before), BANDWIDTH * 0.48, BANDWIDTH * 0.52);
    deliver(&p, PRODUCT, BANDWIDTH, PRODUCT / 4);
    assert_true(MN_MAX(p.model.bw_now, p.model.bw_before) > BANDWIDTH * 0.98);
}

/* A sample that is application-limited does not show that the path is slow. */
SCRIPT(application_limited_samples_do_not_count_down)
{
    struct path p;
    probing(&p);
    p.limited = true;
    for (int i = 0; i < 4; i++)
        deliver(&p, MSS, BANDWIDTH / 100, MSS);
    assert_true(MN_MAX(p.model.bw_now, p.model.bw_before) > BANDWIDTH * 0.98);
    begin(&p); /* nor that STARTUP is over */
    p.limited = true;
    for (int i = 0; i < 20; i++)
        deliver(&p, MSS, BANDWIDTH / 10, MSS);
    assert_false(p.model.full);
}

/* PROBE_RTT: ten seconds after the smallest round trip was last seen, four segments are in flight
 * for 200 ms. Then everything is as before. */
SCRIPT(probing_looks_for_the_round_trip_again)
{
    struct path p;
    probing(&p);
    uint32_t cwnd = p.c.cwnd;
    p.rtt_ns = RTT + MNET_MILLISECOND; /* a standing queue */
    uint64_t since = p.now;
    while (p.c.cwnd > 4 * MSS) {
        steady(&p, RTT);
        assert_true(p.now - since < 11 * MNET_SECOND);
    }
    assert_true(p.now - since > 9 * MNET_SECOND);
    since = p.now;
    p.rtt_ns = RTT;
    while (p.c.cwnd == 4 * MSS) {
        deliver(&p, MSS, 4 * MSS * (MNET_SECOND / RTT), 4 * MSS);
        assert_true(p.now - since < MNET_SECOND);
    }
    assert_in_range(p.now - since, 190 * MNET_MILLISECOND, 250 * MNET_MILLISECOND);
    assert_true(p.c.cwnd >= cwnd * 9 / 10);
    assert_int_equal(p.model.min_rtt_ns, RTT);
}

/* A loss reduces the window to 0.7, but not below the product, and a mark to 0.85. Delivered data
 * lets it grow back. A loss ends STARTUP. */
SCRIPT(losses_are_not_ignored)
{
    struct path p;
    probing(&p);
    uint32_t cwnd = p.c.cwnd;
    p.c.ops->lost(&p.c, cwnd, p.now);
    assert_in_range(p.c.cwnd, cwnd * 0.69, cwnd * 0.71);
    p.c.ops->undo(&p.c);
    assert_int_equal(p.c.cwnd, cwnd);
    p.c.ops->marked(&p.c, cwnd, p.now);
    assert_in_range(p.c.cwnd, cwnd * 0.84, cwnd * 0.86);
    for (int i = 0; i < 5; i++)
        p.c.ops->lost(&p.c, cwnd, p.now);
    assert_in_range(p.c.cwnd, PRODUCT * 0.98, PRODUCT * 1.02);
    steady(&p, 3 * RTT);
    assert_true(p.c.cwnd > cwnd * 9 / 10);
    p.c.ops->timed_out(&p.c, cwnd, true, p.now);
    assert_int_equal(p.c.cwnd, MSS);
    steady(&p, 4 * RTT);
    assert_true(p.c.cwnd > cwnd * 9 / 10);
    begin(&p);
    round_trip(&p);
    p.c.ops->lost(&p.c, p.c.cwnd, p.now);
    assert_true(p.model.full);
}

/* --- In a connection --- */

/* The memory of the model is allocated with the first data, and freed with the connection. Without
 * memory the initial window has to do. */
SCRIPT(established_model_comes_and_goes)
{
    struct tcp_test t;
    tcp_established(&t, .congestion = MNET_CONGESTION_BBR, .rtt_ms = 40);
    assert_string_equal(mn_tcp_congestion(t.tcb), "bbr");
    assert_null(t.tcb->flight.rate);
    write_bytes(&t, 40 * MSS);
    assert_int_equal(drain(&t, NULL), 10);
    assert_non_null(t.tcb->flight.congestion.bbr);
    wait_ms(&t, 40);
    send_(&t, .seq = 1, .ack = 1 + 10 * MSS, .flags = ACK);
    assert_true(t.tcb->flight.congestion.cwnd >= 20 * MSS);
    assert_true(mn_pacing_rate(t.tcb) > 0);
    wait_ms(&t, 40);
    drain(&t, NULL);
    abort_(&t);
    assert_int_equal(t.tcp->rates.in_use, 0);
    tcp_end(&t);
    tcp_established(&t, .congestion = MNET_CONGESTION_BBR, .rtt_ms = 40);
    t.tcp->rates.limit = 0;
    write_bytes(&t, 40 * MSS);
    assert_int_equal(drain(&t, NULL), 10);
    send_(&t, .seq = 1, .ack = 1 + 10 * MSS, .flags = ACK);
    assert_int_equal(drain(&t, NULL), 10);
    for (int i = 0; i < 3; i++)
        send_(&t, .seq = 1, .ack = 1 + 10 * MSS, .flags = ACK);
    wait_ms(&t, 1000);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1 + 20 * MSS, .flags = ACK);
    assert_true(drain(&t, NULL) > 0);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(startup_finds_the_bandwidth),
        cmocka_unit_test(probing_cycles_through_its_gains),
        cmocka_unit_test(bandwidth_is_the_largest_of_ten_rounds),
        cmocka_unit_test(application_limited_samples_do_not_count_down),
        cmocka_unit_test(probing_looks_for_the_round_trip_again),
        cmocka_unit_test(losses_are_not_ignored),
        cmocka_unit_test(established_model_comes_and_goes),
    };
    return run_scripts("tcp_bbr", tests);
}
