/* The DHCP client in virtual time: each state, each timer, each message that must not count (RFC 2131). */
#include "unit/support.h"

#include <stdio.h>

#include <mnet/time.h>

#include "dhcp/client.h"
#include "support/dhcp_reply.h"

/* Lines of a script override defaults. */
#pragma GCC diagnostic ignored "-Woverride-init"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Woverride-init-side-effects"
#endif

#define MAC ((struct mn_mac){{2, 0, 0, 0, 0, 2}})
#define ADDRESS 0x0a000042u
#define SERVER 0x0a000001u
#define OTHER 0x0a000009u
#define START (1000 * MNET_SECOND)
#define LEASE 3600u

struct script {
    struct mn_dhcp_client client;
    struct mnet_counters counters;
    struct mn_random random;
    uint64_t now;
    struct mn_dhcp sent; /* the last message, and its way */
    struct mn_dhcp_ends ends;
};

#define dropped(s) ((s)->counters.value[MNET_COUNT_DHCP_DROP_UNEXPECTED])

/* ---- the lines of a script ---- */

static void expect_silence(struct script *s)
{
    uint8_t bytes[MN_DHCP_EMIT];
    assert_false(mn_dhcp_client_output(&s->client, bytes, &s->ends));
}

/* The next message is of this type; what every message must say is checked. */
static void expect_sent(struct script *s, enum mn_dhcp_type type)
{
    uint8_t bytes[MN_DHCP_EMIT];
    assert_true(mn_dhcp_client_output(&s->client, bytes, &s->ends));
    assert_int_equal(mn_dhcp_parse(bytes, sizeof bytes, &s->sent), MN_PARSE_OK);
    assert_int_equal(s->sent.operation, MN_DHCP_BOOTREQUEST);
    assert_int_equal(s->sent.type, type);
    assert_true(mn_mac_equal(s->sent.chaddr, MAC));
    assert_int_equal(s->sent.client_id_len, 7);
    assert_memory_equal(s->sent.client_id, "\x01\x02\0\0\0\0\x02", 7);
    assert_int_equal(s->sent.yiaddr, 0);
    expect_silence(s);
}

static void expect_state(struct script *s, enum mn_dhcp_state state)
{
    assert_int_equal(s->client.state, state);
}

static void start(struct script *s)
{
    static const uint8_t seed[MN_RANDOM_SEED] = "the same in every run";
    memset(s, 0, sizeof *s);
    mn_random_init(&s->random, seed);
    s->now = START;
    mn_dhcp_client_start(&s->client, &s->counters, &s->random, MAC, 1500, s->now);
}

/* Lets time pass up to the client's deadline; returns how long that took. */
static uint64_t pass_to_deadline(struct script *s)
{
    uint64_t before = s->now, deadline = mn_dhcp_client_deadline(&s->client);
    assert_true(deadline != MNET_NEVER && deadline >= before);
    if (deadline > before) {
        mn_dhcp_client_expire(&s->client, deadline - 1);
        expect_silence(s);
    }
    s->now = deadline;
    mn_dhcp_client_expire(&s->client, s->now);
    return s->now - before;
}

static void pass_to(struct script *s, uint64_t at)
{
    s->now = at;
    mn_dhcp_client_expire(&s->client, at);
}

static void assert_seconds(uint64_t ns, uint64_t seconds, uint64_t more_or_less)
{
    assert_in_range(ns, (seconds - more_or_less) * MNET_SECOND, (seconds + more_or_less) * MNET_SECOND);
}

/* What a server answers; zeros are left out. */
struct answer {
    enum mn_dhcp_type type;
    uint32_t address, server, lease, mask, t1, t2, router;
    uint32_t xid; /* 0: that of the last message sent */
    struct mn_mac mac;
};
#define GOOD .address = ADDRESS, .server = SERVER, .lease = LEASE, .mask = 0xffffff00, .mac = MAC

static void build(struct script *s, struct dhcp_reply *reply, const struct answer *answer)
{
    reply_begin(reply, (uint8_t)answer->type, answer->xid != 0 ? answer->xid : s->sent.xid, answer->address,
                answer->mac);
    const struct {
        uint8_t code;
        uint32_t value;
    } options[] = {{54, answer->server}, {51, answer->lease}, {1, answer->mask},
                   {58, answer->t1},     {59, answer->t2},    {3, answer->router}};
    for (size_t i = 0; i < MN_COUNT_OF(options); i++)
        if (options[i].value != 0)
            reply_u32(reply, options[i].code, options[i].value);
}

