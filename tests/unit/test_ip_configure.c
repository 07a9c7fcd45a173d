/* An address that is configured while the host runs, and removed, and the restricted service of a
 * host without one (RFC 2131 4.1). */
#include "tests/support/ip_host.h"

#define PORT 68

static void start_without_address(struct ip_host *h)
{
    struct mn_ip_config config = ip_host_config(h);
    config.user.ipv4 = (struct mnet_prefix){0};
    config.user.ipv4_gateway = MNET_ADDRESS_ANY;
    assert_int_equal(ip_host_start(h, &config), 0);
    expect_silence(h);
}

static struct mn_ip_settings settings(uint32_t address)
{
    return (struct mn_ip_settings){.ipv4 = {mnet_address_from_ipv4(address), 24},
                                   .ipv4_gateway = mnet_address_from_ipv4(GATEWAY_IP)};
}

static void configure(struct ip_host *h, struct mn_ip_settings settings)
{
    assert_int_equal(mn_ip_configure(&h->ip, &settings, h->now), 0);
}

/* Receives a UDP datagram to `port` with eight bytes after its header. */
static enum mn_ip_verdict receive_udp(struct ip_host *h, struct ip_line line, uint16_t port)
{
    uint8_t udp[16] = {0};
    mn_udp_emit(udp, &(struct mn_udp_header){.source_port = 67, .destination_port = port, .length = sizeof udp});
    line.payload = udp;
    line.len = sizeof udp;
    return receive_ip_line(h, line);
}

static void no_address_open_port_takes_broadcast_and_unicast(void **state)
{
    (void)state;
    struct ip_host h;
    start_without_address(&h);
    mn_ip_open_port(&h.ip, PORT);
    assert_int_equal(receive_udp(&h, IP_LINE(.to = ALL_MAC, .destination = ALL_BROADCAST), PORT), MN_IP_TRANSPORT);
    assert_true(h.datagram.not_unicast);
    assert_int_equal(h.packet->total, 16);
    assert_int_equal(receive_udp(&h, IP_LINE(.destination = ALL_BROADCAST), PORT), MN_IP_TRANSPORT);
    assert_int_equal(receive_udp(&h, IP_LINE(.destination = OWN_IP), PORT), MN_IP_TRANSPORT);
    assert_int_equal(receive_udp(&h, IP_LINE(.destination = FAR_IP), PORT), MN_IP_TRANSPORT);
    /* As some servers send it: for one host, to everybody, and to a network that we do not know
     * yet. */
    assert_int_equal(receive_udp(&h, IP_LINE(.to = ALL_MAC, .destination = OWN_IP), PORT), MN_IP_TRANSPORT);
    assert_true(h.datagram.not_unicast);
    assert_int_equal(receive_udp(&h, IP_LINE(.to = ALL_MAC, .destination = NETWORK_BROADCAST), PORT), MN_IP_TRANSPORT);
    ip_host_down(&h);
}

static void no_address_open_port_is_narrow(void **state)
{
    (void)state;
    struct ip_host h;
    start_without_address(&h);
    /* Not open yet. */
    assert_int_equal(receive_udp(&h, IP_LINE(.destination = OWN_IP), PORT), MN_IP_CONSUMED);
    mn_ip_open_port(&h.ip, PORT);
    assert_int_equal(receive_udp(&h, IP_LINE(.destination = OWN_IP), PORT + 1), MN_IP_CONSUMED);
    assert_int_equal(receive_udp(&h, IP_LINE(.protocol = MN_PROTOCOL_TCP), PORT), MN_IP_CONSUMED);
    assert_int_equal(receive_udp(&h, IP_LINE(.to = OTHER_MAC), PORT), MN_IP_CONSUMED);
    assert_int_equal(receive_udp(&h, IP_LINE(.more = true), PORT), MN_IP_CONSUMED);
    assert_int_equal(receive_udp(&h, IP_LINE(.offset = 8), PORT), MN_IP_CONSUMED);
    assert_int_equal(receive_udp(&h, IP_LINE(.destination = IPV4(224, 0, 0, 1)), PORT), MN_IP_CONSUMED);
    assert_int_equal(receive_udp(&h, IP_LINE(.destination = IPV4(127, 0, 0, 1)), PORT), MN_IP_CONSUMED);
    assert_int_equal(receive_udp(&h, IP_LINE(.destination = 0), PORT), MN_IP_CONSUMED);
    assert_int_equal(receive_udp(&h, IP_LINE(.source = 0), PORT), MN_IP_CONSUMED);
    uint8_t request[8];
    size_t len = build_icmp(request, MN_ICMPV4_ECHO, 0, 1, 1, "", 0);
    assert_int_equal(receive_ip(&h, .protocol = MN_PROTOCOL_ICMP, .payload = request, .len = len), MN_IP_CONSUMED);
    for (size_t cut = 0; cut < 8; cut++) /* less than a UDP header */
        assert_int_equal(receive_ip(&h, .payload = "\0\x43\0\x44\0\x08\0\0", .len = cut), MN_IP_CONSUMED);
    assert_counted(&h, FRAG_RX, 0);
    mn_ip_open_port(&h.ip, 0);
    assert_int_equal(receive_udp(&h, IP_LINE(.destination = OWN_IP), PORT), MN_IP_CONSUMED);
    expect_silence(&h);
    ip_host_down(&h);
}

