/* UDP endpoints of one host (RFC 768, RFC 1122 4.1). Sans-IO: datagrams, errors and user calls go in; packets and
 * events come out.
 *
 * Theory of operation. Endpoints are found by their local port in a table of chains. A datagram goes to one endpoint:
 * to the connected one (a remote end is set) that matches both ends exactly, else to the one bound to the destination
 * address, else to the one bound to any address. Received datagrams wait in the endpoint's queue by reference,
 * counted and by the memory that they pin; beyond either limit the newest is dropped with a counter. The sender's
 * endpoint is kept in front of the payload, where the headers were, so that queueing allocates nothing.
 *
 * The user embeds struct mn_udp_endpoint in an object of its own, so that an endpoint costs one allocation, the
 * user's.
 */
#ifndef MN_UDP_H
#define MN_UDP_H

#include <mnet/counters.h>
#include <mnet/packet.h>
#include <mnet/udp.h>

#include "base/list.h"
#include "base/random.h"
#include "wire/udp.h"
#include "wire/wire.h"

#define MN_UDP_PAYLOAD_MAX 65507 /* 65535 less an IPv4 and a UDP header */
#define MN_UDP_EPHEMERAL_FIRST 32768

struct mn_udp_config {
    struct mnet_memory *memory;
    struct mnet_counters *counters;
    struct mn_random *random;
    unsigned endpoints_max;
};

struct mn_udp {
    struct mnet_memory *memory;
    struct mnet_counters *counters;
    struct mn_random *random;
    struct mnet_link *chains; /* of endpoints, by the low bits of the local port */
    uint16_t chain_mask;
    unsigned endpoints, endpoints_max;
    struct mnet_link events; /* endpoints with news */
    size_t pinned, budget;   /* memory of what is queued at all endpoints, and what that may be */
};

struct mn_udp_endpoint {
    struct mnet_link chain, event;
    struct mn_udp *udp;
    struct mnet_endpoint local;  /* the address may be unspecified, the port is not */
    struct mnet_endpoint remote; /* port 0: not connected */
    struct mnet_packet *first, *last;
    unsigned queued, queue_datagrams;
    size_t pinned, queue_bytes;
    int error;                         /* to be reported once; 0: none */
    enum mnet_unreachable unreachable; /* what an ICMP error said last */
    uint8_t ttl, dscp;
};

/* 0 or MNET_E_NO_MEMORY. */
int mn_udp_init(struct mn_udp *udp, const struct mn_udp_config *config);

/* Opens `endpoint` (zeroed). The caller has checked that the addresses are usable. MNET_E_INVALID (a remote end
 * without address or port, DSCP above 63), MNET_E_IN_USE, MNET_E_LIMIT. */
int mn_udp_open(struct mn_udp *udp, struct mn_udp_endpoint *endpoint, const struct mnet_udp_options *options);
/* Frees what is queued and forgets the endpoint. */
void mn_udp_close(struct mn_udp *udp, struct mn_udp_endpoint *endpoint);

enum mn_udp_verdict {
    MN_UDP_CONSUMED, /* queued or dropped; the packet is gone */
    MN_UDP_NO_PORT,  /* nobody listens: the packet is still the caller's, and as it was, for ICMP port unreachable */
};
/* In: a datagram with its UDP header first. */
enum mn_udp_verdict mn_udp_input(struct mn_udp *udp, const struct mn_datagram *datagram, struct mnet_packet *packet);
/* In: an ICMP error about a datagram of ours. Connected endpoints report it once (RFC 1122 4.1.3.3). */
void mn_udp_icmp(struct mn_udp *udp, const struct mn_icmp_error *error);

/* The next endpoint that has become readable since it was last given out; NULL where there is none. */
struct mn_udp_endpoint *mn_udp_next_event(struct mn_udp *udp);
bool mn_udp_readable(const struct mn_udp_endpoint *endpoint);

/* The next datagram, as mnet_udp_receive; MNET_E_DEADLINE where none waits. */
ptrdiff_t mn_udp_receive(struct mn_udp_endpoint *endpoint, void *buffer, size_t len, struct mnet_endpoint *from);

/* Out: the packet (UDP header first, checksum PARTIAL) with its addresses, for `len` bytes to `to`, at most
 * MN_UDP_PAYLOAD_MAX, from the own address `source`; NULL where memory is used up. */
struct mnet_packet *mn_udp_output(struct mn_udp *udp, const struct mn_udp_endpoint *endpoint,
                                  const struct mnet_endpoint *to, struct mnet_address source, const void *data,
                                  size_t len, struct mn_datagram *datagram);

#endif