static void receive_reply(struct script *s, struct dhcp_reply *reply)
{
    reply_end(reply);
    mn_dhcp_client_input(&s->client, reply->bytes, reply->len, s->now);
}

static void receive_answer(struct script *s, struct answer answer)
{
    struct dhcp_reply reply;
    build(s, &reply, &answer);
    receive_reply(s, &reply);
}
#define receive(s, ...) receive_answer(s, (struct answer){__VA_ARGS__})

/* The same, and it must count as nothing. */
static void refuse_answer(struct script *s, struct answer answer)
{
    uint8_t state = s->client.state;
    uint64_t before = dropped(s), deadline = s->client.deadline_ns;
    receive_answer(s, answer);
    assert_int_equal(s->client.state, state);
    assert_int_equal(s->client.deadline_ns, deadline);
    assert_int_equal(dropped(s), before + 1);
    expect_silence(s);
}
#define refuse(s, ...) refuse_answer(s, (struct answer){__VA_ARGS__})

/* ---- states to begin with ---- */

static void selecting(struct script *s)
{
    start(s);
    expect_sent(s, MN_DHCP_DISCOVER);
}

static void requesting(struct script *s)
{
    selecting(s);
    receive(s, MN_DHCP_OFFER, GOOD);
    expect_sent(s, MN_DHCP_REQUEST);
    expect_state(s, MN_DHCP_REQUESTING);
}

static void checking_for(struct script *s, struct answer answer)
{
    requesting(s);
    receive_answer(s, answer);
    expect_state(s, MN_DHCP_CHECKING);
}

static void bound_for(struct script *s, struct answer answer)
{
    checking_for(s, answer);
    mn_dhcp_client_checked(&s->client, false, s->now);
    expect_state(s, MN_DHCP_BOUND);
    expect_silence(s);
}

static void bound(struct script *s)
{
    bound_for(s, (struct answer){MN_DHCP_ACK, GOOD, .t1 = 1800, .t2 = 3150});
}

static void renewing(struct script *s)
{
    bound(s);
    pass_to_deadline(s);
    expect_sent(s, MN_DHCP_REQUEST);
    expect_state(s, MN_DHCP_RENEWING);
}

static void rebinding(struct script *s)
{
    renewing(s);
    pass_to(s, START + 3150 * MNET_SECOND);
    expect_sent(s, MN_DHCP_REQUEST);
    expect_state(s, MN_DHCP_REBINDING);
}

static void checking(struct script *s)
{
    checking_for(s, (struct answer){MN_DHCP_ACK, GOOD});
}

static void rebooting(struct script *s)
{
    bound(s);
    s->now += 60 * MNET_SECOND;
    mn_dhcp_client_link_up(&s->client, s->now);
    expect_sent(s, MN_DHCP_REQUEST);
    expect_state(s, MN_DHCP_REBOOTING);
}

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

/* RFC 2131 4.1: 4, 8, 16, 32, 64 s, more or less a random second, and 64 s from then on. */
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
    /* RFC 6842 section 3: an identifier that is not ours */
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
    for (size_t len = 0; len < AT_OPTIONS + 15; len++) { /* up to all of what an offer needs */
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

/* RFC 2131 3.1 (5): from the beginning; but a server that only refuses is not asked faster and faster. */
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
    mn_dhcp_client_checked(&s.client, false, s.now);
    expect_state(&s, MN_DHCP_BOUND);
    assert_int_equal(s.client.serial, serial);
    expect_silence(&s);
}

/* RFC 2131 3.1 (5), 4.4.1 table 5: DECLINE to everybody, then at least ten seconds of silence. */
static void checking_used_address_is_declined(void **state)
{
    (void)state;
    struct script s;
    checking_for(&s, (struct answer){MN_DHCP_ACK, GOOD});
    uint32_t xid = s.sent.xid, serial = s.client.serial;
    mn_dhcp_client_checked(&s.client, true, s.now);
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
    pass_to_deadline(&s); /* the first request was lost; who knows which one the server counts from */
    expect_sent(&s, MN_DHCP_REQUEST);
    receive(&s, MN_DHCP_ACK, GOOD, .t1 = 1000, .t2 = 2000);
    const struct mn_dhcp_lease *lease = mn_dhcp_client_lease(&s.client);
    assert_int_equal(lease->t1_ns, START + 1000 * MNET_SECOND);
    assert_int_equal(lease->t2_ns, START + 2000 * MNET_SECOND);
    assert_int_equal(lease->end_ns, START + LEASE * MNET_SECOND);
}

