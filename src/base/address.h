/* The functions of mnet/address.h for addresses that lie in memory anyway. A program passes
 * addresses as values, because that is simple; within mnet a pointer saves a copy of eighteen bytes
 * in each of some two hundred calls, and the code for it. */
#ifndef MN_ADDRESS_H
#define MN_ADDRESS_H

#include <mnet/address.h>

uint32_t mn_address_to_ipv4(const struct mnet_address *address);
bool mn_address_is_ipv4(const struct mnet_address *address);
bool mn_address_is_any(const struct mnet_address *address);
bool mn_address_is_multicast(const struct mnet_address *address);
bool mn_address_can_have_zone(const struct mnet_address *address);
bool mn_address_equal(const struct mnet_address *a, const struct mnet_address *b);
bool mn_endpoint_equal(const struct mnet_endpoint *a, const struct mnet_endpoint *b);
bool mn_prefix_contains(const struct mnet_prefix *prefix, const struct mnet_address *address);

#endif
