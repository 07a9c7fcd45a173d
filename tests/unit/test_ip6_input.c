/* Received IPv6 packets: the fixed header, addresses, extension headers, fragments (RFC 8200, RFC
 * 5722, RFC 6946, RFC 7112, RFC 8504 5.3). */
#include "tests/support/ip6_host.h"

static void usual_datagram_reaches_a_transport(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    assert_int_equal(receive_ip6(&h, .traffic_class = 0xb9, .flow_label = 0x12345, .padding = 6), MN_IP_TRANSPORT);
    assert_address6(h.datagram.source, PEER6);
    assert_address6(h.datagram.destination, OWN6);
    assert_int_equal(h.datagram.protocol, MN_PROTOCOL_UDP);
    assert_int_equal(h.datagram.ttl, 64);
    assert_int_equal(h.datagram.traffic_class, 0xb9);
    assert_int_equal(h.datagram.flow_label, 0x12345);
    assert_int_equal(h.datagram.header_len, MN_IPV6_HEADER);
    assert_false(h.datagram.not_unicast);
    assert_int_equal(h.packet->total, 8);
    assert_memory_equal(h.packet->data, "12345678", 8);
    ip_host_down(&h);
}

/* N6-6.1-1; RFC 4291 2.5.3, 2.7: no packet on the link has such a source. */
static void impossible_sources_are_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    receive_ip6(&h, .source = mn_ipv6_all_nodes);
    receive_ip6(&h, .source = ADDRESS6(0, 0, 0, 1));
    receive_ip6(&h, .source = OWN6);
    receive_ip6(&h, .source = NONE6);
    assert_counted(&h, IP_DROP_SOURCE, 4);
    expect_silence(&h);
    ip_host_down(&h);
}

/* RFC 8200 3, N6-5.1-2: a host forwards nothing. */
static void foreign_destinations_are_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    receive_ip6(&h, .destination = FAR6);
    receive_ip6(&h, .destination = ADDRESS6(0, 0, 0, 1)); /* ::1 never comes from the link */
    receive_ip6(&h, .destination = mn_ipv6_all_routers);
    receive_ip6(&h, .destination = mn_ipv6_solicited_node(&FAR6));
    assert_counted(&h, IP_DROP_NOT_FOR_US, 4);
    expect_silence(&h);
    ip_host_down(&h);
}

static void group_of_all_nodes_is_ours(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    assert_int_equal(receive_ip6(&h, .destination = mn_ipv6_all_nodes), MN_IP_TRANSPORT);
    assert_true(h.datagram.not_unicast);
    ip_host_down(&h);
}

static void short_and_foreign_headers_are_dropped(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    uint8_t frame[200];
    size_t len = build_ip6_line(frame, IP6_LINE());
    for (size_t cut = MN_ETHERNET_HEADER; cut < len; cut++)
        assert_int_equal(receive_bytes(&h, frame, cut), MN_IP_CONSUMED);
    assert_counted(&h, IP_DROP_TRUNCATED, len - MN_ETHERNET_HEADER);
    frame[MN_ETHERNET_HEADER] = 0x40;
    receive_bytes(&h, frame, len);
    assert_counted(&h, IP_DROP_HEADER, 1);
    ip_host_down(&h);
}

/* Appends an extension header of `len` bytes of options to `to`. */
static size_t put_options(uint8_t *to, uint8_t next_header, const uint8_t *options, size_t len)
{
    assert_int_equal((len + 2) % 8, 0);
    to[0] = next_header;
    to[1] = (uint8_t)((len + 2) / 8 - 1);
    memcpy(to + 2, options, len);
    return len + 2;
}

static const uint8_t PADDING[] = {1, 4, 0, 0, 0, 0}; /* PadN */

