/* Ports, and listening.
 *
 * A socket that is bound has a listener of mnet, which only reserves the port until the socket
 * listens. Sockets with SO_REUSEPORT on one port share one. The end of a listening socket has a
 * byte to read, the token, as long as connections wait for accept. If several sockets share a
 * listener, each connection belongs to one of them from the beginning, in turn, as on Linux: what
 * select said of one socket must not depend on the others. So it is accepted from mnet at once. The
 * connections of a socket that is closed go to the others.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/mnet-run/run.h"

/* A socket that was accepted from mnet, and which the program could not be given. */
struct run_spare {
    struct mnet_link link;
    struct run_socket *socket;
    int program_end;
};

struct run_share {
    struct mnet_link shares;  /* in run->shares */
    unsigned holders;         /* sockets that have the port */
    struct mnet_link sockets; /* those of them that listen */
    struct mnet_listener *listener;
    struct mnet_endpoint local;
    enum mnet_family family;
    bool shared;
};

static struct run_socket *member(struct mnet_link *link)
{
    return MN_CONTAINER(link, struct run_socket, of_share);
}

/* ---- Readiness ---- */

static bool has_several(const struct run_share *share)
{
    return mn_list_first(&share->sockets) != mn_list_last(&share->sockets);
}

static bool connections_wait(const struct run_socket *socket)
{
    const struct run_share *share = socket->share;
    return socket->spare_count > 0 ||
           (!has_several(share) && (mnet_tcp_listener_ready(share->listener) & MNET_ACCEPTABLE) != 0);
}

