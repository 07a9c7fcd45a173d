/* The lifetime of a connection without traffic, and the user's notices meanwhile: keepalive (RFC
 * 9293 3.8.4), the user timeout (3.8.3, RFC 5482), soft errors and R1 (3.9.1.8). */
#include "harness.h"

static void keep_alive(struct tcp_test *t, uint64_t idle_ms, uint64_t interval_ms, unsigned probes)
{
    struct mnet_keepalive keepalive = {idle_ms * MNET_MILLISECOND, interval_ms * MNET_MILLISECOND, probes};
    mn_tcp_set_keepalive(t->tcp, t->tcb, &keepalive);
}

/* MUST-25: default off. */
SCRIPT(established_silence_without_keepalive_sends_nothing)
{
    struct tcp_test t;
    tcp_established(&t);
    wait_ms(&t, 10ul * 24 * 3600 * 1000);
    expect_nothing(&t);
    expect_state(&t, MN_ESTABLISHED);
    tcp_end(&t);
}

/* MAY-5, MUST-24, MUST-27, SHLD-12: if keepalive is on, a probe follows the idle time. It is empty,
 * and its number is one below SND.NXT. */
SCRIPT(established_silence_sends_a_keepalive_probe)
{
    struct tcp_test t;
    tcp_established(&t);
    keep_alive(&t, 10000, 1000, 3);
    mark(&t);
    at_ms(&t, 9999);
    expect_nothing(&t);
    at_ms(&t, 10000);
    expect(&t, .seq = 0, .ack = 1, .flags = ACK, .len = 0);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK);
    at_ms(&t, 19999);
    expect_nothing(&t);
    at_ms(&t, 20000);
    expect(&t, .seq = 0, .ack = 1, .flags = ACK, .len = 0);
    tcp_end(&t);
}

/* MUST-28: not below two hours unless asked for. */
SCRIPT(established_keepalive_by_default_waits_for_two_hours)
{
    struct tcp_test t;
    tcp_established(&t);
    keep_alive(&t, 0, 0, 0);
    mark(&t);
    at_ms(&t, 2ul * 3600 * 1000 - 1);
    expect_nothing(&t);
    at_ms(&t, 2ul * 3600 * 1000);
    expect(&t, .seq = 0, .ack = 1, .flags = ACK, .len = 0);
    tcp_end(&t);
}

/* MUST-26: only if neither data nor an ACK arrived within the interval. */
SCRIPT(established_traffic_puts_keepalive_off)
{
    struct tcp_test t;
    tcp_established(&t);
    keep_alive(&t, 10000, 1000, 3);
    mark(&t);
    at_ms(&t, 6000);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "abc");
    at_ms(&t, 6040);
    expect(&t, .seq = 1, .ack = 4, .flags = ACK);
    at_ms(&t, 15999);
    expect_nothing(&t);
    at_ms(&t, 16000);
    expect(&t, .seq = 0, .ack = 4, .flags = ACK, .len = 0);
    tcp_end(&t);
}

/* MUST-26: a peer that does not hear us sends the same again. That is received data, not silence.
 * So is a keepalive probe of the peer's, with an octet of text or without. */
SCRIPT(established_known_text_puts_keepalive_off)
{
    static const struct {
        uint32_t seq;
        const char *text;
    } lines[] = {{1, "abc"}, {2, "bc"}, {3, "c"}, {3, NULL}, {0, NULL}};
    for (unsigned n = 0; n < MN_COUNT_OF(lines); n++) {
        struct tcp_test t;
        tcp_established(&t);
        send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "abc");
        wait_ms(&t, 40);
        expect(&t, .seq = 1, .ack = 4, .flags = ACK);
        keep_alive(&t, 12000, 12000, 3);
        for (unsigned i = 0; i < 20; i++) {
            wait_ms(&t, 5000);
            expect_nothing(&t); /* MUST-26 */
            send_(&t, .seq = lines[n].seq, .ack = 1, .flags = ACK, .data = lines[n].text);
            expect(&t, .seq = 1, .ack = 4, .flags = ACK);
        }
        expect_state(&t, MN_ESTABLISHED);
        tcp_end(&t);
    }
}

