/* The DHCP client in virtual time: answers with few options, and a link that goes down and comes up
 * (RFC 2131 3.2, 4.4.5). */
#include "tests/unit/dhcp_script.h"

/* ---- A NAK without a name ---- */

/* RFC 2131 table 3: the server names itself in a NAK. Some servers do not. The refused lease is
 * still lost. */
static void held_nak_that_names_no_server_loses_the_address(void **state)
{
    static void (*const states[])(struct script *) = {renewing, rebinding, rebooting};
    (void)state;
    struct script s;
    for (size_t i = 0; i < MN_COUNT_OF(states); i++) {
        states[i](&s);
        refuse(&s, MN_DHCP_NAK, .mac = MAC, .xid = s.sent.xid + 1);
        refuse(&s, MN_DHCP_NAK, .mac = {{2, 0, 0, 0, 0, 3}});
        receive(&s, MN_DHCP_NAK, .mac = MAC);
        expect_state(&s, MN_DHCP_INIT);
        assert_null(mn_dhcp_client_lease(&s.client));
        assert_int_equal(pass_to_deadline(&s), 0);
        expect_sent(&s, MN_DHCP_DISCOVER);
    }
}

/* ---- Options that an answer lacks ---- */

static void add_all_options(struct dhcp_reply *reply)
{
    static const uint8_t dns[] = {10, 0, 0, 7, 10, 0, 0, 8};
    reply_u32(reply, 3, OTHER);
    reply_option(reply, 6, dns, sizeof dns);
    reply_option(reply, 15, "a.test", 6);
    reply_u16(reply, 26, 1400);
}

static void expect_all_options(const struct script *s)
{
    const struct mn_dhcp_lease *lease = mn_dhcp_client_lease(&s->client);
    assert_non_null(lease);
    assert_int_equal(lease->length, 24);
    assert_int_equal(lease->server, SERVER);
    assert_int_equal(lease->router, OTHER);
    assert_int_equal(lease->dns_count, 2);
    assert_int_equal(lease->dns[1], 0x0a000008);
    assert_string_equal(lease->domain, "a.test");
    assert_int_equal(lease->mtu, 1400);
}

/* Binds with all options in the OFFER, or in the first ACK. */
static void bound_with_all_options(struct script *s, bool offered)
{
    struct dhcp_reply reply;
    selecting(s);
    build(s, &reply, &(struct answer){MN_DHCP_OFFER, GOOD});
    if (offered)
        add_all_options(&reply);
    receive_reply(s, &reply);
    expect_sent(s, MN_DHCP_REQUEST);
    build(s, &reply, &(struct answer){MN_DHCP_ACK, GOOD, .mask = offered ? 0 : 0xffffff00, .t1 = 1000, .t2 = 2000});
    if (!offered)
        add_all_options(&reply);
    receive_reply(s, &reply);
    mn_dhcp_client_note_check(&s->client, false, s->now);
    expect_state(s, MN_DHCP_BOUND);
    expect_all_options(s);
}

/* A server that extends a lease may send the time alone: everything else stays (RFC 2131 4.4.5). */
static void renewing_terse_ack_keeps_what_was_told(void **state)
{
    (void)state;
    struct script s;
    for (int offered = 0; offered <= 1; offered++) {
        bound_with_all_options(&s, offered);
        for (unsigned times = 0; times < 3; times++) {
            pass_to_deadline(&s);
            expect_sent(&s, MN_DHCP_REQUEST);
            receive(&s, MN_DHCP_ACK, .address = ADDRESS, .lease = 7200, .mac = MAC, .server = times == 2 ? 0 : SERVER);
            expect_state(&s, MN_DHCP_BOUND);
            expect_all_options(&s);
            assert_int_equal(mn_dhcp_client_lease(&s.client)->lease_s, 7200);
            /* Follows from the time: 7/8 of it. */
            assert_int_equal(mn_dhcp_client_lease(&s.client)->t2_s, 6300);
        }
    }
}

/* Without a time the lease is as long as before, with T1 and T2 as before. */
static void renewing_ack_without_a_time_extends_as_before(void **state)
{
    (void)state;
    struct script s;
    bound_with_all_options(&s, false);
    pass_to_deadline(&s);
    expect_sent(&s, MN_DHCP_REQUEST);
    receive(&s, MN_DHCP_ACK, .address = ADDRESS, .mac = MAC);
    expect_all_options(&s);
    assert_int_equal(mn_dhcp_client_lease(&s.client)->end_ns, s.now + LEASE * MNET_SECOND);
    assert_int_equal(mn_dhcp_client_lease(&s.client)->t1_ns, s.now + 1000 * MNET_SECOND);
    assert_int_equal(mn_dhcp_client_lease(&s.client)->t2_ns, s.now + 2000 * MNET_SECOND);
}

