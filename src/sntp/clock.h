/* The time of day, as it follows from the samples of servers.
 *
 * It is the monotonic clock and an offset. A small correction is slewed: the offset moves by 500
 * millionths of the time that passes, so that the time of day never stands still or goes back. A
 * large one is a jump, which a second round of answers must confirm. One of more than 1000 s is
 * refused: either the clock was wrong for hours, or the servers are.
 */
#ifndef MN_SNTP_CLOCK_H
#define MN_SNTP_CLOCK_H

#include "base/base.h"

#define MN_SNTP_SLEW_PPM 500
#define MN_SNTP_JUMP_NS ((int64_t)(125 * MNET_MILLISECOND)) /* corrections up to here are slewed */
#define MN_SNTP_PANIC_NS ((int64_t)(1000 * MNET_SECOND))
/* The time before which nobody has this program, in seconds since 1970: 2026-01-01. */
#define MN_SNTP_EARLIEST_S UINT64_C(1767225600)
#define MN_SNTP_DRIFT_PPM 50 /* of clocks between two answers */

/* What a server's answer tells: time of day = monotonic time + offset, give or take the error. */
struct mn_sntp_sample {
    int64_t offset_ns;
    uint64_t error_ns;
    uint64_t at_ns; /* when it came */
};

struct mn_sntp_clock {
    bool set;
    int64_t offset_ns; /* at since_ns */
    int64_t left_ns;   /* that is slewed from then on */
    int64_t jump_ns;   /* waits to be confirmed; 0: none */
    uint64_t since_ns;
};

enum mn_sntp_change {
    MN_SNTP_SET,     /* for the first time */
    MN_SNTP_SLEWED,  /* in small steps, from now on */
    MN_SNTP_DOUBTED, /* a jump that the next round may confirm */
    MN_SNTP_JUMPED,
    MN_SNTP_REFUSED, /* too far */
    MN_SNTP_EARLY,   /* before MN_SNTP_EARLIEST_S */
};

/* Returns the time of day in nanoseconds since 1970, or 0 if it is not set. */
uint64_t mn_sntp_clock_read(const struct mn_sntp_clock *clock, uint64_t now);
/* Moves towards the offset. *by_ns is the difference. */
enum mn_sntp_change mn_sntp_clock_follow(struct mn_sntp_clock *clock, int64_t offset_ns, uint64_t now, int64_t *by_ns);

/* Finds the offset that more than half of `count` samples allow, in 1..8 samples. *liars has a bit
 * for each of the others. Returns the best of the samples that agree, or -1 if no majority does. */
int mn_sntp_agree(const struct mn_sntp_sample *samples, unsigned count, uint64_t now, unsigned *liars);

#endif
