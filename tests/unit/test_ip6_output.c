/* IPv6 packets sent, ICMPv6 (RFC 8200 4.5, 5; RFC 4443). */
#include "tests/support/ip6_host.h"

static uint8_t bytes[65536];

static void datagram_has_its_fields(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    struct mn_datagram datagram = {
        .destination = PEER6, .protocol = MN_PROTOCOL_TCP, .traffic_class = 0x2a, .flow_label = 0xabcde};
    assert_int_equal(mn_ip_output(&h.ip, make_packet(&h, 20, 0), &datagram, h.now), 0);
    struct sent6 *sent = expect_ip6(&h, PEER_MAC, PEER6, MN_PROTOCOL_TCP);
    assert_address6(sent->ip.source, OWN6);
    assert_int_equal(sent->ip.hop_limit, 64);
    assert_int_equal(sent->ip.traffic_class, 0x2a);
    assert_int_equal(sent->ip.flow_label, 0xabcde);
    datagram.ttl = 3;
    assert_int_equal(mn_ip_output(&h.ip, make_packet(&h, 20, 0), &datagram, h.now), 0);
    assert_int_equal(expect_ip6(&h, PEER_MAC, PEER6, MN_PROTOCOL_TCP)->ip.hop_limit, 3);
    ip_host_down(&h);
}

/* N6-5.1-4, N6-5.1-8, RFC 8200 4.5: fragments tile the datagram, and no device completes their
 * checksum. */
static void large_datagram_is_cut(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    uint32_t identifications[2];
    for (int i = 0; i < 2; i++) {
        size_t total = 0;
        bool more = true;
        assert_int_equal(send6(&h, PEER6, 60000), 0);
        fill_pattern(bytes, 60000, 0);
        while (more) {
            struct sent6 *sent = expect_ip6(&h, PEER_MAC, PEER6, MN_IPV6_FRAGMENT);
            struct mn_ipv6_fragment fragment;
            size_t len = sent->payload_len - MN_IPV6_FRAGMENT_HEADER;
            assert_int_equal(mn_ipv6_fragment_parse(sent->payload, sent->payload_len, &fragment), MN_PARSE_OK);
            assert_true(sent->len <= MN_ETHERNET_HEADER + HOST_MTU);
            assert_int_equal(fragment.offset, total);
            assert_int_equal(fragment.next_header, MN_PROTOCOL_UDP);
            assert_memory_equal(sent->payload + MN_IPV6_FRAGMENT_HEADER, bytes + total, len);
            identifications[i] = fragment.identification;
            more = fragment.more;
            total += len;
        }
        assert_int_equal(total, 60000);
        expect_silence(&h);
    }
    assert_true(identifications[1] - identifications[0] > 1000);
    ip_host_down(&h);
}

static void large_datagram_waits_whole_for_its_neighbour(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    assert_int_equal(send6(&h, PEER6, 3000), 0);
    expect_solicitation(&h, PEER6, NO_MAC);
    receive_advertisement(&h, .solicited = true, .override = true);
    for (int i = 0; i < 3; i++)
        expect_ip6(&h, PEER_MAC, PEER6, MN_IPV6_FRAGMENT);
    expect_silence(&h);
    ip_host_down(&h);
}

static void what_cannot_be_cut_is_refused(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    struct mn_datagram datagram = {.destination = PEER6, .protocol = MN_PROTOCOL_TCP, .dont_fragment = true};
    assert_int_equal(mn_ip_output(&h.ip, make_packet(&h, HOST_MTU - MN_IPV6_HEADER + 1, 0), &datagram, h.now),
                     MNET_E_TOO_BIG);
    assert_int_equal(mn_ip_output(&h.ip, make_packet(&h, HOST_MTU - MN_IPV6_HEADER, 0), &datagram, h.now), 0);
    datagram.dont_fragment = false;
    assert_int_equal(mn_ip_output(&h.ip, make_packet(&h, 65536, 0), &datagram, h.now), MNET_E_TOO_BIG);
    ip_host_down(&h);
}

static void own_addresses_and_loopback_go_round(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    const struct mnet_address destinations[] = {OWN6, OWN_LINK6, ADDRESS6(0, 0, 0, 1)};
    for (size_t i = 0; i < MN_COUNT_OF(destinations); i++) {
        struct mnet_packet *packet;
        enum mn_ip_verdict verdict;
        assert_int_equal(send6(&h, destinations[i], 8), 0);
        assert_true(mn_ip_take_looped(&h.ip, h.now, &packet, &verdict, &h.datagram, &h.error));
        assert_int_equal(verdict, MN_IP_TRANSPORT);
        assert_address6(h.datagram.source, destinations[i]);
        mnet_packet_free(packet);
    }
    expect_silence(&h);
    ip_host_down(&h);
}

