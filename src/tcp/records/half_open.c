/* SYN-RECEIVED of passive opens, as a record: see listen.c. */
#include "tcp/records/half_open.h"
#include "tcp/ecn.h"
#include "tcp/mss.h"
#include "tcp/opening.h"
#include "tcp/ready.h"
#include "tcp/records/reply.h"
#include "tcp/records/table.h"
#include "tcp/recovery/flight.h"
#include "tcp/segment.h"
#include "tcp/window.h"

void mn_half_open_free(struct mn_tcp *tcp, struct mn_half_open *half)
{
    MN_DEBUG_ASSERT(half->conn.kind == MN_CONN_HALF_OPEN);
    mn_table_remove(tcp, &half->conn);
    mn_list_remove(&half->link);
    mn_list_remove(&half->output);
    mn_wheel_cancel(&tcp->wheel, &half->timer);
    mn_pool_free(&tcp->half_opens, half);
}

void mn_half_open_announce(struct mn_tcp *tcp, struct mn_half_open *half)
{
    MN_DEBUG_ASSERT(half->conn.hashed);
    if (!mn_list_linked(&half->output))
        mn_list_append(&tcp->half_open_output, &half->output);
}

struct mn_half_open *mn_half_open_new(struct mn_tcp *tcp, bool cookies)
{
    enum mn_claim claim = cookies ? MN_CLAIM_QUEUE : MN_CLAIM_SEND;
    struct mn_half_open *half = mn_pool_alloc_zeroed(&tcp->half_opens, claim);
    struct mnet_link *oldest = mn_list_first(&tcp->half_open_list);
    if (half == NULL && oldest != NULL && tcp->half_opens.in_use >= tcp->config.user.half_open_max) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_HALF_OPEN);
        mn_half_open_free(tcp, MN_CONTAINER(oldest, struct mn_half_open, link));
        half = mn_pool_alloc_zeroed(&tcp->half_opens, claim);
    }
    return half;
}

bool mn_listener_refuse_if_full(struct mn_tcp *tcp, const struct mn_listener *listener)
{
    MN_DEBUG_ASSERT(listener->queued <= listener->backlog || listener->backlog == 0);
    if (listener->queued < listener->backlog)
        return false;
    mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_BACKLOG);
    return true;
}

struct mnet_packet *mn_half_open_output(struct mn_tcp *tcp, struct mn_half_open *half, struct mn_datagram *datagram,
                                        uint64_t now)
{
    MN_DEBUG_ASSERT(half->conn.kind == MN_CONN_HALF_OPEN);
    const struct mn_timestamps ts = {.offset = half->timestamp_offset};
    struct mn_tcp_header header = {.seq = half->iss,
                                   .ack = half->irs + 1,
                                   .flags = MN_TCP_SYN | MN_TCP_ACK,
                                   .window = half->rcv_wnd,
                                   .options = MN_TCP_OPTION_MSS | half->conn.options, /* SHLD-5 */
                                   .mss = mn_window_mss(tcp, mn_conn_address(&half->conn.remote)),
                                   .window_shift = mn_window_shift(tcp),
                                   .ts_value = mn_timestamps_value(&ts, now),
                                   .ts_echo = half->ts_recent};
    if (half->ecn)
        header.flags |= MN_TCP_ECE;
    struct mnet_packet *packet = mn_segment_build(tcp, &half->conn, &header, datagram);
    if (packet != NULL)
        datagram->flow_label = mn_tcp_flow_label(&half->conn.remote, half->hash);
    return packet;
}

void mn_half_open_expire(struct mn_tcp *tcp, struct mn_half_open *half, uint64_t now)
{
    MN_DEBUG_ASSERT(half->since_ns <= now);
    if (now - half->since_ns >= MN_SYN_TIMEOUT) {
        mn_half_open_free(tcp, half);
        return;
    }
    if (half->retries < 16)
        half->retries++;
    uint64_t interval = MN_MIN(MN_RTO_INITIAL << half->retries, MN_RTO_MAX);
    mn_wheel_arm(&tcp->wheel, &half->timer, MN_MIN(now + interval, half->since_ns + MN_SYN_TIMEOUT));
    mn_tcp_count(tcp, MNET_COUNT_TCP_RETRANSMITTED);
    mn_half_open_announce(tcp, half);
}

/* --- 3.10.7.4 for the record --- */

