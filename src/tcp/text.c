/* SEGMENT ARRIVES, the seventh and the eighth check of RFC 9293 3.10.7.4: the text of a segment and
 * its FIN.
 */
#include "tcp/text.h"
#include "tcp/charge.h"
#include "tcp/end.h"
#include "tcp/mss.h"
#include "tcp/output.h"
#include "tcp/pressure.h"
#include "tcp/ready.h"
#include "tcp/records/time_wait.h"
#include "tcp/state.h"
#include "tcp/timers.h"
#include "tcp/window.h"

/* --- seventh: process the segment text --- */

/* Cuts off text outside the receive window, on the left and on the right. A FIN beyond the right
 * edge goes, too. */
static MN_APART void trim_to_window(struct mn_tcb *tcb, struct mn_segment *seg)
{
    if (mn_seq_lt(seg->seq, tcb->rcv_nxt)) {
        uint32_t old = MN_MIN(tcb->rcv_nxt - seg->seq, mn_text_len(seg));
        if (old > 0)
            mnet_packet_pull(seg->text, old);
        mn_sack_note_duplicate(tcb, seg->seq, seg->seq + old);
        seg->seq += old;
    }
    uint32_t len = mn_text_len(seg);
    uint32_t room = mn_seq_gt(tcb->rcv_adv, seg->seq) ? tcb->rcv_adv - seg->seq : 0;
    if (len > room) {
        mnet_packet_trim(seg->text, room);
        seg->flags &= (uint8_t)~MN_TCP_FIN;
    }
}

/* Takes one of the quick acknowledgements, if any are left. Returns whether the peer seems to wait
 * for the acknowledgement of a full segment, so that a delay would only make the round trip longer:
 * it has just repaired a loss, with a small window (RFC 5681 4.2), or its PSH marks the end of a
 * burst. Small segments are mostly requests, whose answers carry the acknowledgement. */
static bool claim_quick_ack(struct mn_tcb *tcb, const struct mn_segment *seg, uint32_t len)
{
    if (len < tcb->rcv_mss)
        return false;
    if (tcb->quick_acks > 0)
        tcb->quick_acks--;
    else if (!(seg->flags & MN_TCP_PSH))
        return false;
    return true;
}

/* Delayed acknowledgement (SHLD-18, SHLD-19, MUST-40). */
static void schedule_ack(struct mn_tcp *tcp, struct mn_tcb *tcb, bool at_once, uint64_t now)
{
    if (at_once || tcb->no_delayed_ack || tcb->rcv_nxt - tcb->last_ack_sent >= 2u * tcb->rcv_mss) {
        mn_tcb_owe(tcp, tcb, MN_OWED_ACK);
    } else if (!mn_tcb_is_due(tcb, MN_DUE_DELAYED_ACK)) {
        mn_tcb_set_due(tcp, tcb, MN_DUE_DELAYED_ACK, now + MN_DELAYED_ACK);
    }
}

/* Takes the text that arrived before the segment that filled the hole in front of it. If the
 * segment began with known text, that was its first duplicate range, and the only one that is
 * reported (RFC 2883 4.2.2). */
static MN_APART void take_from_reassembly(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg)
{
    struct mn_packet_list more = {.head = NULL};
    size_t before = tcb->reassembly->pinned;
    if (seg->seq == seg->header.seq)
        mn_sack_note_overlap(tcb);
    uint32_t taken = mn_tcp_reassembly_take(tcb->reassembly, &tcp->runs, tcb->rcv_nxt, &more);
    mn_pressure_charge_early(tcp, tcb, before);
    mn_packet_list_splice(&tcb->recvq.ready, &more);
    tcb->recvq.bytes += taken;
    tcb->rcv_nxt += taken;
    tcb->bytes_received += taken;
    if (tcb->reassembly->count == 0)
        mn_tcb_drop_reassembly(tcp, tcb);
}

static void receive_in_order(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    uint32_t len = mn_text_len(seg);
    if (MN_UNLIKELY(mn_pressure(tcp)) && !mn_pressure_admit(tcp, tcb, seg->text, seg->now))
        return; /* as if it had been lost on its way */
    bool filled_hole = tcb->reassembly != NULL;
    mn_recvq_append(&tcb->recvq, mn_text_take(seg));
    tcb->rcv_nxt += len;
    tcb->bytes_received += len;
    tcb->duplicates_owed = 0;
    if (MN_UNLIKELY(filled_hole))
        take_from_reassembly(tcp, tcb, seg);
    mn_pressure_settle(tcp, tcb);
    schedule_ack(tcp, tcb, claim_quick_ack(tcb, seg, len) || filled_hole, seg->now);
    mn_tcb_queue_event(tcp, tcb);
}

