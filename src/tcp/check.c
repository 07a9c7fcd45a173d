/* The invariants of connections and of the engine.
 *
 * mn_tcb_check looks at the fields of one connection: a few dozen comparisons. Debug builds call it
 * after each step. mn_tcp_check also counts anew all that queues and lists hold, and costs as much
 * as there is of it. The model, the sieges and the fuzz targets call it. Every assertion is about a
 * bug of ours: no peer and no user can make one fail.
 */
#include "tcp/check.h"

#include "tcp/calm.h"
#include "tcp/mss.h"
#include "tcp/output.h"
#include "tcp/records/idle.h"
#include "tcp/recovery/flight.h"
#include "tcp/segment.h"
#include "tcp/state.h"
#include "tcp/timers.h"

/* --- one connection --- */

/* SND.UNA <= SND.NXT <= the end of the data and the FIN, and the marks beside them. */
static void check_send_sequence(const struct mn_tcb *tcb)
{
    uint32_t end = mn_sendq_end(&tcb->sendq);
    MN_ASSERT(mn_seq_leq(tcb->snd_una, tcb->snd_nxt));
    MN_ASSERT(mn_seq_leq(tcb->snd_nxt, end + tcb->fin_queued));
    MN_ASSERT(mn_seq_leq(tcb->snd_small, tcb->snd_nxt));
    MN_ASSERT(tcb->snd_mss > 0 && tcb->snd_mss < tcb->path_mtu);
    MN_ASSERT(tcb->plpmtu == NULL || !tcb->plpmtu->larger ||
              (mn_seq_lt(tcb->snd_una, tcb->plpmtu->larger_end) && mn_seq_leq(tcb->plpmtu->larger_end, tcb->snd_nxt)));
    MN_ASSERT(tcb->plpmtu == NULL || !tcb->plpmtu->fragment ||
              mn_sizes_of(mn_conn_address(&tcb->conn.remote))->routers_fragment);
    MN_ASSERT(tcb->flight.congestion.mss == tcb->snd_mss);
    if (!mn_tcp_synchronized(tcb))
        return;
    /* snd_small is ISS until text is acknowledged. */
    MN_ASSERT(mn_seq_geq(tcb->snd_small + 1, tcb->snd_una));
    MN_ASSERT(tcb->sendq.start == mn_seq_min(tcb->snd_una, end));
    MN_ASSERT(tcb->snd_wnd <= tcb->max_snd_wnd);
    MN_ASSERT(tcb->snd_nxt - tcb->snd_una <= tcb->max_snd_wnd);
    MN_ASSERT(!tcb->probe_out || (tcb->persisting && tcb->snd_nxt == tcb->snd_una && mn_tcb_has_unsent(tcb)));
    /* A segment without text is sent at a number that the peer accepts. */
    MN_ASSERT(mn_tcb_bare_seq(tcb) - tcb->snd_una <=
              tcb->snd_wnd + (tcb->snd_wnd > 0 ? (1u << tcb->snd_wscale) - 1 : 0));
}

/* RCV.NXT lies within the announced window. The peer has been told of it, or will be. */
static void check_receive_sequence(const struct mn_tcb *tcb)
{
    MN_ASSERT(mn_seq_leq(tcb->rcv_nxt, tcb->rcv_adv));
    MN_ASSERT(tcb->rcv_adv - tcb->rcv_nxt <= 1u << 30);
    MN_ASSERT(tcb->rcv_nxt == tcb->last_ack_sent || tcb->owed & MN_OWED_ACK || mn_tcb_is_due(tcb, MN_DUE_DELAYED_ACK));
    MN_ASSERT(mn_seq_leq(tcb->last_ack_sent, tcb->rcv_nxt));
    MN_ASSERT(tcb->rcv_wscale <= MN_TCP_WINDOW_SHIFT_MAX && tcb->snd_wscale <= MN_TCP_WINDOW_SHIFT_MAX);
    MN_ASSERT(tcb->quick_acks <= MN_QUICK_ACKS);
    MN_ASSERT(!tcb->read_shut || tcb->recvq.bytes == 0);
    MN_ASSERT(tcb->sack_ok || tcb->twice.left == tcb->twice.right);
    MN_ASSERT(tcb->reassembly == NULL || (tcb->reassembly->count > 0 && !tcb->fin_received));
    MN_ASSERT(tcb->fin_known || !tcb->fin_received);
    MN_ASSERT(!tcb->fin_received || tcb->rcv_nxt == tcb->rare.rcv_fin + 1);
    MN_ASSERT(!tcb->fin_known || tcb->fin_received || mn_seq_lt(tcb->rcv_nxt, tcb->rare.rcv_fin));
}

