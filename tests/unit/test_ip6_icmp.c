/* ICMPv6, rule by rule (RFC 4443): errors that are sent and those that are not, errors received,
 * echo; and the extension headers that go with them (RFC 8200 4, 8). */
#include "tests/support/ip6_host.h"

#include "ip/ping.h"

static uint8_t bytes[65536];

static void start(struct ip_host *h)
{
    ip6_host_up(h);
    know6(h, PEER6, PEER_MAC);
    fill_pattern(bytes, sizeof bytes, 0);
}

/* Expects an error for the peer from OWN6. Returns the value behind its checksum. */
static uint32_t expect_error(struct ip_host *h, uint8_t type, uint8_t code)
{
    struct sent6 *sent = expect_icmp6(h, PEER6, type, code);
    struct mn_icmpv6 message;
    assert_int_equal(mn_icmpv6_parse(sent->payload, sent->payload_len, &message), MN_PARSE_OK);
    assert_address6(sent->ip.source, OWN6);
    return message.value;
}

/* ---- Errors sent ---- */

/* Receives a datagram for a UDP port that nobody has, if it gets so far. */
static void receive_for_closed_port_line(struct ip_host *h, struct ip6_line line)
{
    if (receive_ip6_line(h, line) == MN_IP_TRANSPORT)
        mn_ip_send_unreachable(&h->ip, h->packet, &h->datagram, MN_UNREACHABLE_PORT, h->now);
}
#define receive_for_closed_port(h, ...) receive_for_closed_port_line(h, IP6_LINE(__VA_ARGS__))

/* ICMP6-3.1-3, ICMP6-3.1-4: the field behind the checksum is zero. */
static void datagram_to_a_closed_port_is_reported(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h);
    receive_for_closed_port(&h, .flow_label = 1);
    assert_int_equal(expect_error(&h, MN_ICMPV6_UNREACHABLE, MN_ICMPV6_PORT_UNREACHABLE), 0);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ICMP6-3.1-5: over both families */
