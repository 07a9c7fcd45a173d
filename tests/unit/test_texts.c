/* Every error and every counter has a text of its own. */
#include "unit/support.h"

#include <limits.h>

#include <mnet/counters.h>
#include <mnet/error.h>

static void strerror_of_each_error_is_its_own(void **state)
{
    (void)state;
    for (int i = MNET_OK; i >= MNET_E_NO_ZONE; i--) {
        assert_non_null(mnet_strerror(i));
        assert_string_not_equal(mnet_strerror(i), "unknown error");
        for (int j = MNET_OK; j > i; j--)
            assert_string_not_equal(mnet_strerror(i), mnet_strerror(j));
    }
}

static void strerror_of_anything_else_is_unknown(void **state)
{
    (void)state;
    static const int others[] = {1, 2, INT_MAX, INT_MIN, INT_MIN + 1, -1000, MNET_E_NO_ZONE - 1};
    for (size_t i = 0; i < MN_COUNT_OF(others); i++)
        assert_string_equal(mnet_strerror(others[i]), "unknown error");
}

static void unreachable_causes_have_texts_of_their_own(void **state)
{
    (void)state;
    for (int i = MNET_UNREACHABLE_NONE; i <= MNET_UNREACHABLE_NEIGHBOUR; i++) {
        for (int j = MNET_UNREACHABLE_NONE; j < i; j++)
            assert_string_not_equal(mnet_unreachable_text((enum mnet_unreachable)i),
                                    mnet_unreachable_text((enum mnet_unreachable)j));
        assert_string_not_equal(mnet_unreachable_text((enum mnet_unreachable)i), "unknown cause");
    }
    assert_string_equal(mnet_unreachable_text((enum mnet_unreachable)(MNET_UNREACHABLE_NEIGHBOUR + 1)),
                        "unknown cause");
    assert_string_equal(mnet_unreachable_text((enum mnet_unreachable) - 1), "unknown cause");
}

static void counters_have_names_and_texts_of_their_own(void **state)
{
    (void)state;
    for (int i = 0; i < MNET_COUNTER_MAX; i++) {
        const char *name = mnet_counter_name((enum mnet_counter)i);
        assert_non_null(name);
        assert_non_null(strchr(name, '.'));
        assert_true(strlen(mnet_counter_text((enum mnet_counter)i)) > 0);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(name, mnet_counter_name((enum mnet_counter)j));
    }
    assert_string_equal(mnet_counter_name(MNET_COUNT_TCP_DROP_CHECKSUM), "tcp.drop_checksum");
}

static void counters_outside_have_none(void **state)
{
    (void)state;
    assert_null(mnet_counter_name(MNET_COUNTER_MAX));
    assert_null(mnet_counter_text(MNET_COUNTER_MAX));
    assert_null(mnet_counter_name((enum mnet_counter) - 1));
    assert_null(mnet_counter_text((enum mnet_counter) - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strerror_of_each_error_is_its_own),
        cmocka_unit_test(strerror_of_anything_else_is_unknown),
        cmocka_unit_test(unreachable_causes_have_texts_of_their_own),
        cmocka_unit_test(counters_have_names_and_texts_of_their_own),
        cmocka_unit_test(counters_outside_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
