/* Proportional rate reduction (RFC 9937 6): during fast recovery each acknowledgement allows so
 * much data that the flight is at ssthresh when the recovery ends. The congestion window is the
 * data in flight plus the allowed data. */
#include "tcp/recovery/prr.h"
#include "tcp/recovery/flight.h"
#include "tcp/tcb.h"

void mn_prr_begin(struct mn_tcb *tcb, const struct mn_news *ack)
{
    MN_DEBUG_ASSERT(mn_seq_leq(tcb->snd_una, tcb->snd_nxt));
    const struct mn_scoreboard *b = &tcb->flight.loss.sent;
    /* Data acknowledged selectively before is not delivered in this recovery. Data that this
     * acknowledgement delivers is. */
    uint32_t before = b->sacked - MN_MIN(b->sacked, ack->sacked);
    uint32_t newly_acked = ack->acked > 0 ? ack->bytes - ack->sacked : 0;
    uint32_t recover_fs = tcb->snd_nxt - tcb->snd_una - before + newly_acked;
    tcb->flight.loss.prr = (struct mn_prr){.recover_fs = MN_MAX(recover_fs, 1u)};
}

/* CEIL(prr_delivered * ssthresh / RecoverFS) - prr_out */
static uint32_t proportional(const struct mn_prr *prr, uint32_t ssthresh)
{
    MN_ASSERT(prr->recover_fs > 0);
    uint64_t target = ((uint64_t)prr->delivered * ssthresh + prr->recover_fs - 1) / prr->recover_fs;
    return target > prr->out ? (uint32_t)MN_MIN(target - prr->out, (uint64_t)UINT32_MAX) : 0;
}

void mn_prr_acked(struct mn_tcb *tcb, const struct mn_news *ack)
{
    MN_DEBUG_ASSERT(tcb->flight.loss.phase == MN_LOSS_RECOVERY);
    struct mn_prr *prr = &tcb->flight.loss.prr;
    struct mn_congestion *c = &tcb->flight.congestion;
    uint32_t in_flight = mn_tcb_pipe(tcb), count;
    prr->delivered += ack->bytes;
    if (in_flight > c->ssthresh) {
        count = proportional(prr, c->ssthresh);
    } else {
        uint32_t unspent = prr->delivered > prr->out ? prr->delivered - prr->out : 0;
        bool safe = ack->acked > 0 && ack->lost == 0; /* SafeACK: progress, and no further loss */
        count = MN_MAX(unspent, ack->bytes) + (safe ? c->mss : 0);
        count = MN_MIN(c->ssthresh - in_flight, count);
    }
    /* RFC 6582 3.2 step 3: the first segment is retransmitted. */
    bool partial = !tcb->sack_ok && ack->acked > 0;
    if (count < c->mss && (prr->out == 0 || partial))
        count = c->mss; /* the fast retransmission itself */
    if (!c->ops->rate_based)
        c->cwnd = in_flight + count;
}
