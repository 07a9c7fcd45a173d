/* IP header fields that the user chooses for a connection's segments (RFC 9293 3.9.1.9, 3.9.2). */
#include "tests/tcp/harness.h"

#include "tcp/records/table.h"
#include "wire/ipv6.h"

#define TTL 7
#define DSCP 46 /* expedited forwarding, RFC 3246 */

/* Checks the segment that expect() has just matched. The two ECN bits are not the user's. */
static void expect_header(const struct tcp_test *t, int ttl, int dscp)
{
    assert_int_equal(t->seen.datagram.ttl, ttl);
    assert_int_equal(t->seen.datagram.traffic_class >> 2, dscp);
}

/* Fields chosen with the open apply from the SYN on, a repeated one included. */
SCRIPT(syn_sent_ttl_and_dscp_of_the_open_are_used)
{
    struct tcp_test t;
    tcp_closed(&t);
    struct mn_tcp_open open = {.local = t.local, .remote = t.remote, .ttl = TTL, .dscp = DSCP};
    assert_int_equal(mn_tcp_open(t.tcp, &open, t.now, &t.tcb), 0);
    pump(&t);
    expect(&t, .seq = 0, .flags = SYN);
    expect_header(&t, TTL, DSCP); /* MUST-48 MUST-49 */
    wait_ms(&t, 1000);
    expect(&t, .seq = 0, .flags = SYN);
    expect_header(&t, TTL, DSCP);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect_header(&t, TTL, DSCP);
    tcp_end(&t);
}

/* They apply up to the end of TIME-WAIT: a peer that checks the TTL (RFC 5082) must not miss the
 * acknowledgement of its FIN. */
SCRIPT(time_wait_ttl_and_dscp_are_kept)
{
    struct tcp_test t;
    tcp_fin_wait_2(&t);
    mn_tcp_set_ttl(t.tcb, TTL);
    mn_tcp_set_dscp(t.tcb, DSCP);
    for (int again = 0; again < 2; again++) {
        send_(&t, .seq = 1, .ack = 2, .flags = FIN | ACK);
        expect(&t, .seq = 2, .ack = 2, .flags = ACK);
        expect_header(&t, TTL, DSCP);
        expect_state(&t, MN_TIME_WAIT);
    }
    tcp_end(&t);
}

static void listen_with_choices(struct tcp_test *t)
{
    struct mnet_listen_options options = {.ttl = TTL, .dscp = DSCP};
    assert_int_equal(mn_tcp_listen(t->tcp, (struct mnet_endpoint){.port = t->local.port}, &options, &t->listener), 0);
}

/* Fields chosen with a listener apply to its connections from the SYN,ACK on: to answers in
 * SYN-RECEIVED, data and resets. */
SCRIPT(syn_received_ttl_and_dscp_of_the_listener_are_used)
{
    struct tcp_test t;
    tcp_closed(&t);
    listen_with_choices(&t);
    send_(&t, .seq = 0, .flags = SYN);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    expect_header(&t, TTL, DSCP); /* MUST-48 MUST-49 */
    wait_ms(&t, 1000);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    expect_header(&t, TTL, DSCP);
    send_(&t, .seq = 100000, .ack = 1, .flags = ACK);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    expect_header(&t, TTL, DSCP);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    accept_(&t);
    write_text(&t, "x");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x");
    expect_header(&t, TTL, DSCP);
    abort_(&t);
    expect(&t, .seq = 2, .ack = 1, .flags = RST | ACK);
    expect_header(&t, TTL, DSCP);
    tcp_end(&t);
}

