/* httpd and the semantics of HTTP: RFC 9110. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/httpd_site.h"

/* Returns the answer to a request of HTTP/1.1 with these additional fields. */
static const char *ask(const char *method_and_target, const char *fields)
{
    char request[1024];
    snprintf(request, sizeof request, "%s HTTP/1.1\r\n" HOST "%s\r\n", method_and_target, fields);
    return site_ask(request);
}

static void expect(const char *method_and_target, const char *fields, const char *status)
{
    site_expect_statuses(ask(method_and_target, fields), status);
}

/* ---- Methods: RFC 9110 9 and 15 ---- */

static void get_sends_the_file(void **state)
{
    (void)state;
    const char *answer = ask("GET /ten.txt", "");
    site_expect_line(answer, "HTTP/1.1 200 OK\r\n");
    site_expect_line(answer, "\r\nContent-Length: 10\r\n");
    site_expect_line(answer, "\r\nContent-Type: text/plain; charset=utf-8\r\n");
    site_expect_line(answer, "\r\nETag: \"ten\"\r\n");
    site_expect_line(answer, "\r\nAccept-Ranges: bytes\r\n");
    site_expect_body(answer, "0123456789");
    site_expect_body(ask("GET /empty", ""), "");
}

static void head_is_get_without_content(void **state)
{
    (void)state;
    char get[4096];
    static const char *const targets[] = {"/ten.txt", "/none", "/sub", "/../x"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        char request[64];
        snprintf(request, sizeof request, "GET %s", targets[i]);
        strcpy(get, ask(request, ""));
        *(strstr(get, "\r\n\r\n") + 4) = '\0';
        snprintf(request, sizeof request, "HEAD %s", targets[i]);
        assert_string_equal(ask(request, ""), get);
    }
    site_expect_body(site_ask("HEAD / HTTP/1.1\r\n\r\n"), ""); /* refused, and still a HEAD */
    site_expect_body(site_ask("HEAD / HTTP/1.1\r\nX : y\r\n\r\n"), "");
}

static void methods_not_allowed_are_told_which_are(void **state)
{
    (void)state;
    static const char *const methods[] = {
        "POST /", "PUT /x", "DELETE /", "PATCH /", "TRACE /", "CONNECT example.org:80", "PROPFIND /"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        const char *answer = ask(methods[i], "");
        site_expect_statuses(answer, "405");
        site_expect_line(answer, "\r\nAllow: GET, HEAD, OPTIONS\r\n");
    }
}

static void connect_to_no_port_is_refused(void **state)
{
    (void)state;
    expect("CONNECT example.org:", "", "405");
    expect("CONNECT example.org:x", "", "405");
}

static void options_says_what_is_allowed(void **state)
{
    (void)state;
    const char *answer = ask("OPTIONS /ten.txt", "If-Match: \"other\"\r\nRange: bytes=0-0\r\n");
    site_expect_statuses(answer, "200");
    site_expect_line(answer, "\r\nAllow: GET, HEAD, OPTIONS\r\n");
    site_expect_line(answer, "\r\nContent-Length: 0\r\n");
    expect("OPTIONS /none", "", "404");
}

/* The clock of a simulation begins with 2026. */
static void answers_have_the_date_on_which_they_were_made(void **state)
{
    (void)state;
    static const char *const requests[] = {"GET /ten.txt", "GET /none", "GET /sub", "OPTIONS /", "PUT /x"};
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
        site_expect_line(ask(requests[i], ""), "\r\nDate: Thu, 01 Jan 2026 00:00:0");
}

static void files_have_no_date(void **state)
{
    (void)state;
    site_expect_no_line(ask("GET /ten.txt", ""), "\r\nLast-Modified:");
}

