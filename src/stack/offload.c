#include "stack/offload.h"

#include <string.h>

#include "base/checksum.h"
#include "base/packet_sum.h"
#include "wire/frame.h"
#include "wire/udp.h"

/* Piece 0 of a packet is its linear part, the others are its fragments. */
static struct mnet_slice piece_of(const struct mnet_packet *part, uint32_t piece)
{
    MN_DEBUG_ASSERT(piece <= part->fragment_count);
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
    if (field + 2 > frame->len)
        return false;
    /* The field holds the pseudo-header sum, so that summing it with the rest adds it. */
    uint16_t checksum = mn_checksum(mn_packet_sum(frame, frame->csum_start));
    if (checksum == 0 && frame->csum_offset == MN_UDP_CHECKSUM_AT)
        checksum = 0xffff; /* RFC 768: 0 says that there is none */
    memcpy(frame->data + field, &checksum, sizeof checksum);
    frame->checksum = MNET_CHECKSUM_PLAIN;
    return true;
}

/* ---- cutting ---- */

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

static uint32_t headers_of(const struct mnet_frames *frames)
{
    MN_DEBUG_ASSERT(frames->gso_size > 0);
    return MN_ETHERNET_HEADER + (uint32_t)frames->ip_header_len + frames->tcp_header_len;
}

/* Prepares to cut a large frame. False if it cannot be cut. */
static bool begin_cut(struct mnet_frames *frames, const struct mnet_packet *frame)
{
    struct mn_frame at;
    if (frame->gso_size == 0 || !find_headers(frame, &at))
        return false;
    uint32_t headers = MN_ETHERNET_HEADER + (uint32_t)at.network_len + at.transport_len;
    if (at.transport_len < MN_TCP_HEADER || frame->len < headers || frame->total <= headers)
        return false;
    struct mn_frame_sums sums = mn_frame_shared_sums(&at);
    *frames = (struct mnet_frames){
        .packet = frame,
        .part = frame,
        .offset = headers,
        .left = frame->total - headers,
        .network_sum = sums.network,
        .pseudo_sum = sums.pseudo,
        .transport_sum = sums.transport,
        .seq = mn_frame_sequence(&at),
        .identification = mn_frame_identification(&at),
        .ip_header_len = at.network_len,
        .tcp_header_len = at.transport_len,
        .gso_size = frame->gso_size,
        .ipv6 = at.ipv6,
        .first = true,
    };
    return true;
}

/* Moves `count` bytes on, within the present piece of `size` bytes. */
static void move_on(struct mnet_frames *at, uint32_t count, uint32_t size)
{
    MN_DEBUG_ASSERT(at->offset + count <= size);
    at->offset += count;
    if (at->offset < size)
        return;
    at->offset = 0;
    if (++at->piece > at->part->fragment_count && at->part->more != NULL) {
        at->part = at->part->more;
        at->piece = 0;
    }
}

static uint32_t next_size(const struct mnet_frames *frames)
{
    return MN_MIN(frames->left, (uint32_t)frames->gso_size);
}

#define USUAL_HEADERS (MN_ETHERNET_HEADER + MN_IPV4_HEADER + MN_TCP_HEADER_USUAL)

/* Copies the headers of the large frame to `to`. */
static struct mn_frame copy_headers(const struct mnet_frames *frames, uint8_t *to)
{
    uint32_t len = headers_of(frames);
    if (MN_LIKELY(len == USUAL_HEADERS)) /* then the compiler copies words */
        memcpy(to, frames->packet->data, USUAL_HEADERS);
    else
        memcpy(to, frames->packet->data, len);
    return mn_frame_at(to, frames->ipv6, frames->ip_header_len, frames->tcp_header_len);
}

/* Returns what the next segment, with `size` bytes of payload, does not share with the others. */
static struct mn_frame_cut next_cut(const struct mnet_frames *frames, uint32_t size)
{
    MN_DEBUG_ASSERT(size > 0 && size <= frames->left);
    struct mn_frame_cut cut = {.sequence = frames->seq, .payload = size, .identification = frames->identification};
    if (frames->left > size)
        cut.flags_off = MN_TCP_FIN | MN_TCP_PSH;
    if (!frames->first)
        cut.flags_off |= MN_TCP_CWR; /* RFC 3168 6.1.2: the first packet after the reduction */
    return cut;
}

