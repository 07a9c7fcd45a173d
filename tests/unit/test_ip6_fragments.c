/* Fragments of IPv6, rule by rule: what is put together (RFC 8200 4.5, RFC 5722, RFC 6946), and how
 * large packets are cut. The mechanism itself is tested by test_ip_reassembly.c. */
#include "tests/support/ip6_host.h"

static uint8_t bytes[65536];

/* ---- Received ---- */

struct rule_fragment {
    uint32_t identification;
    uint16_t offset;
    bool more;
    uint8_t next_header;
    uint8_t traffic_class;
    const void *before; /* headers in front of the Fragment header, eight bytes; NULL: none */
    uint8_t before_kind;
    const void *data; /* default: the bytes at the offset */
    size_t len;
};

static enum mn_ip_verdict receive_fragment_line(struct ip_host *h, struct rule_fragment line)
{
    static uint8_t payload[FRAME_MAX];
    const struct mn_ipv6_fragment fragment = {line.identification, line.offset, line.next_header, line.more};
    size_t at = 0;
    if (line.before != NULL) {
        memcpy(payload, line.before, 8);
        at = 8;
    }
    mn_ipv6_fragment_emit(payload + at, &fragment);
    at += MN_IPV6_FRAGMENT_HEADER;
    memcpy(payload + at, line.data != NULL ? line.data : bytes + line.offset, line.len);
    return receive_ip6(h, .protocol = line.before != NULL ? line.before_kind : MN_IPV6_FRAGMENT, .payload = payload,
                       .len = at + line.len, .traffic_class = line.traffic_class);
}
#define receive_fragment(h, ...) \
    receive_fragment_line( \
        h, (struct rule_fragment){.identification = 7, .next_header = MN_PROTOCOL_UDP, .len = 8, __VA_ARGS__})

static void start(struct ip_host *h)
{
    ip6_host_up(h);
    know6(h, PEER6, PEER_MAC);
    fill_pattern(bytes, sizeof bytes, 1);
}

static void expect_datagram(struct ip_host *h, size_t len)
{
    static uint8_t out[65536];
    assert_int_equal(h->packet->total, len);
    mnet_packet_copy_out(h->packet, 0, out, len);
    assert_memory_equal(out, bytes, len);
}

/* IP6-4.5-8, IP6-4.5-9: source, destination and identification hold fragments together, and the
 * first one says of what protocol they are. */
static void fragments_of_one_identification_belong_together(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h);
    receive_fragment(&h, .offset = 16, .next_header = MN_PROTOCOL_TCP);
    receive_fragment(&h, .offset = 8, .next_header = 99, .more = true);
    receive_fragment(&h, .identification = 8, .more = true);
    assert_int_equal(receive_fragment(&h, .more = true), MN_IP_TRANSPORT);
    assert_int_equal(h.datagram.protocol, MN_PROTOCOL_UDP);
    expect_datagram(&h, 24);
    ip_host_down(&h);
}

/* IP6-4.5-10: the header is that of the first fragment, without its Fragment header, and the last
 * fragment says how long the datagram is. Options have had their effect when the fragment came. */
static void headers_are_those_of_the_first_fragment(void **state)
{
    (void)state;
    static const uint8_t options[] = {MN_IPV6_FRAGMENT, 0, 1, 4, 0, 0, 0, 0};
    struct ip_host h;
    start(&h);
    receive_fragment(&h, .offset = 1200, .len = 5, .traffic_class = 0x10);
    receive_fragment(&h, .offset = 400, .len = 800, .more = true, .traffic_class = 0x20);
    assert_int_equal(receive_fragment(&h, .len = 400, .more = true, .before = options,
                                      .before_kind = MN_IPV6_HOP_BY_HOP, .traffic_class = 0x40),
                     MN_IP_TRANSPORT);
    expect_datagram(&h, 1205);
    assert_int_equal(h.datagram.traffic_class, 0x40);
    assert_int_equal(h.datagram.header_len, MN_IPV6_HEADER);
    struct mn_ipv6 header;
    assert_int_equal(mn_ipv6_parse(h.packet->data - MN_IPV6_HEADER, MN_IPV6_HEADER, MN_IPV6_HEADER + 1205, &header),
                     MN_PARSE_OK);
    assert_int_equal(header.payload_len, 1205);
    assert_int_equal(header.next_header, MN_PROTOCOL_UDP);
    assert_int_equal(header.traffic_class, 0x40);
    ip_host_down(&h);
}

