/* UDP sockets: datagrams between our end of a pair and an endpoint of mnet.
 *
 * The pair keeps the boundaries of datagrams (SOCK_SEQPACKET). What the program reads and writes
 * without addresses passes through it. Calls with addresses are answered by mnet-run (message.c).
 * To tell where a datagram came from, mnet-run remembers the senders of those in the pair, in their
 * order. The program may also read some without asking, so the ones still there are counted by
 * their bytes.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <linux/sockios.h>

#include "stack/stack.h"
#include "tools/mnet-run/run.h"

/* More datagrams than the pair can hold: the kernel counts at least 768 bytes for each. */
#define SENDERS 2048u
#define BATCH 16
#define SLICES 64
/* Datagrams of one socket before another has its turn. */
#define TURN_DATAGRAMS 256

struct run_senders {
    unsigned first, count;
    size_t bytes; /* of all datagrams that are remembered */
    struct run_sender senders[SENDERS];
};

/* ---- Senders ---- */

static void forget_first(struct run_senders *all)
{
    all->bytes -= all->senders[all->first].len;
    all->first = (all->first + 1) % SENDERS;
    all->count--;
}

static void remember(struct run_socket *socket, struct run_sender sender)
{
    struct run_senders *all = socket->senders;
    if (all->count == SENDERS)
        forget_first(all);
    all->senders[(all->first + all->count++) % SENDERS] = sender;
    all->bytes += sender.len;
}

struct run_sender run_sender_of(struct run_socket *socket, int end, size_t len, bool peek)
{
    struct run_senders *all = socket->senders;
    struct run_sender sender = {.remote = socket->remote};
    int left = 0;
    ioctl(end, SIOCINQ, &left);
    size_t unread = (size_t)left + (peek ? 0 : len);
    while (all->count > 0 && all->bytes > unread)
        forget_first(all);
    if (all->count > 0) {
        sender = all->senders[all->first];
        if (!peek)
            forget_first(all);
    }
    return sender;
}

/* ---- The endpoint ---- */

static void on_event(void *context, unsigned ready)
{
    struct run_socket *socket = context;
    (void)ready;
    run_mark_ready(socket->run, socket);
}

static enum mnet_family family_of(const struct run_socket *socket)
{
    if (socket->family == AF_INET)
        return MNET_FAMILY_IPV4;
    return socket->settings.v6_only ? MNET_FAMILY_IPV6 : MNET_FAMILY_ANY;
}

static bool forbids_fragments(const struct run_socket *socket)
{
    return socket->settings.mtu_discover >= IP_PMTUDISC_DO;
}

int run_datagram_open(struct runner *run, struct run_socket *socket)
{
    const struct run_settings *settings = &socket->settings;
    struct mnet_udp_options options = {
        .local = socket->local,
        .family = family_of(socket),
        .ttl = (uint8_t)settings->ttl,
        .dscp = (uint8_t)settings->dscp,
        .group_ttl = (uint8_t)settings->group_ttl,
        .group_loop = !settings->no_group_loop,
        .dont_fragment = forbids_fragments(socket),
        .icmp_errors = settings->icmp_errors,
        .share = settings->reuse_port,
    };
    if (socket->udp != NULL)
        return 0;
    socket->senders = calloc(1, sizeof *socket->senders);
    if (socket->senders == NULL)
        return -ENOBUFS;
    if (mnet_address_is_any(options.local.address))
        options.local.address = MNET_ADDRESS_ANY;
    int error = mnet_udp_open(run->stack, &options, &socket->udp);
    if (error < 0) {
        free(socket->senders);
        socket->senders = NULL;
        socket->udp = NULL;
        return -run_errno(error);
    }
    mnet_udp_notify(socket->udp, on_event, socket);
    run_mark_ready(run, socket);
    return 0;
}

void run_datagram_close(struct run_socket *socket)
{
    mnet_udp_close(socket->udp);
    socket->udp = NULL;
    free(socket->senders);
    socket->senders = NULL;
}

int64_t run_datagram_bind(struct runner *run, struct run_socket *socket, struct mnet_endpoint local)
{
    if (socket->udp != NULL && !mnet_endpoint_equal(socket->local, local))
        return -EINVAL;
    socket->local = local;
    int error = run_datagram_open(run, socket);
    if (error < 0)
        socket->local = (struct mnet_endpoint){0};
    return error;
}

/* The kernel's resolver of the host is asked at an address of the loopback network, where mnet has
 * none. The stack's own DNS server takes its place. */
static struct mnet_endpoint translate(struct runner *run, struct run_socket *socket, struct mnet_endpoint remote)
{
    struct mnet_resolvers resolvers;
    if (remote.port != RUN_DNS_PORT || !run_is_loopback(remote.address))
        return remote;
    mnet_stack_resolvers(run->stack, &resolvers);
    if (resolvers.server_count == 0)
        return remote;
    socket->alias = remote;
    socket->aliased = (struct mnet_endpoint){resolvers.servers[0].address, RUN_DNS_PORT};
    return socket->aliased;
}

int64_t run_datagram_connect(struct runner *run, struct run_socket *socket, const struct mnet_endpoint *remote)
{
    int error = run_datagram_open(run, socket);
    if (error < 0)
        return error;
    if (socket->phase != RUN_CONNECTED)
        run_discard_written(run, socket);
    struct mnet_endpoint there = remote != NULL ? translate(run, socket, *remote) : (struct mnet_endpoint){0};
    error = mnet_udp_connect(socket->udp, remote != NULL ? &there : NULL);
    if (error < 0)
        return -run_errno(error);
    socket->remote = remote != NULL ? *remote : there;
    socket->phase = remote != NULL ? RUN_CONNECTED : RUN_FRESH;
    return 0;
}

