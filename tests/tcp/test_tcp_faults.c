/* Faults of an earlier stack, and faults that are common: one test for each, which fails if the
 * engine has the fault. The numbers are those of a list of such faults. */
#include "tests/support/tcp_check.h"
#include "tests/tcp/pair.h"

/* 1: an accepted connection that only receives was reset after 617 s, because the timer of the
 * SYN,ACK was never cancelled. */
SCRIPT(fault_01_accepted_connection_that_only_receives_lives)
{
    struct tcp_test t;
    tcp_established(&t);
    for (uint32_t i = 0; i < 100; i++) {
        wait_ms(&t, 30000);
        send_(&t, .seq = 1 + 5 * i, .ack = 1, .flags = ACK, .data = "hello");
        read_text(&t, "hello");
        wait_ms(&t, 40);
        expect(&t, .seq = 1, .ack = 6 + 5 * i, .flags = ACK);
        expect_nothing(&t);
    }
    expect_state(&t, MN_ESTABLISHED);
    tcp_end(&t);
}

/* 2: text and FIN on the third segment of the handshake were thrown away. */
SCRIPT(fault_02_payload_and_fin_on_the_third_segment_count)
{
    struct tcp_test t;
    tcp_syn_received(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = FIN | ACK, .data = "GET /\r\n");
    expect(&t, .seq = 1, .ack = 9, .flags = ACK);
    accept_(&t);
    read_text(&t, "GET /\r\n");
    read_result(&t, 0);
    write_text(&t, "here");
    expect(&t, .seq = 1, .ack = 9, .flags = ACK, .data = "here");
    tcp_end(&t);
}

static int lose_tail(struct tcp_pair *pair, int side, unsigned index, const struct mn_tcp_header *header, uint32_t len,
                     uint64_t *delay_ns)
{
    (void)header;
    (void)index;
    (void)delay_ns;
    bool *armed = pair->context;
    if (armed == NULL || !*armed || side != 0 || len == 0)
        return WIRE_PASS;
    *armed = false;
    return WIRE_DROP;
}

/* 3: timers ran once a second. A lost tail on a path of 5 ms cost half a second and more, and the
 * first SYN was sent again after 3.5 s. */
SCRIPT(fault_03_lost_tail_costs_no_more_than_the_timeout)
{
    struct tcp_pair pair;
    bool armed = true;
    pair_connect(&pair, TCP_SETUP(NULL), 5 * MNET_MILLISECOND, lose_tail);
    assert_true(pair_transfer(&pair, 0, 1000, MNET_SECOND));
    pair_run(&pair, MNET_SECOND);
    pair.context = &armed;
    uint64_t before = pair.now;
    assert_true(pair_transfer(&pair, 0, 1000, MNET_SECOND));
    assert_in_range((pair.now - before) / MNET_MILLISECOND, 200, 260);
    pair_end(&pair);

    struct tcp_test t;
    tcp_syn_sent(&t);
    at_ms(&t, 1000);
    expect(&t, .seq = 0, .flags = SYN);
    tcp_end(&t);
}

/* 5: with data in flight across 2^32 all data was sent again and again. */
SCRIPT(fault_05_crossing_2_32_repeats_nothing)
{
    struct tcp_pair pair;
    struct tcp_setup s = TCP_SETUP(NULL, .has_iss = true, .iss = 0xffffffff - 100000,
                                   .user_timeout_ns = 60 * MNET_SECOND);
    pair_connect(&pair, s, 5 * MNET_MILLISECOND, NULL);
    assert_true(pair_transfer(&pair, 0, 400000, 20 * MNET_SECOND));
    assert_int_equal(counted(&pair.side[0], TCP_RETRANSMITTED), 0);
    assert_true(pair.sent_bytes[0] == 400000);
    pair_end(&pair);
}

/* 6: reset, timeout, unreachable and local close had one error, and read returned 0 after a reset
 * (MUST-12). */
SCRIPT(fault_06_every_cause_has_its_own_error)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .flags = RST);
    read_result(&t, MNET_E_RESET); /* MUST-12 */
    tcp_end(&t);

    tcp_established(&t, .user_timeout_ns = 10 * MNET_SECOND);
    write_text(&t, "x");
    wait_ms(&t, 80000);
    read_result(&t, MNET_E_TIMED_OUT);
    tcp_end(&t);

    tcp_syn_sent(&t);
    send_(&t, .seq = 0, .ack = 1, .flags = RST | ACK);
    assert_int_equal(mn_tcp_status(t.tcb), MNET_E_REFUSED);
    tcp_end(&t);

    tcp_syn_sent(&t);
    icmp_(&t, MN_UNREACHABLE_NEIGHBOUR, 0, 0);
    assert_int_equal(mn_tcp_status(t.tcb), MNET_E_UNREACHABLE);
    tcp_end(&t);

    tcp_syn_sent(&t);
    wait_ms(&t, 300000);
    assert_int_equal(mn_tcp_status(t.tcb), MNET_E_TIMED_OUT);
    tcp_end(&t);

    tcp_established(&t);
    shutdown_(&t, MNET_SHUTDOWN_READ);
    read_result(&t, MNET_E_CLOSED);
    tcp_end(&t);

    tcp_close_wait(&t);
    read_result(&t, 0);
    tcp_end(&t);
}

