/* Step 1: a host on the network, with both families. It answers ping by itself; there is nothing
 * more to write.
 *
 *   01_hello-tap --net:service=tap0 --ipv4=10.0.0.2/24
 */
#include <mnet/mnet.h>

const struct mnet_program mnet_program = {.summary = "A host on the network: answers ping."};

int mnet_main(struct mnet_env *env)
{
    struct mnet_stack *stack;
    /* NULL: as the command line says, otherwise the defaults. */
    int error = mnet_stack_up(env, NULL, &stack);
    if (error < 0) {
        return error; /* the port tells the user the cause */
    }
    struct mnet_stack_address own[8];
    unsigned count = mnet_stack_addresses(stack, own, 8);
    for (unsigned i = 0; i < count && i < 8; i++) {
        char text[MNET_ADDRESS_TEXT];
        mnet_print(env, "hello, I am %s\n", mnet_env_format_address(env, own[i].prefix.address, text, sizeof text));
    }
    mnet_sleep(MNET_NEVER); /* until Ctrl-C cancels this task */
    return 0;               /* the stack ends with the program */
}
