/* Active opens: SYN-SENT, and SYN-RECEIVED by simultaneous open (RFC 9293 3.5, 3.10.7.3). */
#include "tests/tcp/harness.h"

#include "tcp/records/table.h"

/* 3.5, figure 6. MUST-14 and SHLD-5: the MSS is in every SYN. MUST-67: it is the MTU without the
 * headers. RFC 7323 2.2: the shift is offered. */
SCRIPT(syn_sent_handshake_establishes)
{
    struct tcp_test t;
    tcp_closed(&t);
    open_active(&t);
    /* MUST-14 MUST-67 SHLD-5 */
    expect(&t, .seq = 0, .flags = SYN, .mss = 1460, .shift = 0, .window = 65535);
    expect_state(&t, MN_SYN_SENT);
    assert_int_equal(mn_tcp_status(t.tcb), MNET_E_DEADLINE);
    read_result(&t, MNET_E_DEADLINE);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = 1460);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .mss = NO, .shift = NO);
    expect_nothing(&t);
    expect_state(&t, MN_ESTABLISHED);
    assert_ptr_equal(mn_tcp_fetch_event(t.tcp), t.tcb);
    assert_int_equal(mn_tcp_status(t.tcb), 0);
    assert_usage(&t, established, 1);
    tcp_end(&t);
}

/* 3.10.7.3, first: <SEQ=SEG.ACK><CTL=RST> answers an unacceptable acknowledgement, and the open
 * goes on. */
SCRIPT(syn_sent_bad_ack_is_reset)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    send_(&t, .seq = 0, .ack = 0, .flags = ACK);
    expect(&t, .seq = 0, .flags = RST);
    send_(&t, .seq = 0, .ack = 2, .flags = SYN | ACK);
    expect(&t, .seq = 2, .flags = RST);
    send_(&t, .seq = 0, .ack = 0x80000001, .flags = SYN | ACK);
    expect(&t, .seq = 0x80000001, .flags = RST);
    expect_state(&t, MN_SYN_SENT);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect_state(&t, MN_ESTABLISHED);
    tcp_end(&t);
}

/* First and second: a bad acknowledgement with RST is dropped without an answer. */
SCRIPT(syn_sent_rst_with_a_bad_ack_is_ignored)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    send_(&t, .seq = 0, .ack = 0, .flags = RST | ACK);
    send_(&t, .seq = 0, .ack = 2, .flags = RST | ACK);
    send_(&t, .seq = 0, .flags = RST);
    expect_nothing(&t);
    expect_state(&t, MN_SYN_SENT);
    assert_int_equal(mn_tcp_status(t.tcb), MNET_E_DEADLINE);
    tcp_end(&t);
}

SCRIPT(syn_sent_rst_with_an_acceptable_ack_refuses)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    write_text(&t, "never sent");
    send_(&t, .seq = 0, .ack = 1, .flags = RST | ACK);
    expect_nothing(&t);
    expect_state(&t, MN_CLOSED);
    assert_ptr_equal(mn_tcp_fetch_event(t.tcp), t.tcb);
    assert_int_equal(mn_tcp_status(t.tcb), MNET_E_REFUSED);
    read_result(&t, MNET_E_REFUSED);
    assert_true(mn_tcp_send(t.tcp, t.tcb, "x", 1, false, t.now) < 0);
    wait_ms(&t, 10000);
    expect_nothing(&t);
    close_(&t);
    expect_nothing(&t);
    assert_usage(&t, tcbs, 0);
    tcp_end(&t);
}

/* Fifth: neither SYN nor RST. */
SCRIPT(syn_sent_ack_without_syn_is_ignored)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    send_(&t, .seq = 0, .ack = 1, .flags = ACK);
    send_(&t, .seq = 0, .ack = 1, .flags = FIN | ACK, .data = "x");
    send_(&t, .seq = 0, .flags = FIN);
    send_(&t, .seq = 0, .flags = 0, .data = "x");
    expect_nothing(&t);
    expect_state(&t, MN_SYN_SENT);
    tcp_end(&t);
}

/* Fourth: data with the SYN,ACK is kept, or asked for again. */
SCRIPT(syn_sent_data_with_syn_ack_is_not_lost)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .data = "hello");
    const struct tcp_output *o = peek_output(&t);
    assert_non_null(o);
    uint32_t acked = o->header.ack - t.irs;
    expect(&t, .seq = 1, .ack = acked, .flags = ACK);
    expect_state(&t, MN_ESTABLISHED);
    if (acked == 1)
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    read_text(&t, "hello");
    read_result(&t, MNET_E_DEADLINE);
    tcp_end(&t);
}