/* IP6-5-4: datagrams of 1500 octets are put together, and larger ones. */
static void datagram_of_1500_octets_is_put_together(void **state)
{
    (void)state;
    static const size_t lens[] = {1460, 1500, 9000, 65535};
    struct ip_host h;
    start(&h);
    for (size_t i = 0; i < MN_COUNT_OF(lens); i++) {
        for (uint32_t at = 0; at < lens[i]; at += 1232) {
            size_t len = MN_MIN(lens[i] - at, (size_t)1232);
            bool more = at + len < lens[i];
            assert_int_equal(
                receive_fragment(&h, .identification = (uint32_t)i, .offset = (uint16_t)at, .more = more, .len = len),
                more ? MN_IP_CONSUMED : MN_IP_TRANSPORT);
        }
        expect_datagram(&h, lens[i]);
    }
    ip_host_down(&h);
}

/* IP6-4.5-13, IP6-4.5-14, ICMP6-3.3-2: sixty seconds from the fragment that came first; its sender
 * hears of it if the first part is there. */
static void fragments_are_given_up_after_60_s(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h);
    receive_fragment(&h, .identification = 1, .offset = 8, .more = true);
    receive_fragment(&h, .identification = 2, .offset = 8, .more = true);
    pass_ms(&h, 50000);
    receive_fragment(&h, .identification = 1, .more = true, .len = 8);
    receive_fragment(&h, .identification = 2, .offset = 16, .more = true);
    pass_ms(&h, 9999);
    assert_int_equal(h.ip.reassembly.count, 2);
    expect_silence(&h);
    pass_ms(&h, 1);
    assert_int_equal(h.ip.reassembly.count, 0);
    assert_int_equal(h.ip.reassembly.bytes, 0);
    assert_counted(&h, FRAG_DROP_TIMEOUT, 4);
    struct sent6 *sent = expect_icmp6(&h, PEER6, MN_ICMPV6_TIME_EXCEEDED, MN_ICMPV6_REASSEMBLY_TIME_EXCEEDED);
    assert_memory_equal(sent->payload + 4, "\0\0\0\0", 4);
    const uint8_t *quote = sent->payload + MN_ICMPV6_HEADER;
    assert_int_equal(quote[6], MN_IPV6_FRAGMENT);
    assert_int_equal(quote[MN_IPV6_HEADER + 3], 1); /* offset 0, and more follow */
    assert_memory_equal(quote + MN_IPV6_HEADER + MN_IPV6_FRAGMENT_HEADER, bytes, 8);
    expect_silence(&h);
    ip_host_down(&h);
}

/* IP6-4.5-18, FRAG5722-4-2, FRAG5722-4-3, IP6-4.5-19: an overlap of any bytes drops all fragments,
 * those yet to come included, in silence, and is counted. The same fragment again harms nobody. */
static void overlap_drops_the_datagram_and_what_follows(void **state)
{
    (void)state;
    struct ip_host h;
    start(&h);
    receive_fragment(&h, .more = true, .len = 16);
    receive_fragment(&h, .more = true, .len = 16); /* the same again */
    assert_counted(&h, FRAG_DROP_DUPLICATE, 1);
    receive_fragment(&h, .offset = 8, .more = true, .len = 16);
    assert_counted(&h, FRAG_DROP_INVALID, 2);
    assert_int_equal(h.ip.reassembly.bytes, 0);
    receive_fragment(&h, .more = true, .len = 16);
    assert_int_equal(receive_fragment(&h, .offset = 16), MN_IP_CONSUMED);
    assert_counted(&h, FRAG_DROP_INVALID, 4);
    receive_fragment(&h, .identification = 9, .more = true, .len = 16);
    receive_fragment(&h, .identification = 9, .more = true, .len = 16);
    assert_int_equal(receive_fragment(&h, .identification = 9, .offset = 16), MN_IP_TRANSPORT);
    expect_datagram(&h, 24);
    pass_ms(&h, 70000);
    expect_silence(&h);
    ip_host_down(&h);
}

