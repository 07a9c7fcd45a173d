/* Smaller segments if large ones are lost, and the search for the largest size that gets through:
 * see plpmtu.h. */
#include "tcp/plpmtu.h"

#include "tcp/calm.h"
#include "tcp/mss.h"
#include "tcp/ready.h"
#include "tcp/recovery/flight.h"
#include "tcp/state.h"
#include "tcp/tcb.h"
#include "tcp/timers.h"

/* Returns the bytes of a packet beside its text. */
static uint32_t overhead(const struct mn_tcb *tcb)
{
    return tcb->path_mtu - mn_tcb_path_mss(tcb);
}

/* Returns the size of a packet with a full segment. */
static uint32_t full_size(const struct mn_tcb *tcb)
{
    return tcb->snd_mss + overhead(tcb);
}

/* Returns the size that the host's cache has for the path. */
static uint16_t limit_of(const struct mn_tcp *tcp, const struct mn_tcb *tcb)
{
    return tcb->loopback ? UINT16_MAX : mn_path_mtu_find(tcp->config.paths, mn_conn_address(&tcb->conn.remote));
}

static const struct mn_family_sizes *sizes_of(const struct mn_tcb *tcb)
{
    return mn_sizes_of(mn_conn_address(&tcb->conn.remote));
}

/* Uses packets of this size from now on. cwnd is in bytes and stays (RFC 8899 3 (7)). Data to be
 * retransmitted is kept as ranges of bytes, which output cuts as it sends them. */
static void use_size(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t path_mtu, uint32_t size)
{
    MN_ASSERT(size > overhead(tcb) && size <= path_mtu);
    uint32_t mss = size - overhead(tcb);
    tcb->path_mtu = (uint16_t)path_mtu;
    tcb->snd_mss = (uint16_t)mss;
    mn_congestion_set_mss(&tcb->flight.congestion, mss);
    mn_tcb_trace(tcp, tcb, MNET_TCP_EVENT_PATH_MTU);
}

/* --- the search --- */

/* Starts at the largest size that may get through. */
static void begin_search(struct mn_plpmtu *p, uint32_t size)
{
    p->state = MN_PLPMTU_SEARCHING;
    p->probed = (uint16_t)size;
    p->too_large = size + 1;
    p->lost = 0;
}

static void complete_search(struct mn_plpmtu *p, uint64_t now)
{
    p->state = MN_PLPMTU_COMPLETE;
    p->raise_ns = now + MN_PMTU_RAISE_TIMER;
}

/* Starts as high as link, peer and cache permit. */
static void search_from_top(const struct mn_tcb *tcb, struct mn_plpmtu *p, uint64_t now)
{
    uint32_t top = MN_MIN(p->largest, p->limit);
    begin_search(p, top);
    if (top <= tcb->path_mtu)
        complete_search(p, now);
}

/* Goes on with the middle of the range, but tries Ethernet's size before any other. */
static void continue_search(const struct mn_tcb *tcb, struct mn_plpmtu *p, uint64_t now)
{
    uint32_t works = tcb->path_mtu, ethernet = 1500;
    p->lost = 0;
    if (p->too_large - works <= MN_PLPMTU_EXACT)
        complete_search(p, now);
    else
        p->probed = (uint16_t)(works < ethernet && ethernet < p->too_large ? ethernet : (works + p->too_large) / 2);
}

static struct mn_plpmtu *begin(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    MN_ASSERT(tcb->plpmtu == NULL);
    struct mn_plpmtu *p = mn_pool_alloc_zeroed(&tcp->plpmtus, MN_CLAIM_SEND);
    if (p == NULL)
        return NULL; /* the next timeout tries again */
    p->largest = (uint16_t)full_size(tcb);
    p->limit = limit_of(tcp, tcb);
    p->path_mtu = tcb->path_mtu;
    tcb->plpmtu = p;
    mn_tcb_disturb(tcb);
    return p;
}

void mn_plpmtu_release(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    mn_pool_free(&tcp->plpmtus, tcb->plpmtu);
    tcb->plpmtu = NULL;
}

