/* UDP endpoints (RFC 768, RFC 1122 4.1), in the same blocking style as TCP, for both families.
 *
 * mnet_udp_send and mnet_udp_receive move one datagram and copy its bytes. mnet_udp_send_batch and
 * mnet_udp_get move several in a call, with the fields of their headers. mnet_udp_get lends the
 * bytes where they lie.
 */
#ifndef MNET_UDP_H
#define MNET_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mnet/address.h>
#include <mnet/error.h>
#include <mnet/packet.h>
#include <mnet/time.h>

#pragma GCC visibility push(default)

#define MNET_UDP_GROUPS_MAX 8 /* multicast groups that an endpoint can be a member of */

struct mnet_stack;
struct mnet_udp;

/* Options of an endpoint; zeros are defaults. */
struct mnet_udp_options {
    /* Default: any own address of both families, and a random free port (RFC 6056) that is never
     * remote.port. 0.0.0.0 is any own IPv4 address. */
    struct mnet_endpoint local;
    /* If set, the endpoint is connected: see mnet_udp_connect. */
    struct mnet_endpoint remote;
    /* Datagrams of this family only. Two endpoints of different families may have the same port. */
    enum mnet_family family;
    /* Received datagrams that may wait, lent ones included; default 256. */
    unsigned queue_datagrams;
    /* Bytes of memory that these may pin; default 512 KiB. */
    size_t queue_bytes;
    uint8_t ttl;  /* TTL or hop limit of datagrams sent; default: the stack's */
    uint8_t dscp; /* 0..63 */
    /* TTL or hop limit of datagrams to multicast groups; default: 1, which no router forwards (RFC
     * 1112 6.1). */
    uint8_t group_ttl;
    /* Endpoints of this stack get the datagrams, too, that this one sends to their groups. */
    bool group_loop;
    /* Datagrams are never cut into fragments, neither here nor, over IPv4, by a router. One that
     * would have to be is refused with MNET_E_TOO_BIG. */
    bool dont_fragment;
    /* Also without a remote end the endpoint gets ICMP errors: see mnet_udp_receive. */
    bool icmp_errors;
    /* Endpoints that all have this option may have the same ends. Each datagram goes to one of
     * them, and those of one sender to the same one, as long as no endpoint comes or goes. */
    bool share;
    /* mnet_udp_get may return equal datagrams in a row as one message: see `segment`. */
    bool merge;
};

/* One datagram, or several equal ones in a row, with the fields of their headers. */
struct mnet_udp_message {
    /* Received: the sender. Sent: the destination; port 0 is that of the connected endpoint. */
    struct mnet_endpoint remote;
    /* Received: the destination, which may be a broadcast or group address. Sent: the own address
     * to send from. If it is unspecified, it is the endpoint's, or else the stack chooses one. */
    struct mnet_address local;
    /* The bytes: `slice_count` pieces in order. */
    const struct mnet_slice *slices;
    int slice_count;
    /* If not 0: the bytes are those of several datagrams of so many bytes each. The last one may
     * have fewer. Received: each slice is one datagram. */
    uint16_t segment;
    /* TTL or hop limit; sent: 0 is the endpoint's. A received value is no good one for an
     * answer. */
    uint8_t ttl;
    uint8_t dscp; /* 0..63 (RFC 2474); sent: 0 is the endpoint's */
    uint8_t ecn;  /* 0..3 (RFC 3168) */
    size_t len;   /* received: bytes of all slices; not read if sent */
};

/* Opens an endpoint. options may be NULL. Errors: MNET_E_IN_USE (another endpoint gets the same
 * datagrams), MNET_E_INVALID, MNET_E_LIMIT, MNET_E_NO_MEMORY, MNET_E_UNREACHABLE (an address of
 * another link). Never suspends. */
int mnet_udp_open(struct mnet_stack *stack, const struct mnet_udp_options *options, struct mnet_udp **udp);
/* Closes the endpoint. Blocked tasks wake with MNET_E_CLOSED. Slices that mnet_udp_get lent and the
 * handle are invalid afterwards. NULL is allowed. Never suspends. */
