/* The calls of socket_calls.c that set options and ask for them. */
#ifndef TESTS_SOCKET_OPTION_CALLS_H
#define TESTS_SOCKET_OPTION_CALLS_H

static void call_getsockopt(void)
{
    static const int names[][2] = {
        {SOL_SOCKET, SO_TYPE},
        {SOL_SOCKET, SO_ERROR},
        {SOL_SOCKET, SO_ERROR},
        {SOL_SOCKET, SO_ACCEPTCONN},
        {SOL_SOCKET, SO_DOMAIN},
        {SOL_SOCKET, SO_PROTOCOL},
        {SOL_SOCKET, SO_KEEPALIVE},
        {SOL_SOCKET, SO_BROADCAST},
        {IPPROTO_TCP, TCP_NODELAY},
        {IPPROTO_TCP, TCP_CORK},
        {IPPROTO_TCP, TCP_KEEPIDLE},
        {IPPROTO_TCP, TCP_KEEPINTVL},
        {IPPROTO_TCP, TCP_KEEPCNT},
        {IPPROTO_IPV6, IPV6_V6ONLY},
        {IPPROTO_TCP, TCP_USER_TIMEOUT},
        {IPPROTO_TCP, 9999},
        {9999, 1},
    };
    char text[64];
    unsigned i = below(sizeof names / sizeof names[0]);
    int fd = pick_socket(), value = 0;
    uint32_t len = sizeof value;
    int result = do_getsockopt(fd, names[i][0], names[i][1], &value, &len);
    snprintf(text, sizeof text, "getsockopt(%d, %d, %d)", fd, names[i][0], names[i][1]);
    print_result(text, result);
    if (result == 0 && names[i][0] == SOL_SOCKET && names[i][1] == SO_ERROR)
        printf("    %s\n", value == 0 ? "0" : error_name(value));
    else if (result == 0)
        printf("    %d (%u)\n", value, len);
}

static void call_setsockopt(void)
{
    static const int names[][2] = {
        {SOL_SOCKET, SO_KEEPALIVE},  {SOL_SOCKET, SO_BROADCAST}, {IPPROTO_TCP, TCP_NODELAY},
        {IPPROTO_TCP, TCP_KEEPIDLE}, {IPPROTO_TCP, TCP_KEEPCNT}, {IPPROTO_TCP, TCP_KEEPINTVL},
        {IPPROTO_IPV6, IPV6_V6ONLY}, {SOL_SOCKET, SO_RCVBUF},    {IPPROTO_TCP, TCP_USER_TIMEOUT},
        {IPPROTO_TCP, 9999},
    };
    char text[80];
    unsigned i = below(sizeof names / sizeof names[0]);
    bool large = names[i][1] == SO_RCVBUF || names[i][1] == TCP_USER_TIMEOUT;
    int fd = pick_socket(), value = (int)below(3) * (large ? 50000 : 1);
    uint32_t len = below(30) == 0 ? 2 : sizeof value;
    snprintf(text, sizeof text, "setsockopt(%d, %d, %d, %d)", fd, names[i][0], names[i][1], value);
    print_result(text, do_setsockopt(fd, names[i][0], names[i][1], &value, len));
}

static void call_group_option(void)
{
    char text[80];
    int fd = pick(ROLE_UDP);
    bool loop = below(2), ipv4 = slot_of(fd)->domain == AF_INET;
    int level = ipv4 ? IPPROTO_IP : IPPROTO_IPV6, name = loop ? IPV6_MULTICAST_LOOP : IPV6_MULTICAST_HOPS;
    int value = loop ? (int)below(2) : 1 + (int)below(300);
    if (slot_of(fd)->role != ROLE_UDP)
        return;
    if (ipv4)
        name = loop ? IP_MULTICAST_LOOP : IP_MULTICAST_TTL;
    snprintf(text, sizeof text, "setsockopt(%d, %d, %d, %d)", fd, level, name, value);
    print_result(text, do_setsockopt(fd, level, name, &value, sizeof value));
    uint32_t len = sizeof value;
    int result = do_getsockopt(fd, level, name, &value, &len);
    snprintf(text, sizeof text, "getsockopt(%d, %d, %d)", fd, level, name);
    print_result(text, result);
    if (result == 0)
        printf("    %d (%u)\n", value, len);
}

