/* The DHCPv6 client finds a server and gets addresses (RFC 8415 18.2.1, 18.2.2, 18.2.9), in virtual
 * time. */
#include "unit/dhcp6_script.h"

/* ---- SOLICITING ---- */

/* DHCP6-18-1: nothing without a flag. */
static void off_sends_nothing_without_a_flag(void **state)
{
    (void)state;
    struct script6 s;
    start(&s);
    mn_dhcp6_client_note_flags(&s.client, false, false, s.now);
    mn_dhcp6_client_note_link_up(&s.client, s.now);
    assert_true(mn_dhcp6_client_deadline(&s.client) == MNET_NEVER);
    expect_silence(&s);
    expect_state(&s, MN_DHCP6_OFF);
}

/* DHCP6-18.2.1-1 to DHCP6-18.2.1-6, DHCP6-21.6-3, DHCP6-21.7-1, DHCP6-21.23-2, DHCP6-21.24-1,
 * DHCP6-21.7-2, DHCP6-7.3-1. */
static void solicit_has_its_options_and_no_others(void **state)
{
    static const uint16_t allowed[] = {1, 3, 6, 8};
    (void)state;
    struct script6 s;
    soliciting(&s);
    assert_int_equal(s.sent.elapsed, 0);
    assert_int_equal(s.sent.server_id.len, 0);
    assert_int_equal(s.sent.ia_count, 1);
    assert_int_equal(s.sent.ias[0].iaid, IAID);
    assert_int_equal(s.sent.ias[0].t1_s + s.sent.ias[0].t2_s, 0);
    assert_int_equal(s.sent.ias[0].address_count, 0);
    assert_int_equal(s.sent.requested_count, 4);
    assert_true(asks_for(&s, MN_DHCPV6_OPTION_NTP_SERVER));
    assert_true(asks_for(&s, MN_DHCPV6_OPTION_SOL_MAX_RT));
    assert_true(asks_for(&s, MN_DHCPV6_OPTION_DNS_SERVERS) && asks_for(&s, MN_DHCPV6_OPTION_DOMAIN_LIST));
    for (uint16_t code = 0; code < 200; code++) {
        bool is_allowed = false;
        for (size_t i = 0; i < MN_COUNT_OF(allowed); i++)
            is_allowed |= allowed[i] == code;
        assert_int_equal(has_option(&s, code), is_allowed);
    }
}

/* DHCP6-18.2.1-7: uniform in the first second. DHCP6-18.2.1-9: the first RT is longer than IRT.
 * DHCP6-15-7: seeds differ. */
static void solicit_times_are_random(void **state)
{
    (void)state;
    uint64_t early = 0, late = 0, short_rt = 0;
    uint32_t xid = 0;
    for (unsigned seed = 1; seed <= 500; seed++) {
        struct script6 s;
        char text[8] = {(char)('a' + seed % 26), (char)('a' + seed / 26 % 26), 0};
        start_with(&s, text, (struct mn_dhcp6_config){0});
        mn_dhcp6_client_note_flags(&s.client, true, true, s.now);
        uint64_t delay = await_sent(&s, MN_DHCPV6_SOLICIT);
        assert_ms(delay, 0, 1000);
        early += delay < MNET_SECOND / 4;
        late += delay > 3 * MNET_SECOND / 4;
        assert_true(s.sent.xid != xid); /* DHCP6-16.1-1 */
        xid = s.sent.xid;
        uint64_t rt = await_sent(&s, MN_DHCPV6_SOLICIT);
        assert_true(rt > MNET_SECOND && rt <= 1100 * MNET_MILLISECOND);
        short_rt += rt < 1050 * MNET_MILLISECOND;
        assert_int_equal(s.sent.xid, xid); /* DHCP6-16.1-2 */
    }
    assert_in_range(early, 80, 170);
    assert_in_range(late, 80, 170);
    assert_in_range(short_rt, 200, 300);
}

