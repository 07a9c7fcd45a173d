/* Functions that the user's calls share with the arrival of segments. */
#ifndef MN_TCP_USER_H
#define MN_TCP_USER_H

#include "tcp/tcb.h"

/* Ends FIN-WAIT-2 without a user after some time. */
void mn_tcb_arm_orphan(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* Returns whether the send buffer has room that is worth an event: any room, if nobody waits.
 * Otherwise half of the buffer, or each acknowledgement would wake a writer for little room. If the
 * peer's window allows no more data, no more room would come, so then the room that somebody waits
 * for is enough. */
bool mn_tcb_has_room(const struct mn_tcp *tcp, const struct mn_tcb *tcb);

#endif
