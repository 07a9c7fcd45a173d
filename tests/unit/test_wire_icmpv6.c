/* ICMPv6: header, checksum, echo, and errors as transports see them (RFC 4443). */
#include "unit/support.h"

#include "base/checksum.h"
#include "support/addresses.h"
#include "wire/icmpv6.h"

/* An echo request of Linux from ::1 to ::1, whose checksum is known. */
static void parse_and_emit_agree(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {128, 0, 0, 0, 0x12, 0x34, 0x00, 0x01};
    struct mn_icmpv6 header;
    uint8_t out[MN_ICMPV6_HEADER + 1] = {[MN_ICMPV6_HEADER] = 0xee};
    assert_int_equal(mn_icmpv6_parse(bytes, sizeof bytes, &header), MN_PARSE_OK);
    assert_int_equal(header.type, MN_ICMPV6_ECHO);
    assert_int_equal(header.code, 0);
    assert_int_equal(header.value, 0x12340001);
    struct mnet_address loopback = address("::1");
    mn_icmpv6_emit(out, &header, mn_pseudo_sum(&loopback, &loopback, MN_PROTOCOL_ICMPV6, 8));
    /* 8000 + 1234 + 0001 + 2 * 0001 + 0008 + 003a = 9279 */
    assert_int_equal(mn_load_u16(out + 2), 0xffff - 0x9279);
    assert_int_equal(out[MN_ICMPV6_HEADER], 0xee);
    for (size_t len = 0; len < sizeof bytes; len++)
        assert_int_equal(mn_icmpv6_parse(bytes, len, &header), MN_PARSE_TRUNCATED);
}

