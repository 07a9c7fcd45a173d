/* Notifications of system calls, and their answers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "tools/mnet-run/run.h"

/* Calls that are answered in a turn: data must not wait for a program that calls without end. Each
 * answer wakes a thread, which may take the processor for a while. */
#define CALLS_PER_TURN 4

/* Linux 6.6 has these; the headers may be older. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1u
#endif

void run_wake_here(const struct runner *run)
{
    ioctl(run->notifications, SECCOMP_IOCTL_NOTIF_SET_FLAGS, (unsigned long)SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}

static bool respond(struct runner *run, uint64_t id, int64_t result)
{
    struct seccomp_notif_resp *response = run->response;
    memset(response, 0, run->response_size);
    response->id = id;
    if (result == RUN_CONTINUE)
        response->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    else if (result < 0)
        response->error = (int32_t)result;
    else
        response->val = result;
    return ioctl(run->notifications, SECCOMP_IOCTL_NOTIF_SEND, response) == 0;
}

bool run_reply(struct runner *run, uint64_t id, int64_t result)
{
    return respond(run, id, result);
}

static int64_t name_call(struct runner *run, struct run_socket *socket, const struct run_call *call)
{
    if (socket->family == AF_NETLINK)
        return run_netlink_name(run, socket, call);
    if (socket->flow != NULL)
        mnet_tcp_peers(socket->flow, &socket->local, NULL);
    struct mnet_endpoint name = socket->local;
    if (socket->type == SOCK_DGRAM)
        name = run_datagram_name(run, socket);
    return run_write_address(run, call, name, socket->family, call->arguments[1], call->arguments[2]);
}

static int64_t peer_call(struct runner *run, struct run_socket *socket, const struct run_call *call)
{
    if (socket->phase != RUN_CONNECTED)
        return -ENOTCONN;
    return run_write_address(run, call, socket->remote, socket->family, call->arguments[1], call->arguments[2]);
}

/* Calls on a socket of ours. On other descriptors the kernel carries them out. */
static const struct {
    int number;
    int64_t (*answer)(struct runner *run, struct run_socket *socket, const struct run_call *call);
} answers[] = {
    {SYS_accept, run_accept_call},    {SYS_accept4, run_accept_call},  {SYS_bind, run_bind_call},
    {SYS_connect, run_connect_call},  {SYS_getpeername, peer_call},    {SYS_getsockname, name_call},
    {SYS_getsockopt, run_get_option}, {SYS_listen, run_listen_call},   {SYS_recvfrom, run_message_call},
    {SYS_recvmmsg, run_message_call}, {SYS_recvmsg, run_message_call}, {SYS_sendmmsg, run_message_call},
    {SYS_sendmsg, run_message_call},  {SYS_sendto, run_message_call},  {SYS_setsockopt, run_set_option},
};

static int64_t answer_once(struct runner *run, const struct run_call *call)
{
    if (call->number == SYS_socket)
        return run_socket_call(run, call);
    if (call->number == SYS_io_uring_setup) {
        run_note(run, "io_uring_setup is refused (EPERM): the operations of io_uring would pass by mnet");
        return -EPERM;
    }
    if (call->number == SYS_ioctl)
        return run_interface_call(run, call);
    struct run_socket *socket = run_find(run, call);
    if (socket == NULL)
        return RUN_CONTINUE;
    for (size_t i = 0; i < MN_COUNT_OF(answers); i++) {
        if (answers[i].number == call->number)
            return answers[i].answer(run, socket, call);
    }
    return RUN_CONTINUE;
}

static int64_t answer(struct runner *run, const struct run_call *call)
{
    int64_t result = answer_once(run, call);
    if (result != -EADDRINUSE)
        return result;
    run_catch_up(run);
    return answer_once(run, call);
}

/* False if there is none. */
static bool receive(struct runner *run, struct run_call *call)
{
    struct seccomp_notif *request = run->request;
    memset(request, 0, run->request_size);
    if (ioctl(run->notifications, SECCOMP_IOCTL_NOTIF_RECV, request) != 0)
        return false;
    *call = (struct run_call){.id = request->id, .thread = (pid_t)request->pid, .number = request->data.nr};
    for (size_t i = 0; i < MN_COUNT_OF(call->arguments); i++)
        call->arguments[i] = request->data.args[i];
    return true;
}

static void answer_next(struct runner *run)
{
    struct run_call call;
    if (!receive(run, &call))
        return;
    run->calls++;
    int64_t result = answer(run, &call);
    if (result != RUN_LATER && result != RUN_ANSWERED)
        respond(run, call.id, result);
}

bool run_answer_calls(struct runner *run, unsigned events)
{
    struct pollfd waiting = {run->notifications, POLLIN, (short)events};
    for (int i = 0; i < CALLS_PER_TURN; i++) {
        if ((waiting.revents & POLLIN) == 0)
            return (waiting.revents & (POLLHUP | POLLERR)) == 0;
        answer_next(run);
        /* The ioctl would wait for a call. */
        if (poll(&waiting, 1, 0) <= 0)
            return true;
    }
    return true;
}