SCRIPT(syn_sent_fin_with_syn_ack_is_not_lost)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK | FIN);
    const struct tcp_output *o = peek_output(&t);
    assert_non_null(o);
    uint32_t acked = o->header.ack - t.irs;
    expect(&t, .seq = 1, .ack = acked, .flags = ACK);
    if (acked == 1) {
        expect_state(&t, MN_ESTABLISHED);
        send_(&t, .seq = 1, .ack = 1, .flags = FIN | ACK);
        expect(&t, .seq = 1, .ack = 2, .flags = ACK);
    }
    expect_state(&t, MN_CLOSE_WAIT);
    read_result(&t, 0);
    tcp_end(&t);
}

/* 3.5, figure 7 (MUST-10). */
SCRIPT(syn_sent_syn_is_simultaneous_open)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    send_(&t, .seq = 0, .flags = SYN, .mss = 1000);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = 1460); /* MUST-10 */
    expect_state(&t, MN_SYN_RECEIVED);
    assert_int_equal(mn_tcp_status(t.tcb), MNET_E_DEADLINE);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect_nothing(&t);
    expect_state(&t, MN_ESTABLISHED);
    assert_int_equal(mn_tcp_status(t.tcb), 0);
    write_bytes(&t, 1000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1000);
    tcp_end(&t);
}

/* Figure 7: both sides answer with SYN,ACK. It is acceptable, and completes the handshake. */
SCRIPT(syn_received_by_simultaneous_open_syn_ack_establishes)
{
    struct tcp_test t;
    tcp_syn_received(&t, .active = true);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK); /* MUST-10 */
    expect_state(&t, MN_ESTABLISHED);
    drain(&t, NULL);
    tcp_end(&t);
}

/* MUST-11: the open was active, so a reset is an error for its user. */
SCRIPT(syn_received_by_simultaneous_open_rst_refuses)
{
    struct tcp_test t;
    tcp_syn_received(&t, .active = true);
    send_(&t, .seq = 2, .flags = RST); /* in the window, not exact: RFC 5961 3.2 */
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect_state(&t, MN_SYN_RECEIVED);
    send_(&t, .seq = 1, .flags = RST); /* MUST-11 */
    expect_nothing(&t);
    expect_state(&t, MN_CLOSED);
    assert_int_equal(mn_tcp_status(t.tcb), MNET_E_REFUSED);
    tcp_end(&t);
}

SCRIPT(syn_received_by_simultaneous_open_bad_ack_is_reset)
{
    struct tcp_test t;
    tcp_syn_received(&t, .active = true);
    send_(&t, .seq = 1, .ack = 0, .flags = ACK);
    expect(&t, .seq = 0, .flags = RST);
    send_(&t, .seq = 1, .ack = 2, .flags = ACK);
    expect(&t, .seq = 2, .flags = RST);
    expect_state(&t, MN_SYN_RECEIVED);
    tcp_end(&t);
}

SCRIPT(syn_received_by_simultaneous_open_sends_again)
{
    struct tcp_test t;
    tcp_syn_received(&t, .active = true);
    at_ms(&t, 999);
    expect_nothing(&t);
    at_ms(&t, 1000);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = 1460);
    tcp_end(&t);
}

/* MUST-22, MUST-23: SYNs are sent again with backoff, for at least three minutes. */
SCRIPT(syn_sent_syn_is_sent_again_until_r2)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    static const unsigned seconds[] = {1, 3, 7, 15, 31, 63};
    for (unsigned i = 0; i < MN_COUNT_OF(seconds); i++) {
        at_ms(&t, 1000 * seconds[i] - 1);
        expect_nothing(&t);
        at_ms(&t, 1000 * seconds[i]);
        expect(&t, .seq = 0, .flags = SYN, .mss = 1460, .shift = 0); /* MUST-22 */
        expect_nothing(&t);
    }
    at_ms(&t, 179999);
    drain(&t, NULL);
    assert_int_equal(mn_tcp_status(t.tcb), MNET_E_DEADLINE); /* MUST-23 */
    at_ms(&t, 250000);
    drain(&t, NULL);
    expect_state(&t, MN_CLOSED);
    assert_int_equal(mn_tcp_status(t.tcb), MNET_E_TIMED_OUT);
    read_result(&t, MNET_E_TIMED_OUT);
    at_ms(&t, 500000);
    expect_nothing(&t);
    close_(&t);
    assert_usage(&t, tcbs, 0);
    tcp_end(&t);
}

/* RFC 6298 (5.7): after a retransmitted SYN there is no sample, and the timeout for data begins at
 * 3 s. */
