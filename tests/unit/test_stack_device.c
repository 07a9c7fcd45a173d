/* A stack on a device that fails, and on one whose offloads are not wanted. The test drives two
 * stacks on the ends of a pipe. All frames of the first one's device pass through the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mnet/mnet.h>
#include <mnet/sim.h>

#include "base/base.h"
#include "support/frame.h"

#define REGION ((size_t)8 << 20)
#define FIRST mnet_ipv4(10, 0, 0, 1)
#define SECOND mnet_ipv4(10, 0, 0, 2)

/* The first stack's device. */
static struct {
    struct mnet_device device;
    struct mnet_device *inner;
    bool rx_fails, tx_fails;
    bool vouches; /* reports every received frame's checksum as verified, and damages the frame */
    bool missums; /* offers a wrong sum of each */
    unsigned sent, partial, large, wrong;
} tested;

static struct mnet_stack *stacks[2];
static void *regions[2];
static uint64_t now_ns;
static char last_line[256];
static unsigned lines;

static int tested_rx(struct mnet_device *device, struct mnet_packet **packets, int max)
{
    if (tested.rx_fails)
        return MNET_E_IO;
    tested.inner->memory = device->memory;
    int count = tested.inner->ops->rx(tested.inner, packets, max);
    for (int i = 0; i < count && tested.vouches; i++) {
        packets[i]->checksum = MNET_CHECKSUM_VERIFIED;
        uint8_t last;
        mnet_packet_copy_out(packets[i], packets[i]->total - 1, &last, 1);
        last ^= 1;
        mnet_packet_copy_in(packets[i], packets[i]->total - 1, &last, 1);
    }
    for (int i = 0; i < count && tested.missums; i++) {
        packets[i]->checksum = MNET_CHECKSUM_SUMMED;
        packets[i]->csum_start = 34;
        packets[i]->csum_value ^= 0x0100;
    }
    return count;
}

static int tested_tx(struct mnet_device *device, struct mnet_packet **packets, int count)
{
    if (tested.tx_fails)
        return MNET_E_IO;
    tested.inner->memory = device->memory;
    for (int i = 0; i < count; i++) {
        bool large = packets[i]->total > device->mtu + 14u;
        tested.sent++;
        tested.large += large;
        if (packets[i]->checksum == MNET_CHECKSUM_PARTIAL)
            tested.partial++;
        else if (packets[i]->total > 60 && !test_frame_ok(packets[i]))
            tested.wrong++;
    }
    return tested.inner->ops->tx(tested.inner, packets, count);
}

static void tested_wait(struct mnet_device *device, uint64_t deadline)
{
    (void)device, (void)deadline;
}

static void tested_close(struct mnet_device *device)
{
    (void)device;
    tested.inner->ops->close(tested.inner);
}

static const struct mnet_device_ops tested_ops = {tested_rx, tested_tx, tested_wait, tested_close};

static uint64_t now(void *context)
{
    (void)context;
    return now_ns;
}

static bool entropy(void *context, void *buffer, size_t len)
{
    memset(buffer, context != NULL, len);
    return true;
}

static void note_line(void *context, enum mnet_log_level level, const char *text)
{
    (void)context, (void)level;
    snprintf(last_line, sizeof last_line, "%s", text);
    lines++;
}

/* Opens both stacks. `options` are fields of the first one's configuration. */
static void open_stacks(uint32_t offload, struct mnet_config options)
{
    struct mnet_device *ends[2];
    memset(&tested, 0, sizeof tested);
    lines = 0;
    now_ns = MNET_SECOND;
    assert_true(mnet_sim_pipe(ends, &(struct mnet_sim_pipe_options){.offload = offload}));
    tested.inner = ends[0];
    tested.device = *ends[0];
    tested.device.ops = &tested_ops;
    for (int i = 0; i < 2; i++) {
        struct mnet_config config = i == 0 ? options : (struct mnet_config){0};
        config.device = i == 0 ? &tested.device : ends[1];
        config.platform = (struct mnet_platform){now, entropy, i == 0 ? NULL : stacks, NULL};
        config.memory = regions[i] = malloc(REGION);
        config.memory_size = REGION;
        config.ip.ipv4 = (struct mnet_prefix){i == 0 ? FIRST : SECOND, 24};
        if (i == 0)
            config.log = (struct mnet_log){note_line, NULL, MNET_LOG_WARNING};
        assert_int_equal(mnet_stack_open(&config, &stacks[i]), 0);
    }
}

