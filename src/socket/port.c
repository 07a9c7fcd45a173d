/* The ports of TCP sockets.
 *
 * A bound socket has a listener of mnet, which only reserves its port until the socket listens.
 * Sockets with SO_REUSEPORT on one port share one listener, which listens as long as one of them
 * does. Each connection belongs to one of them from the beginning, in turn: what select said of one
 * socket must not depend on the others. So whenever one of them is asked, all that waits is
 * accepted from mnet and given out as spares: sockets without a descriptor. Those of a socket that
 * is closed go to another one. */
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

/* Reserves the port of a share again. Returns 0 or -errno. */
static int reopen(struct mn_port_share *share)
{
    struct mnet_listener *listener = NULL;
    int error = open_listener(member_of(mn_list_first(&share->members)), share->local, &listener);
    share->listener = error < 0 ? NULL : listener;
    if (error == 0)
        mnet_tcp_listener_notify(listener, take_event, share);
    FOR_EACH(node, &share->members)
    {
        member_of(node)->listener = share->listener;
    }
    return error;
}

int mn_port_listen(struct mn_socket *socket, unsigned backlog)
{
    MN_DEBUG_ASSERT(socket->bound && backlog > 0);
    struct mn_port_share *share = socket->share;
    if (socket->listener == NULL) { /* it was lost when a socket stopped listening */
        int error = share != NULL ? reopen(share) : mn_port_reserve(socket, socket->local);
        if (error < 0)
            return error;
        share = socket->share;
    }
    if (share != NULL)
        backlog = share->backlog = MN_MAX(share->backlog, backlog);
    return mn_errno(mnet_tcp_listen_now(socket->listener, backlog), MNET_UNREACHABLE_NONE);
}

/* Returns a member that listens, or NULL. */
static struct mn_socket *listening_one(const struct mn_port_share *share)
{
    FOR_EACH(node, &share->members)
    {
        if (member_of(node)->phase == MN_PHASE_LISTENING)
            return member_of(node);
    }
    return NULL;
}

/* ---- Accepted connections without a descriptor ---- */

void mn_port_add_spare(struct mn_socket *listener, struct mn_socket *spare)
{
    mn_list_append(&listener->spares, &spare->of_share);
    listener->spare_count++;
}

void mn_port_return_spare(struct mn_socket *listener, struct mn_socket *spare)
{
    mn_list_prepend(&listener->spares, &spare->of_share);
    listener->spare_count++;
    mn_file_tell(&listener->file);
}

struct mn_socket *mn_port_take_spare(struct mn_socket *listener)
{
    struct mnet_link *link = mn_list_take(&listener->spares);
    if (link == NULL)
        return NULL;
    MN_DEBUG_ASSERT(listener->spare_count > 0);
    listener->spare_count--;
    return member_of(link);
}

struct mn_socket *mn_port_choose_listener(struct mn_port_share *share)
{
    MN_DEBUG_ASSERT(!mn_list_empty(&share->members));
    const struct mnet_link *last = mn_list_last(&share->members);
    struct mnet_link *first;
    do {
        first = mn_list_take(&share->members);
        mn_list_append(&share->members, first);
        struct mn_socket *socket = member_of(first);
        if (socket->phase == MN_PHASE_LISTENING && socket->spare_count < share->backlog)
            return socket;
    } while (first != last);
    return NULL;
}

/* The connections of a socket that listens no more go to another one, or are reset. */
static void move_spares(struct mn_socket *from, struct mn_socket *to)
{
    for (struct mn_socket *spare; (spare = mn_port_take_spare(from)) != NULL;) {
        if (to != NULL) {
            mn_port_add_spare(to, spare);
            continue;
        }
        spare->options.linger_s = 0;
        mn_file_release(spare->sockets, &spare->file, false);
    }
    if (to != NULL)
        mn_file_tell(&to->file);
}

/* ---- Leaving ---- */

/* The last one that listened is gone: the port is only reserved again. If that fails, the next one
 * that listens tries it. */
static void silence(struct mn_port_share *share)
{
    MN_DEBUG_ASSERT(listening_one(share) == NULL);
    mnet_tcp_unlisten(share->listener);
    share->backlog = 0;
    (void)reopen(share);
}

void mn_port_leave(struct mn_socket *socket)
{
    struct mn_port_share *share = socket->share;
    struct mnet_listener *listener = socket->listener;
    socket->listener = NULL;
    socket->share = NULL;
    if (share == NULL) {
        move_spares(socket, NULL);
        mnet_tcp_unlisten(listener);
        return;
    }
    MN_DEBUG_ASSERT(mn_list_linked(&socket->of_share) && listener == share->listener);
    mn_list_remove(&socket->of_share);
    struct mn_socket *other = listening_one(share);
    move_spares(socket, other);
    if (mn_list_empty(&share->members)) {
        mnet_tcp_unlisten(share->listener);
        mn_list_remove(&share->link);
        mn_sockets_free(socket->sockets, share, sizeof *share);
    } else if (share->backlog > 0 && other == NULL) {
        silence(share);
    }
}
