/* The entropy device (5.4): one queue of buffers that it fills.
 *
 * It is used a few times in a machine's life, so nothing is kept between two readings. Its
 * bytes are taken from the shared page only when it has reported their number.
 */
#include <string.h>

#include <mnet/error.h>

#include "base/base.h"
#include "ports/virtio/virtio.h"
#include "ports/virtio/virtqueue.h"

#define CHUNK 256u /* bytes asked for at a time */

struct rng {
    _Alignas(MN_VIRTIO_ALIGNMENT) uint8_t ring[MN_VIRTQUEUE_BYTES];
    uint8_t bytes[CHUNK];
    struct mn_virtqueue queue;
};

size_t mn_virtio_rng_bytes(void)
{
    return sizeof(struct rng);
}

/* Up to `max` bytes; returns how many were written to rng->bytes, 0 if the deadline passed, or
 * MNET_E_IO. */
static int read_chunk(struct mn_virtio_transport *t, struct rng *rng, size_t max, uint64_t deadline)
{
    const struct mn_virtio_machine *machine = t->machine;
    uint32_t len = 0;
    const struct mnet_slice piece = {rng->bytes, MN_MIN(max, (size_t)CHUNK)};
    mn_virtqueue_add(&rng->queue, &piece, 1, true, rng);
    mn_virtqueue_publish(&rng->queue);
    while (mn_virtqueue_take(&rng->queue, &len) == NULL) {
        if (rng->queue.broken)
            return MNET_E_IO;
        uint64_t now = machine->now(machine->context);
        if (now >= deadline)
            return 0;
        mn_virtio_look(t);
        if (!mn_virtqueue_arm(&rng->queue, 0))
            machine->wait(machine->context, MN_MIN(deadline, now + MNET_MILLISECOND));
    }
    /* 5.4.6.2: at least one byte, and no more than were asked for. */
    return len > 0 && len <= piece.len ? (int)len : MNET_E_IO;
}

static int read_all(struct mn_virtio_transport *t, struct rng *rng, uint8_t *buffer, size_t len,
                    struct mn_virtio_timeouts timeouts)
{
    uint64_t now = t->machine->now(t->machine->context), end = mn_time_after(now, timeouts.all_ns);
    while (len > 0) {
        now = t->machine->now(t->machine->context);
        int got = read_chunk(t, rng, len, MN_MIN(end, mn_time_after(now, timeouts.piece_ns)));
        if (got <= 0)
            return got < 0 ? got : MNET_E_NO_ENTROPY;
        memcpy(buffer, rng->bytes, (size_t)got);
        buffer += got;
        len -= (size_t)got;
    }
    return MNET_OK;
}

int mn_virtio_rng_read(struct mn_virtio_transport *t, void *memory, void *buffer, size_t len,
                       struct mn_virtio_timeouts timeouts)
{
    struct rng *rng = memory;
    uint64_t offered;
    if (t->kind != MN_VIRTIO_ENTROPY)
        return MNET_E_NO_DEVICE;
    int result = mn_virtio_begin(t, &offered);
    if (result == MNET_OK)
        result = mn_virtio_agree(t, 0);
    if (result == MNET_OK)
        result = mn_virtqueue_open(&rng->queue, t, 0, rng->ring, 1, false);
    if (result == MNET_OK && !mn_virtio_ready(t))
        result = MNET_E_IO;
    if (result == MNET_OK)
        result = read_all(t, rng, buffer, len, timeouts);
    /* If it refuses, it has no buffer, or one of the memory that is its own as long as the
     * machine runs. */
    (void)mn_virtio_reset(t);
    memset(rng->bytes, 0, sizeof rng->bytes);
    return result;
}
