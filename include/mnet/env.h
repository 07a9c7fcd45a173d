/* The environment of an application, the same on every port.
 *
 * An application defines mnet_main and is linked with one port. mnet_main runs in the first task,
 * and its return value is the exit status. A negative value is an error code: one line on the error
 * output explains it, and the status is 1. For an error of mnet_stack_up the line gives the cause.
 * If a program was told to end (by Ctrl-C, for example) and returns MNET_E_CANCELLED, the status is
 * 0. When mnet_main returns, all other tasks are cancelled and awaited, and stacks that are still
 * up are taken down.
 *
 * Standard options, such as --ipv4=ADDRESS/LENGTH, are taken from the command line before the
 * application sees the rest. docs/options.md and the program's --help describe them; both are made
 * from the table that the parser reads (src/stack/options_line.c).
 *
 * Each may be given once unless it is repeatable. Any other word that begins with '-' must be an
 * option that the program describes (struct mnet_program). "--" ends the options. It stays on the
 * command line, and the words behind it are the program's. If an option is wrong, unknown or
 * repeated, the program ends before mnet_main: one line on the error output names the option, and
 * the exit status is 1. After --help or --version the status is 0.
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

/* An option of the program's own. mnet checks its form and leaves it on the command line. */
struct mnet_program_option {
    const char *name;  /* "-l"; with a value it ends in '=': "--root=", given as --root=VALUE */
    const char *value; /* the value in --help, such as "FOLDER"; NULL if there is none */
    const char *help;  /* one line of --help, without newline */
};

/* The description of a program. Texts are static. Any of them may be NULL. */
struct mnet_program {
    /* The words behind the options in the usage: "ADDRESS PORT". If NULL or "", any word there is a
     * mistake. */
    const char *arguments;
    const char *summary; /* one line of --help, without newline */
    const char *version; /* printed by --version, besides mnet's */
    /* An array that ends with a NULL name, or NULL. An option with the name of a standard option
     * takes its place. */
    const struct mnet_program_option *options;
};

/* The application may define this. It is then used on every port except sim, whose hosts have it as
 * an option. An application that does not define it may be given any words, but no options of its
 * own. */
extern const struct mnet_program mnet_program;

/* Prints the usage in one line on the error output, for a program that got wrong words. Returns 1,
 * the exit status. */
int mnet_env_usage(struct mnet_env *env);

/* The command line without the standard options. argv[0] is the program's name, and argv[argc] is
 * NULL. */
int mnet_env_argc(const struct mnet_env *env);
char **mnet_env_argv(const struct mnet_env *env);

/* With --cores=N a Linux process has N threads. Each has a stack with a queue of the network
 * device, and an environment of its own in which it calls mnet_main (docs/cores.md). mnet_env_core
 * returns the number of the environment, from 0: the first one has the console input.
 * mnet_env_cores returns N, which is 1 without the option. */
unsigned mnet_env_core(const struct mnet_env *env);
unsigned mnet_env_cores(const struct mnet_env *env);

/* Returns the file that a machine's loader has put into memory for the program (QEMU's -initrd),
 * with its size in *len; NULL if there is none, as in every process. It stays as it is. */
const void *mnet_env_module(const struct mnet_env *env, size_t *len);

/* Returns the device `name`, or the first one if `name` is NULL. It is opened on first use. The
 * environment owns it until a stack takes it. NULL if there is none. */
struct mnet_device *mnet_env_device(struct mnet_env *env, const char *name);
/* Returns a device as mnet_env_device does, but the caller owns it: to wrap it in another one (see
 * mnet/fault.h) that a stack gets. */
struct mnet_device *mnet_env_take_device(struct mnet_env *env, const char *name);

/* Reads an address as mnet_address_parse does, but its zone may also be the name of a device, such
 * as "fe80::1%service" (RFC 4007 11.2): a name that an option --net:NAME gave, the usual name
 * "service" if no option did, or one that mnet_env_device was called with. Digits are always a
 * number. Returns 0 or MNET_E_INVALID, also for an unknown name. */
int mnet_env_parse_address(const struct mnet_env *env, const char *text, struct mnet_address *address);
/* Writes an address or an endpoint as mnet_address_format and mnet_endpoint_format do, but with the
 * name of the zone if it has one. */
char *mnet_env_format_address(const struct mnet_env *env, struct mnet_address address, char *text, size_t size);
char *mnet_env_format_endpoint(const struct mnet_env *env, struct mnet_endpoint endpoint, char *text, size_t size);

/* Takes `size` bytes of the memory that the network does not have (--memory), aligned for any
 * object, and gives them back. Each piece takes whole pages: cut small objects from large pieces.
 * mnet_alloc returns NULL if there are none, or if size is 0. The contents are undefined. NULL may
 * be given back. Never suspend. */
void *mnet_alloc(struct mnet_env *env, size_t size);
void mnet_free(struct mnet_env *env, void *memory);

/* Writes text to the console: standard output, or the serial line of a unikernel. */
void mnet_print(struct mnet_env *env, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Writes `len` bytes to the console as they are. */
void mnet_output(struct mnet_env *env, const void *data, size_t len);
/* Reads up to `len` bytes of console input, at least one unless the input has ended. A port without
 * standard input has none: it has ended from the start. Returns the number of bytes, 0 at the end,
 * MNET_E_DEADLINE, MNET_E_CANCELLED or MNET_E_IO. Suspends. */
ptrdiff_t mnet_input(struct mnet_env *env, void *buffer, size_t len, uint64_t deadline);

#pragma GCC visibility pop

#endif
