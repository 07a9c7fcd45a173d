/* Reassembly of segments that arrive out of order (SHLD-31): a sorted list of runs, each a
 * contiguous range of sequence numbers.
 *
 * Limits: there are at most MN_REASSEMBLY_RUNS runs, all within the receive window. A segment that
 * would need one more replaces the run furthest from RCV.NXT, or is dropped if it is itself the
 * furthest. Adjacent segments join their run, and small ones that come in order are copied
 * together, so they cost bytes, not packets. If they come in another order, a segment that would
 * make too many packets for their bytes is dropped. When memory is short, the furthest text is
 * given back (pressure.c). If data overlaps, the data received first stays, unless a newer segment
 * covers a whole run.
 */
#ifndef MN_REASSEMBLY_TCP_H
#define MN_REASSEMBLY_TCP_H

#include <mnet/link.h>

#include "base/pool.h"
#include "tcp/queue/hogs.h"
#include "tcp/queue/recvq.h"

struct mn_tcb;

#define MN_REASSEMBLY_RUNS 128
/* Bytes that a packet must hold on average, beyond one packet for each run. */
#define MN_REASSEMBLY_PIECE MN_PACKET_SMALL
#define MN_REASSEMBLY_SPARE 64u /* and beyond a few more packets */

struct mn_run {
    struct mnet_link link;
    struct mn_run *newer, *older; /* by the time of their latest segment (RFC 2018 4) */
    uint32_t seq, len;
    uint32_t pieces; /* packets in it */
    struct mn_packet_list packets;
};

struct mn_tcp_reassembly {
    struct mnet_link runs; /* in order of sequence */
    struct mn_run *newest; /* the run of the latest segment */
    uint32_t count;
    uint32_t pieces; /* packets in all runs */
    uint32_t bytes;
    size_t pinned; /* memory of the runs and their packets */
    struct mn_hog hog;
    struct mn_tcb *owner; /* its connection, for the engine */
};

/* A range of sequence numbers, empty if left == right. */
struct mn_range {
    uint32_t left, right;
};

/* Inserts packet->total bytes (at least 1) at `seq` and takes the packet. Returns false if it was
 * dropped because of the limits or for lack of memory. *duplicate is the first contiguous range in
 * it that had been received before. */
bool mn_tcp_reassembly_insert(struct mn_tcp_reassembly *r, struct mn_pool *runs, uint32_t seq,
                              struct mnet_packet *packet, struct mn_range *duplicate);
/* Moves the bytes that continue `rcv_nxt`, if any, into `to`. Returns their number. Forgets
 * everything before rcv_nxt. */
uint32_t mn_tcp_reassembly_take(struct mn_tcp_reassembly *r, struct mn_pool *runs, uint32_t rcv_nxt,
                                struct mn_packet_list *to);
void mn_tcp_reassembly_clear(struct mn_tcp_reassembly *r, struct mn_pool *runs);
/* Drops at least half of the pinned memory, the runs furthest from RCV.NXT first. */
void mn_tcp_reassembly_prune(struct mn_tcp_reassembly *r, struct mn_pool *runs);

#endif
