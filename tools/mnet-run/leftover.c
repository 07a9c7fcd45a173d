/* Connections that the program has closed while their peers take nothing.
 *
 * If the user of a connection has closed it, mnet does not wait for ever for a peer whose window
 * stays closed: it ends the connection after the user timeout (R2), although the peer answers
 * probes (RFC 6429 3). But as long as bytes of the program wait in the pair, its connection is not
 * closed in mnet. So it is looked whether the peer has acknowledged something in each such time.
 */
#include "tools/mnet-run/run.h"

static void begin_period(struct run_socket *socket, const struct mnet_tcp_info *info)
{
    socket->leftover_acked = info->bytes_acked;
    socket->leftover_until = mn_time_after(mn_hosted_now(NULL), info->user_timeout_ns);
}

void run_leftover_watch(struct runner *run, struct run_socket *socket)
{
    struct mnet_tcp_info info;
    if (mn_list_linked(&socket->leftover))
        return;
    mnet_tcp_info(socket->flow, &info);
    begin_period(socket, &info);
    run->leftover_at = MN_MIN(mn_list_empty(&run->leftovers) ? MNET_NEVER : run->leftover_at, socket->leftover_until);
    mn_list_append(&run->leftovers, &socket->leftover);
}

/* The period of the socket is over. */
static void judge(struct runner *run, struct run_socket *socket)
{
    struct mnet_tcp_info info;
    mnet_tcp_info(socket->flow, &info);
    if (info.bytes_acked != socket->leftover_acked) {
        begin_period(socket, &info);
        return;
    }
    socket->reset = true;
    run_drop(run, socket);
}

uint64_t run_leftover_expire(struct runner *run)
{
    if (mn_list_empty(&run->leftovers))
        return MNET_NEVER;
    uint64_t now = mn_hosted_now(NULL), next_at = MNET_NEVER;
    if (run->leftover_at > now)
        return run->leftover_at;
    for (struct mnet_link *link = mn_list_begin(&run->leftovers), *next; link != &run->leftovers; link = next) {
        struct run_socket *socket = MN_CONTAINER(link, struct run_socket, leftover);
        next = link->next;
        if (socket->leftover_until <= now)
            judge(run, socket);
        if (!socket->buried)
            next_at = MN_MIN(next_at, socket->leftover_until);
    }
    run->leftover_at = next_at;
    return next_at;
}
