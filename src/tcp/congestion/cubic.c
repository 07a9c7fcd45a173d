/* CUBIC (RFC 9438), with HyStart++ (RFC 9406) for the initial slow start.
 *
 * After a reduction the window grows along W_cubic(t) = C * (t - K)^3 + W_max: fast back towards
 * W_max, the window at the loss, slowly around it, and ever faster beyond. t is the time since the
 * epoch, the beginning of this stage of congestion avoidance. At t = K the curve reaches W_max. If
 * Reno would grow faster (short round trips, small windows), W_est follows Reno and is the window.
 *
 * All numbers are integers: windows in bytes, times in milliseconds, C = 0.4 segments/s^3, beta =
 * 0.7. Increases smaller than a byte wait in `credit`.
 */
#include <mnet/time.h>

#include "base/cube_root.h"
#include "tcp/congestion/congestion.h"

/* beta_cubic = 0.7 (4.6). For marks it is 0.85 (RFC 8511 3.1). */
#define BETA 70u
#define BETA_ECN 85u
#define PER_CENT 100u
/* If |t - K| is larger, the window is the largest or none anyway. Its cube times C stays within 64
 * bits. */
#define SPAN_MAX_MS (1u << 19)

static uint32_t milliseconds(uint64_t ns)
{
    return (uint32_t)(ns / MNET_MILLISECOND);
}

static void cubic_init(struct mn_congestion *c)
{
    if (c->ssthresh == MN_SSTHRESH_UNKNOWN)
        mn_hystart_init(&c->cubic.hystart);
}

/* --- Congestion avoidance --- */

/* C * span^3, in bytes: 0.4 * mss * (span / 1000)^3. */
static uint64_t cubic_term(uint32_t mss, uint32_t span_ms)
{
    uint64_t span = MN_MIN(span_ms, SPAN_MAX_MS);
    return span * span * span / 2500 * mss / 1000000;
}

/* Figure 1 (4.2). */
static uint32_t w_cubic(const struct mn_congestion *c, const struct mn_cubic_epoch *e, uint32_t t_ms)
{
    if (t_ms < e->k_ms) {
        uint64_t below = cubic_term(c->mss, e->k_ms - t_ms);
        return below < e->w_max ? e->w_max - (uint32_t)below : 0;
    }
    return (uint32_t)MN_MIN(e->w_max + cubic_term(c->mss, t_ms - e->k_ms), (uint64_t)MN_CWND_MAX);
}

/* Figure 2 (4.2): K = cubic_root((W_max - cwnd_epoch) / C). Without a W_max above cwnd, after
 * HyStart++ or a timeout, K = 0 and W_max = cwnd (4.8, 4.10). */
static void begin_epoch(struct mn_congestion *c, struct mn_cubic *q, uint32_t now_ms)
{
    struct mn_cubic_epoch *e = &q->epoch;
    e->begin_ms = now_ms != 0 ? now_ms : 1;
    e->w_est = c->cwnd;
    q->est_credit = 0;
    q->seen_ms = now_ms;
    c->credit = 0;
    if (q->cwnd_prior == 0)
        q->cwnd_prior = c->cwnd;
    if (e->w_max > c->cwnd) {
        e->k_ms = mn_cube_root((uint64_t)(e->w_max - c->cwnd) * 2500000000u / c->mss);
    } else {
        e->k_ms = 0;
        e->w_max = c->cwnd;
    }
}

/* Figure 4 (4.3): W_est grows by alpha_cubic segments each window, alpha_cubic = 3 * (1 - beta) /
 * (1 + beta) = 9/17, by one from cwnd_prior on. */
static void follow_reno(struct mn_congestion *c, struct mn_cubic *q, uint32_t acked)
{
    acked = MN_MIN(acked, c->cwnd);
    q->est_credit += q->epoch.w_est < q->cwnd_prior ? (uint32_t)((uint64_t)acked * 9 / 17) : acked;
    if (q->est_credit >= c->cwnd) {
        q->est_credit -= c->cwnd;
        q->epoch.w_est = MN_MIN(q->epoch.w_est + c->mss, MN_CWND_MAX);
    }
}

/* 4.4 and 4.5: cwnd grows by (target - cwnd) / cwnd for each byte acknowledged; target lies between
 * cwnd and 1.5 * cwnd. */
static void follow_curve(struct mn_congestion *c, const struct mn_cubic_epoch *e, uint32_t t_ms,
                         const struct mn_ack *ack)
{
    uint32_t target = w_cubic(c, e, t_ms + milliseconds(ack->srtt_ns));
    target = MN_MIN(target, c->cwnd + c->cwnd / 2);
    if (target <= c->cwnd)
        return;
    uint64_t growth = (uint64_t)(target - c->cwnd) * MN_MIN(ack->acked, c->cwnd) + c->credit;
    c->credit = (uint32_t)(growth % c->cwnd);
    c->cwnd = MN_MIN(c->cwnd + (uint32_t)(growth / c->cwnd), MN_CWND_MAX);
}

