#include "unit/support.h"

#include "base/checksum.h"
#include "wire/icmpv4.h"

static void parse_reads_an_echo_request(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {8, 0, 0xf7, 0xfc, 0x00, 0x01, 0x00, 0x02};
    struct mn_icmpv4 header;
    assert_int_equal(mn_icmpv4_parse(bytes, sizeof(bytes), &header), MN_PARSE_OK);
    assert_int_equal(header.type, MN_ICMPV4_ECHO);
    assert_int_equal(header.code, 0);
    assert_int_equal(header.identifier, 1);
    assert_int_equal(header.sequence, 2);
}

/* RFC 1191 4: the MTU is in the lower half of the second word. */
static void parse_finds_the_mtu(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {3, 4, 0, 0, 0, 0, 0x05, 0x78};
    struct mn_icmpv4 header;
    assert_int_equal(mn_icmpv4_parse(bytes, sizeof(bytes), &header), MN_PARSE_OK);
    assert_int_equal(header.type, MN_ICMPV4_UNREACHABLE);
    assert_int_equal(header.code, MN_ICMPV4_FRAGMENTATION_NEEDED);
    assert_int_equal(header.sequence, 1400);
}

static void parse_of_every_truncation_says_so(void **state)
{
    (void)state;
    for (size_t len = 0; len < MN_ICMPV4_HEADER; len++) {
        uint8_t *exact = malloc(len + 1);
        struct mn_icmpv4 header;
        memset(exact, 0, len);
        assert_int_equal(mn_icmpv4_parse(exact, len, &header), MN_PARSE_TRUNCATED);
        free(exact);
    }
}

static void emit_gives_the_checksum_over_header_and_body(void **state)
{
    (void)state;
    const struct mn_icmpv4 header = {MN_ICMPV4_ECHO, 0, 1, 2};
    uint8_t out[MN_ICMPV4_HEADER];
    mn_icmpv4_emit(out, &header, 0);
    static const uint8_t expected[] = {8, 0, 0xf7, 0xfc, 0x00, 0x01, 0x00, 0x02};
    assert_memory_equal(out, expected, sizeof(expected));

    uint64_t seed = 61;
    for (size_t len = 0; len < 100; len++) {
        uint8_t message[MN_ICMPV4_HEADER + 100];
        struct mn_icmpv4 back;
        test_random_bytes(&seed, message, sizeof(message));
        mn_icmpv4_emit(message, &header, mn_sum(0, message + MN_ICMPV4_HEADER, len));
        assert_int_equal(mn_checksum(mn_sum(0, message, MN_ICMPV4_HEADER + len)), 0);
        assert_int_equal(mn_icmpv4_parse(message, sizeof(message), &back), MN_PARSE_OK);
        assert_memory_equal(&back, &header, sizeof(header));
    }
}

/* RFC 1122 3.2.2 names five types. An unknown type is no error, but it is no request to answer
 * either. */
static void errors_are_the_five_types(void **state)
{
    (void)state;
    for (int type = 0; type < 256; type++) {
        bool error = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
        assert_int_equal(mn_icmpv4_is_error((uint8_t)type), error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_reads_an_echo_request),
        cmocka_unit_test(parse_finds_the_mtu),
        cmocka_unit_test(parse_of_every_truncation_says_so),
        cmocka_unit_test(emit_gives_the_checksum_over_header_and_body),
        cmocka_unit_test(errors_are_the_five_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
