/* What messages of neighbours do to their entries (RFC 4861 7.2.2 to 7.2.7, and its appendices C
 * and D). The states in the course of time are in test_ip6_reach.c. */
#include "tests/support/ip6_router.h"

#define OTHER6 ADDRESS6(0x2001, 0xdb8, 0, 4)

/* States of an entry that has a link address. */
static const enum mn_neighbour_state resolved[] = {
    MN_NEIGHBOUR_REACHABLE, MN_NEIGHBOUR_STALE, MN_NEIGHBOUR_DELAY, MN_NEIGHBOUR_PROBE, MN_NEIGHBOUR_UNREACHABLE,
};

static const struct mn_neighbour *entry_of(struct ip_host *h, struct mnet_address address)
{
    const struct mn_neighbour *entry = mn_neighbour_find(&h->ip.neighbours, address);
    assert_non_null(entry);
    return entry;
}

/* Starts the usual host, which has PEER6 in `state`. */
static void up_with_peer(struct ip_host *h, enum mn_neighbour_state state)
{
    ip6_host_up(h);
    bring_peer6(h, state);
}

static void expect_entry(struct ip_host *h, enum mn_neighbour_state state, struct mn_mac mac)
{
    assert_int_equal(neighbour_state(h, PEER6), state);
    assert_true(mn_mac_equal(entry_of(h, PEER6)->mac, mac));
}

/* Expects an advertisement of an own address as the next frame, and returns its flags. */
static uint8_t expect_advertisement(struct ip_host *h, struct mnet_address own, struct mnet_address to)
{
    struct sent6 *sent = expect_icmp6(h, to, MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT, 0);
    struct mn_datagram datagram = {
        .source = sent->ip.source, .destination = sent->ip.destination, .ttl = sent->ip.hop_limit};
    struct mn_nd message;
    assert_int_equal(mn_nd_parse(sent->payload, sent->payload_len, &datagram, false, &message), MN_PARSE_OK);
    assert_address6(message.target, own);
    assert_address6(sent->ip.source, own);
    assert_true(message.has_link_address && mn_mac_equal(message.link_address, OWN_MAC));
    assert_false(message.router);
    assert_int_equal(sent->payload[4] & 0x1f, 0); /* reserved */
    assert_memory_equal(sent->payload + 5, "\0\0\0", 3);
    return sent->payload[4];
}

/* ---- Asking for a link address ---- */

