/* Attacks that broke other stacks, as far as they concern the engine: each class of attack, with
 * legitimate peers meanwhile. */
#include "tests/tcp/pair.h"

#include "tcp/records/table.h"

/* MSS 0 or tiny: bounded segment rate and memory. */
SCRIPT(attack_tiny_mss_makes_no_tiny_segments)
{
    for (int mss = 0; mss < 64; mss += 9) {
        struct tcp_test t;
        tcp_established(&t, .mss = mss, .no_delay = true);
        size_t before = mnet_memory_used(t.memory);
        write_bytes(&t, 60000);
        uint32_t bytes;
        unsigned segments = drain(&t, &bytes);
        assert_true(segments <= 10 || bytes / segments >= 64);
        assert_true(mnet_memory_used(t.memory) < before + (1u << 20));
        tcp_end(&t);
    }
}

/* Blind resets and SYNs over the whole sequence space: only the exact one has an effect, and
 * answers are limited (RFC 5961). */
SCRIPT(attack_blind_reset_sweep_fails)
{
    struct tcp_test t;
    tcp_established(&t);
    for (uint32_t i = 0; i < 70000; i++) {
        uint32_t seq = 2 + i * 61356; /* one in each window, never exactly RCV.NXT */
        if (seq == 1)
            continue;
        send_(&t, .seq = seq, .flags = RST);
        send_(&t, .seq = seq, .flags = SYN);
    }
    assert_in_range(drain(&t, NULL), 0, 10);
    expect_state(&t, MN_ESTABLISHED);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "fine");
    read_text(&t, "fine");
    tcp_end(&t);
}

/* Blind data: the acknowledgement number must be in its range, too (RFC 5961 5, MAY-12). */
SCRIPT(attack_blind_data_needs_a_plausible_ack)
{
    struct tcp_test t;
    tcp_established(&t, .window = 1000);
    unsigned taken = 0;
    for (uint32_t i = 0; i < 4096; i++) {
        send_(&t, .seq = 1, .ack = 0x80000 + (i << 20), .flags = ACK, .data = "evil", .window = 1000);
        char text[16];
        taken += mn_tcp_receive(t.tcp, t.tcb, text, sizeof text, t.now) > 0;
    }
    assert_int_equal(taken, 0);
    assert_in_range(drain(&t, NULL), 0, 10);
    tcp_end(&t);
}

/* An acknowledgement of data never sent gains nothing (optimistic ACKs). */
SCRIPT(attack_ack_of_data_never_sent_opens_nothing)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 100 * MSS);
    drain(&t, NULL);
    uint32_t cwnd = t.tcb->flight.congestion.cwnd;
    for (uint32_t i = 1; i < 100; i++)
        send_(&t, .seq = 1, .ack = 1 + (10 + i) * MSS, .flags = ACK);
    assert_int_equal(t.tcb->flight.congestion.cwnd, cwnd);
    assert_int_equal(t.tcb->snd_una - t.iss, 1);
    uint32_t bytes;
    drain(&t, &bytes);
    assert_int_equal(bytes, 0);
    tcp_end(&t);
}

/* A flood of divided ACKs does not inflate the window beyond the bytes they acknowledge (RFC
 * 3465). */
SCRIPT(attack_divided_acks_count_bytes)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 100 * MSS);
    drain(&t, NULL);
    uint32_t cwnd = t.tcb->flight.congestion.cwnd;
    for (uint32_t i = 1; i <= MSS; i++)
        send_(&t, .seq = 1, .ack = 1 + i, .flags = ACK);
    assert_true(t.tcb->flight.congestion.cwnd <= cwnd + MSS);
    tcp_end(&t);
}

/* Each connection has a challenge limit of its own, so one connection reveals nothing about
 * another. */