/* ND-5.2-3, ND-7.2-2 */
static void group_needs_no_neighbour(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    struct mnet_address group = ADDRESS6(0xff02, 0, 0, 0xfb);
    assert_int_equal(send6(&h, group, 8), 0);
    struct sent6 *sent = expect_ip6(&h, (struct mn_mac){{0x33, 0x33, 0, 0, 0, 0xfb}}, group, MN_PROTOCOL_UDP);
    assert_address6(sent->ip.source, OWN_LINK6);
    ip_host_down(&h);
}

static void without_ipv6_nothing_can_be_sent_and_nothing_is_heard(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    assert_int_equal(send6(&h, PEER6, 8), MNET_E_UNREACHABLE);
    receive_ip6(&h, .protocol = MN_PROTOCOL_UDP);
    assert_counted(&h, ETH_DROP_TYPE, 1);
    pass_ms(&h, 10000);
    expect_silence(&h);
    ip_host_down(&h);
}

/* RFC 8200 5: no link of IPv6 takes less than 1280 bytes. */
static void small_link_switches_ipv6_off_with_a_line(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_config config = ip6_host_config(&h);
    config.mtu = 1279;
    assert_int_equal(ip_host_start(&h, &config), 0);
    assert_int_equal(h.log_lines, 1);
    assert_int_equal(send6(&h, PEER6, 8), MNET_E_UNREACHABLE);
    ip_host_down(&h);
}

static void impossible_configurations_are_refused(void **state)
{
    (void)state;
    const struct {
        struct mnet_prefix ipv6;
        struct mnet_address gateway;
    } rows[] = {
        {{OWN6, 0}, NONE6},
        {{OWN6, 129}, NONE6},
        {{mn_ipv6_all_nodes, 64}, NONE6},
        {{ADDRESS6(0, 0, 0, 1), 64}, NONE6},
        {{OWN6, 64}, FAR6}, /* off the link */
        {{OWN6, 64}, mn_ipv6_all_routers},
        {{OWN6, 64}, OWN6},
        {{NONE6, 0}, GATEWAY6},
    };
    for (size_t i = 0; i < MN_COUNT_OF(rows); i++) {
        struct ip_host h;
        struct mn_ip_config config = ip6_host_config(&h);
        config.user.ipv6 = rows[i].ipv6;
        config.user.ipv6_gateway = rows[i].gateway;
        assert_int_equal(ip_host_start(&h, &config), MNET_E_INVALID);
        ip_host_down(&h);
    }
}

/* ---- ICMPv6 ---- */

/* RFC 4443 4.2 */
static void echo_is_answered(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    uint8_t request[64] = {MN_ICMPV6_ECHO, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7};
    receive_icmp6(&h, .payload = request, .len = sizeof request);
    struct sent6 *sent = expect_icmp6(&h, PEER6, MN_ICMPV6_ECHO_REPLY, 0);
    assert_address6(sent->ip.source, OWN6);
    assert_memory_equal(sent->payload + 4, request + 4, sizeof request - 4);
    receive_icmp6(&h, .payload = request, .len = sizeof request, .destination = mn_ipv6_all_nodes);
    sent = expect_icmp6(&h, PEER6, MN_ICMPV6_ECHO_REPLY, 0);
    assert_address6(sent->ip.source, OWN6);
    assert_counted(&h, ICMP_ECHO, 2);
    /* Without a checksum. */
    receive_ip6(&h, .protocol = MN_PROTOCOL_ICMPV6, .payload = request, .len = sizeof request);
    assert_counted(&h, ICMP_DROP_INVALID, 1);
    expect_silence(&h);
    ip_host_down(&h);
}

/* RFC 4443 3.1, 2.4 (c) */
static void port_unreachable_quotes_as_much_as_fits(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    assert_int_equal(receive_ip6(&h, .payload = bytes, .len = 1400), MN_IP_TRANSPORT);
    mn_ip_send_unreachable(&h.ip, h.packet, &h.datagram, MN_UNREACHABLE_PORT, h.now);
    struct sent6 *sent = expect_icmp6(&h, PEER6, MN_ICMPV6_UNREACHABLE, MN_ICMPV6_PORT_UNREACHABLE);
    assert_int_equal(sent->len, MN_ETHERNET_HEADER + MN_IPV6_MTU_MIN);
    assert_int_equal(sent->payload[MN_ICMPV6_HEADER] >> 4, 6);
    ip_host_down(&h);
}

