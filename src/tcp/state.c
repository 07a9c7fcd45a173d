/* How a connection moves from state to state, and how it ends. */
#include "base/logger.h"
#include "tcp/tcb.h"

const char *mn_tcp_state_name(enum mn_tcp_state state)
{
    static const char *const names[] = {"CLOSED",      "LISTEN",     "SYN-SENT",   "SYN-RECEIVED",
                                        "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
                                        "CLOSING",     "LAST-ACK",   "TIME-WAIT"};
    return (unsigned)state < MN_COUNT_OF(names) ? names[state] : "?";
}

#define TO(state) (1u << MN_##state)

/* The edges of RFC 9293 figure 5. Every state also leads to CLOSED: by reset, abort, timeout. */
static const uint16_t edges[] = {
    [MN_CLOSED] = TO(SYN_SENT) | TO(ESTABLISHED), /* ESTABLISHED: a half-open record became a tcb */
    [MN_SYN_SENT] = TO(SYN_RECEIVED) | TO(ESTABLISHED),
    [MN_SYN_RECEIVED] = TO(ESTABLISHED),
    [MN_ESTABLISHED] = TO(FIN_WAIT_1) | TO(CLOSE_WAIT),
    [MN_FIN_WAIT_1] = TO(FIN_WAIT_2) | TO(CLOSING) | TO(TIME_WAIT),
    [MN_FIN_WAIT_2] = TO(TIME_WAIT),
    [MN_CLOSE_WAIT] = TO(LAST_ACK),
    [MN_CLOSING] = TO(TIME_WAIT),
    [MN_LAST_ACK] = 0,
    [MN_TIME_WAIT] = 0,
};

void mn_tcp_set_state(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mn_tcp_state state)
{
    MN_ASSERT(state == MN_CLOSED || (edges[tcb->state] & 1u << state) != 0);
    if (mn_log_wanted(tcp->config.log, MNET_LOG_DEBUG)) {
        char local[MNET_ENDPOINT_TEXT], remote[MNET_ENDPOINT_TEXT];
        mn_log(tcp->config.log, MNET_LOG_DEBUG, "tcp %s > %s: %s -> %s",
               mnet_endpoint_format(tcb->conn.local, local, sizeof local),
               mnet_endpoint_format(tcb->conn.remote, remote, sizeof remote), mn_tcp_state_name(tcb->state),
               mn_tcp_state_name(state));
    }
    tcb->state = (uint8_t)state;
    mn_tcb_trace(tcp, tcb, MNET_TCP_EVENT_STATE);
}

bool mn_tcp_synchronized(const struct mn_tcb *tcb)
{
    return tcb->state >= MN_ESTABLISHED;
}

/* Nothing more will be sent or received: gives back what only a live connection needs. */
static void quiesce(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    mn_table_remove(tcp, &tcb->conn);
    mn_tcb_stop_timers(tcp, tcb);
    mn_feedback_release(tcp, tcb);
    mn_plpmtu_release(tcp, tcb);
    mn_list_remove(&tcb->output);
    mn_orphan_remove(tcp, tcb);
    mn_sendq_clear(&tcb->sendq, &tcp->pieces);
    mn_scoreboard_clear(&tcb->loss.sent, &tcp->scoreboards);
    mn_tcb_drop_reassembly(tcp, tcb);
    mn_hog_remove(&tcb->hog);
}

/* In a listener's queue and dead: nobody will accept it any more, unless there is data or an end of stream to be read. */
static bool abandoned(const struct mn_tcb *tcb)
{
    return tcb->orphan || (tcb->queued && tcb->error != 0 && tcb->recvq.bytes == 0);
}

void mn_tcb_finish(struct mn_tcp *tcp, struct mn_tcb *tcb, int error)
{
    tcb->error = (int8_t)error;
    mn_tcp_set_state(tcp, tcb, MN_CLOSED);
    quiesce(tcp, tcb);
    if (abandoned(tcb))
        mn_tcb_free(tcp, tcb);
    else
        mn_tcb_event(tcp, tcb);
}

void mn_tcb_reset(struct mn_tcp *tcp, struct mn_tcb *tcb, int error, uint64_t now)
{
    if (tcb->conn.hashed && tcb->state != MN_SYN_SENT && tcb->state != MN_TIME_WAIT) {
        struct mn_reply reset = {.local = tcb->conn.local,
                                 .remote = tcb->conn.remote,
                                 .seq = mn_tcb_bare_seq(tcb),
                                 .ack = tcb->rcv_nxt,
                                 .flags = MN_TCP_RST | MN_TCP_ACK,
                                 .options = tcb->conn.options & MN_TCP_OPTION_TIMESTAMPS, /* RFC 7323 3.2 */
                                 .ts_value = mn_timestamps_value(&tcb->timestamps, now),
                                 .ts_echo = tcb->timestamps.recent,
                                 .ttl = tcb->conn.ttl,
                                 .dscp = tcb->conn.dscp};
        mn_reply(tcp, &reset);
    }
    mn_tcb_finish(tcp, tcb, error);
}

void mn_tcb_time_lost_syn(struct mn_tcb *tcb, const struct mn_segment *seg)
{
    mn_rtt_echo(&tcb->rtt, mn_tcb_echo_age(tcb, seg), 0, tcb->snd_mss);
    tcb->rtt.rto_ns = MN_RTO_AFTER_SYN_LOSS;
    tcb->rtt.backoff = 0;
}

void mn_tcb_established(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg)
{
    tcb->was_established = true;
    tcb->unreachable = MNET_UNREACHABLE_NONE;
    tcb->progress_ns = tcb->moved_ns = tcb->heard_ns = seg->now;
    if (tcb->rtt.backoff > 0) {
        mn_tcb_time_lost_syn(tcb, seg);
        mn_congestion_syn_lost(&tcb->congestion, tcb->rtt.expiries);
    }
    mn_rtt_acked(&tcb->rtt, tcb->snd_una, seg->now);
    mn_tcp_set_state(tcp, tcb, MN_ESTABLISHED);
    if (tcb->fin_queued) /* closed or shut down while the connection was being opened */
        mn_tcp_set_state(tcp, tcb, MN_FIN_WAIT_1);
    mn_keepalive_arm(tcp, tcb);
    tcb->user_timeout_now =
        tcp->config.user_timeout_option; /* RFC 5482 3: half-open records keep nothing of the SYN's */
    mn_tcb_wants_output(tcp, tcb);
    mn_tcb_event(tcp, tcb);
}
