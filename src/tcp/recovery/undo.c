/* Undoes the reduction of the congestion window by a spurious timeout or fast retransmit.
 *
 * A timeout was spurious if data arrives after it that was sent before it and not retransmitted
 * (F-RTO, RFC 5682). Any recovery was needless if D-SACK shows that all data retransmitted in it
 * had already arrived (RFC 3708). The response is that of RFC 9438 4.9, and pacing prevents bursts.
 */
#include "tcp/recovery/undo.h"
#include "tcp/ready.h"
#include "tcp/recovery/flight.h"
#include "tcp/tcb.h"

void mn_undo_save(struct mn_tcb *tcb)
{
    tcb->flight.loss.undo_valid = true;
    tcb->flight.loss.undo = (struct mn_undo){.from = tcb->snd_una, .to = tcb->snd_una};
}

void mn_undo_retransmitted(struct mn_tcb *tcb, uint32_t from, uint32_t to)
{
    MN_DEBUG_ASSERT(mn_seq_lt(from, to));
    struct mn_undo *u = &tcb->flight.loss.undo;
    if (!tcb->flight.loss.undo_valid)
        return;
    bool first = u->from == u->to;
    u->from = first ? from : mn_seq_min(u->from, from);
    u->to = first ? to : mn_seq_max(u->to, to);
    u->unproved += to - from;
}

/* Networks duplicate segments, too, so data sent once proves nothing. The scoreboard still knows
 * which of its data was retransmitted. */
bool mn_undo_concerns(struct mn_tcb *tcb, uint32_t left, uint32_t right)
{
    MN_DEBUG_ASSERT(mn_seq_lt(left, right));
    const struct mn_undo *u = &tcb->flight.loss.undo;
    struct mn_scoreboard *b = &tcb->flight.loss.sent;
    if (!tcb->flight.loss.undo_valid || mn_seq_lt(left, u->from) || mn_seq_gt(right, u->to))
        return false;
    for (uint32_t i = 0; mn_seq_geq(left, tcb->snd_una) && i < b->count; i++) {
        if (mn_seq_gt(mn_scoreboard_end_of(b, i), left))
            return mn_scoreboard_at(b, i)->flags & MN_SENT_RETRANSMITTED;
    }
    return true;
}

static void undo(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    MN_DEBUG_ASSERT(tcb->flight.loss.undo_valid);
    struct mn_loss *loss = &tcb->flight.loss;
    struct mn_congestion *c = &tcb->flight.congestion;
    mn_tcp_count(tcp, MNET_COUNT_TCP_UNDONE);
    c->ops->undo(c);
    mn_scoreboard_forget(&loss->sent, MN_SENT_LOST);
    loss->phase = MN_LOSS_OPEN;
    loss->frto = MN_FRTO_OFF;
    loss->dupacks = 0;
    loss->undo_valid = false;
    loss->recover_valid = false;
    mn_tcb_trace(tcp, tcb, MNET_TCP_EVENT_UNDONE);
    MN_DEBUG_ASSERT(tcb->flight.loss.sent.lost == 0);
}

/* Returns whether this D-SACK was the last missing proof. */
static bool prove_needless(struct mn_tcb *tcb, const struct mn_news *ack)
{
    MN_DEBUG_ASSERT(mn_seq_leq(ack->dsack.left, ack->dsack.right));
    struct mn_loss *loss = &tcb->flight.loss;
    if (loss->undo.unproved == 0)
        return false;
    loss->undo.unproved -= MN_MIN(loss->undo.unproved, ack->dsack.right - ack->dsack.left);
    return loss->undo.unproved == 0;
}

bool mn_undo_by_dsack(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_news *ack)
{
    if (!prove_needless(tcb, ack))
        return false;
    undo(tcp, tcb);
    return true;
}

/* (2b): sends up to two segments of new data. */
static void allow_new_data(struct mn_tcb *tcb)
{
    MN_DEBUG_ASSERT(tcb->flight.loss.frto == MN_FRTO_TIMEOUT);
    tcb->flight.loss.frto = MN_FRTO_NEW;
    tcb->flight.congestion.cwnd = mn_tcb_pipe(tcb) + 2u * tcb->snd_mss;
}

/* Steps 2 and 3 of RFC 5682 2.1 and, with SACK, 3.1. Returns true if the timeout was spurious. The
 * reduction is undone then. */
bool mn_undo_by_frto(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_news *ack)
{
    struct mn_loss *loss = &tcb->flight.loss;
    bool recovered = mn_seq_geq(tcb->snd_una, loss->recover);
    bool second = loss->frto == MN_FRTO_NEW;
    if (loss->frto == MN_FRTO_OFF)
        return false;
    /* (3b) With SACK the first acknowledgement is enough: the data that had arrived out of order
     * before the timeout was known. */
    if (ack->original && (tcb->sack_ok || (second && ack->acked > 0))) {
        undo(tcp, tcb);
        return true;
    }
    bool unsent = mn_seq_gt(mn_sendq_end(&tcb->sendq), tcb->snd_nxt);
    bool window = mn_seq_gt(tcb->snd_una + tcb->snd_wnd, tcb->snd_nxt);
    /* (2a) An acknowledgement of less than the retransmitted data proves nothing. */
    bool partial = loss->sent.count > 0 && (mn_scoreboard_at(&loss->sent, 0)->flags & MN_SENT_RETRANSMITTED) != 0;
    if (!second && ack->acked > 0 && !recovered && !partial && unsent && window)
        allow_new_data(tcb);
    else if (second || ack->acked > 0 || (ack->duplicate && !tcb->sack_ok))
        loss->frto = MN_FRTO_OFF; /* (2a), (3a): the conventional way */
    /* (3a): "no more than 3 * MSS", and the next segment is sent. */
    if (second && loss->frto == MN_FRTO_OFF) {
        uint32_t mss = tcb->snd_mss;
        tcb->flight.congestion.cwnd = MN_MAX(tcb->flight.congestion.cwnd, MN_MIN(mn_tcb_pipe(tcb) + mss, 3 * mss));
    }
    return false;
}
