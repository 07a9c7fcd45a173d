/* A guard on the work that bulk data costs: copies of bytes, sums of bytes, and blocks of memory
 * for each segment. It counts and does not time. The linker leads the calls of the functions that
 * do the work through this file.
 *
 * The device is a pipe, which copies frames once. So the copies at least are one from the writer
 * into the send queue, one by the device, and one to the reader; and each byte is summed once, in
 * one of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mnet/mnet.h>
#include <mnet/sim.h>

#include "base/base.h"
#include "base/checksum.h"
#include "base/pool.h"
#include "support/frame.h"

#define REGION ((size_t)32 << 20)
#define TEXT ((size_t)4 << 20)
#define HEADERS 100u /* calls for fewer bytes are for headers */

static struct {
    size_t copied, summed, sum_copied; /* bytes of text */
    unsigned blocks;
} effort;

void *__real_memcpy(void *to, const void *from, size_t len);
void *__wrap_memcpy(void *to, const void *from, size_t len);
void *__wrap_memcpy(void *to, const void *from, size_t len)
{
    effort.copied += len > HEADERS ? len : 0;
    return __real_memcpy(to, from, len);
}

uint64_t __real_mn_sum(uint64_t sum, const void *data, size_t len);
uint64_t __wrap_mn_sum(uint64_t sum, const void *data, size_t len);
uint64_t __wrap_mn_sum(uint64_t sum, const void *data, size_t len)
{
    effort.summed += len > HEADERS ? len : 0;
    return __real_mn_sum(sum, data, len);
}

uint64_t __real_mn_sum_copy(uint64_t sum, void *restrict to, const void *restrict from, size_t len);
uint64_t __wrap_mn_sum_copy(uint64_t sum, void *restrict to, const void *restrict from, size_t len);
uint64_t __wrap_mn_sum_copy(uint64_t sum, void *restrict to, const void *restrict from, size_t len)
{
    size_t copied = effort.copied, summed = effort.summed;
    sum = __real_mn_sum_copy(sum, to, from, len);
    effort.copied = copied; /* few bytes may pass through the other two functions, in one pass */
    effort.summed = summed;
    effort.sum_copied += len > HEADERS ? len : 0;
    return sum;
}

void *__real_mn_pool_alloc(struct mn_pool *pool, enum mn_claim claim);
void *__wrap_mn_pool_alloc(struct mn_pool *pool, enum mn_claim claim);
void *__wrap_mn_pool_alloc(struct mn_pool *pool, enum mn_claim claim)
{
    effort.blocks++;
    return __real_mn_pool_alloc(pool, claim);
}

static struct mnet_stack *stacks[2];
static void *regions[2];
static uint64_t now_ns;
static bool ipv6;
static uint8_t text[65536], got[65536];
static struct mnet_listener *listener;
static struct mnet_flow *writer, *reader;

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

static void poll_both(void)
{
    for (int i = 0; i < 4; i++)
        mnet_stack_poll(stacks[i % 2], now_ns);
    now_ns += 10 * MNET_MICROSECOND;
}

static struct mnet_address ipv6_address(int number)
{
    return (struct mnet_address){.bytes = {0xfd, [15] = (uint8_t)(1 + number)}};
}

static void open_stack(int number, struct mnet_device *device, bool in_software)
{
    struct mnet_config config = {.device = device,
                                 .platform = {.now = now, .entropy = entropy, .context = number == 0 ? NULL : stacks},
                                 .memory_size = REGION,
                                 .no_checksum_offload = in_software};
    config.memory = regions[number] = malloc(REGION);
    config.ip.ipv4 = (struct mnet_prefix){mnet_ipv4(10, 0, 0, (uint8_t)(1 + number)), 24};
    config.ip.ipv6 = (struct mnet_prefix){ipv6_address(number), 64};
    assert_int_equal(mnet_stack_open(&config, &stacks[number]), 0);
}

/* `in_software`: the writer's stack cuts and sums, and leaves nothing to the device. */
static void connect_them(uint32_t offload, bool in_software)
{
    struct mnet_device *ends[2];
    now_ns = MNET_SECOND;
    test_fill(text, sizeof text, 3);
    assert_true(mnet_sim_pipe(ends, &(struct mnet_sim_pipe_options){.offload = offload}));
    for (int i = 0; i < 2; i++)
        open_stack(i, ends[i], in_software && i == 0);
    struct mnet_address peer = ipv6 ? ipv6_address(1) : mnet_ipv4(10, 0, 0, 2);
    assert_int_equal(mnet_tcp_listen(stacks[1], 80, NULL, &listener), 0);
    /* Addresses are tentative at first. */
    for (; now_ns < 10 * MNET_SECOND; now_ns += MNET_MILLISECOND)
        poll_both();
    assert_int_equal(mnet_tcp_connect_begin(stacks[0], (struct mnet_endpoint){peer, 80}, NULL, &writer), 0);
    for (int i = 0; i < 10; i++)
        poll_both();
    assert_int_equal(mnet_tcp_established(writer, 0), 0);
    assert_int_equal(mnet_tcp_accept(listener, &reader, 0), 0);
}

