/* UDP headers (RFC 768). */
#ifndef MN_UDP_WIRE_H
#define MN_UDP_WIRE_H

#include "wire/wire.h"

#define MN_UDP_HEADER 8
#define MN_UDP_CHECKSUM_AT 6 /* in the header */

struct mn_udp_header {
    uint16_t source_port, destination_port;
    uint16_t length;   /* header and data, 8..65535 */
    uint16_t checksum; /* memory order; 0: none */
};

/* `len` linear bytes of `total`. INVALID if length is below 8 or beyond `total`. */
enum mn_parse mn_udp_parse(const void *data, size_t len, size_t total, struct mn_udp_header *header);
/* Returns true if a received datagram, whose header is at packet->data, has a right checksum. Zero
 * means that the sender computed none: that is right in IPv4 (RFC 768), and wrong in IPv6 (RFC 8200
 * 8.1). */
bool mn_udp_checksum_ok(const struct mnet_packet *packet, const struct mn_datagram *datagram,
                        const struct mn_udp_header *header);
/* Writes 8 bytes, the checksum field as given. */
void mn_udp_emit(void *to, const struct mn_udp_header *header);

#endif