/* With an address the restricted service is closed, for packets to any other address. */
static void ours_open_port_changes_nothing(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    mn_ip_open_port(&h.ip, PORT);
    assert_int_equal(receive_udp(&h, IP_LINE(.destination = FAR_IP), PORT), MN_IP_CONSUMED);
    assert_int_equal(receive_udp(&h, IP_LINE(.destination = OWN_IP), PORT), MN_IP_TRANSPORT);
    assert_int_equal(receive_udp(&h, IP_LINE(.to = ALL_MAC, .destination = ALL_BROADCAST), PORT), MN_IP_TRANSPORT);
    ip_host_down(&h);
}

static void no_address_broadcast_goes_out_from_nobody(void **state)
{
    (void)state;
    struct ip_host h;
    static struct sent sent;
    start_without_address(&h);
    assert_int_equal(mn_ip_broadcast_unnumbered(&h.ip, make_packet(&h, 300, 1), h.now), 0);
    assert_true(take_sent(&h, &sent));
    assert_true(mn_mac_equal(sent.ethernet.destination, ALL_MAC));
    assert_int_equal(sent.ip.source, 0);
    assert_int_equal(sent.ip.destination, ALL_BROADCAST);
    assert_int_equal(sent.ip.protocol, MN_PROTOCOL_UDP);
    assert_int_equal(sent.payload_len, 300);
    assert_int_equal(mn_ip_broadcast_unnumbered(&h.ip, make_packet(&h, 1481, 1), h.now), MNET_E_TOO_BIG);
    /* No other packet leaves. */
    assert_int_equal(send_packet(&h, .destination = ALL_BROADCAST), MNET_E_UNREACHABLE);
    expect_silence(&h);
    ip_host_down(&h);
}

static void no_address_configured_is_probed_quickly(void **state)
{
    (void)state;
    struct ip_host h;
    start_without_address(&h);
    struct mn_ip_settings wanted = settings(OWN_IP);
    wanted.probe = MN_IP_PROBE_QUICK;
    configure(&h, wanted);
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_PROBING);
    assert_true(mnet_address_is_any(mn_ip_address(&h.ip)));
    pass_ms(&h, 0);
    expect_arp(&h, MN_ARP_REQUEST, ALL_MAC, 0, OWN_IP);
    pass_ms(&h, 51);
    expect_arp(&h, MN_ARP_REQUEST, ALL_MAC, 0, OWN_IP);
    pass_ms(&h, 48);
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_PROBING);
    pass_ms(&h, 3);
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_OURS);
    expect_arp(&h, MN_ARP_REQUEST, ALL_MAC, OWN_IP, OWN_IP);
    assert_int_equal(mnet_address_to_ipv4(mn_ip_address(&h.ip)), OWN_IP);
    assert_int_equal(receive_any(&h), MN_IP_TRANSPORT);
    know(&h, GATEWAY_IP, GATEWAY_MAC);
    assert_int_equal(send_packet(&h, .destination = FAR_IP), 0);
    expect_ip(&h, GATEWAY_MAC, FAR_IP, MN_PROTOCOL_UDP);
    ip_host_down(&h);
}

static void probing_conflict_lets_another_address_come(void **state)
{
    (void)state;
    struct ip_host h;
    start_without_address(&h);
    struct mn_ip_settings wanted = settings(OWN_IP);
    wanted.probe = MN_IP_PROBE_QUICK;
    configure(&h, wanted);
    pass_ms(&h, 1);
    receive_arp(&h, .to = OWN_MAC, .operation = MN_ARP_REPLY, .sender_mac = OTHER_MAC, .sender_ip = OWN_IP);
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_CONFLICT);
    configure(&h, wanted); /* the same again: the other station may have gone */
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_PROBING);
    wanted = settings(PEER_IP);
    configure(&h, wanted);
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_OURS);
    assert_int_equal(mnet_address_to_ipv4(mn_ip_address(&h.ip)), PEER_IP);
    ip_host_down(&h);
}

