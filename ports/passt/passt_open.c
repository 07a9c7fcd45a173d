/* Starting passt. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ports/hosted/hosted.h"
#include "ports/passt/passt_internal.h"

#define NAME "passt"
/* passt's own, which it gives by DHCP and to neighbours: the largest frame less its header. */
#define PASST_MTU 65520
#define ARGUMENTS_MAX 32
/* passt drops frames that find no room. The system may give less. */
#define SOCKET_BUFFER (4 << 20)
/* The program's descriptor of the socket. */
#define PROGRAM_FD 3

bool mn_passt_meant(const char *text)
{
    size_t len = strlen(NAME);
    return strncmp(text, NAME, len) == 0 && (text[len] == '\0' || text[len] == ',');
}

/* Words between commas become arguments. False if there are too many. */
static bool split(char *text, char **arguments, size_t count)
{
    for (char *word; (word = strsep(&text, ",")) != NULL;) {
        if (count + 1 >= ARGUMENTS_MAX)
            return false;
        arguments[count++] = word;
    }
    arguments[count] = NULL;
    return true;
}

/* In the new process. What passt says is an error only if it ends. */
__attribute__((noreturn)) static void become(char **arguments, int socket)
{
    int nowhere = open("/dev/null", O_RDWR);
    if (socket == PROGRAM_FD)
        fcntl(socket, F_SETFD, 0);
    else
        dup2(socket, PROGRAM_FD);
    dup2(nowhere, STDIN_FILENO);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    signal(SIGINT, SIG_IGN); /* of the terminal: passt ends with its socket */
    execvp(NAME, arguments);
    _exit(127);
}

static bool start(struct passt *passt, char **arguments)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return false;
    for (int i = 0; i < 2; i++)
        setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &(int){SOCKET_BUFFER}, sizeof(int));
    passt->pid = fork();
    if (passt->pid == 0)
        become(arguments, ends[1]);
    close(ends[1]);
    passt->socket = ends[0];
    return passt->pid > 0;
}

static bool watch(struct passt *passt)
{
    struct epoll_event event = {.events = EPOLLIN};
    passt->device.fd = epoll_create1(EPOLL_CLOEXEC);
    return passt->device.fd >= 0 && epoll_ctl(passt->device.fd, EPOLL_CTL_ADD, passt->socket, &event) == 0;
}

static void init(struct passt *passt)
{
    passt->socket = -1;
    passt->device = (struct mnet_device){.ops = &mn_passt_ops, .name = NAME, .mtu = PASST_MTU, .fd = -1};
    mn_hosted_entropy(NULL, passt->device.mac, sizeof passt->device.mac);
    passt->device.mac[0] = (uint8_t)((passt->device.mac[0] & 0xfc) | 0x02);
}

/* passt looks at its options and at the host's interfaces first, and then waits for frames. Returns
 * false if it has ended. */
static bool lives(const struct passt *passt)
{
    struct pollfd ended = {passt->socket, POLLIN, 0};
    return poll(&ended, 1, 200) <= 0;
}

static const char *cause(struct passt *passt)
{
    int status = 0;
    waitpid(passt->pid, &status, 0);
    passt->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return "there is no such program; Debian has it in the package passt";
    return "it has ended: try its options by hand, with --foreground --stderr";
}

struct mnet_device *mn_passt_open(const char *text, char *why, size_t why_size)
{
    static char *fixed[] = {(char *)(uintptr_t)NAME, (char *)(uintptr_t) "--foreground", (char *)(uintptr_t) "--fd",
                            (char *)(uintptr_t) "3"};
    char *arguments[ARGUMENTS_MAX], *copy = text[strlen(NAME)] == ',' ? strdup(text + strlen(NAME) + 1) : NULL;
    struct passt *passt = calloc(1, sizeof *passt);
    const char *error = NULL;
    memcpy(arguments, fixed, sizeof fixed);
    if (passt == NULL) {
        snprintf(why, why_size, NAME ": no memory");
        free(copy);
        return NULL;
    }
    init(passt);
    if (!split(copy, arguments, MN_COUNT_OF(fixed)))
        error = "too many options";
    else if (!start(passt, arguments) || !watch(passt))
        error = strerror(errno);
    else if (!lives(passt))
        error = cause(passt);
    free(copy);
    if (error == NULL)
        return &passt->device;
    snprintf(why, why_size, NAME ": %s", error);
    passt->device.ops->close(&passt->device);
    return NULL;
}
