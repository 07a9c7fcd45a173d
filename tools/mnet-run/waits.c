/* Calls that wait: accept, connect and the like on descriptors that block.
 *
 * A thread waits in one call at most, and may be interrupted or killed meanwhile. Nobody tells: the
 * answer fails then. So a socket looks for waits that are gone when their number has doubled. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "tools/mnet-run/run.h"

#define SWEEP_FIRST 16u

static struct run_wait *wait_of(struct mnet_link *link)
{
    return MN_CONTAINER(link, struct run_wait, of_socket);
}

struct run_wait *run_wait_first(const struct run_socket *socket)
{
    struct mnet_link *first = mn_list_first(&socket->waits);
    return first != NULL ? wait_of(first) : NULL;
}

struct run_wait *run_wait_next(const struct run_wait *wait)
{
    struct mnet_link *next = wait->of_socket.next;
    return next != &wait->socket->waits ? wait_of(next) : NULL;
}

void run_wait_end(struct run_wait *wait)
{
    mn_list_remove(&wait->of_socket);
    mn_list_remove(&wait->of_deadlines);
    wait->socket->wait_count--;
    free(wait);
}

static void sweep(struct runner *run, struct run_socket *socket)
{
    for (struct mnet_link *link = mn_list_begin(&socket->waits), *next; link != &socket->waits; link = next) {
        next = link->next;
        if (!run_call_valid(run, wait_of(link)->call.id))
            run_wait_end(wait_of(link));
    }
    socket->wait_sweep = MN_MAX(2 * socket->wait_count, SWEEP_FIRST);
}

/* The descriptor's timeout (SO_RCVTIMEO or SO_SNDTIMEO) as a deadline. */
static uint64_t deadline_of(int fd, int option)
{
    struct timeval timeout = {0};
    socklen_t size = sizeof timeout;
    getsockopt(fd, SOL_SOCKET, option, &timeout, &size);
    uint64_t ns = (uint64_t)timeout.tv_sec * MNET_SECOND + (uint64_t)timeout.tv_usec * MNET_MICROSECOND;
    return ns != 0 ? mn_time_after(mn_hosted_now(NULL), ns) : MNET_NEVER;
}

static int64_t add(struct runner *run, struct run_socket *socket, const struct run_call *call, uint64_t deadline,
                   int would_block)
{
    if (socket->wait_count >= MN_MAX(socket->wait_sweep, SWEEP_FIRST))
        sweep(run, socket);
    struct run_wait *wait = calloc(1, sizeof *wait);
    if (wait == NULL)
        return -ENOBUFS;
    *wait = (struct run_wait){.socket = socket, .deadline = deadline, .timed_out = -would_block, .call = *call};
    mn_list_append(&socket->waits, &wait->of_socket);
    socket->wait_count++;
    if (deadline != MNET_NEVER)
        mn_list_append(&run->deadlines, &wait->of_deadlines);
    return RUN_LATER;
}

int64_t run_wait_for(struct runner *run, struct run_socket *socket, const struct run_call *call, int option,
                     int would_block)
{
    int fd = run_take_end(socket);
    if (fd < 0)
        return -EBADF;
    int flags = fcntl(fd, F_GETFL);
    uint64_t deadline = deadline_of(fd, option);
    close(fd);
    bool blocks = flags >= 0 && (flags & O_NONBLOCK) == 0;
    return blocks ? add(run, socket, call, deadline, would_block) : -would_block;
}

unsigned run_wait_answer_all(struct runner *run, struct run_socket *socket, int64_t result)
{
    struct run_wait *wait;
    unsigned count = 0;
    while ((wait = run_wait_first(socket)) != NULL) {
        count += run_reply(run, wait->call.id, result);
        run_wait_end(wait);
    }
    return count;
}

uint64_t run_wait_expire(struct runner *run)
{
    uint64_t now = mn_hosted_now(NULL), next_deadline = MNET_NEVER;
    if (mn_list_empty(&run->deadlines))
        return MNET_NEVER;
    for (struct mnet_link *link = mn_list_begin(&run->deadlines), *next; link != &run->deadlines; link = next) {
        struct run_wait *wait = MN_CONTAINER(link, struct run_wait, of_deadlines);
        next = link->next;
        if (wait->deadline > now) {
            next_deadline = MN_MIN(next_deadline, wait->deadline);
            continue;
        }
        run_reply(run, wait->call.id, wait->timed_out);
        run_wait_end(wait);
    }
    return next_deadline;
}
