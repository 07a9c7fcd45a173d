/* The network driver (VIRTIO 1.2, 5.1) on a device in memory: negotiation, and frames in both
 * directions with their metadata. */
#include "tcp/queue/recvq.h"
#include "unit/virtio_support.h"

/* ---- Negotiation ---- */

static void every_bus_opens_with_everything(void **state)
{
    (void)state;
    static const enum virtio_bus buses[] = {VIRTIO_MMIO, VIRTIO_PCI};
    for (size_t i = 0; i < MN_COUNT_OF(buses); i++) {
        struct fixture *f = prepare(buses[i]);
        open_device(f);
        assert_int_equal(f->device.accepted, f->device.offered);
        assert_int_equal(f->net->tx_offload, ALL);
        assert_int_equal(f->net->rx_offload, ALL);
        assert_int_equal(f->net->mtu, 1500);
        assert_memory_equal(f->net->mac, "\x02\0\0\0\0\x07", 6);
        assert_string_equal(f->net->name, "service");
        assert_true(mn_virtio_net_link_up(f->net));
        assert_int_equal(virtio_device_waiting(&f->device, MN_NET_RX), 256);
        end(f);
    }
}

/* 4.2.4, 5.1.6: without VERSION_1 the header has ten bytes if buffers are not merged. */
static void legacy_device_serves(void **state)
{
    (void)state;
    static const uint64_t without[] = {0, MN_NET_F_MRG_RXBUF, MN_VIRTIO_F_EVENT_IDX | MN_VIRTIO_F_INDIRECT_DESC};
    for (size_t i = 0; i < MN_COUNT_OF(without); i++) {
        struct fixture *f = prepare(VIRTIO_MMIO_LEGACY);
        f->device.offered &= ~without[i];
        open_device(f);
        assert_int_equal(f->device.accepted & MN_VIRTIO_F_VERSION_1, 0);
        assert_int_equal(f->device.rings[MN_NET_RX].size, 256);
        assert_true(virtio_device_give(&f->device, NULL, frame, 1514));
        mnet_packet_free(expect_frame(f, 1514));
        struct mnet_packet *packet = large(f, 5000, 4000);
        assert_int_equal(send(f, packet), 1);
        expect_sent(f, packet, true);
        virtio_device_link(&f->device, false);
        assert_int_equal(receive(f), 0);
        assert_false(mn_virtio_net_link_up(f->net));
        end(f);
    }
}

/* 5.1.4.2: the stack uses the device's link state. A change wakes the stack. */
static void link_that_changes_is_told_and_wakes(void **state)
{
    (void)state;
    static const enum virtio_bus buses[] = {VIRTIO_MMIO, VIRTIO_PCI, VIRTIO_MMIO_LEGACY};
    for (size_t i = 0; i < MN_COUNT_OF(buses); i++) {
        struct fixture *f = prepare(buses[i]);
        open_device(f);
        assert_false(f->net->link_down);
        assert_int_equal(receive(f), 0);
        assert_false(mn_virtio_net_arm(f->net));
        for (int times = 0; times < 2; times++) {
            bool up = times == 1;
            virtio_device_link(&f->device, up);
            assert_true(mn_virtio_net_arm(f->net)); /* there is a change to read */
            assert_true(mn_virtio_net_arm(f->net));
            assert_int_equal(receive(f), 0);
            assert_int_equal(f->net->link_down, !up);
            assert_false(mn_virtio_net_arm(f->net));
        }
        end(f);
    }
    struct fixture *f = prepare(VIRTIO_MMIO);
    f->device.offered &= ~MN_NET_F_STATUS; /* a device without link state */
    open_device(f);
    assert_false(f->net->link_down);
    end(f);
}

/* 5.1.6.6: such a device requires its header in a descriptor of its own. */
static void legacy_device_without_any_layout_is_refused(void **state)
{
    (void)state;
    struct fixture *f = prepare(VIRTIO_MMIO_LEGACY);
    f->device.offered &= ~MN_VIRTIO_F_ANY_LAYOUT;
    assert_int_equal(try_open(f), MNET_E_NO_DEVICE);
    end(f);
}

