/* Descriptors: waiting, waking and closing, in virtual time. That each call returns what it returns
 * on Linux is compared by tests/system/sockets.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stack/stack.h"
#include "tcp/tcb.h"
#include "unit/socket_tables.h"

static int transfer(struct world *w)
{
    struct tables n;
    struct mnet_sockaddr_in6 name;
    uint32_t len = sizeof name;
    char buffer[16];
    CHECK_EQUAL(open_net(w, &n), 0);
    CHECK_EQUAL(mnet_socket_getpeername(n.client, n.connected, &name, &len), 0);
    CHECK(len == sizeof name && memcmp(name.sin6_addr, w->server_address.bytes, 16) == 0);
    CHECK_EQUAL(mnet_socket_send(n.client, n.connected, "hello", 5, 0), 5);
    CHECK_EQUAL(mnet_socket_recv(n.server, n.accepted, buffer, 16, MNET_MSG_DONTWAIT), -MNET_EAGAIN);
    CHECK_EQUAL(mnet_socket_recv(n.server, n.accepted, buffer, 16, 0), 5); /* it waited */
    CHECK(memcmp(buffer, "hello", 5) == 0);
    CHECK_EQUAL(mnet_socket_shutdown(n.client, n.connected, MNET_SHUT_WR), 0);
    CHECK_EQUAL(mnet_socket_recv(n.server, n.accepted, buffer, 16, 0), 0);
    CHECK_EQUAL(mnet_socket_close(n.server, n.accepted), 0);
    CHECK_EQUAL(mnet_socket_recv(n.client, n.connected, buffer, 16, 0), 0);
    return close_tables(w, &n);
}

static void stream_passes_bytes_and_its_end(void **state)
{
    (void)state;
    world_run_both(transfer, NULL);
}

/* A connection that was idle for long needs memory for the FIN. */
static int shutdown_without_memory(struct world *w)
{
    struct tables n;
    char byte;
    CHECK_EQUAL(open_net(w, &n), 0);
    CHECK_EQUAL(mnet_socket_send(n.client, n.connected, "x", 1, 0), 1);
    CHECK_EQUAL(mnet_socket_recv(n.server, n.accepted, &byte, 1, 0), 1);
    CHECK_EQUAL(mnet_socket_send(n.server, n.accepted, "y", 1, 0), 1);
    CHECK_EQUAL(mnet_socket_recv(n.client, n.connected, &byte, 1, 0), 1);
    sleep_ms(20000);
    CHECK_EQUAL(w->client->tcp->tcbs.in_use, 0); /* it is a record */
    size_t limit = w->client->tcp->tcbs.limit;
    w->client->tcp->tcbs.limit = 0;
    CHECK_EQUAL(mnet_socket_shutdown(n.client, n.connected, MNET_SHUT_WR), -MNET_ENOMEM);
    w->client->tcp->tcbs.limit = limit;
    CHECK_EQUAL(mnet_socket_send(n.client, n.connected, "x", 1, 0), 1); /* nothing has ended */
    CHECK_EQUAL(mnet_socket_recv(n.server, n.accepted, &byte, 1, 0), 1);
    CHECK_EQUAL(mnet_socket_shutdown(n.client, n.connected, MNET_SHUT_WR), 0);
    CHECK_EQUAL(mnet_socket_recv(n.server, n.accepted, &byte, 1, 0), 0);
    return close_tables(w, &n);
}

static void shutdown_without_memory_can_be_repeated(void **state)
{
    (void)state;
    world_run_both(shutdown_without_memory, NULL);
}

static int set_timeout(const struct tables *n, int name, int64_t milliseconds)
{
    struct mnet_timeval time = {milliseconds / 1000, milliseconds % 1000 * 1000};
    return mnet_socket_setsockopt(n->server, n->accepted, MNET_SOL_SOCKET, name, &time, sizeof time);
}

static char bytes[1 << 20];

