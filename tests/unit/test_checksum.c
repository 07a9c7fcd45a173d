/* The internet checksum, compared with a sum of 16-bit words as RFC 1071 describes it, and with its
 * examples. */
#include "unit/support.h"

#include "base/checksum.h"

/* Sums pairs of bytes in network order, with a zero after the last odd byte. */
static uint16_t plain_sum(const uint8_t *bytes, size_t len)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < len; i += 2)
        sum += (uint64_t)bytes[i] << 8 | (i + 1 < len ? bytes[i + 1] : 0);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* Returns a folded sum, which is in memory order, as a number. */
static uint16_t as_number(uint16_t memory_order)
{
    uint8_t bytes[2];
    memcpy(bytes, &memory_order, sizeof(bytes));
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint16_t as_memory(uint16_t number)
{
    const uint8_t bytes[2] = {(uint8_t)(number >> 8), (uint8_t)number};
    uint16_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

enum {
    MOST = 300, /* beyond the length from which copies are aligned */
    ALIGNMENTS = 16,
};

static void for_all_lengths(const uint8_t pattern[MOST + ALIGNMENTS])
{
    for (size_t alignment = 0; alignment < ALIGNMENTS; alignment++)
        for (size_t len = 0; len <= MOST; len++) {
            /* The block is exactly as long as the data, so that a read beyond it is found. */
            uint8_t *block = malloc(alignment + len + 1), *data = block + alignment;
            memcpy(data, pattern, len);
            assert_int_equal(as_number(mn_sum_fold(mn_sum(0, data, len))), plain_sum(data, len));
            free(block);
        }
}

static void sum_all_lengths_and_alignments_random(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int round = 0; round < 3; round++) {
        uint8_t pattern[MOST + ALIGNMENTS];
        test_random_bytes(&seed, pattern, sizeof(pattern));
        for_all_lengths(pattern);
    }
}

static void sum_all_lengths_and_alignments_ones(void **state)
{
    (void)state;
    uint8_t pattern[MOST + ALIGNMENTS];
    memset(pattern, 0xff, sizeof(pattern));
    for_all_lengths(pattern);
}

static void sum_all_lengths_and_alignments_zeros(void **state)
{
    (void)state;
    uint8_t pattern[MOST + ALIGNMENTS] = {0};
    for_all_lengths(pattern);
}

static void sum_a_single_one_at_every_offset(void **state)
{
    (void)state;
    for (size_t at = 0; at < MOST; at++) {
        uint8_t data[MOST] = {0};
        data[at] = 0x5a;
        assert_int_equal(as_number(mn_sum_fold(mn_sum(0, data, sizeof(data)))), at % 2 == 0 ? 0x5a00 : 0x005a);
    }
}

static void sum_large_data_of_all_ones(void **state)
{
    (void)state;
    size_t len = 1 << 20;
    uint8_t *data = malloc(len);
    memset(data, 0xff, len);
    assert_int_equal(mn_sum_fold(mn_sum(0, data, len)), 0xffff);
    data[12345] = 0xfe;
    assert_int_equal(as_number(mn_sum_fold(mn_sum(0, data, len))), plain_sum(data, len));
    free(data);
}

static void sum_copy_copies_and_sums_all_lengths(void **state)
{
    (void)state;
    uint64_t seed = 2;
    uint8_t from[MOST + ALIGNMENTS], to[MOST + ALIGNMENTS + 1];
    test_random_bytes(&seed, from, sizeof(from));
    for (size_t alignment = 0; alignment < ALIGNMENTS; alignment++)
        for (size_t len = 0; len <= MOST; len++) {
            memset(to, 0xee, sizeof(to));
            uint64_t sum = mn_sum_copy(0, to + alignment, from + (alignment * 7) % ALIGNMENTS, len);
            const uint8_t *source = from + (alignment * 7) % ALIGNMENTS;
            assert_int_equal(as_number(mn_sum_fold(sum)), plain_sum(source, len));
            assert_memory_equal(to + alignment, source, len);
            assert_int_equal(to[alignment + len], 0xee);
            if (alignment > 0)
                assert_int_equal(to[alignment - 1], 0xee);
        }
}

static void sum_odd_joins_pieces_cut_anywhere(void **state)
{
    (void)state;
    uint64_t seed = 3;
    uint8_t data[MOST];
    test_random_bytes(&seed, data, sizeof(data));
    uint16_t whole = mn_sum_fold(mn_sum(0, data, sizeof(data)));
    for (size_t cut = 0; cut <= sizeof(data); cut++) {
        uint64_t front = mn_sum(0, data, cut), behind = mn_sum(0, data + cut, sizeof(data) - cut);
        uint64_t sum = mn_sum_add(front, cut % 2 == 0 ? behind : mn_sum_odd(behind));
        assert_int_equal(mn_sum_fold(sum), whole);
    }
}

static void sum_continues_from_any_sum(void **state)
{
    (void)state;
    uint64_t seed = 4;
    uint8_t data[200];
    test_random_bytes(&seed, data, sizeof(data));
    for (int i = 0; i < 1000; i++) {
        uint64_t before = i == 0 ? UINT64_MAX : test_random(&seed);
        uint64_t expected = (uint64_t)mn_sum_fold(before) + mn_sum_fold(mn_sum(0, data, sizeof(data)));
        assert_int_equal(mn_sum_fold(mn_sum(before, data, sizeof(data))), mn_sum_fold(expected));
    }
}

static void sum_add_carries_around(void **state)
{
    (void)state;
    assert_true(mn_sum_add(UINT64_MAX, 1) == 1);
    assert_true(mn_sum_add(UINT64_MAX, UINT64_MAX) == UINT64_MAX);
    assert_true(mn_sum_add(2, 3) == 5);
}

static void fold_reaches_sixteen_bits(void **state)
{
    (void)state;
    assert_int_equal(mn_sum_fold(0), 0);
    assert_int_equal(mn_sum_fold(0xffff), 0xffff);
    assert_int_equal(mn_sum_fold(0x10000), 1);
    assert_int_equal(mn_sum_fold(0x1ffff), 1);
    assert_int_equal(mn_sum_fold(UINT64_MAX), 0xffff);
    uint64_t seed = 5;
    for (int i = 0; i < 100000; i++) {
        uint64_t sum = test_random(&seed);
        uint16_t fold = mn_sum_fold(sum);
        assert_int_equal(fold % 0xffff, sum % 0xffff);
        assert_true(fold != 0 || sum == 0);
    }
}

static void sum_u16_and_u32_count_in_network_order(void **state)
{
    (void)state;
    const uint8_t bytes[4] = {0x12, 0x34, 0xab, 0xcd};
    assert_int_equal(mn_sum_fold(mn_sum_u16(0x1234)), mn_sum_fold(mn_sum(0, bytes, 2)));
    assert_int_equal(mn_sum_fold(mn_sum_u32(0x1234abcd)), mn_sum_fold(mn_sum(0, bytes, 4)));
}

/* RFC 1071 section 3: 00 01 f2 03 f4 f5 f6 f7 sums to ddf2. */
static void rfc1071_example(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    assert_int_equal(as_number(mn_sum_fold(mn_sum(0, bytes, sizeof(bytes)))), 0xddf2);
    assert_int_equal(as_number(mn_checksum(mn_sum(0, bytes, sizeof(bytes)))), 0x220d);
}

/* RFC 1624 section 4: the checksum dd2f, a word changing from 5555 to 3285, gives 0000 (eqn. 2
 * would give ffff). */
static void rfc1624_example(void **state)
{
    (void)state;
    uint16_t updated = mn_checksum_update(as_memory(0xdd2f), as_memory(0x5555), as_memory(0x3285));
    assert_int_equal(updated, 0x0000);
}

static void update_equals_summing_again(void **state)
{
    (void)state;
    uint64_t seed = 6;
    for (int i = 0; i < 20000; i++) {
        uint8_t data[40];
        uint16_t before, after;
        test_random_bytes(&seed, data, sizeof(data));
        size_t at = test_random_below(&seed, sizeof(data) / 2) * 2;
        uint16_t checksum = mn_checksum(mn_sum(0, data, sizeof(data)));
        memcpy(&before, data + at, 2);
        test_random_bytes(&seed, &after, sizeof(after));
        if (i % 8 == 0)
            after = i % 16 == 0 ? 0 : 0xffff;
        memcpy(data + at, &after, 2);
        uint16_t again = mn_checksum(mn_sum(0, data, sizeof(data)));
        assert_int_equal(mn_checksum_update(checksum, before, after), again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sum_all_lengths_and_alignments_random),
        cmocka_unit_test(sum_all_lengths_and_alignments_ones),
        cmocka_unit_test(sum_all_lengths_and_alignments_zeros),
        cmocka_unit_test(sum_a_single_one_at_every_offset),
        cmocka_unit_test(sum_large_data_of_all_ones),
        cmocka_unit_test(sum_copy_copies_and_sums_all_lengths),
        cmocka_unit_test(sum_odd_joins_pieces_cut_anywhere),
        cmocka_unit_test(sum_continues_from_any_sum),
        cmocka_unit_test(sum_add_carries_around),
        cmocka_unit_test(fold_reaches_sixteen_bits),
        cmocka_unit_test(sum_u16_and_u32_count_in_network_order),
        cmocka_unit_test(rfc1071_example),
        cmocka_unit_test(rfc1624_example),
        cmocka_unit_test(update_equals_summing_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
