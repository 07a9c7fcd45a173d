/* The user's calls: RFC 9293 3.10.1 to 3.10.6. */
#include "tcp/user.h"
#include "base/check.h"
#include "base/family.h"
#include "tcp/autotune.h"
#include "tcp/calm.h"
#include "tcp/charge.h"
#include "tcp/check.h"
#include "tcp/end.h"
#include "tcp/mss.h"
#include "tcp/opening.h"
#include "tcp/orphan.h"
#include "tcp/pressure.h"
#include "tcp/ready.h"
#include "tcp/records/half_open.h"
#include "tcp/records/idle.h"
#include "tcp/records/table.h"
#include "tcp/room.h"
#include "tcp/state.h"
#include "tcp/tcb.h"
#include "tcp/timers.h"
#include "tcp/window.h"

/* --- 3.10.1 OPEN --- */

int mn_tcp_open(struct mn_tcp *tcp, const struct mn_tcp_open *open, uint64_t now, struct mn_tcb **out)
{
    struct mnet_endpoint local = open->local;
    uint64_t hash;
    *out = NULL;
    if (local.port != 0 && !open->loopback && !mn_spread_has_flow(&tcp->config.spread, &local, &open->remote))
        return MNET_E_IN_USE;
    if (tcp->established >= tcp->config.user.connections_max && tcp->orphans == 0)
        return MNET_E_LIMIT;
    bool free = local.port == 0 ? mn_table_choose_port(tcp, &local, &open->remote, open->loopback, &hash)
                                : mn_table_find(tcp, &local, &open->remote, &hash) == NULL;
    if (!free)
        return MNET_E_IN_USE;
    struct mn_tcb *tcb = mn_tcb_new(tcp, local, open->remote, hash, now);
    if (tcb == NULL)
        return MNET_E_NO_MEMORY;
    tcb->loopback = open->loopback;
    if (open->loopback)
        tcb->path_mtu = UINT16_MAX;
    tcb->no_delay = open->no_delay || tcp->config.user.no_delay;
    tcb->conn.ttl = open->ttl;
    tcb->conn.dscp = open->dscp & 63;
    tcb->conn.options = tcp->offer & (uint8_t)~open->without;
    struct mn_beginning beginning = mn_tcp_choose_beginning(tcp, &local, &open->remote, now);
    tcb->timestamps.offset = beginning.timestamp_offset;
    if (open->congestion != MNET_CONGESTION_DEFAULT)
        tcb->flight.congestion.ops = mn_congestion_of(open->congestion);
    tcb->ecn.asked = tcp->config.user.ecn == MNET_ECN_ON;
    tcb->rare.iss = beginning.isn;
    mn_tcb_start_sending(tcb);
    mn_tcb_set_peer_mss(tcb, 0);
    mn_tcp_set_state(tcp, tcb, MN_SYN_SENT);
    mn_table_add(tcp, &tcb->conn, hash);
    mn_tcb_owe(tcp, tcb, MN_OWED_SYN);
    *out = tcb;
    return 0;
}

#define BACKLOG_DEFAULT 128u

int mn_tcp_listen(struct mn_tcp *tcp, struct mnet_endpoint local, const struct mnet_listen_options *options,
                  struct mn_listener **out)
{
    enum mnet_family family = options != NULL ? options->family : MNET_FAMILY_ANY;
    *out = NULL;
    bool free = local.port == 0 ? mn_table_choose_port(tcp, &local, NULL, false, NULL)
                                : !mn_table_port_taken(tcp, local, family);
    if (!free)
        return MNET_E_IN_USE;
    if (tcp->listener_pool.in_use >= tcp->config.user.listeners_max)
        return MNET_E_LIMIT;
    struct mn_listener *listener = mn_pool_alloc_zeroed(&tcp->listener_pool, MN_CLAIM_SEND);
    if (listener == NULL)
        return MNET_E_NO_MEMORY;
    listener->local = local;
    listener->family = family;
    listener->backlog = options != NULL && options->backlog > 0 ? options->backlog : BACKLOG_DEFAULT;
    listener->deaf = options != NULL && options->reserve;
    listener->policy = options != NULL ? (uint8_t)options->policy : MNET_BACKLOG_IGNORE;
    listener->no_delay = options != NULL && options->no_delay;
    listener->congestion = (uint8_t)(options != NULL ? options->congestion : MNET_CONGESTION_DEFAULT);
    listener->ttl = options != NULL ? options->ttl : 0;
    listener->dscp = options != NULL ? options->dscp : 0;
    listener->offer = tcp->offer;
    if (options != NULL)
        listener->offer &= (uint8_t)~mn_tcp_option_set(options->no_timestamps, options->no_sack,
                                                       options->no_window_scale);
    mn_table_add_listener(tcp, listener);
    *out = listener;
    return 0;
}

