/* Headers found, compared and patched in the raw bytes of frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/frame.h"
#include "wire/frame.h"

#define MEMORY ((size_t)1 << 20)
#define FIRST_IP_BYTE MN_ETHERNET_HEADER
#define PROTOCOL (MN_ETHERNET_HEADER + 9)
#define FRAGMENT (MN_ETHERNET_HEADER + 6)

static const uint8_t payload[100] = "a segment";

static int set_up(void **state)
{
    *state = test_memory(MEMORY);
    return 0;
}

static int tear_down(void **state)
{
    test_memory_free(*state);
    return 0;
}

static void find_reads_places_and_lengths(void **state)
{
    static const uint8_t options[] = {1, 1, 1, 1, 1, 1, 1, 0};
    for (int ip_options = 0; ip_options <= 1; ip_options++) {
        struct test_tcp tcp = {.seq = 0xfedcba98, .flags = MN_TCP_ACK | MN_TCP_PSH, .identification = 77};
        tcp.options = options;
        tcp.options_len = sizeof options;
        tcp.ip_options = ip_options;
        struct mnet_packet *frame = test_tcp_frame(*state, &tcp, payload, 10);
        struct mn_frame found = {0};
        assert_true(mn_frame_find_tcp(frame, &found));
        assert_int_equal(mn_frame_type(frame), MN_ETHERTYPE_IPV4);
        assert_int_equal(found.network_len, ip_options ? 24 : 20);
        assert_int_equal(found.transport_len, 28);
        assert_ptr_equal(found.network, frame->data + 14);
        assert_ptr_equal(found.transport, frame->data + 14 + found.network_len);
        assert_int_equal(mn_frame_packet_len(&found), found.network_len + 28 + 10);
        assert_int_equal(mn_frame_identification(&found), 77);
        assert_int_equal(mn_frame_sequence(&found), 0xfedcba98);
        assert_int_equal(mn_frame_flags(&found), MN_TCP_ACK | MN_TCP_PSH);
        assert_true(mn_frame_reserved_is_zero(&found));
        assert_true(mn_frame_network_checksum_ok(&found));
        assert_true(mn_frame_transport_checksum_ok(&found, frame));
        assert_int_equal(mn_frame_find_plain_tcp(frame, &found), !ip_options);
        mnet_packet_free(frame);
    }
}

static void find_in_every_truncation_finds_nothing(void **state)
{
    for (int ip_options = 0; ip_options <= 1; ip_options++) {
        uint32_t least = MN_FRAME_TCP_LEAST + (ip_options ? 4 : 0);
        for (uint32_t len = 0; len <= least; len++) {
            struct mn_frame found = {0};
            struct mnet_packet *frame = test_tcp_frame(*state, &(struct test_tcp){.ip_options = ip_options}, payload,
                                                       0);
            mnet_packet_trim(frame, len);
            assert_int_equal(mn_frame_find_tcp(frame, &found), len == least);
            assert_int_equal(mn_frame_find_plain_tcp(frame, &found), len == least && !ip_options);
            mnet_packet_free(frame);
        }
    }
}

static void find_refuses_other_protocols_and_fragments(void **state)
{
    static const struct {
        unsigned at;
        uint8_t value;
        bool any, plain; /* found */
    } cases[] = {
        {FIRST_IP_BYTE, 0x65, false, false}, /* version 6 */
        {FIRST_IP_BYTE, 0x44, false, false}, /* a header of 16 bytes */
        {PROTOCOL, MN_PROTOCOL_UDP, false, false},
        {FRAGMENT, 0x20, true, false}, /* more fragments */
        {FRAGMENT, 0x80, true, false}, /* the bit that must be zero */
        {FRAGMENT + 1, 1, true, false},
        {FRAGMENT, 0x40, true, true},
        {FRAGMENT, 0, true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mn_frame found = {0};
        struct mnet_packet *frame = test_tcp_frame(*state, &(struct test_tcp){0}, payload, 0);
        frame->data[cases[i].at] = cases[i].value;
        assert_int_equal(mn_frame_find_tcp(frame, &found), cases[i].any);
        assert_int_equal(mn_frame_find_plain_tcp(frame, &found), cases[i].plain);
        mnet_packet_free(frame);
    }
}

static void patched_length_keeps_the_checksum_right(void **state)
{
    for (int ip_options = 0; ip_options <= 1; ip_options++) {
        struct mn_frame found = {0};
        struct mnet_packet *frame = test_tcp_frame(*state, &(struct test_tcp){.ip_options = ip_options}, payload, 50);
        assert_true(mn_frame_find_tcp(frame, &found));
        for (uint16_t len = 0; len < 3000; len += 37) {
            mn_frame_set_packet_len(&found, len);
            assert_int_equal(mn_frame_packet_len(&found), len);
            assert_true(mn_frame_network_checksum_ok(&found));
        }
        mnet_packet_free(frame);
    }
}

static void wrong_checksum_is_seen(void **state)
{
    struct mn_frame found = {0};
    struct mnet_packet *frame = test_tcp_frame(*state, &(struct test_tcp){0}, payload, 50);
    assert_true(mn_frame_find_tcp(frame, &found));
    frame->data[frame->len - 1] ^= 1;
    assert_true(mn_frame_network_checksum_ok(&found));
    assert_false(mn_frame_transport_checksum_ok(&found, frame));
    found.network[8] ^= 1;
    assert_false(mn_frame_network_checksum_ok(&found));
    mnet_packet_free(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(find_reads_places_and_lengths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(find_in_every_truncation_finds_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(find_refuses_other_protocols_and_fragments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(patched_length_keeps_the_checksum_right, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_checksum_is_seen, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
