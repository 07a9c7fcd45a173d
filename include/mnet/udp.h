/* UDP endpoints (RFC 768), in the same blocking style as TCP. */
#ifndef MNET_UDP_H
#define MNET_UDP_H

#include <stddef.h>
#include <stdint.h>

#include <mnet/address.h>
#include <mnet/error.h>
#include <mnet/time.h>

#pragma GCC visibility push(default)

struct mnet_stack;
struct mnet_udp;

/* Options of an endpoint; zeros are defaults. */
struct mnet_udp_options {
    /* Default: any own address, and a random free port (RFC 6056) that is never remote.port. */
    struct mnet_endpoint local;
    /* If set, the endpoint is connected: it receives from this remote only, and gets ICMP
     * errors. */
    struct mnet_endpoint remote;
    unsigned queue_datagrams; /* received datagrams that may wait; default 256 */
    size_t queue_bytes;       /* memory that they may pin; default 512 KiB */
    uint8_t ttl;              /* default: the stack's */
    uint8_t dscp;             /* 0..63 */
};

/* Opens an endpoint. options may be NULL. Errors: MNET_E_IN_USE, MNET_E_INVALID, MNET_E_LIMIT,
 * MNET_E_NO_MEMORY. Never suspends. */
int mnet_udp_open(struct mnet_stack *stack, const struct mnet_udp_options *options, struct mnet_udp **udp);
/* Closes the endpoint. Blocked tasks wake with MNET_E_CLOSED. The handle is invalid afterwards.
 * NULL is allowed. Never suspends. */
void mnet_udp_close(struct mnet_udp *udp);
/* Returns the endpoint's own address and port. */
struct mnet_endpoint mnet_udp_local(const struct mnet_udp *udp);

/* Receives one datagram of up to `len` bytes and returns its length. `from` may be NULL. A longer
 * datagram is consumed: its first `len` bytes are stored, and MNET_E_TOO_BIG is returned. If the
 * endpoint is connected and an ICMP error comes, one call returns MNET_E_REFUSED (the peer has no
 * such port) or MNET_E_UNREACHABLE. Suspends. */
ptrdiff_t mnet_udp_receive(struct mnet_udp *udp, void *buffer, size_t len, struct mnet_endpoint *from,
                           uint64_t deadline);

/* Returns the cause reported last why the datagrams of a connected endpoint do not arrive. Never
 * suspends. */
enum mnet_unreachable mnet_udp_unreachable(const struct mnet_udp *udp);

/* Sends one datagram of `len` bytes to `to`, or to the connected remote if `to` is NULL. A datagram
 * larger than the MTU is fragmented. Waits while the device takes no frames. Errors: MNET_E_TOO_BIG
 * beyond 65507 bytes, MNET_E_UNREACHABLE at once without a route, MNET_E_INVALID, MNET_E_NO_MEMORY.
 * Suspends. */
int mnet_udp_send(struct mnet_udp *udp, const struct mnet_endpoint *to, const void *data, size_t len,
                  uint64_t deadline);

/* The endpoint's readiness now (enum mnet_ready in stream.h), and a callback when it rises. They
 * behave as mnet_tcp_ready and mnet_tcp_notify. */
unsigned mnet_udp_ready(const struct mnet_udp *udp);
void mnet_udp_notify(struct mnet_udp *udp, void (*notify)(void *context, unsigned ready), void *context);

#pragma GCC visibility pop

#endif
