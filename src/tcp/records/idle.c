/* Connections at rest, as records.
 *
 * Theory of operation. Most connections of a large server do nothing most of the time. Then nearly
 * all of a tcb says "nothing": nothing is in flight, queued, lost, owed or due. What it learned in
 * the past counts less and less: after a pause of one timeout the congestion window begins anew
 * (RFC 5681 4.1), and old round trips, losses and rates prove nothing. So a connection that is at
 * rest for MN_IDLE_AFTER settles: it forgets all that, and only a fifth of its memory is left to be
 * kept, in a struct mn_idle. The next segment, or a call of its user that needs a tcb, makes it a
 * tcb again, which sends and receives as if it had been one all the time. The model plays its
 * schedules with and without records, and the same segments must leave.
 *
 * No connection is walked over: when the timer of a connection fires and none of the RFC's timers
 * is due, it is the connection's turn (timers.c). A connection whose user asked for keepalive or
 * for limits, whose congestion control is rate-based, or which uses ECN, stays a tcb.
 *
 * The user owns the connection through a struct mn_tcp_owner, which leads to the tcb or the record.
 * A record does not know when the last segment came: if the user asks for keepalive, that counts
 * from then on. If the connection has to end while it is a record, it stays one, without its
 * contents: so the end of many connections at once takes no memory.
 */
#include "tcp/records/idle.h"

#include <string.h>

#include "tcp/end.h"
#include "tcp/opening.h"
#include "tcp/records/table.h"
#include "tcp/recovery/feedback.h"
#include "tcp/recovery/flight.h"
#include "tcp/timers.h"

/* A connection whose text nobody reads cannot rest: it is looked at again after this time. */
#define LOOK_AGAIN (60 * MNET_SECOND)

#define US MNET_MICROSECOND

static_assert(MN_QUICK_ACKS < 32 && MN_REO_WND_PERSIST < 32 && MNET_CONGESTION_BBR < 4, "they fit their fields");

static bool has_received(const struct mn_tcb *tcb)
{
    return tcb->recvq.ready.head != NULL || tcb->recvq.lent != NULL;
}

/* Nothing is queued, linked or due. */
static bool is_quiet(const struct mn_tcb *tcb)
{
    for (unsigned i = 0; i < MN_DUE_COUNT; i++) {
        if (mn_tcb_is_due(tcb, (enum mn_due)i))
            return false;
    }
    return tcb->sendq.len == 0 && tcb->snd_nxt == tcb->snd_una && !has_received(tcb) && tcb->owed == 0 &&
           tcb->notices == 0 && !tcb->send_full && !tcb->opening && !mn_list_linked(&tcb->output) &&
           !mn_list_linked(&tcb->event);
}

/* It has no state that a record has no place for: nothing is lost, out of order, urgent or
 * half-closed, and the round trips are known. */
static bool is_simple(const struct mn_tcb *tcb)
{
    const struct mn_loss *loss = &tcb->flight.loss;
    const struct mn_rtt *rtt = &tcb->flight.rtt;
    bool settings = tcb->rare.keepalive.idle_ms > 0 || tcb->flight.user_timeout_ns != 0 || tcb->limited ||
                    tcb->corked || tcb->ecn.on || tcb->flight.congestion.ops->rate_based;
    bool ending = tcb->fin_queued || tcb->fin_known || tcb->read_shut;
    bool losses = loss->phase != MN_LOSS_OPEN || loss->tlp_out || tcb->reassembly != NULL ||
                  tcb->twice.left != tcb->twice.right || tcb->plpmtu != NULL;
    bool urgent = mn_seq_gt(tcb->rcv_up, tcb->rcv_nxt) || mn_seq_gt(tcb->snd_up, tcb->snd_una);
    return !settings && !ending && !losses && !urgent && mn_rtt_is_usual(rtt) &&
           tcb->rare.bytes_retransmitted <= UINT32_MAX;
}

static bool may_rest(const struct mn_tcb *tcb)
{
    return tcb->state == MN_ESTABLISHED && !tcb->queued && tcb->owner != NULL && is_quiet(tcb) && is_simple(tcb);
}

/* Returns the time from which on the connection has rested for long enough: for the timeout after
 * which congestion control begins anew, too. */
static uint64_t rests_from(const struct mn_tcb *tcb)
{
    uint64_t active = MN_MAX(tcb->heard_ns, tcb->flight.last_sent_ns);
    return active + MN_MAX(MN_IDLE_AFTER, mn_rtt_timeout(&tcb->flight.rtt) + 1);
}

/* --- Settling --- */

