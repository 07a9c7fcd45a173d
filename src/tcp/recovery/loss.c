/* Effects of acknowledgements, and of silence, on the data in flight: see loss.h. */
#include "tcp/recovery/loss.h"

#include <string.h>

#include "base/check.h"
#include "tcp/plpmtu.h"
#include "tcp/ready.h"
#include "tcp/recovery/feedback.h"
#include "tcp/recovery/flight.h"
#include "tcp/recovery/prr.h"
#include "tcp/recovery/rack.h"
#include "tcp/recovery/tlp.h"
#include "tcp/recovery/undo.h"
#include "tcp/tcb.h"

/* --- sending --- */

/* Returns the number of low bits in which two times may differ and count as one: up to a sixteenth
 * of a round trip. */
static unsigned time_grain(const struct mn_tcb *tcb)
{
    return 63u - (unsigned)__builtin_clzll(tcb->flight.rtt.srtt_ns / 16 | 1);
}

static MN_APART void retransmitted(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t seq, uint32_t end, uint64_t now)
{
    struct mn_scoreboard *b = &tcb->flight.loss.sent;
    mn_scoreboard_retransmitted(b, &tcp->scoreboards, seq, mn_seq_min(end, b->end), now);
    mn_undo_retransmitted(tcb, seq, end);
    if (tcb->plpmtu != NULL)
        mn_plpmtu_retransmitted(tcb, seq, end - seq);
}

void mn_loss_sent(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t seq, uint32_t len, uint64_t now)
{
    struct mn_loss *loss = &tcb->flight.loss;
    uint32_t end = seq + len;
    if (MN_UNLIKELY(mn_seq_lt(seq, loss->sent.end)))
        retransmitted(tcp, tcb, seq, end, now);
    if (mn_seq_gt(end, loss->sent.end))
        mn_scoreboard_sent(&loss->sent, &tcp->scoreboards, end, now, time_grain(tcb));
    mn_tlp_hasten(tcb, now);
    if (MN_UNLIKELY(loss->phase == MN_LOSS_RECOVERY))
        loss->prr.out += len;
}

/* --- acknowledgements --- */

/* The first smallest round trip is that of the handshake. */
static inline void begin_min_rtt(struct mn_tcb *tcb, uint64_t now)
{
    struct mn_rack *rack = &tcb->flight.loss.rack;
    if (MN_UNLIKELY(rack->min_rtt_us == 0) && tcb->flight.rtt.srtt_ns != 0)
        mn_rack_update_min_rtt(rack, mn_rack_us(tcb->flight.rtt.srtt_ns), now);
}

static void delivered(struct mn_tcb *tcb, const struct mn_delivery *d, struct mn_news *ack)
{
    struct mn_loss *loss = &tcb->flight.loss;
    ack->bytes += d->len;
    ack->highest = mn_seq_max(ack->highest, d->end);
    if (MN_LIKELY(!(d->flags & MN_SENT_RETRANSMITTED))) {
        loss->rtt_since_tlp = true;
        ack->original |= mn_seq_leq(d->end, loss->recover);
    }
    if (MN_LIKELY(tcb->sack_ok)) {
        begin_min_rtt(tcb, ack->now);
        mn_rack_delivered(&loss->rack, d, ack);
    }
}

/* Processes one block of the peer's. A block that is not entirely within the data in flight is old,
 * or false (RFC 2018 5, RFC 6675 5). */
static void block_received(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_tcp_sack_block block, struct mn_news *ack)
{
    struct mn_delivery d;
    if (mn_seq_geq(block.left, block.right) || mn_seq_gt(block.right, tcb->snd_nxt) ||
        mn_seq_leq(block.right, tcb->snd_una))
        return;
    uint32_t left = mn_seq_max(block.left, tcb->snd_una);
    while (mn_scoreboard_sacked(&tcb->flight.loss.sent, &tcp->scoreboards, &left, block.right, &d)) {
        ack->sacked += d.len;
        delivered(tcb, &d, ack);
    }
}

/* RFC 2883 4: the first block reports a duplicate if it is below the acknowledgement, or within the
 * second block. */
