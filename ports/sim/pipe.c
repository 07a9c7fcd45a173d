/* Theory of operation. Each end has a ring of packets in its own stack's memory. Sending copies the
 * frame into the peer's memory, as a network card's DMA would, puts it on the peer's ring and frees
 * it. A large frame that may not pass whole is cut in the copy, and checksums are completed in it;
 * what the copy sums on the way is handed up with each frame. Nothing is waited for and nothing
 * else is modelled, so a benchmark measures the stacks alone.
 */
#include <stdlib.h>

#include <mnet/sim.h>

#include "base/base.h"
#include "base/packet_copy.h"
#include "stack/offload.h"

#define QUEUE 256u    /* while so many frames wait, no others are taken */
#define RING 2048u    /* the last one taken may be cut: of 64 KiB there are 1024 of the least MSS */
#define ALIGNMENT 16u /* of the payload, for mn_sum_copy */
#define ALL_OFFLOADS (MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6)

struct pipe_end {
    struct mnet_device device;
    struct pipe_end *peer; /* NULL when it has been closed */
    uint32_t whole;        /* enum mnet_offload: frames that ask for these pass as they are */
    uint32_t head, tail;   /* first and one past the last, modulo 2^32 */
    struct mnet_packet *ring[RING];
};

static struct pipe_end *end_of(struct mnet_device *device)
{
    return MN_CONTAINER(device, struct pipe_end, device);
}

static int pipe_rx(struct mnet_device *device, struct mnet_packet **packets, int max)
{
    struct pipe_end *end = end_of(device);
    int count = 0;
    while (count < max && end->head != end->tail)
        packets[count++] = end->ring[end->head++ % RING];
    return count;
}

static void put(struct pipe_end *to, struct mnet_packet *copy)
{
    if (copy == NULL || to->tail - to->head == RING) {
        mnet_packet_free(copy);
        to->device.rx_dropped++;
        return;
    }
    to->ring[to->tail++ % RING] = copy;
}

/* Copies the next frame, of `len` bytes, into a packet of the receiver's, in which the payload is
 * aligned. NULL if there is no memory. */
static struct mnet_packet *copy_frame(struct mnet_frames *frames, size_t len, struct mnet_memory *memory)
{
    size_t shift = -mnet_frames_headers(frames) % ALIGNMENT;
    struct mnet_packet *copy = mnet_packet_alloc(memory);
    if (copy == NULL)
        return NULL;
    uint8_t *to = mnet_packet_put(copy, shift + len) + shift;
    mnet_packet_pull(copy, shift);
    struct mnet_frame_sum sum = mnet_frames_copy(frames, to);
    copy->checksum = MNET_CHECKSUM_SUMMED;
    copy->csum_start = sum.start;
    copy->csum_value = sum.value;
    return copy;
}

/* Returns whether the linear part of a packet holds every frame that has the payload aligned. */
static bool is_short(size_t frame_len)
{
    return frame_len + ALIGNMENT <= MNET_PACKET_LINEAR;
}

/* Returns whether the packet passes as it is: its metadata may, or its frame is too long to be
 * copied in one piece. */
static bool passes_whole(const struct pipe_end *from, const struct mnet_packet *packet)
{
    uint32_t needed = mn_offload_needed(packet);
    return needed == 0 ? !is_short(packet->total) : (needed & ~from->whole) == 0;
}

static void send(const struct pipe_end *from, struct pipe_end *to, const struct mnet_packet *packet)
{
    struct mnet_frames frames;
    if (passes_whole(from, packet)) {
        put(to, mn_packet_copy(packet, to->device.memory));
        return;
    }
    bool possible = mnet_frames_begin(&frames, packet);
    MN_ASSERT(possible); /* the stack made it */
    for (size_t len; (len = mnet_frames_length(&frames)) > 0;)
        put(to, copy_frame(&frames, len, to->device.memory));
}

static int pipe_tx(struct mnet_device *device, struct mnet_packet **packets, int count)
{
    struct pipe_end *end = end_of(device), *peer = end->peer;
    int taken = 0;
    while (taken < count) {
        if (peer != NULL && peer->device.memory != NULL) {
            if (peer->tail - peer->head >= QUEUE)
                break;
            send(end, peer, packets[taken]);
        }
        mnet_packet_free(packets[taken++]);
    }
    return taken;
}

static void pipe_wait(struct mnet_device *device, uint64_t deadline)
{
    (void)device;
    (void)deadline; /* "earlier for no reason" */
}

static void pipe_close(struct mnet_device *device)
{
    struct pipe_end *end = end_of(device);
    while (end->head != end->tail)
        mnet_packet_free(end->ring[end->head++ % RING]);
    if (end->peer != NULL)
        end->peer->peer = NULL;
    free(end);
}

static const struct mnet_device_ops pipe_ops = {pipe_rx, pipe_tx, pipe_wait, pipe_close};

static void init_end(struct pipe_end *end, struct pipe_end *peer, uint8_t number,
                     const struct mnet_sim_pipe_options *options)
{
    uint16_t mtu = options->mtu != 0 ? options->mtu : 1500;
    end->peer = peer;
    end->whole = options->offload;
    end->device = (struct mnet_device){
        .ops = &pipe_ops,
        .name = "pipe",
        .mac = {0x02, 0, 0, 0, 1, number},
        .mtu = mtu,
        .tx_offload = is_short(mtu + 14u) ? ALL_OFFLOADS : options->offload,
        .rx_offload = options->offload | MNET_OFFLOAD_SUM,
        .fd = -1,
    };
}

bool mnet_sim_pipe(struct mnet_device *ends[2], const struct mnet_sim_pipe_options *options)
{
    static const struct mnet_sim_pipe_options defaults;
    struct pipe_end *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
    if (a == NULL || b == NULL) {
        free(a);
        free(b);
        return false;
    }
    init_end(a, b, 1, options != NULL ? options : &defaults);
    init_end(b, a, 2, options != NULL ? options : &defaults);
    ends[0] = &a->device;
    ends[1] = &b->device;
    return true;
}
