/* Reading, closing, fairness and notices: each promise of mnet/tcp.h, between two simulated
 * hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/stream.h"

/* ---- read, read_exactly, get ---- */

static int reading(struct world *w)
{
    struct pair pair;
    char buffer[16];
    size_t done;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_tcp_read(pair.server, NULL, 0, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 16, 0), MNET_E_DEADLINE);
    uint64_t deadline = in_ms(7);
    CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 16, deadline), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_now(), deadline);
    CHECK_EQUAL(write_text(pair.client, "hello world"), 0);
    CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 5, MNET_NEVER), 5);
    CHECK(memcmp(buffer, "hello", 5) == 0);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, buffer, 6, &done, 0), 0);
    CHECK(done == 6 && memcmp(buffer, " world", 6) == 0);
    CHECK_EQUAL(write_text(pair.client, "end"), 0);
    CHECK_EQUAL(mnet_tcp_shutdown(pair.client, MNET_SHUTDOWN_WRITE), 0);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, buffer, 10, &done, MNET_NEVER), MNET_E_END_OF_FILE);
    CHECK(done == 3 && memcmp(buffer, "end", 3) == 0);
    for (int i = 0; i < 2; i++)
        /* And stays at its end. */
        CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 16, MNET_NEVER), 0);
    world_close(&pair);
    return 0;
}

static void read_delivers_and_ends(void **state)
{
    (void)state;
    world_run(reading, NULL);
}

static int getting(struct world *w)
{
    struct pair pair;
    struct mnet_slice slices[4];
    char byte;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_tcp_get(pair.server, slices, 4, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(write_text(pair.client, "abcdef"), 0);
    CHECK_EQUAL(mnet_tcp_read(pair.server, &byte, 1, MNET_NEVER), 1);
    /* The rest of the read, without waiting. */
    CHECK_EQUAL(mnet_tcp_get(pair.server, slices, 4, 0), 1);
    CHECK(slices[0].len == 5 && memcmp(slices[0].data, "bcdef", 5) == 0);
    CHECK_EQUAL(write_text(pair.client, "ghi"), 0);
    CHECK_EQUAL(mnet_tcp_read(pair.server, &byte, 1, MNET_NEVER), 1);
    CHECK_EQUAL(byte, 'g');
    CHECK(memcmp(slices[0].data, "bcdef", 5) == 0); /* still lent */
    mnet_tcp_release(pair.server);
    mnet_tcp_close(pair.client);
    pair.client = NULL;
    CHECK_EQUAL(mnet_tcp_get(pair.server, slices, 4, MNET_NEVER), 1);
    CHECK(slices[0].len == 2 && memcmp(slices[0].data, "hi", 2) == 0);
    CHECK_EQUAL(mnet_tcp_get(pair.server, slices, 4, MNET_NEVER), 0);
    mnet_tcp_release(pair.server);
    world_close(&pair);
    return 0;
}

static void get_lends_what_a_read_left(void **state)
{
    (void)state;
    world_run(getting, NULL);
}

static int reset_after_data(struct world *w)
{
    struct pair pair;
    char buffer[16];
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(write_text(pair.client, "last words"), 0);
    sleep_ms(10);
    mnet_tcp_abort(pair.client);
    pair.client = NULL;
    sleep_ms(10);
    CHECK(mnet_tcp_ready(pair.server) & MNET_READABLE);
    CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 4, MNET_NEVER), 4);
    CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 16, MNET_NEVER), 6);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 16, MNET_NEVER), MNET_E_RESET);
    CHECK_EQUAL(write_text(pair.server, "x"), MNET_E_CLOSED_BY_PEER);
    CHECK_EQUAL(mnet_tcp_write_now(pair.server, "x", 1), MNET_E_CLOSED_BY_PEER);
    world_close(&pair);
    return 0;
}

static void read_reset_comes_after_what_had_arrived(void **state)
{
    (void)state;
    world_run(reset_after_data, NULL);
}