/* ICMP6-2.3-1: every bit counts, those of the pseudo-header included. */
static void checksum_covers_message_and_pseudo_header(void **state)
{
    (void)state;
    void *region;
    struct mnet_packet *packet = mnet_packet_alloc(test_memory(1 << 20, &region));
    assert_non_null(packet);
    struct mn_datagram datagram = {
        .source = address("fe80::1"), .destination = address("fe80::2"), .protocol = MN_PROTOCOL_ICMPV6};
    uint8_t *message = mnet_packet_put(packet, 11);
    assert_non_null(message);
    memcpy(message, "\x80\0\0\0abcdefg", 11);
    mn_icmpv6_set_checksum(message, 11, &datagram.source, &datagram.destination);
    assert_true(mn_transport_checksum_ok(packet, &datagram));
    for (int bit = 0; bit < 8 * 11; bit++) {
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(mn_transport_checksum_ok(packet, &datagram));
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (int bit = 0; bit < 8 * 16; bit++) {
        datagram.source.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(mn_transport_checksum_ok(packet, &datagram));
        datagram.source.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    datagram.protocol = MN_PROTOCOL_UDP;
    assert_false(mn_transport_checksum_ok(packet, &datagram));
    mnet_packet_free(packet);
    free(region);
}

/* ICMP6-4.1-1, ICMP6-2.2-1, ICMP6-2.2-2: the checksum of the reply is right for any data, also from
 * another address than the one that was asked. */
static void echo_request_becomes_the_reply(void **state)
{
    (void)state;
    void *region;
    uint64_t seed = 128;
    struct mnet_memory *memory = test_memory(1 << 20, &region);
    for (int round = 0; round < 2000; round++) {
        struct mnet_packet *packet = mnet_packet_alloc(memory);
        struct mn_datagram request = {.protocol = MN_PROTOCOL_ICMPV6};
        struct mnet_address own;
        size_t len = MN_ICMPV6_HEADER + test_random_below(&seed, 20);
        test_random_bytes(&seed, request.source.bytes, 16);
        test_random_bytes(&seed, request.destination.bytes, 16);
        own = request.destination;
        if (round % 2 == 0)
            test_random_bytes(&seed, own.bytes, 16);
        uint8_t *message = mnet_packet_put(packet, len);
        uint8_t before[64];
        memset(message, round % 3 == 0 ? 0xff : 0, len);
        if (round % 3 == 2)
            test_random_bytes(&seed, message, len);
        message[0] = MN_ICMPV6_ECHO;
        message[1] = 0;
        mn_icmpv6_set_checksum(message, len, &request.source, &request.destination);
        memcpy(before, message, len);
        mn_icmpv6_become_reply(packet, &request.destination, &own);
        struct mn_datagram reply = {.source = own, .destination = request.source, .protocol = MN_PROTOCOL_ICMPV6};
        assert_true(mn_transport_checksum_ok(packet, &reply));
        assert_int_equal(mn_icmpv6_type(packet->data), MN_ICMPV6_ECHO_REPLY);
        assert_memory_equal(packet->data + 4, before + 4, len - 4);
        uint16_t updated = mn_load_u16(packet->data + 2);
        mn_icmpv6_set_checksum(packet->data, len, &reply.source, &reply.destination);
        assert_int_equal(updated, mn_load_u16(packet->data + 2));
        mnet_packet_free(packet);
    }
    free(region);
}

/* ICMP6-2.1-1, ICMP6-2.4e.1-1, ICMP6-2.4e.2-1 */
static void errors_are_the_types_below_128(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        assert_int_equal(mn_icmpv6_is_error((uint8_t)type), type < 128);
        assert_int_equal(mn_icmpv6_is_beyond_errors((uint8_t)type), type < 128 || type == 137);
    }
}

/* ---- Errors ---- */

/* A packet of ours: 2001:db8::1 to 2001:db8::2, destination options, then ports 1000 and 80. */
enum {
    EXTENDED = MN_IPV6_HEADER + 8 + 20,
    PLAIN = MN_IPV6_HEADER + 20,
};

static void put_packet(uint8_t *packet, uint8_t protocol, bool extended)
{
    struct mn_ipv6 header = {
        .source = address("2001:db8::1"),
        .destination = address("2001:db8::2"),
        .payload_len = extended ? 28 : 20,
        .next_header = extended ? MN_IPV6_DESTINATION_OPTIONS : protocol,
        .hop_limit = 64,
    };
    static const uint8_t transport[20] = {0x03, 0xe8, 0, 80, 0xde, 0xad, 0xbe, 0xef};
    mn_ipv6_emit(packet, &header);
    if (extended)
        memcpy(packet + MN_IPV6_HEADER, (const uint8_t[]){protocol, 0, 1, 4, 0, 0, 0, 0}, 8);
    memcpy(packet + MN_IPV6_HEADER + (extended ? 8 : 0), transport, sizeof transport);
}

/* ICMP6-3.1-6, ICMP6-3.2-1, ICMP6-3.3-1, ICMP6-3.4-3, ICMP6-2.4a-1 */
static void error_has_the_reason_of_its_type_and_code(void **state)
{
    (void)state;
    static const struct {
        uint8_t type, code;
        uint32_t value;
        enum mn_unreachable reason;
    } cases[] = {
        {1, 0, 0, MN_UNREACHABLE_NETWORK},    {1, 1, 0, MN_UNREACHABLE_PROHIBITED},
        {1, 2, 0, MN_UNREACHABLE_NETWORK},    {1, 3, 0, MN_UNREACHABLE_HOST},
        {1, 4, 0, MN_UNREACHABLE_PORT},       {1, 5, 0, MN_UNREACHABLE_PROHIBITED},
        {1, 6, 0, MN_UNREACHABLE_PROHIBITED}, {1, 7, 0, MN_UNREACHABLE_NETWORK},
        {1, 255, 0, MN_UNREACHABLE_NETWORK},  {2, 0, 1280, MN_UNREACHABLE_TOO_BIG},
        {2, 9, 1400, MN_UNREACHABLE_TOO_BIG}, {3, 0, 0, MN_UNREACHABLE_NETWORK},
        {3, 1, 0, MN_UNREACHABLE_NETWORK},    {4, 0, 40, MN_UNREACHABLE_NETWORK},
        {4, 1, 40, MN_UNREACHABLE_PROTOCOL},  {4, 1, 6, MN_UNREACHABLE_NETWORK},
        {4, 2, 42, MN_UNREACHABLE_NETWORK},   {4, 3, 0, MN_UNREACHABLE_NETWORK},
        {0, 0, 0, MN_UNREACHABLE_NETWORK},    {100, 3, 0, MN_UNREACHABLE_NETWORK},
        {127, 0, 0, MN_UNREACHABLE_NETWORK},
    };
    uint8_t packet[EXTENDED];
    put_packet(packet, MN_PROTOCOL_TCP, true);
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        struct mn_icmpv6 message = {cases[i].type, cases[i].code, cases[i].value};
        struct mn_icmp_error error;
        assert_int_equal(mn_icmpv6_read_error(&message, packet, sizeof packet, &error), MN_PARSE_OK);
        assert_int_equal(error.reason, cases[i].reason);
        assert_int_equal(error.mtu, cases[i].type == 2 ? cases[i].value : 0);
        assert_int_equal(error.protocol, MN_PROTOCOL_TCP);
        assert_true(mnet_address_equal(error.local, address("2001:db8::1")));
        assert_true(mnet_address_equal(error.remote, address("2001:db8::2")));
        assert_ptr_equal(error.quote, packet + MN_IPV6_HEADER + 8);
        assert_int_equal(error.quote_len, 20);
    }
}

/* A transport that the fixed header names. */
static void unknown_transport_of_a_plain_packet_is_a_protocol_unreachable(void **state)
{
    (void)state;
    uint8_t packet[PLAIN];
    struct mn_icmpv6 message = {MN_ICMPV6_PARAMETER_PROBLEM, MN_IPV6_UNKNOWN_NEXT_HEADER, 6};
    struct mn_icmp_error error;
    put_packet(packet, MN_PROTOCOL_UDP, false);
    assert_int_equal(mn_icmpv6_read_error(&message, packet, sizeof packet, &error), MN_PARSE_OK);
    assert_int_equal(error.reason, MN_UNREACHABLE_PROTOCOL);
    assert_int_equal(error.protocol, MN_PROTOCOL_UDP);
    assert_ptr_equal(error.quote, packet + MN_IPV6_HEADER);
}

