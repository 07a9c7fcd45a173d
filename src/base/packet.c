/* Packets and buffers.
 *
 * A packet is one block: struct mnet_packet, headroom, linear bytes. Larger contents lie in buffers
 * that its fragments point into, and further packets may hang on `more`. Every walk over a packet's
 * bytes (copying, listing) is the same one: `struct walk`. Each packet's `total` includes the bytes
 * of its `more`. The code that links packets keeps it right.
 */
#include <mnet/packet.h>

#include <assert.h>
#include <string.h>

#include "base/checksum.h"
#include "base/copy.h"
#include "base/memory.h"
#include "base/packet_pinned.h"
#include "base/packet_queued.h"

/* The struct is before the headroom, so that the linear part begins on a cache line. */
#define PACKET_BLOCK (MN_PACKET_STRUCT + MNET_PACKET_HEADROOM + MNET_PACKET_LINEAR)
#define SMALL_HEADER 48
#define LARGE_HEADER 64

static_assert(sizeof(struct mnet_packet) <= MN_PACKET_STRUCT, "the linear storage follows the struct");
static_assert(PACKET_BLOCK == MN_PACKET_BLOCK, "a packet costs 2 KiB at most");
static_assert(sizeof(struct mnet_buffer) <= SMALL_HEADER, "the bytes follow the struct");
static_assert(SMALL_HEADER + MNET_BUFFER_SMALL == MN_BUFFER_SMALL_BLOCK, "a small buffer costs 2 KiB");
static_assert(LARGE_HEADER + MNET_BUFFER_LARGE == MN_BUFFER_LARGE_BLOCK, "a large buffer costs 16 KiB, ...");
static_assert(MN_BUFFER_LARGE_BLOCK == MN_SLAB_BYTES / 4, "... and a slab holds four of them");

void mn_packet_pools_init(struct mnet_memory *memory)
{
    mn_pool_init(&memory->packets, memory, "packets", PACKET_BLOCK, SIZE_MAX);
    mn_pool_init(&memory->small_buffers, memory, "small buffers", SMALL_HEADER + MNET_BUFFER_SMALL, SIZE_MAX);
    mn_pool_init(&memory->large_buffers, memory, "large buffers", LARGE_HEADER + MNET_BUFFER_LARGE, SIZE_MAX);
    mn_pool_init(&memory->lent_buffers, memory, "lent buffers", sizeof(struct mnet_buffer), SIZE_MAX);
}

/* ---- buffers ---- */

static struct mnet_buffer *buffer_from(struct mn_pool *pool, enum mn_claim claim, uint32_t header, uint32_t capacity)
{
    struct mnet_buffer *buffer = mn_pool_alloc(pool, claim);
    if (buffer != NULL)
        *buffer = (struct mnet_buffer){
            .bytes = (uint8_t *)buffer + header, .capacity = capacity, .refs = 1, .memory = pool->memory};
    return buffer;
}

static struct mnet_buffer *large_buffer(struct mnet_memory *memory, enum mn_claim claim)
{
    return buffer_from(&memory->large_buffers, claim, LARGE_HEADER, MNET_BUFFER_LARGE);
}

struct mnet_buffer *mnet_buffer_alloc(struct mnet_memory *memory)
{
    return large_buffer(memory, MN_CLAIM_RECEIVE);
}

struct mnet_buffer *mnet_buffer_alloc_tx(struct mnet_memory *memory, size_t at_least)
{
    if (at_least > MNET_BUFFER_LARGE)
        return NULL;
    if (at_least > MNET_BUFFER_SMALL)
        return large_buffer(memory, MN_CLAIM_QUEUE);
    return buffer_from(&memory->small_buffers, MN_CLAIM_QUEUE, SMALL_HEADER, MNET_BUFFER_SMALL);
}

struct mnet_buffer *mnet_buffer_lend(struct mnet_memory *memory, const void *bytes, size_t len,
                                     void (*release)(void *context), void *context)
{
    if (len > UINT32_MAX)
        return NULL;
    struct mnet_buffer *buffer = mn_pool_alloc(&memory->lent_buffers, MN_CLAIM_SEND);
    if (buffer != NULL)
        /* The field is not const because other buffers are written. Lent bytes are never written
         * here. */
        *buffer = (struct mnet_buffer){.bytes = (uint8_t *)(uintptr_t)bytes,
                                       .capacity = (uint32_t)len,
                                       .refs = 1,
                                       .release = release,
                                       .context = context,
                                       .memory = memory};
    return buffer;
}

