/* Pacing: data within the congestion window is sent in bursts of about a millisecond, evenly over
 * the round trip, instead of at once.
 *
 * The rate is the module's, or the window over the smoothed round trip: twice that in slow start,
 * which doubles it each round trip, and 1.2 times that afterwards, so pacing alone never keeps the
 * window from being used. A burst is the rate times MN_PACING_BURST, but at least two segments.
 * Within it packets are as large as they can be. paced_until_ns is the time until which the data
 * sent keeps the path busy at that rate. When a burst has been sent, the timer waits for that time,
 * and no new data is sent before it. So there is one timer for a burst and none for a segment.
 *
 * Not paced are paths with a round trip shorter than a burst, for which the whole window would be
 * one, and data up to the initial window in flight, which RFC 6928 sends at once. So short
 * exchanges and idle connections never have a timer. Retransmissions of fast recovery are clocked
 * by acknowledgements and only counted here.
 *
 * What is sent without waiting for its time makes a debt, which is as long as the rate of that
 * moment says. A rate that rises afterwards does not make it shorter, so it has a limit of two
 * round trips, in which any rate sends a window.
 */
#include "tcp/pacing.h"
#include "tcp/tcb.h"
#include "tcp/timers.h"

#define BURST MNET_MILLISECOND
#define BURST_SEGMENTS_MIN 2u
#define DEBT_ROUND_TRIPS 2u
/* Windows and times stay far below values that would overflow 64 bits: 2^30 bytes, 1 s. */
#define RATE_MAX (UINT64_C(1) << 40)

uint64_t mn_pacing_rate(const struct mn_tcb *tcb)
{
    const struct mn_congestion *c = &tcb->flight.congestion;
    uint64_t srtt = tcb->flight.rtt.srtt_ns;
    if (MN_LIKELY(srtt < BURST) || tcb->no_pacing)
        return 0;
    if (c->ops->pacing_rate != NULL)
        return MN_MIN(c->ops->pacing_rate(c), RATE_MAX);
    uint64_t window = mn_congestion_slow_start(c) ? 2 * (uint64_t)c->cwnd : (uint64_t)c->cwnd * 6 / 5;
    return window * MNET_SECOND / srtt;
}

/* Returns how many of `len` bytes may be sent now: all, or a multiple of the segment's size. After
 * 0 the timer asks for output again. */
uint32_t mn_pacing_claim(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t len, uint64_t now)
{
    uint32_t mss = tcb->snd_mss, flight = tcb->snd_nxt - tcb->snd_una;
    uint32_t unpaced = mn_congestion_initial_window(mss);
    if (MN_UNLIKELY(mn_tcb_is_due(tcb, MN_DUE_PACING)))
        return 0;
    if (MN_LIKELY(flight + len <= unpaced))
        return len;
    if (flight + mss <= unpaced)
        return (unpaced - flight) / mss * mss;
    uint64_t rate = mn_pacing_rate(tcb);
    if (rate == 0)
        return len;
    uint64_t burst = MN_MAX(rate * BURST / MNET_SECOND, (uint64_t)BURST_SEGMENTS_MIN * mss);
    uint64_t busy = tcb->flight.paced_until_ns > now ? MN_MIN(tcb->flight.paced_until_ns - now, MNET_SECOND) : 0;
    uint64_t spent = busy * rate / MNET_SECOND;
    if (spent + mss > burst) {
        mn_tcb_set_due(tcp, tcb, MN_DUE_PACING, now + busy);
        return 0;
    }
    return (uint32_t)MN_MIN((burst - spent) / mss * mss, (uint64_t)len);
}

void mn_pacing_sent(struct mn_tcb *tcb, uint32_t len, uint64_t now)
{
    uint64_t rate = mn_pacing_rate(tcb);
    if (MN_LIKELY(rate == 0))
        return;
    uint64_t until = MN_MAX(tcb->flight.paced_until_ns, now) + len * MNET_SECOND / rate;
    tcb->flight.paced_until_ns = MN_MIN(until, now + DEBT_ROUND_TRIPS * tcb->flight.rtt.srtt_ns);
}
