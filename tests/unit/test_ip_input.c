/* Received IPv4: the checks of a frame, and its receiver (RFC 791, RFC 1122 3.2.1). */
#include "tests/support/ip_host.h"

static void expect_delivered(struct ip_host *h, const void *payload, size_t len)
{
    uint8_t bytes[2000];
    assert_int_equal(h->packet->total, len);
    mnet_packet_copy_out(h->packet, 0, bytes, len);
    assert_memory_equal(bytes, payload, len);
}

static void datagram_for_us_is_delivered_and_described(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    assert_int_equal(receive_ip(&h, .ttl = 7, .traffic_class = 0xb9, .dont_fragment = true), MN_IP_TRANSPORT);
    expect_delivered(&h, "12345678", 8);
    assert_int_equal(mnet_address_to_ipv4(h.datagram.source), PEER_IP);
    assert_int_equal(mnet_address_to_ipv4(h.datagram.destination), OWN_IP);
    assert_int_equal(h.datagram.protocol, MN_PROTOCOL_UDP);
    assert_int_equal(h.datagram.ttl, 7);
    assert_int_equal(h.datagram.traffic_class, 0xb9);
    assert_int_equal(h.datagram.header_len, MN_IPV4_HEADER);
    assert_true(h.datagram.dont_fragment);
    assert_false(h.datagram.not_unicast);
    assert_int_equal(h.packet->data[-MN_IPV4_HEADER], 0x45);
    assert_counted(&h, IP_RX, 1);
    ip_host_down(&h);
}

static void datagram_with_ttl_zero_is_delivered(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    assert_int_equal(receive_ip(&h, .ttl = 0), MN_IP_TRANSPORT); /* RFC 1122 3.2.1.7 */
    ip_host_down(&h);
}

static void datagram_of_any_protocol_is_delivered(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    /* IP in IP is not supported. */
    assert_int_equal(receive_ip(&h, .protocol = 4), MN_IP_TRANSPORT);
    assert_int_equal(h.datagram.protocol, 4);
    ip_host_down(&h);
}

static void link_padding_is_cut_off(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    assert_int_equal(receive_ip(&h, .padding = 18), MN_IP_TRANSPORT);
    expect_delivered(&h, "12345678", 8);
    assert_int_equal(receive_ip(&h, .len = 0, .padding = 26), MN_IP_TRANSPORT);
    assert_int_equal(h.packet->total, 0);
    ip_host_down(&h);
}

/* MUST-50: no option means anything to TCP. */
static void options_are_accepted_and_skipped(void **state)
{
    (void)state;
    static const uint8_t options[] = {1, 1, 7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0, 0, 0, 0};
    struct ip_host h;
    ip_host_up(&h);
    assert_int_equal(receive_ip(&h, .options = options, .options_len = sizeof options), MN_IP_TRANSPORT);
    assert_int_equal(h.datagram.header_len, 36);
    expect_delivered(&h, "12345678", 8);
    ip_host_down(&h);
}

/* Attack 22. */
static void source_routes_are_dropped(void **state)
{
    (void)state;
    static const uint8_t loose[] = {1, 131, 7, 4, 10, 0, 0, 9};
    static const uint8_t strict[] = {1, 137, 7, 4, 10, 0, 0, 9};
    struct ip_host h;
    ip_host_up(&h);
    assert_int_equal(receive_ip(&h, .options = loose, .options_len = sizeof loose), MN_IP_CONSUMED);
    assert_int_equal(receive_ip(&h, .options = strict, .options_len = sizeof strict), MN_IP_CONSUMED);
    assert_counted(&h, IP_DROP_OPTIONS, 2);
    expect_silence(&h);
    ip_host_down(&h);
}

static void malformed_options_are_dropped(void **state)
{
    (void)state;
    static const uint8_t bad[][4] = {{7, 0, 0, 0}, {7, 1, 0, 0}, {7, 5, 0, 0}, {1, 1, 1, 7}};
    struct ip_host h;
    ip_host_up(&h);
    for (size_t i = 0; i < MN_COUNT_OF(bad); i++) {
        assert_int_equal(receive_ip(&h, .options = bad[i], .options_len = 4), MN_IP_CONSUMED);
        assert_counted(&h, IP_DROP_OPTIONS, i + 1);
    }
    ip_host_down(&h);
}

static void frames_for_other_stations_are_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    assert_int_equal(receive_ip(&h, .to = OTHER_MAC), MN_IP_CONSUMED);
    assert_counted(&h, ETH_DROP_NOT_FOR_US, 1);
    ip_host_down(&h);
}

