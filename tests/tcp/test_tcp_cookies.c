/* SYN cookies: RFC 4987 3.6, and the rules of RFC 9293 and RFC 7323 that they have to keep. */
#include "tcp/records/table.h"
#include "tests/tcp/harness.h"

#define GENERATION 64000u /* ms */

/* Uses up the half-open records, with SYNs whose senders will not answer. */
static void fill(struct tcp_test *t)
{
    unsigned max = t->config.user.half_open_max;
    bool timestamps = t->timestamps;
    t->timestamps = false;
    for (uint16_t i = 0; i < max; i++)
        send_(t, .flags = SYN, .from = endpoint(10, 66, 0, 1, (uint16_t)(1000 + i)));
    drain(t, NULL);
    t->timestamps = timestamps;
    assert_int_equal(mn_tcp_usage(t->tcp).half_open, max);
}

#define full_listener(...) tcp_listen(__VA_ARGS__, .half_open_max = 4)

/* The peer gets a SYN,ACK, and no record is kept. The ACK of the peer makes a connection. */
SCRIPT(listen_full_answers_with_a_cookie)
{
    struct tcp_test t;
    full_listener(&t);
    fill(&t);
    size_t before = mnet_memory_used(t.memory);
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460, .window = 5000);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = 1460);
    assert_usage(&t, half_open, 4);
    assert_int_equal(mnet_memory_used(t.memory), before);
    assert_int_equal(counted(&t, TCP_COOKIE_TX), 1);
    expect_state(&t, MN_CLOSED);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello", .window = 6000);
    expect_state(&t, MN_ESTABLISHED);
    accept_(&t);
    read_text(&t, "hello");
    /* A connection from a cookie offers less at first. */
    expect(&t, .seq = 1, .ack = 6, .flags = ACK, .window = 65535);
    assert_int_equal(t.tcb->snd_wnd, 6000);
    assert_int_equal(counted(&t, TCP_COOKIE_ACCEPTED), 1);
    assert_usage(&t, half_open, 4);
    write_text(&t, "hi");
    expect(&t, .seq = 1, .ack = 6, .flags = ACK, .data = "hi");
    tcp_end(&t);
}

/* The third segment is lost: the first data or a FIN replaces it. */
SCRIPT(cookie_comes_back_with_data_or_fin)
{
    struct tcp_test t;
    full_listener(&t);
    fill(&t);
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    /* Arrived before the first data: dropped, without a reset. */
    send_(&t, .seq = 5, .ack = 1, .flags = ACK, .data = "second");
    expect_nothing(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK | FIN, .data = "only");
    accept_(&t);
    expect(&t, .seq = 1, .ack = 6, .flags = ACK);
    read_text(&t, "only");
    read_result(&t, 0);
    tcp_end(&t);
}

/* With timestamps the cookie keeps everything: MSS, every window scale, SACK. */
SCRIPT(cookie_with_timestamps_keeps_all_options)
{
    for (int shift = -1; shift <= 15; shift++) {
        for (int sack = 0; sack < 2; sack++) {
            struct tcp_test t;
            full_listener(&t, .timestamps = true, .receive_buffer = 1u << 20);
            fill(&t);
            wait_ms(&t, (unsigned)(shift + 2) * 37);
            send_(&t, .seq = 0, .flags = SYN, .mss = 1460, .shift = shift < 0 ? NO : shift, .permit = sack);
            expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .shift = shift < 0 ? NO : 5, .permit = sack);
            send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 1000);
            accept_(&t);
            int scale = shift < 0 ? 0 : shift > 14 ? 14 : shift;
            assert_int_equal(t.tcb->snd_wscale, scale);
            assert_int_equal(t.tcb->rcv_wscale, shift < 0 ? 0 : 5);
            assert_int_equal(t.tcb->snd_wnd, 1000u << scale);
            assert_int_equal(t.tcb->sack_ok, sack);
            assert_int_equal(t.tcb->snd_mss, 1448);
            write_text(&t, "x");
            /* The harness checks the timestamps. */
            expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x");
            tcp_end(&t);
        }
    }
}

