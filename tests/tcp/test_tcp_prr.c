/* Proportional rate reduction in fast recovery: RFC 9937 (which replaces RFC 6937). */
#include "tests/tcp/recovery.h"

#include "tcp/recovery/flight.h"

#define PEER .sack = true, .rtt_ms = 100

/* 6.2: SndCnt is prr_delivered * ssthresh / RecoverFS, rounded up, less prr_out. If ssthresh is
 * half the window, one segment is sent for every two delivered, and ssthresh is in flight at the
 * end. */
SCRIPT(established_one_loss_sends_in_proportion)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 40, 10);
    t.tcb->flight.congestion.cwnd = 10 * MSS; /* without limited transmit */
    t.tcb->snd_wnd = 10 * MSS;
    at_ms(&t, 100);
    ack_(&t, 0, .window = 10 * (int)MSS, BLOCKS(1, SEGMENTS(1, 4)));
    expect_segment(&t, 0);
    expect_nothing(&t);
    assert_int_equal(t.tcb->flight.loss.prr.recover_fs, 10 * MSS);
    assert_int_equal(t.tcb->flight.congestion.ssthresh, 5 * MSS);
    /* Down to ssthresh the sending is in proportion, and halves wait. Then each delivered segment
     * allows one. */
    static const uint32_t allowed[] = {2, 2, 2, 3, 4, 5};
    uint32_t sent = 1;
    for (uint32_t i = 5; i <= 10; i++) {
        ack_(&t, 0, .window = 40 * (int)MSS, BLOCKS(1, SEGMENTS(1, i)));
        wait_ms(&t, 20); /* for paced segments */
        sent += drain(&t, NULL);
        assert_int_equal(sent, allowed[i - 5]);
    }
    assert_int_equal(mn_tcb_pipe(t.tcb), 5 * MSS);
    ack_(&t, 10, .window = 40 * (int)MSS);
    assert_int_equal(t.tcb->flight.loss.phase, MN_LOSS_OPEN);
    assert_int_equal(t.tcb->flight.congestion.cwnd, 5 * MSS); /* 6.4: cwnd = ssthresh at the end */
    tcp_end(&t);
}

/* "PRR-CRB by default": if much was lost, no more is sent than was delivered. "PRR-SSRB when
 * recovery is making good progress": one segment more for each acknowledgement that makes progress
 * without further loss. */
SCRIPT(established_heavy_loss_conserves_packets_then_slow_starts)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 10, 10);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(7, 8)));
    ack_(&t, 0, BLOCKS(1, SEGMENTS(7, 9)));
    expect_nothing(&t);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(7, 10)));
    expect_segment(&t, 0); /* seven are lost; this acknowledgement delivered one */
    expect_nothing(&t);
    ack_(&t, 1, BLOCKS(1, SEGMENTS(7, 10)));
    expect_segment(&t, 1);
    expect_segment(&t, 2); /* SafeACK */
    expect_nothing(&t);
    ack_(&t, 2, BLOCKS(1, SEGMENTS(7, 10)));
    expect_segment(&t, 3);
    expect_segment(&t, 4);
    expect_nothing(&t);
    ack_(&t, 7 + 3);
    expect_nothing(&t);
    tcp_end(&t);
}

/* "Force a fast retransmit upon entering recovery", also if the timer finds the loss and nothing
 * was delivered. */
SCRIPT(established_first_retransmission_is_never_held_back)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    in_flight(&t, 2, 2);
    at_ms(&t, 100);
    ack_(&t, 0, BLOCKS(1, SEGMENTS(1, 2)));
    at_ms(&t, 125);
    expect_segment(&t, 0);
    tcp_end(&t);
}

/* 7: with any blocks, a recovery sends no more than was delivered and was allowed when it began. */
SCRIPT(established_recovery_sends_no_more_than_was_delivered)
{
    struct tcp_test t;
    tcp_established(&t, PEER);
    write_bytes(&t, 200 * MSS);
    drain(&t, NULL);
    uint32_t una = 10;
    ack_(&t, una);
    wait_ms(&t, 100); /* paced */
    drain(&t, NULL);  /* 20 in flight */
    uint32_t sent = 0, delivered = 0;
    for (uint32_t i = 0; i < 19; i += 2) {
        ack_(&t, una, BLOCKS(1, SEGMENTS(una + 1 + i, una + 2 + i)));
        uint32_t bytes;
        drain(&t, &bytes);
        sent += bytes;
        delivered += MSS;
        assert_true(sent <= delivered + 2 * MSS);
    }
    tcp_end(&t);
}

/* Without SACK a duplicate delivers one segment, and a partial acknowledgement the data that no
 * duplicate stood for (6.2). "ACK splitting" gains nothing: no more duplicates count than segments
 * are in flight. */
SCRIPT(established_without_sack_duplicates_are_credible_only_for_what_is_in_flight)
{
    struct tcp_test t;
    tcp_established(&t);
    in_flight(&t, 60, 10);
    uint32_t sent = 0;
    for (int i = 0; i < 200; i++) {
        ack_(&t, 0);
        uint32_t bytes;
        drain(&t, &bytes);
        sent += bytes;
    }
    assert_true(t.tcb->flight.congestion.ssthresh <= 6 * MSS);
    assert_true(sent <= 16 * MSS);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_one_loss_sends_in_proportion),
        cmocka_unit_test(established_heavy_loss_conserves_packets_then_slow_starts),
        cmocka_unit_test(established_first_retransmission_is_never_held_back),
        cmocka_unit_test(established_recovery_sends_no_more_than_was_delivered),
        cmocka_unit_test(established_without_sack_duplicates_are_credible_only_for_what_is_in_flight),
    };
    return run_scripts("tcp_prr", tests);
}
