/* UDP headers, and the pseudo-header that UDP shares with TCP. */
#include "unit/support.h"

#include <mnet/address.h>

#include "base/checksum.h"
#include "wire/udp.h"

static void set_u16(uint8_t *bytes, unsigned value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static void parse_reads_the_header(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x35, 0xc0, 0x01, 0x00, 0x0c, 0xab, 0xcd, 1, 2, 3, 4};
    struct mn_udp_header header;
    assert_int_equal(mn_udp_parse(bytes, sizeof(bytes), sizeof(bytes), &header), MN_PARSE_OK);
    assert_int_equal(header.source_port, 53);
    assert_int_equal(header.destination_port, 0xc001);
    assert_int_equal(header.length, 12);
    assert_memory_equal(&header.checksum, bytes + 6, 2);
    assert_int_equal(mn_udp_parse(bytes, 8, sizeof(bytes), &header), MN_PARSE_OK);
}

static void parse_of_every_truncation_says_so(void **state)
{
    (void)state;
    for (size_t len = 0; len < MN_UDP_HEADER; len++) {
        uint8_t *exact = malloc(len + 1);
        struct mn_udp_header header;
        memset(exact, 8, len);
        assert_int_equal(mn_udp_parse(exact, len, len, &header), MN_PARSE_TRUNCATED);
        assert_int_equal(mn_udp_parse(exact, len, 1000, &header), MN_PARSE_TRUNCATED);
        free(exact);
    }
}

static void parse_of_lying_lengths(void **state)
{
    (void)state;
    enum {
        TOTAL = 100,
    };
    static const struct {
        unsigned length;
        enum mn_parse verdict;
    } cases[] = {
        {0, MN_PARSE_INVALID},    {1, MN_PARSE_INVALID}, {7, MN_PARSE_INVALID},         {8, MN_PARSE_OK},
        {TOTAL - 1, MN_PARSE_OK}, {TOTAL, MN_PARSE_OK},  {TOTAL + 1, MN_PARSE_INVALID}, {65535, MN_PARSE_INVALID},
    };
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        uint8_t bytes[MN_UDP_HEADER] = {0};
        struct mn_udp_header header;
        set_u16(bytes + 4, cases[i].length);
        assert_int_equal(mn_udp_parse(bytes, sizeof(bytes), TOTAL, &header), cases[i].verdict);
    }
}

static void emit_and_parse_agree_at_any_alignment(void **state)
{
    (void)state;
    uint64_t seed = 71;
    for (int i = 0; i < 1000; i++) {
        struct mn_udp_header header = {(uint16_t)test_random(&seed), (uint16_t)test_random(&seed),
                                       (uint16_t)(8 + test_random_below(&seed, 65528)), (uint16_t)test_random(&seed)};
        uint8_t block[MN_UDP_HEADER + 8], *out = block + i % 8;
        struct mn_udp_header back;
        mn_udp_emit(out, &header);
        assert_int_equal(mn_udp_parse(out, MN_UDP_HEADER, 65535, &back), MN_PARSE_OK);
        assert_memory_equal(&back, &header, sizeof(header));
    }
}

/* The pseudo-header as RFC 768 and RFC 8200 8.1 draw it, in bytes. */
static uint16_t plain_pseudo(struct mnet_address from, struct mnet_address to, uint8_t protocol, uint32_t len)
{
    uint8_t bytes[40] = {0};
    size_t address_len = mnet_address_is_ipv4(from) ? 4 : 16;
    memcpy(bytes, from.bytes + 16 - address_len, address_len);
    memcpy(bytes + address_len, to.bytes + 16 - address_len, address_len);
    set_u16(bytes + 2 * address_len, len >> 16);
    set_u16(bytes + 2 * address_len + 2, len & 0xffff);
    bytes[2 * address_len + 7] = protocol;
    return mn_sum_fold(mn_sum(0, bytes, 2 * address_len + 8));
}

static void pseudo_sum_of_both_families(void **state)
{
    (void)state;
    uint64_t seed = 72;
    for (int i = 0; i < 5000; i++) {
        struct mnet_address from, to;
        uint32_t len = (uint32_t)test_random_below(&seed, i % 3 == 0 ? 200000 : 65536);
        uint8_t protocol = i % 2 == 0 ? MN_PROTOCOL_UDP : MN_PROTOCOL_TCP;
        test_random_bytes(&seed, &from, sizeof(from));
        test_random_bytes(&seed, &to, sizeof(to));
        if (i % 2 == 0) {
            from = mnet_address_from_ipv4((uint32_t)test_random(&seed));
            to = mnet_address_from_ipv4(i % 10 == 0 ? 0 : (uint32_t)test_random(&seed));
        }
        uint16_t sum = mn_sum_fold(mn_pseudo_sum(&from, &to, protocol, len));
        assert_int_equal(sum, plain_pseudo(from, to, protocol, len));
    }
}

/* IP6-8.1-4, IP6-8.1-5: the same datagram over both families, with and without a checksum, received
 * from a device that verifies none and from one that does. */
static void zero_checksum_is_right_in_ipv4_alone(void **state)
{
    (void)state;
    void *region;
    struct mnet_packet *packet = mnet_packet_alloc(test_memory(1 << 20, &region));
    struct mnet_address ends[2][2] = {{mnet_ipv4(10, 0, 0, 1), mnet_ipv4(10, 0, 0, 2)}};
    struct mn_udp_header header = {.source_port = 53, .destination_port = 1000, .length = MN_UDP_HEADER};
    uint8_t *bytes = mnet_packet_put(packet, MN_UDP_HEADER);
    assert_int_equal(mnet_address_parse("2001:db8::1", &ends[1][0]), 0);
    assert_int_equal(mnet_address_parse("2001:db8::2", &ends[1][1]), 0);
    for (int family = 0; family < 2; family++) {
        struct mn_datagram datagram = {
            .source = ends[family][0], .destination = ends[family][1], .protocol = MN_PROTOCOL_UDP};
        header.checksum = 0;
        mn_udp_emit(bytes, &header);
        packet->checksum = MNET_CHECKSUM_PLAIN;
        assert_int_equal(mn_udp_checksum_ok(packet, &datagram, &header), family == 0);
        packet->checksum = MNET_CHECKSUM_VERIFIED;
        assert_int_equal(mn_udp_checksum_ok(packet, &datagram, &header), family == 0);
        packet->checksum = MNET_CHECKSUM_PLAIN;
        uint64_t sum = mn_pseudo_sum(&datagram.source, &datagram.destination, MN_PROTOCOL_UDP, MN_UDP_HEADER);
        header.checksum = mn_checksum(mn_sum(sum, bytes, MN_UDP_HEADER));
        mn_udp_emit(bytes, &header);
        assert_true(mn_udp_checksum_ok(packet, &datagram, &header));
        header.checksum ^= 1;
        mn_udp_emit(bytes, &header);
        assert_false(mn_udp_checksum_ok(packet, &datagram, &header));
    }
    mnet_packet_free(packet);
    free(region);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_reads_the_header),      cmocka_unit_test(parse_of_every_truncation_says_so),
        cmocka_unit_test(parse_of_lying_lengths),      cmocka_unit_test(emit_and_parse_agree_at_any_alignment),
        cmocka_unit_test(pseudo_sum_of_both_families), cmocka_unit_test(zero_checksum_is_right_in_ipv4_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