/* ND-7.2.2-5: of those that wait the oldest go, and the newest leave in their order. */
static void incomplete_more_packets_than_can_wait_lose_the_oldest(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    for (size_t len = 11; len <= 16; len++)
        assert_int_equal(send6(&h, PEER6, len), 0);
    expect_solicitation(&h, PEER6, NO_MAC);
    receive_advertisement(&h, .solicited = true, .override = true);
    for (size_t len = 16 - MN_NEIGHBOUR_PENDING + 1; len <= 16; len++)
        assert_int_equal(expect_ip6(&h, PEER_MAC, PEER6, MN_PROTOCOL_UDP)->payload_len, len);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ND-7.2.2-7, ND-7.2.2-6: as many solicitations for many packets as for one. */
static void incomplete_many_packets_are_one_solicitation_a_second(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    for (unsigned second = 0; second < 3; second++) {
        for (unsigned i = 0; i < 100; i++) {
            send6(&h, PEER6, 8);
            if (i == 0)
                expect_solicitation(&h, PEER6, NO_MAC);
            expect_silence(&h);
            if (i < 99)
                pass_ms(&h, 10);
        }
        pass_ms(&h, 10);
    }
    ip_host_down(&h);
}

/* ND-7.2.2-2: the neighbour learns the address that it is going to answer. */
static void incomplete_solicitation_has_the_source_of_the_packet(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    const struct mnet_address sources[] = {OWN6, OWN_LINK6};
    const struct mnet_address neighbours[] = {PEER6, OTHER6};
    for (size_t i = 0; i < 2; i++) {
        struct mn_datagram datagram = {.source = sources[i], .destination = neighbours[i], .protocol = MN_PROTOCOL_UDP};
        assert_int_equal(mn_ip_output(&h.ip, make_packet(&h, 8, 0), &datagram, h.now), 0);
        struct sent6 *sent = expect_icmp6(&h, mn_ipv6_solicited_node(&neighbours[i]), MN_ICMPV6_NEIGHBOUR_SOLICITATION,
                                          0);
        assert_address6(sent->ip.source, sources[i]);
    }
    ip_host_down(&h);
}

/* ND-7.2.2-8: each packet that waited comes back. */
static void incomplete_failure_gives_every_packet_back(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_icmp_error error;
    struct mnet_packet *packet;
    unsigned count = 0;
    ip6_host_up(&h);
    for (unsigned i = 0; i < MN_NEIGHBOUR_PENDING; i++)
        assert_int_equal(send6(&h, PEER6, 8), 0);
    pass_ms(&h, 2999);
    expect_no_failure(&h);
    pass_ms(&h, 1);
    while ((packet = mn_ip_take_error(&h.ip, &error)) != NULL) {
        assert_int_equal(error.reason, MN_UNREACHABLE_NEIGHBOUR);
        mnet_packet_free(packet);
        count++;
    }
    assert_int_equal(count, MN_NEIGHBOUR_PENDING);
    discard_sent6(&h);
    ip_host_down(&h);
}

/* ---- Solicitations received ---- */

/* ND-7.2.3-1: of another host, of nobody, and of an address that was lost. */
static void solicitation_for_another_address_is_silent(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    receive_solicitation(&h, .target = OTHER6, .destination = mn_ipv6_all_nodes);
    receive_solicitation(&h, .target = NONE6);
    assert_int_equal(h.ip.neighbours.count, 0);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ND-4.4-3, ND-7.2.4-2, ND-7.2.4-4, ND-7.2.4-6, ND-4.4-2, N6-5.4-5: a probe to the host alone. */
static void solicitation_to_the_host_alone_is_answered(void **state)
{
    (void)state;
    struct ip_host h;
    up_with_peer(&h, MN_NEIGHBOUR_REACHABLE);
    receive_solicitation(&h, .destination = OWN6);
    assert_int_equal(expect_advertisement(&h, OWN6, PEER6), 0x60); /* solicited, override */
    expect_silence(&h);
    ip_host_down(&h);
}

/* ND-7.2.4-1, ND-7.2.4-3: for each own address. */
static void solicitation_is_answered_from_its_target(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    const struct mnet_address own[] = {OWN6, OWN_LINK6};
    for (size_t i = 0; i < 2; i++) {
        receive_solicitation(&h, .target = own[i], .destination = mn_ipv6_solicited_node(&own[i]));
        assert_int_equal(expect_advertisement(&h, own[i], PEER6), 0x60);
    }
    ip_host_down(&h);
}

/* ND-7.2.4-8, ND-7.2-1: the host asks for the asker first, of whom it learns nothing. */
static void solicitation_without_link_address_is_answered_behind_one_of_ours(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    receive_solicitation(&h, .mac = NO_MAC);
    expect_solicitation(&h, PEER6, NO_MAC);
    expect_silence(&h);
    assert_int_equal(neighbour_state(&h, PEER6), MN_NEIGHBOUR_INCOMPLETE);
    receive_advertisement(&h, .solicited = true, .override = true);
    assert_int_equal(expect_advertisement(&h, OWN6, PEER6), 0x60);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ND-7.2-1: a known entry stays as it is, and is good enough for the answer. */
static void solicitation_without_link_address_changes_no_entry(void **state)
{
    (void)state;
    struct ip_host h;
    up_with_peer(&h, MN_NEIGHBOUR_REACHABLE);
    receive_solicitation(&h, .mac = NO_MAC);
    expect_advertisement(&h, OWN6, PEER6);
    expect_entry(&h, MN_NEIGHBOUR_REACHABLE, PEER_MAC);
    ip_host_down(&h);
}

/* ND-7.2.3-2, ND-7.2.3-4, ND-7.3.3-9: nobody knows whether the asker hears us, or is a router. */
static void solicitation_makes_a_stale_entry_of_a_host(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    receive_solicitation(&h, .destination = mn_ipv6_solicited_node(&OWN6));
    expect_advertisement(&h, OWN6, PEER6);
    expect_silence(&h);
    expect_entry(&h, MN_NEIGHBOUR_STALE, PEER_MAC);
    assert_false(entry_of(&h, PEER6)->gateway);
    ip_host_down(&h);
}

/* ND-7.2.3-3, ND-7.3.1-2: the same link address says nothing new, but of a neighbour that was as
 * good as forgotten; another one may be wrong. */
static void solicitation_of_a_known_neighbour(void **state)
{
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(resolved); i++) {
        struct ip_host h;
        up_with_peer(&h, resolved[i]);
        receive_solicitation(&h, .mac = PEER_MAC);
        bool forgotten = resolved[i] == MN_NEIGHBOUR_UNREACHABLE;
        expect_entry(&h, forgotten ? MN_NEIGHBOUR_STALE : resolved[i], PEER_MAC);
        receive_solicitation(&h, .mac = OTHER_MAC);
        expect_entry(&h, MN_NEIGHBOUR_STALE, OTHER_MAC);
        discard_sent6(&h);
        ip_host_down(&h);
    }
}

/* ND-7.2.3-6: who has no address yet is not to be reached at one. */
static void probe_of_another_station_changes_no_entry(void **state)
{
    (void)state;
    struct ip_host h;
    up_with_peer(&h, MN_NEIGHBOUR_REACHABLE);
    receive_solicitation(&h, .source = NONE6, .destination = mn_ipv6_solicited_node(&OWN6), .mac = NO_MAC);
    assert_int_equal(expect_advertisement(&h, OWN6, mn_ipv6_all_nodes), 0x20);
    assert_int_equal(h.ip.neighbours.count, 1);
    expect_entry(&h, MN_NEIGHBOUR_REACHABLE, PEER_MAC);
    ip_host_down(&h);
}

/* ND-7.2.3-5, ND-App.D-1: a router that asks is a router still. */
static void solicitation_of_a_router_leaves_it_one(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 1800, .mac = ROUTER_A_MAC);
    receive_solicitation(&h, .source = ROUTER_A, .destination = OWN_LINK6, .target = OWN_LINK6, .mac = ROUTER_A_MAC);
    discard_sent6(&h);
    assert_true(entry_of(&h, ROUTER_A)->gateway);
    expect_sent_by(&h, FAR6, ROUTER_A_MAC);
    receive_solicitation(&h, .source = ROUTER_A, .destination = OWN_LINK6, .target = OWN_LINK6, .mac = OTHER_MAC);
    discard_sent6(&h);
    assert_true(entry_of(&h, ROUTER_A)->gateway);
    expect_sent_by(&h, FAR6, OTHER_MAC);
    ip_host_down(&h);
}

/* ---- Advertisements received ---- */

/* ND-7.2.5-2: an answer without an address is none. */
static void incomplete_advertisement_without_link_address_is_ignored(void **state)
{
    (void)state;
    struct ip_host h;
    up_with_peer(&h, MN_NEIGHBOUR_INCOMPLETE);
    receive_advertisement(&h, .mac = NO_MAC, .solicited = true, .override = true);
    assert_int_equal(neighbour_state(&h, PEER6), MN_NEIGHBOUR_INCOMPLETE);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ND-7.2.5-3: the flag O means nothing, S tells whether the neighbour hears us, and what waited
 * goes; without S its way is in doubt from then on. */
static void incomplete_advertisement_sends_what_waited(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags < 4; flags++) {
        struct ip_host h;
        bool solicited = flags & 1, override = flags & 2;
        up_with_peer(&h, MN_NEIGHBOUR_INCOMPLETE);
        receive_advertisement(&h, .solicited = solicited, .override = override);
        expect_ip6(&h, PEER_MAC, PEER6, MN_PROTOCOL_UDP);
        expect_silence(&h);
        expect_entry(&h, solicited ? MN_NEIGHBOUR_REACHABLE : MN_NEIGHBOUR_DELAY, PEER_MAC);
        ip_host_down(&h);
    }
}

/* ND-7.2.5-5: another address without O means nothing unless the neighbour is REACHABLE. */
static void known_advertisement_that_does_not_override_is_ignored(void **state)
{
    (void)state;
    for (size_t i = 1; i < MN_COUNT_OF(resolved); i++) {
        struct ip_host h;
        up_with_peer(&h, resolved[i]);
        receive_advertisement(&h, .mac = OTHER_MAC);
        receive_advertisement(&h, .mac = OTHER_MAC, .solicited = true);
        expect_entry(&h, resolved[i], PEER_MAC);
        expect_silence(&h);
        ip_host_down(&h);
    }
}

/* ND-7.2.5-7, ND-App.C-1: with S alone the neighbour is REACHABLE, also if it gives no address. */
static void known_solicited_advertisement_makes_it_reachable(void **state)
{
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(resolved); i++)
        for (unsigned with_mac = 0; with_mac < 2; with_mac++) {
            struct ip_host h;
            up_with_peer(&h, resolved[i]);
            receive_advertisement(&h, .mac = with_mac ? PEER_MAC : NO_MAC, .solicited = true);
            expect_entry(&h, MN_NEIGHBOUR_REACHABLE, PEER_MAC);
            ip_host_down(&h);
        }
}

