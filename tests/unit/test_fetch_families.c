/* fetch as a whole in virtual time: `fetch https://name/` from a server of both families, of which
 * one may be broken. The server's host answers questions of DNS, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <mnet/mnet.h>
#include <mnet/sim.h>
#include <mnet/tls.h>

#include "support/addresses.h"
#include "support/certificates.h"

#define SERVER_4 "10.0.0.2"
#define SERVER_6 "2001:db8::2"
#define NOBODY_4 "10.0.0.99"
#define NOBODY_6 "2001:db8::99"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nthe file"
#define DELAY (10 * MNET_MILLISECOND) /* of the link, one way */

/* The addresses of the name, or NULL if nobody answers for that family. */
static struct host_addresses {
    const char *ipv4, *ipv6;
    bool at_once; /* while the client still asks whether its address of IPv6 is unique */
} site;

static char folder[] = "/tmp/mnet-fetch-XXXXXX";
static char certificate_file[64], output_file[64];
static struct certificate *certificate;
static uint64_t took;

/* ---- The server ---- */

/* The length of the answer to a question, 0 if there is none. */
static size_t answer_question(uint8_t *bytes, size_t len)
{
    size_t at = 12;
    while (at < len && bytes[at] != 0)
        at += 1u + bytes[at];
    bool six = bytes[at + 2] == 28;
    const char *text = six ? site.ipv6 : site.ipv4;
    if (text == NULL)
        return 0;
    struct mnet_address found = address(text);
    const uint8_t head[] = {0xc0, 0x0c, 0, bytes[at + 2], 0, 1, 0, 0, 0, 60, 0, six ? 16 : 4};
    at += 5;
    bytes[2] = 0x81;
    bytes[3] = 0x80;
    bytes[7] = 1;
    bytes[11] = 0; /* without EDNS */
    memcpy(bytes + at, head, sizeof head);
    memcpy(bytes + at + sizeof head, found.bytes + (six ? 0 : 12), head[11]);
    return at + sizeof head + head[11];
}

static int serve_names(void *argument)
{
    struct mnet_udp *udp;
    struct mnet_endpoint from;
    uint8_t bytes[1500];
    struct mnet_udp_options options = {.local = {.port = 53}};
    int error = mnet_udp_open(argument, &options, &udp);
    if (error < 0)
        return error;
    for (;;) {
        ptrdiff_t len = mnet_udp_receive(udp, bytes, sizeof bytes - 64, &from, MNET_NEVER);
        if (len < 0)
            return (int)len;
        if (!site.at_once)
            mnet_sleep(5 * MNET_SECOND); /* all addresses are there by then */
        size_t answered = answer_question(bytes, (size_t)len);
        if (answered > 0)
            mnet_udp_send(udp, &from, bytes, answered, MNET_NEVER);
    }
}

