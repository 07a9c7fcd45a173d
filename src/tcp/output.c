/* The output of a connection, one packet at a time, when the device asks for it.
 *
 * In order of urgency: our SYN, a zero-window probe, a tail loss probe, lost data, new data (with
 * the FIN behind the last byte), a bare acknowledgement, which may be a keepalive probe or carry a
 * user timeout. Every segment but the first SYN acknowledges, so the first segment to be sent
 * carries the acknowledgement.
 */
#include "tcp/output.h"
#include "tcp/calm.h"
#include "tcp/ecn.h"
#include "tcp/notices.h"
#include "tcp/pacing.h"
#include "tcp/plpmtu.h"
#include "tcp/ready.h"
#include "tcp/records/table.h"
#include "tcp/recovery/feedback.h"
#include "tcp/recovery/flight.h"
#include "tcp/recovery/loss.h"
#include "tcp/recovery/tlp.h"
#include "tcp/room.h"
#include "tcp/segment.h"
#include "tcp/state.h"
#include "tcp/timers.h"
#include "tcp/trace.h"
#include "tcp/urgent.h"
#include "tcp/user_timeout.h"
#include "tcp/window.h"

/* Puts the timestamps into a header if they were agreed (RFC 7323 3.2). */
static void put_timestamp(const struct mn_tcb *tcb, struct mn_tcp_header *header, uint64_t now)
{
    if (MN_LIKELY(tcb->conn.options & MN_TCP_OPTION_TIMESTAMPS)) {
        header->options |= MN_TCP_OPTION_TIMESTAMPS;
        header->ts_value = mn_timestamps_value(&tcb->timestamps, now);
        header->ts_echo = tcb->timestamps.recent;
    }
}

static bool may_fragment(const struct mn_tcb *tcb)
{
    return MN_UNLIKELY(tcb->plpmtu != NULL) && tcb->plpmtu->fragment;
}

/* An acknowledgement of new data that is no older than this confirms that packets arrive
 * (RFC 4861 7.3.1), unless retransmissions since then say that they do not arrive any more. */
#define CONFIRMED_NS (5 * MNET_SECOND)

/* Fills in the label of the flow, and the advice to IP. */
static void advise_ip(const struct mn_tcb *tcb, struct mn_datagram *datagram, uint64_t now)
{
    datagram->flow_label = mn_tcp_flow_label(&tcb->conn.remote, tcb->hash);
    datagram->dont_fragment = !may_fragment(tcb);
    datagram->doubtful = mn_tcb_doubtful(tcb); /* MUST-20: negative advice at R1 */
    datagram->confirmed = tcb->was_established && !datagram->doubtful && now - tcb->flight.moved_ns < CONFIRMED_NS;
}

/* A segment with RCV.NXT in it is about to be sent. Only one without data is a duplicate
 * acknowledgement (RFC 5681 2) and counts as one of those owed. Further ones keep the next one
 * due. */
static void note_ack_sent(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    if (MN_LIKELY(tcb->duplicates_owed == 0))
        tcb->owed &= (uint8_t)~MN_OWED_ACK;
    tcb->last_ack_sent = tcb->rcv_nxt;
    mn_tcb_set_due(tcp, tcb, MN_DUE_DELAYED_ACK, MNET_NEVER);
}

/* Returns the window that a segment offers. The right edge may move. */
static inline uint16_t offer_window(const struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    uint32_t window = mn_window_offer(tcp, tcb) >> tcb->rcv_wscale;
    return (uint16_t)MN_MIN(window, (uint32_t)UINT16_MAX);
}

/* Writes the header of a segment that will certainly be sent: its contents count as sent. It may
 * move the right edge of the window, and it reports a range received twice. */
static void commit_header(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t seq, uint64_t now,
                          struct mn_tcp_header *header)
{
    mn_tcp_header_init(header);
    header->seq = seq;
    header->ack = tcb->rcv_nxt;
    header->flags = tcb->ecn.echo ? MN_TCP_ACK | MN_TCP_ECE : MN_TCP_ACK;
    header->window = offer_window(tcp, tcb);
    put_timestamp(tcb, header, now);
    if (MN_UNLIKELY(tcb->reassembly != NULL || tcb->twice.left != tcb->twice.right) && tcb->sack_ok)
        mn_sack_report(tcb, header);
    mn_urgent_put(tcb, header);
}