static struct mn_frame_sums sums_of(const struct mnet_frames *frames)
{
    return (struct mn_frame_sums){frames->network_sum, frames->pseudo_sum, frames->transport_sum};
}

/* The next segment, with `size` bytes of payload, has been made. */
static void count_segment(struct mnet_frames *frames, uint32_t size)
{
    MN_DEBUG_ASSERT(size > 0 && size <= frames->left);
    frames->left -= size;
    frames->seq += size;
    frames->identification++;
    frames->first = false;
}

/* ---- cutting by reference ---- */

bool mn_segmenter_init(struct mn_segmenter *s, const struct mnet_packet *frame, struct mnet_memory *memory)
{
    s->memory = memory;
    return begin_cut(&s->frames, frame);
}

/* Adds the next `len` payload bytes to `segment`, by reference or as a copy, and advances behind
 * them. Returns false, with the position unchanged, if they do not fit in that way. */
static bool fill(struct mnet_frames *frames, struct mnet_packet *segment, uint32_t len, bool copy)
{
    MN_DEBUG_ASSERT(len <= frames->left);
    struct mnet_frames at = *frames;
    while (len > 0) {
        struct mnet_slice slice = piece_of(at.part, at.piece);
        uint32_t count = MN_MIN(len, (uint32_t)slice.len - at.offset);
        const uint8_t *bytes = (const uint8_t *)slice.data + at.offset;
        if (count > 0 && !copy && at.piece > 0) {
            const struct mnet_fragment *fragment = &at.part->fragments[at.piece - 1];
            if (!mnet_packet_add(segment, fragment->buffer, fragment->offset + at.offset, count))
                return false;
        } else if (count > 0) {
            /* Linear bytes belong to no buffer: behind a fragment they can only be copied. */
            if (segment->fragment_count > 0 && !copy)
                return false;
            if (!mnet_packet_append(segment, bytes, count))
                return false;
        }
        len -= count;
        move_on(&at, count, (uint32_t)slice.len);
    }
    *frames = at;
    return true;
}

struct mnet_packet *mn_segmenter_next(struct mn_segmenter *s)
{
    struct mnet_frames *frames = &s->frames;
    MN_ASSERT(frames->left > 0);
    /* The receive reserve may be used: the rest may be full of the data that is to be sent. */
    struct mnet_packet *segment = mnet_packet_alloc(s->memory);
    if (segment == NULL)
        return NULL;
    uint32_t headers = headers_of(frames), size = next_size(frames);
    struct mn_frame at = copy_headers(frames, mnet_packet_put(segment, headers));
    struct mn_frame_cut next = next_cut(frames, size);
    struct mn_frame_sums sums = sums_of(frames);
    mn_frame_cut(&at, &next, &sums);
    if (!fill(frames, segment, size, false)) {
        mnet_packet_trim(segment, headers);
        if (!fill(frames, segment, size, true)) {
            mnet_packet_free(segment);
            return NULL;
        }
    }
    segment->checksum = MNET_CHECKSUM_PARTIAL;
    segment->csum_start = (uint16_t)(MN_ETHERNET_HEADER + frames->ip_header_len);
    segment->csum_offset = MN_TCP_CHECKSUM_AT;
    count_segment(frames, size);
    return segment;
}

/* ---- copying ---- */

bool mnet_frames_begin(struct mnet_frames *frames, const struct mnet_packet *packet)
{
    if (mn_offload_is_large(packet))
        return begin_cut(frames, packet);
    *frames = (struct mnet_frames){.packet = packet, .part = packet, .left = packet->total};
    uint32_t field = (uint32_t)packet->csum_start + packet->csum_offset;
    return packet->checksum != MNET_CHECKSUM_PARTIAL || field + 2 <= packet->len;
}

