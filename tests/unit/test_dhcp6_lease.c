/* The DHCPv6 client keeps, confirms and gives back addresses, and asks for other configuration
 * (RFC 8415 18.2.3 to 18.2.12), in virtual time. */
#include "unit/dhcp6_script.h"

/* ---- BOUND ---- */

/* DHCP6-21.4-3, DHCP6-18.2.10.1-2: T1 and T2 of the server, from the arrival of the Reply. */
static void bound_t1_of_the_server_counts_from_the_reply(void **state)
{
    (void)state;
    struct script6 s;
    requesting(&s);
    pass_to(&s, s.now + 800 * MNET_MILLISECOND);
    struct mn_dhcpv6 reply = answer6(&s, MN_DHCPV6_REPLY);
    reply.ias[0].t1_s = 33;
    reply.ias[0].t2_s = 44;
    receive(&s, &reply);
    assert_true(await_sent(&s, MN_DHCPV6_RENEW) == 33 * MNET_SECOND);
    pass_to(&s, s.now + 11 * MNET_SECOND);
    expect_sent(&s, MN_DHCPV6_REBIND);
}

/* DHCP6-14.2-1, DHCP6-14.2-2: a T1 or T2 of 0 is the client's choice, and never "now". */
static void bound_t1_and_t2_of_zero_are_chosen(void **state)
{
    static const struct {
        uint32_t t1, t2, preferred, renew, rebind;
    } cases[] = {
        {0, 0, 1000, 500, 800}, {0, 100, 1000, 62, 100}, {900, 0, 1000, 900, 1440},
        {0, 0, 0, 1000, 1600},  {0, 0, 1, 1, 1},         {100, 0, 1000, 100, 800},
    };
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        struct script6 s;
        bound_by(&s, &(struct mn_dhcpv6_ia){
                         .iaid = IAID,
                         .t1_s = cases[i].t1,
                         .t2_s = cases[i].t2,
                         .address_count = 1,
                         .addresses = {{ADDRESS6, cases[i].preferred, 2000, 0}},
                     });
        assert_int_equal((s.client.binding.t1_ns - s.now) / MNET_SECOND, cases[i].renew);
        assert_int_equal((s.client.binding.t2_ns - s.now) / MNET_SECOND, cases[i].rebind);
        await_silence(&s, MNET_SECOND - 1);
    }
}

/* DHCP6-7.7-1, DHCP6-7.7-2: no time without end is an arithmetic one, also if the client chooses
 * it. */
static void bound_for_ever_is_silent(void **state)
{
    (void)state;
    struct script6 s;
    for (uint32_t t = 0; t < 2; t++) {
        uint32_t time = t == 0 ? MN_DHCPV6_INFINITE : 0;
        bound_by(&s, &(struct mn_dhcpv6_ia){
                         .iaid = IAID,
                         .t1_s = time,
                         .t2_s = time,
                         .address_count = 1,
                         .addresses = {{ADDRESS6, MN_DHCPV6_INFINITE, MN_DHCPV6_INFINITE, 0}},
                     });
        assert_true(mn_dhcp6_client_deadline(&s.client) == MNET_NEVER);
        pass_to(&s, s.now + UINT64_C(137) * 365 * 86400 * MNET_SECOND);
        assert_true(holds(&s, ADDRESS6));
        expect_silence(&s);
    }
}

/* DHCP6-21.6-5: addresses end one by one, at their times. */
static void bound_addresses_end_at_their_times(void **state)
{
    (void)state;
    struct script6 s;
    bound_by(&s, &(struct mn_dhcpv6_ia){
                     .iaid = IAID,
                     .t1_s = MN_DHCPV6_INFINITE,
                     .t2_s = MN_DHCPV6_INFINITE,
                     .address_count = 2,
                     .addresses = {{ADDRESS6, 50, 100, 0}, {OTHER_ADDRESS6, 50, 200, 0}},
                 });
    uint64_t begun = s.now;
    uint32_t serial = s.client.serial;
    assert_true(s.client.binding.addresses[0].preferred_until_ns == begun + 50 * MNET_SECOND);
    await_silence(&s, 100 * MNET_SECOND - 1);
    assert_true(holds(&s, ADDRESS6));
    pass_to(&s, begun + 100 * MNET_SECOND);
    assert_false(holds(&s, ADDRESS6));
    assert_true(holds(&s, OTHER_ADDRESS6));
    assert_true(s.client.serial != serial);
    expect_state(&s, MN_DHCP6_BOUND);
    uint64_t took = await_sent(&s, MN_DHCPV6_SOLICIT);
    assert_ms(took, 100000, 101000);
    assert_int_equal(s.client.binding.count, 0);
}

