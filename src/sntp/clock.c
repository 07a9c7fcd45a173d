#include "sntp/clock.h"

static int64_t magnitude(int64_t value)
{
    return value < 0 ? -value : value;
}

/* The part of a correction that has been made by now. */
static int64_t slewed(const struct mn_sntp_clock *clock, uint64_t now)
{
    MN_DEBUG_ASSERT(clock->since_ns <= now);
    uint64_t most = (now - clock->since_ns) / 1000000 * MN_SNTP_SLEW_PPM;
    if (most >= (uint64_t)magnitude(clock->left_ns))
        return clock->left_ns;
    return clock->left_ns < 0 ? -(int64_t)most : (int64_t)most;
}

static int64_t offset_at(const struct mn_sntp_clock *clock, uint64_t now)
{
    return clock->offset_ns + slewed(clock, now);
}

uint64_t mn_sntp_clock_read(const struct mn_sntp_clock *clock, uint64_t now)
{
    return clock->set ? now + (uint64_t)offset_at(clock, now) : 0;
}

static void move(struct mn_sntp_clock *clock, int64_t offset_ns, int64_t left_ns, uint64_t now)
{
    MN_DEBUG_ASSERT(magnitude(left_ns) <= MN_SNTP_JUMP_NS);
    *clock = (struct mn_sntp_clock){.set = true, .offset_ns = offset_ns, .left_ns = left_ns, .since_ns = now};
}

enum mn_sntp_change mn_sntp_clock_follow(struct mn_sntp_clock *clock, int64_t offset_ns, uint64_t now, int64_t *by_ns)
{
    int64_t present = offset_at(clock, now);
    *by_ns = clock->set ? offset_ns - present : 0;
    if (now + (uint64_t)offset_ns < MN_SNTP_EARLIEST_S * MNET_SECOND)
        return MN_SNTP_EARLY; /* NTPBCP-5.2-1 */
    if (!clock->set) {
        move(clock, offset_ns, 0, now);
        return MN_SNTP_SET;
    }
    if (magnitude(*by_ns) > MN_SNTP_PANIC_NS)
        return MN_SNTP_REFUSED; /* NTP-11.2.3-1 */
    if (magnitude(*by_ns) <= MN_SNTP_JUMP_NS) {
        move(clock, present, *by_ns, now);
        return MN_SNTP_SLEWED;
    }
    if (clock->jump_ns != 0 && magnitude(*by_ns - clock->jump_ns) <= MN_SNTP_JUMP_NS) {
        move(clock, offset_ns, 0, now);
        return MN_SNTP_JUMPED;
    }
    clock->jump_ns = *by_ns;
    return MN_SNTP_DOUBTED;
}

/* ---- Agreement ---- */

/* The error of a sample grows with its age. */
static int64_t reach(const struct mn_sntp_sample *sample, uint64_t now)
{
    MN_DEBUG_ASSERT(sample->at_ns <= now);
    return (int64_t)(sample->error_ns + (now - sample->at_ns) / 1000000 * MN_SNTP_DRIFT_PPM);
}

/* The samples that allow this offset, as bits. */
static unsigned allowing(const struct mn_sntp_sample *samples, unsigned count, uint64_t now, int64_t offset_ns)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < count; i++)
        if (magnitude(samples[i].offset_ns - offset_ns) <= reach(&samples[i], now))
            bits |= 1u << i;
    return bits;
}

static unsigned count_of(unsigned bits)
{
    unsigned count = 0;
    for (; bits != 0; bits &= bits - 1)
        count++;
    return count;
}

/* If intervals have a point in common, then also the lower end of one of them (Marzullo). */
int mn_sntp_agree(const struct mn_sntp_sample *samples, unsigned count, uint64_t now, unsigned *liars)
{
    MN_DEBUG_ASSERT(count > 0 && count < 32);
    unsigned most = 0;
    int best = -1;
    *liars = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned bits = allowing(samples, count, now, samples[i].offset_ns - reach(&samples[i], now));
        if (count_of(bits) > count_of(most))
            most = bits;
    }
    if (2 * count_of(most) <= count)
        return -1;
    for (unsigned i = 0; i < count; i++)
        if ((most >> i & 1) != 0 && (best < 0 || reach(&samples[i], now) < reach(&samples[best], now)))
            best = (int)i;
    *liars = ~most & ((1u << count) - 1);
    return best;
}