/* DHCP6-7.6-1, DHCP6-15-1 to DHCP6-15-4, DHCP6-15-6, DHCP6-18.2.1-8, DHCP6-18.2.1-14, DHCP6-21.9-1:
 * intervals double up to an hour, each randomised, and there is no end. */
static void soliciting_unanswered_backs_off_for_ever(void **state)
{
    (void)state;
    struct script6 s;
    soliciting(&s);
    uint64_t first = s.now, rt = await_sent(&s, MN_DHCPV6_SOLICIT), capped = 0, longest = 0, least = UINT64_MAX;
    while (s.now < first + 10 * 86400 * MNET_SECOND) {
        uint64_t next = await_sent(&s, MN_DHCPV6_SOLICIT);
        uint64_t elapsed = (s.now - first) / (10 * MNET_MILLISECOND);
        assert_int_equal(s.sent.elapsed, MN_MIN(elapsed, 0xffff));
        if (next > 3240 * MNET_SECOND) {
            assert_ms(next, 3240000, 3960000);
            longest = MN_MAX(longest, next);
            least = MN_MIN(least, next);
            capped++;
        } else {
            assert_in_range(next, rt / 10 * 19, rt / 10 * 21 + 10);
        }
        rt = next;
    }
    assert_true(capped > 200 && longest > least);
}

/* DHCP6-14-1, DHCP6-18.2.1-10, DHCP6-18.2.2-1 to DHCP6-18.2.2-3, DHCP6-21.4-2, DHCP6-21.6-2. */
static void advertise_is_requested_when_the_first_rt_is_over(void **state)
{
    (void)state;
    struct script6 s;
    soliciting(&s);
    uint32_t xid = s.sent.xid;
    pass_to(&s, s.now + 100 * MNET_MILLISECOND);
    struct mn_dhcpv6 advertise = answer6(&s, MN_DHCPV6_ADVERTISE);
    advertise.preference = 10;
    receive(&s, &advertise);
    expect_silence(&s);
    assert_ms(await_sent(&s, MN_DHCPV6_REQUEST), 900, 1000);
    assert_true(s.sent.xid != xid);
    assert_int_equal(s.sent.elapsed, 0);
    assert_true(mn_dhcpv6_duid_equal(&s.sent.server_id, &advertise.server_id));
    assert_true(asks_for(&s, MN_DHCPV6_OPTION_SOL_MAX_RT) && !asks_for(&s, MN_DHCPV6_OPTION_REFRESH_TIME));
    const struct mn_dhcpv6_ia *ia = &s.sent.ias[0];
    assert_int_equal(ia->iaid, IAID);
    assert_int_equal(ia->t1_s + ia->t2_s, 0);
    assert_int_equal(ia->address_count, 1);
    assert_true(mnet_address_equal(ia->addresses[0].address, ADDRESS6));
    assert_int_equal(ia->addresses[0].valid_s + ia->addresses[0].preferred_s, 0);
    assert_int_equal(s.client.binding.count, 0);
}

/* DHCP6-18.2.1-11 */
static void advertise_of_preference_255_is_requested_at_once(void **state)
{
    (void)state;
    struct script6 s;
    soliciting(&s);
    struct mn_dhcpv6 advertise = answer6(&s, MN_DHCPV6_ADVERTISE);
    advertise.server_id = OTHER_SERVER6;
    advertise.preference = 254;
    receive(&s, &advertise);
    expect_silence(&s);
    advertise = answer6(&s, MN_DHCPV6_ADVERTISE);
    advertise.preference = 255;
    receive(&s, &advertise);
    expect_sent(&s, MN_DHCPV6_REQUEST);
    assert_true(mn_dhcpv6_duid_equal(&s.sent.server_id, &advertise.server_id));
}

/* DHCP6-18.2.1-12, DHCP6-18.2.9-1, DHCP6-11-2: no preference is 0; the highest wins; servers differ
 * by every byte. */
