/* Random sequences of socket calls, and their results as text: one line a call. The same source is
 * built over the sockets of Linux (SOCKETS_OF_LINUX) and over mnet's descriptors on a simulated
 * host, so that both texts can be compared. Both talk to themselves over the loopback addresses.
 *
 *     socket_calls FIRST COUNT    plays the sequences with these numbers
 *
 * A call waits for nothing, but for what is on its way: after each call the network comes to rest.
 * Ports that the system chooses are printed as "*", because they are random.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef SOCKETS_OF_LINUX
#include "system/peers/socket_linux.h"
#else
#include "system/peers/socket_mnet.h"
#endif

#define CALLS 60 /* of a sequence */
#define FDS 16   /* descriptors are 3 to 3 + FDS - 1, and invalid ones beside them */
#define FIRST_FD 3
#define PORTS 4
#define BASE_PORT 10000
#define SEQUENCES 2500 /* each has ports of its own, of which none may be in TIME-WAIT */

static uint64_t seed;

static unsigned below(unsigned bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)((seed * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % bound;
}

/* ---- What the sequence knows of its descriptors ---- */

enum role {
    ROLE_NONE,
    ROLE_TCP,
    ROLE_UDP,
    ROLE_EPOLL,
};

/* Kept by the generator, from the results of calls, so that most calls make sense. */
static struct slot {
    enum role role;
    int domain;
    unsigned bound; /* 1 + port number; 0: not bound by the sequence */
    bool listening;
    const char *connected; /* the kind of the remote address, or of the last attempt */
    bool shut;             /* TCP: before it was connected */
    unsigned id;           /* of the file: copies have the same */
} slots[FDS];
static unsigned next_id;
static unsigned first_port;
static bool port_taken[2][PORTS]; /* TCP, UDP: a live socket has it */

static struct slot *slot_of(int fd)
{
    static struct slot none;
    if (fd >= FIRST_FD && fd < FIRST_FD + FDS)
        return &slots[fd - FIRST_FD];
    none = (struct slot){.role = ROLE_NONE};
    return &none;
}

/* Returns a descriptor of the role, or any number if there is none. */
static int pick(enum role role)
{
    int found[FDS], count = 0;
    for (int i = 0; i < FDS; i++) {
        if (slots[i].role == role)
            found[count++] = FIRST_FD + i;
    }
    return count > 0 && below(40) > 0 ? found[below((unsigned)count)] : (int)(FIRST_FD + below(FDS + 2));
}

static int pick_socket(void)
{
    return pick(below(3) > 0 ? ROLE_TCP : ROLE_UDP);
}

static void learn(int fd, enum role role, int domain)
{
    if (fd >= 0)
        *slot_of(fd) = (struct slot){.role = role, .domain = domain, .id = ++next_id};
}

static void forget(int fd)
{
    struct slot gone = *slot_of(fd);
    *slot_of(fd) = (struct slot){.role = ROLE_NONE};
    for (int i = 0; i < FDS; i++) {
        if (slots[i].role != ROLE_NONE && slots[i].id == gone.id)
            return;
    }
    if (gone.bound > 0)
        port_taken[gone.role == ROLE_UDP][gone.bound - 1] = false;
}

/* ---- Text ---- */

static void print_result(const char *call, long result)
{
    if (result < 0)
        printf("%s = %s\n", call, error_name((int)-result));
    else
        printf("%s = %ld\n", call, result);
}

static void print_bytes(const uint8_t *bytes, long len)
{
    uint32_t sum = 0;
    for (long i = 0; i < len; i++)
        sum = sum * 31 + bytes[i];
    printf("    bytes %ld sum %08" PRIx32 "\n", len, sum);
}

static void print_address(const struct call_address *address, uint32_t len)
{
    uint16_t family = 0;
    if (len == 0) {
        printf("    no address\n");
        return;
    }
    memcpy(&family, address->bytes, 2);
    unsigned port = (unsigned)address->bytes[2] << 8 | address->bytes[3];
    printf("    family %u length %u port ", family, len);
    if (port == 0 || (port >= first_port && port < first_port + PORTS))
        printf("%u", port == 0 ? 0 : port - first_port + 1);
    else
        printf("*");
    unsigned from = family == AF_INET ? 4 : 8, to = family == AF_INET ? 8 : 24;
    printf(" address ");
    for (unsigned i = from; i < to; i++)
        printf("%02x", address->bytes[i]);
    printf("\n");
}

/* ---- Calls ---- */

static const char *made; /* the kind of the address made last */

static uint32_t make_address(struct call_address *address, int domain, unsigned port, bool any)
{
    static const uint8_t v4[4] = {127, 0, 0, 1}, mapped[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};
    static const uint8_t v6[16] = {[15] = 1};
    uint16_t family = (uint16_t)domain;
    memset(address, 0, sizeof *address);
    memcpy(address->bytes, &family, 2);
    address->bytes[2] = (uint8_t)(port >> 8);
    address->bytes[3] = (uint8_t)port;
    made = any ? "any" : "IPv4";
    if (domain == AF_INET) {
        if (!any)
            memcpy(address->bytes + 4, v4, 4);
        return 16;
    }
    bool is_v6 = below(2);
    if (!any)
        made = is_v6 ? "IPv6" : "mapped";
    if (!any)
        memcpy(address->bytes + 8, is_v6 ? v6 : mapped, 16);
    return 28;
}

static void call_socket(void)
{
    static const int domains[] = {AF_INET, AF_INET6, AF_INET, AF_INET6, 3};
    int domain = domains[below(60) == 0 ? 4 : below(4)];
    bool udp = below(3) == 0;
    int type = below(80) == 0 ? 9 : udp ? SOCK_DGRAM : SOCK_STREAM;
    int protocol = below(40) == 0 ? IPPROTO_UDP : 0;
    int fd = do_socket(domain, type, protocol);
    char text[64];
    snprintf(text, sizeof text, "socket(%d, %d, %d)", domain, type, protocol);
    print_result(text, fd);
    learn(fd, udp ? ROLE_UDP : ROLE_TCP, domain);
}

static void call_bind(void)
{
    struct call_address address;
    char text[64];
    int fd = pick_socket();
    struct slot *slot = slot_of(fd);
    unsigned port = below(PORTS);
    bool udp = slot->role == ROLE_UDP;
    /* With SO_REUSEADDR Linux lets sockets share a port that do not listen: docs/sockets.md. */
    if (slot->role == ROLE_NONE || port_taken[udp][port])
        return;
    int domain = below(30) == 0 ? AF_INET + AF_INET6 - slot->domain : slot->domain;
    bool any = below(2);
    uint32_t len = make_address(&address, domain, first_port + port, any);
    if (below(30) == 0)
        len = 5;
    int result = do_bind(fd, &address, len);
    snprintf(text, sizeof text, "bind(%d, %d, port %u, %s, %u)", fd, domain, port, made, len);
    print_result(text, result);
    if (result < 0)
        return;
    port_taken[udp][port] = true;
    for (int i = 0; i < FDS; i++) {
        if (slots[i].role != ROLE_NONE && slots[i].id == slot->id)
            slots[i].bound = port + 1;
    }
}

static void call_listen(void)
{
    char text[64];
    int fd = pick(ROLE_TCP);
    if (slot_of(fd)->shut)
        return; /* docs/sockets.md */
    int result = do_listen(fd, 8);
    snprintf(text, sizeof text, "listen(%d)", fd);
    print_result(text, result);
    for (int i = 0; i < FDS && result == 0; i++)
        slots[i].listening |= slots[i].role == ROLE_TCP && slots[i].id == slot_of(fd)->id;
}

/* For all copies of the descriptor. */
static void note_connected(const struct slot *slot, const char *kind)
{
    for (int i = 0; i < FDS; i++) {
        if (slots[i].role != ROLE_NONE && slots[i].id == slot->id)
            slots[i].connected = kind;
    }
}

/* Returns whether any connection is not accepted yet. Such a one is not to be reset:
 * docs/sockets.md. */
static bool any_unaccepted(void)
{
    struct pollfd fds[FDS];
    unsigned count = 0;
    for (int i = 0; i < FDS; i++) {
        if (slots[i].role == ROLE_TCP && slots[i].listening)
            fds[count++] = (struct pollfd){.fd = FIRST_FD + i, .events = POLLIN};
    }
    return do_poll(fds, count) > 0;
}

static void call_connect(void)
{
    struct call_address address;
    char text[64];
    int fd = pick_socket();
    struct slot *slot = slot_of(fd);
    if (below(25) == 0) {
        memset(&address, 0, sizeof address);
        snprintf(text, sizeof text, "connect(%d, unspecified)", fd);
        if (slot->role == ROLE_TCP && (slot->listening || any_unaccepted()))
            return; /* ends listening on Linux: docs/sockets.md */
        print_result(text, do_connect(fd, &address, 16));
        note_connected(slot, slot->role == ROLE_UDP ? NULL : slot->connected);
        return;
    }
    int domain = below(30) == 0 ? AF_INET : slot->domain != 0 ? slot->domain : AF_INET;
    unsigned port = below(PORTS);
    uint32_t len = make_address(&address, domain, first_port + port, below(6) == 0);
    bool elsewhere = slot->connected != NULL && strcmp(slot->connected, made) != 0 && slot->domain == AF_INET6;
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    bool loses = slot->role == ROLE_UDP && do_poll(&waiting, 1) > 0;
    if (elsewhere || loses || slot->shut)
        return; /* docs/sockets.md */
    snprintf(text, sizeof text, "connect(%d, %d, port %u, %s)", fd, domain, port, made);
    int result = do_connect(fd, &address, len);
    print_result(text, result);
    if (slot->role == ROLE_TCP || result == 0)
        note_connected(slot, made);
}

static void call_accept(void)
{
    struct call_address address;
    uint32_t len = sizeof address;
    char text[64];
    int fd = pick(ROLE_TCP);
    bool wanted = below(2);
    int result = do_accept(fd, wanted ? &address : NULL, wanted ? &len : NULL);
    snprintf(text, sizeof text, "accept(%d)", fd);
    print_result(text, result);
    if (result < 0)
        return;
    if (wanted)
        print_address(&address, len);
    learn(result, ROLE_TCP, slot_of(fd)->domain);
}

static const int send_flags[] = {0, 0, 0, MSG_DONTWAIT, MSG_NOSIGNAL};
static const int receive_flags[] = {0, 0, 0, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, MSG_DONTWAIT, MSG_PEEK | MSG_TRUNC};
static uint8_t bytes[70000];

static void fill(size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)below(256);
}

