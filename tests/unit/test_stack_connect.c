/* Opening and accepting connections: each promise of mnet/tcp.h, between two simulated hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/frame.h"
#include "support/world.h"
#include "wire/tcp.h"

/* ---- connect ---- */

static int connect_and_describe(struct world *w)
{
    struct pair pair;
    struct mnet_endpoint local, remote;
    char text[MNET_TCP_TEXT], wanted[MNET_TCP_TEXT];
    CHECK_EQUAL(world_connect(w, &pair), 0);
    mnet_tcp_peers(pair.client, &local, &remote);
    CHECK(mnet_address_equal(local.address, WORLD_CLIENT));
    CHECK(local.port != 0);
    CHECK(mnet_address_equal(remote.address, WORLD_SERVER));
    CHECK_EQUAL(remote.port, 80);
    struct mnet_endpoint accepted_local, accepted_remote;
    mnet_tcp_peers(pair.server, &accepted_local, NULL);
    mnet_tcp_peers(pair.server, NULL, &accepted_remote);
    CHECK(mnet_endpoint_equal(accepted_local, remote));
    CHECK(mnet_endpoint_equal(accepted_remote, local));
    snprintf(wanted, sizeof wanted, "tcp 10.0.0.2:%u > 10.0.0.1:80", local.port);
    CHECK(strcmp(mnet_tcp_describe(pair.client, text, sizeof text), wanted) == 0);
    CHECK(strlen(mnet_tcp_describe(pair.client, text, 5)) == 4);
    CHECK_EQUAL(mnet_tcp_set_ttl(pair.client, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_set_ttl(pair.client, 1), 0);
    CHECK_EQUAL(mnet_tcp_set_dscp(pair.client, 64), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_set_dscp(pair.client, 63), 0);
    world_close(&pair);
    return 0;
}

/* MUST-44: IP chooses the local address. MUST-45: the address stays. */
static void connect_established_names_both_ends(void **state)
{
    (void)state;
    world_run(connect_and_describe, NULL);
}

static int no_route(struct world *w)
{
    struct mnet_flow *flow;
    uint64_t before = mnet_now();
    CHECK_EQUAL(mnet_tcp_connect(w->client, mnet_ipv4(192, 0, 2, 1), 80, &flow, MNET_NEVER), MNET_E_UNREACHABLE);
    CHECK(flow == NULL);
    CHECK_EQUAL(mnet_now(), before);
    return 0;
}

static void connect_without_route_is_unreachable_at_once(void **state)
{
    (void)state;
    world_run(no_route, NULL);
}

static int connect_to_nobody_twice(struct world *w)
{
    struct mnet_flow *flow;
    uint64_t begin = mnet_now();
    CHECK_EQUAL(mnet_tcp_connect(w->client, mnet_ipv4(10, 0, 0, 99), 80, &flow, MNET_NEVER), MNET_E_UNREACHABLE);
    CHECK(mnet_now() - begin > 2 * MNET_SECOND && mnet_now() - begin < 4 * MNET_SECOND);
    begin = mnet_now();
    CHECK_EQUAL(mnet_tcp_connect(w->client, mnet_ipv4(10, 0, 0, 99), 80, &flow, MNET_NEVER), MNET_E_UNREACHABLE);
    CHECK(mnet_now() - begin < MNET_MILLISECOND);
    return 0;
}

/* RFC 1122 2.3.2.1: for a second after a neighbour did not answer no request is sent. A call that
 * wants to reach it learns this at once, without another event of the stack. */
static void connect_to_a_neighbour_that_just_failed_fails_at_once(void **state)
{
    (void)state;
    world_run(connect_to_nobody_twice, NULL);
}

static int no_neighbour(struct world *w)
{
    struct mnet_flow *flow;
    uint64_t before = mnet_now();
    CHECK_EQUAL(mnet_tcp_connect(w->client, mnet_ipv4(10, 0, 0, 99), 80, &flow, MNET_NEVER), MNET_E_UNREACHABLE);
    uint64_t took = mnet_now() - before;
    CHECK(took > 2 * MNET_SECOND && took < 4 * MNET_SECOND);
    return 0;
}

/* Sends a SYN from an unused address: an answer to it looks for a neighbour in vain. */
static void spoof_syn(struct world *w, uint32_t source)
{
    struct test_tcp syn = {.source = source, .destination = 0x0a000001, .seq = source, .flags = MN_TCP_SYN};
    struct mnet_packet *frame = test_tcp_frame(w->client->memory, &syn, NULL, 0);
    memcpy(frame->data, mnet_sim_device(w->server_host)->mac, 6);
    mnet_sim_send(w->client_host, frame->data, frame->len);
    mnet_packet_free(frame);
}

/* Sends one message from the server to the client, which must receive it within the time. */
static int exchange(struct world *w, struct pair *pair, uint64_t at_most_ms)
{
    char byte = 0;
    CHECK_EQUAL(mnet_tcp_write(pair->server, "x", 1, NULL, in_ms(at_most_ms)), 0);
    CHECK_EQUAL(mnet_tcp_read(pair->client, &byte, 1, in_ms(at_most_ms)), 1);
    CHECK_EQUAL(byte, 'x');
    return 0;
}

static int dead_neighbours(struct world *w)
{
    struct pair pair;
    struct mnet_flow *dead[8];
    CHECK_EQUAL(world_connect(w, &pair), 0);
    mnet_tcp_set_no_delay(pair.server, true);
    for (unsigned i = 0; i < 8; i++) {
        struct mnet_endpoint nobody = {mnet_ipv4(10, 0, 0, (uint8_t)(100 + i)), 80};
        CHECK_EQUAL(mnet_tcp_connect_begin(w->server, nobody, NULL, &dead[i]), 0);
        spoof_syn(w, 0x0a0000c8 + i); /* 10.0.0.200 and following */
    }
    mnet_sim_shape(w->server_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.down = true});
    CHECK_EQUAL(mnet_tcp_write(pair.server, "x", 1, NULL, in_ms(1)), 0);
    sleep_ms(20);
    mnet_sim_shape(w->server_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    CHECK_EQUAL(mn_tcp_usage(w->server->tcp).half_open, 8);
    char byte;
    /* Within the retransmission timeout. */
    CHECK_EQUAL(mnet_tcp_read(pair.client, &byte, 1, in_ms(400)), 1);
    for (int i = 0; i < 60; i++) {
        int error = exchange(w, &pair, 5);
        if (error < 0)
            return error;
        sleep_ms(50);
    }
    for (unsigned i = 0; i < 8; i++) {
        CHECK_EQUAL(mnet_tcp_established(dead[i], in_ms(2000)), MNET_E_UNREACHABLE);
        mnet_tcp_close(dead[i]);
    }
    world_close(&pair);
    return 0;
}

/* Timers and packets of a connection never wait for neighbours that are absent, connected to or
 * spoofed. */
static void connect_to_the_dead_delays_nobody_else(void **state)
{
    (void)state;
    world_run(dead_neighbours, NULL);
}

static void connect_without_neighbour_is_unreachable_after_3_s(void **state)
{
    (void)state;
    world_run(no_neighbour, NULL);
}

static int refused(struct world *w)
{
    struct mnet_flow *flow;
    uint64_t before = mnet_now();
    CHECK_EQUAL(mnet_tcp_connect(w->client, WORLD_SERVER, 81, &flow, MNET_NEVER), MNET_E_REFUSED);
    CHECK(flow == NULL);
    CHECK_EQUAL(mnet_now() - before, 2 * MNET_MILLISECOND);
    return 0;
}

static void connect_reset_is_refused(void **state)
{
    (void)state;
    world_run(refused, NULL);
}

/* The times of the client's SYNs. */
struct syns {
    int count;
    uint64_t at[16];
    uint8_t frame[14 + 60 + 60];
    size_t len;
};

static void note_syn(void *context, uint64_t now, struct mnet_sim_host *host, enum mnet_sim_direction direction,
                     const void *frame, size_t len)
{
    struct syns *syns = context;
    const uint8_t *bytes = frame;
    bool syn = len >= 54 && bytes[12] == 8 && bytes[13] == 0 && bytes[23] == 6 && (bytes[47] & 0x12) == 0x02;
    if (!syn || direction != MNET_SIM_SENDING || strcmp(mnet_sim_host_name(host), "client") != 0)
        return;
    if (syns->count < 16)
        syns->at[syns->count++] = now;
    syns->len = len < sizeof syns->frame ? len : sizeof syns->frame;
    memcpy(syns->frame, frame, syns->len);
}

static int timed_out(struct world *w)
{
    static const unsigned seconds[] = {1, 3, 7, 15};
    struct syns syns = {0};
    struct mnet_flow *flow;
    uint64_t before = mnet_now();
    mnet_sim_shape(w->server_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.loss_ppm = 1000000});
    mnet_sim_watch(w->sim, note_syn, &syns);
    int error = mnet_tcp_connect(w->client, WORLD_SERVER, 80, &flow, MNET_NEVER);
    mnet_sim_watch(w->sim, NULL, NULL);
    mnet_sim_shape(w->server_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    /* The neighbour may be found absent first. */
    CHECK(error == MNET_E_TIMED_OUT || error == MNET_E_UNREACHABLE);
    CHECK(syns.count >= 2);
    for (int i = 1; i < syns.count && i <= 4; i++) {
        uint64_t after = syns.at[i] - syns.at[0];
        CHECK(after >= seconds[i - 1] * MNET_SECOND && after < (seconds[i - 1] + 1) * MNET_SECOND);
    }
    CHECK(mnet_now() - before < 200 * MNET_SECOND);
    return 0;
}

static void connect_unanswered_repeats_the_syn_and_gives_up(void **state)
{
    (void)state;
    world_run(timed_out, NULL);
}

/* After a connect that ended early, for any reason, a later SYN-ACK is answered with a reset, and
 * no half of a connection is left. */
static int nothing_left(struct world *w, struct mnet_listener *listener)
{
    CHECK_EQUAL(mn_tcp_usage(w->client->tcp).tcbs, 0);
    CHECK(w->client->flow_pool.in_use == 0);
    sleep_ms(200);
    CHECK_EQUAL(mn_tcp_usage(w->server->tcp).half_open, 0);
    CHECK_EQUAL(mn_tcp_usage(w->server->tcp).tcbs, 0);
    CHECK_EQUAL(mnet_tcp_listener_ready(listener), 0);
    CHECK(mnet_stack_counters(w->server)->value[MNET_COUNT_TCP_RST_RX] > 0);
    mnet_tcp_unlisten(listener);
    return 0;
}

static int connect_deadline(struct world *w)
{
    struct mnet_listener *listener;
    struct mnet_flow *flow;
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &listener), 0);
    uint64_t deadline = in_ms(30);
    CHECK_EQUAL(mnet_tcp_connect(w->client, WORLD_SERVER, 80, &flow, deadline), MNET_E_DEADLINE);
    CHECK(flow == NULL);
    CHECK_EQUAL(mnet_now(), deadline);
    return nothing_left(w, listener);
}

