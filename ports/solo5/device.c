/* Solo5's network device (NET_BASIC): one frame for each call, in one piece, without offloads.
 *
 * Frames of an ordinary MTU are read straight into the linear part of a packet. Packets to be sent
 * have their headers and their data in different places, and are put together in the bounce buffer.
 * As they are copied anyway, the work of offloads is done in that copy: large ones are cut and
 * checksums completed (mnet_frames_begin). Received frames that are larger than a linear part go
 * through the bounce buffer, too.
 */
#include <solo5.h>

#include <string.h>

#include "base/base.h"
#include "base/format.h"
#include "ports/solo5/solo5_port.h"

#define MTU_LEAST 576
#define TAG_BYTES 4 /* a frame that says a priority (IEEE 802.1Q) is longer by that */

static struct mn_solo5_device *solo5_of(struct mnet_device *device)
{
    return MN_CONTAINER(device, struct mn_solo5_device, device);
}

static bool fits_linear(const struct mn_solo5_device *solo5)
{
    return solo5->read_max <= MNET_PACKET_LINEAR;
}

/* Takes one frame into the spare packet, or into `bounce` if it has no place there. Its length;
 * 0: there is none; MNET_E_IO. */
static int read_frame(struct mn_solo5_device *solo5)
{
    bool direct = solo5->packet != NULL && fits_linear(solo5);
    size_t len = 0;
    solo5_result_t result = solo5_net_read(solo5->handle, direct ? solo5->packet->data : solo5->bounce, solo5->read_max,
                                           &len);
    if (result != SOLO5_R_OK)
        return result == SOLO5_R_AGAIN ? 0 : MNET_E_IO;
    return (int)MN_MIN(len, solo5->read_max);
}

/* The spare packet with the `len` bytes just read; NULL, and the frame is lost, if memory is
 * short. */
static struct mnet_packet *take_packet(struct mn_solo5_device *solo5, size_t len)
{
    struct mnet_packet *packet = solo5->packet;
    if (packet == NULL)
        return NULL;
    if (fits_linear(solo5))
        mnet_packet_put(packet, len);
    else if (!mnet_packet_append(packet, solo5->bounce, len))
        return NULL;
    solo5->packet = NULL;
    return packet;
}

static int solo5_rx(struct mnet_device *device, struct mnet_packet **packets, int max)
{
    struct mn_solo5_device *solo5 = solo5_of(device);
    uint64_t now = 0;
    int count = 0;
    for (int tries = 0; tries < max; tries++) {
        if (solo5->packet == NULL)
            solo5->packet = mnet_packet_alloc(device->memory);
        int len = read_frame(solo5);
        if (len <= 0)
            return len < 0 && count == 0 ? MNET_E_IO : count;
        struct mnet_packet *packet = take_packet(solo5, (size_t)len);
        if (packet == NULL) {
            device->rx_dropped++;
            continue;
        }
        if (now == 0)
            now = solo5_clock_monotonic(); /* one reading for the batch */
        packet->received_ns = now;
        packets[count++] = packet;
    }
    return count;
}

/* A frame that the host does not take is lost: Solo5 does not say whether it would take it
 * later. */
static void write_frame(struct mn_solo5_device *solo5, const uint8_t *frame, size_t len)
{
    solo5->device.tx_dropped += solo5_net_write(solo5->handle, frame, len) != SOLO5_R_OK;
}

/* Writes the frames that a packet stands for. */
static void write_copies(struct mn_solo5_device *solo5, const struct mnet_packet *packet)
{
    struct mnet_frames frames;
    bool possible = mnet_frames_begin(&frames, packet);
    MN_ASSERT(possible); /* the stack made it */
    for (size_t len; (len = mnet_frames_length(&frames)) > 0;) {
        MN_ASSERT(len <= solo5->frame_max);
        (void)mnet_frames_copy(&frames, solo5->bounce);
        write_frame(solo5, solo5->bounce, len);
    }
}