/* Up to the SYN,ACK with a cookie: another host has the only half-open record. */
static void get_cookie(struct tcp_test *t)
{
    tcp_closed(t, .half_open_max = 1);
    listen_with_choices(t);
    send_(t, .flags = SYN, .from = endpoint(10, 66, 0, 1, 1000));
    drain(t, NULL);
    send_(t, .seq = 0, .flags = SYN);
    expect(t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    assert_int_equal(counted(t, TCP_COOKIE_TX), 1);
}

/* A cookie keeps no fields, but the listener knows them. */
SCRIPT(cookie_ttl_and_dscp_of_the_listener_are_used)
{
    struct tcp_test t;
    get_cookie(&t);
    expect_header(&t, TTL, DSCP);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    accept_(&t);
    write_text(&t, "x");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x");
    expect_header(&t, TTL, DSCP);
    tcp_end(&t);
}

/* The IP layer chooses a field that the user did not choose: 0 is its default. */
SCRIPT(established_ttl_and_dscp_have_defaults)
{
    struct tcp_test t;
    tcp_established(&t);
    write_text(&t, "x");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x");
    expect_header(&t, 0, 0);
    tcp_end(&t);
}

/* SHLD-21, SHLD-22: the choice may change, and applies to all later segments: data, retransmitted
 * data, acknowledgements, FIN. */
SCRIPT(established_ttl_and_dscp_may_change)
{
    struct tcp_test t;
    tcp_established(&t);
    write_text(&t, "a");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "a");
    mn_tcp_set_ttl(t.tcb, TTL);   /* MUST-49 */
    mn_tcp_set_dscp(t.tcb, DSCP); /* MUST-48 */
    wait_ms(&t, 1000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "a");
    expect_header(&t, TTL, DSCP);
    send_(&t, .seq = 1, .ack = 2, .flags = ACK);
    drain(&t, NULL);
    write_text(&t, "b");
    expect(&t, .seq = 2, .ack = 1, .flags = ACK, .data = "b");
    expect_header(&t, TTL, DSCP);
    send_(&t, .seq = 2, .ack = 3, .flags = ACK, .data = "later");
    expect(&t, .seq = 3, .ack = 1, .flags = ACK);
    expect_header(&t, TTL, DSCP);
    mn_tcp_set_dscp(t.tcb, 0);
    shutdown_(&t, MNET_SHUTDOWN_WRITE);
    expect(&t, .seq = 3, .ack = 1, .flags = FIN | ACK);
    expect_header(&t, TTL, 0);
    tcp_end(&t);
}

/* The user's reset has the fields of the user's data. */
SCRIPT(established_reset_has_ttl_and_dscp)
{
    struct tcp_test t;
    tcp_established(&t);
    mn_tcp_set_ttl(t.tcb, TTL);
    mn_tcp_set_dscp(t.tcb, DSCP);
    abort_(&t);
    expect(&t, .seq = 1, .ack = 1, .flags = RST | ACK);
    expect_header(&t, TTL, DSCP);
    tcp_end(&t);
}

/* FLOW-3-1, N6-5.1-9, N6-5.1-10: all segments of a connection have one label, those from before it
 * and after it included. IPv4 has none. */
SCRIPT(established_flow_label_is_that_of_all_segments)
{
    struct tcp_test t;
    tcp_closed(&t);
    listen_with_choices(&t);
    send_(&t, .seq = 0, .flags = SYN);
    expect(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    uint32_t label = t.seen.datagram.flow_label;
    assert_int_equal(label != 0, tcp_family() == IPV6);
    send_(&t, .seq = 100000, .ack = 1, .flags = ACK);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK); /* SYN-RECEIVED answers */
    assert_int_equal(t.seen.datagram.flow_label, label);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    accept_(&t);
    write_text(&t, "x");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x");
    assert_int_equal(t.seen.datagram.flow_label, label);
    wait_ms(&t, 1000);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x");
    assert_int_equal(t.seen.datagram.flow_label, label);
    drain(&t, NULL);
    abort_(&t);
    expect(&t, .seq = 2, .ack = 1, .flags = RST | ACK);
    assert_int_equal(t.seen.datagram.flow_label, label);
    send_(&t, .seq = 1, .ack = 2, .flags = ACK);
    expect(&t, .seq = 2, .flags = RST); /* no connection is left */
    assert_int_equal(t.seen.datagram.flow_label, label);
    tcp_end(&t);
}