/* DHCP6-22-1: more addresses than there is room for are left. */
static void flood_of_addresses_is_bounded(void **state)
{
    (void)state;
    struct script6 s;
    bound(&s);
    for (uint8_t i = 1; i < 60; i++) {
        await_sent(&s, MN_DHCPV6_RENEW);
        struct mn_dhcpv6 reply = answer6(&s, MN_DHCPV6_REPLY);
        reply.ias[0].addresses[0] = (struct mn_dhcpv6_address){host6(i), 100000, 200000, 0};
        receive(&s, &reply);
        expect_state(&s, MN_DHCP6_BOUND);
        assert_in_range(s.client.binding.count, 1, MN_DHCP6_ADDRESSES);
    }
    assert_int_equal(s.client.binding.count, MN_DHCP6_ADDRESSES);
}

/* ---- RENEWING and REBINDING ---- */

/* DHCP6-7.6-4, DHCP6-15-1, DHCP6-18.2.4-1, DHCP6-18.2.4-2, DHCP6-18.2.4-5, DHCP6-18.2.5-1,
 * DHCP6-21.4-2, DHCP6-21.6-2, DHCP6-14-1 */
static void renew_goes_to_its_server_and_rebind_to_all(void **state)
{
    (void)state;
    struct script6 s;
    bound_twice(&s);
    uint64_t begun = s.now;
    struct mn_dhcpv6_duid server = SERVER6;
    assert_true(await_sent(&s, MN_DHCPV6_RENEW) == 500 * MNET_SECOND);
    assert_true(mn_dhcpv6_duid_equal(&s.sent.server_id, &server));
    assert_int_equal(s.sent.ia_count, 1);
    assert_int_equal(s.sent.ias[0].address_count, 2);
    assert_int_equal(s.sent.ias[0].t1_s + s.sent.ias[0].t2_s, 0);
    assert_int_equal(s.sent.ias[0].addresses[1].preferred_s + s.sent.ias[0].addresses[1].valid_s, 0);
    assert_true(asks_for(&s, MN_DHCPV6_OPTION_SOL_MAX_RT) && asks_for(&s, MN_DHCPV6_OPTION_DNS_SERVERS));
    assert_false(asks_for(&s, MN_DHCPV6_OPTION_REFRESH_TIME));
    uint32_t xid = s.sent.xid;
    assert_ms(await_sent(&s, MN_DHCPV6_RENEW), 9000, 11000);
    assert_ms(await_sent(&s, MN_DHCPV6_RENEW), 17000, 23200);
    assert_in_range(s.sent.elapsed, 2600, 3420);
    assert_int_equal(s.sent.xid, xid);
    while (s.sent.type == MN_DHCPV6_RENEW) {
        uint64_t next = mn_dhcp6_client_deadline(&s.client);
        await_sent(&s, next == begun + 800 * MNET_SECOND ? MN_DHCPV6_REBIND : MN_DHCPV6_RENEW);
    }
    assert_true(s.now == begun + 800 * MNET_SECOND);
    assert_true(s.sent.xid != xid);
    assert_int_equal(s.sent.elapsed, 0);
    assert_int_equal(s.sent.server_id.len, 0);
    assert_int_equal(s.sent.ias[0].address_count, 2);
}

/* DHCP6-15-4, DHCP6-18.2.4-3, DHCP6-18.2.5-2: the cap is 600 s, addresses that have ended are not
 * listed, and after the last one there is no address. */
static void rebinding_unanswered_ends_with_the_addresses(void **state)
{
    (void)state;
    struct script6 s;
    bound_twice(&s);
    uint64_t begun = s.now, longest = 0;
    pass_to(&s, begun + 800 * MNET_SECOND);
    expect_sent(&s, MN_DHCPV6_REBIND);
    while (mn_dhcp6_client_deadline(&s.client) < begun + 2000 * MNET_SECOND) {
        uint64_t took = await_sent(&s, MN_DHCPV6_REBIND);
        longest = MN_MAX(longest, took);
    }
    assert_ms(longest, 288000, 660000);
    pass_to(&s, begun + 2000 * MNET_SECOND);
    assert_false(holds(&s, ADDRESS6));
    assert_ms(await_sent(&s, MN_DHCPV6_REBIND), 1, 660000);
    assert_int_equal(s.sent.ias[0].address_count, 1);
    assert_true(mnet_address_equal(s.sent.ias[0].addresses[0].address, OTHER_ADDRESS6));
    while (s.sent.type == MN_DHCPV6_REBIND) {
        uint64_t next = mn_dhcp6_client_deadline(&s.client);
        await_sent(&s, next == begun + 3000 * MNET_SECOND ? MN_DHCPV6_SOLICIT : MN_DHCPV6_REBIND);
    }
    assert_ms(s.now - begun, 3000000, 3001000);
    assert_int_equal(s.client.binding.count, 0);
}