SCRIPT(attack_challenge_limit_is_no_side_channel)
{
    struct tcp_test t;
    tcp_listen(&t);
    uint32_t iss[2];
    struct mnet_endpoint peer[2] = {endpoint(10, 0, 0, 1, 1000), endpoint(10, 0, 0, 66, 1000)};
    for (int i = 0; i < 2; i++) {
        send_(&t, .seq = 0, .flags = SYN, .from = peer[i]);
        iss[i] = peek_output(&t)->header.seq;
        drain(&t, NULL);
        send_(&t, .seq = 1, .ack = iss[i] + 1, .flags = ACK, .from = peer[i]);
        accept_(&t);
    }
    for (int i = 0; i < 1000; i++)
        send_(&t, .seq = 50, .flags = RST, .from = peer[0]);
    assert_int_equal(drain(&t, NULL), 10);
    for (int i = 0; i < 1000; i++)
        send_(&t, .seq = 50, .flags = RST, .from = peer[1]);
    assert_int_equal(drain(&t, NULL), 10);
    tcp_end(&t);
}

/* A SYN flood while a legitimate client connects: the client gets in, memory stays bounded, and
 * established connections are not touched. */
SCRIPT(attack_syn_flood_lets_clients_in)
{
    struct tcp_test t;
    tcp_established(&t, .half_open_max = 64);
    struct mn_tcb *old = t.tcb;
    size_t before = mnet_memory_used(t.memory);
    for (uint32_t i = 0; i < 20000; i++) {
        send_(&t, .flags = SYN, .from = endpoint(10, 2, (uint8_t)(i >> 8), (uint8_t)i, (uint16_t)(i + 1)));
        if (i % 1000 == 500) { /* a client that answers within the next 50 */
            struct mnet_endpoint peer = endpoint(10, 3, 0, 1, (uint16_t)(2000 + i / 1000));
            drain(&t, NULL);
            send_(&t, .seq = 0, .flags = SYN, .from = peer);
            uint32_t iss = peek_output(&t)->header.seq;
            for (uint32_t k = 0; k < 50; k++)
                send_(&t, .flags = SYN, .from = endpoint(10, 4, (uint8_t)k, (uint8_t)i, 5));
            send_(&t, .seq = 1, .ack = iss + 1 - t.iss, .flags = ACK, .from = peer);
            accept_(&t);
        }
        drain(&t, NULL);
    }
    assert_usage(&t, established, 21);
    assert_true(mn_tcp_usage(t.tcp).half_open <= 64);
    assert_true(mnet_memory_used(t.memory) < before + (1u << 20));
    t.tcb = old;
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "old friend");
    read_text(&t, "old friend");
    tcp_end(&t);
}

/* Connections that are made and never used (Sockstress) cost a control block each, up to the
 * limit. */
SCRIPT(attack_idle_connections_are_bounded)
{
    struct tcp_test t;
    tcp_listen(&t, .connections_max = 200, .backlog = 1000);
    size_t before = mnet_memory_used(t.memory);
    for (uint32_t i = 0; i < 1000; i++) {
        struct mnet_endpoint peer = endpoint(10, 3, (uint8_t)(i >> 8), (uint8_t)i, 2000);
        send_(&t, .seq = 0, .flags = SYN, .from = peer, .window = 0);
        const struct tcp_output *o = peek_output(&t);
        uint32_t iss = o == NULL ? 0 : o->header.seq;
        drain(&t, NULL);
        send_(&t, .seq = 1, .ack = iss + 1, .flags = ACK, .from = peer, .window = 0);
        drain(&t, NULL);
    }
    assert_usage(&t, established, 200);
    assert_true(mnet_memory_used(t.memory) < before + 200 * 4096 + (1u << 18));
    tcp_end(&t);
}

/* Peers that hold LAST-ACK, FIN-WAIT-1 or a closed window for ever after our close: each connection
 * ends by itself. */
SCRIPT(attack_held_closes_end)
{
    struct tcp_test t;
    tcp_close_wait(&t);
    close_(&t);
    wait_ms(&t, 400000);
    assert_usage(&t, tcbs, 0);
    tcp_end(&t);

    tcp_established(&t);
    close_(&t);
    wait_ms(&t, 400000);
    assert_usage(&t, tcbs, 0);
    tcp_end(&t);

    tcp_established(&t, .window = 0); /* the peer answers every probe, for a day */
    write_bytes(&t, 100);
    close_(&t);
    for (int i = 0; i < 24 * 60; i++) {
        wait_ms(&t, 60000);
        if (drain(&t, NULL) > 0)
            send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 0);
        drain(&t, NULL);
    }
    assert_usage(&t, tcbs, 0);
    tcp_end(&t);
}

