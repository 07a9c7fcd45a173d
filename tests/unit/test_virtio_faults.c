/* The network driver (VIRTIO 1.2, 5.1): waiting and interrupts, the link, and a host that lies. */
#include "unit/virtio_support.h"

/* ---- Waiting ---- */

static void wait_for_a_frame(struct fixture *f)
{
    unsigned waits = f->device.waits;
    assert_true(virtio_device_give(&f->device, NULL, frame, 60));
    assert_int_equal(f->device.interrupts, 0); /* nobody waits */
    f->net->ops->wait(f->net, MNET_NEVER);
    assert_int_equal(f->device.waits, waits); /* there already */
    mnet_packet_free(expect_frame(f, 60));
    f->net->ops->wait(f->net, MNET_NEVER);
    assert_int_equal(f->device.waits, waits + 1);
    assert_true(virtio_device_give(&f->device, NULL, frame, 60));
    assert_int_equal(f->device.interrupts, 1);
    mnet_packet_free(expect_frame(f, 60));
    assert_true(virtio_device_give(&f->device, NULL, frame, 60));
    assert_int_equal(f->device.interrupts, 1); /* one for one wait */
    mnet_packet_free(expect_frame(f, 60));
    end(f);
}

static void waiting_ends_with_a_frame(void **state)
{
    (void)state;
    wait_for_a_frame(start());
    wait_for_a_frame(start_without(MN_VIRTIO_F_EVENT_IDX));
}

/* Sent frames cause no interrupt, unless the queue was full: then one follows when half of them
 * have gone. */
static void waiting_for_room_ends_with_room(void **state)
{
    (void)state;
    struct fixture *f = start();
    struct mn_vnet_header header;
    assert_int_equal(send(f, small(f)), 1);
    assert_false(mn_virtio_net_arm(f->net));
    assert_true(virtio_device_get(&f->device, &header, got, sizeof got, true) > 0);
    assert_int_equal(f->device.interrupts, 0);
    assert_int_equal(fill_queue(f), 256);
    assert_false(mn_virtio_net_arm(f->net));
    unsigned sent = 0;
    for (; f->device.interrupts == 0 && sent < 256; sent++)
        assert_true(virtio_device_get(&f->device, &header, got, sizeof got, true) > 0);
    assert_int_equal(sent, 128);
    assert_true(mn_virtio_net_arm(f->net));
    end(f);
}

static unsigned released;

static void note_release(void *context)
{
    (void)context;
    released++;
}

/* Lent bytes are given back as soon as they are sent, even if nothing else happens. */
static void lent_bytes_are_waited_for(void **state)
{
    (void)state;
    struct fixture *f = start();
    struct mnet_packet *packet = mnet_packet_alloc(f->memory);
    struct mnet_buffer *buffer = mnet_buffer_lend(f->memory, frame, 1000, note_release, NULL);
    memset(mnet_packet_put(packet, 14), 0, 14);
    assert_true(mnet_packet_add(packet, buffer, 0, 1000));
    mnet_buffer_free(buffer);
    released = 0;
    assert_int_equal(send(f, packet), 1);
    assert_int_equal(send(f, small(f)), 1);
    assert_false(mn_virtio_net_arm(f->net));
    struct mn_vnet_header header;
    assert_true(virtio_device_get(&f->device, &header, got, sizeof got, true) > 0);
    assert_int_equal(f->device.interrupts, 0);
    assert_true(virtio_device_get(&f->device, &header, got, sizeof got, true) > 0);
    assert_int_equal(f->device.interrupts, 1);
    assert_true(mn_virtio_net_arm(f->net));
    assert_int_equal(receive(f), 0);
    assert_int_equal(released, 1);
    assert_false(mn_virtio_net_arm(f->net));
    end(f);
}

/* ---- The link ---- */

