/* Sockets as files. */
#include "socket/socket.h"

static void destroy(struct mnet_sockets *sockets, struct mn_file *file, bool linger)
{
    MN_DEBUG_ASSERT(file->kind == MN_FILE_SOCKET && file->references == 0 && mn_list_empty(&file->items));
    struct mn_socket *socket = MN_CONTAINER(file, struct mn_socket, file);
    MN_DEBUG_ASSERT(file->descriptors == 0 && socket->sockets == sockets);
    socket->ops->close(socket, linger);
    mn_sockets_free(sockets, socket, sizeof *socket);
}

static unsigned ready(struct mn_file *file)
{
    struct mn_socket *socket = MN_CONTAINER(file, struct mn_socket, file);
    return socket->ops->ready(socket);
}

struct mn_socket *mn_socket_new(struct mnet_sockets *sockets, const struct mn_socket_ops *ops, int domain, int flags)
{
    struct mn_socket *socket = mn_sockets_alloc(sockets, sizeof *socket);
    if (socket == NULL)
        return NULL;
    socket->file = (struct mn_file){.kind = MN_FILE_SOCKET, .references = 1, .destroy = destroy, .ready = ready};
    socket->sockets = sockets;
    socket->ops = ops;
    socket->domain = domain;
    socket->protocol = ops->protocol;
    socket->nonblocking = (flags & MNET_SOCK_NONBLOCK) != 0;
    socket->options.linger_s = -1;
    socket->options.ip[MN_IP_V4].group_loop = socket->options.ip[MN_IP_V6].group_loop = true;
    return socket;
}

int mn_socket_hold(struct mnet_sockets *sockets, int fd, struct mn_socket **socket)
{
    struct mn_file *file = mn_file_hold(sockets, fd);
    if (file == NULL)
        return -MNET_EBADF;
    if (file->kind != MN_FILE_SOCKET) {
        mn_file_release(sockets, file, false);
        return -MNET_ENOTSOCK;
    }
    *socket = MN_CONTAINER(file, struct mn_socket, file);
    return 0;
}

uint64_t mn_socket_deadline(const struct mn_socket *socket, int flags, uint64_t timeout_ns)
{
    if (socket->nonblocking || (flags & MNET_MSG_DONTWAIT) || mnet_self() == NULL)
        return 0;
    return timeout_ns == 0 ? MNET_NEVER : mnet_now() + timeout_ns;
}
