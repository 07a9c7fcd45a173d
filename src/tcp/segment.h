/* Building a segment: an empty packet, then the header in front of what it carries. */
#ifndef MN_SEGMENT_H
#define MN_SEGMENT_H

#include "tcp/ready.h"
#include "tcp/state.h"
#include "tcp/tcb.h"

/* An empty packet, before anything is decided about the segment: its header promises windows and reports duplicates, and
 * what it says counts as said. Without one the engine is `starved`, and whoever wanted to send keeps its place. It may come
 * from the receive reserve: the data that fills the rest of memory can only leave it through packets, and the device,
 * which pulls them, bounds how many there are. */
static inline struct mnet_packet *mn_segment_begin(struct mn_tcp *tcp)
{
    struct mnet_packet *packet = mnet_packet_alloc(tcp->config.memory);
    if (MN_UNLIKELY(packet == NULL)) {
        mn_tcp_count(tcp, MNET_COUNT_TX_DROP_MEMORY);
        tcp->starved = true;
    }
    return packet;
}

/* Fills in the ports and the checksum, and says to IP what the datagram is. */
void mn_segment_finish(struct mn_tcp *tcp, const struct mn_conn *conn, struct mn_tcp_header *header,
                       struct mnet_packet *packet, struct mn_datagram *datagram);

/* SEG.SEQ of a segment that carries nothing of the sequence space: an acknowledgement, a window update, a reset. SND.NXT, but not
 * beyond the peer's window, where it would have to throw it away (3.10.7.4, first). */
static inline uint32_t mn_tcb_bare_seq(const struct mn_tcb *tcb)
{
    uint32_t edge = tcb->snd_una + tcb->snd_wnd;
    if (MN_LIKELY(mn_seq_leq(tcb->snd_nxt, edge)) || !mn_tcp_synchronized(tcb)) /* no window counts from a SYN */
        return tcb->snd_nxt;
    /* The peer rounds an open window down to a unit of its scale, and means more. */
    bool rounded = tcb->snd_wnd > 0 && tcb->snd_nxt - edge < UINT32_C(1) << tcb->snd_wscale;
    return rounded ? tcb->snd_nxt : edge;
}

/* A segment without data between the two ends of `conn`; fills in the ports and the checksum. NULL if memory is used up. */
struct mnet_packet *mn_segment_build(struct mn_tcp *tcp, const struct mn_conn *conn, struct mn_tcp_header *header,
                                     struct mn_datagram *datagram);

#endif
