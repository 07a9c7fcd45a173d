#include "ports/wrap/copy.h"

#include <string.h>

static bool append_part(struct mnet_packet *copy, const struct mnet_packet *part)
{
    if (!mnet_packet_append(copy, part->data, part->len))
        return false;
    for (int i = 0; i < part->fragment_count; i++) {
        const struct mnet_fragment *fragment = &part->fragments[i];
        if (!mnet_packet_append(copy, fragment->buffer->bytes + fragment->offset, fragment->len))
            return false;
    }
    return true;
}

struct mnet_packet *mn_packet_copy(const struct mnet_packet *packet, struct mnet_memory *memory)
{
    struct mnet_packet *copy = mnet_packet_alloc(memory);
    if (copy == NULL)
        return NULL;
    if (packet->total <= mnet_packet_tailroom(copy)) {
        mnet_packet_copy_out(packet, 0, mnet_packet_put(copy, packet->total), packet->total);
    } else {
        for (const struct mnet_packet *part = packet; part != NULL; part = part->more) {
            if (!append_part(copy, part)) {
                mnet_packet_free(copy);
                return NULL;
            }
        }
    }
    copy->checksum = packet->checksum;
    copy->gso = packet->gso;
    copy->gso_size = packet->gso_size;
    copy->csum_start = packet->csum_start;
    copy->csum_offset = packet->csum_offset;
    copy->segments = packet->segments;
    copy->received_ns = packet->received_ns;
    return copy;
}
