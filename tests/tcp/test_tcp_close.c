/* Closing: RFC 9293 3.6, 3.10.4, 3.10.7.4 eighth; TIME-WAIT: 3.6.1. */
#include "tests/tcp/harness.h"

/* Figure 12: ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT, CLOSED. */
SCRIPT(established_active_close_runs_to_time_wait)
{
    struct tcp_test t;
    tcp_established(&t);
    close_(&t);
    expect(&t, .seq = 1, .ack = 1, .flags = FIN | ACK);
    expect_state(&t, MN_FIN_WAIT_1);
    send_(&t, .seq = 1, .ack = 2, .flags = ACK);
    expect_nothing(&t);
    expect_state(&t, MN_FIN_WAIT_2);
    send_(&t, .seq = 1, .ack = 2, .flags = FIN | ACK);
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    expect_state(&t, MN_TIME_WAIT);
    assert_usage(&t, tcbs, 0);
    assert_usage(&t, time_wait, 1);
    assert_usage(&t, established, 0);
    mark(&t);
    at_ms(&t, 59999); /* MUST-13: 2 * MSL, here 60 s */
    expect_state(&t, MN_TIME_WAIT);
    at_ms(&t, 60001);
    expect_state(&t, MN_CLOSED);
    assert_usage(&t, time_wait, 0);
    expect_nothing(&t);
    tcp_end(&t);
}

/* Figure 5: FIN-WAIT-1 to TIME-WAIT at once if the peer's FIN acknowledges ours. */
SCRIPT(fin_wait_1_fin_that_acks_ours_is_time_wait)
{
    struct tcp_test t;
    tcp_fin_wait_1(&t);
    send_(&t, .seq = 1, .ack = 2, .flags = FIN | ACK, .data = "bye");
    expect(&t, .seq = 2, .ack = 5, .flags = ACK);
    expect_state(&t, MN_TIME_WAIT);
    read_text(&t, "bye");
    read_result(&t, 0);
    tcp_end(&t);
}

/* CLOSE-WAIT, LAST-ACK, CLOSED. */
SCRIPT(established_passive_close_runs_to_closed)
{
    struct tcp_test t;
    tcp_established(&t);
    while (mn_tcp_fetch_event(t.tcp) != NULL)
        continue;
    send_(&t, .seq = 1, .ack = 1, .flags = FIN | ACK);
    expect(&t, .seq = 1, .ack = 2, .flags = ACK);
    expect_state(&t, MN_CLOSE_WAIT);
    assert_ptr_equal(mn_tcp_fetch_event(t.tcp), t.tcb);
    read_result(&t, 0); /* MUST-12: a normal close */
    read_result(&t, 0);
    close_(&t);
    expect(&t, .seq = 1, .ack = 2, .flags = FIN | ACK);
    expect_state(&t, MN_LAST_ACK);
    send_(&t, .seq = 2, .ack = 2, .flags = ACK);
    expect_nothing(&t);
    expect_state(&t, MN_CLOSED);
    assert_usage(&t, tcbs, 0);
    assert_usage(&t, time_wait, 0);
    tcp_end(&t);
}

/* Figure 13: simultaneous close. */
SCRIPT(fin_wait_1_simultaneous_close_runs_through_closing)
{
    struct tcp_test t;
    tcp_fin_wait_1(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = FIN | ACK);
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    expect_state(&t, MN_CLOSING);
    send_(&t, .seq = 1, .ack = 1, .flags = FIN | ACK); /* the same again */
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    expect_state(&t, MN_CLOSING);
    send_(&t, .seq = 2, .ack = 2, .flags = ACK);
    expect_nothing(&t);
    expect_state(&t, MN_TIME_WAIT);
    tcp_end(&t);
}

