/* A DHCP server of a few lines on a simulated host, at 10.0.0.1, driven frame by frame: it knows one address to give,
 * notes what it was told, and can be told to be silent, to refuse, or to play a station that has the address already. */
#ifndef TESTS_DHCP_SERVER_H
#define TESTS_DHCP_SERVER_H

#include <mnet/sim.h>

#include "support/dhcp_reply.h"

#define SERVER_IP 0x0a000001u
#define FIRST_IP 0x0a000042u
#define SECOND_IP 0x0a000043u

struct dhcp_server {
    struct mnet_sim_host *host;
    /* How it behaves. */
    uint32_t offers; /* the address */
    uint32_t lease_s, t1_s, t2_s;
    uint16_t mtu;      /* 0: not said */
    bool silent;       /* answers no message ... */
    bool deaf;         /* ... nor anything else */
    bool refuses;      /* NAK for every REQUEST */
    bool broadcasts;   /* its answers; otherwise they go to the address they give */
    uint32_t occupied; /* an address that another station has, which answers ARP */
    /* What it saw. */
    unsigned seen[MN_DHCP_INFORM + 1]; /* messages, by type */
    struct mn_dhcp last;
    uint32_t last_source, last_destination;
    unsigned tcp_segments, resets;
    uint16_t mss; /* of the last SYN */
};

void dhcp_server_init(struct dhcp_server *server, struct mnet_sim_host *host);
/* Takes all frames that have reached its host, and answers them. Returns how many there were. */
unsigned dhcp_server_serve(struct dhcp_server *server);
/* Sends `len` bytes from its port to the client's, in a packet to `destination`. */
void dhcp_server_send(struct dhcp_server *server, uint32_t destination, const void *data, size_t len);

#endif