/* DHCP6-18.2.5-1 */
static void rebinding_any_server_may_answer(void **state)
{
    (void)state;
    struct script6 s;
    rebinding(&s);
    struct mn_dhcpv6 reply = answer6(&s, MN_DHCPV6_REPLY);
    reply.server_id = OTHER_SERVER6;
    receive(&s, &reply);
    expect_state(&s, MN_DHCP6_BOUND);
    await_sent(&s, MN_DHCPV6_RENEW);
    assert_true(mn_dhcpv6_duid_equal(&s.sent.server_id, &reply.server_id));
    reply = answer6(&s, MN_DHCPV6_REPLY); /* SERVER6 is not asked now */
    refuse(&s, &reply);
}

/* DHCP6-18.2.10.1-3: new ones are added, known ones renewed, 0 removes, others remain. */
static void renew_reply_changes_addresses_one_by_one(void **state)
{
    (void)state;
    struct script6 s;
    renewing(&s);
    struct mn_dhcpv6 reply = answer6(&s, MN_DHCPV6_REPLY);
    reply.ias[0].addresses[0].address = OTHER_ADDRESS6;
    receive(&s, &reply);
    assert_true(holds(&s, ADDRESS6) && holds(&s, OTHER_ADDRESS6));
    assert_true(s.client.binding.addresses[0].valid_until_ns < s.now + 2000 * MNET_SECOND);
    await_sent(&s, MN_DHCPV6_RENEW);
    reply = answer6(&s, MN_DHCPV6_REPLY);
    receive(&s, &reply);
    assert_true(s.client.binding.addresses[0].valid_until_ns == s.now + 2000 * MNET_SECOND);
    await_sent(&s, MN_DHCPV6_RENEW);
    reply = answer6(&s, MN_DHCPV6_REPLY);
    reply.ias[0].addresses[0].preferred_s = reply.ias[0].addresses[0].valid_s = 0;
    receive(&s, &reply);
    assert_true(!holds(&s, ADDRESS6) && holds(&s, OTHER_ADDRESS6));
    expect_state(&s, MN_DHCP6_BOUND);
}

static void renew_reply_that_ends_the_last_address_begins_anew(void **state)
{
    (void)state;
    struct script6 s;
    renewing(&s);
    struct mn_dhcpv6 reply = answer6(&s, MN_DHCPV6_REPLY);
    reply.ias[0].addresses[0].preferred_s = reply.ias[0].addresses[0].valid_s = 0;
    receive(&s, &reply);
    expect_state(&s, MN_DHCP6_SOLICITING);
    assert_int_equal(s.client.binding.count, 0);
    assert_ms(await_sent(&s, MN_DHCPV6_SOLICIT), 0, 1000);
}

/* DHCP6-18.2.10.1-9: a Request to the server that says so; the address is kept meanwhile. */
static void renew_no_binding_is_requested(void **state)
{
    (void)state;
    for (unsigned rebinds = 0; rebinds < 2; rebinds++) {
        struct script6 s;
        if (rebinds)
            rebinding(&s);
        else
            renewing(&s);
        struct mn_dhcpv6 reply = answer6(&s, MN_DHCPV6_REPLY);
        reply.ias[0].status = MN_DHCPV6_NO_BINDING;
        reply.ias[0].address_count = 0;
        if (rebinds)
            reply.server_id = OTHER_SERVER6;
        receive(&s, &reply);
        expect_sent(&s, MN_DHCPV6_REQUEST);
        assert_true(mn_dhcpv6_duid_equal(&s.sent.server_id, &reply.server_id));
        assert_true(mnet_address_equal(s.sent.ias[0].addresses[0].address, ADDRESS6));
        assert_true(holds(&s, ADDRESS6));
        for (unsigned i = 1; i < 10; i++)
            await_sent(&s, MN_DHCPV6_REQUEST);
        await_sent(&s, MN_DHCPV6_REBIND); /* nobody answers: another server may know better */
        assert_true(holds(&s, ADDRESS6));
        reply = answer6(&s, MN_DHCPV6_REPLY);
        receive(&s, &reply);
        expect_state(&s, MN_DHCP6_BOUND);
    }
}

/* DHCP6-18.2.10.1-11: a server that gives something else, or nothing, ends what there was. */
static void renew_no_binding_and_no_address_begins_anew(void **state)
{
    (void)state;
    struct script6 s;
    renewing(&s);
    struct mn_dhcpv6 reply = answer6(&s, MN_DHCPV6_REPLY);
    reply.ias[0].status = MN_DHCPV6_NO_BINDING;
    receive(&s, &reply);
    expect_sent(&s, MN_DHCPV6_REQUEST);
    reply = answer6(&s, MN_DHCPV6_REPLY);
    reply.ias[0].status = MN_DHCPV6_NO_ADDRS_AVAIL;
    receive(&s, &reply);
    assert_int_equal(s.client.binding.count, 0);
    expect_state(&s, MN_DHCP6_SOLICITING);
}

