/* Connections: bytes between our end of a pair and a flow of mnet.
 *
 * From the program: as long as the flow is writable, bytes are read from our end and queued. Many
 * are lent to the flow together with the buffer they were read into. Others stay in the pair, whose
 * limit makes the program wait. The end of its bytes (shutdown, or close) becomes a FIN. To the
 * program: bytes that mnet lends are sent into the pair. If the pair has no room for all of them,
 * the rest is copied, and nothing more is taken from the flow, so that the window closes.
 *
 * The program's end is gone if our end has hung up and the descriptor is no longer where it was
 * seen last. Otherwise it is shut down in both directions.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "stack/stack.h"
#include "tools/mnet-run/run.h"

#define SLICES 16
/* Bytes in one direction before another socket has its turn. */
#define TURN_BYTES (512u * 1024)
/* So many bytes of one read are lent to the flow. Fewer are copied, because the whole buffer has to
 * wait for their acknowledgement. */
#define LEND_MIN (RUN_BUFFER / 2)

/* Flows borrow so much of the memory that mnet has. It does not count these bytes as its own, so
 * peers that take nothing could make mnet-run keep any number of them. Further bytes are copied. */
#define LENT_PART 4

/* Bytes between the two sides. */
struct run_rest {
    unsigned users; /* a socket, and each part that a flow has borrowed */
    bool lent;      /* a flow has borrowed it */
    size_t size, begin, end;
    char bytes[];
};

/* The size of all rests that flows have borrowed. They give them back even if the runner has
 * ended. */
static size_t lent_bytes;

static struct run_rest *make_rest(size_t len)
{
    struct run_rest *rest = malloc(sizeof *rest + len);
    if (rest != NULL)
        *rest = (struct run_rest){.users = 1, .size = len};
    return rest;
}

static void append(struct run_rest *rest, const void *bytes, size_t len)
{
    memcpy(rest->bytes + rest->end, bytes, len);
    rest->end += len;
}

/* A flow calls this if it needs the bytes no longer. */
static void release_rest(void *context)
{
    struct run_rest *rest = context;
    if (--rest->users > 0)
        return;
    lent_bytes -= rest->lent ? rest->size : 0;
    free(rest);
}

static void leave_rest(struct run_rest **rest)
{
    if (*rest != NULL)
        release_rest(*rest);
    *rest = NULL;
}

void run_rest_free(struct run_socket *socket)
{
    leave_rest(&socket->to_program);
    leave_rest(&socket->to_network);
}

/* ---- From the program ---- */

/* Without memory for the FIN reading tells the end again. */
static void end_out(struct runner *run, struct run_socket *socket)
{
    if (mnet_tcp_shutdown(socket->flow, MNET_SHUTDOWN_WRITE) == MNET_E_NO_MEMORY)
        run_retry(run, socket);
    else
        socket->out_ended = true;
}

/* The connection takes no more: the program's writes fail. */
static void refuse_out(struct run_socket *socket)
{
    socket->out_ended = true;
    shutdown(socket->fd, SHUT_RD);
}

/* Lends the flow what it has room for. Returns 0 or an error; MNET_E_DEADLINE: not all of it. */
static int lend(struct run_socket *socket, struct run_rest *rest)
{
    size_t queued;
    rest->users++;
    int error = mnet_tcp_write_lent(socket->flow, rest->bytes + rest->begin, rest->end - rest->begin, release_rest,
                                    rest, &queued, 0);
    rest->begin += queued;
    if (queued == 0) {
        rest->users--;
    } else if (!rest->lent) {
        rest->lent = true;
        lent_bytes += rest->size;
    }
    return error;
}

/* Returns true if flows may borrow one more buffer. */
static bool may_lend(const struct runner *run)
{
    return lent_bytes + RUN_BUFFER <= mnet_memory_budget(run->stack->memory) / LENT_PART;
}

static int send_bytes(struct runner *run, struct run_socket *socket, struct run_rest *rest)
{
    if (rest->lent || may_lend(run))
        return lend(socket, rest);
    return mnet_tcp_write_now(socket->flow, rest->bytes + rest->begin, rest->end - rest->begin);
}