/* ND-7.2.5-6, ND-7.2.5-8: O brings a new address, which is not confirmed without S; the same
 * address without S changes nothing. */
static void known_advertisement_that_overrides_moves_the_neighbour(void **state)
{
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(resolved); i++) {
        struct ip_host h;
        up_with_peer(&h, resolved[i]);
        receive_advertisement(&h, .override = true);
        expect_entry(&h, resolved[i], PEER_MAC);
        receive_advertisement(&h, .mac = OTHER_MAC, .override = true);
        expect_entry(&h, MN_NEIGHBOUR_STALE, OTHER_MAC);
        receive_advertisement(&h, .mac = PEER_MAC, .solicited = true, .override = true);
        expect_entry(&h, MN_NEIGHBOUR_REACHABLE, PEER_MAC);
        ip_host_down(&h);
    }
}

/* ND-4.4-4, ND-7.1.2-5: reserved bits, unknown options and those of other messages. */
static void advertisement_with_more_than_is_known_is_taken(void **state)
{
    (void)state;
    struct ip_host h;
    uint8_t bytes[MN_ND_WRITE_MAX + 24] = {0};
    struct mn_writer w = mn_writer(bytes, MN_ND_WRITE_MAX);
    mn_nd_write(&w, &(struct mn_nd){.type = MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT,
                                    .target = PEER6,
                                    .solicited = true,
                                    .has_link_address = true,
                                    .link_address = PEER_MAC});
    uint8_t *end = bytes + MN_ND_WRITE_MAX - w.left;
    bytes[4] |= 0x1f;
    memset(bytes + 5, 0xff, 3);
    memcpy(end, "\x63\1......\1\1......\5\1......", 24);
    up_with_peer(&h, MN_NEIGHBOUR_INCOMPLETE);
    receive_icmp6(&h, .hop_limit = 255, .payload = bytes, .len = (size_t)(end - bytes) + 24);
    expect_entry(&h, MN_NEIGHBOUR_REACHABLE, PEER_MAC);
    expect_ip6(&h, PEER_MAC, PEER6, MN_PROTOCOL_UDP);
    ip_host_down(&h);
}

