/* Step 3: a server, for one client. read copies into the caller's buffer; 0 means that the client
 * has finished sending.
 *
 * 03_echo_once-tap --net:service=tap0 --ipv4=10.0.0.2/24 and on Linux: nc 10.0.0.2 9000
 */
#include <mnet/mnet.h>

static int echo(struct mnet_flow *flow)
{
    for (;;) {
        char buffer[4096];
        ptrdiff_t len = mnet_tcp_read(flow, buffer, sizeof buffer, MNET_NEVER);
        if (len <= 0)
            return (int)len;
        int error = mnet_tcp_write(flow, buffer, (size_t)len, NULL, MNET_NEVER);
        if (error < 0)
            return error;
    }
}

static int serve(struct mnet_stack *stack)
{
    struct mnet_listener *listener;
    int error = mnet_tcp_listen(stack, 9000, NULL, &listener);
    if (error < 0)
        return error;
    struct mnet_flow *flow;
    error = mnet_tcp_accept(listener, &flow, MNET_NEVER);
    if (error == 0) {
        error = echo(flow);
        mnet_tcp_close(flow);
    }
    mnet_tcp_unlisten(listener);
    return error;
}

const struct mnet_program mnet_program = {.summary = "Sends back what one client says, and ends."};

int mnet_main(struct mnet_env *env)
{
    struct mnet_stack *stack;
    int error = mnet_stack_up(env, NULL, &stack);
    if (error == 0) {
        /* Bytes queued for the client are still sent when the program ends. */
        error = serve(stack);
    }
    return error;
}
