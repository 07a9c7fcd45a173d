/* Allocations that fail, each in turn, or all of them for a while. For every purpose of the memory,
 * the stream is the same in the end, nothing is left behind, and on a link without loss it is
 * hardly later. */
#include "base/memory.h"
#include "tests/tcp/pair.h"

#define BYTES 20000u
#define ROUND_NS (10 * MNET_MILLISECOND)

/* Every 20th segment with text is lost, so that there are holes, blocks and recoveries. */
static int lossy(struct tcp_pair *pair, int side, unsigned index, const struct mn_tcp_header *header, uint32_t len,
                 uint64_t *delay_ns)
{
    (void)pair, (void)side, (void)header, (void)delay_ns;
    return len > 0 && index % 20 == 7 ? WIRE_DROP : WIRE_PASS;
}

struct famine_outcome {
    uint64_t allocations; /* made by the victim */
    uint64_t took_ns;
};

static void shut(struct tcp_pair *pair, int side)
{
    struct tcp_test *t = &pair->side[side];
    assert_int_equal(mn_tcp_shutdown(t->tcp, t->tcb, MNET_SHUTDOWN_WRITE, pair->now), 0);
}

static void end(struct tcp_pair *pair, int side)
{
    struct tcp_test *t = &pair->side[side];
    char byte;
    assert_int_equal(mn_tcp_receive(t->tcp, t->tcb, &byte, 1, pair->now), 0);
    mn_tcp_close(t->tcp, t->tcb, pair->now);
    t->tcb = NULL;
}

/* Plays a whole connection: opens it, transfers data each way, and closes both sides. `count`
 * allocations of the victim fail, from number `which` on. */
static struct famine_outcome play(tcp_filter *filter, uint32_t gso_max, int victim, uint64_t which, uint64_t count)
{
    struct tcp_pair pair;
    struct famine_outcome outcome;
    pair_connect(&pair, TCP_SETUP(NULL, .gso_max = gso_max, .receive_buffer = 20000), 5 * MNET_MILLISECOND, filter);
    famine(&pair.side[victim], which, count);
    uint64_t begun = pair.now;
    assert_true(pair_transfer(&pair, 0, BYTES, 60 * MNET_SECOND));
    assert_true(pair_transfer(&pair, 1, BYTES, 60 * MNET_SECOND));
    outcome.took_ns = pair.now - begun;
    shut(&pair, 0);
    pair_run(&pair, 5 * MNET_SECOND);
    shut(&pair, 1);
    pair_run(&pair, 5 * MNET_SECOND);
    for (int side = 0; side < 2; side++)
        end(&pair, side);
    pair_run(&pair, 200 * MNET_SECOND);
    outcome.allocations = famine(&pair.side[victim], 0, 0);
    for (int side = 0; side < 2; side++) {
        assert_usage(&pair.side[side], tcbs, 0);
        assert_usage(&pair.side[side], time_wait, 0);
    }
    mn_tcp_unlisten(pair.side[1].tcp, pair.side[1].listener, pair.now);
    pair_end(&pair);
    return outcome;
}

static void each_fails(tcp_filter *filter, uint32_t gso_max, uint64_t count, uint64_t at_most_later_ns)
{
    for (int victim = 0; victim < 2; victim++) {
        struct famine_outcome whole = play(filter, gso_max, victim, 0, 0);
        assert_true(whole.allocations > 8);
        for (uint64_t which = 0; which < whole.allocations; which++) {
            struct famine_outcome outcome = play(filter, gso_max, victim, which, count);
            if (outcome.took_ns > whole.took_ns + at_most_later_ns)
                fail_msg("allocation %u: %u ms instead of %u", (unsigned)which,
                         (unsigned)(outcome.took_ns / MNET_MILLISECOND), (unsigned)(whole.took_ns / MNET_MILLISECOND));
        }
    }
}

/* Each failure costs the wait for another try, and perhaps a round trip for data that would have
 * been in the same packet. */
SCRIPT(pair_each_allocation_fails_once)
{
    each_fails(NULL, 0, 1, RETRY_NS + ROUND_NS);
}

SCRIPT(pair_each_allocation_of_large_packets_fails_once)
{
    each_fails(NULL, 60000, 1, RETRY_NS + ROUND_NS);
}

SCRIPT(pair_ten_allocations_in_a_row_fail)
{
    each_fails(NULL, 0, 10, 10 * RETRY_NS + 4 * ROUND_NS);
}

/* Text out of order may have to be thrown away, which may cost another timeout. */
SCRIPT(pair_each_allocation_fails_on_a_bad_link)
{
    each_fails(lossy, 0, 1, 2 * MNET_SECOND);
}

