#include "tcp/congestion/hystart.h"

#include "base/sequence.h"

/* RFC 9406 4.3, with L = infinity, because the data that slow start releases is paced. */
#define MIN_RTT_THRESH_US 4000u
#define MAX_RTT_THRESH_US 16000u
#define MIN_RTT_DIVISOR 8
#define N_RTT_SAMPLE 8
#define CSS_GROWTH_DIVISOR 4
#define CSS_ROUNDS 5

#define INFINITE UINT32_MAX

void mn_hystart_init(struct mn_hystart *h)
{
    *h = (struct mn_hystart){.last_min_us = INFINITE, .current_min_us = INFINITE, .css_baseline_us = INFINITE};
}

/* 4.2: "At the start of each round during standard slow start and CSS, initialize the
 * variables". */
static void begin_round(struct mn_hystart *h, uint32_t snd_nxt)
{
    MN_DEBUG_ASSERT(h->samples <= N_RTT_SAMPLE);
    h->window_end = snd_nxt;
    h->last_min_us = h->current_min_us;
    h->current_min_us = INFINITE;
    h->samples = 0;
    h->css_rounds += h->started && h->css;
    h->started = true;
}

static void take_sample(struct mn_hystart *h, uint64_t rtt_ns)
{
    uint32_t rtt_us = (uint32_t)MN_MIN(rtt_ns / 1000, (uint64_t)INFINITE - 1);
    h->current_min_us = MN_MIN(h->current_min_us, rtt_us);
    if (h->samples < N_RTT_SAMPLE)
        h->samples++;
}

/* "RttThresh = max(MIN_RTT_THRESH, min(lastRoundMinRTT / MIN_RTT_DIVISOR, MAX_RTT_THRESH))" */
static bool delay_increased(const struct mn_hystart *h)
{
    if (h->last_min_us == INFINITE)
        return false;
    uint32_t threshold = MN_MAX(MIN_RTT_THRESH_US, MN_MIN(h->last_min_us / MIN_RTT_DIVISOR, MAX_RTT_THRESH_US));
    return h->current_min_us >= h->last_min_us + threshold;
}

static void judge(struct mn_hystart *h)
{
    MN_DEBUG_ASSERT(h->started);
    if (h->samples < N_RTT_SAMPLE)
        return;
    if (!h->css && delay_increased(h)) {
        h->css = true;
        h->css_rounds = 0;
        h->css_baseline_us = h->current_min_us;
    } else if (h->css && h->current_min_us < h->css_baseline_us) {
        h->css = false; /* "the slow start exit was spurious": slow start goes on */
        h->css_baseline_us = INFINITE;
    }
}

uint32_t mn_hystart_acked(struct mn_hystart *h, uint32_t acked, uint64_t rtt_ns, uint32_t snd_una, uint32_t snd_nxt,
                          bool *over)
{
    MN_DEBUG_ASSERT(mn_seq_leq(snd_una, snd_nxt));
    if (!h->started)
        begin_round(h, snd_nxt);
    if (rtt_ns != 0)
        take_sample(h, rtt_ns);
    judge(h);
    if (mn_seq_geq(snd_una, h->window_end))
        begin_round(h, snd_nxt);
    *over = h->css && h->css_rounds >= CSS_ROUNDS;
    return h->css ? acked / CSS_GROWTH_DIVISOR : acked;
}