/* Rounds up, because 0 means that there is no sample. */
static uint32_t in_us(uint64_t ns)
{
    return (uint32_t)MN_MIN((ns + US - 1) / US, (uint64_t)UINT32_MAX);
}

static void settle_loss(struct mn_tcb *tcb)
{
    struct mn_loss *loss = &tcb->flight.loss;
    const struct mn_rack old = loss->rack;
    mn_loss_init(loss, tcb->snd_una);
    loss->rack.min_rtt_us = old.min_rtt_us;
    loss->rack.min_rtt_ms = old.min_rtt_ms;
    loss->rack.reo_wnd_mult = old.reo_wnd_mult;
    loss->rack.persist = old.persist;
    loss->rack.reordering_seen = old.reordering_seen;
}

/* Forgets all that does not count any more after a rest, so that the rest is what a record has. */
static void settle(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    struct mn_tcb_flight *flight = &tcb->flight;
    mn_feedback_release(tcp, tcb);
    mn_congestion_restart(&flight->congestion, now);
    mn_congestion_change(&flight->congestion, flight->congestion.ops);
    settle_loss(tcb);
    mn_rtt_restore(&flight->rtt, in_us(flight->rtt.srtt_ns) * US, in_us(flight->rtt.rttvar_ns) * US);
    mn_hog_remove(&flight->hog);
    flight->limited_seq = tcb->snd_una;
    flight->path_generation = tcp->config.paths->generation - 1; /* it will look */
    tcb->autotune = (struct mn_autotune){0};
    tcb->rare.rcv_low = 0;
    tcb->snd_small = tcb->snd_wl2 = tcb->snd_up = tcb->snd_una;
    tcb->snd_wl1 = tcb->rcv_up = tcb->rcv_nxt;
}

/* --- Records --- */

static enum mnet_congestion number_of(const struct mn_congestion_ops *ops)
{
    return ops == &mn_congestion_reno ? MNET_CONGESTION_RENO : MNET_CONGESTION_CUBIC;
}

static void pack(const struct mn_tcb *tcb, struct mn_rest *rest)
{
    const struct mn_tcb_flight *flight = &tcb->flight;
    const struct mn_rack *rack = &flight->loss.rack;
    *rest = (struct mn_rest){
        .bytes_acked = tcb->bytes_acked,
        .bytes_received = tcb->bytes_received,
        .bytes_retransmitted = (uint32_t)tcb->rare.bytes_retransmitted,
        .snd_una = tcb->snd_una,
        .snd_wnd = tcb->snd_wnd,
        .max_snd_wnd = tcb->max_snd_wnd,
        .rcv_nxt = tcb->rcv_nxt,
        .rcv_adv = tcb->rcv_adv,
        .rcv_target = tcb->rcv_target,
        .ts_recent = tcb->timestamps.recent,
        .ts_recent_at = tcb->timestamps.recent_at,
        .srtt_us = in_us(flight->rtt.srtt_ns),
        .rttvar_us = in_us(flight->rtt.rttvar_ns),
        .min_rtt_us = rack->min_rtt_us,
        .min_rtt_ms = rack->min_rtt_ms,
        .cwnd = flight->congestion.cwnd,
        .ssthresh = flight->congestion.ssthresh,
        .segments_sent = tcb->segments_sent,
        .segments_received = tcb->segments_received,
        .rcv_mss = tcb->rcv_mss,
        .path_mtu = tcb->path_mtu,
        .snd_mss = tcb->snd_mss,
        .snd_wscale = tcb->snd_wscale & 15,
        .rcv_wscale = tcb->rcv_wscale & 15,
        .quick_acks = tcb->quick_acks & 31,
        .reo_wnd_mult = rack->reo_wnd_mult,
        .persist = rack->persist & 31,
        .congestion = number_of(flight->congestion.ops) & 3,
        .unreachable = tcb->rare.unreachable,
        .reordering_seen = rack->reordering_seen,
        .sack_ok = tcb->sack_ok,
        .no_delay = tcb->no_delay,
        .loopback = tcb->loopback,
        .quiet = tcb->quiet,
        .no_delayed_ack = tcb->no_delayed_ack,
        .no_pacing = tcb->no_pacing,
    };
}

