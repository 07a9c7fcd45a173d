/* Rules for keeping memory, and for giving it back: see docs/memory.md.
 *
 * Everything that a peer can make us hold for long is counted here by the memory that it pins.
 * Received data, unread or out of order, shares the receive budget. Written data shares the memory
 * that the rest of the stack leaves. While less than half of the receive budget is used, and memory
 * is not short, nothing is checked: that is one comparison each for a segment. Beyond it,
 * - text out of order may take half of the budget. A connection that would take more than that must
 *   hold less than the one that holds the most of it, which gives back half;
 * - text in order may stay if its connection then has no more than the rest of the budget. So N
 *   connections that take as much as they can leave a share for one more. One packet at a time may
 *   always stay. Text out of order goes first;
 * - a failed allocation for a connection, for its written or for its received data makes others
 *   give way: text out of order, then an orphan, then the connection that has made the least
 *   progress for the memory that its send queue holds (`worst_holder`; single octets are no
 *   progress).
 *
 * Work is bounded: a victim is the first of a list (hogs.h), and at most STEPS of them are taken
 * for one segment or call.
 */
#include "tcp/pressure.h"
#include "tcp/charge.h"
#include "tcp/end.h"
#include "tcp/ready.h"
#include "tcp/tcb.h"

#define STEPS 8u
#define LOOKED_AT 4u /* connections of each size to compare in search of the worst */
/* A connection may be reset if it has made no progress for STUCK, or if its queue would take longer
 * than STANDSTILL_MAX at its present rate. If it never moved, that counts as UNPAID times the
 * time. */
#define STUCK (5 * MNET_SECOND)
#define STANDSTILL_MAX (120 * MNET_SECOND)
#define UNPAID 256u
#define AGE_MAX (1000 * MNET_SECOND)

/* --- orphans --- */

/* Memory is scarce if less than a quarter is left. */
static bool scarce(const struct mn_tcp *tcp)
{
    size_t budget = mnet_memory_budget(tcp->config.memory);
    return mnet_memory_used(tcp->config.memory) > budget - budget / 4;
}

bool mn_pressure_evict_orphan(struct mn_tcp *tcp, const struct mn_tcb *not_this, uint64_t now)
{
    struct mnet_link *link = mn_list_first(&tcp->orphan_list);
    if (link != NULL && not_this != NULL && link == &not_this->event)
        link = link->next != &tcp->orphan_list ? link->next : NULL;
    if (link == NULL)
        return false;
    mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_ORPHAN);
    mn_tcb_reset(tcp, MN_CONTAINER(link, struct mn_tcb, event), MNET_E_LIMIT, now);
    return true;
}

void mn_pressure_limit_orphans(struct mn_tcp *tcp, uint64_t now)
{
    if (tcp->orphans > tcp->config.user.orphans_max || (scarce(tcp) && tcp->orphans > 1))
        mn_pressure_evict_orphan(tcp, NULL, now);
}

/* --- received --- */

static struct mn_tcp_reassembly *reassembly_of(struct mn_hog *hog)
{
    return MN_CONTAINER(hog, struct mn_tcp_reassembly, hog);
}

/* RFC 2018 8: text that was acknowledged selectively may be thrown away. The peer keeps it until
 * SND.UNA has passed it. */
static MN_RARE void prune(struct mn_tcp *tcp, struct mn_tcp_reassembly *r)
{
    struct mn_tcb *tcb = r->owner;
    size_t before = r->pinned;
    mn_tcp_reassembly_prune(r, &tcp->runs);
    mn_pressure_charge_early(tcp, tcb, before);
    mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_PRUNED);
    if (r->count == 0)
        mn_tcb_drop_reassembly(tcp, tcb);
}

/* The connection with the most text out of order gives back half of it. */
static bool prune_worst(struct mn_tcp *tcp)
{
    struct mn_hog *worst = mn_hogs_worst(&tcp->early);
    if (worst == NULL)
        return false;
    prune(tcp, reassembly_of(worst));
    return true;
}

static bool fits_early(const struct mn_tcp *tcp, size_t cost)
{
    return 2 * (tcp->receive_early + cost) <= tcp->receive_budget && tcp->receive_used + cost <= tcp->receive_budget &&
           !mn_memory_is_short(tcp->config.memory);
}

bool mn_pressure_admit_early(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mnet_packet *text)
{
    size_t cost = mn_packet_pinned(text) + tcp->runs.object_size;
    size_t own = tcb->reassembly == NULL ? 0 : tcb->reassembly->pinned;
    for (unsigned step = 0; !fits_early(tcp, cost); step++) {
        struct mn_hog *worst = mn_hogs_worst(&tcp->early);
        if (step == STEPS || worst == NULL || reassembly_of(worst)->pinned / 2 <= own + cost)
            return false;
        prune(tcp, reassembly_of(worst));
    }
    return true;
}

static bool fits(const struct mn_tcp *tcp, const struct mn_tcb *tcb, size_t cost)
{
    uint64_t left = tcp->receive_budget > tcp->receive_used ? tcp->receive_budget - tcp->receive_used : 0;
    return tcb->recvq.ready.head == NULL || mn_recvq_pinned(&tcb->recvq) + cost <= left;
}

/* Makes another connection give memory back for the text of `tcb`. Returns whether one did. */
static bool make_room(struct mn_tcp *tcp, const struct mn_tcb *tcb, uint64_t now)
{
    return prune_worst(tcp) || (mn_memory_is_scarce(tcp->config.memory) && mn_pressure_yield(tcp, tcb, now));
}

