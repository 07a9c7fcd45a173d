/* Who is believed in TLS: certificates, names, revocation, clients, sessions that go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/pem.h>

#include "support/tls_pair.h"

static struct tls_pair pair;

/* Runs `body` with a pair of its own. */
static void run(int (*body)(struct world *w), const struct mnet_tls_options *client,
                const struct mnet_tls_options *server)
{
    tls_open(&pair, client, server);
    world_run(body, NULL);
    tls_close_contexts(&pair);
}

/* Makes a handshake and checks the results of both sides. If there is a session, it works. */
static int expect(struct world *w, int client_error, int server_error)
{
    CHECK_EQUAL(tls_meet(w, &pair), 0);
    CHECK_EQUAL(pair.client_error, client_error);
    CHECK_EQUAL(pair.server_error, server_error);
    if (client_error == 0 && server_error == 0) {
        CHECK_EQUAL(tls_say(pair.client, pair.server, "question"), 0);
        CHECK_EQUAL(tls_say(pair.server, pair.client, "answer"), 0);
    }
    tls_part(&pair);
    return 0;
}

/* ---- The server's certificate ---- */

static int meet_by_names(struct world *w)
{
    static const struct {
        const char *name;
        int error;
    } cases[] = {
        {"server.test", 0},
        {"SERVER.test", 0},
        {"server.test.", 0},
        {"10.0.0.1", 0},
        {"one.wild.test", 0},
        {"10.0.0.2", MNET_E_TLS_WRONG_NAME},
        {"2001:db8::1", MNET_E_TLS_WRONG_NAME},
        {"other.test", MNET_E_TLS_WRONG_NAME},
        {"wild.test", MNET_E_TLS_WRONG_NAME},
        {"one.two.wild.test", MNET_E_TLS_WRONG_NAME},
        {"server", MNET_E_TLS_WRONG_NAME}, /* only the subject has it */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mnet_address address;
        bool unsupported = mnet_address_parse(cases[i].name, &address) == 0 && !mnet_tls_supports(MNET_TLS_ADDRESSES);
        pair.name = cases[i].name;
        CHECK_EQUAL(tls_meet(w, &pair), 0);
        CHECK_EQUAL(pair.client_error, unsupported ? MNET_E_TLS_UNSUPPORTED : cases[i].error);
        tls_part(&pair);
    }
    return 0;
}

static void server_must_have_the_name_that_was_asked_for(void **state)
{
    (void)state;
    run(meet_by_names, NULL, NULL);
}

