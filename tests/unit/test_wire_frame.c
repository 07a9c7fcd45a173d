/* Headers found, compared and patched in the raw bytes of frames of both families. */
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
#define NEXT_HEADER (MN_ETHERNET_HEADER + 6)

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

/* The frames that the functions tell apart: of each family, without and with IP options. */
static const struct test_tcp kinds[] = {
    {.ipv6 = false},
    {.ipv6 = false, .ip_options = true},
    {.ipv6 = true},
    {.ipv6 = true, .ip_options = true},
};

static bool find_tcp(const struct mnet_packet *frame, bool ipv6, struct mn_frame *found)
{
    return ipv6 ? mn_frame_find_tcp6(frame, found) : mn_frame_find_tcp4(frame, found);
}

static bool find_plain_tcp(const struct mnet_packet *frame, bool ipv6, struct mn_frame *found)
{
    return ipv6 ? mn_frame_find_tcp6(frame, found) : mn_frame_find_plain_tcp4(frame, found);
}

static void find_reads_places_and_lengths(void **state)
{
    static const uint8_t options[] = {1, 1, 1, 1, 1, 1, 1, 0};
    for (size_t i = 0; i < MN_COUNT_OF(kinds); i++) {
        struct test_tcp tcp = kinds[i];
        tcp.seq = 0xfedcba98;
        tcp.flags = MN_TCP_ACK | MN_TCP_PSH;
        tcp.identification = 77;
        tcp.options = options;
        tcp.options_len = sizeof options;
        struct mnet_packet *frame = test_tcp_frame(*state, &tcp, payload, 10);
        struct mn_frame found = {0};
        assert_int_equal(mn_frame_type(frame), tcp.ipv6 ? MN_ETHERTYPE_IPV6 : MN_ETHERTYPE_IPV4);
        assert_int_equal(find_plain_tcp(frame, tcp.ipv6, &found), !tcp.ip_options);
        assert_int_equal(find_tcp(frame, tcp.ipv6, &found), !tcp.ip_options || !tcp.ipv6);
        assert_false(find_tcp(frame, !tcp.ipv6, &(struct mn_frame){0}));
        assert_false(find_plain_tcp(frame, !tcp.ipv6, &(struct mn_frame){0}));
        if (tcp.ip_options && tcp.ipv6) {
            mnet_packet_free(frame);
            continue;
        }
        assert_int_equal(found.ipv6, tcp.ipv6);
        assert_int_equal(found.network_len, test_ip_headers(&tcp));
        assert_int_equal(found.transport_len, 28);
        assert_ptr_equal(found.network, frame->data + 14);
        assert_ptr_equal(found.transport, frame->data + 14 + found.network_len);
        assert_int_equal(mn_frame_packet_len(&found), found.network_len + 28 + 10);
        assert_int_equal(mn_frame_identification(&found), tcp.ipv6 ? 0 : 77);
        assert_int_equal(mn_frame_sequence(&found), 0xfedcba98);
        assert_int_equal(mn_frame_flags(&found), MN_TCP_ACK | MN_TCP_PSH);
        assert_true(mn_frame_reserved_is_zero(&found));
        assert_true(mn_frame_network_checksum_ok(&found));
        assert_true(mn_frame_transport_checksum_ok(&found, frame));
        mnet_packet_free(frame);
    }
}

static void find_in_every_truncation_finds_nothing(void **state)
{
    for (size_t i = 0; i < MN_COUNT_OF(kinds); i++) {
        const struct test_tcp *tcp = &kinds[i];
        uint32_t least = test_headers(tcp);
        for (uint32_t len = 0; len <= least; len++) {
            struct mn_frame found = {0};
            struct mnet_packet *frame = test_tcp_frame(*state, tcp, payload, 0);
            mnet_packet_trim(frame, len);
            assert_int_equal(find_plain_tcp(frame, tcp->ipv6, &found), len == least && !tcp->ip_options);
            assert_int_equal(find_tcp(frame, tcp->ipv6, &found), len == least && (!tcp->ip_options || !tcp->ipv6));
            mnet_packet_free(frame);
        }
    }
}

static void find_refuses_other_protocols_and_fragments(void **state)
{
    static const struct {
        bool ipv6;
        unsigned at;
        uint8_t value;
        bool any, plain; /* found */
    } cases[] = {
        {false, FIRST_IP_BYTE, 0x65, false, false}, /* version 6 */
        {false, FIRST_IP_BYTE, 0x44, false, false}, /* a header of 16 bytes */
        {false, PROTOCOL, MN_PROTOCOL_UDP, false, false},
        {false, FRAGMENT, 0x20, true, false}, /* more fragments */
        {false, FRAGMENT, 0x80, true, false}, /* the bit that must be zero */
        {false, FRAGMENT + 1, 1, true, false},
        {false, FRAGMENT, 0x40, true, true},
        {false, FRAGMENT, 0, true, true},
        {true, FIRST_IP_BYTE, 0x45, false, false}, /* version 4 */
        {true, NEXT_HEADER, MN_PROTOCOL_UDP, false, false},
        {true, NEXT_HEADER, MN_IPV6_FRAGMENT, false, false},
        {true, NEXT_HEADER, MN_IPV6_HOP_BY_HOP, false, false},
        {true, FIRST_IP_BYTE, 0x6f, true, true}, /* traffic class */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mn_frame found = {0};
        bool ipv6 = cases[i].ipv6;
        struct mnet_packet *frame = test_tcp_frame(*state, &(struct test_tcp){.ipv6 = ipv6}, payload, 0);
        frame->data[cases[i].at] = cases[i].value;
        assert_int_equal(find_tcp(frame, ipv6, &found), cases[i].any);
        assert_int_equal(find_plain_tcp(frame, ipv6, &found), cases[i].plain);
        mnet_packet_free(frame);
    }
}

