/* A host among routers (RFC 4861 6, RFC 4862 5.5, RFC 4191, RFC 7559, RFC 8106): solicitations,
 * advertisements, and the next hops of its packets. Redirects are in test_ip6_redirects.c. */
#include "tests/support/ip6_router.h"

#define FAR_2 ADDRESS6(0x2001, 0xdba, 0, 9)
#define IN_1 ADDRESS6(0x2001, 0xdb8, 0, 0x77)

static void start_auto(struct ip_host *h)
{
    struct mn_ip_config config = auto_config(h);
    assert_int_equal(ip_host_start(h, &config), 0);
}

/* Expects a Router Solicitation as the next frame. */
static void expect_router_solicitation(struct ip_host *h)
{
    struct sent6 *sent = expect_icmp6(h, mn_ipv6_all_routers, MN_ICMPV6_ROUTER_SOLICITATION, 0);
    struct mn_datagram datagram = {
        .source = sent->ip.source, .destination = sent->ip.destination, .ttl = sent->ip.hop_limit};
    struct mn_nd message;
    assert_int_equal(sent->ip.hop_limit, 255);
    assert_true(mn_mac_equal(sent->ethernet.destination, ((struct mn_mac){{0x33, 0x33, 0, 0, 0, 2}})));
    assert_int_equal(mn_nd_parse(sent->payload, sent->payload_len, &datagram, false, &message), MN_PARSE_OK);
    assert_address6(sent->ip.source, OWN_LINK6);
    assert_true(message.has_link_address && mn_mac_equal(message.link_address, OWN_MAC));
}

/* ---- Asking ---- */

/* ND-6.3.7-3, ND-6.3.7-4, ND-10-1, N6-5.4-7, SLAAC-5.5-1 */
static void solicitations_follow_the_link_local_address_and_back_off(void **state)
{
    (void)state;
    struct ip_host h;
    struct sent6 sent;
    start_auto(&h);
    while (state_of(&h, OWN_LINK6) != MN_IP_ADDRESS_OURS) {
        pass_ms(&h, 1);
        while (state_of(&h, OWN_LINK6) != MN_IP_ADDRESS_OURS && take_sent6(&h, &sent))
            assert_int_not_equal(sent.payload[0], MN_ICMPV6_ROUTER_SOLICITATION);
    }
    pass_ms(&h, 1);
    discard_reports6(&h);
    expect_router_solicitation(&h);
    pass_ms(&h, 3500);
    discard_reports6(&h);
    expect_silence(&h);
    pass_ms(&h, 1000);
    expect_router_solicitation(&h);
    pass_ms(&h, 7100 - 1000);
    expect_silence(&h);
    for (unsigned ms = 0; ms < 2800 && h.ip.transmit.count == 0; ms++)
        pass_ms(&h, 1);
    expect_router_solicitation(&h);
    assert_int_equal(mn_ip_advice(&h.ip, h.now), 0);
    pass_ms(&h, 1100);
    assert_int_equal(mn_ip_advice(&h.ip, h.now), MN_IP_NO_ROUTERS);
    ip_host_down(&h);
}

/* N6-5.4-9: an advertisement of a router that takes packets ends the series, and nothing else. */
static void solicitations_end_with_a_router(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 0);
    pass_ms(&h, 5000);
    discard_reports6(&h);
    expect_router_solicitation(&h);
    receive_ra(&h, .lifetime_s = 60);
    pass_ms(&h, 50000);
    expect_silence(&h);
    mn_ip_note_link_up(&h.ip, h.now);
    discard_sent6(&h);
    pass_ms(&h, 1100);
    keep_icmp6(&h, MN_ICMPV6_ROUTER_SOLICITATION);
    expect_router_solicitation(&h);
    ip_host_down(&h);
}

/* A host whose gateway is configured hears no routers. */
static void configured_gateway_needs_no_routers(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    pass_ms(&h, 20000);
    expect_silence(&h);
    receive_ra(&h, .lifetime_s = 60, .hop_limit = 9, .prefixes = {PREFIX(NET_2, HOUR, HOUR)});
    pass_ms(&h, 3000);
    expect_silence(&h);
    assert_int_equal(state_of(&h, own_in(NET_2)), MN_IP_ADDRESS_NONE);
    expect_asked_for(&h, FAR6, GATEWAY6);
    ip_host_down(&h);
}

