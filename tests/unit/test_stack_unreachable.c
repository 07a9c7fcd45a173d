/* Attempts to connect that fail, and the reported reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <mnet/tcp_info.h>

#include "support/world.h"

/* The client's last SYN on the wire. */
struct seen {
    int count;
    uint8_t frame[14 + 60 + 60];
};

static void note_syn(void *context, uint64_t now, struct mnet_sim_host *host, enum mnet_sim_direction direction,
                     const void *frame, size_t len)
{
    struct seen *syn = context;
    const uint8_t *bytes = frame;
    (void)now;
    bool is_syn = len >= 54 && bytes[12] == 8 && bytes[13] == 0 && bytes[23] == 6 && (bytes[47] & 0x12) == 0x02;
    if (!is_syn || direction != MNET_SIM_SENDING || strcmp(mnet_sim_host_name(host), "client") != 0)
        return;
    syn->count++;
    memcpy(syn->frame, frame, MN_MIN(len, sizeof syn->frame));
}

/* RFC 792 with RFC 5927: a hard error whose quote names our SYN ends the attempt. An error with a
 * wrong sequence number does not. */
static int hard_error(struct world *w)
{
    struct seen syn = {0};
    struct call connect = {0};
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.down = true});
    mnet_sim_watch(w->sim, note_syn, &syn);
    CHECK_EQUAL(call_start(w, &connect, call_connect, NULL), 0);
    sleep_ms(10);
    mnet_sim_watch(w->sim, NULL, NULL);
    CHECK_EQUAL(syn.count, 1);
    world_unreachable(w, syn.frame, 2, 0, 0xff);
    sleep_ms(10);
    CHECK_EQUAL(connect.ended, 0);
    world_unreachable(w, syn.frame, 2, 0, 0);
    sleep_ms(10);
    CHECK(connect.ended != 0);
    CHECK_EQUAL(connect.result, MNET_E_UNREACHABLE);
    CHECK_EQUAL(call_join(&connect), 0);
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    return 0;
}

static void connect_icmp_hard_error_is_unreachable(void **state)
{
    (void)state;
    world_run(hard_error, NULL);
}

/* Begins to connect to an absent host, and lets a router report `code` about it. The flow is the
 * caller's. */
static int begin_and_be_told(struct world *w, uint8_t code, struct mnet_flow **flow)
{
    struct seen syn = {0};
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.down = true});
    mnet_sim_watch(w->sim, note_syn, &syn);
    CHECK_EQUAL(mnet_tcp_connect_begin(w->client, (struct mnet_endpoint){WORLD_SERVER, 80}, NULL, flow), 0);
    CHECK_EQUAL(mnet_tcp_unreachable(*flow), MNET_UNREACHABLE_NONE);
    sleep_ms(10);
    mnet_sim_watch(w->sim, NULL, NULL);
    CHECK_EQUAL(syn.count, 1);
    world_unreachable(w, syn.frame, code, 0, 0);
    sleep_ms(10);
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    return 0;
}

/* The cause can be read after an attempt that failed, and during one that goes on. */
static int causes(struct world *w)
{
    static const struct {
        uint8_t code;
        enum mnet_unreachable cause;
        int result;
    } cases[] = {
        {0, MNET_UNREACHABLE_NETWORK, MNET_E_DEADLINE},        {1, MNET_UNREACHABLE_HOST, MNET_E_DEADLINE},
        {5, MNET_UNREACHABLE_NETWORK, MNET_E_DEADLINE},        {2, MNET_UNREACHABLE_PROTOCOL, MNET_E_UNREACHABLE},
        {3, MNET_UNREACHABLE_PORT, MNET_E_UNREACHABLE},        {9, MNET_UNREACHABLE_PROHIBITED, MNET_E_UNREACHABLE},
        {10, MNET_UNREACHABLE_PROHIBITED, MNET_E_UNREACHABLE}, {13, MNET_UNREACHABLE_PROHIBITED, MNET_E_UNREACHABLE},
    };
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        struct mnet_flow *flow;
        struct mnet_tcp_info info;
        CHECK_EQUAL(begin_and_be_told(w, cases[i].code, &flow), 0);
        CHECK_EQUAL(mnet_tcp_established(flow, 0), cases[i].result);
        CHECK_EQUAL(mnet_tcp_unreachable(flow), cases[i].cause);
        mnet_tcp_info(flow, &info);
        CHECK_EQUAL(info.unreachable, cases[i].cause);
        mnet_tcp_close(flow);
    }
    struct mnet_flow *flow;
    CHECK_EQUAL(mnet_tcp_connect_begin(w->client, (struct mnet_endpoint){mnet_ipv4(10, 0, 0, 99), 80}, NULL, &flow), 0);
    CHECK_EQUAL(mnet_tcp_established(flow, in_ms(10000)), MNET_E_UNREACHABLE);
    CHECK_EQUAL(mnet_tcp_unreachable(flow), MNET_UNREACHABLE_NEIGHBOUR);
    mnet_tcp_close(flow);
    return 0;
}

