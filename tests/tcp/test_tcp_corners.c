/* Corners of the protocol that the test suites of other stacks look into and that no other file
 * here has: what meets in one moment, wraps, comes twice, or comes after the user has left.
 * docs/tcp-behaviours.md lists all of them. */
#include "tests/tcp/harness.h"

/* ---- handshake ---- */

/* Text that arrives out of order before the connection is accepted is delivered when the hole is
 * filled afterwards. */
SCRIPT(established_hole_before_accept_is_filled_behind_it)
{
    struct tcp_test t;
    tcp_syn_received(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    send_(&t, .seq = 6, .ack = 1, .flags = ACK, .data = "world");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    accept_(&t);
    read_result(&t, MNET_E_DEADLINE);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    expect(&t, .seq = 1, .ack = 11, .flags = ACK);
    read_text(&t, "helloworld");
    tcp_end(&t);
}

/* RFC 9293 3.10.7.3, fourth: a SYN with a FIN, but without an ACK, is a simultaneous open. The FIN
 * is not acknowledged, so the peer sends it again. */
SCRIPT(syn_sent_syn_fin_is_simultaneous_open)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    send_(&t, .seq = 0, .flags = SYN | FIN, .mss = 1460);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    expect_state(&t, MN_SYN_RECEIVED);
    send_(&t, .seq = 1, .ack = 1, .flags = FIN | ACK);
    expect(&t, .seq = 1, .ack = 2, .flags = ACK);
    expect_state(&t, MN_CLOSE_WAIT);
    read_result(&t, 0);
    tcp_end(&t);
}

/* Shutdown of reading while connecting takes effect when the connection is established. */
SCRIPT(syn_sent_shutdown_read_refuses_what_comes)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    shutdown_(&t, MNET_SHUTDOWN_READ);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = 1460);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    write_text(&t, "one way");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "one way");
    send_(&t, .seq = 1, .ack = 8, .flags = ACK, .data = "refused");
    expect(&t, .seq = 8, .ack = 1, .flags = RST | ACK);
    expect_state(&t, MN_CLOSED);
    tcp_end(&t);
}

/* If the backlog has filled up since the SYN, the last ACK of the handshake is ignored, and the
 * client gets in when there is room. */
SCRIPT(syn_received_ack_with_a_full_backlog_waits)
{
    struct tcp_test t;
    tcp_syn_received(&t, .backlog = 1);
    struct mnet_endpoint other = endpoint(10, 0, 0, 1, 5000);
    send_(&t, .seq = 0, .flags = SYN, .from = other);
    uint32_t iss = peek_output(&t)->header.seq - t.iss;
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = iss + 1, .flags = ACK, .from = other);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect_nothing(&t);
    expect_state(&t, MN_SYN_RECEIVED);
    assert_int_equal(counted(&t, TCP_DROP_BACKLOG), 1);
    accept_(&t);
    at_ms(&t, 1000); /* our SYN,ACK is sent again, and so is the ACK */
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    accept_(&t);
    read_text(&t, "hello");
    tcp_end(&t);
}

/* MUST-43: if one listener is on any address and another on an own address, the latter gets the
 * connections to its address. */
SCRIPT(listen_on_an_address_comes_before_any)
{
    struct tcp_test t;
    tcp_listen(&t);
    struct mn_listener *here = NULL;
    assert_int_equal(mn_tcp_listen(t.tcp, t.local, NULL, &here), 0);
    send_(&t, .seq = 0, .flags = SYN);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    assert_true(mn_tcp_acceptable(here)); /* MUST-43 */
    assert_false(mn_tcp_acceptable(t.listener));
    mn_tcp_unlisten(t.tcp, here, t.now);
    drain(&t, NULL);
    t.iss_known = false;
    t.remote.port++;
    send_(&t, .seq = 0, .flags = SYN);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    assert_true(mn_tcp_acceptable(t.listener));
    tcp_end(&t);
}

/* Fast Open (RFC 7413) is not supported: its cookie request is an unknown option, and data on the
 * SYN is asked for again. */
SCRIPT(listen_fast_open_is_a_plain_syn)
{
    static const uint8_t request[] = {34, 2, 1, 1}, cookie[] = {34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1};
    for (int with_cookie = 0; with_cookie < 2; with_cookie++) {
        struct tcp_test t;
        tcp_listen(&t);
        send_(&t, .flags = SYN, .data = "hello", .options = with_cookie ? cookie : request,
              .options_len = with_cookie ? sizeof cookie : sizeof request);
        expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
        assert_int_equal(t.seen.total, 20 + 4); /* the MSS and no other option */
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
        accept_(&t);
        read_text(&t, "hello");
        tcp_end(&t);
    }
}

/* Signatures (RFC 2385, RFC 5925) that were not agreed mean nothing. */
SCRIPT(established_signatures_mean_nothing)
{
    uint8_t md5[20] = {19, 18}, ao[16] = {29, 16};
    struct tcp_test t;
    tcp_listen(&t);
    send_(&t, .flags = SYN, .options = md5, .options_len = sizeof md5);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    assert_int_equal(t.seen.total, 20 + 4);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .options = ao, .options_len = sizeof ao);
    accept_(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "signed", .options = md5, .options_len = sizeof md5);
    read_text(&t, "signed");
    send_(&t, .seq = 7, .ack = 1, .flags = ACK, .data = "or not");
    read_text(&t, "or not");
    tcp_end(&t);
}