static int meet_without_name(struct world *w)
{
    CHECK_EQUAL(world_connect(w, &pair.flows), 0);
    struct mnet_stream stream = mnet_tcp_stream(pair.flows.client);
    char name[300];
    memset(name, 'a', sizeof name);
    name[256] = '\0';
    CHECK_EQUAL(mnet_tls_connect(pair.client_context, stream, NULL, &pair.client, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tls_connect(pair.client_context, stream, "", &pair.client, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tls_connect(pair.client_context, stream, name, &pair.client, MNET_NEVER), MNET_E_INVALID);
    CHECK_EQUAL(mnet_tls_connect(pair.client_context, stream, ".test", &pair.client, MNET_NEVER), MNET_E_INVALID);
    CHECK(pair.client == NULL);
    sleep_ms(100);
    CHECK((mnet_tcp_ready(pair.flows.server) & MNET_READABLE) == 0); /* nothing was sent */
    world_close(&pair.flows);
    return 0;
}

static void client_without_a_name_sends_nothing(void **state)
{
    (void)state;
    run(meet_without_name, NULL, NULL);
}

static int meet_at_times(struct world *w)
{
    static const struct {
        int64_t time;
        int error;
    } cases[] = {
        {TLS_NOW - TLS_DAY, 0},
        {TLS_NOW - TLS_DAY - 1, MNET_E_TLS_NOT_YET_VALID},
        {TLS_NOW + TLS_DAY - 1, 0},
        {TLS_NOW + TLS_DAY + 1, MNET_E_TLS_EXPIRED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tls_time = cases[i].time;
        if (expect(w, cases[i].error, cases[i].error == 0 ? 0 : MNET_E_TLS_ALERT) < 0)
            return -1;
    }
    CHECK(strstr(mnet_tls_reason(pair.client_context), "expired") != NULL);
    CHECK(strstr(mnet_tls_reason(pair.server_context), "alert certificate expired") != NULL);
    return 0;
}

static void certificates_are_valid_in_their_time(void **state)
{
    (void)state;
    run(meet_at_times, &(struct mnet_tls_options){.no_resumption = true}, NULL);
}

static int meet_without_clock(struct world *w)
{
    tls_time = 0;
    CHECK_EQUAL(world_connect(w, &pair.flows), 0);
    struct mnet_stream client = mnet_tcp_stream(pair.flows.client), server = mnet_tcp_stream(pair.flows.server);
    CHECK_EQUAL(mnet_tls_connect(pair.client_context, client, "server.test", &pair.client, MNET_NEVER),
                MNET_E_TLS_CLOCK);
    CHECK_EQUAL(mnet_tls_accept(pair.server_context, server, &pair.server, MNET_NEVER), MNET_E_TLS_CLOCK);
    CHECK(pair.client == NULL && pair.server == NULL);
    sleep_ms(100);
    CHECK((mnet_tcp_ready(pair.flows.server) & MNET_READABLE) == 0); /* nothing was sent */
    CHECK((mnet_tcp_ready(pair.flows.client) & MNET_READABLE) == 0);
    world_close(&pair.flows);
    return 0;
}

static void clock_that_is_not_set_verifies_nothing(void **state)
{
    (void)state;
    tls_open(&pair, NULL, &(struct mnet_tls_options){.clients = MNET_TLS_CLIENTS_VERIFIED});
    assert_int_equal(mnet_tls_trust(pair.server_context, certificate_source(tls_certificates.root)), 0);
    world_run(meet_without_clock, NULL);
    tls_close_contexts(&pair);
}

/* The clock of the system, for contexts without one of their own. */
static time_t system_time;
time_t __wrap_time(time_t *result);

time_t __wrap_time(time_t *result)
{
    if (result != NULL)
        *result = system_time;
    return system_time;
}

static int meet_by_system_clock(struct world *w)
{
    CHECK_EQUAL(world_connect(w, &pair.flows), 0);
    struct mnet_stream client = mnet_tcp_stream(pair.flows.client);
    struct mnet_tls_context *context;
    CHECK_EQUAL(mnet_tls_context_create(NULL, &context), 0);
    system_time = 100; /* of a machine that counts from its start, and has no clock */
    CHECK_EQUAL(mnet_tls_connect(context, client, "server.test", &pair.client, 0), MNET_E_TLS_CLOCK);
    system_time = TLS_NOW;
    CHECK_EQUAL(mnet_tls_connect(context, client, "server.test", &pair.client, 0), MNET_E_DEADLINE);
    mnet_tls_context_free(context);
    world_close(&pair.flows);
    return 0;
}

static void system_clock_that_shows_1970_is_not_set(void **state)
{
    (void)state;
    run(meet_by_system_clock, NULL, NULL);
}

static int meet_untrusted(struct world *w)
{
    return expect(w, MNET_E_TLS_UNTRUSTED, MNET_E_TLS_ALERT);
}

static int meet_self_signed(struct world *w)
{
    return expect(w, MNET_E_TLS_SELF_SIGNED, MNET_E_TLS_ALERT);
}

static int meet_well(struct world *w)
{
    return expect(w, 0, 0);
}

/* Runs `body` with a server that has `certificate` only. */
static void run_with(int (*body)(struct world *w), const struct certificate *certificate,
                     const struct mnet_tls_options *client)
{
    const struct certificate *usual = tls_certificates.server;
    tls_certificates.server = (struct certificate *)(uintptr_t)certificate;
    run(body, client, NULL);
    tls_certificates.server = (struct certificate *)(uintptr_t)usual;
}

static struct certificate_plan server_plan(const struct certificate *issuer)
{
    return (struct certificate_plan){"server", "DNS:server.test", issuer,           false,
                                     false,    TLS_NOW - TLS_DAY, TLS_NOW + TLS_DAY};
}

static void self_signed_and_strange_issuers_are_told_apart(void **state)
{
    struct certificate_plan plan = server_plan(NULL);
    struct mnet_tls_options careless = {.no_verify = true};
    (void)state;
    struct certificate *self_signed = certificate_make(&plan);
    run_with(meet_self_signed, self_signed, NULL);
    run_with(meet_well, self_signed, &careless);
    plan.authority = true;
    plan.subject = "another root";
    struct certificate *root = certificate_make(&plan);
    plan = server_plan(root);
    struct certificate *strange = certificate_make(&plan);
    run_with(meet_untrusted, strange, NULL);
    certificate_free(self_signed);
    certificate_free(root);
    certificate_free(strange);
}

static void self_signed_certificate_can_be_trusted(void **state)
{
    struct certificate_plan plan = server_plan(NULL);
    (void)state;
    struct certificate *self_signed = certificate_make(&plan);
    const struct certificate *usual = tls_certificates.server;
    tls_certificates.server = self_signed;
    tls_open(&pair, NULL, NULL);
    assert_int_equal(mnet_tls_trust(pair.client_context, certificate_source(self_signed)), 0);
    world_run(meet_well, NULL);
    tls_close_contexts(&pair);
    tls_certificates.server = (struct certificate *)(uintptr_t)usual;
    certificate_free(self_signed);
}

static void write_file(char *path, const char *text)
{
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
}

static uint64_t read_clock(void *unused)
{
    (void)unused;
    return (uint64_t)tls_time * MNET_SECOND;
}

/* A pipe gives its text once. */
static void roots_are_read_from_a_pipe(void **state)
{
    const struct certificate *root = tls_certificates.root;
    char path[32];
    int ends[2];
    (void)state;
    tls_open(&pair, NULL, NULL);
    mnet_tls_context_free(pair.client_context);
    assert_int_equal(mnet_tls_context_create(&(struct mnet_tls_options){.clock = read_clock}, &pair.client_context), 0);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], root->text, strlen(root->text)), strlen(root->text));
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_int_equal(mnet_tls_trust(pair.client_context, mnet_tls_file(path)), 0);
    close(ends[0]);
    world_run(meet_well, NULL);
    tls_close_contexts(&pair);
}