static size_t some_length(void)
{
    static const unsigned bounds[] = {2, 10, 100, 3000};
    return below(bounds[below(4)]);
}

static void call_send(void)
{
    char text[80];
    int fd = pick_socket(), flags = send_flags[below(5)];
    size_t len = some_length();
    fill(len);
    snprintf(text, sizeof text, "send(%d, %zu, 0x%x)", fd, len, flags);
    print_result(text, do_sendto(fd, bytes, len, flags | MSG_NOSIGNAL, NULL, 0));
}

static void call_sendto(void)
{
    struct call_address address;
    char text[80];
    int fd = pick(ROLE_UDP);
    struct slot *slot = slot_of(fd);
    size_t len = below(60) == 0 ? 66000 : some_length();
    unsigned port = below(PORTS);
    uint32_t address_len = make_address(&address, slot->domain != 0 ? slot->domain : AF_INET, first_port + port, false);
    /* Elsewhere than it is connected to, in the other family: docs/sockets.md. */
    if (slot->connected != NULL && strcmp(slot->connected, made) != 0 && slot->domain == AF_INET6)
        return;
    fill(len);
    snprintf(text, sizeof text, "sendto(%d, %zu, port %u, %s)", fd, len, port, made);
    print_result(text, do_sendto(fd, bytes, len, MSG_NOSIGNAL, &address, address_len));
}

