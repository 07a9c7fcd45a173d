#include "tcp/congestion/rate.h"

#include "base/sequence.h"

void mn_rate_init(struct mn_rate *rate, uint32_t snd_una, uint64_t now)
{
    rate->delivered = rate->limited_until = 0;
    rate->delivered_ns = rate->first_sent_ns = now;
    rate->recorded_to = snd_una;
    rate->oldest = rate->count = 0;
}

MN_APART void mn_rate_sent(struct mn_rate *rate, uint32_t seq_end, uint32_t flight, uint32_t spacing, uint64_t now)
{
    MN_DEBUG_ASSERT(rate->count <= MN_RATE_RECORDS && rate->oldest < MN_RATE_RECORDS);
    if (flight == 0) /* the clock of deliveries stood still */
        rate->first_sent_ns = rate->delivered_ns = now;
    if (rate->count == MN_RATE_RECORDS || (rate->count > 0 && seq_end - rate->recorded_to < spacing))
        return;
    rate->records[(rate->oldest + rate->count++) % MN_RATE_RECORDS] = (struct mn_rate_record){
        .sent_ns = now,
        .delivered = rate->delivered,
        .delivered_ns = rate->delivered_ns,
        .first_sent_ns = rate->first_sent_ns,
        .seq_end = seq_end,
        .application_limited = rate->limited_until > rate->delivered,
    };
    rate->recorded_to = seq_end;
}

void mn_rate_note_application_limit(struct mn_rate *rate, uint32_t flight)
{
    rate->limited_until = MN_MAX(rate->delivered + flight, 1u);
}

/* Takes the newest record that is acknowledged now. Returns NULL if there is none. */
static const struct mn_rate_record *take(struct mn_rate *rate, uint32_t highest)
{
    MN_DEBUG_ASSERT(rate->count <= MN_RATE_RECORDS && rate->oldest < MN_RATE_RECORDS);
    const struct mn_rate_record *newest = NULL;
    while (rate->count > 0 && mn_seq_leq(rate->records[rate->oldest].seq_end, highest)) {
        newest = &rate->records[rate->oldest];
        rate->oldest = (rate->oldest + 1) % MN_RATE_RECORDS;
        rate->count--;
    }
    return newest;
}

void mn_rate_acked(struct mn_rate *rate, uint32_t acked, uint32_t highest, uint64_t now, struct mn_rate_sample *sample)
{
    MN_DEBUG_ASSERT(rate->delivered_ns <= now);
    rate->delivered += acked;
    rate->delivered_ns = now;
    sample->delivered_total = rate->delivered;
    const struct mn_rate_record *record = take(rate, highest);
    if (record == NULL)
        return;
    uint64_t sending = record->sent_ns - record->first_sent_ns;
    sample->rtt_ns = MN_MAX(now - record->sent_ns, (uint64_t)1);
    sample->delivered = rate->delivered - record->delivered;
    sample->delivered_then = record->delivered;
    sample->interval_ns = MN_MAX(sending, now - record->delivered_ns);
    sample->application_limited = record->application_limited;
    rate->first_sent_ns = record->sent_ns;
}