/* IP6-4.5-20, FRAG6946-4-2, FRAG6946-4-3: a fragment that is the whole packet is one for itself. */
static void atomic_fragment_leaves_the_others_alone(void **state)
{
    (void)state;
    uint8_t echo[16] = {MN_ICMPV6_ECHO, 0, 0, 0, 1, 2, 3, 4, 'a', 't', 'o', 'm'};
    const struct mnet_address from = PEER6, to = OWN6;
    mn_icmpv6_set_checksum(echo, sizeof echo, &from, &to);
    struct ip_host h;
    start(&h);
    receive_fragment(&h, .more = true, .len = 800);
    receive_fragment(&h, .next_header = MN_PROTOCOL_ICMPV6, .data = echo, .len = sizeof echo);
    struct sent6 *sent = expect_icmp6(&h, PEER6, MN_ICMPV6_ECHO_REPLY, 0);
    assert_int_equal(sent->payload_len, sizeof echo);
    assert_memory_equal(sent->payload + 4, echo + 4, sizeof echo - 4);
    expect_silence(&h);
    assert_int_equal(receive_fragment(&h, .offset = 800), MN_IP_TRANSPORT);
    expect_datagram(&h, 808);
    ip_host_down(&h);
}

/* IP6-4.5-21: RFC 3168 5.3 */
static void congestion_mark_of_a_fragment_is_that_of_the_datagram(void **state)
{
    (void)state;
    static const struct {
        uint8_t first, second;
        int marked; /* -1: dropped */
    } rows[] = {{2, 2, 2}, {2, 3, 3}, {3, 1, 3}, {0, 0, 0}, {3, 3, 3}, {0, 3, -1}, {3, 0, -1}};
    struct ip_host h;
    start(&h);
    for (uint32_t i = 0; i < MN_COUNT_OF(rows); i++) {
        receive_fragment(&h, .identification = i, .more = true, .traffic_class = rows[i].first);
        enum mn_ip_verdict verdict = receive_fragment(&h, .identification = i, .offset = 8,
                                                      .traffic_class = rows[i].second);
        assert_int_equal(verdict, rows[i].marked < 0 ? MN_IP_CONSUMED : MN_IP_TRANSPORT);
        if (rows[i].marked >= 0)
            assert_int_equal(h.datagram.traffic_class, rows[i].marked);
    }
    expect_silence(&h);
    ip_host_down(&h);
}

/* ---- Sent ---- */

/* One datagram as it went out. */
struct cut {
    unsigned fragments;
    size_t lens[64]; /* of the data of each */
    uint32_t identification;
    struct mn_ipv6 header; /* of the first */
};

/* Expects a datagram of `len` bytes in fragments that fit `mtu`. */
static struct cut expect_cut(struct ip_host *h, struct mnet_address destination, size_t len, size_t mtu)
{
    struct cut cut = {0};
    for (size_t at = 0; at < len;) {
        struct sent6 *sent = expect_ip6(h, PEER_MAC, destination, MN_IPV6_FRAGMENT);
        struct mn_ipv6_fragment fragment;
        size_t data = sent->payload_len - MN_IPV6_FRAGMENT_HEADER;
        assert_int_equal(mn_ipv6_fragment_parse(sent->payload, sent->payload_len, &fragment), MN_PARSE_OK);
        assert_true(sent->len - MN_ETHERNET_HEADER <= mtu);
        if (at == 0) {
            cut.identification = fragment.identification;
            cut.header = sent->ip;
        }
        assert_int_equal(fragment.identification, cut.identification);
        assert_int_equal(fragment.offset, at);
        assert_int_equal(fragment.next_header, MN_PROTOCOL_UDP);
        assert_int_equal(fragment.more, at + data < len);
        assert_true(!fragment.more || data % 8 == 0);
        assert_address6(sent->ip.source, cut.header.source);
        assert_int_equal(sent->ip.hop_limit, cut.header.hop_limit);
        assert_int_equal(sent->ip.traffic_class, cut.header.traffic_class);
        assert_int_equal(sent->ip.flow_label, cut.header.flow_label);
        assert_memory_equal(sent->payload + MN_IPV6_FRAGMENT_HEADER, bytes + at, data);
        cut.lens[cut.fragments++] = data;
        at += data;
    }
    expect_silence(h);
    return cut;
}

