/* The software checksummer and segmenter, over both families. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/packet_sum.h"
#include "stack/offload.h"
#include "tests/support/frame.h"
#include "wire/bytes.h"
#include "wire/tcp.h"

#define MEMORY ((size_t)4 << 20)

static uint8_t payload[65536];
static bool ipv6;

static int set_up(void **state)
{
    *state = test_memory(MEMORY);
    test_fill(payload, sizeof payload, 7);
    ipv6 = false;
    return 0;
}

static int set_up_ipv6(void **state)
{
    set_up(state);
    ipv6 = true;
    return 0;
}

static struct test_tcp over(struct test_tcp tcp)
{
    tcp.ipv6 = ipv6;
    return tcp;
}

static struct mnet_packet *large(struct mnet_memory *memory, const struct test_tcp *tcp, size_t len, size_t piece,
                                 uint16_t gso_size)
{
    const struct test_tcp of_family = over(*tcp);
    return test_large_frame(memory, &of_family, payload, len, piece, gso_size);
}

static int tear_down(void **state)
{
    test_memory_free(*state);
    return 0;
}

static void complete_linear_gives_right_checksum(void **state)
{
    for (size_t len = 0; len < 40; len++) {
        struct mnet_packet *frame = test_udp_frame(*state, ipv6, payload, len);
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
        struct mnet_packet *frame = large(*state, &(struct test_tcp){.seq = 5}, piece * 7 + 1, piece, 100);
        frame->gso = MNET_GSO_NONE;
        assert_true(mn_offload_complete(frame));
        assert_true(test_frame_ok(frame));
        mnet_packet_free(frame);
    }
}

static void complete_more_continues_at_odd_offset(void **state)
{
    struct mnet_packet *frame = test_udp_frame(*state, ipv6, payload, 101);
    struct mnet_packet *rest = mnet_packet_alloc(*state);
    memcpy(mnet_packet_put(rest, 50), frame->data + frame->csum_start + 8 + 51, 50);
    mnet_packet_trim(frame, frame->csum_start + 8u + 51);
    frame->more = rest;
    frame->total += 50;
    assert_true(mn_offload_complete(frame));
    assert_true(test_frame_ok(frame));
    mnet_packet_free(frame);
}

static void complete_udp_zero_is_sent_as_ones(void **state)
{
    struct mnet_packet *frame = test_udp_frame(*state, ipv6, "\0\0", 2);
    assert_true(mn_offload_complete(frame));
    uint16_t first = mn_load_u16(frame->data + frame->csum_start + 6);
    mnet_packet_free(frame);
    /* A payload equal to the checksum makes the sum 0xffff, and its complement 0. */
    uint8_t bytes[2];
    mn_store_u16(bytes, first);
    frame = test_udp_frame(*state, ipv6, bytes, 2);
    assert_true(mn_offload_complete(frame));
    assert_int_equal(mn_load_u16(frame->data + frame->csum_start + 6), 0xffff);
    assert_true(test_frame_ok(frame));
    mnet_packet_free(frame);
}

static void complete_plain_is_left_alone(void **state)
{
    struct mnet_packet *frame = test_tcp_frame(*state, &(struct test_tcp){.ipv6 = ipv6}, payload, 10);
    frame->data[50] ^= 1;
    uint8_t before[84];
    memcpy(before, frame->data, frame->len);
    assert_true(mn_offload_complete(frame));
    assert_memory_equal(before, frame->data, frame->len);
    mnet_packet_free(frame);
}

static void complete_field_outside_fails(void **state)
{
    struct mnet_packet *frame = test_udp_frame(*state, ipv6, payload, 0);
    frame->csum_offset = 7; /* its second byte would be one beyond the end */
    assert_false(mn_offload_complete(frame));
    frame->csum_start = 60000;
    assert_false(mn_offload_complete(frame));
    assert_int_equal(frame->checksum, MNET_CHECKSUM_PARTIAL);
    mnet_packet_free(frame);
}

/* Checks that the next copied frame is `expected`, byte for byte, and that its sum is right. */
static void check_copy(struct mnet_frames *frames, const struct mnet_packet *expected)
{
    uint8_t bytes[2000], copy[2001];
    memset(copy, 0xee, sizeof copy);
    assert_int_equal(mnet_frames_length(frames), expected->total);
    mnet_packet_copy_out(expected, 0, bytes, expected->total);
    struct mnet_frame_sum sum = mnet_frames_copy(frames, copy);
    assert_memory_equal(copy, bytes, expected->total);
    assert_int_equal(copy[expected->total], 0xee);
    assert_int_equal(sum.value, mn_sum_fold(mn_packet_sum(expected, sum.start)));
}

