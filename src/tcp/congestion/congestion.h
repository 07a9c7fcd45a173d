/* Congestion control behind a table of functions: it decides how much may be in flight (RFC 5681),
 * and how fast it is sent. loss.h finds the losses, and pacing.h decides the times of packets.
 *
 * A module is a const table. It keeps its variables in its part of the union, has no timer, and
 * learns of every event through the calls below, so it can be tested alone. It owns cwnd and
 * ssthresh, with one exception: during fast recovery loss.h sets cwnd, from the ssthresh that
 * `lost` has set, and leaves it at most at ssthresh when recovery ends. A `rate_based` module sets
 * its cwnd itself in recovery, too.
 */
#ifndef MN_CONGESTION_H
#define MN_CONGESTION_H

#include <mnet/tcp.h>

#include "base/base.h"
#include "tcp/congestion/hystart.h"

#define MN_CWND_MAX (1u << 30)
/* ssthresh before the first loss: "arbitrarily high" (RFC 5681 3.1). */
#define MN_SSTHRESH_UNKNOWN UINT32_MAX

struct mn_bbr;
struct mn_congestion;

/* The result of one delivery (see rate.h). Zeros are unknown. */
struct mn_rate_sample {
    uint64_t rtt_ns;          /* of the newest segment that was acknowledged */
    uint64_t delivered;       /* bytes delivered in interval_ns */
    uint64_t interval_ns;     /* 0: no sample */
    uint64_t delivered_total; /* bytes ever delivered */
    uint64_t delivered_then;  /* its value when that segment was sent */
    bool application_limited; /* more could have been sent */
};

/* An acknowledgement of new data. */
struct mn_ack {
    uint64_t now;
    uint64_t srtt_ns; /* 0 before the first sample */
    struct mn_rate_sample sample;
    uint32_t acked;            /* bytes */
    uint32_t flight;           /* bytes outstanding before it */
    uint32_t snd_una, snd_nxt; /* the bytes outstanding now */
    /* cwnd held data back in the round trip that this ends: only then may it grow. */
    bool limited;
    bool recovering; /* fast recovery: only rate-based modules get these */
};

struct mn_congestion_ops {
    const char *name;
    /* The module needs delivery samples: always (rate_based), or in the initial slow start
     * (samples). */
    bool rate_based, samples;
    /* cwnd, ssthresh and mss are set, and all else is zero. */
    void (*init)(struct mn_congestion *c);
    /* rate_based: provides memory for the model, until `bbr` is taken away again. */
    void (*attach)(struct mn_congestion *c, struct mn_bbr *model, uint64_t now);
    void (*acked)(struct mn_congestion *c, const struct mn_ack *ack);
    /* A loss was found with `flight` bytes outstanding. Sets ssthresh. Called once for each window
     * of losses. */
    void (*lost)(struct mn_congestion *c, uint32_t flight, uint64_t now);
    /* The retransmission timer expired. Sets ssthresh, and cwnd to the loss window. `first` is
     * false if the same segment timed out before. */
    void (*timed_out)(struct mn_congestion *c, uint32_t flight, bool first, uint64_t now);
    /* The path marked a packet (ECN). Sets ssthresh and cwnd. Called at most once a round trip. */
    void (*marked)(struct mn_congestion *c, uint32_t flight, uint64_t now);
    /* The last `lost` or `timed_out` was wrong: restores everything. */
    void (*undo)(struct mn_congestion *c);
    /* The sender was idle for longer than the retransmission timeout, and begins again. */
    void (*restart)(struct mn_congestion *c, uint64_t now);
    /* Returns the pacing rate in bytes a second; 0: not paced yet. NULL: cwnd and srtt give the
     * rate (pacing.h). */
    uint64_t (*pacing_rate)(const struct mn_congestion *c);
};

/* Variables of CUBIC (cubic.c). */
struct mn_cubic_epoch {
    uint32_t begin_ms; /* 0: congestion avoidance has not begun again since the last reduction */
    uint32_t k_ms;
    uint32_t w_max; /* bytes; 0: unknown */
    uint32_t w_est; /* the Reno-friendly window (4.3) */
};

