/* Connections at rest become small records and back (src/tcp/records/idle.h), and nobody notices:
 * between two simulated hosts, over both families. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/stream.h"
#include "tcp/tcb.h"

#define REST_MS 20000 /* longer than a connection needs to come to rest */

static unsigned records(struct mnet_stack *stack)
{
    return mn_tcp_usage(stack->tcp).idle;
}

static int exchange(struct world *w, struct pair *pair)
{
    char text[4];
    for (int i = 0; i < 3; i++) {
        CHECK_EQUAL(write_text(pair->client, "ping"), 0);
        CHECK_EQUAL(mnet_tcp_read_exactly(pair->server, text, 4, NULL, MNET_NEVER), 0);
        CHECK(memcmp(text, "ping", 4) == 0);
        CHECK_EQUAL(write_text(pair->server, "pong"), 0);
        CHECK_EQUAL(mnet_tcp_read_exactly(pair->client, text, 4, NULL, MNET_NEVER), 0);
        CHECK(memcmp(text, "pong", 4) == 0);
    }
    return 0;
}

/* Connects, and waits until both ends are records. */
static int rest(struct world *w, struct pair *pair)
{
    CHECK_EQUAL(world_connect(w, pair), 0);
    CHECK_EQUAL(exchange(w, pair), 0);
    CHECK_EQUAL(records(w->client) + records(w->server), 0);
    sleep_ms(REST_MS);
    CHECK_EQUAL(records(w->client), 1);
    CHECK_EQUAL(records(w->server), 1);
    CHECK_EQUAL(mn_tcp_usage(w->client->tcp).tcbs, 0);
    CHECK_EQUAL(mn_tcp_usage(w->client->tcp).established, 1);
    return 0;
}

static int going_on(struct world *w)
{
    struct pair pair;
    CHECK_EQUAL(rest(w, &pair), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_EQUAL(exchange(w, &pair), 0);
        CHECK_EQUAL(records(w->client) + records(w->server), 0);
        sleep_ms(REST_MS);
        CHECK_EQUAL(records(w->client) + records(w->server), 2);
    }
    world_close(&pair);
    return 0;
}

static void a_connection_rests_and_goes_on(void **state)
{
    (void)state;
    world_run_both(going_on, NULL);
}

/* A stack with connections at rest has nothing to do. */
static int sleeping(struct world *w)
{
    struct pair pair;
    CHECK_EQUAL(rest(w, &pair), 0);
    CHECK_EQUAL(mn_tcp_deadline(w->client->tcp), MNET_NEVER);
    CHECK_EQUAL(mn_tcp_deadline(w->server->tcp), MNET_NEVER);
    world_close(&pair);
    return 0;
}

static void nothing_is_due_at_rest(void **state)
{
    (void)state;
    world_run_both(sleeping, NULL);
}

