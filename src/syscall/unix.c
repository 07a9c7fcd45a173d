/* Sockets of AF_UNIX as open files: their lives, names and readiness.
 *
 * A socket is an open file, so descriptors, flags and waiting are those of any. Two connected ones
 * know each other; whatever is sent is a message in the receiver's queue, of which a stream reads a
 * part. A connection that nobody has accepted yet is a socket without a descriptor, in the queue of
 * the listener. */
#include "syscall/unix.h"

#include <string.h>

#define FAMILY_BYTES sizeof(uint16_t)

static const struct mn_open_ops unix_ops;

static struct mn_unix *socket_of(struct mnet_link *node)
{
    return MN_CONTAINER(node, struct mn_unix, of_system);
}

/* ---- Lives ---- */

struct mn_unix *mn_unix_new(struct mn_system *system, int type, uint32_t flags)
{
    struct mn_unix *socket = mn_object_alloc(&system->objects, sizeof *socket);
    struct mn_open *open = socket != NULL ? mn_open_new(system, &unix_ops, NULL, 2u | (flags & MN_O_NONBLOCK)) : NULL;
    if (open == NULL) {
        mn_object_free(&system->objects, socket, sizeof *socket);
        return NULL;
    }
    open->state = socket;
    socket->open = open;
    socket->type = type;
    mn_list_append(&system->unix_sockets, &socket->of_system);
    return socket;
}

struct mn_unix *mn_unix_hold(struct mn_system *system, int fd)
{
    struct mn_open *open;
    if (mn_open_hold(system, fd, &open) < 0)
        return NULL;
    MN_DEBUG_ASSERT(open->ops != &unix_ops || ((struct mn_unix *)open->state)->open == open);
    if (open->ops == &unix_ops)
        return open->state;
    mn_open_release(open);
    return NULL;
}

void mn_unix_release(struct mn_unix *socket)
{
    mn_open_release(socket->open);
}

/* Those who were connected to the socket have no peer any more. `lost`: bytes or a connection that
 * nobody has taken. */
static void leave_peers(struct mn_unix *socket, bool lost)
{
    struct mnet_link *head = &socket->open->system->unix_sockets;
    for (struct mnet_link *node = mn_list_begin(head); node != head; node = node->next) {
        struct mn_unix *other = socket_of(node);
        if (other->peer != socket)
            continue;
        MN_DEBUG_ASSERT(other->type == socket->type && other->connected);
        other->peer = NULL;
        if (lost && other->type != MNET_SOCK_DGRAM)
            other->error = -MNET_ECONNRESET;
        mn_open_tell(other->open);
    }
}

static void close_unix(struct mn_open *open)
{
    struct mn_unix *socket = open->state;
    struct mn_system *system = open->system;
    struct mnet_link *node;
    bool lost = !mn_list_empty(&socket->messages);
    MN_DEBUG_ASSERT(mn_list_linked(&socket->of_system) && !mn_list_linked(&socket->of_backlog));
    mn_list_remove(&socket->of_system);
    leave_peers(socket, lost);
    while ((node = mn_list_take(&socket->connections)) != NULL) {
        struct mn_unix *waiting = MN_CONTAINER(node, struct mn_unix, of_backlog);
        leave_peers(waiting, true);
        mn_unix_release(waiting);
    }
    mn_unix_discard(socket);
    if (socket->inode != NULL)
        mn_tree_release(&system->tree, socket->inode);
    mn_object_free(&system->objects, socket, sizeof *socket);
}

/* ---- Names ---- */

int mn_unix_name_read(const void *address, uint64_t len, struct mn_unix_name *name)
{
    uint16_t family;
    if (address == NULL || len < FAMILY_BYTES || len > FAMILY_BYTES + MN_UNIX_PATH)
        return -MNET_EINVAL;
    memcpy(&family, address, sizeof family);
    if (family != MN_AF_UNIX)
        return -MNET_EINVAL;
    const char *path = (const char *)address + FAMILY_BYTES;
    size_t size = (size_t)len - FAMILY_BYTES;
    *name = (struct mn_unix_name){.len = (uint8_t)size};
    memcpy(name->bytes, path, size);
    if (size > 0 && path[0] != '\0') { /* a path ends with its first zero, given or not */
        const char *zero = memchr(name->bytes, '\0', MN_UNIX_PATH - 1);
        size = zero != NULL ? (size_t)(zero - name->bytes) : MN_UNIX_PATH - 1;
        name->bytes[size] = '\0';
        name->len = (uint8_t)(size + 1);
    }
    return 0;
}