static void best_preference_is_requested(void **state)
{
    (void)state;
    static const uint8_t preferences[] = {0, 1, 5, 200, 199};
    struct script6 s;
    soliciting(&s);
    for (uint8_t i = 0; i < MN_COUNT_OF(preferences); i++) {
        struct mn_dhcpv6 advertise = answer6(&s, MN_DHCPV6_ADVERTISE);
        advertise.server_id = mn_dhcpv6_duid_en(9, &i, 1);
        advertise.preference = preferences[i];
        advertise.ias[0].addresses[0].address = host6(i);
        receive(&s, &advertise);
    }
    await_sent(&s, MN_DHCPV6_REQUEST);
    assert_true(mnet_address_equal(s.sent.ias[0].addresses[0].address, host6(3)));
    assert_int_equal(s.sent.server_id.bytes[6], 3);
}

/* DHCP6-18.2.1-13 */
static void late_advertise_is_requested_at_once(void **state)
{
    (void)state;
    struct script6 s;
    soliciting(&s);
    await_sent(&s, MN_DHCPV6_SOLICIT);
    pass_to(&s, s.now + 500 * MNET_MILLISECOND);
    struct mn_dhcpv6 advertise = answer6(&s, MN_DHCPV6_ADVERTISE);
    receive(&s, &advertise);
    expect_sent(&s, MN_DHCPV6_REQUEST);
}

/* DHCP6-16.3-1 to DHCP6-16.3-3, DHCP6-16.2-1, DHCP6-16-3, DHCP6-21.20-1, DHCP6-16.11-1,
 * DHCP6-18.2.1-18 */
static void soliciting_wrong_messages_are_refused(void **state)
{
    (void)state;
    struct script6 s;
    soliciting(&s);
    struct mn_dhcpv6 message = answer6(&s, MN_DHCPV6_ADVERTISE), good = message;
    message.server_id.len = 0;
    refuse(&s, &message);
    message = good;
    message.client_id.len = 0;
    refuse(&s, &message);
    message = good;
    message.client_id.bytes[message.client_id.len - 1] ^= 1;
    refuse(&s, &message);
    message = good;
    message.client_id.len++;
    refuse(&s, &message);
    message = good;
    message.xid ^= 1;
    refuse(&s, &message);
    message = good;
    message.rapid_commit = true; /* not asked for */
    message.sol_max_rt_s = 60;
    message.type = MN_DHCPV6_REPLY;
    refuse(&s, &message);
    assert_int_equal(s.client.sol_max_rt.seconds, 3600);
    for (unsigned type = 1; type <= 11; type++) {
        message.type = (uint8_t)type;
        message.reconfigure = MN_DHCPV6_INFORMATION_REQUEST;
        if (type != MN_DHCPV6_ADVERTISE)
            refuse(&s, &message);
    }
    for (unsigned type = 0; type < 256; type++) {
        uint8_t bytes[] = {(uint8_t)type, 0, 0, 0};
        uint64_t before = invalid(&s);
        if (type >= 1 && type <= 11)
            continue;
        receive_bytes(&s, bytes, sizeof bytes);
        assert_int_equal(invalid(&s), before + 1);
    }
    receive(&s, &good);
    await_sent(&s, MN_DHCPV6_REQUEST);
}

/* DHCP6-18.2.9-2, DHCP6-18.2.9-4, DHCP6-18.2.9-5, DHCP6-21.4-4, DHCP6-18.2.10.1-4: an answer
 * without an address changes SOL_MAX_RT only. */
