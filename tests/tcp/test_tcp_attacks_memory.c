/* Peers that make a server hold memory: by text out of order, by unread text, behind closed
 * windows, by doing nothing. Meanwhile honest clients do their work, the bytes charged are the
 * bytes pinned, the reserve stays free, and all memory is given back. */
#include "tests/tcp/siege.h"

#include "tcp/autotune.h"

#define MIB ((size_t)1 << 20)

static struct mnet_endpoint evil(unsigned i)
{
    return endpoint(10, 66, (uint8_t)(i >> 8), (uint8_t)i, 2000);
}

/* A server with little memory and a client that stays. */
static void begin(struct siege *s, struct tcp_setup setup)
{
    *s = (struct siege){.heard = 1, .said = 1};
    setup.t = &s->t;
    setup.no_delay = true;
    tcp_reach(MN_ESTABLISHED, setup);
    s->friend = s->t.tcb;
}

static void honest_work(struct siege *s)
{
    siege_check_memory(&s->t);
    siege_exchange(s);
    siege_goodput(s);
    siege_serve_one(&s->t, (uint16_t)(3000 + s->served++));
    drain(&s->t, NULL);
}

static void end(struct siege *s)
{
    honest_work(s);
    s->t.tcb = s->friend;
    tcp_end(&s->t);
}

static struct mn_tcb *come(struct siege *s, unsigned i, int window, bool sack, uint32_t *iss)
{
    assert_true(siege_connect(&s->t, evil(i), window, 1460, sack, iss));
    accept_(&s->t);
    return s->t.tcb;
}

static void leave(struct siege *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        drain(&s->t, NULL);
        send_(&s->t, .seq = 1, .flags = RST, .from = evil(i));
    }
}

/* --- received --- */

/* Single octets with gaps, on many connections: each octet pins a packet. */
SCRIPT(siege_by_octets_on_many_connections)
{
    struct siege s;
    begin(&s, TCP_SETUP(NULL, .memory = 16 * MIB));
    for (unsigned i = 0; i < 120; i++) {
        uint32_t iss;
        come(&s, i, 65535, i & 1, &iss);
        for (uint32_t k = 0; k < 200; k++) {
            send_(&s.t, .seq = 3 + 2 * k, .ack = iss + 1, .flags = ACK, .len = 1, .from = evil(i));
            drain(&s.t, NULL);
        }
        honest_work(&s);
    }
    assert_true(counted(&s.t, TCP_DROP_PRUNED) > 0);
    assert_true(2 * s.t.tcp->receive_early <= s.t.tcp->receive_budget);
    for (int hour = 0; hour < 2; hour++) {
        wait_ms(&s.t, 3600 * 1000);
        honest_work(&s);
    }
    leave(&s, 120);
    assert_int_equal(s.t.tcp->receive_early, 0);
    end(&s);
}

/* All connections are open before the first octet arrives, and nobody reads on any of the
 * attacker's. */
SCRIPT(siege_by_windows_full_of_unread_text)
{
    struct siege s;
    begin(&s, TCP_SETUP(NULL, .memory = 16 * MIB));
    uint32_t iss[150];
    struct mn_tcb *held[150];
    for (unsigned i = 0; i < 150; i++)
        held[i] = come(&s, i, 65535, false, &iss[i]);
    for (unsigned i = 0; i < 150; i++) {
        for (uint32_t at = 1; at + 1400 < 65536; at += 1400)
            send_(&s.t, .seq = at, .ack = iss[i] + 1, .flags = ACK, .len = 1400, .from = evil(i));
        drain(&s.t, NULL);
        if (i % 10 == 0)
            honest_work(&s);
    }
    assert_true(counted(&s.t, TCP_DROP_BUDGET) > 0);
    assert_true(s.t.tcp->receive_used <= s.t.tcp->receive_budget + 152 * s.t.memory->packets.object_size);
    /* All acknowledged text is there. */
    for (unsigned i = 0; i < 150; i++) {
        s.t.tcb = held[i];
        read_pattern(&s.t, 0, held[i]->rcv_nxt - held[i]->rare.irs - 1);
    }
    assert_int_equal(s.t.tcp->receive_used, 0);
    leave(&s, 150);
    end(&s);
}

