/* A whole stack under attack: a server with little memory, an honest client that sends as much as
 * the link carries, other clients that connect and leave, and a host that sends frames made by
 * hand. During the attack the client keeps at least half of its goodput, new clients are served,
 * the bytes charged are the bytes pinned, and between polls the reserve is free. Afterwards all
 * memory is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mnet/mnet.h>
#include <mnet/sim.h>

#include "base/checksum.h"
#include "base/memory.h"
#include "stack/stack.h"
#include "support/echo.h"
#include "tcp/check.h"
#include "wire/bytes.h"

#define PORT 80
#define ECHO 7
#define FIRST_UDP 2000
#define ENDPOINTS 40
#define BEGIN (5 * MNET_SECOND) /* the client has its full rate by then */
#define SECONDS 2               /* of the attack */
#define END (BEGIN + SECONDS * MNET_SECOND)
#define SERVER 0x0a000001u

struct stack_attack {
    const char *memory;                           /* the server's option */
    unsigned idle;                                /* connections that do nothing */
    size_t (*frame)(unsigned count, uint8_t *to); /* makes the next frame; NULL: no attack */
    unsigned a_millisecond;
};

struct stack_siege {
    const struct stack_attack *attack;
    struct mnet_sim_host *evil;
    struct mnet_stack *server, *client;
    struct mnet_udp *endpoints[ENDPOINTS]; /* of the server; nobody reads them until the end */
    uint64_t received, received_before, received_during;
    unsigned served, accepted;
    size_t used_before, used_after, peak;
    bool broken_in, over;
};

/* ---- The server ---- */

static int drink(void *argument)
{
    struct mnet_flow *flow = argument;
    static uint8_t bytes[65536];
    while (mnet_tcp_read(flow, bytes, sizeof bytes, MNET_NEVER) > 0)
        continue;
    mnet_tcp_close(flow);
    return 0;
}

static struct stack_siege *counted; /* by the reader of the honest client's data */

static int drink_and_count(void *argument)
{
    struct mnet_flow *flow = argument;
    static uint8_t bytes[65536];
    ptrdiff_t n;
    while ((n = mnet_tcp_read(flow, bytes, sizeof bytes, MNET_NEVER)) > 0)
        counted->received += (uint64_t)n;
    mnet_tcp_close(flow);
    return 0;
}

static int accept_echoes(void *argument)
{
    struct mnet_listener *listener = argument;
    struct mnet_flow *flow;
    int error;
    while ((error = mnet_tcp_accept(listener, &flow, MNET_NEVER)) == 0)
        if (mnet_spawn(NULL, echo, flow) < 0)
            mnet_tcp_abort(flow);
    return 0;
}

static int open_endpoints(struct stack_siege *s)
{
    for (unsigned i = 0; i < ENDPOINTS; i++) {
        struct mnet_udp_options options = {.local.port = (uint16_t)(FIRST_UDP + i)};
        int error = mnet_udp_open(s->server, &options, &s->endpoints[i]);
        if (error < 0)
            return error;
    }
    return 0;
}

static int serve(struct mnet_env *env, void *argument)
{
    struct stack_siege *s = argument;
    struct mnet_config config = {.tcp.connections_max = 1000};
    struct mnet_listener *bulk, *echoes;
    struct mnet_flow *flow;
    int error = mnet_stack_up(env, &config, &s->server);
    if (error == 0)
        error = open_endpoints(s);
    if (error == 0)
        error = mnet_tcp_listen(s->server, PORT, NULL, &bulk);
    if (error == 0)
        error = mnet_tcp_listen(s->server, ECHO, NULL, &echoes);
    if (error == 0)
        error = mnet_spawn(NULL, accept_echoes, echoes);
    while (error == 0 && (error = mnet_tcp_accept(bulk, &flow, MNET_NEVER)) == 0) {
        bool idle = s->accepted++ < s->attack->idle;
        if (mnet_spawn(NULL, idle ? drink : drink_and_count, flow) < 0)
            mnet_tcp_abort(flow);
    }
    return 0;
}

/* ---- The clients ---- */

static int come_and_go(void *argument)
{
    struct stack_siege *s = argument;
    while (!s->over && !mnet_cancelled()) {
        struct mnet_flow *flow;
        char answer[4];
        uint64_t deadline = mnet_now() + 10 * MNET_SECOND;
        if (mnet_tcp_connect(s->client, mnet_ipv4(10, 0, 0, 1), ECHO, &flow, deadline) < 0)
            continue;
        if (mnet_tcp_write(flow, "ping", 4, NULL, deadline) == 0 &&
            mnet_tcp_read_exactly(flow, answer, 4, NULL, deadline) == 0)
            s->served++;
        mnet_tcp_close(flow);
        mnet_sleep(mnet_now() + 50 * MNET_MILLISECOND);
    }
    return 0;
}