MN_RARE void mn_tcp_listen_now(struct mn_listener *listener, unsigned backlog)
{
    listener->backlog = backlog > 0 ? backlog : BACKLOG_DEFAULT;
    listener->deaf = false;
}

static void drop_half_opens(struct mn_tcp *tcp, const struct mn_listener *listener)
{
    struct mnet_link *next;
    struct mnet_link *head = &tcp->half_open_list;
    for (struct mnet_link *at = mn_list_first(head); at != NULL && at != head; at = next) {
        struct mn_half_open *half = MN_CONTAINER(at, struct mn_half_open, link);
        next = at->next;
        if (half->listener == listener)
            mn_half_open_free(tcp, half);
    }
}

void mn_tcp_unlisten(struct mn_tcp *tcp, struct mn_listener *listener, uint64_t now)
{
    struct mnet_link *link;
    while ((link = mn_list_first(&listener->queue)) != NULL) {
        struct mn_tcb *tcb = MN_CONTAINER(link, struct mn_tcb, event);
        mn_list_remove(&tcb->event);
        tcb->queued = false;
        mn_tcp_abort(tcp, tcb, now);
    }
    drop_half_opens(tcp, listener);
    mn_table_remove_listener(tcp, listener);
    mn_list_remove(&listener->event);
    mn_pool_free(&tcp->listener_pool, listener);
}

struct mn_tcb *mn_tcp_accept(struct mn_listener *listener)
{
    struct mnet_link *link = mn_list_take(&listener->queue);
    if (link == NULL)
        return NULL;
    struct mn_tcb *tcb = MN_CONTAINER(link, struct mn_tcb, event);
    tcb->queued = false;
    tcb->owner = NULL;
    listener->queued--;
    return tcb;
}

bool mn_tcp_acceptable(const struct mn_listener *listener)
{
    return !mn_list_empty(&listener->queue);
}

/* --- 3.10.2 SEND --- */

/* Returns the error of a call that can no longer send, or 0 if it can. */
static int send_error(const struct mn_tcb *tcb)
{
    if (tcb->fin_queued)
        return MNET_E_CLOSED;
    if (MN_LIKELY(tcb->state != MN_CLOSED))
        return 0;
    return tcb->rare.error == MNET_E_RESET ? MNET_E_CLOSED_BY_PEER
           : tcb->rare.error != 0          ? tcb->rare.error
                                           : MNET_E_CLOSED;
}

void mn_tcp_want_room(struct mn_tcb *tcb, size_t bytes)
{
    tcb->send_full = true;
    tcb->rare.send_wanted = (uint32_t)MN_MIN(bytes, (size_t)UINT32_MAX);
}

/* Called after bytes were queued: `room` is left. If that is none, the next write waits for half of
 * the buffer. */
static void note_room(struct mn_tcb *tcb, uint32_t room)
{
    if (MN_UNLIKELY(room == 0))
        mn_tcp_want_room(tcb, SIZE_MAX);
    else
        tcb->send_full = false;
}

/* More than this is never queued, so that sequence numbers stay comparable. */
#define SEND_MAX (1u << 30)
/* At most so many other connections may have to give way to one write. */
#define YIELDS 8u

static void expect_answer(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    if (MN_UNLIKELY(tcp->last != &tcb->conn))
        mn_table_expect(tcp, tcb);
}