static bool is_dsack(const struct mn_tcb *tcb, const struct mn_tcp_header *h)
{
    struct mn_tcp_sack_block first = h->sack[0];
    if (mn_seq_geq(first.left, first.right) || mn_seq_lt(first.left, tcb->snd_una - tcb->max_snd_wnd))
        return false;
    if (mn_seq_leq(first.right, tcb->snd_una))
        return true;
    return h->sack_count > 1 && mn_seq_leq(h->sack[1].left, first.left) && mn_seq_geq(h->sack[1].right, first.right) &&
           mn_seq_leq(first.right, tcb->snd_nxt);
}

static MN_RARE void sack_received(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_tcp_header *h,
                                  struct mn_news *ack)
{
    ack->has_sack = true;
    if (is_dsack(tcb, h)) {
        ack->has_dsack = true;
        ack->dsack.left = h->sack[0].left;
        ack->dsack.right = h->sack[0].right;
    }
    for (int i = ack->has_dsack; i < h->sack_count; i++)
        block_received(tcp, tcb, h->sack[i], ack);
    if (ack->sacked > 0 && tcb->flight.loss.dupacks < UINT16_MAX)
        tcb->flight.loss.dupacks++; /* RFC 6675 2 */
}

/* Without SACK a duplicate delivers a segment of unknown number. The acknowledgement that fills the
 * hole delivers the rest. */
static MN_APART void count_duplicates(struct mn_tcb *tcb, struct mn_news *ack)
{
    struct mn_loss *loss = &tcb->flight.loss;
    uint32_t mss = tcb->snd_mss;
    if (ack->duplicate) {
        /* Only one window of duplicates is believed, or a peer could clock out any amount of
         * data. */
        bool credible = loss->phase != MN_LOSS_RECOVERY || loss->dupacks * mss < loss->recover - tcb->snd_una;
        loss->dupacks = (uint16_t)(loss->dupacks + (credible && loss->dupacks < UINT16_MAX));
        ack->bytes = credible ? mss : 0;
    } else if (ack->acked > 0 && loss->phase == MN_LOSS_RECOVERY) {
        uint32_t segments = ack->acked / mss;
        uint32_t known = MN_MIN((uint32_t)loss->dupacks, segments > 0 ? segments - 1 : 0);
        loss->dupacks = (uint16_t)(loss->dupacks - known);
        ack->bytes -= known * mss;
    }
}

static void collect(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg, struct mn_news *ack)
{
    struct mn_delivery d;
    if (ack->acked > 0) {
        while (mn_scoreboard_acked(&tcb->flight.loss.sent, &tcp->scoreboards, tcb->snd_una, &d))
            delivered(tcb, &d, ack);
    }
    if (MN_UNLIKELY(!tcb->sack_ok))
        count_duplicates(tcb, ack);
    else if (MN_UNLIKELY(seg->header.options & MN_TCP_OPTION_SACK))
        sack_received(tcp, tcb, &seg->header, ack);
    tcb->flight.loss.rack.fack = mn_seq_max(tcb->flight.loss.rack.fack, ack->highest);
    /* RFC 8985 6.2 step 2: also if something later had arrived before. */
    if (ack->rtt_us != UINT32_MAX)
        tcb->flight.loss.rack.rtt_us = ack->rtt_us;
}

/* --- recovery --- */

/* Returns the flight size for ssthresh: without the data that limited transmit added (RFC 5681 3.2
 * step 2). */
static uint32_t flight_size(const struct mn_tcb *tcb)
{
    uint32_t out = tcb->snd_nxt - tcb->snd_una;
    return tcb->flight.loss.phase == MN_LOSS_OPEN ? MN_MIN(out, tcb->flight.congestion.cwnd) : out;
}

static MN_RARE void enter_recovery(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_news *ack)
{
    struct mn_loss *loss = &tcb->flight.loss;
    struct mn_congestion *c = &tcb->flight.congestion;
    if (mn_plpmtu_blame_probe(tcp, tcb, ack->now))
        return;
    MN_ASSERT(loss->phase == MN_LOSS_OPEN);
    mn_tcp_count(tcp, MNET_COUNT_TCP_FAST_RETRANSMIT);
    mn_undo_save(tcb);
    c->ops->lost(c, flight_size(tcb), ack->now);
    loss->phase = MN_LOSS_RECOVERY;
    loss->recover = tcb->snd_nxt;
    loss->recover_valid = true;
    loss->tlp_out = false;
    mn_prr_begin(tcb, ack);
    mn_prr_acked(tcb, ack);
    mn_tcb_trace(tcp, tcb, MNET_TCP_EVENT_RECOVERY);
}

