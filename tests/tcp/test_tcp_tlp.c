/* Tail loss probes: RFC 8985 7. The round trip is 100 ms, so the first timeout is 300 ms, and a
 * probe is sent after 2 * 100 ms and 2 ms for timers. */
#include "tests/tcp/recovery.h"

#define PEER .sack = true, .rtt_ms = 100

/* 7.2, 7.3: the last segment is sent again. Then the timer has its full time (7.3: "re-arm the RTO
 * timer"). */
SCRIPT(established_silence_at_the_tail_is_probed_with_the_last_segment)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 4, 4);
    at_ms(&t, 201);
    expect_nothing(&t);
    at_ms(&t, 202);
    expect_segment(&t, 3);
    expect_nothing(&t);
    assert_int_equal(counted(&t, TCP_TAIL_PROBE), 1);
    at_ms(&t, 501);
    expect_nothing(&t); /* one probe, no more */
    at_ms(&t, 502);
    expect_segment(&t, 0);
    assert_int_equal(counted(&t, TCP_RTO), 1);
    tcp_end(&t);
}

/* 7.3: "If an unsent segment exists ... transmit" it, with any congestion window. */
SCRIPT(established_probe_is_new_data_where_there_is_some)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 20, 10);
    at_ms(&t, 202);
    expect_segment(&t, 10);
    expect_nothing(&t);
    ack_(&t, 11);
    assert_false(t.tcb->flight.loss.tlp_out);
    assert_true(t.tcb->flight.congestion.ssthresh == UINT32_MAX); /* nothing was lost */
    tcp_end(&t);
}

/* 7.3: the new segment must fit the peer's window. */
SCRIPT(established_probe_keeps_to_the_window)
{
    struct tcp_test t;
    tcp_established(&t, PEER, .window = 4 * (int)MSS);
    in_flight(&t, 8, 4);
    at_ms(&t, 202);
    expect_segment(&t, 3);
    tcp_end(&t);
}

/* 7.2: the acknowledgement of a single segment may be delayed: PTO += TLP.max_ack_delay, but not
 * beyond the retransmission timer, which then begins anew. */
SCRIPT(established_single_segment_is_probed_when_the_timer_would_expire)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 1, 1);
    at_ms(&t, 299);
    expect_nothing(&t);
    at_ms(&t, 300);
    expect_segment(&t, 0);
    assert_int_equal(counted(&t, TCP_RTO), 0);
    assert_int_equal(t.tcb->flight.congestion.cwnd, 10 * MSS);
    at_ms(&t, 599);
    expect_nothing(&t);
    at_ms(&t, 600);
    expect_segment(&t, 0);
    assert_int_equal(counted(&t, TCP_RTO), 1);
    tcp_end(&t);
}

/* A FIN is probed like data. */
SCRIPT(fin_wait_1_probe_includes_the_fin)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 2, 2);
    shutdown_(&t, MNET_SHUTDOWN_WRITE);
    expect(&t, .seq = AT(2), .ack = 1, .flags = FIN | ACK);
    at_ms(&t, 202);
    expect(&t, .seq = AT(1) + 1, .ack = 1, .flags = FIN | ACK, .len = (int)MSS - 1);
    tcp_end(&t);
}

/* New data postpones the probe. */
SCRIPT(established_new_data_puts_the_probe_off)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 2, 2);
    at_ms(&t, 90);
    write_bytes(&t, MSS);
    expect_segment(&t, 2);
    at_ms(&t, 291);
    expect_nothing(&t);
    at_ms(&t, 292);
    expect_segment(&t, 2);
    tcp_end(&t);
}

/* 7.2: only with SACK, if nothing is acknowledged selectively, and not in recovery. */
SCRIPT(established_no_probe_without_sack)
{
    struct tcp_test t;
    tcp_established(&t, .rtt_ms = 100);
    in_flight(&t, 4, 4);
    at_ms(&t, 299);
    expect_nothing(&t);
    at_ms(&t, 300);
    expect_segment(&t, 0);
    tcp_end(&t);
}