void mnet_udp_close(struct mnet_udp *udp);
/* Returns the endpoint's own address and port. */
struct mnet_endpoint mnet_udp_local(const struct mnet_udp *udp);

/* Connects the endpoint to another remote end than before, or to none if `remote` is NULL. A
 * connected endpoint receives from its remote end only, sends there by default, and gets ICMP
 * errors. Nothing is sent. Datagrams of others and errors that wait are discarded. Errors, with
 * nothing changed: MNET_E_INVALID (not a unicast address, port 0, or another family than the
 * endpoint's), MNET_E_IN_USE, MNET_E_UNREACHABLE (an address of another link). Never suspends. */
int mnet_udp_connect(struct mnet_udp *udp, const struct mnet_endpoint *remote);

/* Makes the endpoint a member of a multicast group: it receives the datagrams to the group and its
 * own port, of all senders, whatever its own address is. Routers and switches hear of it (IGMP,
 * MLD). Without membership no datagram to a group is received. Errors: MNET_E_INVALID (no multicast
 * address, or of another family than the endpoint's), MNET_E_IN_USE (it is a member), MNET_E_LIMIT
 * (MNET_UDP_GROUPS_MAX, or the limit of the stack), MNET_E_UNREACHABLE (a group of another link, or
 * the stack has no IPv6), MNET_E_CLOSED. Never suspends. */
int mnet_udp_join(struct mnet_udp *udp, struct mnet_address group);
/* Ends a membership. Closing the endpoint ends all. Errors: MNET_E_INVALID (it is no member),
 * MNET_E_UNREACHABLE (a group of another link). Never suspends. */
int mnet_udp_leave(struct mnet_udp *udp, struct mnet_address group);

/* Switches on or off whether endpoints of this stack get the datagrams, too, that this one sends to
 * their groups (struct mnet_udp_options.group_loop). Never suspends. */
void mnet_udp_set_group_loop(struct mnet_udp *udp, bool loop);

/* Forbids or allows that later datagrams are cut into fragments (struct
 * mnet_udp_options.dont_fragment). Never suspends. */
void mnet_udp_set_dont_fragment(struct mnet_udp *udp, bool dont_fragment);

/* Receives one datagram of up to `len` bytes and returns its length. `from` may be NULL. A longer
 * datagram is consumed: its first `len` bytes are stored, and MNET_E_TOO_BIG is returned.
 *
 * If an ICMP error says that a datagram of the endpoint did not arrive, one call returns
 * MNET_E_REFUSED (the peer has no such port) or MNET_E_UNREACHABLE, and *from is the destination of
 * that datagram (RFC 1122 4.1.3.3). Only connected endpoints get errors, and those opened with
 * icmp_errors. Anyone on the way can forge an ICMP error. Suspends. */
ptrdiff_t mnet_udp_receive(struct mnet_udp *udp, void *buffer, size_t len, struct mnet_endpoint *from,
                           uint64_t deadline);

/* Copies up to `len` bytes of the next datagram and leaves it in the queue. Returns the length of
 * the whole datagram, which may be more. An ICMP error is taken, as by mnet_udp_receive. Otherwise
 * as that call. Suspends. */
ptrdiff_t mnet_udp_peek(struct mnet_udp *udp, void *buffer, size_t len, struct mnet_endpoint *from, uint64_t deadline);

/* Fills in the fields of the headers of the datagram that waits longest, and its length, without
 * slices. Returns false if none waits. Never suspends. */
bool mnet_udp_describe(const struct mnet_udp *udp, struct mnet_udp_message *message);

/* Lends received datagrams without copying them. Waits for the first one, then fills up to `max`
 * messages, at least 1, with those that are there, and returns their number. Their slices are put
 * into the array `slices` of `slice_max`; a datagram that arrived in one frame needs one. The bytes
 * stay valid until mnet_udp_release, and count for the limits of the queue until then.
 *
 * Errors are those of mnet_udp_receive: messages[0].remote is the destination that an ICMP error is
 * about. If the first datagram has more pieces than `slice_max`, it is dropped: MNET_E_TOO_BIG.
 * MNET_E_INVALID if max or slice_max is below 1. Suspends. */