/* Acknowledges a limited number of segments. Otherwise two hosts that were each sent a forged SYN
 * from the other would answer one another until the records expire. A SYN without an ACK answers
 * nothing, so its answer cannot be part of such a loop: a peer that has restarted always gets one,
 * and resets the record with it. */
static void acknowledge(struct mn_tcp *tcp, struct mn_half_open *half, const struct mn_segment *seg)
{
    bool asks = (seg->flags & (MN_TCP_SYN | MN_TCP_ACK)) == MN_TCP_SYN;
    if (!asks && half->challenges >= MN_CHALLENGE_LIMIT) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_CHALLENGE_LIMITED);
        return;
    }
    if (!asks)
        half->challenges++;
    struct mn_reply reply = {.local = mn_conn_endpoint(&half->conn.local),
                             .remote = mn_conn_endpoint(&half->conn.remote),
                             .seq = half->iss + 1,
                             .ack = half->irs + 1,
                             .flags = MN_TCP_ACK,
                             .window = half->rcv_wnd,
                             .ttl = half->conn.ttl,
                             .dscp = half->conn.dscp,
                             .hash = half->hash};
    if (half->conn.options & MN_TCP_OPTION_TIMESTAMPS)
        mn_reply_timestamp(&reply, half->timestamp_offset, half->ts_recent, seg->now);
    mn_reply(tcp, &reply);
}

/* PAWS (RFC 7323 5.3). Returns false if the segment is dropped. Nothing is agreed before the
 * SYN,ACK has arrived (3.2), so a SYN may lack the option, or have another clock. */
static bool check_timestamp(struct mn_tcp *tcp, struct mn_half_open *half, const struct mn_segment *seg)
{
    if (!(half->conn.options & MN_TCP_OPTION_TIMESTAMPS) || seg->flags & (MN_TCP_RST | MN_TCP_SYN))
        return true;
    bool present = (seg->header.options & MN_TCP_OPTION_TIMESTAMPS) != 0;
    if (present && mn_seq_geq(seg->header.ts_value, half->ts_recent))
        return true;
    mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_TIMESTAMP);
    if (present)
        acknowledge(tcp, half, seg);
    return false;
}

/* The same SYN again. Some stacks leave out options, or the request for ECN (RFC 3168 6.1.1), if
 * the first tries had no answer, because these may be what blocks the handshake. The SYN,ACK has
 * the options that all of the SYNs offered (RFC 7323 1.3). */
static void learn_syn_again(struct mn_half_open *half, const struct mn_segment *seg)
{
    const struct mn_tcp_header *h = &seg->header;
    uint16_t mss = h->options & MN_TCP_OPTION_MSS ? h->mss : 0;
    half->conn.options &= h->options;
    half->mss = MN_MIN(half->mss, mss); /* 0: the smallest, which every host accepts */
    half->window = seg->header.window;
    half->ts_recent = h->ts_value;
    half->peer_shift = MN_MIN(h->window_shift, (uint8_t)MN_TCP_WINDOW_SHIFT_MAX);
    half->ecn = half->ecn && mn_ecn_is_setup(seg->flags);
}

/* First to fourth: sequence number, RST, SYN. Returns true if the segment goes on to its ACK. */
static bool check_half_open(struct mn_tcp *tcp, struct mn_half_open *half, struct mn_segment *seg)
{
    uint32_t rcv_nxt = half->irs + 1;
    bool repeated = (seg->flags & (MN_TCP_SYN | MN_TCP_ACK | MN_TCP_RST)) == MN_TCP_SYN && seg->seq == half->irs;
    if (!check_timestamp(tcp, half, seg))
        return false;
    if (repeated) { /* our SYN,ACK did not arrive */
        learn_syn_again(half, seg);
        mn_half_open_announce(tcp, half);
        return false;
    }
    bool in_window = mn_seq_within(seg->seq, rcv_nxt, half->rcv_wnd) ||
                     (seg->len > 0 && mn_seq_within(seg->seq + seg->len - 1, rcv_nxt, half->rcv_wnd));
    if (seg->flags & MN_TCP_RST) {
        if (seg->seq == rcv_nxt) { /* passive open: back to LISTEN */
            mn_tcp_count(tcp, MNET_COUNT_TCP_RST_RX);
            mn_half_open_free(tcp, half);
        } else {
            mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_RST);
            if (in_window)
                acknowledge(tcp, half, seg);
        }
        return false;
    }
    if (!in_window || seg->flags & MN_TCP_SYN) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_SEQUENCE);
        acknowledge(tcp, half, seg);
        return false;
    }
    return true;
}

