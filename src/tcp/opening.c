/* The beginning of a connection: its tcb, its sequence numbers, and the end of the handshake. */
#include "tcp/opening.h"
#include "tcp/keepalive.h"
#include "tcp/pressure.h"
#include "tcp/ready.h"
#include "tcp/records/table.h"
#include "tcp/recovery/flight.h"
#include "tcp/state.h"
#include "tcp/tcb.h"
#include "tcp/timers.h"
#include "tcp/timestamps.h"
#include "tcp/window.h"

/* At most so many connections may have to give way to a new one. */
#define YIELDS 8u

struct mn_tcb *mn_tcb_alloc(struct mn_tcp *tcp, uint64_t now)
{
    struct mn_tcb *tcb = mn_pool_alloc_zeroed(&tcp->tcbs, MN_CLAIM_SEND);
    for (unsigned i = 0; tcb == NULL && i < YIELDS && mn_pressure_yield(tcp, NULL, now); i++)
        tcb = mn_pool_alloc_zeroed(&tcp->tcbs, MN_CLAIM_SEND);
    if (tcb == NULL)
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_MEMORY);
    return tcb;
}

void mn_tcb_init(const struct mn_tcp *tcp, struct mn_tcb *tcb, struct mnet_endpoint local, struct mnet_endpoint remote,
                 uint64_t hash, uint64_t now)
{
    tcb->conn = (struct mn_conn){.local = mn_conn_end(local), .remote = mn_conn_end(remote), .kind = MN_CONN_TCB};
    tcb->hash = hash;
    tcb->timer.kind = MN_TIMER_TCB;
    tcb->timer.at_ns = MNET_NEVER;
    for (unsigned i = 0; i < MN_DUE_COUNT; i++)
        tcb->due_ns[i] = MNET_NEVER;
    tcb->flight.congestion.ops = mn_congestion_of(tcp->config.user.congestion);
    tcb->path_mtu = mn_path_mtu_link(tcp->config.paths, remote.address); /* PMTU-5.2-1 */
    tcb->flight.path_generation = tcp->config.paths->generation - 1;     /* it will look */
    tcb->rcv_target = mn_window_initial(tcp, &remote);
    tcb->rcv_mss = 536; /* until a larger segment arrives */
    tcb->flight.progress_ns = tcb->flight.moved_ns = tcb->autotune.since_ns = now;
    mn_hog_init(&tcb->flight.hog);
    mn_rtt_init(&tcb->flight.rtt);
}

struct mn_tcb *mn_tcb_new(struct mn_tcp *tcp, struct mnet_endpoint local, struct mnet_endpoint remote, uint64_t hash,
                          uint64_t now)
{
    MN_DEBUG_ASSERT(remote.port != 0 && mn_address_is_ipv4(&local.address) == mn_address_is_ipv4(&remote.address));
    if (tcp->established >= tcp->config.user.connections_max && !mn_pressure_evict_orphan(tcp, NULL, now)) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_LIMIT);
        return NULL;
    }
    struct mn_tcb *tcb = mn_tcb_alloc(tcp, now);
    if (tcb == NULL)
        return NULL;
    mn_tcb_init(tcp, tcb, local, remote, hash, now);
    mn_list_append(&tcp->tcb_list, &tcb->rare.all);
    return tcb;
}

void mn_tcb_start_sending(struct mn_tcb *tcb)
{
    MN_ASSERT(tcb->sendq.head == NULL && tcb->state == MN_CLOSED);
    tcb->snd_una = tcb->snd_nxt = tcb->snd_small = tcb->flight.limited_seq = tcb->rare.iss;
    tcb->snd_up = tcb->rare.iss;
    mn_sendq_init(&tcb->sendq, tcb->rare.iss + 1);
    mn_loss_init(&tcb->flight.loss, tcb->rare.iss);
}

void mn_tcb_time_lost_syn(struct mn_tcb *tcb, const struct mn_segment *seg)
{
    mn_rtt_echoed(&tcb->flight.rtt, mn_tcb_echo_age(tcb, seg), 0, tcb->snd_mss);
    tcb->flight.rtt.rto_ns = MN_RTO_AFTER_SYN_LOSS;
    tcb->flight.rtt.backoff = 0;
}

void mn_tcb_established(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg)
{
    MN_DEBUG_ASSERT(tcb->state == MN_SYN_SENT || tcb->state == MN_SYN_RECEIVED || tcb->state == MN_CLOSED);
    MN_ASSERT(tcb->snd_una == tcb->rare.iss + 1 && tcb->rcv_nxt == tcb->rare.irs + 1);
    tcb->was_established = true;
    tcb->rare.unreachable = MNET_UNREACHABLE_NONE;
    tcb->flight.progress_ns = tcb->flight.moved_ns = tcb->heard_ns = seg->now;
    if (tcb->flight.rtt.backoff > 0) {
        mn_tcb_time_lost_syn(tcb, seg);
        mn_congestion_syn_lost(&tcb->flight.congestion, tcb->flight.rtt.expiries);
    }
    mn_rtt_acked(&tcb->flight.rtt, tcb->snd_una, seg->now);
    mn_tcp_set_state(tcp, tcb, MN_ESTABLISHED);
    if (tcb->fin_queued) /* closed or shut down during the handshake */
        mn_tcp_set_state(tcp, tcb, MN_FIN_WAIT_1);
    mn_keepalive_arm(tcp, tcb);
    tcb->owed &= (uint8_t)~MN_OWED_SYN;
    /* RFC 5482 3: half-open records do not keep the SYN's option. */
    if (tcp->config.user.user_timeout_option)
        tcb->owed |= MN_OWED_USER_TIMEOUT;
    mn_tcb_queue_output(tcp, tcb);
    mn_tcb_queue_event(tcp, tcb);
}
