/* TIME-WAIT (RFC 9293 3.6.1, MUST-13): records of 64 bytes that answer retransmitted FINs for 2 MSL
 * and keep old segments away from new connections. Resets are ignored (RFC 1337).
 *
 * Records are in a queue of blocks in the order of their arrival, which is the order of their ends,
 * so they need no timer and no links of their own. A record that a new connection replaced leaves
 * its place behind until it comes to the front. A record whose wait began again is moved to the end
 * of the queue when it comes to the front. A full queue drops its front.
 */
#include "tcp/records/time_wait.h"
#include "tcp/end.h"
#include "tcp/ready.h"
#include "tcp/records/reply.h"
#include "tcp/records/table.h"
#include "tcp/state.h"
#include "tcp/tcb.h"

#define WAIT_MAX (24 * 24 * 3600 * MNET_SECOND) /* milliseconds in 32 bits stay comparable */
/* The largest possible one (RFC 7323 2.3). */
#define WINDOW_MAX ((uint32_t)UINT16_MAX << MN_TCP_WINDOW_SHIFT_MAX)

static uint32_t ms_after(uint64_t now, uint64_t ns)
{
    return (uint32_t)((now + ns + MNET_MILLISECOND - 1) / MNET_MILLISECOND);
}

static uint32_t wait_until(const struct mn_tcp *tcp, uint64_t now)
{
    return ms_after(now, 2 * MN_MIN(tcp->config.user.msl_ns, WAIT_MAX / 2));
}

/* --- the queue --- */

static struct mn_time_wait_block *block_of(struct mnet_link *link)
{
    return link == NULL ? NULL : MN_CONTAINER(link, struct mn_time_wait_block, link);
}

static struct mn_time_wait *oldest(const struct mn_tcp *tcp)
{
    struct mn_time_wait_block *block = block_of(mn_list_first(&tcp->time_wait_list));
    return block == NULL ? NULL : &block->records[block->first];
}

/* Takes a record out of the table. Its place stays. */
static void leave(struct mn_tcp *tcp, struct mn_time_wait *tw)
{
    MN_ASSERT(tw->conn.hashed && tcp->time_waiting > 0);
    mn_table_remove(tcp, &tw->conn);
    tcp->time_waiting--;
}

static void drop_oldest(struct mn_tcp *tcp)
{
    struct mn_time_wait_block *block = block_of(mn_list_first(&tcp->time_wait_list));
    MN_ASSERT(block != NULL && block->first < block->count && tcp->time_wait_places > 0);
    struct mn_time_wait *tw = &block->records[block->first];
    if (tw->conn.hashed)
        leave(tcp, tw);
    tcp->time_wait_places--;
    if (++block->first == block->count) {
        mn_list_remove(&block->link);
        mn_pool_free(&tcp->time_waits, block);
    }
}

/* Returns a block with room at its end. If memory is short, older ones go for it. */
static struct mn_time_wait_block *block_with_room(struct mn_tcp *tcp)
{
    struct mn_time_wait_block *block = block_of(mn_list_last(&tcp->time_wait_list));
    if (block != NULL && block->count < MN_TIME_WAIT_BLOCK)
        return block;
    while ((block = mn_pool_alloc(&tcp->time_waits, MN_CLAIM_SEND)) == NULL && tcp->time_wait_places > 0)
        drop_oldest(tcp);
    if (block != NULL) {
        block->link = (struct mnet_link){0};
        block->first = block->count = 0;
        mn_list_append(&tcp->time_wait_list, &block->link);
    }
    return block;
}

/* Appends a record that is in no table yet to the queue. Returns false if there is no place for
 * it. */
