/* The internet checksum (RFC 1071), fast on 64-bit machines of either byte order.
 *
 * Sums are unfolded ones' complement sums of 16-bit words in *memory order*, in 64 bits: add them freely (fewer than
 * 2^32 pieces), fold once. A piece that begins at an odd offset of the whole must be added with mn_sum_odd.
 */
#ifndef MN_CHECKSUM_H
#define MN_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Adds `len` bytes to `sum`. */
uint64_t mn_sum(uint64_t sum, const void *data, size_t len);
/* Copies `len` bytes and adds them to `sum`, in one pass. */
uint64_t mn_sum_copy(uint64_t sum, void *restrict to, const void *restrict from, size_t len);
/* `sum` of a piece as it counts at an odd offset. */
uint64_t mn_sum_odd(uint64_t sum);
/* Sum of two: a + b with end-around carry. */
static inline uint64_t mn_sum_add(uint64_t a, uint64_t b)
{
    uint64_t sum = a + b;
    return sum + (sum < b);
}
/* Folds to 16 bits, in memory order: store it with memcpy. */
static inline uint16_t mn_sum_fold(uint64_t sum)
{
    uint32_t low = (uint32_t)sum, half = low + (uint32_t)(sum >> 32);
    half += half < low;
    half = (half & UINT16_MAX) + (half >> 16);
    return (uint16_t)(half + (half >> 16));
}
/* A 16-bit or 32-bit number in host order, as it counts in network order. */
static inline uint64_t mn_sum_u16(uint16_t value)
{
    const uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    uint16_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}
static inline uint64_t mn_sum_u32(uint32_t value)
{
    return mn_sum_u16((uint16_t)(value >> 16)) + mn_sum_u16((uint16_t)value);
}
/* The same as mn_sum for the few bytes of a header, `len` a multiple of four and best a constant. */
static inline uint64_t mn_sum_header(const void *data, size_t len)
{
    const uint8_t *bytes = data;
    uint64_t sum = 0, word;
    uint32_t half = 0;
    for (; len >= sizeof(word); bytes += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, bytes, sizeof(word));
        sum = mn_sum_add(sum, word);
    }
    if (len > 0)
        memcpy(&half, bytes, sizeof(half));
    return (sum & UINT32_MAX) + (sum >> 32) + half;
}

/* The checksum field for `sum`, in memory order: the complement of the fold. */
static inline uint16_t mn_checksum(uint64_t sum)
{
    return (uint16_t)~mn_sum_fold(sum);
}
/* Incremental update (RFC 1624, eqn. 3): the checksum after a 16-bit word changes; all three in memory order. */
uint16_t mn_checksum_update(uint16_t checksum, uint16_t before, uint16_t after);

#endif