static struct mnet_packet *output_ack(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_datagram *datagram,
                                      uint64_t now)
{
    struct mnet_packet *packet = mn_segment_begin(tcp);
    if (MN_UNLIKELY(packet == NULL))
        return NULL;
    /* A keepalive probe has an old number, so that the peer must answer it (3.8.4). The peer may
     * ignore the acknowledgement of an old segment. */
    bool keepalive = (tcb->owed & (MN_OWED_KEEPALIVE | MN_OWED_ACK)) == MN_OWED_KEEPALIVE;
    struct mn_tcp_header header;
    commit_header(tcp, tcb, keepalive ? tcb->snd_una - 1 : mn_tcb_bare_seq(tcb), now, &header);
    if (MN_UNLIKELY(tcb->owed & MN_OWED_USER_TIMEOUT))
        mn_user_timeout_put(tcp, tcb, &header);
    mnet_packet_put(packet, mn_tcp_header_length(&header));
    mn_segment_finish(tcp, &tcb->conn, &header, packet, datagram);
    if (tcb->duplicates_owed > 0)
        tcb->duplicates_owed--;
    tcb->owed &= (uint8_t)(keepalive ? ~(MN_OWED_KEEPALIVE | MN_OWED_USER_TIMEOUT) : ~MN_OWED_USER_TIMEOUT);
    tcb->segments_sent++;
    note_ack_sent(tcp, tcb);
    advise_ip(tcb, datagram, now);
    return packet;
}

/* Sends SYN in SYN-SENT, SYN,ACK in SYN-RECEIVED (simultaneous open). The window of a SYN is never
 * scaled (RFC 7323 2.2). */
static MN_RARE struct mnet_packet *output_syn(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_datagram *datagram,
                                              uint64_t now)
{
    struct mn_tcp_header header = {.seq = tcb->rare.iss,
                                   .flags = MN_TCP_SYN,
                                   .window = (uint16_t)MN_MIN(tcb->rcv_target, (uint32_t)UINT16_MAX),
                                   .options = MN_TCP_OPTION_MSS | tcb->conn.options,
                                   .mss = mn_window_mss(tcp, mn_conn_address(&tcb->conn.remote)),
                                   .window_shift = mn_window_shift(tcp)};
    mn_user_timeout_put(tcp, tcb, &header);
    put_timestamp(tcb, &header, now); /* its echo means nothing in a first SYN, and is 0 there */
    if (tcb->state == MN_SYN_RECEIVED) {
        header.flags |= MN_TCP_ACK;
        header.ack = tcb->rcv_nxt;
    } else {
        mn_ecn_put_syn(tcb, &header);
    }
    struct mnet_packet *packet = mn_segment_build(tcp, &tcb->conn, &header, datagram);
    if (packet == NULL)
        return NULL;
    tcb->owed &= (uint8_t)~MN_OWED_SYN;
    note_ack_sent(tcp, tcb);
    if (tcb->snd_nxt == tcb->rare.iss) {
        tcb->snd_nxt = tcb->rare.iss + 1;
        tcb->flight.progress_ns = now;
        mn_rtt_sent(&tcb->flight.rtt, tcb->snd_nxt, now);
    } else {
        mn_tcp_count(tcp, MNET_COUNT_TCP_RETRANSMITTED);
    }
    mn_timers_update(tcp, tcb, false, now);
    advise_ip(tcb, datagram, now);
    return packet;
}

/* A packet that stands for several segments ends on a segment's boundary, unless it holds the last
 * byte. */
static MN_APART uint32_t settle_gso(const struct mn_tcb *tcb, uint32_t mss, struct mnet_packet *packet,
                                    uint32_t gathered, bool is_end)
{
    uint32_t partial = is_end ? 0 : gathered % mss;
    if (partial > 0) {
        gathered -= partial;
        mnet_packet_trim(packet, packet->total - partial);
    }
    if (gathered > mss) {
        packet->gso = mnet_address_is_ipv4(mn_conn_address(&tcb->conn.remote)) ? MNET_GSO_TCPV4 : MNET_GSO_TCPV6;
        packet->gso_size = (uint16_t)mss;
        packet->segments = (uint16_t)((gathered + mss - 1) / mss);
    }
    return gathered;
}

/* SND.NXT advances over data sent for the first time. Retransmitted data is counted and no longer
 * timed. */
