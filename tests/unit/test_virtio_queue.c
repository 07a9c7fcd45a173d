/* Split virtqueues (VIRTIO 1.2, 2.7): chains in both directions, notifications, interrupts, and a
 * host that lies. */
#include "unit/support.h"

#include <mnet/error.h>

#include "ports/common/little.h"
#include "support/virtio_device.h"

struct queue_fixture {
    struct virtio_device device;
    struct mn_virtio_transport transport;
    struct mn_virtqueue queue;
    void *memory;
};

static int tokens[MN_VIRTQUEUE_MAX];
static uint8_t bytes[4096];

/* Opens a queue of at most `max` entries, ready to use. */
static struct queue_fixture *open_queue(uint16_t max, uint64_t features)
{
    struct queue_fixture *f = calloc(1, sizeof *f);
    uint64_t offered;
    assert_non_null(f);
    f->memory = aligned_alloc(4096, MN_VIRTQUEUE_BYTES);
    assert_non_null(f->memory);
    memset(f->memory, 0xa5, MN_VIRTQUEUE_BYTES);
    virtio_device_init(&f->device, VIRTIO_MMIO, MN_VIRTIO_ENTROPY);
    f->device.rings[0].max = max;
    assert_int_equal(virtio_device_find(&f->device, &f->transport), MNET_OK);
    assert_int_equal(mn_virtio_begin(&f->transport, &offered), MNET_OK);
    assert_int_equal(mn_virtio_agree(&f->transport, features), MNET_OK);
    bool event_idx = features & MN_VIRTIO_F_EVENT_IDX;
    assert_int_equal(mn_virtqueue_open(&f->queue, &f->transport, 0, f->memory, 1, event_idx), MNET_OK);
    assert_true(mn_virtio_ready(&f->transport));
    return f;
}

static void end(struct queue_fixture *f)
{
    free(f->memory);
    free(f);
}

static void add(struct queue_fixture *f, unsigned count, void *token)
{
    struct mnet_slice pieces[8];
    for (unsigned i = 0; i < count; i++)
        pieces[i] = (struct mnet_slice){bytes + 100 * i, 10 + i};
    mn_virtqueue_add(&f->queue, pieces, count, false, token);
}

static void take(struct queue_fixture *f, struct virtio_chain *chain)
{
    assert_true(virtio_device_take(&f->device, 0, chain));
}

/* Expects that the driver's next used chain is that of `token`. */
static void expect(struct queue_fixture *f, const void *token, uint32_t wanted_len)
{
    uint32_t len = 0;
    assert_ptr_equal(mn_virtqueue_take(&f->queue, &len), token);
    if (token != NULL)
        assert_int_equal(len, wanted_len);
}

/* ---- Honest ---- */

static void chain_added_is_what_the_device_sees(void **state)
{
    (void)state;
    struct queue_fixture *f = open_queue(8, 0);
    struct virtio_chain chain;
    add(f, 3, &tokens[0]);
    /* 2.7.13.3: not before it is published. */
    assert_int_equal(virtio_device_waiting(&f->device, 0), 0);
    mn_virtqueue_publish(&f->queue);
    take(f, &chain);
    assert_int_equal(chain.count, 3);
    assert_false(chain.writable);
    for (unsigned i = 0; i < 3; i++) {
        assert_ptr_equal(chain.pieces[i].data, bytes + 100 * i);
        assert_int_equal(chain.pieces[i].len, 10 + i);
    }
    assert_false(virtio_device_take(&f->device, 0, &chain));
    end(f);
}

static void chain_used_comes_back_once(void **state)
{
    (void)state;
    struct queue_fixture *f = open_queue(8, 0);
    struct virtio_chain chain;
    add(f, 2, &tokens[0]);
    mn_virtqueue_publish(&f->queue);
    expect(f, NULL, 0);
    take(f, &chain);
    virtio_device_use(&f->device, 0, chain.head, 77);
    expect(f, &tokens[0], 77);
    expect(f, NULL, 0);
    assert_false(f->queue.broken);
    assert_int_equal(mn_virtqueue_room(&f->queue), 8);
    end(f);
}