static void advertise_without_address_is_ignored(void **state)
{
    (void)state;
    struct script6 s;
    soliciting(&s);
    uint64_t deadline = mn_dhcp6_client_deadline(&s.client);
    struct mn_dhcpv6 good = answer6(&s, MN_DHCPV6_ADVERTISE), message = good;
    message.sol_max_rt_s = 600;
    message.ias[0].address_count = 0;
    message.ias[0].status = MN_DHCPV6_NO_ADDRS_AVAIL;
    receive(&s, &message);
    message = good;
    message.ias[0].status = MN_DHCPV6_NO_ADDRS_AVAIL;
    receive(&s, &message);
    message = good;
    message.ias[0].iaid++; /* DHCP6-12.1-1 */
    receive(&s, &message);
    message = good;
    message.ia_count = 0;
    receive(&s, &message);
    message = good;
    message.ias[0].t1_s = 900; /* behind T2 */
    receive(&s, &message);
    message = good;
    message.ias[0].addresses[0].preferred_s = 2001; /* longer than valid: DHCP6-21.6-4 */
    receive(&s, &message);
    message = good;
    message.ias[0].addresses[0].status = MN_DHCPV6_NO_ADDRS_AVAIL;
    receive(&s, &message);
    expect_silence(&s);
    assert_int_equal(mn_dhcp6_client_deadline(&s.client), deadline);
    assert_int_equal(s.client.sol_max_rt.seconds, 600);
    await_sent(&s, MN_DHCPV6_SOLICIT);
    uint64_t longest = 0;
    for (unsigned i = 0; i < 20; i++) {
        uint64_t took = await_sent(&s, MN_DHCPV6_SOLICIT);
        longest = MN_MAX(longest, took);
    }
    assert_ms(longest, 540000, 660000);
}

/* DHCP6-18.2.9-3 */
static void advertised_limits_count_if_all_agree(void **state)
{
    (void)state;
    struct script6 s;
    soliciting(&s);
    struct mn_dhcpv6 message = answer6(&s, MN_DHCPV6_ADVERTISE);
    message.sol_max_rt_s = 600;
    message.inf_max_rt_s = 700;
    receive(&s, &message);
    assert_int_equal(s.client.sol_max_rt.seconds, 600);
    message.server_id = OTHER_SERVER6;
    message.sol_max_rt_s = 700;
    receive(&s, &message);
    assert_int_equal(s.client.sol_max_rt.seconds, 3600);
    message.sol_max_rt_s = 600;
    receive(&s, &message);
    assert_int_equal(s.client.sol_max_rt.seconds, 3600);
    assert_int_equal(s.client.inf_max_rt.seconds, 700);
}

/* DHCP6-21.24-2, DHCP6-21.24-3, DHCP6-21.25-2 */
static void limits_outside_their_range_are_ignored(void **state)
{
    static const struct {
        uint32_t said, taken;
    } cases[] = {{59, 3600}, {60, 60}, {86400, 86400}, {86401, 3600}};
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        struct script6 s;
        soliciting(&s);
        struct mn_dhcpv6 message = answer6(&s, MN_DHCPV6_ADVERTISE);
        message.sol_max_rt_s = message.inf_max_rt_s = cases[i].said;
        receive(&s, &message);
        assert_int_equal(s.client.sol_max_rt.seconds, cases[i].taken);
        assert_int_equal(s.client.inf_max_rt.seconds, cases[i].taken);
    }
}

/* DHCP6-22-1: memory for offers is bounded, and the best ones stay. */
static void flood_of_advertises_is_bounded(void **state)
{
    (void)state;
    struct script6 s;
    soliciting(&s);
    for (unsigned i = 0; i < 10000; i++) {
        struct mn_dhcpv6 message = answer6(&s, MN_DHCPV6_ADVERTISE);
        message.server_id = mn_dhcpv6_duid_en(i, "flood", 5);
        message.preference = i == 5000 ? 9 : 1;
        receive(&s, &message);
    }
    assert_int_equal(s.client.offer_count, MN_DHCP6_OFFERS);
    await_sent(&s, MN_DHCPV6_REQUEST);
    struct mn_dhcpv6_duid best = mn_dhcpv6_duid_en(5000, "flood", 5);
    assert_true(mn_dhcpv6_duid_equal(&s.sent.server_id, &best));
}

/* DHCP6-16-2, DHCP6-21.1-1, DHCP6-11-1, DHCP6-11-3: unknown options and DUIDs are no obstacle,
 * broken ones are. */
