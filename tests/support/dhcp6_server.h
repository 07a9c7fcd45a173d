/* A router that advertises itself, and a DHCPv6 server, on one simulated host driven frame by
 * frame. It has one address to give and records the messages it receives. A test can make either
 * part stay silent, refuse, or play a station that already uses an address. */
#ifndef TESTS_DHCP6_SERVER_H
#define TESTS_DHCP6_SERVER_H

#include <mnet/sim.h>

#include "wire/dhcpv6.h"
#include "wire/nd.h"

#define SITE6(last) ((struct mnet_address){.bytes = {0x20, 1, 0xd, 0xb8, [15] = last}})
#define LEASED6 SITE6(0x42)
#define OTHER_LEASED6 SITE6(0x43)

struct dhcp6_server {
    struct mnet_sim_host *host;
    struct mn_mac mac;
    struct mnet_address address; /* its link-local one */
    /* The router's behaviour: it answers solicitations if it has a lifetime. */
    uint16_t router_lifetime_s;
    bool managed, other;
    struct mn_nd_prefix prefix;    /* of length 0: none */
    struct mnet_address ra_server; /* RDNSS; unspecified: none */
    const char *ra_domain;         /* DNSSL, in wire format; NULL: none */
    uint32_t ra_dns_s;
    /* The server's behaviour. */
    bool silent;
    bool not_on_link; /* answers CONFIRM and REQUEST so */
    bool takes_back;  /* answers RENEW and REBIND with lifetimes of 0 */
    struct mnet_address offers;
    uint32_t preferred_s, valid_s, t1_s, t2_s;
    struct mnet_address dns[2];   /* up to the first unspecified one */
    struct mnet_address ntp;      /* a time server; unspecified: none */
    const char *ntp_name;         /* another one, in wire format with its zero; NULL: none */
    const char *domains;          /* in wire format, without the zero at the end */
    struct mnet_address occupied; /* an address of another station, which defends it */
    /* Its observations. */
    unsigned seen[MN_DHCPV6_INFORMATION_REQUEST + 1]; /* number of messages, by type */
    unsigned solicitations;                           /* for routers */
    unsigned probes;                                  /* of duplicate address detection */
    struct mn_dhcpv6 last;
    struct mnet_address last_source, last_destination;
    uint64_t now, last_ns; /* times of the present frames, and of the last message */
};

/* The third host of a simulation, with a router that tells of nothing and a willing server. */
void dhcp6_server_init(struct dhcp6_server *server, struct mnet_sim_host *host);
/* Takes all frames that have reached its host, and answers them. Returns the number of frames. */
unsigned dhcp6_server_serve(struct dhcp6_server *server, uint64_t now);
/* Sends an advertisement of the router to all hosts. */
void dhcp6_server_advertise(struct dhcp6_server *server);
/* Sends a DHCPv6 message to the client at `to`, from `source`. */
void dhcp6_server_send(struct dhcp6_server *server, const struct mn_dhcpv6 *message, struct mnet_address source,
                       struct mnet_address to);
/* The answer to the last message, of the type that belongs to it. */
struct mn_dhcpv6 dhcp6_server_answer(const struct dhcp6_server *server);

#endif
