/* Reading, writing and closing: each promise of mnet/tcp.h, between two simulated hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/world.h"

/* A small send buffer and window, so that writers have to wait. */
static const struct world_options small = {.client.tcp_send_buffer = 4096, .server.tcp_receive_buffer = 4096};

static int write_text(struct mnet_flow *flow, const char *text)
{
    return mnet_tcp_write(flow, text, strlen(text), NULL, MNET_NEVER);
}

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
        CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 16, MNET_NEVER), 0); /* and it stays ended */
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
    CHECK_EQUAL(mnet_tcp_get(pair.server, slices, 4, 0), 1); /* what the read left, without waiting */
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
    static const struct world_options quick = {.server.tcp_user_timeout_ns = 20 * MNET_SECOND};
    (void)state;
    world_run(silent_peer, &quick);
}

/* Every blocked reader wakes, whatever it is that ends the stream. */
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

/* ---- write ---- */

/* Reads to the end of the stream; the result is how many bytes there were, checked to be of runs of one letter each
 * `run` long. */
static int read_runs(struct world *w, struct mnet_flow *flow, size_t run, size_t *total)
{
    static char buffer[8192];
    size_t in_run = 0;
    char letter = 0;
    ptrdiff_t got;
    *total = 0;
    while ((got = mnet_tcp_read(flow, buffer, sizeof buffer, in_ms(100000))) > 0) {
        for (ptrdiff_t i = 0; i < got; i++) {
            if (in_run == 0)
                letter = buffer[i];
            CHECK_EQUAL(buffer[i], letter);
            in_run = (in_run + 1) % run;
        }
        *total += (size_t)got;
    }
    CHECK_EQUAL(got, 0);
    return 0;
}

#define RUN 20000

static int many_writers(struct world *w)
{
    static char data[4][RUN];
    struct pair pair;
    struct call calls[4] = {0};
    size_t total;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    for (int i = 0; i < 4; i++) {
        memset(data[i], 'a' + i, RUN);
        calls[i].data = data[i];
        calls[i].len = RUN;
        CHECK_EQUAL(call_start(w, &calls[i], i % 2 == 0 ? call_write : call_write_lent, pair.client), 0);
        CHECK_EQUAL(calls[i].ended, 0); /* the send buffer is smaller */
    }
    struct call closer = {0};
    CHECK_EQUAL(call_start(w, &closer, call_read, pair.client), 0); /* a reader among them disturbs nobody */
    char buffer[RUN];
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, buffer, RUN, NULL, in_ms(100000)), 0);
        CHECK(memcmp(buffer, data[i], RUN) == 0); /* in order of the calls, each in one piece */
    }
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(call_join(&calls[i]), 0);
        CHECK_EQUAL(calls[i].result, 0);
        CHECK_EQUAL(calls[i].queued, RUN);
    }
    mnet_tcp_shutdown(pair.client, MNET_SHUTDOWN_WRITE);
    CHECK_EQUAL(read_runs(w, pair.server, 1, &total), 0);
    CHECK_EQUAL(total, 0);
    mnet_tcp_close(pair.server);
    pair.server = NULL;
    CHECK_EQUAL(call_join(&closer), 0);
    world_close(&pair);
    return 0;
}

static void writers_take_turns_and_all_finish(void **state)
{
    (void)state;
    world_run(many_writers, &small);
}

