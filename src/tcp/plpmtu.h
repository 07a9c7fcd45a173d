/* Path MTU discovery by TCP itself (RFC 4821, RFC 8899), for paths whose routers do not report that
 * a packet was too big, or whose reports are filtered. It also finds the way back up after a report
 * (RFC 1191 6.3).
 *
 * Nothing happens, and a connection has no `struct mn_plpmtu`, until segments seem to be too large:
 * the retransmission timer expires twice in a row, with more unacknowledged data than fits a
 * smaller segment. The first retransmission has the full size. From the second on they are smaller:
 * packets of BASE_PLPMTU, then of MIN_PLPMTU, then of that size without Don't Fragment. Over IPv6
 * both sizes are 1280, and no router fragments, so that size is the last. A silent path costs a
 * connection at most two more timeouts than one that reports, and the timer is as always. If
 * nothing is ever acknowledged, the peer or the path is gone, and nothing was learnt.
 *
 *    retransmissions vanish
 * (none) -----------------> BASE ----------------------> SEARCHING ----------------------> COMPLETE
 *    ^  \                    ^    something is            |     ^    no size left between    |  |
 *    |   `-- ICMP ---------- | -- acknowledged ---------- | --- | -- one that works and ---> |  |
 *    |                       |                            |     |    one that does not       |  |
 *    |                       `----------------------------+-----+--- retransmissions vanish -'  |
 *    `----- the largest segment of all gets through ------'     `------ PMTU_RAISE_TIMER -------'
 *
 * The search begins at the top: if segments had been lost for other reasons, congestion or an
 * outage, the first probe restores the former size. Then it halves the range. A probe is a segment
 * of new data that is larger than others, sent when nothing is missing. If only the probe is lost,
 * that shows something about its size and nothing about congestion: its data is sent again in
 * smaller segments, and the window stays (RFC 4821 7.6.2). A size is given up only after MAX_PROBES
 * probes of it, because a path may lose packets for its own reasons.
 *
 * All connections of the host share the sizes that routers report, in the host's path-MTU cache
 * (base/path_mtu.h). Before a connection sends, it compares the cache's generation with the one of
 * its last look-up. If they differ, it follows the cache: to a smaller size at once, and to a
 * larger one by a search, because the message has merely become old. No search goes above the size
 * in the cache. A size that a connection finds by itself is not shared: a timeout is no proof, and
 * another connection may take another one of several paths.
 *
 * mn_plpmtu_acked, _retransmitted, _raise, _probe_len and _probe_sent require tcb->plpmtu != NULL.
 */
#ifndef MN_PLPMTU_H
#define MN_PLPMTU_H

#include <mnet/time.h>

#include "base/path_mtu.h"

struct mn_tcb;
struct mn_tcp;

#define MN_MAX_PROBES 3u
/* That of the cache, so that all look for a larger size together. */
#define MN_PMTU_RAISE_TIMER MN_PATH_MTU_AGE_NS
#define MN_PLPMTU_EXACT 16u /* the search ends when the size is known to so many bytes */

/* RFC 8899 5.2. DISABLED means that there is no record. */
enum mn_plpmtu_state {
    MN_PLPMTU_BASE,      /* smaller segments are being tried */
    MN_PLPMTU_SEARCHING, /* smaller segments get through: searches for the largest size */
    MN_PLPMTU_COMPLETE,
};

enum mn_plpmtu_probe {
    MN_PROBE_NONE,
    MN_PROBE_OUT,
    MN_PROBE_OVER, /* its result is known; the data in it is still being delivered */
};

/* Sizes are of IP packets. tcb->path_mtu is PLPMTU, the size in use, which gets through. */
struct mn_plpmtu {
    /* COMPLETE: the time to search again. It has no timer, but is compared when there is data to
     * send. */
    uint64_t raise_ns;
    uint32_t too_large; /* the smallest size known to be lost; MAX_PLPMTU + 1: none */
    uint32_t probe_seq, probe_end;
    uint32_t larger_end; /* text before this was sent in packets larger than those now */
    uint16_t largest;    /* MAX_PLPMTU: the size that path, link and peer were believed to carry */
    uint16_t path_mtu;   /* the part of path and link in `largest` */
    uint16_t limit;      /* the size in the host's cache, at the last look */
    uint16_t probed;     /* PROBED_SIZE: of the probe in flight, otherwise of the next one */
    uint8_t lost;        /* PROBE_COUNT: probes of this size that were lost */
    uint8_t state;       /* enum mn_plpmtu_state */
    uint8_t probe;       /* enum mn_plpmtu_probe */
    bool larger;         /* larger_end counts */
    bool retransmitted;  /* a part of the probe was retransmitted, so its arrival proves nothing */
    /* Not even MIN_PLPMTU gets through in one piece: routers may fragment (IPv4). */
    bool fragment;
};

/* The retransmission timer expired. rtt.expiries does not count this yet. */
void mn_plpmtu_timed_out(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* SND.UNA has advanced. */
void mn_plpmtu_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* [seq, seq + len) was retransmitted. */
void mn_plpmtu_retransmitted(struct mn_tcb *tcb, uint32_t seq, uint32_t len);
/* Losses were found outside of a recovery. Returns true if only a probe was lost: it counts as
 * lost, and is sent again without a reduction. */
bool mn_plpmtu_blame_probe(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* Begins the search again if PMTU_RAISE_TIMER has run out. */
void mn_plpmtu_raise(struct mn_tcb *tcb, uint64_t now);
/* Returns the bytes of text of a probe to send next instead of the `unsent` new data, or 0. The
 * windows allow `room` bytes. */
uint32_t mn_plpmtu_probe_len(const struct mn_tcb *tcb, uint32_t unsent, uint32_t room);
/* The next packet to be sent is a probe. */
void mn_plpmtu_probe_sent(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t seq, uint32_t len);
/* A router reports that the packet at `seq`, which is in flight, was too big. `mtu` is the size
 * that it carries; 0 if it gave none. Returns false if no packet at `seq` can have been larger. */
bool mn_plpmtu_too_big(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t seq, uint32_t mtu, uint64_t now);
/* The host's path-MTU cache has another generation: the connection takes the size of its path from
 * it. A new connection does so before its first text. */
void mn_plpmtu_follow(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
/* RFC 8899 5.2: "off" (DISABLED), "base", "searching", "complete", "error". */
const char *mn_plpmtu_name(const struct mn_plpmtu *p);
void mn_plpmtu_release(struct mn_tcp *tcp, struct mn_tcb *tcb);

#endif