/* The handshake: allocations of records and connections, too. */
SCRIPT(pair_each_allocation_of_a_handshake_fails)
{
    for (int victim = 0; victim < 2; victim++) {
        for (uint64_t which = 0; which < 12; which++) {
            struct tcp_pair pair;
            pair_setup(&pair, TCP_SETUP(NULL, .receive_buffer = 20000), MNET_MILLISECOND, NULL);
            struct tcp_test *client = &pair.side[0], *server = &pair.side[1];
            struct mnet_listen_options options = {0};
            assert_int_equal(mn_tcp_listen(server->tcp, server->local, &options, &server->listener), 0);
            famine(&pair.side[victim], which, 1);
            struct mn_tcp_open open = {.local = client->local, .remote = client->remote};
            for (int i = 0; i < 2 && client->tcb == NULL; i++)
                mn_tcp_open(client->tcp, &open, pair.now, &client->tcb);
            assert_non_null(client->tcb);
            pair_run(&pair, 3 * MNET_SECOND);
            server->tcb = mn_tcp_accept(server->listener);
            /* Text, or its repetition, completes the handshake. */
            for (int i = 0; i < 2 && server->tcb == NULL; i++) {
                mn_tcp_send(client->tcp, client->tcb, "x", 1, false, pair.now);
                pair_run(&pair, 3 * MNET_SECOND);
                server->tcb = mn_tcp_accept(server->listener);
            }
            assert_non_null(server->tcb);
            pair_end(&pair);
        }
    }
}

/* Without memory for another record, the engine does not know which part of the flight was sent
 * again. So a timeout begins at its front once more. */
SCRIPT(established_scoreboard_without_memory_still_repairs_the_first_segment)
{
    struct tcp_test t;
    tcp_established(&t, .gso_max = 60000, .rtt_ms = 10, .no_plpmtud = true);
    write_bytes(&t, 5 * MSS);
    assert_int_equal(drain(&t, NULL), 1);
    for (int i = 0; i < MN_SCOREBOARD_SIZES; i++)
        t.tcp->scoreboards.size[i].limit = 0;
    /* Room for the first segment alone. */
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = (int)MSS);
    for (int i = 0; i < 3; i++) {
        wait_ms(&t, 250 << i);
        expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS);
        expect_nothing(&t);
    }
    tcp_end(&t);
}

/* --- No memory for a while --- */

/* Leaves no memory for sending, and if `all` is set, no packet for an answer either. Returns the
 * value for feed(). */
static uint32_t starve(struct tcp_test *t, bool all)
{
    uint32_t reserve = t->memory->reserve;
    t->memory->reserve = UINT32_MAX;
    if (all)
        t->memory->packets.limit = t->memory->packets.in_use;
    return reserve;
}

static void feed(struct tcp_test *t, uint32_t reserve)
{
    t->memory->reserve = reserve;
    t->memory->packets.limit = SIZE_MAX;
}

SCRIPT(established_data_without_a_packet_is_sent_later)
{
    struct tcp_test t;
    tcp_established(&t);
    t.hold_output = true;
    write_bytes(&t, 300);
    t.hold_output = false;
    uint32_t reserve = starve(&t, true);
    expect_nothing(&t);
    feed(&t, reserve);
    wait_ms(&t, 1000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 300);
    tcp_end(&t);
}

/* A small write is in its packet already. What is sent again needs another one. */
SCRIPT(established_small_data_needs_no_further_packet)
{
    struct tcp_test t;
    tcp_established(&t);
    t.hold_output = true;
    write_text(&t, "abc");
    t.hold_output = false;
    uint32_t reserve = starve(&t, true);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "abc");
    wait_ms(&t, 1000);
    expect_nothing(&t);
    feed(&t, reserve);
    wait_ms(&t, 1000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "abc");
    tcp_end(&t);
}

/* If there is memory for a buffer, but for no packet, a small write is queued like others. */
SCRIPT(established_small_data_without_a_packet_is_sent_later)
{
    struct tcp_test t;
    tcp_established(&t);
    t.memory->packets.limit = t.memory->packets.in_use;
    write_text(&t, "abc");
    expect_nothing(&t);
    t.memory->packets.limit = SIZE_MAX;
    wait_ms(&t, 1000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "abc");
    tcp_end(&t);
}

/* A segment that is not sent tells nothing: the window must still be announced, and the duplicate
 * reported. */
