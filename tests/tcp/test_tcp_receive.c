/* Acceptability, reassembly and delivery in synchronized states (RFC 9293 3.4, 3.10.7.4). */
#include "tests/support/tcp_check.h"
#include "tests/tcp/harness.h"

SCRIPT(established_data_is_delivered_and_acknowledged)
{
    struct tcp_test t;
    tcp_established(&t);
    while (mn_tcp_fetch_event(t.tcp) != NULL)
        continue;
    send_(&t, .seq = 1, .ack = 1, .flags = ACK | PSH, .data = "hello");
    assert_ptr_equal(mn_tcp_fetch_event(t.tcp), t.tcb);
    assert_true(mn_tcp_ready(t.tcb) & MNET_READABLE);
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 6, .flags = ACK);
    read_text(&t, "hello");
    assert_false(mn_tcp_ready(t.tcb) & MNET_READABLE);
    read_result(&t, MNET_E_DEADLINE);
    expect_nothing(&t);
    tcp_end(&t);
}

SCRIPT(established_both_directions_acknowledge_with_data)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "ping");
    write_text(&t, "pong");
    expect(&t, .seq = 1, .ack = 5, .flags = ACK, .data = "pong", .psh = true);
    send_(&t, .seq = 5, .ack = 5, .flags = ACK);
    wait_ms(&t, 1000);
    expect_nothing(&t);
    tcp_end(&t);
}

SCRIPT(established_partial_reads_keep_the_rest)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello ");
    send_(&t, .seq = 7, .ack = 1, .flags = ACK, .data = "world");
    char text[4] = {0};
    assert_int_equal(mn_tcp_receive(t.tcp, t.tcb, text, 0, t.now), 0);
    assert_int_equal(mn_tcp_receive(t.tcp, t.tcb, text, 3, t.now), 3);
    assert_string_equal(text, "hel");
    read_text(&t, "lo wo");
    read_text(&t, "rld");
    read_result(&t, MNET_E_DEADLINE);
    tcp_end(&t);
}

SCRIPT(established_lent_bytes_are_in_order_and_returned)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1460);
    send_(&t, .seq = 1461, .ack = 1, .flags = ACK, .len = 1460);
    struct mnet_slice slices[8];
    uint32_t position = 0;
    while (position < 2920) {
        ptrdiff_t count = mn_tcp_lend(t.tcp, t.tcb, slices, 8);
        assert_in_range(count, 1, 8);
        for (ptrdiff_t i = 0; i < count; i++) {
            for (size_t k = 0; k < slices[i].len; k++)
                assert_int_equal(((const uint8_t *)slices[i].data)[k], pattern(position++));
        }
    }
    assert_int_equal(position, 2920);
    assert_int_equal(mn_tcp_lend(t.tcp, t.tcb, slices, 8), MNET_E_DEADLINE);
    mn_tcp_return(t.tcp, t.tcb, t.now);
    drain(&t, NULL);
    tcp_end(&t);
}

/* 3.10.7.4, fifth: "if the ACK bit is off, drop the segment and return". */
SCRIPT(established_segment_without_ack_is_dropped)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .flags = 0, .data = "hello");
    send_(&t, .seq = 1, .flags = FIN);
    send_(&t, .seq = 1, .flags = PSH | URG, .data = "hello");
    expect_nothing(&t);
    expect_state(&t, MN_ESTABLISHED);
    read_result(&t, MNET_E_DEADLINE);
    wait_ms(&t, 1000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* First: a segment that is not acceptable is answered with <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>, and
 * dropped. */
SCRIPT(established_segment_outside_the_window_is_acknowledged)
{
    struct tcp_test t;
    tcp_established(&t);
    write_text(&t, "abc");
    drain(&t, NULL);
    /* Directly behind the window. */
    send_(&t, .seq = 1 + 65535, .ack = 1, .flags = ACK, .data = "x");
    expect(&t, .seq = 4, .ack = 1, .flags = ACK);
    send_(&t, .seq = 1 + 0x40000000, .ack = 1, .flags = ACK, .data = "x");
    expect(&t, .seq = 4, .ack = 1, .flags = ACK);
    send_(&t, .seq = 0, .ack = 1, .flags = ACK, .data = "x"); /* directly before it */
    expect(&t, .seq = 4, .ack = 1, .flags = ACK);
    send_(&t, .seq = -100, .ack = 1, .flags = FIN | ACK, .data = "x");
    expect(&t, .seq = 4, .ack = 1, .flags = ACK);
    expect_nothing(&t);
    expect_state(&t, MN_ESTABLISHED);
    read_result(&t, MNET_E_DEADLINE);
    tcp_end(&t);
}

/* The acknowledgement of an unacceptable segment is not believed either. */
SCRIPT(established_ack_of_a_segment_outside_the_window_is_not_taken)
{
    struct tcp_test t;
    tcp_established(&t);
    write_text(&t, "abc");
    drain(&t, NULL);
    send_(&t, .seq = 1 + 70000, .ack = 4, .flags = ACK);
    expect(&t, .seq = 4, .ack = 1, .flags = ACK);
    wait_ms(&t, 250);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "abc"); /* still unacknowledged */
    tcp_end(&t);
}

