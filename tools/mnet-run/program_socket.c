/* Sockets of the program: the table, their making and their end. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/mnet-run/run.h"

#define TABLE_FIRST 256u
/* Sockets whose connection has failed, and which the program may still ask for the cause. */
#define DEAD_MAX 1024u
/* Bytes for which mnet had no memory are tried again after so long. */
#define RETRY_NS (10 * MNET_MILLISECOND)
/* More datagrams than a pair has. */
#define DISCARDED_MAX 4096u
#define TYPE_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

/* ---- The table ---- */

/* Inode numbers of sockets follow one another. */
static struct run_socket **bucket(const struct runner *run, ino_t inode)
{
    return &run->table[inode & (run->table_size - 1)];
}

static bool grow(struct runner *run)
{
    size_t size = run->table_size != 0 ? 2 * run->table_size : TABLE_FIRST, old_size = run->table_size;
    struct run_socket **old = run->table, **table = calloc(size, sizeof(struct run_socket *));
    if (table == NULL)
        return false;
    run->table = table;
    run->table_size = size;
    for (size_t i = 0; i < old_size; i++) {
        for (struct run_socket *socket = old[i], *next; socket != NULL; socket = next) {
            next = socket->next;
            socket->next = *bucket(run, socket->inode);
            *bucket(run, socket->inode) = socket;
        }
    }
    free(old);
    return true;
}

static struct run_socket *look_up(const struct runner *run, ino_t inode)
{
    struct run_socket *socket = run->table_size != 0 ? *bucket(run, inode) : NULL;
    while (socket != NULL && socket->inode != inode)
        socket = socket->next;
    return socket;
}

static void enter(struct runner *run, struct run_socket *socket)
{
    /* The number of a socket that has ended is used again. */
    struct run_socket *former = look_up(run, socket->inode);
    if (former != NULL)
        run_drop(run, former);
    socket->next = *bucket(run, socket->inode);
    *bucket(run, socket->inode) = socket;
    run->socket_count++;
}

static void leave(struct runner *run, struct run_socket *socket)
{
    struct run_socket **place = bucket(run, socket->inode);
    while (*place != socket)
        place = &(*place)->next;
    *place = socket->next;
    run->socket_count--;
}

struct run_socket *run_find(struct runner *run, const struct run_call *call)
{
    ino_t inode = run_inode(run, call->thread, (int)call->arguments[0]);
    struct run_socket *socket = inode != 0 ? look_up(run, inode) : NULL;
    if (socket != NULL) {
        socket->thread = call->thread;
        socket->number = (int)call->arguments[0];
        if (MN_UNLIKELY(socket->room != 0) && socket->phase != RUN_CONNECTING)
            run_give_room_back(socket);
    }
    return socket;
}

/* ---- Making ---- */

static void watch(struct runner *run, struct run_socket *socket, int operation, uint32_t events)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET | events, .data.ptr = socket};
    epoll_ctl(run->epoll, operation, socket->fd, &event);
}

void run_await_room(struct runner *run, struct run_socket *socket, bool room)
{
    if (socket->writable_awaited == room || socket->fd < 0)
        return;
    socket->writable_awaited = room;
    watch(run, socket, EPOLL_CTL_MOD, room ? EPOLLOUT : 0);
}