static void ours_unconfigured_has_nothing_left(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_path path;
    ip_host_up(&h);
    know(&h, PEER_IP, PEER_MAC);
    know(&h, GATEWAY_IP, GATEWAY_MAC);
    /* Waits for its neighbour. */
    assert_int_equal(send_packet(&h, .destination = IPV4(10, 0, 0, 77)), 0);
    assert_true(mn_ip_awaits_neighbour(&h.ip));
    discard_sent(&h);
    mn_ip_unconfigure(&h.ip);
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_NONE);
    assert_false(mn_ip_awaits_neighbour(&h.ip));
    assert_int_equal(h.ip.neighbours.count, 0);
    assert_int_equal(mn_ip_path(&h.ip, mnet_address_from_ipv4(FAR_IP), &path), MNET_E_UNREACHABLE);
    assert_int_equal(send_any(&h), MNET_E_UNREACHABLE);
    receive_arp(&h, .operation = MN_ARP_REQUEST, .sender_ip = PEER_IP, .target_ip = OWN_IP);
    assert_int_equal(receive_any(&h), MN_IP_CONSUMED);
    pass_ms(&h, 60000);
    expect_silence(&h);
    ip_host_down(&h);
}

/* Settings that a server changes when a lease is renewed. */
static void ours_configured_anew_keeps_the_address(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    know(&h, PEER_IP, PEER_MAC);
    struct mn_ip_settings wanted = settings(OWN_IP);
    wanted.ipv4_gateway = mnet_address_from_ipv4(PEER_IP);
    wanted.probe = MN_IP_PROBE_QUICK;
    wanted.mtu = 1000;
    configure(&h, wanted);
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_OURS);
    assert_int_equal(mn_ip_mtu(&h.ip), HOST_MTU); /* connections count on it */
    assert_int_equal(send_packet(&h, .destination = FAR_IP), 0);
    expect_ip(&h, PEER_MAC, FAR_IP, MN_PROTOCOL_UDP);
    pass_ms(&h, 10000);
    expect_silence(&h);
    ip_host_down(&h);
}

/* The route of the last packet is kept for the next one, but not longer than it is right. */
static void ways_are_found_anew_when_the_configuration_changes(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    know(&h, PEER_IP, PEER_MAC);
    know(&h, GATEWAY_IP, GATEWAY_MAC);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(send_packet(&h, .source = OWN_IP, .destination = FAR_IP), 0);
        expect_ip(&h, GATEWAY_MAC, FAR_IP, MN_PROTOCOL_UDP);
        assert_int_equal(send_packet(&h, .source = PEER_IP, .destination = FAR_IP), MNET_E_INVALID);
        assert_int_equal(send_packet(&h, .source = PEER_IP, .destination = FAR_IP), MNET_E_INVALID);
    }
    assert_int_equal(send_packet(&h, .source = OWN_IP, .destination = FAR_IP), 0);
    expect_ip(&h, GATEWAY_MAC, FAR_IP, MN_PROTOCOL_UDP);
    struct mn_ip_settings wanted = settings(OWN_IP);
    wanted.ipv4_gateway = mnet_address_from_ipv4(PEER_IP);
    configure(&h, wanted);
    assert_int_equal(send_packet(&h, .source = OWN_IP, .destination = FAR_IP), 0);
    expect_ip(&h, PEER_MAC, FAR_IP, MN_PROTOCOL_UDP);
    mn_ip_unconfigure(&h.ip);
    assert_int_equal(send_packet(&h, .source = OWN_IP, .destination = FAR_IP), MNET_E_UNREACHABLE);
    configure(&h, settings(IPV4(10, 0, 0, 77)));
    assert_int_equal(send_packet(&h, .source = OWN_IP, .destination = FAR_IP), MNET_E_INVALID);
    ip_host_down(&h);
}

static void configured_mtu_holds_until_the_address_goes(void **state)
{
    (void)state;
    struct ip_host h;
    start_without_address(&h);
    struct mn_ip_settings wanted = settings(OWN_IP);
    wanted.mtu = 1000;
    configure(&h, wanted);
    assert_int_equal(mn_ip_mtu(&h.ip), 1000);
    assert_int_equal(send_packet(&h, .packet = make_packet(&h, 981, 1), .dont_fragment = true), MNET_E_TOO_BIG);
    mn_ip_unconfigure(&h.ip);
    assert_int_equal(mn_ip_mtu(&h.ip), HOST_MTU);
    wanted.mtu = HOST_MTU + 1; /* more than the link carries */
    configure(&h, wanted);
    assert_int_equal(mn_ip_mtu(&h.ip), HOST_MTU);
    ip_host_down(&h);
}