ptrdiff_t mnet_udp_get(struct mnet_udp *udp, struct mnet_udp_message *messages, int max, struct mnet_slice *slices,
                       int slice_max, uint64_t deadline);
/* Returns all datagrams that mnet_udp_get lent. Does nothing if none are lent. Never suspends. */
void mnet_udp_release(struct mnet_udp *udp);

/* Returns the cause of the ICMP error reported last why the endpoint's datagrams do not arrive:
 * after a call that returned such an error, that error's. Never suspends. */
enum mnet_unreachable mnet_udp_unreachable(const struct mnet_udp *udp);

/* Takes the oldest ICMP error that waits, as mnet_udp_receive would return it, and leaves the
 * datagrams: MNET_E_REFUSED or MNET_E_UNREACHABLE. 0 if none waits. *to is the destination that the
 * error is about; `to` may be NULL. Never suspends. */
int mnet_udp_error(struct mnet_udp *udp, struct mnet_endpoint *to);

/* Sends one datagram of `len` bytes to `to`, or to the connected remote if `to` is NULL. The bytes
 * are copied. Waits while the device takes no frames, and at the start of the stack for an own
 * address of IPv6 that can reach `to`, as mnet_tcp_connect does. A datagram larger than the MTU is
 * cut into fragments, unless the endpoint forbids it. If an own endpoint is to receive it, and its
 * queue is full, the datagram is lost without an error. Errors:
 *
 *     MNET_E_TOO_BIG      more than mnet_udp_payload_max with dont_fragment; without, more than
 *                         65507 bytes over IPv4 or 65527 over IPv6
 *     MNET_E_UNREACHABLE  no route, at once; no own address of IPv6 so far, at the deadline
 *     MNET_E_INVALID      no destination, or one of another family than the endpoint's
 *     MNET_E_NO_MEMORY, MNET_E_DEADLINE, MNET_E_CANCELLED, MNET_E_CLOSED
 *
 * Suspends. */
int mnet_udp_send(struct mnet_udp *udp, const struct mnet_endpoint *to, const void *data, size_t len,
                  uint64_t deadline);

/* Sends `count` messages in order, each as mnet_udp_send does. Returns 0 or the error of the first
 * one that could not be sent. *sent is the number of messages sent in each case; sent may be NULL.
 * Of a message with segments that fails, some may have been sent. MNET_E_INVALID also for a local
 * address that is not the host's or not the endpoint's, and for DSCP or ECN out of range.
 * Suspends. */
int mnet_udp_send_batch(struct mnet_udp *udp, const struct mnet_udp_message *messages, int count, int *sent,
                        uint64_t deadline);

/* Returns the largest payload, in bytes, that goes to `to`, or to the connected remote if `to` is
 * NULL, without being cut into fragments, as far as is known: from the MTU of the link, and from
 * routers that told of a smaller one in the last ten minutes (RFC 1191, RFC 8201). Errors:
 * MNET_E_INVALID, MNET_E_UNREACHABLE. Never suspends. */
ptrdiff_t mnet_udp_payload_max(const struct mnet_udp *udp, const struct mnet_endpoint *to);

/* Returns the own address from which a datagram to `to`, or to the connected remote if `to` is
 * NULL, is sent: the endpoint's, or the one that the stack chooses. Unspecified if nothing can be
 * sent there. Never suspends. */
struct mnet_address mnet_udp_source(const struct mnet_udp *udp, const struct mnet_endpoint *to);

/* The endpoint's readiness now (enum mnet_ready in stream.h), and a callback when it rises. They
 * behave as mnet_tcp_ready and mnet_tcp_notify. */
unsigned mnet_udp_ready(const struct mnet_udp *udp);
void mnet_udp_notify(struct mnet_udp *udp, void (*notify)(void *context, unsigned ready), void *context);

#pragma GCC visibility pop

#endif
