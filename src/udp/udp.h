/* UDP endpoints of one host (RFC 768, RFC 1122 4.1). Sans-IO: datagrams, errors and user calls go
 * in, and packets and events come out.
 *
 * Theory of operation. A table of chains finds endpoints by their local port. A datagram goes to
 * one endpoint: the connected one (with a remote end) that matches both ends exactly, otherwise the
 * one bound to the destination address, otherwise the one bound to any address. Of several that
 * share these ends, the sender's address and port choose one. An endpoint bound to any address
 * takes one family or both. Datagrams to a multicast group are for its members, whatever their own
 * address.
 *
 * Received datagrams wait in the endpoint's queue by reference. The user copies them, or has them
 * lent: these move to a second queue until they are released. Both queues together are limited by
 * the number of datagrams and by the memory that they pin. Beyond either limit the newest is
 * dropped and counted. The fields of the headers that the user may ask for are stored in the
 * headroom of the packet, so queueing allocates nothing.
 *
 * ICMP errors wait in a few places of the endpoint, one for each destination, and are told before
 * datagrams. If there is no place for a further destination, its error is not told: errors are
 * hints.
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

#include "base/hash.h"
#include "base/list.h"
#include "base/packet_queue.h"
#include "base/random.h"
#include "wire/spread.h"
#include "wire/udp.h"
#include "wire/wire.h"

#define MN_UDP_PAYLOAD_MAX_IPV4 65507 /* 65535 less an IPv4 and a UDP header */
#define MN_UDP_PAYLOAD_MAX_IPV6 65527 /* 65535 less a UDP header, for IPv6 does not count its own */
#define MN_UDP_EPHEMERAL_FIRST 32768
#define MN_UDP_ERRORS 4 /* destinations whose errors wait to be told */

struct mn_udp_config {
    struct mnet_memory *memory;
    struct mnet_counters *counters;
    struct mn_random *random;
    struct mn_spread spread;     /* the queue of the device */
    struct mnet_udp_config user; /* complete */
};

struct mn_udp {
    struct mnet_memory *memory;
    struct mnet_counters *counters;
    struct mn_random *random;
    struct mn_spread spread;
    struct mnet_link *chains; /* chains of endpoints, by the low bits of the local port */
    uint16_t chain_mask;
    unsigned endpoints, endpoints_max;
    unsigned joined;         /* memberships of all endpoints */
    struct mnet_link events; /* endpoints with events */
    size_t pinned, budget;   /* memory pinned by all queues, and its limit */
    struct mn_hash_key label_key;
    bool has_label_key;
};

/* An ICMP error that waits to be told. */
struct mn_udp_error {
    struct mnet_endpoint remote; /* the destination of the datagram that it is about */
    struct mnet_address local;   /* its source */
    int result;
    enum mnet_unreachable cause;
};

struct mn_udp_endpoint {
    struct mnet_link chain, event;
    struct mn_udp *udp;
    struct mnet_endpoint local;  /* the address may be unspecified, the port is not */
    struct mnet_endpoint remote; /* port 0: not connected */
    enum mnet_family family;     /* of its addresses */
    enum mnet_family own_family; /* whatever the remote end is */
    struct mn_packet_queue queue, lent;
    unsigned queue_datagrams;   /* so many in both queues at most, */
    size_t pinned, queue_bytes; /* which may pin so much memory */
    struct mn_udp_error errors[MN_UDP_ERRORS];
    uint8_t error_count;
    uint8_t ttl, dscp;
    uint8_t group_ttl, group_count;
    struct mnet_address groups[MNET_UDP_GROUPS_MAX]; /* of which it is a member */
    bool dont_fragment, icmp_errors, merge, group_loop, share;
    enum mnet_unreachable unreachable; /* the cause reported or told last */
};

/* Asserts the invariants between two steps. O(endpoints). */
void mn_udp_check(const struct mn_udp *udp);

/* Returns 0 or MNET_E_NO_MEMORY. */
int mn_udp_init(struct mn_udp *udp, const struct mn_udp_config *config);

/* Opens `endpoint` (zeroed). The caller has checked that the addresses are usable. Errors:
 * MNET_E_INVALID (a remote end without address or port, addresses of another family than the
 * endpoint's, DSCP above 63), MNET_E_IN_USE, MNET_E_LIMIT. */
int mn_udp_open(struct mn_udp *udp, struct mn_udp_endpoint *endpoint, const struct mnet_udp_options *options);
/* Connects to `remote`, or to nothing if its port is 0. Datagrams of others and waiting errors are
 * discarded. Errors, with nothing changed: MNET_E_INVALID (as mn_udp_open), MNET_E_IN_USE. */
