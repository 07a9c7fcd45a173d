/* Functions that the user's calls share with the arrival of segments. */
#ifndef MN_TCP_USER_H
#define MN_TCP_USER_H

#include "tcp/tcb.h"

/* Ends FIN-WAIT-2 without a user after some time. */
void mn_tcb_arm_orphan(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);

#endif
