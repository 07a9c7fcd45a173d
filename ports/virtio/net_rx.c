/* The network driver: receiving.
 *
 * A receive buffer is a packet: the device writes the header into its headroom and the frame behind
 * it. A frame of more than MNET_PACKET_LINEAR bytes (large segments, large MTUs) is spread by the
 * device over several buffers (MRG_RXBUF), and they become one packet by being linked through
 * `more`: nothing is copied, and an ordinary frame pins 2 KiB. The buffers behind the first one
 * have no header, so their bytes begin in the headroom.
 *
 * The lengths and the number of buffers are the host's word. A frame whose own do not fit is
 * dropped and counted.
 */
#include <string.h>

#include <mnet/error.h>

#include "ports/common/little.h"
#include "ports/common/vnet.h"
#include "ports/virtio/net.h"

#define ETHERNET_BYTES 14u
/* The device has at least this many buffers, which suffice for the largest frame and a few more. It
 * has at most as many as fit the ring and this share of the memory. */
#define TARGET_MIN 64u
#define MEMORY_SHARE 8u
#define PACKET_BYTES 2048u
/* Refilled a part of the ring at a time. */
#define REFILL_PART 8u

static uint32_t capacity(const struct mn_net *net)
{
    return net->header_bytes + (uint32_t)MNET_PACKET_LINEAR;
}

/* ---- Buffers for the device ---- */

static bool add_buffer(struct mn_net *net)
{
    struct mnet_packet *packet = mnet_packet_alloc(net->device.memory);
    if (packet == NULL)
        return false;
    /* 5.1.6.3.1: at least 1526 bytes; 2.7.4: the framing is the driver's choice. */
    const struct mnet_slice piece = {packet->data - net->header_bytes, capacity(net)};
    mn_virtqueue_add(&net->rx, &piece, 1, true, packet);
    return true;
}

static void choose_target(struct mn_net *net)
{
    size_t share = mnet_memory_budget(net->device.memory) / MEMORY_SHARE / PACKET_BYTES;
    size_t target = MN_MAX(share, (size_t)TARGET_MIN);
    net->target = (unsigned)MN_MIN(target, (size_t)net->rx.size);
}

void mn_net_refill(struct mn_net *net, unsigned least)
{
    if (net->device.memory == NULL || net->broken)
        return;
    if (net->target == 0)
        choose_target(net);
    if (net->target - net->rx.outstanding < least)
        return;
    while (net->rx.outstanding < net->target && mn_virtqueue_room(&net->rx) > 0 && add_buffer(net)) {
    }
    mn_virtqueue_publish(&net->rx);
}

/* ---- Frames from it ---- */

/* Makes the `len` bytes that the device wrote, from the place of the header on, the packet's
 * bytes. */
static void take_bytes(const struct mn_net *net, struct mnet_packet *packet, uint32_t len)
{
    mnet_packet_push(packet, net->header_bytes);
    mnet_packet_trim(packet, MN_MIN(len, (uint32_t)net->header_bytes));
    if (len > net->header_bytes)
        mnet_packet_put(packet, len - net->header_bytes);
}

/* A packet's total counts all that follow it in the chain. */
static void count_bytes(struct mnet_packet *first)
{
    uint32_t left = 0;
    for (const struct mnet_packet *part = first; part != NULL; part = part->more)
        left += part->len;
    for (struct mnet_packet *part = first; part != NULL; part = part->more) {
        part->total = left;
        left -= part->len;
    }
}

/* Links the next `count` used buffers behind `first`. Takes them all from the queue, whatever they
 * are; false if they do not make up a frame. */
static bool take_rest(struct mn_net *net, struct mnet_packet *first, unsigned count)
{
    /* 5.1.6.4.1: all buffers of a frame are used together. */
    if (count > mn_virtqueue_used(&net->rx))
        return false;
    bool sound = true;
    uint32_t len = net->header_bytes + first->len;
    for (struct mnet_packet *last = first; count > 0; count--) {
        /* 5.1.6.4.1: but for the last buffer, each is used completely. */
        bool full = len == capacity(net);
        struct mnet_packet *packet = mn_virtqueue_take(&net->rx, &len);
        if (packet == NULL)
            return false;
        sound &= full && len > 0 && len <= capacity(net);
        if (sound) {
            take_bytes(net, packet, len);
            last->more = packet;
            last = packet;
        } else {
            mnet_packet_free(packet);
        }
    }
    count_bytes(first);
    return sound;
}

/* Makes the buffer and those behind it one frame with metadata. False if the device's header
 * does not fit them. */
static bool take_frame(struct mn_net *net, struct mnet_packet *packet, uint32_t len)
{
    struct mn_vnet_header header;
    uint16_t buffers = 1;
    if (len < net->header_bytes || len > capacity(net)) /* 2.7.8: no more than there was room for */
        return false;
    const uint8_t *at = packet->data - net->header_bytes;
    memcpy(&header, at, sizeof header);
    if (net->features & MN_NET_F_MRG_RXBUF) { /* 5.1.6.3.2: without it the number is always 1 */
        memcpy(&buffers, at + sizeof header, sizeof buffers);
        buffers = mn_little16(buffers);
    }
    mnet_packet_put(packet, len - net->header_bytes);
    if (buffers == 0 || (buffers > 1 && !take_rest(net, packet, buffers - 1u)))
        return false;
    if (packet->total < ETHERNET_BYTES || packet->total > MNET_FRAME_MAX)
        return false;
    return mn_vnet_to_packet(&header, net->rx_may, packet);
}

int mn_net_rx(struct mnet_device *device, struct mnet_packet **packets, int max)
{
    struct mn_net *net = mn_net_of(device);
    const struct mn_virtio_machine *machine = net->transport->machine;
    struct mnet_packet *packet;
    uint32_t len;
    int count = 0;
    mn_net_look(net);
    net->down_seen = device->link_down;
    mn_virtqueue_quiet(&net->rx);
    mn_net_reap(net);
    /* No buffer is given back before the end, so there is an end. */
    while (!net->broken && count < max && (packet = mn_virtqueue_take(&net->rx, &len)) != NULL) {
        if (take_frame(net, packet, len)) {
            packets[count++] = packet;
        } else {
            mnet_packet_free(packet);
            device->rx_dropped++;
        }
    }
    uint64_t now = count > 0 ? machine->now(machine->context) : 0; /* one reading for the batch */
    for (int i = 0; i < count; i++)
        packets[i]->received_ns = now;
    if (net->rx.broken)
        mn_net_break(net);
    mn_net_refill(net, MN_MAX(1u, net->target / REFILL_PART));
    return net->broken && count == 0 ? MNET_E_IO : count;
}
