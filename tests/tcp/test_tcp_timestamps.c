/* Timestamps: RFC 7323 3 (negotiation), 4 (the echoed value, round-trip times), 5 (PAWS). */
#include "tcp/records/table.h"
#include "tests/tcp/harness.h"

#define TIMESTAMPS MN_TCP_OPTION_TIMESTAMPS
#define DAY (24 * 3600 * 1000ull)

/* --- 3.2: negotiation --- */

SCRIPT(syn_sent_offers_timestamps)
{
    struct tcp_test t;
    tcp_closed(&t);
    open_active(&t);
    expect(&t, .seq = 0, .flags = SYN, .ts_value = 0);
    assert_int_equal(t.seen.header.ts_echo, 0); /* 3.2: a SYN has nothing to echo */
    tcp_end(&t);
}

/* If both SYNs have them, every segment but a reset must have them, and a reset should. The harness
 * checks each. */
SCRIPT(established_every_segment_has_timestamps)
{
    for (int active = 0; active < 2; active++) {
        struct tcp_test t;
        tcp_established(&t, .timestamps = true, .active = active);
        assert_int_equal(t.seen.header.options & TIMESTAMPS, TIMESTAMPS);
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "abc");
        wait_ms(&t, 40);
        expect(&t, .seq = 1, .ack = 4, .flags = ACK, .ts_value = 40, .ts_echo = 0);
        read_text(&t, "abc");
        write_text(&t, "defg");
        expect(&t, .seq = 1, .ack = 4, .flags = ACK, .data = "defg", .ts_value = 40);
        send_(&t, .seq = 4, .ack = 5, .flags = ACK | FIN);
        expect(&t, .seq = 5, .ack = 5, .flags = ACK, .ts_echo = 40);
        abort_(&t);
        expect(&t, .seq = 5, .ack = 5, .flags = RST | ACK, .ts_value = 40, .ts_echo = 40);
        tcp_end(&t);
    }
}

SCRIPT(syn_received_answers_with_timestamps_only_if_asked)
{
    struct tcp_test t;
    tcp_listen(&t);
    send_(&t, .flags = SYN, .mss = 1460);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .ts_value = NO);
    tcp_end(&t);
    tcp_listen(&t, .timestamps = true);
    send_(&t, .flags = SYN, .mss = 1460, .ts_value = 77);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .ts_value = 0, .ts_echo = 77);
    tcp_end(&t);
    tcp_established(&t, .active = true); /* the SYN,ACK has none */
    assert_int_equal(t.seen.header.options, 0);
    write_text(&t, "x");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x", .ts_value = NO);
    tcp_end(&t);
}

/* Simultaneous open negotiates as well. */
SCRIPT(syn_received_by_simultaneous_open_has_timestamps)
{
    struct tcp_test t;
    tcp_syn_received(&t, .active = true, .timestamps = true);
    assert_int_equal(t.seen.header.options & TIMESTAMPS, TIMESTAMPS);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect_state(&t, MN_ESTABLISHED);
    write_text(&t, "x");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x", .ts_echo = 0);
    tcp_end(&t);
}

/* Timestamps are off for the stack, or for one connection. */
SCRIPT(open_without_timestamps_offers_none)
{
    struct tcp_test t;
    tcp_closed(&t, .offer = MN_TCP_OPTION_WINDOW_SCALE);
    open_active(&t);
    expect(&t, .seq = 0, .flags = SYN, .ts_value = NO);
    tcp_end(&t);
    tcp_closed(&t);
    struct mn_tcp_open open = {
        .local = t.local, .remote = t.remote, .without = TIMESTAMPS | MN_TCP_OPTION_WINDOW_SCALE};
    assert_int_equal(mn_tcp_open(t.tcp, &open, t.now, &t.tcb), 0);
    expect(&t, .seq = 0, .flags = SYN, .ts_value = NO, .shift = NO, .permit = true);
    tcp_end(&t);
}