static int connect_cancel(struct world *w)
{
    struct mnet_listener *listener;
    struct call connect = {0};
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &listener), 0);
    CHECK_EQUAL(call_start(w, &connect, call_connect, NULL), 0);
    sleep_ms(30);
    mnet_cancel(connect.task);
    CHECK_EQUAL(call_join(&connect), 0);
    CHECK_EQUAL(connect.result, MNET_E_CANCELLED);
    CHECK(connect.flow == NULL);
    return nothing_left(w, listener);
}

static const struct world_options slow = {.path.delay_ns = 20 * MNET_MILLISECOND};

static void connect_deadline_leaves_nothing_behind(void **state)
{
    (void)state;
    world_run(connect_deadline, &slow);
}

static void connect_cancelled_leaves_nothing_behind(void **state)
{
    (void)state;
    world_run(connect_cancel, &slow);
}

static int connect_options(struct world *w)
{
    struct pair pair = {0};
    struct mnet_flow *second;
    struct mnet_endpoint local, remote = {WORLD_SERVER, 80};
    struct mnet_connect_options options = {.local = {WORLD_CLIENT, 4321}, .no_delay = true, .ttl = 9, .dscp = 1};
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &pair.listener), 0);
    CHECK_EQUAL(mnet_tcp_connect_begin(w->client, remote, &options, &pair.client), 0);
    CHECK_EQUAL(mnet_tcp_established(pair.client, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_tcp_connect_begin(w->client, remote, &options, &second), MNET_E_IN_USE);
    CHECK(second == NULL);
    CHECK_EQUAL(mnet_tcp_established(pair.client, MNET_NEVER), 0);
    mnet_tcp_peers(pair.client, &local, NULL);
    CHECK_EQUAL(local.port, 4321);
    CHECK_EQUAL(mnet_tcp_accept(pair.listener, &pair.server, MNET_NEVER), 0);
    world_close(&pair);
    return 0;
}

