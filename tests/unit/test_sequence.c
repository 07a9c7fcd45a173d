/* RFC 9293 3.4: comparisons hold across the wrap of 32 bits. */
#include "unit/support.h"

#include "base/sequence.h"

static const uint32_t starts[] = {0, 1, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff};
static const uint32_t distances[] = {1, 2, 1460, 0x10000, 0x7ffffffe, 0x7fffffff};

static void order_holds_from_any_start(void **state)
{
    (void)state;
    for (size_t s = 0; s < MN_COUNT_OF(starts); s++)
        for (size_t d = 0; d < MN_COUNT_OF(distances); d++) {
            uint32_t a = starts[s], b = a + distances[d];
            assert_true(mn_seq_lt(a, b) && mn_seq_leq(a, b) && mn_seq_gt(b, a) && mn_seq_geq(b, a));
            assert_false(mn_seq_lt(b, a) || mn_seq_leq(b, a) || mn_seq_gt(a, b) || mn_seq_geq(a, b));
            assert_int_equal(mn_seq_max(a, b), b);
            assert_int_equal(mn_seq_max(b, a), b);
            assert_int_equal(mn_seq_min(a, b), a);
            assert_int_equal(mn_seq_min(b, a), a);
        }
}

static void equal_is_neither_less_nor_greater(void **state)
{
    (void)state;
    for (size_t s = 0; s < MN_COUNT_OF(starts); s++) {
        uint32_t a = starts[s];
        assert_false(mn_seq_lt(a, a) || mn_seq_gt(a, a));
        assert_true(mn_seq_leq(a, a) && mn_seq_geq(a, a));
        assert_int_equal(mn_seq_max(a, a), a);
        assert_int_equal(mn_seq_min(a, a), a);
    }
}

static void within_includes_the_first_and_not_the_end(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 65535, 1 << 30, 0xc0000000, UINT32_MAX};
    for (size_t s = 0; s < MN_COUNT_OF(starts); s++) {
        uint32_t low = starts[s];
        assert_false(mn_seq_within(low, low, 0));
        for (size_t i = 0; i < MN_COUNT_OF(sizes); i++) {
            assert_true(mn_seq_within(low, low, sizes[i]));
            assert_true(mn_seq_within(low + sizes[i] - 1, low, sizes[i]));
            assert_false(mn_seq_within(low + sizes[i], low, sizes[i]));
            assert_false(mn_seq_within(low - 1, low, sizes[i]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_holds_from_any_start),
        cmocka_unit_test(equal_is_neither_less_nor_greater),
        cmocka_unit_test(within_includes_the_first_and_not_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
