/* A program of a C library, for Linux and for a machine: it checks sockets of AF_UNIX. Both of its
 * ends are in one process. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "expect.h"

#define FAILS(call, error) EXPECT((call) == -1 && errno == (error))

static char bytes[300000], other[300000];

static socklen_t name(struct sockaddr_un *address, const char *path)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t len = strlen(path);
    memcpy(address->sun_path, path, len);
    if (path[0] == '@')
        address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] != '@'));
}

static int events(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
    EXPECT(poll(&poll_fd, 1, 0) >= 0);
    return poll_fd.revents;
}

static void *send_all(void *fd)
{
    size_t done = 0;
    while (done < sizeof bytes) {
        ssize_t sent = write(*(int *)fd, bytes + done, sizeof bytes - done);
        EXPECT(sent > 0);
        done += (size_t)sent;
    }
    EXPECT(shutdown(*(int *)fd, SHUT_WR) == 0);
    return NULL;
}

static void check_pairs(void)
{
    int pair[2], number, type;
    socklen_t len = sizeof type;
    struct iovec pieces[2] = {{other, 3}, {other + 3, 100}};
    struct ucred peer;
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    EXPECT(events(pair[0]) == POLLOUT);
    FAILS(read(pair[0], other, 1), EAGAIN);
    EXPECT(write(pair[1], "hello", 5) == 5 && write(pair[1], " you", 4) == 4);
    EXPECT(events(pair[0]) == (POLLIN | POLLOUT));
    EXPECT(ioctl(pair[0], FIONREAD, &number) == 0 && number == 9);
    EXPECT(recv(pair[0], other, 100, MSG_PEEK) >= 5 && readv(pair[0], pieces, 2) == 9);
    EXPECT(memcmp(other, "hello you", 9) == 0);
    EXPECT(getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM);
    len = sizeof peer;
    EXPECT(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid == getpid());
    while (write(pair[0], bytes, 1000) > 0)
        continue;
    EXPECT(errno == EAGAIN && events(pair[0]) == 0);
    EXPECT(shutdown(pair[1], SHUT_WR) == 0 && read(pair[0], other, 1) == 0);
    EXPECT(events(pair[0]) == (POLLIN | POLLRDHUP));
    EXPECT(close(pair[1]) == 0); /* with unread bytes */
    FAILS(write(pair[0], "x", 1), EPIPE);
    EXPECT(close(pair[0]) == 0);
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && write(pair[0], "last", 4) == 4 && close(pair[0]) == 0);
    EXPECT(events(pair[1]) == (POLLIN | POLLOUT | POLLRDHUP | POLLHUP));
    EXPECT(read(pair[1], other, 10) == 4 && read(pair[1], other, 10) == 0 && close(pair[1]) == 0);
    FAILS(socketpair(AF_INET, SOCK_STREAM, 0, pair), EOPNOTSUPP);
}

static void check_transfer(void)
{
    int pair[2];
    pthread_t thread;
    size_t done = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    EXPECT(pthread_create(&thread, NULL, send_all, &pair[0]) == 0);
    for (ssize_t got; (got = read(pair[1], other + done, 5000)) != 0; done += (size_t)got)
        EXPECT(got > 0);
    EXPECT(done == sizeof bytes && memcmp(bytes, other, done) == 0);
    EXPECT(pthread_join(thread, NULL) == 0 && close(pair[0]) == 0 && close(pair[1]) == 0);
}

static void *accept_one(void *fd)
{
    int accepted = accept(*(int *)fd, NULL, NULL);
    EXPECT(accepted >= 0 && write(accepted, "welcome", 7) == 7 && close(accepted) == 0);
    return NULL;
}