static void offloads_not_wanted_are_not_accepted(void **state)
{
    (void)state;
    const uint64_t tso = MN_NET_F_HOST_TSO4 | MN_NET_F_HOST_TSO6 | MN_NET_F_GUEST_TSO4 | MN_NET_F_GUEST_TSO6 |
                         MN_NET_F_HOST_ECN | MN_NET_F_GUEST_ECN;
    struct fixture *f = prepare(VIRTIO_MMIO);
    f->offload = 0;
    open_device(f);
    assert_int_equal(f->device.accepted & (tso | MN_NET_F_CSUM | MN_NET_F_GUEST_CSUM), 0);
    assert_int_equal(f->net->tx_offload | f->net->rx_offload, 0);
    end(f);
    f = prepare(VIRTIO_MMIO);
    f->offload = MNET_OFFLOAD_CHECKSUM;
    open_device(f);
    assert_int_equal(f->device.accepted & tso, 0);
    assert_int_equal(f->net->tx_offload & f->net->rx_offload, MNET_OFFLOAD_CHECKSUM);
    end(f);
}

/* 5.1.3.1 */
static void features_come_with_what_they_require(void **state)
{
    (void)state;
    struct fixture *f = start_without(MN_NET_F_CSUM);
    assert_int_equal(f->net->tx_offload, 0);
    assert_int_equal(f->device.accepted & (MN_NET_F_HOST_TSO4 | MN_NET_F_HOST_TSO6 | MN_NET_F_HOST_ECN), 0);
    end(f);
    f = start_without(MN_NET_F_GUEST_CSUM);
    assert_int_equal(f->net->rx_offload, 0);
    assert_int_equal(f->device.accepted & (MN_NET_F_GUEST_TSO4 | MN_NET_F_GUEST_TSO6 | MN_NET_F_GUEST_ECN), 0);
    end(f);
    /* 5.1.6.3.1: our buffers are too small for large frames. */
    f = start_without(MN_NET_F_MRG_RXBUF);
    assert_int_equal(f->net->rx_offload, MNET_OFFLOAD_CHECKSUM);
    assert_int_equal(f->net->tx_offload, ALL);
    end(f);
    f = prepare(VIRTIO_MMIO);
    f->device.rings[MN_NET_RX].max = 32; /* no place for a large frame */
    open_device(f);
    assert_int_equal(f->net->rx_offload, MNET_OFFLOAD_CHECKSUM);
    end(f);
}

static int open_with_mtu(struct fixture *f, uint16_t mtu)
{
    f->device.config[10] = (uint8_t)mtu;
    f->device.config[11] = (uint8_t)(mtu >> 8);
    return try_open(f);
}

/* 5.1.4.2 */
static void mtu_is_taken_where_there_are_buffers_for_it(void **state)
{
    (void)state;
    static const struct {
        uint16_t offered, taken;
        bool merged;
    } cases[] = {{1280, 1280, true},  {9000, 9000, true},  {65535, 65535, true},
                 {1400, 1400, false}, {1522, 1522, false}, {9000, 1500, false}};
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        struct fixture *f = prepare(VIRTIO_MMIO);
        f->device.offered &= ~(cases[i].merged ? 0 : MN_NET_F_MRG_RXBUF);
        assert_int_equal(open_with_mtu(f, cases[i].offered), MNET_OK);
        assert_int_equal(f->net->mtu, cases[i].taken);
        assert_int_equal(!!(f->device.accepted & MN_NET_F_MTU), cases[i].taken == cases[i].offered);
        end(f);
    }
    struct fixture *f = prepare(VIRTIO_MMIO);
    assert_int_equal(open_with_mtu(f, 575), MNET_E_NO_DEVICE);
    assert_string_equal(f->transport.why, "its MTU is below 576 bytes");
    end(f);
}