static int writer_errors(struct world *w)
{
    static char data[50000];
    struct pair pair;
    struct call first = {.data = data, .len = sizeof data, .deadline = in_ms(500)};
    struct call second = {.data = data, .len = sizeof data}, third = {.data = data, .len = 10};
    size_t queued = 77;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_tcp_write(pair.client, data, sizeof data, &queued, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(queued, 4096);
    CHECK_EQUAL(call_start(w, &first, call_write, pair.client), 0);
    CHECK_EQUAL(call_start(w, &second, call_write_lent, pair.client), 0);
    CHECK_EQUAL(call_start(w, &third, call_write, pair.client), 0);
    CHECK_EQUAL(mnet_tcp_write(pair.client, data, 1, &queued, 0), MNET_E_DEADLINE); /* not before those in line */
    CHECK_EQUAL(queued, 0);
    CHECK_EQUAL(call_join(&first), 0);
    CHECK_EQUAL(first.result, MNET_E_DEADLINE);
    CHECK(first.queued > 0 && first.queued < sizeof data);
    mnet_tcp_abort(pair.server);
    pair.server = NULL;
    CHECK_EQUAL(call_join(&second), 0);
    CHECK_EQUAL(call_join(&third), 0);
    CHECK_EQUAL(second.result, MNET_E_CLOSED_BY_PEER);
    CHECK_EQUAL(third.result, MNET_E_CLOSED_BY_PEER);
    CHECK_EQUAL(third.queued, 0);
    world_close(&pair);
    return 0;
}

static void writers_all_wake_at_a_reset_and_say_what_was_queued(void **state)
{
    (void)state;
    world_run(writer_errors, &small);
}

static int writers_closed(struct world *w)
{
    static char data[50000];
    struct pair pair;
    struct call calls[2] = {{.data = data, .len = sizeof data}, {.data = data, .len = sizeof data}};
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(call_start(w, &calls[0], call_write_lent, pair.client), 0);
    CHECK_EQUAL(call_start(w, &calls[1], call_write, pair.client), 0);
    sleep_ms(5);
    mnet_tcp_close(pair.client);
    pair.client = NULL;
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(call_join(&calls[i]), 0);
        CHECK_EQUAL(calls[i].result, MNET_E_CLOSED);
    }
    size_t total;
    CHECK_EQUAL(read_runs(w, pair.server, 1, &total), 0);
    CHECK_EQUAL(total, calls[0].queued); /* what was queued is delivered */
    world_close(&pair);
    return 0;
}

static void writers_all_wake_at_close(void **state)
{
    (void)state;
    world_run(writers_closed, &small);
}

static int vectored(struct world *w)
{
    struct pair pair;
    const struct mnet_slice slices[] = {{"one ", 4}, {NULL, 0}, {"two ", 4}, {"three", 5}};
    char buffer[32];
    size_t queued;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_tcp_writev(pair.client, slices, 4, &queued, MNET_NEVER), 0);
    CHECK_EQUAL(queued, 13);
    CHECK_EQUAL(mnet_tcp_writev(pair.client, NULL, 0, &queued, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, buffer, 13, NULL, MNET_NEVER), 0);
    CHECK(memcmp(buffer, "one two three", 13) == 0);
    world_close(&pair);
    return 0;
}

static void writev_queues_the_pieces_in_order(void **state)
{
    (void)state;
    world_run(vectored, NULL);
}

static void count_release(void *context)
{
    ++*(int *)context;
}

static int lent(struct world *w)
{
    static char data[100000];
    struct pair pair;
    int released = 0;
    size_t queued, total;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = 'x';
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_tcp_write_lent(pair.client, data, sizeof data, count_release, &released, &queued, MNET_NEVER), 0);
    CHECK_EQUAL(queued, sizeof data);
    CHECK_EQUAL(released, 0); /* nothing is acknowledged yet */
    CHECK_EQUAL(mnet_tcp_write_lent(pair.client, data, 0, count_release, &released, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(released, 1);
    mnet_tcp_shutdown(pair.client, MNET_SHUTDOWN_WRITE);
    CHECK_EQUAL(read_runs(w, pair.server, 1, &total), 0);
    CHECK_EQUAL(total, sizeof data);
    sleep_ms(500);
    CHECK_EQUAL(released, 2);
    CHECK_EQUAL(mnet_tcp_write_lent(pair.client, data, 1, count_release, &released, &queued, MNET_NEVER),
                MNET_E_CLOSED);
    CHECK(queued == 0 && released == 2); /* nothing was taken: it stays the caller's */
    CHECK_EQUAL(mnet_tcp_write_lent(pair.server, data, sizeof data, count_release, &released, &queued, MNET_NEVER), 0);
    mnet_tcp_abort(pair.server);
    pair.server = NULL;
    CHECK_EQUAL(released, 3);
    world_close(&pair);
    return 0;
}

static void write_lent_releases_once(void **state)
{
    (void)state;
    world_run(lent, NULL);
}

static int half_closed(struct world *w)
{
    struct pair pair;
    char buffer[8];
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_tcp_shutdown(pair.client, MNET_SHUTDOWN_WRITE), 0);
    CHECK_EQUAL(write_text(pair.client, "x"), MNET_E_CLOSED);
    CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 8, MNET_NEVER), 0);
    CHECK_EQUAL(write_text(pair.server, "answer"), 0); /* in CLOSE-WAIT */
    CHECK_EQUAL(mnet_tcp_shutdown(pair.server, MNET_SHUTDOWN_WRITE), 0);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.client, buffer, 6, NULL, in_ms(100)), 0);
    CHECK_EQUAL(mnet_tcp_read(pair.client, buffer, 8, in_ms(100)), 0);
    CHECK_EQUAL(write_text(pair.server, "x"), MNET_E_CLOSED);
    world_close(&pair);
    return 0;
}

