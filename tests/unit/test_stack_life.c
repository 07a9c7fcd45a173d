/* The life of a stack: configurations that it refuses, handles that end with it, and a stack that
 * is driven from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/world.h"

#define REGION (8u * 1024u * 1024u)

/* ---- down ---- */

static int call_prober(void *argument)
{
    struct call *call = argument;
    return mnet_tcp_connect(call->w->client, mnet_ipv4(10, 0, 0, 99), 80, &call->flow, call->deadline);
}

/* All calls that can block, blocked at once. */
static int down_wakes(struct world *w)
{
    static char data[8 << 20], buffer[16];
    struct pair pair;
    struct mnet_udp *udp;
    struct call calls[8] = {{0}};
    for (int i = 0; i < 8; i++) {
        calls[i].data = i >= 4 && i <= 5 ? data : buffer;
        calls[i].len = i >= 4 && i <= 5 ? sizeof data : sizeof buffer;
    }
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, NULL, &udp), 0);
    struct mnet_listener *listener;
    CHECK_EQUAL(mnet_tcp_listen(w->client, 80, NULL, &listener), 0);
    CHECK_EQUAL(call_start(w, &calls[0], call_accept, listener), 0);
    CHECK_EQUAL(call_start(w, &calls[1], call_accept, listener), 0);
    CHECK_EQUAL(call_start(w, &calls[2], call_read, pair.client), 0);
    CHECK_EQUAL(call_start(w, &calls[3], call_get, pair.client), 0);
    CHECK_EQUAL(call_start(w, &calls[4], call_write_lent, pair.client), 0);
    CHECK_EQUAL(call_start(w, &calls[5], call_write, pair.client), 0);
    CHECK_EQUAL(call_start(w, &calls[6], call_receive, udp), 0);
    CHECK_EQUAL(call_start(w, &calls[7], call_prober, NULL), 0);
    sleep_ms(5);
    for (int i = 0; i < 8; i++)
        CHECK_EQUAL(calls[i].ended, 0);
    mnet_stack_down(w->client);
    w->client = NULL;
    for (int i = 0; i < 8; i++) {
        CHECK_EQUAL(call_join(&calls[i]), 0);
        CHECK_EQUAL(calls[i].result, MNET_E_CLOSED);
        CHECK(calls[i].flow == NULL);
    }
    ptrdiff_t got;
    while ((got = mnet_tcp_read(pair.server, data, sizeof data, in_ms(100))) > 0)
        continue;
    CHECK_EQUAL(got, MNET_E_RESET); /* the peer is told */
    /* A task that looks at its handle only now finds it closed, and can close it as usual. */
    struct mnet_flow *late;
    CHECK_EQUAL(mnet_tcp_read(pair.client, buffer, sizeof buffer, MNET_NEVER), MNET_E_CLOSED);
    CHECK_EQUAL(mnet_tcp_write(pair.client, buffer, sizeof buffer, NULL, MNET_NEVER), MNET_E_CLOSED);
    CHECK_EQUAL(mnet_tcp_accept(listener, &late, MNET_NEVER), MNET_E_CLOSED);
    CHECK_EQUAL(mnet_udp_receive(udp, buffer, sizeof buffer, NULL, MNET_NEVER), MNET_E_CLOSED);
    mnet_udp_close(udp);
    mnet_tcp_unlisten(listener);
    world_close(&pair);
    return 0;
}

static void down_wakes_everybody_and_tells_the_peer(void **state)
{
    (void)state;
    world_run(down_wakes, NULL);
}

static int up_again(struct world *w)
{
    struct mnet_stack *second;
    struct pair pair;
    struct mnet_config config = {.ip.ipv4 = {WORLD_CLIENT, 24}};
    /* It is in use. */
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), &config, &second), MNET_E_NO_DEVICE);
    CHECK(second == NULL);
    mnet_stack_down(w->client);
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), &config, &w->client), 0);
    CHECK_EQUAL(world_connect(w, &pair), 0);
    world_close(&pair);
    mnet_stack_down(NULL);
    return 0;
}

static void down_gives_the_device_back(void **state)
{
    (void)state;
    world_run(up_again, NULL);
}

/* ---- up ---- */

