/* Copies of many bytes at once.
 *
 * C libraries copy more than about 2 KiB by `rep movsb`. Some processors then take more than ten
 * times as long as by a loop of vectors, if the target begins a little further in its page than the
 * source. So a long copy is made in several calls.
 */
#ifndef MN_COPY_H
#define MN_COPY_H

#include <stddef.h>
#include <string.h>

#include "base/base.h"

#define MN_COPY_PIECE 1984u /* the most bytes of a call, in whole cache lines */

/* Calls memcpy. If the compiler knows bounds of the length, it may make `rep movs` of the call. So
 * it is not to know them. */
static inline void mn_copy_piece(uint8_t *restrict to, const uint8_t *restrict from, size_t len)
{
    __asm__("" : "+r"(len));
    memcpy(to, from, len);
}

/* Does the work of mn_copy for more than a piece. The pieces are about equally large. */
static inline void mn_copy_long(uint8_t *restrict to, const uint8_t *restrict from, size_t len)
{
    size_t count = (len + MN_COPY_PIECE - 1) / MN_COPY_PIECE;
    size_t size = ((len - 1) / count / MN_CACHE_LINE + 1) * MN_CACHE_LINE;
    for (; len > size; to += size, from += size, len -= size)
        mn_copy_piece(to, from, size);
    mn_copy_piece(to, from, len);
}

/* Copies `len` bytes, which do not overlap. */
static inline void mn_copy(void *restrict to, const void *restrict from, size_t len)
{
    if (MN_LIKELY(len <= MN_COPY_PIECE))
        mn_copy_piece(to, from, len);
    else
        mn_copy_long(to, from, len);
}

#endif
