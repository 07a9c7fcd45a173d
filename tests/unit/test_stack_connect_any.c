/* Connecting to whichever of several addresses answers first (RFC 8305), between two simulated
 * hosts that have both families. Behind the server, which is the client's router, there is nothing:
 * addresses of other networks are silent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stack/env.h"
#include "support/addresses.h"
#include "support/world.h"
#include "wire/tcp.h"

#define SERVER_6 address("2001:db8::1")
#define SILENT_6 address("2001:db8:f::1")
#define SILENT_4 mnet_ipv4(192, 0, 2, 1)
#define NOBODY_6 address("2001:db8::99") /* on the link */

#define TRY(list, count, deadline, flow) mnet_tcp_connect_any(w->client, list, count, 80, NULL, flow, deadline)

/* ---- the client's SYNs ---- */

struct syn_log {
    unsigned count;
    struct {
        struct mnet_address to;
        uint64_t at;
    } entries[64];
};

static void note_syn(void *context, uint64_t now, struct mnet_sim_host *host, enum mnet_sim_direction direction,
                     const void *frame, size_t len)
{
    struct syn_log *syns = context;
    const uint8_t *bytes = frame;
    bool ipv4 = bytes[12] == 0x08 && bytes[13] == 0x00;
    if (direction != MNET_SIM_SENDING || strcmp(mnet_sim_host_name(host), "client") != 0 ||
        (!ipv4 && bytes[12] != 0x86) || len < 74 || bytes[ipv4 ? 23 : 20] != 6 || syns->count == 64)
        return;
    if ((bytes[ipv4 ? 47 : 67] & (MN_TCP_SYN | MN_TCP_ACK)) != MN_TCP_SYN)
        return;
    struct mnet_address to = mnet_ipv4(bytes[30], bytes[31], bytes[32], bytes[33]);
    if (!ipv4)
        memcpy(to.bytes, bytes + 38, 16);
    syns->entries[syns->count].to = to;
    syns->entries[syns->count++].at = now;
}

static unsigned syns_to(const struct syn_log *syns, struct mnet_address to)
{
    unsigned count = 0;
    for (unsigned i = 0; i < syns->count; i++)
        count += mnet_address_equal(syns->entries[i].to, to);
    return count;
}

/* Returns when the first SYN to `to` was sent, in ms after the first of all, or -1. */
static int64_t first_syn(const struct syn_log *syns, struct mnet_address to)
{
    for (unsigned i = 0; i < syns->count; i++)
        if (mnet_address_equal(syns->entries[i].to, to))
            return (int64_t)((syns->entries[i].at - syns->entries[0].at) / MNET_MILLISECOND);
    return -1;
}

static void watch(struct world *w, struct syn_log *syns)
{
    *syns = (struct syn_log){0};
    mnet_sim_watch(w->sim, note_syn, syns);
}

/* Runs `body` with hosts of both families, which know each other in both. The router leads nowhere,
 * or does not exist. */
struct variant {
    int (*body)(struct world *w);
    bool no_router;
    unsigned connections;
    uint64_t attempt_delay_ns;
};

static const struct variant *current;

static int run_current(struct world *w)
{
    struct mnet_flow *flow;
    sleep_ms(3000); /* until the addresses are ours */
    CHECK_EQUAL(mnet_tcp_connect(w->client, SERVER_6, 9, &flow, in_ms(1000)), MNET_E_REFUSED);
    return current->body(w);
}

static void run(const struct variant *variant)
{
    struct world_options options = {
        .server.ip.ipv6 = prefix("2001:db8::1/64"),
        .client.ip.ipv6 = prefix("2001:db8::2/64"),
        .client.tcp.connections_max = variant->connections,
        .client.tcp.connection_attempt_delay_ns = variant->attempt_delay_ns,
    };
    if (!variant->no_router) {
        options.client.ip.ipv4_gateway = WORLD_SERVER;
        options.client.ip.ipv6_gateway = SERVER_6;
    }
    current = variant;
    world_run(run_current, &options);
}

