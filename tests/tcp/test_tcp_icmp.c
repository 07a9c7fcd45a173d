/* ICMP errors: RFC 9293 3.9.2.2, RFC 5461, RFC 5927, RFC 1191. */
#include "tests/tcp/harness.h"

/* SHLD-26: hard errors end an attempt to connect. MUST-54: they end the connection that the quote
 * names. So do prohibitions, which MUST-56 does not name, and a neighbour that does not answer. The
 * user can read the cause before the end and after it. */
SCRIPT(syn_sent_hard_error_is_unreachable)
{
    static const enum mn_unreachable hard[] = {MN_UNREACHABLE_PORT, MN_UNREACHABLE_PROTOCOL, MN_UNREACHABLE_PROHIBITED,
                                               MN_UNREACHABLE_NEIGHBOUR};
    for (unsigned i = 0; i < 2 * MN_COUNT_OF(hard); i++) {
        bool simultaneous = i >= MN_COUNT_OF(hard);
        enum mn_unreachable reason = hard[i % MN_COUNT_OF(hard)];
        struct tcp_test t;
        if (simultaneous)
            tcp_syn_received(&t, .active = true);
        else
            tcp_syn_sent(&t);
        mn_tcp_fetch_event(t.tcp);
        assert_int_equal(mn_tcp_unreachable(t.tcb), MNET_UNREACHABLE_NONE);
        icmp_(&t, reason, 0, 0); /* MUST-54 SHLD-26 */
        expect_state(&t, MN_CLOSED);
        assert_ptr_equal(mn_tcp_fetch_event(t.tcp), t.tcb);
        assert_int_equal(mn_tcp_status(t.tcb), MNET_E_UNREACHABLE);
        assert_int_equal(mn_tcp_unreachable(t.tcb), reason);
        read_result(&t, MNET_E_UNREACHABLE);
        wait_ms(&t, 10000);
        expect_nothing(&t);
        assert_int_equal(mn_tcp_unreachable(t.tcb), reason);
        close_(&t);
        tcp_end(&t);
    }
}

/* RFC 5927 4.1: a quoted sequence number that is not in flight is a forgery. */
SCRIPT(syn_sent_error_with_a_wrong_sequence_number_is_ignored)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    icmp_(&t, MN_UNREACHABLE_PORT, 0, 1);
    icmp_(&t, MN_UNREACHABLE_PORT, 0, -1);
    icmp_(&t, MN_UNREACHABLE_PORT, 0, 0x12345678);
    expect_state(&t, MN_SYN_SENT);
    tcp_end(&t);
}

/* MUST-56: soft errors end nothing, not even an attempt. They are forgotten when the connection is
 * established. */
SCRIPT(syn_sent_soft_error_is_not_the_end)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    icmp_(&t, MN_UNREACHABLE_NETWORK, 0, 0); /* MUST-56 */
    assert_int_equal(mn_tcp_unreachable(t.tcb), MNET_UNREACHABLE_NETWORK);
    icmp_(&t, MN_UNREACHABLE_HOST, 0, 0);
    assert_int_equal(mn_tcp_unreachable(t.tcb), MNET_UNREACHABLE_HOST);
    expect_state(&t, MN_SYN_SENT);
    assert_int_equal(mn_tcp_status(t.tcb), MNET_E_DEADLINE);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    assert_int_equal(mn_tcp_unreachable(t.tcb), MNET_UNREACHABLE_NONE);
    tcp_end(&t);
}

/* Soft errors decide the error code when the time is up, if one arrived. */
SCRIPT(syn_sent_soft_error_is_told_when_time_is_up)
{
    for (int with = 0; with < 2; with++) {
        struct tcp_test t;
        tcp_syn_sent(&t);
        if (with)
            icmp_(&t, MN_UNREACHABLE_HOST, 0, 0);
        wait_ms(&t, MN_SYN_TIMEOUT / MNET_MILLISECOND - 1000);
        drain(&t, NULL);
        expect_state(&t, MN_SYN_SENT);
        wait_ms(&t, 1000);
        drain(&t, NULL);
        expect_state(&t, MN_CLOSED);
        assert_int_equal(mn_tcp_status(t.tcb), with ? MNET_E_UNREACHABLE : MNET_E_TIMED_OUT);
        assert_int_equal(mn_tcp_unreachable(t.tcb), with ? MNET_UNREACHABLE_HOST : MNET_UNREACHABLE_NONE);
        assert_int_equal(counted(&t, TCP_TIMED_OUT), 1);
        tcp_end(&t);
    }
}

/* RFC 5461, RFC 5927 5: established connections survive every ICMP error. Data in flight is sent
 * again by its timer. */
SCRIPT(established_errors_do_not_end_it)
{
    static const enum mn_unreachable all[] = {MN_UNREACHABLE_NETWORK,    MN_UNREACHABLE_HOST,
                                              MN_UNREACHABLE_PROTOCOL,   MN_UNREACHABLE_PORT,
                                              MN_UNREACHABLE_PROHIBITED, MN_UNREACHABLE_NEIGHBOUR};
    struct tcp_test t;
    tcp_established(&t);
    write_text(&t, "hello");
    drain(&t, NULL);
    for (unsigned i = 0; i < MN_COUNT_OF(all); i++) {
        icmp_(&t, all[i], 0, 1); /* MUST-56 */
        assert_int_equal(mn_tcp_notices(t.tcb), MNET_NOTICE_UNREACHABLE);
        assert_int_equal(mn_tcp_unreachable(t.tcb), all[i]);
    }
    expect_nothing(&t);
    expect_state(&t, MN_ESTABLISHED);
    wait_ms(&t, 200);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    wait_ms(&t, 130000);
    drain(&t, NULL);
    expect_state(&t, MN_CLOSED);
    read_result(&t, MNET_E_TIMED_OUT); /* not UNREACHABLE: it was */
    tcp_end(&t);
}

