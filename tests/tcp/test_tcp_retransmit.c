/* The retransmission timer and giving up (RFC 9293 3.8.1 and 3.8.3, RFC 6298). */
#include "tests/tcp/harness.h"

/* RFC 6298 (2.2), (2.4): SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 RTTVAR, here 100 + 4 * 50 ms. */
SCRIPT(established_first_rtt_sample_sets_the_timeout)
{
    for (int active = 0; active < 2; active++) {
        struct tcp_test t;
        tcp_established(&t, .rtt_ms = 100, .active = active);
        write_text(&t, "hello");
        expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
        at_ms(&t, 299);
        expect_nothing(&t);
        at_ms(&t, 300);
        expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
        tcp_end(&t);
    }
}

/* (2.3): the second sample, of 100 ms too: RTTVAR = 3/4 * 50 ms, RTO = 100 + 4 * 37.5 = 250 ms. */
SCRIPT(established_later_rtt_samples_are_smoothed)
{
    struct tcp_test t;
    tcp_established(&t, .rtt_ms = 100);
    write_text(&t, "hello");
    drain(&t, NULL);
    wait_ms(&t, 100);
    send_(&t, .seq = 1, .ack = 6, .flags = ACK);
    mark(&t);
    write_text(&t, "world");
    drain(&t, NULL);
    at_ms(&t, 249);
    expect_nothing(&t);
    at_ms(&t, 251);
    expect(&t, .seq = 6, .ack = 1, .flags = ACK, .data = "world");
    tcp_end(&t);
}

/* The floor of 200 ms. */
SCRIPT(established_timeout_has_a_floor)
{
    struct tcp_test t;
    tcp_established(&t, .rtt_ms = 1);
    write_text(&t, "hello");
    drain(&t, NULL);
    at_ms(&t, 199);
    expect_nothing(&t);
    at_ms(&t, 200);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    tcp_end(&t);
}

/* MUST-19, RFC 6298 (5.5): the timeout doubles each time, up to a minute. */
SCRIPT(established_retransmissions_back_off)
{
    struct tcp_test t;
    tcp_established(&t, .user_timeout_ns = 1000 * MNET_SECOND);
    write_text(&t, "hello");
    drain(&t, NULL);
    uint64_t when = 0, interval = 200;
    for (int i = 0; i < 14; i++) {
        when += interval;
        at_ms(&t, when - 1);
        expect_nothing(&t);
        at_ms(&t, when);
        expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello"); /* MUST-19 */
        expect_nothing(&t);
        interval = MN_MIN(2 * interval, 60000u);
    }
    tcp_end(&t);
}

