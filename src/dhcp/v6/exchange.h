/* The transmissions of one message until its answer comes (RFC 8415 15), within a rate for the
 * interface (14.1). */
#ifndef MN_DHCP6_EXCHANGE_H
#define MN_DHCP6_EXCHANGE_H

#include "base/base.h"
#include "base/random.h"

/* The rate of transmissions that 14.1 suggests (DHCP6-14.1-2). */
#define MN_DHCP6_BURST 20u
#define MN_DHCP6_BURST_NS (20 * MNET_SECOND)

/* A token bucket. */
struct mn_dhcp6_rate {
    unsigned burst; /* transmissions in `burst_ns` */
    uint64_t burst_ns;
    uint64_t credit_ns, filled_ns; /* a transmission costs burst_ns / burst */
};

/* The parameters of a message, from the table in 7.6. */
struct mn_dhcp6_timeouts {
    uint64_t irt_ns;
    uint64_t mrt_ns; /* MNET_NEVER: no limit */
    uint64_t mrd_ns; /* MNET_NEVER: no limit */
    uint8_t mrc;     /* 0: no limit */
    bool longer;     /* the first RT is longer than IRT (18.2.1) */
};

struct mn_dhcp6_exchange {
    uint64_t next_ns;  /* of the next transmission, or of failure */
    uint64_t first_ns; /* of the first transmission */
    uint64_t until_ns; /* the limit of MRD, or of the caller; MNET_NEVER: none */
    uint64_t rt_ns;    /* the last one */
    uint8_t sent;      /* stays at 255 */
};

void mn_dhcp6_rate_init(struct mn_dhcp6_rate *rate, unsigned burst, uint64_t burst_ns, uint64_t now);

/* The first transmission is due after `delay_ns`; no later one at `until_ns`. */
void mn_dhcp6_exchange_begin(struct mn_dhcp6_exchange *exchange, uint64_t delay_ns, uint64_t until_ns, uint64_t now);

enum mn_dhcp6_due {
    MN_DHCP6_WAIT, /* `next_ns` is later now */
    MN_DHCP6_TRANSMIT,
    MN_DHCP6_FAILED,
};
/* At `next_ns`. A transmission counts as sent. */
enum mn_dhcp6_due mn_dhcp6_exchange_expire(struct mn_dhcp6_exchange *exchange, const struct mn_dhcp6_timeouts *timeouts,
                                           struct mn_dhcp6_rate *rate, struct mn_random *random, uint64_t now);

/* The Elapsed Time option of a transmission at `now`: hundredths of a second, at most 65535
 * (DHCP6-21.9-1). */
uint16_t mn_dhcp6_exchange_elapsed(const struct mn_dhcp6_exchange *exchange, uint64_t now);

#endif
