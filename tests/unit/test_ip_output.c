/* Sent IPv4: routes, headers, loopback, large packets, fragments (RFC 791, RFC 1122 3.3, RFC
 * 6864). */
#include "tests/support/ip_host.h"

static void up_knowing_peer(struct ip_host *h, uint16_t mtu)
{
    struct mn_ip_config config = ip_host_config(h);
    config.mtu = mtu;
    assert_int_equal(ip_host_start(h, &config), 0);
    pass_ms(h, 3000);
    discard_sent(h);
    know(h, PEER_IP, PEER_MAC);
}

static struct sent *expect_peer(struct ip_host *h)
{
    return expect_ip(h, PEER_MAC, PEER_IP, MN_PROTOCOL_UDP);
}

static void packet_gets_the_header_asked_for(void **state)
{
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h, HOST_MTU);
    assert_int_equal(send_packet(&h, .source = OWN_IP, .ttl = 9, .traffic_class = 0x28, .dont_fragment = true), 0);
    struct sent *sent = expect_peer(&h);
    assert_int_equal(sent->ip.ttl, 9);
    assert_int_equal(sent->ip.traffic_class, 0x28);
    assert_true(sent->ip.dont_fragment);
    assert_int_equal(sent->ip.identification, 0); /* RFC 6864 4.1 */
    assert_int_equal(sent->ip.header_len, 20);
    assert_int_equal(sent->payload_len, 8);
    send_any(&h);
    assert_int_equal(expect_peer(&h)->ip.ttl, 64);
    assert_counted(&h, IP_TX, 2);
    ip_host_down(&h);
}

/* Fault 7. */
static void no_route_is_unreachable_at_once(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_path path;
    struct mn_ip_config config = ip_host_config(&h);
    config.user.ipv4_gateway = MNET_ADDRESS_ANY;
    assert_int_equal(ip_host_start(&h, &config), 0);
    discard_sent(&h);
    assert_int_equal(mn_ip_path(&h.ip, mnet_address_from_ipv4(FAR_IP), &path), MNET_E_UNREACHABLE);
    assert_int_equal(send_packet(&h, .destination = FAR_IP), MNET_E_UNREACHABLE);
    assert_int_equal(send_packet(&h, .destination = IPV4(0, 0, 0, 7)), MNET_E_UNREACHABLE);
    assert_counted(&h, TX_DROP_NO_ROUTE, 2);
    expect_silence(&h);
    ip_host_down(&h);
}

static void path_tells_source_and_mtu(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_path path;
    ip_host_up(&h);
    assert_int_equal(mn_ip_path(&h.ip, mnet_address_from_ipv4(FAR_IP), &path), 0);
    assert_int_equal(mnet_address_to_ipv4(path.source), OWN_IP);
    assert_int_equal(path.mtu, HOST_MTU);
    assert_false(path.loopback);
    assert_int_equal(mn_ip_path(&h.ip, mnet_address_from_ipv4(OWN_IP), &path), 0);
    assert_true(path.loopback && mnet_address_to_ipv4(path.source) == OWN_IP);
    assert_int_equal(mn_ip_path(&h.ip, mnet_ipv4(127, 0, 0, 9), &path), 0);
    assert_true(path.loopback && mnet_address_to_ipv4(path.source) == IPV4(127, 0, 0, 1));
    struct mnet_address ipv6 = {.bytes = {0xfd}};
    assert_int_equal(mn_ip_path(&h.ip, ipv6, &path), MNET_E_UNREACHABLE);
    ip_host_down(&h);
}

static void own_and_broadcast_addresses_are_known(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    assert_true(mn_ip_is_own(&h.ip, mnet_address_from_ipv4(OWN_IP)));
    assert_true(mn_ip_is_own(&h.ip, mnet_ipv4(127, 0, 0, 1)));
    assert_false(mn_ip_is_own(&h.ip, mnet_address_from_ipv4(PEER_IP)));
    assert_false(mn_ip_is_own(&h.ip, MNET_ADDRESS_ANY));
    assert_true(mn_ip_is_broadcast(&h.ip, mnet_address_from_ipv4(NETWORK_BROADCAST)));
    assert_true(mn_ip_is_broadcast(&h.ip, mnet_address_from_ipv4(ALL_BROADCAST)));
    assert_false(mn_ip_is_broadcast(&h.ip, mnet_address_from_ipv4(PEER_IP)));
    assert_false(mn_ip_is_broadcast(&h.ip, MNET_ADDRESS_ANY));
    ip_host_down(&h);
}

static void foreign_source_is_refused(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    assert_int_equal(send_packet(&h, .source = PEER_IP), MNET_E_INVALID);
    assert_int_equal(send_packet(&h, .source = IPV4(127, 0, 0, 1)), MNET_E_INVALID);
    expect_silence(&h);
    ip_host_down(&h);
}

