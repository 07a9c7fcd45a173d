/* The TAP device: one frame per system call.
 *
 * Receiving. A frame may be 60 bytes or 64 KiB and its size is known only when it has been read. So
 * every readv offers the linear part of a packet (enough for an ordinary frame) and, behind it,
 * large buffers for the rest. Unused buffers stay for the next frame: the packet if
 * there was no frame, and the buffers down to the unused tail of the one that was begun, so that a
 * run of frames fills buffers without gaps.
 *
 * Sending. writev gathers the packet's pieces; the kernel copies them, so the packet is free when
 * the call returns.
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

/* Header, linear part, and the buffers. */
#define RX_PIECES (2 + TAP_BUFFERS)
/* Header and the pieces of one packet, which may be a chain of coalesced ones. */
#define TX_PIECES 64
/* How often an interface that is gone is looked for without a reason. */
#define LOOK_NS (200 * MNET_MILLISECOND)

static struct tap *tap_of(struct mnet_device *device)
{
    return MN_CONTAINER(device, struct tap, device);
}

/* The queue of a deleted interface is ready for ever: who waits for it would never sleep again. */
static MN_RARE void note_gone(struct tap *tap)
{
    mn_tap_link_detach(tap);
    tap->gone = true;
    tap->looked = 0;
}

/* Whether there is an interface of this name that has been set up. Before that, its maker may still
 * hold it, or change its kind. */
static bool is_up(const char *name)
{
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool up = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) != 0;
    if (fd >= 0)
        close(fd);
    return up;
}

/* Attaches to an interface that has the name of the deleted one. It is looked for when the kernel
 * tells of changes, and now and then in any case. */
static MN_RARE bool attach_again(struct tap *tap)
{
    const char *what;
    uint64_t now = mn_hosted_now(NULL);
    if (!mn_tap_link_changed(tap) && now - tap->looked < LOOK_NS)
        return false;
    tap->looked = now;
    int fd = is_up(tap->name) ? mn_tap_attach(tap, &what) : -1;
    if (fd < 0)
        return false;
    mn_tap_link_attach(tap, fd);
    tap->gone = false;
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
    if (tap->device.rx_offload & MNET_OFFLOAD_CHECKSUM) {
        flags |= TUN_F_CSUM;
        flags |= tap->device.rx_offload & MNET_OFFLOAD_TSO4 ? TUN_F_TSO4 : 0;
        flags |= tap->device.rx_offload & MNET_OFFLOAD_TSO6 ? TUN_F_TSO6 : 0;
    }
    tap->settled_offload = tap->device.rx_offload;
    (void)ioctl(tap->fd, TUNSETOFFLOAD, (unsigned long)flags);
}

/* Makes sure that the largest frame has a place. False if memory is used up. */
static bool refill(struct tap *tap)
{
    struct mnet_memory *memory = tap->device.memory;
    if (tap->packet == NULL)
        tap->packet = mnet_packet_alloc(memory);
    while (tap->buffer_count < TAP_BUFFERS) {
        struct mnet_buffer *buffer = mnet_buffer_alloc(memory);
        if (buffer == NULL)
            break;
        tap->buffers[tap->buffer_count++] = buffer;
    }
    return tap->packet != NULL && tap->buffer_count == TAP_BUFFERS;
}

/* Gives the first `len` bytes of the offered buffers to the packet and drops the buffers that are
 * used up. */
static void attach_buffers(struct tap *tap, struct mnet_packet *packet, size_t len)
{
    unsigned used_up = 0;
    for (unsigned i = 0; len > 0; i++) {
        MN_ASSERT(i < tap->buffer_count);
        struct mnet_buffer *buffer = tap->buffers[i];
        uint32_t offset = i == 0 ? tap->buffer_offset : 0;
        uint32_t piece = (uint32_t)MN_MIN(len, (size_t)(buffer->capacity - offset));
        bool added = mnet_packet_add(packet, buffer, offset, piece);
        MN_ASSERT(added);
        len -= piece;
        tap->buffer_offset = (offset + piece + 63u) & ~63u;
        if (tap->buffer_offset + TAP_BUFFER_TAIL_MIN > buffer->capacity) {
            tap->buffer_offset = 0;
            mnet_buffer_free(buffer);
            used_up++;
        }
    }
    tap->buffer_count -= used_up;
    memmove(tap->buffers, tap->buffers + used_up, tap->buffer_count * sizeof tap->buffers[0]);
}

