/* The mnet end of system tests and benchmarks.
 *
 *   mnet_peer OPTIONS [--loss=PPM] serve
 *   mnet_peer OPTIONS [--loss=PPM] send ADDRESS PORT BYTES
 *   mnet_peer OPTIONS [--loss=PPM] receive ADDRESS PORT BYTES
 *   mnet_peer OPTIONS [--loss=PPM] round ADDRESS PORT COUNT   round trips of 64 bytes
 *   mnet_peer OPTIONS drain        for each line ADDRESS PORT MILLISECONDS on standard input:
 *                                  connects, and reads for so long, however much comes
 *
 * The ports of a server: 7 echo; 9 discard and verify; 19 source; 10 and 20 discard and source
 * without looking at the bytes; 21 source and discard at the same time; 22 a source that aborts
 * when nothing has been read for a second.
 *
 * A client prints "BYTES bytes, NANOSECONDS ns" (round: "COUNT rounds, NANOSECONDS ns"). Bytes are
 * those of pattern.h, and verified. The exit status is 1 if anything was wrong.
 */
#include <mnet/fault.h>
#include <mnet/mnet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"

static const struct mnet_program_option own_options[] = {
    {"--loss=", "PPM", "frames lost in either direction, in a million"}, {0}};
const struct mnet_program mnet_program = {.arguments = "serve | drain | WHAT ADDRESS PORT AMOUNT",
                                          .summary = "The mnet end of system tests and benchmarks.",
                                          .options = own_options};

#define CHUNK 65536
#define MESSAGE 64
/* The bytes that the source sends before it finishes. */
#define SOURCE_BYTES (UINT64_C(1) << 30)

static uint8_t *chunk_alloc(void)
{
    uint8_t *chunk = malloc(CHUNK);
    if (chunk == NULL) {
        abort();
    }
    return chunk;
}

static int send_pattern(struct mnet_flow *flow, uint64_t bytes)
{
    uint8_t *chunk = chunk_alloc();
    int error = 0;
    for (uint64_t done = 0; done < bytes && error == 0;) {
        size_t len = bytes - done < CHUNK ? (size_t)(bytes - done) : CHUNK;
        pattern_fill(chunk, len, done);
        error = mnet_tcp_write(flow, chunk, len, NULL, MNET_NEVER);
        done += len;
    }
    free(chunk);
    return error;
}

/* Reads to the end of the stream. Returns MNET_E_IO if a byte is wrong. */
static int receive_pattern(struct mnet_flow *flow, uint64_t *bytes)
{
    *bytes = 0;
    for (;;) {
        struct mnet_slice slices[16];
        ptrdiff_t count = mnet_tcp_get(flow, slices, 16, MNET_NEVER);
        for (ptrdiff_t i = 0; i < count; i++) {
            if (!pattern_matches(slices[i].data, slices[i].len, *bytes)) {
                return MNET_E_IO;
            }
            *bytes += slices[i].len;
        }
        mnet_tcp_release(flow);
        if (count <= 0) {
            return (int)count;
        }
    }
}

static int echo(struct mnet_flow *flow)
{
    char buffer[16384];
    ptrdiff_t len;
    int error = 0;
    while (error == 0 && (len = mnet_tcp_read(flow, buffer, sizeof buffer, MNET_NEVER)) > 0) {
        error = mnet_tcp_write(flow, buffer, (size_t)len, NULL, MNET_NEVER);
    }
    return error;
}

/* Verifies what comes, then says how much it was, as decimal text. */
static int discard(struct mnet_flow *flow)
{
    char text[32];
    uint64_t bytes;
    int error = receive_pattern(flow, &bytes);
    if (error < 0) {
        mnet_tcp_abort(flow);
        return error;
    }
    int len = snprintf(text, sizeof text, "%llu\n", (unsigned long long)bytes);
    return mnet_tcp_write(flow, text, (size_t)len, NULL, MNET_NEVER);
}

static int source(struct mnet_flow *flow)
{
    return send_pattern(flow, SOURCE_BYTES);
}

static int push(struct mnet_flow *flow)
{
    uint8_t *chunk = chunk_alloc();
    int error = 0;
    memset(chunk, 0, CHUNK);
    for (uint64_t done = 0; done < SOURCE_BYTES && error == 0; done += CHUNK) {
        error = mnet_tcp_write(flow, chunk, CHUNK, NULL, MNET_NEVER);
    }
    free(chunk);
    return error;
}