static void check_listener(const char *path)
{
    struct sockaddr_un address, found;
    socklen_t len = name(&address, path), found_len = sizeof found;
    struct stat status;
    pthread_t thread;
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    int second = socket(AF_UNIX, SOCK_STREAM, 0), datagram = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct sockaddr *to = (struct sockaddr *)(void *)&address;
    FAILS(listen(listener, 5), EINVAL);
    FAILS(connect(client, to, len), path[0] == '@' ? ECONNREFUSED : ENOENT);
    EXPECT(bind(listener, to, len) == 0);
    FAILS(bind(second, to, len), EADDRINUSE);
    FAILS(connect(client, to, len), ECONNREFUSED);
    EXPECT(listen(listener, 5) == 0);
    FAILS(connect(datagram, to, len), path[0] == '@' ? ECONNREFUSED : EPROTOTYPE);
    if (path[0] != '@') {
        EXPECT(stat(path, &status) == 0 && S_ISSOCK(status.st_mode));
        FAILS(open(path, O_RDWR), ENXIO);
    }
    EXPECT(connect(client, to, len) == 0); /* before accept */
    EXPECT(events(listener) == POLLIN && write(client, "early", 5) == 5);
    int accepted = accept4(listener, (struct sockaddr *)(void *)&found, &found_len, SOCK_NONBLOCK);
    EXPECT(accepted >= 0 && found_len == sizeof(sa_family_t));
    EXPECT(read(accepted, other, 100) == 5);
    FAILS(read(accepted, other, 100), EAGAIN);
    found_len = sizeof found;
    EXPECT(getpeername(client, (struct sockaddr *)(void *)&found, &found_len) == 0);
    EXPECT(found_len == len && memcmp(&found, &address, len) == 0);
    FAILS(connect(client, to, len), EISCONN);
    EXPECT(pthread_create(&thread, NULL, accept_one, &listener) == 0);
    usleep(10000);
    EXPECT(connect(second, to, len) == 0);
    EXPECT(read(second, other, 100) == 7 && read(second, other, 100) == 0 && pthread_join(thread, NULL) == 0);
    close(second);
    second = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT(connect(second, to, len) == 0 && close(listener) == 0);
    FAILS(read(second, other, 1), ECONNRESET); /* nobody had accepted it */
    EXPECT(read(second, other, 1) == 0);
    if (path[0] != '@')
        EXPECT(unlink(path) == 0);
    EXPECT(close(second) == 0 && close(client) == 0 && close(accepted) == 0 && close(datagram) == 0);
}

static void check_datagrams(void)
{
    struct sockaddr_un address, own, from;
    socklen_t len = name(&address, "@here"), own_len = name(&own, "@there"), from_len = sizeof from;
    int server = socket(AF_UNIX, SOCK_DGRAM, 0), client = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), pair[2];
    struct sockaddr *to = (struct sockaddr *)(void *)&address;
    FAILS(send(client, "x", 1, 0), ENOTCONN);
    FAILS(sendto(client, "x", 1, 0, to, len), ECONNREFUSED);
    EXPECT(bind(server, to, len) == 0 && bind(client, (struct sockaddr *)(void *)&own, own_len) == 0);
    EXPECT(sendto(client, "question", 8, 0, to, len) == 8 && sendto(client, "", 0, 0, to, len) == 0);
    EXPECT(recvfrom(server, other, 4, MSG_TRUNC, (struct sockaddr *)(void *)&from, &from_len) == 8);
    EXPECT(from_len == own_len && memcmp(&from, &own, own_len) == 0);
    EXPECT(recv(server, other, 100, 0) == 0 && events(server) == POLLOUT);
    EXPECT(connect(client, to, len) == 0 && send(client, "again", 5, 0) == 5);
    EXPECT(sendto(server, "answer", 6, 0, (struct sockaddr *)(void *)&from, from_len) == 6);
    EXPECT(recv(client, other, 100, 0) == 6 && recv(server, other, 100, 0) == 5);
    EXPECT(close(server) == 0);
    FAILS(send(client, "x", 1, 0), ECONNREFUSED);
    EXPECT(close(client) == 0);
    EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    EXPECT(send(pair[0], "one", 3, 0) == 3 && send(pair[0], "second", 6, 0) == 6);
    EXPECT(recv(pair[1], other, 2, 0) == 2 && recv(pair[1], other, 100, 0) == 6);
    EXPECT(close(pair[0]) == 0 && recv(pair[1], other, 100, 0) == 0 && close(pair[1]) == 0);
}

