/* The room in the send buffer: the smaller of the room by its size (autotune.c), which grows when
 * data is acknowledged, and the room by the user's not-sent low water, which grows when data is
 * sent.
 */
#include "tcp/room.h"
#include "tcp/ready.h"

static uint32_t unsent_limit(const struct mn_tcb *tcb)
{
    uint32_t limit = tcb->rare.limits->unsent;
    return limit != 0 ? limit : UINT32_MAX;
}

uint32_t mn_tcb_unsent_room(const struct mn_tcb *tcb)
{
    uint32_t end = mn_sendq_end(&tcb->sendq), limit = unsent_limit(tcb);
    uint32_t unsent = mn_seq_gt(end, tcb->snd_nxt) ? end - tcb->snd_nxt : 0;
    return limit > unsent ? limit - unsent : 0;
}

bool mn_tcb_has_room(const struct mn_tcp *tcp, const struct mn_tcb *tcb)
{
    uint32_t limit = mn_tcb_send_limit(tcp, tcb);
    uint32_t room = mn_tcb_send_room(tcp, tcb);
    if (MN_UNLIKELY(tcb->limited))
        limit = MN_MIN(limit, unsent_limit(tcb));
    bool moves = tcb->snd_wnd >= tcb->snd_mss || (tcb->snd_wnd > 0 && tcb->snd_una != tcb->snd_nxt);
    uint32_t half = limit - limit / 2;
    uint32_t enough = moves ? half : MN_MIN(tcb->rare.send_wanted, half);
    return room >= (tcb->send_full ? MN_MAX(enough, 1u) : 1u);
}

MN_APART void mn_tcb_tell_room(struct mn_tcp *tcp, struct mn_tcb *tcb)
{
    if (!mn_tcb_has_room(tcp, tcb))
        return;
    tcb->send_full = false;
    mn_tcb_queue_event(tcp, tcb);
}