/* DHCP6-18.2.10.1-10, DHCP6-21.4-4, DHCP6-18.2.10-2: nothing of use leaves the timer alone. */
static void renew_reply_without_addresses_waits(void **state)
{
    (void)state;
    struct script6 s;
    renewing(&s);
    uint64_t deadline = mn_dhcp6_client_deadline(&s.client);
    struct mn_dhcpv6 good = answer6(&s, MN_DHCPV6_REPLY), reply = good;
    reply.ia_count = 0;
    receive(&s, &reply);
    reply = good;
    reply.ias[0].address_count = 0;
    receive(&s, &reply);
    reply = good;
    reply.ias[0].t1_s = 801;
    reply.dns_count = 1;
    reply.dns[0] = host6(9);
    receive(&s, &reply);
    assert_int_equal(s.client.information.dns_count, 1); /* the rest of the message counts */
    reply = good;
    reply.ias[0].status = MN_DHCPV6_NO_ADDRS_AVAIL;
    receive(&s, &reply);
    reply = good;
    reply.ias[0].status = MN_DHCPV6_NOT_ON_LINK;
    receive(&s, &reply);
    reply = good;
    reply.has_status = true;
    reply.status = MN_DHCPV6_UNSPEC_FAIL;
    receive(&s, &reply);
    reply = good;
    reply.ias[0].iaid++;
    receive(&s, &reply);
    expect_silence(&s);
    expect_state(&s, MN_DHCP6_RENEWING);
    assert_int_equal(mn_dhcp6_client_deadline(&s.client), deadline);
    assert_true(holds(&s, ADDRESS6));
    receive(&s, &good);
    expect_state(&s, MN_DHCP6_BOUND);
}

/* DHCP6-18.2.10-4, DHCP6-18.2.10-5, DHCP6DNS-3-1, DHCP6DNS-4-1, N6-8.1-2: the last Reply counts. */
static void information_is_that_of_the_last_reply(void **state)
{
    static const uint8_t domains[] = "\3lab\7example\0\3org";
    (void)state;
    struct script6 s;
    renewing(&s);
    struct mn_dhcpv6 reply = answer6(&s, MN_DHCPV6_REPLY);
    reply.dns_count = 2;
    reply.dns[0] = host6(53);
    reply.dns[1] = host6(54);
    reply.domains = mn_reader(domains, sizeof domains);
    receive(&s, &reply);
    const struct mn_dhcp6_information *information = &s.client.information;
    assert_int_equal(information->dns_count, 2);
    assert_true(mnet_address_equal(information->dns[0], host6(53)));
    assert_int_equal(information->domain_count, 2);
    assert_string_equal(information->domains[0], "lab.example");
    assert_string_equal(information->domains[1], "org");
    await_sent(&s, MN_DHCPV6_RENEW);
    uint32_t serial = s.client.serial;
    reply = answer6(&s, MN_DHCPV6_REPLY);
    reply.dns_count = 1;
    reply.dns[0] = host6(55);
    receive(&s, &reply);
    assert_int_equal(information->dns_count, 1);
    assert_true(mnet_address_equal(information->dns[0], host6(55)));
    assert_int_equal(information->domain_count, 0);
    assert_true(s.client.serial != serial);
}

/* DHCP6-18.2.12-3: at once, but not more than once in 30 s. */
static void bound_new_prefixes_renew_early(void **state)
{
    (void)state;
    struct script6 s;
    bound(&s);
    uint64_t begun = s.now;
    unsigned sent = 0;
    for (unsigned i = 0; i < 1200; i++) {
        mn_dhcp6_client_note_prefixes(&s.client, s.now);
        if (fetch(&s)) {
            struct mn_dhcpv6 reply = answer6(&s, MN_DHCPV6_REPLY);
            assert_int_equal(s.sent.type, MN_DHCPV6_RENEW);
            receive(&s, &reply);
            sent++;
        }
        pass_to(&s, s.now + 100 * MNET_MILLISECOND);
    }
    assert_true(s.now == begun + 120 * MNET_SECOND);
    assert_in_range(sent, 4, 5);
}

/* ---- CONFIRMING ---- */

static void confirming(struct script6 *s)
{
    bound_twice(s);
    pass_to(s, s->now + 60 * MNET_SECOND);
    mn_dhcp6_client_note_link_up(&s->client, s->now);
    assert_ms(await_sent(s, MN_DHCPV6_CONFIRM), 0, 1000); /* DHCP6-18.2.3-3 */
}

/* DHCP6-18.2.3-1 to DHCP6-18.2.3-4, DHCP6-7.6-3, DHCP6-18.2.12-1, DHCP6-15-6: ten seconds without
 * an answer, and the addresses go on to their end. */