static void serve_client(struct mnet_tls_context *context, struct mnet_flow *flow)
{
    struct mnet_tls *tls;
    char request[1024] = "";
    size_t len = 0;
    uint64_t deadline = mnet_now() + 10 * MNET_SECOND;
    if (mnet_tls_accept(context, mnet_tcp_stream(flow), &tls, deadline) < 0) {
        mnet_tcp_abort(flow);
        return;
    }
    while (len < 4 || memcmp(request + len - 4, "\r\n\r\n", 4) != 0) {
        ptrdiff_t got = mnet_tls_read(tls, request + len, sizeof request - len, deadline);
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    mnet_tls_write(tls, ANSWER, strlen(ANSWER), NULL, deadline);
    mnet_tls_close(tls);
}

static int serve(struct mnet_env *env, void *unused)
{
    struct mnet_stack *stack;
    struct mnet_task *names;
    struct mnet_listener *listener;
    struct mnet_tls_context *context;
    struct mnet_flow *flow;
    (void)unused;
    if (mnet_stack_up(env, NULL, &stack) < 0 || mnet_spawn(&names, serve_names, stack) < 0 ||
        mnet_tcp_listen(stack, 443, NULL, &listener) < 0 || mnet_tls_context_create(NULL, &context) < 0 ||
        mnet_tls_add_identity(context, certificate_source(certificate), certificate_key(certificate)) < 0)
        return 1;
    while (mnet_tcp_accept(listener, &flow, MNET_NEVER) == 0)
        serve_client(context, flow);
    mnet_tls_context_free(context);
    mnet_cancel(names);
    mnet_join(names, NULL, MNET_NEVER);
    return 0;
}

/* ---- fetch ---- */

static int fetch(struct mnet_env *env, void *unused)
{
    (void)unused;
    mnet_sleep(mnet_now() + MNET_SECOND); /* the server is up */
    uint64_t begun = mnet_now();
    int failed = mnet_main(env);
    took = mnet_now() - begun;
    return failed;
}

static void check_output(void)
{
    char text[64] = "";
    FILE *file = fopen(output_file, "r");
    assert_non_null(file);
    assert_int_equal(fread(text, 1, sizeof text - 1, file), 8);
    fclose(file);
    assert_string_equal(text, "the file");
    unlink(output_file);
}

/* Returns the milliseconds that it takes with these addresses of the name. */
static unsigned fetch_from(const char *ipv4, const char *ipv6, bool at_once)
{
    char arguments[MNET_SIM_ARGUMENTS];
    site = (struct host_addresses){ipv4, ipv6, at_once};
    snprintf(arguments, sizeof arguments,
             "--ipv4=10.0.0.1/24 --ipv6=2001:db8::1/64 --dns=" SERVER_4
             " --cacert=%s --output=%s https://site.example/",
             certificate_file, output_file);
    struct mnet_sim_host_options client_host = {.arguments = arguments, .program = &mnet_program};
    struct mnet_sim_host_options server_host = {.arguments = "--ipv4=" SERVER_4 "/24 --ipv6=" SERVER_6 "/64"};
    struct mnet_sim *sim = mnet_sim_create(1);
    assert_non_null(sim);
    struct mnet_sim_host *server = mnet_sim_host(sim, "server", &server_host);
    struct mnet_sim_host *client = mnet_sim_host(sim, "client", &client_host);
    assert_true(mnet_sim_link(sim, server, client, &(struct mnet_sim_path){.delay_ns = DELAY}));
    mnet_sim_serve(server, serve, NULL);
    mnet_sim_spawn(client, fetch, NULL);
    assert_int_equal(mnet_sim_run(sim, 120 * MNET_SECOND), 0);
    mnet_sim_destroy(sim);
    check_output();
    return (unsigned)(took / MNET_MILLISECOND);
}

/* RFC 8305 5: the next family is tried 250 ms after the first one. */
static void broken_family_costs_at_most_250_ms(void **state)
{
    (void)state;
    unsigned both = fetch_from(SERVER_4, SERVER_6, false);
    unsigned no_6 = fetch_from(SERVER_4, NOBODY_6, false), no_4 = fetch_from(NOBODY_4, SERVER_6, false);
    print_message("both families: %u ms; IPv6 broken: %u ms; IPv4 broken: %u ms\n", both, no_6, no_4);
    assert_in_range(no_6, both + 200, both + 250);
    assert_int_equal(no_4, both);
}

/* RFC 8305 3: an address of IPv4 waits 50 ms for one of IPv6. */
static void family_that_dns_does_not_tell_costs_at_most_50_ms(void **state)
{
    (void)state;
    unsigned both = fetch_from(SERVER_4, SERVER_6, false);
    assert_in_range(fetch_from(SERVER_4, NULL, false), both, both + 50);
    assert_int_equal(fetch_from(NULL, SERVER_6, false), both);
}

/* RFC 4862 5.4: the own address of IPv6 is there after one to two seconds. Then the server is tried
 * by that, without waiting for the end of what is tried by IPv4. */
static void broken_ipv4_at_the_start_costs_until_ipv6_is_there(void **state)
{
    (void)state;
    unsigned both = fetch_from(SERVER_4, SERVER_6, true);
    unsigned no_4 = fetch_from(NOBODY_4, SERVER_6, true), only_6 = fetch_from(NULL, SERVER_6, true);
    print_message("at the start: both families: %u ms; IPv4 broken: %u ms; IPv6 alone: %u ms\n", both, no_4, only_6);
    assert_in_range(both, 1, 200);
    assert_in_range(no_4, only_6, only_6 + 10);
    assert_in_range(only_6, 1000, 2100);
}

static int make_files(void **state)
{
    int64_t now = (int64_t)time(NULL);
    struct certificate_plan plan = {"site", "DNS:site.example", NULL, false, false, now - 1000, now + 100000};
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(certificate_file, sizeof certificate_file, "%s/pem", folder);
    snprintf(output_file, sizeof output_file, "%s/output", folder);
    certificate = certificate_make(&plan);
    FILE *file = fopen(certificate_file, "w");
    assert_non_null(file);
    fputs(certificate->text, file);
    fclose(file);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    unlink(certificate_file);
    rmdir(folder);
    certificate_free(certificate);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_family_costs_at_most_250_ms),
        cmocka_unit_test(broken_ipv4_at_the_start_costs_until_ipv6_is_there),
        cmocka_unit_test(family_that_dns_does_not_tell_costs_at_most_50_ms),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