static bool begin_reassembly(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    struct mn_tcp_reassembly *r = mn_pool_alloc_zeroed(&tcp->reassemblies, MN_CLAIM_QUEUE);
    if (r == NULL)
        return false;
    r->owner = tcb;
    mn_hog_init(&r->hog);
    tcb->reassembly = r;
    return true;
}

static bool keep_for_later(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg, struct mn_range *duplicate)
{
    *duplicate = (struct mn_range){0, 0};
    if (!mn_pressure_admit_early(tcp, tcb, seg->text))
        return false;
    if (tcb->reassembly == NULL && !begin_reassembly(tcp, tcb))
        return false;
    size_t before = tcb->reassembly->pinned;
    bool kept = mn_tcp_reassembly_insert(tcb->reassembly, &tcp->runs, seg->seq, mn_text_take(seg), duplicate);
    mn_pressure_charge_early(tcp, tcb, before);
    if (tcb->reassembly->count == 0)
        mn_tcb_drop_reassembly(tcp, tcb);
    return kept;
}

/* Each segment out of order gets a duplicate acknowledgement of its own (RFC 5681 4.2): the peer
 * counts them to find its loss. With SACK one is enough. */
static MN_RARE void receive_out_of_order(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    struct mn_range duplicate;
    tcb->quick_acks = MN_QUICK_ACKS;
    if (!tcb->sack_ok)
        tcb->duplicates_owed = (uint8_t)MN_MIN(tcb->duplicates_owed + seg->text->segments, UINT8_MAX);
    if (!keep_for_later(tcp, tcb, seg, &duplicate))
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_REASSEMBLY);
    mn_sack_note_duplicate(tcb, duplicate.left, duplicate.right);
    schedule_ack(tcp, tcb, true, seg->now); /* MAY-13: at once */
}

/* Records the size of this peer's full-sized segments, for delayed acknowledgements. */
static MN_APART void note_larger_segment(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg)
{
    uint32_t size = MN_UNLIKELY(seg->text->segments > 1)
                        ? (mn_text_len(seg) + seg->text->segments - 1) / seg->text->segments
                        : mn_text_len(seg);
    if (MN_UNLIKELY(seg->text->gso_size > 0))
        size = seg->text->gso_size;
    size = MN_MIN(size, (uint32_t)mn_window_mss(tcp, mn_conn_address(&tcb->conn.remote)));
    tcb->rcv_mss = (uint16_t)MN_MAX(size, (uint32_t)tcb->rcv_mss);
}

/* A segment is no larger than its text, and a merged one no larger than it says. */
static void note_segment_size(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg)
{
    if (mn_text_len(seg) > tcb->rcv_mss || MN_UNLIKELY(seg->text->gso_size > tcb->rcv_mss))
        note_larger_segment(tcp, tcb, seg);
}

static bool all_delivered(const struct mn_tcb *tcb)
{
    return tcb->snd_una == tcb->snd_nxt && !mn_tcb_has_unsent(tcb);
}

/* Text that nobody will read. A reset tells the peer so (SHLD-3), but also destroys all data that
 * is still on its way to it. So if the user has shut down reading, and has data on its way, text is
 * acknowledged and discarded until that data has arrived. */
static MN_RARE bool refuse_text(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    if (!tcb->read_shut || all_delivered(tcb)) {
        mn_tcb_reset(tcp, tcb, MNET_E_CLOSED, seg->now);
        return false;
    }
    if (seg->seq == tcb->rcv_nxt) {
        receive_in_order(tcp, tcb, seg);
        mn_recvq_drop(&tcb->recvq);
        mn_pressure_settle(tcp, tcb);
    } else {
        receive_out_of_order(tcp, tcb, seg);
    }
    return true;
}

static bool may_receive(const struct mn_tcb *tcb)
{
    return tcb->state == MN_ESTABLISHED || tcb->state == MN_FIN_WAIT_1 || tcb->state == MN_FIN_WAIT_2;
}

