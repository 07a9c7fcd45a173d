/* What a review of the engine found: want of memory at every turn, promises, windows at the edges
 * of their scale, records that answer. */
#include "base/memory.h"
#include "tests/tcp/pair.h"

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

/* --- no memory for sending --- */

SCRIPT(established_data_without_a_packet_is_sent_later)
{
    struct tcp_test t;
    tcp_established(&t);
    t.hold_output = true;
    write_text(&t, "abc");
    t.hold_output = false;
    uint32_t reserve = starve(&t, true);
    expect_nothing(&t);
    feed(&t, reserve);
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
    write_text(&t, "abc"); /* the segment that would have reported it */
    t.hold_output = false;
    uint32_t reserve = starve(&t, true);
    expect_nothing(&t);
    feed(&t, reserve);
    expect(&t, .seq = 1, .ack = 2921, .flags = ACK, .data = "abc", .sacks = 1, .sack = {{1, 1461}});
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

/* --- windows and memory --- */

/* A window costs nothing. Unread data is charged for the memory that it pins, until it is read or
 * discarded, in every state of the connection. */
SCRIPT(established_unread_data_is_all_that_is_charged)
{
    struct tcp_test t;
    tcp_established(&t);
    assert_int_equal(t.tcp->receive_used, 0);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "abc");
    size_t packet = t.memory->packets.object_size;
    assert_int_equal(t.tcp->receive_used, packet);
    send_(&t, .seq = 4, .ack = 1, .flags = ACK, .data = "def"); /* copied behind it */
    assert_int_equal(t.tcp->receive_used, packet);
    read_text(&t, "abcdef");
    assert_int_equal(t.tcp->receive_used, 0);
    send_(&t, .seq = 7, .ack = 1, .flags = ACK, .data = "ghi");
    send_(&t, .seq = 10, .ack = 1, .flags = RST | ACK);
    assert_int_equal(t.tcp->receive_used, packet);
    abort_(&t);
    assert_int_equal(t.tcp->receive_used, 0);
    tcp_end(&t);
}

/* The user holds lent data. It is charged as before until it is given back. */
SCRIPT(established_lent_data_is_charged_until_it_is_given_back)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = MSS);
    struct mnet_slice slice;
    assert_int_equal(mn_tcp_lend(t.tcp, t.tcb, &slice, 1), 1);
    assert_int_equal(t.tcp->receive_used, t.memory->packets.object_size);
    mn_tcp_return(t.tcp, t.tcb, t.now);
    assert_int_equal(t.tcp->receive_used, 0);
    tcp_end(&t);
}

/* Sends and reads full segments until the target of the window stops growing. Returns the next
 * sequence number. */
static uint32_t grow_window(struct tcp_test *t)
{
    uint32_t seq = 1;
    char text[MSS];
    for (int i = 0; i < 600; i++, seq += MSS) {
        send_(t, .seq = seq, .ack = 1, .flags = ACK, .len = MSS);
        assert_int_equal(mn_tcp_receive(t->tcp, t->tcb, text, sizeof text, t->now), MSS);
    }
    wait_ms(t, 1000);
    drain(t, NULL);
    return seq;
}

/* Without scaling a window has 16 bits. A larger target must not make an update of every byte
 * read. */
SCRIPT(established_unscaled_window_updates_are_worthwhile)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 1u << 20);
    uint32_t seq = grow_window(&t);
    for (int i = 0; i < 4; i++, seq += MSS)
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = MSS);
    drain(&t, NULL);
    for (int i = 0; i < 1000; i++) {
        char byte;
        assert_int_equal(mn_tcp_receive(t.tcp, t.tcb, &byte, 1, t.now), 1);
    }
    assert_in_range(drain(&t, NULL), 0, 1);
    tcp_end(&t);
}

/* If others use up the budget, a scale whose unit is above two segments must not keep the window
 * closed. */
SCRIPT(established_window_opens_by_a_unit_of_its_scale)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 1u << 28, .shift = 7);
    uint32_t seq = 1;
    while (t.tcb->rcv_adv != t.tcb->rcv_nxt) {
        uint32_t len = MN_MIN(t.tcb->rcv_adv - t.tcb->rcv_nxt, MSS);
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = (int)len);
        seq += len;
    }
    drain(&t, NULL);
    t.tcp->receive_budget = 0;
    read_pattern(&t, 0, seq - 1);
    expect(&t, .seq = 1, .ack = seq, .flags = ACK, .window = 1);
    tcp_end(&t);
}