/* One octet each, in a packet of its own, on as many connections as there may be. One packet of a
 * connection may always stay. */
SCRIPT(siege_by_an_unread_octet_on_each_connection)
{
    struct siege s;
    begin(&s, TCP_SETUP(NULL, .memory = 16 * MIB, .connections_max = 4096));
    for (unsigned i = 0; i < 4000; i++) {
        uint32_t iss;
        come(&s, i, 65535, false, &iss);
        send_(&s.t, .seq = 1, .ack = iss + 1, .flags = ACK, .len = 1, .from = evil(i));
        drain(&s.t, NULL);
        if (i % 200 == 0)
            honest_work(&s);
    }
    leave(&s, 4000);
    end(&s);
}

/* Each connection does all of it: unread text, text out of order, data behind a closed window.
 * There are half-open connections, too. */
SCRIPT(siege_by_everything_that_pins_memory)
{
    static const uint8_t zeros[65536];
    struct siege s;
    begin(&s, TCP_SETUP(NULL, .memory = 16 * MIB, .connections_max = 2000));
    for (unsigned i = 0; i < 1000; i++) {
        uint32_t iss;
        struct mn_tcb *tcb = come(&s, i, 0, i & 1, &iss);
        send_(&s.t, .seq = 1, .ack = iss + 1, .flags = ACK, .len = 1400, .from = evil(i), .window = 0);
        for (uint32_t k = 0; k < 40; k++)
            send_(&s.t, .seq = 2000 + 200 * k, .ack = iss + 1, .flags = ACK, .len = 1, .from = evil(i), .window = 0);
        while (mn_tcp_send(s.t.tcp, tcb, zeros, sizeof zeros, false, s.t.now) > 0)
            pump(&s.t);
        for (unsigned k = 0; k < 10; k++)
            send_(&s.t, .seq = k, .flags = SYN, .mss = MSS,
                  .from = endpoint(10, 67, (uint8_t)k, (uint8_t)i, (uint16_t)(99 + i)));
        drain(&s.t, NULL);
        if (i % 50 == 49)
            honest_work(&s);
    }
    for (int minute = 0; minute < 10; minute++) {
        wait_ms(&s.t, 60000);
        honest_work(&s);
    }
    leave(&s, 1000);
    end(&s);
}

/* Text in order takes the place of text out of order, of any connection. */
SCRIPT(pressure_drops_what_is_out_of_order_first)
{
    struct siege s;
    begin(&s, TCP_SETUP(NULL));
    uint32_t iss;
    struct mn_tcb *other = come(&s, 0, 65535, true, &iss);
    s.t.tcp->receive_budget = 64 * 2048;
    for (uint32_t at = 1001; at < 30000; at += 2000)
        send_(&s.t, .seq = at, .ack = iss + 1, .flags = ACK, .len = 1000, .from = evil(0));
    drain(&s.t, NULL);
    assert_non_null(other->reassembly);
    s.t.tcb = s.friend;
    for (uint32_t at = 1; at < 30 * 1460; at += 1460)
        send_(&s.t, .seq = at, .ack = 1, .flags = ACK, .len = 1460);
    assert_int_equal(s.friend->rcv_nxt - s.friend->rare.irs, 1 + 30 * 1460);
    siege_check_memory(&s.t);
    assert_true(counted(&s.t, TCP_DROP_PRUNED) > 0);
    read_pattern(&s.t, 0, 30 * 1460);
    s.heard += 30 * 1460;
    end(&s);
}

/* RFC 2018 8: text that was acknowledged selectively and then dropped is no longer reported. The
 * peer sends it again, and it is no duplicate. */
