/* Echo requests (RFC 792, RFC 4443 4.1), for diagnosis: whether a host answers, and how fast. Many
 * hosts and firewalls drop them, so no reply proves nothing.
 *
 * A stack answers the requests of others without any help.
 */
#ifndef MNET_PING_H
#define MNET_PING_H

#include <stddef.h>
#include <stdint.h>

#include <mnet/address.h>
#include <mnet/error.h>
#include <mnet/time.h>

#pragma GCC visibility push(default)

struct mnet_stack;

/* Sends one echo request with `len` bytes of data to a host, and waits for its reply. Stores the
 * time in between in *round_trip_ns, which may be NULL. A request larger than the MTU leaves in
 * fragments. Any number of tasks may wait at a time; each gets its own reply. Errors:
 *
 *     MNET_E_DEADLINE     no reply came
 *     MNET_E_UNREACHABLE  no route, at once. An own address of IPv6 that is still to come is waited
 *                         for, as by mnet_tcp_connect
 *     MNET_E_INVALID      not the address of one host
 *     MNET_E_TOO_BIG      more than 65507 bytes over IPv4, or 65527 over IPv6
 *     MNET_E_NO_MEMORY, MNET_E_CANCELLED, MNET_E_CLOSED
 *
 * Suspends. */
int mnet_ping(struct mnet_stack *stack, struct mnet_address host, size_t len, uint64_t deadline,
              uint64_t *round_trip_ns);

#pragma GCC visibility pop

#endif
