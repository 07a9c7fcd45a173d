/* The scoreboard: the state of every sequence number between SND.UNA and SND.NXT (RFC 6675 2, RFC
 * 8985 5.2).
 *
 * It is a sorted array of records without gaps: each begins at its `seq` and ends where the next
 * one begins, the last one at `end`. A record is a range that was sent at one time and has one
 * state. So a packet of 64 KiB is one record, and so is all data that was sent within a sixteenth
 * of a round trip. There are few of them unless much is lost. One record is in the struct itself.
 * More of them are in a block from one of three pools, which is given back when nothing is in
 * flight.
 *
 * Limits: there are never more than MN_SCOREBOARD_MAX records, for any acknowledgements. A look-up
 * is a binary search. Costlier work is paid for by sequence numbers whose state changes. If a
 * record cannot be divided, because of the limit or for lack of memory, the knowledge becomes
 * coarser, always towards sending data once more: a block that cannot be recorded counts as not
 * received.
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
    uint64_t sent_ns; /* time at which its last byte was sent (again) */
    uint32_t seq;
    uint8_t flags; /* enum mn_sent_flag */
};

struct mn_scoreboard {
    union {
        struct mn_sent one; /* size 0: at most one record, here */
        struct mn_sent *block;
    };
    uint16_t first, count; /* in the block */
    uint8_t size;          /* 0: no block; otherwise the block is from pool size - 1 */
    /* Data was retransmitted since the last record: later data has a record of its own. */
    bool apart;
    uint32_t end;          /* SND.NXT */
    uint32_t sacked, lost; /* bytes of records with these flags */
    uint32_t lost_from;    /* nothing below is to be retransmitted */
};

/* The pools of the blocks, smallest first. */
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

/* Makes an empty scoreboard: SND.UNA and SND.NXT are `seq`. */
void mn_scoreboard_init(struct mn_scoreboard *b, uint32_t seq);
void mn_scoreboard_clear(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools);

/* [b->end, end) is sent for the first time. Times that are equal after a shift by `grain` count as
 * one. */
void mn_scoreboard_sent(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools, uint32_t end, uint64_t now,
                        unsigned grain);
/* The same if nothing is in flight, and the record needs no block. Otherwise returns false, with
 * nothing done. */
static inline bool mn_scoreboard_sent_alone(struct mn_scoreboard *b, uint32_t end, uint64_t now)
{
    if (MN_UNLIKELY(b->count > 0 || b->size > 0))
        return false;
    b->one = (struct mn_sent){.sent_ns = now, .seq = b->end};
    b->count = 1;
    b->end = end;
    b->apart = false;
    return true;
}
/* Nothing is in flight, and SND.NXT moves to `seq`: the data before it was acknowledged without
 * having counted as sent. */
void mn_scoreboard_skip(struct mn_scoreboard *b, uint32_t seq);
/* [left, right), within the data in flight, is retransmitted: it counts as in flight, no longer as
 * lost. */
void mn_scoreboard_retransmitted(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools, uint32_t left,
                                 uint32_t right, uint64_t now);

/* SND.UNA advances to `una`. Call until it returns false. Each time *delivery is a part that had
 * not been acknowledged selectively before. */
bool mn_scoreboard_acked(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools, uint32_t una,
                         struct mn_delivery *delivery);
/* The same if all is acknowledged, up to `una`, and is one record that needs no block. Returns that
 * record. */
static inline struct mn_delivery mn_scoreboard_acked_whole(struct mn_scoreboard *b, uint32_t una)
{
    MN_ASSERT(b->count == 1 && b->size == 0 && b->end == una);
    b->count = b->first = 0;
    b->lost_from = mn_seq_max(b->lost_from, una);
    return (struct mn_delivery){b->one.sent_ns, una, una - b->one.seq, b->one.flags};
}
/* [left, right), within the data in flight, is acknowledged selectively. Call with the same `right`
 * and the advanced `left` until it returns false. */
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
/* Counts a record that is in flight as lost. */
void mn_scoreboard_lose(struct mn_scoreboard *b, uint32_t i);
/* The same for [left, right). */
void mn_scoreboard_lose_range(struct mn_scoreboard *b, struct mn_scoreboard_pools *pools, uint32_t left,
                              uint32_t right);
/* MN_SENT_LOST: lost data that has not been retransmitted counts as in flight. MN_SENT_SACKED:
 * selective acknowledgements are forgotten. */
void mn_scoreboard_forget(struct mn_scoreboard *b, enum mn_sent_flag flag);
/* Finds the first lost range to retransmit. Returns false if there is none. */
bool mn_scoreboard_find_lost(struct mn_scoreboard *b, uint32_t *left, uint32_t *right);
static inline bool mn_scoreboard_next_lost(struct mn_scoreboard *b, uint32_t *left, uint32_t *right)
{
    return b->lost > 0 && mn_scoreboard_find_lost(b, left, right);
}

#endif
