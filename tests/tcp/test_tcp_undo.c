/* Undoing needless reductions: RFC 5682 (F-RTO), RFC 3708 and RFC 4015 (D-SACK). */
#include "tests/tcp/recovery.h"

#define PEER .sack = true, .rtt_ms = 100

/* Goes on to the first timeout with ten segments in flight. A probe was sent before it. */
static void to_timeout(struct tcp_test *t)
{
    at_ms(t, 202);
    drain(t, NULL);
    at_ms(t, 502);
    expect_segment(t, 0);
    assert_int_equal(counted(t, TCP_RTO), 1);
    assert_true(t->tcb->flight.congestion.ssthresh < 10 * MSS);
}

/* RFC 5682 3.1 (3b): data sent before the timeout, and only once, is acknowledged: the timeout was
 * spurious. */
SCRIPT(established_timeout_after_which_the_original_is_acknowledged_is_taken_back)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 10, 10);
    to_timeout(&t);
    ack_(&t, 4);
    assert_int_equal(counted(&t, TCP_UNDONE), 1);
    assert_int_equal(t.tcb->flight.loss.phase, MN_LOSS_OPEN);
    assert_true(t.tcb->flight.congestion.cwnd >= 10 * MSS);
    assert_true(t.tcb->flight.congestion.ssthresh == UINT32_MAX);
    expect_nothing(&t); /* nothing else is sent again */
    ack_(&t, 10);
    expect_nothing(&t);
    tcp_end(&t);
}

/* (3a), (2a): only retransmitted data is acknowledged, and then a duplicate arrives: the data was
 * lost. */
SCRIPT(established_timeout_after_a_real_loss_stands)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 10, 10);
    to_timeout(&t);
    ack_(&t, 1);
    expect_segment(&t, 1); /* no new data: the conventional way */
    drain(&t, NULL);
    ack_(&t, 2);
    assert_int_equal(counted(&t, TCP_UNDONE), 0);
    assert_int_equal(t.tcb->flight.loss.phase, MN_LOSS_TIMEOUT);
    assert_true(t.tcb->flight.congestion.ssthresh < 10 * MSS);
    tcp_end(&t);
}

/* 2.1, without SACK: step 2b sends two new segments. Step 3b: the next acknowledgement advances,
 * too. */
SCRIPT(established_without_sack_two_acknowledgements_prove_it)
{
    struct tcp_test t;
    tcp_established(&t, .rtt_ms = 100);
    in_flight(&t, 20, 10);
    at_ms(&t, 300);
    expect_segment(&t, 0);
    ack_(&t, 1);
    expect_segment(&t, 10);
    wait_ms(&t, 100); /* paced */
    expect_segment(&t, 11);
    expect_nothing(&t);
    ack_(&t, 2);
    assert_int_equal(counted(&t, TCP_UNDONE), 1);
    assert_true(t.tcb->flight.congestion.cwnd >= 10 * MSS);
    drain(&t, NULL);
    assert_int_equal(counted(&t, TCP_RETRANSMITTED), 1);
    tcp_end(&t);
}

/* 2.1 step 3a: a duplicate instead: the segments behind were lost, and are sent again. */
SCRIPT(established_without_sack_a_duplicate_refutes_it)
{
    struct tcp_test t;
    tcp_established(&t, .rtt_ms = 100);
    in_flight(&t, 20, 10);
    at_ms(&t, 300);
    expect_segment(&t, 0);
    ack_(&t, 1);
    expect_segment(&t, 10);
    wait_ms(&t, 100); /* paced */
    expect_segment(&t, 11);
    ack_(&t, 1);
    expect_segment(&t, 1);
    assert_int_equal(counted(&t, TCP_UNDONE), 0);
    assert_true(t.tcb->flight.congestion.cwnd <= 3 * MSS);
    tcp_end(&t);
}

/* 2.1 step 2a: a duplicate at once. */
SCRIPT(established_without_sack_a_duplicate_at_once_refutes_it)
{
    struct tcp_test t;
    tcp_established(&t, .rtt_ms = 100);
    in_flight(&t, 20, 10);
    at_ms(&t, 300);
    expect_segment(&t, 0);
    ack_(&t, 0);
    ack_(&t, 1);
    expect_segment(&t, 1);
    assert_int_equal(counted(&t, TCP_UNDONE), 0);
    tcp_end(&t);
}

/* 2.1 step 1: a delay that is longer than several timeouts of one segment is still recognised, with
 * SACK or without. */