static void mac_that_is_nobodys_is_left_to_the_owner(void **state)
{
    (void)state;
    static const uint8_t none[6];
    struct fixture *f = prepare(VIRTIO_MMIO);
    f->device.config[0] = 0x33;
    open_device(f);
    assert_memory_equal(f->net->mac, none, 6);
    end(f);
    f = start_without(MN_NET_F_MAC);
    assert_memory_equal(f->net->mac, none, 6);
    end(f);
}

static void device_that_cannot_be_used_is_refused(void **state)
{
    (void)state;
    struct fixture *f = prepare(VIRTIO_MMIO);
    f->transport.kind = MN_VIRTIO_ENTROPY;
    assert_int_equal(try_open(f), MNET_E_NO_DEVICE);
    f->transport.kind = MN_VIRTIO_NET;
    f->device.refuses_features = true;
    assert_int_equal(try_open(f), MNET_E_IO);
    f->device.refuses_features = false;
    f->device.reset_waits = UINT32_MAX;
    assert_int_equal(try_open(f), MNET_E_IO);
    f->device.reset_waits = 3;
    f->device.restless = true;
    assert_int_equal(try_open(f), MNET_E_NO_DEVICE);
    f->device.restless = false;
    f->device.rings[MN_NET_TX].max = 8; /* 2.7.5.3.1: chains are longer */
    assert_int_equal(try_open(f), MNET_E_NO_DEVICE);
    assert_true(f->device.status & MN_VIRTIO_FAILED);
    f->device.rings[MN_NET_TX].max = 16;
    assert_int_equal(try_open(f), MNET_OK);
    struct mnet_device *second;
    assert_int_equal(mn_virtio_net_open(&f->transport, f->driver, "again", ALL, &second), MNET_E_NO_DEVICE);
    end(f);
}

static void closed_device_opens_again(void **state)
{
    (void)state;
    struct fixture *f = start();
    assert_true(virtio_device_give(&f->device, NULL, frame, 100));
    struct mnet_packet *packet = small(f);
    assert_int_equal(send(f, packet), 1);
    f->net->ops->close(f->net); /* while all of this is in use */
    assert_int_equal(f->device.status, 0);
    open_device(f);
    assert_true(virtio_device_give(&f->device, NULL, frame, 100));
    mnet_packet_free(expect_frame(f, 100));
    end(f);
}

static void take_frame(struct virtio_device *d)
{
    struct mn_vnet_header header;
    if (d->waits == 3)
        assert_true(virtio_device_get(d, &header, got, sizeof got, true) > 0);
}

/* A host may be slower than the end of a program, but the wait is limited. */
static void closing_waits_for_frames_to_leave(void **state)
{
    (void)state;
    for (int takes = 0; takes <= 1; takes++) {
        struct fixture *f = start();
        assert_int_equal(send(f, small(f)), 1);
        uint64_t before = f->device.now;
        f->device.waits = 0;
        f->device.idle = takes ? take_frame : NULL;
        f->net->ops->close(f->net);
        f->net = NULL;
        uint64_t took = f->device.now - before;
        assert_true(takes ? f->device.waits == 3 && took < MNET_MILLISECOND : took <= 25 * MNET_MILLISECOND);
        end(f);
    }
}

/* ---- Receiving ---- */

static void frames_of_every_size_are_received(void **state)
{
    (void)state;
    static const size_t sizes[] = {14,
                                   60,
                                   FIRST - 1,
                                   FIRST,
                                   FIRST + 1,
                                   FIRST + 12,
                                   FIRST + 13,
                                   FIRST + OTHERS,
                                   FIRST + OTHERS + 1,
                                   20000,
                                   MNET_FRAME_MAX};
    struct fixture *f = start();
    for (size_t i = 0; i < MN_COUNT_OF(sizes); i++) {
        assert_true(virtio_device_give(&f->device, NULL, frame, sizes[i]));
        struct mnet_packet *packet = expect_frame(f, sizes[i]);
        assert_int_equal(packet->len, MN_MIN(sizes[i], (size_t)FIRST));
        assert_int_equal(packet->checksum, MNET_CHECKSUM_PLAIN);
        assert_int_equal(packet->received_ns, f->device.now);
        mnet_packet_free(packet);
    }
    assert_int_equal(f->net->rx_dropped, 0);
    end(f);
}

