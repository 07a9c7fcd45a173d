/* Information for users: snapshots of connections and records, and their events. */
#include "tcp/pacing.h"
#include "tcp/plpmtu.h"
#include "tcp/records/idle.h"
#include "tcp/records/table.h"
#include "tcp/recovery/flight.h"
#include "tcp/recovery/rack.h"
#include "tcp/state.h"
#include "tcp/tcb.h"

static const char *loss_name(const struct mn_tcb *tcb)
{
    switch (tcb->flight.loss.phase) {
    case MN_LOSS_RECOVERY: return "recovery";
    case MN_LOSS_TIMEOUT: return "loss";
    default: return "open";
    }
}

static void sending(const struct mn_tcp *tcp, const struct mn_tcb *tcb, struct mnet_tcp_info *info)
{
    uint32_t end = mn_sendq_end(&tcb->sendq);
    info->congestion = tcb->flight.congestion.ops->name;
    info->rtt_ns = tcb->flight.rtt.srtt_ns;
    info->rttvar_ns = tcb->flight.rtt.rttvar_ns;
    info->min_rtt_ns = tcb->flight.loss.rack.min_rtt_us * MNET_MICROSECOND;
    info->sacked = tcb->flight.loss.sent.sacked;
    info->lost = tcb->flight.loss.sent.lost;
    info->ecn = tcb->ecn.on && tcb->ecn.marking;
    info->snd_wscale = tcb->snd_wscale;
    info->rto_ns = mn_rtt_timeout(&tcb->flight.rtt);
    info->backoff = tcb->flight.rtt.backoff;
    info->cwnd = tcb->flight.congestion.cwnd;
    info->ssthresh = tcb->flight.congestion.ssthresh;
    info->pacing_rate = mn_pacing_rate(tcb);
    info->loss = loss_name(tcb);
    info->reordering_seen = tcb->flight.loss.rack.reordering_seen;
    info->reordering_ns = tcb->sack_ok ? mn_rack_reordering_window(tcb) : 0;
    info->snd_mss = tcb->snd_mss;
    info->path_mtu = tcb->path_mtu;
    info->path_search = mn_plpmtu_name(tcb->plpmtu);
    info->snd_wnd = tcb->snd_wnd;
    info->in_flight = tcb->state == MN_CLOSED ? 0 : mn_tcb_pipe(tcb);
    info->unacked = tcb->state == MN_CLOSED ? 0 : tcb->snd_nxt - tcb->snd_una;
    info->unsent = mn_seq_gt(end, tcb->snd_nxt) ? end - tcb->snd_nxt : 0;
    info->bytes_acked = tcb->bytes_acked;
    info->bytes_retransmitted = tcb->rare.bytes_retransmitted;
    info->segments_sent = tcb->segments_sent;
    info->user_timeout_ns = tcb->flight.user_timeout_ns != 0 ? tcb->flight.user_timeout_ns
                                                             : tcp->config.user.user_timeout_ns;
}

void mn_tcp_info(const struct mn_tcp *tcp, const struct mn_tcb *tcb, struct mnet_tcp_info *info)
{
    *info = (struct mnet_tcp_info){
        .local = mn_conn_endpoint(&tcb->conn.local),
        .remote = mn_conn_endpoint(&tcb->conn.remote),
        .state = mn_tcp_state_name(tcb->state),
        .flow = (struct mnet_flow *)mn_tcp_owner(tcb),
        .listener = tcb->queued ? tcb->listener->owner : NULL,
        .unreachable = mn_tcp_unreachable(tcb),
        .timestamps = (tcb->conn.options & MN_TCP_OPTION_TIMESTAMPS) != 0,
        .sack = tcb->sack_ok,
        .window_scale = (tcb->conn.options & MN_TCP_OPTION_WINDOW_SCALE) != 0,
        .rcv_wscale = tcb->rcv_wscale,
        .rcv_mss = tcb->rcv_mss,
        .rcv_wnd = tcb->rcv_adv - tcb->rcv_nxt,
        .unread = tcb->recvq.bytes,
        .out_of_order = tcb->reassembly == NULL ? 0 : tcb->reassembly->bytes,
        .bytes_received = tcb->bytes_received,
        .segments_received = tcb->segments_received,
        .retransmit_at = tcb->due_ns[MN_DUE_RETRANSMIT],
        .delayed_ack_at = tcb->due_ns[MN_DUE_DELAYED_ACK],
        .keepalive_at = tcb->orphan ? MNET_NEVER : tcb->due_ns[MN_DUE_LIFETIME],
    };
    sending(tcp, tcb, info);
}