static int get_metrics(struct mnet_env *env, void *argument)
{
    static char answer[64 * 1024];
    struct mnet_stack *stack;
    (void)argument;
    int error = mnet_stack_up(env, NULL, &stack);
    site_check(error == 0);
    struct mnet_flow *flow = site_connect(stack);
    site_say(flow, "GET /metrics HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    site_check(site_hear(flow, answer, sizeof answer, mnet_now() + 30 * MNET_SECOND) == 0);
    mnet_tcp_close(flow);
    const char *body = strstr(answer, "\r\n\r\n"), *length = strstr(answer, "Content-Length: ");
    site_check(body != NULL && length != NULL);
    site_check(strtol(length + 16, NULL, 10) == (long)strlen(body + 4));
    site_check(strstr(answer, "\r\nContent-Type: " MNET_METRICS_TYPE "\r\n") != NULL);
    site_check(strstr(body, "\nmnet_tcp_connections{state=\"ESTABLISHED\"} 1\n") != NULL);
    return 0;
}

/* Only if it was asked for. */
static void metrics_are_served(void **state)
{
    (void)state;
    assert_int_equal(site_visit(get_metrics, NULL, "--metrics"), 0);
    expect("GET /metrics", "", "404");
}

/* ---- Targets: RFC 9110 4, RFC 3986 ---- */

static void percent_encoding_is_decoded(void **state)
{
    (void)state;
    site_expect_body(ask("GET /a%20b/c%20d", ""), "blanks");
    site_expect_body(ask("GET /t%65n.txt", ""), "0123456789");
    expect("GET /%zz", "", "400");
    expect("GET /%2", "", "400");
    expect("GET /ten.txt%00", "", "400");
    expect("GET /a%5cb", "", "400");
}

static void path_above_the_root_is_refused(void **state)
{
    (void)state;
    static const char *const targets[] = {
        "GET /..", "GET /../x", "GET /sub/../../x", "GET /%2e%2e/x", "GET /sub%2f..%2f..%2fx", "GET /./../x"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        expect(targets[i], "", "400");
    site_expect_body(ask("GET /sub/.././ten.txt", ""), "0123456789");
}

static void query_is_not_of_the_path(void **state)
{
    (void)state;
    site_expect_body(ask("GET /ten.txt?a=/../b?c", ""), "0123456789");
}

static void folder_without_slash_moves_and_keeps_its_query(void **state)
{
    (void)state;
    const char *answer = ask("GET /sub?a=1&b=%20?", "");
    site_expect_statuses(answer, "301");
    site_expect_line(answer, "\r\nLocation: ./sub/?a=1&b=%20?\r\n");
    site_expect_line(ask("GET /sub", ""), "\r\nLocation: ./sub/\r\n");
    site_expect_line(ask("GET /a%20b", ""), "\r\nLocation: ./a%20b/\r\n");
    site_expect_line(ask("GET http://x/sub?a", ""), "\r\nLocation: ./sub/?a\r\n");
    site_expect_body(ask("GET /sub/", ""), "sub");
}

static void type_is_that_of_the_ending_in_any_case(void **state)
{
    (void)state;
    site_expect_line(ask("GET /PAGE.HTML", ""), "\r\nContent-Type: text/html; charset=utf-8\r\n");
    site_expect_line(ask("GET /empty", ""), "\r\nContent-Type: application/octet-stream\r\n");
}

/* ---- Expectations: RFC 9110 10.1.1 ---- */

#define WAITS "Expect: 100-continue\r\n"

static void expectation_with_a_body_is_answered_at_once(void **state)
{
    (void)state;
    /* The body does not come. */
    const char *answer = site_ask("POST / HTTP/1.1\r\n" HOST WAITS "Content-Length: 5\r\n\r\n");
    site_expect_statuses(answer, "405");
    site_expect_line(answer, "\r\nConnection: close\r\n");
    answer = site_ask("GET /ten.txt HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n");
    site_expect_statuses(answer, "200");
    site_expect_line(answer, "\r\nConnection: close\r\n");
}

static void expectation_without_a_body_is_none(void **state)
{
    (void)state;
    site_expect_statuses(site_ask("GET / HTTP/1.1\r\n" HOST WAITS "\r\nGET / HTTP/1.1\r\n" HOST "\r\n"), "200 200");
}

static void expectation_unknown_fails(void **state)
{
    (void)state;
    expect("GET /", "Expect: tea\r\n", "417");
    expect("GET /", "Expect: 100-continue, tea\r\n", "417");
}

static void expectation_of_http_1_0_is_ignored(void **state)
{
    (void)state;
    site_expect_statuses(site_ask("GET / HTTP/1.0\r\n" WAITS "\r\n"), "200");
    site_expect_statuses(site_ask("GET / HTTP/1.0\r\n" WAITS "Content-Length: 2\r\n\r\nab"), "200");
}

/* ---- Conditions: RFC 9110 13 ---- */

static void if_none_match_finds_the_tag_weakly(void **state)
{
    (void)state;
    const char *answer = ask("GET /ten.txt", "If-None-Match: \"ten\"\r\n");
    site_expect_line(answer, "HTTP/1.1 304 Not Modified\r\n");
    site_expect_line(answer, "\r\nETag: \"ten\"\r\n");
    site_expect_no_line(answer, "Content-");
    site_expect_body(answer, "");
    expect("HEAD /ten.txt", "If-None-Match: W/\"ten\"\r\n", "304");
    expect("GET /fresh.txt", "If-None-Match: \"fresh\"\r\n", "304");
    expect("GET /ten.txt", "If-None-Match: *\r\n", "304");
    expect("GET /ten.txt", "If-None-Match: , \"a,b\",, \"x\" ,W/\"ten\"\r\n", "304");
    expect("GET /ten.txt", "If-None-Match: \"x\"\r\nIf-None-Match: \"ten\"\r\n", "304");
    expect("GET /ten.txt", "If-None-Match: \"a\", \"te\", \"tenn\", ten\r\n", "200");
    expect("GET /ten.txt", "If-None-Match: \"a, \"ten\"\r\n", "200"); /* not a list of tags */
}

static void if_match_wants_the_tag_strongly(void **state)
{
    (void)state;
    expect("GET /ten.txt", "If-Match: \"x\", \"ten\"\r\n", "200");
    expect("GET /ten.txt", "If-Match: *\r\n", "200");
    expect("GET /ten.txt", "If-Match: \"x\"\r\n", "412");
    expect("HEAD /ten.txt", "If-Match: \"x\"\r\n", "412");
    expect("GET /ten.txt", "If-Match: W/\"ten\"\r\n", "412");
    expect("GET /fresh.txt", "If-Match: W/\"fresh\"\r\n", "412");
}

static void if_match_comes_before_if_none_match(void **state)
{
    (void)state;
    expect("GET /ten.txt", "If-None-Match: \"ten\"\r\nIf-Match: \"x\"\r\n", "412");
    expect("GET /ten.txt", "If-None-Match: \"ten\"\r\nIf-Match: \"ten\"\r\n", "304");
    expect("GET /ten.txt", "If-None-Match: \"ten\"\r\nRange: bytes=0-1\r\n", "304");
}

static void conditions_by_date_are_ignored(void **state)
{
    (void)state;
#define LONG_AGO "Sat, 29 Oct 1994 19:43:31 GMT\r\n"
    expect("GET /ten.txt", "If-Modified-Since: " LONG_AGO, "200");
    expect("GET /ten.txt", "If-Modified-Since: Fri, 31 Dec 2100 00:00:00 GMT\r\n", "200");
    expect("GET /ten.txt", "If-Unmodified-Since: " LONG_AGO, "200");
}

static void conditions_are_ignored_unless_the_file_would_be_sent(void **state)
{
    (void)state;
    expect("GET /none", "If-Match: \"x\"\r\n", "404");
    expect("GET /none", "If-None-Match: *\r\n", "404");
    expect("GET /sub", "If-Match: \"x\"\r\n", "301");
    expect("POST /ten.txt", "If-Match: \"x\"\r\n", "405");
}

/* ---- Ranges: RFC 9110 14 ---- */

static void expect_range(const char *field, const char *content_range, const char *bytes)
{
    const char *answer = ask("GET /ten.txt", field);
    site_expect_line(answer, "HTTP/1.1 206 Partial Content\r\n");
    site_expect_line(answer, content_range);
    site_expect_line(answer, "\r\nETag: \"ten\"\r\n");
    site_expect_line(answer, "\r\nContent-Type: text/plain; charset=utf-8\r\n");
    site_expect_body(answer, bytes);
}

static void range_is_sent_alone(void **state)
{
    (void)state;
    expect_range("Range: bytes=2-4\r\n", "\r\nContent-Range: bytes 2-4/10\r\n", "234");
    expect_range("Range: bytes=0-0\r\n", "\r\nContent-Range: bytes 0-0/10\r\n", "0");
    expect_range("Range: bytes=7-\r\n", "\r\nContent-Range: bytes 7-9/10\r\n", "789");
    expect_range("Range: bytes=7-99\r\n", "\r\nContent-Range: bytes 7-9/10\r\n", "789");
    expect_range("Range: bytes=-3\r\n", "\r\nContent-Range: bytes 7-9/10\r\n", "789");
    expect_range("Range: bytes=-99\r\n", "\r\nContent-Range: bytes 0-9/10\r\n", "0123456789");
    expect_range("Range: BYTES= , 9-9 ,\r\n", "\r\nContent-Range: bytes 9-9/10\r\n", "9");
    expect_range("Range: bytes=1-99999999999999999999999\r\n", "\r\nContent-Range: bytes 1-9/10\r\n", "123456789");
    expect_range("Range: bytes=-99999999999999999999999\r\n", "\r\nContent-Range: bytes 0-9/10\r\n", "0123456789");
}

static void range_behind_the_end_is_not_satisfiable(void **state)
{
    (void)state;
    static const char *const ranges[] = {"10-", "10-11", "-0", "99999999999999999999999-"};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        char field[64];
        snprintf(field, sizeof field, "Range: bytes=%s\r\n", ranges[i]);
        const char *answer = ask("GET /ten.txt", field);
        site_expect_line(answer, "HTTP/1.1 416 Range Not Satisfiable\r\n");
        site_expect_line(answer, "\r\nContent-Range: bytes */10\r\n");
    }
    expect("GET /empty", "Range: bytes=0-\r\n", "416");
    expect("GET /empty", "Range: bytes=-5\r\n", "200");
}

static void range_that_is_none_is_ignored(void **state)
{
    (void)state;
    static const char *const fields[] = {"lines=1-2", "bytes",      "bytes=",      "bytes=x",   "bytes=-",
                                         "bytes=4-2", "bytes=1-2x", "bytes=1 - 2", "bytes 1-2", "bytes=+1-2"};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        char field[64];
        snprintf(field, sizeof field, "Range: %s\r\n", fields[i]);
        site_expect_body(ask("GET /ten.txt", field), "0123456789");
    }
}

