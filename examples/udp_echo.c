/* UDP in the same style: every datagram goes back where it came from.
 *
 *   udp_echo-tap --net:service=tap0 --ipv4=10.0.0.2/24      and on Linux:  nc -u 10.0.0.2 9000
 */
#include <mnet/mnet.h>

static int serve(struct mnet_stack *stack)
{
    static char datagram[65507]; /* the largest there is; too much for the stack of a task */
    struct mnet_udp_options options = {.local = {MNET_ADDRESS_ANY, 9000}};
    struct mnet_udp *udp;
    int error = mnet_udp_open(stack, &options, &udp);
    if (error < 0)
        return error;
    for (;;) {
        struct mnet_endpoint from;
        ptrdiff_t len = mnet_udp_receive(udp, datagram, sizeof datagram, &from, MNET_NEVER);
        if (len < 0) {
            error = (int)len;
            break;
        }
        /* A client that cannot be reached is its own problem. */
        error = mnet_udp_send(udp, &from, datagram, (size_t)len, MNET_NEVER);
        if (error == MNET_E_CANCELLED)
            break;
    }
    mnet_udp_close(udp);
    return error;
}

const struct mnet_program mnet_program = {.summary = "Sends every datagram for port 9000 back where it came from."};

int mnet_main(struct mnet_env *env)
{
    struct mnet_stack *stack;
    int error = mnet_stack_up(env, NULL, &stack);
    if (error == 0)
        error = serve(stack);
    return error;
}
