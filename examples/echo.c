/* Step 5: the echo server: one task for each client, collected by a group when it ends.
 *
 *   echo-tap --net:service=tap0 --ipv4=10.0.0.2/24      and on Linux:  nc 10.0.0.2 9000
 */
#include <mnet/mnet.h>

static void close_flow(void *flow)
{
    mnet_tcp_close(flow);
}

/* One client. Whatever ends this task, its flow is closed: the record is on the stack, and costs
 * nothing. A task that owns something ends with mnet_exit: its locals are still there when the flow
 * is closed. */
static int echo(void *client)
{
    struct mnet_flow *flow = client;
    struct mnet_owned owned;
    mnet_own(&owned, close_flow, flow);
    for (;;) {
        char buffer[16384];
        ptrdiff_t len = mnet_tcp_read(flow, buffer, sizeof buffer, MNET_NEVER);
        if (len <= 0 || mnet_tcp_write(flow, buffer, (size_t)len, NULL, MNET_NEVER) < 0)
            mnet_exit(0);
    }
}

static int serve(struct mnet_env *env, struct mnet_stack *stack)
{
    struct mnet_listener *listener;
    int error = mnet_tcp_listen(stack, 9000, NULL, &listener);
    if (error < 0)
        return error;
    mnet_print(env, "listening on port 9000\n");
    struct mnet_group clients = {0};
    struct mnet_flow *flow;
    while ((error = mnet_tcp_accept(listener, &flow, MNET_NEVER)) == 0) {
        while (mnet_group_reap(&clients, NULL)) {
        }
        error = mnet_group_spawn(&clients, echo, flow);
        if (error < 0) {
            mnet_print(env, "a client is turned away: %s\n", mnet_strerror(error));
            mnet_tcp_abort(flow);
        }
    }
    mnet_tcp_unlisten(listener);
    mnet_group_cancel(&clients);
    mnet_group_join(&clients, MNET_NEVER);
    return error;
}

const struct mnet_program mnet_program = {.summary = "Sends back what clients say on port 9000."};

int mnet_main(struct mnet_env *env)
{
    struct mnet_stack *stack;
    int error = mnet_stack_up(env, NULL, &stack);
    if (error == 0)
        error = serve(env, stack);
    return error;
}
