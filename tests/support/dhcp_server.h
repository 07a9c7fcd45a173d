/* A small DHCP server on a simulated host, at 10.0.0.1, driven frame by frame. It has one address
 * to give and records the messages it receives. A test can make it stay silent, refuse, or play a
 * station that already uses the address. */
#ifndef TESTS_DHCP_SERVER_H
#define TESTS_DHCP_SERVER_H

#include <mnet/sim.h>

#include "support/dhcp_reply.h"

#define SERVER_IP 0x0a000001u
#define FIRST_IP 0x0a000042u
#define SECOND_IP 0x0a000043u

struct dhcp_server {
    struct mnet_sim_host *host;
    /* Its behaviour. */
    uint32_t offers; /* the address to give */
    uint32_t lease_s, t1_s, t2_s;
    uint16_t mtu;      /* 0: option absent */
    uint32_t ntp;      /* 0: option absent */
    bool silent;       /* answers no DHCP message */
    bool deaf;         /* answers nothing at all, not even ARP */
    bool refuses;      /* answers every REQUEST with a NAK */
    bool broadcasts;   /* sends its answers as broadcasts; otherwise to the address that it gives */
    uint32_t occupied; /* an address that another station uses; that station answers ARP */
    /* Its observations. */
    unsigned seen[MN_DHCP_INFORM + 1]; /* number of messages, by type */
    struct mn_dhcp last;
    uint32_t last_source, last_destination;
    unsigned tcp_segments, resets;
    uint16_t mss; /* from the last SYN */
};

void dhcp_server_init(struct dhcp_server *server, struct mnet_sim_host *host);
/* Takes all frames that have reached its host, and answers them. Returns the number of frames. */
unsigned dhcp_server_serve(struct dhcp_server *server);
/* Sends `len` bytes from the server's port to the client's, in a packet to `destination`. */
void dhcp_server_send(struct dhcp_server *server, uint32_t destination, const void *data, size_t len);

#endif
