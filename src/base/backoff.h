/* Intervals of retransmissions that double, randomised by a tenth so that hosts which begin at the
 * same time do not go on together (RFC 8415 15; RFC 7559 2 has the same). RAND is uniform between
 * -0.1 and 0.1. */
#ifndef MN_BACKOFF_H
#define MN_BACKOFF_H

#include "base/base.h"
#include "base/random.h"

/* Returns ns + RAND * ns: the first interval. */
uint64_t mn_backoff_first(struct mn_random *random, uint64_t ns);
/* Returns the same with a RAND above 0. */
uint64_t mn_backoff_first_longer(struct mn_random *random, uint64_t ns);
/* Returns 2 * ns + RAND * ns, the interval behind one of `ns`; if that is above `most_ns`, it is
 * most_ns + RAND * most_ns. MNET_NEVER: there is no limit. */
uint64_t mn_backoff_next(struct mn_random *random, uint64_t ns, uint64_t most_ns);

#endif
