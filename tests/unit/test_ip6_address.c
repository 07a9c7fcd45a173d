/* The addresses that a host has and hears (RFC 4291), and IPv6 over Ethernet (RFC 2464). */
#include "tests/support/ip6_host.h"

/* ARCH-2.8-1, NODE-5.4-1: what a host recognizes as its own. Groups are in test_ip_group.c. */
static void host_hears_its_addresses_and_groups(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    const struct mnet_address own = OWN6, link = OWN_LINK6, joined = ADDRESS6(0xff05, 0, 0, 0x99);
    assert_int_equal(mn_ip_join(&h.ip, joined, 0), 0);
    const struct mnet_address heard[] = {
        own, link, mn_ipv6_all_nodes, mn_ipv6_solicited_node(&own), mn_ipv6_solicited_node(&link), joined,
    };
    for (size_t i = 0; i < MN_COUNT_OF(heard); i++)
        assert_int_equal(receive_ip6(&h, .destination = heard[i]), MN_IP_TRANSPORT);
    discard_reports6(&h);
    receive_solicitation(&h, .destination = OWN6);
    struct sent6 *sent = expect_icmp6(&h, PEER6, MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT, 0);
    assert_int_equal(sent->payload[4], 0x60); /* solicited, override */
    ip_host_down(&h);
}

/* Sends to an address that does not leave the host, and expects what comes round. */
static void expect_round(struct ip_host *h, struct mnet_address destination, bool heard)
{
    struct mnet_packet *packet;
    enum mn_ip_verdict verdict;
    assert_int_equal(send6(h, destination, 8), 0);
    expect_silence(h);
    assert_true(mn_ip_take_looped(&h->ip, h->now, &packet, &verdict, &h->datagram, &h->error));
    assert_int_equal(verdict, heard ? MN_IP_TRANSPORT : MN_IP_CONSUMED);
    if (heard)
        mnet_packet_free(packet);
}

/* ARCH-2.8-1, RFC 4291 2.7: groups of the interface are heard from the host itself, never from the
 * link, and packets to them do not leave the host; those of scope 0 are neither sent nor heard. */