SCRIPT(established_last_octet_of_the_window_is_accepted)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 65535, .ack = 1, .flags = ACK, .len = 1);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    for (uint32_t seq = 1; seq < 65535; seq += 1459)
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = (int)MN_MIN(1459u, 65535 - seq));
    wait_ms(&t, 40);
    read_pattern(&t, 0, 65535);
    tcp_end(&t);
}

SCRIPT(established_segment_is_trimmed_on_the_left)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 100);
    send_(&t, .seq = 51, .ack = 1, .flags = ACK, .len = 100);
    wait_ms(&t, 40);
    read_pattern(&t, 0, 150);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1, .flags = FIN | ACK, .len = 150); /* only the FIN is new */
    expect(&t, .seq = 1, .ack = 152, .flags = ACK);
    expect_state(&t, MN_CLOSE_WAIT);
    read_result(&t, 0);
    tcp_end(&t);
}

/* Text beyond the window is not accepted, and a FIN there is not either. */
SCRIPT(established_segment_is_trimmed_on_the_right)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 4000);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1460);
    send_(&t, .seq = 1461, .ack = 1, .flags = ACK, .len = 1460);
    drain(&t, NULL);
    send_(&t, .seq = 2921, .ack = 1, .flags = FIN | ACK, .len = 1460);
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 4001, .flags = ACK, .window = 0);
    expect_nothing(&t);
    expect_state(&t, MN_ESTABLISHED);
    read_pattern(&t, 0, 4000);
    read_result(&t, MNET_E_DEADLINE);
    drain(&t, NULL);
    /* Up to the number of the FIN, which was not accepted. */
    send_(&t, .seq = 4001, .ack = 1, .flags = ACK, .len = 380);
    read_pattern(&t, 4000, 380);
    expect_state(&t, MN_ESTABLISHED);
    tcp_end(&t);
}

/* Fifth: "If the ACK acks something not yet sent (SEG.ACK > SND.NXT), then send an ACK, drop the
 * segment, and return." */
SCRIPT(established_ack_of_unsent_data_is_answered_and_dropped)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 2, .flags = ACK, .data = "x");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    write_text(&t, "abc");
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 5, .flags = FIN | ACK, .data = "x");
    expect(&t, .seq = 4, .ack = 1, .flags = ACK);
    expect_nothing(&t);
    read_result(&t, MNET_E_DEADLINE);
    expect_state(&t, MN_ESTABLISHED);
    tcp_end(&t);
}

/* "If the ACK is a duplicate (SEG.ACK =< SND.UNA), it can be ignored": the text of the segment is
 * not. */
