/* Delivery samples: how long segments take, and how fast they are delivered.
 *
 * At most MN_RATE_RECORDS packets in flight, evenly spaced, are remembered: when each was sent, and how much had been delivered by then. The
 * acknowledgement of such a packet tells the round trip, and the rate: what was delivered since, over the time that sending or delivering
 * it took, whichever is longer. So a burst of acknowledgements does not look like a fast path. A packet counts as acknowledged when one behind
 * it is, even if it was lost: then what was delivered since it was sent is true all the same, and the round trip that of its successor.
 * A sample can only look slower than the path is; minima of round trips and maxima of rates are not deceived.
 *
 * One costs about a kilobyte, so only connections that need samples have one: see feedback.c.
 */
#ifndef MN_RATE_H
#define MN_RATE_H

#include "tcp/congestion/congestion.h"

#define MN_RATE_RECORDS 24u
#define MN_RATE_SPACING 16u /* records in a window, about */

struct mn_rate_record {
    uint64_t sent_ns;
    uint64_t delivered, delivered_ns; /* of struct mn_rate, when this was sent */
    uint64_t first_sent_ns;
    uint32_t seq_end;
    bool application_limited;
};

struct mn_rate {
    uint64_t delivered;     /* bytes, ever */
    uint64_t delivered_ns;  /* when the last of them was acknowledged */
    uint64_t first_sent_ns; /* when the packet acknowledged last had been sent */
    uint64_t limited_until; /* deliveries up to this many bytes are application-limited */
    uint32_t recorded_to;   /* seq_end of the newest record */
    uint32_t oldest, count;
    struct mn_rate_record records[MN_RATE_RECORDS];
    struct mn_bbr bbr; /* of a rate-based module */
};

void mn_rate_init(struct mn_rate *rate, uint32_t snd_una, uint64_t now);
/* New data up to `seq_end` goes out; `flight` bytes were outstanding before. Remembered if `spacing` bytes or more behind the last. */
void mn_rate_sent(struct mn_rate *rate, uint32_t seq_end, uint32_t flight, uint32_t spacing, uint64_t now);
/* There was nothing more to send, with `flight` bytes outstanding: what is delivered until all of these are says nothing of the path. */
void mn_rate_application_limited(struct mn_rate *rate, uint32_t flight);
/* `acked` bytes more were delivered, selectively or not; nothing beyond `highest` was. */
void mn_rate_acked(struct mn_rate *rate, uint32_t acked, uint32_t highest, uint64_t now, struct mn_rate_sample *sample);

#endif
