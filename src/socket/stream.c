/* TCP sockets.
 *
 * A bound socket has a listener that only reserves its port until the socket listens. A connection
 * is opened from that port, and the reservation stays as long as the socket. An accepted socket has
 * a flow only.
 *
 * Linux keeps the error of a failed connection in the socket and tells it once: by SO_ERROR, or by
 * the first call that fails. After that reading finds the end of the stream, and writing a broken
 * pipe. The flow keeps its error for good, so `error_taken` says whether it was told.
 */
#include <string.h>

#include "socket/socket.h"

static int flow_error(struct mn_socket *socket)
{
    char byte;
    int error = mnet_tcp_error(socket->flow);
    if (error == MNET_E_RESET && mnet_tcp_peek(socket->flow, &byte, 1, 0) == 0)
        return -MNET_EPIPE; /* the peer had ended its stream before */
    return mn_errno(error, mnet_tcp_unreachable(socket->flow));
}

/* Returns the error that waits to be told. */
static int pending_error(struct mn_socket *socket)
{
    if (socket->error < 0)
        return socket->error;
    return socket->flow != NULL && !socket->error_taken ? flow_error(socket) : 0;
}

static int take_error(struct mn_socket *socket)
{
    int error = pending_error(socket);
    socket->error = 0;
    socket->error_taken |= socket->flow != NULL && mnet_tcp_error(socket->flow) < 0;
    return error;
}

static bool is_gone(const struct mn_socket *socket)
{
    struct mnet_tcp_info info;
    mnet_tcp_info(socket->flow, &info);
    return strcmp(info.state, "CLOSED") == 0;
}

/* ---- Opening ---- */

static int tcp_bind(struct mn_socket *socket, struct mnet_endpoint local)
{
    if (socket->bound || (socket->flow != NULL && !is_gone(socket)))
        return -MNET_EINVAL;
    return mn_port_reserve(socket, local);
}

static void adopt(struct mn_socket *socket, struct mnet_flow *flow, enum mn_socket_phase phase)
{
    MN_DEBUG_ASSERT(socket->flow == NULL && phase >= MN_PHASE_CONNECTING);
    socket->flow = flow;
    socket->phase = phase;
    socket->error_taken = false;
    mnet_tcp_notify(flow, mn_socket_take_event, socket);
    socket->ops->apply(socket);
}

/* The attempt is over: the socket may be connected again. */
static void drop_flow(struct mn_socket *socket)
{
    MN_DEBUG_ASSERT(socket->flow != NULL && socket->phase != MN_PHASE_LISTENING);
    mnet_tcp_abort(socket->flow);
    socket->flow = NULL;
    socket->phase = MN_PHASE_FRESH;
    socket->read_shut = socket->write_shut = socket->dead = false;
    socket->local.address = socket->bound_address; /* the port is told as before */
    mn_file_tell(&socket->file);
}

/* AF_UNSPEC ends the connection. An error that was not told stays, and a reset is one. */
static int dissolve(struct mn_socket *socket)
{
    if (socket->flow == NULL) {
        socket->read_shut = socket->write_shut = false;
        mn_file_tell(&socket->file);
        return 0;
    }
    int error = is_gone(socket) ? pending_error(socket) : -MNET_ECONNRESET;
    drop_flow(socket);
    socket->error = error;
    return 0;
}