static void several_ranges_get_the_whole(void **state)
{
    (void)state;
    expect("GET /ten.txt", "Range: bytes=0-1,4-5\r\n", "200");
    expect("GET /ten.txt", "Range: bytes=0-1\r\nRange: bytes=4-5\r\n", "200");
}

static void range_is_for_get_only(void **state)
{
    (void)state;
    const char *answer = ask("HEAD /ten.txt", "Range: bytes=0-1\r\n");
    site_expect_statuses(answer, "200");
    site_expect_line(answer, "\r\nContent-Length: 10\r\n");
    expect("HEAD /ten.txt", "Range: bytes=99-\r\n", "200");
    expect("GET /none", "Range: bytes=0-1\r\n", "404");
}

static void if_range_decides_about_the_range(void **state)
{
    (void)state;
    const char *answer = ask("GET /ten.txt", "Range: bytes=2-4\r\nIf-Range: \"ten\"\r\n");
    site_expect_line(answer, "HTTP/1.1 206 ");
    site_expect_body(answer, "234");
    site_expect_no_line(answer, "Content-Type"); /* the client has it */
    expect("GET /ten.txt", "Range: bytes=2-4\r\nIf-Range: \"x\"\r\n", "200");
    expect("GET /ten.txt", "Range: bytes=99-\r\nIf-Range: \"x\"\r\n", "200");
    expect("GET /ten.txt", "Range: bytes=2-4\r\nIf-Range: W/\"ten\"\r\n", "200");
    expect("GET /fresh.txt", "Range: bytes=2-4\r\nIf-Range: W/\"fresh\"\r\n", "200");
    expect("GET /ten.txt", "Range: bytes=2-4\r\nIf-Range: " LONG_AGO, "200");
    expect("GET /ten.txt", "If-Range: \"ten\"\r\n", "200");
}

