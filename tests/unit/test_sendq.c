/* The send queue with the sums that it keeps, against a model: the stream by position. The linker
 * leads the calls of mn_sum through this file, so that bytes read a second time are counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/checksum.h"
#include "base/kept_sums.h"
#include "base/memory.h"
#include "base/packet_sum.h"
#include "base/random.h"
#include "stack/offload.h"
#include "tcp/queue/sendq.h"
#include "tests/support/frame.h"

#define MEMORY ((size_t)8 << 20)
#define START 0xffffff00u /* sequence numbers wrap */
#define STREAM (1u << 20)

static uint8_t stream[STREAM];
static struct mnet_memory *memory;
static struct mn_pool pieces;
static struct mn_sendq q;
static uint32_t snd_nxt; /* segments begin here */
static size_t summed;    /* bytes of text that were read only to be summed */

uint64_t __real_mn_sum(uint64_t sum, const void *data, size_t len);
uint64_t __wrap_mn_sum(uint64_t sum, const void *data, size_t len);
uint64_t __wrap_mn_sum(uint64_t sum, const void *data, size_t len)
{
    summed += len > 100 ? len : 0;
    return __real_mn_sum(sum, data, len);
}

static struct mn_random random_numbers;

static uint32_t any(uint32_t below)
{
    return mn_random_below(&random_numbers, below);
}

static int set_up(void **state)
{
    static const uint8_t seed[MN_RANDOM_SEED] = {1};
    (void)state;
    mn_random_init(&random_numbers, seed);
    mn_random_bytes(&random_numbers, stream, sizeof stream);
    memory = test_memory(MEMORY);
    mn_pool_init(&pieces, memory, "send piece", sizeof(struct mn_send_piece), SIZE_MAX);
    mn_sendq_init(&q, START);
    snd_nxt = START;
    summed = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mn_sendq_clear(&q, &pieces);
    test_memory_free(memory);
    return 0;
}

static const uint8_t *at(uint32_t seq)
{
    return stream + (seq - START);
}

static void write_bytes(size_t len, uint32_t size)
{
    size_t done = mn_sendq_append(&q, &pieces, at(mn_sendq_end(&q)), len, (struct mn_sendq_pieces){snd_nxt, size});
    assert_int_equal(done, len);
}

/* Gathers bytes as a segment does, and checks them and their sum behind a header of `header`
 * bytes. */
static void send_again(uint32_t seq, uint32_t len, size_t header)
{
    static uint8_t bytes[65536];
    struct mnet_packet *packet = mnet_packet_alloc(memory);
    memset(mnet_packet_put(packet, header), 0, header);
    len = mn_sendq_gather(&q, packet, seq, len);
    assert_int_equal(packet->total, header + len);
    mnet_packet_copy_out(packet, header, bytes, len);
    assert_memory_equal(bytes, at(seq), len);
    uint16_t right = mn_sum_fold(__real_mn_sum(0, bytes, len));
    if (header % 2 != 0)
        right = mn_sum_fold(mn_sum_odd(right));
    assert_int_equal(mn_sum_fold(mn_packet_sum(packet, 0)), right);
    mnet_packet_free(packet);
}

static void send_new(uint32_t len)
{
    send_again(snd_nxt, len, 20);
    snd_nxt += len;
}

/* ---- What is kept ---- */

static void full_segments_are_never_summed_again(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1448, 1447, 1220, 8948};
    for (unsigned i = 0; i < MN_COUNT_OF(sizes); i++) {
        uint32_t begin = snd_nxt;
        write_bytes(20 * sizes[i], sizes[i]);
        for (int segment = 0; segment < 20; segment++)
            send_new(sizes[i]);
        for (uint32_t seq = begin; seq != snd_nxt; seq += sizes[i]) /* all are lost */
            send_again(seq, sizes[i], 20);
        assert_int_equal(summed, 0);
    }
}

