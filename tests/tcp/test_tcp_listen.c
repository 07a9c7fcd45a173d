/* CLOSED, LISTEN and passive SYN-RECEIVED (RFC 9293 3.10.7.1, 3.10.7.2, 3.10.7.4). */
#include "tests/tcp/harness.h"

/* 3.10.7.1: every segment to a closed port except a reset is answered with a reset. */
SCRIPT(closed_syn_is_reset)
{
    struct tcp_test t;
    tcp_closed(&t);
    send_(&t, .seq = 0, .flags = SYN);
    expect(&t, .seq = 0, .ack = 1, .flags = RST | ACK); /* <SEQ=0><ACK=SEG.SEQ+SEG.LEN> */
    expect_nothing(&t);
    tcp_end(&t);
}

SCRIPT(closed_data_without_ack_is_reset_behind_its_end)
{
    struct tcp_test t;
    tcp_closed(&t);
    send_(&t, .seq = 10, .flags = 0, .data = "hello");
    expect(&t, .seq = 0, .ack = 15, .flags = RST | ACK);
    send_(&t, .seq = 10, .flags = FIN, .data = "hello");
    expect(&t, .seq = 0, .ack = 16, .flags = RST | ACK);
    expect_nothing(&t);
    tcp_end(&t);
}

SCRIPT(closed_ack_is_reset_at_its_number)
{
    struct tcp_test t;
    tcp_closed(&t);
    send_(&t, .seq = 10, .ack = 777, .flags = ACK);
    expect(&t, .seq = 777, .flags = RST); /* <SEQ=SEG.ACK><CTL=RST> */
    send_(&t, .seq = 10, .ack = 778, .flags = SYN | ACK);
    expect(&t, .seq = 778, .flags = RST);
    send_(&t, .seq = 10, .ack = 779, .flags = FIN | ACK, .data = "x");
    expect(&t, .seq = 779, .flags = RST);
    expect_nothing(&t);
    tcp_end(&t);
}

SCRIPT(closed_rst_is_ignored)
{
    struct tcp_test t;
    tcp_closed(&t);
    send_(&t, .seq = 10, .flags = RST);
    send_(&t, .seq = 10, .ack = 3, .flags = RST | ACK);
    send_(&t, .seq = 10, .ack = 3, .flags = RST | ACK | SYN | FIN, .data = "x");
    expect_nothing(&t);
    tcp_end(&t);
}

/* 3.10.7.2: first RST, second ACK, third SYN, fourth the rest. */
SCRIPT(listen_rst_is_ignored)
{
    struct tcp_test t;
    tcp_listen(&t);
    send_(&t, .seq = 10, .flags = RST);
    send_(&t, .seq = 10, .ack = 1, .flags = RST | ACK);
    send_(&t, .seq = 10, .flags = RST | SYN);
    expect_nothing(&t);
    assert_usage(&t, half_open, 0);
    tcp_end(&t);
}

SCRIPT(listen_ack_is_reset)
{
    struct tcp_test t;
    tcp_listen(&t);
    send_(&t, .seq = 10, .ack = 55, .flags = ACK);
    expect(&t, .seq = 55, .flags = RST);
    send_(&t, .seq = 10, .ack = 56, .flags = FIN | ACK);
    expect(&t, .seq = 56, .flags = RST);
    expect_nothing(&t);
    tcp_end(&t);
}

SCRIPT(listen_syn_ack_is_reset)
{
    struct tcp_test t;
    tcp_listen(&t);
    send_(&t, .seq = 10, .ack = 55, .flags = SYN | ACK);
    expect(&t, .seq = 55, .flags = RST);
    expect_nothing(&t);
    assert_usage(&t, half_open, 0);
    tcp_end(&t);
}

SCRIPT(listen_segment_without_syn_or_ack_is_dropped)
{
    struct tcp_test t;
    tcp_listen(&t);
    send_(&t, .seq = 10, .flags = FIN);
    send_(&t, .seq = 10, .flags = 0, .data = "hello");
    send_(&t, .seq = 10, .flags = URG | PSH | FIN, .data = "hello");
    expect_nothing(&t);
    assert_usage(&t, half_open, 0);
    tcp_end(&t);
}

