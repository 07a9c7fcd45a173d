/* Neighbour discovery between hosts, and duplicate address detection (RFC 4861 7, RFC 4862 5.4, RFC
 * 7527, RFC 9131). */
#include "tests/support/ip6_host.h"

static const uint8_t NONCE[MN_ND_NONCE] = {1, 2, 3, 4, 5, 6};

/* ---- Duplicate address detection ---- */

/* Starts a host with the static address OWN6, none of whose addresses has been probed for yet. */
static void begin(struct ip_host *h)
{
    struct mn_ip_config config = ip6_host_config(h);
    assert_int_equal(ip_host_start(h, &config), 0);
    expect_silence(h);
}

/* Waits for the probe for `address`; probes for others are passed over. Returns its nonce. */
static const uint8_t *await_probe(struct ip_host *h, struct mnet_address address)
{
    static struct sent6 sent;
    static struct mn_nd message;
    for (unsigned ms = 0; ms < 1100; ms++) {
        while (take_sent6(h, &sent)) {
            if (sent.ip.next_header != MN_PROTOCOL_ICMPV6) /* a report of a group */
                continue;
            struct mn_datagram datagram = {
                .source = sent.ip.source, .destination = sent.ip.destination, .ttl = sent.ip.hop_limit};
            assert_int_equal(mn_nd_parse(sent.payload, sent.payload_len, &datagram, false, &message), MN_PARSE_OK);
            assert_int_equal(message.type, MN_ICMPV6_NEIGHBOUR_SOLICITATION);
            assert_address6(sent.ip.source, NONE6);
            assert_false(message.has_link_address);
            assert_int_equal(message.nonce_len, MN_ND_NONCE);
            if (mnet_address_equal(message.target, address)) {
                assert_address6(sent.ip.destination, mn_ipv6_solicited_node(&address));
                return message.nonce;
            }
        }
        pass_ms(h, 1);
    }
    fail_msg("no probe");
    return NULL;
}

/* ND-4.3-1: by await_probe. */
static void unanswered_probe_makes_the_address_ours(void **state)
{
    (void)state;
    struct ip_host h;
    begin(&h);
    await_probe(&h, OWN6);
    assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_PROBING);
    assert_false(mn_ip_is_own(&h.ip, OWN6));
    pass_ms(&h, 998);
    assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_PROBING);
    pass_ms(&h, 4);
    assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_OURS);
    ip_host_down(&h);
}

/* EDAD-4.2-2, and RFC 4862 5.4.3 */
static void tentative_probe_of_another_is_a_conflict(void **state)
{
    (void)state;
    struct ip_host h;
    begin(&h);
    await_probe(&h, OWN6);
    receive_solicitation(&h, .source = NONE6, .destination = mn_ipv6_solicited_node(&OWN6), .mac = NO_MAC,
                         .nonce = NONCE);
    assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_CONFLICT);
    assert_counted(&h, ND_CONFLICT, 1);
    assert_true(h.log_lines > 0);
    pass_ms(&h, 5000);
    assert_false(mn_ip_is_own(&h.ip, OWN6));
    assert_true(mn_ip_is_own(&h.ip, OWN_LINK6));
    ip_host_down(&h);
}

/* Receives the probe with `nonce` that the host has sent itself. */
static void receive_own_probe(struct ip_host *h, const uint8_t *nonce)
{
    receive_solicitation(h, .source = NONE6, .destination = mn_ipv6_solicited_node(&OWN6), .mac = NO_MAC,
                         .nonce = nonce);
}

/* EDAD-4.1-2, EDAD-4.1-3, EDAD-4.2-1, EDAD-4.1-1, N6-6.3-5: a switch sends our own probe back.
 * Three more follow, each with a nonce of its own, and a quiet second makes the address ours. */
static void tentative_own_probe_that_comes_back_is_none(void **state)
{
    (void)state;
    struct ip_host h;
    uint8_t nonces[4][MN_ND_NONCE];
    begin(&h);
    memcpy(nonces[0], await_probe(&h, OWN6), MN_ND_NONCE);
    receive_own_probe(&h, nonces[0]);
    assert_counted(&h, ND_LOOPED, 1);
    assert_true(h.log_lines > 0);
    for (unsigned i = 1; i < 4; i++) {
        uint64_t before = h.now;
        memcpy(nonces[i], await_probe(&h, OWN6), MN_ND_NONCE);
        assert_in_range(h.now - before, 990 * MNET_MILLISECOND, 1001 * MNET_MILLISECOND);
        for (unsigned j = 0; j < i; j++)
            assert_memory_not_equal(nonces[i], nonces[j], MN_ND_NONCE);
    }
    assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_PROBING);
    pass_ms(&h, 1001);
    assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_OURS);
    assert_counted(&h, ND_CONFLICT, 0);
    ip_host_down(&h);
}

