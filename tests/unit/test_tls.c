/* Sessions of TLS: each promise of mnet/tls.h about reading, writing, waiting and ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/tls_pair.h"

static struct tls_pair pair;

static void run_over(int (*body)(struct world *w), const struct mnet_tls_options *client,
                     const struct mnet_tls_options *server, const struct world_options *world)
{
    tls_open(&pair, client, server);
    world_run(body, world);
    tls_close_contexts(&pair);
}

static void run(int (*body)(struct world *w))
{
    run_over(body, NULL, NULL, NULL);
}

/* Makes a session. */
static int meet(struct world *w)
{
    CHECK_EQUAL(tls_meet(w, &pair), 0);
    CHECK_EQUAL(pair.client_error, 0);
    CHECK_EQUAL(pair.server_error, 0);
    return 0;
}

/* Forgets the flow of a session that a test has closed itself. */
static void forget(struct mnet_tls **tls, struct mnet_flow **flow)
{
    *tls = NULL;
    *flow = NULL;
}

/* ---- Handshake ---- */

static int describe(struct world *w)
{
    struct mnet_tls_info client, server;
    char text[128];
    if (meet(w) < 0)
        return -1;
    mnet_tls_info(pair.client, &client);
    mnet_tls_info(pair.server, &server);
    const char *version = mnet_tls_supports(MNET_TLS_1_3) ? "TLSv1.3" : "TLSv1.2";
    CHECK(strcmp(client.version, version) == 0 && strcmp(server.version, version) == 0);
    CHECK(strcmp(client.cipher, server.cipher) == 0 && strstr(client.cipher, "TLS_") == client.cipher);
    CHECK(strcmp(server.server_name, "server.test") == 0);
    CHECK(strcmp(client.protocol, "h2") == 0 && strcmp(server.protocol, "h2") == 0);
    CHECK(strcmp(client.peer, "CN = server") == 0 && strcmp(server.peer, "") == 0);
    mnet_stream_describe(mnet_tls_stream(pair.client), text, sizeof text);
    CHECK(strncmp(text, version, 7) == 0 && strstr(text, " tcp 10.0.0.2:") == text + 7);
    tls_part(&pair);
    return 0;
}

static void session_tells_facts(void **state)
{
    static const char *const of_client[] = {"http/1.1", "h2", NULL}, *const of_server[] = {"h3", "h2", "http/1.1",
                                                                                           NULL};
    (void)state;
    run_over(describe, &(struct mnet_tls_options){.protocols = of_client},
             &(struct mnet_tls_options){.protocols = of_server}, NULL);
}

static int share_no_protocol(struct world *w)
{
    CHECK_EQUAL(tls_meet(w, &pair), 0);
    CHECK_EQUAL(pair.client_error, MNET_E_TLS_NO_PROTOCOL);
    CHECK_EQUAL(pair.server_error, MNET_E_TLS_NO_PROTOCOL);
    tls_part(&pair);
    return 0;
}

static int name_no_protocol(struct world *w)
{
    struct mnet_tls_info info;
    if (meet(w) < 0)
        return -1;
    mnet_tls_info(pair.client, &info);
    CHECK(strcmp(info.protocol, "") == 0);
    tls_part(&pair);
    return 0;
}

static void application_protocols_are_agreed(void **state)
{
    static const char *const names[] = {"h2", NULL}, *const others[] = {"h3", NULL};
    static const char *const empty[] = {"", NULL}, *const longest[] = {"0123456789012345678901234567890", NULL};
    static const char *const longer[] = {"01234567890123456789012345678901", NULL};
    struct mnet_tls_options with = {.protocols = names};
    struct mnet_tls_context *context;
    (void)state;
    run_over(share_no_protocol, &with, &(struct mnet_tls_options){.protocols = others}, NULL);
    run_over(name_no_protocol, &with, NULL, NULL);
    run_over(name_no_protocol, NULL, &with, NULL);
    with.protocols = empty;
    assert_int_equal(mnet_tls_context_create(&with, &context), MNET_E_INVALID);
    with.protocols = longer;
    assert_int_equal(mnet_tls_context_create(&with, &context), MNET_E_INVALID);
    assert_null(context);
    with.protocols = longest;
    assert_int_equal(mnet_tls_context_create(&with, &context), 0);
    mnet_tls_context_free(context);
}

