/* The accounts of the memory that peers make us hold. */
#ifndef MN_TCP_CHARGE_H
#define MN_TCP_CHARGE_H

#include "tcp/tcb.h"

/* Forgets what arrived out of order. */
void mn_tcb_drop_reassembly(struct mn_tcp *tcp, struct mn_tcb *tcb);
/* What recvq pins has changed. */
static inline void mn_pressure_settle(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    size_t pinned = mn_recvq_pinned(&tcb->recvq);
    tcp->receive_used += pinned - tcb->rcv_charged;
    tcb->rcv_charged = pinned;
}
/* tcb->reassembly, which is not NULL, pins more or less than the `before` bytes that it did. */
void mn_pressure_charge_early(struct mn_tcp *tcp, struct mn_tcb *tcb, size_t before);

#endif