ptrdiff_t mn_tcp_send(struct mn_tcp *tcp, struct mn_tcb *tcb, const void *data, size_t len, bool beyond, uint64_t now)
{
    expect_answer(tcp, tcb);
    int error = send_error(tcb);
    if (error != 0 || len == 0)
        return error;
    if (beyond && len > SEND_MAX - MN_MIN(tcb->sendq.len, SEND_MAX))
        return MNET_E_NO_MEMORY;
    /* Ample room is more than the bytes need, and nobody asks how much more. */
    uint32_t room = MN_LIKELY(mn_tcb_has_ample_room(tcp, tcb, len)) ? (uint32_t)len + 1 : mn_tcb_send_room(tcp, tcb);
    size_t wanted = beyond ? len : MN_MIN(len, (size_t)room);
    size_t queued = 0;
    unsigned yields = 0;
    bool summed = tcp->config.sums_text && wanted > MN_SENDQ_COPIED;
    struct mn_sendq_pieces sums = {tcb->snd_nxt, summed ? tcb->snd_mss : 0};
    do {
        queued += mn_sendq_append(&tcb->sendq, &tcp->pieces, (const uint8_t *)data + queued, wanted - queued, sums);
    } while (MN_UNLIKELY(queued < wanted) && yields++ < YIELDS && mn_pressure_yield(tcp, tcb, now));
    if (beyond && queued < len) {
        mn_sendq_retract(&tcb->sendq, &tcp->pieces, (uint32_t)queued);
        return MNET_E_NO_MEMORY;
    }
    if (MN_UNLIKELY(queued < len))
        mn_tcp_want_room(tcb, len - queued);
    else
        note_room(tcb, room - (uint32_t)MN_MIN(queued, (size_t)room));
    mn_pressure_sent(tcp, tcb, now);
    if (queued > 0)
        mn_tcb_queue_output(tcp, tcb);
    MN_CHECK(mn_tcb_check(tcp, tcb));
    return queued == 0 && wanted > 0 && tcb->sendq.len == 0 ? MNET_E_NO_MEMORY : (ptrdiff_t)queued;
}

int mn_tcp_send_buffer(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mnet_buffer *buffer, uint32_t offset,
                       uint32_t len, bool beyond, uint64_t now)
{
    int error = send_error(tcb);
    if (error != 0)
        return error;
    if (!beyond && mn_tcb_send_room(tcp, tcb) < len && tcb->sendq.len > 0) {
        mn_tcp_want_room(tcb, len);
        return 0;
    }
    if (len > SEND_MAX - MN_MIN(tcb->sendq.len, SEND_MAX) ||
        !mn_sendq_append_buffer(&tcb->sendq, &tcp->pieces, buffer, offset, len))
        return MNET_E_NO_MEMORY;
    note_room(tcb, mn_tcb_send_room(tcp, tcb));
    mn_pressure_sent(tcp, tcb, now);
    mn_tcb_queue_output(tcp, tcb);
    return 1;
}

/* --- 3.10.3 RECEIVE --- */

/* Returns the result of a call that found no data. */
static int receive_verdict(const struct mn_tcb *tcb)
{
    if (tcb->read_shut)
        return MNET_E_CLOSED;
    if (tcb->fin_received)
        return 0; /* the end of the stream came in order, before any later event */
    if (tcb->rare.error != 0)
        return tcb->rare.error;
    return tcb->state == MN_CLOSED ? MNET_E_CLOSED : MNET_E_DEADLINE;
}

ptrdiff_t mn_tcp_receive(struct mn_tcp *tcp, struct mn_tcb *tcb, void *to, size_t len, uint64_t now)
{
    if (len == 0)
        return 0;
    size_t n = mn_recvq_read(&tcb->recvq, to, len);
    if (n == 0)
        return receive_verdict(tcb);
    mn_window_consumed(tcp, tcb, (uint32_t)n, now);
    MN_CHECK(mn_tcb_check(tcp, tcb));
    return (ptrdiff_t)n;
}

MN_RARE ptrdiff_t mn_tcp_peek(const struct mn_tcb *tcb, void *to, size_t len)
{
    size_t n = mn_recvq_peek(&tcb->recvq, to, len);
    return n == 0 && len > 0 ? receive_verdict(tcb) : (ptrdiff_t)n;
}

MN_RARE struct mnet_tcp_queued mn_tcp_queued(const struct mn_tcb *tcb)
{
    uint32_t end = mn_sendq_end(&tcb->sendq);
    uint32_t unsent = mn_seq_gt(end, tcb->snd_nxt) ? end - tcb->snd_nxt : 0;
    return (struct mnet_tcp_queued){.unread = tcb->recvq.bytes, .unacked = tcb->sendq.len - unsent, .unsent = unsent};
}

