/* An echo server of libuv, which also lets a thread of its pool do some work. */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static void give_room(uv_handle_t *client, size_t suggested, uv_buf_t *room)
{
    (void)client;
    *room = uv_buf_init(malloc(suggested), (unsigned)suggested);
}

static void written(uv_write_t *request, int status)
{
    (void)status;
    free(request->data);
    free(request);
}

static void closed(uv_handle_t *client)
{
    free(client);
}

/* After all writes: closing would take them back. */
static void sent_all(uv_shutdown_t *request, int status)
{
    (void)status;
    uv_close((uv_handle_t *)request->handle, closed);
    free(request);
}

static void echo(uv_stream_t *client, ssize_t len, const uv_buf_t *bytes)
{
    if (len < 0) {
        free(bytes->base);
        uv_shutdown(malloc(sizeof(uv_shutdown_t)), client, sent_all);
        return;
    }
    uv_buf_t answer = uv_buf_init(bytes->base, (unsigned)len);
    uv_write_t *request = malloc(sizeof *request);
    request->data = bytes->base;
    uv_write(request, client, &answer, 1, written);
}

static void connected(uv_stream_t *listener, int status)
{
    uv_tcp_t *client = malloc(sizeof *client);
    if (status < 0 || client == NULL || uv_tcp_init(listener->loop, client) < 0)
        abort();
    uv_accept(listener, (uv_stream_t *)client);
    uv_read_start((uv_stream_t *)client, give_room, echo);
}

static void work(uv_work_t *request)
{
    *(int *)request->data = 42;
}

static void worked(uv_work_t *request, int status)
{
    printf("a thread has returned %d, status %d; listening\n", *(int *)request->data, status);
}

int main(void)
{
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    uv_work_t request;
    struct sockaddr_in6 any;
    int result = 0;
    request.data = &result;
    uv_ip6_addr("::", 9000, &any);
    if (uv_tcp_init(loop, &listener) < 0 || uv_tcp_bind(&listener, (const struct sockaddr *)&any, 0) < 0 ||
        uv_listen((uv_stream_t *)&listener, 64, connected) < 0 || uv_queue_work(loop, &request, work, worked) < 0)
        return 1;
    return uv_run(loop, UV_RUN_DEFAULT);
}
