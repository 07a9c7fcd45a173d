/* SHLD-8. Explicit Congestion Notification: RFC 3168 6.1, RFC 8511. */
#include "tests/tcp/harness.h"

#define ECT0 2
#define CE 3

/* A connection with ECN agreed, opened by the peer. */
static void agree(struct tcp_test *t)
{
    tcp_listen(t);
    send_(t, .seq = 0, .flags = SYN | ECE | CWR, .mss = (int)MSS);
    expect(t, .seq = 0, .ack = 1, .flags = SYN | ACK | ECE, .ecn = 0);
    send_(t, .seq = 1, .ack = 1, .flags = ACK);
    accept_(t);
    assert_true(t->tcb->ecn.on);
}

/* --- 6.1.1: the handshake --- */

/* "an ECN-setup SYN packet" has ECE and CWR; its answer, "an ECN-setup SYN-ACK", has ECE and not
 * CWR. Neither is ECN-capable itself. */
SCRIPT(listen_setup_syn_is_answered_with_ece)
{
    struct tcp_test t;
    agree(&t);
    tcp_end(&t);
}

/* A SYN with one of the bits is no ECN-setup SYN. */
SCRIPT(listen_other_syns_are_answered_without)
{
    static const int flags[] = {SYN, SYN | ECE, SYN | CWR};
    for (unsigned i = 0; i < MN_COUNT_OF(flags); i++) {
        struct tcp_test t;
        tcp_listen(&t);
        send_(&t, .seq = 0, .flags = flags[i], .mss = (int)MSS);
        expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
        send_(&t, .seq = 1, .ack = 1, .flags = ACK);
        accept_(&t);
        write_bytes(&t, MSS);
        expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS, .ecn = 0);
        tcp_end(&t);
    }
}

/* 6.1.1: a SYN that comes again without ECE and CWR had no answer in time. A host that "has
 * received at least one non-ECN-setup SYN packet ... SHOULD NOT set ECT". */
SCRIPT(syn_received_syn_again_without_the_question_takes_it_back)
{
    struct tcp_test t;
    tcp_listen(&t);
    send_(&t, .seq = 0, .flags = SYN | ECE | CWR, .mss = (int)MSS);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK | ECE);
    send_(&t, .seq = 0, .flags = SYN, .mss = (int)MSS);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    accept_(&t);
    write_bytes(&t, MSS);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS, .ecn = 0);
    tcp_end(&t);
}

/* A SYN of Accurate ECN has the bit AE, too (RFC 9768 3.1). It gets the answer of RFC 3168, which
 * tells its sender the kind. */
SCRIPT(listen_accurate_ecn_falls_back)
{
    struct tcp_test t;
    uint8_t bytes[64];
    tcp_listen(&t);
    struct tcp_line line = {.t = &t, .flags = SYN | ECE | CWR, .window = 1000, .mss = NO, .shift = NO};
    size_t len = tcp_compose(&line, bytes);
    bytes[12] |= 1; /* AE */
    send_raw(&t, bytes, len, MNET_CHECKSUM_VERIFIED, false);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK | ECE);
    tcp_end(&t);
}

/* If ECN is off, no SYN gets ECE in its answer. */
SCRIPT(listen_off_ignores_the_question)
{
    struct tcp_test t;
    tcp_listen(&t, .ecn = MNET_ECN_OFF);
    send_(&t, .seq = 0, .flags = SYN | ECE | CWR);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    tcp_end(&t);
}

/* Our own SYNs ask only if ECN is on. The answer must be ECE alone: both bits are a reflection of
 * our own (6.1.1). */
SCRIPT(syn_sent_asks_where_it_may)
{
    static const struct {
        enum mnet_ecn mode;
        int answer;
        bool asked, on;
    } cases[] = {
        {MNET_ECN_DEFAULT, ECE, false, false}, {MNET_ECN_PASSIVE, ECE, false, false},
        {MNET_ECN_OFF, ECE, false, false},     {MNET_ECN_ON, ECE, true, true},
        {MNET_ECN_ON, 0, true, false},         {MNET_ECN_ON, ECE | CWR, true, false},
        {MNET_ECN_ON, CWR, true, false},
    };
    for (unsigned i = 0; i < MN_COUNT_OF(cases); i++) {
        struct tcp_test t;
        tcp_closed(&t, .ecn = cases[i].mode);
        open_active(&t);
        expect(&t, .seq = 0, .flags = SYN | (cases[i].asked ? ECE | CWR : 0), .ecn = 0);
        send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK | cases[i].answer, .mss = (int)MSS);
        expect(&t, .seq = 1, .ack = 1, .flags = ACK, .ecn = 0);
        assert_int_equal(t.tcb->ecn.on, cases[i].on);
        write_bytes(&t, MSS);
        expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS, .ecn = cases[i].on ? ECT0 : 0);
        tcp_end(&t);
    }
}