static void shutdown_write_closes_either_half(void **state)
{
    (void)state;
    world_run(half_closed, NULL);
}

static int shut_reading(struct world *w)
{
    struct pair pair;
    char buffer[8];
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_tcp_shutdown(pair.server, (enum mnet_shutdown)0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_shutdown(pair.server, (enum mnet_shutdown)4), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_shutdown(pair.server, MNET_SHUTDOWN_READ), 0);
    CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 8, MNET_NEVER), MNET_E_CLOSED);
    CHECK_EQUAL(write_text(pair.client, "unwanted"), 0);
    sleep_ms(10);
    CHECK_EQUAL(write_text(pair.client, "x"), MNET_E_CLOSED_BY_PEER);
    CHECK_EQUAL(mnet_tcp_read(pair.client, buffer, 8, MNET_NEVER), MNET_E_RESET);
    world_close(&pair);
    return 0;
}

static void shutdown_read_makes_the_peers_writes_fail(void **state)
{
    (void)state;
    world_run(shut_reading, NULL);
}

/* ---- write_now ---- */

static int writing_now(struct world *w)
{
    static char data[20000];
    struct pair pair;
    size_t total;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    uint64_t sent = mnet_sim_counts(w->client_host, MNET_SIM_SENDING).sent;
    CHECK_EQUAL(mnet_tcp_write_now(pair.client, "x", 1), 0);
    CHECK_EQUAL(mnet_sim_counts(w->client_host, MNET_SIM_SENDING).sent, sent + 1); /* before anything else happens */
    CHECK_EQUAL(mnet_tcp_write_now(pair.client, NULL, 0), 0);
    memset(data, 'x', sizeof data);
    CHECK_EQUAL(mnet_tcp_write_now(pair.client, data, sizeof data), 0); /* beyond the send buffer */
    mnet_tcp_shutdown(pair.client, MNET_SHUTDOWN_WRITE);
    CHECK_EQUAL(mnet_tcp_write_now(pair.client, "x", 1), MNET_E_CLOSED);
    CHECK_EQUAL(read_runs(w, pair.server, 1, &total), 0);
    CHECK_EQUAL(total, sizeof data + 1);
    world_close(&pair);
    return 0;
}

static void write_now_transmits_at_once_beyond_the_buffer(void **state)
{
    (void)state;
    world_run(writing_now, &small);
}

