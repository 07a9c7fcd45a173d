/* The calls on sockets that are the same for TCP and UDP: names and messages. */
#include <string.h>

#include "socket/socket.h"

int mnet_socket_bind(struct mnet_sockets *sockets, int fd, const void *address, uint32_t len)
{
    struct mn_socket *socket;
    struct mnet_endpoint local;
    int error = mn_socket_hold(sockets, fd, &socket);
    if (error < 0)
        return error;
    error = mn_sockaddr_read(socket, address, len, false, &local);
    bool is_ipv4 = error == 0 && mnet_address_is_ipv4(local.address);
    if (mn_socket_family(socket) == MNET_FAMILY_IPV6 && is_ipv4)
        error = -MNET_EINVAL;
    if (error == 0)
        error = socket->ops->bind(socket, local);
    if (error == 0 && !is_ipv4 && !mnet_address_is_any(local.address))
        socket->options.v6only = true; /* as Linux has it */
    mn_socket_release(socket);
    return error;
}

int mnet_socket_connect(struct mnet_sockets *sockets, int fd, const void *address, uint32_t len)
{
    struct mn_socket *socket;
    struct mnet_endpoint remote;
    uint16_t family;
    int error = mn_socket_hold(sockets, fd, &socket);
    if (error < 0)
        return error;
    if (address == NULL || len < sizeof family) {
        error = -MNET_EINVAL;
    } else {
        memcpy(&family, address, sizeof family);
        if (family == MNET_AF_UNSPEC)
            error = socket->ops->connect(socket, NULL, 0);
        else
            error = socket->ops->connect(socket, &remote, mn_sockaddr_read(socket, address, len, true, &remote));
    }
    mn_socket_release(socket);
    return error;
}

int mnet_socket_shutdown(struct mnet_sockets *sockets, int fd, int how)
{
    struct mn_socket *socket;
    int error = mn_socket_hold(sockets, fd, &socket);
    if (error < 0)
        return error;
    error = how < MNET_SHUT_RD || how > MNET_SHUT_RDWR ? -MNET_EINVAL : socket->ops->shutdown(socket, how);
    mn_socket_release(socket);
    return error;
}

int mnet_socket_getsockname(struct mnet_sockets *sockets, int fd, void *address, uint32_t *len)
{
    struct mn_socket *socket;
    int error = mn_socket_hold(sockets, fd, &socket);
    if (error < 0)
        return error;
    struct mnet_endpoint local = socket->local;
    if (socket->udp != NULL && socket->phase == MN_PHASE_CONNECTED)
        local.address = mnet_udp_source(socket->udp, NULL);
    error = mn_sockaddr_write(socket, local, address, len);
    mn_socket_release(socket);
    return error;
}

int mnet_socket_getpeername(struct mnet_sockets *sockets, int fd, void *address, uint32_t *len)
{
    struct mn_socket *socket;
    struct mnet_endpoint remote;
    int error = mn_socket_hold(sockets, fd, &socket);
    if (error < 0)
        return error;
    error = socket->ops->peer(socket, &remote);
    if (error == 0)
        error = mn_sockaddr_write(socket, remote, address, len);
    mn_socket_release(socket);
    return error;
}

/* ---- Messages ---- */

/* Fills in the pieces and their length. */
static int gather(struct mn_message *message, struct mnet_iovec *pieces, size_t count)
{
    size_t total = 0;
    if (count > MNET_IOV_MAX)
        return -MNET_EMSGSIZE;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].iov_len > (size_t)PTRDIFF_MAX - total)
            return -MNET_EINVAL;
        if (pieces[i].iov_base == NULL && pieces[i].iov_len > 0)
            return -MNET_EFAULT;
        total += pieces[i].iov_len;
    }
    MN_DEBUG_ASSERT(total <= (size_t)PTRDIFF_MAX);
    message->pieces = pieces;
    message->count = count;
    message->len = total;
    return 0;
}

static ptrdiff_t send_on(struct mn_socket *socket, const struct mnet_msghdr *header, int flags)
{
    struct mn_message message = {.flags = flags,
                                 .control = header->msg_control,
                                 .control_len = header->msg_control != NULL ? header->msg_controllen : 0};
    int error = gather(&message, header->msg_iov, header->msg_iovlen);
    if (error < 0)
        return error;
    if (flags & MNET_MSG_OOB)
        return -MNET_EOPNOTSUPP;
    if (header->msg_name != NULL && header->msg_namelen > 0 && socket->ops->type == MNET_SOCK_DGRAM) {
        error = mn_sockaddr_read(socket, header->msg_name, header->msg_namelen, true, &message.remote);
        if (error < 0)
            return error;
        message.is_remote = true;
    }
    return socket->ops->send(socket, &message, mn_socket_deadline(socket, flags, socket->options.send_timeout_ns));
}

ptrdiff_t mnet_socket_sendmsg(struct mnet_sockets *sockets, int fd, const struct mnet_msghdr *message, int flags)
{
    struct mn_socket *socket;
    int error = mn_socket_hold(sockets, fd, &socket);
    if (error < 0)
        return error;
    ptrdiff_t sent = message == NULL ? -MNET_EFAULT : send_on(socket, message, flags);
    mn_socket_release(socket);
    return sent;
}