SCRIPT(established_pruned_text_comes_again)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    send_(&t, .seq = 1001, .ack = 1, .flags = ACK, .len = 1000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .sacks = 1, .sack = {{1001, 2001}});
    send_(&t, .seq = 3001, .ack = 1, .flags = ACK, .len = 1000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .sacks = 2, .sack = {{3001, 4001}, {1001, 2001}});
    t.memory->short_at = UINT32_MAX;
    mn_tcp_relieve(t.tcp);
    t.memory->short_at = 1;
    assert_null(t.tcb->reassembly);
    assert_int_equal(t.tcp->receive_used, 0);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1000);
    wait_ms(&t, 40);
    drain(&t, NULL);
    send_(&t, .seq = 1001, .ack = 1, .flags = ACK, .len = 1000);
    send_(&t, .seq = 2001, .ack = 1, .flags = ACK, .len = 1000);
    wait_ms(&t, 40);
    drain(&t, NULL);
    send_(&t, .seq = 3001, .ack = 1, .flags = ACK, .len = 1000);
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 4001, .flags = ACK, .sacks = 0);
    read_pattern(&t, 0, 4000);
    tcp_end(&t);
}

/* When memory is scarce, the connection that asks for memory is not the one to go: it would be gone
 * in the middle of its segment. */
SCRIPT(fin_wait_1_text_without_memory_is_no_end_of_its_connection)
{
    struct tcp_test t;
    tcp_established(&t);
    shutdown_(&t, MNET_SHUTDOWN_READ);
    write_text(&t, "answer");
    close_(&t);
    drain(&t, NULL);
    uint32_t reserve = t.memory->reserve, short_at = t.memory->short_at;
    t.memory->reserve = t.memory->short_at = UINT32_MAX;
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "abc");
    expect_state(&t, MN_FIN_WAIT_1);
    t.memory->reserve = reserve;
    t.memory->short_at = short_at;
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 8, .flags = ACK, .data = "abc");
    assert_int_equal(counted(&t, TCP_DROP_ORPHAN), 0);
    tcp_end(&t);
}

/* A connection is not made to wait for ever: one packet may always stay, and dropped text is sent
 * again. */
SCRIPT(established_without_budget_one_packet_may_stay)
{
    struct tcp_test t;
    tcp_established(&t);
    t.tcp->receive_budget = 1;
    for (uint32_t at = 1; at < 20 * 1000; at += 1000) {
        send_(&t, .seq = at, .ack = 1, .flags = ACK, .len = 1000);
        send_(&t, .seq = at + 1000, .ack = 1, .flags = ACK, .len = 1000);
        assert_int_equal(t.tcb->recvq.bytes, 1000);
        read_pattern(&t, at - 1, 1000);
    }
    assert_true(counted(&t, TCP_DROP_BUDGET) > 0);
    drain(&t, NULL);
    tcp_end(&t);
}

/* --- idle --- */

/* Idle connections have announced windows, and hold nothing. A new connection has the whole window,
 * and it grows. */
SCRIPT(idle_connections_leave_the_window_to_others)
{
    struct siege s;
    begin(&s, TCP_SETUP(NULL, .memory = 8 * MIB, .connections_max = 3000, .receive_buffer = 1u << 20, .shift = 7));
    for (unsigned i = 0; i < 1500; i++) {
        uint32_t iss;
        come(&s, i, 65535, false, &iss);
    }
    assert_int_equal(s.t.tcp->receive_used, 0);
    send_(&s.t, .seq = 0, .flags = SYN, .mss = MSS, .from = endpoint(10, 1, 1, 1, 9));
    assert_int_equal(peek_output(&s.t)->header.window, 65535);
    honest_work(&s);
    end(&s);
}

/* --- written --- */