SCRIPT(established_old_ack_is_harmless)
{
    struct tcp_test t;
    tcp_established(&t);
    write_text(&t, "abcdef");
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 7, .flags = ACK);
    send_(&t, .seq = 1, .ack = 3, .flags = ACK, .data = "hello");
    wait_ms(&t, 40);
    expect(&t, .seq = 7, .ack = 6, .flags = ACK);
    read_text(&t, "hello");
    wait_ms(&t, 2000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* RFC 5961 5.2 (MAY-12): acceptable is SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT. */
SCRIPT(established_very_old_ack_is_challenged)
{
    struct tcp_test t;
    tcp_established(&t, .window = 1000);
    send_(&t, .seq = 1, .ack = 1 - 1001, .flags = ACK, .data = "evil", .window = 1000); /* MAY-12 */
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    read_result(&t, MNET_E_DEADLINE);
    send_(&t, .seq = 1, .ack = 1 - 1000, .flags = ACK, .data = "good", .window = 1000);
    read_text(&t, "good");
    tcp_end(&t);
}

/* SHLD-31: every order of five segments gives the same stream. Data out of order is acknowledged at
 * once (RFC 5681 4.2, MAY-13). */
static void permute(unsigned *order, unsigned at, unsigned *count)
{
    if (at < 5) {
        for (unsigned i = at; i < 5; i++) {
            unsigned swap = order[at];
            order[at] = order[i];
            order[i] = swap;
            permute(order, at + 1, count);
            order[i] = order[at];
            order[at] = swap;
        }
        return;
    }
    struct tcp_test t;
    tcp_established(&t, .irs = 0xffffffff - 150); /* wraps in the second segment */
    bool arrived[5] = {false};
    unsigned next = 0;
    for (unsigned i = 0; i < 5; i++) {
        bool in_order = order[i] == next;
        send_(&t, .seq = 1 + 100 * order[i], .ack = 1, .flags = ACK, .len = 100);
        arrived[order[i]] = true;
        while (next < 5 && arrived[next])
            next++;
        if (!in_order)
            expect(&t, .seq = 1, .ack = 1 + 100 * next, .flags = ACK); /* SHLD-31 */
        else
            drain(&t, NULL);
    }
    wait_ms(&t, 40);
    drain(&t, NULL);
    read_pattern(&t, 0, 500);
    read_result(&t, MNET_E_DEADLINE);
    tcp_end(&t);
    ++*count;
}

SCRIPT(established_segments_in_any_order_give_the_stream)
{
    unsigned order[5] = {0, 1, 2, 3, 4}, count = 0;
    permute(order, 0, &count);
    assert_int_equal(count, 120);
}

/* Two overlapping pieces in any position after a hole, and then a segment that fills it: all starts
 * and ends. */
SCRIPT(established_overlapping_segments_give_the_stream)
{
    enum {
        SIZE = 7
    };
    struct tcp_test t;
    tcp_established(&t);
    uint32_t base = 1;
    for (unsigned a = 0; a < SIZE; a++)
        for (unsigned b = a + 1; b <= SIZE; b++)
            for (unsigned c = 0; c < SIZE; c++)
                for (unsigned d = c + 1; d <= SIZE; d++) {
                    send_(&t, .seq = base + a, .ack = 1, .flags = ACK, .len = (int)(b - a));
                    send_(&t, .seq = base + c, .ack = 1, .flags = ACK, .len = (int)(d - c));
                    send_(&t, .seq = base, .ack = 1, .flags = ACK, .len = SIZE);
                    read_pattern(&t, base - 1, SIZE);
                    read_result(&t, MNET_E_DEADLINE);
                    base += SIZE;
                    wait_ms(&t, 40);
                    drain(&t, NULL);
                }
    assert_int_equal(tcp_runs(t.tcb), 0);
    tcp_end(&t);
}

/* A FIN waits for the missing data before it. */
SCRIPT(established_fin_out_of_order_waits_for_the_hole)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 6, .ack = 1, .flags = FIN | ACK, .data = "world");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect_state(&t, MN_ESTABLISHED);
    read_result(&t, MNET_E_DEADLINE);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    expect(&t, .seq = 1, .ack = 12, .flags = ACK);
    expect_state(&t, MN_CLOSE_WAIT);
    read_text(&t, "helloworld");
    read_result(&t, 0);
    tcp_end(&t);
}

SCRIPT(established_bare_fin_out_of_order_waits_for_the_hole)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 11, .ack = 1, .flags = FIN | ACK);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    send_(&t, .seq = 6, .ack = 1, .flags = ACK, .data = "world");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect_state(&t, MN_ESTABLISHED);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    expect(&t, .seq = 1, .ack = 12, .flags = ACK);
    expect_state(&t, MN_CLOSE_WAIT);
    read_text(&t, "helloworld");
    read_result(&t, 0);
    tcp_end(&t);
}

/* The stream ends at its FIN: text after it is ignored (3.10.7.4, seventh: "segment text is
 * ignored"). */
SCRIPT(close_wait_data_behind_the_fin_is_ignored)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 11, .ack = 1, .flags = ACK, .data = "behind");
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1, .flags = FIN | ACK, .data = "hello");
    drain(&t, NULL);
    expect_state(&t, MN_CLOSE_WAIT);
    send_(&t, .seq = 7, .ack = 1, .flags = ACK, .data = "more!");
    drain(&t, NULL);
    read_text(&t, "hello");
    read_result(&t, 0);
    tcp_end(&t);
}

/* SND.WL1 is 1 */
SCRIPT(close_wait_fin_again_is_acknowledged)
{
    struct tcp_test t;
    tcp_close_wait(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = FIN | ACK);
    expect(&t, .seq = 1, .ack = 2, .flags = ACK);
    expect_nothing(&t);
    expect_state(&t, MN_CLOSE_WAIT);
    tcp_end(&t);
}

/* A flood of pieces that never join: memory stays bounded, and the stream is still right. */
SCRIPT(established_flood_of_pieces_is_bounded)
{
    struct tcp_test t;
    tcp_established(&t);
    size_t before = mnet_memory_used(t.memory);
    for (uint32_t i = 0; i < 20000; i++) {
        send_(&t, .seq = 3 + 2 * (i * 7919 % 32000), .ack = 1, .flags = ACK, .len = 1);
        drain(&t, NULL);
    }
    assert_in_range(tcp_runs(t.tcb), 1, MN_REASSEMBLY_RUNS);
    assert_true(mnet_memory_used(t.memory) < before + (1u << 20));
    for (uint32_t seq = 1; seq < 64001; seq += 1000)
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = 1000);
    read_pattern(&t, 0, 64000);
    assert_int_equal(tcp_runs(t.tcb), 0);
    tcp_end(&t);
}