static void confirming_unanswered_keeps_the_addresses(void **state)
{
    (void)state;
    struct script6 s;
    confirming(&s);
    uint64_t first = s.now;
    assert_false(has_option(&s, 2) || has_option(&s, 6));
    assert_int_equal(s.sent.ias[0].address_count, 2);
    assert_int_equal(s.sent.ias[0].t1_s + s.sent.ias[0].addresses[0].valid_s, 0);
    unsigned sent = 1;
    while (s.client.state == MN_DHCP6_CONFIRMING) {
        pass_to(&s, mn_dhcp6_client_deadline(&s.client));
        sent += fetch(&s);
    }
    assert_in_range(sent, 4, 5); /* at 0, 1, 3, 7 s */
    assert_true(s.now == first + 10 * MNET_SECOND);
    expect_state(&s, MN_DHCP6_BOUND);
    assert_true(holds(&s, ADDRESS6) && holds(&s, OTHER_ADDRESS6));
    await_sent(&s, MN_DHCPV6_RENEW);
}

/* DHCP6-18.2.3-3 */
static void confirm_is_delayed_at_random(void **state)
{
    (void)state;
    struct script6 s;
    uint64_t early = 0;
    bound(&s);
    for (unsigned i = 0; i < 100; i++) {
        mn_dhcp6_client_note_link_up(&s.client, s.now);
        uint64_t delay = mn_dhcp6_client_deadline(&s.client) - s.now;
        assert_ms(delay, 0, 1000);
        early += delay < MNET_SECOND / 2;
    }
    assert_in_range(early, 30, 70);
}

/* DHCP6-18.2.10.3-1, DHCP6-7.5-1 */
static void confirming_success_outdoes_not_on_link(void **state)
{
    (void)state;
    struct script6 s;
    for (unsigned i = 0; i < 2; i++) {
        confirming(&s);
        struct mn_dhcpv6 reply = information6(&s), refusal = reply;
        reply.has_status = i == 0;
        refusal.has_status = true;
        refusal.status = MN_DHCPV6_NOT_ON_LINK;
        refusal.server_id = OTHER_SERVER6;
        if (i == 0) {
            receive(&s, &refusal);
            expect_state(&s, MN_DHCP6_CONFIRMING);
            assert_true(holds(&s, ADDRESS6));
        }
        receive(&s, &reply);
        expect_state(&s, MN_DHCP6_BOUND);
        refuse(&s, &refusal);
        assert_true(holds(&s, ADDRESS6));
        await_silence(&s, 60 * MNET_SECOND);
    }
}

/* DHCP6-18.2.10.3-2, DHCP6-18.2.10.1-11 */
static void confirming_not_on_link_begins_anew(void **state)
{
    (void)state;
    struct script6 s;
    confirming(&s);
    struct mn_dhcpv6 reply = information6(&s);
    reply.has_status = true;
    reply.status = MN_DHCPV6_UNSPEC_FAIL; /* no verdict */
    receive(&s, &reply);
    reply.status = MN_DHCPV6_NOT_ON_LINK;
    receive(&s, &reply);
    assert_ms(await_sent(&s, MN_DHCPV6_SOLICIT), 0, 2100);
    assert_int_equal(s.client.binding.count, 0);
}

/* A link without addresses: the search begins anew, whatever failed before. */
static void soliciting_link_up_solicits_at_once(void **state)
{
    (void)state;
    struct script6 s;
    soliciting(&s);
    for (unsigned i = 0; i < 14; i++)
        await_sent(&s, MN_DHCPV6_SOLICIT);
    mn_dhcp6_client_note_link_up(&s.client, s.now);
    assert_ms(await_sent(&s, MN_DHCPV6_SOLICIT), 0, 1000);
    assert_int_equal(s.sent.elapsed, 0);
}

/* ---- DECLINING ---- */

/* DHCP6-18.2.8-1, DHCP6-18.2.8-2, DHCP6-18.2.8-4, DHCP6-18.2.8-5, DHCP6-18.2.10.1-5, DHCP6-7.6-6:
 * the duplicate alone is declined, and the other one kept. */
static void duplicate_is_declined_and_the_other_kept(void **state)
{
    (void)state;
    struct script6 s;
    bound_twice(&s);
    uint64_t t1 = s.client.binding.t1_ns;
    struct mn_dhcpv6_duid server = SERVER6;
    mn_dhcp6_client_note_check(&s.client, host6(99), true, s.now); /* none of ours */
    expect_silence(&s);
    mn_dhcp6_client_note_check(&s.client, OTHER_ADDRESS6, true, s.now);
    expect_sent(&s, MN_DHCPV6_DECLINE);
    assert_true(holds(&s, ADDRESS6) && !holds(&s, OTHER_ADDRESS6));
    assert_true(mn_dhcpv6_duid_equal(&s.sent.server_id, &server));
    assert_int_equal(s.sent.ias[0].address_count, 1);
    assert_true(mnet_address_equal(s.sent.ias[0].addresses[0].address, OTHER_ADDRESS6));
    assert_false(has_option(&s, 6));
    assert_int_equal(s.counters.value[MNET_COUNT_DHCP_DECLINED], 1);
    for (unsigned i = 0; i < 3; i++)
        assert_ms(await_sent(&s, MN_DHCPV6_DECLINE), 850u << i, 1160u << i);
    await_silence(&s, 100 * MNET_SECOND);
    expect_state(&s, MN_DHCP6_BOUND);
    assert_true(await_sent(&s, MN_DHCPV6_RENEW) > 0 && s.now == t1);
    assert_int_equal(s.sent.ias[0].address_count, 1);
    assert_true(mnet_address_equal(s.sent.ias[0].addresses[0].address, ADDRESS6));
}

