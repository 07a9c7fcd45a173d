/* Readiness and pending errors of connections and endpoints: mnet_tcp_ready, mnet_tcp_error,
 * mnet_udp_error; and the segments of a short connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/stream.h"

#define ENDS (MNET_ENDED | MNET_HUNG_UP | MNET_FAILED)

static int half_close(struct world *w)
{
    struct pair pair;
    char buffer[8];
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_tcp_ready(pair.server) & ENDS, 0);
    CHECK_EQUAL(write_text(pair.client, "abc"), 0);
    CHECK_EQUAL(mnet_tcp_shutdown(pair.client, MNET_SHUTDOWN_WRITE), 0);
    CHECK_EQUAL(mnet_tcp_ready(pair.client) & ENDS, 0);
    /* Told while the bytes before it are unread. */
    CHECK_EQUAL(mnet_tcp_wait(pair.server, MNET_ENDED, in_ms(100)), MNET_ENDED);
    CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 8, 0), 3);
    CHECK_EQUAL(mnet_tcp_ready(pair.server), MNET_READABLE | MNET_WRITABLE | MNET_ENDED);
    CHECK_EQUAL(mnet_tcp_shutdown(pair.server, MNET_SHUTDOWN_WRITE), 0);
    CHECK_EQUAL(mnet_tcp_ready(pair.server) & ENDS, MNET_ENDED | MNET_HUNG_UP);
    CHECK_EQUAL(mnet_tcp_wait(pair.client, MNET_HUNG_UP, in_ms(100)), MNET_HUNG_UP);
    sleep_ms(10);
    CHECK_EQUAL(mnet_tcp_error(pair.server), 0);
    CHECK_EQUAL(mnet_tcp_error(pair.client), 0);
    CHECK_EQUAL(mnet_tcp_ready(pair.server) & ENDS, MNET_ENDED | MNET_HUNG_UP);
    world_close(&pair);
    return 0;
}

static void ready_tells_the_ends_of_both_directions(void **state)
{
    (void)state;
    world_run_both(half_close, NULL);
}

static int reading_shut(struct world *w)
{
    struct pair pair;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_tcp_shutdown(pair.client, MNET_SHUTDOWN_READ), 0);
    CHECK_EQUAL(mnet_tcp_ready(pair.client) & ENDS, MNET_ENDED);
    CHECK_EQUAL(mnet_tcp_shutdown(pair.client, MNET_SHUTDOWN_WRITE), 0);
    CHECK_EQUAL(mnet_tcp_ready(pair.client) & ENDS, MNET_ENDED | MNET_HUNG_UP);
    world_close(&pair);
    return 0;
}

static void ready_tells_of_shutdown_of_reading(void **state)
{
    (void)state;
    world_run_both(reading_shut, NULL);
}

static int after_a_reset(struct world *w)
{
    struct pair pair;
    char buffer[8];
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(write_text(pair.client, "last"), 0);
    sleep_ms(10);
    mnet_tcp_abort(pair.client);
    pair.client = NULL;
    CHECK_EQUAL(mnet_tcp_wait(pair.server, MNET_FAILED, in_ms(100)), MNET_FAILED);
    CHECK_EQUAL(mnet_tcp_ready(pair.server), MNET_READABLE | MNET_WRITABLE | ENDS);
    for (int i = 0; i < 2; i++) /* it stays, before the bytes are read and afterwards */
        CHECK_EQUAL(mnet_tcp_error(pair.server), MNET_E_RESET);
    CHECK_EQUAL(mnet_tcp_read(pair.server, buffer, 8, 0), 4);
    CHECK_EQUAL(mnet_tcp_error(pair.server), MNET_E_RESET);
    world_close(&pair);
    return 0;
}

static void error_of_a_reset_is_there_before_the_bytes_are_read(void **state)
{
    (void)state;
    world_run_both(after_a_reset, NULL);
}

static int refused(struct world *w)
{
    struct mnet_flow *flow;
    struct mnet_endpoint nobody = {w->server_address, 81};
    CHECK_EQUAL(mnet_tcp_connect_begin(w->client, nobody, NULL, &flow), 0);
    CHECK_EQUAL(mnet_tcp_ready(flow), 0);
    CHECK_EQUAL(mnet_tcp_error(flow), 0);
    CHECK_EQUAL(mnet_tcp_wait(flow, MNET_FAILED, in_ms(100)), MNET_FAILED);
    CHECK_EQUAL(mnet_tcp_error(flow), MNET_E_REFUSED);
    CHECK_EQUAL(mnet_tcp_ready(flow), MNET_READABLE | MNET_WRITABLE | ENDS);
    mnet_tcp_close(flow);
    return 0;
}

static void error_of_a_refused_attempt_is_there_without_a_call(void **state)
{
    (void)state;
    world_run_both(refused, NULL);
}

static int udp_refused(struct world *w)
{
    struct mnet_udp *udp, *peer;
    struct mnet_udp_options there = {.remote = {w->server_address, 53}};
    struct mnet_udp_options here = {.local.port = 53};
    struct mnet_endpoint to, from;
    char buffer[8];
    CHECK_EQUAL(mnet_udp_open(w->client, &there, &udp), 0);
    CHECK_EQUAL(mnet_udp_send(udp, NULL, "x", 1, MNET_NEVER), 0);
    sleep_ms(10);
    /* A datagram waits behind the error. */
    CHECK_EQUAL(mnet_udp_open(w->server, &here, &peer), 0);
    from = (struct mnet_endpoint){w->client_address, mnet_udp_local(udp).port};
    CHECK_EQUAL(mnet_udp_send(peer, &from, "answer", 6, MNET_NEVER), 0);
    sleep_ms(10);
    CHECK_EQUAL(mnet_udp_ready(udp), MNET_READABLE | MNET_WRITABLE | MNET_FAILED);
    CHECK_EQUAL(mnet_udp_error(udp, &to), MNET_E_REFUSED);
    CHECK(mnet_endpoint_equal(to, there.remote));
    CHECK_EQUAL(mnet_udp_ready(udp), MNET_READABLE | MNET_WRITABLE);
    CHECK_EQUAL(mnet_udp_error(udp, &to), 0);
    CHECK_EQUAL(mnet_udp_error(udp, NULL), 0);
    CHECK_EQUAL(mnet_udp_receive(udp, buffer, 8, NULL, 0), 6);
    mnet_udp_close(udp);
    mnet_udp_close(peer);
    return 0;
}

