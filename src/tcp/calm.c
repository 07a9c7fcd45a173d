/* Calm connections.
 *
 * Theory of operation. Nearly always nothing is going on in a connection but data back and forth:
 * it is established with the usual options, nothing is lost, out of order or urgent, no window is
 * closed, no path is searched, and neither end closes. Then most questions of input and output have
 * known answers. `calm` in the tcb remembers that, so that the short ways (input of the expected
 * segment, output of the usual one) ask one question instead of twenty. What they do is the same:
 * the model sends the same segments if no connection is ever called calm.
 *
 * mn_tcb_output sets the flag. It is cleared by whatever may disturb the connection: the full way
 * of input, an expiry of the retransmission timer, a probe, the user's settings, a change of state.
 * mn_tcb_check asserts that a connection with the flag is calm.
 */
#include "tcp/calm.h"

/* Nobody has set anything unusual, and neither end closes. */
static bool is_usual(const struct mn_tcb *tcb)
{
    return tcb->conn.options & MN_TCP_OPTION_TIMESTAMPS && tcb->sack_ok && !tcb->persisting && !tcb->fin_known &&
           !tcb->read_shut && !tcb->corked && !tcb->limited && !tcb->ecn.on && tcb->plpmtu == NULL &&
           !tcb->flight.congestion.ops->rate_based;
}

/* Nothing is lost, out of order or received twice, as far as we know. */
static bool is_lossless(const struct mn_tcb *tcb)
{
    const struct mn_loss *loss = &tcb->flight.loss;
    return loss->phase == MN_LOSS_OPEN && loss->sent.lost == 0 && loss->sent.sacked == 0 && !loss->tlp_out &&
           tcb->flight.rtt.expiries == 0 && tcb->reassembly == NULL && tcb->twice.left == tcb->twice.right &&
           tcb->duplicates_owed == 0;
}

bool mn_tcb_is_calm(const struct mn_tcb *tcb)
{
    return tcb->state == MN_ESTABLISHED && is_usual(tcb) && is_lossless(tcb);
}