static int timeouts(struct world *w)
{
    struct tables n;
    CHECK_EQUAL(open_net(w, &n), 0);
    CHECK_EQUAL(set_timeout(&n, MNET_SO_RCVTIMEO, 20), 0);
    uint64_t deadline = in_ms(20);
    CHECK_EQUAL(mnet_socket_recv(n.server, n.accepted, bytes, 16, 0), -MNET_EAGAIN);
    CHECK_EQUAL(mnet_now(), deadline);
    /* MSG_WAITALL returns what has come by then. */
    CHECK_EQUAL(mnet_socket_send(n.client, n.connected, "abc", 3, 0), 3);
    deadline = in_ms(20);
    CHECK_EQUAL(mnet_socket_recv(n.server, n.accepted, bytes, 16, MNET_MSG_WAITALL), 3);
    CHECK_EQUAL(mnet_now(), deadline);
    /* A writer whose peer does not read. */
    CHECK_EQUAL(set_timeout(&n, MNET_SO_SNDTIMEO, 500), 0);
    uint64_t begin = mnet_now();
    ptrdiff_t sent = mnet_socket_send(n.server, n.accepted, bytes, sizeof bytes, 0);
    CHECK(sent > 10000 && sent < (ptrdiff_t)sizeof bytes);
    CHECK(mnet_now() >= begin + 500 * MNET_MILLISECOND);
    while ((sent = mnet_socket_send(n.server, n.accepted, bytes, 16, 0)) > 0)
        continue;
    CHECK_EQUAL(sent, -MNET_EAGAIN);
    return close_tables(w, &n);
}

static void timeouts_end_waiting_calls(void **state)
{
    (void)state;
    world_run_both(timeouts, NULL);
}

static int receive_job(void *argument)
{
    struct waiting_call *job = argument;
    char byte[4];
    job->result = (int)mnet_socket_recv(job->n->server, job->fd, byte, sizeof byte, 0);
    job->ended = mnet_now();
    return 0;
}

static int poll_job(void *argument)
{
    struct waiting_call *job = argument;
    job->result = mnet_socket_poll(job->n->server, &job->poll, 1, MNET_NEVER);
    job->ended = mnet_now();
    return 0;
}

/* A descriptor that is closed during a call: the call goes on with the file, as on Linux. */
static int closing_in_a_call(struct world *w)
{
    struct tables n;
    struct mnet_task *tasks[2];
    CHECK_EQUAL(open_net(w, &n), 0);
    struct waiting_call reader = {.n = &n, .fd = n.accepted}, poller = {.n = &n, .poll = {n.accepted, MNET_POLLIN, 0}};
    CHECK_EQUAL(mnet_spawn(&tasks[0], receive_job, &reader), 0);
    CHECK_EQUAL(mnet_spawn(&tasks[1], poll_job, &poller), 0);
    sleep_ms(1);
    CHECK_EQUAL(mnet_socket_close(n.server, n.accepted), 0);
    CHECK_EQUAL(mnet_socket_close(n.server, n.accepted), -MNET_EBADF);
    sleep_ms(50);
    CHECK(reader.ended == 0 && poller.ended == 0);
    CHECK_EQUAL(mnet_socket_send(n.client, n.connected, "abc", 3, 0), 3);
    CHECK_EQUAL(mnet_join(tasks[0], NULL, in_ms(100)), 0);
    CHECK_EQUAL(reader.result, 3);
    CHECK_EQUAL(poller.ended, 0); /* the bytes were gone when it looked */
    CHECK_EQUAL(mnet_socket_send(n.client, n.connected, "abc", 3, 0), 3);
    CHECK_EQUAL(mnet_join(tasks[1], NULL, in_ms(200)), 0);
    CHECK(poller.result == 1 && poller.poll.revents == MNET_POLLNVAL);
    /* Now the file is closed, with bytes unread. */
    CHECK_EQUAL(mnet_socket_recv(n.client, n.connected, bytes, 16, 0), -MNET_ECONNRESET);
    return close_tables(w, &n);
}

static void close_lets_calls_in_progress_end(void **state)
{
    (void)state;
    world_run_both(closing_in_a_call, NULL);
}

static int cancelling(struct world *w)
{
    struct tables n;
    struct mnet_task *tasks[2];
    CHECK_EQUAL(open_net(w, &n), 0);
    struct waiting_call reader = {.n = &n, .fd = n.accepted}, poller = {.n = &n, .poll = {n.accepted, MNET_POLLIN, 0}};
    CHECK_EQUAL(mnet_spawn(&tasks[0], receive_job, &reader), 0);
    CHECK_EQUAL(mnet_spawn(&tasks[1], poll_job, &poller), 0);
    sleep_ms(1);
    for (int i = 0; i < 2; i++) {
        mnet_cancel(tasks[i]);
        CHECK_EQUAL(mnet_join(tasks[i], NULL, MNET_NEVER), 0);
    }
    CHECK_EQUAL(reader.result, -MNET_EINTR);
    CHECK_EQUAL(poller.result, -MNET_EINTR);
    return close_tables(w, &n);
}