static void frames_of_other_types_are_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    uint8_t frame[60] = {0};
    mn_ethernet_emit(frame, &(struct mn_ethernet){ALL_MAC, PEER_MAC, 0x88cc});
    assert_int_equal(receive_bytes(&h, frame, sizeof frame), MN_IP_CONSUMED);
    assert_counted(&h, ETH_DROP_TYPE, 1);
    ip_host_down(&h);
}

static void receive_tagged(struct ip_host *h, const uint8_t *frame, size_t len, uint16_t tag, unsigned times)
{
    uint8_t tagged[200];
    memcpy(tagged, frame, 12);
    for (unsigned i = 0; i < times; i++)
        memcpy(tagged + 12 + (size_t)4 * i, (const uint8_t[]){0x81, 0, (uint8_t)(tag >> 8), (uint8_t)tag}, 4);
    memcpy(tagged + 12 + (size_t)4 * times, frame + 12, len - 12);
    receive_bytes(h, tagged, len + (size_t)4 * times);
}

/* IEEE 802.1Q: a tag with the identifier 0 gives a priority, and no VLAN. */
static void priority_tagged_frames_are_of_the_untagged_network(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    uint8_t frame[150], arp[42], body[20];
    size_t ping = build_icmp(body, MN_ICMPV4_ECHO, 0, 1, 2, "1234", 4);
    size_t len = build_ip_line(frame, IP_LINE(.protocol = MN_PROTOCOL_ICMP, .payload = body, .len = ping));
    mn_ethernet_emit(arp, &(struct mn_ethernet){ALL_MAC, PEER_MAC, MN_ETHERTYPE_ARP});
    mn_arp_emit(arp + 14,
                &(struct mn_arp){
                    .operation = MN_ARP_REQUEST, .sender_mac = PEER_MAC, .sender_ip = PEER_IP, .target_ip = OWN_IP});
    for (unsigned times = 1; times <= 2; times++) {
        receive_tagged(&h, arp, sizeof arp, 0xe000, times);
        expect_arp(&h, MN_ARP_REPLY, PEER_MAC, OWN_IP, PEER_IP);
        receive_tagged(&h, frame, len, 0xa000, times);
        expect_ip(&h, PEER_MAC, PEER_IP, MN_PROTOCOL_ICMP);
    }
    assert_counted(&h, ETH_DROP_TYPE, 0);
    receive_tagged(&h, frame, len, 0xa001, 1); /* a VLAN of others */
    receive_tagged(&h, arp, sizeof arp, 0x0fff, 1);
    assert_counted(&h, ETH_DROP_TYPE, 2);
    expect_silence(&h);
    ip_host_down(&h);
}

static void addresses_of_other_hosts_are_dropped(void **state)
{
    (void)state;
    static const uint32_t others[] = {PEER_IP, FAR_IP, IPV4(224, 0, 0, 2), IPV4(127, 0, 0, 1), IPV4(10, 0, 1, 255), 0};
    struct ip_host h;
    ip_host_up(&h);
    for (size_t i = 0; i < MN_COUNT_OF(others); i++) {
        assert_int_equal(receive_ip(&h, .source = GATEWAY_IP, .destination = others[i]), MN_IP_CONSUMED);
        assert_counted(&h, IP_DROP_NOT_FOR_US, i + 1);
    }
    expect_silence(&h);
    ip_host_down(&h);
}

/* RFC 1122 3.2.1.3. With the own address as source it is the LAND attack. */
static void martian_sources_are_dropped(void **state)
{
    (void)state;
    static const uint32_t martians[] = {0,
                                        IPV4(0, 1, 2, 3),
                                        IPV4(127, 0, 0, 1),
                                        IPV4(224, 0, 0, 1),
                                        IPV4(239, 255, 255, 255),
                                        IPV4(240, 0, 0, 1),
                                        IPV4(255, 255, 255, 254),
                                        ALL_BROADCAST,
                                        NETWORK_BROADCAST,
                                        OWN_IP};
    struct ip_host h;
    ip_host_up(&h);
    for (size_t i = 0; i < MN_COUNT_OF(martians); i++) {
        assert_int_equal(receive_ip(&h, .source = martians[i]), MN_IP_CONSUMED);
        assert_counted(&h, IP_DROP_SOURCE, i + 1);
    }
    expect_silence(&h);
    ip_host_down(&h);
}