/* Sends bytes with `count` descriptors. Returns as sendmsg. */
static ssize_t send_fds(int socket, const char *text, const int *fds, size_t count)
{
    _Alignas(8) char control[64];
    struct iovec piece = {(void *)(uintptr_t)text, strlen(text)};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(count * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    return sendmsg(socket, &message, 0);
}

static struct {
    ssize_t got; /* bytes */
    size_t count, controllen;
    int fds[8], flags;
} received;

/* Receives bytes, with room for `count` descriptors. Returns how many came. */
static size_t receive_fds(int socket, size_t count, int flags)
{
    _Alignas(8) char control[64];
    struct iovec piece = {other, 100};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_LEN(count * sizeof(int))};
    received.got = recvmsg(socket, &message, flags);
    received.flags = message.msg_flags;
    received.controllen = message.msg_controllen;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    received.count = header == NULL ? 0 : (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    EXPECT(header == NULL || (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS));
    if (header != NULL)
        memcpy(received.fds, CMSG_DATA(header), received.count * sizeof(int));
    return received.count;
}

/* Passes the end of a pipe for writing, and closes it here. Returns the other end. */
static int pass_pipe(int socket)
{
    int ends[2];
    EXPECT(pipe(ends) == 0 && send_fds(socket, "x", &ends[1], 1) == 1 && close(ends[1]) == 0);
    EXPECT(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    FAILS(read(ends[0], other, 1), EAGAIN);
    return ends[0];
}

static void check_rights(int type)
{
    int pair[2], ends[2], end;
    EXPECT(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair) == 0 && pipe(ends) == 0);
    EXPECT(send_fds(pair[0], "two", ends, 2) == 3 && close(ends[0]) == 0 && close(ends[1]) == 0);
    EXPECT(receive_fds(pair[1], 4, MSG_PEEK) == 2 && received.got == 3);
    EXPECT(write(received.fds[1], "early", 5) == 5 && close(received.fds[0]) == 0 && close(received.fds[1]) == 0);
    EXPECT(receive_fds(pair[1], 4, MSG_CMSG_CLOEXEC) == 2 && received.got == 3 && received.controllen == 24);
    EXPECT(received.flags == MSG_CMSG_CLOEXEC && read(received.fds[0], other, 100) == 5);
    memcpy(ends, received.fds, sizeof ends);
    EXPECT(send_fds(pair[0], "two", ends, 2) == 3 && receive_fds(pair[1], 1, 0) == 1);
    EXPECT(received.flags == MSG_CTRUNC && received.controllen == 20 && close(received.fds[0]) == 0);
    EXPECT(close(ends[0]) == 0 && close(ends[1]) == 0);
    FAILS(send_fds(pair[0], "bad", ends, 1), EBADF);
    /* Files that nobody takes are closed. */
    end = pass_pipe(pair[0]);
    EXPECT(read(pair[1], other, 10) == 1 && read(end, other, 1) == 0 && close(end) == 0);
    end = pass_pipe(pair[0]);
    EXPECT(receive_fds(pair[1], 0, 0) == 0 && received.flags == MSG_CTRUNC && read(end, other, 1) == 0);
    EXPECT(close(end) == 0);
    end = pass_pipe(pair[0]);
    EXPECT(close(pair[1]) == 0 && read(end, other, 1) == 0 && close(end) == 0 && close(pair[0]) == 0);
}

/* A read ends behind the bytes that descriptors came with. They may be sockets. */
static void check_rights_in_a_stream(void)
{
    int pair[2], inner[2];
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, inner) == 0);
    EXPECT(write(pair[0], "ab", 2) == 2 && send_fds(pair[0], "cd", inner, 1) == 2 && write(pair[0], "ef", 2) == 2);
    EXPECT(close(inner[0]) == 0);
    EXPECT(receive_fds(pair[1], 4, 0) == 1 && received.got == 4 && memcmp(other, "abcd", 4) == 0);
    EXPECT(write(received.fds[0], "inner", 5) == 5 && read(inner[1], other, 100) == 5 && close(inner[1]) == 0);
    EXPECT(receive_fds(pair[1], 4, 0) == 0 && received.got == 2 && received.controllen == 0);
    EXPECT(close(received.fds[0]) == 0 && close(pair[0]) == 0 && close(pair[1]) == 0);
}

int main(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    check_pairs();
    check_transfer();
    unlink("/tmp/program_unix");
    check_listener("/tmp/program_unix");
    check_listener("@abstract");
    check_datagrams();
    check_rights(SOCK_STREAM);
    check_rights(SOCK_DGRAM);
    check_rights(SOCK_SEQPACKET);
    check_rights_in_a_stream();
    puts("all is well");
    return 0;
}
