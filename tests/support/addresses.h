/* Addresses and prefixes from text that must be valid. Tests include cmocka.h before it. */
#ifndef MN_TEST_ADDRESSES_H
#define MN_TEST_ADDRESSES_H

#include <mnet/address.h>

static inline struct mnet_address address(const char *text)
{
    struct mnet_address parsed;
    assert_int_equal(mnet_address_parse(text, &parsed), 0);
    return parsed;
}

static inline struct mnet_prefix prefix(const char *text)
{
    struct mnet_prefix parsed;
    assert_int_equal(mnet_prefix_parse(text, &parsed), 0);
    return parsed;
}

#endif