static void link_down_loses_frames_and_comes_up_again(void **state)
{
    (void)state;
    static const enum virtio_bus buses[] = {VIRTIO_MMIO, VIRTIO_PCI};
    for (size_t i = 0; i < MN_COUNT_OF(buses); i++) {
        const struct mn_virtio_message message = {0xfee00000, 1};
        struct fixture *f = prepare(buses[i]);
        assert_int_equal(mn_virtio_pci_messages(&f->transport, &message, &message), buses[i] == VIRTIO_PCI);
        open_device(f);
        virtio_device_link(&f->device, false);
        assert_int_equal(send(f, small(f)), 1);
        assert_int_equal(f->net->tx_dropped, 1);
        assert_false(mn_virtio_net_link_up(f->net));
        assert_int_equal(virtio_device_waiting(&f->device, MN_NET_TX), 0);
        virtio_device_link(&f->device, true);
        assert_false(mn_virtio_net_arm(f->net));
        assert_true(mn_virtio_net_link_up(f->net));
        struct mnet_packet *packet = small(f);
        assert_int_equal(send(f, packet), 1);
        expect_sent(f, packet, true);
        end(f);
    }
}

/* 2.5.1: a value that changes while it is read is read again. */
static void link_is_read_again_until_it_holds_still(void **state)
{
    (void)state;
    struct fixture *f = start();
    f->device.restless = true;
    virtio_device_link(&f->device, false);
    assert_int_equal(receive(f), 0);
    f->device.restless = false;
    f->device.config[6] = 0;
    assert_int_equal(receive(f), 0);
    assert_false(mn_virtio_net_link_up(f->net));
    end(f);
}

/* 5.1.4.2 */
static void link_without_status_is_up(void **state)
{
    (void)state;
    struct fixture *f = start_without(MN_NET_F_STATUS);
    virtio_device_link(&f->device, false);
    assert_int_equal(receive(f), 0);
    assert_true(mn_virtio_net_link_up(f->net));
    end(f);
}

/* ---- A host that lies ---- */

/* Takes the next receive buffer and fills it with a header only. */
static struct virtio_chain take_buffer(struct fixture *f, const struct mn_vnet_header *header, uint16_t buffers)
{
    struct virtio_chain chain;
    assert_true(virtio_device_take(&f->device, MN_NET_RX, &chain));
    uint8_t *to = (uint8_t *)(uintptr_t)chain.pieces[0].data;
    memset(to, 0, chain.bytes);
    if (header != NULL)
        memcpy(to, header, sizeof *header);
    buffers = mn_little16(buffers);
    memcpy(to + 10, &buffers, sizeof buffers);
    return chain;
}

/* Gives one used buffer of `len` bytes, whose header claims that the frame has `buffers` of
 * them. */
static void give_one(struct fixture *f, const struct mn_vnet_header *header, uint16_t buffers, uint32_t len)
{
    struct virtio_chain chain = take_buffer(f, header, buffers);
    virtio_device_use(&f->device, MN_NET_RX, chain.head, len);
}

static void length_that_lies_costs_the_frame(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {0, 1, 11, 12, 25, 12 + FIRST + 1, 2048, 65536, 0x7fffffff, UINT32_MAX};
    struct fixture *f = start();
    for (size_t i = 0; i < MN_COUNT_OF(lengths); i++) {
        give_one(f, NULL, 1, lengths[i]);
        expect_drop(f, "length");
    }
    end(f);
}

/* 5.1.6.4.1 */
static void number_of_buffers_that_lies_costs_the_frame(void **state)
{
    (void)state;
    static const uint16_t numbers[] = {0, 2, 255, 256, 257, UINT16_MAX};
    struct fixture *f = start();
    for (size_t i = 0; i < MN_COUNT_OF(numbers); i++) {
        give_one(f, NULL, numbers[i], 12 + FIRST);
        expect_drop(f, "number of buffers");
    }
    /* Buffers that are there already belong to the next frame. */
    give_one(f, NULL, 3, 12 + FIRST);
    assert_true(virtio_device_give(&f->device, NULL, frame, 60));
    uint64_t dropped = f->net->rx_dropped;
    mnet_packet_free(expect_frame(f, 60));
    assert_int_equal(f->net->rx_dropped, dropped + 1);
    end(f);
}

