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
#include "tcp/calm.h"
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
#include "tcp/records/idle.h"
#include "tcp/records/listen.h"
#include "tcp/records/reply.h"
#include "tcp/records/table.h"
#include "tcp/records/time_wait.h"
#include "tcp/recovery/flight.h"
#include "tcp/recovery/loss.h"
#include "tcp/room.h"
#include "tcp/state.h"
#include "tcp/tcb.h"
#include "tcp/text.h"
#include "tcp/timers.h"
#include "tcp/timestamps.h"
#include "tcp/trace.h"
#include "tcp/urgent.h"
#include "tcp/user.h"
#include "tcp/user_timeout.h"
#include "tcp/window.h"

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

/* Returns whether the segment is undamaged, and for this host alone. Counts it otherwise. The
 * checksum comes before all fields: no field of a damaged header is believed, not even its length
 * (MUST-3). */
static bool check_packet(struct mn_tcp *tcp, const struct mn_datagram *d, struct mnet_packet *packet)
{
    enum mnet_counter reason;
    if (MN_UNLIKELY(packet->len < MN_TCP_HEADER))
        reason = MNET_COUNT_TCP_DROP_TRUNCATED;
    else if (MN_UNLIKELY(d->not_unicast)) /* MUST-57 */
        reason = MNET_COUNT_TCP_DROP_ADDRESS;
    else if (MN_UNLIKELY(!mn_transport_checksum_ok(packet, d)))
        reason = MNET_COUNT_TCP_DROP_CHECKSUM;
    else {
        packet->checksum = MNET_CHECKSUM_VERIFIED; /* a device's sum is of no more use */
        return true;
    }
    mn_tcp_count(tcp, reason);
    return false;
}

/* Fills in the rest of *seg from its header, and leaves only the text of the packet. */
static inline void describe_segment(struct mn_segment *seg, struct mnet_packet *packet, uint64_t now)
{
    const struct mn_tcp_header *h = &seg->header;
    seg->seq = h->seq;
    seg->ack = h->ack;
    seg->flags = h->flags;
    seg->window = h->window; /* MUST-1: unsigned */
    seg->refused = false;
    mnet_packet_pull(packet, h->header_len);
    seg->text = packet;
    seg->now = now;
    seg->len = packet->total + ((h->flags & MN_TCP_SYN) != 0) + ((h->flags & MN_TCP_FIN) != 0);
}

/* Fills *seg. Returns false, and counts it, if the header is truncated. */
static bool parse_segment(struct mn_tcp *tcp, const struct mn_datagram *d, struct mnet_packet *packet, uint64_t now,
                          struct mn_segment *seg)
{
    if (MN_UNLIKELY(mn_tcp_parse(packet->data, packet->len, &seg->header) != MN_PARSE_OK)) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_TRUNCATED);
        return false;
    }
    seg->local = (struct mnet_endpoint){d->destination, seg->header.destination_port};
    seg->remote = (struct mnet_endpoint){d->source, seg->header.source_port};
    seg->marked = mn_ecn_is_marked(d);
    describe_segment(seg, packet, now);
    return true;
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
        mn_text_and_fin(tcp, tcb, seg);
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
    mnet_packet_free(mn_text_take(seg));
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
    mn_tcp_count(tcp, mn_text_len(seg) > 0 ? MNET_COUNT_TCP_DROP_DUPLICATE : MNET_COUNT_TCP_DROP_SEQUENCE);
    mn_keepalive_heard(tcp, tcb, seg);
    if (mn_seq_lt(seg->seq, tcb->rcv_nxt) && !(seg->flags & MN_TCP_SYN))
        mn_sack_note_duplicate(tcb, seg->seq, mn_seq_min(seg->seq + mn_text_len(seg), tcb->rcv_nxt));
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
static void advance_una(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg)
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

/* An acceptable ACK that is not old: SND.UNA, losses, the window, and all that waits for them. */
static void take_ack(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg, bool duplicate)
{
    uint32_t acked = seg->ack - tcb->snd_una;
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
}

/* The peer lives, and has sent this segment with an acceptable ACK. */
static void note_heard(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg)
{
    tcb->heard_ns = seg->now;
    tcb->rare.keepalive.unanswered = 0;
    if (MN_UNLIKELY(seg->header.options & MN_TCP_OPTION_USER_TIMEOUT))
        mn_user_timeout_learn(tcp, tcb, seg->header.user_timeout);
    /* Not before the ACK is checked: nobody off the path may move TS.Recent. */
    update_timestamp(tcb, seg);
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
    note_heard(tcp, tcb, seg);
    if (MN_UNLIKELY(mn_seq_lt(seg->ack, tcb->snd_una)))
        return NEXT; /* old: its text may still be new */
    if (MN_UNLIKELY(tcb->persisting) && !tcb->orphan) {
        tcb->flight.progress_ns = seg->now; /* MUST-37: the peer lives, with any window */
        tcb->probe_unanswered = false;
    }
    take_ack(tcp, tcb, seg, is_duplicate(tcb, seg));
    return fin_acked(tcb) ? note_fin_acked(tcp, tcb, seg) : NEXT;
}