/* DHCP6-18.2.8-6, DHCP6-18.2.10.2-1, DHCP6-14.1-1: any Reply ends it; a server that gives the same
 * duplicate again and again is asked more and more slowly. */
static void declining_any_reply_ends_it(void **state)
{
    (void)state;
    struct script6 s;
    bound(&s);
    uint64_t wait = 0;
    for (unsigned i = 0; i < 6; i++) {
        mn_dhcp6_client_note_check(&s.client, ADDRESS6, true, s.now);
        expect_sent(&s, MN_DHCPV6_DECLINE);
        assert_int_equal(s.client.binding.count, 0);
        struct mn_dhcpv6 reply = answer6(&s, MN_DHCPV6_REPLY);
        reply.has_status = true;
        reply.status = i % 2 == 0 ? MN_DHCPV6_NO_BINDING : MN_DHCPV6_UNSPEC_FAIL;
        receive(&s, &reply);
        expect_state(&s, MN_DHCP6_SOLICITING);
        wait = await_sent(&s, MN_DHCPV6_SOLICIT);
        struct mn_dhcpv6 advertise = answer6(&s, MN_DHCPV6_ADVERTISE);
        advertise.preference = 255;
        receive(&s, &advertise);
        expect_sent(&s, MN_DHCPV6_REQUEST);
        reply = answer6(&s, MN_DHCPV6_REPLY);
        receive(&s, &reply);
        expect_state(&s, MN_DHCP6_BOUND);
    }
    assert_ms(wait, 16000, 17000);
}

static void declining_a_second_duplicate_joins_the_first(void **state)
{
    (void)state;
    struct script6 s;
    bound_twice(&s);
    mn_dhcp6_client_note_check(&s.client, ADDRESS6, true, s.now);
    expect_sent(&s, MN_DHCPV6_DECLINE);
    mn_dhcp6_client_note_check(&s.client, OTHER_ADDRESS6, true, s.now);
    expect_sent(&s, MN_DHCPV6_DECLINE);
    assert_int_equal(s.sent.ias[0].address_count, 2);
    assert_int_equal(s.client.binding.count, 0);
    for (unsigned i = 0; i < 3; i++)
        await_sent(&s, MN_DHCPV6_DECLINE);
    await_sent(&s, MN_DHCPV6_SOLICIT);
}

/* ---- RELEASING ---- */

/* DHCP6-18.2.7-1, DHCP6-18.2.7-2, DHCP6-18.2.7-4, DHCP6-18.2.7-5, DHCP6-7.6-6 */
static void release_is_sent_four_times(void **state)
{
    (void)state;
    struct script6 s;
    bound_twice(&s);
    mn_dhcp6_client_release(&s.client, s.now);
    assert_int_equal(s.client.binding.count, 0);
    expect_sent(&s, MN_DHCPV6_RELEASE);
    for (uint16_t code = 0; code < 100; code++)
        assert_int_equal(has_option(&s, code), code == 1 || code == 2 || code == 3 || code == 8);
    assert_int_equal(s.sent.ias[0].address_count, 2);
    for (unsigned i = 0; i < 3; i++)
        assert_ms(await_sent(&s, MN_DHCPV6_RELEASE), 850u << i, 1160u << i);
    await_silence(&s, 1000 * MNET_SECOND);
    expect_state(&s, MN_DHCP6_RELEASED);
    mn_dhcp6_client_note_flags(&s.client, true, true, s.now);
    mn_dhcp6_client_note_link_up(&s.client, s.now);
    await_silence(&s, 1000 * MNET_SECOND);
}

/* DHCP6-18.2.7-6, DHCP6-18.2.10.2-1 */
static void releasing_any_reply_ends_it(void **state)
{
    static const uint16_t statuses[] = {0, 1, 3, 5, 99};
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(statuses); i++) {
        struct script6 s;
        bound(&s);
        mn_dhcp6_client_release(&s.client, s.now);
        expect_sent(&s, MN_DHCPV6_RELEASE);
        struct mn_dhcpv6 reply = information6(&s);
        reply.has_status = true;
        reply.status = statuses[i];
        reply.server_id = OTHER_SERVER6;
        refuse(&s, &reply);
        reply.server_id = SERVER6;
        receive(&s, &reply);
        expect_state(&s, MN_DHCP6_RELEASED);
        await_silence(&s, 100 * MNET_SECOND);
    }
}

