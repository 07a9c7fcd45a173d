/* Calls that move datagrams together with addresses: sendto, sendmsg, recvmmsg and the like. */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "tools/mnet-run/run.h"

/* Datagrams of one call. */
#define VECTOR_MAX 64u

/* What a call says of one datagram, in addresses of the program. */
struct message {
    size_t pieces; /* in run->pieces */
    uint64_t name, name_len_address;
    uint32_t name_len;
    uint64_t header; /* struct msghdr; 0: the call has none */
    struct run_control control;
    int flags;
};

static void read_plain(struct runner *run, const struct run_call *call, struct message *message)
{
    bool receives = call->number == SYS_recvfrom;
    run->pieces[0] = (struct iovec){(void *)(uintptr_t)call->arguments[1], call->arguments[2]};
    *message = (struct message){
        .pieces = 1,
        .name = call->arguments[4],
        .name_len_address = receives ? call->arguments[5] : 0,
        .name_len = receives ? 0 : (uint32_t)call->arguments[5],
        .flags = (int)call->arguments[3],
    };
}

static int read_header(struct runner *run, const struct run_call *call, uint64_t address, int flags,
                       struct message *message)
{
    struct msghdr header;
    if (!run_read(run, call, address, &header, sizeof header))
        return -EFAULT;
    if (header.msg_iovlen > MN_COUNT_OF(run->pieces))
        return -EMSGSIZE;
    size_t size = header.msg_iovlen * sizeof run->pieces[0];
    if (size > 0 && !run_read(run, call, (uintptr_t)header.msg_iov, run->pieces, size))
        return -EFAULT;
    *message = (struct message){
        .pieces = header.msg_iovlen,
        .name = (uintptr_t)header.msg_name,
        .name_len = header.msg_namelen,
        .header = address,
        .control = {(uintptr_t)header.msg_control, header.msg_controllen},
        .flags = flags,
    };
    return 0;
}

/* ---- Sending ---- */

/* Copies the bytes of a datagram into run->buffer. Returns how many, or a negative errno. */
static int64_t gather(struct runner *run, const struct run_call *call, const struct message *message)
{
    size_t len = 0;
    for (size_t i = 0; i < message->pieces; i++) {
        struct iovec piece = run->pieces[i];
        if (piece.iov_len > UINT16_MAX - len)
            return -EMSGSIZE;
        if (piece.iov_len > 0 && !run_read(run, call, (uintptr_t)piece.iov_base, run->buffer + len, piece.iov_len))
            return -EFAULT;
        len += piece.iov_len;
    }
    return (int64_t)len;
}

static int64_t send_message(struct runner *run, struct run_socket *socket, const struct run_call *call,
                            const struct message *message)
{
    struct mnet_endpoint to, *remote = NULL;
    struct run_header header = {.ttl = -1, .tos = -1};
    int64_t len = gather(run, call, message);
    if (len < 0)
        return len;
    if (socket->family == AF_NETLINK)
        return run_netlink_request(run, socket, run->buffer, (size_t)len);
    int error = 0;
    if (message->name != 0 && message->name_len > 0) {
        error = run_read_address(run, call, message->name, message->name_len, socket->family, &to);
        remote = &to;
    }
    if (error >= 0 && message->control.address != 0 && message->control.len > 0)
        error = run_control_read(run, socket, call, message->control,
                                 remote != NULL ? to.address : socket->remote.address, &header);
    return error < 0 ? error : run_datagram_send(run, socket, remote, &header, run->buffer, (size_t)len);
}

/* ---- Receiving ---- */

static bool scatter(struct runner *run, const struct run_call *call, const struct message *message, size_t len,
                    size_t *copied)
{
    *copied = 0;
    for (size_t i = 0; i < message->pieces && *copied < len; i++) {
        struct iovec piece = run->pieces[i];
        size_t part = MN_MIN(piece.iov_len, len - *copied);
        if (part > 0 && !run_write(run, call, (uintptr_t)piece.iov_base, run->buffer + *copied, part))
            return false;
        *copied += part;
    }
    return true;
}

/* As much of the address as there is room for. */
static int write_name(struct runner *run, const struct run_call *call, const struct message *message,
                      const struct run_socket *socket, struct mnet_endpoint remote)
{
    uint64_t len_address = message->name_len_address;
    if (message->header != 0)
        len_address = message->header + offsetof(struct msghdr, msg_namelen);
    if (message->name == 0)
        return 0;
    if (socket->family == AF_NETLINK) {
        const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
        return run_write_name(run, call, &kernel, sizeof kernel, message->name, len_address);
    }
    return run_write_address(run, call, remote, socket->family, message->name, len_address);
}

