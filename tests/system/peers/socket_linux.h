/* The calls of socket_calls.c over the sockets of Linux. Results are -errno. */
#ifndef TESTS_SOCKET_LINUX_H
#define TESTS_SOCKET_LINUX_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/peers/socket_calls.h"

static long result_of(long result)
{
    return result < 0 ? -errno : result;
}

static const char *error_name(int error)
{
    return strerrorname_np(error);
}

static int do_socket(int domain, int type, int protocol)
{
    int fd = (int)result_of(socket(domain, type | SOCK_NONBLOCK, protocol)), on = 1;
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd >= 0) /* nothing waits for a delayed acknowledgement */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}
static int do_bind(int fd, const struct call_address *address, uint32_t len)
{
    return (int)result_of(bind(fd, (const struct sockaddr *)(const void *)address, len));
}
static int do_listen(int fd, int backlog)
{
    return (int)result_of(listen(fd, backlog));
}
static int do_connect(int fd, const struct call_address *address, uint32_t len)
{
    return (int)result_of(connect(fd, (const struct sockaddr *)(const void *)address, len));
}
static int do_accept(int fd, struct call_address *address, uint32_t *len)
{
    return (int)result_of(accept4(fd, (struct sockaddr *)(void *)address, len, SOCK_NONBLOCK));
}
static long do_sendto(int fd, const void *data, size_t len, int flags, const struct call_address *address,
                      uint32_t to_len)
{
    return result_of(sendto(fd, data, len, flags, (const struct sockaddr *)(const void *)address, to_len));
}
static struct msghdr header_of(struct call_message *message)
{
    return (struct msghdr){.msg_name = message->address_len > 0 ? &message->address : NULL,
                           .msg_namelen = message->address_len,
                           .msg_iov = (struct iovec *)(void *)message->pieces,
                           .msg_iovlen = message->count,
                           .msg_control = message->control,
                           .msg_controllen = message->control_len};
}
static long do_sendmsg(int fd, struct call_message *message)
{
    struct msghdr header = header_of(message);
    return result_of(sendmsg(fd, &header, MSG_NOSIGNAL));
}
static long do_recvfrom(int fd, void *buffer, size_t len, int flags, struct call_address *address, uint32_t *from_len)
{
    return result_of(recvfrom(fd, buffer, len, flags, (struct sockaddr *)(void *)address, from_len));
}
static long do_recvmsg(int fd, struct call_message *message, int flags)
{
    struct msghdr header = header_of(message);
    long got = result_of(recvmsg(fd, &header, flags));
    message->address_len = header.msg_namelen;
    message->control_len = header.msg_controllen;
    message->flags = header.msg_flags;
    return got;
}
static int do_shutdown(int fd, int how)
{
    return (int)result_of(shutdown(fd, how));
}
static int do_getsockname(int fd, struct call_address *address, uint32_t *len)
{
    return (int)result_of(getsockname(fd, (struct sockaddr *)(void *)address, len));
}
static int do_getpeername(int fd, struct call_address *address, uint32_t *len)
{
    return (int)result_of(getpeername(fd, (struct sockaddr *)(void *)address, len));
}
static int do_getsockopt(int fd, int level, int name, void *value, uint32_t *len)
{
    return (int)result_of(getsockopt(fd, level, name, value, len));
}
static int do_setsockopt(int fd, int level, int name, const int *value, uint32_t len)
{
    return (int)result_of(setsockopt(fd, level, name, value, len));
}
static int do_linger(int fd, int seconds)
{
    struct linger linger = {1, seconds};
    return (int)result_of(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
}
static int do_poll(struct pollfd *fds, unsigned count)
{
    return (int)result_of(poll(fds, count, 0));
}
static int do_select(const int *list, int count, int *results)
{
    fd_set readable, writable;
    struct timeval none = {0, 0};
    int highest = 0;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    for (int i = 0; i < count; i++) {
        FD_SET(list[i], &readable);
        FD_SET(list[i], &writable);
        highest = list[i];
    }
    int found = (int)result_of(select(highest + 1, &readable, &writable, NULL, &none));
    for (int i = 0; i < count; i++)
        results[i] = (FD_ISSET(list[i], &readable) ? 1 : 0) + (FD_ISSET(list[i], &writable) ? 2 : 0);
    return found;
}
static int do_epoll_create(void)
{
    return (int)result_of(epoll_create1(0));
}
static int do_epoll_ctl(int epoll, int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)fd};
    return (int)result_of(epoll_ctl(epoll, operation, fd, &event));
}
static int do_epoll_wait(int epoll, uint32_t *events, uint64_t *data, int max)
{
    struct epoll_event ready[32];
    int count = (int)result_of(epoll_wait(epoll, ready, max, 0));
    for (int i = 0; i < count; i++) {
        events[i] = ready[i].events;
        data[i] = ready[i].data.u64;
    }
    return count;
}
static int do_dup(int fd)
{
    return (int)result_of(dup(fd));
}
static int do_close(int fd)
{
    return (int)result_of(close(fd));
}
static int do_readable_bytes(int fd)
{
    int bytes_waiting = 0, result = (int)result_of(ioctl(fd, FIONREAD, &bytes_waiting));
    return result < 0 ? result : bytes_waiting;
}

/* The loopback interface delivers within the call. What is left are timers of kernel threads. */
static void settle(void)
{
    usleep(200);
}

static void run(void (*play)(unsigned first, unsigned count), unsigned first, unsigned count)
{
    closefrom(3); /* which descriptors are free is part of the results */
    play(first, count);
}

#endif
