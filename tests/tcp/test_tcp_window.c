/* Windows in both directions: flow control, zero windows, silly windows, Nagle (RFC 9293 3.7.4,
 * 3.8.6). */
#include "tests/tcp/harness.h"

SCRIPT(established_sender_keeps_to_the_window)
{
    struct tcp_test t;
    tcp_established(&t, .window = 1000);
    write_bytes(&t, 5000);
    for (uint32_t seq = 1; seq < 5001; seq += 1000) {
        expect(&t, .seq = seq, .ack = 1, .flags = ACK, .len = 1000);
        expect_nothing(&t);
        send_(&t, .seq = 1, .ack = seq + 1000, .flags = ACK, .window = 1000);
    }
    wait_ms(&t, 5000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* MUST-1, REC-1: the window is unsigned. */
SCRIPT(established_window_above_32767_is_large)
{
    struct tcp_test t;
    tcp_established(&t, .window = 65535);
    write_bytes(&t, 20000);
    uint32_t bytes;
    assert_int_equal(drain(&t, &bytes), 10); /* MUST-1: the congestion window is the limit */
    assert_int_equal(bytes, 14600);
    tcp_end(&t);
}

/* MUST-34, SHLD-15: no new data is sent beyond a window that shrank. SHLD-16: old data is
 * retransmitted. SHLD-17: the connection does not time out. */
SCRIPT(established_shrunk_window_is_survived)
{
    struct tcp_test t;
    tcp_established(&t, .window = 4380, .user_timeout_ns = 30 * MNET_SECOND);
    write_bytes(&t, 10000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1460);
    expect(&t, .seq = 1461, .ack = 1, .flags = ACK, .len = 1460);
    expect(&t, .seq = 2921, .ack = 1, .flags = ACK, .len = 1460);
    /* Right edge at 2461, SND.NXT at 4381. */
    send_(&t, .seq = 1, .ack = 1461, .flags = ACK, .window = 1000);
    expect_nothing(&t); /* MUST-34, SHLD-15 */
    wait_ms(&t, 300);
    /* SHLD-16: as much as the window holds. */
    expect(&t, .seq = 1461, .ack = 1, .flags = ACK, .len = 1000);
    expect_nothing(&t);
    send_(&t, .seq = 1, .ack = 2461, .flags = ACK, .window = 0);
    /* The peer lives, and keeps its window closed for far longer than R2. */
    for (int i = 0; i < 100; i++) {
        wait_ms(&t, 20000);
        for (const struct tcp_output *o; (o = peek_output(&t)) != NULL; drain(&t, NULL)) {
            assert_int_equal(o->header.seq - t.iss, 2461);
            assert_int_equal(o->len, 1);
            send_(&t, .seq = 1, .ack = 2461, .flags = ACK, .window = 0);
        }
    }
    expect_state(&t, MN_ESTABLISHED); /* SHLD-17 */
    send_(&t, .seq = 1, .ack = 4381, .flags = ACK, .window = 10000);
    expect(&t, .seq = 4381, .ack = 1, .flags = ACK, .len = 1460);
    tcp_end(&t);
}

/* MUST-36, SHLD-29: the first probe is sent after one RTO. SHLD-30: the intervals grow, while the
 * probes are answered (MUST-37). */
SCRIPT(established_zero_window_is_probed)
{
    struct tcp_test t;
    tcp_established(&t, .window = 0, .user_timeout_ns = 30 * MNET_SECOND);
    write_bytes(&t, 5000);
    expect_nothing(&t);
    uint64_t when = 0, interval = 200;
    for (int i = 0; i < 9; i++) {
        when += interval;
        at_ms(&t, when - 1);
        expect_nothing(&t);
        at_ms(&t, when);
        /* MUST-35 MUST-36 SHLD-29 SHLD-30. */
        expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1);
        expect_nothing(&t);
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 0);
        expect_nothing(&t);
        interval = MN_MIN(2 * interval, 60000u);
    }
    for (int i = 0; i < 100; i++) { /* MUST-37 */
        wait_ms(&t, 60000);
        expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1);
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 0);
    }
    expect_state(&t, MN_ESTABLISHED);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 5000);
    uint32_t bytes;
    /* The octet of the probe is sent again, alone or with more. */
    assert_in_range(drain(&t, &bytes), 4, 5);
    assert_in_range(bytes, 4381, 5000); /* Nagle may hold the end */
    tcp_end(&t);
}

