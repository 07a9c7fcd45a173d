/* Accounts of the memory that received text pins. pressure.c chooses the connections that give some
 * of it back. */
#include "tcp/charge.h"
#include "tcp/tcb.h"

void mn_pressure_charge_early(struct mn_tcp *tcp, struct mn_tcb *tcb, size_t before)
{
    struct mn_tcp_reassembly *r = tcb->reassembly;
    MN_ASSERT(tcp->receive_early >= before && tcp->receive_used >= tcp->receive_early);
    tcp->receive_used += r->pinned - before;
    tcp->receive_early += r->pinned - before;
    if (r->pinned >= r->hog.beyond || r->pinned < before)
        mn_hog_place(&tcp->early, &r->hog, r->pinned);
}

void mn_tcb_drop_reassembly(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    if (tcb->reassembly == NULL)
        return;
    size_t before = tcb->reassembly->pinned;
    mn_tcp_reassembly_clear(tcb->reassembly, &tcp->runs);
    mn_pressure_charge_early(tcp, tcb, before);
    mn_pool_free(&tcp->reassemblies, tcb->reassembly);
    tcb->reassembly = NULL;
}