/* The timestamp of a cookie is put back by less than 64 ms, and never forward: later timestamps are
 * not older (RFC 7323 5.3). */
SCRIPT(cookie_timestamps_never_go_back)
{
    struct tcp_test t;
    full_listener(&t, .timestamps = true);
    fill(&t);
    struct mn_timestamps ts = {.offset = mn_tcp_choose_beginning(t.tcp, &t.local, &t.remote, t.now).timestamp_offset};
    for (unsigned i = 0; i < 200; i++) {
        wait_ms(&t, 1);
        send_(&t, .seq = 0, .flags = SYN, .mss = 1460, .shift = (int)(i % 15), .permit = i & 1);
        uint32_t behind = mn_timestamps_value(&ts, t.now) - peek_output(&t)->header.ts_value;
        assert_in_range(behind, 0, 63);
        drain(&t, NULL);
    }
    tcp_end(&t);
}

/* Without timestamps the cookie keeps the MSS, rounded down to one of eight values. Scale and SACK
 * are not agreed. */
SCRIPT(cookie_without_timestamps_keeps_the_mss)
{
    const int cases[][2] = {
        {NO, DEFAULT_MSS}, {1, 64},      {535, 64},    {536, 536},   {1219, 536},
        {1300, 1220},      {1380, 1360}, {1452, 1440}, {1460, 1460},
    };
    for (unsigned i = 0; i < MN_COUNT_OF(cases); i++) {
        struct tcp_test t;
        full_listener(&t);
        fill(&t);
        send_(&t, .seq = 0, .flags = SYN, .mss = cases[i][0], .shift = 7, .permit = true);
        expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .shift = NO, .permit = false);
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 1000);
        accept_(&t);
        assert_int_equal(t.tcb->snd_mss, cases[i][1]);
        assert_int_equal(t.tcb->snd_wnd, 1000);
        assert_false(t.tcb->sack_ok);
        tcp_end(&t);
    }
}

/* A timestamp cannot make the listener agree to an option that it does not offer. */
SCRIPT(cookie_stamp_gives_no_more_than_the_listener_offers)
{
    struct tcp_test t;
    full_listener(&t, .timestamps = true, .offer = MN_TCP_OPTION_TIMESTAMPS);
    fill(&t);
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460, .shift = 7, .permit = true);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .shift = NO, .permit = false);
    int64_t stamp = (int64_t)(t.ts_last - t.ts_base);
    wait_ms(&t, 1); /* the other stamp may be our clock a millisecond later */
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 1000, .ts_echo = stamp - 15 + 16);
    accept_(&t);
    assert_int_equal(t.tcb->snd_wscale, 0);
    assert_false(t.tcb->sack_ok);
    tcp_end(&t);
}

/* A cookie cannot be guessed: no bit of the number may change, nor any value that it stands for. */
SCRIPT(cookie_forged_is_dropped)
{
    struct tcp_test t;
    full_listener(&t);
    fill(&t);
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    for (unsigned bit = 0; bit < 32; bit++)
        send_(&t, .seq = 1, .ack = ((t.iss ^ 1u << bit) - t.iss) + 1, .flags = ACK);
    for (unsigned bit = 0; bit < 32; bit++)
        send_(&t, .seq = ((t.irs ^ 1u << bit) - t.irs) + 1, .ack = 1, .flags = ACK);
    struct mnet_endpoint from = t.remote;
    from.port++;
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .from = from);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .from = endpoint(10, 0, 0, 9, REMOTE_PORT));
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .to = endpoint(10, 0, 0, 3, LOCAL_PORT));
    for (uint32_t i = 0; i < 100000; i++)
        send_(&t, .seq = 1, .ack = i * 42949u + 7, .flags = ACK);
    assert_usage(&t, tcbs, 0);
    expect_nothing(&t);
    assert_int_equal(counted(&t, TCP_DROP_COOKIE), 64 + 3 + 100000);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    accept_(&t);
    tcp_end(&t);
}

