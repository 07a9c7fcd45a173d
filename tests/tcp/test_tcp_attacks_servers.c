/* Attacks that broke other servers, as far as they concern the engine: states that a peer holds for
 * ever, floods of pieces, forged segments and ICMP errors. In each an honest client does its work
 * meanwhile. */
#include "tests/support/tcp_check.h"
#include "tests/tcp/pair.h"
#include "tests/tcp/siege.h"

static bool connect_from(struct tcp_test *t, struct mnet_endpoint peer, int window, uint32_t *iss)
{
    return siege_connect(t, peer, window, 1460, false, iss);
}

/* --- States held for ever --- */

/* Sockstress: connections whose window stays closed for ever. The server gives up on them while
 * they have data queued, and their places go to new clients. */
SCRIPT(attack_zero_window_holds_keep_nobody_out)
{
    struct tcp_test t;
    tcp_listen(&t, .connections_max = 50, .orphans_max = 20);
    for (unsigned i = 0; i < 500; i++) {
        uint32_t iss;
        if (connect_from(&t, EVIL(1000 + i), 0, &iss)) {
            accept_(&t);
            write_bytes(&t, 1000);
            close_(&t);
        }
        assert_true(mn_tcp_usage(t.tcp).orphans <= 20);
        assert_true(mn_tcp_usage(t.tcp).established <= 50);
        if (i % 20 == 0)
            siege_serve_one(&t, (uint16_t)(2000 + i));
        wait_ms(&t, 100);
    }
    assert_true(counted(&t, TCP_DROP_ORPHAN) >= 480);
    tcp_end(&t);
}

/* Orphans take all places: a new connection, active or passive, gets the place of the orphan that
 * has been stuck for longest. */
SCRIPT(attack_orphans_give_way_when_all_places_are_taken)
{
    struct tcp_test t;
    tcp_listen(&t, .connections_max = 30);
    for (unsigned i = 0; i < 30; i++) {
        uint32_t iss;
        assert_true(connect_from(&t, EVIL(1000 + i), 0, &iss));
        accept_(&t);
        write_bytes(&t, 10);
        close_(&t);
        wait_ms(&t, 10);
    }
    assert_usage(&t, established, 30);
    assert_usage(&t, orphans, 30);
    siege_serve_one(&t, 4000);
    assert_usage(&t, orphans, 29);
    struct mn_tcp_open open = {.local = endpoint(10, 0, 0, 2, 5000), .remote = endpoint(10, 0, 0, 9, 80)};
    for (unsigned i = 0; i < 29; i++) {
        open.local.port++;
        assert_int_equal(mn_tcp_open(t.tcp, &open, t.now, &t.tcb), 0);
    }
    assert_usage(&t, orphans, 1);
    assert_usage(&t, established, 30);
    open.local.port++;
    assert_int_equal(mn_tcp_open(t.tcp, &open, t.now, &t.tcb), 0);
    open.local.port++;
    assert_int_equal(mn_tcp_open(t.tcp, &open, t.now, &t.tcb), MNET_E_LIMIT);
    tcp_end(&t);
}

/* An orphan that makes progress stays. */
SCRIPT(orphan_that_makes_progress_stays)
{
    struct tcp_test t;
    tcp_listen(&t, .orphans_max = 3);
    uint32_t iss[4];
    for (unsigned i = 0; i < 3; i++) {
        assert_true(connect_from(&t, EVIL(1000 + i), 1000, &iss[i]));
        accept_(&t);
        write_bytes(&t, 100000);
        close_(&t);
    }
    for (unsigned i = 0; i < 3; i += 2) /* the second is stuck */
        send_(&t, .seq = 1, .ack = iss[i] + 1001, .flags = ACK, .from = EVIL(1000 + i), .window = 1000);
    assert_true(connect_from(&t, EVIL(1003), 1000, &iss[3]));
    accept_(&t);
    write_bytes(&t, 100);
    close_(&t);
    assert_usage(&t, orphans, 3);
    for (unsigned i = 0; i < 4; i++) {
        t.remote = EVIL(1000 + i);
        expect_state(&t, i == 1 ? MN_CLOSED : MN_FIN_WAIT_1);
    }
    tcp_end(&t);
}

