/* The urgent mechanism (RFC 9293 3.8.5, MUST-30), for peers that still use it (SHLD-13: new
 * applications should not). Urgent octets stay in their place in the stream, in any number
 * (MUST-31): only the position of the last one is signalled. The pointer is that of the octet after
 * it (MUST-62, RFC 6093).
 */
#include "tcp/urgent.h"
#include "tcp/ready.h"
#include "tcp/tcb.h"

/* An old pointer is kept at this distance behind, so that it is not ahead when sequence numbers
 * wrap. Nothing unread is older. */
#define FAR_BEHIND (1u << 30)

void mn_urgent_input(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg)
{
    if (mn_seq_gt(tcb->rcv_nxt - FAR_BEHIND, tcb->rcv_up))
        tcb->rcv_up = tcb->rcv_nxt - FAR_BEHIND;
    if (MN_LIKELY(!(seg->flags & MN_TCP_URG)) || seg->header.urgent == 0 || tcb->fin_received)
        return;
    uint32_t up = seg->seq + seg->header.urgent;
    if (mn_seq_gt(up, tcb->rcv_up)) {
        tcb->rcv_up = up;
        mn_tcb_queue_event(tcp, tcb); /* MUST-32: there was no urgent data, or now there is more */
    }
}

uint32_t mn_tcp_urgent(const struct mn_tcb *tcb)
{
    /* The first unread octet. */
    uint32_t next = tcb->rcv_nxt - tcb->fin_received - tcb->recvq.bytes;
    return mn_seq_gt(tcb->rcv_up, next) ? tcb->rcv_up - next : 0;
}

void mn_tcp_send_urgent(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    tcb->snd_up = mn_sendq_end(&tcb->sendq);
    /* The peer learns of it even if its window is closed (MUST-66). */
    mn_tcb_owe(tcp, tcb, MN_OWED_ACK);
}

void mn_urgent_put(const struct mn_tcb *tcb, struct mn_tcp_header *header)
{
    if (MN_LIKELY(!mn_seq_gt(tcb->snd_up, header->seq)))
        return;
    header->flags |= MN_TCP_URG;
    header->urgent = (uint16_t)MN_MIN(tcb->snd_up - header->seq,
                                      (uint32_t)UINT16_MAX); /* later segments have the rest */
}