/* 6.1.1.1: a SYN without an answer is sent again with ECE and CWR cleared. Then ECN stays off, with
 * any answer. */
SCRIPT(syn_sent_falls_back_when_nobody_answers)
{
    struct tcp_test t;
    tcp_closed(&t, .ecn = MNET_ECN_ON);
    open_active(&t);
    expect(&t, .seq = 0, .flags = SYN | ECE | CWR);
    wait_ms(&t, 1000);
    expect(&t, .seq = 0, .flags = SYN);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK | ECE, .mss = (int)MSS);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    assert_false(t.tcb->ecn.on);
    tcp_end(&t);
}

/* --- 6.1.2: the sender --- */

/* New data is ECT(0). Pure acknowledgements are not (6.1.4), retransmissions are not (6.1.5), and
 * neither is a FIN without data. */
SCRIPT(established_only_new_data_is_capable)
{
    struct tcp_test t;
    agree(&t);
    write_bytes(&t, 2 * MSS);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS, .ecn = ECT0);
    expect(&t, .seq = 1 + MSS, .ack = 1, .flags = ACK, .len = (int)MSS, .ecn = ECT0);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "abc");
    wait_ms(&t, 40);
    expect(&t, .seq = 1 + 2 * MSS, .ack = 4, .flags = ACK, .ecn = 0);
    send_(&t, .seq = 4, .ack = 1 + MSS, .flags = ACK);
    wait_ms(&t, 300);
    expect(&t, .seq = 1 + MSS, .ack = 4, .flags = ACK, .len = (int)MSS, .ecn = 0);
    send_(&t, .seq = 4, .ack = 1 + 2 * MSS, .flags = ACK);
    read_text(&t, "abc");
    shutdown_(&t, MNET_SHUTDOWN_WRITE);
    expect(&t, .seq = 1 + 2 * MSS, .ack = 4, .flags = FIN | ACK, .ecn = 0);
    tcp_end(&t);
}

/* 6.1.6: a window probe is not ECN-capable. */
SCRIPT(established_probe_is_not_capable)
{
    struct tcp_test t;
    agree(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 0);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 0, .data = "x");
    wait_ms(&t, 40);
    drain(&t, NULL);
    write_bytes(&t, 100);
    wait_ms(&t, 250);
    expect(&t, .seq = 1, .ack = 2, .flags = ACK, .len = ANY);
    tcp_end(&t);
}

/* ECE reduces cwnd by ABE's factor (RFC 8511 3: Reno 0.8), and the next new data has CWR, once. */
SCRIPT(established_echo_reduces_and_is_answered)
{
    struct tcp_test t;
    agree(&t);
    write_bytes(&t, 30 * MSS);
    assert_int_equal(drain(&t, NULL), 10);
    send_(&t, .seq = 1, .ack = 1 + 4 * MSS, .flags = ACK | ECE);
    /* 6 in flight, with cwnd grown to 14 before: 0.8 * 6 */
    assert_int_equal(t.tcb->flight.congestion.ssthresh, 6 * MSS * 4 / 5);
    assert_int_equal(t.tcb->flight.congestion.cwnd, t.tcb->flight.congestion.ssthresh);
    assert_int_equal(counted(&t, TCP_ECN_REDUCED), 1);
    expect_nothing(&t);
    send_(&t, .seq = 1, .ack = 1 + 9 * MSS, .flags = ACK | ECE); /* the same window of data */
    expect(&t, .seq = 1 + 10 * MSS, .ack = 1, .flags = ACK | CWR, .len = (int)MSS, .ecn = ECT0);
    expect(&t, .seq = 1 + 11 * MSS, .ack = 1, .flags = ACK, .len = (int)MSS, .ecn = ECT0);
    drain(&t, NULL);
    assert_int_equal(counted(&t, TCP_ECN_REDUCED), 1);
    tcp_end(&t);
}

/* 6.1.2: an acknowledgement with ECE does not grow the window, even if it does not reduce it. */
SCRIPT(established_echo_never_grows_the_window)
{
    struct tcp_test t;
    agree(&t);
    write_bytes(&t, 100 * MSS);
    assert_int_equal(drain(&t, NULL), 10);
    send_(&t, .seq = 1, .ack = 1 + MSS, .flags = ACK | ECE);
    uint32_t cwnd = t.tcb->flight.congestion.cwnd;
    t.tcb->flight.congestion.ssthresh = 100 * MSS; /* every acknowledgement would grow the window */
    for (uint32_t i = 2; i <= 10; i++) {
        send_(&t, .seq = 1, .ack = 1 + i * MSS, .flags = ACK | ECE);
        assert_int_equal(t.tcb->flight.congestion.cwnd, cwnd);
    }
    assert_int_equal(counted(&t, TCP_ECN_REDUCED), 1);
    tcp_end(&t);
}