SCRIPT(syn_sent_retransmitted_syn_is_no_sample)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    wait_ms(&t, 1000);
    expect(&t, .seq = 0, .flags = SYN);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = 1460);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    write_text(&t, "x");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x");
    wait_ms(&t, 2999);
    expect_nothing(&t); /* MUST-18 */
    wait_ms(&t, 1);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x");
    tcp_end(&t);
}

/* MUST-8, MUST-9, SHLD-1: ISN = M + F(4-tuple, secret). */
SCRIPT(syn_sent_isn_follows_the_clock_and_a_secret)
{
    struct tcp_test t;
    uint32_t first[2];
    for (uint8_t seed = 0; seed < 2; seed++) {
        tcp_closed(&t, .seed = seed);
        open_active(&t);
        first[seed] = t.iss;
        close_(&t);
        t.iss_known = false;
        wait_ns(&t, MNET_SECOND);
        open_active(&t);
        /* MUST-8, SHLD-1: one every 4 us. */
        assert_in_range(t.iss - first[seed], 250000 - 1, 250000 + 1);
        uint32_t same = mn_tcp_choose_beginning(t.tcp, &t.local, &t.remote, t.now).isn;
        struct mnet_endpoint next = t.remote;
        next.port++;
        assert_int_not_equal(same, mn_tcp_choose_beginning(t.tcp, &t.local, &next, t.now).isn);
        next = t.remote;
        next.address = endpoint(10, 0, 0, 77, 0).address;
        assert_int_not_equal(same, mn_tcp_choose_beginning(t.tcp, &t.local, &next, t.now).isn);
        tcp_end(&t);
    }
    assert_int_not_equal(first[0], first[1]); /* MUST-9 */
}

/* 3.10.4: CLOSE in SYN-SENT deletes the TCB. Later segments are answered as in CLOSED. */
SCRIPT(syn_sent_close_leaves_nothing)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    close_(&t);
    expect_nothing(&t);
    assert_usage(&t, tcbs, 0);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    expect(&t, .seq = 1, .flags = RST);
    wait_ms(&t, 10000);
    expect_nothing(&t);
    tcp_end(&t);
}

SCRIPT(syn_sent_abort_leaves_nothing)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    abort_(&t);
    wait_ms(&t, 10000);
    expect_nothing(&t);
    assert_usage(&t, tcbs, 0);
    tcp_end(&t);
}

/* CLOSE in SYN-RECEIVED: a FIN follows the handshake. */
SCRIPT(syn_received_by_simultaneous_open_close_sends_fin)
{
    struct tcp_test t;
    tcp_syn_received(&t, .active = true);
    close_(&t);
    unsigned early = drain(&t, NULL); /* the FIN may be sent at once or wait for ESTABLISHED */
    send_(&t, .seq = 1, .ack = early == 0 ? 1 : 2, .flags = ACK);
    if (early == 0) {
        expect(&t, .seq = 1, .ack = 1, .flags = FIN | ACK);
        send_(&t, .seq = 1, .ack = 2, .flags = ACK);
    }
    expect_nothing(&t);
    expect_state(&t, MN_FIN_WAIT_2);
    tcp_end(&t);
}

/* 3.10.2: data sent before the handshake is queued, and sent when ESTABLISHED is entered. */
SCRIPT(syn_sent_queued_data_follows_the_handshake)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    write_text(&t, "early");
    shutdown_(&t, MNET_SHUTDOWN_WRITE);
    expect_nothing(&t);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = 1460);
    expect(&t, .seq = 1, .ack = 1, .flags = FIN | ACK, .data = "early");
    expect_nothing(&t);
    expect_state(&t, MN_FIN_WAIT_1);
    tcp_end(&t);
}

SCRIPT(open_of_a_used_pair_is_in_use)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    struct mn_tcp_open open = {.local = t.local, .remote = t.remote};
    struct mn_tcb *second = NULL;
    assert_int_equal(mn_tcp_open(t.tcp, &open, t.now, &second), MNET_E_IN_USE);
    expect_nothing(&t);
    open.remote.port++;
    assert_int_equal(mn_tcp_open(t.tcp, &open, t.now, &second), 0);
    assert_int_equal(drain(&t, NULL), 1);
    tcp_end(&t);
}

