#include "tests/support/tcp_check.h"

#include "tcp/output.h"
#include "tcp/recovery/flight.h"
#include "tcp/segment.h"
#include "tcp/state.h"
#include "tcp/timers.h"

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

static bool is_received(const struct mn_tcb *tcb, struct mn_tcp_sack_block block)
{
    const struct mn_run *run = tcb->reassembly == NULL ? NULL : tcb->reassembly->newest;
    while (run != NULL && !(mn_seq_geq(block.left, run->seq) && mn_seq_leq(block.right, run->seq + run->len)))
        run = run->older;
    return run != NULL || mn_seq_lt(block.left, tcb->rcv_nxt);
}

void tcp_check_sack(const struct mn_tcb *tcb, const struct mn_tcp_header *header)
{
    for (int i = 0; header->options & MN_TCP_OPTION_SACK && i < header->sack_count; i++)
        MN_ASSERT(is_received(tcb, header->sack[i]));
}

/* The scoreboard covers the bytes in flight, in order and without gaps, and its sums are right. */
static void check_scoreboard(struct mn_tcb *tcb)
{
    struct mn_scoreboard *b = &tcb->flight.loss.sent;
    uint32_t sacked = 0, lost = 0, at = tcb->snd_una;
    MN_ASSERT(b->end == tcb->snd_nxt && b->count <= MN_SCOREBOARD_MAX);
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
    MN_ASSERT(mn_tcb_pipe(tcb) <= tcb->snd_nxt - tcb->snd_una);
}

/* The connection is charged for exactly the bytes that its queues pin. */
static void check_charges(const struct mn_tcp *tcp, const struct mn_tcb *tcb)
{
    size_t held = 0;
    for (const struct mn_send_piece *piece = tcb->sendq.head; piece != NULL; piece = piece->next)
        held += mn_buffer_pinned(piece->buffer) + (piece->ours ? 0 : tcp->pieces.object_size);
    MN_ASSERT(tcb->sendq.pinned == held);
    MN_ASSERT(!tcb->conn.hashed || held < tcb->flight.hog.beyond);
    MN_ASSERT(tcb->recvq.ready.pinned == pinned_by(tcb->recvq.ready.head));
    MN_ASSERT(tcb->recvq.lent_pinned == pinned_by(tcb->recvq.lent));
    MN_ASSERT(tcb->rcv_charged == mn_recvq_pinned(&tcb->recvq));
}

void tcp_check_tcb(const struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    check_charges(tcp, tcb);
    bool live = tcb->state != MN_CLOSED && tcb->state != MN_TIME_WAIT;
    MN_ASSERT(live == tcb->conn.hashed);
    if (!live) {
        MN_ASSERT(!tcb->orphan && tcb->sendq.head == NULL && !mn_tcb_is_due(tcb, MN_DUE_RETRANSMIT));
        return;
    }
    uint32_t end = mn_sendq_end(&tcb->sendq);
    MN_ASSERT(mn_seq_leq(tcb->snd_una, tcb->snd_nxt));
    MN_ASSERT(mn_seq_leq(tcb->snd_nxt, end + tcb->fin_queued));
    /* In recovery PRR sets cwnd to the bytes in flight and those that may follow, which can be less
     * than a segment. */
    MN_ASSERT(tcb->flight.loss.phase == MN_LOSS_RECOVERY || tcb->flight.congestion.cwnd >= tcb->flight.congestion.mss);
    MN_ASSERT(tcb->snd_mss > 0);
    if (!mn_tcp_synchronized(tcb))
        return;
    MN_ASSERT(tcb->snd_nxt - tcb->snd_una <= tcb->max_snd_wnd);
    MN_ASSERT(!tcb->probe_out || (tcb->persisting && tcb->snd_nxt == tcb->snd_una && mn_tcb_has_unsent(tcb)));
    /* A segment without text is sent at a number that the peer accepts. */
    MN_ASSERT(mn_tcb_bare_seq(tcb) - tcb->snd_una <=
              tcb->snd_wnd + (tcb->snd_wnd > 0 ? (1u << tcb->snd_wscale) - 1 : 0));
    MN_ASSERT(mn_seq_leq(tcb->rcv_nxt, tcb->rcv_adv));
    MN_ASSERT(tcb->rcv_adv - tcb->rcv_nxt <= 1u << 30);
    /* A timer runs for data in flight. */
    MN_ASSERT(tcb->snd_nxt == tcb->snd_una || mn_tcb_is_due(tcb, MN_DUE_RETRANSMIT));
    MN_ASSERT(!tcb->read_shut || tcb->recvq.bytes == 0);
    MN_ASSERT(tcb->sack_ok || tcb->twice.left == tcb->twice.right);
    check_reassembly(tcp, tcb);
    check_scoreboard(tcb);
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

void tcp_check_engine(const struct mn_tcp *tcp)
{
    struct mn_tcp_usage usage = mn_tcp_usage(tcp);
    unsigned tcbs = 0, live = 0;
    uint64_t used = 0, early = 0;
    const struct mnet_link *head = &tcp->tcb_list;
    for (struct mnet_link *at = mn_list_first(head); at != NULL && at != head; at = at->next) {
        struct mn_tcb *tcb = MN_CONTAINER(at, struct mn_tcb, rare.all);
        tcp_check_tcb(tcp, tcb);
        tcbs++;
        live += tcb->conn.hashed;
        used += tcb->rcv_charged;
        early += tcb->reassembly == NULL ? 0 : tcb->reassembly->pinned;
    }
    MN_ASSERT(tcbs == usage.tcbs && live == usage.established && usage.established <= tcp->config.connections_max);
    MN_ASSERT(early == tcp->receive_early && used + early == tcp->receive_used);
    MN_ASSERT(tcp->receive_used == 0 || 2 * early <= tcp->receive_budget);
    check_half_opens(tcp);
    MN_ASSERT(usage.half_open <= tcp->config.half_open_max && usage.time_wait <= tcp->config.time_wait_max);
}

static uint64_t digest;
static bool digesting;

static void digest_bytes(const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++)
        digest = (digest ^ at[i]) * UINT64_C(0x100000001b3);
}

void tcp_digest_begin(void)
{
    digesting = true;
    digest = UINT64_C(0xcbf29ce484222325);
}

void tcp_digest_segment(const struct mn_datagram *datagram, uint16_t gso_size, const uint8_t *bytes, uint32_t len,
                        uint64_t now)
{
    if (!digesting)
        return;
    digest = (digest ^ now) * UINT64_C(0x100000001b3);
    digest = (digest ^ (uint64_t)gso_size << 1 ^ datagram->dont_fragment) * UINT64_C(0x100000001b3);
    digest_bytes(&datagram->source, sizeof datagram->source);
    digest_bytes(&datagram->destination, sizeof datagram->destination);
    digest_bytes(&datagram->ttl, 1);
    digest_bytes(&datagram->traffic_class, 1);
    digest_bytes(bytes, len);
}

uint64_t tcp_digest(void)
{
    return digest;
}