/* Blind forgeries are no sign of life: their sequence number or their ACK is wrong, or there is no
 * ACK. Neither are resets and SYNs, which anybody can send. */
SCRIPT(established_forgeries_do_not_put_keepalive_off)
{
    struct tcp_test t;
    tcp_established(&t);
    send_(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "abc");
    drain(&t, NULL);
    wait_ms(&t, 40);
    drain(&t, NULL);
    keep_alive(&t, 12000, 12000, 3);
    for (unsigned i = 0; i < 9 && tcp_state(&t) == MN_ESTABLISHED; i++) {
        send_(&t, .seq = 1, .ack = 900000, .flags = ACK, .data = "abc");
        send_(&t, .seq = 1, .flags = 0, .data = "abc");
        send_(&t, .seq = 4, .ack = 900000, .flags = ACK, .data = "new");
        send_(&t, .seq = 4u - 70000, .ack = 1, .flags = ACK, .data = "old");
        send_(&t, .seq = 4u - 10, .ack = 1, .flags = ACK, .data = "too early!");
        send_(&t, .seq = 900000, .ack = 1, .flags = ACK, .data = "far");
        send_(&t, .seq = 3, .flags = RST);
        send_(&t, .seq = 3, .ack = 1, .flags = SYN | ACK);
        wait_ms(&t, 5000);
        drain(&t, NULL);
    }
    wait_ms(&t, 12000);
    drain(&t, NULL);
    expect_state(&t, MN_CLOSED);
    assert_int_equal(mn_tcp_status(t.tcb), MNET_OK);
    read_text(&t, "abc");
    read_result(&t, MNET_E_TIMED_OUT);
    tcp_end(&t);
}

/* MUST-29: one unanswered probe does not end the connection. All of them do. */
SCRIPT(established_keepalive_unanswered_ends_after_the_last_probe)
{
    struct tcp_test t;
    tcp_established(&t);
    keep_alive(&t, 10000, 1000, 1); /* a single probe is not allowed */
    mark(&t);
    at_ms(&t, 11000);
    expect(&t, .seq = 0, .ack = 1, .flags = ACK, .len = 0);
    expect(&t, .seq = 0, .ack = 1, .flags = ACK, .len = 0);
    at_ms(&t, 11999);
    expect_state(&t, MN_ESTABLISHED);
    at_ms(&t, 12000);
    expect(&t, .seq = 1, .ack = 1, .flags = RST | ACK);
    expect_state(&t, MN_CLOSED);
    read_result(&t, MNET_E_TIMED_OUT);
    assert_int_equal(counted(&t, TCP_TIMED_OUT), 1);
    tcp_end(&t);
}

/* Data in flight is a probe already. */
SCRIPT(established_data_in_flight_needs_no_keepalive)
{
    struct tcp_test t;
    tcp_established(&t);
    keep_alive(&t, 1000, 1000, 3);
    mark(&t);
    at_ms(&t, 900);
    write_text(&t, "abc");
    expect(&t, .seq = 1, .ack = 1, .data = "abc", .flags = ACK);
    at_ms(&t, 1090);
    expect_nothing(&t);
    tcp_end(&t);
}

SCRIPT(established_keepalive_switched_off_sends_nothing_more)
{
    struct tcp_test t;
    tcp_established(&t);
    keep_alive(&t, 10000, 1000, 3);
    mn_tcp_set_keepalive(t.tcp, t.tcb, NULL);
    wait_ms(&t, 100000);
    expect_nothing(&t);
    tcp_end(&t);
}

/* An orphan uses the timer of keepalive for its end. */
SCRIPT(fin_wait_2_orphan_with_keepalive_ends_in_time)
{
    struct tcp_test t;
    tcp_established(&t);
    keep_alive(&t, 10000, 1000, 3);
    close_(&t);
    expect(&t, .seq = 1, .ack = 1, .flags = FIN | ACK);
    send_(&t, .seq = 1, .ack = 2, .flags = ACK);
    expect_state(&t, MN_FIN_WAIT_2);
    wait_ms(&t, 59999);
    expect_nothing(&t);
    expect_state(&t, MN_FIN_WAIT_2);
    wait_ms(&t, 1);
    expect_state(&t, MN_CLOSED);
    tcp_end(&t);
}