/* RFC 6056: ephemeral ports are not predictable, and no port is used twice for one pair. */
SCRIPT(open_without_a_port_takes_a_random_one)
{
    struct tcp_test t;
    tcp_closed(&t);
    uint16_t last = 0;
    unsigned successive = 0;
    for (int i = 0; i < 100; i++) {
        struct mn_tcp_open open = {.local = endpoint(10, 0, 0, 2, 0), .remote = t.remote};
        struct mn_tcb *tcb = NULL;
        assert_int_equal(mn_tcp_open(t.tcp, &open, t.now, &tcb), 0);
        struct mnet_endpoint local;
        mn_tcp_peers(tcb, &local, NULL);
        assert_true(local.port >= 1024);
        successive += local.port == last + 1;
        last = local.port;
    }
    assert_in_range(successive, 0, 5);
    drain(&t, NULL);
    tcp_end(&t);
}

/* A host may connect a port to itself: a simultaneous open with only one side. */
SCRIPT(syn_sent_to_itself_establishes)
{
    struct tcp_test t;
    tcp_closed(&t);
    t.remote = t.local;
    open_active(&t);
    for (int i = 0; i < 20 && peek_output(&t) != NULL; i++) {
        uint8_t bytes[128];
        const struct tcp_output *o = peek_output(&t);
        uint32_t len = o->total;
        assert_in_range(len, 20, sizeof bytes);
        memcpy(bytes, o->bytes, len);
        struct tcp_output *gone = t.first; /* one at a time, so that the answers come after it */
        t.first = gone->next;
        if (t.first == NULL)
            t.last = &t.first;
        free(gone->bytes);
        free(gone);
        send_raw(&t, bytes, len, MNET_CHECKSUM_PLAIN, false);
    }
    expect_nothing(&t); /* the two do not answer each other for ever */
    expect_state(&t, MN_ESTABLISHED);
    tcp_end(&t);
}

/* RFC 7323 2.2: the window of a SYN is never scaled. Later ones are scaled by the peer's shift. */
SCRIPT(syn_sent_window_of_syn_ack_is_not_scaled)
{
    struct tcp_test t;
    tcp_syn_sent(&t, .no_delay = true);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = 1460, .shift = 7, .window = 1000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    write_bytes(&t, 3000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1000);
    expect_nothing(&t);
    send_(&t, .seq = 1, .ack = 1001, .flags = ACK, .window = 10); /* 1280 */
    expect(&t, .seq = 1001, .ack = 1, .flags = ACK, .len = 1280);
    expect_nothing(&t);
    tcp_end(&t);
}

/* Without the peer's option neither side scales. */
SCRIPT(syn_sent_without_scale_windows_are_plain)
{
    struct tcp_test t;
    tcp_syn_sent(&t, .receive_buffer = 1u << 20, .no_delay = true);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = 1460, .window = 1000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 65535);
    write_bytes(&t, 3000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 1000);
    send_(&t, .seq = 1, .ack = 1001, .flags = ACK, .window = 500);
    expect(&t, .seq = 1001, .ack = 1, .flags = ACK, .len = 500, .window = 65535);
    expect_nothing(&t);
    tcp_end(&t);
}

/* Returns the next port that would be chosen for a connection from `local` to `remote`, without a
 * remote port for a listener. */
static uint16_t next_choice(struct tcp_test *t, struct mnet_endpoint local, struct mnet_endpoint remote)
{
    struct mn_random before = t->random;
    uint64_t hash;
    assert_true(mn_table_choose_port(t->tcp, &local, remote.port == 0 ? NULL : &remote, true, &hash));
    t->random = before;
    return local.port;
}

/* A chosen port makes no connection with itself, nor one with a connection that is being opened the
 * other way. It is no port of a listener or of TIME-WAIT. Each time the port that would have been
 * chosen is made the wrong one. */