SCRIPT(listen_without_options_agrees_to_none)
{
    struct tcp_test t;
    tcp_closed(&t, .receive_buffer = 1u << 20);
    struct mnet_listen_options options = {.no_timestamps = true, .no_window_scale = true, .no_sack = true};
    assert_int_equal(mn_tcp_listen(t.tcp, (struct mnet_endpoint){.port = LOCAL_PORT}, &options, &t.listener), 0);
    t.timestamps = true;
    uint8_t bytes[64];
    struct tcp_line line = {.t = &t, .flags = SYN, .mss = 1460, .shift = 7, .permit = true, .ts_value = ANY};
    t.iss_known = true; /* so that the harness does not check for the option */
    t.timestamps = true;
    size_t len = tcp_compose(&line, bytes);
    t.timestamps = false;
    send_raw(&t, bytes, len, MNET_CHECKSUM_PLAIN, false);
    const struct tcp_output *o = peek_output(&t);
    assert_int_equal(o->header.options, MN_TCP_OPTION_MSS);
    tcp_end(&t);
}

/* --- 3.2: segments without the option --- */

SCRIPT(established_segment_without_timestamps_is_dropped_silently)
{
    struct tcp_test t;
    tcp_established(&t, .timestamps = true);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "abc", .ts_value = NO);
    wait_ms(&t, 1000);
    expect_nothing(&t);
    read_result(&t, MNET_E_DEADLINE);
    assert_int_equal(counted(&t, TCP_DROP_TIMESTAMP), 1);
    expect_state(&t, MN_ESTABLISHED); /* MUST NOT abort */
    send_(&t, .seq = 1, .ack = 1, .flags = RST, .ts_value = NO);
    expect_state(&t, MN_CLOSED);
    tcp_end(&t);
}

/* --- MSS: the option is taken off the text (RFC 6691, MUST-16) --- */

SCRIPT(established_segments_leave_room_for_timestamps)
{
    struct tcp_test t;
    tcp_established(&t, .timestamps = true, .no_delay = true);
    write_bytes(&t, 2000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1448); /* MUST-16 */
    expect(&t, .seq = 1449, .ack = 1, .flags = ACK, .len = 552);
    send_(&t, .seq = 1, .ack = 2001, .flags = ACK);
    write_bytes(&t, 1448);
    expect(&t, .seq = 2001, .ack = 1, .flags = ACK, .len = 1448);
    icmp_(&t, MN_UNREACHABLE_TOO_BIG, link_mtu(1300), 2001);
    expect(&t, .seq = 2001, .ack = 1, .flags = ACK, .len = 1300 - 12); /* SHLD-6 */
    tcp_end(&t);
    tcp_established(&t, .timestamps = true, .mss = 1, .no_delay = true);
    write_bytes(&t, 128);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 64);
    tcp_end(&t);
    tcp_established(&t, .timestamps = true, .gso_max = 65000);
    write_bytes(&t, 4000);
    const struct tcp_output *o = peek_output(&t);
    assert_int_equal(o->gso_size, 1448);
    tcp_end(&t);
}

/* --- 4.3: the timestamp to echo --- */

/* 4.1: the echo shows which of two SYNs is answered. So there is a round-trip time, which a
 * receiver needs to size its window. The timeout still begins at 3 s (RFC 6298 5.7). */
SCRIPT(syn_sent_twice_is_timed_by_its_echo)
{
    struct tcp_test t;
    tcp_syn_sent(&t, .timestamps = true);
    wait_ms(&t, 1000);
    expect(&t, .seq = 0, .flags = SYN, .ts_value = 1000);
    wait_ms(&t, 30);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = 1460, .ts_value = 1, .ts_echo = 1000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .ts_echo = 1);
    assert_int_equal(t.tcb->flight.rtt.srtt_ns, 30 * MNET_MILLISECOND);
    assert_int_equal(t.tcb->flight.rtt.rto_ns, 3 * MNET_SECOND);
    tcp_end(&t);
}

SCRIPT(syn_received_answer_sent_twice_is_timed_by_its_echo)
{
    struct tcp_test t;
    tcp_syn_received(&t, .timestamps = true);
    wait_ms(&t, 1000);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .ts_value = 1000);
    wait_ms(&t, 30);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .ts_echo = 1000);
    accept_(&t);
    assert_int_equal(t.tcb->flight.rtt.srtt_ns, 30 * MNET_MILLISECOND);
    assert_int_equal(t.tcb->flight.rtt.rto_ns, 3 * MNET_SECOND);
    tcp_end(&t);
}