/* The server has a lot of data to send, and the peers accept little or nothing. */
static void withhold(int window)
{
    static const uint8_t zeros[1 << 20];
    struct siege s;
    begin(&s, TCP_SETUP(NULL, .memory = 16 * MIB));
    for (unsigned i = 0; i < 300; i++) {
        uint32_t iss;
        struct mn_tcb *tcb = come(&s, i, window, false, &iss);
        while (mn_tcp_send(s.t.tcp, tcb, zeros, sizeof zeros, false, s.t.now) > 0)
            pump(&s.t);
        drain(&s.t, NULL);
        if (i % 10 == 9)
            honest_work(&s);
    }
    assert_true(counted(&s.t, TCP_DROP_STUCK) > 0);
    for (int minute = 0; minute < 30; minute++) {
        wait_ms(&s.t, 60000);
        drain(&s.t, NULL);
        honest_work(&s);
    }
    leave(&s, 300);
    end(&s);
}

/* The attackers accept an octet every four seconds, so that each of them makes progress. */
static void drip(struct siege *s, unsigned count, const uint32_t *iss, uint32_t *taken)
{
    wait_ms(&s->t, 4000);
    for (unsigned i = 0; i < count; i++)
        send_(&s->t, .seq = 1, .ack = iss[i] + 1 + taken[i]++, .flags = ACK, .window = 1, .from = evil(i));
    drain(&s->t, NULL);
}

/* A slow reader, which accepts a segment in four seconds, is one of the honest clients. */
SCRIPT(siege_by_drips)
{
    static const uint8_t zeros[1 << 20];
    struct siege s;
    uint32_t iss[300], taken[300], slow_iss, slow_taken = 1;
    begin(&s, TCP_SETUP(NULL, .memory = 16 * MIB));
    struct mn_tcb *slow = come(&s, 999, 1460, false, &slow_iss);
    for (unsigned turn = 0, i = 0; turn < 100; turn++) {
        for (unsigned end = MN_MIN(i + 30, 300u); i < end; i++) {
            struct mn_tcb *tcb = come(&s, i, 1, false, &iss[i]);
            taken[i] = 1;
            while (mn_tcp_send(s.t.tcp, tcb, zeros, sizeof zeros, false, s.t.now) > 0)
                pump(&s.t);
            drain(&s.t, NULL);
        }
        drip(&s, i, iss, taken);
        mn_tcp_send(s.t.tcp, slow, zeros, 16384 - MN_MIN(slow->sendq.len, 16384u), false, s.t.now);
        drain(&s.t, NULL);
        slow_taken = slow->snd_nxt - s.t.iss - slow_iss;
        send_(&s.t, .seq = 1, .ack = slow_iss + slow_taken, .flags = ACK, .window = 1460, .from = evil(999));
        honest_work(&s);
        assert_int_equal(slow->state, MN_ESTABLISHED);
    }
    assert_true(2 * slow->bytes_acked >= 100 * 1460);
    leave(&s, 300);
    send_(&s.t, .seq = 1, .flags = RST, .from = evil(999));
    end(&s);
}

SCRIPT(siege_by_closed_windows_with_data_queued)
{
    withhold(0);
}

SCRIPT(siege_by_small_windows_with_data_queued)
{
    withhold(1);
    withhold(100);
    withhold(1000);
}

/* Fills memory behind closed windows, until a write finds no more. */
static unsigned stuff(struct siege *s, struct mn_tcb **held, unsigned most)
{
    static const uint8_t zeros[65536];
    for (unsigned i = 0; i < most; i++) {
        uint32_t iss;
        held[i] = come(s, i, 0, false, &iss);
        if (mn_tcp_send(s->t.tcp, held[i], zeros, sizeof zeros, true, s->t.now) < 0)
            return i + 1;
    }
    return most;
}

/* The connection that goes is the one that holds much and has made no progress for longest. Its
 * user is told the reason. */
