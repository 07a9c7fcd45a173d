/* The environment of an application, the same on every port.
 *
 * An application defines mnet_main and is linked with one port. mnet_main runs in the first task; its return value is the exit status. A
 * negative one is an error code: the error output says in one line what it means (where it comes from mnet_stack_up: what is wrong), and
 * the status is 1. MNET_E_CANCELLED of a program that was told to end (by Ctrl-C, say) is status 0. All other tasks are cancelled
 * and awaited, and stacks still up are taken down, when mnet_main returns.
 *
 * Standard options, taken from the command line before the application sees the rest:
 *   --ipv4=ADDRESS/LENGTH  --ipv4-gateway=ADDRESS  --route=PREFIX,GATEWAY (repeatable)
 *   --dhcp  (instead of those three: a DHCP server says)
 *   --memory=SIZE (bytes, or with K, M, G)  --log=error|warning|info|debug  --capture=FILE (where there are files)
 *   --address-probe  --no-checksum-offload  --no-segmentation-offload  --no-coalescing
 *   --no-tcp-timestamps  --no-tcp-sack  --no-tcp-window-scale  --no-tcp-syn-cookies
 *   --net:NAME=DEVICE  (which host interface stands behind the device NAME; "service" is the usual name)
 *   --help
 * A wrong option ends the program before mnet_main with one line on the error output and exit status 1.
 */
#ifndef MNET_ENV_H
#define MNET_ENV_H

#include <mnet/device.h>
#include <mnet/stack.h>

struct mnet_env;

/* Defined by the application. */
int mnet_main(struct mnet_env *env);

/* The command line without the standard options; argv[0] is the program's name, argv[argc] is NULL. */
int mnet_env_argc(const struct mnet_env *env);
char **mnet_env_argv(const struct mnet_env *env);

/* The device called `name` (NULL: the first), opened on first use; NULL where there is none. Owned by the environment until a stack takes
 * it. */
struct mnet_device *mnet_env_device(struct mnet_env *env, const char *name);
/* The same, but the caller owns the device then: to wrap it in another one (see mnet/fault.h) that is given to a stack. */
struct mnet_device *mnet_env_take_device(struct mnet_env *env, const char *name);

/* Writes text to the console: standard output, or the serial line of a unikernel. */
void mnet_print(struct mnet_env *env, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Writes `len` bytes as they are. */
void mnet_output(struct mnet_env *env, const void *data, size_t len);
/* Reads up to `len` bytes of console input, at least one unless it has ended: standard input where there is one, otherwise it has ended. Returns
 * the count, 0 at the end, MNET_E_DEADLINE, MNET_E_CANCELLED or MNET_E_IO. Suspends. */
ptrdiff_t mnet_input(struct mnet_env *env, void *buffer, size_t len, uint64_t deadline);

#endif