/* Gives two buffers for one frame, the first with `first` bytes, the second with `second`. */
static void give_two(struct fixture *f, uint32_t first, uint32_t second)
{
    struct virtio_chain a = take_buffer(f, NULL, 2), b = take_buffer(f, NULL, 0);
    uint16_t idx = f->device.rings[MN_NET_RX].used;
    virtio_device_put(&f->device, MN_NET_RX, idx, a.head, first);
    virtio_device_put(&f->device, MN_NET_RX, (uint16_t)(idx + 1), b.head, second);
    virtio_device_show(&f->device, MN_NET_RX, (uint16_t)(idx + 2));
}

static void buffers_of_a_frame_that_do_not_fit_together(void **state)
{
    (void)state;
    struct fixture *f = start();
    give_two(f, 12 + FIRST - 1, 5); /* only the last one may be partly filled */
    expect_drop(f, "hole");
    give_two(f, 12 + FIRST, 0);
    expect_drop(f, "nothing in the last one");
    give_two(f, 12 + FIRST, 12 + FIRST + 1);
    expect_drop(f, "too much in the last one");
    give_two(f, 12 + FIRST, UINT32_MAX);
    expect_drop(f, "far too much in the last one");
    end(f);
}

static void frame_longer_than_any_is_dropped(void **state)
{
    (void)state;
    struct fixture *f = start();
    uint16_t idx = f->device.rings[MN_NET_RX].used, count = 43;
    for (uint16_t i = 0; i < count; i++) {
        struct virtio_chain chain = take_buffer(f, NULL, i == 0 ? count : 0);
        virtio_device_put(&f->device, MN_NET_RX, (uint16_t)(idx + i), chain.head, chain.bytes);
    }
    virtio_device_show(&f->device, MN_NET_RX, (uint16_t)(idx + count));
    expect_drop(f, "longer than 65549 bytes");
    end(f);
}

static void header_that_lies_costs_the_frame(void **state)
{
    (void)state;
    const struct mn_vnet_header lies[] = {
        {.flags = MN_VNET_NEEDS_CSUM, .csum_start = mn_little16(99), .csum_offset = 0},
        {.flags = MN_VNET_NEEDS_CSUM, .csum_start = mn_little16(UINT16_MAX), .csum_offset = mn_little16(UINT16_MAX)},
        {.flags = MN_VNET_NEEDS_CSUM, .csum_start = mn_little16(13), .csum_offset = mn_little16(16)},
        {.gso_type = MN_VNET_GSO_TCPV4, .gso_size = mn_little16(1460)},
        {.gso_type = 3, .gso_size = mn_little16(1460)},
        {.flags = MN_VNET_NEEDS_CSUM, .csum_start = mn_little16(34), .csum_offset = mn_little16(16), .gso_type = 1},
    };
    struct fixture *f = start();
    for (size_t i = 0; i < MN_COUNT_OF(lies); i++) {
        give_one(f, &lies[i], 1, 12 + 100);
        expect_drop(f, "header");
    }
    end(f);
}

/* 5.1.6.4.1: features that were not negotiated. */
static void header_beyond_what_was_agreed_on(void **state)
{
    (void)state;
    const struct mn_vnet_header valid = {.flags = MN_VNET_DATA_VALID}, gso = {.gso_type = MN_VNET_GSO_TCPV4};
    struct fixture *f = start_without(MN_NET_F_GUEST_CSUM);
    assert_true(virtio_device_give(&f->device, &valid, frame, 100));
    struct mnet_packet *packet = expect_frame(f, 100);
    assert_int_equal(packet->checksum, MNET_CHECKSUM_PLAIN);
    mnet_packet_free(packet);
    give_one(f, &gso, 1, 12 + 100);
    expect_drop(f, "segmentation");
    end(f);
}

