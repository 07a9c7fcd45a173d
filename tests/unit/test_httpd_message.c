/* httpd and the messages of HTTP/1.1: RFC 9112. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/httpd_site.h"

#define GET "GET /ten.txt HTTP/1.1\r\n"

static void expect_status(const char *request, const char *statuses)
{
    site_expect_statuses(site_ask(request), statuses);
}

/* ---- RFC 9112 2 and 3: the first line ---- */

static void empty_line_in_front_is_ignored(void **state)
{
    (void)state;
    expect_status("\r\n" GET HOST "\r\n\r\n\r\n" GET HOST "\r\n", "200 200");
}

static void lines_end_in_cr_lf(void **state)
{
    (void)state;
    expect_status("GET /ten.txt HTTP/1.1\n" HOST "\r\n", "400");
    expect_status(GET "Host: example.org\n\r\n", "400");
    expect_status(GET HOST "\n", "400");
    expect_status(GET "Host: example.org\rX: y\r\n\r\n", "400");
    expect_status(GET HOST "X: a\rb\r\n\r\n", "400");
    expect_status("GET /ten.txt HTTP/1.1\r" HOST "\r\n", "400");
}

static void blank_in_front_of_the_first_field_is_refused(void **state)
{
    (void)state;
    expect_status(GET " X: y\r\n" HOST "\r\n", "400");
    expect_status(GET "\tX: y\r\n" HOST "\r\n", "400");
}

static void request_line_that_is_none_is_refused(void **state)
{
    (void)state;
    expect_status("GET  /ten.txt HTTP/1.1\r\n" HOST "\r\n", "400");
    expect_status("GET /ten.txt  HTTP/1.1\r\n" HOST "\r\n", "400");
    expect_status("GET\t/ten.txt HTTP/1.1\r\n" HOST "\r\n", "400");
    expect_status("GET /ten.txt HTTP/1.1 \r\n" HOST "\r\n", "400");
    expect_status("GET /ten.txt http/1.1\r\n" HOST "\r\n", "400");
    expect_status("GET /ten.txt HTTP/1.\r\n" HOST "\r\n", "400");
    expect_status("GET /ten.txt HTTP/11.1\r\n" HOST "\r\n", "400");
    expect_status("GET /ten.txt RTSP/1.0\r\n" HOST "\r\n", "400");
    expect_status("GET /ten.txt#part HTTP/1.1\r\n" HOST "\r\n", "400");
    expect_status("GET /t\x80n HTTP/1.1\r\n" HOST "\r\n", "400");
    expect_status("G\x01T / HTTP/1.1\r\n" HOST "\r\n", "400");
    expect_status("\x16\x03\x01\x02", "400"); /* TLS */
}

static void target_too_long_is_told(void **state)
{
    (void)state;
    char request[4096] = "GET /";
    memset(request + 5, 'a', 2047);
    strcpy(request + 5 + 2047, " HTTP/1.1\r\n" HOST "\r\n");
    expect_status(request, "404"); /* the longest one that is accepted */
    memset(request + 5, 'a', 2048);
    strcpy(request + 5 + 2048, " HTTP/1.1\r\n" HOST "\r\n");
    expect_status(request, "414");
    expect_status("GET / HTTP/1.1\r\n" HOST "\r\n", "200");
}

static void method_unknown_is_not_implemented(void **state)
{
    (void)state;
    expect_status("BREW / HTTP/1.1\r\n" HOST "\r\n", "501");
    expect_status("get / HTTP/1.1\r\n" HOST "\r\n", "501");
    expect_status("GETS / HTTP/1.1\r\n" HOST "\r\n", "501");
    expect_status("PLAY / HTTP/1.1\r\n" HOST "\r\n", "501");
    expect_status("A-METHOD-LONGER-THAN-ANY-THERE-COULD-EVER-BE / HTTP/1.1\r\n" HOST "\r\n", "501");
}

static void version_of_another_major_is_refused(void **state)
{
    (void)state;
    expect_status("GET / HTTP/2.0\r\n" HOST "\r\n", "505");
    expect_status("PRI * HTTP/2.0\r\n\r\nsm\r\n\r\n", "505"); /* HTTP/2 has capitals here */
    expect_status("GET / HTTP/0.9\r\n" HOST "\r\n", "505");
    expect_status("GET /\r\n", "505");
}

static void version_of_higher_minor_is_the_highest_known(void **state)
{
    (void)state;
    const char *answer = site_ask("GET /ten.txt HTTP/1.2\r\n" HOST "\r\nGET /ten.txt HTTP/1.9\r\n" HOST "\r\n");
    site_expect_statuses(answer, "200 200");
    expect_status("GET /ten.txt HTTP/1.2\r\n\r\n", "400"); /* no Host */
}