static int begin(struct mn_socket *socket, struct mnet_endpoint remote)
{
    struct mnet_flow *flow;
    struct mnet_connect_options options = {.congestion = socket->options.congestion};
    if (socket->bound)
        options.local = (struct mnet_endpoint){socket->bound_address, socket->local.port};
    if (mnet_address_is_any(options.local.address))
        options.local.address = MNET_ADDRESS_ANY;
    remote.address = mn_socket_destination(socket, remote.address);
    const struct mn_ip_options *ip = mn_ip_options_to(socket, remote.address);
    options.ttl = ip->ttl;
    options.dscp = ip->tos >> 2;
    bool is_ipv4 = mnet_address_is_ipv4(remote.address);
    if (mn_socket_family(socket) == MNET_FAMILY_IPV6 && is_ipv4)
        return -MNET_ENETUNREACH;
    if (!mnet_address_is_any(options.local.address) && mnet_address_is_ipv4(options.local.address) != is_ipv4)
        return -MNET_EAFNOSUPPORT;
    if (mnet_address_is_multicast(remote.address))
        return -MNET_ENETUNREACH;
    if (remote.port == 0)
        return -MNET_ECONNREFUSED;
    int error = mnet_tcp_connect_begin(socket->sockets->stack, remote, &options, &flow);
    if (error == MNET_E_IN_USE)
        return -MNET_EADDRNOTAVAIL;
    if (error == MNET_E_INVALID)
        return -MNET_ENETUNREACH;
    if (error < 0)
        return mn_errno(error, MNET_UNREACHABLE_NONE);
    adopt(socket, flow, MN_PHASE_CONNECTING);
    mnet_tcp_peers(flow, &socket->local, NULL);
    socket->remote = remote;
    mn_file_tell(&socket->file);
    return 0;
}

/* Waits for the end of the attempt. */
static int await_connection(struct mn_socket *socket)
{
    uint64_t deadline = mn_socket_deadline(socket, 0, socket->options.send_timeout_ns);
    int status = mnet_tcp_established(socket->flow, deadline);
    if (status == 0 && !is_gone(socket)) {
        socket->phase = MN_PHASE_CONNECTED;
        return 0;
    }
    if (status == MNET_E_DEADLINE)
        return -MNET_EINPROGRESS;
    if (status == MNET_E_CANCELLED)
        return -MNET_EINTR;
    int error = take_error(socket);
    drop_flow(socket);
    return error < 0 ? error : -MNET_ECONNABORTED;
}

static int tcp_connect(struct mn_socket *socket, const struct mnet_endpoint *remote, int invalid)
{
    if (remote == NULL)
        return dissolve(socket);
    if (socket->phase == MN_PHASE_LISTENING || socket->phase == MN_PHASE_CONNECTED)
        return -MNET_EISCONN;
    if (socket->dead)
        return -MNET_EINVAL;
    bool again = socket->phase == MN_PHASE_CONNECTING;
    int error = again ? 0 : invalid < 0 ? invalid : begin(socket, *remote);
    if (error < 0)
        return error;
    error = await_connection(socket);
    return again && error == -MNET_EINPROGRESS ? -MNET_EALREADY : error;
}

/* ---- Data ---- */

/* A connection that is being opened takes and gives no data yet. Returns 0, or why it cannot. */
static int await_open(struct mn_socket *socket, uint64_t deadline)
{
    if (socket->phase != MN_PHASE_CONNECTING)
        return 0;
    int status = mnet_tcp_established(socket->flow, deadline);
    if (status == MNET_E_DEADLINE || status == MNET_E_CANCELLED)
        return mn_errno(status, MNET_UNREACHABLE_NONE);
    return 0; /* the flow says how it ended */
}

static ptrdiff_t send_failure(struct mn_socket *socket, int error)
{
    if (error == MNET_E_DEADLINE || error == MNET_E_CANCELLED || error == MNET_E_NO_MEMORY)
        return mn_errno(error, MNET_UNREACHABLE_NONE);
    int pending = take_error(socket);
    return pending < 0 ? pending : -MNET_EPIPE;
}

/* Queues all pieces, a few at a time. */
static ptrdiff_t send_pieces(struct mn_socket *socket, const struct mn_message *message, uint64_t deadline)
{
    enum {
        SLICES = 8
    };
    struct mnet_slice slices[SLICES];
    size_t done = 0;
    for (size_t at = 0; at < message->count;) {
        size_t queued;
        int count = 0;
        for (; count < SLICES && at < message->count; count++, at++)
            slices[count] = (struct mnet_slice){message->pieces[at].iov_base, message->pieces[at].iov_len};
        int error = mnet_tcp_writev(socket->flow, slices, count, &queued, deadline);
        MN_DEBUG_ASSERT(done + queued <= message->len);
        done += queued;
        if (error < 0)
            return done > 0 ? (ptrdiff_t)done : send_failure(socket, error);
    }
    return (ptrdiff_t)done;
}