/* --- black holes (RFC 8899 4.3, RFC 4821 7.7) --- */

/* Returns the next smaller size, if the unacknowledged data does not fit it anyway, or 0 if there
 * is none. */
static uint32_t smaller(const struct mn_tcb *tcb)
{
    const uint16_t sizes[] = {sizes_of(tcb)->base_plpmtu, sizes_of(tcb)->min_plpmtu};
    uint32_t outstanding = tcb->snd_nxt - tcb->snd_una;
    for (unsigned i = 0; i < MN_COUNT_OF(sizes); i++) {
        if (sizes[i] < full_size(tcb) && sizes[i] - overhead(tcb) < outstanding)
            return sizes[i];
    }
    return 0;
}

/* The part of the probe that the peer has not acknowledged is sent again. */
static void lose_probe(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    const struct mn_plpmtu *p = tcb->plpmtu;
    mn_scoreboard_lose_range(&tcb->flight.loss.sent, &tcp->scoreboards, mn_seq_max(p->probe_seq, tcb->snd_una),
                             p->probe_end);
}

static void probe_failed(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    struct mn_plpmtu *p = tcb->plpmtu;
    mn_tcp_count(tcp, MNET_COUNT_TCP_PMTU_PROBE_LOST);
    MN_ASSERT(p->probe == MN_PROBE_OUT && p->lost < MN_MAX_PROBES);
    p->probe = MN_PROBE_OVER;
    if (++p->lost < MN_MAX_PROBES)
        return;
    if (p->probed == p->largest)
        mn_tcp_count(tcp, MNET_COUNT_TCP_PMTU_BLACK_HOLE);
    p->too_large = p->probed;
    continue_search(tcb, p, now);
}

void mn_plpmtu_timed_out(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    struct mn_plpmtu *p = tcb->plpmtu;
    if (p != NULL && p->probe == MN_PROBE_OUT)
        probe_failed(tcp, tcb, now);
    if (tcb->flight.rtt.expiries == 0 || tcp->config.user.no_plpmtud)
        return; /* for any cause, it is sent again unchanged */
    const struct mn_family_sizes *sizes = sizes_of(tcb);
    uint32_t size = smaller(tcb);
    bool smallest = size == 0 && full_size(tcb) <= sizes->min_plpmtu && tcb->snd_nxt - tcb->snd_una >= tcb->snd_mss;
    if ((size == 0 && !smallest) || (p == NULL && smallest && !sizes->routers_fragment))
        return; /* nothing else can be tried */
    if (p == NULL && (p = begin(tcp, tcb)) == NULL)
        return;
    p->state = MN_PLPMTU_BASE;
    if (size > 0) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_PMTU_LOWERED);
        use_size(tcp, tcb, size, size);
    } else {
        p->fragment = sizes->routers_fragment; /* RFC 8899 5.2, ERROR */
    }
}

/* --- acknowledgements --- */

static void probe_arrived(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    struct mn_plpmtu *p = tcb->plpmtu;
    bool all = p->probed >= p->largest;
    use_size(tcp, tcb, all ? p->path_mtu : p->probed, p->probed);
    p->fragment = false;
    if (all)
        mn_plpmtu_release(tcp, tcb);
    else
        continue_search(tcb, p, now);
}

void mn_plpmtu_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    struct mn_plpmtu *p = tcb->plpmtu;
    if (p->state == MN_PLPMTU_BASE)
        search_from_top(tcb, p, now);
    p->larger = p->larger && mn_seq_lt(tcb->snd_una, p->larger_end);
    if (p->probe == MN_PROBE_NONE || mn_seq_lt(tcb->snd_una, p->probe_end))
        return;
    bool arrived = p->probe == MN_PROBE_OUT && !p->retransmitted;
    p->probe = MN_PROBE_NONE;
    if (arrived && p->state == MN_PLPMTU_SEARCHING)
        probe_arrived(tcp, tcb, now);
}

void mn_plpmtu_retransmitted(struct mn_tcb *tcb, uint32_t seq, uint32_t len)
{
    struct mn_plpmtu *p = tcb->plpmtu;
    if (mn_seq_lt(seq, p->probe_end) && mn_seq_gt(seq + len, p->probe_seq))
        p->retransmitted = true;
}

