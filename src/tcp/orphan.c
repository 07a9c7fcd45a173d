/* Orphans: connections whose user has closed, and which still deliver, or wait for the peer's FIN. Nobody waits for them any more, so they are the first to go: there are
 * at most config.orphans_max of them, and one is reset when a new connection needs its place or its memory. That is the one for
 * which nothing has moved for the longest time: the list is in the order of their last progress. A peer that holds a closed window, or keeps its
 * acknowledgement of our FIN to itself, thus keeps nobody else out (RFC 6429 3).
 */
#include "tcp/tcb.h"

/* Memory is scarce where less than a quarter is left. */
static bool scarce(const struct mn_tcp *tcp)
{
    size_t budget = mnet_memory_budget(tcp->config.memory);
    return mnet_memory_used(tcp->config.memory) > budget - budget / 4;
}

bool mn_orphan_evict(struct mn_tcp *tcp, const struct mn_tcb *not_this, uint64_t now)
{
    struct mnet_link *link = mn_list_first(&tcp->orphan_list);
    if (link != NULL && not_this != NULL && link == &not_this->event)
        link = link->next != &tcp->orphan_list ? link->next : NULL;
    if (link == NULL)
        return false;
    mn_tcp_count(tcp, MNET_COUNT_TCP_DROP_ORPHAN);
    mn_tcb_reset(tcp, MN_CONTAINER(link, struct mn_tcb, event), MNET_E_LIMIT, now);
    return true;
}

void mn_orphan_add(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    MN_ASSERT(tcb->orphan && !mn_list_linked(&tcb->event));
    mn_list_append(&tcp->orphan_list, &tcb->event);
    tcp->orphans++;
    if (tcp->orphans > tcp->config.orphans_max || (scarce(tcp) && tcp->orphans > 1))
        mn_orphan_evict(tcp, NULL, now);
}

void mn_orphan_progress(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    if (mn_list_linked(&tcb->event)) {
        mn_list_remove(&tcb->event);
        mn_list_append(&tcp->orphan_list, &tcb->event);
    }
}

void mn_orphan_remove(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    if (tcb->orphan && mn_list_linked(&tcb->event)) {
        mn_list_remove(&tcb->event);
        tcp->orphans--;
    }
}