static void segments_of_many_writes_are_never_summed_again(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        write_bytes(257 + any(3000), 1448);
        while (mn_sendq_end(&q) - snd_nxt >= 1448)
            send_new(1448);
        if (i % 5 == 0)
            mn_sendq_acked(&q, &pieces, snd_nxt);
    }
    assert_int_equal(summed, 0);
}

/* A short segment ends a burst. The next one begins behind it, so the pieces are counted from
 * there. */
static void segments_behind_a_short_one_are_never_summed_again(void **state)
{
    (void)state;
    for (int burst = 0; burst < 4; burst++) {
        write_bytes(3 * 1448 + 333, 1448);
        for (int i = 0; i < 3; i++)
            send_new(1448);
        send_new(333);
    }
    assert_int_equal(summed, 0);
}

static void segments_of_a_new_size_are_never_summed_again(void **state)
{
    (void)state;
    write_bytes(5 * 1448, 1448);
    for (int i = 0; i < 5; i++)
        send_new(1448);
    write_bytes(5 * 1220, 1220);
    for (int i = 0; i < 5; i++)
        send_new(1220);
    assert_int_equal(summed, 0);
}

static void segments_cut_from_a_large_one_are_never_summed_again(void **state)
{
    (void)state;
    struct mn_segmenter segmenter;
    struct mnet_packet *frame = test_large_frame(memory, &(struct test_tcp){.seq = 1}, stream, 0, 1, 1448);
    write_bytes(65000, 1448);
    assert_int_equal(mn_sendq_gather(&q, frame, snd_nxt, 65000), 65000);
    assert_true(mn_segmenter_init(&segmenter, frame, memory));
    summed = 0;
    while (!mn_segmenter_done(&segmenter)) {
        struct mnet_packet *segment = mn_segmenter_next(&segmenter);
        assert_true(mn_offload_complete(segment));
        assert_int_equal(summed, 0);
        assert_true(test_frame_ok(segment));
        summed = 0; /* of the check */
        mnet_packet_free(segment);
    }
    mnet_packet_free(frame);
}

/* ---- What is not ---- */

static void other_ranges_are_summed_rightly(void **state)
{
    (void)state;
    write_bytes(30000, 1448);
    mn_sendq_acked(&q, &pieces, START + 2001); /* in the midst of a segment, at an odd offset */
    for (uint32_t from = 2001; from < 28000; from += 777)
        for (uint32_t len = 257; len < 1999; len += 243)
            send_again(START + from, len, from % 5);
    assert_true(summed > 0);
}

static void segments_larger_than_the_pieces_are_summed_rightly(void **state)
{
    (void)state;
    write_bytes(30000, 1000);
    for (int i = 0; i < 10; i++)
        send_new(1448); /* the path takes more than before */
    assert_true(summed > 0);
}

static void tiny_pieces_are_kept_as_far_as_there_is_room(void **state)
{
    (void)state;
    write_bytes(60000, 300);
    for (int i = 0; i < 200; i++)
        send_new(300);
    assert_in_range(summed, 1, 60000);
}

static void bytes_of_an_undone_write_are_forgotten(void **state)
{
    (void)state;
    write_bytes(1000, 1448);
    for (uint32_t undone = 1; undone < 6000; undone += 389) {
        uint32_t end = mn_sendq_end(&q);
        memset(stream + (end - START), 0x77, undone);
        write_bytes(undone, 1448);
        mn_sendq_retract(&q, &pieces, undone);
        memset(stream + (end - START), 0x11, 300);
        write_bytes(300, 1448);
        send_again(end, 300, 20);
        send_again(START, mn_sendq_end(&q) - START, 20);
        for (uint32_t seq = START; mn_sendq_end(&q) - seq >= 1448; seq += 1448)
            send_again(seq, 1448, 20);
    }
}

static int released;

static void count_release(void *context)
{
    (void)context;
    released++;
}

