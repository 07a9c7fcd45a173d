/* Congestion control behind a table of functions: how much may be in flight (RFC 5681), and how fast it may leave. What was lost is loss.h's
 * business, when packets leave is pacing.h's.
 *
 * A module is a const table. It keeps its variables in its part of the union, has no timer, and hears of everything through the calls below, so that it can be tested
 * alone. It owns cwnd and ssthresh, but for one thing: during fast recovery loss.h sets cwnd, from the ssthresh that `lost` left, and leaves it at
 * most at ssthresh when recovery ends. A module that is `rate_based` keeps its cwnd to itself in recovery too.
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

/* What one delivery told (see rate.h); zeros where it told nothing. */
struct mn_rate_sample {
    uint64_t rtt_ns;          /* of the newest segment that was acknowledged */
    uint64_t delivered;       /* bytes delivered in ... */
    uint64_t interval_ns;     /* ... this time; 0: no sample */
    uint64_t delivered_total; /* bytes ever delivered, now ... */
    uint64_t delivered_then;  /* ... and when that segment was sent */
    bool application_limited; /* more could have been sent */
};

/* An acknowledgement of new data. */
struct mn_ack {
    uint64_t now;
    uint64_t srtt_ns; /* 0 before the first sample */
    struct mn_rate_sample sample;
    uint32_t acked;            /* bytes */
    uint32_t flight;           /* bytes outstanding before it ... */
    uint32_t snd_una, snd_nxt; /* ... and what is outstanding now */
    bool limited;    /* cwnd was what held data back in the round trip that this ends: only then may it grow */
    bool recovering; /* fast recovery: only rate-based modules hear of these */
};

struct mn_congestion_ops {
    const char *name;
    /* The module needs delivery samples: always (rate_based), or in the initial slow start (samples). */
    bool rate_based, samples;
    /* cwnd, ssthresh and mss are set, all else is zero. */
    void (*init)(struct mn_congestion *c);
    /* rate_based: memory for the model, until `bbr` is taken away again. */
    void (*attach)(struct mn_congestion *c, struct mn_bbr *model, uint64_t now);
    void (*acked)(struct mn_congestion *c, const struct mn_ack *ack);
    /* A loss was found with `flight` bytes outstanding: sets ssthresh. Once for each window of losses. */
    void (*lost)(struct mn_congestion *c, uint32_t flight, uint64_t now);
    /* The retransmission timer expired: sets ssthresh, and cwnd to the loss window. `first` is false where the same segment timed out before. */
    void (*timed_out)(struct mn_congestion *c, uint32_t flight, bool first, uint64_t now);
    /* The path marked a packet (ECN): sets ssthresh and cwnd. At most once a round trip. */
    void (*marked)(struct mn_congestion *c, uint32_t flight, uint64_t now);
    /* The last `lost` or `timed_out` was a mistake: all is as it was before. */
    void (*undo)(struct mn_congestion *c);
    /* The sender was idle for longer than the retransmission timeout, and begins again. */
    void (*restart)(struct mn_congestion *c, uint64_t now);
    /* Bytes a second to pace at; 0: not paced yet. NULL: as cwnd and srtt say (pacing.h). */
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
        struct {                                 /* from then on */
            struct mn_cubic_epoch epoch, before; /* `before`: for undo (4.9) */
            uint32_t cwnd_prior;
            uint32_t est_credit; /* bytes towards the next segment of W_est */
            uint32_t seen_ms;    /* when the last acknowledgement came */
        };
    };
};

/* The model of BBR (bbr.c). */
struct mn_bbr {
    uint64_t bw_now, bw_before; /* largest delivery rates of this bucket of rounds and of the last, bytes a second */
    uint64_t full_bw;           /* the rate that would have to grow for the path not to be full */
    uint64_t round_end;         /* `delivered` that ends the round */
    uint64_t min_rtt_ns, min_rtt_at_ns;
    uint64_t phase_ns;      /* when the phase, or the mode, began */
    uint64_t probe_done_ns; /* PROBE_RTT; 0: still draining */
    uint32_t saved_cwnd;
    uint16_t pacing_gain, cwnd_gain; /* in 1/256 */
    uint8_t mode, phase, rounds, full_rounds;
    bool full; /* STARTUP is over for good */
};

struct mn_congestion {
    const struct mn_congestion_ops *ops;
    uint16_t mss;
    uint8_t reductions;                /* counted, modulo 256: the peer is told of each (ECN) */
    uint32_t cwnd, ssthresh;           /* bytes */
    uint32_t credit;                   /* what is left of increases smaller than a byte, or of a segment */
    uint32_t undo_cwnd, undo_ssthresh; /* before the last reduction */
    union {                            /* the module's */
        struct mn_cubic cubic;
        struct mn_bbr *bbr; /* NULL without memory */
    };
};

extern const struct mn_congestion_ops mn_congestion_reno, mn_congestion_cubic, mn_congestion_bbr;

/* The table of a choice; CUBIC for MNET_CONGESTION_DEFAULT. */
const struct mn_congestion_ops *mn_congestion_of(enum mnet_congestion which);

/* IW = min(10 * MSS, max(2 * MSS, 14600)) (RFC 6928). */
uint32_t mn_congestion_initial_window(uint32_t mss);
void mn_congestion_init(struct mn_congestion *c, const struct mn_congestion_ops *ops, uint32_t mss);
/* The sender was idle for longer than the retransmission timeout: RW = min(IW, cwnd) (RFC 5681 4.1). ssthresh remembers three quarters of
 * what the path took (RFC 7661 4.4.3), so that slow start leads back there. Rate-based modules keep their window, and pace it. */
void mn_congestion_restart(struct mn_congestion *c, uint64_t now);
/* Our SYN, or SYN,ACK, was sent again so many times: after more than once the initial window is one segment (RFC 6928 2). */
void mn_congestion_syn_lost(struct mn_congestion *c, unsigned times);
/* The segment size changed (path MTU): where it gets smaller the window does, too, or there would be a burst of small segments (RFC 5681 3.1). */
void mn_congestion_set_mss(struct mn_congestion *c, uint32_t mss);

/* For modules. */
/* A reduction begins: it is counted, and cwnd and ssthresh are noted for undo. recall gives them back. */
void mn_congestion_remember(struct mn_congestion *c);
void mn_congestion_recall(struct mn_congestion *c);
static inline bool mn_congestion_slow_start(const struct mn_congestion *c)
{
    return c->cwnd < c->ssthresh;
}
/* Slow start up to ssthresh, by bytes and without a limit for each acknowledgement: one may stand for a coalesced run, and what it
 * releases is paced (RFC 3465, RFC 9406 4.3: "L = infinity if paced"). */
void mn_congestion_grow(struct mn_congestion *c, uint32_t bytes);

#endif