/* A frame of several buffers consists of those buffers: nothing is copied. */
static void large_frame_is_a_chain_of_its_buffers(void **state)
{
    (void)state;
    struct fixture *f = start();
    assert_true(virtio_device_give(&f->device, NULL, frame, FIRST + OTHERS + 5));
    struct mnet_packet *packet = expect_frame(f, FIRST + OTHERS + 5);
    assert_non_null(packet->more);
    assert_int_equal(packet->more->len, OTHERS);
    assert_int_equal(packet->more->total, OTHERS + 5); /* a total counts what follows */
    assert_int_equal(packet->more->more->len, 5);
    assert_null(packet->more->more->more);
    mnet_packet_free(packet);
    end(f);
}

static void metadata_of_received_frames(void **state)
{
    (void)state;
    for (int ipv6 = 0; ipv6 <= 1; ipv6++) {
        struct fixture *f = start();
        f->ipv6 = ipv6;
        struct mnet_packet *made = large(f, 5000, 4000);
        struct mn_vnet_header header;
        mn_vnet_from_packet(made, &header);
        size_t len = made->total;
        mnet_packet_copy_out(made, 0, frame, len);
        mnet_packet_free(made);
        assert_true(virtio_device_give(&f->device, &header, frame, len));
        struct mnet_packet *packet = expect_frame(f, len);
        assert_int_equal(packet->checksum, MNET_CHECKSUM_PARTIAL);
        assert_int_equal(packet->csum_start, ipv6 ? 54 : 34);
        assert_int_equal(packet->csum_offset, 16);
        assert_int_equal(packet->gso, ipv6 ? MNET_GSO_TCPV6 : MNET_GSO_TCPV4);
        assert_int_equal(packet->gso_size, 1460);
        assert_int_equal(packet->segments, 4);
        mnet_packet_free(packet);
        /* 5.1.6.4: unknown flags are ignored. */
        header = (struct mn_vnet_header){.flags = MN_VNET_DATA_VALID | 0xf8};
        assert_true(virtio_device_give(&f->device, &header, frame, 60));
        packet = expect_frame(f, 60);
        assert_int_equal(packet->checksum, MNET_CHECKSUM_VERIFIED);
        mnet_packet_free(packet);
        end(f);
    }
}

/* Each family's segmentation is agreed on by itself, in each direction (5.1.3). */
static void segmentation_of_one_family_is_agreed_on_alone(void **state)
{
    (void)state;
    static const struct {
        uint64_t without;
        uint32_t tx, rx;
    } cases[] = {
        {MN_NET_F_HOST_TSO4, MNET_OFFLOAD_TSO6, MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6},
        {MN_NET_F_HOST_TSO6, MNET_OFFLOAD_TSO4, MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6},
        {MN_NET_F_GUEST_TSO4, MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6, MNET_OFFLOAD_TSO6},
        {MN_NET_F_GUEST_TSO6, MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6, MNET_OFFLOAD_TSO4},
    };
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        struct fixture *f = start_without(cases[i].without);
        assert_int_equal(f->net->tx_offload, MNET_OFFLOAD_CHECKSUM | cases[i].tx);
        assert_int_equal(f->net->rx_offload, MNET_OFFLOAD_CHECKSUM | cases[i].rx);
        /* A device that hands up what it did not agree to loses that frame. */
        for (int ipv6 = 0; ipv6 <= 1; ipv6++) {
            uint32_t needed = ipv6 ? MNET_OFFLOAD_TSO6 : MNET_OFFLOAD_TSO4;
            struct mn_vnet_header header;
            f->ipv6 = ipv6;
            struct mnet_packet *made = large(f, 5000, 4000);
            size_t len = made->total;
            mn_vnet_from_packet(made, &header);
            mnet_packet_copy_out(made, 0, frame, len);
            mnet_packet_free(made);
            assert_true(virtio_device_give(&f->device, &header, frame, len));
            assert_int_equal(receive(f), (cases[i].rx & needed) != 0);
            if (cases[i].rx & needed)
                mnet_packet_free(f->packets[0]);
        }
        end(f);
    }
}

