/* RACK (RFC 8985 6): segments are lost that were sent sufficiently long before one that has been
 * delivered. */
#include "tcp/recovery/rack.h"
#include "tcp/tcb.h"

#define US MNET_MICROSECOND

uint32_t mn_rack_us(uint64_t ns)
{
    uint64_t us = ns / US;
    return MN_LIKELY(us <= UINT32_MAX) ? (uint32_t)us : UINT32_MAX;
}

void mn_rack_init(struct mn_rack *rack, uint32_t seq)
{
    *rack = (struct mn_rack){.reo_wnd_mult = 1, .end_seq = seq, .fack = seq};
}

/* Step 1: updates the smallest recent round trip. */
void mn_rack_update_min_rtt(struct mn_rack *rack, uint32_t rtt_us, uint64_t now)
{
    uint32_t now_ms = (uint32_t)(now / MNET_MILLISECOND);
    bool old = now_ms - rack->min_rtt_ms > MN_MIN_RTT_WINDOW / MNET_MILLISECOND;
    if (rack->min_rtt_us == 0 || rtt_us <= rack->min_rtt_us || old) {
        rack->min_rtt_us = MN_MAX(rtt_us, 1u);
        rack->min_rtt_ms = now_ms;
    }
}

/* RACK_sent_after (6.1): segments sent at one time are in the order of their numbers. */
static bool sent_after(uint64_t t1, uint32_t end1, uint64_t t2, uint32_t end2)
{
    return MN_LIKELY(t1 > t2) || (t1 == t2 && mn_seq_gt(end1, end2));
}

/* Steps 1 and 2 of 6.2 for data whose round trip is not ambiguous. */
static inline void take_delivery(struct mn_rack *rack, const struct mn_delivery *d)
{
    if (MN_LIKELY(sent_after(d->sent_ns, d->end, rack->xmit_ns, rack->end_seq))) {
        rack->xmit_ns = d->sent_ns;
        rack->end_seq = d->end;
    }
}

uint32_t mn_rack_delivered_once(struct mn_rack *rack, const struct mn_delivery *d, uint64_t now)
{
    MN_DEBUG_ASSERT(d->len > 0 && d->sent_ns <= now);
    uint32_t rtt_us = mn_rack_us(now - d->sent_ns);
    /* Step 3: the data is older than that of earlier acknowledgements. */
    if (MN_UNLIKELY(mn_seq_leq(d->end, rack->fack)))
        rack->reordering_seen = true;
    mn_rack_update_min_rtt(rack, rtt_us, now);
    take_delivery(rack, d);
    return rtt_us;
}

/* Steps 1 to 3 of 6.2 for a part of the data just delivered. */
void mn_rack_delivered(struct mn_rack *rack, const struct mn_delivery *d, struct mn_news *ack)
{
    uint32_t rtt_us;
    if (MN_LIKELY(!(d->flags & MN_SENT_RETRANSMITTED))) {
        rtt_us = mn_rack_delivered_once(rack, d, ack->now);
    } else {
        rtt_us = mn_rack_us(ack->now - d->sent_ns);
        /* Step 2: an acknowledgement sooner than any round trip is for the first transmission. */
        if (rtt_us < rack->min_rtt_us)
            return;
        take_delivery(rack, d);
    }
    /* In the end the round trip of the segment sent last. */
    ack->rtt_us = MN_MIN(ack->rtt_us, rtt_us);
}

/* Step 4: RACK_update_reo_wnd: the window grows by a quarter of the smallest round trip for each
 * round trip in which D-SACK showed that it was too narrow. */
void mn_rack_dsack(struct mn_rack *rack, uint32_t snd_una, uint32_t snd_nxt)
{
    MN_DEBUG_ASSERT(mn_seq_leq(snd_una, snd_nxt));
    /* Retransmitted data had only been late. Step 3 does not notice that, because it considers
     * segments sent once. Without it three segments would be enough to do the same again, with any
     * window. */
    rack->reordering_seen = true;
    if (rack->in_dsack_round && mn_seq_lt(snd_una, rack->dsack_round))
        return;
    rack->in_dsack_round = true;
    rack->dsack_round = snd_nxt;
    if (rack->reo_wnd_mult < UINT8_MAX)
        rack->reo_wnd_mult++;
    rack->persist = MN_REO_WND_PERSIST;
}

void mn_rack_recovered(struct mn_rack *rack)
{
    MN_DEBUG_ASSERT(rack->reo_wnd_mult >= 1);
    if (rack->persist > 0 && --rack->persist == 0)
        rack->reo_wnd_mult = 1;
}

uint64_t mn_rack_reordering_window(const struct mn_tcb *tcb)
{
    const struct mn_loss *loss = &tcb->flight.loss;
    const struct mn_rack *rack = &loss->rack;
    bool threshold = loss->dupacks >= MN_DUPACK_THRESHOLD ||
                     loss->sent.sacked > (MN_DUPACK_THRESHOLD - 1u) * tcb->snd_mss;
    if (!rack->reordering_seen && (loss->phase != MN_LOSS_OPEN || threshold))
        return 0;
    uint64_t window = (uint64_t)rack->reo_wnd_mult * rack->min_rtt_us / 4 * US;
    return MN_MIN(window, tcb->flight.rtt.srtt_ns);
}

/* Step 5: RACK_detect_loss. Each segment has its own deadline. The first one that is still ahead
 * arms the timer. Returns the bytes found to be lost. */
uint32_t mn_rack_detect(struct mn_tcb *tcb, uint64_t now)
{
    struct mn_loss *loss = &tcb->flight.loss;
    struct mn_scoreboard *b = &loss->sent;
    const struct mn_rack *rack = &loss->rack;
    uint64_t timeout = rack->rtt_us * US + mn_rack_reordering_window(tcb);
    uint32_t lost_before = b->lost;
    uint64_t first = MNET_NEVER;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct mn_sent *record = mn_scoreboard_at(b, i);
        if (record->flags & (MN_SENT_SACKED | MN_SENT_LOST) ||
            !sent_after(rack->xmit_ns, rack->end_seq, record->sent_ns, mn_scoreboard_end_of(b, i)))
            continue;
        if (record->sent_ns + timeout <= now)
            mn_scoreboard_lose(b, i);
        else
            first = MN_MIN(first, record->sent_ns + timeout);
    }
    loss->early = first == MNET_NEVER ? MN_EARLY_NONE : MN_EARLY_REORDER;
    loss->early_due_ns = first;
    return b->lost - lost_before;
}

/* 6.3: RACK_mark_losses_on_RTO: the first segment is lost, and so are those sent more than a round
 * trip ago. */
void mn_rack_timed_out(struct mn_tcb *tcb, uint64_t now)
{
    MN_DEBUG_ASSERT(tcb->sack_ok);
    struct mn_scoreboard *b = &tcb->flight.loss.sent;
    uint64_t timeout = MN_MAX(tcb->flight.loss.rack.rtt_us * US, tcb->flight.rtt.srtt_ns) +
                       mn_rack_reordering_window(tcb);
    for (uint32_t i = 0; i < b->count; i++) {
        const struct mn_sent *record = mn_scoreboard_at(b, i);
        if (!(record->flags & (MN_SENT_SACKED | MN_SENT_LOST)) && (i == 0 || record->sent_ns + timeout <= now))
            mn_scoreboard_lose(b, i);
    }
    /* Retransmitted data that has not arrived by now was lost again. */
    b->lost_from = tcb->snd_una;
}
