#include "tcp/queue/sendq.h"

#include <assert.h>
#include <string.h>

#include "base/copy.h"
#include "base/kept_sums.h"
#include "base/packet_pinned.h"
#include "base/packet_queued.h"
#include "base/sequence.h"

void mn_sendq_init(struct mn_sendq *q, uint32_t start)
{
    *q = (struct mn_sendq){.start = start};
}

/* Bytes that a piece takes at the beginning of its own buffer. */
#define PIECE_ROOM 64u

#define SUMS_ROOM 128u /* likewise, if sums are kept */

static_assert(sizeof(struct mn_send_piece) <= PIECE_ROOM, "the bytes begin on a cache line of a large buffer");
static_assert(sizeof(struct mn_kept_sums) <= SUMS_ROOM, "here, too");
static_assert(sizeof(struct mn_send_piece) <= MN_PACKET_SPARE, "a packet contains its piece");

static size_t piece_pinned(const struct mn_pool *pieces, const struct mn_send_piece *piece)
{
    if (mn_send_piece_has_packet(piece))
        return MN_PACKET_BLOCK;
    if (MN_LIKELY(piece->kind == MN_PIECE_OURS))
        return piece->buffer->capacity > MNET_BUFFER_SMALL ? MN_BUFFER_LARGE_BLOCK : MN_BUFFER_SMALL_BLOCK;
    return mn_buffer_pinned(piece->buffer) + pieces->object_size;
}

static void free_piece(struct mn_sendq *q, struct mn_pool *pieces, struct mn_send_piece *piece)
{
    MN_DEBUG_ASSERT(q->pinned >= piece_pinned(pieces, piece));
    q->pinned -= piece_pinned(pieces, piece);
    if (mn_send_piece_has_packet(piece)) {
        piece->packet->kept = false;
        mnet_packet_free(piece->packet);
        return;
    }
    bool given = piece->kind == MN_PIECE_GIVEN;
    mnet_buffer_free(piece->buffer);
    if (MN_UNLIKELY(given))
        mn_pool_free(pieces, piece);
}

void mn_sendq_clear(struct mn_sendq *q, struct mn_pool *pieces)
{
    while (q->head != NULL) {
        struct mn_send_piece *piece = q->head;
        q->head = piece->next;
        free_piece(q, pieces, piece);
    }
    mn_sendq_init(q, q->start);
    MN_DEBUG_ASSERT(q->pinned == 0 && q->len == 0);
}

static void link_piece(struct mn_sendq *q, struct mn_send_piece *piece)
{
    MN_DEBUG_ASSERT((q->head == NULL) == (q->tail == NULL));
    piece->next = NULL;
    piece->seq = mn_sendq_end(q);
    if (q->tail == NULL)
        q->head = piece;
    else
        q->tail->next = piece;
    q->tail = piece;
}

/* Returns the place of a piece in its buffer. */
static uint32_t offset_of(const struct mn_send_piece *piece)
{
    MN_DEBUG_ASSERT(!mn_send_piece_has_packet(piece) && piece->bytes >= piece->buffer->bytes);
    return (uint32_t)(piece->bytes - piece->buffer->bytes);
}

/* Returns how many bytes can be copied behind the last piece. */
static uint32_t tail_room(const struct mn_sendq *q)
{
    MN_DEBUG_ASSERT(q->tail == NULL || q->tail->seq + q->tail->len == mn_sendq_end(q));
    const struct mn_send_piece *tail = q->tail;
    if (tail == NULL)
        return 0;
    if (tail->kind == MN_PIECE_PACKET)
        return MN_SENDQ_COPIED - tail->len;
    return tail->kind == MN_PIECE_OURS ? tail->buffer->capacity - offset_of(tail) - tail->len : 0;
}

/* Returns a buffer for `wanted` bytes behind `before` others, or for a part of them. A queue that
 * already holds a small buffer's worth gets large ones, unless memory is short. */
static struct mnet_buffer *take_buffer(const struct mn_sendq *q, struct mnet_memory *memory, size_t before,
                                       size_t wanted)
{
    if (MN_LIKELY(wanted <= MNET_BUFFER_SMALL && before + wanted + q->len <= MNET_BUFFER_SMALL))
        return mnet_buffer_alloc_tx(memory, MNET_BUFFER_SMALL);
    size_t least = MN_MIN(before + wanted, (size_t)MNET_BUFFER_LARGE);
    size_t size = least + q->len > MNET_BUFFER_SMALL ? MNET_BUFFER_LARGE : least;
    if (MN_UNLIKELY(mn_memory_is_tight(memory)))
        size = MN_MIN(size, (size_t)MNET_BUFFER_SMALL);
    return mnet_buffer_alloc_tx(memory, size);
}

