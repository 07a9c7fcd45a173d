/* Messages between sockets of AF_UNIX: see unix.c. */
#include <string.h>

#include "syscall/unix.h"

#define ROOM ((size_t)65536) /* of a receiver */
#define LARGEST ROOM         /* datagram */
#define PIECE ((size_t)16384)
#define MSG_CMSG_CLOEXEC 0x40000000

struct unix_message {
    struct mnet_link link;
    size_t len, done; /* a part of a stream is read */
    struct mn_unix_name from;
    struct mn_unix_rights *rights; /* or NULL */
    char bytes[];
};

static size_t cost_of(size_t len)
{
    return sizeof(struct unix_message) + len;
}

static struct unix_message *message_of(struct mnet_link *node)
{
    return MN_CONTAINER(node, struct unix_message, link);
}

bool mn_unix_has_room(const struct mn_unix *socket)
{
    return socket->bytes < ROOM;
}

/* Frees a message that is in no queue any more. */
static void let_go(struct mn_unix *socket, struct unix_message *message)
{
    MN_ASSERT(socket->bytes >= cost_of(message->len));
    socket->bytes -= cost_of(message->len);
    mn_unix_rights_free(socket->open->system, message->rights);
    mn_object_free(&socket->open->system->objects, message, cost_of(message->len));
}

void mn_unix_discard(struct mn_unix *socket)
{
    struct mnet_link *node;
    while ((node = mn_list_take(&socket->messages)) != NULL)
        let_go(socket, message_of(node));
    MN_DEBUG_ASSERT(socket->bytes == 0);
}

/* There is room again for whoever sends here. */
static void tell_senders(struct mn_unix *socket)
{
    struct mnet_link *head = &socket->open->system->unix_sockets;
    for (struct mnet_link *node = mn_list_begin(head); node != head; node = node->next) {
        struct mn_unix *other = MN_CONTAINER(node, struct mn_unix, of_system);
        if (other->peer == socket || (other->type == MNET_SOCK_DGRAM && socket->type == MNET_SOCK_DGRAM))
            mn_open_tell(other->open);
    }
}

/* ---- Sending ---- */

/* The pieces of a message, and how far they were read or filled. */
struct cursor {
    const struct mnet_iovec *piece;
    size_t left, offset; /* pieces; bytes of the first one */
};

/* Moves up to `len` bytes. Returns how many. */
static size_t move(struct cursor *cursor, char *bytes, size_t len, bool to_pieces)
{
    size_t done = 0;
    while (done < len && cursor->left > 0) {
        size_t n = MN_MIN(len - done, cursor->piece->iov_len - cursor->offset);
        char *piece = (char *)cursor->piece->iov_base + cursor->offset;
        if (n > 0)
            memcpy(to_pieces ? piece : bytes + done, to_pieces ? bytes + done : piece, n);
        done += n;
        cursor->offset += n;
        if (cursor->offset == cursor->piece->iov_len)
            cursor->piece++, cursor->left--, cursor->offset = 0;
    }
    return done;
}

/* Returns the length of all pieces, or -errno. */
static int64_t measure(const struct mnet_msghdr *header)
{
    size_t sum = 0;
    if (header->msg_iovlen > MNET_IOV_MAX)
        return -MNET_EMSGSIZE;
    for (size_t i = 0; i < header->msg_iovlen; i++) {
        if (header->msg_iov[i].iov_len > (size_t)INT32_MAX - sum)
            return -MNET_EINVAL;
        if (header->msg_iov[i].iov_base == NULL && header->msg_iov[i].iov_len > 0)
            return -MNET_EFAULT;
        sum += header->msg_iov[i].iov_len;
    }
    return (int64_t)sum;
}

/* Queues `len` bytes of the pieces as one message, with the rights, which are its own then. */
static int queue(struct mn_unix *to, const struct mn_unix *from, struct cursor *cursor, size_t len,
                 struct mn_unix_rights **rights)
{
    struct unix_message *message = mn_object_alloc(&to->open->system->objects, cost_of(len));
    if (message == NULL)
        return -MNET_ENOBUFS;
    message->len = move(cursor, message->bytes, len, false);
    MN_ASSERT(message->len == len);
    message->from = from->name;
    message->rights = *rights;
    *rights = NULL;
    MN_DEBUG_ASSERT(to->type == from->type && mn_unix_has_room(to));
    to->bytes += cost_of(len);
    mn_list_append(&to->messages, &message->link);
    mn_open_tell(to->open);
    return 0;
}

