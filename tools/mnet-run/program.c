/* Starting the program. Its first process installs the filter, shows the descriptor of the
 * notifications, and becomes the program.
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

/* Everything that mnet-run has changed for itself is as it was. */
static void restore(const struct rlimit *files)
{
    static const int changed[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE};
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++)
        signal(changed[i], SIG_DFL);
    setrlimit(RLIMIT_NOFILE, files);
    prctl(PR_SET_TIMERSLACK, USUAL_TIMER_SLACK_NS);
}

/* The filter already holds, so nothing may be sent by calls that it reports. mnet-run takes a copy
 * of the descriptor, and answers by a byte. */
static bool show(int channel, int fd)
{
    char taken;
    return write(channel, &fd, sizeof fd) == sizeof fd && read(channel, &taken, 1) == 1;
}

__attribute__((noreturn)) static void become(char **argv, bool no_delay, int channel, const struct rlimit *files)
{
    restore(files);
    int fd = run_filter(no_delay);
    if (fd < 0)
        fprintf(stderr, "mnet-run: no filter for system calls: %s\n", strerror(-fd));
    else if (show(channel, fd)) {
        close(fd);
        execvp(argv[0], argv);
        fprintf(stderr, "mnet-run: %s: %s\n", argv[0], strerror(errno));
    }
    _exit(errno == ENOENT ? 127 : 126);
}

/* Returns a copy of the descriptor that the process shows, or -1. */
static int take_shown(struct runner *run, int channel)
{
    int shown, fd = -1;
    if (read(channel, &shown, sizeof shown) == sizeof shown)
        fd = run_take(run, run->program, shown);
    if (fd >= 0 && write(channel, "", 1) != 1) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Each socket of the program costs a descriptor here. */
static void raise_limit(struct rlimit *before)
{
    getrlimit(RLIMIT_NOFILE, before);
    struct rlimit most = {before->rlim_max, before->rlim_max};
    setrlimit(RLIMIT_NOFILE, &most);
}

int run_start(struct runner *run, char **argv)
{
    struct rlimit files;
    int channel[2];
    raise_limit(&files);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0 || (run->program = fork()) < 0) {
        perror("mnet-run");
        return -1;
    }
    if (run->program == 0)
        become(argv, run->options.no_delay, channel[1], &files);
    close(channel[1]);
    int fd = take_shown(run, channel[0]);
    close(channel[0]);
    return fd;
}