/* N6-5.2-3 */
static void known_extension_headers_are_passed_over(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    uint8_t payload[64];
    size_t len = put_options(payload, MN_IPV6_DESTINATION_OPTIONS, PADDING, sizeof PADDING);
    len += put_options(payload + len, MN_IPV6_ROUTING, PADDING, sizeof PADDING);
    /* No segments left. */
    memcpy(payload + len, ((uint8_t[8]){MN_IPV6_DESTINATION_OPTIONS, 0, 0, 0}), 8);
    len += 8;
    len += put_options(payload + len, MN_PROTOCOL_UDP, PADDING, sizeof PADDING);
    memcpy(payload + len, "12345678", 8);
    assert_int_equal(receive_ip6(&h, .protocol = MN_IPV6_HOP_BY_HOP, .payload = payload, .len = len + 8),
                     MN_IP_TRANSPORT);
    assert_int_equal(h.datagram.protocol, MN_PROTOCOL_UDP);
    assert_int_equal(h.datagram.header_len, MN_IPV6_HEADER + len);
    assert_memory_equal(h.packet->data, "12345678", 8);
    ip_host_down(&h);
}

/* Expects a Parameter Problem for the peer, which is not known yet. */
static void expect_problem(struct ip_host *h, uint8_t code, uint32_t pointer)
{
    struct sent6 *sent = expect_icmp6(h, PEER6, MN_ICMPV6_PARAMETER_PROBLEM, code);
    struct mn_icmpv6 message;
    assert_int_equal(mn_icmpv6_parse(sent->payload, sent->payload_len, &message), MN_PARSE_OK);
    assert_int_equal(message.value, pointer);
    assert_address6(sent->ip.source, OWN6);
    assert_true(sent->len <= MN_ETHERNET_HEADER + MN_IPV6_MTU_MIN);
}

/* N6-5.2-1 */
static void unknown_next_header_is_reported(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    receive_ip6(&h, .protocol = 253);
    expect_problem(&h, 1, 6);
    assert_counted(&h, IP_DROP_PROTOCOL, 1);
    ip_host_down(&h);
}

/* RFC 8200 4.7 */
static void no_next_header_is_dropped_in_silence(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    receive_ip6(&h, .protocol = MN_IPV6_NO_NEXT_HEADER);
    expect_silence(&h);
    ip_host_down(&h);
}

/* N6-5.2-2: the two upper bits of an option's type, to an address of ours and to a group. */
static void unknown_options_act_as_their_types_say(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        bool group, delivered, reported;
    } rows[] = {
        {0x1e, false, true, false}, {0x5e, false, false, false}, {0x9e, false, false, true}, {0xde, false, false, true},
        {0x1e, true, true, false},  {0x5e, true, false, false},  {0x9e, true, false, true},  {0xde, true, false, false},
    };
    for (size_t i = 0; i < MN_COUNT_OF(rows); i++) {
        struct ip_host h;
        ip6_host_up(&h);
        know6(&h, PEER6, PEER_MAC);
        uint8_t payload[16] = {MN_PROTOCOL_UDP, 0, rows[i].type, 4};
        enum mn_ip_verdict verdict = receive_ip6(&h, .destination = rows[i].group ? mn_ipv6_all_nodes : OWN6,
                                                 .protocol = MN_IPV6_DESTINATION_OPTIONS, .payload = payload,
                                                 .len = sizeof payload);
        assert_int_equal(verdict, rows[i].delivered ? MN_IP_TRANSPORT : MN_IP_CONSUMED);
        if (rows[i].reported)
            expect_problem(&h, 2, MN_IPV6_HEADER + 2);
        expect_silence(&h);
        ip_host_down(&h);
    }
}

/* N6-5.2-4, RFC 5095 */
static void routing_header_with_segments_left_is_reported(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    uint8_t payload[32] = {MN_PROTOCOL_UDP, 2, 0, 1};
    receive_ip6(&h, .protocol = MN_IPV6_ROUTING, .payload = payload, .len = sizeof payload);
    expect_problem(&h, 0, MN_IPV6_HEADER + 2);
    ip_host_down(&h);
}

