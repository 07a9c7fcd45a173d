/* The software checksummer and segmenter. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "stack/offload.h"
#include "tests/support/frame.h"
#include "wire/bytes.h"
#include "wire/tcp.h"

#define MEMORY ((size_t)4 << 20)

static uint8_t payload[65536];

static int set_up(void **state)
{
    *state = test_memory(MEMORY);
    test_fill(payload, sizeof payload, 7);
    return 0;
}

static int tear_down(void **state)
{
    test_memory_free(*state);
    return 0;
}

static void complete_linear_gives_right_checksum(void **state)
{
    for (size_t len = 0; len < 40; len++) {
        struct mnet_packet *frame = test_udp_frame(*state, payload, len);
        assert_false(test_frame_ok(frame));
        assert_true(mn_offload_complete(frame));
        assert_int_equal(frame->checksum, MNET_CHECKSUM_PLAIN);
        assert_true(test_frame_ok(frame));
        mnet_packet_free(frame);
    }
}

static void complete_odd_fragments_gives_right_checksum(void **state)
{
    for (size_t piece = 1; piece < 8; piece++) {
        struct mnet_packet *frame = test_large_frame(*state, &(struct test_tcp){.seq = 5}, payload, piece * 7 + 1,
                                                     piece, 100);
        frame->gso = MNET_GSO_NONE;
        assert_true(mn_offload_complete(frame));
        assert_true(test_frame_ok(frame));
        mnet_packet_free(frame);
    }
}

static void complete_more_continues_at_odd_offset(void **state)
{
    struct mnet_packet *frame = test_udp_frame(*state, payload, 101);
    struct mnet_packet *rest = mnet_packet_alloc(*state);
    memcpy(mnet_packet_put(rest, 50), frame->data + 34 + 8 + 51, 50);
    mnet_packet_trim(frame, 34 + 8 + 51);
    frame->more = rest;
    frame->total += 50;
    assert_true(mn_offload_complete(frame));
    assert_true(test_frame_ok(frame));
    mnet_packet_free(frame);
}

static void complete_udp_zero_is_sent_as_ones(void **state)
{
    struct mnet_packet *frame = test_udp_frame(*state, "\0\0", 2);
    assert_true(mn_offload_complete(frame));
    uint16_t first = mn_load_u16(frame->data + 40);
    mnet_packet_free(frame);
    /* A payload equal to the checksum makes the sum 0xffff, and its complement 0. */
    uint8_t bytes[2];
    mn_store_u16(bytes, first);
    frame = test_udp_frame(*state, bytes, 2);
    assert_true(mn_offload_complete(frame));
    assert_int_equal(mn_load_u16(frame->data + 40), 0xffff);
    assert_true(test_frame_ok(frame));
    mnet_packet_free(frame);
}

static void complete_plain_is_left_alone(void **state)
{
    struct mnet_packet *frame = test_tcp_frame(*state, &(struct test_tcp){.seq = 1}, payload, 10);
    frame->data[50] ^= 1;
    uint8_t before[64];
    memcpy(before, frame->data, frame->len);
    assert_true(mn_offload_complete(frame));
    assert_memory_equal(before, frame->data, frame->len);
    mnet_packet_free(frame);
}

static void complete_field_outside_fails(void **state)
{
    struct mnet_packet *frame = test_udp_frame(*state, payload, 0);
    frame->csum_offset = 7; /* its second byte would be one beyond the end */
    assert_false(mn_offload_complete(frame));
    frame->csum_start = 60000;
    assert_false(mn_offload_complete(frame));
    assert_int_equal(frame->checksum, MNET_CHECKSUM_PARTIAL);
    mnet_packet_free(frame);
}