/* What is asked of a connection at rest is answered as before, and does not wake it. */
static int asking(struct world *w)
{
    struct pair pair;
    struct mnet_tcp_info before, after;
    struct mnet_endpoint local, remote;
    char byte;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(exchange(w, &pair), 0);
    sleep_ms(1000);
    mnet_tcp_info(pair.client, &before);
    size_t buffers[] = {mnet_tcp_send_buffer(pair.client), mnet_tcp_receive_buffer(pair.client)};
    sleep_ms(REST_MS);
    mnet_tcp_info(pair.client, &after);
    CHECK(strcmp(after.state, "ESTABLISHED") == 0 && after.flow == pair.client);
    CHECK(mnet_endpoint_equal(before.local, after.local) && mnet_endpoint_equal(before.remote, after.remote));
    CHECK_EQUAL(before.bytes_acked, after.bytes_acked);
    CHECK_EQUAL(before.bytes_received, after.bytes_received);
    CHECK_EQUAL(before.segments_sent, after.segments_sent);
    CHECK_EQUAL(before.snd_wnd, after.snd_wnd);
    CHECK_EQUAL(before.rcv_wnd, after.rcv_wnd);
    CHECK_EQUAL(before.cwnd, after.cwnd);
    CHECK_EQUAL(before.snd_mss, after.snd_mss);
    CHECK_EQUAL(before.min_rtt_ns, after.min_rtt_ns);
    CHECK(after.rtt_ns >= before.rtt_ns && after.rtt_ns - before.rtt_ns < MNET_MICROSECOND);
    CHECK(before.sack == after.sack && before.timestamps == after.timestamps);
    mnet_tcp_peers(pair.client, &local, &remote);
    CHECK(mnet_endpoint_equal(local, before.local) && mnet_endpoint_equal(remote, before.remote));
    CHECK_EQUAL(mnet_tcp_send_buffer(pair.client), buffers[0]);
    CHECK_EQUAL(mnet_tcp_receive_buffer(pair.client), buffers[1]);
    CHECK_EQUAL(mnet_tcp_ready(pair.client), MNET_WRITABLE);
    CHECK_EQUAL(mnet_tcp_established(pair.client, 0), 0);
    CHECK_EQUAL(mnet_tcp_error(pair.client), 0);
    CHECK_EQUAL(mnet_tcp_read(pair.client, &byte, 1, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_tcp_peek(pair.client, &byte, 1, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_tcp_queued(pair.client).unacked, 0);
    CHECK(strcmp(mnet_tcp_congestion(pair.client), before.congestion) == 0);
    CHECK_EQUAL(mnet_tcp_unreachable(pair.client), MNET_UNREACHABLE_NONE);
    CHECK_EQUAL(mnet_tcp_notices(pair.client) + mnet_tcp_urgent(pair.client), 0);
    CHECK_EQUAL(records(w->client), 1);
    world_close(&pair);
    return 0;
}

static void questions_are_answered_at_rest(void **state)
{
    (void)state;
    world_run_both(asking, NULL);
}

/* A reader that waits gets the next bytes. */
static int reading(struct world *w)
{
    struct pair pair;
    char text[8];
    CHECK_EQUAL(world_connect(w, &pair), 0);
    struct call call = {.deadline = MNET_NEVER, .data = text, .len = sizeof text};
    CHECK_EQUAL(call_start(w, &call, call_read, pair.server), 0);
    sleep_ms(REST_MS);
    CHECK_EQUAL(records(w->server), 1);
    CHECK_EQUAL(write_text(pair.client, "late"), 0);
    CHECK_EQUAL(call_join(&call), 0);
    CHECK_EQUAL(call.result, 4);
    world_close(&pair);
    return 0;
}

static void a_waiting_reader_is_told(void **state)
{
    (void)state;
    world_run_both(reading, NULL);
}

/* The end of a connection at rest: by its user, in each way, or by its peer. */
static int ending(struct world *w)
{
    struct pair pair;
    char byte;
    CHECK_EQUAL(rest(w, &pair), 0);
    mnet_tcp_close(pair.client);
    pair.client = NULL;
    CHECK_EQUAL(mnet_tcp_read(pair.server, &byte, 1, MNET_NEVER), 0);
    world_close(&pair);

    CHECK_EQUAL(rest(w, &pair), 0);
    mnet_tcp_abort(pair.client);
    pair.client = NULL;
    CHECK_EQUAL(mnet_tcp_read(pair.server, &byte, 1, MNET_NEVER), MNET_E_RESET);
    world_close(&pair);

    CHECK_EQUAL(rest(w, &pair), 0);
    CHECK_EQUAL(mnet_tcp_shutdown(pair.client, MNET_SHUTDOWN_WRITE), 0);
    CHECK_EQUAL(mnet_tcp_read(pair.server, &byte, 1, MNET_NEVER), 0);
    CHECK_EQUAL(write_text(pair.server, "more"), 0);
    CHECK_EQUAL(mnet_tcp_read(pair.client, &byte, 1, MNET_NEVER), 1);
    world_close(&pair);
    return 0;
}

static void a_connection_at_rest_ends(void **state)
{
    (void)state;
    world_run_both(ending, NULL);
}

/* Settings hold although a connection was at rest when they were made, and after its rest. */
static int setting(struct world *w)
{
    struct pair pair;
    struct mnet_tcp_info info;
    const struct mnet_keepalive keepalive = {10 * MNET_SECOND, MNET_SECOND, 3};
    CHECK_EQUAL(rest(w, &pair), 0);
    mnet_tcp_set_no_delay(pair.client, true);
    CHECK_EQUAL(mnet_tcp_set_ttl(pair.client, 7), 0);
    CHECK_EQUAL(mnet_tcp_set_dscp(pair.client, 46), 0);
    mnet_tcp_set_no_delayed_ack(pair.client, true);
    mnet_tcp_set_no_pacing(pair.client, true);
    mnet_tcp_set_notices(pair.client, false);
    CHECK_EQUAL(mnet_tcp_set_congestion(pair.client, MNET_CONGESTION_RENO), 0);
    CHECK_EQUAL(records(w->client), 0);
    sleep_ms(REST_MS);
    CHECK_EQUAL(records(w->client), 1);
    CHECK(strcmp(mnet_tcp_congestion(pair.client), "reno") == 0);
    mnet_tcp_set_keepalive(pair.client, &keepalive);
    const struct mn_tcb *tcb = pair.client->end.tcb;
    CHECK(tcb->no_delay && tcb->conn.ttl == 7 && tcb->conn.dscp == 46);
    CHECK(tcb->no_delayed_ack && tcb->no_pacing && tcb->quiet);
    mnet_tcp_info(pair.client, &info);
    CHECK_EQUAL(info.keepalive_at, mnet_now() + 10 * MNET_SECOND);
    sleep_ms(REST_MS); /* the peer is asked, and answers */
    CHECK_EQUAL(records(w->client), 0);
    mnet_tcp_set_keepalive(pair.client, NULL);
    CHECK_EQUAL(mnet_tcp_set_send_buffer(pair.server, 10000), 0); /* a limit keeps the other end */
    sleep_ms(REST_MS);
    CHECK_EQUAL(records(w->server), 0);
    world_close(&pair);
    return 0;
}

static void settings_outlive_a_rest(void **state)
{
    (void)state;
    world_run_both(setting, NULL);
}

/* Data that nobody reads, and a queue for accept, keep a connection from resting: until it is
 * read. */
static int leaving_unread(struct world *w)
{
    struct pair pair;
    char text[4];
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(write_text(pair.client, "ping"), 0);
    sleep_ms(REST_MS);
    CHECK_EQUAL(records(w->server), 0);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, text, 4, NULL, 0), 0);
    sleep_ms(60000 + REST_MS);
    CHECK_EQUAL(records(w->server), 1);
    CHECK_EQUAL(mn_tcp_deadline(w->server->tcp), MNET_NEVER);
    world_close(&pair);
    return 0;
}