SCRIPT(pressure_sheds_what_moves_least_for_its_memory)
{
    struct siege s;
    struct mn_tcb *held[300];
    static const uint8_t zeros[65536];
    begin(&s, TCP_SETUP(NULL, .memory = 16 * MIB));
    uint32_t iss;
    held[0] = come(&s, 0, 0, false, &iss);
    assert_int_equal(mn_tcp_send(s.t.tcp, held[0], zeros, sizeof zeros, true, s.t.now), sizeof zeros);
    wait_ms(&s.t, 5000);
    drain(&s.t, NULL);
    for (unsigned i = 1; i < 300 && counted(&s.t, TCP_DROP_STUCK) == 0; i++) {
        held[i] = come(&s, i, 0, false, &iss);
        mn_tcp_send(s.t.tcp, held[i], zeros, sizeof zeros, false, s.t.now);
        siege_exchange(&s);
    }
    s.t.tcb = s.friend;
    expect_state(&s.t, MN_ESTABLISHED);
    /* By now a write finds only memory that others give back. */
    for (int i = 0; i < 20 && held[0]->state == MN_ESTABLISHED; i++)
        siege_serve_one(&s.t, (uint16_t)(4000 + i));
    assert_int_equal(held[0]->state, MN_CLOSED);
    s.t.tcb = held[0];
    read_result(&s.t, MNET_E_NO_MEMORY);
    end(&s);
}

/* No connection is shed if the option forbids it. */
SCRIPT(pressure_sheds_nobody_by_option)
{
    struct siege s;
    struct mn_tcb *held[400];
    begin(&s, TCP_SETUP(NULL, .memory = 16 * MIB, .no_shedding = true));
    unsigned count = stuff(&s, held, 400);
    assert_in_range(count, 100, 399);
    assert_int_equal(counted(&s.t, TCP_DROP_STUCK), 0);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(held[i]->state, MN_ESTABLISHED);
    leave(&s, count);
    end(&s);
}

/* A peer that reads as fast as the path allows makes progress, however much is queued for it. */
SCRIPT(pressure_does_not_shed_who_moves)
{
    struct siege s;
    struct mn_tcb *held[300];
    begin(&s, TCP_SETUP(NULL, .memory = 16 * MIB));
    static const uint8_t zeros[300000];
    assert_int_equal(mn_tcp_send(s.t.tcp, s.friend, zeros, sizeof zeros, true, s.t.now), sizeof zeros);
    for (int i = 0; i < 10; i++) {
        drain(&s.t, NULL);
        s.said = s.friend->snd_nxt - s.t.iss;
        send_(&s.t, .seq = 1, .ack = s.said, .flags = ACK);
    }
    mn_tcp_send(s.t.tcp, s.friend, zeros, sizeof zeros, true, s.t.now);
    unsigned count = stuff(&s, held, 300);
    assert_true(counted(&s.t, TCP_DROP_STUCK) > 0);
    s.t.tcb = s.friend;
    expect_state(&s.t, MN_ESTABLISHED);
    while (s.friend->snd_una != mn_sendq_end(&s.friend->sendq)) {
        drain(&s.t, NULL);
        s.said = s.friend->snd_nxt - s.t.iss;
        send_(&s.t, .seq = 1, .ack = s.said, .flags = ACK);
    }
    leave(&s, count);
    end(&s);
}

/* A connection that was idle for long, or is new, did not stall meanwhile. Data written now gets at
 * least a round trip's time. */
SCRIPT(pressure_does_not_shed_who_was_only_idle)
{
    struct siege s;
    static const uint8_t zeros[65536];
    uint32_t iss;
    begin(&s, TCP_SETUP(NULL, .memory = 16 * MIB));
    struct mn_tcb *idle = come(&s, 999, 29200, false, &iss);
    wait_ms(&s.t, 3600 * 1000);
    assert_int_equal(mn_tcp_send(s.t.tcp, idle, zeros, sizeof zeros, true, s.t.now), sizeof zeros);
    struct mn_tcb *fresh = come(&s, 998, 29200, false, &iss);
    assert_int_equal(mn_tcp_send(s.t.tcp, fresh, zeros, sizeof zeros, true, s.t.now), sizeof zeros);
    drain(&s.t, NULL);
    for (unsigned i = 0; i < 300; i++) {
        struct mn_tcb *tcb = come(&s, i, 0, false, &iss);
        while (mn_tcp_send(s.t.tcp, tcb, zeros, sizeof zeros, false, s.t.now) > 0)
            continue;
    }
    assert_true(counted(&s.t, TCP_DROP_STUCK) > 0);
    assert_int_equal(idle->state, MN_ESTABLISHED);
    assert_int_equal(fresh->state, MN_ESTABLISHED);
    leave(&s, 300);
    send_(&s.t, .seq = 1, .flags = RST, .from = evil(998));
    send_(&s.t, .seq = 1, .flags = RST, .from = evil(999));
    end(&s);
}