static void without_merged_buffers_each_frame_is_one(void **state)
{
    (void)state;
    struct fixture *f = start_without(MN_NET_F_MRG_RXBUF);
    assert_true(virtio_device_give(&f->device, NULL, frame, 1514));
    struct mnet_packet *packet = expect_frame(f, 1514);
    assert_null(packet->more);
    mnet_packet_free(packet);
    end(f);
}

static void batch_takes_no_more_than_it_is_asked_for(void **state)
{
    (void)state;
    struct fixture *f = start();
    for (int i = 0; i < 10; i++)
        assert_true(virtio_device_give(&f->device, NULL, frame, 60));
    assert_int_equal(f->net->ops->rx(f->net, f->packets, 4), 4);
    for (int i = 0; i < 4; i++)
        mnet_packet_free(f->packets[i]);
    assert_int_equal(receive(f), 6);
    for (int i = 0; i < 6; i++)
        mnet_packet_free(f->packets[i]);
    end(f);
}

/* Buffers are given back in batches, with one notification. */
static void buffers_are_refilled_in_batches(void **state)
{
    (void)state;
    struct fixture *f = start();
    const struct virtio_ring *ring = &f->device.rings[MN_NET_RX];
    unsigned notified = ring->notified;
    for (int i = 0; i < 31; i++) {
        assert_true(virtio_device_give(&f->device, NULL, frame, 60));
        mnet_packet_free(expect_frame(f, 60));
        assert_int_equal(virtio_device_waiting(&f->device, MN_NET_RX), 255 - i);
    }
    assert_int_equal(ring->notified, notified);
    assert_true(virtio_device_give(&f->device, NULL, frame, 60));
    mnet_packet_free(expect_frame(f, 60));
    assert_int_equal(virtio_device_waiting(&f->device, MN_NET_RX), 256);
    assert_true(ring->notified <= notified + 1);
    end(f);
}

/* A small memory is not given to the device as a whole. */
static void small_memory_has_fewer_buffers(void **state)
{
    (void)state;
    struct fixture *f = prepare(VIRTIO_MMIO);
    struct mnet_memory *whole = f->memory;
    f->memory = test_memory(MNET_MEMORY_MINIMUM);
    open_device(f);
    assert_int_equal(virtio_device_waiting(&f->device, MN_NET_RX), 64);
    f->net->ops->close(f->net);
    f->net = NULL;
    test_memory_free(f->memory);
    f->memory = whole;
    end(f);
}

/* Without memory the device keeps its buffers. It gets more as soon as there is memory, before
 * waiting at the latest. */
static void memory_used_up_and_free_again(void **state)
{
    (void)state;
    struct fixture *f = start();
    struct mnet_packet *hoard = NULL, *packet;
    while ((packet = mnet_packet_alloc(f->memory)) != NULL) {
        packet->next = hoard;
        hoard = packet;
    }
    for (int i = 0; i < 256; i++) {
        assert_true(virtio_device_give(&f->device, NULL, frame, 60));
        packet = expect_frame(f, 60);
        packet->next = hoard;
        hoard = packet;
    }
    assert_int_equal(virtio_device_waiting(&f->device, MN_NET_RX), 0);
    assert_false(virtio_device_give(&f->device, NULL, frame, 60));
    for (; hoard != NULL; hoard = packet) {
        packet = hoard->next;
        mnet_packet_free(hoard);
    }
    assert_false(mn_virtio_net_arm(f->net));
    assert_int_equal(virtio_device_waiting(&f->device, MN_NET_RX), 256);
    end(f);
}

