/* The fault-injecting device. Frames carry their number, so the test knows the fate of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <mnet/fault.h>
#include <mnet/sim.h>

#include "base/packet_sum.h"
#include "tests/support/frame.h"

#define FRAMES 1000
#define LEN 100

static struct mnet_memory *memory;
static struct mnet_device *device, *peer;

/* The frames that arrived, in order. */
static struct arrival {
    uint32_t number;
    uint32_t len;
    bool intact;
} arrived[4 * FRAMES];
static unsigned arrived_count;

static int set_up(void **state)
{
    (void)state;
    memory = test_memory((size_t)8 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    device->ops->close(device);
    peer->ops->close(peer);
    test_memory_free(memory);
    return 0;
}

static void open_faulty(const struct mnet_fault_options *options)
{
    struct mnet_device *ends[2];
    assert_true(mnet_sim_pipe(ends, &(struct mnet_sim_pipe_options){.offload = MNET_OFFLOAD_CHECKSUM}));
    device = mnet_fault_open(ends[0], options);
    assert_non_null(device);
    peer = ends[1];
    device->memory = peer->memory = memory;
    ends[0]->memory = memory;
    arrived_count = 0;
}

static struct mnet_packet *numbered(uint32_t number)
{
    struct mnet_packet *frame = mnet_packet_alloc(memory);
    uint8_t *bytes = mnet_packet_put(frame, LEN);
    for (int i = 0; i < LEN; i += 4)
        memcpy(bytes + i, &number, 4);
    return frame;
}

static void note(struct mnet_packet *frame)
{
    struct arrival *arrival = &arrived[arrived_count++];
    uint8_t bytes[LEN] = {0};
    mnet_packet_copy_out(frame, 0, bytes, frame->total);
    uint32_t words[LEN / 4];
    memcpy(words, bytes, sizeof words);
    arrival->number = words[0] == words[1] || words[0] == words[2] ? words[0] : words[1];
    arrival->len = frame->total;
    arrival->intact = frame->total == LEN;
    for (int i = 0; i < LEN / 4; i++)
        arrival->intact = arrival->intact && words[i] == words[0];
    mnet_packet_free(frame);
}

static void drain(struct mnet_device *from)
{
    struct mnet_packet *frame;
    while (from->ops->rx(from, &frame, 1) == 1)
        note(frame);
}

/* Sends frames 0 to FRAMES - 1 through the faulty device, in one direction or the other, and then
 * lets all delayed frames arrive. */
static void send_all(bool outward)
{
    struct mnet_device *from = outward ? device : peer, *to = outward ? peer : device;
    for (uint32_t i = 0; i < FRAMES; i++) {
        struct mnet_packet *frame = numbered(i);
        while (from->ops->tx(from, &frame, 1) == 0)
            drain(to);
        drain(to);
    }
    for (int i = 0; i < 100; i++) {
        struct mnet_packet *none;
        assert_int_equal(from->ops->rx(from, &none, 1), 0);
        drain(to);
    }
}

static unsigned count_inversions(void)
{
    unsigned inversions = 0;
    for (unsigned i = 1; i < arrived_count; i++)
        inversions += arrived[i].number < arrived[i - 1].number;
    return inversions;
}

static void nothing_set_changes_nothing(void **state)
{
    (void)state;
    for (int outward = 0; outward < 2; outward++) {
        open_faulty(&(struct mnet_fault_options){.seed = 1});
        send_all(outward);
        assert_int_equal(arrived_count, FRAMES);
        for (uint32_t i = 0; i < FRAMES; i++) {
            assert_int_equal(arrived[i].number, i);
            assert_true(arrived[i].intact);
        }
        if (outward == 0) {
            device->ops->close(device);
            peer->ops->close(peer);
        }
    }
}

static void drop_loses_about_as_many_as_asked(void **state)
{
    (void)state;
    open_faulty(&(struct mnet_fault_options){.seed = 1, .tx.drop_ppm = 100000});
    send_all(true);
    assert_in_range(arrived_count, FRAMES * 85 / 100, FRAMES * 95 / 100);
    assert_int_equal(mnet_fault_counts(device).dropped, FRAMES - arrived_count);
}

static void duplicates_arrive_twice(void **state)
{
    (void)state;
    open_faulty(&(struct mnet_fault_options){.seed = 2, .rx.duplicate_ppm = 100000});
    send_all(false);
    assert_in_range(arrived_count, FRAMES * 105 / 100, FRAMES * 115 / 100);
    assert_int_equal(mnet_fault_counts(device).duplicated, arrived_count - FRAMES);
}

static void reordered_frames_all_arrive(void **state)
{
    (void)state;
    open_faulty(&(struct mnet_fault_options){.seed = 3, .tx.reorder_ppm = 100000});
    send_all(true);
    assert_int_equal(arrived_count, FRAMES);
    assert_in_range(count_inversions(), FRAMES * 4 / 100, FRAMES * 14 / 100);
    assert_in_range(mnet_fault_counts(device).reordered, count_inversions(), FRAMES);
}

static void last_frame_held_back_still_arrives(void **state)
{
    (void)state;
    open_faulty(&(struct mnet_fault_options){.seed = 3, .rx.reorder_ppm = 1000000});
    struct mnet_packet *frame = numbered(5);
    assert_int_equal(peer->ops->tx(peer, &frame, 1), 1);
    for (int i = 0; i < 4 && arrived_count == 0; i++)
        drain(device);
    assert_int_equal(arrived_count, 1);
}

static void corruption_flips_a_bit_and_spares_the_sender(void **state)
{
    (void)state;
    open_faulty(&(struct mnet_fault_options){.seed = 4, .tx.corrupt_ppm = 1000000});
    struct mnet_packet *frame = numbered(7), *same = mnet_packet_hold(frame);
    assert_int_equal(device->ops->tx(device, &frame, 1), 1);
    drain(peer);
    assert_int_equal(arrived_count, 1);
    assert_false(arrived[0].intact);
    assert_int_equal(arrived[0].len, LEN);
    note(same);
    assert_true(arrived[1].intact);
}

static void corruption_is_never_hidden_by_offload(void **state)
{
    (void)state;
    uint8_t payload[50] = {0};
    open_faulty(&(struct mnet_fault_options){.seed = 4, .tx.corrupt_ppm = 1000000});
    for (int i = 0; i < 200; i++) {
        struct mnet_packet *frame = test_udp_frame(memory, i % 2 != 0, payload, sizeof payload);
        assert_int_equal(device->ops->tx(device, &frame, 1), 1);
        assert_int_equal(peer->ops->rx(peer, &frame, 1), 1);
        /* At most a sum of the bytes as they arrive. */
        assert_false(mn_packet_is_verified(frame));
        assert_int_equal(mn_sum_fold(mn_packet_sum_received(frame, frame->csum_start)),
                         mn_sum_fold(mn_packet_sum(frame, frame->csum_start)));
        mnet_packet_free(frame);
    }
}

static void truncated_frames_are_shorter(void **state)
{
    (void)state;
    open_faulty(&(struct mnet_fault_options){.seed = 5, .rx.truncate_ppm = 500000});
    send_all(false);
    unsigned shorter = 0;
    for (unsigned i = 0; i < arrived_count; i++)
        shorter += arrived[i].len < LEN;
    assert_int_equal(arrived_count, FRAMES);
    assert_int_equal(shorter, mnet_fault_counts(device).truncated);
    assert_in_range(shorter, FRAMES * 40 / 100, FRAMES * 60 / 100);
}

static void refusal_loses_nothing(void **state)
{
    (void)state;
    open_faulty(&(struct mnet_fault_options){.seed = 6, .tx.refuse_ppm = 300000});
    send_all(true);
    assert_int_equal(arrived_count, FRAMES);
    assert_int_equal(count_inversions(), 0);
    assert_in_range(mnet_fault_counts(device).refused, 1, 10 * FRAMES);
}

static void starving_loses_nothing(void **state)
{
    (void)state;
    open_faulty(&(struct mnet_fault_options){.seed = 6, .rx.refuse_ppm = 300000});
    send_all(false);
    assert_int_equal(arrived_count, FRAMES);
    assert_int_equal(count_inversions(), 0);
}

static void link_of_the_inner_device_is_passed_on(void **state)
{
    (void)state;
    struct mnet_device *ends[2];
    struct mnet_packet *none;
    assert_true(mnet_sim_pipe(ends, NULL));
    device = mnet_fault_open(ends[0], &(struct mnet_fault_options){0});
    peer = ends[1];
    device->memory = peer->memory = memory;
    for (int down = 1; down >= 0; down--) {
        ends[0]->link_down = down != 0;
        assert_int_equal(device->ops->rx(device, &none, 1), 0);
        assert_int_equal(device->link_down, down);
    }
}

static void full_inner_device_loses_nothing(void **state)
{
    (void)state;
    open_faulty(&(struct mnet_fault_options){.seed = 7, .tx.duplicate_ppm = 300000, .tx.reorder_ppm = 300000});
    uint32_t sent = 0;
    for (int round = 0; round < 20 && sent < FRAMES; round++) {
        for (int taken = 1; taken == 1 && sent < FRAMES; sent += (uint32_t)taken) {
            struct mnet_packet *frame = numbered(sent);
            taken = device->ops->tx(device, &frame, 1);
            if (taken == 0)
                mnet_packet_free(frame);
        }
        drain(peer);
    }
    assert_int_equal(sent, FRAMES);
    struct mnet_packet *none;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(device->ops->rx(device, &none, 1), 0);
        drain(peer);
    }
    bool seen[FRAMES] = {false};
    unsigned distinct = 0;
    for (unsigned i = 0; i < arrived_count; i++) {
        distinct += !seen[arrived[i].number];
        seen[arrived[i].number] = true;
    }
    assert_int_equal(distinct, FRAMES);
}

