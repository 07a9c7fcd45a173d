/* Merging received segments. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "stack/coalesce.h"
#include "tests/support/frame.h"
#include "wire/bytes.h"
#include "wire/tcp.h"

#define MEMORY ((size_t)8 << 20)
#define MOST 128

static struct mnet_memory *memory;
static uint8_t payload[200000];
static struct mnet_packet *frames[MOST];
static int count;

static int set_up(void **state)
{
    (void)state;
    memory = test_memory(MEMORY);
    test_fill(payload, sizeof payload, 3);
    count = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < count; i++)
        mnet_packet_free(frames[i]);
    test_memory_free(memory);
    return 0;
}

/* Appends a frame whose payload is the `len` bytes of the stream at its sequence number. */
static struct mnet_packet *add(struct test_tcp tcp, size_t len)
{
    frames[count] = test_tcp_frame(memory, &tcp, payload + tcp.seq, len);
    return frames[count++];
}

static void coalesce(void)
{
    count = mn_coalesce(frames, count);
}

/* Checks that the frame holds bytes `seq` to `seq + len` of the stream, in `segments` segments. */
static void expect(const struct mnet_packet *frame, uint32_t seq, size_t len, unsigned segments)
{
    uint8_t bytes[66000];
    assert_int_equal(frame->total, 54 + len);
    assert_int_equal(frame->segments, segments);
    assert_int_equal(mn_load_u32(frame->data + 38), seq);
    assert_int_equal(mn_load_u16(frame->data + 16), 40 + len);
    mnet_packet_copy_out(frame, 54, bytes, len);
    assert_memory_equal(bytes, payload + seq, len);
    assert_int_equal(frame->checksum, segments > 1 ? MNET_CHECKSUM_VERIFIED : MNET_CHECKSUM_PLAIN);
    uint32_t sum = 0; /* the header checksum is right */
    for (int i = 14; i < 34; i += 2)
        sum += mn_load_u16(frame->data + i);
    assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
}

static void run_in_order_becomes_one(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 20; i++)
        add((struct test_tcp){.seq = 1460 * i,
                              .identification = (uint16_t)i,
                              .flags = i == 19 ? MN_TCP_ACK | MN_TCP_PSH : 0},
            1460);
    coalesce();
    assert_int_equal(count, 1);
    expect(frames[0], 0, 29200, 20);
    assert_int_equal(frames[0]->data[47], MN_TCP_ACK | MN_TCP_PSH);
}

/* A priority tag makes no difference, if all frames of a run have it or some. */
static void run_of_priority_tagged_frames_becomes_one(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 12; i++) {
        struct mnet_packet *frame = add((struct test_tcp){.seq = 1000 * i}, 1000);
        if (i == 5)
            continue;
        mnet_packet_push(frame, 4);
        memmove(frame->data, frame->data + 4, 12);
        memcpy(frame->data + 12, "\x81\x00\x60\x00", 4);
    }
    coalesce();
    assert_int_equal(count, 1);
    expect(frames[0], 0, 12000, 12);
}

static void run_of_odd_lengths_becomes_one(void **state)
{
    (void)state;
    uint32_t seq = 0;
    for (uint32_t i = 1; i < 30; i++) {
        add((struct test_tcp){.seq = seq}, i);
        seq += i;
    }
    coalesce();
    assert_int_equal(count, 1);
    expect(frames[0], 0, seq, 29);
}

static void run_stops_at_largest_packet(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 50; i++)
        add((struct test_tcp){.seq = 1460 * i}, 1460);
    coalesce();
    assert_int_equal(count, 2);
    expect(frames[0], 0, 44 * 1460, 44);
    expect(frames[1], 44 * 1460, 6 * 1460, 6);
}

static void run_stops_at_push(void **state)
{
    (void)state;
    add((struct test_tcp){.seq = 0}, 10);
    add((struct test_tcp){.seq = 10, .flags = MN_TCP_ACK | MN_TCP_PSH}, 10);
    add((struct test_tcp){.seq = 20}, 10);
    add((struct test_tcp){.seq = 30}, 10);
    coalesce();
    assert_int_equal(count, 2);
    expect(frames[0], 0, 20, 2);
    expect(frames[1], 20, 20, 2);
}

