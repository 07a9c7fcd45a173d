/* Path MTU discovery by TCP itself (RFC 4821, RFC 8899), where routers do not say that a packet was too big for them, or nobody lets them say it; and the
 * way back up from what they did say (RFC 1191 6.3).
 *
 * Nothing happens, and a connection has no `struct mn_plpmtu`, until segments seem to be too large: the retransmission timer expires twice in a row, with
 * more unacknowledged than fits a smaller segment. The first retransmission was of full size, so from the second on they are smaller: packets of BASE_PLPMTU, then of
 * MIN_PLPMTU, then of that size without Don't Fragment. So a silent path costs a connection two more timeouts at most than one that
 * speaks up, and the timer is what it always is. If nothing is ever acknowledged, the peer or the path is gone, and nothing was learnt.
 *
 *      retransmissions vanish
 *   (none) -----------------> BASE ----------------------> SEARCHING ----------------------> COMPLETE
 *      ^  \                    ^    something is            |     ^    nothing left between    |  |
 *      |   `-- ICMP ---------- | -- acknowledged ---------- | --- | -- what works and what --> |  |
 *      |                       |                            |     |    does not               |  |
 *      |                       `----------------------------+-----+--- retransmissions vanish -'  |
 *      `----- the largest segment of all gets through ------'     `------ PMTU_RAISE_TIMER -------'
 *
 * The search begins at the top: if segments had been lost for other reasons, congestion or an outage, the first probe restores what was. Then
 * it halves the range. A probe is a segment of new data that is larger than others, sent when nothing is missing. Where it is lost, and
 * nothing else is, that says something of its size and nothing of congestion: what was in it goes again in smaller segments, and the window stays (RFC 4821
 * 7.6.2). Only MAX_PROBES of a size tell that it does not get through, since a path may lose packets for its own reasons.
 */
#ifndef MN_PLPMTU_H
#define MN_PLPMTU_H

#include <mnet/time.h>

#include "base/base.h"

struct mn_tcb;
struct mn_tcp;

#define MN_BASE_PLPMTU 1200u /* RFC 8899 5.1.2 */
/* Every IPv4 host takes this. Smaller path MTUs are not believed, though RFC 1191 3 allows 68: tiny segments are an attack (RFC 5927 7). */
#define MN_MIN_PLPMTU 576u
#define MN_MAX_PROBES 3u
#define MN_PMTU_RAISE_TIMER (600 * MNET_SECOND)
#define MN_PLPMTU_EXACT 16u /* the search is over when the answer is known to so many bytes */

/* RFC 8899 5.2; DISABLED is to have no record. */
enum mn_plpmtu_state {
    MN_PLPMTU_BASE,      /* smaller segments are being tried */
    MN_PLPMTU_SEARCHING, /* ... and get through: which is the largest that does? */
    MN_PLPMTU_COMPLETE,
};

enum mn_plpmtu_probe {
    MN_PROBE_NONE,
    MN_PROBE_OUT,
    MN_PROBE_OVER, /* it told what it could; what was in it is still being delivered */
};

/* Sizes are of IP packets. tcb->path_mtu is PLPMTU: what is used, and gets through. */
struct mn_plpmtu {
    uint64_t
        raise_ns; /* COMPLETE: when to search again; no timer of its own, it is looked at when there is something to send */
    uint32_t too_large; /* the smallest size known to vanish; MAX_PLPMTU + 1: none is */
    uint32_t probe_seq, probe_end;
    uint16_t largest;   /* MAX_PLPMTU: what path, link and peer were thought to take ... */
    uint16_t path_mtu;  /* ... and of it the part of path and link */
    uint16_t probed;    /* PROBED_SIZE: of the probe that is out, else of the next one */
    uint8_t lost;       /* PROBE_COUNT: probes of this size that were lost */
    uint8_t state;      /* enum mn_plpmtu_state */
    uint8_t probe;      /* enum mn_plpmtu_probe */
    bool retransmitted; /* something of the probe was sent a second time: that it arrives proves nothing */
    bool fragment;      /* not even MIN_PLPMTU gets through in one piece: routers may fragment (IPv4) */
};

/* The retransmission timer expired; rtt.expiries has not counted this yet. */
void mn_plpmtu_timed_out(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* SND.UNA has moved. */
void mn_plpmtu_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* [seq, seq + len) went out again. */
void mn_plpmtu_retransmitted(struct mn_tcb *tcb, uint32_t seq, uint32_t len);
/* Losses were found in peace. True if that was a probe and nothing else: it counts as lost and is sent again, and
 * that is all. */
bool mn_plpmtu_blame_probe(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* Begins the search again if PMTU_RAISE_TIMER has run out. */
void mn_plpmtu_raise(struct mn_tcb *tcb, uint64_t now);
/* The text of a probe to be sent next, in place of the `unsent` new data of which windows allow
 * `room`; 0: none. */
uint32_t mn_plpmtu_probe_len(const struct mn_tcb *tcb, uint32_t unsent, uint32_t room);
/* A probe is in the packet that goes out next. */
void mn_plpmtu_probe_sent(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t seq, uint32_t len);
/* A router says that the packet at `seq`, which is in flight, was too big: `mtu` is what it takes; 0 where it did not say. */
void mn_plpmtu_too_big(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t seq, uint32_t mtu, uint64_t now);
/* RFC 8899 5.2: "off" (DISABLED), "base", "searching", "complete", "error". */
const char *mn_plpmtu_name(const struct mn_plpmtu *p);
void mn_plpmtu_release(struct mn_tcp *tcp, struct mn_tcb *tcb);

#endif
