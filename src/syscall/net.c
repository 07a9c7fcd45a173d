/* Calls on sockets: those of AF_UNIX, or of src/socket. */
#include "socket/socket.h"
#include "syscall/calls.h"
#include "syscall/unix.h"

MN_CALL(socket)
{
    struct mn_system *system = thread->system;
    if (argument[0] == MN_AF_UNIX)
        return mn_unix_socket(thread, (int)argument[1], (int)argument[2]);
    if (argument[0] != MNET_AF_INET && argument[0] != MNET_AF_INET6) {
        (void)mn_missing(thread, 41, "of that family");
        return -MNET_EAFNOSUPPORT;
    }
    if (system->stack == NULL)
        return -MNET_ENETDOWN;
    return mnet_socket_open(system->descriptors, (int)argument[0], (int)argument[1], (int)argument[2]);
}

/* Gives the reference back, and passes the result on. */
static int64_t end(struct mn_unix *socket, int64_t result)
{
    mn_unix_release(socket);
    return result;
}

MN_CALL(bind)
{
    struct mn_unix *socket = mn_unix_hold(thread->system, (int)argument[0]);
    if (socket != NULL)
        return end(socket, mn_unix_bind(socket, mn_pointer(argument[1]), argument[2]));
    return mnet_socket_bind(thread->system->descriptors, (int)argument[0], mn_pointer(argument[1]),
                            (uint32_t)argument[2]);
}

MN_CALL(listen)
{
    struct mn_unix *socket = mn_unix_hold(thread->system, (int)argument[0]);
    if (socket != NULL)
        return end(socket, mn_unix_listen(socket, (int)argument[1]));
    return mnet_socket_listen(thread->system->descriptors, (int)argument[0], (int)argument[1]);
}

MN_CALL(accept4)
{
    struct mn_unix *socket = mn_unix_hold(thread->system, (int)argument[0]);
    if (socket != NULL)
        return end(socket,
                   mn_unix_accept(socket, mn_pointer(argument[1]), mn_pointer(argument[2]), (uint32_t)argument[3]));
    return mnet_socket_accept4(thread->system->descriptors, (int)argument[0], mn_pointer(argument[1]),
                               mn_pointer(argument[2]), (int)argument[3]);
}

MN_CALL(accept)
{
    const uint64_t same[] = {argument[0], argument[1], argument[2], 0};
    return mn_call_accept4(thread, same);
}

MN_CALL(connect)
{
    struct mn_unix *socket = mn_unix_hold(thread->system, (int)argument[0]);
    if (socket != NULL)
        return end(socket, mn_unix_connect(socket, mn_pointer(argument[1]), argument[2]));
    return mnet_socket_connect(thread->system->descriptors, (int)argument[0], mn_pointer(argument[1]),
                               (uint32_t)argument[2]);
}

MN_CALL(shutdown)
{
    struct mn_unix *socket = mn_unix_hold(thread->system, (int)argument[0]);
    if (socket != NULL)
        return end(socket, mn_unix_shutdown(socket, (int)argument[1]));
    return mnet_socket_shutdown(thread->system->descriptors, (int)argument[0], (int)argument[1]);
}

MN_CALL(getsockname)
{
    struct mn_unix *socket = mn_unix_hold(thread->system, (int)argument[0]);
    if (socket != NULL)
        return end(socket, mn_unix_names(socket, false, mn_pointer(argument[1]), mn_pointer(argument[2])));
    return mnet_socket_getsockname(thread->system->descriptors, (int)argument[0], mn_pointer(argument[1]),
                                   mn_pointer(argument[2]));
}

MN_CALL(getpeername)
{
    struct mn_unix *socket = mn_unix_hold(thread->system, (int)argument[0]);
    if (socket != NULL)
        return end(socket, mn_unix_names(socket, true, mn_pointer(argument[1]), mn_pointer(argument[2])));
    return mnet_socket_getpeername(thread->system->descriptors, (int)argument[0], mn_pointer(argument[1]),
                                   mn_pointer(argument[2]));
}

/* ---- Messages ---- */