SCRIPT(open_chosen_port_meets_nothing_of_ours)
{
    struct tcp_test t;
    tcp_closed(&t, .connections_max = 2000);
    struct mnet_endpoint own = endpoint(10, 0, 0, 2, 0), remote = endpoint(10, 0, 0, 2, 40000);
    for (unsigned i = 0; i < 100; i++) {
        remote.port = next_choice(&t, own, remote);
        struct mn_tcp_open open = {.local = own, .remote = remote, .loopback = true};
        assert_int_equal(mn_tcp_open(t.tcp, &open, t.now, &t.tcb), 0);
        assert_int_not_equal(t.tcb->conn.local.port, remote.port);
        mn_tcp_abort(t.tcp, t.tcb, t.now);
    }
    remote.port = 40000;
    struct mnet_endpoint mirrored = own;
    mirrored.port = next_choice(&t, own, remote);
    struct mn_tcp_open there = {.local = remote, .remote = mirrored, .loopback = true};
    struct mn_tcp_open back = {.local = own, .remote = remote, .loopback = true};
    struct mn_tcb *first;
    assert_int_equal(mn_tcp_open(t.tcp, &there, t.now, &first), 0);
    assert_int_not_equal(next_choice(&t, own, remote), mirrored.port);
    assert_int_equal(mn_tcp_open(t.tcp, &back, t.now, &t.tcb), 0);
    assert_int_not_equal(t.tcb->conn.local.port, mirrored.port);
    mn_tcp_abort(t.tcp, t.tcb, t.now);
    mn_tcp_abort(t.tcp, first, t.now);

    struct mn_listener *listener, *any;
    struct mnet_endpoint heard = own;
    struct mnet_endpoint none = {.port = 0};
    heard.port = next_choice(&t, none, none);
    assert_int_equal(mn_tcp_listen(t.tcp, heard, NULL, &listener), 0);
    assert_int_equal(mn_tcp_listen(t.tcp, none, NULL, &any), 0);
    assert_int_not_equal(mn_tcp_listen_endpoint(any).port, heard.port);
    mn_tcp_unlisten(t.tcp, any, t.now);
    mn_tcp_unlisten(t.tcp, listener, t.now);
    drain(&t, NULL);
    tcp_end(&t);
}

/* RFC 9293 3.10.7.3, fourth: a SYN with a FIN, but without an ACK, is a simultaneous open. The FIN
 * is not acknowledged, so the peer sends it again. */
SCRIPT(syn_sent_syn_fin_is_simultaneous_open)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    send_(&t, .seq = 0, .flags = SYN | FIN, .mss = 1460);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    expect_state(&t, MN_SYN_RECEIVED);
    send_(&t, .seq = 1, .ack = 1, .flags = FIN | ACK);
    expect(&t, .seq = 1, .ack = 2, .flags = ACK);
    expect_state(&t, MN_CLOSE_WAIT);
    read_result(&t, 0);
    tcp_end(&t);
}

/* Shutdown of reading while connecting takes effect when the connection is established. */
SCRIPT(syn_sent_shutdown_read_refuses_what_comes)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    shutdown_(&t, MNET_SHUTDOWN_READ);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = 1460);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    write_text(&t, "one way");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "one way");
    send_(&t, .seq = 1, .ack = 8, .flags = ACK, .data = "refused");
    expect(&t, .seq = 8, .ack = 1, .flags = RST | ACK);
    expect_state(&t, MN_CLOSED);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syn_sent_handshake_establishes),
        cmocka_unit_test(syn_sent_bad_ack_is_reset),
        cmocka_unit_test(syn_sent_rst_with_a_bad_ack_is_ignored),
        cmocka_unit_test(syn_sent_rst_with_an_acceptable_ack_refuses),
        cmocka_unit_test(syn_sent_ack_without_syn_is_ignored),
        cmocka_unit_test(syn_sent_data_with_syn_ack_is_not_lost),
        cmocka_unit_test(syn_sent_fin_with_syn_ack_is_not_lost),
        cmocka_unit_test(syn_sent_syn_is_simultaneous_open),
        cmocka_unit_test(syn_received_by_simultaneous_open_syn_ack_establishes),
        cmocka_unit_test(syn_received_by_simultaneous_open_rst_refuses),
        cmocka_unit_test(syn_received_by_simultaneous_open_bad_ack_is_reset),
        cmocka_unit_test(syn_received_by_simultaneous_open_sends_again),
        cmocka_unit_test(syn_sent_syn_is_sent_again_until_r2),
        cmocka_unit_test(syn_sent_retransmitted_syn_is_no_sample),
        cmocka_unit_test(syn_sent_isn_follows_the_clock_and_a_secret),
        cmocka_unit_test(syn_sent_close_leaves_nothing),
        cmocka_unit_test(syn_sent_abort_leaves_nothing),
        cmocka_unit_test(syn_received_by_simultaneous_open_close_sends_fin),
        cmocka_unit_test(syn_sent_queued_data_follows_the_handshake),
        cmocka_unit_test(open_of_a_used_pair_is_in_use),
        cmocka_unit_test(open_without_a_port_takes_a_random_one),
        cmocka_unit_test(syn_sent_to_itself_establishes),
        cmocka_unit_test(open_chosen_port_meets_nothing_of_ours),
        cmocka_unit_test(syn_sent_window_of_syn_ack_is_not_scaled),
        cmocka_unit_test(syn_sent_without_scale_windows_are_plain),
        cmocka_unit_test(syn_sent_syn_fin_is_simultaneous_open),
        cmocka_unit_test(syn_sent_shutdown_read_refuses_what_comes),
    };
    return run_scripts("tcp_syn_sent", tests);
}
