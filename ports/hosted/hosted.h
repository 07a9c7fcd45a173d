/* Ports that run as a Linux process share this: clock, entropy, memory, console, waiting, and the
 * program around mnet_main. */
#ifndef MN_HOSTED_H
#define MN_HOSTED_H

#include <poll.h>

#include "stack/env.h"

struct mn_queue;

/* Most descriptors that can be waited for at a time. */
#define MN_HOSTED_WAIT_MAX 32

/* CLOCK_MONOTONIC in nanoseconds. `context` is not used, here and below: the signatures are those
 * of struct mn_env_setup. */
uint64_t mn_hosted_now(void *context);
/* The host's time of day, for struct mn_env_setup. */
uint64_t mn_hosted_wall(void *context);
/* The kernel's generator; false only if the kernel has none. */
bool mn_hosted_entropy(void *context, void *buffer, size_t len);
/* Address space that costs memory only when it is touched. */
void *mn_hosted_allocate(void *context, size_t size);
void mn_hosted_release(void *context, void *region, size_t size);
/* Writes all of `text`, waiting as long as the reader takes. */
void mn_hosted_print(void *context, enum mn_console console, const char *text, size_t len);

/* Waits until one of the descriptors is ready or `deadline` (absolute; MNET_NEVER: none) has
 * passed, with the precision of the clock; fills in revents as poll(2) does. May return early for a
 * signal. */
void mn_hosted_wait(struct pollfd *fds, unsigned count, uint64_t deadline);

/* A descriptor that the loop of the calling thread looks at. The owner supplies it, until
 * mn_hosted_unwatch. */
struct mn_hosted_watch {
    struct mnet_link link;
    int fd;
    struct mnet_waiters *waiters; /* are woken if it is readable */
    /* Whoever makes it readable sleeps then, until this thread has done something. So this thread
     * is best woken on the same processor, which ppoll lets the kernel do, and a ring does not. */
    bool hands_over;
};
void mn_hosted_watch(struct mn_hosted_watch *watch);
void mn_hosted_unwatch(struct mn_hosted_watch *watch);

/* A port adds the function that opens a device. `options` are the standard ones. `queue` is NULL,
 * or the device is to be one of several queues. Returns NULL after saying why, in one line, in
 * `why`. */
struct mn_hosted_port {
    struct mnet_device *(*open_device)(const struct mn_device_request *request, const struct mn_options *options,
                                       struct mn_queue *queue, char *why, size_t why_size);
};

/* The program around mnet_main: environment, event loop, signals. Returns the exit status. SIGINT
 * and SIGTERM cancel the tasks that run mnet_main, on all cores, so that they end in order; a
 * second one ends the process. If one core fails, or the first one ends, the others are
 * cancelled. */
int mn_hosted_main(const struct mn_hosted_port *port, int argc, char **argv);

#endif
