/* fetch's URLs, and the answers that it reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "examples/fetch/answer.h"
#include "examples/fetch/url.h"

/* ---- URLs ---- */

static void expect_url(const char *text, bool tls, const char *host, uint16_t port, const char *target)
{
    struct url url;
    assert_true(url_parse(text, &url));
    assert_int_equal(url.tls, tls);
    assert_string_equal(url.host, host);
    assert_int_equal(url.port, port);
    assert_string_equal(url.target, target);
}

static void url_has_its_parts(void **state)
{
    (void)state;
    expect_url("http://a.test", false, "a.test", 80, "/");
    expect_url("https://a.test", true, "a.test", 443, "/");
    expect_url("HTTPS://a.test:8443/x/y?z=1", true, "a.test", 8443, "/x/y?z=1");
    expect_url("http://a.test:/x", false, "a.test", 80, "/x");
    expect_url("http://a.test?q", false, "a.test", 80, "/?q");
    expect_url("http://a.test/x#part", false, "a.test", 80, "/x");
    expect_url("http://a.test#part", false, "a.test", 80, "/");
    expect_url("http://10.0.0.1/", false, "10.0.0.1", 80, "/");
    expect_url("http://[fe80::1]:81/", false, "fe80::1", 81, "/");
    expect_url("http://a.test/x%20y", false, "a.test", 80, "/x%20y");
}

static void url_that_is_none_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "a.test",
        "/x",
        "ftp://a.test/",
        "http:/a.test",
        "http://",
        "http:///x",
        "http://:80/",
        "http://user@a.test/",
        "http://a.test:0/",
        "http://a.test:65536/",
        "http://a.test:99999999999999999999/",
        "http://a.test:8x/",
        "http://[::1/",
        "http://[]/",
        "http://[::1]x/",
        "http://a.test/x y",
        "http://a.test/x\r\nX: y",
        "http://a.test/\x80",
    };
    struct url url;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (url_parse(wrong[i], &url))
            fail_msg("taken: %s", wrong[i]);
}

static void url_has_a_limit(void **state)
{
    static char text[URL_TARGET_MAX + 64];
    struct url url;
    (void)state;
    strcpy(text, "http://a.test/");
    memset(text + 14, 'x', URL_TARGET_MAX - 2);
    assert_true(url_parse(text, &url));
    assert_int_equal(strlen(url.target), URL_TARGET_MAX - 1);
    text[14 + URL_TARGET_MAX - 2] = 'x';
    assert_false(url_parse(text, &url));
    memset(text, 'h', sizeof text - 1);
    memcpy(text, "http://", 7);
    text[7 + URL_HOST_MAX - 1] = '\0';
    assert_true(url_parse(text, &url));
    text[7 + URL_HOST_MAX - 1] = 'h';
    text[7 + URL_HOST_MAX] = '\0';
    assert_false(url_parse(text, &url));
}

/* The examples of RFC 3986 5.4 that fetch can follow. */
static void reference_is_resolved(void **state)
{
    static const struct {
        const char *reference, *target;
    } cases[] = {
        {"g", "/b/c/g"},
        {"./g", "/b/c/g"},
        {"g/", "/b/c/g/"},
        {"/g", "/g"},
        {"?y", "/b/c/d;p?y"},
        {"g?y", "/b/c/g?y"},
        {"#s", "/b/c/d;p?q"},
        {"g#s", "/b/c/g"},
        {"g?y#s", "/b/c/g?y"},
        {";x", "/b/c/;x"},
        {"", "/b/c/d;p?q"},
        {".", "/b/c/"},
        {"./", "/b/c/"},
        {"..", "/b/"},
        {"../", "/b/"},
        {"../g", "/b/g"},
        {"../..", "/"},
        {"../../g", "/g"},
        {"../../../g", "/g"},
        {"/./g", "/g"},
        {"/../g", "/g"},
        {"g.", "/b/c/g."},
        {".g", "/b/c/.g"},
        {"g..", "/b/c/g.."},
        {"..g", "/b/c/..g"},
        {"./../g", "/b/g"},
        {"./g/.", "/b/c/g/"},
        {"g/./h", "/b/c/g/h"},
        {"g/../h", "/b/c/h"},
        {"g;x=1/../y", "/b/c/y"},
        {"g?y/../x", "/b/c/g?y/../x"},
        {"g#s/../x", "/b/c/g"},
    };
    struct url base, url;
    (void)state;
    assert_true(url_parse("http://a/b/c/d;p?q", &base));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(url_resolve(&base, cases[i].reference, &url));
        assert_string_equal(url.target, cases[i].target);
        assert_string_equal(url.host, "a");
    }
    assert_true(url_resolve(&base, "//g/h", &url));
    assert_string_equal(url.host, "g");
    assert_string_equal(url.target, "/h");
    assert_true(url_resolve(&base, "https://x.test/y", &base)); /* in place */
    assert_true(base.tls && base.port == 443);
    assert_false(url_resolve(&base, "mailto:a@b", &url));
    assert_false(url_resolve(&base, "x y", &url));
}