/* ---- receiving ---- */

/* A FIN out of order waits for the hole in FIN-WAIT-1 and FIN-WAIT-2, too. */
SCRIPT(fin_wait_fin_out_of_order_waits_for_the_hole)
{
    for (uint32_t acked = 0; acked < 2; acked++) { /* FIN-WAIT-1, then FIN-WAIT-2 */
        struct tcp_test t;
        tcp_fin_wait_1(&t);
        if (acked)
            send_(&t, .seq = 1, .ack = 2, .flags = ACK);
        send_(&t, .seq = 6, .ack = 1 + acked, .flags = FIN | ACK, .data = "world");
        expect(&t, .seq = 2, .ack = 1, .flags = ACK);
        expect_state(&t, acked ? MN_FIN_WAIT_2 : MN_FIN_WAIT_1);
        send_(&t, .seq = 1, .ack = 1 + acked, .flags = ACK, .data = "hello");
        expect(&t, .seq = 2, .ack = 12, .flags = ACK);
        expect_state(&t, acked ? MN_TIME_WAIT : MN_CLOSING);
        read_text(&t, "helloworld");
        read_result(&t, 0);
        tcp_end(&t);
    }
}

/* SACK blocks, sent and received, may span the end of the sequence space. */
SCRIPT(established_sack_blocks_wrap)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true, .irs = 0xffffffff - 700);
    send_(&t, .seq = 501, .ack = 1, .flags = ACK, .len = 500); /* wraps in the middle */
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .sacks = 1, .sack = {{501, 1001}});
    send_(&t, .seq = 1501, .ack = 1, .flags = ACK, .len = 500);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .sacks = 2, .sack = {{1501, 2001}, {501, 1001}});
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1500);
    expect(&t, .seq = 1, .ack = 2001, .flags = ACK);
    read_pattern(&t, 0, 2000);
    tcp_end(&t);

    tcp_established(&t, .sack = true, .rtt_ms = 100, .has_iss = true, .iss = 0xffffffff - 3 * MSS);
    write_bytes(&t, 8 * MSS);
    assert_int_equal(drain(&t, NULL), 8);
    wait_ms(&t, 100);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .sacks = 1, .sack = {{1 + MSS, 1 + 5 * MSS}});
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS);
    expect_nothing(&t);
    assert_int_equal(t.tcb->flight.loss.sent.sacked, 4 * MSS);
    send_(&t, .seq = 1, .ack = 1 + 5 * MSS, .flags = ACK, .sacks = 1, .sack = {{1 + 6 * MSS, 1 + 8 * MSS}});
    wait_ms(&t, 100);
    expect(&t, .seq = 1 + 5 * MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    send_(&t, .seq = 1, .ack = 1 + 8 * MSS, .flags = ACK);
    wait_ms(&t, 10000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* RFC 7323, RFC 2018 3: three blocks fit beside timestamps. */
SCRIPT(established_three_blocks_fit_beside_timestamps)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true, .timestamps = true);
    for (uint32_t i = 0; i < 4; i++)
        send_(&t, .seq = 1001 + 1000 * i, .ack = 1, .flags = ACK, .len = 500);
    for (int i = 0; i < 3; i++)
        expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .sacks = 3, .sack = {{4001, 4501}, {3001, 3501}, {2001, 2501}});
    tcp_end(&t);
}

/* RFC 5961 7 limits challenges. A peer that sends old data again has lost acknowledgements, so it
 * gets one each time. */
SCRIPT(established_old_data_is_acknowledged_without_limit)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    read_text(&t, "hello");
    wait_ms(&t, 40);
    drain(&t, NULL);
    for (int i = 0; i < 100; i++) {
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
        expect(&t, .seq = 1, .ack = 6, .flags = ACK);
    }
    expect_nothing(&t);
    tcp_end(&t);
}

/* A FIN without text does not fit a closed window either (RFC 9293 3.4, table 6). The peer sends it
 * again, and it is accepted when there is room. */
SCRIPT(established_bare_fin_at_a_closed_window_comes_again)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 2920);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1460);
    send_(&t, .seq = 1461, .ack = 1, .flags = ACK, .len = 1460);
    drain(&t, NULL);
    for (int i = 0; i < 3; i++) {
        send_(&t, .seq = 2921, .ack = 1, .flags = FIN | ACK);
        expect(&t, .seq = 1, .ack = 2921, .flags = ACK, .window = 0);
        expect_state(&t, MN_ESTABLISHED);
        wait_ms(&t, 1000);
    }
    read_pattern(&t, 0, 2920);
    expect(&t, .seq = 1, .ack = 2921, .flags = ACK);
    send_(&t, .seq = 2921, .ack = 1, .flags = FIN | ACK);
    expect(&t, .seq = 1, .ack = 2922, .flags = ACK);
    read_result(&t, 0);
    expect_state(&t, MN_CLOSE_WAIT);
    tcp_end(&t);
}