/* A link that sends everything back for good, early or late, leaves the host its address. */
static void tentative_loop_without_end_does_not_keep_the_address_back(void **state)
{
    (void)state;
    struct ip_host h;
    uint8_t nonces[4][MN_ND_NONCE];
    begin(&h);
    for (unsigned i = 0; i < 4; i++) {
        memcpy(nonces[i], await_probe(&h, OWN6), MN_ND_NONCE);
        for (unsigned j = 0; j <= i; j++)
            receive_own_probe(&h, nonces[j]);
    }
    pass_ms(&h, 1001);
    assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_OURS);
    assert_counted(&h, ND_LOOPED, 10);
    ip_host_down(&h);
}

/* EDAD-4-1, EDAD-4.2-2: the nonce of one address is no excuse for another, and none is needed by
 * who has the address already. */
static void nonce_counts_for_its_tentative_address_only(void **state)
{
    (void)state;
    struct ip_host h;
    uint8_t nonce[MN_ND_NONCE];
    begin(&h);
    memcpy(nonce, await_probe(&h, OWN_LINK6), MN_ND_NONCE);
    receive_own_probe(&h, nonce);
    assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_CONFLICT);
    ip_host_down(&h);
    begin(&h);
    memcpy(nonce, await_probe(&h, OWN6), MN_ND_NONCE);
    pass_ms(&h, 4000);
    discard_sent6(&h);
    receive_own_probe(&h, nonce);
    expect_icmp6(&h, mn_ipv6_all_nodes, MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT, 0);
    assert_counted(&h, ND_LOOPED, 0);
    ip_host_down(&h);
}

/* N6-6.3-3: the link-local address and the one of the configuration; those of routers and of DHCPv6
 * come by the same list (test_ip6_routers.c). */
static void every_address_is_probed_for(void **state)
{
    (void)state;
    struct ip_host h;
    begin(&h);
    assert_false(mn_ip_is_own(&h.ip, OWN_LINK6));
    await_probe(&h, OWN_LINK6);
    ip_host_down(&h);
    begin(&h);
    await_probe(&h, OWN6);
    assert_false(mn_ip_is_own(&h.ip, OWN6));
    ip_host_down(&h);
}

/* ---- Groups ---- */

/* ND-6.3.3-1, ND-7.2.1-1, ND-7.2.1-2: all nodes from the start, and the group of each address as
 * long as one that has this group is wanted. */
static void groups_follow_the_addresses(void **state)
{
    (void)state;
    const struct mnet_address addresses[] = {OWN6, ADDRESS6(0x2001, 0xdb8, 0x55, 0x1234)};
    for (size_t i = 0; i < 2; i++) {
        struct ip_host h;
        const struct mnet_address group = mn_ipv6_solicited_node(&addresses[i]);
        const struct mnet_address link_local = OWN_LINK6;
        bool shared = mnet_address_equal(group, mn_ipv6_solicited_node(&link_local));
        struct mn_ip_config config = ip6_host_config(&h);
        config.user.ipv6.address = addresses[i];
        assert_int_equal(shared, i == 0);
        assert_int_equal(ip_host_start(&h, &config), 0);
        assert_true(mn_groups_contain(&h.ip.groups, mn_ipv6_all_nodes));
        assert_true(mn_groups_contain(&h.ip.groups, group));
        assert_int_equal(receive_ip6(&h, .destination = mn_ipv6_all_nodes, .to = {{0x33, 0x33, 0, 0, 0, 1}}),
                         MN_IP_TRANSPORT);
        await_probe(&h, addresses[i]);
        receive_solicitation(&h, .source = NONE6, .destination = group, .target = addresses[i], .mac = NO_MAC);
        assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_CONFLICT);
        assert_int_equal(mn_groups_contain(&h.ip.groups, group), shared);
        ip_host_down(&h);
    }
}

/* ---- Announcements ---- */

