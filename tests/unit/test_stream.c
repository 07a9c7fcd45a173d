/* Streams (mnet/stream.h): a flow through the table of operations, and code that runs on any
 * carrier. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/stream.h"

static int flow_calls(struct world *w)
{
    struct pair pair;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    struct mnet_stream client = mnet_tcp_stream(pair.client), server = mnet_tcp_stream(pair.server);
    char buffer[16];
    size_t queued = 7;
    CHECK_EQUAL(mnet_stream_ready(server), MNET_WRITABLE);
    CHECK_EQUAL(mnet_stream_read(server, buffer, sizeof buffer, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_stream_write(client, "abcdef", 6, &queued, MNET_NEVER), 0);
    CHECK_EQUAL(queued, 6);
    CHECK_EQUAL(mnet_stream_wait(server, MNET_READABLE, MNET_NEVER), MNET_READABLE);
    CHECK_EQUAL(mnet_stream_read(server, buffer, 2, 0), 2);
    CHECK(memcmp(buffer, "ab", 2) == 0);
    struct mnet_slice slices[2];
    CHECK_EQUAL(mnet_stream_get(server, slices, 2, 0), 1);
    CHECK(slices[0].len == 4 && memcmp(slices[0].data, "cdef", 4) == 0);
    mnet_stream_release(server);
    CHECK_EQUAL(mnet_stream_shutdown(client, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_stream_shutdown(client, MNET_SHUTDOWN_WRITE), 0);
    CHECK_EQUAL(mnet_stream_read(server, buffer, sizeof buffer, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_stream_write(client, "x", 1, NULL, MNET_NEVER), MNET_E_CLOSED);
    mnet_stream_close(client);
    mnet_stream_abort(server);
    pair.client = pair.server = NULL;
    world_close(&pair);
    return 0;
}

static void flow_operations_are_the_calls_of_tcp(void **state)
{
    (void)state;
    world_run(flow_calls, NULL);
}

static int flow_names(struct world *w)
{
    struct pair pair;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    struct mnet_endpoint local, remote, expected;
    char text[MNET_TCP_TEXT], other[MNET_TCP_TEXT];
    CHECK_EQUAL(mnet_stream_peers(mnet_tcp_stream(pair.server), &local, &remote), 0);
    mnet_tcp_peers(pair.client, &expected, NULL);
    CHECK(mnet_address_equal(remote.address, expected.address));
    CHECK_EQUAL(remote.port, expected.port);
    CHECK_EQUAL(local.port, 80);
    CHECK(mnet_stream_describe(mnet_tcp_stream(pair.server), text, sizeof text) == text);
    CHECK(strcmp(text, mnet_tcp_describe(pair.server, other, sizeof other)) == 0);
    world_close(&pair);
    return 0;
}

static void flow_has_peers_and_a_description(void **state)
{
    (void)state;
    world_run(flow_names, NULL);
}

static void note_ready(void *context, unsigned ready)
{
    *(unsigned *)context |= ready;
}

static int flow_notices(struct world *w)
{
    struct pair pair;
    unsigned noted = 0;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    struct mnet_stream server = mnet_tcp_stream(pair.server);
    mnet_stream_notify(server, note_ready, &noted);
    CHECK_EQUAL(write_text(pair.client, "a"), 0);
    sleep_ms(5);
    CHECK(noted & MNET_READABLE);
    mnet_stream_notify(server, NULL, NULL);
    noted = 0;
    CHECK_EQUAL(write_text(pair.client, "b"), 0);
    sleep_ms(5);
    CHECK_EQUAL(noted, 0);
    world_close(&pair);
    return 0;
}

static void flow_notifies_until_told_to_stop(void **state)
{
    (void)state;
    world_run(flow_notices, NULL);
}

/* A stream of the test's own, which returns the bytes written to it. */
struct loop {
    char bytes[64];
    size_t start, end;
    bool ended;
    unsigned closed, aborted;
};

static ptrdiff_t loop_read(void *object, void *buffer, size_t len, uint64_t deadline)
{
    (void)deadline;
    struct loop *loop = object;
    size_t n = loop->end - loop->start;
    if (n == 0)
        return loop->ended ? 0 : MNET_E_DEADLINE;
    n = n < len ? n : len;
    memcpy(buffer, loop->bytes + loop->start, n);
    loop->start += n;
    return (ptrdiff_t)n;
}