static void connect_with_options_uses_the_local_end(void **state)
{
    (void)state;
    world_run(connect_options, NULL);
}

static int random_ports(struct world *w)
{
    uint16_t last = 0;
    unsigned steps = 0;
    for (int i = 0; i < 50; i++) {
        struct mnet_flow *flow;
        struct mnet_endpoint local;
        CHECK_EQUAL(mnet_tcp_connect_begin(w->client, (struct mnet_endpoint){WORLD_SERVER, 80}, NULL, &flow), 0);
        mnet_tcp_peers(flow, &local, NULL);
        steps += local.port == last + 1;
        last = local.port;
        mnet_tcp_abort(flow);
    }
    CHECK(steps < 5);
    return 0;
}

static void connect_chosen_ports_are_random(void **state)
{
    (void)state;
    world_run(random_ports, NULL);
}

static int connect_self(struct world *w)
{
    struct pair pair = {0};
    char byte;
    CHECK_EQUAL(mnet_tcp_listen(w->client, 80, NULL, &pair.listener), 0);
    CHECK_EQUAL(mnet_tcp_connect(w->client, WORLD_CLIENT, 80, &pair.client, in_ms(100)), 0);
    CHECK_EQUAL(mnet_tcp_accept(pair.listener, &pair.server, in_ms(100)), 0);
    CHECK_EQUAL(mnet_tcp_write(pair.client, "x", 1, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_tcp_read(pair.server, &byte, 1, in_ms(100)), 1);
    CHECK_EQUAL(mnet_sim_counts(w->client_host, MNET_SIM_SENDING).too_big, 0);
    world_close(&pair);
    return 0;
}

static void connect_to_oneself_goes_round(void **state)
{
    (void)state;
    world_run(connect_self, NULL);
}

static int connect_limit(struct world *w)
{
    struct pair first = {0}, second = {0};
    struct mnet_flow *third;
    CHECK_EQUAL(world_connect(w, &first), 0);
    second.listener = first.listener;
    CHECK_EQUAL(world_connect_to(w, &second), 0);
    CHECK_EQUAL(mn_tcp_usage(w->client->tcp).established, 2);
    CHECK_EQUAL(mnet_tcp_connect(w->client, WORLD_SERVER, 80, &third, in_ms(1000)), MNET_E_LIMIT);
    CHECK(third == NULL);
    mnet_tcp_close(second.client);
    mnet_tcp_close(second.server);
    sleep_ms(100000); /* closed for good on both sides */
    CHECK_EQUAL(world_connect_to(w, &second), 0);
    second.listener = NULL;
    world_close(&second);
    world_close(&first);
    return 0;
}

static void connect_beyond_the_limit_is_refused_here(void **state)
{
    static const struct world_options two = {.client.tcp.connections_max = 2};
    (void)state;
    world_run(connect_limit, &two);
}

/* ---- listen and accept ---- */

static int listen_ports(struct world *w)
{
    struct mnet_listener *first, *second, *third;
    struct mnet_listen_options here = {.address = WORLD_SERVER}, there = {.address = WORLD_CLIENT};
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &first), 0);
    CHECK_EQUAL(mnet_tcp_listen_port(first), 80);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &second), MNET_E_IN_USE);
    CHECK(second == NULL);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 81, &there, &second), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 81, &here, &second), 0);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 0, NULL, &third), 0);
    CHECK(mnet_tcp_listen_port(third) != 0);
    mnet_tcp_unlisten(first);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &first), 0);
    mnet_tcp_unlisten(first);
    mnet_tcp_unlisten(second);
    mnet_tcp_unlisten(third);
    return 0;
}

