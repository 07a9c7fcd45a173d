/* Calls on sockets of AF_UNIX: names, connections, options. */
#include <string.h>

#include <mnet/format.h>

#include "syscall/calls.h"
#include "syscall/unix.h"

#define BACKLOG_MOST 4096u

/* Returns 0, or why there is no such socket. */
static int check_type(int type, int protocol)
{
    if (protocol != 0 && protocol != MN_AF_UNIX)
        return -MNET_EPROTONOSUPPORT;
    return type == MNET_SOCK_STREAM || type == MNET_SOCK_DGRAM || type == MN_SOCK_SEQPACKET ? 0 : -MNET_ESOCKTNOSUPPORT;
}

int64_t mn_unix_socket(struct mn_thread *thread, int type, int protocol)
{
    int plain = type & ~(MNET_SOCK_NONBLOCK | MNET_SOCK_CLOEXEC);
    int error = check_type(plain, protocol);
    if (error < 0)
        return error;
    struct mn_unix *socket = mn_unix_new(thread->system, plain, (uint32_t)type);
    return socket != NULL ? mn_open_install(socket->open) : -MNET_ENOMEM;
}

static void join(struct mn_unix *a, struct mn_unix *b)
{
    MN_DEBUG_ASSERT(a->type == b->type);
    a->peer = b;
    b->peer = a;
    a->connected = b->connected = true;
    a->of_peer = b->name;
    b->of_peer = a->name;
}

MN_CALL(socketpair)
{
    struct mn_system *system = thread->system;
    int type = (int)argument[1], plain = type & ~(MNET_SOCK_NONBLOCK | MNET_SOCK_CLOEXEC);
    int fds[2], error = check_type(plain, (int)argument[2]);
    if (argument[0] != MN_AF_UNIX)
        return argument[0] == MNET_AF_INET || argument[0] == MNET_AF_INET6 ? -MNET_EOPNOTSUPP : -MNET_EAFNOSUPPORT;
    if (error < 0)
        return error;
    struct mn_unix *first = mn_unix_new(system, plain, (uint32_t)type);
    struct mn_unix *second = first != NULL ? mn_unix_new(system, plain, (uint32_t)type) : NULL;
    if (second == NULL) {
        if (first != NULL)
            mn_unix_release(first);
        return -MNET_ENOMEM;
    }
    join(first, second);
    fds[0] = mn_open_install(first->open);
    if (fds[0] < 0) {
        mn_unix_release(second);
        return fds[0];
    }
    fds[1] = mn_open_install(second->open);
    if (fds[1] < 0) {
        (void)mnet_socket_close(system->descriptors, fds[0]);
        return fds[1];
    }
    memcpy(mn_pointer(argument[3]), fds, sizeof fds);
    return 0;
}

/* ---- Names ---- */

/* An abstract name that nobody has. */
static void choose_name(struct mn_system *system, int type, struct mn_unix_name *name)
{
    struct mn_unix *other;
    do {
        mnet_format(name->bytes + 1, sizeof name->bytes - 1, "%05x", ++system->last_unix_name & 0xfffffu);
        name->len = 6;
    } while (mn_unix_find(system, name, type, &other) != -MNET_ECONNREFUSED);
}

static int make_inode(struct mn_unix *socket, const struct mn_unix_name *name)
{
    struct mn_system *system = socket->open->system;
    struct mn_place place;
    int error = mn_walk_at(system, MN_AT_FDCWD, name->bytes, false, &place);
    if (error == 0 && place.inode != NULL)
        error = -MNET_EADDRINUSE;
    if (error == 0)
        error = mn_tree_make(&system->tree, &place, MN_S_IFSOCK | (0777 & ~system->umask), &socket->inode);
    if (error == 0)
        socket->inode->references++;
    return error;
}

int64_t mn_unix_bind(struct mn_unix *socket, const void *address, uint64_t len)
{
    struct mn_system *system = socket->open->system;
    struct mn_unix_name name;
    struct mn_unix *other;
    int error = mn_unix_name_read(address, len, &name);
    if (error < 0)
        return error;
    if (socket->name.len > 0)
        return -MNET_EINVAL;
    if (name.len == 0)
        choose_name(system, socket->type, &name);
    else if (name.bytes[0] != '\0')
        error = make_inode(socket, &name);
    else if (mn_unix_find(system, &name, socket->type, &other) != -MNET_ECONNREFUSED)
        error = -MNET_EADDRINUSE;
    MN_DEBUG_ASSERT(error < 0 || name.len > 0);
    if (error == 0)
        socket->name = name;
    return error;
}