static void authority_is_as_in_host(void **state)
{
    char text[URL_HOST_MAX + 16];
    struct url url;
    (void)state;
    assert_true(url_parse("http://a.test:80/", &url));
    assert_string_equal(url_authority(&url, text, sizeof text), "a.test");
    assert_true(url_parse("https://a.test:80/", &url));
    assert_string_equal(url_authority(&url, text, sizeof text), "a.test:80");
    assert_true(url_parse("https://[fd00::1]/", &url));
    assert_string_equal(url_authority(&url, text, sizeof text), "[fd00::1]");
}

/* ---- Answers ---- */

static struct http_answer answer;
static char body[4096];
static size_t body_len;

static bool keep_body(void *argument, const char *bytes, size_t len)
{
    size_t most = *(const size_t *)argument;
    if (body_len + len > most)
        return false;
    memcpy(body + body_len, bytes, len);
    body_len += len;
    return true;
}

/* Reads `text` in pieces of `piece` bytes, and its end. Returns whether it is a complete answer. */
static bool read_pieces(const char *text, size_t piece)
{
    static size_t most = sizeof body - 1;
    size_t len = strlen(text);
    body_len = 0;
    answer_init(&answer, keep_body, &most);
    for (size_t done = 0; done < len; done += piece)
        if (!answer_feed(&answer, text + done, len - done < piece ? len - done : piece))
            return false;
    bool complete = answer_end(&answer);
    body[body_len] = '\0';
    return complete;
}

/* Reads it in one piece, and cut everywhere, and compares the results. */
static void expect_answer(const char *text, int status, const char *wanted)
{
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        assert_true(read_pieces(text, piece));
        assert_int_equal(answer.status, status);
        assert_string_equal(body, wanted);
    }
}

static void answer_ends_as_it_says(void **state)
{
    (void)state;
    expect_answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello");
    assert_int_equal(answer.length, 5);
    expect_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 200,
                  "hello");
    assert_true(answer.length == ANSWER_LENGTH_UNKNOWN);
    expect_answer("HTTP/1.0 200 OK\r\n\r\nhello", 200, "hello"); /* by the end of the stream */
    expect_answer("HTTP/1.1 204 No Content\r\n\r\n", 204, "");
    expect_answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLocation: /no\r\n\r\n"
                  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
                  200, "hi");
    expect_answer("HTTP/1.1 302 Found\r\nlocation: /there\r\nContent-Length: 0\r\n\r\n", 302, "");
    assert_string_equal(answer.location, "/there");
    expect_answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more", 200, "hi");
}

static void answer_cut_short_is_no_answer(void **state)
{
    static const char *const cut[] = {
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n0\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        assert_false(read_pieces(cut[i], 7));
        assert_non_null(strstr(answer_problem(&answer), i == 0 || i == 1 || i == 5 ? "no answer" : "ends early"));
    }
}

static void answer_that_is_none_is_refused(void **state)
{
    (void)state;
    assert_false(read_pieces("SSH-2.0-OpenSSH\r\n", 7));
    assert_string_equal(answer_problem(&answer), "the answer is no HTTP");
    assert_false(read_pieces("HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello", 7));
    assert_false(read_pieces("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhello", 7));
    assert_false(read_pieces("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 7));
}

static void head_without_end_is_given_up(void **state)
{
    static char text[2 * ANSWER_HEAD_MAX];
    (void)state;
    strcpy(text, "HTTP/1.1 200 OK\r\n");
    while (strlen(text) < ANSWER_HEAD_MAX * 3 / 2)
        strcat(text, "X-Filler: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n");
    assert_false(read_pieces(text, 1000));
    assert_non_null(strstr(answer_problem(&answer), "too large"));
    strcpy(text, "HTTP/1.1 302 Found\r\nLocation: /");
    size_t len = strlen(text);
    memset(text + len, 'x', ANSWER_LOCATION_MAX);
    text[len + ANSWER_LOCATION_MAX] = '\0';
    strcat(text, "\r\n\r\n");
    assert_false(read_pieces(text, 1000));
    assert_non_null(strstr(answer_problem(&answer), "too large"));
}

static void output_that_fails_ends_the_answer(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    size_t most = 3;
    (void)state;
    body_len = 0;
    answer_init(&answer, keep_body, &most);
    assert_false(answer_feed(&answer, text, sizeof text - 1));
    assert_non_null(strstr(answer_problem(&answer), "output"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url_has_its_parts),
        cmocka_unit_test(url_that_is_none_is_refused),
        cmocka_unit_test(url_has_a_limit),
        cmocka_unit_test(reference_is_resolved),
        cmocka_unit_test(authority_is_as_in_host),
        cmocka_unit_test(answer_ends_as_it_says),
        cmocka_unit_test(answer_cut_short_is_no_answer),
        cmocka_unit_test(answer_that_is_none_is_refused),
        cmocka_unit_test(head_without_end_is_given_up),
        cmocka_unit_test(output_that_fails_ends_the_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
