/* Accounts of the memory that received text pins. */
#ifndef MN_TCP_CHARGE_H
#define MN_TCP_CHARGE_H

#include "tcp/tcb.h"

/* Forgets all text received out of order. */
void mn_tcb_drop_reassembly(struct mn_tcp *tcp, struct mn_tcb *tcb);
/* Charges for recvq after a change of the memory that it pins. */
static inline void mn_pressure_settle(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    size_t pinned = mn_recvq_pinned(&tcb->recvq);
    tcp->receive_used += pinned - tcb->rcv_charged;
    tcb->rcv_charged = pinned;
}
/* Charges for tcb->reassembly (not NULL), which pinned `before` bytes until now. */
void mn_pressure_charge_early(struct mn_tcp *tcp, struct mn_tcb *tcb, size_t before);

#endif
