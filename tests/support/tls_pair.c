#include "support/tls_pair.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct tls_certificates tls_certificates;
int64_t tls_time = TLS_NOW;

int tls_make_certificates(void **state)
{
    struct certificate_plan plan = {"root", NULL, NULL, true, false, TLS_NOW - TLS_DAY, TLS_NOW + TLS_DAY};
    (void)state;
    tls_certificates.root = certificate_make(&plan);
    plan.issuer = tls_certificates.root;
    plan.authority = false;
    plan.subject = "server";
    plan.names = "DNS:server.test,DNS:*.wild.test,IP:10.0.0.1";
    tls_certificates.server = certificate_make(&plan);
    plan.subject = "client";
    plan.names = NULL;
    tls_certificates.client = certificate_make(&plan);
    return 0;
}

int tls_free_certificates(void **state)
{
    (void)state;
    certificate_free(tls_certificates.root);
    certificate_free(tls_certificates.server);
    certificate_free(tls_certificates.client);
    return 0;
}

static uint64_t read_clock(void *unused)
{
    (void)unused;
    return (uint64_t)tls_time * MNET_SECOND;
}

static struct mnet_tls_context *create(const struct mnet_tls_options *options)
{
    struct mnet_tls_options with_clock = options != NULL ? *options : (struct mnet_tls_options){0};
    struct mnet_tls_context *context;
    with_clock.clock = read_clock;
    assert_int_equal(mnet_tls_context_create(&with_clock, &context), 0);
    return context;
}

void tls_open(struct tls_pair *pair, const struct mnet_tls_options *client, const struct mnet_tls_options *server)
{
    const struct certificate *own = tls_certificates.server;
    *pair = (struct tls_pair){.name = "server.test"};
    tls_time = TLS_NOW;
    pair->client_context = create(client);
    pair->server_context = create(server);
    assert_int_equal(mnet_tls_add_identity(pair->server_context, certificate_source(own), certificate_key(own)), 0);
    assert_int_equal(mnet_tls_trust(pair->client_context, certificate_source(tls_certificates.root)), 0);
}

void tls_close_contexts(struct tls_pair *pair)
{
    mnet_tls_context_free(pair->client_context);
    mnet_tls_context_free(pair->server_context);
}

static int accept_session(void *argument)
{
    struct tls_pair *pair = argument;
    struct mnet_stream stream = mnet_tcp_stream(pair->flows.server);
    pair->server_error = mnet_tls_accept(pair->server_context, stream, &pair->server, in_ms(20000));
    if (pair->server_error < 0) { /* so that the client sees it, too */
        mnet_tcp_close(pair->flows.server);
        pair->flows.server = NULL;
    }
    return 0;
}

int tls_meet(struct world *w, struct tls_pair *pair)
{
    struct mnet_task *task;
    CHECK_EQUAL(world_connect(w, &pair->flows), 0);
    CHECK_EQUAL(mnet_spawn(&task, accept_session, pair), 0);
    pair->client_error = mnet_tls_connect(pair->client_context, mnet_tcp_stream(pair->flows.client), pair->name,
                                          &pair->client, in_ms(20000));
    if (pair->client_error < 0) {
        mnet_tcp_close(pair->flows.client);
        pair->flows.client = NULL;
    }
    CHECK_EQUAL(mnet_join(task, NULL, MNET_NEVER), 0);
    return 0;
}

void tls_part(struct tls_pair *pair)
{
    if (pair->client != NULL)
        pair->flows.client = NULL;
    if (pair->server != NULL)
        pair->flows.server = NULL;
    mnet_tls_close(pair->client);
    mnet_tls_close(pair->server);
    pair->client = pair->server = NULL;
    world_close(&pair->flows);
}

int tls_say(struct mnet_tls *from, struct mnet_tls *to, const char *text)
{
    char heard[256];
    size_t done = 0, len = strlen(text);
    int error = mnet_tls_write(from, text, len, NULL, in_ms(20000));
    while (error == 0 && done < len) {
        ptrdiff_t got = mnet_tls_read(to, heard + done, sizeof heard - done, in_ms(20000));
        if (got <= 0)
            return got == 0 ? MNET_E_END_OF_FILE : (int)got;
        done += (size_t)got;
    }
    return error == 0 && memcmp(heard, text, len) != 0 ? MNET_E_INVALID : error;
}
