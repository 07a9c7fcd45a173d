/* The states of RFC 9293 3.3.2. */
#ifndef MN_TCP_STATE_H
#define MN_TCP_STATE_H

#include "tcp/tcb.h"

void mn_tcp_set_state(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mn_tcp_state state);
const char *mn_tcp_state_name(enum mn_tcp_state state);
bool mn_tcp_synchronized(const struct mn_tcb *tcb);

#endif