static void note_sent(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t seq, uint32_t len, uint16_t segments,
                      uint64_t now)
{
    bool idle = tcb->snd_nxt == tcb->snd_una;
    if (MN_LIKELY(seq == tcb->snd_nxt)) {
        tcb->snd_nxt += len;
        mn_feedback_sent(tcp, tcb, tcb->snd_nxt - tcb->snd_una - len, now);
        mn_rtt_sent(&tcb->flight.rtt, tcb->snd_nxt, now);
    } else {
        tcp->config.counters->value[MNET_COUNT_TCP_RETRANSMITTED] += segments;
        tcb->rare.bytes_retransmitted += len;
        mn_rtt_retransmitted(&tcb->flight.rtt);
    }
    mn_loss_sent(tcp, tcb, seq, len, now);
    if (idle)
        tcb->flight.progress_ns = now;
    tcb->segments_sent += segments;
    tcb->flight.last_sent_ns = now;
    mn_pacing_sent(tcb, len, now);
    if (MN_UNLIKELY(tcb->limited) && tcb->send_full)
        mn_tcb_tell_room(tcp, tcb);
    /* RFC 6675 6: the first segment of a recovery gets a whole timeout again. */
    bool again = MN_UNLIKELY(tcb->flight.loss.phase == MN_LOSS_RECOVERY) && seq == tcb->snd_una;
    mn_timers_update(tcp, tcb, again, now);
}

/* The peer may refuse data beyond its closed window. SND.NXT does not count that data before it is
 * acknowledged, so nothing has to be taken back when the window opens. */
static MN_RARE void note_sent_beyond_the_window(struct mn_tcb *tcb, uint64_t now)
{
    tcb->probe_out = true;
    tcb->segments_sent++;
    tcb->flight.last_sent_ns = now;
}

/* Returns a packet for the text of the range. The text is in it already if it was written there,
 * and if it fits a segment with any options. */
static struct mnet_packet *begin_range(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t seq, uint32_t text,
                                       uint32_t size)
{
    bool fits = text > 0 && text <= MN_SENDQ_COPIED && text + MN_TCP_HEADER_MAX - MN_TCP_HEADER <= size;
    struct mnet_packet *packet = fits ? mn_sendq_take_packet(&tcb->sendq, seq, text) : NULL;
    return packet != NULL ? packet : mn_segment_begin(tcp);
}

/* Sends as many of the sequence numbers [seq, seq + len) as the packet takes: data and, behind the
 * last byte, the FIN. `size` is the text of a full segment: SND.MSS, or more in a path probe. */
static struct mnet_packet *output_range(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t seq, uint32_t len,
                                        uint32_t size, struct mn_datagram *datagram, uint64_t now)
{
    uint32_t left = mn_sendq_end(&tcb->sendq) - seq; /* bytes in the queue */
    struct mnet_packet *packet = begin_range(tcp, tcb, seq, MN_MIN(len, left), size);
    if (MN_UNLIKELY(packet == NULL))
        return NULL;
    struct mn_tcp_header header;
    commit_header(tcp, tcb, seq, now, &header);
    uint32_t gathered = packet->total;
    if (gathered > 0)
        mnet_packet_push(packet, mn_tcp_header_length(&header));
    else
        mnet_packet_put(packet, mn_tcp_header_length(&header));
    uint32_t mss = size - (header.options & MN_TCP_OPTION_SACK ? mn_sack_bytes(&header) : 0);
    uint32_t data = MN_MIN(len, left);
    bool urgent = (header.flags & MN_TCP_URG) != 0; /* the pointer is relative to each segment */
    if (MN_UNLIKELY(tcp->config.gso_max < data || urgent))
        data = MN_MIN(data, mss);
    if (MN_LIKELY(data > gathered))
        gathered = mn_sendq_gather(&tcb->sendq, packet, seq, data);
    if (MN_UNLIKELY(gathered > mss))
        gathered = settle_gso(tcb, mss, packet, gathered, gathered == left);
    uint32_t done = gathered;
    if (gathered == left) {
        if (data > 0)
            header.flags |= MN_TCP_PSH; /* MUST-61, SHLD-27 */
        if (MN_UNLIKELY(len > left)) {
            header.flags |= MN_TCP_FIN;
            done++;
        }
    }
    bool beyond = seq == tcb->snd_nxt && MN_UNLIKELY(tcb->snd_wnd == 0);
    uint8_t ecn = 0; /* RFC 3168 6.1.6: a window probe is not ECN-capable */
    if (MN_UNLIKELY(tcb->ecn.on) && seq == tcb->snd_nxt && gathered > 0 && !beyond)
        ecn = mn_ecn_put_data(tcb, &header);
    mn_segment_finish(tcp, &tcb->conn, &header, packet, datagram);
    advise_ip(tcb, datagram, now);
    datagram->traffic_class |= ecn;
    note_ack_sent(tcp, tcb);
    if (MN_UNLIKELY(beyond)) {
        note_sent_beyond_the_window(tcb, now);
        return packet;
    }
    if (MN_UNLIKELY(size > tcb->snd_mss)) { /* before its timers are armed */
        datagram->dont_fragment = true;
        mn_plpmtu_probe_sent(tcp, tcb, seq, done);
    }
    if (MN_LIKELY(seq == tcb->snd_nxt) && (done < mss || done % mss != 0))
        tcb->snd_small = seq + done;
    note_sent(tcp, tcb, seq, done, packet->segments, now);
    return packet;
}

