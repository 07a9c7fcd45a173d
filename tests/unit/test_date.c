#include "support.h"

#include <time.h>

#include "base/date.h"

static void dates_are_those_of_the_c_library(void **state)
{
    uint64_t seed = 1;
    (void)state;
    for (int i = 0; i < 100000; i++) {
        /* Up to the year 9999. */
        time_t seconds = (time_t)test_random_below(&seed, UINT64_C(253402300800));
        struct tm wanted;
        struct mnet_date date = mnet_date_of((uint64_t)seconds);
        assert_non_null(gmtime_r(&seconds, &wanted));
        assert_int_equal(date.year, wanted.tm_year + 1900);
        assert_int_equal(date.month, wanted.tm_mon + 1);
        assert_int_equal(date.day, wanted.tm_mday);
        assert_int_equal(date.weekday, wanted.tm_wday);
        assert_int_equal(date.hour, wanted.tm_hour);
        assert_int_equal(date.minute, wanted.tm_min);
        assert_int_equal(date.second, wanted.tm_sec);
        assert_true(mn_date_seconds(&date) == (uint64_t)seconds);
    }
}

static void dates_have_a_text(void **state)
{
    char text[MN_DATE_TEXT];
    (void)state;
    assert_string_equal(mn_date_format(0, text), "1970-01-01 00:00:00");
    assert_string_equal(mn_date_format(951827696, text), "2000-02-29 12:34:56");
    assert_string_equal(mn_date_format(4107542399, text), "2100-02-28 23:59:59");
    assert_string_equal(mn_date_format(4107542400, text), "2100-03-01 00:00:00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_those_of_the_c_library),
        cmocka_unit_test(dates_have_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
