/* The generator: ChaCha20 as in RFC 8439, the same numbers from the same seed, old keys wiped,
 * uniform results. */
#include "unit/support.h"

#include "base/random.h"

/* RFC 8439 2.3.2. */
static void chacha20_block_of_rfc8439(void **state)
{
    (void)state;
    const uint8_t nonce[12] = {0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0};
    const uint8_t expected[64] = {
        0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3, 0x20, 0x71, 0xc4,
        0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22, 0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e,
        0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa, 0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2,
        0xb5, 0x12, 0x9c, 0xd1, 0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
    };
    uint8_t key[32], block[64];
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    mn_chacha20_block(key, 1, nonce, block);
    assert_memory_equal(block, expected, sizeof(block));
}

/* RFC 8439 A.1, test vector 1: all zeros. */
static void chacha20_block_of_zeros(void **state)
{
    (void)state;
    const uint8_t zeros[32] = {0};
    const uint8_t expected[16] = {0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90,
                                  0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28};
    uint8_t block[64];
    mn_chacha20_block(zeros, 0, zeros, block);
    assert_memory_equal(block, expected, sizeof(expected));
}

static struct mn_random seeded(uint8_t first)
{
    uint8_t seed[MN_RANDOM_SEED] = {first};
    struct mn_random random;
    mn_random_init(&random, seed);
    return random;
}

/* The first numbers are the keystream after the next key. */
static void first_bytes_are_the_keystream(void **state)
{
    (void)state;
    struct mn_random random = seeded(0);
    const uint8_t zeros[32] = {0};
    uint8_t block[64], bytes[32];
    mn_chacha20_block(zeros, 0, zeros, block);
    mn_random_bytes(&random, bytes, sizeof(bytes));
    assert_memory_equal(bytes, block + 32, 32);
    assert_memory_equal(random.key, block, 32);
}

static void same_seed_same_bytes_in_any_portions(void **state)
{
    (void)state;
    struct mn_random whole = seeded(1), portions = seeded(1);
    uint8_t a[5000], b[5000];
    mn_random_bytes(&whole, a, sizeof(a));
    size_t at = 0;
    for (size_t len = 0; at < sizeof(b); len = (len * 7 + 1) % 700) {
        len = MN_MIN(len, sizeof(b) - at);
        mn_random_bytes(&portions, b + at, len);
        at += len;
    }
    assert_memory_equal(a, b, sizeof(a));
}

static void different_seeds_differ(void **state)
{
    (void)state;
    struct mn_random a = seeded(1), b = seeded(2);
    assert_true(mn_random_u64(&a) != mn_random_u64(&b));
}

static void no_part_of_the_stream_repeats(void **state)
{
    (void)state;
    struct mn_random random = seeded(3);
    uint64_t numbers[2000];
    for (size_t i = 0; i < MN_COUNT_OF(numbers); i++) {
        numbers[i] = mn_random_u64(&random);
        for (size_t j = 0; j < i; j++)
            assert_true(numbers[i] != numbers[j]);
    }
}

static void bytes_handed_out_are_wiped(void **state)
{
    (void)state;
    struct mn_random random = seeded(4);
    uint8_t bytes[100];
    mn_random_bytes(&random, bytes, sizeof(bytes));
    assert_int_equal(random.used, MN_RANDOM_SEED + 100);
    for (size_t i = 0; i < random.used; i++)
        assert_int_equal(random.pool[i], 0);
}

static void u32_and_u64_are_little_endian_bytes(void **state)
{
    (void)state;
    struct mn_random a = seeded(5), b = seeded(5);
    uint8_t bytes[12];
    mn_random_bytes(&a, bytes, sizeof(bytes));
    uint64_t expected = 0;
    for (size_t i = 0; i < 8; i++)
        expected |= (uint64_t)bytes[i] << (8 * i);
    assert_true(mn_random_u64(&b) == expected);
    assert_int_equal(mn_random_u32(&b), bytes[8] | bytes[9] << 8 | bytes[10] << 16 | (uint32_t)bytes[11] << 24);
}

static void below_stays_below_and_reaches_all(void **state)
{
    (void)state;
    struct mn_random random = seeded(6);
    for (uint32_t bound = 1; bound < 50; bound++) {
        uint64_t seen = 0;
        for (int i = 0; i < 2000; i++) {
            uint32_t value = mn_random_below(&random, bound);
            assert_true(value < bound);
            seen |= UINT64_C(1) << value;
        }
        assert_true(seen == (UINT64_C(1) << bound) - 1);
    }
    assert_true(mn_random_below(&random, UINT32_MAX) < UINT32_MAX);
}

/* With a bound of 3 * 2^30 a remainder would favour the lowest third two to one, and the upper half
 * of a product every third number. */
static void below_has_no_bias(void **state)
{
    (void)state;
    struct mn_random random = seeded(7);
    int thirds[3] = {0}, every_third[3] = {0};
    for (int i = 0; i < 30000; i++) {
        uint32_t value = mn_random_below(&random, 3u << 30);
        thirds[value >> 30]++;
        every_third[value % 3]++;
    }
    for (int i = 0; i < 3; i++) {
        assert_in_range(thirds[i], 9500, 10500);
        assert_in_range(every_third[i], 9500, 10500);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chacha20_block_of_rfc8439),
        cmocka_unit_test(chacha20_block_of_zeros),
        cmocka_unit_test(first_bytes_are_the_keystream),
        cmocka_unit_test(same_seed_same_bytes_in_any_portions),
        cmocka_unit_test(different_seeds_differ),
        cmocka_unit_test(no_part_of_the_stream_repeats),
        cmocka_unit_test(bytes_handed_out_are_wiped),
        cmocka_unit_test(u32_and_u64_are_little_endian_bytes),
        cmocka_unit_test(below_stays_below_and_reaches_all),
        cmocka_unit_test(below_has_no_bias),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
