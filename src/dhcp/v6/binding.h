/* The addresses that a server has given to an identity association (RFC 8415 4.2, 12): which there
 * are, how long, and when to ask for more time.
 *
 * Times are absolute, in nanoseconds; a lifetime without end, and a T1 or T2 without end, is
 * MNET_NEVER (DHCP6-7.7-1). Lifetimes, T1 and T2 count from the arrival of the message that has
 * them (DHCP6-18.2.10.1-2).
 */
#ifndef MN_DHCP6_BINDING_H
#define MN_DHCP6_BINDING_H

#include "wire/dhcpv6.h"

#define MN_DHCP6_ADDRESSES MN_DHCPV6_ADDRESSES

struct mn_dhcp6_address {
    struct mnet_address address;
    uint64_t preferred_until_ns; /* deprecated from then on (DHCP6-21.6-5) */
    uint64_t valid_until_ns;     /* not the host's any more from then on */
};

/* Zeroed: without addresses. */
struct mn_dhcp6_binding {
    uint8_t count;
    struct mn_dhcp6_address addresses[MN_DHCP6_ADDRESSES];
    uint64_t t1_ns, t2_ns; /* when to renew and to rebind, while there are addresses */
};

/* Returns true if a server gives at least one address in its `ia`. */
bool mn_dhcp6_grants(const struct mn_dhcpv6_ia *ia);
/* Takes an IA of a Reply (18.2.10.1): adds new addresses, as many as there is room for, changes
 * the lifetimes of known ones, removes those with a valid lifetime of 0, and lets others be. Sets
 * T1 and T2. Returns false if the status of the IA says that there are none: nothing changes. */
bool mn_dhcp6_binding_update(struct mn_dhcp6_binding *binding, const struct mn_dhcpv6_ia *ia, uint64_t now);
/* Returns false if the address is none of the binding. */
bool mn_dhcp6_binding_remove(struct mn_dhcp6_binding *binding, const struct mnet_address *address);
/* Removes addresses whose valid lifetime is over. Returns true if there were any. */
bool mn_dhcp6_binding_expire(struct mn_dhcp6_binding *binding, uint64_t now);
/* When the next address ends; MNET_NEVER: none does. */
uint64_t mn_dhcp6_binding_deadline(const struct mn_dhcp6_binding *binding);
/* Lists the addresses in an IA for a server, with all times 0 (DHCP6-21.4-2, DHCP6-21.6-2). */
void mn_dhcp6_binding_list(const struct mn_dhcp6_binding *binding, struct mn_dhcpv6_ia *ia);

#endif