SCRIPT(established_window_update_without_a_packet_is_sent_later)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 2920);
    for (uint32_t seq = 1; seq < 2921; seq += MSS)
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = (int)MSS);
    expect(&t, .seq = 1, .ack = 2921, .flags = ACK, .window = 0);
    t.hold_output = true;
    read_pattern(&t, 0, 2920);
    t.hold_output = false;
    uint32_t reserve = starve(&t, true);
    expect_nothing(&t);
    assert_true(mn_tcp_wants_output(t.tcp));
    assert_int_equal(t.tcb->rcv_adv - t.irs, 2921);
    feed(&t, reserve);
    expect(&t, .seq = 1, .ack = 2921, .flags = ACK, .window = 2920);
    assert_false(mn_tcp_wants_output(t.tcp));
    tcp_end(&t);
}

SCRIPT(established_duplicate_without_a_packet_is_reported_later)
{
    struct tcp_test t;
    tcp_established(&t, .sack = true);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS);
    send_(&t, .seq = 1461, .ack = 1, .flags = ACK, .len = (int)MSS);
    expect(&t, .seq = 1, .ack = 2921, .flags = ACK);
    t.hold_output = true;
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = (int)MSS);
    write_bytes(&t, 300); /* the segment that would have reported it */
    t.hold_output = false;
    uint32_t reserve = starve(&t, true);
    expect_nothing(&t);
    feed(&t, reserve);
    expect(&t, .seq = 1, .ack = 2921, .flags = ACK, .len = 300, .sacks = 1, .sack = {{1, 1461}});
    expect_nothing(&t);
    tcp_end(&t);
}

SCRIPT(closed_reset_without_a_packet_is_sent_later)
{
    struct tcp_test t;
    tcp_closed(&t);
    t.hold_output = true;
    send_(&t, .seq = 1, .flags = SYN);
    t.hold_output = false;
    uint32_t reserve = starve(&t, true);
    expect_nothing(&t);
    feed(&t, reserve);
    expect(&t, .seq = -t.iss, .ack = 2, .flags = RST | ACK);
    tcp_end(&t);
}

SCRIPT(listen_syn_ack_without_a_packet_is_sent_later)
{
    struct tcp_test t;
    tcp_listen(&t);
    t.hold_output = true;
    send_(&t, .seq = 0, .flags = SYN);
    t.hold_output = false;
    uint32_t reserve = starve(&t, true);
    expect_nothing(&t);
    feed(&t, reserve);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    expect_nothing(&t);
    tcp_end(&t);
}

SCRIPT(established_probes_without_a_packet_are_sent_later)
{
    struct tcp_test t;
    tcp_established(&t, .window = 0);
    write_text(&t, "abc");
    uint32_t reserve = starve(&t, true);
    wait_ms(&t, 250); /* for the window */
    feed(&t, reserve);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "a");
    tcp_end(&t);

    tcp_established(&t, .sack = true, .rtt_ms = 10);
    write_bytes(&t, 3 * MSS);
    assert_int_equal(drain(&t, NULL), 3);
    reserve = starve(&t, true);
    wait_ms(&t, 30); /* for the tail */
    feed(&t, reserve);
    expect(&t, .seq = 1 + 2 * MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    assert_int_equal(counted(&t, TCP_TAIL_PROBE), 1);
    tcp_end(&t);
}

SCRIPT(syn_sent_syn_without_a_packet_is_sent_later)
{
    struct tcp_test t;
    tcp_closed(&t);
    t.hold_output = true;
    open_active(&t);
    t.hold_output = false;
    uint32_t reserve = starve(&t, true);
    expect_nothing(&t);
    feed(&t, reserve);
    wait_ms(&t, 1000);
    expect(&t, .seq = 0, .flags = SYN);
    tcp_end(&t);
}

SCRIPT(syn_sent_without_any_packet_times_out)
{
    struct tcp_test t;
    tcp_closed(&t);
    t.hold_output = true;
    open_active(&t);
    t.hold_output = false;
    uint32_t reserve = starve(&t, true);
    wait_ms(&t, 181 * 1000);
    assert_int_equal(mn_tcp_status(t.tcb), MNET_E_TIMED_OUT);
    feed(&t, reserve);
    tcp_end(&t);
}

/* The connection was idle for long: the time to give up counts from the close. */
SCRIPT(fin_wait_1_fin_without_a_packet_is_sent_later)
{
    struct tcp_test t;
    tcp_established(&t);
    wait_ms(&t, 3600 * 1000);
    uint32_t reserve = starve(&t, true);
    close_(&t);
    expect_nothing(&t);
    feed(&t, reserve);
    wait_ms(&t, 1000);
    expect(&t, .seq = 1, .ack = 1, .flags = FIN | ACK);
    tcp_end(&t);
}

