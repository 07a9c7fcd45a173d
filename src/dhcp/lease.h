/* What a server grants, made out of its message: checked, with defaults for what it did not say. */
#ifndef MN_DHCP_LEASE_H
#define MN_DHCP_LEASE_H

#include "wire/dhcp.h"

#define MN_DHCP_INFINITE UINT32_MAX /* of times in seconds (RFC 2131 3.3) */

struct mn_dhcp_lease {
    uint32_t address; /* host order, as are all */
    uint8_t length;   /* of the network's prefix */
    uint32_t server;
    uint32_t router; /* 0: none; none too where there are routes, which then say everything (RFC 3442) */
    uint8_t route_count, dns_count;
    struct mn_dhcp_route routes[MN_DHCP_ROUTES];
    uint32_t dns[MN_DHCP_DNS];
    char domain[MN_DHCP_DOMAIN];
    uint16_t mtu;                  /* 0: the link's */
    uint32_t lease_s;              /* MN_DHCP_INFINITE: for ever; then the others too */
    uint32_t t1_s, t2_s;           /* as the server says, or half and seven eighths of lease_s (RFC 2131 4.4.5) */
    bool t1_is_given;              /* else it is ours to vary */
    uint64_t t1_ns, t2_ns, end_ns; /* on the clock; MNET_NEVER. Set once the lease is granted */
};

/* Fills *lease from an OFFER or ACK. False where the message says too little to live on, or what cannot be: no server,
 * no time, an address that no host can have, a mask that is none. Without a mask the address has that of its class. */
bool mn_dhcp_lease_read(const struct mn_dhcp *message, struct mn_dhcp_lease *lease);

/* Adds to a message of a server that prolongs `held` what it does not say itself: nothing that the host was told before
 * is taken back by silence (RFC 2131 4.4.5: the client goes on with the network). Router and routes are one thing to say;
 * T1 and T2 belong to the lease time. */
void mn_dhcp_lease_complete(struct mn_dhcp *message, const struct mn_dhcp_lease *held);

/* Puts the times on the clock: granted at `since`, when it was asked for. `early_s` is taken off a T1 of our own. */
void mn_dhcp_lease_begin(struct mn_dhcp_lease *lease, uint64_t since, uint32_t early_s);

#endif