/* SHLD-6, RFC 1191 6.4: segments get smaller, and the data in flight is sent again at once. */
SCRIPT(established_too_big_makes_smaller_segments)
{
    struct tcp_test t;
    tcp_established(&t, .no_delay = true);
    write_bytes(&t, 2 * MSS);
    assert_int_equal(drain(&t, NULL), 2);
    uint32_t cwnd = t.tcb->flight.congestion.cwnd;
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(1300), 1); /* SHLD-6 PMTU-4-3 PMTU-5.4-4 */
    for (uint32_t seq = 1; seq < 2 * MSS; seq += 1300)
        expect(&t, .seq = seq, .ack = 1, .flags = ACK, .len = (int)MN_MIN(1300u, 2 * MSS + 1 - seq));
    expect_nothing(&t);
    assert_true(t.tcb->flight.congestion.cwnd <= cwnd);
    assert_int_equal(counted(&t, TCP_RTO), 0);
    send_(&t, .seq = 1, .ack = 1 + 2 * MSS, .flags = ACK);
    write_bytes(&t, 2000);
    expect(&t, .seq = 1 + 2 * MSS, .ack = 1, .flags = ACK, .len = 1300); /* PMTU-4-4 */
    tcp_end(&t);
}

/* RFC 5681 3.1: the window is the same number of smaller segments. More of them would be a
 * burst. */
SCRIPT(established_too_big_shrinks_the_window)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 20 * MSS);
    assert_int_equal(drain(&t, NULL), 10);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(1230), 1);
    assert_int_equal(t.tcb->flight.congestion.cwnd, 10 * 1230);
    assert_int_equal(drain(&t, NULL), 10);
    tcp_end(&t);
}

SCRIPT(established_too_big_is_checked)
{
    struct tcp_test t;
    tcp_established(&t);
    const uint16_t small = link_mtu(1300);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, small, 1); /* nothing is in flight (PMTU-4-1) */
    assert_int_equal(t.tcb->snd_mss, MSS);
    write_bytes(&t, MSS);
    drain(&t, NULL);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, small, 1 + MSS);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, small, 0);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, 9000, 1); /* it raises nothing (PMTU-4-6) */
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(MSS), 1);
    assert_int_equal(t.tcb->snd_mss, MSS);
    expect_nothing(&t);
    tcp_end(&t);
}

/* RFC 5927 7: absurd sizes do not lead to a segment for every byte. A router that gives no size is
 * believed as little as the RFC asks. Over IPv6 no packet becomes smaller than 1280 (PMTU-4-2). */
SCRIPT(established_too_big_has_a_floor)
{
    const uint16_t floor = tcp_family() == IPV4 ? 576 : 1280;
    const uint32_t sizes[] = {0, 1, 68, 100, floor - 1u};
    for (unsigned i = 0; i < MN_COUNT_OF(sizes); i++) {
        struct tcp_test t;
        tcp_established(&t);
        write_bytes(&t, MSS);
        drain(&t, NULL);
        icmp_(&t, MN_UNREACHABLE_TOO_BIG, sizes[i], 1);
        assert_int_equal(t.tcb->path_mtu, floor);
        assert_int_equal(link_mtu(t.tcb->snd_mss), floor);
        assert_true(drain(&t, NULL) <= 3);
        tcp_end(&t);
    }
}

/* Errors about unknown connections do no harm. */
SCRIPT(closed_errors_are_ignored)
{
    struct tcp_test t;
    tcp_closed(&t);
    icmp_(&t, MN_UNREACHABLE_PORT, 0, 0);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, 600, 0);
    expect_nothing(&t);
    tcp_end(&t);
    tcp_time_wait(&t);
    icmp_(&t, MN_UNREACHABLE_PORT, 0, 1);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, 600, 1);
    expect_state(&t, MN_TIME_WAIT);
    tcp_end(&t);
    tcp_syn_received(&t);
    icmp_(&t, MN_UNREACHABLE_PORT, 0, 77);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, 600, 0);
    expect_state(&t, MN_SYN_RECEIVED);
    tcp_end(&t);
}

SCRIPT(syn_sent_short_quote_is_ignored)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    for (size_t len = 0; len < 8; len++) {
        /* Exactly as long as it says, so that the sanitizer sees a read beyond it. */
        uint8_t *quote = malloc(len + 1);
        memset(quote, 0, len + 1);
        struct mn_icmp_error error = {.reason = MN_UNREACHABLE_PORT,
                                      .protocol = MN_PROTOCOL_TCP,
                                      .local = t.local.address,
                                      .remote = t.remote.address,
                                      .quote = quote + 1,
                                      .quote_len = len};
        mn_tcp_icmp(t.tcp, &error, t.now);
        free(quote);
    }
    expect_state(&t, MN_SYN_SENT);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syn_sent_hard_error_is_unreachable),
        cmocka_unit_test(syn_sent_error_with_a_wrong_sequence_number_is_ignored),
        cmocka_unit_test(syn_sent_soft_error_is_not_the_end),
        cmocka_unit_test(syn_sent_soft_error_is_told_when_time_is_up),
        cmocka_unit_test(established_errors_do_not_end_it),
        cmocka_unit_test(established_too_big_makes_smaller_segments),
        cmocka_unit_test(established_too_big_shrinks_the_window),
        cmocka_unit_test(established_too_big_is_checked),
        cmocka_unit_test(established_too_big_has_a_floor),
        cmocka_unit_test(closed_errors_are_ignored),
        cmocka_unit_test(syn_sent_short_quote_is_ignored),
    };
    return run_scripts("tcp_icmp", tests);
}
