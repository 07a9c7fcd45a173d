/* DHCP: what the network told a stack that has its address from there (config.dhcp, --dhcp; RFC 2131). */
#ifndef MNET_DHCP_H
#define MNET_DHCP_H

#include <stdbool.h>
#include <stdint.h>

#include <mnet/address.h>

#pragma GCC visibility push(default)

struct mnet_stack;

#define MNET_DHCP_DNS 3      /* DNS servers that a lease keeps, at most */
#define MNET_DHCP_DOMAIN 256 /* bytes of a domain name, the terminating zero included */

/* What a DHCP server has told. */
struct mnet_dhcp_lease {
    struct mnet_prefix address;
    struct mnet_address server;
    struct mnet_address router; /* unspecified: none, or there are routes instead (RFC 3442), which the stack uses */
    struct mnet_address dns[MNET_DHCP_DNS];
    unsigned dns_count;
    char domain[MNET_DHCP_DOMAIN]; /* letters, digits, '-', '_' and '.'; empty: not told */
    uint64_t end_ns;               /* when it ends unless it is renewed, on the stack's clock; MNET_NEVER */
};

/* Fills *lease with what holds now; false, leaving it alone, where the stack has no address by DHCP at the moment. Never
 * suspends. */
bool mnet_dhcp_lease(const struct mnet_stack *stack, struct mnet_dhcp_lease *lease);

#pragma GCC visibility pop

#endif