static void learn_path_mtu(struct ip_host *h, struct mnet_address destination, uint16_t mtu)
{
    const struct mn_icmp_error error = {.reason = MN_UNREACHABLE_TOO_BIG, .remote = destination, .mtu = mtu};
    mn_ip_lower_path_mtu(&h->ip, &error, h->now);
}

static void start_sending(struct ip_host *h)
{
    start(h);
    fill_pattern(bytes, sizeof bytes, 0); /* as send6 does */
}

/* IP6-4.5-4, IP6-4.5-7, FRAG5722-4-1, IP6-5-3, PMTU-3-1: fragments fit the path and do not
 * overlap; after the path has become smaller, the datagram has another identification. */
static void fragments_fit_the_path(void **state)
{
    (void)state;
    struct ip_host h;
    start_sending(&h);
    assert_int_equal(send6(&h, PEER6, 3000), 0);
    struct cut before = expect_cut(&h, PEER6, 3000, 1500);
    assert_int_equal(before.fragments, 3);
    assert_int_equal(before.lens[0], 1448);
    learn_path_mtu(&h, PEER6, 1285);
    assert_int_equal(send6(&h, PEER6, 3000), 0);
    struct cut after = expect_cut(&h, PEER6, 3000, 1285);
    assert_int_equal(after.fragments, 3);
    assert_int_equal(after.lens[0], 1232);
    assert_int_equal(after.lens[1], 1232);
    assert_int_not_equal(after.identification, before.identification);
    ip_host_down(&h);
}

/* PMTU-4-4, IP6-4.5-4: what waits for its neighbour fits the path when it leaves, too. */
static void fragments_that_waited_fit_the_path(void **state)
{
    (void)state;
    for (size_t len = 1300; len <= 3000; len += 1700) {
        struct ip_host h;
        start_sending(&h);
        learn_path_mtu(&h, FAR6, 1285);
        assert_int_equal(send6(&h, FAR6, len), 0);
        expect_solicitation(&h, GATEWAY6, NO_MAC);
        receive_advertisement(&h, .source = GATEWAY6, .target = GATEWAY6, .solicited = true, .override = true);
        expect_cut(&h, FAR6, len, 1285);
        ip_host_down(&h);
    }
}

/* IP6-4.1-1, IP6-4.5-3, IP6-4.5-5, N6-5.2-5, N6-5.2-6: our datagrams have no headers but the fixed
 * one, which each fragment repeats, and that of the transport, which is in the first one. */