/* Half close: the peer may send data in our FIN-WAIT-1 and FIN-WAIT-2. */
SCRIPT(fin_wait_data_is_still_received)
{
    struct tcp_test t;
    tcp_fin_wait_1(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    send_(&t, .seq = 6, .ack = 2, .flags = ACK, .data = "world");
    expect_state(&t, MN_FIN_WAIT_2);
    wait_ms(&t, 40);
    const struct tcp_output *o = peek_output(&t);
    assert_non_null(o);
    drain(&t, NULL);
    read_text(&t, "helloworld");
    assert_int_equal(mn_tcp_send(t.tcp, t.tcb, "x", 1, false, t.now), MNET_E_CLOSED);
    wait_ms(&t, 1000000); /* its user still holds it: no timeout */
    expect_state(&t, MN_FIN_WAIT_2);
    send_(&t, .seq = 11, .ack = 2, .flags = FIN | ACK, .data = "!");
    expect(&t, .seq = 2, .ack = 13, .flags = ACK);
    read_text(&t, "!");
    read_result(&t, 0);
    close_(&t);
    expect_nothing(&t);
    expect_state(&t, MN_TIME_WAIT);
    tcp_end(&t);
}

/* Half close: we may send data in CLOSE-WAIT. */
SCRIPT(close_wait_data_is_still_sent)
{
    struct tcp_test t;
    tcp_close_wait(&t);
    write_text(&t, "answer");
    expect(&t, .seq = 1, .ack = 2, .flags = ACK, .data = "answer");
    send_(&t, .seq = 2, .ack = 7, .flags = ACK);
    shutdown_(&t, MNET_SHUTDOWN_WRITE);
    expect(&t, .seq = 7, .ack = 2, .flags = FIN | ACK);
    expect_state(&t, MN_LAST_ACK);
    assert_int_equal(mn_tcp_send(t.tcp, t.tcb, "x", 1, false, t.now), MNET_E_CLOSED);
    send_(&t, .seq = 2, .ack = 8, .flags = ACK);
    expect_state(&t, MN_CLOSED);
    read_result(&t, 0); /* still the end of the stream, and no error */
    close_(&t);
    tcp_end(&t);
}

/* CLOSE: "queue this until all preceding SENDs have been segmentized": no written data is lost. */
SCRIPT(established_close_sends_what_is_queued_first)
{
    struct tcp_test t;
    tcp_established(&t, .window = 1000);
    write_bytes(&t, 2500);
    close_(&t);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1000);
    send_(&t, .seq = 1, .ack = 1001, .flags = ACK, .window = 1000);
    expect(&t, .seq = 1001, .ack = 1, .flags = ACK, .len = 1000);
    send_(&t, .seq = 1, .ack = 2001, .flags = ACK, .window = 1000);
    expect(&t, .seq = 2001, .ack = 1, .flags = FIN | ACK, .len = 500);
    send_(&t, .seq = 1, .ack = 2502, .flags = ACK, .window = 1000);
    expect_state(&t, MN_FIN_WAIT_2);
    tcp_end(&t);
}

/* The FIN takes a sequence number, so it needs room in the window, too. */
SCRIPT(established_fin_waits_for_the_window)
{
    struct tcp_test t;
    tcp_established(&t, .window = 1000);
    write_bytes(&t, 1000);
    close_(&t);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1000);
    expect_nothing(&t);
    send_(&t, .seq = 1, .ack = 1001, .flags = ACK, .window = 1000);
    expect(&t, .seq = 1001, .ack = 1, .flags = FIN | ACK);
    tcp_end(&t);
}

SCRIPT(fin_wait_1_partial_ack_stays)
{
    struct tcp_test t;
    tcp_established(&t);
    write_text(&t, "hello");
    close_(&t);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 4, .flags = ACK);
    expect_state(&t, MN_FIN_WAIT_1);
    send_(&t, .seq = 1, .ack = 6, .flags = ACK);
    expect_state(&t, MN_FIN_WAIT_1);
    send_(&t, .seq = 1, .ack = 8, .flags = ACK); /* beyond */
    expect_state(&t, MN_FIN_WAIT_1);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 7, .flags = ACK);
    expect_state(&t, MN_FIN_WAIT_2);
    tcp_end(&t);
}

