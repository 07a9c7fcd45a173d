#include "ports/hosted/queues.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/base.h"
#include "base/packet_metadata.h"
#include "wire/spread.h"

/* Bytes of frames that may wait for a core. */
#define INBOX_BYTES ((size_t)4 << 20)

/* A frame on its way from a core to another. */
struct mn_passed {
    struct mn_passed *next;
    struct mn_metadata metadata;
    uint64_t received_ns;
    uint32_t len;
    uint8_t bytes[];
};

struct mn_queues *mn_queues_create(uint16_t count)
{
    MN_ASSERT(count > 1 && count <= MN_OPTIONS_CORES);
    struct mn_queues *queues = aligned_alloc(_Alignof(struct mn_queues), sizeof *queues);
    if (queues == NULL)
        return NULL;
    memset(queues, 0, sizeof *queues);
    queues->count = count;
    for (uint16_t i = 0; i < count; i++) {
        struct mn_queue *queue = &queues->queue[i];
        queue->all = queues;
        queue->number = i;
        queue->event_fd = -1;
        queue->end = &queue->first;
        pthread_mutex_init(&queue->mutex, NULL);
    }
    return queues;
}

bool mn_queue_open(struct mn_queue *queue, struct mnet_device *device)
{
    struct mn_queues *all = queue->all;
    struct epoll_event readable = {.events = EPOLLIN};
    int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd < 0)
        return false;
    if (epoll_ctl(device->fd, EPOLL_CTL_ADD, event_fd, &readable) < 0) {
        close(event_fd);
        return false;
    }
    device->queue = queue->number;
    device->queues = all->count;
    if (!all->known) {
        all->known = true;
        memcpy(all->mac, device->mac, sizeof all->mac);
        strncpy(all->name, device->name, sizeof all->name - 1);
    }
    pthread_mutex_lock(&queue->mutex);
    queue->event_fd = event_fd;
    queue->open = true;
    pthread_mutex_unlock(&queue->mutex);
    return true;
}

/* Takes all frames of a queue whose mutex is held. */
static struct mn_passed *empty(struct mn_queue *queue)
{
    struct mn_passed *first = queue->first;
    queue->first = NULL;
    queue->end = &queue->first;
    queue->bytes = 0;
    atomic_store_explicit(&queue->waiting, 0, memory_order_relaxed);
    return first;
}

void mn_queue_close(struct mn_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    struct mn_passed *frame = empty(queue);
    if (queue->open)
        close(queue->event_fd);
    queue->open = false;
    queue->event_fd = -1;
    pthread_mutex_unlock(&queue->mutex);
    for (struct mn_passed *next; frame != NULL; frame = next) {
        next = frame->next;
        free(frame);
    }
}

/* ---- Taking ---- */

/* Takes the first frames, at most `max`. */
static struct mn_passed *unlink_frames(struct mn_queue *queue, int max)
{
    uint64_t ignored;
    pthread_mutex_lock(&queue->mutex);
    struct mn_passed *first = queue->first, **end = &queue->first;
    unsigned count = 0;
    for (; count < (unsigned)max && *end != NULL; count++) {
        queue->bytes -= (*end)->len;
        end = &(*end)->next;
    }
    queue->first = *end;
    *end = NULL;
    atomic_fetch_sub_explicit(&queue->waiting, count, memory_order_relaxed);
    if (queue->first == NULL) {
        queue->end = &queue->first;
        ssize_t got = read(queue->event_fd, &ignored, sizeof ignored);
        (void)got;
    }
    pthread_mutex_unlock(&queue->mutex);
    return count > 0 ? first : NULL;
}

static struct mnet_packet *packet_of(const struct mn_passed *frame, struct mnet_memory *memory)
{
    struct mnet_packet *packet = mnet_packet_alloc(memory);
    if (packet == NULL || !mnet_packet_append(packet, frame->bytes, frame->len)) {
        mnet_packet_free(packet);
        return NULL;
    }
    mn_packet_set_metadata(packet, frame->metadata);
    packet->received_ns = frame->received_ns;
    return packet;
}

int mn_queue_take(struct mn_queue *queue, struct mnet_device *device, struct mnet_packet **packets, int max)
{
    if (MN_LIKELY(atomic_load_explicit(&queue->waiting, memory_order_relaxed) == 0))
        return 0;
    int count = 0;
    for (struct mn_passed *frame = unlink_frames(queue, max), *next; frame != NULL; frame = next) {
        next = frame->next;
        packets[count] = packet_of(frame, device->memory);
        if (packets[count] != NULL)
            count++;
        else
            device->rx_dropped++;
        free(frame);
    }
    return count;
}

/* ---- Passing ---- */

static bool put(struct mn_queue *queue, struct mn_passed *frame)
{
    pthread_mutex_lock(&queue->mutex);
    bool taken = queue->open && queue->bytes + frame->len <= INBOX_BYTES;
    if (taken) {
        bool wakes = queue->first == NULL;
        *queue->end = frame;
        queue->end = &frame->next;
        queue->bytes += frame->len;
        atomic_fetch_add_explicit(&queue->waiting, 1, memory_order_relaxed);
        if (wakes) {
            ssize_t written = write(queue->event_fd, &(uint64_t){1}, sizeof(uint64_t));
            (void)written;
        }
    }
    pthread_mutex_unlock(&queue->mutex);
    return taken;
}

static void pass(struct mn_queue *queue, struct mnet_device *from, const struct mnet_packet *packet)
{
    struct mn_passed *frame = malloc(sizeof *frame + packet->total);
    if (frame != NULL) {
        *frame = (struct mn_passed){
            .metadata = mn_packet_metadata(packet), .received_ns = packet->received_ns, .len = packet->total};
        mnet_packet_copy_out(packet, 0, frame->bytes, packet->total);
    }
    if (frame == NULL || !put(queue, frame)) {
        free(frame);
        from->rx_dropped++;
    }
}

/* Passes the frame to those that must have it. Returns true if it is one for this queue, too. */
static bool sort(struct mn_queue *queue, struct mnet_device *device, const struct mnet_packet *packet)
{
    struct mn_queues *all = queue->all;
    uint16_t owner = mn_spread_frame(packet->data, packet->len, all->count);
    if (MN_LIKELY(owner == queue->number))
        return true;
    if (owner != MN_SPREAD_ALL) {
        pass(&all->queue[owner], device, packet);
        return false;
    }
    for (uint16_t i = 0; i < all->count; i++) {
        if (i != queue->number)
            pass(&all->queue[i], device, packet);
    }
    return true;
}

int mn_queue_sort(struct mn_queue *queue, struct mnet_device *device, struct mnet_packet **packets, int count)
{
    int kept = 0;
    for (int i = 0; i < count; i++) {
        if (sort(queue, device, packets[i]))
            packets[kept++] = packets[i];
        else
            mnet_packet_free(packets[i]);
    }
    return kept;
}
