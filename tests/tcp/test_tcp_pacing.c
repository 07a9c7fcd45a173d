/* Pacing: the times at which data within the window is sent. */
#include "tests/tcp/harness.h"

#include "tcp/pacing.h"
#include "tcp/timers.h"

#define RTT_MS 100u
#define RTT (RTT_MS * MNET_MILLISECOND)

/* Makes a connection with a round trip of RTT_MS and a window of `segments`, in congestion
 * avoidance. */
static void establish(struct tcp_test *t, uint32_t segments, uint32_t gso_max, unsigned rtt_ms)
{
    tcp_established(t, .rtt_ms = rtt_ms, .gso_max = gso_max, .shift = 10, .window = 65535, .send_buffer = 64u << 20);
    t->tcb->flight.congestion.cwnd = t->tcb->flight.congestion.ssthresh = segments * MSS;
    t->tcb->flight.last_sent_ns = t->now; /* not idle */
    send_(t, .seq = 1, .ack = 1, .flags = ACK, .window = 65535);
}

/* Packets sent, by the time. */
struct departures {
    unsigned packets;
    uint32_t bytes;
    uint64_t first, last;
    uint32_t burst;  /* the most bytes sent at one moment */
    unsigned bursts; /* the number of such moments */
};

static struct departures departures(struct tcp_test *t)
{
    struct departures d = {0};
    uint32_t burst = 0;
    uint64_t last = 0;
    for (const struct tcp_output *o; (o = peek_output(t)) != NULL;) {
        d.first = d.packets == 0 ? o->when : d.first;
        burst = d.packets > 0 && o->when == last ? burst + o->len : o->len;
        d.bursts += d.packets == 0 || o->when != last;
        d.burst = MN_MAX(d.burst, burst);
        d.last = last = o->when;
        d.packets++;
        d.bytes += o->len;
        expect(t, .seq = o->header.seq - t->iss, .ack = 1, .flags = ACK, .len = ANY);
    }
    return d;
}

/* 1.2 times the window over the round trip, in bursts of a millisecond: 1000 segments in 83 ms. */
SCRIPT(established_window_is_spread_over_the_round_trip)
{
    struct tcp_test t;
    establish(&t, 1000, 65000, RTT_MS);
    uint64_t begin = t.now;
    write_bytes(&t, 1000 * MSS);
    wait_ms(&t, RTT_MS);
    struct departures d = departures(&t);
    assert_int_equal(d.bytes, 1000 * MSS);
    assert_in_range(d.last - begin, RTT * 5 / 6 - 3 * MNET_MILLISECOND, RTT * 5 / 6 + MNET_MILLISECOND);
    /* 12 segments a millisecond; the initial window at first. */
    assert_in_range(d.burst, 10 * MSS, 13 * MSS);
    assert_in_range(d.bursts, 75, 90);
    assert_in_range(d.packets, 75, 92); /* a burst is one packet */
    tcp_end(&t);
}

/* In slow start the rate is twice the window over the round trip. */
SCRIPT(established_slow_start_is_paced_at_twice_the_window)
{
    struct tcp_test t;
    establish(&t, 1000, 65000, RTT_MS);
    t.tcb->flight.congestion.ssthresh = MN_SSTHRESH_UNKNOWN;
    uint64_t begin = t.now;
    write_bytes(&t, 1000 * MSS);
    wait_ms(&t, RTT_MS);
    struct departures d = departures(&t);
    assert_int_equal(d.bytes, 1000 * MSS);
    assert_in_range(d.last - begin, RTT / 2 - 3 * MNET_MILLISECOND, RTT / 2 + MNET_MILLISECOND);
    tcp_end(&t);
}

/* A burst has at least two segments: on a slow path one burst every few milliseconds. */
SCRIPT(established_burst_is_two_segments_at_least)
{
    struct tcp_test t;
    establish(&t, 40, 65000, RTT_MS); /* 480 segments a second */
    write_bytes(&t, 40 * MSS);
    wait_ms(&t, RTT_MS);
    struct departures d = departures(&t);
    assert_int_equal(d.bytes, 40 * MSS);
    assert_int_equal(d.burst, 10 * MSS); /* the initial window */
    assert_int_equal(d.packets, 1 + 15);
    tcp_end(&t);
}

/* On a fast path a burst is many packets, each as large as possible, and one timer for a
 * millisecond. */
SCRIPT(established_fast_path_has_one_timer_a_burst)
{
    struct tcp_test t;
    establish(&t, 10000, 65000, RTT_MS); /* 175 MB/s */
    write_bytes(&t, 10000 * MSS);
    wait_ms(&t, RTT_MS);
    struct departures d = departures(&t);
    assert_int_equal(d.bytes, 10000 * MSS);
    assert_in_range(d.bursts, 75, 92);
    assert_in_range(d.burst, 115 * MSS, 125 * MSS);
    /* 44 segments at most, three for a burst of 120. */
    assert_in_range(d.packets, 10000 * MSS / 64240, 300);
    tcp_end(&t);
}

/* RFC 6928 4: the initial window is sent at once, on any path, also after idle time, and for every
 * short exchange. */
