/* Reports acknowledgements and transmissions to congestion control: whether it was
 * application-limited, delivery samples, idle time.
 *
 * cwnd may grow only if it was the limit (RFC 5681 3.1 in the spirit of RFC 7661). If output has
 * data and window but no room in cwnd, it stores SND.NXT in limited_seq, and the acknowledgements
 * of data in flight by then count. In slow start half a window in flight is enough, because there
 * cwnd runs ahead of the data that can have been sent.
 *
 * Samples (rate.h) are taken if the module wants them: always if it is rate-based, otherwise in the
 * initial slow start and only with enough data in flight. So short exchanges and idle connections
 * use no memory for them.
 */
#include "tcp/recovery/feedback.h"
#include "tcp/tcb.h"

/* Below this flight size, in segments, HyStart++ cannot collect its eight samples per round. */
#define SAMPLED_FROM 8u

static bool wants_samples(const struct mn_tcb *tcb)
{
    const struct mn_congestion *c = &tcb->flight.congestion;
    return c->ops->rate_based || (c->ops->samples && c->ssthresh == MN_SSTHRESH_UNKNOWN);
}

/* Returns false if there is no memory for samples. The next packet tries again. */
static bool begin_samples(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    MN_ASSERT(tcb->flight.rate == NULL);
    tcb->flight.rate = mn_pool_alloc(&tcp->rates, MN_CLAIM_SEND);
    if (tcb->flight.rate == NULL)
        return false;
    mn_rate_init(tcb->flight.rate, tcb->snd_una, now);
    if (tcb->flight.congestion.ops->rate_based)
        tcb->flight.congestion.ops->attach(&tcb->flight.congestion, &tcb->flight.rate->bbr, now);
    return true;
}

static MN_APART void sample_sent(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t flight, uint64_t now)
{
    if (tcb->flight.rate == NULL && (!wants_samples(tcb) || !begin_samples(tcp, tcb, now)))
        return;
    mn_rate_sent(tcb->flight.rate, tcb->snd_nxt, flight, tcb->flight.congestion.cwnd / MN_RATE_SPACING, now);
    uint32_t out = tcb->snd_nxt - tcb->snd_una;
    if (mn_seq_geq(tcb->snd_nxt, mn_sendq_end(&tcb->sendq)) && out < tcb->flight.congestion.cwnd)
        mn_rate_note_application_limit(tcb->flight.rate, out);
}

void mn_feedback_sent(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t flight, uint64_t now)
{
    if (MN_UNLIKELY(tcb->flight.rate != NULL || flight >= SAMPLED_FROM * tcb->snd_mss ||
                    tcb->flight.congestion.ops->rate_based))
        sample_sent(tcp, tcb, flight, now);
}

void mn_feedback_release(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    if (tcb->flight.congestion.ops->rate_based)
        tcb->flight.congestion.bbr = NULL;
    mn_pool_free(&tcp->rates, tcb->flight.rate);
    tcb->flight.rate = NULL;
}

/* Advances limited_seq. Returns whether cwnd held data back in the round trip that the
 * acknowledgement of `acked` bytes ends. */
static bool update_limited(struct mn_tcb *tcb, uint32_t acked, uint32_t flight)
{
    const struct mn_congestion *c = &tcb->flight.congestion;
    if (MN_UNLIKELY(mn_seq_gt(tcb->flight.limited_seq, tcb->snd_una - acked)))
        return true;
    tcb->flight.limited_seq = tcb->snd_una; /* keeps the number comparable */
    return flight >= c->cwnd / 2 && mn_congestion_slow_start(c);
}

/* Passes an acknowledgement to congestion control, with a delivery sample if there is one. */
static MN_APART void learn(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_news *news, bool was_limited,
                           bool recovering)
{
    uint32_t acked = news->acked;
    struct mn_congestion *c = &tcb->flight.congestion;
    struct mn_ack ack = {
        .now = news->now,
        .srtt_ns = tcb->flight.rtt.srtt_ns,
        .acked = c->ops->rate_based ? news->bytes : acked,
        .flight = tcb->snd_nxt - tcb->snd_una + acked,
        .snd_una = tcb->snd_una,
        .snd_nxt = tcb->snd_nxt,
        .limited = was_limited,
        .recovering = recovering,
    };
    if (tcb->flight.rate != NULL)
        mn_rate_acked(tcb->flight.rate, news->bytes, news->highest, news->now, &ack.sample);
    if (c->ops->rate_based || (!recovering && acked > 0))
        c->ops->acked(c, &ack);
    if (tcb->flight.rate != NULL && !c->ops->rate_based && (tcb->snd_una == tcb->snd_nxt || !wants_samples(tcb)))
        mn_feedback_release(tcp, tcb);
}

void mn_feedback_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_news *news, bool recovering)
{
    bool was_limited = update_limited(tcb, news->acked, tcb->snd_nxt - tcb->snd_una + news->acked);
    /* Hardly ever in short exchanges. */
    if (MN_UNLIKELY((was_limited && news->acked > 0) || tcb->flight.rate != NULL))
        learn(tcp, tcb, news, was_limited, recovering);
}