static void lent_bytes_between_are_summed_when_they_are_sent(void **state)
{
    (void)state;
    released = 0;
    write_bytes(2000, 1448);
    struct mnet_buffer *lent = mnet_buffer_lend(memory, at(mn_sendq_end(&q)), 5001, count_release, NULL);
    assert_true(mn_sendq_append_buffer(&q, &pieces, lent, 0, 5001));
    mnet_buffer_free(lent);
    write_bytes(6000, 1448);
    for (int i = 0; i < 8; i++)
        send_new(1448);
    assert_in_range(summed, 5001, 5001 + 2 * 1448);
    mn_sendq_acked(&q, &pieces, snd_nxt);
    assert_int_equal(released, 1);
}

static void no_sums_are_kept_if_they_are_not_wanted(void **state)
{
    (void)state;
    write_bytes(30000, 0);
    for (const struct mn_send_piece *piece = q.head; piece != NULL; piece = piece->next)
        assert_null(piece->buffer->sums);
    send_new(1448);
    assert_int_equal(summed, 1448);
}

/* ---- Small writes into an empty queue ---- */

static void write_small(size_t len)
{
    write_bytes(len, 0);
}

/* Takes the packet with the next bytes as the segment that sends them does. */
static struct mnet_packet *take(uint32_t len)
{
    struct mnet_packet *packet = mn_sendq_take_packet(&q, snd_nxt, len);
    assert_non_null(packet);
    assert_int_equal(packet->total, len);
    assert_memory_equal(packet->data, at(snd_nxt), len);
    snd_nxt += len;
    return packet;
}

static void a_small_write_lies_in_the_packet_that_carries_it(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        write_small(64);
        assert_int_equal(memory->packets.in_use, 1);
        assert_int_equal(memory->small_buffers.in_use, 0);
        assert_int_equal(q.pinned, memory->packets.object_size);
        mnet_packet_free(take(64)); /* sent */
        assert_int_equal(memory->packets.in_use, 1);
        mn_sendq_acked(&q, &pieces, snd_nxt);
        assert_int_equal(memory->packets.in_use, 0);
        assert_int_equal(q.pinned, 0);
    }
}

static void it_is_sent_again_in_another_packet(void **state)
{
    (void)state;
    write_small(64);
    struct mnet_packet *first = take(64);
    memset(mnet_packet_push(first, 66), 0xee, 66); /* the headers of the device's frame */
    assert_null(mn_sendq_take_packet(&q, START, 64));
    send_again(START, 64, 32);
    send_again(START + 10, 54, 20);
    mnet_packet_free(first); /* the device has kept it for long */
    send_again(START, 64, 32);
}

static void a_device_may_keep_it_beyond_its_acknowledgement(void **state)
{
    (void)state;
    write_small(64);
    struct mnet_packet *first = take(64);
    mn_sendq_acked(&q, &pieces, snd_nxt);
    write_small(100); /* in another one */
    assert_int_equal(memory->packets.in_use, 2);
    assert_memory_equal(first->data, at(START), 64);
    mnet_packet_free(first);
    mnet_packet_free(take(100));
}

static void further_small_writes_go_along_until_it_is_sent(void **state)
{
    (void)state;
    write_small(64);
    write_small(100);
    assert_null(mn_sendq_take_packet(&q, START, 64)); /* it would leave bytes behind */
    struct mnet_packet *packet = take(164);
    write_small(10);
    assert_int_equal(q.tail->kind, MN_PIECE_OURS);
    assert_memory_equal(packet->data, at(START), 164);
    send_again(START, 174, 32);
    send_new(10);
    mnet_packet_free(packet);
}

static void it_holds_no_more_than_is_copied_anyway(void **state)
{
    (void)state;
    write_small(200);
    write_bytes(3000, 1448);
    assert_int_equal(q.head->len, MN_SENDQ_COPIED);
    assert_int_equal(q.tail->kind, MN_PIECE_OURS);
    send_new(1448); /* from both */
    send_new(1448);
    mn_sendq_acked(&q, &pieces, START + 100); /* a part of the packet */
    assert_int_equal(memory->packets.in_use, 1);
    send_again(START + 100, 1000, 20);
    mn_sendq_acked(&q, &pieces, START + MN_SENDQ_COPIED);
    assert_int_equal(memory->packets.in_use, 0);
}