/* An option of an ACK replaces the former value. Routes and router are replaced together. */
static void renewing_ack_replaces_what_it_says(void **state)
{
    static const uint8_t route[] = {16, 10, 1, 10, 0, 0, 9};
    (void)state;
    struct script s;
    struct dhcp_reply reply;
    bound_with_all_options(&s, false);
    pass_to_deadline(&s);
    expect_sent(&s, MN_DHCP_REQUEST);
    build(&s, &reply, &(struct answer){MN_DHCP_ACK, GOOD, .mask = 0xffff0000});
    reply_option(&reply, 121, route, sizeof route);
    receive_reply(&s, &reply);
    const struct mn_dhcp_lease *lease = mn_dhcp_client_lease(&s.client);
    assert_int_equal(lease->length, 16);
    assert_int_equal(lease->route_count, 1);
    assert_int_equal(lease->router, 0);
    assert_int_equal(lease->dns_count, 2);
    pass_to_deadline(&s);
    expect_sent(&s, MN_DHCP_REQUEST);
    receive(&s, MN_DHCP_ACK, GOOD);
    assert_int_equal(mn_dhcp_client_lease(&s.client)->route_count, 1);
    assert_int_equal(mn_dhcp_client_lease(&s.client)->length, 24);
}

/* ---- The link comes up ---- */

static void without_lease_link_up_asks_at_once(void **state)
{
    static void (*const states[])(struct script *) = {selecting, requesting, checking};
    (void)state;
    struct script s;
    for (size_t i = 0; i < MN_COUNT_OF(states); i++) {
        states[i](&s);
        uint32_t before = s.sent.xid;
        s.now += 2500 * MNET_MILLISECOND;
        mn_dhcp_client_note_link_up(&s.client, s.now);
        expect_sent(&s, MN_DHCP_DISCOVER);
        expect_state(&s, MN_DHCP_SELECTING);
        assert_int_not_equal(s.sent.xid, before);
        assert_int_equal(s.sent.secs, 0);
        assert_null(mn_dhcp_client_lease(&s.client));
        assert_seconds(pass_to_deadline(&s), 4, 1); /* and so on, from the beginning */
    }
}

/* Failures of the former network do not count. */
static void init_waiting_link_up_asks_at_once(void **state)
{
    (void)state;
    struct script s;
    requesting(&s);
    for (unsigned i = 0; i < 4; i++) {
        receive(&s, MN_DHCP_NAK, .server = SERVER, .mac = MAC);
        if (i == 3)
            break;
        pass_to_deadline(&s);
        expect_sent(&s, MN_DHCP_DISCOVER);
        receive(&s, MN_DHCP_OFFER, GOOD);
        expect_sent(&s, MN_DHCP_REQUEST);
    }
    assert_true(mn_dhcp_client_deadline(&s.client) > s.now + 10 * MNET_SECOND);
    mn_dhcp_client_note_link_up(&s.client, s.now);
    expect_sent(&s, MN_DHCP_DISCOVER);
}

/* RFC 2131 4.3.2, table 5: INIT-REBOOT. The address stays meanwhile. */
static void held_link_up_asks_whether_it_still_holds(void **state)
{
    static void (*const states[])(struct script *) = {bound, renewing, rebinding};
    (void)state;
    struct script s;
    for (size_t i = 0; i < MN_COUNT_OF(states); i++) {
        states[i](&s);
        uint32_t serial = s.client.serial;
        mn_dhcp_client_note_link_up(&s.client, s.now);
        expect_state(&s, MN_DHCP_REBOOTING);
        expect_sent(&s, MN_DHCP_REQUEST);
        assert_int_equal(s.sent.requested_ip, ADDRESS);
        assert_int_equal(s.sent.ciaddr, 0);
        assert_int_equal(s.sent.server_id, 0);
        assert_int_equal(s.ends.source, 0);
        assert_int_equal(s.ends.destination, 0);
        assert_int_equal(mn_dhcp_client_lease(&s.client)->address, ADDRESS);
        assert_int_equal(s.client.serial, serial);
        refuse(&s, MN_DHCP_ACK, GOOD, .address = OTHER);
        refuse(&s, MN_DHCP_OFFER, GOOD); /* nobody asked for one */
        receive(&s, MN_DHCP_ACK, GOOD, .server = OTHER);
        expect_state(&s, MN_DHCP_BOUND);
        assert_int_equal(mn_dhcp_client_lease(&s.client)->end_ns, s.now + LEASE * MNET_SECOND);
        assert_int_equal(mn_dhcp_client_lease(&s.client)->server, OTHER);
    }
}

static void rebooting_nak_starts_over_at_once(void **state)
{
    (void)state;
    struct script s;
    rebooting(&s);
    receive(&s, MN_DHCP_NAK, .server = OTHER, .mac = MAC);
    assert_null(mn_dhcp_client_lease(&s.client));
    assert_int_equal(pass_to_deadline(&s), 0);
    expect_sent(&s, MN_DHCP_DISCOVER);
    assert_int_equal(s.sent.requested_ip, 0);
}

