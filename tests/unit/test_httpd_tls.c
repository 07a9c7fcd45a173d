/* httpd with a certificate: answers within TLS, and clients that do not get that far. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <mnet/tls.h>

#include "support/certificates.h"
#include "support/httpd_site.h"

#define GET "GET /ten.txt HTTP/1.1\r\n" HOST "\r\n"
#define NOW INT64_C(1790000000) /* seconds since 1970 */

static char files[64]; /* of the certificate, which has its key behind it */
static char options[256];
static struct certificate *certificate;
static char answer[8192];

static uint64_t read_clock(void *unused)
{
    (void)unused;
    return (uint64_t)NOW * MNET_SECOND;
}

static int make_files(void **state)
{
    struct certificate_plan plan = {"server", "DNS:server.test", NULL, false, false, NOW - 1000, NOW + 1000};
    (void)state;
    certificate = certificate_make(&plan);
    strcpy(files, "/tmp/mnet-httpd-XXXXXX");
    int file = mkstemp(files);
    assert_true(file >= 0);
    assert_int_equal(write(file, certificate->text, strlen(certificate->text)), strlen(certificate->text));
    assert_int_equal(write(file, certificate->key_text, strlen(certificate->key_text)), strlen(certificate->key_text));
    close(file);
    snprintf(options, sizeof options, "--tls-cert=%s --tls-key=%s", files, files);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    unlink(files);
    certificate_free(certificate);
    return 0;
}

/* Creates the client's stack, after the server listens. */
static struct mnet_stack *come_up(struct mnet_env *env)
{
    struct mnet_stack *stack;
    mnet_sleep(mnet_now() + MNET_MILLISECOND);
    site_check(mnet_stack_up(env, NULL, &stack) == 0);
    return stack;
}

static struct mnet_flow *connect_flow(struct mnet_stack *stack)
{
    struct mnet_flow *flow;
    site_check(mnet_tcp_connect(stack, mnet_ipv4(10, 0, 0, 2), 443, &flow, mnet_now() + 30 * MNET_SECOND) == 0);
    return flow;
}

static struct mnet_tls_context *create_context(void)
{
    struct mnet_tls_options settings = {.clock = read_clock};
    struct mnet_tls_context *context;
    site_check(mnet_tls_context_create(&settings, &context) == 0);
    site_check(mnet_tls_trust(context, certificate_source(certificate)) == 0);
    return context;
}

static struct mnet_tls *connect_session(struct mnet_tls_context *context, struct mnet_flow *flow)
{
    struct mnet_tls *tls;
    site_check(mnet_tls_connect(context, mnet_tcp_stream(flow), "server.test", &tls, mnet_now() + MNET_SECOND) == 0);
    return tls;
}

/* Asks three times in a row, and expects the answers and the end of the session. */
static void ask(struct mnet_tls *tls)
{
    for (int i = 0; i < 2; i++)
        site_check(mnet_tls_write(tls, GET, strlen(GET), NULL, mnet_now() + MNET_SECOND) == 0);
    site_check(mnet_tls_write(tls, "GET / HTTP/1.0\r\n\r\n", 18, NULL, mnet_now() + MNET_SECOND) == 0);
    size_t len = 0;
    ptrdiff_t got;
    while ((got = mnet_tls_read(tls, answer + len, sizeof answer - 1 - len, mnet_now() + MNET_SECOND)) > 0)
        len += (size_t)got;
    site_check(got == 0); /* the server ends the session, and not only the stream */
    answer[len] = '\0';
    site_expect_statuses(answer, "200 200 200");
}

static int ask_in_session(struct mnet_env *env, void *argument)
{
    (void)argument;
    struct mnet_tls_context *context = create_context();
    struct mnet_tls *tls = connect_session(context, connect_flow(come_up(env)));
    ask(tls);
    mnet_tls_close(tls);
    mnet_tls_context_free(context);
    return 0;
}

static int leave_without_alert(struct mnet_env *env, void *argument)
{
    char bytes[64];
    (void)argument;
    struct mnet_stack *stack = come_up(env);
    struct mnet_tls_context *context = create_context();
    struct mnet_flow *flow = connect_flow(stack);
    struct mnet_tls *rude = connect_session(context, flow), *tls = connect_session(context, connect_flow(stack));
    site_check(mnet_tls_write(rude, GET, 10, NULL, mnet_now() + MNET_SECOND) == 0);
    mnet_tcp_shutdown(flow, MNET_SHUTDOWN_WRITE); /* below the session */
    /* An alert says that the session has not ended well. */
    site_check(mnet_tls_read(rude, bytes, sizeof bytes, mnet_now() + MNET_SECOND) == MNET_E_TLS_ALERT);
    ask(tls);
    mnet_tls_close(rude);
    mnet_tls_close(tls);
    mnet_tls_context_free(context);
    return 0;
}

static void requests_are_answered_in_a_session(void **state)
{
    (void)state;
    assert_int_equal(site_visit(ask_in_session, NULL, options), 0);
}

static void client_without_an_alert_ends_its_own_session_only(void **state)
{
    (void)state;
    assert_int_equal(site_visit(leave_without_alert, NULL, options), 0);
}

/* The time until the server gives a client up that sends `argument` and then nothing. */
static int stay_silent(struct mnet_env *env, void *argument)
{
    char bytes[64];
    struct mnet_flow *flow = connect_flow(come_up(env));
    uint64_t begun = mnet_now();
    site_check(site_say(flow, argument) == 0);
    while (mnet_tcp_read(flow, bytes, sizeof bytes, mnet_now() + 60 * MNET_SECOND) > 0) {
    }
    site_check_range((mnet_now() - begun) / MNET_SECOND, 14, 16);
    mnet_tcp_close(flow);
    return 0;
}

static void handshake_that_stops_is_given_up(void **state)
{
    static char nothing[] = "", beginning[] = "\x16\x03\x01\x02";
    (void)state;
    assert_int_equal(site_visit(stay_silent, nothing, options), 0);
    assert_int_equal(site_visit(stay_silent, beginning, options), 0);
}

static int speak_http(struct mnet_env *env, void *argument)
{
    (void)argument;
    struct mnet_flow *flow = connect_flow(come_up(env));
    site_check(site_say(flow, GET) == 0);
    ptrdiff_t result = site_hear(flow, answer, sizeof answer, mnet_now() + MNET_SECOND);
    site_check(result == 0);
    site_check(answer[0] == '\0');
    mnet_tcp_close(flow);
    return 0;
}

static void client_without_tls_gets_no_word_of_http(void **state)
{
    (void)state;
    assert_int_equal(site_visit(speak_http, NULL, options), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered_in_a_session),
        cmocka_unit_test(client_without_an_alert_ends_its_own_session_only),
        cmocka_unit_test(handshake_that_stops_is_given_up),
        cmocka_unit_test(client_without_tls_gets_no_word_of_http),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
