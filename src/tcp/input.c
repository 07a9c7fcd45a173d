/* SEGMENT ARRIVES: RFC 9293 3.10.7, step by step.
 *
 * mn_tcp_input parses a segment, finds its connection and passes it on: to 3.10.7.1 (CLOSED),
 * 3.10.7.2 (LISTEN, listen.c), 3.10.7.3 (SYN-SENT) or 3.10.7.4 (all others). There each check of
 * the RFC is one function, in the RFC's order, and returns whether the next check follows. A check
 * only records the segments to be sent: all queued input is processed before output begins
 * (MUST-59). So acknowledgements are aggregated, too (MUST-58).
 */
#include "base/check.h"
#include "base/logger.h"
#include "tcp/challenge.h"
#include "tcp/charge.h"
#include "tcp/check.h"
#include "tcp/ecn.h"
#include "tcp/end.h"
#include "tcp/keepalive.h"
#include "tcp/mss.h"
#include "tcp/opening.h"
#include "tcp/orphan.h"
#include "tcp/output.h"
#include "tcp/pressure.h"
#include "tcp/ready.h"
#include "tcp/records/half_open.h"
#include "tcp/records/listen.h"
#include "tcp/records/reply.h"
#include "tcp/records/table.h"
#include "tcp/records/time_wait.h"
#include "tcp/recovery/flight.h"
#include "tcp/recovery/loss.h"
#include "tcp/room.h"
#include "tcp/state.h"
#include "tcp/tcb.h"
#include "tcp/timers.h"
#include "tcp/timestamps.h"
#include "tcp/urgent.h"
#include "tcp/user.h"
#include "tcp/user_timeout.h"
#include "tcp/window.h"

/* The seventh and eighth check of 3.10.7.4. */
static void process_text_and_fin(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg);

/* RFC 7323 5.3 R3: the segment is acceptable, and its timestamp may be the one to echo. */
static void update_timestamp(struct mn_tcb *tcb, const struct mn_segment *seg)
{
    if (MN_LIKELY(tcb->conn.options & seg->header.options & MN_TCP_OPTION_TIMESTAMPS) &&
        MN_LIKELY(mn_seq_leq(seg->seq, tcb->last_ack_sent)))
        mn_timestamps_update(&tcb->timestamps, seg->header.ts_value, seg->now);
}

enum verdict {
    NEXT, /* the segment goes on to the next check */
    DONE, /* nothing more is to be done with it; the tcb may be gone */
};

/* --- Parsing --- */

/* Fills *seg, or counts the reason for dropping it. The checksum comes first: no field of a damaged
 * header is believed, not even its length (MUST-3). */
static bool parse_segment(struct mn_tcp *tcp, const struct mn_datagram *d, struct mnet_packet *packet, uint64_t now,
                          struct mn_segment *seg)
{
    enum mnet_counter reason;
    if (MN_UNLIKELY(packet->len < MN_TCP_HEADER))
        reason = MNET_COUNT_TCP_DROP_TRUNCATED;
    else if (MN_UNLIKELY(d->not_unicast)) /* MUST-57 */
        reason = MNET_COUNT_TCP_DROP_ADDRESS;
    else if (MN_UNLIKELY(!mn_transport_checksum_ok(packet, d)))
        reason = MNET_COUNT_TCP_DROP_CHECKSUM;
    else if (MN_UNLIKELY(mn_tcp_parse(packet->data, packet->len, &seg->header) != MN_PARSE_OK))
        reason = MNET_COUNT_TCP_DROP_TRUNCATED;
    else {
        const struct mn_tcp_header *h = &seg->header;
        seg->local = (struct mnet_endpoint){d->destination, h->destination_port};
        seg->remote = (struct mnet_endpoint){d->source, h->source_port};
        seg->seq = h->seq;
        seg->ack = h->ack;
        seg->flags = h->flags;
        seg->window = h->window; /* MUST-1: unsigned */
        seg->marked = mn_ecn_is_marked(d);
        seg->refused = false;
        packet->checksum = MNET_CHECKSUM_VERIFIED; /* a device's sum is of no more use */
        mnet_packet_pull(packet, h->header_len);
        seg->text = packet;
        seg->now = now;
        seg->len = packet->total + ((h->flags & MN_TCP_SYN) != 0) + ((h->flags & MN_TCP_FIN) != 0);
        return true;
    }
    mn_tcp_count(tcp, reason);
    return false;
}