static void call_sendmsg(void)
{
    char text[80];
    int fd = pick_socket();
    size_t first = some_length(), second = some_length();
    fill(first + second);
    struct call_piece pieces[3] = {{bytes, first}, {NULL, 0}, {bytes + first, second}};
    struct call_message message = {.pieces = pieces, .count = 3};
    snprintf(text, sizeof text, "sendmsg(%d, %zu + %zu)", fd, first, second);
    print_result(text, do_sendmsg(fd, &message));
}

/* Appends a control message. Its length is seldom wrong. */
static void put_control(struct call_message *message, int level, int type, const void *data, size_t len)
{
    uint8_t *to = message->control + message->control_len;
    size_t whole = 2 * sizeof(size_t) + len - (below(60) == 0);
    printf("    with %d %d %zu: %02x...%02x\n", level, type, whole, *(const uint8_t *)data,
           ((const uint8_t *)data)[len - 1]);
    memcpy(to, &whole, sizeof whole);
    memcpy(to + sizeof whole, &level, sizeof level);
    memcpy(to + sizeof whole + sizeof level, &type, sizeof type);
    memcpy(to + 2 * sizeof(size_t), data, len);
    message->control_len += (2 * sizeof(size_t) + len + 7) & ~(size_t)7;
}

/* An own address, one of somebody else, or none, as the messages of both families have it. */
static void put_packet(struct call_message *message, bool ipv4)
{
    static const uint8_t v4[][12] = {{0, 0, 0, 0, 127, 0, 0, 1}, {0}};
    static const uint8_t v6[][20] = {{[15] = 1}, {0xfd, [15] = 9}, {0}, {[10] = 0xff, 0xff, 127, 0, 0, 1}};
    if (ipv4)
        put_control(message, IPPROTO_IP, IP_PKTINFO, v4[below(2)], 12);
    else
        put_control(message, IPPROTO_IPV6, IPV6_PKTINFO, v6[below(4)], 20);
}