/* ND-6.1.1-1, N6-14.2-1, ND-8.3-8 */
static void solicitation_of_another_is_dropped_in_silence(void **state)
{
    (void)state;
    struct ip_host h;
    uint8_t bytes[MN_ND_WRITE_MAX];
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    auto_host_up(&h);
    mn_nd_write(
        &w, &(struct mn_nd){.type = MN_ICMPV6_ROUTER_SOLICITATION, .has_link_address = true, .link_address = PEER_MAC});
    receive_icmp6(&h, .source = PEER_LINK6, .destination = OWN_LINK6, .hop_limit = 255, .payload = bytes,
                  .len = sizeof bytes - w.left);
    expect_silence(&h);
    assert_int_equal(h.ip.neighbours.count, 0);
    /* Not for us: neither forwarded nor redirected. */
    receive_ip6(&h, .source = PEER6, .destination = FAR6);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ---- Advertisements ---- */

/* ND-5.2-1, ND-6.3.4-11, N6-6.3-1 */
static void advertisement_makes_an_address_and_ways(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    assert_int_equal(send6(&h, FAR6, 8), MNET_E_UNREACHABLE); /* ONLINK-4-3 */
    have_router(&h);
    expect_sent_by(&h, FAR6, ROUTER_A_MAC);
    expect_asked_for(&h, IN_1, IN_1);
    ip_host_down(&h);
}

/* ND-6.3.4-14: without the option nobody is asked to be known. */
static void advertisement_without_link_address_makes_no_neighbour(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 60);
    assert_int_equal(h.ip.neighbours.count, 0);
    expect_asked_for(&h, FAR6, ROUTER_A);
    assert_true(mn_neighbour_find(&h.ip.neighbours, ROUTER_A)->gateway);
    ip_host_down(&h);
}

/* ND-6.3.4-12, ND-6.3.4-13 */
static void advertisement_updates_the_neighbour(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    know_neighbour(&h, ROUTER_A, ROUTER_A_MAC);
    const struct mn_neighbour *neighbour = mn_neighbour_find(&h.ip.neighbours, ROUTER_A);
    assert_false(neighbour->gateway);
    receive_ra(&h, .lifetime_s = 60);
    assert_true(neighbour->gateway);
    receive_ra(&h, .lifetime_s = 60, .mac = ROUTER_A_MAC);
    assert_int_equal(neighbour->state, MN_NEIGHBOUR_REACHABLE);
    receive_ra(&h, .lifetime_s = 60, .mac = OTHER_MAC);
    assert_int_equal(neighbour->state, MN_NEIGHBOUR_STALE);
    assert_true(mn_mac_equal(neighbour->mac, OTHER_MAC));
    ip_host_down(&h);
}

/* N6-5.4-13, FRAG6980-5-2, ND-6.1.2-1 to ND-6.1.2-6: an invalid message changes nothing. */
static void advertisement_that_is_not_valid_is_ignored(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 60, .mac = ROUTER_A_MAC, .in_fragment = true);
    receive_ra(&h, .lifetime_s = 60, .mac = ROUTER_A_MAC, .ip_hop_limit = 254);
    receive_ra(&h, .lifetime_s = 60, .mac = ROUTER_A_MAC, .router = PEER6);
    receive_ra(&h, .lifetime_s = 60, .mac = ROUTER_A_MAC, .extra = "\5\0\0\0\0\0\0\0", .extra_len = 8);
    assert_counted(&h, ND_DROP_INVALID, 4);
    assert_int_equal(send6(&h, FAR6, 8), MNET_E_UNREACHABLE);
    assert_int_equal(h.ip.neighbours.count, 0);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ND-6.1.2-7, ND-4.6.3-1, ND-9-1, N6-5.6-1: others of the options are taken. */
static void advertisement_with_unknown_options_is_taken(void **state)
{
    (void)state;
    struct ip_host h;
    static const uint8_t extra[] = {200, 1, 0, 0, 0, 0, 0, 0, 26, 1, 0,   0,   0,   0,   0,   0,
                                    4,   1, 0, 0, 0, 0, 0, 0, 2,  1, 0x2, 0x9, 0x9, 0x9, 0x9, 0x9};
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 60, .prefixes = {PREFIX(NET_1, HOUR, HOUR)}, .extra = extra,
               .extra_len = sizeof extra);
    assert_int_equal(state_of(&h, own_in(NET_1)), MN_IP_ADDRESS_PROBING);
    assert_int_equal(h.ip.neighbours.count, 0); /* a target's link address means nothing here */
    ip_host_down(&h);
}

/* ND-4.2-2: bits that have no meaning yet, in the header and in a prefix. */
static void advertisement_with_reserved_bits_is_taken(void **state)
{
    (void)state;
    struct ip_host h;
    uint8_t bytes[MN_ND_WRITE_MAX + 32] = {0};
    struct mn_writer w = mn_writer(bytes, sizeof bytes);
    auto_host_up(&h);
    mn_nd_write(&w, &(struct mn_nd){.type = MN_ICMPV6_ROUTER_ADVERTISEMENT,
                                    .router_lifetime_s = 60,
                                    .has_link_address = true,
                                    .link_address = ROUTER_A_MAC});
    uint8_t *option = bytes + sizeof bytes - w.left;
    mn_nd_write_prefix(&w, &PREFIX(NET_1, HOUR, HOUR));
    bytes[5] |= 0x27; /* beside M, O and the preference */
    option[3] |= 0x3f;
    memset(option + 12, 0xff, 4);
    receive_icmp6(&h, .source = ROUTER_A, .destination = mn_ipv6_all_nodes, .to = {{0x33, 0x33, 0, 0, 0, 1}},
                  .hop_limit = 255, .payload = bytes, .len = sizeof bytes - w.left);
    assert_int_equal(state_of(&h, own_in(NET_1)), MN_IP_ADDRESS_PROBING);
    assert_int_equal(mn_ip_advice(&h.ip, h.now), 0);
    expect_sent_by(&h, FAR6, ROUTER_A_MAC);
    ip_host_down(&h);
}

