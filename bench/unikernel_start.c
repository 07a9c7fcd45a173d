/* How long a unikernel takes to be of use: starts COMMAND, waits until it says "listening" on its
 * standard output, connects to it, and gets one byte echoed.
 *
 *   unikernel_start ADDRESS PORT COMMAND...
 *
 * Prints "LISTENING CONNECTED ECHOED GUEST": nanoseconds from exec to listening, from there to the
 * first connection, and to the echo; and when it listened by its own clock, if its line begins
 * with that (--console-time), else 0. The command ends with it. Exit status 1 if anything went
 * wrong.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 10000

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* The command, with its standard output in a pipe; it is killed when this process ends. */
static pid_t start(char **command, int *output)
{
    int ends[2];
    if (pipe(ends) != 0)
        die("pipe");
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execvp(command[0], command);
        die(command[0]);
    }
    close(ends[1]);
    *output = ends[0];
    return child;
}

/* Reads the output of the command until the word has come. Returns the time at the beginning of its
 * line, 0 if there is none. */
static uint64_t await(int output, const char *word)
{
    char text[4096] = "", *found;
    size_t len = 0;
    double seconds = 0;
    struct pollfd readable = {output, POLLIN, 0};
    while ((found = strstr(text, word)) == NULL) {
        if (poll(&readable, 1, PATIENCE_MS) <= 0 || len + 1 == sizeof text)
            die(word);
        ssize_t got = read(output, text + len, sizeof text - 1 - len);
        if (got <= 0)
            die(word);
        len += (size_t)got;
        text[len] = '\0';
    }
    while (found > text && found[-1] != '\n')
        found--;
    return sscanf(found, "[%lf]", &seconds) == 1 ? (uint64_t)(seconds * 1e9) : 0;
}

static int connect_to(const char *address, const char *port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval patience = {PATIENCE_MS / 1000, 0};
    if (fd < 0 || inet_pton(AF_INET, address, &name.sin_addr) != 1)
        die(address);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&name, sizeof name) != 0)
        die("connect");
    return fd;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: unikernel_start ADDRESS PORT COMMAND...\n");
        return 1;
    }
    int output;
    char byte = 'x';
    uint64_t begun = now_ns();
    pid_t child = start(argv + 3, &output);
    uint64_t guest = await(output, "listening");
    uint64_t listening = now_ns();
    int fd = connect_to(argv[1], argv[2]);
    uint64_t connected = now_ns();
    if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1 || byte != 'x')
        die("echo");
    uint64_t echoed = now_ns();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    printf("%llu %llu %llu %llu\n", (unsigned long long)(listening - begun),
           (unsigned long long)(connected - listening), (unsigned long long)(echoed - connected),
           (unsigned long long)guest);
    return 0;
}