SCRIPT(established_no_probe_in_recovery)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 8, 8);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 8)));
    expect_segment(&t, 0);
    at_ms(&t, 399);
    expect_nothing(&t);
    assert_int_equal(counted(&t, TCP_TAIL_PROBE), 0);
    at_ms(&t, 400);
    expect_segment(&t, 0);
    tcp_end(&t);
}

/* The probe arrived: RACK finds the loss in front of it, and the data is sent again after one round
 * trip instead of a timeout. */
SCRIPT(established_probe_makes_rack_find_the_lost_tail)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 4, 4);
    at_ms(&t, 202);
    expect_segment(&t, 3);
    at_ms(&t, 302);
    ack_(&t, 1, BLOCKS(1, SEGMENTS(3, 4)));
    expect_segment(&t, 1);
    expect_segment(&t, 2);
    expect_nothing(&t);
    ack_(&t, 4);
    assert_int_equal(counted(&t, TCP_RTO), 0);
    wait_ms(&t, 10000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* 7.4.2: "TLP_process_ack": the probe and the original both arrived: D-SACK, or a duplicate without
 * SACK. No loss. */
SCRIPT(established_probe_that_was_needless_costs_nothing)
{
    for (int dsack = 0; dsack < 2; dsack++) {
        struct tcp_test t;
        tcp_established(&t, PEER);
        in_flight(&t, 4, 4);
        at_ms(&t, 202);
        expect_segment(&t, 3);
        ack_(&t, 4);
        assert_true(t.tcb->flight.loss.tlp_out);
        in_flight(&t, 2, 2);
        if (dsack)
            ack_(&t, 4, BLOCKS(1, SEGMENTS(3, 4)));
        else
            ack_(&t, 4);
        assert_false(t.tcb->flight.loss.tlp_out);
        ack_(&t, 6);
        assert_true(t.tcb->flight.congestion.ssthresh == UINT32_MAX);
        tcp_end(&t);
    }
}

/* 7.4.2: the original was lost and the probe repaired it: congestion control counts a loss. */
SCRIPT(established_loss_that_the_probe_repaired_is_paid_for)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 4, 4);
    at_ms(&t, 202);
    expect_segment(&t, 3);
    ack_(&t, 4);
    in_flight(&t, 2, 2);
    ack_(&t, 6); /* beyond TLP.end_seq, without a duplicate */
    assert_true(t.tcb->flight.congestion.ssthresh < 10 * MSS);
    assert_true(t.tcb->flight.congestion.cwnd <= t.tcb->flight.congestion.ssthresh + MSS);
    tcp_end(&t);
}

/* 7.3: no second probe before the next sample of the round trip. */
SCRIPT(established_one_probe_for_each_sample)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 4, 4);
    at_ms(&t, 202);
    drain(&t, NULL);
    ack_(&t, 3); /* segments sent once: a sample */
    assert_true(t.tcb->flight.loss.rtt_since_tlp);
    ack_(&t, 4);
    in_flight(&t, 4, 4);
    assert_true(t.tcb->flight.loss.tlp_out); /* still undecided: no probe of the last one */
    at_ms(&t, 250);
    expect_nothing(&t);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_silence_at_the_tail_is_probed_with_the_last_segment),
        cmocka_unit_test(established_probe_is_new_data_where_there_is_some),
        cmocka_unit_test(established_probe_keeps_to_the_window),
        cmocka_unit_test(established_single_segment_is_probed_when_the_timer_would_expire),
        cmocka_unit_test(fin_wait_1_probe_includes_the_fin),
        cmocka_unit_test(established_new_data_puts_the_probe_off),
        cmocka_unit_test(established_no_probe_without_sack),
        cmocka_unit_test(established_no_probe_in_recovery),
        cmocka_unit_test(established_probe_makes_rack_find_the_lost_tail),
        cmocka_unit_test(established_probe_that_was_needless_costs_nothing),
        cmocka_unit_test(established_loss_that_the_probe_repaired_is_paid_for),
        cmocka_unit_test(established_one_probe_for_each_sample),
    };
    return run_scripts("tcp_tlp", tests);
}
