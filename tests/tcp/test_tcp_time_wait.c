/* TIME-WAIT: its records, its end, and new connections over the same pair of ends: RFC 9293 3.6.1,
 * RFC 1337, RFC 6191. */
#include "tests/tcp/harness.h"

#define SECOND 1000u /* ms */

/* Takes a connection from `port` of the peer to TIME-WAIT. */
static void close_from(struct tcp_test *t, uint16_t port)
{
    t->remote.port = port;
    t->iss_known = false;
    send_(t, .seq = 0, .flags = SYN);
    expect(t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    send_(t, .seq = 1, .ack = 1, .flags = ACK);
    accept_(t);
    close_(t);
    expect(t, .seq = 1, .ack = 1, .flags = FIN | ACK);
    send_(t, .seq = 1, .ack = 2, .flags = FIN | ACK);
    expect(t, .seq = 2, .ack = 2, .flags = ACK);
}

/* MUST-13: 2 MSL, for each record from its own beginning, for any number of records. */
SCRIPT(time_wait_each_lasts_2_msl)
{
    struct tcp_test t;
    tcp_listen(&t, .time_wait_max = 1000);
    mark(&t);
    for (uint16_t i = 0; i < 300; i++) {
        at_ms(&t, 100u * i);
        close_from(&t, (uint16_t)(2000 + i));
    }
    for (unsigned i = 0; i < 300; i += 7) {
        t.remote.port = (uint16_t)(2000 + i);
        at_ms(&t, 60 * SECOND + 100u * i - 10);
        expect_state(&t, MN_TIME_WAIT);
        assert_usage(&t, time_wait, 300 - i);
        at_ms(&t, 60 * SECOND + 100u * i + 10);
        expect_state(&t, MN_CLOSED);
        assert_usage(&t, time_wait, 300 - i - 1);
    }
    tcp_end(&t);
}

/* A lifetime too large for sums is cut to the range of the records' clock: 24 days. */
SCRIPT(time_wait_of_a_huge_msl_lasts)
{
    const uint64_t msl_ns[] = {UINT64_C(1) << 63, MNET_NEVER};
    for (size_t i = 0; i < MN_COUNT_OF(msl_ns); i++) {
        struct tcp_test t;
        tcp_listen(&t);
        t.tcp->config.user.msl_ns = msl_ns[i];
        close_from(&t, 2000);
        wait_ms(&t, 23u * 24 * 3600 * SECOND);
        expect_state(&t, MN_TIME_WAIT);
        tcp_end(&t);
    }
}

/* A record takes 64 bytes, and a closed connection leaves nothing else behind. */
SCRIPT(time_wait_costs_64_bytes)
{
    struct tcp_test t;
    tcp_listen(&t, .time_wait_max = 10000);
    close_from(&t, 1000);
    size_t before = mnet_memory_used(t.memory);
    for (uint16_t i = 0; i < 5000; i++)
        close_from(&t, (uint16_t)(2000 + i));
    assert_usage(&t, time_wait, 5001);
    assert_usage(&t, tcbs, 0);
    assert_true(mnet_memory_used(t.memory) - before <= 5000 * 65 + 3 * MN_SLAB_BYTES);
    wait_ms(&t, 61 * SECOND);
    assert_usage(&t, time_wait, 0);
    tcp_end(&t);
}

/* 3.10.7.4: a repeated FIN restarts the wait of its own record only. */
SCRIPT(time_wait_fin_again_restarts_only_its_own)
{
    struct tcp_test t;
    tcp_listen(&t);
    mark(&t);
    close_from(&t, 2000);
    uint32_t iss = t.iss;
    close_from(&t, 2001);
    at_ms(&t, 30 * SECOND);
    t.remote.port = 2000;
    t.iss = iss;
    send_(&t, .seq = 1, .ack = 2, .flags = FIN | ACK);
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    at_ms(&t, 60 * SECOND + 10);
    expect_state(&t, MN_TIME_WAIT);
    assert_usage(&t, time_wait, 1);
    at_ms(&t, 90 * SECOND - 10);
    expect_state(&t, MN_TIME_WAIT);
    at_ms(&t, 90 * SECOND + 10);
    expect_state(&t, MN_CLOSED);
    tcp_end(&t);
}

/* RFC 1337: no reset ends it, with any number (TIME-WAIT assassination), and no old segment does
 * either. */
SCRIPT(time_wait_is_not_assassinated)
{
    struct tcp_test t;
    tcp_time_wait(&t, .timestamps = true);
    close_(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "old duplicate"); /* RFC 1337 2, figure 1 */
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    send_(&t, .seq = 2, .flags = RST); /* the peer's answer to that */
    for (int seq = 0; seq < 5; seq++)
        send_(&t, .seq = (uint32_t)seq, .ack = 2, .flags = RST | ACK);
    expect_state(&t, MN_TIME_WAIT);
    expect_nothing(&t);
    tcp_end(&t);
}

/* 3.10.7.4, first: a segment that is not acceptable is acknowledged. If it has no text or FIN, only
 * a limited number are, or two records could answer one another for ever. A new wait allows as many
 * again. */
SCRIPT(time_wait_empty_segment_elsewhere_is_acknowledged_so_often)
{
    struct tcp_test t;
    tcp_time_wait(&t);
    send_(&t, .seq = 2, .ack = 2, .flags = ACK);
    expect_nothing(&t);
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 2 * MN_CHALLENGE_LIMIT; i++)
            send_(&t, .seq = 1, .ack = 2, .flags = ACK);
        for (unsigned i = 0; i < MN_CHALLENGE_LIMIT; i++)
            expect(&t, .seq = 2, .ack = 2, .flags = ACK);
        expect_nothing(&t);
        send_(&t, .seq = 1, .ack = 2, .flags = FIN | ACK);
        expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    }
    assert_int_equal(counted(&t, TCP_CHALLENGE_LIMITED), 2 * MN_CHALLENGE_LIMIT);
    tcp_end(&t);
}

