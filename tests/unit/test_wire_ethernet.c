#include "unit/support.h"

#include "wire/ethernet.h"

static const uint8_t frame[] = {0x02, 0, 0, 0, 0, 0x01, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 0x08, 0x06, 0xaa};

static void parse_reads_the_header(void **state)
{
    (void)state;
    struct mn_ethernet header;
    assert_int_equal(mn_ethernet_parse(frame, sizeof(frame), &header), MN_PARSE_OK);
    assert_memory_equal(header.destination.bytes, frame, 6);
    assert_memory_equal(header.source.bytes, frame + 6, 6);
    assert_int_equal(header.type, MN_ETHERTYPE_ARP);
}

static void parse_of_every_truncation_says_so(void **state)
{
    (void)state;
    for (size_t len = 0; len < MN_ETHERNET_HEADER; len++) {
        uint8_t *exact = malloc(len + 1);
        struct mn_ethernet header;
        memcpy(exact, frame, len);
        assert_int_equal(mn_ethernet_parse(exact, len, &header), MN_PARSE_TRUNCATED);
        free(exact);
    }
}

static void emit_gives_what_was_parsed(void **state)
{
    (void)state;
    struct mn_ethernet header;
    uint8_t out[MN_ETHERNET_HEADER + 1] = {[MN_ETHERNET_HEADER] = 0xee};
    mn_ethernet_parse(frame, sizeof(frame), &header);
    mn_ethernet_emit(out, &header);
    assert_memory_equal(out, frame, MN_ETHERNET_HEADER);
    assert_int_equal(out[MN_ETHERNET_HEADER], 0xee);
}

static void group_bit_marks_broadcast_and_multicast(void **state)
{
    (void)state;
    assert_true(mn_mac_is_group(mn_mac_broadcast));
    assert_true(mn_mac_is_group((struct mn_mac){{0x01, 0x00, 0x5e, 0, 0, 1}}));
    assert_true(mn_mac_is_group((struct mn_mac){{0x33, 0x33, 0, 0, 0, 1}}));
    assert_false(mn_mac_is_group((struct mn_mac){{0x52, 0x54, 0, 0, 0, 1}}));
    assert_true(mn_mac_equal(mn_mac_broadcast, (struct mn_mac){{255, 255, 255, 255, 255, 255}}));
    assert_false(mn_mac_equal(mn_mac_broadcast, (struct mn_mac){{255, 255, 255, 255, 255, 254}}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_reads_the_header),
        cmocka_unit_test(parse_of_every_truncation_says_so),
        cmocka_unit_test(emit_gives_what_was_parsed),
        cmocka_unit_test(group_bit_marks_broadcast_and_multicast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