/* With delayed acknowledgements, the timestamp of the earliest unacknowledged segment is echoed
 * (4.3 A). */
SCRIPT(established_delayed_ack_echoes_the_earliest)
{
    struct tcp_test t;
    tcp_established(&t, .timestamps = true);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "A", .ts_value = 1);
    send_(&t, .seq = 2, .ack = 1, .flags = ACK, .data = "B", .ts_value = 2);
    send_(&t, .seq = 3, .ack = 1, .flags = ACK, .data = "C", .ts_value = 3);
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 4, .flags = ACK, .ts_echo = 1);
    send_(&t, .seq = 4, .ack = 1, .flags = ACK, .data = "D", .ts_value = 4);
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 5, .flags = ACK, .ts_echo = 4);
    tcp_end(&t);
}

/* While there is a hole, the timestamp of the last segment that advanced the window is echoed (4.3
 * B). When the hole is filled, it is that of the segment which filled it (4.3 C). */
SCRIPT(established_hole_echoes_the_last_in_order)
{
    struct tcp_test t;
    tcp_established(&t, .timestamps = true, .sack = true);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "A", .ts_value = 1);
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 2, .flags = ACK, .ts_echo = 1);
    send_(&t, .seq = 3, .ack = 1, .flags = ACK, .data = "C", .ts_value = 3);
    expect(&t, .seq = 1, .ack = 2, .flags = ACK, .ts_echo = 1);
    send_(&t, .seq = 2, .ack = 1, .flags = ACK, .data = "B", .ts_value = 2);
    expect(&t, .seq = 1, .ack = 4, .flags = ACK, .ts_echo = 2);
    send_(&t, .seq = 5, .ack = 1, .flags = ACK, .data = "E", .ts_value = 5);
    expect(&t, .seq = 1, .ack = 4, .flags = ACK, .ts_echo = 2);
    send_(&t, .seq = 4, .ack = 1, .flags = ACK, .data = "D", .ts_value = 4);
    expect(&t, .seq = 1, .ack = 6, .flags = ACK, .ts_echo = 4);
    tcp_end(&t);
}

/* TS.Recent does not change if a segment is not acceptable, has a wrong sequence number or
 * acknowledgement, or is a reset (5.3 R1 to R3, 5.2). */
SCRIPT(established_unacceptable_segments_do_not_move_ts_recent)
{
    struct tcp_test t;
    tcp_established(&t, .timestamps = true, .window = 1000);
    uint32_t recent = t.tcb->timestamps.recent;
    send_(&t, .seq = 70000, .ack = 1, .flags = ACK, .data = "far", .ts_value = 5000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    send_(&t, .seq = 1, .ack = 100, .flags = ACK, .data = "ack of nothing", .ts_value = 5000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    send_(&t, .seq = 2, .ack = 1, .flags = RST | ACK, .ts_value = 5000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    send_(&t, .seq = 0, .flags = SYN, .ts_value = 5000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    assert_int_equal(t.tcb->timestamps.recent, recent);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .ts_value = 6000);
    assert_int_equal(t.tcb->timestamps.recent - PEER_TS, 6000);
    tcp_end(&t);
}

/* --- 4.1, 4.2: round-trip times --- */

/* Karn's algorithm gives no sample after a retransmission; the echo does (MUST-18). */
SCRIPT(established_retransmission_is_timed_by_its_echo)
{
    struct tcp_test t;
    tcp_established(&t, .timestamps = true, .rtt_ms = 100);
    uint64_t srtt = t.tcb->flight.rtt.srtt_ns;
    assert_in_range(srtt, 99 * MNET_MILLISECOND, 101 * MNET_MILLISECOND);
    write_bytes(&t, 100);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 100);
    wait_ms(&t, 299);
    expect_nothing(&t);
    wait_ms(&t, 2);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 100);
    wait_ms(&t, 500);
    send_(&t, .seq = 1, .ack = 101, .flags = ACK);
    uint64_t expected = srtt + (501 * MNET_MILLISECOND - srtt) / 8;
    assert_in_range(t.tcb->flight.rtt.srtt_ns, expected - MNET_MILLISECOND, expected + MNET_MILLISECOND);
    tcp_end(&t);
}

/* An echo of the first transmission counts from the first transmission. */
SCRIPT(established_echo_of_the_first_transmission_counts_from_it)
{
    struct tcp_test t;
    tcp_established(&t, .timestamps = true, .rtt_ms = 100);
    uint64_t srtt = t.tcb->flight.rtt.srtt_ns;
    write_bytes(&t, 100);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 100);
    wait_ms(&t, 310);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 100);
    send_(&t, .seq = 1, .ack = 101, .flags = ACK, .ts_echo = 100);
    uint64_t expected = srtt + (310 * MNET_MILLISECOND - srtt) / 8;
    assert_in_range(t.tcb->flight.rtt.srtt_ns, expected - MNET_MILLISECOND, expected + MNET_MILLISECOND);
    tcp_end(&t);
}