static void routes_that_cannot_be_are_refused_or_left_out(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_path path;
    const struct mnet_route routes[] = {
        /* Not on the link. */
        {{mnet_address_from_ipv4(IPV4(10, 1, 0, 0)), 16}, mnet_address_from_ipv4(FAR_IP)},
        {{mnet_address_from_ipv4(IPV4(10, 2, 0, 0)), 33}, mnet_address_from_ipv4(PEER_IP)},
        {{mnet_address_from_ipv4(IPV4(10, 3, 0, 0)), 16}, mnet_address_from_ipv4(PEER_IP)},
    };
    start_without_address(&h);
    struct mn_ip_settings wanted = settings(OWN_IP);
    wanted.ipv4_gateway = MNET_ADDRESS_ANY;
    wanted.routes = routes;
    wanted.route_count = 3;
    assert_int_equal(mn_ip_configure(&h.ip, &wanted, h.now), MNET_E_INVALID);
    assert_int_equal(mn_ip_address_state(&h.ip), MN_IP_ADDRESS_NONE);
    wanted.possible_routes_only = true;
    configure(&h, wanted);
    assert_int_equal(mn_ip_path(&h.ip, mnet_address_from_ipv4(IPV4(10, 1, 0, 1)), &path), MNET_E_UNREACHABLE);
    assert_int_equal(mn_ip_path(&h.ip, mnet_address_from_ipv4(IPV4(10, 2, 0, 1)), &path), MNET_E_UNREACHABLE);
    assert_int_equal(mn_ip_path(&h.ip, mnet_address_from_ipv4(IPV4(10, 3, 0, 1)), &path), 0);
    ip_host_down(&h);
}

/* As in clouds: a network of one host, a route to the router, and the rest through it (RFC
 * 3442). */
static void host_alone_reaches_its_router_by_a_route(void **state)
{
    (void)state;
    struct ip_host h;
    const struct mnet_route routes[] = {
        {{MNET_ADDRESS_ANY, 0}, mnet_address_from_ipv4(GATEWAY_IP)},
        {{mnet_address_from_ipv4(GATEWAY_IP), 32}, MNET_ADDRESS_ANY},
    };
    start_without_address(&h);
    configure(&h, (struct mn_ip_settings){.ipv4 = {mnet_address_from_ipv4(OWN_IP), 32},
                                          .routes = routes,
                                          .route_count = 2,
                                          .possible_routes_only = true});
    discard_sent(&h);
    know(&h, GATEWAY_IP, GATEWAY_MAC);
    assert_int_equal(send_packet(&h, .destination = FAR_IP), 0);
    expect_ip(&h, GATEWAY_MAC, FAR_IP, MN_PROTOCOL_UDP);
    ip_host_down(&h);
}

/* The same without a route to the link: with a /32 a gateway can only be on the link. */
static void host_alone_reaches_its_gateways_without_a_route(void **state)
{
    (void)state;
    struct ip_host h;
    const struct mnet_route routes[] = {
        {{mnet_address_from_ipv4(IPV4(10, 9, 0, 0)), 16}, mnet_address_from_ipv4(PEER_IP)},
    };
    start_without_address(&h);
    configure(&h, (struct mn_ip_settings){.ipv4 = {mnet_address_from_ipv4(OWN_IP), 32},
                                          .ipv4_gateway = mnet_address_from_ipv4(GATEWAY_IP),
                                          .routes = routes,
                                          .route_count = 1});
    discard_sent(&h);
    know(&h, GATEWAY_IP, GATEWAY_MAC);
    know(&h, PEER_IP, PEER_MAC);
    const struct {
        uint32_t destination;
        struct mn_mac mac;
    } ways[] = {{FAR_IP, GATEWAY_MAC}, {GATEWAY_IP, GATEWAY_MAC}, {IPV4(10, 9, 1, 2), PEER_MAC}, {PEER_IP, PEER_MAC}};
    for (size_t i = 0; i < MN_COUNT_OF(ways); i++) {
        assert_int_equal(send_packet(&h, .destination = ways[i].destination), 0);
        expect_ip(&h, ways[i].mac, ways[i].destination, MN_PROTOCOL_UDP);
    }
    ip_host_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_address_open_port_takes_broadcast_and_unicast),
        cmocka_unit_test(no_address_open_port_is_narrow),
        cmocka_unit_test(ours_open_port_changes_nothing),
        cmocka_unit_test(no_address_broadcast_goes_out_from_nobody),
        cmocka_unit_test(no_address_configured_is_probed_quickly),
        cmocka_unit_test(probing_conflict_lets_another_address_come),
        cmocka_unit_test(ours_unconfigured_has_nothing_left),
        cmocka_unit_test(ours_configured_anew_keeps_the_address),
        cmocka_unit_test(ways_are_found_anew_when_the_configuration_changes),
        cmocka_unit_test(configured_mtu_holds_until_the_address_goes),
        cmocka_unit_test(routes_that_cannot_be_are_refused_or_left_out),
        cmocka_unit_test(host_alone_reaches_its_router_by_a_route),
        cmocka_unit_test(host_alone_reaches_its_gateways_without_a_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
