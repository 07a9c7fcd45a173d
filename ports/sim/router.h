/* The internal structure of a simulated router. router.c: interfaces, routes, the clock.
 * router_link.c: link addresses of neighbours. router_advertise.c: advertisements to hosts.
 * router_forward.c: packets from one link to the other, and errors about them. */
#ifndef MN_SIM_ROUTER_H
#define MN_SIM_ROUTER_H

#include <mnet/sim_router.h>

#include "ports/sim/internal.h"
#include "wire/ethernet.h"
#include "wire/icmpv6.h"
#include "wire/ipv4.h"

#define MN_SIM_NEIGHBOURS 256
#define MN_SIM_WAITING 64    /* packets that wait for a neighbour */
#define MN_SIM_ICMP_MAX 1280 /* the largest packet that a router makes */

struct mn_sim_interface {
    struct mnet_sim_router *router;
    struct mnet_sim_host *card;
    struct mnet_sim_interface shape;
    struct mnet_address link_local;
    struct mnet_sim_advertisement advertised;
    uint64_t next_ns;   /* of the advertisements; MNET_NEVER: there are none */
    uint64_t answer_ns; /* to a solicitation; MNET_NEVER: nobody asks */
    uint64_t last_ns;   /* when hosts were told last */
    unsigned initial;   /* advertisements left that follow each other soon */
};

struct mn_sim_route {
    struct mnet_prefix to;
    struct mn_sim_interface *interface;
    struct mnet_address gateway;
};

/* Waiting frames have room for their Ethernet header, which is written last. */
struct mn_sim_neighbour {
    struct mn_sim_interface *interface; /* NULL: the place is free */
    struct mnet_address address;
    struct mn_mac mac;
    bool known;
    unsigned requests; /* sent, while it is not known ... */
    uint64_t next_ns;  /* ... and when the next one is due */
    uint64_t order;    /* of their creation */
    struct mn_sim_flight *waiting;
    unsigned waiting_count;
};

struct mnet_sim_router {
    struct mnet_sim_router *next; /* in the simulation */
    struct mnet_sim *sim;
    const char *name;
    bool dead, silent, redirects;
    struct mn_sim_interface interfaces[MNET_SIM_ROUTER_INTERFACES];
    unsigned interface_count;
    struct mn_sim_route routes[MNET_SIM_ROUTER_ROUTES];
    unsigned route_count;
    struct mn_sim_neighbour neighbours[MN_SIM_NEIGHBOURS];
    struct mn_sim_neighbour *last; /* the one found last, or NULL */
    uint64_t order;
    uint64_t alarm_ns; /* when mn_sim_router_alarm is called next */
    struct mnet_sim_router_counts counts;
};

/* router.c */

/* The route with the longest prefix that contains `destination`, or NULL. */
const struct mn_sim_route *mn_sim_router_find(const struct mnet_sim_router *router, struct mnet_address destination);
bool mn_sim_router_owns(const struct mnet_sim_router *router, struct mnet_address address);
/* Something is due at `at`. */
void mn_sim_router_wake(struct mnet_sim_router *router, uint64_t at);

/* router_link.c */

/* A frame for `interface`, with `len` bytes behind the Ethernet header. NULL: no memory. */
struct mn_sim_flight *mn_sim_router_frame(struct mn_sim_interface *interface, size_t len);
static inline uint8_t *mn_sim_router_packet(struct mn_sim_flight *frame)
{
    return frame->bytes + MN_ETHERNET_HEADER;
}
/* Sends a frame, which is owned from here on. */
void mn_sim_router_send(struct mn_sim_flight *frame, struct mn_mac to, uint16_t type);
/* Sends a frame to a neighbour, whose link address may have to be found first. */
void mn_sim_router_pass(struct mn_sim_interface *interface, struct mnet_address next_hop, struct mn_sim_flight *frame);
/* The entry of a neighbour whose link address is known, or NULL. */
const struct mn_sim_neighbour *mn_sim_router_known(struct mn_sim_interface *interface, struct mnet_address address);
void mn_sim_router_learn(struct mn_sim_interface *interface, struct mnet_address address, struct mn_mac mac);
void mn_sim_router_forget_all(struct mnet_sim_router *router);
/* Asks those that are to be asked again, and returns when the next is. */
uint64_t mn_sim_router_ask(struct mnet_sim_router *router);
void mn_sim_router_arp(struct mn_sim_interface *interface, const uint8_t *packet, size_t len);
/* A message of neighbour discovery; of others nothing is done. */
void mn_sim_router_discovery(struct mn_sim_interface *interface, const uint8_t *packet, size_t len,
                             const struct mn_ipv6 *ip);

/* router_advertise.c */

/* Sends the advertisements that are due, and returns the time of the next one. */
uint64_t mn_sim_router_advertise_due(struct mn_sim_interface *interface);
/* A host asks for routers. */
void mn_sim_router_solicited(struct mn_sim_interface *interface);

/* router_forward.c */

void mn_sim_router_forward(struct mn_sim_interface *interface, uint16_t type, const uint8_t *packet, size_t len);
/* Sends an ICMPv6 message of `len` bytes from an address of the interface's own. */
void mn_sim_router_message(struct mn_sim_interface *interface, struct mnet_address source,
                           struct mnet_address destination, uint8_t *message, size_t len);

#endif