/* 6.1.2: "at most once per window of data". A mark of data sent after the reduction reduces
 * again. */
SCRIPT(established_echo_of_a_later_window_reduces_again)
{
    struct tcp_test t;
    agree(&t);
    write_bytes(&t, 60 * MSS);
    assert_int_equal(drain(&t, NULL), 10);
    send_(&t, .seq = 1, .ack = 1 + 2 * MSS, .flags = ACK | ECE);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1 + 10 * MSS, .flags = ACK | ECE);
    drain(&t, NULL);
    assert_int_equal(counted(&t, TCP_ECN_REDUCED), 1);
    send_(&t, .seq = 1, .ack = 1 + 12 * MSS, .flags = ACK | ECE);
    assert_int_equal(counted(&t, TCP_ECN_REDUCED), 2);
    tcp_end(&t);
}

/* 6.1.2: CWR is on a single segment, also if that segment is the first of a large packet. */
SCRIPT(established_cwr_is_on_a_single_segment)
{
    struct tcp_test t;
    agree(&t);
    t.config.gso_max = t.tcp->config.gso_max = 65000;
    write_bytes(&t, 60 * MSS);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1 + 5 * MSS, .flags = ACK | ECE);
    send_(&t, .seq = 1, .ack = 1 + 10 * MSS, .flags = ACK);
    expect(&t, .seq = 1 + 10 * MSS, .ack = 1, .flags = ACK | CWR, .len = (int)MSS);
    /* cwnd has grown to five. */
    expect(&t, .seq = 1 + 11 * MSS, .ack = 1, .flags = ACK, .len = 4 * (int)MSS);
    tcp_end(&t);
}

/* 6.1.2: a reduction after a loss is announced by CWR, too, on new data. */
SCRIPT(established_loss_is_announced)
{
    struct tcp_test t;
    agree(&t);
    write_bytes(&t, 12 * MSS);
    assert_int_equal(drain(&t, NULL), 10);
    for (int i = 0; i < 3; i++)
        send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    /* Limited transmit. */
    expect(&t, .seq = 1 + 10 * MSS, .ack = 1, .flags = ACK, .len = (int)MSS, .ecn = ECT0);
    expect(&t, .seq = 1 + 11 * MSS, .ack = 1, .flags = ACK, .len = (int)MSS, .ecn = ECT0);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS, .ecn = 0);
    send_(&t, .seq = 1, .ack = 1 + 12 * MSS, .flags = ACK);
    write_bytes(&t, MSS);
    expect(&t, .seq = 1 + 12 * MSS, .ack = 1, .flags = ACK | CWR, .len = (int)MSS, .ecn = ECT0);
    write_bytes(&t, MSS);
    expect(&t, .seq = 1 + 13 * MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    tcp_end(&t);
}

/* A peer that did not agree to ECN cannot reduce our window. */
SCRIPT(established_echo_without_agreement_is_ignored)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 10 * MSS);
    drain(&t, NULL);
    uint32_t cwnd = t.tcb->flight.congestion.cwnd;
    send_(&t, .seq = 1, .ack = 1 + 4 * MSS, .flags = ACK | ECE, .ecn = CE);
    assert_true(t.tcb->flight.congestion.cwnd >= cwnd);
    assert_int_equal(counted(&t, TCP_ECN_REDUCED), 0);
    tcp_end(&t);
}

/* A path that drops ECN-capable packets costs one timeout: a timeout ends marking if no marked data
 * has been acknowledged before. */
SCRIPT(established_timeout_before_any_success_ends_marking)
{
    struct tcp_test t;
    agree(&t);
    write_bytes(&t, MSS);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS, .ecn = ECT0);
    wait_ms(&t, 250);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS, .ecn = 0);
    send_(&t, .seq = 1, .ack = 1 + MSS, .flags = ACK);
    write_bytes(&t, MSS);
    expect(&t, .seq = 1 + MSS, .ack = 1, .flags = ACK | CWR, .len = (int)MSS, .ecn = 0);
    send_(&t, .seq = 1, .ack = 1 + 2 * MSS, .flags = ACK);
    write_bytes(&t, MSS);
    expect(&t, .seq = 1 + 2 * MSS, .ack = 1, .flags = ACK, .len = (int)MSS, .ecn = 0);
    tcp_end(&t);
    agree(&t); /* a path that has carried them before keeps ECN */
    write_bytes(&t, MSS);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1 + MSS, .flags = ACK);
    write_bytes(&t, MSS);
    drain(&t, NULL);
    wait_ms(&t, 250);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1 + 2 * MSS, .flags = ACK);
    write_bytes(&t, MSS);
    expect(&t, .seq = 1 + 2 * MSS, .ack = 1, .flags = ACK | CWR, .len = (int)MSS, .ecn = ECT0);
    tcp_end(&t);
}

