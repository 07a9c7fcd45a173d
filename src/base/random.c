/* The generator makes 512 bytes of ChaCha20 keystream at a time, with a key that is used once. The
 * first 32 bytes become the next key. Bytes are wiped as they are returned, so memory reveals
 * nothing of earlier numbers. */
#include "base/random.h"

#include <assert.h>
#include <string.h>

#include "base/base.h"

#define BLOCK 64

static inline uint32_t rotate(uint32_t x, unsigned by)
{
    return x << by | x >> (32 - by);
}

static uint32_t load_le32(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void store_le32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

/* RFC 8439 2.1. */
static inline void quarter_round(uint32_t *s, int a, int b, int c, int d)
{
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 7);
}

void mn_chacha20_block(const uint8_t key[32], uint32_t counter, const uint8_t nonce[12], uint8_t to[64])
{
    /* "expand 32-byte k" */
    uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, s[16];
    for (int i = 0; i < 8; i++)
        start[4 + i] = load_le32(key + 4 * i);
    start[12] = counter;
    for (int i = 0; i < 3; i++)
        start[13 + i] = load_le32(nonce + 4 * i);
    memcpy(s, start, sizeof(s));
    for (int i = 0; i < 10; i++) {
        for (int column = 0; column < 4; column++)
            quarter_round(s, column, 4 + column, 8 + column, 12 + column);
        for (int diagonal = 0; diagonal < 4; diagonal++)
            quarter_round(s, diagonal, 4 + (diagonal + 1) % 4, 8 + (diagonal + 2) % 4, 12 + (diagonal + 3) % 4);
    }
    for (int i = 0; i < 16; i++)
        store_le32(to + 4 * i, s[i] + start[i]);
}

static_assert(sizeof(((struct mn_random *)0)->pool) % BLOCK == 0, "the pool is whole blocks");

static void refill(struct mn_random *random)
{
    static const uint8_t nonce[12] = {0};
    MN_ASSERT(random->used == sizeof(random->pool)); /* no byte goes out twice, and none is lost */
    for (uint32_t i = 0; i < sizeof(random->pool) / BLOCK; i++)
        mn_chacha20_block(random->key, i, nonce, random->pool + (size_t)i * BLOCK);
    memcpy(random->key, random->pool, MN_RANDOM_SEED);
    memset(random->pool, 0, MN_RANDOM_SEED);
    random->used = MN_RANDOM_SEED;
}

void mn_random_init(struct mn_random *random, const uint8_t seed[MN_RANDOM_SEED])
{
    memset(random, 0, sizeof(*random));
    memcpy(random->key, seed, MN_RANDOM_SEED);
    random->used = sizeof(random->pool);
}

void mn_random_bytes(struct mn_random *random, void *to, size_t len)
{
    uint8_t *out = to;
    while (len > 0) {
        if (random->used == sizeof(random->pool))
            refill(random);
        size_t part = MN_MIN(len, sizeof(random->pool) - random->used);
        memcpy(out, random->pool + random->used, part);
        memset(random->pool + random->used, 0, part);
        random->used += (uint32_t)part;
        out += part;
        len -= part;
    }
}

uint32_t mn_random_u32(struct mn_random *random)
{
    uint8_t bytes[4];
    mn_random_bytes(random, bytes, sizeof(bytes));
    return load_le32(bytes);
}

uint64_t mn_random_u64(struct mn_random *random)
{
    uint64_t low = mn_random_u32(random);
    return low | (uint64_t)mn_random_u32(random) << 32;
}

/* The upper half of a product is uniform if the few low halves that would favour small results are
 * rejected (Lemire). */
uint32_t mn_random_below(struct mn_random *random, uint32_t bound)
{
    MN_ASSERT(bound > 0);
    uint64_t product = (uint64_t)mn_random_u32(random) * bound;
    if ((uint32_t)product < bound) {
        uint32_t reject = (uint32_t)-bound % bound;
        while ((uint32_t)product < reject)
            product = (uint64_t)mn_random_u32(random) * bound;
    }
    return (uint32_t)(product >> 32);
}