/* 3.5, figure 6; MUST-14, MUST-67: the MSS is announced. It is the MTU without the headers. */
SCRIPT(listen_handshake_establishes)
{
    struct tcp_test t;
    tcp_listen(&t);
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = 1460 /* MUST-14 MUST-67 */);
    expect_state(&t, MN_SYN_RECEIVED);
    assert_false(mn_tcp_acceptable(t.listener));
    assert_null(mn_tcp_accept(t.listener));
    assert_usage(&t, half_open, 1);
    assert_usage(&t, established, 0);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect_nothing(&t);
    expect_state(&t, MN_ESTABLISHED);
    assert_ptr_equal(mn_tcp_fetch_listener_event(t.tcp), t.listener);
    assert_null(mn_tcp_fetch_listener_event(t.tcp));
    assert_true(mn_tcp_acceptable(t.listener));
    accept_(&t);
    assert_null(mn_tcp_accept(t.listener));
    struct mnet_endpoint local, remote;
    mn_tcp_peers(t.tcb, &local, &remote);
    assert_true(mnet_endpoint_equal(local, t.local) && mnet_endpoint_equal(remote, t.remote));
    assert_int_equal(mn_tcp_status(t.tcb), 0);
    assert_usage(&t, half_open, 0);
    assert_usage(&t, established, 1);
    tcp_end(&t);
}

/* A handshake does not touch the listener or other half-open records (MUST-41), and connections are
 * accepted in the order of their handshakes. */
SCRIPT(listen_several_handshakes_are_accepted_in_order)
{
    struct tcp_test t;
    tcp_listen(&t);
    uint32_t iss[3];
    struct mnet_endpoint peer[3];
    for (unsigned i = 0; i < 3; i++) {
        peer[i] = endpoint(10, 0, 0, 1, (uint16_t)(5000 + i));
        send_(&t, .seq = 0, .flags = SYN, .from = peer[i]);
        iss[i] = peek_output(&t)->header.seq;
        expect(&t, .seq = iss[i], .ack = 1, .flags = SYN | ACK, .to = peer[i]);
    }
    assert_usage(&t, half_open, 3); /* MUST-41 */
    for (unsigned i = 3; i-- > 0;)
        send_(&t, .seq = 1, .ack = iss[i] + 1, .flags = ACK, .from = peer[i]);
    for (unsigned i = 3; i-- > 0;) {
        accept_(&t);
        struct mnet_endpoint remote;
        mn_tcp_peers(t.tcb, NULL, &remote);
        assert_true(mnet_endpoint_equal(remote, peer[i]));
    }
    expect_nothing(&t);
    tcp_end(&t);
}

/* MUST-42: an active open from the same local port does not prevent listening. */
SCRIPT(listen_on_the_port_of_an_active_open)
{
    struct tcp_test t;
    tcp_syn_sent(&t);
    struct mnet_listen_options options = {0};
    struct mnet_endpoint any = {.port = LOCAL_PORT};
    assert_int_equal(mn_tcp_listen(t.tcp, any, &options, &t.listener), 0); /* MUST-42 */
    expect_state(&t, MN_SYN_SENT);                                         /* MUST-41 */
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect_state(&t, MN_ESTABLISHED);
    tcp_end(&t);
}

SCRIPT(listen_twice_is_in_use)
{
    struct tcp_test t;
    tcp_listen(&t);
    struct mnet_listen_options options = {0};
    struct mn_listener *second = NULL;
    assert_int_equal(mn_tcp_listen(t.tcp, (struct mnet_endpoint){.port = LOCAL_PORT}, &options, &second),
                     MNET_E_IN_USE);
    assert_int_equal(mn_tcp_listen(t.tcp, (struct mnet_endpoint){.port = 0}, &options, &second), 0);
    assert_int_not_equal(mn_tcp_listen_endpoint(second).port, 0);
    assert_int_not_equal(mn_tcp_listen_endpoint(second).port, LOCAL_PORT);
    tcp_end(&t);
}

/* MUST-43: a listener may be bound to one own address. */
SCRIPT(listen_on_one_address_ignores_others)
{
    struct tcp_test t;
    tcp_closed(&t);
    struct mnet_listen_options options = {0};
    assert_int_equal(mn_tcp_listen(t.tcp, t.local, &options, &t.listener), 0); /* MUST-43 */
    struct mnet_endpoint other = endpoint(10, 0, 0, 3, LOCAL_PORT);
    send_(&t, .seq = 0, .flags = SYN, .to = other);
    expect(&t, .seq = 0, .ack = 1, .flags = RST | ACK, .from = other);
    send_(&t, .seq = 0, .flags = SYN);
    /* MUST-45: from the address of the request. */
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    tcp_end(&t);
}