/* Indexes wrap at 65536 (2.7.6), and chains come back in any order. */
static void chains_of_all_lengths_come_back_in_any_order_for_long(void **state)
{
    (void)state;
    struct queue_fixture *f = open_queue(16, MN_VIRTIO_F_EVENT_IDX);
    struct virtio_chain chains[16];
    uint64_t random = 7;
    unsigned all = 0;
    while (all < 70000) {
        unsigned count = 0;
        for (unsigned len; (len = 1 + (unsigned)test_random_below(&random, 5)) <= mn_virtqueue_room(&f->queue); count++)
            add(f, len, &tokens[count]);
        mn_virtqueue_publish(&f->queue);
        for (unsigned i = 0; i < count; i++)
            take(f, &chains[i]);
        unsigned first = (unsigned)test_random_below(&random, count);
        for (unsigned i = 0; i < count; i++)
            virtio_device_use(&f->device, 0, chains[(first + i) % count].head, i);
        for (unsigned i = 0; i < count; i++)
            expect(f, &tokens[(first + i) % count], i);
        assert_int_equal(mn_virtqueue_room(&f->queue), 16);
        all += count;
    }
    end(f);
}

static void indirect_chain_takes_one_descriptor(void **state)
{
    (void)state;
    struct queue_fixture *f = open_queue(16, MN_VIRTIO_F_INDIRECT_DESC);
    struct mn_virtq_descriptor table[8];
    struct mnet_slice pieces[8];
    struct virtio_chain chain;
    for (unsigned i = 0; i < 8; i++)
        pieces[i] = (struct mnet_slice){bytes + i, i + 1};
    mn_virtqueue_add_indirect(&f->queue, table, pieces, 8, &tokens[1]);
    mn_virtqueue_publish(&f->queue);
    assert_int_equal(mn_virtqueue_room(&f->queue), 15);
    take(f, &chain);
    assert_true(chain.indirect);
    assert_int_equal(chain.count, 8);
    assert_ptr_equal(chain.pieces[7].data, bytes + 7);
    virtio_device_use(&f->device, 0, chain.head, 0);
    expect(f, &tokens[1], 0);
    assert_int_equal(mn_virtqueue_room(&f->queue), 16);
    end(f);
}

/* 2.7: a size is a power of two; ours are not above 256. */
static void size_is_the_largest_that_both_can(void **state)
{
    (void)state;
    static const uint16_t sizes[][2] = {{1, 1}, {2, 2}, {100, 64}, {256, 256}, {1024, 256}, {0xffff, 256}};
    for (size_t i = 0; i < MN_COUNT_OF(sizes); i++) {
        struct queue_fixture *f = open_queue(sizes[i][0], 0);
        assert_int_equal(f->device.rings[0].size, sizes[i][1]);
        end(f);
    }
}

static void size_too_small_is_refused(void **state)
{
    (void)state;
    struct queue_fixture *f = open_queue(8, 0);
    struct mn_virtqueue other;
    void *memory = aligned_alloc(4096, MN_VIRTQUEUE_BYTES);
    f->device.rings[1].max = 8;
    assert_int_equal(mn_virtqueue_open(&other, &f->transport, 1, memory, 16, false), MNET_E_NO_DEVICE);
    assert_int_equal(mn_virtqueue_open(&other, &f->transport, 7, memory, 1, false), MNET_E_NO_DEVICE);
    f->device.refuses_queues = true;
    assert_int_equal(mn_virtqueue_open(&other, &f->transport, 1, memory, 1, false), MNET_E_NO_DEVICE);
    free(memory);
    end(f);
}

static void chains_left_are_detached(void **state)
{
    (void)state;
    struct queue_fixture *f = open_queue(8, 0);
    struct virtio_chain chain;
    for (unsigned i = 0; i < 3; i++)
        add(f, 2, &tokens[i]);
    mn_virtqueue_publish(&f->queue);
    take(f, &chain);
    virtio_device_use(&f->device, 0, chain.head, 0);
    expect(f, &tokens[0], 0);
    assert_ptr_equal(mn_virtqueue_detach(&f->queue), &tokens[1]);
    assert_ptr_equal(mn_virtqueue_detach(&f->queue), &tokens[2]);
    assert_null(mn_virtqueue_detach(&f->queue));
    end(f);
}

/* ---- Notifications (2.7.10) and interrupts (2.7.7) ---- */

static void batch_is_notified_once(void **state)
{
    (void)state;
    static const uint64_t features[] = {0, MN_VIRTIO_F_EVENT_IDX};
    for (size_t i = 0; i < MN_COUNT_OF(features); i++) {
        struct queue_fixture *f = open_queue(8, features[i]);
        for (unsigned j = 0; j < 5; j++)
            add(f, 1, &tokens[j]);
        mn_virtqueue_publish(&f->queue);
        mn_virtqueue_publish(&f->queue); /* nothing new */
        assert_int_equal(f->device.rings[0].notified, 1);
        end(f);
    }
}