/* The acknowledgement of a duplicate echoes the first copy, whose own acknowledgement was lost.
 * That time is no round trip. */
SCRIPT(established_echo_with_dsack_is_no_sample)
{
    struct tcp_test t;
    tcp_established(&t, .timestamps = true, .sack = true, .rtt_ms = 100);
    uint64_t srtt = t.tcb->flight.rtt.srtt_ns;
    write_bytes(&t, 100);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 100);
    wait_ms(&t, 310);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 100);
    wait_ms(&t, 100);
    send_(&t, .seq = 1, .ack = 101, .flags = ACK, .ts_echo = 100, .sacks = 1, .sack = {{1, 101}});
    assert_int_equal(t.tcb->flight.rtt.srtt_ns, srtt);
    tcp_end(&t);
}

/* Appendix G: if a flight gives many samples, each has less weight. */
SCRIPT(rtt_many_echoes_weigh_as_much_as_one)
{
    struct mn_rtt many, one;
    mn_rtt_init(&many);
    mn_rtt_init(&one);
    mn_rtt_take_sample(&many, 100 * MNET_MILLISECOND);
    mn_rtt_take_sample(&one, 100 * MNET_MILLISECOND);
    for (int i = 0; i < 50; i++)
        mn_rtt_echoed(&many, 180 * MNET_MILLISECOND, 100 * MSS, MSS);
    mn_rtt_take_sample(&one, 180 * MNET_MILLISECOND);
    assert_in_range(one.srtt_ns, 109 * MNET_MILLISECOND, 111 * MNET_MILLISECOND);
    assert_in_range(many.srtt_ns, 108 * MNET_MILLISECOND, 111 * MNET_MILLISECOND);
    assert_in_range(many.rttvar_ns, one.rttvar_ns - 3 * MNET_MILLISECOND, one.rttvar_ns + 3 * MNET_MILLISECOND);
    mn_rtt_echoed(&many, 0, 100 * MSS, MSS); /* no echo */
    assert_in_range(many.srtt_ns, 108 * MNET_MILLISECOND, 111 * MNET_MILLISECOND);
}

/* A peer may invent echoes: no value gives a timeout out of bounds. */
SCRIPT(established_forged_echoes_do_no_harm)
{
    static const int64_t echoes[] = {-1000000, 1000000, 0x7fffffff, 1, 12345678};
    struct tcp_test t;
    tcp_established(&t, .timestamps = true, .rtt_ms = 10);
    for (unsigned i = 0; i < MN_COUNT_OF(echoes); i++) {
        write_bytes(&t, 10);
        drain(&t, NULL);
        mn_rtt_retransmitted(&t.tcb->flight.rtt); /* so that echoes count */
        send_(&t, .seq = 1, .ack = 1 + 10 * (i + 1), .flags = ACK, .ts_echo = echoes[i]);
        assert_true(t.tcb->flight.rtt.srtt_ns < 30 * MNET_MILLISECOND);
        assert_true(mn_rtt_timeout(&t.tcb->flight.rtt) >= MN_RTO_MIN);
    }
    tcp_end(&t);
}

/* --- 5: PAWS --- */