/* 8: shutdown of writing in CLOSE-WAIT did nothing, and shutdown of reading sent nothing. */
SCRIPT(fault_08_shutdown_works_both_ways)
{
    struct tcp_test t;
    tcp_close_wait(&t);
    shutdown_(&t, MNET_SHUTDOWN_WRITE);
    expect(&t, .seq = 1, .ack = 2, .flags = FIN | ACK);
    expect_state(&t, MN_LAST_ACK);
    tcp_end(&t);

    tcp_established(&t);
    shutdown_(&t, MNET_SHUTDOWN_READ);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x");
    const struct tcp_output *o = peek_output(&t);
    assert_non_null(o);
    assert_true(o->header.flags & RST);
    tcp_end(&t);
}

/* 9: a close with unread data sent a FIN, and connections in FIN-WAIT-2 stayed for ever. */
SCRIPT(fault_09_close_with_unread_data_resets_and_fin_wait_2_ends)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "unread");
    close_(&t);
    expect(&t, .seq = 1, .ack = 7, .flags = RST | ACK);
    tcp_end(&t);

    tcp_fin_wait_2(&t);
    close_(&t);
    wait_ms(&t, 70000);
    assert_usage(&t, tcbs, 0);
    tcp_end(&t);
}

/* 10: a bad ACK in SYN-SENT got no reset, and a simultaneous open ended the attempt. */
SCRIPT(fault_10_bad_ack_is_reset_and_simultaneous_open_works)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    send_(&t, .seq = 0, .ack = 99, .flags = SYN | ACK);
    expect(&t, .seq = 99, .flags = RST);
    send_(&t, .seq = 0, .flags = SYN);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    assert_int_equal(mn_tcp_status(t.tcb), 0);
    tcp_end(&t);
}

/* 11: an abandoned connect could leave an established connection without an owner. */
SCRIPT(fault_11_abandoned_connect_leaves_nothing)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    close_(&t);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    expect(&t, .seq = 1, .flags = RST);
    assert_usage(&t, tcbs, 0);
    tcp_end(&t);

    tcp_closed(&t); /* abandoned between the SYN,ACK and its event */
    open_active(&t);
    drain(&t, NULL);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    drain(&t, NULL);
    abort_(&t);
    expect(&t, .seq = 1, .ack = 1, .flags = RST | ACK);
    assert_usage(&t, tcbs, 0);
    tcp_end(&t);
}

/* 14: a write that does not wait sent nothing before some other event. */
SCRIPT(fault_14_write_beyond_the_buffer_goes_out_at_once)
{
    struct tcp_test t;
    tcp_established(&t, .send_buffer = 4096);
    static uint8_t bytes[8192];
    for (uint32_t i = 0; i < sizeof bytes; i++)
        bytes[i] = pattern(i);
    assert_int_equal(mn_tcp_send(t.tcp, t.tcb, bytes, sizeof bytes, true, t.now), sizeof bytes);
    for (uint32_t seq = 1; seq < 8193; seq += MSS)
        expect(&t, .seq = seq, .ack = 1, .flags = ACK, .len = (int)MN_MIN(MSS, 8193 - seq));
    tcp_end(&t);
}

/* 15: lending waited for new data while bytes of a partial read were left. */
SCRIPT(fault_15_lending_gives_what_a_partial_read_left)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello world");
    read_text(&t, "hello ");
    struct mnet_slice slice;
    assert_int_equal(mn_tcp_lend(t.tcp, t.tcb, &slice, 1), 1);
    assert_int_equal(slice.len, 5);
    assert_memory_equal(slice.data, "world", 5);
    mn_tcp_return(t.tcp, t.tcb, t.now);
    read_result(&t, MNET_E_DEADLINE);
    tcp_end(&t);
}

/* 16: 10 000 SYNs cost 10 000 entries and used up the connection limit, and a repeated SYN was not
 * answered. */
