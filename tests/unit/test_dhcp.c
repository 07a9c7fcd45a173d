/* The DHCP client in virtual time: each state, each timer, each message that must have no effect
 * (RFC 2131). */
#include "tests/unit/dhcp_script.h"

/* ---- SELECTING ---- */

static void start_discover_is_sent_at_once(void **state)
{
    (void)state;
    struct script s;
    start(&s);
    expect_state(&s, MN_DHCP_SELECTING);
    expect_sent(&s, MN_DHCP_DISCOVER);
    assert_int_equal(s.ends.source, 0);
    assert_int_equal(s.ends.destination, 0);
    assert_int_equal(s.sent.ciaddr, 0);
    assert_int_equal(s.sent.secs, 0);
    assert_false(s.sent.broadcast);
    assert_int_equal(s.sent.requested_ip, 0);
    assert_int_equal(s.sent.server_id, 0);
    assert_int_equal(s.sent.message_max, 1500);
    assert_true(s.sent.wants_parameters);
    assert_null(mn_dhcp_client_lease(&s.client));
}

/* RFC 2131 4.1: 4, 8, 16, 32, 64 s, plus or minus a random second, and 64 s from then on. */
static void selecting_unanswered_backs_off(void **state)
{
    static const uint64_t waits[] = {4, 8, 16, 32, 64, 64, 64};
    (void)state;
    struct script s;
    selecting(&s);
    uint32_t xid = s.sent.xid;
    uint64_t uneven = 0;
    for (size_t i = 0; i < MN_COUNT_OF(waits); i++) {
        uint64_t took = pass_to_deadline(&s);
        assert_seconds(took, waits[i], 1);
        uneven += took % MNET_SECOND != 0;
        expect_sent(&s, MN_DHCP_DISCOVER);
        assert_int_equal(s.sent.xid, xid);
        assert_int_equal(s.sent.secs, (s.now - START) / MNET_SECOND);
        assert_int_equal(s.sent.broadcast, i >= 1); /* from the third message on */
    }
    assert_int_equal(uneven, MN_COUNT_OF(waits)); /* random indeed */
}

/* `secs` is a field of 16 bits. */
static void selecting_for_days_still_counts(void **state)
{
    (void)state;
    struct script s;
    selecting(&s);
    while (s.now < START + 70000 * MNET_SECOND) {
        pass_to_deadline(&s);
        expect_sent(&s, MN_DHCP_DISCOVER);
    }
    assert_int_equal(s.sent.secs, 65535);
}

static void selecting_offer_is_requested(void **state)
{
    (void)state;
    struct script s;
    selecting(&s);
    pass_to_deadline(&s);
    expect_sent(&s, MN_DHCP_DISCOVER);
    uint32_t xid = s.sent.xid;
    uint16_t secs = s.sent.secs;
    assert_true(secs >= 3);
    s.now += 2 * MNET_SECOND;
    receive(&s, MN_DHCP_OFFER, GOOD);
    expect_sent(&s, MN_DHCP_REQUEST);
    assert_int_equal(s.sent.xid, xid);
    assert_int_equal(s.sent.secs, secs); /* RFC 2131 4.4.1: the same */
    assert_int_equal(s.sent.ciaddr, 0);
    assert_int_equal(s.sent.requested_ip, ADDRESS);
    assert_int_equal(s.sent.server_id, SERVER);
    assert_int_equal(s.ends.source, 0);
    assert_int_equal(s.ends.destination, 0);
    assert_null(mn_dhcp_client_lease(&s.client));
    refuse(&s, MN_DHCP_OFFER, GOOD); /* a second one is too late */
}

static void selecting_answers_of_others_are_refused(void **state)
{
    (void)state;
    struct script s;
    selecting(&s);
    refuse(&s, MN_DHCP_OFFER, GOOD, .xid = s.sent.xid + 1);
    refuse(&s, MN_DHCP_OFFER, GOOD, .mac = (struct mn_mac){{2, 0, 0, 0, 0, 3}});
    refuse(&s, MN_DHCP_ACK, GOOD);
    refuse(&s, MN_DHCP_NAK, GOOD);
    refuse(&s, MN_DHCP_DISCOVER, GOOD);
    refuse(&s, 0, GOOD); /* BOOTP */
    struct dhcp_reply reply;
    build(&s, &reply, &(struct answer){MN_DHCP_OFFER, GOOD});
    reply.bytes[0] = MN_DHCP_BOOTREQUEST;
    receive_reply(&s, &reply);
    expect_state(&s, MN_DHCP_SELECTING);
    /* RFC 6842 section 3: an identifier of somebody else. */
    for (unsigned len = 2; len <= 8; len++) {
        build(&s, &reply, &(struct answer){MN_DHCP_OFFER, GOOD});
        reply_option(&reply, 61, "\x01\x02\0\0\0\0\x03\0", (uint8_t)len);
        receive_reply(&s, &reply);
        expect_state(&s, MN_DHCP_SELECTING);
    }
    build(&s, &reply, &(struct answer){MN_DHCP_OFFER, GOOD});
    reply_option(&reply, 61, "\x01\x02\0\0\0\0\x02", 7);
    receive_reply(&s, &reply);
    expect_state(&s, MN_DHCP_REQUESTING);
}