/* The scoreboard covers the flight. A recovery lasts until SND.UNA reaches `recover`. */
static void check_flight(const struct mn_tcb *tcb)
{
    const struct mn_loss *loss = &tcb->flight.loss;
    const struct mn_rtt *rtt = &tcb->flight.rtt;
    uint32_t out = tcb->snd_nxt - tcb->snd_una;
    MN_ASSERT(loss->sent.end == tcb->snd_nxt);
    MN_ASSERT(loss->sent.sacked + loss->sent.lost <= out);
    MN_ASSERT(mn_tcb_pipe(tcb) <= out);
    MN_ASSERT(out > 0 || loss->sent.count == 0);
    MN_ASSERT(loss->phase == MN_LOSS_OPEN || (loss->recover_valid && mn_seq_lt(tcb->snd_una, loss->recover)));
    MN_ASSERT(!loss->recover_valid || mn_seq_leq(loss->recover, tcb->snd_nxt));
    MN_ASSERT(loss->frto == MN_FRTO_OFF || (loss->phase == MN_LOSS_TIMEOUT && loss->undo_valid));
    /* In recovery PRR sets cwnd to the bytes in flight and those that may follow, which can be less
     * than a segment. */
    MN_ASSERT(loss->phase == MN_LOSS_RECOVERY || tcb->flight.congestion.cwnd >= tcb->flight.congestion.mss);
    MN_ASSERT(!rtt->timing || (mn_seq_lt(tcb->snd_una, rtt->timed_seq) && mn_seq_leq(rtt->timed_seq, tcb->snd_nxt)));
    MN_ASSERT(rtt->rto_ns >= MN_RTO_MIN && mn_rtt_timeout(rtt) <= MN_RTO_MAX);
}

/* Whatever is owed will go out: the connection is in the queue, or a timer runs. */
static void check_owed(const struct mn_tcb *tcb)
{
    bool queued = mn_list_linked(&tcb->output);
    MN_ASSERT((tcb->owed & (MN_OWED_SYN | MN_OWED_LOST | MN_OWED_NEW)) == 0);
    MN_ASSERT(tcb->owed == 0 || queued);
    MN_ASSERT(tcb->duplicates_owed == 0 || tcb->owed & MN_OWED_ACK);
    MN_ASSERT(tcb->snd_nxt == tcb->snd_una || mn_tcb_is_due(tcb, MN_DUE_RETRANSMIT));
    MN_ASSERT(queued || !mn_tcb_has_unsent(tcb) || mn_tcb_is_due(tcb, MN_DUE_RETRANSMIT));
    MN_ASSERT(!tcb->persisting || mn_tcb_is_due(tcb, MN_DUE_RETRANSMIT));
    MN_ASSERT(!tcb->probe_unanswered || tcb->persisting);
}

/* The states of figure 5 of RFC 9293 tell which FINs were sent and received. */
static void check_state(const struct mn_tcb *tcb)
{
    bool ours = tcb->state == MN_FIN_WAIT_1 || tcb->state == MN_FIN_WAIT_2 || tcb->state == MN_CLOSING ||
                tcb->state == MN_LAST_ACK;
    bool theirs = tcb->state == MN_CLOSE_WAIT || tcb->state == MN_CLOSING || tcb->state == MN_LAST_ACK;
    bool acked = tcb->fin_queued && tcb->snd_una == mn_sendq_end(&tcb->sendq) + 1;
    MN_ASSERT(ours == tcb->fin_queued);
    MN_ASSERT(theirs == tcb->fin_received);
    MN_ASSERT(acked == (tcb->state == MN_FIN_WAIT_2));
    MN_ASSERT(tcb->was_established);
}

