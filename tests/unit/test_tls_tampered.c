/* Handshakes of TLS whose bytes change on the way, are cut off, or are no TLS at all: there is an
 * error and no session, within its time, and nothing is lost or left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/tls_pair.h"

static struct tls_pair pair;

/* A stream that changes one byte of all that it reads, or ends there. */
static struct tampered {
    struct mnet_stream below;
    uint64_t read;  /* so far */
    uint64_t at;    /* the byte */
    uint8_t change; /* is combined with it; 0: the stream ends there */
    bool has_changed;
} tampered;

static ptrdiff_t tampered_read(void *object, void *buffer, size_t len, uint64_t deadline)
{
    struct tampered *it = object;
    if (it->change == 0 && it->read + len > it->at)
        len = (size_t)(it->at - it->read);
    if (len == 0)
        return 0;
    ptrdiff_t got = mnet_stream_read(it->below, buffer, len, deadline);
    if (got <= 0)
        return got;
    if (it->at >= it->read && it->at < it->read + (uint64_t)got && it->change != 0) {
        ((uint8_t *)buffer)[it->at - it->read] ^= it->change;
        it->has_changed = true;
    }
    it->read += (uint64_t)got;
    return got;
}

static int tampered_write(void *object, const void *data, size_t len, size_t *queued, uint64_t deadline)
{
    return mnet_stream_write(((struct tampered *)object)->below, data, len, queued, deadline);
}

static int tampered_wait(void *object, unsigned wanted, uint64_t deadline)
{
    struct tampered *it = object;
    if (it->change == 0 && it->read >= it->at && (wanted & MNET_READABLE) != 0)
        return MNET_READABLE;
    return mnet_stream_wait(it->below, wanted, deadline);
}

static unsigned tampered_ready(const void *object)
{
    return mnet_stream_ready(((const struct tampered *)object)->below);
}

static int tampered_shutdown(void *object, enum mnet_shutdown how)
{
    return mnet_stream_shutdown(((struct tampered *)object)->below, how);
}

static void tampered_close(void *object)
{
    mnet_stream_close(((struct tampered *)object)->below);
}

static void tampered_abort(void *object)
{
    mnet_stream_abort(((struct tampered *)object)->below);
}

static struct mnet_stream tamper(struct mnet_flow *flow)
{
    static const struct mnet_stream_ops ops = {.read = tampered_read,
                                               .write = tampered_write,
                                               .wait = tampered_wait,
                                               .ready = tampered_ready,
                                               .shutdown = tampered_shutdown,
                                               .close = tampered_close,
                                               .abort = tampered_abort};
    tampered.below = mnet_tcp_stream(flow);
    return (struct mnet_stream){&ops, &tampered};
}

static bool server_side; /* whose input is changed */

static int accept_session(void *unused)
{
    struct mnet_stream stream = server_side ? tamper(pair.flows.server) : mnet_tcp_stream(pair.flows.server);
    (void)unused;
    pair.server_error = mnet_tls_accept(pair.server_context, stream, &pair.server, in_ms(3000));
    if (pair.server_error < 0) {
        mnet_tcp_close(pair.flows.server);
        pair.flows.server = NULL;
    }
    return 0;
}

static int meet(struct world *w)
{
    struct mnet_task *task;
    CHECK_EQUAL(world_connect(w, &pair.flows), 0);
    CHECK_EQUAL(mnet_spawn(&task, accept_session, NULL), 0);
    struct mnet_stream stream = server_side ? mnet_tcp_stream(pair.flows.client) : tamper(pair.flows.client);
    pair.client_error = mnet_tls_connect(pair.client_context, stream, pair.name, &pair.client, in_ms(3000));
    if (pair.client_error < 0) {
        mnet_tcp_close(pair.flows.client);
        pair.flows.client = NULL;
    }
    CHECK_EQUAL(mnet_join(task, NULL, MNET_NEVER), 0);
    return 0;
}

/* Both sides have a session, and it carries a word: nothing of it has changed. */
static bool works(void)
{
    return pair.client_error == 0 && pair.server_error == 0 && tls_say(pair.client, pair.server, "question") == 0 &&
           tls_say(pair.server, pair.client, "answer") == 0;
}

/* Changes each of the bytes of the handshake, some bits at a time, as far as there are any. */
static int change_each(struct world *w)
{
    for (uint64_t at = 0; at < 4000; at += at < 200 ? 3 : 29) {
        uint64_t begun = mnet_now();
        tampered = (struct tampered){.at = at, .change = (uint8_t)(1u << at % 8)};
        if (meet(w) < 0)
            return -1;
        bool worked = works();
        if (worked && tampered.has_changed)
            fprintf(stderr, "byte %u was changed, and there was a session\n", (unsigned)at);
        CHECK(!worked || !tampered.has_changed);
        CHECK(worked || tampered.has_changed);
        CHECK(mnet_now() - begun < 30 * MNET_SECOND);
        tls_part(&pair);
        if (!tampered.has_changed)
            break;
    }
    return 0;
}