static ptrdiff_t tcp_send(struct mn_socket *socket, struct mn_message *message, uint64_t deadline)
{
    if (socket->flow == NULL) {
        int pending = take_error(socket);
        return pending < 0 ? pending : -MNET_EPIPE;
    }
    int error = await_open(socket, deadline);
    if (error < 0)
        return error;
    error = take_error(socket);
    if (error < 0)
        return error;
    if (socket->write_shut || (message->len == 0 && is_gone(socket)))
        return -MNET_EPIPE;
    if (message->flags & MNET_MSG_MORE)
        mnet_tcp_set_cork(socket->flow, true);
    ptrdiff_t sent = send_pieces(socket, message, deadline);
    if ((message->flags & MNET_MSG_MORE) && !socket->options.corked)
        socket->cork_once = true;
    else if (socket->cork_once) {
        socket->cork_once = false;
        mnet_tcp_set_cork(socket->flow, socket->options.corked);
    }
    return sent;
}

static ptrdiff_t receive_failure(struct mn_socket *socket, ptrdiff_t got)
{
    if (got == MNET_E_DEADLINE && socket->read_shut)
        return 0;
    if (got == MNET_E_DEADLINE || got == MNET_E_CANCELLED || got == MNET_E_NO_MEMORY)
        return mn_errno((int)got, MNET_UNREACHABLE_NONE);
    return take_error(socket); /* told once; then the stream has ended */
}

/* Takes up to `len` bytes to `to`, discards them if that is NULL, or only looks. */
static ptrdiff_t take_bytes(struct mn_socket *socket, uint8_t *to, size_t len, int flags, uint64_t deadline)
{
    char sink[512];
    if (flags & MNET_MSG_PEEK)
        return mnet_tcp_peek(socket->flow, to, len, deadline);
    if (flags & MNET_MSG_TRUNC)
        return mnet_tcp_read(socket->flow, sink, len < sizeof sink ? len : sizeof sink, deadline);
    return mnet_tcp_read(socket->flow, to, len, deadline);
}

/* Waits until as many bytes have arrived as MSG_WAITALL wants to see of them. */
static ptrdiff_t peek_all(struct mn_socket *socket, uint8_t *to, size_t len, uint64_t deadline)
{
    for (;;) {
        ptrdiff_t got = mnet_tcp_peek(socket->flow, to, len, deadline);
        if (got <= 0 || (size_t)got == len || (mnet_tcp_ready(socket->flow) & MNET_ENDED) || deadline == 0)
            return got;
        if (mnet_sleep(mnet_now() + MNET_MILLISECOND) < 0 || mnet_now() >= deadline)
            return got;
    }
}

static ptrdiff_t fill_piece(struct mn_socket *socket, const struct mnet_iovec *piece, int flags, bool more,
                            uint64_t deadline)
{
    size_t done = 0;
    if ((flags & MNET_MSG_PEEK) && (flags & MNET_MSG_WAITALL))
        return peek_all(socket, piece->iov_base, piece->iov_len, deadline);
    while (done < piece->iov_len) {
        bool wait = (done == 0 && !more) || (flags & MNET_MSG_WAITALL);
        ptrdiff_t got = take_bytes(socket, (uint8_t *)piece->iov_base + done, piece->iov_len - done, flags,
                                   wait && !socket->read_shut ? deadline : 0);
        if (got <= 0)
            return done > 0 ? (ptrdiff_t)done : got;
        done += (size_t)got;
        MN_DEBUG_ASSERT(done <= piece->iov_len);
        if (flags & MNET_MSG_PEEK)
            break;
    }
    return (ptrdiff_t)done;
}

