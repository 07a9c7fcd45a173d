/* A hierarchical timing wheel: arming and cancelling are O(1), expiry is O(1) amortised, and an
 * empty wheel needs no wake-up.
 *
 * Timers expire at their time rounded up to a whole microsecond, never early. There are no
 * callbacks: mn_wheel_expire returns expired timers one by one, in order of time and, at the same
 * microsecond, in order of arming.
 */
#ifndef MN_WHEEL_H
#define MN_WHEEL_H

#include <mnet/link.h>
#include <mnet/time.h>

#include "base/base.h"

#define MN_WHEEL_LEVELS 10 /* of 64 slots each: 2^60 us, more than 64-bit nanoseconds can express */
#define MN_WHEEL_SLOTS 64

struct mn_timer {
    struct mnet_link link; /* must be zero before the first use */
    uint64_t at_ns;        /* its time; meaningful while armed */
    uint16_t slot;         /* for the wheel */
    uint8_t kind;          /* for the owner, to tell its timers apart */
};

struct mn_wheel {
    /* A lower bound of all timers' times, so that the usual question costs a comparison. */
    uint64_t next_ns;
    bool next_exact;  /* next_ns is the value of mn_wheel_deadline */
    uint64_t seen_ns; /* the latest time of a call of mn_wheel_expire */
    /* The slots are relative to this time; it may lag behind while nothing is due. */
    uint64_t now_us;
    uint64_t occupied[MN_WHEEL_LEVELS]; /* a bit for each slot that is not empty */
    struct mnet_link slots[MN_WHEEL_LEVELS][MN_WHEEL_SLOTS];
    struct mnet_link expired;
    size_t armed;
};

void mn_wheel_init(struct mn_wheel *wheel, uint64_t now_ns);
/* Arms `timer` or arms it anew. MNET_NEVER cancels it. A time in the past expires at the next call
 * of mn_wheel_expire. */
void mn_wheel_arm(struct mn_wheel *wheel, struct mn_timer *timer, uint64_t at_ns);
/* Does nothing if the timer is not armed. */
void mn_wheel_cancel(struct mn_wheel *wheel, struct mn_timer *timer);
static inline bool mn_timer_armed(const struct mn_timer *timer)
{
    return timer->link.next != NULL;
}
struct mn_timer *mn_wheel_take(struct mn_wheel *wheel);
/* Returns the next timer that is due at `now_ns`, no longer armed, or NULL if none is due. Call it
 * until it returns NULL. */
static inline struct mn_timer *mn_wheel_expire(struct mn_wheel *wheel, uint64_t now_ns)
{
    if (now_ns > wheel->seen_ns)
        wheel->seen_ns = now_ns;
    return wheel->seen_ns < wheel->next_ns ? NULL : mn_wheel_take(wheel);
}
uint64_t mn_wheel_find_deadline(struct mn_wheel *wheel);
/* Returns the time of the next call of mn_wheel_expire, or MNET_NEVER if no timer is armed. It is
 * never later than the first timer. It is earlier only if that timer is far ahead and shares its
 * slot with more than a handful of others. */
static inline uint64_t mn_wheel_deadline(struct mn_wheel *wheel)
{
    return wheel->next_exact ? wheel->next_ns : mn_wheel_find_deadline(wheel);
}

#endif