static void selecting_offer_without_what_it_needs_is_refused(void **state)
{
    (void)state;
    struct script s;
    selecting(&s);
    refuse(&s, MN_DHCP_OFFER, GOOD, .server = 0);
    refuse(&s, MN_DHCP_OFFER, GOOD, .lease = 0);
    refuse(&s, MN_DHCP_OFFER, GOOD, .address = 0);
    refuse(&s, MN_DHCP_OFFER, GOOD, .address = 0x7f000001);
    refuse(&s, MN_DHCP_OFFER, GOOD, .address = 0xe0000001);
    refuse(&s, MN_DHCP_OFFER, GOOD, .address = 0xffffffff);
    refuse(&s, MN_DHCP_OFFER, GOOD, .address = SERVER);
    refuse(&s, MN_DHCP_OFFER, GOOD, .address = 0x0a0000ff); /* broadcast of the network */
    refuse(&s, MN_DHCP_OFFER, GOOD, .address = 0x0a000000); /* the network itself */
    refuse(&s, MN_DHCP_OFFER, GOOD, .server = 0xffffffff);
    refuse(&s, MN_DHCP_OFFER, GOOD, .mask = 0xff00ff00); /* no mask */
    refuse(&s, MN_DHCP_OFFER, GOOD, .mask = 0x00ffffff);
}

static void selecting_every_truncation_changes_nothing(void **state)
{
    (void)state;
    struct script s;
    selecting(&s);
    struct dhcp_reply reply;
    build(&s, &reply, &(struct answer){MN_DHCP_OFFER, GOOD});
    for (size_t len = 0; len < AT_OPTIONS + 15; len++) { /* up to everything that an offer needs */
        mn_dhcp_client_input(&s.client, reply.bytes, len, s.now);
        expect_state(&s, MN_DHCP_SELECTING);
        expect_silence(&s);
    }
    assert_int_equal(s.counters.value[MNET_COUNT_DHCP_DROP_INVALID] + dropped(&s), AT_OPTIONS + 15);
}

/* ---- REQUESTING ---- */

static void requesting_unanswered_starts_over(void **state)
{
    static const uint64_t waits[] = {4, 8, 16};
    (void)state;
    struct script s;
    requesting(&s);
    uint32_t xid = s.sent.xid;
    for (size_t i = 0; i < MN_COUNT_OF(waits); i++) {
        assert_seconds(pass_to_deadline(&s), waits[i], 1);
        expect_sent(&s, MN_DHCP_REQUEST);
        assert_int_equal(s.sent.xid, xid);
        assert_int_equal(s.sent.secs, 0);
    }
    assert_seconds(pass_to_deadline(&s), 32, 1);
    expect_sent(&s, MN_DHCP_DISCOVER);
    expect_state(&s, MN_DHCP_SELECTING);
    assert_int_not_equal(s.sent.xid, xid);
}

static void requesting_wrong_ack_is_refused(void **state)
{
    (void)state;
    struct script s;
    requesting(&s);
    refuse(&s, MN_DHCP_ACK, GOOD, .server = OTHER);
    refuse(&s, MN_DHCP_ACK, GOOD, .address = OTHER);
    refuse(&s, MN_DHCP_ACK, GOOD, .lease = 0);
    refuse(&s, MN_DHCP_ACK, GOOD, .xid = s.sent.xid + 1);
    refuse(&s, MN_DHCP_NAK, GOOD, .server = OTHER);
    refuse(&s, MN_DHCP_NAK, GOOD, .server = 0);
}

/* RFC 2131 3.1 (5): the client starts again. But a server that only refuses is not asked at a
 * growing rate. */
