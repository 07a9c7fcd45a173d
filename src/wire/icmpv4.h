/* ICMP for IPv4 (RFC 792, RFC 1191, RFC 1812 4.3). */
#ifndef MN_ICMPV4_WIRE_H
#define MN_ICMPV4_WIRE_H

#include "wire/wire.h"

#define MN_ICMPV4_HEADER 8

enum mn_icmpv4_type {
    MN_ICMPV4_ECHO_REPLY = 0,
    MN_ICMPV4_UNREACHABLE = 3,
    MN_ICMPV4_SOURCE_QUENCH = 4,
    MN_ICMPV4_REDIRECT = 5,
    MN_ICMPV4_ECHO = 8,
    MN_ICMPV4_TIME_EXCEEDED = 11,
    MN_ICMPV4_PARAMETER_PROBLEM = 12,
};

enum mn_icmpv4_unreachable_code {
    MN_ICMPV4_NET_UNREACHABLE = 0,
    MN_ICMPV4_HOST_UNREACHABLE = 1,
    MN_ICMPV4_PROTOCOL_UNREACHABLE = 2,
    MN_ICMPV4_PORT_UNREACHABLE = 3,
    MN_ICMPV4_FRAGMENTATION_NEEDED = 4,
    MN_ICMPV4_SOURCE_ROUTE_FAILED = 5,
};

enum mn_icmpv4_time_exceeded_code {
    MN_ICMPV4_HOPS_EXCEEDED = 0,
    MN_ICMPV4_REASSEMBLY_TIME_EXCEEDED = 1,
};

struct mn_icmpv4 {
    uint8_t type, code;
    uint16_t identifier, sequence; /* echo; elsewhere halves of a word: an MTU in the second */
};

/* Reads the header only; the checksum over the whole message is the caller's (it may lie in
 * fragments). */
enum mn_parse mn_icmpv4_parse(const void *data, size_t len, struct mn_icmpv4 *header);
/* Writes 8 bytes with the checksum, given the unfolded sum of the bytes that follow. */
void mn_icmpv4_emit(void *to, const struct mn_icmpv4 *header, uint64_t body_sum);
/* Returns true if a message of this type is an error, never to be answered with an error (RFC 1122
 * 3.2.2). */
bool mn_icmpv4_is_error(uint8_t type);
/* The type of a message of at least one byte. */
static inline uint8_t mn_icmpv4_type(const uint8_t *message)
{
    return message[0];
}

/* Makes an echo request, whose header is in the linear part and whose checksum is right, the reply
 * to it. */
void mn_icmpv4_become_reply(struct mnet_packet *request);

#endif