ptrdiff_t mnet_socket_sendto(struct mnet_sockets *sockets, int fd, const void *data, size_t len, int flags,
                             const void *address, uint32_t address_len)
{
    /* Neither piece nor name is written to. */
    struct mnet_iovec piece = {(void *)(uintptr_t)data, len};
    struct mnet_msghdr message = {.msg_name = (void *)(uintptr_t)address,
                                  .msg_namelen = address != NULL ? address_len : 0,
                                  .msg_iov = &piece,
                                  .msg_iovlen = 1};
    return mnet_socket_sendmsg(sockets, fd, &message, flags);
}

ptrdiff_t mnet_socket_send(struct mnet_sockets *sockets, int fd, const void *data, size_t len, int flags)
{
    return mnet_socket_sendto(sockets, fd, data, len, flags, NULL, 0);
}

static ptrdiff_t receive_on(struct mn_socket *socket, struct mnet_msghdr *header, int flags)
{
    struct mn_message message = {.flags = flags};
    int error = gather(&message, header->msg_iov, header->msg_iovlen);
    if (error < 0)
        return error;
    if (flags & MNET_MSG_OOB)
        return -MNET_EOPNOTSUPP;
    if (flags & MNET_MSG_ERRQUEUE)
        return -MNET_EAGAIN;
    ptrdiff_t got = socket->ops->receive(socket, &message,
                                         mn_socket_deadline(socket, flags, socket->options.receive_timeout_ns));
    if (got < 0)
        return got;
    header->msg_flags = message.result_flags;
    mn_control_write(socket, &message, header);
    if (!message.is_remote)
        header->msg_namelen = 0;
    else if (header->msg_name != NULL)
        mn_sockaddr_write(socket, message.remote, header->msg_name, &header->msg_namelen);
    return got;
}

ptrdiff_t mnet_socket_recvmsg(struct mnet_sockets *sockets, int fd, struct mnet_msghdr *message, int flags)
{
    struct mn_socket *socket;
    int error = mn_socket_hold(sockets, fd, &socket);
    if (error < 0)
        return error;
    ptrdiff_t got = message == NULL ? -MNET_EFAULT : receive_on(socket, message, flags);
    mn_socket_release(socket);
    return got;
}

ptrdiff_t mnet_socket_recvfrom(struct mnet_sockets *sockets, int fd, void *buffer, size_t len, int flags, void *address,
                               uint32_t *address_len)
{
    struct mnet_iovec piece = {buffer, len};
    struct mnet_msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (address != NULL && address_len == NULL)
        return -MNET_EFAULT;
    if (address != NULL) {
        message.msg_name = address;
        message.msg_namelen = *address_len;
    }
    ptrdiff_t got = mnet_socket_recvmsg(sockets, fd, &message, flags);
    if (got >= 0 && address != NULL)
        *address_len = message.msg_namelen;
    return got;
}

ptrdiff_t mnet_socket_recv(struct mnet_sockets *sockets, int fd, void *buffer, size_t len, int flags)
{
    return mnet_socket_recvfrom(sockets, fd, buffer, len, flags, NULL, NULL);
}

/* ---- Queues ---- */

enum queue_end {
    QUEUE_READABLE,
    QUEUE_QUEUED,
    QUEUE_UNSENT,
};

static int count_bytes(struct mn_socket *socket, enum queue_end queue)
{
    if (socket->udp != NULL && queue == QUEUE_READABLE) {
        socket->ops->ready(socket); /* after which no error is in front */
        if (!(mnet_udp_ready(socket->udp) & MNET_READABLE))
            return 0;
        ptrdiff_t len = mnet_udp_peek(socket->udp, NULL, 0, NULL, 0);
        return len > 0 ? (int)len : 0;
    }
    if (socket->phase == MN_PHASE_LISTENING)
        return -MNET_EINVAL;
    if (socket->flow == NULL)
        return 0;
    struct mnet_tcp_queued queued = mnet_tcp_queued(socket->flow);
    size_t bytes = queue == QUEUE_READABLE ? queued.unread
                   : queue == QUEUE_UNSENT ? queued.unsent
                                           : queued.unacked + queued.unsent;
    return bytes < INT32_MAX ? (int)bytes : INT32_MAX;
}

static int ask_queue(struct mnet_sockets *sockets, int fd, enum queue_end queue)
{
    struct mn_socket *socket;
    int error = mn_socket_hold(sockets, fd, &socket);
    if (error < 0)
        return error;
    int bytes = count_bytes(socket, queue);
    mn_socket_release(socket);
    return bytes;
}

int mnet_socket_readable_bytes(struct mnet_sockets *sockets, int fd)
{
    return ask_queue(sockets, fd, QUEUE_READABLE);
}

int mnet_socket_queued_bytes(struct mnet_sockets *sockets, int fd)
{
    return ask_queue(sockets, fd, QUEUE_QUEUED);
}

int mnet_socket_unsent_bytes(struct mnet_sockets *sockets, int fd)
{
    return ask_queue(sockets, fd, QUEUE_UNSENT);
}