SCRIPT(fin_wait_1_closed_window_after_long_idleness_is_waited_for)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 0);
    wait_ms(&t, 3600 * 1000);
    close_(&t);
    wait_ms(&t, 10);
    expect_state(&t, MN_FIN_WAIT_1);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 1000);
    expect(&t, .seq = 1, .ack = 1, .flags = FIN | ACK);
    tcp_end(&t);
}

SCRIPT(fin_wait_2_fin_is_acknowledged_without_a_record)
{
    struct tcp_test t;
    tcp_fin_wait_2(&t);
    t.tcp->time_waits.limit = 0;
    send_(&t, .seq = 1, .ack = 2, .flags = FIN | ACK);
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    expect_state(&t, MN_CLOSED);
    tcp_end(&t);
}

SCRIPT(listen_syn_without_memory_costs_no_other_record)
{
    struct tcp_test t;
    tcp_listen(&t);
    for (uint16_t i = 0; i < 10; i++)
        send_(&t, .flags = SYN, .from = endpoint(10, 0, 1, 1, (uint16_t)(1000 + i)));
    uint32_t reserve = starve(&t, false);
    for (uint16_t i = 0; i < 10; i++)
        send_(&t, .flags = SYN, .from = endpoint(10, 0, 1, 2, (uint16_t)(1000 + i)));
    assert_usage(&t, half_open, 10);
    assert_int_equal(counted(&t, TCP_COOKIE_TX), 10); /* no cookie needed memory */
    feed(&t, reserve);
    tcp_end(&t);
}

/* A transfer during which memory for sending and for reassembly comes and goes, on both sides. */
SCRIPT(established_transfer_survives_want_of_memory)
{
    for (uint8_t seed = 1; seed <= 8; seed++) {
        struct tcp_pair pair;
        pair_connect(&pair, TCP_SETUP(NULL, .send_buffer = 65536, .gso_max = seed & 1 ? 60000 : 0), MNET_MILLISECOND,
                     NULL);
        uint32_t total = 300000, random = seed;
        for (int round = 0; round < 4000 && pair.read[1] < total; round++) {
            for (int i = 0; i < 2; i++) {
                random = random * 1664525u + 1013904223u;
                bool short_of_memory = random >> 30 != 0; /* three times in four */
                pair.side[i].memory->short_at = short_of_memory ? UINT32_MAX : 1;
                pair.side[i].tcp->runs.limit = short_of_memory ? 0 : SIZE_MAX;
            }
            pair_transfer(&pair, 0, total - pair.written[0], 20 * MNET_MILLISECOND);
        }
        assert_int_equal(pair.read[1], total);
        pair_end(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pair_each_allocation_fails_once),
        cmocka_unit_test(pair_each_allocation_of_large_packets_fails_once),
        cmocka_unit_test(pair_ten_allocations_in_a_row_fail),
        cmocka_unit_test(pair_each_allocation_fails_on_a_bad_link),
        cmocka_unit_test(pair_each_allocation_of_a_handshake_fails),
        cmocka_unit_test(established_scoreboard_without_memory_still_repairs_the_first_segment),
        cmocka_unit_test(established_data_without_a_packet_is_sent_later),
        cmocka_unit_test(established_small_data_needs_no_further_packet),
        cmocka_unit_test(established_small_data_without_a_packet_is_sent_later),
        cmocka_unit_test(established_window_update_without_a_packet_is_sent_later),
        cmocka_unit_test(established_duplicate_without_a_packet_is_reported_later),
        cmocka_unit_test(closed_reset_without_a_packet_is_sent_later),
        cmocka_unit_test(listen_syn_ack_without_a_packet_is_sent_later),
        cmocka_unit_test(established_probes_without_a_packet_are_sent_later),
        cmocka_unit_test(syn_sent_syn_without_a_packet_is_sent_later),
        cmocka_unit_test(syn_sent_without_any_packet_times_out),
        cmocka_unit_test(fin_wait_1_fin_without_a_packet_is_sent_later),
        cmocka_unit_test(fin_wait_1_closed_window_after_long_idleness_is_waited_for),
        cmocka_unit_test(fin_wait_2_fin_is_acknowledged_without_a_record),
        cmocka_unit_test(listen_syn_without_memory_costs_no_other_record),
        cmocka_unit_test(established_transfer_survives_want_of_memory),
    };
    return run_scripts("tcp_famine", tests);
}
