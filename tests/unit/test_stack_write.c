/* Writing: each promise of mnet/tcp.h about it, between two simulated hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ports/sim/internal.h"
#include "support/stream.h"

/* A small send buffer and window, so that writers have to wait. */
static const struct world_options small = {.client.tcp.send_buffer = 4096, .server.tcp.receive_buffer = 4096};

/* ---- write ---- */

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
    /* A reader among them does not disturb them. */
    CHECK_EQUAL(call_start(w, &closer, call_read, pair.client), 0);
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
    /* Not before those in line. */
    CHECK_EQUAL(mnet_tcp_write(pair.client, data, 1, &queued, 0), MNET_E_DEADLINE);
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
    CHECK_EQUAL(total, calls[0].queued); /* queued data is delivered */
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
    CHECK(queued == 0 && released == 2); /* nothing was queued: it stays the caller's */
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

/* A server that has read enough of a request answers and closes, while the rest of the request is
 * still arriving. */
static int answer_early(struct world *w)
{
    static char body[200000], answer[30000];
    struct pair pair;
    struct call rest = {.data = body, .len = sizeof body, .deadline = MNET_NEVER};
    size_t got = 0;
    char buffer[8];
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(call_start(w, &rest, call_write, pair.client), 0);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, buffer, 8, NULL, MNET_NEVER), 0);
    sleep_ms(20); /* more has arrived */
    CHECK_EQUAL(mnet_tcp_shutdown(pair.server, MNET_SHUTDOWN_READ), 0);
    CHECK_EQUAL(mnet_tcp_write(pair.server, answer, sizeof answer, NULL, MNET_NEVER), 0);
    mnet_tcp_close(pair.server);
    pair.server = NULL;
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.client, answer, sizeof answer, &got, in_ms(5000)), 0);
    CHECK_EQUAL(got, sizeof answer);
    CHECK_EQUAL(call_join(&rest), 0);
    world_close(&pair);
    return 0;
}

static void shutdown_read_lets_the_answer_arrive(void **state)
{
    (void)state;
    world_run(answer_early, NULL);
}

static void note_ready(void *context, unsigned ready)
{
    *(unsigned *)context |= ready;
}

/* A peer that reads a little and then nothing: the rest of the write fits behind the data that
 * waits for its window, long before half of the buffer is free. */
static int rest_fits(struct world *w)
{
    static char data[9000];
    char buffer[2000];
    struct pair pair;
    struct call call = {.data = data, .len = 4096 + 4096 + 500, .deadline = in_ms(100000)};
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(call_start(w, &call, call_write, pair.client), 0);
    sleep_ms(1000); /* the window is full, and the buffer */
    CHECK_EQUAL(call.ended, 0);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, buffer, sizeof buffer, NULL, in_ms(1000)), 0);
    sleep_ms(5000); /* less than half of the buffer was sent */
    CHECK(call.ended != 0);
    CHECK_EQUAL(call.result, 0);
    CHECK_EQUAL(call.queued, call.len);
    CHECK_EQUAL(call_join(&call), 0);
    mnet_tcp_abort(pair.client);
    pair.client = NULL;
    world_close(&pair);
    return 0;
}

static void write_returns_when_the_rest_fits(void **state)
{
    (void)state;
    world_run(rest_fits, &small);
}

/* The part that a write could not queue by its deadline does not fit. Readiness agrees, and
 * write_now changes it. */
static int deadline_tries_again(struct world *w)
{
    static char data[60000];
    char buffer[1500];
    struct pair pair;
    size_t queued, more;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    struct call call = {.data = data, .len = sizeof data, .deadline = in_ms(5000)};
    CHECK_EQUAL(call_start(w, &call, call_write, pair.client), 0);
    CHECK_EQUAL(mnet_tcp_ready(pair.client) & MNET_WRITABLE, 0); /* another write is in progress */
    sleep_ms(2000);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, buffer, sizeof buffer, NULL, in_ms(100)), 0);
    CHECK_EQUAL(call_join(&call), 0);
    CHECK_EQUAL(call.result, MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_tcp_ready(pair.client) & MNET_WRITABLE, 0);
    queued = call.queued;
    CHECK_EQUAL(mnet_tcp_write(pair.client, data, 1000, &more, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(more, 0); /* the last try used all the room */
    CHECK(queued > 4096 + 4096);
    mnet_tcp_abort(pair.client);
    pair.client = NULL;
    world_close(&pair);
    return 0;
}

static void write_looks_once_more_at_its_deadline(void **state)
{
    (void)state;
    world_run(deadline_tries_again, &small);
}

/* A writer that asks before each write_now queues little more than the send buffer for a peer that
 * does not read, and goes on when the peer does, also while another task is inside a write. */
static int echo_politely(struct world *w, bool behind_a_write)
{
    static char data[20000], buffer[60000];
    struct pair pair;
    struct call call = {.data = data, .len = sizeof data, .deadline = MNET_NEVER};
    size_t queued = 0, total = 0;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    if (behind_a_write) {
        CHECK_EQUAL(call_start(w, &call, call_write, pair.client), 0);
        CHECK_EQUAL(mnet_tcp_ready(pair.client) & MNET_WRITABLE, 0);
        total = sizeof data;
    }
    for (int round = 0; round < 20; round++) {
        while (mnet_tcp_ready(pair.client) & MNET_WRITABLE) {
            CHECK_EQUAL(mnet_tcp_write_now(pair.client, data, 1000), 0);
            queued += 1000;
            CHECK(queued <= 4096 + 4096 + 1000);
        }
        sleep_ms(100);
    }
    CHECK(behind_a_write ? queued == 0 : queued >= 4096);
    if (behind_a_write)
        CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, buffer, sizeof data, NULL, in_ms(10000)), 0);
    else
        CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, buffer, queued, NULL, in_ms(10000)), 0);
    CHECK_EQUAL(mnet_tcp_wait(pair.client, MNET_WRITABLE, in_ms(1000)), MNET_WRITABLE);
    if (behind_a_write)
        CHECK_EQUAL(call_join(&call), 0);
    CHECK(total == 0 || call.queued == total);
    world_close(&pair);
    return 0;
}