/* Offers the packet and the buffers for one frame. Returns the result of readv. */
static ssize_t read_frame(struct tap *tap, struct mn_vnet_header *header)
{
    struct iovec pieces[RX_PIECES];
    int count = 0;
    if (tap->vnet)
        pieces[count++] = (struct iovec){header, sizeof *header};
    pieces[count++] = (struct iovec){tap->packet->data, mnet_packet_tailroom(tap->packet)};
    for (unsigned i = 0; i < tap->buffer_count; i++) {
        uint32_t offset = i == 0 ? tap->buffer_offset : 0;
        pieces[count++] = (struct iovec){tap->buffers[i]->bytes + offset, tap->buffers[i]->capacity - offset};
    }
    ssize_t got;
    do {
        got = readv(tap->fd, pieces, count);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* Memory is used up: takes a frame off the kernel's queue and forgets it. Returns as read does. */
static ssize_t discard_frame(struct tap *tap)
{
    uint8_t scratch[64];
    ssize_t got = read(tap->fd, scratch, sizeof scratch);
    tap->device.rx_dropped += got > 0;
    return got;
}

/* Makes the spare packet into one of `len` bytes that lie in it and the buffers. */
static struct mnet_packet *take_packet(struct tap *tap, size_t len)
{
    struct mnet_packet *packet = tap->packet;
    tap->packet = NULL;
    size_t linear = MN_MIN(len, mnet_packet_tailroom(packet));
    mnet_packet_put(packet, linear);
    attach_buffers(tap, packet, len - linear);
    return packet;
}

static int tap_rx(struct mnet_device *device, struct mnet_packet **packets, int max)
{
    struct tap *tap = tap_of(device);
    if (MN_UNLIKELY(tap->gone) && !attach_again(tap))
        return MNET_E_IO;
    if (MN_UNLIKELY(tap->vnet && tap->settled_offload != device->rx_offload))
        settle_offload(tap);
    size_t header_len = tap->vnet ? sizeof(struct mn_vnet_header) : 0;
    uint64_t now = mn_hosted_now(NULL); /* one reading for the batch */
    int count = 0;
    for (int tries = 0; tries < max; tries++) {
        struct mn_vnet_header header = {0};
        bool room = refill(tap);
        ssize_t got = room ? read_frame(tap, &header) : discard_frame(tap);
        if (got < 0) {
            bool empty = errno == EAGAIN || errno == EINTR;
            if (empty && count == 0)
                mn_tap_link_look(tap, now);
            if (empty || count > 0)
                return count;
            if (says_gone(errno)) {
                note_gone(tap);
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
        struct mnet_packet *packet = take_packet(tap, (size_t)got - header_len);
        /* tx_offload: what may be agreed on; frames may still come from before rx_offload was
         * settled. */
        if (tap->vnet && !mn_vnet_to_packet(&header, device->tx_offload, packet)) {
            device->rx_dropped++;
            mnet_packet_free(packet);
            continue;
        }
        packet->received_ns = now;
        packets[count++] = packet;
    }
    return count;
}

/* Hands one frame to the kernel. 1: taken (sent, or dropped and counted); 0: the queue is full;
 * MNET_E_IO. */
static int send_frame(struct tap *tap, struct mnet_packet *packet)
{
    struct mn_vnet_header header;
    struct iovec pieces[TX_PIECES];
    struct mnet_slice slices[TX_PIECES - 1];
    int count = 0;
    if (tap->vnet) {
        mn_vnet_from_packet(packet, &header);
        pieces[count++] = (struct iovec){&header, sizeof header};
    } else {
        MN_ASSERT(packet->checksum != MNET_CHECKSUM_PARTIAL && packet->gso == MNET_GSO_NONE);
    }
    int slice_count = mnet_packet_slices(packet, slices, TX_PIECES - 1);
    size_t total = 0;
    for (int i = 0; i < slice_count; i++) {
        pieces[count++] = (struct iovec){(void *)(uintptr_t)slices[i].data, slices[i].len};
        total += slices[i].len;
    }
    ssize_t sent = 0;
    if (total == packet->total) {
        do {
            sent = writev(tap->fd, pieces, count);
        } while (sent < 0 && errno == EINTR);
    }
    if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS))
        return 0;
    if (sent < 0 && says_gone(errno)) {
        return MNET_E_IO; /* rx is about to notice, too */
    }
    tap->device.tx_dropped += sent <= 0; /* EIO: the interface is down */
    return 1;
}

static int tap_tx(struct mnet_device *device, struct mnet_packet **packets, int count)
{
    struct tap *tap = tap_of(device);
    int taken = 0;
    if (MN_UNLIKELY(tap->gone))
        return MNET_E_IO;
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
    struct pollfd readable = {device->fd, POLLIN, 0};
    mn_hosted_wait(&readable, 1, deadline);
}

static void tap_close(struct mnet_device *device)
{
    struct tap *tap = tap_of(device);
    mnet_packet_free(tap->packet);
    for (unsigned i = 0; i < tap->buffer_count; i++)
        mnet_buffer_free(tap->buffers[i]);
    if (tap->vnet && !tap->gone) {
        /* The interface may outlive us, and who comes next may know nothing of offloads. */
        (void)ioctl(tap->fd, TUNSETOFFLOAD, 0ul);
    }
    mn_tap_link_close(tap);
    mn_tap_free(tap);
}

const struct mnet_device_ops mn_tap_ops = {tap_rx, tap_tx, tap_wait, tap_close};