static void busy_device_is_not_notified(void **state)
{
    (void)state;
    struct queue_fixture *f = open_queue(8, MN_VIRTIO_F_EVENT_IDX);
    struct virtio_chain chain;
    add(f, 1, &tokens[0]);
    mn_virtqueue_publish(&f->queue);
    add(f, 1, &tokens[1]);
    mn_virtqueue_publish(&f->queue); /* the device has not read so far: it will see this one, too */
    assert_int_equal(f->device.rings[0].notified, 1);
    take(f, &chain);
    take(f, &chain);
    add(f, 1, &tokens[2]);
    mn_virtqueue_publish(&f->queue);
    assert_int_equal(f->device.rings[0].notified, 2);
    end(f);
}

static void device_that_wants_no_notifications_gets_none(void **state)
{
    (void)state;
    struct queue_fixture *f = open_queue(8, 0);
    f->queue.device[0] = mn_little16(1);
    add(f, 1, &tokens[0]);
    mn_virtqueue_publish(&f->queue);
    assert_int_equal(f->device.rings[0].notified, 0);
    end(f);
}

static void interrupts_come_only_when_asked_for(void **state)
{
    (void)state;
    static const uint64_t features[] = {0, MN_VIRTIO_F_EVENT_IDX};
    for (size_t i = 0; i < MN_COUNT_OF(features); i++) {
        struct queue_fixture *f = open_queue(8, features[i]);
        struct virtio_chain chains[4];
        for (unsigned j = 0; j < 4; j++)
            add(f, 1, &tokens[j]);
        mn_virtqueue_publish(&f->queue);
        for (unsigned j = 0; j < 4; j++)
            take(f, &chains[j]);
        virtio_device_use(&f->device, 0, chains[0].head, 0);
        assert_int_equal(f->device.interrupts, 0);
        assert_true(mn_virtqueue_arm(&f->queue, 0)); /* one is there already */
        expect(f, &tokens[0], 0);
        assert_false(mn_virtqueue_arm(&f->queue, 0));
        virtio_device_use(&f->device, 0, chains[1].head, 0);
        assert_int_equal(f->device.interrupts, 1);
        mn_virtqueue_disarm(&f->queue);
        expect(f, &tokens[1], 0);
        virtio_device_use(&f->device, 0, chains[2].head, 0);
        assert_int_equal(f->device.interrupts, 1);
        end(f);
    }
}

static void interrupt_for_the_last_of_many(void **state)
{
    (void)state;
    struct queue_fixture *f = open_queue(8, MN_VIRTIO_F_EVENT_IDX);
    struct virtio_chain chains[4];
    for (unsigned j = 0; j < 4; j++)
        add(f, 1, &tokens[j]);
    mn_virtqueue_publish(&f->queue);
    assert_false(mn_virtqueue_arm(&f->queue, 3));
    for (unsigned j = 0; j < 4; j++) {
        take(f, &chains[j]);
        assert_int_equal(f->device.interrupts, 0);
        virtio_device_use(&f->device, 0, chains[j].head, 0);
    }
    assert_int_equal(f->device.interrupts, 1);
    end(f);
}

/* ---- A host that lies ---- */

/* Opens a queue with two chains, of three and one descriptors, at the device. */
static struct queue_fixture *open_lied_to(struct virtio_chain chains[2])
{
    struct queue_fixture *f = open_queue(8, MN_VIRTIO_F_EVENT_IDX);
    add(f, 3, &tokens[0]);
    add(f, 1, &tokens[1]);
    mn_virtqueue_publish(&f->queue);
    take(f, &chains[0]);
    take(f, &chains[1]);
    return f;
}

/* Expects that no chain comes back or can be added, and that the chains can still be detached. */
static void expect_broken(struct queue_fixture *f, unsigned chains)
{
    expect(f, NULL, 0);
    assert_true(f->queue.broken);
    assert_int_equal(mn_virtqueue_room(&f->queue), 0);
    assert_int_equal(mn_virtqueue_used(&f->queue), 0);
    unsigned notified = f->device.rings[0].notified;
    mn_virtqueue_publish(&f->queue);
    assert_int_equal(f->device.rings[0].notified, notified);
    while (chains-- > 0)
        assert_non_null(mn_virtqueue_detach(&f->queue));
    assert_null(mn_virtqueue_detach(&f->queue));
    end(f);
}