struct mnet_buffer *mnet_buffer_hold(struct mnet_buffer *buffer)
{
    MN_REQUIRE(buffer->refs > 0 && buffer->refs < UINT32_MAX, "the buffer was freed, or has too many references");
    buffer->refs++;
    return buffer;
}

void mnet_buffer_free(struct mnet_buffer *buffer)
{
    if (buffer == NULL)
        return;
    MN_REQUIRE(buffer->refs > 0, "the buffer was freed already");
    if (--buffer->refs > 0)
        return;
    void (*release)(void *context) = buffer->release;
    void *context = buffer->context;
    mn_memory_free(buffer->memory, buffer);
    if (MN_UNLIKELY(release != NULL))
        release(context);
}

size_t mn_buffer_pinned(const struct mnet_buffer *buffer)
{
    return mn_memory_slab(buffer->memory, buffer)->pool->object_size;
}

/* ---- life of a packet ---- */

static struct mnet_packet *packet_from(struct mnet_memory *memory, enum mn_claim claim)
{
    struct mnet_packet *packet = mn_pool_alloc(&memory->packets, claim);
    if (packet == NULL)
        return NULL;
    memset(packet, 0, offsetof(struct mnet_packet, fragments));
    packet->memory = memory;
    packet->head = (uint8_t *)packet + MN_PACKET_STRUCT;
    packet->data = packet->head + MNET_PACKET_HEADROOM;
    packet->refs = 1;
    packet->segments = 1;
    packet->sending = claim != MN_CLAIM_RECEIVE;
    return packet;
}

struct mnet_packet *mnet_packet_alloc(struct mnet_memory *memory)
{
    return packet_from(memory, MN_CLAIM_RECEIVE);
}

struct mnet_packet *mnet_packet_alloc_tx(struct mnet_memory *memory)
{
    return packet_from(memory, MN_CLAIM_SEND);
}

struct mnet_packet *mn_packet_alloc_queued(struct mnet_memory *memory)
{
    return packet_from(memory, MN_CLAIM_QUEUE);
}

struct mnet_packet *mnet_packet_hold(struct mnet_packet *packet)
{
    MN_REQUIRE(packet->refs > 0 && packet->refs < UINT32_MAX, "the packet was freed, or has too many references");
    packet->refs++;
    return packet;
}

/* Drops the fragments from number `from` on. */
static void drop_fragments(struct mnet_packet *packet, uint16_t from)
{
    while (packet->fragment_count > from)
        mnet_buffer_free(packet->fragments[--packet->fragment_count].buffer);
}

/* Frees the parts of a packet whose last reference is gone, and of the packets behind it. */
static MN_APART void free_parts(struct mnet_packet *packet)
{
    do {
        struct mnet_packet *more = packet->more;
        drop_fragments(packet, 0);
        mn_pool_free(&packet->memory->packets, packet);
        packet = more;
    } while (packet != NULL && --packet->refs == 0);
}

void mnet_packet_free(struct mnet_packet *packet)
{
    if (packet == NULL)
        return;
    MN_REQUIRE(packet->refs > 0, "the packet was freed already");
    if (--packet->refs > 0)
        return;
    if (MN_UNLIKELY(packet->more != NULL || packet->fragment_count > 0))
        free_parts(packet);
    else
        mn_pool_free(&packet->memory->packets, packet);
}

/* ---- the linear part ---- */

size_t mnet_packet_headroom(const struct mnet_packet *packet)
{
    return (size_t)(packet->data - packet->head);
}

size_t mnet_packet_tailroom(const struct mnet_packet *packet)
{
    return MNET_PACKET_HEADROOM + MNET_PACKET_LINEAR - mnet_packet_headroom(packet) - packet->len;
}

/* Returns whether csum_start means something. */
static inline bool has_start(const struct mnet_packet *packet)
{
    return packet->checksum == MNET_CHECKSUM_PARTIAL || packet->checksum == MNET_CHECKSUM_SUMMED;
}

