/* Waiting for descriptors: poll, select, epoll, those of src/socket. Masks of signals have no
 * effect: a signal comes from the program itself, which waits. */
#include "socket/socket.h"
#include "syscall/calls.h"

/* A deadline by a time from now on; a time of 0 is not to wait. */
static uint64_t deadline_of(const struct mn_system *system, const struct mn_timespec *time)
{
    if (time != NULL && time->seconds == 0 && time->nanoseconds == 0)
        return 0;
    return mn_deadline_after(system, time);
}

MN_CALL(poll)
{
    return mnet_socket_poll(thread->system->descriptors, mn_pointer(argument[0]), (unsigned)argument[1],
                            mn_deadline_ms(thread->system, (int)argument[2]));
}

MN_CALL(ppoll)
{
    return mnet_socket_poll(thread->system->descriptors, mn_pointer(argument[0]), (unsigned)argument[1],
                            deadline_of(thread->system, mn_pointer(argument[2])));
}

MN_CALL(pselect6)
{
    return mnet_socket_select(thread->system->descriptors, (int)argument[0], mn_pointer(argument[1]),
                              mn_pointer(argument[2]), mn_pointer(argument[3]),
                              deadline_of(thread->system, mn_pointer(argument[4])));
}

MN_CALL(select)
{
    struct mn_timespec time = {0};
    if (argument[4] != 0) {
        const struct mnet_timeval *timeout = mn_pointer(argument[4]);
        time = (struct mn_timespec){timeout->tv_sec, timeout->tv_usec * (int64_t)MNET_MICROSECOND};
    }
    return mnet_socket_select(thread->system->descriptors, (int)argument[0], mn_pointer(argument[1]),
                              mn_pointer(argument[2]), mn_pointer(argument[3]),
                              deadline_of(thread->system, argument[4] != 0 ? &time : NULL));
}

MN_CALL(epoll_create)
{
    return (int)argument[0] <= 0 ? -MNET_EINVAL : mnet_socket_epoll_create(thread->system->descriptors);
}

MN_CALL(epoll_create1)
{
    (void)argument;
    return mnet_socket_epoll_create(thread->system->descriptors);
}

MN_CALL(epoll_ctl)
{
    return mnet_socket_epoll_ctl(thread->system->descriptors, (int)argument[0], (int)argument[1], (int)argument[2],
                                 mn_pointer(argument[3]));
}

MN_CALL(epoll_wait)
{
    return mnet_socket_epoll_wait(thread->system->descriptors, (int)argument[0], mn_pointer(argument[1]),
                                  (int)argument[2], mn_deadline_ms(thread->system, (int)argument[3]));
}

MN_CALL(epoll_pwait)
{
    return mn_call_epoll_wait(thread, argument);
}