/* Runs of tiny segments in order pin memory in proportion to their bytes, not to their number. */
SCRIPT(established_tiny_segments_in_order_are_compacted)
{
    struct tcp_test t;
    tcp_established(&t);
    size_t before = mnet_memory_used(t.memory);
    for (uint32_t seq = 1; seq <= 30000; seq++) {
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = 1);
        drain(&t, NULL);
    }
    assert_true(mnet_memory_used(t.memory) < before + (1u << 20));
    read_pattern(&t, 0, 30000);
    tcp_end(&t);
}

SCRIPT(established_sequence_numbers_wrap_while_receiving)
{
    struct tcp_test t;
    tcp_established(&t, .irs = 0xfffffffe - 3000);
    for (uint32_t seq = 1; seq < 8000; seq += 1000)
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = 1000);
    wait_ms(&t, 40);
    drain(&t, NULL);
    /* Old, on the other side of the wrap. */
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1000);
    expect(&t, .seq = 1, .ack = 8001, .flags = ACK);
    read_pattern(&t, 0, 8000);
    tcp_end(&t);
}

SCRIPT(established_sequence_numbers_wrap_while_sending)
{
    struct tcp_test t;
    tcp_established(&t, .has_iss = true, .iss = 0xffffffff - 1000, .no_delay = true);
    write_bytes(&t, 4000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1460);
    expect(&t, .seq = 1461, .ack = 1, .flags = ACK, .len = 1460);
    expect(&t, .seq = 2921, .ack = 1, .flags = ACK, .len = 1080);
    send_(&t, .seq = 1, .ack = 1461, .flags = ACK);
    at_ms(&t, 250);
    expect(&t, .seq = 1461, .ack = 1, .flags = ACK, .len = 1460);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 4001, .flags = ACK);
    wait_ms(&t, 5000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* Segments of other pairs of ends do not belong to the connection. */
SCRIPT(established_other_ends_are_not_this_connection)
{
    struct tcp_test t;
    tcp_established(&t, .active = true);
    struct mnet_endpoint port = t.remote, address = t.remote;
    port.port++;
    address.address = endpoint(10, 0, 0, 7, 0).address;
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x", .from = port);
    expect(&t, .seq = 1, .flags = RST, .to = port);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x", .from = address);
    expect(&t, .seq = 1, .flags = RST, .to = address);
    struct mnet_endpoint own = endpoint(10, 0, 0, 2, LOCAL_PORT + 1);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x", .to = own);
    expect(&t, .seq = 1, .flags = RST, .from = own);
    expect_nothing(&t);
    read_result(&t, MNET_E_DEADLINE);
    tcp_end(&t);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_data_is_delivered_and_acknowledged),
        cmocka_unit_test(established_both_directions_acknowledge_with_data),
        cmocka_unit_test(established_partial_reads_keep_the_rest),
        cmocka_unit_test(established_lent_bytes_are_in_order_and_returned),
        cmocka_unit_test(established_segment_without_ack_is_dropped),
        cmocka_unit_test(established_segment_outside_the_window_is_acknowledged),
        cmocka_unit_test(established_ack_of_a_segment_outside_the_window_is_not_taken),
        cmocka_unit_test(established_last_octet_of_the_window_is_accepted),
        cmocka_unit_test(established_segment_is_trimmed_on_the_left),
        cmocka_unit_test(established_segment_is_trimmed_on_the_right),
        cmocka_unit_test(established_ack_of_unsent_data_is_answered_and_dropped),
        cmocka_unit_test(established_old_ack_is_harmless),
        cmocka_unit_test(established_very_old_ack_is_challenged),
        cmocka_unit_test(established_segments_in_any_order_give_the_stream),
        cmocka_unit_test(established_overlapping_segments_give_the_stream),
        cmocka_unit_test(established_fin_out_of_order_waits_for_the_hole),
        cmocka_unit_test(established_bare_fin_out_of_order_waits_for_the_hole),
        cmocka_unit_test(close_wait_data_behind_the_fin_is_ignored),
        cmocka_unit_test(close_wait_fin_again_is_acknowledged),
        cmocka_unit_test(established_flood_of_pieces_is_bounded),
        cmocka_unit_test(established_tiny_segments_in_order_are_compacted),
        cmocka_unit_test(established_sequence_numbers_wrap_while_receiving),
        cmocka_unit_test(established_sequence_numbers_wrap_while_sending),
        cmocka_unit_test(established_other_ends_are_not_this_connection),
        cmocka_unit_test(established_hole_before_accept_is_filled_behind_it),
        cmocka_unit_test(fin_wait_fin_out_of_order_waits_for_the_hole),
    };
    return run_scripts("tcp_receive", tests);
}
