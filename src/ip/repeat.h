/* The packet that is like the last one: see repeat.c. */
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

#endif
