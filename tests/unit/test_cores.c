/* A simulated host with several cores: stacks with the same addresses, each with a queue of the
 * same NIC. To its peer they are one host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/echo.h"
#include "support/world.h"
#include "wire/ethernet.h"
#include "wire/spread.h"

#define CORES 3
#define PORT 80
#define DATAGRAM_PORT 5000
#define CONNECTIONS 60u
#define SERVER6 ((struct mnet_address){.bytes = {0xfd, [15] = 1}})

/* Kinds of frames that the host sends. */
struct sent_frames {
    unsigned arp_replies, advertisements, unreachable, resets;
};

/* The host is the server of the world, its first core. */
struct cores {
    struct world w;
    struct mnet_sim_host *hosts[CORES];
    struct mnet_stack *stacks[CORES];
    int (*body)(struct cores *cores);
    unsigned accepted[CORES], datagrams[CORES];
    struct sent_frames sent;
};

/* ---- The host ---- */

static void count_frame(void *context, uint64_t now, struct mnet_sim_host *host, enum mnet_sim_direction direction,
                        const void *frame, size_t len)
{
    struct cores *cores = context;
    const uint8_t *bytes = frame;
    (void)now;
    if (direction != MNET_SIM_SENDING || host != cores->w.server_host || len < 42)
        return;
    uint16_t type = (uint16_t)(bytes[12] << 8 | bytes[13]);
    if (type == MN_ETHERTYPE_ARP)
        cores->sent.arp_replies += bytes[21] == 2;
    if (type == MN_ETHERTYPE_IPV4 && bytes[23] == MN_PROTOCOL_ICMP)
        cores->sent.unreachable += bytes[34] == 3;
    if (type == MN_ETHERTYPE_IPV4 && bytes[23] == MN_PROTOCOL_TCP)
        cores->sent.resets += (bytes[47] & 4) != 0;
    if (type != MN_ETHERTYPE_IPV6 || bytes[20] != MN_PROTOCOL_ICMPV6 || len < 62)
        return;
    cores->sent.unreachable += bytes[54] == 1;
    cores->sent.advertisements += bytes[54] == 136 && (bytes[58] & 0x40) != 0; /* solicited */
}

static unsigned core_of(const struct cores *cores, const struct mnet_stack *stack)
{
    unsigned core = 0;
    while (cores->stacks[core] != stack)
        core++;
    return core;
}

static struct cores *cores_of_task; /* there is one at a time */

static int accept_all(struct mnet_env *env, void *argument)
{
    struct mnet_stack *stack = argument;
    struct mnet_listener *listener;
    struct mnet_flow *flow;
    (void)env;
    if (mnet_tcp_listen(stack, PORT, NULL, &listener) < 0)
        return 1;
    while (mnet_tcp_accept(listener, &flow, MNET_NEVER) == 0) {
        cores_of_task->accepted[core_of(cores_of_task, stack)]++;
        mnet_spawn(NULL, echo, flow);
    }
    mnet_tcp_unlisten(listener);
    return 0;
}

static int take_datagrams(struct mnet_env *env, void *argument)
{
    static uint8_t bytes[5000];
    struct mnet_stack *stack = argument;
    struct mnet_udp *udp;
    (void)env;
    if (mnet_udp_open(stack, &(struct mnet_udp_options){.local.port = DATAGRAM_PORT}, &udp) < 0)
        return 1;
    while (mnet_udp_receive(udp, bytes, sizeof bytes, NULL, MNET_NEVER) >= 0)
        cores_of_task->datagrams[core_of(cores_of_task, stack)]++;
    mnet_udp_close(udp);
    return 0;
}

static int begin(struct mnet_env *env, void *argument)
{
    struct cores *cores = argument;
    struct world *w = &cores->w;
    CHECK_EQUAL(mnet_stack_up(env, NULL, &w->client), 0);
    for (unsigned i = 0; i < CORES; i++) {
        CHECK_EQUAL(mnet_env_core(mnet_sim_env(cores->hosts[i])), i);
        CHECK_EQUAL(mnet_stack_up(mnet_sim_env(cores->hosts[i]), NULL, &cores->stacks[i]), 0);
        mnet_sim_serve(cores->hosts[i], accept_all, cores->stacks[i]);
        mnet_sim_serve(cores->hosts[i], take_datagrams, cores->stacks[i]);
    }
    CHECK_EQUAL(sleep_ms(10000), 0); /* nothing of the start is counted */
    cores->sent = (struct sent_frames){0};
    return cores->body(cores);
}

