/* Timestamps (RFC 7323): our clock, the echoed value, and PAWS.
 *
 * The clock ticks once a millisecond, the fastest that 5.4 allows, and begins at an offset for each
 * pair of endpoints (7.1). So nobody learns how long we have been up. Connections that follow one
 * another between the same two ends see one clock that only goes forward, on which the reuse of
 * TIME-WAIT (RFC 6191) relies.
 */
#ifndef MN_TIMESTAMPS_H
#define MN_TIMESTAMPS_H

#include <mnet/address.h>
#include <mnet/time.h>

#include "base/base.h"
#include "base/sequence.h"

struct mn_segment;
struct mn_tcb;

struct mn_tcp;

struct mn_timestamps {
    uint32_t offset;    /* of our clock */
    uint32_t recent;    /* TS.Recent: the value to echo, and the lower limit of later ones */
    uint32_t recent_at; /* time at which it was set, in units of 2^30 ns */
};

#define MN_TIMESTAMP_TICK MNET_MILLISECOND
/* 5.5: 24 days. After that the sign of the difference of two timestamps of a millisecond clock
 * means nothing. */
#define MN_TIMESTAMP_VALID (24 * 24 * 3600 * MNET_SECOND)

static inline uint32_t mn_timestamps_value(const struct mn_timestamps *ts, uint64_t now)
{
    return (uint32_t)(now / MN_TIMESTAMP_TICK) + ts->offset;
}

/* 5.3 R1: returns whether the value is older than TS.Recent, and TS.Recent is still valid. */
static inline bool mn_timestamps_old(const struct mn_timestamps *ts, uint32_t value, uint64_t now)
{
    return mn_seq_lt(value, ts->recent) && (uint32_t)(now >> 30) - ts->recent_at <= MN_TIMESTAMP_VALID >> 30;
}

/* Sets TS.Recent, unless the value is older and TS.Recent is still valid. */
static inline void mn_timestamps_update(struct mn_timestamps *ts, uint32_t value, uint64_t now)
{
    if (!mn_timestamps_old(ts, value, now)) {
        ts->recent = value;
        ts->recent_at = (uint32_t)(now >> 30);
    }
}

/* Takes the first value of a connection, from the peer's SYN. */
static inline void mn_timestamps_begin(struct mn_timestamps *ts, uint32_t value, uint64_t now)
{
    ts->recent = value;
    ts->recent_at = (uint32_t)(now >> 30);
}

/* RFC 7323 5.3 R1: returns false if the segment is an old duplicate, or lacks the option. It has
 * been answered then if necessary. Resets and SYNs pass: other checks are for them. */
bool mn_tcb_check_timestamp(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg);
/* 4.1: returns the time since the segment was sent whose timestamp this segment echoes, or 0 if
 * that is unknown. */
uint64_t mn_tcb_echo_age(const struct mn_tcb *tcb, const struct mn_segment *seg);

#endif
