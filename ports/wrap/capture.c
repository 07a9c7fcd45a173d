/* Theory of operation. The file is a sequence of pcapng blocks (draft-ietf-opsawg-pcapng): a
 * section header, one interface description, and an enhanced packet block for each frame, in the
 * byte order of the machine. A block is its type and length, a body padded to a multiple of four,
 * and the length again; it is composed in pieces, so that frames are never copied. The first write
 * that fails ends the capture: a torn block would make the rest unreadable.
 */
#include <string.h>

#include <mnet/capture.h>

#include "base/base.h"
#include "base/checksum.h"
#include "base/packet_sum.h"

#define UDP_CHECKSUM_OFFSET 6

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    LINKTYPE_ETHERNET = 1,
    OPTION_END = 0,
    OPTION_IF_NAME = 2,
    OPTION_IF_TSRESOL = 9,
    OPTION_EPB_FLAGS = 2,
    FLAG_INBOUND = 1,
    FLAG_OUTBOUND = 2,
};

struct section_block {
    uint32_t type, len, magic;
    uint16_t major, minor;
    uint32_t section_len[2]; /* unknown: all ones */
    uint32_t len_again;
};
_Static_assert(sizeof(struct section_block) == 28, "a section header block without options");

struct interface_block {
    uint32_t type, len;
    uint16_t link_type, reserved;
    uint32_t snap_len; /* 0: no limit */
    uint16_t resolution_code, resolution_len;
    uint8_t resolution, resolution_padding[3];
    uint16_t name_code, name_len;
    char name[16];
    uint32_t end_of_options;
    uint32_t len_again;
};
_Static_assert(sizeof(struct interface_block) == 52, "an interface description block with time resolution and name");

struct packet_block {
    uint32_t type, len, interface, time_high, time_low, captured_len, original_len;
};
_Static_assert(sizeof(struct packet_block) == 28, "an enhanced packet block up to its data");

struct packet_trailer {
    uint16_t flags_code, flags_len;
    uint32_t flags;
    uint32_t end_of_options;
    uint32_t len_again;
};
_Static_assert(sizeof(struct packet_trailer) == 16, "the options of an enhanced packet block, and its end");

static void put(struct mnet_capture *capture, const void *bytes, size_t len)
{
    if (!capture->failed && len > 0 && !capture->options.write(capture->options.context, bytes, len))
        capture->failed = true;
}

static void put_head(struct mnet_capture *capture)
{
    struct section_block section = {
        .type = BLOCK_SECTION,
        .len = sizeof section,
        .magic = BYTE_ORDER_MAGIC,
        .major = 1,
        .section_len = {UINT32_MAX, UINT32_MAX},
        .len_again = sizeof section,
    };
    struct interface_block interface = {
        .type = BLOCK_INTERFACE,
        .len = sizeof interface,
        .link_type = LINKTYPE_ETHERNET,
        .resolution_code = OPTION_IF_TSRESOL,
        .resolution_len = 1,
        .resolution = 9, /* 10^-9 s */
        .name_code = OPTION_IF_NAME,
        .name_len = sizeof interface.name,
        .end_of_options = OPTION_END,
        .len_again = sizeof interface,
    };
    const char *name = capture->device.name != NULL ? capture->device.name : "mnet";
    size_t name_len = strlen(name);
    memcpy(interface.name, name, MN_MIN(name_len, sizeof interface.name - 1));
    put(capture, &section, sizeof section);
    put(capture, &interface, sizeof interface);
}

static void put_part(struct mnet_capture *capture, const struct mnet_packet *part)
{
    for (; part != NULL; part = part->more) {
        put(capture, part->data, part->len);
        for (int i = 0; i < part->fragment_count; i++) {
            const struct mnet_fragment *fragment = &part->fragments[i];
            put(capture, fragment->buffer->bytes + fragment->offset, fragment->len);
        }
    }
}

