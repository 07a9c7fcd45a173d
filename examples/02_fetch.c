/* Step 2: a client. Every call that may wait looks like an ordinary function and takes a deadline
 * last.
 *
 * 02_fetch-tap --net:service=tap0 --ipv4=10.0.0.2/24 10.0.0.1
 *
 * A server may have several addresses, of both families. The one that answers first is taken.
 */
#include <mnet/mnet.h>

static const char request[] = "GET / HTTP/1.0\r\n\r\n";

/* Sends the request and prints whatever comes back. */
static int fetch(struct mnet_env *env, struct mnet_flow *flow)
{
    int error = mnet_tcp_write(flow, request, sizeof request - 1, NULL, MNET_NEVER);
    if (error < 0)
        return error;
    for (;;) {
        char buffer[4096];
        ptrdiff_t len = mnet_tcp_read(flow, buffer, sizeof buffer, mnet_now() + 10 * MNET_SECOND);
        if (len <= 0) {
            return (int)len; /* 0: the peer has sent everything */
        }
        mnet_output(env, buffer, (size_t)len);
    }
}

const struct mnet_program mnet_program = {.arguments = "ADDRESS...", .summary = "Fetches the page / of a web server."};

int mnet_main(struct mnet_env *env)
{
    struct mnet_address server[MNET_TCP_ADDRESSES_MAX];
    unsigned count = (unsigned)mnet_env_argc(env) - 1;
    if (count < 1 || count > MNET_TCP_ADDRESSES_MAX)
        return mnet_env_usage(env);
    for (unsigned i = 0; i < count; i++)
        if (mnet_env_parse_address(env, mnet_env_argv(env)[i + 1], &server[i]) < 0)
            return mnet_env_usage(env);
    struct mnet_stack *stack;
    int error = mnet_stack_up(env, NULL, &stack);
    if (error == 0) {
        struct mnet_flow *flow;
        error = mnet_tcp_connect_any(stack, server, count, 80, NULL, &flow, mnet_now() + 5 * MNET_SECOND);
        if (error == 0) {
            error = fetch(env, flow);
            mnet_tcp_close(flow);
        }
    }
    return error;
}