static int peer_is(struct world *w, struct mnet_flow *flow, struct mnet_address wanted)
{
    struct mnet_endpoint remote;
    CHECK(flow != NULL);
    mnet_tcp_peers(flow, NULL, &remote);
    CHECK(mnet_address_equal(remote.address, wanted));
    CHECK_EQUAL(remote.port, 80);
    return 0;
}

/* ---- broken families ---- */

static int both_work(struct world *w)
{
    const struct mnet_address list[] = {WORLD_SERVER, SERVER_6};
    struct mnet_listener *listener;
    struct mnet_flow *flow;
    struct syn_log syns;
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &listener), 0);
    watch(w, &syns);
    CHECK_EQUAL(TRY(list, 2, in_ms(5000), &flow), 0);
    CHECK_EQUAL(peer_is(w, flow, SERVER_6), 0);
    sleep_ms(5000);
    CHECK_EQUAL(syns.count, 1);
    mnet_tcp_close(flow);
    mnet_tcp_unlisten(listener);
    return 0;
}

/* HE-4-1, HE-5-6: IPv6 comes first by RFC 6724, and no address is tried after it has answered. */
static void connect_any_takes_the_preferred_family(void **state)
{
    (void)state;
    run(&(struct variant){.body = both_work});
}

/* Connects where the first family is broken. Its SYN is sent at 0, the other one's `later` ms
 * after, and then no more of either. */
static int one_is_broken(struct world *w, struct mnet_address broken, int64_t later, bool listen)
{
    const struct mnet_address list[] = {broken, WORLD_SERVER};
    struct mnet_listener *listener;
    struct mnet_flow *flow;
    struct syn_log syns;
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, &(struct mnet_listen_options){.address = WORLD_SERVER}, &listener), 0);
    watch(w, &syns);
    uint64_t begin = mnet_now();
    CHECK_EQUAL(TRY(list, 2, in_ms(5000), &flow), 0);
    CHECK_EQUAL((mnet_now() - begin) / MNET_MILLISECOND, later + 2);
    CHECK_EQUAL(peer_is(w, flow, WORLD_SERVER), 0);
    CHECK_EQUAL(mn_tcp_usage(w->client->tcp).tcbs, 1);
    sleep_ms(60000);
    CHECK_EQUAL(syns_to(&syns, broken), listen);
    CHECK_EQUAL(syns_to(&syns, WORLD_SERVER), 1);
    if (listen)
        CHECK_EQUAL(first_syn(&syns, WORLD_SERVER), later);
    mnet_tcp_close(flow);
    mnet_tcp_unlisten(listener);
    return 0;
}

static int silent_first(struct world *w)
{
    return one_is_broken(w, SILENT_6, 250, true);
}

/* HE-5-1, HE-5-2, HE-5-6 */
static void connect_any_silent_family_costs_a_delay(void **state)
{
    (void)state;
    run(&(struct variant){.body = silent_first});
}

static int refused_first(struct world *w)
{
    return one_is_broken(w, SERVER_6, 10, true);
}

/* HE-5-3, HE-5-4: the reset comes after 2 ms, and the next attempt does not wait for 250 ms, but
 * for 10. */
static void connect_any_refusing_family_costs_10_ms(void **state)
{
    (void)state;
    run(&(struct variant){.body = refused_first});
}

static int no_route_first(struct world *w)
{
    return one_is_broken(w, SILENT_6, 0, false);
}

/* HE-5-3: nothing was sent, so there is nothing to keep apart from. */
static void connect_any_family_without_route_costs_nothing(void **state)
{
    (void)state;
    run(&(struct variant){.body = no_route_first, .no_router = true});
}

static int nobody_first(struct world *w)
{
    return one_is_broken(w, NOBODY_6, 250, false);
}

static void connect_any_without_neighbour_costs_a_delay(void **state)
{
    (void)state;
    run(&(struct variant){.body = nobody_first});
}