int64_t mn_unix_names(const struct mn_unix *socket, bool of_peer, void *address, uint32_t *len)
{
    if (of_peer && !socket->connected)
        return -MNET_ENOTCONN;
    return mn_unix_name_write(of_peer ? &socket->of_peer : &socket->name, address, len);
}

/* ---- Connections ---- */

int64_t mn_unix_listen(struct mn_unix *socket, int backlog)
{
    if (socket->type == MNET_SOCK_DGRAM)
        return -MNET_EOPNOTSUPP;
    if (socket->name.len == 0 || socket->connected)
        return -MNET_EINVAL;
    socket->backlog = backlog < 0 || (unsigned)backlog >= BACKLOG_MOST ? BACKLOG_MOST : (unsigned)backlog + 1;
    mn_open_tell(socket->open);
    return 0;
}

static int64_t connect_datagram(struct mn_unix *socket, const void *address, uint64_t len)
{
    struct mn_unix_name name;
    struct mn_unix *other = NULL;
    uint16_t family = 0;
    if (address != NULL && len >= sizeof family)
        memcpy(&family, address, sizeof family);
    int error = family == MNET_AF_UNSPEC ? 0 : mn_unix_name_read(address, len, &name);
    if (error == 0 && family != MNET_AF_UNSPEC)
        error = mn_unix_find(socket->open->system, &name, socket->type, &other);
    if (error < 0)
        return error;
    socket->peer = other;
    socket->connected = other != NULL;
    if (other != NULL)
        socket->of_peer = other->name;
    mn_open_tell(socket->open);
    return 0;
}

/* Puts a new socket, as the listener's end, into the listener's queue. */
static int queue_connection(struct mn_unix *socket, struct mn_unix *listener)
{
    struct mn_unix *end = mn_unix_new(socket->open->system, socket->type, 0);
    if (end == NULL)
        return -MNET_ENOMEM;
    end->name = listener->name;
    join(socket, end);
    mn_list_append(&listener->connections, &end->of_backlog);
    listener->accepted_later++;
    MN_DEBUG_ASSERT(listener->accepted_later <= listener->backlog);
    mn_open_tell(listener->open);
    mn_open_tell(socket->open);
    return 0;
}

/* While the queue is full, it waits: each accept tells all sockets. */
int64_t mn_unix_connect(struct mn_unix *socket, const void *address, uint64_t len)
{
    struct mn_unix_name name;
    struct mn_unix *listener;
    uint64_t deadline = mn_unix_deadline(socket, socket->send_timeout_ns);
    if (socket->type == MNET_SOCK_DGRAM)
        return connect_datagram(socket, address, len);
    int error = mn_unix_name_read(address, len, &name);
    if (error == 0 && name.len == 0)
        error = -MNET_EINVAL;
    while (error == 0) {
        error = mn_unix_find(socket->open->system, &name, socket->type, &listener);
        if (error == 0 && listener->backlog == 0)
            error = -MNET_ECONNREFUSED;
        if (error == 0 && socket->backlog > 0)
            error = -MNET_EINVAL;
        if (error == 0 && socket->connected)
            error = -MNET_EISCONN;
        if (error < 0)
            break;
        if (listener->accepted_later < listener->backlog)
            return queue_connection(socket, listener);
        error = mn_unix_wait(socket, 0, deadline);
    }
    return error;
}

static void tell_all(struct mn_system *system)
{
    struct mnet_link *head = &system->unix_sockets;
    for (struct mnet_link *node = mn_list_begin(head); node != head; node = node->next)
        mn_open_tell(MN_CONTAINER(node, struct mn_unix, of_system)->open);
}

int64_t mn_unix_accept(struct mn_unix *socket, void *address, uint32_t *len, uint32_t flags)
{
    uint64_t deadline = mn_unix_deadline(socket, socket->receive_timeout_ns);
    if (!mn_file_has_room(socket->open->system->descriptors))
        return -MNET_EMFILE;
    if (socket->type == MNET_SOCK_DGRAM)
        return -MNET_EOPNOTSUPP;
    if (socket->backlog == 0)
        return -MNET_EINVAL;
    while (socket->accepted_later == 0) {
        int error = mn_unix_wait(socket, 0, deadline);
        if (error < 0)
            return error;
    }
    struct mn_unix *end = MN_CONTAINER(mn_list_take(&socket->connections), struct mn_unix, of_backlog);
    socket->accepted_later--;
    MN_DEBUG_ASSERT(end->connected && end->type == socket->type);
    end->open->flags |= flags & MN_O_NONBLOCK;
    tell_all(socket->open->system);
    if (address != NULL)
        (void)mn_unix_name_write(&end->of_peer, address, len);
    return mn_open_install(end->open);
}