/* The share of a send queue shrinks with the memory that is left, and is never zero. */
SCRIPT(established_send_limit_follows_what_is_left)
{
    struct siege s;
    begin(&s, TCP_SETUP(NULL, .memory = 16 * MIB, .no_shedding = true));
    assert_int_equal(mn_tcb_send_limit(s.t.tcp, s.friend), 65536);
    struct mn_tcb *held[300];
    uint32_t before = 65536;
    static const uint8_t zeros[65536];
    for (unsigned i = 0; i < 300; i++) {
        uint32_t iss;
        held[i] = come(&s, i, 0, false, &iss);
        mn_tcp_send(s.t.tcp, held[i], zeros, sizeof zeros, true, s.t.now);
        uint32_t limit = mn_tcb_send_limit(s.t.tcp, s.friend);
        assert_in_range(limit, 4096, before);
        before = limit;
    }
    assert_int_equal(before, 4096);
    leave(&s, 300);
    assert_int_equal(mn_tcb_send_limit(s.t.tcp, s.friend), 65536);
    end(&s);
}

/* --- half open --- */

/* When data has all memory that it may have, half-open connections cost cookies instead of records:
 * the margin is for connections. */
SCRIPT(siege_by_beginnings_leaves_the_margin_to_connections)
{
    struct siege s;
    struct mn_tcb *held[400];
    begin(&s, TCP_SETUP(NULL, .memory = 16 * MIB, .no_shedding = true, .half_open_max = 4000));
    unsigned count = stuff(&s, held, 400);
    uint32_t free_before = s.t.memory->free_slabs;
    for (unsigned i = 0; i < 3500; i++) {
        send_(&s.t, .seq = i, .flags = SYN, .mss = MSS, .from = endpoint(10, 67, (uint8_t)(i >> 8), (uint8_t)i, 99));
        drain(&s.t, NULL);
    }
    assert_in_range(s.t.memory->free_slabs, free_before - 1, free_before);
    for (uint16_t i = 0; i < 20; i++) {
        siege_check_memory(&s.t);
        siege_exchange(&s);
        siege_serve_one(&s.t, (uint16_t)(3000 + i));
    }
    leave(&s, count);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siege_by_octets_on_many_connections),
        cmocka_unit_test(siege_by_windows_full_of_unread_text),
        cmocka_unit_test(siege_by_an_unread_octet_on_each_connection),
        cmocka_unit_test(siege_by_everything_that_pins_memory),
        cmocka_unit_test(pressure_drops_what_is_out_of_order_first),
        cmocka_unit_test(established_pruned_text_comes_again),
        cmocka_unit_test(fin_wait_1_text_without_memory_is_no_end_of_its_connection),
        cmocka_unit_test(established_without_budget_one_packet_may_stay),
        cmocka_unit_test(idle_connections_leave_the_window_to_others),
        cmocka_unit_test(siege_by_closed_windows_with_data_queued),
        cmocka_unit_test(siege_by_drips),
        cmocka_unit_test(siege_by_small_windows_with_data_queued),
        cmocka_unit_test(pressure_sheds_what_moves_least_for_its_memory),
        cmocka_unit_test(pressure_sheds_nobody_by_option),
        cmocka_unit_test(pressure_does_not_shed_who_moves),
        cmocka_unit_test(pressure_does_not_shed_who_was_only_idle),
        cmocka_unit_test(established_send_limit_follows_what_is_left),
        cmocka_unit_test(siege_by_beginnings_leaves_the_margin_to_connections),
    };
    return run_scripts("tcp_attacks_memory", tests);
}
