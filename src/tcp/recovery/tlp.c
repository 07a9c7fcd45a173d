/* Tail loss probes (RFC 8985 7): if silence follows a flight, one more segment provokes an
 * acknowledgement, so that RACK finds the loss long before the retransmission timer would. */
#include "tcp/recovery/tlp.h"
#include "tcp/calm.h"
#include "tcp/state.h"
#include "tcp/tcb.h"

/* Returns whether one segment is in flight. A path probe is larger than others, but still one
 * segment. */
static bool is_one_segment(const struct mn_tcb *tcb)
{
    const struct mn_plpmtu *p = tcb->plpmtu;
    if (MN_LIKELY(tcb->snd_nxt - tcb->snd_una <= tcb->snd_mss))
        return true;
    return p != NULL && p->probe == MN_PROBE_OUT && mn_seq_geq(tcb->snd_una, p->probe_seq) &&
           tcb->snd_nxt == p->probe_end;
}

/* 7.2: TLP_calc_PTO. The acknowledgement of one segment may be delayed, and so may that of a path
 * probe: RFC 8899 5.1.1 lets its timer run for longer than an acknowledgement can take. Without a
 * sample there is no probe: the retransmission timer is as good. */
static uint64_t probe_timeout(const struct mn_tcb *tcb)
{
    uint64_t one = is_one_segment(tcb) ? MN_PTO_ONE_SEGMENT : 0;
    return 2 * tcb->flight.rtt.srtt_ns + MN_PTO_SLACK + one;
}

/* Nothing is lost that we know of, and no probe is out. That is so if the connection is calm. */
static bool is_undisturbed(const struct mn_tcb *tcb)
{
    const struct mn_loss *loss = &tcb->flight.loss;
    return tcb->sack_ok && loss->phase == MN_LOSS_OPEN && loss->sent.sacked == 0 && loss->sent.lost == 0 &&
           !loss->tlp_out && tcb->flight.rtt.expiries == 0 && mn_tcp_synchronized(tcb) && !tcb->persisting;
}

static bool may_probe(const struct mn_tcb *tcb)
{
    return (MN_LIKELY(tcb->calm) || is_undisturbed(tcb)) && tcb->flight.loss.rtt_since_tlp &&
           tcb->flight.rtt.srtt_ns != 0 && tcb->snd_nxt != tcb->snd_una;
}

void mn_tlp_schedule(struct mn_tcb *tcb, uint64_t now)
{
    struct mn_loss *loss = &tcb->flight.loss;
    if (MN_UNLIKELY(loss->early == MN_EARLY_REORDER))
        return;
    loss->early = may_probe(tcb) ? MN_EARLY_PROBE : MN_EARLY_NONE;
    /* Not later than the retransmission timer, which then begins anew. */
    loss->early_due_ns = MN_MIN(now + probe_timeout(tcb), tcb->flight.retransmit_due_ns);
}

void mn_tlp_hasten(struct mn_tcb *tcb, uint64_t now)
{
    struct mn_loss *loss = &tcb->flight.loss;
    /* Sooner, because more than one segment is in flight; a later time is checked when it is
     * due. */
    if (loss->early == MN_EARLY_PROBE)
        loss->early_due_ns = MN_MIN(loss->early_due_ns, now + probe_timeout(tcb));
}

bool mn_tlp_take_expiry(struct mn_tcb *tcb, uint64_t now)
{
    MN_DEBUG_ASSERT(tcb->flight.loss.early == MN_EARLY_PROBE);
    struct mn_loss *loss = &tcb->flight.loss;
    uint64_t due = MN_MIN(tcb->flight.last_sent_ns + probe_timeout(tcb), tcb->flight.retransmit_due_ns);
    if (now < due) { /* data sent since this was armed postpones it */
        loss->early_due_ns = due;
        return false;
    }
    loss->early = MN_EARLY_NONE;
    if (!may_probe(tcb)) {
        tcb->owed &= (uint8_t)~MN_OWED_TAIL_PROBE;
        return false;
    }
    tcb->owed |= MN_OWED_TAIL_PROBE;
    return true;
}

/* 7.3: TLP_send_probe: new data if there is some and the peer's window allows it, with any cwnd;
 * otherwise the end of the data sent. */
uint32_t mn_tlp_range(const struct mn_tcb *tcb, uint32_t *seq)
{
    MN_DEBUG_ASSERT(mn_seq_leq(tcb->snd_una, tcb->snd_nxt));
    uint32_t end = mn_sendq_end(&tcb->sendq);
    uint32_t edge = tcb->snd_una + tcb->snd_wnd;
    uint32_t unsent = mn_seq_gt(end, tcb->snd_nxt) ? end - tcb->snd_nxt : 0;
    uint32_t window = mn_seq_gt(edge, tcb->snd_nxt) ? edge - tcb->snd_nxt : 0;
    uint32_t len = MN_MIN(MN_MIN(unsent, window), tcb->snd_mss);
    *seq = tcb->snd_nxt;
    if (len == 0) {
        uint32_t in_window = MN_MIN(tcb->snd_nxt - tcb->snd_una, tcb->snd_wnd + tcb->fin_queued);
        len = MN_MIN(in_window, tcb->snd_mss);
        *seq = tcb->snd_una + in_window - len;
    }
    return len;
}

void mn_tlp_sent(struct mn_tcb *tcb, bool is_retrans)
{
    MN_DEBUG_ASSERT(!tcb->flight.loss.tlp_out);
    struct mn_loss *loss = &tcb->flight.loss;
    loss->tlp_is_retrans = is_retrans;
    loss->tlp_out = true;
    mn_tcb_disturb(tcb);
    loss->tlp_end_seq = tcb->snd_nxt;
    loss->rtt_since_tlp = false;
}

/* 7.4.2: TLP_process_ack. Returns true if the probe repaired the loss of the last segment, which
 * nothing else reveals. */
MN_RARE bool mn_tlp_answered(struct mn_tcb *tcb, const struct mn_news *ack)
{
    struct mn_loss *loss = &tcb->flight.loss;
    if (mn_seq_lt(tcb->snd_una, loss->tlp_end_seq))
        return false;
    bool twice = ack->has_dsack && ack->dsack.right == loss->tlp_end_seq;
    bool repaired = loss->tlp_is_retrans && !twice && mn_seq_gt(tcb->snd_una, loss->tlp_end_seq);
    if (!loss->tlp_is_retrans || twice || repaired || (ack->duplicate && !ack->has_sack))
        loss->tlp_out = false;
    return repaired;
}
