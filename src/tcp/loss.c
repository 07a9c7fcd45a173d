#include "tcp/loss.h"

#include "tcp/tcb.h"

void mn_loss_init(struct mn_loss *loss, uint32_t iss)
{
    *loss = (struct mn_loss){.phase = MN_LOSS_OPEN, .recover = iss, .rtx_nxt = iss, .rtx_end = iss};
}

/* Sequence numbers from SND.UNA that the send queue or our FIN stands behind. */
static void mark_lost(struct mn_tcb *tcb, uint32_t end)
{
    tcb->loss.rtx_nxt = tcb->snd_una;
    tcb->loss.rtx_end = end;
}

static void mark_first_segment(struct mn_tcb *tcb)
{
    uint32_t flight = tcb->snd_nxt - tcb->snd_una;
    mark_lost(tcb, tcb->snd_una + MN_MIN(flight, tcb->snd_mss));
}

void mn_loss_resend_all(struct mn_tcb *tcb)
{
    mark_lost(tcb, tcb->snd_nxt);
}

/* RFC 6582 3.2 step 2: enter fast recovery. */
static void enter_recovery(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    struct mn_loss *loss = &tcb->loss;
    struct mn_congestion *c = &tcb->congestion;
    mn_tcp_count(tcp, MNET_COUNT_TCP_FAST_RETRANSMIT);
    c->ops->lost(c, tcb->snd_nxt - tcb->snd_una, now);
    loss->phase = MN_LOSS_RECOVERY;
    loss->recover = tcb->snd_nxt;
    loss->recover_valid = true;
    c->cwnd = c->ssthresh + MN_DUPACK_THRESHOLD * c->mss;
    mark_first_segment(tcb);
}

void mn_loss_duplicate(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    struct mn_loss *loss = &tcb->loss;
    loss->dupacks++;
    if (loss->phase == MN_LOSS_RECOVERY) {
        tcb->congestion.cwnd += tcb->congestion.mss; /* a segment has left the network (step 3) */
    } else if (loss->phase == MN_LOSS_OPEN && loss->dupacks == MN_DUPACK_THRESHOLD) {
        /* Step 1: duplicates that only echo what was sent again before `recover` are no new loss. */
        if (!loss->recover_valid || mn_seq_gt(tcb->snd_una, loss->recover))
            enter_recovery(tcp, tcb, now);
    }
}

/* RFC 6582 3.2 step 3: a partial acknowledgement, or the end of recovery. */
static void recovery_acked(struct mn_tcb *tcb, uint32_t acked)
{
    struct mn_loss *loss = &tcb->loss;
    struct mn_congestion *c = &tcb->congestion;
    if (mn_seq_geq(tcb->snd_una, loss->recover)) {
        uint32_t flight = tcb->snd_nxt - tcb->snd_una;
        c->cwnd = MN_MIN(c->ssthresh, MN_MAX(flight, c->mss) + c->mss);
        loss->phase = MN_LOSS_OPEN;
        loss->dupacks = 0;
        return;
    }
    mark_first_segment(tcb);
    c->cwnd = c->cwnd > acked ? c->cwnd - acked : 0;
    if (acked >= c->mss)
        c->cwnd += c->mss;
    c->cwnd = MN_MAX(c->cwnd, c->mss);
}

void mn_loss_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t acked, uint64_t now)
{
    (void)tcp;
    (void)now;
    struct mn_loss *loss = &tcb->loss;
    loss->rtx_nxt = mn_seq_max(loss->rtx_nxt, tcb->snd_una);
    loss->rtx_end = mn_seq_max(loss->rtx_end, loss->rtx_nxt);
    if (loss->phase == MN_LOSS_RECOVERY) {
        recovery_acked(tcb, acked);
        return;
    }
    loss->dupacks = 0;
    if (loss->recover_valid && mn_seq_gt(tcb->snd_una, loss->recover + (1u << 30)))
        loss->recover_valid = false; /* so far behind that comparing it would soon wrap */
    if (loss->phase == MN_LOSS_TIMEOUT && mn_seq_geq(tcb->snd_una, loss->recover))
        loss->phase = MN_LOSS_OPEN;
}

/* RFC 6298 (5.4) to (5.6), RFC 5681 3.1: everything in flight counts as lost, and goes again as the window opens. */
void mn_loss_timeout(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    struct mn_loss *loss = &tcb->loss;
    mn_tcp_count(tcp, MNET_COUNT_TCP_RTO);
    struct mn_congestion *c = &tcb->congestion;
    c->ops->timed_out(c, tcb->snd_nxt - tcb->snd_una, tcb->rtt.backoff == 0, now);
    loss->phase = MN_LOSS_TIMEOUT;
    loss->recover = tcb->snd_nxt;
    loss->recover_valid = true;
    loss->dupacks = 0;
    mn_loss_resend_all(tcb);
}
