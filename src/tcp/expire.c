/* Expiry of a connection's timers. */
#include "base/check.h"
#include "tcp/calm.h"
#include "tcp/check.h"
#include "tcp/ecn.h"
#include "tcp/end.h"
#include "tcp/keepalive.h"
#include "tcp/notices.h"
#include "tcp/ready.h"
#include "tcp/records/half_open.h"
#include "tcp/records/idle.h"
#include "tcp/records/time_wait.h"
#include "tcp/recovery/loss.h"
#include "tcp/state.h"
#include "tcp/tcb.h"
#include "tcp/timers.h"

static enum mn_due first_due(const struct mn_tcb *tcb)
{
    unsigned first = 0;
    for (unsigned i = 1; i < MN_DUE_COUNT; i++) {
        if (tcb->due_ns[i] < tcb->due_ns[first])
            first = i;
    }
    return (enum mn_due)first;
}

/* SHLD-29 and SHLD-30: a probe is sent after one RTO, and then at doubled intervals. R2 counts from
 * the first one without an answer. Without a user answers do not extend it, or closed windows could
 * use up all connections (RFC 6429 3). */
static MN_RARE void ask_for_window(struct mn_tcb *tcb, uint64_t now)
{
    MN_ASSERT(tcb->persisting);
    if (!tcb->probe_unanswered && !tcb->orphan)
        tcb->flight.progress_ns = now;
    tcb->probe_unanswered = true;
    tcb->owed |= MN_OWED_WINDOW_PROBE;
}

static MN_RARE void retransmit_expired(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    mn_tcb_disturb(tcb);
    if (now >= mn_timers_give_up_at(tcp, tcb)) {
        bool told = !tcb->was_established && tcb->rare.unreachable != MNET_UNREACHABLE_NONE;
        mn_tcp_count(tcp, MNET_COUNT_TCP_TIMED_OUT);
        mn_tcb_finish(tcp, tcb, told ? MNET_E_UNREACHABLE : MNET_E_TIMED_OUT);
        return;
    }
    if (!tcb->persisting && mn_loss_take_early_expiry(tcp, tcb, now)) {
        /* RFC 8985 7.3: after the probe. */
        tcb->flight.retransmit_due_ns = now + mn_rtt_timeout(&tcb->flight.rtt);
        mn_tcb_queue_output(tcp, tcb);
    }
    /* An early timer, or it was postponed since it was armed. */
    if (now < tcb->flight.retransmit_due_ns) {
        mn_timers_arm_retransmit(tcp, tcb, now);
        return;
    }
    if (!mn_tcp_synchronized(tcb))
        tcb->owed |= MN_OWED_SYN;
    else if (tcb->persisting)
        ask_for_window(tcb, now);
    else {
        mn_loss_timed_out(tcp, tcb, now);
        mn_tcb_trace(tcp, tcb, MNET_TCP_EVENT_TIMEOUT);
        mn_ecn_timed_out(tcb);
    }
    mn_rtt_retransmitted(&tcb->flight.rtt);
    mn_rtt_backoff(&tcb->flight.rtt);
    if (tcb->flight.rtt.expiries == MN_R1 && !tcb->persisting)
        mn_tcb_post_notice(tcp, tcb, MNET_NOTICE_RETRANSMITTING); /* SHLD-9, and for SYNs MUST-22 */
    mn_timers_update(tcp, tcb, true, now);
    mn_tcb_queue_output(tcp, tcb);
}

static void lifetime_expired(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    if (tcb->orphan)
        mn_tcb_finish(tcp, tcb, MNET_E_TIMED_OUT);
    else
        mn_keepalive_expired(tcp, tcb, now);
}

/* Serves the first due timer, if any. Another one that is due already expires at once again. If
 * there is none, the connection may be at rest. */
static void tcb_expired(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    MN_CHECK(mn_tcb_check(tcp, tcb));
    enum mn_due which = first_due(tcb);
    bool due = tcb->due_ns[which] <= now;
    if (due)
        tcb->due_ns[which] = MNET_NEVER;
    uint64_t next = tcb->due_ns[first_due(tcb)];
    if (next == MNET_NEVER && due && tcb->owner != NULL)
        next = now + MN_IDLE_AFTER;
    mn_tcb_arm(tcp, tcb, next);
    if (next == MNET_NEVER && !due)
        mn_idle_consider(tcp, tcb, now);
    if (!due)
        return;
    switch (which) {
    case MN_DUE_DELAYED_ACK: tcb->owed |= MN_OWED_ACK; break;
    case MN_DUE_PACING: break;
    case MN_DUE_RETRANSMIT: retransmit_expired(tcp, tcb, now); return;
    default: lifetime_expired(tcp, tcb, now); return;
    }
    mn_tcb_queue_output(tcp, tcb);
}

void mn_tcp_expire(struct mn_tcp *tcp, uint64_t now)
{
    struct mn_timer *timer;
    while ((timer = mn_wheel_expire(&tcp->wheel, now)) != NULL) {
        switch ((enum mn_tcp_timer)timer->kind) {
        case MN_TIMER_TCB: tcb_expired(tcp, MN_CONTAINER(timer, struct mn_tcb, timer), now); break;
        case MN_TIMER_HALF_OPEN: mn_half_open_expire(tcp, MN_CONTAINER(timer, struct mn_half_open, timer), now); break;
        case MN_TIMER_TIME_WAIT: mn_time_wait_expire(tcp, now); break;
        }
    }
}

uint64_t mn_tcp_deadline(struct mn_tcp *tcp)
{
    return mn_wheel_deadline(&tcp->wheel);
}