static void unpack_flight(const struct mn_rest *rest, struct mn_tcb *tcb)
{
    struct mn_tcb_flight *flight = &tcb->flight;
    struct mn_rack *rack = &flight->loss.rack;
    flight->congestion = (struct mn_congestion){.mss = rest->snd_mss, .cwnd = rest->cwnd, .ssthresh = rest->ssthresh};
    mn_congestion_change(&flight->congestion, mn_congestion_of((enum mnet_congestion)rest->congestion));
    mn_loss_init(&flight->loss, rest->snd_una);
    rack->min_rtt_us = rest->min_rtt_us;
    rack->min_rtt_ms = rest->min_rtt_ms;
    rack->reo_wnd_mult = rest->reo_wnd_mult;
    rack->persist = rest->persist;
    rack->reordering_seen = rest->reordering_seen;
    mn_rtt_restore(&flight->rtt, rest->srtt_us * US, rest->rttvar_us * US);
    flight->limited_seq = rest->snd_una;
    flight->moved_ns = 0;
}

/* Fills in a tcb that mn_tcb_init has begun. */
static void unpack(const struct mn_rest *rest, struct mn_tcb *tcb)
{
    unpack_flight(rest, tcb);
    tcb->state = MN_ESTABLISHED;
    tcb->was_established = true;
    tcb->bytes_acked = rest->bytes_acked;
    tcb->bytes_received = rest->bytes_received;
    tcb->rare.bytes_retransmitted = rest->bytes_retransmitted;
    tcb->snd_una = tcb->snd_nxt = tcb->snd_small = tcb->snd_wl2 = tcb->snd_up = rest->snd_una;
    tcb->snd_wnd = rest->snd_wnd;
    tcb->max_snd_wnd = rest->max_snd_wnd;
    tcb->rcv_nxt = tcb->last_ack_sent = tcb->snd_wl1 = tcb->rcv_up = rest->rcv_nxt;
    tcb->rcv_adv = rest->rcv_adv;
    tcb->rcv_target = rest->rcv_target;
    tcb->timestamps.recent = rest->ts_recent;
    tcb->timestamps.recent_at = rest->ts_recent_at;
    tcb->segments_sent = rest->segments_sent;
    tcb->segments_received = rest->segments_received;
    tcb->rcv_mss = rest->rcv_mss;
    tcb->path_mtu = rest->path_mtu;
    tcb->autotune = (struct mn_autotune){0};
    tcb->snd_mss = rest->snd_mss;
    tcb->snd_wscale = rest->snd_wscale;
    tcb->rcv_wscale = rest->rcv_wscale;
    tcb->quick_acks = rest->quick_acks;
    tcb->rare.unreachable = rest->unreachable;
    tcb->sack_ok = rest->sack_ok;
    tcb->no_delay = rest->no_delay;
    tcb->loopback = rest->loopback;
    tcb->quiet = rest->quiet;
    tcb->no_delayed_ack = rest->no_delayed_ack;
    tcb->no_pacing = rest->no_pacing;
    mn_sendq_init(&tcb->sendq, rest->snd_una);
}

/* Makes a tcb, zeroed memory so far, of a record. The clock of its timestamps began where every
 * connection of the two ends has it begin. */
static void restore(const struct mn_tcp *tcp, const struct mn_idle *idle, struct mn_tcb *tcb, uint64_t now)
{
    struct mnet_endpoint local = mn_conn_endpoint(&idle->conn.local), remote = mn_conn_endpoint(&idle->conn.remote);
    mn_tcb_init(tcp, tcb, local, remote, mn_table_hash(tcp, &idle->conn), now);
    tcb->conn.options = idle->conn.options;
    tcb->conn.ttl = idle->conn.ttl;
    tcb->conn.dscp = idle->conn.dscp;
    tcb->timestamps.offset = mn_tcp_choose_beginning(tcp, &local, &remote, now).timestamp_offset;
    tcb->heard_ns = now;
    if (idle->error == 0)
        unpack(&idle->rest, tcb);
    else
        tcb->rare.error = idle->error;
}

static bool enter(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    struct mn_idle *idle = mn_pool_alloc(&tcp->idles, MN_CLAIM_SEND);
    struct mn_tcp_owner *owner = tcb->owner;
    if (idle == NULL)
        return false;
    uint64_t hash = tcb->hash;
    *idle = (struct mn_idle){.conn = tcb->conn, .owner = owner};
    idle->conn.kind = MN_CONN_IDLE;
    idle->conn.hashed = false;
    pack(tcb, &idle->rest);
    mn_table_remove(tcp, &tcb->conn);
    mn_tcb_stop_timers(tcp, tcb);
    mn_tcb_free(tcp, tcb);
    mn_table_add(tcp, &idle->conn, hash);
    *owner = (struct mn_tcp_owner){.idle = idle};
    return true;
}

