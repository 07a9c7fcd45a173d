/* ECN, from the handshake to the reaction (RFC 3168 6.1).
 *
 * The handshake agrees on ECN: SYN with ECE and CWR, SYN,ACK with ECE alone. A SYN of Accurate ECN
 * (RFC 9768) has a third bit set, which is ignored: its sender understands the answer of RFC 3168.
 * Then data that is sent for the first time is ECT(0), and nothing else is. The receiver of a
 * marked packet sets ECE in all its acknowledgements until a segment with CWR arrives. The receiver
 * of ECE reduces cwnd as its module does, once a round trip, and sets CWR in the next new data, as
 * after any other reduction.
 *
 * Paths that do not support ECN: a SYN without an answer is sent again without ECE and CWR
 * (6.1.1.1). A timeout ends marking if no marked data has been acknowledged before. So a path that
 * drops such packets, or all but their first, costs one timeout. A path that clears the marks costs
 * nothing.
 */
#include "tcp/ecn.h"
#include "tcp/ready.h"
#include "tcp/tcb.h"

#define ECT_0 2u
#define CE 3u

bool mn_ecn_is_setup(uint8_t flags)
{
    return (flags & (MN_TCP_SYN | MN_TCP_ACK | MN_TCP_ECE | MN_TCP_CWR)) == (MN_TCP_SYN | MN_TCP_ECE | MN_TCP_CWR);
}

bool mn_ecn_is_marked(const struct mn_datagram *datagram)
{
    return (datagram->traffic_class & CE) == CE;
}

void mn_ecn_put_syn(struct mn_tcb *tcb, struct mn_tcp_header *header)
{
    if (tcb->snd_nxt != tcb->rare.iss)
        tcb->ecn.asked = false; /* the first one was not answered */
    if (tcb->ecn.asked)
        header->flags |= MN_TCP_ECE | MN_TCP_CWR;
}

void mn_ecn_begin(struct mn_tcb *tcb)
{
    tcb->ecn = (struct mn_ecn){
        .on = true, .marking = true, .reduced_to = tcb->rare.iss, .announced = tcb->flight.congestion.reductions};
}

void mn_ecn_learn_syn_ack(struct mn_tcb *tcb, uint8_t flags)
{
    /* Both bits would be our own SYN's, reflected by a peer that does not know them (6.1.1). */
    if (tcb->ecn.asked && (flags & (MN_TCP_ECE | MN_TCP_CWR)) == MN_TCP_ECE)
        mn_ecn_begin(tcb);
}

bool mn_ecn_must_tell(const struct mn_tcb *tcb)
{
    return MN_UNLIKELY(tcb->ecn.on) && tcb->ecn.announced != tcb->flight.congestion.reductions;
}

uint8_t mn_ecn_put_data(struct mn_tcb *tcb, struct mn_tcp_header *header)
{
    struct mn_ecn *e = &tcb->ecn;
    if (mn_ecn_must_tell(tcb))
        /* 6.1.2: on the first new data after a reduction, for any cause. */
        header->flags |= MN_TCP_CWR;
    e->announced = tcb->flight.congestion.reductions;
    return e->marking ? ECT_0 : 0; /* 5: ECT(0) is used if one codepoint is enough */
}

void mn_ecn_timed_out(struct mn_tcb *tcb)
{
    if (!tcb->ecn.proven)
        tcb->ecn.marking = false;
}

MN_APART void mn_ecn_received(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg)
{
    if (seg->flags & MN_TCP_CWR)
        tcb->ecn.echo = false;
    /* 6.1.3, 6.1.6. A mark on a segment without data is ignored. */
    if (seg->marked && (seg->len > 0 || (seg->refused && seg->seq == tcb->rcv_nxt))) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_ECN_MARKED);
        tcb->ecn.echo = true;
    }
}

MN_APART void mn_ecn_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg)
{
    struct mn_ecn *e = &tcb->ecn;
    struct mn_congestion *c = &tcb->flight.congestion;
    if (tcb->flight.loss.phase != MN_LOSS_OPEN) { /* a reduction is in progress */
        e->reduced_to = tcb->snd_nxt;
        return;
    }
    if (!mn_seq_gt(tcb->snd_una, e->reduced_to))
        return; /* 6.1.2: once for each window of data */
    if (seg->flags & MN_TCP_ECE) {
        mn_tcp_count(tcp, MNET_COUNT_TCP_ECN_REDUCED);
        c->ops->marked(c, tcb->snd_nxt - tcb->snd_una, seg->now);
        e->reduced_to = tcb->snd_nxt;
    } else {
        e->reduced_to = tcb->snd_una - 1; /* keeps the number comparable */
    }
    e->proven = true;
}