static int set_up(void **state)
{
    (void)state;
    ipv6 = false;
    return 0;
}

static int set_up_ipv6(void **state)
{
    (void)state;
    ipv6 = true;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mnet_tcp_abort(writer);
    mnet_tcp_abort(reader);
    mnet_tcp_unlisten(listener);
    for (int i = 0; i < 2; i++) {
        mnet_stack_down(stacks[i]);
        free(regions[i]);
    }
    return 0;
}

static void keep(void *context)
{
    (void)context; /* the text stays as it is */
}

static size_t write_some(bool lent)
{
    size_t queued = 0;
    int result = lent ? mnet_tcp_write_lent(writer, text, sizeof text, keep, NULL, &queued, 0)
                      : mnet_tcp_write(writer, text, sizeof text, &queued, 0);
    assert_true(result == 0 || result == MNET_E_DEADLINE);
    return queued;
}

static size_t read_some(bool lent)
{
    struct mnet_slice slices[64];
    size_t len = 0;
    ptrdiff_t count = lent ? mnet_tcp_get(reader, slices, MN_COUNT_OF(slices), 0)
                           : mnet_tcp_read(reader, got, sizeof got, 0);
    if (count < 0)
        return 0;
    for (ptrdiff_t i = 0; i < count && lent; i++)
        len += slices[i].len;
    mnet_tcp_release(reader);
    return lent ? len : (size_t)count;
}

/* Sends some megabytes, and returns the number of their segments. All effort is that of them. */
static unsigned transfer(bool lent)
{
    size_t written = 0, done = 0;
    uint64_t before = mnet_stack_counters(stacks[1])->value[MNET_COUNT_RX_FRAMES];
    memset(&effort, 0, sizeof effort);
    while (done < TEXT) {
        if (written < TEXT)
            written += write_some(lent);
        poll_both();
        for (size_t part; (part = read_some(lent)) > 0;)
            done += part;
    }
    return (unsigned)(mnet_stack_counters(stacks[1])->value[MNET_COUNT_RX_FRAMES] - before);
}

/* Checks the bytes that `times` passes over the text took. Text is written in pieces, of which the
 * last may be more than was asked for. */
static void expect_passes(size_t bytes, unsigned times)
{
    assert_in_range(bytes, times * TEXT, times * (TEXT + sizeof text));
}

static void copied_bulk_is_copied_three_times_and_summed_once(void **state)
{
    (void)state;
    connect_them(0, false);
    unsigned segments = transfer(false);
    assert_true(segments > TEXT / 1460);
    expect_passes(effort.copied, 2);
    expect_passes(effort.sum_copied, 1);
    assert_int_equal(effort.summed, 0);
    assert_true(effort.blocks < segments + segments / 4);
}

static void lent_bulk_is_copied_and_summed_once(void **state)
{
    (void)state;
    connect_them(0, false);
    unsigned segments = transfer(true);
    assert_int_equal(effort.copied, 0);
    expect_passes(effort.sum_copied, 1);
    assert_int_equal(effort.summed, 0);
    assert_true(effort.blocks < segments + segments / 4);
}

/* The pass of the pipe is not the stack's. */
static void bulk_in_software_is_summed_as_it_is_written(void **state)
{
    (void)state;
    connect_them(0, true);
    unsigned segments = transfer(false);
    expect_passes(effort.copied, 1);
    expect_passes(effort.sum_copied, 2);
    assert_int_equal(effort.summed, 0);
    assert_true(effort.blocks < 2 * segments + segments / 4);
}

static void bulk_over_offloads_is_never_summed(void **state)
{
    (void)state;
    connect_them(MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6, false);
    transfer(false);
    expect_passes(effort.copied, 3);
    assert_int_equal(effort.sum_copied + effort.summed, 0);
}

/* The text lies in the packet that carries it, so a message has one block at each end. It is copied
 * by the writer's call, by the device and by the reader's call. */
static void a_small_message_is_a_packet_at_each_end(void **state)
{
    (void)state;
    connect_them(0, false);
    for (int i = 0; i < 10; i++) {
        memset(&effort, 0, sizeof effort);
        assert_int_equal(mnet_tcp_write(writer, text, 200, NULL, 0), 0);
        poll_both();
        assert_int_equal(read_some(false), 200);
        assert_memory_equal(got, text, 200);
        assert_int_equal(effort.blocks, 2);
        assert_int_equal(effort.copied, 2 * 200);
        assert_in_range(effort.sum_copied, 200, 300); /* with headers */
        now_ns += MNET_SECOND;
        poll_both(); /* it is acknowledged */
    }
}

#define BOTH(name) \
    cmocka_unit_test_setup_teardown(name, set_up, tear_down), \
        cmocka_unit_test_setup_teardown(name, set_up_ipv6, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(copied_bulk_is_copied_three_times_and_summed_once), BOTH(lent_bulk_is_copied_and_summed_once),
        BOTH(bulk_in_software_is_summed_as_it_is_written),       BOTH(bulk_over_offloads_is_never_summed),
        BOTH(a_small_message_is_a_packet_at_each_end),
    };
    return cmocka_run_group_tests_name("stack_effort", tests, NULL, NULL);
}