SCRIPT(established_timeouts_of_one_segment_are_taken_back)
{
    for (int sack = 0; sack < 2; sack++) {
        struct tcp_test t;
        tcp_established(&t, .rtt_ms = 100, .sack = sack);
        in_flight(&t, 20, 10);
        at_ms(&t, 1200);
        drain(&t, NULL);
        assert_int_equal(counted(&t, TCP_RTO), 2);
        ack_(&t, 1);
        wait_ms(&t, 100); /* paced */
        drain(&t, NULL);
        ack_(&t, 3);
        assert_int_equal(counted(&t, TCP_UNDONE), 1);
        assert_true(t.tcb->flight.congestion.cwnd >= 10 * MSS);
        tcp_end(&t);
    }
}

/* A timeout is not undone if an acknowledgement has shown a loss before. */
SCRIPT(established_timeout_in_a_recovery_is_not_taken_back)
{
    struct tcp_test t;
    tcp_established(&t, .rtt_ms = 100, .no_plpmtud = true);
    in_flight(&t, 20, 10);
    at_ms(&t, 300);
    drain(&t, NULL);
    ack_(&t, 0); /* a duplicate */
    at_ms(&t, 900);
    drain(&t, NULL);
    assert_int_equal(counted(&t, TCP_RTO), 2);
    ack_(&t, 1);
    expect_segment(&t, 1);
    tcp_end(&t);
}

/* 2.1 step 2a: "does not acknowledge all of the data that was retransmitted". */
SCRIPT(established_timeout_with_half_of_it_acknowledged_stands)
{
    struct tcp_test t;
    tcp_established(&t, .rtt_ms = 100);
    in_flight(&t, 20, 10);
    at_ms(&t, 300);
    expect_segment(&t, 0);
    send_(&t, .seq = 1, .ack = 1 + MSS / 2, .flags = ACK);
    expect_segment(&t, 1); /* no new data */
    ack_(&t, 3);
    assert_int_equal(counted(&t, TCP_UNDONE), 0);
    tcp_end(&t);
}

/* A fast retransmission of late data: D-SACK shows it, and everything is as before. */
SCRIPT(established_dsack_takes_a_fast_retransmission_back)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 10, 10);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 6)));
    expect_segment(&t, 0);
    ack_(&t, 6); /* the original arrives */
    assert_int_equal(t.tcb->flight.loss.phase, MN_LOSS_RECOVERY);
    ack_(&t, 7, BLOCKS(1, SEGMENTS(0, 1)));
    assert_int_equal(counted(&t, TCP_UNDONE), 1);
    assert_int_equal(t.tcb->flight.loss.phase, MN_LOSS_OPEN);
    assert_true(t.tcb->flight.congestion.cwnd >= 10 * MSS);
    assert_true(t.tcb->flight.congestion.ssthresh == UINT32_MAX);
    tcp_end(&t);
}

/* The same after the end of the recovery. */
SCRIPT(established_late_dsack_takes_a_fast_retransmission_back)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 10, 10);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 6)));
    expect_segment(&t, 0);
    ack_(&t, 10);
    assert_int_equal(t.tcb->flight.loss.phase, MN_LOSS_OPEN);
    assert_int_equal(t.tcb->flight.congestion.cwnd, 5 * MSS);
    ack_(&t, 10, BLOCKS(1, SEGMENTS(0, 1)));
    assert_int_equal(counted(&t, TCP_UNDONE), 1);
    assert_int_equal(t.tcb->flight.congestion.cwnd, 10 * MSS);
    tcp_end(&t);
}

/* "All retransmissions": one of two was needed. */
SCRIPT(established_dsack_of_a_part_takes_nothing_back)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 10, 10);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(2, SEGMENTS(3, 9), SEGMENTS(1, 2)));
    expect_segment(&t, 0);
    ack_(&t, 2, BLOCKS(1, SEGMENTS(3, 9)));
    expect_segment(&t, 2);
    ack_(&t, 10, BLOCKS(1, SEGMENTS(0, 1)));
    ack_(&t, 10, BLOCKS(1, {AT(2), AT(2) + 100}));
    assert_int_equal(counted(&t, TCP_UNDONE), 0);
    assert_true(t.tcb->flight.congestion.ssthresh < 10 * MSS);
    ack_(&t, 10, BLOCKS(1, {AT(2) + 100, AT(3)}));
    assert_int_equal(counted(&t, TCP_UNDONE), 1);
    tcp_end(&t);
}

