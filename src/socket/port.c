/* The ports of TCP sockets.
 *
 * A bound socket has a listener of mnet, which only reserves its port until the socket listens.
 * Sockets with SO_REUSEPORT on one port share one listener: all are readable while a connection
 * waits, and the one that accepts first has it. So a connection is not lost with the socket that it
 * would have been given to. The listener listens as long as one of them does. */
#include "socket/socket.h"

struct mn_port_share {
    struct mnet_link link; /* of sockets->shares */
    struct mnet_listener *listener;
    struct mnet_endpoint local;
    enum mnet_family family;
    struct mnet_link members; /* struct mn_socket */
    unsigned backlog;         /* the largest of theirs; 0: none listens */
};

/* The members of a share, in turn. `node` is a struct mnet_link *. */
#define FOR_EACH(node, head) \
    for (struct mnet_link *node = mn_list_first(head); node != NULL; node = node->next == (head) ? NULL : node->next)

static struct mn_socket *member_of(struct mnet_link *node)
{
    return MN_CONTAINER(node, struct mn_socket, of_share);
}

static void take_event(void *context, unsigned ready)
{
    struct mn_port_share *share = context;
    (void)ready;
    FOR_EACH(node, &share->members)
    {
        mn_file_tell(&member_of(node)->file);
    }
}

/* Makes a listener that reserves a port. Returns 0 or -errno. */
static int open_listener(struct mn_socket *socket, struct mnet_endpoint local, struct mnet_listener **listener)
{
    struct mnet_listen_options options = {
        .address = local.address, .family = mn_socket_family(socket), .reserve = true};
    if (mnet_address_is_any(local.address))
        options.address = MNET_ADDRESS_ANY; /* the family says which */
    int error = mnet_tcp_listen(socket->sockets->stack, local.port, &options, listener);
    return error == MNET_E_INVALID ? -MNET_EADDRNOTAVAIL : mn_errno(error, MNET_UNREACHABLE_NONE);
}

static struct mn_port_share *find(const struct mn_socket *socket, struct mnet_endpoint local)
{
    FOR_EACH(node, &socket->sockets->shares)
    {
        struct mn_port_share *share = MN_CONTAINER(node, struct mn_port_share, link);
        if (mnet_endpoint_equal(share->local, local) && share->family == mn_socket_family(socket))
            return share;
    }
    return NULL;
}

/* Returns a share with its own listener, or NULL with an error. */
static struct mn_port_share *make(struct mn_socket *socket, struct mnet_endpoint local, int *error)
{
    struct mn_port_share *share = mn_sockets_alloc(socket->sockets, sizeof *share);
    *error = share == NULL ? -MNET_ENOMEM : open_listener(socket, local, &share->listener);
    if (*error < 0) {
        if (share != NULL)
            mn_sockets_free(socket->sockets, share, sizeof *share);
        return NULL;
    }
    share->local = (struct mnet_endpoint){local.address, mnet_tcp_listen_port(share->listener)};
    share->family = mn_socket_family(socket);
    mnet_tcp_listener_notify(share->listener, take_event, share);
    mn_list_append(&socket->sockets->shares, &share->link);
    return share;
}

static int reserve_shared(struct mn_socket *socket, struct mnet_endpoint local)
{
    int error = 0;
    struct mn_port_share *share = local.port != 0 ? find(socket, local) : NULL;
    if (share == NULL)
        share = make(socket, local, &error);
    if (share == NULL)
        return error;
    MN_DEBUG_ASSERT(!mn_list_linked(&socket->of_share));
    mn_list_append(&share->members, &socket->of_share);
    socket->share = share;
    socket->listener = share->listener;
    return 0;
}

int mn_port_reserve(struct mn_socket *socket, struct mnet_endpoint local)
{
    MN_DEBUG_ASSERT(socket->listener == NULL && socket->share == NULL);
    int error = socket->options.reuse_port ? reserve_shared(socket, local)
                                           : open_listener(socket, local, &socket->listener);
    if (error < 0)
        return error;
    if (socket->share == NULL)
        mnet_tcp_listener_notify(socket->listener, mn_socket_take_event, socket);
    MN_DEBUG_ASSERT(socket->listener != NULL);
    socket->bound = true;
    socket->bound_address = local.address;
    socket->local = (struct mnet_endpoint){local.address, mnet_tcp_listen_port(socket->listener)};
    return 0;
}

int mn_port_listen(struct mn_socket *socket, unsigned backlog)
{
    MN_DEBUG_ASSERT(socket->bound && backlog > 0);
    struct mn_port_share *share = socket->share;
    if (socket->listener == NULL) { /* it was lost when the socket stopped listening */
        int error = mn_port_reserve(socket, socket->local);
        if (error < 0)
            return error;
        share = socket->share;
    }
    if (share != NULL)
        backlog = share->backlog = MN_MAX(share->backlog, backlog);
    return mn_errno(mnet_tcp_listen_now(socket->listener, backlog), MNET_UNREACHABLE_NONE);
}

static bool any_listens(const struct mn_port_share *share)
{
    FOR_EACH(node, &share->members)
    {
        if (member_of(node)->phase == MN_PHASE_LISTENING)
            return true;
    }
    return false;
}

/* The last one that listened is gone: the port is only reserved again. If that fails, each of the
 * others tries it when it listens. */
static void silence(struct mn_port_share *share)
{
    struct mnet_listener *listener = NULL;
    MN_DEBUG_ASSERT(!any_listens(share));
    struct mn_socket *first = member_of(mn_list_first(&share->members));
    mnet_tcp_unlisten(share->listener);
    share->backlog = 0;
    if (open_listener(first, share->local, &listener) < 0)
        listener = NULL;
    share->listener = listener;
    if (listener != NULL)
        mnet_tcp_listener_notify(listener, take_event, share);
    FOR_EACH(node, &share->members)
    {
        member_of(node)->listener = listener;
    }
}

void mn_port_leave(struct mn_socket *socket)
{
    struct mn_port_share *share = socket->share;
    struct mnet_listener *listener = socket->listener;
    socket->listener = NULL;
    socket->share = NULL;
    if (share == NULL) {
        mnet_tcp_unlisten(listener);
        return;
    }
    MN_DEBUG_ASSERT(mn_list_linked(&socket->of_share) && listener == share->listener);
    mn_list_remove(&socket->of_share);
    if (mn_list_empty(&share->members)) {
        mnet_tcp_unlisten(share->listener);
        mn_list_remove(&share->link);
        mn_sockets_free(socket->sockets, share, sizeof *share);
    } else if (share->backlog > 0 && !any_listens(share)) {
        silence(share);
    }
}
