/* The server of tls_linux.c on mnet: tls_mnet OPTIONS CERTIFICATE KEY. A task for each client. */
#include <mnet/mnet.h>
#include <mnet/tls.h>

#include <stdio.h>

#define CHUNK 65536

const struct mnet_program mnet_program = {.arguments = "CERTIFICATE KEY", .summary = "A server of TLS to be measured."};

struct measured_server {
    struct mnet_tls_context *context;
    struct mnet_flow *arrived; /* for the task that has just been spawned */
};

static char chunk[CHUNK];

/* Reads the number, and sends so many bytes. */
static void answer(struct mnet_tls *tls)
{
    unsigned char number[8];
    uint64_t left = 0;
    for (size_t got = 0; got < sizeof number;) {
        ptrdiff_t count = mnet_tls_read(tls, number + got, sizeof number - got, MNET_NEVER);
        if (count <= 0)
            return;
        got += (size_t)count;
    }
    for (int i = 0; i < 8; i++)
        left = left << 8 | number[i];
    while (left > 0) {
        size_t len = left < CHUNK ? (size_t)left : CHUNK;
        if (mnet_tls_write(tls, chunk, len, NULL, MNET_NEVER) < 0)
            return;
        left -= len;
    }
}

static int serve_client(void *argument)
{
    struct measured_server *server = argument;
    struct mnet_flow *flow = server->arrived;
    struct mnet_tls *tls;
    server->arrived = NULL;
    if (mnet_tls_accept(server->context, mnet_tcp_stream(flow), &tls, MNET_NEVER) < 0) {
        mnet_tcp_abort(flow);
        return 0;
    }
    answer(tls);
    mnet_tls_close(tls);
    return 0;
}

int mnet_main(struct mnet_env *env)
{
    char **arguments = mnet_env_argv(env) + 1;
    struct measured_server server = {0};
    struct mnet_group clients = {0};
    struct mnet_stack *stack;
    struct mnet_listener *listener;
    struct mnet_listen_options options = {.backlog = 128, .no_delay = true};
    if (arguments[0] == NULL || arguments[1] == NULL || arguments[2] != NULL)
        return mnet_env_usage(env);
    if (mnet_tls_context_create(NULL, &server.context) < 0 ||
        mnet_tls_add_identity(server.context, mnet_tls_file(arguments[0]), mnet_tls_file(arguments[1])) < 0)
        return 1;
    int error = mnet_stack_up(env, NULL, &stack);
    if (error < 0)
        return error;
    error = mnet_tcp_listen(stack, 443, &options, &listener);
    while (error == 0 && (error = mnet_tcp_accept(listener, &server.arrived, MNET_NEVER)) == 0) {
        error = mnet_group_spawn(&clients, serve_client, &server);
        mnet_yield(); /* it takes its flow */
        while (mnet_group_reap(&clients, NULL)) {
        }
    }
    return error;
}