static uint32_t text_len(const struct mn_segment *seg)
{
    return seg->text == NULL ? 0 : seg->text->total;
}

static struct mnet_packet *take_text(struct mn_segment *seg)
{
    struct mnet_packet *text = seg->text;
    seg->text = NULL;
    return text;
}

/* --- 3.10.7.1 CLOSED --- */

static MN_RARE void closed_input(struct mn_tcp *tcp, struct mn_segment *seg)
{
    mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_CLOSED);
    mn_reply_reset(tcp, seg);
}

/* MUST-57, MUST-63: both addresses must be of single hosts. A connection has no other ends. */
static bool addresses_ok(const struct mn_segment *seg)
{
    struct mnet_address source = seg->remote.address;
    return !mnet_address_is_any(source) && !mnet_address_is_multicast(source) &&
           mnet_address_to_ipv4(source) != UINT32_MAX && !mnet_address_is_multicast(seg->local.address);
}

/* Returns the tcb that the segment made, for the rest of 3.10.7.4, or NULL. */
static struct mn_tcb *no_connection_input(struct mn_tcp *tcp, struct mn_segment *seg, uint32_t isn_floor)
{
    if (!addresses_ok(seg)) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_ADDRESS);
        return NULL;
    }
    struct mn_listener *listener = mn_table_listener(tcp, seg->local);
    if (listener != NULL)
        return mn_listen_input(tcp, listener, seg, isn_floor);
    closed_input(tcp, seg);
    return NULL;
}

/* --- 3.10.7.3 SYN-SENT --- */

/* Takes the values of a SYN for the rest of the connection: sequence number, window, MSS (MUST-14
 * to MUST-16), scale. */
static void learn_from_syn(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg)
{
    const struct mn_tcp_header *h = &seg->header;
    tcb->rare.irs = seg->seq;
    tcb->rcv_nxt = tcb->last_ack_sent = seg->seq + 1;
    tcb->rcv_up = tcb->rcv_nxt;
    tcb->conn.options &= h->options;
    mn_tcb_set_peer_mss(tcb, h->options & MN_TCP_OPTION_MSS ? h->mss : 0);
    mn_timestamps_begin(&tcb->timestamps, h->ts_value, seg->now);
    tcb->sack_ok = (tcb->conn.options & MN_TCP_OPTION_SACK_PERMITTED) != 0;
    bool scale = (tcb->conn.options & MN_TCP_OPTION_WINDOW_SCALE) != 0;
    tcb->snd_wscale = scale ? MN_MIN(h->window_shift, (uint8_t)MN_TCP_WINDOW_SHIFT_MAX) : 0;
    tcb->rcv_wscale = scale ? mn_window_shift(tcp) : 0;
    if (!scale && tcb->rcv_target > UINT16_MAX)
        tcb->rcv_target = UINT16_MAX;
    mn_window_init(tcp, tcb, MN_MIN(tcb->rcv_target, (uint32_t)UINT16_MAX));
    tcb->snd_wnd = tcb->max_snd_wnd = seg->window; /* never scaled in a SYN */
    tcb->snd_wl1 = seg->seq;
    tcb->snd_wl2 = seg->ack;
}

static MN_RARE void syn_sent_input(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    /* First, check the ACK bit. */
    bool acks_syn = false;
    if (seg->flags & MN_TCP_ACK) {
        if (mn_seq_leq(seg->ack, tcb->rare.iss) || mn_seq_gt(seg->ack, tcb->snd_nxt)) {
            mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_ACK);
            mn_reply_reset_at(tcp, seg, seg->ack);
            return;
        }
        acks_syn = true;
    }
    /* Second, check the RST bit: it concerns our SYN only if the ACK is acceptable. */
    if (seg->flags & MN_TCP_RST) {
        mn_tcp_count(tcp, acks_syn ? MNET_COUNT_TCP_RST_RX : MNET_COUNT_TCP_DROP_RST);
        if (acks_syn)
            mn_tcb_finish(tcp, tcb, MNET_E_REFUSED);
        return;
    }
    /* Fourth, check the SYN bit. */
    if (!(seg->flags & MN_TCP_SYN)) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_STATE);
        return;
    }
    learn_from_syn(tcp, tcb, seg);
    /* Simultaneous open (MUST-10): enters SYN-RECEIVED, and sends our SYN again, with an ACK. */
    if (!acks_syn) {
        mn_tcp_set_state(tcp, tcb, MN_SYN_RECEIVED);
        mn_tcb_owe(tcp, tcb, MN_OWED_SYN);
        return;
    }
    tcb->snd_una = seg->ack;
    mn_loss_init(&tcb->flight.loss, tcb->snd_una);
    mn_ecn_learn_syn_ack(tcb, seg->flags);
    mn_tcb_established(tcp, tcb, seg);
    mn_tcp_count(tcp, MNET_COUNT_TCP_OPENED);
    if (tcp->user_follows && !mn_tcb_may_send(tcb))
        mn_list_remove(&tcb->output); /* there is nothing but the acknowledgement */
    mn_tcb_owe_after_user(tcp, tcb, MN_OWED_ACK);
    mn_timers_update(tcp, tcb, true, seg->now);
    /* Fifth: data or FIN on the SYN,ACK is processed as in the other states. */
    seg->seq++;
    seg->len--;
    seg->flags &= (uint8_t)~MN_TCP_SYN;
    if (seg->len > 0)
        process_text_and_fin(tcp, tcb, seg);
}

