/* A stack that speaks both families, with a DHCP server, a router and a DHCPv6 server on its link,
 * in virtual time. The test drives the stack. */
#ifndef TESTS_UNIT_NET6_H
#define TESTS_UNIT_NET6_H

#include "support/dhcp6_server.h"
#include "tests/unit/dhcp_net.h"

struct net6 {
    struct mnet_sim *sim;
    struct mnet_sim_host *client;
    struct dhcp_server server4; /* silent unless a test wants it */
    struct dhcp6_server server;
    struct mnet_config config;
    struct mnet_stack *stack;
    struct lines log;
};

/* Without a stack yet: it speaks IPv6 alone, and does as routers advise. The router advertises
 * itself, and the M flag. */
static inline void net6_init(struct net6 *n)
{
    *n = (struct net6){.sim = mnet_sim_create(1)};
    struct mnet_sim_segment *segment = mnet_sim_segment(n->sim);
    struct mnet_sim_host *server4 = mnet_sim_host(n->sim, "server", NULL);
    n->client = mnet_sim_host(n->sim, "client", NULL);
    struct mnet_sim_host *router = mnet_sim_host(n->sim, "router", NULL);
    mnet_sim_attach(segment, server4);
    mnet_sim_attach(segment, n->client);
    mnet_sim_attach(segment, router);
    dhcp_server_init(&n->server4, server4);
    n->server4.silent = true;
    dhcp6_server_init(&n->server, router);
    n->server.router_lifetime_s = 1800;
    n->server.managed = true;
    n->config = (struct mnet_config){
        .ip.ipv6_auto = true,
        .device = mnet_sim_device(n->client),
        .platform = mnet_sim_platform(n->client),
        .memory = malloc(REGION),
        .memory_size = REGION,
        .log = {note_line, &n->log, MNET_LOG_INFO},
    };
}

static inline void net6_open(struct net6 *n)
{
    assert_int_equal(mnet_stack_open(&n->config, &n->stack), 0);
}

static inline void net6_end(struct net6 *n)
{
    if (n->stack != NULL)
        mnet_stack_down(n->stack);
    mnet_sim_destroy(n->sim);
    free(n->config.memory);
}

static inline void net6_turn(struct net6 *n)
{
    bool more = true;
    while (more) {
        more = n->stack != NULL && mnet_stack_poll(n->stack, mnet_sim_now(n->sim));
        more |= dhcp_server_serve(&n->server4) > 0;
        more |= dhcp6_server_serve(&n->server, mnet_sim_now(n->sim)) > 0;
    }
}

static inline void net6_pass(struct net6 *n, uint64_t ns)
{
    uint64_t end = mnet_sim_now(n->sim) + ns;
    net6_turn(n);
    while (mnet_sim_now(n->sim) < end) {
        uint64_t until = mnet_stack_deadline(n->stack);
        mnet_sim_advance(n->sim, until < end ? until : end);
        net6_turn(n);
    }
}

static inline void net6_pass_s(struct net6 *n, uint64_t seconds)
{
    net6_pass(n, seconds * MNET_SECOND);
}

/* The own address `address`, with its zone; NULL if it is none. */
static inline const struct mnet_stack_address *net6_own(const struct net6 *n, struct mnet_address address)
{
    static struct mnet_stack_address own[32];
    unsigned count = mnet_stack_addresses(n->stack, own, 32);
    for (unsigned i = 0; i < count && i < 32; i++)
        if (mnet_address_equal(own[i].prefix.address, address))
            return &own[i];
    return NULL;
}

/* Lets time pass until the stack has `address` in this state, for a minute at most. */
static inline void net6_await(struct net6 *n, struct mnet_address address, enum mnet_address_state state)
{
    for (int i = 0; i < 60000; i++) {
        const struct mnet_stack_address *own = net6_own(n, address);
        if (own != NULL && own->state == state)
            return;
        net6_pass(n, MNET_MILLISECOND);
    }
    fail_msg("the address does not come");
}

/* With an address by DHCPv6. */
static inline void net6_bound(struct net6 *n)
{
    net6_init(n);
    net6_open(n);
    net6_await(n, LEASED6, MNET_ADDRESS_PREFERRED);
}

#endif