struct mnet_endpoint run_datagram_name(struct runner *run, const struct run_socket *socket)
{
    struct mn_ip_path path;
    if (socket->udp == NULL)
        return socket->local;
    struct mnet_endpoint local = mnet_udp_local(socket->udp);
    if (socket->phase == RUN_CONNECTED && mnet_address_is_any(local.address) &&
        mn_ip_path(&run->stack->ip, socket->remote.address, &path) == 0)
        local.address = path.source;
    return local;
}

static void apply_header(struct run_socket *socket, const struct run_header *header, struct mnet_udp_message *message)
{
    message->local = header->local;
    if (header->ttl > 0)
        message->ttl = (uint8_t)header->ttl;
    if (header->tos >= 0) {
        message->dscp = (uint8_t)header->tos >> 2;
        message->ecn = header->tos & 3;
    }
    if (header->dont_fragment)
        mnet_udp_set_dont_fragment(socket->udp, true);
}

int64_t run_datagram_send(struct runner *run, struct run_socket *socket, const struct mnet_endpoint *to,
                          const struct run_header *header, const void *bytes, size_t len)
{
    const struct mnet_slice slice = {bytes, len};
    struct mnet_udp_message message = {.slices = &slice, .slice_count = 1};
    int error = run_datagram_open(run, socket);
    if (error < 0)
        return error;
    if (to == NULL && socket->phase != RUN_CONNECTED)
        return -EDESTADDRREQ;
    if (to != NULL)
        message.remote = translate(run, socket, *to);
    if (header != NULL)
        apply_header(socket, header, &message);
    error = mnet_udp_send_batch(socket->udp, &message, 1, NULL, 0);
    if (header != NULL && header->dont_fragment)
        mnet_udp_set_dont_fragment(socket->udp, forbids_fragments(socket));
    if (error == MNET_E_DEADLINE)
        return -EAGAIN;
    if (error == MNET_E_UNREACHABLE)
        return -ENETUNREACH;
    return error < 0 ? -run_errno(error) : (int64_t)len;
}

/* ---- Pumping ---- */

/* Datagrams that the program writes without an address. */
static void pump_out(struct runner *run, struct run_socket *socket)
{
    for (int i = 0; i < TURN_DATAGRAMS; i++) {
        if (socket->udp != NULL && (mnet_udp_ready(socket->udp) & MNET_WRITABLE) == 0)
            return; /* an event of the endpoint follows */
        ssize_t got = recv(socket->fd, run->buffer, sizeof run->buffer, MSG_DONTWAIT);
        if (got < 0 || (got == 0 && socket->hung_up)) {
            socket->out_ended = socket->hung_up;
            return;
        }
        int64_t sent = run_datagram_send(run, socket, NULL, NULL, run->buffer, (size_t)got);
        if (sent < 0 && sent != -EAGAIN)
            socket->error = (int)-sent;
    }
    run_mark_ready(run, socket);
}

static struct mnet_endpoint name_of(const struct run_socket *socket, struct mnet_endpoint remote)
{
    bool aliased = socket->alias.port != 0 && mnet_endpoint_equal(remote, socket->aliased);
    return aliased ? socket->alias : remote;
}

/* False if the pair is full: the datagram is lost, as it is on Linux. */
static bool deliver(struct run_socket *socket, const struct mnet_udp_message *message)
{
    struct iovec pieces[SLICES];
    for (int i = 0; i < message->slice_count; i++)
        pieces[i] = (struct iovec){(void *)(uintptr_t)message->slices[i].data, message->slices[i].len};
    struct msghdr header = {.msg_iov = pieces, .msg_iovlen = (size_t)message->slice_count};
    if (sendmsg(socket->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return errno != EAGAIN;
    const struct run_header fields = {message->local, message->ttl, message->dscp << 2 | message->ecn, false};
    remember(socket, (struct run_sender){
                         .remote = name_of(socket, message->remote), .len = (uint32_t)message->len, .header = fields});
    return true;
}

/* An error makes the program's end readable by an empty datagram, for which calls with addresses
 * return the error. */
static void deliver_error(struct run_socket *socket, int error)
{
    socket->error = error;
    if (send(socket->fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL) == 0)
        remember(socket, (struct run_sender){.remote = socket->remote, .error = error});
}

static void pump_in(struct runner *run, struct run_socket *socket)
{
    struct mnet_udp_message messages[BATCH];
    struct mnet_slice slices[SLICES];
    for (int i = 0; i < TURN_DATAGRAMS / BATCH; i++) {
        if ((mnet_udp_ready(socket->udp) & (MNET_READABLE | MNET_FAILED)) == 0)
            return;
        ptrdiff_t count = mnet_udp_get(socket->udp, messages, BATCH, slices, SLICES, 0);
        bool room = true;
        for (ptrdiff_t k = 0; k < count; k++)
            room &= deliver(socket, &messages[k]);
        mnet_udp_release(socket->udp);
        if (count == MNET_E_REFUSED || count == MNET_E_UNREACHABLE)
            deliver_error(socket, run_errno((int)count));
        run_await_room(run, socket, !room);
        if (!room)
            return;
    }
    run_mark_ready(run, socket);
}

void run_datagram_serve(struct runner *run, struct run_socket *socket)
{
    pump_out(run, socket);
    if (socket->udp != NULL)
        pump_in(run, socket);
    run_message_retry(run, socket);
    if (socket->out_ended && !run_still_open(socket))
        run_drop(run, socket);
}