static int broken_second(struct world *w)
{
    const struct mnet_address list[] = {SILENT_4, SERVER_6};
    struct mnet_listener *listener;
    struct mnet_flow *flow;
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &listener), 0);
    uint64_t begin = mnet_now();
    CHECK_EQUAL(TRY(list, 2, in_ms(5000), &flow), 0);
    CHECK_EQUAL(peer_is(w, flow, SERVER_6), 0);
    CHECK_EQUAL((mnet_now() - begin) / MNET_MILLISECOND, 2);
    mnet_tcp_close(flow);
    mnet_tcp_unlisten(listener);
    return 0;
}

static void connect_any_broken_ipv4_costs_nothing(void **state)
{
    (void)state;
    run(&(struct variant){.body = broken_second});
}

/* The path breaks just behind the handshake: that shows only in later calls. */
static int hole_behind(struct world *w)
{
    const struct mnet_address list[] = {WORLD_SERVER, SERVER_6};
    struct mnet_listener *listener;
    struct mnet_flow *flow;
    char byte;
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &listener), 0);
    CHECK_EQUAL(TRY(list, 2, in_ms(5000), &flow), 0);
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.down = true});
    CHECK_EQUAL(peer_is(w, flow, SERVER_6), 0);
    CHECK_EQUAL(mnet_tcp_read(flow, &byte, 1, in_ms(5000)), MNET_E_DEADLINE);
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    mnet_tcp_abort(flow);
    mnet_tcp_unlisten(listener);
    return 0;
}

static void connect_any_ends_with_the_handshake(void **state)
{
    (void)state;
    run(&(struct variant){.body = hole_behind});
}

/* ---- losers ---- */

/* Round trips take `ms`. */
static void slow_down(struct world *w, uint64_t ms)
{
    mnet_sim_shape(w->server_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.delay_ns = ms * MNET_MILLISECOND});
}

static int late_answer(struct world *w)
{
    const struct mnet_address list[] = {WORLD_SERVER, SERVER_6};
    struct mnet_listener *listener;
    struct mnet_flow *flow, *first, *second;
    struct syn_log syns;
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &listener), 0);
    slow_down(w, 400);
    watch(w, &syns);
    CHECK_EQUAL(TRY(list, 2, in_ms(5000), &flow), 0);
    CHECK_EQUAL(peer_is(w, flow, SERVER_6), 0);
    CHECK_EQUAL(first_syn(&syns, WORLD_SERVER), 250);
    CHECK_EQUAL(mn_tcp_usage(w->client->tcp).tcbs, 1);
    CHECK_EQUAL(mnet_tcp_accept(listener, &first, in_ms(1000)), 0);
    CHECK_EQUAL(mn_tcp_usage(w->server->tcp).half_open, 1); /* its SYN,ACK is on the way */
    sleep_ms(400);
    CHECK_EQUAL(mn_tcp_usage(w->server->tcp).half_open, 0);
    CHECK_EQUAL(mnet_tcp_accept(listener, &second, in_ms(60000)), MNET_E_DEADLINE);
    CHECK_EQUAL(syns.count, 2);
    slow_down(w, 1);
    mnet_tcp_close(first);
    mnet_tcp_close(flow);
    mnet_tcp_unlisten(listener);
    return 0;
}

/* HE-5-6, HE-5-7: the loser's SYN,ACK gets a reset, and nothing of it is left on either side. */
static void connect_any_late_answer_is_reset(void **state)
{
    (void)state;
    run(&(struct variant){.body = late_answer});
}

static int quicken(void *argument)
{
    struct world *w = argument;
    mnet_sleep(mnet_now() + 250500 * MNET_MICROSECOND);
    slow_down(w, 50);
    return 0;
}

static uint64_t counted(const struct mnet_stack *stack, enum mnet_counter counter)
{
    return mnet_stack_counters(stack)->value[counter];
}