static void fragments_repeat_the_fixed_header(void **state)
{
    (void)state;
    struct ip_host h;
    start_sending(&h);
    struct mn_datagram datagram = {
        .destination = PEER6, .protocol = MN_PROTOCOL_UDP, .traffic_class = 0xb8, .flow_label = 0x12345, .ttl = 9};
    assert_int_equal(mn_ip_output(&h.ip, make_packet(&h, 4000, 0), &datagram, h.now), 0);
    struct cut cut = expect_cut(&h, PEER6, 4000, 1500);
    assert_int_equal(cut.header.traffic_class, 0xb8);
    assert_int_equal(cut.header.flow_label, 0x12345);
    assert_int_equal(cut.header.hop_limit, 9);
    assert_true(cut.lens[0] >= MN_UDP_HEADER);
    ip_host_down(&h);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* IP6-4.5-1, IP6-4.5-2: no identification comes twice in a row of many, and neither the last ones
 * nor those to another destination tell the next one. */
static void identifications_differ_and_tell_nothing(void **state)
{
    (void)state;
    static uint32_t all[2000];
    unsigned near = 0;
    struct ip_host h;
    start_sending(&h);
    for (unsigned i = 0; i < MN_COUNT_OF(all); i++) {
        assert_int_equal(send6(&h, PEER6, 1500), 0);
        all[i] = expect_cut(&h, PEER6, 1500, 1500).identification;
        near += i > 0 && all[i] - all[i - 1] + 1000 <= 2000;
    }
    assert_true(near < 3);
    qsort(all, MN_COUNT_OF(all), sizeof all[0], compare);
    for (unsigned i = 1; i < MN_COUNT_OF(all); i++)
        assert_int_not_equal(all[i], all[i - 1]);
    ip_host_down(&h);
}

/* N6-5.1-6, RFC 8021: whatever a router says, a packet that fits the least MTU of IPv6 is sent as
 * it is, and no fragment is smaller than that takes. */
static void packet_that_fits_the_least_mtu_is_no_fragment(void **state)
{
    (void)state;
    struct ip_host h;
    start_sending(&h);
    uint8_t message[MN_ICMPV6_HEADER + MN_IPV6_HEADER + 20] = {0};
    for (uint16_t mtu = 0; mtu <= MN_IPV6_MTU_MIN; mtu += 256) {
        mn_icmpv6_emit(message, &(struct mn_icmpv6){MN_ICMPV6_PACKET_TOO_BIG, 0, mtu}, 0);
        mn_ipv6_emit(message + MN_ICMPV6_HEADER, &(struct mn_ipv6){.source = OWN6,
                                                                   .destination = PEER6,
                                                                   .payload_len = 1400,
                                                                   .next_header = MN_PROTOCOL_UDP,
                                                                   .hop_limit = 60});
        bool believed = mtu == MN_IPV6_MTU_MIN;
        assert_int_equal(receive_icmp6(&h, .source = GATEWAY6, .payload = message, .len = sizeof message),
                         believed ? MN_IP_ERROR : MN_IP_CONSUMED);
        if (believed)
            mn_ip_lower_path_mtu(&h.ip, &h.error, h.now);
        assert_int_equal(send6(&h, PEER6, MN_IPV6_MTU_MIN - MN_IPV6_HEADER), 0);
        expect_ip6(&h, PEER_MAC, PEER6, MN_PROTOCOL_UDP);
        assert_int_equal(send6(&h, PEER6, 2000), 0);
        assert_int_equal(expect_cut(&h, PEER6, 2000, 1500).lens[0], believed ? 1232 : 1448);
    }
    ip_host_down(&h);
}

/* N6-5.7.2-1: no packet is cut that fits the link. */
static void packet_of_the_links_mtu_is_not_cut(void **state)
{
    (void)state;
    struct ip_host h;
    start_sending(&h);
    assert_int_equal(send6(&h, PEER6, HOST_MTU - MN_IPV6_HEADER), 0);
    expect_ip6(&h, PEER_MAC, PEER6, MN_PROTOCOL_UDP);
    expect_silence(&h);
    assert_int_equal(send6(&h, PEER6, HOST_MTU - MN_IPV6_HEADER + 1), 0);
    assert_int_equal(expect_cut(&h, PEER6, HOST_MTU - MN_IPV6_HEADER + 1, HOST_MTU).fragments, 2);
    ip_host_down(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragments_of_one_identification_belong_together),
        cmocka_unit_test(headers_are_those_of_the_first_fragment),
        cmocka_unit_test(datagram_of_1500_octets_is_put_together),
        cmocka_unit_test(fragments_are_given_up_after_60_s),
        cmocka_unit_test(overlap_drops_the_datagram_and_what_follows),
        cmocka_unit_test(atomic_fragment_leaves_the_others_alone),
        cmocka_unit_test(congestion_mark_of_a_fragment_is_that_of_the_datagram),
        cmocka_unit_test(fragments_fit_the_path),
        cmocka_unit_test(fragments_that_waited_fit_the_path),
        cmocka_unit_test(fragments_repeat_the_fixed_header),
        cmocka_unit_test(identifications_differ_and_tell_nothing),
        cmocka_unit_test(packet_that_fits_the_least_mtu_is_no_fragment),
        cmocka_unit_test(packet_of_the_links_mtu_is_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
