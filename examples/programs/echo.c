/* An echo server of plain POSIX: a thread for each client. It is an ordinary C program, for
 *
 *     mnet-cc -O2 -o echo.elf echo.c
 *
 * and any other C compiler. */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STACK_BYTES (16 * 1024)

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return 1;
}

static void *echo(void *argument)
{
    int client = (int)(intptr_t)argument;
    char buffer[4096];
    ssize_t len, done, put;
    while ((len = read(client, buffer, sizeof buffer)) > 0) {
        for (done = 0; done < len; done += put) {
            put = write(client, buffer + done, (size_t)(len - done));
            if (put < 0)
                goto end;
        }
    }
end:
    close(client);
    return NULL;
}

static void serve(int client)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, echo, (void *)(intptr_t)client) != 0)
        close(client);
    pthread_attr_destroy(&attributes);
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? atoi(argv[1]) : 9000;
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    int listener = socket(AF_INET6, SOCK_STREAM, 0), client;
    if (listener < 0 || bind(listener, (struct sockaddr *)&any, sizeof any) < 0 || listen(listener, 64) < 0)
        return fail("no listener");
    printf("listening on port %d\n", port);
    while ((client = accept(listener, NULL, NULL)) >= 0)
        serve(client);
    return fail("accept");
}
