/* Bytes that tell where in a stream they belong: a byte lost, doubled, moved or changed is found,
 * and where. */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The eight bytes at stream offset 8 * index. */
static inline uint64_t pattern_word(uint64_t index)
{
    index = (index + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return index ^ index >> 29;
}

/* How many of `len` bytes at stream offset `offset` lie in the same word. */
static inline size_t pattern_piece(size_t len, uint64_t offset)
{
    size_t rest = 8 - offset % 8;
    return len < rest ? len : rest;
}

/* Writes, or compares with, the `len` bytes of the stream from `offset`. */
static inline void pattern_fill(uint8_t *bytes, size_t len, uint64_t offset)
{
    while (len > 0) {
        uint64_t word = pattern_word(offset / 8);
        size_t piece = 8;
        if (offset % 8 == 0 && len >= 8) {
            memcpy(bytes, &word, 8);
        } else {
            piece = pattern_piece(len, offset);
            memcpy(bytes, (const uint8_t *)&word + offset % 8, piece);
        }
        bytes += piece;
        offset += piece;
        len -= piece;
    }
}

static inline bool pattern_matches(const uint8_t *bytes, size_t len, uint64_t offset)
{
    uint64_t difference = 0;
    while (len > 0) {
        uint64_t word = pattern_word(offset / 8), found = word;
        size_t piece = 8;
        if (offset % 8 == 0 && len >= 8) {
            memcpy(&found, bytes, 8);
        } else {
            piece = pattern_piece(len, offset);
            memcpy((uint8_t *)&found + offset % 8, bytes, piece);
        }
        difference |= found ^ word;
        bytes += piece;
        offset += piece;
        len -= piece;
    }
    return difference == 0;
}

#endif
