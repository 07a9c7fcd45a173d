/* UDP in the same style: every datagram goes back where it came from, and from the address that it
 * came to. The bytes are not copied before they are sent.
 *
 *   udp_echo-tap --net:service=tap0 --ipv4=10.0.0.2/24      and on Linux:  nc -u 10.0.0.2 9000
 */
#include <mnet/mnet.h>

#define BATCH 32

static int serve(struct mnet_stack *stack)
{
    struct mnet_udp_options options = {.local = {MNET_ADDRESS_ANY, 9000}};
    struct mnet_udp_message messages[BATCH];
    struct mnet_slice slices[4 * BATCH]; /* a large datagram is in several pieces */
    struct mnet_udp *udp;
    int error = mnet_udp_open(stack, &options, &udp);
    if (error < 0)
        return error;
    while (error != MNET_E_CANCELLED) {
        int sent, count = (int)mnet_udp_get(udp, messages, BATCH, slices, 4 * BATCH, MNET_NEVER);
        error = count;
        for (int i = 0; i < count; i++)
            messages[i].ttl = 0; /* the stack's own */
        /* A client that cannot be reached is its own problem. */
        for (int at = 0; at < count && error != MNET_E_CANCELLED; at += sent + 1)
            error = mnet_udp_send_batch(udp, messages + at, count - at, &sent, MNET_NEVER);
        mnet_udp_release(udp);
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