/* --- The usual segment --- */

/* Returns the length of the text if the next segment of a calm connection is the usual one: all
 * that is left in the queue, which is little, and which neither a window nor Nagle's algorithm nor
 * pacing holds back. Two segments in flight are never paced or sampled. Returns 0 for any other
 * segment, about which output_new decides. */
static uint32_t usual_len(const struct mn_tcp *tcp, const struct mn_tcb *tcb, uint64_t now)
{
    uint32_t len = mn_sendq_end(&tcb->sendq) - tcb->snd_nxt, flight = tcb->snd_nxt - tcb->snd_una, mss = tcb->snd_mss;
    if (len > MN_MIN(MN_SENDQ_COPIED, mss) || tcb->owed & (uint8_t)~MN_OWED_ACK)
        return 0;
    if (flight + len > MN_MIN(MN_MIN(tcb->snd_wnd, tcb->flight.congestion.cwnd), 2 * mss) || tcb->flight.rate != NULL)
        return 0;
    if (!tcb->no_delay && mn_seq_gt(tcb->snd_small, tcb->snd_una))
        return 0;
    if (flight == 0 && now - tcb->flight.last_sent_ns > mn_rtt_timeout(&tcb->flight.rtt))
        return 0;
    if (mn_tcb_is_due(tcb, MN_DUE_PACING) || mn_seq_gt(tcb->snd_up, tcb->snd_nxt))
        return 0;
    return tcb->flight.path_generation == tcp->config.paths->generation ? len : 0;
}

/* What note_sent does if the segment is the usual one. */
static inline void note_usual_sent(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t len, uint64_t now)
{
    uint32_t seq = tcb->snd_nxt;
    if (seq == tcb->snd_una)
        tcb->flight.progress_ns = now;
    tcb->snd_nxt += len;
    mn_rtt_sent(&tcb->flight.rtt, tcb->snd_nxt, now);
    /* Of the first segment of a flight loss recovery need know no more. Its timers start below. */
    if (MN_UNLIKELY(seq != tcb->snd_una) || !mn_scoreboard_sent_alone(&tcb->flight.loss.sent, tcb->snd_nxt, now))
        mn_loss_sent(tcp, tcb, seq, len, now);
    tcb->segments_sent++;
    tcb->flight.last_sent_ns = now;
    mn_pacing_sent(tcb, len, now);
    if (MN_LIKELY(!mn_tcb_is_due(tcb, MN_DUE_RETRANSMIT)))
        mn_timers_start(tcp, tcb, now);
    else
        mn_timers_update(tcp, tcb, false, now);
}

static_assert(MN_SENDQ_HEADER == MN_TCP_HEADER_USUAL, "the headroom is left to others");

/* Returns the packet of the usual segment, with its text behind the header, which is not written
 * yet. */
static struct mnet_packet *begin_usual(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t seq, uint32_t len)
{
    struct mnet_packet *packet = mn_sendq_take_packet(&tcb->sendq, seq, len);
    if (MN_LIKELY(packet != NULL)) {
        mnet_packet_push(packet, MN_TCP_HEADER_USUAL);
        return packet;
    }
    packet = mn_segment_begin(tcp);
    if (MN_LIKELY(packet != NULL))
        mn_sendq_copy(&tcb->sendq, mnet_packet_put(packet, MN_TCP_HEADER_USUAL + len) + MN_TCP_HEADER_USUAL, seq, len);
    return packet;
}