/* False if bytes are left that must go first. */
static bool send_kept(struct runner *run, struct run_socket *socket)
{
    if (socket->to_network == NULL)
        return true;
    int error = send_bytes(run, socket, socket->to_network);
    if (error == MNET_E_DEADLINE)
        return false;
    if (error == MNET_E_NO_MEMORY) { /* of mnet: nothing tells when there is some */
        run_retry(run, socket);
        return false;
    }
    leave_rest(&socket->to_network);
    if (error < 0)
        refuse_out(socket);
    return true;
}

/* The first `len` bytes of the buffer that was read into are what the flow gets next. */
static void hand_over(struct runner *run, struct run_socket *socket, size_t len)
{
    socket->to_network = run->inlet;
    socket->to_network->end = len;
    run->inlet = NULL;
}

/* Keeps bytes for which mnet has no memory, as a copy that takes no more room than they need. */
static void keep(struct runner *run, struct run_socket *socket, size_t len)
{
    socket->to_network = make_rest(len);
    if (socket->to_network != NULL)
        append(socket->to_network, run->inlet->bytes, len);
    else
        hand_over(run, socket, len);
    run_retry(run, socket);
}

/* Queues the first `len` bytes of the buffer that was read into. */
static void send_read(struct runner *run, struct run_socket *socket, size_t len)
{
    if (len >= LEND_MIN && may_lend(run)) {
        hand_over(run, socket, len);
        send_kept(run, socket);
        return;
    }
    int error = mnet_tcp_write_now(socket->flow, run->inlet->bytes, len);
    if (error == MNET_E_NO_MEMORY)
        keep(run, socket, len);
    else if (error < 0)
        refuse_out(socket);
}

/* Makes a buffer for the next read, unless the last one is still there. */
static bool have_inlet(struct runner *run)
{
    if (run->inlet == NULL)
        run->inlet = make_rest(RUN_BUFFER);
    return run->inlet != NULL;
}

/* Reads what the program has written, and returns how many bytes; 0 for none now, or for no more.
 * If they do not fill the buffer they are all that there are, and an event announces the next ones
 * (EPOLLET). */
static size_t take_bytes(struct runner *run, struct run_socket *socket)
{
    ssize_t got = recv(socket->fd, run->inlet->bytes, RUN_BUFFER, MSG_DONTWAIT);
    bool none = got < 0 && errno == EAGAIN;
    if (none || (got > 0 && got < (ssize_t)RUN_BUFFER && !socket->reads_on))
        socket->readable = false;
    if (got > 0 || none)
        return none ? 0 : (size_t)got;
    socket->reset |= got < 0; /* ECONNRESET: the program closed and left bytes unread */
    end_out(run, socket);
    return 0;
}

static void move_out(struct runner *run, struct run_socket *socket)
{
    size_t moved = 0;
    while (!socket->out_ended && send_kept(run, socket) && socket->readable &&
           (mnet_tcp_ready(socket->flow) & MNET_WRITABLE) != 0) {
        if (!have_inlet(run)) {
            run_retry(run, socket);
            return;
        }
        size_t got = take_bytes(run, socket);
        if (got == 0)
            return;
        send_read(run, socket, got);
        moved += got;
        if (moved >= TURN_BYTES) {
            run_mark_ready(run, socket);
            return;
        }
    }
}

/* The FIN goes with the last bytes. If they must wait for room, none of them waits for the FIN: the
 * peer's window may be smaller than a segment. */
static void pump_out(struct runner *run, struct run_socket *socket)
{
    bool finishing = socket->finishing && !socket->out_ended;
    if (finishing)
        mnet_tcp_set_cork(socket->flow, true);
    move_out(run, socket);
    if (finishing && !socket->out_ended)
        mnet_tcp_set_cork(socket->flow, socket->settings.cork);
}

/* ---- To the program ---- */

/* Returns how many bytes the pair took. If the program takes no more, all of them. */
static size_t send_pieces(struct run_socket *socket, struct iovec *pieces, size_t count, size_t len)
{
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
    if (socket->discards)
        return len;
    ssize_t sent = sendmsg(socket->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0)
        return (size_t)sent;
    socket->discards = errno != EAGAIN && errno != EINTR;
    return socket->discards ? len : 0;
}