/* MUST-35: a window that shrinks to zero with everything acknowledged is probed. */
SCRIPT(established_window_that_closes_is_probed)
{
    struct tcp_test t;
    tcp_established(&t, .window = 1000);
    write_bytes(&t, 1500);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1000);
    mark(&t);
    send_(&t, .seq = 1, .ack = 1001, .flags = ACK, .window = 0);
    at_ms(&t, 199);
    expect_nothing(&t);
    at_ms(&t, 200);
    expect(&t, .seq = 1001, .ack = 1, .flags = ACK, .len = 1);   /* MUST-35 */
    send_(&t, .seq = 1, .ack = 1002, .flags = ACK, .window = 0); /* the peer accepted it */
    wait_ms(&t, 60000);
    expect(&t, .seq = 1002, .ack = 1, .flags = ACK, .len = 1);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1003, .flags = ACK, .window = 1000);
    expect(&t, .seq = 1003, .ack = 1, .flags = ACK, .len = 498);
    send_(&t, .seq = 1, .ack = 1501, .flags = ACK, .window = 1000);
    wait_ms(&t, 100000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* If there is nothing to send, there is no probe. */
SCRIPT(established_zero_window_without_data_is_silent)
{
    struct tcp_test t;
    tcp_established(&t, .window = 1000);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 0);
    wait_ms(&t, 600000);
    expect_nothing(&t);
    write_text(&t, "x");
    expect_nothing(&t);
    wait_ms(&t, 200);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x");
    tcp_end(&t);
}

/* Unanswered probes are a silent peer: R2 ends the connection. */
SCRIPT(established_unanswered_probes_time_out)
{
    struct tcp_test t;
    tcp_established(&t, .window = 0, .user_timeout_ns = 30 * MNET_SECOND);
    write_bytes(&t, 100);
    at_ms(&t, 29000);
    assert_true(drain(&t, NULL) >= 5);
    expect_state(&t, MN_ESTABLISHED);
    at_ms(&t, 120000);
    expect_state(&t, MN_CLOSED);
    read_result(&t, MNET_E_TIMED_OUT);
    tcp_end(&t);
}

/* A FIN waits for a closed window like data, and a probe may carry it alone. */
SCRIPT(fin_wait_1_fin_behind_a_closed_window_arrives)
{
    struct tcp_test t;
    tcp_established(&t, .window = 0);
    write_bytes(&t, 100);
    shutdown_(&t, MNET_SHUTDOWN_WRITE);
    wait_ms(&t, 300);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 1000);
    uint32_t bytes;
    drain(&t, &bytes);
    assert_int_equal(bytes, 100);
    send_(&t, .seq = 1, .ack = 102, .flags = ACK, .window = 1000);
    expect_state(&t, MN_FIN_WAIT_2);
    tcp_end(&t);
}

/* MUST-38: a sender does not use small parts of a window. */
SCRIPT(established_sender_avoids_silly_windows)
{
    struct tcp_test t;
    tcp_established(&t, .window = 4000, .no_delay = true);
    write_bytes(&t, 10000);
    uint32_t bytes;
    /* 1460 twice; the 1080 octets left are less than a segment and than half the window. */
    assert_int_equal(drain(&t, &bytes), 2);
    assert_int_equal(bytes, 2920);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 4010);
    expect_nothing(&t); /* MUST-38 */
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 4380);
    expect(&t, .seq = 2921, .ack = 1, .flags = ACK, .len = 1460);
    tcp_end(&t);
}

/* If nothing is in flight that could open the window further, the sender does not wait for ever
 * (3.8.6.2.1 (4), the override timeout). */