ptrdiff_t mn_tcp_lend(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mnet_slice *slices, int max)
{
    int count = mn_recvq_lend(&tcb->recvq, slices, max);
    mn_pressure_settle(tcp, tcb);
    return count == 0 ? receive_verdict(tcb) : count;
}

void mn_tcp_return(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    uint32_t bytes = mn_recvq_return(&tcb->recvq);
    if (bytes > 0)
        mn_window_consumed(tcp, tcb, bytes, now);
}

/* --- 3.10.4 CLOSE --- */

void mn_tcb_arm_orphan(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    if (!tcb->orphan)
        return;
    mn_tcb_set_due(tcp, tcb, MN_DUE_LIFETIME, MNET_NEVER); /* nobody asks for keepalive any more */
    if (tcb->state == MN_FIN_WAIT_2)
        mn_tcb_set_due(tcp, tcb, MN_DUE_LIFETIME, mn_time_after(now, tcp->config.user.orphan_ns));
}

/* Queues a FIN behind the data and enters the state that waits for its acknowledgement. */
static void queue_fin(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    if (tcb->fin_queued)
        return;
    tcb->fin_queued = true;
    if (tcb->state == MN_ESTABLISHED)
        mn_tcp_set_state(tcp, tcb, MN_FIN_WAIT_1);
    else if (tcb->state == MN_CLOSE_WAIT)
        mn_tcp_set_state(tcp, tcb, MN_LAST_ACK);
    /* In SYN-RECEIVED the state changes at the end of the handshake. */
    mn_tcb_queue_output(tcp, tcb);
}

void mn_tcp_close(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    mn_recvq_return(&tcb->recvq); /* lent data was consumed, given back or not */
    mn_pressure_settle(tcp, tcb);
    tcb->orphan = true;
    tcb->owner = NULL;
    mn_list_remove(&tcb->event);
    if (tcb->state == MN_CLOSED)
        mn_tcb_free(tcp, tcb);
    else if (tcb->state == MN_SYN_SENT)
        mn_tcb_finish(tcp, tcb, MNET_E_CLOSED); /* a late SYN,ACK meets CLOSED and is reset */
    else if (tcb->recvq.bytes > 0)
        mn_tcb_reset(tcp, tcb, MNET_E_CLOSED, now); /* SHLD-3 */
    else {
        tcb->flight.progress_ns = now; /* from now on R2 ends a closed window, too */
        queue_fin(tcp, tcb);
        mn_tcb_arm_orphan(tcp, tcb, now);
        mn_orphan_add(tcp, tcb);
        mn_pressure_limit_orphans(tcp, now);
    }
}

int mn_tcp_shutdown(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mnet_shutdown how, uint64_t now)
{
    if (tcb->state == MN_CLOSED)
        return MNET_E_CLOSED;
    if (how & MNET_SHUTDOWN_READ) {
        tcb->read_shut = true;
        mn_tcb_disturb(tcb);
        mn_window_consumed(tcp, tcb, mn_recvq_drop(&tcb->recvq), now);
        mn_tcb_queue_event(tcp, tcb);
    }
    if (how & MNET_SHUTDOWN_WRITE) {
        queue_fin(tcp, tcb);
        mn_tcb_queue_event(tcp, tcb);
    }
    return 0;
}

/* --- 3.10.5 ABORT --- */

void mn_tcp_abort(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    tcb->orphan = true;
    tcb->owner = NULL;
    mn_list_remove(&tcb->event);
    if (tcb->state == MN_CLOSED)
        mn_tcb_free(tcp, tcb);
    else
        mn_tcb_reset(tcp, tcb, MNET_E_CLOSED, now);
}

/* --- 3.10.6 STATUS, and settings --- */

int mn_tcp_status(const struct mn_tcb *tcb)
{
    if (MN_LIKELY(tcb->was_established))
        return 0;
    return tcb->state == MN_CLOSED ? tcb->rare.error : MNET_E_DEADLINE;
}

enum mnet_unreachable mn_tcp_unreachable(const struct mn_tcb *tcb)
{
    return (enum mnet_unreachable)tcb->rare.unreachable;
}

int mn_tcp_delivered(const struct mn_tcb *tcb)
{
    if (tcb->fin_queued && tcb->snd_una == mn_sendq_end(&tcb->sendq) + 1)
        return 0;
    if (tcb->state != MN_CLOSED)
        return MNET_E_DEADLINE;
    return tcb->rare.error; /* without an error it ended through TIME-WAIT or LAST-ACK */
}

