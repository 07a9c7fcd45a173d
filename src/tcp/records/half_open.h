/* SYN-RECEIVED of passive opens, as a record. */
#ifndef MN_TCP_HALF_OPEN_H
#define MN_TCP_HALF_OPEN_H

#include "tcp/tcb.h"

/* The tcb that the record became, for the rest of 3.10.7.4, or NULL where the segment is done with. */
struct mn_tcb *mn_half_open_input(struct mn_tcp *tcp, struct mn_half_open *half, struct mn_segment *seg);
/* The handshake that the record, or a cookie in its form, stands for ends with `seg`: a tcb in ESTABLISHED, in the listener's queue. The record is
 * gone then. NULL where there is no room; that has been answered where policy says so. */
struct mn_tcb *mn_half_open_promote(struct mn_tcp *tcp, struct mn_half_open *half, const struct mn_segment *seg);
void mn_half_open_expire(struct mn_tcp *tcp, struct mn_half_open *half, uint64_t now);
struct mnet_packet *mn_half_open_output(struct mn_tcp *tcp, struct mn_half_open *half, struct mn_datagram *datagram,
                                        uint64_t now);
/* Its SYN,ACK is to be sent. */
void mn_half_open_announce(struct mn_tcp *tcp, struct mn_half_open *half);
/* A zeroed record, for which the oldest may have to go; NULL if memory is used up. If a cookie would do
 * as well, records leave the margin to connections. */
struct mn_half_open *mn_half_open_new(struct mn_tcp *tcp, bool cookies);
/* Whether its queue is full; counted if it is. */
bool mn_listener_refuse_if_full(struct mn_tcp *tcp, const struct mn_listener *listener);
void mn_half_open_free(struct mn_tcp *tcp, struct mn_half_open *half);

#endif