/* ND-7.2.5-9: a router that is being asked for says that it is none. */
static void incomplete_router_that_is_a_host_has_no_routes(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 1800);
    expect_asked_for(&h, FAR6, ROUTER_A);
    receive_advertisement(&h, .source = ROUTER_A, .destination = OWN_LINK6, .target = ROUTER_A, .mac = NO_MAC);
    assert_true(mn_routers_has(&h.ip.v6.routers, ROUTER_A)); /* no answer: ND-7.2.5-2 */
    receive_advertisement(&h, .source = ROUTER_A, .destination = OWN_LINK6, .target = ROUTER_A, .mac = ROUTER_A_MAC,
                          .solicited = true);
    discard_sent6(&h);
    assert_false(mn_routers_has(&h.ip.v6.routers, ROUTER_A));
    assert_int_equal(send6(&h, FAR6, 8), MNET_E_UNREACHABLE);
    ip_host_down(&h);
}

/* ND-7.3.3-10, ND-7.2.5-9: the better router of a redirect becomes a host; packets go by the first
 * one again. */
static void redirected_router_that_becomes_a_host_is_left(void **state)
{
    (void)state;
    for (unsigned known = 0; known < 2; known++) {
        struct ip_host h;
        auto_host_up(&h);
        receive_ra(&h, .mac = ROUTER_A_MAC, .lifetime_s = 1800);
        receive_redirect(&h, .to = OWN_LINK6, .destination = FAR6, .target = ROUTER_B,
                         .mac = known ? ROUTER_B_MAC : NO_MAC);
        if (!known)
            expect_asked_for(&h, FAR6, ROUTER_B);
        receive_advertisement(&h, .source = ROUTER_B, .destination = OWN_LINK6, .target = ROUTER_B, .mac = ROUTER_B_MAC,
                              .router = true, .solicited = true, .override = true);
        discard_sent6(&h);
        expect_sent_by(&h, FAR6, ROUTER_B_MAC);
        receive_advertisement(&h, .source = ROUTER_B, .destination = OWN_LINK6, .target = ROUTER_B, .mac = ROUTER_B_MAC,
                              .override = true);
        expect_sent_by(&h, FAR6, ROUTER_A_MAC);
        ip_host_down(&h);
    }
}

