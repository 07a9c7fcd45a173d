/* Starting the program. Its first process installs the filter, passes the descriptor of the
 * notifications on, and becomes the program.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/mnet-run/run.h"

#define USUAL_TIMER_SLACK_NS 50000ul

/* A message that carries one descriptor. */
struct descriptor_message {
    struct msghdr header;
    struct iovec piece;
    char byte;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
};

static void init_message(struct descriptor_message *message)
{
    *message = (struct descriptor_message){.piece = {&message->byte, 1}};
    message->header = (struct msghdr){.msg_iov = &message->piece,
                                      .msg_iovlen = 1,
                                      .msg_control = message->control,
                                      .msg_controllen = sizeof message->control};
}

static bool send_descriptor(int channel, int fd)
{
    struct descriptor_message message;
    init_message(&message);
    struct cmsghdr *control = CMSG_FIRSTHDR(&message.header);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(control), &fd, sizeof fd);
    return sendmsg(channel, &message.header, 0) == 1;
}

/* -1: the sender ended without one. */
static int receive_descriptor(int channel)
{
    struct descriptor_message message;
    init_message(&message);
    int fd = -1;
    ssize_t got;
    do {
        got = recvmsg(channel, &message.header, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    struct cmsghdr *control = got == 1 ? CMSG_FIRSTHDR(&message.header) : NULL;
    if (control != NULL && control->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(control), sizeof fd);
    return fd;
}

/* Everything that mnet-run has changed for itself is as it was. */
static void restore(const struct rlimit *files)
{
    static const int changed[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE};
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++)
        signal(changed[i], SIG_DFL);
    setrlimit(RLIMIT_NOFILE, files);
    prctl(PR_SET_TIMERSLACK, USUAL_TIMER_SLACK_NS);
}

__attribute__((noreturn)) static void become(char **argv, int channel, const struct rlimit *files)
{
    restore(files);
    int fd = run_filter();
    if (fd < 0)
        fprintf(stderr, "mnet-run: no filter for system calls: %s\n", strerror(-fd));
    else if (send_descriptor(channel, fd)) {
        close(fd);
        execvp(argv[0], argv);
        fprintf(stderr, "mnet-run: %s: %s\n", argv[0], strerror(errno));
    }
    _exit(errno == ENOENT ? 127 : 126);
}

/* Each socket of the program costs a descriptor here. */
static void raise_limit(struct rlimit *before)
{
    getrlimit(RLIMIT_NOFILE, before);
    struct rlimit most = {before->rlim_max, before->rlim_max};
    setrlimit(RLIMIT_NOFILE, &most);
}

int run_start(char **argv, pid_t *pid)
{
    struct rlimit files;
    int channel[2];
    raise_limit(&files);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0 || (*pid = fork()) < 0) {
        perror("mnet-run");
        return -1;
    }
    if (*pid == 0)
        become(argv, channel[1], &files);
    close(channel[1]);
    int fd = receive_descriptor(channel[0]);
    close(channel[0]);
    return fd;
}