/* An endpoint of any address takes the families that it is told to. Two may share a port. */
SCRIPT(listen_for_one_family_ignores_the_other)
{
    struct tcp_test t;
    tcp_closed(&t);
    bool ipv4 = mnet_address_is_ipv4(t.local.address);
    struct mnet_listen_options ours = {.family = ipv4 ? MNET_FAMILY_IPV4 : MNET_FAMILY_IPV6};
    struct mnet_listen_options other = {.family = ipv4 ? MNET_FAMILY_IPV6 : MNET_FAMILY_IPV4}, both = {0};
    struct mnet_endpoint any = {.port = LOCAL_PORT};
    struct mn_listener *second, *third;
    assert_int_equal(mn_tcp_listen(t.tcp, any, &other, &second), 0);
    send_(&t, .seq = 0, .flags = SYN);
    expect(&t, .seq = 0, .ack = 1, .flags = RST | ACK);
    assert_int_equal(mn_tcp_listen(t.tcp, any, &both, &third), MNET_E_IN_USE);
    assert_int_equal(mn_tcp_listen(t.tcp, any, &other, &third), MNET_E_IN_USE);
    assert_int_equal(mn_tcp_listen(t.tcp, any, &ours, &t.listener), 0);
    assert_int_equal(mn_tcp_listen(t.tcp, any, &both, &third), MNET_E_IN_USE);
    send_(&t, .seq = 0, .flags = SYN);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    tcp_end(&t);
}

/* 3.10.7.2: "any other control or data": a FIN beside a SYN is ignored. The data is not
 * acknowledged, so the peer sends it again. */
SCRIPT(listen_syn_fin_is_a_syn)
{
    struct tcp_test t;
    tcp_listen(&t);
    send_(&t, .seq = 0, .flags = SYN | FIN);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect_nothing(&t);
    expect_state(&t, MN_ESTABLISHED);
    accept_(&t);
    read_result(&t, MNET_E_DEADLINE);
    tcp_end(&t);
}

SCRIPT(listen_syn_with_data_is_not_lost)
{
    struct tcp_test t;
    tcp_listen(&t);
    send_(&t, .seq = 0, .flags = SYN, .data = "hello");
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    accept_(&t);
    read_text(&t, "hello");
    read_result(&t, MNET_E_DEADLINE);
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 6, .flags = ACK);
    tcp_end(&t);
}

/* 3.10.7.4, fifth: a bad acknowledgement gets <SEQ=SEG.ACK><CTL=RST>, and the handshake goes on. */
SCRIPT(syn_received_bad_ack_is_reset)
{
    struct tcp_test t;
    tcp_syn_received(&t);
    send_(&t, .seq = 1, .ack = 0, .flags = ACK);
    expect(&t, .seq = 0, .flags = RST);
    send_(&t, .seq = 1, .ack = 2, .flags = ACK);
    expect(&t, .seq = 2, .flags = RST);
    send_(&t, .seq = 1, .ack = 0x80000000, .flags = ACK);
    expect(&t, .seq = 0x80000000, .flags = RST);
    expect_state(&t, MN_SYN_RECEIVED);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect_state(&t, MN_ESTABLISHED);
    expect_nothing(&t);
    tcp_end(&t);
}

/* First: the sequence number is checked before anything else is believed. */
SCRIPT(syn_received_ack_outside_the_window_is_no_handshake)
{
    struct tcp_test t;
    tcp_syn_received(&t);
    send_(&t, .seq = 1 + 70000, .ack = 1, .flags = ACK);
    expect_state(&t, MN_SYN_RECEIVED);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect_state(&t, MN_ESTABLISHED);
    expect_nothing(&t);
    tcp_end(&t);
}

SCRIPT(syn_received_segment_without_ack_is_dropped)
{
    struct tcp_test t;
    tcp_syn_received(&t);
    send_(&t, .seq = 1, .flags = 0, .data = "hello");
    send_(&t, .seq = 1, .flags = FIN);
    expect_nothing(&t);
    expect_state(&t, MN_SYN_RECEIVED);
    tcp_end(&t);
}