int mn_tcp_error(const struct mn_tcb *tcb)
{
    return tcb->rare.error;
}

/* Returns the bits for the directions that have ended. */
static MN_APART unsigned ends_ready(const struct mn_tcb *tcb)
{
    bool closed = tcb->state == MN_CLOSED;
    bool in_ended = closed || tcb->fin_received || tcb->read_shut;
    bool out_ended = closed || tcb->fin_queued;
    unsigned ready = in_ended ? MNET_ENDED : 0;
    if (in_ended && out_ended)
        ready |= MNET_HUNG_UP;
    if (tcb->rare.error != 0)
        ready |= MNET_FAILED;
    return ready;
}

unsigned mn_tcp_ready(const struct mn_tcb *tcb)
{
    bool whole = tcb->state != MN_CLOSED && !tcb->fin_received && !tcb->read_shut;
    unsigned ready = MN_LIKELY(whole) ? 0 : ends_ready(tcb);
    if (MN_LIKELY(tcb->recvq.bytes > 0) || receive_verdict(tcb) != MNET_E_DEADLINE)
        ready |= MNET_READABLE;
    if (send_error(tcb) != 0 || (mn_tcp_status(tcb) == 0 && !tcb->send_full))
        ready |= MNET_WRITABLE;
    if (mn_tcp_urgent(tcb) > 0)
        ready |= MNET_URGENT;
    if (tcb->notices != 0)
        ready |= MNET_NOTICED;
    return ready;
}

unsigned mn_tcp_refresh_ready(const struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    if (send_error(tcb) == 0 && !tcb->send_full)
        note_room(tcb, mn_tcb_send_room(tcp, tcb)); /* it may be gone because memory is short */
    return mn_tcp_ready(tcb);
}

void mn_tcp_post_event(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    mn_tcb_queue_event(tcp, tcb);
}

void mn_tcp_peers(const struct mn_tcb *tcb, struct mnet_endpoint *local, struct mnet_endpoint *remote)
{
    if (local != NULL)
        *local = mn_conn_endpoint(&tcb->conn.local);
    if (remote != NULL)
        *remote = mn_conn_endpoint(&tcb->conn.remote);
}

struct mnet_endpoint mn_tcp_listen_endpoint(const struct mn_listener *listener)
{
    return listener->local;
}

const char *mn_tcp_congestion(const struct mn_tcb *tcb)
{
    return tcb->flight.congestion.ops->name;
}

void mn_tcp_set_no_delay(struct mn_tcp *tcp, struct mn_tcb *tcb, bool no_delay)
{
    tcb->no_delay = no_delay;
    if (no_delay)
        mn_tcb_queue_output(tcp, tcb);
}

void mn_tcp_set_ttl(struct mn_tcb *tcb, uint8_t ttl)
{
    tcb->conn.ttl = ttl;
}

void mn_tcp_set_dscp(struct mn_tcb *tcb, uint8_t dscp)
{
    tcb->conn.dscp = dscp & 63;
}

void mn_tcp_own(struct mn_tcp *tcp, struct mn_tcb *tcb, struct mn_tcp_owner *owner, uint64_t now)
{
    MN_DEBUG_ASSERT(!tcb->queued && tcb->owner == NULL);
    tcb->owner = owner;
    *owner = (struct mn_tcp_owner){.tcb = tcb};
    if (tcb->timer.at_ns == MNET_NEVER && tcb->state == MN_ESTABLISHED)
        mn_tcb_arm(tcp, tcb, now + MN_IDLE_AFTER);
}

void mn_tcp_disown(struct mn_tcb *tcb)
{
    *tcb->owner = (struct mn_tcp_owner){NULL, NULL};
    tcb->owner = NULL;
}

void mn_tcp_set_opening(struct mn_tcb *tcb, bool opening)
{
    tcb->opening = opening;
}

bool mn_tcp_is_opening(const struct mn_tcb *tcb)
{
    return tcb->opening;
}

struct mn_tcp_owner *mn_tcp_owner(const struct mn_tcb *tcb)
{
    return mn_tcb_owner(tcb);
}

void mn_tcp_set_listener_owner(struct mn_listener *listener, void *owner)
{
    listener->owner = owner;
}

void *mn_tcp_listener_owner(const struct mn_listener *listener)
{
    return listener->owner;
}