/* ---- RFC 9112 3.2: Host and the forms of a target ---- */

static void request_without_host_is_refused(void **state)
{
    (void)state;
    expect_status(GET "\r\n", "400");
    expect_status("GET http://example.org/ten.txt HTTP/1.1\r\n\r\n", "400");
    expect_status("GET /ten.txt HTTP/1.0\r\n\r\n", "200");
}

static void request_with_two_hosts_is_refused(void **state)
{
    (void)state;
    expect_status(GET HOST HOST "\r\n", "400");
    expect_status("GET /ten.txt HTTP/1.0\r\n" HOST HOST "\r\n", "400");
}

static void request_with_invalid_host_is_refused(void **state)
{
    (void)state;
    expect_status(GET "Host: a b\r\n\r\n", "400");
    expect_status(GET "Host: a/b\r\n\r\n", "400");
    expect_status(GET "Host: user@a\r\n\r\n", "400");
    expect_status(GET "Host: a:80x\r\n\r\n", "400");
    expect_status(GET "Host: a, b\r\n\r\n", "400");
    expect_status(GET "Host: [::1\r\n\r\n", "400");
    expect_status(GET "Host: [::1]:80\r\n\r\n", "200");
    expect_status(GET "Host: [fe80::1%25eth0.7]:80\r\n\r\n", "200"); /* RFC 6874 */
    expect_status(GET "Host: [fe80::1%25tap0]\r\n\r\n", "200");
    expect_status(GET "Host: [fe80::1%tap0]\r\n\r\n", "400");
    expect_status(GET "Host: [fe80::1%25]\r\n\r\n", "400");
    expect_status(GET "Host: [fe80::1%25a:b]\r\n\r\n", "400");
    expect_status(GET "Host: [fe80::1%25a\r\n\r\n", "400");
    expect_status(GET "Host: 10.0.0.2:\r\n\r\n", "200");
    expect_status(GET "Host:\r\n\r\n", "200"); /* a target without authority */
}

static void absolute_target_is_taken_and_host_ignored(void **state)
{
    (void)state;
    site_expect_body(site_ask("GET http://other.org:80/ten.txt HTTP/1.1\r\n" HOST "\r\n"), "0123456789");
    site_expect_body(site_ask("GET HTTP://other.org/ten.txt?x HTTP/1.1\r\n" HOST "\r\n"), "0123456789");
    site_expect_body(site_ask("GET http://other.org HTTP/1.1\r\n" HOST "\r\n"), "<p>root</p>\n");
    site_expect_body(site_ask("GET http://other.org?x=/ten.txt HTTP/1.1\r\n" HOST "\r\n"), "<p>root</p>\n");
    expect_status("GET http:///ten.txt HTTP/1.1\r\n" HOST "\r\n", "400");
    expect_status("GET http://user@other.org/ten.txt HTTP/1.1\r\n" HOST "\r\n", "400");
}

static void target_of_another_scheme_is_misdirected(void **state)
{
    (void)state;
    expect_status("GET https://example.org/ten.txt HTTP/1.1\r\n" HOST "\r\n", "421");
    expect_status("GET ftp://example.org/ten.txt HTTP/1.1\r\n" HOST "\r\n", "421");
}

static void asterisk_is_for_options(void **state)
{
    (void)state;
    const char *answer = site_ask("OPTIONS * HTTP/1.1\r\n" HOST "\r\n");
    site_expect_statuses(answer, "200");
    site_expect_line(answer, "\r\nAllow: GET, HEAD, OPTIONS\r\n");
    site_expect_line(answer, "\r\nContent-Length: 0\r\n");
    expect_status("GET * HTTP/1.1\r\n" HOST "\r\n", "400");
    expect_status("OPTIONS *x HTTP/1.1\r\n" HOST "\r\n", "400");
}

/* ---- RFC 9112 5: fields ---- */