/* Second: an exact reset returns to LISTEN (MUST-11: the open was passive), and the user sees
 * nothing. */
SCRIPT(syn_received_exact_rst_returns_to_listen)
{
    struct tcp_test t;
    tcp_syn_received(&t);
    send_(&t, .seq = 1, .flags = RST); /* MUST-11 */
    expect_nothing(&t);
    expect_state(&t, MN_CLOSED);
    assert_usage(&t, half_open, 0);
    assert_false(mn_tcp_acceptable(t.listener));
    t.iss_known = false;
    send_(&t, .seq = 0, .flags = SYN);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    tcp_end(&t);
}

/* RFC 5961 3.2: in the window but not exact: a challenge; outside: nothing. */
SCRIPT(syn_received_inexact_rst_is_challenged)
{
    struct tcp_test t;
    tcp_syn_received(&t);
    send_(&t, .seq = 2, .flags = RST);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    send_(&t, .seq = 0, .flags = RST);
    send_(&t, .seq = 1 + 65535, .flags = RST);
    expect_nothing(&t);
    expect_state(&t, MN_SYN_RECEIVED);
    tcp_end(&t);
}

SCRIPT(syn_received_data_with_the_third_ack_is_delivered)
{
    struct tcp_test t;
    tcp_syn_received(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    expect_state(&t, MN_ESTABLISHED);
    wait_ms(&t, 40);
    expect(&t, .seq = 1, .ack = 6, .flags = ACK);
    accept_(&t); /* data before accept */
    read_text(&t, "hello");
    tcp_end(&t);
}

SCRIPT(syn_received_fin_with_the_third_ack_is_close_wait)
{
    struct tcp_test t;
    tcp_syn_received(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = FIN | ACK, .data = "hello");
    expect(&t, .seq = 1, .ack = 7, .flags = ACK);
    expect_state(&t, MN_CLOSE_WAIT);
    accept_(&t);
    read_text(&t, "hello");
    read_result(&t, 0);
    tcp_end(&t);
}

/* The third ACK was lost: the data that follows it completes the handshake. */
SCRIPT(syn_received_later_data_completes_the_handshake)
{
    struct tcp_test t;
    tcp_syn_received(&t);
    send_(&t, .seq = 6, .ack = 1, .flags = ACK, .data = "world");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK); /* out of order */
    expect_state(&t, MN_ESTABLISHED);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    expect(&t, .seq = 1, .ack = 11, .flags = ACK);
    accept_(&t);
    read_text(&t, "helloworld");
    tcp_end(&t);
}

/* MUST-22: the same backoff for SYN,ACK. */
SCRIPT(syn_received_syn_ack_is_sent_again_with_backoff)
{
    struct tcp_test t;
    tcp_syn_received(&t);
    static const unsigned seconds[] = {1, 3, 7, 15, 31, 63};
    for (unsigned i = 0; i < MN_COUNT_OF(seconds); i++) {
        at_ms(&t, 1000 * seconds[i] - 1);
        expect_nothing(&t);
        at_ms(&t, 1000 * seconds[i]);
        expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = 1460); /* MUST-22 */
        expect_nothing(&t);
    }
    at_ms(&t, 300000);
    drain(&t, NULL);
    expect_state(&t, MN_CLOSED);
    assert_usage(&t, half_open, 0);
    expect_nothing(&t);
    tcp_end(&t);
}

/* RFC 6298 (5.7): no sample from a SYN,ACK that was sent twice (MUST-18); data begins with a
 * timeout of 3 s. */
SCRIPT(syn_received_retransmitted_syn_ack_is_no_sample)
{
    struct tcp_test t;
    tcp_syn_received(&t);
    wait_ms(&t, 1000);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    accept_(&t);
    mark(&t);
    write_text(&t, "x");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x");
    at_ms(&t, 2999);
    expect_nothing(&t); /* MUST-18 */
    at_ms(&t, 3000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x");
    tcp_end(&t);
}

SCRIPT(syn_received_same_syn_is_answered_again)
{
    struct tcp_test t;
    tcp_syn_received(&t);
    uint32_t iss = t.iss;
    wait_ms(&t, 300);
    send_(&t, .seq = 0, .flags = SYN, .mss = 1460);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK, .mss = 1460);
    assert_int_equal(t.seen.header.seq, iss);
    expect_nothing(&t);
    assert_usage(&t, half_open, 1);
    tcp_end(&t);
}