static void unreachable_can_be_switched_off(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ip_config config = ip6_host_config(&h);
    config.user.no_unreachable = true;
    assert_int_equal(ip_host_start(&h, &config), 0);
    pass_ms(&h, 3000);
    discard_sent6(&h);
    know6(&h, PEER6, PEER_MAC);
    receive_for_closed_port(&h);
    expect_silence(&h);
    receive_ip6(&h, .protocol = 253); /* other errors are sent */
    expect_error(&h, MN_ICMPV6_PARAMETER_PROBLEM, 1);
    ip_host_down(&h);
    config = ip_host_config(&h);
    config.user.no_unreachable = true;
    assert_int_equal(ip_host_start(&h, &config), 0);
    pass_ms(&h, 3000);
    discard_sent(&h);
    know(&h, PEER_IP, PEER_MAC);
    assert_int_equal(receive_any(&h), MN_IP_TRANSPORT);
    mn_ip_send_unreachable(&h.ip, h.packet, &h.datagram, MN_UNREACHABLE_PORT, h.now);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ICMP6-2.4e.3-1, ICMP6-2.4e.4-1, ICMP6-2.4e.5-1, ICMP6-2.4e.6-1, ICMP6-2.4-1, N6-5.8-1: no error
 * about a packet to several hosts, or from no single one; but for options that ask for one. */
static void packets_to_or_from_many_are_not_answered(void **state)
{
    (void)state;
    const struct mn_mac group_mac = {{0x33, 0x33, 0, 0, 0, 1}};
    const struct ip6_line lines[] = {
        IP6_LINE(.destination = mn_ipv6_all_nodes, .to = group_mac),
        IP6_LINE(.destination = mn_ipv6_all_nodes),
        IP6_LINE(.to = group_mac),
        IP6_LINE(.to = ALL_MAC),
    };
    const struct mnet_address nobody[] = {NONE6, ADDRESS6(0xff02, 0, 0, 5), ADDRESS6(0xff0e, 0, 0, 5)};
    static const uint8_t option[8] = {MN_PROTOCOL_UDP, 0, 0x9e, 4};
    struct ip_host h;
    start(&h);
    for (size_t i = 0; i < MN_COUNT_OF(lines); i++) {
        struct ip6_line line = lines[i];
        receive_for_closed_port_line(&h, line);
        line.protocol = 253;
        receive_ip6_line(&h, line);
        expect_silence(&h);
        line.protocol = MN_IPV6_DESTINATION_OPTIONS;
        line.payload = option;
        receive_ip6_line(&h, line);
        assert_int_equal(expect_error(&h, MN_ICMPV6_PARAMETER_PROBLEM, 2), MN_IPV6_HEADER + 2);
    }
    for (size_t i = 0; i < MN_COUNT_OF(nobody); i++) {
        receive_for_closed_port(&h, .source = nobody[i]);
        receive_ip6(&h, .source = nobody[i], .protocol = 253);
        receive_ip6(&h, .source = nobody[i], .protocol = MN_IPV6_DESTINATION_OPTIONS, .payload = option);
    }
    assert_counted(&h, ICMP_ERRORS_TX, MN_COUNT_OF(lines));
    expect_silence(&h);
    ip_host_down(&h);
}

/* The errors that a flood of 1000 bad packets gets at once. */
static unsigned answers_to_a_flood(struct ip_host *h)
{
    static struct sent6 sent;
    unsigned count = 0;
    for (unsigned i = 0; i < 1000; i++) {
        receive_ip6(h, .protocol = 253);
        while (take_sent6(h, &sent))
            count++;
    }
    return count;
}

/* ICMP6-2.4f-1, ICMP6-2.4f-2, N6-5.8-1: a token bucket that fills as fast as the configuration
 * says, so that some errors in a row are sent, and never more in the long run. */
static void errors_are_sent_at_the_rate_of_the_configuration(void **state)
{
    (void)state;
    static const unsigned rates[] = {1, 2, 10, 200, 10000};
    for (size_t i = 0; i < MN_COUNT_OF(rates); i++) {
        struct ip_host h;
        struct mn_ip_config config = ip6_host_config(&h);
        config.user.icmp_errors_per_s = rates[i];
        assert_int_equal(ip_host_start(&h, &config), 0);
        pass_ms(&h, 3000);
        discard_sent6(&h);
        know6(&h, PEER6, PEER_MAC);
        unsigned burst = answers_to_a_flood(&h), later = 0;
        assert_in_range(burst, MN_MIN(MN_MAX(rates[i] / 8, 1u), 1000u), MN_MAX(rates[i] / 2, 8u));
        for (unsigned tenths = 0; tenths < 100; tenths++) { /* the neighbour stays known */
            pass_ms(&h, 100);
            later += answers_to_a_flood(&h);
        }
        unsigned wanted = MN_MIN(rates[i] * 10, 100000u);
        assert_in_range(later, wanted * 7 / 10, wanted * 13 / 10 + 4);
        ip_host_down(&h);
    }
}

/* ICMP6-3.1-2: what is dropped for want of memory is dropped in silence. */
static void want_of_memory_is_not_reported(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h);
    struct mnet_packet *hoard = hoard_memory(&h);
    struct mnet_packet *packet = hoard;
    hoard = packet->next;
    packet->next = NULL;
    mnet_packet_free(packet);
    for (uint8_t i = 0; i < 2; i++) {
        const struct mn_ipv6_fragment fragment = {i, 0, MN_PROTOCOL_UDP, true};
        mn_ipv6_fragment_emit(bytes, &fragment);
        receive_ip6(&h, .protocol = MN_IPV6_FRAGMENT, .payload = bytes, .len = 808);
    }
    assert_true(counted(&h, FRAG_DROP_LIMIT) > 0);
    free_hoard(hoard);
    expect_silence(&h);
    ip_host_down(&h);
}

/* ICMP6-3.1-1: a neighbour that does not answer is an error of the host itself, for its transport.
 */
