/* Clocks, and sleeping. */
#include "syscall/calls.h"
#include "syscall/open.h"

enum clock {
    CLOCK_REALTIME = 0,
    CLOCK_MONOTONIC = 1,
    CLOCK_PROCESS = 2,
    CLOCK_THREAD = 3,
    CLOCK_MONOTONIC_RAW = 4,
    CLOCK_REALTIME_COARSE = 5,
    CLOCK_MONOTONIC_COARSE = 6,
    CLOCK_BOOTTIME = 7,
    CLOCKS,
};

#define TIMER_ABSTIME 1u

static bool is_wall(uint64_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}

static bool is_valid(const struct mn_timespec *time)
{
    return time->seconds >= 0 && time->nanoseconds >= 0 && time->nanoseconds < (int64_t)MNET_SECOND;
}

/* Without overflow: the end of time is 584 years away. */
static uint64_t ns_of(const struct mn_timespec *time)
{
    uint64_t seconds = MN_MIN((uint64_t)time->seconds, MNET_NEVER / MNET_SECOND - 1);
    return seconds * MNET_SECOND + (uint64_t)time->nanoseconds;
}

uint64_t mn_deadline_after(const struct mn_system *system, const struct mn_timespec *time)
{
    if (time == NULL || !is_valid(time))
        return MNET_NEVER;
    return mn_time_after(mn_system_now(system), MN_MAX(ns_of(time), 1));
}

uint64_t mn_deadline_at(const struct mn_system *system, const struct mn_timespec *time, bool wall)
{
    if (time == NULL || !is_valid(time))
        return MNET_NEVER;
    uint64_t at = ns_of(time), now = wall ? mn_system_wall(system) : mn_system_now(system);
    return at > now ? mn_time_after(mn_system_now(system), at - now) : 1;
}

uint64_t mn_deadline_ms(const struct mn_system *system, int milliseconds)
{
    if (milliseconds < 0)
        return MNET_NEVER;
    return milliseconds == 0 ? 0 : mn_time_after(mn_system_now(system), (uint64_t)milliseconds * MNET_MILLISECOND);
}

static void store(struct mn_timespec *to, uint64_t ns)
{
    *to = (struct mn_timespec){(int64_t)(ns / MNET_SECOND), (int64_t)(ns % MNET_SECOND)};
}

MN_CALL(clock_gettime)
{
    const struct mn_system *system = thread->system;
    if (argument[0] >= CLOCKS)
        return -MNET_EINVAL;
    store(mn_pointer(argument[1]), is_wall(argument[0]) ? mn_system_wall(system) : mn_system_now(system));
    return 0;
}

MN_CALL(clock_getres)
{
    (void)thread;
    if (argument[0] >= CLOCKS)
        return -MNET_EINVAL;
    if (argument[1] != 0)
        store(mn_pointer(argument[1]), 1);
    return 0;
}

MN_CALL(gettimeofday)
{
    int64_t *time = mn_pointer(argument[0]);
    uint64_t wall = mn_system_wall(thread->system);
    time[0] = (int64_t)(wall / MNET_SECOND);
    time[1] = (int64_t)(wall % MNET_SECOND / MNET_MICROSECOND);
    return 0;
}

MN_CALL(time)
{
    int64_t seconds = (int64_t)(mn_system_wall(thread->system) / MNET_SECOND);
    if (argument[0] != 0)
        *(int64_t *)mn_pointer(argument[0]) = seconds;
    return seconds;
}

static int64_t sleep_until(uint64_t deadline)
{
    return mnet_sleep(deadline) == MNET_E_CANCELLED ? -MNET_EINTR : 0;
}

MN_CALL(nanosleep)
{
    const struct mn_timespec *time = mn_pointer(argument[0]);
    return is_valid(time) ? sleep_until(mn_deadline_after(thread->system, time)) : -MNET_EINVAL;
}

MN_CALL(clock_nanosleep)
{
    const struct mn_timespec *time = mn_pointer(argument[2]);
    if (argument[0] >= CLOCKS || !is_valid(time))
        return -MNET_EINVAL;
    if ((argument[1] & TIMER_ABSTIME) != 0)
        return sleep_until(mn_deadline_at(thread->system, time, is_wall(argument[0])));
    return sleep_until(mn_deadline_after(thread->system, time));
}