static void same_seed_gives_same_faults(void **state)
{
    (void)state;
    static struct arrival first[4 * FRAMES];
    struct mnet_fault_rates rates = {50000, 50000, 50000, 50000, 50000, 50000};
    open_faulty(&(struct mnet_fault_options){.seed = 8, .tx = rates});
    send_all(true);
    unsigned count = arrived_count;
    memcpy(first, arrived, count * sizeof first[0]);
    device->ops->close(device);
    peer->ops->close(peer);
    open_faulty(&(struct mnet_fault_options){.seed = 8, .tx = rates});
    send_all(true);
    assert_int_equal(arrived_count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(arrived[i].number, first[i].number);
        assert_int_equal(arrived[i].len, first[i].len);
    }
}

static void rates_can_be_changed(void **state)
{
    (void)state;
    open_faulty(&(struct mnet_fault_options){.seed = 9, .tx.drop_ppm = 1000000});
    send_all(true);
    assert_int_equal(arrived_count, 0);
    mnet_fault_set(device, &(struct mnet_fault_rates){0}, &(struct mnet_fault_rates){0});
    send_all(true);
    assert_int_equal(arrived_count, FRAMES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_set_changes_nothing),
        TEST(drop_loses_about_as_many_as_asked),
        TEST(duplicates_arrive_twice),
        TEST(reordered_frames_all_arrive),
        TEST(last_frame_held_back_still_arrives),
        TEST(corruption_flips_a_bit_and_spares_the_sender),
        TEST(corruption_is_never_hidden_by_offload),
        TEST(truncated_frames_are_shorter),
        TEST(refusal_loses_nothing),
        TEST(starving_loses_nothing),
        TEST(link_of_the_inner_device_is_passed_on),
        TEST(full_inner_device_loses_nothing),
        TEST(same_seed_gives_same_faults),
        TEST(rates_can_be_changed),
    };
    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