SCRIPT(established_small_window_is_used_in_the_end)
{
    struct tcp_test t;
    tcp_established(&t, .window = 4000, .no_delay = true);
    write_bytes(&t, 10000);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 2921, .flags = ACK, .window = 100);
    wait_ms(&t, 60000);
    const struct tcp_output *o = peek_output(&t);
    assert_non_null(o);
    assert_int_equal(o->header.seq - t.iss, 2921);
    assert_in_range(o->len, 1, 100);
    tcp_end(&t);
}

/* SHLD-14, MUST-66: a receiver whose user does not read closes its window, and accepts no more. The
 * right edge never moves left. */
SCRIPT(established_receiver_closes_its_window)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 8000);
    uint32_t edge = 0, next = 1;
    while (next < 8001) {
        uint32_t len = MN_MIN(700u, 8001 - next);
        send_(&t, .seq = next, .ack = 1, .flags = ACK, .len = (int)len);
        next += len;
        wait_ms(&t, 40);
        const struct tcp_output *o = peek_output(&t);
        assert_non_null(o);
        uint32_t right = o->header.ack - t.irs + o->header.window;
        assert_true(right >= edge); /* SHLD-14 */
        assert_true(right <= 8001);
        edge = right;
        drain(&t, NULL);
    }
    assert_int_equal(edge, 8001);
    send_(&t, .seq = 8001, .ack = 1, .flags = ACK, .data = "x"); /* the peer's probe */
    expect(&t, .seq = 1, .ack = 8001, .flags = ACK, .window = 0);
    read_pattern(&t, 0, 8000);
    read_result(&t, MNET_E_DEADLINE);
    expect(&t, .seq = 1, .ack = 8001, .flags = ACK);
    assert_true(t.seen.header.window > 0);
    tcp_end(&t);
}

/* MUST-66: with a closed window acknowledgements are still processed. */
SCRIPT(established_zero_window_still_takes_acks)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 2920);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1460);
    send_(&t, .seq = 1461, .ack = 1, .flags = ACK, .len = 1460);
    expect(&t, .seq = 1, .ack = 2921, .flags = ACK, .window = 0);
    write_text(&t, "abc");
    expect(&t, .seq = 1, .ack = 2921, .flags = ACK, .data = "abc", .window = 0);
    send_(&t, .seq = 2921, .ack = 4, .flags = ACK);
    wait_ms(&t, 3000);
    expect_nothing(&t);
    send_(&t, .seq = 2921, .ack = 4, .flags = ACK | URG, .urgent = 1); /* and urgent pointers */
    drain(&t, NULL);
    expect_state(&t, MN_ESTABLISHED);
    tcp_end(&t);
}

/* RFC 9293 3.10.7.4: "special allowance" for ACKs and RSTs with a zero window. Of a peer's data
 * with a good ACK the text is refused, and the ACK may count. */
SCRIPT(established_zero_window_refuses_data_and_fin)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 2920);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1460);
    send_(&t, .seq = 1461, .ack = 1, .flags = ACK, .len = 1460);
    drain(&t, NULL);
    send_(&t, .seq = 2921, .ack = 1, .flags = FIN | ACK, .len = 10);
    expect(&t, .seq = 1, .ack = 2921, .flags = ACK, .window = 0);
    expect_state(&t, MN_ESTABLISHED);
    read_pattern(&t, 0, 2920);
    read_result(&t, MNET_E_DEADLINE);
    drain(&t, NULL);
    send_(&t, .seq = 2921, .ack = 1, .flags = FIN | ACK, .len = 10);
    expect(&t, .seq = 1, .ack = 2932, .flags = ACK);
    expect_state(&t, MN_CLOSE_WAIT);
    tcp_end(&t);
}

