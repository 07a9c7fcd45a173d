/* Clients are served one after the other. Each has a second for its question and its answer, so
 * that one that is silent does not keep the others out for longer. */
#include "ports/hosted/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ports/hosted/hosted.h"
#include "stack/status.h"

#define PATIENCE_NS MNET_SECOND
#define LOOK_NS (5 * MNET_MILLISECOND) /* how often a full socket is tried */

/* Each core has its own. */
static _Thread_local struct status {
    struct mnet_env *env;
    struct sockaddr_un address;
    int listener;
    struct mnet_owned owned;
} status;

/* The lines of an answer. */
struct status_lines {
    char *text;
    size_t len, size;
};

static void append(void *context, const char *text, size_t len)
{
    struct status_lines *lines = context;
    if (lines->len + len > lines->size) {
        size_t size = 2 * (lines->len + len);
        char *larger = realloc(lines->text, size);
        if (larger == NULL)
            return;
        lines->text = larger;
        lines->size = size;
    }
    memcpy(lines->text + lines->len, text, len);
    lines->len += len;
}

/* Waits until `fd` is readable. */
static int await_input(int fd, uint64_t deadline)
{
    struct mnet_waiters waiters = {0};
    struct mn_hosted_watch watch = {.fd = fd, .waiters = &waiters};
    mn_hosted_watch(&watch);
    int error = mn_wait(&waiters, deadline);
    mn_hosted_unwatch(&watch);
    return error;
}

/* Returns true if the client has asked. */
static bool read_question(int client, uint64_t deadline)
{
    static const char question[] = MN_STATUS_QUESTION "\n";
    char line[sizeof question - 1] = {0};
    size_t len = 0;
    while (len < sizeof line && await_input(client, deadline) == 0) {
        ssize_t got = recv(client, line + len, sizeof line - len, MSG_DONTWAIT);
        if (got <= 0)
            return false;
        len += (size_t)got;
    }
    return len == sizeof line && memcmp(line, question, len) == 0;
}

static void write_lines(int client, const struct status_lines *lines, uint64_t deadline)
{
    for (size_t done = 0; done < lines->len;) {
        ssize_t sent = send(client, lines->text + done, lines->len - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0)
            done += (size_t)sent;
        else if (errno != EAGAIN || mnet_now() >= deadline || mnet_sleep(mnet_now() + LOOK_NS) < 0)
            return;
    }
}

static void serve_client(int client)
{
    struct status_lines lines = {NULL, 0, 0};
    uint64_t deadline = mnet_now() + PATIENCE_NS;
    if (read_question(client, deadline)) {
        mn_status_answer(status.env, append, &lines);
        write_lines(client, &lines, mnet_now() + PATIENCE_NS);
    }
    free(lines.text);
}

static int serve(void *unused)
{
    (void)unused;
    mnet_task_set_name(mnet_self(), "status");
    for (;;) {
        int client = accept4(status.listener, NULL, NULL, SOCK_CLOEXEC);
        if (client >= 0) {
            serve_client(client);
            close(client);
        } else if (errno != EAGAIN) {
            mnet_sleep(mnet_now() + PATIENCE_NS); /* no descriptor is left, say */
        }
        int error = await_input(status.listener, MNET_NEVER);
        if (error < 0)
            return error;
    }
}

static void close_listener(void *unused)
{
    (void)unused;
    close(status.listener);
    unlink(status.address.sun_path);
}

static int refuse(const char *file, const char *why)
{
    fprintf(stderr, "--status=%s: %s\n", file, why);
    return MNET_E_INVALID;
}

/* A socket that nobody listens at is what an earlier process has left. */
static bool is_left_over(void)
{
    struct stat found;
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool left = probe >= 0 && lstat(status.address.sun_path, &found) == 0 && S_ISSOCK(found.st_mode) &&
                connect(probe, (struct sockaddr *)&status.address, sizeof status.address) < 0 && errno == ECONNREFUSED;
    close(probe);
    return left;
}

static bool bind_listener(void)
{
    const struct sockaddr *address = (struct sockaddr *)&status.address;
    mode_t before = umask(0177); /* for the same user only */
    bool bound = bind(status.listener, address, sizeof status.address) == 0 ||
                 (errno == EADDRINUSE && is_left_over() && unlink(status.address.sun_path) == 0 &&
                  bind(status.listener, address, sizeof status.address) == 0);
    int error = errno;
    umask(before);
    errno = error;
    return bound;
}

int mn_hosted_status_open(struct mnet_env *env, const char *file)
{
    status.env = env;
    status.address.sun_family = AF_UNIX;
    if (strlen(file) >= sizeof status.address.sun_path)
        return refuse(file, "the name is too long for a socket");
    strcpy(status.address.sun_path, file);
    status.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (status.listener < 0 || !bind_listener() || listen(status.listener, 8) < 0)
        return refuse(file, strerror(errno));
    mnet_own(&status.owned, close_listener, NULL);
    return mnet_spawn(NULL, serve, NULL);
}
