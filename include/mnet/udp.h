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

/* Options; zeros are defaults. */
struct mnet_udp_options {
    /* default: any own address, a random free port (RFC 6056), and never remote.port */
    struct mnet_endpoint local;
    struct mnet_endpoint remote; /* set: receives from there only, and hears of ICMP errors (a connected endpoint) */
    unsigned queue_datagrams;    /* received datagrams that may wait; default 256 */
    size_t queue_bytes;          /* memory they may pin; default 512 KiB */
    uint8_t ttl;                 /* default: the stack's */
    uint8_t dscp;
};

/* Opens an endpoint. options may be NULL. MNET_E_IN_USE, MNET_E_INVALID, MNET_E_LIMIT, MNET_E_NO_MEMORY. Never suspends. */
int mnet_udp_open(struct mnet_stack *stack, const struct mnet_udp_options *options, struct mnet_udp **udp);
/* Closes it; blocked tasks wake with MNET_E_CLOSED; the handle is invalid afterwards; NULL is allowed. Never suspends. */
void mnet_udp_close(struct mnet_udp *udp);
struct mnet_endpoint mnet_udp_local(const struct mnet_udp *udp);

/* Receives one datagram of up to `len` bytes; `from` may be NULL. Returns its length; a longer datagram is consumed, its first `len` bytes are stored and
 * MNET_E_TOO_BIG is returned. MNET_E_REFUSED once where a connected peer answered with port unreachable, MNET_E_UNREACHABLE likewise. Suspends. */
ptrdiff_t mnet_udp_receive(struct mnet_udp *udp, void *buffer, size_t len, struct mnet_endpoint *from,
                           uint64_t deadline);

/* What was said last about why the datagrams of a connected endpoint do not arrive. Never suspends. */
enum mnet_unreachable mnet_udp_unreachable(const struct mnet_udp *udp);

/* Sends one datagram of `len` bytes to `to` (NULL: the connected remote). Fragmented where it is larger than the MTU.
 * MNET_E_TOO_BIG beyond 65507 bytes, MNET_E_UNREACHABLE at once without a route, MNET_E_INVALID, MNET_E_NO_MEMORY. Waits while the device
 * takes nothing. Suspends. */
int mnet_udp_send(struct mnet_udp *udp, const struct mnet_endpoint *to, const void *data, size_t len,
                  uint64_t deadline);

/* As for TCP (enum mnet_ready in tcp.h). */
unsigned mnet_udp_ready(const struct mnet_udp *udp);
void mnet_udp_notify(struct mnet_udp *udp, void (*notify)(void *context, unsigned ready), void *context);

#pragma GCC visibility pop

#endif