static void cancelled_call_is_interrupted(void **state)
{
    (void)state;
    world_run(cancelling, NULL);
}

static int lingering(struct world *w)
{
    struct tables n;
    struct mnet_linger linger = {1, 5};
    CHECK_EQUAL(open_net(w, &n), 0);
    CHECK_EQUAL(mnet_socket_setsockopt(n.client, n.connected, MNET_SOL_SOCKET, MNET_SO_LINGER, &linger, sizeof linger),
                0);
    CHECK_EQUAL(mnet_socket_send(n.client, n.connected, bytes, 30000, 0), 30000);
    uint64_t begin = mnet_now();
    CHECK_EQUAL(mnet_socket_close(n.client, n.connected), 0);
    CHECK(mnet_now() >= begin + 2 * MNET_MILLISECOND); /* a round trip at least */
    CHECK_EQUAL(mnet_socket_readable_bytes(n.server, n.accepted), 30000);
    return close_tables(w, &n);
}

static void close_lingers_until_all_is_acknowledged(void **state)
{
    (void)state;
    world_run_both(lingering, NULL);
}

static int polling(struct world *w)
{
    struct tables n;
    CHECK_EQUAL(open_net(w, &n), 0);
    struct mnet_pollfd fds[3] = {{n.accepted, MNET_POLLIN, 0}, {-1, MNET_POLLIN, 7}, {n.listener, MNET_POLLIN, 0}};
    uint64_t deadline = in_ms(7);
    CHECK_EQUAL(mnet_socket_poll(n.server, fds, 3, deadline), 0);
    CHECK_EQUAL(mnet_now(), deadline);
    CHECK_EQUAL(fds[1].revents, 0);
    CHECK_EQUAL(mnet_socket_send(n.client, n.connected, "abc", 3, 0), 3);
    CHECK_EQUAL(mnet_socket_poll(n.server, fds, 3, in_ms(100)), 1);
    CHECK_EQUAL(fds[0].revents, MNET_POLLIN);
    CHECK_EQUAL(mnet_socket_poll(n.server, fds, 101, 0), -MNET_EINVAL);
    CHECK_EQUAL(mnet_socket_poll(n.server, NULL, 1, 0), -MNET_EFAULT);
    struct mnet_fd_set set = {{1 << 4 | 1 << 3}};
    CHECK_EQUAL(mnet_socket_select(n.server, 5, &set, NULL, NULL, in_ms(100)), 1);
    CHECK_EQUAL(set.bits[0], 1 << 4);
    CHECK_EQUAL(mnet_socket_select(n.server, -1, &set, NULL, NULL, 0), -MNET_EINVAL);
    set.bits[0] = 1 << 20;
    CHECK_EQUAL(mnet_socket_select(n.server, 30, &set, NULL, NULL, 0), -MNET_EBADF);
    return close_tables(w, &n);
}

static void poll_and_select_wait_for_descriptors(void **state)
{
    (void)state;
    world_run_both(polling, NULL);
}

static int control(const struct tables *n, int epoll, int operation, int fd, uint32_t events)
{
    struct mnet_epoll_event event = {.events = events, .data = (uint64_t)fd + 1000};
    return mnet_socket_epoll_ctl(n->server, epoll, operation, fd, &event);
}