/* ---- the user timeout ---- */

/* MUST-21: the application sets R2 for its connection. */
SCRIPT(established_user_timeout_ends_the_connection_then)
{
    struct tcp_test t;
    tcp_established(&t);
    write_text(&t, "abc");
    mn_tcp_set_user_timeout(t.tcp, t.tcb, 5 * MNET_SECOND, t.now);
    mark(&t);
    at_ms(&t, 4999);
    expect_state(&t, MN_ESTABLISHED);
    at_ms(&t, 5000);
    expect_state(&t, MN_CLOSED);
    drain(&t, NULL);
    read_result(&t, MNET_E_TIMED_OUT);
    tcp_end(&t);
}

SCRIPT(established_user_timeout_may_be_longer_than_the_stacks)
{
    struct tcp_test t;
    tcp_established(&t, .user_timeout_ns = 100 * MNET_SECOND);
    mn_tcp_set_user_timeout(t.tcp, t.tcb, 1000 * MNET_SECOND, t.now);
    write_text(&t, "abc");
    mark(&t);
    at_ms(&t, 999000);
    expect_state(&t, MN_ESTABLISHED);
    at_ms(&t, 1000000);
    expect_state(&t, MN_CLOSED);
    tcp_end(&t);
}

/* With a timeout of never the data is sent again and again for any time, and once more when the
 * peer is back. The value may be the connection's or the stack's. */
SCRIPT(established_user_timeout_of_never_never_ends)
{
    for (int own = 0; own < 2; own++) {
        struct tcp_test t;
        tcp_established(&t, .user_timeout_ns = own ? MNET_SECOND : MNET_NEVER);
        if (own)
            mn_tcp_set_user_timeout(t.tcp, t.tcb, MNET_NEVER, t.now);
        write_text(&t, "abc");
        wait_ms(&t, 7 * 24 * 3600 * 1000);
        expect_state(&t, MN_ESTABLISHED);
        drain(&t, NULL);
        wait_ms(&t, 61000);
        expect(&t, .seq = 1, .ack = 1, .flags = ACK, .data = "abc");
        send_(&t, .seq = 1, .ack = 4, .flags = ACK);
        wait_ms(&t, 100000);
        expect_nothing(&t);
        tcp_end(&t);
    }
}

/* Probes that are never due do not come at once, and an interval of never does not either: every 49
 * days is the longest interval. */
SCRIPT(established_keepalive_of_never_sends_nothing)
{
    struct tcp_test t;
    struct mnet_keepalive keepalive = {.idle_ns = MNET_NEVER};
    tcp_established(&t);
    mn_tcp_set_keepalive(t.tcp, t.tcb, &keepalive);
    wait_ms(&t, 40u * 24 * 3600 * 1000);
    expect_nothing(&t);
    keepalive = (struct mnet_keepalive){.idle_ns = MNET_SECOND, .interval_ns = MNET_NEVER};
    mn_tcp_set_keepalive(t.tcp, t.tcb, &keepalive);
    wait_ms(&t, 1000);
    expect(&t, .seq = 0, .ack = 1, .len = 0, .flags = ACK);
    wait_ms(&t, 40u * 24 * 3600 * 1000);
    expect_nothing(&t);
    expect_state(&t, MN_ESTABLISHED);
    tcp_end(&t);
}

/* RFC 5482 3.1: both ends tell their timeouts, and use the longer one, within limits. */
static const uint8_t two_hundred_seconds[] = {28, 4, 0, 200}, a_month[] = {28, 4, 0xff, 0xff}, none[] = {28, 4, 0, 0};

static void learn(struct tcp_test *t, const uint8_t *option, uint64_t expected_s)
{
    struct mnet_tcp_info info;
    send_(t, .seq = 1, .ack = 1, .flags = ACK, .options = option, .options_len = 4);
    mn_tcp_info(t->tcp, t->tcb, &info);
    assert_int_equal(info.user_timeout_ns / MNET_SECOND, expected_s);
}