static void connect_unreachable_says_the_cause(void **state)
{
    (void)state;
    world_run(causes, NULL);
}

static int call_any(void *argument)
{
    struct call *call = argument;
    const struct mnet_address list[] = {mnet_ipv4(192, 0, 2, 1), WORLD_SERVER};
    return mnet_tcp_connect_any(call->w->client, list, 2, 80, NULL, &call->flow, call->deadline);
}

/* Tries two addresses. 5 ms later a router reports `code` about the first one. */
static int reported(struct world *w, uint8_t code, unsigned going_on)
{
    struct seen syn = {0};
    struct call connect = {0};
    mn_losers_add(&w->client->losers, WORLD_SERVER, MNET_NEVER); /* so the other one is first */
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.down = true});
    mnet_sim_watch(w->sim, note_syn, &syn);
    CHECK_EQUAL(call_start(w, &connect, call_any, NULL), 0);
    sleep_ms(5);
    CHECK_EQUAL(syn.count, 1);
    world_unreachable(w, syn.frame, code, 0, 0);
    sleep_ms(4);
    CHECK_EQUAL(syn.count, 1);
    CHECK_EQUAL(mn_tcp_usage(w->client->tcp).tcbs, going_on);
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    sleep_ms(2);
    mnet_sim_watch(w->sim, NULL, NULL);
    CHECK_EQUAL(syn.count, 2);
    CHECK_EQUAL(call_join(&connect), 0);
    CHECK_EQUAL(connect.result, MNET_E_REFUSED);
    CHECK(mn_losers_contain(&w->client->losers, mnet_ipv4(192, 0, 2, 1), mnet_now()));
    w->client->losers = (struct mn_losers){0};
    return 0;
}

static int reports(struct world *w)
{
    CHECK_EQUAL(reported(w, 13, 0), 0);
    return reported(w, 1, 1);
}

/* HE-5-3: a hard error ends the attempt, a soft one does not. Both start the next, 10 ms after the
 * first (HE-5-4). */
static void connect_any_report_of_a_router_starts_the_next_attempt(void **state)
{
    static const struct world_options options = {
        .client.ip.ipv4_gateway = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}, 0}};
    (void)state;
    world_run(reports, &options);
}

/* A deadline that passes after a soft error: the error tells the known cause. */
static int soft_error_at_the_deadline(struct world *w)
{
    struct seen syn = {0};
    struct call connect = {0};
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.down = true});
    mnet_sim_watch(w->sim, note_syn, &syn);
    connect.deadline = in_ms(500);
    CHECK_EQUAL(call_start(w, &connect, call_connect, NULL), 0);
    sleep_ms(10);
    mnet_sim_watch(w->sim, NULL, NULL);
    world_unreachable(w, syn.frame, 1, 0, 0);
    sleep_ms(400);
    CHECK_EQUAL(connect.ended, 0);
    sleep_ms(200);
    CHECK_EQUAL(connect.result, MNET_E_UNREACHABLE);
    CHECK_EQUAL(call_join(&connect), 0);
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    return 0;
}

static void connect_deadline_after_a_soft_error_is_unreachable(void **state)
{
    (void)state;
    world_run(soft_error_at_the_deadline, NULL);
}

/* A port without a listener has no peer, even if it is one that could be chosen for the connection
 * itself. */
static int connect_own_port_without_listener(struct world *w)
{
    struct mnet_flow *flow;
    struct mnet_connect_options named = {.local = {WORLD_CLIENT, 40000}};
    for (int i = 0; i < 500; i++) {
        uint16_t port = (uint16_t)(20000 + i);
        CHECK_EQUAL(mnet_tcp_connect(w->client, WORLD_CLIENT, port, &flow, in_ms(100)), MNET_E_REFUSED);
        CHECK_EQUAL(mnet_tcp_connect(w->client, mnet_ipv4(127, 0, 0, 1), port, &flow, in_ms(100)), MNET_E_REFUSED);
    }
    /* A program that names both ports wants this (RFC 9293 3.5). */
    struct mnet_endpoint self = named.local;
    char byte = 0;
    CHECK_EQUAL(mnet_tcp_connect_begin(w->client, self, &named, &flow), 0);
    CHECK_EQUAL(mnet_tcp_established(flow, in_ms(100)), 0);
    CHECK_EQUAL(mnet_tcp_write(flow, "x", 1, NULL, 0), 0);
    CHECK_EQUAL(mnet_tcp_read(flow, &byte, 1, in_ms(100)), 1);
    CHECK_EQUAL(byte, 'x');
    mnet_tcp_close(flow);
    sleep_ms(1000);
    return 0;
}

static void connect_to_an_own_port_without_listener_is_refused(void **state)
{
    (void)state;
    world_run(connect_own_port_without_listener, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_icmp_hard_error_is_unreachable),
        cmocka_unit_test(connect_unreachable_says_the_cause),
        cmocka_unit_test(connect_any_report_of_a_router_starts_the_next_attempt),
        cmocka_unit_test(connect_deadline_after_a_soft_error_is_unreachable),
        cmocka_unit_test(connect_to_an_own_port_without_listener_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
