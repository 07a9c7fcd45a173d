/* TIME-WAIT: see time_wait.c. */
#ifndef MN_TCP_TIME_WAIT_H
#define MN_TCP_TIME_WAIT_H

#include "tcp/tcb.h"

void mn_time_wait_enter(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* Returns true if nothing more is to be done with the segment, and false if it may open a new
 * connection. Then the record is gone, and the new initial sequence number must be above
 * *isn_floor. */
bool mn_time_wait_input(struct mn_tcp *tcp, struct mn_time_wait *tw, struct mn_segment *seg, uint32_t *isn_floor);
void mn_time_wait_expire(struct mn_tcp *tcp, uint64_t now);
/* Forgets every record. */
void mn_time_wait_clear(struct mn_tcp *tcp);

#endif