/* The first segment is retransmitted: duplicates do not reveal more (RFC 6582 3.2). */
static MN_RARE void lose_first(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    uint32_t flight = tcb->snd_nxt - tcb->snd_una;
    mn_scoreboard_lose_range(&tcb->flight.loss.sent, &tcp->scoreboards, tcb->snd_una,
                             tcb->snd_una + MN_MIN(flight, (uint32_t)tcb->snd_mss));
}

static void open_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_news *ack)
{
    struct mn_loss *loss = &tcb->flight.loss;
    if (ack->acked > 0)
        loss->dupacks = 0;
    if (MN_UNLIKELY(loss->recover_valid) && mn_seq_gt(tcb->snd_una, loss->recover + (1u << 30)))
        /* So old that comparing it would soon wrap. */
        loss->recover_valid = loss->undo_valid = false;
    /* RFC 6582 3.2 step 1: duplicates that are only caused by retransmissions before `recover` are
     * no new loss. */
    bool third = MN_UNLIKELY(!tcb->sack_ok) && ack->duplicate && loss->dupacks == MN_DUPACK_THRESHOLD &&
                 (!loss->recover_valid || mn_seq_gt(tcb->snd_una, loss->recover));
    if (MN_UNLIKELY(third))
        lose_first(tcp, tcb);
    if (MN_UNLIKELY(third || ack->lost > 0))
        enter_recovery(tcp, tcb, ack);
}

static MN_RARE void end_recovery(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    struct mn_loss *loss = &tcb->flight.loss;
    struct mn_congestion *c = &tcb->flight.congestion;
    uint32_t flight = tcb->snd_nxt - tcb->snd_una;
    /* RFC 9937 6.4. Without SACK there is no burst after it (RFC 6582 3.2 step 3, option 1). */
    if (!c->ops->rate_based)
        c->cwnd = tcb->sack_ok ? c->ssthresh : MN_MIN(c->ssthresh, MN_MAX(flight, c->mss) + c->mss);
    loss->phase = MN_LOSS_OPEN;
    loss->dupacks = 0;
    mn_rack_recovered(&loss->rack);
    mn_tcb_trace(tcp, tcb, MNET_TCP_EVENT_RECOVERED);
}

static MN_RARE void recovery_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_news *ack)
{
    if (mn_seq_geq(tcb->snd_una, tcb->flight.loss.recover)) {
        end_recovery(tcp, tcb);
        return;
    }
    if (!tcb->sack_ok && ack->acked > 0)
        lose_first(tcp, tcb); /* a partial acknowledgement reveals the next hole */
    mn_prr_acked(tcb, ack);
}

static MN_RARE void timeout_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_news *ack)
{
    struct mn_loss *loss = &tcb->flight.loss;
    loss->dupacks = 0;
    if (mn_undo_by_frto(tcp, tcb, ack))
        return;
    if (mn_seq_geq(tcb->snd_una, loss->recover)) {
        loss->phase = MN_LOSS_OPEN;
        loss->frto = MN_FRTO_OFF;
        mn_rack_recovered(&loss->rack);
        mn_tcb_trace(tcp, tcb, MNET_TCP_EVENT_RECOVERED);
    }
}

/* A probe repaired a loss that would have gone unnoticed: the window is still reduced (RFC 8985
 * 7.4.2). */
static MN_RARE void pay_for_repair(struct mn_tcb *tcb, const struct mn_news *ack)
{
    struct mn_congestion *c = &tcb->flight.congestion;
    tcb->flight.loss.undo_valid = false;
    tcb->flight.loss.frto = MN_FRTO_OFF; /* a timeout was not spurious altogether */
    c->ops->lost(c, MN_MIN(tcb->snd_nxt - tcb->snd_una + ack->acked, c->cwnd), ack->now);
    c->cwnd = MN_MIN(c->cwnd, c->ssthresh);
}

