/* The TAP device: one frame per system call.
 *
 * Receiving. Every readv offers room for the largest frame (ports/hosted/room.h). Frames are read
 * until there is none, which costs a call that fails. If it has failed behind a single short frame
 * several times in turn, it is left out: a peer that waits for an answer sends one frame at a time,
 * and the wait tells if there is another. Now and then it is tried again.
 *
 * Sending. writev gathers the packet's pieces; the kernel copies them, so the packet is free when
 * the call returns. A single ordinary frame is copied and goes with the next wait, if it can
 * (ports/hosted/ring.h). So a request and its answer are two system calls.
 *
 * Somebody may delete the interface, and make it again. In between the device fails, as if its
 * cable were cut; the stack and its timers go on.
 *
 * The metadata of packets and the kernel's virtio_net_hdr say the same in different words;
 * ports/common/vnet.c translates. Every number that comes from the kernel is checked before it
 * becomes metadata.
 */
#include "ports/tap/tap_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "base/base.h"
#include "ports/common/vnet.h"
#include "ports/hosted/hosted.h"
#include "ports/hosted/ring.h"

/* So many single frames in turn make one expect that the next one is single, too. */
#define SINGLES 4
/* Of so many expectations one is verified. */
#define VERIFY_INTERVAL 64
/* Longer frames are part of a flow of them. */
#define SHORT_FRAME 512u
/* Header and room. */
#define RX_PIECES (1 + MN_ROOM_PIECES)
/* Header and the pieces of one packet. */
#define TX_PIECES (1 + MN_GATHER_PIECES)

static struct tap *tap_of(struct mnet_device *device)
{
    return MN_CONTAINER(device, struct tap, interface.device);
}

/* Attaches to an interface that has the name of the deleted one. */
static MN_RARE bool attach_again(struct tap *tap)
{
    const char *what;
    int fd = mn_interface_is_back(&tap->interface) ? mn_tap_attach(tap, &what) : -1;
    if (fd < 0)
        return false;
    mn_interface_attach(&tap->interface, fd);
    tap->settled_offload = 0;
    return true;
}

static bool says_gone(int error)
{
    return error == EBADFD || error == EBADF;
}

/* Tells the kernel which offloads it may use towards us, once the owner of the device has
 * decided. */
static void settle_offload(struct tap *tap)
{
    unsigned flags = 0;
    if (tap->interface.device.rx_offload & MNET_OFFLOAD_CHECKSUM) {
        flags |= TUN_F_CSUM;
        flags |= tap->interface.device.rx_offload & MNET_OFFLOAD_TSO4 ? TUN_F_TSO4 : 0;
        flags |= tap->interface.device.rx_offload & MNET_OFFLOAD_TSO6 ? TUN_F_TSO6 : 0;
    }
    tap->settled_offload = tap->interface.device.rx_offload;
    (void)ioctl(tap->interface.fd, TUNSETOFFLOAD, (unsigned long)flags);
}

