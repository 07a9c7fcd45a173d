/* RACK (RFC 8985 6): see rack.c. */
#ifndef MN_TCP_RACK_H
#define MN_TCP_RACK_H

#include "tcp/tcb.h"

void mn_rack_init(struct mn_rack *rack, uint32_t seq);
/* Takes a sample of the round trip that is not ambiguous. */
void mn_rack_update_min_rtt(struct mn_rack *rack, uint32_t rtt_us, uint64_t now);
/* Converts nanoseconds to the unit of RACK. */
uint32_t mn_rack_us(uint64_t ns);
void mn_rack_delivered(struct mn_rack *rack, const struct mn_delivery *d, struct mn_news *ack);
/* Does the same for data that was sent only once. Returns its round trip in microseconds. */
uint32_t mn_rack_delivered_once(struct mn_rack *rack, const struct mn_delivery *d, uint64_t now);
void mn_rack_dsack(struct mn_rack *rack, uint32_t snd_una, uint32_t snd_nxt);
/* A recovery has ended. */
void mn_rack_recovered(struct mn_rack *rack);
uint64_t mn_rack_reordering_window(const struct mn_tcb *tcb);
uint32_t mn_rack_detect(struct mn_tcb *tcb, uint64_t now);
void mn_rack_timed_out(struct mn_tcb *tcb, uint64_t now);

#endif