static void unknown_options_are_skipped_and_broken_ones_refused(void **state)
{
    (void)state;
    struct script6 s;
    soliciting(&s);
    struct mn_dhcpv6 message = answer6(&s, MN_DHCPV6_ADVERTISE);
    uint8_t bytes[MESSAGE_MAX];
    message.server_id = (struct mn_dhcpv6_duid){.len = MN_DHCPV6_DUID, .bytes = {0xff, 0xff, 7}};
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    mn_dhcpv6_write(&w, &message);
    mn_write_u16(&w, 65000);
    mn_write_u16(&w, 3);
    mn_write_bytes(&w, "abc", 3);
    size_t len = sizeof bytes - w.left;
    uint64_t before = invalid(&s);
    receive_bytes(&s, bytes, len - 1);
    assert_int_equal(invalid(&s), before + 1);
    assert_int_equal(s.client.offer_count, 0);
    receive_bytes(&s, bytes, len);
    await_sent(&s, MN_DHCPV6_REQUEST);
    assert_true(mn_dhcpv6_duid_equal(&s.sent.server_id, &message.server_id));
}

/* ---- Rapid Commit ---- */

static void rapid(struct script6 *s)
{
    start_with(s, "rapid", (struct mn_dhcp6_config){.rapid_commit = true});
    mn_dhcp6_client_note_flags(&s->client, true, false, s->now);
    await_sent(s, MN_DHCPV6_SOLICIT);
    assert_true(s->sent.rapid_commit);
}

/* DHCP6-18.2.1-15, DHCP6-18.2.1-16 */
static void rapid_reply_ends_the_exchange(void **state)
{
    (void)state;
    struct script6 s;
    rapid(&s);
    struct mn_dhcpv6 reply = answer6(&s, MN_DHCPV6_REPLY);
    refuse(&s, &reply);
    reply.rapid_commit = true;
    receive(&s, &reply);
    expect_state(&s, MN_DHCP6_BOUND);
    assert_true(holds(&s, ADDRESS6));
    expect_silence(&s);
    soliciting(&s);
    assert_false(s.sent.rapid_commit);
}

/* DHCP6-18.2.1-17, DHCP6-18.2.1-19: the usual way, and the late Reply is one of before. */
static void rapid_advertise_goes_the_usual_way(void **state)
{
    (void)state;
    struct script6 s;
    rapid(&s);
    struct mn_dhcpv6 late = answer6(&s, MN_DHCPV6_REPLY), advertise = answer6(&s, MN_DHCPV6_ADVERTISE);
    late.rapid_commit = true;
    late.ias[0].addresses[0].address = OTHER_ADDRESS6;
    receive(&s, &advertise);
    await_sent(&s, MN_DHCPV6_REQUEST);
    assert_false(s.sent.rapid_commit);
    refuse(&s, &late);
    struct mn_dhcpv6 reply = answer6(&s, MN_DHCPV6_REPLY);
    receive(&s, &reply);
    assert_true(holds(&s, ADDRESS6) && !holds(&s, OTHER_ADDRESS6));
}

static void rapid_reply_without_address_is_ignored(void **state)
{
    (void)state;
    struct script6 s;
    rapid(&s);
    struct mn_dhcpv6 reply = answer6(&s, MN_DHCPV6_REPLY);
    reply.rapid_commit = true;
    reply.ias[0].status = MN_DHCPV6_NOT_ON_LINK;
    refuse(&s, &reply);
}

/* ---- REQUESTING ---- */

/* DHCP6-7.6-2, DHCP6-15-2, DHCP6-15-5, DHCP6-18.2.2-4: ten in all, and then from the beginning. */
static void requesting_unanswered_ends_after_ten(void **state)
{
    (void)state;
    struct script6 s;
    requesting(&s);
    uint64_t rt = 0;
    for (unsigned i = 1; i < 10; i++) {
        rt = await_sent(&s, MN_DHCPV6_REQUEST);
        assert_ms(rt, i == 1 ? 900 : 1800, 33000);
    }
    assert_ms(rt, 27000, 33000);
    uint64_t last = s.now;
    await_sent(&s, MN_DHCPV6_SOLICIT);
    assert_ms(s.now - last, 27000, 35000);
}