SCRIPT(last_ack_only_the_ack_of_the_fin_ends_it)
{
    struct tcp_test t;
    tcp_close_wait(&t);
    write_text(&t, "hello");
    close_(&t);
    drain(&t, NULL);
    send_(&t, .seq = 2, .ack = 1, .flags = ACK);
    send_(&t, .seq = 2, .ack = 6, .flags = ACK);
    expect_state(&t, MN_LAST_ACK);
    send_(&t, .seq = 1, .ack = 6, .flags = FIN | ACK); /* the peer's FIN again */
    expect(&t, .seq = 7, .ack = 2, .flags = ACK);
    send_(&t, .seq = 2, .ack = 7, .flags = ACK);
    expect_state(&t, MN_CLOSED);
    assert_usage(&t, tcbs, 0);
    send_(&t, .seq = 2, .ack = 7, .flags = ACK);
    expect(&t, .seq = 7, .flags = RST);
    tcp_end(&t);
}

/* SHLD-3: a close with unread data is an abort. */
SCRIPT(established_close_with_unread_data_resets)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "unread");
    close_(&t);
    expect(&t, .seq = 1, .ack = 7, .flags = RST | ACK); /* SHLD-3 */
    expect_nothing(&t);
    assert_usage(&t, tcbs, 0);
    tcp_end(&t);
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = FIN | ACK, .data = "unread");
    drain(&t, NULL);
    close_(&t); /* in CLOSE-WAIT as well */
    expect(&t, .seq = 1, .ack = 8, .flags = RST | ACK);
    assert_usage(&t, tcbs, 0);
    tcp_end(&t);
}

/* SHLD-3: data that arrives after the close resets the connection, too. */
SCRIPT(fin_wait_data_after_close_resets)
{
    struct tcp_test t;
    tcp_established(&t);
    close_(&t);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 2, .flags = ACK, .data = "too late"); /* SHLD-3 */
    const struct tcp_output *o = peek_output(&t);
    assert_non_null(o);
    assert_int_equal(o->header.flags & ~ACK, RST);
    assert_int_equal(o->header.seq - t.iss, 2);
    drain(&t, NULL);
    expect_state(&t, MN_CLOSED);
    assert_usage(&t, tcbs, 0);
    tcp_end(&t);
}

/* Old data after the close does not reset the connection, because it was acknowledged before. */
SCRIPT(fin_wait_old_data_after_close_is_acknowledged)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    read_text(&t, "hello");
    close_(&t);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 2, .flags = ACK, .data = "hello");
    expect(&t, .seq = 2, .ack = 6, .flags = ACK);
    expect_nothing(&t);
    assert_usage(&t, tcbs, 1);
    tcp_end(&t);
}

/* FIN-WAIT-2 without a user ends after config.user.orphan_ns. */
SCRIPT(fin_wait_2_orphan_times_out)
{
    struct tcp_test t;
    tcp_established(&t);
    close_(&t);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 2, .flags = ACK);
    mark(&t);
    at_ms(&t, 59000);
    expect_state(&t, MN_FIN_WAIT_2);
    at_ms(&t, 61000);
    expect_state(&t, MN_CLOSED);
    assert_usage(&t, tcbs, 0);
    tcp_end(&t);
    tcp_fin_wait_2(&t); /* the user leaves later: the time counts from then */
    wait_ms(&t, 1000000);
    expect_state(&t, MN_FIN_WAIT_2);
    close_(&t);
    wait_ms(&t, 59000);
    expect_state(&t, MN_FIN_WAIT_2);
    wait_ms(&t, 2000);
    expect_state(&t, MN_CLOSED);
    tcp_end(&t);
}

SCRIPT(fin_wait_2_orphan_of_never_stays)
{
    struct tcp_test t;
    tcp_established(&t);
    t.tcp->config.user.orphan_ns = MNET_NEVER;
    close_(&t);
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = 2, .flags = ACK);
    wait_ms(&t, 1000000);
    expect_state(&t, MN_FIN_WAIT_2);
    send_(&t, .seq = 1, .ack = 2, .flags = FIN | ACK);
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    expect_state(&t, MN_TIME_WAIT);
    tcp_end(&t);
}

/* 3.10.7.4, eighth: in TIME-WAIT a FIN is acknowledged again, and the 2 MSL begin again. */
SCRIPT(time_wait_fin_again_restarts_the_wait)
{
    struct tcp_test t;
    tcp_time_wait(&t);
    close_(&t);
    at_ms(&t, 50000);
    send_(&t, .seq = 1, .ack = 2, .flags = FIN | ACK);
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    at_ms(&t, 109000);
    expect_state(&t, MN_TIME_WAIT);
    at_ms(&t, 110001);
    expect_state(&t, MN_CLOSED);
    expect_nothing(&t);
    tcp_end(&t);
}

