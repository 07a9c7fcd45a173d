/* Lifetimes of router advertisements and their options: seconds from the arrival on. */
#ifndef MN_IP_V6_LIFETIME_H
#define MN_IP_V6_LIFETIME_H

#include "base/base.h"

#define MN_LIFETIME_INFINITE UINT32_MAX /* ND-4.6.2-5, RTPREF-2.3-4, RDNSS-5.1-3 */

/* Returns the time at which a lifetime of 32 bits ends. */
static inline uint64_t mn_lifetime_end(uint64_t now, uint32_t seconds)
{
    return seconds == MN_LIFETIME_INFINITE ? MNET_NEVER : mn_time_after(now, seconds * MNET_SECOND);
}

#endif