/* Bytes of write_now follow those of the write in progress, and come before those of the next. */
static int write_now_behind(struct world *w, bool close_early)
{
    static char first[RUN], now[RUN], second[RUN], buffer[RUN];
    struct pair pair;
    struct call calls[2] = {{.data = first, .len = RUN}, {.data = second, .len = RUN}};
    memset(first, '1', RUN);
    memset(now, 'n', RUN);
    memset(second, '2', RUN);
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(call_start(w, &calls[0], call_write, pair.client), 0);
    CHECK_EQUAL(call_start(w, &calls[1], call_write, pair.client), 0);
    CHECK_EQUAL(mnet_tcp_write_now(pair.client, now, RUN / 2), 0);
    CHECK_EQUAL(mnet_tcp_write_now(pair.client, now + RUN / 2, RUN / 2), 0);
    if (close_early) {
        mnet_tcp_close(pair.client); /* the write in progress ends where it is, the promised bytes go out */
        pair.client = NULL;
        CHECK_EQUAL(call_join(&calls[0]), 0);
        CHECK_EQUAL(call_join(&calls[1]), 0);
        CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, buffer, calls[0].queued, NULL, in_ms(10000)), 0);
        CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, buffer, RUN, NULL, in_ms(10000)), 0);
        CHECK(memcmp(buffer, now, RUN) == 0);
        CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 1, in_ms(10000)), 0);
        world_close(&pair);
        return 0;
    }
    const char *wanted[] = {first, now, second};
    for (int i = 0; i < 3; i++) {
        CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, buffer, RUN, NULL, in_ms(10000)), 0);
        CHECK(memcmp(buffer, wanted[i], RUN) == 0);
    }
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(call_join(&calls[i]), 0);
        CHECK_EQUAL(calls[i].result, 0);
    }
    world_close(&pair);
    return 0;
}

static int write_now_in_between(struct world *w)
{
    return write_now_behind(w, false);
}

static int write_now_then_close(struct world *w)
{
    return write_now_behind(w, true);
}

static void write_now_follows_the_write_in_progress(void **state)
{
    (void)state;
    world_run(write_now_in_between, &small);
}

static void write_now_is_delivered_by_close(void **state)
{
    (void)state;
    world_run(write_now_then_close, &small);
}

/* A finaliser may use write_now and close, whatever ended its task. */
static void say_goodbye(void *flow)
{
    mnet_tcp_write_now(flow, "bye", 3);
    mnet_tcp_close(flow);
}

static int owner(void *argument)
{
    struct mnet_owned owned;
    char byte;
    mnet_own(&owned, say_goodbye, argument);
    return (int)mnet_tcp_read(argument, &byte, 1, MNET_NEVER);
}

static int finalised(struct world *w)
{
    struct pair pair;
    struct mnet_task *task;
    char buffer[8];
    int result;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_spawn(&task, owner, pair.client), 0);
    pair.client = NULL;
    sleep_ms(1);
    mnet_cancel(task);
    CHECK_EQUAL(mnet_join(task, &result, MNET_NEVER), 0);
    CHECK_EQUAL(result, MNET_E_CANCELLED);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, buffer, 3, NULL, in_ms(100)), 0);
    CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 8, in_ms(100)), 0);
    world_close(&pair);
    return 0;
}

static void write_now_and_close_work_in_finalisers(void **state)
{
    (void)state;
    world_run(finalised, NULL);
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
    static const struct world_options quick = {.server.tcp_orphan_ns = 20 * MNET_SECOND};
    (void)state;
    world_run(orphan, &quick);
}

/* ---- memory ---- */

/* A send buffer that is larger than the memory, and a peer that does not read: one connection uses the memory up, and
 * waits for its peer. Another one, which has nothing to wait for, is told instead of hanging. What was queued is
 * delivered whole, and then there is memory again. */
static int short_of_memory(struct world *w)
{
    static char data[4 << 20];
    struct pair pair, other;
    size_t queued, total = 0, rest;
    memset(data, 'x', sizeof data);
    CHECK_EQUAL(world_connect(w, &pair), 0);
    other.listener = pair.listener;
    CHECK_EQUAL(world_connect_to(w, &other), 0);
    CHECK_EQUAL(mnet_tcp_write(pair.client, data, sizeof data, &queued, in_ms(2000)), MNET_E_DEADLINE);
    CHECK(queued > 100000 && queued < 2 << 20);
    uint64_t before = mnet_now();
    int error = mnet_tcp_write(other.client, data, 50000, NULL, MNET_NEVER);
    CHECK(error == 0 || error == MNET_E_NO_MEMORY); /* as what the first one leaves is enough or not */
    CHECK(mnet_now() - before < 2 * MNET_SECOND);
    mnet_tcp_abort(other.client);
    mnet_tcp_abort(other.server);
    CHECK_EQUAL(mnet_tcp_write_now(pair.client, data, sizeof data), MNET_E_NO_MEMORY);
    struct call writer = {.data = data, .len = 50000};
    CHECK_EQUAL(call_start(w, &writer, call_write, pair.client), 0);
    CHECK_EQUAL(mnet_tcp_write_now(pair.client, data, sizeof data), MNET_E_NO_MEMORY); /* behind the other write */
    while (writer.ended == 0) {
        ptrdiff_t got = mnet_tcp_read(pair.server, data, sizeof data, in_ms(30000));
        CHECK(got > 0);
        total += (size_t)got;
    }
    CHECK_EQUAL(writer.result, 0);
    CHECK_EQUAL(call_join(&writer), 0);
    mnet_tcp_shutdown(pair.client, MNET_SHUTDOWN_WRITE);
    CHECK_EQUAL(read_runs(w, pair.server, 1, &rest), 0);
    CHECK_EQUAL(total + rest, queued + 50000);
    world_close(&pair);
    return 0;
}

