/* The calls of socket_calls.c over mnet's descriptors, on a simulated host. */
#ifndef TESTS_SOCKET_MNET_H
#define TESTS_SOCKET_MNET_H

#include <mnet/mnet.h>
#include <mnet/sim.h>
#include <mnet/socket.h>

#include "system/peers/socket_calls.h"

#define AF_INET MNET_AF_INET
#define AF_INET6 MNET_AF_INET6
#define SOCK_STREAM MNET_SOCK_STREAM
#define SOCK_DGRAM MNET_SOCK_DGRAM
#define MSG_PEEK MNET_MSG_PEEK
#define MSG_TRUNC MNET_MSG_TRUNC
#define MSG_WAITALL MNET_MSG_WAITALL
#define MSG_DONTWAIT MNET_MSG_DONTWAIT
#define MSG_NOSIGNAL MNET_MSG_NOSIGNAL
#define SOL_SOCKET MNET_SOL_SOCKET
#define SO_TYPE MNET_SO_TYPE
#define SO_ERROR MNET_SO_ERROR
#define SO_ACCEPTCONN MNET_SO_ACCEPTCONN
#define SO_DOMAIN MNET_SO_DOMAIN
#define SO_PROTOCOL MNET_SO_PROTOCOL
#define SO_KEEPALIVE MNET_SO_KEEPALIVE
#define SO_BROADCAST MNET_SO_BROADCAST
#define SO_RCVBUF MNET_SO_RCVBUF
#define SO_REUSEADDR MNET_SO_REUSEADDR
#define SO_REUSEPORT MNET_SO_REUSEPORT
#define IPPROTO_IP MNET_IPPROTO_IP
#define IPPROTO_TCP MNET_IPPROTO_TCP
#define IPPROTO_UDP MNET_IPPROTO_UDP
#define IPPROTO_IPV6 MNET_IPPROTO_IPV6
#define TCP_NODELAY MNET_TCP_NODELAY
#define TCP_CORK MNET_TCP_CORK
#define TCP_KEEPIDLE MNET_TCP_KEEPIDLE
#define TCP_KEEPINTVL MNET_TCP_KEEPINTVL
#define TCP_KEEPCNT MNET_TCP_KEEPCNT
#define TCP_USER_TIMEOUT MNET_TCP_USER_TIMEOUT
#define IPV6_V6ONLY MNET_IPV6_V6ONLY
#define IP_MULTICAST_TTL MNET_IP_MULTICAST_TTL
#define IP_MULTICAST_LOOP MNET_IP_MULTICAST_LOOP
#define IP_TTL MNET_IP_TTL
#define IP_TOS MNET_IP_TOS
#define IP_MTU_DISCOVER MNET_IP_MTU_DISCOVER
#define IP_PKTINFO MNET_IP_PKTINFO
#define IP_RECVTTL MNET_IP_RECVTTL
#define IP_RECVTOS MNET_IP_RECVTOS
#define IPV6_RECVPKTINFO MNET_IPV6_RECVPKTINFO
#define IPV6_RECVHOPLIMIT MNET_IPV6_RECVHOPLIMIT
#define IPV6_RECVTCLASS MNET_IPV6_RECVTCLASS
#define IPV6_PKTINFO MNET_IPV6_PKTINFO
#define IPV6_HOPLIMIT MNET_IPV6_HOPLIMIT
#define IP_BIND_ADDRESS_NO_PORT MNET_IP_BIND_ADDRESS_NO_PORT
#define IPV6_TCLASS MNET_IPV6_TCLASS
#define IPV6_UNICAST_HOPS MNET_IPV6_UNICAST_HOPS
#define IPV6_DONTFRAG MNET_IPV6_DONTFRAG
#define IPV6_MTU_DISCOVER MNET_IPV6_MTU_DISCOVER
#define TCP_INFO MNET_TCP_INFO
#define IP_ADD_MEMBERSHIP MNET_IP_ADD_MEMBERSHIP
#define IP_DROP_MEMBERSHIP MNET_IP_DROP_MEMBERSHIP
#define IPV6_MULTICAST_HOPS MNET_IPV6_MULTICAST_HOPS
#define IPV6_MULTICAST_LOOP MNET_IPV6_MULTICAST_LOOP
#define IPV6_ADD_MEMBERSHIP MNET_IPV6_ADD_MEMBERSHIP
#define IPV6_DROP_MEMBERSHIP MNET_IPV6_DROP_MEMBERSHIP
#define POLLIN MNET_POLLIN
#define POLLOUT MNET_POLLOUT
#define POLLRDHUP MNET_POLLRDHUP
#define POLLNVAL MNET_POLLNVAL
#define EPOLLIN MNET_POLLIN
#define EPOLLOUT MNET_POLLOUT
#define EPOLLRDHUP MNET_POLLRDHUP
#define EPOLLONESHOT MNET_EPOLLONESHOT
#define pollfd mnet_pollfd