int mn_udp_connect(struct mn_udp *udp, struct mn_udp_endpoint *endpoint, struct mnet_endpoint remote);
/* Removes the endpoint and frees its queue. */
void mn_udp_close(struct mn_udp *udp, struct mn_udp_endpoint *endpoint);
/* The same for an endpoint of the stack itself, which is none of those that a program may have. */
int mn_udp_open_own(struct mn_udp *udp, struct mn_udp_endpoint *endpoint, const struct mnet_udp_options *options);
void mn_udp_close_own(struct mn_udp *udp, struct mn_udp_endpoint *endpoint);

/* group.c */

/* As mnet_udp_join and mnet_udp_leave, for the endpoint alone. */
int mn_udp_join(struct mn_udp_endpoint *endpoint, struct mnet_address group);
int mn_udp_leave(struct mn_udp_endpoint *endpoint, struct mnet_address group);
bool mn_udp_is_member(const struct mn_udp_endpoint *endpoint, struct mnet_address group);

enum mn_udp_verdict {
    MN_UDP_CONSUMED, /* queued or dropped; the packet is gone */
    /* No endpoint: the packet is still the caller's, unchanged, for ICMP port unreachable. */
    MN_UDP_NO_PORT,
};
/* Receives a datagram that begins with its UDP header. */
enum mn_udp_verdict mn_udp_input(struct mn_udp *udp, const struct mn_datagram *datagram, struct mnet_packet *packet);
/* Receives an ICMP error. An endpoint that is connected, or wants the errors of all destinations,
 * reports it once (RFC 1122 4.1.3.3). One that is too big is not reported: the path is smaller from
 * now on. Returns true if the error can be about a datagram of ours, and says so of a size that
 * cannot pass. */
bool mn_udp_icmp(struct mn_udp *udp, const struct mn_icmp_error *error);

/* Returns whether the next function has something. */
static inline bool mn_udp_has_events(const struct mn_udp *udp)
{
    return !mn_list_empty(&udp->events);
}
/* Returns the next endpoint that has become readable since it was last returned, or NULL if there
 * is none. */
struct mn_udp_endpoint *mn_udp_fetch_event(struct mn_udp *udp);
bool mn_udp_readable(const struct mn_udp_endpoint *endpoint);

/* queue.c */

/* Takes the error that has waited longest. Returns it, or 0 if there is none. */
int mn_udp_error(struct mn_udp_endpoint *endpoint, struct mnet_endpoint *to);

/* Returns the next datagram, like mnet_udp_receive, or MNET_E_DEADLINE if none waits. */
ptrdiff_t mn_udp_receive(struct mn_udp_endpoint *endpoint, void *buffer, size_t len, struct mnet_endpoint *from);
/* Does the same, leaves the datagram in the queue, and returns the length of all of it. */
ptrdiff_t mn_udp_peek(struct mn_udp_endpoint *endpoint, void *buffer, size_t len, struct mnet_endpoint *from);
/* Describes the next datagram without its bytes. False if none waits. */
bool mn_udp_describe(const struct mn_udp_endpoint *endpoint, struct mnet_udp_message *message);
/* The place for the datagrams that are lent. */
struct mn_udp_loan {
    struct mnet_udp_message *messages;
    int max;
    struct mnet_slice *slices;
    int slice_max;
};
/* Lends the next datagrams, like mnet_udp_get, or returns MNET_E_DEADLINE if none waits. */
ptrdiff_t mn_udp_lend(struct mn_udp_endpoint *endpoint, const struct mn_udp_loan *loan);
/* Takes all lent datagrams back. */
void mn_udp_release(struct mn_udp_endpoint *endpoint);

/* output.c */

/* Returns the largest payload of one datagram to `to`. */
static inline size_t mn_udp_payload_max(struct mnet_address to)
{
    return mn_address_is_ipv4(&to) ? MN_UDP_PAYLOAD_MAX_IPV4 : MN_UDP_PAYLOAD_MAX_IPV6;
}

/* The bytes of a message that have not been sent yet. */
struct mn_udp_bytes {
    const struct mnet_slice *slice; /* the next ones, */
    size_t offset;                  /* from here on */
    size_t left;                    /* in all slices */
};
/* Returns a packet (UDP header first, checksum PARTIAL) with the next `len` bytes of `bytes`, at
 * most mn_udp_payload_max, and its addresses. `message` has the remote end, the local end with an
 * own address, and TTL, DSCP and ECN, of which 0 means that of the endpoint. Advances `bytes`.
 * Returns NULL if memory is short, and leaves `bytes` unchanged. */
struct mnet_packet *mn_udp_output(struct mn_udp *udp, const struct mn_udp_endpoint *endpoint,
                                  const struct mnet_udp_message *message, struct mn_udp_bytes *bytes, size_t len,
                                  struct mn_datagram *datagram);
/* Returns whether the address is of the endpoint's family. */
static inline bool mn_udp_takes(const struct mn_udp_endpoint *endpoint, struct mnet_address address)
{
    if (MN_LIKELY(endpoint->family == MNET_FAMILY_ANY))
        return true;
    return mn_address_is_ipv4(&address) == (endpoint->family == MNET_FAMILY_IPV4);
}

#endif