static ptrdiff_t loop_get(void *object, struct mnet_slice *slices, int max, uint64_t deadline)
{
    (void)max, (void)deadline;
    struct loop *loop = object;
    if (loop->start == loop->end)
        return loop->ended ? 0 : MNET_E_DEADLINE;
    slices[0] = (struct mnet_slice){.data = (uint8_t *)loop->bytes + loop->start,
                                    .len = (uint32_t)(loop->end - loop->start)};
    loop->start = loop->end;
    return 1;
}

static void loop_release(void *object)
{
    (void)object;
}

static int loop_write(void *object, const void *data, size_t len, size_t *queued, uint64_t deadline)
{
    (void)deadline;
    struct loop *loop = object;
    bool fits = len <= sizeof loop->bytes - loop->end;
    if (fits) {
        memcpy(loop->bytes + loop->end, data, len);
        loop->end += len;
    }
    if (queued != NULL)
        *queued = fits ? len : 0;
    return fits ? MNET_OK : MNET_E_DEADLINE;
}

static int loop_shutdown(void *object, enum mnet_shutdown how)
{
    (void)how;
    ((struct loop *)object)->ended = true;
    return MNET_OK;
}

static void loop_close(void *object)
{
    ((struct loop *)object)->closed++;
}

static void loop_abort(void *object)
{
    ((struct loop *)object)->aborted++;
}

static unsigned loop_ready(const void *object)
{
    const struct loop *loop = object;
    return MNET_WRITABLE | (loop->start < loop->end || loop->ended ? MNET_READABLE : 0u);
}

static int loop_wait(void *object, unsigned wanted, uint64_t deadline)
{
    (void)deadline;
    unsigned ready = loop_ready(object) & wanted;
    return ready != 0 ? (int)ready : MNET_E_DEADLINE;
}

static void loop_notify(void *object, void (*notify)(void *context, unsigned ready), void *context)
{
    if (notify != NULL)
        notify(context, loop_ready(object));
}

static char *loop_describe(const void *object, char *text, size_t size)
{
    (void)object;
    snprintf(text, size, "loop");
    return text;
}

static const struct mnet_stream_ops loop_ops = {
    loop_read,  loop_get,   loop_release, loop_write,  loop_shutdown, loop_close,
    loop_abort, loop_ready, loop_wait,    loop_notify, NULL,          loop_describe,
};

/* Acts as an upper layer, in terms of streams alone: sends a request, the end of it, and gets the
 * same bytes back. */
static int ask(struct mnet_stream to, struct mnet_stream from, char *answer, size_t size)
{
    size_t got = 0;
    ptrdiff_t n;
    int error = mnet_stream_write(to, "a request", 9, NULL, MNET_NEVER);
    if (error == MNET_OK)
        error = mnet_stream_shutdown(to, MNET_SHUTDOWN_WRITE);
    if (error < 0)
        return error;
    while ((n = mnet_stream_read(from, answer + got, size - got, MNET_NEVER)) > 0)
        got += (size_t)n;
    return n < 0 ? (int)n : (int)got;
}

static int carriers(struct world *w)
{
    char answer[32];
    struct pair pair;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(ask(mnet_tcp_stream(pair.client), mnet_tcp_stream(pair.server), answer, sizeof answer), 9);
    CHECK(memcmp(answer, "a request", 9) == 0);
    world_close(&pair);

    struct loop loop = {0};
    struct mnet_stream stream = {&loop_ops, &loop};
    memset(answer, 0, sizeof answer);
    CHECK_EQUAL(ask(stream, stream, answer, sizeof answer), 9);
    CHECK(memcmp(answer, "a request", 9) == 0);
    CHECK_EQUAL(mnet_stream_peers(stream, NULL, NULL), MNET_E_INVALID);
    CHECK(strcmp(mnet_stream_describe(stream, answer, sizeof answer), "loop") == 0);
    mnet_stream_abort(stream);
    mnet_stream_close(stream);
    CHECK(loop.closed == 1 && loop.aborted == 1);
    return 0;
}

static void code_on_streams_runs_on_any_carrier(void **state)
{
    (void)state;
    world_run(carriers, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flow_operations_are_the_calls_of_tcp),
        cmocka_unit_test(flow_has_peers_and_a_description),
        cmocka_unit_test(flow_notifies_until_told_to_stop),
        cmocka_unit_test(code_on_streams_runs_on_any_carrier),
    };
    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