void run_set_room(int end, int bytes)
{
    setsockopt(end, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static bool open_pair(struct run_socket *socket, int *program_end)
{
    struct stat status;
    int ends[2], kind = socket->type == SOCK_STREAM ? SOCK_STREAM : SOCK_SEQPACKET;
    if (socketpair(AF_UNIX, kind | SOCK_CLOEXEC, 0, ends) < 0)
        return false;
    run_set_room(ends[0], RUN_PAIR_ROOM);
    if (kind == SOCK_STREAM)
        run_set_room(ends[1], RUN_PAIR_ROOM);
    fstat(ends[1], &status);
    socket->fd = ends[0];
    socket->inode = status.st_ino;
    *program_end = ends[1];
    return true;
}

struct run_socket *run_create(struct runner *run, int family, int type, int protocol, int *program_end)
{
    if (run->socket_count >= run->table_size && !grow(run) && run->table_size == 0)
        return NULL;
    struct run_socket *socket = calloc(1, sizeof *socket);
    if (socket == NULL)
        return NULL;
    socket->run = run;
    socket->family = family;
    socket->type = type;
    socket->protocol = protocol;
    socket->settings.no_delay = run->options.no_delay;
    if (!open_pair(socket, program_end)) {
        free(socket);
        return NULL;
    }
    enter(run, socket);
    run->sockets++;
    watch(run, socket, EPOLL_CTL_ADD, 0);
    return socket;
}

int run_hand_over(struct runner *run, const struct run_call *call, struct run_socket *socket, int program_end,
                  int flags)
{
    if ((flags & SOCK_NONBLOCK) != 0)
        fcntl(program_end, F_SETFL, O_NONBLOCK);
    int number = run_give(run, call, program_end, (flags & SOCK_CLOEXEC) != 0);
    if (number < 0)
        return number;
    close(program_end);
    socket->thread = call->thread;
    socket->number = number;
    return number;
}

/* A kind of socket that mnet does not carry. */
static int refuse(struct runner *run, int family, int type, int protocol)
{
    if (family == AF_PACKET) {
        run_note(run, "socket(AF_PACKET) is refused (EPERM): --capture=FILE of mnet-run records all frames");
        return -EPERM;
    }
    if (type == SOCK_RAW) {
        run_note(run, "socket with SOCK_RAW is refused (EPERM): raw sockets need the host's network");
        return -EPERM;
    }
    /* Multipath TCP is what programs try first, and do without. */
    if (protocol != IPPROTO_MPTCP)
        run_note(run, "socket(%s, %s, %s) is refused (EPROTONOSUPPORT): mnet-run carries TCP and UDP",
                 family == AF_INET ? "AF_INET" : "AF_INET6", run_name_type(type).text,
                 run_name_protocol(protocol).text);
    return -EPROTONOSUPPORT;
}

/* The protocol of a socket that there can be; 0: there cannot. */
static int protocol_of(int family, int type, int protocol)
{
    int usual = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    if (family == AF_PACKET || (type != SOCK_STREAM && type != SOCK_DGRAM))
        return 0;
    return protocol == 0 || protocol == usual ? usual : 0;
}

int64_t run_socket_call(struct runner *run, const struct run_call *call)
{
    int family = (int)call->arguments[0], flags = (int)call->arguments[1] & TYPE_FLAGS;
    int type = (int)call->arguments[1] & ~TYPE_FLAGS, protocol = (int)call->arguments[2], end;
    int carried = family == AF_NETLINK ? protocol : protocol_of(family, type, protocol);
    if (carried == 0 && family != AF_NETLINK)
        return refuse(run, family, type, protocol);
    struct run_socket *socket = run_create(run, family, type, carried, &end);
    if (socket == NULL)
        return errno == EMFILE ? -ENFILE : -ENOBUFS;
    socket->netlink_port = call->thread;
    int result = run_hand_over(run, call, socket, end, flags);
    if (result < 0) {
        close(end);
        run_drop(run, socket);
        return result;
    }
    return RUN_ANSWERED;
}

/* ---- The end ---- */

static void close_end(struct run_socket *socket)
{
    if (socket->fd >= 0)
        close(socket->fd);
    socket->fd = -1;
}

static void close_flow(struct run_socket *socket)
{
    if (socket->settings.reset_at_close || socket->reset)
        mnet_tcp_abort(socket->flow);
    else
        mnet_tcp_close(socket->flow);
    socket->flow = NULL;
}

static void unmark_dead(struct runner *run, struct run_socket *socket)
{
    if (mn_list_linked(&socket->dead)) {
        mn_list_remove(&socket->dead);
        run->dead_count--;
    }
}

void run_drop(struct runner *run, struct run_socket *socket)
{
    run_wait_answer_all(run, socket, -EBADF);
    run_give_port(run, socket);
    close_flow(socket);
    run_datagram_close(socket);
    close_end(socket);
    run_rest_free(socket);
    leave(run, socket);
    unmark_dead(run, socket);
    mn_list_remove(&socket->ready);
    mn_list_remove(&socket->retry);
    mn_list_remove(&socket->leftover);
    /* An event of this turn may still name it. */
    socket->buried = true;
    mn_list_append(&run->buried, &socket->ready);
}

void run_bury(struct runner *run)
{
    struct mnet_link *first;
    while ((first = mn_list_take(&run->buried)) != NULL)
        free(MN_CONTAINER(first, struct run_socket, ready));
}

int run_take_end(const struct run_socket *socket)
{
    struct stat status;
    int fd = run_take(socket->run, socket->thread, socket->number);
    if (fd < 0 || (fstat(fd, &status) == 0 && status.st_ino == socket->inode))
        return fd;
    close(fd);
    return -1;
}

bool run_still_open(const struct run_socket *socket)
{
    return run_inode(socket->run, socket->thread, socket->number) == socket->inode;
}

void run_discard_written(struct runner *run, const struct run_socket *socket)
{
    /* An empty datagram and the end look alike. */
    for (unsigned i = 0; i < DISCARDED_MAX && recv(socket->fd, run->buffer, sizeof run->buffer, MSG_DONTWAIT) >= 0; i++)
        ;
}

/* If our end is closed while it has unread bytes, the program's end fails with ECONNRESET. So there
 * must be some. Returns true if there are. */
static bool leave_unread_byte(const struct run_socket *socket)
{
    char byte;
    if (recv(socket->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0)
        return true;
    int end = run_take_end(socket);
    if (end < 0)
        return false;
    bool left = send(end, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
    close(end);
    return left;
}

void run_kill(struct runner *run, struct run_socket *socket, int error)
{
    run_wait_answer_all(run, socket, -error);
    socket->end_tells = leave_unread_byte(socket);
    close_flow(socket);
    close_end(socket);
    run_rest_free(socket);
    mn_list_remove(&socket->leftover);
    socket->phase = RUN_DEAD;
    socket->error = error;
    mn_list_append(&run->dead, &socket->dead);
    if (++run->dead_count > DEAD_MAX)
        run_drop(run, MN_CONTAINER(mn_list_first(&run->dead), struct run_socket, dead));
}

/* The kernel tells the error of the program's end once, by reading or by SO_ERROR. Asked for it, it
 * says whether reading has told it. */
int run_untold_error(struct run_socket *socket)
{
    int of_end = 0;
    socklen_t size = sizeof of_end;
    int end = socket->end_tells ? run_take_end(socket) : -1;
    if (end < 0)
        return socket->error;
    if (getsockopt(end, SOL_SOCKET, SO_ERROR, &of_end, &size) == 0 && of_end == 0)
        socket->error = 0;
    close(end);
    socket->end_tells = false;
    return socket->error;
}

/* ---- Work ---- */

void run_mark_ready(struct runner *run, struct run_socket *socket)
{
    if (!mn_list_linked(&socket->ready))
        mn_list_append(&run->ready, &socket->ready);
    mn_wake_all(&run->waiters);
}

void run_retry(struct runner *run, struct run_socket *socket)
{
    if (mn_list_empty(&run->retries))
        run->retry_at = mn_time_after(mn_hosted_now(NULL), RETRY_NS);
    if (!mn_list_linked(&socket->retry))
        mn_list_append(&run->retries, &socket->retry);
}

uint64_t run_retry_due(struct runner *run)
{
    if (mn_list_empty(&run->retries) || run->retry_at > mn_hosted_now(NULL))
        return mn_list_empty(&run->retries) ? MNET_NEVER : run->retry_at;
    struct mnet_link *link;
    while ((link = mn_list_take(&run->retries)) != NULL)
        run_mark_ready(run, MN_CONTAINER(link, struct run_socket, retry));
    return 0;
}

void run_serve(struct runner *run, struct run_socket *socket)
{
    if (socket->family == AF_NETLINK) {
        run_netlink_serve(run, socket);
        return;
    }
    if (socket->type == SOCK_DGRAM) {
        run_datagram_serve(run, socket);
        return;
    }
    if (socket->phase == RUN_CONNECTING)
        run_connect_progress(run, socket);
    if (socket->phase == RUN_CONNECTED)
        run_pump(run, socket);
    else if (socket->phase == RUN_LISTENING)
        run_listener_serve(run, socket);
    if (!socket->buried && socket->hung_up && socket->phase != RUN_CONNECTED && !run_still_open(socket))
        run_drop(run, socket);
}

int run_errno(int error)
{
    switch (error) {
    case MNET_OK: return 0;
    case MNET_E_NO_MEMORY: return ENOBUFS;
    case MNET_E_LIMIT: return ENOBUFS;
    case MNET_E_IN_USE: return EADDRINUSE;
    case MNET_E_UNREACHABLE: return EHOSTUNREACH;
    case MNET_E_REFUSED: return ECONNREFUSED;
    case MNET_E_RESET: return ECONNRESET;
    case MNET_E_TIMED_OUT: return ETIMEDOUT;
    case MNET_E_CLOSED_BY_PEER: return EPIPE;
    case MNET_E_CLOSED: return EPIPE;
    case MNET_E_TOO_BIG: return EMSGSIZE;
    case MNET_E_NO_ADDRESS: return EADDRNOTAVAIL;
    case MNET_E_IO: return ENETDOWN;
    default: return EINVAL;
    }
}