static void unread_data_is_no_rest(void **state)
{
    (void)state;
    world_run_both(leaving_unread, NULL);
}

static unsigned told;

static void note(void *context, unsigned ready)
{
    (void)context;
    told |= ready;
}

/* The host loses the address of connections at rest: all end with that error, and their users are
 * told. */
static int losing_the_address(struct world *w)
{
    struct pair pair, other;
    char byte;
    size_t queued;
    CHECK_EQUAL(rest(w, &pair), 0);
    other.listener = pair.listener;
    CHECK_EQUAL(world_connect_to(w, &other), 0);
    sleep_ms(REST_MS);
    CHECK_EQUAL(records(w->client), 2);
    struct call call = {.deadline = MNET_NEVER, .data = &byte, .len = 1};
    CHECK_EQUAL(call_start(w, &call, call_read, pair.client), 0);
    told = 0;
    mnet_tcp_notify(other.client, note, NULL);
    mn_tcp_address_lost(w->client->tcp, w->client_address);
    w->client->work = true;
    CHECK_EQUAL(call_join(&call), 0);
    CHECK_EQUAL(call.result, MNET_E_NO_ADDRESS);
    const unsigned all = MNET_READABLE | MNET_WRITABLE | MNET_ENDED | MNET_HUNG_UP | MNET_FAILED;
    CHECK_EQUAL(told, all);
    CHECK_EQUAL(mnet_tcp_ready(other.client), all);
    CHECK_EQUAL(mnet_tcp_error(other.client), MNET_E_NO_ADDRESS);
    CHECK_EQUAL(mnet_tcp_write(other.client, "x", 1, &queued, 0), MNET_E_NO_ADDRESS);
    CHECK_EQUAL(mnet_tcp_shutdown(other.client, MNET_SHUTDOWN_WRITE), MNET_E_CLOSED);
    CHECK_EQUAL(mnet_tcp_set_ttl(other.client, 7), 0);
    CHECK_EQUAL(mn_tcp_usage(w->client->tcp).established, 0);
    CHECK_EQUAL(records(w->client), 2);
    struct mnet_tcp_info info;
    mnet_tcp_info(other.client, &info);
    CHECK(strcmp(info.state, "CLOSED") == 0);
    CHECK_EQUAL(mnet_tcp_close_wait(other.client, MNET_NEVER), MNET_E_NO_ADDRESS);
    other.client = NULL;
    CHECK_EQUAL(records(w->client), 1);
    other.listener = NULL;
    world_close(&other);
    world_close(&pair);
    return 0;
}