/* --- 6.1.3: the receiver --- */

/* Every acknowledgement echoes a mark until CWR arrives, also an acknowledgement on data. */
SCRIPT(established_mark_is_echoed_until_cwr)
{
    struct tcp_test t;
    agree(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "ab", .ecn = CE);
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 3, .flags = ACK | ECE, .ecn = 0);
    send_(&t, .seq = 3, .ack = 1, .flags = ACK, .data = "cd", .ecn = ECT0);
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 5, .flags = ACK | ECE);
    write_text(&t, "x");
    expect(&t, .seq = 1, .ack = 5, .flags = ACK | ECE, .data = "x", .ecn = ECT0);
    send_(&t, .seq = 5, .ack = 2, .flags = ACK | CWR, .data = "ef", .ecn = ECT0);
    wait_ms(&t, 40);
    expect(&t, .seq = 2, .ack = 7, .flags = ACK);
    /* A new mark on the same segment. */
    send_(&t, .seq = 7, .ack = 2, .flags = ACK | CWR, .data = "gh", .ecn = CE);
    wait_ms(&t, 40);
    expect(&t, .seq = 2, .ack = 9, .flags = ACK | ECE);
    assert_int_equal(counted(&t, TCP_ECN_MARKED), 2);
    read_text(&t, "abcdefgh");
    tcp_end(&t);
}

/* 6.1.6: a mark on a probe of our closed window counts, although its octet does not. */
SCRIPT(established_mark_on_a_probe_is_echoed)
{
    struct tcp_test t;
    agree(&t);
    uint32_t seq = 1;
    for (uint32_t len; (len = MN_MIN(t.tcb->rcv_adv - t.tcb->rcv_nxt, MSS)) > 0; seq += len)
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = (int)len);
    wait_ms(&t, 100);
    drain(&t, NULL);
    send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = 1);
    expect(&t, .seq = 1, .ack = seq, .flags = ACK, .window = 0);
    send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = 1, .ecn = CE);
    expect(&t, .seq = 1, .ack = seq, .flags = ACK | ECE, .window = 0);
    tcp_end(&t);
}

/* 6.1.5: marks on segments that are not acceptable, or have no data, are ignored. */
SCRIPT(established_marks_out_of_window_are_ignored)
{
    struct tcp_test t;
    agree(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .ecn = CE);
    send_(&t, .seq = 100000, .ack = 1, .flags = ACK, .data = "zz", .ecn = CE);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "ab", .ecn = ECT0);
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 3, .flags = ACK);
    assert_int_equal(counted(&t, TCP_ECN_MARKED), 0);
    read_text(&t, "ab");
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listen_setup_syn_is_answered_with_ece),
        cmocka_unit_test(listen_other_syns_are_answered_without),
        cmocka_unit_test(syn_received_syn_again_without_the_question_takes_it_back),
        cmocka_unit_test(established_echo_never_grows_the_window),
        cmocka_unit_test(established_mark_on_a_probe_is_echoed),
        cmocka_unit_test(listen_accurate_ecn_falls_back),
        cmocka_unit_test(listen_off_ignores_the_question),
        cmocka_unit_test(syn_sent_asks_where_it_may),
        cmocka_unit_test(syn_sent_falls_back_when_nobody_answers),
        cmocka_unit_test(established_only_new_data_is_capable),
        cmocka_unit_test(established_probe_is_not_capable),
        cmocka_unit_test(established_echo_reduces_and_is_answered),
        cmocka_unit_test(established_echo_of_a_later_window_reduces_again),
        cmocka_unit_test(established_cwr_is_on_a_single_segment),
        cmocka_unit_test(established_loss_is_announced),
        cmocka_unit_test(established_echo_without_agreement_is_ignored),
        cmocka_unit_test(established_timeout_before_any_success_ends_marking),
        cmocka_unit_test(established_mark_is_echoed_until_cwr),
        cmocka_unit_test(established_marks_out_of_window_are_ignored),
    };
    return run_scripts("tcp_ecn", tests);
}