/* The one timer on the wheel fires no later than the first of those that it stands for. */
static void check_timers(const struct mn_tcb *tcb)
{
    for (unsigned i = 0; i < MN_DUE_COUNT; i++)
        MN_ASSERT(tcb->timer.at_ns <= tcb->due_ns[i]);
}

void mn_tcb_check(const struct mn_tcp *tcp, const struct mn_tcb *tcb)
{
    bool live = tcb->state != MN_CLOSED && tcb->state != MN_TIME_WAIT;
    MN_ASSERT(live == tcb->conn.hashed);
    MN_ASSERT(tcb->rcv_charged == mn_recvq_pinned(&tcb->recvq) && tcb->rcv_charged <= tcp->receive_used);
    MN_ASSERT(tcb->rare.challenge_count <= MN_CHALLENGE_LIMIT);
    check_timers(tcb);
    if (!live) {
        MN_ASSERT(!tcb->orphan && tcb->sendq.head == NULL && !mn_tcb_is_due(tcb, MN_DUE_RETRANSMIT));
        MN_ASSERT(tcb->timer.at_ns == MNET_NEVER);
        MN_ASSERT(tcb->reassembly == NULL && tcb->plpmtu == NULL && tcb->flight.rate == NULL);
        return;
    }
    MN_ASSERT(tcb->rare.error == 0);
    MN_ASSERT(!tcb->orphan || mn_list_linked(&tcb->event));
    MN_ASSERT(!tcb->orphan || (tcb->fin_queued && tcb->owner == NULL));
    check_send_sequence(tcb);
    if (!mn_tcp_synchronized(tcb))
        return;
    check_receive_sequence(tcb);
    check_flight(tcb);
    check_owed(tcb);
    check_state(tcb);
    MN_ASSERT(!tcb->calm || mn_tcb_is_calm(tcb));
}

/* --- all of them, counted anew --- */

/* Counts the pinned bytes anew, and checks that the list's own count is right. */
static size_t pinned_by(const struct mnet_packet *packet)
{
    size_t pinned = 0;
    for (; packet != NULL; packet = packet->next)
        pinned += mnet_packet_pinned(packet);
    return pinned;
}

static void check_reassembly(const struct mn_tcp *tcp, const struct mn_tcb *tcb)
{
    const struct mn_tcp_reassembly *r = tcb->reassembly;
    uint32_t count = 0, bytes = 0, after = tcb->rcv_nxt;
    size_t pinned = 0;
    if (r == NULL)
        return;
    for (struct mnet_link *at = mn_list_first(&r->runs); at != NULL && at != &r->runs; at = at->next) {
        const struct mn_run *run = MN_CONTAINER(at, struct mn_run, link);
        MN_ASSERT(run->len > 0 && mn_seq_gt(run->seq, after));
        after = run->seq + run->len;
        bytes += run->len;
        count++;
        MN_ASSERT(run->packets.pinned == pinned_by(run->packets.head));
        pinned += run->packets.pinned + tcp->runs.object_size;
    }
    MN_ASSERT(pinned == r->pinned && r->owner == tcb && pinned < r->hog.beyond);
    MN_ASSERT(count > 0 && count == r->count && bytes == r->bytes && count <= MN_REASSEMBLY_RUNS);
    MN_ASSERT(mn_seq_leq(after, tcb->rcv_adv));
}

