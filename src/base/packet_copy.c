#include "base/packet_copy.h"

#include <string.h>

#include "base/base.h"
#include "base/packet_metadata.h"

/* Piece 0 of a packet is its linear part, the others are its fragments. */
static struct mnet_slice piece_of(const struct mnet_packet *part, int piece)
{
    if (piece == 0)
        return (struct mnet_slice){part->data, part->len};
    const struct mnet_fragment *fragment = &part->fragments[piece - 1];
    return (struct mnet_slice){fragment->buffer->bytes + fragment->offset, fragment->len};
}

/* Copies to a place with room for everything. */
static MN_APART void copy_pieces(uint8_t *to, const struct mnet_packet *packet)
{
    for (const struct mnet_packet *part = packet; part != NULL; part = part->more) {
        for (int i = 0; i <= part->fragment_count; i++) {
            struct mnet_slice slice = piece_of(part, i);
            memcpy(to, slice.data, slice.len);
            to += slice.len;
        }
    }
}

static MN_APART bool copy_large(struct mnet_packet *copy, const struct mnet_packet *packet)
{
    for (const struct mnet_packet *part = packet; part != NULL; part = part->more) {
        for (int i = 0; i <= part->fragment_count; i++) {
            struct mnet_slice slice = piece_of(part, i);
            if (!mnet_packet_append(copy, slice.data, slice.len))
                return false;
        }
    }
    return true;
}

struct mnet_packet *mn_packet_copy(const struct mnet_packet *packet, struct mnet_memory *memory)
{
    struct mnet_packet *copy = mnet_packet_alloc(memory);
    if (copy == NULL)
        return NULL;
    if (packet->total <= mnet_packet_tailroom(copy)) {
        uint8_t *to = mnet_packet_put(copy, packet->total);
        if (packet->len == packet->total) /* all of it is linear */
            memcpy(to, packet->data, packet->len);
        else
            copy_pieces(to, packet);
    } else if (!copy_large(copy, packet)) {
        mnet_packet_free(copy);
        return NULL;
    }
    mn_packet_set_metadata(copy, mn_packet_metadata(packet));
    copy->received_ns = packet->received_ns;
    return copy;
}
