/* The timing wheel.
 *
 * Times are whole microseconds, read as ten digits of six bits. A timer's level is the highest
 * digit in which its time differs from now, and this digit gives its slot. So all timers of one
 * level come before all timers of the next, slots of a level are in order of time, and timers of
 * the same microsecond always share a slot, in order of arming. The first occupied slot of the
 * first occupied level therefore holds the next timers. When now reaches the beginning of that
 * slot, its timers move down to the slots of their lower digits or, on level 0, are due.
 *
 * Ten levels cover every 64-bit nanosecond time. A timer moves at most nine times in its life.
 */
#include "base/wheel.h"

#include <assert.h>

#include "base/list.h"

#define DIGIT_BITS 6
#define EXPIRED UINT16_MAX /* as a timer's slot: it is in the list of expired timers */
#define SCANNED_AT_MOST 16 /* most timers to compare for an exact deadline */
#define NANOSECONDS 1000u  /* in a microsecond */

static_assert(MN_WHEEL_SLOTS == 1 << DIGIT_BITS, "a slot for each value of a digit");
static_assert(MN_WHEEL_LEVELS * DIGIT_BITS >= 55, "all of 2^64 ns in us");

void mn_wheel_init(struct mn_wheel *wheel, uint64_t now_ns)
{
    *wheel = (struct mn_wheel){
        .next_ns = MNET_NEVER, .next_exact = true, .seen_ns = now_ns, .now_us = now_ns / NANOSECONDS};
}

/* Rounded up: a timer is never early. */
static uint64_t tick_of(uint64_t at_ns)
{
    return at_ns / NANOSECONDS + (at_ns % NANOSECONDS != 0);
}

static uint64_t time_of(uint64_t tick)
{
    return tick > MNET_NEVER / NANOSECONDS ? MNET_NEVER : tick * NANOSECONDS;
}

/* Puts `timer` into its slot, relative to now_us. A timer due at `seen_us` has expired. */
static void place(struct mn_wheel *wheel, struct mn_timer *timer, uint64_t seen_us)
{
    MN_DEBUG_ASSERT(!mn_list_linked(&timer->link));
    uint64_t tick = tick_of(timer->at_ns);
    if (tick <= seen_us) {
        timer->slot = EXPIRED;
        mn_list_append(&wheel->expired, &timer->link);
        return;
    }
    MN_ASSERT(tick != wheel->now_us); /* a timer that is due now is not entered again */
    unsigned level = (63u - (unsigned)__builtin_clzll(tick ^ wheel->now_us)) / DIGIT_BITS;
    unsigned slot = (unsigned)(tick >> (level * DIGIT_BITS)) % MN_WHEEL_SLOTS;
    timer->slot = (uint16_t)(level * MN_WHEEL_SLOTS + slot);
    wheel->occupied[level] |= UINT64_C(1) << slot;
    mn_list_append(&wheel->slots[level][slot], &timer->link);
}

void mn_wheel_cancel(struct mn_wheel *wheel, struct mn_timer *timer)
{
    MN_DEBUG_ASSERT(timer->slot == EXPIRED || timer->slot < MN_WHEEL_LEVELS * MN_WHEEL_SLOTS || !mn_timer_armed(timer));
    if (!mn_timer_armed(timer))
        return;
    MN_ASSERT(wheel->armed > 0);
    mn_list_remove(&timer->link);
    wheel->armed--;
    wheel->next_exact &= timer->at_ns > wheel->next_ns;
    if (timer->slot == EXPIRED)
        return;
    unsigned level = timer->slot / MN_WHEEL_SLOTS, slot = timer->slot % MN_WHEEL_SLOTS;
    if (mn_list_empty(&wheel->slots[level][slot]))
        wheel->occupied[level] &= ~(UINT64_C(1) << slot);
    MN_DEBUG_ASSERT(!mn_timer_armed(timer));
}

void mn_wheel_arm(struct mn_wheel *wheel, struct mn_timer *timer, uint64_t at_ns)
{
    mn_wheel_cancel(wheel, timer);
    if (at_ns == MNET_NEVER)
        return;
    timer->at_ns = at_ns;
    wheel->armed++;
    uint64_t seen_us = wheel->seen_ns / NANOSECONDS;
    place(wheel, timer, seen_us);
    uint64_t due_ns = time_of(MN_MAX(tick_of(at_ns), seen_us));
    if (due_ns <= wheel->next_ns) {
        wheel->next_ns = due_ns;
        wheel->next_exact = true;
    }
    MN_DEBUG_ASSERT(wheel->armed > 0 && wheel->next_ns <= due_ns);
}