/* ND-4.2-3: M and O as they come; that O means nothing beside M is the business of DHCPv6, which
 * asks for both then. */
static void advice_about_dhcpv6_is_that_of_the_last_advertisement(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 60, .managed = true);
    assert_int_equal(mn_ip_advice(&h.ip, h.now), MN_IP_MANAGED);
    receive_ra(&h, .lifetime_s = 60, .managed = true, .other = true);
    assert_int_equal(mn_ip_advice(&h.ip, h.now), MN_IP_MANAGED | MN_IP_OTHER);
    receive_ra(&h, .lifetime_s = 60, .other = true);
    assert_int_equal(mn_ip_advice(&h.ip, h.now), MN_IP_OTHER);
    receive_ra(&h, .lifetime_s = 60);
    assert_int_equal(mn_ip_advice(&h.ip, h.now), 0);
    ip_host_down(&h);
}

/* ND-9-3, FRAG6980-5-1, N6-5.4-12: whatever the host sends of neighbour discovery, on the smallest
 * link, is whole and directly behind the IPv6 header. */
static void messages_of_ours_are_never_cut(void **state)
{
    (void)state;
    struct ip_host h;
    static struct sent6 sent;
    struct mn_ip_config config = auto_config(&h);
    bool seen[MN_ICMPV6_REDIRECT + 1] = {false};
    config.mtu = MN_IPV6_MTU_MIN;
    assert_int_equal(ip_host_start(&h, &config), 0);
    for (unsigned second = 0; second < 30; second++) {
        if (second == 5)
            receive_ra(&h, .lifetime_s = 1800, .prefixes = {PREFIX(NET_1, HOUR, HOUR)});
        if (second > 10) {
            assert_int_equal(send6(&h, FAR6, 4000), 0);
            receive_solicitation(&h, .source = PEER_LINK6, .destination = OWN_LINK6, .target = OWN_LINK6,
                                 .mac = NO_MAC);
        }
        if (second == 15)
            receive_ra(&h, .lifetime_s = 1800, .mac = ROUTER_A_MAC);
        pass_ms(&h, 1000);
        while (take_sent6(&h, &sent)) {
            assert_true(sent.len <= MN_ETHERNET_HEADER + MN_IPV6_MTU_MIN);
            if (sent.ip.next_header != MN_PROTOCOL_ICMPV6)
                continue;
            assert_int_equal(sent.ip.hop_limit, 255);
            assert_in_range(sent.payload[0], MN_ICMPV6_ROUTER_SOLICITATION, MN_ICMPV6_REDIRECT);
            seen[sent.payload[0]] = true;
        }
    }
    assert_true(seen[MN_ICMPV6_ROUTER_SOLICITATION] && seen[MN_ICMPV6_NEIGHBOUR_SOLICITATION]);
    assert_true(seen[MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT]);
    ip_host_down(&h);
}

/* ND-9-2, N6-6.2-1, ND-6.3.4-1: several prefixes, of several routers. */
static void prefixes_of_all_advertisements_are_kept(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 60, .mtu = 1400, .prefixes = {PREFIX(NET_1, HOUR, HOUR), PREFIX(NET_2, HOUR, HOUR)});
    receive_ra(&h, .router = ROUTER_B, .lifetime_s = 60, .prefixes = {PREFIX(FAR_2, HOUR, HOUR)});
    pass_ms(&h, 3000);
    assert_int_equal(state_of(&h, own_in(NET_1)), MN_IP_ADDRESS_OURS);
    assert_int_equal(state_of(&h, own_in(NET_2)), MN_IP_ADDRESS_OURS);
    assert_int_equal(state_of(&h, own_in(FAR_2)), MN_IP_ADDRESS_OURS);
    assert_int_equal(h.ip.v6.parameters.mtu, 1400);
    ip_host_down(&h);
}

/* ETH6085-3-1, N6-6.2-2: a router tells one host alone its prefix (RFC 8273 4). */
static void advertisement_in_a_unicast_frame_is_taken(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 60, .frame_to = OWN_MAC, .prefixes = {PREFIX(NET_1, HOUR, HOUR)});
    assert_int_equal(state_of(&h, own_in(NET_1)), MN_IP_ADDRESS_PROBING);
    receive_ra(&h, .lifetime_s = 60, .frame_to = OWN_MAC, .destination = OWN_LINK6,
               .prefixes = {PREFIX(NET_2, HOUR, HOUR)});
    assert_int_equal(state_of(&h, own_in(NET_2)), MN_IP_ADDRESS_PROBING);
    ip_host_down(&h);
}

