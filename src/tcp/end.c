/* The end of a connection: its timers stop, its memory is given back, and the peer gets a reset if
 * necessary. The callers decide that it ends.
 */
#include "tcp/end.h"
#include "tcp/charge.h"
#include "tcp/orphan.h"
#include "tcp/plpmtu.h"
#include "tcp/ready.h"
#include "tcp/records/reply.h"
#include "tcp/records/table.h"
#include "tcp/recovery/feedback.h"
#include "tcp/segment.h"
#include "tcp/state.h"
#include "tcp/timers.h"

/* Nothing more is sent or received: gives back what only a live connection needs. */
static void quiesce(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    MN_DEBUG_ASSERT(tcb->state == MN_CLOSED);
    mn_table_remove(tcp, &tcb->conn);
    mn_tcb_stop_timers(tcp, tcb);
    mn_feedback_release(tcp, tcb);
    mn_plpmtu_release(tcp, tcb);
    mn_list_remove(&tcb->output);
    mn_orphan_remove(tcp, tcb);
    mn_sendq_clear(&tcb->sendq, &tcp->pieces);
    mn_scoreboard_clear(&tcb->flight.loss.sent, &tcp->scoreboards);
    mn_tcb_drop_reassembly(tcp, tcb);
    mn_hog_remove(&tcb->flight.hog);
    MN_DEBUG_ASSERT(!tcb->conn.hashed && !mn_list_linked(&tcb->output) && tcb->plpmtu == NULL &&
                    tcb->flight.rate == NULL);
}

void mn_tcb_free(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    MN_ASSERT(!tcb->conn.hashed);
    MN_ASSERT(!tcb->queued || tcb->listener->queued > 0);
    if (tcb->queued)
        tcb->listener->queued--;
    mn_list_remove(&tcb->rare.all);
    mn_list_remove(&tcb->output);
    mn_list_remove(&tcb->event);
    mn_sendq_clear(&tcb->sendq, &tcp->pieces);
    mn_scoreboard_clear(&tcb->flight.loss.sent, &tcp->scoreboards);
    mn_recvq_clear(&tcb->recvq);
    mn_tcb_drop_reassembly(tcp, tcb);
    mn_hog_remove(&tcb->flight.hog);
    mn_pressure_settle(tcp, tcb);
    MN_ASSERT(tcb->rcv_charged == 0 && tcb->sendq.pinned == 0); /* it takes nothing along */
    mn_pool_free(&tcp->limits, tcb->rare.limits);
    mn_pool_free(&tcp->tcbs, tcb);
}

/* A connection that waits for accept keeps its place, so that a caller who was told of it does not
 * wait in accept for another one. Reading tells the error. */
void mn_tcb_finish(struct mn_tcp *tcp, struct mn_tcb *tcb, int error)
{
    MN_DEBUG_ASSERT(error <= 0 && tcb->state != MN_CLOSED);
    tcb->rare.error = (int8_t)error;
    mn_tcp_set_state(tcp, tcb, MN_CLOSED);
    quiesce(tcp, tcb);
    if (tcb->orphan)
        mn_tcb_free(tcp, tcb);
    else
        mn_tcb_queue_event(tcp, tcb);
}

void mn_tcb_send_reset(struct mn_tcp *tcp, const struct mn_tcb *tcb, uint64_t now)
{
    struct mn_reply reset = {.local = mn_conn_endpoint(&tcb->conn.local),
                             .remote = mn_conn_endpoint(&tcb->conn.remote),
                             .seq = mn_tcb_bare_seq(tcb),
                             .ack = tcb->rcv_nxt,
                             .flags = MN_TCP_RST | MN_TCP_ACK,
                             /* RFC 7323 3.2 */
                             .options = tcb->conn.options & MN_TCP_OPTION_TIMESTAMPS,
                             .ts_value = mn_timestamps_value(&tcb->timestamps, now),
                             .ts_echo = tcb->timestamps.recent,
                             .ttl = tcb->conn.ttl,
                             .dscp = tcb->conn.dscp,
                             .hash = tcb->hash};
    mn_reply(tcp, &reset);
}

void mn_tcb_reset(struct mn_tcp *tcp, struct mn_tcb *tcb, int error, uint64_t now)
{
    MN_DEBUG_ASSERT(error <= 0);
    if (tcb->conn.hashed && tcb->state != MN_SYN_SENT && tcb->state != MN_TIME_WAIT)
        mn_tcb_send_reset(tcp, tcb, now);
    mn_tcb_finish(tcp, tcb, error);
}
