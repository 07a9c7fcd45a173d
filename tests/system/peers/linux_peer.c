/* The Linux end of system tests and benchmarks: the kernel's TCP and UDP through its sockets.
 *
 *   linux_peer serve [CONGESTION]      on the ports of mnet_peer; with this congestion control
 *   linux_peer COMMAND ADDRESS PORT AMOUNT
 *
 * ADDRESS is of either family; a link-local one has a zone (fe80::1%tap0). Commands of TCP:
 *
 *   send, receive   so many bytes; send reads from its peer how many arrived
 *   push, pull      the same without looking at the bytes, for benchmarks
 *   drain           reads for so many milliseconds, however much comes
 *   round           so many round trips of 64 bytes
 *   sessions        so many connections one after the other, with a round trip each
 *   parallel        so many connections at the same time, a message echoed on each
 *   half-close      sends so many bytes, shuts down, then reads the echo to its end
 *   reset           so many connections that end with a reset while data is under way
 *   deaf            sends without reading, until the peer takes no more: less than so many MiB
 *   stopped         reads nothing for so many milliseconds, so that the window closes, then all
 *   greedy          waits until its window is closed, sends so many bytes without reading, then
 *                   reads as many
 *   aborted         reads nothing, and must hear of a reset within so many milliseconds
 *
 * And of UDP:
 *
 *   datagram        a datagram of so many bytes, echoed
 *
 * Clients print "AMOUNT UNIT, NANOSECONDS ns". If anything is wrong, they print one line on the
 * error output, and the exit status is 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "pattern.h"

#define CHUNK (256 * 1024)
#define MESSAGE 64
#define SOURCE_BYTES (UINT64_C(1) << 30)
#define TIMEOUT_SECONDS 300
/* In this time all that is sent must be delivered. */
#define GREED_NS UINT64_C(3000000000)

/* Congestion control of the server's connections. NULL: the kernel's choice. */
static const char *congestion;

static void die(const char *what)
{
    fprintf(stderr, "linux_peer: %s: %s\n", what, errno != 0 ? strerror(errno) : "wrong");
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint8_t *chunk_alloc(void)
{
    uint8_t *chunk = malloc(CHUNK);
    if (chunk == NULL) {
        die("memory");
    }
    return chunk;
}

struct endpoint {
    struct sockaddr_storage name;
    socklen_t len;
};

static struct endpoint endpoint(const char *address, const char *port)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *found;
    struct endpoint end;
    if (getaddrinfo(address, port, &hints, &found) != 0) {
        errno = EINVAL;
        die(address);
    }
    memcpy(&end.name, found->ai_addr, found->ai_addrlen);
    end.len = found->ai_addrlen;
    freeaddrinfo(found);
    return end;
}

static int open_socket(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        die("socket");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (congestion != NULL &&
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, (socklen_t)strlen(congestion)) < 0) {
        die(congestion);
    }
    return fd;
}

static int connect_to(const char *address, const char *port)
{
    struct endpoint peer = endpoint(address, port);
    int fd = open_socket(peer.name.ss_family);
    if (connect(fd, (struct sockaddr *)&peer.name, peer.len) < 0) {
        die("connect");
    }
    return fd;
}

static bool write_all(int fd, const void *data, size_t len)
{
    while (len > 0) {
        ssize_t written = send(fd, data, len, MSG_NOSIGNAL);
        if (written < 0) {
            return false;
        }
        data = (const char *)data + written;
        len -= (size_t)written;
    }
    return true;
}

static bool read_all(int fd, void *data, size_t len)
{
    return len == 0 || recv(fd, data, len, MSG_WAITALL) == (ssize_t)len;
}

static bool send_pattern(int fd, uint64_t bytes)
{
    uint8_t *chunk = chunk_alloc();
    bool well = true;
    for (uint64_t done = 0; done < bytes && well;) {
        size_t len = bytes - done < CHUNK ? (size_t)(bytes - done) : CHUNK;
        pattern_fill(chunk, len, done);
        well = write_all(fd, chunk, len);
        done += len;
    }
    free(chunk);
    return well;
}

/* Reads to the end of the stream. Returns false on an error or a wrong byte. */
static bool receive_pattern(int fd, uint64_t *bytes)
{
    uint8_t *chunk = chunk_alloc();
    ssize_t got;
    bool well = true;
    *bytes = 0;
    errno = 0;
    while (well && (got = recv(fd, chunk, CHUNK, 0)) > 0) {
        well = pattern_matches(chunk, (size_t)got, *bytes);
        *bytes += (uint64_t)got;
    }
    free(chunk);
    return well && got == 0;
}

