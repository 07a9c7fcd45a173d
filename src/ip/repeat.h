/* The packet that is like the last one: see repeat.c and repeat_input.c. */
#ifndef MN_IP_REPEAT_H
#define MN_IP_REPEAT_H

#include "ip/internal.h"

/* Keeps the headers of `frame`, which `datagram` has got on `way`. */
void mn_ip_remember(struct mn_ip *ip, const struct mnet_packet *frame, const struct mn_datagram *datagram,
                    const struct mn_ip_way *way);
/* Returns the frame of a packet that is like the one remembered. Returns NULL, with nothing done,
 * if it is not, or if its neighbour must be asked first. */
struct mnet_packet *mn_ip_output_repeat(struct mn_ip *ip, struct mnet_packet *packet,
                                        const struct mn_datagram *datagram);
/* For debug builds (check.c): asserts that the full way would have made the same IP header in front
 * of `payload` bytes. */
void mn_ip_check_headers(const struct mn_ip *ip, const uint8_t *header, uint16_t payload,
                         const struct mn_datagram *datagram);

/* Keeps the headers of a usual packet, which begin at `frame`, and the datagram that was read off
 * them. */
void mn_ip_remember_input(struct mn_ip *ip, const uint8_t *frame, const struct mn_datagram *datagram);
/* Returns whether the frame is like the last usual one. */
bool mn_ip_is_repeat(const struct mn_ip *ip, const struct mnet_packet *packet);
/* For debug builds (input.c): asserts that the usual way would have judged it in the same way. */
void mn_ip_check_repeat_input(struct mn_ip *ip, const struct mnet_packet *frame);
/* Pulls the headers of such a frame, and returns its datagram. */
const struct mn_datagram *mn_ip_take_repeat(struct mn_ip *ip, struct mnet_packet *packet);

#endif
