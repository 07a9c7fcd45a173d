/* Resets and SYNs in synchronized states: RFC 9293 3.10.7.4, RFC 5961, RFC 1337. */
#include "tests/tcp/harness.h"

static const enum mn_tcp_state synchronized[] = {MN_ESTABLISHED, MN_FIN_WAIT_1, MN_FIN_WAIT_2,
                                                 MN_CLOSE_WAIT,  MN_CLOSING,    MN_LAST_ACK};

/* Return the engine's SND.NXT and RCV.NXT in a state. */
static uint32_t next_to_send(enum mn_tcp_state state)
{
    return state == MN_ESTABLISHED || state == MN_CLOSE_WAIT ? 1 : 2;
}
static uint32_t next_to_receive(enum mn_tcp_state state)
{
    return state == MN_CLOSE_WAIT || state == MN_CLOSING || state == MN_LAST_ACK ? 2 : 1;
}

/* RFC 5961 3.2: a reset outside the window is dropped silently (1). An exact one resets the
 * connection (2). One inside that is not exact gets a challenge (3). */
SCRIPT(synchronized_rst_by_position)
{
    for (unsigned i = 0; i < MN_COUNT_OF(synchronized); i++) {
        struct tcp_test t;
        enum mn_tcp_state state = synchronized[i];
        uint32_t nxt = next_to_receive(state);
        tcp_reach(state, TCP_SETUP(&t));
        send_(&t, .seq = nxt - 1, .flags = RST);
        send_(&t, .seq = nxt - 1, .flags = RST, .data = "reaches into the window");
        send_(&t, .seq = nxt + 66000, .flags = RST);
        send_(&t, .seq = nxt + 0x7fffffff, .ack = 1, .flags = RST | ACK);
        expect_nothing(&t);
        expect_state(&t, state);
        send_(&t, .seq = nxt + 1, .flags = RST);
        expect(&t, .seq = next_to_send(state), .ack = nxt, .flags = ACK);
        expect_state(&t, state);
        send_(&t, .seq = nxt, .flags = RST);
        expect_nothing(&t);
        expect_state(&t, MN_CLOSED);
        wait_ms(&t, 100000);
        expect_nothing(&t);
        tcp_end(&t);
    }
}

SCRIPT(established_exact_rst_is_an_error_for_the_user)
{
    struct tcp_test t;
    tcp_established(&t);
    while (mn_tcp_fetch_event(t.tcp) != NULL)
        continue;
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "last words");
    send_(&t, .seq = 11, .flags = RST);
    assert_ptr_equal(mn_tcp_fetch_event(t.tcp), t.tcb);
    assert_int_equal(mn_tcp_ready(t.tcb) & (MNET_READABLE | MNET_WRITABLE), MNET_READABLE | MNET_WRITABLE);
    read_text(&t, "last words");   /* data that arrived in order comes first */
    read_result(&t, MNET_E_RESET); /* MUST-12 */
    read_result(&t, MNET_E_RESET);
    assert_int_equal(mn_tcp_send(t.tcp, t.tcb, "x", 1, false, t.now), MNET_E_CLOSED_BY_PEER);
    assert_int_equal(mn_tcp_shutdown(t.tcp, t.tcb, MNET_SHUTDOWN_WRITE, t.now), MNET_E_CLOSED);
    expect_nothing(&t);
    assert_int_equal(mn_tcp_status(t.tcb), 0); /* it had been established */
    close_(&t);
    expect_nothing(&t);
    assert_usage(&t, tcbs, 0);
    tcp_end(&t);
}

/* SHLD-2: a reset may carry data. Its acknowledgement number does not matter in synchronized
 * states. */
SCRIPT(established_rst_with_data_and_any_ack_resets)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 12345, .flags = RST | ACK, .data = "no such port"); /* SHLD-2 */
    expect_nothing(&t);
    expect_state(&t, MN_CLOSED);
    read_result(&t, MNET_E_RESET);
    tcp_end(&t);
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = -1, .flags = RST | ACK | FIN);
    expect_state(&t, MN_CLOSED);
    expect_nothing(&t);
    tcp_end(&t);
}

/* MUST-66: with a closed window a reset at RCV.NXT works. A reset one octet beyond comes from a
 * peer that counts a probe which we refused: it gets a challenge. */
SCRIPT(established_rst_with_zero_window_resets)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 2920);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1460);
    send_(&t, .seq = 1461, .ack = 1, .flags = ACK, .len = 1460);
    expect(&t, .seq = 1, .ack = 2921, .flags = ACK, .window = 0);
    send_(&t, .seq = 2923, .flags = RST);
    expect_nothing(&t);
    send_(&t, .seq = 2922, .flags = RST);
    expect(&t, .seq = 1, .ack = 2921, .flags = ACK);
    expect_state(&t, MN_ESTABLISHED);
    send_(&t, .seq = 2921, .flags = RST, .data = "why"); /* MUST-66, SHLD-2 */
    expect_state(&t, MN_CLOSED);
    read_pattern(&t, 0, 2920);
    read_result(&t, MNET_E_RESET);
    tcp_end(&t);
}

