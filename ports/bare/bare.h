/* Ports without an operating system share this: the program around mnet_main.
 *
 * A port sets its machine up, fills a heap with the machine's memory, and calls mn_bare_main with
 * its own functions. It compiles these files for its machine, and defines mnet_panic.
 */
#ifndef MN_BARE_H
#define MN_BARE_H

#include "ports/bare/heap.h"
#include "stack/env.h"

/* Arguments on a command line, with the program's name. */
#define MN_BARE_ARGUMENTS 64

struct mn_bare;

/* The functions of a port. Every function gets `context` first. */
struct mn_bare_port {
    void *context;
    /* The port's own options: an array as in struct mnet_program. */
    const struct mnet_program_option *options;
    /* Monotonic time in nanoseconds, and waiting, as in struct mn_loop_port. */
    uint64_t (*now)(void *context);
    void (*wait)(void *context, uint64_t deadline);
    uint64_t (*wall)(void *context); /* the time of day, as in struct mnet_platform */
    uint64_t began;                  /* when the machine did, in that time */
    /* The command line may have words that are meant for a kernel: see arguments.h. */
    bool kernel_line;
    /* Fills `seed` with `len` unpredictable bytes. Called once; false after saying why, in one
     * line, in `why`. */
    bool (*seed)(void *context, void *seed, size_t len, char *why, size_t why_size);
    /* Opens a device; NULL after saying why, as above. `options` are the standard ones. */
    struct mnet_device *(*open_device)(void *context, const struct mn_device_request *request,
                                       const struct mn_options *options, char *why, size_t why_size);
    /* False if a device could not be stopped, and may still write to memory of a stack that is
     * down: that is not used again then. NULL: they all can. */
    bool (*devices_stopped)(void *context);
    void (*print)(void *context, const char *text, size_t len);
    /* The file of the loader, as mnet_env_module; NULL: there is never one. */
    const void *(*module)(void *context, size_t *len);
    /* Console input, as in struct mn_env_setup; the port calls mn_bare_input_came when there may be
     * some. NULL: there is none. */
    ptrdiff_t (*input)(void *context, void *buffer, size_t len);
};

/* For the `options` of a port, each of which has this one. */
#define MN_BARE_CONSOLE_TIME \
    { \
        "--console-time", NULL, "lines on the console begin with the time since the start" \
    }

/* Runs the program: cuts the command line, prepares the environment, calls mnet_main. Returns the
 * exit status: the result of mnet_main, or 1 if the command line is wrong, or entropy or memory is
 * missing. A line on the console gives the reason. `heap` holds the machine's memory.
 * `program` is its name, `command_line` its arguments; both are modified, and kept. */
int mn_bare_main(const struct mn_bare_port *port, struct mn_heap *heap, char *program, char *command_line);

/* Wakes the tasks that wait for console input. Usable from `wait` and `now`. */
void mn_bare_input_came(void);
/* Cancels the task that runs mnet_main, so that the program ends in order. Usable from `wait` and
 * `now`. */
void mn_bare_stop(void);

#endif