static void run_one(int (*body)(struct cores *cores), bool spreads_nothing)
{
    struct cores cores = {.body = body};
    struct mnet_sim_host_options host = {.arguments = "--ipv4=10.0.0.1/24 --ipv6=fd00::1/64",
                                         .spreads_nothing = spreads_nothing};
    cores_of_task = &cores;
    cores.w.sim = mnet_sim_create(7);
    for (unsigned i = 0; i < CORES; i++) {
        cores.hosts[i] = mnet_sim_host(cores.w.sim, "server", &host);
        assert_non_null(cores.hosts[i]);
        host.core_of = cores.hosts[0];
    }
    cores.w.server_host = cores.hosts[0];
    cores.w.client_host = mnet_sim_host(
        cores.w.sim, "client", &(struct mnet_sim_host_options){.arguments = "--ipv4=10.0.0.2/24 --ipv6=fd00::2/64"});
    mnet_sim_link(cores.w.sim, cores.w.server_host, cores.w.client_host,
                  &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    mnet_sim_watch(cores.w.sim, count_frame, &cores);
    mnet_sim_spawn(cores.w.client_host, begin, &cores);
    int result = mnet_sim_run(cores.w.sim, 1000 * MNET_SECOND);
    mnet_sim_watch(cores.w.sim, NULL, NULL);
    mnet_sim_destroy(cores.w.sim);
    if (cores.w.failure[0] != '\0')
        fail_msg("%s (spreads_nothing: %d)", cores.w.failure, spreads_nothing);
    assert_int_equal(result, 0);
}

/* A NIC that hands up too much must make no difference. */
static void run(int (*body)(struct cores *cores))
{
    run_one(body, false);
    run_one(body, true);
}

/* ---- Connections ---- */

static int connect_and_idle(struct cores *cores)
{
    struct world *w = &cores->w;
    static struct mnet_flow *flows[CONNECTIONS];
    uint8_t byte = 1;
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        struct mnet_address to = i % 2 == 0 ? WORLD_SERVER : SERVER6;
        CHECK_EQUAL(mnet_tcp_connect(w->client, to, PORT, &flows[i], in_ms(1000)), 0);
    }
    for (unsigned pass = 0; pass < 3; pass++) {
        for (unsigned i = 0; i < CONNECTIONS; i++) {
            CHECK_EQUAL(mnet_tcp_write(flows[i], &byte, 1, NULL, in_ms(1000)), 0);
            CHECK_EQUAL(mnet_tcp_read_exactly(flows[i], &byte, 1, NULL, in_ms(1000)), 0);
        }
        CHECK_EQUAL(sleep_ms(60000), 0);
    }
    for (unsigned i = 0; i < CONNECTIONS; i++)
        mnet_tcp_close(flows[i]);
    for (unsigned i = 0; i < CORES; i++)
        CHECK(cores->accepted[i] > CONNECTIONS / CORES / 3);
    CHECK_EQUAL(cores->accepted[0] + cores->accepted[1] + cores->accepted[2], CONNECTIONS);
    CHECK_EQUAL(cores->sent.resets, 0);
    return 0;
}

static void connections_stay_at_their_cores(void **state)
{
    (void)state;
    run(connect_and_idle);
}

static int connect_out(struct cores *cores)
{
    struct world *w = &cores->w;
    struct mnet_listener *listener;
    CHECK_EQUAL(mnet_tcp_listen(w->client, PORT, NULL, &listener), 0);
    for (unsigned i = 0; i < 10 * CORES; i++) {
        struct mnet_flow *flow, *peer;
        uint8_t byte = (uint8_t)i;
        CHECK_EQUAL(mnet_tcp_connect(cores->stacks[i % CORES], WORLD_CLIENT, PORT, &flow, in_ms(1000)), 0);
        CHECK_EQUAL(mnet_tcp_accept(listener, &peer, in_ms(1000)), 0);
        CHECK_EQUAL(mnet_tcp_write(peer, &byte, 1, NULL, in_ms(1000)), 0);
        CHECK_EQUAL(mnet_tcp_read_exactly(flow, &byte, 1, NULL, in_ms(1000)), 0);
        mnet_tcp_close(flow);
        mnet_tcp_close(peer);
    }
    mnet_tcp_unlisten(listener);
    return 0;
}