/* Keys change: a cookie is valid for at least one generation, and for at most two. */
SCRIPT(cookie_is_worth_nothing_after_two_generations)
{
    for (unsigned age = 1000; age <= 4 * GENERATION; age += 9000) {
        struct tcp_test t;
        full_listener(&t);
        fill(&t);
        send_(&t, .seq = 0, .flags = SYN, .mss = 1460);
        expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
        wait_ms(&t, age);
        drain(&t, NULL);
        send_(&t, .seq = 1, .ack = 1, .flags = ACK);
        if (age <= GENERATION)
            expect_state(&t, MN_ESTABLISHED);
        else if (age > 2 * GENERATION)
            expect_state(&t, MN_CLOSED);
        if (age >= 2 * GENERATION) /* no cookies are valid: RFC 9293 3.10.7.2 */
            expect(&t, .seq = 1, .flags = RST);
        tcp_end(&t);
    }
}

/* The same while new cookies are sent. */
SCRIPT(cookie_keys_rotate_under_way)
{
    struct tcp_test t;
    full_listener(&t);
    fill(&t);
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    for (int i = 0; i < 13; i++) {
        wait_ms(&t, 10000);
        fill(&t);
        send_(&t, .flags = SYN, .from = endpoint(10, 77, 0, 1, 5));
        drain(&t, NULL);
    }
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect_nothing(&t);
    expect_state(&t, MN_CLOSED);
    assert_int_equal(counted(&t, TCP_DROP_COOKIE), 1);
    tcp_end(&t);
}

/* If no cookie was sent, a listener answers an ACK with a reset. */
SCRIPT(listen_without_cookies_resets_an_ack)
{
    struct tcp_test t;
    full_listener(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect(&t, .seq = 1, .flags = RST);
    tcp_end(&t);
}

/* If the backlog is full, the connection waits and gets in when there is room, or is refused. */
SCRIPT(cookie_with_a_full_backlog_waits_or_is_refused)
{
    for (int refuse = 0; refuse < 2; refuse++) {
        struct tcp_test t;
        full_listener(&t, .backlog = 1, .policy = refuse ? MNET_BACKLOG_REFUSE : MNET_BACKLOG_IGNORE);
        fill(&t);
        send_(&t, .seq = 0, .flags = SYN, .mss = 1460);
        expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
        struct mnet_endpoint other = endpoint(10, 0, 0, 7, 7);
        send_(&t, .seq = 0, .flags = SYN, .from = other);
        uint32_t iss = peek_output(&t)->header.seq - t.iss;
        drain(&t, NULL);
        send_(&t, .seq = 1, .ack = iss + 1, .flags = ACK, .from = other);
        send_(&t, .seq = 1, .ack = 1, .flags = ACK);
        if (refuse)
            expect(&t, .seq = 1, .flags = RST);
        else
            expect_nothing(&t);
        expect_state(&t, MN_CLOSED);
        accept_(&t);
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "again");
        accept_(&t);
        read_text(&t, "again");
        tcp_end(&t);
    }
}

/* A SYN that reopens a pair in TIME-WAIT needs an ISS above the old numbers. A cookie cannot
 * guarantee that, so the SYN replaces the oldest record. */
SCRIPT(time_wait_syn_gets_a_record)
{
    struct tcp_test t;
    tcp_time_wait(&t, .half_open_max = 4);
    close_(&t);
    uint32_t old = t.iss;
    fill(&t);
    t.irs += 100000;
    t.iss_known = false;
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    assert_true(mn_seq_gt(t.iss, old + 2));
    expect_state(&t, MN_SYN_RECEIVED);
    assert_int_equal(counted(&t, TCP_DROP_HALF_OPEN), 1);
    assert_int_equal(counted(&t, TCP_COOKIE_TX), 0);
    tcp_end(&t);
}