/* Sends the usual segment with `len` bytes of text. */
static struct mnet_packet *output_usual(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t len,
                                        struct mn_datagram *datagram, uint64_t now)
{
    uint32_t seq = tcb->snd_nxt;
    struct mnet_packet *packet = begin_usual(tcp, tcb, seq, len);
    if (MN_UNLIKELY(packet == NULL))
        return NULL;
    uint8_t *bytes = packet->data;
    mn_segment_describe(&tcb->conn, datagram);
    advise_ip(tcb, datagram, now);
    const struct mn_tcp_header header = {.source_port = tcb->conn.local.port,
                                         .destination_port = tcb->conn.remote.port,
                                         .seq = seq,
                                         .ack = tcb->rcv_nxt,
                                         .flags = MN_TCP_ACK | MN_TCP_PSH, /* MUST-61, SHLD-27 */
                                         .window = offer_window(tcp, tcb),
                                         .checksum = mn_segment_checksum(packet, datagram),
                                         .ts_value = mn_timestamps_value(&tcb->timestamps, now),
                                         .ts_echo = tcb->timestamps.recent};
    mn_tcp_emit_usual(bytes, &header);
    mn_tcp_count(tcp, MNET_COUNT_TCP_TX);
    note_ack_sent(tcp, tcb);
    if (len < tcb->snd_mss)
        tcb->snd_small = seq + len;
    note_usual_sent(tcp, tcb, len, now);
    return packet;
}

/* --- Any segment --- */

/* Sends one octet beyond a closed window, or as much as fits into a window that is too small to use
 * otherwise (3.8.6.1, MUST-35, MUST-36). */
static MN_RARE struct mnet_packet *output_probe(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_datagram *datagram,
                                                uint64_t now)
{
    uint32_t left = mn_sendq_end(&tcb->sendq) + tcb->fin_queued - tcb->snd_una;
    uint32_t len = MN_MIN(MN_MIN(left, MN_MAX(tcb->snd_wnd, 1u)), tcb->snd_mss);
    if (tcb->snd_nxt != tcb->snd_una)
        len = MN_MIN(len, tcb->snd_nxt - tcb->snd_una);
    struct mnet_packet *packet = len == 0 ? NULL
                                          : output_range(tcp, tcb, tcb->snd_una, len, tcb->snd_mss, datagram, now);
    if (packet != NULL || len == 0) /* without memory for it: soon */
        tcb->owed &= (uint8_t)~MN_OWED_WINDOW_PROBE;
    return packet;
}

/* Returns the bytes that cwnd allows now. */
static uint32_t congestion_room(const struct mn_tcb *tcb)
{
    uint32_t cwnd = tcb->flight.congestion.cwnd;
    uint32_t flight = mn_tcb_pipe(tcb);
    return cwnd > flight ? cwnd - flight : 0;
}

/* Returns the largest range that one packet may stand for. Each packet that may be fragmented needs
 * an identification of its own. */
static uint32_t packet_limit(const struct mn_tcp *tcp, const struct mn_tcb *tcb)
{
    if (may_fragment(tcb))
        return tcb->snd_mss;
    return MN_MAX(tcp->config.gso_max, (uint32_t)tcb->snd_mss);
}

/* Sends the holes, in order, without data that the peer has acknowledged selectively. */
static MN_APART struct mnet_packet *output_lost(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_datagram *datagram,
                                                uint64_t now)
{
    uint32_t left, right;
    uint32_t edge = tcb->snd_una + tcb->snd_wnd; /* SHLD-16: old data within the window */
    if (!mn_scoreboard_next_lost(&tcb->flight.loss.sent, &left, &right) || mn_seq_geq(left, edge) ||
        tcb->flight.loss.frto == MN_FRTO_NEW)
        return NULL;
    uint32_t pending = right - left;
    uint32_t len = MN_MIN(MN_MIN(pending, edge - left), packet_limit(tcp, tcb));
    uint32_t room = congestion_room(tcb);
    if (room < MN_MIN(len, (uint32_t)tcb->snd_mss))
        return NULL;
    len = MN_MIN(len, room);
    if (len > tcb->snd_mss && len < pending)
        len -= len % tcb->snd_mss;
    return output_range(tcp, tcb, left, len, tcb->snd_mss, datagram, now);
}

