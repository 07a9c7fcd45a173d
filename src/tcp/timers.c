/* Timers of a connection: retransmission (RFC 6298 5), zero-window probes (RFC 9293 3.8.6.1),
 * delayed acknowledgement, pacing, keepalive, the end of orphans. This file starts and stops them.
 * expire.c handles their expiry.
 *
 * They are started and stopped with nearly every segment, and hardly ever expire. So all timers of
 * a connection share one on the wheel, which is moved only if a timer is due before it. Stopping or
 * postponing a timer costs one store. When the shared timer expires, the first due timer is served,
 * and the shared one is armed for the next. timer.at_ns is the time for which it is armed, or
 * MNET_NEVER.
 */
#include "tcp/timers.h"
#include "tcp/calm.h"
#include "tcp/output.h"
#include "tcp/recovery/tlp.h"
#include "tcp/state.h"
#include "tcp/tcb.h"

MN_RARE void mn_tcb_arm(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t at_ns)
{
    mn_wheel_arm(&tcp->wheel, &tcb->timer, at_ns);
    tcb->timer.at_ns = at_ns;
}

void mn_tcb_stop_timers(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    for (unsigned i = 0; i < MN_DUE_COUNT; i++)
        tcb->due_ns[i] = MNET_NEVER;
    mn_tcb_arm(tcp, tcb, MNET_NEVER);
}

/* Without a user, and without a timeout set by one, a silent peer gets the time that SHLD-11 asks
 * for and no more: no user would learn of a later delivery. A peer that answers the probes of its
 * closed window is not silent. */
static uint64_t orphan_gives_up_at(const struct mn_tcb *tcb)
{
    uint64_t since = tcb->persisting ? MN_MAX(tcb->heard_ns, tcb->flight.progress_ns) : tcb->flight.progress_ns;
    return since + MN_ORPHAN_TIMEOUT;
}

/* Returns the time at which the peer's silence ends the connection: R2 (MUST-20). */
uint64_t mn_timers_give_up_at(const struct mn_tcp *tcp, const struct mn_tcb *tcb)
{
    if (MN_UNLIKELY(tcb->persisting) && !tcb->probe_unanswered && !tcb->orphan)
        return MNET_NEVER; /* MUST-37: nothing is asked of the peer now */
    if (MN_UNLIKELY(!mn_tcp_synchronized(tcb)))
        return tcb->flight.progress_ns + MN_SYN_TIMEOUT;
    uint64_t user_timeout = tcb->flight.user_timeout_ns != 0 ? tcb->flight.user_timeout_ns
                                                             : tcp->config.user.user_timeout_ns;
    uint64_t at = mn_time_after(tcb->flight.progress_ns, user_timeout);
    return MN_UNLIKELY(tcb->orphan) && !tcb->user_timeout_set ? MN_MIN(at, orphan_gives_up_at(tcb)) : at;
}

void mn_timers_arm_retransmit(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    uint64_t at = MN_MIN(tcb->flight.retransmit_due_ns, mn_timers_give_up_at(tcp, tcb));
    if (tcb->flight.loss.early != MN_EARLY_NONE)
        at = MN_MIN(at, tcb->flight.loss.early_due_ns);
    mn_tcb_set_due(tcp, tcb, MN_DUE_RETRANSMIT, MN_MAX(now + 1, at));
}

void mn_timers_rearm(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    if (mn_tcb_is_due(tcb, MN_DUE_RETRANSMIT))
        mn_timers_arm_retransmit(tcp, tcb, now);
}

void mn_timers_start(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    tcb->flight.retransmit_due_ns = now + mn_rtt_timeout(&tcb->flight.rtt);
    mn_tlp_schedule(tcb, now);
    mn_timers_arm_retransmit(tcp, tcb, now);
}

void mn_timers_follow(struct mn_tcp *tcp, struct mn_tcb *tcb, bool restart, uint64_t now)
{
    bool in_flight = tcb->snd_nxt != tcb->snd_una;
    MN_DEBUG_ASSERT(in_flight || mn_tcb_has_unsent(tcb));
    bool persisting = MN_UNLIKELY(tcb->snd_wnd == 0 || !in_flight) && mn_tcp_synchronized(tcb);
    if (MN_UNLIKELY(persisting != tcb->persisting)) {
        tcb->persisting = persisting;
        mn_tcb_disturb(tcb);
        /* The octet of the probe is in flight now. */
        tcb->probe_unanswered = tcb->probe_out = false;
        restart = true;
    }
    if (restart || !mn_tcb_is_due(tcb, MN_DUE_RETRANSMIT))
        mn_timers_start(tcp, tcb, now);
    else if (tcb->flight.loss.early != MN_EARLY_NONE && tcb->flight.loss.early_due_ns < tcb->due_ns[MN_DUE_RETRANSMIT])
        mn_timers_arm_retransmit(tcp, tcb, now);
}