static void find_losses(struct mn_tcb *tcb, struct mn_news *ack)
{
    struct mn_loss *loss = &tcb->flight.loss;
    loss->early = MN_EARLY_NONE;
    /* In order, and without retransmissions, nothing older than the delivered data is
     * outstanding. */
    if (MN_UNLIKELY(loss->sent.sacked > 0 || loss->phase != MN_LOSS_OPEN) && tcb->sack_ok)
        ack->lost = mn_rack_detect(tcb, ack->now);
}

/* We retransmitted needlessly the data that the peer received twice. */
static MN_RARE void dsack_received(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_news *ack)
{
    if (!mn_undo_concerns(tcb, ack->dsack.left, ack->dsack.right))
        return;
    mn_rack_dsack(&tcb->flight.loss.rack, tcb->snd_una, tcb->snd_nxt);
    mn_undo_by_dsack(tcp, tcb, ack);
}

/* Any acknowledgement. */
static MN_APART void full_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg, uint32_t acked,
                                bool duplicate)
{
    struct mn_loss *loss = &tcb->flight.loss;
    struct mn_news ack = {
        .now = seg->now, .acked = acked, .highest = tcb->snd_una, .rtt_us = UINT32_MAX, .duplicate = duplicate};
    bool recovering = loss->phase == MN_LOSS_RECOVERY;
    collect(tcp, tcb, seg, &ack);
    if (MN_UNLIKELY(acked == 0) && ack.bytes == 0 && !ack.has_dsack && !duplicate)
        return;
    if (MN_UNLIKELY(loss->tlp_out) && mn_tlp_answered(tcb, &ack))
        pay_for_repair(tcb, &ack);
    if (MN_UNLIKELY(ack.has_dsack))
        dsack_received(tcp, tcb, &ack);
    find_losses(tcb, &ack);
    if (MN_LIKELY(loss->phase == MN_LOSS_OPEN))
        open_acked(tcp, tcb, &ack);
    else if (loss->phase == MN_LOSS_RECOVERY)
        recovery_acked(tcp, tcb, &ack);
    else
        timeout_acked(tcp, tcb, &ack);
    /* Outside of a recovery, or after a timeout, the window grows by the acknowledged bytes. */
    /* RFC 3168 6.1.2: no increase either. */
    bool marked = MN_UNLIKELY(tcb->ecn.on) && seg->flags & MN_TCP_ECE;
    recovering |= marked | (loss->phase == MN_LOSS_RECOVERY) | (loss->frto == MN_FRTO_NEW);
    mn_feedback_acked(tcp, tcb, &ack, recovering);
    if (MN_UNLIKELY(tcb->plpmtu != NULL) && acked > 0)
        mn_plpmtu_acked(tcp, tcb, ack.now);
}

/* Returns whether the acknowledgement tells nothing but a round trip: that of all data in flight,
 * which was sent once and at one time, without a loss, a probe or a sample that waits for news, and
 * far below cwnd. So ends nearly every exchange of messages. */
static bool is_calm(const struct mn_tcb *tcb, const struct mn_segment *seg, uint32_t acked)
{
    const struct mn_loss *loss = &tcb->flight.loss;
    const struct mn_scoreboard *b = &loss->sent;
    if (acked == 0 || tcb->snd_una != tcb->snd_nxt || b->count != 1 || b->size != 0 || b->one.flags != 0)
        return false;
    bool undisturbed = MN_LIKELY(tcb->calm) ||
                       (loss->phase == MN_LOSS_OPEN && !loss->tlp_out && tcb->sack_ok && tcb->plpmtu == NULL);
    if (!undisturbed || loss->recover_valid || seg->header.options & MN_TCP_OPTION_SACK)
        return false;
    return tcb->flight.rate == NULL && acked < tcb->flight.congestion.cwnd / 2 &&
           !mn_seq_gt(tcb->flight.limited_seq, tcb->snd_una - acked);
}

static void calm_acked(struct mn_tcb *tcb, uint64_t now)
{
    struct mn_loss *loss = &tcb->flight.loss;
    uint32_t una = tcb->snd_una;
    const struct mn_delivery all = mn_scoreboard_acked_whole(&loss->sent, una);
    loss->rtt_since_tlp = true;
    begin_min_rtt(tcb, now);
    loss->rack.rtt_us = mn_rack_delivered_once(&loss->rack, &all, now);
    loss->rack.fack = mn_seq_max(loss->rack.fack, una);
    loss->early = MN_EARLY_NONE;
    loss->dupacks = 0;
    tcb->flight.limited_seq = una; /* see feedback.c */
}