static int epolling(struct world *w)
{
    struct tables n;
    struct mnet_epoll_event events[4];
    CHECK_EQUAL(open_net(w, &n), 0);
    int epoll = mnet_socket_epoll_create(n.server);
    CHECK(epoll > 0);
    CHECK_EQUAL(control(&n, epoll, MNET_EPOLL_CTL_ADD, n.accepted, MNET_POLLIN | MNET_EPOLLET), 0);
    CHECK_EQUAL(control(&n, epoll, MNET_EPOLL_CTL_ADD, n.listener, MNET_POLLIN), 0);
    CHECK_EQUAL(control(&n, epoll, MNET_EPOLL_CTL_ADD, n.listener, MNET_POLLIN), -MNET_EEXIST);
    CHECK_EQUAL(control(&n, epoll, MNET_EPOLL_CTL_ADD, epoll, MNET_POLLIN), -MNET_EINVAL);
    uint64_t deadline = in_ms(7);
    CHECK_EQUAL(mnet_socket_epoll_wait(n.server, epoll, events, 4, deadline), 0);
    CHECK_EQUAL(mnet_now(), deadline);
    for (int i = 0; i < 2; i++) { /* edges */
        CHECK_EQUAL(mnet_socket_send(n.client, n.connected, "abc", 3, 0), 3);
        CHECK_EQUAL(mnet_socket_epoll_wait(n.server, epoll, events, 4, in_ms(100)), 1);
        CHECK(events[0].events == MNET_POLLIN && events[0].data == (uint64_t)n.accepted + 1000);
        CHECK_EQUAL(mnet_socket_epoll_wait(n.server, epoll, events, 4, in_ms(100)), 0);
    }
    CHECK_EQUAL(control(&n, epoll, MNET_EPOLL_CTL_MOD, n.accepted, MNET_POLLIN), 0);
    for (int i = 0; i < 2; i++) /* levels */
        CHECK_EQUAL(mnet_socket_epoll_wait(n.server, epoll, events, 4, 0), 1);
    CHECK_EQUAL(control(&n, epoll, MNET_EPOLL_CTL_MOD, n.accepted, MNET_POLLIN | MNET_EPOLLONESHOT), 0);
    CHECK_EQUAL(mnet_socket_epoll_wait(n.server, epoll, events, 4, 0), 1);
    CHECK_EQUAL(mnet_socket_epoll_wait(n.server, epoll, events, 4, 0), 0);
    /* The last of two descriptors takes the membership along. */
    int copy = mnet_socket_dup(n.server, n.accepted);
    CHECK_EQUAL(control(&n, epoll, MNET_EPOLL_CTL_MOD, n.accepted, MNET_POLLIN), 0);
    CHECK_EQUAL(mnet_socket_close(n.server, n.accepted), 0);
    CHECK_EQUAL(mnet_socket_epoll_wait(n.server, epoll, events, 4, 0), 1);
    CHECK_EQUAL(mnet_socket_close(n.server, copy), 0);
    CHECK_EQUAL(mnet_socket_epoll_wait(n.server, epoll, events, 4, 0), 0);
    return close_tables(w, &n);
}

static void epoll_returns_levels_edges_and_single_shots(void **state)
{
    (void)state;
    world_run_both(epolling, NULL);
}

static int datagrams(struct world *w)
{
    struct tables n;
    struct mnet_sockaddr_in6 here = address_of(MNET_ADDRESS_ANY, 53), there = address_of(w->server_address, 53), from;
    uint32_t len = sizeof from;
    char a[4], b[8];
    struct mnet_iovec pieces[2] = {{a, sizeof a}, {b, sizeof b}};
    struct mnet_msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    CHECK_EQUAL(open_tables(w, &n), 0);
    int server = mnet_socket_open(n.server, MNET_AF_INET6, MNET_SOCK_DGRAM, 0);
    int client = mnet_socket_open(n.client, MNET_AF_INET6, MNET_SOCK_DGRAM, 0);
    CHECK_EQUAL(mnet_socket_bind(n.server, server, &here, sizeof here), 0);
    CHECK_EQUAL(mnet_socket_sendto(n.client, client, "question", 8, 0, &there, sizeof there), 8);
    CHECK_EQUAL(mnet_socket_recvfrom(n.server, server, a, 4, MNET_MSG_PEEK | MNET_MSG_TRUNC, &from, &len), 8);
    CHECK_EQUAL(mnet_socket_recvmsg(n.server, server, &message, 0), 8);
    CHECK(memcmp(a, "ques", 4) == 0 && memcmp(b, "tion", 4) == 0);
    CHECK_EQUAL(mnet_socket_sendto(n.server, server, "answer", 6, 0, &from, len), 6);
    message.msg_iovlen = 1;
    CHECK_EQUAL(mnet_socket_recvmsg(n.client, client, &message, 0), 4);
    CHECK(message.msg_flags & MNET_MSG_TRUNC);
    CHECK_EQUAL(mnet_socket_close(n.server, server), 0);
    CHECK_EQUAL(mnet_socket_connect(n.client, client, &there, sizeof there), 0);
    CHECK_EQUAL(mnet_socket_send(n.client, client, "x", 1, 0), 1);
    CHECK_EQUAL(mnet_socket_recv(n.client, client, b, 8, 0), -MNET_ECONNREFUSED); /* it waited */
    return close_tables(w, &n);
}

