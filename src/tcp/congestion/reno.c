/* Reno as in RFC 5681, counting acknowledged bytes instead of acknowledgements. */
#include "tcp/congestion/congestion.h"

static void reno_init(struct mn_congestion *c)
{
    c->credit = 0;
}

static void reno_acked(struct mn_congestion *c, const struct mn_ack *ack)
{
    MN_DEBUG_ASSERT(c->mss > 0 && c->cwnd <= MN_CWND_MAX);
    if (!ack->limited)
        return;
    if (mn_congestion_slow_start(c)) { /* (3.1) */
        mn_congestion_grow(c, ack->acked);
        return;
    }
    c->credit += MN_MIN(ack->acked, c->cwnd);
    if (c->credit >= c->cwnd) { /* congestion avoidance: one segment each window */
        c->credit -= c->cwnd;
        c->cwnd = MN_MIN(c->cwnd + c->mss, MN_CWND_MAX);
    }
}

/* ssthresh = max (FlightSize / 2, 2*SMSS) (4) */
static uint32_t half(const struct mn_congestion *c, uint32_t flight)
{
    MN_DEBUG_ASSERT(c->mss > 0);
    return MN_MAX(flight / 2, 2 * c->mss);
}

static void reno_lost(struct mn_congestion *c, uint32_t flight, uint64_t now)
{
    (void)now;
    mn_congestion_remember(c);
    c->ssthresh = half(c, flight);
    c->credit = 0;
}

static void reno_timed_out(struct mn_congestion *c, uint32_t flight, bool first, uint64_t now)
{
    (void)now;
    if (first) {
        mn_congestion_remember(c);
        c->ssthresh = half(c, flight);
    }
    c->cwnd = c->mss; /* the loss window (3.1) */
    c->credit = 0;
}

/* RFC 8511 (ABE) 3.1: beta is 0.8 if a mark, not a loss, indicated congestion. */
static void reno_marked(struct mn_congestion *c, uint32_t flight, uint64_t now)
{
    (void)now;
    mn_congestion_remember(c);
    c->ssthresh = MN_MAX((uint32_t)((uint64_t)flight * 4 / 5), 2 * c->mss);
    c->cwnd = MN_MIN(c->cwnd, c->ssthresh);
    c->credit = 0;
}

static void reno_undo(struct mn_congestion *c)
{
    mn_congestion_recall(c);
}

static void reno_restart(struct mn_congestion *c, uint64_t now)
{
    (void)now;
    c->credit = 0;
}

const struct mn_congestion_ops mn_congestion_reno = {
    .name = "reno",
    .init = reno_init,
    .acked = reno_acked,
    .lost = reno_lost,
    .timed_out = reno_timed_out,
    .marked = reno_marked,
    .undo = reno_undo,
    .restart = reno_restart,
};