/* A destination on the link that a redirect has told of is no router, and stays where it is. */
static void redirected_destination_may_say_that_it_is_a_host(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .mac = ROUTER_A_MAC, .lifetime_s = 1800);
    receive_redirect(&h, .to = OWN_LINK6, .destination = FAR6, .target = FAR6, .mac = PEER_MAC);
    receive_advertisement(&h, .source = FAR6, .destination = OWN_LINK6, .target = FAR6, .solicited = true);
    expect_sent_by(&h, FAR6, PEER_MAC);
    ip_host_down(&h);
}

/* ---- All messages ---- */

enum teller {
    SOLICITATION,
    ROUTER_ADVERTISEMENT,
    REDIRECT,
    TELLERS,
};

/* A message that tells the link address of ROUTER_B, or does not (NO_MAC). Each redirect is about
 * another destination. */
static void receive_word(struct ip_host *h, enum teller teller, struct mn_mac mac)
{
    static uint16_t redirects;
    switch (teller) {
    case SOLICITATION:
        receive_solicitation(h, .source = ROUTER_B, .target = OWN_LINK6, .destination = OWN_LINK6, .mac = mac);
        break;
    case ROUTER_ADVERTISEMENT: receive_ra(h, .router = ROUTER_B, .lifetime_s = 60, .mac = mac); break;
    case REDIRECT:
        redirects++;
        receive_redirect(h, .to = OWN_LINK6, .destination = ADDRESS6(0x2001, 0xdb9, 1, redirects), .target = ROUTER_B,
                         .mac = mac);
        break;
    case TELLERS: break;
    }
}

static void start_with_router(struct ip_host *h)
{
    auto_host_up(h);
    receive_ra(h, .lifetime_s = 1800, .mac = ROUTER_A_MAC, .preference = MN_ND_HIGH);
}

/* ND-7.3.3-9: an entry that follows from any of the messages is STALE, and is again if another
 * link address comes. */
static void word_of_a_link_address_makes_a_stale_entry(void **state)
{
    (void)state;
    for (enum teller teller = 0; teller < TELLERS; teller++) {
        struct ip_host h;
        start_with_router(&h);
        receive_word(&h, teller, ROUTER_B_MAC);
        assert_int_equal(neighbour_state(&h, ROUTER_B), MN_NEIGHBOUR_STALE);
        assert_int_equal(entry_of(&h, ROUTER_B)->gateway, teller != SOLICITATION);
        receive_advertisement(&h, .source = ROUTER_B, .destination = OWN_LINK6, .target = ROUTER_B, .router = true,
                              .mac = ROUTER_B_MAC, .solicited = true);
        assert_int_equal(neighbour_state(&h, ROUTER_B), MN_NEIGHBOUR_REACHABLE);
        receive_word(&h, teller, ROUTER_B_MAC);
        assert_int_equal(neighbour_state(&h, ROUTER_B), MN_NEIGHBOUR_REACHABLE);
        receive_word(&h, teller, OTHER_MAC);
        assert_int_equal(neighbour_state(&h, ROUTER_B), MN_NEIGHBOUR_STALE);
        discard_sent6(&h);
        ip_host_down(&h);
    }
}

