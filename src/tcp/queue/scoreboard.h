/* The scoreboard: what became of every sequence number between SND.UNA and SND.NXT (RFC 6675 2, RFC 8985 5.2).
 *
 * It is a sorted array of records without gaps: each begins at its `seq` and ends where the next one begins, the last one at `end`. A record
 * is a stretch that was sent at one time and has one fate, so a packet of 64 KiB is one record, and so is everything that was sent within a
 * sixteenth of a round trip; there are few of them unless much is lost. One record has its place here, more of them are in a block from one
 * of three pools, given back when nothing is in flight.
 *
 * Bounds. There are never more than MN_SCOREBOARD_MAX records, whatever the peer acknowledges. A look-up is a binary search; what costs more
 * is paid for by sequence numbers whose fate changes. Where a record cannot be divided, for the bound or for want of memory, what is known
 * gets coarser, always towards sending something once more: a block that cannot be noted is as if it had not been received.
 */
#ifndef MN_SCOREBOARD_H
#define MN_SCOREBOARD_H

#include "base/pool.h"
#include "base/sequence.h"

#define MN_SCOREBOARD_MAX 1024u
#define MN_SCOREBOARD_SIZES 3

enum mn_sent_flag {
    MN_SENT_SACKED = 1,        /* acknowledged selectively */
    MN_SENT_LOST = 2,          /* to be sent again; never together with SACKED */
    MN_SENT_RETRANSMITTED = 4, /* was sent more than once (Karn) */
};

struct mn_sent {
    uint64_t sent_ns; /* when its last byte was sent (again) */
    uint32_t seq;
    uint8_t flags; /* enum mn_sent_flag */
};

struct mn_scoreboard {
    union {
        struct mn_sent one; /* size 0: at most one record, here */
        struct mn_sent *block;
    };
    uint16_t first, count; /* in the block */
    uint8_t size;          /* else of the block: it is from pool size - 1 */
    bool apart;            /* something was sent again since the last record: what follows has one of its own */
    uint32_t end;          /* SND.NXT */
    uint32_t sacked, lost; /* bytes of records with these flags */
    uint32_t lost_from;    /* nothing below is still to be sent again */
};

/* The pools that blocks come from, smallest first. */
struct mn_scoreboard_pools {
    struct mn_pool size[MN_SCOREBOARD_SIZES];
};

/* A part of one record that was acknowledged for the first time. */
struct mn_delivery {
    uint64_t sent_ns;
    uint32_t end;
    uint32_t len;
    uint8_t flags; /* before */
};

void mn_scoreboard_pools_init(struct mn_scoreboard_pools *pools, struct mnet_memory *memory);

/* An empty one: SND.UNA and SND.NXT are `seq`. */
void mn_scoreboard_init(struct mn_scoreboard *b, uint32_t seq);
void mn_scoreboard_clear(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools);

/* [b->end, end) is sent for the first time. Times with the same value after a shift by `grain` count as one. */
void mn_scoreboard_sent(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools, uint32_t end, uint64_t now,
                        unsigned grain);
/* Nothing is in flight, and SND.NXT moves to `seq`: what lies before it was acknowledged without having counted as sent. */
void mn_scoreboard_skip(struct mn_scoreboard *b, uint32_t seq);
/* [left, right), within what is in flight, is sent again: it counts as in flight, no longer as lost. */
void mn_scoreboard_retransmitted(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools, uint32_t left,
                                 uint32_t right, uint64_t now);

/* SND.UNA advances to `una`; call until false. Each time *delivery is one part of what had not been acknowledged selectively before. */
bool mn_scoreboard_acked(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools, uint32_t una,
                         struct mn_delivery *delivery);
/* [left, right), within what is in flight, is acknowledged selectively; call until false with the same `right` and the `left` that it moves
 * on. */
bool mn_scoreboard_sacked(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools, uint32_t *left, uint32_t right,
                          struct mn_delivery *delivery);

/* Records by number, from 0, in order of sequence. */
static inline struct mn_sent *mn_scoreboard_at(struct mn_scoreboard *b, uint32_t i)
{
    return b->size == 0 ? &b->one : b->block + b->first + i;
}
static inline uint32_t mn_scoreboard_end_of(struct mn_scoreboard *b, uint32_t i)
{
    return MN_UNLIKELY(i + 1 < b->count) ? mn_scoreboard_at(b, i + 1)->seq : b->end;
}
/* A record that is in flight counts as lost from here on. */
void mn_scoreboard_lose(struct mn_scoreboard *b, uint32_t i);
/* The same for [left, right). */
void mn_scoreboard_lose_range(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools, uint32_t left,
                              uint32_t right);
/* What is lost and has not been sent again counts as in flight; or what was acknowledged selectively as if it had never been. */
void mn_scoreboard_forget(struct mn_scoreboard *b, enum mn_sent_flag flag);
/* The first range that is lost and to be sent again; false where there is none. */
bool mn_scoreboard_find_lost(struct mn_scoreboard *b, uint32_t *left, uint32_t *right);
static inline bool mn_scoreboard_next_lost(struct mn_scoreboard *b, uint32_t *left, uint32_t *right)
{
    return b->lost > 0 && mn_scoreboard_find_lost(b, left, right);
}

#endif
