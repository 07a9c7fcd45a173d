/* A rate-based congestion control after BBR (Cardwell et al., "BBR: Congestion-Based Congestion
 * Control", 2016; draft-cardwell-iccrg-bbr-congestion-control).
 *
 * It models the path by two figures. The bottleneck's bandwidth is the largest delivery rate of the
 * last rounds. The round trip without a queue is the smallest one of the last ten seconds. It sends
 * at the bandwidth, with at most twice their product in flight:
 *
 *   STARTUP     paces at 2/ln(2) times the bandwidth, which doubles it each round, until three
 *               rounds have not increased it by a quarter
 *   DRAIN       paces at the inverse, until one bandwidth-delay product is in flight
 *   PROBE_BW    cycles through eight phases of a round trip: 5/4 to look for more bandwidth, 3/4 to
 *               drain the queue that this made, and six times 1
 *   PROBE_RTT   if the smallest round trip is ten seconds old: four segments in flight for 200 ms,
 *               so that it can be measured again
 *
 * Losses and marks do not define the window. They are not ignored either, unlike in the first
 * version of BBR: they end STARTUP and the phase of 5/4, and reduce cwnd to 0.7 (0.85) of itself,
 * though not below one bandwidth-delay product. Delivered data lets it grow back.
 *
 * The model is in the memory of the delivery samples. Before the first data is sent there is
 * neither.
 */
#include <mnet/time.h>

#include "tcp/congestion/rate.h"

#define UNIT 256u      /* gains are in 1/256 */
#define GAIN_HIGH 739u /* 2/ln(2) = 2.885 */
#define GAIN_DRAIN 88u /* its inverse */
#define GAIN_CWND (2 * UNIT)
#define CYCLE 8u
#define CYCLE_DOWN 1u /* the phase of 3/4 */
/* The largest rate of this bucket and of the last one counts: of five to ten rounds. */
#define BUCKET_ROUNDS 5u
#define FULL_ROUNDS 3u
#define MIN_RTT_WINDOW (10 * MNET_SECOND)
#define PROBE_RTT_TIME (200 * MNET_MILLISECOND)
#define CWND_MIN_SEGMENTS 4u
/* Bursts beyond the product, for packets on their way out and for acknowledgements that arrive
 * together. */
#define QUANTA 3u

enum mode {
    STARTUP,
    DRAIN,
    PROBE_BW,
    PROBE_RTT,
};

static uint64_t bandwidth(const struct mn_bbr *b)
{
    return MN_MAX(b->bw_now, b->bw_before);
}

static uint64_t gained(uint64_t value, uint32_t gain)
{
    return value * gain / UNIT;
}

/* Returns the bandwidth-delay product in bytes, or 0 while there is no model. */
static uint64_t product(const struct mn_bbr *b)
{
    return b->min_rtt_ns == 0 ? 0 : bandwidth(b) * (b->min_rtt_ns / 1000) / 1000000;
}

static uint32_t cwnd_min(const struct mn_congestion *c)
{
    return CWND_MIN_SEGMENTS * c->mss;
}

static void enter(struct mn_bbr *b, enum mode mode, uint64_t now)
{
    static const uint16_t pacing[] = {
        [STARTUP] = GAIN_HIGH, [DRAIN] = GAIN_DRAIN, [PROBE_BW] = UNIT, [PROBE_RTT] = UNIT};
    b->mode = (uint8_t)mode;
    b->pacing_gain = pacing[mode];
    b->cwnd_gain = mode == STARTUP || mode == DRAIN ? GAIN_HIGH : GAIN_CWND;
    b->phase_ns = now;
}

static void bbr_init(struct mn_congestion *c)
{
    c->bbr = NULL;
}

static void bbr_attach(struct mn_congestion *c, struct mn_bbr *b, uint64_t now)
{
    *b = (struct mn_bbr){.min_rtt_at_ns = now};
    enter(b, STARTUP, now);
    c->bbr = b;
}

/* --- The model --- */