/* Expects an unasked advertisement of OWN6 or another own address, and returns its flags. */
static uint8_t expect_announcement(struct ip_host *h, struct mnet_address own, struct mnet_address to)
{
    struct sent6 *sent = expect_icmp6(h, to, MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT, 0);
    struct mn_datagram datagram = {
        .source = sent->ip.source, .destination = sent->ip.destination, .ttl = sent->ip.hop_limit};
    struct mn_nd message;
    assert_int_equal(mn_nd_parse(sent->payload, sent->payload_len, &datagram, false, &message), MN_PARSE_OK);
    assert_address6(message.target, own);
    assert_true(mn_ip_is_own(&h->ip, sent->ip.source));
    assert_true(message.has_link_address && mn_mac_equal(message.link_address, OWN_MAC));
    return sent->payload[4];
}

/* GRAND-6.1.2-1 to GRAND-6.1.2-5, ND-4.4-1: routers hear of a new address at once, and twice
 * more. */
static void ours_is_told_to_routers_three_times(void **state)
{
    (void)state;
    struct ip_host h;
    begin(&h);
    await_probe(&h, OWN6);
    pass_ms(&h, 990);
    discard_sent6(&h);
    while (mn_ip_ipv6_state(&h.ip) != MN_IP_ADDRESS_OURS)
        pass_ns(&h, MNET_MILLISECOND / 4);
    for (unsigned i = 0; i < 3; i++) {
        keep_icmp6(&h, MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT);
        assert_int_equal(expect_announcement(&h, OWN6, mn_ipv6_all_routers), 0);
        expect_silence(&h);
        pass_ms(&h, 999);
        keep_icmp6(&h, MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT);
        expect_silence(&h);
        pass_ms(&h, 1);
    }
    pass_ms(&h, 5000);
    keep_icmp6(&h, MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ND-7.2.6-1 to ND-7.2.6-3, ND-10-2: behind another link all hear of all addresses, one after the
 * other. */
static void link_up_is_told_to_all_three_times(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    mn_ip_note_link_up(&h.ip, h.now);
    for (unsigned i = 0; i < 3; i++) {
        keep_icmp6(&h, MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT);
        expect_silence(&h);
        pass_ms(&h, 30);
        keep_icmp6(&h, MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT);
        assert_int_equal(expect_announcement(&h, OWN_LINK6, mn_ipv6_all_nodes), 0x20);
        expect_silence(&h);
        pass_ms(&h, 30);
        keep_icmp6(&h, MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT);
        assert_int_equal(expect_announcement(&h, OWN6, mn_ipv6_all_nodes), 0x20);
        pass_ms(&h, 940);
    }
    pass_ms(&h, 5000);
    keep_icmp6(&h, MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ND-7.2.6-2: a link that goes up and down makes no more of it. */
static void flapping_link_is_told_once_a_second(void **state)
{
    (void)state;
    struct ip_host h;
    unsigned told = 0;
    struct sent6 sent;
    ip6_host_up(&h);
    for (unsigned i = 0; i < 100; i++) {
        mn_ip_note_link_up(&h.ip, h.now);
        pass_ms(&h, 100);
        keep_icmp6(&h, MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT);
        while (take_sent6(&h, &sent))
            told++;
    }
    assert_in_range(told, 2 * 8, 2 * 10);
    ip_host_down(&h);
}

/* RFC 4862 5.4: detection begins again with the interface. */
static void tentative_link_up_begins_again(void **state)
{
    (void)state;
    struct ip_host h;
    begin(&h);
    await_probe(&h, OWN6);
    pass_ms(&h, 900);
    mn_ip_note_link_up(&h.ip, h.now);
    pass_ms(&h, 200);
    assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_PROBING);
    await_probe(&h, OWN6);
    pass_ms(&h, 1001);
    assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_OURS);
    ip_host_down(&h);
}

/* RFC 4862 5.4.4 */
static void tentative_advertisement_is_a_conflict(void **state)
{
    (void)state;
    struct ip_host h;
    begin(&h);
    await_probe(&h, OWN6);
    receive_advertisement(&h, .source = OWN6, .destination = mn_ipv6_all_nodes, .target = OWN6, .override = true);
    assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_CONFLICT);
    ip_host_down(&h);
}

/* RFC 4862 5.4.3: who asks for the address has another one. */
static void tentative_is_not_told_to_who_asks(void **state)
{
    (void)state;
    struct ip_host h;
    begin(&h);
    await_probe(&h, OWN6);
    discard_sent6(&h);
    receive_solicitation(&h, .destination = mn_ipv6_solicited_node(&OWN6));
    assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_PROBING);
    assert_int_equal(h.ip.neighbours.count, 0);
    assert_int_equal(receive_ip6(&h, .protocol = MN_PROTOCOL_UDP), MN_IP_CONSUMED);
    assert_counted(&h, IP_DROP_NOT_FOR_US, 1);
    ip_host_down(&h);
}

