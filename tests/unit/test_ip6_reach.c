/* Neighbour unreachability detection in the course of time (RFC 4861 7.3, RFC 7048): the state of a
 * neighbour from one confirmation to the next, or to the end. */
#include "tests/support/ip6_router.h"

#define LONGEST_REACHABLE_MS 45001 /* one and a half of 30 s, and then some */

static void up_with_peer(struct ip_host *h, enum mn_neighbour_state state)
{
    ip6_host_up(h);
    bring_peer6(h, state);
}

/* Sends a packet from a transport that hears from PEER6. */
static void send_confirmed(struct ip_host *h, struct mnet_address destination)
{
    struct mn_datagram datagram = {.destination = destination, .protocol = MN_PROTOCOL_TCP, .confirmed = true};
    assert_int_equal(mn_ip_output(&h->ip, make_packet(h, 20, 0), &datagram, h->now), 0);
}

/* Sends a packet from a transport that does not any more. */
static void send_doubtful(struct ip_host *h, struct mnet_address destination)
{
    struct mn_datagram datagram = {.destination = destination, .protocol = MN_PROTOCOL_TCP, .doubtful = true};
    assert_int_equal(mn_ip_output(&h->ip, make_packet(h, 20, 0), &datagram, h->now), 0);
}

/* The solicitations among the frames sent, and the other frames. */
struct sent_counts {
    unsigned to_groups, to_stations, others;
};

static struct sent_counts take_counts(struct ip_host *h)
{
    static struct sent6 sent;
    struct sent_counts counts = {0};
    while (take_sent6(h, &sent)) {
        bool asks = sent.ip.next_header == MN_PROTOCOL_ICMPV6 && sent.payload[0] == MN_ICMPV6_NEIGHBOUR_SOLICITATION;
        counts.to_groups += asks && mn_ipv6_is_multicast(&sent.ip.destination);
        counts.to_stations += asks && !mn_ipv6_is_multicast(&sent.ip.destination);
        counts.others += !asks;
    }
    return counts;
}

static void expect_counts(struct ip_host *h, unsigned to_groups, unsigned to_stations, unsigned others)
{
    struct sent_counts counts = take_counts(h);
    assert_int_equal(counts.to_groups, to_groups);
    assert_int_equal(counts.to_stations, to_stations);
    assert_int_equal(counts.others, others);
}

/* ---- Without traffic ---- */

/* ND-7.3.2-1, ND-7.3.2-2, ND-5.3-1: a neighbour that nobody sends to is not asked, and is kept for
 * ten minutes. */
static void idle_neighbour_is_left_alone(void **state)
{
    (void)state;
    struct ip_host h;
    up_with_peer(&h, MN_NEIGHBOUR_REACHABLE);
    pass_ms(&h, 14999);
    assert_int_equal(neighbour_state(&h, PEER6), MN_NEIGHBOUR_REACHABLE); /* at least 15 s */
    pass_ms(&h, LONGEST_REACHABLE_MS - 14999);
    assert_int_equal(neighbour_state(&h, PEER6), MN_NEIGHBOUR_STALE);
    pass_ms(&h, 600 * 1000 - LONGEST_REACHABLE_MS);
    assert_true(has_neighbour(&h, PEER6));
    expect_silence(&h);
    pass_ms(&h, 3000 * 1000);
    expect_silence(&h);
    assert_false(has_neighbour(&h, PEER6));
    ip_host_down(&h);
}

/* ND-7.3-1, ND-7.2-2, ND-4.3-3, ND-5.2-3: groups have no neighbours, and none is asked for them. */
static void groups_are_never_asked_for(void **state)
{
    (void)state;
    struct ip_host h;
    static const uint16_t first[] = {0xff02, 0xff05, 0xff0e};
    ip6_host_up(&h);
    for (unsigned second = 0; second < 100; second++) {
        for (size_t i = 0; i < MN_COUNT_OF(first); i++) {
            const struct mnet_address group = ADDRESS6(first[i], 0, 0, 0x123);
            assert_int_equal(send6(&h, group, 8), 0);
            expect_ip6(&h, (struct mn_mac){{0x33, 0x33, 0, 0, 1, 0x23}}, group, MN_PROTOCOL_UDP);
        }
        pass_ms(&h, 1000);
        expect_silence(&h);
    }
    assert_int_equal(h.ip.neighbours.count, 0);
    ip_host_down(&h);
}

/* ---- DELAY and PROBE ---- */

/* ND-7.3.3-1, ND-7.3.3-2, ND-7.3.3-3, ND-7.3.3-5, ND-10-2, ND-10-3: packets go to the old address
 * all the time; requests go there 5, 6 and 7 s after the first packet, and not before. */