/* A frame of each kind whose headers can be found: all but the last. */
#define FOUND_KINDS (MN_COUNT_OF(kinds) - 1)

static void patched_length_keeps_the_checksum_right(void **state)
{
    for (size_t i = 0; i < FOUND_KINDS; i++) {
        struct mn_frame found = {0};
        struct mnet_packet *frame = test_tcp_frame(*state, &kinds[i], payload, 50);
        assert_true(find_tcp(frame, kinds[i].ipv6, &found));
        for (uint16_t len = 40; len < 3000; len += 37) {
            mn_frame_set_packet_len(&found, len);
            assert_int_equal(mn_frame_packet_len(&found), len);
            assert_true(mn_frame_network_checksum_ok(&found));
        }
        mnet_packet_free(frame);
    }
}

static void wrong_checksum_is_seen(void **state)
{
    for (size_t i = 0; i < FOUND_KINDS; i++) {
        struct mn_frame found = {0};
        struct mnet_packet *frame = test_tcp_frame(*state, &kinds[i], payload, 50);
        assert_true(find_tcp(frame, kinds[i].ipv6, &found));
        frame->data[frame->len - 1] ^= 1;
        assert_true(mn_frame_network_checksum_ok(&found));
        assert_false(mn_frame_transport_checksum_ok(&found, frame));
        frame->data[frame->len - 1] ^= 1;
        found.network[kinds[i].ipv6 ? 9 : 8] ^= 1; /* an address; the TTL */
        assert_int_equal(mn_frame_network_checksum_ok(&found), kinds[i].ipv6);
        assert_int_equal(mn_frame_transport_checksum_ok(&found, frame), !kinds[i].ipv6);
        mnet_packet_free(frame);
    }
}

/* Each byte of the addresses and ports makes another connection, and nothing else does. */
static void connection_is_addresses_and_ports(void **state)
{
    for (size_t i = 0; i < FOUND_KINDS; i += 2) {
        bool ipv6 = kinds[i].ipv6;
        struct mn_frame a = {0}, b = {0};
        struct mnet_packet *one = test_tcp_frame(*state, &kinds[i], payload, 1);
        struct mnet_packet *two = test_tcp_frame(*state, &kinds[i], payload, 1);
        assert_true(find_tcp(one, ipv6, &a) && find_tcp(two, ipv6, &b));
        uint32_t first = FIRST_IP_BYTE + (ipv6 ? 8 : 12), end = one->csum_start + 4u;
        for (uint32_t at = 0; at < one->len; at++) {
            two->data[at] ^= 1;
            assert_int_equal(mn_frame_same_connection(&a, &b), at < first || at >= end);
            two->data[at] ^= 1;
        }
        mnet_packet_free(one);
        mnet_packet_free(two);
    }
}

/* One header says all for two segments but their lengths, places and flags. */
static void headers_are_shared_but_for_lengths_places_and_flags(void **state)
{
    static const uint8_t options[] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
    for (size_t i = 0; i < FOUND_KINDS; i += 2) {
        bool ipv6 = kinds[i].ipv6;
        struct test_tcp tcp = kinds[i];
        tcp.options = options;
        tcp.options_len = sizeof options;
        struct mn_frame a = {0}, b = {0};
        struct mnet_packet *one = test_tcp_frame(*state, &tcp, payload, 1);
        struct mnet_packet *two = test_tcp_frame(*state, &tcp, payload, 1);
        assert_true(find_tcp(one, ipv6, &a) && find_tcp(two, ipv6, &b));
        uint32_t ip = FIRST_IP_BYTE, tcp_at = one->csum_start, headers = tcp_at + 32u;
        for (uint32_t at = 0; at < headers; at++) {
            bool length = at - ip - (ipv6 ? 4 : 2) < 2;
            /* Identification and checksum; sequence number, flags and checksum. */
            bool of_ipv4 = !ipv6 && (at - ip - 4 < 2 || at - ip - 10 < 2);
            bool of_tcp = at - tcp_at - 4 < 4 || at == tcp_at + 13 || at - tcp_at - 16 < 2;
            two->data[at] ^= 1;
            assert_int_equal(mn_frame_same_headers(&a, &b), length || of_ipv4 || of_tcp);
            two->data[at] ^= 1;
        }
        mnet_packet_free(one);
        mnet_packet_free(two);
    }
}

/* An IPv6 frame's addresses can be chosen so that the bytes where IPv4 has its own are the same. */
static void connections_of_two_families_differ(void **state)
{
    struct mn_frame a = {0}, b = {0};
    struct mnet_packet *one = test_tcp_frame(*state, &kinds[0], payload, 1);
    struct mnet_packet *two = test_tcp_frame(*state, &kinds[2], payload, 1);
    memcpy(two->data + FIRST_IP_BYTE + 12, one->data + FIRST_IP_BYTE + 12, 8);
    assert_true(find_tcp(one, false, &a) && find_tcp(two, true, &b));
    assert_false(mn_frame_same_connection(&a, &b));
    assert_false(mn_frame_same_connection(&b, &a));
    mnet_packet_free(one);
    mnet_packet_free(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(find_reads_places_and_lengths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(find_in_every_truncation_finds_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(find_refuses_other_protocols_and_fragments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(patched_length_keeps_the_checksum_right, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_checksum_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(connection_is_addresses_and_ports, set_up, tear_down),
        cmocka_unit_test_setup_teardown(headers_are_shared_but_for_lengths_places_and_flags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(connections_of_two_families_differ, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