/* Sends a datagram with control messages of either family. */
static void call_send_control(void)
{
    char text[80];
    int fd = pick(ROLE_UDP), ttl = 1 + (int)below(257), tos = (int)below(300) - 1;
    struct slot *slot = slot_of(fd);
    size_t len = some_length();
    fill(len);
    struct call_piece piece = {bytes, len};
    struct call_message message = {.pieces = &piece, .count = 1};
    message.address_len = make_address(&message.address, slot->domain != 0 ? slot->domain : AF_INET,
                                       first_port + below(PORTS), false);
    bool ipv4 = below(3) == 0 || strcmp(made, "IPv6") != 0, bound = slot->bound > 0;
    if (slot->connected != NULL && strcmp(slot->connected, made) != 0 && slot->domain == AF_INET6)
        return;                  /* docs/sockets.md */
    if (below(2) == 0 && !bound) /* for one that is bound to an address: docs/sockets.md */
        put_packet(&message, below(10) == 0 ? !ipv4 : ipv4);
    if (below(2) == 0)
        put_control(&message, ipv4 ? IPPROTO_IP : IPPROTO_IPV6, ipv4 ? IP_TTL : IPV6_HOPLIMIT, &ttl, sizeof ttl);
    if (below(2) == 0)
        put_control(&message, ipv4 ? IPPROTO_IP : IPPROTO_IPV6, ipv4 ? IP_TOS : IPV6_TCLASS, &tos, sizeof tos);
    if (below(30) == 0)
        put_control(&message, below(2) ? SOL_SOCKET : 9999, (int)below(4) + 1, &tos, sizeof tos);
    snprintf(text, sizeof text, "send_control(%d, %zu, %s, %zu)", fd, len, made, message.control_len);
    print_result(text, do_sendmsg(fd, &message));
}

/* The number of the interface is no part of the result. */
static void print_control(const struct call_message *message)
{
    size_t at = 0, len, header = 2 * sizeof len;
    while (at + header <= message->control_len) {
        const uint8_t *from = message->control + at;
        int level, type;
        memcpy(&len, from, sizeof len);
        memcpy(&level, from + sizeof len, sizeof level);
        memcpy(&type, from + sizeof len + sizeof level, sizeof type);
        printf("    control %d %d %zu:", level, type, len);
        for (size_t i = header; i < len && i < header + 16; i++)
            printf(" %02x", level == IPPROTO_IP && type == IP_PKTINFO && i < header + 4 ? 0 : from[i]);
        printf("\n");
        at += len < header ? header : (len + 7) & ~(size_t)7;
    }
}

static void call_recv(void)
{
    struct call_address address;
    uint32_t len = sizeof address;
    char text[80];
    int fd = pick_socket(), flags = receive_flags[below(8)];
    size_t room = 1 + some_length();
    bool named = below(2);
    memset(bytes, 0, sizeof bytes);
    long got = do_recvfrom(fd, bytes, room, flags, named ? &address : NULL, named ? &len : NULL);
    snprintf(text, sizeof text, "recv(%d, %zu, 0x%x)", fd, room, flags);
    print_result(text, got);
    if (got >= 0 && !((flags & MSG_TRUNC) && slot_of(fd)->role == ROLE_TCP))
        print_bytes(bytes, got < (long)room ? got : (long)room);
    if (got >= 0 && named)
        print_address(&address, slot_of(fd)->role == ROLE_TCP ? 0 : len);
}