/* LAND: a SYN to a listener from its own address and port does not start an endless exchange. */
SCRIPT(attack_land_does_not_loop)
{
    struct tcp_test t;
    tcp_listen(&t);
    t.remote = t.local;
    uint8_t bytes[64];
    struct tcp_line line = {.t = &t, .flags = SYN, .mss = NO, .shift = NO};
    send_raw(&t, bytes, tcp_compose(&line, bytes), MNET_CHECKSUM_PLAIN, false);
    unsigned rounds = 0;
    while (peek_output(&t) != NULL && rounds++ < 1000) { /* everything it sends comes back to it */
        const struct tcp_output *o = peek_output(&t);
        uint32_t len = o->total;
        assert_true(len <= sizeof bytes);
        memcpy(bytes, o->bytes, len);
        drain(&t, NULL);
        send_raw(&t, bytes, len, MNET_CHECKSUM_PLAIN, false);
    }
    assert_in_range(rounds, 0, 10);
    tcp_end(&t);
}

/* Two stacks whose sequence numbers disagree: they do not exchange acknowledgements for ever, with
 * valid timestamps or without any. */
static void desynchronize(uint8_t offer)
{
    struct tcp_pair pair;
    pair_connect(&pair, TCP_SETUP(NULL, .offer = offer), MNET_MILLISECOND, NULL);
    /* Makes both believe that the other sent octets which it never sent. */
    struct tcp_test *a = &pair.side[0], *b = &pair.side[1];
    uint32_t clock[2];
    for (int i = 0; i < 2; i++) {
        struct tcp_test *t = &pair.side[i], *other = &pair.side[!i];
        t->iss = t->tcb->rare.iss;
        t->irs = other->tcb->rare.iss;
        t->timestamps = offer != 0;
        clock[i] = (uint32_t)(mn_timestamps_value(&other->tcb->timestamps, pair.now) - PEER_TS);
    }
    send_(a, .seq = 1, .ack = 1, .flags = ACK, .len = 100, .ts_value = clock[0]);
    send_(b, .seq = 1, .ack = 1, .flags = ACK, .len = 100, .ts_value = clock[1]);
    unsigned before = pair.sent[0] + pair.sent[1];
    pair_run(&pair, 10 * MNET_SECOND);
    unsigned sent = pair.sent[0] + pair.sent[1] - before;
    assert_in_range(sent, 2, 250);
    pair_end(&pair);
}

SCRIPT(attack_desynchronized_stacks_fall_silent)
{
    desynchronize(0);
    desynchronize(MN_TCP_OPTION_TIMESTAMPS);
}

/* A RST is never answered, with any numbers. A broadcast is never answered either. */
SCRIPT(attack_reflection_gets_nothing)
{
    struct tcp_test t;
    tcp_listen(&t);
    for (int flags = 0; flags < 64; flags++) {
        send_(&t, .seq = 1, .ack = 1, .flags = flags | RST, .len = flags % 3);
        send_(&t, .seq = 1, .ack = 1, .flags = flags | RST, .len = flags % 3, .to = endpoint(10, 0, 0, 2, 81));
        uint8_t bytes[64];
        struct tcp_line line = {.t = &t, .flags = flags, .mss = NO, .shift = NO};
        size_t len = tcp_compose(&line, bytes);
        send_raw(&t, bytes, len, MNET_CHECKSUM_PLAIN, true);
    }
    expect_nothing(&t);
    tcp_end(&t);
}

/* Each segment gets at most one small segment as its answer. */
SCRIPT(attack_no_amplification_of_syns)
{
    struct tcp_test t;
    tcp_listen(&t);
    send_(&t, .flags = SYN, .from = endpoint(10, 9, 9, 9, 9));
    wait_ms(&t, 600000);
    assert_in_range(drain(&t, NULL), 1, 8);
    tcp_end(&t);
}