/* --- 3.10.7.4 as a whole --- */

static void other_input(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    mn_tcb_disturb(tcb);
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
    mn_text_and_fin(tcp, tcb, seg);
}

/* --- 3.10.7.4 for the expected segment --- */

/* Returns whether the segment passes every check of 3.10.7.4: its `text` bytes are the next in
 * order and within the window, its timestamp is not old, and it has an acceptable ACK, with text or
 * of new data. Text that may have to be refused for lack of memory is left to the full way. */
static bool passes(const struct mn_tcp *tcp, const struct mn_tcb *tcb, const struct mn_tcp_header *h, uint32_t text)
{
    uint32_t acked = h->ack - tcb->snd_una;
    return h->seq == tcb->rcv_nxt && text <= tcb->rcv_adv - tcb->rcv_nxt && acked <= tcb->snd_nxt - tcb->snd_una &&
           (text | acked) != 0 && mn_seq_geq(h->ts_value, tcb->timestamps.recent) && !mn_pressure(tcp);
}

/* Returns the connection if the packet is the next segment of the one that was last heard of, which
 * is calm, and passes every check. Returns NULL for any other segment. */
static struct mn_tcb *find_expecting(const struct mn_tcp *tcp, const struct mn_datagram *d,
                                     const struct mnet_packet *packet, struct mn_tcp_header *h)
{
    struct mn_tcb *tcb = mn_table_last_tcb(tcp);
    if (tcb == NULL || !tcb->calm || !mn_tcp_parse_usual(packet->data, packet->len, h))
        return NULL;
    if (!mn_conn_is_between(&tcb->conn, &d->destination, h->destination_port, &d->source, h->source_port))
        return NULL;
    return passes(tcp, tcb, h, packet->total - MN_TCP_HEADER_USUAL) ? tcb : NULL;
}

/* What other_input does with such a segment. Nothing asks for its ends or its hash. */
static void expected_input(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_segment *seg)
{
    MN_CHECK(mn_tcb_check(tcp, tcb));
    tcb->segments_received += seg->text->segments;
    seg->window <<= tcb->snd_wscale;
    note_heard(tcp, tcb, seg);
    take_ack(tcp, tcb, seg, false);
    mn_urgent_input(tcp, tcb, seg);
    if (seg->len > 0)
        mn_text_expected(tcp, tcb, seg);
}

/* --- Any segment --- */

/* Returns the tcb that the segment makes of a smaller record, or of none, for the rest of 3.10.7.4,
 * or NULL. */
static MN_APART struct mn_tcb *record_input(struct mn_tcp *tcp, struct mn_conn *conn, struct mn_segment *seg)
{
    uint32_t isn_floor = 0;
    if (conn != NULL && conn->kind == MN_CONN_IDLE)
        return mn_idle_leave(tcp, MN_CONTAINER(conn, struct mn_idle, conn), seg->now);
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

static MN_APART void any_input(struct mn_tcp *tcp, const struct mn_datagram *datagram, struct mnet_packet *packet,
                               uint64_t now)
{
    struct mn_segment seg;
    seg.text = packet;
    if (parse_segment(tcp, datagram, packet, now, &seg)) {
        uint32_t text = packet->total;
        connection_input(tcp, mn_table_find(tcp, &seg.local, &seg.remote, &seg.hash), &seg);
        if (MN_UNLIKELY(tcp->config.trace_segment != NULL))
            mn_trace_received(tcp, &seg, text);
    }
    mnet_packet_free(seg.text);
}

void mn_tcp_input(struct mn_tcp *tcp, const struct mn_datagram *datagram, struct mnet_packet *packet, uint64_t now)
{
    struct mn_segment seg;
    mn_tcp_count(tcp, MNET_COUNT_TCP_RX);
    if (!check_packet(tcp, datagram, packet)) {
        mnet_packet_free(packet);
        return;
    }
    struct mn_tcb *tcb = find_expecting(tcp, datagram, packet, &seg.header);
    if (tcb == NULL) {
        any_input(tcp, datagram, packet, now);
        return;
    }
    describe_segment(&seg, packet, now);
    expected_input(tcp, tcb, &seg);
    mnet_packet_free(seg.text);
}
