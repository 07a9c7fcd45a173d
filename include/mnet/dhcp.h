/* DHCP: the lease of a stack that gets its address from a server (RFC 2131). config.ip.dhcp and
 * --dhcp switch it on.
 */
#ifndef MNET_DHCP_H
#define MNET_DHCP_H

#include <stdbool.h>
#include <stdint.h>

#include <mnet/address.h>

#pragma GCC visibility push(default)

struct mnet_stack;

#define MNET_DHCP_DNS 3      /* DNS servers that a lease keeps, at most */
#define MNET_DHCP_NTP 3      /* NTP servers, likewise */
#define MNET_DHCP_DOMAIN 256 /* bytes of a domain name, the terminating zero included */

/* A lease: the values that a DHCP server gave. */
struct mnet_dhcp_lease {
    struct mnet_prefix address;
    struct mnet_address server;
    /* The default router. Unspecified if there is none, or if the server gave routes instead
     * (RFC 3442), which the stack uses. */
    struct mnet_address router;
    struct mnet_address dns[MNET_DHCP_DNS];
    unsigned dns_count;
    struct mnet_address ntp[MNET_DHCP_NTP]; /* option 42; see mnet/sntp.h */
    unsigned ntp_count;
    char domain[MNET_DHCP_DOMAIN]; /* letters, digits, '-', '_' and '.'; empty if not given */
    uint64_t end_ns;               /* end on the stack's clock unless renewed; MNET_NEVER: none */
};

/* Fills *lease with the present lease. Returns false, with *lease unchanged, if the stack has no
 * address by DHCP at the moment. Never suspends. */
bool mnet_dhcp_lease(const struct mnet_stack *stack, struct mnet_dhcp_lease *lease);

#pragma GCC visibility pop

#endif