static int64_t send(struct mn_thread *thread, uint64_t fd, const struct mnet_msghdr *header, uint64_t flags)
{
    struct mn_unix *socket = mn_unix_hold(thread->system, (int)fd);
    if (socket == NULL)
        return mnet_socket_sendmsg(thread->system->descriptors, (int)fd, header, (int)flags);
    return end(socket, mn_unix_send(socket, header, (int)flags));
}

static int64_t receive(struct mn_thread *thread, uint64_t fd, struct mnet_msghdr *header, uint64_t flags)
{
    struct mn_unix *socket = mn_unix_hold(thread->system, (int)fd);
    if (socket != NULL)
        return end(socket, mn_unix_receive(socket, header, (int)flags));
    return mnet_socket_recvmsg(thread->system->descriptors, (int)fd, header, (int)flags);
}

MN_CALL(sendto)
{
    struct mnet_iovec piece = {mn_pointer(argument[1]), argument[2]};
    const struct mnet_msghdr header = {.msg_name = mn_pointer(argument[4]),
                                       .msg_namelen = argument[4] != 0 ? (uint32_t)argument[5] : 0,
                                       .msg_iov = &piece,
                                       .msg_iovlen = 1};
    return send(thread, argument[0], &header, argument[3]);
}

MN_CALL(recvfrom)
{
    struct mnet_iovec piece = {mn_pointer(argument[1]), argument[2]};
    struct mnet_msghdr header = {.msg_name = mn_pointer(argument[4]), .msg_iov = &piece, .msg_iovlen = 1};
    uint32_t *len = mn_pointer(argument[5]);
    if (header.msg_name != NULL && len == NULL)
        return -MNET_EFAULT;
    if (header.msg_name != NULL)
        header.msg_namelen = *len;
    int64_t got = receive(thread, argument[0], &header, argument[3]);
    if (got >= 0 && header.msg_name != NULL)
        *len = header.msg_namelen;
    return got;
}

MN_CALL(sendmsg)
{
    return send(thread, argument[0], mn_pointer(argument[1]), argument[2]);
}

MN_CALL(recvmsg)
{
    return receive(thread, argument[0], mn_pointer(argument[1]), argument[2]);
}

#define MSG_WAITFORONE 0x10000u

/* struct mmsghdr. */
struct several {
    struct mnet_msghdr header;
    uint32_t len;
};

/* Sends or receives one after the other. Only the first one waits, as with MSG_WAITFORONE. */
static int64_t for_several(struct mn_thread *thread, const uint64_t *argument, bool sends)
{
    struct several *message = mn_pointer(argument[1]);
    int64_t count = 0;
    for (; count < (int64_t)(uint32_t)argument[2]; count++, message++) {
        uint64_t flags = argument[3] & ~(uint64_t)MSG_WAITFORONE;
        if (count > 0 && !sends)
            flags |= MNET_MSG_DONTWAIT;
        int64_t done = sends ? send(thread, argument[0], &message->header, flags)
                             : receive(thread, argument[0], &message->header, flags);
        if (done < 0)
            return count > 0 ? count : done;
        MN_DEBUG_ASSERT(done <= UINT32_MAX);
        message->len = (uint32_t)done;
    }
    return count;
}

MN_CALL(sendmmsg)
{
    return for_several(thread, argument, true);
}

MN_CALL(recvmmsg)
{
    return for_several(thread, argument, false);
}

MN_CALL(getsockopt)
{
    struct mn_unix *socket = mn_unix_hold(thread->system, (int)argument[0]);
    if (socket != NULL)
        return end(socket, mn_unix_getsockopt(socket, (int)argument[1], (int)argument[2], mn_pointer(argument[3]),
                                              mn_pointer(argument[4])));
    return mnet_socket_getsockopt(thread->system->descriptors, (int)argument[0], (int)argument[1], (int)argument[2],
                                  mn_pointer(argument[3]), mn_pointer(argument[4]));
}

MN_CALL(setsockopt)
{
    struct mn_unix *socket = mn_unix_hold(thread->system, (int)argument[0]);
    if (socket != NULL)
        return end(socket, mn_unix_setsockopt(socket, (int)argument[1], (int)argument[2], mn_pointer(argument[3]),
                                              argument[4]));
    return mnet_socket_setsockopt(thread->system->descriptors, (int)argument[0], (int)argument[1], (int)argument[2],
                                  mn_pointer(argument[3]), (uint32_t)argument[4]);
}
