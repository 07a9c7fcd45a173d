/* The times of Router Solicitations (RFC 4861 6.3.7, RFC 7559): when the next one is to be sent.
 *
 * Theory of operation. A series begins when the interface starts, when the link comes up again, and
 * when the host stops to be a router (ND-6.3.7-2). Its first solicitation has a random delay of up
 * to a second, unless duplicate address detection has delayed the host already (ND-6.3.7-5). The
 * others follow after 4 s, 8 s, 16 s and so on, up to an hour, each randomised by a tenth (RSB-2-2,
 * RSB-2-3). The series has no end by itself, for the router may be late (RSB-3-1). It ends by an
 * advertisement of a router that takes packets (ND-6.3.7-6, RSB-2.1-1); one with Router Lifetime 0
 * does not end it (RSB-2.1-2). At least one solicitation is sent in each series (ND-6.3.7-7).
 */
#ifndef MN_IP_V6_SOLICIT_H
#define MN_IP_V6_SOLICIT_H

#include "base/base.h"
#include "base/random.h"

#define MN_SOLICIT_IRT_NS (4 * MNET_SECOND)    /* RFC 7559 2; RFC 4861 has the same */
#define MN_SOLICIT_MRT_NS (3600 * MNET_SECOND) /* RFC 7559 2 */
#define MN_SOLICIT_DELAY_NS MNET_SECOND        /* RFC 4861 10: MAX_RTR_SOLICITATION_DELAY */
#define MN_SOLICIT_COUNT 3u                    /* RFC 4861 10: MAX_RTR_SOLICITATIONS */

/* A zeroed one sends nothing. */
struct mn_solicit {
    uint64_t next_ns;    /* when the next solicitation goes, while `running` */
    uint64_t rt_ns;      /* RT of RFC 7559 2: from the last solicitation to the next; 0: none yet */
    uint64_t silence_ns; /* from then on there seems to be no router; MNET_NEVER: not known yet */
    unsigned sent;       /* in this series; stays at its largest value */
    bool running;
    bool silent;   /* silence_ns has passed */
    bool answered; /* by a router that takes packets */
};

/* Begins a series, the one before is over. `delayed`: duplicate address detection has waited for
 * its random time already. */
void mn_solicit_start(struct mn_solicit *solicit, struct mn_random *random, bool delayed, uint64_t now);
/* Ends the series: the interface goes down. */
void mn_solicit_stop(struct mn_solicit *solicit);
/* Returns when mn_solicit_expire has something to do. MNET_NEVER: the series is over. */
uint64_t mn_solicit_deadline(const struct mn_solicit *solicit);
/* Returns true if a solicitation is to be sent at `now`, which then counts as sent. */
bool mn_solicit_expire(struct mn_solicit *solicit, struct mn_random *random, uint64_t now);
/* A valid Router Advertisement has come. */
void mn_solicit_note_advertisement(struct mn_solicit *solicit, uint16_t router_lifetime_s);
/* Returns true if three solicitations, and a second behind the third, have passed without an answer
 * (ND-6.3.7-8). DHCPv6 may begin by itself then (N6-6.5-2). */
bool mn_solicit_is_unanswered(const struct mn_solicit *solicit, uint64_t now);

#endif
