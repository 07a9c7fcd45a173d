/* Kinds of IPv4 addresses, in numbers of host order: all that can be said of an address without
 * knowing a network. */
#ifndef MN_IPV4_ADDRESS_H
#define MN_IPV4_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#define MN_IPV4_LIMITED_BROADCAST UINT32_C(0xffffffff)

/* 127.0.0.0/8: stays inside a host (RFC 1122 3.2.1.3 (g)). */
static inline bool mn_ipv4_is_loopback(uint32_t address)
{
    return address >> 24 == 127;
}

/* 224.0.0.0/4 (RFC 1112 4). */
static inline bool mn_ipv4_is_multicast(uint32_t address)
{
    return address >> 28 == 0xe;
}

/* 0.0.0.0/8: no host's address (RFC 1122 3.2.1.3 (a) and (b)). */
static inline bool mn_ipv4_is_this_network(uint32_t address)
{
    return address >> 24 == 0;
}

/* Returns true if one host on a link can have the address (RFC 1122 3.2.1.3). All of 224.0.0.0/3
 * are groups, reserved (RFC 6890 2.2.2: neither source nor destination), or the limited
 * broadcast. */
static inline bool mn_ipv4_is_host(uint32_t address)
{
    return !mn_ipv4_is_this_network(address) && !mn_ipv4_is_loopback(address) && address >> 29 != 7;
}

/* Returns true if one host of a network whose prefix has `length` bits can have the address:
 * neither the network's own number nor its broadcast address. Networks of /31 (RFC 3021) and /32
 * have none. */
static inline bool mn_ipv4_is_host_of(uint32_t address, unsigned length)
{
    uint32_t part = length >= 31 ? 0 : UINT32_MAX >> length; /* the host's part of the address */
    return mn_ipv4_is_host(address) && (part == 0 || ((address & part) != 0 && (address & part) != part));
}

#endif