static int silent_peer(struct world *w)
{
    struct pair pair;
    char byte;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    mnet_sim_shape(w->client_host, MNET_SIM_RECEIVING, &(struct mnet_sim_path){.down = true});
    CHECK_EQUAL(write_text(pair.server, "anybody?"), 0);
    int error = (int)mnet_tcp_read(pair.server, &byte, 1, MNET_NEVER);
    CHECK(error == MNET_E_TIMED_OUT || error == MNET_E_UNREACHABLE);
    CHECK_EQUAL(write_text(pair.server, "x"), error);
    mnet_sim_shape(w->client_host, MNET_SIM_RECEIVING, &(struct mnet_sim_path){.delay_ns = MNET_MILLISECOND});
    mnet_tcp_abort(pair.client);
    pair.client = NULL;
    world_close(&pair);
    return 0;
}

static void read_silent_peer_times_out(void **state)
{
    static const struct world_options quick = {.server.tcp.user_timeout_ns = 20 * MNET_SECOND};
    (void)state;
    world_run(silent_peer, &quick);
}

/* Every blocked reader wakes, after any end of the stream. */
static int wake_readers(struct world *w, void (*end)(struct pair *pair), int result)
{
    struct pair pair;
    struct call calls[3] = {0};
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(call_start(w, &calls[0], call_read, pair.server), 0);
    CHECK_EQUAL(call_start(w, &calls[1], call_get, pair.server), 0);
    CHECK_EQUAL(call_start(w, &calls[2], call_read, pair.server), 0);
    sleep_ms(1);
    end(&pair);
    sleep_ms(10);
    for (int i = 0; i < 3; i++) {
        CHECK(calls[i].ended != 0);
        CHECK_EQUAL(calls[i].result, result);
        CHECK_EQUAL(call_join(&calls[i]), 0);
    }
    world_close(&pair);
    return 0;
}

static void end_by_fin(struct pair *pair)
{
    mnet_tcp_shutdown(pair->client, MNET_SHUTDOWN_WRITE);
}

static void end_by_reset(struct pair *pair)
{
    mnet_tcp_abort(pair->client);
    pair->client = NULL;
}

static void end_by_close(struct pair *pair)
{
    mnet_tcp_close(pair->server);
    pair->server = NULL;
}

static void end_by_shutdown(struct pair *pair)
{
    mnet_tcp_shutdown(pair->server, MNET_SHUTDOWN_READ);
}

static int wake_by_fin(struct world *w)
{
    return wake_readers(w, end_by_fin, 0);
}

static int wake_by_reset(struct world *w)
{
    return wake_readers(w, end_by_reset, MNET_E_RESET);
}

static int wake_by_close(struct world *w)
{
    return wake_readers(w, end_by_close, MNET_E_CLOSED);
}

static int wake_by_shutdown(struct world *w)
{
    return wake_readers(w, end_by_shutdown, MNET_E_CLOSED);
}

static void readers_all_wake_at_the_end(void **state)
{
    (void)state;
    world_run(wake_by_fin, NULL);
}

static void readers_all_wake_at_a_reset(void **state)
{
    (void)state;
    world_run(wake_by_reset, NULL);
}

static void readers_all_wake_at_close(void **state)
{
    (void)state;
    world_run(wake_by_close, NULL);
}

static void readers_all_wake_at_shutdown(void **state)
{
    (void)state;
    world_run(wake_by_shutdown, NULL);
}

static int cancelled_reader(struct world *w)
{
    struct pair pair;
    struct call call = {0};
    char buffer[4];
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(call_start(w, &call, call_read, pair.server), 0);
    mnet_cancel(call.task);
    CHECK_EQUAL(call_join(&call), 0);
    CHECK_EQUAL(call.result, MNET_E_CANCELLED);
    CHECK_EQUAL(write_text(pair.client, "ok"), 0);
    CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 4, MNET_NEVER), 2);
    world_close(&pair);
    return 0;
}

static void read_cancelled_leaves_the_flow_usable(void **state)
{
    (void)state;
    world_run(cancelled_reader, NULL);
}

/* ---- close ---- */

static int close_unread(struct world *w)
{
    struct pair pair;
    char byte;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(write_text(pair.client, "never read"), 0);
    sleep_ms(10);
    mnet_tcp_close(pair.server);
    pair.server = NULL;
    mnet_tcp_close(NULL);
    mnet_tcp_abort(NULL);
    CHECK_EQUAL(mnet_tcp_read(pair.client, &byte, 1, in_ms(100)), MNET_E_RESET);
    world_close(&pair);
    return 0;
}

static void close_with_unread_data_resets(void **state)
{
    (void)state;
    world_run(close_unread, NULL);
}

