/* Orphans: connections whose user has closed, and which still deliver data or wait for the peer's
 * FIN. Nobody waits for them, so they go first: there are at most config.user.orphans_max of them,
 * and one is reset if a new connection needs its place or its memory. That is the one that has made
 * no progress for longest: the list is in the order of their last progress. So a peer that keeps
 * its window closed, or never acknowledges our FIN, keeps nobody else out (RFC 6429 3).
 */
#include "tcp/orphan.h"
#include "tcp/tcb.h"

void mn_orphan_add(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    MN_DEBUG_ASSERT(tcp->orphans <= tcp->established);
    MN_ASSERT(tcb->orphan && !mn_list_linked(&tcb->event));
    mn_list_append(&tcp->orphan_list, &tcb->event);
    tcp->orphans++;
}

void mn_orphan_note_progress(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    MN_DEBUG_ASSERT(tcb->orphan);
    if (mn_list_linked(&tcb->event)) {
        mn_list_remove(&tcb->event);
        mn_list_append(&tcp->orphan_list, &tcb->event);
    }
}

void mn_orphan_remove(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    if (tcb->orphan && mn_list_linked(&tcb->event)) {
        MN_ASSERT(tcp->orphans > 0);
        mn_list_remove(&tcb->event);
        tcp->orphans--;
    }
}