/* Old duplicates get an acknowledgement and nothing else. Pure acknowledgements are not answered,
 * or two ends could answer one another for ever. */
SCRIPT(time_wait_old_duplicates_do_no_harm)
{
    struct tcp_test t;
    tcp_time_wait(&t);
    close_(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "old");
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    send_(&t, .seq = 2, .ack = 2, .flags = ACK);
    expect_nothing(&t);
    at_ms(&t, 60001); /* none of them makes it longer */
    expect_state(&t, MN_CLOSED);
    tcp_end(&t);
}

/* The number of TIME-WAIT records is limited: a new record replaces the oldest. */
SCRIPT(time_wait_full_table_gives_up_the_oldest)
{
    struct tcp_test t;
    tcp_listen(&t, .time_wait_max = 4);
    for (unsigned i = 0; i < 6; i++) {
        t.remote.port = (uint16_t)(5000 + i);
        t.iss_known = false;
        send_(&t, .seq = 0, .flags = SYN);
        expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
        send_(&t, .seq = 1, .ack = 1, .flags = ACK);
        accept_(&t);
        close_(&t);
        expect(&t, .seq = 1, .ack = 1, .flags = FIN | ACK);
        send_(&t, .seq = 1, .ack = 2, .flags = FIN | ACK);
        expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    }
    assert_usage(&t, time_wait, 4);
    assert_usage(&t, tcbs, 0);
    t.remote.port = 5000;
    expect_state(&t, MN_CLOSED);
    t.remote.port = 5005;
    expect_state(&t, MN_TIME_WAIT);
    tcp_end(&t);
}

/* An active open over a pair in TIME-WAIT is refused. A port chosen by the stack avoids it. */
SCRIPT(time_wait_open_of_the_same_pair_is_in_use)
{
    struct tcp_test t;
    tcp_time_wait(&t, .active = true);
    close_(&t);
    struct mn_tcp_open open = {.local = t.local, .remote = t.remote};
    struct mn_tcb *tcb = NULL;
    assert_int_equal(mn_tcp_open(t.tcp, &open, t.now, &tcb), MNET_E_IN_USE);
    open.local.port = 0;
    assert_int_equal(mn_tcp_open(t.tcp, &open, t.now, &tcb), 0);
    drain(&t, NULL);
    tcp_end(&t);
}

/* After shutdown of reading, later data is refused, so that the peer's writes fail. */
SCRIPT(established_shutdown_read_refuses_later_data)
{
    struct tcp_test t;
    tcp_established(&t);
    shutdown_(&t, MNET_SHUTDOWN_READ);
    expect_nothing(&t);
    read_result(&t, MNET_E_CLOSED);
    write_text(&t, "still sending");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "still sending");
    send_(&t, .seq = 1, .ack = 14, .flags = ACK);
    expect_nothing(&t);
    send_(&t, .seq = 1, .ack = 14, .flags = ACK, .data = "refused");
    const struct tcp_output *o = peek_output(&t);
    assert_non_null(o);
    assert_int_equal(o->header.flags & ~ACK, RST);
    assert_int_equal(o->header.seq - t.iss, 14);
    drain(&t, NULL);
    expect_state(&t, MN_CLOSED);
    close_(&t);
    tcp_end(&t);
}

/* Shutdown of reading discards unread data. The connection stays, its window opens, and the answer
 * on its way arrives. */