static bool push(int fd, uint64_t bytes)
{
    uint8_t *chunk = chunk_alloc();
    bool well = true;
    memset(chunk, 0, CHUNK);
    for (uint64_t done = 0; done < bytes && well; done += CHUNK) {
        well = write_all(fd, chunk, CHUNK);
    }
    free(chunk);
    return well;
}

static bool pull(int fd, uint64_t *bytes)
{
    uint8_t *chunk = chunk_alloc();
    ssize_t got;
    *bytes = 0;
    while ((got = recv(fd, chunk, CHUNK, 0)) > 0) {
        *bytes += (uint64_t)got;
    }
    free(chunk);
    return got == 0;
}

/* ---- Server: a thread for each connection ---- */

static void *echo_client(void *argument)
{
    int fd = (int)(intptr_t)argument;
    uint8_t *chunk = chunk_alloc();
    ssize_t got;
    while ((got = recv(fd, chunk, CHUNK, 0)) > 0 && write_all(fd, chunk, (size_t)got)) {
    }
    free(chunk);
    close(fd);
    return NULL;
}

static void *discard_client(void *argument)
{
    int fd = (int)(intptr_t)argument;
    uint64_t bytes;
    if (receive_pattern(fd, &bytes)) {
        char text[32];
        int len = snprintf(text, sizeof text, "%llu\n", (unsigned long long)bytes);
        write_all(fd, text, (size_t)len);
    } else {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    }
    close(fd);
    return NULL;
}

static void *source_client(void *argument)
{
    int fd = (int)(intptr_t)argument;
    send_pattern(fd, SOURCE_BYTES);
    close(fd);
    return NULL;
}

static void *pull_server(void *argument)
{
    uint64_t bytes;
    int fd = (int)(intptr_t)argument;
    pull(fd, &bytes);
    close(fd);
    return NULL;
}

static void *push_server(void *argument)
{
    int fd = (int)(intptr_t)argument;
    push(fd, SOURCE_BYTES);
    close(fd);
    return NULL;
}

/* For both families, or for IPv4 alone if the kernel has no other. */
static int open_listener(const char *port)
{
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    struct endpoint own = endpoint(probe < 0 ? "0.0.0.0" : "::", port);
    close(probe);
    int listener = open_socket(own.name.ss_family);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int));
    if (bind(listener, (struct sockaddr *)&own.name, own.len) < 0 || listen(listener, 1024) < 0) {
        die("listen");
    }
    return listener;
}

static void accept_clients(const char *port, void *(*client)(void *))
{
    int listener = open_listener(port);
    for (;;) {
        pthread_t thread;
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) {
            die("accept");
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        if (pthread_create(&thread, NULL, client, (void *)(intptr_t)fd) != 0) {
            die("thread");
        }
        pthread_detach(thread);
    }
}

static void *accept_echo(void *argument)
{
    accept_clients("7", echo_client);
    return argument;
}

static void *accept_discard(void *argument)
{
    accept_clients("9", discard_client);
    return argument;
}

static void *accept_pull(void *argument)
{
    accept_clients("10", pull_server);
    return argument;
}

static void *accept_push(void *argument)
{
    accept_clients("20", push_server);
    return argument;
}

static void serve(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, accept_pull, NULL);
    pthread_create(&thread, NULL, accept_push, NULL);
    pthread_create(&thread, NULL, accept_echo, NULL);
    pthread_create(&thread, NULL, accept_discard, NULL);
    accept_clients("19", source_client);
}

/* ---- Clients ---- */

static void send_client(const char *address, const char *port, uint64_t bytes)
{
    char text[32] = "";
    int fd = connect_to(address, port);
    if (!send_pattern(fd, bytes) || shutdown(fd, SHUT_WR) < 0) {
        die("send");
    }
    ssize_t got = recv(fd, text, sizeof text - 1, 0);
    if (got < 0 || (got > 0 && strtoull(text, NULL, 10) != bytes)) {
        die("the peer's count");
    }
    close(fd);
}

static void receive_client(const char *address, const char *port, uint64_t bytes)
{
    uint64_t got;
    int fd = connect_to(address, port);
    if (!receive_pattern(fd, &got) || got != bytes) {
        die("receive");
    }
    close(fd);
}

static void push_client(const char *address, const char *port, uint64_t bytes)
{
    int fd = connect_to(address, port);
    char byte;
    if (!push(fd, bytes) || shutdown(fd, SHUT_WR) < 0 || recv(fd, &byte, 1, 0) != 0) {
        die("push");
    }
    close(fd);
}

