#include "tcp/queue/scoreboard.h"

#include <string.h>

/* Number of records in a block of each size. */
static const uint16_t capacities[MN_SCOREBOARD_SIZES] = {16, 128, MN_SCOREBOARD_MAX};

void mn_scoreboard_pools_init(struct mn_scoreboard_pools *pools, struct mnet_memory *memory)
{
    static const char *const names[MN_SCOREBOARD_SIZES] = {"scoreboard", "large scoreboard", "huge scoreboard"};
    for (int i = 0; i < MN_SCOREBOARD_SIZES; i++)
        mn_pool_init(&pools->size[i], memory, names[i], capacities[i] * sizeof(struct mn_sent), SIZE_MAX);
}

void mn_scoreboard_init(struct mn_scoreboard *b, uint32_t seq)
{
    *b = (struct mn_scoreboard){.end = seq, .lost_from = seq};
}

static void free_block(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools)
{
    MN_DEBUG_ASSERT(b->size <= MN_SCOREBOARD_SIZES);
    if (b->size > 0)
        mn_pool_free(&pools->size[b->size - 1], b->block);
    b->size = 0;
}

void mn_scoreboard_clear(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools)
{
    free_block(b, pools);
    mn_scoreboard_init(b, b->end);
}

/* --- the array --- */

static uint32_t capacity(const struct mn_scoreboard *b)
{
    MN_DEBUG_ASSERT(b->size <= MN_SCOREBOARD_SIZES);
    return b->size == 0 ? 1 : capacities[b->size - 1];
}

/* Moves everything into a block of the next size. */
static MN_RARE bool grow(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools)
{
    MN_DEBUG_ASSERT(b->count == capacity(b));
    struct mn_sent *block = b->size == MN_SCOREBOARD_SIZES ? NULL
                                                           : mn_pool_alloc(&pools->size[b->size], MN_CLAIM_QUEUE);
    if (block == NULL)
        return false;
    memcpy(block, mn_scoreboard_at(b, 0), b->count * sizeof *block);
    uint8_t size = (uint8_t)(b->size + 1);
    free_block(b, pools);
    b->block = block;
    b->size = size;
    b->first = 0;
    return true;
}

/* The array ends here. Makes room for one more record, by moving them to the front or into a larger
 * block. */
static MN_APART bool make_room(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools)
{
    MN_DEBUG_ASSERT(b->first + b->count == capacity(b));
    if (b->count == capacity(b))
        return grow(b, pools);
    memmove(b->block, b->block + b->first, b->count * sizeof *b->block);
    b->first = 0;
    return true;
}

/* Appends one record. Returns NULL if there is no room. */
static struct mn_sent *append(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools)
{
    MN_DEBUG_ASSERT(b->count <= capacity(b));
    if (MN_UNLIKELY(b->first + b->count == capacity(b)) && !make_room(b, pools))
        return NULL;
    return mn_scoreboard_at(b, b->count++);
}

/* Inserts one record before number `i`, which exists. */
static struct mn_sent *insert(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools, uint32_t i)
{
    MN_DEBUG_ASSERT(i < b->count || (i == b->count && i > 0));
    if (append(b, pools) == NULL)
        return NULL;
    struct mn_sent *at = mn_scoreboard_at(b, i);
    memmove(at + 1, at, (b->count - 1 - i) * sizeof *at);
    return at;
}

static void erase(struct mn_scoreboard *b, uint32_t i, uint32_t n)
{
    MN_DEBUG_ASSERT(n > 0 && i + n <= b->count);
    struct mn_sent *at = mn_scoreboard_at(b, i);
    memmove(at, at + n, (b->count - i - n) * sizeof *at);
    b->count = (uint16_t)(b->count - n);
}