static void datagrams_pass_with_their_addresses(void **state)
{
    (void)state;
    world_run_both(datagrams, NULL);
}

/* Returns the control message of a type, or NULL. */
static const struct mnet_cmsghdr *find_control(const struct mnet_msghdr *message, int level, int type)
{
    const char *at = message->msg_control, *end = at + message->msg_controllen;
    while (at < end) {
        const struct mnet_cmsghdr *control = (const void *)at;
        if (control->cmsg_level == level && control->cmsg_type == type)
            return control;
        at += (control->cmsg_len + 7) & ~(size_t)7;
    }
    return NULL;
}

/* The options of the destination's family count, and TTL and traffic class arrive. */
static int control_messages(struct world *w)
{
    struct tables n;
    struct mnet_sockaddr_in6 here = address_of(MNET_ADDRESS_ANY, 53), there = address_of(w->server_address, 53);
    bool ipv4 = mnet_address_is_ipv4(w->server_address);
    int level = ipv4 ? MNET_IPPROTO_IP : MNET_IPPROTO_IPV6, tos;
    _Alignas(8) char control[128];
    struct mnet_iovec piece = {bytes, 100};
    struct mnet_msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct mnet_in6_pktinfo packet;
    CHECK_EQUAL(open_tables(w, &n), 0);
    int server = mnet_socket_open(n.server, MNET_AF_INET6, MNET_SOCK_DGRAM, 0);
    int client = mnet_socket_open(n.client, MNET_AF_INET6, MNET_SOCK_DGRAM, 0);
    CHECK_EQUAL(mnet_socket_bind(n.server, server, &here, sizeof here), 0);
    CHECK_EQUAL(set_number(n.server, server, MNET_IPPROTO_IPV6, MNET_IPV6_RECVPKTINFO, 1), 0);
    CHECK_EQUAL(set_number(n.server, server, MNET_IPPROTO_IP, MNET_IP_RECVTOS, 1), 0);
    CHECK_EQUAL(set_number(n.server, server, MNET_IPPROTO_IPV6, MNET_IPV6_RECVTCLASS, 1), 0);
    CHECK_EQUAL(set_number(n.client, client, MNET_IPPROTO_IP, MNET_IP_TOS, 0x41), 0);
    CHECK_EQUAL(set_number(n.client, client, MNET_IPPROTO_IPV6, MNET_IPV6_TCLASS, 0x66), 0);
    CHECK_EQUAL(mnet_socket_sendto(n.client, client, "q", 1, 0, &there, sizeof there), 1);
    CHECK_EQUAL(mnet_socket_recvmsg(n.server, server, &message, 0), 1);
    const struct mnet_cmsghdr *found = find_control(&message, MNET_IPPROTO_IPV6, MNET_IPV6_PKTINFO);
    CHECK(found != NULL);
    memcpy(&packet, found + 1, sizeof packet);
    CHECK(memcmp(packet.ipi6_addr, w->server_address.bytes, 16) == 0);
    found = find_control(&message, level, ipv4 ? MNET_IP_TOS : MNET_IPV6_TCLASS);
    CHECK(found != NULL);
    tos = *(const uint8_t *)(found + 1);
    if (!ipv4)
        memcpy(&tos, found + 1, sizeof tos);
    CHECK_EQUAL(tos, ipv4 ? 0x41 : 0x66);
    CHECK_EQUAL(
        set_number(n.client, client, level, ipv4 ? MNET_IP_MTU_DISCOVER : MNET_IPV6_MTU_DISCOVER, MNET_IP_PMTUDISC_DO),
        0);
    CHECK_EQUAL(mnet_socket_sendto(n.client, client, bytes, 3000, 0, &there, sizeof there), -MNET_EMSGSIZE);
    return close_tables(w, &n);
}

static void datagrams_tell_and_take_fields_of_their_headers(void **state)
{
    (void)state;
    world_run_both(control_messages, NULL);
}