/* Sets an option of IP and asks for it: those of IPv4 on sockets of both families. */
static void call_ip_option(void)
{
    static const int names[][3] = {
        {IPPROTO_IP, IP_TTL, 300},           {IPPROTO_IP, IP_TOS, 400},
        {IPPROTO_IP, IP_MTU_DISCOVER, 8},    {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 3},
        {IPPROTO_IPV6, IPV6_TCLASS, 300},    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, 300},
        {IPPROTO_IPV6, IPV6_DONTFRAG, 3},    {IPPROTO_IPV6, IPV6_MTU_DISCOVER, 8},
        {IPPROTO_IP, IP_MULTICAST_TTL, 300}, {IPPROTO_IP, IP_MULTICAST_LOOP, 2},
    };
    char text[80];
    unsigned i = below(sizeof names / sizeof names[0]);
    int fd = pick_socket(), level = names[i][0], name = names[i][1], value = (int)below((unsigned)names[i][2]) - 1;
    uint32_t len = level == IPPROTO_IP && below(20) == 0 ? 1 : sizeof value;
    if (value == 0 && (name == IPV6_UNICAST_HOPS || name == IP_MULTICAST_TTL))
        return; /* docs/sockets.md */
    if (level == IPPROTO_IP && (name == IP_MULTICAST_TTL || name == IP_MULTICAST_LOOP) && slot_of(fd)->role != ROLE_UDP)
        return; /* docs/sockets.md */
    if (len == 1 && name == IP_MULTICAST_TTL)
        value = 7;
    snprintf(text, sizeof text, "setsockopt(%d, %d, %d, %d, %u)", fd, level, name, value, len);
    print_result(text, do_setsockopt(fd, level, name, &value, len));
    value = 0;
    len = below(20) == 0 ? 1 : sizeof value;
    int result = do_getsockopt(fd, level, name, &value, &len);
    snprintf(text, sizeof text, "getsockopt(%d, %d, %d)", fd, level, name);
    print_result(text, result);
    if (result == 0)
        printf("    %d (%u)\n", len == 1 ? *(const uint8_t *)&value : value, len);
}

/* Switches a control message of received datagrams on, or seldom off. */
static void call_control_option(void)
{
    static const int names[][2] = {{IPPROTO_IP, IP_PKTINFO},          {IPPROTO_IP, IP_RECVTTL},
                                   {IPPROTO_IP, IP_RECVTOS},          {IPPROTO_IPV6, IPV6_RECVPKTINFO},
                                   {IPPROTO_IPV6, IPV6_RECVHOPLIMIT}, {IPPROTO_IPV6, IPV6_RECVTCLASS}};
    char text[80];
    unsigned i = below(6);
    int fd = below(10) == 0 ? pick_socket() : pick(ROLE_UDP), value = below(5) > 0;
    uint32_t len = sizeof value;
    snprintf(text, sizeof text, "setsockopt(%d, %d, %d, %d)", fd, names[i][0], names[i][1], value);
    print_result(text, do_setsockopt(fd, names[i][0], names[i][1], &value, len));
    int result = do_getsockopt(fd, names[i][0], names[i][1], &value, &len);
    snprintf(text, sizeof text, "getsockopt(%d, %d, %d)", fd, names[i][0], names[i][1]);
    print_result(text, result);
    if (result == 0)
        printf("    %d (%u)\n", value, len);
}

/* The state, and the options that both ends have agreed on. */
static void call_tcp_info(void)
{
    static const uint32_t rooms[] = {0, 1, 104, 232, 232, 232};
    uint8_t info[232] = {0};
    char text[80];
    int fd = pick(below(20) > 0 ? ROLE_TCP : ROLE_UDP);
    uint32_t len = rooms[below(6)];
    int result = do_getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len);
    snprintf(text, sizeof text, "getsockopt(%d, TCP_INFO)", fd);
    print_result(text, result);
    if (result == 0)
        printf("    length %u state %u\n", len, info[0]);
    if (result == 0 && info[0] == 1 && len > 100)
        printf("    options 0x%x\n", info[5] & 7);
}