static void ours_is_kept_whatever_others_say(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    receive_advertisement(&h, .source = PEER_LINK6, .destination = mn_ipv6_all_nodes, .target = OWN6, .override = true);
    assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_OURS);
    assert_counted(&h, ND_CONFLICT, 1);
    ip_host_down(&h);
}

/* Each address has a line of its own in the log, at most every ten seconds. */
static void ours_claimed_by_others_is_logged_now_and_then(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    unsigned before = h.log_lines;
    for (unsigned i = 0; i < 100; i++) {
        receive_advertisement(&h, .source = PEER_LINK6, .destination = mn_ipv6_all_nodes, .target = OWN6);
        receive_advertisement(&h, .source = PEER_LINK6, .destination = mn_ipv6_all_nodes, .target = OWN_LINK6);
        pass_ms(&h, 99);
    }
    assert_int_equal(h.log_lines, before + 2);
    pass_ms(&h, 101);
    receive_advertisement(&h, .source = PEER_LINK6, .destination = mn_ipv6_all_nodes, .target = OWN6);
    assert_int_equal(h.log_lines, before + 3);
    assert_counted(&h, ND_CONFLICT, 201);
    ip_host_down(&h);
}

/* Another station that asks whether it may have the address is one with a claim, too, unless a
 * switch sends back what the host has asked itself. */
static void ours_asked_for_by_another_is_logged(void **state)
{
    (void)state;
    struct ip_host h;
    uint8_t nonce[MN_ND_NONCE];
    begin(&h);
    memcpy(nonce, await_probe(&h, OWN6), MN_ND_NONCE);
    pass_ms(&h, 1001);
    assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_OURS);
    unsigned before = h.log_lines;
    receive_own_probe(&h, nonce);
    assert_counted(&h, ND_CONFLICT, 0);
    assert_int_equal(h.log_lines, before);
    receive_own_probe(&h, NONCE);
    receive_own_probe(&h, NULL);
    assert_counted(&h, ND_CONFLICT, 2);
    assert_int_equal(h.log_lines, before + 1);
    assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_OURS);
    ip_host_down(&h);
}

