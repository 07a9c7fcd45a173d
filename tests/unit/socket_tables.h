/* Tables of descriptors on the two hosts of a world, for tests of sockets. */
#ifndef MN_TEST_SOCKET_TABLES_H
#define MN_TEST_SOCKET_TABLES_H

#include <stdlib.h>

#include <mnet/socket.h>

#include "support/world.h"

/* Counts the memory that the tables have. */
static size_t taken;

static inline void *take(void *context, size_t size)
{
    (void)context;
    taken += size;
    return malloc(size);
}

static inline void give(void *context, void *memory, size_t size)
{
    (void)context;
    taken -= size;
    free(memory);
}

static const struct mnet_socket_memory memory = {take, give, NULL};

/* A table for each host, a listening socket of the server, and a connection. */
struct tables {
    struct mnet_sockets *server, *client;
    int listener, accepted, connected;
};

static inline struct mnet_sockaddr_in6 address_of(struct mnet_address address, uint16_t port)
{
    struct mnet_sockaddr_in6 in6 = {.sin6_family = MNET_AF_INET6};
    uint8_t big_endian[2] = {(uint8_t)(port >> 8), (uint8_t)port};
    memcpy(&in6.sin6_port, big_endian, 2);
    memcpy(in6.sin6_addr, address.bytes, 16);
    return in6;
}

static inline int open_tables(struct world *w, struct tables *n)
{
    taken = 0;
    CHECK_EQUAL(mnet_sockets_open(w->server, &memory, 3, 100, &n->server), 0);
    CHECK_EQUAL(mnet_sockets_open(w->client, &memory, 3, 100, &n->client), 0);
    return 0;
}

static inline int close_tables(struct world *w, struct tables *n)
{
    mnet_sockets_close(n->server);
    mnet_sockets_close(n->client);
    CHECK_EQUAL(taken, 0);
    return 0;
}

/* Over both families with sockets of AF_INET6: IPv4 is mapped. */
static inline int open_net(struct world *w, struct tables *n)
{
    struct mnet_sockaddr_in6 here = address_of(MNET_ADDRESS_ANY, 80), there = address_of(w->server_address, 80);
    CHECK_EQUAL(open_tables(w, n), 0);
    n->listener = mnet_socket_open(n->server, MNET_AF_INET6, MNET_SOCK_STREAM, 0);
    CHECK_EQUAL(n->listener, 3);
    CHECK_EQUAL(mnet_socket_bind(n->server, n->listener, &here, sizeof here), 0);
    CHECK_EQUAL(mnet_socket_listen(n->server, n->listener, 8), 0);
    n->connected = mnet_socket_open(n->client, MNET_AF_INET6, MNET_SOCK_STREAM, 0);
    CHECK_EQUAL(n->connected, 3);
    CHECK_EQUAL(mnet_socket_connect(n->client, n->connected, &there, sizeof there), 0);
    n->accepted = mnet_socket_accept4(n->server, n->listener, NULL, NULL, 0);
    CHECK_EQUAL(n->accepted, 4);
    return 0;
}

static inline int set_number(struct mnet_sockets *table, int fd, int level, int name, int value)
{
    return mnet_socket_setsockopt(table, fd, level, name, &value, sizeof value);
}

static inline int open_shared(struct mnet_sockets *table, uint16_t port)
{
    struct mnet_sockaddr_in6 here = address_of(MNET_ADDRESS_ANY, port);
    int fd = mnet_socket_open(table, MNET_AF_INET6, MNET_SOCK_STREAM | MNET_SOCK_NONBLOCK, 0);
    int error = set_number(table, fd, MNET_SOL_SOCKET, MNET_SO_REUSEPORT, 1);
    if (error == 0)
        error = mnet_socket_bind(table, fd, &here, sizeof here);
    return error == 0 ? fd : error;
}

struct waiting_call {
    struct tables *n;
    int fd;
    int result;
    struct mnet_pollfd poll;
    uint64_t ended;
};

#endif
