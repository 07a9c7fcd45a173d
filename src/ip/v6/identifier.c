#include "ip/v6/identifier.h"

#include <string.h>

#include "base/base.h"

bool mn_identifier_equal(struct mn_identifier a, struct mn_identifier b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

bool mn_identifier_is_reserved(struct mn_identifier identifier)
{
    static const struct mn_identifier routers = {{0}};
    static const uint8_t iana[5] = {0x02, 0x00, 0x5e, 0xff, 0xfe};
    static const uint8_t anycast[7] = {0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const uint8_t *bytes = identifier.bytes;
    return mn_identifier_equal(identifier, routers) || memcmp(bytes, iana, sizeof iana) == 0 ||
           (memcmp(bytes, anycast, sizeof anycast) == 0 && bytes[7] >= 0x80);
}

static bool is_unusable(struct mn_identifier identifier, struct mn_identifiers taken)
{
    for (unsigned i = 0; i < taken.count; i++)
        if (mn_identifier_equal(identifier, taken.all[i]))
            return true;
    return mn_identifier_is_reserved(identifier);
}

static struct mn_identifier from_number(uint64_t number)
{
    struct mn_identifier identifier;
    for (unsigned i = 0; i < sizeof identifier.bytes; i++)
        identifier.bytes[i] = (uint8_t)(number >> (56 - 8 * i));
    return identifier;
}

/* `address` without the bits behind the first `length`. */
static struct mnet_address masked(struct mnet_address address, unsigned length)
{
    for (unsigned i = 0; i < sizeof address.bytes; i++) {
        unsigned bits = length > 8 * i ? MN_MIN(length - 8 * i, 8u) : 0;
        address.bytes[i] &= (uint8_t)(0xff00 >> bits);
    }
    return address;
}

/* The arguments of F one behind another, each of variable size with its size in front, so that no
 * two sets of arguments give the same bytes. */
struct identifier_arguments {
    uint8_t bytes[16 + 2 + 2 * (1 + MN_IDENTIFIER_NAME_MAX)];
    size_t len;
};

static void append(struct identifier_arguments *arguments, const void *bytes, size_t len)
{
    MN_ASSERT(len <= sizeof arguments->bytes - arguments->len);
    if (len > 0)
        memcpy(arguments->bytes + arguments->len, bytes, len);
    arguments->len += len;
}

static void append_name(struct identifier_arguments *arguments, struct mn_identifier_name name)
{
    uint8_t len = (uint8_t)MN_MIN(name.len, MN_IDENTIFIER_NAME_MAX);
    append(arguments, &len, 1);
    append(arguments, name.bytes, len);
}

/* F of RFC 7217 5 (IID-5-1) */
static struct mn_identifier opaque(const struct mn_identifier_origin *origin, struct mnet_prefix prefix,
                                   uint8_t dad_counter)
{
    struct identifier_arguments arguments = {.len = 0};
    struct mnet_address network = masked(prefix.address, prefix.length);
    append(&arguments, network.bytes, sizeof network.bytes);
    append(&arguments, &prefix.length, 1);
    append(&arguments, &dad_counter, 1);
    append_name(&arguments, origin->interface);
    append_name(&arguments, origin->network);
    return from_number(mn_siphash24(&origin->secret, arguments.bytes, arguments.len));
}

struct mn_identifier mn_identifier_make_stable(const struct mn_identifier_origin *origin, struct mnet_prefix prefix,
                                               struct mn_identifiers taken, uint8_t *dad_counter)
{
    MN_ASSERT(prefix.length <= 128 && taken.count < UINT8_MAX);
    struct mn_identifier identifier = opaque(origin, prefix, *dad_counter);
    /* IID-5-7. All but a few of 256 values can be used, so this ends. */
    for (unsigned tries = 0; is_unusable(identifier, taken) && tries <= UINT8_MAX; tries++)
        identifier = opaque(origin, prefix, ++*dad_counter);
    return identifier;
}

struct mn_identifier mn_identifier_make_temporary(struct mn_random *random, struct mn_identifiers taken)
{
    struct mn_identifier identifier = from_number(mn_random_u64(random));
    while (is_unusable(identifier, taken)) /* TEMP-3.3-1; the odds are below 2^-30 each time */
        identifier = from_number(mn_random_u64(random));
    return identifier;
}

struct mn_identifier mn_identifier_from_mac(struct mn_mac mac)
{
    const uint8_t *m = mac.bytes;
    /* The universal/local bit is inverted. */
    return (struct mn_identifier){{m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]}};
}

struct mn_identifier mn_identifier_of(struct mnet_address address)
{
    struct mn_identifier identifier;
    memcpy(identifier.bytes, address.bytes + 8, sizeof identifier.bytes);
    return identifier;
}

struct mnet_address mn_identifier_join(struct mnet_prefix prefix, struct mn_identifier identifier)
{
    MN_ASSERT(prefix.length <= 128 - MN_IDENTIFIER_BITS);
    struct mnet_address address = masked(prefix.address, prefix.length);
    memcpy(address.bytes + 8, identifier.bytes, sizeof identifier.bytes);
    return address;
}