/* Reading the rest in TIME-WAIT sends no window update: the peer sends no more data. */
SCRIPT(time_wait_reading_sends_no_window_update)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 2920);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1460);
    shutdown_(&t, MNET_SHUTDOWN_WRITE);
    send_(&t, .seq = 1461, .ack = 2, .flags = FIN | ACK, .len = 1459);
    drain(&t, NULL);
    expect_state(&t, MN_TIME_WAIT);
    read_pattern(&t, 0, 2919);
    read_result(&t, 0);
    wait_ms(&t, 1000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* ---- sending ---- */

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

/* A close behind more data than the congestion window allows: the FIN follows the last byte. An ACK
 * of less does not change that. */
SCRIPT(established_close_behind_the_congestion_window_sends_the_fin_last)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 12 * MSS);
    assert_int_equal(drain(&t, NULL), 10);
    close_(&t);
    expect_nothing(&t);
    expect_state(&t, MN_FIN_WAIT_1);
    send_(&t, .seq = 1, .ack = 1 + MSS, .flags = ACK);
    expect(&t, .seq = 1 + 10 * MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    expect(&t, .seq = 1 + 11 * MSS, .ack = 1, .flags = FIN | ACK, .len = (int)MSS);
    send_(&t, .seq = 1, .ack = 1 + 12 * MSS, .flags = ACK);
    expect_state(&t, MN_FIN_WAIT_1);
    send_(&t, .seq = 1, .ack = 2 + 12 * MSS, .flags = ACK);
    expect_state(&t, MN_FIN_WAIT_2);
    tcp_end(&t);
}

/* ---- the end ---- */

/* A reset of a connection without a user frees it, without an answer or an event. */
SCRIPT(synchronized_orphan_ends_with_a_reset)
{
    static const enum mn_tcp_state states[] = {MN_ESTABLISHED, MN_FIN_WAIT_1, MN_FIN_WAIT_2,
                                               MN_CLOSE_WAIT,  MN_CLOSING,    MN_LAST_ACK};
    for (unsigned i = 0; i < MN_COUNT_OF(states); i++) {
        struct tcp_test t;
        tcp_reach(states[i], TCP_SETUP(&t));
        bool ended = states[i] == MN_CLOSE_WAIT || states[i] == MN_CLOSING || states[i] == MN_LAST_ACK;
        close_(&t);
        drain(&t, NULL);
        assert_usage(&t, orphans, 1);
        send_(&t, .seq = ended ? 2 : 1, .flags = RST);
        expect_nothing(&t);
        assert_usage(&t, tcbs, 0);
        assert_usage(&t, orphans, 0);
        wait_ms(&t, 100000);
        expect_nothing(&t);
        tcp_end(&t);
    }
}

/* In TIME-WAIT every segment that takes sequence numbers is acknowledged, except a reset. Only the
 * FIN itself restarts the wait. */
SCRIPT(time_wait_segments_out_of_order_are_acknowledged)
{
    struct tcp_test t;
    tcp_time_wait(&t);
    close_(&t);
    at_ms(&t, 30000);
    send_(&t, .seq = 100, .ack = 2, .flags = ACK, .data = "ahead");
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    send_(&t, .seq = 100, .ack = 2, .flags = FIN | ACK);
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    send_(&t, .seq = -100, .ack = 1, .flags = FIN | ACK, .data = "behind");
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    at_ms(&t, 59999);
    expect_state(&t, MN_TIME_WAIT);
    at_ms(&t, 60001);
    expect_state(&t, MN_CLOSED);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_hole_before_accept_is_filled_behind_it),
        cmocka_unit_test(syn_sent_syn_fin_is_simultaneous_open),
        cmocka_unit_test(syn_sent_shutdown_read_refuses_what_comes),
        cmocka_unit_test(syn_received_ack_with_a_full_backlog_waits),
        cmocka_unit_test(listen_on_an_address_comes_before_any),
        cmocka_unit_test(listen_fast_open_is_a_plain_syn),
        cmocka_unit_test(established_signatures_mean_nothing),
        cmocka_unit_test(fin_wait_fin_out_of_order_waits_for_the_hole),
        cmocka_unit_test(established_sack_blocks_wrap),
        cmocka_unit_test(established_three_blocks_fit_beside_timestamps),
        cmocka_unit_test(established_old_data_is_acknowledged_without_limit),
        cmocka_unit_test(established_bare_fin_at_a_closed_window_comes_again),
        cmocka_unit_test(time_wait_reading_sends_no_window_update),
        cmocka_unit_test(established_zero_window_probe_ignores_the_congestion_window),
        cmocka_unit_test(established_window_that_is_not_used_does_not_grow),
        cmocka_unit_test(established_close_behind_the_congestion_window_sends_the_fin_last),
        cmocka_unit_test(synchronized_orphan_ends_with_a_reset),
        cmocka_unit_test(time_wait_segments_out_of_order_are_acknowledged),
    };
    return cmocka_run_group_tests_name("tcp_corners", tests, NULL, NULL);
}
