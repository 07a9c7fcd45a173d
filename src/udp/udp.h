/* UDP endpoints of one host (RFC 768, RFC 1122 4.1). Sans-IO: datagrams, errors and user calls go
 * in, and packets and events come out.
 *
 * Theory of operation. A table of chains finds endpoints by their local port. A datagram goes to
 * one endpoint: the connected one (with a remote end) that matches both ends exactly, otherwise the
 * one bound to the destination address, otherwise the one bound to any address. Received datagrams
 * wait in the endpoint's queue by reference. The queue is limited by their number and by the memory
 * that they pin. Beyond either limit the newest is dropped and counted. The sender's endpoint is
 * stored before the payload, in place of the headers, so queueing allocates nothing.
 *
 * The user embeds struct mn_udp_endpoint in an object of its own, so an endpoint costs one
 * allocation, the user's.
 */
#ifndef MN_UDP_H
#define MN_UDP_H

#include <mnet/config.h>
#include <mnet/counters.h>
#include <mnet/packet.h>
#include <mnet/udp.h>

#include "base/list.h"
#include "base/packet_queue.h"
#include "base/random.h"
#include "wire/udp.h"
#include "wire/wire.h"

#define MN_UDP_PAYLOAD_MAX 65507 /* 65535 less an IPv4 and a UDP header */
#define MN_UDP_EPHEMERAL_FIRST 32768

struct mn_udp_config {
    struct mnet_memory *memory;
    struct mnet_counters *counters;
    struct mn_random *random;
    struct mnet_udp_config user; /* complete */
};

struct mn_udp {
    struct mnet_memory *memory;
    struct mnet_counters *counters;
    struct mn_random *random;
    struct mnet_link *chains; /* chains of endpoints, by the low bits of the local port */
    uint16_t chain_mask;
    unsigned endpoints, endpoints_max;
    struct mnet_link events; /* endpoints with events */
    size_t pinned, budget;   /* memory pinned by all queues, and its limit */
};

struct mn_udp_endpoint {
    struct mnet_link chain, event;
    struct mn_udp *udp;
    struct mnet_endpoint local;   /* the address may be unspecified, the port is not */
    struct mnet_endpoint remote;  /* port 0: not connected */
    struct mn_packet_queue queue; /* datagrams, their sender in front */
    unsigned queue_datagrams;     /* so many at most */
    size_t pinned, queue_bytes;
    int error;                         /* reported once; 0: none */
    enum mnet_unreachable unreachable; /* cause of the last ICMP error */
    uint8_t ttl, dscp;
};

/* Returns 0 or MNET_E_NO_MEMORY. */
int mn_udp_init(struct mn_udp *udp, const struct mn_udp_config *config);

/* Opens `endpoint` (zeroed). The caller has checked that the addresses are usable. Errors:
 * MNET_E_INVALID (a remote end without address or port, DSCP above 63), MNET_E_IN_USE,
 * MNET_E_LIMIT. */
int mn_udp_open(struct mn_udp *udp, struct mn_udp_endpoint *endpoint, const struct mnet_udp_options *options);
/* Frees what is queued and forgets the endpoint. */
void mn_udp_close(struct mn_udp *udp, struct mn_udp_endpoint *endpoint);

enum mn_udp_verdict {
    MN_UDP_CONSUMED, /* queued or dropped; the packet is gone */
    /* No endpoint: the packet is still the caller's, unchanged, for ICMP port unreachable. */
    MN_UDP_NO_PORT,
};
/* Receives a datagram that begins with its UDP header. */
enum mn_udp_verdict mn_udp_input(struct mn_udp *udp, const struct mn_datagram *datagram, struct mnet_packet *packet);
/* Receives an ICMP error about a datagram of ours. A connected endpoint reports it once (RFC 1122
 * 4.1.3.3). */
void mn_udp_icmp(struct mn_udp *udp, const struct mn_icmp_error *error);

/* Returns the next endpoint that has become readable since it was last returned, or NULL if there
 * is none. */
struct mn_udp_endpoint *mn_udp_next_event(struct mn_udp *udp);
bool mn_udp_readable(const struct mn_udp_endpoint *endpoint);

/* Returns the next datagram, like mnet_udp_receive, or MNET_E_DEADLINE if none waits. */
ptrdiff_t mn_udp_receive(struct mn_udp_endpoint *endpoint, void *buffer, size_t len, struct mnet_endpoint *from);

/* Returns the packet (UDP header first, checksum PARTIAL) and its addresses for `len` bytes to
 * `to`, at most MN_UDP_PAYLOAD_MAX, from the own address `source`. Returns NULL if memory is used
 * up. */
struct mnet_packet *mn_udp_output(struct mn_udp *udp, const struct mn_udp_endpoint *endpoint,
                                  const struct mnet_endpoint *to, struct mnet_address source, const void *data,
                                  size_t len, struct mn_datagram *datagram);

#endif