static void neighbour_that_does_not_answer_is_told_to_the_transport(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_icmp_error error;
    start(&h);
    struct mnet_address nobody = ADDRESS6(0x2001, 0xdb8, 0, 0x77);
    assert_int_equal(send6(&h, nobody, 20), 0);
    pass_ms(&h, 3000);
    struct mnet_packet *packet = mn_ip_take_error(&h.ip, &error);
    assert_non_null(packet);
    assert_int_equal(error.reason, MN_UNREACHABLE_NEIGHBOUR);
    assert_address6(error.remote, nobody);
    assert_int_equal(error.protocol, MN_PROTOCOL_UDP);
    mnet_packet_free(packet);
    discard_sent6(&h);
    ip_host_down(&h);
}

/* ICMP6-3.4-1: faults of the fixed header, or of one behind it, end a packet. IP6-4-3 and others
 * say which code each has. */
static void faulty_headers_end_the_packet(void **state)
{
    (void)state;
    static const struct {
        uint8_t protocol, payload[16], code, pointer;
    } rows[] = {
        {253, {0}, 1, 6},
        {MN_IPV6_ROUTING, {MN_PROTOCOL_UDP, 0, 0, 1}, 0, 42},
        {MN_IPV6_DESTINATION_OPTIONS, {MN_PROTOCOL_UDP, 0, 0x9e, 4}, 2, 42},
        {MN_IPV6_DESTINATION_OPTIONS, {MN_IPV6_HOP_BY_HOP, 0, 1, 4}, 1, 40},
        {MN_IPV6_HOP_BY_HOP, {254, 0, 1, 4}, 1, 40},
    };
    struct ip_host h;
    start(&h);
    for (size_t i = 0; i < MN_COUNT_OF(rows); i++) {
        assert_int_equal(receive_ip6(&h, .protocol = rows[i].protocol, .payload = rows[i].payload, .len = 16),
                         MN_IP_CONSUMED);
        assert_int_equal(expect_error(&h, MN_ICMPV6_PARAMETER_PROBLEM, rows[i].code), rows[i].pointer);
    }
    expect_silence(&h);
    ip_host_down(&h);
}

/* ICMP6-3.4-2: the pointer counts from the beginning of the packet, also if the octet is behind the
 * part that is quoted. */
static void pointer_may_lie_beyond_the_quote(void **state)
{
    (void)state;
    static uint8_t payload[1440] = {MN_PROTOCOL_UDP, 1440 / 8 - 1};
    size_t at = 2;
    for (int i = 0; i < 5; i++, at += 257) {
        payload[at] = 0x1e; /* unknown, to be passed over */
        payload[at + 1] = 255;
    }
    payload[at] = 0x9e;
    payload[at + 1] = (uint8_t)(sizeof payload - at - 2);
    struct ip_host h;
    start(&h);
    receive_ip6(&h, .protocol = MN_IPV6_DESTINATION_OPTIONS, .payload = payload, .len = sizeof payload);
    struct sent6 *sent = expect_icmp6(&h, PEER6, MN_ICMPV6_PARAMETER_PROBLEM, 2);
    struct mn_icmpv6 message;
    assert_int_equal(mn_icmpv6_parse(sent->payload, sent->payload_len, &message), MN_PARSE_OK);
    assert_int_equal(message.value, MN_IPV6_HEADER + at);
    assert_true(message.value > sent->payload_len - MN_ICMPV6_HEADER);
    assert_int_equal(sent->len - MN_ETHERNET_HEADER, MN_IPV6_MTU_MIN);
    ip_host_down(&h);
}

/* ---- Errors received ---- */

/* Receives an error about a packet of ours to FAR6. */
static enum mn_ip_verdict receive_error(struct ip_host *h, uint8_t type, uint8_t code, uint32_t value)
{
    uint8_t message[MN_ICMPV6_HEADER + MN_IPV6_HEADER + 20] = {0};
    mn_icmpv6_emit(message, &(struct mn_icmpv6){type, code, value}, 0);
    mn_ipv6_emit(
        message + MN_ICMPV6_HEADER,
        &(struct mn_ipv6){
            .source = OWN6, .destination = FAR6, .payload_len = 1400, .next_header = MN_PROTOCOL_TCP, .hop_limit = 60});
    memcpy(message + MN_ICMPV6_HEADER + MN_IPV6_HEADER, "transport", 9);
    return receive_icmp6(h, .source = GATEWAY6, .payload = message, .len = sizeof message);
}

