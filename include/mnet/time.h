/* Time: unsigned nanoseconds on a monotonic clock that a port supplies and that never goes back.
 *
 * A blocking call takes an absolute deadline on this clock as its last argument. With MNET_NEVER it
 * waits without bound. With 0 it does not wait at all, so every call is also its own non-blocking
 * form.
 *
 * The time of day is another clock, which may be unknown, and may be set.
 */
#ifndef MNET_TIME_H
#define MNET_TIME_H

#include <stdint.h>

#define MNET_NEVER UINT64_MAX              /* a deadline that never comes */
#define MNET_MICROSECOND UINT64_C(1000)    /* a microsecond in nanoseconds */
#define MNET_MILLISECOND UINT64_C(1000000) /* a millisecond in nanoseconds */
#define MNET_SECOND UINT64_C(1000000000)   /* a second in nanoseconds */

#pragma GCC visibility push(default)

struct mnet_stack;

/* Returns the time of day: nanoseconds since 1970-01-01 00:00 UTC, without leap seconds. 0: it is
 * not known. It is that of servers if mnet/sntp.h asks some, and else that of the platform: the
 * host's in a process, the clock of the host or of the battery in a machine, 2026 in a simulation
 * (mnet/sim.h). Never suspends. */
uint64_t mnet_wall_clock(const struct mnet_stack *stack);

/* A date of the Gregorian calendar, in UTC. */
struct mnet_date {
    unsigned year, month, day; /* month and day from 1 on */
    unsigned weekday;          /* 0 is Sunday */
    unsigned hour, minute, second;
};
/* Returns the date of so many seconds after 1970-01-01 00:00. Never suspends. */
struct mnet_date mnet_date_of(uint64_t seconds);

#pragma GCC visibility pop

#endif
