/* The rate of ICMP errors (RFC 1812 4.3.2.8, RFC 4443 2.4 (f)), of both families together: so many
 * a second in the long run, and at once as many as in a quarter of a second. A token costs a random
 * price of this mean, so that nobody can count the tokens that others have had and infer our
 * answers to them.
 */
#include "ip/internal.h"

#define BURST_NS (250 * MNET_MILLISECOND)

/* No price is so high that the credit never reaches it. */
static uint64_t most_credit(const struct mn_ip_limit *limit)
{
    MN_DEBUG_ASSERT(limit->mean_ns > 0);
    return MN_MAX(BURST_NS, 2 * (uint64_t)limit->mean_ns);
}

void mn_ip_limit_errors(struct mn_ip *ip, uint32_t errors_per_s, uint64_t now)
{
    MN_ASSERT(errors_per_s > 0 && errors_per_s <= MNET_SECOND);
    struct mn_ip_limit *limit = &ip->icmp_limit;
    *limit = (struct mn_ip_limit){.filled_ns = now, .mean_ns = (uint32_t)(MNET_SECOND / errors_per_s)};
    limit->credit_ns = most_credit(limit);
}

static void fill_bucket(struct mn_ip_limit *limit, uint64_t now)
{
    MN_DEBUG_ASSERT(now >= limit->filled_ns);
    uint64_t credit = limit->credit_ns + (now - limit->filled_ns);
    limit->credit_ns = MN_MIN(credit, most_credit(limit));
    limit->filled_ns = now;
    MN_DEBUG_ASSERT(limit->credit_ns <= most_credit(limit));
}

bool mn_ip_check_error_limit(struct mn_ip *ip, uint64_t now)
{
    struct mn_ip_limit *limit = &ip->icmp_limit;
    fill_bucket(limit, now);
    if (mn_ip_may_speak(ip) && limit->credit_ns >= limit->price_ns)
        return true;
    mn_ip_count(ip, MNET_COUNT_ICMP_ERRORS_LIMITED);
    return false;
}

void mn_ip_pay_error(struct mn_ip *ip)
{
    MN_DEBUG_ASSERT(ip->icmp_limit.credit_ns >= ip->icmp_limit.price_ns);
    struct mn_ip_limit *limit = &ip->icmp_limit;
    limit->credit_ns -= limit->price_ns;
    limit->price_ns = mn_random_below(ip->random, 2 * limit->mean_ns + 1);
    MN_DEBUG_ASSERT(limit->price_ns <= most_credit(limit));
}
