/* Timers of a connection: retransmission (RFC 6298 5), zero-window probes (RFC 9293 3.8.6.1), delayed acknowledgement, pacing, keepalive, the end of orphans.
 *
 * They are started and stopped with nearly every segment, and hardly ever expire. So all of a connection's share one timer on the wheel, which is moved only where
 * something is due sooner than it fires; a timer that is stopped, or put off, costs one store. When the one fires, the first that is due is served, and it is
 * armed again for the next. While it is armed timer.at_ns is when it fires, otherwise MNET_NEVER.
 */
#include "tcp/tcb.h"

MN_RARE void mn_tcb_arm(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t at_ns)
{
    mn_wheel_arm(&tcp->wheel, &tcb->timer, at_ns);
    tcb->timer.at_ns = at_ns;
}

static enum mn_due first_due(const struct mn_tcb *tcb)
{
    unsigned first = 0;
    for (unsigned i = 1; i < MN_DUE_COUNT; i++) {
        if (tcb->due_ns[i] < tcb->due_ns[first])
            first = i;
    }
    return (enum mn_due)first;
}

void mn_tcb_stop_timers(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    for (unsigned i = 0; i < MN_DUE_COUNT; i++)
        tcb->due_ns[i] = MNET_NEVER;
    mn_tcb_arm(tcp, tcb, MNET_NEVER);
}

/* Without a user, and without a timeout that one has set, a silent peer gets the time that SHLD-11 asks for and no more: nobody would hear of it any more if the data
 * was delivered later. A peer that answers the probes of its closed window is not silent. */
static uint64_t orphan_gives_up_at(const struct mn_tcb *tcb)
{
    uint64_t since = tcb->persisting ? MN_MAX(tcb->heard_ns, tcb->progress_ns) : tcb->progress_ns;
    return since + MN_ORPHAN_PATIENCE;
}

/* When the peer's silence ends the connection: R2 (MUST-20). */
static uint64_t give_up_at(const struct mn_tcp *tcp, const struct mn_tcb *tcb)
{
    if (MN_UNLIKELY(tcb->persisting) && !tcb->probe_unanswered && !tcb->orphan)
        return MNET_NEVER; /* MUST-37: nothing is asked of the peer just now */
    if (MN_UNLIKELY(!mn_tcp_synchronized(tcb)))
        return tcb->progress_ns + MN_SYN_TIMEOUT;
    uint64_t user_timeout = MN_UNLIKELY(tcb->user_timeout_ns != 0) ? tcb->user_timeout_ns : tcp->config.user_timeout_ns;
    uint64_t at = mn_time_after(tcb->progress_ns, user_timeout);
    return MN_UNLIKELY(tcb->orphan) && !tcb->user_timeout_set ? MN_MIN(at, orphan_gives_up_at(tcb)) : at;
}

static void arm_retransmit(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    uint64_t at = MN_MIN(tcb->retransmit_due_ns, give_up_at(tcp, tcb));
    if (tcb->loss.early != MN_EARLY_NONE)
        at = MN_MIN(at, tcb->loss.early_due_ns);
    mn_tcb_set_due(tcp, tcb, MN_DUE_RETRANSMIT, MN_MAX(now + 1, at));
}

void mn_timers_rearm(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    if (mn_tcb_is_due(tcb, MN_DUE_RETRANSMIT))
        arm_retransmit(tcp, tcb, now);
}