static void it_can_be_undone(void **state)
{
    (void)state;
    write_small(64);
    write_small(30);
    mn_sendq_retract(&q, &pieces, 30);
    mnet_packet_free(take(64));
    mn_sendq_acked(&q, &pieces, snd_nxt);
    write_small(64);
    mn_sendq_retract(&q, &pieces, 64);
    assert_int_equal(memory->packets.in_use, 0);
}

/* Sends all that waits, in the packet that holds it if there is one. */
static void send_all(void)
{
    uint32_t len = mn_sendq_end(&q) - snd_nxt;
    struct mnet_packet *packet = mn_sendq_take_packet(&q, snd_nxt, len);
    if (packet == NULL) {
        send_new(len);
        return;
    }
    assert_int_equal(packet->total, len);
    assert_memory_equal(packet->data, at(snd_nxt), len);
    snd_nxt += len;
    mnet_packet_free(packet);
}

/* Gathers any bytes that are there. */
static void send_some(void)
{
    uint32_t from = any(q.len);
    send_again(q.start + from, 1 + any(MN_MIN(4000u, q.len - from)), any(70));
}

/* Any mixture of writes, undone writes, acknowledgements and segments of changing size. */
static void random_schedules_give_right_sums(void **state)
{
    (void)state;
    uint32_t size = 1448;
    while (mn_sendq_end(&q) - START < STREAM - 100000) {
        unsigned op = any(16);
        uint32_t waiting = mn_sendq_end(&q) - snd_nxt;
        if (op == 0)
            size = 100 + any(3000);
        else if (op < 7)
            write_bytes(1 + any(op < 4 ? 5000 : 400), op == 6 ? 0 : size);
        else if (op == 7 && waiting > 0)
            mn_sendq_retract(&q, &pieces, 1 + any(MN_MIN(waiting, 50u)));
        else if (op < 12 && waiting > MN_SENDQ_COPIED)
            send_new(MN_MIN(waiting, size));
        else if (op < 12 && waiting > 0)
            send_all();
        else if (op == 12 && snd_nxt == mn_sendq_end(&q) && snd_nxt != q.start)
            mn_sendq_acked(&q, &pieces, snd_nxt);
        else if (op == 12 && snd_nxt != q.start)
            mn_sendq_acked(&q, &pieces, q.start + 1 + any(snd_nxt - q.start));
        else if (q.len > 0)
            send_some();
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(full_segments_are_never_summed_again),
        TEST(segments_of_many_writes_are_never_summed_again),
        TEST(segments_behind_a_short_one_are_never_summed_again),
        TEST(segments_of_a_new_size_are_never_summed_again),
        TEST(segments_cut_from_a_large_one_are_never_summed_again),
        TEST(other_ranges_are_summed_rightly),
        TEST(segments_larger_than_the_pieces_are_summed_rightly),
        TEST(tiny_pieces_are_kept_as_far_as_there_is_room),
        TEST(bytes_of_an_undone_write_are_forgotten),
        TEST(lent_bytes_between_are_summed_when_they_are_sent),
        TEST(no_sums_are_kept_if_they_are_not_wanted),
        TEST(a_small_write_lies_in_the_packet_that_carries_it),
        TEST(it_is_sent_again_in_another_packet),
        TEST(a_device_may_keep_it_beyond_its_acknowledgement),
        TEST(further_small_writes_go_along_until_it_is_sent),
        TEST(it_holds_no_more_than_is_copied_anyway),
        TEST(it_can_be_undone),
        TEST(random_schedules_give_right_sums),
    };
    return cmocka_run_group_tests_name("sendq", tests, NULL, NULL);
}