static void requesting_naks_slow_down(void **state)
{
    static const uint64_t waits[] = {0, 4, 8, 16, 32, 64, 64};
    (void)state;
    struct script s;
    requesting(&s);
    for (size_t i = 0; i < MN_COUNT_OF(waits); i++) {
        receive(&s, MN_DHCP_NAK, .server = SERVER, .mac = MAC);
        expect_state(&s, MN_DHCP_INIT);
        expect_silence(&s);
        assert_seconds(pass_to_deadline(&s), waits[i], waits[i] != 0);
        expect_sent(&s, MN_DHCP_DISCOVER);
        receive(&s, MN_DHCP_OFFER, GOOD);
        expect_sent(&s, MN_DHCP_REQUEST);
    }
    assert_int_equal(s.counters.value[MNET_COUNT_DHCP_NAK], MN_COUNT_OF(waits));
}

/* ---- CHECKING ---- */

static void checking_free_address_is_bound(void **state)
{
    (void)state;
    struct script s;
    checking_for(&s, (struct answer){MN_DHCP_ACK, GOOD, .router = SERVER});
    const struct mn_dhcp_lease *lease = mn_dhcp_client_lease(&s.client);
    assert_non_null(lease);
    assert_int_equal(lease->address, ADDRESS);
    assert_int_equal(lease->length, 24);
    assert_int_equal(lease->router, SERVER);
    assert_int_equal(lease->end_ns, START + LEASE * MNET_SECOND);
    refuse(&s, MN_DHCP_NAK, GOOD);
    refuse(&s, MN_DHCP_ACK, GOOD);
    uint32_t serial = s.client.serial;
    mn_dhcp_client_note_check(&s.client, false, s.now);
    expect_state(&s, MN_DHCP_BOUND);
    assert_int_equal(s.client.serial, serial);
    expect_silence(&s);
}

/* RFC 2131 3.1 (5), 4.4.1 table 5: DECLINE is broadcast, and then the client is silent for at least
 * ten seconds. */
static void checking_used_address_is_declined(void **state)
{
    (void)state;
    struct script s;
    checking_for(&s, (struct answer){MN_DHCP_ACK, GOOD});
    uint32_t xid = s.sent.xid, serial = s.client.serial;
    mn_dhcp_client_note_check(&s.client, true, s.now);
    assert_null(mn_dhcp_client_lease(&s.client));
    assert_int_not_equal(s.client.serial, serial);
    expect_sent(&s, MN_DHCP_DECLINE);
    assert_int_not_equal(s.sent.xid, xid);
    assert_int_equal(s.sent.requested_ip, ADDRESS);
    assert_int_equal(s.sent.server_id, SERVER);
    assert_int_equal(s.sent.ciaddr, 0);
    assert_int_equal(s.sent.secs, 0);
    assert_false(s.sent.wants_parameters);
    assert_int_equal(s.sent.message_max, 0);
    assert_int_equal(s.ends.source, 0);
    assert_int_equal(s.ends.destination, 0);
    refuse(&s, MN_DHCP_OFFER, GOOD);
    assert_int_equal(pass_to_deadline(&s), 10 * MNET_SECOND);
    expect_sent(&s, MN_DHCP_DISCOVER);
    assert_int_equal(s.counters.value[MNET_COUNT_DHCP_DECLINED], 1);
}

static void checking_lease_may_end_meanwhile(void **state)
{
    (void)state;
    struct script s;
    checking_for(&s, (struct answer){MN_DHCP_ACK, GOOD, .lease = 5});
    assert_int_equal(pass_to_deadline(&s), 5 * MNET_SECOND);
    assert_null(mn_dhcp_client_lease(&s.client));
    expect_sent(&s, MN_DHCP_DISCOVER);
}

/* ---- BOUND: times ---- */

static void bound_counts_from_the_request(void **state)
{
    (void)state;
    struct script s;
    requesting(&s);
    pass_to_deadline(&s); /* the first request was lost; the server may count from either */
    expect_sent(&s, MN_DHCP_REQUEST);
    receive(&s, MN_DHCP_ACK, GOOD, .t1 = 1000, .t2 = 2000);
    const struct mn_dhcp_lease *lease = mn_dhcp_client_lease(&s.client);
    assert_int_equal(lease->t1_ns, START + 1000 * MNET_SECOND);
    assert_int_equal(lease->t2_ns, START + 2000 * MNET_SECOND);
    assert_int_equal(lease->end_ns, START + LEASE * MNET_SECOND);
}

/* RFC 2131 4.4.5: half and seven eighths, the first one slightly at random. They also replace a
 * server's times that make no sense. */