/* Joins and leaves groups, and addresses that are none. */
static void call_membership(void)
{
    static const uint8_t v4[][8] = {{224, 0, 0, 251, 127, 0, 0, 1}, {239, 1, 2, 3, 127, 0, 0, 1}, {10, 0, 0, 1}};
    static const uint8_t v6[][16] = {{0xff, 0x02, [15] = 0xfb}, {0xff, 0x0e, [15] = 9}, {0xfd, [15] = 1}};
    union {
        uint8_t bytes[20];
        int words[5];
    } request = {{0}};
    char text[80];
    int fd = pick_socket(), interface = 1;
    bool ipv4 = below(2), joins = below(3) > 0;
    unsigned group = below(3);
    uint32_t len = ipv4 ? 8 : 20;
    memcpy(request.bytes, ipv4 ? v4[group] : v6[group], ipv4 ? 8 : 16);
    if (!ipv4)
        memcpy(request.bytes + 16, &interface, sizeof interface);
    if (below(20) == 0)
        len -= 3;
    int name = ipv4 ? (joins ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP)
                    : (joins ? IPV6_ADD_MEMBERSHIP : IPV6_DROP_MEMBERSHIP);
    int result = do_setsockopt(fd, ipv4 ? IPPROTO_IP : IPPROTO_IPV6, name, request.words, len);
    snprintf(text, sizeof text, "%s(%d, %s, %u)", joins ? "join" : "leave", fd, ipv4 ? "IPv4" : "IPv6", group);
    print_result(text, result);
}

/* Opens a socket on a port, with SO_REUSEPORT or without it and SO_REUSEADDR. */
static int open_sharing(int domain, int type, unsigned port, bool shares)
{
    struct call_address address;
    int fd = do_socket(domain, type, 0), on = 1, off = 0;
    do_setsockopt(fd, SOL_SOCKET, shares ? SO_REUSEPORT : SO_REUSEADDR, shares ? &on : &off, sizeof on);
    uint32_t len = make_address(&address, domain, port, true);
    int result = do_bind(fd, &address, len);
    print_result(shares ? "bind, sharing" : "bind, not sharing", result);
    if (result == 0 && type == SOCK_STREAM)
        print_result("listen", do_listen(fd, 8));
    return fd;
}

/* Takes all connections or datagrams that wait at a socket. */
static unsigned take_all(int fd, int type)
{
    unsigned count = 0;
    for (int taken; count < 100; count++) {
        taken = type == SOCK_STREAM ? do_accept(fd, NULL, NULL) : (int)do_recvfrom(fd, bytes, 10, 0, NULL, NULL);
        if (taken < 0)
            break;
        if (type == SOCK_STREAM)
            do_close(taken);
    }
    return count;
}

/* Returns how many of two sockets poll as readable while nothing can be taken from them after the
 * other one was emptied. Counts all that was taken. */
static unsigned take_from_both(const int *fds, int type, unsigned *taken)
{
    unsigned promised = 0;
    struct pollfd told[2] = {{.fd = fds[0], .events = POLLIN}, {.fd = fds[1], .events = POLLIN}};
    do_poll(told, 2);
    for (int i = 1; i >= 0; i--) {
        unsigned count = take_all(fds[i], type);
        promised += count == 0 && told[i].revents != 0;
        *taken += count;
    }
    return promised;
}

/* Two sockets share a port: whatever is sent there comes to one of them, and to the other one when
 * the first is closed. A third one that does not share gets no place. */
static void call_shared_port(void)
{
    struct call_address address;
    int domain = below(2) ? AF_INET : AF_INET6, type = below(2) ? SOCK_STREAM : SOCK_DGRAM;
    unsigned port = first_port + below(PORTS), found[2] = {0}, senders = 1 + below(6);
    bool shares = below(4) > 0;
    if (port_taken[type == SOCK_DGRAM][port - first_port])
        return;
    printf("share %d %d\n", domain, type);
    int fds[2], others[12];
    fds[0] = open_sharing(domain, type, port, true);
    fds[1] = open_sharing(domain, type, port, shares);
    uint32_t len = make_address(&address, AF_INET, port, false);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < senders; i++) {
            int fd = others[round * senders + i] = do_socket(AF_INET, type, 0);
            if (type == SOCK_STREAM)
                do_connect(fd, &address, len);
            else
                do_sendto(fd, "x", 1, 0, &address, len);
        }
        settle();
        if (round == 0)
            print_result("    readable, and empty", take_from_both(fds, type, &found[0]));
        else
            found[1] = take_all(fds[1], type);
        if (round == 0)
            do_close(fds[0]);
        settle();
    }
    printf("    %u, then %u of %u\n", found[0], found[1], senders);
    do_close(fds[1]);
    for (unsigned i = 0; i < 2 * senders; i++)
        do_close(others[i]);
}

#endif