void mn_timers_update(struct mn_tcp *tcp, struct mn_tcb *tcb, bool restart, uint64_t now)
{
    bool in_flight = tcb->snd_nxt != tcb->snd_una;
    if (!in_flight && !mn_tcb_has_unsent(tcb)) {
        tcb->persisting = tcb->probe_out = false;
        mn_tcb_set_due(tcp, tcb, MN_DUE_RETRANSMIT, MNET_NEVER);
        return;
    }
    bool persisting = MN_UNLIKELY(tcb->snd_wnd == 0 || !in_flight) && mn_tcp_synchronized(tcb);
    if (MN_UNLIKELY(persisting != tcb->persisting)) {
        tcb->persisting = persisting;
        tcb->probe_unanswered = tcb->probe_out = false; /* what was probed with is in flight now */
        restart = true;
    }
    if (restart || !mn_tcb_is_due(tcb, MN_DUE_RETRANSMIT)) {
        tcb->retransmit_due_ns = now + mn_rtt_timeout(&tcb->rtt);
        mn_tlp_schedule(tcb, now);
        arm_retransmit(tcp, tcb, now);
    } else if (tcb->loss.early != MN_EARLY_NONE && tcb->loss.early_due_ns < tcb->due_ns[MN_DUE_RETRANSMIT]) {
        arm_retransmit(tcp, tcb, now);
    }
}

/* SHLD-29 and SHLD-30: a probe after one RTO, then twice as long each time. Patience counts from the first one that nobody answers;
 * but where no user is left, answers alone do not hold a connection open, or closed windows could use up all there are (RFC 6429 3). */
static MN_RARE void ask_for_window(struct mn_tcb *tcb, uint64_t now)
{
    if (!tcb->probe_unanswered && !tcb->orphan)
        tcb->progress_ns = now;
    tcb->probe_unanswered = true;
    tcb->probe_now = true;
}

static MN_RARE void retransmit_expired(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    if (now >= give_up_at(tcp, tcb)) {
        bool told = !tcb->was_established && tcb->unreachable != MNET_UNREACHABLE_NONE;
        mn_tcp_count(tcp, MNET_COUNT_TCP_TIMED_OUT);
        mn_tcb_finish(tcp, tcb, told ? MNET_E_UNREACHABLE : MNET_E_TIMED_OUT);
        return;
    }
    if (!tcb->persisting && mn_loss_early(tcp, tcb, now)) {
        tcb->retransmit_due_ns = now + mn_rtt_timeout(&tcb->rtt); /* RFC 8985 7.3: after the probe */
        mn_tcb_wants_output(tcp, tcb);
    }
    if (now < tcb->retransmit_due_ns) { /* an early timer, or it was put off since it was armed */
        arm_retransmit(tcp, tcb, now);
        return;
    }
    if (!mn_tcp_synchronized(tcb))
        tcb->syn_now = true;
    else if (tcb->persisting)
        ask_for_window(tcb, now);
    else {
        mn_loss_timeout(tcp, tcb, now);
        mn_tcb_trace(tcp, tcb, MNET_TCP_EVENT_TIMEOUT);
        mn_ecn_timed_out(tcb);
    }
    mn_rtt_retransmitted(&tcb->rtt);
    mn_rtt_backoff(&tcb->rtt);
    if (tcb->rtt.expiries == MN_R1 && !tcb->persisting)
        mn_tcb_notice(tcp, tcb, MNET_NOTICE_RETRANSMITTING); /* SHLD-9, and for SYNs MUST-22 */
    mn_timers_update(tcp, tcb, true, now);
    mn_tcb_wants_output(tcp, tcb);
}

static void lifetime_expired(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    if (tcb->orphan)
        mn_tcb_finish(tcp, tcb, MNET_E_TIMED_OUT);
    else
        mn_keepalive_expired(tcp, tcb, now);
}

/* Serves the first that is due, if any is. Another one that is due already fires at once again. */
static void tcb_expired(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    enum mn_due which = first_due(tcb);
    bool due = tcb->due_ns[which] <= now;
    if (due)
        tcb->due_ns[which] = MNET_NEVER;
    mn_tcb_arm(tcp, tcb, tcb->due_ns[first_due(tcb)]);
    if (!due)
        return;
    switch (which) {
    case MN_DUE_DELAYED_ACK: tcb->ack_now = true; break;
    case MN_DUE_PACING: break;
    case MN_DUE_RETRANSMIT: retransmit_expired(tcp, tcb, now); return;
    default: lifetime_expired(tcp, tcb, now); return;
    }
    mn_tcb_wants_output(tcp, tcb);
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