/* RFC 4443 2.4 (e): nothing of these is answered. */
static void errors_about_what_must_not_be_answered_are_not_sent(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    receive_ip6(&h, .source = NONE6, .protocol = 253);
    receive_ip6(&h, .destination = mn_ipv6_all_nodes, .protocol = 253);
    uint8_t payload[16] = {MN_PROTOCOL_ICMPV6, 0, 0, 1, 0, 0, 0, 0, MN_ICMPV6_UNREACHABLE};
    receive_ip6(&h, .protocol = MN_IPV6_ROUTING, .payload = payload, .len = sizeof payload);
    payload[8] = MN_ICMPV6_REDIRECT;
    receive_ip6(&h, .protocol = MN_IPV6_ROUTING, .payload = payload, .len = sizeof payload);
    expect_silence(&h);
    payload[8] = MN_ICMPV6_ECHO;
    receive_ip6(&h, .protocol = MN_IPV6_ROUTING, .payload = payload, .len = sizeof payload);
    expect_problem(&h, 0, MN_IPV6_HEADER + 2);
    ip_host_down(&h);
}

/* RFC 4443 2.4 (f) */
static void errors_have_a_rate(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    unsigned sent = 0;
    static struct sent6 answer;
    for (unsigned i = 0; i < 1000; i++) {
        receive_ip6(&h, .protocol = 253);
        while (take_sent6(&h, &answer))
            sent++;
    }
    assert_in_range(sent, 25, 100);
    assert_true(counted(&h, ICMP_ERRORS_LIMITED) == 1000 - sent);
    ip_host_down(&h);
}

/* ---- Fragments ---- */

struct fragment_line {
    uint32_t identification;
    uint16_t offset;
    bool more;
    uint8_t next_header;
    const void *data;
    size_t len;
};

static enum mn_ip_verdict receive_fragment(struct ip_host *h, struct fragment_line line)
{
    static uint8_t payload[FRAME_MAX];
    struct mn_ipv6_fragment fragment = {line.identification, line.offset, line.next_header, line.more};
    mn_ipv6_fragment_emit(payload, &fragment);
    memcpy(payload + MN_IPV6_FRAGMENT_HEADER, line.data, line.len);
    return receive_ip6(h, .protocol = MN_IPV6_FRAGMENT, .payload = payload, .len = MN_IPV6_FRAGMENT_HEADER + line.len);
}

#define FRAGMENT(...) ((struct fragment_line){.identification = 7, .next_header = MN_PROTOCOL_UDP, __VA_ARGS__})

static uint8_t bytes[65536];

/* N6-5.1-3 */
static void fragments_become_one_datagram(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    fill_pattern(bytes, 3000, 1);
    assert_int_equal(receive_fragment(&h, FRAGMENT(.offset = 1600, .data = bytes + 1600, .len = 1400)), MN_IP_CONSUMED);
    assert_int_equal(receive_fragment(&h, FRAGMENT(.offset = 800, .more = true, .data = bytes + 800, .len = 800)),
                     MN_IP_CONSUMED);
    assert_int_equal(receive_fragment(&h, FRAGMENT(.more = true, .data = bytes, .len = 800)), MN_IP_TRANSPORT);
    assert_int_equal(h.packet->total, 3000);
    assert_int_equal(h.datagram.protocol, MN_PROTOCOL_UDP);
    static uint8_t out[3000];
    mnet_packet_copy_out(h.packet, 0, out, sizeof out);
    assert_memory_equal(out, bytes, sizeof out);
    ip_host_down(&h);
}