static int solo5_tx(struct mnet_device *device, struct mnet_packet **packets, int count)
{
    struct mn_solo5_device *solo5 = solo5_of(device);
    for (int i = 0; i < count; i++) {
        struct mnet_packet *packet = packets[i];
        if (packet->len == packet->total && packet->checksum != MNET_CHECKSUM_PARTIAL)
            write_frame(solo5, packet->data, packet->total); /* in one piece already */
        else
            write_copies(solo5, packet);
        mnet_packet_free(packet);
    }
    return count;
}

static void solo5_wait(struct mnet_device *device, uint64_t deadline)
{
    (void)device;
    solo5_yield(deadline, NULL);
}

static void solo5_close(struct mnet_device *device)
{
    struct mn_solo5_device *solo5 = solo5_of(device);
    mnet_packet_free(solo5->packet);
    solo5->packet = NULL;
    solo5->open = false;
}

static const struct mnet_device_ops solo5_ops = {solo5_rx, solo5_tx, solo5_wait, solo5_close};

/* The place of the device of this name, else a free one, else NULL. */
static struct mn_solo5_device *find_place(struct mn_solo5 *solo5, const char *name)
{
    struct mn_solo5_device *place = NULL;
    for (int i = MN_SOLO5_DEVICES - 1; i >= 0; i--) {
        struct mn_solo5_device *candidate = &solo5->devices[i];
        if (strcmp(candidate->name, name) == 0)
            return candidate;
        if (candidate->name[0] == '\0')
            place = candidate;
    }
    return place;
}

/* Acquires the device for good. NULL, or why not. */
static const char *acquire(struct mn_solo5_device *place, struct mn_heap *heap, const char *name)
{
    struct solo5_net_info info;
    solo5_handle_t handle;
    if (solo5_net_acquire(name, &handle, &info) != SOLO5_R_OK)
        return "the manifest has no network device of this name";
    if (info.mtu < MTU_LEAST || info.mtu > UINT16_MAX)
        return "its MTU is not between 576 and 65535 bytes";
    place->frame_max = info.mtu + SOLO5_NET_HLEN;
    place->read_max = place->frame_max + TAG_BYTES;
    place->bounce = mn_heap_take(heap, place->read_max, 64);
    if (place->bounce == NULL)
        return "no memory for a frame";
    memcpy(place->name, name, strlen(name) + 1);
    place->handle = handle;
    place->device = (struct mnet_device){.ops = &solo5_ops,
                                         .name = place->name,
                                         .mtu = (uint16_t)info.mtu,
                                         .tx_offload = MNET_OFFLOAD_CHECKSUM | MNET_OFFLOAD_TSO4 | MNET_OFFLOAD_TSO6,
                                         .fd = -1};
    memcpy(place->device.mac, info.mac_address, sizeof place->device.mac);
    return NULL;
}

struct mnet_device *mn_solo5_open(struct mn_solo5 *solo5, const char *name, char *why, size_t why_size)
{
    struct mn_solo5_device *place = find_place(solo5, name);
    const char *error = NULL;
    if (place == NULL || name[0] == '\0' || strlen(name) >= sizeof place->name)
        error = "no such device";
    else if (place->open)
        error = "it is in use";
    else if (place->name[0] == '\0')
        error = acquire(place, &solo5->heap, name);
    if (error != NULL) {
        mn_format(why, why_size, "device \"%s\": %s", name, error);
        return NULL;
    }
    place->open = true;
    return &place->device;
}

void mn_solo5_discard(struct mn_solo5 *solo5, uint64_t ready)
{
    for (int i = 0; i < MN_SOLO5_DEVICES; i++) {
        struct mn_solo5_device *device = &solo5->devices[i];
        bool abandoned = device->name[0] != '\0' && !device->open;
        while (abandoned && (ready >> device->handle & 1) != 0 && read_frame(device) > 0) {
        }
    }
}