static bool next_looped(struct ip_host *h, enum mn_ip_verdict *verdict)
{
    mnet_packet_free(h->packet);
    h->packet = NULL;
    return mn_ip_take_looped(&h->ip, h->now, &h->packet, verdict, &h->datagram, &h->error);
}

static void packet_to_own_address_goes_round(void **state)
{
    (void)state;
    static const uint32_t own[] = {OWN_IP, IPV4(127, 0, 0, 1), IPV4(127, 9, 9, 9)};
    struct ip_host h;
    enum mn_ip_verdict verdict;
    ip_host_up(&h);
    for (size_t i = 0; i < MN_COUNT_OF(own); i++) {
        struct mnet_packet *packet = make_packet(&h, 40000, 3);
        packet->checksum = MNET_CHECKSUM_PARTIAL;
        packet->csum_offset = 6;
        assert_int_equal(send_packet(&h, .destination = own[i], .dont_fragment = true, .packet = packet), 0);
        assert_true(next_looped(&h, &verdict));
        assert_int_equal(verdict, MN_IP_TRANSPORT);
        assert_ptr_equal(h.packet, packet);
        assert_int_equal(h.packet->total, 40000);
        assert_int_equal(h.packet->checksum, MNET_CHECKSUM_VERIFIED);
        assert_int_equal(h.datagram.header_len, 20);
        assert_int_equal(h.packet->data[-20], 0x45);
        assert_int_equal(mnet_address_to_ipv4(h.datagram.destination), own[i]);
        assert_int_equal(mnet_address_to_ipv4(h.datagram.source), i == 0 ? OWN_IP : IPV4(127, 0, 0, 1));
        assert_false(next_looped(&h, &verdict));
    }
    expect_silence(&h);
    ip_host_down(&h);
}

static void loopback_queue_is_bounded(void **state)
{
    (void)state;
    struct ip_host h;
    enum mn_ip_verdict verdict;
    ip_host_up(&h);
    for (int i = 0; i < MN_IP_LOOPBACK_MAX; i++)
        assert_int_equal(send_packet(&h, .destination = OWN_IP), 0);
    assert_int_equal(send_packet(&h, .destination = OWN_IP), MNET_E_NO_MEMORY);
    assert_counted(&h, IP_DROP_LOOPBACK, 1);
    assert_true(next_looped(&h, &verdict));
    assert_int_equal(send_packet(&h, .destination = OWN_IP), 0);
    ip_host_down(&h);
}

static void transmit_queue_is_bounded(void **state)
{
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h, HOST_MTU);
    for (int i = 0; i < MN_IP_TRANSMIT_MAX; i++)
        assert_int_equal(send_any(&h), 0);
    assert_int_equal(send_any(&h), MNET_E_NO_MEMORY);
    receive_arp(&h, .operation = MN_ARP_REQUEST, .sender_ip = PEER_IP, .target_ip = OWN_IP);
    assert_counted(&h, TX_DROP_QUEUE, 2);
    assert_int_equal(discard_sent(&h), MN_IP_TRANSMIT_MAX);
    assert_int_equal(send_any(&h), 0);
    ip_host_down(&h);
}

static void too_big_with_dont_fragment_is_refused(void **state)
{
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h, HOST_MTU);
    assert_int_equal(send_packet(&h, .dont_fragment = true, .packet = make_packet(&h, 1480, 0)), 0);
    assert_int_equal(expect_peer(&h)->ip.total_len, 1500);
    assert_int_equal(send_packet(&h, .dont_fragment = true, .packet = make_packet(&h, 1481, 0)), MNET_E_TOO_BIG);
    assert_int_equal(send_packet(&h, .packet = make_packet(&h, 65516, 0)), MNET_E_TOO_BIG);
    assert_counted(&h, IP_DROP_TOO_BIG, 2);
    expect_silence(&h);
    ip_host_down(&h);
}

/* Makes a TCP packet with 32 bytes of header that stands for many segments. */
static struct mnet_packet *make_large(struct ip_host *h, uint16_t gso_size)
{
    struct mnet_packet *packet = make_packet(h, 32 + 20000, 0);
    packet->data[12] = 0x80;
    packet->checksum = MNET_CHECKSUM_PARTIAL;
    packet->csum_start = 0;
    packet->csum_offset = 16;
    packet->gso = MNET_GSO_TCPV4;
    packet->gso_size = gso_size;
    return packet;
}