MN_RARE bool mn_pressure_admit(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mnet_packet *text, uint64_t now)
{
    size_t cost = mn_packet_pinned(text);
    for (unsigned step = 0; !fits(tcp, tcb, cost) || mn_memory_is_scarce(tcp->config.memory); step++) {
        if (step == STEPS || !make_room(tcp, tcb, now)) {
            mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_BUDGET);
            return false;
        }
    }
    return true;
}

/* --- written --- */

static void measure_from(struct mn_tcb *tcb, uint64_t now)
{
    tcb->rare.held_ns = now;
    tcb->rare.held_acked = tcb->bytes_acked;
}

MN_APART void mn_pressure_hold(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    mn_hog_place(&tcp->holders, &tcb->flight.hog, tcb->sendq.pinned);
    measure_from(tcb, now);
}

/* Returns whether the peer's window, or its silence, holds the queue, and not our congestion window
 * or a user that has just written. */
static bool is_held(const struct mn_tcb *tcb)
{
    bool closed = tcb->sendq.len > tcb->snd_wnd && tcb->snd_nxt - tcb->snd_una + tcb->snd_mss > tcb->snd_wnd;
    return closed || tcb->flight.rtt.expiries > 0;
}

/* Returns the time without progress. If there was progress, returns the time that the whole queue
 * would take at this rate. Returns 0 if that is acceptable. */
static uint64_t standstill(const struct mn_tcb *tcb, uint64_t now)
{
    uint64_t age = now - MN_MAX(tcb->flight.moved_ns, tcb->rare.held_ns), over = now - tcb->rare.held_ns;
    uint64_t moved = tcb->bytes_acked - tcb->rare.held_acked;
    if (tcb->bytes_acked == 0 && (tcb->snd_wnd < tcb->snd_mss || age >= MN_RTO_INITIAL))
        return age + MNET_MILLISECOND;
    if (over >= STUCK && moved < tcb->sendq.pinned) {
        uint64_t rest_ms = tcb->sendq.pinned * (over / MNET_MILLISECOND) / MN_MAX(moved, 1u);
        if (rest_ms >= STANDSTILL_MAX / MNET_MILLISECOND)
            age = MN_MAX(age, MN_MIN(rest_ms, AGE_MAX / MNET_MILLISECOND) * MNET_MILLISECOND);
    }
    return age < STUCK ? 0 : age;
}

/* Returns bytes times time without progress; 0 if there is nothing to blame. */
static uint64_t blame(struct mn_tcb *tcb, uint64_t now)
{
    uint64_t still = is_held(tcb) ? MN_MIN(standstill(tcb, now), (uint64_t)AGE_MAX) : 0;
    if (still == 0 && now - tcb->rare.held_ns >= STANDSTILL_MAX)
        measure_from(tcb, now); /* progress of long ago does not count */
    return tcb->sendq.pinned * (still / MNET_MILLISECOND) * (tcb->bytes_acked == 0 ? UNPAID : 1);
}

/* Compares some connections of one size. Those whose queues have shrunk move to their places, and
 * the others to the end, so that all are compared in time. */
static struct mn_tcb *worst_of_size(struct mn_tcp *tcp, struct mnet_link *list, const struct mn_tcb *not_this,
                                    uint64_t *most, uint64_t now)
{
    struct mn_tcb *worst = NULL;
    for (unsigned i = 0; i < LOOKED_AT; i++) {
        struct mnet_link *link = mn_list_first(list);
        if (link == NULL)
            break;
        struct mn_tcb *tcb = MN_CONTAINER(link, struct mn_tcb, flight.hog.link);
        mn_hog_place(&tcp->holders, &tcb->flight.hog, tcb->sendq.pinned);
        uint64_t now_blamed = tcb == not_this ? 0 : blame(tcb, now);
        if (now_blamed > *most) {
            *most = now_blamed;
            worst = tcb;
        }
    }
    return worst;
}

static struct mn_tcb *worst_holder(struct mn_tcp *tcp, const struct mn_tcb *not_this, uint64_t now)
{
    struct mn_tcb *worst = NULL;
    uint64_t most = 0;
    for (unsigned size = MN_HOG_SIZES; size-- > 0;) {
        struct mn_tcb *found = worst_of_size(tcp, &tcp->holders.by_size[size], not_this, &most, now);
        if (found != NULL)
            worst = found;
    }
    return worst;
}

/* Resets the connection with the least progress for its memory, if that is at least twice the
 * memory of `tcb`. */
static bool shed(struct mn_tcp *tcp, const struct mn_tcb *tcb, uint64_t now)
{
    struct mn_tcb *worst = tcp->config.user.no_shedding ? NULL : worst_holder(tcp, tcb, now);
    if (worst == NULL || (tcb != NULL && worst->sendq.pinned < 2 * tcb->sendq.pinned))
        return false;
    mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_STUCK);
    mn_tcb_reset(tcp, worst, MNET_E_NO_MEMORY, now);
    return true;
}

/* Text out of order gives way while memory is short. If it is pruned in many places, that need not
 * give a whole slab back. */
static bool prune_while_short(struct mn_tcp *tcp)
{
    unsigned step = 0;
    while (step < STEPS && mn_memory_is_short(tcp->config.memory) && prune_worst(tcp))
        step++;
    return step > 0;
}

MN_RARE bool mn_pressure_yield(struct mn_tcp *tcp, const struct mn_tcb *tcb, uint64_t now)
{
    bool pruned = prune_while_short(tcp);
    if (pruned && !mn_memory_is_short(tcp->config.memory))
        return true;
    return mn_pressure_evict_orphan(tcp, tcb, now) || shed(tcp, tcb, now) || pruned;
}

bool mn_tcp_yield(struct mn_tcp *tcp, uint64_t now)
{
    return mn_pressure_yield(tcp, NULL, now);
}

MN_RARE void mn_tcp_relieve(struct mn_tcp *tcp)
{
    prune_while_short(tcp);
}