/* 5.8: t does not include time in which the window was not used. */
static void skip_unused_time(struct mn_cubic *q, const struct mn_ack *ack, uint32_t now_ms)
{
    uint32_t gap = now_ms - q->seen_ms, usual = 2 * milliseconds(ack->srtt_ns) + 1;
    q->seen_ms = now_ms;
    if (!ack->limited)
        q->epoch.begin_ms += gap;
    else if (gap > usual)
        q->epoch.begin_ms += gap - usual;
}

static void avoid_congestion(struct mn_congestion *c, const struct mn_ack *ack)
{
    struct mn_cubic *q = &c->cubic;
    uint32_t now_ms = milliseconds(ack->now);
    if (q->epoch.begin_ms == 0)
        begin_epoch(c, q, now_ms);
    skip_unused_time(q, ack, now_ms);
    if (!ack->limited)
        return;
    uint32_t t_ms = now_ms - q->epoch.begin_ms;
    follow_reno(c, q, ack->acked);
    if (w_cubic(c, &q->epoch, t_ms) < q->epoch.w_est) /* the Reno-friendly region (4.3) */
        c->cwnd = MN_MAX(c->cwnd, q->epoch.w_est);
    else
        follow_curve(c, &q->epoch, t_ms, ack);
}

/* --- Slow start --- */

/* The variables of congestion avoidance replace those of HyStart++. */
static void end_initial_slow_start(struct mn_congestion *c)
{
    if (c->ssthresh == MN_SSTHRESH_UNKNOWN)
        c->cubic = (struct mn_cubic){.epoch = {.begin_ms = 0}};
}

static void initial_slow_start(struct mn_congestion *c, const struct mn_ack *ack)
{
    bool over;
    uint32_t growth = mn_hystart_acked(&c->cubic.hystart, ack->acked, ack->sample.rtt_ns, ack->snd_una, ack->snd_nxt,
                                       &over);
    if (ack->limited)
        mn_congestion_grow(c, growth);
    if (over) {
        end_initial_slow_start(c);
        c->ssthresh = c->cwnd;
    }
}

static void cubic_acked(struct mn_congestion *c, const struct mn_ack *ack)
{
    if (c->ssthresh == MN_SSTHRESH_UNKNOWN)
        initial_slow_start(c, ack);
    else if (!mn_congestion_slow_start(c))
        avoid_congestion(c, ack);
    else if (ack->limited)
        mn_congestion_grow(c, ack->acked);
}

/* --- Reductions --- */

static uint32_t share(uint32_t bytes, uint32_t per_cent)
{
    return (uint32_t)((uint64_t)bytes * per_cent / PER_CENT);
}

/* Figure 5 (4.6) and fast convergence (4.7): a flow whose windows get smaller releases bandwidth,
 * W_max = cwnd * (1 + beta) / 2. */
static void reduce(struct mn_congestion *c, uint32_t flight, uint32_t beta)
{
    struct mn_cubic *q = &c->cubic;
    mn_congestion_remember(c);
    end_initial_slow_start(c);
    q->before = q->epoch;
    q->epoch.w_max = c->cwnd < q->epoch.w_max ? share(c->cwnd, (PER_CENT + BETA) / 2) : c->cwnd;
    q->epoch.begin_ms = 0;
    q->cwnd_prior = c->cwnd;
    c->ssthresh = MN_MAX(share(flight, beta), 2 * c->mss);
}

static void cubic_lost(struct mn_congestion *c, uint32_t flight, uint64_t now)
{
    (void)now;
    reduce(c, flight, BETA);
}

static void cubic_marked(struct mn_congestion *c, uint32_t flight, uint64_t now)
{
    (void)now;
    reduce(c, flight, BETA_ECN);
    c->cwnd = MN_MIN(c->cwnd, c->ssthresh);
}

/* 4.8: as in Reno, with beta_cubic. The next epoch begins on a curve of its own. */
static void cubic_timed_out(struct mn_congestion *c, uint32_t flight, bool first, uint64_t now)
{
    (void)now;
    struct mn_cubic *q = &c->cubic;
    if (first || c->ssthresh == MN_SSTHRESH_UNKNOWN)
        reduce(c, flight, BETA);
    q->epoch.w_max = 0;
    q->epoch.begin_ms = 0;
    c->cwnd = c->mss;
}

/* 4.9: cwnd, ssthresh, W_max, K and the epoch are restored. */
static void cubic_undo(struct mn_congestion *c)
{
    struct mn_cubic *q = &c->cubic;
    mn_congestion_recall(c);
    if (c->ssthresh == MN_SSTHRESH_UNKNOWN)
        mn_hystart_init(&q->hystart);
    else
        q->epoch = q->before;
}

static void cubic_restart(struct mn_congestion *c, uint64_t now)
{
    (void)now;
    if (c->ssthresh == MN_SSTHRESH_UNKNOWN)
        mn_hystart_init(&c->cubic.hystart);
    else
        c->cubic.epoch = (struct mn_cubic_epoch){.begin_ms = 0};
}

const struct mn_congestion_ops mn_congestion_cubic = {
    .name = "cubic",
    .samples = true,
    .init = cubic_init,
    .acked = cubic_acked,
    .lost = cubic_lost,
    .timed_out = cubic_timed_out,
    .marked = cubic_marked,
    .undo = cubic_undo,
    .restart = cubic_restart,
};
