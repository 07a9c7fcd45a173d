/* A deterministic random generator, seeded once from the platform's entropy: ChaCha20 keystream
 * with fast key erasure, 512 bytes at a time. The same seed gives the same numbers. */
#ifndef MN_RANDOM_H
#define MN_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define MN_RANDOM_SEED 32

struct mn_random {
    uint8_t key[MN_RANDOM_SEED];
    uint8_t pool[512];
    uint32_t used;
};

/* Computes one block of the ChaCha20 keystream (RFC 8439 2.3). */
void mn_chacha20_block(const uint8_t key[32], uint32_t counter, const uint8_t nonce[12], uint8_t to[64]);

void mn_random_init(struct mn_random *random, const uint8_t seed[MN_RANDOM_SEED]);
void mn_random_bytes(struct mn_random *random, void *to, size_t len);
uint32_t mn_random_u32(struct mn_random *random);
uint64_t mn_random_u64(struct mn_random *random);
/* Returns a number in 0..bound-1, uniform, without modulo bias. bound > 0. */
uint32_t mn_random_below(struct mn_random *random, uint32_t bound);

#endif