/* Returns false if the connection has been reset. */
static bool process_text(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    if (mn_text_len(seg) == 0 || MN_UNLIKELY(!may_receive(tcb)))
        return true;
    note_segment_size(tcp, tcb, seg);
    bool repeats = mn_seq_lt(seg->seq, tcb->rcv_nxt);
    if (MN_UNLIKELY(seg->seq != tcb->rcv_nxt || mn_text_len(seg) > tcb->rcv_adv - tcb->rcv_nxt))
        trim_to_window(tcb, seg);
    if (MN_UNLIKELY(mn_text_len(seg) == 0)) {
        tcb->quick_acks = MN_QUICK_ACKS;
        schedule_ack(tcp, tcb, true, seg->now);
        return true;
    }
    if (MN_UNLIKELY(repeats))
        /* Our acknowledgement of the repeated text was lost. */
        schedule_ack(tcp, tcb, true, seg->now);
    /* If there is data behind the FIN, one of the two is forged. A true FIN is repeated, data need
     * not be. */
    if (MN_UNLIKELY(tcb->fin_known) && mn_seq_gt(seg->seq + mn_text_len(seg), tcb->rare.rcv_fin))
        tcb->fin_known = false;
    if (MN_UNLIKELY(tcb->orphan || tcb->read_shut))
        return refuse_text(tcp, tcb, seg);
    if (MN_LIKELY(seg->seq == tcb->rcv_nxt))
        receive_in_order(tcp, tcb, seg);
    else
        receive_out_of_order(tcp, tcb, seg);
    return true;
}

/* --- eighth: check the FIN bit --- */

static MN_RARE void receive_fin(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    tcb->rcv_nxt++;
    if (mn_seq_lt(tcb->rcv_adv, tcb->rcv_nxt))
        tcb->rcv_adv = tcb->rcv_nxt;
    tcb->fin_received = true;
    mn_tcb_drop_reassembly(tcp, tcb);
    mn_tcb_owe_after_user(tcp, tcb, MN_OWED_ACK);
    mn_tcb_queue_event(tcp, tcb);
    switch (tcb->state) {
    case MN_ESTABLISHED: mn_tcp_set_state(tcp, tcb, MN_CLOSE_WAIT); break;
    case MN_FIN_WAIT_1: /* our FIN is not acknowledged, or the state would be FIN-WAIT-2 */
        mn_tcp_set_state(tcp, tcb, MN_CLOSING);
        break;
    default: MN_ASSERT(tcb->state == MN_FIN_WAIT_2); mn_time_wait_enter(tcp, tcb, now);
    }
}

/* Returns whether data beyond the FIN is waiting. */
static MN_RARE bool contradicted(const struct mn_tcb *tcb, uint32_t fin_seq)
{
    struct mnet_link *last = tcb->reassembly == NULL ? NULL : mn_list_last(&tcb->reassembly->runs);
    const struct mn_run *run = last == NULL ? NULL : MN_CONTAINER(last, struct mn_run, link);
    return run != NULL && mn_seq_gt(run->seq + run->len, fin_seq);
}

/* A FIN that arrives out of order is recorded. The stream ends there only if no data is ever seen
 * beyond it: otherwise one forged segment anywhere in the window could cut the stream off. */
static MN_APART void check_fin(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg, uint32_t fin_seq)
{
    if (!may_receive(tcb))
        return;
    bool ahead = mn_seq_gt(fin_seq, tcb->rcv_nxt) && !contradicted(tcb, fin_seq);
    if (seg->flags & MN_TCP_FIN && (fin_seq == tcb->rcv_nxt || ahead)) {
        tcb->fin_known = true;
        tcb->rare.rcv_fin = fin_seq;
    }
    if (tcb->fin_known && tcb->rcv_nxt == tcb->rare.rcv_fin)
        receive_fin(tcp, tcb, seg->now);
    else if (seg->flags & MN_TCP_FIN)
        schedule_ack(tcp, tcb, true, seg->now);
}

void mn_text_and_fin(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    uint32_t fin_seq = seg->seq + mn_text_len(seg);
    if (process_text(tcp, tcb, seg) && MN_UNLIKELY(seg->flags & MN_TCP_FIN || tcb->fin_known))
        check_fin(tcp, tcb, seg, fin_seq);
}

void mn_text_expected(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    MN_DEBUG_ASSERT(seg->seq == tcb->rcv_nxt && seg->len > 0 && seg->len <= tcb->rcv_adv - tcb->rcv_nxt);
    note_segment_size(tcp, tcb, seg);
    receive_in_order(tcp, tcb, seg);
}