static struct mnet_sockets *table;

/* Both are built where there is a libc, so its names serve. */
static const char *error_name(int error)
{
    return strerrorname_np(error);
}

static int do_socket(int domain, int type, int protocol)
{
    int fd = mnet_socket_open(table, domain, type | MNET_SOCK_NONBLOCK, protocol), on = 1;
    if (fd >= 0)
        mnet_socket_setsockopt(table, fd, SOL_SOCKET, MNET_SO_REUSEADDR, &on, sizeof on);
    if (fd >= 0) /* nothing waits for a delayed acknowledgement */
        mnet_socket_setsockopt(table, fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}
static int do_bind(int fd, const struct call_address *address, uint32_t len)
{
    return mnet_socket_bind(table, fd, address, len);
}
static int do_listen(int fd, int backlog)
{
    return mnet_socket_listen(table, fd, backlog);
}
static int do_connect(int fd, const struct call_address *address, uint32_t len)
{
    return mnet_socket_connect(table, fd, address, len);
}
static int do_accept(int fd, struct call_address *address, uint32_t *len)
{
    return mnet_socket_accept4(table, fd, address, len, MNET_SOCK_NONBLOCK);
}
static long do_sendto(int fd, const void *data, size_t len, int flags, const struct call_address *address,
                      uint32_t to_len)
{
    return mnet_socket_sendto(table, fd, data, len, flags, address, to_len);
}
static struct mnet_msghdr header_of(struct call_message *message)
{
    return (struct mnet_msghdr){.msg_name = message->address_len > 0 ? &message->address : NULL,
                                .msg_namelen = message->address_len,
                                .msg_iov = (struct mnet_iovec *)(void *)message->pieces,
                                .msg_iovlen = message->count,
                                .msg_control = message->control,
                                .msg_controllen = message->control_len};
}
static long do_sendmsg(int fd, struct call_message *message)
{
    struct mnet_msghdr header = header_of(message);
    return mnet_socket_sendmsg(table, fd, &header, MSG_NOSIGNAL);
}
static long do_recvfrom(int fd, void *buffer, size_t len, int flags, struct call_address *address, uint32_t *from_len)
{
    return mnet_socket_recvfrom(table, fd, buffer, len, flags, address, from_len);
}
static long do_recvmsg(int fd, struct call_message *message, int flags)
{
    struct mnet_msghdr header = header_of(message);
    long got = mnet_socket_recvmsg(table, fd, &header, flags);
    message->address_len = header.msg_namelen;
    message->control_len = header.msg_controllen;
    message->flags = header.msg_flags;
    return got;
}
static int do_shutdown(int fd, int how)
{
    return mnet_socket_shutdown(table, fd, how);
}
static int do_getsockname(int fd, struct call_address *address, uint32_t *len)
{
    return mnet_socket_getsockname(table, fd, address, len);
}
static int do_getpeername(int fd, struct call_address *address, uint32_t *len)
{
    return mnet_socket_getpeername(table, fd, address, len);
}
static int do_getsockopt(int fd, int level, int name, void *value, uint32_t *len)
{
    return mnet_socket_getsockopt(table, fd, level, name, value, len);
}
static int do_setsockopt(int fd, int level, int name, const int *value, uint32_t len)
{
    return mnet_socket_setsockopt(table, fd, level, name, value, len);
}
static int do_linger(int fd, int seconds)
{
    struct mnet_linger linger = {1, seconds};
    return mnet_socket_setsockopt(table, fd, SOL_SOCKET, MNET_SO_LINGER, &linger, sizeof linger);
}
static int do_poll(struct pollfd *fds, unsigned count)
{
    return mnet_socket_poll(table, fds, count, 0);
}
static int do_select(const int *list, int count, int *results)
{
    struct mnet_fd_set readable = {{0}};
    for (int i = 0; i < count; i++)
        readable.bits[list[i] / 64] |= UINT64_C(1) << list[i] % 64;
    struct mnet_fd_set writable = readable;
    int found = mnet_socket_select(table, MNET_FD_SETSIZE, &readable, &writable, NULL, 0);
    for (int i = 0; i < count; i++)
        results[i] = (int)(readable.bits[list[i] / 64] >> list[i] % 64 & 1) +
                     2 * (int)(writable.bits[list[i] / 64] >> list[i] % 64 & 1);
    return found;
}
static int do_epoll_create(void)
{
    return mnet_socket_epoll_create(table);
}
static int do_epoll_ctl(int epoll, int operation, int fd, uint32_t events)
{
    struct mnet_epoll_event event = {.events = events, .data = (uint64_t)fd};
    return mnet_socket_epoll_ctl(table, epoll, operation, fd, &event);
}
static int do_epoll_wait(int epoll, uint32_t *events, uint64_t *data, int max)
{
    struct mnet_epoll_event ready[32];
    int count = mnet_socket_epoll_wait(table, epoll, ready, max, 0);
    for (int i = 0; i < count; i++) {
        events[i] = ready[i].events;
        data[i] = ready[i].data;
    }
    return count;
}
static int do_dup(int fd)
{
    return mnet_socket_dup(table, fd);
}
static int do_close(int fd)
{
    return mnet_socket_close(table, fd);
}
static int do_readable_bytes(int fd)
{
    return mnet_socket_readable_bytes(table, fd);
}

static void settle(void)
{
    mnet_sleep(mnet_now() + 100 * MNET_MILLISECOND);
}

struct sequences {
    void (*play)(unsigned first, unsigned count);
    unsigned first, count;
};

static void *allocate(void *context, size_t size)
{
    (void)context;
    return malloc(size);
}

static void give_back(void *context, void *memory, size_t size)
{
    (void)context;
    (void)size;
    free(memory);
}

static int play_job(struct mnet_env *env, void *argument)
{
    const struct sequences *job = argument;
    const struct mnet_socket_memory memory = {allocate, give_back, NULL};
    struct mnet_stack *stack;
    struct mnet_config config = {.ip.icmp_errors_per_s = 1000000}; /* Linux limits none to itself */
    int error = mnet_stack_up(env, &config, &stack);
    if (error < 0 || (error = mnet_sockets_open(stack, &memory, 3, 100, &table)) < 0)
        return error;
    mnet_sleep(mnet_now() + 10 * MNET_SECOND); /* own addresses are in use */
    job->play(job->first, job->count);
    mnet_sockets_close(table);
    return 0;
}

static void run(void (*play)(unsigned first, unsigned count), unsigned first, unsigned count)
{
    struct sequences job = {play, first, count};
    struct mnet_sim *sim = mnet_sim_create(1);
    struct mnet_sim_host_options options = {.arguments = "--ipv4=10.0.0.1/24"};
    struct mnet_sim_host *host = mnet_sim_host(sim, "host", &options);
    mnet_sim_attach(mnet_sim_segment(sim), host);
    mnet_sim_spawn(host, play_job, &job);
    int result = mnet_sim_run(sim, MNET_NEVER);
    mnet_sim_destroy(sim);
    if (result != 0)
        exit(1);
}

#endif