/* Router Lifetime is about the default route only (ND-6.3.4-6): other values count all the same. */
static void advertisement_with_lifetime_0_still_sets_parameters(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 0, .hop_limit = 7, .reachable_ms = 5000, .retrans_ms = 300, .mtu = 1300, .other = true,
               .prefixes = {PREFIX(NET_1, HOUR, HOUR)});
    assert_int_equal(h.ip.v6.parameters.hop_limit, 7);
    assert_int_equal(h.ip.v6.parameters.reachable_ms, 5000);
    assert_int_equal(h.ip.v6.parameters.retrans_ns, 300 * MNET_MILLISECOND);
    assert_int_equal(h.ip.v6.parameters.mtu, 1300);
    assert_int_equal(mn_ip_advice(&h.ip, h.now), MN_IP_OTHER);
    assert_int_equal(state_of(&h, own_in(NET_1)), MN_IP_ADDRESS_PROBING);
    pass_ms(&h, 2000);
    discard_sent6(&h);
    assert_int_equal(send6(&h, FAR6, 8), MNET_E_UNREACHABLE);
    know_neighbour(&h, IN_1, PEER_MAC);
    assert_int_equal(send6(&h, IN_1, 8), 0);
    assert_int_equal(expect_ip6(&h, PEER_MAC, IN_1, MN_PROTOCOL_UDP)->ip.hop_limit, 7);
    ip_host_down(&h);
}

/* ND-4-1, ETH-2-1: messages of neighbour discovery have hop limit 255 whatever routers say. */
static void advertised_hop_limit_and_mtu_have_their_limits(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 60, .hop_limit = 9, .mtu = 9000);
    assert_int_equal(h.ip.v6.parameters.mtu, HOST_MTU);
    static struct sent6 sent;
    assert_int_equal(send6(&h, FAR6, 8), 0);
    assert_true(take_sent6(&h, &sent));
    assert_int_equal(sent.payload[0], MN_ICMPV6_NEIGHBOUR_SOLICITATION);
    assert_int_equal(sent.ip.hop_limit, 255);
    ip_host_down(&h);
}

/* RDNSS-5.1-4, RDNSS-1.2-1 */
static void dns_servers_and_names_are_kept(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .servers = {GATEWAY6, PEER_LINK6}, .dns_lifetime_s = 20, .domains = "\7example\3org");
    const struct mn_resolvers *resolvers = mn_ip_resolvers(&h.ip);
    assert_int_equal(resolvers->server_count, 2);
    assert_address6(resolvers->servers[0].address, GATEWAY6);
    assert_address6(resolvers->servers[1].address, PEER_LINK6);
    assert_int_equal(resolvers->name_count, 1);
    assert_memory_equal(resolvers->names[0].bytes, "\7example\3org", 13);
    pass_ms(&h, 20000);
    assert_int_equal(resolvers->server_count, 0);
    assert_int_equal(resolvers->name_count, 0);
    ip_host_down(&h);
}

/* ---- Routers ---- */

/* ND-5.3-2: a router that leaves does so at once, and when its lifetime ends. */
static void router_that_leaves_is_used_no_longer(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 1800, .mac = ROUTER_A_MAC, .preference = MN_ND_HIGH);
    receive_ra(&h, .router = ROUTER_B, .lifetime_s = 100, .mac = ROUTER_B_MAC);
    expect_sent_by(&h, FAR6, ROUTER_A_MAC);
    receive_ra(&h, .lifetime_s = 0, .mac = ROUTER_A_MAC);
    expect_sent_by(&h, FAR6, ROUTER_B_MAC);
    pass_ms(&h, 100000);
    discard_sent6(&h);
    assert_int_equal(send6(&h, FAR6, 8), MNET_E_UNREACHABLE);
    ip_host_down(&h);
}

/* ND-7.2.5-9, ND-7.3.3-10: a router that says that it is none has no routes. */
static void router_that_becomes_a_host_is_used_no_longer(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 1800, .mac = ROUTER_A_MAC);
    receive_advertisement(&h, .source = ROUTER_A, .destination = OWN_LINK6, .target = ROUTER_A, .mac = OTHER_MAC);
    expect_sent_by(&h, FAR6, ROUTER_A_MAC); /* another link address that overrides none */
    receive_advertisement(&h, .source = ROUTER_A, .destination = OWN_LINK6, .target = ROUTER_A, .mac = ROUTER_A_MAC,
                          .router = true, .override = true);
    expect_sent_by(&h, FAR6, ROUTER_A_MAC);
    receive_advertisement(&h, .source = ROUTER_A, .destination = OWN_LINK6, .target = ROUTER_A, .mac = ROUTER_A_MAC,
                          .override = true);
    assert_int_equal(send6(&h, FAR6, 8), MNET_E_UNREACHABLE);
    ip_host_down(&h);
}

/* A router that was in use dies: neighbour unreachability detection finds out, the other takes
 * over, and the first is asked once a minute whether it is back (RTPREF-3.5-1, RTPREF-3.5-2). */