SCRIPT(established_initial_window_is_not_paced)
{
    struct tcp_test t;
    tcp_established(&t, .rtt_ms = RTT_MS);
    write_bytes(&t, 20 * MSS);
    assert_int_equal(drain(&t, NULL), 10);
    assert_false(mn_tcb_is_due(t.tcb, MN_DUE_PACING));
    send_(&t, .seq = 1, .ack = 1 + 10 * MSS, .flags = ACK);
    assert_int_equal(drain(&t, NULL), 10);
    assert_false(mn_tcb_is_due(t.tcb, MN_DUE_PACING));
    tcp_end(&t);
}

/* A path shorter than a burst is not paced: all data is sent at once, and no timer runs. */
SCRIPT(established_short_path_is_not_paced)
{
    struct tcp_test t;
    establish(&t, 1000, 65000, 0);
    t.tcb->flight.rtt.srtt_ns = MNET_MILLISECOND - 1;
    write_bytes(&t, 1000 * MSS);
    assert_false(mn_tcb_is_due(t.tcb, MN_DUE_PACING));
    struct departures d = departures(&t);
    assert_int_equal(d.bytes, 1000 * MSS);
    assert_int_equal(d.bursts, 1);
    tcp_end(&t);
}

/* Acknowledgements between two bursts send nothing by themselves: the timer does, at the rate. */
SCRIPT(established_acknowledgements_do_not_break_the_pace)
{
    struct tcp_test t;
    establish(&t, 100, 65000, RTT_MS); /* 1.2 segments a millisecond */
    write_bytes(&t, 200 * MSS);
    wait_ms(&t, RTT_MS);
    uint32_t sent = departures(&t).bytes;
    assert_int_equal(sent, 100 * MSS);
    uint64_t begin = t.now;
    /* One for all: a stretch acknowledgement. */
    send_(&t, .seq = 1, .ack = 1 + sent, .flags = ACK, .window = 65535);
    wait_ms(&t, RTT_MS);
    struct departures d = departures(&t);
    assert_in_range(d.bytes, 100 * MSS, 101 * MSS);
    assert_true(d.burst <= 10 * MSS);
    assert_true(d.last - begin > 70 * MNET_MILLISECOND);
    tcp_end(&t);
}

/* A connection with nothing to send has no timer. The timer of the wheel, which all connections
 * share, fires at most once more. */
SCRIPT(established_idle_connection_has_no_pacing_timer)
{
    struct tcp_test t;
    establish(&t, 100, 65000, RTT_MS);
    write_bytes(&t, 100 * MSS);
    wait_ms(&t, RTT_MS);
    drain(&t, NULL);
    assert_false(mn_tcb_is_due(t.tcb, MN_DUE_PACING));
    send_(&t, .seq = 1, .ack = 1 + 100 * MSS, .flags = ACK, .window = 65535);
    for (unsigned which = 0; which < MN_DUE_COUNT; which++)
        assert_false(mn_tcb_is_due(t.tcb, which));
    mn_tcp_expire(t.tcp, mn_tcp_deadline(t.tcp));
    assert_int_equal(mn_tcp_deadline(t.tcp), MNET_NEVER);
    tcp_end(&t);
}

/* Retransmissions do not wait for the pace. Many at a small rate held back all that followed for
 * seconds, at whatever rate. */
SCRIPT(established_debt_of_a_small_rate_ends_after_two_round_trips)
{
    struct tcp_test t;
    establish(&t, 1, 65000, RTT_MS);
    mn_pacing_sent(t.tcb, 100 * MSS, t.now);
    t.tcb->flight.congestion.cwnd = t.tcb->flight.congestion.ssthresh = 1000 * MSS;
    write_bytes(&t, 1000 * MSS);
    wait_ms(&t, RTT_MS);
    assert_true(t.tcb->snd_nxt - t.iss < 100 * MSS);
    wait_ms(&t, 2 * RTT_MS);
    assert_int_equal(t.tcb->snd_nxt, t.iss + 1 + 1000 * MSS);
    drain(&t, NULL);
    tcp_end(&t);
}

/* The timer ends with its connection. */
SCRIPT(established_abort_between_two_bursts_leaves_no_timer)
{
    struct tcp_test t;
    establish(&t, 100, 65000, RTT_MS);
    write_bytes(&t, 100 * MSS);
    assert_true(mn_tcb_is_due(t.tcb, MN_DUE_PACING));
    abort_(&t);
    drain(&t, NULL);
    assert_int_equal(mn_tcp_deadline(t.tcp), MNET_NEVER);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_window_is_spread_over_the_round_trip),
        cmocka_unit_test(established_slow_start_is_paced_at_twice_the_window),
        cmocka_unit_test(established_burst_is_two_segments_at_least),
        cmocka_unit_test(established_fast_path_has_one_timer_a_burst),
        cmocka_unit_test(established_initial_window_is_not_paced),
        cmocka_unit_test(established_short_path_is_not_paced),
        cmocka_unit_test(established_acknowledgements_do_not_break_the_pace),
        cmocka_unit_test(established_idle_connection_has_no_pacing_timer),
        cmocka_unit_test(established_debt_of_a_small_rate_ends_after_two_round_trips),
        cmocka_unit_test(established_abort_between_two_bursts_leaves_no_timer),
    };
    return run_scripts("tcp_pacing", tests);
}
