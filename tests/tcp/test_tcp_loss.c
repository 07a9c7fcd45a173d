/* Congestion control and loss recovery: RFC 5681, RFC 6582 (NewReno), RFC 3042, RFC 6928. */
#include "tests/tcp/harness.h"

/* Sends `segments` full segments and throws them away. The script acknowledges them. */
static void in_flight(struct tcp_test *t, uint32_t segments)
{
    write_bytes(t, segments * MSS);
    assert_int_equal(drain(t, NULL), segments);
}

static void duplicate(struct tcp_test *t, uint32_t ack)
{
    send_(t, .seq = 1, .ack = ack, .flags = ACK);
}

/* RFC 6928: ten segments. */
SCRIPT(established_initial_window_is_ten_segments)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 20 * MSS);
    uint32_t bytes;
    assert_int_equal(drain(&t, &bytes), 10);
    assert_int_equal(bytes, 10 * MSS);
    tcp_end(&t);
}

/* RFC 6928 2: one segment if the SYN or the SYN,ACK had to be sent again more than once. */
SCRIPT(established_initial_window_after_lost_syns_is_one_segment)
{
    for (int active = 0; active < 2; active++) {
        for (int lost = 1; lost < 3; lost++) {
            struct tcp_test t;
            tcp_listen(&t);
            if (active)
                open_active(&t);
            else
                send_(&t, .seq = 0, .flags = SYN, .mss = (int)MSS);
            wait_ms(&t, lost == 1 ? 1000 : 3000);
            assert_int_equal(drain(&t, NULL), 1 + lost);
            if (active) {
                send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = (int)MSS);
            } else {
                send_(&t, .seq = 1, .ack = 1, .flags = ACK);
                accept_(&t);
            }
            drain(&t, NULL);
            write_bytes(&t, 20 * MSS);
            assert_int_equal(drain(&t, NULL), lost == 1 ? 10 : 1);
            tcp_end(&t);
        }
    }
}

/* RFC 5681 3.1: in slow start each byte acknowledged allows two more. */
SCRIPT(established_slow_start_doubles_the_window)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 100 * MSS);
    uint32_t window = drain(&t, NULL), una = 1;
    for (int round = 0; round < 2; round++) {
        uint32_t sent = 0;
        for (uint32_t i = 0; i < window; i += 2) {
            una += 2 * MSS;
            duplicate(&t, una);
            sent += drain(&t, NULL);
        }
        assert_int_equal(sent, 2 * window);
        window = sent;
    }
    tcp_end(&t);
}

/* RFC 5681 3.1: congestion avoidance: one segment more in each round trip (MUST-19). */
SCRIPT(established_congestion_avoidance_grows_by_one_segment)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 200 * MSS);
    drain(&t, NULL);
    t.tcb->flight.congestion.ssthresh = 10 * MSS;
    uint32_t window = 10, una = 1;
    for (int round = 0; round < 5; round++) {
        uint32_t sent = 0;
        for (uint32_t i = 0; i < window; i++) {
            una += MSS;
            duplicate(&t, una);
            sent += drain(&t, NULL);
        }
        assert_in_range(sent, window, window + 1); /* MUST-19 */
        window = sent;
    }
    assert_in_range(window, 14, 15);
    tcp_end(&t);
}

/* RFC 5681 3.2: the third duplicate, and no earlier one. */
SCRIPT(established_third_duplicate_retransmits)
{
    struct tcp_test t;
    tcp_established(&t);
    in_flight(&t, 8);
    duplicate(&t, 1);
    duplicate(&t, 1);
    expect_nothing(&t);
    duplicate(&t, 1);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS);
    expect_nothing(&t);
    assert_int_equal(t.tcb->flight.congestion.ssthresh, 4 * MSS); /* half of the data in flight */
    duplicate(&t, 1 + 8 * MSS);
    expect_nothing(&t);
    assert_true(t.tcb->flight.congestion.cwnd <= 4 * MSS);
    wait_ms(&t, 10000);
    expect_nothing(&t);
    assert_int_equal(counted(&t, TCP_RTO), 0);
    tcp_end(&t);
}

