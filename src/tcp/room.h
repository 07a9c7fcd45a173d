/* Room in the send buffer. */
#ifndef MN_TCP_ROOM_H
#define MN_TCP_ROOM_H

#include "tcp/tcb.h"

/* Returns the bytes that the user's not-sent low water still admits. The tcb is limited. */
uint32_t mn_tcb_unsent_room(const struct mn_tcb *tcb);
/* Returns the bytes that may be queued now. */
static inline uint32_t mn_tcb_send_room(const struct mn_tcp *tcp, const struct mn_tcb *tcb)
{
    uint32_t limit = mn_tcb_send_limit(tcp, tcb);
    uint32_t room = limit > tcb->sendq.len ? limit - tcb->sendq.len : 0;
    if (MN_LIKELY(!tcb->limited))
        return room;
    uint32_t unsent = mn_tcb_unsent_room(tcb);
    return MN_MIN(room, unsent);
}
/* Returns whether there is room for more than `bytes`, without asking how much. Nearly every write
 * is so small, and finds so little in the queue, that it needs no more than every connection
 * has. */
static inline bool mn_tcb_has_ample_room(const struct mn_tcp *tcp, const struct mn_tcb *tcb, size_t bytes)
{
    const struct mnet_memory *memory = tcp->config.memory;
    return bytes < MN_SEND_INITIAL - MN_MIN(tcb->sendq.len, MN_SEND_INITIAL) && !tcb->limited &&
           memory->free_slabs >= memory->slab_count / 2 && tcp->config.user.send_buffer >= MN_SEND_INITIAL;
}
/* Returns whether the send buffer has room that is worth an event: any room, if nobody waits.
 * Otherwise half of the buffer, or each acknowledgement would wake a writer for little room. If the
 * peer's window allows no more data, no more room would come, so then the room that somebody waits
 * for is enough. */
bool mn_tcb_has_room(const struct mn_tcp *tcp, const struct mn_tcb *tcb);
/* Tells the user of room in the send buffer: after data was acknowledged or sent, or memory became
 * less short. */
void mn_tcb_tell_room(struct mn_tcp *tcp, struct mn_tcb *tcb);

#endif