static void gap_and_duplicate_are_not_merged(void **state)
{
    (void)state;
    add((struct test_tcp){.seq = 0}, 10);
    add((struct test_tcp){.seq = 11}, 10);
    add((struct test_tcp){.seq = 11}, 10);
    coalesce();
    assert_int_equal(count, 3);
}

static void different_headers_are_not_merged(void **state)
{
    (void)state;
    static const uint8_t one[] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
    static const uint8_t two[] = {1, 1, 8, 10, 0, 0, 0, 2, 0, 0, 0, 2};
    const struct test_tcp second[] = {
        {.ack = 1}, {.window = 9}, {.ttl = 9}, {.tos = 3}, {.may_fragment = true}, {.options = one, .options_len = 12},
    };
    for (unsigned i = 0; i < MN_COUNT_OF(second); i++) {
        add((struct test_tcp){.seq = 0}, 10);
        struct test_tcp tcp = second[i];
        tcp.seq = 10;
        add(tcp, 10);
        coalesce();
        assert_int_equal(count, 2);
        while (count > 0)
            mnet_packet_free(frames[--count]);
    }
    add((struct test_tcp){.seq = 0, .options = one, .options_len = 12}, 10);
    add((struct test_tcp){.seq = 10, .options = two, .options_len = 12}, 10);
    add((struct test_tcp){.seq = 20, .options = two, .options_len = 12}, 10);
    coalesce();
    assert_int_equal(count, 2);
    assert_int_equal(frames[1]->segments, 2);
}

static void other_flags_are_not_merged_and_end_the_run(void **state)
{
    (void)state;
    const uint8_t flags[] = {
        MN_TCP_ACK | MN_TCP_FIN,
        MN_TCP_ACK | MN_TCP_URG,
        MN_TCP_ACK | MN_TCP_RST,
        MN_TCP_ACK | MN_TCP_SYN,
        MN_TCP_ACK | MN_TCP_ECE,
        MN_TCP_ACK | MN_TCP_CWR,
        MN_TCP_PSH,
    };
    for (unsigned i = 0; i < MN_COUNT_OF(flags); i++) {
        add((struct test_tcp){.seq = 0}, 10);
        add((struct test_tcp){.seq = 10, .flags = flags[i]}, 10);
        add((struct test_tcp){.seq = 10}, 10); /* must not overtake the frame before */
        coalesce();
        assert_int_equal(count, 3);
        while (count > 0)
            mnet_packet_free(frames[--count]);
    }
}

static void pure_acknowledgement_is_not_merged(void **state)
{
    (void)state;
    add((struct test_tcp){.seq = 0}, 0);
    add((struct test_tcp){.seq = 0}, 0);
    add((struct test_tcp){.seq = 0}, 10);
    add((struct test_tcp){.seq = 10}, 0);
    add((struct test_tcp){.seq = 10}, 10);
    coalesce();
    assert_int_equal(count, 5);
}

static void wrong_checksum_is_kept_apart(void **state)
{
    (void)state;
    for (int bad = 0; bad < 3; bad++) {
        for (uint32_t i = 0; i < 3; i++)
            add((struct test_tcp){.seq = 100 * i}, 100);
        frames[bad]->data[100] ^= 4;
        coalesce();
        assert_int_equal(count, bad == 1 ? 3 : 2);
        unsigned merged = 0, wrong = 0;
        for (int i = 0; i < count; i++) {
            merged += frames[i]->segments == 2;
            wrong += frames[i]->segments == 1 && !test_frame_ok(frames[i]);
            assert_true(frames[i]->segments == 1 || frames[i]->checksum == MNET_CHECKSUM_VERIFIED);
        }
        assert_int_equal(merged, bad == 1 ? 0 : 1);
        assert_int_equal(wrong, 1);
        while (count > 0)
            mnet_packet_free(frames[--count]);
    }
}

static void wrong_ip_checksum_is_kept_apart(void **state)
{
    (void)state;
    add((struct test_tcp){.seq = 0}, 100);
    add((struct test_tcp){.seq = 100}, 100)->data[25] ^= 1;
    coalesce();
    assert_int_equal(count, 2);
}