SCRIPT(established_old_timestamp_is_acked_and_dropped)
{
    struct tcp_test t;
    tcp_established(&t, .timestamps = true);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "new", .ts_value = 1000);
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 4, .flags = ACK, .ts_echo = 1000);
    send_(&t, .seq = 4, .ack = 1, .flags = ACK, .data = "old", .ts_value = 999); /* 5.3 R1 */
    expect(&t, .seq = 1, .ack = 4, .flags = ACK, .ts_echo = 1000);
    send_(&t, .seq = 4, .ack = 1, .flags = ACK | FIN, .ts_value = 999);
    expect(&t, .seq = 1, .ack = 4, .flags = ACK);
    expect_state(&t, MN_ESTABLISHED);
    read_text(&t, "new");
    read_result(&t, MNET_E_DEADLINE);
    assert_int_equal(counted(&t, TCP_DROP_TIMESTAMP), 2);
    send_(&t, .seq = 4, .ack = 1, .flags = ACK, .data = "same", .ts_value = 1000);
    read_text(&t, "same");
    tcp_end(&t);
}

/* The number of acknowledgements of bare ACKs is limited, or two confused stacks would answer one
 * another for ever. */
SCRIPT(established_flood_of_old_timestamps_gets_few_answers)
{
    struct tcp_test t;
    tcp_established(&t, .timestamps = true);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .ts_value = 1000);
    for (int i = 0; i < 1000; i++)
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .ts_value = 10);
    assert_int_equal(drain(&t, NULL), MN_CHALLENGE_LIMIT);
    tcp_end(&t);
}

/* 5.2: a reset is not subject to PAWS, with any timestamp. */
SCRIPT(established_reset_is_exempt_from_paws)
{
    struct tcp_test t;
    tcp_established(&t, .timestamps = true);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .ts_value = 1000);
    send_(&t, .seq = 1, .ack = 1, .flags = RST | ACK, .ts_value = 1);
    expect_state(&t, MN_CLOSED);
    read_result(&t, MNET_E_RESET);
    tcp_end(&t);
}

/* 5.2: a reset that answers a segment returns both of its timestamps. A reset that answers a
 * segment without the option has none. */
SCRIPT(closed_reset_returns_the_timestamps)
{
    struct tcp_test t;
    tcp_listen(&t);
    for (int with = 0; with < 2; with++) {
        t.timestamps = with;
        /* To the listener. */
        send_(&t, .seq = 7, .ack = 9, .flags = ACK, .ts_value = 77, .ts_echo = 5);
        expect(&t, .seq = 9, .flags = RST);
        assert_int_equal(t.seen.header.options, with ? TIMESTAMPS : 0);
        assert_int_equal(t.seen.header.ts_value, with ? t.ts_base + 5 : 0);
        assert_int_equal(t.seen.header.ts_echo, with ? PEER_TS + 77 : 0);
        struct mnet_endpoint nobody = endpoint(10, 0, 0, 2, 81);
        send_(&t, .seq = 7, .flags = SYN, .ts_value = 78, .to = nobody);
        expect(&t, .seq = 0, .ack = 8, .flags = RST | ACK, .from = nobody);
        assert_int_equal(t.seen.header.ts_echo, with ? PEER_TS + 78 : 0);
    }
    t.timestamps = false;
    tcp_end(&t);
}

/* 5.5: after 24 idle days TS.Recent is not valid any more, and the next segment sets it. */
SCRIPT(established_idle_for_24_days_forgets_ts_recent)
{
    struct tcp_test t;
    tcp_established(&t, .timestamps = true);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .ts_value = 1000);
    wait_ms(&t, 23 * DAY);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "late", .ts_value = 1);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    wait_ms(&t, DAY + 60000);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "after", .ts_value = 1);
    read_text(&t, "after");
    assert_int_equal(t.tcb->timestamps.recent - PEER_TS, 1);
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 6, .flags = ACK, .ts_echo = 1);
    tcp_end(&t);
}

/* The clock's sign changes, and the clock wraps: this has no effect. */
SCRIPT(established_timestamps_wrap)
{
    struct tcp_test t;
    tcp_established(&t, .timestamps = true);
    uint32_t seq = 1;
    for (int64_t value = 0; value < 0x180000000; value += 0x10000000) {
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .data = "x", .ts_value = value);
        seq++;
        wait_ms(&t, 40);
        expect(&t, .seq = 1, .ack = seq, .flags = ACK, .ts_echo = value);
        read_text(&t, "x");
    }
    tcp_end(&t);
}