static int described(struct world *w)
{
    struct tables n;
    struct mnet_socket_tcp_info info;
    uint32_t len = sizeof info;
    CHECK_EQUAL(open_net(w, &n), 0);
    CHECK_EQUAL(mnet_socket_send(n.client, n.connected, "hello", 5, 0), 5);
    sleep_ms(300);
    CHECK_EQUAL(mnet_socket_getsockopt(n.client, n.connected, MNET_IPPROTO_TCP, MNET_TCP_INFO, &info, &len), 0);
    CHECK(len == sizeof info && info.state == 1 && info.rtt > 0 && info.snd_mss > 500);
    CHECK(info.bytes_acked >= 5 && info.bytes_acked <= 6 && info.unacked == 0 && info.snd_cwnd >= 2);
    len = sizeof info;
    CHECK_EQUAL(mnet_socket_getsockopt(n.server, n.listener, MNET_IPPROTO_TCP, MNET_TCP_INFO, &info, &len), 0);
    CHECK_EQUAL(info.state, 10);
    return close_tables(w, &n);
}

static void tcp_info_tells_state_and_figures(void **state)
{
    (void)state;
    world_run_both(described, NULL);
}

static int limits(struct world *w)
{
    struct tables n;
    CHECK_EQUAL(mnet_sockets_open(NULL, &memory, 0, 10, &n.client), -MNET_EINVAL);
    CHECK_EQUAL(mnet_sockets_open(w->client, &memory, -1, 10, &n.client), -MNET_EINVAL);
    CHECK_EQUAL(mnet_sockets_open(w->client, &memory, 0, 0, &n.client), -MNET_EINVAL);
    CHECK_EQUAL(open_tables(w, &n), 0);
    for (int i = 0; i < 100; i++)
        CHECK_EQUAL(mnet_socket_open(n.client, MNET_AF_INET, MNET_SOCK_STREAM, 0), 3 + i);
    CHECK_EQUAL(mnet_socket_open(n.client, MNET_AF_INET, MNET_SOCK_STREAM, 0), -MNET_EMFILE);
    CHECK_EQUAL(mnet_socket_dup(n.client, 3), -MNET_EMFILE);
    CHECK_EQUAL(mnet_socket_close(n.client, 50), 0);
    CHECK_EQUAL(mnet_socket_dup2(n.client, 3, 50), 50);
    CHECK_EQUAL(mnet_socket_dup2(n.client, 3, 200), -MNET_EBADF);
    static const int wrong[] = {-1, 0, 2, 103, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < MN_COUNT_OF(wrong); i++) {
        CHECK_EQUAL(mnet_socket_close(n.client, wrong[i]), -MNET_EBADF);
        CHECK_EQUAL(mnet_socket_recv(n.client, wrong[i], bytes, 1, 0), -MNET_EBADF);
        CHECK_EQUAL(mnet_socket_epoll_wait(n.client, wrong[i], NULL, 1, 0), -MNET_EBADF);
    }
    CHECK_EQUAL(mnet_socket_sendmsg(n.client, 3, NULL, 0), -MNET_EFAULT);
    CHECK_EQUAL(mnet_socket_send(n.client, 3, NULL, 1, 0), -MNET_EFAULT);
    CHECK_EQUAL(mnet_socket_recvmsg(n.client, 3, NULL, 0), -MNET_EFAULT);
    CHECK_EQUAL(mnet_socket_getsockopt(n.client, 3, MNET_SOL_SOCKET, MNET_SO_TYPE, NULL, NULL), -MNET_EFAULT);
    return close_tables(w, &n);
}

static void descriptors_are_few_and_checked(void **state)
{
    (void)state;
    world_run(limits, NULL);
}

#define GROUP_PORT 5353

/* Sends to the group from the client, and returns the result of receiving at `fd` of `table`. */
static ptrdiff_t pass_to_group(const struct tables *n, int sender, struct mnet_sockets *table, int fd)
{
    struct mnet_sockaddr_in6 to = address_of((struct mnet_address){.bytes = {0xff, 0x05, [15] = 0xfb}}, GROUP_PORT);
    char buffer[8];
    ptrdiff_t sent = mnet_socket_sendto(n->client, sender, "hello", 5, 0, &to, sizeof to);
    if (sent != 5)
        return sent;
    sleep_ms(10);
    return mnet_socket_recv(table, fd, buffer, sizeof buffer, MNET_MSG_DONTWAIT);
}

/* Makes a socket that is a member before it has a port. */
static int open_member(struct mnet_sockets *table, const struct mnet_ipv6_mreq *group)
{
    struct mnet_sockaddr_in6 here = address_of(MNET_ADDRESS_ANY, GROUP_PORT);
    int fd = mnet_socket_open(table, MNET_AF_INET6, MNET_SOCK_DGRAM, 0);
    int error = mnet_socket_setsockopt(table, fd, MNET_IPPROTO_IPV6, MNET_IPV6_ADD_MEMBERSHIP, group, sizeof *group);
    if (error == 0)
        error = mnet_socket_bind(table, fd, &here, sizeof here);
    return error < 0 ? error : fd;
}