/* RFC 5681 2: a duplicate has no data, no FIN and the same window, and something is in flight. */
SCRIPT(established_what_is_no_duplicate_does_not_count)
{
    struct tcp_test t;
    tcp_established(&t);
    for (int i = 0; i < 5; i++)
        duplicate(&t, 1); /* nothing in flight */
    in_flight(&t, 4);
    for (int i = 0; i < 5; i++) {
        send_(&t, .seq = 1 + 4 * (uint32_t)i, .ack = 1, .flags = ACK, .data = "data"); /* data */
        read_text(&t, "data");
    }
    wait_ms(&t, 40);
    while (peek_output(&t) != NULL) {
        assert_int_equal(peek_output(&t)->len, 0);
        expect(&t, .seq = 1 + 4 * MSS, .ack = peek_output(&t)->header.ack - t.irs, .flags = ACK);
    }
    for (int i = 0; i < 5; i++)
        /* A different window each time. */
        send_(&t, .seq = 21, .ack = 1, .flags = ACK, .window = 60000 + i);
    expect_nothing(&t);
    assert_int_equal(counted(&t, TCP_FAST_RETRANSMIT), 0);
    tcp_end(&t);
}

/* RFC 3042: each of the first two duplicates allows a new segment. */
SCRIPT(established_limited_transmit_on_the_first_duplicates)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 20 * MSS);
    assert_int_equal(drain(&t, NULL), 10);
    duplicate(&t, 1);
    expect(&t, .seq = 1 + 10 * MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    duplicate(&t, 1);
    expect(&t, .seq = 1 + 11 * MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    duplicate(&t, 1);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS);
    tcp_end(&t);
}

/* RFC 6582 3.2 step 3: each further duplicate stands for a segment that has left. */
SCRIPT(established_recovery_inflates_the_window)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 30 * MSS);
    assert_int_equal(drain(&t, NULL), 10);
    for (int i = 0; i < 3; i++)
        duplicate(&t, 1);
    drain(&t, NULL);
    uint32_t sent = 0;
    for (int i = 0; i < 9; i++) {
        duplicate(&t, 1);
        sent += drain(&t, NULL);
    }
    assert_in_range(sent, 3, 7);
    tcp_end(&t);
}

/* Step 4: a partial acknowledgement reveals the next loss, which is sent again at once. The last
 * one ends the recovery. */
SCRIPT(established_partial_ack_in_recovery_retransmits_the_next_hole)
{
    struct tcp_test t;
    tcp_established(&t);
    in_flight(&t, 10);
    for (int i = 0; i < 3; i++)
        duplicate(&t, 1);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS);
    duplicate(&t, 1 + 3 * MSS);
    expect(&t, .seq = 1 + 3 * MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    duplicate(&t, 1 + 6 * MSS);
    expect(&t, .seq = 1 + 6 * MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    expect_nothing(&t);
    assert_int_equal(t.tcb->flight.loss.phase, MN_LOSS_RECOVERY);
    duplicate(&t, 1 + 10 * MSS);
    assert_int_equal(t.tcb->flight.loss.phase, MN_LOSS_OPEN);
    assert_true(t.tcb->flight.congestion.cwnd <= 5 * MSS);
    expect_nothing(&t);
    wait_ms(&t, 10000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* ssthresh is halved once for a window of losses. */
SCRIPT(established_one_window_of_losses_halves_once)
{
    struct tcp_test t;
    tcp_established(&t);
    in_flight(&t, 10);
    for (int i = 0; i < 3; i++)
        duplicate(&t, 1);
    uint32_t ssthresh = t.tcb->flight.congestion.ssthresh;
    assert_int_equal(ssthresh, 5 * MSS);
    duplicate(&t, 1 + 2 * MSS);
    for (int i = 0; i < 5; i++)
        duplicate(&t, 1 + 2 * MSS);
    assert_int_equal(t.tcb->flight.congestion.ssthresh, ssthresh);
    assert_int_equal(counted(&t, TCP_FAST_RETRANSMIT), 1);
    tcp_end(&t);
}

/* RFC 5681 3.1 (4): after a timeout ssthresh is half the flight, once for the same segment; cwnd is
 * one segment. */
SCRIPT(established_timeout_halves_once)
{
    struct tcp_test t;
    tcp_established(&t);
    in_flight(&t, 10);
    wait_ms(&t, 200);
    assert_int_equal(t.tcb->flight.congestion.ssthresh, 5 * MSS);
    assert_int_equal(t.tcb->flight.congestion.cwnd, MSS);
    wait_ms(&t, 2000);
    assert_int_equal(t.tcb->flight.congestion.ssthresh, 5 * MSS);
    tcp_end(&t);
}

/* RFC 6582 3.2 step 1: duplicates caused by the retransmissions of a timeout are no new loss. */
SCRIPT(established_duplicates_after_a_timeout_do_not_recover_again)
{
    struct tcp_test t;
    tcp_established(&t);
    in_flight(&t, 10);
    wait_ms(&t, 200);
    drain(&t, NULL);
    for (int i = 0; i < 10; i++)
        duplicate(&t, 1);
    assert_int_equal(counted(&t, TCP_FAST_RETRANSMIT), 0);
    tcp_end(&t);
}

/* Duplicates with the window closed: lost data is not sent into a closed window, except by the
 * probe. */
SCRIPT(established_duplicates_with_a_closed_window_are_no_loss)
{
    struct tcp_test t;
    tcp_established(&t, .window = 5840);
    in_flight(&t, 4);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 0);
    for (int i = 0; i < 5; i++)
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 0);
    expect_nothing(&t);
    assert_int_equal(counted(&t, TCP_FAST_RETRANSMIT), 0);
    wait_ms(&t, 250);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1);
    tcp_end(&t);
}