/* Returns why a connected socket cannot send now, or 0. */
static int check_stream(const struct mn_unix *socket)
{
    if (!socket->connected)
        return -MNET_ENOTCONN;
    return socket->write_shut || socket->peer == NULL || socket->peer->read_shut ? -MNET_EPIPE : 0;
}

static int64_t send_stream(struct mn_unix *socket, const struct mnet_msghdr *header, size_t len, int flags,
                           struct mn_unix_rights **rights)
{
    struct cursor cursor = {header->msg_iov, header->msg_iovlen, 0};
    uint64_t deadline = mn_unix_deadline(socket, socket->send_timeout_ns);
    size_t done = 0;
    if (header->msg_name != NULL && header->msg_namelen > 0)
        return socket->connected ? -MNET_EISCONN : -MNET_EOPNOTSUPP;
    do {
        int error = check_stream(socket);
        if (error == 0 && !mn_unix_has_room(socket->peer))
            error = mn_unix_wait(socket, flags, deadline);
        else if (error == 0) {
            size_t n = MN_MIN(len - done, PIECE);
            error = n > 0 ? queue(socket->peer, socket, &cursor, n, rights) : 0;
            done += error == 0 ? n : 0;
        }
        if (error < 0)
            return done > 0 ? (int64_t)done : error;
    } while (done < len);
    return (int64_t)done;
}

/* Finds the receiver of a datagram. Returns 0 or -errno. */
static int find_receiver(struct mn_unix *socket, const struct mnet_msghdr *header, struct mn_unix **to)
{
    struct mn_unix_name name;
    if (header->msg_name != NULL && header->msg_namelen > 0) {
        int error = mn_unix_name_read(header->msg_name, header->msg_namelen, &name);
        return error < 0 ? error : mn_unix_find(socket->open->system, &name, socket->type, to);
    }
    *to = socket->peer;
    if (socket->peer != NULL)
        return 0;
    bool lost = socket->connected;
    socket->connected = false;
    return lost ? -MNET_ECONNREFUSED : -MNET_ENOTCONN;
}

/* A message is whole, or not sent. The receiver is looked for again after each wait. */
static int64_t send_message(struct mn_unix *socket, const struct mnet_msghdr *header, size_t len, int flags,
                            struct mn_unix_rights **rights)
{
    struct cursor cursor = {header->msg_iov, header->msg_iovlen, 0};
    uint64_t deadline = mn_unix_deadline(socket, socket->send_timeout_ns);
    struct mn_unix *to;
    if (len > LARGEST)
        return -MNET_EMSGSIZE;
    for (;;) {
        int error = socket->type == MNET_SOCK_DGRAM ? find_receiver(socket, header, &to) : check_stream(socket);
        if (error < 0)
            return error;
        if (socket->type != MNET_SOCK_DGRAM)
            to = socket->peer;
        if (socket->write_shut || to->read_shut)
            return -MNET_EPIPE;
        if (to->type == MNET_SOCK_DGRAM && to->peer != NULL && to->peer != socket)
            return -MNET_EPERM; /* it is connected to another one */
        if (mn_unix_has_room(to)) {
            error = queue(to, socket, &cursor, len, rights);
            return error < 0 ? error : (int64_t)len;
        }
        error = mn_unix_wait(socket, flags, deadline);
        if (error < 0)
            return error;
    }
}

int64_t mn_unix_send(struct mn_unix *socket, const struct mnet_msghdr *header, int flags)
{
    struct mn_system *system = socket->open->system;
    struct mn_unix_rights *rights;
    int64_t len = measure(header);
    if (len < 0)
        return len;
    if ((flags & MNET_MSG_OOB) != 0)
        return -MNET_EOPNOTSUPP;
    int error = mn_unix_rights_read(system, header, &rights);
    if (error < 0)
        return error;
    int64_t sent = socket->type == MNET_SOCK_STREAM ? send_stream(socket, header, (size_t)len, flags, &rights)
                                                    : send_message(socket, header, (size_t)len, flags, &rights);
    mn_unix_rights_free(system, rights); /* if they were not sent */
    return sent;
}

/* ---- Receiving ---- */

int64_t mn_unix_readable_bytes(const struct mn_unix *socket)
{
    size_t sum = 0;
    const struct mnet_link *head = &socket->messages;
    for (struct mnet_link *node = mn_list_begin(head); node != head; node = node->next) {
        sum += message_of(node)->len - message_of(node)->done;
        if (socket->type != MNET_SOCK_STREAM)
            break;
    }
    return (int64_t)sum;
}

