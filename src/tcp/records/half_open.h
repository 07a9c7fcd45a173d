/* SYN-RECEIVED of passive opens, as a record. */
#ifndef MN_TCP_HALF_OPEN_H
#define MN_TCP_HALF_OPEN_H

#include "tcp/tcb.h"

/* Returns the tcb that the record became, for the rest of 3.10.7.4, or NULL if nothing more is to
 * be done with the segment. */
struct mn_tcb *mn_half_open_input(struct mn_tcp *tcp, struct mn_half_open *half, struct mn_segment *seg);
/* Completes the handshake of the record, or of a cookie in its form, with `seg`: makes a tcb in
 * ESTABLISHED, in the listener's queue, and frees the record. Returns NULL if there is no room.
 * Then the segment has been answered, if the policy demands an answer. */
struct mn_tcb *mn_half_open_promote(struct mn_tcp *tcp, struct mn_half_open *half, const struct mn_segment *seg);
void mn_half_open_expire(struct mn_tcp *tcp, struct mn_half_open *half, uint64_t now);
struct mnet_packet *mn_half_open_output(struct mn_tcp *tcp, struct mn_half_open *half, struct mn_datagram *datagram,
                                        uint64_t now);
/* Queues the record's SYN,ACK. */
void mn_half_open_announce(struct mn_tcp *tcp, struct mn_half_open *half);
/* Returns a zeroed record, or NULL if memory is used up. The oldest record may have to go for it.
 * If a cookie would do as well, records leave the margin to connections. */
struct mn_half_open *mn_half_open_new(struct mn_tcp *tcp, bool cookies);
/* Returns whether the listener's queue is full. Counts it if it is. */
bool mn_listener_refuse_if_full(struct mn_tcp *tcp, const struct mn_listener *listener);
void mn_half_open_free(struct mn_tcp *tcp, struct mn_half_open *half);

#endif