static void listen_ports_are_exclusive(void **state)
{
    (void)state;
    world_run(listen_ports, NULL);
}

static int accept_order(struct world *w)
{
    struct pair pair = {0};
    struct call accepts[3] = {0};
    struct mnet_flow *clients[3];
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &pair.listener), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQUAL(call_start(w, &accepts[i], call_accept, pair.listener), 0);
    for (int i = 0; i < 3; i++) {
        struct mnet_endpoint ours, theirs;
        CHECK_EQUAL(mnet_tcp_connect(w->client, WORLD_SERVER, 80, &clients[i], MNET_NEVER), 0);
        sleep_ms(5);
        for (int j = 0; j < 3; j++)
            CHECK_EQUAL(accepts[j].ended != 0, j <= i); /* in order, one each */
        mnet_tcp_peers(clients[i], &ours, NULL);
        mnet_tcp_peers(accepts[i].flow, NULL, &theirs);
        CHECK(mnet_endpoint_equal(ours, theirs));
    }
    for (int i = 0; i < 3; i++) {
        CHECK_EQUAL(call_join(&accepts[i]), 0);
        CHECK_EQUAL(accepts[i].result, 0);
        mnet_tcp_close(accepts[i].flow);
        mnet_tcp_close(clients[i]);
    }
    world_close(&pair);
    return 0;
}

