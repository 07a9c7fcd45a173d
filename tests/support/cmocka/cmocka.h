/* The part of cmocka's interface that the tests use, for processors whose cmocka is not installed
 * on the machine that compiles the tests (tests/cross/). Elsewhere the tests are linked with cmocka
 * itself, whose manual describes these functions. The report is always in the TAP format. A test
 * that crashes ends the program, and scripts/test counts it.
 */
#ifndef MN_TEST_CMOCKA_H
#define MN_TEST_CMOCKA_H

#include <stddef.h>
#include <stdint.h>

typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
    CMFixtureFunction setup, teardown;
    void *initial_state;
};

#define cmocka_unit_test(f) cmocka_unit_test_setup_teardown(f, NULL, NULL)
#define cmocka_unit_test_setup_teardown(f, setup, teardown) \
    { \
        (#f), f, setup, teardown, NULL \
    }
#define cmocka_unit_test_prestate(f, state) \
    { \
        (#f), f, NULL, NULL, state \
    }
#define _cmocka_run_group_tests(name, tests, count, setup, teardown) \
    ((void)(name), mn_test_group(tests, count, setup, teardown))
#define cmocka_run_group_tests_name(name, tests, setup, teardown) \
    _cmocka_run_group_tests(name, tests, sizeof(tests) / sizeof(tests)[0], setup, teardown)
#define cmocka_run_group_tests(tests, setup, teardown) cmocka_run_group_tests_name("", tests, setup, teardown)

/* Runs a group of tests. Returns the number of tests that failed. */
int mn_test_group(const struct CMUnitTest *tests, size_t count, CMFixtureFunction setup, CMFixtureFunction teardown);

__attribute__((format(printf, 1, 2))) void print_message(const char *format, ...);
__attribute__((format(printf, 1, 2))) void print_error(const char *format, ...);

/* Ends the running test as failed. The caller has printed the reason. */
_Noreturn void _fail(const char *file, int line);

/* Ends the running test, which counts neither as passed nor as failed. */
_Noreturn void mn_test_skip(void);

#define fail() _fail(__FILE__, __LINE__)
#define skip() mn_test_skip()
#define fail_msg(...) (print_error(__VA_ARGS__), print_error("\n"), fail())

/* Each of these ends the test as failed if its assertion does not hold, and prints the values. */
void mn_test_true(int holds, const char *text, const char *file, int line);
void mn_test_equal(uintmax_t a, uintmax_t b, int wanted, const char *file, int line);
void mn_test_in_range(uintmax_t value, uintmax_t least, uintmax_t most, const char *file, int line);
void mn_test_string(const char *a, const char *b, int wanted, const char *file, int line);
void _assert_memory_equal(const void *a, const void *b, size_t len, const char *file, int line);
void _assert_memory_not_equal(const void *a, const void *b, size_t len, const char *file, int line);

#define assert_true(c) mn_test_true((c) ? 1 : 0, #c, __FILE__, __LINE__)
#define assert_false(c) mn_test_true((c) ? 0 : 1, "!(" #c ")", __FILE__, __LINE__)
#define assert_null(p) mn_test_true((p) == NULL, #p " == NULL", __FILE__, __LINE__)
#define assert_non_null(p) mn_test_true((p) != NULL, #p " != NULL", __FILE__, __LINE__)
#define assert_int_equal(a, b) mn_test_equal((uintmax_t)(a), (uintmax_t)(b), 1, __FILE__, __LINE__)
#define assert_int_not_equal(a, b) mn_test_equal((uintmax_t)(a), (uintmax_t)(b), 0, __FILE__, __LINE__)
#define assert_ptr_equal(a, b) mn_test_equal((uintptr_t)(a), (uintptr_t)(b), 1, __FILE__, __LINE__)
#define assert_ptr_not_equal(a, b) mn_test_equal((uintptr_t)(a), (uintptr_t)(b), 0, __FILE__, __LINE__)
#define assert_in_range(value, least, most) \
    mn_test_in_range((uintmax_t)(value), (uintmax_t)(least), (uintmax_t)(most), __FILE__, __LINE__)
#define assert_string_equal(a, b) mn_test_string(a, b, 1, __FILE__, __LINE__)
#define assert_string_not_equal(a, b) mn_test_string(a, b, 0, __FILE__, __LINE__)
#define assert_memory_equal(a, b, len) _assert_memory_equal(a, b, len, __FILE__, __LINE__)
#define assert_memory_not_equal(a, b, len) _assert_memory_not_equal(a, b, len, __FILE__, __LINE__)

#endif