/* Takes the sequence numbers, windows and options of the handshake. */
static void take_over(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_half_open *half,
                      const struct mn_segment *seg)
{
    tcb->rare.iss = half->iss;
    mn_tcb_start_sending(tcb);
    tcb->snd_una = tcb->snd_nxt = half->iss + 1;
    mn_loss_init(&tcb->flight.loss, tcb->snd_una);
    tcb->rare.irs = half->irs;
    tcb->rcv_nxt = tcb->last_ack_sent = tcb->rcv_up = half->irs + 1;
    tcb->conn.options = half->conn.options;
    tcb->timestamps.offset = half->timestamp_offset;
    mn_timestamps_begin(&tcb->timestamps, half->ts_recent, seg->now);
    mn_tcb_set_peer_mss(tcb, half->mss);
    if (half->ecn)
        mn_ecn_begin(tcb);
    tcb->sack_ok = (half->conn.options & MN_TCP_OPTION_SACK_PERMITTED) != 0;
    bool scale = (half->conn.options & MN_TCP_OPTION_WINDOW_SCALE) != 0;
    tcb->snd_wscale = scale ? half->peer_shift : 0;
    tcb->rcv_wscale = scale ? mn_window_shift(tcp) : 0;
    tcb->snd_wnd = tcb->max_snd_wnd = half->window;
    tcb->snd_wl1 = half->irs;
    tcb->snd_wl2 = half->iss;
    mn_congestion_syn_lost(&tcb->flight.congestion, half->retries);
    /* Karn (MUST-18). The time at which a cookie was sent is unknown. */
    if (half->retries > 0)
        mn_tcb_time_lost_syn(tcb, seg);
    else if (half->since_ns != 0)
        mn_rtt_take_sample(&tcb->flight.rtt, seg->now - half->since_ns);
}

struct mn_tcb *mn_half_open_promote(struct mn_tcp *tcp, struct mn_half_open *half, const struct mn_segment *seg)
{
    struct mn_listener *listener = half->listener;
    if (mn_listener_refuse_if_full(tcp, listener)) {
        /* If the segment is ignored, the record stays. The peer repeats its data, or we our
         * SYN,ACK, and by then there may be room. */
        if (listener->policy == MNET_BACKLOG_REFUSE) {
            mn_reply_reset(tcp, seg);
            if (half->conn.hashed)
                mn_half_open_free(tcp, half);
        }
        return NULL;
    }
    struct mn_tcb *tcb = mn_tcb_new(tcp, seg->local, seg->remote, seg->hash, seg->now);
    if (tcb == NULL)
        return NULL;
    if (listener->congestion != MNET_CONGESTION_DEFAULT)
        tcb->flight.congestion.ops = mn_congestion_of((enum mnet_congestion)listener->congestion);
    take_over(tcp, tcb, half, seg);
    tcb->conn.ttl = listener->ttl;
    tcb->conn.dscp = listener->dscp & 63;
    tcb->no_delay = listener->no_delay || tcp->config.user.no_delay;
    uint32_t rcv_wnd = half->rcv_wnd; /* in the SYN,ACK */
    if (half->conn.hashed)
        mn_half_open_free(tcp, half);
    mn_table_add(tcp, &tcb->conn, tcb->hash);
    mn_window_init(tcp, tcb, rcv_wnd);
    tcb->listener = listener;
    tcb->queued = true;
    mn_list_append(&listener->queue, &tcb->event);
    listener->queued++;
    mn_tcb_established(tcp, tcb, seg);
    mn_tcp_count(tcp, MNET_COUNT_TCP_ACCEPTED);
    if (!mn_list_linked(&listener->event))
        mn_list_append(&tcp->listener_events, &listener->event);
    return tcb;
}

MN_APART struct mn_tcb *mn_half_open_input(struct mn_tcp *tcp, struct mn_half_open *half, struct mn_segment *seg)
{
    if (!check_half_open(tcp, half, seg))
        return NULL;
    /* Fifth, check the ACK field. */
    if (!(seg->flags & MN_TCP_ACK)) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_ACK);
        return NULL;
    }
    if (seg->ack != half->iss + 1) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_ACK);
        mn_reply_reset_at(tcp, seg, seg->ack);
        return NULL;
    }
    return mn_half_open_promote(tcp, half, seg);
}
