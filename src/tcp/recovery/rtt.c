#include "tcp/recovery/rtt.h"

#include "base/sequence.h"

void mn_rtt_init(struct mn_rtt *rtt)
{
    *rtt = (struct mn_rtt){.rto_ns = MN_RTO_INITIAL};
}

/* (2.4), (2.5) */
static uint64_t timeout_of(const struct mn_rtt *rtt)
{
    uint64_t rto = rtt->srtt_ns + MN_MAX(MN_RTO_GRANULARITY, 4 * rtt->rttvar_ns);
    return MN_MIN(MN_MAX(rto, MN_RTO_MIN), MN_RTO_MAX);
}

void mn_rtt_restore(struct mn_rtt *rtt, uint64_t srtt_ns, uint64_t rttvar_ns)
{
    *rtt = (struct mn_rtt){.srtt_ns = srtt_ns, .rttvar_ns = rttvar_ns};
    rtt->rto_ns = timeout_of(rtt);
}

bool mn_rtt_is_usual(const struct mn_rtt *rtt)
{
    return rtt->srtt_ns != 0 && rtt->rto_ns == timeout_of(rtt) && rtt->backoff == 0 && rtt->expiries == 0 &&
           !rtt->timing;
}

void mn_rtt_sent(struct mn_rtt *rtt, uint32_t seq_end, uint64_t now)
{
    if (rtt->timing)
        return;
    rtt->timing = true;
    rtt->timed_seq = seq_end;
    rtt->timed_at_ns = now;
}

void mn_rtt_retransmitted(struct mn_rtt *rtt)
{
    rtt->timing = false;
}

/* Takes one of the `samples` that a flight has. Mostly there is one, and every divisor is
 * constant. */
static inline void take_sample(struct mn_rtt *rtt, uint64_t sample_ns, uint64_t samples)
{
    MN_DEBUG_ASSERT(samples > 0);
    uint64_t r = MN_MAX(sample_ns, (uint64_t)1);
    if (rtt->srtt_ns == 0) { /* (2.2) */
        rtt->srtt_ns = r;
        rtt->rttvar_ns = r / 2;
    } else { /* (2.3), alpha = 1/8, beta = 1/4; smaller if there are many samples (RFC 7323 G) */
        uint64_t error = rtt->srtt_ns > r ? rtt->srtt_ns - r : r - rtt->srtt_ns;
        rtt->rttvar_ns += error / (4 * samples) - rtt->rttvar_ns / (4 * samples);
        rtt->srtt_ns += r / (8 * samples) - rtt->srtt_ns / (8 * samples);
    }
    rtt->rto_ns = timeout_of(rtt);
    rtt->backoff = 0;
}

MN_APART void mn_rtt_take_sample(struct mn_rtt *rtt, uint64_t sample_ns)
{
    take_sample(rtt, sample_ns, 1);
}

static MN_APART void take_one_of(struct mn_rtt *rtt, uint64_t sample_ns, uint64_t samples)
{
    take_sample(rtt, sample_ns, samples);
}

bool mn_rtt_acked(struct mn_rtt *rtt, uint32_t snd_una, uint64_t now)
{
    bool timing = rtt->timing;
    rtt->expiries = 0;
    if (timing && mn_seq_geq(snd_una, rtt->timed_seq)) {
        rtt->timing = false;
        mn_rtt_take_sample(rtt, now - rtt->timed_at_ns);
    }
    return timing;
}

void mn_rtt_echoed(struct mn_rtt *rtt, uint64_t age_ns, uint32_t flight, uint32_t mss)
{
    MN_DEBUG_ASSERT(mss > 0);
    /* ExpectedSamples = ceiling(FlightSize / (SMSS * 2)) */
    uint32_t per_sample = 2 * mss;
    if (age_ns == 0)
        return;
    if (flight <= per_sample)
        mn_rtt_take_sample(rtt, age_ns);
    else
        take_one_of(rtt, age_ns, (flight + per_sample - 1) / per_sample);
}

void mn_rtt_backoff(struct mn_rtt *rtt)
{
    MN_DEBUG_ASSERT(rtt->rto_ns >= MN_RTO_MIN || rtt->srtt_ns == 0);
    if (rtt->backoff < 16)
        rtt->backoff++;
    if (rtt->expiries < UINT8_MAX)
        rtt->expiries++;
}

uint64_t mn_rtt_timeout(const struct mn_rtt *rtt)
{
    MN_DEBUG_ASSERT(rtt->backoff <= 16 && rtt->rto_ns <= MN_RTO_MAX);
    return MN_MIN(rtt->rto_ns << rtt->backoff, MN_RTO_MAX);
}