static void soliciting_release_is_silent(void **state)
{
    (void)state;
    struct script6 s;
    soliciting(&s);
    mn_dhcp6_client_release(&s.client, s.now);
    expect_state(&s, MN_DHCP6_RELEASED);
    await_silence(&s, 1000 * MNET_SECOND);
}

/* ---- INFORMING ---- */

/* DHCP6-18.2.6-1 to DHCP6-18.2.6-4, DHCP6-21.23-1, DHCP6-21.25-1, DHCP6-21.7-2 */
static void information_request_has_its_options(void **state)
{
    (void)state;
    struct script6 s;
    start(&s);
    mn_dhcp6_client_note_flags(&s.client, false, true, s.now);
    assert_ms(await_sent(&s, MN_DHCPV6_INFORMATION_REQUEST), 0, 1000);
    for (uint16_t code = 0; code < 100; code++)
        assert_int_equal(has_option(&s, code), code == 1 || code == 6 || code == 8);
    assert_int_equal(s.sent.requested_count, 5);
    assert_true(asks_for(&s, MN_DHCPV6_OPTION_NTP_SERVER));
    assert_true(asks_for(&s, MN_DHCPV6_OPTION_INF_MAX_RT) && asks_for(&s, MN_DHCPV6_OPTION_REFRESH_TIME));
    assert_true(asks_for(&s, MN_DHCPV6_OPTION_DNS_SERVERS) && asks_for(&s, MN_DHCPV6_OPTION_DOMAIN_LIST));
}

/* DHCP6-7.6-5, DHCP6-21.25-2, DHCP6-18.2.10-1: INF_MAX_RT of a server counts even if it fails. */
static void informing_unanswered_backs_off(void **state)
{
    (void)state;
    struct script6 s;
    informing(&s);
    assert_ms(await_sent(&s, MN_DHCPV6_INFORMATION_REQUEST), 900, 1100);
    for (unsigned i = 0; i < 20; i++)
        await_sent(&s, MN_DHCPV6_INFORMATION_REQUEST);
    assert_ms(await_sent(&s, MN_DHCPV6_INFORMATION_REQUEST), 3240000, 3960000);
    struct mn_dhcpv6 reply = information6(&s);
    reply.has_status = true;
    reply.status = MN_DHCPV6_UNSPEC_FAIL;
    reply.inf_max_rt_s = 60;
    receive(&s, &reply);
    expect_state(&s, MN_DHCP6_INFORMING);
    await_sent(&s, MN_DHCPV6_INFORMATION_REQUEST);
    assert_ms(await_sent(&s, MN_DHCPV6_INFORMATION_REQUEST), 54000, 66000);
}

/* DHCP6-7.6-7, DHCP6-21.23-3 to DHCP6-21.23-6 */
static void informed_asks_again_at_the_refresh_time(void **state)
{
    static const struct {
        uint32_t said, least_s;
    } cases[] = {{0, 86400}, {1, 600}, {600, 600}, {1000000, 1000000}};
    (void)state;
    struct script6 s;
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        informing(&s);
        struct mn_dhcpv6 reply = information6(&s);
        reply.refresh_s = cases[i].said;
        receive(&s, &reply);
        uint64_t took = await_sent(&s, MN_DHCPV6_INFORMATION_REQUEST);
        assert_ms(took, cases[i].least_s * UINT64_C(1000), cases[i].least_s * UINT64_C(1000) + 1000);
    }
    informing(&s);
    struct mn_dhcpv6 reply = information6(&s);
    reply.refresh_s = MN_DHCPV6_INFINITE;
    receive(&s, &reply);
    await_silence(&s, 100 * 86400 * MNET_SECOND);
}

/* DHCP6-16-1, DHCP6-16.10-1 to DHCP6-16.10-3: addresses in a Reply to an Information-request are
 * none. */
static void informing_addresses_are_not_taken(void **state)
{
    (void)state;
    struct script6 s;
    informing(&s);
    struct mn_dhcpv6 reply = answer6(&s, MN_DHCPV6_REPLY), wrong = reply;
    wrong.server_id.len = 0;
    refuse(&s, &wrong);
    wrong = reply;
    wrong.client_id.len = 0;
    refuse(&s, &wrong);
    wrong = reply;
    wrong.xid ^= 1;
    refuse(&s, &wrong);
    reply.dns_count = 1;
    reply.dns[0] = host6(53);
    receive(&s, &reply);
    expect_state(&s, MN_DHCP6_INFORMED);
    assert_int_equal(s.client.binding.count, 0);
    assert_int_equal(s.client.information.dns_count, 1);
}