/* Cuts the frame and checks each segment against the payload. Returns the number of segments. */
static unsigned check_cut(struct mnet_memory *memory, const struct mnet_packet *frame, const struct test_tcp *tcp,
                          size_t len)
{
    struct mn_segmenter segmenter;
    assert_true(mn_segmenter_init(&segmenter, frame, memory));
    unsigned count = 0;
    size_t done = 0;
    size_t headers = 54 + tcp->options_len + (tcp->ip_options ? 4 : 0);
    while (!mn_segmenter_done(&segmenter)) {
        struct mnet_packet *segment = mn_segmenter_next(&segmenter);
        assert_non_null(segment);
        size_t size = segment->total - headers;
        assert_int_equal(size, MN_MIN((size_t)frame->gso_size, len - done));
        uint8_t bytes[65536];
        mnet_packet_copy_out(segment, headers, bytes, size);
        assert_memory_equal(bytes, payload + done, size);
        const uint8_t *ip = segment->data + 14, *old = frame->data + 14;
        const uint8_t *at = segment->data + segment->csum_start;
        assert_int_equal(mn_load_u32(at + 4), tcp->seq + (uint32_t)done);
        assert_int_equal(mn_load_u16(ip + 4), (uint16_t)(tcp->identification + count));
        assert_memory_equal(ip + 6, old + 6, 4);
        bool first = done == 0, last = done + size == len;
        uint8_t expected = tcp->flags;
        expected &= first ? 0xff : (uint8_t)~MN_TCP_CWR;
        expected &= last ? 0xff : (uint8_t) ~(MN_TCP_FIN | MN_TCP_PSH);
        assert_int_equal(at[13], expected);
        assert_int_equal(segment->checksum, MNET_CHECKSUM_PARTIAL);
        assert_int_equal(segment->gso, MNET_GSO_NONE);
        assert_int_equal(segment->segments, 1);
        assert_true(mn_offload_complete(segment));
        assert_true(test_frame_ok(segment));
        mnet_packet_free(segment);
        done += size;
        count++;
    }
    assert_int_equal(done, len);
    return count;
}

static void segment_large_frame_cuts_by_reference(void **state)
{
    static const uint8_t timestamps[] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
    struct test_tcp tcp = {
        .seq = 0xfffffff0, /* wraps */
        .flags = MN_TCP_ACK | MN_TCP_PSH | MN_TCP_FIN | MN_TCP_CWR,
        .identification = 0xffff,
        .options = timestamps,
        .options_len = sizeof timestamps,
    };
    struct mnet_packet *frame = test_large_frame(*state, &tcp, payload, 62001, 16000, 1448);
    assert_int_equal(check_cut(*state, frame, &tcp, 62001), 43);
    /* Nothing is copied: the second segment's payload is in the frame's own buffer. */
    struct mn_segmenter segmenter;
    assert_true(mn_segmenter_init(&segmenter, frame, *state));
    struct mnet_packet *segment = mn_segmenter_next(&segmenter);
    assert_int_equal(segment->fragment_count, 1);
    assert_ptr_equal(segment->fragments[0].buffer, frame->fragments[0].buffer);
    mnet_packet_free(segment);
    mnet_packet_free(frame);
}

static void segment_exact_multiple_has_no_empty_tail(void **state)
{
    struct test_tcp tcp = {.seq = 1, .flags = MN_TCP_ACK | MN_TCP_PSH};
    struct mnet_packet *frame = test_large_frame(*state, &tcp, payload, 3000, 1000, 1000);
    assert_int_equal(check_cut(*state, frame, &tcp, 3000), 3);
    mnet_packet_free(frame);
}

static void segment_single_keeps_flags(void **state)
{
    struct test_tcp tcp = {.seq = 1, .flags = MN_TCP_ACK | MN_TCP_PSH | MN_TCP_CWR};
    struct mnet_packet *frame = test_large_frame(*state, &tcp, payload, 3, 1000, 1000);
    assert_int_equal(check_cut(*state, frame, &tcp, 3), 1);
    mnet_packet_free(frame);
}

static void segment_ip_options_are_copied(void **state)
{
    struct test_tcp tcp = {.seq = 9, .flags = MN_TCP_ACK, .ip_options = true};
    struct mnet_packet *frame = test_large_frame(*state, &tcp, payload, 5000, 1300, 1111);
    assert_int_equal(check_cut(*state, frame, &tcp, 5000), 5);
    mnet_packet_free(frame);
}

static void segment_linear_payload_and_more_are_walked(void **state)
{
    struct test_tcp tcp = {.seq = 1, .flags = MN_TCP_ACK};
    struct mnet_packet *frame = test_large_frame(*state, &tcp, payload, 0, 1, 700);
    memcpy(mnet_packet_put(frame, 301), payload, 301);
    struct mnet_packet *rest = mnet_packet_alloc(*state);
    memcpy(mnet_packet_put(rest, 1500), payload + 301, 1500);
    frame->more = rest;
    frame->total += 1500;
    assert_int_equal(check_cut(*state, frame, &tcp, 1801), 3);
    mnet_packet_free(frame);
}