/* Sends a tail loss probe, which only the peer's window can hold back (RFC 8985 7.3). */
static MN_RARE struct mnet_packet *output_tail_probe(struct mn_tcp *tcp, struct mn_tcb *tcb,
                                                     struct mn_datagram *datagram, uint64_t now)
{
    uint32_t seq;
    uint32_t len = mn_tlp_range(tcb, &seq);
    bool is_retrans = seq != tcb->snd_nxt;
    struct mnet_packet *packet = len == 0 ? NULL : output_range(tcp, tcb, seq, len, tcb->snd_mss, datagram, now);
    if (packet != NULL) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_TAIL_PROBE);
        mn_tlp_sent(tcb, is_retrans);
    }
    if (packet != NULL || len == 0) /* without memory for it: soon */
        tcb->owed &= (uint8_t)~MN_OWED_TAIL_PROBE;
    return packet;
}

/* Returns how many bytes of `unsent` to send now, within the windows: Nagle's algorithm (SHLD-7,
 * MUST-17) in the form of RFC 9293 A.3, which sends full segments and holds back a small one only
 * while another small one is unacknowledged; and silly window avoidance (3.8.6.2.1, MUST-38). */
static uint32_t worth_sending(const struct mn_tcb *tcb, uint32_t unsent, uint32_t window, uint32_t room)
{
    uint32_t mss = tcb->snd_mss;
    uint32_t allowed = MN_MIN(MN_MIN(unsent, window), room);
    bool small_in_flight = mn_seq_gt(tcb->snd_small, tcb->snd_una);
    bool may_be_small = tcb->fin_queued | ((tcb->no_delay | !small_in_flight) & !tcb->corked);
    if (allowed == unsent && (may_be_small || unsent % mss == 0))
        return allowed; /* everything that is left */
    if (allowed >= mss)
        return allowed - allowed % mss;
    if (allowed == window && window < room && may_be_small && allowed >= tcb->max_snd_wnd / 2)
        return allowed; /* a peer whose window is never as large as a segment */
    return 0;
}

static struct mnet_packet *output_new(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_datagram *datagram,
                                      uint64_t now)
{
    uint32_t end = mn_sendq_end(&tcb->sendq);
    if (tcb->snd_nxt == tcb->snd_una && MN_UNLIKELY(now - tcb->flight.last_sent_ns > mn_rtt_timeout(&tcb->flight.rtt)))
        mn_congestion_restart(&tcb->flight.congestion, now);
    uint32_t unsent = end - tcb->snd_nxt;
    uint32_t edge = tcb->snd_una + tcb->snd_wnd;
    /* MUST-34, SHLD-15. */
    uint32_t window = mn_seq_gt(edge, tcb->snd_nxt) ? edge - tcb->snd_nxt : 0;
    uint32_t room = congestion_room(tcb);
    if (MN_UNLIKELY(room < MN_MIN(unsent, window)))
        /* cwnd is the limit, and may grow when this is acknowledged. */
        tcb->flight.limited_seq = tcb->snd_nxt;
    uint32_t len = worth_sending(tcb, unsent, window, room);
    uint32_t limit = mn_ecn_must_tell(tcb) ? tcb->snd_mss : packet_limit(tcp, tcb);
    uint32_t paced = MN_LIKELY(len > 0) ? mn_pacing_claim(tcp, tcb, len, now) : 0;
    if (MN_UNLIKELY(paced == 0) && len > 0)
        return NULL;
    if (MN_UNLIKELY(tcb->plpmtu != NULL)) {
        mn_plpmtu_raise(tcb, now);
        uint32_t probe = mn_plpmtu_probe_len(tcb, unsent, MN_MIN(window, room));
        if (probe > 0)
            return output_range(tcp, tcb, tcb->snd_nxt, probe, probe, datagram, now);
    }
    if (MN_UNLIKELY(paced < len))
        limit = MN_MIN(limit, paced);
    if (MN_UNLIKELY(len > limit))
        len = limit - limit % tcb->snd_mss;
    else if (MN_UNLIKELY(tcb->fin_queued) && len == unsent && len < window)
        len++; /* with the FIN */
    return MN_UNLIKELY(len == 0) ? NULL : output_range(tcp, tcb, tcb->snd_nxt, len, tcb->snd_mss, datagram, now);
}

