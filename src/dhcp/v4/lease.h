/* The lease that a server grants, made from its message: checked, with defaults for missing
 * options. */
#ifndef MN_DHCP_LEASE_H
#define MN_DHCP_LEASE_H

#include "wire/dhcp.h"

#define MN_DHCP_INFINITE UINT32_MAX /* of times in seconds (RFC 2131 3.3) */

struct mn_dhcp_lease {
    uint32_t address; /* in host order, like all addresses */
    uint8_t length;   /* of the network's prefix */
    uint32_t server;
    uint32_t router; /* 0: none; always 0 if there are routes, which replace it (RFC 3442) */
    uint8_t route_count, dns_count, ntp_count;
    struct mn_dhcp_route routes[MN_DHCP_ROUTES];
    uint32_t dns[MN_DHCP_DNS];
    uint32_t ntp[MN_DHCP_NTP];
    char domain[MN_DHCP_DOMAIN];
    uint16_t mtu;     /* 0: the link's */
    uint32_t lease_s; /* MN_DHCP_INFINITE: for ever; then the others, too */
    /* From the server, or half and seven eighths of lease_s (RFC 2131 4.4.5). */
    uint32_t t1_s, t2_s;
    bool t1_is_given; /* otherwise the client may vary it */
    /* Absolute times, or MNET_NEVER; set when the lease is granted. */
    uint64_t t1_ns, t2_ns, end_ns;
};

/* Fills *lease from an OFFER or ACK. Returns false if the message lacks something necessary or is
 * not valid: no server, no time, an address that no host can have, a mask that is none. Without a
 * mask the address has that of its class. */
bool mn_dhcp_lease_read(const struct mn_dhcp *message, struct mn_dhcp_lease *lease);

/* Adds the options of `held` that a server's message lacks, if the server extends that lease. The
 * absence of an option does not take it back (RFC 2131 4.4.5: the client goes on with the network).
 * Router and routes count as one option, and T1 and T2 belong to the lease time. */
void mn_dhcp_lease_complete(struct mn_dhcp *message, const struct mn_dhcp_lease *held);

/* Sets the absolute times of a lease that was requested at `since`. `early_s` is subtracted from a
 * default T1. */
void mn_dhcp_lease_begin(struct mn_dhcp_lease *lease, uint64_t since, uint32_t early_s);

#endif