static int polite(struct world *w)
{
    return echo_politely(w, false);
}

static int polite_behind_a_write(struct world *w)
{
    return echo_politely(w, true);
}

static void write_now_makes_a_flow_unready(void **state)
{
    (void)state;
    world_run(polite, &small);
    world_run(polite_behind_a_write, &small);
}

/* A task that waits for room while another one writes is told when that one leaves. */
static int wait_behind_a_write(struct world *w)
{
    static char data[20000], buffer[20000];
    struct pair pair;
    struct call call = {.data = data, .len = sizeof data, .deadline = in_ms(500)};
    unsigned told = 0;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(call_start(w, &call, call_write, pair.client), 0);
    mnet_tcp_notify(pair.client, note_ready, &told);
    CHECK_EQUAL(mnet_tcp_wait(pair.client, MNET_WRITABLE, in_ms(400)), MNET_E_DEADLINE);
    CHECK_EQUAL(told & MNET_WRITABLE, 0);
    CHECK_EQUAL(call_join(&call), 0);
    CHECK_EQUAL(call.result, MNET_E_DEADLINE);
    /* The buffer is full. */
    CHECK_EQUAL(mnet_tcp_wait(pair.client, MNET_WRITABLE, in_ms(100)), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, buffer, 4096, NULL, in_ms(2000)), 0);
    CHECK_EQUAL(mnet_tcp_wait(pair.client, MNET_WRITABLE, in_ms(2000)), MNET_WRITABLE);
    CHECK(told & MNET_WRITABLE);
    world_close(&pair);
    return 0;
}

static void wait_for_room_behind_a_write_ends(void **state)
{
    (void)state;
    world_run(wait_behind_a_write, &small);
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
    /* Before any other event. */
    CHECK_EQUAL(mnet_sim_counts(w->client_host, MNET_SIM_SENDING).sent, sent + 1);
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

/* Bytes of write_now follow those of the write in progress, and come before those of the next
 * one. */
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
        /* The write in progress ends at its place, and the promised bytes are sent. */
        mnet_tcp_close(pair.client);
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

/* A finaliser may use write_now and close, after any end of its task. It cannot wait for the
 * acknowledgement, and loses nothing by trying. */
struct departure {
    struct mnet_flow *flow;
    bool wait;
    int result;
};

static void say_goodbye(void *resource)
{
    struct departure *departure = resource;
    departure->result = mnet_tcp_write_now(departure->flow, "bye", 3);
    if (departure->wait)
        departure->result = mnet_tcp_close_wait(departure->flow, MNET_NEVER);
    else
        mnet_tcp_close(departure->flow);
}

static int owner(void *argument)
{
    struct departure *departure = argument;
    struct mnet_owned owned;
    char byte;
    mnet_own(&owned, say_goodbye, departure);
    mnet_exit((int)mnet_tcp_read(departure->flow, &byte, 1, MNET_NEVER));
}

static int leave(struct world *w, bool wait)
{
    struct pair pair;
    struct mnet_task *task;
    char buffer[8];
    int result;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    struct departure departure = {.flow = pair.client, .wait = wait};
    CHECK_EQUAL(mnet_spawn(&task, owner, &departure), 0);
    pair.client = NULL;
    sleep_ms(1);
    mnet_cancel(task);
    CHECK_EQUAL(mnet_join(task, &result, MNET_NEVER), 0);
    CHECK_EQUAL(result, MNET_E_CANCELLED);
    CHECK_EQUAL(departure.result, wait ? MNET_E_INVALID : 0);
    CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, buffer, 3, NULL, in_ms(100)), 0);
    CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 8, in_ms(100)), 0);
    world_close(&pair);
    return 0;
}