static ptrdiff_t tcp_receive(struct mn_socket *socket, struct mn_message *message, uint64_t deadline)
{
    size_t done = 0;
    if (socket->phase == MN_PHASE_LISTENING) /* an error of a connection before is not told */
        return -MNET_ENOTCONN;
    if (socket->flow == NULL) {
        int pending = take_error(socket);
        if (pending < 0)
            return pending;
        return socket->read_shut && socket->phase == MN_PHASE_FRESH ? 0 : -MNET_ENOTCONN;
    }
    int error = await_open(socket, deadline);
    if (error < 0)
        return error;
    if (message->len == 0)
        return mnet_tcp_ready(socket->flow) & MNET_READABLE ? 0 : receive_failure(socket, MNET_E_DEADLINE);
    size_t count = message->flags & MNET_MSG_PEEK ? 1 : message->count; /* a peek has one piece */
    for (size_t i = 0; i < count; i++) {
        if (message->pieces[i].iov_len == 0 && count < message->count)
            count++;
        ptrdiff_t got = fill_piece(socket, &message->pieces[i], message->flags, done > 0, deadline);
        if (got < 0)
            return done > 0 ? (ptrdiff_t)done : receive_failure(socket, got);
        done += (size_t)got;
        if ((size_t)got < message->pieces[i].iov_len)
            break;
    }
    return (ptrdiff_t)done;
}

/* ---- Accepting ---- */

/* Accepts a connection from the listener of mnet. Stores a socket without a descriptor. Returns 0
 * or -errno. */
static int accept_connection(struct mn_socket *listener, struct mn_socket **accepted, uint64_t deadline)
{
    struct mnet_flow *flow;
    struct mn_socket *socket = mn_socket_new(listener->sockets, &mn_tcp_socket, listener->domain, 0);
    if (socket == NULL)
        return -MNET_ENOMEM;
    int error = mnet_tcp_accept(listener->listener, &flow, deadline);
    if (error < 0) {
        mn_file_release(listener->sockets, &socket->file, false);
        return error == MNET_E_CLOSED ? -MNET_EINVAL : mn_errno(error, MNET_UNREACHABLE_NONE);
    }
    socket->options = listener->options;
    socket->options.receive_timeout_ns = socket->options.send_timeout_ns = 0;
    adopt(socket, flow, MN_PHASE_CONNECTED);
    mnet_tcp_peers(flow, &socket->local, &socket->remote);
    *accepted = socket;
    return 0;
}

/* Gives each connection that waits at a shared listener to one of its sockets. Returns 0, or -errno
 * if one could not be accepted. */
static int distribute(struct mn_port_share *share, const struct mnet_listener *listener)
{
    struct mn_socket *socket, *accepted;
    while (mnet_tcp_listener_ready(listener) & MNET_ACCEPTABLE && (socket = mn_port_choose_listener(share)) != NULL) {
        int error = accept_connection(socket, &accepted, 0);
        if (error < 0)
            return error;
        mn_port_add_spare(socket, accepted);
    }
    return 0;
}

/* Waits for a connection of a listening socket. Returns 0 or -errno. Meanwhile the socket may have
 * stopped, and begun to listen again without a share. */
static int await_accepted(struct mn_socket *socket, struct mn_socket **accepted, uint64_t deadline)
{
    while (socket->phase == MN_PHASE_LISTENING) {
        int error = socket->share != NULL ? distribute(socket->share, socket->listener) : 0;
        *accepted = mn_port_take_spare(socket);
        if (*accepted != NULL)
            return 0;
        if (socket->share == NULL)
            return accept_connection(socket, accepted, deadline);
        if (error == 0)
            error = deadline == 0 ? -MNET_EAGAIN : mn_file_wait(&socket->file, MNET_READABLE, deadline);
        if (error < 0)
            return error;
    }
    return -MNET_EINVAL; /* it does not listen any more */
}

/* ---- State ---- */

/* The socket keeps its port. */
static int stop_listening(struct mn_socket *socket)
{
    MN_DEBUG_ASSERT(socket->phase == MN_PHASE_LISTENING && socket->flow == NULL);
    socket->phase = MN_PHASE_FRESH;
    mn_port_leave(socket);
    int error = mn_port_reserve(socket, socket->local);
    mn_file_tell(&socket->file);
    return error;
}

