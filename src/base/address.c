/* Addresses as values: families, comparison, prefixes. Their texts are in address_text.c. */
#include <mnet/address.h>

#include <string.h>

/* RFC 4291 2.5.5.2 */
static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct mnet_address mnet_ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (struct mnet_address){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}};
}

struct mnet_address mnet_address_from_ipv4(uint32_t value)
{
    return mnet_ipv4((uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value);
}

uint32_t mnet_address_to_ipv4(struct mnet_address address)
{
    if (!mnet_address_is_ipv4(address))
        return 0;
    const uint8_t *b = address.bytes + 12;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

bool mnet_address_is_ipv4(struct mnet_address address)
{
    return memcmp(address.bytes, mapped, sizeof(mapped)) == 0;
}

bool mnet_address_is_any(struct mnet_address address)
{
    return mnet_address_equal(address, MNET_ADDRESS_ANY) || mnet_address_equal(address, mnet_ipv4(0, 0, 0, 0));
}

bool mnet_address_is_multicast(struct mnet_address address)
{
    /* RFC 1112 4 and RFC 4291 2.7 */
    return mnet_address_is_ipv4(address) ? address.bytes[12] >> 4 == 0xe : address.bytes[0] == 0xff;
}

bool mnet_address_equal(struct mnet_address a, struct mnet_address b)
{
    return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

bool mnet_endpoint_equal(struct mnet_endpoint a, struct mnet_endpoint b)
{
    return a.port == b.port && mnet_address_equal(a.address, b.address);
}

bool mnet_prefix_contains(struct mnet_prefix prefix, struct mnet_address address)
{
    bool ipv4 = mnet_address_is_ipv4(prefix.address);
    if (ipv4 != mnet_address_is_ipv4(address) || prefix.length > (ipv4 ? 32 : 128))
        return false;
    unsigned bits = prefix.length + (ipv4 ? 96u : 0u), whole = bits / 8;
    if (memcmp(prefix.address.bytes, address.bytes, whole) != 0)
        return false;
    /* The bits of the byte that the prefix ends in; none where it ends between two. */
    uint8_t mask = (uint8_t)(0xff00 >> bits % 8);
    return mask == 0 || ((prefix.address.bytes[whole] ^ address.bytes[whole]) & mask) == 0;
}
