#include "tcp/queue/recvq.h"

#include <mnet/error.h>

#include "base/base.h"
#include "base/check.h"
#include "base/packet_pinned.h"

/* A packet that pins this many times its length is copied, too. */
#define COMPACT_RATIO 6u

/* Copies the packet's bytes behind those of the last one of a list, if that is allowed and saves
 * memory. */
static MN_APART bool compact(struct mnet_packet *tail, struct mnet_packet *packet)
{
    MN_DEBUG_ASSERT(packet->total > 0 && packet->more == NULL);
    if (tail->refs != 1)
        return false;
    if (packet->total > MN_PACKET_SMALL && mnet_packet_pinned(packet) < (size_t)COMPACT_RATIO * packet->total)
        return false;
    if (tail->fragment_count == 0 && packet->total <= mnet_packet_tailroom(tail)) {
        uint32_t len = packet->total;
        mnet_packet_copy_out(packet, 0, mnet_packet_put(tail, len), len);
        return true;
    }
    return false;
}

static void append_one(struct mn_packet_list *list, struct mnet_packet *packet)
{
    MN_DEBUG_ASSERT(packet->more == NULL);
    packet->next = NULL;
    /* One block, of which most is used, stays as it is. */
    bool large = packet->total > MN_PACKET_SMALL && packet->fragment_count == 0;
    if (!large && (packet->total == 0 || (list->tail != NULL && compact(list->tail, packet)))) {
        mnet_packet_free(packet);
        return;
    }
    if (list->tail == NULL)
        list->head = packet;
    else
        list->tail->next = packet;
    list->tail = packet;
    list->pinned += mn_packet_pinned(packet);
}

/* Returns the bytes of one packet of a chain. Its `total` may count the packets behind it or
 * not. */
static uint32_t own_bytes(const struct mnet_packet *packet)
{
    uint32_t bytes = packet->len;
    for (uint16_t i = 0; i < packet->fragment_count; i++)
        bytes += packet->fragments[i].len;
    return bytes;
}

/* Appends several packets that were coalesced. */
static MN_APART void append_chain(struct mn_packet_list *list, struct mnet_packet *packet)
{
    while (packet != NULL) {
        struct mnet_packet *more = packet->more;
        packet->more = NULL;
        packet->total = own_bytes(packet);
        append_one(list, packet);
        packet = more;
    }
}

void mn_packet_list_append(struct mn_packet_list *list, struct mnet_packet *packet)
{
    MN_DEBUG_ASSERT((list->head == NULL) == (list->tail == NULL));
    if (MN_UNLIKELY(packet->more != NULL))
        append_chain(list, packet);
    else
        append_one(list, packet);
}

void mn_packet_list_splice(struct mn_packet_list *to, struct mn_packet_list *from)
{
    MN_DEBUG_ASSERT(to != from && (from->head == NULL) == (from->tail == NULL));
    if (from->head == NULL)
        return;
    if (to->tail == NULL)
        to->head = from->head;
    else
        to->tail->next = from->head;
    to->tail = from->tail;
    to->pinned += from->pinned;
    *from = (struct mn_packet_list){.head = NULL};
}

static struct mnet_packet *take_head(struct mn_packet_list *list)
{
    MN_DEBUG_ASSERT(list->pinned >= mn_packet_pinned(list->head));
    MN_DEBUG_ASSERT(list->head != NULL);
    struct mnet_packet *packet = list->head;
    list->head = packet->next;
    if (list->head == NULL)
        list->tail = NULL;
    packet->next = NULL;
    list->pinned -= mn_packet_pinned(packet);
    return packet;
}

/* Removes `len` bytes from the first packet, which keeps some. Buffers that held no others are
 * given back. */
static MN_APART void pull_head(struct mn_packet_list *list, size_t len)
{
    MN_DEBUG_ASSERT(list->head != NULL && len < list->head->total);
    list->pinned -= mn_packet_pinned(list->head);
    mnet_packet_pull(list->head, len);
    list->pinned += mn_packet_pinned(list->head);
}

MN_RARE void mn_packet_list_skip(struct mn_packet_list *list, uint32_t len)
{
    MN_DEBUG_ASSERT(list->head != NULL && len > 0 && len <= list->head->total);
    if (len == list->head->total)
        mnet_packet_free(take_head(list));
    else
        pull_head(list, len);
}

void mn_packet_list_free(struct mn_packet_list *list)
{
    size_t pinned = 0; /* only for the assertion */
    for (struct mnet_packet *packet = list->head, *next; packet != NULL; packet = next) {
        next = packet->next;
        packet->next = NULL;
        MN_CHECK(pinned += mn_packet_pinned(packet));
        mnet_packet_free(packet);
    }
    MN_DEBUG_ASSERT(list->pinned == pinned);
    *list = (struct mn_packet_list){.head = NULL};
}

