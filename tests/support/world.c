#include "support/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Longer than any timer of a connection that both sides have closed. */
#define SETTLE_MS 400000

int world_fail(struct world *w, const char *file, int line, const char *text, long long got, long long wanted)
{
    if (w->failure[0] == '\0')
        snprintf(w->failure, sizeof w->failure, "%s:%d: %s (got %lld, wanted %lld)", file, line, text, got, wanted);
    return -1000;
}

static int bring_up(struct world *w)
{
    struct mnet_config server = w->options->server, client = w->options->client;
    server.ip.ipv4 = (struct mnet_prefix){WORLD_SERVER, 24};
    client.ip.ipv4 = (struct mnet_prefix){WORLD_CLIENT, 24};
    if (!mnet_address_is_ipv4(w->server_address)) {
        server.ip.ipv6 = (struct mnet_prefix){w->server_address, 64};
        client.ip.ipv6 = (struct mnet_prefix){w->client_address, 64};
    }
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->server_host), &server, &w->server), 0);
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), &client, &w->client), 0);
    return 0;
}

/* Both stacks learn their neighbour, so the memory for it is counted before the test begins. */
static int warm_up(struct world *w)
{
    struct mnet_flow *flow;
    CHECK_EQUAL(mnet_tcp_connect(w->client, w->server_address, 9, &flow, MNET_NEVER), MNET_E_REFUSED);
    CHECK_EQUAL(mnet_tcp_connect(w->server, w->client_address, 9, &flow, MNET_NEVER), MNET_E_REFUSED);
    return 0;
}

static int check_clean(struct world *w, struct mnet_stack *stack, size_t used)
{
    if (stack == NULL)
        return 0;
    struct mn_tcp_usage usage = mn_tcp_usage(stack->tcp);
    CHECK_EQUAL(usage.tcbs, 0);
    CHECK_EQUAL(usage.established, 0);
    CHECK_EQUAL(usage.half_open, 0);
    CHECK_EQUAL(usage.time_wait, 0);
    CHECK_EQUAL(usage.listeners, 0);
    CHECK(stack->flow_pool.in_use == 0);
    CHECK(mnet_stack_memory_used(stack) <= used);
    return 0;
}

static int first_task(struct mnet_env *env, void *argument)
{
    struct world *w = argument;
    (void)env;
    if (bring_up(w) < 0 || warm_up(w) < 0)
        return -1;
    size_t server_used = mnet_stack_memory_used(w->server), client_used = mnet_stack_memory_used(w->client);
    int result = w->body(w);
    if (result != 0) {
        world_fail(w, "body", 0, "the test's result", result, 0);
        return -1;
    }
    sleep_ms(SETTLE_MS);
    if (check_clean(w, w->server, server_used) < 0)
        return -1;
    return check_clean(w, w->client, client_used);
}

static void run_between(int (*body)(struct world *w), const struct world_options *options, struct mnet_address server,
                        struct mnet_address client)
{
    static const struct world_options defaults;
    struct world w = {.body = body,
                      .options = options != NULL ? options : &defaults,
                      .server_address = server,
                      .client_address = client};
    struct mnet_sim_path path = w.options->path;
    struct mnet_sim_host_options host = {.memory = w.options->memory};
    if (path.delay_ns == 0)
        path.delay_ns = MNET_MILLISECOND;
    w.sim = mnet_sim_create(1);
    w.server_host = mnet_sim_host(w.sim, "server", &host);
    w.client_host = mnet_sim_host(w.sim, "client", &host);
    assert_true(mnet_sim_link(w.sim, w.server_host, w.client_host, &path));
    mnet_sim_spawn(w.client_host, first_task, &w);
    int result = mnet_sim_run(w.sim, MNET_NEVER);
    mnet_sim_destroy(w.sim);
    if (w.failure[0] != '\0')
        fail_msg("%s", w.failure);
    assert_int_equal(result, 0);
}

void world_run(int (*body)(struct world *w), const struct world_options *options)
{
    run_between(body, options, WORLD_SERVER, WORLD_CLIENT);
}

void world_run_both(int (*body)(struct world *w), const struct world_options *options)
{
    struct mnet_address server, client;
    assert_int_equal(mnet_address_parse("fd00::1", &server), 0);
    assert_int_equal(mnet_address_parse("fd00::2", &client), 0);
    world_run(body, options);
    run_between(body, options, server, client);
}

