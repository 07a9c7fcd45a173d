/* UDP sockets.
 *
 * A socket has an endpoint after it was bound or connected, or has sent. ICMP errors of the
 * endpoint move into the socket, which keeps the last one and reports it once: by SO_ERROR, or by
 * the next call.
 */
#include <string.h>

#include "socket/socket.h"

/* A datagram that arrived in fragments has as many pieces. */
#define SLICES 64

static void pull_errors(struct mn_socket *socket)
{
    int error;
    while (socket->udp != NULL && (error = mnet_udp_error(socket->udp, NULL)) < 0)
        socket->error = mn_errno(error, mnet_udp_unreachable(socket->udp));
}

static int take_error(struct mn_socket *socket)
{
    pull_errors(socket);
    int error = socket->error;
    socket->error = 0;
    return error;
}

/* Gives the socket an endpoint. */
static int open_endpoint(struct mn_socket *socket, struct mnet_endpoint local)
{
    struct mnet_udp_options options = {.local = local,
                                       .family = mn_socket_family(socket),
                                       .queue_bytes = socket->options.receive_buffer,
                                       .share = socket->options.reuse_port};
    if (mnet_address_is_any(local.address))
        options.local.address = MNET_ADDRESS_ANY;
    int error = mnet_udp_open(socket->sockets->stack, &options, &socket->udp);
    if (error < 0)
        return error == MNET_E_INVALID ? -MNET_EADDRNOTAVAIL : mn_errno(error, MNET_UNREACHABLE_NONE);
    MN_DEBUG_ASSERT(mnet_udp_local(socket->udp).port != 0);
    mnet_udp_notify(socket->udp, mn_socket_take_event, socket);
    mn_groups_join_all(socket);
    socket->local = (struct mnet_endpoint){local.address, mnet_udp_local(socket->udp).port};
    socket->bound_address = local.address;
    socket->bound = true;
    mn_file_tell(&socket->file);
    return 0;
}

static int ensure_endpoint(struct mn_socket *socket)
{
    struct mnet_endpoint any = {.port = 0};
    if (socket->domain == MNET_AF_INET)
        any.address = mnet_ipv4(0, 0, 0, 0);
    return socket->udp != NULL ? 0 : open_endpoint(socket, any);
}

static int udp_bind(struct mn_socket *socket, struct mnet_endpoint local)
{
    if (socket->bound)
        return -MNET_EINVAL;
    int error = open_endpoint(socket, local);
    socket->keeps_port = error == 0 && local.port != 0;
    return error;
}

/* Returns true if the own address is of IPv4 and the other one is not. One of IPv6 excludes IPv4 in
 * another way: binding it makes the socket V6ONLY. */
static bool is_of_other_family(const struct mn_socket *socket, struct mnet_address remote)
{
    struct mnet_address own = socket->phase == MN_PHASE_CONNECTED ? socket->remote.address : socket->bound_address;
    return socket->domain == MNET_AF_INET6 && mnet_address_is_ipv4(own) && !mnet_address_is_ipv4(remote);
}

/* Ends the connection. A port that the program did not choose goes with it. */
static int dissolve(struct mn_socket *socket)
{
    if (socket->udp != NULL)
        mnet_udp_connect(socket->udp, NULL);
    socket->phase = MN_PHASE_FRESH;
    if (!socket->keeps_port) {
        mnet_udp_close(socket->udp);
        socket->udp = NULL;
        socket->bound = false;
        socket->local = (struct mnet_endpoint){.port = 0};
    }
    mn_file_tell(&socket->file);
    return 0;
}

static int udp_connect(struct mn_socket *socket, const struct mnet_endpoint *remote, int invalid)
{
    if (invalid < 0)
        return invalid;
    pull_errors(socket); /* they stay with the socket */
    if (remote == NULL)
        return dissolve(socket);
    struct mnet_endpoint to = {mn_socket_destination(socket, remote->address), remote->port};
    int error = ensure_endpoint(socket);
    if (error < 0)
        return error;
    if (mn_socket_family(socket) == MNET_FAMILY_IPV6 && mnet_address_is_ipv4(to.address))
        return -MNET_ENETUNREACH;
    if (is_of_other_family(socket, to.address))
        return -MNET_EAFNOSUPPORT;
    if (to.port == 0)
        return -MNET_EINVAL;
    error = mnet_udp_connect(socket->udp, &to);
    if (error < 0)
        return error == MNET_E_INVALID ? -MNET_ENETUNREACH : mn_errno(error, MNET_UNREACHABLE_NONE);
    socket->phase = MN_PHASE_CONNECTED;
    socket->remote = to;
    mn_file_tell(&socket->file);
    return 0;
}

/* ---- Data ---- */