/* Returns true at the beginning of a round: data sent in the last round is acknowledged. */
static bool update_round(struct mn_bbr *b, const struct mn_rate_sample *s)
{
    if (s->interval_ns == 0 || s->delivered_then < b->round_end)
        return false;
    b->round_end = s->delivered_total;
    if (++b->rounds >= BUCKET_ROUNDS) {
        b->rounds = 0;
        b->bw_before = b->bw_now;
        b->bw_now = 0;
    }
    return true;
}

static void update_bandwidth(struct mn_bbr *b, const struct mn_rate_sample *s)
{
    if (s->interval_ns == 0 || s->interval_ns < b->min_rtt_ns) /* too short to be true */
        return;
    uint64_t rate = s->delivered * MNET_SECOND / s->interval_ns;
    if (!s->application_limited || rate > bandwidth(b))
        b->bw_now = MN_MAX(b->bw_now, rate);
}

static void check_full(struct mn_bbr *b, const struct mn_rate_sample *s)
{
    if (b->full || s->application_limited)
        return;
    if (bandwidth(b) >= b->full_bw + b->full_bw / 4) {
        b->full_bw = bandwidth(b);
        b->full_rounds = 0;
    } else if (++b->full_rounds >= FULL_ROUNDS) {
        b->full = true;
    }
}

/* Returns true if the smallest round trip is too old. */
static bool update_min_rtt(struct mn_bbr *b, const struct mn_rate_sample *s, uint64_t now)
{
    bool expired = now - b->min_rtt_at_ns > MIN_RTT_WINDOW;
    if (s->rtt_ns != 0 && (b->min_rtt_ns == 0 || s->rtt_ns <= b->min_rtt_ns || expired)) {
        b->min_rtt_ns = s->rtt_ns;
        b->min_rtt_at_ns = now;
    }
    return expired;
}

/* --- The phases --- */

static void set_phase(struct mn_bbr *b, unsigned phase, uint64_t now)
{
    b->phase = (uint8_t)(phase % CYCLE);
    b->phase_ns = now;
    b->pacing_gain = b->phase == 0 ? UNIT * 5 / 4 : b->phase == CYCLE_DOWN ? UNIT * 3 / 4 : UNIT;
}

/* Begins with any phase except 3/4, so that flows which begin together do not probe together. */
static void enter_probe_bw(struct mn_bbr *b, const struct mn_ack *ack)
{
    enter(b, PROBE_BW, ack->now);
    set_phase(b, 2 + (unsigned)(ack->sample.delivered_total / 1024 % (CYCLE - 2)), ack->now);
}

static void update_phase(struct mn_bbr *b, const struct mn_ack *ack, uint32_t flight)
{
    bool elapsed = ack->now - b->phase_ns > b->min_rtt_ns;
    bool over = elapsed;
    if (b->pacing_gain > UNIT) /* until the probe has filled the path, or lost a segment */
        over = elapsed && (flight >= gained(product(b), b->pacing_gain) || ack->recovering || !ack->limited);
    else if (b->pacing_gain < UNIT)
        over = elapsed || flight <= product(b);
    if (over)
        set_phase(b, b->phase + 1u, ack->now);
}

static void begin_probe_rtt(struct mn_congestion *c, struct mn_bbr *b, uint64_t now)
{
    enter(b, PROBE_RTT, now);
    b->saved_cwnd = c->cwnd;
    b->probe_done_ns = 0;
}

static void probe_rtt(struct mn_congestion *c, struct mn_bbr *b, const struct mn_ack *ack, uint32_t flight)
{
    if (b->probe_done_ns == 0) {
        if (flight <= cwnd_min(c))
            b->probe_done_ns = ack->now + MN_MAX(PROBE_RTT_TIME, b->min_rtt_ns);
        return;
    }
    if (ack->now < b->probe_done_ns)
        return;
    b->min_rtt_at_ns = ack->now;
    c->cwnd = MN_MAX(c->cwnd, b->saved_cwnd);
    if (b->full)
        enter_probe_bw(b, ack);
    else
        enter(b, STARTUP, ack->now);
}