/* ND-7.2-1: without the option none of the messages makes an entry. */
static void word_without_a_link_address_makes_no_entry(void **state)
{
    (void)state;
    for (enum teller teller = ROUTER_ADVERTISEMENT; teller < TELLERS; teller++) {
        struct ip_host h;
        start_with_router(&h);
        receive_word(&h, teller, NO_MAC);
        assert_false(has_neighbour(&h, ROUTER_B));
        ip_host_down(&h);
    }
}

/* ND-App.C-2: any of the messages ends the wait, although it confirms nothing. */
static void word_of_a_link_address_sends_what_waited(void **state)
{
    (void)state;
    for (enum teller teller = 0; teller < TELLERS; teller++) {
        struct ip_host h;
        start_with_router(&h);
        expect_asked_for(&h, ROUTER_B, ROUTER_B);
        receive_word(&h, teller, ROUTER_B_MAC);
        expect_ip6(&h, ROUTER_B_MAC, ROUTER_B, MN_PROTOCOL_UDP);
        assert_int_equal(neighbour_state(&h, ROUTER_B), MN_NEIGHBOUR_DELAY);
        discard_sent6(&h);
        ip_host_down(&h);
    }
}

/* ND-5.1-1: an entry is of one address, with all that is known of it. */
static void entries_are_of_addresses(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    know6(&h, OTHER6, PEER_MAC); /* one station may have several */
    know6(&h, GATEWAY6, GATEWAY_MAC);
    assert_int_equal(h.ip.neighbours.count, 3);
    assert_false(entry_of(&h, OTHER6)->gateway);
    assert_true(entry_of(&h, GATEWAY6)->gateway);
    receive_advertisement(&h, .mac = OTHER_MAC, .override = true);
    expect_entry(&h, MN_NEIGHBOUR_STALE, OTHER_MAC);
    assert_int_equal(neighbour_state(&h, OTHER6), MN_NEIGHBOUR_REACHABLE);
    assert_true(mn_mac_equal(entry_of(&h, OTHER6)->mac, PEER_MAC));
    ip_host_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(incomplete_more_packets_than_can_wait_lose_the_oldest),
        cmocka_unit_test(incomplete_many_packets_are_one_solicitation_a_second),
        cmocka_unit_test(incomplete_solicitation_has_the_source_of_the_packet),
        cmocka_unit_test(incomplete_failure_gives_every_packet_back),
        cmocka_unit_test(solicitation_for_another_address_is_silent),
        cmocka_unit_test(solicitation_to_the_host_alone_is_answered),
        cmocka_unit_test(solicitation_is_answered_from_its_target),
        cmocka_unit_test(solicitation_without_link_address_is_answered_behind_one_of_ours),
        cmocka_unit_test(solicitation_without_link_address_changes_no_entry),
        cmocka_unit_test(solicitation_makes_a_stale_entry_of_a_host),
        cmocka_unit_test(solicitation_of_a_known_neighbour),
        cmocka_unit_test(probe_of_another_station_changes_no_entry),
        cmocka_unit_test(solicitation_of_a_router_leaves_it_one),
        cmocka_unit_test(incomplete_advertisement_without_link_address_is_ignored),
        cmocka_unit_test(incomplete_advertisement_sends_what_waited),
        cmocka_unit_test(known_advertisement_that_does_not_override_is_ignored),
        cmocka_unit_test(known_solicited_advertisement_makes_it_reachable),
        cmocka_unit_test(known_advertisement_that_overrides_moves_the_neighbour),
        cmocka_unit_test(advertisement_with_more_than_is_known_is_taken),
        cmocka_unit_test(incomplete_router_that_is_a_host_has_no_routes),
        cmocka_unit_test(redirected_router_that_becomes_a_host_is_left),
        cmocka_unit_test(redirected_destination_may_say_that_it_is_a_host),
        cmocka_unit_test(word_of_a_link_address_makes_a_stale_entry),
        cmocka_unit_test(word_without_a_link_address_makes_no_entry),
        cmocka_unit_test(word_of_a_link_address_sends_what_waited),
        cmocka_unit_test(entries_are_of_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
