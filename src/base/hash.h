/* SipHash, a keyed pseudorandom function (Aumasson and Bernstein): 2-4 if an attacker sees results
 * (initial sequence numbers, ports, IP identification), 1-3 for tables and flow labels. */
#ifndef MN_HASH_H
#define MN_HASH_H

#include <stddef.h>
#include <stdint.h>

struct mn_hash_key {
    uint64_t k0, k1;
};

uint64_t mn_siphash24(const struct mn_hash_key *key, const void *data, size_t len);
/* Hashes a few 64-bit words with little overhead. The same function as 1-3 rounds over their
 * little-endian bytes. */
uint64_t mn_siphash13_words(const struct mn_hash_key *key, const uint64_t *words, size_t count);

#endif
