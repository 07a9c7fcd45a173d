/* An address of the host is lost. */
#include "tcp/end.h"
#include "tcp/records/half_open.h"
#include "tcp/records/idle.h"
#include "tcp/tcb.h"

/* Walks over all connections and records. An address is lost at most once in a lease. */
void mn_tcp_address_lost(struct mn_tcp *tcp, struct mnet_address address)
{
    struct mnet_link *next;
    for (struct mnet_link *link = mn_list_first(&tcp->half_open_list); link != NULL && link != &tcp->half_open_list;
         link = next) {
        struct mn_half_open *half = MN_CONTAINER(link, struct mn_half_open, link);
        next = link->next;
        if (mnet_address_equal(mn_conn_address(&half->conn.local), address))
            mn_half_open_free(tcp, half);
    }
    for (struct mnet_link *link = mn_list_first(&tcp->tcb_list); link != NULL && link != &tcp->tcb_list; link = next) {
        struct mn_tcb *tcb = MN_CONTAINER(link, struct mn_tcb, rare.all);
        next = link->next; /* an orphan is freed at once */
        if (tcb->state != MN_CLOSED && mnet_address_equal(mn_conn_address(&tcb->conn.local), address))
            mn_tcb_finish(tcp, tcb, MNET_E_NO_ADDRESS);
    }
    mn_idle_finish_from(tcp, address, MNET_E_NO_ADDRESS);
}