static void bound_times_have_defaults(void **state)
{
    static const struct {
        uint32_t lease, t1, t2, expected_t1, expected_t2;
    } cases[] = {
        {3600, 0, 0, 1800, 3150},       {3600, 0, 2000, 1140, 2000},
        {3600, 4000, 5000, 1800, 3150}, {3600, 3000, 2000, 1140, 2000},
        {3600, 3600, 3600, 1800, 3150}, {7, 0, 0, 3, 7},
        {3600, 1700, 0, 1700, 3150},    {1, 0, 0, 1, 1},
    };
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        struct script s;
        checking_for(&s,
                     (struct answer){MN_DHCP_ACK, GOOD, .lease = cases[i].lease, .t1 = cases[i].t1, .t2 = cases[i].t2});
        const struct mn_dhcp_lease *lease = mn_dhcp_client_lease(&s.client);
        uint64_t t1 = START + cases[i].expected_t1 * MNET_SECOND, early = cases[i].expected_t1 / 16 * MNET_SECOND;
        assert_in_range(lease->t1_ns, t1 - early, t1);
        assert_int_equal(lease->t2_ns, START + cases[i].expected_t2 * MNET_SECOND);
        assert_int_equal(lease->end_ns, START + cases[i].lease * MNET_SECOND);
    }
}

static void bound_for_ever_never_renews(void **state)
{
    (void)state;
    struct script s;
    bound_for(&s, (struct answer){MN_DHCP_ACK, GOOD, .lease = 0xffffffff, .t1 = 10, .t2 = 20});
    assert_int_equal(mn_dhcp_client_deadline(&s.client), MNET_NEVER);
    pass_to(&s, START + UINT64_C(10000000000) * MNET_SECOND);
    expect_state(&s, MN_DHCP_BOUND);
    assert_int_equal(mn_dhcp_client_lease(&s.client)->end_ns, MNET_NEVER);
}

static void bound_longest_lease_does_not_overflow(void **state)
{
    (void)state;
    struct script s;
    bound_for(&s, (struct answer){MN_DHCP_ACK, GOOD, .lease = 0xfffffffe});
    assert_int_equal(mn_dhcp_client_lease(&s.client)->end_ns, START + UINT64_C(0xfffffffe) * MNET_SECOND);
    assert_true(mn_dhcp_client_deadline(&s.client) < mn_dhcp_client_lease(&s.client)->t2_ns);
}

/* ---- RENEWING, REBINDING, the end ---- */

/* RFC 2131 4.3.2 and table 5: unicast, with the address in ciaddr and without server and requested
 * address. */
static void bound_t1_asks_the_server(void **state)
{
    (void)state;
    struct script s;
    bound(&s);
    uint32_t xid = s.sent.xid;
    assert_int_equal(pass_to_deadline(&s), 1800 * MNET_SECOND);
    expect_sent(&s, MN_DHCP_REQUEST);
    expect_state(&s, MN_DHCP_RENEWING);
    assert_int_not_equal(s.sent.xid, xid);
    assert_int_equal(s.ends.source, ADDRESS);
    assert_int_equal(s.ends.destination, SERVER);
    assert_int_equal(s.sent.ciaddr, ADDRESS);
    assert_int_equal(s.sent.server_id, 0);
    assert_int_equal(s.sent.requested_ip, 0);
    assert_int_equal(s.sent.secs, 0);
    assert_false(s.sent.broadcast);
    assert_true(s.sent.wants_parameters);
    assert_non_null(mn_dhcp_client_lease(&s.client));
}

/* RFC 2131 4.4.5: half of the time left, but at least 60 s. T2 does not move. */
static void renewing_unanswered_repeats_up_to_t2(void **state)
{
    (void)state;
    struct script s;
    renewing(&s);
    uint64_t t2 = START + 3150 * MNET_SECOND;
    unsigned repeated = 0;
    while (s.client.state == MN_DHCP_RENEWING) {
        uint64_t left = t2 - s.now, wait = MN_MAX(left / 2, 60 * MNET_SECOND);
        assert_int_equal(pass_to_deadline(&s), MN_MIN(wait, left));
        expect_sent(&s, MN_DHCP_REQUEST);
        if (s.client.state == MN_DHCP_RENEWING) {
            assert_int_equal(s.ends.destination, SERVER);
            assert_int_equal(s.sent.secs, (s.now - START) / MNET_SECOND - 1800);
            repeated++;
        }
    }
    assert_true(repeated >= 4);
    assert_int_equal(s.now, t2);
    expect_state(&s, MN_DHCP_REBINDING);
    assert_int_equal(s.ends.source, ADDRESS);
    assert_int_equal(s.ends.destination, 0);
    assert_int_equal(s.sent.ciaddr, ADDRESS);
    assert_int_equal(s.sent.server_id, 0);
    assert_non_null(mn_dhcp_client_lease(&s.client));
}