void mn_idle_consider(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    uint64_t from = rests_from(tcb);
    bool rests = may_rest(tcb);
    if (!rests && !(tcb->owner != NULL && has_received(tcb)))
        return;
    if (rests && now >= from) {
        settle(tcp, tcb, now);
        if (tcp->never_idle || enter(tcp, tcb))
            return;
    }
    mn_tcb_arm(tcp, tcb, rests && now < from ? from : now + LOOK_AGAIN);
}

struct mn_tcb *mn_idle_leave(struct mn_tcp *tcp, struct mn_idle *idle, uint64_t now)
{
    MN_DEBUG_ASSERT(idle->conn.hashed && idle->error == 0 && idle->owner->idle == idle);
    struct mn_tcb *tcb = mn_tcb_alloc(tcp, now);
    if (tcb == NULL)
        return NULL;
    restore(tcp, idle, tcb, now);
    mn_list_append(&tcp->tcb_list, &tcb->rare.all);
    tcb->owner = idle->owner;
    *tcb->owner = (struct mn_tcp_owner){.tcb = tcb};
    mn_table_remove(tcp, &idle->conn);
    mn_pool_free(&tcp->idles, idle);
    mn_table_add(tcp, &tcb->conn, tcb->hash);
    mn_tcb_arm(tcp, tcb, now + MN_IDLE_AFTER);
    return tcb;
}

/* The connection of a record has ended. */
static void finish(struct mn_tcp *tcp, struct mn_idle *idle, int error)
{
    MN_DEBUG_ASSERT(error < 0 && idle->error == 0);
    mn_table_remove(tcp, &idle->conn);
    idle->error = (int8_t)error;
    idle->link = (struct mnet_link){NULL, NULL};
    mn_list_append(&tcp->ended, &idle->link);
    if (tcp->ended_untold == NULL)
        tcp->ended_untold = &idle->link;
}

/* The user of this ended connection knows of it. */
static void note_told(struct mn_tcp *tcp, const struct mn_idle *idle)
{
    if (tcp->ended_untold == &idle->link)
        tcp->ended_untold = idle->link.next != &tcp->ended ? idle->link.next : NULL;
}

static void free_record(struct mn_tcp *tcp, struct mn_idle *idle)
{
    if (idle->error != 0) {
        note_told(tcp, idle);
        mn_list_remove(&idle->link);
    } else {
        mn_table_remove(tcp, &idle->conn);
    }
    mn_pool_free(&tcp->idles, idle);
}

/* --- The user's calls --- */

struct mn_tcb *mn_tcp_wake(struct mn_tcp *tcp, struct mn_tcp_owner *owner, uint64_t now)
{
    return owner->idle->error != 0 ? NULL : mn_idle_leave(tcp, owner->idle, now);
}

int mn_tcp_idle_error(const struct mn_tcp_owner *owner)
{
    return owner->idle->error;
}

static void send_reset(struct mn_tcp *tcp, const struct mn_idle *idle, uint64_t now)
{
    struct mn_tcb copy;
    mn_idle_copy(tcp, idle, &copy);
    mn_tcb_send_reset(tcp, &copy, now);
}

void mn_tcp_abort_idle(struct mn_tcp *tcp, struct mn_tcp_owner *owner, uint64_t now)
{
    struct mn_idle *idle = owner->idle;
    *owner = (struct mn_tcp_owner){NULL, NULL};
    if (idle->error == 0)
        send_reset(tcp, idle, now);
    free_record(tcp, idle);
}

struct mn_tcp_owner *mn_tcp_fetch_ended(struct mn_tcp *tcp)
{
    if (tcp->ended_untold == NULL)
        return NULL;
    struct mn_idle *idle = MN_CONTAINER(tcp->ended_untold, struct mn_idle, link);
    note_told(tcp, idle);
    return idle->owner;
}

/* --- All records --- */

static struct mn_idle *record_from(struct mn_conn *conn)
{
    while (conn != NULL && conn->kind != MN_CONN_IDLE)
        conn = conn->hash_next;
    return conn == NULL ? NULL : MN_CONTAINER(conn, struct mn_idle, conn);
}

/* Returns the record in the table after `after`, or the first one if that is NULL, or NULL. */
static struct mn_idle *next_record(const struct mn_tcp *tcp, const struct mn_idle *after)
{
    if (tcp->idles.in_use == 0)
        return NULL;
    uint32_t bucket = after == NULL ? 0 : (uint32_t)mn_table_hash(tcp, &after->conn) & tcp->bucket_mask;
    struct mn_idle *found = record_from(after == NULL ? tcp->buckets[0] : after->conn.hash_next);
    while (found == NULL && bucket < tcp->bucket_mask)
        found = record_from(tcp->buckets[++bucket]);
    return found;
}

