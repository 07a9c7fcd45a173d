/* The network driver on a device in memory, for its tests. */
#ifndef MN_TEST_VIRTIO_NET_H
#define MN_TEST_VIRTIO_NET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/mman.h>

#include <mnet/error.h>

#include "ports/common/little.h"
#include "support/frame.h"
#include "support/virtio_device.h"

#define ALL (MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6)
#define MEMORY (5u << 20) /* enough for 256 receive buffers */
#define BATCH 64
/* Bytes of the first buffer, after the header, and of the others. */
#define FIRST MNET_PACKET_LINEAR
#define OTHERS (MNET_PACKET_LINEAR + 12u)

struct fixture {
    struct virtio_device device;
    struct mn_virtio_transport transport;
    struct mnet_memory *memory;
    void *driver;
    struct mnet_device *net;
    uint32_t offload;
    bool ipv6; /* the family of the frames that small and large make */
    struct mnet_packet *packets[BATCH];
};

static uint8_t frame[MNET_FRAME_MAX + 1], got[MNET_FRAME_MAX + 1];

/* Memory for the driver's rings. A legacy device gets its page as a number of 32 bits, so it lies
 * low in the address space. */
#define DRIVER_AT ((void *)UINT64_C(0x40000000))
#define DRIVER_BYTES ((mn_virtio_net_bytes() + 4095) / 4096 * 4096)

static inline void *driver_memory(void)
{
    void *memory = mmap(DRIVER_AT, DRIVER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    memset(memory, 0xa5, DRIVER_BYTES);
    return memory;
}

static inline struct fixture *prepare(enum virtio_bus bus)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    test_fill(frame, sizeof frame, 3);
    virtio_device_init(&f->device, bus, MN_VIRTIO_NET);
    f->memory = test_memory(MEMORY);
    f->driver = driver_memory();
    f->offload = ALL;
    assert_int_equal(virtio_device_find(&f->device, &f->transport), MNET_OK);
    return f;
}

static inline int try_open(struct fixture *f)
{
    int result = mn_virtio_net_open(&f->transport, f->driver, "service", f->offload, &f->net);
    if (result == MNET_OK)
        f->net->memory = f->memory;
    return result;
}

static inline int receive(struct fixture *f)
{
    return f->net->ops->rx(f->net, f->packets, BATCH);
}

/* Opens the device with its receive buffers given to it. */
static inline void open_device(struct fixture *f)
{
    assert_int_equal(try_open(f), MNET_OK);
    assert_int_equal(receive(f), 0);
}

static inline struct fixture *start(void)
{
    struct fixture *f = prepare(VIRTIO_MMIO);
    open_device(f);
    return f;
}

static inline struct fixture *start_without(uint64_t features)
{
    struct fixture *f = prepare(VIRTIO_MMIO);
    f->device.offered &= ~features;
    open_device(f);
    return f;
}

/* Closes the device. Everything that it held must be back. */
static inline void end(struct fixture *f)
{
    if (f->net != NULL)
        f->net->ops->close(f->net);
    test_memory_free(f->memory);
    munmap(f->driver, DRIVER_BYTES);
    free(f);
}

/* Takes the single received frame, and compares it with the first `len` bytes of `frame`. */
static inline struct mnet_packet *expect_frame(struct fixture *f, size_t len)
{
    assert_int_equal(receive(f), 1);
    assert_int_equal(f->packets[0]->total, len);
    mnet_packet_copy_out(f->packets[0], 0, got, len);
    assert_memory_equal(got, frame, len);
    return f->packets[0];
}

/* Expects that the frame given to the device was dropped and counted, and that the next one is
 * received. */
static inline void expect_drop(struct fixture *f, const char *what)
{
    uint64_t dropped = f->net->rx_dropped;
    int count = receive(f);
    if (count != 0 || f->net->rx_dropped != dropped + 1)
        fail_msg("%s: %d received, %d dropped", what, count, (int)(f->net->rx_dropped - dropped));
    assert_true(virtio_device_give(&f->device, NULL, frame, 60));
    mnet_packet_free(expect_frame(f, 60));
}

static inline int send(struct fixture *f, struct mnet_packet *packet)
{
    return f->net->ops->tx(f->net, &packet, 1);
}

/* Expects that the device's next frame has the packet's bytes, or `len` bytes of `frame`. */
static inline struct mn_vnet_header expect_sent(struct fixture *f, const struct mnet_packet *packet, bool done)
{
    struct mn_vnet_header header;
    static uint8_t wanted[MNET_FRAME_MAX];
    uint32_t total = packet->total;
    mnet_packet_copy_out(packet, 0, wanted, total);
    assert_int_equal(virtio_device_get(&f->device, &header, got, sizeof got, done), total);
    assert_memory_equal(got, wanted, total);
    return header;
}

static inline struct mnet_packet *small(struct fixture *f)
{
    return test_tcp_frame(f->memory, &(struct test_tcp){.ipv6 = f->ipv6, .flags = 0x10}, "hello", 5);
}

static inline struct mnet_packet *large(struct fixture *f, size_t len, size_t piece)
{
    return test_large_frame(f->memory, &(struct test_tcp){.ipv6 = f->ipv6, .flags = 0x10}, frame, len, piece, 1460);
}

/* Sends until the queue is full. Returns the number of frames sent. */
static inline unsigned fill_queue(struct fixture *f)
{
    unsigned sent = 0;
    struct mnet_packet *packet;
    while (send(f, packet = small(f)) == 1)
        sent++;
    mnet_packet_free(packet); /* still ours */
    return sent;
}

#endif