/* MUST-39: no update for a few bytes, but one if a segment's worth or half the buffer is free. */
SCRIPT(established_window_updates_are_worthwhile)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 5 * MSS);
    for (uint32_t i = 0; i < 5; i++)
        send_(&t, .seq = 1 + i * MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    wait_ms(&t, 100);
    drain(&t, NULL);
    uint32_t position = 0;
    for (; position < 1400; position += 100) {
        read_pattern(&t, position, 100);
        expect_nothing(&t); /* MUST-39 */
    }
    wait_ms(&t, 1000);
    expect_nothing(&t);
    read_pattern(&t, position, 5 * MSS - position);
    const struct tcp_output *o = peek_output(&t);
    assert_non_null(o);
    assert_true(o->header.window >= MSS);
    tcp_end(&t);
}

/* A probe of the peer after a small read does not get a small window either. */
SCRIPT(established_receiver_avoids_silly_windows)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 8000);
    for (uint32_t seq = 1; seq < 8001; seq += 800)
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = 800);
    wait_ms(&t, 100);
    drain(&t, NULL);
    read_pattern(&t, 0, 10);
    send_(&t, .seq = 8001, .ack = 1, .flags = ACK, .len = 1);
    expect(&t, .seq = 1, .ack = 8001, .flags = ACK, .window = 0); /* MUST-39 */
    tcp_end(&t);
}

/* The peer has closed: there is no need to open a window. */
SCRIPT(close_wait_reading_sends_no_window_update)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 4000);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1460);
    send_(&t, .seq = 1461, .ack = 1, .flags = ACK, .len = 1460);
    send_(&t, .seq = 2921, .ack = 1, .flags = FIN | ACK, .len = 1000);
    drain(&t, NULL);
    read_pattern(&t, 0, 3920);
    read_result(&t, 0);
    wait_ms(&t, 1000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* Windows are scaled in both directions: the shift is the smallest that can express the buffer. */
SCRIPT(established_windows_are_scaled)
{
    struct tcp_test t;
    tcp_listen(&t, .receive_buffer = 1u << 20);
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460, .shift = 3, .window = 65535);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .window = 65535);
    assert_true(t.seen.header.options & MN_TCP_OPTION_WINDOW_SCALE);
    uint8_t shift = t.seen.header.window_shift;
    assert_true((65535u << shift) + 1 >= 1u << 20 || shift >= 4);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 8192);
    accept_(&t);
    assert_int_equal(t.tcb->snd_wnd, 65536);
    write_text(&t, "x");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x");
    uint32_t window = (uint32_t)t.seen.header.window << shift;
    assert_in_range(window, 65535 - (1u << shift), 1u << 20);
    tcp_end(&t);
}

/* SND.WL1, SND.WL2: an older segment does not change the window. */
SCRIPT(established_old_segment_does_not_update_the_window)
{
    struct tcp_test t;
    tcp_established(&t, .window = 1000, .no_delay = true);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello", .window = 0); /* SND.WL1 is 1 */
    send_(&t, .seq = 6, .ack = 1, .flags = ACK, .data = "world", .window = 0); /* SND.WL1 is 6 */
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "helloworld!", .window = 5000);
    drain(&t, NULL);
    assert_int_equal(t.tcb->snd_wnd, 0); /* SEG.SEQ < SND.WL1, although the ACK is new */
    send_(&t, .seq = 12, .ack = 1, .flags = ACK, .window = 5000);
    assert_int_equal(t.tcb->snd_wnd, 5000);
    uint32_t window = t.tcb->snd_wnd;
    send_(&t, .seq = 5, .ack = 1, .flags = ACK, .data = "oworld!", .window = 777);
    drain(&t, NULL);
    assert_int_equal(t.tcb->snd_wnd, window);
    tcp_end(&t);
}

/* SHLD-7: Nagle: a small segment waits while data is in flight. */
SCRIPT(established_nagle_holds_small_segments)
{
    struct tcp_test t;
    tcp_established(&t);
    write_text(&t, "a");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "a", .psh = true);
    write_text(&t, "b");
    write_text(&t, "c");
    expect_nothing(&t); /* SHLD-7 */
    send_(&t, .seq = 1, .ack = 2, .flags = ACK);
    expect(&t, .seq = 2, .ack = 1, .flags = ACK, .data = "bc", .psh = true); /* MUST-60 */
    tcp_end(&t);
}