/* --- 3.10.7.4, first: check the sequence number --- */

/* How far beyond the window the ACK of a segment that takes no sequence numbers still counts: at
 * the right edge, the position of a peer that has filled the window, and one octet behind it. The
 * peer may have probed our closed window with that octet, and counts it although we refused it. */
#define BEYOND_MAX 2u

/* The four cases of table 6. A reset is judged by its own number alone, with any data (RFC 5961
 * 3.2, SHLD-2). A segment that takes no sequence numbers gets "special allowance". */
static bool acceptable(const struct mn_tcb *tcb, const struct mn_segment *seg)
{
    uint32_t window = tcb->rcv_adv - tcb->rcv_nxt;
    if (seg->len == 0 || seg->flags & MN_TCP_RST)
        return mn_seq_within(seg->seq, tcb->rcv_nxt, window + BEYOND_MAX);
    if (window == 0)
        return false;
    return MN_LIKELY(mn_seq_within(seg->seq, tcb->rcv_nxt, window)) ||
           mn_seq_within(seg->seq + seg->len - 1, tcb->rcv_nxt, window) ||
           (mn_seq_lt(seg->seq, tcb->rcv_nxt) && mn_seq_geq(seg->seq + seg->len, tcb->rcv_adv));
}

/* Returns true if a segment without acceptable text can be the peer's: a probe of our closed
 * window, or a retransmission whose acknowledgement was lost. Its ACK and its URG are processed, as
 * if it had been trimmed to the window (3.10.7.4). */
static bool may_be_trimmed(const struct mn_tcp *tcp, const struct mn_tcb *tcb, const struct mn_segment *seg)
{
    uint32_t window = tcb->rcv_adv - tcb->rcv_nxt, known = mn_tcb_repeatable(tcp, tcb);
    return !(seg->flags & MN_TCP_SYN) && mn_seq_within(seg->seq, tcb->rcv_nxt - known, known + window + BEYOND_MAX);
}

static void drop_text(struct mn_segment *seg)
{
    mnet_packet_free(take_text(seg));
    seg->refused = true;
    seg->flags &= (uint8_t)~MN_TCP_FIN;
    seg->len = 0;
}

static MN_RARE enum verdict refuse_segment(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    if (seg->flags & MN_TCP_RST) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_RST);
        return DONE;
    }
    mn_tcp_count(tcp, text_len(seg) > 0 ? MNET_COUNT_TCP_DROP_DUPLICATE : MNET_COUNT_TCP_DROP_SEQUENCE);
    mn_keepalive_heard(tcp, tcb, seg);
    if (mn_seq_lt(seg->seq, tcb->rcv_nxt) && !(seg->flags & MN_TCP_SYN))
        mn_sack_note_duplicate(tcb, seg->seq, mn_seq_min(seg->seq + text_len(seg), tcb->rcv_nxt));
    if (seg->len == 0 || seg->flags & MN_TCP_SYN) {
        /* Limited, or two confused stacks would answer one another for ever. */
        mn_tcb_challenge(tcp, tcb, seg->now);
    } else {
        mn_tcb_owe(tcp, tcb, MN_OWED_ACK);
    }
    if (!may_be_trimmed(tcp, tcb, seg))
        return DONE;
    drop_text(seg); /* MUST-66: with a closed window, ACK and URG are still processed */
    return NEXT;
}