/* A receiver puts a chain into its queue, and reads it in parts. */
static void large_frame_is_read_in_parts(void **state)
{
    (void)state;
    struct fixture *f = start();
    struct mn_recvq queue = {0};
    size_t len = 20000, done = 0;
    assert_true(virtio_device_give(&f->device, NULL, frame, len));
    assert_int_equal(receive(f), 1);
    mn_recvq_append(&queue, f->packets[0]);
    for (size_t n; (n = mn_recvq_read(&queue, got + done, 777)) > 0;)
        done += n;
    assert_int_equal(done, len);
    assert_memory_equal(got, frame, len);
    end(f);
}

/* ---- Sending ---- */

static void small_frame_is_one_descriptor(void **state)
{
    (void)state;
    struct fixture *f = start();
    struct mnet_packet *packet = small(f);
    struct virtio_chain chain;
    assert_int_equal(send(f, packet), 1);
    assert_true(virtio_device_take(&f->device, MN_NET_TX, &chain));
    assert_int_equal(chain.count, 1);
    assert_false(chain.indirect);
    assert_int_equal(chain.bytes, 12 + packet->total);
    assert_ptr_equal((const uint8_t *)chain.pieces[0].data + 12, packet->data); /* not copied */
    end(f);
}

static void large_frame_goes_through_a_table(void **state)
{
    (void)state;
    static const uint64_t without[] = {0, MN_VIRTIO_F_INDIRECT_DESC};
    for (size_t i = 0; i < MN_COUNT_OF(without); i++) {
        struct fixture *f = start_without(without[i]);
        struct mnet_packet *packet = large(f, 60000, 9000);
        struct virtio_chain chain;
        assert_int_equal(packet->fragment_count, 7);
        assert_int_equal(send(f, packet), 1);
        assert_true(virtio_device_take(&f->device, MN_NET_TX, &chain));
        assert_int_equal(chain.count, 8);
        assert_int_equal(chain.indirect, without[i] == 0);
        virtio_device_use(&f->device, MN_NET_TX, chain.head, 0);
        assert_int_equal(receive(f), 0);
        end(f);
    }
}

static void metadata_of_sent_frames(void **state)
{
    (void)state;
    for (int ipv6 = 0; ipv6 <= 1; ipv6++) {
        struct fixture *f = start();
        f->ipv6 = ipv6;
        struct mnet_packet *packet = large(f, 5000, 4000);
        assert_int_equal(send(f, packet), 1);
        struct mn_vnet_header header = expect_sent(f, packet, true);
        assert_int_equal(header.flags, MN_VNET_NEEDS_CSUM);
        assert_int_equal(mn_little16(header.csum_start), ipv6 ? 54 : 34);
        assert_int_equal(mn_little16(header.csum_offset), 16);
        assert_int_equal(header.gso_type, ipv6 ? MN_VNET_GSO_TCPV6 : MN_VNET_GSO_TCPV4);
        assert_int_equal(mn_little16(header.gso_size), 1460);
        assert_int_equal(mn_little16(header.hdr_len), ipv6 ? 74 : 54);
        packet = small(f);
        assert_int_equal(send(f, packet), 1);
        header = expect_sent(f, packet, true);
        assert_memory_equal(&header, &(struct mn_vnet_header){0}, sizeof header);
        end(f);
    }
}