#define HELD 4096

/* Takes all the memory there is for sending, as others may do. */
static int hold_memory(struct mnet_stack *stack, struct mnet_buffer **held)
{
    int count = 0;
    while (count < HELD && (held[count] = mnet_buffer_alloc_tx(stack->memory, MNET_BUFFER_LARGE)) != NULL)
        count++;
    while (count < HELD && (held[count] = mnet_buffer_alloc_tx(stack->memory, 1)) != NULL)
        count++;
    return count;
}

static int no_memory_at_all(struct world *w)
{
    static struct mnet_buffer *held[HELD];
    struct pair pair;
    char data[100] = "x";
    size_t queued, total;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    int count = hold_memory(w->client, held);
    CHECK(count > 10 && count < HELD);
    uint64_t before = mnet_now();
    CHECK_EQUAL(mnet_tcp_write(pair.client, data, 100, &queued, MNET_NEVER), MNET_E_NO_MEMORY);
    CHECK_EQUAL(queued, 0);
    CHECK(mnet_now() - before > MNET_SECOND / 2 && mnet_now() - before < 2 * MNET_SECOND);
    CHECK_EQUAL(mnet_tcp_write(pair.client, data, 100, NULL, in_ms(20)), MNET_E_NO_MEMORY);
    CHECK_EQUAL(mnet_tcp_write(pair.client, data, 100, NULL, 0), MNET_E_NO_MEMORY);
    CHECK_EQUAL(mnet_tcp_write_now(pair.client, data, 100), MNET_E_NO_MEMORY);
    struct call writer = {.data = data, .len = 100};
    CHECK_EQUAL(call_start(w, &writer, call_write, pair.client), 0);
    sleep_ms(100);
    CHECK_EQUAL(writer.ended, 0);
    while (count > 0)
        mnet_buffer_free(held[--count]);
    CHECK_EQUAL(call_join(&writer), 0);
    CHECK_EQUAL(writer.result, 0); /* it tried again */
    mnet_tcp_close(pair.client);
    pair.client = NULL;
    CHECK_EQUAL(read_runs(w, pair.server, 1, &total), 0);
    CHECK_EQUAL(total, 100);
    world_close(&pair);
    return 0;
}

static void write_without_any_memory_tries_again_and_gives_up(void **state)
{
    static const struct world_options scarce = {.client.memory_size = 2 << 20};
    (void)state;
    world_run(no_memory_at_all, &scarce);
}

/* Bytes put aside behind a write, when there is no memory left to queue them as that write ends: they are not lost,
 * nobody else's come before them, and a poll queues them when it can. */