static void accept_serves_waiters_in_order(void **state)
{
    (void)state;
    world_run(accept_order, NULL);
}

/* Several connections at once, with several waiters: no event is lost. */
static int accept_burst(struct world *w)
{
    struct pair pair = {0};
    struct call accepts[4] = {0};
    struct mnet_flow *clients[4];
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &pair.listener), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQUAL(call_start(w, &accepts[i], call_accept, pair.listener), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQUAL(mnet_tcp_connect_begin(w->client, (struct mnet_endpoint){WORLD_SERVER, 80}, NULL, &clients[i]), 0);
    sleep_ms(10);
    for (int i = 0; i < 4; i++) {
        CHECK(accepts[i].ended != 0);
        CHECK_EQUAL(call_join(&accepts[i]), 0);
        mnet_tcp_close(accepts[i].flow);
        mnet_tcp_close(clients[i]);
    }
    world_close(&pair);
    return 0;
}

static void accept_burst_wakes_every_waiter(void **state)
{
    (void)state;
    world_run(accept_burst, NULL);
}

/* The first waiter is cancelled just before the segment arrives that completes its connection, and
 * has not run when the stack wakes it: the second one gets the connection. */
static void cancel_on_ack(void *context, uint64_t now, struct mnet_sim_host *host, enum mnet_sim_direction direction,
                          const void *frame, size_t len)
{
    struct call *first = context;
    const uint8_t *bytes = frame;
    (void)now;
    if (len >= 54 && bytes[23] == 6 && (bytes[47] & 0x12) == 0x10 && direction == MNET_SIM_RECEIVING &&
        strcmp(mnet_sim_host_name(host), "server") == 0)
        mnet_cancel(first->task);
}