static int both_at_once(struct world *w)
{
    const struct mnet_address list[] = {WORLD_SERVER, SERVER_6};
    struct mnet_listener *listener;
    struct mnet_flow *accepted, *second, *flow;
    struct mnet_task *task;
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &listener), 0);
    slow_down(w, 300);
    uint64_t begin = mnet_now(), resets = counted(w->client, MNET_COUNT_TCP_RST_TX);
    CHECK_EQUAL(mnet_spawn(&task, quicken, w), 0);
    CHECK_EQUAL(TRY(list, 2, in_ms(5000), &flow), 0);
    CHECK_EQUAL((mnet_now() - begin) / MNET_MILLISECOND, 301);
    CHECK_EQUAL(counted(w->client, MNET_COUNT_TCP_OPENED), 2);
    CHECK_EQUAL(mnet_join(task, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(peer_is(w, flow, SERVER_6), 0);
    CHECK_EQUAL(mn_tcp_usage(w->client->tcp).tcbs, 1);
    CHECK_EQUAL(mnet_tcp_accept(listener, &accepted, in_ms(1000)), 0);
    CHECK_EQUAL(mnet_tcp_accept(listener, &second, in_ms(60000)), MNET_E_DEADLINE);
    CHECK_EQUAL(counted(w->client, MNET_COUNT_TCP_RST_TX) - resets, 1);
    CHECK_EQUAL(mn_tcp_usage(w->server->tcp).tcbs, 0);
    CHECK_EQUAL(mn_tcp_usage(w->server->tcp).idle, 1); /* at rest after a minute */
    CHECK_EQUAL(mn_tcp_usage(w->server->tcp).half_open, 0);
    slow_down(w, 1);
    mnet_tcp_close(accepted);
    mnet_tcp_close(flow);
    mnet_tcp_unlisten(listener);
    return 0;
}

/* HE-5-7: both handshakes end in the same instant. */
static void connect_any_second_success_is_reset(void **state)
{
    (void)state;
    run(&(struct variant){.body = both_at_once});
}

/* The address that is tried first. */
static int first_is(struct world *w, struct mnet_address wanted)
{
    const struct mnet_address list[] = {WORLD_SERVER, SILENT_6};
    struct mnet_flow *flow;
    struct syn_log syns;
    watch(w, &syns);
    CHECK_EQUAL(TRY(list, 2, in_ms(5000), &flow), 0);
    CHECK_EQUAL(peer_is(w, flow, WORLD_SERVER), 0);
    CHECK(syns.count > 0 && mnet_address_equal(syns.entries[0].to, wanted));
    mnet_tcp_close(flow);
    return 0;
}

static int losers(struct world *w)
{
    struct mnet_listener *listener;
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &listener), 0);
    CHECK_EQUAL(first_is(w, SILENT_6), 0);
    CHECK_EQUAL(first_is(w, WORLD_SERVER), 0);
    sleep_ms(599000);
    CHECK_EQUAL(first_is(w, WORLD_SERVER), 0);
    sleep_ms(1000);
    CHECK_EQUAL(first_is(w, SILENT_6), 0);
    CHECK_EQUAL(first_is(w, WORLD_SERVER), 0);
    mnet_sim_plug(w->client_host, false);
    sleep_ms(10);
    mnet_sim_plug(w->client_host, true);
    sleep_ms(3000);
    CHECK_EQUAL(first_is(w, SILENT_6), 0);
    mnet_tcp_unlisten(listener);
    return 0;
}

/* SEL-6.R1-1; HE-4-3: another link may lead to another network. */
static void connect_any_tries_a_loser_last_for_10_min_on_this_link(void **state)
{
    (void)state;
    run(&(struct variant){.body = losers});
}

static int no_loser(struct world *w)
{
    const struct mnet_address list[] = {WORLD_SERVER, SERVER_6};
    struct mnet_listener *listener;
    struct mnet_flow *flow;
    CHECK_EQUAL(TRY(list, 2, in_ms(5000), &flow), MNET_E_REFUSED);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &listener), 0);
    CHECK_EQUAL(TRY(list, 2, in_ms(5000), &flow), 0);
    CHECK_EQUAL(peer_is(w, flow, SERVER_6), 0);
    mnet_tcp_close(flow);
    mnet_tcp_unlisten(listener);
    return 0;
}