SCRIPT(established_user_timeout_option_is_learned_within_bounds)
{
    struct tcp_test t;
    tcp_established(&t);
    t.tcp->config.user.user_timeout_option = true;
    learn(&t, none, 120);
    learn(&t, two_hundred_seconds, 200);
    learn(&t, a_month, 3600);
    tcp_end(&t);
    /* The peer's value never shortens the timeout. */
    tcp_established(&t, .user_timeout_ns = 7200 * MNET_SECOND);
    t.tcp->config.user.user_timeout_option = true;
    learn(&t, two_hundred_seconds, 7200);
    learn(&t, a_month, 7200);
    tcp_end(&t);
}

/* 3: CHANGEABLE becomes false when the application sets the timeout itself; ENABLED is false unless
 * configured. */
SCRIPT(established_user_timeout_option_changes_no_set_or_disabled_timeout)
{
    struct tcp_test t;
    tcp_established(&t);
    t.tcp->config.user.user_timeout_option = true;
    mn_tcp_set_user_timeout(t.tcp, t.tcb, 150 * MNET_SECOND, t.now);
    pump(&t);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    learn(&t, two_hundred_seconds, 150);
    tcp_end(&t);
    tcp_established(&t);
    learn(&t, two_hundred_seconds, 120);
    tcp_end(&t);
}

SCRIPT(established_user_timeout_option_is_sent)
{
    struct tcp_test t;
    tcp_closed(&t, .user_timeout_option = true);
    open_active(&t);
    expect(&t, .flags = SYN);
    assert_int_equal(t.seen.header.options & MN_TCP_OPTION_USER_TIMEOUT, MN_TCP_OPTION_USER_TIMEOUT);
    assert_int_equal(t.seen.header.user_timeout, 120);
    send_(&t, .seq = 0, .ack = 1, .flags = SYN | ACK);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK);
    assert_int_equal(t.seen.header.user_timeout, 120);
    /* Too large for seconds: 667 minutes. */
    mn_tcp_set_user_timeout(t.tcp, t.tcb, 40000 * MNET_SECOND, t.now);
    pump(&t);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 0);
    assert_int_equal(t.seen.header.user_timeout, 0x8000 | 667);
    /* The largest value that the option has: 22 days. */
    mn_tcp_set_user_timeout(t.tcp, t.tcb, MNET_NEVER, t.now);
    pump(&t);
    expect(&t, .seq = 1, .ack = 1, .flags = ACK, .len = 0);
    assert_int_equal(t.seen.header.user_timeout, 0xffff);
    expect_nothing(&t);
    tcp_end(&t);
}

/* ---- notices ---- */

/* SHLD-9, SHLD-10: between R1, three retransmissions, and R2 the user gets a notice. MUST-20: so
 * does IP, and no acknowledgement from before confirms the path in the same breath. */
SCRIPT(established_three_retransmissions_are_reported)
{
    struct tcp_test t;
    tcp_established(&t);
    write_text(&t, "abc");
    expect(&t, .seq = 1, .ack = 1, .data = "abc", .flags = ACK);
    while (counted(&t, TCP_RTO) < 2)
        wait_ms(&t, 50);
    assert_int_equal(mn_tcp_notices(t.tcb), 0);
    while (counted(&t, TCP_RTO) < 3)
        wait_ms(&t, 50);
    assert_int_equal(mn_tcp_ready(t.tcb) & MNET_NOTICED, MNET_NOTICED);
    assert_int_equal(mn_tcp_notices(t.tcb), MNET_NOTICE_RETRANSMITTING);
    assert_int_equal(mn_tcp_notices(t.tcb), 0);
    bool doubtful = false;
    while (peek_output(&t) != NULL) {
        expect(&t, .seq = 1, .ack = 1, .data = "abc", .flags = ACK);
        doubtful = t.seen.datagram.doubtful && !t.seen.datagram.confirmed;
    }
    assert_true(doubtful);
    send_(&t, .seq = 1, .ack = 4, .flags = ACK);
    write_text(&t, "d");
    expect(&t, .seq = 4, .ack = 1, .data = "d", .flags = ACK);
    assert_false(t.seen.datagram.doubtful);
    assert_true(t.seen.datagram.confirmed);
    tcp_end(&t);
}

