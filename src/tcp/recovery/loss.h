/* Loss detection and recovery find lost data and decide how fast it is sent again. Congestion
 * control decides how much may be in flight at all.
 *
 * The scoreboard (scoreboard.h) has the state of everything in flight. Losses are found by
 *   RACK (RFC 8985)      of two segments the one sent earlier is lost if the later one arrived, and
 *                        a reordering window has passed: rack.c
 *   three duplicates     if the peer does not send SACK: NewReno (RFC 6582), each duplicate
 *                        counting as one segment delivered
 *   tail loss probes     after silence at the end of a flight they cause an acknowledgement (RFC
 *                        8985 7): tlp.c
 *   the timer            as the last resort (RFC 6298)
 * Fast recovery sends as much as proportional rate reduction allows (RFC 9937: prr.c), holes first.
 * A recovery that turns out to be needless is undone (RFC 5682, RFC 3708: undo.c).
 */
#ifndef MN_LOSS_H
#define MN_LOSS_H

#include <mnet/time.h>

#include "tcp/queue/scoreboard.h"

struct mn_tcp;
struct mn_tcb;
struct mn_segment;

enum mn_loss_phase {
    MN_LOSS_OPEN,     /* no loss is known */
    MN_LOSS_RECOVERY, /* fast recovery, until SND.UNA reaches `recover` */
    MN_LOSS_TIMEOUT,  /* after a timeout, until SND.UNA reaches `recover` */
};

#define MN_DUPACK_THRESHOLD 3
/* Recoveries for which a wider reordering window stays (RFC 8985 6.2). */
#define MN_REO_WND_PERSIST 16
/* Lifetime of the smallest round trip (RFC 8985 6.2 step 1). */
#define MN_MIN_RTT_WINDOW (30 * MNET_SECOND)
#define MN_PTO_SLACK (2 * MNET_MILLISECOND) /* for peers and timers that are not exact */
/* TLP.max_ack_delay: a single segment's acknowledgement may be delayed. */
#define MN_PTO_ONE_SEGMENT (200 * MNET_MILLISECOND)

/* RFC 8985 5.3, with its names. */
struct mn_rack {
    uint64_t xmit_ns; /* RACK.xmit_ts: the time at which the latest delivered segment was sent */
    uint32_t end_seq; /* RACK.end_seq: the end of that segment */
    /* RACK.rtt: round trip of the latest segment that the last acknowledgement was for. */
    uint32_t rtt_us;
    uint32_t min_rtt_us;           /* 0: no sample yet */
    uint32_t min_rtt_ms;           /* time of that measurement */
    uint32_t fack;                 /* RACK.fack: the highest sequence number delivered */
    uint32_t dsack_round;          /* RACK.dsack_round, when in_dsack_round */
    uint8_t reo_wnd_mult, persist; /* RACK.reo_wnd_mult, RACK.reo_wnd_persist */
    bool reordering_seen, in_dsack_round;
};

/* RFC 9937 6, with its names. Bytes since the recovery began. */
struct mn_prr {
    uint32_t delivered, out, recover_fs;
};

/* Proof that a recovery was needless. */
struct mn_undo {
    uint32_t from, to; /* the range that contains all retransmissions */
    uint32_t unproved; /* retransmitted bytes that no D-SACK has shown to be needless */
};

/* F-RTO (RFC 5682). */
enum mn_frto {
    MN_FRTO_OFF,
    MN_FRTO_TIMEOUT, /* step 2: the first segment was retransmitted */
    MN_FRTO_NEW,     /* step 3: new data was sent, and the rest has to wait */
};

/* Timers before the retransmission timer. */
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
    uint32_t tlp_end_seq; /* TLP.end_seq, if tlp_out */
    uint16_t dupacks;
    uint8_t phase;     /* enum mn_loss_phase */
    uint8_t early : 4; /* enum mn_early */
    uint8_t frto : 4;  /* enum mn_frto */
    /* `recover` prevents a false second fast retransmit (RFC 6582 3.2 step 1). */
    bool recover_valid : 1;
    bool undo_valid : 1;     /* there are values to restore */
    bool tlp_out : 1;        /* a probe has not been answered */
    bool tlp_is_retrans : 1; /* TLP.is_retrans */
    bool rtt_since_tlp : 1;  /* the round trip has been measured since the last probe */
};

/* The contents of one acknowledgement. */
struct mn_news {
    uint64_t now;
    uint32_t acked;   /* bytes that SND.UNA advanced */
    uint32_t bytes;   /* newly acknowledged in all, including selectively (DeliveredData) */
    uint32_t sacked;  /* the part of them acknowledged selectively */
    uint32_t lost;    /* bytes that it showed to be lost */
    uint32_t highest; /* highest sequence number acknowledged, including selectively */
    uint32_t rtt_us;  /* of the segment sent last, for RACK; UINT32_MAX: none */
    bool duplicate;   /* RFC 5681 2 */
    bool original;    /* data in flight before the timeout and sent only once was delivered */
    bool has_sack;    /* there was a SACK option */
    bool has_dsack;
    struct {
        uint32_t left, right;
    } dsack;
};

/* [seq, seq + len) has just been put into a packet, for the first time or again. */
void mn_loss_sent(struct mn_tcp *tcp, struct mn_tcb *tcb, uint32_t seq, uint32_t len, uint64_t now);
/* An acceptable acknowledgement has arrived, which moved SND.UNA by `acked` bytes. `duplicate` is
 * as in RFC 5681 2. */
void mn_loss_acked(struct mn_tcp *tcp, struct mn_tcb *tcb, const struct mn_segment *seg, uint32_t acked,
                   bool duplicate);
/* For debug builds: asserts that the short way of mn_loss_acked does to a connection what the full
 * one does. */
void mn_loss_check_calm(struct mn_tcp *tcp, const struct mn_tcb *tcb, const struct mn_segment *seg, uint32_t acked);
/* One of the timers before the retransmission timer may be due. Returns true if a tail loss probe
 * is to be sent. */
bool mn_loss_take_early_expiry(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);
void mn_loss_timed_out(struct mn_tcp *tcp, struct mn_tcb *tcb, uint64_t now);

#endif