static void router_that_dies_is_replaced_until_it_is_back(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 9000, .mac = ROUTER_A_MAC, .preference = MN_ND_HIGH);
    receive_ra(&h, .router = ROUTER_B, .lifetime_s = 9000, .mac = ROUTER_B_MAC);
    expect_sent_by(&h, FAR6, ROUTER_A_MAC); /* STALE becomes DELAY */
    uint64_t died = h.now;
    for (unsigned i = 0; i < 9; i++) {
        pass_ms(&h, 1000);
        discard_sent6(&h);
    }
    assert_true(h.now - died <= 9 * MNET_SECOND);
    expect_silence(&h);
    assert_int_equal(send6(&h, FAR6, 8), 0);
    expect_ip6(&h, ROUTER_B_MAC, FAR6, MN_PROTOCOL_UDP);
    pass_ms(&h, 1);
    expect_solicitation(&h, ROUTER_A, NO_MAC); /* there is traffic that it would have */
    expect_silence(&h);
    for (unsigned i = 0; i < 57; i++) {
        pass_ms(&h, 1000);
        expect_sent_by(&h, FAR6, ROUTER_B_MAC);
        receive_advertisement(&h, .source = ROUTER_B, .target = ROUTER_B, .mac = ROUTER_B_MAC, .destination = OWN_LINK6,
                              .solicited = true, .override = true, .router = true);
    }
    pass_ms(&h, 3000);
    discard_sent6(&h);
    assert_int_equal(send6(&h, FAR6, 8), 0);
    expect_ip6(&h, ROUTER_B_MAC, FAR6, MN_PROTOCOL_UDP);
    pass_ms(&h, 1);
    expect_solicitation(&h, ROUTER_A, NO_MAC);
    receive_advertisement(&h, .source = ROUTER_A, .target = ROUTER_A, .mac = ROUTER_A_MAC, .destination = OWN_LINK6,
                          .solicited = true, .override = true, .router = true);
    expect_sent_by(&h, FAR6, ROUTER_A_MAC);
    ip_host_down(&h);
}

/* ND-7.3.3-6: the packets that waited for the link address of a dead router go by another one. */
static void packets_that_wait_for_a_dead_router_go_by_another(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 9000, .preference = MN_ND_HIGH);
    expect_asked_for(&h, FAR6, ROUTER_A);
    receive_ra(&h, .router = ROUTER_B, .lifetime_s = 9000, .mac = ROUTER_B_MAC);
    pass_ms(&h, 2500);
    discard_sent6(&h);
    pass_ms(&h, 600);
    expect_ip6(&h, ROUTER_B_MAC, FAR6, MN_PROTOCOL_UDP);
    expect_no_failure(&h);
    ip_host_down(&h);
}

/* One that is larger than the MTU was to be cut on its way: it goes back to its transport. */
static void large_packet_that_waits_for_a_dead_router_comes_back(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_icmp_error error;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 9000, .preference = MN_ND_HIGH);
    assert_int_equal(send6(&h, FAR6, 4000), 0);
    receive_ra(&h, .router = ROUTER_B, .lifetime_s = 9000, .mac = ROUTER_B_MAC);
    pass_ms(&h, 2500);
    discard_sent6(&h);
    pass_ms(&h, 600);
    expect_silence(&h);
    struct mnet_packet *packet = mn_ip_take_error(&h.ip, &error);
    assert_non_null(packet);
    assert_address6(error.remote, FAR6);
    mnet_packet_free(packet);
    ip_host_down(&h);
}

/* ND-6.3.6-2: if no router answers, each is tried in turn. */
static void routers_that_all_fail_take_turns(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 9000);
    receive_ra(&h, .router = ROUTER_B, .lifetime_s = 9000);
    assert_int_equal(send6(&h, FAR6, 8), 0);
    pass_ms(&h, 8000);
    discard_sent6(&h);
    assert_int_equal(h.ip.v6.routers.routers[0].reach, MN_ROUTER_UNREACHABLE);
    assert_int_equal(h.ip.v6.routers.routers[1].reach, MN_ROUTER_UNREACHABLE);
    unsigned asked[2] = {0};
    for (unsigned i = 0; i < 4; i++) {
        static struct sent6 sent;
        assert_int_equal(send6(&h, FAR6, 8), 0);
        while (take_sent6(&h, &sent))
            asked[sent.ip.destination.bytes[15] == 0xa]++;
        pass_ms(&h, 10000);
        discard_sent6(&h);
    }
    assert_true(asked[0] > 0 && asked[1] > 0);
    ip_host_down(&h);
}

/* Route information with lifetime 0 removes the route (RTPREF-2.3-4). */
static void route_information_leads_and_ends(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 9000, .mac = ROUTER_A_MAC, .preference = MN_ND_HIGH);
    receive_ra(&h, .router = ROUTER_B, .mac = ROUTER_B_MAC, .routes = {ROUTE(FAR6, 48, 600)});
    expect_sent_by(&h, FAR6, ROUTER_B_MAC);
    expect_sent_by(&h, FAR_2, ROUTER_A_MAC);
    receive_ra(&h, .router = ROUTER_B, .mac = ROUTER_B_MAC, .routes = {ROUTE(FAR6, 48, 0)});
    expect_sent_by(&h, FAR6, ROUTER_A_MAC);
    ip_host_down(&h);
}

