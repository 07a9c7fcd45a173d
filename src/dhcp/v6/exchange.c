#include "dhcp/v6/exchange.h"

#include <mnet/time.h>

#include "base/backoff.h"

#define ELAPSED_NS (10 * MNET_MILLISECOND)

void mn_dhcp6_rate_init(struct mn_dhcp6_rate *rate, unsigned burst, uint64_t burst_ns, uint64_t now)
{
    MN_ASSERT(burst > 0 && burst_ns >= burst);
    *rate = (struct mn_dhcp6_rate){burst, burst_ns, burst_ns, now};
}

/* Returns how long a transmission has to wait; 0: it may go, and is paid for. */
static uint64_t pay(struct mn_dhcp6_rate *rate, uint64_t now)
{
    MN_DEBUG_ASSERT(rate->credit_ns <= rate->burst_ns);
    MN_DEBUG_ASSERT(rate->burst > 0 && now >= rate->filled_ns);
    uint64_t price = rate->burst_ns / rate->burst;
    rate->credit_ns = MN_MIN(mn_time_after(rate->credit_ns, now - rate->filled_ns), rate->burst_ns);
    rate->filled_ns = now;
    if (rate->credit_ns < price)
        return price - rate->credit_ns;
    rate->credit_ns -= price;
    return 0;
}

void mn_dhcp6_exchange_begin(struct mn_dhcp6_exchange *exchange, uint64_t delay_ns, uint64_t until_ns, uint64_t now)
{
    *exchange = (struct mn_dhcp6_exchange){.next_ns = mn_time_after(now, delay_ns), .until_ns = until_ns};
    MN_DEBUG_ASSERT(exchange->sent == 0);
}

/* DHCP6-15-2 to DHCP6-15-4 */
static uint64_t next_rt(const struct mn_dhcp6_exchange *exchange, const struct mn_dhcp6_timeouts *timeouts,
                        struct mn_random *random)
{
    if (exchange->sent > 0)
        return mn_backoff_next(random, exchange->rt_ns, timeouts->mrt_ns);
    return timeouts->longer ? mn_backoff_first_longer(random, timeouts->irt_ns)
                            : mn_backoff_first(random, timeouts->irt_ns);
}

enum mn_dhcp6_due mn_dhcp6_exchange_expire(struct mn_dhcp6_exchange *exchange, const struct mn_dhcp6_timeouts *timeouts,
                                           struct mn_dhcp6_rate *rate, struct mn_random *random, uint64_t now)
{
    MN_ASSERT(now >= exchange->next_ns);
    bool enough = timeouts->mrc > 0 && exchange->sent >= timeouts->mrc; /* DHCP6-15-5 */
    if (enough || now >= exchange->until_ns)                            /* DHCP6-15-6 */
        return MN_DHCP6_FAILED;
    uint64_t wait = pay(rate, now);
    if (wait > 0) {
        exchange->next_ns = MN_MIN(now + wait, exchange->until_ns);
        return MN_DHCP6_WAIT;
    }
    exchange->rt_ns = next_rt(exchange, timeouts, random);
    if (exchange->sent == 0) {
        exchange->first_ns = now;
        exchange->until_ns = MN_MIN(exchange->until_ns, mn_time_after(now, timeouts->mrd_ns));
    }
    if (exchange->sent < UINT8_MAX)
        exchange->sent++;
    exchange->next_ns = MN_MIN(mn_time_after(now, exchange->rt_ns), exchange->until_ns);
    return MN_DHCP6_TRANSMIT;
}

uint16_t mn_dhcp6_exchange_elapsed(const struct mn_dhcp6_exchange *exchange, uint64_t now)
{
    MN_ASSERT(exchange->sent > 0);
    return (uint16_t)MN_MIN((now - exchange->first_ns) / ELAPSED_NS, UINT16_MAX);
}
