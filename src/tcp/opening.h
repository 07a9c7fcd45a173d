/* The beginning of a connection. */
#ifndef MN_TCP_OPENING_H
#define MN_TCP_OPENING_H

#include "tcp/tcb.h"

/* Returns the tcb of a new connection between two ends whose hash is `hash` (mn_table_find), in no
 * table yet; or NULL if there is no room for it. */
struct mn_tcb *mn_tcb_new(struct mn_tcp *tcp, struct mnet_endpoint local, struct mnet_endpoint remote, uint64_t hash,
                          uint64_t now);
/* Returns memory for a tcb, zeroed; NULL if there is none even after others gave way. */
struct mn_tcb *mn_tcb_alloc(struct mn_tcp *tcp, uint64_t now);
/* Fills in what every tcb begins with. It is in no list and no table. */
void mn_tcb_init(const struct mn_tcp *tcp, struct mn_tcb *tcb, struct mnet_endpoint local, struct mnet_endpoint remote,
                 uint64_t hash, uint64_t now);
/* The ISS is chosen: the send sequence space begins there. */
void mn_tcb_start_sending(struct mn_tcb *tcb);
/* The handshake is complete. */
void mn_tcb_established(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg);
/* Our SYN was sent more than once, and `seg` acknowledges it. That gives no sample (MUST-18),
 * unless a timestamp shows which SYN it answers (RFC 7323 4.1). The timeout still begins at 3 s
 * (RFC 6298 5.7). */
void mn_tcb_time_lost_syn(struct mn_tcb *tcb, const struct mn_segment *seg);

#endif
