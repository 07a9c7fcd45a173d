/* Calls on sockets: those of src/socket. */
#include "socket/socket.h"
#include "syscall/calls.h"

#define AF_UNIX 1u

MN_CALL(socket)
{
    struct mn_system *system = thread->system;
    if (system->stack == NULL)
        return -MNET_ENETDOWN;
    if (argument[0] != MNET_AF_INET && argument[0] != MNET_AF_INET6) {
        (void)mn_missing(thread, 41, argument[0] == AF_UNIX ? "of the family AF_UNIX" : "of that family");
        return -MNET_EAFNOSUPPORT;
    }
    return mnet_socket_open(system->descriptors, (int)argument[0], (int)argument[1], (int)argument[2]);
}

MN_CALL(bind)
{
    return mnet_socket_bind(thread->system->descriptors, (int)argument[0], mn_pointer(argument[1]),
                            (uint32_t)argument[2]);
}

MN_CALL(listen)
{
    return mnet_socket_listen(thread->system->descriptors, (int)argument[0], (int)argument[1]);
}

MN_CALL(accept4)
{
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
    return mnet_socket_connect(thread->system->descriptors, (int)argument[0], mn_pointer(argument[1]),
                               (uint32_t)argument[2]);
}

MN_CALL(shutdown)
{
    return mnet_socket_shutdown(thread->system->descriptors, (int)argument[0], (int)argument[1]);
}

MN_CALL(getsockname)
{
    return mnet_socket_getsockname(thread->system->descriptors, (int)argument[0], mn_pointer(argument[1]),
                                   mn_pointer(argument[2]));
}

MN_CALL(getpeername)
{
    return mnet_socket_getpeername(thread->system->descriptors, (int)argument[0], mn_pointer(argument[1]),
                                   mn_pointer(argument[2]));
}

MN_CALL(sendto)
{
    return mnet_socket_sendto(thread->system->descriptors, (int)argument[0], mn_pointer(argument[1]), argument[2],
                              (int)argument[3], mn_pointer(argument[4]), (uint32_t)argument[5]);
}

MN_CALL(recvfrom)
{
    return mnet_socket_recvfrom(thread->system->descriptors, (int)argument[0], mn_pointer(argument[1]), argument[2],
                                (int)argument[3], mn_pointer(argument[4]), mn_pointer(argument[5]));
}

MN_CALL(sendmsg)
{
    return mnet_socket_sendmsg(thread->system->descriptors, (int)argument[0], mn_pointer(argument[1]),
                               (int)argument[2]);
}

MN_CALL(recvmsg)
{
    return mnet_socket_recvmsg(thread->system->descriptors, (int)argument[0], mn_pointer(argument[1]),
                               (int)argument[2]);
}

MN_CALL(getsockopt)
{
    return mnet_socket_getsockopt(thread->system->descriptors, (int)argument[0], (int)argument[1], (int)argument[2],
                                  mn_pointer(argument[3]), mn_pointer(argument[4]));
}

MN_CALL(setsockopt)
{
    return mnet_socket_setsockopt(thread->system->descriptors, (int)argument[0], (int)argument[1], (int)argument[2],
                                  mn_pointer(argument[3]), (uint32_t)argument[4]);
}
