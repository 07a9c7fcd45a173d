/* Congestion control behind a table of functions (RFC 5681): how much may be in flight. What was lost is loss.h's business. */
#ifndef MN_CONGESTION_H
#define MN_CONGESTION_H

#include "base/base.h"

struct mn_congestion;

struct mn_congestion_ops {
    const char *name;
    void (*init)(struct mn_congestion *c);
    /* `acked` bytes of new data were acknowledged outside of recovery while the window was the limit. */
    void (*acked)(struct mn_congestion *c, uint32_t acked, uint64_t now);
    /* A loss was found by duplicate acknowledgements with `flight` bytes outstanding: sets ssthresh. */
    void (*lost)(struct mn_congestion *c, uint32_t flight, uint64_t now);
    /* The retransmission timer expired: sets ssthresh. `first` is false where the same segment timed out before. */
    void (*timed_out)(struct mn_congestion *c, uint32_t flight, bool first, uint64_t now);
};

struct mn_congestion {
    const struct mn_congestion_ops *ops;
    uint32_t mss;
    uint32_t cwnd, ssthresh; /* bytes */
    uint32_t credit;         /* bytes acknowledged towards the next increase in congestion avoidance */
};

extern const struct mn_congestion_ops mn_congestion_reno;

/* IW = min(10 * MSS, max(2 * MSS, 14600)) (RFC 6928). */
uint32_t mn_congestion_initial_window(uint32_t mss);
void mn_congestion_init(struct mn_congestion *c, const struct mn_congestion_ops *ops, uint32_t mss);
/* The sender was idle for longer than the retransmission timeout: RW = min(IW, cwnd) (RFC 5681 4.1). */
void mn_congestion_restart(struct mn_congestion *c);
/* The segment size changed (path MTU). */
void mn_congestion_set_mss(struct mn_congestion *c, uint32_t mss);

#endif