static void cores_connect_to_others(void **state)
{
    (void)state;
    run(connect_out);
}

static int connect_from_given_ports(struct cores *cores)
{
    struct world *w = &cores->w;
    struct mnet_listener *listener;
    unsigned refused = 0;
    CHECK_EQUAL(mnet_tcp_listen(w->client, PORT, NULL, &listener), 0);
    for (uint16_t port = 1000; port < 1030; port++) {
        struct mnet_connect_options options = {.local.port = port};
        struct mnet_endpoint local = {WORLD_SERVER, port}, remote = {WORLD_CLIENT, PORT};
        struct mnet_flow *flow;
        bool ours = mn_spread_flow(&local, &remote, CORES) == 1;
        int error = mnet_tcp_connect_begin(cores->stacks[1], remote, &options, &flow);
        CHECK_EQUAL(error, ours ? MNET_OK : MNET_E_IN_USE);
        refused += error != 0;
        if (error == 0) {
            CHECK_EQUAL(mnet_tcp_established(flow, in_ms(1000)), 0);
            mnet_tcp_close(flow);
        }
    }
    CHECK(refused > 0 && refused < 30);
    mnet_tcp_unlisten(listener);
    return 0;
}

static void ports_of_other_cores_are_refused(void **state)
{
    (void)state;
    run_one(connect_from_given_ports, false);
}

/* ---- Datagrams ---- */

/* An endpoint without a remote end gets the answers of all. */
static int ask_by_udp(struct cores *cores)
{
    struct world *w = &cores->w;
    struct mnet_udp *peer;
    CHECK_EQUAL(mnet_udp_open(w->client, &(struct mnet_udp_options){.local.port = 53}, &peer), 0);
    for (unsigned i = 0; i < 10 * CORES; i++) {
        struct mnet_endpoint to = {WORLD_CLIENT, 53}, from;
        struct mnet_udp *udp;
        uint8_t byte = 0;
        CHECK_EQUAL(mnet_udp_open(cores->stacks[i % CORES], NULL, &udp), 0);
        CHECK_EQUAL(mnet_udp_send(udp, &to, &byte, 1, in_ms(1000)), 0);
        CHECK_EQUAL(mnet_udp_receive(peer, &byte, 1, &from, in_ms(1000)), 1);
        CHECK_EQUAL(mnet_udp_send(peer, &from, &byte, 1, in_ms(1000)), 0);
        CHECK_EQUAL(mnet_udp_receive(udp, &byte, 1, NULL, in_ms(1000)), 1);
        mnet_udp_close(udp);
    }
    mnet_udp_close(peer);
    return 0;
}

static void answers_come_back_to_their_core(void **state)
{
    (void)state;
    run(ask_by_udp);
}

/* Datagrams in one piece, and in three. */
static int send_to_all(struct cores *cores)
{
    static const uint8_t text[4000];
    static const size_t lens[] = {100, sizeof text};
    struct world *w = &cores->w;
    for (size_t i = 0; i < MN_COUNT_OF(lens); i++) {
        memset(cores->datagrams, 0, sizeof cores->datagrams);
        for (unsigned j = 0; j < 30; j++) {
            struct mnet_endpoint to = {j % 2 == 0 ? WORLD_SERVER : SERVER6, DATAGRAM_PORT};
            struct mnet_udp *udp;
            CHECK_EQUAL(mnet_udp_open(w->client, NULL, &udp), 0);
            CHECK_EQUAL(mnet_udp_send(udp, &to, text, lens[i], in_ms(1000)), 0);
            mnet_udp_close(udp);
            CHECK_EQUAL(sleep_ms(10), 0);
        }
        for (unsigned core = 0; core < CORES; core++)
            CHECK(cores->datagrams[core] > 2);
        CHECK_EQUAL(cores->datagrams[0] + cores->datagrams[1] + cores->datagrams[2], 30);
    }
    CHECK_EQUAL(cores->sent.unreachable, 0);
    return 0;
}

static void each_datagram_comes_to_one_core(void **state)
{
    (void)state;
    run(send_to_all);
}