static int pull_client(void *flow)
{
    struct mnet_slice slices[16];
    while (mnet_tcp_get(flow, slices, 16, MNET_NEVER) > 0) {
        mnet_tcp_release(flow);
    }
    mnet_tcp_close(flow);
    return 0;
}

static int push_client(void *flow)
{
    push(flow);
    mnet_tcp_close(flow);
    return 0;
}

static int echo_client(void *flow)
{
    echo(flow);
    mnet_tcp_close(flow);
    return 0;
}

static int discard_client(void *flow)
{
    if (discard(flow) == 0) {
        mnet_tcp_close(flow);
    }
    return 0;
}

static int source_client(void *flow)
{
    source(flow);
    mnet_tcp_close(flow);
    return 0;
}

static int source_beside(void *flow)
{
    return source(flow);
}

/* Who sends to this one gets its stream as well, whether he reads it or not. */
static int both_client(void *flow)
{
    struct mnet_group writer = {0};
    uint64_t bytes;
    if (mnet_group_spawn(&writer, source_beside, flow) == 0) {
        receive_pattern(flow, &bytes);
    }
    mnet_group_cancel(&writer);
    mnet_group_join(&writer, MNET_NEVER);
    mnet_tcp_abort(flow);
    return 0;
}

static int abort_client(void *flow)
{
    uint8_t *chunk = chunk_alloc();
    memset(chunk, 0, CHUNK);
    while (mnet_tcp_write(flow, chunk, CHUNK, NULL, mnet_now() + MNET_SECOND) == 0) {
    }
    free(chunk);
    mnet_tcp_abort(flow);
    return 0;
}

struct service {
    struct mnet_stack *stack;
    uint16_t port;
    int (*client)(void *flow);
};