/* N6-5.10-1, N6-6.6-2: source and router belong together. */
static void source_and_router_belong_together(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 9000, .mac = ROUTER_A_MAC, .preference = MN_ND_HIGH,
               .prefixes = {PREFIX(NET_1, HOUR, HOUR)});
    receive_ra(&h, .router = ROUTER_B, .lifetime_s = 9000, .mac = ROUTER_B_MAC,
               .prefixes = {PREFIX(NET_2, HOUR, HOUR)});
    pass_ms(&h, 2500);
    discard_sent6(&h);
    assert_int_equal(send6(&h, FAR_2, 8), 0);
    assert_address6(expect_ip6(&h, ROUTER_A_MAC, FAR_2, MN_PROTOCOL_UDP)->ip.source, own_in(NET_1));
    struct mn_datagram datagram = {.source = own_in(NET_2), .destination = FAR_2, .protocol = MN_PROTOCOL_UDP};
    assert_int_equal(mn_ip_output(&h.ip, make_packet(&h, 8, 0), &datagram, h.now), 0);
    expect_ip6(&h, ROUTER_B_MAC, FAR_2, MN_PROTOCOL_UDP);
    ip_host_down(&h);
}

/* ONLINK-3-1: a neighbour entry makes nothing on-link. */
static void neighbour_off_the_prefix_is_reached_by_the_router(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    have_router(&h);
    receive_solicitation(&h, .source = FAR6, .destination = OWN_LINK6, .target = OWN_LINK6);
    discard_sent6(&h);
    expect_sent_by(&h, FAR6, ROUTER_A_MAC);
    ip_host_down(&h);
}

/* ONLINK-4-1, N6-5.4-1: an address says nothing about its neighbours, neither one of
 * autoconfiguration nor one that is configured without a network. */
static void own_address_puts_nothing_on_the_link(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_nd_prefix prefix = PREFIX(NET_1, HOUR, HOUR);
    struct mn_ip_config config = auto_config(&h);
    prefix.on_link = false;
    config.user.ipv6 = (struct mnet_prefix){ADDRESS6(0x2001, 0xdba, 0, 2), 128};
    assert_int_equal(ip_host_start(&h, &config), 0);
    pass_ms(&h, 3000);
    receive_ra(&h, .lifetime_s = 1800, .mac = ROUTER_A_MAC, .prefixes = {prefix});
    pass_ms(&h, 4500);
    discard_sent6(&h);
    assert_int_equal(state_of(&h, own_in(NET_1)), MN_IP_ADDRESS_OURS);
    expect_sent_by(&h, IN_1, ROUTER_A_MAC);
    expect_sent_by(&h, FAR_2, ROUTER_A_MAC);
    ip_host_down(&h);
}

/* ---- Addresses ---- */

/* ETH-4-2: an address needs 64 bits of prefix. */
static void prefix_of_another_length_makes_no_address(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    struct mn_nd_prefix prefix = PREFIX(NET_1, HOUR, HOUR);
    prefix.prefix.length = 56;
    receive_ra(&h, .lifetime_s = 60, .prefixes = {prefix});
    assert_int_equal(h.ip.own_end, MN_OWN_IPV6);
    expect_asked_for(&h, IN_1, IN_1); /* but it is on the link */
    ip_host_down(&h);
}

/* SLAAC-5.5.4-4: renumbering. A deprecated address is kept for its connections, and not chosen for
 * new ones. */
static void deprecated_address_is_no_source_but_stays(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    have_router(&h);
    receive_ra(&h, .lifetime_s = 9000, .mac = ROUTER_A_MAC,
               .prefixes = {PREFIX(NET_1, 4 * HOUR, 0), PREFIX(NET_2, 4 * HOUR, HOUR)});
    pass_ms(&h, 2500);
    discard_sent6(&h);
    assert_int_equal(state_of(&h, own_in(NET_1)), MN_IP_ADDRESS_DEPRECATED);
    assert_int_equal(send6(&h, FAR_2, 8), 0);
    assert_address6(expect_ip6(&h, ROUTER_A_MAC, FAR_2, MN_PROTOCOL_UDP)->ip.source, own_in(NET_2));
    struct mn_datagram datagram = {.source = own_in(NET_1), .destination = FAR_2, .protocol = MN_PROTOCOL_UDP};
    assert_int_equal(mn_ip_output(&h.ip, make_packet(&h, 8, 0), &datagram, h.now), 0);
    expect_ip6(&h, ROUTER_A_MAC, FAR_2, MN_PROTOCOL_UDP);
    assert_int_equal(receive_ip6(&h, .destination = own_in(NET_1)), MN_IP_TRANSPORT);
    ip_host_down(&h);
}