static int tcp_shutdown(struct mn_socket *socket, int how)
{
    if (socket->phase == MN_PHASE_LISTENING)
        return how == MNET_SHUT_WR ? 0 : stop_listening(socket);
    if (socket->phase == MN_PHASE_CONNECTING && mnet_tcp_established(socket->flow, 0) == MNET_E_DEADLINE) {
        drop_flow(socket);
        return 0;
    }
    /* Noted without a connection, too. */
    socket->read_shut |= how != MNET_SHUT_WR;
    socket->write_shut |= how != MNET_SHUT_RD;
    mn_file_tell(&socket->file);
    bool connected = socket->flow != NULL && !is_gone(socket);
    if (!connected && socket->phase == MN_PHASE_CONNECTING)
        socket->dead = true;
    if (!connected)
        return -MNET_ENOTCONN;
    socket->phase = MN_PHASE_CONNECTED;
    if (how == MNET_SHUT_RD || mnet_tcp_shutdown(socket->flow, MNET_SHUTDOWN_WRITE) != MNET_E_NO_MEMORY)
        return 0;
    socket->write_shut = false; /* there was no FIN */
    return -MNET_ENOMEM;
}

static int tcp_peer(struct mn_socket *socket, struct mnet_endpoint *remote)
{
    if (socket->flow == NULL || mnet_tcp_established(socket->flow, 0) != 0 || is_gone(socket))
        return -MNET_ENOTCONN;
    *remote = socket->remote;
    return 0;
}

/* If a connection waits that cannot be accepted, accept says why. */
static unsigned listener_ready(struct mn_socket *socket)
{
    if (socket->share == NULL && mnet_tcp_listener_ready(socket->listener) & MNET_ACCEPTABLE)
        return MNET_READABLE;
    int error = socket->share != NULL ? distribute(socket->share, socket->listener) : 0;
    return socket->spare_count > 0 || error < 0 ? MNET_READABLE : 0;
}

static unsigned tcp_ready(struct mn_socket *socket)
{
    if (socket->phase == MN_PHASE_LISTENING)
        return listener_ready(socket);
    if (socket->flow == NULL) /* as Linux has it */
        return MNET_WRITABLE | MNET_HUNG_UP | (socket->read_shut ? MNET_READABLE | MNET_ENDED : 0u) |
               (socket->error < 0 ? MNET_FAILED : 0u);
    unsigned ready = mnet_tcp_ready(socket->flow) & ~(unsigned)(MNET_FAILED | MNET_NOTICED);
    if (socket->read_shut && mnet_tcp_established(socket->flow, 0) == 0)
        ready |= MNET_READABLE | MNET_ENDED;
    if ((ready & MNET_ENDED) && socket->write_shut)
        ready |= MNET_HUNG_UP;
    if (pending_error(socket) < 0)
        ready |= MNET_FAILED;
    return ready;
}

static void tcp_close(struct mn_socket *socket, bool linger)
{
    int seconds = socket->options.linger_s;
    struct mnet_flow *flow = socket->flow;
    socket->flow = NULL;
    socket->phase = MN_PHASE_FRESH;
    mn_port_leave(socket);
    if (flow == NULL)
        return;
    if (seconds == 0)
        mnet_tcp_abort(flow);
    else if (seconds > 0 && linger && mnet_self() != NULL && mnet_tcp_queued(flow).unread == 0)
        mnet_tcp_close_wait(flow, mnet_now() + (uint64_t)seconds * MNET_SECOND);
    else
        mnet_tcp_close(flow);
}

