/* Notices to the user besides readiness (RFC 9293 3.9.1.8, MUST-47): soft errors, and trouble
 * between R1 and R2. They end nothing. */
#include "tcp/notices.h"
#include "tcp/ready.h"
#include "tcp/tcb.h"

void mn_tcb_post_notice(struct mn_tcp *tcp, struct mn_tcb *tcb, enum mnet_notice notice)
{
    if (tcb->quiet || tcb->orphan)
        return;
    tcb->notices |= (uint8_t)notice;
    mn_tcb_queue_event(tcp, tcb);
}

unsigned mn_tcp_notices(struct mn_tcb *tcb)
{
    unsigned notices = tcb->notices;
    tcb->notices = 0;
    return notices;
}

void mn_tcp_set_notices(struct mn_tcb *tcb, bool on)
{
    tcb->quiet = !on;
    tcb->notices = on ? tcb->notices : 0;
}
