/* Advertisements of a simulated router (RFC 4861 6.2). */
#include <string.h>

#include "ports/sim/router.h"
#include "wire/nd.h"

#define INTERVAL (200 * MNET_SECOND)
#define INITIAL 3 /* MAX_INITIAL_RTR_ADVERTISEMENTS */
#define INITIAL_INTERVAL (16 * MNET_SECOND)
#define ANSWER_DELAY (MNET_SECOND / 2) /* MAX_RA_DELAY_TIME */
#define LEAST_INTERVAL (3 * MNET_SECOND)
#define MESSAGE_MAX 640

static void write_options(struct mn_writer *w, const struct mnet_sim_advertisement *advertised)
{
    unsigned servers = 0;
    for (unsigned i = 0; i < MNET_SIM_ROUTER_PREFIXES && advertised->prefixes[i].prefix.length > 0; i++) {
        const struct mnet_sim_prefix *prefix = &advertised->prefixes[i];
        mn_nd_write_prefix(w, &(struct mn_nd_prefix){.prefix = prefix->prefix,
                                                     .on_link = !prefix->no_on_link,
                                                     .autonomous = !prefix->no_autonomous,
                                                     .valid_s = prefix->valid_s,
                                                     .preferred_s = prefix->preferred_s});
    }
    while (servers < MNET_SIM_ROUTER_SERVERS && !mnet_address_is_any(advertised->servers[servers]))
        servers++;
    if (servers > 0)
        mn_nd_write_servers(w, advertised->servers_lifetime_s, advertised->servers, servers);
}

static void advertise(struct mn_sim_interface *interface)
{
    const struct mnet_sim_advertisement *advertised = &interface->advertised;
    uint8_t message[MESSAGE_MAX];
    struct mn_writer w = mn_writer(message, sizeof message);
    struct mn_nd nd = {.type = MN_ICMPV6_ROUTER_ADVERTISEMENT,
                       .hop_limit = advertised->hop_limit,
                       .managed = advertised->managed,
                       .other = advertised->other,
                       .preference = (int8_t)advertised->preference,
                       .router_lifetime_s = advertised->lifetime_s,
                       .reachable_ms = advertised->reachable_ms,
                       .retrans_ms = advertised->retrans_ms,
                       .mtu = advertised->mtu,
                       .has_link_address = true};
    memcpy(nd.link_address.bytes, interface->card->device.mac, sizeof nd.link_address.bytes);
    mn_nd_write(&w, &nd);
    write_options(&w, advertised);
    MN_ASSERT(w.ok);
    mn_sim_router_message(interface, interface->link_local, mn_ipv6_all_nodes, message, (size_t)(w.at - message));
    interface->last_ns = interface->router->sim->now;
    interface->router->counts.advertisements++;
}

/* 6.2.1: the shortest interval is a third of the longest. */
static uint64_t draw_interval(struct mn_sim_interface *interface)
{
    uint64_t longest = interface->advertised.interval_ns != 0 ? interface->advertised.interval_ns : INTERVAL;
    uint64_t interval = longest / 3 + mn_random_u64(&interface->card->entropy) % (longest - longest / 3 + 1);
    if (interface->initial == 0)
        return interval;
    interface->initial--;
    return MN_MIN(interval, INITIAL_INTERVAL);
}

uint64_t mn_sim_router_advertise_due(struct mn_sim_interface *interface)
{
    uint64_t now = interface->router->sim->now;
    if (interface->next_ns <= now || interface->answer_ns <= now) {
        advertise(interface);
        interface->answer_ns = MNET_NEVER;
        interface->next_ns = now + draw_interval(interface);
    }
    return MN_MIN(interface->next_ns, interface->answer_ns);
}

/* 6.2.6: all are answered at once, and not too often. */
void mn_sim_router_solicited(struct mn_sim_interface *interface)
{
    uint64_t now = interface->router->sim->now;
    if (interface->next_ns == MNET_NEVER || interface->answer_ns != MNET_NEVER)
        return;
    uint64_t answer = now + mn_random_u64(&interface->card->entropy) % (ANSWER_DELAY + 1);
    interface->answer_ns = MN_MAX(answer, interface->last_ns + LEAST_INTERVAL);
    mn_sim_router_wake(interface->router, interface->answer_ns);
}

void mnet_sim_router_advertise(struct mnet_sim_router *router, unsigned number,
                               const struct mnet_sim_advertisement *advertisement)
{
    MN_REQUIRE(number < router->interface_count, "the router has no such interface");
    struct mn_sim_interface *interface = &router->interfaces[number];
    interface->answer_ns = MNET_NEVER;
    interface->next_ns = MNET_NEVER;
    if (advertisement == NULL)
        return;
    interface->advertised = *advertisement;
    interface->initial = INITIAL;
    for (unsigned i = 0; i < MNET_SIM_ROUTER_PREFIXES && advertisement->prefixes[i].prefix.length > 0; i++)
        if (!advertisement->prefixes[i].no_on_link)
            mnet_sim_router_route(router, advertisement->prefixes[i].prefix, number, MNET_ADDRESS_ANY);
    interface->next_ns = router->sim->now;
    mn_sim_router_wake(router, router->sim->now);
}