/* Offers the packet and the buffers for one frame. Returns the result of readv. */
static ssize_t read_frame(struct tap *tap, struct mn_vnet_header *header)
{
    struct iovec pieces[RX_PIECES];
    int count = 0;
    if (tap->vnet)
        pieces[count++] = (struct iovec){header, sizeof *header};
    count += mn_room_pieces(&tap->room, pieces + count);
    ssize_t got;
    do {
        got = readv(tap->interface.fd, pieces, count);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* Memory is used up: takes a frame off the kernel's queue and forgets it. Returns as read does. */
static ssize_t discard_frame(struct tap *tap)
{
    uint8_t scratch[64];
    ssize_t got = read(tap->interface.fd, scratch, sizeof scratch);
    tap->interface.device.rx_dropped += got > 0;
    return got;
}

/* Returns whether to look no further after the first frame, of `len` bytes: see "Receiving". */
static bool is_single(struct tap *tap, size_t len)
{
    if (len > SHORT_FRAME || tap->singles < SINGLES)
        return false;
    return ++tap->expected % VERIFY_INTERVAL != 0;
}

/* `count` frames were there, and no more. */
static void note_count(struct tap *tap, int count)
{
    tap->singles = count > 1 ? 0 : tap->singles + (count == 1 && tap->singles < SINGLES);
}

static int read_frames(struct mnet_device *device, struct mnet_packet **packets, int max)
{
    struct tap *tap = tap_of(device);
    mn_ring_flush();
    if (MN_UNLIKELY(tap->interface.fd < 0) && !attach_again(tap))
        return MNET_E_IO;
    if (MN_UNLIKELY(tap->vnet && tap->settled_offload != device->rx_offload))
        settle_offload(tap);
    size_t header_len = tap->vnet ? sizeof(struct mn_vnet_header) : 0;
    uint64_t now = mn_hosted_now(NULL); /* one reading for the batch */
    int count = 0;
    size_t bytes = 0;
    for (int tries = 0; tries < max && bytes < MN_ROOM_BATCH; tries++) {
        struct mn_vnet_header header = {0};
        bool room = mn_room_refill(&tap->room, device->memory);
        ssize_t got = room ? read_frame(tap, &header) : discard_frame(tap);
        if (got < 0) {
            bool empty = errno == EAGAIN || errno == EINTR;
            if (empty && count == 0)
                (void)mn_interface_look(&tap->interface, now);
            note_count(tap, count);
            if (empty || count > 0)
                return count;
            if (says_gone(errno)) {
                mn_interface_detach(&tap->interface);
                return attach_again(tap) ? 0 : MNET_E_IO; /* there may be another already */
            }
            return MNET_E_IO;
        }
        if (!room)
            continue;
        if ((size_t)got <= header_len || (size_t)got - header_len > MNET_FRAME_MAX) {
            device->rx_dropped++;
            continue;
        }
        struct mnet_packet *packet = mn_room_take(&tap->room, (size_t)got - header_len);
        /* tx_offload: what may be agreed on; frames may still come from before rx_offload was
         * settled. */
        if (tap->vnet && !mn_vnet_to_packet(&header, device->tx_offload, packet)) {
            device->rx_dropped++;
            mnet_packet_free(packet);
            continue;
        }
        packet->received_ns = now;
        packets[count++] = packet;
        bytes += packet->total;
        if (count == 1 && is_single(tap, packet->total))
            return count;
    }
    note_count(tap, count);
    return count;
}

static int tap_rx(struct mnet_device *device, struct mnet_packet **packets, int max)
{
    return mn_queue_rx(tap_of(device)->interface.queue, device, read_frames, packets, max);
}

/* Hands one frame to the kernel. 1: taken (sent, or dropped and counted); 0: the queue is full;
 * MNET_E_IO. */
static int send_frame(struct tap *tap, struct mnet_packet *packet)
{
    struct mn_vnet_header header;
    struct iovec pieces[TX_PIECES];
    int count = 0;
    if (tap->vnet) {
        mn_vnet_from_packet(packet, &header);
        pieces[count++] = (struct iovec){&header, sizeof header};
    } else {
        MN_ASSERT(packet->checksum != MNET_CHECKSUM_PARTIAL && packet->gso == MNET_GSO_NONE);
    }
    int gathered = mn_gather(packet, pieces + count, TX_PIECES - count);
    ssize_t sent = 0;
    if (gathered > 0) {
        do {
            sent = writev(tap->interface.fd, pieces, count + gathered);
        } while (sent < 0 && errno == EINTR);
    }
    if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS))
        return 0;
    if (sent < 0 && says_gone(errno)) {
        return MNET_E_IO; /* rx is about to notice, too */
    }
    tap->interface.device.tx_dropped += sent <= 0; /* EIO: the interface is down */
    return 1;
}

/* Leaves the frame for the next wait. False: it must be sent now. */
static bool leave_frame(struct tap *tap, struct mnet_packet *packet)
{
    struct mn_vnet_header header;
    size_t header_len = tap->vnet ? sizeof header : 0;
    if (packet->total + header_len > MN_RING_FRAME_MAX)
        return false;
    uint8_t *place = mn_ring_leave(tap->interface.fd, header_len + packet->total, &tap->interface.device.tx_dropped);
    if (place == NULL)
        return false;
    if (tap->vnet) {
        mn_vnet_from_packet(packet, &header);
        memcpy(place, &header, sizeof header);
    }
    mnet_packet_copy_out(packet, 0, place + header_len, packet->total);
    mnet_packet_free(packet);
    return true;
}

static int tap_tx(struct mnet_device *device, struct mnet_packet **packets, int count)
{
    struct tap *tap = tap_of(device);
    int taken = 0;
    if (MN_UNLIKELY(tap->interface.fd < 0))
        return MNET_E_IO;
    mn_ring_flush();
    if (count == 1 && leave_frame(tap, packets[0]))
        return 1;
    while (taken < count) {
        int result = send_frame(tap, packets[taken]);
        if (result < 0 && taken == 0)
            return result;
        if (result <= 0)
            break;
        mnet_packet_free(packets[taken]);
        taken++;
    }
    return taken;
}

static void tap_wait(struct mnet_device *device, uint64_t deadline)
{
    mn_ring_flush();
    struct pollfd readable = {device->fd, POLLIN, 0};
    mn_hosted_wait(&readable, 1, deadline);
}

static void tap_close(struct mnet_device *device)
{
    struct tap *tap = tap_of(device);
    mn_ring_flush();
    mn_room_free(&tap->room);
    if (tap->vnet && tap->interface.fd >= 0 && device->queue == 0) {
        /* The interface may outlive us, and who comes next may know nothing of offloads. */
        (void)ioctl(tap->interface.fd, TUNSETOFFLOAD, 0ul);
    }
    mn_interface_close(&tap->interface);
    mn_tap_free(tap);
}

const struct mnet_device_ops mn_tap_ops = {tap_rx, tap_tx, tap_wait, tap_close};