uint8_t *mnet_packet_push(struct mnet_packet *packet, size_t len)
{
    MN_REQUIRE(len <= mnet_packet_headroom(packet), "more than the headroom");
    packet->data -= len;
    packet->len += (uint32_t)len;
    packet->total += (uint32_t)len;
    if (has_start(packet))
        packet->csum_start = (uint16_t)(packet->csum_start + len);
    return packet->data;
}

uint8_t *mnet_packet_put(struct mnet_packet *packet, size_t len)
{
    MN_REQUIRE(len <= mnet_packet_tailroom(packet), "more than the tailroom");
    MN_REQUIRE(packet->fragment_count == 0 && packet->more == NULL, "the packet has pieces behind its linear part");
    uint8_t *bytes = packet->data + packet->len;
    packet->len += (uint32_t)len;
    packet->total += (uint32_t)len;
    return bytes;
}

/* ---- the pieces of a packet ---- */

/* Walks over the contiguous pieces of a packet. Empty ones are left out. */
struct walk {
    const struct mnet_packet *packet;
    int piece; /* 0 is the linear part, then the fragments */
};

static bool walk_next(struct walk *walk, uint8_t **bytes, size_t *len)
{
    for (; walk->packet != NULL; walk->packet = walk->packet->more, walk->piece = 0) {
        const struct mnet_packet *packet = walk->packet;
        while (walk->piece <= packet->fragment_count) {
            int piece = walk->piece++;
            const struct mnet_fragment *fragment = &packet->fragments[piece - (piece > 0)];
            *bytes = piece == 0 ? packet->data : fragment->buffer->bytes + fragment->offset;
            *len = piece == 0 ? packet->len : fragment->len;
            if (*len > 0)
                return true;
        }
    }
    return false;
}

/* Walks over at most `left` bytes from offset `skip` on. */
static bool walk_range(struct walk *walk, size_t *skip, size_t left, uint8_t **bytes, size_t *len)
{
    while (left > 0 && walk_next(walk, bytes, len)) {
        if (*skip < *len) {
            *bytes += *skip;
            *len = MN_MIN(*len - *skip, left);
            *skip = 0;
            return true;
        }
        *skip -= *len;
    }
    return false;
}

static MN_APART void copy_pieces(const struct mnet_packet *packet, size_t from, void *to, size_t len)
{
    struct walk walk = {packet, 0};
    uint8_t *at = to, *bytes;
    for (size_t piece; walk_range(&walk, &from, len, &bytes, &piece); at += piece, len -= piece)
        mn_copy(at, bytes, piece);
}

void mnet_packet_copy_out(const struct mnet_packet *packet, size_t from, void *to, size_t len)
{
    MN_REQUIRE(from <= packet->total && len <= packet->total - from, "beyond the end of the packet");
    if (MN_LIKELY(from <= packet->len && len <= packet->len - from))
        memcpy(to, packet->data + from, len);
    else
        copy_pieces(packet, from, to, len);
}

void mnet_packet_copy_in(struct mnet_packet *packet, size_t to, const void *from, size_t len)
{
    MN_REQUIRE(to <= packet->total && len <= packet->total - to, "beyond the end of the packet");
    struct walk walk = {packet, 0};
    const uint8_t *at = from;
    uint8_t *bytes;
    for (size_t piece; walk_range(&walk, &to, len, &bytes, &piece); at += piece, len -= piece)
        mn_copy(bytes, at, piece);
}

static MN_APART int list_pieces(const struct mnet_packet *packet, struct mnet_slice *slices, int max)
{
    struct walk walk = {packet, 0};
    int count = 0;
    uint8_t *bytes;
    for (size_t len; count < max && walk_next(&walk, &bytes, &len); count++)
        slices[count] = (struct mnet_slice){bytes, len};
    return count;
}

int mnet_packet_slices(const struct mnet_packet *packet, struct mnet_slice *slices, int max)
{
    if (MN_UNLIKELY(packet->len < packet->total || packet->len == 0 || max < 1))
        return list_pieces(packet, slices, max);
    slices[0] = (struct mnet_slice){packet->data, packet->len}; /* all of it is linear */
    return 1;
}

