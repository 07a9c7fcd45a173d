/* The receive window (RFC 9293 3.8.6): see window.c. */
#ifndef MN_TCP_WINDOW_H
#define MN_TCP_WINDOW_H

#include "tcp/tcb.h"

uint32_t mn_window_offer(const struct mn_tcp *tcp, struct mn_tcb *tcb);
/* Returns the window of our SYN: less than usual if the budget is nearly used up, but at least two
 * segments. */
uint16_t mn_window_initial(const struct mn_tcp *tcp, const struct mnet_endpoint *remote);
void mn_window_init(const struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t announced);
/* The user read `bytes`: adjusts the target, and asks for a window update if it is worth one
 * (MUST-39). */
void mn_window_consumed(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t bytes, uint64_t now);
/* Returns the largest window that this connection can ever announce. */
static inline uint32_t mn_window_largest(const struct mn_tcp *tcp, const struct mn_tcb *tcb)
{
    uint32_t most = tcp->config.user.receive_buffer;
    if (MN_UNLIKELY(tcb->limited) && tcb->rare.limits->receive_buffer != 0)
        most = tcb->rare.limits->receive_buffer;
    return MN_MIN(most, (uint32_t)UINT16_MAX << tcb->rcv_wscale);
}
/* Returns the shift by which 16 bits express the largest window that we may ever offer. */
uint8_t mn_window_shift(const struct mn_tcp *tcp);
/* Returns the MSS that we announce (MUST-67). */
uint16_t mn_window_mss(const struct mn_tcp *tcp, struct mnet_address remote);

#endif
