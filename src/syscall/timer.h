/* Timers as calls set them, for the files of src/syscall that have some. */
#ifndef MN_SYSCALL_TIMER_H
#define MN_SYSCALL_TIMER_H

#include "syscall/calls.h"

/* struct itimerspec. */
struct mn_timer_times {
    struct mn_timespec interval, value;
};

/* Tells when a timer will fire, from now on, and its interval. */
void mn_timer_describe(const struct mn_system *system, const struct mn_program_timer *timer,
                       struct mn_timer_times *now);
bool mn_timer_times_ok(const struct mn_timer_times *times);
/* Starts a timer, or ends it if the value is 0. `flags` may say that the value is a time of the
 * wall clock, or of the monotonic one. */
void mn_timer_start(struct mn_system *system, struct mn_program_timer *timer, const struct mn_timer_times *times,
                    uint64_t flags, bool wall);

/* signal_timer.c: the thread has ended, so its timers signal nobody. */
void mn_signal_timers_forget(const struct mn_thread *thread);

#endif