static void connections_at_rest_end_with_the_address(void **state)
{
    (void)state;
    world_run_both(losing_the_address, NULL);
}

static int going_down(struct world *w)
{
    struct pair pair;
    char byte;
    CHECK_EQUAL(rest(w, &pair), 0);
    mnet_stack_down(w->client);
    CHECK_EQUAL(mnet_tcp_read(pair.server, &byte, 1, MNET_NEVER), MNET_E_RESET);
    CHECK_EQUAL(mnet_tcp_read(pair.client, &byte, 1, 0), MNET_E_CLOSED);
    w->client = NULL;
    world_close(&pair);
    return 0;
}

static void connections_at_rest_are_reset_with_the_stack(void **state)
{
    (void)state;
    world_run_both(going_down, NULL);
}

static bool count_established(void *context, const struct mnet_tcp_info *info)
{
    *(unsigned *)context += strcmp(info->state, "ESTABLISHED") == 0 && info->flow != NULL;
    return true;
}

/* Without memory a connection at rest cannot be used, and is not lost: it goes on when there is
 * some. */
static int starving(struct world *w)
{
    struct pair pair;
    size_t queued;
    unsigned established = 0;
    CHECK_EQUAL(rest(w, &pair), 0);
    size_t limit = w->client->tcp->tcbs.limit;
    w->client->tcp->tcbs.limit = 0;
    CHECK_EQUAL(mnet_tcp_write(pair.client, "x", 1, &queued, 0), MNET_E_NO_MEMORY);
    CHECK_EQUAL(mnet_tcp_shutdown(pair.client, MNET_SHUTDOWN_WRITE), MNET_E_NO_MEMORY);
    CHECK_EQUAL(mnet_tcp_set_ttl(pair.client, 9), MNET_E_NO_MEMORY);
    mnet_tcp_set_cork(pair.client, true);
    CHECK_EQUAL(write_text(pair.server, "pong"), 0);
    sleep_ms(100); /* it is dropped, and sent again */
    CHECK_EQUAL(records(w->client), 1);
    mnet_tcp_each(w->client, count_established, &established);
    CHECK_EQUAL(established, 1);
    w->client->tcp->tcbs.limit = limit;
    char text[4];
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.client, text, 4, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(exchange(w, &pair), 0);
    sleep_ms(REST_MS);
    w->client->tcp->tcbs.limit = 0;
    mnet_tcp_close(pair.client); /* a reset, for want of a FIN */
    pair.client = NULL;
    w->client->tcp->tcbs.limit = limit;
    CHECK_EQUAL(mnet_tcp_read(pair.server, text, 1, MNET_NEVER), MNET_E_RESET);
    world_close(&pair);
    return 0;
}

static void memory_is_short_for_a_connection_at_rest(void **state)
{
    (void)state;
    world_run_both(starving, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_rests_and_goes_on),
        cmocka_unit_test(nothing_is_due_at_rest),
        cmocka_unit_test(questions_are_answered_at_rest),
        cmocka_unit_test(a_waiting_reader_is_told),
        cmocka_unit_test(a_connection_at_rest_ends),
        cmocka_unit_test(settings_outlive_a_rest),
        cmocka_unit_test(unread_data_is_no_rest),
        cmocka_unit_test(connections_at_rest_end_with_the_address),
        cmocka_unit_test(connections_at_rest_are_reset_with_the_stack),
        cmocka_unit_test(memory_is_short_for_a_connection_at_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
