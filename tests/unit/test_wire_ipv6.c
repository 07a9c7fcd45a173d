/* IPv6 headers: the fixed header, fragments, the transport behind a quote's headers, and addresses.
 * The walk over extension headers is in test_wire_ipv6_walk.c. */
#include "unit/support.h"

#include "base/checksum.h"
#include "support/addresses.h"
#include "wire/ipv6.h"

/* Traffic class b8, flow label 12345, 8 bytes of UDP, hop limit 64, 2001:db8::1 to 2001:db8::2. */
static const uint8_t example[MN_IPV6_HEADER] = {
    0x6b, 0x81, 0x23, 0x45, 0x00, 0x08, 0x11, 0x40, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0,
    0,    0,    0,    0x01, 0x20, 0x01, 0x0d, 0xb8, 0,    0,    0,    0,    0, 0, 0, 0, 0, 0, 0, 0x02,
};

static void parse_reads_the_example(void **state)
{
    (void)state;
    struct mn_ipv6 header;
    assert_int_equal(mn_ipv6_parse(example, sizeof example, 48, &header), MN_PARSE_OK);
    assert_int_equal(header.traffic_class, 0xb8);
    assert_int_equal(header.flow_label, 0x12345);
    assert_int_equal(header.payload_len, 8);
    assert_int_equal(header.next_header, MN_PROTOCOL_UDP);
    assert_int_equal(header.hop_limit, 64);
    assert_true(mnet_address_equal(header.source, address("2001:db8::1")));
    assert_true(mnet_address_equal(header.destination, address("2001:db8::2")));
}

/* IP6-3-2 */
static void parse_allows_link_padding_and_no_missing_byte(void **state)
{
    (void)state;
    struct mn_ipv6 header;
    assert_int_equal(mn_ipv6_parse(example, sizeof example, 48, &header), MN_PARSE_OK);
    assert_int_equal(mn_ipv6_parse(example, sizeof example, 49, &header), MN_PARSE_OK);
    assert_int_equal(mn_ipv6_parse(example, sizeof example, 70000, &header), MN_PARSE_OK);
    assert_int_equal(mn_ipv6_parse(example, sizeof example, 47, &header), MN_PARSE_TRUNCATED);
    assert_int_equal(mn_ipv6_parse(example, sizeof example, 40, &header), MN_PARSE_TRUNCATED);
    assert_int_equal(mn_ipv6_parse_quote(example, sizeof example, &header), MN_PARSE_OK);
}

static void parse_of_every_truncation_says_so(void **state)
{
    (void)state;
    for (size_t len = 0; len < MN_IPV6_HEADER; len++) {
        uint8_t *exact = malloc(len + 1);
        struct mn_ipv6 header;
        memcpy(exact, example, len);
        assert_int_equal(mn_ipv6_parse(exact, len, 48, &header), MN_PARSE_TRUNCATED);
        assert_int_equal(mn_ipv6_parse_quote(exact, len, &header), MN_PARSE_TRUNCATED);
        free(exact);
    }
}

/* IP6-3-1 */
static void parse_refuses_other_versions(void **state)
{
    (void)state;
    for (int first = 0; first < 256; first++) {
        uint8_t bytes[MN_IPV6_HEADER];
        struct mn_ipv6 header;
        memcpy(bytes, example, sizeof bytes);
        bytes[0] = (uint8_t)first;
        enum mn_parse expected = first >> 4 == 6 ? MN_PARSE_OK : MN_PARSE_INVALID;
        assert_int_equal(mn_ipv6_parse(bytes, sizeof bytes, 48, &header), expected);
        assert_int_equal(mn_ipv6_parse_quote(bytes, sizeof bytes, &header), expected);
    }
}

/* Above wire/ an IPv4-mapped address is an IPv4 address: no IPv6 packet may bring one. */
static void parse_refuses_mapped_addresses(void **state)
{
    (void)state;
    static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1};
    for (size_t at = 8; at <= 24; at += 16) {
        uint8_t bytes[MN_IPV6_HEADER];
        struct mn_ipv6 header;
        memcpy(bytes, example, sizeof bytes);
        memcpy(bytes + at, mapped, sizeof mapped);
        assert_int_equal(mn_ipv6_parse(bytes, sizeof bytes, 48, &header), MN_PARSE_INVALID);
        assert_int_equal(mn_ipv6_parse_quote(bytes, sizeof bytes, &header), MN_PARSE_INVALID);
        bytes[at + 9] = 1;
        assert_int_equal(mn_ipv6_parse(bytes, sizeof bytes, 48, &header), MN_PARSE_OK);
    }
}