/* Memory of orphans' queues is given back when memory is scarce. */
SCRIPT(orphan_memory_is_given_back_when_it_is_scarce)
{
    struct tcp_test t;
    tcp_listen(&t, .connections_max = 5000, .orphans_max = 5000, .send_buffer = 1u << 20);
    size_t budget = mnet_memory_budget(t.memory);
    for (unsigned i = 0; i < 1000; i++) {
        uint32_t iss;
        assert_true(connect_from(&t, EVIL(1000 + i), 0, &iss));
        accept_(&t);
        static const uint8_t zeros[1u << 20];
        mn_tcp_send(t.tcp, t.tcb, zeros, sizeof zeros, false, t.now);
        close_(&t);
        assert_true(mnet_memory_used(t.memory) <= budget - budget / 4 + (2u << 20));
    }
    assert_true(counted(&t, TCP_DROP_ORPHAN) > 0);
    siege_serve_one(&t, 5000);
    tcp_end(&t);
}

/* FIN-WAIT-2 and LAST-ACK: peers that never close, and peers that never acknowledge our FIN. */
SCRIPT(attack_fin_wait_2_and_last_ack_holds_end)
{
    struct tcp_test t;
    tcp_listen(&t, .connections_max = 40);
    for (unsigned i = 0; i < 400; i++) {
        uint32_t iss;
        assert_true(connect_from(&t, EVIL(1000 + i), 1000, &iss));
        accept_(&t);
        if (i & 1) { /* LAST-ACK */
            send_(&t, .seq = 1, .ack = iss + 1, .flags = ACK | FIN, .from = EVIL(1000 + i));
            close_(&t);
        } else { /* FIN-WAIT-2 */
            close_(&t);
            send_(&t, .seq = 1, .ack = iss + 2, .flags = ACK, .from = EVIL(1000 + i));
        }
        if (i % 40 == 39)
            siege_serve_one(&t, (uint16_t)(3000 + i));
    }
    wait_ms(&t, 1000000);
    assert_usage(&t, tcbs, 0);
    assert_usage(&t, orphans, 0);
    tcp_end(&t);
}

/* --- Floods of pieces --- */

/* SegmentSmack: a window full of octets that cannot be joined, in the worst order, and one by one.
 * Pieces and memory are bounded. */
SCRIPT(attack_segment_smack_is_bounded)
{
    for (int step = 1; step <= 3; step++) {
        struct tcp_test t;
        tcp_established(&t, .sack = true, .timestamps = true);
        struct mn_tcb *victim = t.tcb;
        size_t before = mnet_memory_used(t.memory);
        for (uint32_t seq = 60001; seq > 2; seq -= (uint32_t)step) {
            send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = 1);
            assert_true(tcp_runs(victim) <= MN_REASSEMBLY_RUNS);
            drain(&t, NULL);
        }
        for (uint32_t seq = 3; seq < 60001; seq += (uint32_t)step)
            send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = 1);
        drain(&t, NULL);
        assert_true(tcp_runs(victim) <= MN_REASSEMBLY_RUNS);
        assert_true(mnet_memory_used(t.memory) - before < (640u << 10));
        /* The honest data is still taken. */
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1460);
        read_pattern(&t, 0, 1460);
        tcp_end(&t);
    }
}

/* In order, but octet by octet, and nobody reads: they pin little more memory than their number of
 * bytes. */
SCRIPT(attack_octets_in_order_pin_no_more_than_the_window)
{
    struct tcp_test t;
    tcp_established(&t);
    size_t before = mnet_memory_used(t.memory);
    for (uint32_t seq = 1; seq <= 65535; seq++)
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = 1);
    drain(&t, NULL);
    assert_true(mnet_memory_used(t.memory) - before < (512u << 10));
    read_pattern(&t, 0, 65535);
    tcp_end(&t);
}

/* CVE-2019-11477 to 11479: a tiny MSS, and SACK blocks that cut the data in flight into pieces. The
 * work is bounded by the data in flight, segments stay at 64 bytes or more, and all of it
 * arrives. */
SCRIPT(attack_tiny_mss_with_sack_holes)
{
    struct tcp_test t;
    tcp_established(&t, .mss = 48, .sack = true, .timestamps = true, .no_delay = true);
    size_t before = mnet_memory_used(t.memory);
    write_bytes(&t, 60000);
    uint32_t una = 1;
    for (unsigned round = 0; round < 3000 && una < 60001; round++) {
        uint32_t flight = t.tcb->snd_nxt - t.tcb->snd_una;
        for (uint32_t at = 64; at + 64 < flight; at += 128)
            send_(&t, .seq = 1, .ack = una, .flags = ACK, .sacks = 1, .sack = {{una + at, una + at + 64}});
        assert_true(mnet_memory_used(t.memory) - before < (1u << 20));
        una = t.tcb->snd_nxt - t.iss;
        send_(&t, .seq = 1, .ack = una, .flags = ACK);
        while (t.first != NULL) {
            const struct tcp_output *o = peek_output(&t);
            assert_true(o->len == 0 || o->len >= 64 || o->header.seq + o->len == t.iss + 60001);
            uint32_t seq = o->header.seq - t.iss;
            expect(&t, .seq = seq, .ack = 1, .flags = ACK, .len = (int)o->len);
        }
    }
    assert_int_equal(una, 60001);
    tcp_end(&t);
}

