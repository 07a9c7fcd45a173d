/* Little-endian fields in memory that is shared with a device: the same function there and back. */
#ifndef MN_LITTLE_H
#define MN_LITTLE_H

#include <stdint.h>

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
static inline uint16_t mn_little16(uint16_t value)
{
    return __builtin_bswap16(value);
}
static inline uint32_t mn_little32(uint32_t value)
{
    return __builtin_bswap32(value);
}
static inline uint64_t mn_little64(uint64_t value)
{
    return __builtin_bswap64(value);
}
#else
static inline uint16_t mn_little16(uint16_t value)
{
    return value;
}
static inline uint32_t mn_little32(uint32_t value)
{
    return value;
}
static inline uint64_t mn_little64(uint64_t value)
{
    return value;
}
#endif

#endif