/* Each bit of a header flipped, in packets that are too short, exact and padded. */
static void parse_plain_reads_what_parse_reads(void **state)
{
    (void)state;
    static const size_t totals[] = {0, 39, 40, 47, 48, 49, 65535 + MN_IPV6_HEADER};
    for (int bit = 0; bit < 8 * MN_IPV6_HEADER; bit++) {
        for (size_t i = 0; i < MN_COUNT_OF(totals); i++) {
            uint8_t bytes[MN_IPV6_HEADER], emitted[MN_IPV6_HEADER];
            struct mn_ipv6 full = {0}, plain = {0};
            size_t len = MN_MIN(totals[i], sizeof bytes);
            memcpy(bytes, example, sizeof bytes);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            bool ok = mn_ipv6_parse(bytes, len, totals[i], &full) == MN_PARSE_OK;
            ok = ok && (full.next_header == MN_PROTOCOL_UDP || full.next_header == MN_PROTOCOL_TCP ||
                        full.next_header == MN_PROTOCOL_ICMPV6);
            assert_int_equal(mn_ipv6_parse_plain(bytes, len, totals[i], &plain), ok);
            if (!ok)
                continue;
            mn_ipv6_emit(emitted, &plain);
            assert_memory_equal(emitted, bytes, sizeof bytes);
        }
    }
}

static void emit_and_parse_agree_on_all_fields_at_any_alignment(void **state)
{
    (void)state;
    uint64_t seed = 6;
    for (int i = 0; i < 1000; i++) {
        uint8_t out[MN_IPV6_HEADER + 9];
        struct mn_ipv6 said = {
            .flow_label = (uint32_t)test_random_below(&seed, MN_IPV6_FLOW_LABEL_MAX + 1),
            .payload_len = (uint16_t)test_random(&seed),
            .traffic_class = (uint8_t)test_random(&seed),
            .next_header = (uint8_t)test_random(&seed),
            .hop_limit = (uint8_t)test_random(&seed),
        };
        struct mn_ipv6 read;
        test_random_bytes(&seed, said.source.bytes, 16);
        test_random_bytes(&seed, said.destination.bytes, 16);
        uint8_t *at = out + i % 8;
        memset(out, 0xee, sizeof out);
        mn_ipv6_emit(at, &said);
        assert_int_equal(at[MN_IPV6_HEADER], 0xee);
        assert_int_equal(mn_ipv6_parse(at, MN_IPV6_HEADER, 70000, &read), MN_PARSE_OK);
        assert_int_equal(read.flow_label, said.flow_label);
        assert_int_equal(read.payload_len, said.payload_len);
        assert_int_equal(read.traffic_class, said.traffic_class);
        assert_int_equal(read.next_header, said.next_header);
        assert_int_equal(read.hop_limit, said.hop_limit);
        assert_memory_equal(read.source.bytes, said.source.bytes, 16);
        assert_memory_equal(read.destination.bytes, said.destination.bytes, 16);
    }
}

static void emit_gives_the_example(void **state)
{
    (void)state;
    struct mn_ipv6 header;
    uint8_t out[MN_IPV6_HEADER];
    assert_int_equal(mn_ipv6_parse_quote(example, sizeof example, &header), MN_PARSE_OK);
    mn_ipv6_emit(out, &header);
    assert_memory_equal(out, example, sizeof out);
    mn_ipv6_set_payload_len(out, 0x1234);
    assert_int_equal(mn_ipv6_parse_quote(out, sizeof out, &header), MN_PARSE_OK);
    assert_int_equal(header.payload_len, 0x1234);
}

/* IP6-8.1-1: the sum over an ICMPv6 echo request, added up by hand as RFC 8200 8.1 draws it. */
static void pseudo_sum_is_that_of_rfc_8200(void **state)
{
    (void)state;
    uint8_t drawn[40] = {0};
    memcpy(drawn, example + 8, 32);
    drawn[33] = 1; /* length 00 01 02 03 */
    drawn[34] = 2;
    drawn[35] = 3;
    drawn[39] = MN_PROTOCOL_ICMPV6;
    struct mnet_address source = address("2001:db8::1"), destination = address("2001:db8::2");
    uint64_t sum = mn_pseudo_sum(&source, &destination, MN_PROTOCOL_ICMPV6, 0x010203);
    assert_int_equal(mn_sum_fold(sum), mn_sum_fold(mn_sum(0, drawn, sizeof drawn)));
}

/* MLD2-5-1, IP6-4.2-9, N6-5.3-3 */
static void router_alert_is_the_header_of_rfc_2711(void **state)
{
    (void)state;
    static const uint8_t expected[MN_IPV6_ROUTER_ALERT] = {58, 0, 5, 2, 0, 0, 1, 0};
    uint8_t out[MN_IPV6_ROUTER_ALERT + 1] = {[MN_IPV6_ROUTER_ALERT] = 0xee};
    mn_ipv6_emit_router_alert(out, MN_PROTOCOL_ICMPV6);
    assert_memory_equal(out, expected, sizeof expected);
    assert_int_equal(out[MN_IPV6_ROUTER_ALERT], 0xee);
}

