/* Time: unsigned nanoseconds on a monotonic clock that a port supplies and that never goes back.
 *
 * Blocking calls take an absolute deadline on this clock as their last argument. MNET_NEVER waits without
 * bound; 0 does not wait at all, so every call is also its own non-blocking form.
 */
#ifndef MNET_TIME_H
#define MNET_TIME_H

#include <stdint.h>

#define MNET_NEVER UINT64_MAX              /* a deadline that does not come */
#define MNET_MICROSECOND UINT64_C(1000)    /* in nanoseconds ... */
#define MNET_MILLISECOND UINT64_C(1000000) /* ... */
#define MNET_SECOND UINT64_C(1000000000)   /* ... */

#endif