static void used_neighbour_is_probed_while_packets_go_on(void **state)
{
    (void)state;
    struct ip_host h;
    up_with_peer(&h, MN_NEIGHBOUR_STALE);
    for (unsigned tenth = 0; tenth < 80; tenth++) {
        assert_int_equal(send6(&h, PEER6, 8), 0);
        if (tenth >= 50 && tenth % 10 == 0)
            expect_solicitation(&h, PEER6, PEER_MAC);
        expect_ip6(&h, PEER_MAC, PEER6, MN_PROTOCOL_UDP);
        expect_silence(&h);
        assert_int_equal(neighbour_state(&h, PEER6), tenth < 50 ? MN_NEIGHBOUR_DELAY : MN_NEIGHBOUR_PROBE);
        pass_ms(&h, 100);
    }
    discard_sent6(&h);
    ip_host_down(&h);
}

/* ND-7.3.3-4, ND-7.3.3-6: one that is not used any more goes after the third probe, and the next
 * packet asks everybody. */
static void probed_in_vain_and_unused_is_forgotten(void **state)
{
    (void)state;
    struct ip_host h;
    up_with_peer(&h, MN_NEIGHBOUR_DELAY);
    pass_ms(&h, 7999);
    expect_counts(&h, 0, 3, 0);
    assert_int_equal(neighbour_state(&h, PEER6), MN_NEIGHBOUR_PROBE);
    pass_ms(&h, 1);
    assert_false(has_neighbour(&h, PEER6));
    assert_int_equal(send6(&h, PEER6, 8), 0);
    expect_solicitation(&h, PEER6, NO_MAC);
    ip_host_down(&h);
}

/* ND-7.3.1-1, ND-7.3.3-2, N6-5.4-4: as long as acknowledgements of new data come, nobody is asked,
 * not even the router on the way of a connection. */
static void confirmed_traffic_needs_no_solicitation(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, GATEWAY6, GATEWAY_MAC);
    for (unsigned i = 0; i < 600; i++) {
        send_confirmed(&h, FAR6);
        pass_ms(&h, 1000);
        expect_counts(&h, 0, 0, 1);
    }
    ip_host_down(&h);
}

/* ND-7.3.3-2: word of the transport in DELAY, at the last moment; and in PROBE. */
static void confirmation_ends_every_doubt(void **state)
{
    (void)state;
    static const enum mn_neighbour_state doubts[] = {MN_NEIGHBOUR_STALE, MN_NEIGHBOUR_DELAY, MN_NEIGHBOUR_PROBE,
                                                     MN_NEIGHBOUR_UNREACHABLE};
    for (size_t i = 0; i < MN_COUNT_OF(doubts); i++) {
        struct ip_host h;
        up_with_peer(&h, doubts[i]);
        pass_ms(&h, 900);
        discard_sent6(&h);
        send_confirmed(&h, PEER6);
        assert_int_equal(neighbour_state(&h, PEER6), MN_NEIGHBOUR_REACHABLE);
        expect_ip6(&h, PEER_MAC, PEER6, MN_PROTOCOL_TCP);
        pass_ms(&h, 10000);
        expect_silence(&h);
        ip_host_down(&h);
    }
}

/* ND-7.3.3-7: there is no link address that the word could be about. */
static void confirmation_leaves_incomplete_as_it_is(void **state)
{
    (void)state;
    struct ip_host h;
    up_with_peer(&h, MN_NEIGHBOUR_INCOMPLETE);
    send_confirmed(&h, PEER6);
    assert_int_equal(neighbour_state(&h, PEER6), MN_NEIGHBOUR_INCOMPLETE);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ND-7.3.1-2: whatever a neighbour says unasked, it may not hear us. */
static void unasked_messages_confirm_nothing(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 1800, .mac = ROUTER_A_MAC);
    receive_advertisement(&h, .source = ROUTER_A, .destination = OWN_LINK6, .target = ROUTER_A, .mac = ROUTER_A_MAC,
                          .router = true, .solicited = true, .override = true);
    for (unsigned second = 0; second < 46; second++) {
        receive_ra(&h, .lifetime_s = 1800, .mac = ROUTER_A_MAC);
        receive_solicitation(&h, .source = ROUTER_A, .destination = OWN_LINK6, .target = OWN_LINK6,
                             .mac = ROUTER_A_MAC);
        receive_advertisement(&h, .source = ROUTER_A, .destination = mn_ipv6_all_nodes, .target = ROUTER_A,
                              .mac = ROUTER_A_MAC, .router = true, .override = true);
        pass_ms(&h, 1000);
    }
    assert_int_equal(neighbour_state(&h, ROUTER_A), MN_NEIGHBOUR_STALE);
    discard_sent6(&h);
    expect_sent_by(&h, FAR6, ROUTER_A_MAC);
    pass_ms(&h, 5000);
    expect_solicitation(&h, ROUTER_A, ROUTER_A_MAC);
    ip_host_down(&h);
}