/* A server without a record of the lease is silent (4.3.2), but may offer another one. */
static void rebooting_unanswered_asks_for_any_and_takes_it(void **state)
{
    (void)state;
    struct script s;
    rebooting(&s);
    assert_seconds(pass_to_deadline(&s), 4, 1);
    expect_sent(&s, MN_DHCP_REQUEST);
    assert_seconds(pass_to_deadline(&s), 8, 1);
    expect_sent(&s, MN_DHCP_DISCOVER);
    assert_int_equal(s.sent.requested_ip, ADDRESS);
    assert_int_equal(s.sent.ciaddr, 0);
    assert_int_equal(mn_dhcp_client_lease(&s.client)->address, ADDRESS); /* still */
    uint32_t serial = s.client.serial;
    refuse(&s, MN_DHCP_OFFER, GOOD, .lease = 0);
    assert_int_equal(mn_dhcp_client_lease(&s.client)->lease_s, LEASE);
    receive(&s, MN_DHCP_OFFER, GOOD, .address = 0x0a000055, .server = OTHER);
    expect_state(&s, MN_DHCP_REQUESTING);
    assert_int_not_equal(s.client.serial, serial);
    assert_null(mn_dhcp_client_lease(&s.client));
    expect_sent(&s, MN_DHCP_REQUEST);
    assert_int_equal(s.sent.requested_ip, 0x0a000055);
    assert_int_equal(s.sent.server_id, OTHER);
}

/* If nobody answers, the lease holds until it ends (3.2 (4)). */
static void rebooting_answered_by_nobody_goes_on_with_the_lease(void **state)
{
    (void)state;
    struct script s;
    rebooting(&s);
    uint64_t t1 = s.client.lease.t1_ns, end = s.client.lease.end_ns;
    for (unsigned i = 0; i < 4; i++) {
        pass_to_deadline(&s);
        if (i < 3)
            expect_sent(&s, i < 1 ? MN_DHCP_REQUEST : MN_DHCP_DISCOVER);
    }
    expect_silence(&s);
    expect_state(&s, MN_DHCP_BOUND);
    assert_int_equal(mn_dhcp_client_deadline(&s.client), t1);
    assert_int_equal(mn_dhcp_client_lease(&s.client)->end_ns, end);
}

static void rebooting_lease_may_end_meanwhile(void **state)
{
    (void)state;
    struct script s;
    bound(&s);
    s.now = s.client.lease.end_ns - 2 * MNET_SECOND;
    mn_dhcp_client_note_link_up(&s.client, s.now);
    expect_sent(&s, MN_DHCP_REQUEST);
    assert_int_equal(pass_to_deadline(&s), 2 * MNET_SECOND);
    assert_null(mn_dhcp_client_lease(&s.client));
    expect_sent(&s, MN_DHCP_DISCOVER);
    bound(&s);
    s.now = s.client.lease.end_ns;
    mn_dhcp_client_note_link_up(&s.client, s.now); /* down for longer than the lease */
    assert_null(mn_dhcp_client_lease(&s.client));
    expect_sent(&s, MN_DHCP_DISCOVER);
}

/* A link that goes down and up all the time causes one message a second. */
static void link_that_flaps_is_asked_about_once_a_second(void **state)
{
    (void)state;
    struct script s;
    selecting(&s);
    unsigned sent = 0;
    uint64_t end = s.now + 5 * MNET_SECOND - 1;
    for (; s.now < end; s.now += 10 * MNET_MILLISECOND) {
        uint8_t bytes[MN_DHCP_EMIT];
        mn_dhcp_client_note_link_up(&s.client, s.now);
        mn_dhcp_client_expire(&s.client, s.now);
        sent += mn_dhcp_client_output(&s.client, bytes, &s.ends);
    }
    assert_int_equal(sent, 5);
}

static void off_link_up_says_nothing(void **state)
{
    (void)state;
    struct script s;
    bound(&s);
    mn_dhcp_client_release(&s.client, s.now);
    expect_sent(&s, MN_DHCP_RELEASE);
    mn_dhcp_client_note_link_up(&s.client, s.now);
    expect_silence(&s);
    expect_state(&s, MN_DHCP_RELEASED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_nak_that_names_no_server_loses_the_address),
        cmocka_unit_test(renewing_terse_ack_keeps_what_was_told),
        cmocka_unit_test(renewing_ack_without_a_time_extends_as_before),
        cmocka_unit_test(renewing_ack_replaces_what_it_says),
        cmocka_unit_test(without_lease_link_up_asks_at_once),
        cmocka_unit_test(init_waiting_link_up_asks_at_once),
        cmocka_unit_test(held_link_up_asks_whether_it_still_holds),
        cmocka_unit_test(rebooting_nak_starts_over_at_once),
        cmocka_unit_test(rebooting_unanswered_asks_for_any_and_takes_it),
        cmocka_unit_test(rebooting_answered_by_nobody_goes_on_with_the_lease),
        cmocka_unit_test(rebooting_lease_may_end_meanwhile),
        cmocka_unit_test(link_that_flaps_is_asked_about_once_a_second),
        cmocka_unit_test(off_link_up_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
