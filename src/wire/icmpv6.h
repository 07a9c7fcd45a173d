/* ICMPv6 (RFC 4443): the header that all messages share, echo and errors. Neighbour discovery is in
 * nd.h, multicast listener discovery in mld.h.
 *
 * Every message has a checksum over the pseudo-header of RFC 8200 8.1 and the whole message.
 * mn_transport_checksum_ok verifies it, as it does for TCP and UDP. */
#ifndef MN_ICMPV6_WIRE_H
#define MN_ICMPV6_WIRE_H

#include "wire/ipv6.h"
#include "wire/wire.h"

/* Type, code, checksum, and four bytes whose meaning depends on the type. */
#define MN_ICMPV6_HEADER 8
#define MN_ICMPV6_CHECKSUM_AT 2 /* in the header */
/* The most bytes that an error quotes: its packet has MN_IPV6_MTU_MIN at most (2.4 c). */
#define MN_ICMPV6_QUOTE_MAX (MN_IPV6_MTU_MIN - MN_IPV6_HEADER - MN_ICMPV6_HEADER)

enum mn_icmpv6_type {
    MN_ICMPV6_UNREACHABLE = 1,
    MN_ICMPV6_PACKET_TOO_BIG = 2,
    MN_ICMPV6_TIME_EXCEEDED = 3,
    MN_ICMPV6_PARAMETER_PROBLEM = 4, /* its codes: enum mn_ipv6_problem */
    MN_ICMPV6_ECHO = 128,
    MN_ICMPV6_ECHO_REPLY = 129,
    MN_ICMPV6_MLD_QUERY = 130,
    MN_ICMPV6_MLD_REPORT = 131,
    MN_ICMPV6_MLD_DONE = 132,
    MN_ICMPV6_ROUTER_SOLICITATION = 133,
    MN_ICMPV6_ROUTER_ADVERTISEMENT = 134,
    MN_ICMPV6_NEIGHBOUR_SOLICITATION = 135,
    MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT = 136,
    MN_ICMPV6_REDIRECT = 137,
    MN_ICMPV6_MLD2_REPORT = 143,
};

enum mn_icmpv6_unreachable_code {
    MN_ICMPV6_NO_ROUTE = 0,
    MN_ICMPV6_PROHIBITED = 1,
    MN_ICMPV6_BEYOND_SCOPE = 2,
    MN_ICMPV6_ADDRESS_UNREACHABLE = 3,
    MN_ICMPV6_PORT_UNREACHABLE = 4,
    MN_ICMPV6_POLICY_FAILED = 5,
    MN_ICMPV6_REJECT_ROUTE = 6,
};

enum mn_icmpv6_time_exceeded_code {
    MN_ICMPV6_HOPS_EXCEEDED = 0,
    MN_ICMPV6_REASSEMBLY_TIME_EXCEEDED = 1,
};

struct mn_icmpv6 {
    uint8_t type, code;
    uint32_t value; /* echo: identifier << 16 | sequence; an MTU, a pointer, or zero */
};

/* Reads the header only. */
enum mn_parse mn_icmpv6_parse(const void *data, size_t len, struct mn_icmpv6 *header);
/* Writes MN_ICMPV6_HEADER bytes with the checksum. `sum` is the unfolded sum of the pseudo-header
 * (mn_pseudo_sum) and of all bytes that follow the header. */
void mn_icmpv6_emit(void *to, const struct mn_icmpv6 *header, uint64_t sum);
/* Enters the checksum into a message of `len` bytes that are all there. */
void mn_icmpv6_set_checksum(uint8_t *message, size_t len, const struct mnet_address *source,
                            const struct mnet_address *destination);

/* Returns true for an error message (2.1). */
static inline bool mn_icmpv6_is_error(uint8_t type)
{
    return type < MN_ICMPV6_ECHO;
}

/* Returns true if a message of this type is never answered with an error (2.4 e.1 and e.2). */
static inline bool mn_icmpv6_is_beyond_errors(uint8_t type)
{
    return mn_icmpv6_is_error(type) || type == MN_ICMPV6_REDIRECT;
}

/* The type of a message of at least one byte. */
static inline uint8_t mn_icmpv6_type(const uint8_t *message)
{
    return message[0];
}

/* Makes an echo request, whose header is in the linear part and whose checksum is right, the reply
 * to it. The request came to `asked`; the reply leaves from `own`, which is another address if
 * `asked` is a group (4.2). */
void mn_icmpv6_become_reply(struct mnet_packet *request, const struct mnet_address *asked,
                            const struct mnet_address *own);

/* Reads an error of which `quote` are the `len` bytes behind the header, as transports see it:
 *
 *   Destination Unreachable  0, 2: NETWORK; 3: HOST; 4: PORT; 1, 5, 6: PROHIBITED (5 and 6 are
 *                            kinds of 1, 3.1)
 *   Packet Too Big           TOO_BIG, with the MTU
 *   Time Exceeded            NETWORK
 *   Parameter Problem        PROTOCOL if the transport itself is unknown (code 1), else NETWORK
 *   unknown types and codes  NETWORK (2.4 a)
 *
 * Of these the first two words are soft for TCP, and PORT and PROTOCOL are hard (RFC 1122 4.2.3.9,
 * RFC 5461 2). The reporter is for the caller to fill in.
 *
 * INVALID if the quote is no IPv6 packet, and for an MTU below MN_IPV6_MTU_MIN (RFC 8201 4).
 * TRUNCATED if there are less than eight bytes of a transport's header: because the quote ends, or
 * because it is a fragment other than the first. If its fixed header is there, reason, mtu and
 * addresses are set even then, and the quote is empty; else `remote` is unspecified. */
enum mn_parse mn_icmpv6_read_error(const struct mn_icmpv6 *message, const uint8_t *quote, size_t len,
                                   struct mn_icmp_error *error);

#endif