size_t mnet_frames_length(const struct mnet_frames *frames)
{
    if (frames->gso_size == 0 || frames->left == 0)
        return frames->left;
    return headers_of(frames) + next_size(frames);
}

size_t mnet_frames_headers(const struct mnet_frames *frames)
{
    if (frames->gso_size > 0)
        return headers_of(frames);
    return frames->packet->len < frames->packet->total ? frames->packet->len : 0;
}

/* Copies the next `len` bytes, which lie in several pieces, and returns their sum. */
static MN_APART uint64_t copy_pieces(struct mnet_frames *frames, uint8_t *to, uint32_t len)
{
    uint64_t sum = 0;
    for (bool odd = false; len > 0;) {
        struct mnet_slice slice = piece_of(frames->part, frames->piece);
        uint32_t count = MN_MIN(len, (uint32_t)slice.len - frames->offset);
        uint64_t piece = mn_sum_copy(0, to, (const uint8_t *)slice.data + frames->offset, count);
        sum = mn_sum_add(sum, odd ? mn_sum_odd(piece) : piece);
        odd ^= count % 2 != 0;
        to += count;
        len -= count;
        move_on(frames, count, (uint32_t)slice.len);
    }
    return sum;
}

/* Copies the next `len` bytes, and returns their sum. */
static uint64_t copy_bytes(struct mnet_frames *frames, uint8_t *to, uint32_t len)
{
    struct mnet_slice slice = piece_of(frames->part, frames->piece);
    if (MN_UNLIKELY(len >= slice.len - frames->offset))
        return copy_pieces(frames, to, len);
    uint64_t sum = mn_sum_copy(0, to, (const uint8_t *)slice.data + frames->offset, len);
    frames->offset += len;
    return sum;
}

/* Stores the checksum in the field at `field`, which holds the folded sum of a pseudo-header and
 * counts in `sum`. Returns the sum with the checksum in its place. */
static uint16_t complete(uint8_t *field, uint64_t sum, bool udp)
{
    uint16_t pseudo, checksum = mn_checksum(sum);
    if (checksum == 0 && udp)
        checksum = 0xffff; /* RFC 768: 0 says that there is none */
    memcpy(&pseudo, field, sizeof pseudo);
    memcpy(field, &checksum, sizeof checksum);
    return mn_sum_fold(mn_sum_add(mn_sum_add(sum, mn_sum_negate(pseudo)), checksum));
}

static struct mnet_frame_sum copy_segment(struct mnet_frames *frames, uint8_t *to)
{
    uint32_t size = next_size(frames);
    struct mn_frame at = copy_headers(frames, to);
    struct mn_frame_cut next = next_cut(frames, size);
    struct mn_frame_sums sums = sums_of(frames);
    uint64_t payload = copy_bytes(frames, to + headers_of(frames), size);
    count_segment(frames, size);
    return (struct mnet_frame_sum){.start = (uint16_t)(at.transport - to),
                                   .value = mn_frame_cut_complete(&at, &next, &sums, payload)};
}

struct mnet_frame_sum mnet_frames_copy(struct mnet_frames *frames, void *to)
{
    if (frames->gso_size > 0)
        return copy_segment(frames, to);
    const struct mnet_packet *packet = frames->packet;
    uint8_t *bytes = to;
    bool partial = packet->checksum == MNET_CHECKSUM_PARTIAL;
    uint32_t start = partial ? packet->csum_start : MN_MIN((uint32_t)MN_ETHERNET_HEADER, frames->left);
    uint32_t summed = frames->left - start;
    uint64_t sum;
    if (MN_LIKELY(packet->len == packet->total)) { /* all of it is linear */
        memcpy(bytes, packet->data, start);
        sum = mn_sum_copy(0, bytes + start, packet->data + start, summed);
    } else {
        copy_bytes(frames, bytes, start);
        sum = copy_bytes(frames, bytes + start, summed);
    }
    frames->left = 0;
    return (struct mnet_frame_sum){
        .start = (uint16_t)start,
        .value = partial ? complete(bytes + start + packet->csum_offset, sum, packet->csum_offset == MN_UDP_CHECKSUM_AT)
                         : mn_sum_fold(sum)};
}
