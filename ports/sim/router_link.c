/* Link addresses of a simulated router's neighbours: by ARP and by neighbour discovery (RFC 4861
 * 7). An entry lasts until the router dies, or until the table is full. */
#include <stdlib.h>
#include <string.h>

#include "ports/sim/router.h"
#include "wire/arp.h"
#include "wire/nd.h"

#define REQUESTS 3
#define REQUEST_INTERVAL MNET_SECOND

/* ---- Frames ---- */

struct mn_sim_flight *mn_sim_router_frame(struct mn_sim_interface *interface, size_t len)
{
    return mn_sim_flight(interface->card, MN_ETHERNET_HEADER + len);
}

static struct mn_mac mac_of(const struct mn_sim_interface *interface)
{
    struct mn_mac mac;
    memcpy(mac.bytes, interface->card->device.mac, sizeof mac.bytes);
    return mac;
}

void mn_sim_router_send(struct mn_sim_flight *frame, struct mn_mac to, uint16_t type)
{
    if (!mn_sim_has_room(frame->host)) {
        frame->host->device.tx_dropped++;
        free(frame);
        return;
    }
    mn_ethernet_emit(frame->bytes, &(struct mn_ethernet){to, mac_of(frame->host->interface), type});
    mn_sim_put(frame);
}

/* ---- The table ---- */

static struct mn_sim_neighbour *find(struct mn_sim_interface *interface, struct mnet_address address)
{
    struct mnet_sim_router *router = interface->router;
    struct mn_sim_neighbour *last = router->last;
    if (last != NULL && last->interface == interface && mnet_address_equal(last->address, address))
        return last;
    for (unsigned i = 0; i < MN_SIM_NEIGHBOURS; i++) {
        struct mn_sim_neighbour *neighbour = &router->neighbours[i];
        if (neighbour->interface == interface && mnet_address_equal(neighbour->address, address))
            return router->last = neighbour;
    }
    return NULL;
}

static void forget(struct mnet_sim_router *router, struct mn_sim_neighbour *neighbour)
{
    router->counts.unresolved += neighbour->waiting_count;
    while (neighbour->waiting != NULL) {
        struct mn_sim_flight *frame = neighbour->waiting;
        neighbour->waiting = frame->next;
        free(frame);
    }
    *neighbour = (struct mn_sim_neighbour){0};
    router->last = NULL;
}

void mn_sim_router_forget_all(struct mnet_sim_router *router)
{
    for (unsigned i = 0; i < MN_SIM_NEIGHBOURS; i++)
        forget(router, &router->neighbours[i]);
}

/* A free place, else that of the oldest that has not answered, else of the oldest. */
static struct mn_sim_neighbour *make_place(struct mnet_sim_router *router)
{
    struct mn_sim_neighbour *best = &router->neighbours[0];
    for (unsigned i = 0; i < MN_SIM_NEIGHBOURS; i++) {
        struct mn_sim_neighbour *neighbour = &router->neighbours[i];
        if (neighbour->interface == NULL)
            return neighbour;
        if (neighbour->known != best->known ? best->known : neighbour->order < best->order)
            best = neighbour;
    }
    forget(router, best);
    return best;
}

static struct mn_sim_neighbour *create(struct mn_sim_interface *interface, struct mnet_address address)
{
    struct mnet_sim_router *router = interface->router;
    struct mn_sim_neighbour *neighbour = make_place(router);
    *neighbour = (struct mn_sim_neighbour){
        .interface = interface, .address = address, .next_ns = MNET_NEVER, .order = router->order++};
    return neighbour;
}

static uint16_t type_of(struct mnet_address address)
{
    return mnet_address_is_ipv4(address) ? MN_ETHERTYPE_IPV4 : MN_ETHERTYPE_IPV6;
}

const struct mn_sim_neighbour *mn_sim_router_known(struct mn_sim_interface *interface, struct mnet_address address)
{
    const struct mn_sim_neighbour *neighbour = find(interface, address);
    return neighbour != NULL && neighbour->known ? neighbour : NULL;
}