/* --- Forged segments --- */

/* A forged FIN in the window does not end the stream. It is forgotten when data beyond it
 * arrives. */
SCRIPT(attack_blind_fin_does_not_cut_the_stream_off)
{
    for (int sweep = 0; sweep < 2; sweep++) {
        struct tcp_test t;
        tcp_established(&t);
        if (sweep) {
            for (uint32_t seq = 60001; seq > 2000; seq -= 1000)
                send_(&t, .seq = seq, .ack = 1, .flags = ACK | FIN);
        } else {
            send_(&t, .seq = 701, .ack = 1, .flags = ACK | FIN);
        }
        drain(&t, NULL);
        for (uint32_t seq = 1; seq < 40 * MSS; seq += MSS) {
            send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = MSS);
            read_pattern(&t, seq - 1, MSS);
        }
        expect_state(&t, MN_ESTABLISHED);
        drain(&t, NULL);
        send_(&t, .seq = 1 + 40 * MSS, .ack = 1, .flags = ACK | FIN, .data = "end");
        read_text(&t, "end");
        read_result(&t, 0);
        expect_state(&t, MN_CLOSE_WAIT);
        tcp_end(&t);
    }
}

/* The same while the answer of a server that reads no more is on its way. */
SCRIPT(attack_blind_fin_is_forgotten_while_text_is_discarded)
{
    struct tcp_test t;
    tcp_established(&t);
    write_text(&t, "the answer");
    drain(&t, NULL);
    shutdown_(&t, MNET_SHUTDOWN_READ);
    send_(&t, .seq = 701, .ack = 1, .flags = ACK | FIN);
    for (uint32_t seq = 1; seq < 4 * MSS; seq += MSS)
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = MSS);
    expect_state(&t, MN_ESTABLISHED);
    assert_false(t.tcb->fin_known);
    send_(&t, .seq = 1 + 4 * MSS, .ack = 11, .flags = ACK | FIN);
    expect_state(&t, MN_CLOSE_WAIT);
    tcp_end(&t);
}

/* A forged FIN is not even recorded if data beyond it is waiting already. */
SCRIPT(attack_blind_fin_before_known_data_is_ignored)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1 + MSS, .ack = 1, .flags = ACK, .len = MSS);
    send_(&t, .seq = 1 + MSS, .ack = 1, .flags = ACK | FIN);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = MSS);
    read_pattern(&t, 0, 2 * MSS);
    expect_state(&t, MN_ESTABLISHED);
    tcp_end(&t);
}

/* ... nor if that data has been put together with the text in front of the FIN. */
SCRIPT(attack_blind_fin_within_known_data_is_ignored)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1 + MSS, .ack = 1, .flags = ACK, .len = MSS);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK | FIN, .len = MSS);
    assert_false(t.tcb->fin_known);
    read_pattern(&t, 0, 2 * MSS);
    expect_state(&t, MN_ESTABLISHED);
    send_(&t, .seq = 1 + 2 * MSS, .ack = 1, .flags = ACK | FIN);
    expect_state(&t, MN_CLOSE_WAIT);
    tcp_end(&t);
}

/* RFC 7323 5.2, RFC 5961: with timestamps, blind data needs a good timestamp in addition to both
 * numbers: none of a million guesses has one. */
SCRIPT(attack_blind_data_needs_a_timestamp)
{
    struct tcp_test t;
    tcp_established(&t, .timestamps = true);
    uint32_t recent = t.tcb->timestamps.recent;
    for (uint32_t i = 0; i < 1000; i++)
        send_(&t, .seq = 1 + i, .ack = 1, .flags = ACK, .data = "evil", .ts_value = NO);
    read_result(&t, MNET_E_DEADLINE);
    /* A forged acknowledgement does not move TS.Recent either, which would keep the peer out. */
    for (uint32_t i = 0; i < 1000; i++)
        send_(&t, .seq = 1, .ack = 2 + i, .flags = ACK, .ts_value = 0x7fffff00);
    assert_int_equal(t.tcb->timestamps.recent, recent);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "good");
    read_text(&t, "good");
    tcp_end(&t);
}

