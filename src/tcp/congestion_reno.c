/* Reno as RFC 5681 has it, counting acknowledged bytes rather than acknowledgements. */
#include "tcp/congestion.h"

#define CWND_MAX (1u << 30)

static void reno_init(struct mn_congestion *c)
{
    c->credit = 0;
}

static void reno_acked(struct mn_congestion *c, uint32_t acked, uint64_t now)
{
    (void)now;
    if (c->cwnd < c->ssthresh) { /* slow start (3.1) */
        /* Bytes, since one acknowledgement of a coalesced run stands for many segments. */
        c->cwnd = MN_MIN(c->cwnd + acked, CWND_MAX);
        return;
    }
    c->credit += MN_MIN(acked, c->cwnd);
    if (c->credit >= c->cwnd) { /* congestion avoidance: one segment each window */
        c->credit -= c->cwnd;
        c->cwnd = MN_MIN(c->cwnd + c->mss, CWND_MAX);
    }
}

/* ssthresh = max (FlightSize / 2, 2*SMSS) (4) */
static uint32_t half(const struct mn_congestion *c, uint32_t flight)
{
    return MN_MAX(flight / 2, 2 * c->mss);
}

static void reno_lost(struct mn_congestion *c, uint32_t flight, uint64_t now)
{
    (void)now;
    c->ssthresh = half(c, flight);
    c->credit = 0;
}

static void reno_timed_out(struct mn_congestion *c, uint32_t flight, bool first, uint64_t now)
{
    (void)now;
    if (first)
        c->ssthresh = half(c, flight);
    c->cwnd = c->mss; /* the loss window (3.1) */
    c->credit = 0;
}

const struct mn_congestion_ops mn_congestion_reno = {
    .name = "reno",
    .init = reno_init,
    .acked = reno_acked,
    .lost = reno_lost,
    .timed_out = reno_timed_out,
};