/* It answers; another time, or on another port, it may do so otherwise. */
static void connect_any_refusing_address_is_no_loser(void **state)
{
    (void)state;
    run(&(struct variant){.body = no_loser});
}

/* ---- many addresses ---- */

static int many_silent(struct world *w, uint64_t delay_ms)
{
    struct mnet_address list[MNET_TCP_ADDRESSES_MAX];
    struct mnet_flow *flow;
    struct syn_log syns;
    for (uint8_t i = 0; i < MNET_TCP_ADDRESSES_MAX; i++) {
        list[i] = i < 8 ? SILENT_4 : SILENT_6;
        list[i].bytes[15] = i;
    }
    watch(w, &syns);
    uint64_t begin = mnet_now();
    CHECK_EQUAL(TRY(list, MNET_TCP_ADDRESSES_MAX, in_ms(20 * delay_ms), &flow), MNET_E_DEADLINE);
    CHECK(flow == NULL);
    CHECK_EQUAL((mnet_now() - begin) / MNET_MILLISECOND, 20 * delay_ms);
    for (unsigned i = 0; i < MNET_TCP_ADDRESSES_MAX; i++) /* 8, 0, 9, 1 ... */
        CHECK_EQUAL(first_syn(&syns, list[i % 2 == 0 ? 8 + i / 2 : i / 2]), i * delay_ms);
    unsigned sent = syns.count;
    sleep_ms(60000);
    CHECK_EQUAL(syns.count, sent);
    CHECK_EQUAL(mn_tcp_usage(w->client->tcp).tcbs, 0);
    return 0;
}

static int many_by_default(struct world *w)
{
    CHECK_EQUAL(w->client->config.tcp.first_address_family_count, 1);
    return many_silent(w, 250);
}

/* HE-4-4, HE-5-1, HE-5-2, HE-8-1 */
static void connect_any_tries_families_in_turn_every_250_ms(void **state)
{
    (void)state;
    run(&(struct variant){.body = many_by_default});
}

static int many_faster(struct world *w)
{
    return many_silent(w, 100);
}

/* HE-5-2: the delay of the configuration */
static void connect_any_waits_for_the_configured_delay(void **state)
{
    (void)state;
    run(&(struct variant){.body = many_faster, .attempt_delay_ns = 100 * MNET_MILLISECOND});
}

static int bad_delays(struct world *w)
{
    const uint64_t bad[] = {MNET_MILLISECOND, 10 * MNET_MILLISECOND - 1, 2 * MNET_SECOND + 1};
    struct mnet_stack *stack;
    mnet_stack_down(w->client);
    w->client = NULL;
    struct mnet_config config = {.ip.ipv4 = {WORLD_CLIENT, 24}};
    for (size_t i = 0; i < MN_COUNT_OF(bad); i++) {
        config.tcp.connection_attempt_delay_ns = bad[i];
        CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), &config, &stack), MNET_E_INVALID);
    }
    config.tcp.connection_attempt_delay_ns = 2 * MNET_SECOND;
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), &config, &stack), 0);
    mnet_stack_down(stack);
    return 0;
}

/* HE-5-4, HE-5-5 */
static void delay_out_of_bounds_is_refused(void **state)
{
    (void)state;
    run(&(struct variant){.body = bad_delays});
}

static int same_address(struct world *w)
{
    const struct mnet_address list[] = {SERVER_6, SERVER_6, SERVER_6};
    struct mnet_flow *flow;
    struct syn_log syns;
    watch(w, &syns);
    CHECK_EQUAL(TRY(list, 3, in_ms(5000), &flow), MNET_E_REFUSED);
    CHECK_EQUAL(syns.count, 1);
    return 0;
}

static void connect_any_tries_an_address_once(void **state)
{
    (void)state;
    run(&(struct variant){.body = same_address});
}

/* ---- failures ---- */