SCRIPT(established_nagle_lets_full_segments_go)
{
    struct tcp_test t;
    tcp_established(&t);
    write_text(&t, "a");
    drain(&t, NULL);
    write_bytes(&t, 1460 + 10);
    expect(&t, .seq = 2, .ack = 1, .flags = ACK, .len = 1460); /* SHLD-28 */
    expect_nothing(&t);
    tcp_end(&t);
}

/* MUST-17 */
SCRIPT(established_no_delay_turns_nagle_off)
{
    struct tcp_test t;
    tcp_established(&t);
    write_text(&t, "a");
    write_text(&t, "b");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "a");
    expect_nothing(&t);
    mn_tcp_set_no_delay(t.tcp, t.tcb, true); /* MUST-17 */
    expect(&t, .seq = 2, .ack = 1, .flags = ACK, .data = "b");
    write_text(&t, "c");
    expect(&t, .seq = 3, .ack = 1, .flags = ACK, .data = "c");
    tcp_end(&t);
}

SCRIPT(established_last_segment_with_fin_is_not_delayed)
{
    struct tcp_test t;
    tcp_established(&t);
    write_text(&t, "a");
    write_text(&t, "b");
    drain(&t, NULL);
    shutdown_(&t, MNET_SHUTDOWN_WRITE);
    expect(&t, .seq = 2, .ack = 1, .flags = FIN | ACK, .data = "b");
    tcp_end(&t);
}

/* MUST-61: PSH is on the last segment of the buffered data. SHLD-27: only there. */
SCRIPT(established_push_marks_the_last_segment)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 1460 * 2 + 100);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1460, .psh = false); /* SHLD-27 SHLD-28 */
    expect(&t, .seq = 1461, .ack = 1, .flags = ACK, .len = 1460, .psh = false);
    mn_tcp_set_no_delay(t.tcp, t.tcb, true);
    expect(&t, .seq = 2921, .ack = 1, .flags = ACK, .len = 100, .psh = true); /* MUST-61 */
    tcp_end(&t);
}

/* The send buffer is a limit: data that does not fit is not accepted, and room is announced. */
SCRIPT(established_full_send_buffer_takes_no_more)
{
    struct tcp_test t;
    tcp_established(&t, .send_buffer = 4096);
    static const uint8_t bytes[10000];
    ptrdiff_t taken = mn_tcp_send(t.tcp, t.tcb, bytes, sizeof bytes, false, t.now);
    assert_int_equal(taken, 4096);
    assert_int_equal(mn_tcp_send(t.tcp, t.tcb, bytes, sizeof bytes, false, t.now), 0);
    assert_false(mn_tcp_ready(t.tcb) & MNET_WRITABLE);
    while (mn_tcp_fetch_event(t.tcp) != NULL)
        continue;
    /* Beyond the limit. */
    assert_int_equal(mn_tcp_send(t.tcp, t.tcb, bytes, 5000, true, t.now), 5000);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1461, .flags = ACK);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1 + 9096, .flags = ACK);
    assert_ptr_equal(mn_tcp_fetch_event(t.tcp), t.tcb);
    assert_true(mn_tcp_ready(t.tcb) & MNET_WRITABLE);
    assert_int_equal(mn_tcp_send(t.tcp, t.tcb, bytes, sizeof bytes, false, t.now), 4096);
    drain(&t, NULL);
    tcp_end(&t);
}

/* Large packets stand for many segments: their sizes, flags and windows are those of the
 * segments. */