int64_t mn_unix_shutdown(struct mn_unix *socket, int how)
{
    if (how < MNET_SHUT_RD || how > MNET_SHUT_RDWR)
        return -MNET_EINVAL;
    if (socket->type != MNET_SOCK_DGRAM && !socket->connected)
        return -MNET_ENOTCONN;
    socket->read_shut |= how != MNET_SHUT_WR;
    socket->write_shut |= how != MNET_SHUT_RD;
    mn_open_tell(socket->open);
    if (socket->peer != NULL)
        mn_open_tell(socket->peer->open);
    return 0;
}

/* ---- Options ---- */

#define SO_PASSCRED 16
#define SO_PEERCRED 17
#define BUFFER_BYTES 65536

/* All processes are this one, and root's. */
struct credentials {
    int process;
    uint32_t user, group;
};

static int64_t store(const void *from, uint32_t size, void *value, uint32_t *len)
{
    uint32_t fits = MN_MIN(*len, size);
    memcpy(value, from, fits);
    *len = fits;
    return 0;
}

static int64_t store_time(uint64_t ns, void *value, uint32_t *len)
{
    const struct mnet_timeval time = {(int64_t)(ns / MNET_SECOND), (int64_t)(ns % MNET_SECOND / MNET_MICROSECOND)};
    return store(&time, sizeof time, value, len);
}

int64_t mn_unix_getsockopt(struct mn_unix *socket, int level, int name, void *value, uint32_t *len)
{
    const struct credentials credentials = {.process = socket->connected ? MN_PROCESS : 0};
    int number = 0;
    if (value == NULL || len == NULL)
        return -MNET_EFAULT;
    if (level != MNET_SOL_SOCKET)
        return -MNET_EOPNOTSUPP;
    switch (name) {
    case MNET_SO_TYPE: number = socket->type; break;
    case MNET_SO_DOMAIN: number = MN_AF_UNIX; break;
    case MNET_SO_ACCEPTCONN: number = socket->backlog > 0; break;
    case MNET_SO_SNDBUF:
    case MNET_SO_RCVBUF: number = BUFFER_BYTES; break;
    case MNET_SO_RCVTIMEO: return store_time(socket->receive_timeout_ns, value, len);
    case MNET_SO_SNDTIMEO: return store_time(socket->send_timeout_ns, value, len);
    case SO_PEERCRED: return store(&credentials, sizeof credentials, value, len);
    case MNET_SO_ERROR:
        number = -socket->error;
        socket->error = 0;
        break;
    case MNET_SO_PROTOCOL:
    case MNET_SO_KEEPALIVE:
    case MNET_SO_BROADCAST:
    case MNET_SO_REUSEADDR:
    case SO_PASSCRED: break;
    default: return -MNET_ENOPROTOOPT;
    }
    return store(&number, sizeof number, value, len);
}

/* Those that change the network's ways have no effect. */
int64_t mn_unix_setsockopt(struct mn_unix *socket, int level, int name, const void *value, uint64_t len)
{
    struct mnet_timeval time;
    if (value == NULL)
        return -MNET_EFAULT;
    if (level != MNET_SOL_SOCKET)
        return -MNET_EOPNOTSUPP;
    if (name != MNET_SO_RCVTIMEO && name != MNET_SO_SNDTIMEO)
        return len < sizeof(int) ? -MNET_EINVAL : 0;
    if (len < sizeof time)
        return -MNET_EINVAL;
    memcpy(&time, value, sizeof time);
    if (time.tv_sec < 0 || time.tv_sec > INT32_MAX || time.tv_usec < 0 || time.tv_usec >= 1000000)
        return -MNET_EDOM;
    *(name == MNET_SO_RCVTIMEO
          ? &socket->receive_timeout_ns
          : &socket->send_timeout_ns) = (uint64_t)time.tv_sec * MNET_SECOND + (uint64_t)time.tv_usec * MNET_MICROSECOND;
    return 0;
}