/* Half-open connections are subject to PAWS, too (3.10.7.4 is one procedure), and a repeated SYN is
 * echoed anew. */
SCRIPT(syn_received_checks_timestamps)
{
    struct tcp_test t;
    tcp_listen(&t, .timestamps = true);
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460, .ts_value = 1000);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .ts_echo = 1000);
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460, .ts_value = 1500);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .ts_echo = 1500);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .ts_value = 1400);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .ts_echo = 1500);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .ts_value = NO);
    expect_nothing(&t);
    expect_state(&t, MN_SYN_RECEIVED);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello", .ts_value = 1501);
    accept_(&t);
    read_text(&t, "hello");
    assert_int_equal(t.tcb->timestamps.recent - PEER_TS, 1501);
    tcp_end(&t);
}

/* RFC 5961 4.2 comes before PAWS: a restarted peer may have no timestamps any more, or a clock that
 * began again. The challenge makes it reset the old connection. */
SCRIPT(synchronized_syn_is_challenged_whatever_its_timestamp)
{
    static const int64_t stamps[] = {NO, 0, -100000, 50, 100000};
    for (unsigned i = 0; i < MN_COUNT_OF(stamps); i++) {
        for (uint32_t seq = 0; seq < 3; seq++) {
            struct tcp_test t;
            tcp_established(&t, .timestamps = true);
            send_(&t, .seq = seq * 700000, .flags = SYN, .mss = 1460, .ts_value = stamps[i]);
            expect(&t, .seq = 1, .ack = 1, .flags = ACK);
            assert_int_equal(counted(&t, TCP_DROP_TIMESTAMP), 0);
            assert_int_equal(t.tcb->timestamps.recent, PEER_TS);
            send_(&t, .seq = 1, .flags = RST, .ts_value = NO);
            expect_state(&t, MN_CLOSED);
            tcp_end(&t);
        }
    }
}

/* 1.3, 3.2: nothing is agreed before the SYN,ACK has arrived. Some stacks leave options out after a
 * few tries. */
SCRIPT(syn_received_same_syn_with_fewer_options_is_answered_with_fewer)
{
    struct tcp_test t;
    tcp_listen(&t, .timestamps = true);
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460, .shift = 7, .permit = true);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .shift = 0, .permit = true);
    t.timestamps = false;
    send_(&t, .seq = 0, .flags = SYN, .mss = 1200, .window = 3000);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .shift = NO, .permit = false, .ts_value = NO);
    /* Too late. */
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460, .shift = 7, .permit = true, .window = 3000);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .shift = NO, .permit = false, .ts_value = NO);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello", .window = 3000);
    accept_(&t);
    read_text(&t, "hello");
    assert_int_equal(t.tcb->snd_wnd, 3000);
    assert_int_equal(t.tcb->snd_mss, 1200);
    assert_false(t.tcb->sack_ok);
    tcp_end(&t);
}

/* The client restarts while its record is half open, and its clock does, too. Its SYN gets an
 * answer, which it resets, and the next SYN gets a new record. */
SCRIPT(syn_received_restarted_client_gets_in)
{
    static const int64_t stamps[] = {NO, -100000};
    for (unsigned i = 0; i < MN_COUNT_OF(stamps); i++) {
        struct tcp_test t;
        tcp_listen(&t, .timestamps = true);
        send_(&t, .seq = 0, .flags = SYN, .mss = 1460);
        expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
        for (unsigned n = 0; n < 2 * MN_CHALLENGE_LIMIT; n++) { /* nobody can use up its answer */
            send_(&t, .seq = 800000, .ack = 1, .flags = ACK);
            drain(&t, NULL);
        }
        send_(&t, .seq = 700000, .flags = SYN, .mss = 1460, .ts_value = stamps[i]);
        expect(&t, .seq = 1, .ack = 1, .flags = ACK);
        send_(&t, .seq = 1, .flags = RST, .ts_value = NO);
        expect_state(&t, MN_CLOSED);
        t.timestamps = stamps[i] != NO;
        send_(&t, .seq = 700000, .flags = SYN, .mss = 1460, .ts_value = stamps[i]);
        assert_non_null(peek_output(&t));
        assert_int_equal(peek_output(&t)->header.flags, SYN | ACK);
        drain(&t, NULL);
        assert_usage(&t, half_open, 1);
        tcp_end(&t);
    }
}

