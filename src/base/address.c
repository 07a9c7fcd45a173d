/* Addresses as values: families, comparison, prefixes. Their texts are in address_text.c. */
#include "base/address.h"

#include <string.h>

#include "base/base.h"

#define MAPPED UINT64_C(0xffff) /* RFC 4291 2.5.5.2: 80 zeros, 16 ones, and the IPv4 address */

/* Returns the number in network order, or back in host order. */
static inline uint64_t big_endian(uint64_t number)
{
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? number : __builtin_bswap64(number);
}

/* An address is written, read and compared in two words, because this happens several times for
 * each packet. */
struct words {
    uint64_t first, second;
};

static inline struct words words_of(const struct mnet_address *address)
{
    struct words words;
    memcpy(&words, address->bytes, sizeof words);
    return words;
}

struct mnet_address mnet_ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return mnet_address_from_ipv4((uint32_t)a << 24 | (uint32_t)b << 16 | (uint32_t)c << 8 | d);
}

struct mnet_address mnet_address_from_ipv4(uint32_t value)
{
    struct words words = {0, big_endian(MAPPED << 32 | value)};
    struct mnet_address address;
    memcpy(address.bytes, &words, sizeof words);
    address.zone = 0;
    return address;
}

uint32_t mn_address_to_ipv4(const struct mnet_address *address)
{
    return mn_address_is_ipv4(address) ? (uint32_t)big_endian(words_of(address).second) : 0;
}

bool mn_address_is_ipv4(const struct mnet_address *address)
{
    struct words words = words_of(address);
    return words.first == 0 && big_endian(words.second) >> 32 == MAPPED;
}

bool mn_address_is_any(const struct mnet_address *address)
{
    struct words words = words_of(address);
    return words.first == 0 && (words.second == 0 || big_endian(words.second) == MAPPED << 32);
}

bool mn_address_is_multicast(const struct mnet_address *address)
{
    /* RFC 1112 4 and RFC 4291 2.7 */
    return mn_address_is_ipv4(address) ? address->bytes[12] >> 4 == 0xe : address->bytes[0] == 0xff;
}

bool mn_address_can_have_zone(const struct mnet_address *address)
{
    /* RFC 4291 2.5.6, and 2.7: the scopes 1 (interface-local) and 2 (link-local) of groups */
    unsigned first = address->bytes[0], second = address->bytes[1];
    if (first == 0xff)
        return (second & 0xf) == 1 || (second & 0xf) == 2;
    return first == 0xfe && second >> 6 == 2;
}

bool mn_address_equal(const struct mnet_address *a, const struct mnet_address *b)
{
    struct words x = words_of(a), y = words_of(b);
    return ((x.first ^ y.first) | (x.second ^ y.second) | (a->zone ^ b->zone)) == 0;
}

bool mn_endpoint_equal(const struct mnet_endpoint *a, const struct mnet_endpoint *b)
{
    return a->port == b->port && mn_address_equal(&a->address, &b->address);
}

bool mn_prefix_contains(const struct mnet_prefix *prefix, const struct mnet_address *address)
{
    const struct mnet_address *network = &prefix->address;
    bool ipv4 = mn_address_is_ipv4(network);
    if (ipv4 != mn_address_is_ipv4(address) || prefix->length > (ipv4 ? 32 : 128))
        return false;
    if (network->zone != 0 && network->zone != address->zone)
        return false;
    unsigned bits = prefix->length + (ipv4 ? 96u : 0u), whole = bits / 8;
    if (memcmp(network->bytes, address->bytes, whole) != 0)
        return false;
    /* The mask of the byte in which the prefix ends; 0 if it ends between two bytes. */
    uint8_t mask = (uint8_t)(0xff00 >> bits % 8);
    return mask == 0 || ((network->bytes[whole] ^ address->bytes[whole]) & mask) == 0;
}

/* ---- Of values: mnet/address.h ---- */

uint32_t mnet_address_to_ipv4(struct mnet_address address)
{
    return mn_address_to_ipv4(&address);
}

bool mnet_address_is_ipv4(struct mnet_address address)
{
    return mn_address_is_ipv4(&address);
}

bool mnet_address_is_any(struct mnet_address address)
{
    return mn_address_is_any(&address);
}

bool mnet_address_is_multicast(struct mnet_address address)
{
    return mn_address_is_multicast(&address);
}

bool mnet_address_can_have_zone(struct mnet_address address)
{
    return mn_address_can_have_zone(&address);
}

bool mnet_address_equal(struct mnet_address a, struct mnet_address b)
{
    return mn_address_equal(&a, &b);
}

bool mnet_endpoint_equal(struct mnet_endpoint a, struct mnet_endpoint b)
{
    return mn_endpoint_equal(&a, &b);
}

bool mnet_prefix_contains(struct mnet_prefix prefix, struct mnet_address address)
{
    return mn_prefix_contains(&prefix, &address);
}