static int failures(struct world *w)
{
    const struct mnet_address refusing[] = {WORLD_SERVER, SERVER_6}, one_refusing[] = {WORLD_SERVER, SILENT_6},
                              silent[] = {SILENT_4, SILENT_6}, nobody[] = {mnet_ipv4(10, 0, 0, 99), NOBODY_6};
    struct mnet_flow *flow;
    CHECK_EQUAL(TRY(refusing, 2, in_ms(5000), &flow), MNET_E_REFUSED);
    uint64_t begin = mnet_now();
    CHECK_EQUAL(TRY(one_refusing, 2, in_ms(5000), &flow), MNET_E_REFUSED);
    /* The silent one might still have answered. */
    CHECK_EQUAL((mnet_now() - begin) / MNET_MILLISECOND, 5000);
    CHECK_EQUAL(TRY(silent, 2, in_ms(5000), &flow), MNET_E_DEADLINE);
    CHECK_EQUAL(TRY(silent, 2, MNET_NEVER, &flow), MNET_E_TIMED_OUT);
    CHECK_EQUAL(TRY(nobody, 2, MNET_NEVER, &flow), MNET_E_UNREACHABLE);
    CHECK(flow == NULL);
    CHECK_EQUAL(mn_tcp_usage(w->client->tcp).tcbs, 0);
    return 0;
}

/* HE-5-9 */
static void connect_any_fails_with_the_most_telling_cause(void **state)
{
    (void)state;
    run(&(struct variant){.body = failures});
}

static int no_routes(struct world *w)
{
    const struct mnet_address list[] = {SILENT_4, SILENT_6}, half[] = {SILENT_6, WORLD_SERVER};
    struct mnet_flow *flow;
    struct syn_log syns;
    watch(w, &syns);
    uint64_t begin = mnet_now();
    CHECK_EQUAL(TRY(list, 2, MNET_NEVER, &flow), MNET_E_UNREACHABLE);
    CHECK_EQUAL(mnet_now(), begin);
    CHECK_EQUAL(syns.count, 0);
    CHECK_EQUAL(TRY(half, 2, MNET_NEVER, &flow), MNET_E_REFUSED);
    return 0;
}

/* HE-5-9 */
static void connect_any_without_any_route_fails_at_once(void **state)
{
    (void)state;
    run(&(struct variant){.body = no_routes, .no_router = true});
}

static int early_deadline(struct world *w)
{
    const struct mnet_address list[] = {WORLD_SERVER, SERVER_6};
    struct mnet_flow *flow;
    struct syn_log syns;
    watch(w, &syns);
    CHECK_EQUAL(TRY(list, 2, 0, &flow), MNET_E_DEADLINE);
    /* The first has refused, the other is untried. */
    CHECK_EQUAL(TRY(list, 2, in_ms(5), &flow), MNET_E_DEADLINE);
    CHECK_EQUAL(syns_to(&syns, WORLD_SERVER), 0);
    CHECK(flow == NULL);
    return 0;
}

static void connect_any_deadline_before_the_last_attempt_is_the_cause(void **state)
{
    (void)state;
    run(&(struct variant){.body = early_deadline});
}

static int no_place(struct world *w)
{
    const struct mnet_address list[] = {WORLD_SERVER, SERVER_6};
    struct mnet_listener *listener;
    struct mnet_flow *flow, *second;
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &listener), 0);
    CHECK_EQUAL(TRY(list, 2, in_ms(5000), &flow), 0);
    CHECK_EQUAL(TRY(list, 2, in_ms(5000), &second), MNET_E_LIMIT);
    CHECK(second == NULL);
    mnet_tcp_close(flow);
    mnet_tcp_unlisten(listener);
    return 0;
}

static void connect_any_beyond_the_limit_is_refused_here(void **state)
{
    (void)state;
    run(&(struct variant){.body = no_place, .connections = 1});
}

/* ---- ends from outside ---- */

static int call_any(void *argument)
{
    struct call *call = argument;
    const struct mnet_address *list = call->object;
    return mnet_tcp_connect_any(call->w->client, list, (unsigned)call->len, 80, NULL, &call->flow, call->deadline);
}