/* Checks the bytes of an IP header that are the large frame's own, or of segment number
 * `count`. */
static void check_network(const struct mnet_packet *segment, const struct mnet_packet *frame,
                          const struct test_tcp *tcp, unsigned count)
{
    const uint8_t *ip = segment->data + 14, *old = frame->data + 14;
    if (ipv6) {
        assert_memory_equal(ip, old, 4);
        assert_memory_equal(ip + 6, old + 6, 34);
        return;
    }
    assert_memory_equal(ip, old, 2);
    assert_int_equal(mn_load_u16(ip + 4), (uint16_t)(tcp->identification + count));
    assert_memory_equal(ip + 6, old + 6, 4);
    assert_memory_equal(ip + 12, old + 12, test_ip_headers(tcp) - 12);
}

/* Cuts the frame and checks each segment against the payload. Returns the number of segments. */
static unsigned check_cut(struct mnet_memory *memory, const struct mnet_packet *frame, const struct test_tcp *given,
                          size_t len)
{
    struct mn_segmenter segmenter;
    const struct test_tcp tcp = over(*given);
    struct mnet_frames copies;
    assert_true(mn_segmenter_init(&segmenter, frame, memory));
    assert_true(mnet_frames_begin(&copies, frame));
    unsigned count = 0;
    size_t done = 0;
    size_t headers = test_headers(&tcp);
    assert_int_equal(mnet_frames_headers(&copies), headers);
    while (!mn_segmenter_done(&segmenter)) {
        struct mnet_packet *segment = mn_segmenter_next(&segmenter);
        assert_non_null(segment);
        size_t size = segment->total - headers;
        assert_int_equal(size, MN_MIN((size_t)frame->gso_size, len - done));
        uint8_t bytes[65536];
        mnet_packet_copy_out(segment, headers, bytes, size);
        assert_memory_equal(bytes, payload + done, size);
        check_network(segment, frame, &tcp, count);
        const uint8_t *at = segment->data + segment->csum_start;
        assert_int_equal(mn_load_u32(at + 4), tcp.seq + (uint32_t)done);
        bool first = done == 0, last = done + size == len;
        uint8_t expected = tcp.flags;
        expected &= first ? 0xff : (uint8_t)~MN_TCP_CWR;
        expected &= last ? 0xff : (uint8_t) ~(MN_TCP_FIN | MN_TCP_PSH);
        assert_int_equal(at[13], expected);
        assert_int_equal(segment->checksum, MNET_CHECKSUM_PARTIAL);
        assert_int_equal(segment->gso, MNET_GSO_NONE);
        assert_int_equal(segment->segments, 1);
        assert_true(mn_offload_complete(segment));
        assert_true(test_frame_ok(segment));
        check_copy(&copies, segment);
        mnet_packet_free(segment);
        done += size;
        count++;
    }
    assert_int_equal(done, len);
    assert_int_equal(mnet_frames_length(&copies), 0);
    return count;
}

/* Copies a frame that is no large one, and compares with the frame completed in place. */
static void check_single_copy(struct mnet_packet *frame)
{
    struct mnet_frames frames;
    uint8_t bytes[2000];
    size_t len = frame->total;
    assert_true(mnet_frames_begin(&frames, frame));
    assert_int_equal(mnet_frames_length(&frames), len);
    struct mnet_frame_sum sum = mnet_frames_copy(&frames, bytes);
    assert_int_equal(mnet_frames_length(&frames), 0);
    assert_true(mn_offload_complete(frame));
    assert_true(mnet_frames_begin(&frames, frame));
    check_copy(&frames, frame);
    uint8_t expected[2000];
    mnet_packet_copy_out(frame, 0, expected, len);
    assert_memory_equal(bytes, expected, len);
    assert_int_equal(sum.value, mn_sum_fold(mn_packet_sum(frame, sum.start)));
    mnet_packet_free(frame);
}

