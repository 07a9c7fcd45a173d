/* The family of an address, and the one that two things have in common. */
#ifndef MN_FAMILY_H
#define MN_FAMILY_H

#include "base/address.h"

/* Returns the family of an address. All zeros says nothing about it, 0.0.0.0 does. */
static inline enum mnet_family mn_family_of(struct mnet_address address)
{
    if (mn_address_is_ipv4(&address))
        return MNET_FAMILY_IPV4;
    return mn_address_is_any(&address) ? MNET_FAMILY_ANY : MNET_FAMILY_IPV6;
}

/* Returns true if something of family `a` meets something of family `b`. */
static inline bool mn_families_meet(enum mnet_family a, enum mnet_family b)
{
    return a == b || a == MNET_FAMILY_ANY || b == MNET_FAMILY_ANY;
}

/* Takes the family that both have in common. Returns false if there is none. */
static inline bool mn_family_narrow(enum mnet_family *family, enum mnet_family other)
{
    bool common = mn_families_meet(*family, other);
    if (*family == MNET_FAMILY_ANY)
        *family = other;
    return common;
}

#endif