static struct mn_tcp_owner *owner_of(const struct mn_tcp *tcp, struct mnet_link *at)
{
    return at == &tcp->ended ? NULL : MN_CONTAINER(at, struct mn_idle, link)->owner;
}

/* Tcbs come first, then records, then the connections that ended while they were records. */
struct mn_tcp_owner *mn_tcp_next_owner(const struct mn_tcp *tcp, const struct mn_tcp_owner *after)
{
    const struct mnet_link *head = &tcp->tcb_list;
    const struct mn_idle *idle = after == NULL ? NULL : after->idle;
    if (idle != NULL && idle->error != 0)
        return owner_of(tcp, idle->link.next);
    if (idle == NULL) {
        struct mnet_link *at = after == NULL ? mn_list_first(head) : after->tcb->rare.all.next;
        for (; at != NULL && at != head; at = at->next) {
            struct mn_tcp_owner *owner = mn_tcb_owner(MN_CONTAINER(at, struct mn_tcb, rare.all));
            if (owner != NULL)
                return owner;
        }
    }
    idle = next_record(tcp, idle);
    return idle != NULL ? idle->owner : owner_of(tcp, mn_list_begin(&tcp->ended));
}

void mn_idle_reset_all(struct mn_tcp *tcp, int error, uint64_t now)
{
    for (struct mn_idle *idle = next_record(tcp, NULL), *next; idle != NULL; idle = next) {
        next = next_record(tcp, idle);
        send_reset(tcp, idle, now);
        finish(tcp, idle, error);
    }
}

void mn_idle_finish_from(struct mn_tcp *tcp, struct mnet_address address, int error)
{
    for (struct mn_idle *idle = next_record(tcp, NULL), *next; idle != NULL; idle = next) {
        next = next_record(tcp, idle);
        if (mnet_address_equal(mn_conn_address(&idle->conn.local), address))
            finish(tcp, idle, error);
    }
}

void mn_idle_copy(const struct mn_tcp *tcp, const struct mn_idle *idle, struct mn_tcb *copy)
{
    memset(copy, 0, sizeof *copy);
    restore(tcp, idle, copy, 0);
    copy->owner = idle->owner;
}

const struct mn_tcb *mn_idle_look(const struct mn_tcp *tcp, const struct mn_tcp_owner *owner, struct mn_tcb *space)
{
    if (owner->tcb != NULL)
        return owner->tcb;
    mn_idle_copy(tcp, owner->idle, space);
    return space;
}

void mn_idle_clear(struct mn_tcp *tcp)
{
    struct mnet_link *link;
    for (struct mn_idle *idle = next_record(tcp, NULL), *next; idle != NULL; idle = next) {
        next = next_record(tcp, idle);
        free_record(tcp, idle);
    }
    while ((link = mn_list_first(&tcp->ended)) != NULL)
        free_record(tcp, MN_CONTAINER(link, struct mn_idle, link));
}

static size_t check_ended(const struct mn_tcp *tcp)
{
    const struct mnet_link *head = &tcp->ended;
    size_t count = 0;
    for (struct mnet_link *at = mn_list_first(head); at != NULL && at != head; at = at->next) {
        const struct mn_idle *idle = MN_CONTAINER(at, struct mn_idle, link);
        MN_ASSERT(idle->error < 0 && !idle->conn.hashed && idle->owner->idle == idle && idle->owner->tcb == NULL);
        count++;
    }
    return count;
}

/* What a record tells is what a tcb made of it would be packed into again. */
static void check_record(const struct mn_tcp *tcp, const struct mn_idle *idle)
{
    struct mn_tcb copy;
    struct mn_rest again;
    MN_ASSERT(idle->error == 0 && idle->conn.hashed && idle->owner->idle == idle && idle->owner->tcb == NULL);
    mn_idle_copy(tcp, idle, &copy);
    memset(&again, 0, sizeof again);
    pack(&copy, &again);
    MN_ASSERT(memcmp(&again, &idle->rest, sizeof again) == 0);
}

size_t mn_idle_check(const struct mn_tcp *tcp)
{
    size_t ended = check_ended(tcp), count = 0;
    for (struct mn_idle *idle = NULL; (idle = next_record(tcp, idle)) != NULL;) {
        check_record(tcp, idle);
        count++;
    }
    MN_ASSERT(count + ended == tcp->idles.in_use);
    return count;
}