/* MUST-22: the same for SYNs. */
SCRIPT(syn_sent_three_retransmissions_are_reported)
{
    struct tcp_test t;
    tcp_syn_sent(&t, .active = true);
    wait_ms(&t, 6900);
    assert_int_equal(mn_tcp_notices(t.tcb), 0);
    wait_ms(&t, 200);
    assert_int_equal(mn_tcp_notices(t.tcb), MNET_NOTICE_RETRANSMITTING);
    tcp_end(&t);
}

/* MUST-47, MUST-56, SHLD-25: soft errors are reported, and end nothing. */
SCRIPT(established_soft_icmp_error_is_reported)
{
    struct tcp_test t;
    tcp_established(&t);
    write_text(&t, "abc");
    expect(&t, .seq = 1, .ack = 1, .data = "abc", .flags = ACK);
    icmp_(&t, MN_UNREACHABLE_NETWORK, 0, 1);
    assert_int_equal(mn_tcp_notices(t.tcb), MNET_NOTICE_UNREACHABLE);
    expect_state(&t, MN_ESTABLISHED);
    icmp_(&t, MN_UNREACHABLE_NETWORK, 0, 5000); /* not about a segment of ours */
    assert_int_equal(mn_tcp_notices(t.tcb), 0);
    tcp_end(&t);
}

/* SHLD-20: the application may decline reports. */
SCRIPT(established_reports_can_be_switched_off)
{
    struct tcp_test t;
    tcp_established(&t);
    write_text(&t, "abc");
    expect(&t, .seq = 1, .ack = 1, .data = "abc", .flags = ACK);
    mn_tcp_set_notices(t.tcb, false);
    icmp_(&t, MN_UNREACHABLE_NETWORK, 0, 1);
    assert_int_equal(mn_tcp_ready(t.tcb) & MNET_NOTICED, 0);
    assert_int_equal(mn_tcp_notices(t.tcb), 0);
    tcp_end(&t);
}

/* --- Orphans: the user has closed, and the peer has fallen silent --- */

/* Returns the time until nothing is left, in steps of 100 ms. */
static uint64_t seconds_until_freed(struct tcp_test *t)
{
    mark(t);
    uint64_t begin = t->now;
    while (mn_tcp_usage(t->tcp).tcbs > 0 && t->now - begin < 2000 * MNET_SECOND) {
        wait_ms(t, 100);
        drain(t, NULL);
    }
    return (t->now - begin) / MNET_SECOND;
}

/* SHLD-11: 100 s, not the 15 minutes that a user would have waited, with data or a FIN
 * unacknowledged. */
SCRIPT(orphan_of_a_silent_peer_ends_after_100_s)
{
    struct tcp_test t;
    tcp_established(&t, .user_timeout_ns = 900 * MNET_SECOND);
    close_(&t);
    expect_state(&t, MN_FIN_WAIT_1);
    assert_int_equal(seconds_until_freed(&t), 100); /* SHLD-11 */
    tcp_end(&t);

    tcp_close_wait(&t, .user_timeout_ns = 900 * MNET_SECOND);
    write_bytes(&t, 3 * MSS);
    close_(&t);
    expect_state(&t, MN_LAST_ACK);
    assert_int_equal(seconds_until_freed(&t), 100);
    assert_int_equal(counted(&t, TCP_TIMED_OUT), 1);
    tcp_end(&t);
}

/* The time counts from the last progress, not from the close: slow peers get everything. */
SCRIPT(orphan_of_a_slow_peer_stays)
{
    struct tcp_test t;
    tcp_established(&t, .user_timeout_ns = 900 * MNET_SECOND);
    write_bytes(&t, 10);
    close_(&t);
    for (uint32_t i = 1; i <= 11; i++) {
        wait_ms(&t, 99000);
        drain(&t, NULL);
        expect_state(&t, MN_FIN_WAIT_1);
        send_(&t, .seq = 1, .ack = 1 + i, .flags = ACK);
    }
    expect_state(&t, MN_FIN_WAIT_2);
    tcp_end(&t);
}

