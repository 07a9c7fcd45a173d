/* The retransmission timeout (RFC 6298), with Karn's algorithm (MUST-18): one segment at a time is
 * timed, to the nanosecond, and none that was sent twice. After a retransmission nothing is left to
 * time. Then the echoes of timestamps are samples (RFC 7323 4.1), because they show which
 * transmission was answered. They are exact to a millisecond only, so they do not replace the other
 * samples.
 */
#ifndef MN_RTT_H
#define MN_RTT_H

#include <mnet/time.h>

#include "base/base.h"

#define MN_RTO_INITIAL MNET_SECOND /* RFC 6298 (2.1) */
/* Below the RFC's SHOULD of 1 s, like every current stack. */
#define MN_RTO_MIN (200 * MNET_MILLISECOND)
#define MN_RTO_MAX (60 * MNET_SECOND)           /* (2.5) */
#define MN_RTO_AFTER_SYN_LOSS (3 * MNET_SECOND) /* (5.7) */
#define MN_RTO_GRANULARITY (1 * MNET_MILLISECOND)

struct mn_rtt {
    uint64_t srtt_ns, rttvar_ns; /* 0: no sample yet */
    uint64_t rto_ns;             /* without backoff */
    /* Number of doublings: one by each expiry, until there is a sample. */
    uint8_t backoff;
    uint8_t expiries;   /* number of expiries since new data was acknowledged */
    bool timing;        /* a segment is being timed: */
    uint32_t timed_seq; /* its sample is taken when SND.UNA reaches this */
    uint64_t timed_at_ns;
};

void mn_rtt_init(struct mn_rtt *rtt);
/* Gives it samples of the past: with the timeout that follows from them, and nothing timed. */
void mn_rtt_restore(struct mn_rtt *rtt, uint64_t srtt_ns, uint64_t rttvar_ns);
/* Returns whether mn_rtt_restore would change nothing. */
bool mn_rtt_is_usual(const struct mn_rtt *rtt);
/* Begins to time a first transmission that ends at `seq_end`, unless one is being timed. */
void mn_rtt_sent(struct mn_rtt *rtt, uint32_t seq_end, uint64_t now);
/* Data was retransmitted: the segment being timed is ambiguous now. */
void mn_rtt_retransmitted(struct mn_rtt *rtt);
/* New data was acknowledged up to `snd_una`. Takes the sample if there is one. Returns false if no
 * segment is being timed, so that an echo may be used. Only a sample ends backoff (5): otherwise,
 * on a path that is slower than the timeout, every segment would be sent twice, and there would
 * never be a sample. */
bool mn_rtt_acked(struct mn_rtt *rtt, uint32_t snd_una, uint64_t now);
/* The acknowledgement echoed a timestamp that is `age_ns` old (0: none), with `flight` bytes in
 * flight before it. */
void mn_rtt_echoed(struct mn_rtt *rtt, uint64_t age_ns, uint32_t flight, uint32_t mss);
void mn_rtt_take_sample(struct mn_rtt *rtt, uint64_t sample_ns);
/* (5.5) The timer expired. */
void mn_rtt_backoff(struct mn_rtt *rtt);
/* Returns the present timeout: RTO doubled by each backoff, at most MN_RTO_MAX. */
uint64_t mn_rtt_timeout(const struct mn_rtt *rtt);

#endif