static void copy_completes_and_sums_single_frames(void **state)
{
    for (size_t len = 0; len < 40; len++)
        check_single_copy(test_udp_frame(*state, ipv6, payload, len));
    for (size_t piece = 1; piece < 8; piece++) {
        struct mnet_packet *frame = large(*state, &(struct test_tcp){.seq = 5}, piece * 7 + 1, piece, 100);
        frame->gso = MNET_GSO_NONE;
        check_single_copy(frame);
    }
    check_single_copy(test_tcp_frame(*state, &(struct test_tcp){.ipv6 = ipv6}, payload, 1001));
    /* A payload equal to the checksum, so that UDP's comes out as zero. */
    struct mnet_packet *frame = test_udp_frame(*state, ipv6, "\0\0", 2);
    assert_true(mn_offload_complete(frame));
    uint8_t zero[2];
    memcpy(zero, frame->data + frame->csum_start + 6, sizeof zero);
    mnet_packet_free(frame);
    check_single_copy(test_udp_frame(*state, ipv6, zero, 2));
}

static void copy_of_short_frames_has_a_sum(void **state)
{
    for (size_t len = 1; len < 20; len++) {
        struct mnet_packet *frame = mnet_packet_alloc(*state);
        memcpy(mnet_packet_put(frame, len), payload, len);
        check_single_copy(frame);
    }
}

static void copy_with_field_outside_is_refused(void **state)
{
    struct mnet_frames frames;
    struct mnet_packet *frame = test_udp_frame(*state, ipv6, payload, 0);
    frame->csum_offset = 7;
    assert_false(mnet_frames_begin(&frames, frame));
    frame->csum_start = 60000;
    assert_false(mnet_frames_begin(&frames, frame));
    mnet_packet_free(frame);
}

static void segment_large_frame_cuts_by_reference(void **state)
{
    static const uint8_t timestamps[] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
    struct test_tcp tcp = {
        .seq = 0xfffffff0, /* wraps */
        .flags = MN_TCP_ACK | MN_TCP_PSH | MN_TCP_FIN | MN_TCP_CWR,
        .tos = 0xba,
        .identification = 0xffff,
        .flow_label = 0xabcde,
        .options = timestamps,
        .options_len = sizeof timestamps,
    };
    struct mnet_packet *frame = large(*state, &tcp, 62001, 16000, 1448);
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
    struct mnet_packet *frame = large(*state, &tcp, 3000, 1000, 1000);
    assert_int_equal(check_cut(*state, frame, &tcp, 3000), 3);
    mnet_packet_free(frame);
}

static void segment_single_keeps_flags(void **state)
{
    struct test_tcp tcp = {.seq = 1, .flags = MN_TCP_ACK | MN_TCP_PSH | MN_TCP_CWR};
    struct mnet_packet *frame = large(*state, &tcp, 3, 1000, 1000);
    assert_int_equal(check_cut(*state, frame, &tcp, 3), 1);
    mnet_packet_free(frame);
}

static void segment_ip_options_are_copied(void **state)
{
    struct test_tcp tcp = {.seq = 9, .flags = MN_TCP_ACK, .ip_options = true};
    struct mnet_packet *frame = large(*state, &tcp, 5000, 1300, 1111);
    assert_int_equal(check_cut(*state, frame, &tcp, 5000), 5);
    mnet_packet_free(frame);
}

static void segment_linear_payload_and_more_are_walked(void **state)
{
    struct test_tcp tcp = {.seq = 1, .flags = MN_TCP_ACK};
    struct mnet_packet *frame = large(*state, &tcp, 0, 1, 700);
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
    struct mnet_packet *frame = large(*state, &tcp, 800, 100, 1000);
    struct mnet_packet *rest = test_large_frame(*state, &tcp, payload + 800, 700, 100, 1000);
    mnet_packet_pull(rest, 54); /* of IPv4, whichever the frame is of */
    frame->more = rest;
    frame->total += 700;
    assert_int_equal(check_cut(*state, frame, &tcp, 1500), 2);
    mnet_packet_free(frame);
}