/* As long as a user holds the connection its data has R2. A timeout that the user has set applies
 * to the orphan, too. */
SCRIPT(orphan_keeps_the_timeout_that_was_set)
{
    struct tcp_test t;
    tcp_established(&t, .user_timeout_ns = 300 * MNET_SECOND);
    shutdown_(&t, MNET_SHUTDOWN_WRITE);
    wait_ms(&t, 299000);
    drain(&t, NULL);
    expect_state(&t, MN_FIN_WAIT_1); /* no orphan */
    wait_ms(&t, 1100);
    expect_state(&t, MN_CLOSED);
    tcp_end(&t);

    static const unsigned set_s[] = {20, 400};
    for (unsigned i = 0; i < MN_COUNT_OF(set_s); i++) {
        tcp_established(&t, .user_timeout_ns = 900 * MNET_SECOND);
        mn_tcp_set_user_timeout(t.tcp, t.tcb, set_s[i] * MNET_SECOND, t.now);
        write_bytes(&t, 3 * MSS);
        close_(&t);
        assert_int_equal(seconds_until_freed(&t), set_s[i]);
        tcp_end(&t);
    }
}

/* A closed window: if its probes are answered, up to R2 (RFC 6429 3), otherwise 100 s from the last
 * answer. */
SCRIPT(orphan_with_a_closed_window)
{
    for (unsigned answered_s = 250; answered_s <= 2000; answered_s += 1750) {
        struct tcp_test t;
        tcp_established(&t, .window = 0, .user_timeout_ns = 900 * MNET_SECOND);
        write_bytes(&t, 100);
        close_(&t);
        uint64_t begin = t.now, heard = 0;
        while (mn_tcp_usage(t.tcp).tcbs > 0) {
            wait_ms(&t, 100);
            if (drain(&t, NULL) > 0 && t.now - begin < answered_s * MNET_SECOND) {
                send_(&t, .seq = 1, .ack = 1, .flags = ACK, .window = 0);
                heard = t.now;
            }
        }
        uint64_t lived = (t.now - begin) / MNET_SECOND;
        assert_int_equal(lived, answered_s < 900 ? (heard - begin) / MNET_SECOND + 100 : 900);
        tcp_end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_silence_without_keepalive_sends_nothing),
        cmocka_unit_test(established_silence_sends_a_keepalive_probe),
        cmocka_unit_test(established_keepalive_by_default_waits_for_two_hours),
        cmocka_unit_test(established_traffic_puts_keepalive_off),
        cmocka_unit_test(established_known_text_puts_keepalive_off),
        cmocka_unit_test(established_forgeries_do_not_put_keepalive_off),
        cmocka_unit_test(established_keepalive_unanswered_ends_after_the_last_probe),
        cmocka_unit_test(established_data_in_flight_needs_no_keepalive),
        cmocka_unit_test(established_keepalive_switched_off_sends_nothing_more),
        cmocka_unit_test(fin_wait_2_orphan_with_keepalive_ends_in_time),
        cmocka_unit_test(established_user_timeout_ends_the_connection_then),
        cmocka_unit_test(established_user_timeout_may_be_longer_than_the_stacks),
        cmocka_unit_test(established_user_timeout_of_never_never_ends),
        cmocka_unit_test(established_keepalive_of_never_sends_nothing),
        cmocka_unit_test(established_user_timeout_option_is_learned_within_bounds),
        cmocka_unit_test(established_user_timeout_option_changes_no_set_or_disabled_timeout),
        cmocka_unit_test(established_user_timeout_option_is_sent),
        cmocka_unit_test(established_three_retransmissions_are_reported),
        cmocka_unit_test(syn_sent_three_retransmissions_are_reported),
        cmocka_unit_test(established_soft_icmp_error_is_reported),
        cmocka_unit_test(established_reports_can_be_switched_off),
        cmocka_unit_test(orphan_of_a_silent_peer_ends_after_100_s),
        cmocka_unit_test(orphan_of_a_slow_peer_stays),
        cmocka_unit_test(orphan_keeps_the_timeout_that_was_set),
        cmocka_unit_test(orphan_with_a_closed_window),
    };
    return run_scripts("tcp_lifetime", tests);
}
