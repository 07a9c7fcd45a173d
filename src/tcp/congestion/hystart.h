/* HyStart++ (RFC 9406): ends the initial slow start when round trips grow longer, before the queue
 * overflows.
 *
 * A round lasts until the data outstanding at its beginning is acknowledged. If the shortest round
 * trip of a round is considerably longer than that of the round before, slow start goes on with a
 * quarter of the growth (Conservative Slow Start). If round trips get shorter again, slow start
 * resumes. After CSS_ROUNDS of it, slow start is over.
 */
#ifndef MN_HYSTART_H
#define MN_HYSTART_H

#include "base/base.h"

struct mn_hystart {
    uint32_t window_end; /* the round ends when this is acknowledged */
    /* The shortest round trip of the last round and of this one. */
    uint32_t last_min_us, current_min_us;
    uint32_t css_baseline_us;
    uint8_t samples;    /* of this round, at most N_RTT_SAMPLE */
    uint8_t css_rounds; /* number of rounds that have ended */
    bool started, css;
};

void mn_hystart_init(struct mn_hystart *h);
/* `acked` bytes of new data were acknowledged, up to snd_una. rtt_ns is a sample of the round trip,
 * or 0. Returns the number of bytes that cwnd may grow by. Sets *over if slow start ends. */
uint32_t mn_hystart_acked(struct mn_hystart *h, uint32_t acked, uint64_t rtt_ns, uint32_t snd_una, uint32_t snd_nxt,
                          bool *over);

#endif