/* ND-7.2.4-5, ND-4.4-1: the answer to a probe goes to everybody. */
static void ours_probe_of_another_is_answered_to_all(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    receive_solicitation(&h, .source = NONE6, .destination = mn_ipv6_solicited_node(&OWN6), .mac = NO_MAC);
    struct sent6 *sent = expect_icmp6(&h, mn_ipv6_all_nodes, MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT, 0);
    assert_int_equal(sent->payload[4], 0x20); /* not solicited, override */
    assert_int_equal(sent->ip.hop_limit, 255);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ---- Resolution ---- */

/* ND-7.2.2-1, ND-7.2.2-3, ND-7.2.2-4, ND-4.3-2, N6-4-1, N6-5.4-10: the link address of the group is
 * 33:33:ff and the last 24 bits of the neighbour. */
static void unknown_send_asks_the_group_and_waits(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    assert_int_equal(send6(&h, PEER6, 8), 0);
    expect_solicitation(&h, PEER6, NO_MAC);
    expect_silence(&h);
    receive_advertisement(&h, .solicited = true, .override = true);
    struct sent6 *sent = expect_ip6(&h, PEER_MAC, PEER6, MN_PROTOCOL_UDP);
    assert_address6(sent->ip.source, OWN6);
    expect_silence(&h);
    ip_host_down(&h);
}

static void unknown_send_off_link_asks_for_the_gateway(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    assert_int_equal(send6(&h, FAR6, 8), 0);
    expect_solicitation(&h, GATEWAY6, NO_MAC);
    ip_host_down(&h);
}

static void unknown_send_to_link_local_comes_from_ours(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    assert_int_equal(send6(&h, PEER_LINK6, 8), 0);
    expect_solicitation(&h, PEER_LINK6, NO_MAC);
    receive_advertisement(&h, .source = PEER_LINK6, .target = PEER_LINK6, .destination = OWN_LINK6, .solicited = true,
                          .override = true);
    struct sent6 *sent = expect_ip6(&h, PEER_MAC, PEER_LINK6, MN_PROTOCOL_UDP);
    assert_address6(sent->ip.source, OWN_LINK6);
    ip_host_down(&h);
}

/* ND-7.2.2-6, ND-7.2.2-8, ND-10-2 */
static void incomplete_three_solicitations_unanswered_fail(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    send6(&h, PEER6, 8);
    for (int i = 0; i < 3; i++) {
        expect_solicitation(&h, PEER6, NO_MAC);
        expect_silence(&h);
        pass_ms(&h, 999);
        expect_no_failure(&h);
        pass_ms(&h, 1);
    }
    struct mn_icmp_error error;
    struct mnet_packet *packet = mn_ip_take_error(&h.ip, &error);
    assert_non_null(packet);
    assert_int_equal(error.reason, MN_UNREACHABLE_NEIGHBOUR);
    assert_address6(error.local, OWN6);
    assert_address6(error.remote, PEER6);
    mnet_packet_free(packet);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ND-7.2.3-2, ND-7.2.4-2, ND-7.2.4-6 */
static void unknown_solicitation_teaches_its_sender_and_is_answered(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    receive_solicitation(&h, .destination = mn_ipv6_solicited_node(&OWN6));
    struct sent6 *sent = expect_icmp6(&h, PEER6, MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT, 0);
    assert_true(mn_mac_equal(sent->ethernet.destination, PEER_MAC));
    assert_int_equal(sent->payload[4], 0x60); /* solicited, override */
    assert_int_equal(h.ip.neighbours.count, 1);
    assert_int_equal(send6(&h, PEER6, 8), 0);
    expect_ip6(&h, PEER_MAC, PEER6, MN_PROTOCOL_UDP);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ND-7.2.5-1, GRAND-6.1.1-1 */
static void unknown_advertisement_makes_no_entry(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    receive_advertisement(&h, .solicited = true, .override = true);
    assert_int_equal(h.ip.neighbours.count, 0);
    ip_host_down(&h);
}

/* ND-7.2.5-4, ND-7.2.5-6 to ND-7.2.5-8: every combination of flags and link address, for a
 * REACHABLE neighbour. */
static void reachable_advertisement_table(void **state)
{
    (void)state;
    static const struct {
        bool other, solicited, override;
        enum mn_neighbour_state state;
        bool moved;
    } rows[] = {
        {false, false, false, MN_NEIGHBOUR_REACHABLE, false}, {false, true, false, MN_NEIGHBOUR_REACHABLE, false},
        {false, false, true, MN_NEIGHBOUR_REACHABLE, false},  {false, true, true, MN_NEIGHBOUR_REACHABLE, false},
        {true, false, false, MN_NEIGHBOUR_STALE, false},      {true, true, false, MN_NEIGHBOUR_STALE, false},
        {true, false, true, MN_NEIGHBOUR_STALE, true},        {true, true, true, MN_NEIGHBOUR_REACHABLE, true},
    };
    for (size_t i = 0; i < MN_COUNT_OF(rows); i++) {
        struct ip_host h;
        ip6_host_up(&h);
        know6(&h, PEER6, PEER_MAC);
        receive_advertisement(&h, .mac = rows[i].other ? OTHER_MAC : PEER_MAC, .solicited = rows[i].solicited,
                              .override = rows[i].override);
        assert_int_equal(neighbour_state(&h, PEER6), rows[i].state);
        send6(&h, PEER6, 8);
        expect_ip6(&h, rows[i].moved ? OTHER_MAC : PEER_MAC, PEER6, MN_PROTOCOL_UDP);
        ip_host_down(&h);
    }
}

/* ND-7.3.2-1, ND-7.3.3-1 to ND-7.3.3-4, ND-10-3 */
static void stale_use_is_delayed_then_probed_then_given_up(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    pass_ms(&h, 45001); /* the longest ReachableTime */
    assert_int_equal(neighbour_state(&h, PEER6), MN_NEIGHBOUR_STALE);
    expect_silence(&h);
    send6(&h, PEER6, 8);
    expect_ip6(&h, PEER_MAC, PEER6, MN_PROTOCOL_UDP);
    assert_int_equal(neighbour_state(&h, PEER6), MN_NEIGHBOUR_DELAY);
    pass_ms(&h, 4999);
    expect_silence(&h);
    pass_ms(&h, 1);
    for (int i = 0; i < 3; i++) {
        expect_solicitation(&h, PEER6, PEER_MAC);
        assert_int_equal(neighbour_state(&h, PEER6), MN_NEIGHBOUR_PROBE);
        pass_ms(&h, 1000);
    }
    assert_int_equal(h.ip.neighbours.count, 0);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ND-7.3.1-1, ND-7.3.3-2: word of a transport takes the place of a solicitation. */
static void delayed_confirmation_of_a_transport_is_enough(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    pass_ms(&h, 45001);
    send6(&h, PEER6, 8);
    assert_int_equal(neighbour_state(&h, PEER6), MN_NEIGHBOUR_DELAY);
    struct mn_datagram datagram = {.destination = PEER6, .protocol = MN_PROTOCOL_TCP, .confirmed = true};
    mn_ip_output(&h.ip, make_packet(&h, 20, 0), &datagram, h.now);
    assert_int_equal(neighbour_state(&h, PEER6), MN_NEIGHBOUR_REACHABLE);
    discard_sent6(&h);
    pass_ms(&h, 10000);
    expect_silence(&h);
    ip_host_down(&h);
}

/* RFC 4861 7.1.1, 7.1.2, RFC 6980: none of these has any effect. */
static void invalid_messages_are_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    receive_solicitation(&h, .hop_limit = 254);
    receive_solicitation(&h, .target = mn_ipv6_all_nodes);
    receive_solicitation(&h, .source = NONE6, .destination = OWN6, .mac = NO_MAC);
    receive_solicitation(&h, .source = NONE6, .destination = mn_ipv6_solicited_node(&OWN6), .mac = PEER_MAC);
    receive_solicitation(&h, .mac = mn_mac_broadcast);
    receive_solicitation(&h, .mac = OWN_MAC);
    receive_advertisement(&h, .destination = mn_ipv6_all_nodes, .solicited = true);
    assert_counted(&h, ND_DROP_INVALID, 7);
    assert_int_equal(h.ip.neighbours.count, 0);
    expect_silence(&h);
    ip_host_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unanswered_probe_makes_the_address_ours),
        cmocka_unit_test(tentative_probe_of_another_is_a_conflict),
        cmocka_unit_test(tentative_own_probe_that_comes_back_is_none),
        cmocka_unit_test(tentative_loop_without_end_does_not_keep_the_address_back),
        cmocka_unit_test(nonce_counts_for_its_tentative_address_only),
        cmocka_unit_test(every_address_is_probed_for),
        cmocka_unit_test(groups_follow_the_addresses),
        cmocka_unit_test(ours_is_told_to_routers_three_times),
        cmocka_unit_test(link_up_is_told_to_all_three_times),
        cmocka_unit_test(flapping_link_is_told_once_a_second),
        cmocka_unit_test(tentative_link_up_begins_again),
        cmocka_unit_test(tentative_advertisement_is_a_conflict),
        cmocka_unit_test(tentative_is_not_told_to_who_asks),
        cmocka_unit_test(ours_is_kept_whatever_others_say),
        cmocka_unit_test(ours_claimed_by_others_is_logged_now_and_then),
        cmocka_unit_test(ours_asked_for_by_another_is_logged),
        cmocka_unit_test(ours_probe_of_another_is_answered_to_all),
        cmocka_unit_test(unknown_send_asks_the_group_and_waits),
        cmocka_unit_test(unknown_send_off_link_asks_for_the_gateway),
        cmocka_unit_test(unknown_send_to_link_local_comes_from_ours),
        cmocka_unit_test(incomplete_three_solicitations_unanswered_fail),
        cmocka_unit_test(unknown_solicitation_teaches_its_sender_and_is_answered),
        cmocka_unit_test(unknown_advertisement_makes_no_entry),
        cmocka_unit_test(reachable_advertisement_table),
        cmocka_unit_test(stale_use_is_delayed_then_probed_then_given_up),
        cmocka_unit_test(delayed_confirmation_of_a_transport_is_enough),
        cmocka_unit_test(invalid_messages_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
