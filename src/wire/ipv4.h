/* IPv4 headers (RFC 791, RFC 1122 3.2.1). */
#ifndef MN_IPV4_WIRE_H
#define MN_IPV4_WIRE_H

#include "wire/bytes.h"
#include "wire/wire.h"

#define MN_IPV4_HEADER 20
#define MN_IPV4_HEADER_MAX 60
#define MN_IPV4_OPTIONS_MAX (MN_IPV4_HEADER_MAX - MN_IPV4_HEADER)

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
    bool router_alert; /* RFC 2113 */
};

/* Parses and validates the header in the first `len` bytes of a packet of `total` bytes (linear
 * part and all): version, lengths, checksum, options. The packet may be longer than total_len (link
 * padding). On a failure other than TRUNCATED the fields read so far are set. */
enum mn_parse mn_ipv4_parse(const void *data, size_t len, size_t total, struct mn_ipv4 *header);
/* Does the same for a header without options in a packet that is no fragment, as nearly all are.
 * Returns false, and *header means nothing, if mn_ipv4_parse must judge the packet. */
bool mn_ipv4_parse_plain(const void *data, size_t len, size_t total, struct mn_ipv4 *header);
/* Does the same for the quote in an ICMP error: total_len may exceed the bytes that are there, and
 * the checksum is not verified. */
enum mn_parse mn_ipv4_parse_quote(const void *data, size_t len, struct mn_ipv4 *header);
/* The value, in host order, of an address that is known to be IPv4. */
static inline uint32_t mn_ipv4_value(const struct mnet_address *address)
{
    return mn_load_u32(address->bytes + 12);
}
/* The version that a packet of at least one byte says that it has. */
static inline unsigned mn_ip_version(const uint8_t *packet)
{
    return packet[0] >> 4;
}
/* Writes 20 bytes (header_len must be 20) with the header checksum. */
void mn_ipv4_emit(void *to, const struct mn_ipv4 *header);

/* For a header that is sent again and again in front of other payloads: the first function clears
 * total_len and checksum, and returns the unfolded sum of the rest, with which the second one sets
 * both. */
uint64_t mn_ipv4_clear_total_len(uint8_t *header);
void mn_ipv4_set_total_len(uint8_t *header, uint16_t total_len, uint64_t sum);

/* Options, padded to a multiple of four bytes. */
struct mn_ipv4_options {
    uint8_t len;
    uint8_t bytes[MN_IPV4_OPTIONS_MAX];
};

/* Fills *answer with the options that an echo reply carries back (RFC 1122 3.2.2.6): Record Route
 * and Timestamp of the request, updated as by a host `own` at time_ms. `options` are the `len`
 * bytes behind a fixed header that mn_ipv4_parse has accepted. False if one of the two is wrong in
 * itself: the request is to be discarded (RFC 791 3.1). */
bool mn_ipv4_answer_options(const uint8_t *options, size_t len, uint32_t own, uint32_t time_ms,
                            struct mn_ipv4_options *answer);
/* As mn_ipv4_emit, with options: writes 20 + options->len bytes. */
void mn_ipv4_emit_options(void *to, const struct mn_ipv4 *header, const struct mn_ipv4_options *options);

#endif