/* Appends a new, empty piece in a packet. */
static bool add_packet(struct mn_sendq *q, struct mn_pool *pieces)
{
    MN_DEBUG_ASSERT(q->head == NULL);
    struct mnet_packet *packet = mn_packet_alloc_queued(pieces->memory);
    if (packet == NULL)
        return false;
    struct mn_send_piece *piece = mn_packet_spare(packet);
    piece->packet = packet;
    piece->bytes = packet->data + MN_SENDQ_HEADER;
    piece->len = 0;
    piece->kind = MN_PIECE_PACKET;
    q->pinned += MN_PACKET_BLOCK;
    link_piece(q, piece);
    return true;
}

/* Appends a new, empty piece in a buffer. */
static bool add_buffer(struct mn_sendq *q, struct mn_pool *pieces, size_t wanted, bool summed)
{
    MN_DEBUG_ASSERT(wanted > 0 && tail_room(q) == 0);
    uint32_t before = PIECE_ROOM + (summed ? SUMS_ROOM : 0);
    struct mnet_buffer *buffer = take_buffer(q, pieces->memory, before, wanted);
    if (buffer == NULL)
        return false;
    struct mn_send_piece *piece = (struct mn_send_piece *)(void *)buffer->bytes;
    piece->buffer = buffer;
    piece->bytes = buffer->bytes + before;
    piece->len = 0;
    if (summed) {
        buffer->sums = (struct mn_kept_sums *)(void *)(buffer->bytes + PIECE_ROOM);
        buffer->sums->count = buffer->sums->last_used = 0;
    }
    piece->kind = MN_PIECE_OURS;
    q->pinned += piece_pinned(pieces, piece);
    link_piece(q, piece);
    return true;
}

static bool add_room(struct mn_sendq *q, struct mn_pool *pieces, size_t wanted, bool summed)
{
    MN_DEBUG_ASSERT(wanted > 0 && tail_room(q) == 0);
    bool small = q->len == 0 && wanted <= MN_SENDQ_COPIED && !summed;
    return (small && add_packet(q, pieces)) || add_buffer(q, pieces, wanted, summed);
}

/* Copies up to `len` bytes behind the last piece, in the room that is there. Returns their number:
 * if they are summed, they end where a segment does. */
static MN_APART uint32_t copy_summed(const struct mn_sendq *q, struct mn_sendq_pieces sums, const uint8_t *from,
                                     uint32_t len)
{
    MN_DEBUG_ASSERT(sums.size > 0 && q->tail != NULL);
    const struct mn_send_piece *tail = q->tail;
    uint32_t into = (mn_sendq_end(q) - sums.seq) % sums.size; /* the segment */
    uint32_t n = MN_MIN(len, sums.size - into);
    mn_kept_sums_copy(tail->buffer, offset_of(tail) + tail->len, from, n, into > 0);
    return n;
}

static bool keeps_sums(const struct mn_send_piece *piece)
{
    return !mn_send_piece_has_packet(piece) && piece->buffer->sums != NULL;
}

static uint32_t copy_in(const struct mn_sendq *q, struct mn_sendq_pieces sums, const uint8_t *from, size_t len)
{
    MN_DEBUG_ASSERT(len > 0 && tail_room(q) > 0);
    const struct mn_send_piece *tail = q->tail;
    uint32_t n = (uint32_t)MN_MIN(len, (size_t)tail_room(q));
    if (MN_UNLIKELY(sums.size > 0) && keeps_sums(tail))
        return copy_summed(q, sums, from, n);
    mn_copy(tail->bytes + tail->len, from, n);
    return n;
}

size_t mn_sendq_append(struct mn_sendq *q, struct mn_pool *pieces, const void *data, size_t len,
                       struct mn_sendq_pieces sums)
{
    const uint8_t *from = data;
    size_t left = len;
    while (left > 0) {
        if (tail_room(q) == 0 && !add_room(q, pieces, left, sums.size > 0))
            break;
        struct mn_send_piece *tail = q->tail;
        uint32_t n = copy_in(q, sums, from, left);
        tail->len += n;
        q->len += n;
        from += n;
        left -= n;
    }
    return len - left;
}

bool mn_sendq_append_buffer(struct mn_sendq *q, struct mn_pool *pieces, struct mnet_buffer *buffer, uint32_t offset,
                            uint32_t len)
{
    MN_DEBUG_ASSERT(len > 0 && offset <= buffer->capacity && len <= buffer->capacity - offset);
    struct mn_send_piece *piece = mn_pool_alloc(pieces, MN_CLAIM_SEND);
    if (piece == NULL)
        return false;
    piece->buffer = mnet_buffer_hold(buffer);
    piece->bytes = buffer->bytes + offset;
    piece->len = len;
    piece->kind = MN_PIECE_GIVEN;
    q->pinned += piece_pinned(pieces, piece);
    link_piece(q, piece);
    q->len += len;
    return true;
}