/* The backlog is full of connections that nobody accepts. The policy decides if later ones are
 * refused, or ignored until there is room. */
static void fill_backlog(struct tcp_test *t, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct mnet_endpoint peer = endpoint(10, 0, 0, 1, (uint16_t)(5000 + i));
        send_(t, .seq = 0, .flags = SYN, .from = peer);
        uint32_t iss = peek_output(t)->header.seq;
        expect(t, .seq = iss, .ack = 1, .flags = SYN | ACK, .to = peer);
        send_(t, .seq = 1, .ack = iss + 1, .flags = ACK, .from = peer);
        expect_nothing(t);
    }
}

SCRIPT(listen_full_backlog_ignores_by_policy)
{
    struct tcp_test t;
    tcp_listen(&t, .backlog = 2, .policy = MNET_BACKLOG_IGNORE);
    fill_backlog(&t, 2);
    send_(&t, .seq = 0, .flags = SYN);
    expect_nothing(&t);
    assert_true(counted(&t, TCP_DROP_BACKLOG) > 0);
    accept_(&t);
    send_(&t, .seq = 0, .flags = SYN);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    tcp_end(&t);
}

SCRIPT(listen_full_backlog_refuses_by_policy)
{
    struct tcp_test t;
    tcp_listen(&t, .backlog = 2, .policy = MNET_BACKLOG_REFUSE);
    fill_backlog(&t, 2);
    send_(&t, .seq = 0, .flags = SYN);
    expect(&t, .seq = 0, .ack = 1, .flags = RST | ACK);
    assert_usage(&t, half_open, 0);
    tcp_end(&t);
}

/* 3.10.7.4: a reset before accept is told by reading. The connection keeps its place, so what was
 * said of the listener stays true. */
SCRIPT(established_rst_before_accept_is_told_after_it)
{
    struct tcp_test t;
    tcp_listen(&t);
    fill_backlog(&t, 2);
    struct mnet_endpoint first = endpoint(10, 0, 0, 1, 5000);
    send_(&t, .seq = 1, .flags = RST, .from = first);
    assert_usage(&t, established, 1);
    accept_(&t);
    read_result(&t, MNET_E_RESET);
    mn_tcp_close(t.tcp, t.tcb, t.now);
    t.tcb = NULL;
    assert_true(mn_tcp_acceptable(t.listener));
    accept_(&t);
    read_result(&t, MNET_E_DEADLINE);
    tcp_end(&t);
}

/* 3.10.4, CLOSE of a LISTEN: connections not yet accepted are reset, accepted ones live on. */
SCRIPT(unlisten_resets_what_was_not_accepted)
{
    struct tcp_test t;
    tcp_listen(&t);
    fill_backlog(&t, 2);
    struct mnet_endpoint half = endpoint(10, 0, 0, 1, 6000);
    send_(&t, .seq = 0, .flags = SYN, .from = half);
    drain(&t, NULL);
    accept_(&t);
    mn_tcp_unlisten(t.tcp, t.listener, t.now);
    const struct tcp_output *o = peek_output(&t);
    assert_non_null(o);
    assert_true(o->header.flags & RST);
    assert_int_equal(o->to.port, 5001);
    drain(&t, NULL);
    assert_usage(&t, established, 1);
    assert_usage(&t, half_open, 0);
    assert_usage(&t, listeners, 0);
    write_text(&t, "still here");
    assert_int_equal(peek_output(&t)->to.port, 5000);
    drain(&t, NULL);
    send_(&t, .seq = 0, .flags = SYN);
    expect(&t, .seq = 0, .ack = 1, .flags = RST | ACK, .from = t.local);
    tcp_end(&t);
}

/* connections_max is never exceeded, and a connection that ends makes room. */
SCRIPT(listen_connection_limit_holds)
{
    struct tcp_test t;
    tcp_listen(&t, .connections_max = 2);
    fill_backlog(&t, 2);
    send_(&t, .seq = 0, .flags = SYN);
    t.iss_known = true;
    const struct tcp_output *o = peek_output(&t);
    if (o != NULL && (o->header.flags & SYN)) {
        t.iss = o->header.seq;
        drain(&t, NULL);
        send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    }
    drain(&t, NULL);
    assert_usage(&t, established, 2);
    struct mn_tcp_open open = {.local = endpoint(10, 0, 0, 2, 0), .remote = endpoint(10, 0, 0, 9, 9)};
    struct mn_tcb *tcb = NULL;
    assert_int_equal(mn_tcp_open(t.tcp, &open, t.now, &tcb), MNET_E_LIMIT);
    tcp_end(&t);
}