static int finalised(struct world *w)
{
    int failed = leave(w, false);
    return failed != 0 ? failed : leave(w, true);
}

static void write_now_and_close_work_in_finalisers(void **state)
{
    (void)state;
    world_run(finalised, NULL);
}

/* ---- memory ---- */

/* A send buffer that is larger than the memory, and a peer that does not read: one connection uses
 * the memory up, and waits for its peer. Another connection, which has nothing to wait for, gets an
 * error instead of hanging. Queued data is delivered whole, and then there is memory again. */
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
    /* The memory left by the first may be enough or not. */
    CHECK(error == 0 || error == MNET_E_NO_MEMORY);
    CHECK(mnet_now() - before < 2 * MNET_SECOND);
    mnet_tcp_abort(other.client);
    mnet_tcp_abort(other.server);
    CHECK_EQUAL(mnet_tcp_write_now(pair.client, data, sizeof data), MNET_E_NO_MEMORY);
    struct call writer = {.data = data, .len = 50000};
    CHECK_EQUAL(call_start(w, &writer, call_write, pair.client), 0);
    /* Behind the other write. */
    CHECK_EQUAL(mnet_tcp_write_now(pair.client, data, sizeof data), MNET_E_NO_MEMORY);
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

/* Takes all memory for sending. */
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

/* Bytes put aside behind a write, if there is no memory left to queue them as that write ends: they
 * are not lost, no other bytes come before them, and a poll queues them when it can. */
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
        .client = {.memory_size = 2 << 20, .tcp.send_buffer = 4096},
        .server.tcp.receive_buffer = 4096,
    };
    (void)state;
    world_run(deferred_without_memory, &scarce);
}

static void write_short_of_memory_recovers(void **state)
{
    static const struct world_options scarce = {
        .client = {.memory_size = 2 << 20, .tcp.send_buffer = 8 << 20},
        .server = {.memory_size = 8 << 20, .tcp.receive_buffer = 65536},
    };
    (void)state;
    world_run(short_of_memory, &scarce);
}

/* ---- Computing before writing ---- */

/* The round trip of bytes begins when they leave, not when the turn of tasks began in which a task
 * computed for long and then wrote them. */
static int computing(struct world *w)
{
    struct pair pair;
    struct mnet_tcp_info info;
    char byte;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    sleep_ms(100);
    for (int i = 0; i < 10; i++) {
        w->sim->now += 50 * MNET_MILLISECOND; /* the task computes */
        CHECK_EQUAL(write_text(pair.client, "x"), 0);
        CHECK_EQUAL(mnet_tcp_read_exactly(pair.server, &byte, 1, NULL, MNET_NEVER), 0);
        CHECK_EQUAL(write_text(pair.server, "y"), 0);
        CHECK_EQUAL(mnet_tcp_read_exactly(pair.client, &byte, 1, NULL, MNET_NEVER), 0);
    }
    mnet_tcp_info(pair.client, &info);
    CHECK(info.rtt_ns >= 2 * MNET_MILLISECOND && info.rtt_ns < 3 * MNET_MILLISECOND);
    world_close(&pair);
    return 0;
}

static void computing_does_not_lengthen_round_trips(void **state)
{
    (void)state;
    world_run_both(computing, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computing_does_not_lengthen_round_trips),
        cmocka_unit_test(writers_take_turns_and_all_finish),
        cmocka_unit_test(writers_all_wake_at_a_reset_and_say_what_was_queued),
        cmocka_unit_test(writers_all_wake_at_close),
        cmocka_unit_test(writev_queues_the_pieces_in_order),
        cmocka_unit_test(write_lent_releases_once),
        cmocka_unit_test(shutdown_write_closes_either_half),
        cmocka_unit_test(shutdown_read_makes_the_peers_writes_fail),
        cmocka_unit_test(write_returns_when_the_rest_fits),
        cmocka_unit_test(write_looks_once_more_at_its_deadline),
        cmocka_unit_test(write_now_makes_a_flow_unready),
        cmocka_unit_test(wait_for_room_behind_a_write_ends),
        cmocka_unit_test(shutdown_read_lets_the_answer_arrive),
        cmocka_unit_test(write_now_transmits_at_once_beyond_the_buffer),
        cmocka_unit_test(write_now_follows_the_write_in_progress),
        cmocka_unit_test(write_now_is_delivered_by_close),
        cmocka_unit_test(write_now_and_close_work_in_finalisers),
        cmocka_unit_test(write_short_of_memory_recovers),
        cmocka_unit_test(write_without_any_memory_tries_again_and_gives_up),
        cmocka_unit_test(write_now_deferred_without_memory_is_not_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