static int up_invalid(struct world *w)
{
    struct mnet_env *env = mnet_sim_env(w->client_host);
    struct mnet_stack *stack = w->client;
    struct mnet_config config = {.ip.ipv4 = {WORLD_CLIENT, 24}};
    CHECK_EQUAL(mnet_stack_up(NULL, &config, &stack), MNET_E_INVALID);
    CHECK(stack == NULL);
    CHECK_EQUAL(mnet_stack_up(env, &config, NULL), MNET_E_INVALID);
    config = (struct mnet_config){.ip.no_ipv6 = true}; /* and no address of IPv4 */
    CHECK_EQUAL(mnet_stack_up(env, &config, &stack), MNET_E_INVALID);
    config = (struct mnet_config){.ip.ipv4 = {WORLD_CLIENT, 24}};
    config.memory_size = MNET_MEMORY_MINIMUM - 1;
    CHECK_EQUAL(mnet_stack_up(env, &config, &stack), MNET_E_INVALID);
    return 0;
}

static void up_invalid_arguments_have_no_effect(void **state)
{
    (void)state;
    world_run(up_invalid, NULL);
}

/* RFC 5227: the second user of an address notices before it uses the address. Nobody else does. */
static int up_probing(struct world *w)
{
    struct mnet_stack *stack;
    struct mnet_config config = {.ip.ipv4 = {WORLD_SERVER, 24}, .ip.address_probe = true};
    mnet_stack_down(w->client);
    w->client = NULL;
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), &config, &stack), MNET_E_IN_USE);
    CHECK(stack == NULL);
    config.ip.ipv4.address = WORLD_CLIENT;
    uint64_t before = mnet_now();
    CHECK_EQUAL(mnet_stack_up(mnet_sim_env(w->client_host), &config, &w->client), 0);
    CHECK(mnet_now() - before > 2 * MNET_SECOND && mnet_now() - before < 10 * MNET_SECOND);
    CHECK(mnet_address_equal(mnet_stack_ipv4(w->client), WORLD_CLIENT));
    return 0;
}

static void up_with_probe_waits_for_the_address(void **state)
{
    (void)state;
    world_run(up_probing, NULL);
}

struct life_lines {
    unsigned count, of_flows;
};

static void note_line(void *context, enum mnet_log_level level, const char *text)
{
    struct life_lines *lines = context;
    (void)level;
    lines->count++;
    lines->of_flows += strncmp(text, "tcp 10.0.0.2:", 13) == 0 && strstr(text, " > 10.0.0.1:80") != NULL;
}

static int logged(struct world *w)
{
    struct pair pair;
    struct life_lines *lines = w->options->client.log.context;
    unsigned before = lines->of_flows;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK(lines->of_flows > before);
    world_close(&pair);
    return 0;
}

static void log_lines_name_both_ends(void **state)
{
    struct life_lines lines = {0};
    const struct world_options options = {.client.log = {note_line, &lines, MNET_LOG_DEBUG}};
    (void)state;
    world_run(logged, &options);
}

/* ---- driven from outside ---- */

struct outside {
    struct mnet_sim *sim;
    struct mnet_sim_host *hosts[2];
    struct mnet_stack *stacks[2];
    void *regions[2];
};

static void poll_all(struct outside *o)
{
    bool more = true;
    while (more) {
        more = false;
        for (int i = 0; i < 2; i++)
            more |= mnet_stack_poll(o->stacks[i], mnet_sim_now(o->sim));
    }
}

/* Drives both stacks for `ns` of virtual time. */
static void pass(struct outside *o, uint64_t ns)
{
    uint64_t end = mnet_sim_now(o->sim) + ns;
    poll_all(o);
    while (mnet_sim_now(o->sim) < end) {
        uint64_t until = end;
        for (int i = 0; i < 2; i++)
            until = MN_MIN(until, mnet_stack_deadline(o->stacks[i]));
        mnet_sim_advance(o->sim, until);
        poll_all(o);
    }
}

static struct mnet_config outside_config(struct outside *o, int i)
{
    return (struct mnet_config){
        .device = mnet_sim_device(o->hosts[i]),
        .platform = mnet_sim_platform(o->hosts[i]),
        .memory = o->regions[i],
        .memory_size = REGION,
        .ip.ipv4 = {mnet_ipv4(10, 0, 0, (uint8_t)(i + 1)), 24},
        .ip.no_ipv6 = true, /* it would send now and then */
    };
}

