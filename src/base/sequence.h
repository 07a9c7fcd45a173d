/* Sequence number arithmetic modulo 2^32 (RFC 9293 3.4): comparisons hold for distances below
 * 2^31. */
#ifndef MN_SEQUENCE_H
#define MN_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

static inline bool mn_seq_lt(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static inline bool mn_seq_leq(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) <= 0;
}

static inline bool mn_seq_gt(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

static inline bool mn_seq_geq(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) >= 0;
}

static inline uint32_t mn_seq_max(uint32_t a, uint32_t b)
{
    return mn_seq_gt(a, b) ? a : b;
}

static inline uint32_t mn_seq_min(uint32_t a, uint32_t b)
{
    return mn_seq_lt(a, b) ? a : b;
}

/* Returns whether low <= x < low + size, for any size below 2^32. */
static inline bool mn_seq_within(uint32_t x, uint32_t low, uint32_t size)
{
    return x - low < size;
}

#endif
