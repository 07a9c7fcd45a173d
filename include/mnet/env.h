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
 *   --congestion=cubic|reno|bbr  --ecn=off|passive|on
 *   --address-probe  --no-checksum-offload  --no-segmentation-offload  --no-coalescing
 *   --no-tcp-timestamps  --no-tcp-sack  --no-tcp-window-scale  --no-tcp-syn-cookies  --no-tcp-plpmtud
 *   --net:NAME=DEVICE  (what stands behind the device NAME, usually "service"; repeatable. As a Linux process a TAP
 *                      interface, see mnet_tap_open; in a machine a virtio device, by its number from 0 or its MAC address)
 *   --help, -h  --version
 *
 * Each of them may be given once unless it is repeatable. Any other word that begins with '-' must be an option that the
 * program describes (struct mnet_program); "--" ends the options, stays where it is, and what follows is the program's.
 * A wrong, unknown or repeated option ends the program before mnet_main, with one line on the error output that names it
 * and exit status 1. After --help or --version the status is 0.
 */
#ifndef MNET_ENV_H
#define MNET_ENV_H

#include <mnet/device.h>
#include <mnet/stack.h>

#pragma GCC visibility push(default)

/* The version of mnet. */
#define MNET_VERSION "0.1.0"

struct mnet_env;

/* Defined by the application. */
int mnet_main(struct mnet_env *env);

/* An option of the program's own. It stays on the command line, where the program finds it, once its form is right. */
struct mnet_program_option {
    const char *name;  /* "-l"; one with a value ends in '=': "--root=", given as --root=VALUE */
    const char *value; /* the value in --help, such as "FOLDER"; NULL: it has none */
    const char *help;  /* one line of --help, without newline */
};

/* What a program says of itself. Texts are static; any of them may be NULL. */
struct mnet_program {
    const char *arguments; /* behind the options in the usage: "ADDRESS PORT". NULL or "": a word there is a mistake */
    const char *summary;   /* one line of --help, without newline */
    const char *version;   /* what --version prints, besides mnet's */
    const struct mnet_program_option *options; /* an array that ends with a NULL name; NULL: none. One that is called
                                                * like a standard option takes its place */
};

/* May be defined by the application, and is then used on every port but sim, where it is one of a host's options. An
 * application that does not define it may be given any words, but no options of its own. */
extern const struct mnet_program mnet_program;

/* Prints the usage in one line on the error output, for a program that was given the wrong words. Returns 1, the exit
 * status. */
int mnet_env_usage(struct mnet_env *env);

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

#pragma GCC visibility pop

#endif