void mn_sim_router_learn(struct mn_sim_interface *interface, struct mnet_address address, struct mn_mac mac)
{
    struct mn_sim_neighbour *neighbour = find(interface, address);
    if (neighbour == NULL)
        neighbour = create(interface, address);
    neighbour->mac = mac;
    neighbour->known = true;
    neighbour->next_ns = MNET_NEVER;
    struct mn_sim_flight *frame = neighbour->waiting;
    neighbour->waiting = NULL;
    neighbour->waiting_count = 0;
    for (struct mn_sim_flight *next; frame != NULL; frame = next) {
        next = frame->next;
        mn_sim_router_send(frame, mac, type_of(address));
    }
}

/* ---- Asking ---- */

static void ask_arp(struct mn_sim_interface *interface, struct mnet_address address)
{
    struct mn_sim_flight *frame = mn_sim_router_frame(interface, MN_ARP_PACKET);
    if (frame == NULL)
        return;
    const struct mn_arp request = {.operation = MN_ARP_REQUEST,
                                   .sender_mac = mac_of(interface),
                                   .sender_ip = mnet_address_to_ipv4(interface->shape.ipv4.address),
                                   .target_ip = mnet_address_to_ipv4(address)};
    mn_arp_emit(mn_sim_router_packet(frame), &request);
    mn_sim_router_send(frame, mn_mac_broadcast, MN_ETHERTYPE_ARP);
}

static void send_discovery(struct mn_sim_interface *interface, struct mnet_address destination, const struct mn_nd *nd)
{
    uint8_t message[MN_ND_WRITE_MAX];
    struct mn_writer w = mn_writer(message, sizeof message);
    mn_nd_write(&w, nd);
    mn_sim_router_message(interface, interface->link_local, destination, message, (size_t)(w.at - message));
}

static void ask(struct mn_sim_neighbour *neighbour)
{
    struct mn_sim_interface *interface = neighbour->interface;
    neighbour->requests++;
    neighbour->next_ns = interface->router->sim->now + REQUEST_INTERVAL;
    if (mnet_address_is_ipv4(neighbour->address)) {
        ask_arp(interface, neighbour->address);
        return;
    }
    send_discovery(interface, mn_ipv6_solicited_node(&neighbour->address),
                   &(struct mn_nd){.type = MN_ICMPV6_NEIGHBOUR_SOLICITATION,
                                   .target = neighbour->address,
                                   .has_link_address = true,
                                   .link_address = mac_of(interface)});
}

uint64_t mn_sim_router_ask(struct mnet_sim_router *router)
{
    uint64_t next = MNET_NEVER;
    for (unsigned i = 0; i < MN_SIM_NEIGHBOURS; i++) {
        struct mn_sim_neighbour *neighbour = &router->neighbours[i];
        if (neighbour->interface == NULL)
            continue;
        if (neighbour->next_ns <= router->sim->now && neighbour->requests == REQUESTS)
            forget(router, neighbour);
        else if (neighbour->next_ns <= router->sim->now)
            ask(neighbour);
        if (neighbour->interface != NULL)
            next = MN_MIN(next, neighbour->next_ns);
    }
    return next;
}

static void wait_for(struct mn_sim_neighbour *neighbour, struct mn_sim_flight *frame)
{
    struct mn_sim_flight **end = &neighbour->waiting;
    if (neighbour->waiting_count == MN_SIM_WAITING) {
        neighbour->interface->router->counts.unresolved++;
        free(frame);
        return;
    }
    while (*end != NULL)
        end = &(*end)->next;
    frame->next = NULL;
    *end = frame;
    neighbour->waiting_count++;
}