/* 5.1.6.2.1: the bit for CWR is set only for a device that knows it. */
static void cwr_in_large_segments(void **state)
{
    (void)state;
    static const uint64_t without[] = {0, MN_NET_F_HOST_ECN};
    for (size_t i = 0; i < 2 * MN_COUNT_OF(without); i++) {
        bool ipv6 = i % 2 != 0;
        struct fixture *f = start_without(without[i / 2]);
        struct mnet_packet *packet = test_large_frame(f->memory, &(struct test_tcp){.ipv6 = ipv6, .flags = 0x90}, frame,
                                                      5000, 4000, 1460);
        assert_int_equal(send(f, packet), 1);
        struct mn_vnet_header header = expect_sent(f, packet, true);
        unsigned ecn = without[i / 2] == 0 ? MN_VNET_GSO_ECN : 0;
        assert_int_equal(header.gso_type, (ipv6 ? MN_VNET_GSO_TCPV6 : MN_VNET_GSO_TCPV4) | ecn);
        end(f);
    }
}

/* A packet that has another holder is not written into. */
static void shared_packet_keeps_its_headroom(void **state)
{
    (void)state;
    struct fixture *f = start();
    struct mnet_packet *packet = mnet_packet_hold(small(f));
    struct virtio_chain chain;
    memset(packet->head, 0x77, mnet_packet_headroom(packet));
    assert_int_equal(send(f, packet), 1);
    assert_true(virtio_device_take(&f->device, MN_NET_TX, &chain));
    assert_int_equal(chain.count, 2);
    assert_int_equal(chain.pieces[0].len, 12);
    for (size_t i = 0; i < mnet_packet_headroom(packet); i++)
        assert_int_equal(packet->head[i], 0x77);
    mnet_packet_free(packet);
    end(f);
}

/* The send queue, which reads the text alone, is no such holder. A third one is. */
static void packet_kept_by_the_send_queue_is_one_piece(void **state)
{
    (void)state;
    struct fixture *f = start();
    for (unsigned holders = 1; holders <= 2; holders++) {
        struct mnet_packet *packet = small(f);
        struct virtio_chain chain;
        packet->kept = true;
        packet->refs += holders;
        assert_int_equal(send(f, packet), 1);
        assert_true(virtio_device_take(&f->device, MN_NET_TX, &chain));
        assert_int_equal(chain.count, holders);
        packet->kept = false;
        packet->refs -= holders;
    }
    end(f);
}

static void packet_without_headroom_is_sent(void **state)
{
    (void)state;
    struct fixture *f = start();
    struct mnet_packet *packet = mnet_packet_alloc(f->memory);
    memcpy(mnet_packet_put(packet, 100), frame, 100);
    mnet_packet_push(packet, MNET_PACKET_HEADROOM - 11);
    assert_int_equal(send(f, packet), 1);
    expect_sent(f, packet, true);
    end(f);
}

/* More pieces than a chain can have: an echo of a datagram that was reassembled from fragments. */
static void packet_of_many_pieces_is_copied(void **state)
{
    (void)state;
    struct fixture *f = start();
    struct mnet_packet *packet = mnet_packet_alloc(f->memory);
    memcpy(mnet_packet_put(packet, 100), frame, 100);
    for (struct mnet_packet *last = packet; packet->total < 3000; last = last->more) {
        last->more = mnet_packet_alloc(f->memory);
        memcpy(mnet_packet_put(last->more, 100), frame + packet->total, 100);
        packet->total += 100;
    }
    mnet_packet_hold(packet);
    assert_int_equal(send(f, packet), 1);
    expect_sent(f, packet, true);
    assert_int_equal(packet->refs, 1);
    mnet_packet_free(packet);
    assert_int_equal(f->net->tx_dropped, 0);
    end(f);
}

static void batch_of_frames_is_notified_once(void **state)
{
    (void)state;
    struct fixture *f = start();
    struct mnet_packet *packets[10];
    for (int i = 0; i < 10; i++)
        packets[i] = small(f);
    unsigned notified = f->device.rings[MN_NET_TX].notified;
    assert_int_equal(f->net->ops->tx(f->net, packets, 10), 10);
    assert_int_equal(f->device.rings[MN_NET_TX].notified, notified + 1);
    for (int i = 0; i < 10; i++)
        expect_sent(f, packets[i], false);
    end(f);
}