void mn_recvq_append(struct mn_recvq *q, struct mnet_packet *packet)
{
    q->bytes += packet->total;
    mn_packet_list_append(&q->ready, packet);
}

size_t mn_recvq_read(struct mn_recvq *q, void *to, size_t len)
{
    size_t done = 0;
    while (done < len && q->ready.head != NULL) {
        struct mnet_packet *packet = q->ready.head;
        size_t n = MN_MIN(len - done, (size_t)packet->total);
        mnet_packet_copy_out(packet, 0, (uint8_t *)to + done, n);
        done += n;
        if (n == packet->total)
            mnet_packet_free(take_head(&q->ready));
        else
            pull_head(&q->ready, n);
    }
    MN_DEBUG_ASSERT(done <= q->bytes);
    q->bytes -= (uint32_t)done;
    return done;
}

MN_RARE size_t mn_recvq_peek(const struct mn_recvq *q, void *to, size_t len)
{
    MN_DEBUG_ASSERT((q->bytes == 0) == (q->ready.head == NULL));
    size_t done = 0;
    for (const struct mnet_packet *packet = q->ready.head; done < len && packet != NULL; packet = packet->next) {
        size_t n = MN_MIN(len - done, (size_t)packet->total);
        mnet_packet_copy_out(packet, 0, (uint8_t *)to + done, n);
        done += n;
    }
    return done;
}

/* Returns the number of pieces of a packet without its `more`. */
static int piece_count(const struct mnet_packet *packet)
{
    return (packet->len > 0) + packet->fragment_count;
}

/* Leaves the first `pieces` pieces in the first packet, and moves the others into a packet of their
 * own behind it. */
static bool split_head(struct mn_packet_list *list, int pieces)
{
    MN_DEBUG_ASSERT(pieces > 0 && pieces < piece_count(list->head));
    struct mnet_packet *packet = list->head;
    struct mnet_packet *rest = mnet_packet_alloc(packet->memory);
    if (rest == NULL)
        return false;
    int keep = pieces - (packet->len > 0);
    list->pinned -= mn_packet_pinned(packet);
    for (int i = keep; i < packet->fragment_count; i++) {
        struct mnet_fragment *f = &packet->fragments[i];
        bool added = mnet_packet_add(rest, f->buffer, f->offset, f->len);
        MN_ASSERT(added);
    }
    mnet_packet_trim(packet, packet->total - rest->total);
    list->pinned += mn_packet_pinned(packet) + mn_packet_pinned(rest);
    rest->next = packet->next;
    packet->next = rest;
    if (list->tail == packet)
        list->tail = rest;
    return true;
}

int mn_recvq_lend(struct mn_recvq *q, struct mnet_slice *slices, int max)
{
    MN_DEBUG_ASSERT((q->lent == NULL) == (q->lent_bytes == 0));
    MN_DEBUG_ASSERT(max > 0);
    int count = 0;
    while (count < max && q->ready.head != NULL) {
        struct mnet_packet *packet = q->ready.head;
        if (piece_count(packet) > max - count && !split_head(&q->ready, max - count))
            return count > 0 ? count : MNET_E_NO_MEMORY;
        count += mnet_packet_slices(packet, slices + count, max - count);
        MN_DEBUG_ASSERT(q->bytes >= packet->total);
        q->bytes -= packet->total;
        q->lent_bytes += packet->total;
        size_t pinned = q->ready.pinned;
        take_head(&q->ready);
        q->lent_pinned += pinned - q->ready.pinned;
        packet->next = q->lent;
        q->lent = packet;
    }
    return count;
}

uint32_t mn_recvq_return(struct mn_recvq *q)
{
    uint32_t bytes = q->lent_bytes;
    struct mn_packet_list lent = {.head = q->lent, .pinned = q->lent_pinned};
    mn_packet_list_free(&lent);
    q->lent = NULL;
    q->lent_bytes = 0;
    q->lent_pinned = 0;
    return bytes;
}

void mn_recvq_clear(struct mn_recvq *q)
{
    mn_packet_list_free(&q->ready);
    q->bytes = 0;
    mn_recvq_return(q);
}

MN_RARE uint32_t mn_recvq_drop(struct mn_recvq *q)
{
    uint32_t bytes = q->bytes;
    mn_packet_list_free(&q->ready);
    q->bytes = 0;
    return bytes;
}