/* Simultaneous open: the peer repeats its SYN, so our SYN,ACK was lost. It is sent again at once,
 * with the options still offered. */
SCRIPT(syn_received_by_simultaneous_open_same_syn_is_answered_again)
{
    struct tcp_test t;
    tcp_syn_received(&t, .active = true, .timestamps = true, .sack = true);
    wait_ms(&t, 300);
    t.timestamps = false;
    send_(&t, .seq = 0, .flags = SYN, .mss = 1200);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .permit = false, .ts_value = NO);
    expect_nothing(&t);
    /* A different SYN: the peer has restarted (RFC 5961 4.2). */
    send_(&t, .seq = 700000, .flags = SYN, .mss = 1200);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    read_text(&t, "hello");
    assert_int_equal(t.tcb->snd_mss, 1200);
    tcp_end(&t);
}

/* --- 7.1: the clock --- */

/* Every pair of ends has an offset of its own, and the clock of a pair only goes forward. */
SCRIPT(timestamp_offsets_are_spread_and_stable)
{
    struct tcp_test t;
    tcp_closed(&t);
    unsigned buckets[16] = {0};
    for (uint16_t i = 0; i < 1600; i++) {
        struct mnet_endpoint remote = t.remote;
        remote.port = (uint16_t)(1000 + i);
        uint32_t offset = mn_tcp_choose_beginning(t.tcp, &t.local, &remote, t.now).timestamp_offset;
        buckets[offset >> 28]++;
        assert_int_equal(offset, mn_tcp_choose_beginning(t.tcp, &t.local, &remote, t.now).timestamp_offset);
    }
    for (int i = 0; i < 16; i++)
        assert_in_range(buckets[i], 60, 140); /* 100 each, with a deviation of ten */
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syn_sent_offers_timestamps),
        cmocka_unit_test(established_every_segment_has_timestamps),
        cmocka_unit_test(syn_received_answers_with_timestamps_only_if_asked),
        cmocka_unit_test(syn_received_by_simultaneous_open_has_timestamps),
        cmocka_unit_test(open_without_timestamps_offers_none),
        cmocka_unit_test(listen_without_options_agrees_to_none),
        cmocka_unit_test(established_segment_without_timestamps_is_dropped_silently),
        cmocka_unit_test(established_segments_leave_room_for_timestamps),
        cmocka_unit_test(syn_sent_twice_is_timed_by_its_echo),
        cmocka_unit_test(syn_received_answer_sent_twice_is_timed_by_its_echo),
        cmocka_unit_test(established_delayed_ack_echoes_the_earliest),
        cmocka_unit_test(established_hole_echoes_the_last_in_order),
        cmocka_unit_test(established_unacceptable_segments_do_not_move_ts_recent),
        cmocka_unit_test(established_retransmission_is_timed_by_its_echo),
        cmocka_unit_test(established_echo_of_the_first_transmission_counts_from_it),
        cmocka_unit_test(established_echo_with_dsack_is_no_sample),
        cmocka_unit_test(rtt_many_echoes_weigh_as_much_as_one),
        cmocka_unit_test(established_forged_echoes_do_no_harm),
        cmocka_unit_test(established_old_timestamp_is_acked_and_dropped),
        cmocka_unit_test(established_flood_of_old_timestamps_gets_few_answers),
        cmocka_unit_test(established_reset_is_exempt_from_paws),
        cmocka_unit_test(closed_reset_returns_the_timestamps),
        cmocka_unit_test(established_idle_for_24_days_forgets_ts_recent),
        cmocka_unit_test(established_timestamps_wrap),
        cmocka_unit_test(syn_received_checks_timestamps),
        cmocka_unit_test(synchronized_syn_is_challenged_whatever_its_timestamp),
        cmocka_unit_test(syn_received_same_syn_with_fewer_options_is_answered_with_fewer),
        cmocka_unit_test(syn_received_restarted_client_gets_in),
        cmocka_unit_test(syn_received_by_simultaneous_open_same_syn_is_answered_again),
        cmocka_unit_test(timestamp_offsets_are_spread_and_stable),
    };
    return run_scripts("tcp_timestamps", tests);
}