struct mn_cubic {
    union {
        struct mn_hystart hystart;               /* while ssthresh is unknown */
        struct {                                 /* after that */
            struct mn_cubic_epoch epoch, before; /* `before`: for undo (4.9) */
            uint32_t cwnd_prior;
            uint32_t est_credit; /* bytes towards the next segment of W_est */
            uint32_t seen_ms;    /* time of the last acknowledgement */
        };
    };
};

/* The model of BBR (bbr.c). */
struct mn_bbr {
    /* Largest delivery rates of this bucket of rounds and of the last one, in bytes a second. */
    uint64_t bw_now, bw_before;
    uint64_t full_bw;   /* the path is full unless the rate grows beyond this */
    uint64_t round_end; /* `delivered` that ends the round */
    uint64_t min_rtt_ns, min_rtt_at_ns;
    uint64_t phase_ns;      /* beginning of the phase, or of the mode */
    uint64_t probe_done_ns; /* end of PROBE_RTT; 0: still draining */
    uint32_t saved_cwnd;
    uint16_t pacing_gain, cwnd_gain; /* in 1/256 */
    uint8_t mode, phase, rounds, full_rounds;
    bool full; /* STARTUP is over for good */
};

struct mn_congestion {
    const struct mn_congestion_ops *ops;
    uint16_t mss;
    /* Number of reductions, modulo 256: the peer is told of each (ECN). */
    uint8_t reductions;
    uint32_t cwnd, ssthresh; /* bytes */
    /* Rest of increases smaller than a byte, or than a segment. */
    uint32_t credit;
    uint32_t undo_cwnd, undo_ssthresh; /* values before the last reduction */
    union {                            /* of the module */
        struct mn_cubic cubic;
        struct mn_bbr *bbr; /* NULL without memory */
    };
};

extern const struct mn_congestion_ops mn_congestion_reno, mn_congestion_cubic, mn_congestion_bbr;

/* Returns the table of a module; CUBIC for MNET_CONGESTION_DEFAULT. */
const struct mn_congestion_ops *mn_congestion_of(enum mnet_congestion which);

/* IW = min(10 * MSS, max(2 * MSS, 14600)) (RFC 6928). */
uint32_t mn_congestion_initial_window(uint32_t mss);
void mn_congestion_init(struct mn_congestion *c, const struct mn_congestion_ops *ops, uint32_t mss);
/* Another module takes over, with cwnd and ssthresh as they are. */
void mn_congestion_change(struct mn_congestion *c, const struct mn_congestion_ops *ops);
/* The sender was idle for longer than the retransmission timeout: RW = min(IW, cwnd) (RFC 5681
 * 4.1). ssthresh becomes three quarters of the window that the path carried (RFC 7661 4.4.3), so
 * slow start leads back there. Rate-based modules keep their window, and pace it. */
void mn_congestion_restart(struct mn_congestion *c, uint64_t now);
/* Our SYN, or SYN,ACK, was retransmitted so many times: after more than once the initial window is
 * one segment (RFC 6928 2). */
void mn_congestion_syn_lost(struct mn_congestion *c, unsigned times);
/* The segment size changed (path MTU). If it gets smaller, the window does, too. Otherwise there
 * would be a burst of small segments (RFC 5681 3.1). */
void mn_congestion_set_mss(struct mn_congestion *c, uint32_t mss);

/* For modules. */
/* A reduction begins: counts it, and saves cwnd and ssthresh for undo. mn_congestion_recall
 * restores them. */
void mn_congestion_remember(struct mn_congestion *c);
void mn_congestion_recall(struct mn_congestion *c);
static inline bool mn_congestion_slow_start(const struct mn_congestion *c)
{
    return c->cwnd < c->ssthresh;
}
/* Slow start up to ssthresh, by bytes and without a limit for each acknowledgement: one may stand
 * for a coalesced run, and the data that it releases is paced (RFC 3465, RFC 9406 4.3: "L =
 * infinity if paced"). */
void mn_congestion_grow(struct mn_congestion *c, uint32_t bytes);

#endif