static void segment_other_frames_are_refused(void **state)
{
    struct mn_segmenter segmenter;
    struct mnet_packet *frame = large(*state, &(struct test_tcp){.seq = 1}, 800, 100, 1000);
    uint32_t headers = frame->csum_start + 20u;
    uint8_t *version = frame->data + 14, *data_offset = frame->data + frame->csum_start + 12, right = *version;
    const uint8_t wrong_lengths[] = {0x40, 0xf0};
    /* The other family's, nobody's, and IPv4's with a header of 24 bytes and of 16. */
    const uint8_t wrong_versions[] = {ipv6 ? 0x45 : 0x65, 0x75, 0x46, 0x44};
    for (unsigned i = 0; i < MN_COUNT_OF(wrong_versions); i++) {
        *version = wrong_versions[i];
        assert_false(mn_segmenter_init(&segmenter, frame, *state));
    }
    *version = right;
    for (unsigned i = 0; i < MN_COUNT_OF(wrong_lengths); i++) {
        *data_offset = wrong_lengths[i];
        assert_false(mn_segmenter_init(&segmenter, frame, *state));
    }
    *data_offset = 0x50;
    frame->gso_size = 0;
    assert_false(mn_segmenter_init(&segmenter, frame, *state));
    frame->gso_size = 1000;
    frame->gso = ipv6 ? MNET_GSO_TCPV4 : MNET_GSO_TCPV6;
    assert_false(mn_segmenter_init(&segmenter, frame, *state));
    frame->gso = MNET_GSO_NONE;
    assert_false(mn_segmenter_init(&segmenter, frame, *state));
    frame->gso = ipv6 ? MNET_GSO_TCPV6 : MNET_GSO_TCPV4;
    assert_true(mn_segmenter_init(&segmenter, frame, *state));
    mnet_packet_trim(frame, headers);
    assert_false(mn_segmenter_init(&segmenter, frame, *state));
    mnet_packet_trim(frame, 20);
    assert_false(mn_segmenter_init(&segmenter, frame, *state));
    mnet_packet_free(frame);
}

/* The segmenter does not know what an extension header means for the parts of a packet. */
static void segment_behind_extension_headers_is_not_cut(void **state)
{
    struct mn_segmenter segmenter;
    struct test_tcp tcp = {.seq = 9, .ip_options = true};
    struct mnet_packet *frame = large(*state, &tcp, 5000, 1300, 1111);
    assert_false(mn_segmenter_init(&segmenter, frame, *state));
    mnet_packet_free(frame);
}

static void metadata_say_the_offloads_that_are_needed(void **state)
{
    uint32_t segmentation = ipv6 ? MNET_OFFLOAD_TSO6 : MNET_OFFLOAD_TSO4;
    struct mnet_packet *frame = large(*state, &(struct test_tcp){.seq = 1}, 3000, 1000, 1000);
    assert_int_equal(mn_offload_needed(frame), MNET_OFFLOAD_CHECKSUM | segmentation);
    frame->gso = MNET_GSO_NONE;
    assert_int_equal(mn_offload_needed(frame), MNET_OFFLOAD_CHECKSUM);
    assert_true(mn_offload_complete(frame));
    assert_int_equal(mn_offload_needed(frame), 0);
    mnet_packet_free(frame);
}

static void segment_without_memory_goes_on_later(void **state)
{
    struct mnet_memory *small = test_memory(MNET_MEMORY_MINIMUM);
    struct test_tcp tcp = {.seq = 1, .flags = MN_TCP_ACK};
    struct mnet_packet *frame = large(*state, &tcp, 60000, 10000, 100);
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
    assert_int_equal(segmenter.frames.left, 60000 - 100 * count);
    while (kept != NULL) {
        segment = kept;
        kept = segment->next;
        mnet_packet_free(segment);
    }
    for (; !mn_segmenter_done(&segmenter); count++) {
        segment = mn_segmenter_next(&segmenter);
        assert_int_equal(mn_load_u32(segment->data + segment->csum_start + 4), 1 + 100 * count);
        mnet_packet_free(segment);
    }
    assert_int_equal(count, 600);
    mnet_packet_free(frame);
    test_memory_free(small);
}

#define IPV4(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define IPV6(name) cmocka_unit_test_setup_teardown(name, set_up_ipv6, tear_down)
#define BOTH(name) IPV4(name), IPV6(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(complete_linear_gives_right_checksum),
        BOTH(complete_odd_fragments_gives_right_checksum),
        BOTH(complete_more_continues_at_odd_offset),
        BOTH(complete_udp_zero_is_sent_as_ones),
        BOTH(complete_plain_is_left_alone),
        BOTH(complete_field_outside_fails),
        BOTH(copy_completes_and_sums_single_frames),
        BOTH(copy_of_short_frames_has_a_sum),
        BOTH(copy_with_field_outside_is_refused),
        BOTH(segment_large_frame_cuts_by_reference),
        BOTH(segment_exact_multiple_has_no_empty_tail),
        BOTH(segment_single_keeps_flags),
        IPV4(segment_ip_options_are_copied),
        IPV6(segment_behind_extension_headers_is_not_cut),
        BOTH(segment_linear_payload_and_more_are_walked),
        BOTH(segment_of_many_pieces_is_copied),
        BOTH(segment_other_frames_are_refused),
        BOTH(segment_without_memory_goes_on_later),
        BOTH(metadata_say_the_offloads_that_are_needed),
    };
    return cmocka_run_group_tests_name("offload", tests, NULL, NULL);
}