static void large_packet_passes_untouched(void **state)
{
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h, HOST_MTU);
    int result = send_packet(&h, .protocol = MN_PROTOCOL_TCP, .dont_fragment = true, .packet = make_large(&h, 1448));
    assert_int_equal(result, 0);
    struct sent *sent = expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_TCP);
    assert_int_equal(sent->ip.total_len, 20 + 32 + 20000);
    assert_int_equal(sent->checksum, MNET_CHECKSUM_PARTIAL);
    assert_int_equal(sent->csum_start, MN_ETHERNET_HEADER + 20);
    assert_int_equal(sent->csum_offset, 16);
    assert_int_equal(sent->gso, MNET_GSO_TCPV4);
    assert_int_equal(sent->gso_size, 1448);
    result = send_packet(&h, .protocol = MN_PROTOCOL_TCP, .packet = make_large(&h, 1449));
    assert_int_equal(result, MNET_E_TOO_BIG);
    ip_host_down(&h);
}

/* Fault 23: the length of every fragment but the last is a multiple of eight, at any MTU. */
static void fragments_cover_the_packet_at_any_mtu(void **state)
{
    (void)state;
    static const uint16_t mtus[] = {68, 69, 75, 576, 1280, 1497, 1500, 9000};
    static uint8_t expected[20000], whole[20000];
    struct ip_host h;
    for (size_t m = 0; m < MN_COUNT_OF(mtus); m++) {
        up_knowing_peer(&h, mtus[m]);
        size_t size = mtus[m] < 100 ? 2001 : 20000, at = 0;
        fill_pattern(expected, size, 5);
        assert_int_equal(send_packet(&h, .ttl = 33, .traffic_class = 8, .packet = make_packet(&h, size, 5)), 0);
        uint16_t identification = 0;
        for (bool more = true; more;) {
            struct sent *sent = expect_peer(&h);
            identification = at == 0 ? sent->ip.identification : identification;
            assert_int_equal(sent->ip.identification, identification);
            assert_int_equal(sent->ip.fragment_offset, at);
            assert_true(sent->ip.total_len <= mtus[m]);
            assert_int_equal(sent->ip.ttl, 33);
            assert_int_equal(sent->ip.traffic_class, 8);
            more = sent->ip.more_fragments;
            assert_true(!more || sent->payload_len == ((mtus[m] - 20u) & ~7u));
            assert_true(at + sent->payload_len <= size);
            memcpy(whole + at, sent->payload, sent->payload_len);
            at += sent->payload_len;
        }
        assert_int_equal(at, size);
        assert_memory_equal(whole, expected, size);
        expect_silence(&h);
        ip_host_down(&h);
    }
}

static void fragments_of_an_unfinished_checksum_carry_it_complete(void **state)
{
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h, 576);
    static uint8_t whole[4001];
    struct mnet_packet *packet = make_packet(&h, sizeof whole, 1);
    struct mnet_address from = mnet_address_from_ipv4(OWN_IP), to = mnet_address_from_ipv4(PEER_IP);
    uint64_t pseudo = mn_pseudo_sum(&from, &to, MN_PROTOCOL_UDP, sizeof whole);
    uint16_t folded = mn_sum_fold(pseudo);
    mnet_packet_copy_in(packet, 6, &folded, 2);
    packet->checksum = MNET_CHECKSUM_PARTIAL;
    packet->csum_start = 0;
    packet->csum_offset = 6;
    assert_int_equal(send_packet(&h, .packet = packet), 0);
    size_t at = 0;
    for (bool more = true; more;) {
        struct sent *sent = expect_peer(&h);
        assert_int_equal(sent->checksum, MNET_CHECKSUM_PLAIN);
        memcpy(whole + at, sent->payload, sent->payload_len);
        at += sent->payload_len;
        more = sent->ip.more_fragments;
    }
    assert_int_equal(at, sizeof whole);
    assert_int_equal(mn_checksum(mn_sum_add(pseudo, mn_sum(0, whole, sizeof whole))), 0);
    assert_counted(&h, FRAG_TX, 8);
    ip_host_down(&h);
}

static void fragments_without_room_are_all_refused(void **state)
{
    (void)state;
    struct ip_host h;
    up_knowing_peer(&h, 576);
    for (int i = 0; i < MN_IP_TRANSMIT_MAX - 3; i++)
        send_any(&h);
    assert_int_equal(send_packet(&h, .packet = make_packet(&h, 2000, 0)), MNET_E_NO_MEMORY);
    assert_counted(&h, FRAG_TX, 0);
    assert_int_equal(discard_sent(&h), MN_IP_TRANSMIT_MAX - 3);
    ip_host_down(&h);
}