/* Writes the bytes of the frame; a partial checksum is completed in the file, not in the frame. */
static void put_frame(struct mnet_capture *capture, const struct mnet_packet *frame)
{
    uint32_t field = (uint32_t)frame->csum_start + frame->csum_offset;
    if (frame->checksum != MNET_CHECKSUM_PARTIAL || field + 2 > frame->len) {
        put_part(capture, frame);
        return;
    }
    uint16_t checksum = mn_checksum(mn_packet_sum(frame, frame->csum_start));
    if (checksum == 0 && frame->csum_offset == UDP_CHECKSUM_OFFSET)
        checksum = 0xffff; /* RFC 768: 0 says that there is none */
    struct mnet_packet rest = *frame;
    rest.data += field + 2;
    rest.len -= field + 2;
    put(capture, frame->data, field);
    put(capture, &checksum, sizeof checksum);
    put_part(capture, &rest);
}

static void record(struct mnet_capture *capture, const struct mnet_packet *frame, uint32_t flags)
{
    if (capture->failed)
        return;
    static const uint8_t zeros[4];
    uint32_t padding = -frame->total & 3;
    uint64_t now = capture->options.now(capture->options.context);
    uint32_t len = (uint32_t)(sizeof(struct packet_block) + sizeof(struct packet_trailer)) + frame->total + padding;
    struct packet_block head = {
        .type = BLOCK_PACKET,
        .len = len,
        .time_high = (uint32_t)(now >> 32),
        .time_low = (uint32_t)now,
        .captured_len = frame->total,
        .original_len = frame->total,
    };
    struct packet_trailer trailer = {
        .flags_code = OPTION_EPB_FLAGS,
        .flags_len = 4,
        .flags = flags,
        .end_of_options = OPTION_END,
        .len_again = len,
    };
    put(capture, &head, sizeof head);
    put_frame(capture, frame);
    put(capture, zeros, padding);
    put(capture, &trailer, sizeof trailer);
    if (!capture->failed)
        capture->frames++;
}

static struct mnet_capture *capture_of(struct mnet_device *device)
{
    return MN_CONTAINER(device, struct mnet_capture, device);
}

static int capture_rx(struct mnet_device *device, struct mnet_packet **packets, int max)
{
    struct mnet_capture *capture = capture_of(device);
    capture->inner->memory = device->memory;
    int count = capture->inner->ops->rx(capture->inner, packets, max);
    for (int i = 0; i < count; i++)
        record(capture, packets[i], FLAG_INBOUND);
    device->rx_dropped = capture->inner->rx_dropped;
    device->link_down = capture->inner->link_down;
    return count;
}

static int capture_tx(struct mnet_device *device, struct mnet_packet **packets, int count)
{
    /* The inner device owns a frame as soon as it takes it, and may free it: each is held until it
     * has been recorded. */
    struct mnet_capture *capture = capture_of(device);
    for (int i = 0; i < count; i++)
        mnet_packet_hold(packets[i]);
    int taken = capture->inner->ops->tx(capture->inner, packets, count);
    for (int i = 0; i < count; i++) {
        if (i < taken)
            record(capture, packets[i], FLAG_OUTBOUND);
        mnet_packet_free(packets[i]);
    }
    device->tx_dropped = capture->inner->tx_dropped;
    return taken;
}

static void capture_wait(struct mnet_device *device, uint64_t deadline)
{
    struct mnet_capture *capture = capture_of(device);
    capture->inner->ops->wait(capture->inner, deadline);
}

static void capture_close(struct mnet_device *device)
{
    struct mnet_capture *capture = capture_of(device);
    capture->inner->ops->close(capture->inner);
    if (capture->options.close != NULL)
        capture->options.close(capture->options.context);
}

static const struct mnet_device_ops capture_ops = {capture_rx, capture_tx, capture_wait, capture_close};

struct mnet_device *mnet_capture_init(struct mnet_capture *capture, struct mnet_device *inner,
                                      const struct mnet_capture_options *options)
{
    *capture = (struct mnet_capture){.device = *inner, .inner = inner, .options = *options};
    capture->device.ops = &capture_ops;
    put_head(capture);
    return &capture->device;
}
