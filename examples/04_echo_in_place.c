/* Step 4: one client after the other, without copying received bytes, and none may block the
 * others for long: get lends the bytes of the received frames themselves, and the deadline ends a
 * client that is silent for ten seconds.
 *
 * 04_echo_in_place-tap --net:service=tap0 --ipv4=10.0.0.2/24 and on Linux: nc 10.0.0.2 9000
 */
#include <mnet/mnet.h>

#define PATIENCE (10 * MNET_SECOND)

static int echo(struct mnet_flow *flow)
{
    for (;;) {
        struct mnet_slice slices[8];
        ptrdiff_t count = mnet_tcp_get(flow, slices, 8, mnet_now() + PATIENCE);
        if (count <= 0)
            return (int)count;
        int error = mnet_tcp_writev(flow, slices, (int)count, NULL, mnet_now() + PATIENCE);
        mnet_tcp_release(flow);
        if (error < 0)
            return error;
    }
}

static int serve(struct mnet_env *env, struct mnet_stack *stack)
{
    struct mnet_listener *listener;
    int error = mnet_tcp_listen(stack, 9000, NULL, &listener);
    if (error < 0)
        return error;
    struct mnet_flow *flow;
    while ((error = mnet_tcp_accept(listener, &flow, MNET_NEVER)) == 0) {
        char text[MNET_TCP_TEXT];
        int result = echo(flow);
        mnet_print(env, "%s: %s\n", mnet_tcp_describe(flow, text, sizeof text), mnet_strerror(result));
        mnet_tcp_close(flow);
    }
    mnet_tcp_unlisten(listener);
    return error;
}

const struct mnet_program mnet_program = {.summary = "Sends back what clients say on port 9000, one after the other."};

int mnet_main(struct mnet_env *env)
{
    struct mnet_stack *stack;
    int error = mnet_stack_up(env, NULL, &stack);
    if (error == 0)
        error = serve(env, stack);
    return error;
}