static int close_then_data(struct world *w)
{
    struct pair pair;
    char byte;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    mnet_tcp_close(pair.server);
    pair.server = NULL;
    CHECK_EQUAL(mnet_tcp_read(pair.client, &byte, 1, in_ms(100)), 0);
    CHECK_EQUAL(write_text(pair.client, "too late"), 0);
    sleep_ms(10);
    CHECK_EQUAL(write_text(pair.client, "x"), MNET_E_CLOSED_BY_PEER);
    world_close(&pair);
    return 0;
}

static void close_then_data_of_the_peer_resets(void **state)
{
    (void)state;
    world_run(close_then_data, NULL);
}

static int close_delivers(struct world *w)
{
    static char data[200000];
    struct pair pair;
    size_t total;
    memset(data, 'x', sizeof data);
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_tcp_write(pair.client, data, sizeof data, NULL, MNET_NEVER), 0);
    mnet_tcp_close(pair.client);
    pair.client = NULL;
    CHECK_EQUAL(read_runs(w, pair.server, 1, &total), 0);
    CHECK_EQUAL(total, sizeof data);
    world_close(&pair);
    return 0;
}

static void close_delivers_what_is_queued(void **state)
{
    (void)state;
    world_run(close_delivers, NULL);
}

/* A peer that never closes its half cannot hold an orphan for ever. */
static int orphan(struct world *w)
{
    struct pair pair;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    mnet_tcp_close(pair.server);
    pair.server = NULL;
    sleep_ms(1000);
    CHECK_EQUAL(mn_tcp_usage(w->server->tcp).tcbs, 1);
    sleep_ms(30000);
    CHECK_EQUAL(mn_tcp_usage(w->server->tcp).tcbs, 0);
    world_close(&pair);
    return 0;
}

static void close_orphan_times_out(void **state)
{
    static const struct world_options quick = {.server.tcp.orphan_ns = 20 * MNET_SECOND};
    (void)state;
    world_run(orphan, &quick);
}

/* ---- fairness, notices, arguments ---- */

static int spin(void *argument)
{
    const bool *stop = argument;
    while (!*stop)
        mnet_yield();
    return 0;
}

/* With a task that is always runnable, virtual time stands still: events only happen because the
 * network is polled. */
static int busy(struct world *w)
{
    struct pair pair;
    struct mnet_task *task;
    bool stop = false;
    char byte = 'x';
    mnet_sim_shape(w->client_host, MNET_SIM_SENDING, &(struct mnet_sim_path){0});
    mnet_sim_shape(w->server_host, MNET_SIM_SENDING, &(struct mnet_sim_path){0});
    mnet_sim_shape(w->client_host, MNET_SIM_RECEIVING, &(struct mnet_sim_path){0});
    mnet_sim_shape(w->server_host, MNET_SIM_RECEIVING, &(struct mnet_sim_path){0});
    CHECK_EQUAL(mnet_spawn(&task, spin, &stop), 0);
    CHECK_EQUAL(world_connect(w, &pair), 0);
    for (int i = 0; i < 100; i++) {
        CHECK_EQUAL(mnet_tcp_write(pair.client, &byte, 1, NULL, MNET_NEVER), 0);
        CHECK_EQUAL(mnet_tcp_read(pair.server, &byte, 1, MNET_NEVER), 1);
        CHECK_EQUAL(mnet_tcp_write(pair.server, &byte, 1, NULL, MNET_NEVER), 0);
        CHECK_EQUAL(mnet_tcp_read(pair.client, &byte, 1, MNET_NEVER), 1);
    }
    stop = true;
    CHECK_EQUAL(mnet_join(task, NULL, MNET_NEVER), 0);
    world_close(&pair);
    return 0;
}

static void network_is_polled_while_tasks_are_runnable(void **state)
{
    (void)state;
    world_run(busy, NULL);
}

static void collect(void *context, unsigned ready)
{
    *(unsigned *)context |= ready;
}

