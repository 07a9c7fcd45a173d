/* Addresses as programs give them. A socket of AF_INET6 sees IPv4 as ::ffff:a.b.c.d, which is the
 * form of mnet's own addresses. */
#include <string.h>

#include "socket/socket.h"

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const uint8_t any[16];

/* The structures may be unaligned. */
static uint16_t port_of(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

enum mnet_family mn_socket_family(const struct mn_socket *socket)
{
    if (socket->domain == MNET_AF_INET)
        return MNET_FAMILY_IPV4;
    return socket->options.v6only ? MNET_FAMILY_IPV6 : MNET_FAMILY_ANY;
}

static int read_ipv4(const void *address, uint32_t len, struct mnet_endpoint *endpoint)
{
    struct mnet_sockaddr_in in;
    if (len < sizeof in)
        return -MNET_EINVAL;
    memcpy(&in, address, sizeof in);
    if (in.sin_family != MNET_AF_INET)
        return -MNET_EAFNOSUPPORT;
    memcpy(endpoint->address.bytes, mapped, sizeof mapped);
    memcpy(endpoint->address.bytes + sizeof mapped, in.sin_addr, sizeof in.sin_addr);
    endpoint->port = port_of((const uint8_t *)&in.sin_port);
    return 0;
}

int mn_sockaddr_read(const struct mn_socket *socket, const void *address, uint32_t len, bool destination,
                     struct mnet_endpoint *endpoint)
{
    struct mnet_sockaddr_in6 in6;
    uint16_t family;
    if (address == NULL || len < sizeof family)
        return -MNET_EINVAL;
    memcpy(&family, address, sizeof family);
    *endpoint = (struct mnet_endpoint){.port = 0};
    bool takes_ipv4 = destination && socket->ops->type == MNET_SOCK_DGRAM && family == MNET_AF_INET;
    if (socket->domain == MNET_AF_INET || takes_ipv4)
        return read_ipv4(address, len, endpoint);
    if (len < sizeof in6 - sizeof in6.sin6_scope_id)
        return -MNET_EINVAL;
    if (family != MNET_AF_INET6)
        return -MNET_EAFNOSUPPORT;
    in6.sin6_scope_id = 0;
    memcpy(&in6, address, len < sizeof in6 ? len : sizeof in6);
    memcpy(endpoint->address.bytes, in6.sin6_addr, 16);
    endpoint->port = port_of((const uint8_t *)&in6.sin6_port);
    if (mnet_address_can_have_zone(endpoint->address))
        endpoint->address.zone = (uint16_t)in6.sin6_scope_id;
    return 0;
}

/* Stores as much as fits, and the whole length. */
static int store(const void *from, uint32_t size, void *to, uint32_t *len)
{
    memcpy(to, from, *len < size ? *len : size);
    *len = size;
    return 0;
}

int mn_sockaddr_write(const struct mn_socket *socket, struct mnet_endpoint endpoint, void *address, uint32_t *len)
{
    const uint8_t port[2] = {(uint8_t)(endpoint.port >> 8), (uint8_t)endpoint.port};
    const uint8_t *bytes = endpoint.address.bytes;
    if (len == NULL || (int32_t)*len < 0)
        return -MNET_EINVAL;
    if (socket->domain == MNET_AF_INET) {
        struct mnet_sockaddr_in in = {.sin_family = MNET_AF_INET};
        memcpy(&in.sin_port, port, sizeof port);
        memcpy(in.sin_addr, bytes + sizeof mapped, sizeof in.sin_addr);
        return store(&in, sizeof in, address, len);
    }
    struct mnet_sockaddr_in6 in6 = {.sin6_family = MNET_AF_INET6, .sin6_scope_id = endpoint.address.zone};
    memcpy(&in6.sin6_port, port, sizeof port);
    memcpy(in6.sin6_addr, bytes, sizeof in6.sin6_addr);
    return store(&in6, sizeof in6, address, len);
}

struct mnet_address mn_socket_destination(const struct mn_socket *socket, struct mnet_address address)
{
    static const uint8_t loopback[16] = {[15] = 1};
    if (!mnet_address_is_any(address))
        return address;
    bool is_ipv4 = memcmp(address.bytes, any, sizeof any) != 0 || mnet_address_is_ipv4(socket->bound_address);
    if (socket->domain == MNET_AF_INET || is_ipv4)
        return mnet_ipv4(127, 0, 0, 1);
    memcpy(address.bytes, loopback, sizeof loopback);
    return address;
}