static int accept_cancelled(struct world *w)
{
    struct pair pair = {0};
    struct call first = {0}, second = {0};
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &pair.listener), 0);
    CHECK_EQUAL(call_start(w, &first, call_accept, pair.listener), 0);
    CHECK_EQUAL(call_start(w, &second, call_accept, pair.listener), 0);
    mnet_sim_watch(w->sim, cancel_on_ack, &first);
    CHECK_EQUAL(mnet_tcp_connect(w->client, WORLD_SERVER, 80, &pair.client, MNET_NEVER), 0);
    sleep_ms(10);
    mnet_sim_watch(w->sim, NULL, NULL);
    CHECK_EQUAL(call_join(&first), 0);
    CHECK_EQUAL(first.result, MNET_E_CANCELLED);
    CHECK(first.flow == NULL);
    CHECK_EQUAL(call_join(&second), 0);
    CHECK_EQUAL(second.result, 0);
    CHECK_EQUAL(second.ended, first.ended);
    CHECK_EQUAL(mnet_tcp_write(second.flow, "x", 1, NULL, MNET_NEVER), 0);
    mnet_tcp_close(second.flow);
    world_close(&pair);
    return 0;
}

static void accept_cancelled_loses_no_connection(void **state)
{
    (void)state;
    world_run(accept_cancelled, NULL);
}

/* The deadline of a waiter passes before a connection comes. The next one in line still gets the
 * connection. */
static int accept_deadline(struct world *w)
{
    struct pair pair = {0};
    struct call first = {.deadline = in_ms(5)}, second = {0};
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &pair.listener), 0);
    CHECK_EQUAL(mnet_tcp_accept(pair.listener, &pair.server, 0), MNET_E_DEADLINE);
    CHECK(pair.server == NULL);
    CHECK_EQUAL(call_start(w, &first, call_accept, pair.listener), 0);
    CHECK_EQUAL(call_start(w, &second, call_accept, pair.listener), 0);
    sleep_ms(10);
    CHECK_EQUAL(first.result, MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_tcp_connect(w->client, WORLD_SERVER, 80, &pair.client, MNET_NEVER), 0);
    CHECK_EQUAL(call_join(&first), 0);
    CHECK_EQUAL(call_join(&second), 0);
    CHECK_EQUAL(second.result, 0);
    mnet_tcp_close(second.flow);
    world_close(&pair);
    return 0;
}

static void accept_deadline_passes_the_turn_on(void **state)
{
    (void)state;
    world_run(accept_deadline, NULL);
}

static int backlog(struct world *w, enum mnet_backlog_policy policy)
{
    struct pair pair = {0};
    struct mnet_flow *second = NULL, *accepted;
    struct mnet_listen_options options = {.backlog = 1, .policy = policy};
    struct call connect = {0};
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, &options, &pair.listener), 0);
    CHECK_EQUAL(mnet_tcp_connect(w->client, WORLD_SERVER, 80, &pair.client, MNET_NEVER), 0);
    sleep_ms(10);
    CHECK_EQUAL(call_start(w, &connect, call_connect, NULL), 0);
    sleep_ms(500);
    if (policy == MNET_BACKLOG_REFUSE) {
        CHECK_EQUAL(connect.result, MNET_E_REFUSED);
    } else {
        CHECK_EQUAL(mnet_tcp_accept(pair.listener, &pair.server, 0), 0);
        /* The client tried again. */
        CHECK_EQUAL(mnet_tcp_accept(pair.listener, &accepted, in_ms(10000)), 0);
        mnet_tcp_close(accepted);
    }
    CHECK_EQUAL(call_join(&connect), 0);
    second = connect.flow;
    CHECK_EQUAL(connect.result == 0, policy == MNET_BACKLOG_IGNORE);
    mnet_tcp_close(second);
    world_close(&pair);
    return 0;
}

static int backlog_refuses(struct world *w)
{
    return backlog(w, MNET_BACKLOG_REFUSE);
}

