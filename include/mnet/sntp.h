/* The time of day from servers: SNTP (RFC 5905 14, RFC 4330), by the manners of RFC 8633.
 *
 *     mnet_sntp_start(stack, NULL, 0);                       those of --ntp and DHCP
 *     mnet_sntp_await(stack, mnet_now() + 10 * MNET_SECOND);
 *     uint64_t now = mnet_wall_clock(stack);
 *
 * From the first answers on mnet_wall_clock tells the servers' time. docs/time.md has the details.
 *
 * A program that calls none of these functions asks no server, and has no client in its image.
 */
#ifndef MNET_SNTP_H
#define MNET_SNTP_H

#include <stdbool.h>
#include <stdint.h>

#include <mnet/config.h>
#include <mnet/error.h>
#include <mnet/time.h>

#pragma GCC visibility push(default)

struct mnet_stack;

/* Starts to ask servers, or replaces the servers. `servers` are `count` names or addresses, at most
 * MNET_SNTP_SERVERS_MAX, which are copied. With a count of 0 they are those of the configuration
 * (--ntp). Those that DHCP servers name come in front of them. No server is built in, because
 * its operator must allow it. With four servers or more of different origin, the stack finds the
 * one that lies. With two it finds only that one of them lies, and with one it believes it (RFC
 * 8633 3.2). Returns 0, MNET_E_INVALID (no name, or too many), MNET_E_CLOSED or MNET_E_NO_MEMORY.
 * Never suspends. */
int mnet_sntp_start(struct mnet_stack *stack, const char *const *servers, unsigned count);

/* Waits until servers have told the time of day. Returns 0, MNET_E_DEADLINE, MNET_E_CANCELLED,
 * MNET_E_CLOSED, or MNET_E_INVALID if mnet_sntp_start was not called. Suspends. */
int mnet_sntp_await(struct mnet_stack *stack, uint64_t deadline);

/* The opinion of a server. */
struct mnet_sntp_server {
    struct mnet_address address;
    bool answered;     /* it has told a time, within the last 35 minutes or so */
    bool denied;       /* it has told us never to ask again */
    bool lies;         /* most others say that its time is wrong */
    int64_t offset_ns; /* its time, less mnet_wall_clock */
    uint64_t error_ns; /* how far that may be wrong, if the server is right */
};

/* Stores up to `max` servers that are asked, and returns how many there are. Never suspends. */
unsigned mnet_sntp_servers(const struct mnet_stack *stack, struct mnet_sntp_server *servers, unsigned max);

#pragma GCC visibility pop

#endif
