/* The entropy device (VIRTIO 1.2, 5.4), honest and not. */
#include "unit/support.h"

#include <mnet/error.h>

#include "support/virtio_device.h"

struct rng_fixture {
    struct virtio_device device;
    struct mn_virtio_transport transport;
    void *memory;
    uint8_t buffer[1000];
};

static struct rng_fixture *start(enum virtio_bus bus, void (*idle)(struct virtio_device *d))
{
    struct rng_fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    virtio_device_init(&f->device, bus, MN_VIRTIO_ENTROPY);
    f->device.idle = idle;
    f->memory = aligned_alloc(4096, (mn_virtio_rng_bytes() + 4095) / 4096 * 4096);
    assert_non_null(f->memory);
    assert_int_equal(virtio_device_find(&f->device, &f->transport), MNET_OK);
    return f;
}

static int read_with(struct rng_fixture *f, uint64_t piece_ns, uint64_t all_ns)
{
    const struct mn_virtio_timeouts timeouts = {piece_ns, all_ns};
    return mn_virtio_rng_read(&f->transport, f->memory, f->buffer, sizeof f->buffer, timeouts);
}

static int read_all(struct rng_fixture *f)
{
    return read_with(f, 2 * MNET_SECOND, MNET_NEVER);
}

static void end(struct rng_fixture *f)
{
    free(f->memory);
    free(f);
}

/* Fills a buffer in parts of at most `most` bytes, and reports `lie` bytes more. */
static void fill(struct virtio_device *d, uint32_t most, uint32_t lie)
{
    struct virtio_chain chain;
    static uint8_t next;
    while (virtio_device_take(d, 0, &chain)) {
        uint32_t len = MN_MIN(chain.bytes, most);
        assert_true(chain.writable);
        for (uint32_t i = 0; i < len; i++)
            ((uint8_t *)(uintptr_t)chain.pieces[0].data)[i] = (uint8_t)(++next | 1);
        virtio_device_use(d, 0, chain.head, len + lie);
    }
}

static void fill_honestly(struct virtio_device *d)
{
    fill(d, 100, 0);
}

static void fill_too_much(struct virtio_device *d)
{
    fill(d, UINT32_MAX, 1);
}

static void fill_nothing(struct virtio_device *d)
{
    fill(d, 0, 0);
}

/* Eight bytes every half second, as QEMU does with max-bytes=8,period=500. */
static void fill_slowly(struct virtio_device *d)
{
    static uint64_t next;
    if (d->now < next && next - d->now < MNET_SECOND)
        return;
    next = d->now + 500 * MNET_MILLISECOND;
    fill(d, 8, 0);
}

static void break_ring(struct virtio_device *d)
{
    virtio_device_show(d, 0, 9);
}

static void buffer_is_filled_in_parts(void **state)
{
    (void)state;
    struct rng_fixture *f = start(VIRTIO_MMIO, fill_honestly);
    assert_int_equal(read_all(f), MNET_OK);
    for (size_t i = 0; i < sizeof f->buffer; i++)
        assert_int_equal(f->buffer[i] & 1, 1);
    assert_int_equal(f->device.status, 0); /* the device is reset again */
    assert_int_equal(read_all(f), MNET_OK);
    end(f);
}

static void every_bus_serves(void **state)
{
    (void)state;
    struct rng_fixture *f = start(VIRTIO_PCI, fill_honestly);
    assert_int_equal(read_all(f), MNET_OK);
    end(f);
}

static void silent_device_ends_at_the_deadline(void **state)
{
    (void)state;
    struct rng_fixture *f = start(VIRTIO_MMIO, NULL);
    assert_int_equal(read_all(f), MNET_E_NO_ENTROPY);
    assert_true(f->device.now >= 2 * MNET_SECOND && f->device.now < 3 * MNET_SECOND);
    assert_true(f->device.waits < 2500); /* it idles in between */
    end(f);
}

/* All of it takes a minute. */
static void slow_device_is_waited_for_as_long_as_something_comes(void **state)
{
    (void)state;
    struct rng_fixture *f = start(VIRTIO_MMIO, fill_slowly);
    assert_int_equal(read_with(f, MNET_SECOND, MNET_NEVER), MNET_OK);
    for (size_t i = 0; i < sizeof f->buffer; i++)
        assert_int_equal(f->buffer[i] & 1, 1);
    end(f);
}

static void slow_device_leaves_what_came_until_the_end(void **state)
{
    (void)state;
    struct rng_fixture *f = start(VIRTIO_MMIO, fill_slowly);
    assert_int_equal(read_with(f, MNET_SECOND, 2 * MNET_SECOND), MNET_E_NO_ENTROPY);
    assert_in_range(f->device.now, 2 * MNET_SECOND, 3 * MNET_SECOND);
    size_t came = 0;
    while (f->buffer[came] != 0)
        came++;
    assert_in_range(came, 8, 48);
    for (size_t i = came; i < sizeof f->buffer; i++)
        assert_int_equal(f->buffer[i], 0);
    end(f);
}

static void device_that_refuses_reset_serves_once(void **state)
{
    (void)state;
    struct rng_fixture *f = start(VIRTIO_MMIO, fill_honestly);
    f->device.refuses_reset = true;
    assert_int_equal(read_all(f), MNET_OK);
    assert_true(f->transport.running);
    assert_int_equal(read_all(f), MNET_E_IO);
    end(f);
}

/* 5.4.6.2 */
static void lies_about_length_are_errors(void **state)
{
    (void)state;
    void (*const lies[])(struct virtio_device *) = {fill_too_much, fill_nothing, break_ring};
    for (size_t i = 0; i < MN_COUNT_OF(lies); i++) {
        struct rng_fixture *f = start(VIRTIO_MMIO, lies[i]);
        assert_int_equal(read_all(f), MNET_E_IO);
        end(f);
    }
}

static void other_devices_are_refused(void **state)
{
    (void)state;
    struct rng_fixture *f = start(VIRTIO_MMIO, fill_honestly);
    f->transport.kind = MN_VIRTIO_NET;
    assert_int_equal(read_all(f), MNET_E_NO_DEVICE);
    f->transport.kind = MN_VIRTIO_ENTROPY;
    f->device.rings[0].max = 0;
    assert_int_equal(read_all(f), MNET_E_NO_DEVICE);
    f->device.refuses_features = true;
    assert_int_equal(read_all(f), MNET_E_IO);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_is_filled_in_parts),
        cmocka_unit_test(every_bus_serves),
        cmocka_unit_test(silent_device_ends_at_the_deadline),
        cmocka_unit_test(lies_about_length_are_errors),
        cmocka_unit_test(other_devices_are_refused),
        cmocka_unit_test(device_that_refuses_reset_serves_once),
        cmocka_unit_test(slow_device_is_waited_for_as_long_as_something_comes),
        cmocka_unit_test(slow_device_leaves_what_came_until_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