static int groups(struct world *w)
{
    const struct mnet_ipv6_mreq group = {.ipv6mr_multiaddr = {0xff, 0x05, [15] = 0xfb}};
    struct tables n;
    int off = 0;
    CHECK_EQUAL(open_tables(w, &n), 0);
    int far = open_member(n.server, &group), near = open_member(n.client, &group);
    int sender = mnet_socket_open(n.client, MNET_AF_INET6, MNET_SOCK_DGRAM, 0);
    CHECK(far >= 3 && near >= 3 && sender >= 3);
    CHECK_EQUAL(pass_to_group(&n, sender, n.server, far), 5);
    CHECK_EQUAL(pass_to_group(&n, sender, n.server, far), 5);
    char buffer[8];
    CHECK_EQUAL(mnet_socket_recv(n.client, near, buffer, sizeof buffer, MNET_MSG_DONTWAIT), 5);
    CHECK_EQUAL(mnet_socket_recv(n.client, near, buffer, sizeof buffer, MNET_MSG_DONTWAIT), 5);
    CHECK_EQUAL(mnet_socket_setsockopt(n.client, sender, MNET_IPPROTO_IPV6, MNET_IPV6_MULTICAST_LOOP, &off, sizeof off),
                0);
    CHECK_EQUAL(pass_to_group(&n, sender, n.client, near), -MNET_EAGAIN);
    CHECK_EQUAL(
        mnet_socket_setsockopt(n.server, far, MNET_IPPROTO_IPV6, MNET_IPV6_DROP_MEMBERSHIP, &group, sizeof group), 0);
    CHECK_EQUAL(mnet_socket_recv(n.server, far, buffer, sizeof buffer, MNET_MSG_DONTWAIT), 5);
    CHECK_EQUAL(pass_to_group(&n, sender, n.server, far), -MNET_EAGAIN);
    return close_tables(w, &n);
}

static void members_of_groups_get_their_datagrams(void **state)
{
    (void)state;
    world_run(groups, NULL);
}

static int going_down(struct world *w)
{
    struct tables n;
    struct mnet_task *task;
    CHECK_EQUAL(open_net(w, &n), 0);
    struct waiting_call reader = {.n = &n, .fd = n.accepted};
    int first = open_shared(n.server, 81);
    CHECK_EQUAL(mnet_socket_listen(n.server, first, 8), 0);
    CHECK_EQUAL(mnet_spawn(&task, receive_job, &reader), 0);
    sleep_ms(1);
    mnet_stack_down(w->server);
    w->server = NULL;
    CHECK_EQUAL(mnet_join(task, NULL, in_ms(100)), 0);
    CHECK_EQUAL(reader.result, -MNET_ENETDOWN);
    CHECK_EQUAL(mnet_socket_accept4(n.server, n.listener, NULL, NULL, 0), -MNET_EINVAL);
    CHECK_EQUAL(mnet_socket_accept4(n.server, first, NULL, NULL, 0), -MNET_EINVAL);
    return close_tables(w, &n);
}

static void stack_that_goes_down_ends_calls(void **state)
{
    (void)state;
    world_run(going_down, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_passes_bytes_and_its_end),
        cmocka_unit_test(shutdown_without_memory_can_be_repeated),
        cmocka_unit_test(timeouts_end_waiting_calls),
        cmocka_unit_test(close_lets_calls_in_progress_end),
        cmocka_unit_test(cancelled_call_is_interrupted),
        cmocka_unit_test(close_lingers_until_all_is_acknowledged),
        cmocka_unit_test(poll_and_select_wait_for_descriptors),
        cmocka_unit_test(epoll_returns_levels_edges_and_single_shots),
        cmocka_unit_test(datagrams_pass_with_their_addresses),
        cmocka_unit_test(datagrams_tell_and_take_fields_of_their_headers),
        cmocka_unit_test(tcp_info_tells_state_and_figures),
        cmocka_unit_test(members_of_groups_get_their_datagrams),
        cmocka_unit_test(descriptors_are_few_and_checked),
        cmocka_unit_test(stack_that_goes_down_ends_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