/* The same from our SYN to TIME-WAIT. */
SCRIPT(time_wait_flow_label_is_that_of_the_syn)
{
    struct tcp_test t;
    tcp_closed(&t);
    struct mn_tcp_open open = {.local = t.local, .remote = t.remote};
    assert_int_equal(mn_tcp_open(t.tcp, &open, t.now, &t.tcb), 0);
    pump(&t);
    expect(&t, .seq = 0, .flags = SYN);
    uint32_t label = t.seen.datagram.flow_label;
    assert_int_equal(label != 0, tcp_family() == IPV6);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    assert_int_equal(t.seen.datagram.flow_label, label);
    close_(&t);
    expect(&t, .seq = 1, .ack = 1, .flags = FIN | ACK);
    assert_int_equal(t.seen.datagram.flow_label, label);
    send_(&t, .seq = 1, .ack = 2, .flags = ACK);
    for (int again = 0; again < 2; again++) {
        send_(&t, .seq = 1, .ack = 2, .flags = FIN | ACK);
        expect(&t, .seq = 2, .ack = 2, .flags = ACK);
        assert_int_equal(t.seen.datagram.flow_label, label);
        expect_state(&t, MN_TIME_WAIT);
    }
    tcp_end(&t);
}

/* The same from a cookie on, of which nothing is kept. */
SCRIPT(cookie_flow_label_is_that_of_the_connection)
{
    struct tcp_test t;
    get_cookie(&t);
    uint32_t label = t.seen.datagram.flow_label;
    assert_int_equal(label != 0, tcp_family() == IPV6);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    accept_(&t);
    write_text(&t, "x");
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "x");
    assert_int_equal(t.seen.datagram.flow_label, label);
    tcp_end(&t);
}

/* FLOW-3-2: the labels of connections that differ in a port are spread over 20 bits, and none tells
 * the next one. */
SCRIPT(flow_labels_are_spread)
{
    struct tcp_test t;
    tcp_closed(&t);
    unsigned buckets[16] = {0}, near = 0;
    uint32_t last = 0;
    for (uint16_t i = 0; i < 1600; i++) {
        struct mnet_endpoint remote = t.remote;
        remote.port = (uint16_t)(1000 + i);
        const struct mn_conn_end end = mn_conn_end(remote);
        uint64_t hash;
        assert_null(mn_table_find(t.tcp, &t.local, &remote, &hash));
        uint32_t label = mn_tcp_flow_label(&end, hash);
        assert_in_range(label, 1, MN_IPV6_FLOW_LABEL_MAX);
        buckets[label >> 16]++;
        near += label - last + 100 <= 200;
        last = label;
    }
    for (int i = 0; i < 16; i++)
        assert_in_range(buckets[i], 60, 140); /* 100 each, with a deviation of ten */
    assert_true(near < 5);
    tcp_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syn_sent_ttl_and_dscp_of_the_open_are_used),
        cmocka_unit_test(time_wait_ttl_and_dscp_are_kept),
        cmocka_unit_test(syn_received_ttl_and_dscp_of_the_listener_are_used),
        cmocka_unit_test(cookie_ttl_and_dscp_of_the_listener_are_used),
        cmocka_unit_test(established_ttl_and_dscp_have_defaults),
        cmocka_unit_test(established_ttl_and_dscp_may_change),
        cmocka_unit_test(established_reset_has_ttl_and_dscp),
        cmocka_unit_test(established_flow_label_is_that_of_all_segments),
        cmocka_unit_test(time_wait_flow_label_is_that_of_the_syn),
        cmocka_unit_test(cookie_flow_label_is_that_of_the_connection),
        over_ipv6(flow_labels_are_spread),
    };
    return run_scripts("tcp_ip_header", tests);
}