void mn_sim_router_pass(struct mn_sim_interface *interface, struct mnet_address next_hop, struct mn_sim_flight *frame)
{
    struct mn_sim_neighbour *neighbour = find(interface, next_hop);
    if (neighbour != NULL && neighbour->known) {
        mn_sim_router_send(frame, neighbour->mac, type_of(next_hop));
        return;
    }
    bool new = neighbour == NULL;
    if (new)
        neighbour = create(interface, next_hop);
    wait_for(neighbour, frame);
    if (new) {
        mn_sim_router_wake(interface->router, interface->router->sim->now + REQUEST_INTERVAL);
        ask(neighbour);
    }
}

/* ---- Being asked ---- */

void mn_sim_router_arp(struct mn_sim_interface *interface, const uint8_t *packet, size_t len)
{
    struct mn_arp arp;
    if (interface->shape.ipv4.length == 0 || mn_arp_parse(packet, len, &arp) != MN_PARSE_OK)
        return;
    struct mnet_address sender = mnet_address_from_ipv4(arp.sender_ip);
    uint32_t own = mnet_address_to_ipv4(interface->shape.ipv4.address);
    bool asked = arp.target_ip == own;
    if (arp.sender_ip != 0 && arp.sender_ip != own && (asked || find(interface, sender) != NULL))
        mn_sim_router_learn(interface, sender, arp.sender_mac);
    if (!asked || arp.operation != MN_ARP_REQUEST)
        return;
    struct mn_sim_flight *frame = mn_sim_router_frame(interface, MN_ARP_PACKET);
    if (frame == NULL)
        return;
    const struct mn_arp reply = {MN_ARP_REPLY, mac_of(interface), arp.sender_mac, own, arp.sender_ip};
    mn_arp_emit(mn_sim_router_packet(frame), &reply);
    mn_sim_router_send(frame, arp.sender_mac, MN_ETHERTYPE_ARP);
}

static bool owns(const struct mn_sim_interface *interface, struct mnet_address address)
{
    return mnet_address_equal(address, interface->link_local) ||
           (interface->shape.ipv6.length > 0 && mnet_address_equal(address, interface->shape.ipv6.address));
}

static void receive_solicitation(struct mn_sim_interface *interface, const struct mn_nd *nd, const struct mn_ipv6 *ip)
{
    bool nameless = mn_ipv6_is_unspecified(&ip->source);
    if (!owns(interface, nd->target))
        return;
    if (nd->has_link_address && !nameless)
        mn_sim_router_learn(interface, ip->source, nd->link_address);
    send_discovery(interface, nameless ? mn_ipv6_all_nodes : ip->source,
                   &(struct mn_nd){.type = MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT,
                                   .target = nd->target,
                                   .router = true,
                                   .solicited = !nameless,
                                   .override = true,
                                   .has_link_address = true,
                                   .link_address = mac_of(interface)});
}

void mn_sim_router_discovery(struct mn_sim_interface *interface, const uint8_t *packet, size_t len,
                             const struct mn_ipv6 *ip)
{
    const struct mn_datagram datagram = {.source = ip->source, .destination = ip->destination, .ttl = ip->hop_limit};
    struct mn_nd nd;
    if (ip->next_header != MN_PROTOCOL_ICMPV6 || mn_nd_parse(packet, len, &datagram, false, &nd) != MN_PARSE_OK)
        return;
    switch (nd.type) {
    case MN_ICMPV6_ROUTER_SOLICITATION:
        if (nd.has_link_address)
            mn_sim_router_learn(interface, ip->source, nd.link_address);
        mn_sim_router_solicited(interface);
        break;
    case MN_ICMPV6_NEIGHBOUR_SOLICITATION: receive_solicitation(interface, &nd, ip); break;
    case MN_ICMPV6_NEIGHBOUR_ADVERTISEMENT: /* also of its own accord (RFC 9131) */
        if (nd.has_link_address && !owns(interface, nd.target))
            mn_sim_router_learn(interface, nd.target, nd.link_address);
        break;
    default: break;
    }
}
