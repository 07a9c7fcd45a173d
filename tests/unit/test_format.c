/* Formatted text, compared with the C library's, and the log that uses it. */
#include <limits.h>
#include <stdio.h>

#include "unit/support.h"

#include <mnet/format.h>

#include "base/format.h"
#include "base/logger.h"

/* Compares text, length and termination at every size. */
#define SAME(...) \
    do { \
        char expected[128], text[128]; \
        size_t length = (size_t)snprintf(expected, sizeof(expected), __VA_ARGS__); \
        for (size_t size = 0; size <= length + 2; size++) { \
            memset(text, '~', sizeof(text)); \
            snprintf(expected, size, __VA_ARGS__); \
            assert_int_equal(mn_format(text, size, __VA_ARGS__), length); \
            if (size > 0) \
                assert_string_equal(text, expected); \
            assert_int_equal(text[size], '~'); \
        } \
    } while (0)

static size_t format_through_list(char *text, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t length = mnet_format_list(text, size, format, arguments);
    va_end(arguments);
    return length;
}

static void programs_format_the_same_way(void **state)
{
    (void)state;
    char text[8];
    assert_int_equal(mnet_format(text, sizeof text, "%s-%03d", "ab", 7), 6);
    assert_string_equal(text, "ab-007");
    assert_int_equal(format_through_list(text, sizeof text, "%s", "too long"), 8);
    assert_string_equal(text, "too lon");
}

static void plain_text_and_percent(void **state)
{
    (void)state;
    SAME("%s", "");
    SAME("plain");
    SAME("100%% of it");
}

static void strings(void **state)
{
    (void)state;
    SAME("<%s>", "text");
    SAME("<%8s>", "text");
    SAME("<%-8s>", "text");
    SAME("<%2s>", "text");
    SAME("<%.2s>", "text");
    SAME("<%.0s>", "text");
    SAME("<%.*s>", 3, "text");
    SAME("<%.*s>", -1, "text");
    SAME("<%6.*s|%-6.3s>", 3, "text", "other");
    SAME("<%c%c>", 'a', 'z');
    SAME("<%3c|%-3c>", 'a', 'z');
    const char unterminated[3] = {'a', 'b', 'c'};
    SAME("%.*s", 3, unterminated);
}

static void string_null_is_shown(void **state)
{
    (void)state;
    char text[20];
    const char *volatile nothing = NULL; /* hidden from the compiler, which would warn */
    mn_format(text, sizeof(text), "<%s>", nothing);
    assert_string_equal(text, "<(null)>");
}

static void signed_numbers(void **state)
{
    (void)state;
    SAME("%d %i %d %d", 0, -1, INT32_MAX, INT32_MIN);
    SAME("%5d|%-5d|%05d|%1d", -42, -42, -42, -42);
    SAME("%hhd %hd", (signed char)-3, (short)-300);
    SAME("%ld %ld", LONG_MIN, LONG_MAX);
    SAME("%lld %lld", LLONG_MIN, LLONG_MAX);
    SAME("%jd %td %zd", INTMAX_MIN, (ptrdiff_t)-5, (ssize_t)-6);
}

static void unsigned_numbers(void **state)
{
    (void)state;
    SAME("%u %u", 0u, UINT32_MAX);
    SAME("%x %X %08x %8x %-8x|", 0xbeefu, 0xbeefu, 0xbeefu, 0xbeefu, 0xbeefu);
    SAME("%hhu %hu", (unsigned char)200, (unsigned short)60000);
    SAME("%lu %llu", ULONG_MAX, ULLONG_MAX);
    SAME("%lx %llX", ULONG_MAX, ULLONG_MAX);
    SAME("%zu %ju", SIZE_MAX, UINTMAX_MAX);
    SAME("%02x:%02x", 5u, 0xffu);
    SAME("%020u", 7u);
}

static void pointers(void **state)
{
    (void)state;
    int thing;
    SAME("%p", (void *)&thing);
    char text[20];
    mn_format(text, sizeof(text), "%p", (void *)0);
    assert_string_equal(text, "0x0");
}

/* An unknown conversion is shown as it stands, and reads no argument. */
static void unknown_conversions_are_shown(void **state)
{
    (void)state;
    static const struct {
        const char *format, *text;
    } cases[] = {{"a %", "a %"}, {"%5", "%5"}, {"%l", "%l"}, {"%y", "%y"}, {"%-08ky", "%-08ky"}, {"%.", "%."}};
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        char text[20];
        const char *format = cases[i].format; /* hidden from the compiler */
        va_list none;
        memset(&none, 0, sizeof(none));
        assert_int_equal(mn_format_list(text, sizeof(text), format, none), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

/* ---- log ---- */

struct format_lines {
    int count;
    enum mnet_log_level level;
    char last[400];
};

static void keep_line(void *context, enum mnet_log_level level, const char *text)
{
    struct format_lines *lines = context;
    lines->count++;
    lines->level = level;
    snprintf(lines->last, sizeof(lines->last), "%s", text);
}

static void log_writes_up_to_its_level(void **state)
{
    (void)state;
    struct format_lines lines = {0};
    const struct mnet_log log = {keep_line, &lines, MNET_LOG_WARNING};
    mn_log(&log, MNET_LOG_INFO, "not %d", 1);
    assert_int_equal(lines.count, 0);
    mn_log(&log, MNET_LOG_WARNING, "tcp %s: %u", "x", 7u);
    assert_int_equal(lines.count, 1);
    assert_int_equal(lines.level, MNET_LOG_WARNING);
    assert_string_equal(lines.last, "tcp x: 7");
    mn_log(&log, MNET_LOG_ERROR, "worse");
    assert_int_equal(lines.count, 2);
    assert_false(mn_log_wanted(&log, MNET_LOG_DEBUG));
}

static void log_without_hook_is_silent(void **state)
{
    (void)state;
    const struct mnet_log log = {NULL, NULL, MNET_LOG_DEBUG};
    assert_false(mn_log_wanted(&log, MNET_LOG_ERROR));
    mn_log(&log, MNET_LOG_ERROR, "nobody hears");
}

static void log_line_is_cut_at_255(void **state)
{
    (void)state;
    struct format_lines lines = {0};
    const struct mnet_log log = {keep_line, &lines, MNET_LOG_DEBUG};
    char text[301];
    memset(text, 'x', 300);
    text[300] = '\0';
    mn_log(&log, MNET_LOG_DEBUG, "%s", text);
    assert_int_equal(strlen(lines.last), 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_and_percent),
        cmocka_unit_test(programs_format_the_same_way),
        cmocka_unit_test(strings),
        cmocka_unit_test(string_null_is_shown),
        cmocka_unit_test(signed_numbers),
        cmocka_unit_test(unsigned_numbers),
        cmocka_unit_test(pointers),
        cmocka_unit_test(unknown_conversions_are_shown),
        cmocka_unit_test(log_writes_up_to_its_level),
        cmocka_unit_test(log_without_hook_is_silent),
        cmocka_unit_test(log_line_is_cut_at_255),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
