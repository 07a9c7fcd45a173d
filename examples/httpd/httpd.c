/* httpd: the files of a folder over HTTP/1.1 (RFC 9112), with persistent connections and pipelining.
 *
 *   httpd-tap --net:service=tap0 --ipv4=10.0.0.2/24 FOLDER      and on Linux:  curl http://10.0.0.2/
 *
 * A machine that has no folders serves an archive, which is part of the program: files.h.
 */
#include <mnet/mnet.h>

#include "files.h"
#include "request.h"
#include "response.h"

#define IDLE_PATIENCE (30 * MNET_SECOND)    /* for the next request to begin ... */
#define REQUEST_PATIENCE (15 * MNET_SECOND) /* ... and, once begun, to be complete */
#define LINGER_PATIENCE (2 * MNET_SECOND)

/* Answers the requests that begin in `slice`. False: the connection is finished. */
static bool handle(struct mnet_flow *flow, struct request *request, struct mnet_slice slice)
{
    while (slice.len > 0) {
        size_t used;
        enum request_progress progress = request_feed(request, slice.data, slice.len, &used);
        if (progress == REQUEST_INCOMPLETE) {
            return true;
        }
        bool go_on = response_send(flow, request) == 0 && request->keep_alive;
        if (progress == REQUEST_BROKEN || !go_on) {
            return false;
        }
        slice.data = (const char *)slice.data + used;
        slice.len -= used;
        request_next(request);
    }
    return true;
}

/* Reads and answers requests until the client has finished, is silent for too long, or is told that the connection closes. */
static void converse(struct mnet_flow *flow, struct request *request)
{
    uint64_t begun = 0; /* when the request that is being read began; 0: none is */
    for (;;) {
        struct mnet_slice slices[8];
        uint64_t deadline = begun != 0 ? begun + REQUEST_PATIENCE : mnet_now() + IDLE_PATIENCE;
        ptrdiff_t count = mnet_tcp_get(flow, slices, 8, deadline);
        if (begun != 0 && (count == MNET_E_DEADLINE || count == 0)) { /* it will not be complete any more */
            request->status = count == 0 ? HTTP_STATUS_BAD_REQUEST : HTTP_STATUS_REQUEST_TIMEOUT;
            request->keep_alive = false;
            response_send(flow, request);
        }
        bool go_on = count > 0;
        for (ptrdiff_t i = 0; i < count && go_on; i++) {
            go_on = handle(flow, request, slices[i]);
        }
        mnet_tcp_release(flow);
        if (!go_on) {
            return;
        }
        begun = !request->begun ? 0 : begun != 0 ? begun : mnet_now();
    }
}

/* Closing with unread data resets the connection, and the reset may overtake the answer: so first let the client read it and close
 * (RFC 9112 9.6). */
static void linger(struct mnet_flow *flow)
{
    uint64_t deadline = mnet_now() + LINGER_PATIENCE;
    char ignored[1024];
    if (mnet_tcp_shutdown(flow, MNET_SHUTDOWN_WRITE) == 0) {
        while (mnet_tcp_read(flow, ignored, sizeof ignored, deadline) > 0) {
        }
    }
}

static int serve_client(void *client)
{
    struct mnet_flow *flow = client;
    struct request request;
    request_init(&request);
    converse(flow, &request);
    linger(flow);
    mnet_tcp_close(flow);
    return 0;
}

static int serve(struct mnet_env *env, struct mnet_stack *stack)
{
    struct mnet_listen_options options = {.backlog = 1024, .no_delay = true};
    struct mnet_listener *listener;
    int error = mnet_tcp_listen(stack, 80, &options, &listener);
    if (error < 0) {
        return error;
    }
    char text[MNET_ADDRESS_TEXT];
    mnet_print(env, "serving http://%s/\n", mnet_address_format(mnet_stack_ipv4(stack), text, sizeof text));
    struct mnet_group clients = {0};
    struct mnet_flow *flow;
    while ((error = mnet_tcp_accept(listener, &flow, MNET_NEVER)) == 0) {
        while (mnet_group_reap(&clients, NULL)) {
        }
        if (mnet_group_spawn(&clients, serve_client, flow) < 0) {
            mnet_tcp_abort(flow); /* no memory for one more */
        }
    }
    mnet_tcp_unlisten(listener);
    mnet_group_cancel(&clients);
    mnet_group_join(&clients, MNET_NEVER);
    return error;
}

const struct mnet_program mnet_program = {.arguments = files_usage,
                                          .summary = "A web server of static files, on port 80."};

int mnet_main(struct mnet_env *env)
{
    const char *where = mnet_env_argv(env)[1]; /* NULL where there is no argument */
    if (mnet_env_argc(env) > 2 || !files_open(where)) {
        return mnet_env_usage(env);
    }
    struct mnet_stack *stack;
    int error = mnet_stack_up(env, NULL, &stack);
    if (error == 0) {
        error = serve(env, stack);
    }
    files_close();
    return error;
}