static void update_mode(struct mn_congestion *c, struct mn_bbr *b, const struct mn_ack *ack, bool expired)
{
    uint32_t flight = ack->snd_nxt - ack->snd_una;
    if (b->mode == STARTUP && b->full)
        enter(b, DRAIN, ack->now);
    if (b->mode == DRAIN && flight <= product(b))
        enter_probe_bw(b, ack);
    if (b->mode == PROBE_BW)
        update_phase(b, ack, flight);
    if (b->mode != PROBE_RTT && expired)
        begin_probe_rtt(c, b, ack->now);
    if (b->mode == PROBE_RTT)
        probe_rtt(c, b, ack, flight);
}

/* --- The window --- */

static uint64_t burst(const struct mn_congestion *c, const struct mn_bbr *b)
{
    return MN_MAX(bandwidth(b) / 1000, 2 * (uint64_t)c->mss);
}

static void update_cwnd(struct mn_congestion *c, const struct mn_bbr *b, uint32_t acked)
{
    uint64_t target = gained(product(b), b->cwnd_gain) + QUANTA * burst(c, b);
    uint64_t grown = (uint64_t)c->cwnd + acked;
    if (b->mode == PROBE_RTT)
        grown = MN_MIN(c->cwnd, cwnd_min(c));
    else if (b->full)
        grown = MN_MIN(grown, target);
    else if (c->cwnd >= target && product(b) > 0)
        grown = c->cwnd;
    c->cwnd = (uint32_t)MN_MIN(MN_MAX(grown, (uint64_t)cwnd_min(c)), (uint64_t)MN_CWND_MAX);
}

static void bbr_acked(struct mn_congestion *c, const struct mn_ack *ack)
{
    struct mn_bbr *b = c->bbr;
    if (b == NULL)
        return; /* memory is short: the initial window has to do */
    bool round = update_round(b, &ack->sample);
    update_bandwidth(b, &ack->sample);
    if (round)
        check_full(b, &ack->sample);
    bool expired = update_min_rtt(b, &ack->sample, ack->now);
    update_mode(c, b, ack, expired);
    update_cwnd(c, b, ack->acked);
}

static uint64_t bbr_pacing_rate(const struct mn_congestion *c)
{
    return c->bbr == NULL ? 0 : gained(bandwidth(c->bbr), c->bbr->pacing_gain);
}

/* --- Losses and marks --- */

static void reduce(struct mn_congestion *c, uint32_t per_cent, uint64_t now)
{
    struct mn_bbr *b = c->bbr;
    mn_congestion_remember(c);
    uint64_t reduced = (uint64_t)c->cwnd * per_cent / 100;
    if (b != NULL) {
        reduced = MN_MAX(reduced, product(b));
        if (b->mode == STARTUP && product(b) > 0)
            b->full = true;
        if (b->mode == PROBE_BW && b->phase == 0)
            set_phase(b, CYCLE_DOWN, now);
    }
    reduced = MN_MAX(reduced, (uint64_t)cwnd_min(c));
    c->cwnd = c->ssthresh = (uint32_t)MN_MIN(reduced, (uint64_t)c->cwnd);
}

static void bbr_lost(struct mn_congestion *c, uint32_t flight, uint64_t now)
{
    (void)flight;
    reduce(c, 70, now);
}

static void bbr_marked(struct mn_congestion *c, uint32_t flight, uint64_t now)
{
    (void)flight;
    reduce(c, 85, now);
}

/* All data in flight may be lost. Begins again with one segment, and grows back with delivered
 * data. */
static void bbr_timed_out(struct mn_congestion *c, uint32_t flight, bool first, uint64_t now)
{
    (void)flight;
    if (first)
        reduce(c, 70, now);
    c->cwnd = c->mss;
}

static void bbr_undo(struct mn_congestion *c)
{
    mn_congestion_recall(c);
}

/* The model of the path stays. Pacing prevents that the whole window is sent at once. */
static void bbr_restart(struct mn_congestion *c, uint64_t now)
{
    (void)c;
    (void)now;
}

const struct mn_congestion_ops mn_congestion_bbr = {
    .name = "bbr",
    .rate_based = true,
    .init = bbr_init,
    .attach = bbr_attach,
    .acked = bbr_acked,
    .lost = bbr_lost,
    .timed_out = bbr_timed_out,
    .marked = bbr_marked,
    .undo = bbr_undo,
    .restart = bbr_restart,
    .pacing_rate = bbr_pacing_rate,
};
