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

/* Makes a frame of `len` bytes whose checksum starts at byte 50, with a tag after its addresses. */
static struct mnet_packet *tagged_frame(struct mnet_memory *memory, uint16_t type, uint16_t tag, size_t len)
{
    struct mnet_packet *packet = mnet_packet_alloc(memory);
    uint8_t *bytes = mnet_packet_put(packet, len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)i;
    const uint8_t words[] = {(uint8_t)(type >> 8), (uint8_t)type, (uint8_t)(tag >> 8), (uint8_t)tag};
    memcpy(bytes + 12, words, MN_MIN(sizeof words, len - 12));
    packet->checksum = MNET_CHECKSUM_PARTIAL;
    packet->csum_start = 50;
    return packet;
}

static void priority_tag_is_taken_out_and_others_stay(void **state)
{
    static uint8_t region[MNET_MEMORY_MINIMUM];
    static const struct {
        uint16_t type, tag;
        uint8_t len;
        bool taken;
    } cases[] = {
        {0x8100, 0xa000, 64, true},  {0x8100, 0x0000, 64, true},  {0x8100, 0xf000, 18, true},
        {0x88a8, 0x2000, 64, true},  {0x8100, 0xa001, 64, false}, {0x8100, 0x0800, 64, false},
        {0x8100, 0x0fff, 64, false}, {0x8100, 0xa000, 17, false}, {0x0800, 0x4500, 64, false},
        {0x8101, 0xa000, 64, false},
    };
    struct mnet_memory *memory = mnet_memory_init(region, sizeof region);
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        struct mnet_packet *packet = tagged_frame(memory, cases[i].type, cases[i].tag, cases[i].len);
        assert_int_equal(mn_ethernet_untag(packet), cases[i].taken);
        assert_int_equal(packet->total, cases[i].taken ? cases[i].len - 4 : cases[i].len);
        assert_int_equal(packet->csum_start, cases[i].taken ? 46 : 50);
        assert_memory_equal(packet->data, "\0\1\2\3\4\5\6\7\10\11\12\13", 12);
        for (size_t at = 12; cases[i].taken && at < packet->len; at++)
            assert_int_equal(packet->data[at], at + 4);
        mnet_packet_free(packet);
    }
}

/* ETH-7-1, and RFC 1112 6.4 */
static void groups_have_addresses_of_stations(void **state)
{
    (void)state;
    static const struct {
        const char *group;
        struct mn_mac mac;
    } cases[] = {
        {"224.0.0.1", {{0x01, 0x00, 0x5e, 0x00, 0x00, 0x01}}},
        {"239.255.255.250", {{0x01, 0x00, 0x5e, 0x7f, 0xff, 0xfa}}},
        {"224.128.1.2", {{0x01, 0x00, 0x5e, 0x00, 0x01, 0x02}}},
        {"ff02::1", {{0x33, 0x33, 0x00, 0x00, 0x00, 0x01}}},
        {"ff02::1:ff12:3456", {{0x33, 0x33, 0xff, 0x12, 0x34, 0x56}}},
        {"ff0e::ffff:ffff", {{0x33, 0x33, 0xff, 0xff, 0xff, 0xff}}},
    };
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        struct mnet_address group;
        assert_int_equal(mnet_address_parse(cases[i].group, &group), 0);
        assert_true(mn_mac_equal(mn_mac_of_group(&group), cases[i].mac));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_reads_the_header),
        cmocka_unit_test(parse_of_every_truncation_says_so),
        cmocka_unit_test(emit_gives_what_was_parsed),
        cmocka_unit_test(priority_tag_is_taken_out_and_others_stay),
        cmocka_unit_test(group_bit_marks_broadcast_and_multicast),
        cmocka_unit_test(groups_have_addresses_of_stations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
