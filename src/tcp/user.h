/* What the user's calls share with the arrival of segments. */
#ifndef MN_TCP_USER_H
#define MN_TCP_USER_H

#include "tcp/tcb.h"

/* FIN-WAIT-2 without a user ends some day. */
void mn_tcb_arm_orphan(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* Whether there is room in the send buffer that is worth telling of: any, if nobody waits. Otherwise half of the buffer, or
 * each acknowledgement would wake a writer for a little; or, if the peer's window lets no more go, after which no more room
 * would come, all that somebody waits for. */
bool mn_tcb_has_room(const struct mn_tcp *tcp, const struct mn_tcb *tcb);

#endif