static bool append(struct mn_tcp *tcp, const struct mn_time_wait *record, uint64_t hash)
{
    while (tcp->time_wait_places > 0 && tcp->time_wait_places >= tcp->config.user.time_wait_max)
        drop_oldest(tcp);
    struct mn_time_wait_block *block = tcp->config.user.time_wait_max > 0 ? block_with_room(tcp) : NULL;
    if (block == NULL)
        return false;
    struct mn_time_wait *tw = &block->records[block->count++];
    *tw = *record;
    mn_table_add(tcp, &tw->conn, hash);
    tcp->time_wait_places++;
    tcp->time_waiting++;
    return true;
}

static void arm(struct mn_tcp *tcp, uint64_t now)
{
    const struct mn_time_wait *first = oldest(tcp);
    uint64_t at = MNET_NEVER;
    if (first != NULL) {
        uint64_t now_ms = now / MNET_MILLISECOND;
        at = (now_ms + (uint64_t)(int64_t)(int32_t)(first->until_ms - (uint32_t)now_ms)) * MNET_MILLISECOND;
    }
    tcp->time_wait_timer.kind = MN_TIMER_TIME_WAIT;
    mn_wheel_arm(&tcp->wheel, &tcp->time_wait_timer, at);
}

static void move_to_the_end(struct mn_tcp *tcp)
{
    struct mn_time_wait record = *oldest(tcp);
    uint64_t hash = mn_table_hash(tcp, &record.conn);
    drop_oldest(tcp);
    record.conn.hashed = record.conn.restarted = false;
    append(tcp, &record, hash);
}

void mn_time_wait_expire(struct mn_tcp *tcp, uint64_t now)
{
    const struct mn_time_wait *tw;
    while ((tw = oldest(tcp)) != NULL) {
        bool over = !tw->conn.hashed || mn_seq_leq(tw->until_ms, (uint32_t)(now / MNET_MILLISECOND));
        if (over)
            drop_oldest(tcp);
        else if (tw->conn.restarted)
            move_to_the_end(tcp);
        else
            break;
    }
    arm(tcp, now);
}

void mn_time_wait_clear(struct mn_tcp *tcp)
{
    while (tcp->time_wait_places > 0)
        drop_oldest(tcp);
}

/* --- the state --- */

/* `hash` is that of both ends, and `offset` the beginning of the clock of our timestamps. */
static void acknowledge_by(struct mn_tcp *tcp, const struct mn_time_wait *tw, uint64_t hash, uint32_t offset,
                           uint64_t now)
{
    struct mn_reply reply = {.local = mn_conn_endpoint(&tw->conn.local),
                             .remote = mn_conn_endpoint(&tw->conn.remote),
                             .seq = tw->snd_nxt,
                             .ack = tw->rcv_nxt,
                             .flags = MN_TCP_ACK,
                             .ttl = tw->conn.ttl,
                             .dscp = tw->conn.dscp,
                             .hash = hash};
    if (tw->conn.options & MN_TCP_OPTION_TIMESTAMPS)
        mn_reply_timestamp(&reply, offset, tw->ts_recent, now);
    mn_reply(tcp, &reply);
}

static void acknowledge(struct mn_tcp *tcp, const struct mn_time_wait *tw, const struct mn_segment *seg)
{
    struct mn_beginning beginning = mn_tcp_choose_beginning(tcp, &seg->local, &seg->remote, seg->now);
    acknowledge_by(tcp, tw, seg->hash, beginning.timestamp_offset, seg->now);
}

/* A record replaces the tcb in the table. The tcb is closed for the network, with unread data left
 * for its user. */
void mn_time_wait_enter(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    mn_tcp_set_state(tcp, tcb, MN_TIME_WAIT);
    struct mn_time_wait record = {.snd_nxt = tcb->snd_nxt,
                                  .rcv_nxt = tcb->rcv_nxt,
                                  .ts_recent = tcb->timestamps.recent,
                                  .until_ms = wait_until(tcp, now)};
    record.conn = (struct mn_conn){.local = tcb->conn.local,
                                   .remote = tcb->conn.remote,
                                   .kind = MN_CONN_TIME_WAIT,
                                   .options = tcb->conn.options,
                                   .ttl = tcb->conn.ttl,
                                   .dscp = tcb->conn.dscp};
    if (tcb->owed & MN_OWED_ACK) /* also without memory for a record */
        acknowledge_by(tcp, &record, tcb->hash, tcb->timestamps.offset, now);
    uint64_t hash = tcb->hash;
    mn_tcb_finish(tcp, tcb, 0);
    if (append(tcp, &record, hash) && tcp->time_wait_places == 1)
        arm(tcp, now);
}