/* ---- Fragments ---- */

/* IP6-4.5-6 and IP6-4.5-12: reserved bits are sent as zero and not looked at. */
static void fragment_reads_and_writes_all_fields(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {17, 0xff, 0x05, 0xaf, 0xde, 0xad, 0xbe, 0xef};
    static const uint8_t clean[] = {17, 0x00, 0x05, 0xa9, 0xde, 0xad, 0xbe, 0xef};
    struct mn_ipv6_fragment fragment;
    uint8_t out[sizeof bytes];
    assert_int_equal(mn_ipv6_fragment_parse(bytes, sizeof bytes, &fragment), MN_PARSE_OK);
    assert_int_equal(fragment.next_header, MN_PROTOCOL_UDP);
    assert_int_equal(fragment.offset, 0x05a8);
    assert_true(fragment.more);
    assert_int_equal(fragment.identification, 0xdeadbeef);
    mn_ipv6_fragment_emit(out, &fragment);
    assert_memory_equal(out, clean, sizeof clean);
    fragment.more = false;
    mn_ipv6_fragment_emit(out, &fragment);
    assert_int_equal(out[3], 0xa8);
    for (size_t len = 0; len < sizeof bytes; len++)
        assert_int_equal(mn_ipv6_fragment_parse(bytes, len, &fragment), MN_PARSE_TRUNCATED);
}

/* ---- The transport behind headers that are not ours to judge ---- */

static bool find(const uint8_t *headers, size_t len, uint8_t first, struct mn_ipv6_upper *upper)
{
    uint8_t *packet = malloc(MN_IPV6_HEADER + len);
    struct mn_ipv6 header = {.next_header = first, .payload_len = (uint16_t)len};
    mn_ipv6_emit(packet, &header);
    memcpy(packet + MN_IPV6_HEADER, headers, len);
    bool found = mn_ipv6_find_upper(packet, MN_IPV6_HEADER + len, &header, upper);
    free(packet);
    return found;
}

/* ICMP6-2.4d-1: every header on the way, and each cut of them. */
static void upper_is_found_behind_every_header_unless_one_is_cut(void **state)
{
    (void)state;
    /* Hop-by-hop with an unknown option, routing with segments left, first fragment, destination
     * options, and two bytes of TCP. */
    static const uint8_t chain[] = {43, 0, 0x9e, 0, 0,    0, 0, 0, 44, 0, 0, 9,    0,    0, 0, 0, 60, 0, 0, 1, 0, 0,
                                    0,  7, 6,    1, 0xff, 0, 0, 0, 0,  0, 0, 0xff, 0xff, 0, 0, 0, 0,  0, 0, 1, 2};
    struct mn_ipv6_upper upper;
    for (size_t len = 0; len < 40; len++)
        assert_false(find(chain, len, MN_IPV6_HOP_BY_HOP, &upper));
    assert_true(find(chain, 40, MN_IPV6_HOP_BY_HOP, &upper));
    assert_true(find(chain, sizeof chain, MN_IPV6_HOP_BY_HOP, &upper));
    assert_int_equal(upper.protocol, MN_PROTOCOL_TCP);
    assert_int_equal(upper.offset, MN_IPV6_HEADER + 40);
    assert_int_equal(upper.named_at, MN_IPV6_HEADER + 24);
}

static void upper_of_a_later_fragment_is_not_found(void **state)
{
    (void)state;
    static const uint8_t later[] = {6, 0, 0, 9, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8};
    static const uint8_t twice[] = {44, 0, 0, 1, 0, 0, 0, 7, 6, 0, 0, 1, 0, 0, 0, 7};
    struct mn_ipv6_upper upper;
    assert_false(find(later, sizeof later, MN_IPV6_FRAGMENT, &upper));
    assert_false(find(twice, sizeof twice, MN_IPV6_FRAGMENT, &upper));
}

static void upper_may_be_anything_and_have_no_byte(void **state)
{
    (void)state;
    struct mn_ipv6_upper upper;
    for (unsigned first = 0; first < 256; first++) {
        bool extension = first == MN_IPV6_HOP_BY_HOP || first == MN_IPV6_ROUTING || first == MN_IPV6_FRAGMENT ||
                         first == MN_IPV6_DESTINATION_OPTIONS;
        assert_int_equal(find(example, 0, (uint8_t)first, &upper), !extension);
        assert_int_equal(upper.protocol, first);
        assert_int_equal(upper.offset, MN_IPV6_HEADER);
        assert_int_equal(upper.named_at, 6);
    }
}