/* RFC 2131 4.4.5: half and seven eighths, the first a little at random; so too where the server's make no sense. */
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

/* RFC 2131 4.3.2 and table 5: unicast, with the address in ciaddr and without server and requested address. */
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

/* RFC 2131 4.4.5: half of what is left, at least 60 s; and T2 is T2. */
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

/* RFC 2131 table 3 has the server name itself in a NAK. Some do not; a lease that is refused is lost all the same. */
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

/* ---- What an answer does not say ---- */

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

/* All of it in the OFFER, or in the first ACK. */
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
    mn_dhcp_client_checked(&s->client, false, s->now);
    expect_state(s, MN_DHCP_BOUND);
    expect_all_options(s);
}

/* A server that prolongs a lease may leave it at the time: nothing else has changed then (RFC 2131 4.4.5). */
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
            assert_int_equal(mn_dhcp_client_lease(&s.client)->t2_s, 6300); /* belongs to the time: 7/8 of it */
        }
    }
}

/* Not even the time: as long as before, with the T1 and T2 of then. */
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

/* What an ACK does say replaces what was told before; routes and router are one thing. */
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
        mn_dhcp_client_link_up(&s.client, s.now);
        expect_sent(&s, MN_DHCP_DISCOVER);
        expect_state(&s, MN_DHCP_SELECTING);
        assert_int_not_equal(s.sent.xid, before);
        assert_int_equal(s.sent.secs, 0);
        assert_null(mn_dhcp_client_lease(&s.client));
        assert_seconds(pass_to_deadline(&s), 4, 1); /* and so on, from the beginning */
    }
}

/* Failures of the network before do not count against this one. */
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
    mn_dhcp_client_link_up(&s.client, s.now);
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
        mn_dhcp_client_link_up(&s.client, s.now);
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

/* A server that knows nothing of the lease is silent (4.3.2), but may have another to offer. */
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

/* Where nobody answers the lease holds until it ends (3.2 (4)). */
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
    mn_dhcp_client_link_up(&s.client, s.now);
    expect_sent(&s, MN_DHCP_REQUEST);
    assert_int_equal(pass_to_deadline(&s), 2 * MNET_SECOND);
    assert_null(mn_dhcp_client_lease(&s.client));
    expect_sent(&s, MN_DHCP_DISCOVER);
    bound(&s);
    s.now = s.client.lease.end_ns;
    mn_dhcp_client_link_up(&s.client, s.now); /* down for longer than the lease */
    assert_null(mn_dhcp_client_lease(&s.client));
    expect_sent(&s, MN_DHCP_DISCOVER);
}

/* A link that comes and goes all the time causes one message a second. */
static void link_that_flaps_is_asked_about_once_a_second(void **state)
{
    (void)state;
    struct script s;
    selecting(&s);
    unsigned sent = 0;
    uint64_t end = s.now + 5 * MNET_SECOND - 1;
    for (; s.now < end; s.now += 10 * MNET_MILLISECOND) {
        uint8_t bytes[MN_DHCP_EMIT];
        mn_dhcp_client_link_up(&s.client, s.now);
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
    mn_dhcp_client_link_up(&s.client, s.now);
    expect_silence(&s);
    expect_state(&s, MN_DHCP_RELEASED);
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

/* A machine that slept. */
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

/* After an address was ours, a failure is again the first one. */
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
    mn_dhcp_client_checked(&s.client, false, s.now);
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
        cmocka_unit_test(rebinding_unanswered_ends_with_the_lease),
        cmocka_unit_test(bound_woken_after_the_end_asks_anew),
        cmocka_unit_test(bound_woken_between_t2_and_the_end_rebinds),
        cmocka_unit_test(bound_forgets_old_failures),
        cmocka_unit_test(bound_release_tells_the_server),
        cmocka_unit_test(selecting_release_has_nothing_to_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
