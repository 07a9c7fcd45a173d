#include "unit/support.h"

#include "wire/arp.h"

/* Who has 10.0.0.2? Tell 10.0.0.1. */
static const uint8_t request[MN_ARP_PACKET] = {
    0x00, 0x01, 0x08, 0x00, 6,    4,    0x00, 0x01,       /* Ethernet, IPv4, lengths, request */
    0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 10,   0,    0, 1, /* sender */
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 10,   0,    0, 2, /* target */
};

static void parse_reads_a_request(void **state)
{
    (void)state;
    struct mn_arp arp;
    assert_int_equal(mn_arp_parse(request, sizeof(request), &arp), MN_PARSE_OK);
    assert_int_equal(arp.operation, MN_ARP_REQUEST);
    assert_memory_equal(arp.sender_mac.bytes, request + 8, 6);
    assert_int_equal(arp.sender_ip, 0x0a000001);
    assert_memory_equal(arp.target_mac.bytes, request + 18, 6);
    assert_int_equal(arp.target_ip, 0x0a000002);
}

static void parse_ignores_padding(void **state)
{
    (void)state;
    uint8_t padded[46] = {0};
    struct mn_arp arp;
    memcpy(padded, request, sizeof(request));
    padded[7] = MN_ARP_REPLY;
    assert_int_equal(mn_arp_parse(padded, sizeof(padded), &arp), MN_PARSE_OK);
    assert_int_equal(arp.operation, MN_ARP_REPLY);
}

static void parse_of_every_truncation_says_so(void **state)
{
    (void)state;
    for (size_t len = 0; len < MN_ARP_PACKET; len++) {
        uint8_t *exact = malloc(len + 1);
        struct mn_arp arp;
        memcpy(exact, request, len);
        assert_int_equal(mn_arp_parse(exact, len, &arp), MN_PARSE_TRUNCATED);
        free(exact);
    }
}

/* Every wrong value of every byte of types, lengths and operation. */
static void parse_refuses_other_types_lengths_and_operations(void **state)
{
    (void)state;
    for (size_t at = 0; at < 8; at++)
        for (int value = 0; value < 256; value++) {
            uint8_t bytes[MN_ARP_PACKET];
            struct mn_arp arp;
            memcpy(bytes, request, sizeof(bytes));
            bytes[at] = (uint8_t)value;
            bool right = value == request[at] || (at == 7 && value == MN_ARP_REPLY);
            assert_int_equal(mn_arp_parse(bytes, sizeof(bytes), &arp), right ? MN_PARSE_OK : MN_PARSE_INVALID);
        }
}

static void emit_gives_what_was_parsed(void **state)
{
    (void)state;
    struct mn_arp arp;
    uint8_t out[MN_ARP_PACKET + 2] = {[MN_ARP_PACKET] = 0xee};
    mn_arp_parse(request, sizeof(request), &arp);
    mn_arp_emit(out, &arp);
    assert_memory_equal(out, request, MN_ARP_PACKET);
    assert_int_equal(out[MN_ARP_PACKET], 0xee);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_reads_a_request),
        cmocka_unit_test(parse_ignores_padding),
        cmocka_unit_test(parse_of_every_truncation_says_so),
        cmocka_unit_test(parse_refuses_other_types_lengths_and_operations),
        cmocka_unit_test(emit_gives_what_was_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