/* RFC 4821 7.6.2 and 7.6.4. */
bool mn_plpmtu_blame_probe(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    struct mn_plpmtu *p = tcb->plpmtu;
    struct mn_scoreboard *sent = &tcb->flight.loss.sent;
    uint32_t left, right;
    if (p == NULL || p->probe != MN_PROBE_OUT || !mn_scoreboard_next_lost(sent, &left, &right))
        return false;
    bool only = mn_seq_geq(left, p->probe_seq) && mn_seq_leq(right, p->probe_end) && right - left == sent->lost;
    if (!only) {
        p->probe = MN_PROBE_OVER; /* inconclusive */
        return false;
    }
    lose_probe(tcp, tcb); /* duplicates only report one segment */
    probe_failed(tcp, tcb, now);
    /* As in RFC 6675 6: the retransmission gets a whole timeout. */
    mn_timers_update(tcp, tcb, true, now);
    return true;
}

/* --- probes --- */

/* Returns whether nothing is missing, duplicates would be believed (RFC 6582 3.2 step 1), and
 * nothing waits to be sent that a probe could not carry. */
static bool is_calm(const struct mn_tcb *tcb)
{
    bool credible = tcb->sack_ok || !tcb->flight.loss.recover_valid ||
                    mn_seq_gt(tcb->snd_una, tcb->flight.loss.recover);
    return credible && tcb->flight.loss.phase == MN_LOSS_OPEN && tcb->flight.loss.sent.sacked == 0 &&
           tcb->flight.loss.sent.lost == 0 && tcb->reassembly == NULL && tcb->twice.left == tcb->twice.right &&
           mn_seq_leq(tcb->snd_up, tcb->snd_nxt);
}

void mn_plpmtu_raise(struct mn_tcb *tcb, uint64_t now)
{
    struct mn_plpmtu *p = tcb->plpmtu;
    if (p->state == MN_PLPMTU_COMPLETE && now >= p->raise_ns)
        search_from_top(tcb, p, now);
}

/* RFC 4821 7.4: there must be enough data and window to send the probe, and to detect its loss.
 * Tail loss probes detect it, otherwise the data that follows it. */
uint32_t mn_plpmtu_probe_len(const struct mn_tcb *tcb, uint32_t unsent, uint32_t room)
{
    const struct mn_plpmtu *p = tcb->plpmtu;
    if (p->state != MN_PLPMTU_SEARCHING || p->probe != MN_PROBE_NONE || !is_calm(tcb))
        return 0;
    uint32_t len = p->probed - overhead(tcb);
    uint32_t follow = tcb->sack_ok ? 0 : MN_DUPACK_THRESHOLD * (uint32_t)tcb->snd_mss;
    bool enough = room >= len && unsent >= len + follow && tcb->flight.congestion.cwnd >= len + follow;
    return enough ? len : 0;
}

void mn_plpmtu_probe_sent(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t seq, uint32_t len)
{
    struct mn_plpmtu *p = tcb->plpmtu;
    if (len + overhead(tcb) != p->probed)
        return; /* the data is in too many pieces for one packet */
    MN_ASSERT(p->probe == MN_PROBE_NONE && p->state == MN_PLPMTU_SEARCHING);
    mn_tcp_count(tcp, MNET_COUNT_TCP_PMTU_PROBE);
    p->probe = MN_PROBE_OUT;
    p->probe_seq = seq;
    p->probe_end = seq + len;
    p->retransmitted = false;
}

/* --- routers (RFC 1191, RFC 8201) --- */

/* A router knows the size: no search until the path may have changed (RFC 1191 6.3). Returns
 * whether segments become smaller. */
static bool obey(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t mtu, uint64_t now)
{
    uint32_t size = MN_MIN(mtu, full_size(tcb));
    bool smaller_segments = size < full_size(tcb);
    MN_ASSERT(mtu < tcb->path_mtu);
    if (tcb->plpmtu == NULL && smaller_segments && !tcp->config.user.no_plpmtud)
        begin(tcp, tcb);
    use_size(tcp, tcb, mtu, size);
    if (tcb->plpmtu != NULL) {
        tcb->plpmtu->probe = MN_PROBE_NONE;
        complete_search(tcb->plpmtu, now);
    }
    return smaller_segments;
}