void mn_sendq_acked(struct mn_sendq *q, struct mn_pool *pieces, uint32_t seq)
{
    MN_ASSERT(seq - q->start <= q->len);
    q->len -= seq - q->start;
    q->start = seq;
    while (q->head != NULL && mn_seq_leq(q->head->seq + q->head->len, seq)) {
        struct mn_send_piece *piece = q->head;
        q->head = piece->next;
        if (q->tail == piece)
            q->tail = NULL;
        if (q->cursor == piece)
            q->cursor = NULL;
        free_piece(q, pieces, piece);
    }
    MN_DEBUG_ASSERT((q->head == NULL) == (q->tail == NULL) && (q->head != NULL || q->len == 0));
}

void mn_sendq_retract(struct mn_sendq *q, struct mn_pool *pieces, uint32_t count)
{
    MN_ASSERT(count <= q->len);
    q->len -= count;
    uint32_t end = mn_sendq_end(q);
    struct mn_send_piece *last = NULL;
    for (struct mn_send_piece *piece = q->head; piece != NULL && mn_seq_lt(piece->seq, end); piece = piece->next)
        last = piece;
    struct mn_send_piece *drop = last == NULL ? q->head : last->next;
    if (last == NULL)
        q->head = NULL;
    else {
        last->len = end - last->seq;
        last->next = NULL;
        if (keeps_sums(last))
            mn_kept_sums_cut(last->buffer, offset_of(last) + last->len);
    }
    q->tail = last;
    q->cursor = NULL;
    while (drop != NULL) {
        struct mn_send_piece *next = drop->next;
        free_piece(q, pieces, drop);
        drop = next;
    }
    MN_DEBUG_ASSERT((q->head == NULL) == (q->tail == NULL));
}

/* Returns the piece that contains `seq`. Data is mostly sent in order, so the search begins at the
 * last result. */
static struct mn_send_piece *find_piece(struct mn_sendq *q, uint32_t seq)
{
    MN_DEBUG_ASSERT(seq - q->start <= q->len);
    struct mn_send_piece *piece = q->cursor;
    if (piece == NULL || MN_UNLIKELY(mn_seq_lt(seq, piece->seq)))
        piece = q->head;
    while (piece != NULL && mn_seq_geq(seq, piece->seq + piece->len))
        piece = piece->next;
    q->cursor = piece;
    return piece;
}

struct mnet_packet *mn_sendq_take_packet(struct mn_sendq *q, uint32_t seq, uint32_t len)
{
    MN_DEBUG_ASSERT(len > 0 && seq - q->start + len <= q->len);
    struct mn_send_piece *piece = q->head;
    if (piece->kind != MN_PIECE_PACKET || piece->seq != seq || piece->len != len)
        return NULL;
    piece->kind = MN_PIECE_SENT;
    struct mnet_packet *packet = piece->packet;
    packet->data = piece->bytes;
    packet->len = packet->total = len;
    packet->kept = true;
    return mnet_packet_hold(packet);
}

void mn_sendq_copy(struct mn_sendq *q, void *to, uint32_t seq, uint32_t len)
{
    MN_DEBUG_ASSERT(len > 0 && seq - q->start + len <= q->len);
    const struct mn_send_piece *piece = find_piece(q, seq);
    uint32_t skip = seq - piece->seq;
    for (uint8_t *at = to;; piece = piece->next, skip = 0) {
        uint32_t n = MN_MIN(len, piece->len - skip);
        memcpy(at, piece->bytes + skip, n);
        if (MN_LIKELY(n == len))
            return;
        at += n;
        len -= n;
    }
}

/* Adds bytes of a piece to the packet. They are copied if they lie in another one, which is in
 * front of all other pieces. */
static bool add_piece(struct mnet_packet *packet, const struct mn_send_piece *piece, uint32_t skip, uint32_t len)
{
    MN_DEBUG_ASSERT(len > 0 && skip + len <= piece->len);
    if (!mn_send_piece_has_packet(piece))
        return mnet_packet_add(packet, piece->buffer, offset_of(piece) + skip, len);
    memcpy(mnet_packet_put(packet, len), piece->bytes + skip, len);
    return true;
}

uint32_t mn_sendq_gather(struct mn_sendq *q, struct mnet_packet *packet, uint32_t seq, uint32_t len)
{
    MN_DEBUG_ASSERT(len > 0 && seq - q->start + len <= q->len);
    uint32_t done = 0;
    if (len <= MN_SENDQ_COPIED) {
        mn_sendq_copy(q, mnet_packet_put(packet, len), seq, len);
        return len;
    }
    struct mn_send_piece *piece = find_piece(q, seq);
    while (done < len && piece != NULL) {
        uint32_t skip = seq + done - piece->seq;
        uint32_t n = MN_MIN(len - done, piece->len - skip);
        if (!add_piece(packet, piece, skip, n))
            break;
        done += n;
        if (done < len) {
            piece = piece->next;
            q->cursor = piece != NULL ? piece : q->cursor;
        }
    }
    return done;
}