/* If cookies are off, a SYN replaces the oldest record. */
SCRIPT(listen_without_cookies_gives_up_the_oldest)
{
    struct tcp_test t;
    full_listener(&t, .no_syn_cookies = true);
    fill(&t);
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    expect_state(&t, MN_SYN_RECEIVED);
    assert_usage(&t, half_open, 4);
    assert_int_equal(counted(&t, TCP_DROP_HALF_OPEN), 1);
    assert_int_equal(counted(&t, TCP_COOKIE_TX), 0);
    tcp_end(&t);
}

/* Cookies reveal nothing about one another: over many peers they fill the space (the aim of RFC
 * 6528). */
SCRIPT(cookies_are_spread)
{
    struct tcp_test t;
    full_listener(&t);
    fill(&t);
    unsigned buckets[16] = {0};
    for (uint16_t i = 0; i < 1600; i++) {
        send_(&t, .flags = SYN, .from = endpoint(10, 5, 0, 1, (uint16_t)(1000 + i)));
        buckets[peek_output(&t)->header.seq >> 28]++;
        drain(&t, NULL);
    }
    for (int i = 0; i < 16; i++)
        assert_in_range(buckets[i], 60, 140); /* 100 each, with a deviation of ten */
    tcp_end(&t);
}

/* A cookie opens one connection. Somebody who saw its ACK on the way, and sends it again when the
 * connection is over, gets none. */
SCRIPT(cookie_opens_one_connection)
{
    struct tcp_test t;
    full_listener(&t);
    fill(&t);
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "buy");
    accept_(&t);
    read_text(&t, "buy");
    send_(&t, .seq = 4, .flags = RST);
    expect_state(&t, MN_CLOSED);
    drain(&t, NULL);
    for (int i = 0; i < 3; i++) {
        wait_ms(&t, 10000);
        drain(&t, NULL);
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "buy");
        expect(&t, .seq = 1, .flags = RST);
        expect_state(&t, MN_CLOSED);
    }
    assert_int_equal(counted(&t, TCP_COOKIE_ACCEPTED), 1);
    assert_int_equal(counted(&t, TCP_DROP_COOKIE), 3);
    tcp_end(&t);
}

/* A connection that fails for lack of room does not use up the cookie. */
SCRIPT(cookie_without_room_is_good_later)
{
    struct tcp_test t;
    full_listener(&t, .backlog = 1);
    fill(&t);
    struct mnet_endpoint other = endpoint(10, 0, 0, 1, 5000);
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460, .from = other);
    uint32_t iss = peek_output(&t)->header.seq;
    drain(&t, NULL);
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    send_(&t, .seq = 1, .ack = iss + 1 - t.iss, .flags = ACK, .from = other);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK); /* the backlog is full */
    expect_nothing(&t);
    struct mn_tcb *first = mn_tcp_accept(t.listener);
    assert_non_null(first);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    accept_(&t);
    read_text(&t, "hello");
    mn_tcp_abort(t.tcp, first, t.now);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listen_full_answers_with_a_cookie),
        cmocka_unit_test(cookie_opens_one_connection),
        cmocka_unit_test(cookie_without_room_is_good_later),
        cmocka_unit_test(cookie_comes_back_with_data_or_fin),
        cmocka_unit_test(cookie_with_timestamps_keeps_all_options),
        cmocka_unit_test(cookie_timestamps_never_go_back),
        cmocka_unit_test(cookie_without_timestamps_keeps_the_mss),
        cmocka_unit_test(cookie_stamp_gives_no_more_than_the_listener_offers),
        cmocka_unit_test(cookie_forged_is_dropped),
        cmocka_unit_test(cookie_is_worth_nothing_after_two_generations),
        cmocka_unit_test(cookie_keys_rotate_under_way),
        cmocka_unit_test(listen_without_cookies_resets_an_ack),
        cmocka_unit_test(cookie_with_a_full_backlog_waits_or_is_refused),
        cmocka_unit_test(time_wait_syn_gets_a_record),
        cmocka_unit_test(listen_without_cookies_gives_up_the_oldest),
        cmocka_unit_test(cookies_are_spread),
    };
    return run_scripts("tcp_cookies", tests);
}