/* ICMP6-2.1-2, ICMP6-3.2-2, ZONE-9-1, N6-5.7.1-3: errors of all types quote behind the same four
 * octets, and reach the transport. */
static void errors_of_any_type_reach_the_transport(void **state)
{
    (void)state;
    static const struct {
        uint8_t type, code;
        uint32_t value;
        enum mn_unreachable reason;
    } rows[] = {
        {MN_ICMPV6_PACKET_TOO_BIG, 0, 1400, MN_UNREACHABLE_TOO_BIG},
        {MN_ICMPV6_UNREACHABLE, MN_ICMPV6_BEYOND_SCOPE, 0, MN_UNREACHABLE_NETWORK},
        {100, 0, 0xffffffff, MN_UNREACHABLE_NETWORK},
        {127, 9, 7, MN_UNREACHABLE_NETWORK},
    };
    struct ip_host h;
    start(&h);
    for (size_t i = 0; i < MN_COUNT_OF(rows); i++) {
        assert_int_equal(receive_error(&h, rows[i].type, rows[i].code, rows[i].value), MN_IP_ERROR);
        assert_int_equal(h.error.reason, rows[i].reason);
        assert_address6(h.error.remote, FAR6);
        assert_memory_equal(h.error.quote, "transport", 9);
    }
    assert_int_equal(h.error.mtu, 0);
    ip_host_down(&h);
}

/* ICMP6-2.4b-1, MLD2-5-2: messages of unknown types, and those for routers. */
static void unknown_messages_are_dropped_in_silence(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h);
    uint8_t message[64] = {0};
    unsigned unknown = 0;
    for (unsigned type = MN_ICMPV6_REDIRECT + 1; type < 256; type++) {
        message[0] = (uint8_t)type;
        if (type == MN_ICMPV6_MLD2_REPORT)
            continue;
        assert_int_equal(receive_icmp6(&h, .payload = message, .len = sizeof message), MN_IP_CONSUMED);
        assert_counted(&h, ICMP_DROP_IGNORED, ++unknown);
    }
    expect_silence(&h);
    ip_host_down(&h);
}

/* ---- Echo ---- */

/* Builds a request of `len` octets from PEER6. */
static void build_echo(uint8_t *to, size_t len, struct mnet_address destination)
{
    const struct mnet_address source = PEER6;
    fill_pattern(to, len, 3);
    to[0] = MN_ICMPV6_ECHO;
    to[1] = 0;
    mn_icmpv6_set_checksum(to, len, &source, &destination);
}

/* Expects the reply to a request in one packet. */
static void expect_reply(struct ip_host *h, const uint8_t *request, size_t len)
{
    struct sent6 *sent = expect_icmp6(h, PEER6, MN_ICMPV6_ECHO_REPLY, 0);
    assert_address6(sent->ip.source, OWN6);
    assert_int_equal(sent->payload_len, len);
    assert_memory_equal(sent->payload + 4, request + 4, len - 4);
    expect_silence(h);
}

/* IP6-3-3, IP6-5-2, ICMP6-4.2-1, ICMP6-4.2-2, FLOW-2-1: at its destination a packet lives, whatever
 * its hop limit and label, and up to the link's MTU. A request to a group is answered from an
 * address. */
static void echo_is_answered_from_the_address_asked(void **state)
{
    (void)state;
    static const size_t lens[] = {8, 9, 60, 1460};
    struct ip_host h;
    start(&h);
    for (size_t i = 0; i < MN_COUNT_OF(lens); i++)
        for (uint8_t hop_limit = 0; hop_limit < 3; hop_limit++) {
            build_echo(bytes, lens[i], OWN6);
            receive_ip6(&h, .protocol = MN_PROTOCOL_ICMPV6, .payload = bytes, .len = lens[i], .hop_limit = hop_limit,
                        .flow_label = hop_limit * 0x7ffffu);
            expect_reply(&h, bytes, lens[i]);
            build_echo(bytes, lens[i], mn_ipv6_all_nodes);
            receive_ip6(&h, .destination = mn_ipv6_all_nodes, .protocol = MN_PROTOCOL_ICMPV6, .payload = bytes,
                        .len = lens[i], .hop_limit = hop_limit);
            expect_reply(&h, bytes, lens[i]);
        }
    ip_host_down(&h);
}