static void apply_options(struct mn_socket *socket)
{
    const struct mn_socket_options *o = &socket->options;
    struct mnet_flow *flow = socket->flow;
    const struct mnet_keepalive keepalive = {.idle_ns = o->keep_idle_s * MNET_SECOND,
                                             .interval_ns = o->keep_interval_s * MNET_SECOND,
                                             .probes = o->keep_count == 1 ? 2 : o->keep_count};
    if (flow == NULL)
        return;
    struct mnet_endpoint remote;
    mnet_tcp_peers(flow, NULL, &remote);
    const struct mn_ip_options *ip = mn_ip_options_to(socket, remote.address);
    mnet_tcp_set_no_delay(flow, o->no_delay);
    mnet_tcp_set_cork(flow, o->corked);
    mnet_tcp_set_no_delayed_ack(flow, o->quick_ack);
    mnet_tcp_set_keepalive(flow, o->keepalive ? &keepalive : NULL);
    if (o->send_buffer != 0)
        mnet_tcp_set_send_buffer(flow, o->send_buffer);
    if (o->receive_buffer != 0)
        mnet_tcp_set_receive_buffer(flow, o->receive_buffer);
    mnet_tcp_set_unsent_low_water(flow, o->low_water);
    if (o->user_timeout_ms != 0)
        mnet_tcp_set_user_timeout(flow, o->user_timeout_ms * MNET_MILLISECOND);
    if (ip->ttl != 0)
        mnet_tcp_set_ttl(flow, ip->ttl);
    mnet_tcp_set_dscp(flow, ip->tos >> 2);
    mnet_tcp_set_congestion(flow, o->congestion);
}

const struct mn_socket_ops mn_tcp_socket = {
    .type = MNET_SOCK_STREAM,
    .protocol = MNET_IPPROTO_TCP,
    .bind = tcp_bind,
    .connect = tcp_connect,
    .send = tcp_send,
    .receive = tcp_receive,
    .shutdown = tcp_shutdown,
    .peer = tcp_peer,
    .ready = tcp_ready,
    .take_error = take_error,
    .apply = apply_options,
    .close = tcp_close,
};

/* ---- Listening ---- */

int mnet_socket_listen(struct mnet_sockets *sockets, int fd, int backlog)
{
    struct mn_socket *socket;
    int error = mn_socket_hold(sockets, fd, &socket);
    if (error < 0)
        return error;
    if (socket->ops != &mn_tcp_socket)
        error = -MNET_EOPNOTSUPP;
    else if (socket->flow != NULL)
        error = -MNET_EINVAL;
    else if (!socket->bound)
        error = mn_port_reserve(socket, (struct mnet_endpoint){MNET_ADDRESS_ANY, 0});
    if (error == 0) /* Linux admits one more than that */
        error = mn_port_listen(socket, backlog < 0 ? UINT16_MAX : (unsigned)backlog + 1);
    if (error == 0) {
        socket->phase = MN_PHASE_LISTENING;
        mn_file_tell(&socket->file);
    }
    mn_socket_release(socket);
    return error;
}

static int accept_on(struct mn_socket *socket, void *address, uint32_t *len, int flags)
{
    struct mn_socket *accepted;
    if (!mn_file_has_room(socket->sockets))
        return -MNET_EMFILE;
    if (socket->ops != &mn_tcp_socket)
        return -MNET_EOPNOTSUPP;
    if (socket->phase != MN_PHASE_LISTENING)
        return -MNET_EINVAL;
    if (address != NULL && (len == NULL || (int32_t)*len < 0))
        return -MNET_EINVAL;
    int error = await_accepted(socket, &accepted, mn_socket_deadline(socket, 0, socket->options.receive_timeout_ns));
    if (error < 0)
        return error;
    accepted->nonblocking = (flags & MNET_SOCK_NONBLOCK) != 0;
    int fd = mn_file_install(socket->sockets, &accepted->file);
    if (fd < 0) /* somebody took the last descriptor meanwhile */
        mn_port_return_spare(socket, accepted);
    else if (address != NULL)
        mn_sockaddr_write(socket, accepted->remote, address, len);
    return fd;
}

int mnet_socket_accept4(struct mnet_sockets *sockets, int fd, void *address, uint32_t *len, int flags)
{
    struct mn_socket *socket;
    if (flags & ~(MNET_SOCK_NONBLOCK | MNET_SOCK_CLOEXEC))
        return -MNET_EINVAL;
    int error = mn_socket_hold(sockets, fd, &socket);
    if (error < 0)
        return error;
    int accepted = accept_on(socket, address, len, flags);
    mn_socket_release(socket);
    return accepted;
}