static void put_token(struct run_socket *socket)
{
    if (!socket->token && socket->fd >= 0)
        socket->token = send(socket->fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

static void take_token(struct run_socket *socket)
{
    char token;
    int end = socket->token ? run_take_end(socket) : -1;
    if (end < 0)
        return;
    recv(end, &token, 1, MSG_DONTWAIT);
    close(end);
    socket->token = false;
}

/* The token says whether there is a connection. */
static void settle(struct run_socket *socket)
{
    if (connections_wait(socket))
        put_token(socket);
    else
        take_token(socket);
}

static void on_connection(void *context, unsigned ready)
{
    struct run_share *share = context;
    struct run_socket *socket = member(share->sockets.next);
    (void)ready;
    run_mark_ready(socket->run, socket);
}

/* ---- Accepting ---- */

/* The connections that a socket of several may have. Further ones wait in mnet's listener. */
#define SPARES_MAX 128u

static void add_spare(struct run_socket *listener, struct run_spare *spare)
{
    mn_list_append(&listener->spares, &spare->link);
    listener->spare_count++;
}

static struct run_spare *accept_one(struct runner *run, struct run_socket *listener)
{
    struct run_spare *spare = calloc(1, sizeof *spare);
    struct mnet_flow *flow = NULL;
    if (spare != NULL)
        spare->socket = run_create(run, listener->family, listener->type, listener->protocol, &spare->program_end);
    if (spare == NULL || spare->socket == NULL) {
        free(spare);
        return NULL;
    }
    spare->socket->settings = listener->settings;
    add_spare(listener, spare);
    mnet_tcp_accept(listener->share->listener, &flow, 0);
    run_connected(run, spare->socket, flow);
    return spare;
}

static struct run_spare *take_spare(struct run_socket *listener)
{
    struct mnet_link *link = mn_list_take(&listener->spares);
    if (link == NULL)
        return NULL;
    listener->spare_count--;
    return MN_CONTAINER(link, struct run_spare, link);
}

/* Gives the call a connection, of which there is one. */
static int64_t give(struct runner *run, struct run_socket *listener, const struct run_call *call)
{
    struct mnet_link *first = mn_list_first(&listener->spares);
    struct run_spare *spare = first != NULL ? MN_CONTAINER(first, struct run_spare, link) : accept_one(run, listener);
    if (spare == NULL)
        return -ENFILE;
    struct run_socket *socket = spare->socket;
    int error = run_write_address(run, call, socket->remote, socket->family, call->arguments[1], call->arguments[2]);
    if (error < 0)
        return error;
    int flags = call->number == SYS_accept4 ? (int)call->arguments[3] : 0;
    int number = run_hand_over(run, call, socket, spare->program_end, flags);
    if (number < 0)
        return number;
    free(take_spare(listener));
    return RUN_ANSWERED;
}

int64_t run_accept_call(struct runner *run, struct run_socket *socket, const struct run_call *call)
{
    int flags = call->number == SYS_accept4 ? (int)call->arguments[3] : 0;
    if (socket->phase != RUN_LISTENING || (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != 0)
        return -EINVAL;
    if (!connections_wait(socket))
        return run_wait_for(run, socket, call, SO_RCVTIMEO, EAGAIN);
    int64_t result = give(run, socket, call);
    settle(socket);
    if (has_several(socket->share) && mnet_tcp_listener_ready(socket->share->listener) & MNET_ACCEPTABLE)
        run_mark_ready(run, socket); /* there may be room for it now */
    return result;
}

/* Returns the next socket in turn that may have one more connection, or NULL. */
static struct run_socket *next_in_turn(struct run_share *share)
{
    struct mnet_link *last = mn_list_last(&share->sockets), *first;
    do {
        first = mn_list_take(&share->sockets);
        mn_list_append(&share->sockets, first);
        if (member(first)->spare_count < SPARES_MAX)
            return member(first);
    } while (first != last);
    return NULL;
}

/* Gives each connection that waits in mnet's listener to a socket, in turn. */
static void distribute(struct runner *run, struct run_share *share)
{
    struct run_socket *socket;
    while (mnet_tcp_listener_ready(share->listener) & MNET_ACCEPTABLE && (socket = next_in_turn(share)) != NULL &&
           accept_one(run, socket) != NULL)
        ;
}

/* Answers the calls that wait for a connection of a socket. */
static void serve(struct runner *run, struct run_socket *socket)
{
    struct run_wait *wait;
    while (connections_wait(socket) && (wait = run_wait_first(socket)) != NULL) {
        int64_t result = give(run, socket, &wait->call);
        if (result != RUN_ANSWERED)
            run_reply(run, wait->call.id, result);
        run_wait_end(wait);
    }
    settle(socket);
}

void run_listener_serve(struct runner *run, struct run_socket *socket)
{
    if (socket->hung_up) {
        run_give_port(run, socket);
        return;
    }
    struct run_share *share = socket->share;
    if (has_several(share))
        distribute(run, share);
    for (struct mnet_link *link = mn_list_begin(&share->sockets); link != &share->sockets; link = link->next)
        serve(run, member(link));
}

/* ---- Binding and listening ---- */

static enum mnet_family family_of(const struct run_socket *socket)
{
    if (socket->family == AF_INET)
        return MNET_FAMILY_IPV4;
    return socket->settings.v6_only ? MNET_FAMILY_IPV6 : MNET_FAMILY_ANY;
}

/* A listener of mnet that the socket may share. */
static struct run_share *find_share(const struct runner *run, const struct run_socket *socket)
{
    if (!socket->settings.reuse_port || socket->local.port == 0 || mn_list_empty(&run->shares))
        return NULL;
    for (struct mnet_link *link = mn_list_begin(&run->shares); link != &run->shares; link = link->next) {
        struct run_share *share = MN_CONTAINER(link, struct run_share, shares);
        if (share->shared && share->family == family_of(socket) && mnet_endpoint_equal(share->local, socket->local))
            return share;
    }
    return NULL;
}

/* With a backlog of 0 the port is only reserved. */
static int open_listener(struct runner *run, struct run_share *share, const struct run_socket *socket, unsigned backlog)
{
    const struct run_settings *settings = &socket->settings;
    struct mnet_listen_options options = {
        .family = share->family,
        .backlog = backlog,
        .reserve = backlog == 0,
        .no_delay = settings->no_delay,
        .ttl = (uint8_t)settings->ttl,
        .dscp = (uint8_t)settings->dscp,
        .congestion = settings->congestion,
    };
    if (!mnet_address_is_any(socket->local.address))
        options.address = socket->local.address;
    int error = mnet_tcp_listen(run->stack, socket->local.port, &options, &share->listener);
    if (error == MNET_OK)
        mnet_tcp_listener_notify(share->listener, on_connection, share);
    return error;
}

/* The port is the socket's own, so it can be taken again at once. */
static int reopen_listener(struct runner *run, struct run_share *share, const struct run_socket *socket,
                           unsigned backlog)
{
    mnet_tcp_unlisten(share->listener);
    return open_listener(run, share, socket, backlog);
}

static int make_share(struct runner *run, struct run_socket *socket)
{
    struct run_share *share = calloc(1, sizeof *share);
    if (share == NULL)
        return MNET_E_NO_MEMORY;
    share->family = family_of(socket);
    share->shared = socket->settings.reuse_port;
    int error = open_listener(run, share, socket, 0);
    if (error < 0) {
        free(share);
        return error;
    }
    socket->local.port = mnet_tcp_listen_port(share->listener);
    share->local = socket->local;
    mn_list_append(&run->shares, &share->shares);
    socket->share = share;
    return MNET_OK;
}

/* Gives the socket its port. */
static int take_port(struct runner *run, struct run_socket *socket)
{
    socket->share = find_share(run, socket);
    int error = socket->share == NULL ? make_share(run, socket) : MNET_OK;
    if (error == MNET_OK)
        socket->share->holders++;
    return error;
}

int64_t run_bind_call(struct runner *run, struct run_socket *socket, const struct run_call *call)
{
    struct mnet_endpoint local;
    if (socket->family == AF_NETLINK)
        return 0;
    int error = run_read_address(run, call, call->arguments[1], call->arguments[2], socket->family, &local);
    if (error != 0)
        return error < 0 ? error : -EAFNOSUPPORT;
    if (socket->type == SOCK_DGRAM)
        return run_datagram_bind(run, socket, local);
    if (socket->phase != RUN_FRESH || socket->share != NULL)
        return -EINVAL;
    if (!run_own_address(run, local.address))
        return -EADDRNOTAVAIL;
    socket->local = local;
    error = take_port(run, socket);
    /* If a signal comes before the answer, the kernel makes the same call again. */
    if (error == MNET_OK && run_reply(run, call->id, 0))
        return RUN_ANSWERED;
    run_give_port(run, socket);
    socket->local = (struct mnet_endpoint){.port = 0};
    return -run_errno(error);
}

int64_t run_listen_call(struct runner *run, struct run_socket *socket, const struct run_call *call)
{
    /* As on Linux, a negative one is the largest. */
    unsigned backlog = MN_MIN((unsigned)call->arguments[1], 4096u);
    if (socket->type != SOCK_STREAM)
        return -EOPNOTSUPP;
    if (socket->phase == RUN_LISTENING)
        return 0;
    if (socket->phase != RUN_FRESH)
        return -EINVAL;
    int error = socket->share == NULL ? take_port(run, socket) : MNET_OK;
    if (error == MNET_OK && mn_list_empty(&socket->share->sockets))
        error = reopen_listener(run, socket->share, socket, MN_MAX(backlog, 1u));
    if (error < 0) {
        run_give_port(run, socket);
        return -run_errno(error);
    }
    if (!mn_list_empty(&socket->share->sockets)) /* they have a right to what waits */
        distribute(run, socket->share);
    mn_list_append(&socket->share->sockets, &socket->of_share);
    socket->phase = RUN_LISTENING;
    return 0;
}

/* The connections of a socket that listens no more go to another one, or are reset. */
static void move_spares(struct runner *run, struct run_socket *from, struct run_socket *to)
{
    for (struct run_spare *spare; (spare = take_spare(from)) != NULL;) {
        if (to != NULL) {
            add_spare(to, spare);
            continue;
        }
        spare->socket->settings.reset_at_close = true;
        close(spare->program_end);
        run_drop(run, spare->socket);
        free(spare);
    }
}

/* A socket has left. Without a holder the port is free. Without a listening one it is only
 * reserved. */
static void settle_share(struct runner *run, struct run_share *share, const struct run_socket *gone)
{
    struct mnet_link *other = mn_list_first(&share->sockets);
    if (other != NULL) { /* somebody may wait in accept for a connection of the one that has left */
        run_mark_ready(run, member(other));
        return;
    }
    if (share->holders > 0) {
        (void)reopen_listener(run, share, gone, 0);
        return;
    }
    mnet_tcp_unlisten(share->listener);
    mn_list_remove(&share->shares);
    free(share);
}

void run_give_port(struct runner *run, struct run_socket *socket)
{
    struct run_share *share = socket->share;
    if (share == NULL)
        return;
    bool listened = socket->phase == RUN_LISTENING;
    if (listened) {
        run_wait_answer_all(run, socket, -EINVAL);
        socket->phase = RUN_FRESH;
        mn_list_remove(&socket->of_share);
        struct mnet_link *other = mn_list_first(&share->sockets);
        move_spares(run, socket, other != NULL ? member(other) : NULL);
    }
    socket->share = NULL;
    share->holders--;
    if (listened || share->holders == 0)
        settle_share(run, share, socket);
}