static int close_stacks(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        mnet_stack_down(stacks[i]);
        free(regions[i]);
    }
    return 0;
}

/* Lets time pass, in steps of a millisecond. */
static void pass(uint64_t milliseconds)
{
    for (; milliseconds > 0; milliseconds--) {
        for (int i = 0; i < 8; i++)
            mnet_stack_poll(stacks[i % 2], now_ns);
        now_ns += MNET_MILLISECOND;
    }
}

static struct mnet_listener *listener;
static struct mnet_flow *first, *second;

static void connect_them(void)
{
    assert_int_equal(mnet_tcp_listen(stacks[1], 80, NULL, &listener), 0);
    assert_int_equal(mnet_tcp_connect_begin(stacks[0], (struct mnet_endpoint){SECOND, 80}, NULL, &first), 0);
    pass(5);
    assert_int_equal(mnet_tcp_established(first, 0), 0);
    assert_int_equal(mnet_tcp_accept(listener, &second, 0), 0);
}

static void part_them(void)
{
    mnet_tcp_abort(first);
    mnet_tcp_abort(second);
    mnet_tcp_unlisten(listener);
    pass(5);
}

static uint64_t counted(enum mnet_counter counter)
{
    return mnet_stack_counters(stacks[0])->value[counter];
}

/* Sends `len` bytes from one end to the other and checks them there, in small reads, within ten
 * seconds. */
static void transfer(struct mnet_flow *from, struct mnet_flow *to, size_t len)
{
    static uint8_t data[65536], got[65536];
    assert_true(len <= sizeof data);
    test_fill(data, len, 7);
    assert_int_equal(mnet_tcp_write(from, data, len, NULL, 0), 0);
    size_t done = 0;
    for (int i = 0; i < 10000 && done < len; i++) {
        ptrdiff_t part = mnet_tcp_read(to, got + done, len - done, 0);
        done += part > 0 ? (size_t)part : 0;
        pass(1);
    }
    assert_int_equal(done, len);
    assert_memory_equal(data, got, len);
}

/* ---- Failures ---- */

/* Frames for a failing device are lost, counted and freed. TCP sends them again when the device
 * works. */
static void tx_failure_loses_frames_and_tcp_repairs(void **state)
{
    (void)state;
    open_stacks(0, (struct mnet_config){0});
    connect_them();
    transfer(first, second, 1000);
    uint64_t lost = counted(MNET_COUNT_TX_DROP_DEVICE), sent = counted(MNET_COUNT_TX_FRAMES);
    tested.tx_fails = true;
    assert_int_equal(mnet_tcp_write(first, "hello", 5, NULL, 0), 0);
    pass(500);
    assert_true(counted(MNET_COUNT_TX_DROP_DEVICE) > lost + 1); /* and the retransmission */
    assert_int_equal(counted(MNET_COUNT_TX_FRAMES), sent);
    char got[16];
    assert_int_equal(mnet_tcp_read(second, got, sizeof got, 0), MNET_E_DEADLINE);
    tested.tx_fails = false;
    pass(2000);
    assert_int_equal(mnet_tcp_read(second, got, sizeof got, 0), 5);
    transfer(first, second, 60000);
    part_them();
}

/* A stack on a device that fails to receive does not loop, reports the failure once, and goes on
 * when the device does. */
static void rx_failure_is_told_once_and_ends(void **state)
{
    (void)state;
    open_stacks(0, (struct mnet_config){0});
    connect_them();
    pass(5000); /* announcements of the address are over */
    assert_int_equal(lines, 0);
    tested.rx_fails = true;
    assert_int_equal(mnet_tcp_write(second, "hello", 5, NULL, 0), 0);
    pass(500);
    assert_false(mnet_stack_poll(stacks[0], now_ns));
    assert_int_equal(lines, 1);
    assert_non_null(strstr(last_line, "fails to receive"));
    tested.rx_fails = false;
    pass(2000);
    char got[16];
    assert_int_equal(mnet_tcp_read(first, got, sizeof got, 0), 5);
    part_them();
    assert_int_equal(lines, 1);
}

/* ---- Offloads ---- */

static void offload_is_used_where_the_device_has_it(void **state)
{
    (void)state;
    open_stacks(MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4, (struct mnet_config){0});
    connect_them();
    transfer(first, second, 60000);
    assert_true(tested.large > 0 && tested.partial > 0);
    assert_int_equal(tested.wrong, 0);
    assert_int_equal(counted(MNET_COUNT_TX_SEGMENTED), 0);
    part_them();
}

