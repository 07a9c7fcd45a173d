#include "ip/v6/solicit.h"

#include "base/backoff.h"

#define MILLIONTHS 1000000u

void mn_solicit_start(struct mn_solicit *solicit, struct mn_random *random, bool delayed, uint64_t now)
{
    uint64_t delay = delayed ? 0 : MN_SOLICIT_DELAY_NS / MILLIONTHS * mn_random_below(random, MILLIONTHS);
    *solicit = (struct mn_solicit){
        .next_ns = mn_time_after(now, delay), /* ND-6.3.7-5 */
        .silence_ns = MNET_NEVER,
        .running = true,
    };
}

void mn_solicit_stop(struct mn_solicit *solicit)
{
    *solicit = (struct mn_solicit){.silence_ns = MNET_NEVER};
}

uint64_t mn_solicit_deadline(const struct mn_solicit *solicit)
{
    if (!solicit->running)
        return MNET_NEVER;
    return solicit->silent ? solicit->next_ns : MN_MIN(solicit->next_ns, solicit->silence_ns);
}

/* RSB-2-3 */
static uint64_t next_rt(uint64_t rt_ns, struct mn_random *random)
{
    return rt_ns == 0 ? mn_backoff_first(random, MN_SOLICIT_IRT_NS) : mn_backoff_next(random, rt_ns, MN_SOLICIT_MRT_NS);
}

bool mn_solicit_expire(struct mn_solicit *solicit, struct mn_random *random, uint64_t now)
{
    solicit->silent = now >= solicit->silence_ns;
    if (!solicit->running || now < solicit->next_ns)
        return false;
    if (solicit->sent < UINT32_MAX)
        solicit->sent++;
    if (solicit->sent == MN_SOLICIT_COUNT)
        solicit->silence_ns = mn_time_after(now, MN_SOLICIT_DELAY_NS);
    solicit->rt_ns = next_rt(solicit->rt_ns, random);
    solicit->next_ns = mn_time_after(now, solicit->rt_ns);
    solicit->running = !solicit->answered; /* ND-6.3.7-7 */
    return true;
}

void mn_solicit_note_advertisement(struct mn_solicit *solicit, uint16_t router_lifetime_s)
{
    if (router_lifetime_s == 0) /* RSB-2.1-2 */
        return;
    solicit->answered = true;
    if (solicit->sent > 0) /* ND-6.3.7-6 */
        solicit->running = false;
}

bool mn_solicit_is_unanswered(const struct mn_solicit *solicit, uint64_t now)
{
    return solicit->sent >= MN_SOLICIT_COUNT && !solicit->answered && now >= solicit->silence_ns;
}