/* 3.10.7.4: the ACK field is the fifth check, the FIN the eighth. */
SCRIPT(time_wait_fin_with_a_bad_ack_restarts_nothing)
{
    const struct tcp_line lines[] = {{.flags = FIN},
                                     {.flags = FIN | ACK, .ack = 3},
                                     {.flags = FIN | ACK, .ack = 99999},
                                     {.flags = FIN | ACK, .ack = 0x80000000}};
    for (unsigned i = 0; i < MN_COUNT_OF(lines); i++) {
        struct tcp_test t;
        tcp_time_wait(&t);
        wait_ms(&t, 50 * SECOND);
        send_(&t, .seq = 1, .ack = lines[i].ack, .flags = lines[i].flags);
        expect(&t, .seq = 2, .ack = 2, .flags = ACK);
        wait_ms(&t, 11 * SECOND);
        expect_state(&t, MN_CLOSED);
        tcp_end(&t);
    }
}

/* The peer does not have our FIN yet, or not its acknowledgement: both are good. */
SCRIPT(time_wait_fin_with_an_old_ack_restarts_it)
{
    struct tcp_test t;
    tcp_time_wait(&t);
    wait_ms(&t, 50 * SECOND);
    send_(&t, .seq = 1, .ack = 1, .flags = FIN | ACK);
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    wait_ms(&t, 50 * SECOND);
    expect_state(&t, MN_TIME_WAIT);
    tcp_end(&t);
}

/* --- RFC 6191 2: the fate of a SYN --- */

enum segment_outcome {
    OPENS,
    STAYS
};

struct reuse {
    bool then, now;   /* timestamps in the old connection; in the SYN */
    int64_t ts_value; /* in the SYN; the last one of the old connection was 2000 */
    uint32_t seq;     /* in the SYN; RCV.NXT is 2 */
    enum segment_outcome outcome;
};

static void try_reuse(const struct reuse *c)
{
    struct tcp_test t;
    tcp_time_wait(&t, .timestamps = c->then);
    close_(&t);
    send_(&t, .seq = 1, .ack = 2, .flags = FIN | ACK, .ts_value = 2000);
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    uint32_t old = t.iss;
    t.iss_known = false;
    t.timestamps = c->now;
    send_(&t, .seq = c->seq, .flags = SYN, .ts_value = c->ts_value, .mss = 1460);
    if (c->outcome == STAYS) {
        t.timestamps = c->then;
        /* RFC 5961 4.2: a challenge instead of silence. */
        expect(&t, .seq = 2, .ack = 2, .flags = ACK);
        expect_state(&t, MN_TIME_WAIT);
        assert_usage(&t, time_wait, 1);
    } else {
        const struct tcp_output *o = peek_output(&t);
        assert_non_null(o);
        assert_int_equal(o->header.flags, SYN | ACK);
        assert_true(mn_seq_gt(o->header.seq, old + 2)); /* RFC 9293 3.6.1: above the old SND.NXT */
        expect_state(&t, MN_SYN_RECEIVED);
        assert_usage(&t, time_wait, 0);
        t.irs += c->seq;
        drain(&t, NULL);
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "new", .ts_value = c->ts_value + 1);
        accept_(&t);
        read_text(&t, "new");
    }
    tcp_end(&t);
}