/* Returns 1 if something waits, 0 at the end, or -errno. */
static int await_message(struct mn_unix *socket, int flags, uint64_t deadline)
{
    while (mn_list_empty(&socket->messages)) {
        int error = socket->error;
        bool is_datagram = socket->type == MNET_SOCK_DGRAM;
        socket->error = 0;
        if (error < 0)
            return error;
        if (socket->read_shut)
            return 0;
        if (!is_datagram && !socket->connected)
            return socket->type == MNET_SOCK_STREAM ? -MNET_EINVAL : -MNET_ENOTCONN;
        if (!is_datagram && (socket->peer == NULL || socket->peer->write_shut))
            return 0;
        error = mn_unix_wait(socket, flags, deadline);
        if (error < 0)
            return error;
    }
    return 1;
}

/* Gives away what a message passes: once, unless the call only looks. */
static void give_rights(struct mn_unix *socket, struct unix_message *message, struct mnet_msghdr *header, size_t room,
                        int flags)
{
    struct mn_system *system = socket->open->system;
    if (message->rights == NULL)
        return;
    mn_unix_rights_give(system, message->rights, header, room);
    if ((flags & MNET_MSG_PEEK) != 0)
        return;
    mn_unix_rights_free(system, message->rights);
    message->rights = NULL;
}

static int64_t receive_stream(struct mn_unix *socket, struct mnet_msghdr *header, size_t room, int flags,
                              uint64_t deadline)
{
    struct cursor pieces = {header->msg_iov, header->msg_iovlen, 0}, *cursor = &pieces;
    int64_t sum = 0;
    bool peeks = (flags & MNET_MSG_PEEK) != 0, passes = false;
    while (!passes && cursor->left > 0 &&
           (sum == 0 || (flags & MNET_MSG_WAITALL) != 0 || !mn_list_empty(&socket->messages))) {
        int found = await_message(socket, flags, deadline);
        if (found <= 0)
            return sum > 0 ? sum : found;
        struct mnet_link *head = &socket->messages, *next;
        for (struct mnet_link *node = mn_list_begin(head); node != head && cursor->left > 0 && !passes; node = next) {
            struct unix_message *message = message_of(node);
            next = node->next;
            passes = message->rights != NULL; /* what follows waits for the next call */
            give_rights(socket, message, header, room, flags);
            size_t n = move(cursor, message->bytes + message->done, message->len - message->done, true);
            sum += (int64_t)n;
            if (peeks)
                continue;
            message->done += n;
            MN_DEBUG_ASSERT(message->done <= message->len);
            if (message->done == message->len) {
                bool last = next == head;
                mn_list_remove(node);
                let_go(socket, message);
                if (last)
                    break;
            }
        }
        if (peeks)
            break;
        tell_senders(socket);
    }
    return sum;
}

static int64_t receive_message(struct mn_unix *socket, struct mnet_msghdr *header, size_t room, int flags,
                               uint64_t deadline)
{
    struct cursor cursor = {header->msg_iov, header->msg_iovlen, 0};
    int found = await_message(socket, flags, deadline);
    if (found <= 0)
        return found;
    struct unix_message *message = message_of(mn_list_first(&socket->messages));
    size_t n = move(&cursor, message->bytes, message->len, true);
    int64_t whole = (int64_t)message->len;
    MN_DEBUG_ASSERT(n <= message->len && message->done == 0);
    if (n < message->len)
        header->msg_flags |= MNET_MSG_TRUNC;
    if (header->msg_name != NULL && socket->type == MNET_SOCK_DGRAM)
        (void)mn_unix_name_write(&message->from, header->msg_name, &header->msg_namelen);
    if (message->from.len == 0 || socket->type != MNET_SOCK_DGRAM)
        header->msg_namelen = 0;
    give_rights(socket, message, header, room, flags);
    if ((flags & MNET_MSG_PEEK) == 0) {
        mn_list_remove(&message->link);
        let_go(socket, message);
        tell_senders(socket);
    }
    return (flags & MNET_MSG_TRUNC) != 0 ? whole : (int64_t)n;
}

/* Does not touch bytes that do not belong to a piece. */
int64_t mn_unix_receive(struct mn_unix *socket, struct mnet_msghdr *header, int flags)
{
    uint64_t deadline = mn_unix_deadline(socket, socket->receive_timeout_ns);
    size_t room = header->msg_controllen;
    int64_t len = measure(header);
    if (len < 0)
        return len;
    if ((flags & MNET_MSG_OOB) != 0)
        return -MNET_EOPNOTSUPP;
    header->msg_flags = flags & MSG_CMSG_CLOEXEC;
    header->msg_controllen = 0;
    if (socket->type != MNET_SOCK_STREAM)
        return receive_message(socket, header, room, flags, deadline);
    header->msg_namelen = 0;
    return len == 0 ? 0 : receive_stream(socket, header, room, flags, deadline);
}