void mn_loss_check_calm(struct mn_tcp *tcp, const struct mn_tcb *tcb, const struct mn_segment *seg, uint32_t acked)
{
    struct mn_tcb full, calm;
    memcpy(&full, tcb, sizeof full); /* their padding, too */
    memcpy(&calm, tcb, sizeof calm);
    full_acked(tcp, &full, seg, acked, false);
    calm_acked(&calm, seg->now);
    MN_ASSERT(memcmp(&full, &calm, sizeof full) == 0);
}

void mn_loss_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg, uint32_t acked, bool duplicate)
{
    if (MN_LIKELY(is_calm(tcb, seg, acked))) {
        MN_CHECK(mn_loss_check_calm(tcp, tcb, seg, acked));
        calm_acked(tcb, seg->now);
    } else {
        full_acked(tcp, tcb, seg, acked, duplicate);
    }
}

/* --- timers --- */

bool mn_loss_take_early_expiry(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    struct mn_loss *loss = &tcb->flight.loss;
    if (loss->early == MN_EARLY_NONE || now < loss->early_due_ns)
        return false;
    if (loss->early == MN_EARLY_PROBE)
        return mn_tlp_take_expiry(tcb, now);
    struct mn_news ack = {.now = now};
    find_losses(tcb, &ack);
    if (ack.lost > 0 && loss->phase == MN_LOSS_OPEN)
        enter_recovery(tcp, tcb, &ack);
    else if (ack.lost > 0 && loss->phase == MN_LOSS_RECOVERY)
        mn_prr_acked(tcb, &ack);
    mn_tcb_queue_output(tcp, tcb);
    return false;
}

/* RFC 2018 8: the peer has thrown away data at SND.UNA that it had acknowledged selectively, and
 * perhaps all such data. */
static void renege(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    mn_tcp_count(tcp, MNET_COUNT_TCP_RENEGED);
    mn_scoreboard_forget(&tcb->flight.loss.sent, MN_SENT_SACKED);
}

/* RFC 6298 (5.4) to (5.6), RFC 5681 3.1: the data in flight counts as lost, with SACK only the part
 * that has had time to be acknowledged. It is retransmitted as the window opens. */
void mn_loss_timed_out(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    struct mn_loss *loss = &tcb->flight.loss;
    struct mn_congestion *c = &tcb->flight.congestion;
    MN_ASSERT(tcb->snd_nxt != tcb->snd_una && !tcb->persisting);
    mn_tcp_count(tcp, MNET_COUNT_TCP_RTO);
    /* First, so that the retransmission has a size that may get through. */
    mn_plpmtu_timed_out(tcp, tcb, now);
    /* In a fast recovery the window has been reduced for these losses already. */
    bool first = tcb->flight.rtt.expiries == 0 && loss->phase != MN_LOSS_RECOVERY;
    if (first)
        mn_undo_save(tcb);
    c->ops->timed_out(c, flight_size(tcb), first, now);
    /* RFC 5682 2.1 step 1: not in the recovery from another loss, but again if nothing has arrived
     * since the first timeout. Without the windows of before there is nothing to restore. */
    if (loss->phase == MN_LOSS_OPEN && first)
        loss->frto = MN_FRTO_TIMEOUT;
    else if (loss->frto != MN_FRTO_TIMEOUT)
        loss->frto = MN_FRTO_OFF;
    loss->phase = MN_LOSS_TIMEOUT;
    loss->recover = tcb->snd_nxt;
    loss->recover_valid = true;
    loss->dupacks = 0;
    loss->tlp_out = false;
    loss->early = MN_EARLY_NONE;
    if (loss->sent.count > 0 && mn_scoreboard_at(&loss->sent, 0)->flags & MN_SENT_SACKED)
        renege(tcp, tcb);
    if (tcb->sack_ok)
        mn_rack_timed_out(tcb, now);
    else
        mn_scoreboard_lose_range(&loss->sent, &tcp->scoreboards, tcb->snd_una, tcb->snd_nxt);
    c->cwnd = MN_MAX(c->cwnd, mn_tcb_pipe(tcb) + c->mss); /* the first segment is always sent */
}
