/* Calm connections: see calm.c. */
#ifndef MN_TCP_CALM_H
#define MN_TCP_CALM_H

#include "tcp/tcb.h"

/* Returns whether nothing is going on in the connection but data back and forth. */
bool mn_tcb_is_calm(const struct mn_tcb *tcb);

/* One of the conditions of mn_tcb_is_calm has changed, or may have. */
static inline void mn_tcb_disturb(struct mn_tcb *tcb)
{
    tcb->calm = false;
}

#endif