/* ---- Answers ---- */

static int ask_in_all_ways(struct cores *cores)
{
    struct world *w = &cores->w;
    for (unsigned family = 0; family < 2; family++) {
        struct mnet_address to = family == 0 ? WORLD_SERVER : SERVER6;
        struct mnet_endpoint closed = {to, 9};
        struct mnet_udp *udp;
        uint8_t byte = 0;
        cores->sent = (struct sent_frames){0};
        CHECK_EQUAL(mnet_ping(w->client, to, 56, in_ms(1000), NULL), 0);
        CHECK_EQUAL(mnet_ping(w->client, to, 4000, in_ms(1000), NULL), 0);
        CHECK_EQUAL(family == 0 ? cores->sent.arp_replies : cores->sent.advertisements, 1);
        /* The large one is sent in three fragments, of which the first says what it is. */
        CHECK_EQUAL(mnet_stack_counters(cores->stacks[0])->value[MNET_COUNT_ICMP_ECHO], 2 * (family + 1));
        for (unsigned i = 0; i < 6; i++) {
            CHECK_EQUAL(mnet_udp_open(w->client, &(struct mnet_udp_options){.remote = closed}, &udp), 0);
            CHECK_EQUAL(mnet_udp_send(udp, NULL, &byte, 1, in_ms(1000)), 0);
            CHECK_EQUAL(mnet_udp_receive(udp, &byte, 1, NULL, in_ms(1000)), MNET_E_REFUSED);
            mnet_udp_close(udp);
            CHECK_EQUAL(sleep_ms(300), 0);
        }
        CHECK_EQUAL(cores->sent.unreachable, 6);
    }
    for (unsigned i = 1; i < CORES; i++)
        CHECK_EQUAL(mnet_stack_counters(cores->stacks[i])->value[MNET_COUNT_ICMP_ECHO], 0);
    return 0;
}

static void each_question_has_one_answer(void **state)
{
    (void)state;
    run(ask_in_all_ways);
}

/* Each core learns from answers to the others: control reaches all. */
static int ping_from_each(struct cores *cores)
{
    struct world *w = &cores->w;
    for (unsigned i = 0; i < CORES; i++) {
        CHECK_EQUAL(mnet_ping(cores->stacks[i], WORLD_CLIENT, 56, in_ms(1000), NULL), 0);
        CHECK_EQUAL(
            mnet_ping(cores->stacks[i], (struct mnet_address){.bytes = {0xfd, [15] = 2}}, 56, in_ms(1000), NULL), 0);
    }
    return 0;
}

static void every_core_can_ping(void **state)
{
    (void)state;
    run(ping_from_each);
}

/* ---- Addresses ---- */

static int addresses_of_all(struct cores *cores)
{
    struct world *w = &cores->w;
    struct mnet_stack_address first[8], other[8];
    struct mnet_config config = {.ip.ipv6_auto = true, .ip.no_dad = true};
    for (unsigned i = 0; i < CORES; i++)
        mnet_stack_down(cores->stacks[i]);
    for (unsigned i = 0; i < CORES; i++)
        CHECK_EQUAL(mnet_stack_up(mnet_sim_env(cores->hosts[i]), &config, &cores->stacks[i]), 0);
    unsigned count = mnet_stack_addresses(cores->stacks[0], first, 8);
    CHECK(count >= 2);
    for (unsigned i = 1; i < CORES; i++) {
        CHECK_EQUAL(mnet_stack_addresses(cores->stacks[i], other, 8), count);
        for (unsigned j = 0; j < count; j++)
            CHECK(memcmp(first[j].prefix.address.bytes, other[j].prefix.address.bytes, 16) == 0);
    }
    return 0;
}

static void all_cores_have_the_same_addresses(void **state)
{
    (void)state;
    run_one(addresses_of_all, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_stay_at_their_cores),
        cmocka_unit_test(cores_connect_to_others),
        cmocka_unit_test(ports_of_other_cores_are_refused),
        cmocka_unit_test(answers_come_back_to_their_core),
        cmocka_unit_test(each_datagram_comes_to_one_core),
        cmocka_unit_test(each_question_has_one_answer),
        cmocka_unit_test(every_core_can_ping),
        cmocka_unit_test(all_cores_have_the_same_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
