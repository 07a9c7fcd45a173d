/* Environments: the view that one application has of a port. A port fills struct mn_env_setup; the
 * rest is common.
 *
 * The main() of a port calls mn_env_run and returns its result. A simulation makes one loop with
 * mn_loop_init and one environment for each host with mn_env_open, and runs all of them with
 * mn_loop_run. Tasks of that loop call the hosts' applications: mnet_main, or other functions.
 */
#ifndef MN_ENV_H
#define MN_ENV_H

#include <mnet/env.h>

#include "stack/loop.h"
#include "stack/options.h"

/* A device that an application asks for. */
struct mn_device_request {
    const char *name;    /* the application's name for it, "service" by default; never NULL */
    const char *host;    /* HOST of --net:NAME=HOST; NULL: the port's default */
    const char *capture; /* FILE of --capture=FILE: a capturing device wraps it; NULL: none */
};

enum mn_console {
    MN_CONSOLE_OUTPUT,
    MN_CONSOLE_ERROR, /* log lines and option errors */
};

/* The services of a port. Every function gets `context` first. */
struct mn_env_setup {
    int argc;
    char **argv;
    const struct mnet_program *program; /* NULL: it does not describe itself */
    /* the port's own, which it takes out of argv itself; NULL: none */
    const struct mnet_program_option *options;
    void *context;
    /* Monotonic time and entropy, as in struct mnet_platform. */
    uint64_t (*now)(void *context);
    bool (*entropy)(void *context, void *buffer, size_t len);
    uint64_t (*wall)(void *context); /* the time of day, as there; NULL: it is not known */
    /* Opens a device. If that fails, prints one line with the cause on the error console and
     * returns NULL. */
    struct mnet_device *(*open_device)(void *context, const struct mn_device_request *request);
    void (*print)(void *context, enum mn_console console, const char *text, size_t len);
    /* Stores up to `len` bytes of console input, without waiting. Returns their count, 0 at the
     * end of input, MNET_E_DEADLINE if there are none yet, or MNET_E_IO. The port wakes
     * env->input_waiters when there may be some. NULL: there is no console input. */
    ptrdiff_t (*input)(void *context, void *buffer, size_t len);
    /* Take and return a region of `size` bytes for a stack; NULL if there is none. */
    void *(*allocate)(void *context, size_t size);
    void (*release)(void *context, void *region, size_t size);
    /* The file of the loader; NULL: there is none. */
    const void *module;
    size_t module_size;
    /* The port has several cores, and this is the environment of number `core`. */
    bool has_cores;
    uint16_t core;
    /* 16 bytes, the ipv6_secret of stacks without one; NULL: each makes its own. */
    const uint8_t *ipv6_secret;
    bool status;        /* the port answers mnet-ss, if --status says so (status.h) */
    size_t memory_size; /* bytes of the platform's memory: a stack takes 65 % of it by default */
    /* Used by mn_env_run only: see struct mn_loop_port and struct mn_task_stacks. */
    void (*wait)(void *context, uint64_t deadline);
    struct mn_task_stacks task_stacks;
};

#define MN_ENV_DEVICES MN_OPTIONS_NETS
/* The device of applications that do not care, as Solo5 calls it. */
#define MN_ENV_USUAL_DEVICE "service"

/* Names of zones: those of the command line, and of so many devices that are opened by another
 * name. */
#define MN_ENV_ZONES (2 * MN_OPTIONS_NETS)

struct mn_env_device {
    char name[MNET_ZONE_TEXT]; /* empty: the place is free */
    struct mnet_device *device;
    struct mnet_stack *stack; /* that took it; NULL: still the environment's */
};

struct mnet_env {
    struct mn_env_setup setup;
    struct mn_loop *loop;
    struct mn_options options;
    int argc;
    struct mn_env_device devices[MN_ENV_DEVICES];
    /* The name of zone N is zones[N - 1]. A zone keeps its name and number for good, so that an
     * old address never means another link. */
    char zones[MN_ENV_ZONES][MNET_ZONE_TEXT];
    unsigned zone_count;
    struct mnet_log log;               /* the console, for stacks without a log of their own */
    struct mnet_link ended_stacks;     /* down, with handles that their users have not closed yet */
    struct mnet_waiters input_waiters; /* tasks that wait for console input */
    int failure;                       /* the error of the last mnet_stack_up that failed */
    const char *why;                   /* its meaning in words; NULL: the port has printed it */
};

/* Makes an environment on `loop`. Returns 0, 1 if --help or --version was given and answered, or
 * MNET_E_INVALID after a line on the error console about a wrong option. setup->argv is modified,
 * and must outlive the environment. */
int mn_env_open(struct mnet_env *env, struct mn_loop *loop, const struct mn_env_setup *setup);
/* Takes the environment's stacks down and closes its devices. */
void mn_env_close(struct mnet_env *env);
/* The same after mnet_main. `result` is the result of mnet_main, `error` that of mn_loop_run.
 * Reports a failure in one line on the error console. Returns the exit status of the program. */
int mn_env_end(struct mnet_env *env, int error, int result);

/* Runs mnet_main in the first task of a loop of its own. Returns the exit status: that of
 * mn_env_end, 1 after a wrong option, or 0 after --help or --version. */
int mn_env_run(const struct mn_env_setup *setup);

/* For mnet_stack_down: the device is gone. */
void mn_env_forget_device(struct mnet_env *env, const struct mnet_device *device);

#endif