/* MAY-2, RFC 6191 2: returns whether a SYN cannot be of the old connection: it is newer by its
 * timestamp, or by its sequence number. If only the new connection has timestamps, they keep the
 * old one's segments out of it. */
static bool opens_anew(const struct mn_time_wait *tw, const struct mn_segment *seg, const struct mn_listener *listener)
{
    const struct mn_tcp_header *h = &seg->header;
    /* Than the last number used, which was the FIN's. */
    bool higher = mn_seq_geq(seg->seq, tw->rcv_nxt);
    if (!(h->options & listener->offer & MN_TCP_OPTION_TIMESTAMPS))
        return higher;
    if (!(tw->conn.options & MN_TCP_OPTION_TIMESTAMPS) || mn_seq_gt(h->ts_value, tw->ts_recent))
        return true;
    return h->ts_value == tw->ts_recent && higher;
}

/* The fifth check of 3.10.7.4, which comes before the eighth: without a plausible ACK a FIN proves
 * nothing. */
static bool ack_is_good(const struct mn_time_wait *tw, const struct mn_segment *seg)
{
    return seg->flags & MN_TCP_ACK && mn_seq_leq(seg->ack, tw->snd_nxt) &&
           mn_seq_geq(seg->ack, tw->snd_nxt - WINDOW_MAX);
}

static void restart(struct mn_tcp *tcp, struct mn_time_wait *tw, const struct mn_segment *seg)
{
    tw->until_ms = wait_until(tcp, seg->now);
    tw->conn.restarted = true;
    tw->conn.challenges = 0;
    if (tw->conn.options & seg->header.options & MN_TCP_OPTION_TIMESTAMPS)
        tw->ts_recent = mn_seq_max(tw->ts_recent, seg->header.ts_value);
}

/* A segment without text may itself be an answer, so only a limited number is answered. */
static void challenge(struct mn_tcp *tcp, struct mn_time_wait *tw, const struct mn_segment *seg)
{
    if (tw->conn.challenges >= MN_CHALLENGE_LIMIT) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_CHALLENGE_LIMITED);
        return;
    }
    tw->conn.challenges++;
    mn_tcp_count(tcp, MNET_COUNT_TCP_CHALLENGE_ACK);
    acknowledge(tcp, tw, seg);
}

MN_APART bool mn_time_wait_input(struct mn_tcp *tcp, struct mn_time_wait *tw, struct mn_segment *seg,
                                 uint32_t *isn_floor)
{
    if (seg->flags & MN_TCP_RST) { /* RFC 1337: no assassination */
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_RST);
        return true;
    }
    if ((seg->flags & (MN_TCP_SYN | MN_TCP_ACK)) == MN_TCP_SYN) {
        /* There is a listener for it. */
        const struct mn_listener *listener = mn_table_listener(tcp, seg->local);
        if (listener != NULL && opens_anew(tw, seg, listener)) {
            *isn_floor = tw->snd_nxt + 1;
            leave(tcp, tw);
            return false;
        }
    }
    /* 3.10.7.4: the only thing that can arrive is a retransmission of the remote FIN: acknowledge
     * it, and restart 2 MSL. */
    if (seg->flags & MN_TCP_FIN && seg->seq + seg->len == tw->rcv_nxt && ack_is_good(tw, seg))
        restart(tcp, tw, seg);
    if (seg->len > 0)
        acknowledge(tcp, tw, seg);
    else if (seg->seq != tw->rcv_nxt)
        challenge(tcp, tw, seg);
    mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_STATE);
    return true;
}
