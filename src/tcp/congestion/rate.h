/* Delivery samples: the time that segments take, and the rate at which they are delivered.
 *
 * At most MN_RATE_RECORDS packets in flight, evenly spaced, are recorded: the time of sending, and
 * the bytes delivered by then. The acknowledgement of such a packet gives the round trip. It also
 * gives the rate: the bytes delivered since, divided by the time that sending or delivering them
 * took, whichever is longer. So a burst of acknowledgements does not look like a fast path. A
 * packet counts as acknowledged when a later one is, even if it was lost. Then the bytes delivered
 * since it was sent are still right, and the round trip is that of its successor. A sample can only
 * show the path slower than it is, so minima of round trips and maxima of rates are not affected.
 *
 * A struct mn_rate takes about a kilobyte, so only connections that need samples have one: see
 * feedback.c.
 */
#ifndef MN_RATE_H
#define MN_RATE_H

#include "tcp/congestion/congestion.h"

#define MN_RATE_RECORDS 24u
#define MN_RATE_SPACING 16u /* records in a window, about */

struct mn_rate_record {
    uint64_t sent_ns;
    uint64_t delivered, delivered_ns; /* fields of struct mn_rate, when this was sent */
    uint64_t first_sent_ns;
    uint32_t seq_end;
    bool application_limited;
};

struct mn_rate {
    uint64_t delivered;     /* bytes, ever */
    uint64_t delivered_ns;  /* time of the last delivery */
    uint64_t first_sent_ns; /* time at which the packet acknowledged last was sent */
    uint64_t limited_until; /* deliveries up to this many bytes are application-limited */
    uint32_t recorded_to;   /* seq_end of the newest record */
    uint32_t oldest, count;
    struct mn_rate_record records[MN_RATE_RECORDS];
    struct mn_bbr bbr; /* of a rate-based module */
};

void mn_rate_init(struct mn_rate *rate, uint32_t snd_una, uint64_t now);
/* New data up to `seq_end` is sent, with `flight` bytes outstanding before. It is recorded if it is
 * at least `spacing` bytes after the last record. */
void mn_rate_sent(struct mn_rate *rate, uint32_t seq_end, uint32_t flight, uint32_t spacing, uint64_t now);
/* There was nothing more to send, with `flight` bytes outstanding. Deliveries until all of these
 * bytes are delivered are application-limited. */
void mn_rate_note_application_limit(struct mn_rate *rate, uint32_t flight);
/* `acked` more bytes were delivered, selectively or not, none of them beyond `highest`. */
void mn_rate_acked(struct mn_rate *rate, uint32_t acked, uint32_t highest, uint64_t now, struct mn_rate_sample *sample);

#endif