/* The peer repeats its SYN in a simultaneous open. If it has an ACK, only that is new (figure 8).
 * Otherwise neither our SYN nor our SYN,ACK arrived: the latter is sent again, with the options
 * that the peer still offers. */
static MN_RARE enum verdict repeat_syn(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    if (!(seg->flags & (MN_TCP_ACK | MN_TCP_RST))) {
        learn_from_syn(tcp, tcb, seg);
        mn_tcb_owe(tcp, tcb, MN_OWED_SYN);
        return DONE;
    }
    seg->seq++;
    seg->len--;
    seg->flags &= (uint8_t)~MN_TCP_SYN;
    return NEXT;
}

static enum verdict check_sequence(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    if (MN_UNLIKELY(tcb->state == MN_SYN_RECEIVED) && seg->flags & MN_TCP_SYN && seg->seq == tcb->rare.irs &&
        repeat_syn(tcp, tcb, seg) == DONE)
        return DONE;
    if (MN_UNLIKELY(!mn_tcb_check_timestamp(tcp, tcb, seg)))
        return DONE;
    return MN_LIKELY(acceptable(tcb, seg)) ? NEXT : refuse_segment(tcp, tcb, seg);
}

/* --- second: check the RST bit (RFC 5961 3.2) --- */

static MN_RARE void reset_received(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg)
{
    if (seg->seq != tcb->rcv_nxt) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_RST);
        mn_tcb_challenge(tcp, tcb, seg->now);
        return;
    }
    mn_tcp_count(tcp, MNET_COUNT_TCP_RST_RX);
    mn_tcb_finish(tcp, tcb, tcb->state == MN_SYN_RECEIVED ? MNET_E_REFUSED : MNET_E_RESET);
}

/* --- fourth: check the SYN bit (RFC 5961 4.2: with any sequence number) --- */

static MN_RARE void syn_received(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg)
{
    mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_STATE);
    mn_tcb_challenge(tcp, tcb, seg->now);
}

/* --- fifth: check the ACK field --- */

static bool fin_acked(const struct mn_tcb *tcb)
{
    return MN_UNLIKELY(tcb->fin_queued) && tcb->snd_una == mn_sendq_end(&tcb->sendq) + 1;
}

/* New data is acknowledged. */
static void advance_una(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    uint32_t flight = tcb->snd_nxt - tcb->snd_una;
    tcb->snd_una = seg->ack;
    tcb->snd_small = mn_seq_max(tcb->snd_small, tcb->snd_una);
    tcb->flight.progress_ns = tcb->flight.moved_ns = seg->now;
    tcb->snd_up = mn_seq_max(tcb->snd_up, tcb->snd_una);
    tcb->bytes_acked += tcb->sendq.len;
    if (MN_UNLIKELY(tcb->orphan))
        mn_orphan_note_progress(tcp, tcb);
    mn_sendq_acked(&tcb->sendq, &tcp->pieces, mn_seq_min(seg->ack, mn_sendq_end(&tcb->sendq)));
    tcb->bytes_acked -= tcb->sendq.len;
    if (!mn_rtt_acked(&tcb->flight.rtt, tcb->snd_una, seg->now))
        mn_rtt_echoed(&tcb->flight.rtt, mn_tcb_echo_age(tcb, seg), flight, tcb->snd_mss);
    if (MN_UNLIKELY(tcb->send_full))
        mn_tcb_tell_room(tcp, tcb);
}

/* RFC 5681 2: outstanding data, no text, no SYN or FIN, the same ACK and the same window. */
static bool is_duplicate(const struct mn_tcb *tcb, const struct mn_segment *seg)
{
    return seg->ack == tcb->snd_una && seg->len == 0 && seg->window == tcb->snd_wnd && tcb->snd_nxt != tcb->snd_una &&
           !tcb->persisting && !seg->refused;
}

/* Data sent before the window closed is sent again. */
static MN_RARE void window_opened(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    tcb->flight.rtt.backoff = tcb->flight.rtt.expiries = 0;
    mn_loss_retransmit(tcp, tcb, tcb->snd_nxt);
}

/* A segment that acknowledges new data was sent later than all before it, even with a lower number:
 * the number of a segment without text goes back if our window, or the peer's view of it, shrank.
 * Otherwise SND.WL1 and SND.WL2 decide. */
