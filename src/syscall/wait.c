/* Waiting for descriptors: poll, select, epoll, those of src/socket. */
#include <string.h>

#include "socket/socket.h"
#include "syscall/calls.h"
#include "syscall/signal_file.h"

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

/* A call that waits with another mask of signals, and its result if it need not wait. */
struct masked {
    struct mn_thread *thread;
    bool interrupted; /* signals are due already: it only looks */
};

static struct masked begin_masked(struct mn_thread *thread, uint64_t mask_address, uint64_t size)
{
    uint64_t mask;
    MN_DEBUG_ASSERT(!thread->restores_mask);
    if (mask_address == 0 || size != MN_SIG_SET_BYTES)
        return (struct masked){thread, false};
    memcpy(&mask, mn_pointer(mask_address), sizeof mask);
    mn_signal_mask_for_call(thread, mask);
    return (struct masked){thread, mn_signals_due(thread) != 0};
}

static uint64_t masked_deadline(const struct masked *masked, uint64_t deadline)
{
    return masked->interrupted ? 0 : deadline;
}

static int64_t end_masked(const struct masked *masked, int64_t found)
{
    return found == 0 && masked->interrupted ? -MNET_EINTR : found;
}

MN_CALL(ppoll)
{
    struct masked masked = begin_masked(thread, argument[3], argument[4]);
    uint64_t deadline = deadline_of(thread->system, mn_pointer(argument[2]));
    return end_masked(&masked, mnet_socket_poll(thread->system->descriptors, mn_pointer(argument[0]),
                                                (unsigned)argument[1], masked_deadline(&masked, deadline)));
}

MN_CALL(pselect6)
{
    uint64_t mask[2] = {0, 0}; /* its address and size */
    if (argument[5] != 0)
        memcpy(mask, mn_pointer(argument[5]), sizeof mask);
    struct masked masked = begin_masked(thread, mask[0], mask[1]);
    uint64_t deadline = deadline_of(thread->system, mn_pointer(argument[4]));
    return end_masked(&masked, mnet_socket_select(thread->system->descriptors, (int)argument[0],
                                                  mn_pointer(argument[1]), mn_pointer(argument[2]),
                                                  mn_pointer(argument[3]), masked_deadline(&masked, deadline)));
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

static int64_t epoll_masked(struct mn_thread *thread, const uint64_t *argument, uint64_t deadline)
{
    struct masked masked = begin_masked(thread, argument[4], argument[5]);
    return end_masked(&masked,
                      mnet_socket_epoll_wait(thread->system->descriptors, (int)argument[0], mn_pointer(argument[1]),
                                             (int)argument[2], masked_deadline(&masked, deadline)));
}

MN_CALL(epoll_pwait)
{
    return epoll_masked(thread, argument, mn_deadline_ms(thread->system, (int)argument[3]));
}

MN_CALL(epoll_pwait2)
{
    return epoll_masked(thread, argument, deadline_of(thread->system, mn_pointer(argument[3])));
}
