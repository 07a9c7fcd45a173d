/* A stack that has its address by DHCP, and its server, in virtual time. The test drives the stack,
 * which has no IPv6, or runs an application on it. */
#ifndef TESTS_UNIT_DHCP_NET_H
#define TESTS_UNIT_DHCP_NET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/dhcp_server.h"
#include "support/world.h"

#define REGION (8u * 1024u * 1024u)
#define FIRST mnet_address_from_ipv4(FIRST_IP)
#define SECOND mnet_address_from_ipv4(SECOND_IP)
#define SERVER mnet_address_from_ipv4(SERVER_IP)

struct lines {
    unsigned count;
    char last[256];
};

static inline void note_line(void *context, enum mnet_log_level level, const char *text)
{
    struct lines *lines = context;
    (void)level;
    lines->count++;
    snprintf(lines->last, sizeof lines->last, "%s", text);
}

/* ---- a stack that the test drives ---- */

struct net {
    struct mnet_sim *sim;
    struct mnet_sim_host *client;
    struct dhcp_server server;
    struct mnet_config config;
    struct mnet_stack *stack;
    struct lines log;
};

static inline void net_init(struct net *n)
{
    *n = (struct net){.sim = mnet_sim_create(1)};
    struct mnet_sim_host *server = mnet_sim_host(n->sim, "server", NULL);
    n->client = mnet_sim_host(n->sim, "client", NULL);
    assert_true(mnet_sim_link(n->sim, server, n->client, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND}));
    dhcp_server_init(&n->server, server);
    n->config = (struct mnet_config){
        .ip.dhcp = true,
        .ip.no_ipv6 = true,
        .device = mnet_sim_device(n->client),
        .platform = mnet_sim_platform(n->client),
        .memory = malloc(REGION),
        .memory_size = REGION,
        .log = {note_line, &n->log, MNET_LOG_INFO},
    };
}

static inline void net_open(struct net *n)
{
    assert_int_equal(mnet_stack_open(&n->config, &n->stack), 0);
}

static inline void net_end(struct net *n)
{
    if (n->stack != NULL)
        mnet_stack_down(n->stack);
    mnet_sim_destroy(n->sim);
    free(n->config.memory);
}

static inline void turn(struct net *n)
{
    bool more = true;
    while (more) {
        more = mnet_stack_poll(n->stack, mnet_sim_now(n->sim));
        more |= dhcp_server_serve(&n->server) > 0;
    }
}

static inline void pass(struct net *n, uint64_t ns)
{
    uint64_t end = mnet_sim_now(n->sim) + ns;
    turn(n);
    while (mnet_sim_now(n->sim) < end) {
        uint64_t until = mnet_stack_deadline(n->stack);
        mnet_sim_advance(n->sim, until < end ? until : end);
        turn(n);
    }
}

static inline void pass_s(struct net *n, uint64_t seconds)
{
    pass(n, seconds * MNET_SECOND);
}

static inline void net_bound(struct net *n)
{
    net_init(n);
    net_open(n);
    pass_s(n, 1);
    assert_true(mnet_address_equal(mnet_stack_ipv4(n->stack), FIRST));
}

static inline bool has_address(const struct net *n, struct mnet_address address)
{
    return mnet_address_equal(mnet_stack_ipv4(n->stack), address);
}

#define counted(n, name) (mnet_stack_counters((n)->stack)->value[MNET_COUNT_##name])

/* A connection from the stack to itself, which needs no other host. */
struct own_pair {
    struct mnet_listener *listener;
    struct mnet_flow *client, *server;
};

static inline void connect_to_itself(struct net *n, struct own_pair *pair)
{
    struct mnet_endpoint self = {mnet_stack_ipv4(n->stack), 80};
    if (pair->listener == NULL)
        assert_int_equal(mnet_tcp_listen(n->stack, 80, NULL, &pair->listener), 0);
    assert_int_equal(mnet_tcp_connect_begin(n->stack, self, NULL, &pair->client), 0);
    pass(n, MNET_MILLISECOND);
    assert_int_equal(mnet_tcp_accept(pair->listener, &pair->server, 0), 0);
}

static inline ptrdiff_t read_now(struct mnet_flow *flow)
{
    char byte;
    return mnet_tcp_read(flow, &byte, 1, 0);
}

static inline void close_pair(struct own_pair *pair)
{
    mnet_tcp_close(pair->client);
    mnet_tcp_close(pair->server);
}

/* ---- applications ---- */

/* An application on the client's host, and a task that runs the server. */
struct play {
    struct mnet_sim *sim;
    struct dhcp_server server;
    struct lines log;
    int (*body)(struct world *w);
    struct world w; /* for CHECK: server_host is not used */
    uint64_t answers_from;
    uint64_t plug_at; /* time to plug the cable in; 0: never */
};

static inline int run_server(struct mnet_env *env, void *argument)
{
    struct play *play = argument;
    (void)env;
    for (;;) {
        play->server.silent = mnet_now() < play->answers_from;
        dhcp_server_serve(&play->server);
        if (play->plug_at != 0 && mnet_now() >= play->plug_at) {
            mnet_sim_plug(play->w.client_host, true);
            play->plug_at = 0;
        }
        int error = mnet_sleep(mnet_now() + MNET_MILLISECOND);
        if (error < 0)
            return 0;
    }
}

static inline int run_body(struct mnet_env *env, void *argument)
{
    struct play *play = argument;
    (void)env;
    return play->body(&play->w);
}

static inline void play_run(struct play *play, int (*body)(struct world *w), const char *arguments)
{
    play->sim = mnet_sim_create(1);
    play->body = body;
    play->w.argument = play;
    struct mnet_sim_host *server = mnet_sim_host(play->sim, "server", NULL);
    play->w.client_host = mnet_sim_host(play->sim, "client", &(struct mnet_sim_host_options){.arguments = arguments});
    assert_non_null(play->w.client_host);
    assert_true(mnet_sim_link(play->sim, server, play->w.client_host, NULL));
    dhcp_server_init(&play->server, server);
    mnet_sim_serve(server, run_server, play);
    mnet_sim_spawn(play->w.client_host, run_body, play);
    int result = mnet_sim_run(play->sim, MNET_NEVER);
    if (play->w.failure[0] != '\0')
        fail_msg("%s", play->w.failure);
    assert_int_equal(result, 0);
}

#endif