/* A D-SACK about data never retransmitted, or never sent, is false, or about a duplicate made by
 * the network: it undoes nothing, and widens no window. */
SCRIPT(established_dsack_out_of_nothing_changes_nothing)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 10, 10);
    ack_(&t, 5);
    for (int i = 0; i < 5; i++) {
        ack_(&t, 5, BLOCKS(1, SEGMENTS(i, i + 1)));
        ack_(&t, 5, BLOCKS(1, {AT(-2000), AT(-1999)}));
    }
    assert_int_equal(t.tcb->flight.loss.rack.reo_wnd_mult, 1);
    assert_int_equal(counted(&t, TCP_UNDONE), 0);
    expect_nothing(&t);
    tcp_end(&t);
}

/* A network that duplicates segments causes D-SACKs during a recovery and after it. They are about
 * data sent once, and prove nothing about retransmitted data (RFC 3708 2). */
SCRIPT(established_dsack_of_what_was_sent_once_proves_nothing)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 10, 10);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(2, SEGMENTS(3, 9), SEGMENTS(1, 2)));
    expect_segment(&t, 0);
    ack_(&t, 0, BLOCKS(2, SEGMENTS(1, 2), SEGMENTS(1, 2))); /* in between, and sent once */
    ack_(&t, 0, BLOCKS(2, SEGMENTS(4, 6), SEGMENTS(3, 9)));
    expect_segment(&t, 2);
    ack_(&t, 10, BLOCKS(1, SEGMENTS(7, 8))); /* behind all holes */
    ack_(&t, 10, BLOCKS(1, SEGMENTS(9, 10)));
    assert_int_equal(counted(&t, TCP_UNDONE), 0);
    assert_int_equal(t.tcb->flight.loss.rack.reo_wnd_mult, 1);
    assert_false(t.tcb->flight.loss.rack.reordering_seen);
    assert_true(t.tcb->flight.congestion.ssthresh < 10 * MSS);
    tcp_end(&t);
}

static void note_event(void *context, const struct mn_tcb *tcb, enum mnet_tcp_event event)
{
    char *text = context;
    (void)tcb;
    strcat(strcat(text, mnet_tcp_event_name(event)), " ");
}

/* mnet/tcp_info.h: a trace names each recovery that begins, ends, or was needless. */
SCRIPT(established_recoveries_are_traced)
{
    struct tcp_test t;
    char text[256] = "";
    tcp_established(&t, PEER);
    t.tcp->config.trace = note_event;
    t.tcp->config.trace_context = text;
    in_flight(&t, 10, 10);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 6)));
    assert_string_equal(text, "recovery ");
    ack_(&t, 6);
    ack_(&t, 7, BLOCKS(1, SEGMENTS(0, 1)));
    assert_string_equal(text, "recovery undone ");
    tcp_end(&t);

    text[0] = 0;
    tcp_established(&t, PEER);
    t.tcp->config.trace = note_event;
    t.tcp->config.trace_context = text;
    in_flight(&t, 10, 10);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 6)));
    ack_(&t, 10);
    assert_string_equal(text, "recovery recovered ");
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_timeout_after_which_the_original_is_acknowledged_is_taken_back),
        cmocka_unit_test(established_timeout_after_a_real_loss_stands),
        cmocka_unit_test(established_without_sack_two_acknowledgements_prove_it),
        cmocka_unit_test(established_without_sack_a_duplicate_refutes_it),
        cmocka_unit_test(established_without_sack_a_duplicate_at_once_refutes_it),
        cmocka_unit_test(established_timeouts_of_one_segment_are_taken_back),
        cmocka_unit_test(established_timeout_in_a_recovery_is_not_taken_back),
        cmocka_unit_test(established_timeout_with_half_of_it_acknowledged_stands),
        cmocka_unit_test(established_dsack_takes_a_fast_retransmission_back),
        cmocka_unit_test(established_late_dsack_takes_a_fast_retransmission_back),
        cmocka_unit_test(established_dsack_of_a_part_takes_nothing_back),
        cmocka_unit_test(established_dsack_out_of_nothing_changes_nothing),
        cmocka_unit_test(established_dsack_of_what_was_sent_once_proves_nothing),
        cmocka_unit_test(established_recoveries_are_traced),
    };
    return run_scripts("tcp_undo", tests);
}