int world_connect_to(struct world *w, struct pair *pair)
{
    pair->client = pair->server = NULL;
    uint16_t port = mnet_tcp_listen_port(pair->listener);
    int error = mnet_tcp_connect(w->client, w->server_address, port, &pair->client, in_ms(5000));
    return error < 0 ? error : mnet_tcp_accept(pair->listener, &pair->server, in_ms(5000));
}

int world_connect(struct world *w, struct pair *pair)
{
    *pair = (struct pair){0};
    int error = mnet_tcp_listen(w->server, 80, NULL, &pair->listener);
    return error < 0 ? error : world_connect_to(w, pair);
}

void world_close(struct pair *pair)
{
    mnet_tcp_close(pair->client);
    mnet_tcp_close(pair->server);
    mnet_tcp_unlisten(pair->listener);
    *pair = (struct pair){0};
}

static int run_call(void *argument)
{
    struct call *call = argument;
    call->started = mnet_now();
    call->result = call->run(call);
    call->ended = mnet_now();
    return 0;
}

int call_start(struct world *w, struct call *call, int (*run)(void *call), void *object)
{
    call->w = w;
    call->run = run;
    call->object = object;
    if (call->deadline == 0)
        call->deadline = MNET_NEVER;
    int error = mnet_spawn(&call->task, run_call, call);
    return error < 0 ? error : mnet_yield();
}

int call_join(struct call *call)
{
    return mnet_join(call->task, NULL, in_ms(1000000));
}

int call_accept(void *argument)
{
    struct call *call = argument;
    return mnet_tcp_accept(call->object, &call->flow, call->deadline);
}

int call_read(void *argument)
{
    struct call *call = argument;
    char byte;
    void *to = call->data != NULL ? call->data : &byte;
    return (int)mnet_tcp_read(call->object, to, call->data != NULL ? call->len : 1, call->deadline);
}

int call_get(void *argument)
{
    struct call *call = argument;
    struct mnet_slice slice;
    return (int)mnet_tcp_get(call->object, &slice, 1, call->deadline);
}

int call_write(void *argument)
{
    struct call *call = argument;
    return mnet_tcp_write(call->object, call->data, call->len, &call->queued, call->deadline);
}

static void ignore(void *context)
{
    (void)context;
}

int call_write_lent(void *argument)
{
    struct call *call = argument;
    return mnet_tcp_write_lent(call->object, call->data, call->len, ignore, NULL, &call->queued, call->deadline);
}

int call_connect(void *argument)
{
    struct call *call = argument;
    return mnet_tcp_connect(call->w->client, WORLD_SERVER, 80, &call->flow, call->deadline);
}

int call_established(void *argument)
{
    struct call *call = argument;
    return mnet_tcp_established(call->object, call->deadline);
}

int call_receive(void *argument)
{
    struct call *call = argument;
    return (int)mnet_udp_receive(call->object, call->data, call->len, NULL, call->deadline);
}

void world_unreachable(struct world *w, const uint8_t *about, uint8_t code, uint16_t mtu, uint8_t wrong)
{
    uint8_t frame[14 + 20 + 8 + 28] = {0};
    memcpy(frame, about + 6, 6);
    memcpy(frame + 6, about, 6);
    frame[12] = 8;
    uint8_t *ip = frame + 14, *icmp = ip + 20;
    ip[0] = 0x45;
    ip[3] = 56;
    ip[8] = 64;
    ip[9] = 1;
    memcpy(ip + 12, about + 14 + 16, 4);
    memcpy(ip + 16, about + 14 + 12, 4);
    icmp[0] = 3;
    icmp[1] = code;
    icmp[6] = (uint8_t)(mtu >> 8);
    icmp[7] = (uint8_t)mtu;
    memcpy(icmp + 8, about + 14, 28);
    icmp[8 + 24] ^= wrong;
    uint8_t *parts[] = {ip, icmp};
    size_t lengths[] = {20, 36}, fields[] = {10, 2};
    for (int part = 0; part < 2; part++) {
        uint32_t sum = 0;
        for (size_t i = 0; i < lengths[part]; i += 2)
            sum += (uint32_t)(parts[part][i] << 8 | parts[part][i + 1]);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = ~((sum & 0xffff) + (sum >> 16));
        parts[part][fields[part]] = (uint8_t)(sum >> 8);
        parts[part][fields[part] + 1] = (uint8_t)sum;
    }
    mnet_sim_send(w->server_host, frame, sizeof frame);
}
