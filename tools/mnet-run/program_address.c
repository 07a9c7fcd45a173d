/* Socket addresses in the program's memory. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/base.h"
#include "tools/mnet-run/run.h"

/* An address of a link has the number of the program's interface; see interfaces.c. */
uint16_t run_zone_of(uint32_t scope)
{
    return scope > RUN_INTERFACE_ZONE && scope <= UINT16_MAX ? (uint16_t)(scope - RUN_INTERFACE_ZONE) : 0;
}

static struct mnet_endpoint from_ipv4(const struct sockaddr_in *address)
{
    return (struct mnet_endpoint){mnet_address_from_ipv4(ntohl(address->sin_addr.s_addr)), ntohs(address->sin_port)};
}

static struct mnet_endpoint from_ipv6(const struct sockaddr_in6 *address)
{
    struct mnet_endpoint endpoint = {.port = ntohs(address->sin6_port)};
    memcpy(endpoint.address.bytes, &address->sin6_addr, sizeof endpoint.address.bytes);
    if (mnet_address_can_have_zone(endpoint.address))
        endpoint.address.zone = run_zone_of(address->sin6_scope_id);
    return endpoint;
}

int run_read_address(const struct runner *run, const struct run_call *call, uint64_t address, uint64_t len, int family,
                     struct mnet_endpoint *endpoint)
{
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } name = {0};
    size_t need = family == AF_INET ? sizeof name.ipv4 : offsetof(struct sockaddr_in6, sin6_scope_id);
    if ((int)len < 0 || (uint32_t)len > sizeof(struct sockaddr_storage) || (uint32_t)len < sizeof name.any.sa_family)
        return -EINVAL;
    if (!run_read(run, call, address, &name, MN_MIN((uint32_t)len, sizeof name)))
        return -EFAULT;
    if (name.any.sa_family == AF_UNSPEC)
        return RUN_NO_FAMILY;
    if ((uint32_t)len < need)
        return -EINVAL;
    if (name.any.sa_family != family)
        return -EAFNOSUPPORT;
    *endpoint = family == AF_INET ? from_ipv4(&name.ipv4) : from_ipv6(&name.ipv6);
    return 0;
}

bool run_is_loopback(struct mnet_address address)
{
    const struct mnet_address loopback = {.bytes = {[15] = 1}};
    if (mnet_address_is_ipv4(address))
        return mnet_address_to_ipv4(address) >> 24 == 127;
    return mnet_address_equal(address, loopback);
}

bool run_own_address(const struct runner *run, struct mnet_address address)
{
    struct mnet_stack_address own[RUN_ADDRESSES_MAX];
    if (mnet_address_is_any(address) || run_is_loopback(address))
        return true;
    unsigned count = mnet_stack_addresses(run->stack, own, RUN_ADDRESSES_MAX);
    for (unsigned i = 0; i < MN_MIN(count, RUN_ADDRESSES_MAX); i++) {
        address.zone = own[i].prefix.address.zone;
        if (mnet_address_equal(address, own[i].prefix.address))
            return true;
    }
    return false;
}

static socklen_t to_ipv4(struct mnet_endpoint endpoint, struct sockaddr_in *address)
{
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(endpoint.port)};
    address->sin_addr.s_addr = htonl(mnet_address_to_ipv4(endpoint.address));
    return sizeof *address;
}

static socklen_t to_ipv6(struct mnet_endpoint endpoint, struct sockaddr_in6 *address)
{
    *address = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(endpoint.port)};
    memcpy(&address->sin6_addr, endpoint.address.bytes, sizeof address->sin6_addr);
    if (mnet_address_can_have_zone(endpoint.address))
        address->sin6_scope_id = endpoint.address.zone + RUN_INTERFACE_ZONE;
    return sizeof *address;
}

int run_write_name(const struct runner *run, const struct run_call *call, const void *name, socklen_t size,
                   uint64_t address, uint64_t len_address)
{
    int room;
    if (address == 0)
        return 0;
    if (!run_read(run, call, len_address, &room, sizeof room))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    const struct run_piece pieces[] = {
        {address, name, MN_MIN((socklen_t)room, size)},
        {len_address, &size, sizeof size},
    };
    return run_write_pieces(run, call, pieces, MN_COUNT_OF(pieces)) ? 0 : -EFAULT;
}

int run_write_address(const struct runner *run, const struct run_call *call, struct mnet_endpoint endpoint, int family,
                      uint64_t address, uint64_t len_address)
{
    union {
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } name;
    socklen_t size = family == AF_INET ? to_ipv4(endpoint, &name.ipv4) : to_ipv6(endpoint, &name.ipv6);
    return run_write_name(run, call, &name, size, address, len_address);
}