SCRIPT(established_shutdown_read_with_unread_data_delivers_the_answer)
{
    struct tcp_test t;
    tcp_established(&t, .receive_buffer = 4000);
    for (uint32_t seq = 1; seq < 4001; seq += 1000)
        send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = 1000);
    drain(&t, NULL);
    write_text(&t, "the answer");
    expect(&t, .seq = 1, .ack = 4001, .flags = ACK, .data = "the answer", .window = 0);
    shutdown_(&t, MNET_SHUTDOWN_READ);
    expect(&t, .seq = 11, .ack = 4001, .flags = ACK, .window = 4000);
    expect_nothing(&t);
    read_result(&t, MNET_E_CLOSED);
    expect_state(&t, MN_ESTABLISHED);
    wait_ms(&t, 300);
    expect(&t, .seq = 1, .ack = 4001, .flags = ACK, .data = "the answer");
    send_(&t, .seq = 4001, .ack = 11, .flags = ACK);
    close_(&t);
    expect(&t, .seq = 11, .ack = 4001, .flags = FIN | ACK);
    send_(&t, .seq = 4001, .ack = 12, .flags = FIN | ACK);
    expect(&t, .seq = 12, .ack = 4002, .flags = ACK);
    expect_state(&t, MN_TIME_WAIT);
    tcp_end(&t);
}

/* The rest of a request arrives, in any order, while the answer is not acknowledged: it is received
 * and discarded, without using memory, also after close. When the answer has arrived, the rest is
 * refused. */
SCRIPT(established_shutdown_read_discards_until_the_answer_has_arrived)
{
    for (int closed = 0; closed < 2; closed++) {
        struct tcp_test t;
        tcp_established(&t);
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "POST ");
        shutdown_(&t, MNET_SHUTDOWN_READ);
        write_text(&t, "413");
        if (closed)
            close_(&t);
        drain(&t, NULL);
        size_t before = mnet_memory_used(t.memory);
        uint32_t seq = 6;
        for (unsigned i = 0; i < 200; i++, seq += 2000) {
            send_(&t, .seq = seq + 1000, .ack = 1, .flags = ACK, .len = 1000);
            send_(&t, .seq = seq, .ack = 1, .flags = ACK, .len = 1000);
            assert_non_null(peek_output(&t));
            drain(&t, NULL);
        }
        assert_true(mnet_memory_used(t.memory) <= before);
        assert_int_equal(t.seen.header.flags & RST, 0);
        wait_ms(&t, 300);
        expect(&t, .seq = 1, .ack = seq, .flags = ACK | (closed ? FIN : 0), .data = "413");
        /* The answer has arrived. */
        send_(&t, .seq = seq, .ack = 4u + (unsigned)closed, .flags = ACK);
        expect_nothing(&t);
        expect_state(&t, closed ? MN_FIN_WAIT_2 : MN_ESTABLISHED);
        send_(&t, .seq = seq, .ack = 4u + (unsigned)closed, .flags = ACK, .data = "more");
        expect(&t, .seq = 4u + (unsigned)closed, .ack = seq, .flags = RST | ACK);
        expect_state(&t, MN_CLOSED);
        tcp_end(&t);
    }
}

SCRIPT(established_shutdown_both_still_sees_the_fin)
{
    struct tcp_test t;
    tcp_established(&t);
    shutdown_(&t, MNET_SHUTDOWN_BOTH);
    expect(&t, .seq = 1, .ack = 1, .flags = FIN | ACK);
    send_(&t, .seq = 1, .ack = 2, .flags = FIN | ACK);
    expect(&t, .seq = 2, .ack = 2, .flags = ACK);
    expect_state(&t, MN_TIME_WAIT);
    assert_int_equal(mn_tcp_shutdown(t.tcp, t.tcb, MNET_SHUTDOWN_WRITE, t.now), MNET_E_CLOSED);
    close_(&t);
    tcp_end(&t);
}

SCRIPT(established_shutdown_write_twice_sends_one_fin)
{
    struct tcp_test t;
    tcp_established(&t);
    shutdown_(&t, MNET_SHUTDOWN_WRITE);
    shutdown_(&t, MNET_SHUTDOWN_WRITE);
    close_(&t);
    expect(&t, .seq = 1, .ack = 1, .flags = FIN | ACK);
    expect_nothing(&t);
    tcp_end(&t);
}

/* The stack goes down: every peer gets a reset, every user gets an error, and all memory is given
 * back. */
