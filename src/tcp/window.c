/* The receive window that we offer the peer (RFC 9293 3.8.6).
 *
 * A window is a promise, but memory is charged for text that has arrived and not for text that may
 * (pressure.c). So many idle connections take nothing from an active one. The target of a
 * connection starts at MN_WINDOW_INITIAL and follows the bytes that the user reads (autotune.c), up
 * to config.user.receive_buffer. The right edge moves as long as the receive budget has room for
 * the text that it admits. It never moves left (SHLD-14): if more windows were promised than memory
 * can keep, text is dropped, unacknowledged, and the peer sends it again. The edge moves right only
 * in steps that are worth a segment (MUST-39).
 */
#include "tcp/window.h"
#include "tcp/autotune.h"
#include "tcp/charge.h"
#include "tcp/mss.h"
#include "tcp/ready.h"
#include "tcp/state.h"
#include "tcp/tcb.h"

static uint32_t queued(const struct mn_tcb *tcb)
{
    return tcb->recvq.bytes + tcb->recvq.lent_bytes;
}

/* Returns the bytes of text that the budget has room for. A full packet pins up to two and a half
 * times its bytes. */
static uint64_t budget_left(const struct mn_tcp *tcp)
{
    return tcp->receive_budget > tcp->receive_used ? (tcp->receive_budget - tcp->receive_used) / 2 : 0;
}

uint16_t mn_window_initial(const struct mn_tcp *tcp, const struct mnet_endpoint *remote)
{
    uint32_t usual = MN_MIN(MN_WINDOW_INITIAL, tcp->config.user.receive_buffer);
    uint64_t affordable = MN_MAX(budget_left(tcp), 2u * (uint64_t)mn_window_mss(tcp, remote->address));
    return (uint16_t)MN_MIN((uint64_t)usual, affordable);
}

void mn_window_init(const struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t announced)
{
    uint32_t largest = mn_window_largest(tcp, tcb);
    tcb->rcv_target = tcb->limited && tcb->rare.limits->receive_buffer != 0 ? largest
                                                                            : MN_MIN(MN_WINDOW_INITIAL, largest);
    tcb->rcv_adv = tcb->rcv_nxt + announced;
}

uint8_t mn_window_shift(const struct mn_tcp *tcp)
{
    unsigned bits = 32u - (unsigned)__builtin_clz(tcp->config.user.receive_buffer | 1);
    unsigned shift = bits > 16 ? bits - 16 : 0;
    return (uint8_t)MN_MIN(shift, (unsigned)MN_TCP_WINDOW_SHIFT_MAX);
}

uint16_t mn_window_mss(const struct mn_tcp *tcp, struct mnet_address remote)
{
    /* MUST-67, IP6-8.3-1, PMTU-5.4-2. */
    return (uint16_t)(mn_path_mtu_link(tcp->config.paths, remote) - mn_sizes_of(remote)->ip_header - MN_TCP_HEADER);
}

/* Returns the distance that the right edge can move: up to the target without the unread bytes,
 * within the budget. Returns 0 if that is not worth announcing (3.8.6.2.2): less than a full
 * segment, and less than half of the whole buffer. A window of two segments, or of the scale's unit
 * if that is larger, is always available, or a connection could starve. */
static uint32_t best_step(const struct mn_tcp *tcp, const struct mn_tcb *tcb)
{
    uint32_t announced = tcb->rcv_adv - tcb->rcv_nxt;
    uint32_t taken = queued(tcb) + announced;
    uint32_t worthwhile = MN_MAX(MN_MIN((uint32_t)tcb->rcv_mss, tcb->rcv_target / 2), 1u);
    if (MN_LIKELY(tcb->rcv_target < taken + worthwhile))
        return 0;
    uint32_t room = tcb->rcv_target - taken;
    uint32_t least = MN_MAX(2u * tcb->rcv_mss, 1u << tcb->rcv_wscale);
    uint32_t step = (uint32_t)MN_MIN((uint64_t)room, budget_left(tcp));
    if (announced + step < least)
        step = MN_MIN(room, least - announced);
    return step >= worthwhile ? step : 0;
}

/* Called for each segment sent. Moves the edge if that is worthwhile, and returns RCV.WND, a
 * multiple of the scale's unit. */
uint32_t mn_window_offer(const struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    uint32_t announced = tcb->rcv_adv - tcb->rcv_nxt;
    uint32_t step = best_step(tcp, tcb);
    if (MN_LIKELY(step == 0))
        return announced;
    uint32_t window = MN_MIN(announced + step, mn_window_largest(tcp, tcb)) >> tcb->rcv_wscale << tcb->rcv_wscale;
    if (window <= announced)
        return announced;
    tcb->rcv_adv = tcb->rcv_nxt + window;
    return window;
}

/* An update of its own is sent if the window was nearly closed, or opens by a quarter of the
 * target. Smaller steps are announced by other segments. */
static MN_APART void update(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    uint32_t window = tcb->rcv_adv - tcb->rcv_nxt, step = best_step(tcp, tcb);
    if (step > 0 && (window < 2u * tcb->rcv_mss || step >= tcb->rcv_target / 4))
        mn_tcb_owe(tcp, tcb, MN_OWED_ACK);
}

void mn_window_consumed(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t bytes, uint64_t now)
{
    mn_pressure_settle(tcp, tcb);
    mn_autotune_read(tcp, tcb, bytes, now);
    if (MN_UNLIKELY(tcb->fin_received || !mn_tcp_synchronized(tcb) || !tcb->conn.hashed))
        return; /* nothing more will come */
    uint32_t window = tcb->rcv_adv - tcb->rcv_nxt;
    if (MN_LIKELY(window >= 2u * tcb->rcv_mss && window > tcb->rcv_target - tcb->rcv_target / 4))
        return; /* no step is that large */
    update(tcp, tcb);
}