static void pull_client(const char *address, const char *port, uint64_t bytes)
{
    uint64_t got;
    int fd = connect_to(address, port);
    if (!pull(fd, &got) || got != bytes) {
        die("pull");
    }
    close(fd);
}

/* Returns the bytes that came in so much time, the handshake included. */
static uint64_t drain(const char *address, const char *port, uint64_t time_ms)
{
    uint8_t *chunk = chunk_alloc();
    uint64_t bytes = 0, end = now_ns() + time_ms * 1000000, now;
    int fd = connect_to(address, port);
    ssize_t got = 1;
    while (got > 0 && (now = now_ns()) < end) {
        struct timeval timeout = {.tv_sec = (time_t)((end - now) / 1000000000),
                                  .tv_usec = (suseconds_t)((end - now) / 1000 % 1000000 + 1)};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        got = recv(fd, chunk, CHUNK, 0);
        bytes += got > 0 ? (uint64_t)got : 0;
    }
    free(chunk);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    close(fd);
    return bytes;
}

static void round_client(const char *address, const char *port, uint64_t count)
{
    uint8_t message[MESSAGE] = {0};
    int fd = connect_to(address, port);
    for (uint64_t i = 0; i < count; i++) {
        if (!write_all(fd, message, sizeof message) || !read_all(fd, message, sizeof message)) {
            die("round trip");
        }
    }
    close(fd);
}

static void sessions_client(const char *address, const char *port, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        round_client(address, port, 1);
    }
}

static void parallel_client(const char *address, const char *port, uint64_t count)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int *fds = calloc(count, sizeof *fds);
    if (fds == NULL) {
        die("memory");
    }
    uint8_t message[1000], echoed[1000];
    for (uint64_t i = 0; i < count; i++) {
        fds[i] = connect_to(address, port);
    }
    for (uint64_t i = 0; i < count; i++) {
        pattern_fill(message, sizeof message, i * 4096);
        if (!write_all(fds[i], message, sizeof message)) {
            die("send");
        }
    }
    for (uint64_t i = 0; i < count; i++) {
        if (!read_all(fds[i], echoed, sizeof echoed) || !pattern_matches(echoed, sizeof echoed, i * 4096)) {
            die("echo");
        }
    }
    for (uint64_t i = 0; i < count; i++) {
        close(fds[i]);
    }
    free(fds);
}

static void *send_and_shut(void *argument)
{
    const uint64_t *job = argument;
    if (!send_pattern((int)job[0], job[1]) || shutdown((int)job[0], SHUT_WR) < 0) {
        die("send");
    }
    return NULL;
}

static void half_close_client(const char *address, const char *port, uint64_t bytes)
{
    uint64_t got, job[2] = {(uint64_t)connect_to(address, port), bytes};
    pthread_t thread;
    pthread_create(&thread, NULL, send_and_shut, job);
    if (!receive_pattern((int)job[0], &got) || got != bytes) {
        die("echo after shutdown");
    }
    pthread_join(thread, NULL);
    close((int)job[0]);
}

static void reset_client(const char *address, const char *port, uint64_t count)
{
    uint8_t message[32768] = {0};
    for (uint64_t i = 0; i < count; i++) {
        int fd = connect_to(address, port);
        if (!write_all(fd, message, sizeof message)) {
            die("send");
        }
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
        close(fd);
    }
}

/* Waits until the peer has acknowledged everything. Returns false if that takes too long. */
static bool delivered(int fd, uint64_t at_most_ns)
{
    int left = 1;
    for (uint64_t begun = now_ns(); left > 0 && now_ns() - begun < at_most_ns; usleep(1000)) {
        if (ioctl(fd, SIOCOUTQ, &left) < 0) {
            return false;
        }
    }
    return left == 0;
}

static void greedy_client(const char *address, const char *port, uint64_t bytes)
{
    int fd = connect_to(address, port);
    sleep(1); /* the peer fills the window, and probes it */
    if (!send_pattern(fd, bytes) || !delivered(fd, GREED_NS)) {
        die("sending without reading");
    }
    uint8_t *chunk = chunk_alloc();
    for (uint64_t done = 0; done < bytes; done += MESSAGE) {
        if (!read_all(fd, chunk, MESSAGE) || !pattern_matches(chunk, MESSAGE, done)) {
            die("reading");
        }
    }
    free(chunk);
    close(fd);
}