static void blank_before_the_colon_is_refused(void **state)
{
    (void)state;
    expect_status(GET HOST "Content-Length : 5\r\n\r\nhello", "400");
    expect_status(GET HOST "Content-Length\t: 5\r\n\r\nhello", "400");
    expect_status(GET HOST "X : y\r\n\r\n", "400");
    expect_status(GET "Host : example.org\r\n\r\n", "400");
    expect_status(GET HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400");
    expect_status(GET HOST ": y\r\n\r\n", "400"); /* no name at all */
    expect_status(GET HOST "name\r\n\r\n", "400");
}

static void folded_line_is_refused(void **state)
{
    (void)state;
    expect_status(GET HOST "X: a\r\n b\r\n\r\n", "400");
    expect_status(GET HOST "X:\r\n\tb\r\n\r\n", "400");
    expect_status(GET HOST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "400");
}

static void blanks_around_a_value_are_none_of_it(void **state)
{
    (void)state;
    expect_status(GET "Host:\t example.org \t\r\n\r\n", "200");
    expect_status(GET HOST "Content-Length:5\t \r\n\r\nhello" GET HOST "\r\n", "200 200");
    expect_status(GET HOST "Connection: \tclose\t\r\n\r\n" GET HOST "\r\n", "200");
    expect_status(GET HOST "If-None-Match: \"ten\" \t\r\n\r\n", "304");
}

static void zero_and_controls_in_a_value_are_refused(void **state)
{
    (void)state;
    static const char zero[] = GET HOST "X: a\0b\r\n\r\n";
    site_expect_statuses(site_ask_bytes(zero, sizeof zero - 1), "400");
    expect_status(GET HOST "X: a\x01\r\n\r\n", "400");
    expect_status(GET HOST "X: a\x7f\r\n\r\n", "400");
    expect_status(GET HOST "X: \xc3\xa4\r\n\r\n", "200"); /* obs-text */
}

static void fields_too_large_are_told(void **state)
{
    (void)state;
    static char request[32768];
    strcpy(request, GET HOST "X: ");
    size_t len = strlen(request);
    memset(request + len, 'x', 16000);
    strcpy(request + len + 16000, "\r\n\r\n");
    expect_status(request, "200");
    memset(request + len, 'x', 17000);
    strcpy(request + len + 17000, "\r\n\r\n");
    expect_status(request, "431");
    strcpy(request, GET HOST "If-None-Match: ");
    len = strlen(request);
    memset(request + len, 'x', 5000);
    strcpy(request + len + 5000, "\r\n\r\n");
    expect_status(request, "431");
}

/* ---- RFC 9112 6 and 7: bodies ---- */

static void body_of_a_get_is_read_and_ignored(void **state)
{
    (void)state;
    expect_status(GET HOST "Content-Length: 5\r\n\r\nhello" GET HOST "\r\n", "200 200");
    expect_status(GET HOST "Content-Length: 0\r\n\r\n" GET HOST "\r\n", "200 200");
}

static void chunked_body_is_read(void **state)
{
    (void)state;
    expect_status(GET HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n00A\r\n0123456789\r\n0\r\n\r\n" GET HOST
                           "\r\n",
                  "200 200");
    expect_status(GET HOST "Transfer-Encoding: , CHUNKED\r\n\r\n0\r\n\r\n" GET HOST "\r\n", "200 200");
}

static void chunk_extensions_are_ignored(void **state)
{
    (void)state;
    expect_status(
        GET HOST "Transfer-Encoding: chunked\r\n\r\n5;a;b=c\r\nhello\r\n1;d=\"e;\"\r\nx\r\n0;z\r\n\r\n" GET HOST "\r\n",
        "200 200");
}

static void trailer_fields_are_not_the_request_s(void **state)
{
    (void)state;
    expect_status(GET HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n" HOST
                           "Connection: close\r\nIf-None-Match: *\r\n\r\n" GET HOST "\r\n",
                  "200 200");
}

static void chunk_that_is_none_is_refused(void **state)
{
    (void)state;
#define CHUNKED GET HOST "Transfer-Encoding: chunked\r\n\r\n"
    expect_status(CHUNKED "x\r\n", "400");
    expect_status(CHUNKED "-5\r\nhello\r\n0\r\n\r\n", "400");
    expect_status(CHUNKED "0x5\r\nhello\r\n0\r\n\r\n", "400");
    expect_status(CHUNKED "5\nhello\r\n0\r\n\r\n", "400");
    expect_status(CHUNKED "5 \r\nhello\r\n0\r\n\r\n", "400");
    expect_status(CHUNKED "4\r\nhello\r\n0\r\n\r\n", "400");
    expect_status(CHUNKED "\r\n\r\n", "400");
}

/* Two readers that see different ends of a message allow requests to be smuggled: trailers keep the
 * strict grammar of the head, too. */
static void trailers_have_the_grammar_of_the_head(void **state)
{
    (void)state;
    expect_status(CHUNKED "0\r\nX: y\r\n\r\n" GET HOST "\r\n", "200 200");
    expect_status(CHUNKED "0;a=b\r\nX:\ty\x80\r\nY:\r\n\r\n" GET HOST "\r\n", "200 200");
    expect_status(CHUNKED "0\r\n\n" GET HOST "\r\n", "400");
    expect_status(CHUNKED "0\r\nX: y\r\n\n" GET HOST "\r\n", "400");
    expect_status(CHUNKED "0\r\nX: y\n\r\n" GET HOST "\r\n", "400");
    expect_status(CHUNKED "0\r\nX: y\rZ: z\r\n\r\n" GET HOST "\r\n", "400");
    expect_status(CHUNKED "0\r\nX: y\r\n z\r\n\r\n" GET HOST "\r\n", "400");
    expect_status(CHUNKED "0\r\n X: y\r\n\r\n" GET HOST "\r\n", "400");
    expect_status(CHUNKED "0\r\nX : y\r\n\r\n" GET HOST "\r\n", "400");
    char request[32768] = CHUNKED "0\r\nX: ";
    size_t len = strlen(request);
    memset(request + len, 'a', 16384);
    strcpy(request + len + 16384, "\r\n\r\n");
    expect_status(request, "431");
}

static void numbers_too_large_for_any_are_refused(void **state)
{
    (void)state;
    expect_status(CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n", "400");
    expect_status(GET HOST "Content-Length: 18446744073709551621\r\n\r\nhello", "400");
    expect_status(GET HOST "Content-Length: 99999999999\r\n\r\n", "413");
}

static void length_that_is_none_is_refused_and_the_connection_closed(void **state)
{
    (void)state;
    static const char *const lengths[] = {"", "5x", "+5", "-5", "0x5", "5 5", "5, 6", "5, 5", "\"5\"", "5."};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char request[256];
        snprintf(request, sizeof request, GET HOST "Content-Length: %s\r\n\r\nhello" GET HOST "\r\n", lengths[i]);
        const char *answer = site_ask(request);
        site_expect_statuses(answer, "400");
        site_expect_line(answer, "\r\nConnection: close\r\n");
    }
    expect_status(GET HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400");
}

static void length_and_coding_are_refused(void **state)
{
    (void)state;
    const char *answer = site_ask(GET HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET HOST
                                           "\r\n");
    site_expect_statuses(answer, "400");
    site_expect_line(answer, "\r\nConnection: close\r\n");
    expect_status(GET HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "400");
}

static void coding_that_does_not_end_in_chunked_is_refused(void **state)
{
    (void)state;
    expect_status(GET HOST "Transfer-Encoding: gzip\r\n\r\n", "400");
    expect_status(GET HOST "Transfer-Encoding: identity\r\n\r\n", "400");
    expect_status(GET HOST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", "400");
    expect_status(GET HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n", "400");
    expect_status(GET HOST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "400");
    expect_status(GET HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "400");
    expect_status(GET HOST "Transfer-Encoding: \r\n\r\n", "400");
}

static void coding_unknown_is_not_implemented(void **state)
{
    (void)state;
    expect_status(GET HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501");
    expect_status(GET HOST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "501");
}

static void coding_in_http_1_0_is_faulty(void **state)
{
    (void)state;
    expect_status(
        "GET /ten.txt HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET HOST
        "\r\n",
        "400");
}

static void body_too_large_is_told(void **state)
{
    (void)state;
    expect_status(GET HOST "Content-Length: 1048577\r\n\r\n", "413");
    static char request[1200000];
    strcpy(request, CHUNKED);
    size_t len = strlen(request);
    while (len < sizeof request - 64)
        len += (size_t)sprintf(request + len, "1;%032d\r\nx\r\n", 0);
    expect_status(request, "413");
}

static void request_cut_short_is_told(void **state)
{
    (void)state;
    expect_status("GET / HT", "400");
    expect_status(GET "Host: exa", "400");
    expect_status(GET HOST "Content-Length: 5\r\n\r\nhell", "400");
    expect_status(CHUNKED "5\r\nhello\r\n0\r\n", "400");
    expect_status(GET HOST "\r\nGET / HT", "200 400");
}

/* ---- RFC 9112 9: connections ---- */

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    expect_status(GET HOST "\r\nGET /none HTTP/1.1\r\n" HOST "\r\nHEAD / HTTP/1.1\r\n" HOST
                           "\r\nOPTIONS * HTTP/1.1\r\n" HOST "\r\nPOST / HTTP/1.1\r\n" HOST
                           "Content-Length: 3\r\n\r\nabc" GET HOST "\r\n",
                  "200 404 200 200 405 200");
}

static void connection_close_is_obeyed(void **state)
{
    (void)state;
    const char *answer = site_ask(GET HOST "Connection: close\r\n\r\n" GET HOST "\r\n");
    site_expect_statuses(answer, "200");
    site_expect_line(answer, "\r\nConnection: close\r\n");
    expect_status(GET HOST "Connection: x, CLOSE , y\r\n\r\n" GET HOST "\r\n", "200");
    expect_status(GET HOST "Connection: x\r\nConnection: close\r\n\r\n" GET HOST "\r\n", "200");
    expect_status(GET HOST "Connection: closed, x-close\r\n\r\n" GET HOST "\r\n", "200 200");
}

static void http_1_0_stays_only_if_asked(void **state)
{
    (void)state;
#define OLD "GET /ten.txt HTTP/1.0\r\n"
    expect_status(OLD "\r\n" OLD "\r\n", "200");
    const char *answer = site_ask(OLD "Connection: Keep-Alive\r\n\r\n" OLD "\r\n");
    site_expect_statuses(answer, "200 200");
    site_expect_line(answer, "\r\nConnection: keep-alive\r\n");
    expect_status(OLD "Connection: keep-alive, close\r\n\r\n" OLD "\r\n", "200");
}

static void answers_have_a_length_and_no_coding(void **state)
{
    (void)state;
    static const char *const requests[] = {
        GET HOST "\r\n", "GET /none HTTP/1.1\r\n" HOST "\r\n", "GET /sub HTTP/1.1\r\n" HOST "\r\n", "x",
        OLD "\r\n",      "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"};
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        const char *answer = site_ask(requests[i]);
        site_expect_line(answer, "HTTP/1.1 ");
        site_expect_line(answer, "\r\nContent-Length: ");
        site_expect_no_line(answer, "Transfer-Encoding");
    }
}

static void upgrade_is_ignored(void **state)
{
    (void)state;
    expect_status(GET HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" GET HOST "\r\n", "200 200");
    expect_status(GET HOST "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello" GET HOST "\r\n",
                  "200 200");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_line_in_front_is_ignored),
        cmocka_unit_test(lines_end_in_cr_lf),
        cmocka_unit_test(blank_in_front_of_the_first_field_is_refused),
        cmocka_unit_test(request_line_that_is_none_is_refused),
        cmocka_unit_test(target_too_long_is_told),
        cmocka_unit_test(method_unknown_is_not_implemented),
        cmocka_unit_test(version_of_another_major_is_refused),
        cmocka_unit_test(version_of_higher_minor_is_the_highest_known),
        cmocka_unit_test(request_without_host_is_refused),
        cmocka_unit_test(request_with_two_hosts_is_refused),
        cmocka_unit_test(request_with_invalid_host_is_refused),
        cmocka_unit_test(absolute_target_is_taken_and_host_ignored),
        cmocka_unit_test(target_of_another_scheme_is_misdirected),
        cmocka_unit_test(asterisk_is_for_options),
        cmocka_unit_test(blank_before_the_colon_is_refused),
        cmocka_unit_test(folded_line_is_refused),
        cmocka_unit_test(blanks_around_a_value_are_none_of_it),
        cmocka_unit_test(zero_and_controls_in_a_value_are_refused),
        cmocka_unit_test(fields_too_large_are_told),
        cmocka_unit_test(body_of_a_get_is_read_and_ignored),
        cmocka_unit_test(chunked_body_is_read),
        cmocka_unit_test(chunk_extensions_are_ignored),
        cmocka_unit_test(trailer_fields_are_not_the_request_s),
        cmocka_unit_test(chunk_that_is_none_is_refused),
        cmocka_unit_test(trailers_have_the_grammar_of_the_head),
        cmocka_unit_test(numbers_too_large_for_any_are_refused),
        cmocka_unit_test(length_that_is_none_is_refused_and_the_connection_closed),
        cmocka_unit_test(length_and_coding_are_refused),
        cmocka_unit_test(coding_that_does_not_end_in_chunked_is_refused),
        cmocka_unit_test(coding_unknown_is_not_implemented),
        cmocka_unit_test(coding_in_http_1_0_is_faulty),
        cmocka_unit_test(body_too_large_is_told),
        cmocka_unit_test(request_cut_short_is_told),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(connection_close_is_obeyed),
        cmocka_unit_test(http_1_0_stays_only_if_asked),
        cmocka_unit_test(answers_have_a_length_and_no_coding),
        cmocka_unit_test(upgrade_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