/* Writes the control messages and the flags. */
static bool write_header(struct runner *run, const struct run_call *call, const struct message *message,
                         const struct run_socket *socket, const struct run_sender *sender, bool cut)
{
    struct run_control control = message->control;
    int flags = cut ? MSG_TRUNC : 0;
    if (message->header == 0)
        return true;
    if (socket->family == AF_NETLINK)
        control.len = 0;
    else if (!run_control_write(run, socket, call, sender, &control, &flags))
        return false;
    return run_write(run, call, message->header + offsetof(struct msghdr, msg_controllen), &control.len,
                     sizeof control.len) &&
           run_write(run, call, message->header + offsetof(struct msghdr, msg_flags), &flags, sizeof flags);
}

static int64_t hand_on(struct runner *run, struct run_socket *socket, const struct run_call *call,
                       const struct message *message, size_t len, const struct run_sender *sender)
{
    size_t copied;
    if (!scatter(run, call, message, len, &copied))
        return -EFAULT;
    int error = write_name(run, call, message, socket, sender->remote);
    if (error < 0)
        return error;
    if (!write_header(run, call, message, socket, sender, copied < len))
        return -EFAULT;
    return (int64_t)((message->flags & MSG_TRUNC) != 0 ? len : copied);
}

static int64_t receive_message(struct runner *run, struct run_socket *socket, const struct run_call *call,
                               const struct message *message)
{
    int peek = message->flags & MSG_PEEK;
    struct run_sender sender = {0};
    if ((message->flags & MSG_ERRQUEUE) != 0) /* there is no such queue */
        return -EAGAIN;
    int end = run_take_end(socket);
    if (end < 0)
        return -EBADF;
    ssize_t got = recv(end, run->buffer, sizeof run->buffer, MSG_DONTWAIT | peek);
    int64_t result = got < 0 ? -errno : 0;
    if (got >= 0 && socket->senders != NULL)
        sender = run_sender_of(socket, end, (size_t)got, peek != 0);
    close(end);
    if (result >= 0 && sender.error != 0) {
        socket->error = 0; /* SO_ERROR does not tell it again */
        result = -sender.error;
    }
    if (result < 0)
        return result;
    return hand_on(run, socket, call, message, (size_t)got, &sender);
}

/* ---- Calls ---- */

static bool sends(int number)
{
    return number == SYS_sendto || number == SYS_sendmsg || number == SYS_sendmmsg;
}

static int64_t one(struct runner *run, struct run_socket *socket, const struct run_call *call,
                   const struct message *message)
{
    return sends(call->number) ? send_message(run, socket, call, message) : receive_message(run, socket, call, message);
}

/* sendmmsg and recvmmsg: the number of datagrams, or the error of the first. */
static int64_t several(struct runner *run, struct run_socket *socket, const struct run_call *call)
{
    unsigned count = (unsigned)MN_MIN(call->arguments[2], VECTOR_MAX), done = 0;
    int64_t result = 0;
    while (done < count) {
        struct message message;
        uint64_t address = call->arguments[1] + done * sizeof(struct mmsghdr);
        result = read_header(run, call, address, (int)call->arguments[3], &message);
        if (result == 0)
            result = one(run, socket, call, &message);
        uint32_t len = (uint32_t)result;
        if (result >= 0 && !run_write(run, call, address + offsetof(struct mmsghdr, msg_len), &len, sizeof len))
            result = -EFAULT;
        if (result < 0)
            break;
        done++;
    }
    return done > 0 ? (int64_t)done : result;
}

static int64_t attempt(struct runner *run, struct run_socket *socket, const struct run_call *call)
{
    struct message message;
    int error = 0;
    switch (call->number) {
    case SYS_sendmmsg:
    case SYS_recvmmsg: return several(run, socket, call);
    case SYS_sendmsg:
    case SYS_recvmsg: error = read_header(run, call, call->arguments[1], (int)call->arguments[2], &message); break;
    default: read_plain(run, call, &message); break;
    }
    return error < 0 ? error : one(run, socket, call, &message);
}

static int flags_of(const struct run_call *call)
{
    bool header = call->number == SYS_sendmsg || call->number == SYS_recvmsg;
    return (int)call->arguments[header ? 2 : 3];
}

int64_t run_message_call(struct runner *run, struct run_socket *socket, const struct run_call *call)
{
    if (socket->type == SOCK_STREAM)
        return RUN_CONTINUE;
    int64_t result = attempt(run, socket, call);
    if (result != -EAGAIN || (flags_of(call) & (MSG_DONTWAIT | MSG_ERRQUEUE)) != 0)
        return result;
    return run_wait_for(run, socket, call, sends(call->number) ? SO_SNDTIMEO : SO_RCVTIMEO, EAGAIN);
}

void run_message_retry(struct runner *run, struct run_socket *socket)
{
    for (struct run_wait *wait = run_wait_first(socket), *next; wait != NULL; wait = next) {
        next = run_wait_next(wait);
        int64_t result = attempt(run, socket, &wait->call);
        if (result == -EAGAIN)
            continue;
        run_reply(run, wait->call.id, result);
        run_wait_end(wait);
    }
}