static int backlog_ignores(struct world *w)
{
    return backlog(w, MNET_BACKLOG_IGNORE);
}

static void listen_full_backlog_refuses(void **state)
{
    (void)state;
    world_run(backlog_refuses, NULL);
}

static void listen_full_backlog_ignores(void **state)
{
    (void)state;
    world_run(backlog_ignores, NULL);
}

static int unlisten(struct world *w)
{
    struct mnet_listener *listener;
    struct mnet_flow *queued;
    struct call accepts[2] = {0};
    char byte;
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &listener), 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(call_start(w, &accepts[i], call_accept, listener), 0);
    mnet_tcp_unlisten(listener);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(call_join(&accepts[i]), 0);
        CHECK_EQUAL(accepts[i].result, MNET_E_CLOSED);
        CHECK(accepts[i].flow == NULL);
    }
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &listener), 0);
    CHECK_EQUAL(mnet_tcp_connect(w->client, WORLD_SERVER, 80, &queued, MNET_NEVER), 0);
    sleep_ms(10);
    mnet_tcp_unlisten(listener);
    CHECK_EQUAL(mnet_tcp_read(queued, &byte, 1, in_ms(100)), MNET_E_RESET);
    mnet_tcp_close(queued);
    mnet_tcp_unlisten(NULL);
    return 0;
}

static void unlisten_wakes_waiters_and_resets_the_queued(void **state)
{
    (void)state;
    world_run(unlisten, NULL);
}

/* ---- invalid arguments ---- */

static int invalid(struct world *w)
{
    struct mnet_flow *flow = (struct mnet_flow *)w;
    struct mnet_listener *listener = (struct mnet_listener *)w;
    struct mnet_endpoint ok = {WORLD_SERVER, 80};
    struct mnet_connect_options not_ours = {.local.address = WORLD_SERVER}, dscp = {.dscp = 64},
                                control = {.congestion = (enum mnet_congestion)99};
    const struct mnet_listen_options wrong[] = {{.policy = (enum mnet_backlog_policy)7},
                                                {.dscp = 64},
                                                {.congestion = (enum mnet_congestion)99},
                                                {.address = WORLD_CLIENT}};
    const struct mnet_address bad[] = {MNET_ADDRESS_ANY,         mnet_ipv4(0, 0, 0, 0),         mnet_ipv4(0, 1, 2, 3),
                                       mnet_ipv4(10, 0, 0, 255), mnet_ipv4(255, 255, 255, 255), mnet_ipv4(224, 0, 0, 1),
                                       mnet_ipv4(240, 0, 0, 1)};
    uint64_t sent = mnet_sim_counts(w->client_host, MNET_SIM_SENDING).sent;
    CHECK_EQUAL(mnet_tcp_connect(NULL, WORLD_SERVER, 80, &flow, MNET_NEVER), MNET_E_INVALID);
    CHECK(flow == NULL);
    CHECK_EQUAL(mnet_tcp_connect(w->client, WORLD_SERVER, 80, NULL, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_connect(w->client, WORLD_SERVER, 0, &flow, MNET_NEVER), MNET_E_INVALID);
    for (size_t i = 0; i < MN_COUNT_OF(bad); i++)
        CHECK_EQUAL(mnet_tcp_connect(w->client, bad[i], 80, &flow, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_connect_begin(w->client, ok, NULL, NULL), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_connect_begin(NULL, ok, NULL, &flow), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_connect_begin(w->client, ok, &not_ours, &flow), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_connect_begin(w->client, ok, &dscp, &flow), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_connect_begin(w->client, ok, &control, &flow), MNET_E_INVALID);
    CHECK(flow == NULL);
    CHECK_EQUAL(mnet_tcp_listen(NULL, 80, NULL, &listener), MNET_E_INVALID);
    CHECK(listener == NULL);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, NULL), MNET_E_INVALID);
    for (size_t i = 0; i < MN_COUNT_OF(wrong); i++) {
        listener = (struct mnet_listener *)w;
        CHECK_EQUAL(mnet_tcp_listen(w->server, 80, &wrong[i], &listener), MNET_E_INVALID);
        CHECK(listener == NULL);
    }
    CHECK_EQUAL(mnet_sim_counts(w->client_host, MNET_SIM_SENDING).sent, sent);
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &listener), 0);
    CHECK_EQUAL(mnet_tcp_accept(listener, NULL, 0), MNET_E_INVALID);
    mnet_tcp_unlisten(listener);
    CHECK_EQUAL(mnet_sim_counts(w->client_host, MNET_SIM_SENDING).too_big, 0);
    CHECK_EQUAL(mn_tcp_usage(w->client->tcp).tcbs, 0);
    return 0;
}