static int stay_idle(struct stack_siege *s, struct mnet_flow **flows)
{
    for (unsigned i = 0; i < s->attack->idle; i++) {
        int error = mnet_tcp_connect(s->client, mnet_ipv4(10, 0, 0, 1), PORT, &flows[i], MNET_NEVER);
        if (error < 0)
            return error;
    }
    return 0;
}

static int send_all(struct stack_siege *s, uint64_t until)
{
    static const uint8_t bytes[65536];
    struct mnet_flow *flow;
    int error = mnet_tcp_connect(s->client, mnet_ipv4(10, 0, 0, 1), PORT, &flow, MNET_NEVER);
    if (error < 0)
        return error;
    while (error == 0)
        error = mnet_tcp_write(flow, bytes, sizeof bytes, NULL, until);
    mnet_tcp_abort(flow);
    return error == MNET_E_DEADLINE ? 0 : error;
}

static int call(struct mnet_env *env, void *argument)
{
    struct stack_siege *s = argument;
    static struct mnet_flow *idle[200];
    struct mnet_task *newcomers;
    int error = mnet_stack_up(env, NULL, &s->client);
    if (error == 0)
        error = mnet_sleep(mnet_now() + MNET_SECOND);
    s->used_before = mnet_stack_memory_used(s->server);
    if (error == 0)
        error = stay_idle(s, idle);
    if (error == 0)
        error = mnet_spawn(&newcomers, come_and_go, s);
    if (error == 0)
        error = send_all(s, END + MNET_SECOND / 2);
    s->over = true;
    if (error == 0)
        error = mnet_join(newcomers, NULL, MNET_NEVER);
    for (unsigned i = 0; i < s->attack->idle; i++)
        mnet_tcp_abort(idle[i]);
    return error;
}

/* ---- The attacker, and the observer ---- */

static bool is_sound(struct mnet_stack *stack)
{
    mn_tcp_check(stack->tcp);
    return !mn_memory_is_scarce(stack->memory);
}

static int strike(struct mnet_env *env, void *argument)
{
    struct stack_siege *s = argument;
    static uint8_t frame[MNET_FRAME_MAX];
    unsigned count = 0;
    (void)env;
    int error = mnet_sleep(BEGIN);
    s->received_before = s->received;
    while (error == 0 && mnet_now() < END) {
        for (unsigned i = 0; s->attack->frame != NULL && i < s->attack->a_millisecond; i++)
            mnet_sim_send(s->evil, frame, s->attack->frame(count++, frame));
        s->broken_in = s->broken_in || !is_sound(s->server);
        error = mnet_sleep(mnet_now() + MNET_MILLISECOND);
    }
    s->received_during = s->received - s->received_before;
    return error;
}

/* Lets all timers run out, and reads everything that is left. */
static int rest(struct mnet_env *env, void *argument)
{
    struct stack_siege *s = argument;
    uint8_t bytes[2048];
    (void)env;
    int error = mnet_sleep(mnet_now() + 600 * MNET_SECOND);
    for (unsigned i = 0; i < ENDPOINTS; i++)
        while (mnet_udp_receive(s->endpoints[i], bytes, sizeof bytes, NULL, 0) >= 0)
            continue;
    s->peak = mnet_memory_peak(s->server->memory);
    s->used_after = mnet_stack_memory_used(s->server);
    return error;
}

/* ---- Frames ---- */

static size_t put_ip(uint8_t *frame, uint32_t source, uint8_t protocol, uint16_t identification, uint16_t fragment,
                     size_t len)
{
    static const uint8_t ethernet[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 3, 8, 0};
    uint8_t *ip = frame + 14;
    memcpy(frame, ethernet, 14);
    memset(ip, 0, 20);
    ip[0] = 0x45;
    mn_store_u16(ip + 2, (uint16_t)(20 + len));
    mn_store_u16(ip + 4, identification);
    mn_store_u16(ip + 6, fragment);
    ip[8] = 64;
    ip[9] = protocol;
    mn_store_u32(ip + 12, source);
    mn_store_u32(ip + 16, SERVER);
    uint16_t checksum = mn_checksum(mn_sum(0, ip, 20));
    memcpy(ip + 10, &checksum, 2);
    return 34 + len;
}

