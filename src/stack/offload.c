#include "stack/offload.h"

#include <string.h>

#include "base/checksum.h"
#include "base/packet_sum.h"
#include "wire/frame.h"
#include "wire/udp.h"

/* Piece 0 of a packet is its linear part, the others are its fragments. */
static struct mnet_slice piece_of(const struct mnet_packet *part, uint32_t piece)
{
    if (piece == 0)
        return (struct mnet_slice){part->data, part->len};
    const struct mnet_fragment *fragment = &part->fragments[piece - 1];
    return (struct mnet_slice){fragment->buffer->bytes + fragment->offset, fragment->len};
}

bool mn_offload_complete(struct mnet_packet *frame)
{
    if (frame->checksum != MNET_CHECKSUM_PARTIAL)
        return true;
    uint32_t field = (uint32_t)frame->csum_start + frame->csum_offset;
    if (MN_UNLIKELY(field + 2 > frame->len))
        return false;
    /* The field holds the pseudo-header sum, so that summing it with the rest adds it. */
    uint16_t checksum = mn_checksum(mn_packet_sum(frame, frame->csum_start));
    if (MN_UNLIKELY(checksum == 0) && frame->csum_offset == MN_UDP_CHECKSUM_AT)
        checksum = 0xffff; /* RFC 768: 0 says that there is none */
    memcpy(frame->data + field, &checksum, sizeof checksum);
    frame->checksum = MNET_CHECKSUM_PLAIN;
    return true;
}

/* Finds the headers that the kind of the frame's segments promises. */
static bool find_headers(const struct mnet_packet *frame, struct mn_frame *at)
{
    switch ((enum mnet_gso)frame->gso) {
    case MNET_GSO_TCPV4: return mn_frame_find_tcp4(frame, at);
    case MNET_GSO_TCPV6: return mn_frame_find_tcp6(frame, at);
    case MNET_GSO_NONE: break;
    }
    return false;
}

bool mn_segmenter_init(struct mn_segmenter *s, const struct mnet_packet *frame, struct mnet_memory *memory)
{
    struct mn_frame at;
    if (frame->gso_size == 0 || !find_headers(frame, &at))
        return false;
    uint32_t headers = MN_ETHERNET_HEADER + (uint32_t)at.network_len + at.transport_len;
    if (at.transport_len < MN_TCP_HEADER || frame->len < headers || frame->total <= headers)
        return false;
    *s = (struct mn_segmenter){
        .frame = frame,
        .memory = memory,
        .part = frame,
        .offset = headers,
        .left = frame->total - headers,
        .pseudo_sum = mn_frame_pseudo_sum(&at),
        .seq = mn_frame_sequence(&at),
        .identification = mn_frame_identification(&at),
        .ip_header_len = at.network_len,
        .tcp_header_len = at.transport_len,
        .ipv6 = at.ipv6,
        .first = true,
    };
    return true;
}

/* Adds the next `len` payload bytes to `segment`, by reference or as a copy, and advances behind
 * them. Returns false, with the position unchanged, if they do not fit in that way. */
static bool fill(struct mn_segmenter *s, struct mnet_packet *segment, uint32_t len, bool copy)
{
    const struct mnet_packet *part = s->part;
    uint32_t piece = s->piece, offset = s->offset;
    while (len > 0) {
        struct mnet_slice slice = piece_of(part, piece);
        uint32_t count = MN_MIN(len, (uint32_t)slice.len - offset);
        const uint8_t *bytes = (const uint8_t *)slice.data + offset;
        if (count > 0 && !copy && piece > 0) {
            const struct mnet_fragment *fragment = &part->fragments[piece - 1];
            if (!mnet_packet_add(segment, fragment->buffer, fragment->offset + offset, count))
                return false;
        } else if (count > 0) {
            /* Linear bytes belong to no buffer: behind a fragment they can only be copied. */
            if (segment->fragment_count > 0 && !copy)
                return false;
            if (!mnet_packet_append(segment, bytes, count))
                return false;
        }
        len -= count;
        offset += count;
        if (offset == slice.len) {
            offset = 0;
            if (++piece > part->fragment_count && part->more != NULL) {
                part = part->more;
                piece = 0;
            }
        }
    }
    s->part = part;
    s->piece = piece;
    s->offset = offset;
    return true;
}

/* Makes the copied headers those of a segment with `size` bytes of payload. */
static void patch_headers(struct mn_segmenter *s, struct mnet_packet *segment, uint32_t size)
{
    struct mn_frame at = mn_frame_at(segment, s->ipv6, s->ip_header_len, s->tcp_header_len);
    struct mn_frame_cut cut = {.sequence = s->seq, .payload = size, .identification = s->identification};
    if (s->left > size)
        cut.flags_off = MN_TCP_FIN | MN_TCP_PSH;
    if (!s->first)
        cut.flags_off |= MN_TCP_CWR; /* RFC 3168 6.1.2: the first packet after the reduction */
    mn_frame_cut(&at, &cut, s->pseudo_sum);
    segment->checksum = MNET_CHECKSUM_PARTIAL;
    segment->csum_start = (uint16_t)(MN_ETHERNET_HEADER + s->ip_header_len);
    segment->csum_offset = MN_TCP_CHECKSUM_AT;
}

struct mnet_packet *mn_segmenter_next(struct mn_segmenter *s)
{
    MN_ASSERT(s->left > 0);
    /* The receive reserve may be used: the rest may be full of the data that is to be sent. */
    struct mnet_packet *segment = mnet_packet_alloc(s->memory);
    if (segment == NULL)
        return NULL;
    uint32_t headers = MN_ETHERNET_HEADER + (uint32_t)s->ip_header_len + s->tcp_header_len;
    memcpy(mnet_packet_put(segment, headers), s->frame->data, headers);
    uint32_t size = MN_MIN(s->left, (uint32_t)s->frame->gso_size);
    if (!fill(s, segment, size, false)) {
        mnet_packet_trim(segment, headers);
        if (!fill(s, segment, size, true)) {
            mnet_packet_free(segment);
            return NULL;
        }
    }
    patch_headers(s, segment, size);
    s->left -= size;
    s->seq += size;
    s->identification++;
    s->first = false;
    return segment;
}
