/* nc: the console on one end, a connection on the other; two tasks, one for each direction, share
 * one flow.
 *
 * nc-tap OPTIONS host.example 9000 connects; nc-tap OPTIONS -l 9000 waits for one client
 */
#include <mnet/mnet.h>

struct session {
    struct mnet_env *env;
    struct mnet_flow *flow;
};

/* Console to peer. The end of the input is a FIN; the other direction goes on. */
static int send_input(void *argument)
{
    struct session *session = argument;
    for (;;) {
        char buffer[16384];
        ptrdiff_t len = mnet_input(session->env, buffer, sizeof buffer, MNET_NEVER);
        if (len <= 0)
            return len < 0 ? (int)len : mnet_tcp_shutdown(session->flow, MNET_SHUTDOWN_WRITE);
        int error = mnet_tcp_write(session->flow, buffer, (size_t)len, NULL, MNET_NEVER);
        if (error < 0)
            return error;
    }
}

/* Peer to console, until the peer has finished. Sending goes on, unless the connection broke. */
static int converse(struct session *session)
{
    struct mnet_task *sender;
    int error = mnet_spawn(&sender, send_input, session);
    if (error < 0)
        return error;
    ptrdiff_t count;
    struct mnet_slice slices[8];
    while ((count = mnet_tcp_get(session->flow, slices, 8, MNET_NEVER)) > 0) {
        for (ptrdiff_t i = 0; i < count; i++)
            mnet_output(session->env, slices[i].data, slices[i].len);
        mnet_tcp_release(session->flow);
    }
    if (count < 0)
        mnet_cancel(sender);
    int sent = 0;
    error = mnet_join(sender, &sent, MNET_NEVER);
    return count < 0 ? (int)count : error < 0 ? error : sent;
}

/* `host` is a name or an address; NULL: waits for a client. */
static int open_flow(struct mnet_stack *stack, const char *host, uint16_t port, struct mnet_flow **flow)
{
    if (host != NULL)
        return mnet_tcp_connect_name(stack, host, port, NULL, flow, MNET_NEVER);
    struct mnet_listener *listener;
    int error = mnet_tcp_listen(stack, port, NULL, &listener);
    if (error == 0) {
        error = mnet_tcp_accept(listener, flow, MNET_NEVER);
        mnet_tcp_unlisten(listener);
    }
    return error;
}

static bool parse_port(const char *text, uint16_t *port)
{
    uint32_t value = 0;
    for (; *text >= '0' && *text <= '9' && value <= 65535; text++)
        value = value * 10 + (uint32_t)(*text - '0');
    *port = (uint16_t)value;
    return *text == '\0' && value > 0 && value <= 65535;
}

static const struct mnet_program_option own_options[] = {{"-l", NULL, "wait for one client at PORT"}, {0}};

const struct mnet_program mnet_program = {
    .arguments = "HOST PORT, or -l PORT",
    .summary = "The console on one end, a TCP connection on the other.",
    .options = own_options,
};

int mnet_main(struct mnet_env *env)
{
    char **argv = mnet_env_argv(env);
    uint16_t port;
    if (mnet_env_argc(env) != 3 || !parse_port(argv[2], &port))
        return mnet_env_usage(env);
    bool listen = argv[1][0] == '-' && argv[1][1] == 'l' && argv[1][2] == '\0';
    struct session session = {.env = env};
    struct mnet_stack *stack;
    int error = mnet_stack_up(env, NULL, &stack);
    if (error == 0) {
        error = open_flow(stack, listen ? NULL : argv[1], port, &session.flow);
        error = error == 0 ? converse(&session) : error;
        mnet_tcp_close(session.flow);
    }
    return error;
}