static void aborted_client(const char *address, const char *port, uint64_t time_ms)
{
    int fd = connect_to(address, port);
    struct pollfd wait = {.fd = fd};
    if (poll(&wait, 1, (int)time_ms) != 1 || !(wait.revents & POLLERR)) {
        die("waiting for the reset");
    }
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error != ECONNRESET) {
        die("the error");
    }
    close(fd);
}

/* The source goes on sending until both buffers are full and the window is zero. When it opens,
 * everything must still come. */
static void stopped_client(const char *address, const char *port, uint64_t pause_ms)
{
    struct endpoint peer = endpoint(address, port);
    int fd = open_socket(peer.name.ss_family);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){65536}, sizeof(int));
    if (connect(fd, (struct sockaddr *)&peer.name, peer.len) < 0) {
        die("connect");
    }
    nanosleep(&(struct timespec){(time_t)(pause_ms / 1000), (long)(pause_ms % 1000) * 1000000}, NULL);
    uint64_t got;
    if (!receive_pattern(fd, &got) || got != SOURCE_BYTES) {
        die("receive after the pause");
    }
    close(fd);
}

/* An echo server that reads on although nobody takes its answers queues them without end. */
static void deaf_client(const char *address, const char *port, uint64_t mebibytes)
{
    uint8_t *chunk = chunk_alloc();
    uint64_t taken = 0;
    int fd = connect_to(address, port);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){2, 0}, sizeof(struct timeval));
    memset(chunk, 'x', CHUNK);
    for (ssize_t n; (n = send(fd, chunk, CHUNK, MSG_NOSIGNAL)) > 0;) {
        taken += (uint64_t)n;
        if (taken >= mebibytes << 20) {
            errno = 0;
            die("the peer takes all that is sent:");
        }
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
        die("send");
    }
    free(chunk);
    close(fd);
}

static void datagram_client(const char *address, const char *port, uint64_t bytes)
{
    static uint8_t message[65536], echoed[65536];
    struct endpoint peer = endpoint(address, port);
    int fd = socket(peer.name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){3, 0}, sizeof(struct timeval));
    if (bytes > sizeof message || connect(fd, (struct sockaddr *)&peer.name, peer.len) < 0) {
        die("datagram");
    }
    pattern_fill(message, (size_t)bytes, 0);
    if (send(fd, message, (size_t)bytes, 0) != (ssize_t)bytes) {
        die("send");
    }
    ssize_t got = recv(fd, echoed, sizeof echoed, 0);
    if (got < 0) {
        die("receive");
    }
    if ((uint64_t)got != bytes || memcmp(message, echoed, (size_t)bytes) != 0) {
        errno = 0;
        die("another datagram came back:");
    }
    close(fd);
}

static const struct {
    const char *name, *unit;
    void (*run)(const char *address, const char *port, uint64_t amount);
} commands[] = {
    {"send", "bytes", send_client},
    {"receive", "bytes", receive_client},
    {"push", "bytes", push_client},
    {"pull", "bytes", pull_client},
    {"round", "rounds", round_client},
    {"sessions", "connections", sessions_client},
    {"parallel", "connections", parallel_client},
    {"half-close", "bytes", half_close_client},
    {"reset", "connections", reset_client},
    {"deaf", "MiB", deaf_client},
    {"datagram", "bytes", datagram_client},
    {"stopped", "ms", stopped_client},
    {"greedy", "bytes", greedy_client},
    {"aborted", "ms", aborted_client},
};

int main(int argc, char **argv)
{
    if ((argc == 2 || argc == 3) && strcmp(argv[1], "serve") == 0) {
        congestion = argv[2];
        serve();
    }
    alarm(TIMEOUT_SECONDS);
    if (argc == 5 && strcmp(argv[1], "drain") == 0) {
        uint64_t bytes = drain(argv[2], argv[3], strtoull(argv[4], NULL, 10));
        printf("%llu bytes, %s000000 ns\n", (unsigned long long)bytes, argv[4]);
        return 0;
    }
    for (size_t i = 0; argc == 5 && i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            uint64_t amount = strtoull(argv[4], NULL, 10);
            uint64_t begun = now_ns();
            commands[i].run(argv[2], argv[3], amount);
            printf("%llu %s, %llu ns\n", (unsigned long long)amount, commands[i].unit,
                   (unsigned long long)(now_ns() - begun));
            return 0;
        }
    }
    fprintf(stderr, "usage: linux_peer serve [CONGESTION], or linux_peer COMMAND ADDRESS PORT AMOUNT\n");
    return 1;
}