/* Returns the number of the record that contains `seq`, which is in flight. */
static uint32_t find(struct mn_scoreboard *b, uint32_t seq)
{
    MN_ASSERT(b->count > 0 && mn_seq_lt(seq, b->end));
    uint32_t low = 0, high = b->count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (mn_seq_leq(mn_scoreboard_at(b, middle)->seq, seq))
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Divides record `i` at `seq`, unless it begins or ends there. Returns false if there is no room
 * for another record. */
static bool divide(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools, uint32_t i, uint32_t seq)
{
    MN_DEBUG_ASSERT(i < b->count && mn_seq_geq(seq, mn_scoreboard_at(b, i)->seq) &&
                    mn_seq_leq(seq, mn_scoreboard_end_of(b, i)));
    if (seq == mn_scoreboard_at(b, i)->seq || seq == mn_scoreboard_end_of(b, i))
        return true;
    struct mn_sent *second = insert(b, pools, i + 1);
    if (second == NULL)
        return false;
    *second = second[-1];
    second->seq = seq;
    return true;
}

static uint32_t length(struct mn_scoreboard *b, uint32_t i)
{
    MN_DEBUG_ASSERT(i < b->count);
    return mn_scoreboard_end_of(b, i) - mn_scoreboard_at(b, i)->seq;
}

/* Changes the flags of a whole record, and the sums with them. */
static void set_flags(struct mn_scoreboard *b, uint32_t i, uint8_t flags)
{
    struct mn_sent *record = mn_scoreboard_at(b, i);
    uint32_t len = length(b, i);
    MN_ASSERT(!(flags & MN_SENT_SACKED) || !(flags & MN_SENT_LOST));
    b->sacked -= record->flags & MN_SENT_SACKED ? len : 0;
    b->lost -= record->flags & MN_SENT_LOST ? len : 0;
    b->sacked += flags & MN_SENT_SACKED ? len : 0;
    b->lost += flags & MN_SENT_LOST ? len : 0;
    record->flags = flags;
    MN_DEBUG_ASSERT(b->sacked + b->lost <= b->end - mn_scoreboard_at(b, 0)->seq);
}

/* --- sending --- */

void mn_scoreboard_sent(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools, uint32_t end, uint64_t now,
                        unsigned grain)
{
    MN_DEBUG_ASSERT(mn_seq_gt(end, b->end));
    struct mn_sent *last = b->count > 0 ? mn_scoreboard_at(b, b->count - 1u) : NULL;
    /* Otherwise data sent before a retransmission would seem to be sent after it, and the
     * retransmission would seem lost when that data arrives. */
    bool goes_along = last != NULL && last->flags == 0 && !b->apart && last->sent_ns >> grain == now >> grain;
    struct mn_sent *next = goes_along ? NULL : append(b, pools);
    if (next != NULL) {
        *next = (struct mn_sent){.sent_ns = now, .seq = b->end};
        b->end = end;
        b->apart = false;
        return;
    }
    MN_ASSERT(last != NULL); /* the first record needs no memory */
    if (!goes_along)         /* no room: one record, of which less is known */
        set_flags(b, b->count - 1u, last->flags & MN_SENT_RETRANSMITTED);
    last->sent_ns = now;
    b->end = end;
}

void mn_scoreboard_skip(struct mn_scoreboard *b, uint32_t seq)
{
    MN_ASSERT(b->count == 0);
    b->end = b->lost_from = seq;
}

/* Joins record `i` with the one before if both have the same flags at nearly the same time. */
static void join(struct mn_scoreboard *b, uint32_t i)
{
    MN_DEBUG_ASSERT(i < b->count);
    if (i == 0)
        return;
    struct mn_sent *record = mn_scoreboard_at(b, i);
    if (record[-1].flags != record->flags || record[-1].sent_ns != record->sent_ns)
        return;
    erase(b, i, 1);
}

MN_APART void mn_scoreboard_retransmitted(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools, uint32_t left,
                                          uint32_t right, uint64_t now)
{
    MN_DEBUG_ASSERT(mn_seq_lt(left, right) && mn_seq_leq(right, b->end));
    b->apart = true;
    if (mn_seq_leq(left, b->lost_from))
        b->lost_from = mn_seq_max(b->lost_from, right);
    while (mn_seq_lt(left, right)) {
        uint32_t i = find(b, left);
        uint32_t end = mn_scoreboard_end_of(b, i);
        bool whole = divide(b, pools, i, left);
        if (whole && mn_scoreboard_at(b, i)->seq != left)
            i++;
        if (mn_seq_lt(right, end))
            whole = divide(b, pools, i, right) && whole;
        struct mn_sent *record = mn_scoreboard_at(b, i);
        left = mn_scoreboard_end_of(b, i);
        /* A record that could not be divided is lost until its last byte has been sent again. */
        if (record->flags & MN_SENT_SACKED || (!whole && mn_seq_lt(right, left)))
            continue;
        set_flags(b, i, MN_SENT_RETRANSMITTED);
        record->sent_ns = now;
        join(b, i);
    }
}

/* --- acknowledgements --- */

/* Removes `len` bytes from the front. */
static void drop_front(struct mn_scoreboard *b, uint32_t len)
{
    MN_DEBUG_ASSERT(len > 0 && b->count > 0 && len <= length(b, 0));
    struct mn_sent *record = mn_scoreboard_at(b, 0);
    if (MN_UNLIKELY(record->flags & MN_SENT_SACKED))
        b->sacked -= len;
    if (MN_UNLIKELY(record->flags & MN_SENT_LOST))
        b->lost -= len;
    if (len < length(b, 0)) {
        record->seq += len;
        return;
    }
    b->count--;
    b->first = (uint16_t)(b->count == 0 ? 0 : b->first + 1);
}

bool mn_scoreboard_acked(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools, uint32_t una,
                         struct mn_delivery *delivery)
{
    MN_DEBUG_ASSERT(mn_seq_leq(una, b->end));
    while (b->count > 0) {
        const struct mn_sent *record = mn_scoreboard_at(b, 0);
        if (mn_seq_geq(record->seq, una))
            break;
        uint32_t end = mn_seq_min(mn_scoreboard_end_of(b, 0), una);
        *delivery = (struct mn_delivery){record->sent_ns, end, end - record->seq, record->flags};
        drop_front(b, end - record->seq);
        if (!(delivery->flags & MN_SENT_SACKED))
            return true;
    }
    b->lost_from = mn_seq_max(b->lost_from, una);
    if (b->count == 0)
        free_block(b, pools);
    return false;
}

/* Joins record `i` with its neighbours if all have been acknowledged: their times no longer
 * matter. */
static void join_sacked(struct mn_scoreboard *b, uint32_t i)
{
    MN_DEBUG_ASSERT(mn_scoreboard_at(b, i)->flags & MN_SENT_SACKED);
    if (i + 1 < b->count && mn_scoreboard_at(b, i + 1)->flags & MN_SENT_SACKED)
        erase(b, i + 1, 1);
    if (i > 0 && mn_scoreboard_at(b, i - 1)->flags & MN_SENT_SACKED)
        erase(b, i, 1);
}

bool mn_scoreboard_sacked(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools, uint32_t *left, uint32_t right,
                          struct mn_delivery *delivery)
{
    MN_DEBUG_ASSERT(mn_seq_leq(right, b->end));
    while (mn_seq_lt(*left, right)) {
        uint32_t i = find(b, *left), begin = *left;
        uint32_t end = mn_seq_min(mn_scoreboard_end_of(b, i), right);
        *left = end;
        if (mn_scoreboard_at(b, i)->flags & MN_SENT_SACKED || !divide(b, pools, i, begin))
            continue;
        if (mn_scoreboard_at(b, i)->seq != begin)
            i++;
        if (!divide(b, pools, i, end))
            continue;
        const struct mn_sent *record = mn_scoreboard_at(b, i);
        *delivery = (struct mn_delivery){record->sent_ns, end, end - begin, record->flags};
        set_flags(b, i, MN_SENT_SACKED);
        join_sacked(b, i);
        return true;
    }
    return false;
}

/* --- losses --- */

void mn_scoreboard_lose(struct mn_scoreboard *b, uint32_t i)
{
    MN_DEBUG_ASSERT(i < b->count);
    struct mn_sent *record = mn_scoreboard_at(b, i);
    MN_ASSERT(!(record->flags & (MN_SENT_SACKED | MN_SENT_LOST)));
    set_flags(b, i, record->flags | MN_SENT_LOST);
    b->lost_from = mn_seq_min(b->lost_from, record->seq);
}

void mn_scoreboard_lose_range(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools, uint32_t left, uint32_t right)
{
    MN_DEBUG_ASSERT(mn_seq_leq(left, right) && mn_seq_leq(right, b->end));
    while (mn_seq_lt(left, right)) {
        uint32_t i = find(b, left);
        if (divide(b, pools, i, left) && mn_scoreboard_at(b, i)->seq != left)
            i++;
        /* If it cannot be divided, more counts as lost. */
        divide(b, pools, i, mn_seq_min(right, mn_scoreboard_end_of(b, i)));
        uint8_t flags = mn_scoreboard_at(b, i)->flags;
        /* If a lost record could not be divided, it is unknown which part was sent again. */
        if (!(flags & (MN_SENT_SACKED | MN_SENT_LOST)))
            mn_scoreboard_lose(b, i);
        else if (flags & MN_SENT_LOST)
            b->lost_from = mn_seq_min(b->lost_from, left);
        left = mn_scoreboard_end_of(b, i);
    }
}

void mn_scoreboard_forget(struct mn_scoreboard *b, enum mn_sent_flag flag)
{
    MN_DEBUG_ASSERT(flag == MN_SENT_SACKED || flag == MN_SENT_LOST);
    for (uint32_t i = 0; i < b->count; i++) {
        uint8_t flags = mn_scoreboard_at(b, i)->flags;
        if (flags & flag) /* for acknowledged data it is no longer known how often it was sent */
            set_flags(b, i, flag == MN_SENT_SACKED ? MN_SENT_RETRANSMITTED : flags & MN_SENT_RETRANSMITTED);
    }
}

bool mn_scoreboard_find_lost(struct mn_scoreboard *b, uint32_t *left, uint32_t *right)
{
    if (mn_seq_geq(b->lost_from, b->end))
        return false;
    for (uint32_t i = find(b, b->lost_from); i < b->count; i++) {
        const struct mn_sent *record = mn_scoreboard_at(b, i);
        if (record->flags & MN_SENT_LOST) {
            *left = b->lost_from = mn_seq_max(b->lost_from, record->seq);
            *right = mn_scoreboard_end_of(b, i);
            return true;
        }
    }
    b->lost_from = b->end;
    return false;
}