static void renewing_ack_extends(void **state)
{
    (void)state;
    struct script s;
    renewing(&s);
    uint32_t serial = s.client.serial;
    uint64_t asked = s.now;
    refuse(&s, MN_DHCP_ACK, GOOD, .server = OTHER);
    refuse(&s, MN_DHCP_ACK, GOOD, .address = OTHER);
    refuse(&s, MN_DHCP_OFFER, GOOD);
    s.now += MNET_SECOND;
    receive(&s, MN_DHCP_ACK, GOOD, .lease = 7200, .router = OTHER);
    expect_state(&s, MN_DHCP_BOUND); /* no probing again */
    expect_silence(&s);
    assert_int_not_equal(s.client.serial, serial);
    assert_int_equal(mn_dhcp_client_lease(&s.client)->end_ns, asked + 7200 * MNET_SECOND);
    assert_int_equal(mn_dhcp_client_lease(&s.client)->router, OTHER);
}

static void renewing_nak_loses_the_address(void **state)
{
    (void)state;
    struct script s;
    renewing(&s);
    refuse(&s, MN_DHCP_NAK, .server = OTHER, .mac = MAC);
    receive(&s, MN_DHCP_NAK, .server = SERVER, .mac = MAC);
    assert_null(mn_dhcp_client_lease(&s.client));
    assert_int_equal(pass_to_deadline(&s), 0);
    expect_sent(&s, MN_DHCP_DISCOVER);
    assert_int_equal(s.sent.secs, 0);
    assert_int_equal(s.sent.ciaddr, 0);
    assert_int_equal(s.ends.source, 0);
}

static void rebinding_any_server_extends(void **state)
{
    (void)state;
    struct script s;
    rebinding(&s);
    uint64_t asked = s.now;
    refuse(&s, MN_DHCP_ACK, GOOD, .server = OTHER, .address = OTHER);
    receive(&s, MN_DHCP_ACK, GOOD, .server = OTHER, .t1 = 1800);
    expect_state(&s, MN_DHCP_BOUND);
    assert_int_equal(mn_dhcp_client_lease(&s.client)->end_ns, asked + LEASE * MNET_SECOND);
    pass_to_deadline(&s);
    expect_sent(&s, MN_DHCP_REQUEST);
    assert_int_equal(s.ends.destination, OTHER);
}

static void rebinding_nak_of_any_server_loses_the_address(void **state)
{
    (void)state;
    struct script s;
    rebinding(&s);
    receive(&s, MN_DHCP_NAK, .server = OTHER, .mac = MAC);
    assert_null(mn_dhcp_client_lease(&s.client));
    expect_state(&s, MN_DHCP_INIT);
}

static void rebinding_unanswered_ends_with_the_lease(void **state)
{
    (void)state;
    struct script s;
    rebinding(&s);
    uint64_t end = START + LEASE * MNET_SECOND;
    uint32_t serial = s.client.serial;
    while (s.now < end) {
        uint64_t left = end - s.now, wait = MN_MAX(left / 2, 60 * MNET_SECOND);
        assert_non_null(mn_dhcp_client_lease(&s.client));
        assert_int_equal(pass_to_deadline(&s), MN_MIN(wait, left));
        expect_sent(&s, s.now < end ? MN_DHCP_REQUEST : MN_DHCP_DISCOVER);
    }
    assert_int_equal(s.now, end);
    assert_null(mn_dhcp_client_lease(&s.client));
    assert_int_not_equal(s.client.serial, serial);
    expect_state(&s, MN_DHCP_SELECTING);
    assert_int_equal(s.sent.secs, 0);
}

/* The machine slept. */
static void bound_woken_after_the_end_asks_anew(void **state)
{
    (void)state;
    struct script s;
    bound(&s);
    pass_to(&s, START + 100000 * MNET_SECOND);
    assert_null(mn_dhcp_client_lease(&s.client));
    expect_sent(&s, MN_DHCP_DISCOVER);
}