/* False if bytes are left that must go first. */
static bool send_rest(struct runner *run, struct run_socket *socket)
{
    struct run_rest *rest = socket->to_program;
    if (rest == NULL)
        return true;
    struct iovec piece = {rest->bytes + rest->begin, rest->end - rest->begin};
    rest->begin += send_pieces(socket, &piece, 1, piece.iov_len);
    bool all = rest->begin == rest->end;
    if (all)
        leave_rest(&socket->to_program);
    run_await_room(run, socket, !all);
    return all;
}

/* Copies what is behind the first `sent` bytes. */
static bool keep_rest(struct run_socket *socket, const struct iovec *pieces, size_t count, size_t sent, size_t len)
{
    socket->to_program = make_rest(len - sent);
    if (socket->to_program == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t skipped = MN_MIN(sent, pieces[i].iov_len);
        append(socket->to_program, (const char *)pieces[i].iov_base + skipped, pieces[i].iov_len - skipped);
        sent -= skipped;
    }
    return true;
}

/* Passes lent bytes on. Returns how many, or -1 if memory is used up. */
static ptrdiff_t pass_on(struct runner *run, struct run_socket *socket, const struct mnet_slice *slices, size_t count)
{
    struct iovec pieces[SLICES];
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        pieces[i] = (struct iovec){(void *)(uintptr_t)slices[i].data, slices[i].len};
        len += slices[i].len;
    }
    size_t sent = send_pieces(socket, pieces, count, len);
    bool kept = sent == len || keep_rest(socket, pieces, count, sent, len);
    run_await_room(run, socket, sent < len);
    return kept ? (ptrdiff_t)len : -1;
}

static void end_in(struct runner *run, struct run_socket *socket, int error)
{
    socket->in_ended = true;
    if (error == 0)
        shutdown(socket->fd, SHUT_WR);
    else
        run_kill(run, socket, run_errno(error));
}

static void pump_in(struct runner *run, struct run_socket *socket)
{
    struct mnet_slice slices[SLICES];
    size_t moved = 0;
    while (!socket->in_ended && send_rest(run, socket) && (mnet_tcp_ready(socket->flow) & MNET_READABLE) != 0) {
        ptrdiff_t count = mnet_tcp_get(socket->flow, slices, SLICES, 0);
        if (count == MNET_E_DEADLINE)
            return;
        if (count <= 0) {
            end_in(run, socket, (int)count);
            return;
        }
        ptrdiff_t passed = pass_on(run, socket, slices, (size_t)count);
        mnet_tcp_release(socket->flow);
        if (passed < 0) {
            run_kill(run, socket, ENOBUFS);
            return;
        }
        moved += (size_t)passed;
        if (moved >= TURN_BYTES) {
            run_mark_ready(run, socket);
            return;
        }
    }
}

/* ---- Both ---- */

/* The program has closed its end. A connection that it resets goes at once, because its peer may
 * never take the rest. If the end is only shut down, more data from the peer is refused when all
 * bytes of the program are queued. */
static void hang_up(struct runner *run, struct run_socket *socket)
{
    bool queued = socket->out_ended && socket->to_network == NULL;
    if (!queued && mn_list_linked(&socket->leftover))
        return;
    bool open = run_still_open(socket);
    if (open && queued)
        mnet_tcp_shutdown(socket->flow, MNET_SHUTDOWN_READ);
    else if (!open && (queued || socket->settings.reset_at_close))
        run_drop(run, socket);
    else if (!open)
        run_leftover_watch(run, socket);
}

void run_pump(struct runner *run, struct run_socket *socket)
{
    pump_out(run, socket);
    if (socket->phase == RUN_CONNECTED)
        pump_in(run, socket);
    if (socket->phase == RUN_CONNECTED && socket->hung_up)
        hang_up(run, socket);
}

void run_take_written(struct runner *run, struct run_socket *socket)
{
    if (socket->phase != RUN_CONNECTED)
        return;
    socket->readable = true;
    pump_out(run, socket);
}

void run_flow_event(void *context, unsigned ready)
{
    struct run_socket *socket = context;
    (void)ready;
    run_mark_ready(socket->run, socket);
}

void run_connected(struct runner *run, struct run_socket *socket, struct mnet_flow *flow)
{
    socket->flow = flow;
    socket->phase = RUN_CONNECTED;
    mnet_tcp_peers(flow, &socket->local, &socket->remote);
    mnet_tcp_notify(flow, run_flow_event, socket);
    run_apply_settings(socket);
    run_mark_ready(run, socket);
}