static int deferred_without_memory(struct world *w)
{
    static char first[20000], now[1000], buffer[20000];
    static struct mnet_buffer *held[HELD];
    struct pair pair;
    struct call writer = {.data = first, .len = sizeof first}, next = {.data = first, .len = 500};
    memset(first, '1', sizeof first);
    memset(now, 'n', sizeof now);
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(call_start(w, &writer, call_write, pair.client), 0);
    CHECK_EQUAL(writer.ended, 0);
    for (int i = 0; i < 50; i++)
        CHECK_EQUAL(mnet_tcp_write_now(pair.client, now + i * 20, 20), 0);
    CHECK_EQUAL(call_start(w, &next, call_write, pair.client), 0);
    mnet_cancel(writer.task);
    int count = hold_memory(w->client, held);
    CHECK_EQUAL(call_join(&writer), 0);
    CHECK_EQUAL(writer.result, MNET_E_CANCELLED);
    sleep_ms(200);
    while (count > 0)
        mnet_buffer_free(held[--count]);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, buffer, writer.queued, NULL, in_ms(10000)), 0);
    CHECK(memcmp(buffer, first, writer.queued) == 0);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, buffer, sizeof now, NULL, in_ms(10000)), 0);
    CHECK(memcmp(buffer, now, sizeof now) == 0);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, buffer, 500, NULL, in_ms(10000)), 0);
    CHECK_EQUAL(call_join(&next), 0);
    CHECK_EQUAL(next.result, 0);
    world_close(&pair);
    return 0;
}

static void write_now_deferred_without_memory_is_not_lost(void **state)
{
    static const struct world_options scarce = {
        .client = {.memory_size = 2 << 20, .tcp_send_buffer = 4096},
        .server.tcp_receive_buffer = 4096,
    };
    (void)state;
    world_run(deferred_without_memory, &scarce);
}

static void write_short_of_memory_recovers(void **state)
{
    static const struct world_options scarce = {
        .client = {.memory_size = 2 << 20, .tcp_send_buffer = 8 << 20},
        .server = {.memory_size = 8 << 20, .tcp_receive_buffer = 65536},
    };
    (void)state;
    world_run(short_of_memory, &scarce);
}

/* ---- fairness, notices, arguments ---- */

static int spin(void *argument)
{
    const bool *stop = argument;
    while (!*stop)
        mnet_yield();
    return 0;
}

/* With a task that is always runnable, virtual time stands still: all that happens, happens because the network is
 * polled. */
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
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.client, NULL, 1, NULL, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_get(pair.client, NULL, 1, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_get(pair.client, &slice, 0, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_get(pair.client, &slice, -1, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_write(pair.client, NULL, 1, &queued, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(queued, 0);
    CHECK_EQUAL(mnet_tcp_writev(pair.client, &slice, 1, NULL, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_writev(pair.client, NULL, 1, NULL, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_writev(pair.client, &slice, -1, NULL, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_write_lent(pair.client, &byte, 1, NULL, NULL, NULL, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_write_lent(pair.client, NULL, 1, count_release, NULL, NULL, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tcp_write_now(pair.client, NULL, 1), MNET_E_INVALID);
    sleep_ms(10);
    CHECK_EQUAL(mnet_stack_counters(w->client)->value[MNET_COUNT_TX_FRAMES], sent);
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
        cmocka_unit_test(writers_take_turns_and_all_finish),
        cmocka_unit_test(writers_all_wake_at_a_reset_and_say_what_was_queued),
        cmocka_unit_test(writers_all_wake_at_close),
        cmocka_unit_test(writev_queues_the_pieces_in_order),
        cmocka_unit_test(write_lent_releases_once),
        cmocka_unit_test(shutdown_write_closes_either_half),
        cmocka_unit_test(shutdown_read_makes_the_peers_writes_fail),
        cmocka_unit_test(write_now_transmits_at_once_beyond_the_buffer),
        cmocka_unit_test(write_now_follows_the_write_in_progress),
        cmocka_unit_test(write_now_is_delivered_by_close),
        cmocka_unit_test(write_now_and_close_work_in_finalisers),
        cmocka_unit_test(close_with_unread_data_resets),
        cmocka_unit_test(close_then_data_of_the_peer_resets),
        cmocka_unit_test(close_delivers_what_is_queued),
        cmocka_unit_test(close_orphan_times_out),
        cmocka_unit_test(write_short_of_memory_recovers),
        cmocka_unit_test(write_without_any_memory_tries_again_and_gives_up),
        cmocka_unit_test(write_now_deferred_without_memory_is_not_lost),
        cmocka_unit_test(network_is_polled_while_tasks_are_runnable),
        cmocka_unit_test(notify_says_what_has_become_ready),
        cmocka_unit_test(stream_invalid_arguments_have_no_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
