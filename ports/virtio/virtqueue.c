#include "ports/virtio/virtqueue.h"

#include <assert.h>
#include <string.h>

#include <mnet/error.h>

#include "base/base.h"
#include "ports/common/little.h"

/* 2.7.5 */
#define DESCRIPTOR_NEXT 1u
#define DESCRIPTOR_WRITE 2u
#define DESCRIPTOR_INDIRECT 4u

#define PAGE 4096u
#define NO_INTERRUPT 1u /* 2.7.6, flags */
#define NO_NOTIFY 1u    /* 2.7.8, flags */

/* Words of both rings. */
#define RING_FLAGS 0u
#define RING_IDX 1u
#define RING_FIRST 2u
#define USED_WORDS 4u /* of one element: id and len, of two words each */

/* 2.7.2: both parts as long as MN_VIRTQUEUE_MAX entries need. */
#define DRIVER_AT (16u * MN_VIRTQUEUE_MAX)
#define DRIVER_BYTES (2u * (3 + MN_VIRTQUEUE_MAX))
#define DEVICE_BYTES (2u * 3 + 8u * MN_VIRTQUEUE_MAX)
static_assert(sizeof(struct mn_virtq_descriptor) == 16, "2.7.5");
static_assert(DRIVER_AT + DRIVER_BYTES <= 2 * PAGE && 2 * PAGE + DEVICE_BYTES <= MN_VIRTQUEUE_BYTES, "all parts fit");

/* ---- Words that the device reads or writes at any time ---- */

static uint16_t load16(const uint16_t *at)
{
    return mn_little16(__atomic_load_n(at, __ATOMIC_ACQUIRE));
}

static void store16(uint16_t *at, uint16_t value)
{
    __atomic_store_n(at, mn_little16(value), __ATOMIC_RELEASE);
}

static uint32_t load32(const uint16_t *at)
{
    return mn_little32(__atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_RELAXED));
}

/* Between this side's write and its next read of the other side's: each of the two must
 * see at least one of the other's writes (2.7.7.1, 2.7.13.4.1). */
