/* Time: unsigned nanoseconds on a monotonic clock that a port supplies and that never goes back.
 *
 * A blocking call takes an absolute deadline on this clock as its last argument. With MNET_NEVER it
 * waits without bound. With 0 it does not wait at all, so every call is also its own non-blocking
 * form.
 */
#ifndef MNET_TIME_H
#define MNET_TIME_H

#include <stdint.h>

#define MNET_NEVER UINT64_MAX              /* a deadline that never comes */
#define MNET_MICROSECOND UINT64_C(1000)    /* a microsecond in nanoseconds */
#define MNET_MILLISECOND UINT64_C(1000000) /* a millisecond in nanoseconds */
#define MNET_SECOND UINT64_C(1000000000)   /* a second in nanoseconds */

#endif