/* ND-7.3.3-8, ND-7.2.2-7: a neighbour that answers each probe, and is doubted again at once, is
 * asked once in RetransTimer. */
static void flapping_neighbour_is_asked_once_a_second(void **state)
{
    (void)state;
    struct ip_host h;
    unsigned asked = 0;
    up_with_peer(&h, MN_NEIGHBOUR_REACHABLE);
    for (unsigned hundredth = 0; hundredth < 1000; hundredth++) {
        send_doubtful(&h, PEER6);
        struct sent_counts counts = take_counts(&h);
        assert_int_equal(counts.others, 1);
        asked += counts.to_groups + counts.to_stations;
        if (counts.to_stations > 0)
            receive_advertisement(&h, .solicited = true);
        pass_ms(&h, 10);
    }
    assert_in_range(asked, 9, 10);
    discard_sent6(&h);
    ip_host_down(&h);
}

/* ND-7.3.3-8: nor do an answer without the link address, and one who gives a new one, make it
 * more. */
static void changed_link_address_does_not_hasten_a_probe(void **state)
{
    (void)state;
    struct ip_host h;
    up_with_peer(&h, MN_NEIGHBOUR_REACHABLE);
    pass_ms(&h, 1000);
    send_doubtful(&h, PEER6);
    expect_counts(&h, 0, 1, 1);
    receive_advertisement(&h, .mac = OTHER_MAC, .solicited = true, .override = true);
    pass_ms(&h, 300);
    send_doubtful(&h, PEER6);
    expect_counts(&h, 0, 0, 1);
    pass_ms(&h, 699);
    expect_silence(&h);
    pass_ms(&h, 1);
    expect_solicitation(&h, PEER6, OTHER_MAC);
    ip_host_down(&h);
}

/* ND-5.1-3: ten destinations behind one router are one neighbour, with one series of probes. */
static void destinations_behind_a_router_share_its_entry(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, GATEWAY6, GATEWAY_MAC);
    pass_ms(&h, LONGEST_REACHABLE_MS);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(send6(&h, ADDRESS6(0x2001, 0xdb9, 0, 1 + i), 8), 0);
    expect_counts(&h, 0, 0, 10);
    pass_ms(&h, 5000);
    expect_counts(&h, 0, 1, 0);
    receive_advertisement(&h, .source = GATEWAY6, .target = GATEWAY6, .mac = GATEWAY_MAC, .router = true,
                          .solicited = true);
    pass_ms(&h, 10000);
    expect_silence(&h);
    assert_int_equal(h.ip.neighbours.count, 1);
    ip_host_down(&h);
}

/* ---- A neighbour that does not answer, and has no substitute (RFC 7048) ---- */

/* N6-5.4-6: after three probes everybody is asked, 3, 9, 27 and then 60 s apart, as long as there
 * are packets, which go on to the old address. */
static void unreachable_neighbour_is_asked_for_less_and_less_often(void **state)
{
    (void)state;
    struct ip_host h;
    static const unsigned seconds[] = {8, 11, 20, 47, 107, 167, 227};
    unsigned next = 0;
    up_with_peer(&h, MN_NEIGHBOUR_STALE);
    for (unsigned second = 0; second < 228; second++) {
        assert_int_equal(send6(&h, PEER6, 8), 0);
        bool group = second == seconds[next];
        expect_counts(&h, group, second >= 5 && second < 8, 1);
        next += group;
        pass_ms(&h, 1000);
        expect_no_failure(&h);
    }
    assert_int_equal(next, MN_COUNT_OF(seconds));
    assert_int_equal(neighbour_state(&h, PEER6), MN_NEIGHBOUR_UNREACHABLE);
    receive_advertisement(&h, .mac = OTHER_MAC, .solicited = true, .override = true);
    assert_int_equal(neighbour_state(&h, PEER6), MN_NEIGHBOUR_REACHABLE);
    discard_sent6(&h);
    assert_int_equal(send6(&h, PEER6, 8), 0);
    expect_ip6(&h, OTHER_MAC, PEER6, MN_PROTOCOL_UDP);
    ip_host_down(&h);
}

