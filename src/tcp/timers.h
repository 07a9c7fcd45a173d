/* The timers of a connection: see timers.c. */
#ifndef MN_TCP_TIMERS_H
#define MN_TCP_TIMERS_H

#include "tcp/output.h"
#include "tcp/tcb.h"

void mn_tcb_arm(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t at_ns);
/* Starts one of the tcb's timers, or moves it. MNET_NEVER stops it. */
static inline void mn_tcb_set_due(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mn_due which, uint64_t at_ns)
{
    tcb->due_ns[which] = at_ns;
    if (MN_UNLIKELY(at_ns < tcb->timer.at_ns))
        mn_tcb_arm(tcp, tcb, at_ns);
}
/* Stops all of them. */
void mn_tcb_stop_timers(struct mn_tcp *tcp, struct mn_tcb *tcb);
static inline bool mn_tcb_is_due(const struct mn_tcb *tcb, enum mn_due which)
{
    return tcb->due_ns[which] != MNET_NEVER;
}
/* Arms the retransmission timer for the data in flight, or the probe timer. `restart` begins a new
 * period. */
void mn_timers_follow(struct mn_tcp *tcp, struct mn_tcb *tcb, bool restart, uint64_t now);
/* The same, or neither of them if there is no data in flight or to be sent. */
static inline void mn_timers_update(struct mn_tcp *tcp, struct mn_tcb *tcb, bool restart, uint64_t now)
{
    if (tcb->snd_nxt != tcb->snd_una || mn_tcb_has_unsent(tcb)) {
        mn_timers_follow(tcp, tcb, restart, now);
        return;
    }
    tcb->persisting = tcb->probe_out = false;
    mn_tcb_set_due(tcp, tcb, MN_DUE_RETRANSMIT, MNET_NEVER);
}
/* Begins a new period of retransmission for the data in flight. */
void mn_timers_start(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* Returns the time at which the peer's silence ends the connection: R2 (MUST-20). */
uint64_t mn_timers_give_up_at(const struct mn_tcp *tcp, const struct mn_tcb *tcb);
/* Arms the timer for the first of retransmission, the timers before it, and R2. */
void mn_timers_arm_retransmit(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* R2 has changed. */
void mn_timers_rearm(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);

#endif