static void broadcast_and_link_broadcast_are_marked(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    assert_int_equal(receive_ip(&h, .to = ALL_MAC, .destination = ALL_BROADCAST), MN_IP_TRANSPORT);
    assert_true(h.datagram.not_unicast);
    assert_int_equal(receive_ip(&h, .to = ALL_MAC, .destination = NETWORK_BROADCAST), MN_IP_TRANSPORT);
    assert_true(h.datagram.not_unicast);
    assert_int_equal(receive_ip(&h, .destination = NETWORK_BROADCAST), MN_IP_TRANSPORT);
    assert_true(h.datagram.not_unicast);
    assert_int_equal(receive_ip(&h, .to = ALL_MAC), MN_IP_TRANSPORT);
    assert_true(h.datagram.not_unicast);
    assert_int_equal(receive_ip(&h, .to = {{1, 0, 0x5e, 0, 0, 1}}), MN_IP_TRANSPORT);
    assert_true(h.datagram.not_unicast);
    ip_host_down(&h);
}

static void unfinished_checksum_of_a_device_counts_as_verified(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    uint8_t frame[64];
    size_t len = build_ip_line(frame, IP_LINE(.protocol = MN_PROTOCOL_TCP));
    struct mnet_packet *packet = mnet_packet_alloc(h.memory);
    memcpy(mnet_packet_put(packet, len), frame, len);
    packet->checksum = MNET_CHECKSUM_PARTIAL;
    packet->csum_start = MN_ETHERNET_HEADER + MN_IPV4_HEADER;
    packet->csum_offset = 16;
    assert_int_equal(mn_ip_input(&h.ip, &packet, h.now, &h.datagram, &h.error), MN_IP_TRANSPORT);
    assert_int_equal(packet->checksum, MNET_CHECKSUM_VERIFIED);
    mnet_packet_free(packet);
    ip_host_down(&h);
}

/* Attacks 1 and 2: every false length is detected, and counted for its reason. */
static void lying_lengths_are_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    uint8_t frame[64];
    size_t len = build_ip_line(frame, IP_LINE(.len = 0));
    uint8_t *header = frame + MN_ETHERNET_HEADER;
    for (unsigned ihl = 0; ihl < 16; ihl++)
        for (unsigned total = 0; total < 80; total++) {
            header[0] = (uint8_t)(0x40 | ihl);
            header[2] = 0;
            header[3] = (uint8_t)total;
            memset(header + 10, 0, 2);
            uint16_t checksum = mn_checksum(mn_sum(0, header, MN_IPV4_HEADER));
            memcpy(header + 10, &checksum, 2);
            bool right = ihl == 5 && total == 20;
            assert_int_equal(receive_bytes(&h, frame, len), right ? MN_IP_TRANSPORT : MN_IP_CONSUMED);
        }
    assert_int_equal(counted(&h, IP_DROP_HEADER) + counted(&h, IP_DROP_TRUNCATED) + counted(&h, IP_DROP_OPTIONS) +
                         counted(&h, IP_DROP_CHECKSUM),
                     16 * 80 - 1);
    assert_counted(&h, IP_RX, 16 * 80);
    expect_silence(&h);
    ip_host_down(&h);
}

static void wrong_version_and_checksum_are_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    uint8_t frame[64];
    size_t len = build_ip_line(frame, IP_LINE());
    frame[MN_ETHERNET_HEADER + 8] ^= 1;
    assert_int_equal(receive_bytes(&h, frame, len), MN_IP_CONSUMED);
    assert_counted(&h, IP_DROP_CHECKSUM, 1);
    len = build_ip_line(frame, IP_LINE());
    frame[MN_ETHERNET_HEADER] = 0x65;
    assert_int_equal(receive_bytes(&h, frame, len), MN_IP_CONSUMED);
    assert_counted(&h, IP_DROP_HEADER, 1);
    ip_host_down(&h);
}

/* Returns whether the frame was taken as one that is like the last. */
static bool repeats(struct ip_host *h, const uint8_t *frame, size_t len, enum mn_ip_verdict expected)
{
    assert_int_equal(receive_bytes(h, frame, len), expected);
    return h->repeated;
}

