/* SipHash, compared with its authors' published values, and the table hash, compared with a plain
 * 1-3 over bytes. */
#include "unit/support.h"

#include "base/hash.h"

/* SipHash-2-4 of the bytes 00, 01, 02, ... of each length 0..63 under the key 00..0f, as
 * little-endian numbers. */
static const uint64_t published[64] = {
    UINT64_C(0x726fdb47dd0e0e31), UINT64_C(0x74f839c593dc67fd), UINT64_C(0x0d6c8009d9a94f5a),
    UINT64_C(0x85676696d7fb7e2d), UINT64_C(0xcf2794e0277187b7), UINT64_C(0x18765564cd99a68d),
    UINT64_C(0xcbc9466e58fee3ce), UINT64_C(0xab0200f58b01d137), UINT64_C(0x93f5f5799a932462),
    UINT64_C(0x9e0082df0ba9e4b0), UINT64_C(0x7a5dbbc594ddb9f3), UINT64_C(0xf4b32f46226bada7),
    UINT64_C(0x751e8fbc860ee5fb), UINT64_C(0x14ea5627c0843d90), UINT64_C(0xf723ca908e7af2ee),
    UINT64_C(0xa129ca6149be45e5), UINT64_C(0x3f2acc7f57c29bdb), UINT64_C(0x699ae9f52cbe4794),
    UINT64_C(0x4bc1b3f0968dd39c), UINT64_C(0xbb6dc91da77961bd), UINT64_C(0xbed65cf21aa2ee98),
    UINT64_C(0xd0f2cbb02e3b67c7), UINT64_C(0x93536795e3a33e88), UINT64_C(0xa80c038ccd5ccec8),
    UINT64_C(0xb8ad50c6f649af94), UINT64_C(0xbce192de8a85b8ea), UINT64_C(0x17d835b85bbb15f3),
    UINT64_C(0x2f2e6163076bcfad), UINT64_C(0xde4daaaca71dc9a5), UINT64_C(0xa6a2506687956571),
    UINT64_C(0xad87a3535c49ef28), UINT64_C(0x32d892fad841c342), UINT64_C(0x7127512f72f27cce),
    UINT64_C(0xa7f32346f95978e3), UINT64_C(0x12e0b01abb051238), UINT64_C(0x15e034d40fa197ae),
    UINT64_C(0x314dffbe0815a3b4), UINT64_C(0x027990f029623981), UINT64_C(0xcadcd4e59ef40c4d),
    UINT64_C(0x9abfd8766a33735c), UINT64_C(0x0e3ea96b5304a7d0), UINT64_C(0xad0c42d6fc585992),
    UINT64_C(0x187306c89bc215a9), UINT64_C(0xd4a60abcf3792b95), UINT64_C(0xf935451de4f21df2),
    UINT64_C(0xa9538f0419755787), UINT64_C(0xdb9acddff56ca510), UINT64_C(0xd06c98cd5c0975eb),
    UINT64_C(0xe612a3cb9ecba951), UINT64_C(0xc766e62cfcadaf96), UINT64_C(0xee64435a9752fe72),
    UINT64_C(0xa192d576b245165a), UINT64_C(0x0a8787bf8ecb74b2), UINT64_C(0x81b3e73d20b49b6f),
    UINT64_C(0x7fa8220ba3b2ecea), UINT64_C(0x245731c13ca42499), UINT64_C(0xb78dbfaf3a8d83bd),
    UINT64_C(0xea1ad565322a1a0b), UINT64_C(0x60e61c23a3795013), UINT64_C(0x6606d7e446282b93),
    UINT64_C(0x6ca4ecb15c5f91e1), UINT64_C(0x9f626da15c9625f3), UINT64_C(0xe51b38608ef25f57),
    UINT64_C(0x958a324ceb064572),
};

static const struct mn_hash_key key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

static void siphash24_published_vectors(void **state)
{
    (void)state;
    uint8_t message[64];
    for (size_t len = 0; len < sizeof(message); len++) {
        message[len] = (uint8_t)len;
        assert_true(mn_siphash24(&key, message, len) == published[len]);
    }
}

