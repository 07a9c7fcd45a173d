/* The variables of an interface that Router Advertisements set (RFC 4861 6.3.2, 6.3.4).
 *
 * Theory of operation. The most recent advertisement wins (ND-6.3.4-2), and a value of 0 changes
 * nothing (ND-6.3.4-3). ReachableTime is random between half and one and a half of
 * BaseReachableTime; it is drawn anew if the base changes, and every two hours (ND-6.3.2-2). So
 * that no advertisement makes the host silent or loud for ever, times are taken within limits:
 * BaseReachableTime as routers have to advertise it, an hour at most (RFC 4861 6.2.1), and
 * RetransTimer from 10 ms to 60 s.
 */
#ifndef MN_IP_V6_PARAMETERS_H
#define MN_IP_V6_PARAMETERS_H

#include "base/base.h"
#include "base/random.h"

/* RFC 4861 10 */
#define MN_REACHABLE_TIME_MS 30000u
#define MN_RETRANS_TIMER_MS 1000u
#define MN_CUR_HOP_LIMIT 64u /* IANA's default */
/* Limits of ours. */
#define MN_REACHABLE_TIME_MOST_MS 3600000u
#define MN_RETRANS_TIMER_LEAST_MS 10u
#define MN_RETRANS_TIMER_MOST_MS 60000u
#define MN_REACHABLE_DRAWN_NS (7200 * MNET_SECOND)
#define MN_IPV6_MTU_LEAST 1280u

struct mn_router_parameters {
    uint64_t reachable_ns;  /* ReachableTime */
    uint64_t retrans_ns;    /* RetransTimer */
    uint64_t draw_at_ns;    /* when ReachableTime is drawn anew */
    uint32_t reachable_ms;  /* BaseReachableTime */
    uint16_t mtu, link_mtu; /* LinkMTU, and the most that the device takes */
    uint8_t hop_limit;      /* CurHopLimit */
};

/* The values of an advertisement; 0: unspecified. */
struct mn_parameters_advertised {
    uint32_t reachable_ms, retrans_ms;
    uint32_t mtu; /* of the MTU option; 0: there is none */
    uint8_t hop_limit;
};

/* The values of a host without routers (ND-6.3.2-1), also if the link comes up. `link_mtu` is at
 * least 1280: IPv6 is off on other links. */
void mn_router_parameters_init(struct mn_router_parameters *parameters, uint16_t link_mtu, struct mn_random *random,
                               uint64_t now);
void mn_router_parameters_update(struct mn_router_parameters *parameters,
                                 const struct mn_parameters_advertised *advertised, struct mn_random *random,
                                 uint64_t now);
/* Draws ReachableTime anew if it is time to (draw_at_ns). */
void mn_router_parameters_expire(struct mn_router_parameters *parameters, struct mn_random *random, uint64_t now);

#endif