SCRIPT(established_large_packets_carry_their_segment_size)
{
    struct tcp_test t;
    tcp_established(&t, .gso_max = 65000);
    write_bytes(&t, 14600);
    uint32_t seen = 0;
    const struct tcp_output *o;
    while ((o = peek_output(&t)) != NULL) {
        if (o->len > 1460)
            assert_int_equal(o->gso_size, 1460);
        uint32_t len = o->len;
        expect(&t, .seq = 1 + seen, .ack = 1, .flags = ACK, .len = (int)len);
        seen += len;
    }
    assert_int_equal(seen, 14600);
    send_(&t, .seq = 1, .ack = 14601, .flags = ACK);
    write_bytes(&t, 10000);
    write_bytes(&t, 10001);
    unsigned packets = 0;
    for (seen = 0; (o = peek_output(&t)) != NULL; packets++) {
        seen += o->len;
        struct tcp_output *first = t.first;
        t.first = first->next;
        if (t.first == NULL)
            t.last = &t.first;
        free(first->bytes);
        free(first);
    }
    assert_true(packets <= 3);
    assert_true(seen >= 12 * 1460); /* Nagle may hold the end of the second write */
    tcp_end(&t);
}

/* Returns whether the user has an event to read now. */
static bool is_told(struct tcp_test *t)
{
    bool told = false;
    while (mn_tcp_fetch_event(t->tcp) != NULL)
        told = true;
    return told;
}

/* A user whose write was cut short waits for the rest of it, not for half of the buffer, which may
 * never be free if the peer's window stays closed. */
SCRIPT(established_room_for_the_rest_is_told)
{
    struct tcp_test t;
    tcp_established(&t, .send_buffer = 8192, .no_delay = true);
    static const uint8_t bytes[10000];
    assert_int_equal(mn_tcp_send(t.tcp, t.tcb, bytes, sizeof bytes, false, t.now), 8192);
    is_told(&t);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1801, .flags = ACK, .window = 0); /* 1808 are left over */
    assert_false(is_told(&t));
    assert_false(mn_tcp_ready(t.tcb) & MNET_WRITABLE);
    send_(&t, .seq = 1, .ack = 1809, .flags = ACK, .window = 0);
    assert_true(is_told(&t));
    assert_true(mn_tcp_ready(t.tcb) & MNET_WRITABLE);
    assert_int_equal(mn_tcp_send(t.tcp, t.tcb, bytes, 1808, false, t.now), 1808);
    drain(&t, NULL);
    tcp_end(&t);
}

/* The window closes with the same acknowledgement that makes the room. */
SCRIPT(established_room_for_the_rest_is_told_when_the_window_closes)
{
    struct tcp_test t;
    tcp_established(&t, .send_buffer = 8192, .no_delay = true);
    static const uint8_t bytes[10000];
    assert_int_equal(mn_tcp_send(t.tcp, t.tcb, bytes, sizeof bytes, false, t.now), 8192);
    is_told(&t);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 2001, .flags = ACK);
    assert_false(is_told(&t)); /* more room is to come */
    send_(&t, .seq = 1, .ack = 2101, .flags = ACK, .window = 0);
    assert_true(is_told(&t));
    drain(&t, NULL);
    tcp_end(&t);
}

/* If the rest is large, half of the buffer at a time is enough. */
SCRIPT(established_room_for_much_more_is_told_at_half)
{
    struct tcp_test t;
    tcp_established(&t, .send_buffer = 8192, .no_delay = true);
    static const uint8_t bytes[100000];
    assert_int_equal(mn_tcp_send(t.tcp, t.tcb, bytes, sizeof bytes, false, t.now), 8192);
    is_told(&t);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1 + 4095, .flags = ACK);
    assert_false(is_told(&t));
    send_(&t, .seq = 1, .ack = 1 + 4096, .flags = ACK);
    assert_true(is_told(&t));
    assert_int_equal(mn_tcp_send(t.tcp, t.tcb, bytes, sizeof bytes, false, t.now), 4096);
    drain(&t, NULL);
    tcp_end(&t);
}

/* A buffer that is full to the byte, or beyond its limit, is not ready. A user whose write was not
 * cut short gets an event, too. */
