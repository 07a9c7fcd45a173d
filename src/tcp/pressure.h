/* Rules for keeping memory, and for giving it back: see pressure.c. */
#ifndef MN_TCP_PRESSURE_H
#define MN_TCP_PRESSURE_H

#include "tcp/tcb.h"

/* Returns whether more received data may stay only if others give memory back, or perhaps not at
 * all. */
static inline bool mn_pressure(const struct mn_tcp *tcp)
{
    return 2 * tcp->receive_used > tcp->receive_budget || mn_memory_is_short(tcp->config.memory);
}
/* Under pressure: returns whether the text, the next in order, may stay. Counts it if it may
 * not. */
bool mn_pressure_admit(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mnet_packet *text, uint64_t now);
/* Does the same for text out of order, under pressure or not. */
bool mn_pressure_admit_early(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mnet_packet *text);
/* Resets the orphan that has been stuck for longest. Returns false if there is none. `not_this`,
 * which is being served, is excepted. */
bool mn_pressure_evict_orphan(struct mn_tcp *tcp, const struct mn_tcb *not_this, uint64_t now);
/* Does the same if there are more orphans than the limit and memory allow. */
void mn_pressure_limit_orphans(struct mn_tcp *tcp, uint64_t now);
/* An allocation for `tcb` (NULL: for a new connection) has failed: another connection gives memory
 * back. Returns false if none has to. */
bool mn_pressure_yield(struct mn_tcp *tcp, const struct mn_tcb *tcb, uint64_t now);
/* The send queue has grown. */
void mn_pressure_hold(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
static inline void mn_pressure_sent(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    if (MN_UNLIKELY(tcb->sendq.pinned >= tcb->flight.hog.beyond))
        mn_pressure_hold(tcp, tcb, now);
}

#endif