static int open_outside(void **state)
{
    struct outside *o = calloc(1, sizeof *o);
    o->sim = mnet_sim_create(7);
    for (int i = 0; i < 2; i++) {
        o->hosts[i] = mnet_sim_host(o->sim, i == 0 ? "server" : "client", NULL);
        o->regions[i] = malloc(REGION);
    }
    mnet_sim_link(o->sim, o->hosts[0], o->hosts[1], &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    for (int i = 0; i < 2; i++) {
        struct mnet_config config = outside_config(o, i);
        assert_int_equal(mnet_stack_open(&config, &o->stacks[i]), 0);
    }
    *state = o;
    return 0;
}

static int close_outside(void **state)
{
    struct outside *o = *state;
    for (int i = 0; i < 2; i++) {
        mnet_stack_down(o->stacks[i]);
        free(o->regions[i]);
    }
    mnet_sim_destroy(o->sim);
    free(o);
    return 0;
}

static void collect(void *context, unsigned ready)
{
    *(unsigned *)context |= ready;
}

static void outside_every_call_works_with_deadline_0(void **state)
{
    struct outside *o = *state;
    struct mnet_listener *listener;
    struct mnet_flow *client, *server;
    struct mnet_endpoint remote = {WORLD_SERVER, 80};
    struct mnet_slice slice;
    unsigned listener_ready = 0, client_ready = 0;
    char buffer[16];
    assert_int_equal(mnet_tcp_listen(o->stacks[0], 80, NULL, &listener), 0);
    mnet_tcp_listener_notify(listener, collect, &listener_ready);
    assert_int_equal(mnet_tcp_connect_begin(o->stacks[1], remote, NULL, &client), 0);
    mnet_tcp_notify(client, collect, &client_ready);
    assert_int_equal(mnet_tcp_established(client, 0), MNET_E_DEADLINE);
    /* Outside of tasks no call suspends. */
    assert_int_equal(mnet_tcp_established(client, MNET_NEVER), MNET_E_DEADLINE);
    assert_int_equal(mnet_tcp_accept(listener, &server, MNET_NEVER), MNET_E_DEADLINE);
    pass(o, 10 * MNET_MILLISECOND);
    assert_int_equal(listener_ready, MNET_ACCEPTABLE);
    assert_true(client_ready & MNET_WRITABLE);
    assert_int_equal(mnet_tcp_established(client, 0), 0);
    assert_int_equal(mnet_tcp_accept(listener, &server, 0), 0);
    assert_int_equal(mnet_tcp_read(server, buffer, 16, 0), MNET_E_DEADLINE);
    assert_int_equal(mnet_tcp_write(client, "hello", 5, NULL, 0), 0);
    pass(o, 10 * MNET_MILLISECOND);
    assert_int_equal(mnet_tcp_read(server, buffer, 16, 0), 5);
    assert_int_equal(mnet_tcp_write_now(server, "world", 5), 0);
    mnet_tcp_close(server);
    pass(o, 10 * MNET_MILLISECOND);
    assert_true(client_ready & MNET_READABLE);
    assert_int_equal(mnet_tcp_get(client, &slice, 1, 0), 1);
    assert_memory_equal(slice.data, "world", 5);
    mnet_tcp_release(client);
    assert_int_equal(mnet_tcp_get(client, &slice, 1, 0), 0);
    mnet_tcp_close(client);
    mnet_tcp_unlisten(listener);
}

static uint64_t frames_sent(struct outside *o, int i)
{
    return mnet_sim_counts(o->hosts[i], MNET_SIM_SENDING).sent;
}

/* Data queued by a call outside of tasks is sent within the call: a foreign loop need not poll once
 * more for it. */
static void outside_calls_transmit_at_once(void **state)
{
    struct outside *o = *state;
    struct mnet_listener *listener;
    struct mnet_flow *client, *server;
    struct mnet_udp *udp;
    struct mnet_endpoint remote = {WORLD_SERVER, 80};
    pass(o, 5 * MNET_SECOND); /* the address has been announced */
    uint64_t before = frames_sent(o, 1);
    mnet_tcp_listen(o->stacks[0], 80, NULL, &listener);
    mnet_tcp_connect_begin(o->stacks[1], remote, NULL, &client);
    assert_int_equal(frames_sent(o, 1), before + 1); /* an ARP request */
    pass(o, 10 * MNET_MILLISECOND);
    assert_int_equal(mnet_tcp_accept(listener, &server, 0), 0);
    before = frames_sent(o, 1);
    assert_int_equal(mnet_tcp_write(client, "x", 1, NULL, 0), 0);
    assert_int_equal(frames_sent(o, 1), before + 1);
    assert_int_equal(mnet_udp_open(o->stacks[1], NULL, &udp), 0);
    assert_int_equal(mnet_udp_send(udp, &remote, "x", 1, 0), 0);
    assert_int_equal(frames_sent(o, 1), before + 2);
    mnet_tcp_abort(client);
    assert_int_equal(frames_sent(o, 1), before + 3);
    mnet_udp_close(udp);
    mnet_tcp_close(server);
    mnet_tcp_unlisten(listener);
}

/* A stack with nothing to do has no deadline. One with something to do tells the time. */
static void outside_deadline_says_when_to_poll(void **state)
{
    struct outside *o = *state;
    struct mnet_flow *client;
    pass(o, 5 * MNET_SECOND); /* the address has been announced */
    assert_int_equal(mnet_stack_deadline(o->stacks[1]), MNET_NEVER);
    assert_int_equal(mnet_stack_fd(o->stacks[1]), -1);
    assert_int_equal(mnet_stack_mtu(o->stacks[1]), 1500);
    assert_int_equal(mnet_stack_now(o->stacks[1]), mnet_sim_now(o->sim));
    assert_int_equal(
        mnet_tcp_connect_begin(o->stacks[1], (struct mnet_endpoint){mnet_ipv4(10, 0, 0, 99), 80}, NULL, &client), 0);
    poll_all(o);
    uint64_t deadline = mnet_stack_deadline(o->stacks[1]);
    assert_in_range(deadline, mnet_sim_now(o->sim), mnet_sim_now(o->sim) + 2 * MNET_SECOND);
    pass(o, 4 * MNET_SECOND);
    assert_int_equal(mnet_tcp_established(client, 0), MNET_E_UNREACHABLE);
    mnet_tcp_close(client);
}

static bool no_entropy(void *context, void *buffer, size_t len)
{
    (void)context;
    memset(buffer, 0, len);
    return false;
}

/* Each field that can be wrong, alone. */
static void open_wrong_configurations_are_refused(void **state)
{
    struct outside *o = *state;
    struct mnet_stack *stack;
    struct mnet_config good = outside_config(o, 1), bad;
    mnet_stack_down(o->stacks[1]);
    o->stacks[1] = NULL;
    good.device = mnet_sim_device(o->hosts[1]);
#define REFUSED(...) \
    do { \
        bad = good; \
        bad.__VA_ARGS__; \
        stack = (struct mnet_stack *)o; \
        assert_int_equal(mnet_stack_open(&bad, &stack), MNET_E_INVALID); \
        assert_null(stack); \
    } while (0)
    struct mnet_device small = *good.device, hollow = *good.device;
    small.mtu = 575; /* RFC 791: every host must accept 576 */
    hollow.ops = NULL;
    REFUSED(device = NULL);
    REFUSED(device = &small);
    REFUSED(device = &hollow);
    REFUSED(platform.now = NULL);
    REFUSED(platform.entropy = NULL);
    REFUSED(memory = NULL);
    REFUSED(memory_size = MNET_MEMORY_MINIMUM - 1);
    REFUSED(ip.ipv4.length = 0);
    REFUSED(ip.ipv4.length = 33);
    REFUSED(ip.ipv4.address = MNET_ADDRESS_ANY);
    REFUSED(ip.ipv4.address = mnet_ipv4(224, 0, 0, 1));
    REFUSED(ip.ipv4.address = mnet_ipv4(127, 0, 0, 1));
    REFUSED(ip.ipv4.address = mnet_ipv4(240, 0, 0, 1));
    REFUSED(ip.ipv4.address = mnet_ipv4(10, 0, 0, 0));
    REFUSED(ip.ipv4.address = mnet_ipv4(10, 0, 0, 255));
    REFUSED(ip.ipv4_gateway = mnet_ipv4(10, 0, 1, 1));
    REFUSED(ip.ipv4_gateway = mnet_ipv4(10, 0, 0, 2));
    REFUSED(ip.route_count = MNET_ROUTES_MAX + 1);
    REFUSED(tcp.send_buffer = 1);
    REFUSED(tcp.receive_buffer = 1);
    REFUSED(tcp.congestion = (enum mnet_congestion)99);
    REFUSED(tcp.ecn = (enum mnet_ecn)99);
    REFUSED(tcp.receive_buffer = UINT32_MAX);
    REFUSED(tcp.connections_max = UINT32_MAX);
    REFUSED(udp.endpoints_max = 1u << 20);
    good.ip.route_count = 1;
    REFUSED(ip.routes[0] = (struct mnet_route){{mnet_ipv4(10, 1, 0, 0), 33}, mnet_ipv4(10, 0, 0, 1)});
    REFUSED(ip.routes[0] = (struct mnet_route){{mnet_ipv4(10, 1, 0, 0), 16}, mnet_ipv4(10, 2, 0, 1)});
    good.ip.route_count = 0;
    assert_int_equal(mnet_stack_open(NULL, &stack), MNET_E_INVALID);
    assert_int_equal(mnet_stack_open(&good, NULL), MNET_E_INVALID);
    bad = good;
    bad.platform.entropy = no_entropy;
    assert_int_equal(mnet_stack_open(&bad, &stack), MNET_E_NO_ENTROPY);
    assert_null(stack);
    assert_int_equal(mnet_stack_open(&good, &o->stacks[1]), 0);
}

/* The smallest memory is enough for a conversation. */
static void open_smallest_memory_works(void **state)
{
    struct outside *o = *state;
    struct mnet_listener *listener;
    struct mnet_flow *client;
    for (int i = 0; i < 2; i++) {
        mnet_stack_down(o->stacks[i]);
        struct mnet_config config = outside_config(o, i);
        config.memory_size = MNET_MEMORY_MINIMUM;
        assert_int_equal(mnet_stack_open(&config, &o->stacks[i]), 0);
    }
    assert_int_equal(mnet_tcp_listen(o->stacks[0], 80, NULL, &listener), 0);
    assert_int_equal(mnet_tcp_connect_begin(o->stacks[1], (struct mnet_endpoint){WORLD_SERVER, 80}, NULL, &client), 0);
    pass(o, 10 * MNET_MILLISECOND);
    assert_int_equal(mnet_tcp_established(client, 0), 0);
    static char data[65536];
    struct mnet_flow *server;
    size_t received = 0;
    assert_int_equal(mnet_tcp_accept(listener, &server, 0), 0);
    for (int i = 0; i < 2000 && received < 1000000; i++) {
        mnet_tcp_write(client, data, sizeof data, NULL, 0);
        pass(o, MNET_MILLISECOND);
        ptrdiff_t got = mnet_tcp_read(server, data, sizeof data, 0);
        received += got > 0 ? (size_t)got : 0;
    }
    assert_true(received >= 1000000);
    mnet_tcp_abort(client);
    mnet_tcp_abort(server);
    mnet_tcp_unlisten(listener);
}

int main(void)
{
#define OUTSIDE(name) cmocka_unit_test_setup_teardown(name, open_outside, close_outside)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(down_wakes_everybody_and_tells_the_peer),
        cmocka_unit_test(down_gives_the_device_back),
        cmocka_unit_test(up_invalid_arguments_have_no_effect),
        cmocka_unit_test(up_with_probe_waits_for_the_address),
        cmocka_unit_test(log_lines_name_both_ends),
        OUTSIDE(outside_every_call_works_with_deadline_0),
        OUTSIDE(outside_calls_transmit_at_once),
        OUTSIDE(outside_deadline_says_when_to_poll),
        OUTSIDE(open_wrong_configurations_are_refused),
        OUTSIDE(open_smallest_memory_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
