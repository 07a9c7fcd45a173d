/* The data in flight, and its retransmission as a whole. */
#include "tcp/recovery/loss.h"

#include "tcp/calm.h"
#include "tcp/recovery/flight.h"
#include "tcp/recovery/rack.h"
#include "tcp/tcb.h"

void mn_loss_init(struct mn_loss *loss, uint32_t seq)
{
    *loss = (struct mn_loss){.phase = MN_LOSS_OPEN, .recover = seq, .rtt_since_tlp = true};
    mn_scoreboard_init(&loss->sent, seq);
    mn_rack_init(&loss->rack, seq);
}

/* Returns the bytes that duplicates stand for: segments that have arrived without SACK to name
 * them. */
static uint32_t duplicate_bytes(const struct mn_tcb *tcb)
{
    const struct mn_loss *loss = &tcb->flight.loss;
    if (MN_LIKELY(tcb->sack_ok))
        return 0;
    /* Each of the first two duplicates allows a new segment (RFC 3042). After a timeout duplicates
     * mean nothing. */
    uint32_t most = loss->phase == MN_LOSS_RECOVERY ? UINT16_MAX
                    : loss->phase == MN_LOSS_OPEN   ? MN_DUPACK_THRESHOLD - 1u
                                                    : 0;
    return MN_MIN((uint32_t)loss->dupacks, most) * tcb->snd_mss;
}

/* Returns "pipe" (RFC 6675 4): bytes sent that are neither acknowledged nor lost. */
uint32_t mn_tcb_pipe(const struct mn_tcb *tcb)
{
    MN_DEBUG_ASSERT(tcb->flight.loss.sent.sacked + tcb->flight.loss.sent.lost <= tcb->snd_nxt - tcb->snd_una);
    uint32_t out = tcb->snd_nxt - tcb->snd_una - tcb->flight.loss.sent.sacked - tcb->flight.loss.sent.lost;
    uint32_t arrived = duplicate_bytes(tcb);
    return out > arrived ? out - arrived : 0;
}

void mn_loss_retransmit(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t end)
{
    MN_DEBUG_ASSERT(mn_seq_leq(tcb->snd_una, end) && mn_seq_leq(end, tcb->snd_nxt));
    struct mn_congestion *c = &tcb->flight.congestion;
    mn_tcb_disturb(tcb);
    uint32_t flight = mn_tcb_pipe(tcb);
    uint32_t room = c->cwnd > flight ? c->cwnd - flight : 0;
    mn_scoreboard_lose_range(&tcb->flight.loss.sent, &tcp->scoreboards, tcb->snd_una, end);
    /* No more than its acknowledgements had allowed. */
    if (tcb->flight.loss.phase == MN_LOSS_RECOVERY)
        c->cwnd = mn_tcb_pipe(tcb) + MN_MAX(room, c->mss);
}