/* RFC 5961 4.2: a SYN gets a challenge with any sequence number, and changes nothing. */
SCRIPT(synchronized_syn_is_challenged)
{
    for (unsigned i = 0; i < MN_COUNT_OF(synchronized); i++) {
        struct tcp_test t;
        enum mn_tcp_state state = synchronized[i];
        uint32_t nxt = next_to_receive(state);
        uint32_t seqs[] = {nxt - 1, nxt, nxt + 100, nxt + 70000, nxt + 0x80000000};
        for (unsigned k = 0; k < MN_COUNT_OF(seqs); k++) {
            tcp_reach(state, TCP_SETUP(&t));
            send_(&t, .seq = seqs[k], .flags = SYN, .mss = 1460);
            expect(&t, .seq = next_to_send(state), .ack = nxt, .flags = ACK);
            send_(&t, .seq = seqs[k], .ack = 1, .flags = SYN | ACK, .data = "x");
            expect(&t, .seq = next_to_send(state), .ack = nxt, .flags = ACK);
            send_(&t, .seq = seqs[k], .ack = 1, .flags = SYN | FIN | ACK);
            expect(&t, .seq = next_to_send(state), .ack = nxt, .flags = ACK);
            expect_nothing(&t);
            expect_state(&t, state);
            tcp_end(&t);
        }
    }
}

/* The peer restarted: its SYN gets a challenge, and it answers that with an exact reset (RFC 9293
 * 3.5.1, figure 9 with RFC 5961). */
SCRIPT(established_peer_restarts)
{
    struct tcp_test t;
    tcp_established(&t, .active = true);
    send_(&t, .seq = 30000, .flags = SYN);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    send_(&t, .seq = 1, .flags = RST); /* <SEQ=SEG.ACK> */
    expect_nothing(&t);
    read_result(&t, MNET_E_RESET);
    tcp_end(&t);
}

/* RFC 5961 7: challenges are limited. A second later more are allowed. */
SCRIPT(established_challenges_are_limited)
{
    struct tcp_test t;
    tcp_established(&t);
    for (int i = 0; i < 1000; i++)
        send_(&t, .seq = 100, .flags = RST);
    assert_int_equal(drain(&t, NULL), 10);
    assert_int_equal(counted(&t, TCP_CHALLENGE_ACK), 10);
    assert_int_equal(counted(&t, TCP_CHALLENGE_LIMITED), 990);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "still here");
    read_text(&t, "still here");
    wait_ms(&t, 1500);
    drain(&t, NULL);
    send_(&t, .seq = 100, .flags = SYN);
    expect(&t, .seq = 1, .ack = 11, .flags = ACK);
    wait_ms(&t, 1500);
    for (uint32_t i = 0; i < 1000; i++)
        send_(&t, .seq = 100 + i * 4000000, .flags = SYN);
    assert_int_equal(drain(&t, NULL), 10);
    tcp_end(&t);
}

/* RFC 1337: a reset does not end TIME-WAIT. */
SCRIPT(time_wait_rst_is_ignored)
{
    struct tcp_test t;
    tcp_time_wait(&t);
    send_(&t, .seq = 2, .flags = RST);
    send_(&t, .seq = 2, .ack = 2, .flags = RST | ACK);
    send_(&t, .seq = 1, .flags = RST);
    send_(&t, .seq = 3, .flags = RST);
    expect_state(&t, MN_TIME_WAIT);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 2, .flags = FIN | ACK);
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    tcp_end(&t);
}

/* MAY-2: a SYN above RCV.NXT may open a new connection, with an ISS above the old SND.NXT. */
SCRIPT(time_wait_newer_syn_opens_a_new_connection)
{
    struct tcp_test t;
    tcp_time_wait(&t);
    close_(&t);
    uint32_t old_iss = t.iss;
    t.iss_known = false;
    t.irs += 100000;
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460); /* MAY-2 */
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    assert_true((int32_t)(t.iss - (old_iss + 2)) > 0);
    assert_usage(&t, time_wait, 0);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "new");
    accept_(&t);
    read_text(&t, "new");
    tcp_end(&t);
}

/* An old SYN is answered with the acknowledgement of TIME-WAIT. */
SCRIPT(time_wait_old_syn_is_acknowledged)
{
    struct tcp_test t;
    tcp_time_wait(&t);
    send_(&t, .seq = 1, .flags = SYN);
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    send_(&t, .seq = -100000, .flags = SYN);
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    expect_state(&t, MN_TIME_WAIT);
    tcp_end(&t);
}

