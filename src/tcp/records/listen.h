/* LISTEN: see listen.c. */
#ifndef MN_TCP_LISTEN_H
#define MN_TCP_LISTEN_H

#include "tcp/tcb.h"

/* 3.10.7.2. isn_floor is 0 if any sequence number will do. Returns the tcb that a cookie became,
 * for the rest of 3.10.7.4, or NULL. */
struct mn_tcb *mn_listen_input(struct mn_tcp *tcp, struct mn_listener *listener, struct mn_segment *seg,
                               uint32_t isn_floor);

#endif