static void segment_of_many_pieces_is_copied(void **state)
{
    struct test_tcp tcp = {.seq = 1, .flags = MN_TCP_ACK};
    struct mnet_packet *frame = test_large_frame(*state, &tcp, payload, 800, 100, 1000);
    struct mnet_packet *rest = test_large_frame(*state, &tcp, payload + 800, 700, 100, 1000);
    mnet_packet_pull(rest, 54);
    frame->more = rest;
    frame->total += 700;
    assert_int_equal(check_cut(*state, frame, &tcp, 1500), 2);
    mnet_packet_free(frame);
}

static void segment_other_frames_are_refused(void **state)
{
    struct mn_segmenter segmenter;
    struct test_tcp tcp = {.seq = 1};
    struct mnet_packet *frame = test_large_frame(*state, &tcp, payload, 800, 100, 1000);
    frame->data[14] = 0x46; /* an IP header of 24 bytes leaves too little room for TCP's */
    assert_false(mn_segmenter_init(&segmenter, frame, *state));
    frame->data[14] = 0x44;
    assert_false(mn_segmenter_init(&segmenter, frame, *state));
    frame->data[14] = 0x45;
    frame->data[46] = 0x40;
    assert_false(mn_segmenter_init(&segmenter, frame, *state));
    frame->data[46] = 0xf0;
    assert_false(mn_segmenter_init(&segmenter, frame, *state));
    frame->data[46] = 0x50;
    frame->gso_size = 0;
    assert_false(mn_segmenter_init(&segmenter, frame, *state));
    frame->gso_size = 1000;
    assert_true(mn_segmenter_init(&segmenter, frame, *state));
    mnet_packet_trim(frame, 54);
    assert_false(mn_segmenter_init(&segmenter, frame, *state));
    mnet_packet_trim(frame, 20);
    assert_false(mn_segmenter_init(&segmenter, frame, *state));
    mnet_packet_free(frame);
}

static void segment_without_memory_goes_on_later(void **state)
{
    struct mnet_memory *small = test_memory(MNET_MEMORY_MINIMUM);
    struct test_tcp tcp = {.seq = 1, .flags = MN_TCP_ACK};
    struct mnet_packet *frame = test_large_frame(*state, &tcp, payload, 60000, 10000, 100);
    struct mn_segmenter segmenter;
    assert_true(mn_segmenter_init(&segmenter, frame, small));
    struct mnet_packet *kept = NULL, *segment;
    unsigned count = 0;
    while ((segment = mn_segmenter_next(&segmenter)) != NULL) {
        segment->next = kept;
        kept = segment;
        count++;
    }
    assert_in_range(count, 1, 599);
    assert_int_equal(segmenter.left, 60000 - 100 * count);
    while (kept != NULL) {
        segment = kept;
        kept = segment->next;
        mnet_packet_free(segment);
    }
    for (; !mn_segmenter_done(&segmenter); count++) {
        segment = mn_segmenter_next(&segmenter);
        assert_int_equal(mn_load_u32(segment->data + 38), 1 + 100 * count);
        mnet_packet_free(segment);
    }
    assert_int_equal(count, 600);
    mnet_packet_free(frame);
    test_memory_free(small);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(complete_linear_gives_right_checksum),
        TEST(complete_odd_fragments_gives_right_checksum),
        TEST(complete_more_continues_at_odd_offset),
        TEST(complete_udp_zero_is_sent_as_ones),
        TEST(complete_plain_is_left_alone),
        TEST(complete_field_outside_fails),
        TEST(segment_large_frame_cuts_by_reference),
        TEST(segment_exact_multiple_has_no_empty_tail),
        TEST(segment_single_keeps_flags),
        TEST(segment_ip_options_are_copied),
        TEST(segment_linear_payload_and_more_are_walked),
        TEST(segment_of_many_pieces_is_copied),
        TEST(segment_other_frames_are_refused),
        TEST(segment_without_memory_goes_on_later),
    };
    return cmocka_run_group_tests_name("offload", tests, NULL, NULL);
}