size_t mnet_packet_pinned(const struct mnet_packet *packet)
{
    size_t pinned = 0;
    for (; packet != NULL; packet = packet->more) {
        pinned += packet->memory->packets.object_size;
        for (int i = 0; i < packet->fragment_count; i++)
            /* Neighbouring fragments of one buffer pin it once. */
            if (i == 0 || packet->fragments[i].buffer != packet->fragments[i - 1].buffer)
                pinned += mn_buffer_pinned(packet->fragments[i].buffer);
    }
    return pinned;
}

/* ---- removing ---- */

/* `len` bytes are about to be removed from the front, and some of them count in the device's
 * sum. */
static MN_APART void leave_out(struct mnet_packet *packet, size_t len)
{
    if (len > packet->len) {
        packet->checksum = MNET_CHECKSUM_PLAIN;
        return;
    }
    size_t start = packet->csum_start;
    uint64_t removed = mn_sum(0, packet->data + start, len - start);
    uint64_t rest = mn_sum_add(packet->csum_value, mn_sum_negate(removed));
    packet->csum_value = mn_sum_fold((len - start) % 2 == 0 ? rest : mn_sum_odd(rest));
}

/* Moves csum_start before `len` bytes are removed from the front. */
static inline void pull_start(struct mnet_packet *packet, size_t len)
{
    if (MN_UNLIKELY(len > packet->csum_start) && packet->checksum == MNET_CHECKSUM_SUMMED)
        leave_out(packet, len);
    packet->csum_start = len < packet->csum_start ? (uint16_t)(packet->csum_start - len) : 0;
}

/* Removes up to `len` bytes from the front of the fragments, and drops those that become empty.
 * Returns the number of bytes removed. */
static MN_RARE size_t pull_fragments(struct mnet_packet *packet, size_t len)
{
    size_t pulled = 0;
    uint16_t gone = 0;
    while (gone < packet->fragment_count && pulled < len) {
        struct mnet_fragment *fragment = &packet->fragments[gone];
        uint32_t part = (uint32_t)MN_MIN(fragment->len, len - pulled);
        fragment->offset += part;
        fragment->len -= part;
        pulled += part;
        if (fragment->len > 0)
            break;
        mnet_buffer_free(fragment->buffer);
        gone++;
    }
    packet->fragment_count = (uint16_t)(packet->fragment_count - gone);
    memmove(packet->fragments, packet->fragments + gone, packet->fragment_count * sizeof(packet->fragments[0]));
    return pulled;
}

/* Removes up to `len` bytes from the front of this packet, without its `more`. Returns the number
 * of bytes removed. */
static size_t pull_own(struct mnet_packet *packet, size_t len)
{
    size_t linear = MN_MIN(packet->len, len);
    packet->data += linear;
    packet->len -= (uint32_t)linear;
    size_t pulled = linear == len ? len : linear + pull_fragments(packet, len - linear);
    packet->total -= (uint32_t)pulled;
    return pulled;
}

/* Removes bytes from `more`, and frees the packets that become empty. */
static MN_RARE void pull_more(struct mnet_packet *packet, size_t len)
{
    packet->total -= (uint32_t)len;
    while (len > 0) {
        struct mnet_packet *more = packet->more;
        len -= pull_own(more, len);
        if (more->len == 0 && more->fragment_count == 0) {
            packet->more = more->more;
            more->more = NULL;
            mnet_packet_free(more);
        }
    }
}

/* Removes more than the linear part. */
static MN_RARE void pull_far(struct mnet_packet *packet, size_t len)
{
    if (len > packet->total)
        mn_misused(__FILE__, __LINE__, "mnet_packet_pull", "more than the packet has");
    size_t pulled = pull_own(packet, len);
    if (pulled < len)
        pull_more(packet, len - pulled);
}

void mnet_packet_pull(struct mnet_packet *packet, size_t len)
{
    if (MN_UNLIKELY(has_start(packet)))
        pull_start(packet, len);
    if (MN_LIKELY(len <= packet->len)) { /* usually a header */
        packet->data += len;
        packet->len -= (uint32_t)len;
        packet->total -= (uint32_t)len;
        return;
    }
    pull_far(packet, len);
}

