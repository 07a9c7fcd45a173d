/* Connecting.
 *
 * The program's end of a pair could be written from the start. As long as a connection that it does
 * not wait for is not established, bytes of mnet-run fill the pair in the program's direction, so
 * that poll and epoll do not call it writable. If the connection fails, our end is closed with
 * these bytes unread, which is an error for the program's end, as poll shows it.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/mnet-run/run.h"

#define FILLER_STEP 4096u
/* A call that comes again within this time was not answered, as its thread sees it. */
#define RESTART_TIME (5 * MNET_MILLISECOND)

/* Takes the room of the program's end away. What the program sets meanwhile is noted. */
static void take_room(struct run_socket *socket, int end)
{
    socklen_t size = sizeof socket->room;
    getsockopt(end, SOL_SOCKET, SO_SNDBUF, &socket->room, &size);
    socket->room /= 2; /* the kernel doubles what is set */
    run_set_room(end, 0);
}

void run_give_room_back(struct run_socket *socket)
{
    int end = socket->room != 0 ? run_take_end(socket) : -1;
    if (end < 0)
        return;
    run_set_room(end, socket->room);
    close(end);
    socket->room = 0;
}

/* Fills the pair until the program's end is not writable. With the least room that there can be,
 * one piece does it. */
static bool fill(struct runner *run, struct run_socket *socket)
{
    int end = run_take_end(socket);
    if (end < 0)
        return false;
    struct pollfd writable = {end, POLLOUT, 0};
    if (socket->room == 0)
        take_room(socket, end);
    while (poll(&writable, 1, 0) > 0 && (writable.revents & POLLOUT) != 0) {
        ssize_t sent = send(end, run->buffer, FILLER_STEP, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent <= 0)
            break;
        socket->filler += (size_t)sent;
    }
    close(end);
    return true;
}

static void drain(struct runner *run, struct run_socket *socket)
{
    run_give_room_back(socket);
    while (socket->filler > 0) {
        ssize_t got = recv(socket->fd, run->buffer, MN_MIN(socket->filler, sizeof run->buffer), MSG_DONTWAIT);
        if (got <= 0)
            return;
        socket->filler -= (size_t)got;
    }
}

/* An end that waits for the call can be used again. The others learn it from the end itself. */
static void fail(struct runner *run, struct run_socket *socket, int error)
{
    bool awaited = run_wait_first(socket) != NULL;
    if (!awaited && socket->filler > 0) {
        run_kill(run, socket, error);
        return;
    }
    drain(run, socket);
    mnet_tcp_close(socket->flow);
    socket->flow = NULL;
    socket->phase = RUN_FRESH;
    socket->error = awaited ? 0 : error;
    run_wait_answer_all(run, socket, -error);
}

static int open_flow(struct runner *run, struct run_socket *socket)
{
    const struct run_settings *settings = &socket->settings;
    struct mnet_connect_options options = {
        .local = socket->local,
        .no_delay = settings->no_delay,
        .ttl = (uint8_t)settings->ttl,
        .dscp = (uint8_t)settings->dscp,
        .congestion = settings->congestion,
    };
    if (mnet_address_is_any(options.local.address))
        options.local.address = MNET_ADDRESS_ANY;
    int error = mnet_tcp_connect_begin(run->stack, socket->remote, &options, &socket->flow);
    if (error < 0) {
        socket->flow = NULL;
        return error == MNET_E_UNREACHABLE ? -ENETUNREACH : -run_errno(error);
    }
    mnet_tcp_notify(socket->flow, run_flow_event, socket);
    run_mark_ready(run, socket);
    return 0;
}

/* At the start an own address of IPv6 takes a while. Until it has come, nothing can be sent. */
static int begin(struct runner *run, struct run_socket *socket)
{
    int error = 0;
    if (mnet_stack_await_way(run->stack, socket->remote.address, 0) == MNET_E_DEADLINE)
        run_retry(run, socket);
    else
        error = open_flow(run, socket);
    if (error == 0)
        socket->phase = RUN_CONNECTING;
    return error;
}

void run_connect_progress(struct runner *run, struct run_socket *socket)
{
    int result = socket->flow == NULL ? begin(run, socket) : 0;
    if (result < 0)
        fail(run, socket, -result);
    if (socket->flow == NULL)
        return;
    int error = mnet_tcp_established(socket->flow, 0);
    if (error == MNET_E_DEADLINE)
        return;
    if (error < 0) {
        fail(run, socket, run_errno(error));
        return;
    }
    drain(run, socket);
    socket->readable = true; /* it may have written meanwhile */
    run_connected(run, socket, socket->flow);
    socket->unreported = run_wait_answer_all(run, socket, 0) == 0;
}

/* The unspecified address means this host. */
static void complete(struct mnet_endpoint *remote)
{
    const struct mnet_address loopback = {.bytes = {[15] = 1}};
    if (mnet_address_is_any(remote->address))
        remote->address = mnet_address_is_ipv4(remote->address) ? mnet_ipv4(127, 0, 0, 1) : loopback;
}

/* A call on a descriptor that does not block tells that the attempt has begun. If a signal comes
 * first, the kernel makes the same call again. */
static int64_t announce(struct runner *run, struct run_socket *socket, const struct run_call *call)
{
    int64_t result = run_wait_for(run, socket, call, SO_SNDTIMEO, EINPROGRESS);
    if (result != -EINPROGRESS)
        return result;
    if (socket->filler == 0)
        fill(run, socket);
    socket->announced_ns = mnet_now();
    socket->unannounced = !run_reply(run, call->id, result);
    return RUN_ANSWERED;
}

static int64_t start(struct runner *run, struct run_socket *socket, const struct run_call *call,
                     const struct mnet_endpoint *remote)
{
    socket->remote = *remote;
    run_discard_written(run, socket);
    int error = begin(run, socket);
    if (error < 0)
        return error;
    return announce(run, socket, call);
}

/* A signal may also come while the kernel takes the answer: it is lost then, although it was
 * accepted, and the same call comes again at once. */
static bool is_restart(const struct run_socket *socket)
{
    return mnet_now() - socket->announced_ns < RESTART_TIME;
}

static int64_t connect_stream(struct runner *run, struct run_socket *socket, const struct run_call *call,
                              const struct mnet_endpoint *remote)
{
    int error = run_untold_error(socket);
    switch (socket->phase) {
    case RUN_FRESH: return remote != NULL ? start(run, socket, call, remote) : 0;
    case RUN_CONNECTING:
        if (socket->unannounced || is_restart(socket))
            return announce(run, socket, call);
        return run_wait_for(run, socket, call, SO_SNDTIMEO, EALREADY);
    case RUN_CONNECTED:
        if (!socket->unreported)
            return -EISCONN;
        socket->unreported = false;
        return 0;
    case RUN_LISTENING: return -EISCONN;
    case RUN_DEAD: break;
    }
    socket->error = 0;
    return error != 0 ? -error : -ECONNABORTED;
}

int64_t run_connect_call(struct runner *run, struct run_socket *socket, const struct run_call *call)
{
    struct mnet_endpoint remote;
    if (socket->family == AF_NETLINK)
        return 0;
    int error = run_read_address(run, call, call->arguments[1], call->arguments[2], socket->family, &remote);
    if (error < 0)
        return error;
    const struct mnet_endpoint *given = error == RUN_NO_FAMILY ? NULL : &remote;
    if (given != NULL)
        complete(&remote);
    return socket->type == SOCK_STREAM ? connect_stream(run, socket, call, given)
                                       : run_datagram_connect(run, socket, given);
}