int mn_unix_name_write(const struct mn_unix_name *name, void *address, uint32_t *len)
{
    char whole[FAMILY_BYTES + MN_UNIX_PATH];
    const uint16_t family = MN_AF_UNIX;
    if (len == NULL || (int32_t)*len < 0)
        return -MNET_EINVAL;
    MN_DEBUG_ASSERT(name->len <= MN_UNIX_PATH);
    memcpy(whole, &family, sizeof family);
    memcpy(whole + FAMILY_BYTES, name->bytes, name->len);
    uint32_t size = (uint32_t)FAMILY_BYTES + name->len;
    memcpy(address, whole, MN_MIN(*len, size));
    *len = size;
    return 0;
}

static bool has_name(const struct mn_unix *socket, const struct mn_unix_name *name, const struct mn_inode *inode)
{
    MN_DEBUG_ASSERT(socket->inode == NULL || socket->name.len > 0);
    if (inode != NULL)
        return socket->inode == inode;
    return socket->inode == NULL && socket->name.len == name->len && name->len > 0 &&
           memcmp(socket->name.bytes, name->bytes, name->len) == 0;
}

int mn_unix_find(struct mn_system *system, const struct mn_unix_name *name, int type, struct mn_unix **found)
{
    struct mnet_link *head = &system->unix_sockets;
    struct mn_inode *inode = NULL;
    if (name->len > 0 && name->bytes[0] != '\0') {
        int error = mn_find_at(system, MN_AT_FDCWD, name->bytes, true, &inode);
        if (error < 0)
            return error;
    }
    for (struct mnet_link *node = mn_list_begin(head); node != head; node = node->next) {
        *found = socket_of(node);
        bool accepted = (*found)->connected && (*found)->type != MNET_SOCK_DGRAM && (*found)->backlog == 0;
        if (accepted || !has_name(*found, name, inode))
            continue;
        if ((*found)->type == type)
            return 0;
        if (inode != NULL) /* each type has abstract names of its own */
            return -MNET_EPROTOTYPE;
    }
    return -MNET_ECONNREFUSED;
}

/* ---- Waiting ---- */

uint64_t mn_unix_deadline(const struct mn_unix *socket, uint64_t timeout_ns)
{
    return timeout_ns == 0 ? MNET_NEVER : mn_time_after(mn_system_now(socket->open->system), timeout_ns);
}

int mn_unix_wait(struct mn_unix *socket, int flags, uint64_t deadline)
{
    bool waits = (flags & MNET_MSG_DONTWAIT) == 0 && (socket->open->flags & MN_O_NONBLOCK) == 0;
    int error = mn_wait(&socket->open->waiters, waits ? deadline : 0);
    return error == 0 ? 0 : error == MNET_E_DEADLINE ? -MNET_EAGAIN : -MNET_EINTR;
}

static unsigned connected_ready(const struct mn_unix *socket)
{
    unsigned ready = 0;
    bool ended = socket->read_shut || socket->peer == NULL || socket->peer->write_shut;
    if (!mn_list_empty(&socket->messages) || ended)
        ready |= MNET_READABLE;
    if (ended)
        ready |= MNET_ENDED;
    if (socket->peer == NULL || (socket->read_shut && socket->write_shut))
        ready |= MNET_HUNG_UP;
    if (socket->peer == NULL || socket->write_shut || mn_unix_has_room(socket->peer))
        ready |= MNET_WRITABLE;
    return ready;
}

static unsigned unix_ready(struct mn_open *open)
{
    const struct mn_unix *socket = open->state;
    unsigned failed = socket->error < 0 ? MNET_FAILED : 0u;
    if (socket->backlog > 0)
        return socket->accepted_later > 0 ? MNET_READABLE : 0u;
    if (socket->type == MNET_SOCK_DGRAM) {
        bool room = socket->peer == NULL || mn_unix_has_room(socket->peer);
        return failed | (room ? MNET_WRITABLE : 0u) |
               (!mn_list_empty(&socket->messages) || socket->read_shut ? MNET_READABLE : 0u);
    }
    return failed | (socket->connected ? connected_ready(socket) : MNET_WRITABLE | MNET_HUNG_UP);
}

/* ---- Bytes ---- */

static int64_t read_unix(struct mn_open *open, void *buffer, size_t len, uint64_t *at)
{
    struct mnet_iovec piece = {buffer, len};
    struct mnet_msghdr header = {.msg_iov = &piece, .msg_iovlen = 1};
    (void)at;
    return mn_unix_receive(open->state, &header, 0);
}

static int64_t write_unix(struct mn_open *open, const void *data, size_t len, uint64_t *at)
{
    struct mnet_iovec piece = {(void *)(uintptr_t)data, len}; /* is not written to */
    struct mnet_msghdr header = {.msg_iov = &piece, .msg_iovlen = 1};
    (void)at;
    return mn_unix_send(open->state, &header, 0);
}

static const struct mn_open_ops unix_ops = {
    .mode = MN_S_IFSOCK | 0777, .read = read_unix, .write = write_unix, .ready = unix_ready, .close = close_unix};
