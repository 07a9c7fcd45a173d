/* The unikernel end of system tests: ports 7, 9 and 19 of mnet_peer, for machines without a C
 * library, and some ways to end badly.
 *
 *   unikernel_peer OPTIONS serve BYTES    port 7 echo, 9 discard and verify, 19 source of so many
 *                                         bytes; port 1 ends it
 *   unikernel_peer OPTIONS talk           the same, while a task says more and more on the console
 *   unikernel_peer OPTIONS spin           is never idle, until it is cancelled
 *   unikernel_peer OPTIONS exit STATUS    ends at once
 *   unikernel_peer OPTIONS overflow       a task without end to its stack
 *   unikernel_peer OPTIONS null           writes to address 0
 *   unikernel_peer OPTIONS exhaust        takes memory for stacks, and tasks, until none is left;
 *                                         ends with 0 if it is told so
 *   unikernel_peer OPTIONS sleep SECONDS  without a stack
 *
 * Bytes are those of pattern.h. The last lines of a server are the counts of its device, as metrics
 * tell them, and "N connections".
 */
#include <mnet/mnet.h>

#include "pattern.h"

#define CHUNK 8192

static struct mnet_task *first;
static uint64_t source_bytes;
static unsigned connections;

static uint64_t parse_number(const char *text)
{
    uint64_t value = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        value = value * 10 + (uint64_t)(*text - '0');
    }
    return value;
}

static int echo_client(void *flow)
{
    char buffer[CHUNK];
    ptrdiff_t len;
    while ((len = mnet_tcp_read(flow, buffer, sizeof buffer, MNET_NEVER)) > 0) {
        if (mnet_tcp_write(flow, buffer, (size_t)len, NULL, MNET_NEVER) < 0) {
            break;
        }
    }
    mnet_tcp_close(flow);
    return 0;
}

/* Decimal text at the end of `text`; returns where it begins. */
static char *number_text(char *text, size_t size, uint64_t number)
{
    char *at = text + size;
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return at;
}

/* Verifies what comes, then says how much it was. */
static int discard_client(void *flow)
{
    struct mnet_slice slices[16];
    uint64_t bytes = 0;
    ptrdiff_t count;
    bool right = true;
    while (right && (count = mnet_tcp_get(flow, slices, 16, MNET_NEVER)) > 0) {
        for (ptrdiff_t i = 0; i < count; i++) {
            right = right && pattern_matches(slices[i].data, slices[i].len, bytes);
            bytes += slices[i].len;
        }
        mnet_tcp_release(flow);
    }
    if (!right) {
        mnet_tcp_abort(flow);
        return 0;
    }
    char text[21];
    text[20] = '\n';
    char *at = number_text(text, 20, bytes);
    mnet_tcp_write(flow, at, (size_t)(text + sizeof text - at), NULL, MNET_NEVER);
    mnet_tcp_close(flow);
    return 0;
}

static int source_client(void *flow)
{
    uint8_t chunk[CHUNK];
    int error = 0;
    for (uint64_t done = 0; done < source_bytes && error == 0;) {
        size_t len = source_bytes - done < CHUNK ? (size_t)(source_bytes - done) : CHUNK;
        pattern_fill(chunk, len, done);
        error = mnet_tcp_write(flow, chunk, len, NULL, MNET_NEVER);
        done += len;
    }
    mnet_tcp_close(flow);
    return 0;
}

static int end_client(void *flow)
{
    mnet_tcp_close(flow);
    mnet_cancel(first);
    return 0;
}

struct unikernel_service {
    struct mnet_stack *stack;
    uint16_t port;
    int (*client)(void *flow);
};

static int serve_port(void *argument)
{
    struct unikernel_service *service = argument;
    struct mnet_listen_options options = {.backlog = 512, .no_delay = true};
    struct mnet_listener *listener;
    int error = mnet_tcp_listen(service->stack, service->port, &options, &listener);
    if (error < 0) {
        return error;
    }
    struct mnet_group clients = {0};
    struct mnet_flow *flow;
    while ((error = mnet_tcp_accept(listener, &flow, MNET_NEVER)) == 0) {
        connections++;
        while (mnet_group_reap(&clients, NULL)) {
        }
        if (mnet_group_spawn(&clients, service->client, flow) < 0) {
            mnet_tcp_abort(flow);
        }
    }
    mnet_tcp_unlisten(listener);
    mnet_group_cancel(&clients);
    mnet_group_join(&clients, MNET_NEVER);
    return 0;
}