/* The short way for frames like the last one believes no length and no checksum of them. */
static void frame_like_the_last_one_is_judged_like_it(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    uint8_t frame[64];
    uint8_t *header = frame + MN_ETHERNET_HEADER;
    size_t len = build_ip_line(frame, IP_LINE());
    assert_false(repeats(&h, frame, len, MN_IP_TRANSPORT));
    assert_true(repeats(&h, frame, len, MN_IP_TRANSPORT));
    expect_delivered(&h, "12345678", 8);
    assert_int_equal(mnet_address_to_ipv4(h.datagram.source), PEER_IP);
    assert_int_equal(h.datagram.header_len, MN_IPV4_HEADER);
    len = build_ip_line(frame, IP_LINE(.len = 4));
    assert_true(repeats(&h, frame, len, MN_IP_TRANSPORT));
    expect_delivered(&h, "1234", 4);
    header[10] ^= 1; /* the checksum */
    assert_false(repeats(&h, frame, len, MN_IP_CONSUMED));
    assert_counted(&h, IP_DROP_CHECKSUM, 1);
    len = build_ip_line(frame, IP_LINE());
    assert_false(repeats(&h, frame, len - 1, MN_IP_CONSUMED));
    assert_counted(&h, IP_DROP_TRUNCATED, 1);
    len = build_ip_line(frame, IP_LINE(.padding = 10));
    assert_false(repeats(&h, frame, len, MN_IP_TRANSPORT));
    expect_delivered(&h, "12345678", 8);
    for (size_t i = 0; i < MN_ETHERNET_HEADER + MN_IPV4_HEADER; i++) {
        bool identification = i >= MN_ETHERNET_HEADER + 4 && i < MN_ETHERNET_HEADER + 6;
        bool summed_anew = i >= MN_ETHERNET_HEADER + 10 && i < MN_ETHERNET_HEADER + 12;
        len = build_ip_line(frame, IP_LINE());
        frame[i] ^= 0x10;
        memset(header + 10, 0, 2);
        uint16_t checksum = mn_checksum(mn_sum(0, header, MN_IPV4_HEADER));
        memcpy(header + 10, &checksum, 2);
        receive_bytes(&h, frame, len);
        assert_int_equal(h.repeated, identification || summed_anew);
        len = build_ip_line(frame, IP_LINE());
        receive_bytes(&h, frame, len);
    }
    assert_true(repeats(&h, frame, len, MN_IP_TRANSPORT));
    mn_ip_unconfigure(&h.ip);
    uint64_t before = counted(&h, IP_DROP_NOT_FOR_US);
    assert_false(repeats(&h, frame, len, MN_IP_CONSUMED));
    assert_counted(&h, IP_DROP_NOT_FOR_US, before + 1);
    ip_host_down(&h);
}

static void truncated_at_every_byte_is_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    ip_host_up(&h);
    uint8_t frame[64];
    size_t full = build_ip_line(frame, IP_LINE());
    for (size_t len = 0; len < full; len++)
        assert_int_equal(receive_bytes(&h, frame, len), MN_IP_CONSUMED);
    assert_counted(&h, ETH_DROP_RUNT, MN_ETHERNET_HEADER);
    assert_counted(&h, IP_DROP_TRUNCATED, full - MN_ETHERNET_HEADER);
    assert_int_equal(receive_bytes(&h, frame, full), MN_IP_TRANSPORT);
    ip_host_down(&h);
}

static void host_without_address_takes_nothing(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_config config = ip_host_config(&h);
    config.user.ipv4 = (struct mnet_prefix){0};
    config.user.ipv4_gateway = MNET_ADDRESS_ANY;
    assert_int_equal(ip_host_start(&h, &config), 0);
    assert_int_equal(receive_any(&h), MN_IP_CONSUMED);
    assert_int_equal(receive_ip(&h, .destination = ALL_BROADCAST), MN_IP_CONSUMED);
    receive_arp(&h, .operation = MN_ARP_REQUEST, .sender_ip = PEER_IP, .target_ip = OWN_IP);
    receive_arp(&h, .operation = MN_ARP_REQUEST, .sender_ip = PEER_IP, .target_ip = 0);
    assert_int_equal(send_any(&h), MNET_E_UNREACHABLE);
    expect_silence(&h);
    ip_host_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagram_for_us_is_delivered_and_described),
        cmocka_unit_test(datagram_with_ttl_zero_is_delivered),
        cmocka_unit_test(datagram_of_any_protocol_is_delivered),
        cmocka_unit_test(link_padding_is_cut_off),
        cmocka_unit_test(options_are_accepted_and_skipped),
        cmocka_unit_test(source_routes_are_dropped),
        cmocka_unit_test(malformed_options_are_dropped),
        cmocka_unit_test(frames_for_other_stations_are_dropped),
        cmocka_unit_test(frames_of_other_types_are_dropped),
        cmocka_unit_test(priority_tagged_frames_are_of_the_untagged_network),
        cmocka_unit_test(addresses_of_other_hosts_are_dropped),
        cmocka_unit_test(martian_sources_are_dropped),
        cmocka_unit_test(broadcast_and_link_broadcast_are_marked),
        cmocka_unit_test(unfinished_checksum_of_a_device_counts_as_verified),
        cmocka_unit_test(lying_lengths_are_dropped),
        cmocka_unit_test(wrong_version_and_checksum_are_dropped),
        cmocka_unit_test(frame_like_the_last_one_is_judged_like_it),
        cmocka_unit_test(truncated_at_every_byte_is_dropped),
        cmocka_unit_test(host_without_address_takes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