static int serve_port(void *argument)
{
    struct service *service = argument;
    struct mnet_listen_options options = {.backlog = 2048, .no_delay = true};
    struct mnet_listener *listener;
    int error = mnet_tcp_listen(service->stack, service->port, &options, &listener);
    if (error < 0) {
        return error;
    }
    struct mnet_group clients = {0};
    struct mnet_flow *flow;
    while ((error = mnet_tcp_accept(listener, &flow, MNET_NEVER)) == 0) {
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

static int serve(struct mnet_env *env, struct mnet_stack *stack)
{
    static struct service services[] = {{NULL, 7, echo_client},  {NULL, 9, discard_client}, {NULL, 19, source_client},
                                        {NULL, 10, pull_client}, {NULL, 20, push_client},   {NULL, 21, both_client},
                                        {NULL, 22, abort_client}};
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        services[i].stack = stack;
        int error = mnet_spawn(NULL, serve_port, &services[i]);
        if (error < 0) {
            return error;
        }
    }
    mnet_print(env, "serving\n");
    return mnet_sleep(MNET_NEVER) == MNET_E_CANCELLED ? 0 : 1;
}

static int rounds(struct mnet_flow *flow, uint64_t count)
{
    uint8_t message[MESSAGE] = {0};
    int error = 0;
    mnet_tcp_set_no_delay(flow, true);
    for (uint64_t i = 0; i < count && error == 0; i++) {
        error = mnet_tcp_write(flow, message, sizeof message, NULL, MNET_NEVER);
        if (error == 0) {
            error = mnet_tcp_read_exactly(flow, message, sizeof message, NULL, MNET_NEVER);
        }
    }
    return error;
}

/* Prints the bytes that came in so much time, the handshake included. */
static int drain(struct mnet_env *env, struct mnet_stack *stack, struct mnet_address address, uint16_t port,
                 uint64_t time_ms)
{
    struct mnet_flow *flow;
    uint64_t bytes = 0, end = mnet_now() + time_ms * MNET_MILLISECOND;
    int error = mnet_tcp_connect(stack, address, port, &flow, end);
    if (error < 0) {
        return error;
    }
    struct mnet_slice slices[16];
    ptrdiff_t count;
    while ((count = mnet_tcp_get(flow, slices, 16, end)) > 0) {
        for (ptrdiff_t i = 0; i < count; i++) {
            bytes += slices[i].len;
        }
        mnet_tcp_release(flow);
    }
    mnet_tcp_abort(flow);
    /* The reset goes out, and late segments come in. */
    error = mnet_sleep(mnet_now() + 100 * MNET_MILLISECOND);
    mnet_print(env, "%llu bytes, %llu000000 ns\n", (unsigned long long)bytes, (unsigned long long)time_ms);
    return error;
}

/* One process for many measurements: a TAP interface needs up to a second until it works. Nothing
 * else runs while this waits for a line. */
static int drain_each(struct mnet_env *env, struct mnet_stack *stack)
{
    char line[128];
    int error = 0;
    while (error >= 0 && fgets(line, sizeof line, stdin) != NULL) {
        mnet_sleep(mnet_now() + MNET_MILLISECOND); /* to see what time it is by now */
        char *at = line;
        struct mnet_address address;
        const char *text = strsep(&at, " "), *port = strsep(&at, " ");
        if (at == NULL || mnet_address_parse(text, &address) < 0) {
            return MNET_E_INVALID;
        }
        error = drain(env, stack, address, (uint16_t)atoi(port), strtoull(at, NULL, 10));
        fflush(stdout);
    }
    return error;
}

static int client(struct mnet_env *env, struct mnet_stack *stack, const char *what, char **argv)
{
    struct mnet_address address;
    struct mnet_flow *flow;
    uint64_t amount = strtoull(argv[2], NULL, 10);
    if (mnet_address_parse(argv[0], &address) < 0) {
        return MNET_E_INVALID;
    }
    uint64_t wanted = amount;
    int error = mnet_tcp_connect(stack, address, (uint16_t)atoi(argv[1]), &flow, MNET_NEVER);
    if (error < 0) {
        return error;
    }
    uint64_t begun = mnet_now();
    if (strcmp(what, "round") == 0) {
        error = rounds(flow, amount);
    } else if (strcmp(what, "receive") == 0) {
        error = receive_pattern(flow, &amount);
    } else {
        char text[32];
        error = send_pattern(flow, amount);
        error = error == 0 ? mnet_tcp_shutdown(flow, MNET_SHUTDOWN_WRITE) : error;
        /* The peer says how much it got, or just finishes. */
        error = error == 0 ? (int)mnet_tcp_read(flow, text, sizeof text, MNET_NEVER) : error;
        error = error > 0 && strtoull(text, NULL, 10) != amount ? MNET_E_IO : error;
    }
    uint64_t end = mnet_now();
    mnet_tcp_close(flow);
    if (error >= 0 && amount != wanted) {
        error = MNET_E_END_OF_FILE;
    }
    mnet_print(env, "%llu %s, %llu ns\n", (unsigned long long)amount, strcmp(what, "round") == 0 ? "rounds" : "bytes",
               (unsigned long long)(end - begun));
    return error;
}

/* Between device and stack: frames are lost at random, always the same ones. */
static struct mnet_device *lossy_device(struct mnet_env *env, uint32_t ppm)
{
    struct mnet_device *device = mnet_env_take_device(env, NULL);
    struct mnet_fault_options options = {.seed = 1, .tx = {.drop_ppm = ppm}, .rx = {.drop_ppm = ppm}};
    return device == NULL || ppm == 0 ? device : mnet_fault_open(device, &options);
}

int mnet_main(struct mnet_env *env)
{
    int argc = mnet_env_argc(env) - 1;
    char **argv = mnet_env_argv(env) + 1;
    uint32_t loss = 0;
    if (argc > 0 && strncmp(argv[0], "--loss=", 7) == 0) {
        loss = (uint32_t)atoi(argv[0] + 7);
        argc--;
        argv++;
    }
    bool serving = argc == 1 && strcmp(argv[0], "serve") == 0;
    bool draining = argc == 1 && strcmp(argv[0], "drain") == 0;
    if (!serving && !draining && argc != 4) {
        mnet_env_usage(env);
        return 1;
    }
    struct mnet_config config = {.device = lossy_device(env, loss), .tcp.connections_max = 4096};
    struct mnet_stack *stack;
    int error = config.device == NULL ? MNET_E_NO_DEVICE : mnet_stack_up(env, &config, &stack);
    if (error == 0) {
        error = serving ? serve(env, stack) : draining ? drain_each(env, stack) : client(env, stack, argv[0], argv + 1);
    }
    if (error < 0) {
        mnet_print(env, "%s\n", mnet_strerror(error));
    }
    return error < 0 ? 1 : 0;
}