/* A flood to ports without a listener: the replies are bounded, and the segments without a reply
 * are counted. */
SCRIPT(attack_reset_flood_is_bounded)
{
    struct tcp_test t;
    tcp_closed(&t);
    t.hold_output = true;
    size_t before = mnet_memory_used(t.memory);
    for (uint32_t i = 0; i < 5000; i++)
        send_(&t, .seq = i, .flags = SYN);
    assert_true(mnet_memory_used(t.memory) <= before + (1u << 17));
    t.hold_output = false;
    assert_in_range(drain(&t, NULL), 1, MN_REPLIES_MAX);
    assert_true(counted(&t, TCP_DROP_REPLY) > 0);
    tcp_end(&t);
}

/* Initial sequence numbers of one connection reveal nothing about another's (RFC 6528): over many
 * remote ports they fill the space. */
SCRIPT(attack_isns_are_spread)
{
    struct tcp_test t;
    tcp_closed(&t);
    unsigned buckets[16] = {0};
    for (uint16_t i = 0; i < 1600; i++) {
        struct mnet_endpoint remote = t.remote;
        remote.port = (uint16_t)(1000 + i);
        buckets[mn_tcp_choose_beginning(t.tcp, &t.local, &remote, t.now).isn >> 28]++;
    }
    for (int i = 0; i < 16; i++)
        assert_in_range(buckets[i], 60, 140); /* 100 each, with a deviation of ten */
    tcp_end(&t);
}

/* The ports that we choose do, too (RFC 6056): over many connections each sixteenth of them is
 * chosen equally often. */
SCRIPT(attack_ports_are_spread)
{
    struct tcp_test t;
    tcp_closed(&t, .connections_max = 2000);
    unsigned buckets[16] = {0};
    for (uint16_t i = 0; i < 1600; i++) {
        struct mn_tcp_open open = {.local = endpoint(10, 0, 0, 2, 0), .remote = t.remote};
        assert_int_equal(mn_tcp_open(t.tcp, &open, t.now, &t.tcb), 0);
        struct mnet_endpoint local;
        mn_tcp_peers(t.tcb, &local, NULL);
        assert_true(local.port >= 16384);
        buckets[(local.port - 16384) / 3072]++;
    }
    for (int i = 0; i < 16; i++)
        assert_in_range(buckets[i], 60, 140); /* 100 each, with a deviation of ten */
    tcp_end(&t);
}

/* A peer that sends byte by byte and out of order costs no more memory than its window. */
SCRIPT(attack_memory_follows_the_window)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 65535);
    size_t before = mnet_memory_used(t.memory);
    for (uint32_t seq = 65000; seq > 1; seq -= 13) {
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = 1 + (int)(seq % 11));
        drain(&t, NULL);
    }
    assert_true(mnet_memory_used(t.memory) < before + (1u << 20));
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_tiny_mss_makes_no_tiny_segments),
        cmocka_unit_test(attack_blind_reset_sweep_fails),
        cmocka_unit_test(attack_blind_data_needs_a_plausible_ack),
        cmocka_unit_test(attack_ack_of_data_never_sent_opens_nothing),
        cmocka_unit_test(attack_divided_acks_count_bytes),
        cmocka_unit_test(attack_challenge_limit_is_no_side_channel),
        cmocka_unit_test(attack_syn_flood_lets_clients_in),
        cmocka_unit_test(attack_idle_connections_are_bounded),
        cmocka_unit_test(attack_held_closes_end),
        cmocka_unit_test(attack_land_does_not_loop),
        cmocka_unit_test(attack_desynchronized_stacks_fall_silent),
        cmocka_unit_test(attack_reflection_gets_nothing),
        cmocka_unit_test(attack_no_amplification_of_syns),
        cmocka_unit_test(attack_reset_flood_is_bounded),
        cmocka_unit_test(attack_isns_are_spread),
        cmocka_unit_test(attack_ports_are_spread),
        cmocka_unit_test(attack_memory_follows_the_window),
    };
    return run_scripts("tcp_attacks", tests);
}