/* A finaliser has no time for a handshake: the attempt is gone before its SYN is sent. */
struct attempt {
    struct world *w;
    struct mnet_flow *flow;
    int result;
};

static void connect_in_finaliser(void *resource)
{
    struct attempt *attempt = resource;
    attempt->result = mnet_tcp_connect(attempt->w->client, WORLD_SERVER, 80, &attempt->flow, MNET_NEVER);
}

static int end_at_once(void *argument)
{
    struct mnet_owned owned;
    mnet_own(&owned, connect_in_finaliser, argument);
    mnet_exit(0);
}

static int finalised(struct world *w)
{
    struct attempt attempt = {.w = w, .flow = (struct mnet_flow *)w};
    struct mnet_task *task;
    uint64_t sent = mnet_sim_counts(w->client_host, MNET_SIM_SENDING).sent;
    CHECK_EQUAL(mnet_spawn(&task, end_at_once, &attempt), 0);
    CHECK_EQUAL(mnet_join(task, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(attempt.result, MNET_E_INVALID);
    CHECK(attempt.flow == NULL);
    sleep_ms(10);
    CHECK_EQUAL(mnet_sim_counts(w->client_host, MNET_SIM_SENDING).sent, sent);
    return 0;
}

static void connect_in_a_finaliser_sends_nothing(void **state)
{
    (void)state;
    world_run(finalised, NULL);
}

/* MUST-46 among them: no connections to broadcast or multicast addresses. */
static void open_invalid_arguments_have_no_effect(void **state)
{
    (void)state;
    world_run(invalid, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_established_names_both_ends),
        cmocka_unit_test(connect_without_route_is_unreachable_at_once),
        cmocka_unit_test(connect_to_a_neighbour_that_just_failed_fails_at_once),
        cmocka_unit_test(connect_without_neighbour_is_unreachable_after_3_s),
        cmocka_unit_test(connect_to_the_dead_delays_nobody_else),
        cmocka_unit_test(connect_reset_is_refused),
        cmocka_unit_test(connect_unanswered_repeats_the_syn_and_gives_up),
        cmocka_unit_test(connect_deadline_leaves_nothing_behind),
        cmocka_unit_test(connect_cancelled_leaves_nothing_behind),
        cmocka_unit_test(connect_with_options_uses_the_local_end),
        cmocka_unit_test(connect_chosen_ports_are_random),
        cmocka_unit_test(connect_to_oneself_goes_round),
        cmocka_unit_test(connect_beyond_the_limit_is_refused_here),
        cmocka_unit_test(listen_ports_are_exclusive),
        cmocka_unit_test(accept_serves_waiters_in_order),
        cmocka_unit_test(accept_burst_wakes_every_waiter),
        cmocka_unit_test(accept_cancelled_loses_no_connection),
        cmocka_unit_test(accept_deadline_passes_the_turn_on),
        cmocka_unit_test(listen_full_backlog_refuses),
        cmocka_unit_test(listen_full_backlog_ignores),
        cmocka_unit_test(unlisten_wakes_waiters_and_resets_the_queued),
        cmocka_unit_test(connect_in_a_finaliser_sends_nothing),
        cmocka_unit_test(open_invalid_arguments_have_no_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