/* MUST-57, MUST-63: a segment sent by broadcast or multicast, or from an address that no host has,
 * is discarded without an answer. */
SCRIPT(listen_syn_by_broadcast_is_dropped)
{
    struct tcp_test t;
    tcp_listen(&t);
    uint8_t bytes[64];
    struct tcp_line line = {.t = &t, .flags = SYN, .mss = NO, .shift = NO};
    size_t len = tcp_compose(&line, bytes);
    send_raw(&t, bytes, len, MNET_CHECKSUM_PLAIN, true); /* MUST-57 */
    expect_nothing(&t);
    assert_usage(&t, half_open, 0);
    line.to = endpoint(10, 0, 0, 2, 81); /* a port without a listener: still no answer */
    len = tcp_compose(&line, bytes);
    send_raw(&t, bytes, len, MNET_CHECKSUM_PLAIN, true);
    expect_nothing(&t);
    tcp_end(&t);
}

SCRIPT(listen_syn_from_an_impossible_address_is_dropped)
{
    struct tcp_test t;
    struct mnet_endpoint nobody = {.port = 5000}; /* :: */
    if (tcp_family() == IPV4)
        nobody.address = mnet_ipv4(0, 0, 0, 0);
    tcp_listen(&t);
    send_(&t, .flags = SYN, .from = group(1, 5000)); /* MUST-63 */
    send_(&t, .flags = SYN, .from = nobody);
    send_(&t, .flags = SYN, .to = group(1, LOCAL_PORT)); /* MUST-57 */
    send_(&t, .flags = SYN, .to = group(1, 81));
    expect_nothing(&t);
    assert_usage(&t, half_open, 0);
    tcp_end(&t);
}

/* A listener on any address takes both families, each with its own sizes. */
SCRIPT(listen_on_any_address_takes_both_families)
{
    struct tcp_test t;
    tcp_listen(&t, .mtu = 1500);
    for (enum family family = IPV4; family <= IPV6; family++) {
        struct mnet_endpoint peer = {family_host(family, 10, 0, 0, 7), 5000};
        struct mnet_endpoint own = {family_host(family, 10, 0, 0, 2), LOCAL_PORT};
        send_(&t, .seq = 0, .flags = SYN, .from = peer, .to = own);
        const struct tcp_output *o = peek_output(&t);
        assert_non_null(o);
        assert_true(mnet_endpoint_equal(o->from, own) && mnet_endpoint_equal(o->to, peer));
        assert_int_equal(o->header.flags, SYN | ACK);
        assert_int_equal(o->header.mss, family == IPV4 ? 1460 : 1440);
        uint32_t iss = o->header.seq - t.iss;
        drain(&t, NULL);
        send_(&t, .seq = 1, .ack = iss + 1, .flags = ACK, .from = peer, .to = own, .data = "hello");
        accept_(&t);
        read_text(&t, "hello");
        assert_int_equal(t.tcb->snd_mss, family == IPV4 ? 536 : 1220);
    }
    assert_usage(&t, established, 2);
    tcp_end(&t);
}

/* Only IPv4 has broadcasts. */
SCRIPT(listen_syn_from_a_broadcast_address_is_dropped)
{
    struct tcp_test t;
    tcp_listen(&t);
    send_(&t, .flags = SYN, .from = endpoint(255, 255, 255, 255, 5000)); /* MUST-63 */
    expect_nothing(&t);
    assert_usage(&t, half_open, 0);
    tcp_end(&t);
}

/* If the backlog has filled up since the SYN, the last ACK of the handshake is ignored, and the
 * client gets in when there is room. */