static int cut_anywhere(struct world *w)
{
    bool worked = false;
    for (uint64_t at = 0; at < 4000 && !worked; at += 41) {
        tampered = (struct tampered){.at = at};
        if (meet(w) < 0)
            return -1;
        worked = works();
        if (pair.client_error < 0 && !server_side)
            CHECK_EQUAL(pair.client_error, MNET_E_TLS_TRUNCATED);
        if (pair.server_error < 0 && server_side)
            CHECK_EQUAL(pair.server_error, MNET_E_TLS_TRUNCATED);
        tls_part(&pair);
    }
    CHECK(worked && tampered.at > 150); /* else it was not needed */
    return 0;
}

static void run(int (*body)(struct world *w), bool of_server)
{
    struct mnet_tls_options once = {.no_resumption = true};
    server_side = of_server;
    tls_open(&pair, &once, &once);
    world_run(body, NULL);
    tls_close_contexts(&pair);
}

static void changed_bytes_make_no_session(void **state)
{
    (void)state;
    run(change_each, false);
    run(change_each, true);
}

static void cut_handshakes_are_truncated(void **state)
{
    (void)state;
    run(cut_anywhere, false);
    run(cut_anywhere, true);
}

/* Anything but TLS, behind a head that looks like it. */
static int speak_nonsense(struct world *w)
{
    uint64_t state = 1;
    for (int i = 0; i < 200; i++) {
        uint8_t bytes[600];
        for (size_t k = 0; k < sizeof bytes; k++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            bytes[k] = (uint8_t)(state >> 56);
        }
        memcpy(bytes, "\x16\x03\x03\x01\x00", 5); /* a record of the handshake */
        bytes[5] = (uint8_t)(i % 25);             /* of each kind of message */
        bytes[6] = 0;
        CHECK_EQUAL(world_connect(w, &pair.flows), 0);
        struct mnet_stream server = mnet_tcp_stream(pair.flows.server), client = mnet_tcp_stream(pair.flows.client);
        bool to_server = i % 2 == 0;
        struct mnet_flow *from = to_server ? pair.flows.client : pair.flows.server;
        CHECK_EQUAL(mnet_tcp_write(from, bytes, sizeof bytes, NULL, MNET_NEVER), 0);
        CHECK_EQUAL(mnet_tcp_shutdown(from, MNET_SHUTDOWN_WRITE), 0);
        int error = to_server ? mnet_tls_accept(pair.server_context, server, &pair.server, in_ms(3000))
                              : mnet_tls_connect(pair.client_context, client, pair.name, &pair.client, in_ms(3000));
        CHECK(error <= MNET_E_TLS_FILE);
        world_close(&pair.flows);
    }
    return 0;
}

static void nonsense_is_an_error(void **state)
{
    (void)state;
    run(speak_nonsense, false);
}

/* ---- Memory of the program's own ---- */

static struct {
    unsigned left; /* pieces that there still are */
    unsigned used;
    unsigned drawn; /* calls for random bytes */
} own;

static void *take_memory(void *unused, size_t size)
{
    (void)unused;
    if (own.left == 0)
        return NULL;
    own.left--;
    own.used++;
    void *memory = malloc(size);
    return memory != NULL ? memset(memory, 0x5a, size) : NULL;
}

static void give_memory(void *unused, void *memory)
{
    (void)unused;
    assert_true(memory != NULL && own.used > 0);
    own.used--;
    free(memory);
}

static void draw(void *unused, void *bytes, size_t len)
{
    (void)unused;
    own.drawn++;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)(i + own.drawn);
}

static uint64_t own_clock(void *unused)
{
    (void)unused;
    return (uint64_t)TLS_NOW * MNET_SECOND;
}

/* The client has memory for so many pieces. Returns the error. */
static int try_with(unsigned pieces, struct world *w)
{
    struct mnet_tls_options options = {
        .allocate = take_memory, .release = give_memory, .random = draw, .clock = own_clock};
    struct mnet_tls_context *context, *usual = pair.client_context;
    own.left = pieces;
    int error = mnet_tls_context_create(&options, &context);
    if (error < 0)
        return error;
    error = mnet_tls_trust(context, certificate_source(tls_certificates.root));
    if (error == 0) {
        pair.client_context = context;
        error = tls_meet(w, &pair) < 0 ? -1 : pair.client_error;
        if (error == 0)
            error = tls_say(pair.client, pair.server, "question");
        tls_part(&pair);
        pair.client_context = usual;
    }
    mnet_tls_context_free(context);
    return error;
}

static int run_short(struct world *w)
{
    int error = MNET_E_NO_MEMORY;
    unsigned pieces = 0;
    for (; error != 0 && pieces < 200; pieces++) {
        error = try_with(pieces, w);
        CHECK(error == 0 || error == MNET_E_NO_MEMORY);
        CHECK_EQUAL(own.used, 0);
    }
    CHECK(error == 0 && pieces > 3);
    CHECK(own.drawn > 0 || mnet_tls_supports(MNET_TLS_1_3)); /* OpenSSL draws by itself */
    return 0;
}

static void memory_of_the_program_may_end(void **state)
{
    struct mnet_tls_options half = {.allocate = take_memory};
    struct mnet_tls_context *context;
    (void)state;
    run(run_short, false);
    assert_int_equal(mnet_tls_context_create(&half, &context), MNET_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_of_the_program_may_end),
        cmocka_unit_test(changed_bytes_make_no_session),
        cmocka_unit_test(cut_handshakes_are_truncated),
        cmocka_unit_test(nonsense_is_an_error),
    };
    return cmocka_run_group_tests(tests, tls_make_certificates, tls_free_certificates);
}