/* RFC 8200 4.5: the Next Header of fragments other than the first counts for nothing. */
static void fragments_belong_together_whatever_their_next_header(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    receive_fragment(&h, FRAGMENT(.offset = 800, .next_header = 99, .data = bytes, .len = 8));
    assert_int_equal(receive_fragment(&h, FRAGMENT(.more = true, .data = bytes, .len = 800)), MN_IP_TRANSPORT);
    assert_int_equal(h.datagram.protocol, MN_PROTOCOL_UDP);
    ip_host_down(&h);
}

/* N6-5.1-5, RFC 5722 3 */
static void overlapping_fragments_drop_the_datagram_in_silence(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    receive_fragment(&h, FRAGMENT(.more = true, .data = bytes, .len = 800));
    receive_fragment(&h, FRAGMENT(.offset = 792, .more = true, .data = bytes, .len = 800));
    receive_fragment(&h, FRAGMENT(.offset = 800, .data = bytes, .len = 8));
    receive_fragment(&h, FRAGMENT(.more = true, .data = bytes, .len = 800));
    assert_counted(&h, FRAG_REASSEMBLED, 0);
    pass_ms(&h, 61000);
    expect_silence(&h);
    ip_host_down(&h);
}

/* N6-5.1-7, RFC 6946 4 */
static void atomic_fragment_is_whole_and_meets_no_others(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    receive_fragment(&h, FRAGMENT(.more = true, .data = bytes, .len = 800));
    assert_int_equal(receive_fragment(&h, FRAGMENT(.data = "12345678", .len = 8)), MN_IP_TRANSPORT);
    assert_int_equal(h.packet->total, 8);
    assert_int_equal(receive_fragment(&h, FRAGMENT(.offset = 800, .data = bytes, .len = 8)), MN_IP_TRANSPORT);
    assert_int_equal(h.packet->total, 808);
    ip_host_down(&h);
}

/* N6-5.2-7, RFC 7112 5 */
static void first_fragment_without_the_whole_chain_is_reported(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    receive_fragment(&h, FRAGMENT(.next_header = MN_IPV6_DESTINATION_OPTIONS, .more = true,
                                  .data = ((uint8_t[8]){MN_PROTOCOL_UDP, 3}), .len = 8));
    expect_problem(&h, 3, 0);
    ip_host_down(&h);
}

/* N6-5.7.1-2: sixty seconds after the first fragment came, its sender is told. */
static void reassembly_timeout_is_reported_if_the_first_fragment_is_there(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    receive_fragment(&h, FRAGMENT(.more = true, .data = bytes, .len = 800));
    receive_fragment(&h, FRAGMENT(.identification = 8, .offset = 800, .data = bytes, .len = 8));
    pass_ms(&h, 59999);
    expect_silence(&h);
    pass_ms(&h, 1);
    expect_solicitation(&h, PEER6, NO_MAC);
    receive_advertisement(&h, .solicited = true, .override = true);
    struct sent6 *sent = expect_icmp6(&h, PEER6, MN_ICMPV6_TIME_EXCEEDED, MN_ICMPV6_REASSEMBLY_TIME_EXCEEDED);
    /* The quote begins with the header of the fragment itself. */
    assert_int_equal(sent->payload[MN_ICMPV6_HEADER + 6], MN_IPV6_FRAGMENT);
    expect_silence(&h);
    assert_counted(&h, FRAG_DROP_TIMEOUT, 2);
    ip_host_down(&h);
}

/* RFC 8200 4.5: the length of all fragments but the last is a multiple of eight, and 65535 the end.
 */
static void impossible_fragments_are_reported(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    receive_fragment(&h, FRAGMENT(.more = true, .data = bytes, .len = 801));
    expect_problem(&h, 0, 4);
    receive_fragment(&h, FRAGMENT(.offset = 65528, .data = bytes, .len = 16));
    expect_problem(&h, 0, MN_IPV6_HEADER + 2);
    expect_silence(&h);
    ip_host_down(&h);
}

/* RFC 4443 2.4 (c), 3.4: an error about a datagram that came in fragments quotes the datagram from
 * its header on, and points into it. */