SCRIPT(syn_received_ack_with_a_full_backlog_waits)
{
    struct tcp_test t;
    tcp_syn_received(&t, .backlog = 1);
    struct mnet_endpoint other = endpoint(10, 0, 0, 1, 5000);
    send_(&t, .seq = 0, .flags = SYN, .from = other);
    uint32_t iss = peek_output(&t)->header.seq - t.iss;
    drain(&t, NULL);
    send_(&t, .seq = 1, .ack = iss + 1, .flags = ACK, .from = other);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect_nothing(&t);
    expect_state(&t, MN_SYN_RECEIVED);
    assert_int_equal(counted(&t, TCP_DROP_BACKLOG), 1);
    accept_(&t);
    at_ms(&t, 1000); /* our SYN,ACK is sent again, and so is the ACK */
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "hello");
    accept_(&t);
    read_text(&t, "hello");
    tcp_end(&t);
}

/* MUST-43: if one listener is on any address and another on an own address, the latter gets the
 * connections to its address. */
SCRIPT(listen_on_an_address_comes_before_any)
{
    struct tcp_test t;
    tcp_listen(&t);
    struct mn_listener *here = NULL;
    assert_int_equal(mn_tcp_listen(t.tcp, t.local, NULL, &here), 0);
    send_(&t, .seq = 0, .flags = SYN);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    assert_true(mn_tcp_acceptable(here)); /* MUST-43 */
    assert_false(mn_tcp_acceptable(t.listener));
    mn_tcp_unlisten(t.tcp, here, t.now);
    drain(&t, NULL);
    t.iss_known = false;
    t.remote.port++;
    send_(&t, .seq = 0, .flags = SYN);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    assert_true(mn_tcp_acceptable(t.listener));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_syn_is_reset),
        cmocka_unit_test(closed_data_without_ack_is_reset_behind_its_end),
        cmocka_unit_test(closed_ack_is_reset_at_its_number),
        cmocka_unit_test(closed_rst_is_ignored),
        cmocka_unit_test(listen_rst_is_ignored),
        cmocka_unit_test(listen_ack_is_reset),
        cmocka_unit_test(listen_syn_ack_is_reset),
        cmocka_unit_test(listen_segment_without_syn_or_ack_is_dropped),
        cmocka_unit_test(listen_handshake_establishes),
        cmocka_unit_test(listen_several_handshakes_are_accepted_in_order),
        cmocka_unit_test(listen_on_the_port_of_an_active_open),
        cmocka_unit_test(listen_twice_is_in_use),
        cmocka_unit_test(listen_on_one_address_ignores_others),
        cmocka_unit_test(listen_for_one_family_ignores_the_other),
        cmocka_unit_test(listen_syn_fin_is_a_syn),
        cmocka_unit_test(listen_syn_with_data_is_not_lost),
        cmocka_unit_test(syn_received_bad_ack_is_reset),
        cmocka_unit_test(syn_received_ack_outside_the_window_is_no_handshake),
        cmocka_unit_test(syn_received_segment_without_ack_is_dropped),
        cmocka_unit_test(syn_received_exact_rst_returns_to_listen),
        cmocka_unit_test(syn_received_inexact_rst_is_challenged),
        cmocka_unit_test(syn_received_data_with_the_third_ack_is_delivered),
        cmocka_unit_test(syn_received_fin_with_the_third_ack_is_close_wait),
        cmocka_unit_test(syn_received_later_data_completes_the_handshake),
        cmocka_unit_test(syn_received_syn_ack_is_sent_again_with_backoff),
        cmocka_unit_test(syn_received_retransmitted_syn_ack_is_no_sample),
        cmocka_unit_test(syn_received_same_syn_is_answered_again),
        cmocka_unit_test(listen_full_backlog_ignores_by_policy),
        cmocka_unit_test(listen_full_backlog_refuses_by_policy),
        cmocka_unit_test(established_rst_before_accept_is_told_after_it),
        cmocka_unit_test(unlisten_resets_what_was_not_accepted),
        cmocka_unit_test(listen_connection_limit_holds),
        cmocka_unit_test(listen_syn_by_broadcast_is_dropped),
        cmocka_unit_test(listen_syn_from_an_impossible_address_is_dropped),
        cmocka_unit_test(listen_on_any_address_takes_both_families),
        over_ipv4(listen_syn_from_a_broadcast_address_is_dropped),
        cmocka_unit_test(syn_received_ack_with_a_full_backlog_waits),
        cmocka_unit_test(listen_on_an_address_comes_before_any),
        cmocka_unit_test(syn_received_odd_segments_are_answered_so_often),
        cmocka_unit_test(syn_received_window_of_a_syn_ack_is_not_scaled),
    };
    return run_scripts("tcp_listen", tests);
}
