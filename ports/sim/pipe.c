/* Theory of operation. Each end has a ring of packets in its own stack's memory. Sending copies the
 * frame into the peer's memory, as a network card's DMA would, puts it on the peer's ring and frees
 * it. Nothing is waited for and nothing else is modelled, so a benchmark measures the stacks
 * alone.
 */
#include <stdlib.h>

#include <mnet/sim.h>

#include "base/base.h"
#include "base/packet_copy.h"

#define RING 256u

struct pipe_end {
    struct mnet_device device;
    struct pipe_end *peer; /* NULL when it has been closed */
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

static int pipe_tx(struct mnet_device *device, struct mnet_packet **packets, int count)
{
    struct pipe_end *end = end_of(device), *peer = end->peer;
    int taken = 0;
    while (taken < count) {
        if (peer != NULL && peer->device.memory != NULL) {
            if (peer->tail - peer->head == RING)
                break;
            struct mnet_packet *copy = mn_packet_copy(packets[taken], peer->device.memory);
            if (copy != NULL)
                peer->ring[peer->tail++ % RING] = copy;
            else
                peer->device.rx_dropped++;
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
    end->peer = peer;
    end->device = (struct mnet_device){
        .ops = &pipe_ops,
        .name = "pipe",
        .mac = {0x02, 0, 0, 0, 1, number},
        .mtu = options->mtu != 0 ? options->mtu : 1500,
        .tx_offload = options->offload,
        .rx_offload = options->offload,
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