static void udp_error_is_taken_without_a_datagram(void **state)
{
    (void)state;
    world_run_both(udp_refused, NULL);
}

static int ended(struct world *w)
{
    struct pair pair;
    struct mnet_udp *udp;
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, NULL, &udp), 0);
    mnet_stack_down(w->client);
    w->client = NULL;
    CHECK_EQUAL(mnet_tcp_ready(pair.client), MNET_READABLE | MNET_WRITABLE | ENDS);
    CHECK_EQUAL(mnet_tcp_error(pair.client), MNET_E_CLOSED);
    CHECK_EQUAL(mnet_udp_ready(udp), MNET_READABLE | MNET_WRITABLE | MNET_ENDED | MNET_HUNG_UP);
    mnet_udp_close(udp);
    world_close(&pair);
    return 0;
}

static void ready_tells_that_the_stack_is_down(void **state)
{
    (void)state;
    world_run_both(ended, NULL);
}

/* ---- Segments ---- */

static int answer_once(void *listener)
{
    struct mnet_flow *flow;
    char text[64];
    int error = mnet_tcp_accept(listener, &flow, MNET_NEVER);
    if (error < 0)
        return error;
    ptrdiff_t len = mnet_tcp_read(flow, text, sizeof text, MNET_NEVER);
    if (len > 0)
        mnet_tcp_write(flow, text, (size_t)len, NULL, MNET_NEVER);
    len = mnet_tcp_read(flow, text, sizeof text, MNET_NEVER);
    mnet_tcp_close(flow);
    return (int)len;
}

/* Stores the segments of both hosts for a connection with a message each way. */
static int segments_of_session(struct world *w, struct mnet_listener *listener, uint64_t segments[2])
{
    const uint64_t *sent[2] = {&mnet_stack_counters(w->client)->value[MNET_COUNT_TCP_TX],
                               &mnet_stack_counters(w->server)->value[MNET_COUNT_TCP_TX]};
    struct mnet_task *task;
    struct mnet_flow *flow;
    char text[64] = "message";
    int result;
    segments[0] = *sent[0];
    segments[1] = *sent[1];
    CHECK_EQUAL(mnet_spawn(&task, answer_once, listener), 0);
    CHECK_EQUAL(mnet_tcp_connect(w->client, w->server_address, 80, &flow, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_tcp_write(flow, text, sizeof text, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_tcp_read_exactly(flow, text, sizeof text, NULL, MNET_NEVER), 0);
    mnet_tcp_close(flow);
    CHECK_EQUAL(mnet_join(task, &result, MNET_NEVER), 0);
    CHECK_EQUAL(result, 0);
    sleep_ms(500);
    segments[0] = *sent[0] - segments[0];
    segments[1] = *sent[1] - segments[1];
    return 0;
}

static int short_session(struct world *w)
{
    struct mnet_listener *listener;
    uint64_t segments[2];
    CHECK_EQUAL(mnet_tcp_listen(w->server, 80, NULL, &listener), 0);
    CHECK_EQUAL(segments_of_session(w, listener, segments), 0); /* the hosts find one another */
    CHECK_EQUAL(segments_of_session(w, listener, segments), 0);
    CHECK_EQUAL(segments[0], 4); /* SYN; ACK with data; FIN; ACK */
    CHECK_EQUAL(segments[1], 3); /* SYN,ACK; data with ACK; FIN with ACK */
    mnet_tcp_unlisten(listener);
    return 0;
}

static void session_acknowledges_with_what_the_program_sends(void **state)
{
    (void)state;
    world_run_both(short_session, NULL);
}

static int silent_session(struct world *w)
{
    struct pair pair;
    CHECK_EQUAL(world_connect(w, &pair), 0); /* the server accepts when the ACK has come */
    uint64_t sent = mnet_stack_counters(w->server)->value[MNET_COUNT_TCP_TX];
    CHECK_EQUAL(mnet_tcp_shutdown(pair.client, MNET_SHUTDOWN_WRITE), 0);
    sleep_ms(10); /* less than a delayed acknowledgement takes */
    CHECK_EQUAL(mnet_stack_counters(w->server)->value[MNET_COUNT_TCP_TX] - sent, 1);
    world_close(&pair);
    return 0;
}

static void session_without_an_answer_is_acknowledged_at_once(void **state)
{
    (void)state;
    world_run_both(silent_session, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ready_tells_the_ends_of_both_directions),
        cmocka_unit_test(ready_tells_of_shutdown_of_reading),
        cmocka_unit_test(error_of_a_reset_is_there_before_the_bytes_are_read),
        cmocka_unit_test(error_of_a_refused_attempt_is_there_without_a_call),
        cmocka_unit_test(udp_error_is_taken_without_a_datagram),
        cmocka_unit_test(ready_tells_that_the_stack_is_down),
        cmocka_unit_test(session_acknowledges_with_what_the_program_sends),
        cmocka_unit_test(session_without_an_answer_is_acknowledged_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