/* DHCP6-18.2.9-6, DHCP6-18.2.2-4 */
static void requesting_unanswered_asks_the_next_server(void **state)
{
    (void)state;
    struct script6 s;
    soliciting(&s);
    struct mn_dhcpv6 advertise = answer6(&s, MN_DHCPV6_ADVERTISE);
    advertise.server_id = OTHER_SERVER6;
    receive(&s, &advertise);
    advertise = answer6(&s, MN_DHCPV6_ADVERTISE);
    advertise.preference = 1;
    receive(&s, &advertise);
    for (unsigned i = 0; i < 10; i++) {
        await_sent(&s, MN_DHCPV6_REQUEST);
        assert_true(mn_dhcpv6_duid_equal(&s.sent.server_id, &advertise.server_id));
    }
    await_sent(&s, MN_DHCPV6_REQUEST);
    assert_false(mn_dhcpv6_duid_equal(&s.sent.server_id, &advertise.server_id));
}

/* DHCP6-16.10-1 to DHCP6-16.10-3, DHCP6-14-1, DHCP6-22-1 */
static void requesting_wrong_replies_are_refused(void **state)
{
    (void)state;
    struct script6 s;
    soliciting(&s);
    struct mn_dhcpv6 advertise = answer6(&s, MN_DHCPV6_ADVERTISE);
    advertise.preference = 255;
    receive(&s, &advertise);
    expect_sent(&s, MN_DHCPV6_REQUEST);
    struct mn_dhcpv6 good = answer6(&s, MN_DHCPV6_REPLY), message = good;
    message.server_id.len = 0;
    refuse(&s, &message);
    message = good;
    message.server_id = OTHER_SERVER6;
    refuse(&s, &message);
    message = good;
    message.client_id.len = 0;
    refuse(&s, &message);
    message = good;
    message.client_id.bytes[2] ^= 1;
    refuse(&s, &message);
    message = good;
    message.xid = advertise.xid;
    refuse(&s, &message);
    refuse(&s, &advertise);
    receive(&s, &good);
    expect_state(&s, MN_DHCP6_BOUND);
    refuse(&s, &good); /* a second one is too late */
}

/* DHCP6-7.5-1, DHCP6-21.13-2: no status is Success, and an unknown one bars nothing. */
static void requesting_unknown_status_bars_nothing(void **state)
{
    (void)state;
    struct script6 s;
    requesting(&s);
    struct mn_dhcpv6 reply = answer6(&s, MN_DHCPV6_REPLY);
    reply.has_status = true;
    reply.status = 99;
    reply.ias[0].status = 99;
    receive(&s, &reply);
    expect_state(&s, MN_DHCP6_BOUND);
    assert_true(holds(&s, ADDRESS6));
}

/* DHCP6-18.2.10-1, DHCP6-18.2.10-2: repeated in its time, and then discovery begins anew. */
static void requesting_unspec_fail_is_asked_again_in_time(void **state)
{
    (void)state;
    struct script6 s;
    requesting(&s);
    for (unsigned i = 0; i < 10; i++) {
        struct mn_dhcpv6 reply = answer6(&s, MN_DHCPV6_REPLY);
        reply.has_status = true;
        reply.status = i % 2 == 0 ? MN_DHCPV6_UNSPEC_FAIL : MN_DHCPV6_USE_MULTICAST;
        reply.sol_max_rt_s = 120;
        receive(&s, &reply);
        expect_silence(&s);
        assert_int_equal(s.client.sol_max_rt.seconds, 120);
        if (i < 9)
            assert_ms(await_sent(&s, MN_DHCPV6_REQUEST), 900, 33000);
    }
    await_sent(&s, MN_DHCPV6_SOLICIT);
    assert_int_equal(s.client.binding.count, 0);
}

/* DHCP6-18.2.10.1-1, DHCP6-18.2.10.1-8, DHCP6-14.1-1, DHCP6-14.1-2: a server that gives what it
 * advertises to nobody is asked more and more slowly. */