static int cancelled(struct world *w)
{
    struct mnet_address list[] = {SILENT_4, SILENT_6};
    struct call call = {.len = 2};
    struct syn_log syns;
    watch(w, &syns);
    CHECK_EQUAL(call_start(w, &call, call_any, list), 0);
    sleep_ms(300);
    CHECK_EQUAL(mn_tcp_usage(w->client->tcp).tcbs, 2);
    mnet_cancel(call.task);
    CHECK_EQUAL(call_join(&call), 0);
    CHECK_EQUAL(call.result, MNET_E_CANCELLED);
    CHECK(call.flow == NULL);
    CHECK_EQUAL(mn_tcp_usage(w->client->tcp).tcbs, 0);
    sleep_ms(60000);
    CHECK_EQUAL(syns.count, 2);
    return 0;
}

static void connect_any_cancelled_leaves_nothing_behind(void **state)
{
    (void)state;
    run(&(struct variant){.body = cancelled});
}

static int goes_down(struct world *w, struct call *call, int (*run_call)(void *call), void *object, uint64_t after_ms)
{
    struct mnet_env *env = mnet_sim_env(w->client_host);
    CHECK_EQUAL(call_start(w, call, run_call, object), 0);
    sleep_ms(after_ms);
    CHECK_EQUAL(call->ended, 0);
    mnet_stack_down(w->client);
    w->client = NULL;
    CHECK(mn_list_empty(&env->ended_stacks)); /* no handle keeps it */
    CHECK_EQUAL(call_join(call), 0);
    CHECK_EQUAL(call->result, MNET_E_CLOSED);
    CHECK(call->flow == NULL);
    return 0;
}

static int down_with_attempts(struct world *w)
{
    struct mnet_address list[] = {SILENT_4, SILENT_6};
    struct call call = {.len = 2};
    return goes_down(w, &call, call_any, list, 300);
}

static int down_between_attempts(struct world *w)
{
    struct mnet_address list[] = {WORLD_SERVER, SERVER_6};
    struct call call = {.len = 2};
    return goes_down(w, &call, call_any, list, 5);
}

static int down_with_one(struct world *w)
{
    struct call call = {0};
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.down = true});
    return goes_down(w, &call, call_connect, NULL, 300);
}

/* The stack's memory goes back to the platform at once. */
static void connect_ends_with_its_stack_and_does_not_keep_it(void **state)
{
    (void)state;
    run(&(struct variant){.body = down_with_attempts});
    run(&(struct variant){.body = down_between_attempts});
    run(&(struct variant){.body = down_with_one});
}

/* ---- arguments ---- */