static void groups_of_the_interface_stay_inside(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    const struct mnet_address all = ADDRESS6(0xff01, 0, 0, 1), joined = ADDRESS6(0xff01, 0, 0, 5);
    const struct mnet_address other = ADDRESS6(0xff11, 0, 0, 6), reserved = ADDRESS6(0xff00, 0, 0, 7);
    assert_int_equal(mn_ip_join(&h.ip, joined, 0), 0);
    assert_int_equal(mn_ip_join(&h.ip, reserved, 0), 0);
    expect_round(&h, all, true);
    assert_true(h.datagram.not_unicast);
    expect_round(&h, joined, true);
    expect_round(&h, other, false);
    assert_int_equal(send6(&h, reserved, 8), MNET_E_UNREACHABLE);
    const struct mnet_address not_from_outside[] = {all, joined, other, reserved};
    for (size_t i = 0; i < MN_COUNT_OF(not_from_outside); i++)
        assert_int_equal(receive_ip6(&h, .destination = not_from_outside[i]), MN_IP_CONSUMED);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ARCH-2.5.2-1 */
static void unspecified_address_is_no_destination(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    assert_int_equal(send6(&h, NONE6, 8), MNET_E_UNREACHABLE);
    assert_int_equal(receive_ip6(&h, .destination = NONE6), MN_IP_CONSUMED);
    assert_int_equal(receive_ip6(&h, .source = NONE6), MN_IP_CONSUMED);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ARCH-2.5.3-1 */
static void loopback_address_never_leaves_nor_comes(void **state)
{
    (void)state;
    const struct mnet_address loopback = ADDRESS6(0, 0, 0, 1);
    struct ip_host h;
    ip6_host_up(&h);
    expect_round(&h, loopback, true);
    struct mn_datagram datagram = {.source = loopback, .destination = PEER6, .protocol = MN_PROTOCOL_UDP};
    assert_int_equal(mn_ip_output(&h.ip, make_packet(&h, 8, 0), &datagram, h.now), MNET_E_INVALID);
    assert_int_equal(receive_ip6(&h, .destination = loopback), MN_IP_CONSUMED);
    assert_int_equal(receive_ip6(&h, .source = loopback), MN_IP_CONSUMED);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ARCH-2.7-1 */
static void group_is_no_source(void **state)
{
    (void)state;
    static const uint16_t groups[] = {0xff01, 0xff02, 0xff05, 0xff0e, 0xff3e, 0xffff};
    struct ip_host h;
    ip6_host_up(&h);
    for (size_t i = 0; i < MN_COUNT_OF(groups); i++) {
        const struct mnet_address group = ADDRESS6(groups[i], 0, 0, 1);
        assert_int_equal(receive_ip6(&h, .source = group), MN_IP_CONSUMED);
        struct mn_datagram datagram = {.source = group, .destination = PEER6, .protocol = MN_PROTOCOL_UDP};
        assert_int_equal(mn_ip_output(&h.ip, make_packet(&h, 8, 0), &datagram, h.now), MNET_E_INVALID);
    }
    assert_counted(&h, IP_DROP_SOURCE, MN_COUNT_OF(groups));
    expect_silence(&h);
    ip_host_down(&h);
}

/* ARCH-2.5.1-1: bits of an identifier mean nothing. */
static void neighbour_may_have_any_identifier(void **state)
{
    (void)state;
    static const uint8_t identifiers[][8] = {
        {0, 0, 0, 0, 0, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {2, 0, 0, 0xff, 0xfe, 0, 0, 9},
        {1, 0, 0, 0, 0, 0, 0, 0}, {0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x80},
    };
    for (size_t i = 0; i < MN_COUNT_OF(identifiers); i++) {
        struct mnet_address neighbour = PEER6;
        struct ip_host h;
        ip6_host_up(&h);
        memcpy(neighbour.bytes + 8, identifiers[i], 8);
        know6(&h, neighbour, PEER_MAC);
        assert_int_equal(send6(&h, neighbour, 8), 0);
        expect_ip6(&h, PEER_MAC, neighbour, MN_PROTOCOL_UDP);
        assert_int_equal(receive_ip6(&h, .source = neighbour), MN_IP_TRANSPORT);
        ip_host_down(&h);
    }
}

/* N6-6.1-2, RFC 7371: flags of a group say nothing about whether it is one, or who hears it. */
static void groups_may_have_any_flags(void **state)
{
    (void)state;
    static const uint16_t groups[][2] = {
        {0xff35, 0}, {0xff75, 0x0140}, {0xffb5, 0}, {0xff3e, 0xf040}, {0xff12, 0x3000}, {0xfffe, 0xffff},
    };
    struct ip_host h;
    ip6_host_up(&h);
    for (size_t i = 0; i < MN_COUNT_OF(groups); i++) {
        const struct mnet_address group = ADDRESS6(groups[i][0], groups[i][1], 0x8000, 0x1234 + i);
        const struct mn_mac mac = {{0x33, 0x33, 0x80, 0, 0x12, (uint8_t)(0x34 + i)}};
        assert_int_equal(mn_ip_join(&h.ip, group, 0), 0);
        pass_ms(&h, 2000);
        discard_sent6(&h);
        assert_int_equal(receive_ip6(&h, .destination = group, .to = mac), MN_IP_TRANSPORT);
        assert_int_equal(send6(&h, group, 8), 0);
        expect_ip6(&h, mac, group, MN_PROTOCOL_UDP);
        mn_ip_leave(&h.ip, group);
    }
    ip_host_down(&h);
}

/* FLOW-3-3: the label is 0 unless the transport sets another one. */
static void label_is_the_transports(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    assert_int_equal(send6(&h, PEER6, 8), 0);
    assert_int_equal(expect_ip6(&h, PEER_MAC, PEER6, MN_PROTOCOL_UDP)->ip.flow_label, 0);
    struct mn_datagram datagram = {.destination = PEER6, .protocol = MN_PROTOCOL_UDP, .flow_label = 0xfffff};
    assert_int_equal(mn_ip_output(&h.ip, make_packet(&h, 8, 0), &datagram, h.now), 0);
    assert_int_equal(expect_ip6(&h, PEER_MAC, PEER6, MN_PROTOCOL_UDP)->ip.flow_label, 0xfffff);
    ip_host_down(&h);
}

/* ---- Ethernet ---- */

/* ETH-3-1: a packet of 40 octets is a frame of 54; what a device or another host adds up to 60 is
 * no part of it. */
static void padding_is_no_part_of_the_packet(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    assert_int_equal(send6(&h, PEER6, 0), 0);
    struct sent6 *sent = expect_ip6(&h, PEER_MAC, PEER6, MN_PROTOCOL_UDP);
    assert_int_equal(sent->len, MN_ETHERNET_HEADER + MN_IPV6_HEADER);
    assert_int_equal(sent->bytes[12] << 8 | sent->bytes[13], 0x86dd);
    assert_int_equal(receive_ip6(&h, .len = 0, .padding = 6), MN_IP_TRANSPORT);
    assert_int_equal(h.packet->total, 0);
    assert_int_equal(receive_ip6(&h, .len = 3, .padding = 3), MN_IP_TRANSPORT);
    assert_int_equal(h.packet->total, 3);
    ip_host_down(&h);
}

/* ETH-5-1: fe80::/64 and the identifier, which follows from the MAC 02:00:00:00:00:02. */
static void link_local_address_has_the_identifier_of_the_mac(void **state)
{
    (void)state;
    static const struct mnet_address expected = {.bytes = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 2}};
    struct ip_host h;
    ip6_host_up(&h);
    assert_address6(h.ip.own[MN_OWN_LINK_LOCAL].prefix.address, expected);
    ip_host_down(&h);
}

/* ETH-6-1, ETH-6-2, N6-4-1: the frame and the option of a solicitation, octet by octet. The option
 * has the MAC in use, whatever the address is made of. */
static void solicitation_has_the_octets_of_the_rfc(void **state)
{
    (void)state;
    static const uint8_t frame[] = {0x33, 0x33, 0xff, 0x34, 0x56, 0x78, 2, 0, 0, 0, 0, 2, 0x86, 0xdd};
    static const uint8_t option[] = {1, 1, 2, 0, 0, 0, 0, 2};
    struct ip_host h;
    ip6_host_up(&h);
    assert_int_equal(send6(&h, ADDRESS6(0x2001, 0xdb8, 0x1234, 0x5678), 8), 0);
    const struct mnet_address group = {.bytes = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0x34, 0x56, 0x78}};
    struct sent6 *sent = expect_icmp6(&h, group, MN_ICMPV6_NEIGHBOUR_SOLICITATION, 0);
    assert_address6(sent->ip.source, OWN6);
    assert_memory_equal(sent->bytes, frame, sizeof frame);
    assert_int_equal(sent->payload_len, 24 + sizeof option);
    assert_memory_equal(sent->payload + 24, option, sizeof option);
    ip_host_down(&h);
}

/* N6-5.5-1: a solicitation with the options of RFC 3971, CGA and RSA Signature among them, counts
 * as one without. */
static void signed_solicitation_is_answered_as_any(void **state)
{
    (void)state;
    uint8_t message[24 + 8 + 40 + 24] = {MN_ICMPV6_NEIGHBOUR_SOLICITATION};
    const struct mnet_address own = OWN6;
    struct ip_host h;
    ip6_host_up(&h);
    memcpy(message + 8, own.bytes, 16);
    memcpy(message + 24, ((uint8_t[8]){1, 1, 2, 0, 0, 0, 0, 3}), 8);
    memcpy(message + 32, ((uint8_t[2]){11, 5}), 2);
    memcpy(message + 72, ((uint8_t[2]){12, 3}), 2);
    receive_icmp6(&h, .payload = message, .len = sizeof message, .hop_limit = MN_ND_HOP_LIMIT);
    expect_icmp6(&h, PEER6, MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT, 0);
    expect_silence(&h);
    ip_host_down(&h);
}

/* IP6-5-1: no link of IPv6 takes less than 1280 octets. */
static void link_takes_1280_octets_at_least(void **state)
{
    (void)state;
    for (uint16_t mtu = MN_IPV6_MTU_MIN - 1; mtu <= MN_IPV6_MTU_MIN; mtu++) {
        struct ip_host h;
        struct mn_ip_config config = ip6_host_config(&h);
        config.mtu = mtu;
        assert_int_equal(ip_host_start(&h, &config), 0);
        pass_ms(&h, 3000);
        assert_int_equal(mn_ip_is_own(&h.ip, OWN6), mtu == MN_IPV6_MTU_MIN);
        discard_sent6(&h);
        ip_host_down(&h);
    }
}

static void configure_ipv4(struct ip_host *h, uint16_t mtu)
{
    const struct mn_ip_settings settings = {.ipv4 = {mnet_address_from_ipv4(OWN_IP), 24}, .leased = true, .mtu = mtu};
    assert_int_equal(mn_ip_configure(&h->ip, &settings, h->now), 0);
}

/* The MTU that DHCP gives is that of the link, and so of both families. */
static void mtu_of_dhcp_is_that_of_ipv6_too(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    configure_ipv4(&h, 1400);
    assert_int_equal(mn_ip_path_mtu(&h.ip, PEER6), 1400);
    mn_ip_unconfigure(&h.ip);
    assert_int_equal(mn_ip_path_mtu(&h.ip, PEER6), HOST_MTU);
    configure_ipv4(&h, MN_IPV6_MTU_MIN);
    assert_int_equal(mn_ip_path_mtu(&h.ip, PEER6), MN_IPV6_MTU_MIN);
    assert_true(mn_ip_is_own(&h.ip, OWN6));
    ip_host_down(&h);
}

/* IP6-5-1: a smaller one than IPv6 can do with ends it, with a line in the log. */
static void mtu_of_dhcp_below_1280_switches_ipv6_off(void **state)
{
    (void)state;
    struct ip_host h;
    struct mnet_address lost;
    ip6_host_up(&h);
    unsigned before = h.log_lines;
    configure_ipv4(&h, MN_IPV6_MTU_MIN - 1);
    assert_int_equal(h.log_lines, before + 1);
    assert_false(mn_ip_is_own(&h.ip, OWN6));
    assert_false(mn_ip_is_own(&h.ip, OWN_LINK6));
    assert_int_equal(mn_ip_ipv6_state(&h.ip), MN_IP_ADDRESS_NONE); /* nobody else has it */
    unsigned count = 0;
    while (mn_ip_take_lost(&h.ip, &lost))
        count++;
    assert_int_equal(count, 2);
    pass_ms(&h, 60000);
    mn_ip_check(&h.ip);
    mn_ip_unconfigure(&h.ip);
    pass_ms(&h, 60000);
    static struct sent6 sent;
    assert_false(take_sent6(&h, &sent));
    assert_int_equal(h.log_lines, before + 1);
    ip_host_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_hears_its_addresses_and_groups),
        cmocka_unit_test(groups_of_the_interface_stay_inside),
        cmocka_unit_test(unspecified_address_is_no_destination),
        cmocka_unit_test(loopback_address_never_leaves_nor_comes),
        cmocka_unit_test(group_is_no_source),
        cmocka_unit_test(neighbour_may_have_any_identifier),
        cmocka_unit_test(groups_may_have_any_flags),
        cmocka_unit_test(label_is_the_transports),
        cmocka_unit_test(padding_is_no_part_of_the_packet),
        cmocka_unit_test(link_local_address_has_the_identifier_of_the_mac),
        cmocka_unit_test(solicitation_has_the_octets_of_the_rfc),
        cmocka_unit_test(signed_solicitation_is_answered_as_any),
        cmocka_unit_test(link_takes_1280_octets_at_least),
        cmocka_unit_test(mtu_of_dhcp_is_that_of_ipv6_too),
        cmocka_unit_test(mtu_of_dhcp_below_1280_switches_ipv6_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
