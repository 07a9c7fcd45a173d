/* IPv4 headers (RFC 791, RFC 1122 3.2.1). */
#ifndef MN_IPV4_WIRE_H
#define MN_IPV4_WIRE_H

#include "wire/wire.h"

#define MN_IPV4_HEADER 20
#define MN_IPV4_HEADER_MAX 60

struct mn_ipv4 {
    uint32_t source, destination; /* host order */
    uint16_t total_len;
    uint16_t identification;
    uint16_t fragment_offset; /* in bytes */
    uint8_t header_len;       /* in bytes, 20..60 */
    uint8_t protocol;
    uint8_t ttl;
    uint8_t traffic_class;
    bool dont_fragment, more_fragments;
    bool source_route; /* an LSRR or SSRR option is present */
};

/* Parses and validates the header in the first `len` bytes of a packet of `total` bytes (linear part and all):
 * version, lengths, checksum, options. The packet may be longer than total_len (link padding). On a failure other
 * than TRUNCATED the fields read so far are set. */
enum mn_parse mn_ipv4_parse(const void *data, size_t len, size_t total, struct mn_ipv4 *header);
/* The same for the quote in an ICMP error: total_len may exceed what is there, and the checksum is not verified. */
enum mn_parse mn_ipv4_parse_quote(const void *data, size_t len, struct mn_ipv4 *header);
/* Writes 20 bytes (header_len must be 20) with the header checksum. */
void mn_ipv4_emit(void *to, const struct mn_ipv4 *header);

#endif