/* Fills in what the options of the destination's family say. A TTL of 0 is that of the endpoint. */
static void apply_ip_options(const struct mn_socket *socket, struct mnet_address destination,
                             struct mnet_udp_message *message)
{
    const struct mn_ip_options *ip = mn_ip_options_to(socket, destination);
    message->ttl = mnet_address_is_multicast(destination) ? ip->group_ttl : ip->ttl;
    message->dscp = ip->tos >> 2;
    message->ecn = ip->tos & 3;
    mnet_udp_set_group_loop(socket->udp, ip->group_loop);
    mnet_udp_set_dont_fragment(socket->udp, mn_ip_options_forbid_fragments(ip));
}

/* What control messages say has precedence. */
static void apply_control(const struct mn_socket *socket, const struct mn_message *message,
                          struct mnet_udp_message *out)
{
    if (!mnet_address_is_any(message->local))
        out->local = message->local;
    if (message->ttl > 0)
        out->ttl = (uint8_t)message->ttl;
    if (message->tos >= 0) {
        out->dscp = (uint8_t)message->tos >> 2;
        out->ecn = message->tos & 3;
    }
    if (message->dont_fragment)
        mnet_udp_set_dont_fragment(socket->udp, true);
}

static ptrdiff_t send_datagram(struct mn_socket *socket, const struct mn_message *message, uint64_t deadline)
{
    MN_DEBUG_ASSERT(socket->udp != NULL && message->len <= UINT16_MAX);
    struct mnet_slice few[SLICES], *slices = few;
    size_t size = message->count * sizeof *slices;
    if (message->count > SLICES && (slices = mn_sockets_alloc(socket->sockets, size)) == NULL)
        return -MNET_ENOMEM;
    for (size_t i = 0; i < message->count; i++)
        slices[i] = (struct mnet_slice){message->pieces[i].iov_base, message->pieces[i].iov_len};
    struct mnet_udp_message out = {.slices = slices, .slice_count = (int)message->count};
    if (message->is_remote)
        out.remote = (struct mnet_endpoint){mn_socket_destination(socket, message->remote.address),
                                            message->remote.port};
    apply_ip_options(socket, message->is_remote ? out.remote.address : socket->remote.address, &out);
    apply_control(socket, message, &out);
    int error = mnet_udp_send_batch(socket->udp, &out, 1, NULL, deadline);
    if (slices != few)
        mn_sockets_free(socket->sockets, slices, size);
    bool of_ipv6 = !mnet_address_is_any(message->local) && !mnet_address_is_ipv4(message->local);
    if (error == MNET_E_INVALID)
        return of_ipv6 ? -MNET_EINVAL : -MNET_ENETUNREACH;
    return error < 0 ? mn_errno(error, MNET_UNREACHABLE_NONE) : (ptrdiff_t)message->len;
}

/* In Linux's order, which differs between the families. */
static int check_message(const struct mn_socket *socket, struct mn_message *message)
{
    bool is_remote = message->is_remote, too_long = message->len > UINT16_MAX;
    struct mnet_address to = is_remote ? message->remote.address : socket->remote.address;
    bool to_ipv4 = socket->domain == MNET_AF_INET || mnet_address_is_ipv4(to);
    if (is_remote && mn_socket_family(socket) == MNET_FAMILY_IPV6 && to_ipv4)
        return -MNET_ENETUNREACH;
    if (to_ipv4 && too_long)
        return -MNET_EMSGSIZE;
    if (is_remote && message->remote.port == 0)
        return -MNET_EINVAL;
    if (!is_remote && socket->phase != MN_PHASE_CONNECTED)
        return -MNET_EDESTADDRREQ;
    if (message->flags & MNET_MSG_MORE)
        return -MNET_EOPNOTSUPP;
    int error = mn_control_read(socket, to, message);
    if (error == 0 && is_remote && is_of_other_family(socket, to))
        error = -MNET_EAFNOSUPPORT;
    return error == 0 && too_long ? -MNET_EMSGSIZE : error;
}

static ptrdiff_t udp_send(struct mn_socket *socket, struct mn_message *message, uint64_t deadline)
{
    int error = ensure_endpoint(socket); /* also for a message that cannot be sent */
    if (error < 0)
        return error;
    error = check_message(socket, message);
    if (error == 0)
        error = take_error(socket);
    if (error < 0)
        return error;
    return socket->write_shut ? -MNET_EPIPE : send_datagram(socket, message, deadline);
}

/* Copies slices to the pieces of a message. Returns the bytes copied. */
static size_t scatter(const struct mnet_slice *slices, int count, const struct mn_message *message)
{
    size_t done = 0, piece = 0, at = 0;
    for (int i = 0; i < count; i++) {
        for (size_t from = 0; from < slices[i].len && piece < message->count;) {
            const struct mnet_iovec *to = &message->pieces[piece];
            size_t n = slices[i].len - from < to->iov_len - at ? slices[i].len - from : to->iov_len - at;
            if (n > 0)
                memcpy((uint8_t *)to->iov_base + at, (const uint8_t *)slices[i].data + from, n);
            from += n, at += n, done += n;
            if (at == to->iov_len)
                piece++, at = 0;
        }
    }
    return done;
}

