/* A web server of plain POSIX, with epoll: see site.h. Usage: site PORT FOLDER [CERTIFICATE KEY] */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "site.h"

#define REQUEST_BYTES 1024
#define HEAD_BYTES 256
#define EVENTS 32

/* A client. It sends a request, and then gets the answer. */
struct guest {
    int fd;
    struct secure *secure;
    size_t got;  /* bytes of the request */
    size_t sent; /* bytes of head and page */
    bool answers;
    size_t head_len;
    struct page page;
    char head[HEAD_BYTES];
    char request[REQUEST_BYTES];
};

static int epoll;

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return 1;
}

static void end(struct guest *guest)
{
    secure_end(guest->secure);
    close(guest->fd);
    page_free(&guest->page);
    free(guest);
}

static void wait_for(struct guest *guest, bool room, int operation)
{
    struct epoll_event event = {.events = room ? EPOLLOUT : EPOLLIN, .data.ptr = guest};
    if (epoll_ctl(epoll, operation, guest->fd, &event) < 0)
        end(guest);
}

static void begin(int fd)
{
    struct guest *guest = calloc(1, sizeof *guest);
    if (guest != NULL) {
        guest->fd = fd;
        guest->secure = secure_begin(fd);
    }
    if (guest == NULL || guest->secure == NULL) {
        free(guest);
        close(fd);
        return;
    }
    wait_for(guest, false, EPOLL_CTL_ADD);
}

/* The path of "GET /path HTTP/1.1", or NULL. */
static const char *path_of(char *request)
{
    char *path = request + 4, *blank;
    if (strncmp(request, "GET /", 5) != 0 || (blank = strchr(path, ' ')) == NULL)
        return NULL;
    *blank = '\0';
    return path;
}

static const char *reason(int status)
{
    return status == 200 ? "OK" : status == 404 ? "Not Found" : "Error";
}

static void make_answer(struct guest *guest)
{
    const char *path = path_of(guest->request);
    if (path != NULL)
        page_make(&guest->page, path);
    else
        guest->page = (struct page){.status = 400, .type = "text/plain"};
    guest->head_len = (size_t)snprintf(
        guest->head, sizeof guest->head, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
        guest->page.status, reason(guest->page.status), guest->page.type, guest->page.len);
    guest->sent = 0;
    guest->answers = true;
}

/* Makes the client ready for its next request. What it has sent beyond this one is not kept. */
static void next_request(struct guest *guest)
{
    page_free(&guest->page);
    memset(&guest->page, 0, sizeof guest->page);
    guest->got = 0;
    guest->answers = false;
}

/* One step, of reading or of writing. False: it cannot go on, because of errno (EAGAIN), or at the
 * end. */
static bool step(struct guest *guest, bool *wants_room)
{
    if (!guest->answers) {
        ssize_t len = secure_read(guest->secure, guest->request + guest->got, REQUEST_BYTES - 1 - guest->got,
                                  wants_room);
        if (len <= 0) {
            errno = len == 0 ? 0 : errno;
            return false;
        }
        guest->got += (size_t)len;
        guest->request[guest->got] = '\0';
        if (strstr(guest->request, "\r\n\r\n") != NULL || guest->got == REQUEST_BYTES - 1)
            make_answer(guest);
        return true;
    }
    bool head = guest->sent < guest->head_len;
    size_t at = head ? guest->sent : guest->sent - guest->head_len;
    const char *text = head ? guest->head : guest->page.text;
    size_t size = head ? guest->head_len : guest->page.len;
    ssize_t len = size > at ? secure_write(guest->secure, text + at, size - at, wants_room) : 0;
    if (len < 0)
        return false;
    guest->sent += (size_t)len;
    if (guest->sent == guest->head_len + guest->page.len)
        next_request(guest);
    return true;
}

static void serve(struct guest *guest)
{
    bool wants_room = false;
    while (step(guest, &wants_room)) {
    }
    if (errno == EAGAIN)
        wait_for(guest, wants_room, EPOLL_CTL_MOD);
    else
        end(guest);
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
        begin(fd);
}

static int listen_at(int port)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct epoll_event event = {.events = EPOLLIN};
    int listener = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
    epoll = epoll_create1(0);
    if (listener < 0 || epoll < 0 || bind(listener, (struct sockaddr *)&any, sizeof any) < 0 ||
        listen(listener, 1024) < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        return -1;
    return listener;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    if (argc != 3 && argc != 5) {
        fprintf(stderr, "usage: %s PORT FOLDER [CERTIFICATE KEY]\n", argv[0]);
        return 1;
    }
    if (!pages_open(argv[2]) || !secure_open(argc == 5 ? argv[3] : NULL, argc == 5 ? argv[4] : NULL))
        return 1;
    int listener = listen_at(atoi(argv[1]));
    if (listener < 0)
        return fail("no listener");
    printf("listening on port %s\n", argv[1]);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(listener);
            else
                serve(events[i].data.ptr);
        }
    }
}