/* Keeps up to `len` bytes of this packet, without its `more`. Returns the number of bytes kept. */
static size_t trim_own(struct mnet_packet *packet, size_t len)
{
    packet->len = (uint32_t)MN_MIN(packet->len, len);
    size_t kept = packet->len;
    uint16_t count = 0;
    while (count < packet->fragment_count && kept < len) {
        struct mnet_fragment *fragment = &packet->fragments[count++];
        fragment->len = (uint32_t)MN_MIN(fragment->len, len - kept);
        kept += fragment->len;
    }
    drop_fragments(packet, count);
    return kept;
}

static MN_RARE void cut_off(struct mnet_packet *packet, size_t len)
{
    if (packet->checksum == MNET_CHECKSUM_SUMMED)
        packet->checksum = MNET_CHECKSUM_PLAIN;
    for (struct mnet_packet *at = packet; at != NULL; at = at->more) {
        at->total = (uint32_t)MN_MIN(at->total, len);
        len -= trim_own(at, len);
        if (len == 0) {
            mnet_packet_free(at->more);
            at->more = NULL;
        }
    }
}

void mnet_packet_trim(struct mnet_packet *packet, size_t len)
{
    MN_REQUIRE(len <= packet->total, "more than the packet has");
    if (len < packet->total)
        cut_off(packet, len);
}

/* ---- appending ---- */

bool mnet_packet_add(struct mnet_packet *packet, struct mnet_buffer *buffer, uint32_t offset, uint32_t len)
{
    MN_REQUIRE(offset <= buffer->capacity && len <= buffer->capacity - offset, "beyond the end of the buffer");
    MN_REQUIRE(packet->more == NULL, "the packet has others behind it");
    if (packet->fragment_count == MNET_PACKET_FRAGMENTS)
        return false;
    packet->fragments[packet->fragment_count++] = (struct mnet_fragment){mnet_buffer_hold(buffer), offset, len};
    packet->total += len;
    return true;
}

/* The linear part grows if no fragment follows it. */
static size_t append_linear(struct mnet_packet *packet, const uint8_t *from, size_t len)
{
    if (packet->fragment_count > 0)
        return 0;
    size_t part = MN_MIN(len, mnet_packet_tailroom(packet));
    memcpy(mnet_packet_put(packet, part), from, part);
    return part;
}

/* The last fragment grows if its buffer is ours and has no other reference. */
static size_t append_last(struct mnet_packet *packet, const uint8_t *from, size_t len)
{
    if (packet->fragment_count == 0)
        return 0;
    struct mnet_fragment *last = &packet->fragments[packet->fragment_count - 1];
    struct mnet_buffer *buffer = last->buffer;
    if (buffer->refs > 1 || mn_memory_slab(buffer->memory, buffer)->pool == &buffer->memory->lent_buffers)
        return 0;
    size_t part = MN_MIN(len, buffer->capacity - last->offset - last->len);
    mn_copy(buffer->bytes + last->offset + last->len, from, part);
    last->len += (uint32_t)part;
    packet->total += (uint32_t)part;
    return part;
}

/* Appends a new buffer after the last fragment. Returns 0 if there is no memory. */
static size_t append_buffer(struct mnet_packet *packet, const uint8_t *from, size_t len)
{
    if (packet->fragment_count == MNET_PACKET_FRAGMENTS)
        return 0;
    struct mnet_buffer *buffer = large_buffer(packet->memory, packet->sending ? MN_CLAIM_QUEUE : MN_CLAIM_RECEIVE);
    if (buffer == NULL)
        return 0;
    size_t part = MN_MIN(len, MNET_BUFFER_LARGE);
    mn_copy(buffer->bytes, from, part);
    packet->fragments[packet->fragment_count++] = (struct mnet_fragment){buffer, 0, (uint32_t)part};
    packet->total += (uint32_t)part;
    return part;
}

bool mnet_packet_append(struct mnet_packet *packet, const void *from, size_t len)
{
    MN_ASSERT(packet->more == NULL && len <= UINT32_MAX - packet->total);
    if (len == 0)
        return true;
    uint32_t before = packet->total;
    const uint8_t *at = from, *end = at + len;
    at += append_linear(packet, at, len);
    at += append_last(packet, at, (size_t)(end - at));
    while (at < end) {
        size_t part = append_buffer(packet, at, (size_t)(end - at));
        if (part == 0) {
            mnet_packet_trim(packet, before);
            return false;
        }
        at += part;
    }
    return true;
}
