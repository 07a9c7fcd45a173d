/* The packet device: frames by a packet socket.
 *
 * Receiving. The kernel writes frames into the slots of a ring that both sides share, in order, and
 * hands each slot over by its status. We copy the frame into a packet, and give the slot back. That
 * costs no system call, and a frame is there as soon as it has come. (A ring of TPACKET_V3 hands
 * over whole blocks, when they are full or after a millisecond at the earliest: a round trip would
 * take that long.) A frame that is larger than a slot is one that the kernel has merged, or not cut
 * yet. It waits in the socket. Its slot says so (TP_STATUS_COPY) and keeps its place in the order;
 * recvmsg moves it straight into the buffers of a packet.
 *
 * Sending. sendmmsg gathers the pieces of a batch of packets. The kernel copies them, so the
 * packets are free when the call returns.
 *
 * With XDP (xdp.h) frames to our address come another way, and so do all that are sent.
 *
 * In both directions a virtio_net_hdr goes before each frame, in the byte order of the machine.
 * Every number that comes from the kernel is checked before it becomes metadata.
 */
#include "ports/packet/packet_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_packet.h>

#include "base/base.h"
#include "ports/common/little.h"
#include "ports/common/vnet.h"
#include "ports/hosted/hosted.h"

/* The frames of one call, and their pieces: those of the largest chain, and of many small ones. */
#define TX_FRAMES 32
#define TX_PIECES 128

_Static_assert(TX_PIECES > MN_GATHER_PIECES, "any packet fits a call");

static struct packet_socket *socket_of(struct mnet_device *device)
{
    return MN_CONTAINER(device, struct packet_socket, interface.device);
}

/* From the byte order of the machine to that of virtio, and back. */
static void swap_order(struct mn_vnet_header *header)
{
    header->hdr_len = mn_little16(header->hdr_len);
    header->gso_size = mn_little16(header->gso_size);
    header->csum_start = mn_little16(header->csum_start);
    header->csum_offset = mn_little16(header->csum_offset);
}

/* ---- Received ---- */

static struct tpacket2_hdr *slot_of(const struct packet_socket *socket)
{
    uint8_t *slot = socket->ring + (size_t)socket->next * RING_SLOT_BYTES;
    return (struct tpacket2_hdr *)(void *)slot;
}

/* The kernel had no slot, or no room in the socket. Asking clears its count. */
static MN_RARE void count_lost(struct packet_socket *socket)
{
    struct tpacket_stats statistics = {0};
    socklen_t len = sizeof statistics;
    if (getsockopt(socket->interface.fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &len) == 0)
        socket->interface.device.rx_dropped += statistics.tp_drops;
}

/* The frame of a slot. NULL if it is cut short, which it is if it does not fit and the socket was
 * full, or if there is no memory. */
static struct mnet_packet *copy_frame(struct packet_socket *socket, const struct tpacket2_hdr *slot,
                                      struct mn_vnet_header *header)
{
    uint32_t offset = slot->tp_mac, len = slot->tp_snaplen;
    bool fits = offset >= sizeof *slot + sizeof *header && offset + len <= RING_SLOT_BYTES;
    if (!fits || len != slot->tp_len)
        return NULL;
    const uint8_t *frame = (const uint8_t *)slot + offset;
    struct mnet_packet *packet = mnet_packet_alloc(socket->interface.device.memory);
    memcpy(header, frame - sizeof *header, sizeof *header);
    if (packet == NULL || mnet_packet_append(packet, frame, len))
        return packet;
    mnet_packet_free(packet);
    return NULL;
}

/* Takes the oldest frame out of the socket, which has `len` bytes. Without memory for it, only its
 * header is read, and the rest is lost. */
static struct mnet_packet *receive_frame(struct packet_socket *socket, uint32_t len, struct mn_vnet_header *header)
{
    struct iovec pieces[1 + MN_ROOM_PIECES] = {{header, sizeof *header}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 1};
    bool room = len <= MNET_FRAME_MAX && mn_room_refill(&socket->room, socket->interface.device.memory);
    if (room)
        message.msg_iovlen += (size_t)mn_room_pieces(&socket->room, pieces + 1);
    ssize_t got;
    do { /* ENETDOWN is told once, before frames. */
        got = recvmsg(socket->interface.fd, &message, 0);
    } while (got < 0 && (errno == EINTR || errno == ENETDOWN));
    return room && got == (ssize_t)(sizeof *header + len) ? mn_room_take(&socket->room, len) : NULL;
}

/* NULL: the frame is dropped and counted. */
static struct mnet_packet *take_frame(struct packet_socket *socket, const struct tpacket2_hdr *slot, uint32_t status)
{
    struct mn_vnet_header header;
    if (MN_UNLIKELY(status & TP_STATUS_LOSING))
        count_lost(socket);
    bool large = (status & TP_STATUS_COPY) != 0;
    struct mnet_packet *packet = large ? receive_frame(socket, slot->tp_len, &header)
                                       : copy_frame(socket, slot, &header);
    if (packet != NULL) {
        swap_order(&header);
        if (mn_vnet_to_packet(&header, socket->interface.device.rx_offload, packet))
            return packet;
        mnet_packet_free(packet);
    }
    socket->interface.device.rx_dropped++;
    return NULL;
}

