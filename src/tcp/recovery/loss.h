/* Loss detection and recovery: what was lost, and how fast it is sent again. Congestion control decides how much may be in flight at all.
 *
 * The scoreboard (scoreboard.h) knows the fate of everything in flight. Losses are found by
 *   RACK (RFC 8985)      of two segments the one sent earlier is lost if the later one arrived, and a reordering window has passed: rack.c
 *   three duplicates     where the peer does not send SACK: NewReno (RFC 6582), each duplicate counting as one segment delivered
 *   tail loss probes     of silence at the end of a flight they make an acknowledgement (RFC 8985 7): tlp.c
 *   the timer            as the last resort (RFC 6298)
 * Fast recovery sends what proportional rate reduction allows (RFC 9937: prr.c), holes first. A recovery that turns out to have been for nothing is
 * taken back (RFC 5682, RFC 3708: undo.c).
 */
#ifndef MN_LOSS_H
#define MN_LOSS_H

#include <mnet/time.h>

#include "tcp/queue/scoreboard.h"

struct mn_tcp;
struct mn_tcb;
struct mn_segment;

enum mn_loss_phase {
    MN_LOSS_OPEN,     /* nothing is known to be lost */
    MN_LOSS_RECOVERY, /* fast recovery, until SND.UNA reaches `recover` */
    MN_LOSS_TIMEOUT,  /* after a timeout, until SND.UNA reaches `recover` */
};

#define MN_DUPACK_THRESHOLD 3
#define MN_REO_WND_PERSIST 16                /* recoveries for which a wider reordering window stays (RFC 8985 6.2) */
#define MN_MIN_RTT_WINDOW (30 * MNET_SECOND) /* how long the smallest round trip counts (RFC 8985 6.2 step 1) */
#define MN_PTO_SLACK (2 * MNET_MILLISECOND)  /* for peers and timers that are not exact */
#define MN_PTO_ONE_SEGMENT \
    (200 * MNET_MILLISECOND) /* TLP.max_ack_delay: one segment's acknowledgement may be delayed */

/* RFC 8985 5.3, with its names. */
struct mn_rack {
    uint64_t xmit_ns;     /* RACK.xmit_ts: when the latest delivered segment was sent, ... */
    uint32_t end_seq;     /* RACK.end_seq: ... where it ended, ... */
    uint32_t rtt_us;      /* RACK.rtt: how long the latest of those took that the last acknowledgement was for */
    uint32_t min_rtt_us;  /* 0: no sample yet */
    uint32_t min_rtt_ms;  /* when that was measured */
    uint32_t fack;        /* RACK.fack: the highest sequence number delivered */
    uint32_t dsack_round; /* RACK.dsack_round, when in_dsack_round */
    uint8_t reo_wnd_mult, persist; /* RACK.reo_wnd_mult, RACK.reo_wnd_persist */
    bool reordering_seen, in_dsack_round;
};

/* RFC 9937 6, with its names; bytes since the recovery began. */
struct mn_prr {
    uint32_t delivered, out, recover_fs;
};

/* Whether a recovery was for nothing. */
struct mn_undo {
    uint32_t from, to; /* all that was sent again lies in between */
    uint32_t unproved; /* bytes sent again that no D-SACK has shown to be needless */
};

/* F-RTO (RFC 5682). */
enum mn_frto {
    MN_FRTO_OFF,
    MN_FRTO_TIMEOUT, /* step 2: the first segment was sent again */
    MN_FRTO_NEW,     /* step 3: new data was sent, and the rest has to wait */
};

/* Timers that come before the retransmission timer. */
enum mn_early {
    MN_EARLY_NONE,
    MN_EARLY_REORDER, /* the reordering window of a segment ends */
    MN_EARLY_PROBE,   /* a tail loss probe */
};

struct mn_loss {
    struct mn_scoreboard sent;
    struct mn_rack rack;
    struct mn_prr prr;
    struct mn_undo undo;
    uint64_t early_due_ns;
    uint32_t recover;     /* SND.NXT when the loss was found */
    uint32_t tlp_end_seq; /* TLP.end_seq, when tlp_out */
    uint16_t dupacks;
    uint8_t phase;           /* enum mn_loss_phase */
    uint8_t early : 4;       /* enum mn_early */
    uint8_t frto : 4;        /* enum mn_frto */
    bool recover_valid : 1;  /* `recover` guards against a false second fast retransmit (RFC 6582 3.2 step 1) */
    bool undo_valid : 1;     /* there is something to restore */
    bool tlp_out : 1;        /* a probe has not been answered */
    bool tlp_is_retrans : 1; /* TLP.is_retrans */
    bool rtt_since_tlp : 1;  /* the round trip has been measured since the last probe */
};

/* What one acknowledgement says. */
struct mn_news {
    uint64_t now;
    uint32_t acked;   /* bytes that SND.UNA moved by */
    uint32_t bytes;   /* newly acknowledged in all, selectively too (DeliveredData) */
    uint32_t sacked;  /* of them selectively */
    uint32_t lost;    /* bytes found to be lost by it */
    uint32_t highest; /* sequence number acknowledged, selectively too */
    uint32_t rtt_us;  /* of the one sent last, for RACK; UINT32_MAX: none */
    bool duplicate;   /* RFC 5681 2 */
    bool original;    /* something in flight before the timeout and sent only once was delivered */
    bool has_sack;    /* there was a SACK option */
    bool has_dsack;
    struct {
        uint32_t left, right;
    } dsack;
};

/* [seq, seq + len) has just been put into a packet, for the first time or again. */
void mn_loss_sent(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t seq, uint32_t len, uint64_t now);
/* An acceptable acknowledgement, which moved SND.UNA by `acked` bytes. `duplicate` is as in RFC 5681 2. */
void mn_loss_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg, uint32_t acked,
                   bool duplicate);
/* One of the timers before the retransmission timer may be due. True where a tail loss probe is to go out. */
bool mn_loss_early_expired(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
void mn_loss_timed_out(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);

#endif