/* Appendix A of the paper: 15 bytes. */
static void siphash24_example_of_the_paper(void **state)
{
    (void)state;
    const uint8_t message[15] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
    assert_true(mn_siphash24(&key, message, sizeof(message)) == UINT64_C(0xa129ca6149be45e5));
}

static void siphash24_needs_no_alignment(void **state)
{
    (void)state;
    uint8_t block[64 + 8];
    for (size_t alignment = 0; alignment < 8; alignment++) {
        for (size_t i = 0; i < 63; i++)
            block[alignment + i] = (uint8_t)i;
        assert_true(mn_siphash24(&key, block + alignment, 63) == published[63]);
    }
}

static void siphash24_depends_on_every_bit(void **state)
{
    (void)state;
    uint8_t message[20] = {0};
    uint64_t plain = mn_siphash24(&key, message, sizeof(message));
    for (size_t bit = 0; bit < 8 * sizeof(message); bit++) {
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_true(mn_siphash24(&key, message, sizeof(message)) != plain);
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    const struct mn_hash_key other = {key.k0, key.k1 ^ 1};
    assert_true(mn_siphash24(&other, message, sizeof(message)) != plain);
}

/* ---- a plain SipHash of any rounds, to compare with ---- */

static uint64_t turn(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static void plain_rounds(uint64_t v[4], int rounds)
{
    while (rounds-- > 0) {
        v[0] += v[1], v[1] = turn(v[1], 13) ^ v[0], v[0] = turn(v[0], 32);
        v[2] += v[3], v[3] = turn(v[3], 16) ^ v[2];
        v[0] += v[3], v[3] = turn(v[3], 21) ^ v[0];
        v[2] += v[1], v[1] = turn(v[1], 17) ^ v[2], v[2] = turn(v[2], 32);
    }
}

static uint64_t plain_siphash(const struct mn_hash_key *k, const uint8_t *bytes, size_t len, int c, int d)
{
    uint64_t v[4] = {k->k0 ^ UINT64_C(0x736f6d6570736575), k->k1 ^ UINT64_C(0x646f72616e646f6d),
                     k->k0 ^ UINT64_C(0x6c7967656e657261), k->k1 ^ UINT64_C(0x7465646279746573)};
    for (size_t at = 0; at <= len; at += 8) {
        uint64_t m = len - at < 8 ? (uint64_t)(len & 0xff) << 56 : 0;
        for (size_t i = 0; i < 8 && at + i < len; i++)
            m |= (uint64_t)bytes[at + i] << (8 * i);
        v[3] ^= m;
        plain_rounds(v, c);
        v[0] ^= m;
    }
    v[2] ^= 0xff;
    plain_rounds(v, d);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void plain_siphash_is_siphash(void **state)
{
    (void)state;
    uint8_t message[64];
    for (size_t len = 0; len < sizeof(message); len++) {
        message[len] = (uint8_t)len;
        assert_true(plain_siphash(&key, message, len, 2, 4) == published[len]);
    }
}

static void siphash13_words_equals_bytes(void **state)
{
    (void)state;
    uint64_t seed = 21;
    for (size_t count = 0; count <= 40; count++) {
        uint64_t words[40];
        uint8_t bytes[8 * 40];
        struct mn_hash_key random_key = {test_random(&seed), test_random(&seed)};
        for (size_t i = 0; i < count; i++) {
            words[i] = test_random(&seed);
            for (size_t byte = 0; byte < 8; byte++)
                bytes[8 * i + byte] = (uint8_t)(words[i] >> (8 * byte));
        }
        uint64_t expected = plain_siphash(&random_key, bytes, 8 * count, 1, 3);
        assert_true(mn_siphash13_words(&random_key, words, count) == expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash24_published_vectors),  cmocka_unit_test(siphash24_example_of_the_paper),
        cmocka_unit_test(siphash24_needs_no_alignment), cmocka_unit_test(siphash24_depends_on_every_bit),
        cmocka_unit_test(plain_siphash_is_siphash),     cmocka_unit_test(siphash13_words_equals_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
