/* Connections at rest: see idle.c. */
#ifndef MN_IDLE_H
#define MN_IDLE_H

#include "tcp/tcb.h"

/* After this time without a segment, either way, a connection may become a record. */
#define MN_IDLE_AFTER (5 * MNET_SECOND)

/* Nothing of the connection is due. It becomes a record if it has been at rest for long enough, and
 * is gone then. Otherwise its timer is armed for the next look at it, if there is to be one. */
void mn_idle_consider(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* Makes a connection of a record again. Returns NULL without memory; then nothing has changed. */
struct mn_tcb *mn_idle_leave(struct mn_tcp *tcp, struct mn_idle *idle, uint64_t now);
/* The host has lost `address`: connections from it end with `error`, and their users get events. */
void mn_idle_finish_from(struct mn_tcp *tcp, struct mnet_address address, int error);
/* Resets the connections of all records, which end with `error`, with events for their users. */
void mn_idle_reset_all(struct mn_tcp *tcp, int error, uint64_t now);
/* Fills in a copy of the tcb that a record would become: to look at, in no list and no table. That
 * of a connection that has ended is CLOSED. */
void mn_idle_copy(const struct mn_tcp *tcp, const struct mn_idle *idle, struct mn_tcb *copy);
/* Returns the owner's tcb, or such a copy in `space`. */
const struct mn_tcb *mn_idle_look(const struct mn_tcp *tcp, const struct mn_tcp_owner *owner, struct mn_tcb *space);
/* Frees every record. */
void mn_idle_clear(struct mn_tcp *tcp);
/* Asserts the invariants of all records. Returns the number of connections at rest. */
size_t mn_idle_check(const struct mn_tcp *tcp);

#endif