/* In recovery the peer's window is still a limit. */
SCRIPT(established_recovery_keeps_to_the_window)
{
    struct tcp_test t;
    tcp_established(&t, .window = 10 * (int)MSS);
    write_bytes(&t, 30 * MSS);
    assert_int_equal(drain(&t, NULL), 10);
    for (int i = 0; i < 20; i++)
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 10 * (int)MSS);
    const struct tcp_output *o = peek_output(&t);
    assert_non_null(o);
    assert_int_equal(o->header.seq - t.iss, 1);
    assert_int_equal(drain(&t, NULL), 1);
    tcp_end(&t);
}

/* RFC 5681 4.1: after an idle time longer than the RTO the window is at most the initial one. */
SCRIPT(established_idle_restarts_the_window)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 30 * MSS);
    drain(&t, NULL);
    duplicate(&t, 1 + 10 * MSS);
    drain(&t, NULL);
    duplicate(&t, 1 + 30 * MSS);
    assert_true(t.tcb->flight.congestion.cwnd > 20 * MSS);
    wait_ms(&t, 5000);
    write_bytes(&t, 30 * MSS);
    assert_int_equal(drain(&t, NULL), 10);
    tcp_end(&t);
}

/* The timer finds a lost fast retransmission. */
SCRIPT(established_lost_retransmission_is_found_by_the_timer)
{
    struct tcp_test t;
    tcp_established(&t);
    in_flight(&t, 10);
    for (int i = 0; i < 3; i++)
        duplicate(&t, 1);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS);
    wait_ms(&t, 250);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS);
    duplicate(&t, 1 + 10 * MSS);
    wait_ms(&t, 10000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* The congestion window never holds back a probe of a closed window. */
SCRIPT(established_zero_window_probe_ignores_the_congestion_window)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 30 * MSS);
    assert_int_equal(drain(&t, NULL), 10);
    t.tcb->flight.congestion.cwnd = MSS;
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 0);
    mark(&t);
    at_ms(&t, 200);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 0);
    at_ms(&t, 600);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1);
    expect_nothing(&t);
    tcp_end(&t);
}

/* RFC 5681 3.1, RFC 7661: acknowledgements do not grow the window of a sender that uses less than
 * it allows. */
SCRIPT(established_window_that_is_not_used_does_not_grow)
{
    struct tcp_test t;
    tcp_established(&t);
    uint32_t cwnd = t.tcb->flight.congestion.cwnd;
    for (uint32_t i = 0; i < 100; i++) {
        write_bytes(&t, MSS);
        expect(&t, .seq = 1 + i * MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
        send_(&t, .seq = 1, .ack = 1 + (i + 1) * MSS, .flags = ACK);
    }
    assert_int_equal(t.tcb->flight.congestion.cwnd, cwnd);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_initial_window_is_ten_segments),
        cmocka_unit_test(established_initial_window_after_lost_syns_is_one_segment),
        cmocka_unit_test(established_slow_start_doubles_the_window),
        cmocka_unit_test(established_congestion_avoidance_grows_by_one_segment),
        cmocka_unit_test(established_third_duplicate_retransmits),
        cmocka_unit_test(established_what_is_no_duplicate_does_not_count),
        cmocka_unit_test(established_limited_transmit_on_the_first_duplicates),
        cmocka_unit_test(established_recovery_inflates_the_window),
        cmocka_unit_test(established_partial_ack_in_recovery_retransmits_the_next_hole),
        cmocka_unit_test(established_one_window_of_losses_halves_once),
        cmocka_unit_test(established_timeout_halves_once),
        cmocka_unit_test(established_duplicates_after_a_timeout_do_not_recover_again),
        cmocka_unit_test(established_duplicates_with_a_closed_window_are_no_loss),
        cmocka_unit_test(established_recovery_keeps_to_the_window),
        cmocka_unit_test(established_idle_restarts_the_window),
        cmocka_unit_test(established_lost_retransmission_is_found_by_the_timer),
        cmocka_unit_test(established_zero_window_probe_ignores_the_congestion_window),
        cmocka_unit_test(established_window_that_is_not_used_does_not_grow),
    };
    return run_scripts("tcp_loss", tests);
}
