/* A split virtqueue (2.7), the driver's side.
 *
 * Theory of operation. Buffers are chains of descriptors, all readable or all writable by the
 * device. The driver adds chains (mn_virtqueue_add), shows all that it added to the device at once
 * (mn_virtqueue_publish), which notifies the device if that wants to be, and takes back the chains
 * that the device has used (mn_virtqueue_take).
 *
 * The device writes only the used ring's index and elements, and they are checked. What the
 * driver must know later (which descriptors belong to a chain, whose buffer it is, how long) is
 * kept in memory of its own, `slots`, and never read back from descriptors. An index that claims
 * more buffers than there are, and an id that is no outstanding chain, leave nothing to go on with:
 * the queue is `broken` then, gives out nothing more and takes nothing more, until the device is
 * reset. Each field is read once.
 */
#ifndef MN_VIRTQUEUE_H
#define MN_VIRTQUEUE_H

#include <mnet/packet.h>

#include "ports/virtio/transport.h"

#define MN_VIRTQUEUE_MAX 256u /* entries; a device may have fewer */
/* Descriptors, available ring, and on the next page boundary the used ring: the layout that
 * 2.7.2 prescribes for legacy devices suits all. */
#define MN_VIRTQUEUE_BYTES (3u * 4096u)

/* 2.7.5 */
struct mn_virtq_descriptor {
    uint64_t address;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

/* The state of the chain that begins with a descriptor, and the list of the free ones. */
struct mn_virtq_slot {
    void *token;    /* the user's, of the head of an outstanding chain; NULL of all others */
    uint16_t next;  /* descriptor of the chain, or of the free list */
    uint16_t count; /* descriptors of the chain */
};

struct mn_virtqueue {
    struct mn_virtio_transport *transport;
    struct mn_virtq_descriptor *descriptors; /* shared with the device, as are the next two */
    uint16_t *driver;                        /* 2.7.6: flags, idx, ring, used_event */
    /* 2.7.8: flags, idx, ring of id and len, avail_event. */
    uint16_t *device;
    uint16_t index, size;
    uint16_t added;       /* chains ever added: the available ring's idx once published */
    uint16_t published;   /* of them shown to the device */
    uint16_t taken;       /* chains ever taken back */
    uint16_t outstanding; /* chains with the device, or to be published */
    uint16_t free, free_count;
    bool event_idx, broken;
    bool armed; /* without EVENT_IDX: every buffer that is used interrupts */
    struct mn_virtq_slot slots[MN_VIRTQUEUE_MAX];
};

/* Sets up queue `index` in `memory` (MN_VIRTQUEUE_BYTES, aligned to a page, zeroed here) with at
 * most MN_VIRTQUEUE_MAX entries, at least `least`, and enables it. 0, or MNET_E_NO_DEVICE: there is
 * no such queue. */
int mn_virtqueue_open(struct mn_virtqueue *queue, struct mn_virtio_transport *t, uint16_t index, void *memory,
                      unsigned least, bool event_idx);

/* The descriptor that begins the chain added next; room must be there. */
static inline uint16_t mn_virtqueue_head(const struct mn_virtqueue *queue)
{
    return queue->free;
}

/* Free descriptors. */
static inline unsigned mn_virtqueue_room(const struct mn_virtqueue *queue)
{
    return queue->broken ? 0 : queue->free_count;
}

/* Adds a chain of `count` pieces (1 to mn_virtqueue_room), which the device may read, or write
 * if `writable`. `token`, not NULL, comes back. The pieces are the device's until
 * then. */
void mn_virtqueue_add(struct mn_virtqueue *queue, const struct mnet_slice *pieces, unsigned count, bool writable,
                      void *token);
/* The same for readable pieces in one descriptor, which refers to `table`: `count` descriptors that
 * are written here (2.7.5.3). */
void mn_virtqueue_add_indirect(struct mn_virtqueue *queue, struct mn_virtq_descriptor *table,
                               const struct mnet_slice *pieces, unsigned count, void *token);
/* Shows the device the chains added since the last call, and notifies it unless it does not care.
 */
void mn_virtqueue_publish(struct mn_virtqueue *queue);

/* Chains that the device has used and nobody has taken yet; 0 if it is broken. */
unsigned mn_virtqueue_used(struct mn_virtqueue *queue);
/* Takes the next of them: its token, and the bytes that the device says it wrote. NULL: none, or
 * broken. */
void *mn_virtqueue_take(struct mn_virtqueue *queue, uint32_t *len);

/* Asks for an interrupt when `more` further chains beyond the next have been used; true if they
 * have been already. Holds until it has come, or mn_virtqueue_disarm. */
bool mn_virtqueue_arm(struct mn_virtqueue *queue, unsigned more);
void mn_virtqueue_disarm(struct mn_virtqueue *queue);
/* For when nobody waits any more: a device without EVENT_IDX would go on interrupting. */
static inline void mn_virtqueue_quiet(struct mn_virtqueue *queue)
{
    if (queue->armed)
        mn_virtqueue_disarm(queue);
}

/* Takes back a chain that the device has not used, for when it has been reset; NULL when there is
 * none left. */
void *mn_virtqueue_detach(struct mn_virtqueue *queue);

#endif
