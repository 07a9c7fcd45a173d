#include "cmocka.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static jmp_buf failed; /* the end of the running function */
static void *state;    /* tests and fixtures get its address */

/* ---- Running ---- */

/* Runs a setup or teardown function, if there is one. Returns true unless it failed. */
static bool run_fixture(CMFixtureFunction fixture, const char *what)
{
    if (fixture == NULL)
        return true;
    if (setjmp(failed) == 0 && fixture(&state) == 0)
        return true;
    print_error("the %s failed\n", what);
    return false;
}

enum outcome {
    PASSED,
    FAILED,
    SKIPPED
};

static enum outcome run_function(void (*test)(void **state))
{
    switch (setjmp(failed)) {
    case 0: test(&state); return PASSED;
    case SKIPPED: return SKIPPED;
    default: return FAILED;
    }
}

static enum outcome run(const struct CMUnitTest *test, void *initial)
{
    state = test->initial_state != NULL ? test->initial_state : initial;
    if (!run_fixture(test->setup, "setup"))
        return FAILED;
    enum outcome outcome = run_function(test->test);
    return run_fixture(test->teardown, "teardown") ? outcome : FAILED;
}

int mn_test_group(const struct CMUnitTest *tests, size_t count, CMFixtureFunction setup, CMFixtureFunction teardown)
{
    printf("1..%zu\n", count);
    state = NULL;
    bool ready = run_fixture(setup, "setup of the group");
    void *initial = state;
    int failures = 0;
    for (size_t i = 0; i < count; i++) {
        enum outcome outcome = ready ? run(&tests[i], initial) : FAILED;
        printf("%sok %zu - %s%s\n", outcome == FAILED ? "not " : "", i + 1, tests[i].name,
               outcome == SKIPPED ? " # SKIP" : "");
        fflush(stdout);
        failures += outcome == FAILED;
    }
    state = initial;
    return failures + !run_fixture(teardown, "teardown of the group");
}

void _fail(const char *file, int line)
{
    print_error("%s:%d: failed\n", file, line);
    longjmp(failed, FAILED);
}

void mn_test_skip(void)
{
    longjmp(failed, SKIPPED);
}

/* ---- Output ---- */

void print_message(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vprintf(format, values);
    va_end(values);
}

void print_error(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
}

/* ---- Assertions ---- */

void mn_test_true(int holds, const char *text, const char *file, int line)
{
    if (holds)
        return;
    print_error("not so: %s\n", text);
    _fail(file, line);
}

void mn_test_equal(uintmax_t a, uintmax_t b, int wanted, const char *file, int line)
{
    if ((a == b) == wanted)
        return;
    print_error("%#jx %s %#jx\n", a, wanted ? "!=" : "==", b);
    _fail(file, line);
}

void mn_test_in_range(uintmax_t value, uintmax_t least, uintmax_t most, const char *file, int line)
{
    if (value >= least && value <= most)
        return;
    print_error("%ju is not within %ju to %ju\n", value, least, most);
    _fail(file, line);
}

void mn_test_string(const char *a, const char *b, int wanted, const char *file, int line)
{
    if ((strcmp(a, b) == 0) == wanted)
        return;
    print_error("\"%s\" %s \"%s\"\n", a, wanted ? "!=" : "==", b);
    _fail(file, line);
}

void _assert_memory_equal(const void *a, const void *b, size_t len, const char *file, int line)
{
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < len; i++) {
        if (x[i] != y[i]) {
            print_error("offset %zu of %zu: %#x != %#x\n", i, len, x[i], y[i]);
            _fail(file, line);
        }
    }
}

void _assert_memory_not_equal(const void *a, const void *b, size_t len, const char *file, int line)
{
    if (memcmp(a, b, len) != 0)
        return;
    print_error("%zu bytes are the same\n", len);
    _fail(file, line);
}