/* ICMP6-4.2-3: a request that came in fragments comes back in fragments, byte for byte. */
static void large_echo_comes_back_whole(void **state)
{
    (void)state;
    static const size_t lens[] = {1461, 3000, 20000};
    static uint8_t request[20000], piece[1500];
    struct ip_host h;
    start(&h);
    for (size_t i = 0; i < MN_COUNT_OF(lens); i++) {
        build_echo(request, lens[i], OWN6);
        for (size_t at = 0; at < lens[i]; at += 1200) {
            size_t len = MN_MIN(lens[i] - at, (size_t)1200);
            mn_ipv6_fragment_emit(
                piece, &(struct mn_ipv6_fragment){(uint32_t)i, (uint16_t)at, MN_PROTOCOL_ICMPV6, at + len < lens[i]});
            memcpy(piece + MN_IPV6_FRAGMENT_HEADER, request + at, len);
            receive_ip6(&h, .protocol = MN_IPV6_FRAGMENT, .payload = piece, .len = MN_IPV6_FRAGMENT_HEADER + len);
        }
        size_t got = 0;
        while (got < lens[i]) {
            struct sent6 *sent = expect_ip6(&h, PEER_MAC, PEER6, MN_IPV6_FRAGMENT);
            size_t len = sent->payload_len - MN_IPV6_FRAGMENT_HEADER;
            memcpy(bytes + got, sent->payload + MN_IPV6_FRAGMENT_HEADER, len);
            got += len;
        }
        assert_int_equal(bytes[0], MN_ICMPV6_ECHO_REPLY);
        assert_memory_equal(bytes + 4, request + 4, lens[i] - 4);
        const struct mnet_address from = OWN6, to = PEER6;
        assert_int_equal(mn_checksum(mn_sum(mn_pseudo_sum(&from, &to, MN_PROTOCOL_ICMPV6, (uint32_t)got), bytes, got)),
                         0);
        expect_silence(&h);
    }
    ip_host_down(&h);
}

/* IP6-4.5-4: beyond a router a reply has the size that every link takes; on the link it has the
 * link's. */
static void large_echo_fits_every_path(void **state)
{
    (void)state;
    static const struct {
        struct mnet_address source;
        size_t len;
        unsigned pieces; /* 1: whole */
    } cases[] = {{FAR6, 1240, 1}, {FAR6, 1241, 2}, {FAR6, 1460, 2}, {PEER6, 1460, 1}};
    struct ip_host h;
    start(&h);
    know6(&h, GATEWAY6, PEER_MAC);
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        build_echo(bytes, cases[i].len, OWN6);
        receive_icmp6(&h, .source = cases[i].source, .payload = bytes, .len = cases[i].len);
        size_t largest = cases[i].pieces == 1 ? 1500 : 1280;
        for (unsigned piece = 0; piece < cases[i].pieces; piece++) {
            struct sent6 *sent = expect_ip6(&h, PEER_MAC, cases[i].source,
                                            cases[i].pieces == 1 ? MN_PROTOCOL_ICMPV6 : MN_IPV6_FRAGMENT);
            assert_true(sent->len <= MN_ETHERNET_HEADER + largest);
        }
        expect_silence(&h);
    }
    ip_host_down(&h);
}

/* IP6-8.1-2, IP6-8.1-3, IP6-8.4-1: headers in front count neither in the length nor the destination
 * of the checksum, and the answer has none of them. */
