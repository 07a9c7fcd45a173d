/* TIME-WAIT (RFC 9293 3.6.1, MUST-13): small records that answer retransmitted FINs for 2 MSL and keep old segments away from new connections. A
 * full table gives up its oldest record. Resets are ignored (RFC 1337). */
#include "tcp/tcb.h"

static uint64_t wait_ns(const struct mn_tcp *tcp)
{
    return 2 * tcp->config.msl_ns;
}

static struct mn_time_wait *oldest(const struct mn_tcp *tcp)
{
    struct mnet_link *link = mn_list_first(&tcp->time_wait_list);
    return link == NULL ? NULL : MN_CONTAINER(link, struct mn_time_wait, link);
}

static void arm(struct mn_tcp *tcp)
{
    struct mn_time_wait *first = oldest(tcp);
    tcp->time_wait_timer.kind = MN_TIMER_TIME_WAIT;
    mn_wheel_arm(&tcp->wheel, &tcp->time_wait_timer, first == NULL ? MNET_NEVER : first->until_ns);
}

void mn_time_wait_free(struct mn_tcp *tcp, struct mn_time_wait *tw)
{
    mn_table_remove(tcp, &tw->conn);
    mn_list_remove(&tw->link);
    mn_pool_free(&tcp->time_waits, tw);
}

/* Begins the 2 MSL, again where a FIN came again. */
static void restart(struct mn_tcp *tcp, struct mn_time_wait *tw, uint64_t now)
{
    mn_list_remove(&tw->link);
    tw->until_ns = now + wait_ns(tcp);
    mn_list_append(&tcp->time_wait_list, &tw->link);
    arm(tcp);
}

static void acknowledge(struct mn_tcp *tcp, const struct mn_time_wait *tw, uint64_t now)
{
    struct mn_reply reply = {.local = tw->conn.local,
                             .remote = tw->conn.remote,
                             .seq = tw->snd_nxt,
                             .ack = tw->rcv_nxt,
                             .flags = MN_TCP_ACK};
    if (tw->options & MN_TCP_OPTION_TIMESTAMPS)
        mn_reply_timestamp(tcp, &reply, tw->ts_recent, now);
    mn_reply(tcp, &reply);
}

static struct mn_time_wait record_of(const struct mn_tcb *tcb)
{
    struct mn_time_wait tw = {
        .snd_nxt = tcb->snd_nxt, .rcv_nxt = tcb->rcv_nxt, .ts_recent = tcb->timestamps.recent, .options = tcb->options};
    tw.conn = (struct mn_conn){.local = tcb->conn.local, .remote = tcb->conn.remote, .kind = MN_CONN_TIME_WAIT};
    return tw;
}

/* The tcb's place in the table goes to a record; the tcb is finished for the network, with unread data left for its user. */
void mn_time_wait_enter(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    mn_tcp_set_state(tcp, tcb, MN_TIME_WAIT);
    struct mn_time_wait record = record_of(tcb);
    if (tcb->ack_now) /* also where there is no memory for a record */
        acknowledge(tcp, &record, now);
    struct mn_time_wait *tw = mn_pool_alloc(&tcp->time_waits, MN_CLAIM_RECEIVE);
    if (tw == NULL && oldest(tcp) != NULL) {
        mn_time_wait_free(tcp, oldest(tcp));
        tw = mn_pool_alloc(&tcp->time_waits, MN_CLAIM_RECEIVE);
    }
    if (tw != NULL) {
        *tw = record;
        restart(tcp, tw, now);
    }
    struct mn_conn *conn = tw == NULL ? NULL : &tw->conn;
    mn_tcb_finish(tcp, tcb, 0);
    if (conn != NULL)
        mn_table_add(tcp, conn);
}

bool mn_time_wait_input(struct mn_tcp *tcp, struct mn_time_wait *tw, struct mn_segment *seg, uint32_t *isn_floor)
{
    if (seg->flags & MN_TCP_RST) { /* RFC 1337: no assassination */
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_RST);
        return true;
    }
    if ((seg->flags & (MN_TCP_SYN | MN_TCP_ACK)) == MN_TCP_SYN && mn_seq_gt(seg->seq, tw->rcv_nxt) &&
        mn_table_listener(tcp, seg->local) != NULL) {
        /* MAY-2: a new incarnation that lies entirely after the old one, where somebody is there to take it. */
        *isn_floor = tw->snd_nxt + 1;
        mn_time_wait_free(tcp, tw);
        return false;
    }
    /* 3.10.7.4: the only thing that can arrive is a retransmission of the remote FIN: acknowledge it, and restart 2 MSL. */
    if (seg->flags & MN_TCP_FIN && seg->seq + seg->len == tw->rcv_nxt)
        restart(tcp, tw, seg->now);
    if (seg->len > 0)
        acknowledge(tcp, tw, seg->now);
    mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_STATE);
    return true;
}

void mn_time_wait_expire(struct mn_tcp *tcp, uint64_t now)
{
    struct mn_time_wait *tw;
    while ((tw = oldest(tcp)) != NULL && tw->until_ns <= now)
        mn_time_wait_free(tcp, tw);
    arm(tcp);
}
