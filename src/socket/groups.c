/* Multicast groups of UDP sockets. A socket remembers its groups, because a program may join one
 * before its socket has a port, and so an endpoint. */
#include <string.h>

#include "socket/socket.h"

/* The groups of one socket. */
struct mn_socket_groups {
    unsigned count;
    struct mnet_address list[MNET_UDP_GROUPS_MAX];
};

static int read_ipv4(const void *value, uint32_t len, struct mnet_address *group)
{
    struct mnet_ip_mreq in;
    if (len < sizeof in)
        return -MNET_EINVAL;
    memcpy(&in, value, sizeof in);
    const uint8_t *bytes = in.imr_multiaddr;
    *group = mnet_ipv4(bytes[0], bytes[1], bytes[2], bytes[3]);
    return 0;
}

static int read_ipv6(const void *value, uint32_t len, struct mnet_address *group)
{
    struct mnet_ipv6_mreq in;
    if (len < sizeof in)
        return -MNET_EINVAL;
    memcpy(&in, value, sizeof in);
    *group = MNET_ADDRESS_ANY;
    memcpy(group->bytes, in.ipv6mr_multiaddr, sizeof group->bytes);
    if (mnet_address_can_have_zone(*group))
        group->zone = (uint16_t)in.ipv6mr_interface;
    return 0;
}

/* Returns the place of the group in the list, or the length of the list. */
static unsigned find(const struct mn_socket_groups *groups, const struct mnet_address *group)
{
    unsigned i = 0;
    while (i < groups->count && !mnet_address_equal(groups->list[i], *group))
        i++;
    return i;
}

static int join(struct mn_socket *socket, const struct mnet_address *group)
{
    struct mn_socket_groups *groups = socket->groups;
    MN_DEBUG_ASSERT(groups->count <= MNET_UDP_GROUPS_MAX);
    if (find(groups, group) < groups->count)
        return -MNET_EADDRINUSE;
    if (groups->count == MNET_UDP_GROUPS_MAX)
        return -MNET_ENOBUFS;
    int error = socket->udp != NULL ? mnet_udp_join(socket->udp, *group) : MNET_OK;
    if (error == MNET_E_UNREACHABLE)
        return -MNET_ENODEV;
    /* MNET_E_INVALID: the endpoint is connected to the other family, so nothing can come now. */
    if (error < 0 && error != MNET_E_INVALID)
        return mn_errno(error, MNET_UNREACHABLE_NONE);
    groups->list[groups->count++] = *group;
    return 0;
}

static int leave(struct mn_socket *socket, const struct mnet_address *group)
{
    struct mn_socket_groups *groups = socket->groups;
    unsigned place = find(groups, group);
    if (place == groups->count)
        return -MNET_EADDRNOTAVAIL;
    groups->list[place] = groups->list[--groups->count];
    if (socket->udp != NULL)
        mnet_udp_leave(socket->udp, *group);
    return 0;
}

int mn_groups_change(struct mn_socket *socket, int level, bool joins, const void *value, uint32_t len)
{
    struct mnet_address group;
    bool ipv4 = level == MNET_IPPROTO_IP, is_stream = socket->ops->type == MNET_SOCK_STREAM;
    int error = ipv4 ? read_ipv4(value, len, &group) : read_ipv6(value, len, &group);
    if (is_stream && (ipv4 || error == 0))
        return -MNET_EPROTO;
    if (error < 0)
        return error;
    if ((joins || !ipv4) && !mnet_address_is_multicast(group))
        return -MNET_EINVAL;
    if (socket->groups == NULL)
        socket->groups = mn_sockets_alloc(socket->sockets, sizeof *socket->groups);
    if (socket->groups == NULL)
        return -MNET_ENOBUFS;
    return joins ? join(socket, &group) : leave(socket, &group);
}

void mn_groups_join_all(struct mn_socket *socket)
{
    for (unsigned i = 0; socket->groups != NULL && i < socket->groups->count; i++)
        (void)mnet_udp_join(socket->udp, socket->groups->list[i]);
}

void mn_groups_free(struct mn_socket *socket)
{
    if (socket->groups != NULL)
        mn_sockets_free(socket->sockets, socket->groups, sizeof *socket->groups);
    socket->groups = NULL;
}
