/* The internet checksum (RFC 1071), fast on 64-bit machines of either byte order.
 *
 * Sums are unfolded ones' complement sums of 16-bit words in *memory order*, in 64 bits: add them
 * with mn_sum_add, fold once. A piece that begins at an odd offset of the whole must be added with
 * mn_sum_odd.
 */
#ifndef MN_CHECKSUM_H
#define MN_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/base.h"

/* Adds `len` bytes to `sum`. */
uint64_t mn_sum(uint64_t sum, const void *data, size_t len);
/* Copies `len` bytes and adds them to `sum`, in one pass. */
uint64_t mn_sum_copy(uint64_t sum, void *restrict to, const void *restrict from, size_t len);
/* Returns the sum of a piece as it counts at an odd offset. */
uint64_t mn_sum_odd(uint64_t sum);
/* Returns a + b with end-around carry. */
static inline uint64_t mn_sum_add(uint64_t a, uint64_t b)
{
    uint64_t sum;
    uint64_t carry = __builtin_add_overflow(a, b, &sum);
    return sum + carry;
}
/* Returns the sum that makes a sum nothing when it is added to it: ones' complement. */
static inline uint64_t mn_sum_negate(uint64_t sum)
{
    return ~sum;
}
/* Folds to 16 bits, in memory order: store the result with memcpy. If a number is added to itself
 * with its halves exchanged, the upper half of the result is the sum of both halves and their
 * carry. */
static inline uint16_t mn_sum_fold(uint64_t sum)
{
    uint32_t half = (uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32);
    return (uint16_t)((half + (half << 16 | half >> 16)) >> 16);
}
/* Return a 16-bit or 32-bit number in host order as it counts in network order. */
static inline uint64_t mn_sum_u16(uint16_t value)
{
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? value : __builtin_bswap16(value);
}
static inline uint64_t mn_sum_u32(uint32_t value)
{
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? value : __builtin_bswap32(value);
}
/* Does the same as mn_sum for the few bytes of a header. `len` is a multiple of four, and best a
 * constant. */
static inline uint64_t mn_sum_header(const void *data, size_t len)
{
    const uint8_t *bytes = data;
    uint64_t sum = 0, word;
    uint32_t half = 0;
    MN_ASSERT(len % sizeof(half) == 0);
    for (; len >= sizeof(word); bytes += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, bytes, sizeof(word));
        sum = mn_sum_add(sum, word);
    }
    if (len > 0)
        memcpy(&half, bytes, sizeof(half));
    return mn_sum_add(sum, half);
}

/* Returns the checksum field for `sum`, in memory order: the complement of the fold. */
static inline uint16_t mn_checksum(uint64_t sum)
{
    return (uint16_t)~mn_sum_fold(sum);
}
/* Returns the checksum after a 16-bit word changes (RFC 1624, eqn. 3). All three are in memory
 * order. If every word is zero now, 0 may stand for ffff: only a new sum can tell. */
uint16_t mn_checksum_update(uint16_t checksum, uint16_t before, uint16_t after);

#endif