static void notifications_and_interrupts_are_counted(void **state)
{
    (void)state;
    struct fixture *f = start();
    struct mnet_packet *packet = small(f);
    assert_int_equal(send(f, packet), 1);
    expect_sent(f, packet, false);
    assert_int_equal(receive(f), 0);
    assert_false(mn_virtio_net_arm(f->net));
    for (int i = 0; i < 2; i++) { /* it was asked to interrupt once */
        assert_true(virtio_device_give(&f->device, NULL, frame, 1514));
        mnet_packet_free(expect_frame(f, 1514));
    }
    assert_int_equal(receive(f), 0);
    assert_int_equal(f->device.interrupts, 1);
    assert_int_equal(f->net->interrupts, 1);
    unsigned notified = f->device.rings[MN_NET_TX].notified + f->device.rings[MN_NET_RX].notified;
    assert_true(notified >= 1);
    assert_int_equal(f->net->notifications, notified);
    end(f);
}

/* Sent frames are taken back without an interrupt, when the driver is used next. */
static void full_queue_takes_more_when_frames_have_gone(void **state)
{
    (void)state;
    struct fixture *f = start();
    size_t used = mnet_memory_used(f->memory);
    assert_int_equal(fill_queue(f), 256);
    struct mn_vnet_header header;
    for (int i = 0; i < 256; i++)
        assert_true(virtio_device_get(&f->device, &header, got, sizeof got, true) > 0);
    assert_int_equal(f->device.interrupts, 0);
    assert_int_equal(receive(f), 0);
    assert_int_equal(mnet_memory_used(f->memory), used);
    assert_int_equal(fill_queue(f), 256);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bus_opens_with_everything),
        cmocka_unit_test(notifications_and_interrupts_are_counted),
        cmocka_unit_test(legacy_device_serves),
        cmocka_unit_test(link_that_changes_is_told_and_wakes),
        cmocka_unit_test(legacy_device_without_any_layout_is_refused),
        cmocka_unit_test(offloads_not_wanted_are_not_accepted),
        cmocka_unit_test(features_come_with_what_they_require),
        cmocka_unit_test(mtu_is_taken_where_there_are_buffers_for_it),
        cmocka_unit_test(mac_that_is_nobodys_is_left_to_the_owner),
        cmocka_unit_test(device_that_cannot_be_used_is_refused),
        cmocka_unit_test(closed_device_opens_again),
        cmocka_unit_test(closing_waits_for_frames_to_leave),
        cmocka_unit_test(frames_of_every_size_are_received),
        cmocka_unit_test(large_frame_is_a_chain_of_its_buffers),
        cmocka_unit_test(large_frame_is_read_in_parts),
        cmocka_unit_test(metadata_of_received_frames),
        cmocka_unit_test(segmentation_of_one_family_is_agreed_on_alone),
        cmocka_unit_test(without_merged_buffers_each_frame_is_one),
        cmocka_unit_test(batch_takes_no_more_than_it_is_asked_for),
        cmocka_unit_test(buffers_are_refilled_in_batches),
        cmocka_unit_test(small_memory_has_fewer_buffers),
        cmocka_unit_test(memory_used_up_and_free_again),
        cmocka_unit_test(small_frame_is_one_descriptor),
        cmocka_unit_test(large_frame_goes_through_a_table),
        cmocka_unit_test(metadata_of_sent_frames),
        cmocka_unit_test(cwr_in_large_segments),
        cmocka_unit_test(shared_packet_keeps_its_headroom),
        cmocka_unit_test(packet_kept_by_the_send_queue_is_one_piece),
        cmocka_unit_test(packet_without_headroom_is_sent),
        cmocka_unit_test(packet_of_many_pieces_is_copied),
        cmocka_unit_test(batch_of_frames_is_notified_once),
        cmocka_unit_test(full_queue_takes_more_when_frames_have_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
