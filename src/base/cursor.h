/* A bounds-checked cursor over bytes in network order. A read or write beyond the end does nothing
 * and marks the cursor as failed, and the read returns 0. So a parser reads a whole header and
 * checks `ok` once. */
#ifndef MN_CURSOR_H
#define MN_CURSOR_H

#include <string.h>

#include "base/base.h"

struct mn_reader {
    const uint8_t *at, *end;
    bool ok;
};

inline struct mn_reader mn_reader(const void *data, size_t len)
{
    return (struct mn_reader){data, (const uint8_t *)data + len, true};
}

inline size_t mn_reader_left(const struct mn_reader *r)
{
    return (size_t)(r->end - r->at);
}

/* Returns `len` bytes in place, or NULL. */
inline const uint8_t *mn_read(struct mn_reader *r, size_t len)
{
    if (MN_UNLIKELY(!r->ok || mn_reader_left(r) < len)) {
        r->ok = false;
        return NULL;
    }
    const uint8_t *bytes = r->at;
    r->at += len;
    return bytes;
}

inline uint8_t mn_read_u8(struct mn_reader *r)
{
    const uint8_t *b = mn_read(r, 1);
    return b == NULL ? 0 : b[0];
}

inline uint16_t mn_read_u16(struct mn_reader *r)
{
    const uint8_t *b = mn_read(r, 2);
    return b == NULL ? 0 : (uint16_t)(b[0] << 8 | b[1]);
}

inline uint32_t mn_read_u32(struct mn_reader *r)
{
    const uint8_t *b = mn_read(r, 4);
    return b == NULL ? 0 : (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Reads neighbouring fields at once. */
inline uint64_t mn_read_u64(struct mn_reader *r)
{
    const uint8_t *b = mn_read(r, 8);
    uint64_t word = 0;
    if (b != NULL)
        memcpy(&word, b, sizeof word);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? word : __builtin_bswap64(word);
}

struct mn_writer {
    uint8_t *at;
    size_t left;
    bool ok;
};

inline struct mn_writer mn_writer(void *data, size_t len)
{
    return (struct mn_writer){data, len, true};
}

inline uint8_t *mn_write(struct mn_writer *w, size_t len)
{
    if (MN_UNLIKELY(!w->ok || w->left < len)) {
        w->ok = false;
        return NULL;
    }
    uint8_t *bytes = w->at;
    w->at += len;
    w->left -= len;
    return bytes;
}

inline void mn_write_u8(struct mn_writer *w, uint8_t value)
{
    uint8_t *b = mn_write(w, 1);
    if (b != NULL)
        b[0] = value;
}

inline void mn_write_u16(struct mn_writer *w, uint16_t value)
{
    uint8_t *b = mn_write(w, 2);
    if (b != NULL) {
        b[0] = (uint8_t)(value >> 8);
        b[1] = (uint8_t)value;
    }
}

inline void mn_write_u32(struct mn_writer *w, uint32_t value)
{
    uint8_t *b = mn_write(w, 4);
    if (b != NULL) {
        b[0] = (uint8_t)(value >> 24);
        b[1] = (uint8_t)(value >> 16);
        b[2] = (uint8_t)(value >> 8);
        b[3] = (uint8_t)value;
    }
}

/* Writes neighbouring fields at once. */
inline void mn_write_u64(struct mn_writer *w, uint64_t value)
{
    uint8_t *b = mn_write(w, 8);
    uint64_t word = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? value : __builtin_bswap64(value);
    if (b != NULL)
        memcpy(b, &word, sizeof word);
}

inline void mn_write_bytes(struct mn_writer *w, const void *bytes, size_t len)
{
    uint8_t *b = mn_write(w, len);
    if (b != NULL)
        memcpy(b, bytes, len);
}

#endif