/* SHLD-4, MAY-2 */
SCRIPT(time_wait_syn_by_timestamp_and_sequence_number)
{
    static const struct reuse cases[] = {
        {true, true, 2001, 100000, OPENS},
        {true, true, 2001, (uint32_t)-100000, OPENS},
        {true, true, 2000, 100000, OPENS},
        {true, true, 2000, (uint32_t)-100000, STAYS},
        {true, true, 1999, 100000, STAYS},
        {true, true, 1999, (uint32_t)-100000, STAYS},
        {true, true, 2001 + 0x80000000u, 9, STAYS},
        {true, false, 0, 100000, OPENS},
        {true, false, 0, (uint32_t)-100000, STAYS},
        {false, true, 5, 100000, OPENS},
        {false, true, 5, (uint32_t)-100000, OPENS},
        {false, false, 0, 3, OPENS},
        {false, false, 0, 2, OPENS}, /* 1 was the last number used, by the FIN */
        {false, false, 0, 1, STAYS},
        {false, false, 0, (uint32_t)-100000, STAYS},
    };
    for (unsigned i = 0; i < MN_COUNT_OF(cases); i++)
        try_reuse(&cases[i]);
}

/* A listener that agrees to no timestamps compares sequence numbers only. */
SCRIPT(time_wait_syn_to_a_listener_without_timestamps)
{
    struct tcp_test t;
    tcp_time_wait(&t, .offer = MN_TCP_OPTION_WINDOW_SCALE);
    close_(&t);
    t.timestamps = true;
    t.hold_output = true;
    send_(&t, .seq = (uint32_t)-1000, .flags = SYN, .ts_value = 5000);
    t.timestamps = t.hold_output = false;
    expect(&t, .seq = 2, .ack = 2, .flags = ACK, .ts_value = NO);
    expect_state(&t, MN_TIME_WAIT);
    tcp_end(&t);
}

/* A client connects from one port again and again, with decreasing initial sequence numbers. Each
 * connection is made at once, and the number of its records does not grow. */
SCRIPT(time_wait_port_reused_quickly_with_lower_isns)
{
    struct tcp_test t;
    tcp_listen(&t, .timestamps = true, .time_wait_max = 50);
    for (unsigned i = 0; i < 500; i++) {
        t.irs -= 77777;
        close_from(&t, 4000);
        assert_usage(&t, time_wait, 1);
        wait_ms(&t, 2);
    }
    wait_ms(&t, 61 * SECOND);
    assert_usage(&t, time_wait, 0);
    tcp_end(&t);
}

/* If memory is used up, old records go, and nothing fails. */
SCRIPT(time_wait_without_memory_gives_up_older_ones)
{
    struct tcp_test t;
    tcp_listen(&t, .time_wait_max = 1000);
    for (uint16_t i = 0; i < 100; i++)
        close_from(&t, (uint16_t)(2000 + i));
    t.tcp->time_waits.limit = t.tcp->time_waits.in_use; /* no more blocks */
    for (uint16_t i = 0; i < 100; i++)
        close_from(&t, (uint16_t)(3000 + i));
    assert_in_range(mn_tcp_usage(t.tcp).time_wait, MN_TIME_WAIT_BLOCK, 2 * MN_TIME_WAIT_BLOCK);
    expect_state(&t, MN_TIME_WAIT);
    wait_ms(&t, 61 * SECOND);
    assert_usage(&t, time_wait, 0);
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

SCRIPT(time_wait_syn_that_nobody_listens_for_is_no_end)
{
    struct tcp_test t;
    tcp_time_wait(&t, .active = true);
    send_(&t, .seq = 100000, .flags = SYN);
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    expect_state(&t, MN_TIME_WAIT);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_wait_each_lasts_2_msl),
        cmocka_unit_test(time_wait_of_a_huge_msl_lasts),
        cmocka_unit_test(time_wait_costs_64_bytes),
        cmocka_unit_test(time_wait_fin_again_restarts_only_its_own),
        cmocka_unit_test(time_wait_is_not_assassinated),
        cmocka_unit_test(time_wait_empty_segment_elsewhere_is_acknowledged_so_often),
        cmocka_unit_test(time_wait_fin_with_a_bad_ack_restarts_nothing),
        cmocka_unit_test(time_wait_fin_with_an_old_ack_restarts_it),
        cmocka_unit_test(time_wait_syn_by_timestamp_and_sequence_number),
        cmocka_unit_test(time_wait_syn_to_a_listener_without_timestamps),
        cmocka_unit_test(time_wait_port_reused_quickly_with_lower_isns),
        cmocka_unit_test(time_wait_without_memory_gives_up_older_ones),
        cmocka_unit_test(time_wait_reading_sends_no_window_update),
        cmocka_unit_test(time_wait_segments_out_of_order_are_acknowledged),
        cmocka_unit_test(time_wait_syn_that_nobody_listens_for_is_no_end),
    };
    return run_scripts("tcp_time_wait", tests);
}