static void device_verified_is_believed(void **state)
{
    (void)state;
    add((struct test_tcp){.seq = 0}, 100)->checksum = MNET_CHECKSUM_PARTIAL;
    struct mnet_packet *frame = add((struct test_tcp){.seq = 100}, 100);
    frame->checksum = MNET_CHECKSUM_VERIFIED;
    frame->data[50] ^= 1; /* the checksum field itself */
    coalesce();
    assert_int_equal(count, 1);
    expect(frames[0], 0, 200, 2);
}

static void connections_are_merged_apart(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        for (uint16_t c = 0; c < 6; c++)
            add((struct test_tcp){.seq = 100 * i, .source_port = (uint16_t)(2000 + c)}, 100);
    }
    coalesce();
    assert_int_equal(count, 6);
    for (uint16_t c = 0; c < 6; c++) {
        expect(frames[c], 0, 500, 5);
        assert_int_equal(mn_load_u16(frames[c]->data + 34), 2000 + c);
    }
}

static void more_connections_than_runs_lose_nothing(void **state)
{
    (void)state;
    unsigned segments = 0;
    for (uint32_t i = 0; i < 4; i++) {
        for (uint16_t c = 0; c < 20; c++)
            add((struct test_tcp){.seq = 100 * i, .source = 0x0a000100u + c}, 100);
    }
    coalesce();
    for (int i = 0; i < count; i++)
        segments += frames[i]->segments;
    assert_int_equal(segments, 80);
}

static void padding_is_cut_off(void **state)
{
    (void)state;
    add((struct test_tcp){.seq = 0, .padding = 3}, 3);
    add((struct test_tcp){.seq = 3, .padding = 2}, 4);
    coalesce();
    assert_int_equal(count, 1);
    expect(frames[0], 0, 7, 2);
}

static void lengths_that_lie_are_left_alone(void **state)
{
    (void)state;
    struct mnet_packet *frame = NULL;
    for (int i = 0; i < 5; i++) {
        add((struct test_tcp){.seq = 0}, 100);
        frame = add((struct test_tcp){.seq = 100}, 100);
        switch (i) {
        case 0: mn_store_u16(frame->data + 16, 60000); break;
        case 1: mn_store_u16(frame->data + 16, 10); break;
        case 2: frame->data[46] = 0xf0; break;
        case 3: frame->data[46] = 0x10; break;
        case 4: mnet_packet_trim(frame, 60); break;
        }
        coalesce();
        assert_int_equal(count, 2);
        while (count > 0)
            mnet_packet_free(frames[--count]);
    }
}

static void fragments_and_options_of_ip_are_left_alone(void **state)
{
    (void)state;
    add((struct test_tcp){.seq = 0}, 100)->data[20] |= 0x20; /* more fragments */
    add((struct test_tcp){.seq = 100}, 100);
    add((struct test_tcp){.seq = 200, .ip_options = true}, 100);
    add((struct test_tcp){.seq = 300, .ip_options = true}, 100);
    coalesce();
    assert_int_equal(count, 4);
}

static void one_frame_and_none_stay(void **state)
{
    (void)state;
    coalesce();
    assert_int_equal(count, 0);
    add((struct test_tcp){.seq = 0}, 100);
    coalesce();
    expect(frames[0], 0, 100, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(run_in_order_becomes_one),
        TEST(run_of_priority_tagged_frames_becomes_one),
        TEST(run_of_odd_lengths_becomes_one),
        TEST(run_stops_at_largest_packet),
        TEST(run_stops_at_push),
        TEST(gap_and_duplicate_are_not_merged),
        TEST(different_headers_are_not_merged),
        TEST(other_flags_are_not_merged_and_end_the_run),
        TEST(pure_acknowledgement_is_not_merged),
        TEST(wrong_checksum_is_kept_apart),
        TEST(wrong_ip_checksum_is_kept_apart),
        TEST(device_verified_is_believed),
        TEST(connections_are_merged_apart),
        TEST(more_connections_than_runs_lose_nothing),
        TEST(padding_is_cut_off),
        TEST(lengths_that_lie_are_left_alone),
        TEST(fragments_and_options_of_ip_are_left_alone),
        TEST(one_frame_and_none_stay),
    };
    return cmocka_run_group_tests_name("coalesce", tests, NULL, NULL);
}