static void echo_behind_headers_is_answered_without_them(void **state)
{
    (void)state;
    static const struct {
        uint8_t kind, header[24];
        size_t len;
    } rows[] = {
        {MN_IPV6_DESTINATION_OPTIONS, {MN_PROTOCOL_ICMPV6, 0, 1, 4}, 8},
        {MN_IPV6_ROUTING, {MN_PROTOCOL_ICMPV6, 2, 0, 0, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, [23] = 9}, 24},
        {MN_IPV6_ROUTING, {MN_PROTOCOL_ICMPV6, 0, 99, 0}, 8},
    };
    uint8_t packet[64];
    struct ip_host h;
    start(&h);
    for (size_t i = 0; i < MN_COUNT_OF(rows); i++) {
        memcpy(packet, rows[i].header, rows[i].len);
        build_echo(packet + rows[i].len, 32, OWN6);
        receive_ip6(&h, .protocol = rows[i].kind, .payload = packet, .len = rows[i].len + 32);
        expect_reply(&h, packet + rows[i].len, 32);
    }
    ip_host_down(&h);
}

/* ICMP6-4.1-2, ICMP6-4.2-4: a reply counts if it comes from the host that was asked, with the mark
 * of the request and a right checksum, and once. */
static void reply_counts_if_it_is_the_one_that_was_asked_for(void **state)
{
    (void)state;
    struct ip_host h;
    struct mn_ping pings[2];
    start(&h);
    uint8_t replies[2][40];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(mn_ping_begin(&h.ip, &pings[i], PEER6, 32, h.now), 0);
        struct sent6 *sent = expect_icmp6(&h, PEER6, MN_ICMPV6_ECHO, 0);
        assert_int_equal(sent->payload_len, sizeof replies[i]);
        memcpy(replies[i], sent->payload, sizeof replies[i]);
        replies[i][0] = MN_ICMPV6_ECHO_REPLY;
    }
    assert_memory_not_equal(replies[0] + 4, replies[1] + 4, 4);
    pass_ms(&h, 5);
    receive_ip6(&h, .protocol = MN_PROTOCOL_ICMPV6, .payload = replies[0], .len = sizeof replies[0]);
    assert_counted(&h, ICMP_DROP_INVALID, 1);
    receive_icmp6(&h, .source = GATEWAY6, .payload = replies[0], .len = sizeof replies[0]);
    replies[0][7] ^= 1;
    receive_icmp6(&h, .payload = replies[0], .len = sizeof replies[0]);
    assert_counted(&h, ICMP_DROP_IGNORED, 2);
    assert_true(pings[0].answered_ns == MNET_NEVER && pings[1].answered_ns == MNET_NEVER);
    replies[0][7] ^= 1;
    receive_icmp6(&h, .payload = replies[1], .len = sizeof replies[1]);
    assert_true(pings[0].answered_ns == MNET_NEVER && pings[1].answered_ns == h.now);
    receive_icmp6(&h, .payload = replies[1], .len = sizeof replies[1]);
    assert_counted(&h, ICMP_DROP_IGNORED, 3);
    mn_ping_end(&pings[0]);
    mn_ping_end(&pings[1]);
    receive_icmp6(&h, .payload = replies[0], .len = sizeof replies[0]);
    assert_counted(&h, ICMP_DROP_IGNORED, 4);
    expect_silence(&h);
    ip_host_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagram_to_a_closed_port_is_reported),
        cmocka_unit_test(unreachable_can_be_switched_off),
        cmocka_unit_test(packets_to_or_from_many_are_not_answered),
        cmocka_unit_test(errors_are_sent_at_the_rate_of_the_configuration),
        cmocka_unit_test(want_of_memory_is_not_reported),
        cmocka_unit_test(neighbour_that_does_not_answer_is_told_to_the_transport),
        cmocka_unit_test(faulty_headers_end_the_packet),
        cmocka_unit_test(pointer_may_lie_beyond_the_quote),
        cmocka_unit_test(errors_of_any_type_reach_the_transport),
        cmocka_unit_test(unknown_messages_are_dropped_in_silence),
        cmocka_unit_test(echo_is_answered_from_the_address_asked),
        cmocka_unit_test(large_echo_comes_back_whole),
        cmocka_unit_test(large_echo_fits_every_path),
        cmocka_unit_test(echo_behind_headers_is_answered_without_them),
        cmocka_unit_test(reply_counts_if_it_is_the_one_that_was_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
