/* The capturing device: the test reads the file back block by block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <mnet/capture.h>
#include <mnet/sim.h>

#include "tests/support/frame.h"

#define ALL_OFFLOADS (MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6)

static uint8_t file[1 << 20];
static size_t file_len, file_limit;
static bool file_closed;
static uint64_t clock_ns;

static struct mnet_memory *memory;
static struct mnet_device *device, *peer;
static struct mnet_capture capture;
static uint8_t payload[70000];

static bool file_write(void *context, const void *bytes, size_t len)
{
    (void)context;
    if (file_len + len > file_limit)
        return false;
    memcpy(file + file_len, bytes, len);
    file_len += len;
    return true;
}

static void file_close(void *context)
{
    (void)context;
    file_closed = true;
}

static uint64_t file_now(void *context)
{
    (void)context;
    return clock_ns;
}

static int set_up(void **state)
{
    (void)state;
    struct mnet_device *ends[2];
    memory = test_memory((size_t)8 << 20);
    test_fill(payload, sizeof payload, 1);
    assert_true(mnet_sim_pipe(ends, &(struct mnet_sim_pipe_options){.offload = ALL_OFFLOADS}));
    file_len = 0;
    file_limit = sizeof file;
    file_closed = false;
    clock_ns = 0x0123456789abcdef;
    peer = ends[1];
    device = mnet_capture_init(&capture, ends[0],
                               &(struct mnet_capture_options){file_write, file_close, file_now, NULL});
    device->memory = peer->memory = memory;
    struct mnet_packet *none;
    assert_int_equal(device->ops->rx(device, &none, 1), 0); /* passes the memory down */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    device->ops->close(device);
    peer->ops->close(peer);
    assert_true(file_closed);
    test_memory_free(memory);
    return 0;
}

/* The file is in the machine's byte order, which its first block gives. */
static uint16_t half(size_t at)
{
    uint16_t value;
    assert_true(at + 2 <= file_len);
    memcpy(&value, file + at, 2);
    return value;
}

static uint32_t word(size_t at)
{
    uint32_t value;
    assert_true(at + 4 <= file_len);
    memcpy(&value, file + at, 4);
    return value;
}

/* Returns the offset of block number `n`, or the end of the file if there are fewer. Checks both
 * lengths of each block before it. */
static size_t block(unsigned n)
{
    size_t at = 0;
    for (; n > 0 && at < file_len; n--) {
        uint32_t len = word(at + 4);
        assert_int_equal(len % 4, 0);
        assert_int_equal(word(at + len - 4), len);
        at += len;
    }
    return at;
}

/* Checks that block `n` is a packet with these bytes and direction. */
static void expect_packet(unsigned n, const uint8_t *bytes, uint32_t len, uint32_t direction)
{
    size_t at = block(n);
    assert_int_equal(word(at), 6);
    assert_int_equal(word(at + 8), 0);
    assert_int_equal(word(at + 12), (uint32_t)(clock_ns >> 32));
    assert_int_equal(word(at + 16), (uint32_t)clock_ns);
    assert_int_equal(word(at + 20), len);
    assert_int_equal(word(at + 24), len);
    assert_memory_equal(file + at + 28, bytes, len);
    size_t options = at + 28 + (len + 3) / 4 * 4;
    assert_int_equal(half(options), 2);
    assert_int_equal(half(options + 2), 4);
    assert_int_equal(word(options + 4), direction);
    assert_int_equal(word(options + 8), 0);
}

static void open_writes_section_and_interface(void **state)
{
    (void)state;
    assert_int_equal(word(0), 0x0a0d0d0a);
    assert_int_equal(word(8), 0x1a2b3c4d);
    size_t interface = block(1);
    assert_int_equal(word(interface), 1);
    assert_int_equal(half(interface + 8), 1);  /* Ethernet */
    assert_int_equal(file[interface + 20], 9); /* nanoseconds */
    assert_int_equal(block(2), file_len);
}

static void frames_of_all_lengths_are_recorded(void **state)
{
    (void)state;
    for (uint32_t len = 1; len < 9; len++) {
        struct mnet_packet *frame = mnet_packet_alloc(memory);
        memcpy(mnet_packet_put(frame, len), payload, len);
        assert_int_equal(device->ops->tx(device, &frame, 1), 1);
        expect_packet(1 + len, payload, len, 2);
    }
    assert_int_equal(capture.frames, 8);
}

static void received_frame_is_marked_inbound(void **state)
{
    (void)state;
    struct mnet_packet *frame = test_tcp_frame(memory, &(struct test_tcp){.seq = 1}, payload, 100);
    assert_int_equal(peer->ops->tx(peer, &frame, 1), 1);
    assert_int_equal(block(2), file_len);
    assert_int_equal(device->ops->rx(device, &frame, 1), 1);
    expect_packet(2, frame->data, 154, 1);
    mnet_packet_free(frame);
}

