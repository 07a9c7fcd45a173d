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

bool mn_clock_is_wall(uint64_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}

bool mn_timespec_ok(const struct mn_timespec *time)
{
    return time->seconds >= 0 && time->nanoseconds >= 0 && time->nanoseconds < (int64_t)MNET_SECOND;
}

/* Without overflow: the end of time is 584 years away. */
uint64_t mn_timespec_ns(const struct mn_timespec *time)
{
    uint64_t seconds = MN_MIN((uint64_t)time->seconds, MNET_NEVER / MNET_SECOND - 1);
    MN_DEBUG_ASSERT(mn_timespec_ok(time));
    return seconds * MNET_SECOND + (uint64_t)time->nanoseconds;
}

uint64_t mn_deadline_after(const struct mn_system *system, const struct mn_timespec *time)
{
    if (time == NULL || !mn_timespec_ok(time))
        return MNET_NEVER;
    return mn_time_after(mn_system_now(system), MN_MAX(mn_timespec_ns(time), 1));
}

uint64_t mn_deadline_at(const struct mn_system *system, const struct mn_timespec *time, bool wall)
{
    if (time == NULL || !mn_timespec_ok(time))
        return MNET_NEVER;
    uint64_t at = mn_timespec_ns(time), now = wall ? mn_system_wall(system) : mn_system_now(system);
    return at > now ? mn_time_after(mn_system_now(system), at - now) : 1;
}

uint64_t mn_deadline_ms(const struct mn_system *system, int milliseconds)
{
    if (milliseconds < 0)
        return MNET_NEVER;
    return milliseconds == 0 ? 0 : mn_time_after(mn_system_now(system), (uint64_t)milliseconds * MNET_MILLISECOND);
}

void mn_timespec_store(struct mn_timespec *time, uint64_t ns)
{
    *time = (struct mn_timespec){(int64_t)(ns / MNET_SECOND), (int64_t)(ns % MNET_SECOND)};
}

MN_CALL(clock_gettime)
{
    const struct mn_system *system = thread->system;
    if (argument[0] >= CLOCKS)
        return -MNET_EINVAL;
    mn_timespec_store(mn_pointer(argument[1]),
                      mn_clock_is_wall(argument[0]) ? mn_system_wall(system) : mn_system_now(system));
    return 0;
}

MN_CALL(clock_getres)
{
    (void)thread;
    if (argument[0] >= CLOCKS)
        return -MNET_EINVAL;
    if (argument[1] != 0)
        mn_timespec_store(mn_pointer(argument[1]), 1);
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

/* `rest` gets the time that is left if a signal ends the sleep; NULL: nobody asks. */
static int64_t sleep_until(const struct mn_system *system, uint64_t deadline, struct mn_timespec *rest)
{
    if (mnet_sleep(deadline) != MNET_E_CANCELLED)
        return 0;
    uint64_t now = mn_system_now(system);
    if (rest != NULL)
        mn_timespec_store(rest, deadline > now ? deadline - now : 0);
    return -MNET_EINTR;
}

MN_CALL(nanosleep)
{
    const struct mn_timespec *time = mn_pointer(argument[0]);
    if (!mn_timespec_ok(time))
        return -MNET_EINVAL;
    return sleep_until(thread->system, mn_deadline_after(thread->system, time), mn_pointer(argument[1]));
}

MN_CALL(clock_nanosleep)
{
    const struct mn_system *system = thread->system;
    const struct mn_timespec *time = mn_pointer(argument[2]);
    if (argument[0] >= CLOCKS || !mn_timespec_ok(time))
        return -MNET_EINVAL;
    if ((argument[1] & TIMER_ABSTIME) != 0)
        return sleep_until(system, mn_deadline_at(system, time, mn_clock_is_wall(argument[0])), NULL);
    return sleep_until(system, mn_deadline_after(system, time), mn_pointer(argument[3]));
}
