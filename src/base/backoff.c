#include "base/backoff.h"

#define MILLIONTHS 1000000u

uint64_t mn_backoff_first(struct mn_random *random, uint64_t ns)
{
    uint64_t tenth = ns / 10;
    return ns - tenth + tenth * mn_random_below(random, 2 * MILLIONTHS + 1) / MILLIONTHS;
}

uint64_t mn_backoff_first_longer(struct mn_random *random, uint64_t ns)
{
    return ns + ns / 10 * (1 + mn_random_below(random, MILLIONTHS)) / MILLIONTHS;
}

uint64_t mn_backoff_next(struct mn_random *random, uint64_t ns, uint64_t most_ns)
{
    uint64_t next = ns + mn_backoff_first(random, ns);
    return next > most_ns ? mn_backoff_first(random, most_ns) : next;
}