static void problem_of_a_reassembled_datagram_quotes_it(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    const uint8_t data[24] = {MN_PROTOCOL_UDP, 0, 0x9e, 4};
    const struct mn_ipv6 whole = {.source = PEER6,
                                  .destination = OWN6,
                                  .payload_len = sizeof data,
                                  .next_header = MN_IPV6_DESTINATION_OPTIONS,
                                  .hop_limit = 64};
    uint8_t quote[MN_IPV6_HEADER + sizeof data];
    mn_ipv6_emit(quote, &whole);
    memcpy(quote + MN_IPV6_HEADER, data, sizeof data);
    send6(&h, PEER6, 8); /* leaves its headers in memory that is used again */
    discard_sent6(&h);
    receive_fragment(&h, FRAGMENT(.next_header = MN_IPV6_DESTINATION_OPTIONS, .more = true, .data = data, .len = 16));
    receive_fragment(&h, FRAGMENT(.offset = 16, .data = data + 16, .len = 8));
    struct sent6 *sent = expect_icmp6(&h, PEER6, MN_ICMPV6_PARAMETER_PROBLEM, 2);
    struct mn_icmpv6 message;
    assert_int_equal(mn_icmpv6_parse(sent->payload, sent->payload_len, &message), MN_PARSE_OK);
    assert_int_equal(message.value, MN_IPV6_HEADER + 2);
    assert_int_equal(sent->payload_len, MN_ICMPV6_HEADER + sizeof quote);
    assert_memory_equal(sent->payload + MN_ICMPV6_HEADER, quote, sizeof quote);
    ip_host_down(&h);
}

/* RFC 8200 4: Next Header 0 in any header but the fixed one is unknown, a Fragment header's too. */
static void options_for_hops_within_fragments_are_unknown(void **state)
{
    (void)state;
    struct ip_host h;
    ip6_host_up(&h);
    know6(&h, PEER6, PEER_MAC);
    const uint8_t data[24] = {MN_PROTOCOL_UDP, 0, 1, 4};
    receive_fragment(&h, FRAGMENT(.next_header = MN_IPV6_HOP_BY_HOP, .more = true, .data = data, .len = 16));
    assert_int_equal(receive_fragment(&h, FRAGMENT(.offset = 16, .data = data + 16, .len = 8)), MN_IP_CONSUMED);
    expect_problem(&h, 1, 6);
    ip_host_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_datagram_reaches_a_transport),
        cmocka_unit_test(impossible_sources_are_dropped),
        cmocka_unit_test(foreign_destinations_are_dropped),
        cmocka_unit_test(group_of_all_nodes_is_ours),
        cmocka_unit_test(short_and_foreign_headers_are_dropped),
        cmocka_unit_test(known_extension_headers_are_passed_over),
        cmocka_unit_test(unknown_next_header_is_reported),
        cmocka_unit_test(no_next_header_is_dropped_in_silence),
        cmocka_unit_test(unknown_options_act_as_their_types_say),
        cmocka_unit_test(routing_header_with_segments_left_is_reported),
        cmocka_unit_test(errors_about_what_must_not_be_answered_are_not_sent),
        cmocka_unit_test(errors_have_a_rate),
        cmocka_unit_test(fragments_become_one_datagram),
        cmocka_unit_test(fragments_belong_together_whatever_their_next_header),
        cmocka_unit_test(overlapping_fragments_drop_the_datagram_in_silence),
        cmocka_unit_test(atomic_fragment_is_whole_and_meets_no_others),
        cmocka_unit_test(first_fragment_without_the_whole_chain_is_reported),
        cmocka_unit_test(reassembly_timeout_is_reported_if_the_first_fragment_is_there),
        cmocka_unit_test(impossible_fragments_are_reported),
        cmocka_unit_test(problem_of_a_reassembled_datagram_quotes_it),
        cmocka_unit_test(options_for_hops_within_fragments_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