static void put_checksum(uint8_t *frame, uint8_t protocol, size_t len, size_t at)
{
    uint8_t *ip = frame + 14, *text = ip + 20;
    uint64_t sum = mn_sum_add(mn_sum(0, text, len), mn_sum_u16((uint16_t)len));
    sum = mn_sum_add(mn_sum_add(sum, mn_sum(0, ip + 12, 8)), mn_sum_u16(protocol));
    uint16_t checksum = mn_checksum(sum);
    memcpy(text + at, &checksum, 2);
}

static uint32_t far_away(unsigned count)
{
    return 0x0b000000u + (count * 2654435761u >> 8);
}

/* SYNs from everywhere, whose handshakes do not go on. */
static size_t syn(unsigned count, uint8_t *frame)
{
    uint8_t *tcp = frame + 34;
    memset(tcp, 0, 24);
    mn_store_u16(tcp, (uint16_t)(1024 + count % 60000));
    mn_store_u16(tcp + 2, count % 2 == 0 ? PORT : ECHO);
    mn_store_u32(tcp + 4, count);
    tcp[12] = 6 << 4;
    tcp[13] = 2;
    mn_store_u16(tcp + 14, 65535);
    tcp[20] = 2;
    tcp[21] = 4;
    mn_store_u16(tcp + 22, 1460);
    size_t len = put_ip(frame, far_away(count), 6, 0, 0x4000, 24);
    put_checksum(frame, 6, 24, 16);
    return len;
}

/* Two of the many fragments of a datagram. The others never arrive. */
static size_t fragment(unsigned count, uint8_t *frame)
{
    memset(frame + 34, (int)count, 1480);
    return put_ip(frame, far_away(count / 2), 17, (uint16_t)(count / 2), (uint16_t)(0x2000 | (1 + count % 2 * 4000)),
                  1480);
}

/* Pieces of eight octets. */
static size_t small_fragment(unsigned count, uint8_t *frame)
{
    memset(frame + 34, (int)count, 8);
    return put_ip(frame, far_away(count / 16), 17, (uint16_t)(count / 16), (uint16_t)(0x2000 | (1 + count % 16 * 2)),
                  8);
}

static size_t echo_request(uint32_t source, uint8_t *frame, size_t len)
{
    memset(frame + 34, 0, len);
    frame[34] = 8;
    uint16_t checksum = mn_checksum(mn_sum(0, frame + 34, len));
    memcpy(frame + 36, &checksum, 2);
    return put_ip(frame, source, 1, 0, 0, len);
}

/* Requests make the stack look for absent neighbours, and packets for them wait. */
static size_t request_of_nobody(unsigned count, uint8_t *frame)
{
    return echo_request(SERVER + 10 + count % 60000, frame, 1480);
}

static size_t small_request_of_nobody(unsigned count, uint8_t *frame)
{
    return echo_request(SERVER + 10 + count % 60000, frame, 8);
}

/* SYNs from absent neighbours. */
static size_t syn_of_nobody(unsigned count, uint8_t *frame)
{
    size_t len = syn(count, frame);
    put_ip(frame, SERVER + 10 + count % 60000, 6, 0, 0x4000, 24);
    mn_store_u16(frame + 34 + 16, 0);
    put_checksum(frame, 6, 24, 16);
    return len;
}

static size_t datagram_of(unsigned count, uint8_t *frame, size_t len)
{
    uint8_t *udp = frame + 34;
    memset(udp, 0, 8 + len);
    mn_store_u16(udp, 999);
    mn_store_u16(udp + 2, (uint16_t)(FIRST_UDP + count % ENDPOINTS));
    mn_store_u16(udp + 4, (uint16_t)(8 + len));
    return put_ip(frame, far_away(count), 17, 0, 0, 8 + len);
}

static size_t small_datagram(unsigned count, uint8_t *frame)
{
    return datagram_of(count, frame, 1);
}

static size_t large_datagram(unsigned count, uint8_t *frame)
{
    return datagram_of(count, frame, 1400);
}

/* All kinds of frames. */
static size_t everything(unsigned count, uint8_t *frame)
{
    static size_t (*const all[])(unsigned, uint8_t *) = {
        syn,           fragment,       small_fragment, request_of_nobody, small_request_of_nobody,
        syn_of_nobody, small_datagram, large_datagram,
    };
    return all[count % MN_COUNT_OF(all)](count / MN_COUNT_OF(all), frame);
}

/* ---- The siege ---- */

static struct mnet_sim_host *add_host(struct mnet_sim *sim, const char *name, const char *arguments)
{
    struct mnet_sim_host *host = mnet_sim_host(sim, name, &(struct mnet_sim_host_options){.arguments = arguments});
    assert_non_null(host);
    return host;
}

