/* SipHash: a state of four words; each message word goes in between rounds of additions, rotations and exclusive ors. */
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

/* Up to eight bytes as a little-endian number. */
static uint64_t little_endian(const uint8_t *bytes, size_t len)
{
    uint64_t word = 0;
    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

uint64_t mn_siphash24(const struct mn_hash_key *key, const void *data, size_t len)
{
    struct state s = start(key);
    const uint8_t *at = data;
    size_t left = len;
    for (; left >= 8; at += 8, left -= 8)
        absorb(&s, little_endian(at, 8), 2);
    /* The last word holds what is left and, on top, the length modulo 256. */
    absorb(&s, little_endian(at, left) | (uint64_t)len << 56, 2);
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