static void server_that_always_refuses_is_asked_slowly(void **state)
{
    static const enum mn_dhcpv6_status refusals[] = {MN_DHCPV6_NO_ADDRS_AVAIL, MN_DHCPV6_NOT_ON_LINK,
                                                     MN_DHCPV6_NO_BINDING};
    (void)state;
    for (size_t i = 0; i < 2 * MN_COUNT_OF(refusals); i++) {
        struct script6 s;
        soliciting(&s);
        uint64_t begun = s.now;
        unsigned sent = 1;
        while (s.now < begun + 20 * MNET_SECOND) {
            struct mn_dhcpv6 message = answer6(&s, MN_DHCPV6_ADVERTISE);
            message.preference = 255;
            receive(&s, &message);
            expect_sent(&s, MN_DHCPV6_REQUEST);
            message = answer6(&s, MN_DHCPV6_REPLY);
            uint16_t status = (uint16_t)refusals[i / 2];
            message.ias[0].status = status;
            if (i % 2 == 0 && status == MN_DHCPV6_NOT_ON_LINK)
                message.status = status, message.has_status = true;
            receive(&s, &message);
            assert_int_equal(s.client.binding.count, 0);
            await_sent(&s, MN_DHCPV6_SOLICIT);
            sent += 2;
        }
        assert_in_range(sent, 7, 15);
    }
}

/* DHCP6-14.1-2, DHCP6-14.1-3: the rate is the client's own, and can be set. */
static void transmissions_keep_to_the_rate(void **state)
{
    (void)state;
    struct script6 s;
    start_with(&s, "rate", (struct mn_dhcp6_config){.burst = 5, .burst_ns = 20 * MNET_SECOND});
    mn_dhcp6_client_note_flags(&s.client, false, true, s.now);
    unsigned sent = 0;
    for (uint64_t end = s.now + 20 * MNET_SECOND; s.now < end; sent++) {
        await_sent(&s, MN_DHCPV6_INFORMATION_REQUEST);
        struct mn_dhcpv6 reply = information6(&s);
        receive(&s, &reply);
        mn_dhcp6_client_note_link_up(&s.client, s.now);
    }
    assert_in_range(sent, 8, 10); /* five at once, and one each 4 s */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(off_sends_nothing_without_a_flag),
        cmocka_unit_test(solicit_has_its_options_and_no_others),
        cmocka_unit_test(solicit_times_are_random),
        cmocka_unit_test(soliciting_unanswered_backs_off_for_ever),
        cmocka_unit_test(advertise_is_requested_when_the_first_rt_is_over),
        cmocka_unit_test(advertise_of_preference_255_is_requested_at_once),
        cmocka_unit_test(best_preference_is_requested),
        cmocka_unit_test(late_advertise_is_requested_at_once),
        cmocka_unit_test(soliciting_wrong_messages_are_refused),
        cmocka_unit_test(advertise_without_address_is_ignored),
        cmocka_unit_test(advertised_limits_count_if_all_agree),
        cmocka_unit_test(limits_outside_their_range_are_ignored),
        cmocka_unit_test(flood_of_advertises_is_bounded),
        cmocka_unit_test(unknown_options_are_skipped_and_broken_ones_refused),
        cmocka_unit_test(rapid_reply_ends_the_exchange),
        cmocka_unit_test(rapid_advertise_goes_the_usual_way),
        cmocka_unit_test(rapid_reply_without_address_is_ignored),
        cmocka_unit_test(requesting_unanswered_ends_after_ten),
        cmocka_unit_test(requesting_unanswered_asks_the_next_server),
        cmocka_unit_test(requesting_wrong_replies_are_refused),
        cmocka_unit_test(requesting_unknown_status_bars_nothing),
        cmocka_unit_test(requesting_unspec_fail_is_asked_again_in_time),
        cmocka_unit_test(server_that_always_refuses_is_asked_slowly),
        cmocka_unit_test(transmissions_keep_to_the_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