/* The slot of the next timers, and its beginning. */
struct next_slot {
    unsigned level, slot;
    uint64_t start_us;
};

static bool find_next_slot(const struct mn_wheel *wheel, struct next_slot *next)
{
    for (unsigned level = 0; level < MN_WHEEL_LEVELS; level++) {
        if (wheel->occupied[level] == 0)
            continue;
        unsigned slot = (unsigned)__builtin_ctzll(wheel->occupied[level]);
        unsigned shift = level * DIGIT_BITS;
        uint64_t higher_digits = wheel->now_us >> shift >> DIGIT_BITS;
        *next = (struct next_slot){level, slot, (higher_digits << DIGIT_BITS | slot) << shift};
        return true;
    }
    return false;
}

/* Advances now to the beginning of the slot. Its timers move down, and those of this microsecond to
 * the expired ones. */
static void open_slot(struct mn_wheel *wheel, const struct next_slot *next)
{
    MN_DEBUG_ASSERT(!mn_list_empty(&wheel->slots[next->level][next->slot]));
    struct mnet_link *slot = &wheel->slots[next->level][next->slot], *link;
    wheel->occupied[next->level] &= ~(UINT64_C(1) << next->slot);
    while ((link = mn_list_take(slot)) != NULL)
        place(wheel, MN_CONTAINER(link, struct mn_timer, link), wheel->now_us);
    MN_DEBUG_ASSERT(mn_list_empty(slot));
}

MN_RARE struct mn_timer *mn_wheel_take(struct mn_wheel *wheel)
{
    MN_DEBUG_ASSERT(wheel->now_us <= wheel->seen_ns / NANOSECONDS);
    uint64_t target = wheel->seen_ns / NANOSECONDS;
    struct next_slot next;
    wheel->next_exact = false; /* next_ns stays a lower bound */
    while (mn_list_empty(&wheel->expired) && find_next_slot(wheel, &next) && next.start_us <= target) {
        wheel->now_us = next.start_us;
        open_slot(wheel, &next);
    }
    struct mnet_link *link = mn_list_take(&wheel->expired);
    if (link != NULL) {
        wheel->armed--;
        return MN_CONTAINER(link, struct mn_timer, link);
    }
    wheel->now_us = MN_MAX(wheel->now_us, target);
    mn_wheel_find_deadline(wheel);
    return NULL;
}

/* On level 0 a slot is a microsecond. On other levels the first timer of a slot with few timers is
 * searched for, which saves idle machines a wake-up or two for each timer. For a slot with many
 * timers, waking at its beginning costs each of them nothing. */
static uint64_t first_of(const struct mn_wheel *wheel, const struct next_slot *next)
{
    MN_DEBUG_ASSERT(!mn_list_empty(&wheel->slots[next->level][next->slot]));
    const struct mnet_link *slot = &wheel->slots[next->level][next->slot], *link = slot->next;
    uint64_t first = UINT64_MAX;
    if (next->level == 0)
        return next->start_us;
    for (int seen = 0; link != slot; link = link->next) {
        if (++seen > SCANNED_AT_MOST)
            return next->start_us;
        uint64_t tick = tick_of(MN_CONTAINER(link, struct mn_timer, link)->at_ns);
        first = MN_MIN(first, tick);
    }
    return first;
}

MN_RARE uint64_t mn_wheel_find_deadline(struct mn_wheel *wheel)
{
    MN_DEBUG_ASSERT((wheel->armed > 0) || mn_list_empty(&wheel->expired));
    struct next_slot next;
    uint64_t deadline = MNET_NEVER;
    if (!mn_list_empty(&wheel->expired))
        deadline = time_of(wheel->seen_ns / NANOSECONDS);
    else if (find_next_slot(wheel, &next))
        deadline = time_of(first_of(wheel, &next));
    wheel->next_ns = deadline;
    wheel->next_exact = true;
    return deadline;
}