/* Receives an error about a packet of ours to FAR6. */
static enum mn_ip_verdict receive_error(struct ip_host *h, uint8_t type, uint8_t code, uint32_t value,
                                        struct mnet_address quoted_source)
{
    uint8_t message[MN_ICMPV6_HEADER + MN_IPV6_HEADER + 20] = {0};
    mn_icmpv6_emit(message, &(struct mn_icmpv6){type, code, value}, 0);
    mn_ipv6_emit(message + MN_ICMPV6_HEADER, &(struct mn_ipv6){.source = quoted_source,
                                                               .destination = FAR6,
                                                               .payload_len = 1400,
                                                               .next_header = MN_PROTOCOL_TCP,
                                                               .hop_limit = 60});
    return receive_icmp6(h, .source = GATEWAY6, .payload = message, .len = sizeof message);
}

static void errors_about_our_packets_reach_the_transport(void **state)
{
    (void)state;
    static const struct {
        uint8_t type, code;
        uint32_t value;
        enum mn_unreachable reason;
    } rows[] = {
        {MN_ICMPV6_UNREACHABLE, 0, 0, MN_UNREACHABLE_NETWORK},
        {MN_ICMPV6_UNREACHABLE, 1, 0, MN_UNREACHABLE_PROHIBITED},
        {MN_ICMPV6_UNREACHABLE, 3, 0, MN_UNREACHABLE_HOST},
        {MN_ICMPV6_UNREACHABLE, 4, 0, MN_UNREACHABLE_PORT},
        {MN_ICMPV6_PACKET_TOO_BIG, 0, 1280, MN_UNREACHABLE_TOO_BIG},
        {MN_ICMPV6_TIME_EXCEEDED, 0, 0, MN_UNREACHABLE_NETWORK},
        {MN_ICMPV6_PARAMETER_PROBLEM, 1, 6, MN_UNREACHABLE_PROTOCOL},
    };
    struct ip_host h;
    ip6_host_up(&h);
    for (size_t i = 0; i < MN_COUNT_OF(rows); i++) {
        assert_int_equal(receive_error(&h, rows[i].type, rows[i].code, rows[i].value, OWN6), MN_IP_ERROR);
        assert_int_equal(h.error.reason, rows[i].reason);
        assert_int_equal(h.error.protocol, MN_PROTOCOL_TCP);
        assert_address6(h.error.local, OWN6);
        assert_address6(h.error.remote, FAR6);
        assert_address6(h.error.reporter, GATEWAY6);
        assert_int_equal(h.error.mtu, rows[i].reason == MN_UNREACHABLE_TOO_BIG ? rows[i].value : 0);
    }
    ip_host_down(&h);
}

/* RFC 8201 4: a router cannot take less than 1280. RFC 4443 2.4: the packet quoted is none of ours.
 */
static void errors_that_cannot_be_are_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    assert_int_equal(receive_error(&h, MN_ICMPV6_PACKET_TOO_BIG, 0, 1279, OWN6), MN_IP_CONSUMED);
    assert_int_equal(receive_error(&h, MN_ICMPV6_UNREACHABLE, 4, 0, PEER6), MN_IP_CONSUMED);
    assert_int_equal(receive_error(&h, MN_ICMPV6_UNREACHABLE, 4, 0, OWN_LINK6), MN_IP_CONSUMED);
    assert_counted(&h, ICMP_DROP_INVALID, 3);
    ip_host_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagram_has_its_fields),
        cmocka_unit_test(large_datagram_is_cut),
        cmocka_unit_test(large_datagram_waits_whole_for_its_neighbour),
        cmocka_unit_test(what_cannot_be_cut_is_refused),
        cmocka_unit_test(own_addresses_and_loopback_go_round),
        cmocka_unit_test(group_needs_no_neighbour),
        cmocka_unit_test(without_ipv6_nothing_can_be_sent_and_nothing_is_heard),
        cmocka_unit_test(small_link_switches_ipv6_off_with_a_line),
        cmocka_unit_test(impossible_configurations_are_refused),
        cmocka_unit_test(echo_is_answered),
        cmocka_unit_test(port_unreachable_quotes_as_much_as_fits),
        cmocka_unit_test(errors_about_our_packets_reach_the_transport),
        cmocka_unit_test(errors_that_cannot_be_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