static int speak_http_to_server(struct world *w)
{
    CHECK_EQUAL(world_connect(w, &pair.flows), 0);
    CHECK_EQUAL(mnet_tcp_write(pair.flows.client, "GET / HTTP/1.1\r\n\r\n", 18, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_tls_accept(pair.server_context, mnet_tcp_stream(pair.flows.server), &pair.server, in_ms(1000)),
                MNET_E_TLS_NOT_TLS);
    CHECK(strcmp(mnet_tls_reason(pair.server_context), "http request") == 0);
    world_close(&pair.flows);
    return 0;
}

static int speak_http_to_client(struct world *w)
{
    CHECK_EQUAL(world_connect(w, &pair.flows), 0);
    CHECK_EQUAL(mnet_tcp_write(pair.flows.server, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(
        mnet_tls_connect(pair.client_context, mnet_tcp_stream(pair.flows.client), pair.name, &pair.client, in_ms(1000)),
        MNET_E_TLS_NOT_TLS);
    world_close(&pair.flows);
    return 0;
}

static void peer_without_tls_is_recognised(void **state)
{
    (void)state;
    run(speak_http_to_server);
    run(speak_http_to_client);
}

static int meet_silence(struct world *w)
{
    CHECK_EQUAL(world_connect(w, &pair.flows), 0);
    struct mnet_stream stream = mnet_tcp_stream(pair.flows.client);
    uint64_t deadline = in_ms(300);
    CHECK_EQUAL(mnet_tls_connect(pair.client_context, stream, pair.name, &pair.client, deadline), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_now(), deadline);
    CHECK(pair.client == NULL);
    /* The stream is still the caller's. */
    CHECK_EQUAL(mnet_tcp_write(pair.flows.client, "x", 1, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_tcp_shutdown(pair.flows.client, MNET_SHUTDOWN_WRITE), 0);
    /* What came is the first part of a handshake and that byte: never a session. */
    CHECK_EQUAL(mnet_tls_accept(pair.server_context, mnet_tcp_stream(pair.flows.server), &pair.server, MNET_NEVER),
                MNET_E_TLS_TRUNCATED);
    world_close(&pair.flows);
    return 0;
}

static int meet_reset(struct world *w)
{
    CHECK_EQUAL(world_connect(w, &pair.flows), 0);
    mnet_tcp_abort(pair.flows.server);
    pair.flows.server = NULL;
    CHECK_EQUAL(
        mnet_tls_connect(pair.client_context, mnet_tcp_stream(pair.flows.client), pair.name, &pair.client, MNET_NEVER),
        MNET_E_RESET);
    CHECK(strcmp(mnet_tls_reason(pair.client_context), mnet_strerror(MNET_E_RESET)) == 0);
    world_close(&pair.flows);
    return 0;
}

static int connect_call(void *argument)
{
    (void)argument;
    return mnet_tls_connect(pair.client_context, mnet_tcp_stream(pair.flows.client), pair.name, &pair.client,
                            MNET_NEVER);
}

static int cancel_handshake(struct world *w)
{
    struct call call = {0};
    CHECK_EQUAL(world_connect(w, &pair.flows), 0);
    CHECK_EQUAL(call_start(w, &call, connect_call, NULL), 0);
    sleep_ms(10);
    mnet_cancel(call.task);
    CHECK_EQUAL(call_join(&call), 0);
    CHECK_EQUAL(call.result, MNET_E_CANCELLED);
    CHECK(pair.client == NULL);
    world_close(&pair.flows);
    return 0;
}

static void handshake_that_fails_leaves_the_stream(void **state)
{
    (void)state;
    run(meet_silence);
    run(meet_reset);
    run(cancel_handshake);
}

/* A foreign event loop: no call waits. */
static int step_by_step(struct world *w)
{
    char byte;
    CHECK_EQUAL(world_connect(w, &pair.flows), 0);
    struct mnet_stream client = mnet_tcp_stream(pair.flows.client), server = mnet_tcp_stream(pair.flows.server);
    CHECK_EQUAL(mnet_tls_connect_begin(pair.client_context, client, pair.name, &pair.client), 0);
    CHECK_EQUAL(mnet_tls_accept_begin(pair.server_context, server, &pair.server), 0);
    CHECK_EQUAL(mnet_tls_read(pair.client, &byte, 1, 0), MNET_E_INVALID); /* not yet */
    CHECK_EQUAL(mnet_tls_write(pair.client, "x", 1, NULL, 0), MNET_E_INVALID);
    int client_error = MNET_E_DEADLINE, server_error = MNET_E_DEADLINE;
    for (int i = 0; i < 100 && (client_error != 0 || server_error != 0); i++) {
        client_error = mnet_tls_established(pair.client, 0);
        server_error = mnet_tls_established(pair.server, 0);
        sleep_ms(1);
    }
    CHECK(client_error == 0 && server_error == 0);
    CHECK_EQUAL(mnet_tls_established(pair.client, 0), 0);
    CHECK_EQUAL(mnet_tls_ready(pair.server), MNET_WRITABLE);
    CHECK_EQUAL(tls_say(pair.client, pair.server, "hello"), 0);
    tls_part(&pair);
    return 0;
}

static void handshake_goes_step_by_step(void **state)
{
    (void)state;
    run(step_by_step);
}

/* ---- Reading ---- */

static int reading(struct world *w)
{
    char buffer[16];
    if (meet(w) < 0)
        return -1;
    CHECK_EQUAL(mnet_tls_read(pair.server, NULL, 0, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_tls_read(pair.server, buffer, 16, 0), MNET_E_DEADLINE);
    uint64_t deadline = in_ms(7);
    CHECK_EQUAL(mnet_tls_read(pair.server, buffer, 16, deadline), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_now(), deadline);
    CHECK_EQUAL(mnet_tls_write(pair.client, "hello world", 11, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_tls_read(pair.server, buffer, 5, MNET_NEVER), 5);
    CHECK(memcmp(buffer, "hello", 5) == 0);
    CHECK_EQUAL(mnet_tls_read(pair.server, buffer, 16, 0), 6);
    CHECK(memcmp(buffer, " world", 6) == 0);
    CHECK_EQUAL(mnet_tls_shutdown(pair.client, MNET_SHUTDOWN_WRITE), 0);
    for (int i = 0; i < 2; i++)
        /* And stays at its end. */
        CHECK_EQUAL(mnet_tls_read(pair.server, buffer, 16, MNET_NEVER), 0);
    /* The other direction goes on. */
    CHECK_EQUAL(tls_say(pair.server, pair.client, "answer"), 0);
    CHECK_EQUAL(mnet_tls_write(pair.client, "x", 1, NULL, MNET_NEVER), MNET_E_CLOSED);
    CHECK_EQUAL(mnet_tls_shutdown(pair.server, MNET_SHUTDOWN_READ), 0);
    CHECK_EQUAL(mnet_tls_read(pair.server, buffer, 16, MNET_NEVER), MNET_E_CLOSED);
    CHECK_EQUAL(mnet_tls_shutdown(pair.server, (enum mnet_shutdown)0), MNET_E_INVALID);
    tls_part(&pair);
    return 0;
}

static void read_delivers_and_ends(void **state)
{
    (void)state;
    run(reading);
}

static int getting(struct world *w)
{
    struct mnet_slice first, second, third;
    static char large[20000];
    if (meet(w) < 0)
        return -1;
    memset(large, 'L', sizeof large);
    CHECK_EQUAL(mnet_tls_get(pair.server, &first, 1, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_tls_get(pair.server, &first, 0, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tls_write(pair.client, "abc", 3, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_tls_get(pair.server, &first, 1, MNET_NEVER), 1);
    CHECK_EQUAL(mnet_tls_write(pair.client, large, sizeof large, NULL, MNET_NEVER), 0);
    sleep_ms(100);
    CHECK_EQUAL(mnet_tls_get(pair.server, &second, 1, MNET_NEVER), 1);
    CHECK_EQUAL(mnet_tls_get(pair.server, &third, 1, MNET_NEVER), 1);
    CHECK(first.len == 3 && memcmp(first.data, "abc", 3) == 0); /* still lent */
    CHECK(second.len == 16384 && memcmp(second.data, large, second.len) == 0);
    CHECK(third.len == 20000 - 16384 && memcmp(third.data, large, third.len) == 0);
    mnet_tls_release(pair.server);
    mnet_tls_close(pair.client);
    forget(&pair.client, &pair.flows.client);
    CHECK_EQUAL(mnet_tls_get(pair.server, &first, 1, MNET_NEVER), 0);
    tls_part(&pair);
    return 0;
}

static void get_lends_until_release(void **state)
{
    (void)state;
    run(getting);
}

static int cut_off(struct world *w)
{
    char buffer[16];
    if (meet(w) < 0)
        return -1;
    CHECK_EQUAL(mnet_tls_write(pair.client, "partly", 6, NULL, MNET_NEVER), 0);
    mnet_tcp_shutdown(pair.flows.client, MNET_SHUTDOWN_WRITE); /* below the session */
    CHECK_EQUAL(mnet_tls_read(pair.server, buffer, 16, MNET_NEVER), 6);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(mnet_tls_read(pair.server, buffer, 16, MNET_NEVER), MNET_E_TLS_TRUNCATED);
    /* Both would fail at once. */
    CHECK_EQUAL(mnet_tls_ready(pair.server), MNET_READABLE | MNET_WRITABLE);
    tls_part(&pair);
    return 0;
}

static int change_bytes(struct world *w)
{
    static const char record[] = "\x17\x03\x03\x00\x20"
                                 "0123456789abcdef0123456789abcdef";
    char buffer[16];
    if (meet(w) < 0)
        return -1;
    CHECK_EQUAL(mnet_tls_write(pair.client, "good", 4, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_tcp_write(pair.flows.client, record, sizeof record - 1, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_tls_read(pair.server, buffer, 16, MNET_NEVER), 4);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(mnet_tls_read(pair.server, buffer, 16, MNET_NEVER), MNET_E_TLS_BROKEN);
    CHECK_EQUAL(mnet_tls_write(pair.server, "x", 1, NULL, MNET_NEVER), MNET_E_TLS_BROKEN);
    CHECK_EQUAL(mnet_tls_read(pair.client, buffer, 16, MNET_NEVER), MNET_E_TLS_ALERT);
    CHECK(strstr(mnet_tls_reason(pair.client_context), "bad record mac") != NULL);
    tls_part(&pair);
    return 0;
}

static int reset_stream(struct world *w)
{
    char buffer[16];
    if (meet(w) < 0)
        return -1;
    CHECK_EQUAL(mnet_tls_write(pair.client, "last words", 10, NULL, MNET_NEVER), 0);
    sleep_ms(10);
    mnet_tls_abort(pair.client);
    forget(&pair.client, &pair.flows.client);
    CHECK_EQUAL(mnet_tls_read(pair.server, buffer, 16, MNET_NEVER), 10);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(mnet_tls_read(pair.server, buffer, 16, MNET_NEVER), MNET_E_RESET);
    tls_part(&pair);
    return 0;
}

static void end_without_close_notify_is_no_end(void **state)
{
    (void)state;
    run(cut_off);
    run(change_bytes);
    run(reset_stream);
}

/* ---- Writing ---- */

#define LARGE 400000 /* more than all buffers on the way hold */

static char large[LARGE];

static void fill_large(void)
{
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (char)(i * 7 + i / 251);
}

/* Reads up to the end, and checks that it is `large`. */
static int read_large(struct world *w, struct mnet_tls *tls)
{
    static char buffer[50000];
    size_t done = 0;
    ptrdiff_t got;
    while ((got = mnet_tls_read(tls, buffer, sizeof buffer, in_ms(60000))) > 0) {
        CHECK(done + (size_t)got <= sizeof large && memcmp(buffer, large + done, (size_t)got) == 0);
        done += (size_t)got;
    }
    CHECK_EQUAL(got, 0);
    CHECK_EQUAL(done, sizeof large);
    return 0;
}

static int write_to_the_deadline(struct world *w)
{
    size_t queued, done;
    if (meet(w) < 0)
        return -1;
    uint64_t deadline = in_ms(500);
    CHECK_EQUAL(mnet_tls_write(pair.client, large, sizeof large, &done, deadline), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_now(), deadline);
    CHECK(done > 0 && done < sizeof large);
    CHECK_EQUAL(mnet_tls_ready(pair.client), 0);
    CHECK_EQUAL(mnet_tls_write(pair.client, large + done, sizeof large - done, &queued, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(queued, 0);
    CHECK_EQUAL(mnet_tls_wait(pair.client, MNET_WRITABLE, in_ms(500)), MNET_E_DEADLINE);
    /* The rest is taken in pieces, without waiting, whenever the peer has read some. */
    static char buffer[20000];
    size_t read = 0;
    while (done < sizeof large) {
        ptrdiff_t got = mnet_tls_read(pair.server, buffer, sizeof buffer, in_ms(1000));
        CHECK(got > 0 && memcmp(buffer, large + read, (size_t)got) == 0);
        read += (size_t)got;
        int error = mnet_tls_write(pair.client, large + done, sizeof large - done, &queued, 0);
        CHECK(error == 0 || error == MNET_E_DEADLINE);
        done += queued;
    }
    while (read < sizeof large) {
        mnet_tls_write(pair.client, NULL, 0, NULL, 0);
        ptrdiff_t got = mnet_tls_read(pair.server, buffer, sizeof buffer, in_ms(1000));
        CHECK(got > 0 && memcmp(buffer, large + read, (size_t)got) == 0);
        read += (size_t)got;
    }
    CHECK_EQUAL(mnet_tls_write(pair.client, NULL, 0, NULL, in_ms(1000)), 0);
    tls_part(&pair);
    return 0;
}

static void write_takes_all_or_says_how_much(void **state)
{
    (void)state;
    fill_large();
    run(write_to_the_deadline);
}

/* Bytes that wait in the session leave it while the task reads. */
static int read_while_bytes_wait(struct world *w)
{
    size_t done;
    char byte;
    if (meet(w) < 0)
        return -1;
    CHECK_EQUAL(mnet_tls_write(pair.client, large, sizeof large, &done, in_ms(500)), MNET_E_DEADLINE);
    static char buffer[50000];
    size_t read = 0;
    for (int i = 0; i < 100 && read < done; i++) {
        CHECK_EQUAL(mnet_tls_read(pair.client, &byte, 1, in_ms(10)), MNET_E_DEADLINE);
        ptrdiff_t got = mnet_tls_read(pair.server, buffer, sizeof buffer, in_ms(10));
        read += got > 0 ? (size_t)got : 0;
    }
    CHECK_EQUAL(read, done);
    tls_part(&pair);
    return 0;
}

static void waiting_bytes_go_on_with_any_call(void **state)
{
    (void)state;
    fill_large();
    run(read_while_bytes_wait);
}

/* What waits when the session is closed cannot be delivered, and the peer is told so. */
static int close_while_bytes_wait(struct world *w)
{
    static char buffer[50000];
    size_t done, read = 0;
    ptrdiff_t got;
    if (meet(w) < 0)
        return -1;
    CHECK_EQUAL(mnet_tls_write(pair.client, large, sizeof large, &done, in_ms(500)), MNET_E_DEADLINE);
    mnet_tls_close(pair.client);
    forget(&pair.client, &pair.flows.client);
    while ((got = mnet_tls_read(pair.server, buffer, sizeof buffer, in_ms(10000))) > 0)
        read += (size_t)got;
    CHECK_EQUAL(got, MNET_E_RESET);
    CHECK(read < done);
    tls_part(&pair);
    return 0;
}

static void close_with_waiting_bytes_is_no_clean_end(void **state)
{
    (void)state;
    fill_large();
    run(close_while_bytes_wait);
}

static int write_runs(void *argument)
{
    struct call *call = argument;
    static char letters[2][LARGE / 4];
    char *mine = letters[call->len];
    memset(mine, call->len == 0 ? 'a' : 'b', LARGE / 4);
    return mnet_tls_write(pair.client, mine, LARGE / 4, NULL, MNET_NEVER);
}

static int write_from_two(struct world *w)
{
    static char buffer[LARGE / 2];
    struct call calls[2] = {{.len = 0}, {.len = 1}};
    if (meet(w) < 0)
        return -1;
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(call_start(w, &calls[i], write_runs, NULL), 0);
    size_t done = 0;
    while (done < sizeof buffer) {
        ptrdiff_t got = mnet_tls_read(pair.server, buffer + done, sizeof buffer - done, in_ms(1000));
        CHECK(got > 0);
        done += (size_t)got;
    }
    for (size_t i = 0; i < sizeof buffer; i++)
        CHECK_EQUAL(buffer[i], i < sizeof buffer / 2 ? 'a' : 'b');
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(call_join(&calls[i]), 0);
        CHECK_EQUAL(calls[i].result, 0);
    }
    tls_part(&pair);
    return 0;
}

static void bytes_of_two_tasks_do_not_mix(void **state)
{
    (void)state;
    run(write_from_two);
}

/* ---- Both directions at once ---- */

static int send_large(void *argument)
{
    struct call *call = argument;
    int error = mnet_tls_write(call->object, large, sizeof large, NULL, MNET_NEVER);
    return error < 0 ? error : mnet_tls_shutdown(call->object, MNET_SHUTDOWN_WRITE);
}

static int receive_large(void *argument)
{
    struct call *call = argument;
    return read_large(call->w, call->object);
}

static int both_directions(struct world *w)
{
    struct call calls[4] = {0};
    if (meet(w) < 0)
        return -1;
    CHECK_EQUAL(call_start(w, &calls[0], send_large, pair.client), 0);
    CHECK_EQUAL(call_start(w, &calls[1], send_large, pair.server), 0);
    CHECK_EQUAL(call_start(w, &calls[2], receive_large, pair.client), 0);
    CHECK_EQUAL(call_start(w, &calls[3], receive_large, pair.server), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(call_join(&calls[i]), 0);
        CHECK_EQUAL(calls[i].result, 0);
    }
    tls_part(&pair);
    return 0;
}

static void session_is_used_in_both_directions_over_loss(void **state)
{
    struct world_options lossy = {
        .path = {.bandwidth_bps = 20000000, .delay_ns = 5 * MNET_MILLISECOND, .loss_ppm = 20000}};
    (void)state;
    fill_large();
    run_over(both_directions, NULL, NULL, &lossy);
}

/* ---- Ends ---- */

/* The tickets of the server are unread when the client closes. */
static int write_and_close(struct world *w)
{
    if (meet(w) < 0)
        return -1;
    struct call receiver = {0};
    CHECK_EQUAL(call_start(w, &receiver, receive_large, pair.server), 0);
    CHECK_EQUAL(mnet_tls_write(pair.client, large, sizeof large, NULL, MNET_NEVER), 0);
    mnet_tls_close(pair.client);
    forget(&pair.client, &pair.flows.client);
    CHECK_EQUAL(call_join(&receiver), 0);
    CHECK_EQUAL(receiver.result, 0);
    tls_part(&pair);
    return 0;
}

static void close_delivers_what_was_written(void **state)
{
    (void)state;
    fill_large();
    run(write_and_close);
}

static int read_call(void *argument)
{
    struct call *call = argument;
    char byte;
    return (int)mnet_tls_read(call->object, &byte, 1, MNET_NEVER);
}

static int write_call(void *argument)
{
    struct call *call = argument;
    return mnet_tls_write(call->object, large, sizeof large, NULL, MNET_NEVER);
}

static int wait_call(void *argument)
{
    struct call *call = argument;
    return mnet_tls_wait(call->object, MNET_READABLE, MNET_NEVER);
}

static int close_under_tasks(struct world *w, void (*end)(struct mnet_tls *tls))
{
    static int (*const calls_to_make[])(void *) = {read_call, write_call, write_call, wait_call};
    struct call calls[4] = {0};
    if (meet(w) < 0)
        return -1;
    for (int i = 0; i < 4; i++)
        CHECK_EQUAL(call_start(w, &calls[i], calls_to_make[i], pair.client), 0);
    sleep_ms(100);
    end(pair.client);
    forget(&pair.client, &pair.flows.client);
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(call_join(&calls[i]), 0);
        CHECK_EQUAL(calls[i].result, MNET_E_CLOSED);
    }
    tls_part(&pair);
    return 0;
}

static int close_all(struct world *w)
{
    return close_under_tasks(w, mnet_tls_close);
}

static int abort_all(struct world *w)
{
    return close_under_tasks(w, mnet_tls_abort);
}

static void tasks_wake_if_the_session_ends(void **state)
{
    (void)state;
    run(close_all);
    run(abort_all);
    mnet_tls_close(NULL);
    mnet_tls_abort(NULL);
}

static int outlive_context(struct world *w)
{
    if (meet(w) < 0)
        return -1;
    tls_close_contexts(&pair);
    CHECK_EQUAL(tls_say(pair.client, pair.server, "still"), 0);
    CHECK_EQUAL(tls_say(pair.server, pair.client, "here"), 0);
    tls_part(&pair);
    tls_open(&pair, NULL, NULL);
    return 0;
}

static void session_outlives_its_context(void **state)
{
    (void)state;
    run(outlive_context);
}

/* ---- As a stream ---- */

static void note_ready(void *context, unsigned ready)
{
    *(unsigned *)context |= ready;
}

static int use_as_stream(struct world *w)
{
    if (meet(w) < 0)
        return -1;
    struct mnet_stream client = mnet_tls_stream(pair.client), server = mnet_tls_stream(pair.server);
    struct mnet_endpoint local, remote;
    struct mnet_slice slice;
    unsigned noted = 0;
    char byte;
    CHECK_EQUAL(mnet_stream_peers(client, &local, &remote), 0);
    CHECK(mnet_address_equal(remote.address, WORLD_SERVER) && remote.port == 80);
    CHECK_EQUAL(mnet_stream_wait(server, MNET_READABLE | MNET_ACCEPTABLE, 0), MNET_E_INVALID);
    CHECK_EQUAL(mnet_stream_wait(server, MNET_READABLE, 0), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_stream_ready(server), MNET_WRITABLE);
    mnet_stream_notify(server, note_ready, &noted);
    CHECK_EQUAL(mnet_stream_write(client, "abc", 3, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_stream_wait(server, MNET_READABLE, in_ms(1000)), MNET_READABLE);
    CHECK(noted & MNET_READABLE);
    mnet_stream_notify(server, NULL, NULL);
    CHECK_EQUAL(mnet_stream_read(server, &byte, 1, 0), 1);
    CHECK_EQUAL(mnet_stream_wait(server, MNET_READABLE, 0), MNET_READABLE); /* decrypted already */
    CHECK_EQUAL(mnet_stream_get(server, &slice, 1, 0), 1);
    CHECK(slice.len == 2 && memcmp(slice.data, "bc", 2) == 0);
    mnet_stream_release(server);
    CHECK_EQUAL(mnet_stream_shutdown(client, MNET_SHUTDOWN_WRITE), 0);
    CHECK_EQUAL(mnet_stream_read(server, &byte, 1, MNET_NEVER), 0);
    mnet_stream_close(client);
    mnet_stream_abort(server);
    forget(&pair.client, &pair.flows.client);
    forget(&pair.server, &pair.flows.server);
    world_close(&pair.flows);
    return 0;
}

static void session_is_a_stream(void **state)
{
    (void)state;
    run(use_as_stream);
}

/* TLS within TLS: the stream below may be any. */
static int nest(struct world *w)
{
    if (meet(w) < 0)
        return -1;
    struct tls_pair inner = pair;
    CHECK_EQUAL(mnet_tls_connect_begin(pair.client_context, mnet_tls_stream(pair.client), pair.name, &inner.client), 0);
    CHECK_EQUAL(mnet_tls_accept_begin(pair.server_context, mnet_tls_stream(pair.server), &inner.server), 0);
    int client_error = MNET_E_DEADLINE, server_error = MNET_E_DEADLINE;
    for (int i = 0; i < 100 && (client_error != 0 || server_error != 0); i++) {
        client_error = mnet_tls_established(inner.client, in_ms(1));
        server_error = mnet_tls_established(inner.server, in_ms(1));
    }
    CHECK(client_error == 0 && server_error == 0);
    CHECK_EQUAL(tls_say(inner.client, inner.server, "deep"), 0);
    mnet_tls_close(inner.client);
    mnet_tls_close(inner.server);
    forget(&pair.client, &pair.flows.client);
    forget(&pair.server, &pair.flows.server);
    world_close(&pair.flows);
    return 0;
}

static void session_is_built_on_any_stream(void **state)
{
    (void)state;
    run(nest);
}

/* ---- Secrets ---- */

struct secrets {
    char text[4096];
};

static void note_secret(void *argument, const char *line)
{
    struct secrets *secrets = argument;
    strcat(secrets->text, line);
    strcat(secrets->text, "\n");
}

static int meet_and_part(struct world *w)
{
    if (meet(w) < 0)
        return -1;
    tls_part(&pair);
    return 0;
}

static void secrets_are_logged_for_wireshark(void **state)
{
    static struct secrets client, server;
    (void)state;
    run_over(meet_and_part, &(struct mnet_tls_options){.key_log = note_secret, .argument = &client},
             &(struct mnet_tls_options){.key_log = note_secret, .argument = &server}, NULL);
    bool new = mnet_tls_supports(MNET_TLS_1_3);
    char *line = strstr(client.text, new ? "CLIENT_TRAFFIC_SECRET_0 " : "CLIENT_RANDOM ");
    assert_non_null(line);
    assert_true(!new || strstr(client.text, "SERVER_HANDSHAKE_TRAFFIC_SECRET ") != NULL);
    *strchr(line, '\n') = '\0';
    assert_non_null(strstr(server.text, line)); /* the same on both sides */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_tells_facts),
        cmocka_unit_test(application_protocols_are_agreed),
        cmocka_unit_test(peer_without_tls_is_recognised),
        cmocka_unit_test(handshake_that_fails_leaves_the_stream),
        cmocka_unit_test(handshake_goes_step_by_step),
        cmocka_unit_test(read_delivers_and_ends),
        cmocka_unit_test(get_lends_until_release),
        cmocka_unit_test(end_without_close_notify_is_no_end),
        cmocka_unit_test(write_takes_all_or_says_how_much),
        cmocka_unit_test(waiting_bytes_go_on_with_any_call),
        cmocka_unit_test(close_with_waiting_bytes_is_no_clean_end),
        cmocka_unit_test(bytes_of_two_tasks_do_not_mix),
        cmocka_unit_test(session_is_used_in_both_directions_over_loss),
        cmocka_unit_test(close_delivers_what_was_written),
        cmocka_unit_test(tasks_wake_if_the_session_ends),
        cmocka_unit_test(session_outlives_its_context),
        cmocka_unit_test(session_is_a_stream),
        cmocka_unit_test(session_is_built_on_any_stream),
        cmocka_unit_test(secrets_are_logged_for_wireshark),
    };
    return cmocka_run_group_tests(tests, tls_make_certificates, tls_free_certificates);
}