/* Without memory everything is dropped and counted, and nothing breaks. */
static void memory_used_up_drops_and_recovers(void **state)
{
    (void)state;
    struct ip_host h;
    struct mnet_packet *hoard = NULL, *packet;
    up_knowing_peer(&h, 576);
    struct mnet_packet *waiting = make_packet(&h, 2000, 0), *stranger = make_packet(&h, 8, 0);
    struct mnet_packet *request = mnet_packet_alloc(h.memory);
    uint8_t *frame = mnet_packet_put(request, MN_ETHERNET_HEADER + MN_ARP_PACKET);
    mn_ethernet_emit(frame, &(struct mn_ethernet){OWN_MAC, OTHER_MAC, MN_ETHERTYPE_ARP});
    mn_arp_emit(frame + MN_ETHERNET_HEADER, &(struct mn_arp){.operation = MN_ARP_REQUEST,
                                                             .sender_mac = OTHER_MAC,
                                                             .sender_ip = IPV4(10, 0, 0, 9),
                                                             .target_ip = OWN_IP});
    while ((packet = mnet_packet_alloc(h.memory)) != NULL) {
        packet->next = hoard;
        hoard = packet;
    }
    assert_int_equal(send_packet(&h, .packet = waiting), MNET_E_NO_MEMORY);
    assert_counted(&h, TX_DROP_MEMORY, 1);
    while ((packet = mnet_packet_alloc(h.memory)) != NULL) { /* the memory that this gave back */
        packet->next = hoard;
        hoard = packet;
    }
    assert_int_equal(mn_ip_input(&h.ip, &request, h.now, &h.datagram, &h.error), MN_IP_CONSUMED);
    assert_counted(&h, TX_DROP_MEMORY, 2);
    assert_int_equal(send_packet(&h, .destination = IPV4(10, 0, 0, 9), .packet = stranger), 0);
    while ((packet = hoard) != NULL) {
        hoard = packet->next;
        mnet_packet_free(packet);
    }
    discard_sent(&h);
    assert_int_equal(send_any(&h), 0);
    expect_peer(&h);
    ip_host_down(&h);
}

/* Attack 16: no identification is repeated within a period, and none reveals the next one. */
static void identifications_never_repeat_and_follow_no_step(void **state)
{
    (void)state;
    static uint8_t seen[65536];
    struct ip_host h;
    up_knowing_peer(&h, HOST_MTU);
    memset(seen, 0, sizeof seen);
    unsigned small_steps = 0;
    uint16_t before = 0;
    for (unsigned i = 0; i < 65536; i++) {
        assert_int_equal(send_any(&h), 0);
        uint16_t identification = expect_peer(&h)->ip.identification;
        assert_int_equal(seen[identification]++, 0);
        small_steps += (uint16_t)(identification - before) < 256;
        before = identification;
        if (i % 1000 == 0)
            know(&h, PEER_IP, PEER_MAC);
    }
    assert_true(small_steps < 600); /* 256 by chance */
    ip_host_down(&h);
}

static void first_identifications_differ_between_seeds(void **state)
{
    (void)state;
    uint16_t first[2];
    for (int i = 0; i < 2; i++) {
        struct ip_host h;
        struct mn_ip_config config = ip_host_config(&h);
        assert_int_equal(ip_host_start(&h, &config), 0);
        mn_ip_deinit(&h.ip);
        config.memory = h.memory;
        for (int n = 0; n < i; n++)
            mn_random_u64(&h.random);
        assert_int_equal(mn_ip_init(&h.ip, &config), 0);
        discard_sent(&h);
        know(&h, PEER_IP, PEER_MAC);
        send_any(&h);
        first[i] = expect_peer(&h)->ip.identification;
        ip_host_down(&h);
    }
    assert_int_not_equal(first[0], first[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packet_gets_the_header_asked_for),
        cmocka_unit_test(no_route_is_unreachable_at_once),
        cmocka_unit_test(path_tells_source_and_mtu),
        cmocka_unit_test(own_and_broadcast_addresses_are_known),
        cmocka_unit_test(foreign_source_is_refused),
        cmocka_unit_test(packet_to_own_address_goes_round),
        cmocka_unit_test(loopback_queue_is_bounded),
        cmocka_unit_test(transmit_queue_is_bounded),
        cmocka_unit_test(too_big_with_dont_fragment_is_refused),
        cmocka_unit_test(large_packet_passes_untouched),
        cmocka_unit_test(fragments_cover_the_packet_at_any_mtu),
        cmocka_unit_test(fragments_of_an_unfinished_checksum_carry_it_complete),
        cmocka_unit_test(fragments_without_room_are_all_refused),
        cmocka_unit_test(memory_used_up_drops_and_recovers),
        cmocka_unit_test(identifications_never_repeat_and_follow_no_step),
        cmocka_unit_test(first_identifications_differ_between_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