static void call_recvmsg(void)
{
    char text[80];
    int fd = pick_socket(), flags = below(4) == 0 ? MSG_PEEK : 0;
    size_t first = some_length(), second = some_length();
    static const size_t rooms[] = {0, 10, 28, 60, 128, 128, 128, 128};
    memset(bytes, 0, sizeof bytes);
    struct call_piece pieces[3] = {{bytes, first}, {NULL, 0}, {bytes + first, second}};
    struct call_message message = {
        .address_len = sizeof message.address, .pieces = pieces, .count = 3, .control_len = rooms[below(8)]};
    if (first + second == 0 || ((flags & MSG_PEEK) && slot_of(fd)->role == ROLE_TCP && first > 0))
        pieces[2].len = 0, pieces[0].len = first = first + 1, second = 0;
    long got = do_recvmsg(fd, &message, flags);
    snprintf(text, sizeof text, "recvmsg(%d, %zu + %zu, 0x%x)", fd, first, second, flags);
    print_result(text, got);
    if (got < 0)
        return;
    print_bytes(bytes, got);
    print_address(&message.address, message.address_len);
    printf("    flags 0x%x control %zu\n", message.flags, message.control_len);
    print_control(&message);
}

static void call_shutdown(void)
{
    char text[64];
    int fd = pick_socket(), how = (int)below(below(20) == 0 ? 5 : 3);
    struct slot *slot = slot_of(fd);
    if (slot->listening)
        return; /* a listener that has stopped is listed in docs/sockets.md */
    snprintf(text, sizeof text, "shutdown(%d, %d)", fd, how);
    int result = do_shutdown(fd, how);
    print_result(text, result);
    for (int i = 0; i < FDS && result < 0 && slot->role == ROLE_TCP; i++)
        slots[i].shut |= slots[i].id == slot->id;
}

static void call_names(void)
{
    struct call_address address;
    uint32_t len = sizeof address;
    char text[64];
    int fd = pick_socket();
    int result = do_getsockname(fd, &address, &len);
    snprintf(text, sizeof text, "getsockname(%d)", fd);
    print_result(text, result);
    if (result == 0)
        print_address(&address, len);
    len = sizeof address;
    result = do_getpeername(fd, &address, &len);
    snprintf(text, sizeof text, "getpeername(%d)", fd);
    print_result(text, result);
    if (result == 0)
        print_address(&address, len);
}

#include "system/peers/socket_option_calls.h"

static void call_poll(void)
{
    struct pollfd fds[FDS + 2];
    static const short wanted[] = {POLLIN, POLLOUT, POLLIN | POLLOUT, POLLIN | POLLOUT | POLLRDHUP, 0};
    for (int i = 0; i < FDS + 2; i++)
        fds[i] = (struct pollfd){.fd = i == 0 ? -1 : FIRST_FD + i - 1, .events = wanted[below(5)]};
    for (int i = 1; i < FDS + 2; i++) {
        if (slot_of(fds[i].fd)->role == ROLE_EPOLL)
            fds[i].fd = -1; /* cannot be polled: docs/sockets.md */
    }
    print_result("poll", do_poll(fds, FDS + 2));
    for (int i = 0; i < FDS + 2; i++) {
        if (fds[i].revents != 0 && fds[i].revents != POLLNVAL)
            printf("    %d: 0x%x of 0x%x\n", fds[i].fd, fds[i].revents, fds[i].events);
    }
}

static void call_select(void)
{
    int readable[FDS], count = 0, results[FDS];
    for (int i = 0; i < FDS; i++) {
        if (slots[i].role == ROLE_TCP || slots[i].role == ROLE_UDP)
            readable[count++] = FIRST_FD + i;
    }
    print_result("select", do_select(readable, count, results));
    for (int i = 0; i < count; i++) {
        if (results[i] != 0)
            printf("    %d: %d\n", readable[i], results[i]);
    }
}