/* A session under the system's roots, and none under others. */
static int meet_under_others(struct world *w)
{
    if (meet_well(w) < 0)
        return -1;
    CHECK_EQUAL(mnet_tls_trust(pair.client_context, certificate_source(tls_certificates.client)), 0);
    return meet_untrusted(w);
}

static void own_roots_take_the_place_of_those_of_the_system(void **state)
{
    char system[] = "/tmp/mnet-tls-XXXXXX";
    struct mnet_tls_options options = {.clock = read_clock};
    (void)state;
    if (!mnet_tls_supports(MNET_TLS_REVOCATION))
        return; /* BearSSL's file is always the same */
    write_file(system, tls_certificates.root->text);
    setenv("SSL_CERT_FILE", system, 1);
    for (int i = 0; i < 2; i++) {
        options.no_resumption = i != 0;
        tls_open(&pair, NULL, NULL);
        mnet_tls_context_free(pair.client_context);
        assert_int_equal(mnet_tls_context_create(&options, &pair.client_context), 0);
        world_run(meet_under_others, NULL);
        tls_close_contexts(&pair);
    }
    unsetenv("SSL_CERT_FILE");
    unlink(system);
}

static void issuers_between_come_with_the_certificate(void **state)
{
    struct certificate_plan plan = server_plan(tls_certificates.root);
    (void)state;
    plan.authority = true;
    plan.subject = "between";
    struct certificate *between = certificate_make(&plan);
    plan = server_plan(between);
    struct certificate *server = certificate_make(&plan);
    run_with(meet_untrusted, server, NULL);
    strcat(server->text, between->text);
    run_with(meet_well, server, NULL);
    certificate_free(between);
    certificate_free(server);
}

/* ---- Revocation ---- */

static int meet_revoked(struct world *w)
{
    return expect(w, MNET_E_TLS_REVOKED, MNET_E_TLS_ALERT);
}

static int meet_without_list(struct world *w)
{
    return expect(w, MNET_E_TLS_NO_CRL, MNET_E_TLS_ALERT);
}