/* MUST-18, Karn's algorithm: a segment sent twice gives no sample. */
SCRIPT(established_retransmitted_segment_is_no_sample)
{
    struct tcp_test t;
    tcp_established(&t, .rtt_ms = 100);
    write_text(&t, "hello");
    drain(&t, NULL);
    at_ms(&t, 300);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    at_ms(&t, 301);
    /* 1 ms after the second transmission: an answer to either. */
    send_(&t, .seq = 1, .ack = 6, .flags = ACK);
    uint64_t srtt = t.tcb->flight.rtt.srtt_ns;
    assert_int_equal(srtt, 100 * MNET_MILLISECOND); /* MUST-18 */
    write_text(&t, "x");
    expect(&t, .seq = 6, .ack = 1, .flags = ACK, .data = "x");
    wait_ms(&t, 100);
    send_(&t, .seq = 1, .ack = 7, .flags = ACK);
    assert_in_range(t.tcb->flight.rtt.srtt_ns, srtt - 1000000, srtt + 1000000);
    wait_ms(&t, 10000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* RFC 6298 5: only a new measurement ends the backoff. So a path that has become slower than the
 * timeout gets one sooner or later, even without timestamps. Each expiry is the first for its
 * segment, so there is no notice (R1). */
SCRIPT(established_backoff_is_kept_until_there_is_a_sample)
{
    struct tcp_test t;
    tcp_established(&t, .rtt_ms = 10);
    /* Then the timeout is 800 ms, longer than the round trip. */
    static const unsigned again_ms[] = {200, 400};
    for (uint32_t i = 0; i < 10; i++) {
        mark(&t);
        write_text(&t, "x");
        expect(&t, .seq = 1 + i, .ack = 1, .flags = ACK, .data = "x");
        if (i < MN_COUNT_OF(again_ms)) {
            at_ms(&t, again_ms[i] - 1);
            expect_nothing(&t);
            at_ms(&t, again_ms[i]);
            expect(&t, .seq = 1 + i, .ack = 1, .flags = ACK, .data = "x");
        }
        at_ms(&t, 500);
        expect_nothing(&t);
        send_(&t, .seq = 1, .ack = 2 + i, .flags = ACK);
        assert_int_equal(t.tcb->flight.rtt.backoff, i < MN_COUNT_OF(again_ms) ? i + 1 : 0);
    }
    assert_int_equal(mn_tcp_notices(t.tcb), 0);
    tcp_end(&t);
}

/* RFC 6298 (5.3): new acknowledgements restart the timer. (5.2): no timer runs if nothing is in
 * flight. */
SCRIPT(established_partial_ack_restarts_the_timer)
{
    struct tcp_test t;
    tcp_established(&t, .rtt_ms = 100, .no_delay = true);
    write_text(&t, "hello");
    write_text(&t, "world");
    drain(&t, NULL);
    at_ms(&t, 200);
    /* Sample: 200 ms: RTTVAR 62.5, SRTT 112.5, RTO 362.5. */
    send_(&t, .seq = 1, .ack = 6, .flags = ACK);
    at_ms(&t, 200 + 362);
    expect_nothing(&t);
    at_ms(&t, 200 + 363);
    expect(&t, .seq = 6, .ack = 1, .flags = ACK, .data = "world");
    send_(&t, .seq = 1, .ack = 11, .flags = ACK);
    wait_ms(&t, 100000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* RFC 5681 3.1: after a timeout one segment, then slow start: all data is sent again, and none is
 * skipped. */
SCRIPT(established_timeout_goes_back_and_slow_starts)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 5 * MSS);
    assert_int_equal(drain(&t, NULL), 5);
    wait_ms(&t, 200);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS);
    expect_nothing(&t); /* the loss window */
    assert_int_equal(t.tcb->flight.congestion.cwnd, MSS);
    send_(&t, .seq = 1, .ack = 1 + MSS, .flags = ACK);
    expect(&t, .seq = 1 + MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    expect(&t, .seq = 1 + 2 * MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    expect_nothing(&t);
    send_(&t, .seq = 1, .ack = 1 + 3 * MSS, .flags = ACK);
    expect(&t, .seq = 1 + 3 * MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    expect(&t, .seq = 1 + 4 * MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    send_(&t, .seq = 1, .ack = 1 + 5 * MSS, .flags = ACK);
    wait_ms(&t, 10000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* The peer had the rest: data that is acknowledged in between is not sent again. */
SCRIPT(established_timeout_does_not_repeat_what_is_acknowledged)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 5 * MSS);
    drain(&t, NULL);
    wait_ms(&t, 200);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS);
    send_(&t, .seq = 1, .ack = 1 + 5 * MSS, .flags = ACK);
    expect_nothing(&t);
    wait_ms(&t, 10000);
    expect_nothing(&t);
    tcp_end(&t);
}

SCRIPT(established_writing_while_retransmitting_keeps_the_order)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true);
    write_text(&t, "hello");
    drain(&t, NULL);
    wait_ms(&t, 200);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    write_text(&t, "world");
    drain(&t, NULL); /* the loss window may or may not allow it */
    send_(&t, .seq = 1, .ack = 6, .flags = ACK);
    wait_ms(&t, 2000);
    uint32_t bytes;
    drain(&t, &bytes);
    send_(&t, .seq = 1, .ack = 11, .flags = ACK);
    wait_ms(&t, 100000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* MUST-20: R2 ends the connection with an error of its own. Data that had arrived is read first. */
SCRIPT(established_silent_peer_times_out)
{
    struct tcp_test t;
    tcp_established(&t, .user_timeout_ns = 100 * MNET_SECOND);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "last words");
    write_text(&t, "hello");
    drain(&t, NULL);
    while (mn_tcp_fetch_event(t.tcp) != NULL)
        continue;
    at_ms(&t, 99900);
    drain(&t, NULL);
    expect_state(&t, MN_ESTABLISHED); /* SHLD-11 */
    at_ms(&t, 161000);
    drain(&t, NULL);
    expect_state(&t, MN_CLOSED); /* MUST-20 */
    assert_ptr_equal(mn_tcp_fetch_event(t.tcp), t.tcb);
    read_text(&t, "last words");
    read_result(&t, MNET_E_TIMED_OUT); /* MUST-12 */
    assert_int_equal(mn_tcp_send(t.tcp, t.tcb, "x", 1, false, t.now), MNET_E_TIMED_OUT);
    wait_ms(&t, 100000);
    expect_nothing(&t);
    close_(&t);
    assert_usage(&t, tcbs, 0);
    tcp_end(&t);
}

/* Progress, even slow, is no silence. */
SCRIPT(established_slow_peer_does_not_time_out)
{
    struct tcp_test t;
    tcp_established(&t, .user_timeout_ns = 10 * MNET_SECOND);
    write_bytes(&t, 100);
    drain(&t, NULL);
    for (uint32_t i = 1; i < 100; i++) {
        wait_ms(&t, 9000);
        drain(&t, NULL);
        send_(&t, .seq = 1, .ack = 1 + i, .flags = ACK);
        expect_state(&t, MN_ESTABLISHED);
    }
    tcp_end(&t);
}

/* Idle time is not silence: R2 counts from the first unacknowledged byte. */
SCRIPT(established_idle_connection_lives)
{
    struct tcp_test t;
    tcp_established(&t, .user_timeout_ns = 10 * MNET_SECOND);
    wait_ms(&t, 100000000);
    expect_nothing(&t);
    write_text(&t, "hello");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    wait_ms(&t, 5000);
    drain(&t, NULL);
    expect_state(&t, MN_ESTABLISHED);
    send_(&t, .seq = 1, .ack = 6, .flags = ACK);
    wait_ms(&t, 100000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* A FIN is retransmitted like data, in each state that waits for its acknowledgement. */
SCRIPT(closing_states_retransmit_the_fin)
{
    static const enum mn_tcp_state states[] = {MN_FIN_WAIT_1, MN_CLOSING, MN_LAST_ACK};
    for (unsigned i = 0; i < MN_COUNT_OF(states); i++) {
        struct tcp_test t;
        tcp_reach(states[i], TCP_SETUP(&t));
        uint32_t nxt = states[i] == MN_FIN_WAIT_1 ? 1 : 2;
        uint64_t when = 0, interval = 200;
        for (int k = 0; k < 5; k++) {
            when += interval;
            at_ms(&t, when - 1);
            expect_nothing(&t);
            at_ms(&t, when);
            expect(&t, .seq = 1, .ack = nxt, .flags = FIN | ACK);
            interval *= 2;
        }
        at_ms(&t, 400000);
        drain(&t, NULL);
        expect_state(&t, MN_CLOSED);
        tcp_end(&t);
    }
}

SCRIPT(fin_wait_1_data_and_fin_are_retransmitted_together)
{
    struct tcp_test t;
    tcp_established(&t);
    write_text(&t, "hello");
    shutdown_(&t, MNET_SHUTDOWN_WRITE);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    expect(&t, .seq = 6, .ack = 1, .flags = FIN | ACK);
    wait_ms(&t, 200);
    expect(&t, .seq = 1, .ack = 1, .flags = FIN | ACK, .data = "hello");
    send_(&t, .seq = 1, .ack = 6, .flags = ACK); /* all except the FIN */
    expect_state(&t, MN_FIN_WAIT_1);
    wait_ms(&t, 1000);
    const struct tcp_output *o = peek_output(&t);
    assert_non_null(o);
    expect(&t, .seq = 6, .ack = 1, .flags = FIN | ACK);
    send_(&t, .seq = 1, .ack = 7, .flags = ACK);
    expect_state(&t, MN_FIN_WAIT_2);
    drain(&t, NULL);
    wait_ms(&t, 10000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* A lost acknowledgement does no harm, and is never retransmitted. */
SCRIPT(established_acks_are_not_retransmitted)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 6, .flags = ACK);
    wait_ms(&t, 100000);
    expect_nothing(&t);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_first_rtt_sample_sets_the_timeout),
        cmocka_unit_test(established_later_rtt_samples_are_smoothed),
        cmocka_unit_test(established_timeout_has_a_floor),
        cmocka_unit_test(established_retransmissions_back_off),
        cmocka_unit_test(established_retransmitted_segment_is_no_sample),
        cmocka_unit_test(established_backoff_is_kept_until_there_is_a_sample),
        cmocka_unit_test(established_partial_ack_restarts_the_timer),
        cmocka_unit_test(established_timeout_goes_back_and_slow_starts),
        cmocka_unit_test(established_timeout_does_not_repeat_what_is_acknowledged),
        cmocka_unit_test(established_writing_while_retransmitting_keeps_the_order),
        cmocka_unit_test(established_silent_peer_times_out),
        cmocka_unit_test(established_slow_peer_does_not_time_out),
        cmocka_unit_test(established_idle_connection_lives),
        cmocka_unit_test(closing_states_retransmit_the_fin),
        cmocka_unit_test(fin_wait_1_data_and_fin_are_retransmitted_together),
        cmocka_unit_test(established_acks_are_not_retransmitted),
    };
    return run_scripts("tcp_retransmit", tests);
}