/* 2.7.8: idx advances by one for each used chain. */
static void used_idx_beyond_what_is_there_breaks(void **state)
{
    (void)state;
    static const uint16_t lies[] = {3, 8, 9, 0x7fff, 0x8000, 0xffff};
    for (size_t i = 0; i < MN_COUNT_OF(lies); i++) {
        struct virtio_chain chains[2];
        struct queue_fixture *f = open_lied_to(chains);
        virtio_device_show(&f->device, 0, lies[i]);
        expect_broken(f, 2);
    }
}

static void used_idx_that_goes_back_breaks(void **state)
{
    (void)state;
    struct virtio_chain chains[2];
    struct queue_fixture *f = open_lied_to(chains);
    virtio_device_use(&f->device, 0, chains[0].head, 0);
    expect(f, &tokens[0], 0);
    virtio_device_show(&f->device, 0, 0);
    expect_broken(f, 1);
}

static void used_chain_that_was_not_published_breaks(void **state)
{
    (void)state;
    struct virtio_chain chains[2];
    struct queue_fixture *f = open_lied_to(chains);
    add(f, 1, &tokens[2]);
    virtio_device_use(&f->device, 0, chains[0].head, 0);
    virtio_device_use(&f->device, 0, chains[1].head, 0);
    virtio_device_use(&f->device, 0, 4, 0);
    expect_broken(f, 3);
}

static void used_id_that_is_no_head_breaks(void **state)
{
    (void)state;
    struct virtio_chain chains[2];
    struct queue_fixture *f = open_lied_to(chains);
    uint16_t inside = (uint16_t)(chains[0].head + 1); /* the second descriptor of the first chain */
    const uint32_t lies[] = {inside, 7, 8, 255, 256, 0x10000u + chains[0].head, UINT32_MAX};
    end(f);
    for (size_t i = 0; i < MN_COUNT_OF(lies); i++) {
        f = open_lied_to(chains);
        virtio_device_use(&f->device, 0, lies[i], 0);
        expect_broken(f, 2);
    }
}

static void used_id_twice_breaks(void **state)
{
    (void)state;
    struct virtio_chain chains[2];
    struct queue_fixture *f = open_lied_to(chains);
    virtio_device_use(&f->device, 0, chains[0].head, 0);
    virtio_device_use(&f->device, 0, chains[0].head, 0);
    expect(f, &tokens[0], 0);
    expect_broken(f, 1);
}

/* The driver writes descriptors. A host that writes there has no effect on the driver. */
static void descriptors_overwritten_are_not_believed(void **state)
{
    (void)state;
    struct virtio_chain chains[2];
    struct queue_fixture *f = open_lied_to(chains);
    memset(f->queue.descriptors, 0xff, 8 * sizeof f->queue.descriptors[0]);
    memset(f->queue.driver + 1, 0xff, 2 * 9); /* idx and ring */
    virtio_device_use(&f->device, 0, chains[0].head, 5);
    virtio_device_use(&f->device, 0, chains[1].head, 6);
    expect(f, &tokens[0], 5);
    expect(f, &tokens[1], 6);
    assert_int_equal(mn_virtqueue_room(&f->queue), 8);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain_added_is_what_the_device_sees),
        cmocka_unit_test(chain_used_comes_back_once),
        cmocka_unit_test(chains_of_all_lengths_come_back_in_any_order_for_long),
        cmocka_unit_test(indirect_chain_takes_one_descriptor),
        cmocka_unit_test(size_is_the_largest_that_both_can),
        cmocka_unit_test(size_too_small_is_refused),
        cmocka_unit_test(chains_left_are_detached),
        cmocka_unit_test(batch_is_notified_once),
        cmocka_unit_test(busy_device_is_not_notified),
        cmocka_unit_test(device_that_wants_no_notifications_gets_none),
        cmocka_unit_test(interrupts_come_only_when_asked_for),
        cmocka_unit_test(interrupt_for_the_last_of_many),
        cmocka_unit_test(used_idx_beyond_what_is_there_breaks),
        cmocka_unit_test(used_idx_that_goes_back_breaks),
        cmocka_unit_test(used_chain_that_was_not_published_breaks),
        cmocka_unit_test(used_id_that_is_no_head_breaks),
        cmocka_unit_test(used_id_twice_breaks),
        cmocka_unit_test(descriptors_overwritten_are_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
