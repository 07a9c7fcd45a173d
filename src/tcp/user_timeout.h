/* The user timeout and its option: see user_timeout.c. */
#ifndef MN_TCP_USER_TIMEOUT_H
#define MN_TCP_USER_TIMEOUT_H

#include "tcp/tcb.h"

/* RFC 5482: put the option into a segment, and apply the peer's option. */
void mn_user_timeout_put(const struct mn_tcp *tcp, const struct mn_tcb *tcb, struct mn_tcp_header *header);
void mn_user_timeout_learn(const struct mn_tcp *tcp, struct mn_tcb *tcb, uint16_t option);

#endif