SCRIPT(syn_received_window_of_a_syn_ack_is_not_scaled)
{
    struct tcp_test t;
    tcp_syn_received(&t, .active = true, .shift = 7, .window = 1000);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .window = 1000, .mss = MSS, .shift = 7);
    write_bytes(&t, 5000);
    uint32_t bytes;
    drain(&t, &bytes);
    assert_int_equal(bytes, 1000);
    tcp_end(&t);
}

/* Connections that come when the budget is used up are offered two segments, and more when some of
 * it is free. */
SCRIPT(listen_window_is_what_the_budget_can_keep)
{
    struct tcp_test t;
    tcp_listen(&t);
    uint64_t budget = t.tcp->receive_budget;
    t.tcp->receive_budget = 0;
    send_(&t, .seq = 0, .flags = SYN, .mss = MSS);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .window = 2 * MSS);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = MSS);
    accept_(&t);
    assert_int_equal(t.tcb->rcv_adv - t.tcb->rcv_nxt, MSS);
    t.tcp->receive_budget = budget;
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 1 + MSS, .flags = ACK, .window = 65535 - MSS);
    t.tcp->receive_budget = 0;
    t.remote.port++;
    t.iss_known = false;
    open_active(&t);
    expect(&t, .seq = 0, .flags = SYN, .window = 2 * MSS);
    tcp_end(&t);
}

/* --- buffers --- */

SCRIPT(established_idle_connection_holds_no_buffer)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 5000);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 5001, .flags = ACK);
    assert_int_equal(t.memory->large_buffers.in_use + t.memory->small_buffers.in_use, 0);
    assert_int_equal(t.tcp->pieces.in_use, 0);
    tcp_end(&t);
}

/* Lent bytes are consumed. A user that does not give them back still gets its answer delivered
 * after a close. */
SCRIPT(established_close_with_lent_bytes_still_delivers)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "question");
    struct mnet_slice slice;
    assert_int_equal(mn_tcp_lend(t.tcp, t.tcb, &slice, 1), 1);
    write_text(&t, "answer");
    expect(&t, .seq = 1, .ack = 9, .flags = ACK, .data = "answer");
    close_(&t);
    expect(&t, .seq = 7, .ack = 9, .flags = FIN | ACK);
    assert_int_equal(t.memory->packets.in_use, 0);
    tcp_end(&t);
}

/* --- records --- */

SCRIPT(time_wait_syn_that_nobody_listens_for_is_no_end)
{
    struct tcp_test t;
    tcp_time_wait(&t, .active = true);
    send_(&t, .seq = 100000, .flags = SYN);
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    expect_state(&t, MN_TIME_WAIT);
    tcp_end(&t);
}

/* Two half-open records must not answer one another without end. */
SCRIPT(syn_received_odd_segments_are_answered_so_often)
{
    struct tcp_test t;
    tcp_syn_received(&t);
    for (int i = 0; i < 1000; i++)
        send_(&t, .seq = 0x80000000u, .ack = 1, .flags = ACK);
    assert_int_equal(drain(&t, NULL), MN_CHALLENGE_LIMIT);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect_state(&t, MN_ESTABLISHED);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_data_without_a_packet_is_sent_later),
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
        cmocka_unit_test(established_unread_data_is_all_that_is_charged),
        cmocka_unit_test(established_lent_data_is_charged_until_it_is_given_back),
        cmocka_unit_test(established_unscaled_window_updates_are_worthwhile),
        cmocka_unit_test(established_window_opens_by_a_unit_of_its_scale),
        cmocka_unit_test(syn_received_window_of_a_syn_ack_is_not_scaled),
        cmocka_unit_test(listen_window_is_what_the_budget_can_keep),
        cmocka_unit_test(established_idle_connection_holds_no_buffer),
        cmocka_unit_test(established_close_with_lent_bytes_still_delivers),
        cmocka_unit_test(time_wait_syn_that_nobody_listens_for_is_no_end),
        cmocka_unit_test(syn_received_odd_segments_are_answered_so_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