static void content_range_of_a_request_is_ignored(void **state)
{
    (void)state;
    expect("GET /ten.txt", "Content-Range: bytes 0-1/10\r\nContent-Location: /none\r\n", "200");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_sends_the_file),
        cmocka_unit_test(head_is_get_without_content),
        cmocka_unit_test(methods_not_allowed_are_told_which_are),
        cmocka_unit_test(connect_to_no_port_is_refused),
        cmocka_unit_test(options_says_what_is_allowed),
        cmocka_unit_test(answers_have_the_date_on_which_they_were_made),
        cmocka_unit_test(files_have_no_date),
        cmocka_unit_test(metrics_are_served),
        cmocka_unit_test(percent_encoding_is_decoded),
        cmocka_unit_test(path_above_the_root_is_refused),
        cmocka_unit_test(query_is_not_of_the_path),
        cmocka_unit_test(folder_without_slash_moves_and_keeps_its_query),
        cmocka_unit_test(type_is_that_of_the_ending_in_any_case),
        cmocka_unit_test(expectation_with_a_body_is_answered_at_once),
        cmocka_unit_test(expectation_without_a_body_is_none),
        cmocka_unit_test(expectation_unknown_fails),
        cmocka_unit_test(expectation_of_http_1_0_is_ignored),
        cmocka_unit_test(if_none_match_finds_the_tag_weakly),
        cmocka_unit_test(if_match_wants_the_tag_strongly),
        cmocka_unit_test(if_match_comes_before_if_none_match),
        cmocka_unit_test(conditions_by_date_are_ignored),
        cmocka_unit_test(conditions_are_ignored_unless_the_file_would_be_sent),
        cmocka_unit_test(range_is_sent_alone),
        cmocka_unit_test(range_behind_the_end_is_not_satisfiable),
        cmocka_unit_test(range_that_is_none_is_ignored),
        cmocka_unit_test(several_ranges_get_the_whole),
        cmocka_unit_test(range_is_for_get_only),
        cmocka_unit_test(if_range_decides_about_the_range),
        cmocka_unit_test(content_range_of_a_request_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
