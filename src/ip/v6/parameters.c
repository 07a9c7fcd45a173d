#include "ip/v6/parameters.h"

/* ND-6.3.2-2: MIN_RANDOM_FACTOR and MAX_RANDOM_FACTOR are 0.5 and 1.5. */
static void draw_reachable_time(struct mn_router_parameters *parameters, struct mn_random *random, uint64_t now)
{
    uint64_t ms = parameters->reachable_ms / 2 + mn_random_below(random, parameters->reachable_ms + 1);
    parameters->reachable_ns = ms * MNET_MILLISECOND;
    parameters->draw_at_ns = mn_time_after(now, MN_REACHABLE_DRAWN_NS);
}

void mn_router_parameters_init(struct mn_router_parameters *parameters, uint16_t link_mtu, struct mn_random *random,
                               uint64_t now)
{
    MN_ASSERT(link_mtu >= MN_IPV6_MTU_LEAST);
    *parameters = (struct mn_router_parameters){
        .retrans_ns = MN_RETRANS_TIMER_MS * MNET_MILLISECOND,
        .reachable_ms = MN_REACHABLE_TIME_MS,
        .mtu = link_mtu,
        .link_mtu = link_mtu,
        .hop_limit = MN_CUR_HOP_LIMIT,
    };
    draw_reachable_time(parameters, random, now);
}

void mn_router_parameters_update(struct mn_router_parameters *parameters,
                                 const struct mn_parameters_advertised *advertised, struct mn_random *random,
                                 uint64_t now)
{
    if (advertised->hop_limit != 0) /* ND-6.3.4-8 */
        parameters->hop_limit = advertised->hop_limit;
    if (advertised->retrans_ms != 0) { /* ND-6.3.4-10 */
        uint32_t ms = MN_MAX(advertised->retrans_ms, MN_RETRANS_TIMER_LEAST_MS);
        parameters->retrans_ns = MN_MIN(ms, MN_RETRANS_TIMER_MOST_MS) * MNET_MILLISECOND;
    }
    /* ND-6.3.4-15 */
    if (advertised->mtu >= MN_IPV6_MTU_LEAST && advertised->mtu <= parameters->link_mtu)
        parameters->mtu = (uint16_t)advertised->mtu;
    uint32_t reachable_ms = MN_MIN(advertised->reachable_ms, MN_REACHABLE_TIME_MOST_MS);
    if (reachable_ms != 0 && reachable_ms != parameters->reachable_ms) { /* ND-6.3.4-9 */
        parameters->reachable_ms = reachable_ms;
        draw_reachable_time(parameters, random, now);
    }
}

void mn_router_parameters_expire(struct mn_router_parameters *parameters, struct mn_random *random, uint64_t now)
{
    if (now >= parameters->draw_at_ns)
        draw_reachable_time(parameters, random, now);
}
