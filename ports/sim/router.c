/* Simulated routers: interfaces, routes, the clock. A router has a card on each of its segments,
 * which passes frames to it as soon as they arrive. It is woken by an alarm among the frames in
 * flight; an alarm that comes too early for anything does nothing. */
#include <stdlib.h>
#include <string.h>

#include "ports/sim/router.h"

/* ---- Interfaces and routes ---- */

struct mnet_sim_router *mnet_sim_router(struct mnet_sim *sim, const char *name)
{
    struct mnet_sim_router *router = calloc(1, sizeof *router);
    if (router == NULL)
        return NULL;
    router->sim = sim;
    router->name = name;
    router->alarm_ns = MNET_NEVER;
    router->next = sim->routers;
    sim->routers = router;
    return router;
}

void mn_sim_router_free_all(struct mnet_sim *sim)
{
    while (sim->routers != NULL) {
        struct mnet_sim_router *router = sim->routers;
        sim->routers = router->next;
        mn_sim_router_forget_all(router);
        free(router);
    }
}

/* RFC 4291 Appendix A: the modified EUI-64 of the MAC. */
static struct mnet_address link_local_of(const uint8_t *mac)
{
    const uint8_t low[8] = {mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]};
    struct mnet_address address = {.bytes = {0xfe, 0x80}};
    memcpy(address.bytes + 8, low, sizeof low);
    return address;
}

static void add_network(struct mnet_sim_router *router, struct mnet_prefix own, unsigned interface)
{
    if (own.length > 0)
        mnet_sim_router_route(router, own, interface, MNET_ADDRESS_ANY);
}

struct mnet_sim_host *mnet_sim_router_attach(struct mnet_sim_router *router, struct mnet_sim_segment *segment,
                                             const struct mnet_sim_interface *shape)
{
    MN_REQUIRE(router->interface_count < MNET_SIM_ROUTER_INTERFACES, "the router has no more interfaces");
    unsigned number = router->interface_count;
    struct mn_sim_interface *interface = &router->interfaces[number];
    struct mnet_sim_host_options options = {.mtu = shape->mtu};
    struct mnet_sim_host *card = mnet_sim_host(router->sim, router->name, &options);
    if (card == NULL)
        return NULL;
    *interface = (struct mn_sim_interface){.router = router,
                                           .card = card,
                                           .shape = *shape,
                                           .link_local = link_local_of(card->device.mac),
                                           .next_ns = MNET_NEVER,
                                           .answer_ns = MNET_NEVER};
    interface->shape.mtu = card->device.mtu;
    card->opened = true;
    card->interface = interface;
    router->interface_count++;
    mnet_sim_attach(segment, card);
    add_network(router, shape->ipv4, number);
    add_network(router, shape->ipv6, number);
    return card;
}

static bool same_network(struct mnet_prefix a, struct mnet_prefix b)
{
    return a.length == b.length && mnet_prefix_contains(a, b.address);
}

void mnet_sim_router_route(struct mnet_sim_router *router, struct mnet_prefix destination, unsigned interface,
                           struct mnet_address gateway)
{
    MN_REQUIRE(interface < router->interface_count, "the router has no such interface");
    unsigned place = 0;
    while (place < router->route_count && !same_network(router->routes[place].to, destination))
        place++;
    MN_REQUIRE(place < MNET_SIM_ROUTER_ROUTES, "the router has no place for a route");
    router->routes[place] = (struct mn_sim_route){destination, &router->interfaces[interface], gateway};
    router->route_count = MN_MAX(router->route_count, place + 1);
}

const struct mn_sim_route *mn_sim_router_find(const struct mnet_sim_router *router, struct mnet_address destination)
{
    const struct mn_sim_route *best = NULL;
    for (unsigned i = 0; i < router->route_count; i++) {
        const struct mn_sim_route *route = &router->routes[i];
        if (mnet_prefix_contains(route->to, destination) && (best == NULL || route->to.length > best->to.length))
            best = route;
    }
    return best;
}

bool mn_sim_router_owns(const struct mnet_sim_router *router, struct mnet_address address)
{
    for (unsigned i = 0; i < router->interface_count; i++) {
        const struct mn_sim_interface *interface = &router->interfaces[i];
        if (mnet_address_equal(interface->link_local, address) ||
            (interface->shape.ipv4.length > 0 && mnet_address_equal(interface->shape.ipv4.address, address)) ||
            (interface->shape.ipv6.length > 0 && mnet_address_equal(interface->shape.ipv6.address, address)))
            return true;
    }
    return false;
}

struct mnet_address mnet_sim_router_address(const struct mnet_sim_router *router, unsigned interface)
{
    MN_REQUIRE(interface < router->interface_count, "the router has no such interface");
    return router->interfaces[interface].link_local;
}

struct mnet_sim_router_counts mnet_sim_router_counts(const struct mnet_sim_router *router)
{
    return router->counts;
}

void mnet_sim_router_set_silent(struct mnet_sim_router *router, bool silent)
{
    router->silent = silent;
}

void mnet_sim_router_set_redirects(struct mnet_sim_router *router, bool redirects)
{
    router->redirects = redirects;
}

/* ---- Time ---- */

void mn_sim_router_wake(struct mnet_sim_router *router, uint64_t at)
{
    if (at >= router->alarm_ns)
        return;
    router->alarm_ns = at;
    mn_sim_set_alarm(router->interfaces[0].card, at);
}

void mn_sim_router_alarm(struct mnet_sim_router *router)
{
    if (router->sim->now < router->alarm_ns)
        return;
    router->alarm_ns = MNET_NEVER;
    if (router->dead)
        return;
    uint64_t next = mn_sim_router_ask(router);
    for (unsigned i = 0; i < router->interface_count; i++)
        next = MN_MIN(next, mn_sim_router_advertise_due(&router->interfaces[i]));
    mn_sim_router_wake(router, next);
}

void mnet_sim_router_power(struct mnet_sim_router *router, bool on)
{
    router->dead = !on;
    mn_sim_router_forget_all(router);
    for (unsigned i = 0; i < router->interface_count; i++) {
        struct mn_sim_interface *interface = &router->interfaces[i];
        interface->answer_ns = MNET_NEVER;
        if (interface->next_ns != MNET_NEVER)
            interface->next_ns = router->sim->now;
    }
    if (on && router->interface_count > 0)
        mn_sim_router_wake(router, router->sim->now);
}

/* ---- Frames ---- */

/* For this card, a group that its router may be in, or all. */
static bool is_for(const struct mn_sim_interface *interface, struct mn_mac destination)
{
    return mn_mac_is_group(destination) ||
           memcmp(destination.bytes, interface->card->device.mac, sizeof destination.bytes) == 0;
}

void mn_sim_router_receive(struct mn_sim_interface *interface, struct mn_sim_flight *flight)
{
    struct mn_ethernet ethernet;
    if (!interface->router->dead && mn_ethernet_parse(flight->bytes, flight->len, &ethernet) == MN_PARSE_OK &&
        is_for(interface, ethernet.destination)) {
        const uint8_t *packet = flight->bytes + MN_ETHERNET_HEADER;
        size_t len = flight->len - MN_ETHERNET_HEADER;
        if (ethernet.type == MN_ETHERTYPE_ARP)
            mn_sim_router_arp(interface, packet, len);
        else
            mn_sim_router_forward(interface, ethernet.type, packet, len);
    }
    free(flight);
}