/* Behind the payload's end there is link padding, and no header. */
static void upper_is_not_looked_for_in_link_padding(void **state)
{
    (void)state;
    uint8_t packet[MN_IPV6_HEADER + 16] = {0};
    struct mn_ipv6 header = {.next_header = MN_IPV6_DESTINATION_OPTIONS, .payload_len = 7};
    struct mn_ipv6_upper upper;
    mn_ipv6_emit(packet, &header);
    packet[MN_IPV6_HEADER] = MN_PROTOCOL_TCP;
    assert_false(mn_ipv6_find_upper(packet, sizeof packet, &header, &upper));
    header.payload_len = 8;
    assert_true(mn_ipv6_find_upper(packet, sizeof packet, &header, &upper));
}

/* ---- Addresses ---- */

enum extension_kind {
    UNSPECIFIED = 1,
    LOOPBACK = 2,
    LINK_LOCAL = 4,
    MULTICAST = 8,
    SOLICITED_NODE = 16,
};

static void kinds_of_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned kinds;
    } cases[] = {
        {"::", UNSPECIFIED},
        {"0.0.0.0", 0},
        {"::1", LOOPBACK},
        {"::2", 0},
        {"1::1", 0},
        {"fe80::1", LINK_LOCAL},
        {"febf:ffff::1", LINK_LOCAL},
        {"fec0::1", 0},
        {"fe7f::1", 0},
        {"ff02::1", MULTICAST},
        {"ff02::1:ff00:0", MULTICAST | SOLICITED_NODE},
        {"ff02::1:ffff:ffff", MULTICAST | SOLICITED_NODE},
        {"ff02::1:fe00:0", MULTICAST},
        {"ff05::1:ff00:0", MULTICAST},
        {"ff02::2:ff00:0", MULTICAST},
        {"2001:db8::1", 0},
    };
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        struct mnet_address a = address(cases[i].text);
        assert_int_equal((mn_ipv6_is_unspecified(&a) ? UNSPECIFIED : 0) | (mn_ipv6_is_loopback(&a) ? LOOPBACK : 0) |
                             (mn_ipv6_is_link_local(&a) ? LINK_LOCAL : 0) | (mn_ipv6_is_multicast(&a) ? MULTICAST : 0) |
                             (mn_ipv6_is_solicited_node(&a) ? SOLICITED_NODE : 0),
                         cases[i].kinds);
    }
    assert_true(mnet_address_equal(mn_ipv6_all_nodes, address("ff02::1")));
    assert_true(mnet_address_equal(mn_ipv6_all_routers, address("ff02::2")));
}

/* ARCH-2.7-2 */
static void scope_of_a_group_is_its_second_nibble(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint8_t scope;
    } cases[] = {
        {"ff00::1", MN_IPV6_SCOPE_RESERVED}, {"ff01::1", MN_IPV6_SCOPE_INTERFACE},
        {"ff02::1", MN_IPV6_SCOPE_LINK},     {"ff15::1", 5},
        {"ff7e::1", MN_IPV6_SCOPE_GLOBAL},
    };
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        struct mnet_address group = address(cases[i].text);
        assert_int_equal(mn_ipv6_multicast_scope(&group), cases[i].scope);
    }
}

/* ARCH-2.7.1-1, with the example of RFC 4291. */
static void solicited_node_group_has_the_last_24_bits(void **state)
{
    (void)state;
    struct mnet_address host = address("4037::1:800:200e:8c6c");
    struct mnet_address group = mn_ipv6_solicited_node(&host);
    assert_true(mnet_address_equal(group, address("ff02::1:ff0e:8c6c")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_reads_the_example),
        cmocka_unit_test(parse_allows_link_padding_and_no_missing_byte),
        cmocka_unit_test(parse_of_every_truncation_says_so),
        cmocka_unit_test(parse_refuses_other_versions),
        cmocka_unit_test(parse_refuses_mapped_addresses),
        cmocka_unit_test(parse_plain_reads_what_parse_reads),
        cmocka_unit_test(emit_and_parse_agree_on_all_fields_at_any_alignment),
        cmocka_unit_test(emit_gives_the_example),
        cmocka_unit_test(pseudo_sum_is_that_of_rfc_8200),
        cmocka_unit_test(router_alert_is_the_header_of_rfc_2711),
        cmocka_unit_test(fragment_reads_and_writes_all_fields),
        cmocka_unit_test(upper_is_found_behind_every_header_unless_one_is_cut),
        cmocka_unit_test(upper_of_a_later_fragment_is_not_found),
        cmocka_unit_test(upper_may_be_anything_and_have_no_byte),
        cmocka_unit_test(upper_is_not_looked_for_in_link_padding),
        cmocka_unit_test(kinds_of_addresses),
        cmocka_unit_test(scope_of_a_group_is_its_second_nibble),
        cmocka_unit_test(solicited_node_group_has_the_last_24_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