/* Returns the set of segments that the connection owes the peer, before any window or pacing. */
static unsigned owed(const struct mn_tcb *tcb)
{
    unsigned set = tcb->owed;
    set |= mn_tcb_has_unsent(tcb) ? MN_OWED_NEW : 0;
    set |= tcb->flight.loss.sent.lost > 0 ? MN_OWED_LOST : 0;
    return set;
}

bool mn_tcb_may_send(const struct mn_tcb *tcb)
{
    return owed(tcb) != 0;
}

/* The owed segments that may be sent in a state. In SYN-SENT there is nothing to acknowledge
 * yet. */
static const uint8_t permitted[] = {
    [MN_SYN_SENT] = MN_OWED_SYN,  [MN_SYN_RECEIVED] = MN_OWED_SYN | MN_OWED_ACK,
    [MN_ESTABLISHED] = UINT8_MAX, [MN_FIN_WAIT_1] = UINT8_MAX,
    [MN_FIN_WAIT_2] = UINT8_MAX,  [MN_CLOSE_WAIT] = UINT8_MAX,
    [MN_CLOSING] = UINT8_MAX,     [MN_LAST_ACK] = UINT8_MAX,
    [MN_TIME_WAIT] = 0,
};

#define OWED_RARELY (MN_OWED_SYN | MN_OWED_WINDOW_PROBE | MN_OWED_TAIL_PROBE | MN_OWED_LOST)
#define OWED_BARE (MN_OWED_ACK | MN_OWED_KEEPALIVE | MN_OWED_USER_TIMEOUT)

static MN_APART struct mnet_packet *output_rare(struct mn_tcp *tcp, struct mn_tcb *tcb, unsigned set,
                                                struct mn_datagram *datagram, uint64_t now)
{
    struct mnet_packet *packet = NULL;
    if (set & MN_OWED_SYN)
        packet = output_syn(tcp, tcb, datagram, now);
    if (packet == NULL && set & MN_OWED_WINDOW_PROBE)
        packet = output_probe(tcp, tcb, datagram, now);
    if (packet == NULL && set & MN_OWED_TAIL_PROBE)
        packet = output_tail_probe(tcp, tcb, datagram, now);
    if (packet == NULL && set & MN_OWED_LOST)
        packet = output_lost(tcp, tcb, datagram, now);
    return packet;
}

/* Sends a segment without text if one is owed. */
static MN_APART struct mnet_packet *output_bare(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_datagram *datagram,
                                                uint64_t now)
{
    struct mnet_packet *packet = NULL;
    if (owed(tcb) & permitted[tcb->state] & OWED_BARE)
        packet = output_ack(tcp, tcb, datagram, now);
    if (packet == NULL && permitted[tcb->state] != 0)
        /* Data held back by a window, or for lack of memory, is sent some day. */
        mn_timers_update(tcp, tcb, false, now);
    return packet;
}

static MN_APART struct mnet_packet *output_any(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_datagram *datagram,
                                               uint64_t now)
{
    if (MN_UNLIKELY(tcb->flight.path_generation != tcp->config.paths->generation))
        mn_plpmtu_follow(tcp, tcb, now);
    unsigned set = owed(tcb) & permitted[tcb->state];
    struct mnet_packet *packet = NULL;
    if (MN_UNLIKELY(set & OWED_RARELY))
        packet = output_rare(tcp, tcb, set, datagram, now);
    if (packet == NULL && set & MN_OWED_NEW)
        packet = output_new(tcp, tcb, datagram, now);
    if (packet == NULL)
        packet = output_bare(tcp, tcb, datagram, now);
    if (MN_UNLIKELY(tcp->config.trace_segment != NULL) && packet != NULL)
        mn_trace_sent(tcp, datagram, packet);
    return packet;
}

/* Sends the most urgent of the segments that are owed and permitted. */
struct mnet_packet *mn_tcb_output(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_datagram *datagram, uint64_t now)
{
    if (MN_UNLIKELY(!tcb->calm))
        tcb->calm = !tcp->never_calm && mn_tcb_is_calm(tcb);
    uint32_t len = tcb->calm ? usual_len(tcp, tcb, now) : 0;
    if (len == 0)
        return output_any(tcp, tcb, datagram, now);
    struct mnet_packet *packet = output_usual(tcp, tcb, len, datagram, now);
    return MN_LIKELY(packet != NULL) ? packet : output_bare(tcp, tcb, datagram, now);
}