/* SLAAC-5.5.4-6, and the two hours of SLAAC-5.5.3e3-1: nobody takes an address away at once. */
static void address_ends_with_its_lifetime_and_is_told_as_lost(void **state)
{
    (void)state;
    struct ip_host h;
    struct mnet_address lost;
    auto_host_up(&h);
    have_router(&h);
    receive_ra(&h, .lifetime_s = 9000, .mac = ROUTER_A_MAC, .prefixes = {PREFIX(NET_1, 0, 0)});
    pass_ms(&h, 7100 * 1000);
    assert_int_equal(state_of(&h, own_in(NET_1)), MN_IP_ADDRESS_DEPRECATED);
    assert_false(mn_ip_take_lost(&h.ip, &lost));
    pass_ms(&h, 101 * 1000);
    assert_int_equal(state_of(&h, own_in(NET_1)), MN_IP_ADDRESS_NONE);
    assert_true(mn_ip_take_lost(&h.ip, &lost));
    assert_address6(lost, own_in(NET_1));
    assert_false(mn_ip_take_lost(&h.ip, &lost));
    ip_host_down(&h);
}

/* ND-7.2.1-1: the group of an address is left with it. */
static void group_of_an_address_ends_with_it(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_config config = auto_config(&h);
    config.user.ipv6_identifier = MNET_IPV6_STABLE; /* not that of the link-local one */
    assert_int_equal(ip_host_start(&h, &config), 0);
    receive_ra(&h, .lifetime_s = 60, .prefixes = {PREFIX(NET_1, 100, 100)});
    const struct mnet_address own = h.ip.own[MN_OWN_FURTHER].prefix.address;
    assert_int_equal(state_of(&h, own), MN_IP_ADDRESS_PROBING);
    assert_true(mn_groups_contain(&h.ip.groups, mn_ipv6_solicited_node(&own)));
    pass_ms(&h, 100000);
    assert_int_equal(state_of(&h, own), MN_IP_ADDRESS_NONE);
    assert_false(mn_groups_contain(&h.ip.groups, mn_ipv6_solicited_node(&own)));
    discard_sent6(&h);
    ip_host_down(&h);
}

/* IID-6-1, IID-6-2: another station has the stable address, so another identifier follows. */
static void duplicate_stable_address_is_followed_by_another(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_config config = auto_config(&h);
    config.user.ipv6_identifier = MNET_IPV6_STABLE;
    memset(config.user.ipv6_secret, 7, sizeof config.user.ipv6_secret);
    assert_int_equal(ip_host_start(&h, &config), 0);
    pass_ms(&h, 3000);
    receive_ra(&h, .lifetime_s = 60, .prefixes = {PREFIX(NET_1, HOUR, HOUR)});
    struct mnet_address first = h.ip.own[MN_OWN_FURTHER].prefix.address;
    assert_int_equal(state_of(&h, first), MN_IP_ADDRESS_PROBING);
    receive_advertisement(&h, .source = first, .destination = mn_ipv6_all_nodes, .target = first, .override = true);
    assert_int_equal(state_of(&h, first), MN_IP_ADDRESS_NONE);
    struct mnet_address second = h.ip.own[MN_OWN_FURTHER].prefix.address;
    assert_false(mnet_address_equal(first, second));
    pass_ms(&h, 3500);
    assert_int_equal(state_of(&h, second), MN_IP_ADDRESS_OURS);
    ip_host_down(&h);
}

/* One of the MAC has no other: it is not used, and the link-local one still is. */
static void duplicate_address_of_the_mac_is_not_used(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    receive_ra(&h, .lifetime_s = 60, .prefixes = {PREFIX(NET_1, HOUR, HOUR)});
    receive_advertisement(&h, .source = own_in(NET_1), .destination = mn_ipv6_all_nodes, .target = own_in(NET_1),
                          .override = true);
    pass_ms(&h, 5000);
    receive_ra(&h, .lifetime_s = 60, .prefixes = {PREFIX(NET_1, HOUR, HOUR)});
    pass_ms(&h, 5000);
    assert_int_equal(state_of(&h, own_in(NET_1)), MN_IP_ADDRESS_NONE);
    assert_true(mn_ip_is_own(&h.ip, OWN_LINK6));
    ip_host_down(&h);
}

/* IID-5-3: the same secret and network give the same address; EUI-64, a token, temporary ones. */
static void identifiers_are_as_configured(void **state)
{
    (void)state;
    struct mnet_address stable[2];
    for (unsigned i = 0; i < 4; i++) {
        struct ip_host h;
        struct mn_ip_config config = auto_config(&h);
        config.user.ipv6_identifier = i < 2 ? MNET_IPV6_STABLE : MNET_IPV6_FIXED;
        memset(config.user.ipv6_secret, 7, sizeof config.user.ipv6_secret);
        config.user.ipv6_token = ADDRESS6(0, 0, 0, 0x53);
        config.user.ipv6_temporary = i == 3;
        assert_int_equal(ip_host_start(&h, &config), 0);
        pass_ms(&h, 3000);
        receive_ra(&h, .lifetime_s = 60, .prefixes = {PREFIX(NET_1, HOUR, HOUR)});
        pass_ms(&h, 3000);
        if (i < 2)
            stable[i] = h.ip.own[MN_OWN_FURTHER].prefix.address;
        else
            assert_int_equal(state_of(&h, ADDRESS6(0x2001, 0xdb8, 0, 0x53)), MN_IP_ADDRESS_OURS);
        assert_int_equal(h.ip.own[MN_OWN_FURTHER + 1].state, i == 3 ? MN_IP_ADDRESS_OURS : MN_IP_ADDRESS_NONE);
        assert_int_equal(h.ip.own[MN_OWN_FURTHER + 1].temporary, i == 3);
        ip_host_down(&h);
    }
    assert_address6(stable[0], stable[1]);
}