static void note_fields(struct mn_message *message, const struct mnet_udp_message *in)
{
    message->remote = in->remote;
    message->local = in->local;
    message->ttl = in->ttl;
    message->tos = in->dscp << 2 | in->ecn;
}

static ptrdiff_t take_datagram(struct mn_socket *socket, struct mn_message *message, uint64_t deadline, size_t *whole)
{
    struct mnet_slice slices[SLICES];
    struct mnet_udp_message in;
    ptrdiff_t got = mnet_udp_get(socket->udp, &in, 1, slices, SLICES, deadline);
    if (got < 0)
        return got;
    size_t copied = scatter(in.slices, in.slice_count, message);
    MN_DEBUG_ASSERT(copied <= in.len && copied <= message->len);
    *whole = in.len;
    note_fields(message, &in);
    mnet_udp_release(socket->udp);
    return (ptrdiff_t)copied;
}

/* Only looks. The pieces are filled from a copy of the datagram. */
static ptrdiff_t look_at_datagram(struct mn_socket *socket, struct mn_message *message, uint64_t deadline,
                                  size_t *whole)
{
    size_t room = message->len < UINT16_MAX ? message->len : UINT16_MAX;
    void *copy = mn_sockets_alloc(socket->sockets, room + 1);
    if (copy == NULL)
        return MNET_E_NO_MEMORY;
    struct mnet_udp_message in;
    ptrdiff_t got = mnet_udp_peek(socket->udp, copy, room, NULL, deadline);
    if (got >= 0 && mnet_udp_describe(socket->udp, &in)) {
        note_fields(message, &in);
        const struct mnet_slice slice = {copy, (size_t)got < room ? (size_t)got : room};
        *whole = (size_t)got;
        got = (ptrdiff_t)scatter(&slice, 1, message);
    }
    mn_sockets_free(socket->sockets, copy, room + 1);
    return got;
}

static ptrdiff_t udp_receive(struct mn_socket *socket, struct mn_message *message, uint64_t deadline)
{
    size_t whole = 0;
    int error = take_error(socket);
    bool waits = deadline != 0;
    if (socket->read_shut)
        deadline = 0;
    if (error == 0 && socket->udp == NULL && deadline == 0)
        return -MNET_EAGAIN;
    if (error == 0)
        error = ensure_endpoint(socket);
    if (error < 0)
        return error;
    ptrdiff_t got = message->flags & MNET_MSG_PEEK ? look_at_datagram(socket, message, deadline, &whole)
                                                   : take_datagram(socket, message, deadline, &whole);
    if (got == MNET_E_DEADLINE && socket->read_shut && waits)
        return 0;
    if (got < 0)
        return mn_errno((int)got, mnet_udp_unreachable(socket->udp));
    message->is_remote = true;
    if (whole > (size_t)got)
        message->result_flags |= MNET_MSG_TRUNC;
    return message->flags & MNET_MSG_TRUNC ? (ptrdiff_t)whole : got;
}

/* ---- State ---- */

static int udp_shutdown(struct mn_socket *socket, int how)
{
    socket->read_shut |= how != MNET_SHUT_WR;
    socket->write_shut |= how != MNET_SHUT_RD;
    mn_file_tell(&socket->file);
    return socket->phase == MN_PHASE_CONNECTED ? 0 : -MNET_ENOTCONN; /* it works nevertheless */
}

static int udp_peer(struct mn_socket *socket, struct mnet_endpoint *remote)
{
    if (socket->phase != MN_PHASE_CONNECTED)
        return -MNET_ENOTCONN;
    *remote = socket->remote;
    return 0;
}

static unsigned udp_ready(struct mn_socket *socket)
{
    pull_errors(socket);
    unsigned ready = socket->udp != NULL ? mnet_udp_ready(socket->udp) : MNET_WRITABLE;
    if (socket->read_shut)
        ready |= MNET_READABLE | MNET_ENDED;
    if (socket->read_shut && socket->write_shut)
        ready |= MNET_HUNG_UP;
    return socket->error < 0 ? ready | MNET_FAILED : ready;
}

/* Each datagram is sent with the options that hold then. */
static void apply_options(struct mn_socket *socket)
{
    (void)socket;
}

static void udp_close(struct mn_socket *socket, bool linger)
{
    (void)linger;
    mnet_udp_close(socket->udp);
    socket->udp = NULL;
    mn_groups_free(socket);
}

const struct mn_socket_ops mn_udp_socket = {
    .type = MNET_SOCK_DGRAM,
    .protocol = MNET_IPPROTO_UDP,
    .bind = udp_bind,
    .connect = udp_connect,
    .send = udp_send,
    .receive = udp_receive,
    .shutdown = udp_shutdown,
    .peer = udp_peer,
    .ready = udp_ready,
    .take_error = take_error,
    .apply = apply_options,
    .close = udp_close,
};