/* --no-segmentation-offload: the stack cuts, the device still completes checksums. */
static void offload_of_segments_unwanted_is_done_by_the_stack(void **state)
{
    (void)state;
    open_stacks(MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4, (struct mnet_config){.no_segmentation_offload = true});
    connect_them();
    transfer(first, second, 60000);
    assert_int_equal(tested.large, 0);
    assert_true(tested.partial > 40);
    assert_true(counted(MNET_COUNT_TX_SEGMENTED) > 30);
    part_them();
}

/* --no-checksum-offload: every frame has complete checksums, so none is large either. */
static void offload_of_checksums_unwanted_is_done_by_the_stack(void **state)
{
    (void)state;
    open_stacks(MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4, (struct mnet_config){.no_checksum_offload = true});
    connect_them();
    transfer(first, second, 60000);
    assert_int_equal(tested.large, 0);
    assert_int_equal(tested.partial, 0);
    assert_int_equal(tested.wrong, 0);
    assert_true(tested.sent > 40);
    part_them();
}

/* The device's word about received checksums is not believed. */
static void offload_of_checksums_unwanted_verifies_what_arrives(void **state)
{
    (void)state;
    open_stacks(0, (struct mnet_config){.no_checksum_offload = true});
    connect_them();
    tested.vouches = true;
    assert_int_equal(mnet_tcp_write(second, "hello", 5, NULL, 0), 0);
    pass(5);
    char got[16];
    assert_int_equal(mnet_tcp_read(first, got, sizeof got, 0), MNET_E_DEADLINE);
    assert_int_equal(counted(MNET_COUNT_TCP_DROP_CHECKSUM), 1);
    tested.vouches = false;
    pass(2000);
    assert_int_equal(mnet_tcp_read(first, got, sizeof got, 0), 5);
    assert_memory_equal(got, "hello", 5);
    part_them();
}

static void offload_of_checksums_is_believed(void **state)
{
    (void)state;
    open_stacks(MNET_OFFLOAD_CHECKSUM, (struct mnet_config){0});
    connect_them();
    tested.vouches = true;
    assert_int_equal(mnet_tcp_write(second, "hello", 5, NULL, 0), 0);
    pass(5);
    char got[16];
    assert_int_equal(mnet_tcp_read(first, got, sizeof got, 0), 5);
    assert_memory_equal(got, "helln", 5); /* damaged by the test */
    part_them();
}

/* A sum that the device offers stands for the bytes, so a wrong one loses the frame. */
static void offered_sum_is_compared_with_the_checksum(void **state)
{
    (void)state;
    open_stacks(0, (struct mnet_config){0});
    connect_them();
    tested.missums = true;
    assert_int_equal(mnet_tcp_write(second, "hello", 5, NULL, 0), 0);
    pass(5);
    char got[16];
    assert_int_equal(mnet_tcp_read(first, got, sizeof got, 0), MNET_E_DEADLINE);
    assert_int_equal(counted(MNET_COUNT_TCP_DROP_CHECKSUM), 1);
    tested.missums = false;
    pass(2000);
    assert_int_equal(mnet_tcp_read(first, got, sizeof got, 0), 5);
    part_them();
}

/* A sum counts for nothing if the device has not said that it offers sums, if the configuration
 * does not want them, or if it is a sum of bytes that are not there. The bytes are right here. */
static void offered_sum_that_does_not_count_is_ignored(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        open_stacks(0, (struct mnet_config){.no_checksum_offload = i == 0});
        if (i == 1)
            tested.device.rx_offload &= ~(uint32_t)MNET_OFFLOAD_SUM;
        connect_them();
        tested.missums = true;
        transfer(second, first, 60000);
        assert_int_equal(counted(MNET_COUNT_TCP_DROP_CHECKSUM), 0);
        part_them();
        if (i == 0)
            close_stacks(state);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, NULL, close_stacks)
    const struct CMUnitTest tests[] = {
        TEST(tx_failure_loses_frames_and_tcp_repairs),
        TEST(rx_failure_is_told_once_and_ends),
        TEST(offload_is_used_where_the_device_has_it),
        TEST(offload_of_segments_unwanted_is_done_by_the_stack),
        TEST(offload_of_checksums_unwanted_is_done_by_the_stack),
        TEST(offload_of_checksums_unwanted_verifies_what_arrives),
        TEST(offload_of_checksums_is_believed),
        TEST(offered_sum_is_compared_with_the_checksum),
        TEST(offered_sum_that_does_not_count_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