SCRIPT(any_state_down_resets_everything)
{
    static const enum mn_tcp_state states[] = {MN_LISTEN,     MN_SYN_SENT,   MN_SYN_RECEIVED, MN_ESTABLISHED,
                                               MN_FIN_WAIT_1, MN_FIN_WAIT_2, MN_CLOSE_WAIT,   MN_CLOSING,
                                               MN_LAST_ACK,   MN_TIME_WAIT};
    for (unsigned i = 0; i < MN_COUNT_OF(states); i++) {
        struct tcp_test t;
        tcp_reach(states[i], TCP_SETUP(&t));
        if (states[i] == MN_ESTABLISHED) {
            write_bytes(&t, 5000);
            send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "unread");
            send_(&t, .seq = 100, .ack = 1, .flags = ACK, .data = "out of order");
            drain(&t, NULL);
        }
        mn_tcp_end_all(t.tcp, t.now);
        if (states[i] >= MN_ESTABLISHED && states[i] != MN_TIME_WAIT) {
            const struct tcp_output *o = peek_output(&t);
            assert_non_null(o);
            assert_int_equal(o->header.flags & ~ACK, RST);
        }
        drain(&t, NULL);
        wait_ms(&t, 300000);
        expect_nothing(&t);
        assert_usage(&t, established, 0);
        tcp_end(&t);
    }
}

/* A close behind more data than the congestion window allows: the FIN follows the last byte. An ACK
 * of less does not change that. */
SCRIPT(established_close_behind_the_congestion_window_sends_the_fin_last)
{
    struct tcp_test t;
    tcp_established(&t);
    write_bytes(&t, 12 * MSS);
    assert_int_equal(drain(&t, NULL), 10);
    close_(&t);
    expect_nothing(&t);
    expect_state(&t, MN_FIN_WAIT_1);
    send_(&t, .seq = 1, .ack = 1 + MSS, .flags = ACK);
    expect(&t, .seq = 1 + 10 * MSS, .ack = 1, .flags = ACK, .len = (int)MSS);
    expect(&t, .seq = 1 + 11 * MSS, .ack = 1, .flags = FIN | ACK, .len = (int)MSS);
    send_(&t, .seq = 1, .ack = 1 + 12 * MSS, .flags = ACK);
    expect_state(&t, MN_FIN_WAIT_1);
    send_(&t, .seq = 1, .ack = 2 + 12 * MSS, .flags = ACK);
    expect_state(&t, MN_FIN_WAIT_2);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_active_close_runs_to_time_wait),
        cmocka_unit_test(fin_wait_1_fin_that_acks_ours_is_time_wait),
        cmocka_unit_test(established_passive_close_runs_to_closed),
        cmocka_unit_test(fin_wait_1_simultaneous_close_runs_through_closing),
        cmocka_unit_test(fin_wait_data_is_still_received),
        cmocka_unit_test(close_wait_data_is_still_sent),
        cmocka_unit_test(established_close_sends_what_is_queued_first),
        cmocka_unit_test(established_fin_waits_for_the_window),
        cmocka_unit_test(fin_wait_1_partial_ack_stays),
        cmocka_unit_test(last_ack_only_the_ack_of_the_fin_ends_it),
        cmocka_unit_test(established_close_with_unread_data_resets),
        cmocka_unit_test(fin_wait_data_after_close_resets),
        cmocka_unit_test(fin_wait_old_data_after_close_is_acknowledged),
        cmocka_unit_test(fin_wait_2_orphan_times_out),
        cmocka_unit_test(fin_wait_2_orphan_of_never_stays),
        cmocka_unit_test(time_wait_fin_again_restarts_the_wait),
        cmocka_unit_test(time_wait_old_duplicates_do_no_harm),
        cmocka_unit_test(time_wait_full_table_gives_up_the_oldest),
        cmocka_unit_test(time_wait_open_of_the_same_pair_is_in_use),
        cmocka_unit_test(established_shutdown_read_refuses_later_data),
        cmocka_unit_test(established_shutdown_read_with_unread_data_delivers_the_answer),
        cmocka_unit_test(established_shutdown_read_discards_until_the_answer_has_arrived),
        cmocka_unit_test(established_shutdown_both_still_sees_the_fin),
        cmocka_unit_test(established_shutdown_write_twice_sends_one_fin),
        cmocka_unit_test(any_state_down_resets_everything),
        cmocka_unit_test(established_close_behind_the_congestion_window_sends_the_fin_last),
    };
    return run_scripts("tcp_close", tests);
}