/* A probe was too big: the router's size is the next one (RFC 8899 5.2: PLPMTU < PL_PTB_SIZE <
 * PROBED_SIZE). */
static void probe_refused(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t mtu, uint64_t now)
{
    struct mn_plpmtu *p = tcb->plpmtu;
    p->probe = MN_PROBE_OVER;
    lose_probe(tcp, tcb);
    begin_search(p, mtu);
    if (mtu == tcb->path_mtu)
        complete_search(p, now);
}

static bool refuses_the_probe(const struct mn_tcb *tcb, uint32_t seq, uint32_t mtu)
{
    const struct mn_plpmtu *p = tcb->plpmtu;
    return p != NULL && p->probe == MN_PROBE_OUT && seq == p->probe_seq && mtu >= tcb->path_mtu && mtu < p->probed;
}

/* Returns true if the packet at `seq` was sent before the connection learnt from others how large
 * packets may be (PMTU-5.2-5). */
static bool was_larger(const struct mn_tcb *tcb, uint32_t seq)
{
    const struct mn_plpmtu *p = tcb->plpmtu;
    return p != NULL && p->larger && mn_seq_lt(seq, p->larger_end);
}

bool mn_plpmtu_too_big(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t seq, uint32_t mtu, uint64_t now)
{
    const struct mn_family_sizes *sizes = sizes_of(tcb);
    mtu = MN_MAX(mtu, (uint32_t)sizes->min_plpmtu); /* PMTU-4-2 */
    if (sizes->ip_header + MN_TCP_HEADER_MAX + (tcb->snd_nxt - seq) <= mtu)
        return false; /* PMTU-4-1 */
    uint32_t end = tcb->snd_una;
    if (refuses_the_probe(tcb, seq, mtu)) {
        probe_refused(tcp, tcb, mtu, now);
        mn_tcb_queue_output(tcp, tcb);
    } else if (mtu < tcb->path_mtu) {
        end = obey(tcp, tcb, mtu, now) ? tcb->snd_nxt : end;
    } else if (was_larger(tcb, seq)) {
        end = tcb->plpmtu->larger_end;
    }
    if (end == tcb->snd_una)
        return true;
    if (tcb->plpmtu != NULL)
        tcb->plpmtu->larger = false;
    mn_loss_retransmit(tcp, tcb, end);
    mn_tcb_queue_output(tcp, tcb);
    return true;
}

/* The data in flight is not sent again: it may arrive. If it does not, its own message or the usual
 * signs of loss tell (PMTU-5.4-4). */
void mn_plpmtu_follow(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    if (!mn_tcp_synchronized(tcb))
        return; /* the peer's MSS is not known yet */
    uint16_t limit = limit_of(tcp, tcb);
    bool lowered = limit < tcb->path_mtu && obey(tcp, tcb, limit, now);
    struct mn_plpmtu *p = tcb->plpmtu;
    tcb->flight.path_generation = tcp->config.paths->generation;
    if (p == NULL)
        return;
    bool raised = limit > p->limit;
    p->limit = limit;
    if (lowered && tcb->snd_nxt != tcb->snd_una) {
        p->larger = true;
        p->larger_end = tcb->snd_nxt;
    }
    if (p->state == MN_PLPMTU_SEARCHING && p->probed > limit && p->probe == MN_PROBE_OUT)
        p->probe = MN_PROBE_OVER;
    if ((raised && p->state == MN_PLPMTU_COMPLETE) || (p->state == MN_PLPMTU_SEARCHING && p->probed > limit))
        search_from_top(tcb, p, now);
}

/* --- information --- */

const char *mn_plpmtu_name(const struct mn_plpmtu *p)
{
    static const char *const names[] = {"base", "searching", "complete"};
    return p == NULL ? "off" : p->fragment ? "error" : names[p->state];
}
