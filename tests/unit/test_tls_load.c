/* Sessions of TLS by the thousand, and one with a hundred megabytes over a bad link. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/tls_pair.h"

#define CLIENTS 1000u
#define MEGABYTES 100u
#define CHUNK 65536u

static struct tls_pair pair;

/* ---- A thousand clients at a time ---- */

static struct crowd {
    struct world *w;
    struct mnet_listener *listener;
    struct mnet_flow *arrived;
    unsigned shaken, answered; /* clients that have a session, and had an answer */
} crowd;

/* Sends back what it gets. */
static int serve_one(void *unused)
{
    struct mnet_flow *flow = crowd.arrived;
    struct mnet_tls *tls;
    char bytes[64];
    ptrdiff_t got;
    (void)unused;
    crowd.arrived = NULL;
    int error = mnet_tls_accept(pair.server_context, mnet_tcp_stream(flow), &tls, in_ms(60000));
    if (error < 0) {
        mnet_tcp_close(flow);
        return error;
    }
    while ((got = mnet_tls_read(tls, bytes, sizeof bytes, in_ms(60000))) > 0)
        mnet_tls_write(tls, bytes, (size_t)got, NULL, in_ms(60000));
    mnet_tls_close(tls);
    return (int)got;
}

static int serve_crowd(void *unused)
{
    struct mnet_group servers = {0};
    (void)unused;
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (mnet_tcp_accept(crowd.listener, &crowd.arrived, in_ms(60000)) < 0)
            break;
        if (mnet_group_spawn(&servers, serve_one, NULL) < 0)
            break;
        mnet_yield(); /* it takes its flow */
    }
    mnet_group_join(&servers, MNET_NEVER);
    return 0;
}

/* Says something only when all have a session. */
static int visit(void *unused)
{
    struct mnet_flow *flow;
    struct mnet_tls *tls;
    char heard[8];
    (void)unused;
    int error = mnet_tcp_connect(crowd.w->client, crowd.w->server_address, 443, &flow, in_ms(60000));
    if (error < 0)
        return error;
    error = mnet_tls_connect(pair.client_context, mnet_tcp_stream(flow), "server.test", &tls, in_ms(60000));
    if (error < 0) {
        mnet_tcp_close(flow);
        return error;
    }
    crowd.shaken++;
    while (crowd.shaken < CLIENTS && mnet_sleep(in_ms(10)) == 0) {
    }
    error = mnet_tls_write(tls, "hello", 5, NULL, in_ms(60000));
    size_t done = 0;
    for (ptrdiff_t got = 1; error == 0 && got > 0 && done<5; done += got> 0 ? (size_t)got : 0)
        got = mnet_tls_read(tls, heard + done, 5 - done, in_ms(60000));
    crowd.answered += done == 5 && memcmp(heard, "hello", 5) == 0;
    mnet_tls_close(tls);
    return error;
}

static int thousand_clients(struct world *w)
{
    struct mnet_task *server;
    struct mnet_group clients = {0};
    struct mnet_listen_options options = {.backlog = CLIENTS};
    crowd = (struct crowd){.w = w};
    CHECK_EQUAL(mnet_tcp_listen(w->server, 443, &options, &crowd.listener), 0);
    CHECK_EQUAL(mnet_spawn(&server, serve_crowd, NULL), 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        CHECK_EQUAL(mnet_group_spawn(&clients, visit, NULL), 0);
    CHECK_EQUAL(mnet_group_join(&clients, MNET_NEVER), 0);
    CHECK_EQUAL(mnet_join(server, NULL, MNET_NEVER), 0);
    CHECK_EQUAL(crowd.shaken, CLIENTS);
    CHECK_EQUAL(crowd.answered, CLIENTS);
    mnet_tcp_unlisten(crowd.listener);
    return 0;
}

static void thousand_clients_are_served_at_a_time(void **state)
{
    struct world_options options = {.memory = (size_t)256 << 20};
    (void)state;
    tls_open(&pair, NULL, NULL);
    world_run(thousand_clients, &options);
    tls_close_contexts(&pair);
}

/* ---- A hundred megabytes ---- */

/* The bytes at an offset that is a multiple of CHUNK: other ones in each chunk. */
static void fill(uint8_t *bytes, uint64_t offset)
{
    uint64_t state = offset + 1;
    for (size_t i = 0; i < CHUNK; i += sizeof state) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(bytes + i, &state, sizeof state);
    }
}

static int send_all(void *argument)
{
    static uint8_t bytes[CHUNK];
    struct call *call = argument;
    int error = 0;
    for (uint64_t offset = 0; error == 0 && offset < (uint64_t)MEGABYTES << 20; offset += CHUNK) {
        fill(bytes, offset);
        error = mnet_tls_write(call->object, bytes, CHUNK, NULL, MNET_NEVER);
    }
    return error < 0 ? error : mnet_tls_shutdown(call->object, MNET_SHUTDOWN_WRITE);
}

static int download(struct world *w)
{
    static uint8_t wanted[CHUNK], got[CHUNK];
    struct call sender = {0};
    uint64_t offset = 0;
    ptrdiff_t len;
    CHECK_EQUAL(tls_meet(w, &pair), 0);
    CHECK(pair.client != NULL && pair.server != NULL);
    CHECK_EQUAL(call_start(w, &sender, send_all, pair.server), 0);
    while ((len = mnet_tls_read(pair.client, got, CHUNK - offset % CHUNK, MNET_NEVER)) > 0) {
        if (offset % CHUNK == 0)
            fill(wanted, offset);
        CHECK(memcmp(got, wanted + offset % CHUNK, (size_t)len) == 0);
        offset += (uint64_t)len;
    }
    CHECK_EQUAL(len, 0);
    CHECK_EQUAL(offset, (uint64_t)MEGABYTES << 20);
    CHECK_EQUAL(call_join(&sender), 0);
    CHECK_EQUAL(sender.result, 0);
    tls_part(&pair);
    return 0;
}

static void hundred_megabytes_come_over_a_link_with_losses(void **state)
{
    struct world_options lossy = {
        .path = {.bandwidth_bps = 1000000000, .delay_ns = MNET_MILLISECOND, .loss_ppm = 10000}};
    (void)state;
    tls_open(&pair, NULL, NULL);
    world_run(download, &lossy);
    tls_close_contexts(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thousand_clients_are_served_at_a_time),
        cmocka_unit_test(hundred_megabytes_come_over_a_link_with_losses),
    };
    return cmocka_run_group_tests(tests, tls_make_certificates, tls_free_certificates);
}
