/* Building a segment: an empty packet, then the header before its contents. */
#ifndef MN_SEGMENT_H
#define MN_SEGMENT_H

#include "base/checksum.h"
#include "tcp/ready.h"
#include "tcp/state.h"
#include "tcp/tcb.h"

/* Returns an empty packet, before anything is decided about the segment: its header announces
 * windows and reports duplicates, and these count as sent. If there is none, the engine is
 * `starved`, and the sender keeps its place. The packet may come from the receive reserve: only
 * packets can free the memory that data fills, and the device, which pulls them, limits their
 * number. */
static inline struct mnet_packet *mn_segment_begin(struct mn_tcp *tcp)
{
    struct mnet_packet *packet = mnet_packet_alloc(tcp->config.memory);
    if (MN_UNLIKELY(packet == NULL)) {
        mn_tcp_count(tcp, MNET_COUNT_TX_DROP_MEMORY);
        tcp->starved = true;
    }
    return packet;
}

/* Describes a segment between the two ends of `conn` to IP. */
static inline void mn_segment_describe(const struct mn_conn *conn, struct mn_datagram *datagram)
{
    *datagram = (struct mn_datagram){.source = mn_conn_address(&conn->local),
                                     .destination = mn_conn_address(&conn->remote),
                                     .protocol = MN_PROTOCOL_TCP,
                                     .ttl = conn->ttl,                            /* MUST-49 */
                                     .traffic_class = (uint8_t)(conn->dscp << 2), /* MUST-48 */
                                     .dont_fragment = true};
}

/* MUST-2: the device, or the software just above it, adds the rest of the checksum to that of the
 * pseudo-header, which is returned here. */
static inline uint16_t mn_segment_checksum(struct mnet_packet *packet, const struct mn_datagram *datagram)
{
    packet->checksum = MNET_CHECKSUM_PARTIAL;
    packet->csum_start = 0;
    packet->csum_offset = MN_TCP_CHECKSUM_AT;
    return mn_sum_fold(mn_pseudo_sum(&datagram->source, &datagram->destination, MN_PROTOCOL_TCP, packet->total));
}

/* Fills in the ports and the checksum, and describes the datagram to IP. */
void mn_segment_finish(struct mn_tcp *tcp, const struct mn_conn *conn, struct mn_tcp_header *header,
                       struct mnet_packet *packet, struct mn_datagram *datagram);

/* Returns SEG.SEQ of a segment that takes no sequence numbers: an acknowledgement, a window update,
 * a reset. It is SND.NXT, but never beyond the peer's window, because the peer would have to drop
 * the segment there (3.10.7.4, first). */
static inline uint32_t mn_tcb_bare_seq(const struct mn_tcb *tcb)
{
    uint32_t edge = tcb->snd_una + tcb->snd_wnd;
    /* No window counts from a SYN. */
    if (MN_LIKELY(mn_seq_leq(tcb->snd_nxt, edge)) || !mn_tcp_synchronized(tcb))
        return tcb->snd_nxt;
    /* The peer rounds an open window down to a unit of its scale, so the true window is larger. */
    bool rounded = tcb->snd_wnd > 0 && tcb->snd_nxt - edge < UINT32_C(1) << tcb->snd_wscale;
    return rounded ? tcb->snd_nxt : edge;
}

/* Returns a segment without data between the two ends of `conn`, with ports and checksum filled in
 * and no flow label, or NULL if memory is used up. */
struct mnet_packet *mn_segment_build(struct mn_tcp *tcp, const struct mn_conn *conn, struct mn_tcp_header *header,
                                     struct mn_datagram *datagram);

#endif
