/* Keepalive (RFC 9293 3.8.4, MAY-5) checks whether a peer that has been silent for long is still
 * there.
 *
 * Nothing is sent before the user asks for it (MUST-24, MUST-25), and then only while nothing
 * arrives (MUST-26). The time of the last sign of life is recorded, and compared when the timer
 * expires, so traffic costs nothing. A sign of life is an acceptable segment, one that repeats
 * known text because our acknowledgements are lost, or a keepalive probe; each with a plausible
 * ACK. A blind forgery needs both numbers. A probe has a sequence number one below SND.NXT and no
 * data (SHLD-12), and every TCP answers it. One unanswered probe proves nothing (MUST-29). While
 * data is in flight the retransmission timer checks the peer better than any probe.
 */
#include "tcp/keepalive.h"
#include "tcp/end.h"
#include "tcp/ready.h"
#include "tcp/state.h"
#include "tcp/tcb.h"
#include "tcp/timers.h"
#include "tcp/window.h"

#define PROBES_LEAST 2 /* MUST-29 */

static uint32_t milliseconds(uint64_t ns, uint32_t otherwise_s)
{
    uint64_t ms = MN_MIN(ns / MNET_MILLISECOND + (ns % MNET_MILLISECOND != 0), (uint64_t)UINT32_MAX);
    return ns == 0 ? otherwise_s * 1000 : (uint32_t)ms;
}

static bool watched(const struct mn_tcb *tcb)
{
    return tcb->rare.keepalive.idle_ms > 0 && mn_tcp_synchronized(tcb) && !tcb->orphan;
}

void mn_keepalive_arm(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    if (watched(tcb))
        mn_tcb_set_due(tcp, tcb, MN_DUE_LIFETIME, tcb->heard_ns + tcb->rare.keepalive.idle_ms * MNET_MILLISECOND);
    else if (!tcb->orphan) /* otherwise the timer ends the orphan */
        mn_tcb_set_due(tcp, tcb, MN_DUE_LIFETIME, MNET_NEVER);
}

void mn_tcp_set_keepalive(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mnet_keepalive *keepalive)
{
    tcb->rare.keepalive = (struct mn_keepalive){0};
    if (keepalive != NULL) { /* MUST-27 */
        tcb->rare.keepalive.idle_ms = milliseconds(keepalive->idle_ns, MNET_KEEPALIVE_IDLE_S);
        tcb->rare.keepalive.interval_ms = milliseconds(keepalive->interval_ns, MNET_KEEPALIVE_INTERVAL_S);
        tcb->rare.keepalive.probes = (uint8_t)MN_MIN(MN_MAX(keepalive->probes, (unsigned)PROBES_LEAST),
                                                     (unsigned)UINT8_MAX);
        if (keepalive->probes == 0)
            tcb->rare.keepalive.probes = MNET_KEEPALIVE_PROBES;
    }
    mn_keepalive_arm(tcp, tcb);
}

/* Returns the number of octets that the peer can repeat: all that it ever sent, SYN and FIN
 * included, but not more than it can send without an acknowledgement. */
uint32_t mn_tcb_repeatable(const struct mn_tcp *tcp, const struct mn_tcb *tcb)
{
    return (uint32_t)MN_MIN(tcb->bytes_received + 2, (uint64_t)mn_window_largest(tcp, tcb));
}

MN_RARE void mn_keepalive_heard(const struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg)
{
    MN_DEBUG_ASSERT(tcb->rare.keepalive.unanswered <= tcb->rare.keepalive.probes);
    uint32_t known = mn_tcb_repeatable(tcp, tcb);
    if ((seg->flags & (MN_TCP_SYN | MN_TCP_RST | MN_TCP_ACK)) != MN_TCP_ACK || !mn_tcb_ack_plausible(tcb, seg->ack) ||
        !mn_seq_within(seg->seq, tcb->rcv_nxt - known, known))
        return;
    tcb->heard_ns = seg->now;
    tcb->rare.keepalive.unanswered = 0;
}

void mn_keepalive_expired(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now)
{
    MN_DEBUG_ASSERT(tcb->rare.keepalive.idle_ms == 0 || tcb->rare.keepalive.probes >= PROBES_LEAST);
    struct mn_keepalive *keepalive = &tcb->rare.keepalive;
    if (!watched(tcb))
        return;
    uint64_t idle_until = tcb->heard_ns + keepalive->idle_ms * MNET_MILLISECOND;
    if (now < idle_until) {
        mn_tcb_set_due(tcp, tcb, MN_DUE_LIFETIME, idle_until);
        return;
    }
    if (tcb->snd_nxt == tcb->snd_una && !tcb->persisting) { /* zero-window probes check the same */
        if (keepalive->unanswered >= keepalive->probes) {
            mn_tcp_count(tcp, MNET_COUNT_TCP_TIMED_OUT);
            mn_tcb_reset(tcp, tcb, MNET_E_TIMED_OUT, now);
            return;
        }
        keepalive->unanswered++;
        mn_tcb_owe(tcp, tcb, MN_OWED_KEEPALIVE);
    }
    mn_tcb_set_due(tcp, tcb, MN_DUE_LIFETIME, now + keepalive->interval_ms * MNET_MILLISECOND);
}
