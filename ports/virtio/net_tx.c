/* The network driver: sending.
 *
 * A frame goes out as one chain of descriptors that point to the packet's own pieces; nothing is
 * copied. The header lies in the packet's headroom if the packet is nobody else's, or kept for its
 * text alone, so that an ordinary frame is one descriptor. More than two pieces go into a table of
 * their own (INDIRECT_DESC), one descriptor of the ring: that costs the device one more read, and
 * keeps large segments from filling the ring.
 *
 * Frames of one call are shown to the device together, with one notification at most. Packets that
 * it has sent are taken back when the driver is used next; no interrupt is asked for, unless
 * somebody waits (see mn_virtio_net_arm).
 */
#include <string.h>

#include <mnet/error.h>

#include "base/packet_copy.h"
#include "ports/common/vnet.h"
#include "ports/virtio/net.h"
#include "stack/offload.h"

/* From so many pieces on, a table is better. */
#define INDIRECT_FROM 3u

void mn_net_sent(struct mn_net *net, struct mn_net_sending *sending)
{
    net->lent -= sending->lent;
    mnet_packet_free(sending->packet);
    sending->packet = NULL;
    sending->lent = false;
}

void mn_net_reap(struct mn_net *net)
{
    struct mn_net_sending *sending;
    uint32_t len; /* of no meaning: nothing is written (2.7.8.1: and devices got it wrong) */
    mn_virtqueue_quiet(&net->tx);
    while ((sending = mn_virtqueue_take(&net->tx, &len)) != NULL)
        mn_net_sent(net, sending);
    if (net->tx.broken)
        mn_net_break(net);
}

static bool has_lent(const struct mnet_packet *packet)
{
    for (; packet != NULL; packet = packet->more) {
        for (int i = 0; i < packet->fragment_count; i++) {
            if (packet->fragments[i].buffer->release != NULL)
                return true;
        }
    }
    return false;
}

/* 5.1.6.2.1 */
static void write_header(const struct mn_net *net, const struct mnet_packet *packet, uint8_t *to)
{
    struct mn_vnet_header header;
    /* The stack asks for nothing that the device cannot do: see device.h. */
    MN_ASSERT((mn_offload_needed(packet) & ~net->tx_may) == 0);
    mn_vnet_from_packet(packet, &header);
    if (!(net->features & MN_NET_F_HOST_ECN))
        header.gso_type &= (uint8_t)~MN_VNET_GSO_ECN;
    memset(to, 0, net->header_bytes); /* num_buffers is 0 */
    memcpy(to, &header, sizeof header);
}

/* The header and the pieces of the packet, ready to be chained; returns how many. */
static unsigned gather(struct mn_net *net, struct mnet_packet *packet, struct mn_net_sending *sending,
                       struct mnet_slice pieces[MN_NET_PIECES])
{
    int count = mnet_packet_slices(packet, pieces + 1, MN_NET_PIECES - 1);
    bool before = packet->refs == 1u + packet->kept && packet->len > 0 &&
                  mnet_packet_headroom(packet) >= net->header_bytes;
    uint8_t *header = before ? packet->data - net->header_bytes : sending->header;
    write_header(net, packet, header);
    if (!before) {
        pieces[0] = (struct mnet_slice){header, net->header_bytes};
        return (unsigned)count + 1;
    }
    pieces[1] = (struct mnet_slice){header, net->header_bytes + pieces[1].len};
    memmove(pieces, pieces + 1, (size_t)count * sizeof pieces[0]);
    return (unsigned)count;
}

static bool fits_pieces(const struct mnet_packet *packet)
{
    struct mnet_slice pieces[MN_NET_PIECES];
    return packet->more == NULL || mnet_packet_slices(packet, pieces, MN_NET_PIECES) < (int)MN_NET_PIECES;
}

/* Adds a frame to the queue, which owns it then. False if there is no room. */
static bool add(struct mn_net *net, struct mnet_packet *packet)
{
    struct mn_virtqueue *queue = &net->tx;
    struct mnet_slice pieces[MN_NET_PIECES];
    if (mn_virtqueue_room(queue) == 0)
        return false;
    struct mn_net_sending *sending = &net->sending[mn_virtqueue_head(queue)];
    unsigned count = gather(net, packet, sending, pieces);
    bool indirect = count >= INDIRECT_FROM && net->features & MN_VIRTIO_F_INDIRECT_DESC;
    if (!indirect && count > mn_virtqueue_room(queue))
        return false;
    sending->packet = packet;
    sending->lent = has_lent(packet);
    net->lent += sending->lent;
    if (indirect)
        mn_virtqueue_add_indirect(queue, sending->table, pieces, count, sending);
    else
        mn_virtqueue_add(queue, pieces, count, false, sending);
    return true;
}

/* Takes one frame: 1, sent or dropped and counted; 0 if there is no room. */
static int send(struct mn_net *net, struct mnet_packet *packet)
{
    if (fits_pieces(packet))
        return add(net, packet);
    /* Rare: a datagram that was put together from many, and goes out again. */
    struct mnet_packet *copy = mn_packet_copy(packet, net->device.memory);
    if (copy != NULL && !add(net, copy)) {
        mnet_packet_free(copy);
        return 0;
    }
    net->device.tx_dropped += copy == NULL;
    mnet_packet_free(packet);
    return 1;
}

/* Without a link frames get lost, as on a cable that is unplugged. */
static int lose(struct mn_net *net, struct mnet_packet **packets, int count)
{
    for (int i = 0; i < count; i++)
        mnet_packet_free(packets[i]);
    net->device.tx_dropped += (unsigned)count;
    return count;
}

int mn_net_tx(struct mnet_device *device, struct mnet_packet **packets, int count)
{
    struct mn_net *net = mn_net_of(device);
    int taken = 0;
    mn_net_look(net);
    mn_net_reap(net);
    if (net->broken)
        return MNET_E_IO;
    if (!net->link_up)
        return lose(net, packets, count);
    while (taken < count && send(net, packets[taken]))
        taken++;
    net->stalled = taken < count;
    mn_virtqueue_publish(&net->tx);
    return taken;
}