static void wrong_configurations_are_refused(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_config config = auto_config(&h);
    config.user.ipv6_identifier = MNET_IPV6_FIXED; /* and no token */
    assert_int_equal(ip_host_start(&h, &config), MNET_E_INVALID);
    ip_host_down(&h);
    config = auto_config(&h);
    config.user.ipv6_identifier = (enum mnet_ipv6_identifier)9;
    assert_int_equal(ip_host_start(&h, &config), MNET_E_INVALID);
    ip_host_down(&h);
}

/* ---- Floods ---- */

/* Whatever many routers advertise, tables stay as they are and the first router is kept. */
static void flood_of_advertisements_is_bounded(void **state)
{
    (void)state;
    struct ip_host h;
    auto_host_up(&h);
    have_router(&h);
    for (unsigned i = 0; i < 1000; i++)
        receive_ra(&h, .router = ADDRESS6(0xfe80, 0, 7, i), .lifetime_s = 9000, .mac = OTHER_MAC,
                   .prefixes = {PREFIX(ADDRESS6(0x2001, 0x1000 + i, 0, 0), HOUR, HOUR)},
                   .routes = {ROUTE(ADDRESS6(0x2002, i, 0, 0), 32, HOUR)}, .servers = {ADDRESS6(0x2001, i, 0, 1)},
                   .dns_lifetime_s = HOUR);
    assert_true(h.ip.own_end <= MN_OWN_MAX && h.ip.neighbours.count <= h.ip.neighbours.max);
    assert_int_equal(state_of(&h, own_in(NET_1)), MN_IP_ADDRESS_OURS);
    assert_true(mn_routers_has(&h.ip.v6.routers, ROUTER_A));
    mn_ip_check(&h.ip);
    ip_host_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solicitations_follow_the_link_local_address_and_back_off),
        cmocka_unit_test(solicitations_end_with_a_router),
        cmocka_unit_test(configured_gateway_needs_no_routers),
        cmocka_unit_test(solicitation_of_another_is_dropped_in_silence),
        cmocka_unit_test(advertisement_makes_an_address_and_ways),
        cmocka_unit_test(advertisement_without_link_address_makes_no_neighbour),
        cmocka_unit_test(advertisement_updates_the_neighbour),
        cmocka_unit_test(advertisement_that_is_not_valid_is_ignored),
        cmocka_unit_test(advertisement_with_unknown_options_is_taken),
        cmocka_unit_test(advertisement_with_reserved_bits_is_taken),
        cmocka_unit_test(advice_about_dhcpv6_is_that_of_the_last_advertisement),
        cmocka_unit_test(messages_of_ours_are_never_cut),
        cmocka_unit_test(prefixes_of_all_advertisements_are_kept),
        cmocka_unit_test(advertisement_in_a_unicast_frame_is_taken),
        cmocka_unit_test(advertisement_with_lifetime_0_still_sets_parameters),
        cmocka_unit_test(advertised_hop_limit_and_mtu_have_their_limits),
        cmocka_unit_test(dns_servers_and_names_are_kept),
        cmocka_unit_test(router_that_leaves_is_used_no_longer),
        cmocka_unit_test(router_that_becomes_a_host_is_used_no_longer),
        cmocka_unit_test(router_that_dies_is_replaced_until_it_is_back),
        cmocka_unit_test(packets_that_wait_for_a_dead_router_go_by_another),
        cmocka_unit_test(large_packet_that_waits_for_a_dead_router_comes_back),
        cmocka_unit_test(routers_that_all_fail_take_turns),
        cmocka_unit_test(route_information_leads_and_ends),
        cmocka_unit_test(source_and_router_belong_together),
        cmocka_unit_test(neighbour_off_the_prefix_is_reached_by_the_router),
        cmocka_unit_test(own_address_puts_nothing_on_the_link),
        cmocka_unit_test(prefix_of_another_length_makes_no_address),
        cmocka_unit_test(deprecated_address_is_no_source_but_stays),
        cmocka_unit_test(address_ends_with_its_lifetime_and_is_told_as_lost),
        cmocka_unit_test(group_of_an_address_ends_with_it),
        cmocka_unit_test(duplicate_stable_address_is_followed_by_another),
        cmocka_unit_test(duplicate_address_of_the_mac_is_not_used),
        cmocka_unit_test(identifiers_are_as_configured),
        cmocka_unit_test(wrong_configurations_are_refused),
        cmocka_unit_test(flood_of_advertisements_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