static void full_barrier(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static uint16_t *used_event(const struct mn_virtqueue *queue)
{
    return queue->driver + RING_FIRST + queue->size;
}

static const uint16_t *avail_event(const struct mn_virtqueue *queue)
{
    return queue->device + RING_FIRST + USED_WORDS * queue->size;
}

/* ---- Life ---- */

/* The largest power of two that is at most `value` and MN_VIRTQUEUE_MAX (2.7: a size is one). */
static uint16_t size_below(uint32_t value)
{
    uint32_t size = MN_VIRTQUEUE_MAX;
    while (size > value)
        size /= 2;
    return (uint16_t)size;
}

int mn_virtqueue_open(struct mn_virtqueue *queue, struct mn_virtio_transport *t, uint16_t index, void *memory,
                      unsigned least, bool event_idx)
{
    uint8_t *bytes = memory;
    uint16_t size = size_below(t->ops->queue_max(t, index));
    memset(bytes, 0, MN_VIRTQUEUE_BYTES);
    memset(queue, 0, sizeof *queue);
    queue->transport = t;
    queue->index = index;
    queue->size = size;
    queue->event_idx = event_idx;
    if (size == 0 || size < least)
        return MNET_E_NO_DEVICE;
    /* A legacy device finds each part behind the other, whatever the size. */
    uint32_t driver_at = 16u * size, device_at = (driver_at + 2u * (3u + size) + PAGE - 1) & ~(PAGE - 1);
    queue->descriptors = memory;
    queue->driver = (uint16_t *)(void *)(bytes + driver_at);
    queue->device = (uint16_t *)(void *)(bytes + device_at);
    for (uint16_t i = 0; i < size; i++)
        queue->slots[i].next = (uint16_t)(i + 1);
    queue->free_count = size;
    mn_virtqueue_disarm(queue);
    const struct mn_virtio_queue_place place = {size, (uintptr_t)queue->descriptors, (uintptr_t)queue->driver,
                                                (uintptr_t)queue->device};
    return t->ops->queue_enable(t, index, &place) ? MNET_OK : MNET_E_NO_DEVICE;
}

void *mn_virtqueue_detach(struct mn_virtqueue *queue)
{
    for (uint16_t i = 0; queue->outstanding > 0 && i < queue->size; i++) {
        void *token = queue->slots[i].token;
        if (token != NULL) {
            queue->slots[i].token = NULL;
            queue->outstanding--;
            return token;
        }
    }
    return NULL;
}

/* ---- To the device ---- */

/* 2.7.13.2: into the ring; the device does not look there before idx says so. */
static void make_available(struct mn_virtqueue *queue, uint16_t head, uint16_t count, void *token)
{
    MN_ASSERT(token != NULL);
    queue->slots[head].token = token;
    queue->slots[head].count = count;
    queue->driver[RING_FIRST + (queue->added & (queue->size - 1u))] = mn_little16(head);
    queue->added++;
    queue->outstanding++;
}

static void write_descriptor(struct mn_virtq_descriptor *at, const struct mnet_slice *piece, unsigned flags,
                             unsigned next)
{
    MN_ASSERT(piece->len <= UINT32_MAX);
    at->address = mn_little64((uintptr_t)piece->data);
    at->len = mn_little32((uint32_t)piece->len);
    at->flags = mn_little16((uint16_t)flags);
    at->next = mn_little16((uint16_t)next);
}

void mn_virtqueue_add(struct mn_virtqueue *queue, const struct mnet_slice *pieces, unsigned count, bool writable,
                      void *token)
{
    MN_ASSERT(count > 0 && count <= mn_virtqueue_room(queue));
    uint16_t head = queue->free, at = head;
    for (unsigned i = 0; i < count; i++) {
        uint16_t next = queue->slots[at].next;
        unsigned more = i + 1 < count ? DESCRIPTOR_NEXT : 0;
        write_descriptor(&queue->descriptors[at], &pieces[i], more | (writable ? DESCRIPTOR_WRITE : 0), next);
        at = next;
    }
    queue->free = at;
    queue->free_count = (uint16_t)(queue->free_count - count);
    make_available(queue, head, (uint16_t)count, token);
}

void mn_virtqueue_add_indirect(struct mn_virtqueue *queue, struct mn_virtq_descriptor *table,
                               const struct mnet_slice *pieces, unsigned count, void *token)
{
    MN_ASSERT(count > 0 && count <= queue->size &&
              mn_virtqueue_room(queue) > 0); /* 2.7.5.3.1: no longer than the queue */
    for (unsigned i = 0; i < count; i++)
        write_descriptor(&table[i], &pieces[i], i + 1 < count ? DESCRIPTOR_NEXT : 0, i + 1);
    uint16_t head = queue->free;
    const struct mnet_slice whole = {table, count * sizeof *table};
    write_descriptor(&queue->descriptors[head], &whole, DESCRIPTOR_INDIRECT, 0);
    queue->free = queue->slots[head].next;
    queue->free_count--;
    make_available(queue, head, 1, token);
}

/* 2.7.10: whether the device wants to know of the chains from `old` up to `queue->published`. */
static bool wants_notification(const struct mn_virtqueue *queue, uint16_t old)
{
    if (!queue->event_idx)
        return !(load16(queue->device + RING_FLAGS) & NO_NOTIFY);
    uint16_t event = load16(avail_event(queue));
    return (uint16_t)(queue->published - event - 1u) < (uint16_t)(queue->published - old);
}

void mn_virtqueue_publish(struct mn_virtqueue *queue)
{
    uint16_t old = queue->published;
    if (old == queue->added || queue->broken)
        return;
    queue->published = queue->added;
    /* 2.7.13.3.1: after the ring and the descriptors. */
    store16(queue->driver + RING_IDX, queue->added);
    /* 2.7.13.4.1: before flags or avail_event are read. */
    full_barrier();
    if (!wants_notification(queue, old))
        return;
    queue->transport->notifications++;
    queue->transport->ops->notify(queue->transport, queue->index);
}

/* ---- From the device ---- */

unsigned mn_virtqueue_used(struct mn_virtqueue *queue)
{
    uint16_t used = (uint16_t)(load16(queue->device + RING_IDX) - queue->taken);
    uint16_t shown = (uint16_t)(queue->outstanding - (uint16_t)(queue->added - queue->published));
    if (used > shown) /* 2.7.8: the device uses each available chain once */
        queue->broken = true;
    return queue->broken ? 0 : used;
}

static void free_chain(struct mn_virtqueue *queue, uint16_t head)
{
    uint16_t last = head, count = queue->slots[head].count;
    for (uint16_t i = 1; i < count; i++)
        last = queue->slots[last].next;
    queue->slots[last].next = queue->free;
    queue->free = head;
    queue->free_count = (uint16_t)(queue->free_count + count);
    queue->outstanding--;
}

void *mn_virtqueue_take(struct mn_virtqueue *queue, uint32_t *len)
{
    if (mn_virtqueue_used(queue) == 0)
        return NULL;
    const uint16_t *element = queue->device + RING_FIRST + USED_WORDS * (queue->taken & (queue->size - 1u));
    uint32_t id = load32(element);
    /* 2.7.8: the head of a chain that was made available and has not been used since. */
    void *token = id < queue->size ? queue->slots[id].token : NULL;
    if (token == NULL) {
        queue->broken = true;
        return NULL;
    }
    *len = load32(element + USED_WORDS / 2);
    queue->taken++;
    queue->slots[id].token = NULL;
    free_chain(queue, (uint16_t)id);
    return token;
}

/* ---- Interrupts ---- */

bool mn_virtqueue_arm(struct mn_virtqueue *queue, unsigned more)
{
    if (queue->event_idx)
        store16(used_event(queue), (uint16_t)(queue->taken + more));
    else
        store16(queue->driver + RING_FLAGS, 0);
    queue->armed = !queue->event_idx;
    full_barrier(); /* 2.7.14: finds chains used before the device saw the request */
    return mn_virtqueue_used(queue) > more || queue->broken;
}

/* 2.7.7.1: with EVENT_IDX, the farthest place behind the used chains; flags stay 0. */
void mn_virtqueue_disarm(struct mn_virtqueue *queue)
{
    if (queue->event_idx)
        store16(used_event(queue), (uint16_t)(queue->taken - 1u));
    else
        store16(queue->driver + RING_FLAGS, NO_INTERRUPT);
    queue->armed = false;
}