/* Runs `body` with a client that has a list with `revoked`, until `until`. */
static void run_revoked(int (*body)(struct world *w), const struct certificate *issuer,
                        const struct certificate *revoked, int64_t until)
{
    char list[4096];
    certificate_revoke(issuer, revoked, TLS_NOW - 2 * TLS_DAY, until, list, sizeof list);
    tls_open(&pair, NULL, NULL);
    if (!mnet_tls_supports(MNET_TLS_REVOCATION)) {
        assert_int_equal(mnet_tls_revoke(pair.client_context, mnet_tls_memory(list, strlen(list))),
                         MNET_E_TLS_UNSUPPORTED);
        tls_close_contexts(&pair);
        return;
    }
    assert_int_equal(mnet_tls_revoke(pair.client_context, mnet_tls_memory(list, strlen(list))), 0);
    world_run(body, NULL);
    tls_close_contexts(&pair);
}

static void revoked_certificates_are_refused(void **state)
{
    struct certificate_plan plan = server_plan(NULL);
    (void)state;
    plan.authority = true;
    plan.subject = "another root";
    struct certificate *other = certificate_make(&plan);
    run_revoked(meet_revoked, tls_certificates.root, tls_certificates.server, TLS_NOW + TLS_DAY);
    run_revoked(meet_well, tls_certificates.root, tls_certificates.client, TLS_NOW + TLS_DAY);
    run_revoked(meet_well, tls_certificates.root, NULL, TLS_NOW + TLS_DAY);
    run_revoked(meet_without_list, tls_certificates.root, NULL, TLS_NOW - 1); /* outdated */
    run_revoked(meet_without_list, other, NULL, TLS_NOW + TLS_DAY);
    certificate_free(other);
}

/* ---- Several names ---- */

static int ask_for_names(struct world *w)
{
    static const struct {
        const char *name, *peer;
    } cases[] = {
        {"server.test", "CN = server"}, {"second.test", "CN = second"},
        {"third.test", "CN = third"},   {"nobody.test", "CN = server"}, /* the first one */
        {"10.0.0.1", "CN = server"},
    };
    struct mnet_tls_info info;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pair.name = cases[i].name;
        CHECK_EQUAL(tls_meet(w, &pair), 0);
        CHECK(pair.client_error == 0 && pair.server_error == 0);
        mnet_tls_info(pair.client, &info);
        CHECK(strcmp(info.peer, cases[i].peer) == 0);
        mnet_tls_info(pair.server, &info);
        CHECK(strcmp(info.server_name, i == 4 ? "" : cases[i].name) == 0);
        CHECK(strcmp(info.peer, "") == 0);
        tls_part(&pair);
    }
    return 0;
}

static void server_shows_the_certificate_of_the_name(void **state)
{
    struct certificate_plan plan = server_plan(tls_certificates.root);
    (void)state;
    plan.subject = "second";
    plan.names = "DNS:second.test";
    struct certificate *second = certificate_make(&plan);
    plan.subject = "third";
    plan.names = "DNS:third.test";
    plan.rsa = true;
    struct certificate *third = certificate_make(&plan);
    tls_open(&pair, &(struct mnet_tls_options){.no_verify = true}, NULL);
    assert_int_equal(mnet_tls_add_identity(pair.server_context, certificate_source(second), certificate_key(second)),
                     0);
    assert_int_equal(mnet_tls_add_identity(pair.server_context, certificate_source(third), certificate_key(third)), 0);
    world_run(ask_for_names, NULL);
    tls_close_contexts(&pair);
    certificate_free(second);
    certificate_free(third);
}

/* ---- The client's certificate ---- */

static int meet_client(struct world *w)
{
    struct mnet_tls_info info;
    CHECK_EQUAL(tls_meet(w, &pair), 0);
    CHECK(pair.client_error == 0 && pair.server_error == 0);
    mnet_tls_info(pair.server, &info);
    CHECK(strcmp(info.peer, "CN = client") == 0);
    tls_part(&pair);
    return 0;
}