static void update_window(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg, uint32_t acked)
{
    bool older = mn_seq_gt(tcb->snd_wl1, seg->seq) || (tcb->snd_wl1 == seg->seq && mn_seq_gt(tcb->snd_wl2, seg->ack));
    if (MN_UNLIKELY(older) && acked == 0)
        return;
    bool opened = MN_UNLIKELY(tcb->persisting) && tcb->snd_wnd == 0 && seg->window > 0;
    tcb->snd_wnd = seg->window;
    tcb->max_snd_wnd = MN_MAX(tcb->max_snd_wnd, tcb->snd_wnd);
    tcb->snd_wl1 = seg->seq;
    tcb->snd_wl2 = seg->ack;
    if (MN_UNLIKELY(opened))
        window_opened(tcp, tcb);
}

/* SYN-RECEIVED by simultaneous open: completes the handshake if the ACK is acceptable. */
static MN_RARE enum verdict complete_handshake(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    if (!mn_seq_gt(seg->ack, tcb->snd_una) || mn_seq_gt(seg->ack, tcb->snd_nxt)) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_ACK);
        mn_reply_reset_at(tcp, seg, seg->ack);
        return DONE;
    }
    tcb->snd_una = tcb->rare.iss + 1;
    mn_loss_init(&tcb->flight.loss, tcb->snd_una);
    tcb->snd_wnd = tcb->max_snd_wnd = seg->window;
    tcb->snd_wl1 = seg->seq;
    tcb->snd_wl2 = seg->ack;
    mn_tcb_established(tcp, tcb, seg);
    mn_tcp_count(tcp, MNET_COUNT_TCP_OPENED);
    return NEXT;
}

/* The peer accepted the octet with which we probed its closed window: the octet counts as sent. */
static MN_RARE bool count_taken_probe(struct mn_tcb *tcb, const struct mn_segment *seg)
{
    if (!tcb->probe_out || seg->ack != tcb->snd_nxt + 1)
        return false;
    tcb->probe_out = false;
    tcb->snd_nxt++;
    mn_scoreboard_skip(&tcb->flight.loss.sent, tcb->snd_nxt);
    return true;
}

static enum verdict check_ack_range(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    if (MN_LIKELY(mn_tcb_ack_plausible(tcb, seg->ack)))
        return NEXT;
    if (count_taken_probe(tcb, seg))
        return NEXT;
    mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_ACK);
    mn_tcb_challenge(tcp, tcb, seg->now);
    return DONE;
}

/* Our FIN is acknowledged. Acts as each state requires. */
static MN_RARE enum verdict note_fin_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    switch (tcb->state) {
    case MN_FIN_WAIT_1:
        mn_tcp_set_state(tcp, tcb, MN_FIN_WAIT_2);
        mn_tcb_queue_event(tcp, tcb); /* for mn_tcp_delivered */
        mn_tcb_arm_orphan(tcp, tcb, seg->now);
        return NEXT;
    case MN_CLOSING: mn_time_wait_enter(tcp, tcb, seg->now); return DONE;
    case MN_LAST_ACK: mn_tcb_finish(tcp, tcb, 0); return DONE;
    default: return NEXT;
    }
}

static enum verdict check_ack(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    if (MN_UNLIKELY(!(seg->flags & MN_TCP_ACK))) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_ACK);
        return DONE;
    }
    /* RFC 7323 2.2: a window is never scaled in a SYN, which is the SYN,ACK of a simultaneous open
     * here. */
    if (MN_LIKELY(!(seg->header.flags & MN_TCP_SYN)))
        seg->window <<= tcb->snd_wscale;
    if (MN_UNLIKELY(tcb->state == MN_SYN_RECEIVED) && complete_handshake(tcp, tcb, seg) == DONE)
        return DONE;
    if (check_ack_range(tcp, tcb, seg) == DONE)
        return DONE;
    tcb->heard_ns = seg->now;
    tcb->rare.keepalive.unanswered = 0;
    if (MN_UNLIKELY(seg->header.options & MN_TCP_OPTION_USER_TIMEOUT))
        mn_user_timeout_learn(tcp, tcb, seg->header.user_timeout);
    /* Not before the ACK is checked: nobody off the path may move TS.Recent. */
    update_timestamp(tcb, seg);
    if (MN_UNLIKELY(mn_seq_lt(seg->ack, tcb->snd_una)))
        return NEXT; /* old: its text may still be new */
    uint32_t acked = seg->ack - tcb->snd_una;
    bool duplicate = is_duplicate(tcb, seg);
    if (MN_UNLIKELY(tcb->persisting) && !tcb->orphan) {
        tcb->flight.progress_ns = seg->now; /* MUST-37: the peer lives, with any window */
        tcb->probe_unanswered = false;
    }
    if (MN_LIKELY(acked > 0))
        advance_una(tcp, tcb, seg);
    mn_loss_acked(tcp, tcb, seg, acked, duplicate);
    if (MN_UNLIKELY(tcb->ecn.on && acked > 0))
        mn_ecn_acked(tcp, tcb, seg);
    update_window(tcp, tcb, seg, acked);
    mn_timers_update(tcp, tcb, acked > 0, seg->now);
    if (MN_UNLIKELY(tcb->send_full) &&
        (acked == 0 || tcb->snd_wnd < tcb->snd_mss)) /* perhaps no more room is to come */
        mn_tcb_tell_room(tcp, tcb);
    if (mn_tcb_may_send(tcb))
        mn_tcb_queue_output(tcp, tcb);
    return fin_acked(tcb) ? note_fin_acked(tcp, tcb, seg) : NEXT;
}

