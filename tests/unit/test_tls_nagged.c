/* Peers of TLS that do not read: only their own session stops, and no call spins. A call that did
 * would stop the time of all, and the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/tls_nag.h"
#include "support/tls_pair.h"

static struct tls_pair pair;

static void run(int (*body)(struct world *w))
{
    tls_open(&pair, NULL, NULL);
    world_run(body, NULL);
    tls_close_contexts(&pair);
}

/* Makes a session. */
static int meet(struct world *w)
{
    CHECK_EQUAL(tls_meet(w, &pair), 0);
    CHECK_EQUAL(pair.client_error, 0);
    CHECK_EQUAL(pair.server_error, 0);
    return 0;
}

static int read_call(void *argument)
{
    struct call *call = argument;
    char byte;
    return (int)mnet_tls_read(call->object, &byte, 1, MNET_NEVER);
}

/* Lets the client ask for more answers than all buffers on the way hold, and read none. */
static int nag(struct world *w)
{
    int error = 0;
    for (unsigned i = 0, idle = 0; idle < 10; i++) {
        error = tls_nag(pair.client, mnet_tcp_stream(pair.flows.client));
        CHECK(error == 0 || error == MNET_E_DEADLINE);
        CHECK(i < 1000000);
        idle = error == 0 ? 0 : idle + 1;
        if (error < 0 || i % 100 == 0)
            sleep_ms(10);
    }
    return 0;
}

static int read_answers(void *unused)
{
    static char answers[4096];
    (void)unused;
    while (mnet_tcp_read(pair.flows.client, answers, sizeof answers, MNET_NEVER) > 0)
        continue;
    return 0;
}

/* The session goes on when the client takes the answers, without looking at them. */
static int go_on(struct world *w)
{
    struct mnet_task *drain;
    struct call call = {0};
    CHECK_EQUAL(call_start(w, &call, read_call, pair.server), 0);
    CHECK_EQUAL(mnet_spawn(&drain, read_answers, NULL), 0);
    int error;
    while ((error = tls_nag(pair.client, mnet_tcp_stream(pair.flows.client))) == MNET_E_DEADLINE)
        sleep_ms(10); /* no half messages */
    CHECK_EQUAL(error, 0);
    CHECK_EQUAL(mnet_tls_write(pair.client, "x", 1, NULL, in_ms(10000)), 0);
    CHECK_EQUAL(call_join(&call), 0);
    CHECK_EQUAL(call.result, 1);
    mnet_cancel(drain);
    CHECK_EQUAL(mnet_join(drain, NULL, MNET_NEVER), 0);
    return 0;
}

/* Each call waits up to its deadline, though the stream has bytes to be read. */
static int be_nagged(struct world *w)
{
    char byte;
    struct call call = {0};
    if (meet(w) < 0)
        return -1;
    CHECK_EQUAL(call_start(w, &call, read_call, pair.server), 0);
    if (nag(w) < 0)
        return -1;
    mnet_cancel(call.task);
    CHECK_EQUAL(call_join(&call), 0);
    CHECK_EQUAL(call.result, MNET_E_CANCELLED);
    CHECK((mnet_tcp_ready(pair.flows.server) & MNET_READABLE) != 0);
    CHECK_EQUAL(mnet_tls_read(pair.server, &byte, 1, in_ms(100)), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_tls_wait(pair.server, MNET_READABLE, in_ms(100)), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_tls_wait(pair.server, MNET_READABLE | MNET_WRITABLE, in_ms(100)), MNET_E_DEADLINE);
    CHECK_EQUAL(mnet_tls_ready(pair.server), 0);
    if (mnet_tls_supports(MNET_TLS_1_3) && go_on(w) < 0) /* BearSSL ends the session */
        return -1;
    tls_part(&pair);
    return 0;
}

static void reading_waits_for_room_to_answer(void **state)
{
    (void)state;
    run(be_nagged);
}

/* The peer's last bytes are there to be read, and ours will never be taken. */
static int lose_the_peer(struct world *w)
{
    static char large[400000]; /* more than all buffers on the way hold */
    size_t done;
    char byte;
    if (meet(w) < 0)
        return -1;
    CHECK_EQUAL(mnet_tls_write(pair.server, "x", 1, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_tls_wait(pair.client, MNET_READABLE, in_ms(1000)), MNET_READABLE);
    CHECK_EQUAL(mnet_tls_write(pair.client, large, sizeof large, &done, in_ms(500)), MNET_E_DEADLINE);
    mnet_tls_abort(pair.server);
    pair.server = NULL;
    pair.flows.server = NULL;
    sleep_ms(100);
    CHECK_EQUAL(mnet_tls_wait(pair.client, MNET_WRITABLE, in_ms(100)), MNET_WRITABLE);
    CHECK_EQUAL(mnet_tls_write(pair.client, "x", 1, NULL, in_ms(100)), MNET_E_CLOSED_BY_PEER);
    CHECK_EQUAL(mnet_tls_read(pair.client, &byte, 1, 0), 1);
    tls_part(&pair);
    return 0;
}

static void session_whose_peer_is_gone_is_writable(void **state)
{
    (void)state;
    run(lose_the_peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_waits_for_room_to_answer),
        cmocka_unit_test(session_whose_peer_is_gone_is_writable),
    };
    return cmocka_run_group_tests(tests, tls_make_certificates, tls_free_certificates);
}