/* The client of TLS 1.3 believes that it has a session until it reads. */
static int meet_client_refused(struct world *w, int error)
{
    char byte;
    CHECK_EQUAL(tls_meet(w, &pair), 0);
    CHECK_EQUAL(pair.server_error, error);
    if (!mnet_tls_supports(MNET_TLS_1_3)) { /* the handshake of TLS 1.2 tells it */
        CHECK_EQUAL(pair.client_error, MNET_E_TLS_ALERT);
        tls_part(&pair);
        return 0;
    }
    CHECK_EQUAL(pair.client_error, 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(mnet_tls_read(pair.client, &byte, 1, in_ms(1000)), MNET_E_TLS_ALERT);
    CHECK_EQUAL(mnet_tls_write(pair.client, "x", 1, NULL, in_ms(1000)), MNET_E_TLS_ALERT);
    tls_part(&pair);
    return 0;
}

static int meet_client_without(struct world *w)
{
    int result = meet_client_refused(w, MNET_E_TLS_NO_CERTIFICATE);
    const char *reason = mnet_tls_supports(MNET_TLS_1_3) ? "certificate required" : "handshake failure";
    CHECK(strstr(mnet_tls_reason(pair.client_context), reason) != NULL);
    return result;
}

static int meet_client_self_signed(struct world *w)
{
    return meet_client_refused(w, MNET_E_TLS_SELF_SIGNED);
}

static void run_client(int (*body)(struct world *w), enum mnet_tls_clients clients, const struct certificate *own)
{
    tls_open(&pair, NULL, &(struct mnet_tls_options){.clients = clients});
    assert_int_equal(mnet_tls_trust(pair.server_context, certificate_source(tls_certificates.root)), 0);
    if (own != NULL)
        assert_int_equal(mnet_tls_add_identity(pair.client_context, certificate_source(own), certificate_key(own)), 0);
    world_run(body, NULL);
    tls_close_contexts(&pair);
}

static void clients_show_certificates_if_asked(void **state)
{
    struct certificate_plan plan = server_plan(NULL);
    (void)state;
    struct certificate *self_signed = certificate_make(&plan);
    run_client(meet_client, MNET_TLS_CLIENTS_VERIFIED, tls_certificates.client);
    run_client(meet_client, MNET_TLS_CLIENTS_ASKED, tls_certificates.client);
    run_client(meet_well, MNET_TLS_CLIENTS_ASKED, NULL);
    run_client(meet_well, MNET_TLS_CLIENTS_ANY, tls_certificates.client);
    run_client(meet_client_without, MNET_TLS_CLIENTS_VERIFIED, NULL);
    run_client(meet_client_self_signed, MNET_TLS_CLIENTS_VERIFIED, self_signed);
    run_client(meet_client_self_signed, MNET_TLS_CLIENTS_ASKED, self_signed);
    certificate_free(self_signed);
}

static int accept_without_means(struct world *w)
{
    struct mnet_tls_context *bare;
    struct mnet_tls_options strict = {.clients = MNET_TLS_CLIENTS_VERIFIED};
    const struct certificate *own = tls_certificates.server;
    CHECK_EQUAL(world_connect(w, &pair.flows), 0);
    struct mnet_stream stream = mnet_tcp_stream(pair.flows.server);
    CHECK_EQUAL(mnet_tls_context_create(NULL, &bare), 0);
    CHECK_EQUAL(mnet_tls_accept(bare, stream, &pair.server, MNET_NEVER), MNET_E_INVALID);
    mnet_tls_context_free(bare);
    CHECK_EQUAL(mnet_tls_context_create(&strict, &bare), 0);
    CHECK_EQUAL(mnet_tls_add_identity(bare, certificate_source(own), certificate_key(own)), 0);
    CHECK_EQUAL(mnet_tls_accept(bare, stream, &pair.server, MNET_NEVER), MNET_E_INVALID);
    mnet_tls_context_free(bare);
    world_close(&pair.flows);
    return 0;
}

static void server_needs_a_certificate_and_roots_for_clients(void **state)
{
    (void)state;
    run(accept_without_means, NULL, NULL);
}

/* ---- Sessions that go on ---- */

/* Meets, reads once so that the tickets arrive, and checks whether the session was resumed. */
static int meet_again(struct world *w, bool resumed)
{
    struct mnet_tls_info client, server;
    CHECK_EQUAL(tls_meet(w, &pair), 0);
    CHECK(pair.client_error == 0 && pair.server_error == 0);
    CHECK_EQUAL(tls_say(pair.server, pair.client, "hello"), 0);
    mnet_tls_info(pair.client, &client);
    mnet_tls_info(pair.server, &server);
    CHECK_EQUAL(client.resumed, resumed);
    CHECK_EQUAL(server.resumed, resumed);
    tls_part(&pair);
    return 0;
}

static int resume(struct world *w)
{
    if (meet_again(w, false) < 0 || meet_again(w, true) < 0 || meet_again(w, true) < 0)
        return -1;
    pair.name = "other.wild.test"; /* another name, though the same server */
    return meet_again(w, false) < 0 || meet_again(w, true) < 0 ? -1 : 0;
}

static int resume_until_expired(struct world *w)
{
    if (meet_again(w, false) < 0 || meet_again(w, true) < 0)
        return -1;
    tls_time = TLS_NOW + TLS_DAY + 1;
    return expect(w, MNET_E_TLS_EXPIRED, MNET_E_TLS_ALERT);
}

static int resume_never(struct world *w)
{
    return meet_again(w, false) < 0 || meet_again(w, false) < 0 ? -1 : 0;
}

static int resume_until_revoked(struct world *w)
{
    char list[4096];
    certificate_revoke(tls_certificates.root, tls_certificates.server, TLS_NOW - TLS_DAY, TLS_NOW + TLS_DAY, list,
                       sizeof list);
    if (meet_again(w, false) < 0 || meet_again(w, true) < 0)
        return -1;
    CHECK_EQUAL(mnet_tls_revoke(pair.client_context, mnet_tls_memory(list, strlen(list))), 0);
    return meet_revoked(w);
}

static void sessions_are_resumed(void **state)
{
    (void)state;
    run(resume, NULL, NULL);
    run(resume_until_expired, NULL, NULL);
    run(resume_never, &(struct mnet_tls_options){.no_resumption = true}, NULL);
    run(resume_never, NULL, &(struct mnet_tls_options){.no_resumption = true});
    if (mnet_tls_supports(MNET_TLS_REVOCATION))
        run(resume_until_revoked, NULL, NULL);
}

static int resume_many(struct world *w)
{
    char name[32];
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "n%d.wild.test", i);
        pair.name = name;
        if (meet_again(w, false) < 0)
            return -1;
    }
    pair.name = "n39.wild.test";
    if (meet_again(w, true) < 0)
        return -1;
    pair.name = "n0.wild.test"; /* forgotten for newer ones */
    return meet_again(w, false);
}

