/* Parts that the unit tests share: cmocka's includes, numbers from a seed, and memories. */
#ifndef MN_TEST_SUPPORT_H
#define MN_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mnet/memory.h>

#include "base/base.h"

/* A small generator (xorshift), independent of the code under test. The seed must not be 0. */
static inline uint64_t test_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static inline uint64_t test_random_below(uint64_t *state, uint64_t bound)
{
    return (test_random(state) >> 11) % bound;
}

static inline void test_random_bytes(uint64_t *state, void *to, size_t len)
{
    uint8_t *bytes = to;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(test_random(state) >> 32);
}

/* Creates a memory of `size` bytes on the heap, so that sanitizers watch its ends. The caller frees
 * *region, whose bytes are dirty. */
static inline struct mnet_memory *test_memory(size_t size, void **region)
{
    *region = malloc(size);
    assert_non_null(*region);
    memset(*region, 0xa5, size);
    struct mnet_memory *memory = mnet_memory_init(*region, size);
    assert_non_null(memory);
    return memory;
}

#endif
