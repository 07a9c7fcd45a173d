/* Tables, and the calls that make, copy and close descriptors. */
#include <string.h>

#include "socket/socket.h"

#define DESCRIPTORS_MAX (1u << 20)

static size_t table_size(unsigned max)
{
    return sizeof(struct mnet_sockets) + max * sizeof(struct mn_file *);
}

int mnet_sockets_open(struct mnet_stack *stack, const struct mnet_socket_memory *memory, int first, unsigned max,
                      struct mnet_sockets **result)
{
    if (result == NULL)
        return -MNET_EINVAL;
    *result = NULL;
    return stack == NULL ? -MNET_EINVAL : mn_sockets_make(stack, memory, first, max, result);
}

int mn_sockets_make(struct mnet_stack *stack, const struct mnet_socket_memory *memory, int first, unsigned max,
                    struct mnet_sockets **result)
{
    if (memory == NULL || memory->alloc == NULL || memory->free == NULL || first < 0 || max == 0 ||
        max > DESCRIPTORS_MAX || first > INT32_MAX - (int)max)
        return -MNET_EINVAL;
    struct mnet_sockets *sockets = memory->alloc(memory->context, table_size(max));
    if (sockets == NULL)
        return -MNET_ENOMEM;
    memset(sockets, 0, table_size(max));
    sockets->stack = stack;
    sockets->memory = *memory;
    sockets->first = first;
    sockets->max = max;
    *result = sockets;
    return 0;
}

int mnet_socket_close(struct mnet_sockets *sockets, int fd)
{
    struct mn_file **place = mn_file_place(sockets, fd);
    if (place == NULL || *place == NULL)
        return -MNET_EBADF;
    mn_file_release(sockets, mn_file_take(place), true);
    return 0;
}

void mnet_sockets_close(struct mnet_sockets *sockets)
{
    if (sockets == NULL)
        return;
    for (unsigned i = 0; i < sockets->max; i++) {
        if (sockets->files[i] != NULL)
            mn_file_release(sockets, mn_file_take(&sockets->files[i]), false);
    }
    struct mnet_socket_memory memory = sockets->memory;
    memory.free(memory.context, sockets, table_size(sockets->max));
}

int mnet_socket_dup(struct mnet_sockets *sockets, int fd)
{
    struct mn_file *file = mn_file_hold(sockets, fd);
    if (file == NULL)
        return -MNET_EBADF;
    int copy = mn_file_install(sockets, file); /* which has our reference */
    if (copy < 0)
        mn_file_release(sockets, file, false);
    return copy;
}

int mnet_socket_dup2(struct mnet_sockets *sockets, int fd, int to)
{
    struct mn_file **from = mn_file_place(sockets, fd), **place = mn_file_place(sockets, to);
    if (from == NULL || *from == NULL || place == NULL)
        return -MNET_EBADF;
    if (from == place)
        return to;
    struct mn_file *file = *from;
    MN_DEBUG_ASSERT(file->descriptors > 0 && file->references >= file->descriptors);
    file->references++;
    file->descriptors++;
    struct mn_file *before = *place != NULL ? mn_file_take(place) : NULL;
    *place = file;
    if (before != NULL)
        mn_file_release(sockets, before, true);
    return to;
}

/* ---- Sockets ---- */

/* Returns the functions for a type and protocol, or NULL with an error. */
static const struct mn_socket_ops *ops_of(int type, int protocol, int *error)
{
    static const struct mn_socket_ops *const all[] = {&mn_tcp_socket, &mn_udp_socket};
    *error = -MNET_ESOCKTNOSUPPORT;
    for (size_t i = 0; i < MN_COUNT_OF(all); i++) {
        if (all[i]->type != type)
            continue;
        *error = -MNET_EPROTONOSUPPORT;
        if (protocol == 0 || protocol == all[i]->protocol)
            return all[i];
    }
    return NULL;
}

int mnet_socket_open(struct mnet_sockets *sockets, int domain, int type, int protocol)
{
    int error, flags = type & (MNET_SOCK_NONBLOCK | MNET_SOCK_CLOEXEC);
    MN_REQUIRE(sockets != NULL, "there is no table");
    if (domain != MNET_AF_INET && domain != MNET_AF_INET6)
        return -MNET_EAFNOSUPPORT;
    const struct mn_socket_ops *ops = ops_of(type & ~flags, protocol, &error);
    if (ops == NULL)
        return error;
    struct mn_socket *socket = mn_socket_new(sockets, ops, domain, flags);
    if (socket == NULL)
        return -MNET_ENOMEM;
    int fd = mn_file_install(sockets, &socket->file);
    if (fd < 0)
        mn_file_release(sockets, &socket->file, false);
    return fd;
}

int mnet_socket_set_nonblocking(struct mnet_sockets *sockets, int fd, int on)
{
    struct mn_socket *socket;
    int error = mn_socket_hold(sockets, fd, &socket);
    if (error < 0)
        return error;
    socket->nonblocking = on != 0;
    mn_socket_release(socket);
    return 0;
}

int mnet_socket_nonblocking(struct mnet_sockets *sockets, int fd)
{
    struct mn_socket *socket;
    int error = mn_socket_hold(sockets, fd, &socket);
    if (error < 0)
        return error;
    int nonblocking = socket->nonblocking;
    mn_socket_release(socket);
    return nonblocking;
}