/* Expects that the device fails from now on, reports it once, and gives everything back when it is
 * closed. */
static void expect_failed(struct fixture *f)
{
    struct mnet_packet *packet = small(f);
    assert_int_equal(receive(f), MNET_E_IO);
    assert_int_equal(send(f, packet), MNET_E_IO);
    mnet_packet_free(packet);
    assert_true(f->device.status & MN_VIRTIO_FAILED);
    assert_false(mn_virtio_net_arm(f->net)); /* otherwise the machine would never idle */
    unsigned waits = f->device.waits;
    f->net->ops->wait(f->net, MNET_NEVER);
    assert_int_equal(f->device.waits, waits + 1);
    end(f);
}

static void rings_that_lie_break_the_device(void **state)
{
    (void)state;
    struct fixture *f = start();
    virtio_device_show(&f->device, MN_NET_RX, 257);
    expect_failed(f);

    f = start();
    virtio_device_use(&f->device, MN_NET_RX, 256, 100);
    expect_failed(f);

    f = start();
    assert_int_equal(send(f, small(f)), 1);
    virtio_device_show(&f->device, MN_NET_TX, 2);
    expect_failed(f);

    f = start();
    virtio_device_use(&f->device, MN_NET_TX, 0, 0); /* no frame was sent */
    expect_failed(f);

    f = start(); /* found while waiting: one report, and none after that */
    virtio_device_show(&f->device, MN_NET_RX, 1000);
    assert_true(mn_virtio_net_arm(f->net));
    expect_failed(f);

    f = start(); /* in the middle of a frame */
    struct virtio_chain chain = take_buffer(f, NULL, 3);
    virtio_device_put(&f->device, MN_NET_RX, 0, chain.head, 12 + FIRST);
    virtio_device_put(&f->device, MN_NET_RX, 1, chain.head, 12 + FIRST);
    virtio_device_put(&f->device, MN_NET_RX, 2, 5, 12 + FIRST);
    virtio_device_show(&f->device, MN_NET_RX, 3);
    expect_failed(f);
}

/* Frames that arrived before a lie are not lost. */
static void frames_in_front_of_a_lie_are_received(void **state)
{
    (void)state;
    struct fixture *f = start();
    assert_true(virtio_device_give(&f->device, NULL, frame, 60));
    virtio_device_use(&f->device, MN_NET_RX, 9999, 60);
    mnet_packet_free(expect_frame(f, 60));
    expect_failed(f);
}

/* 2.1.2: a device that needs a reset raises an interrupt for configuration. */
static void device_that_fails_itself_is_believed(void **state)
{
    (void)state;
    struct fixture *f = start();
    f->device.status |= MN_VIRTIO_NEEDS_RESET;
    virtio_device_config_changed(&f->device);
    expect_failed(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_ends_with_a_frame),
        cmocka_unit_test(waiting_for_room_ends_with_room),
        cmocka_unit_test(lent_bytes_are_waited_for),
        cmocka_unit_test(link_down_loses_frames_and_comes_up_again),
        cmocka_unit_test(link_is_read_again_until_it_holds_still),
        cmocka_unit_test(link_without_status_is_up),
        cmocka_unit_test(length_that_lies_costs_the_frame),
        cmocka_unit_test(number_of_buffers_that_lies_costs_the_frame),
        cmocka_unit_test(buffers_of_a_frame_that_do_not_fit_together),
        cmocka_unit_test(frame_longer_than_any_is_dropped),
        cmocka_unit_test(header_that_lies_costs_the_frame),
        cmocka_unit_test(header_beyond_what_was_agreed_on),
        cmocka_unit_test(rings_that_lie_break_the_device),
        cmocka_unit_test(frames_in_front_of_a_lie_are_received),
        cmocka_unit_test(device_that_fails_itself_is_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