static int notified(struct world *w)
{
    struct pair pair = {0};
    unsigned listener = 0, flow = 0;
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &pair.listener), 0);
    mnet_tcp_listener_notify(pair.listener, collect, &listener);
    CHECK_EQUAL(mnet_tcp_connect_begin(w->client, (struct mnet_endpoint){WORLD_SERVER, 80}, NULL, &pair.client), 0);
    mnet_tcp_notify(pair.client, collect, &flow);
    CHECK_EQUAL(mnet_tcp_ready(pair.client) & MNET_READABLE, 0);
    sleep_ms(10);
    CHECK_EQUAL(listener, MNET_ACCEPTABLE);
    CHECK_EQUAL(mnet_tcp_listener_ready(pair.listener), MNET_ACCEPTABLE);
    CHECK_EQUAL(flow, MNET_WRITABLE);
    CHECK_EQUAL(mnet_tcp_accept(pair.listener, &pair.server, 0), 0);
    CHECK_EQUAL(mnet_tcp_listener_ready(pair.listener), 0);
    flow = 0;
    CHECK_EQUAL(write_text(pair.server, "x"), 0);
    sleep_ms(10);
    CHECK(flow & MNET_READABLE);
    mnet_tcp_notify(pair.client, NULL, NULL);
    flow = 0;
    CHECK_EQUAL(write_text(pair.server, "x"), 0);
    sleep_ms(10);
    CHECK_EQUAL(flow, 0);
    world_close(&pair);
    return 0;
}

static void notify_says_what_has_become_ready(void **state)
{
    (void)state;
    world_run(notified, NULL);
}

static int invalid(struct world *w)
{
    struct pair pair;
    struct mnet_slice slice = {NULL, 1};
    size_t queued = 7;
    char byte;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    uint64_t sent = mnet_stack_counters(w->client)->value[MNET_COUNT_TX_FRAMES];
    CHECK_EQUAL(mnet_tcp_read(pair.client, NULL, 1, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.client, NULL, 1, &queued, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(queued, 0);
    queued = 7;
    CHECK_EQUAL(mnet_tcp_get(pair.client, NULL, 1, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_get(pair.client, &slice, 0, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_get(pair.client, &slice, -1, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_write(pair.client, NULL, 1, &queued, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(queued, 0);
    queued = 7;
    CHECK_EQUAL(mnet_tcp_write_urgent(pair.client, NULL, 1, &queued, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(queued, 0);
    CHECK_EQUAL(mnet_tcp_writev(pair.client, &slice, 1, NULL, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_writev(pair.client, NULL, 1, NULL, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_writev(pair.client, &slice, -1, NULL, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_write_lent(pair.client, &byte, 1, NULL, NULL, NULL, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_write_lent(pair.client, NULL, 1, count_release, NULL, NULL, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_write_now(pair.client, NULL, 1), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_shutdown(pair.client, (enum mnet_shutdown)0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_shutdown(pair.client, (enum mnet_shutdown)4), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_wait(pair.client, 0, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_wait(pair.client, MNET_ACCEPTABLE, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_set_ttl(pair.client, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_set_dscp(pair.client, 64), MNET_E_INVALID);
    sleep_ms(10);
    CHECK_EQUAL(mnet_stack_counters(w->client)->value[MNET_COUNT_TX_FRAMES], sent);
    CHECK_EQUAL(mnet_tcp_write(pair.client, "x", 1, NULL, MNET_NEVER), 0); /* nothing has changed */
    CHECK_EQUAL(mnet_tcp_read(pair.server, &byte, 1, in_ms(100)), 1);
    world_close(&pair);
    return 0;
}

static void stream_invalid_arguments_have_no_effect(void **state)
{
    (void)state;
    world_run(invalid, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_delivers_and_ends),
        cmocka_unit_test(get_lends_what_a_read_left),
        cmocka_unit_test(read_reset_comes_after_what_had_arrived),
        cmocka_unit_test(read_silent_peer_times_out),
        cmocka_unit_test(readers_all_wake_at_the_end),
        cmocka_unit_test(readers_all_wake_at_a_reset),
        cmocka_unit_test(readers_all_wake_at_close),
        cmocka_unit_test(readers_all_wake_at_shutdown),
        cmocka_unit_test(read_cancelled_leaves_the_flow_usable),
        cmocka_unit_test(close_with_unread_data_resets),
        cmocka_unit_test(close_then_data_of_the_peer_resets),
        cmocka_unit_test(close_delivers_what_is_queued),
        cmocka_unit_test(close_orphan_times_out),
        cmocka_unit_test(network_is_polled_while_tasks_are_runnable),
        cmocka_unit_test(notify_says_what_has_become_ready),
        cmocka_unit_test(stream_invalid_arguments_have_no_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