/* The scoreboard covers the bytes in flight, in order and without gaps, and its sums are right. */
static void check_scoreboard(struct mn_tcb *tcb)
{
    struct mn_scoreboard *b = &tcb->flight.loss.sent;
    uint32_t sacked = 0, lost = 0, at = tcb->snd_una;
    MN_ASSERT(b->count <= MN_SCOREBOARD_MAX);
    for (uint32_t i = 0; i < b->count; i++) {
        const struct mn_sent *record = mn_scoreboard_at(b, i);
        uint32_t end = mn_scoreboard_end_of(b, i);
        MN_ASSERT(record->seq == at && mn_seq_gt(end, at));
        MN_ASSERT(!(record->flags & MN_SENT_SACKED) || !(record->flags & MN_SENT_LOST));
        sacked += record->flags & MN_SENT_SACKED ? end - at : 0;
        lost += record->flags & MN_SENT_LOST ? end - at : 0;
        at = end;
    }
    MN_ASSERT(at == b->end && sacked == b->sacked && lost == b->lost);
}

static size_t pinned_by_piece(const struct mn_tcp *tcp, const struct mn_send_piece *piece)
{
    if (mn_send_piece_has_packet(piece))
        return mnet_packet_pinned(piece->packet);
    return mn_buffer_pinned(piece->buffer) + (piece->kind == MN_PIECE_OURS ? 0 : tcp->pieces.object_size);
}

/* The connection is charged for exactly the bytes that its queues pin. */
static void check_charges(const struct mn_tcp *tcp, const struct mn_tcb *tcb)
{
    size_t held = 0;
    for (const struct mn_send_piece *piece = tcb->sendq.head; piece != NULL; piece = piece->next)
        held += pinned_by_piece(tcp, piece);
    MN_ASSERT(tcb->sendq.pinned == held);
    MN_ASSERT(!tcb->conn.hashed || held < tcb->flight.hog.beyond);
    MN_ASSERT(tcb->recvq.ready.pinned == pinned_by(tcb->recvq.ready.head));
    MN_ASSERT(tcb->recvq.lent_pinned == pinned_by(tcb->recvq.lent));
    MN_ASSERT(tcb->rcv_charged == mn_recvq_pinned(&tcb->recvq));
}

/* The options of a record are among those of its listener. A record has used at most
 * MN_CHALLENGE_LIMIT challenges. */
static void check_half_opens(const struct mn_tcp *tcp)
{
    const struct mnet_link *head = &tcp->half_open_list;
    for (struct mnet_link *at = mn_list_first(head); at != NULL && at != head; at = at->next) {
        const struct mn_half_open *half = MN_CONTAINER(at, struct mn_half_open, link);
        MN_ASSERT(half->conn.hashed && (half->conn.options & ~half->listener->offer) == 0);
        MN_ASSERT(half->challenges <= MN_CHALLENGE_LIMIT);
    }
}

void mn_tcp_check(const struct mn_tcp *tcp)
{
    size_t half_opens = tcp->half_opens.in_use;
    unsigned tcbs = 0, live = 0;
    uint64_t used = 0, early = 0;
    const struct mnet_link *head = &tcp->tcb_list;
    for (struct mnet_link *at = mn_list_first(head); at != NULL && at != head; at = at->next) {
        struct mn_tcb *tcb = MN_CONTAINER(at, struct mn_tcb, rare.all);
        const struct mn_tcp_owner *owner = mn_tcb_owner(tcb);
        MN_ASSERT(owner == NULL || (owner->tcb == tcb && owner->idle == NULL));
        mn_tcb_check(tcp, tcb);
        check_charges(tcp, tcb);
        if (tcb->conn.hashed && mn_tcp_synchronized(tcb)) {
            check_reassembly(tcp, tcb);
            check_scoreboard(tcb);
        }
        tcbs++;
        live += tcb->conn.hashed;
        used += tcb->rcv_charged;
        early += tcb->reassembly == NULL ? 0 : tcb->reassembly->pinned;
    }
    size_t idle = mn_idle_check(tcp);
    MN_ASSERT(tcbs == tcp->tcbs.in_use && live + idle == tcp->established &&
              live + idle <= tcp->config.user.connections_max);
    MN_ASSERT(early == tcp->receive_early && used + early == tcp->receive_used);
    MN_ASSERT(tcp->receive_used == 0 || 2 * early <= tcp->receive_budget);
    check_half_opens(tcp);
    MN_ASSERT(half_opens <= tcp->config.user.half_open_max && tcp->time_waiting <= tcp->config.user.time_wait_max);
}