SCRIPT(established_filled_send_buffer_is_not_writable)
{
    for (int beyond = 0; beyond < 2; beyond++) {
        struct tcp_test t;
        tcp_established(&t, .send_buffer = 8192, .no_delay = true);
        static const uint8_t bytes[30000];
        size_t len = beyond ? sizeof bytes : 8192;
        assert_int_equal(mn_tcp_send(t.tcp, t.tcb, bytes, 100, beyond, t.now), 100);
        assert_true(mn_tcp_ready(t.tcb) & MNET_WRITABLE);
        assert_int_equal(mn_tcp_send(t.tcp, t.tcb, bytes, len - 100, beyond, t.now), len - 100);
        assert_false(mn_tcp_ready(t.tcb) & MNET_WRITABLE);
        is_told(&t);
        for (uint32_t acked = 0; acked < len - 4096;) {
            drain(&t, NULL);
            assert_false(is_told(&t));
            acked += MN_MIN(1000u, (uint32_t)len - 4096 - acked);
            send_(&t, .seq = 1, .ack = 1 + acked, .flags = ACK);
        }
        assert_true(is_told(&t));
        assert_true(mn_tcp_ready(t.tcb) & MNET_WRITABLE);
        drain(&t, NULL);
        tcp_end(&t);
    }
}

/* The limit is lower while memory is short. So there is less room than before, and later more,
 * without an acknowledgement. */
SCRIPT(established_room_follows_the_limit)
{
    struct tcp_test t;
    tcp_established(&t, .send_buffer = 8192, .no_delay = true);
    static const uint8_t bytes[8000];
    assert_int_equal(mn_tcp_send(t.tcp, t.tcb, bytes, sizeof bytes, false, t.now), sizeof bytes);
    drain(&t, NULL);
    is_told(&t);
    t.tcp->config.user.send_buffer = 4096;
    assert_false(mn_tcp_refresh_ready(t.tcp, t.tcb) & MNET_WRITABLE);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 0);
    assert_false(is_told(&t));
    t.tcp->config.user.send_buffer = 65536;
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 0);
    assert_true(is_told(&t));
    assert_true(mn_tcp_refresh_ready(t.tcp, t.tcb) & MNET_WRITABLE);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_sender_keeps_to_the_window),
        cmocka_unit_test(established_window_above_32767_is_large),
        cmocka_unit_test(established_shrunk_window_is_survived),
        cmocka_unit_test(established_zero_window_is_probed),
        cmocka_unit_test(established_window_that_closes_is_probed),
        cmocka_unit_test(established_zero_window_without_data_is_silent),
        cmocka_unit_test(established_unanswered_probes_time_out),
        cmocka_unit_test(fin_wait_1_fin_behind_a_closed_window_arrives),
        cmocka_unit_test(established_sender_avoids_silly_windows),
        cmocka_unit_test(established_small_window_is_used_in_the_end),
        cmocka_unit_test(established_receiver_closes_its_window),
        cmocka_unit_test(established_zero_window_still_takes_acks),
        cmocka_unit_test(established_zero_window_refuses_data_and_fin),
        cmocka_unit_test(established_window_updates_are_worthwhile),
        cmocka_unit_test(established_receiver_avoids_silly_windows),
        cmocka_unit_test(close_wait_reading_sends_no_window_update),
        cmocka_unit_test(established_windows_are_scaled),
        cmocka_unit_test(established_old_segment_does_not_update_the_window),
        cmocka_unit_test(established_nagle_holds_small_segments),
        cmocka_unit_test(established_nagle_lets_full_segments_go),
        cmocka_unit_test(established_no_delay_turns_nagle_off),
        cmocka_unit_test(established_last_segment_with_fin_is_not_delayed),
        cmocka_unit_test(established_push_marks_the_last_segment),
        cmocka_unit_test(established_full_send_buffer_takes_no_more),
        cmocka_unit_test(established_room_for_the_rest_is_told),
        cmocka_unit_test(established_room_for_the_rest_is_told_when_the_window_closes),
        cmocka_unit_test(established_room_for_much_more_is_told_at_half),
        cmocka_unit_test(established_filled_send_buffer_is_not_writable),
        cmocka_unit_test(established_room_follows_the_limit),
        cmocka_unit_test(established_large_packets_carry_their_segment_size),
    };
    return run_scripts("tcp_window", tests);
}