static int arguments(struct world *w)
{
    const struct mnet_address good[] = {SILENT_6, SILENT_4}, group[] = {SILENT_6, mnet_ipv4(224, 0, 0, 1)},
                              any[] = {SILENT_6, MNET_ADDRESS_ANY}, zone[] = {SILENT_6, {{0x20}, 7}};
    struct mnet_address many[MNET_TCP_ADDRESSES_MAX + 1];
    const struct mnet_connect_options dscp = {.dscp = 64}, not_ours = {.local.address = WORLD_SERVER},
                                      ipv4 = {.local.address = WORLD_CLIENT};
    struct mnet_flow *flow = (struct mnet_flow *)w;
    struct syn_log syns;
    for (unsigned i = 0; i <= MNET_TCP_ADDRESSES_MAX; i++)
        many[i] = SILENT_6;
    watch(w, &syns);
    CHECK_EQUAL(mnet_tcp_connect_any(NULL, good, 2, 80, NULL, &flow, MNET_NEVER), MNET_E_INVALID);
    CHECK(flow == NULL);
    CHECK_EQUAL(mnet_tcp_connect_any(w->client, good, 2, 80, NULL, NULL, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_connect_any(w->client, good, 2, 0, NULL, &flow, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_connect_any(w->client, good, 2, 80, &dscp, &flow, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_connect_any(w->client, good, 2, 80, &not_ours, &flow, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_connect_any(w->client, good, 1, 80, &ipv4, &flow, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(TRY(NULL, 2, MNET_NEVER, &flow), MNET_E_INVALID);
    CHECK_EQUAL(TRY(good, 0, MNET_NEVER, &flow), MNET_E_INVALID);
    CHECK_EQUAL(TRY(many, MNET_TCP_ADDRESSES_MAX + 1, MNET_NEVER, &flow), MNET_E_INVALID);
    CHECK_EQUAL(TRY(group, 2, MNET_NEVER, &flow), MNET_E_INVALID);
    CHECK_EQUAL(TRY(any, 2, MNET_NEVER, &flow), MNET_E_INVALID);
    CHECK_EQUAL(TRY(zone, 2, MNET_NEVER, &flow), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_connect_begin(w->client, (struct mnet_endpoint){SILENT_6, 80}, &ipv4, &flow), MNET_E_INVALID);
    CHECK_EQUAL(syns.count, 0);
    CHECK_EQUAL(mn_tcp_usage(w->client->tcp).tcbs, 0);
    return 0;
}

static void connect_any_invalid_arguments_have_no_effect(void **state)
{
    (void)state;
    run(&(struct variant){.body = arguments});
}

static int own_address(struct world *w)
{
    const struct mnet_address list[] = {SILENT_6, WORLD_SERVER};
    const struct mnet_connect_options options = {.local = {WORLD_CLIENT, 4000}, .no_delay = true};
    struct mnet_address far = address("fe80::1");
    struct mnet_endpoint local;
    struct mnet_listener *listener;
    struct mnet_flow *flow;
    struct syn_log syns;
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &listener), 0);
    watch(w, &syns);
    CHECK_EQUAL(mnet_tcp_connect_any(w->client, list, 2, 80, &options, &flow, in_ms(5000)), 0);
    CHECK_EQUAL(syns.count, 1);
    mnet_tcp_peers(flow, &local, NULL);
    CHECK(mnet_endpoint_equal(local, options.local));
    mnet_tcp_close(flow);
    mnet_tcp_unlisten(listener);
    far.zone = (uint16_t)(w->client->zone + 1); /* on a link of another stack */
    CHECK_EQUAL(TRY(&far, 1, in_ms(5000), &flow), MNET_E_UNREACHABLE);
    return 0;
}

static void connect_any_from_an_own_address_leaves_the_other_family_out(void **state)
{
    (void)state;
    run(&(struct variant){.body = own_address});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_any_takes_the_preferred_family),
        cmocka_unit_test(connect_any_silent_family_costs_a_delay),
        cmocka_unit_test(connect_any_refusing_family_costs_10_ms),
        cmocka_unit_test(connect_any_family_without_route_costs_nothing),
        cmocka_unit_test(connect_any_without_neighbour_costs_a_delay),
        cmocka_unit_test(connect_any_broken_ipv4_costs_nothing),
        cmocka_unit_test(connect_any_ends_with_the_handshake),
        cmocka_unit_test(connect_any_late_answer_is_reset),
        cmocka_unit_test(connect_any_second_success_is_reset),
        cmocka_unit_test(connect_any_tries_a_loser_last_for_10_min_on_this_link),
        cmocka_unit_test(connect_any_refusing_address_is_no_loser),
        cmocka_unit_test(connect_any_tries_families_in_turn_every_250_ms),
        cmocka_unit_test(connect_any_waits_for_the_configured_delay),
        cmocka_unit_test(delay_out_of_bounds_is_refused),
        cmocka_unit_test(connect_any_tries_an_address_once),
        cmocka_unit_test(connect_any_fails_with_the_most_telling_cause),
        cmocka_unit_test(connect_any_without_any_route_fails_at_once),
        cmocka_unit_test(connect_any_deadline_before_the_last_attempt_is_the_cause),
        cmocka_unit_test(connect_any_beyond_the_limit_is_refused_here),
        cmocka_unit_test(connect_any_cancelled_leaves_nothing_behind),
        cmocka_unit_test(connect_ends_with_its_stack_and_does_not_keep_it),
        cmocka_unit_test(connect_any_invalid_arguments_have_no_effect),
        cmocka_unit_test(connect_any_from_an_own_address_leaves_the_other_family_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