/* A user that still holds its tcb in TIME-WAIT does not prevent the new connection. */
SCRIPT(time_wait_newer_syn_with_the_old_user_still_there)
{
    struct tcp_test t;
    tcp_time_wait(&t);
    struct mn_tcb *old = t.tcb;
    t.iss_known = false;
    t.irs += 100000;
    send_(&t, .seq = 0, .flags = SYN);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "new");
    accept_(&t);
    read_text(&t, "new");
    struct mn_tcb *young = t.tcb;
    assert_ptr_not_equal(old, young);
    t.tcb = old;
    read_result(&t, 0);
    close_(&t);
    t.tcb = young;
    write_text(&t, "x");
    wait_ms(&t, 0);
    drain(&t, NULL);
    expect_state(&t, MN_ESTABLISHED);
    tcp_end(&t);
}

/* 3.10.5, ABORT: <SEQ=SND.NXT><CTL=RST>, and nothing remains (MUST-12 at the peer). */
SCRIPT(synchronized_abort_sends_rst)
{
    static const enum mn_tcp_state states[] = {MN_ESTABLISHED, MN_FIN_WAIT_1, MN_FIN_WAIT_2, MN_CLOSE_WAIT};
    for (unsigned i = 0; i < MN_COUNT_OF(states); i++) {
        struct tcp_test t;
        tcp_reach(states[i], TCP_SETUP(&t));
        abort_(&t);
        const struct tcp_output *o = peek_output(&t);
        assert_non_null(o);
        assert_int_equal(o->header.flags & ~ACK, RST);
        assert_int_equal(o->header.seq - t.iss, next_to_send(states[i]));
        drain(&t, NULL);
        assert_usage(&t, tcbs, 0);
        wait_ms(&t, 100000);
        expect_nothing(&t);
        tcp_end(&t);
    }
}

/* The reset has SND.NXT, so data in flight and data not yet sent are discarded. */
SCRIPT(established_abort_forgets_queued_data)
{
    struct tcp_test t;
    tcp_established(&t, .window = 100, .no_delay = true);
    write_bytes(&t, 1000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 100);
    abort_(&t);
    const struct tcp_output *o = peek_output(&t);
    assert_non_null(o);
    assert_int_equal(o->header.flags & ~ACK, RST);
    assert_int_equal(o->header.seq - t.iss, 101);
    assert_int_equal(drain(&t, NULL), 1);
    tcp_end(&t);
}

/* A reset of a connection without a user frees it, without an answer or an event. */
SCRIPT(synchronized_orphan_ends_with_a_reset)
{
    static const enum mn_tcp_state states[] = {MN_ESTABLISHED, MN_FIN_WAIT_1, MN_FIN_WAIT_2,
                                               MN_CLOSE_WAIT,  MN_CLOSING,    MN_LAST_ACK};
    for (unsigned i = 0; i < MN_COUNT_OF(states); i++) {
        struct tcp_test t;
        tcp_reach(states[i], TCP_SETUP(&t));
        bool ended = states[i] == MN_CLOSE_WAIT || states[i] == MN_CLOSING || states[i] == MN_LAST_ACK;
        close_(&t);
        drain(&t, NULL);
        assert_usage(&t, orphans, 1);
        send_(&t, .seq = ended ? 2 : 1, .flags = RST);
        expect_nothing(&t);
        assert_usage(&t, tcbs, 0);
        assert_usage(&t, orphans, 0);
        wait_ms(&t, 100000);
        expect_nothing(&t);
        tcp_end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(synchronized_rst_by_position),
        cmocka_unit_test(established_exact_rst_is_an_error_for_the_user),
        cmocka_unit_test(established_rst_with_data_and_any_ack_resets),
        cmocka_unit_test(established_rst_with_zero_window_resets),
        cmocka_unit_test(synchronized_syn_is_challenged),
        cmocka_unit_test(established_peer_restarts),
        cmocka_unit_test(established_challenges_are_limited),
        cmocka_unit_test(time_wait_rst_is_ignored),
        cmocka_unit_test(time_wait_newer_syn_opens_a_new_connection),
        cmocka_unit_test(time_wait_old_syn_is_acknowledged),
        cmocka_unit_test(time_wait_newer_syn_with_the_old_user_still_there),
        cmocka_unit_test(synchronized_abort_sends_rst),
        cmocka_unit_test(established_abort_forgets_queued_data),
        cmocka_unit_test(synchronized_orphan_ends_with_a_reset),
    };
    return run_scripts("tcp_reset", tests);
}