static void sessions_of_many_servers_are_forgotten_oldest_first(void **state)
{
    (void)state;
    run(resume_many, NULL, NULL);
}

/* ---- Bad files ---- */

static void files_are_read_as_memory_is(void **state)
{
    const struct certificate *own = tls_certificates.server;
    char certificate[] = "/tmp/mnet-tls-XXXXXX", key[] = "/tmp/mnet-tls-XXXXXX";
    struct mnet_tls_context *context;
    (void)state;
    write_file(certificate, own->text);
    write_file(key, own->key_text);
    assert_int_equal(mnet_tls_context_create(NULL, &context), 0);
    assert_int_equal(mnet_tls_add_identity(context, mnet_tls_file(certificate), mnet_tls_file(key)), 0);
    assert_int_equal(mnet_tls_trust(context, mnet_tls_file(certificate)), 0);
    unlink(certificate);
    unlink(key);
    assert_int_equal(mnet_tls_add_identity(context, mnet_tls_file(certificate), mnet_tls_file(key)), MNET_E_TLS_FILE);
    assert_non_null(strstr(mnet_tls_reason(context), "No such file"));
    assert_non_null(strstr(mnet_tls_reason(context), certificate));
    assert_int_equal(mnet_tls_trust(context, mnet_tls_file(certificate)), MNET_E_TLS_FILE);
    if (mnet_tls_supports(MNET_TLS_REVOCATION))
        assert_int_equal(mnet_tls_revoke(context, mnet_tls_file(certificate)), MNET_E_TLS_FILE);
    mnet_tls_context_free(context);
}

