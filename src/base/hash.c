/* SipHash: a state of four words. Each message word enters between rounds of additions, rotations
 * and exclusive ors. */
#include "base/hash.h"

#include "base/base.h"

struct state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static inline void sip_rounds(struct state *s, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 = rotate(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 = rotate(s->v2, 32);
    }
}

/* The initial constants spell "somepseudorandomlygeneratedbytes". */
static inline struct state start(const struct mn_hash_key *key)
{
    return (struct state){
        key->k0 ^ UINT64_C(0x736f6d6570736575),
        key->k1 ^ UINT64_C(0x646f72616e646f6d),
        key->k0 ^ UINT64_C(0x6c7967656e657261),
        key->k1 ^ UINT64_C(0x7465646279746573),
    };
}

static inline void absorb(struct state *s, uint64_t word, int rounds)
{
    s->v3 ^= word;
    sip_rounds(s, rounds);
    s->v0 ^= word;
}

static inline uint64_t finish(struct state *s, int rounds)
{
    s->v2 ^= 0xff;
    sip_rounds(s, rounds);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* Returns eight bytes as a little-endian number. Compilers turn the pattern into one load. */
static inline uint64_t load_word(const uint8_t *b)
{
    return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 | (uint64_t)b[4] << 32 |
           (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 | (uint64_t)b[7] << 56;
}

uint64_t mn_siphash24(const struct mn_hash_key *key, const void *data, size_t len)
{
    struct state s = start(key);
    const uint8_t *at = data;
    size_t left = len;
    for (; left >= 8; at += 8, left -= 8)
        absorb(&s, load_word(at), 2);
    /* The last word holds the remaining bytes and, on top, the length modulo 256. */
    uint64_t last = (uint64_t)len << 56;
    for (size_t i = 0; i < left; i++)
        last |= (uint64_t)at[i] << (8 * i);
    absorb(&s, last, 2);
    return finish(&s, 4);
}

uint64_t mn_siphash13_words(const struct mn_hash_key *key, const uint64_t *words, size_t count)
{
    struct state s = start(key);
    for (size_t i = 0; i < count; i++)
        absorb(&s, words[i], 1);
    absorb(&s, (uint64_t)(count * 8) << 56, 1);
    return finish(&s, 3);
}
