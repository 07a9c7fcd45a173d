/* A hierarchical timing wheel: arming and cancelling are O(1), expiry O(1) amortised, and an empty wheel asks for no
 * wake-up.
 *
 * Timers fire at their time rounded up to a whole microsecond, never early. There are no callbacks: mn_wheel_expire
 * hands out expired timers one by one, in order of time and, at the same microsecond, in order of arming.
 */
#ifndef MN_WHEEL_H
#define MN_WHEEL_H

#include <mnet/link.h>
#include <mnet/time.h>

#include "base/base.h"

#define MN_WHEEL_LEVELS 10 /* of 64 slots each: 2^60 us, more than 64-bit nanoseconds can say */
#define MN_WHEEL_SLOTS 64

struct mn_timer {
    struct mnet_link link; /* must be zero before the first use */
    uint64_t at_ns;        /* when it fires; meaningful while armed */
    uint16_t slot;         /* the wheel's */
    uint8_t kind;          /* the owner's, to tell its timers apart */
};

struct mn_wheel {
    uint64_t next_ns;                   /* no timer fires before; kept so that the usual question costs a comparison */
    bool next_exact;                    /* ... and mn_wheel_deadline would say just that */
    uint64_t seen_ns;                   /* the latest time that expiry was asked about */
    uint64_t now_us;                    /* what the slots are relative to; may lag behind as long as nothing is due */
    uint64_t occupied[MN_WHEEL_LEVELS]; /* one bit for each slot that is not empty */
    struct mnet_link slots[MN_WHEEL_LEVELS][MN_WHEEL_SLOTS];
    struct mnet_link expired;
    size_t armed;
};

void mn_wheel_init(struct mn_wheel *wheel, uint64_t now_ns);
/* Arms or re-arms `timer`; MNET_NEVER cancels it. A time in the past fires at the next expiry. */
void mn_wheel_arm(struct mn_wheel *wheel, struct mn_timer *timer, uint64_t at_ns);
/* Allowed for a timer that is not armed. */
void mn_wheel_cancel(struct mn_wheel *wheel, struct mn_timer *timer);
static inline bool mn_timer_armed(const struct mn_timer *timer)
{
    return timer->link.next != NULL;
}
struct mn_timer *mn_wheel_take(struct mn_wheel *wheel);
/* Takes the next timer that is due at `now_ns`, no longer armed; NULL where none is. Call until NULL. */
static inline struct mn_timer *mn_wheel_expire(struct mn_wheel *wheel, uint64_t now_ns)
{
    if (now_ns > wheel->seen_ns)
        wheel->seen_ns = now_ns;
    return wheel->seen_ns < wheel->next_ns ? NULL : mn_wheel_take(wheel);
}
uint64_t mn_wheel_find_deadline(struct mn_wheel *wheel);
/* When mn_wheel_expire should next be called; MNET_NEVER where none is armed. Never later than the first timer, and
 * exactly then unless it is far ahead together with more than a handful of others: then, a little earlier. */
static inline uint64_t mn_wheel_deadline(struct mn_wheel *wheel)
{
    return wheel->next_exact ? wheel->next_ns : mn_wheel_find_deadline(wheel);
}

#endif