SCRIPT(fault_16_many_syns_cost_little)
{
    struct tcp_test t;
    tcp_listen(&t, .connections_max = 10, .half_open_max = 100);
    size_t before = mnet_memory_used(t.memory);
    for (uint32_t i = 0; i < 10000; i++) {
        send_(&t, .flags = SYN, .from = endpoint(10, 1, (uint8_t)(i >> 8), (uint8_t)i, 1234));
        drain(&t, NULL);
    }
    assert_in_range(mn_tcp_usage(t.tcp).half_open, 1, 100);
    assert_usage(&t, established, 0);
    assert_usage(&t, tcbs, 0);
    assert_true(mnet_memory_used(t.memory) < before + 300000);
    send_(&t, .seq = 0, .flags = SYN);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    send_(&t, .seq = 0, .flags = SYN);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    accept_(&t);
    wait_ms(&t, 400000);
    assert_usage(&t, half_open, 0);
    tcp_end(&t);
}

/* 17: the reassembly of one-byte segments had no limit on pieces, and a queue grew with every
 * segment received. */
SCRIPT(fault_17_one_byte_segments_are_bounded)
{
    struct tcp_test t;
    tcp_established(&t);
    size_t before = mnet_memory_used(t.memory);
    for (uint32_t i = 0; i < 30000; i++)
        send_(&t, .seq = 3 + 2 * i % 60000, .ack = 1, .flags = ACK, .len = 1);
    drain(&t, NULL);
    assert_true(tcp_runs(t.tcb) <= MN_REASSEMBLY_RUNS);
    assert_true(mnet_memory_used(t.memory) < before + (1u << 20));
    tcp_end(&t);

    tcp_established(&t); /* the same data again and again */
    before = mnet_memory_used(t.memory);
    for (uint32_t i = 0; i < 30000; i++)
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x");
    drain(&t, NULL);
    assert_true(mnet_memory_used(t.memory) < before + (1u << 18));
    read_text(&t, "x");
    read_result(&t, MNET_E_DEADLINE);
    tcp_end(&t);
}

/* 18: a data offset below 5 raised an exception before the checksum was verified. */
SCRIPT(fault_18_small_data_offset_is_dropped)
{
    struct tcp_test t;
    tcp_established(&t);
    for (uint8_t offset = 0; offset < 5; offset++) {
        uint8_t bytes[64];
        struct tcp_line line = {.t = &t, .seq = 1, .ack = 1, .flags = ACK, .mss = NO, .shift = NO, .data = "x"};
        size_t len = tcp_compose(&line, bytes);
        bytes[12] = (uint8_t)(offset << 4);
        /* Wrong checksum: counted as such. */
        send_raw(&t, bytes, len, MNET_CHECKSUM_PLAIN, false);
        send_raw(&t, bytes, len, MNET_CHECKSUM_VERIFIED, false); /* right one */
    }
    assert_int_equal(counted(&t, TCP_DROP_CHECKSUM), 5);
    assert_int_equal(counted(&t, TCP_DROP_TRUNCATED), 5);
    expect_nothing(&t);
    tcp_end(&t);
}

/* 19: zero-window probes did not back off while they were answered. */
SCRIPT(fault_19_answered_probes_back_off)
{
    struct tcp_test t;
    tcp_established(&t, .window = 0);
    write_bytes(&t, 100);
    unsigned probes = 0;
    for (int ms = 0; ms < 600000; ms += 50) {
        wait_ms(&t, 50);
        if (drain(&t, NULL) > 0) {
            probes++;
            send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 0);
        }
    }
    assert_in_range(probes, 9, 20);
    expect_state(&t, MN_ESTABLISHED);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_01_accepted_connection_that_only_receives_lives),
        cmocka_unit_test(fault_02_payload_and_fin_on_the_third_segment_count),
        cmocka_unit_test(fault_03_lost_tail_costs_no_more_than_the_timeout),
        cmocka_unit_test(fault_05_crossing_2_32_repeats_nothing),
        cmocka_unit_test(fault_06_every_cause_has_its_own_error),
        cmocka_unit_test(fault_08_shutdown_works_both_ways),
        cmocka_unit_test(fault_09_close_with_unread_data_resets_and_fin_wait_2_ends),
        cmocka_unit_test(fault_10_bad_ack_is_reset_and_simultaneous_open_works),
        cmocka_unit_test(fault_11_abandoned_connect_leaves_nothing),
        cmocka_unit_test(fault_14_write_beyond_the_buffer_goes_out_at_once),
        cmocka_unit_test(fault_15_lending_gives_what_a_partial_read_left),
        cmocka_unit_test(fault_16_many_syns_cost_little),
        cmocka_unit_test(fault_17_one_byte_segments_are_bounded),
        cmocka_unit_test(fault_18_small_data_offset_is_dropped),
        cmocka_unit_test(fault_19_answered_probes_back_off),
    };
    return run_scripts("tcp_faults", tests);
}