static void print_device(struct mnet_env *env, const struct mnet_stack *stack)
{
    static const char name[] = "mnet_device_";
    static char text[32 * 1024];
    mnet_metrics(stack, text, sizeof text);
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        if (strncmp(line, name, sizeof name - 1) == 0)
            mnet_print(env, "%s\n", line);
    }
}

static int serve(struct mnet_env *env)
{
    static struct unikernel_service services[] = {
        {NULL, 1, end_client}, {NULL, 7, echo_client}, {NULL, 9, discard_client}, {NULL, 19, source_client}};
    struct mnet_stack *stack;
    int error = mnet_stack_up(env, NULL, &stack);
    for (size_t i = 0; i < sizeof services / sizeof services[0] && error == 0; i++) {
        services[i].stack = stack;
        error = mnet_spawn(NULL, serve_port, &services[i]);
    }
    if (error < 0) {
        return error;
    }
    mnet_print(env, "serving\n");
    mnet_sleep(MNET_NEVER);
    print_device(env, stack);
    mnet_print(env, "%u connections\n", connections);
    return 0;
}

/* ---- The console ---- */

/* Says more than a console takes that nobody reads. */
static int talk(void *env)
{
    unsigned line = 0;
    int error;
    do {
        mnet_print(env,
                   "line %u of many that say nothing, and are long enough to fill whatever there is to be filled\n",
                   ++line);
        error = mnet_sleep(mnet_now() + MNET_MILLISECOND);
    } while (error == 0);
    return error;
}

/* Is never idle. */
static int spin(void)
{
    int error = 0;
    while (error == 0) {
        error = mnet_yield();
    }
    return error;
}

/* ---- Bad ends ---- */

/* More than the stack of any task, and then a look at it: if nothing guards a stack, its mark
 * tells afterwards. */
static int overflow(void *depth)
{
    volatile char frame[512];
    for (size_t i = 0; i < sizeof frame; i++) {
        frame[i] = 0;
    }
    int error = (uintptr_t)depth < 200 ? overflow((char *)depth + 1) : mnet_yield();
    return error + frame[0];
}

static int spawn_overflow(void)
{
    struct mnet_task *task;
    int error = mnet_spawn(&task, overflow, NULL);
    if (error == 0) {
        mnet_task_set_name(task, "bottomless");
        error = mnet_join(task, NULL, MNET_NEVER);
    }
    return error;
}

static int write_to_nowhere(void)
{
    volatile uintptr_t nowhere = 0;
    /* cppcheck-suppress nullPointer ; that is the point */
    *(volatile int *)nowhere = 1;
    return 0;
}

static int wait_forever(void *argument)
{
    (void)argument;
    return mnet_sleep(MNET_NEVER);
}

static int exhaust(struct mnet_env *env)
{
    unsigned tasks = 0;
    struct mnet_stack *stack;
    struct mnet_config config = {.memory_size = (size_t)1 << 40};
    if (mnet_stack_up(env, &config, &stack) != MNET_E_NO_MEMORY || mnet_stack_up(env, NULL, &stack) != 0) {
        return 1;
    }
    while (mnet_spawn(NULL, wait_forever, NULL) == 0) {
        tasks++;
    }
    mnet_stack_down(stack);
    if (mnet_spawn(NULL, wait_forever, NULL) != 0) {
        return 1;
    }
    mnet_print(env, "%u tasks\n", tasks);
    return 0;
}

int mnet_main(struct mnet_env *env)
{
    char **argv = mnet_env_argv(env);
    const char *what = mnet_env_argc(env) > 1 ? argv[1] : "";
    uint64_t amount = mnet_env_argc(env) > 2 ? parse_number(argv[2]) : 0;
    int error = MNET_E_INVALID;
    first = mnet_self();
    source_bytes = amount;
    if (strcmp(what, "serve") == 0) {
        error = serve(env);
    } else if (strcmp(what, "talk") == 0) {
        error = mnet_spawn(NULL, talk, env);
        error = error < 0 ? error : serve(env);
    } else if (strcmp(what, "spin") == 0) {
        error = spin();
    } else if (strcmp(what, "exit") == 0) {
        error = (int)amount;
    } else if (strcmp(what, "overflow") == 0) {
        error = spawn_overflow();
    } else if (strcmp(what, "null") == 0) {
        error = write_to_nowhere();
    } else if (strcmp(what, "exhaust") == 0) {
        error = exhaust(env);
    } else if (strcmp(what, "sleep") == 0) {
        error = mnet_sleep(mnet_now() + amount * MNET_SECOND);
    }
    if (error < 0) {
        mnet_print(env, "%s\n", mnet_strerror(error));
    }
    return error;
}