static void call_epoll_ctl(void)
{
    static const uint32_t wanted[] = {EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT | EPOLLRDHUP, EPOLLIN | EPOLLONESHOT};
    char text[80];
    int epoll = pick(ROLE_EPOLL), fd = pick_socket(), operation = 1 + (int)below(3);
    uint32_t events = wanted[below(4)];
    if (slot_of(epoll)->role != ROLE_EPOLL && slot_of(epoll)->role != ROLE_NONE && below(4) > 0)
        return;
    if (slot_of(fd)->role == ROLE_EPOLL)
        return;
    int result = do_epoll_ctl(epoll, operation, fd, events);
    snprintf(text, sizeof text, "epoll_ctl(%d, %d, %d, 0x%x)", epoll, operation, fd, events);
    print_result(text, result);
}

static void call_epoll_wait(void)
{
    uint64_t data[32];
    uint32_t events[32];
    char text[64];
    int epoll = pick(ROLE_EPOLL);
    int count = do_epoll_wait(epoll, events, data, 32);
    snprintf(text, sizeof text, "epoll_wait(%d)", epoll);
    print_result(text, count);
    for (uint64_t fd = 0; fd < FIRST_FD + FDS + 2; fd++) { /* in no order */
        for (int i = 0; i < count; i++) {
            if (data[i] == fd)
                printf("    %" PRIu64 ": 0x%x\n", fd, events[i]);
        }
    }
}

static void call_epoll_create(void)
{
    int fd = do_epoll_create();
    print_result("epoll_create", fd);
    learn(fd, ROLE_EPOLL, 0);
}

static void call_dup(void)
{
    char text[64];
    int fd = pick_socket();
    struct slot slot = *slot_of(fd);
    int result = do_dup(fd);
    snprintf(text, sizeof text, "dup(%d)", fd);
    print_result(text, result);
    if (result >= 0)
        *slot_of(result) = slot;
}

static void close_fd(int fd)
{
    char text[64];
    snprintf(text, sizeof text, "close(%d)", fd);
    print_result(text, do_close(fd));
    forget(fd);
}

static void call_close(void)
{
    int fd = below(12) == 0 ? pick(ROLE_EPOLL) : pick_socket();
    if (below(4) == 0 && slot_of(fd)->role == ROLE_TCP && !any_unaccepted())
        print_result("linger", do_linger(fd, 0));
    close_fd(fd);
}

static void call_queued(void)
{
    char text[64];
    int fd = pick_socket();
    snprintf(text, sizeof text, "readable bytes of %d", fd);
    if (slot_of(fd)->role == ROLE_TCP || slot_of(fd)->role == ROLE_UDP)
        print_result(text, do_readable_bytes(fd));
}

static const struct {
    void (*call)(void);
    unsigned weight;
} calls[] = {
    {call_socket, 10},  {call_bind, 8},           {call_listen, 6},       {call_connect, 10},     {call_accept, 10},
    {call_send, 10},    {call_sendto, 5},         {call_sendmsg, 4},      {call_recv, 10},        {call_recvmsg, 4},
    {call_shutdown, 3}, {call_names, 5},          {call_getsockopt, 4},   {call_setsockopt, 3},   {call_poll, 8},
    {call_select, 3},   {call_epoll_ctl, 8},      {call_epoll_wait, 6},   {call_epoll_create, 2}, {call_dup, 2},
    {call_close, 4},    {call_queued, 2},         {call_group_option, 2}, {call_membership, 3},   {call_ip_option, 4},
    {call_tcp_info, 4}, {call_control_option, 5}, {call_send_control, 4}, {call_shared_port, 1},
};

static void play(unsigned number)
{
    unsigned total = 0;
    memset(slots, 0, sizeof slots);
    memset(port_taken, 0, sizeof port_taken);
    next_id = 0;
    seed = UINT64_C(0x9e3779b97f4a7c15) * (number + 1);
    first_port = BASE_PORT + number % SEQUENCES * PORTS;
    printf("sequence %u\n", number);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        total += calls[i].weight;
    for (int i = 0; i < CALLS; i++) {
        unsigned at = below(total);
        size_t which = 0;
        for (; at >= calls[which].weight; which++)
            at -= calls[which].weight;
        calls[which].call();
        settle();
    }
    for (int i = 0; i < FDS; i++) {
        if (slots[i].role != ROLE_NONE)
            close_fd(FIRST_FD + i);
    }
    settle();
}

static void play_all(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        play(i);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    run(play_all, (unsigned)atoi(argv[1]), (unsigned)atoi(argv[2]));
    return fflush(stdout) != 0;
}
