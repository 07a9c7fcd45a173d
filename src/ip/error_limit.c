/* The rate of ICMP errors (RFC 1812 4.3.2.8, RFC 4443 2.4 (f)): 200 a second in the long run, about
 * 50 at once, of both families together. A token costs a random price of this mean, so that nobody
 * can count the tokens that others have had and infer our answers to them.
 */
#include "ip/internal.h"

#define ERROR_PRICE_NS (5 * MNET_MILLISECOND)
#define ERROR_BURST 50

static void fill_bucket(struct mn_ip_limit *limit, uint64_t now)
{
    uint64_t credit = limit->credit_ns + (now - limit->filled_ns);
    limit->credit_ns = MN_MIN(credit, ERROR_BURST * ERROR_PRICE_NS);
    limit->filled_ns = now;
}

bool mn_ip_may_send_error(struct mn_ip *ip, uint64_t now)
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
    struct mn_ip_limit *limit = &ip->icmp_limit;
    limit->credit_ns -= limit->price_ns;
    limit->price_ns = mn_random_below(ip->random, (uint32_t)(2 * ERROR_PRICE_NS) + 1);
}