/* --- ICMP: RFC 5927 --- */

/* Errors that quote data not in flight have no effect, whatever their code: on an idle connection
 * (4), or outside of [SND.UNA, SND.NXT). */
SCRIPT(attack_icmp_sweep_changes_nothing)
{
    static const enum mn_unreachable reasons[] = {MN_UNREACHABLE_TOO_BIG,  MN_UNREACHABLE_PORT,
                                                  MN_UNREACHABLE_PROTOCOL, MN_UNREACHABLE_NETWORK,
                                                  MN_UNREACHABLE_HOST,     MN_UNREACHABLE_PROHIBITED};
    struct tcp_test t;
    tcp_established(&t);
    for (int busy = 0; busy < 2; busy++) {
        if (busy)
            write_bytes(&t, 1000);
        drain(&t, NULL);
        for (unsigned i = 0; i < MN_COUNT_OF(reasons); i++) {
            for (uint32_t k = 0; k < 5000; k++)
                icmp_(&t, reasons[i], 68, 1001 + k * 858993u);
        }
        assert_int_equal(t.tcb->snd_mss, 1460);
        expect_state(&t, MN_ESTABLISHED);
        expect_nothing(&t);
    }
    tcp_end(&t);
}

/* Hard errors about data in flight do not end an established connection (5), and no path MTU is
 * smaller than the family's smallest (7). */
SCRIPT(attack_icmp_on_path_does_bounded_harm)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 10 * MSS);
    drain(&t, NULL);
    for (int i = 0; i < 1000; i++) {
        icmp_(&t, MN_UNREACHABLE_PORT, 0, 1);
        icmp_(&t, MN_UNREACHABLE_PROTOCOL, 0, 1);
        icmp_(&t, MN_UNREACHABLE_TOO_BIG, 0, 1);
    }
    expect_state(&t, MN_ESTABLISHED);
    assert_int_equal(t.tcb->path_mtu, family_mtu_min(tcp_family()));
    uint32_t bytes;
    drain(&t, &bytes);
    assert_true(bytes <= 10 * MSS); /* sent again once, not once for each message */
    tcp_end(&t);
}

/* --- Loops --- */

/* A record of TIME-WAIT or a half-open one, and a peer that believes to be established: a few
 * segments, then silence. */
SCRIPT(attack_time_wait_and_half_open_do_not_loop)
{
    struct tcp_test t;
    tcp_time_wait(&t);
    close_(&t);
    for (int i = 0; i < 100; i++)
        send_(&t, .seq = 500, .ack = 900, .flags = ACK);
    /* 3.10.7.4, first: an acknowledgement, but not for ever. */
    assert_in_range(drain(&t, NULL), 1, MN_CHALLENGE_LIMIT);
    tcp_end(&t);

    tcp_syn_received(&t);
    for (int i = 0; i < 1000; i++)
        send_(&t, .seq = 70000, .ack = 1, .flags = ACK);
    assert_in_range(drain(&t, NULL), 1, MN_CHALLENGE_LIMIT);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    accept_(&t);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_zero_window_holds_keep_nobody_out),
        cmocka_unit_test(attack_orphans_give_way_when_all_places_are_taken),
        cmocka_unit_test(orphan_that_makes_progress_stays),
        cmocka_unit_test(orphan_memory_is_given_back_when_it_is_scarce),
        cmocka_unit_test(attack_fin_wait_2_and_last_ack_holds_end),
        cmocka_unit_test(attack_segment_smack_is_bounded),
        cmocka_unit_test(attack_octets_in_order_pin_no_more_than_the_window),
        cmocka_unit_test(attack_tiny_mss_with_sack_holes),
        cmocka_unit_test(attack_blind_fin_does_not_cut_the_stream_off),
        cmocka_unit_test(attack_blind_fin_is_forgotten_while_text_is_discarded),
        cmocka_unit_test(attack_blind_fin_before_known_data_is_ignored),
        cmocka_unit_test(attack_blind_fin_within_known_data_is_ignored),
        cmocka_unit_test(attack_blind_data_needs_a_timestamp),
        cmocka_unit_test(attack_icmp_sweep_changes_nothing),
        cmocka_unit_test(attack_icmp_on_path_does_bounded_harm),
        cmocka_unit_test(attack_time_wait_and_half_open_do_not_loop),
    };
    return run_scripts("tcp_attacks_servers", tests);
}
