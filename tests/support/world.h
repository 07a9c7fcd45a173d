/* Two simulated hosts with a stack each, for tests of the blocking calls: a server at 10.0.0.1, a
 * client at 10.0.0.2, and a link between them. The test is a task that may use both.
 */
#ifndef MN_TEST_WORLD_H
#define MN_TEST_WORLD_H

#include <stdio.h>
#include <string.h>

#include <mnet/mnet.h>
#include <mnet/sim.h>

#include "stack/stack.h"

struct world {
    struct mnet_sim *sim;
    struct mnet_sim_host *server_host, *client_host;
    struct mnet_stack *server, *client; /* NULL after a test has destroyed it */
    const struct world_options *options;
    int (*body)(struct world *w);
    void *argument; /* for the test's own use */
    struct mnet_address server_address, client_address;
    char failure[256];
};

/* Zeros are defaults: a link with a delay of 1 ms, stacks with the defaults of mnet/stack.h. */
struct world_options {
    struct mnet_sim_path path;
    struct mnet_config server, client; /* ipv4 is filled in */
    size_t memory;                     /* for each platform */
};

/* Runs `body` as a task. Checks that it returns 0, that everything it closed is gone once every
 * timer has run out, and that the memory of the stacks which are still up is back at its start. */
void world_run(int (*body)(struct world *w), const struct world_options *options);
/* Does the same twice: over IPv4, and over IPv6 between fd00::1 and fd00::2. */
void world_run_both(int (*body)(struct world *w), const struct world_options *options);

/* Checks, for use in tasks. A failed one ends the task with a negative result, and fails the test.
 * The world's variable must be called `w`. */
int world_fail(struct world *w, const char *file, int line, const char *text, long long got, long long wanted);
#define CHECK(condition) \
    do { \
        if (!(condition)) \
            return world_fail(w, __FILE__, __LINE__, #condition, 0, 1); \
    } while (0)
#define CHECK_EQUAL(got, wanted) \
    do { \
        long long got_ = (long long)(got), wanted_ = (long long)(wanted); \
        if (got_ != wanted_) \
            return world_fail(w, __FILE__, __LINE__, #got " == " #wanted, got_, wanted_); \
    } while (0)

#define WORLD_SERVER mnet_ipv4(10, 0, 0, 1)
#define WORLD_CLIENT mnet_ipv4(10, 0, 0, 2)

static inline uint64_t in_ms(uint64_t milliseconds)
{
    return mnet_now() + milliseconds * MNET_MILLISECOND;
}

static inline int sleep_ms(uint64_t milliseconds)
{
    return mnet_sleep(in_ms(milliseconds));
}

/* Opens a connection from the client's stack to a listener of the server's stack. Stores both ends
 * of it and the listener. Returns 0 or an error. */
struct pair {
    struct mnet_listener *listener;
    struct mnet_flow *client, *server;
};
int world_connect(struct world *w, struct pair *pair);
/* Does the same with a listener that exists already. */
int world_connect_to(struct world *w, struct pair *pair);
/* Closes both ends and the listener. NULL ones are skipped. */
void world_close(struct pair *pair);

/* Sends an ICMP Destination Unreachable from the server to the client about a frame that the client
 * sent. `mtu` is for code 4. `wrong` spoils a byte of the quote, in the middle of TCP's sequence
 * number. */
void world_unreachable(struct world *w, const uint8_t *about, uint8_t code, uint16_t mtu, uint8_t wrong);

/* A task that makes one call, and the result of the call. */
struct call {
    struct world *w;
    struct mnet_task *task;
    int (*run)(void *call);
    void *object; /* the flow, listener or endpoint */
    uint64_t deadline;
    char *data;
    size_t len;
    ptrdiff_t result;
    size_t queued;
    struct mnet_flow *flow;
    uint64_t started, ended; /* times; 0: not yet */
};
/* Spawns a task for the call, and lets it run until it blocks. */
int call_start(struct world *w, struct call *call, int (*run)(void *call), void *object);
/* Waits until the call has returned. */
int call_join(struct call *call);
int call_accept(void *call);
int call_read(void *call);
int call_get(void *call);
int call_write(void *call);
int call_write_lent(void *call);
int call_connect(void *call); /* connects from the client's stack to 10.0.0.1:80 */
int call_established(void *call);
int call_receive(void *call);

#endif