static void partial_checksum_is_completed_in_the_file_only(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const struct test_tcp tcp = {.ipv6 = i == 1, .seq = 1};
        struct mnet_packet *frame = test_large_frame(memory, &tcp, payload, 60001, 10001, 1460);
        assert_int_equal(device->ops->tx(device, &frame, 1), 1);
        size_t at = block(2 + i) + 28;
        struct mnet_packet *written = mnet_packet_alloc(memory);
        assert_true(mnet_packet_append(written, file + at, 60001 + test_headers(&tcp)));
        assert_true(test_frame_ok(written));
        mnet_packet_free(written);
        assert_int_equal(peer->ops->rx(peer, &frame, 1), 1);
        assert_int_equal(frame->checksum, MNET_CHECKSUM_PARTIAL);
        assert_false(test_frame_ok(frame));
        mnet_packet_free(frame);
    }
}

/* RFC 768: a sum of 0 is written as ffff, because 0 means that there is no checksum. The last two
 * bytes balance all others. */
static void partial_udp_checksum_of_zero_is_ffff_in_the_file(void **state)
{
    (void)state;
    unsigned number = 2;
    for (int ipv6 = 0; ipv6 <= 1; ipv6++) {
        uint8_t text[10] = "all this";
        uint16_t field = 0;
        for (int tries = 0; field != 0xffff; tries++) {
            struct mnet_packet *frame = test_udp_frame(memory, ipv6, text, sizeof text);
            size_t at = frame->csum_start + 6u;
            assert_int_equal(device->ops->tx(device, &frame, 1), 1);
            memcpy(&field, file + block(number++) + 28 + at, sizeof field);
            assert_int_not_equal(field, 0);
            assert_true(tries < 2);
            memcpy(text + 8, &field, sizeof field); /* the difference to ffff */
        }
    }
    for (struct mnet_packet *frame; peer->ops->rx(peer, &frame, 1) == 1;)
        mnet_packet_free(frame);
}

static void link_of_the_inner_device_is_passed_on(void **state)
{
    (void)state;
    struct mnet_packet *none;
    for (int down = 1; down >= 0; down--) {
        capture.inner->link_down = down != 0;
        assert_int_equal(device->ops->rx(device, &none, 1), 0);
        assert_int_equal(device->link_down, down);
    }
}

static void refused_frame_is_not_recorded(void **state)
{
    (void)state;
    struct mnet_packet *frames[300];
    for (int i = 0; i < 300; i++)
        frames[i] = test_tcp_frame(memory, &(struct test_tcp){.seq = 1}, payload, 10);
    int taken = device->ops->tx(device, frames, 300);
    assert_in_range(taken, 1, 299);
    assert_int_equal(capture.frames, taken);
    for (int i = taken; i < 300; i++)
        mnet_packet_free(frames[i]);
}

static void failed_write_ends_the_capture_not_the_network(void **state)
{
    (void)state;
    file_limit = file_len + 50;
    for (int i = 0; i < 2; i++) {
        struct mnet_packet *frame = test_tcp_frame(memory, &(struct test_tcp){.seq = 1}, payload, 100);
        assert_int_equal(device->ops->tx(device, &frame, 1), 1);
        assert_int_equal(peer->ops->rx(peer, &frame, 1), 1);
        mnet_packet_free(frame);
    }
    assert_true(capture.failed);
    assert_int_equal(capture.frames, 0);
}

static void file_holds_the_same_bytes(void **state)
{
    (void)state;
    char path[] = "/tmp/mnet-capture-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct mnet_device *ends[2];
    assert_true(mnet_sim_pipe(ends, NULL));
    assert_null(mnet_capture_open_file("/nonexistent/file", ends[0], file_now, NULL));
    struct mnet_device *to_file = mnet_capture_open_file(path, ends[0], file_now, NULL);
    assert_non_null(to_file);
    struct mnet_packet *frame = test_tcp_frame(memory, &(struct test_tcp){.seq = 1}, payload, 100);
    struct mnet_packet *same = mnet_packet_hold(frame);
    assert_int_equal(to_file->ops->tx(to_file, &frame, 1), 1);
    assert_int_equal(device->ops->tx(device, &same, 1), 1);
    to_file->ops->close(to_file);
    ends[1]->ops->close(ends[1]);
    FILE *stream = fopen(path, "rb");
    static uint8_t bytes[4096];
    size_t len = fread(bytes, 1, sizeof bytes, stream);
    fclose(stream);
    unlink(path);
    assert_int_equal(len, file_len);
    assert_memory_equal(bytes, file, len);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(open_writes_section_and_interface),
        TEST(frames_of_all_lengths_are_recorded),
        TEST(received_frame_is_marked_inbound),
        TEST(partial_checksum_is_completed_in_the_file_only),
        TEST(link_of_the_inner_device_is_passed_on),
        TEST(partial_udp_checksum_of_zero_is_ffff_in_the_file),
        TEST(refused_frame_is_not_recorded),
        TEST(failed_write_ends_the_capture_not_the_network),
        TEST(file_holds_the_same_bytes),
    };
    return cmocka_run_group_tests_name("capture", tests, NULL, NULL);
}