/* --- seventh: process the segment text --- */

/* Cuts off text outside the receive window, on the left and on the right. A FIN beyond the right
 * edge goes, too. */
static MN_APART void trim_to_window(struct mn_tcb *tcb, struct mn_segment *seg)
{
    if (mn_seq_lt(seg->seq, tcb->rcv_nxt)) {
        uint32_t old = MN_MIN(tcb->rcv_nxt - seg->seq, text_len(seg));
        if (old > 0)
            mnet_packet_pull(seg->text, old);
        mn_sack_note_duplicate(tcb, seg->seq, seg->seq + old);
        seg->seq += old;
    }
    uint32_t len = text_len(seg);
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
    uint32_t len = text_len(seg);
    if (MN_UNLIKELY(mn_pressure(tcp)) && !mn_pressure_admit(tcp, tcb, seg->text, seg->now))
        return; /* as if it had been lost on its way */
    bool filled_hole = tcb->reassembly != NULL;
    mn_recvq_append(&tcb->recvq, take_text(seg));
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
    bool kept = mn_tcp_reassembly_insert(tcb->reassembly, &tcp->runs, seg->seq, take_text(seg), duplicate);
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
                        ? (text_len(seg) + seg->text->segments - 1) / seg->text->segments
                        : text_len(seg);
    if (MN_UNLIKELY(seg->text->gso_size > 0))
        size = seg->text->gso_size;
    size = MN_MIN(size, (uint32_t)mn_window_mss(tcp, mn_conn_address(&tcb->conn.remote)));
    tcb->rcv_mss = (uint16_t)MN_MAX(size, (uint32_t)tcb->rcv_mss);
}

/* A segment is no larger than its text, and a merged one no larger than it says. */
static void note_segment_size(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg)
{
    if (text_len(seg) > tcb->rcv_mss || MN_UNLIKELY(seg->text->gso_size > tcb->rcv_mss))
        note_larger_segment(tcp, tcb, seg);
}

static bool all_delivered(const struct mn_tcb *tcb)
{
    return tcb->snd_una == tcb->snd_nxt && !mn_tcb_has_unsent(tcb);
}

/* Text that nobody will read. A reset tells the peer so (SHLD-3), but also destroys all data that
 * is still on its way to it. So if the user has shut down reading, and has data on its way, text is
 * acknowledged and discarded until that data has arrived. */
static MN_RARE enum verdict refuse_text(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    if (!tcb->read_shut || all_delivered(tcb)) {
        mn_tcb_reset(tcp, tcb, MNET_E_CLOSED, seg->now);
        return DONE;
    }
    if (seg->seq == tcb->rcv_nxt) {
        receive_in_order(tcp, tcb, seg);
        mn_recvq_drop(&tcb->recvq);
        mn_pressure_settle(tcp, tcb);
    } else {
        receive_out_of_order(tcp, tcb, seg);
    }
    return NEXT;
}

static bool may_receive(const struct mn_tcb *tcb)
{
    return tcb->state == MN_ESTABLISHED || tcb->state == MN_FIN_WAIT_1 || tcb->state == MN_FIN_WAIT_2;
}