/* PMTU-4-2, FRAG8021-4-1 */
static void mtu_below_1280_is_not_believed(void **state)
{
    (void)state;
    static const uint32_t values[] = {0, 68, 1279, 1280, 1281, UINT32_MAX};
    uint8_t packet[PLAIN];
    put_packet(packet, MN_PROTOCOL_TCP, false);
    for (size_t i = 0; i < MN_COUNT_OF(values); i++) {
        struct mn_icmpv6 message = {MN_ICMPV6_PACKET_TOO_BIG, 0, values[i]};
        struct mn_icmp_error error;
        assert_int_equal(mn_icmpv6_read_error(&message, packet, sizeof packet, &error),
                         values[i] < 1280 ? MN_PARSE_INVALID : MN_PARSE_OK);
    }
}

/* ICMP6-2.4d-2: with the fixed header alone the path's MTU is known. Every cut of the quote. */
static void quote_that_is_cut_says_what_it_can(void **state)
{
    (void)state;
    uint8_t packet[EXTENDED];
    struct mn_icmpv6 message = {MN_ICMPV6_PACKET_TOO_BIG, 0, 1300};
    struct mn_icmp_error error;
    put_packet(packet, MN_PROTOCOL_TCP, true);
    for (size_t len = 0; len <= sizeof packet; len++) {
        uint8_t *exact = malloc(len + 1);
        memcpy(exact, packet, len);
        enum mn_parse verdict = mn_icmpv6_read_error(&message, exact, len, &error);
        assert_int_equal(verdict, len < EXTENDED - 12 ? MN_PARSE_TRUNCATED : MN_PARSE_OK);
        if (len < MN_IPV6_HEADER) {
            assert_true(mn_ipv6_is_unspecified(&error.remote));
        } else {
            assert_true(mnet_address_equal(error.remote, address("2001:db8::2")));
            assert_int_equal(error.mtu, 1300);
            assert_int_equal(error.quote_len, verdict == MN_PARSE_OK ? len - MN_IPV6_HEADER - 8 : 0);
        }
        free(exact);
    }
}

/* N6-5.8-2: what stands behind the quoted packet is no part of it (RFC 4884). */
static void quote_ends_where_its_packet_does(void **state)
{
    (void)state;
    uint8_t packet[PLAIN + 100] = {0};
    struct mn_icmpv6 message = {MN_ICMPV6_UNREACHABLE, MN_ICMPV6_PORT_UNREACHABLE, 0};
    struct mn_icmp_error error;
    put_packet(packet, MN_PROTOCOL_UDP, false);
    assert_int_equal(mn_icmpv6_read_error(&message, packet, sizeof packet, &error), MN_PARSE_OK);
    assert_int_equal(error.quote_len, 20);
    mn_ipv6_set_payload_len(packet, 7);
    assert_int_equal(mn_icmpv6_read_error(&message, packet, sizeof packet, &error), MN_PARSE_TRUNCATED);
}

static void quote_of_another_version_or_a_later_fragment_names_no_transport(void **state)
{
    (void)state;
    uint8_t packet[EXTENDED];
    struct mn_icmpv6 message = {MN_ICMPV6_UNREACHABLE, MN_ICMPV6_PORT_UNREACHABLE, 0};
    struct mn_icmp_error error;
    put_packet(packet, MN_PROTOCOL_UDP, true);
    packet[6] = MN_IPV6_FRAGMENT;
    packet[MN_IPV6_HEADER + 2] = 0;
    packet[MN_IPV6_HEADER + 3] = 1;
    assert_int_equal(mn_icmpv6_read_error(&message, packet, sizeof packet, &error), MN_PARSE_OK);
    packet[MN_IPV6_HEADER + 3] = 8;
    assert_int_equal(mn_icmpv6_read_error(&message, packet, sizeof packet, &error), MN_PARSE_TRUNCATED);
    packet[0] = 0x45;
    assert_int_equal(mn_icmpv6_read_error(&message, packet, sizeof packet, &error), MN_PARSE_INVALID);
}

/* ICMP6-2.4c-1 */
static void largest_error_has_1280_bytes(void **state)
{
    (void)state;
    assert_int_equal(MN_IPV6_HEADER + MN_ICMPV6_HEADER + MN_ICMPV6_QUOTE_MAX, 1280);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_and_emit_agree),
        cmocka_unit_test(checksum_covers_message_and_pseudo_header),
        cmocka_unit_test(echo_request_becomes_the_reply),
        cmocka_unit_test(errors_are_the_types_below_128),
        cmocka_unit_test(error_has_the_reason_of_its_type_and_code),
        cmocka_unit_test(unknown_transport_of_a_plain_packet_is_a_protocol_unreachable),
        cmocka_unit_test(mtu_below_1280_is_not_believed),
        cmocka_unit_test(quote_that_is_cut_says_what_it_can),
        cmocka_unit_test(quote_ends_where_its_packet_does),
        cmocka_unit_test(quote_of_another_version_or_a_later_fragment_names_no_transport),
        cmocka_unit_test(largest_error_has_1280_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