/* N6-5.4-6: the only router is none that could be given up. */
static void unreachable_router_without_another_is_kept(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 9000, .mac = ROUTER_A_MAC);
    for (unsigned second = 0; second < 20; second++) {
        assert_int_equal(send6(&h, FAR6, 8), 0);
        pass_ms(&h, 1000);
    }
    assert_int_equal(neighbour_state(&h, ROUTER_A), MN_NEIGHBOUR_UNREACHABLE);
    discard_sent6(&h);
    expect_sent_by(&h, FAR6, ROUTER_A_MAC);
    receive_advertisement(&h, .source = ROUTER_A, .destination = OWN_LINK6, .target = ROUTER_A, .mac = ROUTER_A_MAC,
                          .router = true, .solicited = true);
    receive_ra(&h, .router = ROUTER_B, .lifetime_s = 9000, .mac = ROUTER_B_MAC, .preference = MN_ND_LOW);
    expect_sent_by(&h, FAR6, ROUTER_A_MAC);
    ip_host_down(&h);
}

/* Another router, once there is one, takes over from one that does not answer. */
static void unreachable_router_is_left_for_a_new_one(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 9000, .mac = ROUTER_A_MAC, .preference = MN_ND_HIGH);
    for (unsigned second = 0; second < 20; second++) {
        assert_int_equal(send6(&h, FAR6, 8), 0);
        pass_ms(&h, 1000);
    }
    receive_ra(&h, .router = ROUTER_B, .lifetime_s = 9000, .mac = ROUTER_B_MAC, .preference = MN_ND_LOW);
    discard_sent6(&h);
    expect_sent_by(&h, FAR6, ROUTER_B_MAC);
    ip_host_down(&h);
}

/* N6-5.4-6: without traffic an UNREACHABLE neighbour is forgotten, and nobody is asked for it. */
static void unreachable_neighbour_that_is_unused_is_forgotten(void **state)
{
    (void)state;
    struct ip_host h;
    up_with_peer(&h, MN_NEIGHBOUR_UNREACHABLE);
    pass_ms(&h, 3000); /* for the last packet */
    expect_counts(&h, 1, 0, 0);
    pass_ms(&h, 9000);
    expect_silence(&h);
    assert_false(has_neighbour(&h, PEER6));
    ip_host_down(&h);
}

/* ---- Ways ---- */

/* ND-5.2-2: the next hop changes with its router; the path MTU, which is the destination's,
 * stays. */
static void next_hop_changes_and_the_path_mtu_stays(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 9000, .mac = ROUTER_A_MAC, .preference = MN_ND_HIGH);
    receive_ra(&h, .router = ROUTER_B, .lifetime_s = 9000, .mac = ROUTER_B_MAC);
    const struct mn_icmp_error error = {.reason = MN_UNREACHABLE_TOO_BIG, .remote = FAR6, .mtu = 1400};
    mn_ip_lower_path_mtu(&h.ip, &error, h.now);
    expect_sent_by(&h, FAR6, ROUTER_A_MAC);
    for (unsigned second = 0; second < 9; second++) {
        pass_ms(&h, 1000);
        discard_sent6(&h);
    }
    assert_int_equal(send6(&h, FAR6, 8), 0);
    expect_ip6(&h, ROUTER_B_MAC, FAR6, MN_PROTOCOL_UDP);
    assert_int_equal(mn_ip_path_mtu(&h.ip, FAR6), 1400);
    discard_sent6(&h);
    ip_host_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_neighbour_is_left_alone),
        cmocka_unit_test(groups_are_never_asked_for),
        cmocka_unit_test(used_neighbour_is_probed_while_packets_go_on),
        cmocka_unit_test(probed_in_vain_and_unused_is_forgotten),
        cmocka_unit_test(confirmed_traffic_needs_no_solicitation),
        cmocka_unit_test(confirmation_ends_every_doubt),
        cmocka_unit_test(confirmation_leaves_incomplete_as_it_is),
        cmocka_unit_test(unasked_messages_confirm_nothing),
        cmocka_unit_test(flapping_neighbour_is_asked_once_a_second),
        cmocka_unit_test(changed_link_address_does_not_hasten_a_probe),
        cmocka_unit_test(destinations_behind_a_router_share_its_entry),
        cmocka_unit_test(unreachable_neighbour_is_asked_for_less_and_less_often),
        cmocka_unit_test(unreachable_router_without_another_is_kept),
        cmocka_unit_test(unreachable_router_is_left_for_a_new_one),
        cmocka_unit_test(unreachable_neighbour_that_is_unused_is_forgotten),
        cmocka_unit_test(next_hop_changes_and_the_path_mtu_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