static enum verdict process_text(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    if (text_len(seg) == 0 || MN_UNLIKELY(!may_receive(tcb)))
        return NEXT;
    note_segment_size(tcp, tcb, seg);
    bool repeats = mn_seq_lt(seg->seq, tcb->rcv_nxt);
    if (MN_UNLIKELY(seg->seq != tcb->rcv_nxt || text_len(seg) > tcb->rcv_adv - tcb->rcv_nxt))
        trim_to_window(tcb, seg);
    if (MN_UNLIKELY(text_len(seg) == 0)) {
        tcb->quick_acks = MN_QUICK_ACKS;
        schedule_ack(tcp, tcb, true, seg->now);
        return NEXT;
    }
    if (MN_UNLIKELY(repeats))
        /* Our acknowledgement of the repeated text was lost. */
        schedule_ack(tcp, tcb, true, seg->now);
    /* If there is data behind the FIN, one of the two is forged. A true FIN is repeated, data need
     * not be. */
    if (MN_UNLIKELY(tcb->fin_known) && mn_seq_gt(seg->seq + text_len(seg), tcb->rare.rcv_fin))
        tcb->fin_known = false;
    if (MN_UNLIKELY(tcb->orphan || tcb->read_shut))
        return refuse_text(tcp, tcb, seg);
    if (MN_LIKELY(seg->seq == tcb->rcv_nxt))
        receive_in_order(tcp, tcb, seg);
    else
        receive_out_of_order(tcp, tcb, seg);
    return NEXT;
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

static void process_text_and_fin(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    uint32_t fin_seq = seg->seq + text_len(seg);
    if (process_text(tcp, tcb, seg) == NEXT && MN_UNLIKELY(seg->flags & MN_TCP_FIN || tcb->fin_known))
        check_fin(tcp, tcb, seg, fin_seq);
}

/* --- 3.10.7.4 as a whole --- */

static void other_input(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    tcb->segments_received += seg->text->segments;
    if (check_sequence(tcp, tcb, seg) == DONE)
        return;
    if (MN_UNLIKELY(seg->flags & MN_TCP_RST)) {
        reset_received(tcp, tcb, seg);
        return;
    }
    if (MN_UNLIKELY(seg->flags & MN_TCP_SYN)) {
        syn_received(tcp, tcb, seg);
        return;
    }
    if (check_ack(tcp, tcb, seg) == DONE)
        return;
    if (MN_UNLIKELY(tcb->ecn.on))
        mn_ecn_received(tcp, tcb, seg);
    mn_urgent_input(tcp, tcb, seg); /* sixth: check the URG bit */
    process_text_and_fin(tcp, tcb, seg);
}

/* Returns the tcb that the segment makes of a smaller record, or of none, for the rest of 3.10.7.4,
 * or NULL. */
static MN_APART struct mn_tcb *record_input(struct mn_tcp *tcp, struct mn_conn *conn, struct mn_segment *seg)
{
    uint32_t isn_floor = 0;
    if (conn != NULL && conn->kind == MN_CONN_HALF_OPEN)
        return mn_half_open_input(tcp, MN_CONTAINER(conn, struct mn_half_open, conn), seg);
    if (conn != NULL && mn_time_wait_input(tcp, MN_CONTAINER(conn, struct mn_time_wait, conn), seg, &isn_floor))
        return NULL;
    return no_connection_input(tcp, seg, isn_floor);
}

static void connection_input(struct mn_tcp *tcp, struct mn_conn *conn, struct mn_segment *seg)
{
    bool is_tcb = conn != NULL && conn->kind == MN_CONN_TCB;
    struct mn_tcb *tcb = MN_LIKELY(is_tcb) ? MN_CONTAINER(conn, struct mn_tcb, conn) : record_input(tcp, conn, seg);
    if (MN_UNLIKELY(tcb == NULL))
        return;
    MN_CHECK(mn_tcb_check(tcp, tcb));
    if (MN_UNLIKELY(tcb->state == MN_SYN_SENT))
        syn_sent_input(tcp, tcb, seg);
    else
        other_input(tcp, tcb, seg);
}

void mn_tcp_input(struct mn_tcp *tcp, const struct mn_datagram *datagram, struct mnet_packet *packet, uint64_t now)
{
    struct mn_segment seg;
    mn_tcp_count(tcp, MNET_COUNT_TCP_RX);
    if (!parse_segment(tcp, datagram, packet, now, &seg)) {
        mnet_packet_free(packet);
        return;
    }
    connection_input(tcp, mn_table_find(tcp, &seg.local, &seg.remote, &seg.hash), &seg);
    mnet_packet_free(seg.text);
}
