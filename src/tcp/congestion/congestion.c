/* Functions that all congestion controls share. */
#include "tcp/congestion/congestion.h"

uint32_t mn_congestion_initial_window(uint32_t mss)
{
    return MN_MIN(10 * mss, MN_MAX(2 * mss, 14600u));
}

void mn_congestion_init(struct mn_congestion *c, const struct mn_congestion_ops *ops, uint32_t mss)
{
    *c = (struct mn_congestion){
        .ops = ops, .mss = mss, .cwnd = mn_congestion_initial_window(mss), .ssthresh = MN_SSTHRESH_UNKNOWN};
    mn_congestion_remember(c);
    ops->init(c);
}

void mn_congestion_change(struct mn_congestion *c, const struct mn_congestion_ops *ops)
{
    *c = (struct mn_congestion){
        .ops = ops, .mss = c->mss, .reductions = c->reductions, .cwnd = c->cwnd, .ssthresh = c->ssthresh};
    c->undo_cwnd = c->cwnd;
    c->undo_ssthresh = c->ssthresh;
    ops->init(c);
}

void mn_congestion_syn_lost(struct mn_congestion *c, unsigned times)
{
    if (times > 1)
        c->cwnd = c->mss;
}

void mn_congestion_restart(struct mn_congestion *c, uint64_t now)
{
    uint32_t window = mn_congestion_initial_window(c->mss);
    if (c->cwnd > window && !c->ops->rate_based) {
        if (c->ssthresh != MN_SSTHRESH_UNKNOWN)
            c->ssthresh = MN_MAX(c->ssthresh, c->cwnd / 4 * 3);
        c->cwnd = window;
    }
    c->ops->restart(c, now);
}

void mn_congestion_set_mss(struct mn_congestion *c, uint32_t mss)
{
    MN_ASSERT(mss > 0 && c->mss > 0);
    if (mss < c->mss)
        c->cwnd = (uint32_t)((uint64_t)c->cwnd * mss / c->mss);
    c->mss = mss;
    c->cwnd = MN_MAX(c->cwnd, mss);
}

void mn_congestion_remember(struct mn_congestion *c)
{
    c->reductions++;
    c->undo_cwnd = c->cwnd;
    c->undo_ssthresh = c->ssthresh;
}

void mn_congestion_recall(struct mn_congestion *c)
{
    MN_ASSERT(c->undo_cwnd > 0);
    c->cwnd = MN_MAX(c->cwnd, c->undo_cwnd);
    c->ssthresh = c->undo_ssthresh;
}

void mn_congestion_grow(struct mn_congestion *c, uint32_t bytes)
{
    MN_ASSERT(c->cwnd <= c->ssthresh);
    uint32_t room = c->ssthresh - c->cwnd;
    c->cwnd = MN_MIN(c->cwnd + MN_MIN(MN_MIN(bytes, room), MN_CWND_MAX), MN_CWND_MAX);
}