/* Up to `max` frames that wait. */
static int take_frames(struct packet_socket *socket, struct mnet_packet **packets, int max, uint64_t now)
{
    int count = 0;
    size_t bytes = 0;
    for (int tries = 0; tries < max && bytes < MN_ROOM_BATCH; tries++) {
        struct tpacket2_hdr *slot = slot_of(socket);
        uint32_t status = __atomic_load_n(&slot->tp_status, __ATOMIC_ACQUIRE);
        if (!(status & TP_STATUS_USER))
            break;
        struct mnet_packet *packet = take_frame(socket, slot, status);
        __atomic_store_n(&slot->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        socket->next = (socket->next + 1) % RING_SLOTS;
        if (packet != NULL) {
            packet->received_ns = now;
            bytes += packet->total;
            packets[count++] = packet;
        }
    }
    return count;
}

/* Attaches to an interface that has the name of the deleted one. */
static MN_RARE bool attach_again(struct packet_socket *socket)
{
    const char *what;
    int fd = mn_interface_is_back(&socket->interface) ? mn_packet_socket_attach(socket, &what) : -1;
    if (fd < 0)
        return false;
    mn_interface_attach(&socket->interface, fd);
    return true;
}

/* When there is no frame: the socket is ready, too, as long as it has an error to tell. It has one
 * when the interface goes down, which is the first step if it is deleted. */
static int look_around(struct packet_socket *socket, uint64_t now)
{
    struct mn_interface *interface = &socket->interface;
    int error = 0;
    socklen_t len = sizeof error;
    char name[IFNAMSIZ];
    if (!mn_interface_look(interface, now))
        return 0;
    (void)getsockopt(interface->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    bool down = error != 0 || interface->device.link_down;
    if (!down || if_indextoname((unsigned)interface->index, name) != NULL)
        return 0;
    mn_packet_socket_detach(socket);
    return attach_again(socket) ? 0 : MNET_E_IO; /* there may be another already */
}

static int read_frames(struct mnet_device *device, struct mnet_packet **packets, int max)
{
    struct packet_socket *socket = socket_of(device);
    if (MN_UNLIKELY(socket->interface.fd < 0) && !attach_again(socket))
        return MNET_E_IO;
    uint64_t now = mn_hosted_now(NULL); /* one reading for the batch */
    int count = socket->xdp != NULL ? mn_xdp_rx(socket->xdp, device, packets, max) : 0;
    for (int i = 0; i < count; i++)
        packets[i]->received_ns = now;
    count += take_frames(socket, packets + count, max - count, now);
    return count > 0 ? count : look_around(socket, now);
}

static int packet_rx(struct mnet_device *device, struct mnet_packet **packets, int max)
{
    return mn_queue_rx(socket_of(device)->interface.queue, device, read_frames, packets, max);
}

/* ---- Sent ---- */

struct tx_batch {
    struct mmsghdr messages[TX_FRAMES];
    struct mn_vnet_header headers[TX_FRAMES];
    struct iovec pieces[TX_PIECES];
    int piece_count;
};

/* False if the packet has more pieces than are left. */
static bool add_frame(struct tx_batch *batch, int index, const struct mnet_packet *packet)
{
    struct iovec *pieces = batch->pieces + batch->piece_count;
    struct mn_vnet_header *header = &batch->headers[index];
    int gathered = mn_gather(packet, pieces + 1, MN_MAX(0, TX_PIECES - batch->piece_count - 1));
    if (gathered == 0)
        return false;
    mn_vnet_from_packet(packet, header);
    swap_order(header);
    pieces[0] = (struct iovec){header, sizeof *header};
    batch->messages[index] = (struct mmsghdr){.msg_hdr = {.msg_iov = pieces, .msg_iovlen = (size_t)gathered + 1}};
    batch->piece_count += 1 + gathered;
    return true;
}

/* Hands some frames to the kernel. Returns how many it took (sent, or dropped and counted), 0 if it
 * has no room, or MNET_E_IO. */
static int send_frames(struct packet_socket *socket, struct mnet_packet **packets, int count)
{
    struct tx_batch batch;
    batch.piece_count = 0;
    int frames = 0, sent = -1;
    while (frames < count && frames < TX_FRAMES && add_frame(&batch, frames, packets[frames]))
        frames++;
    errno = EMSGSIZE;
    if (frames > 0) {
        do {
            sent = sendmmsg(socket->interface.fd, batch.messages, (unsigned)frames, MSG_DONTWAIT);
        } while (sent < 0 && errno == EINTR);
    }
    if (sent >= 0)
        return sent;
    if (errno == EAGAIN || errno == ENOBUFS)
        return 0;
    if (errno == ENXIO || errno == ENODEV)
        return MNET_E_IO; /* the interface is gone; rx is about to notice, too */

    /* ENETDOWN: it is down. */
    socket->interface.device.tx_dropped++;
    return 1;
}

static int packet_tx(struct mnet_device *device, struct mnet_packet **packets, int count)
{
    struct packet_socket *socket = socket_of(device);
    int taken = 0;
    if (MN_UNLIKELY(socket->interface.fd < 0))
        return MNET_E_IO;
    if (socket->xdp != NULL)
        return mn_xdp_tx(socket->xdp, device, packets, count);
    while (taken < count) {
        int result = send_frames(socket, packets + taken, count - taken);
        if (result < 0 && taken == 0)
            return result;
        if (result <= 0)
            break;
        for (int i = 0; i < result; i++)
            mnet_packet_free(packets[taken++]);
    }
    return taken;
}

static void packet_wait(struct mnet_device *device, uint64_t deadline)
{
    struct pollfd readable = {device->fd, POLLIN, 0};
    mn_hosted_wait(&readable, 1, deadline);
}

static void packet_close(struct mnet_device *device)
{
    struct packet_socket *socket = socket_of(device);
    mn_room_free(&socket->room);
    mn_packet_socket_free(socket);
}

const struct mnet_device_ops mn_packet_socket_ops = {packet_rx, packet_tx, packet_wait, packet_close};