static void run(struct stack_siege *s, const struct stack_attack *attack)
{
    char arguments[128];
    *s = (struct stack_siege){.attack = attack};
    counted = s;
    snprintf(arguments, sizeof arguments, "--ipv4=10.0.0.1/16 --ipv4-gateway=10.0.0.2 --memory=%s", attack->memory);
    struct mnet_sim *sim = mnet_sim_create(1);
    struct mnet_sim_segment *segment = mnet_sim_segment(sim);
    struct mnet_sim_host *server = add_host(sim, "server", arguments);
    struct mnet_sim_host *client = add_host(sim, "client", "--ipv4=10.0.0.2/16");
    s->evil = add_host(sim, "evil", NULL);
    mnet_sim_attach(segment, server);
    mnet_sim_attach(segment, client);
    mnet_sim_attach(segment, s->evil);
    struct mnet_sim_path there = {.bandwidth_bps = 100000000, .delay_ns = 5 * MNET_MILLISECOND};
    struct mnet_sim_path back = {.delay_ns = 5 * MNET_MILLISECOND};
    mnet_sim_shape(client, MNET_SIM_SENDING, &there);
    mnet_sim_shape(client, MNET_SIM_RECEIVING, &back);
    mnet_sim_serve(server, serve, s);
    mnet_sim_spawn(client, call, s);
    mnet_sim_spawn(s->evil, strike, s);
    assert_int_equal(mnet_sim_run(sim, 60 * MNET_SECOND), 0);
    mnet_sim_spawn(server, rest, s);
    assert_int_equal(mnet_sim_run(sim, MNET_NEVER), 0);
    mnet_sim_destroy(sim);
}

static void besiege(const char *name, size_t (*frame)(unsigned, uint8_t *))
{
    static struct stack_siege without;
    struct stack_siege with;
    struct stack_attack attack = {.memory = "4M"};
    if (without.received == 0)
        run(&without, &attack);
    attack.frame = frame;
    attack.a_millisecond = 20;
    run(&with, &attack);
    print_message("# %s: %.1f of %.1f Mbit/s, %u of %u served, at most %zu KiB, %zu KiB at last\n", name,
                  (double)with.received_during * 8 / SECONDS / 1e6, (double)without.received_during * 8 / SECONDS / 1e6,
                  with.served, without.served, with.peak / 1024, with.used_after / 1024);
    assert_true(2 * with.received_during >= without.received_during);
    assert_true(2 * with.served >= without.served);
    assert_false(with.broken_in);
    assert_in_range(with.used_after, 0, with.used_before + MN_SLAB_BYTES);
}

/* Half-open connections. */
static void siege_by_half_open_connections(void **state)
{
    (void)state;
    besiege("SYNs", syn);
    besiege("SYNs of nobody", syn_of_nobody);
}

static void siege_by_fragments(void **state)
{
    (void)state;
    besiege("fragments", fragment);
    besiege("small fragments", small_fragment);
}

static void siege_by_neighbours_that_are_not_there(void **state)
{
    (void)state;
    besiege("requests of nobody", request_of_nobody);
    besiege("small requests of nobody", small_request_of_nobody);
}

static void siege_by_datagrams_that_nobody_reads(void **state)
{
    (void)state;
    besiege("small datagrams", small_datagram);
    besiege("datagrams", large_datagram);
}

static void siege_by_everything_at_once(void **state)
{
    (void)state;
    besiege("everything", everything);
}

/* An idle connection holds nothing: an active connection has as much as it would have alone. */
static void idle_connections_cost_an_active_one_nothing(void **state)
{
    (void)state;
    struct stack_siege without, with;
    struct stack_attack attack = {.memory = "24M"};
    run(&without, &attack);
    attack.idle = 130;
    run(&with, &attack);
    print_message("# beside 130 idle connections %.2f Mbit/s, alone %.2f\n",
                  (double)with.received_during * 8 / SECONDS / 1e6,
                  (double)without.received_during * 8 / SECONDS / 1e6);
    assert_true(20 * with.received_during >= 19 * without.received_during);
    assert_true(without.received_during * 8 >= UINT64_C(75000000) * SECONDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_connections_cost_an_active_one_nothing),
        cmocka_unit_test(siege_by_half_open_connections),
        cmocka_unit_test(siege_by_fragments),
        cmocka_unit_test(siege_by_neighbours_that_are_not_there),
        cmocka_unit_test(siege_by_datagrams_that_nobody_reads),
        cmocka_unit_test(siege_by_everything_at_once),
    };
    return cmocka_run_group_tests_name("stack_siege", tests, NULL, NULL);
}
