#include "tcp/congestion.h"

uint32_t mn_congestion_initial_window(uint32_t mss)
{
    return MN_MIN(10 * mss, MN_MAX(2 * mss, 14600u));
}

void mn_congestion_init(struct mn_congestion *c, const struct mn_congestion_ops *ops, uint32_t mss)
{
    *c = (struct mn_congestion){
        .ops = ops, .mss = mss, .cwnd = mn_congestion_initial_window(mss), .ssthresh = UINT32_MAX};
    ops->init(c);
}

void mn_congestion_restart(struct mn_congestion *c)
{
    c->cwnd = MN_MIN(c->cwnd, mn_congestion_initial_window(c->mss));
}

void mn_congestion_set_mss(struct mn_congestion *c, uint32_t mss)
{
    c->mss = mss;
    c->cwnd = MN_MAX(c->cwnd, mss);
}