static void credentials_that_do_not_fit_are_refused(void **state)
{
    const struct certificate *own = tls_certificates.server, *other = tls_certificates.client;
    struct mnet_tls_source text = certificate_source(own), key = certificate_key(own);
    struct mnet_tls_source garbage = mnet_tls_memory("-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n",
                                                     60);
    struct mnet_tls_context *context;
    static char cut[sizeof own->text + 201];
    (void)state;
    assert_int_equal(mnet_tls_context_create(NULL, &context), 0);
    assert_int_equal(mnet_tls_add_identity(context, text, certificate_key(other)), MNET_E_TLS_CREDENTIALS);
    assert_non_null(strstr(mnet_tls_reason(context), "mismatch"));
    assert_int_equal(mnet_tls_add_identity(context, text, text), MNET_E_TLS_CREDENTIALS);
    assert_int_equal(mnet_tls_add_identity(context, key, key), MNET_E_TLS_CREDENTIALS);
    assert_int_equal(mnet_tls_add_identity(context, mnet_tls_memory(NULL, 0), key), MNET_E_TLS_CREDENTIALS);
    assert_int_equal(mnet_tls_add_identity(context, garbage, key), MNET_E_TLS_CREDENTIALS);
    assert_int_equal(mnet_tls_trust(context, key), MNET_E_TLS_CREDENTIALS);
    assert_int_equal(mnet_tls_trust(context, garbage), MNET_E_TLS_CREDENTIALS);
    /* The second certificate has no end. */
    snprintf(cut, sizeof cut, "%s%.200s", own->text, other->text);
    assert_int_equal(mnet_tls_add_identity(context, mnet_tls_memory(cut, strlen(cut)), key), MNET_E_TLS_CREDENTIALS);
    assert_int_equal(mnet_tls_trust(context, mnet_tls_memory(cut, strlen(cut))), MNET_E_TLS_CREDENTIALS);
    if (mnet_tls_supports(MNET_TLS_REVOCATION))
        assert_int_equal(mnet_tls_revoke(context, text), MNET_E_TLS_CREDENTIALS);
    mnet_tls_context_free(context);
    mnet_tls_context_free(NULL);
}

static void encrypted_key_is_refused_without_asking(void **state)
{
    const struct certificate *own = tls_certificates.server;
    struct mnet_tls_context *context;
    char text[4096];
    (void)state;
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(
        PEM_write_bio_PrivateKey(bio, own->key, EVP_aes_128_cbc(), (const unsigned char *)"secret", 6, NULL, NULL), 1);
    int len = BIO_read(bio, text, sizeof text);
    BIO_free(bio);
    assert_true(len > 0);
    assert_int_equal(mnet_tls_context_create(NULL, &context), 0);
    assert_int_equal(mnet_tls_add_identity(context, certificate_source(own), mnet_tls_memory(text, (size_t)len)),
                     MNET_E_TLS_CREDENTIALS);
    mnet_tls_context_free(context);
}

static void every_error_has_words_of_its_own(void **state)
{
    (void)state;
    for (int error = MNET_E_TLS_FILE; error >= MNET_E_TLS_UNSUPPORTED; error--) {
        assert_string_not_equal(mnet_tls_strerror(error), mnet_strerror(error));
        for (int other = MNET_E_TLS_FILE; other > error; other--)
            assert_string_not_equal(mnet_tls_strerror(error), mnet_tls_strerror(other));
    }
    assert_string_equal(mnet_tls_strerror(MNET_E_RESET), mnet_strerror(MNET_E_RESET));
    assert_string_equal(mnet_tls_strerror(MNET_E_TLS_UNSUPPORTED - 1), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_must_have_the_name_that_was_asked_for),
        cmocka_unit_test(client_without_a_name_sends_nothing),
        cmocka_unit_test(certificates_are_valid_in_their_time),
        cmocka_unit_test(clock_that_is_not_set_verifies_nothing),
        cmocka_unit_test(system_clock_that_shows_1970_is_not_set),
        cmocka_unit_test(self_signed_and_strange_issuers_are_told_apart),
        cmocka_unit_test(self_signed_certificate_can_be_trusted),
        cmocka_unit_test(roots_are_read_from_a_pipe),
        cmocka_unit_test(own_roots_take_the_place_of_those_of_the_system),
        cmocka_unit_test(issuers_between_come_with_the_certificate),
        cmocka_unit_test(revoked_certificates_are_refused),
        cmocka_unit_test(server_shows_the_certificate_of_the_name),
        cmocka_unit_test(clients_show_certificates_if_asked),
        cmocka_unit_test(server_needs_a_certificate_and_roots_for_clients),
        cmocka_unit_test(sessions_are_resumed),
        cmocka_unit_test(sessions_of_many_servers_are_forgotten_oldest_first),
        cmocka_unit_test(files_are_read_as_memory_is),
        cmocka_unit_test(credentials_that_do_not_fit_are_refused),
        cmocka_unit_test(encrypted_key_is_refused_without_asking),
        cmocka_unit_test(every_error_has_words_of_its_own),
    };
    return cmocka_run_group_tests(tests, tls_make_certificates, tls_free_certificates);
}