static void bound_woken_between_t2_and_the_end_rebinds(void **state)
{
    (void)state;
    struct script s;
    bound(&s);
    pass_to(&s, START + 3590 * MNET_SECOND);
    expect_sent(&s, MN_DHCP_REQUEST);
    expect_state(&s, MN_DHCP_REBINDING);
    assert_int_equal(pass_to_deadline(&s), 10 * MNET_SECOND);
    expect_sent(&s, MN_DHCP_DISCOVER);
}

/* After an address was bound, a failure is the first one again. */
static void bound_forgets_old_failures(void **state)
{
    (void)state;
    struct script s;
    requesting(&s);
    for (int i = 0; i < 5; i++) {
        receive(&s, MN_DHCP_NAK, .server = SERVER, .mac = MAC);
        pass_to_deadline(&s);
        expect_sent(&s, MN_DHCP_DISCOVER);
        receive(&s, MN_DHCP_OFFER, GOOD);
        expect_sent(&s, MN_DHCP_REQUEST);
    }
    receive(&s, MN_DHCP_ACK, GOOD);
    mn_dhcp_client_note_check(&s.client, false, s.now);
    pass_to_deadline(&s);
    expect_sent(&s, MN_DHCP_REQUEST);
    receive(&s, MN_DHCP_NAK, .server = SERVER, .mac = MAC);
    assert_int_equal(pass_to_deadline(&s), 0);
}

/* ---- RELEASE ---- */

/* RFC 2131 4.4.6 and table 5 */
static void bound_release_tells_the_server(void **state)
{
    (void)state;
    struct script s;
    bound(&s);
    uint32_t xid = s.sent.xid;
    mn_dhcp_client_release(&s.client, s.now);
    expect_sent(&s, MN_DHCP_RELEASE);
    assert_int_equal(s.ends.source, ADDRESS);
    assert_int_equal(s.ends.destination, SERVER);
    assert_int_equal(s.sent.ciaddr, ADDRESS);
    assert_int_equal(s.sent.server_id, SERVER);
    assert_int_equal(s.sent.requested_ip, 0);
    assert_int_not_equal(s.sent.xid, xid);
    assert_int_equal(mn_dhcp_client_deadline(&s.client), MNET_NEVER);
    mn_dhcp_client_release(&s.client, s.now); /* once is enough */
    expect_silence(&s);
}

static void selecting_release_has_nothing_to_say(void **state)
{
    (void)state;
    struct script s;
    start(&s);
    mn_dhcp_client_release(&s.client, s.now);
    expect_silence(&s);
    expect_state(&s, MN_DHCP_OFF);
    assert_int_equal(mn_dhcp_client_deadline(&s.client), MNET_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_discover_is_sent_at_once),
        cmocka_unit_test(selecting_unanswered_backs_off),
        cmocka_unit_test(selecting_for_days_still_counts),
        cmocka_unit_test(selecting_offer_is_requested),
        cmocka_unit_test(selecting_answers_of_others_are_refused),
        cmocka_unit_test(selecting_offer_without_what_it_needs_is_refused),
        cmocka_unit_test(selecting_every_truncation_changes_nothing),
        cmocka_unit_test(requesting_unanswered_starts_over),
        cmocka_unit_test(requesting_wrong_ack_is_refused),
        cmocka_unit_test(requesting_naks_slow_down),
        cmocka_unit_test(checking_free_address_is_bound),
        cmocka_unit_test(checking_used_address_is_declined),
        cmocka_unit_test(checking_lease_may_end_meanwhile),
        cmocka_unit_test(bound_counts_from_the_request),
        cmocka_unit_test(bound_times_have_defaults),
        cmocka_unit_test(bound_for_ever_never_renews),
        cmocka_unit_test(bound_longest_lease_does_not_overflow),
        cmocka_unit_test(bound_t1_asks_the_server),
        cmocka_unit_test(renewing_unanswered_repeats_up_to_t2),
        cmocka_unit_test(renewing_ack_extends),
        cmocka_unit_test(renewing_nak_loses_the_address),
        cmocka_unit_test(rebinding_any_server_extends),
        cmocka_unit_test(rebinding_nak_of_any_server_loses_the_address),
        cmocka_unit_test(rebinding_unanswered_ends_with_the_lease),
        cmocka_unit_test(bound_woken_after_the_end_asks_anew),
        cmocka_unit_test(bound_woken_between_t2_and_the_end_rebinds),
        cmocka_unit_test(bound_forgets_old_failures),
        cmocka_unit_test(bound_release_tells_the_server),
        cmocka_unit_test(selecting_release_has_nothing_to_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
