/* See room.h. */
#include "ports/hosted/room.h"

#include <string.h>

#include "base/base.h"

/* A used buffer with less room than this is not offered again. */
#define TAIL_MIN 1024u

bool mn_room_refill(struct mn_room *room, struct mnet_memory *memory)
{
    if (room->packet == NULL)
        room->packet = mnet_packet_alloc(memory);
    while (room->buffer_count < MN_ROOM_BUFFERS) {
        struct mnet_buffer *buffer = mnet_buffer_alloc(memory);
        if (buffer == NULL)
            break;
        room->buffers[room->buffer_count++] = buffer;
    }
    return room->packet != NULL && room->buffer_count == MN_ROOM_BUFFERS;
}

int mn_room_pieces(const struct mn_room *room, struct iovec *pieces)
{
    int count = 0;
    pieces[count++] = (struct iovec){room->packet->data, mnet_packet_tailroom(room->packet)};
    for (unsigned i = 0; i < room->buffer_count; i++) {
        uint32_t offset = i == 0 ? room->buffer_offset : 0;
        pieces[count++] = (struct iovec){room->buffers[i]->bytes + offset, room->buffers[i]->capacity - offset};
    }
    return count;
}

/* Gives the first `len` bytes of the offered buffers to the packet and drops the buffers that are
 * used up. */
static void attach_buffers(struct mn_room *room, struct mnet_packet *packet, size_t len)
{
    unsigned used_up = 0;
    for (unsigned i = 0; len > 0; i++) {
        MN_ASSERT(i < room->buffer_count);
        struct mnet_buffer *buffer = room->buffers[i];
        uint32_t offset = i == 0 ? room->buffer_offset : 0;
        uint32_t piece = (uint32_t)MN_MIN(len, (size_t)(buffer->capacity - offset));
        bool added = mnet_packet_add(packet, buffer, offset, piece);
        MN_ASSERT(added);
        len -= piece;
        room->buffer_offset = (offset + piece + 63u) & ~63u;
        if (room->buffer_offset + TAIL_MIN > buffer->capacity) {
            room->buffer_offset = 0;
            mnet_buffer_free(buffer);
            used_up++;
        }
    }
    room->buffer_count -= used_up;
    memmove(room->buffers, room->buffers + used_up, room->buffer_count * sizeof room->buffers[0]);
}

struct mnet_packet *mn_room_take(struct mn_room *room, size_t len)
{
    struct mnet_packet *packet = room->packet;
    room->packet = NULL;
    size_t linear = MN_MIN(len, mnet_packet_tailroom(packet));
    mnet_packet_put(packet, linear);
    attach_buffers(room, packet, len - linear);
    return packet;
}

void mn_room_free(struct mn_room *room)
{
    mnet_packet_free(room->packet);
    for (unsigned i = 0; i < room->buffer_count; i++)
        mnet_buffer_free(room->buffers[i]);
}

int mn_gather(const struct mnet_packet *packet, struct iovec *pieces, int max)
{
    struct mnet_slice slices[MN_GATHER_PIECES];
    int count = mnet_packet_slices(packet, slices, MN_MIN(max, MN_GATHER_PIECES));
    size_t total = 0;
    for (int i = 0; i < count; i++) {
        pieces[i] = (struct iovec){(void *)(uintptr_t)slices[i].data, slices[i].len};
        total += slices[i].len;
    }
    return total == packet->total ? count : 0;
}