void mn_tcp_info_of_owner(const struct mn_tcp *tcp, const struct mn_tcp_owner *owner, struct mnet_tcp_info *info)
{
    struct mn_tcb space;
    mn_tcp_info(tcp, mn_idle_look(tcp, owner, &space), info);
}

/* A record that is not a tcb has only its ends and its state. */
static struct mnet_tcp_info record_info(struct mnet_endpoint local, struct mnet_endpoint remote,
                                        enum mn_tcp_state state, struct mnet_listener *listener)
{
    return (struct mnet_tcp_info){
        .local = local,
        .remote = remote,
        .state = mn_tcp_state_name(state),
        .listener = listener,
        .congestion = "",
        .loss = "open",
        .path_search = "off",
        .retransmit_at = MNET_NEVER,
        .delayed_ack_at = MNET_NEVER,
        .keepalive_at = MNET_NEVER,
    };
}

static struct mnet_tcp_info listener_info(const struct mn_listener *listener)
{
    struct mnet_tcp_info info = record_info(listener->local, (struct mnet_endpoint){.port = 0},
                                            listener->deaf ? MN_CLOSED : MN_LISTEN, listener->owner);
    info.backlog = listener->queued;
    info.backlog_max = listener->backlog;
    return info;
}

static void conn_info(const struct mn_tcp *tcp, const struct mn_conn *conn, struct mnet_tcp_info *info)
{
    struct mnet_endpoint local = mn_conn_endpoint(&conn->local), remote = mn_conn_endpoint(&conn->remote);
    if (conn->kind == MN_CONN_TCB)
        mn_tcp_info(tcp, MN_CONTAINER(conn, struct mn_tcb, conn), info);
    else if (conn->kind == MN_CONN_IDLE)
        mn_tcp_info_of_owner(tcp, MN_CONTAINER(conn, struct mn_idle, conn)->owner, info);
    else if (conn->kind == MN_CONN_HALF_OPEN)
        *info = record_info(local, remote, MN_SYN_RECEIVED,
                            MN_CONTAINER(conn, struct mn_half_open, conn)->listener->owner);
    else
        *info = record_info(local, remote, MN_TIME_WAIT, NULL);
}

void mn_tcp_info_of_ends(struct mn_tcp *tcp, struct mnet_endpoint local, struct mnet_endpoint remote,
                         struct mnet_tcp_info *info)
{
    uint64_t hash;
    const struct mn_conn *conn = mn_table_find(tcp, &local, &remote, &hash);
    if (conn != NULL)
        conn_info(tcp, conn, info);
    else
        *info = record_info(local, remote, MN_CLOSED, NULL);
}

void mn_tcp_each(const struct mn_tcp *tcp, bool (*visit)(void *context, const struct mnet_tcp_info *info),
                 void *context)
{
    struct mnet_tcp_info info;
    const struct mnet_link *head = &tcp->listener_list;
    for (struct mnet_link *at = mn_list_first(head); at != NULL && at != head; at = at->next) {
        info = listener_info(MN_CONTAINER(at, struct mn_listener, link));
        if (!visit(context, &info))
            return;
    }
    for (uint32_t bucket = 0; bucket <= tcp->bucket_mask; bucket++) {
        for (const struct mn_conn *conn = tcp->buckets[bucket]; conn != NULL; conn = conn->hash_next) {
            conn_info(tcp, conn, &info);
            if (!visit(context, &info))
                return;
        }
    }
}

const char *mnet_tcp_event_name(enum mnet_tcp_event event)
{
    static const char *const names[] = {"state", "timeout", "recovery", "recovered", "undone", "path MTU"};
    return (unsigned)event < MN_COUNT_OF(names) ? names[event] : "?";
}