/* DHCP6-18.2.12-2 */
static void informed_link_up_asks_again(void **state)
{
    (void)state;
    struct script6 s;
    informed(&s);
    mn_dhcp6_client_note_link_up(&s.client, s.now);
    assert_ms(await_sent(&s, MN_DHCPV6_INFORMATION_REQUEST), 0, 1000);
    struct mn_dhcpv6 reply = information6(&s);
    receive(&s, &reply);
    mn_dhcp6_client_note_prefixes(&s.client, s.now); /* DHCP6-18.2.12-3 */
    assert_ms(await_sent(&s, MN_DHCPV6_INFORMATION_REQUEST), 0, 1000);
}

/* DHCP6-18-1: M makes O redundant, and later flags of other routers end nothing. */
static void informed_managed_flag_solicits(void **state)
{
    (void)state;
    struct script6 s;
    informed(&s);
    mn_dhcp6_client_note_flags(&s.client, false, false, s.now);
    mn_dhcp6_client_note_flags(&s.client, false, true, s.now);
    expect_state(&s, MN_DHCP6_INFORMED);
    mn_dhcp6_client_note_flags(&s.client, true, true, s.now);
    await_sent(&s, MN_DHCPV6_SOLICIT);
    mn_dhcp6_client_note_flags(&s.client, false, true, s.now);
    expect_state(&s, MN_DHCP6_SOLICITING);
    await_sent(&s, MN_DHCPV6_SOLICIT);
}

/* DHCP6-16.11-1, DHCP6-18.2.2-1, DHCP6-18.2-2, DHCP6-21.20-1: nothing comes of a Reconfigure. */
static void reconfigure_has_no_effect(void **state)
{
    static const uint8_t types[] = {MN_DHCPV6_RENEW, MN_DHCPV6_REBIND, MN_DHCPV6_INFORMATION_REQUEST};
    (void)state;
    struct script6 s;
    for (size_t i = 0; i < MN_COUNT_OF(types); i++) {
        bound(&s);
        struct mn_dhcpv6 message = information6(&s);
        message.type = MN_DHCPV6_RECONFIGURE;
        message.reconfigure = types[i];
        message.dns_count = 1; /* DHCP6DNS-5-1 */
        message.dns[0] = host6(53);
        refuse(&s, &message);
        assert_int_equal(s.client.information.dns_count, 0);
        await_sent(&s, MN_DHCPV6_RENEW);
        refuse(&s, &message);
        assert_true(holds(&s, ADDRESS6));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bound_t1_of_the_server_counts_from_the_reply),
        cmocka_unit_test(bound_t1_and_t2_of_zero_are_chosen),
        cmocka_unit_test(bound_for_ever_is_silent),
        cmocka_unit_test(bound_addresses_end_at_their_times),
        cmocka_unit_test(flood_of_addresses_is_bounded),
        cmocka_unit_test(renew_goes_to_its_server_and_rebind_to_all),
        cmocka_unit_test(rebinding_unanswered_ends_with_the_addresses),
        cmocka_unit_test(rebinding_any_server_may_answer),
        cmocka_unit_test(renew_reply_changes_addresses_one_by_one),
        cmocka_unit_test(renew_reply_that_ends_the_last_address_begins_anew),
        cmocka_unit_test(renew_no_binding_is_requested),
        cmocka_unit_test(renew_no_binding_and_no_address_begins_anew),
        cmocka_unit_test(renew_reply_without_addresses_waits),
        cmocka_unit_test(information_is_that_of_the_last_reply),
        cmocka_unit_test(bound_new_prefixes_renew_early),
        cmocka_unit_test(confirming_unanswered_keeps_the_addresses),
        cmocka_unit_test(confirm_is_delayed_at_random),
        cmocka_unit_test(confirming_success_outdoes_not_on_link),
        cmocka_unit_test(confirming_not_on_link_begins_anew),
        cmocka_unit_test(soliciting_link_up_solicits_at_once),
        cmocka_unit_test(duplicate_is_declined_and_the_other_kept),
        cmocka_unit_test(declining_any_reply_ends_it),
        cmocka_unit_test(declining_a_second_duplicate_joins_the_first),
        cmocka_unit_test(release_is_sent_four_times),
        cmocka_unit_test(releasing_any_reply_ends_it),
        cmocka_unit_test(soliciting_release_is_silent),
        cmocka_unit_test(information_request_has_its_options),
        cmocka_unit_test(informing_unanswered_backs_off),
        cmocka_unit_test(informed_asks_again_at_the_refresh_time),
        cmocka_unit_test(informing_addresses_are_not_taken),
        cmocka_unit_test(informed_link_up_asks_again),
        cmocka_unit_test(informed_managed_flag_solicits),
        cmocka_unit_test(reconfigure_has_no_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
